/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_DISK_H
#define UV_DISK_H
/*
 * The store thread: the only one that waits for the disk. All that came while it was busy is its
 * next batch, which shares one wait (group commit). Only packages in the middle of a transfer wait
 * for company, a moment (protocols 9.2 rule 5): nobody is told of them, and each by itself would
 * cost the processor what the pool needs for signatures.
 */
#include "host/config/complaint.h"
#include "host/store/store.h"
#include "tally/action.h"
#include <uv.h>

enum {
    DISK_BATCH = 4096,   /* Jobs a commit takes at most. */
    DISK_GATHER = 16,    /* Packages that are enough company. */
    DISK_GATHER_MS = 50, /* The longest that one waits for it. */
};

struct host;
struct store;
struct pool_package;
struct disk_job;

struct disk {
    struct host *host;
    struct store *store;
    uv_async_t ready;
    uv_thread_t thread;
    bool open, started;
    size_t count;     /* Jobs given and not settled. */
    bool remembering; /* peers.last is to be written. */
    /* Shared, under the mutex. */
    uv_mutex_t mutex;
    uv_cond_t wake;
    bool stop;
    size_t patient, urgent; /* Of those waiting: packages that may wait for company, and others. */
    struct disk_job *waiting, **waiting_end, *done, **done_end;
    struct store_peer *peers; /* For peers.last; NULL: nothing to do. */
    size_t peer_count;
    bool remembered;
    enum { DISK_SAYS_NOTHING, DISK_SAYS_LAST, DISK_SAYS_OLD } vouch; /* For store_vouch. */
};

enum tally_error disk_open(struct disk *disk, struct host *host, struct store *store,
                           struct complaint *complaint);

/*
 * APPEND, SEAL, PUBLISH, BODY, RELEASE or EVIDENCE. `package` is the one it names, else NULL; after
 * an APPEND or RELEASE it goes back to the pool.
 */
void disk_perform(struct disk *disk, const struct tally_action *action,
                  struct pool_package *package);

/* Writes peers.last, after what waits now. The list is copied; a failure is no matter. */
void disk_remember(struct disk *disk, const struct store_peer *peers, size_t count);

/* store_vouch, after what waits now. A failure means that the next start asks. */
void disk_vouch(struct disk *disk, bool last);

/* Whether all that was asked is done and settled. */
bool disk_idle(const struct disk *disk);

/* Finishes what is queued and joins the thread. Idempotent. Memory goes with disk_free. */
void disk_close(struct disk *disk);
void disk_free(struct disk *disk);

#endif
