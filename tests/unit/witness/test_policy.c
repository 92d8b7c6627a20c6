/* SPDX-License-Identifier: Apache-2.0 */
/* Policy files: every rule of C2SP tlog-policy, and what a quorum is. */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "support/logs.h"
#include "tally/policy.h"

#include <stdio.h>
#include <stdlib.h>

#define LOG  "mesh.example/node-a/audit+6841bfce+AfMyy0YIQzMDJ3H/izKv05+lnBExcA2+HWyNTng/dJWt"
#define ONE  "mesh.example/node-b/witness+f3ddd220+BJcO+i3+2rHJnqFJK5x4G8wu70VuU8YLP/K5C0R57DVJ"
#define TWO  "mesh.example/node-c/witness+0b2f69df+BCTYcdZWGP3I/Ldz2ReWMyYPGGi/kPzP6mxfj43KnQp7"
#define HEAD "log " LOG "\nwitness b " ONE "\nwitness c " TWO "\n"

static struct tally_policy *policy;

static void each_rule(void **state)
{
    static const struct {
        const char *text;
        enum tally_policy_fault fault;
        size_t line;
    } cases[] = {
        {HEAD "group g 1 b c\nquorum g\n", TALLY_POLICY_GOOD, 0},
        {HEAD "group g any b c\nquorum g", TALLY_POLICY_GOOD, 0},
        {HEAD "\tgroup  g\tall  b c \n\n# x\n \nquorum\tg\n", TALLY_POLICY_GOOD, 0},
        {HEAD "quorum none\n", TALLY_POLICY_GOOD, 0},
        {HEAD "quorum b\n", TALLY_POLICY_GOOD, 0},
        {"quorum none\n", TALLY_POLICY_GOOD, 0},
        {"log " LOG " https://a.example/\nquorum none\n", TALLY_POLICY_GOOD, 0},
        {HEAD, TALLY_POLICY_QUORUM_MISSING, 0},
        {"", TALLY_POLICY_QUORUM_MISSING, 0},
        {"quorum none\nquorum none\n", TALLY_POLICY_QUORUM_TWICE, 2},
        {"Quorum none\n", TALLY_POLICY_KEYWORD, 1},
        {" # no comment\nquorum none\n", TALLY_POLICY_KEYWORD, 1},
        {"quorum\n", TALLY_POLICY_FIELDS, 1},
        {"quorum none none\n", TALLY_POLICY_FIELDS, 1},
        {"log\n", TALLY_POLICY_FIELDS, 1},
        {"log " LOG " u v\n", TALLY_POLICY_FIELDS, 1},
        {"log " ONE "\n", TALLY_POLICY_LOG_KEY, 1},
        {"log x\n", TALLY_POLICY_LOG_KEY, 1},
        {"log " LOG "\nlog " LOG "\n", TALLY_POLICY_LOG_TWICE, 2},
        {"witness b " LOG "\n", TALLY_POLICY_WITNESS_KEY, 1},
        {"witness b\n", TALLY_POLICY_FIELDS, 1},
        {"witness none " ONE "\n", TALLY_POLICY_NAME_NONE, 1},
        {"witness b " ONE "\nwitness c " ONE "\n", TALLY_POLICY_WITNESS_TWICE, 2},
        {"witness b " ONE "\nwitness b " TWO "\n", TALLY_POLICY_NAME_TWICE, 2},
        {HEAD "group b 1 c\n", TALLY_POLICY_NAME_TWICE, 4},
        {HEAD "group g 1\n", TALLY_POLICY_FIELDS, 4},
        {HEAD "group g\n", TALLY_POLICY_FIELDS, 4},
        {HEAD "group g 0 b\n", TALLY_POLICY_THRESHOLD, 4},
        {HEAD "group g 3 b c\n", TALLY_POLICY_THRESHOLD, 4},
        {HEAD "group g 01 b c\n", TALLY_POLICY_THRESHOLD, 4},
        {HEAD "group g most b c\n", TALLY_POLICY_THRESHOLD, 4},
        {HEAD "group g 1 d\n", TALLY_POLICY_UNDEFINED, 4},
        {HEAD "group g 1 none\n", TALLY_POLICY_UNDEFINED, 4},
        {HEAD "group g 1 b b\n", TALLY_POLICY_MEMBER_TWICE, 4},
        {HEAD "group g 1 b\ngroup h 1 b c\n", TALLY_POLICY_MEMBER_TWICE, 5},
        {HEAD "group g 1 g\n", TALLY_POLICY_UNDEFINED, 4},
        {"quorum g\ngroup g 1 b\n", TALLY_POLICY_UNDEFINED, 1},
        {"quorum none\r\n", TALLY_POLICY_BYTES, 1},
        {"# \x7f\nquorum none\n", TALLY_POLICY_BYTES, 1},
        {"# \xc3\xa9 \xff\nquorum none\n", TALLY_POLICY_GOOD, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t line;
        enum tally_policy_fault fault = tally_policy_read(bytes_text(cases[i].text), policy, &line);
        if (fault != cases[i].fault || line != cases[i].line)
            fail_msg("case %zu: %s, line %zu", i, tally_policy_text(fault), line);
    }
}

/* (a and (1 of b, c)): groups of groups, each member counted once. */
static void groups_of_groups(void **state)
{
    static const char text[] = HEAD "group inner any b c\ngroup outer all inner\nquorum outer\n";
    static const struct {
        bool b, c, met;
    } cases[] = {{false, false, false}, {true, false, true}, {false, true, true}};
    size_t line;
    assert_int_equal(tally_policy_read(bytes_text(text), policy, &line), TALLY_POLICY_GOOD);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct tally_mark marks[2] = {{.good = cases[i].b}, {.good = cases[i].c}};
        unsigned good[TALLY_POLICY_GROUPS_MAX];
        assert_int_equal(tally_policy_met(policy, marks, good), cases[i].met);
    }
}

static void as_many_as_are_taken_and_no_more(void **state)
{
    char *text = malloc(TALLY_POLICY_BYTES_MAX + 16);
    size_t size = 0, line;
    assert_non_null(text);
    for (unsigned i = 0; i <= TALLY_POLICY_WITNESSES_MAX; i++) {
        struct tally_vkey vkey;
        struct tally_key key = {{(uint8_t)i, (uint8_t)(i >> 8), 1}};
        char shown[TALLY_VKEY_MAX];
        assert_true(tally_vkey_init(&vkey, bytes_text("w.example/x"), TALLY_VKEY_COSIGNER, &key));
        (void)tally_vkey_write(&vkey, shown);
        if (i == TALLY_POLICY_WITNESSES_MAX) {
            int more = sprintf(text + size, "quorum none\n");
            assert_int_equal(
                tally_policy_read(bytes_of((uint8_t *)text, size + (size_t)more), policy, &line),
                TALLY_POLICY_GOOD);
            assert_int_equal(policy->witness_count, TALLY_POLICY_WITNESSES_MAX);
        }
        size += (size_t)sprintf(text + size, "witness w%u %s\n", i, shown);
    }
    assert_int_equal(tally_policy_read(bytes_of((uint8_t *)text, size), policy, &line),
                     TALLY_POLICY_TOO_MANY);
    assert_int_equal(line, TALLY_POLICY_WITNESSES_MAX + 1);
    memset(text, '\n', TALLY_POLICY_BYTES_MAX + 1);
    assert_int_equal(
        tally_policy_read(bytes_of((uint8_t *)text, TALLY_POLICY_BYTES_MAX + 1), policy, &line),
        TALLY_POLICY_TOO_MANY);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule),
        cmocka_unit_test(groups_of_groups),
        cmocka_unit_test(as_many_as_are_taken_and_no_more),
    };
    policy = malloc(sizeof *policy);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(policy);
    return failed;
}
