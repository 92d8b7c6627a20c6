/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_ERRANDS_H
#define UV_ERRANDS_H
/*
 * Questions that a node answers later, because it asks others first:
 *
 *     "find-peer" PEER-ID         tally/find/1: where that peer is
 *     "find-namespace" NAMESPACE  tally/find/1: who holds logs of it
 *     "check" ""                  {}: whether others reach us; its error says what came of it
 */
#include "tally/error.h"
#include "tally/types.h"
#include <stdbool.h>

enum { ERRANDS_FOUND_MAX = 256 }; /* Results of one find. */

struct host;

/* The answer, as JSON text that is valid until this returns; NULL if there is none. */
typedef void errand_on_done(void *context, enum tally_error error, const char *text);

/*
 * Begins it. on_done is called exactly once, maybe before this returns; also with BUSY, when the
 * node has too much under way, and with BAD_NAME for an argument that names nothing. False, and
 * on_done is not called, if there is no such errand.
 */
bool errand_begin(struct host *host, struct tally_bytes verb, struct tally_bytes argument,
                  errand_on_done *on_done, void *context);

#endif
