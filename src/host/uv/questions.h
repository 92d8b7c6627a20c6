/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_QUESTIONS_H
#define UV_QUESTIONS_H
/* What a running node says of itself at once, as JSON: "status" (tally/status/1), "peers"
   (tally/peer-list/1), "doctor" (tally/doctor/1). What it must ask others for: errands.h. */
#include "tally/error.h"
#include "tally/types.h"

struct host;

/* The text, to be freed; NULL with NOT_FOUND for another verb, or NO_MEMORY. */
char *questions_answer(struct host *host, struct tally_bytes verb, enum tally_error *error);

#endif
