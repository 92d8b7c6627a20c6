/* SPDX-License-Identifier: Apache-2.0 */
/* Stories made smaller, as text; and the text of reports. */
#include "support/cmocka.h"

#include "memory.h"
#include "sheet.h"
#include "shrink_fair.h"
#include "shrink_text.h"

static void assert_becomes(char *text, const char *wanted)
{
    if (wanted == NULL) {
        assert_null(text);
        return;
    }
    assert_non_null(text);
    assert_string_equal(text, wanted);
    memory_free(text);
}

static void what_is_no_line_goes(void **state)
{
    assert_becomes(shrink_bare("# a\n\n  nodes 3 # b\nat 1 heal\t\n#c"), "nodes 3\nat 1 heal\n");
    assert_becomes(shrink_bare("nodes 3"), "nodes 3\n");
    assert_becomes(shrink_bare(""), "");
}

static void a_node_goes(void **state)
{
    static const char story[] = "nodes 4\n"
                                "bootstrap n2 n3\n"
                                "at 1 append all 5\n"
                                "at 2 partition 1 2 3 4\n"
                                "at 3 cut n2 from n3..n4\n"
                                "at 4 crash n4\n"
                                "expect linked n1 n2\n";
    const struct {
        uint32_t node;
        const char *wanted;
    } cases[] = {
        {1, "nodes 3\nbootstrap n1 n2\nat 1 append all 5\nat 2 partition 2 3 4\nat 3 cut n1 from "
            "n2..n3\nat 4 crash n3\n"},
        {3, "nodes 3\nbootstrap n2\nat 1 append all 5\nat 2 partition 1 2 4\nat 3 cut n2 from "
            "n3\nat 4 crash n3\nexpect linked n1 n2\n"},
        {4, "nodes 3\nbootstrap n2 n3\nat 1 append all 5\nat 2 partition 1 2 3\nat 3 cut n2 from "
            "n3\nexpect linked n1 n2\n"},
        {5, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_becomes(shrink_node(story, cases[i].node), cases[i].wanted);
    assert_becomes(shrink_node("nodes 1\n", 1), NULL);
}

static void counts_and_options_go(void **state)
{
    static const char story[] = "nodes 2\n"
                                "link delay 1..2 loss 5\n"
                                "at 1 append n1 40 in ledger size 0..9\n"
                                "at 2 lie n2 fork 9\n"
                                "at 3 suspend n1 1\n"
                                "at 4 link loss 0\n";
    assert_becomes(shrink_count(story, 0, true),
                   "nodes 2\nlink delay 1..2 loss 5\nat 1 append n1 20 in ledger size 0..9\nat 2 "
                   "lie n2 fork 9\nat 3 suspend n1 1\nat 4 link loss 0\n");
    assert_becomes(shrink_count(story, 1, false),
                   "nodes 2\nlink delay 1..2 loss 5\nat 1 append n1 40 in ledger size 0..9\nat 2 "
                   "lie n2 fork 1\nat 3 suspend n1 1\nat 4 link loss 0\n");
    assert_becomes(shrink_count(story, 2, false), NULL); /* 1 is the least. */
    /* Of a link on all lines at once: what ends it goes with what begins it. */
    assert_becomes(shrink_option(story, 0),
                   "nodes 2\nlink delay 1..2\nat 1 append n1 40 in ledger size 0..9\nat 2 lie n2 "
                   "fork 9\nat 3 suspend n1 1\n");
    assert_becomes(shrink_option(story, 1000), NULL);
}

static void pauses_get_shorter(void **state)
{
    static const char story[] = "nodes 2\nat 2 heal\nat 10 crash n1\nat 10.500 restart n1\n"
                                "expect converged within 9\n";
    assert_becomes(shrink_pause(story, 0, false),
                   "nodes 2\nat 1 heal\nat 9 crash n1\nat 9.500 restart n1\nexpect converged "
                   "within 9\n");
    assert_becomes(shrink_pause(story, 1, true),
                   "nodes 2\nat 2 heal\nat 6 crash n1\nat 6.500 restart n1\nexpect converged "
                   "within 9\n");
    assert_becomes(shrink_pause(story, 2, true), NULL);
}

/* Which lines stay when only some are wanted. */
static void a_fault_keeps_what_ends_it(void **state)
{
    static const char story[] = "nodes 2\n"                /* 0 */
                                "link delay 1..2 loss 5\n" /* 1 */
                                "profile all auto\n"       /* 2 */
                                "at 1 partition 1 2\n"     /* 3 */
                                "at 2 crash n2\n"          /* 4 */
                                "at 3 heal\n"              /* 5 */
                                "at 4 restart n1..n2\n"    /* 6 */
                                "at 5 link loss 0\n"       /* 7 */
                                "expect converged\n";      /* 8 */
    const struct {
        const char *wanted, *kept; /* Digits of lines. */
    } cases[] = {{"08", "028"},    {"038", "02358"},  {"048", "02468"},
                 {"018", "01278"}, {"0358", "02358"}, {"078", "0278"}};
    struct scenario scenario;
    char message[200];
    assert_true(scenario_read(&scenario, "s", story, message, sizeof message));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool kept[9] = {false};
        char left[10] = "";
        for (const char *at = cases[i].wanted; *at != '\0'; at++)
            kept[*at - '0'] = true;
        shrink_fair(&scenario, kept, 9);
        for (unsigned line = 0, count = 0; line < 9; line++)
            if (kept[line])
                left[count++] = (char)('0' + line);
        assert_string_equal(left, cases[i].kept);
    }
    scenario_free(&scenario);
}

/* At the last of its starts another key takes over; an earlier one may be too early. */
static void a_rotation_keeps_the_last_start(void **state)
{
    static const char story[] = "nodes 2\nat 1 rotate n1\nat 2 restart n1\nat 3 restart n2\n"
                                "at 4 restart n1\nexpect succeeded n1\n";
    struct scenario scenario;
    char message[200];
    bool kept[6] = {true, true, true, false, false, true};
    assert_true(scenario_read(&scenario, "s", story, message, sizeof message));
    assert_int_equal(scenario.lines[4].condition, CONDITION_SUCCEEDED);
    shrink_fair(&scenario, kept, 6);
    assert_true(kept[4] && !kept[3]);
    scenario_free(&scenario);
}

/* Which lines stay when only the one at `wanted`, the first and the last are. */
static void assert_keeps(const char *story, size_t wanted, const char *kept_lines)
{
    struct scenario scenario;
    char message[200], left[10] = "";
    size_t lines = 0, count = 0;
    for (const char *at = story; *at != '\0'; at++)
        lines += *at == '\n';
    assert_true(scenario_read(&scenario, "s", story, message, sizeof message));
    bool *kept = memory_new(lines, sizeof *kept);
    kept[0] = kept[wanted] = kept[lines - 1] = true;
    shrink_fair(&scenario, kept, lines);
    for (size_t line = 0; line < lines; line++)
        if (kept[line])
            left[count++] = (char)('0' + line);
    assert_string_equal(left, kept_lines);
    memory_free(kept);
    scenario_free(&scenario);
}

static void whom_a_write_ended_is_started_again(void **state)
{
    static const char story[] = "nodes 2\n"
                                "at 1 disk n1 failed 5\n"
                                "at 2 disk n2 slow 5\n"
                                "at 3 restart n1\n"
                                "at 4 disk n1..n1 slow 0 failed 0\n"
                                "at 4 restart n1\n"
                                "at 4 restart n2\n"
                                "expect converged\n";
    /* The last one: it may end after the first. */
    assert_keeps(story, 1, "01457");
    assert_keeps(story, 2, "027");
}

static void names_come_back(void **state)
{
    static const char story[] = "nodes 4\n"
                                "domain a.example n1..n2\n"
                                "at 1 domain a.example silent\n"
                                "at 2 domain a.example n1..n2\n"
                                "at 3 domain a.example none\n"
                                "at 4 domain a.example n1..n2\n"
                                "expect converged\n";
    assert_keeps(story, 2, "01256");
    assert_keeps(story, 6, "016");
}

static void a_key_that_is_followed_is_rotated(void **state)
{
    static const char story[] = "nodes 4\n"
                                "at 1 rotate n2\n"
                                "at 1 rotate n3\n"
                                "at 2 restart n2\n"
                                "at 2 restart n3\n"
                                "expect folded n3 within 9\n";
    assert_keeps(story, 5, "0245");
    assert_keeps(story, 1, "012345");
}

/* The first start seals what the old key left. */
static void a_rotation_keeps_two_starts(void **state)
{
    static const char story[] = "nodes 2\nat 1 rotate n1\nat 5 restart n1\nat 2 restart n1\n"
                                "at 4 restart n1\nat 4 restart n2\nexpect succeeded n1\n";
    assert_keeps(story, 6, "01246");
}

static void a_segment_of_one_is_none(void **state)
{
    assert_keeps("nodes 4\nnat n4 full\nlan n4\nlan n2..n3\nexpect converged\n", 4, "034");
    assert_keeps("nodes 4\nnat n4 full\nlan n4\nexpect converged\n", 2, "0123");
    assert_keeps("nodes 4\nnat n4 full\nlan n4\nat 1 move n3 to n4\nexpect converged\n", 4,
                 "01234");
}

static bool is_fair(const char *story, const char *first)
{
    struct scenario one, other;
    char message[200];
    assert_true(scenario_read(&one, "s", story, message, sizeof message));
    assert_true(scenario_read(&other, "s", first, message, sizeof message));
    bool fair = shrink_is_fair(&one, &other);
    scenario_free(&one);
    scenario_free(&other);
    return fair;
}

static void what_is_between_lines_stays_fair(void **state)
{
    static const char clocks[] = "nodes 2\nclock n1 offset -50\nat 1 step n1 150\nat 2 step n1 "
                                 "-90\nat 3 step n1 80\nat 3 step n2 90\n";
    assert_true(is_fair(clocks, clocks));
    assert_true(is_fair("nodes 2\nclock n1 offset -50\nat 1 step n1 150\n", clocks));
    assert_false(is_fair("nodes 2\nat 1 step n1 150\nat 3 step n1 80\n", clocks));
    assert_false(
        is_fair("nodes 2\nclock n1 offset -50\nat 1 step n1 150\nat 3 step n1 80\n", clocks));
    const struct {
        const char *story;
        bool fair;
    } cases[] = {
        {"nodes 3\ndomain a.example n1..n2\n", true},
        {"nodes 2\ndomain a.example n1..n2\n", false},
        {"nodes 2\ndomain a.example n1\n", true},
        {"nodes 1\ndomain a.example n1\n", true},
        {"nodes 3\ndomain a.example n1..n2\nat 1 lie n3 silent\n", false},
        {"nodes 4\ndomain a.example n1..n2\nat 1 lie n3 silent\n", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(is_fair(cases[i].story, cases[i].story), cases[i].fair);
}

static void several_nodes_go_as_far_as_they_can(void **state)
{
    static const char story[] = "nodes 5\nbootstrap n1..n1\nat 1 append n2..n4 5\n";
    assert_becomes(shrink_nodes(story, 3, 6), "nodes 2\nbootstrap n1\nat 1 append n2 5\n");
    assert_becomes(shrink_nodes(story, 1, 4), "nodes 3\nbootstrap n1\nat 1 append n2 5\n");
    assert_becomes(shrink_nodes(story, 1, 2), NULL);
}

static void a_story_has_another_seed(void **state)
{
    assert_becomes(shrink_seed("nodes 2\nseed 5\nat 1 heal\n", 7), "nodes 2\nseed 7\nat 1 heal\n");
    assert_becomes(shrink_seed("nodes 2\nat 1 heal\n", 7), "nodes 2\nseed 7\nat 1 heal\n");
    assert_becomes(shrink_seed("nodes 2\nat 1 heal\nseed 5\n", 7), "nodes 2\nat 1 heal\nseed 7\n");
    assert_becomes(shrink_seed("nodes 2\nseed 5\n", 5), NULL);
    assert_becomes(shrink_seed("nodes 2\n", 1), NULL);
}

static void a_line_keeps_what_it_is_nothing_without(void **state)
{
    static const char story[] = "nodes 3\n"                  /* 0 */
                                "at 1 revoke n2\n"           /* 1 */
                                "at 2 revoke n3\n"           /* 2 */
                                "at 3 backup n1\n"           /* 3 */
                                "at 4 lie n3 revoked-user\n" /* 4 */
                                "at 5 restore n1\n"          /* 5 */
                                "at 6 lie n2 silent\n"       /* 6 */
                                "expect converged\n";        /* 7 */
    struct scenario scenario;
    char message[200];
    bool kept[8] = {[0] = true, [4] = true, [5] = true, [6] = true};
    assert_true(scenario_read(&scenario, "s", story, message, sizeof message));
    shrink_fair(&scenario, kept, 8);
    assert_true(kept[2] && kept[3] && !kept[1] && !kept[7]);
    scenario_free(&scenario);
}

static void a_segment_keeps_its_box(void **state)
{
    static const char story[] =
        "nodes 5\nnat n2 port\nnat n3..n4 full\nlan n3..n4\nexpect converged\n";
    struct scenario scenario;
    char message[200];
    bool kept[5] = {[0] = true, [4] = true};
    assert_true(scenario_read(&scenario, "s", story, message, sizeof message));
    shrink_fair(&scenario, kept, 5);
    assert_true(kept[2] && kept[3] && !kept[1]);
    scenario_free(&scenario);
}

/* The same sentence of another node, log or number is the same failure; another reason is not. */
static void a_failure_has_its_reason(void **state)
{
    const struct {
        const char *one, *other;
        bool same;
    } cases[] = {
        {"n1 has 5 of n2/audit, n3 has 0", "n14 has 50 of n2/ledger, n1 has 10", true},
        {"n1 has 5 of n2/audit, n3 has 0", "n1 has receipts of n1/audit that are not sealed",
         false},
        {"", "n1 has 5 of n2/audit, n3 has 0", false},
        {"n1 was not reached", "n2 was not reached", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(shrink_sentence(cases[i].one, cases[i].other), cases[i].same);
        assert_int_equal(shrink_sentence(cases[i].other, cases[i].one), cases[i].same);
    }
}

static void an_expectation_keeps_what_it_is_about(void **state)
{
    static const char story[] = "nodes 5\nat 1 lie n4 gap\nat 2 lie n5 fork 1\nexpect fork n5\n";
    struct scenario scenario;
    char message[200];
    bool kept[4] = {true, false, false, true};
    assert_true(scenario_read(&scenario, "s", story, message, sizeof message));
    shrink_fair(&scenario, kept, 4);
    assert_true(kept[2] && !kept[1]);
    scenario_free(&scenario);
    /* Somebody honest on both sides; and somebody outside whom those behind boxes can find. */
    char *four = shrink_node(story, 1);
    assert_non_null(four);
    assert_becomes(shrink_node(four, 1), NULL);
    memory_free(four);
    assert_becomes(shrink_node("nodes 3\nnat n2..n3 port\n", 1), NULL);
    assert_becomes(shrink_node("nodes 3\nbootstrap n1\n", 1), NULL);
    assert_becomes(shrink_node("nodes 3\nnat n2..n3 port\n", 2), "nodes 2\nnat n2 port\n");
}

static void text_is_safe_where_it_stands(void **state)
{
    const struct {
        double number;
        const char *wanted;
    } cases[] = {{0, "0"},       {1, "1"},        {7.25, "7.2"},   {99.4, "99.4"},  {950, "950"},
                 {999.6, "1 k"}, {1234, "1.2 k"}, {50000, "50 k"}, {2.5e6, "2.5 M"}};
    char text[16];
    struct sheet sheet = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sheet_short(cases[i].number, text);
        assert_string_equal(text, cases[i].wanted);
    }
    sheet_html(&sheet, "<a b=\"c\">&");
    assert_string_equal(sheet.text, "&lt;a b=&quot;c&quot;&gt;&amp;");
    sheet_free(&sheet);
    sheet_json(&sheet, "a\"\\\n");
    assert_string_equal(sheet.text, "\"a\\\"\\\\\\u000a\"");
    sheet_free(&sheet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_line_goes),
        cmocka_unit_test(a_node_goes),
        cmocka_unit_test(counts_and_options_go),
        cmocka_unit_test(pauses_get_shorter),
        cmocka_unit_test(a_fault_keeps_what_ends_it),
        cmocka_unit_test(a_rotation_keeps_the_last_start),
        cmocka_unit_test(whom_a_write_ended_is_started_again),
        cmocka_unit_test(names_come_back),
        cmocka_unit_test(a_key_that_is_followed_is_rotated),
        cmocka_unit_test(a_rotation_keeps_two_starts),
        cmocka_unit_test(a_segment_of_one_is_none),
        cmocka_unit_test(what_is_between_lines_stays_fair),
        cmocka_unit_test(several_nodes_go_as_far_as_they_can),
        cmocka_unit_test(a_story_has_another_seed),
        cmocka_unit_test(a_line_keeps_what_it_is_nothing_without),
        cmocka_unit_test(a_segment_keeps_its_box),
        cmocka_unit_test(a_failure_has_its_reason),
        cmocka_unit_test(an_expectation_keeps_what_it_is_about),
        cmocka_unit_test(text_is_safe_where_it_stands),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
