/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario_read.h"
#include <string.h>

/* Which statement a line begins with; UNKNOWN: none. */
static enum fed_kind read_kind(struct words *words)
{
    static const struct {
        const char *word;
        enum fed_kind kind;
    } kinds[] = {
        {"admit", FED_ADMIT}, {"level", FED_LEVEL}, {"withdraw", FED_WITHDRAW}, {"mode", FED_MODE}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (words_take(words, kinds[i].word))
            return kinds[i].kind;
    return FED_UNKNOWN;
}

static void read_mode(struct words *words, struct fed_statement *state)
{
    state->mode = words_take(words, "open") ? TALLY_MODE_OPEN : TALLY_MODE_STRICT;
    if (state->mode == TALLY_MODE_STRICT && !words_take(words, "strict"))
        words_fail(words, "mode WHO strict or open, not \"%s\"", words_peek(words));
}

static void read_rights(struct words *words, struct fed_statement *state)
{
    const char *level = words_next(words);
    if (!tally_trust_read(level, &state->level))
        words_fail(words, "\"%s\" is no level: isolated, observe, verify, attest or integrate",
                   level);
    state->has_roles = state->kind == FED_ADMIT;
    state->roles = state->has_roles ? TALLY_ROLES_ALL : 0;
    if (!words_take(words, "roles"))
        return;
    const char *roles = words_next(words);
    state->has_roles = true;
    if (!tally_roles_read(roles, &state->roles))
        words_fail(words, "\"%s\" are no roles: some of announce,serve,request, or none", roles);
}

bool scenario_read_trust(struct words *words, struct line *line)
{
    struct fed_statement *state = &line->state;
    state->kind = read_kind(words);
    if (state->kind == FED_UNKNOWN)
        return false;
    line->verb = VERB_STATE;
    line->who = words_who(words);
    if (state->kind == FED_MODE) {
        read_mode(words, state);
        return true;
    }
    line->other = words_who(words);
    if (state->kind != FED_WITHDRAW)
        read_rights(words, state);
    return true;
}
