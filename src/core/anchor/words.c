/* SPDX-License-Identifier: Apache-2.0 */
/* Names of anchors, their kinds, states and reasons. */
#include "core/base/bytes.h"
#include "tally/anchor.h"

static const char *const kinds[TALLY_ANCHOR_KINDS] = {
    [TALLY_ANCHOR_BTC] = "btc",
    [TALLY_ANCHOR_EIP155] = "eip155",
    [TALLY_ANCHOR_RFC3161] = "rfc3161",
    [TALLY_ANCHOR_OTHER] = "other",
};

static const char *const states[TALLY_ANCHOR_STATES] = {
    [TALLY_ANCHOR_RECEIVED] = "received", [TALLY_ANCHOR_VERIFIED] = "verified",
    [TALLY_ANCHOR_ACTIVE] = "active",     [TALLY_ANCHOR_QUARANTINED] = "quarantined",
    [TALLY_ANCHOR_REORGED] = "reorged",   [TALLY_ANCHOR_SUPERSEDED] = "superseded",
};

/* To people a shallow one is pending like others. */
static const char *const verdicts[TALLY_ANCHOR_VERDICTS] = {
    [TALLY_ANCHOR_GOOD] = "good",       [TALLY_ANCHOR_SHALLOW] = "pending",
    [TALLY_ANCHOR_PENDING] = "pending", [TALLY_ANCHOR_UNREACHABLE] = "unreachable",
    [TALLY_ANCHOR_LOST] = "lost",       [TALLY_ANCHOR_REFUSED] = "refused",
};

static const struct {
    const char *word, *text;
    enum tally_anchor_verdict verdict;
} reasons[TALLY_ANCHOR_REASON_COUNT] = {
#define X(name, word, verdict, text) {word, text, TALLY_ANCHOR_##verdict},
    TALLY_ANCHOR_REASONS(X)
#undef X
};

const char *tally_anchor_kind_name(enum tally_anchor_kind kind)
{
    return kind < TALLY_ANCHOR_KINDS ? kinds[kind] : "unknown";
}

const char *tally_anchor_state_name(enum tally_anchor_state state)
{
    return state < TALLY_ANCHOR_STATES ? states[state] : "unknown";
}

const char *tally_anchor_verdict_name(enum tally_anchor_verdict verdict)
{
    return verdict < TALLY_ANCHOR_VERDICTS ? verdicts[verdict] : "unknown";
}

const char *tally_anchor_reason_name(enum tally_anchor_reason reason)
{
    return reason < TALLY_ANCHOR_REASON_COUNT ? reasons[reason].word : "unknown";
}

const char *tally_anchor_reason_text(enum tally_anchor_reason reason)
{
    return reason < TALLY_ANCHOR_REASON_COUNT ? reasons[reason].text : "unknown";
}

enum tally_anchor_verdict tally_anchor_verdict_of(enum tally_anchor_reason reason)
{
    return reason < TALLY_ANCHOR_REASON_COUNT ? reasons[reason].verdict : TALLY_ANCHOR_UNREACHABLE;
}

bool tally_anchor_state_read(const char *name, enum tally_anchor_state *state)
{
    for (*state = TALLY_ANCHOR_RECEIVED; *state < TALLY_ANCHOR_STATES; (*state)++)
        if (strcmp(name, states[*state]) == 0)
            return true;
    return false;
}

bool tally_anchor_reason_read(const char *name, enum tally_anchor_reason *reason)
{
    for (*reason = TALLY_ANCHOR_IS_VERIFIED; *reason < TALLY_ANCHOR_REASON_COUNT; (*reason)++)
        if (strcmp(name, reasons[*reason].word) == 0)
            return true;
    return false;
}

/* ---- Names of chains and transactions ---- */

/* Whether the first bytes are all of some. */
static bool is_of(const char *text, size_t size, const char *some)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\0' || strchr(some, text[i]) == NULL)
            return false;
    return true;
}

/* Lower-case hex, and how much of it. */
static bool is_hex(const char *text, size_t size)
{
    return strlen(text) == size && is_of(text, size, "0123456789abcdef");
}

/* A decimal number without leading zeros, below 2^64 by its length. */
static bool is_number(const char *text)
{
    size_t size = strlen(text);
    return size > 0 && size < 20 && is_of(text, size, "0123456789") &&
           (text[0] != '0' || size == 1);
}

/* CAIP-2's own bounds for a reference: 1 to 32 of these characters. */
static bool is_word(const char *text)
{
    size_t size = strlen(text);
    return size > 0 && size <= 32 &&
           is_of(text, size, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
}

bool tally_anchor_chain_kind(const char *chain, enum tally_anchor_kind *kind)
{
    const char *colon = strchr(chain, ':');
    size_t size = colon == NULL ? 0 : (size_t)(colon - chain);
    if (size == 0 || size > 16 || strlen(chain) > TALLY_ANCHOR_CHAIN_MAX)
        return false;
    for (*kind = TALLY_ANCHOR_BTC; *kind < TALLY_ANCHOR_OTHER; (*kind)++)
        if (bytes_equal(bytes_of(chain, size), bytes_text(kinds[*kind])))
            break;
    switch (*kind) {
    case TALLY_ANCHOR_EIP155:
        return is_number(colon + 1);
    case TALLY_ANCHOR_RFC3161:
        return is_hex(colon + 1, 64);
    case TALLY_ANCHOR_BTC:
        return is_word(colon + 1);
    case TALLY_ANCHOR_OTHER:
        return is_word(colon + 1) && is_of(chain, size, "abcdefghijklmnopqrstuvwxyz0123456789-");
    case TALLY_ANCHOR_KINDS:
        break;
    }
    return false;
}

bool tally_anchor_transaction_good(enum tally_anchor_kind kind, const char *transaction)
{
    if (kind == TALLY_ANCHOR_EIP155)
        return strncmp(transaction, "0x", 2) == 0 && is_hex(transaction + 2, 64);
    return is_hex(transaction, 64);
}
