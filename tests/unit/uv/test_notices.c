/* SPDX-License-Identifier: Apache-2.0 */
/* What the log says of the way in: once for each change, with addresses, codes and remedies. */
#include "host/uv/notices.h"

#include "support/cmocka.h"

enum { LINES_MAX = 16, LINE = 1024 };

struct lines {
    char text[LINES_MAX][LINE];
    enum tally_level level[LINES_MAX];
    size_t count;
};

static void say(void *context, enum tally_level level, const char *text)
{
    struct lines *lines = context;
    assert_true(lines->count < LINES_MAX);
    (void)strncpy(lines->text[lines->count], text, LINE - 1);
    lines->level[lines->count++] = level;
}

static void assert_line(struct lines *lines, size_t index, enum tally_level level, const char *part)
{
    assert_true(index < lines->count);
    if (strstr(lines->text[index], part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, lines->text[index]);
    assert_int_equal(lines->level[index], level);
}

static struct tally_address ip(unsigned a, unsigned b, unsigned c, unsigned d)
{
    return (struct tally_address){
        {[10] = 0xff, [11] = 0xff, (uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d}, 4001};
}

static void tell(struct notices *notices, struct lines *lines,
                 const struct tally_node_status *status, const struct tally_own_address *own,
                 size_t count)
{
    lines->count = 0;
    notices_tell(notices, status, own, count);
}

static void each_change_is_one_line(void **state)
{
    struct lines lines = {.count = 0};
    struct notices notices = {.context = &lines, .say = say};
    struct tally_node_status status = {.gateway = ip(10, 9, 0, 1), .outer = ip(11, 0, 0, 1)};
    struct tally_own_address own = {.address = ip(11, 0, 0, 1),
                                    .source = TALLY_OWN_MAPPED,
                                    .mapping = TALLY_MAPPING_NATPMP,
                                    .state = TALLY_REACH_CANDIDATE};
    (void)state;
    tell(&notices, &lines, &status, &own, 1);
    assert_int_equal(lines.count, 1);
    assert_line(&lines, 0, TALLY_LEVEL_INFO, "mapped port 4001 at the gateway: /ip4/11.0.0.1/udp");
    assert_line(&lines, 0, TALLY_LEVEL_INFO, "gateway=10.9.0.1");
    own.state = TALLY_REACH_ASKED;
    tell(&notices, &lines, &status, &own, 1);
    assert_int_equal(lines.count, 0);
    own.state = TALLY_REACH_REACHABLE;
    own.by = (struct tally_key){{0xab, 0xcd, 0xef, 0x01}};
    tell(&notices, &lines, &status, &own, 1);
    assert_int_equal(lines.count, 1);
    assert_line(&lines, 0, TALLY_LEVEL_INFO, "reachable at /ip4/11.0.0.1/udp/4001\" peer=abcdef01");
    /* Asked again each half hour: nobody hears of it as long as it holds. */
    own.state = TALLY_REACH_ASKED;
    tell(&notices, &lines, &status, &own, 1);
    own.state = TALLY_REACH_REACHABLE;
    tell(&notices, &lines, &status, &own, 1);
    assert_int_equal(lines.count, 0);
    own.state = TALLY_REACH_UNREACHABLE;
    tell(&notices, &lines, &status, &own, 1);
    assert_int_equal(lines.count, 1);
    assert_line(&lines, 0, TALLY_LEVEL_WARN, "no longer reachable at");
    assert_line(&lines, 0, TALLY_LEVEL_WARN, "code=E_UNREACHABLE");
    assert_line(&lines, 0, TALLY_LEVEL_WARN, "remedy=\"");
    tell(&notices, &lines, &status, &own, 1);
    assert_int_equal(lines.count, 0);
    /* Gone and back: it is news again. */
    tell(&notices, &lines, &status, NULL, 0);
    assert_int_equal(lines.count, 0);
    own.state = TALLY_REACH_REACHABLE;
    tell(&notices, &lines, &status, &own, 1);
    assert_int_equal(lines.count, 2);
}

static void another_nat_is_told_once(void **state)
{
    struct lines lines = {.count = 0};
    struct notices notices = {.context = &lines, .say = say};
    struct tally_node_status status = {.gateway = ip(10, 9, 0, 1)};
    (void)state;
    tell(&notices, &lines, &status, NULL, 0);
    assert_int_equal(lines.count, 0);
    status.outer = ip(192, 168, 0, 2);
    tell(&notices, &lines, &status, NULL, 0);
    assert_int_equal(lines.count, 1);
    assert_line(&lines, 0, TALLY_LEVEL_WARN, "behind another NAT");
    assert_line(&lines, 0, TALLY_LEVEL_WARN, "192.168.0.2\" code=E_NAT_DOUBLE");
    tell(&notices, &lines, &status, NULL, 0);
    assert_int_equal(lines.count, 0);
    status.outer = ip(11, 0, 0, 1);
    tell(&notices, &lines, &status, NULL, 0);
    status.outer = ip(100, 127, 0, 1);
    tell(&notices, &lines, &status, NULL, 0);
    assert_int_equal(lines.count, 1);
    assert_line(&lines, 0, TALLY_LEVEL_WARN, "code=E_NAT_CGNAT");
}

static void more_than_there_is_room_for(void **state)
{
    struct lines lines = {.count = 0};
    struct notices notices = {.context = &lines, .say = say};
    struct tally_node_status status = {.peers = 0};
    static struct tally_own_address own[NOTICES_MAX + 8];
    (void)state;
    for (unsigned i = 0; i < NOTICES_MAX + 8; i++)
        own[i] = (struct tally_own_address){.address = ip(11, 0, 1, i)};
    tell(&notices, &lines, &status, own, NOTICES_MAX + 8);
    assert_int_equal(notices.count, NOTICES_MAX);
    tell(&notices, &lines, &status, own, 1);
    assert_int_equal(notices.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_change_is_one_line),
        cmocka_unit_test(another_nat_is_told_once),
        cmocka_unit_test(more_than_there_is_room_for),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
