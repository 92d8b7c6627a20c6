/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_ACTION_H
#define TALLY_ACTION_H
/*
 * What a node asks of its host. Bytes in an action are borrowed until the next tally_node_step;
 * whoever needs them longer (a worker, a queue) copies them.
 */
#include "tally/error.h"
#include "tally/network.h"
#include "tally/types.h"

enum tally_action_kind {
    TALLY_ACTION_SEND,      /* A datagram; it may be lost. */
    TALLY_ACTION_DIAL,      /* Open a stream to an address. */
    TALLY_ACTION_WRITE,     /* Bytes to a stream, never more than its room. */
    TALLY_ACTION_CLOSE,     /* End a stream after what was written; STREAM_CLOSED follows. */
    TALLY_ACTION_APPEND,    /* Make receipts durable, all or none. */
    TALLY_ACTION_SEAL,      /* Write the tiles of an own log up to a size, read them back. */
    TALLY_ACTION_PUBLISH,   /* Make a signed checkpoint of an own log durable. */
    TALLY_ACTION_VERIFY,    /* Bytes of a package for the worker pool. */
    TALLY_ACTION_BODY,      /* Bytes of a large body of a verified package. */
    TALLY_ACTION_RELEASE,   /* A package is not wanted any more, whatever its state. */
    TALLY_ACTION_EVIDENCE,  /* Keep a file for ever; of a proved fork: mark the log frozen. */
    TALLY_ACTION_ANSWER,    /* To a COMMAND. */
    TALLY_ACTION_MULTICAST, /* A packet from an interface's mDNS socket (port 5353). */
    TALLY_ACTION_MAP,       /* One request to the gateway; MAPPED answers. */
    TALLY_ACTION_RESOLVE,   /* Ask DNS for a domain's nodes; RESOLVED answers. */
    TALLY_ACTION_FOUND,     /* One result of a FIND. */
    TALLY_ACTION_KEEP,      /* Make a cosigned checkpoint durable; KEPT answers. */
    TALLY_ACTION_PRUNE,     /* Drop the bodies of a replica's first receipts; PRUNED answers. */
    TALLY_ACTION_HTTP,      /* One question to a witness that the operator named; HTTP answers. */
    TALLY_ACTION_CARRY,     /* To the files of a CARRY; without bytes: it is over. */
};

/* Whose log, enough to create its folder. Strings live as long as the action. */
struct tally_log_id {
    struct tally_hash origin_hash;
    struct tally_key issuer;
    const char *origin;     /* NUL-terminated. */
    const char *name_space; /* NUL-terminated. */
    bool own;
};

/*
 * How a package is to be read and checked; see tally_package_open in tally/log.h. The hash of the
 * envelope before `first` stands in the package itself, so that packages are opened side by side;
 * VERIFIED tells it, and the core holds it against the package before.
 */
struct tally_package_job {
    struct tally_key issuer;
    const char *name_space; /* NUL-terminated, valid as long as the action. */
    uint64_t first, end;    /* Sequence numbers; one package, so end <= first's 256 block. */
    bool signatures;        /* Verify each envelope's signature (policy `every`). */
    const struct tally_hash *before; /* Leaf hashes of [first rounded down to 256, first). */
};

struct tally_action {
    enum tally_action_kind kind;
    union {
        struct {
            struct tally_address to;
            struct tally_bytes bytes;
        } send;
        struct {
            uint32_t stream;
            struct tally_address to;
            bool punch; /* From the port we listen on, so that both ends meet (protocols 7.3). */
        } dial;
        struct {
            uint32_t stream;
            struct tally_bytes bytes;
        } write;
        struct {
            uint32_t stream;
        } close;
        struct {
            uint64_t ticket;
            struct tally_log_id log;
            uint64_t first;
            /* Either one receipt of our own (envelope not empty) ... */
            struct tally_bytes envelope, body;
            /* ... or the package verified under this ticket, which ends with this action. */
            uint64_t package;
            /* If not empty: the signed checkpoint whose size is the package's end. It becomes the
               stored one in the same all-or-none change. */
            struct tally_bytes note;
        } append;
        struct {
            uint64_t ticket;
            struct tally_hash origin_hash;
            uint64_t size; /* Not above what was APPENDED. */
        } seal;
        struct {
            uint64_t ticket;
            struct tally_hash origin_hash;
            uint64_t size;
            struct tally_hash root;
            struct tally_bytes note;
        } publish;
        struct {
            uint64_t ticket;
            struct tally_package_job job; /* Read from the first piece only. */
            struct tally_bytes bytes;     /* The next piece of the compact package. */
            bool last;
        } verify;
        struct {
            uint64_t package; /* Ticket of its VERIFY. */
            uint64_t index;   /* Of the receipt, one that VERIFIED named as large. */
            uint32_t offset;  /* Pieces come in order, one body at a time. */
            struct tally_bytes bytes;
            bool last; /* BODY answers this piece: hash and size were compared. */
        } body;
        struct {
            uint64_t ticket; /* Of VERIFY. No answer to it follows any more. */
        } release;
        struct {
            bool revocation;               /* Of a key: kept with the others, nothing freezes. */
            struct tally_hash origin_hash; /* The log to freeze, unless it is one. */
            struct tally_hash name;        /* SHA-256 of the bytes: the file's name. */
            struct tally_bytes bytes;
            bool claim; /* Of a discrepancy that proves no fork: nothing freezes. */
        } evidence;
        struct {
            uint64_t ticket; /* The COMMAND's. */
            enum tally_error error;
            const char *origin; /* The log of the receipt; NULL for other commands. */
            uint64_t index;
            struct tally_hash receipt;
            unsigned status;          /* To WITNESS: enum tally_witness_status; 0 for others. */
            struct tally_bytes bytes; /* To WITNESS: the body of the answer. */
        } answer;
        struct {
            uint32_t interface;      /* As in LINKS. */
            struct tally_address to; /* The group, or one host. */
            struct tally_bytes bytes;
        } multicast;
        struct {
            uint64_t ticket;
            enum tally_mapping protocol;
            enum tally_transport transport;
            bool ipv6; /* A way in through the firewall of an IPv6 gateway: PCP only. */
            uint16_t inner_port, outer_port; /* The outer one is a wish. */
            uint8_t outer_ip[16];            /* The one that was granted last; all zero: any. */
            uint32_t lifetime_s;             /* Wished for; 0 ends the mapping. */
            uint8_t nonce[12];               /* PCP's, the same for the life of a mapping. */
            uint32_t timeout_ms;             /* Then MAPPED says TIMED_OUT; one request only. */
        } map;
        struct {
            uint64_t ticket;
            const char *name; /* NUL-terminated. */
        } resolve;
        struct {
            uint64_t ticket; /* The COMMAND's. */
            struct tally_key key;
            bool has_address;
            struct tally_address address;
            enum tally_transport transport;
            enum tally_source source;
            struct tally_mono learnt;
            bool linked; /* We have a link with it. */
        } found;
        struct {
            uint64_t ticket;
            enum tally_kept kind;
            struct tally_hash origin_hash;
            /* WITNESSED: it takes the place of a note of this size (0: of none), and is never of a
               smaller tree, nor of the same size with another root. */
            uint64_t old, size;
            struct tally_hash root;
            struct tally_bytes note;
        } keep;
        struct {
            uint64_t ticket;
            const char *url;         /* NUL-terminated; http or https. */
            struct tally_bytes body; /* Of a POST; empty: a GET. */
            uint32_t answer_max;     /* Bytes of the answer's body; a longer one is TOO_LARGE. */
            uint32_t timeout_ms;     /* From now to its last byte. */
        } http;
        struct {
            uint64_t ticket;
            struct tally_hash origin_hash;
            uint64_t to; /* Of [0, to), not above the checkpoint's size; the rest stays. */
        } prune;
        struct {
            struct tally_bytes bytes; /* A frame of the sync protocol. The rest without one: */
            enum tally_drop drop;     /* Why it ended early: what it has does not verify; NONE. */
            enum tally_error error;   /* FULL: our disk had no room; OK. */
            unsigned forks;           /* Proved: the evidence is written. */
            uint64_t logs;            /* That moved to a larger checkpoint. */
            bool guarded;             /* It has more of our own logs than we do. */
        } carry;
    };
};

#endif
