/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DHT_FAIR_H
#define DHT_FAIR_H
/*
 * A place where advertisers, registrars and searchers meet in virtual time. Everybody knows all
 * registrars; what they say to each other takes FAIR_DELAY_MS each way. Signatures are those of
 * crowds.
 */
#include "people.h"

#include "core/base/random.h"
#include "core/dht/advertise.h"
#include "core/dht/search.h"
#include "core/dht/topics.h"

enum { FAIR_DELAY_MS = 20, FAIR_MIDNIGHT_MS = 68000000, FAIR_ASKS = 16 };

/* What a registrar does instead of its work. */
enum fair_lie {
    FAIR_HONEST,
    FAIR_SILENT,      /* Answers nothing. */
    FAIR_REFUSES,     /* Says that the network is crowded. */
    FAIR_PUTS_OFF,    /* Gives tickets, and never a place. */
    FAIR_COLLUDES,    /* Answers queries with ten others like itself. */
    FAIR_OTHER_TOPIC, /* Answers queries with ads that are true, but of another topic. */
    FAIR_FORGES,      /* Answers with ads whose signatures are wrong. */
    FAIR_TALKS,       /* Answers with three datagrams. */
};

struct fair_registrar {
    struct person person;
    struct topics topics;
    enum fair_lie lie;
    unsigned asked; /* Requests to place an ad. */
};

struct fair_advertiser {
    struct person person;
    struct advertise advertise;
    int64_t skew_ms; /* Of its clock. */
    struct {
        uint64_t at_ms; /* When the answer arrives; 0: free. */
        uint32_t token;
        bool answered;
        struct tally_registered answer;
    } asks[FAIR_ASKS];
    unsigned requests;
    uint64_t last_ms; /* Of the last request. */
};

struct fair {
    struct fair_registrar *registrars;
    size_t registrar_count;
    struct fair_advertiser *advertisers;
    size_t advertiser_count;
    struct verifier verifier;
    struct random random;
    uint8_t network[8];
    uint64_t ms;
    struct registrar_source source;
};

/* Registrars and advertisers, each in a network of its own; the latter follow nothing yet. */
struct fair *fair_new(size_t registrars, size_t advertisers);
void fair_free(struct fair *fair);

struct tally_now fair_now(const struct fair *fair, int64_t skew_ms);

/* An advertiser follows one namespace. */
void fair_follow(struct fair *fair, size_t advertiser, const char *name, bool hidden);

/* Lets the time pass until then; invariants are checked all the while. */
void fair_run(struct fair *fair, uint64_t until_ms);

/* Ads that stand for a topic at all registrars together, or of one advertiser. */
size_t fair_ads(const struct fair *fair, const struct tally_hash *topic,
                const struct fair_advertiser *of);

/* A whole search by somebody whose clock is off by so much; what it found, and what was dropped. */
struct fair_search {
    struct search search;
    unsigned found, honest; /* Followers; of these advertisers of the fair. */
    uint64_t took_ms;
    uint64_t drops[TALLY_DROP_COUNT];
};
void fair_search(struct fair *fair, const char *name, int64_t skew_ms, unsigned admit_every,
                 struct fair_search *result);

#endif
