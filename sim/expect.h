/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_EXPECT_H
#define SIM_EXPECT_H
/* The conditions of `expect`. */
#include "converged.h"
#include "scenario.h"

/* Whether the condition of the line is so now; if not, `why` says what is missing. *excuses: who
   was not held to it, of CONVERGED. */
bool expect_is(const struct world *world, const struct line *line, struct excuses *excuses,
               char *why, size_t size);

/* Whether a node holds a revocation of the key. */
bool expect_revoked(const struct world *world, uint32_t slot, const struct tally_key *key);

/* The condition in the words of a story. */
const char *expect_word(enum condition condition);

#endif
