/* SPDX-License-Identifier: Apache-2.0 */
#include "core/sync/sync.h"

#include "core/base/bytes.h"
#include "core/log/tree.h"
#include "core/sync/asker.h"
#include "core/sync/prompt.h"
#include "core/sync/server.h"

#include <stdlib.h>

bool sync_new(struct sync *sync, const struct sync_options *options)
{
    char origin[TALLY_ORIGIN_MAX + 1];
    *sync = (struct sync){.options = *options,
                          .random = {options->seed},
                          .tickets = SYNC_TICKETS,
                          .writable = true,
                          .look = TALLY_NEVER,
                          .stale = true,
                          .roused = true};
    size_t size = tally_origin_write(&options->key, bytes_text(TALLY_STATEMENTS), origin);
    tally_origin_hash(bytes_of(origin, size), &sync->statements);
    /* Untouched pages cost nothing: a node without traffic stays small. */
    sync->askers = calloc(options->askers, sizeof *sync->askers);
    sync->servers = calloc(options->servers, sizeof *sync->servers);
    sync->desks = calloc(options->askers, sizeof *sync->desks);
    sync->inboxes = calloc(options->servers, sizeof *sync->inboxes);
    sync->buffers = calloc(options->buffers, sizeof *sync->buffers);
    sync->appends = calloc(options->askers > 0 ? SYNC_APPENDS : 0, sizeof *sync->appends);
    sync->stated_count = options->servers > 0 ? SYNC_STATED : 0;
    sync->stated = calloc(sync->stated_count, sizeof *sync->stated);
    sync->places = calloc(SYNC_PLACES, sizeof *sync->places);
    sync->drops = calloc(TALLY_DROP_COUNT, sizeof *sync->drops);
    sync->scratch = options->scratch != NULL ? options->scratch : malloc(sizeof *sync->scratch);
    bool whole = sync->askers != NULL && sync->servers != NULL && sync->desks != NULL &&
                 sync->inboxes != NULL && sync->buffers != NULL && sync->appends != NULL &&
                 sync->stated != NULL && sync->places != NULL && sync->drops != NULL &&
                 sync->scratch != NULL;
    for (unsigned i = 0; whole && i < options->buffers; i++) {
        sync->buffers[i].bytes = malloc(TALLY_PACKAGE_MAX);
        whole = sync->buffers[i].bytes != NULL;
    }
    if (!whole)
        sync_free(sync);
    return whole;
}

void sync_free(struct sync *sync)
{
    for (unsigned i = 0; sync->buffers != NULL && i < sync->options.buffers; i++)
        free(sync->buffers[i].bytes);
    free(sync->buffers);
    free(sync->askers);
    free(sync->servers);
    free(sync->desks);
    free(sync->inboxes);
    free(sync->appends);
    free(sync->stated);
    free(sync->places);
    free(sync->drops);
    if (sync->options.scratch == NULL)
        free(sync->scratch);
}

/* ---- News. ---- */

struct sync_news *news_add(struct sync *sync, enum sync_news_kind kind,
                           const struct tally_key *peer)
{
    if (sync->news_count == SYNC_NEWS)
        return NULL; /* The node takes them after each call; a call makes a few. */
    struct sync_news *news =
        &sync->scratch->news[(sync->news_first + sync->news_count++) % SYNC_NEWS];
    *news = (struct sync_news){.kind = kind, .peer = *peer};
    return news;
}

bool sync_next_news(struct sync *sync, struct sync_news *news)
{
    if (sync->news_count == 0)
        return false;
    *news = sync->scratch->news[sync->news_first];
    sync->news_first = (sync->news_first + 1) % SYNC_NEWS;
    sync->news_count--;
    return true;
}

/* ---- Who is who. ---- */

struct sync_asker *asker_find(struct sync *sync, const struct tally_key *peer)
{
    for (unsigned i = 0; i < sync->asker_end; i++)
        if (sync->askers[i].state != SYNC_FREE && key_equal(&sync->askers[i].peer, peer))
            return &sync->askers[i];
    return NULL;
}

/* Where a stream may be, whose number is nobody else's: found there at once, or by looking at all.
 */
static struct sync_asker *asker_placed(const struct sync *sync, unsigned place, uint32_t stream)
{
    if (place == 0 || place > sync->options.askers)
        return NULL;
    struct sync_asker *asker = &sync->askers[place - 1];
    return asker->state > SYNC_WAITING && asker->stream == stream ? asker : NULL;
}

static struct sync_server *server_placed(const struct sync *sync, unsigned place, uint32_t stream)
{
    unsigned index = place - SYNC_SERVED;
    if (place < SYNC_SERVED || index >= sync->options.servers)
        return NULL;
    struct sync_server *server = &sync->servers[index];
    return server->used && server->stream == stream ? server : NULL;
}

static struct sync_asker *asker_on(const struct sync *sync, uint32_t stream)
{
    unsigned place = sync->places[stream % SYNC_PLACES];
    struct sync_asker *asker = asker_placed(sync, place, stream);
    if (asker != NULL || server_placed(sync, place, stream) != NULL)
        return asker;
    for (unsigned i = 0; i < sync->asker_end; i++)
        if (sync->askers[i].state > SYNC_WAITING && sync->askers[i].stream == stream)
            return &sync->askers[i];
    return NULL;
}

static struct sync_server *server_on(const struct sync *sync, uint32_t stream)
{
    unsigned place = sync->places[stream % SYNC_PLACES];
    struct sync_server *server = server_placed(sync, place, stream);
    if (server != NULL || asker_placed(sync, place, stream) != NULL)
        return server;
    for (unsigned i = 0; i < sync->server_end; i++)
        if (sync->servers[i].used && sync->servers[i].stream == stream)
            return &sync->servers[i];
    return NULL;
}

/* ---- Streams. ---- */

bool sync_locate(struct sync *sync, struct tally_now now, const struct tally_key *peer,
                 const struct tally_hash *origin_hash, uint64_t size,
                 const struct tally_hash *theirs)
{
    sync_start(sync, now, peer, 0);
    struct sync_asker *asker = asker_find(sync, peer);
    if (asker == NULL || asker->locates)
        return false;
    locate_note(asker, origin_hash, size, theirs);
    return asker->locates;
}

bool sync_waiting(const struct sync *sync, const struct tally_key *peer)
{
    for (unsigned i = 0; i < sync->asker_end; i++)
        if (sync->askers[i].state == SYNC_WAITING && key_equal(&sync->askers[i].peer, peer))
            return true;
    return false;
}

bool sync_opened(struct sync *sync, struct tally_now now, const struct tally_key *peer,
                 uint32_t stream)
{
    struct sync_asker *asker = asker_find(sync, peer);
    if (asker == NULL || asker->state != SYNC_WAITING)
        return false;
    asker->stream = stream;
    sync->places[stream % SYNC_PLACES] = (uint16_t)(asker - sync->askers + 1);
    sync->stale = sync->roused = true;
    sync_inbox_clear(&asker->inbox);
    asker_move(asker, SYNC_RESTING);
    asker->dirty = true;
    asker->own_due = sync->guards;
    asker->again = now.mono;
    return true;
}

bool sync_carry(struct sync *sync, struct tally_now now, uint32_t stream)
{
    static const struct tally_key nobody = {{0}};
    struct sync_asker *asker = asker_find(sync, &nobody) == NULL ? asker_new(sync, &nobody) : NULL;
    if (asker == NULL)
        return false;
    asker->by_hand = true;
    asker->stream = stream;
    sync->places[stream % SYNC_PLACES] = (uint16_t)(asker - sync->askers + 1);
    sync->stale = sync->roused = true;
    sync_inbox_clear(&asker->inbox);
    asker_move(asker, SYNC_RESTING);
    asker->dirty = true;
    asker->again = now.mono;
    return true;
}

void sync_guard(struct sync *sync, struct tally_now now, bool guards, bool recovers)
{
    sync->stale = sync->roused = true;
    bool again = recovers && !sync->recovers;
    sync->guards = guards;
    sync->recovers = recovers;
    if (again)
        sync_guard_again(sync, now);
}

void sync_guard_again(struct sync *sync, struct tally_now now)
{
    sync->stale = sync->roused = true;
    for (unsigned i = 0; i < sync->asker_end; i++) {
        struct sync_asker *asker = &sync->askers[i];
        if (asker->state <= SYNC_WAITING)
            continue;
        asker->own_due = !asker->by_hand;
        asker->dirty = true;
        memset(asker->shunned, 0, sizeof asker->shunned);
        if (asker->state == SYNC_RESTING)
            asker->again = now.mono;
    }
}

bool sync_accepted(struct sync *sync, const struct tally_key *peer, uint32_t stream)
{
    unsigned i = 0;
    while (i < sync->server_end && sync->servers[i].used)
        i++;
    if (i == sync->options.servers)
        return false;
    sync->server_end += i == sync->server_end;
    struct sync_server *server = &sync->servers[i];
    memset(server, 0, offsetof(struct sync_server, held));
    server->used = true;
    server->peer = *peer;
    server->stream = stream;
    sync_inbox_init(&server->inbox, sync->inboxes[i]);
    sync->places[stream % SYNC_PLACES] = (uint16_t)(SYNC_SERVED + i);
    return true;
}

void sync_closed(struct sync *sync, struct tally_now now, const struct tally_key *peer,
                 uint32_t stream, struct outbox *out)
{
    sync->stale = sync->roused = true;
    struct sync_server *server = stream != 0 ? server_on(sync, stream) : NULL;
    struct sync_asker *asker = stream != 0 ? asker_on(sync, stream) : asker_find(sync, peer);
    if (server != NULL)
        server_end(sync, server);
    if (asker == NULL || (stream == 0 && asker->state != SYNC_WAITING))
        return;
    fetch_abandon(asker, out);
    asker->task_count = asker->lack_count = 0;
    asker->confirming = asker->due = asker->more = asker->after_known = false;
    asker->looked = asker->found = asker->own_due = asker->own = false;
    asker->locates = asker->proves = false;
    asker->stream = 0;
    if (asker->state != SYNC_WAITING)
        asker_move(asker, SYNC_WAITING);
    asker->dirty = true;
    asker->again.ms = now.mono.ms + backoff_next(&asker->backoff, &sync->random);
    /* It is gone: its next heartbeat begins anew. Files have none. */
    if (asker->backoff.tries > 8 || asker->by_hand)
        asker_move(asker, SYNC_FREE);
}

/* ---- Time. ---- */

static struct tally_mono asker_deadline(const struct sync_asker *asker)
{
    switch (asker->state) {
    case SYNC_FREE:
        break;
    case SYNC_WAITING:
    case SYNC_RESTING:
        return asker->again;
    case SYNC_ASKING:
    case SYNC_PROVING:
    case SYNC_LOCATING:
    case SYNC_FETCHING:
    case SYNC_TELLING:
        return (struct tally_mono){asker->heard.ms + SYNC_SILENCE_MS};
    }
    return TALLY_NEVER;
}

struct tally_mono sync_deadline(const struct sync *sync)
{
    struct tally_mono next = sync->look;
    for (unsigned i = 0; i < sync->asker_end; i++) {
        struct tally_mono one = asker_deadline(&sync->askers[i]);
        if (one.ms < next.ms)
            next = one;
    }
    return next;
}

void sync_settle(struct sync *sync)
{
    if (!sync->stale)
        return;
    sync->next = sync_deadline(sync);
    sync->lacks = false;
    for (unsigned i = 0; i < sync->asker_end; i++)
        sync->lacks =
            sync->lacks || (sync->askers[i].state != SYNC_FREE && sync->askers[i].lack_count > 0);
    sync->stale = false;
}

void sync_tick(struct sync *sync, struct tally_now now, struct outbox *out)
{
    sync->stale = true;
    if (sync->look.ms <= now.mono.ms)
        prompt_look(sync, now);
    for (unsigned i = 0; i < sync->asker_end; i++) {
        struct sync_asker *asker = &sync->askers[i];
        if (asker_deadline(asker).ms > now.mono.ms)
            continue;
        sync->roused = true;
        /* Without room for what follows it stays due: the next step goes on. */
        if (!outbox_room(out, SYNC_PACKAGES + 2, 0) || sync->news_count > SYNC_NEWS / 2)
            return;
        if (asker->state == SYNC_WAITING) {
            asker_stream(sync, now, asker);
        } else if (asker->state == SYNC_RESTING) {
            /* Logs that another asker fetched may be all that is left to look at. */
            asker->dirty = asker->dirty || asker->by_hand || asker->task_count == 0;
            asker_wake(sync, now, asker, out);
        } else if (asker->state == SYNC_FETCHING && fetch_works(asker)) {
            asker->heard = now.mono;
        } else {
            asker_fail(sync, now, asker, TALLY_DROP_SILENT, out);
        }
    }
}

/* ---- Frames. ---- */

static enum tally_drop asker_receive(struct sync *sync, struct tally_now now,
                                     struct sync_asker *asker, const struct tally_sync_frame *frame,
                                     struct outbox *out)
{
    switch (frame->kind) {
    case TALLY_SYNC_HEADS:
        return asker_on_heads(sync, now, asker, frame, out);
    case TALLY_SYNC_PROOF:
        return asker_on_proof(sync, now, asker, frame, out);
    case TALLY_SYNC_PARTS:
        return locate_on_parts(sync, now, asker, frame, out);
    case TALLY_SYNC_EVIDENCE:
        return locate_on_evidence(sync, now, asker, frame, out);
    case TALLY_SYNC_PACKAGE:
        return fetch_on_package(sync, asker, frame);
    case TALLY_SYNC_BUNDLE:
        return fetch_on_bundle(sync, now, asker, frame, out);
    case TALLY_SYNC_BODY:
        return fetch_on_body(now, asker, frame, out);
    case TALLY_SYNC_CONFIRM:
        return asker_on_confirm(sync, now, asker, frame, out);
    case TALLY_SYNC_REFUSE:
        return asker_on_refuse(sync, now, asker, frame, out);
    case TALLY_SYNC_HEADS_WANT:
    case TALLY_SYNC_YOURS_WANT:
    case TALLY_SYNC_WANT:
    case TALLY_SYNC_PROOF_WANT:
    case TALLY_SYNC_CHECKPOINT_WANT:
    case TALLY_SYNC_CHECKPOINT:
    case TALLY_SYNC_BODY_WANT:
    case TALLY_SYNC_TILE_WANT:
    case TALLY_SYNC_TILE:
    case TALLY_SYNC_PARTS_WANT:
    case TALLY_SYNC_EVIDENCE_WANT:
    case TALLY_SYNC_CONFIRMED:
    case TALLY_SYNC_DONE:
        break; /* Requests have no place on a stream of ours, and those answers were not asked. */
    }
    return TALLY_DROP_UNASKED;
}

static enum tally_drop frame_receive(struct sync *sync, struct tally_now now,
                                     struct sync_asker *asker, struct sync_server *server,
                                     struct tally_bytes bytes, struct outbox *out)
{
    struct tally_sync_frame frame;
    enum tally_drop drop = tally_sync_frame_read(bytes, &frame);
    if (drop == TALLY_DROP_UNKNOWN && server != NULL)
        return server_refuse(server, frame.request, drop);
    if (drop != TALLY_DROP_NONE)
        return drop;
    return asker != NULL ? asker_receive(sync, now, asker, &frame, out)
                         : server_receive(sync, now, server, &frame, out);
}

enum tally_drop sync_receive(struct sync *sync, struct tally_now now, uint32_t stream,
                             struct tally_bytes bytes, struct outbox *out)
{
    sync->stale = true;
    struct sync_asker *asker = asker_on(sync, stream);
    struct sync_server *server = server_on(sync, stream);
    enum tally_drop drop = TALLY_DROP_NONE;
    while (drop == TALLY_DROP_NONE && bytes.size > 0 && (asker != NULL || server != NULL)) {
        struct tally_bytes frame;
        drop = sync_inbox_next(asker != NULL ? &asker->inbox : &server->inbox, &bytes, &frame);
        if (drop != TALLY_DROP_NONE || frame.data == NULL)
            break;
        drop = frame_receive(sync, now, asker, server, frame, out);
        if (asker != NULL && asker_on(sync, stream) != asker)
            break; /* It gave up while it read. */
    }
    return drop;
}

size_t sync_wants(const struct sync *sync, uint32_t stream)
{
    const struct sync_asker *asker = asker_on(sync, stream);
    if (asker != NULL)
        return asker_due(sync, asker) ? 8192 : 0;
    const struct sync_server *server = server_on(sync, stream);
    return server != NULL ? server_wants(server) : 0;
}

size_t sync_compose(struct sync *sync, struct tally_now now, uint32_t stream, uint8_t *frame,
                    size_t capacity)
{
    sync->stale = true;
    struct sync_asker *asker = asker_on(sync, stream);
    if (asker != NULL) {
        if (asker->state != SYNC_FETCHING)
            asker->heard = now.mono;
        return asker_compose(sync, asker, frame, capacity);
    }
    struct sync_server *server = server_on(sync, stream);
    return server != NULL ? server_compose(sync, server, frame, capacity) : 0;
}

/* ---- Statements and space. ---- */

void sync_stated(struct sync *sync, struct tally_now now, uint64_t tag, uint64_t index,
                 enum tally_error error)
{
    sync->stale = sync->roused = true;
    for (unsigned i = 0; i < sync->asker_end; i++) {
        struct sync_asker *asker = &sync->askers[i];
        if (asker->state == SYNC_FREE || asker->tag != tag)
            continue;
        asker->tag = 0;
        asker->confirm_index = index;
        asker->confirming = error == TALLY_OK && asker->stream != 0;
    }
    for (unsigned i = 0; i < sync->server_end; i++) {
        struct sync_server *server = &sync->servers[i];
        if (!server->used || server->tag != tag)
            continue;
        server->tag = 0;
        server->event_index = index;
        server->stated = error == TALLY_OK;
        /* We may not sign now, or cannot: it tells us again, later. */
        if (error != TALLY_OK)
            (void)server_refuse(server, server->event_request, TALLY_DROP_BUSY);
    }
    (void)now;
}

void sync_on_space(struct sync *sync, struct tally_now now, bool writable)
{
    sync->stale = sync->roused = true;
    sync->writable = writable;
    for (unsigned i = 0; writable && i < sync->asker_end; i++)
        if (sync->askers[i].state == SYNC_RESTING)
            sync->askers[i].again = now.mono;
}

bool sync_holds(const struct sync *sync)
{
    for (unsigned i = 0; i < sync->asker_end; i++) {
        const struct sync_asker *asker = &sync->askers[i];
        if (asker->state == SYNC_FREE)
            continue;
        uint64_t bytes = 0;
        for (unsigned j = 0; j < asker->package_count; j++)
            bytes += asker->packages[(asker->package_first + j) % SYNC_PACKAGES].size;
        if (bytes > SYNC_BYTES_MAX || (asker->package_count > 0 && bytes != asker->bytes))
            return false;
        if (asker->task_count > SYNC_TASKS || asker->package_count > SYNC_PACKAGES ||
            (asker->state == SYNC_FETCHING &&
             (asker->task_count == 0 || asker->appended > asker->next ||
              asker->next > asker->asked || asker->asked > asker->tasks[0].size)))
            return false;
    }
    return sync->append_count <= SYNC_APPENDS &&
           (sync->stale || sync->next.ms == sync_deadline(sync).ms);
}
