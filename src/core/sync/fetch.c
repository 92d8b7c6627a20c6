/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transfer of one log from one peer: ranges are wanted ahead, packages come in order and go to
 * the pool as they come. land.c is the other half.
 */
#include "core/sync/asker.h"

#include "core/base/bytes.h"
#include "core/log/merkle.h"

#include <assert.h>

static uint64_t block_end(uint64_t index)
{
    return (index / TALLY_TILE_WIDTH + 1) * TALLY_TILE_WIDTH;
}

/* Hash of the envelope before the first that is fetched. */
static void last_load(struct sync *sync, struct sync_asker *asker)
{
    const struct tally_ledger *ledger = sync->options.ledger;
    uint8_t envelope[TALLY_ENVELOPE_MAX];
    asker->last_known = false;
    /* What of our own was fetched back and is not sealed nobody shows: the tree says enough. */
    bool own = key_equal(&asker->tasks[0].issuer, &sync->options.key);
    if (asker->from == 0 || (own && asker->from > asker->held))
        return;
    size_t size = ledger->entry(ledger->context, &asker->tasks[0].origin_hash, asker->from - 1,
                                envelope, sizeof envelope);
    if (size > 0) {
        tally_receipt_hash(bytes_of(envelope, size), &asker->last);
        asker->last_known = true;
    }
}

void fetch_start(struct sync *sync, struct tally_now now, struct sync_asker *asker)
{
    struct tally_log_view view;
    uint64_t durable = asker_view(sync, asker, &view) ? held_of(&view, &asker->tasks[0]) : 0;
    uint64_t size = asker->tasks[0].size;
    assert(durable < size); /* Else it is no task: see asker_next_task. */
    asker->from = asker->asked = asker->next = asker->appended = durable;
    asker->wants = 0;
    asker->bytes = 0;
    asker->average = 0;
    asker->lost_step = false;
    asker->skip = 0;
    asker->package_first = asker->package_count = 0;
    asker->body_asked = false;
    asker->brought = 0;
    asker->heard = now.mono;
    asker->due = false;
    last_load(sync, asker);
    asker_move(asker, SYNC_FETCHING);
}

void fetch_abandon(struct sync_asker *asker, struct outbox *out)
{
    for (unsigned i = 0; i < asker->package_count; i++) {
        struct sync_package *package = package_at(asker, i);
        if (package->state == PACKAGE_APPENDING)
            continue; /* It belongs to the disk now. */
        outbox_add(out, TALLY_ACTION_RELEASE)->release.ticket = package->ticket;
    }
    asker->package_count = 0;
    asker->bytes = 0;
}

/* ---- What is wanted. ---- */

static uint64_t want_end(const struct sync_asker *asker)
{
    uint64_t count = TALLY_TILE_WIDTH;
    if (asker->average > 0)
        count = SYNC_WANT_BYTES / asker->average;
    if (count < TALLY_TILE_WIDTH)
        count = TALLY_TILE_WIDTH;
    if (count > SYNC_WANT_RECEIPTS)
        count = SYNC_WANT_RECEIPTS;
    uint64_t end = (asker->asked + count) / TALLY_TILE_WIDTH * TALLY_TILE_WIDTH;
    if (end <= asker->asked)
        end = block_end(asker->asked);
    return end < asker->tasks[0].size ? end : asker->tasks[0].size;
}

static uint64_t bytes_of_all(const struct sync *sync)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < sync->asker_end; i++)
        bytes += sync->askers[i].package_count > 0 ? sync->askers[i].bytes : 0;
    return bytes;
}

static bool want_due(const struct sync *sync, const struct sync_asker *asker)
{
    if (asker->lost_step || asker->asked >= asker->tasks[0].size ||
        asker->wants >= (asker->average == 0 ? 1 : SYNC_WANTS))
        return false;
    if ((asker->asked - asker->appended) * asker->average > SYNC_CREDIT ||
        asker->bytes > SYNC_CREDIT || (asker->bytes > 0 && bytes_of_all(sync) > SYNC_CREDIT_ALL))
        return false;
    /* A slot for each package that may come, from the first that is not durable. */
    uint64_t blocks = (want_end(asker) - 1) / TALLY_TILE_WIDTH - asker->appended / TALLY_TILE_WIDTH;
    return blocks + 1 <= SYNC_PACKAGES;
}

const struct sync_package *fetch_body_wanting(const struct sync_asker *asker)
{
    for (unsigned i = 0; i < asker->package_count; i++) {
        const struct sync_package *package = package_view(asker, i);
        if (package->state == PACKAGE_WHOLE && package->large_next < package->large_count)
            return package;
        if (package->state < PACKAGE_WHOLE)
            return NULL;
    }
    return NULL;
}

bool fetch_due(const struct sync *sync, const struct sync_asker *asker)
{
    return want_due(sync, asker) || (!asker->body_asked && fetch_body_wanting(asker) != NULL);
}

size_t fetch_compose(const struct sync *sync, struct sync_asker *asker, uint8_t *frame,
                     size_t capacity)
{
    struct tally_sync_frame message = {.request = asker->request + 1};
    const struct sync_package *package = asker->body_asked ? NULL : fetch_body_wanting(asker);
    if (package != NULL) {
        message.kind = TALLY_SYNC_BODY_WANT;
        message.body_want.origin = asker->tasks[0].origin_hash;
        message.body_want.index = package->first + package->large[package->large_next];
        asker->body_asked = true;
        asker->body_request = message.request;
        asker->body_size = asker->body_offset = 0;
    } else if (want_due(sync, asker)) {
        if (asker->wants == 0)
            asker->wants_from = asker->next;
        message.kind = TALLY_SYNC_WANT;
        message.want.origin = asker->tasks[0].origin_hash;
        message.want.from = asker->asked;
        message.want.to = asker->asked = want_end(asker);
        message.want.size = asker->tasks[0].size;
        message.want.limit = TALLY_WANT_MAX;
        asker->wants++;
    } else {
        return 0;
    }
    asker->request++;
    return sync_frame_put(&message, frame, capacity);
}

/* ---- What comes. ---- */

/* A drop now and then does not count: who brings less than SYNC_PACE in SYNC_SILENCE_MS keeps the
   log from those who would bring more. */
static void heard(struct sync_asker *asker, struct tally_now now, size_t bytes)
{
    asker->brought += (uint32_t)bytes;
    if (asker->brought < SYNC_PACE)
        return;
    asker->brought = 0;
    asker->heard = now.mono;
}

bool fetch_works(const struct sync_asker *asker)
{
    for (unsigned i = 0; i < asker->package_count; i++) {
        const struct sync_package *package = package_view(asker, i);
        if (package->state == PACKAGE_CHECKING || package->state == PACKAGE_APPENDING)
            return true;
    }
    return asker->body_asked && asker->body_size > 0 && asker->body_offset == asker->body_size;
}

enum tally_drop fetch_on_package(struct sync *sync, struct sync_asker *asker,
                                 const struct tally_sync_frame *frame)
{
    const struct tally_sync_package *head = &frame->package;
    bool coming = asker->package_count > 0 &&
                  package_at(asker, asker->package_count - 1)->state == PACKAGE_COMING;
    if (asker->state != SYNC_FETCHING || asker->wants == 0 || coming || asker->skip > 0)
        return TALLY_DROP_UNASKED;
    if (head->first != asker->next || asker->lost_step) {
        /* Of a want behind one that was cut short: those bytes come again. */
        asker->lost_step = true;
        asker->skip = head->size;
        return TALLY_DROP_NONE;
    }
    /* The whole rest of its block: parts of it would be many small steps. */
    uint64_t end = block_end(head->first);
    if (head->end != (end < asker->tasks[0].size ? end : asker->tasks[0].size) ||
        head->end > asker->asked || asker->package_count == SYNC_PACKAGES)
        return TALLY_DROP_MALFORMED;
    if (asker->bytes + head->size > SYNC_BYTES_MAX)
        return TALLY_DROP_PROTOCOL; /* It sends more than we want. */
    asker->bytes += head->size;
    struct sync_package *package = package_at(asker, asker->package_count++);
    package->state = PACKAGE_COMING;
    package->ticket = ++sync->tickets;
    package->first = head->first;
    package->end = head->end;
    package->size = head->size;
    package->got = 0;
    package->large_count = package->large_next = 0;
    package->proof_count = (uint8_t)head->proof_count;
    memcpy(package->proof, head->proof, head->proof_count * sizeof *head->proof);
    asker->next = head->end;
    uint32_t average = (uint32_t)(head->size / (head->end - head->first)) + 1;
    asker->average = asker->average == 0 ? average : (asker->average * 3 + average) / 4;
    return TALLY_DROP_NONE;
}

/* Leaf hashes of the block before the first receipt of a package, for the pool. */
static bool before_load(struct sync *sync, const struct sync_asker *asker, uint64_t first,
                        struct outbox *out, const struct tally_hash **before)
{
    const struct tally_ledger *ledger = sync->options.ledger;
    unsigned width = (unsigned)(first % TALLY_TILE_WIDTH);
    *before = NULL;
    if (width == 0)
        return true;
    struct tally_hash *leaves = (struct tally_hash *)outbox_take(out, width * sizeof *leaves);
    *before = leaves;
    return ledger->tile(ledger->context, &asker->tasks[0].origin_hash, 0, first / TALLY_TILE_WIDTH,
                        width, leaves);
}

static enum tally_drop piece_pass(struct sync *sync, struct sync_asker *asker,
                                  struct sync_package *package, struct tally_bytes bytes,
                                  struct outbox *out)
{
    const struct sync_task *task = &asker->tasks[0];
    const struct tally_hash *before = NULL;
    if (!outbox_room(out, SYNC_SPARE_ACTIONS, bytes.size + SYNC_SPARE_BYTES))
        return TALLY_DROP_BUSY; /* In more pieces than a step can pass on. */
    if (package->got == 0 && !before_load(sync, asker, package->first, out, &before))
        return TALLY_DROP_BUSY; /* Our own disk failed us; not the peer's fault, but over. */
    package->got += (uint32_t)bytes.size;
    struct tally_action *action = outbox_add(out, TALLY_ACTION_VERIFY);
    action->verify.ticket = package->ticket;
    action->verify.job = (struct tally_package_job){.issuer = task->issuer,
                                                    .name_space = task->name_space,
                                                    .first = package->first,
                                                    .end = package->end,
                                                    .signatures = sync->options.signatures,
                                                    .before = before};
    action->verify.bytes = outbox_copy(out, bytes);
    action->verify.last = package->got == package->size;
    if (action->verify.last)
        package->state = PACKAGE_CHECKING;
    return TALLY_DROP_NONE;
}

static enum tally_drop piece_skip(struct sync_asker *asker, const struct tally_sync_bundle *bundle)
{
    if (bundle->bytes.size > asker->skip)
        return TALLY_DROP_MALFORMED;
    asker->skip -= (uint32_t)bundle->bytes.size;
    return bundle->last && asker->skip > 0 ? TALLY_DROP_MALFORMED : TALLY_DROP_NONE;
}

static enum tally_drop piece_take(struct sync *sync, struct sync_asker *asker,
                                  const struct tally_sync_bundle *bundle, struct outbox *out)
{
    struct sync_package *package =
        asker->package_count > 0 ? package_at(asker, asker->package_count - 1) : NULL;
    if (package == NULL || package->state != PACKAGE_COMING || bundle->offset != package->got ||
        bundle->bytes.size > package->size - package->got)
        return TALLY_DROP_MALFORMED;
    enum tally_drop drop = piece_pass(sync, asker, package, bundle->bytes, out);
    if (drop == TALLY_DROP_NONE && bundle->last && package->state == PACKAGE_COMING)
        return TALLY_DROP_MALFORMED;
    return drop;
}

enum tally_drop fetch_on_bundle(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                                const struct tally_sync_frame *frame, struct outbox *out)
{
    const struct tally_sync_bundle *bundle = &frame->bundle;
    if (asker->state != SYNC_FETCHING || asker->wants == 0)
        return TALLY_DROP_UNASKED;
    heard(asker, now, bundle->bytes.size);
    enum tally_drop drop =
        asker->skip > 0 ? piece_skip(asker, bundle) : piece_take(sync, asker, bundle, out);
    if (drop != TALLY_DROP_NONE || !bundle->last)
        return drop;
    asker->wants--;
    if (asker->next < asker->asked && asker->wants == 0) {
        /* The last want was cut short: begin again where it ended. */
        if (asker->next == asker->wants_from)
            return TALLY_DROP_PROTOCOL;
        asker->asked = asker->next;
        asker->lost_step = false;
    }
    return TALLY_DROP_NONE;
}

enum tally_drop fetch_on_body(struct tally_now now, struct sync_asker *asker,
                              const struct tally_sync_frame *frame, struct outbox *out)
{
    const struct tally_sync_body *body = &frame->body;
    const struct sync_package *package = fetch_body_wanting(asker);
    if (asker->state != SYNC_FETCHING || !asker->body_asked || package == NULL)
        return TALLY_DROP_UNASKED;
    if (body->offset != asker->body_offset || body->bytes.size == 0 || body->offset > body->size ||
        body->bytes.size > body->size - body->offset ||
        (asker->body_offset > 0 && body->size != asker->body_size))
        return TALLY_DROP_MALFORMED;
    if (!outbox_room(out, SYNC_SPARE_ACTIONS, body->bytes.size + SYNC_SPARE_BYTES))
        return TALLY_DROP_BUSY;
    heard(asker, now, body->bytes.size);
    asker->body_size = body->size;
    asker->body_offset += (uint32_t)body->bytes.size;
    struct tally_action *action = outbox_add(out, TALLY_ACTION_BODY);
    action->body.package = package->ticket;
    action->body.index = package->first + package->large[package->large_next];
    action->body.offset = body->offset;
    action->body.bytes = outbox_copy(out, body->bytes);
    action->body.last = asker->body_offset == body->size;
    return TALLY_DROP_NONE;
}
