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
        "disk all sync 100..900 slow 5 failed 1 torn 50 full 9000\n"
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
    const struct disk_setting *disk = &scenario.lines[3].disk;
    assert_true(disk->sync && disk->values.sync_us.to == 900);
    assert_true(disk->values.slow == 5000 && disk->values.failed == 1000);
    assert_true(disk->values.torn == 50000 && disk->values.capacity == 9000);
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

static void places_are_read(void **state)
{
    static const char text[] =
        "nodes 9\noption peers 0\n"
        "lan n1..n3\n"
        "nat n1..n3 port timeout 30 gateway pcp hairpin\n"
        "nat n4..n6 symmetric each\n"
        "nat n7 address gateway natpmp behind n4 carrier\n"
        "profile n1..n7 auto\nprofile n8 server\n"
        "bootstrap n8..n9 n1\n"
        "domain mesh.example n8 n9 keyless\ndomain gone.example none\n"
        "at 5 domain gone.example silent\n"
        "at 6 gateway n1 restart silent\nat 7 gateway n4 renumber\n"
        "at 8 move n2 to n9\nat 9 flap n1 n2..n3 10 0.5\n"
        "at 10 join n5\nat 11 leave n5..n6\n"
        "expect linked n1 n2..n3 within 4\nexpect reached n1\nexpect detected n5\n"
        "expect not traffic n1 2000\n";
    char message[200] = "";
    struct scenario scenario;
    if (!scenario_read(&scenario, "places", text, message, sizeof message))
        fail_msg("%s", message);
    const struct line *lines = scenario.lines;
    assert_int_equal(scenario.count, 20);
    assert_int_equal(scenario.options.peers_max, 0);
    assert_int_equal(lines[0].verb, VERB_LAN);
    const struct lan_box *box = &lines[1].box;
    assert_int_equal(box->nat.type, NAT_PORT);
    assert_int_equal(box->nat.gateway, TALLY_MAPPING_PCP);
    assert_int_equal(box->nat.timeout_us, 30000000);
    assert_true(box->nat.hairpin && !lines[1].each && !box->behind && !box->carrier);
    assert_true(lines[2].each && lines[2].box.nat.type == NAT_SYMMETRIC);
    assert_true(lines[3].box.behind && lines[3].box.carrier);
    assert_int_equal(lines[3].box.outside, 3);
    assert_int_equal(lines[3].box.nat.gateway, TALLY_MAPPING_NATPMP);
    assert_int_equal(lines[4].profile, TALLY_PROFILE_AUTO);
    assert_int_equal(lines[5].profile, TALLY_PROFILE_SERVER);
    assert_int_equal(lines[6].list_count, 3);
    assert_int_equal(lines[6].list[2], 0);
    assert_string_equal(lines[7].domain, "mesh.example");
    assert_true(lines[7].keyless && !lines[7].silent && lines[7].list_count == 2);
    assert_int_equal(lines[8].list_count, 0);
    assert_true(lines[9].silent && lines[9].timed);
    assert_true(lines[10].silent && !lines[10].renumber);
    assert_true(!lines[11].silent && lines[11].renumber);
    assert_int_equal(lines[12].other.from, 8);
    assert_true(lines[13].us == 10000000 && lines[13].closed_us == 500000);
    assert_int_equal(lines[14].verb, VERB_JOIN);
    assert_int_equal(lines[15].verb, VERB_LEAVE);
    assert_int_equal(lines[16].condition, CONDITION_LINKED);
    assert_int_equal(lines[19].condition, CONDITION_TRAFFIC);
    assert_int_equal(lines[19].count, 2000);
    scenario_free(&scenario);
}

/* Of several parties it is stated one by one. */
static void statements_are_read(void **state)
{
    static const char text[] = "nodes 4\n"
                               "at 2 admit n1..n2 n3..n4 observe\n"
                               "at 3 level all n1 attest roles serve,request\n"
                               "at 4 withdraw n1 n2\n"
                               "at 5 mode n3 open\n"
                               "expect folded all\n";
    char message[200] = "";
    struct scenario scenario;
    assert_true(scenario_read(&scenario, "s", text, message, sizeof message));
    const struct line *lines = scenario.lines;
    assert_int_equal(scenario.count, 6);
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(lines[i].verb == VERB_STATE && lines[i].number == 2);
        assert_true(lines[i].other.from == 2 + i && lines[i].other.to == 2 + i);
        assert_int_equal(lines[i].at_us, 2000000 + i * 200000);
        assert_true(lines[i].state.kind == FED_ADMIT && lines[i].state.roles == TALLY_ROLES_ALL);
    }
    assert_int_equal(lines[2].state.level, TALLY_TRUST_ATTEST);
    assert_int_equal(lines[2].state.roles, TALLY_ROLE_SERVE | TALLY_ROLE_REQUEST);
    assert_int_equal(lines[3].state.kind, FED_WITHDRAW);
    assert_int_equal(lines[4].state.mode, TALLY_MODE_OPEN);
    assert_int_equal(lines[5].condition, CONDITION_FOLDED);
    scenario_free(&scenario);
}

struct wrong {
    const char *text, *message;
};

static void assert_wrong(const struct wrong *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char message[256] = "";
        struct scenario scenario;
        assert_false(scenario_read(&scenario, "s", cases[i].text, message, sizeof message));
        assert_string_equal(message, cases[i].message);
    }
}

static void what_is_wrong_about_places(void **state)
{
    static const struct wrong cases[] = {
        {"nodes 2\nnat n1 cone\n",
         "s:2: \"cone\" is no type of a nat: none, full, address, port or symmetric"},
        {"nodes 2\nnat n1 full gateway upnp\n", "s:2: \"upnp\" is no gateway: natpmp, pcp or none"},
        {"nodes 2\nnat n1 full mesh\n",
         "s:2: \"mesh\" is no option of a nat: each, timeout, gateway, behind, hairpin or "
         "carrier"},
        {"nodes 2\nnat n1 full timeout 0\n",
         "s:2: \"0\" is not seconds of a timeout: a number from 1 to 86400"},
        {"nodes 3\nnat n1 full behind n2..n3\n", "s:2: behind wants one node"},
        {"nodes 2\nat 1 gateway n1 explode\n",
         "s:2: gateway WHO restart or renumber, not \"explode\""},
        {"nodes 2\nat 1 move n1 n2\n", "s:2: move WHO to WHO, not \"n2\""},
        {"nodes 2\nmove n1 to n2\n", "s:2: when? say \"at T move ...\""},
        {"nodes 2\nprofile n1 loud\n",
         "s:2: \"loud\" is no profile: static, auto, lan, server or offline"},
        {"nodes 2\nbootstrap\n", "s:2: bootstrap WHO WHO…: whom are the others told of?"},
        {"nodes 2\nbootstrap n3\n", "s:2: there is no node n3: this story has 2"},
        {"nodes 2\ndomain\n", "s:2: domain NAME WHO…, none or silent: \"\" is no name"},
        {"nodes 2\ndomain mesh.example\n", "s:2: domain NAME WHO…, none or silent, not \"\""},
        {"nodes 2\nat 1 flap n1 n2 0 3\n", "s:2: a time it is open is from 0.1 to 86400 seconds"},
        {"nodes 2\nexpect traffic n1\n",
         "s:2: \"\" is not bytes a second: a number from 0 to 4294967295"},
    };
    assert_wrong(cases, sizeof cases / sizeof *cases);
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
    static const struct wrong cases[] = {
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
        {"nodes 2\nat 1 rotate n3\n", "s:2: there is no node n3: this story has 2"},
        {"nodes 2\ncrypto slow\n", "s:2: \"slow\" is no crypto: real, memo or fast"},
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
         "s:2: \"white\" is no lie: ahead, root, fork, gap, silent, forged, rewind, rewrite, "
         "flood, replay, spoof, garbled, half-open, collude, perjury, revoked-user or amends"},
        {"nodes 2\ndisk n1\n", "s:2: disk wants sync A..B, slow P, failed P, torn P or full BYTES"},
        {"nodes 2\ndisk n1 wet 3\n",
         "s:2: \"wet\" is no option of a disk: sync, slow, failed, torn or full"},
        {"nodes 2\noption colour 3\n",
         "s:2: \"colour\" is no option: connections, logs, own_logs, pending, known, links, "
         "dht_values, seen, records, senders, seal_receipts, seal_ms, seal_quiet_ms, peers or "
         "verify"},
        {"nodes 2\nexpect drops n1 boredom 1\n",
         "s:2: \"boredom\" is no reason of a drop (tally/error.h lists them)"},
        {"nodes 2\nexpect wonders\n",
         "s:2: \"wonders\" is no condition: converged, diverged, fork, holds, drops, confirmed, "
         "linked, reached, detected, traffic, guarded, folded, folds, disputed, agreed, refused, "
         "revoked, succeeded or cosigned"},
        {"nodes 2\nat 1 admit n1 n2 trusted\n",
         "s:2: \"trusted\" is no level: isolated, observe, verify, attest or integrate"},
        {"nodes 2\nat 1 level n1 n2 verify roles all\n",
         "s:2: \"all\" are no roles: some of announce,serve,request, or none"},
        {"nodes 2\nat 1 mode n1 closed\n", "s:2: mode WHO strict or open, not \"closed\""},
        {"nodes 2\nwithdraw n1 n2\n", "s:2: when? say \"at T withdraw ...\""},
    };
    assert_wrong(cases, sizeof cases / sizeof *cases);
}

static void every_drawn_story_can_be_read(void **state)
{
    char text[SWARM_TEXT_MAX], again[SWARM_TEXT_MAX], message[200];
    for (uint64_t seed = 0; seed < 500; seed++) {
        struct scenario scenario;
        swarm_draw(seed, (struct swarm_sizes){0, 0}, text);
        swarm_draw(seed, (struct swarm_sizes){0, 0}, again);
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
        cmocka_unit_test(places_are_read),
        cmocka_unit_test(statements_are_read),
        cmocka_unit_test(what_is_wrong_about_places),
        cmocka_unit_test(what_is_wrong_is_said_with_its_line),
        cmocka_unit_test(every_drawn_story_can_be_read),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
