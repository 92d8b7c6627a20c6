/* SPDX-License-Identifier: Apache-2.0 */
/* Witnesses that lie, with good keys, and streams of rubbish. */
#include "core/base/bytes.h"
#include "core/crypto/sign.h"
#include "core/wire/frame.h"
#include "core/wire/writer.h"
#include "pair.h"

#include <stdlib.h>

/* ---- Liars. ---- */

static size_t frame_write(const struct tally_federation_frame *frame, uint8_t *bytes)
{
    struct wire_writer writer;
    uint8_t prefix[WIRE_PREFIX_MAX];
    wire_writer_init(&writer, bytes + WIRE_PREFIX_MAX, WITNESS_ROOM);
    tally_federation_frame_write(frame, &writer);
    size_t size = wire_writer_bytes(&writer).size;
    size_t length = wire_prefix_write(size, prefix);
    memmove(bytes + length, bytes + WIRE_PREFIX_MAX, size);
    memcpy(bytes, prefix, length);
    return length + size;
}

/* The log's question, as the witness reads it; its kind. */
static struct tally_federation_frame asked(void)
{
    static uint8_t bytes[WITNESS_ROOM];
    struct tally_federation_frame frame;
    struct tally_bytes inner;
    size_t used;
    for (int tries = 0; tries < 20; tries++) {
        side_step(&ann);
        if (witness_waiting(&ann.witness, &bob.key))
            assert_true(witness_opened(&ann.witness, now, &bob.key, STREAM));
        if (witness_wants(&ann.witness, STREAM) > 0)
            break;
        now.mono.ms += 1000;
    }
    size_t size = witness_compose(&ann.witness, now, STREAM, bytes, sizeof bytes);
    assert_int_equal(wire_frame_find(bytes_of(bytes, size), WITNESS_FRAME_MAX, &inner, &used),
                     WIRE_WHOLE);
    assert_int_equal(tally_federation_frame_read(inner, &frame), TALLY_DROP_NONE);
    return frame;
}

static enum tally_drop answers(const struct tally_federation_frame *frame)
{
    static uint8_t bytes[WITNESS_ROOM + WIRE_PREFIX_MAX];
    size_t size = frame_write(frame, bytes);
    outbox_clear(&ann.out);
    enum tally_drop drop =
        witness_receive(&ann.witness, now, STREAM, bytes_of(bytes, size), &ann.out);
    side_settle(&ann);
    return drop;
}

static struct tally_federation_frame keys_of(struct side *side, uint32_t request)
{
    struct witness_news news = {.type = "fed_keys"};
    uint8_t bytes[FED_BODY_MAX];
    struct fed_statement statement = {.kind = FED_KEYS, .has_key = {[FED_KEY_WITNESS] = true}};
    sign_key(side->cosigner_seed.bytes, &statement.keys[FED_KEY_WITNESS]);
    size_t size = fed_write(&statement, bytes);
    news.bytes = bytes_of(bytes, size);
    side_states(side, &news);
    return (struct tally_federation_frame){.kind = TALLY_FEDERATION_KEYS,
                                           .request = request,
                                           .keys = {bytes_of(side->envelope, side->envelope_size),
                                                    bytes_of(side->body, side->body_size)}};
}

static void keys_prove_themselves(void **state)
{
    side_grows(&ann, 3);
    struct tally_federation_frame question = asked();
    assert_int_equal(question.kind, TALLY_FEDERATION_KEYS_WANT);
    struct side c = {.arena = NULL};
    side_init(&c, 3);
    /* Somebody else's statement; a forged one. */
    struct tally_federation_frame keys = keys_of(&c, question.request);
    assert_int_equal(answers(&keys), TALLY_DROP_KEY);
    keys = keys_of(&bob, question.request);
    bob.envelope[bob.envelope_size - 1] ^= 1;
    assert_int_equal(answers(&keys), TALLY_DROP_FORGED);
    bob.envelope[bob.envelope_size - 1] ^= 1;
    keys.request++;
    assert_int_equal(answers(&keys), TALLY_DROP_UNASKED);
    keys.request--;
    assert_int_equal(answers(&keys), TALLY_DROP_NONE);
    assert_int_equal(asked().kind, TALLY_FEDERATION_ADD_CHECKPOINT);
    logs_tree_free(c.tree);
    free(c.arena);
}

static struct tally_federation_frame request_of_log(void)
{
    side_grows(&ann, 3);
    struct tally_federation_frame question = asked();
    struct tally_federation_frame keys = keys_of(&bob, question.request);
    assert_int_equal(answers(&keys), TALLY_DROP_NONE);
    question = asked();
    assert_int_equal(question.kind, TALLY_FEDERATION_ADD_CHECKPOINT);
    return question;
}

/* A number that is larger than the log stops nobody: the signed checkpoint must be shown. */
static void a_larger_number_must_be_shown(void **state)
{
    struct tally_federation_frame question = request_of_log();
    struct tally_federation_frame no = {.kind = TALLY_FEDERATION_ADDED,
                                        .request = question.request,
                                        .added = {409, bytes_text("99\n")}};
    assert_int_equal(answers(&no), TALLY_DROP_NONE);
    assert_int_equal(ann.refused, 1);
    question = asked();
    assert_int_equal(question.kind, TALLY_FEDERATION_CHECKPOINT_WANT);
    assert_true(hash_equal(&question.checkpoint_want.origin, &ann.origin_hash));
    struct tally_federation_frame shown = {.kind = TALLY_FEDERATION_CHECKPOINT,
                                           .request = question.request,
                                           .checkpoint = {bytes_of(ann.note, ann.note_size)}};
    assert_int_equal(answers(&shown), TALLY_DROP_NONE);
    assert_int_equal(ann.notes, 1); /* The node compares it, and stops signing if it is so. */
}

static void answers_that_are_none(void **state)
{
    static const struct {
        uint16_t status;
        const char *bytes;
        bool again; /* It is asked again by itself. */
    } cases[] = {
        {200, "", false},        {200, "\xe2\x80\x94 x abcd\n", false},
        {409, "", false},        {409, "03\n", false},
        {422, "", false},        {400, "", false},
        {500, "", true},         {429, "", true},
        {599, "anything", true}, {302, "", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pair_down(NULL);
        pair_up(NULL);
        struct tally_federation_frame question = request_of_log();
        struct tally_federation_frame no = {.kind = TALLY_FEDERATION_ADDED,
                                            .request = question.request,
                                            .added = {cases[i].status, bytes_text(cases[i].bytes)}};
        assert_int_equal(answers(&no), TALLY_DROP_NONE);
        assert_int_equal(ann.got, 0);
        bool again = false;
        for (int tries = 0; tries < 20 && !again; tries++) {
            side_step(&ann);
            again = witness_wants(&ann.witness, STREAM) > 0 &&
                    asked().kind == TALLY_FEDERATION_ADD_CHECKPOINT;
            now.mono.ms += 500;
        }
        assert_int_equal(again, cases[i].again);
    }
}

static void streams_of_rubbish(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        enum tally_drop drop;
    } cases[] = {
        {"\x00", 1, TALLY_DROP_MALFORMED},
        {"\xff\xff\xff\x7f", 4, TALLY_DROP_MALFORMED},
        {"\x01\xc0", 2, TALLY_DROP_MALFORMED},
        {"\x04\x93\x13\x01\xc4\x00", 5, TALLY_DROP_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(witness_accepted(&bob.witness, &ann.key, 9));
        outbox_clear(&bob.out);
        assert_int_equal(witness_receive(&bob.witness, now, 9,
                                         bytes_of((const uint8_t *)cases[i].bytes, cases[i].size),
                                         &bob.out),
                         cases[i].drop);
        witness_closed(&bob.witness, now, &ann.key, 9);
    }
    /* More open requests than the rules allow. */
    static uint8_t bytes[WITNESS_ROOM];
    const struct tally_federation_frame want = {.kind = TALLY_FEDERATION_CHECKPOINT_WANT};
    size_t size = frame_write(&want, bytes);
    enum tally_drop drop = TALLY_DROP_NONE;
    assert_true(witness_accepted(&bob.witness, &ann.key, 9));
    for (int i = 0; i <= WITNESS_ANSWERS; i++)
        drop = witness_receive(&bob.witness, now, 9, bytes_of(bytes, size), &bob.out);
    assert_int_equal(drop, TALLY_DROP_BUSY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define STORY(name) cmocka_unit_test_setup_teardown(name, pair_up, pair_down)
        STORY(keys_prove_themselves),
        STORY(a_larger_number_must_be_shown),
        STORY(answers_that_are_none),
        STORY(streams_of_rubbish),
#undef STORY
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
