/* SPDX-License-Identifier: Apache-2.0 */
#include "core/federation/terms.h"
#include "scenario_read.h"
#include <stdio.h>
#include <string.h>

/* Which statement a line begins with; UNKNOWN: none. */
static enum fed_kind read_kind(struct words *words)
{
    static const struct {
        const char *word;
        enum fed_kind kind;
    } kinds[] = {
        {"admit", FED_ADMIT},       {"level", FED_LEVEL},       {"withdraw", FED_WITHDRAW},
        {"mode", FED_MODE},         {"propose", FED_PROPOSE},   {"counter", FED_PROPOSE},
        {"accept", FED_ACCEPT},     {"reject", FED_REJECT},     {"retract", FED_RETRACT},
        {"end", FED_REVOKE},        {"revoke", FED_REVOKE_KEY}, {"succeed", FED_REVOKE_KEY},
        {"rotate", FED_REVOKE_KEY}, {"policy", FED_POLICY}};
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

/* policy WHO LEVEL, and `closed`, `mutual`. */
static void read_policy(struct words *words, struct fed_statement *state)
{
    const char *level = words_next(words);
    enum tally_trust named = TALLY_TRUST_ISOLATED;
    if (!tally_trust_read(level, &named) || named == TALLY_TRUST_ISOLATED)
        words_fail(words, "\"%s\" is no level: observe, verify, attest or integrate", level);
    state->policy.level = (uint8_t)named;
    state->policy.accepts = !words_take(words, "closed");
    state->policy.mutual = words_take(words, "mutual");
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

/* propose WHO WHO LEVEL NAMESPACE, counter WHO WHO NAMESPACE; both may say when they expire. */
static void read_offer(struct words *words, struct line *line, bool counter)
{
    struct fed_statement *state = &line->state;
    const char *level = counter ? "observe" : words_next(words);
    enum tally_trust named = TALLY_TRUST_ISOLATED;
    if (!tally_trust_read(level, &named) || named == TALLY_TRUST_ISOLATED)
        words_fail(words, "\"%s\" is no level: observe, verify, attest or integrate", level);
    state->has_about = counter;
    state->agreement.level = (uint8_t)named;
    state->agreement.terms = (struct tally_fed_terms){.scrolls_count = 1,
                                                      .verify_s = 3600,
                                                      .notice_days = TERMS_NOTICE_DAYS,
                                                      .shares = TERMS_BOTH};
    (void)snprintf(line->name, sizeof line->name, "%s", words_next(words));
    state->until.us = INT64_C(7) * 86400 * 1000000;
    if (words_take(words, "expires"))
        state->until.us = words_seconds(words, "a time");
}

static void read_agreement(struct words *words, struct line *line, bool counter)
{
    struct fed_statement *state = &line->state;
    if (state->kind == FED_PROPOSE)
        read_offer(words, line, counter);
    else if (state->kind == FED_REVOKE)
        state->until.us = words_seconds(words, "a notice");
}

bool scenario_read_trust(struct words *words, struct line *line)
{
    struct fed_statement *state = &line->state;
    bool succeeds = strcmp(words_peek(words), "succeed") == 0;
    bool counter = strcmp(words_peek(words), "counter") == 0;
    line->succeeded = strcmp(words_peek(words), "rotate") == 0;
    state->kind = read_kind(words);
    if (state->kind == FED_UNKNOWN)
        return false;
    line->verb = VERB_STATE;
    line->who = words_who(words);
    if (state->kind == FED_MODE) {
        read_mode(words, state);
        return true;
    }
    if (state->kind == FED_POLICY) {
        read_policy(words, state);
        return true;
    }
    if (state->kind == FED_REVOKE_KEY) {
        state->revoke.reason = TALLY_REVOKED_COMPROMISED;
        state->revoke.has_successor = succeeds;
        if (succeeds)
            line->other = words_who(words);
        return true; /* Each its own key. */
    }
    line->other = words_who(words);
    if (fed_agrees(state->kind)) {
        read_agreement(words, line, counter);
        return true;
    }
    if (state->kind != FED_WITHDRAW)
        read_rights(words, state);
    return true;
}
