/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_TRANSCRIPT_H
#define SIM_TRANSCRIPT_H
/*
 * What a run leaves behind: the traces as text (the golden files are this), and its id, a BLAKE2b
 * over (time, node, kind, bytes) of every event that went into a node, every action that came out,
 * and every trace. Equal ids mean equal runs.
 */
#include "tally/action.h"
#include "tally/event.h"
#include "tally/trace.h"
#include <sodium/crypto_generichash.h>

struct world;

struct transcript {
    bool on; /* Text is kept. */
    enum tally_level level;
    char *text; /* Not NUL-terminated. */
    size_t size, capacity;
    crypto_generichash_state *hash; /* Aligned to 64 bytes as libsodium wants it. */
    /* Of a large world: the id is made of (time, node, kind) alone, since hashing each datagram
       twice would cost as much as a step of a node. */
    bool light;
    uint64_t mixed;
};

void transcript_init(struct transcript *transcript);
void transcript_free(struct transcript *transcript);

void transcript_event(struct transcript *transcript, uint64_t us, uint32_t slot,
                      const struct tally_event *event);
void transcript_action(struct transcript *transcript, uint64_t us, uint32_t slot,
                       const struct tally_action *action);

/* A trace of a node: hashed, and written as a line if its level asks for it. */
void transcript_trace(struct transcript *transcript, const struct world *world, uint32_t slot,
                      const struct tally_trace *trace);

/* A line of the story itself: «61.204 --  heal». */
void transcript_say(struct transcript *transcript, uint64_t us, const char *text);

/* The id so far, in hexadecimal. */
void transcript_id(const struct transcript *transcript, char id[33]);

#endif
