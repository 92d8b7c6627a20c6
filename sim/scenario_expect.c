/* SPDX-License-Identifier: Apache-2.0 */
#include "expect.h"
#include "scenario_read.h"
#include <string.h>

static bool drop_read(const char *word, enum tally_drop *drop)
{
    for (unsigned i = 1; i < TALLY_DROP_COUNT; i++)
        if (strcmp(word, tally_drop_name((enum tally_drop)i)) == 0) {
            *drop = (enum tally_drop)i;
            return true;
        }
    return false;
}

static void read_drop(struct words *words, struct line *line)
{
    const char *reason = words_next(words);
    if (!drop_read(reason, &line->drop))
        words_fail(words, "\"%s\" is no reason of a drop (tally/error.h lists them)", reason);
}

static void read_dispute(struct words *words, struct line *line)
{
    const char *type = words_next(words);
    line->stage = TALLY_DISCREPANCY_STATES;
    if (!tally_discrepancy_read(type, &line->dispute))
        words_fail(words, "\"%s\" is no kind of discrepancy (tally/discrepancy.h lists them)",
                   type);
    for (unsigned i = 0; i < TALLY_DISCREPANCY_STATES; i++)
        if (words_take(words, tally_discrepancy_state_name((enum tally_discrepancy_state)i)))
            line->stage = (enum tally_discrepancy_state)i;
}

static void read_condition(struct words *words, struct line *line)
{
    const char *word = words_next(words);
    line->condition = CONDITION_CONVERGED;
    while (strcmp(word, expect_word(line->condition)) != 0)
        if (++line->condition == CONDITION_COUNT) {
            words_fail(words,
                       "\"%s\" is no condition: converged, diverged, fork, holds, drops, "
                       "confirmed, linked, reached, detected, traffic, guarded, folded, folds, "
                       "disputed, agreed, refused, revoked, succeeded or cosigned",
                       word);
            return;
        }
}

void scenario_read_expect(struct words *words, struct line *line)
{
    line->verb = VERB_EXPECT;
    line->negated = words_take(words, "not");
    read_condition(words, line);
    switch (line->condition) {
    case CONDITION_CONVERGED:
    case CONDITION_DIVERGED:
    case CONDITION_COUNT:
        break;
    case CONDITION_FORK:
    case CONDITION_REACHED:
    case CONDITION_DETECTED:
    case CONDITION_GUARDED:
    case CONDITION_REVOKED:
    case CONDITION_SUCCEEDED:
    case CONDITION_FOLDED:
    case CONDITION_FOLDS:
        line->who = words_who(words);
        break;
    case CONDITION_CONFIRMED:
    case CONDITION_LINKED:
    case CONDITION_AGREED:
    case CONDITION_REFUSED:
        line->who = words_who(words);
        line->other = words_who(words);
        break;
    case CONDITION_HOLDS:
    case CONDITION_COSIGNED:
        line->who = words_who(words);
        line->other = words_who(words);
        line->count = (uint32_t)words_number(words, "how many receipts", 0, SCENARIO_APPEND_MAX);
        break;
    case CONDITION_DISPUTED:
        line->who = words_who(words);
        line->other = words_who(words);
        read_dispute(words, line);
        break;
    case CONDITION_DROPS:
        line->who = words_who(words);
        read_drop(words, line);
        line->count = (uint32_t)words_number(words, "how many", 0, UINT32_MAX);
        break;
    case CONDITION_TRAFFIC:
        line->who = words_who(words);
        line->count = (uint32_t)words_number(words, "bytes a second", 0, UINT32_MAX);
        break;
    }
    if (words_take(words, "within"))
        line->within_us = (uint64_t)words_seconds(words, "a time");
}
