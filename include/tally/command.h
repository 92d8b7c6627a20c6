/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_COMMAND_H
#define TALLY_COMMAND_H
/*
 * What an operator or an API client wants of a node: the COMMAND among a host's events. Each is
 * answered by an ANSWER with its ticket, exactly once. Bytes are borrowed until tally_node_step
 * returns.
 */
#include "tally/network.h"
#include "tally/types.h"

enum tally_command_kind {
    TALLY_COMMAND_APPEND, /* One receipt of our own. ANSWER when it is durable. */
    TALLY_COMMAND_SEAL,   /* Seal all own logs now. ANSWER when all are published. */
    TALLY_COMMAND_PEER,   /* A configured peer: kept, dialled again with backoff. ANSWER at once. */
    TALLY_COMMAND_BOOTSTRAP, /* Someone to find others by. ANSWER at once. */
    TALLY_COMMAND_DOMAIN,    /* A domain whose records name such ones. ANSWER at once. */
    TALLY_COMMAND_FIND,      /* FOUND for each result, then ANSWER; NOT_FOUND without any. */
    TALLY_COMMAND_CHECK,     /* Find out now whether we are reachable. ANSWER when known. */
    TALLY_COMMAND_STOP,    /* Say goodbye, dial no more. ANSWER at once; the host may then free. */
    TALLY_COMMAND_STATE,   /* A statement about trust. ANSWER when it is durable, and counts. */
    TALLY_COMMAND_RECOVER, /* Fetch what peers hold of our own logs and we do not. ANSWER: OK once
                              it is durable; UNCONFIRMED: nobody told; TIMED_OUT: nothing came. */
    TALLY_COMMAND_REVOKE,  /* A revocation that was signed elsewhere, say by a recovery key. ANSWER
                              at once: MISMATCH, MALFORMED, BUSY, or it is told to everybody. */
    TALLY_COMMAND_WITNESS, /* An add-checkpoint request. ANSWER with a status, once it is true. */
    TALLY_COMMAND_COSIGN,  /* Ask our witnesses now, not when it is due. ANSWER at once. */
    TALLY_COMMAND_SAMPLE,  /* Have a party show receipts now, of each log of it that we cosigned:
                              what comes of it is stated. ANSWER at once: OK, or NOT_FOUND. */
    TALLY_COMMAND_CARRY,   /* Logs on files, from a party that no network leads to. ANSWER at once:
                              OK, and ACTION CARRY asks for what is in them; or BUSY. */
    TALLY_COMMAND_ANCHOR,  /* An anchor that a party published was judged otherwise than before.
                              ANSWER at once: OK, or NOT_FOUND where nobody is to answer for it. */
};

struct tally_command {
    enum tally_command_kind kind;
    uint64_t ticket; /* The host's, given back in ANSWER. */
    union {
        struct {
            struct tally_bytes name_space, type, profile, body;
        } append;
        struct {
            struct tally_bytes type, body; /* proto/federation.cddl. */
        } state;
        struct {
            struct tally_bytes bytes; /* proto/gossip.cddl: revocation. */
        } revoke;
        struct {
            struct tally_bytes bytes; /* As HTTP carries it (tally/witness.h). */
        } witness;
        struct {
            struct tally_key party;
        } sample;
        struct {
            /* All that it published, of that log if it is its own, are; else this one is bad. */
            bool good;
            struct tally_key publisher;    /* In whose log `anchors` it lies, */
            uint64_t index;                /* at that place. */
            struct tally_hash origin_hash; /* Of the log that it anchors. */
            uint64_t size;                 /* Of the checkpoint that was anchored, */
            struct tally_hash root;        /* and its root. */
            struct tally_bytes finding;    /* What was found, as text: it is kept as evidence. */
        } anchor;
        struct {
            struct tally_key key;
            struct tally_address address; /* Of its datagrams and its streams alike. */
        } peer;
        struct {
            bool has_key; /* False: whoever answers there is pinned. */
            struct tally_key key;
            struct tally_address address;
            enum tally_source source; /* CONFIGURED or REMEMBERED. */
        } bootstrap;
        struct {
            const char *name; /* NUL-terminated, at most TALLY_DOMAIN_MAX bytes. */
        } domain;
        struct {
            bool peer; /* A peer by its key; else those who hold a namespace. */
            struct tally_key key;
            struct tally_bytes name_space;
        } find;
    };
};

#endif
