/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DHT_TABLE_H
#define DHT_TABLE_H
/*
 * The routing table (protocols 5.1): whom we would ask first, and whom we name to others. Bucket b
 * holds nodes that share exactly b leading bits with us; the last one holds all that share more.
 *
 * A contact is *proved* once it answered a request of ours from its address. What is only heard of
 * is a hint: it never displaces a proved contact and is never passed on. Contacts that answer stay,
 * for as long as they do: whoever has many fresh keys finds the places taken. A bucket keeps some
 * spares, of which the best takes the place of a contact that died.
 *
 * Who came first is in everybody's far buckets, and stays: it is not displaced, but asked the more
 * rarely the more ask it. A contact that says it is crowded (PEERS_CAPS_CROWDED) rests eight times
 * as long after each such answer, two hours after the first, and half as long once it is not: so
 * many ask it as it can remember, whatever number of nodes there is, and soon after they are born.
 * Only in a full bucket, where others can be asked, and half of it at the most: our neighbours are
 * few, they need each other, and whoever crowds a node on purpose changes nothing for those near
 * it.
 *
 * Memory is allocated by table_new for a fixed number; nothing else allocates. A struct contact
 * stays where it is until the next call that changes the table.
 */
#include "core/base/random.h"
#include "tally/error.h"
#include "tally/types.h"

enum {
    TABLE_K = 16,          /* Kademlia's k (discv5 has 16, libp2p 20: a fifth more messages); */
    TABLE_WIDE = 64,       /* the farthest bucket is wider, ... */
    TABLE_NARROWS = 16,    /* ... and each nearer one by so many less: most lookups begin there. */
    TABLE_HINTS = 2,       /* Of what a bucket has beyond TABLE_K so many may be unproved. */
    TABLE_SPARES = 8,      /* Replacements a bucket. */
    TABLE_BUCKETS = 24,    /* Good for 2^24 * k nodes. */
    TABLE_NETWORK_K = 2,   /* Contacts of one /24 or /48 in a bucket, spares too, ... */
    TABLE_NETWORK_ALL = 8, /* ... and in the table. */
    TABLE_CONTACTS_MAX = 96 + TABLE_BUCKETS * (TABLE_K + TABLE_SPARES), /* 100 bytes each. */

    TABLE_FRESH_S = 1800,      /* Only who answered in this time is named to others. */
    TABLE_PROBE_MS = 4000,     /* One probe in this time, +- 20 %: 384 contacts in 26 min. */
    TABLE_REST_S = 300,        /* Who was heard in this time is not probed; */
    TABLE_REST_FULL_S = 900,   /* in a full bucket, where the oldest are in everybody's table; */
    TABLE_PATIENCE = 8,        /* doubled so often, to 2.7 days, for who is crowded: */
    TABLE_CROWDED = 3,         /* so many times more with each answer that says so. */
    TABLE_RETRY_S = 20,        /* A probe that found no answer is tried again. */
    TABLE_TIMEOUTS = 3,        /* A contact is dead after so many ... */
    TABLE_DEAD_S = 60,         /* ... and this time, if anybody else was heard meanwhile. */
    TABLE_REFRESH_S = 1800,    /* A bucket in which nothing happened for so long is looked up. */
    TABLE_PROBE_WANT_FEW = 1,  /* Contacts asked for by a probe into a full bucket, ... */
    TABLE_PROBE_WANT_MORE = 8, /* ... and into one that has room. */
};

struct contact {
    struct tally_hash point; /* Where it stands; computed once. */
    struct tally_key key;
    uint8_t ip[16];
    uint16_t port;
    uint16_t rtt_ms;     /* Smoothed; 0 unknown. */
    uint32_t answered_s; /* When it answered us last; 0: never, it is unproved. */
    uint32_t due_s;      /* When it is to be probed. */
    uint32_t failing_s;  /* When the first of its timeouts was. */
    uint8_t timeouts;    /* Since it answered last. */
    uint8_t patience;    /* How often its rest is doubled. */
};

/* Proved contacts come before unproved ones, older before newer. The first of them are the
   bucket, TABLE_K or, if more are proved, up to `width`; the rest are spares, of which the one
   heard last is the first. */
struct table_bucket {
    uint16_t *list; /* Indices into contacts. */
    unsigned width, count, proved;
    uint32_t active_s; /* When one of it answered, or a lookup aimed there. */
};

struct table_options {
    struct tally_key key;
    unsigned contacts_max; /* 0: TABLE_CONTACTS_MAX. The simulator asks for few. */
    uint64_t seed;
};

struct table {
    struct tally_hash point; /* Our own. */
    struct contact *contacts;
    uint16_t *free;  /* A stack of free indices. */
    uint16_t *lists; /* Of all buckets. */
    size_t count, capacity;
    struct table_bucket buckets[TABLE_BUCKETS];
    uint32_t heard_s;       /* When anybody answered last. */
    bool retried;           /* The last probe was of one that had failed. */
    struct tally_mono rest; /* No probe before: the pace is the same whatever we are told. */
    struct tally_mono wake; /* The next probe, or earlier. */
    struct random random;
};

/* A question that keeps the table true: is the contact still there, and whom does it know? */
struct table_probe {
    struct tally_key key;
    struct tally_address address;
    struct tally_hash target; /* A point in the contact's own bucket, or our own. */
    unsigned want;
};

/* False without memory. */
bool table_new(struct table *table, const struct table_options *options, struct tally_now now);
void table_free(struct table *table);

/* NULL if it is neither a contact nor a spare. */
const struct contact *table_find(const struct table *table, const struct tally_hash *point);

/*
 * Somebody told of a node, or a node asked us something: a hint. NONE if it was taken, SEEN if it
 * is known, SELF, SCOPE (an address that may not be told, protocols 7.4), CROWDED (too many of its
 * network), BUSY (its bucket is full).
 */
enum tally_drop table_offer(struct table *table, struct tally_now now, const struct tally_key *key,
                            const struct tally_address *address);

/* A node answered a request of ours from that address: the same drops, but it displaces what is
   unproved. A contact that moved to an address it may not have is forgotten. */
enum tally_drop table_answered(struct table *table, struct tally_now now,
                               const struct tally_key *key, const struct tally_address *address,
                               uint32_t rtt_ms);

/* It answered, and said whether more ask it than it can remember. */
void table_crowded(struct table *table, struct tally_now now, const struct tally_key *key,
                   bool crowded);

/* A request of ours was not answered: a hint is forgotten, a proved contact after some more. */
void table_silent(struct table *table, struct tally_now now, const struct tally_key *key);

/* It is no DHT server any more. */
void table_remove(struct table *table, const struct tally_key *key);

/* The contacts closest to a target, the closest first: those one may ask, or with `fresh` those one
   may name to others, which answered us in the last TABLE_FRESH_S. Who failed twice is asked only
   if there is nobody else. Returns how many. */
size_t table_closest(const struct table *table, struct tally_now now,
                     const struct tally_hash *target, bool fresh, const struct contact **list,
                     size_t count);

/* The distance (its first 64 bits) within which so many nodes are expected, by the density of our
   own proved neighbours; UINT64_MAX if these are too few to tell. */
uint64_t table_radius(const struct table *table, unsigned nodes);

/* Who is to be probed now; false if nobody is due. Moves the deadline. */
bool table_probe(struct table *table, struct tally_now now, struct table_probe *probe);
struct tally_mono table_deadline(const struct table *table);

/* A lookup aims there: the bucket needs no refresh. */
void table_aimed(struct table *table, struct tally_now now, const struct tally_hash *target);

/* A point to look up in a bucket that was quiet too long, no deeper than the deepest that has
   contacts; false if there is none. */
bool table_refresh(struct table *table, struct tally_now now, struct tally_hash *target);

/* Contacts in buckets; spares are not counted. */
unsigned table_count(const struct table *table);

struct tally_address contact_address(const struct contact *contact);

bool table_holds(const struct table *table);

#endif
