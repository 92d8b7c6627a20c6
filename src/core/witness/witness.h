/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITNESS_WITNESS_H
#define WITNESS_WITNESS_H
/*
 * Witnessing, both ways (log chapter 5, protocols 9.3, formats 5.4).
 *
 * As a witness: a log of a party that is admitted as far as `verify` sends add-checkpoint requests.
 * They are judged in the order of C2SP tlog-witness; what is to be cosigned is signed, made durable
 * with its cosignature, and only then answered, so that no later life cosigns another tree. Now and
 * then the receipts of a log are sampled, by a secret of ours, and what came of it is stated.
 *
 * As a log: whenever a checkpoint of ours is stored, those who witness us are asked, in rounds, all
 * of them for the same note. What they sign is merged into it and kept.
 *
 * Witnesses that are no parties are asked over HTTP (outside.h of core/federation): the same
 * rounds, notes and proofs, each question by itself, under names and keys that a statement gives.
 *
 *     own log   resting ──head moved──▶ round: each is asked once ──all answered──▶ resting
 *     peer      IDLE ──wanted──▶ WAITING ──stream──▶ OPEN ◀──▶ ASKED        lost: IDLE, backoff
 *     outside   IDLE ◀──────────────HTTP──────────────▶ ASKED        refused, silent: rest, backoff
 *
 * Whoever says that it cosigned more than our log has is asked to show it: the signed checkpoint
 * decides, and the node stops signing (SYNC's guard). A bare number stops nobody.
 *
 * The module knows no stream protocol below: the node gives it bytes that came, and asks it for
 * frames. What it learns it says as news, which the node takes after each call.
 */
#include "core/federation/admission.h"
#include "core/witness/state.h"
#include "tally/event.h"

enum witness_news_kind {
    WITNESS_NEWS_STREAM,  /* Wants a stream to peer. */
    WITNESS_NEWS_CLOSE,   /* The stream is not wanted any more; drop says why. */
    WITNESS_NEWS_ANSWER,  /* To the host's command: status, bytes. */
    WITNESS_NEWS_SIGNED,  /* We cosigned somebody's log: origin_hash, old, size. */
    WITNESS_NEWS_GOT,     /* A cosignature of ours came from peer: origin_hash, size, old: lines. */
    WITNESS_NEWS_REFUSED, /* It was refused for good: origin_hash, size, status; 0, no answer. */
    WITNESS_NEWS_NOTE,    /* Peer showed a checkpoint of our log, not verified: bytes. */
    WITNESS_NEWS_FORK,    /* Evidence went to the outbox: origin_hash, size, bytes and other. */
    WITNESS_NEWS_STATE,   /* The node is to state: type, bytes. */
    WITNESS_NEWS_SAMPLED, /* A log of peer's was sampled: origin_hash, size, status: its result,
                             refused. Until the next tick the module's `sample` has the rest. */
};

/* How a sample ended. Numbers are on the wire (fed_witness_event). */
enum {
    WITNESS_SAMPLE_VERIFIED,
    WITNESS_SAMPLE_FAILED, /* Something was shown that is not in the tree. */
    WITNESS_SAMPLE_SILENT, /* Not all of it was shown. */
};

/* Views are valid until the next step. */
struct witness_news {
    enum witness_news_kind kind;
    struct tally_key peer;
    uint32_t stream;
    enum tally_drop drop;
    uint64_t command;
    unsigned status;
    struct tally_hash origin_hash;
    uint64_t size, old;
    bool refused; /* SAMPLED, silent: its issuer was there and would not, or could not, show it. */
    const char *type;
    struct tally_bytes bytes, other;
    struct tally_bytes file; /* FORK: the evidence. */
};

struct witness_options {
    struct tally_key key;
    unsigned logs_max, servers, own_max;
    unsigned gap_ms, cycle_ms;
    bool restored; /* The node was copied or restored: its witness key may have signed more. */
    const struct tally_foreign_log *foreign;
    size_t foreign_count;
    const struct tally_ledger *ledger;
    const struct fold *fold;
    const struct tally_crypto *crypto;
    const struct tally_cosigner *cosigner;
    const struct tally_secret *secret;
    uint64_t seed;
};

struct witness {
    struct witness_options options;
    struct random random;
    bool barred;  /* Nothing is cosigned with the key that there was before: a new one is needed
                     (operations 3.17 rule 5). */
    bool has_key; /* We have a witness key; it is certified once our fold says so. */
    struct tally_vkey *vkey; /* If so. */
    struct bucket rate;
    struct witness_log *logs; /* options.logs_max; log_count of them used, for ever. */
    unsigned log_count;
    struct witness_pending *pending; /* WITNESS_PENDING. */
    struct witness_server *servers;  /* options.servers. */
    struct witness_peer *peers;      /* TALLY_WITNESSES_MAX; NULL without streams. */
    unsigned peer_end;               /* Of those of them that were ever taken. */
    struct witness_own *own;         /* options.own_max. */
    unsigned own_count;
    struct witness_sample *sample;
    struct tally_mono stated;  /* fed_keys was said then; it takes a moment until it counts. */
    struct witness_news *news; /* A ring of WITNESS_NEWS. */
    unsigned news_first, news_count;
    uint64_t tickets;
    uint64_t *drops; /* TALLY_DROP_COUNT. */
    bool writable;
};

/* Tickets of this module have this in their top byte. */
#define WITNESS_TICKETS (UINT64_C(3) << 56)

/* Allocates by the options; false without memory. servers 0: no streams at all. */
bool witness_new(struct witness *witness, const struct witness_options *options,
                 struct tally_now now);
void witness_free(struct witness *witness);

/* Reads what was kept, and which logs are ours: once, when the ledger and the fold are there. */
void witness_start(struct witness *witness, struct tally_now now);

struct tally_mono witness_deadline(const struct witness *witness);
void witness_tick(struct witness *witness, struct tally_now now, struct outbox *out);

/* ---- As a witness. ---- */

/* COMMAND WITNESS. Answered by the news ANSWER, at once or when it is durable. */
void witness_command(struct witness *witness, struct tally_now now, struct tally_bytes bytes,
                     uint64_t command, struct outbox *out);

/* For the rollback guard, of a witness that is no party: whether it cosigned a log of ours, in
   whatever life; and whether it has answered about all of them in this one, and none that it signed
   is larger than ours. `some`: it signed one. */
bool witness_outside_knew(const struct tally_ledger *ledger, const struct outside *outside);
bool witness_outside_heard(const struct witness *witness, const struct tally_key *key, bool *some);

/* COMMAND SAMPLE: logs of that party are sampled now, not when they are due. False: none that was
   cosigned can be. */
bool witness_sample_now(struct witness *witness, struct tally_now now,
                        const struct tally_key *party);

/* ---- As a log. ---- */

/* A checkpoint of ours was stored. */
void witness_sealed(struct witness *witness, struct tally_now now,
                    const struct tally_log_view *view);

/* Statements changed who cosigns for whom. */
void witness_admit(struct witness *witness, struct tally_now now);

/* A link with the peer came up: it is asked now, not when its wait is over. */
void witness_linked(struct witness *witness, const struct tally_key *peer);

/* COMMAND COSIGN: rounds begin now, and ask also those who refused. */
void witness_hurry(struct witness *witness, struct tally_now now);

/* Whether the index names a pair of an own log and one who cosigns it; fills in the view. */
bool witness_view(const struct witness *witness, size_t index, struct tally_cosigned_view *view);

/* How it stands with one log of ours and one who cosigns it. */
struct witness_debt {
    bool owed;       /* Asked for and not given: of a larger tree, or of the same anew. */
    unsigned good;   /* Rounds in which it cosigned. */
    unsigned status; /* Of its last answer (tally/witness.h); 0: none. */
    uint64_t head;   /* How far the log reaches. */
};
/* False: it is not asked to cosign that log. */
bool witness_debt(const struct witness *witness, struct tally_now now,
                  const struct tally_key *party, const struct tally_hash *origin_hash,
                  struct witness_debt *debt);

/* ---- Streams, as core/sync has them. ---- */

bool witness_waiting(const struct witness *witness, const struct tally_key *peer);
bool witness_opened(struct witness *witness, struct tally_now now, const struct tally_key *peer,
                    uint32_t stream);
bool witness_accepted(struct witness *witness, const struct tally_key *peer, uint32_t stream);
/* stream 0: the one that NEWS_STREAM asked for could not be had. */
void witness_closed(struct witness *witness, struct tally_now now, const struct tally_key *peer,
                    uint32_t stream);
/* Other than NONE: the peer broke the protocol, close the stream. */
enum tally_drop witness_receive(struct witness *witness, struct tally_now now, uint32_t stream,
                                struct tally_bytes bytes, struct outbox *out);
/* How many bytes the next frame may take, 0: there is none; and writes it, 0: not now. */
size_t witness_wants(const struct witness *witness, uint32_t stream);
size_t witness_compose(struct witness *witness, struct tally_now now, uint32_t stream,
                       uint8_t *frame, size_t capacity);

/* ---- The rest. ---- */

/* HTTP answered one of our questions. */
void witness_on_http(struct witness *witness, struct tally_now now, const struct tally_event *event,
                     struct outbox *out);
void witness_on_kept(struct witness *witness, struct tally_now now, uint64_t ticket,
                     enum tally_error error);
void witness_on_space(struct witness *witness, bool writable);
bool witness_next_news(struct witness *witness, struct witness_news *news);
bool witness_holds(const struct witness *witness);

#endif
