/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_TRACE_H
#define TALLY_TRACE_H
/*
 * What a node does, told as it happens. One list feeds the daemon's log, the metrics and the golden
 * transcripts of the simulator. A trace has a kind and at most one peer, address, origin, drop
 * reason, and two numbers, whose meaning the list below names; "error" is an enum tally_error,
 * "level" an enum tally_trust, "state" that of what the kind is about.
 */
#include "tally/error.h"
#include "tally/types.h"

enum tally_level {
    TALLY_LEVEL_ERROR,
    TALLY_LEVEL_WARN,
    TALLY_LEVEL_INFO,
    TALLY_LEVEL_DEBUG,
    TALLY_LEVEL_TRACE
};

/*    kind          level  word          a            b */
#define TALLY_TRACES(X)                                                                            \
    X(STARTED, INFO, "started", "epoch", "logs")                                                   \
    X(LINKED, INFO, "linked", "links", "")                                                         \
    X(UNLINKED, INFO, "unlinked", "links", "")                                                     \
    X(HELLO, DEBUG, "hello", "try", "")                                                            \
    X(HEARTBEAT, TRACE, "heartbeat", "logs", "")                                                   \
    X(ANNOUNCED, DEBUG, "announced", "size", "")                                                   \
    X(DROPPED, DEBUG, "dropped", "kind", "")                                                       \
    X(AHEAD, DEBUG, "ahead", "size", "ours")                                                       \
    X(DIALLED, DEBUG, "dialled", "stream", "")                                                     \
    X(CONNECTED, DEBUG, "connected", "stream", "")                                                 \
    X(DISCONNECTED, DEBUG, "disconnected", "stream", "")                                           \
    X(WANT, DEBUG, "want", "from", "to")                                                           \
    X(BUNDLE, TRACE, "bundle", "from", "count")                                                    \
    X(APPENDED, DEBUG, "appended", "size", "count")                                                \
    X(SEALED, INFO, "sealed", "size", "")                                                          \
    X(SYNCED, INFO, "synced", "size", "count")                                                     \
    X(CONFIRMED, INFO, "confirmed", "", "")                                                        \
    X(FORKED, ERROR, "fork", "size", "")                                                           \
    X(READ_ONLY, WARN, "read-only", "error", "")                                                   \
    X(WRITABLE, INFO, "writable", "", "")                                                          \
    X(GUARDED, ERROR, "guarded", "theirs", "ours")                                                 \
    X(STOPPED, INFO, "stopped", "", "")                                                            \
    X(DISCOVERED, DEBUG, "discovered", "source", "")                                               \
    X(SUSPECTED, DEBUG, "suspected", "health", "")                                                 \
    X(ALIVE, DEBUG, "alive", "health", "")                                                         \
    X(LOOKUP, DEBUG, "lookup", "messages", "found")                                                \
    X(LEASED, INFO, "leased", "udp", "tcp")                                                        \
    X(UNLEASED, WARN, "unleased", "port", "error")                                                 \
    X(NO_LEASE, INFO, "no-lease", "error", "")                                                     \
    X(BEHIND_NAT, WARN, "behind-another-nat", "", "")                                              \
    X(REACHABLE, INFO, "reachable", "port", "")                                                    \
    X(UNREACHABLE, INFO, "unreachable", "port", "")                                                \
    X(PUNCHED, INFO, "punched", "try", "")                                                         \
    X(RELAYED, TRACE, "relayed", "hops", "links")                                                  \
    X(LINKS, DEBUG, "links", "addresses", "")                                                      \
    X(ADMITTED, INFO, "admitted", "level", "roles")                                                \
    X(WITHDRAWN, INFO, "withdrawn", "", "")                                                        \
    X(MODE, INFO, "mode", "strict", "")                                                            \
    X(DISPUTED, WARN, "discrepancy", "type", "index")                                              \
    X(SETTLED, INFO, "discrepancy-moved", "state", "index")                                        \
    X(GUARD, INFO, "guard", "state", "silent")                                                     \
    X(PROPOSED, INFO, "proposed", "level", "")                                                     \
    X(AGREEMENT, INFO, "agreement", "state", "level")                                              \
    X(REVOKED, INFO, "revoked", "reason", "index")                                                 \
    X(WITNESSED, DEBUG, "witnessed", "size", "old")                                                \
    X(COSIGNED, DEBUG, "cosigned", "size", "lines")                                                \
    X(UNCOSIGNED, WARN, "not-cosigned", "status", "size")                                          \
    X(SAMPLED, INFO, "sampled", "size", "result")                                                  \
    X(PRUNED, INFO, "pruned", "bodies", "")

enum tally_trace_kind {
#define X(kind, level, word, a, b) TALLY_TRACE_##kind,
    TALLY_TRACES(X)
#undef X
        TALLY_TRACE_COUNT
};

struct tally_trace {
    enum tally_trace_kind kind;
    enum tally_drop drop;                /* NONE unless the kind is DROPPED or DISCONNECTED. */
    const struct tally_key *peer;        /* NULL: none. */
    const struct tally_address *address; /* NULL: none. */
    const char *origin;                  /* NULL: none. */
    const struct tally_hash *log;        /* Hash of an origin, of what is announced; NULL: none. */
    uint64_t a, b;
};

/* Name, level and the names of the two numbers ("" if unused) of a kind. Never NULL. */
const char *tally_trace_word(enum tally_trace_kind kind);
enum tally_level tally_trace_level(enum tally_trace_kind kind);
const char *tally_trace_a(enum tally_trace_kind kind);
const char *tally_trace_b(enum tally_trace_kind kind);

#endif
