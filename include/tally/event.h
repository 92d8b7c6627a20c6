/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_EVENT_H
#define TALLY_EVENT_H
/*
 * What a host tells a node. Bytes in an event are borrowed until tally_node_step returns.
 *
 * A *stream* here is a byte stream of the host (a TCP connection). Its number is chosen by who
 * begins: the core draws even numbers for DIAL, the host odd ones for what it accepted. A number is
 * used once. STREAM_CLOSED is the last event of a stream, also of one that never opened.
 *
 * A *ticket* is a number the core drew for an action that is answered later, exactly once.
 */
#include "tally/command.h"
#include "tally/error.h"
#include "tally/network.h"
#include "tally/types.h"

enum tally_event_kind {
    TALLY_EVENT_TICK, /* The deadline passed; a spurious one is harmless. */
    TALLY_EVENT_DATAGRAM,
    TALLY_EVENT_STREAM_OPEN, /* Accepted, or dialled with success. Room is 0 until told. */
    TALLY_EVENT_STREAM_BYTES,
    TALLY_EVENT_STREAM_ROOM, /* So many bytes in all the host takes now, replacing the last, less
                                what is written. To be told before less than half is left. */
    TALLY_EVENT_STREAM_CLOSED,
    TALLY_EVENT_APPENDED,  /* Answers APPEND. */
    TALLY_EVENT_SEALED,    /* Answers SEAL: tiles are durable and were read back. */
    TALLY_EVENT_PUBLISHED, /* Answers PUBLISH: the checkpoint is durable. */
    TALLY_EVENT_VERIFIED,  /* Answers the last piece of VERIFY. */
    TALLY_EVENT_BODY,      /* Answers the last piece of a BODY. */
    TALLY_EVENT_COMMAND,   /* The operator or an API client wants something. */
    TALLY_EVENT_SPACE,     /* The store became read-only, or writable again. */
    TALLY_EVENT_LINKS,     /* Own addresses: at the start, and whenever they changed. */
    TALLY_EVENT_MULTICAST, /* A packet came to an mDNS socket. */
    TALLY_EVENT_MAPPED,    /* Answers MAP. */
    TALLY_EVENT_GATEWAY,   /* A gateway spoke of itself: it may have forgotten its mappings. */
    TALLY_EVENT_RESOLVED,  /* Answers RESOLVE. */
    TALLY_EVENT_KEPT,      /* Answers KEEP: it is durable. */
    TALLY_EVENT_PRUNED,    /* Answers PRUNE: the bodies are gone for good. */
    TALLY_EVENT_HTTP,      /* Answers HTTP; no redirect was followed. */
    TALLY_EVENT_CARRY,     /* What the files of a CARRY say; without bytes: they are gone. */
};

/* What a domain says of one node. */
struct tally_resolved {
    bool has_key; /* dnsaddr texts may name the key, SRV records do not. */
    struct tally_key key;
    struct tally_address address;
    enum tally_transport transport;
};

struct tally_event {
    enum tally_event_kind kind;
    union {
        struct {
            struct tally_address from;
            struct tally_bytes bytes;
        } datagram;
        struct {
            uint32_t stream;
            bool dialled;
            struct tally_address remote;
        } stream_open;
        struct {
            uint32_t stream;
            struct tally_bytes bytes; /* 1..TALLY_STREAM_BYTES_MAX. */
        } stream_bytes;
        struct {
            uint32_t stream;
            size_t room;
        } stream_room;
        struct {
            uint32_t stream;
            enum tally_error error; /* CLOSED when the other end closed in order. */
        } stream_closed;
        struct {
            uint64_t ticket;
            enum tally_error error;
        } appended;
        struct {
            uint64_t ticket;
            enum tally_error error;
            uint64_t size;
            struct tally_hash root; /* Folded from the tiles as read back from the disk. */
        } sealed;
        struct {
            uint64_t ticket;
            enum tally_error error;
        } published;
        struct {
            uint64_t ticket;
            enum tally_drop drop;       /* NONE: all of the package is good. */
            struct tally_hash subtree;  /* Root of [first rounded down to 256, end). */
            struct tally_hash previous; /* The package's claim: hash of envelope first - 1. */
            struct tally_hash last;     /* Hash of the last envelope. */
            const uint8_t *large;       /* Offsets from first of receipts whose bodies are */
            size_t large_count;         /* above TALLY_BODY_INLINE_MAX and not in it. */
        } verified;
        struct {
            uint64_t package; /* Ticket of its VERIFY. */
            uint64_t index;
            enum tally_drop drop; /* NONE or BODY. */
        } body;
        struct tally_command command;
        struct {
            bool writable;
        } space;
        struct {
            const struct tally_interface *list;
            size_t count;
        } links;
        struct {
            uint32_t interface; /* Where it came in; its index as in LINKS. */
            struct tally_address from;
            bool group; /* Sent to the group, not to us alone. */
            struct tally_bytes bytes;
        } multicast;
        struct {
            uint64_t ticket;
            /* TIMED_OUT; UNREACHABLE: there is no gateway, or it is named and has no outer network
               itself; NEWER: it does not speak this protocol; REFUSED, TOO_LARGE (its table is
               full), IN_USE (not that outer address), MISMATCH (a NAT is in between), MALFORMED. */
            enum tally_error error;
            enum tally_mapping protocol;
            struct tally_address outer;   /* Address and port that others see. */
            uint32_t lifetime_s;          /* Granted, 0: the mapping is gone. With an error: how
                                             long it may last, 0 unknown. */
            uint32_t epoch_s;             /* Seconds since the gateway began to remember. */
            struct tally_address gateway; /* All zero: there is none. */
        } mapped;
        struct {
            enum tally_mapping protocol;
            uint32_t epoch_s;
            struct tally_address gateway;
            struct tally_address outer; /* What others see, port 0; all zero: it does not say. */
        } gateway;
        struct {
            uint64_t ticket;
            enum tally_error error; /* NOT_FOUND, TIMED_OUT, or OK with what there is. */
            const struct tally_resolved *list;
            size_t count;
        } resolved;
        struct {
            uint64_t ticket;
            enum tally_error error; /* MISMATCH: another size was kept meanwhile. */
        } kept;
        struct {
            uint64_t ticket;
            /* Not OK: there was no whole answer. TIMED_OUT, REFUSED, UNREACHABLE, CLOSED,
               TOO_LARGE, MISMATCH (TLS), BUSY, NO_MEMORY, BAD_NAME. */
            enum tally_error error;
            unsigned status;  /* 200, 404, ... */
            const char *type; /* Content-Type, lower case, without parameters; "" if none. */
            bool plain;       /* It was said without any parameter. */
            struct tally_bytes body;
        } http;
        struct {
            uint64_t ticket;
            enum tally_error error;
        } pruned;
        struct {
            struct tally_bytes bytes; /* A frame of the sync protocol; at most STREAM_BYTES_MAX. */
        } carry;
    };
};

#endif
