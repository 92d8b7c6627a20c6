/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that ask what they should not, answer what nobody asked, or send more than a step takes. */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "world.h"

static struct world *world;
static struct side *a, *b;
static struct disk_log *log_;

static int set_up(void **state)
{
    world = world_new();
    a = &world->sides[0];
    b = &world->sides[1];
    log_ = log_grow(b, &b->signer, "audit", 300, 30, "x");
    log_grow(b, &b->signer, "audit", 1, 100000, "large");
    world_start(world);
    return 0;
}

static int tear_down(void **state)
{
    assert_true(all_true(a) && all_true(b));
    world_free(world);
    return 0;
}

static struct tally_sync_frame want(uint64_t from, uint64_t to, uint64_t size)
{
    return (struct tally_sync_frame){
        .kind = TALLY_SYNC_WANT,
        .request = 5,
        .want = {.origin = log_->origin_hash, .from = from, .to = to, .size = size, .limit = 1}};
}

static struct tally_sync_frame proof_want(uint64_t from, uint64_t to)
{
    return (struct tally_sync_frame){
        .kind = TALLY_SYNC_PROOF_WANT,
        .request = 5,
        .proof_want = {.origin = log_->origin_hash, .from = from, .to = to}};
}

static struct tally_sync_frame body_want(uint64_t index, uint32_t offset)
{
    return (struct tally_sync_frame){
        .kind = TALLY_SYNC_BODY_WANT,
        .request = 5,
        .body_want = {.origin = log_->origin_hash, .index = index, .offset = offset}};
}

static void what_may_not_be_asked_has_a_named_end(void **state)
{
    struct tally_sync_frame unknown = want(0, 1, 1);
    unknown.want.origin.bytes[0] ^= 1;
    const struct {
        struct tally_sync_frame frame;
        enum tally_drop drop;              /* Of the stream. */
        enum tally_sync_frame_kind answer; /* Else. */
    } asked[] = {
        {want(5, 5, 10), TALLY_DROP_MALFORMED, 0},
        {want(6, 5, 10), TALLY_DROP_MALFORMED, 0},
        {want(0, 11, 10), TALLY_DROP_MALFORMED, 0},
        {want(0, 10, 302), TALLY_DROP_NONE, TALLY_SYNC_REFUSE},
        {want(0, INT64_MAX, INT64_MAX), TALLY_DROP_NONE, TALLY_SYNC_REFUSE},
        {want(INT64_MAX - 1, INT64_MAX, INT64_MAX), TALLY_DROP_NONE, TALLY_SYNC_REFUSE},
        {unknown, TALLY_DROP_NONE, TALLY_SYNC_REFUSE},
        {want(255, 257, 301), TALLY_DROP_NONE, TALLY_SYNC_PACKAGE},
        {proof_want(0, 5), TALLY_DROP_MALFORMED, 0},
        {proof_want(6, 5), TALLY_DROP_MALFORMED, 0},
        {proof_want(5, 302), TALLY_DROP_NONE, TALLY_SYNC_REFUSE},
        {proof_want(INT64_MAX, INT64_MAX), TALLY_DROP_NONE, TALLY_SYNC_REFUSE},
        {proof_want(5, 5), TALLY_DROP_NONE, TALLY_SYNC_PROOF},
        {body_want(3, 0), TALLY_DROP_NONE, TALLY_SYNC_BODY},
        {body_want(3, 30), TALLY_DROP_NONE, TALLY_SYNC_REFUSE},
        {body_want(300, 99999), TALLY_DROP_NONE, TALLY_SYNC_BODY},
        {body_want(300, 100000), TALLY_DROP_NONE, TALLY_SYNC_REFUSE},
        {body_want(301, 0), TALLY_DROP_NONE, TALLY_SYNC_REFUSE},
        {body_want(INT64_MAX, 0), TALLY_DROP_NONE, TALLY_SYNC_REFUSE},
        {{.kind = TALLY_SYNC_TILE_WANT, .request = 5, .tile_want = {.width = 1}},
         TALLY_DROP_NONE,
         TALLY_SYNC_REFUSE},
        {{.kind = TALLY_SYNC_REFUSE, .request = 5}, TALLY_DROP_UNASKED, 0},
        {{.kind = TALLY_SYNC_HEADS, .request = 5}, TALLY_DROP_UNASKED, 0},
        {{.kind = TALLY_SYNC_PROOF, .request = 5}, TALLY_DROP_UNASKED, 0},
    };
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        uint32_t stream = accept_from(world, b, &a->signer.key);
        struct tally_sync_frame answer;
        assert_int_equal(tell(world, b, stream, &asked[i].frame), asked[i].drop);
        if (asked[i].drop != TALLY_DROP_NONE)
            continue;
        assert_true(next_frame(world, b, stream, &answer));
        assert_int_equal(answer.kind, asked[i].answer);
        assert_int_equal(answer.request, 5);
        hang(world, b, stream);
    }
}

static void a_frame_has_one_form(void **state)
{
    static const struct {
        uint8_t bytes[6];
        size_t size;
        enum tally_drop drop;
    } frames[] = {
        {{0}, 1, TALLY_DROP_MALFORMED},                /* Empty. */
        {{0x80, 0}, 2, TALLY_DROP_MALFORMED},          /* Not the shortest form. */
        {{0x85, 0}, 2, TALLY_DROP_MALFORMED},          /* The same for 5. */
        {{0x81, 0xe0, 0x03}, 3, TALLY_DROP_MALFORMED}, /* 61,441. */
        {{0x80, 0xe0, 0x03}, 3, TALLY_DROP_NONE},      /* 61,440: the rest may come. */
        {{0xff, 0xff, 0xff, 0x7f}, 4, TALLY_DROP_MALFORMED},
        {{1, 0x90}, 2, TALLY_DROP_MALFORMED},                         /* An empty array. */
        {{3, 0x92, 2, 1}, 4, TALLY_DROP_MALFORMED},                   /* Too few fields. */
        {{3, 0x92, 0x7e, 1}, 4, TALLY_DROP_NONE},                     /* Unknown: refused. */
        {{5, 0xdd, 0xff, 0xff, 0xff, 0xff}, 6, TALLY_DROP_MALFORMED}, /* 4 G items. */
    };
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        uint32_t stream = accept_from(world, b, &a->signer.key);
        assert_int_equal(feed(world, b, stream, bytes_of(frames[i].bytes, frames[i].size)),
                         frames[i].drop);
        hang(world, b, stream);
    }
}

static void the_sixty_fifth_open_request_is_one_too_many(void **state)
{
    uint32_t stream = accept_from(world, b, &a->signer.key);
    struct tally_sync_frame frame = want(0, 300, 301);
    for (unsigned i = 0; i < SYNC_REQUESTS; i++)
        assert_int_equal(tell(world, b, stream, &frame), TALLY_DROP_NONE);
    assert_int_equal(tell(world, b, stream, &frame), TALLY_DROP_BUSY);
}

/* ---- Statements. ---- */

static struct tally_sync_frame done(const struct disk_log *log)
{
    struct tally_sync_frame frame = {
        .kind = TALLY_SYNC_DONE, .request = 9, .done = {.ranges_count = 1}};
    frame.done.ranges[0].origin = log->origin_hash;
    frame.done.ranges[0].to = log->size;
    frame.done.ranges[0].root = log->root;
    return frame;
}

static void a_peer_gets_one_statement_a_minute_over_however_many_streams(void **state)
{
    struct tally_sync_frame frame = done(log_), answer;
    for (unsigned i = 0; i < 20; i++) {
        uint32_t stream = accept_from(world, b, &a->signer.key);
        assert_int_equal(tell(world, b, stream, &frame), TALLY_DROP_NONE);
        settle(world);
        assert_true(next_frame(world, b, stream, &answer));
        assert_int_equal(answer.kind, i == 0 ? TALLY_SYNC_CONFIRM : TALLY_SYNC_REFUSE);
        hang(world, b, stream);
        pass(world, 1000);
    }
    assert_int_equal(simtree_size(&disk_find(&b->disk, &b->sync.statements)->tree), 1);
}

static void nothing_is_stated_of_statements_or_of_what_is_not_so(void **state)
{
    struct tally_sync_frame frame = done(log_), answer;
    uint32_t stream = accept_from(world, b, &a->signer.key);
    assert_int_equal(tell(world, b, stream, &frame), TALLY_DROP_NONE);
    pass(world, 70000);
    assert_true(next_frame(world, b, stream, &answer));
    const struct disk_log *statements = disk_find(&b->disk, &b->sync.statements);
    assert_int_equal(statements->size, 1);
    frame = done(statements);
    assert_int_equal(tell(world, b, stream, &frame), TALLY_DROP_NONE);
    assert_true(next_frame(world, b, stream, &answer));
    assert_int_equal(answer.kind, TALLY_SYNC_REFUSE);
    frame = done(log_);
    frame.done.ranges[0].root.bytes[0] ^= 1;
    assert_int_equal(tell(world, b, stream, &frame), TALLY_DROP_NONE);
    assert_true(next_frame(world, b, stream, &answer));
    assert_int_equal(answer.kind, TALLY_SYNC_REFUSE);
    frame = done(log_);
    frame.done.ranges[0].to++;
    assert_int_equal(tell(world, b, stream, &frame), TALLY_DROP_NONE);
    assert_true(next_frame(world, b, stream, &answer));
    assert_int_equal(answer.kind, TALLY_SYNC_REFUSE);
    assert_int_equal(simtree_size(&statements->tree), 1);
}

static void a_confirmation_nobody_waits_for_is_not_even_verified(void **state)
{
    uint32_t stream = accept_from(world, b, &a->signer.key);
    const struct disk_entry *entry = &log_->entries[0];
    struct tally_sync_frame frame = {.kind = TALLY_SYNC_CONFIRMED, .request = 1};
    frame.confirmed.envelope = bytes_of(entry->envelope, entry->envelope_size);
    uint64_t before = world->provider.verified_count + world->provider.remembered_count;
    assert_int_equal(tell(world, b, stream, &frame), TALLY_DROP_UNASKED);
    assert_int_equal(world->provider.verified_count + world->provider.remembered_count, before);
    assert_int_equal(b->told[SYNC_NEWS_CONFIRMED], 0);
}

/* ---- More than a step takes. ---- */

/* An asker of a that fetches from a liar; its stream. */
static uint32_t fetching(void)
{
    b->deaf = true;
    ask(world, a, b);
    uint32_t stream = world->wires[0].at_asker;
    struct tally_sync_frame heads = {.kind = TALLY_SYNC_HEADS, .request = 1};
    heads.heads.notes_count = 1;
    heads.heads.notes[0] = bytes_of(log_->note, log_->note_size);
    assert_int_equal(tell(world, a, stream, &heads), TALLY_DROP_NONE);
    settle(world);
    assert_int_equal(a->wants, 1);
    return stream;
}

static uint8_t flood[TALLY_STREAM_BYTES_MAX];

static size_t flood_add(size_t at, const struct tally_sync_frame *frame)
{
    static uint8_t bytes[TALLY_FRAME_MAX + SYNC_LENGTH_MAX];
    size_t size = sync_frame_put(frame, bytes, sizeof bytes);
    if (at + size > sizeof flood)
        return 0;
    memcpy(flood + at, bytes, size);
    return size;
}

static void thousands_of_tiny_bundles_in_one_event_end_the_stream(void **state)
{
    uint32_t stream = fetching();
    struct tally_sync_frame frame = {.kind = TALLY_SYNC_PACKAGE, .request = 2};
    frame.package.end = 256;
    frame.package.size = 200000;
    size_t size = flood_add(0, &frame), more = 1;
    for (uint32_t i = 0; more > 0; i++, size += more) {
        frame = (struct tally_sync_frame){.kind = TALLY_SYNC_BUNDLE, .request = 2};
        frame.bundle.offset = i;
        frame.bundle.bytes = bytes_of("x", 1);
        more = flood_add(size, &frame);
    }
    assert_int_equal(feed(world, a, stream, bytes_of(flood, size)), TALLY_DROP_BUSY);
    assert_in_range(a->actions_most, 100, SIDE_ACTIONS - 100);
}

static void many_packages_of_one_receipt_fill_their_places_and_no_more(void **state)
{
    uint32_t stream = fetching();
    struct tally_sync_frame frame;
    enum tally_drop drop = TALLY_DROP_NONE;
    uint64_t i = 0;
    for (; i < 256 && drop == TALLY_DROP_NONE; i++) {
        frame = (struct tally_sync_frame){.kind = TALLY_SYNC_PACKAGE, .request = 2};
        frame.package.first = i;
        frame.package.end = i + 1;
        frame.package.size = 1;
        size_t size = flood_add(0, &frame);
        frame = (struct tally_sync_frame){.kind = TALLY_SYNC_BUNDLE, .request = 2};
        frame.bundle.bytes = bytes_of("x", 1);
        size += flood_add(size, &frame);
        drop = feed(world, a, stream, bytes_of(flood, size));
    }
    /* Either there is no place, or the leaves before the second are not here to prove it by. */
    assert_int_not_equal(drop, TALLY_DROP_NONE);
    assert_true(i <= SYNC_PACKAGES + 1);
    settle(world);
    assert_int_equal(a->disk.log_count, 0);
}

static bool body_goes_on(struct world *w, bool to_asker, struct tally_sync_frame *frame)
{
    w->count += frame->kind == TALLY_SYNC_BODY;
    return true;
}

static void a_body_that_goes_on_after_its_end_is_not_the_next_one(void **state)
{
    log_grow(b, &b->signer, "audit", 2, 5000, "large");
    world->bend = body_goes_on;
    struct tally_sync_frame frame = {.kind = TALLY_SYNC_BODY, .request = 3};
    /* Honest until the first whole body has come; then one byte more of it, in the same event. */
    ask(world, a, b);
    assert_int_equal(copy_of(a, log_)->size, 303);
    assert_true(world->count >= 4);
    frame.body.size = 5001;
    frame.body.offset = 5000;
    frame.body.bytes = bytes_of("x", 1);
    assert_int_equal(tell(world, a, world->wires[0].at_asker, &frame), TALLY_DROP_UNASKED);
}

static void a_flood_of_requests_in_one_event_is_bounded(void **state)
{
    const struct tally_sync_frame floods[] = {
        done(log_),
        {.kind = TALLY_SYNC_HEADS_WANT, .request = 1},
        {.kind = TALLY_SYNC_TILE_WANT, .request = 1, .tile_want = {.width = 1}},
    };
    for (size_t i = 0; i < 3; i++) {
        uint32_t stream = accept_from(world, b, &a->signer.key);
        size_t size = 0, more;
        while ((more = flood_add(size, &floods[i])) > 0)
            size += more;
        assert_int_equal(feed(world, b, stream, bytes_of(flood, size)), TALLY_DROP_BUSY);
        settle(world);
    }
    assert_in_range(b->actions_most, 0, 8);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(what_may_not_be_asked_has_a_named_end),
        T(a_frame_has_one_form),
        T(the_sixty_fifth_open_request_is_one_too_many),
        T(a_peer_gets_one_statement_a_minute_over_however_many_streams),
        T(nothing_is_stated_of_statements_or_of_what_is_not_so),
        T(a_confirmation_nobody_waits_for_is_not_even_verified),
        T(thousands_of_tiny_bundles_in_one_event_end_the_stream),
        T(many_packages_of_one_receipt_fill_their_places_and_no_more),
        T(a_body_that_goes_on_after_its_end_is_not_the_next_one),
        T(a_flood_of_requests_in_one_event_is_bounded),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
