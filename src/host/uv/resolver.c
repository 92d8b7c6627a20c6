/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/resolver.h"

#include "host/uv/inside.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct resolver_job {
    struct resolver_job *next;
    struct dns_question question;
    uint64_t ticket;
    resolver_on_done *on_done;
    void *context;
    struct dns_found found;
};

/* Belongs to both threads; to the resolver's alone once `stop` is set while it is busy. */
struct resolver_shared {
    uv_mutex_t mutex;
    uv_cond_t wake;
    uv_thread_t thread;
    uv_async_t *ready;
    atomic_bool stop;
    bool started, busy;
    size_t count; /* Jobs not yet told; of the loop. */
    struct resolver_job *waiting, **waiting_end, *done, **done_end;
};

static void put_last(struct resolver_job ***end, struct resolver_job *job)
{
    job->next = NULL;
    **end = job;
    *end = &job->next;
}

static void jobs_free(struct resolver_job *job)
{
    while (job != NULL) {
        struct resolver_job *next = job->next;
        free(job);
        job = next;
    }
}

static void shared_free(struct resolver_shared *shared)
{
    jobs_free(shared->waiting);
    jobs_free(shared->done);
    uv_cond_destroy(&shared->wake);
    uv_mutex_destroy(&shared->mutex);
    free(shared);
}

/* ---- On the resolver's thread ---- */

static void work(void *argument)
{
    struct resolver_shared *shared = argument;
    bool busy = false; /* When told to stop: then nobody waits, and it cleans up itself. */
    uv_mutex_lock(&shared->mutex);
    while (!atomic_load(&shared->stop)) {
        struct resolver_job *job = shared->waiting;
        if (job == NULL) {
            uv_cond_wait(&shared->wake, &shared->mutex);
            continue;
        }
        shared->waiting = job->next;
        if (shared->waiting == NULL)
            shared->waiting_end = &shared->waiting;
        shared->busy = true;
        uv_mutex_unlock(&shared->mutex);
        dns_find(&job->question, &shared->stop, &job->found);
        uv_mutex_lock(&shared->mutex);
        shared->busy = false;
        put_last(&shared->done_end, job);
        busy = atomic_load(&shared->stop);
        if (!busy)
            (void)uv_async_send(shared->ready);
    }
    uv_mutex_unlock(&shared->mutex);
    if (busy)
        shared_free(shared);
}

/* ---- On the loop ---- */

static void on_ready(uv_async_t *ready)
{
    struct resolver *resolver = ready->data;
    struct resolver_shared *shared = resolver->shared;
    uv_mutex_lock(&shared->mutex);
    struct resolver_job *job = shared->done;
    shared->done = NULL;
    shared->done_end = &shared->done;
    uv_mutex_unlock(&shared->mutex);
    while (job != NULL) {
        struct resolver_job *next = job->next;
        shared->count--;
        job->on_done(job->context, job->ticket, &job->question, &job->found);
        free(job);
        job = next;
    }
}

static struct resolver_shared *shared_new(struct resolver *resolver)
{
    struct resolver_shared *shared = calloc(1, sizeof *shared);
    if (shared == NULL)
        return NULL;
    shared->ready = &resolver->ready;
    shared->waiting_end = &shared->waiting;
    shared->done_end = &shared->done;
    atomic_init(&shared->stop, false);
    if (uv_mutex_init(&shared->mutex) != 0 || uv_cond_init(&shared->wake) != 0) {
        free(shared);
        return NULL;
    }
    return shared;
}

/* Too much at once: said from the loop, as everything else. */
static void refuse(struct resolver *resolver, struct resolver_job *job)
{
    job->found = (struct dns_found){.error = TALLY_BUSY};
    uv_mutex_lock(&resolver->shared->mutex);
    put_last(&resolver->shared->done_end, job);
    uv_mutex_unlock(&resolver->shared->mutex);
    (void)uv_async_send(&resolver->ready);
}

void resolver_ask(struct resolver *resolver, const struct dns_question *question, uint64_t ticket,
                  resolver_on_done *on_done, void *context)
{
    struct resolver_job *job = calloc(1, sizeof *job);
    struct resolver_shared *shared = resolver->shared;
    /* Who is to be told cannot be remembered: a node asks a few of these in an hour. */
    assert(job != NULL);
    job->question = *question;
    job->ticket = ticket;
    job->on_done = on_done;
    job->context = context;
    if (!shared->started)
        shared->started = uv_thread_create(&shared->thread, work, shared) == 0;
    if (shared->count++ >= RESOLVER_JOBS || !shared->started) {
        refuse(resolver, job);
        return;
    }
    uv_mutex_lock(&shared->mutex);
    put_last(&shared->waiting_end, job);
    uv_cond_signal(&shared->wake);
    uv_mutex_unlock(&shared->mutex);
}

static void on_resolved(void *context, uint64_t ticket, const struct dns_question *question,
                        const struct dns_found *found)
{
    struct host *host = context;
    const struct tally_event event = {
        .kind = TALLY_EVENT_RESOLVED,
        .resolved = {.ticket = ticket,
                     .error = found->error == TALLY_BUSY ? TALLY_TIMED_OUT : found->error,
                     .list = found->list,
                     .count = found->count}};
    bootstrap_heard(&host->bootstrap, question->name, found->error);
    host_step(host, &event);
}

void resolver_resolve(struct resolver *resolver, const struct tally_action *action)
{
    struct dns_question question = {.domain = true};
    (void)snprintf(question.name, sizeof question.name, "%s", action->resolve.name);
    resolver_ask(resolver, &question, action->resolve.ticket, on_resolved, resolver->host);
}

enum tally_error resolver_open(struct resolver *resolver, struct host *host,
                               struct complaint *complaint)
{
    resolver->host = host;
    resolver->shared = shared_new(resolver);
    if (resolver->shared == NULL || uv_async_init(&host->loop, &resolver->ready, on_ready) != 0) {
        free(resolver->shared);
        resolver->shared = NULL;
        return complain(complaint, TALLY_NO_MEMORY, "%s", tally_error_text(TALLY_NO_MEMORY));
    }
    resolver->ready.data = resolver;
    resolver->open = true;
    return TALLY_OK;
}

void resolver_close(struct resolver *resolver)
{
    struct resolver_shared *shared = resolver->shared;
    if (!resolver->open)
        return;
    resolver->open = false;
    resolver->shared = NULL;
    uv_close((uv_handle_t *)&resolver->ready, NULL);
    if (!shared->started) {
        shared_free(shared);
        return;
    }
    uv_mutex_lock(&shared->mutex);
    bool busy = shared->busy;
    uv_thread_t thread = shared->thread;
    atomic_store(&shared->stop, true);
    uv_cond_signal(&shared->wake);
    uv_mutex_unlock(&shared->mutex);
    if (busy) {
        (void)pthread_detach(thread);
        return;
    }
    (void)uv_thread_join(&thread);
    shared_free(shared);
}
