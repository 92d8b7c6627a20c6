/* SPDX-License-Identifier: Apache-2.0 */
/* Two nodes behind NATs meet: which pairs get through, and who tries to abuse it. */
#include "town.h"

#include "core/base/bytes.h"
#include "core/peers/greet.h"

#include "support/cmocka.h"

enum { A = 3, D = 4 }; /* The two behind NATs; the others are public. */

static struct town *two_behind(enum nat_kind a, enum nat_kind d, uint64_t seed)
{
    struct town *town = town_new(5, seed);
    town_behind(town, A, 0, a);
    town_behind(town, D, 1, d);
    return town;
}

/* ---- Who gets through. ---- */

/* With jitter and loss: so many of 20 pairs that got a link within ten seconds, by one attempt. */
static unsigned get_through(enum nat_kind a, enum nat_kind d, uint32_t loss)
{
    unsigned linked = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct town *town = two_behind(a, d, seed * 7919);
        town->jitter_ms = 60;
        town->loss = loss;
        town_settle(town, 2);
        town_introduce(town, A, D);
        town_run(town, 10000);
        linked += town_linked(town, A, D);
        assert_int_equal(town->private, 0);
        town_free(town);
    }
    return linked;
}

static void nineteen_of_twenty_cones_meet_at_the_first_try(void **state)
{
    (void)state;
    for (int a = NAT_FULL; a <= NAT_PORT; a++)
        for (int d = NAT_FULL; d <= NAT_PORT; d++)
            assert_true(get_through((enum nat_kind)a, (enum nat_kind)d, 20) >= 19);
    assert_true(get_through(NAT_PORT, NAT_PORT, 100) >= 16); /* A tenth is lost. */
}

static void what_maps_by_destination_meets_who_looks_at_addresses_only(void **state)
{
    (void)state;
    assert_true(get_through(NAT_SYMMETRIC, NAT_ADDRESS, 0) == 20);
    assert_true(get_through(NAT_ADDRESS, NAT_SYMMETRIC, 0) == 20);
}

static void symmetric_ones_do_not_and_both_can_say_why(void **state)
{
    static const enum nat_kind pairs[][2] = {
        {NAT_SYMMETRIC, NAT_PORT}, {NAT_PORT, NAT_SYMMETRIC}, {NAT_SYMMETRIC, NAT_SYMMETRIC}};
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct town *town = two_behind(pairs[i][0], pairs[i][1], 5);
        town_settle(town, 2);
        town_introduce(town, A, D);
        town_introduce(town, D, A);
        town_run(town, 60000);
        assert_false(town_linked(town, A, D));
        assert_int_equal(town_peer(town, A, D)->why, TALLY_PATH_SYMMETRIC);
        assert_int_equal(town_peer(town, D, A)->why, TALLY_PATH_SYMMETRIC);
        town_free(town);
    }
}

static void the_link_is_marked_and_lives_on(void **state)
{
    struct town *town = two_behind(NAT_PORT, NAT_PORT, 3);
    struct tally_peer_view view;
    (void)state;
    town_settle(town, 2);
    assert_int_equal(reach_nat(&town->nodes[A].datagrams.reaching.reach, town->now),
                     TALLY_NAT_CONE);
    town_introduce(town, A, D);
    town_run(town, 10000);
    assert_true(town_linked(town, A, D));
    for (unsigned i = 0; i < 2; i++) {
        const struct peer *peer = i == 0 ? town_peer(town, A, D) : town_peer(town, D, A);
        assert_true(peer->link.punched);
        assert_true(peer->mesh);
        assert_true(peers_view(&town->nodes[i == 0 ? A : D].datagrams.peers, 0, &view));
        reaching_path(&town->nodes[i == 0 ? A : D].datagrams.reaching, peer, &view);
        assert_int_equal(view.path, TALLY_PATH_PUNCHED);
        assert_int_equal(view.why, TALLY_PATH_BEST);
    }
    /* Heartbeats keep the mappings; an hour later it is the same link. */
    town_run(town, 3600000);
    assert_true(town_linked(town, A, D));
    assert_int_equal(town->nodes[A].linked, 4);
    assert_int_equal(town->nodes[D].linked, 4);
    town_free(town);
}

static void both_want_each_other_and_get_one_link(void **state)
{
    (void)state;
    for (uint64_t later = 0; later <= 2500; later += 125) {
        struct town *town = two_behind(NAT_PORT, NAT_PORT, later + 1);
        town_settle(town, 2);
        town_introduce(town, A, D);
        town_run(town, later);
        town_introduce(town, D, A);
        town_run(town, 12000);
        assert_true(town_linked(town, A, D));
        assert_int_equal(town->nodes[A].linked, 4);
        assert_int_equal(town->nodes[D].linked, 4);
        assert_int_equal(town_drops(town, A, TALLY_DROP_FORGED), 0);
        assert_int_equal(town_drops(town, D, TALLY_DROP_FORGED), 0);
        town_free(town);
    }
}

static void who_asks_says_what_the_link_is_for(void **state)
{
    (void)state;
    for (unsigned mesh = 0; mesh < 2; mesh++)
        for (uint64_t seed = 1; seed < 10; seed++) {
            struct town *town = two_behind(NAT_PORT, NAT_PORT, seed);
            town->jitter_ms = 40;
            town_settle(town, 2);
            struct town_node *node = &town->nodes[A];
            struct peer *peer = peers_take(&node->datagrams.peers, &town->nodes[D].key, town->now);
            outbox_clear(&node->outbox);
            punch_want(&node->datagrams.reaching.punch, town->now, &node->datagrams.peers, peer,
                       mesh == 1 ? PEER_WANTS_MESH : PEER_WANTS_LINK, &node->outbox);
            town_flush(town, A);
            town_run(town, 12000);
            assert_true(town_linked(town, A, D));
            assert_int_equal(town_peer(town, A, D)->mesh, mesh);
            assert_int_equal(town_peer(town, D, A)->mesh, mesh);
            town_free(town);
        }
}

static void without_a_common_peer_it_says_so(void **state)
{
    struct town *town = two_behind(NAT_PORT, NAT_PORT, 9);
    (void)state;
    town_introduce(town, A, 0);
    town_introduce(town, A, 1);
    town_introduce(town, D, 2);
    town_run(town, 10000);
    town_introduce(town, A, D);
    town_run(town, 20000);
    assert_false(town_linked(town, A, D));
    assert_int_equal(town_peer(town, A, D)->why, TALLY_PATH_NO_INTRODUCER);
    /* A common peer appears: it is tried again, after a rest. */
    town_introduce(town, D, 0);
    town_run(town, PUNCH_REST_MS + PUNCH_REST_MS / 4);
    assert_true(town_linked(town, A, D));
    town_free(town);
}

/* ---- As B. ---- */

static struct tally_bytes word(unsigned role, const struct tally_key *key,
                               const struct tally_address *address, uint64_t token, uint8_t *body)
{
    struct tally_punch punch = {.role = (uint8_t)role, .key = *key};
    uint8_t packed[18];
    struct wire_writer w;
    be64_write(punch.token, token);
    if (address != NULL) {
        memcpy(packed, address->ip, 16);
        be16_write(packed + 16, address->port);
        punch.addresses = bytes_of(packed, sizeof packed);
    }
    wire_writer_init(&w, body, TALLY_PUNCH_SIZE_MAX);
    tally_punch_write(&punch, &w);
    return wire_writer_bytes(&w);
}

static enum tally_drop say(struct town *town, size_t from, size_t to, unsigned role,
                           const struct tally_key *key, const struct tally_address *address,
                           uint64_t token)
{
    uint8_t body[TALLY_PUNCH_SIZE_MAX];
    return town_say(town, from, to, TALLY_KIND_PUNCH, word(role, key, address, token, body));
}

static void an_introducer_knows_both(void **state)
{
    struct town *town = two_behind(NAT_PORT, NAT_PORT, 4);
    struct tally_key nobody = {{9}};
    (void)state;
    town_settle(town, 2);
    assert_int_equal(say(town, A, 0, 0, &nobody, NULL, 1), TALLY_DROP_REFUSED);
    assert_int_equal(say(town, A, 0, 0, &town->nodes[A].key, NULL, 1), TALLY_DROP_SELF);
    assert_int_equal(say(town, A, 0, 0, &town->nodes[0].key, NULL, 1), TALLY_DROP_SELF);
    assert_int_equal(say(town, A, 0, 0, &town->nodes[D].key, NULL, 1), TALLY_DROP_NONE);
    /* One that does not introduce. */
    town->nodes[1].datagrams.reaching.punch.options.serves = false;
    assert_int_equal(say(town, A, 1, 0, &town->nodes[D].key, NULL, 1), TALLY_DROP_REFUSED);
    assert_int_equal(town_say(town, A, 0, TALLY_KIND_PUNCH, bytes_of("\x95\x00", 2)),
                     TALLY_DROP_MALFORMED);
    town_free(town);
}

static void a_flood_of_wishes_is_bounded(void **state)
{
    struct town *town = two_behind(NAT_PORT, NAT_PORT, 4);
    unsigned taken = 0, busy = 0;
    (void)state;
    town_settle(town, 2);
    uint64_t before = town->sent[0];
    for (unsigned i = 0; i < 5000; i++) {
        enum tally_drop drop = say(town, A, 0, 0, &town->nodes[D].key, NULL, i);
        taken += drop == TALLY_DROP_NONE;
        busy += drop == TALLY_DROP_BUSY;
        if (i % 100 == 99)
            town_run(town, 1000);
    }
    /* 50 seconds: six at once, then one in ten seconds; two words each. */
    assert_in_range(taken, 6, 11);
    assert_int_equal(taken + busy, 5000);
    assert_true(town->sent[0] - before < 200);
    town_free(town);
}

static void who_is_seen_inside_is_not_introduced_outside(void **state)
{
    /* 2 is in the same LAN as A, and has met D: it sees A at its inner address. */
    struct town *town = two_behind(NAT_PORT, NAT_PORT, 4);
    (void)state;
    town_behind(town, 2, 0, NAT_PORT);
    for (size_t i = 2; i < 5; i++)
        town_introduce(town, i, 0);
    town_run(town, 5000);
    town_introduce(town, 2, D);
    assert_true(peers_configure(&town->nodes[A].datagrams.peers, &town->nodes[2].key,
                                &town->nodes[2].address, town->now));
    town_run(town, 10000);
    assert_true(town_linked(town, A, 2));
    assert_true(town_linked(town, 2, D));
    assert_int_equal(say(town, A, 2, 0, &town->nodes[D].key, NULL, 8), TALLY_DROP_SCOPE);
    assert_int_equal(say(town, D, 2, 0, &town->nodes[A].key, NULL, 9), TALLY_DROP_SCOPE);
    assert_int_equal(town->private, 0);
    town_free(town);
}

/* ---- Liars. ---- */

static void ten_thousand_victims_get_three_packets_each(void **state)
{
    struct town *town = two_behind(NAT_PORT, NAT_PORT, 4);
    unsigned taken = 0;
    (void)state;
    town_settle(town, 2);
    for (size_t i = 0; i < 10000; i++) {
        /* Three liars, in turn, ten lies a second, each of another node. */
        struct tally_address victim = town_victim(i);
        struct tally_key key = {{1}};
        be64_write(key.bytes + 8, i);
        taken += say(town, i % 3, D, 1, &key, &victim, i) == TALLY_DROP_NONE;
        town_run(town, 100);
    }
    unsigned hit = 0, packets = 0;
    for (size_t i = 0; i < 10000; i++) {
        assert_true(town->victims[i] <= 3);
        hit += town->victims[i] > 0;
        packets += town->victims[i];
    }
    assert_true(hit > 0);
    assert_int_equal(hit, taken);
    /* A thousand seconds, ten a minute at the most. */
    assert_true(packets <= 3 * (1000 / 6 + 10));
    assert_true(town_drops(town, D, TALLY_DROP_BUSY) > 9000);
    town_free(town);
}

static void one_victim_again_and_again_gets_three_in_ten_minutes(void **state)
{
    struct town *town = two_behind(NAT_PORT, NAT_PORT, 4);
    struct tally_address victim = town_victim(0);
    (void)state;
    town_settle(town, 2);
    for (size_t i = 0; i < 590; i++) {
        struct tally_key key = {{1}};
        be64_write(key.bytes + 8, i);
        (void)say(town, i % 3, D, 1, &key, &victim, i);
        town_run(town, 1000);
    }
    assert_int_equal(town->victims[0], 3);
    town_free(town);
}

/* The hook of a B that answers each wish with a victim. */
static bool aim_at_victim(struct town *town, size_t from, struct town_packet *packet)
{
    size_t *next = town->context;
    if (from > 2 || packet->bytes[2] != TALLY_KIND_PUNCH)
        return true;
    (void)packet;
    struct tally_address victim = town_victim((*next)++);
    uint8_t body[TALLY_PUNCH_SIZE_MAX];
    /* It cannot change what another said, but it can say what it likes. */
    struct tally_action action;
    struct town_node *node = &town->nodes[from];
    struct outbox mine;
    static struct tally_action actions[4];
    static uint8_t arena[4 * TALLY_DATAGRAM_MAX];
    struct parcel parcel;
    const struct punch_attempt *attempt =
        &town->nodes[A].datagrams.reaching.punch.tables->attempts[PUNCH_MAX - 1];
    outbox_init(&mine, actions, 4, arena, sizeof arena);
    parcel_make(&node->datagrams.peers, TALLY_KIND_PUNCH,
                word(1, &town->nodes[D].key, &victim, be64_read(attempt->token), body), true,
                &parcel);
    peers_send(&node->datagrams.peers, town_peer(town, from, A), &parcel, &mine);
    if (!outbox_next(&mine, &action))
        return false;
    packet->to = action.send.to;
    packet->size = action.send.bytes.size;
    memcpy(packet->bytes, action.send.bytes.data, packet->size);
    return true;
}

static void an_introducer_that_lies_aims_nobody_for_long(void **state)
{
    struct town *town = two_behind(NAT_PORT, NAT_PORT, 6);
    size_t next = 0;
    (void)state;
    town_settle(town, 2);
    town->hook = aim_at_victim;
    town->context = &next;
    town_introduce(town, A, D);
    town_run(town, 600000);
    assert_true(next > 0);
    unsigned packets = 0;
    for (size_t i = 0; i < next; i++) {
        assert_true(town->victims[i] <= 3);
        packets += town->victims[i];
    }
    assert_in_range(packets, 1, 9);
    assert_false(town_linked(town, A, D));
    town_free(town);
}

static void lies_about_addresses_cost_standing(void **state)
{
    static const struct {
        uint8_t ip[4];
        uint16_t port;
        enum tally_drop drop;
        bool judged;
    } rows[] = {
        {{10, 1, 0, 9}, 4001, TALLY_DROP_SCOPE, true},
        {{192, 168, 0, 1}, 80, TALLY_DROP_SCOPE, true},
        {{127, 0, 0, 1}, 4001, TALLY_DROP_SCOPE, true},
        {{224, 0, 0, 251}, 5353, TALLY_DROP_SCOPE, true},
        {{60, 0, 0, 1}, 22, TALLY_DROP_SCOPE, false},
        {{60, 0, 0, 1}, 0, TALLY_DROP_SCOPE, true},
        {{60, 0, 0, 1}, 443, TALLY_DROP_NONE, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct town *town = two_behind(NAT_PORT, NAT_PORT, 6);
        struct tally_key key = {{7}};
        struct tally_address address = {{[10] = 0xff, [11] = 0xff}, rows[i].port};
        memcpy(address.ip + 12, rows[i].ip, 4);
        town_settle(town, 2);
        assert_int_equal(say(town, 0, D, 1, &key, &address, 1), rows[i].drop);
        assert_int_equal(peer_standing(town_peer(town, D, 0)) < 0, rows[i].judged);
        town_run(town, 5000);
        assert_int_equal(town->private, 0);
        town_free(town);
    }
}

static void what_is_no_wish_is_not_granted(void **state)
{
    struct town *town = two_behind(NAT_PORT, NAT_PORT, 6);
    struct tally_address victim = town_victim(1);
    (void)state;
    town_settle(town, 2);
    /* Of ourselves, of who says it, of one we have a link with. */
    assert_int_equal(say(town, 0, D, 1, &town->nodes[D].key, &victim, 1), TALLY_DROP_SELF);
    assert_int_equal(say(town, 0, D, 1, &town->nodes[0].key, &victim, 1), TALLY_DROP_SELF);
    assert_int_equal(say(town, 0, D, 1, &town->nodes[1].key, &victim, 1), TALLY_DROP_SEEN);
    /* «Symmetric» of nothing that we asked or handed on. */
    assert_int_equal(say(town, 0, D, 2, &town->nodes[A].key, NULL, 1), TALLY_DROP_UNASKED);
    town_run(town, 5000);
    assert_int_equal(town->victims[1], 0);
    town_free(town);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nineteen_of_twenty_cones_meet_at_the_first_try),
        cmocka_unit_test(what_maps_by_destination_meets_who_looks_at_addresses_only),
        cmocka_unit_test(symmetric_ones_do_not_and_both_can_say_why),
        cmocka_unit_test(the_link_is_marked_and_lives_on),
        cmocka_unit_test(both_want_each_other_and_get_one_link),
        cmocka_unit_test(who_asks_says_what_the_link_is_for),
        cmocka_unit_test(without_a_common_peer_it_says_so),
        cmocka_unit_test(an_introducer_knows_both),
        cmocka_unit_test(a_flood_of_wishes_is_bounded),
        cmocka_unit_test(who_is_seen_inside_is_not_introduced_outside),
        cmocka_unit_test(ten_thousand_victims_get_three_packets_each),
        cmocka_unit_test(one_victim_again_and_again_gets_three_in_ten_minutes),
        cmocka_unit_test(an_introducer_that_lies_aims_nobody_for_long),
        cmocka_unit_test(lies_about_addresses_cost_standing),
        cmocka_unit_test(what_is_no_wish_is_not_granted),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("punch", tests, NULL, NULL);
}
