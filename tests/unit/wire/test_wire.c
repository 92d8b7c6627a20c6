/* SPDX-License-Identifier: Apache-2.0 */
/* The strict reader and its writer, the envelope of a datagram, frames. */
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/wire/datagram.h"
#include "core/wire/frame.h"

#include "support/cmocka.h"

#include <msgpack.h>

static struct wire_reader reader_of(const char *hex, uint8_t *bytes)
{
    struct wire_reader r;
    assert_true(hex_read(hex, bytes, strlen(hex) / 2));
    wire_reader_init(&r, bytes_of(bytes, strlen(hex) / 2));
    return r;
}

static void an_integer_has_one_form(void **state)
{
    static const struct {
        const char *hex;
        bool good;
        int64_t value;
    } cases[] = {
        {"00", true, 0},
        {"7f", true, 127},
        {"cc80", true, 128},
        {"cc7f", false, 0},
        {"cdffff", true, 65535},
        {"cd00ff", false, 0},
        {"ce00010000", true, 65536},
        {"ce0000ffff", false, 0},
        {"cf0000000100000000", true, INT64_C(1) << 32},
        {"cf00000000ffffffff", false, 0},
        {"cf8000000000000000", false, 0},
        {"cf7fffffffffffffff", true, INT64_MAX},
        {"ff", true, -1},
        {"e0", true, -32},
        {"d0df", true, -33},
        {"d0e0", false, 0},
        {"d080", true, -128},
        {"d1ff7f", true, -129},
        {"d1ff80", false, 0},
        {"d2ffff7fff", true, -32769},
        {"d2ffff8000", false, 0},
        {"d3ffffffff7fffffff", true, -INT64_C(2147483649)},
        {"d3ffffffff80000000", false, 0},
        {"d38000000000000000", true, INT64_MIN},
        {"d000", false, 0},
        {"d10001", false, 0},
        {"c0", false, 0},
        {"cc", false, 0},
        {"cf00", false, 0},
        {"", false, 0},
        {"ca3f800000", false, 0},
        {"0000", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[16], again[16];
        struct wire_reader r = reader_of(cases[i].hex, bytes);
        int64_t value = wire_read_int(&r, INT64_MIN, INT64_MAX);
        assert_int_equal(wire_reader_done(&r), cases[i].good);
        if (!cases[i].good)
            continue;
        assert_true(value == cases[i].value);
        struct wire_writer w;
        wire_writer_init(&w, again, sizeof again);
        wire_write_int(&w, value);
        assert_true(bytes_equal(wire_writer_bytes(&w), bytes_of(bytes, r.size)));
    }
}

static void texts_are_well_formed(void **state)
{
    static const struct {
        const char *hex;
        bool good;
    } cases[] = {
        {"a0", true},          {"a161", true},        {"a2c3a9", true},    {"a3e282ac", true},
        {"a4f09f9880", true},  {"a2c080", false},     {"a3e08080", false}, {"a3eda080", false},
        {"a4f0808080", false}, {"a4f4908080", false}, {"a1ff", false},     {"a1c3", false},
        {"a180", false},       {"d90161", false},     {"a261", false},     {"c40161", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[16];
        struct wire_reader r = reader_of(cases[i].hex, bytes);
        wire_read_str(&r, 0, 10);
        assert_int_equal(wire_reader_done(&r), cases[i].good);
    }
}

static void arrays_are_counted(void **state)
{
    uint8_t bytes[16];
    struct wire_reader r = reader_of("920102", bytes);
    assert_int_equal(wire_read_array(&r, 0, 4), 2);
    wire_read_uint(&r, 0, 9);
    assert_false(wire_reader_done(&r));
    wire_read_uint(&r, 0, 9);
    assert_true(wire_reader_done(&r));
    r = reader_of("dd05000000", bytes); /* What makes msgpack-c set aside 2 GiB. */
    assert_int_equal(wire_read_array(&r, 0, UINT32_MAX), 0);
    assert_false(wire_reader_good(&r));
}

static void nesting_has_a_bound(void **state)
{
    for (size_t depth = 1; depth <= WIRE_DEPTH_MAX + 1; depth++) {
        uint8_t bytes[16];
        memset(bytes, 0x91, depth);
        bytes[depth] = 0xc0;
        struct wire_reader r;
        wire_reader_init(&r, bytes_of(bytes, depth + 1));
        for (size_t i = 0; i < depth; i++)
            wire_read_array(&r, 1, 1);
        wire_read_nil(&r);
        assert_int_equal(wire_reader_done(&r), depth <= WIRE_DEPTH_MAX);
    }
}

static void a_failure_sticks(void **state)
{
    uint8_t bytes[16], out[4] = {1, 2, 3, 4};
    struct wire_reader r = reader_of("cc01c40461626364", bytes);
    wire_read_uint(&r, 0, 255);
    wire_read_fixed(&r, out, sizeof out);
    assert_memory_equal(out, "\0\0\0\0", 4);
    assert_false(wire_read_if_nil(&r));
    assert_null(wire_reader_since(&r, 0).data);
    struct wire_writer w;
    wire_writer_init(&w, bytes, 3);
    wire_write_fixed(&w, out, 4);
    wire_write_nil(&w);
    assert_null(wire_writer_bytes(&w).data);
}

/* Reads any value our reader can, by looking at its first byte; depth keeps the test's own stack.
 */
static void read_any(struct wire_reader *r, const msgpack_object *object)
{
    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
        wire_read_nil(r);
        return;
    case MSGPACK_OBJECT_BOOLEAN:
        if (wire_read_bool(r) != object->via.boolean)
            assert_false(wire_reader_good(r));
        return;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        if (wire_read_uint(r, 0, UINT64_MAX) != object->via.u64)
            assert_false(wire_reader_good(r));
        return;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        if (wire_read_int(r, INT64_MIN, -1) != object->via.i64)
            assert_false(wire_reader_good(r));
        return;
    case MSGPACK_OBJECT_BIN: {
        struct tally_bytes bin = wire_read_bin(r, 0, SIZE_MAX);
        if (!bytes_equal(bin, bytes_of(object->via.bin.ptr, object->via.bin.size)))
            assert_false(wire_reader_good(r));
        return;
    }
    case MSGPACK_OBJECT_STR: {
        struct tally_bytes str = wire_read_str(r, 0, SIZE_MAX);
        if (!bytes_equal(str, bytes_of(object->via.str.ptr, object->via.str.size)))
            assert_false(wire_reader_good(r));
        return;
    }
    case MSGPACK_OBJECT_ARRAY: {
        uint32_t count = wire_read_array(r, 0, UINT32_MAX);
        if (count != object->via.array.size)
            assert_false(wire_reader_good(r));
        for (uint32_t i = 0; i < object->via.array.size && wire_reader_good(r); i++)
            read_any(r, &object->via.array.ptr[i]);
        return;
    }
    case MSGPACK_OBJECT_MAP:
    case MSGPACK_OBJECT_EXT:
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        wire_reader_fail(r);
        return;
    }
}

/* msgpack-c reads a superset of what we read; where both read, they must agree. */
static void msgpack_c_agrees_where_we_accept(void **state)
{
    static const uint8_t firsts[] = {0x00, 0x7f, 0x90, 0x91, 0x92, 0x93, 0xa0, 0xa3, 0xc0, 0xc2,
                                     0xc3, 0xc4, 0xc5, 0xcc, 0xcd, 0xce, 0xd0, 0xd1, 0xd9, 0xe0};
    uint64_t seed = 1;
    size_t accepted = 0;
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[24];
        size_t size = 1 + (size_t)(seed >> 40) % sizeof bytes;
        for (size_t i = 0; i < size; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1;
            bytes[i] = (seed >> 63) ? firsts[(seed >> 33) % sizeof firsts] : (uint8_t)(seed >> 50);
            if (bytes[i] >= 0xdc && bytes[i] <= 0xdf)
                bytes[i] = 0x92; /* It allocates what these headers claim. */
        }
        msgpack_unpacked result;
        msgpack_unpacked_init(&result);
        size_t at = 0;
        if (msgpack_unpack_next(&result, (const char *)bytes, size, &at) ==
            MSGPACK_UNPACK_SUCCESS) {
            struct wire_reader r;
            wire_reader_init(&r, bytes_of(bytes, at));
            read_any(&r, &result.data);
            accepted += wire_reader_done(&r);
        }
        msgpack_unpacked_destroy(&result);
    }
    assert_true(accepted > 1000);
}

static size_t probe_of(uint8_t *bytes, bool tagged, enum tally_kind kind)
{
    size_t tag_at;
    struct datagram_draft draft = {.kind = kind, .tagged = tagged, .body = bytes_of("body", 4)};
    return datagram_write(&draft, NULL, bytes, TALLY_DATAGRAM_MAX, &tag_at);
}

static void a_datagram_is_refused_by_reason(void **state)
{
    static const struct {
        size_t at;
        uint8_t byte;
        enum tally_drop drop;
    } cases[] = {
        {0, 0x98, TALLY_DROP_NONE},
        {0, 0x97, TALLY_DROP_MALFORMED},
        {1, 2, TALLY_DROP_VERSION},
        {1, 0, TALLY_DROP_VERSION},
        {1, 0x80, TALLY_DROP_MALFORMED},
        {2, 0, TALLY_DROP_MALFORMED},
        {2, 127, TALLY_DROP_UNKNOWN},
        {2, 0xff, TALLY_DROP_MALFORMED},
        {3, 0xc5, TALLY_DROP_MALFORMED},
        {2, TALLY_KIND_HEARTBEAT, TALLY_DROP_MALFORMED},
        {2, TALLY_KIND_HELLO, TALLY_DROP_NONE},
        {2, TALLY_KIND_COOKIE, TALLY_DROP_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[TALLY_DATAGRAM_MAX];
        struct datagram datagram;
        size_t size = probe_of(bytes, true, TALLY_KIND_PROBE);
        bytes[cases[i].at] = cases[i].byte;
        assert_int_equal(datagram_read(bytes_of(bytes, size), &datagram), cases[i].drop);
        for (size_t cut = 0; cut < size; cut++)
            assert_int_not_equal(datagram_read(bytes_of(bytes, cut), &datagram), TALLY_DROP_NONE);
    }
}

static void a_tag_is_asked_of_all_but_hello_and_cookie(void **state)
{
    for (unsigned kind = 1; kind <= TALLY_KIND_LAST; kind++) {
        if (!tally_kind_known(kind) || tally_kind_signed(kind))
            continue;
        uint8_t bytes[TALLY_DATAGRAM_MAX];
        struct datagram datagram;
        size_t size = probe_of(bytes, false, (enum tally_kind)kind);
        bool may = kind == TALLY_KIND_HELLO || kind == TALLY_KIND_COOKIE;
        assert_int_equal(datagram_read(bytes_of(bytes, size), &datagram),
                         may ? TALLY_DROP_NONE : TALLY_DROP_MALFORMED);
    }
}

static void frames_are_found_one_byte_at_a_time(void **state)
{
    static const size_t sizes[] = {1, 127, 128, 16383, 16384};
    static uint8_t bytes[17000];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct tally_bytes frame;
        size_t used, front = wire_prefix_write(sizes[i], bytes), whole = front + sizes[i];
        for (size_t have = 0; have < whole; have++)
            assert_int_equal(wire_frame_find(bytes_of(bytes, have), 16384, &frame, &used),
                             WIRE_MORE);
        assert_int_equal(wire_frame_find(bytes_of(bytes, whole + 9), 16384, &frame, &used),
                         WIRE_WHOLE);
        assert_int_equal(used, whole);
        assert_int_equal(frame.size, sizes[i]);
        assert_int_equal(wire_frame_find(bytes_of(bytes, whole), sizes[i] - 1, &frame, &used),
                         WIRE_BAD);
    }
    static const char *const bad[] = {"00", "8000", "ffffffffff01", "8080808080"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tally_bytes frame;
        size_t used;
        assert_true(hex_read(bad[i], bytes, strlen(bad[i]) / 2));
        assert_int_equal(
            wire_frame_find(bytes_of(bytes, strlen(bad[i]) / 2), SIZE_MAX, &frame, &used),
            WIRE_BAD);
    }
}

static void a_message_is_shown_without_drawing(void **state)
{
    char shown[96];
    struct wire_text text;
    struct tally_admin_frame frame = {.kind = TALLY_ADMIN_QUERY, .request = 7};
    frame.query.verb = bytes_text("a\"\n");
    frame.query.argument = bytes_text("\x1b[2J");
    wire_text_init(&text, shown, sizeof shown);
    tally_admin_frame_print(&frame, &text);
    assert_string_equal(shown, "admin-query request=7 verb=\"a\\x22\\x0a\" argument=\"\\x1b[2J\"");
    wire_text_init(&text, shown, 6);
    tally_admin_frame_print(&frame, &text);
    assert_true(text.cut);
    assert_string_equal(shown, "admin");
}

static void the_writer_keeps_the_bounds_too(void **state)
{
    uint8_t bytes[64];
    struct wire_writer w;
    struct tally_relay relay = {.hops = 64, .record = bytes_of(bytes, 121)};
    wire_writer_init(&w, bytes, sizeof bytes);
    tally_relay_write(&relay, &w);
    assert_null(wire_writer_bytes(&w).data);
    struct tally_yours yours = {.heads_count = 13};
    static uint8_t room[2048];
    wire_writer_init(&w, room, sizeof room);
    tally_yours_write(&yours, &w);
    assert_null(wire_writer_bytes(&w).data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_integer_has_one_form),
        cmocka_unit_test(texts_are_well_formed),
        cmocka_unit_test(arrays_are_counted),
        cmocka_unit_test(nesting_has_a_bound),
        cmocka_unit_test(a_failure_sticks),
        cmocka_unit_test(msgpack_c_agrees_where_we_accept),
        cmocka_unit_test(a_datagram_is_refused_by_reason),
        cmocka_unit_test(a_tag_is_asked_of_all_but_hello_and_cookie),
        cmocka_unit_test(frames_are_found_one_byte_at_a_time),
        cmocka_unit_test(a_message_is_shown_without_drawing),
        cmocka_unit_test(the_writer_keeps_the_bounds_too),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
