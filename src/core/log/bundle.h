/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_BUNDLE_H
#define LOG_BUNDLE_H
/* Items of entry bundles, (u16 length || envelope)*, and body bundles, (u32 length || body)*. */
#include "tally/log.h"

/* Take the next item off the front; false if it is not all there. An absent body is {NULL, 0}. */
bool bundle_take_entry(struct tally_bytes *rest, struct tally_bytes *envelope);
bool bundle_take_body(struct tally_bytes *rest, struct tally_bytes *body);

#endif
