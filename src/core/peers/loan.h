/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEERS_LOAN_H
#define PEERS_LOAN_H
/* What a node needs of its peers now and then: its own, or lent to many by one host. */
#include "core/base/blocks.h"

struct peers_loan {
    struct blocks nexts;  /* Of struct link_next: sessions that wait. */
    struct blocks knocks; /* Of struct peers_knock. */
};

/* For so many sessions and knocks. False without memory; free it all the same. */
bool peers_loan_new(struct peers_loan *loan, size_t nexts, size_t knocks);
void peers_loan_free(struct peers_loan *loan);

#endif
