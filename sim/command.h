/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_COMMAND_H
#define SIM_COMMAND_H
/* The verbs of tally-sim. Each returns the exit status. */
#include "scale.h"
#include "story.h"
#include "swarm.h"

enum { EXIT_FINE = 0, EXIT_BROKEN = 1, EXIT_USAGE = 2 };

/* Command-line options, as far as they were given. */
struct arguments {
    const char *file, *transcript, *json, *html, *into;
    bool seeded, print, all;
    uint64_t seed, seeds, from, minutes, hours, jobs, seconds; /* 0: not said. */
    uint64_t until_us;                                         /* UINT64_MAX: to the end. */
    double speed;
    struct swarm_sizes sizes;
    struct scale_options scale;
    bool crypto_given;
    enum provider_kind crypto;
    enum tally_level level;
};

int command_run(const struct arguments *arguments);
int command_replay(const struct arguments *arguments);
int command_swarm(const struct arguments *arguments);
int command_shrink(const struct arguments *arguments);
int command_watch(const struct arguments *arguments);

/* A sentence and a word on standard error; EXIT_USAGE. */
int command_misuse(const char *sentence, const char *word);

/* A whole file, the standard input if it is named "-", NUL-terminated; NULL after saying why not,
   also if no file was named. Free with memory_free. */
char *command_file(const char *path);

/* A story from a file, with what the options say otherwise. Also its text and its name, which is
   the file's without folders. False after saying why not. */
bool command_story(const struct arguments *arguments, struct scenario *scenario, char **text,
                   const char **name);

double command_seconds(void); /* Of our time. */

/* Where a search begins that was told no seed: each second elsewhere. */
uint64_t command_fresh_seed(void);

#endif
