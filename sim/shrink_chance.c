/* SPDX-License-Identifier: Apache-2.0 */
/* What a smaller story does under other seeds. */
#include "shrink_inside.h"

enum { SEEDS = 512 }; /* What fails more rarely is found among smaller pieces sooner. */

/* Halves, quarters and so on. */
static bool sweep(struct shrinking *shrinking, unsigned effort)
{
    bool any = false, more = true;
    for (unsigned level = 1; more && effort >> level > 0; level++) {
        more = false;
        for (unsigned nodes = 2; nodes-- > 0 && !shrink_enough(shrinking);) {
            size_t count = nodes == 1 ? shrinking->best.nodes : shrink_lines(shrinking->text) - 1;
            size_t piece = (count + (1U << level) - 1) >> level;
            unsigned seeds = effort >> level;
            any |= shrink_pieces(shrinking, nodes == 1, piece, seeds < SEEDS ? seeds : SEEDS);
            more |= piece > 1;
        }
    }
    return any;
}

bool shrink_by_chance(struct shrinking *shrinking, unsigned effort)
{
    bool any = false;
    while (!shrink_late(shrinking) && !shrink_enough(shrinking) && sweep(shrinking, effort))
        any = true;
    return any;
}
