/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/disk.h"

#include "host/store/store.h"
#include "host/uv/inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct disk_job {
    struct disk_job *next;
    struct store_job *job;
    struct pool_package *package; /* Goes back to the pool when the job is settled. */
};

/* ---- On the store thread ---- */

/* Lets packages come together, as long as nothing else waits. */
static void gather(struct disk *disk)
{
    const uint64_t end = uv_hrtime() + DISK_GATHER_MS * UINT64_C(1000000);
    for (uint64_t now = uv_hrtime(); now < end; now = uv_hrtime()) {
        if (disk->stop || disk->urgent > 0 || disk->patient == 0 || disk->patient >= DISK_GATHER)
            return;
        (void)uv_cond_timedwait(&disk->wake, &disk->mutex, end - now);
    }
}

static struct disk_job *take_batch(struct disk *disk, struct store_job **batch, size_t *count)
{
    struct disk_job *first = disk->waiting, *last = NULL;
    *count = 0;
    for (struct disk_job *job = first; job != NULL && *count < DISK_BATCH; job = job->next) {
        batch[(*count)++] = job->job;
        last = job;
    }
    if (last == NULL)
        return NULL;
    disk->waiting = last->next;
    last->next = NULL;
    if (disk->waiting == NULL)
        disk->waiting_end = &disk->waiting;
    disk->patient = 0;
    disk->urgent = disk->waiting != NULL; /* More than a batch: no reason to wait. */
    return first;
}

static void put_done(struct disk *disk, struct disk_job *jobs)
{
    *disk->done_end = jobs;
    while (*disk->done_end != NULL)
        disk->done_end = &(*disk->done_end)->next;
    (void)uv_async_send(&disk->ready);
}

/* Hints, when nothing else is to be done. The mutex is held. */
static void write_peers(struct disk *disk)
{
    struct store_peer *peers = disk->peers;
    size_t count = disk->peer_count;
    disk->peers = NULL;
    uv_mutex_unlock(&disk->mutex);
    enum tally_error ignored = store_peers_write(disk->store, peers, count);
    (void)ignored; /* Whom a node knew is of use, never of need. */
    free(peers);
    uv_mutex_lock(&disk->mutex);
    disk->remembered = disk->peers == NULL;
    (void)uv_async_send(&disk->ready);
}

/* Whether this directory is the one that signed last. The mutex is held. */
static void vouch(struct disk *disk)
{
    bool last = disk->vouch == DISK_SAYS_LAST;
    disk->vouch = DISK_SAYS_NOTHING;
    uv_mutex_unlock(&disk->mutex);
    enum tally_error ignored = store_vouch(disk->store, last);
    (void)ignored;
    uv_mutex_lock(&disk->mutex);
}

static void work(void *argument)
{
    struct disk *disk = argument;
    struct store_job **batch = malloc(DISK_BATCH * sizeof(struct store_job *));
    assert(batch != NULL);
    uv_mutex_lock(&disk->mutex);
    for (;;) {
        size_t count;
        gather(disk);
        struct disk_job *jobs = take_batch(disk, batch, &count);
        if (jobs == NULL && disk->vouch != DISK_SAYS_NOTHING) {
            vouch(disk);
            continue;
        }
        if (jobs == NULL && disk->peers != NULL) {
            write_peers(disk);
            continue;
        }
        if (jobs == NULL && disk->stop)
            break;
        if (jobs == NULL) {
            uv_cond_wait(&disk->wake, &disk->mutex);
            continue;
        }
        uv_mutex_unlock(&disk->mutex);
        store_commit(disk->store, batch, count);
        uv_mutex_lock(&disk->mutex);
        put_done(disk, jobs);
    }
    uv_mutex_unlock(&disk->mutex);
    free(batch);
}

/* ---- On the loop ---- */

static void destroy(struct disk *disk, struct disk_job *job)
{
    if (job->package != NULL)
        pool_release(&disk->host->pool, job->package);
    store_job_free(job->job);
    free(job);
    disk->count--;
}

static void settle(struct disk *disk, struct disk_job *job)
{
    struct tally_event event;
    enum tally_error error = job->job->error;
    store_settle(disk->store, job->job);
    if (store_job_event(job->job, &event))
        host_step(disk->host, &event);
    destroy(disk, job);
    host_look_at_guard(disk->host);
    if (error == TALLY_FULL || error == TALLY_READ_ONLY)
        host_no_space(disk->host);
    else if (error == TALLY_IO)
        host_disk_failed(disk->host);
}

static void on_ready(uv_async_t *ready)
{
    struct disk *disk = ready->data;
    uv_mutex_lock(&disk->mutex);
    struct disk_job *job = disk->done;
    disk->done = NULL;
    disk->done_end = &disk->done;
    disk->remembering = disk->remembering && !disk->remembered;
    disk->remembered = false;
    uv_mutex_unlock(&disk->mutex);
    while (job != NULL) {
        struct disk_job *next = job->next;
        settle(disk, job);
        job = next;
    }
    if (disk->host->crowded) {
        disk->host->crowded = false;
        host_later(disk->host);
    }
}

void disk_perform(struct disk *disk, const struct tally_action *action,
                  struct pool_package *package)
{
    struct disk_job *job = calloc(1, sizeof *job);
    struct store_job *inner = store_job_new(action, package == NULL ? NULL : &package->package);
    /* A node that cannot remember what it must make durable can only stop. */
    assert(job != NULL && inner != NULL);
    job->job = inner;
    job->package = action->kind == TALLY_ACTION_BODY ? NULL : package;
    disk->count++;
    bool patient =
        action->kind == TALLY_ACTION_APPEND && package != NULL && action->append.note.size == 0;
    uv_mutex_lock(&disk->mutex);
    disk->patient += patient;
    disk->urgent += !patient;
    *disk->waiting_end = job;
    disk->waiting_end = &job->next;
    uv_cond_signal(&disk->wake);
    uv_mutex_unlock(&disk->mutex);
}

void disk_remember(struct disk *disk, const struct store_peer *peers, size_t count)
{
    struct store_peer *copy = calloc(count + 1, sizeof *copy);
    if (copy == NULL)
        return;
    if (count > 0)
        memcpy(copy, peers, count * sizeof *copy);
    disk->remembering = true;
    uv_mutex_lock(&disk->mutex);
    free(disk->peers);
    disk->peers = copy;
    disk->peer_count = count;
    disk->remembered = false;
    uv_cond_signal(&disk->wake);
    uv_mutex_unlock(&disk->mutex);
}

void disk_vouch(struct disk *disk, bool last)
{
    uv_mutex_lock(&disk->mutex);
    disk->vouch = last ? DISK_SAYS_LAST : DISK_SAYS_OLD;
    uv_cond_signal(&disk->wake);
    uv_mutex_unlock(&disk->mutex);
}

bool disk_idle(const struct disk *disk)
{
    return disk->count == 0 && !disk->remembering;
}

enum tally_error disk_open(struct disk *disk, struct host *host, struct store *store,
                           struct complaint *complaint)
{
    disk->host = host;
    disk->store = store;
    disk->waiting_end = &disk->waiting;
    disk->done_end = &disk->done;
    if (uv_mutex_init(&disk->mutex) != 0 || uv_cond_init(&disk->wake) != 0 ||
        uv_async_init(&host->loop, &disk->ready, on_ready) != 0)
        return complain(complaint, TALLY_NO_MEMORY, "%s", tally_error_text(TALLY_NO_MEMORY));
    disk->ready.data = disk;
    disk->open = true;
    if (uv_thread_create(&disk->thread, work, disk) != 0)
        return complain(complaint, TALLY_NO_MEMORY,
                        "the system gives no more threads: raise the limit of processes");
    disk->started = true;
    return TALLY_OK;
}

void disk_close(struct disk *disk)
{
    if (!disk->open)
        return;
    uv_mutex_lock(&disk->mutex);
    disk->stop = true;
    uv_cond_signal(&disk->wake);
    uv_mutex_unlock(&disk->mutex);
    if (disk->started)
        (void)uv_thread_join(&disk->thread);
    uv_close((uv_handle_t *)&disk->ready, NULL);
    disk->open = false;
}

void disk_free(struct disk *disk)
{
    free(disk->peers);
    disk->peers = NULL;
    struct disk_job *job = disk->done;
    while (job != NULL) {
        struct disk_job *next = job->next;
        job->package = NULL; /* The pool frees its own. */
        destroy(disk, job);
        job = next;
    }
    disk->done = NULL;
}
