/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DHT_DHT_H
#define DHT_DHT_H
/*
 * A node of the DHT (protocols 5): joins the table, lookups, what is kept for others and what is
 * told of ourselves to the messages that carry them. Everything goes inside links; a stranger is
 * greeted first, and small requests ride along. Answers are hints.
 *
 *     CLIENT  asks, answers nothing, is in no table
 *     SERVER  answers, and says so in hello: profile server, or reachable for DHT_PROVED_MS
 *
 * What it learns it tells by dht_next_news. Memory is fixed by dht_new, but for what is lent.
 */
#include "core/dht/advertise.h"
#include "core/dht/errands.h"
#include "core/dht/held.h"
#include "core/dht/loan.h"
#include "core/dht/publish.h"
#include "core/dht/records.h"
#include "core/dht/topics.h"
#include "core/dht/values.h"
#include "core/peers/links.h"

enum {
    DHT_REQUESTS = 96, /* Under way: four lookups on four paths, and what is late. */
    DHT_TASKS = 4,     /* Lookups at a time; others wait where they come from. */
    DHT_SEARCHES = 2,
    DHT_NEWS = 32,
    DHT_PROVED_MS = 600000,   /* Reachable so long: a server. hyperdht waits 20 min. */
    DHT_JOIN_MS = 1000,       /* From the first contact to the first lookup of ourselves, ... */
    DHT_JOIN_CAP_MS = 600000, /* ... and at most this until the next while the table is thin. */
    DHT_THIN = 8,             /* Contacts below which it is. */
    DHT_REFRESH_MS = 20000,   /* Buckets are refreshed one after the other. */
    DHT_CANDIDATES = 4,       /* Of a lookup of ourselves, offered to the mesh. */
    DHT_RATE = 10,       /* Questions a second that one peer may ask us; burst four times that. */
    DHT_RATE_ALL = 1000, /* All peers together. */
    DHT_OWN = 8,         /* Addresses of ours that are told. */
    DHT_SHARES = 128,    /* Buckets for these; peers share one where their keyed hashes meet. */
};

enum dht_news_kind {
    DHT_NEWS_FOUND,     /* A result of a search with that ticket. */
    DHT_NEWS_ENDED,     /* It is over; count tells how many were found. */
    DHT_NEWS_CANDIDATE, /* Somebody for the mesh. */
    DHT_NEWS_LOOKUP,    /* One ended, for the trace: count messages. */
    DHT_NEWS_NOTE,      /* A signed checkpoint that others keep of a log we hold. */
    DHT_NEWS_FORK,      /* Two of one size, both signed. */
};

struct dht_news {
    enum dht_news_kind kind;
    uint64_t ticket;
    unsigned count, found;
    struct tally_key key;
    struct tally_address address;
    enum tally_transport transport;
    struct tally_bytes first, second; /* Notes; until the next call of the DHT. */
};

struct dht_options {
    enum tally_profile profile; /* AUTO: a client until reachable; SERVER; others: off. */
    struct tally_key key;
    uint8_t network[8];
    /* 0: as the modules have it. */
    unsigned contacts_max, values_max, records_max, requests_max, pending_max, placements_max;
    unsigned namespaces_max, own_logs_max, own_max;
    uint64_t seed;
    struct tally_ledger ledger;
    struct tally_secret secret;
    struct tally_crypto crypto;
    const struct address_policy *policy;
    struct dht_loan *loan; /* Outlives it; NULL: its own. */
};

struct dht {
    struct dht_options options;
    bool on, server;
    struct tally_hash point;
    struct table table;
    struct records records;
    struct values values;
    struct topics topics;
    struct publish publish;
    struct held held;
    struct advertise advertise;
    struct dht_request **requests; /* Of the loan, the oldest first. */
    size_t request_count, requests_max;
    struct dht_closed *closed; /* requests_max of them, a ring. */
    size_t closed_next;
    struct dht_task *tasks; /* DHT_TASKS of them. */
    struct dht_search searches[DHT_SEARCHES];
    unsigned task_count, search_count; /* Under way. */
    size_t news_first, news_count;     /* In the loan. */
    struct dht_loan *own_loan;         /* NULL: it is lent. */

    struct tally_own_address *own; /* What may be told of us, as the node said last. */
    size_t own_count, own_max;
    uint8_t namespaces[RECORD_NAMESPACES][8];
    size_t namespace_count;
    struct tally_mono reachable; /* Since when; TALLY_NEVER: not. */
    struct tally_mono due;       /* Something came, and there is more to ask: now. */
    struct tally_mono join, refresh;
    struct backoff joins;
    struct bucket_word *shares; /* What others may ask of us: DHT_SHARES of them, */
    struct bucket all;          /* and all. */
    uint8_t share_key[16];
    int standing; /* By how much that of the sender of the last message changes (protocols 4.4). */
    uint64_t lookups, lookups_failed, served;
    uint64_t *drops; /* TALLY_DROP_COUNT, of single nodes and ads in answers. */
};

/* What the functions below need of the node for a step. */
struct dht_step {
    struct tally_now now;
    struct peers *peers;
    struct verifier *verifier;
    struct outbox *out;
    bool rides; /* The message came along with a hello. */
};

/* False without memory. Off, it takes next to none and does nothing. */
bool dht_new(struct dht *dht, const struct dht_options *options, struct tally_now now);
void dht_free(struct dht *dht);

/* What may be told of us: own addresses, the namespaces we follow (first the names that may be
   advertised). Called when one of them changed. */
void dht_addresses(struct dht *dht, const struct dht_step *step,
                   const struct tally_own_address *list, size_t count);
void dht_follow(struct dht *dht, struct tally_now now, const struct advertise_namespace *list,
                size_t count);
/* An own log has a new checkpoint. */
void dht_sealed(struct dht *dht, struct tally_now now, const struct tally_hash *origin);

/* A log of somebody else's is held, at whatever size; an announce of one was verified. */
void dht_held(struct dht *dht, struct tally_now now, const struct tally_hash *origin);
void dht_announced(struct dht *dht, const struct tally_hash *origin, uint64_t size,
                   struct tally_bytes record);

/* What links learnt. */
void dht_linked(struct dht *dht, const struct dht_step *step, struct peer *peer);
void dht_ended(struct dht *dht, const struct dht_step *step, const struct peer *peer);

/* A message of the kinds 32 to 46 but the records, from a peer that is linked, or has just proved
   itself with a hello along which the message rides; `standing` says what it is worth. SEEN: an
   answer to what was answered already, or too late; UNASKED; PROTOCOL: no answer to that question.
   BUSY: it, or all together, ask too much. REFUSED: we are no server. */
enum tally_drop dht_receive(struct dht *dht, const struct dht_step *step, struct peer *from,
                            const struct datagram *datagram);

/* Looks for a peer, or for those who follow a namespace; news follow. False: too much at once, or
   off. */
bool dht_find_peer(struct dht *dht, const struct dht_step *step, uint64_t ticket,
                   const struct tally_key *key);
/* Somebody is wanted for the mesh: CANDIDATE if it is found. */
bool dht_seek_peer(struct dht *dht, const struct dht_step *step, const struct tally_key *key);
bool dht_find_namespace(struct dht *dht, const struct dht_step *step, uint64_t ticket,
                        struct tally_bytes name_space);

bool dht_next_news(struct dht *dht, struct dht_news *news);

struct tally_mono dht_deadline(const struct dht *dht);
void dht_tick(struct dht *dht, const struct dht_step *step);

/* What hello says of us: those caps, with PEERS_CAPS_DHT as long as we are a server. */
uint8_t dht_caps(const struct dht *dht, uint8_t caps);

/* Contacts in the table. */
unsigned dht_contacts(const struct dht *dht);

bool dht_holds(const struct dht *dht, struct tally_now now);

#endif
