/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNC_SYNC_H
#define SYNC_SYNC_H
/*
 * Fetches what a peer holds and we do not, checks every part of it, and serves what we hold
 * (protocols 8.7, 9). Each peer has at most one *asker* here; each inbound stream has a *server*.
 *
 *     asker   WAITING ──stream──▶ ASKING heads ──ahead──▶ PROVING ──consistent──▶ FETCHING ─┐
 *                ▲                    ▲    └─none─▶ TELLING ─▶ RESTING                      │
 *                └──── lost ──────────┴────────── next log ◀── whole range durable ◀────────┘
 *
 * A log moves from head to head whole or not at all: packages are checked one by one against the
 * signed checkpoint (worker pool), made durable in order, and only the last carries the note.
 * After an interruption the next want begins at what is durable.
 *
 * The module knows no stream protocol below: the node gives it bytes that came, and asks it for
 * frames to send. What it learns it says as news, which the node takes after each call.
 */
#include "core/federation/admission.h"
#include "core/federation/conduct.h"
#include "core/sync/compare.h"
#include "tally/log.h"

enum sync_news_kind {
    SYNC_NEWS_STREAM,    /* Wants a stream to peer. */
    SYNC_NEWS_CLOSE,     /* The stream is not wanted any more; drop says why. */
    SYNC_NEWS_HEAD,      /* Our copy of the log moved to a new checkpoint. */
    SYNC_NEWS_FORK,      /* Evidence was written to the outbox: the log is frozen. */
    SYNC_NEWS_LOCATED,   /* Where that begins: at `first` if count is 1. drop: the peer lied. */
    SYNC_NEWS_FAILED,    /* What the peer gave of a log does not verify: drop says how. */
    SYNC_NEWS_GUARD,     /* The peer holds a larger checkpoint of our own log. */
    SYNC_NEWS_ANSWERED,  /* The peer told all it holds of our logs: count of them. */
    SYNC_NEWS_CONFIRMED, /* The peer confirmed what it fetched. */
    SYNC_NEWS_STATE,     /* The node is to append a statement: type, body, reference. */
    SYNC_NEWS_ROUND,     /* By hand: all that the files have was looked at. */
};

struct sync_news {
    enum sync_news_kind kind;
    struct tally_key peer;
    uint32_t stream;
    enum tally_drop drop;
    struct tally_hash origin_hash;
    uint64_t size, count;
    uint64_t tag;                /* STATE: given back to sync_stated. */
    const char *type;            /* STATE. */
    struct tally_bytes body;     /* STATE: valid until the next step. */
    struct tally_hash reference; /* STATE: receipt cited, if has_reference. */
    bool has_reference;
    struct tally_bytes one, other, file; /* FORK: notes to be told, evidence; until next step. */
    struct tally_hash root;     /* FAILED: of the head that was fetched, whose note is `one`. */
    struct tally_hash evidence; /* FORK: its name. */
    uint64_t first, end; /* FAILED: where it may begin; of a package, `other`: root and proof. */
    /* FORK of two sizes: the root of the larger tree at the smaller size, and behind it a proof of
       `count`; until next step. */
    const struct tally_hash *hashes;
};

struct sync_options {
    struct tally_key key;
    bool signatures;          /* Verify each envelope's signature. */
    bool by_hand;             /* All askers are as those of sync_carry. */
    unsigned askers, servers; /* How many of each. */
    unsigned buffers;         /* Packages composed at a time, TALLY_PACKAGE_MAX each. */
    const struct tally_ledger *ledger;
    const struct heads *heads; /* What is held, for sync_told; NULL: it believes what it is told. */
    const struct fold *fold;   /* Who may pull, and from whom we do; NULL: everybody. */
    struct conducts *conducts; /* Told of what peers answer; NULL: nobody is. */
    const struct tally_crypto *crypto;
    uint64_t seed;
    struct sync_scratch *scratch; /* Lent; NULL: its own. */
};

/* What no call leaves behind, once its news are taken. */
struct sync_scratch {
    struct sync_news news[SYNC_NEWS];
    /* One bundle each, as the ledger gives it. */
    uint8_t entries[TALLY_ENTRIES_MAX], bodies[TALLY_BODIES_MAX];
};

struct sync {
    struct sync_options options;
    struct random random;
    struct sync_asker *askers;
    struct sync_server *servers;
    unsigned asker_end, server_end;      /* Of those that were ever taken: behind it nothing is. */
    struct sync_desk *desks;             /* Of the askers, */
    uint8_t (*inboxes)[TALLY_FRAME_MAX]; /* and of the servers. */
    struct sync_buffer *buffers;
    struct tally_hash statements; /* Origin hash of our own log of statements. */
    struct sync_scratch *scratch;
    struct sync_append *appends; /* A ring of SYNC_APPENDS; none without askers. */
    unsigned append_first, append_count;
    unsigned news_first, news_count;
    struct sync_statement *stated; /* SYNC_STATED; none without servers. */
    unsigned stated_count;
    uint64_t tickets, uses;
    uint64_t *drops; /* TALLY_DROP_COUNT: what admission refused, either way. */
    bool writable;
    bool guards;      /* Each peer is first asked what it holds of our own logs. */
    bool recovers;    /* And what we lack of them is fetched. */
    uint16_t *places; /* Where to look for a stream: its asker + 1, or SYNC_SERVED + its server. */
    struct tally_mono next; /* As sync_deadline said last, */
    bool stale;             /* unless an asker has moved since. */
    bool roused; /* Streams may have to say what did not come of bytes that came on them. */
    struct tally_mono look; /* When askers look at what they lack. */
    bool lacks;             /* Some asker has lacks, as of then. */
};

#define SYNC_SERVED 0x8000u

/* Tickets of this module have this in their top byte. */
#define SYNC_TICKETS (UINT64_C(2) << 56)

/* False without memory. */
bool sync_new(struct sync *sync, const struct sync_options *options);
void sync_free(struct sync *sync);
struct tally_mono sync_deadline(const struct sync *sync);
/* Brings `next` up to date. */
void sync_settle(struct sync *sync);
void sync_tick(struct sync *sync, struct tally_now now, struct outbox *out);

/* The peer may hold more than we do: ask it for its heads, if we may pull from it. `cause` stands
   for what it said it holds: once that has led to nothing it is not asked for it again, or two
   nodes whose heads stay apart, frozen at a fork, would list all their logs to each other at each
   heartbeat. 0: ask anyway. */
void sync_start(struct sync *sync, struct tally_now now, const struct tally_key *peer,
                uint64_t cause);

/* The same where it is not known that the peer can help: its set of heads is another one, or it
   passed on what a third one said. It is asked in a short while, if we lack any of it still. */
void sync_told(struct sync *sync, struct tally_now now, const struct tally_key *peer,
               uint64_t cause, const struct sync_lack *lacks, size_t count);

/*
 * An operator brings files: what is at the other end of that stream is nobody, and its key is all
 * zero. Taken are logs of parties that are admitted at any level (ADMISSION_CARRY); nobody is told
 * of them, and the stream is not asked for again once it is gone. ROUND says that all was looked
 * at; sync_start looks again. False: all askers are busy.
 */
bool sync_carry(struct sync *sync, struct tally_now now, uint32_t stream);

/* What is done about our own logs (core/log/guard.h). `guards`: on each new stream the peer is
   asked what it holds of them: ANSWERED. `recovers`: what is larger there is fetched. */
void sync_guard(struct sync *sync, struct tally_now now, bool guards, bool recovers);
void sync_guard_again(struct sync *sync, struct tally_now now); /* Who has a stream, once more. */

bool sync_waiting(const struct sync *sync, const struct tally_key *peer);

/* One that NEWS_STREAM asked for is open, or one that the peer opened. False: no room. */
bool sync_opened(struct sync *sync, struct tally_now now, const struct tally_key *peer,
                 uint32_t stream);
bool sync_accepted(struct sync *sync, const struct tally_key *peer, uint32_t stream);

/* The stream ended, or the one that NEWS_STREAM asked for could not be had (stream 0). */
void sync_closed(struct sync *sync, struct tally_now now, const struct tally_key *peer,
                 uint32_t stream, struct outbox *out);

/* Bytes of a stream. Other than NONE: the peer broke the protocol, close the stream. */
enum tally_drop sync_receive(struct sync *sync, struct tally_now now, uint32_t stream,
                             struct tally_bytes bytes, struct outbox *out);

/* Bytes that the next frame of a stream may need; 0: nothing to send. */
size_t sync_wants(const struct sync *sync, uint32_t stream);

/* Composes the next frame, at most capacity (>= what sync_wants told) bytes; 0: none after all. */
size_t sync_compose(struct sync *sync, struct tally_now now, uint32_t stream, uint8_t *frame,
                    size_t capacity);

/* Events that answer our actions. */
void sync_on_verified(struct sync *sync, struct tally_now now, const struct tally_event *event,
                      struct outbox *out);
void sync_on_body(struct sync *sync, struct tally_now now, const struct tally_event *event,
                  struct outbox *out);
void sync_on_appended(struct sync *sync, struct tally_now now, const struct tally_event *event,
                      struct outbox *out);
void sync_on_space(struct sync *sync, struct tally_now now, bool writable);

/* The statement that NEWS_STATE asked for is durable at that index of our statements, or failed. */
void sync_stated(struct sync *sync, struct tally_now now, uint64_t tag, uint64_t index,
                 enum tally_error error);

/* Asks the peer where the tree of that size and root parts from ours: LOCATED follows, unless it
   gives no stream. False, here and below: it cannot be asked now. */
bool sync_locate(struct sync *sync, struct tally_now now, const struct tally_key *peer,
                 const struct tally_hash *origin_hash, uint64_t size,
                 const struct tally_hash *theirs);
/* Asks the peer for its evidence against the log of a note; FORK follows if that proves it. */
bool sync_ask_fork(struct sync *sync, struct tally_now now, const struct tally_key *peer,
                   struct tally_bytes note);
/* Whether it is being found out where that log forks: LOCATED follows, unless the stream ends. */
bool sync_locates(const struct sync *sync, const struct tally_hash *origin_hash);

/* The next thing learnt; false if there is none. */
bool sync_next_news(struct sync *sync, struct sync_news *news);

bool sync_holds(const struct sync *sync);

#endif
