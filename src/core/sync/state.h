/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNC_STATE_H
#define SYNC_STATE_H
/* What synchronisation remembers, asker by asker and server by server. sync.h says how it moves. */
#include "core/base/backoff.h"
#include "core/base/outbox.h"
#include "core/base/random.h"
#include "core/log/descent.h"
#include "core/sync/bounds.h"
#include "core/sync/task.h"
#include "tally/log.h"
#include "tally/node.h"

enum sync_package_state {
    PACKAGE_COMING,    /* Its bytes are passed on to the pool. */
    PACKAGE_CHECKING,  /* VERIFY is out. */
    PACKAGE_BAD,       /* Refused; those before it still count, so it waits for its turn. */
    PACKAGE_WHOLE,     /* Checked and proved; may lack large bodies. */
    PACKAGE_APPENDING, /* APPEND is out. */
};

struct sync_package {
    enum sync_package_state state;
    enum tally_drop drop; /* BAD: why. */
    uint64_t ticket;      /* Of VERIFY; afterwards of APPEND. */
    uint64_t first, end;
    uint32_t size, got;         /* Bytes of the compact package. */
    struct tally_hash previous; /* What it says was before it; checked against its neighbour. */
    struct tally_hash last;     /* Hash of its last envelope. */
    struct tally_hash subtree;  /* BAD for PROOF: what it has instead. */
    uint8_t large[TALLY_TILE_WIDTH]; /* Offsets of receipts whose bodies are still wanted. */
    uint16_t large_count, large_next;
    uint8_t proof_count;
    struct tally_hash proof[TALLY_PROOF_MAX];
};

enum sync_state {
    SYNC_FREE,     /* No peer. */
    SYNC_WAITING,  /* Wants a stream. */
    SYNC_RESTING,  /* Has a stream and nothing to ask. */
    SYNC_ASKING,   /* heads_want is out. */
    SYNC_PROVING,  /* proof_want is out. */
    SYNC_LOCATING, /* parts_want is out: where a fork begins; or evidence_want. */
    SYNC_FETCHING, /* wants are out, or packages under way. */
    SYNC_TELLING,  /* done is out; the peer's statement is awaited. */
};

struct sync_range {
    struct tally_hash origin_hash;
    uint64_t from, to;
    struct tally_hash root;
};

/* A log that the peer could not or would not give: others go first for a while. */
struct sync_shunned {
    struct tally_hash origin_hash;
    struct tally_mono until;
};

struct sync_asker {
    enum sync_state state;
    struct tally_key peer;
    uint32_t stream; /* The node's handle; 0 while WAITING. */
    bool by_hand;    /* It asks files: sync_carry. */
    struct sync_inbox inbox;
    struct tally_mono heard; /* When the peer last answered, or was first asked. */
    struct tally_mono again; /* When to ask for heads anew, or for a stream. */
    struct backoff backoff;  /* Of streams that could not be had or were lost. */
    bool dirty;              /* Heads are to be asked as soon as possible. */
    bool more;               /* The last page of heads was not the end. */
    bool after_known;
    struct tally_hash after;     /* Cursor of the pages. */
    uint32_t request;            /* The last request number used. */
    bool due;                    /* The request of this state is still to be sent. */
    bool later;                  /* A log was passed over: ask again soon. */
    bool looked, found;          /* Heads were asked in this round; something was new in them. */
    unsigned calm;               /* Rounds in a row that found nothing. */
    struct tally_mono rested;    /* Since when, if it rests. */
    uint64_t cause;              /* Of this round: see sync_start. */
    uint64_t known[SYNC_CAUSES]; /* Causes that led to nothing since something was found. */
    unsigned known_turn;
    struct sync_lack lacks[SYNC_LACKS]; /* What sync_told said, the oldest first. */
    unsigned lack_count;
    uint64_t lack_cause;
    struct sync_shunned shunned[SYNC_SHUNNED];
    unsigned shunned_turn;
    uint16_t pages; /* Of heads in this round. */
    bool proves;    /* It is to show its evidence of a fork, */
    bool locates;   /* or where one begins: of that log, */
    struct tally_hash located;
    struct descent descent; /* and how far that is. */
    bool own_due, own;      /* Our own logs are to be asked for; the page under way is of them. */
    unsigned own_held;      /* How many of them the peer holds, none larger than ours. */
    bool own_larger;        /* Or some are. */

    /* SYNC_TASKS, on its desk: the current one first; while it rests, those that another asker
       fetches. */
    struct sync_task *tasks;
    unsigned task_count;

    /* The current task. */
    uint64_t from;          /* Durable before it: where the transfer began. */
    uint64_t held;          /* Size of our checkpoint before it. */
    uint64_t asked;         /* Wants go up to here. */
    uint64_t next;          /* First of the next package to come. */
    uint64_t appended;      /* Durable now. */
    unsigned wants;         /* Open ones. */
    uint64_t wants_from;    /* Where they began: they must bring us beyond it. */
    uint64_t bytes;         /* Of all packages of the ring. */
    uint32_t average;       /* Bytes a receipt, from packages that came; 0 unknown. */
    bool lost_step;         /* A package out of step: skip until no want is open. */
    uint32_t skip;          /* Bytes of a package that are still to be skipped. */
    struct tally_hash last; /* Hash of envelope next - 1, once known. */
    bool last_known;
    struct sync_package *packages; /* A ring of SYNC_PACKAGES, there too, in their order. */
    unsigned package_first, package_count;
    bool body_asked;
    uint32_t body_request;           /* The number of that request. */
    uint32_t body_size, body_offset; /* Of the large body that comes now; whole if equal, not 0. */
    uint32_t brought;                /* Bytes since `heard`. */

    /* What was fetched since the peer was last told. */
    struct sync_range told[SYNC_TELL];
    unsigned told_count;
    struct tally_mono tell_at; /* Not before. */
    struct tally_hash event;   /* Receipt hash of the peer's SYNC_EVENT. */
    uint64_t tag;              /* Of our SYNC_CONFIRMED while it becomes durable; 0. */
    bool confirming;           /* It is durable, and to be sent. */
    uint64_t confirm_index;
};

/* A request that waits for its answer. */
struct sync_request {
    enum tally_sync_frame_kind kind; /* REFUSE: it is turned down, for that reason. */
    uint32_t request;
    struct tally_hash origin_hash;
    uint64_t from, to, size; /* want, proof_want; from: index of body_want. */
    uint32_t offset, limit;  /* body_want; want: bytes that may still be sent. */
    uint8_t level;           /* parts_want; `to` is the size of the tree. */
    bool named;              /* heads_want: `after` is in origin_hash. */
    uint8_t tag[8];
    bool tagged;
    uint8_t reason; /* refuse: enum tally_drop. */
};

struct sync_server {
    bool used;
    struct tally_key peer;
    uint32_t stream;
    struct sync_inbox inbox;
    unsigned request_first, request_count;
    /* The package being sent: header first, then its bytes. */
    bool sending;
    uint64_t first, end;
    uint32_t sent;
    /* SYNC_EVENT under way: ranges the peer told of; index of our statement. */
    uint64_t tag; /* While it becomes durable; 0. */
    bool stated;  /* It is durable, and to be sent. */
    uint64_t event_index;
    uint32_t event_request;
    bool awaiting; /* Our statement was sent: the peer's, citing it, is awaited. */
    struct tally_hash event;
    unsigned held_count; /* What the asker said it holds, with the last heads_want. */
    uint8_t held[SYNC_HELD][SYNC_HELD_ID];
    struct sync_request requests[SYNC_REQUESTS]; /* A ring. */
};

/* A composed package, shared by the servers: the one that needs it most recently owns it. */
struct sync_buffer {
    const struct sync_server *owner;
    struct tally_hash origin_hash;
    uint64_t first, end;
    uint32_t size;
    uint64_t used;  /* A counter: the least is taken away first. */
    uint8_t *bytes; /* TALLY_PACKAGE_MAX. */
};

/* For whom SYNC_EVENT was stated, whatever streams and connections it comes over. */
struct sync_statement {
    struct tally_key peer;
    struct tally_mono until;
};

/* An APPEND on its way to the disk: survives the asker that sent it. */
struct sync_append {
    uint64_t ticket;
    struct tally_hash origin_hash;
    uint64_t first, end;
    bool final;
};

#endif
