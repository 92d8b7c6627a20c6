/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_POOL_H
#define UV_POOL_H
/*
 * The worker threads that check packages. VERIFY brings a package in pieces; they are gathered
 * under its ticket and, when it is whole, tally_package_open runs on a worker. What passed stays
 * here until APPEND or RELEASE took it.
 */
#include "host/config/complaint.h"
#include "tally/action.h"
#include "tally/log.h"
#include <uv.h>

enum {
    POOL_PACKAGES = 1024, /* At a time; above it VERIFIED says BUSY. The node's credit is less. */
    POOL_WORKERS_MAX = 64,
    POOL_SPARE = 32, /* Pairs of buffers kept for the next packages. */
};

struct host;

struct pool_package {
    struct pool_package *next;  /* In a queue of the pool. */
    struct pool_package *other; /* In the list of all. */
    uint64_t ticket;
    struct tally_package_job job;
    char name_space[TALLY_NAMESPACE_MAX + 1];
    struct tally_hash before[TALLY_TILE_WIDTH];
    uint8_t *compact;
    size_t size, capacity;
    bool whole, checked, released;
    bool lent; /* The disk has it, and gives it back by pool_release. */
    enum tally_drop drop;
    struct tally_package package;
};

struct pool {
    struct host *host;
    struct tally_crypto crypto;
    uv_async_t ready;
    bool open;
    uv_thread_t threads[POOL_WORKERS_MAX];
    unsigned thread_count;
    struct pool_package *all;
    size_t count;
    /* Shared, under the mutex. */
    uv_mutex_t mutex;
    uv_cond_t wake;
    bool stop;
    struct pool_package *waiting, **waiting_end, *done, **done_end;
    uint8_t *spare[POOL_SPARE];
    size_t spare_count;
};

enum tally_error pool_open(struct pool *pool, struct host *host, const struct tally_crypto *crypto,
                           unsigned workers, struct complaint *complaint);

/* A VERIFY. */
void pool_verify(struct pool *pool, const struct tally_action *action);

/* The package of a ticket, in whatever state; NULL if it was released or lent to the disk. */
struct pool_package *pool_find(struct pool *pool, uint64_t ticket);

/* A package nobody needs any more, and no job of the disk borrows. */
void pool_release(struct pool *pool, struct pool_package *package);

/* Joins the threads, after the checks they are in. Idempotent. Memory goes with pool_free. */
void pool_close(struct pool *pool);
void pool_free(struct pool *pool);

#endif
