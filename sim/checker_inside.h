/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_CHECKER_INSIDE_H
#define SIM_CHECKER_INSIDE_H
/* What the files of the checker share, and what its tests reach for. */
#include "checker.h"

/* A node begins anew: it does not know whom it greeted. */
void checker_forget(struct checker *checker, uint32_t slot);

/* Remembers a counter; false if it was taken before. */
bool checker_counter_take(struct checker *checker, uint64_t mark);

/* A node that starts anew does not remember whom it greeted. */
void checker_forget(struct checker *checker, uint32_t slot);

/* An ANSWER: a promise, if it says that a receipt is durable. */
void checker_answer(struct checker *checker, const struct world *world, uint32_t slot,
                    const struct tally_action *action);

#endif
