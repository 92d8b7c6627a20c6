/* SPDX-License-Identifier: Apache-2.0 */
/* Who is gone, and whether it is not rather we: silence, sleep, bad paths, and who abuses the help
   that peers give each other. */
#include "crowd.h"

#include "core/base/bytes.h"

#include "support/cmocka.h"

/* So many nodes that all configured each other. */
static struct crowd *friends(uint32_t count)
{
    const struct crowd_options options = {
        .count = count, .peers_max = 32, .seed = 3, .profile = TALLY_PROFILE_STATIC};
    struct crowd *crowd = crowd_new(&options);
    crowd->checked = true;
    crowd_boot(crowd, 0, count - 1);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = 0; j < i; j++)
            crowd_configure(crowd, i, j);
    crowd_run(crowd, 60000);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(crowd->nodes[i].datagrams.peers.links, count - 1);
    crowd_forget(crowd);
    return crowd;
}

static unsigned health(const struct crowd *crowd, uint32_t node)
{
    return crowd->nodes[node].datagrams.suspect.health;
}

static unsigned links(const struct crowd *crowd, uint32_t node)
{
    return crowd->nodes[node].datagrams.peers.links;
}

/* Alarms of others than `node` about others than `node`: none is ever right here. */
static unsigned alarms_among_others(const struct crowd *crowd, uint32_t node)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < crowd->options.count; i++)
        if (i != node)
            count += crowd->nodes[i].suspected_wrong + crowd->nodes[i].dropped_wrong;
    return count;
}

/* ---- Silence. ---- */

static void a_peer_that_is_gone_is_missed_asked_for_and_dropped(void **state)
{
    struct crowd *crowd = friends(6);
    crowd_run(crowd, 30000);
    crowd_forget(crowd);
    crowd_vanish(crowd, 5);
    uint64_t begin = crowd->now.mono.ms;
    crowd_run(crowd, 3000);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(crowd->nodes[i].suspected_right, 0);
    crowd_run(crowd, 57000);
    for (uint32_t i = 0; i < 5; i++) {
        const struct crowd_node *node = &crowd->nodes[i];
        assert_int_equal(node->suspected_right, 1);
        assert_int_equal(node->dropped_right, 1);
        /* Its heartbeats came each 16 to 24 s, and it is gone within three of them. */
        assert_in_range(node->dropped_at[0] - begin, 18000, 60000);
        /* Three others were asked, and had heard nothing either. */
        assert_int_equal(node->sent[TALLY_KIND_PROBE_FOR], SUSPECT_HELPERS);
        assert_int_equal(node->suspected_wrong, 0);
        assert_int_equal(health(crowd, i), 0);
    }
    assert_int_equal(alarms_among_others(crowd, 5), 0);
    crowd_free(crowd);
}

static void a_bad_network_raises_no_alarm(void **state)
{
    struct crowd *crowd = friends(8);
    crowd->loss = 100; /* A tenth. */
    crowd_run(crowd, 1800000);
    unsigned suspected = 0;
    for (uint32_t i = 0; i < 8; i++) {
        suspected += crowd->nodes[i].suspected_wrong;
        assert_int_equal(crowd->nodes[i].dropped_wrong, 0);
        assert_in_range(health(crowd, i), 0, 2);
    }
    /* Two heartbeats, and the first echo: some in 56 links and half an hour. */
    assert_in_range(suspected, 0, 120);
    crowd_free(crowd);
}

static bool deaf_to_one(struct crowd *crowd, uint32_t from, uint32_t to, unsigned kind)
{
    return !(from == 1 && to == 0);
}

static void a_broken_way_is_not_a_death_but_no_link_either(void **state)
{
    struct crowd *crowd = friends(6);
    crowd->hook = deaf_to_one;
    uint64_t begin = crowd->now.mono.ms;
    bool vouched = false;
    /* The others vouch for 1, so it gets a little more time. */
    for (unsigned i = 0; i < 700; i++) {
        const struct link *link = &crowd_peer(crowd, 0, 1)->link;
        vouched =
            vouched || (link->suspicion.state == SUSPICION_SUSPECT && link->suspicion.vouched);
        crowd_run(crowd, 100);
    }
    assert_true(vouched);
    assert_int_equal(crowd->nodes[0].dropped_wrong, 1);
    assert_in_range(crowd->nodes[0].dropped_at[0] - begin, 18000, 66000);
    /* Nobody else thinks ill of it. */
    for (uint32_t i = 2; i < 6; i++) {
        assert_int_equal(crowd->nodes[i].suspected_wrong, 0);
        assert_true(crowd_meshed(crowd, i, 1));
        assert_true(crowd_meshed(crowd, i, 0));
    }
    assert_in_range(links(crowd, 0), 4, 4);
    crowd_free(crowd);
}

struct flap {
    uint64_t period_ms;
    uint64_t begin;
};

static bool flapping(struct crowd *crowd, uint32_t from, uint32_t to, unsigned kind)
{
    const struct flap *flap = crowd->context;
    bool between = (from == 0 && to == 1) || (from == 1 && to == 0);
    bool down = (crowd->now.mono.ms - flap->begin) / flap->period_ms % 2 == 0;
    return !between || !down;
}

static void a_flapping_link_is_the_trouble_of_its_two_ends(void **state)
{
    static const struct {
        uint64_t period_ms;
        bool ends;
    } cases[] = {{5000, false}, {9000, false}, {60000, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct crowd *crowd = friends(6);
        struct flap flap = {.period_ms = cases[i].period_ms, .begin = crowd->now.mono.ms};
        crowd->context = &flap;
        crowd->hook = flapping;
        crowd_run(crowd, 600000);
        unsigned ended = crowd->nodes[0].dropped_wrong + crowd->nodes[1].dropped_wrong;
        if (cases[i].ends)
            assert_in_range(ended, 4, 24);
        else
            assert_int_equal(ended, 0);
        for (uint32_t n = 0; n < 6; n++) {
            assert_in_range(health(crowd, n), 0, n < 2 ? 3 : 0);
            if (n >= 2)
                assert_int_equal(crowd->nodes[n].suspected_wrong + crowd->nodes[n].dropped_wrong,
                                 0);
            assert_true(links(crowd, n) >= 4);
        }
        crowd_free(crowd);
    }
}

/* ---- It is us. ---- */

static void a_short_sleep_costs_no_link(void **state)
{
    for (uint64_t sleep_ms = 3000; sleep_ms <= 8000; sleep_ms += 1000) {
        struct crowd *crowd = friends(9);
        crowd_sleep(crowd, 4, sleep_ms);
        crowd_run(crowd, sleep_ms + 5);
        assert_in_range(health(crowd, 4), 0,
                        1); /* It doubts itself, if it was late for anything. */
        crowd_run(crowd, 60000);
        assert_int_equal(links(crowd, 4), 8);
        assert_int_equal(crowd->nodes[4].suspected_wrong + crowd->nodes[4].dropped_wrong, 0);
        assert_int_equal(crowd->nodes[4].sent[TALLY_KIND_PROBE_FOR], 0);
        assert_int_equal(crowd->nodes[4].linked, 0);
        assert_int_equal(alarms_among_others(crowd, 4), 0);
        assert_int_equal(health(crowd, 4), 0);
        crowd_free(crowd);
    }
}

static void a_long_sleep_ends_links_one_by_one_and_bothers_nobody(void **state)
{
    struct crowd *crowd = friends(9);
    crowd_sleep(crowd, 4, 120000);
    crowd_run(crowd, 119900);
    for (uint32_t i = 0; i < 9; i++)
        if (i != 4) {
            assert_int_equal(crowd->nodes[i].dropped_right, 1); /* It was gone. */
            assert_false(crowd_peer(crowd, i, 4)->mesh);
        }
    assert_int_equal(links(crowd, 4), 8); /* So it thinks. */
    crowd_forget(crowd);
    crowd_run(crowd, 5000);
    assert_true(links(crowd, 4) > 6);
    crowd_run(crowd, 145000);
    const struct crowd_node *sleeper = &crowd->nodes[4];
    unsigned ended = sleeper->dropped_wrong + sleeper->dropped_right;
    for (unsigned i = 1; i < ended; i++)
        assert_true(sleeper->dropped_at[i] - sleeper->dropped_at[i - 1] >= SUSPECT_SPACING_MS);
    /* Those who greeted it meanwhile needed no end of the old link. */
    assert_in_range(ended, 0, 8);
    assert_int_equal(links(crowd, 4), 8);
    assert_int_equal(sleeper->sent[TALLY_KIND_PROBE_FOR], 0);
    assert_int_equal(alarms_among_others(crowd, 4), 0);
    crowd_free(crowd);
}

static bool cable_out(struct crowd *crowd, uint32_t from, uint32_t to, unsigned kind)
{
    const bool *out = crowd->context;
    return !*out || (from != 4 && to != 4);
}

static void a_cable_that_is_out_is_not_the_death_of_all(void **state)
{
    struct crowd *crowd = friends(9);
    bool out = true;
    crowd->context = &out;
    crowd->hook = cable_out;
    uint64_t begin = crowd->now.mono.ms;
    crowd_run(crowd, 90000);
    const struct crowd_node *node = &crowd->nodes[4];
    assert_true(health(crowd, 4) > 0);
    assert_int_equal(node->dropped_wrong, 8);
    assert_true(node->dropped_at[0] - begin >= 13000);
    for (unsigned i = 1; i < 8; i++)
        assert_true(node->dropped_at[i] - node->dropped_at[i - 1] >= SUSPECT_SPACING_MS);
    /* Only the first to fall silent could be taken for dead ones. */
    assert_in_range(node->sent[TALLY_KIND_PROBE_FOR], 0, 3 * SUSPECT_HELPERS);
    for (uint32_t i = 0; i < 9; i++)
        if (i != 4) {
            assert_int_equal(links(crowd, i), 7);
            assert_in_range(crowd->nodes[i].suspected_wrong, 1, 1);
        }
    out = false;
    crowd_run(crowd, 90000);
    assert_int_equal(links(crowd, 4), 8);
    crowd_free(crowd);
}

static bool half_detached(struct crowd *crowd, uint32_t from, uint32_t to, unsigned kind)
{
    return !(from == 4 && to < 4) && !(from < 4 && to == 4);
}

static void a_half_detached_node_alarms_nobody_else(void **state)
{
    struct crowd *crowd = friends(9);
    crowd->hook = half_detached;
    crowd_run(crowd, 300000);
    /* Four of eight: it may well be itself. Those it reaches say that the others live. */
    assert_int_equal(crowd->nodes[4].dropped_wrong, 4);
    for (unsigned i = 1; i < 4; i++)
        assert_true(crowd->nodes[4].dropped_at[i] - crowd->nodes[4].dropped_at[i - 1] >=
                    SUSPECT_SPACING_MS);
    for (uint32_t i = 0; i < 9; i++) {
        if (i == 4)
            continue;
        assert_in_range(crowd->nodes[i].suspected_wrong, 0, i < 4 ? 1 : 0);
        assert_int_equal(crowd->nodes[i].dropped_wrong, i < 4 ? 1 : 0);
        for (uint32_t j = 0; j < 9; j++)
            if (j != i && j != 4)
                assert_true(crowd_meshed(crowd, i, j));
    }
    crowd_free(crowd);
}

/* The machine slept: as on Linux, its monotonic clock stood still, and the other did not. */
static void a_wall_clock_that_leapt_is_a_sleep_perhaps(void **state)
{
    for (unsigned gone = 0; gone < 2; gone++) {
        struct crowd *crowd = friends(5);
        crowd_run(crowd, 10000);
        for (uint32_t i = 1; i < 5 && gone; i++)
            crowd_vanish(crowd, i);
        crowd_forget(crowd);
        crowd->now.wall.us += INT64_C(3600000000);
        uint64_t begin = crowd->now.mono.ms;
        crowd_run(crowd, 15000);
        const struct crowd_node *node = &crowd->nodes[0];
        if (gone) {
            /* Not after fifteen seconds of a silence that lasted an hour. */
            assert_true(node->dropped_right > 0);
            assert_in_range(node->dropped_at[0] - begin, 4000, 12000);
        } else {
            /* Somebody set the clock: all answered, nothing happened. */
            assert_int_equal(node->dropped_wrong + node->suspected_wrong, 0);
            assert_int_equal(links(crowd, 0), 4);
        }
        crowd_free(crowd);
    }
}

/* Some module's deadline stays in the past, or a clock runs wild: a defect, but no reason to flood
   all peers with probes. */
static void a_deadline_that_is_forgotten_is_no_sleep(void **state)
{
    for (unsigned wild = 0; wild < 2; wild++) {
        struct crowd *crowd = friends(5);
        struct datagrams *datagrams = &crowd->nodes[0].datagrams;
        struct tally_mono due = crowd->now.mono;
        struct peers_ended ended = {.count = 0};
        unsigned sent = 0;
        struct tally_action action;
        for (unsigned i = 0; i < 1000; i++) {
            crowd_run(crowd, 10);
            crowd->now.wall.us += wild == 1 ? 5000000 : 0;
            outbox_clear(&crowd->outbox);
            suspect_tick(&datagrams->suspect, &datagrams->peers, crowd->now, due, &ended,
                         &crowd->outbox);
            while (outbox_next(&crowd->outbox, &action))
                sent++;
        }
        /* Ten seconds, four links. */
        assert_in_range(sent, 0, wild == 1 ? 4 * 16 : 4);
        crowd_free(crowd);
    }
}

static void health_is_told_and_sick_peers_are_not_asked(void **state)
{
    struct crowd *crowd = friends(4);
    crowd->nodes[1].datagrams.suspect.health = 7;
    /* Its own probes heal it, each link's once in half a minute: each echo in time is one less. */
    crowd_run(crowd, 25000);
    assert_in_range(crowd_peer(crowd, 0, 1)->health, 4, 7);
    assert_int_equal(crowd_peer(crowd, 0, 2)->health, 0);
    crowd_peer(crowd, 0, 1)->health = 7;
    crowd_forget(crowd);
    crowd_vanish(crowd, 3);
    crowd_run(crowd, 60000);
    assert_int_equal(crowd->nodes[0].suspected_right, 1);
    assert_in_range(crowd->nodes[0].sent[TALLY_KIND_PROBE_FOR], 1, 2);
    crowd_free(crowd);
}

/* ---- While all is well. ---- */

static unsigned probes_in(struct crowd *crowd, uint64_t ms)
{
    crowd_forget(crowd);
    crowd_run(crowd, ms);
    return (unsigned)crowd->nodes[0].sent[TALLY_KIND_PROBE];
}

static void who_answers_is_probed_ever_more_rarely(void **state)
{
    enum { FRIENDS = 3, MINUTE = 60000 };
    struct crowd *crowd = friends(FRIENDS + 1);
    unsigned early = probes_in(crowd, 4 * MINUTE);
    crowd_run(crowd, 20 * MINUTE);
    unsigned late = probes_in(crowd, 40 * MINUTE);
    assert_in_range(early, 2 * FRIENDS, 4 * FRIENDS);
    /* Each five minutes and half an interval, a fifth sooner or later. */
    assert_in_range(late, 6 * FRIENDS, 10 * FRIENDS);
    crowd_free(crowd);
}

static void whoever_doubts_probes_as_often_as_at_first(void **state)
{
    enum { FRIENDS = 3, MINUTE = 60000 };
    struct crowd *crowd = friends(FRIENDS + 1);
    crowd_run(crowd, 40 * MINUTE);
    assert_in_range(probes_in(crowd, MINUTE), 0, FRIENDS);
    /* Once each with the next heartbeat, and again half a minute later: then it is sure again. */
    crowd->nodes[0].datagrams.suspect.health = 2 * FRIENDS;
    unsigned doubtful = probes_in(crowd, MINUTE + MINUTE / 2);
    assert_in_range(doubtful, 2 * FRIENDS, 4 * FRIENDS);
    assert_int_equal(health(crowd, 0), 0);
    /* Somebody sees it elsewhere than before, and so may others. */
    crowd_run(crowd, 40 * MINUTE);
    peers_doubt(&crowd->nodes[0].datagrams.peers);
    assert_in_range(probes_in(crowd, MINUTE / 2), FRIENDS, 3 * FRIENDS);
    crowd_free(crowd);
}

/* ---- Who abuses the help. ---- */

static void ask(struct crowd *crowd, uint32_t from, uint32_t to, const struct tally_key *about)
{
    struct tally_probe_for message = {.key = *about, .nonce = {1, 2, 3}};
    uint8_t body[TALLY_PROBE_FOR_SIZE_MAX];
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_probe_for_write(&message, &w);
    crowd_say(crowd, from, to, TALLY_KIND_PROBE_FOR, wire_writer_bytes(&w));
    crowd_run(crowd, 200);
}

static void probe_for_is_no_scanner(void **state)
{
    struct crowd *crowd = friends(4);
    struct tally_key nobody = {{0xff, 1}};
    crowd->checked = false; /* The liar's own state is not what it says. */
    crowd_peer(crowd, 0, 1)->rare->helped = crowd->now.mono;
    crowd_run(crowd, 20000);
    uint64_t probes = crowd->nodes[1].sent[TALLY_KIND_PROBE], hellos;
    hellos = crowd->nodes[1].sent[TALLY_KIND_HELLO];
    /* Of a key nobody has a link with: no, and not a datagram to anybody. */
    ask(crowd, 0, 1, &nobody);
    assert_int_equal(crowd->nodes[1].sent[TALLY_KIND_PROBED], 1);
    assert_int_equal(crowd->nodes[1].sent[TALLY_KIND_HELLO], hellos);
    assert_in_range(crowd->nodes[1].sent[TALLY_KIND_PROBE], probes, probes);
    /* Of itself, of the asker: no answer. */
    ask(crowd, 0, 1, &crowd->nodes[1].key);
    assert_int_equal(crowd_drops(crowd, 1, TALLY_DROP_SELF), 1);
    ask(crowd, 0, 1, &crowd->nodes[0].key);
    assert_int_equal(crowd_drops(crowd, 1, TALLY_DROP_REFUSED), 1);
    assert_int_equal(crowd->nodes[1].sent[TALLY_KIND_PROBED], 1);
    /* From a light link: no answer. */
    link_mesh(&crowd->nodes[1].datagrams.peers, crowd_peer(crowd, 1, 0), false, false, crowd->now);
    ask(crowd, 0, 1, &crowd->nodes[2].key);
    assert_int_equal(crowd_drops(crowd, 1, TALLY_DROP_REFUSED), 2);
    assert_int_equal(crowd->nodes[1].sent[TALLY_KIND_PROBED], 1);
    crowd_free(crowd);
}

static void probe_for_is_no_amplifier(void **state)
{
    struct crowd *crowd = friends(4);
    crowd_vanish(crowd, 2); /* Somebody who does not answer: each question could cost a probe. */
    crowd_run(crowd, 4000);
    crowd_forget(crowd);
    crowd_peer(crowd, 0, 1)->rare->helped = crowd->now.mono;
    for (unsigned i = 0; i < 200; i++) {
        struct tally_probe_for message = {.key = crowd->nodes[2].key, .nonce = {(uint8_t)i}};
        uint8_t body[TALLY_PROBE_FOR_SIZE_MAX];
        struct wire_writer w;
        wire_writer_init(&w, body, sizeof body);
        tally_probe_for_write(&message, &w);
        crowd_say(crowd, 0, 1, TALLY_KIND_PROBE_FOR, wire_writer_bytes(&w));
        crowd_run(crowd, 20);
    }
    const struct crowd_node *asker = &crowd->nodes[0], *helper = &crowd->nodes[1];
    /* Four seconds: one probe a second at the most, besides its own; and no answer is as large as
       its question. */
    assert_true(crowd_drops(crowd, 1, TALLY_DROP_BUSY) > 150);
    assert_in_range(helper->sent[TALLY_KIND_PROBE], 1, 4 + 3);
    assert_true(helper->sent_bytes[TALLY_KIND_PROBED] <
                asker->sent_bytes[TALLY_KIND_PROBE_FOR] / 4);
    assert_true(helper->sent_bytes[TALLY_KIND_PROBED] * asker->sent[TALLY_KIND_PROBE_FOR] <
                asker->sent_bytes[TALLY_KIND_PROBE_FOR] * helper->sent[TALLY_KIND_PROBED]);
    assert_in_range(helper->datagrams.suspect.favour_count, 0, SUSPECT_FAVOURS);
    crowd_run(crowd, 60000);
    assert_int_equal(helper->datagrams.suspect.favour_count, 0);
    crowd_free(crowd);
}

static void an_answer_nobody_asked_for_costs_standing(void **state)
{
    struct crowd *crowd = friends(4);
    struct tally_probed message = {.nonce = {9}, .answered = true};
    uint8_t body[TALLY_PROBED_SIZE_MAX];
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_probed_write(&message, &w);
    crowd_say(crowd, 0, 1, TALLY_KIND_PROBED, wire_writer_bytes(&w));
    crowd_run(crowd, 200);
    assert_int_equal(crowd_drops(crowd, 1, TALLY_DROP_UNASKED), 1);
    assert_int_equal(peer_standing(crowd_peer(crowd, 1, 0)), OVERLAY_UNASKED);
    /* One that comes late is no fault. */
    crowd_peer(crowd, 1, 0)->rare->helped = crowd->now.mono;
    crowd_say(crowd, 0, 1, TALLY_KIND_PROBED, wire_writer_bytes(&w));
    crowd_run(crowd, 200);
    assert_int_equal(crowd_drops(crowd, 1, TALLY_DROP_SEEN), 1);
    assert_int_equal(peer_standing(crowd_peer(crowd, 1, 0)), OVERLAY_UNASKED);
    crowd_free(crowd);
}

/* A helper that lies can give a dead peer some seconds, once. */
static void a_lying_helper_gains_seconds(void **state)
{
    struct crowd *crowd = friends(4);
    crowd_vanish(crowd, 3);
    uint64_t begin = crowd->now.mono.ms;
    for (unsigned i = 0; i < 700; i++) {
        const struct suspicion *suspicion = &crowd_peer(crowd, 0, 3)->link.suspicion;
        struct tally_probed message = {.answered = true};
        uint8_t body[TALLY_PROBED_SIZE_MAX];
        struct wire_writer w;
        memcpy(message.nonce, crowd_peer(crowd, 0, 3)->rare->suspect_nonce, sizeof message.nonce);
        wire_writer_init(&w, body, sizeof body);
        tally_probed_write(&message, &w);
        if (suspicion->state == SUSPICION_SUSPECT)
            crowd_say(crowd, 1, 0, TALLY_KIND_PROBED, wire_writer_bytes(&w));
        crowd_run(crowd, 100);
    }
    assert_int_equal(crowd->nodes[0].dropped_right, 1);
    assert_in_range(crowd->nodes[0].dropped_at[0] - begin, 18000, 66000);
    crowd_free(crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_is_gone_is_missed_asked_for_and_dropped),
        cmocka_unit_test(a_bad_network_raises_no_alarm),
        cmocka_unit_test(a_broken_way_is_not_a_death_but_no_link_either),
        cmocka_unit_test(a_flapping_link_is_the_trouble_of_its_two_ends),
        cmocka_unit_test(a_short_sleep_costs_no_link),
        cmocka_unit_test(a_long_sleep_ends_links_one_by_one_and_bothers_nobody),
        cmocka_unit_test(a_cable_that_is_out_is_not_the_death_of_all),
        cmocka_unit_test(a_half_detached_node_alarms_nobody_else),
        cmocka_unit_test(a_wall_clock_that_leapt_is_a_sleep_perhaps),
        cmocka_unit_test(a_deadline_that_is_forgotten_is_no_sleep),
        cmocka_unit_test(health_is_told_and_sick_peers_are_not_asked),
        cmocka_unit_test(who_answers_is_probed_ever_more_rarely),
        cmocka_unit_test(whoever_doubts_probes_as_often_as_at_first),
        cmocka_unit_test(probe_for_is_no_scanner),
        cmocka_unit_test(probe_for_is_no_amplifier),
        cmocka_unit_test(an_answer_nobody_asked_for_costs_standing),
        cmocka_unit_test(a_lying_helper_gains_seconds),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("suspect", tests, NULL, NULL);
}
