/* SPDX-License-Identifier: Apache-2.0 */
#include "core/sync/server.h"

#include "core/base/bytes.h"
#include "core/log/tree.h"
#include "core/sync/asker.h"
#include "core/sync/held.h"
#include "core/sync/statement.h"

enum { CONTROL_MAX = 8192 }; /* Every frame but heads and bundles fits. */

static struct sync_request *request_at(struct sync_server *server, unsigned index)
{
    return &server->requests[(server->request_first + index) % SYNC_REQUESTS];
}

static void request_pop(struct sync_server *server)
{
    server->request_first = (server->request_first + 1) % SYNC_REQUESTS;
    server->request_count--;
    server->sending = false;
}

void server_end(struct sync *sync, struct sync_server *server)
{
    for (unsigned i = 0; i < sync->options.buffers; i++)
        if (sync->buffers[i].owner == server)
            sync->buffers[i].owner = NULL;
    server->used = false;
}

/* ---- What a peer asks. ---- */

static enum tally_drop request_add(struct sync_server *server, const struct sync_request *request)
{
    if (server->request_count == SYNC_REQUESTS)
        return TALLY_DROP_BUSY; /* It has more open than the rules allow. */
    *request_at(server, server->request_count++) = *request;
    return TALLY_DROP_NONE;
}

enum tally_drop server_refuse(struct sync_server *server, uint32_t request, enum tally_drop reason)
{
    const struct sync_request refuse = {
        .kind = TALLY_SYNC_REFUSE, .request = request, .reason = (uint8_t)reason};
    return request_add(server, &refuse);
}

/* Whether the list of heads tells the peer of that log. */
static enum tally_drop shown(const struct sync *sync, const struct sync_server *server,
                             const struct tally_log_view *view)
{
    struct admission_log log = admission_log(&view->issuer, view->name_space);
    log.origin_hash = &view->origin_hash;
    return admission_show(sync->options.fold, &server->peer, &log);
}

/* The log that a request names, if it is held and may be seen. */
static bool log_find(struct sync *sync, const struct sync_server *server,
                     const struct tally_hash *origin_hash, struct tally_log_view *view)
{
    const struct tally_ledger *ledger = sync->options.ledger;
    if (!ledger->find(ledger->context, origin_hash, view))
        return false;
    /* The peer was not told of it, and asks all the same. */
    enum tally_drop drop = shown(sync, server, view);
    sync->drops[drop] += drop != TALLY_DROP_NONE;
    if (strcmp(view->name_space, TALLY_STATEMENTS) != 0)
        conduct_asks(sync->options.conducts, &server->peer, origin_hash, drop);
    return drop == TALLY_DROP_NONE;
}

/* Whether a told range ends in a root of ours. Of statements nothing is stated: two idle nodes
   would write receipts about receipts for ever. */
static bool range_true(const struct sync *sync, const struct sync_range *range)
{
    const struct tally_ledger *ledger = sync->options.ledger;
    const struct tree tree = {ledger, &range->origin_hash};
    struct tally_log_view view;
    struct tally_hash root;
    return ledger->find(ledger->context, &range->origin_hash, &view) && range->from < range->to &&
           range->to <= view.size && strcmp(view.name_space, TALLY_STATEMENTS) != 0 &&
           tree_root(&tree, range->to, &root) && hash_equal(&root, &range->root);
}

/* Whether a statement about that peer is due, and notes it. A new stream or connection is no way
   round it; when many peers ask at once some wait. */
static bool state_due(struct sync *sync, struct tally_now now, const struct tally_key *peer)
{
    struct sync_statement *place = NULL;
    for (unsigned i = 0; i < sync->stated_count; i++) {
        struct sync_statement *one = &sync->stated[i];
        if (one->until.ms <= now.mono.ms)
            place = one;
        else if (key_equal(&one->peer, peer))
            return false;
    }
    if (place != NULL)
        *place = (struct sync_statement){*peer, {now.mono.ms + SYNC_TELL_MS}};
    return place != NULL;
}

/* What the peer says it holds now is stated, once in a while. */
static enum tally_drop on_done(struct sync *sync, struct tally_now now, struct sync_server *server,
                               const struct tally_sync_frame *frame, struct outbox *out)
{
    struct sync_range ranges[SYNC_TELL];
    unsigned count = (unsigned)frame->done.ranges_count;
    for (unsigned i = 0; i < count; i++) {
        ranges[i] = (struct sync_range){.origin_hash = frame->done.ranges[i].origin,
                                        .from = frame->done.ranges[i].from,
                                        .to = frame->done.ranges[i].to,
                                        .root = frame->done.ranges[i].root};
        if (!range_true(sync, &ranges[i]))
            return server_refuse(server, frame->request, TALLY_DROP_PROOF);
    }
    if (server->tag != 0 || server->stated || !state_due(sync, now, &server->peer))
        return server_refuse(server, frame->request, TALLY_DROP_BUSY);
    server->event_request = frame->request;
    statement_event(sync, server, ranges, count, out);
    return TALLY_DROP_NONE;
}

static enum tally_drop on_confirmed(struct sync *sync, struct sync_server *server,
                                    const struct tally_sync_frame *frame)
{
    if (!server->awaiting)
        return TALLY_DROP_UNASKED; /* Each costs a signature's check. */
    server->awaiting = false;
    enum tally_drop drop =
        statement_check(frame->confirmed.envelope, frame->confirmed.body, &server->peer,
                        STATEMENT_SYNC_CONFIRMED, &server->event, sync->options.crypto);
    if (drop == TALLY_DROP_NONE)
        (void)news_add(sync, SYNC_NEWS_CONFIRMED, &server->peer);
    return drop;
}

/* Keeps what is asked until there is room for the answer. */
static enum tally_drop on_request(struct sync_server *server, const struct tally_sync_frame *frame)
{
    struct sync_request request = {.kind = frame->kind, .request = frame->request};
    if (frame->kind == TALLY_SYNC_HEADS_WANT) {
        if (!held_read(server, frame->heads_want.held))
            return TALLY_DROP_MALFORMED;
        request.named = frame->heads_want.has_after;
        request.origin_hash = frame->heads_want.after;
    } else if (frame->kind == TALLY_SYNC_YOURS_WANT) {
        request.named = frame->yours_want.has_after;
        request.origin_hash = frame->yours_want.after;
    } else if (frame->kind == TALLY_SYNC_WANT) {
        request.origin_hash = frame->want.origin;
        request.from = frame->want.from;
        request.to = frame->want.to;
        request.size = frame->want.size;
        request.limit = frame->want.limit;
        if (request.from >= request.to || request.to > request.size)
            return TALLY_DROP_MALFORMED;
    } else if (frame->kind == TALLY_SYNC_PROOF_WANT) {
        request.origin_hash = frame->proof_want.origin;
        request.from = frame->proof_want.from;
        request.to = frame->proof_want.to;
        if (request.from == 0 || request.from > request.to)
            return TALLY_DROP_MALFORMED;
    } else if (frame->kind == TALLY_SYNC_CHECKPOINT_WANT) {
        request.origin_hash = frame->checkpoint_want.origin;
    } else if (frame->kind == TALLY_SYNC_EVIDENCE_WANT) {
        request.origin_hash = frame->evidence_want.origin;
    } else if (frame->kind == TALLY_SYNC_PARTS_WANT) {
        request.origin_hash = frame->parts_want.origin;
        request.from = frame->parts_want.from;
        request.to = frame->parts_want.size;
        request.level = frame->parts_want.level;
    } else {
        request.origin_hash = frame->body_want.origin;
        request.from = frame->body_want.index;
        request.offset = frame->body_want.offset;
    }
    return request_add(server, &request);
}

/* What a frame asks of us, and whether that is for this peer. */
static enum tally_drop admitted(const struct sync *sync, const struct sync_server *server,
                                enum tally_sync_frame_kind kind)
{
    enum admission_act act = kind == TALLY_SYNC_DONE || kind == TALLY_SYNC_CONFIRMED
                                 ? ADMISSION_STATE
                                 : ADMISSION_REQUEST;
    return admission(sync->options.fold, &server->peer, act);
}

enum tally_drop server_receive(struct sync *sync, struct tally_now now, struct sync_server *server,
                               const struct tally_sync_frame *frame, struct outbox *out)
{
    enum tally_drop refused = admitted(sync, server, frame->kind);
    if (refused != TALLY_DROP_NONE) {
        sync->drops[refused]++;
        return server_refuse(server, frame->request, refused);
    }
    switch (frame->kind) {
    case TALLY_SYNC_HEADS_WANT:
    case TALLY_SYNC_YOURS_WANT:
    case TALLY_SYNC_WANT:
    case TALLY_SYNC_PROOF_WANT:
    case TALLY_SYNC_CHECKPOINT_WANT:
    case TALLY_SYNC_PARTS_WANT:
    case TALLY_SYNC_EVIDENCE_WANT:
    case TALLY_SYNC_BODY_WANT:
        return on_request(server, frame);
    case TALLY_SYNC_DONE:
        return on_done(sync, now, server, frame, out);
    case TALLY_SYNC_CONFIRMED:
        return on_confirmed(sync, server, frame);
    case TALLY_SYNC_TILE_WANT:
        return server_refuse(server, frame->request, TALLY_DROP_UNKNOWN);
    case TALLY_SYNC_REFUSE:
    case TALLY_SYNC_HEADS:
    case TALLY_SYNC_PACKAGE:
    case TALLY_SYNC_BUNDLE:
    case TALLY_SYNC_PROOF:
    case TALLY_SYNC_CHECKPOINT:
    case TALLY_SYNC_BODY:
    case TALLY_SYNC_TILE:
    case TALLY_SYNC_PARTS:
    case TALLY_SYNC_EVIDENCE:
    case TALLY_SYNC_CONFIRM:
        break;
    }
    return TALLY_DROP_UNASKED;
}

/* ---- What a peer gets. ---- */

static size_t refuse(struct sync_server *server, enum tally_drop reason, uint32_t retry_ms,
                     uint8_t *frame, size_t capacity)
{
    const struct sync_request *request = request_at(server, 0);
    const struct tally_sync_frame message = {
        .kind = TALLY_SYNC_REFUSE,
        .request = request->request,
        .refuse = {.reason = (uint8_t)reason, .retry_ms = retry_ms}};
    request_pop(server);
    return sync_frame_put(&message, frame, capacity);
}

/* The index behind the log the cursor names; the list is stable for a run. */
static size_t cursor(const struct sync *sync, const struct sync_request *request)
{
    const struct tally_ledger *ledger = sync->options.ledger;
    struct tally_log_view view;
    if (!request->named)
        return 0;
    for (size_t i = 0; ledger->log(ledger->context, i, &view); i++)
        if (hash_equal(&view.origin_hash, &request->origin_hash))
            return i + 1;
    return 0;
}

static size_t heads_compose(struct sync *sync, struct sync_server *server, uint8_t *frame,
                            size_t capacity)
{
    const struct tally_ledger *ledger = sync->options.ledger;
    const struct sync_request *request = request_at(server, 0);
    struct tally_sync_frame message = {.kind = TALLY_SYNC_HEADS, .request = request->request};
    struct tally_log_view view;
    uint8_t *notes = sync->scratch->entries;
    bool yours = request->kind == TALLY_SYNC_YOURS_WANT;
    size_t used = 0, index = cursor(sync, request);
    for (; ledger->log(ledger->context, index, &view); index++) {
        /* A frozen log is told too: so the other branch, and the proof, get round. */
        if (view.size == 0 ||
            (yours ? !key_equal(&view.issuer, &server->peer) : held_has(server, &view)) ||
            shown(sync, server, &view) != TALLY_DROP_NONE)
            continue;
        if (message.heads.notes_count == TALLY_SYNC_HEADS_NOTES_MAX ||
            used + SYNC_NOTE_MAX > TALLY_FRAME_MAX - CONTROL_MAX) {
            message.heads.more = true;
            break;
        }
        size_t size =
            ledger->checkpoint(ledger->context, &view.origin_hash, notes + used, SYNC_NOTE_MAX);
        if (size == 0)
            continue;
        message.heads.notes[message.heads.notes_count++] = bytes_of(notes + used, size);
        used += size;
    }
    request_pop(server);
    return sync_frame_put(&message, frame, capacity);
}

static size_t proof_compose(struct sync *sync, struct sync_server *server, uint8_t *frame,
                            size_t capacity)
{
    const struct tally_ledger *ledger = sync->options.ledger;
    const struct sync_request *request = request_at(server, 0);
    const struct tree tree = {ledger, &request->origin_hash};
    struct tally_sync_frame message = {.kind = TALLY_SYNC_PROOF, .request = request->request};
    struct tally_log_view view;
    struct tree_proof proof;
    if (!log_find(sync, server, &request->origin_hash, &view) || request->to > view.size ||
        !tree_root(&tree, request->from, &message.proof.root) ||
        !tree_consistency(&tree, request->from, request->to, &proof))
        return refuse(server, TALLY_DROP_REFUSED, 1000, frame, capacity);
    message.proof.hashes_count = (uint32_t)proof.count;
    memcpy(message.proof.hashes, proof.hashes, proof.count * sizeof *proof.hashes);
    request_pop(server);
    return sync_frame_put(&message, frame, capacity);
}

static size_t parts_compose(struct sync *sync, struct sync_server *server, uint8_t *frame,
                            size_t capacity)
{
    const struct sync_request *request = request_at(server, 0);
    struct tally_sync_frame message = {.kind = TALLY_SYNC_PARTS, .request = request->request};
    struct tally_hash parts[DESCENT_PARTS];
    struct tally_log_view view;
    size_t count = log_find(sync, server, &request->origin_hash, &view) && request->to <= view.size
                       ? locate_answer(sync, request, parts)
                       : 0;
    if (count == 0)
        return refuse(server, TALLY_DROP_REFUSED, 1000, frame, capacity);
    message.parts.hashes = bytes_of((const uint8_t *)parts, count * sizeof *parts);
    request_pop(server);
    return sync_frame_put(&message, frame, capacity);
}

static size_t evidence_compose(struct sync *sync, struct sync_server *server, uint8_t *frame,
                               size_t capacity)
{
    const struct sync_request *request = request_at(server, 0);
    struct tally_sync_frame message = {.kind = TALLY_SYNC_EVIDENCE, .request = request->request};
    uint8_t *bytes = sync->scratch->bodies;
    struct tally_log_view view;
    size_t size = log_find(sync, server, &request->origin_hash, &view) && view.frozen
                      ? locate_evidence(sync, &request->origin_hash, bytes)
                      : 0;
    if (size == 0)
        return refuse(server, TALLY_DROP_REFUSED, 1000, frame, capacity);
    message.evidence.bytes = bytes_of(bytes, size);
    request_pop(server);
    return sync_frame_put(&message, frame, capacity);
}

static size_t checkpoint_compose(struct sync *sync, struct sync_server *server, uint8_t *frame,
                                 size_t capacity)
{
    const struct tally_ledger *ledger = sync->options.ledger;
    const struct sync_request *request = request_at(server, 0);
    struct tally_sync_frame message = {.kind = TALLY_SYNC_CHECKPOINT, .request = request->request};
    uint8_t note[CONTROL_MAX / 2];
    struct tally_log_view view;
    if (!log_find(sync, server, &request->origin_hash, &view))
        return refuse(server, TALLY_DROP_REFUSED, 1000, frame, capacity);
    size_t size = ledger->checkpoint(ledger->context, &request->origin_hash, note, sizeof note);
    if (size == 0)
        return refuse(server, TALLY_DROP_REFUSED, 1000, frame, capacity);
    message.checkpoint.note = bytes_of(note, size);
    request_pop(server);
    return sync_frame_put(&message, frame, capacity);
}

static size_t body_compose(struct sync *sync, struct sync_server *server, uint8_t *frame,
                           size_t capacity)
{
    const struct tally_ledger *ledger = sync->options.ledger;
    struct sync_request *request = request_at(server, 0);
    uint8_t *bytes = sync->scratch->bodies;
    struct tally_log_view view;
    size_t size = 0;
    if (!log_find(sync, server, &request->origin_hash, &view))
        return refuse(server, TALLY_DROP_REFUSED, 10000, frame, capacity);
    if (!ledger->body(ledger->context, &request->origin_hash, request->from, request->offset, bytes,
                      SYNC_BUNDLE_MAX, &size))
        /* What is gone for good is said, so that nobody waits for it. */
        return refuse(server, size > 0 && !view.own ? TALLY_DROP_PRUNED : TALLY_DROP_REFUSED, 10000,
                      frame, capacity);
    if (request->offset >= size)
        return refuse(server, TALLY_DROP_REFUSED, 10000, frame, capacity);
    size_t part =
        size - request->offset < SYNC_BUNDLE_MAX ? size - request->offset : SYNC_BUNDLE_MAX;
    const struct tally_sync_frame message = {.kind = TALLY_SYNC_BODY,
                                             .request = request->request,
                                             .body = {.size = (uint32_t)size,
                                                      .offset = request->offset,
                                                      .bytes = bytes_of(bytes, part)}};
    request->offset += (uint32_t)part;
    if (request->offset == size)
        request_pop(server);
    return sync_frame_put(&message, frame, capacity);
}

/* ---- Packages. ---- */

/* The part of the block that the want asks for, as the ledger has it. */
static bool package_compose(struct sync *sync, const struct sync_request *request,
                            struct sync_buffer *buffer)
{
    const struct tally_ledger *ledger = sync->options.ledger;
    uint64_t block = buffer->first / TALLY_TILE_WIDTH;
    unsigned skip = (unsigned)(buffer->first % TALLY_TILE_WIDTH);
    unsigned width = (unsigned)(buffer->end - block * TALLY_TILE_WIDTH);
    size_t entries = ledger->entries(ledger->context, &request->origin_hash, block, width,
                                     sync->scratch->entries, TALLY_ENTRIES_MAX);
    size_t bodies = ledger->bodies(ledger->context, &request->origin_hash, block, width,
                                   sync->scratch->bodies, TALLY_BODIES_MAX);
    size_t entries_skip, bodies_skip, size;
    if (entries == 0 || bodies == 0 ||
        !tally_entries_skip(bytes_of(sync->scratch->entries, entries), skip, &entries_skip) ||
        !tally_bodies_skip(bytes_of(sync->scratch->bodies, bodies), skip, &bodies_skip) ||
        tally_package_write(buffer->first, buffer->end,
                            bytes_of(sync->scratch->entries + entries_skip, entries - entries_skip),
                            bytes_of(sync->scratch->bodies + bodies_skip, bodies - bodies_skip),
                            buffer->bytes, TALLY_PACKAGE_MAX, &size) != TALLY_DROP_NONE)
        return false;
    buffer->size = (uint32_t)size;
    return true;
}

/* The buffer that holds the server's package; composed (again) if another took it meanwhile. */
static const struct sync_buffer *buffer_for(struct sync *sync, struct sync_server *server)
{
    const struct tally_hash *origin_hash = &request_at(server, 0)->origin_hash;
    struct sync_buffer *oldest = &sync->buffers[0];
    for (unsigned i = 0; i < sync->options.buffers; i++) {
        struct sync_buffer *buffer = &sync->buffers[i];
        if (buffer->owner == server && buffer->first == server->first &&
            buffer->end == server->end && hash_equal(&buffer->origin_hash, origin_hash)) {
            buffer->used = ++sync->uses;
            return buffer;
        }
        if (buffer->owner == server || (oldest->owner != server && buffer->used < oldest->used))
            oldest = buffer;
    }
    oldest->owner = server;
    oldest->origin_hash = *origin_hash;
    oldest->first = server->first;
    oldest->end = server->end;
    oldest->used = ++sync->uses;
    if (package_compose(sync, request_at(server, 0), oldest))
        return oldest;
    oldest->owner = NULL;
    return NULL;
}

static size_t package_begin(struct sync *sync, struct sync_server *server, uint8_t *frame,
                            size_t capacity)
{
    const struct sync_request *request = request_at(server, 0);
    const struct tree tree = {sync->options.ledger, &request->origin_hash};
    struct tally_sync_frame message = {.kind = TALLY_SYNC_PACKAGE, .request = request->request};
    struct tally_log_view view;
    struct tree_proof proof;
    uint64_t block = request->from / TALLY_TILE_WIDTH * TALLY_TILE_WIDTH;
    if (!log_find(sync, server, &request->origin_hash, &view) || request->size > view.size)
        return refuse(server, TALLY_DROP_REFUSED, 1000, frame, capacity);
    server->first = request->from;
    server->end = block + TALLY_TILE_WIDTH < request->to ? block + TALLY_TILE_WIDTH : request->to;
    const struct sync_buffer *buffer = buffer_for(sync, server);
    if (buffer == NULL || !tree_subtree(&tree, block, server->end, request->size, &proof))
        return refuse(server, TALLY_DROP_REFUSED, 10000, frame, capacity);
    message.package.first = server->first;
    message.package.end = server->end;
    message.package.size = buffer->size;
    message.package.proof_count = (uint32_t)proof.count;
    memcpy(message.package.proof, proof.hashes, proof.count * sizeof *proof.hashes);
    server->sending = true;
    server->sent = 0;
    return sync_frame_put(&message, frame, capacity);
}

static size_t bundle_compose(struct sync *sync, struct sync_server *server, uint8_t *frame,
                             size_t capacity)
{
    struct sync_request *request = request_at(server, 0);
    const struct sync_buffer *buffer = buffer_for(sync, server);
    if (buffer == NULL || server->sent >= buffer->size)
        return refuse(server, TALLY_DROP_REFUSED, 10000, frame, capacity);
    uint32_t part = buffer->size - server->sent;
    if (part > SYNC_BUNDLE_MAX)
        part = SYNC_BUNDLE_MAX;
    struct tally_sync_frame message = {
        .kind = TALLY_SYNC_BUNDLE,
        .request = request->request,
        .bundle = {.offset = server->sent, .bytes = bytes_of(buffer->bytes + server->sent, part)}};
    server->sent += part;
    request->limit -= part < request->limit ? part : request->limit;
    if (server->sent == buffer->size) {
        request->from = server->end;
        server->sending = false;
        message.bundle.last = request->from == request->to || request->limit == 0;
    }
    if (message.bundle.last)
        request_pop(server);
    return sync_frame_put(&message, frame, capacity);
}

size_t server_wants(const struct sync_server *server)
{
    if (server->stated)
        return CONTROL_MAX;
    if (server->request_count == 0)
        return 0;
    const struct sync_request *request = &server->requests[server->request_first];
    bool large = server->sending || request->kind == TALLY_SYNC_HEADS_WANT ||
                 request->kind == TALLY_SYNC_YOURS_WANT || request->kind == TALLY_SYNC_BODY_WANT ||
                 request->kind == TALLY_SYNC_PARTS_WANT ||
                 request->kind == TALLY_SYNC_EVIDENCE_WANT;
    return large ? TALLY_FRAME_MAX + SYNC_LENGTH_MAX : CONTROL_MAX;
}

size_t server_compose(struct sync *sync, struct sync_server *server, uint8_t *frame,
                      size_t capacity)
{
    if (server->stated) {
        server->stated = false;
        size_t size = statement_compose(sync, server->event_index, server->event_request, false,
                                        frame, capacity, &server->event);
        server->awaiting = size > 0;
        return size;
    }
    if (server->request_count == 0)
        return 0;
    const struct sync_request *request = request_at(server, 0);
    if (request->kind == TALLY_SYNC_REFUSE)
        return refuse(server, (enum tally_drop)request->reason, SYNC_TELL_MS, frame, capacity);
    if (request->kind == TALLY_SYNC_HEADS_WANT || request->kind == TALLY_SYNC_YOURS_WANT)
        return heads_compose(sync, server, frame, capacity);
    if (request->kind == TALLY_SYNC_PROOF_WANT)
        return proof_compose(sync, server, frame, capacity);
    if (request->kind == TALLY_SYNC_CHECKPOINT_WANT)
        return checkpoint_compose(sync, server, frame, capacity);
    if (request->kind == TALLY_SYNC_EVIDENCE_WANT)
        return evidence_compose(sync, server, frame, capacity);
    if (request->kind == TALLY_SYNC_PARTS_WANT)
        return parts_compose(sync, server, frame, capacity);
    if (request->kind == TALLY_SYNC_BODY_WANT)
        return body_compose(sync, server, frame, capacity);
    return server->sending ? bundle_compose(sync, server, frame, capacity)
                           : package_begin(sync, server, frame, capacity);
}
