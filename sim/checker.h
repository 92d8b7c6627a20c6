/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_CHECKER_H
#define SIM_CHECKER_H
/*
 * What must hold, looked at from outside after every event (protocols 11.2). It keeps its own books
 * of what honest nodes said and were told, with a Merkle tree of its own, so that a mistake of the
 * core does not hide itself. A check costs what changed; what cannot be checked by change is
 * checked whole when a node comes back and when a story ends.
 */
#include "core/federation/revocation.h"
#include "disk.h"
#include "tally/node.h"

/*    name, what must hold */
#define CHECKS(X)                                                                                  \
    X(HOLDS, "every invariant of the core holds after a step")                                     \
    X(ALLOCATES, "no step allocates")                                                              \
    X(DATAGRAM, "no datagram is above 1,200 bytes")                                                \
    X(UNPROVED, "an unproved address gets no more bytes than came from it, and a few hellos")      \
    X(COUNTER, "no (epoch, counter) is taken twice")                                               \
    X(ROOM, "no stream gets more than its room")                                                   \
    X(RECEIPT, "only receipts of good form, place and signature are stored")                       \
    X(CHAIN, "logs are dense from 0 and chained")                                                  \
    X(BODY, "a stored body has the hash its envelope names")                                       \
    X(NOTE, "a stored checkpoint is signed, and its root is that of the stored leaves")            \
    X(BACK, "no signed size goes back, over restarts too")                                         \
    X(ROOTS, "an honest issuer has one receipt at each place and one root at each size")           \
    X(ACKNOWLEDGED, "what was acknowledged is durable")                                            \
    X(ACCUSED, "there is no evidence against an honest issuer")                                    \
    X(REMEMBERED, "evidence and frozen logs are never forgotten")                                  \
    X(EPOCH, "a boot epoch is greater than all before")                                            \
    X(SCOPE, "no non-global address leaves its scope")                                             \
    X(PACKET, "no multicast packet is above 1,400 bytes")                                          \
    X(REVOKED, "of a revoked key nothing is stored beyond what its revocation names")

enum check {
#define X(name, text) CHECK_##name,
    CHECKS(X)
#undef X
        CHECK_COUNT
};

const char *check_name(enum check check);
const char *check_text(enum check check);

/* What is known of a leaf: its receipt was found good behind the one before, and it names that
   body. */
struct checker_receipt {
    bool good;
    uint32_t body_size;
    struct tally_hash body_hash;
};

/* What the world knows of one log, from whoever stored it first. */
struct checker_log {
    struct tally_hash origin_hash;
    struct tally_key issuer;
    uint32_t slot; /* Of the issuer; UINT32_MAX: nobody's. */
    struct simtree tree;
    struct checker_receipt *receipts; /* Of its leaves, as far as they were looked at. */
    size_t receipt_count, receipt_capacity;
    uint64_t signed_size; /* Largest the issuer published. */
};

/* A revocation that a node has made durable: from then on it is bound by it. */
struct checker_revoked {
    uint32_t slot;
    struct revocation revocation; /* Its views are not used. */
    struct tally_hash name;       /* Of the file. */
};

/* What was acknowledged to a user of a node. */
struct checker_promise {
    uint32_t slot;
    struct tally_key issuer;
    struct tally_hash origin_hash, receipt;
    uint64_t index;
};

/* An address as one node sees it, that may or may not have shown that it is there. */
struct checker_account {
    uint32_t owner; /* Slot + 1; 0: empty. */
    struct tally_address address;
    uint64_t in, out;
    bool proved;
    uint8_t hellos;    /* To it, unasked, */
    uint64_t since_us; /* ... from then on. */
};

struct checker {
    bool broken;
    enum check check;
    char message[320];
    struct checker_log *logs;
    size_t log_count, log_capacity;
    uint32_t *places; /* Of logs, by origin hash: index + 1. */
    size_t place_count;
    struct checker_promise *promises;
    size_t promise_count, promise_capacity;
    struct {
        struct checker_account *items;
        size_t count, capacity;
    } accounts;
    struct {
        uint64_t *marks; /* Two generations of (receiver, sender, epoch, counter). */
        size_t count, capacity;
    } counters[2];
    uint32_t *epochs; /* By slot. */
    size_t epoch_capacity;
    struct checker_frozen {
        uint32_t slot;
        struct tally_hash origin_hash;
    } * frozen;
    size_t frozen_count, frozen_capacity;
    struct checker_revoked *revoked;
    size_t revoked_count, revoked_capacity;
    uint64_t drops_before; /* Of the node that is stepped. */
    uint64_t checks;       /* Made. */
    uint64_t steps;        /* Of nodes. */
    uint32_t every;        /* tally_node_holds is asked after each so many-th of them. */
    bool light;            /* Many nodes: what needs memory for each of them is not looked at. */
};

/* A node's own invariants cost as much as many a step. They are asked after each one where a story
   is told; where stories are searched for what breaks, after so many, and at rest: more stories
   find more than more looks at one. Among very many nodes it is still some hundred times a second.
 */
enum { CHECKER_EVERY_SPARING = 64, CHECKER_EVERY_LIGHT = 1024 };

void checker_init(struct checker *checker);
void checker_free(struct checker *checker);

/* If it does not hold: the first one is kept, with who and when, and the world stops. */
void checker_expect(struct checker *checker, const struct world *world, uint32_t slot, bool holds,
                    enum check check);

/* Around a step of a node. */
void checker_before(struct checker *checker, const struct world *world, uint32_t slot,
                    const struct tally_event *event);
void checker_after(struct checker *checker, const struct world *world, uint32_t slot,
                   const struct tally_event *event, uint64_t allocations);
void checker_action(struct checker *checker, const struct world *world, uint32_t slot,
                    const struct tally_action *action);

/* What a disk made durable. */
void checker_change(struct checker *checker, const struct world *world, uint32_t slot,
                    const struct disk_change *change);

/* An address was given to a node by its operator. */
void checker_configured(struct checker *checker, uint32_t slot,
                        const struct tally_address *address);

/* Whether of each log of a node all others hold all that it ever wrote, sealed, so that whoever
   answers it, if its disk is put back, knows it; or the copy (NULL: there is none) has all of it.
   What nobody else saw no guard finds again. */
bool checker_held(const struct checker *checker, const struct world *world, uint32_t slot,
                  const struct disk *copy);

/* Its disk is an older one from now on: what it learnt since, it learns again. */
void checker_restored(struct checker *checker, const struct world *world, uint32_t slot);

/* A node starts: its epoch, and what its disk held through the crash. */
void checker_start(struct checker *checker, const struct world *world, uint32_t slot);

/* Everything, at rest. */
void checker_all(struct checker *checker, const struct world *world);

#endif
