/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DHT_ADVERTISE_H
#define DHT_ADVERTISE_H
/*
 * Making known that we follow a namespace (protocols 5.4): an ad with 5 registrars in every
 * distance bucket of the topic, far to near; tickets waited for; renewed at 600 s of 900 s. Before
 * midnight UTC the topic of the next day is begun, so that whoever looks there finds us at once,
 * with a clock some minutes off too. Private namespaces are never advertised.
 *
 * A machine that sends nothing: advertise_next says whom to ask for what, the caller brings the
 * answer with its token. A registrar that is silent, refuses, or wants us to wait too long is left
 * for another one, and avoided for a while.
 *
 *     DUE --next--> ASKED --registered--> DUE (renew, or come back with the ticket)
 *      ^              |---timeout, once-> DUE          all others: free
 *      `--tick, heard--- free
 *
 * Memory is fixed by advertise_new.
 */
#include "core/dht/records.h"
#include "core/dht/registrars.h"

enum {
    ADVERTISE_PLACEMENTS = 1024, /* Registrars, all topics together. */
    ADVERTISE_RENEW_MS = 300000, /* Before an ad ends its renewal begins: it may have to wait. */
    ADVERTISE_TIMEOUT_MS = 2000, /* An answer; links are made on the way. */
    ADVERTISE_TRIES = 2,
    ADVERTISE_TICKETS = 4,          /* One after the other from a registrar: an hour at most. */
    ADVERTISE_FLIGHT = 4,           /* Requests under way, ... */
    ADVERTISE_PACE_MS = 250,        /* ... and the time between two. */
    ADVERTISE_FRESH_MS = 60000,     /* An ad is signed once in this time and topic. */
    ADVERTISE_AHEAD_S = 600,        /* The next day's topic is begun so long before midnight, ... */
    ADVERTISE_AHEAD_JITTER_S = 300, /* ... and up to this earlier: not all at once. */
    ADVERTISE_FILL_MS = 60000, /* Buckets with fewer registrars than wanted are looked at again. */
    ADVERTISE_LOOKUP_MS = 30 * 60 * 1000, /* Nodes near a topic are looked up, +- 20 %. */
    ADVERTISE_AVOIDED = 8,                /* One registrar of so many may be avoided at a time. */
    ADVERTISE_AVOID_MS = 900000,
};

/* A namespace that is followed. */
struct advertise_namespace {
    struct tally_bytes name; /* At most TALLY_NAMESPACE_MAX; copied. */
    bool hidden;             /* Private: never advertised. */
};

enum placement_state { PLACEMENT_FREE, PLACEMENT_DUE, PLACEMENT_ASKED };

struct placement {
    struct registrar registrar;
    enum placement_state state;
    uint8_t topic, bucket; /* Index of the topic. */
    uint8_t tries, tickets;
    bool has_ticket;
    uint8_t ticket[32];
    uint32_t token;          /* Of the request under way. */
    struct tally_mono at;    /* When it is due, or no answer will come. */
    struct tally_mono until; /* Our ad stands there; 0: it does not. */
};

/* One namespace on one day. */
struct advertise_topic {
    bool used;
    uint8_t follow; /* Index of the namespace. */
    uint32_t day;
    struct tally_hash topic;
    struct tally_mono fill, lookup; /* When registrars are wanted; when nodes near it are. */
    struct tally_mono signed_at;
    uint16_t ad_size; /* 0: none is signed. */
    uint8_t ad[RECORD_AD_MAX];
};

struct advertise_follow {
    bool used;
    uint8_t name_size;
    uint8_t name[TALLY_NAMESPACE_MAX];
};

struct advertise_options {
    struct tally_key key;            /* Our own. */
    uint8_t network[8];              /* The network tag. */
    unsigned namespaces, placements; /* 0: TALLY_NAMESPACES_MAX, ADVERTISE_PLACEMENTS. */
    uint64_t seed;
};

struct advertise {
    struct advertise_options options;
    struct advertise_follow *follows;
    struct advertise_topic *topics; /* Two for each namespace. */
    struct placement *placements;
    struct advertise_avoided {
        struct tally_key key;
        struct tally_mono until;
    } * avoided;
    size_t avoided_next, avoided_max;
    unsigned flight;        /* Placements that are ASKED. */
    uint32_t token;         /* The last one given. */
    uint32_t ahead_s;       /* Drawn once: when before midnight. */
    struct tally_mono pace; /* No request before. */
    struct tally_mono turn; /* When a topic begins or ends. */
    struct tally_mono wake; /* When there is something to do, or earlier. */
    struct random random;
};

/* «Ask that node to place this ad.» Views are into the advertiser, until the next call. */
struct advertise_ask {
    uint32_t token;
    struct registrar registrar;
    struct tally_register request; /* Its number is the caller's to fill in. */
};

/* False without memory. */
bool advertise_new(struct advertise *advertise, const struct advertise_options *options);
void advertise_free(struct advertise *advertise);

/* What is followed from now on; more than there is room for is cut off. */
void advertise_follow(struct advertise *advertise, struct tally_now now,
                      const struct advertise_namespace *list, size_t count);

/* Turns days, gives silent registrars up, chooses new ones. Due at advertise_deadline; after it
   advertise_lookup and advertise_next are to be asked until they say no. */
void advertise_tick(struct advertise *advertise, struct tally_now now,
                    const struct registrar_source *source);
struct tally_mono advertise_deadline(const struct advertise *advertise);

/* The next request; false if none is due. Signs an ad when the last one is not fresh. Without an
   address to tell nothing is asked. */
bool advertise_next(struct advertise *advertise, struct tally_now now,
                    const struct record_author *author, const struct record_self *self,
                    struct advertise_ask *ask);

/* The answer: NONE, or UNASKED (it comes too late, or the topic is over). */
enum tally_drop advertise_registered(struct advertise *advertise, struct tally_now now,
                                     uint32_t token, const struct tally_registered *answer);
/* There will be none. */
void advertise_failed(struct advertise *advertise, struct tally_now now, uint32_t token);

/* A topic whose near nodes should be looked up; false if none. It counts as done. */
bool advertise_lookup(struct advertise *advertise, struct tally_now now, struct tally_hash *topic);
/* A node that was met on the way: taken if its bucket has room. */
void advertise_heard(struct advertise *advertise, struct tally_now now,
                     const struct tally_hash *topic, const struct registrar *registrar);

/* Registrars at which our ad for that topic stands. */
size_t advertise_placed(const struct advertise *advertise, struct tally_now now,
                        const struct tally_hash *topic);

bool advertise_holds(const struct advertise *advertise);

#endif
