/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_VKEY_H
#define LOG_VKEY_H
/* What readers of notes share with readers of keys. */
#include "tally/types.h"

/* Not empty, UTF-8, no `+`, no control character, no Unicode space (C2SP signed-note). */
bool vkey_name_valid(struct tally_bytes name);

#endif
