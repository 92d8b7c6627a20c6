/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/pool.h"

#include "host/uv/inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A pair of buffers is one allocation: entries, then bodies. */
enum { BUFFERS = TALLY_ENTRIES_MAX + TALLY_BODIES_MAX };

static void put_last(struct pool_package ***end, struct pool_package *package)
{
    package->next = NULL;
    **end = package;
    *end = &package->next;
}

/* ---- Buffers; the mutex is held by the caller ---- */

static uint8_t *buffers_take(struct pool *pool)
{
    return pool->spare_count > 0 ? pool->spare[--pool->spare_count] : malloc(BUFFERS);
}

static void buffers_put(struct pool *pool, uint8_t *buffers)
{
    if (buffers != NULL && pool->spare_count < POOL_SPARE)
        pool->spare[pool->spare_count++] = buffers;
    else
        free(buffers);
}

/* ---- On the workers ---- */

static void check(struct pool *pool, struct pool_package *package, uint8_t *buffers)
{
    package->package.entries = buffers;
    package->package.bodies = buffers == NULL ? NULL : buffers + TALLY_ENTRIES_MAX;
    package->drop = TALLY_DROP_BUSY;
    if (buffers != NULL)
        package->drop =
            tally_package_open(&package->job, (struct tally_bytes){package->compact, package->size},
                               &pool->crypto, &package->package);
    free(package->compact);
    package->compact = NULL;
}

static void work(void *argument)
{
    struct pool *pool = argument;
    uv_mutex_lock(&pool->mutex);
    while (!pool->stop) {
        struct pool_package *package = pool->waiting;
        if (package == NULL) {
            uv_cond_wait(&pool->wake, &pool->mutex);
            continue;
        }
        pool->waiting = package->next;
        if (pool->waiting == NULL)
            pool->waiting_end = &pool->waiting;
        uint8_t *buffers = buffers_take(pool);
        uv_mutex_unlock(&pool->mutex);
        check(pool, package, buffers);
        uv_mutex_lock(&pool->mutex);
        put_last(&pool->done_end, package);
        (void)uv_async_send(&pool->ready);
    }
    uv_mutex_unlock(&pool->mutex);
}

/* ---- On the loop ---- */

static void destroy(struct pool *pool, struct pool_package *package)
{
    struct pool_package **at = &pool->all;
    while (*at != package)
        at = &(*at)->other;
    *at = package->other;
    pool->count--;
    uv_mutex_lock(&pool->mutex);
    buffers_put(pool, package->package.entries);
    uv_mutex_unlock(&pool->mutex);
    free(package->compact);
    free(package);
}

static void tell(struct pool *pool, struct pool_package *package)
{
    const struct tally_package *opened = &package->package;
    struct tally_event event = {.kind = TALLY_EVENT_VERIFIED,
                                .verified = {.ticket = package->ticket, .drop = package->drop}};
    if (package->drop == TALLY_DROP_NONE) {
        event.verified.subtree = opened->subtree;
        event.verified.previous = opened->previous;
        event.verified.last = opened->last;
        event.verified.large = opened->large;
        event.verified.large_count = opened->large_count;
    }
    host_step(pool->host, &event);
}

static void on_ready(uv_async_t *ready)
{
    struct pool *pool = ready->data;
    uv_mutex_lock(&pool->mutex);
    struct pool_package *package = pool->done;
    pool->done = NULL;
    pool->done_end = &pool->done;
    uv_mutex_unlock(&pool->mutex);
    while (package != NULL) {
        struct pool_package *next = package->next;
        bool wanted = !package->released;
        package->checked = true;
        /* A bad one is of no use to anybody: it cannot be found by the step that hears of it. */
        package->released = package->released || package->drop != TALLY_DROP_NONE;
        if (wanted)
            tell(pool, package);
        if (package->released && !package->lent)
            destroy(pool, package);
        package = next;
    }
}

struct pool_package *pool_find(struct pool *pool, uint64_t ticket)
{
    for (struct pool_package *package = pool->all; package != NULL; package = package->other)
        if (package->ticket == ticket && !package->released && !package->lent)
            return package;
    return NULL;
}

static struct pool_package *make(struct pool *pool, uint64_t ticket,
                                 const struct tally_package_job *job)
{
    struct pool_package *package = calloc(1, sizeof *package);
    /* A node that cannot remember a question can only stop. */
    assert(package != NULL);
    package->ticket = ticket;
    package->job = *job;
    (void)strncpy(package->name_space, job->name_space, TALLY_NAMESPACE_MAX);
    package->job.name_space = package->name_space;
    if (job->first % TALLY_TILE_WIDTH > 0)
        memcpy(package->before, job->before, job->first % TALLY_TILE_WIDTH * sizeof *job->before);
    package->job.before = package->before;
    package->drop = pool->count < POOL_PACKAGES ? TALLY_DROP_NONE : TALLY_DROP_BUSY;
    package->other = pool->all;
    pool->all = package;
    pool->count++;
    return package;
}

static void gather(struct pool_package *package, struct tally_bytes bytes)
{
    if (package->drop != TALLY_DROP_NONE)
        return;
    size_t size = package->size + bytes.size;
    if (size > TALLY_PACKAGE_MAX) {
        package->drop = TALLY_DROP_MALFORMED;
        return;
    }
    if (size > package->capacity) {
        size_t capacity = size < package->capacity * 2 ? package->capacity * 2 : size;
        uint8_t *larger = realloc(package->compact, capacity);
        if (larger == NULL) {
            package->drop = TALLY_DROP_BUSY;
            return;
        }
        package->compact = larger;
        package->capacity = capacity;
    }
    if (bytes.size > 0)
        memcpy(package->compact + package->size, bytes.data, bytes.size);
    package->size = size;
}

void pool_verify(struct pool *pool, const struct tally_action *action)
{
    struct pool_package *package = pool_find(pool, action->verify.ticket);
    if (package == NULL)
        package = make(pool, action->verify.ticket, &action->verify.job);
    assert(!package->whole);
    gather(package, action->verify.bytes);
    if (!action->verify.last)
        return;
    package->whole = true;
    uv_mutex_lock(&pool->mutex);
    if (package->drop == TALLY_DROP_NONE) {
        put_last(&pool->waiting_end, package);
        uv_cond_signal(&pool->wake);
    } else {
        put_last(&pool->done_end, package);
        (void)uv_async_send(&pool->ready);
    }
    uv_mutex_unlock(&pool->mutex);
}

void pool_release(struct pool *pool, struct pool_package *package)
{
    package->released = true;
    package->lent = false;
    /* One that is being checked is destroyed when it comes back. */
    if (package->checked || !package->whole)
        destroy(pool, package);
}

enum tally_error pool_open(struct pool *pool, struct host *host, const struct tally_crypto *crypto,
                           unsigned workers, struct complaint *complaint)
{
    pool->host = host;
    pool->crypto = *crypto;
    pool->waiting_end = &pool->waiting;
    pool->done_end = &pool->done;
    if (uv_mutex_init(&pool->mutex) != 0 || uv_cond_init(&pool->wake) != 0 ||
        uv_async_init(&host->loop, &pool->ready, on_ready) != 0)
        return complain(complaint, TALLY_NO_MEMORY, "%s", tally_error_text(TALLY_NO_MEMORY));
    pool->ready.data = pool;
    pool->open = true;
    if (workers == 0)
        workers = uv_available_parallelism();
    if (workers > POOL_WORKERS_MAX)
        workers = POOL_WORKERS_MAX;
    while (pool->thread_count < workers) {
        if (uv_thread_create(&pool->threads[pool->thread_count], work, pool) != 0)
            return complain(complaint, TALLY_NO_MEMORY,
                            "the system gives no more threads: raise the limit of processes");
        pool->thread_count++;
    }
    return TALLY_OK;
}

void pool_close(struct pool *pool)
{
    if (!pool->open)
        return;
    uv_mutex_lock(&pool->mutex);
    pool->stop = true;
    uv_cond_broadcast(&pool->wake);
    uv_mutex_unlock(&pool->mutex);
    while (pool->thread_count > 0)
        (void)uv_thread_join(&pool->threads[--pool->thread_count]);
    uv_close((uv_handle_t *)&pool->ready, NULL);
    pool->open = false;
}

void pool_free(struct pool *pool)
{
    while (pool->all != NULL)
        destroy(pool, pool->all);
    while (pool->spare_count > 0)
        free(pool->spare[--pool->spare_count]);
}
