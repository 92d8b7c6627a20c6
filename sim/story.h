/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_STORY_H
#define SIM_STORY_H
/* A story on stage: its lines at their times, its expectations, and how it ended. */
#include "scenario.h"

struct story_options {
    bool transcript;        /* Keep the text. */
    enum tally_level level; /* Of traces in it. */
};

struct story_end {
    bool good;
    char message[512]; /* Why not: one sentence. */
    char id[33];       /* Of the run. */
    uint64_t us;       /* Virtual time at the end. */
    uint64_t events, checks, datagrams, acknowledged, refused, verified, remembered;
    char *text; /* The transcript; the caller's, free with memory_free. */
    size_t text_size;
};

/* Runs the scenario to its end, or until something does not hold. `name` is for messages. */
void story_run(const struct scenario *scenario, const char *name,
               const struct story_options *options, struct story_end *end);

#endif
