/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transfer of one log from one peer: ranges are wanted ahead, packages come in order, each is
 * opened by the pool and proved against the signed root, and appended in order.
 */
#include "core/sync/asker.h"

#include "core/base/bytes.h"
#include "core/log/merkle.h"

#include <assert.h>

static struct sync_package *package_at(struct sync_asker *asker, unsigned index)
{
    return &asker->packages[(asker->package_first + index) % SYNC_PACKAGES];
}

static const struct sync_package *package_view(const struct sync_asker *asker, unsigned index)
{
    return &asker->packages[(asker->package_first + index) % SYNC_PACKAGES];
}

static struct sync_package *package_find(struct sync_asker *asker, uint64_t ticket)
{
    for (unsigned i = 0; i < asker->package_count; i++)
        if (package_at(asker, i)->ticket == ticket)
            return package_at(asker, i);
    return NULL;
}

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
    if (asker->from == 0)
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
    uint64_t durable = asker_view(sync, asker, &view) ? view.durable : 0;
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
    for (unsigned i = 0; i < sync->options.askers; i++)
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

static const struct sync_package *body_wanting(const struct sync_asker *asker)
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
    return want_due(sync, asker) || (!asker->body_asked && body_wanting(asker) != NULL);
}

size_t fetch_compose(const struct sync *sync, struct sync_asker *asker, uint8_t *frame,
                     size_t capacity)
{
    struct tally_sync_frame message = {.request = asker->request + 1};
    const struct sync_package *package = asker->body_asked ? NULL : body_wanting(asker);
    if (package != NULL) {
        message.kind = TALLY_SYNC_BODY_WANT;
        message.body_want.origin = asker->tasks[0].origin_hash;
        message.body_want.index = package->first + package->large[package->large_next];
        asker->body_asked = true;
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

enum tally_drop fetch_on_package(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                                 const struct tally_sync_frame *frame)
{
    const struct tally_sync_package *head = &frame->package;
    bool coming = asker->package_count > 0 &&
                  package_at(asker, asker->package_count - 1)->state == PACKAGE_COMING;
    if (asker->state != SYNC_FETCHING || asker->wants == 0 || coming || asker->skip > 0)
        return TALLY_DROP_UNASKED;
    (void)now;
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

/* ---- What the host answers. ---- */

static bool proved(const struct sync_asker *asker, const struct sync_package *package,
                   const struct tally_hash *subtree)
{
    const struct sync_task *task = &asker->tasks[0];
    uint64_t start = package->first / TALLY_TILE_WIDTH * TALLY_TILE_WIDTH;
    return tally_subtree_holds(start, package->end, task->size, package->proof,
                               package->proof_count, subtree, &task->root);
}

/* Whether the package at that place continues what is before it: packages are opened side by side,
   so their ends are compared here, in order. */
static bool chained(struct sync_asker *asker, unsigned index)
{
    const struct sync_package *package = package_at(asker, index);
    const struct tally_hash *last = asker->last_known ? &asker->last : NULL;
    if (index > 0)
        last = &package_at(asker, index - 1)->last;
    return last == NULL || package->first == 0 || hash_equal(last, &package->previous);
}

static void append(struct sync *sync, struct sync_asker *asker, struct sync_package *package,
                   struct outbox *out)
{
    const struct sync_task *task = &asker->tasks[0];
    bool final = package->end == task->size;
    struct tally_action *action = outbox_add(out, TALLY_ACTION_APPEND);
    action->append.log = (struct tally_log_id){.origin_hash = task->origin_hash,
                                               .issuer = task->issuer,
                                               .origin = task->origin,
                                               .name_space = task->name_space};
    action->append.first = package->first;
    action->append.package = package->ticket;
    if (final)
        action->append.note = outbox_copy(out, bytes_of(task->note, task->note_size));
    package->ticket = action->append.ticket = ++sync->tickets;
    package->state = PACKAGE_APPENDING;
    unsigned at = (sync->append_first + sync->append_count++) % (SYNC_APPENDS);
    sync->appends[at] = (struct sync_append){.ticket = package->ticket,
                                             .origin_hash = task->origin_hash,
                                             .root = task->root,
                                             .first = package->first,
                                             .end = package->end,
                                             .final = final};
}

/* Hands over to the disk what is whole, in order, up to the first that is bad: the same is kept
   whatever the order in which the pool was done with them (reliability 10.3). */
static void append_ready(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                         struct outbox *out)
{
    for (unsigned i = 0; i < asker->package_count; i++) {
        struct sync_package *package = package_at(asker, i);
        if (package->state == PACKAGE_APPENDING)
            continue;
        if (package->state == PACKAGE_WHOLE && !chained(asker, i)) {
            package->state = PACKAGE_BAD;
            package->drop = TALLY_DROP_CHAIN;
        }
        if (package->state == PACKAGE_BAD) {
            asker_fail(sync, now, asker, package->drop, out);
            return;
        }
        if (package->state != PACKAGE_WHOLE || package->large_next < package->large_count ||
            sync->append_count == SYNC_APPENDS || !outbox_room(out, 8, SYNC_NOTE_MAX))
            return;
        append(sync, asker, package, out);
    }
}

void sync_on_verified(struct sync *sync, struct tally_now now, const struct tally_event *event,
                      struct outbox *out)
{
    for (unsigned i = 0; i < sync->options.askers; i++) {
        struct sync_asker *asker = &sync->askers[i];
        struct sync_package *package = package_find(asker, event->verified.ticket);
        if (package == NULL)
            continue;
        package->drop = event->verified.drop;
        if (package->drop == TALLY_DROP_NONE && !proved(asker, package, &event->verified.subtree))
            package->drop = TALLY_DROP_PROOF;
        package->state = package->drop == TALLY_DROP_NONE ? PACKAGE_WHOLE : PACKAGE_BAD;
        if (package->state == PACKAGE_WHOLE) {
            package->last = event->verified.last;
            package->previous = event->verified.previous;
            package->large_count = (uint16_t)event->verified.large_count;
            memcpy(package->large, event->verified.large, event->verified.large_count);
        }
        append_ready(sync, now, asker, out);
        return;
    }
    /* Nobody waits for it any more: the asker was closed, and RELEASE has gone out. */
}

enum tally_drop fetch_on_body(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                              const struct tally_sync_frame *frame, struct outbox *out)
{
    const struct tally_sync_body *body = &frame->body;
    const struct sync_package *package = body_wanting(asker);
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
    (void)sync;
    return TALLY_DROP_NONE;
}

void sync_on_body(struct sync *sync, struct tally_now now, const struct tally_event *event,
                  struct outbox *out)
{
    for (unsigned i = 0; i < sync->options.askers; i++) {
        struct sync_asker *asker = &sync->askers[i];
        struct sync_package *package = package_find(asker, event->body.package);
        if (package == NULL || package != body_wanting(asker) || !asker->body_asked)
            continue;
        if (event->body.drop != TALLY_DROP_NONE) {
            asker_fail(sync, now, asker, event->body.drop, out);
            return;
        }
        package->large_next++;
        asker->body_asked = false;
        asker->heard = now.mono;
        append_ready(sync, now, asker, out);
        return;
    }
}

/* The log moved to its new head: what came is noted for the statement, unless it was statements. */
static void fetched(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                    struct outbox *out)
{
    const struct sync_task *task = &asker->tasks[0];
    backoff_reset(&asker->backoff);
    bool statements = bytes_equal(bytes_text(task->name_space), bytes_text(TALLY_STATEMENTS));
    if (!statements && asker->told_count < SYNC_TELL)
        asker->told[asker->told_count++] = (struct sync_range){.origin_hash = task->origin_hash,
                                                               .from = asker->held,
                                                               .to = task->size,
                                                               .root = task->root};
    asker_task_done(sync, now, asker, out);
}

static struct sync_asker *asker_of(struct sync *sync, uint64_t ticket)
{
    for (unsigned i = 0; i < sync->options.askers; i++)
        if (package_find(&sync->askers[i], ticket) != NULL)
            return &sync->askers[i];
    return NULL;
}

/* The first package of the ring is durable. */
static void package_done(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                         const struct sync_append *append, struct outbox *out)
{
    asker->last = package_at(asker, 0)->last;
    asker->last_known = true;
    asker->appended = append->end;
    asker->bytes -= package_at(asker, 0)->size;
    asker->package_first = (asker->package_first + 1) % SYNC_PACKAGES;
    asker->package_count--;
    asker->heard = now.mono;
    if (append->final)
        fetched(sync, now, asker, out);
}

void sync_on_appended(struct sync *sync, struct tally_now now, const struct tally_event *event,
                      struct outbox *out)
{
    assert(sync->append_count > 0);
    struct sync_append append = sync->appends[sync->append_first];
    assert(append.ticket == event->appended.ticket); /* The host answers in order. */
    sync->append_first = (sync->append_first + 1) % SYNC_APPENDS;
    sync->append_count--;
    struct sync_asker *asker = asker_of(sync, append.ticket);

    if (event->appended.error == TALLY_OK && append.final) {
        struct sync_news *news =
            news_add(sync, SYNC_NEWS_HEAD, asker != NULL ? &asker->peer : &sync->options.key);
        if (news != NULL) {
            news->origin_hash = append.origin_hash;
            news->size = append.end;
            news->count = asker != NULL ? append.end - asker->held : append.end - append.first;
        }
    }
    if (asker != NULL && event->appended.error != TALLY_OK)
        asker_fail(sync, now, asker, TALLY_DROP_BUSY, out);
    else if (asker != NULL)
        package_done(sync, now, asker, &append, out);
    /* There is one place more among the APPENDs under way: whoever waited for it goes on. */
    for (unsigned i = 0; i < sync->options.askers; i++)
        append_ready(sync, now, &sync->askers[i], out);
}
