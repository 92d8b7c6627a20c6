/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_GUARD_H
#define LOG_GUARD_H
/*
 * The rollback guard: whether this node may sign (reliability 7, operations 3.17). A data directory
 * that was restored from a backup looks like any other; who knew the node is asked how far its logs
 * had got, and until then nothing is appended and nothing sealed.
 *
 *     PASSED ◀──equal or smaller, or the operator's word── ASKING ──60 s──▶ WAITING
 *        │                                                  │  ▲               │
 *        │              ┌──────────────larger───────────────┤  │               │
 *        │              ▼                                   │  │               │
 *        └──larger─▶ RECOVERING ──all of it fetched─────────│──┘               │
 *                       ▲  └────────contradicts ours───▶ FORKED ◀──────────────┤
 *                       └──────────────larger──────────────────────────────────┘
 *
 * Whose word counts: that of peers which knew us, known from before: configured, remembered,
 * admitted. The first that shows a checkpoint of ours that is no larger opens a short grace in
 * which the others are heard; if all of those known have answered, nobody else is waited for. If
 * nobody is known, strangers are heard, for a while. A larger checkpoint counts from anybody,
 * because it bears our own signature. When what it shows was fetched, all are asked once more:
 * somebody else may hold more still.
 *
 * This module knows states, keys and numbers only; the node asks, and looks at the signatures.
 */
#include "tally/limits.h"
#include "tally/node.h"

enum {
    GUARD_PEERS = 64,          /* As many as a host remembers. */
    GUARD_WAIT_MS = 60000,     /* Then it is said that nobody answered; they are asked on. */
    GUARD_GRACE_MS = 2000,     /* After the first answer: who else is there answers by then. */
    GUARD_STRANGERS_MS = 5000, /* The same, after one of a stranger that holds nothing of ours. */
    GUARD_LOGS = TALLY_OWN_LOGS_MAX,
};

/* What a peer said of our logs. */
enum guard_word {
    GUARD_SILENT,
    GUARD_NOTHING, /* It holds none of them: it did not know us. */
    GUARD_KNEW,    /* It holds some, none larger than ours. */
    GUARD_MORE,    /* It holds more than we do. */
};

struct guard_peer {
    struct tally_key key;
    enum guard_word word;
    bool known; /* From before: its word counts, and it is waited for. */
};

/* A log of ours of which a larger checkpoint was seen. */
struct guard_log {
    struct tally_hash origin_hash;
    uint64_t size;
};

struct guard {
    enum tally_guard state;
    struct guard_peer *peers; /* GUARD_PEERS of them while it asks; else NULL. */
    unsigned peer_count;
    struct guard_log *logs; /* GUARD_LOGS of them. */
    unsigned log_count;
    struct tally_mono end;   /* ASKING: when it gives up. */
    struct tally_mono until; /* The same; with an answer: when the grace ends. */
    bool heard;              /* Somebody has answered whose word counts. */
};

/* PASSED, until guard_ask; `logs` is memory for GUARD_LOGS, lent for the guard's life. */
void guard_init(struct guard *guard, struct guard_log *logs);

/* From now on peers are asked; `peers` is memory for GUARD_PEERS, lent for the guard's life.
   Without a network, `alone`, nobody will answer: WAITING at once. */
void guard_ask(struct guard *guard, struct tally_now now, struct guard_peer *peers, bool alone);

/* Whether own logs are asked for on a new stream. */
bool guard_asks(const struct guard *guard);

/* Somebody whose word counts. */
void guard_know(struct guard *guard, const struct tally_key *key);

/* The key of somebody is no more, and whoever took over is waited for in its place; heir NULL:
   there is nobody. */
void guard_succeed(struct guard *guard, const struct tally_key *key, const struct tally_key *heir);

/* A peer has told all it holds of our logs, nothing larger than ours; `some`: not nothing. */
void guard_answered(struct guard *guard, struct tally_now now, const struct tally_key *key,
                    bool some);

/* A checkpoint with our signature that is larger than our log. `key` may be NULL. True if it was
   not known to be that large. */
bool guard_larger(struct guard *guard, const struct tally_key *key,
                  const struct tally_hash *origin_hash, uint64_t size);

/* Our log is that large now, under its checkpoint. If that was the last that lacked something, all
   are to be asked again: ASKING, until they answered or the grace is over. One that never asked
   has nobody to ask: true, and it has passed. */
bool guard_reached(struct guard *guard, struct tally_now now, const struct tally_hash *origin_hash,
                   uint64_t size);

/* Two of our own signatures contradict each other. True if that ends everything: before the guard
   has passed. */
bool guard_forked(struct guard *guard);

/* The operator's word. OK; FORBIDDEN if it passed already; GUARDED if somebody holds more. */
enum tally_error guard_confirm(struct guard *guard);

struct tally_mono guard_deadline(const struct guard *guard);
void guard_tick(struct guard *guard, struct tally_now now);

/* Why nothing is signed; OK. */
enum tally_error guard_refusal(const struct guard *guard);

/* Of those known, the one of that index who has not answered; NULL past the last. */
const struct tally_key *guard_silent(const struct guard *guard, size_t index);

bool guard_holds(const struct guard *guard);

#endif
