/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_REPORT_WITNESS_H
#define UV_REPORT_WITNESS_H
/* Who cosigns our logs, and whose logs we cosign, as JSON. */
#include "tally/witness.h"
#include <jansson.h>

struct host;

json_t *report_witnesses(const struct host *host);

#endif
