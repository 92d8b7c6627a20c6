/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_ASKING_H
#define UV_ASKING_H
/*
 * The node's questions over HTTP: to witnesses that the operator named. Each has a thread of its
 * own while it waits, so that a slow server holds up nobody; the answer comes back to the loop
 * through one uv_async. More than ASKING_MOST at a time are answered BUSY at once: the node asks
 * fewer.
 */
#include "host/config/complaint.h"
#include "tally/action.h"
#include <stdatomic.h>
#include <uv.h>

enum { ASKING_MOST = 8 };

struct host;
struct question;

struct asking {
    struct host *host;
    uv_async_t ready;
    bool open;
    bool network; /* False: nobody is asked, the answer is UNREACHABLE. */
    atomic_bool stop;
    uv_mutex_t mutex;
    struct question *done;      /* Shared, under the mutex. */
    struct question *under_way; /* All that are not answered. */
    unsigned count;
    uint64_t asked, failed; /* So far. */
};

enum tally_error asking_open(struct asking *asking, struct host *host, bool network,
                             struct complaint *complaint);

/* An HTTP. */
void asking_ask(struct asking *asking, const struct tally_action *action);

/* What is under way ends within a second. */
void asking_stop(struct asking *asking);

/* The same, and joins the threads. Idempotent. */
void asking_close(struct asking *asking);

#endif
