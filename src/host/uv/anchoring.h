/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_ANCHORING_H
#define UV_ANCHORING_H
/*
 * Anchors judged in the background, when they are due (reliability chapter 12.2): a chain may drop
 * a block that it had, and a proof that waited for confirmations has them now. One look at a time:
 *
 *     timer ─▶ worker: reads anchors.json and the book ─▶ loop: the checkpoints, by our own tiles
 *           ─▶ worker: asks backends, keeps what was found ─▶ loop: tells the node and the log
 *
 * Bounded: so many records a look, the others in the next; backends by the timeouts that
 * anchors.json gives them. An anchor that came to be quarantined or reorganised is held against the
 * party that published it, once (TALLY_COMMAND_ANCHOR), and against nobody else; when all that it
 * answers for are good again, the case is over. What a verb judged meanwhile counts as well.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum {
    ANCHORING_FIRST_MS = 5000,
    ANCHORING_MS = 600 * 1000, /* Between two looks, unless the operator says otherwise. */
    ANCHORING_RECORDS = 16,    /* Judged in one look. */
    /* A verb judges before its file is durable: so long after it is told, twice rather than never.
     */
    ANCHORING_LATE_MS = 60 * 1000,
};

struct host;
struct anchoring_look;

struct anchoring {
    struct host *host;
    uv_timer_t timer;
    uv_work_t work;
    unsigned every_ms;
    bool busy;
    atomic_bool stop;
    int64_t seen_ms;             /* Verdicts up to then were told, or were before our time. */
    char after[65];              /* The id that the last look ended with: the next goes on there. */
    struct anchoring_look *look; /* The one under way. */
    uint64_t looks, judged, moved; /* So far. */
};

/* The timer is initialised here. every_ms 0: the usual. */
void anchoring_open(struct anchoring *anchoring, struct host *host, unsigned every_ms);
void anchoring_start(struct anchoring *anchoring);
/* A look that is under way ends with its current record. */
void anchoring_stop(struct anchoring *anchoring);

#endif
