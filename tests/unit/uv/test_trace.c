/* SPDX-License-Identifier: Apache-2.0 */
/* The words and sentences of the log. */
#include "host/uv/trace.h"

#include "tally/discrepancy.h"
#include "tally/federation.h"
#include "tally/options.h"

#include "support/cmocka.h"

#include <stdio.h>

static const struct tally_address outside = {
    {[10] = 0xff, [11] = 0xff, 11, 0, 0, 1},
    4001,
};
static const struct tally_address shared = {
    {[10] = 0xff, [11] = 0xff, 100, 64, 0, 7},
    4001,
};
static const struct tally_address home = {
    {[10] = 0xff, [11] = 0xff, 192, 168, 0, 2},
    4001,
};

static void the_way_in_has_sentences_and_codes(void **state)
{
    static const struct {
        struct tally_trace trace;
        const char *text, *code;
    } cases[] = {
        {{.kind = TALLY_TRACE_LEASED, .address = &outside, .a = 4001, .b = 4002},
         "msg=leased address=11.0.0.1:4001 udp=4001 tcp=4002 text=\"mapped port: seen from outside "
         "at 11.0.0.1:4001\"",
         NULL},
        {{.kind = TALLY_TRACE_REACHABLE, .address = &outside, .a = 4001},
         "text=\"reachable at 11.0.0.1:4001\"",
         NULL},
        {{.kind = TALLY_TRACE_UNREACHABLE, .address = &outside},
         "text=\"not reachable at 11.0.0.1:4001\"",
         "E_UNREACHABLE"},
        {{.kind = TALLY_TRACE_BEHIND_NAT, .address = &shared},
         "text=\"behind another NAT: the gateway's outer address 100.64.0.7:4001 is not global",
         "E_NAT_CGNAT"},
        {{.kind = TALLY_TRACE_BEHIND_NAT, .address = &home}, "192.168.0.2", "E_NAT_DOUBLE"},
        {{.kind = TALLY_TRACE_NO_LEASE, .a = TALLY_TIMED_OUT},
         "msg=no-lease error=TIMED_OUT text=\"no gateway maps our port\"",
         "E_NAT_NOMAP"},
        {{.kind = TALLY_TRACE_UNLEASED, .address = &outside, .b = TALLY_REFUSED},
         "error=REFUSED",
         "E_NAT_NOMAP"},
        {{.kind = TALLY_TRACE_LINKED, .a = 3}, "msg=linked links=3", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[TRACE_LINE_MAX], code[64];
        (void)snprintf(code, sizeof code, " code=%s remedy=\"",
                       cases[i].code == NULL ? "" : cases[i].code);
        size_t size = trace_text(&cases[i].trace, line);
        assert_int_equal(size, strlen(line));
        if (strstr(line, cases[i].text) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", cases[i].text, line);
        assert_true(cases[i].code == NULL ? strstr(line, "code=") == NULL
                                          : strstr(line, code) != NULL);
    }
}

/* Numbers that have names are told by them, each of its own list; "level" is the line's own. */
static void trust_is_told_by_its_names(void **state)
{
    static const struct {
        enum tally_trace_kind kind;
        uint64_t a, b;
        const char *text;
    } cases[] = {
        {TALLY_TRACE_AGREEMENT, TALLY_AGREEMENT_ENDED, TALLY_TRUST_ATTEST,
         "msg=agreement state=ended trust=attest"},
        {TALLY_TRACE_SETTLED, TALLY_DISCREPANCY_RESOLVED, 7,
         "msg=discrepancy-moved state=resolved index=7"},
        {TALLY_TRACE_DISPUTED, TALLY_DISCREPANCY_SAMPLE_MISSING, 7,
         "msg=discrepancy type=sample_missing index=7"},
        {TALLY_TRACE_GUARD, TALLY_GUARD_PASSED, 1, "msg=guard state=passed silent=1"},
        {TALLY_TRACE_ADMITTED, TALLY_TRUST_VERIFY, 5,
         "msg=admitted trust=verify roles=announce,request"},
        {TALLY_TRACE_PROPOSED, TALLY_TRUST_OBSERVE, 0, "msg=proposed trust=observe"},
        {TALLY_TRACE_REVOKED, TALLY_REVOKED_COMPROMISED, 4,
         "msg=revoked reason=compromised index=4"},
        {TALLY_TRACE_SAMPLED, 50, 2, "msg=sampled size=50 result=not-shown"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[TRACE_LINE_MAX];
        const struct tally_trace trace = {.kind = cases[i].kind, .a = cases[i].a, .b = cases[i].b};
        (void)trace_text(&trace, line);
        assert_string_equal(line, cases[i].text);
    }
}

/* Whatever comes with it: each kind is one line of words, without anything that would end it. */
static void every_kind_is_one_line(void **state)
{
    static const struct tally_key key = {{1, 2, 3, 4}};
    (void)state;
    for (unsigned i = 0; i < TALLY_TRACE_COUNT; i++) {
        char line[TRACE_LINE_MAX];
        const struct tally_trace trace = {.kind = (enum tally_trace_kind)i,
                                          .peer = &key,
                                          .address = &outside,
                                          .origin = "did:key:x/a",
                                          .a = UINT64_MAX,
                                          .b = UINT64_MAX};
        (void)trace_text(&trace, line);
        assert_memory_equal(line, "msg=", 4);
        assert_null(strchr(line, '\n'));
        assert_null(strchr(line, '%'));
        assert_true(strlen(line) < TRACE_LINE_MAX - 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_way_in_has_sentences_and_codes),
        cmocka_unit_test(trust_is_told_by_its_names),
        cmocka_unit_test(every_kind_is_one_line),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
