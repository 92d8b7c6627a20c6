/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DHT_ERRANDS_H
#define DHT_ERRANDS_H
/*
 * What a node of the DHT has under way: questions to others, and what these are for.
 *
 *     waits for a link, rides on a greeting, or is sent --answer--> closed
 *         \--no answer in time--> late: its owner is told --answer, or none--> closed
 *
 * What is under way is lent (loan.h); of what is closed only the names are remembered.
 */
#include "core/dht/lookup.h"
#include "core/dht/search.h"
#include "core/peers/peers.h"

enum {
    DHT_TIMEOUT_MS = 2000,  /* An answer over a link; lookups go on sooner. */
    DHT_GREETING_MS = 5000, /* The same where a link has to be made first. */
    DHT_LATE_MS = 8000,     /* What comes later changes nothing. */
    DHT_RECORDS = 3,        /* Of a peer, by different holders: the newest of them will do. */
};

enum dht_request_kind {
    DHT_LOOKUP, /* A task's question. */
    DHT_PROBE,  /* The table's. */
    DHT_PUT,    /* put_log, extend or put_record. */
    DHT_PLACE,  /* register. */
    DHT_QUERY,  /* topic_query. */
};

struct dht_request {
    uint8_t kind;    /* enum dht_request_kind. */
    uint8_t wire;    /* enum tally_kind. */
    uint8_t owner;   /* Index of the task or search, */
    uint8_t serial;  /* of this use of it. */
    bool sent, told; /* Sent over a link; its owner was told that it is late. */
    bool greeted;    /* There was no link: what the other says of itself is new. */
    uint8_t number[8];
    struct tally_key key;
    struct tally_address address;
    struct tally_hash target; /* PUT: the origin, */
    uint64_t log_size;        /* and the size that is put. */
    uint32_t token;
    struct tally_mono began, until; /* Sent, or begun; late, or closed, from then on. */
    uint16_t size;
    uint8_t *body; /* Of the loan, while it waits for a link; else NULL. */
};

/* Answered, or given up: known for a while, since one more answer is no fault of its sender. Whom
   it was for is mixed into its number, which is unpredictable. */
struct dht_closed {
    uint64_t name;
    uint8_t wire; /* 0: none. */
};

enum dht_task_kind {
    DHT_TASK_NONE,
    DHT_TASK_SELF,    /* Our own point. */
    DHT_TASK_REFRESH, /* A bucket that was quiet, or nodes near a topic. */
    DHT_TASK_PEER,    /* The record of a key. */
    DHT_TASK_RECORD,  /* Who should keep ours. */
    DHT_TASK_LOG,     /* Who should keep the announce of a log. */
    DHT_TASK_FIND,    /* The announce of a log that we hold. */
};

struct dht_task {
    enum dht_task_kind kind;
    bool topic;     /* REFRESH: the target is a topic. */
    bool for_mesh;  /* PEER: nobody waits for it. */
    uint8_t serial; /* Of this use, so that a late answer finds no other lookup. */
    uint64_t ticket;
    struct tally_key key;
    struct tally_hash target;
    unsigned found, records;
    struct peer_order newest; /* Of these records. */
    struct lookup *lookup;    /* Of the loan. */
};

struct dht_search {
    uint8_t serial; /* Of this use, as a task's. */
    uint64_t ticket;
    struct search *search; /* Of the loan; NULL: the place is free. */
};

#endif
