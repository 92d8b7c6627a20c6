/* SPDX-License-Identifier: Apache-2.0 */
#include "tally/error.h"
#include "tally/trace.h"

#include <assert.h>

const char *tally_error_name(enum tally_error error)
{
    switch (error) {
#define X(name, number, text)                                                                      \
    case TALLY_##name:                                                                             \
        return #name;
        TALLY_ERRORS(X)
#undef X
    }
    return "UNKNOWN";
}

const char *tally_error_text(enum tally_error error)
{
    switch (error) {
#define X(name, number, text)                                                                      \
    case TALLY_##name:                                                                             \
        return text;
        TALLY_ERRORS(X)
#undef X
    }
    return "unknown error";
}

static const char *const drop_names[] = {
    [TALLY_DROP_NONE] = "none",
    [TALLY_DROP_MALFORMED] = "malformed",
    [TALLY_DROP_VERSION] = "version",
    [TALLY_DROP_UNKNOWN] = "unknown",
    [TALLY_DROP_STRANGER] = "stranger",
    [TALLY_DROP_FOREIGN] = "foreign",
    [TALLY_DROP_BUSY] = "busy",
    [TALLY_DROP_REPLAYED] = "replayed",
    [TALLY_DROP_FORGED] = "forged",
    [TALLY_DROP_SEEN] = "seen",
    [TALLY_DROP_STALE] = "stale",
    [TALLY_DROP_REVOKED] = "revoked",
    [TALLY_DROP_REFUSED] = "refused",
    [TALLY_DROP_DRIFTED] = "drifted",
    [TALLY_DROP_KEY] = "key",
    [TALLY_DROP_PROOF] = "proof",
    [TALLY_DROP_FORK] = "fork",
    [TALLY_DROP_FROZEN] = "frozen",
    [TALLY_DROP_UNASKED] = "unasked",
    [TALLY_DROP_CHAIN] = "chain",
    [TALLY_DROP_BODY] = "body",
    [TALLY_DROP_SELF] = "self",
    [TALLY_DROP_IDENTITY] = "identity",
    [TALLY_DROP_PROTOCOL] = "protocol",
    [TALLY_DROP_SILENT] = "silent",
    [TALLY_DROP_UNPROVED] = "unproved",
    [TALLY_DROP_SCOPE] = "scope",
    [TALLY_DROP_CROWDED] = "crowded",
    [TALLY_DROP_EXPIRED] = "expired",
    [TALLY_DROP_FARTHER] = "farther",
    [TALLY_DROP_UNADMITTED] = "unadmitted",
    [TALLY_DROP_WITHDRAWN] = "withdrawn",
    [TALLY_DROP_LEVEL] = "level",
    [TALLY_DROP_ROLE] = "role",
    [TALLY_DROP_SUSPENDED] = "suspended",
    [TALLY_DROP_PRUNED] = "pruned",
};
_Static_assert(sizeof drop_names / sizeof *drop_names == TALLY_DROP_COUNT, "a name for each drop");

const char *tally_drop_name(enum tally_drop drop)
{
    return (unsigned)drop < TALLY_DROP_COUNT ? drop_names[drop] : "unknown";
}

const char *tally_drop_text(enum tally_drop drop)
{
    static const char *const texts[] = {
#define X(name, number, text) [number] = text,
        TALLY_DROPS(X)
#undef X
    };
    return (unsigned)drop < TALLY_DROP_COUNT ? texts[drop] : "unknown";
}

static const struct {
    const char *word, *a, *b;
    enum tally_level level;
} traces[] = {
#define X(kind, level, word, a, b) [TALLY_TRACE_##kind] = {word, a, b, TALLY_LEVEL_##level},
    TALLY_TRACES(X)
#undef X
};

const char *tally_trace_word(enum tally_trace_kind kind)
{
    assert((unsigned)kind < TALLY_TRACE_COUNT);
    return traces[kind].word;
}

enum tally_level tally_trace_level(enum tally_trace_kind kind)
{
    assert((unsigned)kind < TALLY_TRACE_COUNT);
    return traces[kind].level;
}

const char *tally_trace_a(enum tally_trace_kind kind)
{
    assert((unsigned)kind < TALLY_TRACE_COUNT);
    return traces[kind].a;
}

const char *tally_trace_b(enum tally_trace_kind kind)
{
    assert((unsigned)kind < TALLY_TRACE_COUNT);
    return traces[kind].b;
}
