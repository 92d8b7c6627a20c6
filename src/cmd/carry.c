/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/carry.h"

#include "core/base/bytes.h"
#include "core/sync/sync.h"

#include <stdlib.h>

enum {
    ACTIONS = 1024,
    ARENA = 2 * TALLY_STREAM_BYTES_MAX,
    FRAME = TALLY_FRAME_MAX + 1024,
    ASKS = 1, /* Numbers of the one stream's two ends. */
    SERVES = 2,
    ROUNDS = 128,      /* 16 logs each: as many as a node holds, twice. */
    ROUND_MS = 300000, /* Later than any rest. The clock here is only for that. */
};

/* A package from its first piece to its append. */
struct held {
    uint64_t ticket;
    struct tally_package_job job;
    char name_space[TALLY_NAMESPACE_MAX + 1];
    struct tally_hash before[TALLY_TILE_WIDTH];
    uint8_t *compact;
    size_t size;
    struct tally_package package;
    uint8_t *buffers; /* Of package: entries, then bodies. */
    struct held *next;
};

/* What is done, and still to be told to the asker, in order. */
struct done {
    struct store_job *job; /* Or, if NULL, a package that was opened: */
    uint64_t ticket;
    enum tally_drop drop;
    struct done *next;
};

struct ferry {
    const struct carry_options *options;
    struct carry *carry;
    struct tally_ledger ledger; /* Of ours. */
    struct sync asker, server;
    struct outbox out, other;
    struct tally_action *actions[2];
    uint8_t *arenas[2], *frame;
    struct held *held;
    struct done *done, **done_end;
    struct tally_now now;
    uint64_t moved; /* Heads and forks of this round. */
    bool over, poor;
};

/* ---- What the asker wants done. ---- */

static struct held **held_at(struct ferry *ferry, uint64_t ticket)
{
    struct held **at = &ferry->held;
    while (*at != NULL && (*at)->ticket != ticket)
        at = &(*at)->next;
    return at;
}

static void held_drop(struct ferry *ferry, uint64_t ticket)
{
    struct held **at = held_at(ferry, ticket), *held = *at;
    if (held == NULL)
        return;
    *at = held->next;
    free(held->compact);
    free(held->buffers);
    free(held);
}

static void tell_later(struct ferry *ferry, struct store_job *job, uint64_t ticket,
                       enum tally_drop drop)
{
    struct done *done = calloc(1, sizeof *done);
    if (done == NULL) {
        ferry->poor = true;
        store_job_free(job);
        return;
    }
    *done = (struct done){.job = job, .ticket = ticket, .drop = drop};
    *ferry->done_end = done;
    ferry->done_end = &done->next;
}

static struct held *held_new(struct ferry *ferry, const struct tally_action *action)
{
    const struct tally_package_job *job = &action->verify.job;
    struct held *held = calloc(1, sizeof *held);
    if (held == NULL)
        return NULL;
    held->ticket = action->verify.ticket;
    held->job = *job;
    memcpy(held->name_space, job->name_space, strlen(job->name_space) + 1);
    held->job.name_space = held->name_space;
    size_t count = (size_t)(job->first % TALLY_TILE_WIDTH);
    if (count > 0)
        memcpy(held->before, job->before, count * sizeof *held->before);
    held->job.before = held->before;
    held->next = ferry->held;
    ferry->held = held;
    return held;
}

static bool open_package(struct ferry *ferry, struct held *held)
{
    held->buffers = malloc(TALLY_ENTRIES_MAX + TALLY_BODIES_MAX);
    if (held->buffers == NULL)
        return false;
    held->package.entries = held->buffers;
    held->package.bodies = held->buffers + TALLY_ENTRIES_MAX;
    enum tally_drop drop = tally_package_open(&held->job, bytes_of(held->compact, held->size),
                                              &ferry->options->crypto, &held->package);
    free(held->compact);
    held->compact = NULL;
    tell_later(ferry, NULL, held->ticket, drop);
    return true;
}

static void verify(struct ferry *ferry, const struct tally_action *action)
{
    struct tally_bytes piece = action->verify.bytes;
    struct held *held = *held_at(ferry, action->verify.ticket);
    if (held == NULL)
        held = held_new(ferry, action);
    uint8_t *larger = held == NULL ? NULL : realloc(held->compact, held->size + piece.size + 1);
    if (larger == NULL) {
        ferry->poor = true;
        return;
    }
    held->compact = larger;
    memcpy(held->compact + held->size, piece.data, piece.size);
    held->size += piece.size;
    if (action->verify.last && !open_package(ferry, held))
        ferry->poor = true;
}

/* A job of our store, done at once. */
static void store(struct ferry *ferry, const struct tally_action *action, uint64_t package)
{
    struct held *held = package == 0 ? NULL : *held_at(ferry, package);
    struct store_job *job = store_job_new(action, held == NULL ? NULL : &held->package);
    if (job == NULL) {
        ferry->poor = true;
        return;
    }
    store_commit(ferry->options->into, &job, 1);
    if (job->error != TALLY_OK && ferry->carry->error == TALLY_OK)
        ferry->carry->error = job->error;
    tell_later(ferry, job, 0, TALLY_DROP_NONE);
    if (action->kind == TALLY_ACTION_APPEND)
        held_drop(ferry, package);
}

static void perform(struct ferry *ferry, const struct tally_action *action)
{
    if (action->kind == TALLY_ACTION_VERIFY) {
        verify(ferry, action);
    } else if (action->kind == TALLY_ACTION_APPEND) {
        store(ferry, action, action->append.package);
    } else if (action->kind == TALLY_ACTION_BODY) {
        store(ferry, action, action->body.package);
    } else if (action->kind == TALLY_ACTION_EVIDENCE) {
        store(ferry, action, 0);
    } else if (action->kind == TALLY_ACTION_RELEASE) {
        store(ferry, action, action->release.ticket);
        held_drop(ferry, action->release.ticket);
    }
}

/* ---- Steps of the asker. ---- */

static void news_take(struct ferry *ferry)
{
    struct carry *carry = ferry->carry;
    struct sync_news news;
    while (sync_next_news(&ferry->asker, &news)) {
        if (news.kind == SYNC_NEWS_HEAD)
            carry->logs++;
        if (news.kind == SYNC_NEWS_FORK)
            carry->forks++;
        ferry->moved += news.kind == SYNC_NEWS_HEAD || news.kind == SYNC_NEWS_FORK;
        carry->guarded = carry->guarded || news.kind == SYNC_NEWS_GUARD;
        if (news.kind == SYNC_NEWS_CLOSE) {
            ferry->over = true;
            carry->drop = news.drop;
        }
    }
}

static void step_end(struct ferry *ferry)
{
    struct tally_action action;
    news_take(ferry);
    while (outbox_next(&ferry->out, &action))
        perform(ferry, &action);
}

/* A package as its worker would tell of it. One that was released meanwhile is told of to nobody.
 */
static bool verified(struct ferry *ferry, const struct done *done, struct tally_event *event)
{
    const struct held *held = *held_at(ferry, done->ticket);
    if (held == NULL)
        return false;
    *event = (struct tally_event){.kind = TALLY_EVENT_VERIFIED};
    event->verified.ticket = done->ticket;
    event->verified.drop = done->drop;
    if (done->drop != TALLY_DROP_NONE)
        return true;
    event->verified.subtree = held->package.subtree;
    event->verified.previous = held->package.previous;
    event->verified.last = held->package.last;
    event->verified.large = held->package.large;
    event->verified.large_count = held->package.large_count;
    return true;
}

/* Tells of the first thing that is done; false if there is none. */
static bool tell(struct ferry *ferry)
{
    struct done *done = ferry->done;
    struct tally_event event;
    if (done == NULL)
        return false;
    ferry->done = done->next;
    if (ferry->done == NULL)
        ferry->done_end = &ferry->done;
    bool any;
    if (done->job != NULL) {
        store_settle(ferry->options->into, done->job);
        any = store_job_event(done->job, &event);
    } else {
        any = verified(ferry, done, &event);
    }
    outbox_clear(&ferry->out);
    if (any && event.kind == TALLY_EVENT_VERIFIED)
        sync_on_verified(&ferry->asker, ferry->now, &event, &ferry->out);
    else if (any && event.kind == TALLY_EVENT_BODY)
        sync_on_body(&ferry->asker, ferry->now, &event, &ferry->out);
    else if (any)
        sync_on_appended(&ferry->asker, ferry->now, &event, &ferry->out);
    step_end(ferry);
    store_job_free(done->job);
    free(done);
    return true;
}

/* One frame one way; false if there is none. */
static bool pass(struct ferry *ferry)
{
    size_t size = 0;
    if (sync_wants(&ferry->asker, ASKS) > 0)
        size = sync_compose(&ferry->asker, ferry->now, ASKS, ferry->frame, FRAME);
    if (size > 0) {
        outbox_clear(&ferry->other);
        (void)sync_receive(&ferry->server, ferry->now, SERVES, bytes_of(ferry->frame, size),
                           &ferry->other);
        return true;
    }
    if (sync_wants(&ferry->server, SERVES) > 0)
        size = sync_compose(&ferry->server, ferry->now, SERVES, ferry->frame, FRAME);
    if (size == 0)
        return false;
    outbox_clear(&ferry->out);
    enum tally_drop drop =
        sync_receive(&ferry->asker, ferry->now, ASKS, bytes_of(ferry->frame, size), &ferry->out);
    step_end(ferry);
    if (drop != TALLY_DROP_NONE) {
        ferry->over = true;
        ferry->carry->drop = drop;
    }
    return true;
}

/* Rounds of all heads, until one finds nothing that is new. */
static void go(struct ferry *ferry)
{
    static const struct tally_key nobody = {{0}};
    outbox_clear(&ferry->out);
    sync_start(&ferry->asker, ferry->now, &nobody, 0);
    news_take(ferry);
    bool opened = sync_opened(&ferry->asker, ferry->now, &nobody, ASKS) &&
                  sync_accepted(&ferry->server, &nobody, SERVES);
    for (unsigned round = 0; opened && round < ROUNDS && !ferry->over; round++) {
        ferry->moved = 0;
        outbox_clear(&ferry->out);
        sync_start(&ferry->asker, ferry->now, &nobody, 0);
        sync_tick(&ferry->asker, ferry->now, &ferry->out);
        step_end(ferry);
        while (!ferry->over && !ferry->poor && (tell(ferry) || pass(ferry)))
            ;
        ferry->now.mono.ms += ROUND_MS;
        if (ferry->moved == 0 || ferry->poor)
            return;
    }
}

/* ---- The whole. ---- */

static bool begin(struct ferry *ferry)
{
    const struct carry_options *options = ferry->options;
    const struct sync_options asker = {.key = options->key,
                                       .by_hand = true,
                                       .signatures = true,
                                       .askers = 1,
                                       .ledger = &ferry->ledger,
                                       .fold = options->fold,
                                       .crypto = &options->crypto,
                                       .seed = 1};
    const struct sync_options server = {.servers = 1,
                                        .buffers = 1,
                                        .ledger = &options->from_ledger,
                                        .crypto = &options->crypto,
                                        .seed = 1};
    ferry->done_end = &ferry->done;
    ferry->now.mono.ms = ROUND_MS;
    ferry->frame = malloc(FRAME);
    for (unsigned i = 0; i < 2; i++) {
        ferry->actions[i] = calloc(ACTIONS, sizeof *ferry->actions[i]);
        ferry->arenas[i] = malloc(ARENA);
        if (ferry->actions[i] == NULL || ferry->arenas[i] == NULL || ferry->frame == NULL)
            return false;
    }
    outbox_init(&ferry->out, ferry->actions[0], ACTIONS, ferry->arenas[0], ARENA);
    outbox_init(&ferry->other, ferry->actions[1], ACTIONS, ferry->arenas[1], ARENA);
    return sync_new(&ferry->asker, &asker) && sync_new(&ferry->server, &server);
}

static void end(struct ferry *ferry)
{
    while (ferry->done != NULL) {
        struct done *next = ferry->done->next;
        store_job_free(ferry->done->job);
        free(ferry->done);
        ferry->done = next;
    }
    while (ferry->held != NULL)
        held_drop(ferry, ferry->held->ticket);
    sync_free(&ferry->asker);
    sync_free(&ferry->server);
    for (unsigned i = 0; i < 2; i++) {
        free(ferry->actions[i]);
        free(ferry->arenas[i]);
    }
    free(ferry->frame);
}

enum tally_error carry_logs(const struct carry_options *options, struct carry *carry)
{
    struct ferry *ferry = calloc(1, sizeof *ferry);
    *carry = (struct carry){.drop = TALLY_DROP_NONE};
    if (ferry == NULL)
        return TALLY_NO_MEMORY;
    ferry->options = options;
    ferry->carry = carry;
    ferry->ledger = store_ledger(options->into);
    bool good = begin(ferry);
    if (good)
        go(ferry);
    good = good && !ferry->poor;
    end(ferry);
    free(ferry);
    return good ? TALLY_OK : TALLY_NO_MEMORY;
}
