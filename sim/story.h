/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_STORY_H
#define SIM_STORY_H
/* A story on stage: its lines at their times, its expectations, and how it ended. */
#include "converged.h"
#include "scenario.h"

/* Who looks on. It changes nothing: the run is the same, byte for byte. Functions may be NULL. */
struct story_observer {
    void *context;
    /* Before the first node is born: the place to take the world's ear. */
    void (*begin)(void *context, struct world *world);
    /* A line acts. */
    void (*act)(void *context, const struct line *line);
    /* At the time asked for last, at 0 first. Returns when to look again in microseconds, or 0: it
       has seen enough, and the story stops there. */
    uint64_t (*pulse)(void *context);
    /* It is over; the world still stands. */
    void (*end)(void *context);
};

struct story_options {
    bool transcript;                       /* Keep the text. */
    bool sparing;                          /* One of very many: see checker.h; its id says less. */
    enum tally_level level;                /* Of traces in it. */
    const struct story_observer *observer; /* NULL: nobody. */
};

enum story_fault {
    STORY_FINE,
    STORY_INVARIANT,   /* A check that is made after every event. */
    STORY_EXPECTATION, /* What a line expected. */
    STORY_IMPOSSIBLE,  /* A line asks for what cannot be done. */
};

struct story_end {
    bool good;
    bool left; /* The observer had seen enough. */
    enum story_fault fault;
    enum check check;         /* INVARIANT. */
    enum condition condition; /* EXPECTATION, */
    bool negated;             /* with "not". */
    uint32_t number;          /* Its line. */
    char message[512];        /* Why not: one sentence. */
    struct excuses excuses;   /* Of the last CONVERGED that came. */
    char id[33];              /* Of the run. */
    uint64_t us;              /* Virtual time at the end. */
    uint64_t events, checks, datagrams, acknowledged, refused, verified, remembered;
    char *text; /* The transcript; the caller's, free with memory_free. */
    size_t text_size;
};

/* Runs the scenario to its end, or until something does not hold. `name` is for messages. */
void story_run(const struct scenario *scenario, const char *name,
               const struct story_options *options, struct story_end *end);

/* ---- The same by pieces. The scenario and the name must outlive the story. ---- */

struct story;

struct story *story_new(const struct scenario *scenario, const char *name,
                        const struct story_options *options);
void story_free(struct story *story);

/* Goes on to that time at most; false if it is over: told to its end, broken, or left. */
bool story_play(struct story *story, uint64_t until_us);

/* A line that is not in the scenario acts now. It must outlive the story. */
void story_act(struct story *story, const struct line *line);

struct world *story_world(struct story *story);

/* Whether something did not hold, or did not come. */
bool story_failed(const struct story *story);

/* How it stands; the transcript goes over to *end. Everything is checked once more. */
void story_finish(struct story *story, struct story_end *end);

#endif
