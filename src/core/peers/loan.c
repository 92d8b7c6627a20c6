/* SPDX-License-Identifier: Apache-2.0 */
#include "core/peers/loan.h"

#include "core/peers/knock.h"

bool peers_loan_new(struct peers_loan *loan, size_t nexts, size_t knocks)
{
    bool good = blocks_new(&loan->nexts, nexts, sizeof(struct link_next));
    return blocks_new(&loan->knocks, knocks, sizeof(struct peers_knock)) && good;
}

void peers_loan_free(struct peers_loan *loan)
{
    blocks_free(&loan->nexts);
    blocks_free(&loan->knocks);
}
