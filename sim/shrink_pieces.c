/* SPDX-License-Identifier: Apache-2.0 */
/* What may be left out, piece by piece. */
#include "memory.h"
#include "shrink_fair.h"
#include "shrink_inside.h"
#include "shrink_text.h"
#include <string.h>

enum { TOGETHER = 16 }; /* Seeds in one process, at most. */

#define SEED_NONE UINT64_MAX /* More than a story can name. */

/* Without its lines from `first` to before `end`, as far as it stays fair; NULL if there is nothing
   of it to leave out. */
static char *without_lines(const struct shrinking *shrinking, const struct scenario *scenario,
                           size_t first, size_t end)
{
    size_t lines = shrink_lines(shrinking->text);
    bool *kept = memory_new(lines, sizeof *kept);
    for (size_t i = 0; i < lines; i++)
        kept[i] = i < first || i >= end || i == 0;
    if (shrinking->fair)
        shrink_fair(scenario, kept, lines);
    char *text = shrink_keep(shrinking->text, kept, lines);
    bool less = strlen(text) < strlen(shrinking->text);
    memory_free(kept);
    if (less)
        return text;
    memory_free(text);
    return NULL;
}

/* Whether nothing is left out but the seed, which is given anew. */
static bool only_seed(const struct shrinking *shrinking, const char *text)
{
    char *one = shrink_seed(text, SEED_NONE), *other = shrink_seed(shrinking->text, SEED_NONE);
    bool same = strcmp(one, other) == 0;
    memory_free(one);
    memory_free(other);
    return same;
}

/* One text under so many seeds; it is ours. They are 1, 2, 3 to 4, 5 to 8 and so on, so that those
   that were tried with less effort are known again; several share a process, but where one of them
   may end it. */
static bool under_seeds(struct shrinking *shrinking, char *text, size_t place, unsigned seeds)
{
    unsigned most = shrinking->first.verdict == TRIAL_BROKEN ? TOGETHER : 1;
    bool found = false;
    if (text == NULL || only_seed(shrinking, text))
        seeds = 0;
    for (unsigned seed = 1, count = 1; seed <= seeds && !found;) {
        const struct candidate candidate = {
            .text = memory_copy(text, strlen(text) + 1),
            .place = place,
            .seed = seed,
            .seeds = count,
        };
        found = shrink_try(shrinking, &candidate);
        seed += count;
        count = seed - 1 < most ? seed - 1 : most;
    }
    memory_free(text);
    return found;
}

/* From that place on to the beginning, until one goes. Nodes are counted from 1, and so are lines:
   the one before them is the number of nodes. */
static bool pieces_before(struct shrinking *shrinking, bool nodes, size_t piece, unsigned seeds,
                          size_t end)
{
    struct scenario scenario;
    char message[256];
    bool found = false;
    if (!scenario_read(&scenario, shrinking->name, shrinking->text, message, sizeof message))
        return false;
    for (size_t first; end > 1 && !found; end = first) {
        first = end > piece ? end - piece : 1;
        char *text = nodes ? shrink_nodes(shrinking->text, (uint32_t)first, (uint32_t)end)
                           : without_lines(shrinking, &scenario, first, end);
        found = seeds > 0
                    ? under_seeds(shrinking, text, first, seeds)
                    : shrink_try(shrinking, &(struct candidate){.text = text, .place = first});
    }
    scenario_free(&scenario);
    return found || shrink_try_rest(shrinking);
}

bool shrink_pieces(struct shrinking *shrinking, bool nodes, size_t piece, unsigned seeds)
{
    size_t end = 1 + (nodes ? shrinking->best.nodes : shrink_lines(shrinking->text) - 1);
    bool any = false;
    for (; end > 1 && !shrink_late(shrinking) && pieces_before(shrinking, nodes, piece, seeds, end);
         end = shrinking->place)
        any = true;
    return any;
}
