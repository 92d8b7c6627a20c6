/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A partition test of another project, in thirty lines. It needs nothing of this tree but what is
 * installed:
 *
 *     cc example.c $(pkg-config --cflags --libs tallysim) -o example && ./example
 */
#include <inttypes.h>
#include <stdio.h>
#include <tally/sim.h>

static int fail(const char *what, const char *why)
{
    printf("%s: %s\n", what, why);
    return 1;
}

int main(void)
{
    char message[256], id[33];
    struct tally_sim_head one, four;
    struct tally_sim *sim =
        tally_sim_new("nodes 5\nseed 7\nlink delay 20..80 loss 2\n", message, sizeof message);
    if (sim == NULL)
        return fail("the story", message);
    tally_sim_run(sim, 5 * TALLY_SIM_SECOND); /* They get to know each other. */

    tally_sim_do(sim, "partition 1 1 1 2 2", message, sizeof message);
    tally_sim_append(sim, 1, "orders", 10, 200);
    tally_sim_run(sim, 30 * TALLY_SIM_SECOND);
    if (!tally_sim_is(sim, "diverged", message, sizeof message))
        return fail("a partition parts nobody", message);

    tally_sim_do(sim, "heal", message, sizeof message);
    tally_sim_do(sim, "expect converged within 30", message, sizeof message);
    tally_sim_run(sim, 60 * TALLY_SIM_SECOND);
    if (!tally_sim_verdict(sim, message, sizeof message))
        return fail("after the heal", message);
    if (!tally_sim_head(sim, 1, 1, "orders", &one) || !tally_sim_head(sim, 4, 1, "orders", &four) ||
        one.size != 10 || four.size != one.size)
        return fail("the orders of n1", "n4 does not hold them");

    tally_sim_id(sim, id);
    printf("n4 holds %" PRIu64 " orders of n1; n1 sent %" PRIu64 " bytes; run %s\n", four.size,
           tally_sim_sent(sim, 1), id);
    tally_sim_free(sim);
    return 0;
}
