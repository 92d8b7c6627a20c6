/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H
/*
 * The least story that still fails in the same way: fewest nodes, then fewest lines (ddmin, Zeller
 * and Hildebrandt 2002), least counts, least seconds. What fails by chance is sought under other
 * seeds, see shrink_inside.h, until it is 90 % smaller.
 *
 * A smaller story must be fair. Where something expected did not come, leaving out the line that
 * heals a partition makes it fail as well, and shows nothing: so a fault that stays keeps the line
 * that ends it, and `within` is left as it is.
 */
#include "sheet.h"
#include "trial.h"

struct shrink_options {
    unsigned jobs;  /* Candidates tried at once. */
    double seconds; /* Of our time, at most. */
    bool progress;  /* Says how far it is, on standard error. */
};

struct shrink_size {
    size_t lines;
    uint32_t nodes;
    double seconds;
    uint64_t events;
};

struct shrink_report {
    bool failed; /* The story does; else there was nothing to do. */
    struct trial_result before, after;
    struct shrink_size from, to;
    unsigned tried;
    double seconds; /* Of our time. */
};

/* Writes the least story found into *sheet, with its id in a comment. */
void shrink(const char *name, const char *text, const struct shrink_options *options,
            struct sheet *sheet, struct shrink_report *report);

/* How much of lines x nodes x seconds is gone, in percent. */
double shrink_share(const struct shrink_report *report);

/* The same in some words, with what is left; of a core that died nobody knows the seconds. */
void shrink_tell(const struct shrink_report *report, char *words, size_t size);

#endif
