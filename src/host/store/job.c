/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs: copies of actions on their way through the worker and back to the loop. */
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "host/store/evidence.h"
#include "host/store/group.h"
#include "host/store/inside.h"
#include "host/store/kept.h"
#include "host/store/prune.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Making ---- */

/* The views and strings of an action, so that they can be counted and copied in one place. */
struct parts {
    struct tally_bytes *views[2];
    const char **strings[2];
    struct tally_bytes *note; /* Copied apart. */
};

static struct parts parts_of(struct tally_action *action)
{
    switch (action->kind) {
    case TALLY_ACTION_APPEND:
        return (struct parts){{&action->append.envelope, &action->append.body},
                              {&action->append.log.origin, &action->append.log.name_space},
                              &action->append.note};
    case TALLY_ACTION_PUBLISH:
        return (struct parts){.note = &action->publish.note};
    case TALLY_ACTION_KEEP:
        return (struct parts){.note = &action->keep.note};
    case TALLY_ACTION_BODY:
        return (struct parts){.views = {&action->body.bytes}};
    case TALLY_ACTION_EVIDENCE:
        return (struct parts){.views = {&action->evidence.bytes}};
    case TALLY_ACTION_SEAL:
    case TALLY_ACTION_RELEASE:
    case TALLY_ACTION_PRUNE:
        return (struct parts){0};
    case TALLY_ACTION_SEND:
    case TALLY_ACTION_DIAL:
    case TALLY_ACTION_WRITE:
    case TALLY_ACTION_CLOSE:
    case TALLY_ACTION_VERIFY:
    case TALLY_ACTION_ANSWER:
    case TALLY_ACTION_MULTICAST:
    case TALLY_ACTION_MAP:
    case TALLY_ACTION_RESOLVE:
    case TALLY_ACTION_FOUND:
    case TALLY_ACTION_HTTP:
    case TALLY_ACTION_CARRY:
        break;
    }
    assert(!"an action for the store");
    return (struct parts){0};
}

static uint64_t ticket_of(const struct tally_action *action)
{
    switch (action->kind) {
    case TALLY_ACTION_APPEND:
        return action->append.ticket;
    case TALLY_ACTION_SEAL:
        return action->seal.ticket;
    case TALLY_ACTION_PUBLISH:
        return action->publish.ticket;
    case TALLY_ACTION_KEEP:
        return action->keep.ticket;
    case TALLY_ACTION_PRUNE:
        return action->prune.ticket;
    case TALLY_ACTION_BODY:
        return action->body.package;
    case TALLY_ACTION_RELEASE:
        return action->release.ticket;
    case TALLY_ACTION_EVIDENCE:
    case TALLY_ACTION_SEND:
    case TALLY_ACTION_DIAL:
    case TALLY_ACTION_WRITE:
    case TALLY_ACTION_CLOSE:
    case TALLY_ACTION_VERIFY:
    case TALLY_ACTION_ANSWER:
    case TALLY_ACTION_MULTICAST:
    case TALLY_ACTION_MAP:
    case TALLY_ACTION_RESOLVE:
    case TALLY_ACTION_FOUND:
    case TALLY_ACTION_HTTP:
    case TALLY_ACTION_CARRY:
        break;
    }
    return 0;
}

static bool copy_note(struct job *job, const struct tally_bytes *note)
{
    if (note == NULL || note->size == 0)
        return true;
    job->note = malloc(note->size);
    if (job->note == NULL)
        return false;
    memcpy(job->note, note->data, note->size);
    job->note_size = note->size;
    return true;
}

struct store_job *store_job_new(const struct tally_action *action,
                                const struct tally_package *package)
{
    struct tally_action copy = *action;
    struct parts parts = parts_of(&copy);
    size_t size = 0;
    for (size_t i = 0; i < 2; i++) {
        size += parts.views[i] == NULL ? 0 : parts.views[i]->size;
        size += parts.strings[i] == NULL ? 0 : strlen(*parts.strings[i]) + 1;
    }
    struct job *job = calloc(1, sizeof *job + size);
    if (job == NULL || !copy_note(job, parts.note)) {
        free(job);
        return NULL;
    }
    uint8_t *to = job->bytes;
    for (size_t i = 0; i < 2; i++) {
        if (parts.views[i] != NULL && parts.views[i]->data != NULL) {
            if (parts.views[i]->size > 0)
                memcpy(to, parts.views[i]->data, parts.views[i]->size);
            parts.views[i]->data = to;
            to += parts.views[i]->size;
        }
        if (parts.strings[i] != NULL) {
            size_t length = strlen(*parts.strings[i]) + 1;
            memcpy(to, *parts.strings[i], length);
            *parts.strings[i] = (const char *)to;
            to += length;
        }
    }
    job->action = copy;
    job->package = package;
    job->public = (struct store_job){.kind = action->kind, .ticket = ticket_of(action)};
    return &job->public;
}

void store_job_free(struct store_job *public)
{
    struct job *job = (struct job *)public;
    if (job != NULL)
        free(job->note);
    free(job);
}

/* ---- Performing ---- */

static void seal(struct store *store, struct job *job)
{
    job->log = log_find(store, &job->action.seal.origin_hash);
    if (job->log == NULL || !job->log->own)
        job->public.error = TALLY_NOT_FOUND;
    else if (job->log->frozen)
        job->public.error = TALLY_FROZEN;
    else
        job->public.error = own_seal(store, job->log, job->action.seal.size, &job->public.root);
    job->public.size = job->action.seal.size;
}

static void publish(struct store *store, struct job *job)
{
    job->log = log_find(store, &job->action.publish.origin_hash);
    job->public.size = job->head = job->action.publish.size;
    job->root = job->action.publish.root;
    if (job->log == NULL || !job->log->own)
        job->public.error = TALLY_NOT_FOUND;
    else if (job->log->frozen)
        job->public.error = TALLY_FROZEN;
    else
        job->public.error = own_publish(store, job->log, job->head, &job->root,
                                        bytes_of(job->note, job->note_size));
    /* The checkpoint may be in place although what follows it failed. */
    job->moved =
        job->log != NULL && job->log->size == job->head && hash_equal(&job->log->root, &job->root);
}

static void prune(struct store *store, struct job *job)
{
    job->log = log_find(store, &job->action.prune.origin_hash);
    job->public.error =
        job->log == NULL ? TALLY_NOT_FOUND : prune_log(store, job->log, job->action.prune.to);
    job->pruned = job->log != NULL ? job->log->pruned : 0;
}

static void evidence(struct store *store, struct job *job)
{
    const struct tally_action *action = &job->action;
    struct tally_hash hash;
    hash_sha256(action->evidence.bytes, &hash);
    job->log = action->evidence.claim || action->evidence.revocation
                   ? NULL
                   : log_find(store, &action->evidence.origin_hash);
    enum tally_error error = TALLY_MISMATCH;
    if (hash_equal(&hash, &action->evidence.name)) {
        do
            error = evidence_keep(store, job->log, action);
        while (error == TALLY_FULL && reserve_spend(store));
    }
    job->public.error = error;
    if (job->log != NULL && error == TALLY_OK)
        job->log->frozen = job->froze = true;
}

/* What has no room, or no right, before anything is touched. */
static enum tally_error refusal(struct store *store, const struct job *job, bool writable)
{
    if (store->read_only)
        return TALLY_READ_ONLY;
    if (store->disk.broken)
        return TALLY_IO;
    /* A piece of a BODY goes on: its package's APPEND is what is refused. */
    bool grows = job->public.kind == TALLY_ACTION_APPEND || job->public.kind == TALLY_ACTION_SEAL;
    return grows && !writable ? TALLY_READ_ONLY : TALLY_OK;
}

static void perform(struct group *group, struct job *job)
{
    struct store *store = group->store;
    if (job->public.kind == TALLY_ACTION_APPEND) {
        group_add(group, job);
        return;
    }
    if (job->public.kind == TALLY_ACTION_BODY) {
        upload_piece(store, job);
        return;
    }
    group_close(group);
    if (job->public.kind == TALLY_ACTION_SEAL)
        seal(store, job);
    else if (job->public.kind == TALLY_ACTION_PUBLISH)
        publish(store, job);
    else if (job->public.kind == TALLY_ACTION_EVIDENCE)
        evidence(store, job);
    else if (job->public.kind == TALLY_ACTION_PRUNE)
        prune(store, job);
    else if (job->public.kind == TALLY_ACTION_KEEP)
        job->public.error = kept_commit(store, job);
    else
        upload_release(store, job->action.release.ticket);
    if (job->log != NULL)
        job->durable = job->log->durable;
}

void store_commit(struct store *store, struct store_job *const *jobs, size_t count)
{
    struct group group = {.store = store, .jobs = malloc((count + 1) * sizeof(struct job *))};
    bool writable = store_writable(store, NULL);
    for (size_t i = 0; i < count; i++) {
        struct job *job = (struct job *)jobs[i];
        job->public.error = group.jobs == NULL ? TALLY_NO_MEMORY : refusal(store, job, writable);
        if (job->public.error == TALLY_OK)
            perform(&group, job);
        else if (job->public.kind == TALLY_ACTION_APPEND)
            job->log = log_find(store, &job->action.append.log.origin_hash);
    }
    group_close(&group);
    free(group.jobs);
    for (size_t i = 0; i < count; i++) {
        struct job *job = (struct job *)jobs[i];
        if (job->log != NULL && job->public.error != TALLY_OK)
            job->durable = job->log->durable;
        if (job->public.kind == TALLY_ACTION_APPEND)
            job->public.size = job->durable;
    }
    if (writable && !store->read_only && reserve_keep(store) != TALLY_OK)
        disk_forget(&store->disk); /* No room for it now: the next batch tries again. */
}

/* ---- Showing ---- */

static struct store_view *view_of(struct store *store, const struct store_log *log)
{
    for (size_t i = 0; i < store->view_count; i++)
        if (store->views[i].log == log)
            return &store->views[i];
    assert(store->view_count < TALLY_LOGS_MAX);
    store->views[store->view_count] = (struct store_view){.log = log};
    return &store->views[store->view_count++];
}

void store_settle(struct store *store, struct store_job *public)
{
    struct job *job = (struct job *)public;
    if (public->kind == TALLY_ACTION_KEEP)
        kept_settle(store, job);
    if (job->log == NULL)
        return;
    struct store_view *view = view_of(store, job->log);
    view->durable = job->durable;
    if (job->package != NULL && job->log->own)
        view->fetched = job->fetched;
    view->frozen = view->frozen || job->froze;
    if (public->kind == TALLY_ACTION_PRUNE)
        view->pruned = job->pruned;
    if (!job->moved)
        return;
    view->size = job->head;
    view->root = job->root;
    free(view->note);
    view->note = job->note;
    view->note_size = job->note_size;
    job->note = NULL;
}

bool store_job_event(const struct store_job *public, struct tally_event *event)
{
    const struct job *job = (const struct job *)public;
    *event = (struct tally_event){0};
    if (public->kind == TALLY_ACTION_APPEND) {
        event->kind = TALLY_EVENT_APPENDED;
        event->appended.ticket = public->ticket;
        event->appended.error = public->error;
    } else if (public->kind == TALLY_ACTION_SEAL) {
        event->kind = TALLY_EVENT_SEALED;
        event->sealed.ticket = public->ticket;
        event->sealed.error = public->error;
        event->sealed.size = public->size;
        event->sealed.root = public->root;
    } else if (public->kind == TALLY_ACTION_PUBLISH) {
        event->kind = TALLY_EVENT_PUBLISHED;
        event->published.ticket = public->ticket;
        event->published.error = public->error;
    } else if (public->kind == TALLY_ACTION_KEEP) {
        event->kind = TALLY_EVENT_KEPT;
        event->kept.ticket = public->ticket;
        event->kept.error = public->error;
    } else if (public->kind == TALLY_ACTION_PRUNE) {
        event->kind = TALLY_EVENT_PRUNED;
        event->pruned.ticket = public->ticket;
        event->pruned.error = public->error;
    } else if (public->kind == TALLY_ACTION_BODY && job->action.body.last) {
        event->kind = TALLY_EVENT_BODY;
        event->body.package = public->ticket;
        event->body.index = job->action.body.index;
        event->body.drop = public->drop;
    } else {
        return false;
    }
    return true;
}
