/* SPDX-License-Identifier: Apache-2.0 */
/* The language of stories: what it reads, and the one sentence that says what is wrong. */
#include "support/cmocka.h"

#include "memory.h"
#include "story.h"
#include "swarm.h"

static void a_story_is_read(void **state)
{
    static const char text[] =
        "# A story.\n"
        "nodes 6\nseed 9\ncrypto real\noption seal_ms 200\noption verify checkpoint\n"
        "link delay 20..80 loss 2.5 duplicate 1\n"
        "link n1 n2..n3 loss 100\n"
        "clock n4 offset -12.5 drift 40\n"
        "disk all sync 100..900\n"
        "at 10 append n1 40 in ledger size 0..300   # words behind the hash are free\n"
        "every 5 until 40 append all 1\n"
        "at 20.25 partition 1 1 1 2 2 2\n"
        "at 30 cut n1 from n2..n6\n"
        "at 31 lie n6 fork 7\n"
        "at 32 suspend n2 4\nat 33 crash n3\nat 34 restart n3\nat 35 step n1 600\nat 36 seal n1\n"
        "at 40 expect not converged within 3\n"
        "expect fork n6 within 60\nexpect holds all n1 40 within 1\n"
        "expect drops n1 drifted 3\nexpect confirmed n1 n2\n";
    char message[200];
    struct scenario scenario;
    assert_true(scenario_read(&scenario, "good", text, message, sizeof message));
    assert_int_equal(scenario.options.nodes, 6);
    assert_int_equal(scenario.options.seed, 9);
    assert_int_equal(scenario.options.crypto, PROVIDER_REAL);
    assert_int_equal(scenario.options.seal_ms, 200);
    assert_int_equal(scenario.options.verify, TALLY_VERIFY_CHECKPOINT);
    assert_int_equal(scenario.count, 19);
    const struct line *link = &scenario.lines[0], *clock = &scenario.lines[2];
    assert_int_equal(link->link.values.loss, 2500);
    assert_true(link->everywhere && link->link.duplicate && !link->link.mtu);
    assert_true(clock->offset_us == -12500000 && clock->drift_ppm == 40);
    const struct line *append = &scenario.lines[4];
    assert_int_equal(append->at_us, 10000000);
    assert_string_equal(append->name, "ledger");
    assert_int_equal(append->size.to, 300);
    assert_int_equal(scenario.lines[5].until_us, 40000000);
    assert_int_equal(scenario.lines[6].at_us, 20250000);
    assert_int_equal(scenario.lines[6].islands[3], 2);
    assert_int_equal(scenario.lines[8].lie, LIE_FORK);
    assert_true(scenario.lines[14].negated && scenario.lines[14].within_us == 3000000);
    scenario_free(&scenario);
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "s:1: a story begins with \"nodes N\""},
        {"nodes\n", "s:1: \"\" is not a number of nodes: a number from 1 to 1000000"},
        {"nodes 0\n", "s:1: \"0\" is not a number of nodes: a number from 1 to 1000000"},
        {"nodes 2\nnodes 3\n", "s:2: nodes was said before"},
        {"at 1 heal\n", "s:2: a story begins with \"nodes N\""},
        {"at 1 crash n1\n", "s:1: say \"nodes N\" before naming nodes"},
        {"nodes 2\nat 1 crash n3\n", "s:2: there is no node n3: this story has 2"},
        {"nodes 2\nat 1 crash x\n", "s:2: \"x\" names no nodes: n1, n1..n4 or all"},
        {"nodes 2\nat 1 crash n2..n1\n", "s:2: \"n2..n1\" names no nodes: n1, n1..n4 or all"},
        {"nodes 2\nat 1 explode\n", "s:2: unknown word \"explode\""},
        {"nodes 2\nnat n1 full\n", "s:2: nat is not in this version"},
        {"nodes 2\nat 1 flap n1 n2 1 2\n", "s:2: flap is not in this version"},
        {"nodes 2\nat 1 gateway n1 restart\n", "s:2: gateway is not in this version"},
        {"nodes 2\ncrypto slow\n", "s:2: \"slow\" is no crypto: real, memo or fast"},
        {"nodes 2\nexpect reached n1\n", "s:2: expect reached is not in this version"},
        {"nodes 2\ncrash n1\n", "s:2: when? say \"at T crash ...\""},
        {"nodes 2\nat x heal\n", "s:2: \"x\" is not a time: seconds, as 90 or 0.25"},
        {"nodes 2\nat -1 heal\n", "s:2: a time is from 0 to 1000000 seconds"},
        {"nodes 2\nevery 0 heal\n", "s:2: every wants a time above 0"},
        {"nodes 2\nat 1 heal now\n", "s:2: what is \"now\" doing here?"},
        {"nodes 2\nlink\n", "s:2: link wants an option: delay, loss, duplicate, reorder, corrupt, "
                            "replay, rate or mtu"},
        {"nodes 2\nlink loss 101\n", "s:2: \"101\" is not a loss: percent from 0 to 100"},
        {"nodes 2\nlink delay 9..3\n",
         "s:2: \"9..3\" is not a delay in ms: A or A..B, at most 60000"},
        {"nodes 2\nat 1 append n1 5 in wit+ness\n",
         "s:2: \"wit+ness\" is no namespace: 1 to 64 of A-Z a-z 0-9 . _ : -"},
        {"nodes 3\nat 1 partition 1 2\n",
         "s:2: a partition names the island of each node: 3 numbers, here are 2"},
        {"nodes 2\nat 1 lie n1 white\n",
         "s:2: \"white\" is no lie: ahead, root, fork, gap, silent or forged"},
        {"nodes 2\noption colour 3\n",
         "s:2: \"colour\" is no option: connections, logs, pending, seal_receipts, seal_ms, peers "
         "or verify"},
        {"nodes 2\nexpect drops n1 boredom 1\n",
         "s:2: \"boredom\" is no reason of a drop (tally/error.h lists them)"},
        {"nodes 2\nexpect wonders\n", "s:2: \"wonders\" is no condition: converged, diverged, "
                                      "fork, holds, drops or confirmed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char message[200] = "";
        struct scenario scenario;
        assert_false(scenario_read(&scenario, "s", cases[i].text, message, sizeof message));
        assert_string_equal(message, cases[i].message);
    }
}

static void every_drawn_story_can_be_read(void **state)
{
    char text[SWARM_TEXT_MAX], again[SWARM_TEXT_MAX], message[200];
    for (uint64_t seed = 0; seed < 500; seed++) {
        struct scenario scenario;
        swarm_draw(seed, text);
        swarm_draw(seed, again);
        assert_string_equal(text, again);
        if (!scenario_read(&scenario, "drawn", text, message, sizeof message))
            fail_msg("seed %u: %s", (unsigned)seed, message);
        assert_true(scenario.count > 5);
        scenario_free(&scenario);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_story_is_read),
        cmocka_unit_test(what_is_wrong_is_said_with_its_line),
        cmocka_unit_test(every_drawn_story_can_be_read),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
