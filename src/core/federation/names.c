/* SPDX-License-Identifier: Apache-2.0 */
/* Words for levels, roles, states and modes: the same for people and programs. */
#include "core/base/bytes.h"
#include "tally/federation.h"

static const char *const levels[TALLY_TRUST_COUNT] = {
    [TALLY_TRUST_ISOLATED] = "isolated",   [TALLY_TRUST_OBSERVE] = "observe",
    [TALLY_TRUST_VERIFY] = "verify",       [TALLY_TRUST_ATTEST] = "attest",
    [TALLY_TRUST_INTEGRATE] = "integrate",
};

static const struct {
    uint8_t role;
    const char *name;
} roles_named[] = {
    {TALLY_ROLE_ANNOUNCE, "announce"},
    {TALLY_ROLE_SERVE, "serve"},
    {TALLY_ROLE_REQUEST, "request"},
};

const char *tally_trust_name(enum tally_trust level)
{
    return level < TALLY_TRUST_COUNT ? levels[level] : "unknown";
}

const char *tally_party_state_name(enum tally_party_state state)
{
    static const char *const names[TALLY_PARTY_STATES] = {
        [TALLY_PARTY_STRANGER] = "stranger",
        [TALLY_PARTY_ADMITTED] = "admitted",
        [TALLY_PARTY_WITHDRAWN] = "withdrawn",
    };
    return state < TALLY_PARTY_STATES ? names[state] : "unknown";
}

const char *tally_refusal_name(enum tally_refusal refusal)
{
    static const char *const names[TALLY_REFUSALS] = {
        [TALLY_REFUSAL_NONE] = "operator",
        [TALLY_REFUSAL_CLOSED] = "closed",
        [TALLY_REFUSAL_LEVEL] = "level",
        [TALLY_REFUSAL_ONE_SIDED] = "one_sided",
    };
    return refusal < TALLY_REFUSALS ? names[refusal] : "unknown";
}

const char *tally_refusal_text(enum tally_refusal refusal)
{
    static const char *const texts[TALLY_REFUSALS] = {
        [TALLY_REFUSAL_NONE] = "an operator said so",
        [TALLY_REFUSAL_CLOSED] = "proposals are not accepted",
        [TALLY_REFUSAL_LEVEL] = "it is below the least level that is accepted",
        [TALLY_REFUSAL_ONE_SIDED] = "one side alone shares, and both are to",
    };
    return refusal < TALLY_REFUSALS ? texts[refusal] : "unknown";
}

const char *tally_mode_name(enum tally_mode mode)
{
    static const char *const names[TALLY_MODES] = {
        [TALLY_MODE_UNSAID] = "unsaid",
        [TALLY_MODE_STRICT] = "strict",
        [TALLY_MODE_OPEN] = "open",
    };
    return mode < TALLY_MODES ? names[mode] : "unknown";
}

const char *tally_proposal_state_name(enum tally_proposal_state state)
{
    static const char *const names[TALLY_PROPOSAL_STATES] = {
        [TALLY_PROPOSAL_NONE] = "none",         [TALLY_PROPOSAL_OPEN] = "open",
        [TALLY_PROPOSAL_ACCEPTED] = "accepted", [TALLY_PROPOSAL_AGREED] = "agreed",
        [TALLY_PROPOSAL_SIGNED] = "signed",     [TALLY_PROPOSAL_COUNTERED] = "countered",
        [TALLY_PROPOSAL_REJECTED] = "rejected", [TALLY_PROPOSAL_WITHDRAWN] = "withdrawn",
        [TALLY_PROPOSAL_EXPIRED] = "expired",
    };
    return state < TALLY_PROPOSAL_STATES ? names[state] : "unknown";
}

const char *tally_agreement_state_name(enum tally_agreement_state state)
{
    static const char *const names[TALLY_AGREEMENT_STATES] = {
        [TALLY_AGREEMENT_NONE] = "none",           [TALLY_AGREEMENT_ACTIVE] = "active",
        [TALLY_AGREEMENT_NOTICE] = "notice",       [TALLY_AGREEMENT_ENDED] = "ended",
        [TALLY_AGREEMENT_SUSPENDED] = "suspended",
    };
    return state < TALLY_AGREEMENT_STATES ? names[state] : "unknown";
}

static const char *const reasons[TALLY_REVOKED_REASONS] = {
    [TALLY_REVOKED_UNSAID] = "unsaid",
    [TALLY_REVOKED_SUPERSEDED] = "superseded",
    [TALLY_REVOKED_COMPROMISED] = "compromised",
    [TALLY_REVOKED_RETIRED] = "retired",
};

const char *tally_revoked_reason_name(enum tally_revoked_reason reason)
{
    return reason < TALLY_REVOKED_REASONS ? reasons[reason] : "unknown";
}

bool tally_revoked_reason_read(const char *text, enum tally_revoked_reason *reason)
{
    for (*reason = TALLY_REVOKED_UNSAID; *reason < TALLY_REVOKED_REASONS; ++*reason)
        if (strcmp(text, reasons[*reason]) == 0)
            return true;
    return false;
}

void tally_roles_write(uint8_t roles, char text[TALLY_ROLES_TEXT])
{
    size_t used = 0;
    for (size_t i = 0; i < sizeof roles_named / sizeof *roles_named; i++) {
        if ((roles & roles_named[i].role) == 0)
            continue;
        size_t size = strlen(roles_named[i].name);
        if (used > 0)
            text[used++] = ',';
        memcpy(text + used, roles_named[i].name, size);
        used += size;
    }
    if (used == 0) {
        memcpy(text, "none", 4);
        used = 4;
    }
    text[used] = '\0';
}

bool tally_trust_read(const char *text, enum tally_trust *level)
{
    for (*level = TALLY_TRUST_ISOLATED; *level < TALLY_TRUST_COUNT; ++*level)
        if (strcmp(text, levels[*level]) == 0)
            return true;
    return false;
}

/* One word of a list; its role, or 0. */
static uint8_t role_of(struct tally_bytes word)
{
    for (size_t i = 0; i < sizeof roles_named / sizeof *roles_named; i++)
        if (bytes_equal(word, bytes_text(roles_named[i].name)))
            return roles_named[i].role;
    return 0;
}

bool tally_roles_read(const char *text, uint8_t *roles)
{
    *roles = 0;
    if (strcmp(text, "none") == 0)
        return true;
    for (const char *word = text;; word++) {
        const char *comma = strchr(word, ',');
        size_t size = comma != NULL ? (size_t)(comma - word) : strlen(word);
        uint8_t role = role_of(bytes_of(word, size));
        if (role == 0)
            return false;
        *roles |= role;
        if (comma == NULL)
            return true;
        word = comma;
    }
}
