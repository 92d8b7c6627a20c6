/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_WITNESS_PAIR_H
#define TESTS_WITNESS_PAIR_H
/*
 * A log, ann's, and its witness, bob, in virtual time: their modules, frames carried by hand, disks
 * that answer when they are told to.
 */
#include "support/cmocka.h"

#include "core/witness/witness.h"
#include "support/logs.h"

/* STREAM is of ann's, BACK of bob's. */
enum { LEAVES = 64, NOTES = 4, STREAM = 1, BACK = 2, ARENA = 1 << 20 };

struct kept {
    struct tally_hash origin_hash;
    uint8_t note[TALLY_WITNESS_NOTE_MAX];
    size_t size;
    bool used;
};

/* A question over HTTP, as the host has it. */
struct http_asked {
    unsigned count; /* So far. */
    uint64_t ticket;
    char url[OUTSIDE_URL_MAX + 128];
    uint8_t body[TALLY_WITNESS_ASK_MAX];
    size_t size;
    uint32_t answer_max, timeout_ms;
};

/* One side: a node as far as witnessing sees it. */
struct side {
    struct witness witness;
    struct witness_options options;
    struct logs_seed seed, cosigner_seed;
    struct tally_key key;
    struct tally_crypto crypto;
    struct tally_cosigner cosigner;
    struct tally_secret secret;
    struct fold fold;
    struct tally_party parties[8];
    struct tally_ledger ledger;
    struct outbox out;
    struct tally_action actions[64];
    uint8_t *arena;
    /* Its log `audit`. */
    struct logs_tree *tree;
    char origin[TALLY_ORIGIN_MAX + 1];
    struct tally_hash origin_hash;
    uint64_t size;
    uint8_t note[TALLY_CHECKPOINT_MAX];
    size_t note_size;
    struct kept kept[TALLY_KEPT_KINDS][NOTES];
    /* Its statement fed_keys. */
    uint8_t envelope[TALLY_ENVELOPE_MAX], body[FED_BODY_MAX];
    size_t envelope_size, body_size;
    bool slow, broken; /* KEEP is not answered; is answered IO. */
    bool lies, hides;  /* Shows another receipt than is in its tree; none. */
    uint64_t ticket;   /* Of the last KEEP. */
    uint64_t wanted, got, refused, forks, signed_count, notes, states, publishes;
    unsigned last_status;
    struct http_asked http; /* The last. */
    uint8_t answered[1024]; /* The body of the last ANSWER, and what NOTE showed. */
    size_t answered_size;
    struct witness_news sampled; /* The last SAMPLED. */
};

extern struct side ann, bob;
extern struct tally_now now;

void side_init(struct side *side, uint8_t number);
void side_wake(struct side *side);
void side_admits(struct side *side, const struct side *other, enum tally_trust level);

/* Both, each admitted by the other. */
int pair_up(void **state);
int pair_down(void **state);

/* The log of a side grows to a size, under a checkpoint of its own. */
void side_grows(struct side *side, uint64_t size);

/* What it wants to be stated: fed_keys counts at once. */
void side_states(struct side *side, const struct witness_news *news);

/* Performs what a call left to do; a tick, and that. */
void side_settle(struct side *side);
void side_step(struct side *side);

/* So much time goes by, with streams between both. */
void pair_pass(uint64_t ms);

#endif
