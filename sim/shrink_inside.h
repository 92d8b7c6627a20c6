/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SHRINK_INSIDE_H
#define SIM_SHRINK_INSIDE_H
/* What the parts of shrinking share. */
#include "shrink.h"

enum {
    SHRINK_JOBS_MAX = 64,
    SHRINK_AHEAD_MAX = 4 * SHRINK_JOBS_MAX, /* Candidates whose turn is still to come. */
    SHRINK_TRIED_MAX = 1 << 16,
};

/* A story that may be the next least one. */
struct candidate {
    char *text;
    uint64_t seed;  /* Under this and the next ones; */
    unsigned seeds; /* so many, 0: under its own. */
    size_t place;   /* Where in the story something was left out. */
    bool begun, over;
    struct trial trial;
    struct trial_result result;
};

struct shrinking {
    const struct shrink_options *options;
    const char *name;
    struct scenario scenario; /* The first story. */
    char *whole, *text;       /* Its text; the least story so far. */
    struct trial_result first, best;
    size_t place;     /* Of what was left out last. */
    bool fair, quick; /* quick: what is found in the end is seen once more, closely. */
    double until, wait_s;
    uint64_t *tried; /* Hashes of candidates: none is run twice. */
    unsigned tried_count;
    struct candidate *ahead; /* A ring: those that are tried, in their order. */
    size_t ahead_first, ahead_count;
    unsigned running;
    struct shrink_report *report;
};

bool shrink_late(const struct shrinking *shrinking);

/*
 * Candidates are run several at once, and judged one after the other in the order in which they
 * were added: the first that fails in the same way becomes the least story, and those behind it
 * were never tried. So the outcome is the same however many are run at once.
 *
 * One more: its text, seeds and place; the text is ours from now on. Waits until there is room for
 * the next. True if one of all so far became the least story; then none is left. NULL, a text that
 * was tried, and one that is not fair are no candidates.
 */
bool shrink_try(struct shrinking *shrinking, const struct candidate *candidate);

/* The same, of one under its own seed. */
bool shrink_try_text(struct shrinking *shrinking, char *text);

/* Waits for those that are still tried. */
bool shrink_try_rest(struct shrinking *shrinking);

/* Tries to leave out each piece of so many nodes, or lines, from the end, under so many seeds from
   1 on; 0: its own. True if any went. */
bool shrink_pieces(struct shrinking *shrinking, bool nodes, size_t piece, unsigned seeds);

/*
 * Where what is expected fails to come by chance, a smaller story takes another course, and passes:
 * under another seed of its world it may fail as the first one did. Each way to leave something out
 * is tried under several seeds, 1 and up; the larger it is, the more of them: as many runs go into
 * the halves of the story as into its quarters, `effort` for each size, but no more than is worth
 * it for one piece. True if anything went.
 */
bool shrink_by_chance(struct shrinking *shrinking, unsigned effort);

/* Whether it is as small as it has to be, by then. */
bool shrink_enough(struct shrinking *shrinking);

size_t shrink_lines(const char *text);

#endif
