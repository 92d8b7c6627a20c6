/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_OPTIONS_H
#define TALLY_OPTIONS_H
/*
 * What a node is made with (tally_node_new), and what it says of its guard. Everything that may be
 * 0 or NULL has a default, which its comment names.
 */
#include "tally/network.h"
#include "tally/types.h"
#include "tally/windows.h"

struct tally_scratch;

/* How receipts of others are verified before they are durable (protocols 10). */
enum tally_verify {
    TALLY_VERIFY_EVERY,      /* Each envelope's signature, on the worker pool. */
    TALLY_VERIFY_CHECKPOINT, /* The signed root covers them; chain and tree are checked. */
};

/* Whether a node may sign (reliability 7): its data directory may be an old copy. */
enum tally_guard {
    TALLY_GUARD_PASSED,
    TALLY_GUARD_ASKING,     /* Those who knew the node are asked how far its logs had got. */
    TALLY_GUARD_WAITING,    /* None of them answered in time: read-only until one does. */
    TALLY_GUARD_RECOVERING, /* Somebody holds more of our own logs than we do. */
    TALLY_GUARD_FORKED,     /* What they hold contradicts ours. */
};

/* Stable words, lower case. Never NULL. */
const char *tally_guard_name(enum tally_guard guard);

/* What a host can tell of the data directory by itself. */
enum tally_past {
    TALLY_PAST_OWN,     /* It is the one that signed last, where it was then. */
    TALLY_PAST_COPY,    /* It was copied, moved or restored since. */
    TALLY_PAST_UNKNOWN, /* The key was there before the directory. */
};

struct tally_node_options {
    struct tally_key key; /* Our identity. */
    const char *network;  /* Name of the mesh; NULL is "tally". */
    uint32_t epoch;       /* Boot epoch: greater than in any earlier life, and durable. */
    uint64_t seed;        /* For jitter only. */
    enum tally_verify verify;
    enum tally_profile profile;
    enum tally_past past;
    /* Somebody may know how far our logs had got: a peer was met in an earlier life, or this is a
       copy and peers will be named (COMMAND PEER, BOOTSTRAP, DOMAIN). And keys of those who were
       met. They are asked before anything is signed. Borrowed until tally_node_new returns. */
    bool known;
    const struct tally_key *remembered;
    size_t remembered_count;
    struct tally_address listen; /* Where we listen, UDP and TCP alike; port 0: nowhere. */
    unsigned peers_max;          /* 0: TALLY_PEERS_MAX. The simulator asks for few. */
    unsigned links_max;          /* 0: TALLY_LINKS_MAX. */
    unsigned addresses_max;      /* Of a peer; 0: TALLY_ADDRESSES_MAX. */
    unsigned replay_window;      /* Of a link; 0: TALLY_REPLAY_WINDOW. */
    unsigned dht_values_max;     /* 0: VALUES_MAX. Log values and ads kept for others. */
    unsigned dht_records_max;    /* Peer records kept for others; 0: as many as values. */
    unsigned dht_placements_max; /* 0: ADVERTISE_PLACEMENTS. Registrars of our own ads. */
    unsigned dht_contacts_max;   /* In its table; 0: TABLE_CONTACTS_MAX. */
    unsigned dht_requests_max;   /* Of ours, under way; 0: DHT_REQUESTS. */
    unsigned dht_pending_max;    /* Values that wait for a proof; 0: PENDING_MAX. */
    unsigned connections_max;    /* 0: TALLY_CONNECTIONS_MAX. The simulator asks for few. */
    unsigned logs_max;           /* 0: TALLY_LOGS_MAX. */
    unsigned namespaces_max;     /* Advertised in the DHT; 0: TALLY_NAMESPACES_MAX. */
    unsigned own_logs_max;       /* 0: TALLY_OWN_LOGS_MAX. */
    unsigned revoked_max;        /* 0: half of parties_max, which is TALLY_REVOKED_MAX. */
    unsigned parties_max;        /* 0: TALLY_PARTIES_MAX; fewer only where it cannot matter. */
    unsigned pending_max;        /* 0: TALLY_PENDING_MAX. */
    unsigned seen_max;           /* Record ids a generation; 0: 8,192. */
    unsigned records_max;        /* Records kept for those who missed them; 0: 128. */
    unsigned passive_max;        /* Of the overlay; 0: 48. */
    unsigned senders_max;        /* Whose last beacon is remembered; 0: 1,024. */
    unsigned own_addresses_max;  /* It knows of itself; 0: 24. */
    unsigned interfaces_max;     /* On which mDNS is spoken; 0: 16. */
    unsigned seal_receipts, seal_ms, seal_quiet_ms; /* 0: TALLY_SEAL... */
    struct tally_ledger ledger;
    struct tally_secret secret;
    struct tally_crypto crypto;
    const struct tally_sealing *sealing;     /* Of streams; NULL: what others understand. */
    struct tally_trace_window trace;         /* say may be NULL. */
    struct tally_cosigner cosigner;          /* All NULL: it cosigns nothing. */
    const struct tally_foreign_log *foreign; /* Witnessed without being admitted; outlives it. */
    size_t foreign_count;
    unsigned witnessed_max, witness_gap_ms, witness_cycle_ms; /* 0: TALLY_WITNESS... */
    unsigned discrepancies_max, schemas_max;                  /* 0: DISCREPANCIES_MAX... */
    /* A term of an agreement is broken for so long, by answers, before it is said; 0: 10 min. */
    unsigned term_patience_ms;
    unsigned witness_urls_max;     /* Asked over HTTP; 0: TALLY_WITNESSES_MAX. */
    bool datagrams_only;           /* Streams are neither dialled nor taken, and take no memory. */
    struct tally_scratch *scratch; /* Lent, see tally_scratch_new; NULL: one of its own. */
};

#endif
