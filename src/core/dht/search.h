/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DHT_SEARCH_H
#define DHT_SEARCH_H
/*
 * Looking for those who follow a namespace (protocols 5.4): 5 registrars of each distance bucket of
 * today's topic are asked for ads, far to near, until 30 different followers are found, or 8 that
 * the caller admits. Within 10 minutes of midnight UTC the other day is asked too, so that clocks
 * may differ by 5 minutes.
 *
 * One registrar counts for at most 3, so that ten are asked before the list is full, and a few
 * liars do not fill it with their like: those of the farthest bucket are any of half of all nodes.
 *
 * A value with fixed memory that sends nothing: search_next says whom to ask, the caller brings
 * what comes with its token, and search_tick at search_deadline; until search_over.
 */
#include "core/dht/records.h"
#include "core/dht/registrars.h"

enum {
    SEARCH_FOUND = 30,        /* Different followers, then it ends; ... */
    SEARCH_ADMITTED = 8,      /* ... or so many admitted ones. */
    SEARCH_PER_REGISTRAR = 3, /* A tenth of SEARCH_FOUND. */
    SEARCH_ADS = 10,          /* Wanted of each. */
    SEARCH_FLIGHT = 5,        /* A bucket at once. */
    SEARCH_TIMEOUT_MS = 1500, /* Links are made on the way. */
    SEARCH_NODES_MS = 300,    /* Nodes follow the ads. */
    SEARCH_PATIENCE_MS = 400, /* The next bucket does not wait longer for the one before. */
    SEARCH_MIDNIGHT_S = 600,
    SEARCH_HEARD = 64, /* Nodes met on the way, of buckets to come. */
    SEARCH_LIFE_MS = 60000,
};

/* A follower, as it says itself; the signature is verified. */
struct search_found {
    struct tally_key key;
    size_t endpoint_count;
    struct tally_endpoint endpoints[TALLY_TOPIC_AD_ENDPOINTS_MAX];
};

struct search_flight {
    uint32_t token;  /* 0: free. */
    uint8_t topic;   /* Index. */
    uint8_t answers; /* Datagrams with ads that came. */
    uint8_t taken;   /* Followers it brought. */
    bool last;       /* All ads are here, nodes may follow. */
    bool patient;    /* The next bucket waited long enough for it. */
    struct tally_key key;
    struct tally_mono asked, until;
};

struct search_heard {
    struct registrar registrar;
    uint8_t topic, bucket;
    bool used;
};

struct search_options {
    struct tally_key key; /* Our own. */
    uint8_t network[8];
    struct tally_bytes name_space; /* Needed during search_init only. */
    uint64_t seed;
};

struct search {
    struct tally_key key;
    struct tally_hash topics[2];
    size_t topic_count;
    unsigned bucket;                              /* Being asked; REGISTRARS_BUCKETS: all were. */
    struct registrar asked[2][REGISTRARS_BUCKET]; /* In that bucket, by topic. */
    size_t asked_count[2];
    struct search_flight flights[SEARCH_FLIGHT];
    struct search_heard heard[SEARCH_HEARD];
    size_t heard_next;
    struct tally_key found[SEARCH_FOUND];
    unsigned found_count, admitted, questions;
    uint32_t token;
    struct tally_mono ends;
    struct random random;
};

/* «Ask that node for ads.» The request's number is the caller's to fill in. */
struct search_ask {
    uint32_t token;
    struct registrar registrar;
    struct tally_topic_query query;
};

void search_init(struct search *search, const struct search_options *options, struct tally_now now);

/* The next question; false if none is to be asked now. */
bool search_next(struct search *search, struct tally_now now, const struct registrar_source *source,
                 struct search_ask *ask);

/*
 * Ads came. NONE with those that are new and good in `found`, *count of them; UNASKED (it comes too
 * late); PROTOCOL (more datagrams than two). What is wrong with a single ad is counted in drops, as
 * record_open_ad says, or SEEN, SELF, BUSY (one registrar's share is used up).
 */
enum tally_drop search_ads(struct search *search, struct tally_now now, struct verifier *verifier,
                           uint32_t token, const struct tally_ads *answer,
                           struct search_found found[TALLY_ADS_ADS_MAX], size_t *count,
                           uint64_t drops[TALLY_DROP_COUNT]);

/* Nodes came after the ads, or instead of them: they may be asked in buckets to come. Their
   addresses may be dialled, as the caller has checked. */
enum tally_drop search_nodes(struct search *search, uint32_t token, const struct registrar *nodes,
                             size_t count);

/* There will be no answer. */
void search_failed(struct search *search, uint32_t token);

/* One that was found belongs to us. */
void search_admitted(struct search *search);

struct tally_mono search_deadline(const struct search *search);
void search_tick(struct search *search, struct tally_now now);

bool search_over(const struct search *search);

bool search_holds(const struct search *search);

#endif
