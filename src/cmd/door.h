/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_DOOR_H
#define CMD_DOOR_H
/*
 * The way to a node: the running one through the unix socket in its data directory, or, where none
 * runs, one of our own for the length of the call. Appends go out one after the other without
 * waiting; answers come while door_wait runs.
 */
#include "host/config/complaint.h"
#include "tally/event.h"

struct door;

struct door_answer {
    uint64_t id;
    enum tally_error error;
    const char *origin; /* NULL if it failed. */
    uint64_t index;
    struct tally_hash receipt;
};

typedef void door_on_answer(void *context, const struct door_answer *answer);

struct door_options {
    const char *data;
    bool alone; /* A node of our own is good enough. */
    door_on_answer *on_answer;
    void *context;
    unsigned patience_ms; /* For door_query; 0: 30 s. */
    /* What the running node asks of files that door_query laid before it ("carry"). */
    enum tally_error (*on_carry)(void *context, struct tally_bytes asked);
    /* Called once a second while door_query waits; may be NULL. */
    void (*on_wait)(void *context, unsigned waited_s);
};

enum { DOOR_FLIGHT = 4096 }; /* Appends under way at most; ids are given in order, from 0. */

/* NO_DAEMON (not alone), LOCKED (another call has the directory), or what host_open says. */
enum tally_error door_open(const struct door_options *options, struct door **door,
                           struct complaint *complaint);

/* One receipt, one statement (COMMAND STATE) or a revocation (REVOKE); the command's bytes are
   copied. BUSY, without a complaint: not taken, to be given again after door_wait. */
enum tally_error door_append(struct door *door, uint64_t id, const struct tally_command *append,
                             struct complaint *complaint);

/* What the files say to it: one frame. */
enum tally_error door_carry(struct door *door, struct tally_bytes frame,
                            struct complaint *complaint);

/* Bytes that wait to be taken by the node. */
size_t door_backlog(const struct door *door);

/* Waits until something is answered or sent, or `input` (-1: nothing) can be read, which *readable
   says. */
enum tally_error door_wait(struct door *door, int input, bool *readable,
                           struct complaint *complaint);

/* Asks one question; the JSON text of its answer, to be freed. NULL: the complaint says why. */
char *door_query(struct door *door, const char *verb, const char *argument,
                 struct complaint *complaint);

/* A node of our own seals what was appended and ends in order. */
enum tally_error door_close(struct door *door, struct complaint *complaint);

#endif
