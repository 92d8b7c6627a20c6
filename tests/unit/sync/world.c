/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka.h"

#include "world.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "disk_inside.h"
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { PIECE_MAX = TALLY_STREAM_BYTES_MAX, FRAME_ROOM = TALLY_FRAME_MAX + SYNC_LENGTH_MAX };

struct world *world_new(void)
{
    struct world *world = calloc(1, sizeof *world);
    world->now = (struct tally_now){{100000}, {INT64_C(1763700000000000)}};
    world->chance.state = 7;
    world->chunk = PIECE_MAX;
    provider_init(&world->provider, PROVIDER_MEMO);
    for (unsigned i = 0; i < SIDES; i++) {
        struct side *side = &world->sides[i];
        const uint8_t seed[32] = {(uint8_t)(i + 1)};
        signer_init(&side->signer, &world->provider, seed);
        disk_init(&side->disk, &side->signer);
        side->ledger = disk_ledger(&side->disk);
        side->crypto = signer_window(&side->signer);
        outbox_init(&side->out, side->actions, SIDE_ACTIONS, side->arena, SIDE_ARENA);
    }
    return world;
}

void world_start(struct world *world)
{
    for (unsigned i = 0; i < SIDES; i++) {
        struct side *side = &world->sides[i];
        const struct issuer_options issuer = {.key = side->signer.key,
                                              .seal_receipts = 100,
                                              .seal_ms = 1000,
                                              .pending_max = 64,
                                              .logs_max = 4,
                                              .ledger = &side->ledger,
                                              .crypto = &side->crypto};
        const struct sync_options sync = {.key = side->signer.key,
                                          .signatures = true,
                                          .askers = 4,
                                          .servers = 8,
                                          .buffers = 2,
                                          .ledger = &side->ledger,
                                          .crypto = &side->crypto,
                                          .seed = i};
        const struct issuer_memory memory = {side->own_logs, side->pending};
        issuer_init(&side->issuer, &issuer, &memory, world->now);
        assert_true(sync_new(&side->sync, &sync));
    }
}

void world_free(struct world *world)
{
    for (unsigned i = 0; i < SIDES; i++) {
        sync_free(&world->sides[i].sync);
        disk_free(&world->sides[i].disk);
    }
    provider_free(&world->provider);
    free(world);
}

/* ---- Logs. ---- */

static struct disk_log *log_of(struct side *holder, const struct tally_key *issuer,
                               const char *name_space)
{
    char origin[TALLY_ORIGIN_MAX + 1];
    struct tally_log_id id = {.issuer = *issuer, .origin = origin, .name_space = name_space};
    tally_origin_write(issuer, bytes_text(name_space), origin);
    tally_origin_hash(bytes_text(origin), &id.origin_hash);
    struct disk_log *log = disk_find(&holder->disk, &id.origin_hash);
    return log != NULL ? log : disk_log_new(&holder->disk, &id);
}

void log_add(struct disk_log *log, struct signer *issuer, size_t body_size, const char *word,
             unsigned references)
{
    uint64_t index = simtree_size(&log->tree);
    char head[48];
    size_t head_size = (size_t)snprintf(head, sizeof head, "%s %llu", word, (long long)index);
    uint8_t *body = calloc(1, body_size + 1);
    memcpy(body, head, head_size < body_size ? head_size : body_size);
    struct tally_receipt receipt = {
        .issuer = issuer->key,
        .name_space = bytes_text(log->name_space),
        .sequence = index,
        .time = {INT64_C(1763700000000000) + (int64_t)index},
        .type = bytes_text("test"),
        .body_size = (uint32_t)body_size,
        .reference_count = references,
    };
    for (unsigned i = 0; i < references; i++)
        receipt.references[i] = (struct tally_reference){TALLY_REFERENCE_BODY, {{(uint8_t)i}}};
    hash_sha256(bytes_of(body, body_size), &receipt.body_hash);
    if (index > 0)
        tally_receipt_hash(
            bytes_of(log->entries[index - 1].envelope, log->entries[index - 1].envelope_size),
            &receipt.previous);
    const struct tally_crypto crypto = signer_window(issuer);
    uint8_t envelope[TALLY_ENVELOPE_MAX];
    size_t size = tally_receipt_write(&receipt, &crypto, envelope);
    disk_log_append(log, bytes_of(envelope, size), bytes_of(body, body_size), true);
    free(body);
}

void log_sign(struct disk_log *log, struct signer *issuer, uint64_t size,
              const struct tally_hash *root)
{
    struct tally_vkey vkey;
    uint8_t note[TALLY_CHECKPOINT_MAX];
    const struct tally_crypto crypto = signer_window(issuer);
    const struct tally_checkpoint checkpoint = {
        .origin = bytes_text(log->origin), .size = size, .root = *root};
    assert_true(tally_vkey_of_origin(&vkey, checkpoint.origin));
    log->note_size = tally_checkpoint_sign(&checkpoint, &vkey, &crypto, note);
    assert_true(log->note_size > 0);
    memory_free(log->note);
    log->note = memory_copy(note, log->note_size);
    log->tiled = simtree_size(&log->tree);
    log->size = size;
    log->root = *root;
}

struct disk_log *log_grow(struct side *holder, struct signer *issuer, const char *name_space,
                          unsigned count, size_t body_size, const char *word)
{
    struct disk_log *log = log_of(holder, &issuer->key, name_space);
    for (unsigned i = 0; i < count; i++)
        log_add(log, issuer, body_size, word, 0);
    struct tally_hash root = simtree_root(&log->tree, simtree_size(&log->tree));
    log_sign(log, issuer, simtree_size(&log->tree), &root);
    return log;
}

void log_share(struct side *holder, const struct disk_log *from, uint64_t durable, uint64_t size,
               const struct disk_log *signed_by)
{
    struct disk_log *to = log_of(holder, &from->issuer, from->name_space);
    for (uint64_t i = simtree_size(&to->tree); i < durable; i++) {
        const struct disk_entry *entry = &from->entries[i];
        disk_log_append(to, bytes_of(entry->envelope, entry->envelope_size),
                        bytes_of(entry->body, entry->body_size), true);
    }
    to->tiled = durable;
    to->size = size;
    if (signed_by == NULL)
        return;
    to->root = signed_by->root;
    memory_free(to->note);
    to->note = memory_copy(signed_by->note, signed_by->note_size);
    to->note_size = signed_by->note_size;
}

struct disk_log *copy_of(struct side *side, const struct disk_log *log)
{
    return disk_find(&side->disk, &log->origin_hash);
}

static bool log_true(const struct side *side, const struct disk_log *log)
{
    struct tally_hash previous = {{0}};
    const struct tally_crypto crypto = side->crypto;
    for (uint64_t i = 0; i < simtree_size(&log->tree); i++) {
        const struct disk_entry *entry = &log->entries[i];
        struct tally_bytes envelope = bytes_of(entry->envelope, entry->envelope_size);
        struct tally_receipt receipt;
        if (tally_receipt_read(envelope, &receipt) != TALLY_DROP_NONE || receipt.sequence != i ||
            !key_equal(&receipt.issuer, &log->issuer) ||
            !hash_equal(&receipt.previous, &previous) ||
            tally_receipt_verify(envelope, &crypto) != TALLY_DROP_NONE || !entry->body_held ||
            tally_receipt_body(&receipt, bytes_of(entry->body, entry->body_size)) !=
                TALLY_DROP_NONE)
            return false;
        tally_receipt_hash(envelope, &previous);
    }
    struct tally_hash root = simtree_root(&log->tree, log->size);
    return log->size == 0 || hash_equal(&root, &log->root);
}

bool all_true(const struct side *side)
{
    for (size_t i = 0; i < side->disk.log_count; i++)
        if (!side->disk.logs[i]->own && !log_true(side, side->disk.logs[i]))
            return false;
    return true;
}

/* ---- Steps. ---- */

static struct side *side_of(struct world *world, const struct tally_key *key)
{
    for (unsigned i = 0; i < SIDES; i++)
        if (key_equal(&world->sides[i].signer.key, key))
            return &world->sides[i];
    return NULL;
}

static void note_drop(struct side *side, enum tally_drop drop)
{
    if (drop == TALLY_DROP_NONE)
        return;
    side->drop = drop;
    side->drops++;
}

static void wire_open(struct world *world, struct side *asker, const struct tally_key *peer)
{
    struct side *server = side_of(world, peer);
    for (unsigned i = 0; i < WIRES && server != NULL && !world->unreachable; i++) {
        struct wire *wire = &world->wires[i];
        if (wire->at_asker != 0 || wire->at_server != 0)
            continue;
        *wire = (struct wire){asker, server, ++world->handles, ++world->handles};
        assert_true(sync_opened(&asker->sync, world->now, peer, wire->at_asker));
        assert_true(sync_accepted(&server->sync, &asker->signer.key, wire->at_server));
        return;
    }
}

static void wire_close(struct world *world, const struct side *side, uint32_t handle)
{
    for (unsigned i = 0; i < WIRES; i++) {
        struct wire *wire = &world->wires[i];
        if (wire->asker == side && wire->at_asker == handle)
            wire->at_asker = 0;
        if (wire->server == side && wire->at_server == handle)
            wire->at_server = 0;
    }
}

static void on_state(struct world *world, struct side *side, const struct sync_news *news)
{
    const struct tally_reference cited = {TALLY_REFERENCE_RECEIPT, news->reference};
    assert_non_null(news->type);
    enum tally_error error =
        issuer_statement(&side->issuer, world->now, news->type, &cited, news->has_reference,
                         news->body, news->tag, &side->out);
    if (error != TALLY_OK)
        sync_stated(&side->sync, world->now, news->tag, 0, error);
}

static void news_take(struct world *world, struct side *side)
{
    struct sync_news news;
    while (sync_next_news(&side->sync, &news)) {
        side->told[news.kind]++;
        if (news.kind == SYNC_NEWS_LOCATED)
            side->located = news.count > 0 ? news.first : UINT64_MAX;
        if (news.kind == SYNC_NEWS_STREAM)
            wire_open(world, side, &news.peer);
        if (news.kind == SYNC_NEWS_STATE)
            on_state(world, side, &news);
        if (news.kind == SYNC_NEWS_CLOSE) {
            note_drop(side, news.drop);
            wire_close(world, side, news.stream);
        }
    }
}

static void step_begin(struct side *side)
{
    outbox_clear(&side->out);
    memory_watch_begin();
}

static void on_event(struct world *world, struct side *side, const struct tally_event *event);

/* Package APPENDs that the story refuses are answered in their place in the order of the disk. */
static bool refused(struct world *world, struct side *side, const struct tally_action *action)
{
    struct tally_event event;
    struct disk_change change;
    if (side->refuse_append == TALLY_OK || action->kind != TALLY_ACTION_APPEND ||
        action->append.envelope.size > 0)
        return false;
    uint64_t ticket = action->append.ticket, package = action->append.package;
    while (side->disk.lanes[DISK_STORE].first != NULL)
        if (disk_complete(&side->disk, DISK_STORE, &event, &change))
            on_event(world, side, &event);
    disk_package_free(disk_package_take(&side->disk, package));
    event = (struct tally_event){.kind = TALLY_EVENT_APPENDED};
    event.appended.ticket = ticket;
    event.appended.error = side->refuse_append;
    on_event(world, side, &event);
    return true;
}

static void step_end(struct world *world, struct side *side)
{
    struct tally_action list[SIDE_ACTIONS];
    size_t count = 0;
    enum disk_lane lane;
    uint64_t due_us;
    news_take(world, side);
    assert_int_equal(memory_watch_end(), 0);
    assert_true(sync_holds(&side->sync));
    assert_true(issuer_holds(&side->issuer));
    if (side->out.count > side->actions_most)
        side->actions_most = side->out.count;
    while (outbox_next(&side->out, &list[count]))
        count++;
    for (size_t i = 0; i < count; i++)
        if (!refused(world, side, &list[i]))
            disk_perform(&side->disk, &list[i], 0, &world->chance, &lane, &due_us);
}

static void on_event(struct world *world, struct side *side, const struct tally_event *event)
{
    struct issuer_news news = {.kind = ISSUER_NOTHING};
    step_begin(side);
    if (event->kind == TALLY_EVENT_VERIFIED)
        sync_on_verified(&side->sync, world->now, event, &side->out);
    else if (event->kind == TALLY_EVENT_BODY)
        sync_on_body(&side->sync, world->now, event, &side->out);
    else if (event->kind == TALLY_EVENT_SEALED)
        issuer_on_sealed(&side->issuer, world->now, event, &news, &side->out);
    else if (event->kind == TALLY_EVENT_PUBLISHED)
        issuer_on_published(&side->issuer, world->now, event, &news, &side->out);
    else if (event->appended.ticket >= SYNC_TICKETS)
        sync_on_appended(&side->sync, world->now, event, &side->out);
    else
        issuer_on_appended(&side->issuer, world->now, event->appended.ticket, event->appended.error,
                           &news, &side->out);
    if (news.tag != 0)
        sync_stated(&side->sync, world->now, news.tag, news.index, news.error);
    step_end(world, side);
}

enum tally_drop feed(struct world *world, struct side *side, uint32_t stream,
                     struct tally_bytes bytes)
{
    struct tally_key nobody = {{0}};
    step_begin(side);
    enum tally_drop drop = sync_receive(&side->sync, world->now, stream, bytes, &side->out);
    if (drop != TALLY_DROP_NONE) {
        note_drop(side, drop);
        sync_closed(&side->sync, world->now, &nobody, stream, &side->out);
        wire_close(world, side, stream);
    }
    step_end(world, side);
    return drop;
}

/* ---- The wire. ---- */

static bool handle_open(const struct world *world, uint32_t handle)
{
    for (unsigned i = 0; i < WIRES; i++)
        if (world->wires[i].at_asker == handle || world->wires[i].at_server == handle)
            return true;
    return false;
}

/* A frame through the hands of the story; bytes of what is left of it. */
static size_t bent(struct world *world, bool to_asker, struct tally_bytes framed, uint8_t *out)
{
    static uint8_t room[TALLY_FRAME_MAX];
    struct sync_inbox inbox;
    struct tally_sync_frame frame;
    struct tally_bytes rest = framed, bytes;
    sync_inbox_init(&inbox, room);
    assert_int_equal(sync_inbox_next(&inbox, &rest, &bytes), TALLY_DROP_NONE);
    assert_non_null(bytes.data);
    assert_int_equal(tally_sync_frame_read(bytes, &frame), TALLY_DROP_NONE);
    if (world->bend != NULL && !world->bend(world, to_asker, &frame))
        return 0;
    return sync_frame_put(&frame, out, FRAME_ROOM);
}

static size_t compose(struct world *world, struct side *from, uint32_t stream, bool to_asker,
                      uint8_t *out)
{
    static uint8_t frame[FRAME_ROOM];
    size_t size = sync_wants(&from->sync, stream);
    if (size == 0)
        return 0;
    assert_true(size <= FRAME_ROOM);
    memory_watch_begin();
    size = sync_compose(&from->sync, world->now, stream, frame, size);
    assert_int_equal(memory_watch_end(), 0);
    if (size == 0)
        return 0;
    struct tally_bytes rest = bytes_of(frame, size), bytes;
    static uint8_t room[TALLY_FRAME_MAX];
    struct sync_inbox inbox;
    struct tally_sync_frame read;
    sync_inbox_init(&inbox, room);
    if (sync_inbox_next(&inbox, &rest, &bytes) == TALLY_DROP_NONE && bytes.data != NULL &&
        tally_sync_frame_read(bytes, &read) == TALLY_DROP_NONE && read.kind == TALLY_SYNC_WANT) {
        if (from->wants++ == 0)
            from->first_want = read.want.from;
    }
    return from->deaf ? 0 : bent(world, to_asker, bytes_of(frame, size), out);
}

/* All that one end has to say now, in pieces. True if there was anything. */
static bool carry(struct world *world, struct wire *wire, bool to_asker)
{
    static uint8_t bytes[PIECE_MAX];
    uint32_t from = to_asker ? wire->at_server : wire->at_asker;
    uint32_t to = to_asker ? wire->at_asker : wire->at_server;
    struct side *source = to_asker ? wire->server : wire->asker;
    struct side *target = to_asker ? wire->asker : wire->server;
    size_t size = 0;
    while (from != 0 && size + FRAME_ROOM <= PIECE_MAX) {
        if (sync_wants(&source->sync, from) == 0)
            break;
        size += compose(world, source, from, to_asker, bytes + size);
    }
    for (size_t at = 0; at < size && to != 0 && handle_open(world, to);) {
        size_t most = world->chunk > 0 ? world->chunk : 1 + random_below(&world->chance, 20000);
        size_t piece = size - at < most ? size - at : most;
        feed(world, target, to, bytes_of(bytes + at, piece));
        at += piece;
    }
    return size > 0;
}

/* The other end of what one end closed learns it. */
static bool hang_up(struct world *world, struct wire *wire)
{
    if ((wire->at_asker == 0) == (wire->at_server == 0))
        return false;
    struct side *side = wire->at_asker != 0 ? wire->asker : wire->server;
    struct side *other = wire->at_asker != 0 ? wire->server : wire->asker;
    uint32_t handle = wire->at_asker != 0 ? wire->at_asker : wire->at_server;
    step_begin(side);
    sync_closed(&side->sync, world->now, &other->signer.key, handle, &side->out);
    wire->at_asker = wire->at_server = 0;
    step_end(world, side);
    return true;
}

/* What is due now is done, as a host does that is told the deadline after each step. */
static bool tick(struct world *world, struct side *side)
{
    if (sync_deadline(&side->sync).ms > world->now.mono.ms)
        return false;
    step_begin(side);
    issuer_tick(&side->issuer, world->now, &side->out);
    sync_tick(&side->sync, world->now, &side->out);
    step_end(world, side);
    return true;
}

static bool disk_go(struct world *world, struct side *side)
{
    struct tally_event event;
    struct disk_change change;
    unsigned lane = random_below(&world->chance, DISK_LANES);
    if (side->disk.lanes[lane].first == NULL)
        lane = 1 - lane;
    if (side->disk.lanes[lane].first == NULL)
        return false;
    if (disk_complete(&side->disk, (enum disk_lane)lane, &event, &change))
        on_event(world, side, &event);
    return true;
}

void settle(struct world *world)
{
    bool more = true;
    for (unsigned turns = 0; more; turns++) {
        assert_in_range(turns, 0, 200000);
        more = false;
        for (unsigned i = 0; i < WIRES; i++) {
            struct wire *wire = &world->wires[i];
            more |= hang_up(world, wire);
            if (wire->at_asker != 0)
                more |= carry(world, wire, false);
            if (wire->at_server != 0)
                more |= carry(world, wire, true);
        }
        for (unsigned i = 0; i < SIDES; i++) {
            more |= tick(world, &world->sides[i]);
            more |= disk_go(world, &world->sides[i]);
        }
    }
}

void ask(struct world *world, struct side *a, struct side *b)
{
    step_begin(a);
    sync_start(&a->sync, world->now, &b->signer.key, 0);
    step_end(world, a);
    settle(world);
}

uint32_t bring(struct world *world, struct side *a, struct side *b)
{
    static const struct tally_key nobody = {{0}};
    for (unsigned i = 0; i < WIRES; i++) {
        struct wire *wire = &world->wires[i];
        if (wire->at_asker != 0 || wire->at_server != 0)
            continue;
        uint32_t handle = ++world->handles;
        step_begin(a);
        bool taken = sync_carry(&a->sync, world->now, handle);
        if (taken) {
            *wire = (struct wire){a, b, handle, ++world->handles};
            assert_true(sync_accepted(&b->sync, &nobody, wire->at_server));
        }
        step_end(world, a);
        settle(world);
        return taken ? handle : 0;
    }
    return 0;
}

void pass(struct world *world, uint64_t ms)
{
    for (uint64_t left = ms; left > 0; left -= left < 100 ? left : 100) {
        world->now.mono.ms += left < 100 ? left : 100;
        world->now.wall.us += 100000;
        for (unsigned i = 0; i < SIDES; i++) {
            struct side *side = &world->sides[i];
            step_begin(side);
            issuer_tick(&side->issuer, world->now, &side->out);
            sync_tick(&side->sync, world->now, &side->out);
            step_end(world, side);
        }
        settle(world);
    }
}

void cut(struct world *world)
{
    for (unsigned i = 0; i < WIRES; i++) {
        struct wire *wire = &world->wires[i];
        if (wire->at_asker == 0 || wire->at_server == 0)
            continue;
        step_begin(wire->server);
        sync_closed(&wire->server->sync, world->now, &wire->asker->signer.key, wire->at_server,
                    &wire->server->out);
        step_end(world, wire->server);
        wire->at_server = 0;
        hang_up(world, wire);
    }
}

/* ---- A liar by hand. ---- */

enum tally_drop tell(struct world *world, struct side *side, uint32_t stream,
                     const struct tally_sync_frame *frame)
{
    static uint8_t bytes[FRAME_ROOM];
    return feed(world, side, stream, bytes_of(bytes, sync_frame_put(frame, bytes, sizeof bytes)));
}

uint32_t accept_from(struct world *world, struct side *side, const struct tally_key *peer)
{
    assert_true(sync_accepted(&side->sync, peer, ++world->handles));
    return world->handles;
}

void hang(struct world *world, struct side *side, uint32_t stream)
{
    struct tally_key nobody = {{0}};
    step_begin(side);
    sync_closed(&side->sync, world->now, &nobody, stream, &side->out);
    step_end(world, side);
}

bool next_frame(struct world *world, struct side *side, uint32_t stream,
                struct tally_sync_frame *frame)
{
    static uint8_t bytes[FRAME_ROOM];
    static uint8_t room[TALLY_FRAME_MAX];
    struct sync_inbox inbox;
    size_t size = sync_wants(&side->sync, stream);
    if (size == 0)
        return false;
    size = sync_compose(&side->sync, world->now, stream, bytes, size);
    if (size == 0)
        return false;
    struct tally_bytes rest = bytes_of(bytes, size), whole;
    sync_inbox_init(&inbox, room);
    assert_int_equal(sync_inbox_next(&inbox, &rest, &whole), TALLY_DROP_NONE);
    assert_int_equal(tally_sync_frame_read(whole, frame), TALLY_DROP_NONE);
    return true;
}
