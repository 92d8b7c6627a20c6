/* SPDX-License-Identifier: Apache-2.0 */
/* Two channels, back to back: what they tell each other whatever the wire does to their bytes. */
#include "core/base/bytes.h"

#include "support/channels.h"
#include "support/cmocka.h"

#include <stdlib.h>

enum { LOG_MAX = 64, GOT_MAX = 1 << 20 };

/* What one side heard, in order, and the bytes of its streams joined. */
struct heard {
    struct channel_news log[LOG_MAX];
    size_t count, got;
    unsigned seen[CHANNEL_CLOSED + 1];
    uint8_t bytes[GOT_MAX];
    uint32_t stream;
    char agent[CHANNEL_AGENT_MAX + 1];
    enum tally_drop drop;
    const char *why;
};

struct scene {
    struct party a, b; /* a dials. */
    struct heard at_a, at_b;
    struct tally_now now;
    size_t chunk; /* Bytes per feed. */
    size_t sent;  /* By a, so far; and the byte of those to flip, if any. */
    size_t flip;
    bool consume;
};

static struct scene *scene_new(size_t chunk)
{
    struct scene *scene = calloc(1, sizeof *scene);
    party_init(&scene->a, 1);
    party_init(&scene->b, 2);
    scene->now = (struct tally_now){{1000}, {1000000}};
    scene->chunk = chunk;
    scene->flip = SIZE_MAX;
    scene->consume = true;
    return scene;
}

static void scene_free(struct scene *scene)
{
    party_free(&scene->a);
    party_free(&scene->b);
    free(scene);
}

static void listen_in(struct scene *scene, struct party *party, struct heard *heard)
{
    struct channel_news news;
    while (channel_next(party->channel, &news)) {
        heard->seen[news.kind]++;
        if (heard->count < LOG_MAX)
            heard->log[heard->count++] = news;
        if (news.kind == CHANNEL_OPENED)
            heard->stream = news.stream;
        if (news.kind == CHANNEL_DATA) {
            size_t size = news.data.size;
            if (heard->got + size <= GOT_MAX)
                memcpy(heard->bytes + heard->got, news.data.data, size);
            heard->got += size;
            if (scene->consume)
                channel_consumed(party->channel, news.stream, size);
        }
        if (news.kind == CHANNEL_IDENTIFIED)
            strcpy(heard->agent, news.identity.agent);
        if (news.kind == CHANNEL_FETCH)
            assert_true(channel_fetch_answer(
                party->channel, news.stream,
                bytes_equal(news.key, bytes_text("/tally/x")) ? CHANNEL_FETCH_OK
                                                              : CHANNEL_FETCH_NOT_FOUND,
                bytes_equal(news.key, bytes_text("/tally/x")) ? bytes_text("hello")
                                                              : bytes_of(NULL, 0)));
        if (news.kind == CHANNEL_CLOSED || news.kind == CHANNEL_RESET) {
            heard->drop = news.end.drop;
            heard->why = news.end.why;
        }
        assert_true(channel_holds(party->channel));
    }
}

/* Carries all output of one side to the other; true if there was any. */
static bool carry(struct scene *scene, bool from_a)
{
    struct party *from = from_a ? &scene->a : &scene->b, *to = from_a ? &scene->b : &scene->a;
    struct heard *heard = from_a ? &scene->at_b : &scene->at_a;
    struct tally_bytes out = channel_output(from->channel, SIZE_MAX);
    uint8_t *copy = malloc(out.size + 1);
    memcpy(copy, out.data, out.size);
    if (from_a && scene->flip >= scene->sent && scene->flip - scene->sent < out.size)
        copy[scene->flip - scene->sent] ^= 1;
    scene->sent += from_a ? out.size : 0;
    for (size_t at = 0; at < out.size;) {
        size_t size = out.size - at < scene->chunk ? out.size - at : scene->chunk;
        channel_feed(to->channel, scene->now, bytes_of(copy + at, size));
        listen_in(scene, to, heard);
        at += size;
    }
    free(copy);
    return out.size > 0;
}

static void settle(struct scene *scene)
{
    listen_in(scene, &scene->a, &scene->at_a);
    listen_in(scene, &scene->b, &scene->at_b);
    bool more = true;
    while (more) {
        more = carry(scene, true);
        more |= carry(scene, false);
        assert_true(channel_holds(scene->a.channel));
        assert_true(channel_holds(scene->b.channel));
    }
}

static void meet(struct scene *scene)
{
    party_begin(&scene->a, true, &scene->b.key, scene->now);
    party_begin(&scene->b, false, NULL, scene->now);
    settle(scene);
}

static void say(struct party *party, uint32_t stream, struct tally_bytes bytes, bool finish)
{
    uint8_t *out = channel_reserve(party->channel, stream, bytes.size);
    assert_non_null(out);
    memcpy(out, bytes.data, bytes.size);
    channel_commit(party->channel, stream, bytes.size, finish);
}

static void both_ends_know_each_other_in_any_chunking(void **state)
{
    static const size_t chunks[] = {1, 2, 3, 7, 19, 64, 1000, SIZE_MAX};
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        struct scene *scene = scene_new(chunks[i]);
        meet(scene);
        assert_int_equal(scene->at_a.log[0].kind, CHANNEL_SECURED);
        assert_int_equal(scene->at_b.log[0].kind, CHANNEL_SECURED);
        assert_true(key_equal(channel_peer(scene->a.channel), &scene->b.key));
        assert_true(key_equal(channel_peer(scene->b.channel), &scene->a.key));
        assert_int_equal(scene->at_a.seen[CHANNEL_IDENTIFIED], 1);
        assert_int_equal(scene->at_b.seen[CHANNEL_IDENTIFIED], 1);
        assert_int_equal(scene->at_a.seen[CHANNEL_PONG], 1);
        assert_string_equal(scene->at_a.agent, "tally/test");
        assert_int_equal(scene->at_a.seen[CHANNEL_REFUSED] + scene->at_a.seen[CHANNEL_CLOSED], 0);
        scene_free(scene);
    }
}

static void requests_travel_with_the_proposal(void **state)
{
    static const size_t chunks[] = {1, 5, SIZE_MAX};
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++)
        for (unsigned by_listener = 0; by_listener < 2; by_listener++) {
            struct scene *scene = scene_new(chunks[i]);
            meet(scene);
            struct party *from = by_listener ? &scene->b : &scene->a;
            struct party *to = by_listener ? &scene->a : &scene->b;
            struct heard *there = by_listener ? &scene->at_a : &scene->at_b;
            struct heard *here = by_listener ? &scene->at_b : &scene->at_a;
            uint32_t stream = channel_open(from->channel, 1);
            assert_int_equal(stream % 2, !by_listener);
            say(from, stream, bytes_text("question"), true);
            settle(scene);
            assert_int_equal(there->seen[CHANNEL_OPENED], 1);
            assert_int_equal(there->seen[CHANNEL_FINISHED], 1);
            assert_true(bytes_equal(bytes_of(there->bytes, there->got), bytes_text("question")));
            say(to, there->stream, bytes_text("answer"), true);
            settle(scene);
            assert_int_equal(here->seen[CHANNEL_OPENED], 1);
            assert_true(bytes_equal(bytes_of(here->bytes, here->got), bytes_text("answer")));
            assert_int_equal(here->seen[CHANNEL_FINISHED], 1);
            /* Over on both sides: the number means nothing any more. */
            assert_null(channel_reserve(from->channel, stream, 1));
            assert_int_equal(channel_writable(to->channel, stream), 0);
            channel_consumed(to->channel, stream, 5);
            channel_reset(to->channel, stream);
            scene_free(scene);
        }
}

static void a_reader_that_does_not_consume_stops_the_writer(void **state)
{
    struct scene *scene = scene_new(4096);
    meet(scene);
    scene->consume = false;
    uint32_t stream = channel_open(scene->a.channel, 0);
    size_t total = 0, size;
    for (unsigned turn = 0; turn < 20; turn++) {
        while ((size = channel_writable(scene->a.channel, stream)) > 0) {
            uint8_t *out = channel_reserve(scene->a.channel, stream, size);
            assert_non_null(out);
            for (size_t i = 0; i < size; i++)
                out[i] = (uint8_t)((total + i) * 7);
            channel_commit(scene->a.channel, stream, size, false);
            total += size;
        }
        settle(scene);
    }
    /* The window less the 39 bytes of negotiation, which were consumed at once. */
    assert_in_range(total, (256 << 10) - 64, 256 << 10);
    assert_int_equal(scene->at_b.got, total);
    for (size_t i = 0; i < total; i++)
        assert_int_equal(scene->at_b.bytes[i], (uint8_t)(i * 7));
    channel_consumed(scene->b.channel, scene->at_b.stream, total);
    settle(scene);
    assert_true(channel_writable(scene->a.channel, stream) > 0);
    scene_free(scene);
}

static void every_altered_byte_of_the_upgrade_ends_it(void **state)
{
    struct scene *whole = scene_new(SIZE_MAX);
    meet(whole);
    size_t handshake = 28 + 34 + 186; /* Proposal, messages 1 and 3. */
    assert_true(whole->sent > handshake);
    scene_free(whole);
    for (size_t flip = 0; flip < handshake; flip++) {
        struct scene *scene = scene_new(SIZE_MAX);
        scene->flip = flip;
        meet(scene);
        /* Waiting for ever for bytes is an end too: the deadline says so. */
        scene->now.mono.ms += TALLY_UPGRADE_MS;
        channel_tick(scene->b.channel, scene->now);
        listen_in(scene, &scene->b, &scene->at_b);
        assert_int_equal(scene->at_b.seen[CHANNEL_SECURED], 0);
        assert_int_equal(scene->at_b.seen[CHANNEL_CLOSED], 1);
        assert_int_not_equal(scene->at_b.drop, TALLY_DROP_NONE);
        assert_non_null(scene->at_b.why);
        scene_free(scene);
    }
}

static void another_identity_is_refused_by_the_dialler_alone(void **state)
{
    struct scene *scene = scene_new(SIZE_MAX);
    struct party other;
    party_init(&other, 3);
    party_begin(&scene->a, true, &other.key, scene->now);
    party_begin(&scene->b, false, NULL, scene->now);
    settle(scene);
    assert_int_equal(scene->at_a.drop, TALLY_DROP_IDENTITY);
    assert_int_equal(scene->at_a.seen[CHANNEL_SECURED], 0);
    assert_int_equal(scene->at_b.seen[CHANNEL_SECURED], 0);
    /* Nothing was said after the doubt: proposal and message 1 only. */
    assert_int_equal(scene->sent, 28 + 34);
    party_free(&other);
    scene_free(scene);
}

static void we_do_not_speak_to_ourselves(void **state)
{
    struct scene *scene = scene_new(SIZE_MAX);
    party_free(&scene->b);
    party_init(&scene->b, 1);
    meet(scene);
    assert_int_equal(scene->at_a.drop, TALLY_DROP_SELF);
    scene_free(scene);
}

static void deadlines_end_what_is_silent(void **state)
{
    struct scene *scene = scene_new(SIZE_MAX);
    party_begin(&scene->b, false, NULL, scene->now);
    assert_int_equal(channel_deadline(scene->b.channel).ms, 1000 + TALLY_UPGRADE_MS);
    scene_free(scene);

    scene = scene_new(SIZE_MAX);
    meet(scene);
    assert_int_equal(channel_deadline(scene->a.channel).ms, 1000 + 30000);
    scene->now.mono.ms = 31000;
    channel_tick(scene->a.channel, scene->now);
    settle(scene);
    assert_int_equal(scene->at_a.seen[CHANNEL_PONG], 2);
    scene->now.mono.ms += 30000;
    channel_tick(scene->a.channel, scene->now);
    (void)channel_output(scene->a.channel, SIZE_MAX); /* Lost. */
    scene->now.mono.ms += 10000;
    channel_tick(scene->a.channel, scene->now);
    listen_in(scene, &scene->a, &scene->at_a);
    assert_int_equal(scene->at_a.drop, TALLY_DROP_SILENT);
    scene_free(scene);
}

static void a_goodbye_is_heard(void **state)
{
    struct scene *scene = scene_new(1);
    meet(scene);
    channel_close(scene->a.channel, TALLY_DROP_NONE);
    settle(scene);
    assert_int_equal(scene->at_b.seen[CHANNEL_CLOSED], 1);
    assert_int_equal(scene->at_b.drop, TALLY_DROP_NONE);
    assert_int_equal(scene->at_a.seen[CHANNEL_CLOSED], 0);
    assert_int_equal(channel_open(scene->b.channel, 0), 0);
    scene_free(scene);
}

static void streams_are_counted(void **state)
{
    struct scene *scene = scene_new(SIZE_MAX);
    meet(scene);
    unsigned open = 0;
    while (channel_open(scene->a.channel, 0) != 0)
        open++;
    assert_int_equal(open, TALLY_STREAMS_OUT_MAX);
    settle(scene);
    assert_int_equal(scene->at_b.seen[CHANNEL_OPENED], TALLY_STREAMS_OUT_MAX);
    scene_free(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_know_each_other_in_any_chunking),
        cmocka_unit_test(requests_travel_with_the_proposal),
        cmocka_unit_test(a_reader_that_does_not_consume_stops_the_writer),
        cmocka_unit_test(every_altered_byte_of_the_upgrade_ends_it),
        cmocka_unit_test(another_identity_is_refused_by_the_dialler_alone),
        cmocka_unit_test(we_do_not_speak_to_ourselves),
        cmocka_unit_test(deadlines_end_what_is_silent),
        cmocka_unit_test(a_goodbye_is_heard),
        cmocka_unit_test(streams_are_counted),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
