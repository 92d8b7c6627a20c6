/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H
/*
 * Two processes on loopback: one serves a listening socket, the other dials it and measures. The
 * parent waits for the figures and ends both, so that each run starts from nothing.
 */
#include <stdbool.h>
#include <stdint.h>

struct pair_work {
    uint64_t bytes;   /* To move, in one direction. */
    unsigned repeats; /* Connections to make, one after the other. */
};

struct pair_result {
    double seconds;  /* Moving the bytes, until the other side said it has them all. */
    double setup_ms; /* Median: from connect to the first usable stream. */
};

struct pair_arm {
    void (*serve)(int listener, const struct pair_work *work); /* Ends when it is killed. */
    bool (*dial)(uint16_t port, const struct pair_work *work, struct pair_result *result);
};

/* False if a process failed or took longer than a minute. */
bool pair_run(const struct pair_arm *arm, const struct pair_work *work, struct pair_result *result);

/* The two arms of the stream benchmark. */
extern const struct pair_arm pair_bare, pair_channel;

#endif
