/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of PCP and NAT-PMP: what is written, and every field that must be right to be read. */
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/nat/pcp.h"

#include "support/cmocka.h"

static struct tally_address ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
    return (struct tally_address){.ip = {[10] = 0xff, 0xff, a, b, c, d}, .port = port};
}

static struct pcp_map request(void)
{
    struct pcp_map map = {.client = ip4(10, 9, 0, 11, 4001),
                          .transport = TALLY_TRANSPORT_UDP,
                          .outer = {.port = 4003},
                          .lifetime_s = 7200};
    for (uint8_t i = 0; i < PCP_NONCE_SIZE; i++)
        map.nonce[i] = i + 1;
    return map;
}

/* RFC 6887 figures 2 and 9, by hand. */
static const char wanted[] = "02010000"
                             "00001c20"
                             "00000000000000000000ffff0a09000b"
                             "0102030405060708090a0b0c"
                             "11000000"
                             "0fa1"
                             "0fa3"
                             "00000000000000000000ffff00000000";

static void a_request_is_written_as_the_rfc_has_it(void **state)
{
    uint8_t bytes[PCP_MAP_SIZE], expected[PCP_MAP_SIZE];
    struct pcp_map map = request(), again;
    assert_true(hex_read(wanted, expected, sizeof expected));
    pcp_map_write(&map, bytes);
    assert_memory_equal(bytes, expected, sizeof expected);
    assert_int_equal(pcp_map_read(bytes_of(bytes, sizeof bytes), &again), TALLY_DROP_NONE);
    assert_true(address_equal(&again.client, &map.client));
    assert_int_equal(again.lifetime_s, 7200);
    assert_memory_equal(again.nonce, map.nonce, sizeof map.nonce);
    map.outer = ip4(0, 0, 0, 0, 4003); /* «Any» of its family. */
    assert_true(address_equal(&again.outer, &map.outer));
    /* TCP is 6; IPv6's «any» is all zero. */
    map.transport = TALLY_TRANSPORT_TCP;
    map.client = (struct tally_address){.ip = {0x2a, [15] = 1}, .port = 4001};
    map.outer = (struct tally_address){.port = 4001};
    pcp_map_write(&map, bytes);
    assert_int_equal(bytes[36], 6);
    for (size_t i = 44; i < 60; i++)
        assert_int_equal(bytes[i], 0);
}

static size_t answered(uint8_t bytes[PCP_SIZE_MAX])
{
    const struct pcp_map map = request();
    const struct pcp_answer answer = {
        .lifetime_s = 3600, .epoch_s = 77, .outer = ip4(11, 0, 0, 1, 4002)};
    memset(bytes, 0, PCP_SIZE_MAX);
    pcp_answer_write(&map, 0, &answer, bytes);
    return PCP_MAP_SIZE;
}

static void an_answer_is_read(void **state)
{
    uint8_t bytes[PCP_SIZE_MAX];
    const struct pcp_map map = request();
    struct pcp_answer answer;
    struct tally_address outer = ip4(11, 0, 0, 1, 4002);
    size_t size = answered(bytes);
    assert_int_equal(pcp_answer_read(bytes_of(bytes, size), &map, &answer), TALLY_DROP_NONE);
    assert_int_equal(answer.error, TALLY_OK);
    assert_int_equal(answer.lifetime_s, 3600);
    assert_int_equal(answer.epoch_s, 77);
    assert_true(address_equal(&answer.outer, &outer));
    /* Reserved bytes may be anything (RFC 6887 section 7.2). */
    bytes[2] = bytes[12] = bytes[23] = bytes[37] = 0xff;
    assert_int_equal(pcp_answer_read(bytes_of(bytes, size), &map, &answer), TALLY_DROP_NONE);
}

/* One byte or the size is another: what is said of it. */
static void every_field_of_an_answer_is_held_against_the_request(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
        size_t size;
        enum tally_drop drop;
    } cases[] = {
        {0, 2, 60, TALLY_DROP_NONE},       {0, 1, 60, TALLY_DROP_MALFORMED},
        {0, 0, 60, TALLY_DROP_MALFORMED},  {0, 3, 60, TALLY_DROP_MALFORMED},
        {1, 0x01, 60, TALLY_DROP_UNASKED}, {1, 0x80, 60, TALLY_DROP_UNASKED},
        {1, 0x82, 60, TALLY_DROP_UNASKED}, {24, 9, 60, TALLY_DROP_UNASKED},
        {35, 9, 60, TALLY_DROP_UNASKED},   {36, 6, 60, TALLY_DROP_UNASKED},
        {40, 9, 60, TALLY_DROP_UNASKED},   {41, 9, 60, TALLY_DROP_UNASKED},
        {2, 0, 0, TALLY_DROP_MALFORMED},   {2, 0, 23, TALLY_DROP_MALFORMED},
        {2, 0, 24, TALLY_DROP_MALFORMED},  {2, 0, 56, TALLY_DROP_MALFORMED},
        {2, 0, 59, TALLY_DROP_MALFORMED},  {2, 0, 61, TALLY_DROP_MALFORMED},
        {2, 0, 62, TALLY_DROP_MALFORMED},  {60, 1, 64, TALLY_DROP_NONE},
        {63, 1, 64, TALLY_DROP_MALFORMED}, {63, 1, 68, TALLY_DROP_NONE},
        {63, 4, 68, TALLY_DROP_NONE},      {63, 5, 68, TALLY_DROP_MALFORMED},
        {62, 4, 1100, TALLY_DROP_NONE},    {62, 5, 1100, TALLY_DROP_MALFORMED},
        {2, 0, 1100, TALLY_DROP_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[PCP_SIZE_MAX];
        const struct pcp_map map = request();
        struct pcp_answer answer;
        (void)answered(bytes);
        bytes[cases[i].at] = cases[i].value;
        assert_int_equal(pcp_answer_read(bytes_of(bytes, cases[i].size), &map, &answer),
                         cases[i].drop);
        if (cases[i].drop != TALLY_DROP_NONE)
            assert_int_equal(answer.outer.port, 0);
    }
    uint8_t large[PCP_SIZE_MAX + 4] = {2, 0x81};
    const struct pcp_map map = request();
    struct pcp_answer answer;
    assert_int_equal(pcp_answer_read(bytes_of(large, sizeof large), &map, &answer),
                     TALLY_DROP_MALFORMED);
}

static void each_result_has_an_error(void **state)
{
    static const enum tally_error errors[] = {
        TALLY_OK,        TALLY_NEWER,     TALLY_REFUSED,     TALLY_MALFORMED, TALLY_NEWER,
        TALLY_NEWER,     TALLY_MALFORMED, TALLY_UNREACHABLE, TALLY_TOO_LARGE, TALLY_REFUSED,
        TALLY_TOO_LARGE, TALLY_IN_USE,    TALLY_MISMATCH,    TALLY_TOO_LARGE, TALLY_REFUSED};
    for (unsigned result = 0; result < 256; result++) {
        uint8_t bytes[PCP_SIZE_MAX];
        const struct pcp_map map = request();
        struct pcp_answer answer;
        size_t known = result < sizeof errors / sizeof *errors ? result : 14;
        size_t size = answered(bytes);
        bytes[3] = (uint8_t)result;
        assert_int_equal(pcp_answer_read(bytes_of(bytes, size), &map, &answer), TALLY_DROP_NONE);
        assert_int_equal(answer.error, errors[known]);
        assert_int_equal(answer.outer.port, result == 0 ? 4002 : 0);
        assert_int_equal(answer.lifetime_s, 3600);
    }
}

/* «I do not know your version», in every voice. */
static void another_version_is_recognised(void **state)
{
    static const struct {
        const char *hex;
        enum tally_error error;
        enum tally_drop drop;
    } cases[] = {
        {"0081000100000005", TALLY_NEWER, TALLY_DROP_NONE}, /* NAT-PMP, RFC 6886 section 3.5. */
        {"0080000100000005", TALLY_NEWER, TALLY_DROP_NONE},
        {"00810001000000050000000000000000", TALLY_NEWER, TALLY_DROP_NONE},
        {"02810001000000000000000700000000000000000000000000", TALLY_OK, TALLY_DROP_MALFORMED},
        {"028100010000000000000007000000000000000000000000", TALLY_NEWER, TALLY_DROP_NONE},
        {"018100010000000000000007000000000000000000000000", TALLY_NEWER, TALLY_DROP_NONE},
        {"038100010000000000000007000000000000000000000000", TALLY_NEWER, TALLY_DROP_NONE},
        {"028100020000000000000007000000000000000000000000", TALLY_OK, TALLY_DROP_MALFORMED},
        {"008100000000000500000000", TALLY_OK, TALLY_DROP_MALFORMED},
        {"0001000100000005", TALLY_OK, TALLY_DROP_MALFORMED},
        {"00810001000000", TALLY_OK, TALLY_DROP_MALFORMED},
        {"00", TALLY_OK, TALLY_DROP_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[64];
        size_t size = strlen(cases[i].hex) / 2;
        const struct pcp_map map = request();
        struct pcp_answer answer;
        assert_true(hex_read(cases[i].hex, bytes, size));
        enum tally_drop drop = pcp_answer_read(bytes_of(bytes, size), &map, &answer);
        assert_int_equal(drop, cases[i].drop);
        if (drop == TALLY_DROP_NONE)
            assert_int_equal(answer.error, cases[i].error);
    }
}

static void announcements_are_read(void **state)
{
    static const struct {
        const char *hex;
        enum tally_drop drop;
        enum tally_mapping protocol;
        uint32_t epoch_s;
    } cases[] = {
        {"00800000000000070b000001", TALLY_DROP_NONE, TALLY_MAPPING_NATPMP, 7},
        {"00800001000000070b000001", TALLY_DROP_MALFORMED, 0, 0}, /* An error. */
        {"00810000000000070b000001", TALLY_DROP_MALFORMED, 0, 0}, /* A mapping. */
        {"00000000000000070b000001", TALLY_DROP_MALFORMED, 0, 0}, /* A request. */
        {"00800000000000070b0000", TALLY_DROP_MALFORMED, 0, 0},
        {"00800000000000070b00000100", TALLY_DROP_MALFORMED, 0, 0},
        {"028000000000000000000009000000000000000000000000", TALLY_DROP_NONE, TALLY_MAPPING_PCP, 9},
        {"028000070000000000000009000000000000000000000000", TALLY_DROP_UNKNOWN, 0, 0},
        {"028100000000000000000009000000000000000000000000", TALLY_DROP_UNKNOWN, 0, 0},
        {"020000000000000000000009000000000000000000000000", TALLY_DROP_UNKNOWN, 0, 0},
        {"0280000000000000000000090000000000000000000000", TALLY_DROP_MALFORMED, 0, 0},
        {"02800000000000000000000900000000000000000000000080000001", TALLY_DROP_MALFORMED, 0, 0},
        {"02800000000000000000000900000000000000000000000080000000", TALLY_DROP_NONE,
         TALLY_MAPPING_PCP, 9},
        {"", TALLY_DROP_MALFORMED, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[64];
        size_t size = strlen(cases[i].hex) / 2;
        struct pcp_announcement announcement;
        assert_true(hex_read(cases[i].hex, bytes, size));
        assert_int_equal(pcp_announcement_read(bytes_of(bytes, size), &announcement),
                         cases[i].drop);
        assert_int_equal(announcement.protocol, cases[i].protocol);
        assert_int_equal(announcement.epoch_s, cases[i].epoch_s);
    }
    uint8_t bytes[12];
    struct pcp_announcement announcement;
    struct tally_address outer = ip4(11, 0, 0, 1, 0);
    assert_true(hex_read(cases[0].hex, bytes, sizeof bytes));
    (void)pcp_announcement_read(bytes_of(bytes, sizeof bytes), &announcement);
    assert_true(address_equal(&announcement.outer, &outer));
}

static void natpmp_answers_are_whole_and_ours(void **state)
{
    static const struct {
        const char *hex;
        enum natpmp_operation operation;
        bool good;
    } cases[] = {
        {"00800000000000070b000001", NATPMP_OUTER_ADDRESS, true},
        {"00800000000000070b0000", NATPMP_OUTER_ADDRESS, false}, /* libnatpmp would read on. */
        {"0080000300000007", NATPMP_OUTER_ADDRESS, true},        /* An error. */
        {"00800003000000", NATPMP_OUTER_ADDRESS, false},
        {"00810000000000070fa10fa100001c20", NATPMP_OUTER_ADDRESS, false},
        {"00810000000000070fa10fa100001c20", NATPMP_MAP_UDP, true},
        {"00810000000000070fa10fa100001c20", NATPMP_MAP_TCP, false},
        {"00820000000000070fa10fa100001c20", NATPMP_MAP_TCP, true},
        {"00820000000000070fa20fa100001c20", NATPMP_MAP_TCP, false}, /* Of another port. */
        {"00820000000000070fa10fa100001c", NATPMP_MAP_TCP, false},
        {"00820000000000070fa10fa1", NATPMP_MAP_TCP, false},
        {"0082000400000007", NATPMP_MAP_TCP, true},
        {"0002000000000007", NATPMP_MAP_TCP, false},        /* A request. */
        {"028200010000000000000007", NATPMP_MAP_TCP, true}, /* PCP alone is known there. */
        {"020200010000000000000007", NATPMP_MAP_TCP, false},
        {"", NATPMP_MAP_TCP, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[64];
        size_t size = strlen(cases[i].hex) / 2;
        assert_true(hex_read(cases[i].hex, bytes, size));
        assert_int_equal(natpmp_is_answer(bytes_of(bytes, size), cases[i].operation, 4001),
                         cases[i].good);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_written_as_the_rfc_has_it),
        cmocka_unit_test(an_answer_is_read),
        cmocka_unit_test(every_field_of_an_answer_is_held_against_the_request),
        cmocka_unit_test(each_result_has_an_error),
        cmocka_unit_test(another_version_is_recognised),
        cmocka_unit_test(announcements_are_read),
        cmocka_unit_test(natpmp_answers_are_whole_and_ours),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("pcp", tests, NULL, NULL);
}
