/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_TRIAL_H
#define SIM_TRIAL_H
/*
 * A story in a process of its own: a core that stops on an assertion, or never stops, takes only
 * that process with it. Several run at once.
 */
#include "story.h"
#include <sys/types.h>

enum trial_verdict {
    TRIAL_FINE,
    TRIAL_BROKEN, /* end.fault says what. */
    TRIAL_DIED,   /* By that signal: an assertion, mostly; end.message has its sentence. */
    TRIAL_HUNG,   /* It took longer than it was given. */
    TRIAL_UNREAD, /* It is no story; end.message says why. */
};

struct trial_result {
    enum trial_verdict verdict;
    int signal;
    uint32_t nodes;
    uint64_t seed;        /* Of its world. */
    struct story_end end; /* Without its text. */
};

/* What is to be tried. */
struct trial_ask {
    const char *name, *text;
    uint64_t seed;  /* Its world has this one, and the next ones; */
    unsigned seeds; /* so many, until one fails as `like`. 0: only the one it names. */
    const struct trial_result *like;
    bool quick;     /* Sparing, with stand-ins for signatures: the same run, seen less closely. */
    double seconds; /* For each. */
};

struct trial {
    pid_t pid;
    int result, words; /* What it sends; what it says on standard error. */
    uint32_t nodes;    /* Of its story, which a core that dies no longer tells. */
    double until;      /* command_seconds. */
};

/* Begins one. False after saying why it cannot. */
bool trial_start(struct trial *trial, const struct trial_ask *ask);

/* Waits for the end of one that was begun: that of its last seed. */
void trial_wait(struct trial *trial, struct trial_result *result);

/* Waits until one of several has ended, or had its time; its index. For trial_wait. */
size_t trial_first(struct trial *const *trials, size_t count);

/* Ends one that nobody waits for any more. */
void trial_stop(struct trial *trial);

/* Both: begun, and waited for; as it stands. */
void trial_run(const char *name, const char *text, double seconds, struct trial_result *result);

/* Reads and runs it here, in this process; sparing: see story.h. */
void trial_here(const char *name, const char *text, bool sparing, struct trial_result *result);

/* For a process that plays many stories. Most of what a node reserves it never touches in a short
   life: as fresh pages that costs nothing, from a heap that was used before it is cleared each
   time. All else stays for the next story. */
void trial_many(void);

/* Whether two failed in the same way: the same invariant or assertion, or the same expectation for
   the same reason, whoever it concerns and of how much. */
bool trial_same(const struct trial_result *a, const struct trial_result *b);

/* The way it failed, in some words. */
void trial_say(const struct trial_result *result, char *words, size_t size);

#endif
