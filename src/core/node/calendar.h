/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CALENDAR_H
#define NODE_CALENDAR_H
/*
 * What day it is, for what cannot be undone. A wall clock that is years ahead would have everything
 * pruned at once, so it is believed as far as something else says the same:
 *
 *     peers are linked     most of them agree with our clock, to TALLY_DRIFT_MS; while they do not,
 *                          nothing that cannot be undone is done
 *     they were, before    our clock then, and what the monotonic clock has counted since
 *     never, in this life  of each log: the time of its newest receipt, by its issuer's word, and
 *                          what was counted since the start. Who dates it into the future has his
 *                          own bodies dropped early, and nobody else's.
 *
 * The wall clock itself is always a bound: who is behind keeps longer. Peers who lie together can
 * make this node wait; to have it act too early they must be most of those it is linked with, and
 * have set its clock.
 */
#include "tally/types.h"

struct calendar {
    struct tally_mono begun;
    bool confirmed, disputed;
    struct tally_now at; /* When most of those who were linked agreed last. */
};

void calendar_start(struct calendar *calendar, struct tally_now now);

/* Of so many linked peers whose clock is known, so many agree with ours. */
void calendar_look(struct calendar *calendar, struct tally_now now, size_t known, size_t agreeing);

/* The latest that it may be, where the newest receipt of the log in question is of that time. */
struct tally_wall calendar_latest(const struct calendar *calendar, struct tally_now now,
                                  struct tally_wall newest);

#endif
