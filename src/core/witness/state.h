/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITNESS_STATE_H
#define WITNESS_STATE_H
/* What witnessing remembers. witness.h says how it moves. */
#include "core/base/backoff.h"
#include "core/base/bucket.h"
#include "core/base/outbox.h"
#include "core/base/random.h"
#include "core/wire/messages.h"
#include "core/witness/bounds.h"
#include "tally/log.h"
#include "tally/node.h"
#include "tally/witness.h"

/* ---- Logs of others. ---- */

enum sample_state {
    SAMPLE_NONE,    /* Nothing new was cosigned since. */
    SAMPLE_WAITING, /* It is due at `sample_at`. */
    SAMPLE_ASKING,  /* Receipts were asked of the issuer. */
};

struct witness_log {
    bool damaged; /* What was kept of it cannot be read: nothing is signed. */
    bool foreign;
    struct tally_hash origin_hash;
    struct tally_key issuer; /* If it is not foreign. */
    struct tally_witnessed held;
    uint64_t ticket; /* Of the KEEP that is under way; 0. */
    struct bucket rate;
    enum sample_state sample;
    struct tally_mono sample_at;
};

/* Who asked: over a stream, or the host by a command. */
struct witness_from {
    uint32_t stream, request;
    uint64_t command; /* If stream is 0. */
};

struct witness_pending {
    uint64_t ticket; /* 0 is free. */
    unsigned log;
    struct witness_from from;
    struct tally_witnessed next;
    uint64_t old;
    uint16_t size;
    uint8_t line[TALLY_COSIGNATURE_MAX];
};

/* ---- Streams. ---- */

struct witness_inbox {
    size_t size;
    uint8_t bytes[WITNESS_INBOX];
};

/* An answer that is to be sent; what is read from the ledger is read when it is. */
struct witness_answer {
    enum tally_federation_frame_kind kind; /* Of the answer. */
    uint32_t request;
    unsigned status; /* ADDED. REFUSE: the reason. */
    struct tally_hash origin_hash;
    uint64_t from, to;
    uint16_t size;
    uint8_t bytes[TALLY_COSIGNATURE_MAX];
};

struct witness_server {
    bool used;
    struct tally_key peer;
    uint32_t stream;
    unsigned pending; /* Requests that wait for the disk. */
    unsigned count;
    struct witness_answer answers[WITNESS_ANSWERS];
    struct witness_inbox inbox;
};

/* ---- Those who cosign for us. ---- */

enum peer_state {
    PEER_FREE,
    PEER_IDLE,    /* Nothing is wanted of it. */
    PEER_WAITING, /* A stream is wanted. */
    PEER_OPEN,    /* It may be asked. */
    PEER_ASKED,   /* An answer is awaited. Outside: from IDLE, and back there. */
    PEER_STATES
};

/* What a request is about, while it is under way. */
struct peer_errand {
    enum tally_federation_frame_kind kind;
    unsigned own;   /* ADD_CHECKPOINT, CHECKPOINT_WANT: which log of ours. */
    unsigned log;   /* INCLUSION_WANT: which of those we witness. */
    uint64_t index; /* INCLUSION_WANT. */
    uint64_t size;  /* ADD_CHECKPOINT: of the tree that is to be cosigned. */
    bool sent;
};

struct witness_peer {
    enum peer_state state;
    struct tally_key key; /* Of the party; outside: of its cosignatures. */
    bool outside;         /* It is asked over HTTP, each question by itself; no stream, no party. */
    uint64_t ticket;      /* ASKED, outside: of the question. */
    bool asked;           /* It is to cosign ours. False: it is only shown samples of. */
    bool has_vkey;
    struct tally_vkey vkey;
    uint32_t stream, request;
    struct peer_errand errand;
    struct tally_mono again; /* WAITING, ASKED: until when. IDLE, OPEN: not before. */
    struct backoff backoff;
    struct witness_inbox inbox;
};

enum asked_state {
    ASKED_NOT,  /* Not in this round yet. */
    ASKED_NOW,  /* Its answer is awaited. */
    ASKED_DONE, /* It answered, or could not be asked. */
};

/* One log and one of those who cosign it. */
struct witness_asked {
    enum asked_state state;
    bool look;      /* It is to show what it cosigned: its answer and our log do not agree. */
    bool stuck;     /* It refused for good: asked again only by hand, or after a start. */
    bool again;     /* Asked twice in this round: `old` was wrong. */
    uint64_t known; /* What it cosigned last, as far as we know. */
    uint64_t size, time_s;
    struct tally_mono fresh_until; /* Then the same tree is cosigned anew. */
    unsigned status, good, refused;
    bool disbelieved;       /* Its last answer said 200, and no line of it was a cosignature. */
    enum tally_error error; /* Outside: why there was no answer; OK. */
    /* Outside, of this log alone, for such a witness may know one log and not another. */
    struct tally_mono rest; /* Not asked before. */
    struct backoff backoff;
    uint64_t stuck_at; /* Stuck: until the log is larger than that. */
};

/* A log of ours. */
struct witness_own {
    struct tally_hash origin_hash;
    uint64_t head; /* Size of its checkpoint. */
    bool open;     /* A round is under way: all are asked for one note. */
    uint64_t size;
    struct tally_hash root;
    unsigned lines; /* Cosignatures in the note. */
    struct tally_mono began, next;
    uint64_t kept_size, kept_at_s; /* What is durable: so many lines. */
    unsigned kept_lines;
    struct witness_asked asked[TALLY_WITNESSES_MAX];
    uint16_t note_size;
    uint8_t note[TALLY_WITNESS_NOTE_MAX];
};

/* ---- Samples: one log at a time. ---- */

/* The first receipt that was shown, and is not in the tree. */
struct sample_wrong {
    uint64_t index;
    struct tally_hash leaf;
    size_t count, size;
    struct tally_hash hashes[TALLY_PROOF_MAX];
    uint8_t envelope[TALLY_ENVELOPE_MAX];
};

struct witness_sample {
    bool busy;
    unsigned log;
    struct tally_hash root;
    uint64_t size, time_s;
    uint8_t nonce[32];
    unsigned count, done, failed;
    bool refused;              /* Its issuer was there, and did not show the next. */
    struct sample_wrong wrong; /* If any failed. */
    uint64_t indexes[WITNESS_SAMPLES];
    struct tally_mono until;
    char origin[TALLY_ORIGIN_MAX + 1];
};

#endif
