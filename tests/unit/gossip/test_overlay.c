/* SPDX-License-Identifier: Apache-2.0 */
/* The overlay in virtual time: how many find together, and stay so when half of them vanish, when
   they were apart, when two ends do not agree. */
#include "crowd.h"

#include "core/base/bytes.h"
#include "core/gossip/overlay_inside.h"

#include "support/cmocka.h"

static struct crowd *crowd_of(uint32_t count, enum tally_profile profile)
{
    const struct crowd_options options = {
        .count = count, .peers_max = 128, .seed = 7, .profile = profile};
    struct crowd *crowd = crowd_new(&options);
    crowd->checked = count <= 128;
    return crowd;
}

/* ---- Many find together. ---- */

static void a_crowd_finds_together_through_one(void **state)
{
    struct crowd *crowd = crowd_of(60, TALLY_PROFILE_AUTO);
    struct crowd_shape shape;
    unsigned chose = 0;
    crowd_come(crowd, 0, 59, 0);
    crowd_run(crowd, 240000);
    crowd_shape(crowd, &shape);
    assert_int_equal(shape.component, 60);
    assert_int_equal(shape.one_sided, 0);
    assert_in_range(shape.least, MESH_LEAST, MESH_WANTED);
    assert_in_range(shape.most, MESH_WANTED, MESH_MOST + 1);
    for (uint32_t i = 0; i < 60; i++) {
        struct mesh_count count;
        mesh_count(crowd_peers(crowd, i), &count);
        chose += count.chosen >= MESH_CHOSEN;
        /* The passive view is full of others, for later. */
        assert_true(crowd->nodes[i].datagrams.overlay.passive.count >= PASSIVE_MAX / 3);
        assert_int_equal(crowd->nodes[i].suspected_wrong, 0);
    }
    /* All but some for whose choice nobody has a place yet, and the first: who it knows came. */
    assert_true(chose >= 50);
    assert_int_equal(crowd->nobody, 0);
    crowd_free(crowd);
}

static void a_mesh_smaller_than_wanted_is_complete_and_at_rest(void **state)
{
    struct crowd *crowd = crowd_of(4, TALLY_PROFILE_AUTO);
    struct crowd_shape shape;
    crowd_come(crowd, 0, 3, 0);
    crowd_run(crowd, 60000);
    crowd_shape(crowd, &shape);
    assert_int_equal(shape.least, 3);
    crowd_forget(crowd);
    crowd_run(crowd, 600000);
    /* Nobody is greeted, and the bootstrap is not asked again and again for others. */
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(crowd->nodes[i].sent[TALLY_KIND_HELLO], 0);
        assert_in_range(crowd->nodes[i].sent[TALLY_KIND_JOIN], 0, 100);
        assert_in_range(crowd->nodes[i].sent[TALLY_KIND_ACTIVATE], 0, 0);
    }
    crowd_free(crowd);
}

static void half_of_a_crowd_vanishes_and_the_rest_hangs_together(void **state)
{
    struct crowd *crowd = crowd_of(300, TALLY_PROFILE_AUTO);
    struct crowd_shape shape;
    crowd_come(crowd, 0, 299, 0);
    crowd_run(crowd, 60000);
    for (uint32_t i = 0; i < 300; i += 2)
        crowd_vanish(crowd, i); /* The one whom all know is gone too. */
    crowd_shape(crowd, &shape);
    assert_true(shape.component >= 147);
    crowd_run(crowd, 60000);
    crowd_shape(crowd, &shape);
    assert_int_equal(shape.up, 150);
    assert_int_equal(shape.component, 150);
    assert_true(shape.least >= MESH_LEAST);
    for (uint32_t i = 1; i < 300; i += 2) {
        assert_int_equal(crowd->nodes[i].suspected_wrong, 0);
        assert_int_equal(crowd->nodes[i].dropped_wrong, 0);
    }
    crowd_free(crowd);
}

static bool islands(struct crowd *crowd, uint32_t from, uint32_t to, unsigned kind)
{
    const bool *split = crowd->context;
    (void)kind;
    return !*split || from % 2 == to % 2;
}

static void two_halves_that_were_apart_for_long_find_each_other(void **state)
{
    static const uint64_t apart_min[] = {1, 30};
    for (size_t i = 0; i < 2; i++) {
        struct crowd *crowd = crowd_of(60, TALLY_PROFILE_AUTO);
        struct crowd_shape shape;
        bool split = false;
        crowd->hook = islands;
        crowd->context = &split;
        crowd_come(crowd, 0, 59, 0);
        crowd_run(crowd, 60000);
        split = true;
        crowd_run(crowd, apart_min[i] * 60000);
        crowd_shape(crowd, &shape);
        assert_int_equal(shape.component, 30);
        assert_true(shape.least >= MESH_LEAST);
        split = false;
        /* The longer it lasted the longer nobody may look; but not longer than that. */
        crowd_run(crowd, apart_min[i] == 1 ? 30000 : 600000);
        crowd_shape(crowd, &shape);
        assert_int_equal(shape.component, 60);
        crowd_free(crowd);
    }
}

static void a_newcomer_wanders_and_is_met(void **state)
{
    struct crowd *crowd = crowd_of(40, TALLY_PROFILE_AUTO);
    crowd_come(crowd, 0, 38, 0);
    crowd_run(crowd, 120000);
    crowd_boot(crowd, 39, 39);
    crowd_bootstrap(crowd, 39, 0);
    crowd_run(crowd, 12000);
    unsigned came = 0;
    const struct peers *peers = crowd_peers(crowd, 39);
    for (size_t i = 0; i < peers->capacity; i++)
        came += peers->list[i].mesh && !peers->list[i].chosen;
    assert_true(peers->links >= MESH_LEAST);
    assert_in_range(came, 1, MESH_MOST - MESH_CHOSEN);
    crowd_free(crowd);
}

static bool lose_prunes(struct crowd *crowd, uint32_t from, uint32_t to, unsigned kind)
{
    return kind != TALLY_KIND_PRUNE && kind != TALLY_KIND_ACTIVATE;
}

/* ---- Two ends that do not agree. ---- */

static void a_heartbeat_on_a_light_link_settles_what_it_is(void **state)
{
    struct crowd *crowd = crowd_of(2, TALLY_PROFILE_STATIC);
    crowd_boot(crowd, 0, 1);
    crowd_configure(crowd, 0, 1);
    crowd_run(crowd, 2000);
    assert_true(crowd_meshed(crowd, 0, 1));
    /* 1 forgets that it is of the mesh, and hears from 0 as before. */
    link_mesh(crowd_peers(crowd, 1), crowd_peer(crowd, 1, 0), false, false, crowd->now);
    crowd_run(crowd, 7000);
    assert_true(crowd_meshed(crowd, 0, 1));
    /* Without a place for it, it says so, and both ends have a light link; whoever is pinned asks
       again, in vain. */
    crowd_peers(crowd, 1)->options.links_max = 0;
    link_mesh(crowd_peers(crowd, 1), crowd_peer(crowd, 1, 0), false, false, crowd->now);
    crowd_forget(crowd);
    crowd_run(crowd, 120000);
    assert_false(crowd_peer(crowd, 0, 1)->mesh || crowd_peer(crowd, 1, 0)->mesh);
    assert_int_equal(crowd_peer(crowd, 0, 1)->link.state, LINK_LINKED);
    assert_in_range(crowd_drops(crowd, 1, TALLY_DROP_REFUSED), 1, 2);
    assert_in_range(crowd->nodes[1].sent[TALLY_KIND_PRUNE], 2, 8);
    crowd_peers(crowd, 1)->options.links_max = TALLY_LINKS_MAX;
    crowd_run(crowd, 240000);
    assert_true(crowd_meshed(crowd, 0, 1));
    crowd_free(crowd);
}

static void a_lost_prune_leaves_no_half_link(void **state)
{
    struct crowd *crowd = crowd_of(2, TALLY_PROFILE_STATIC);
    crowd_boot(crowd, 0, 1);
    crowd_configure(crowd, 0, 1);
    crowd_run(crowd, 2000);
    crowd->hook = lose_prunes;
    crowd_peers(crowd, 1)->options.links_max = 0;
    link_mesh(crowd_peers(crowd, 1), crowd_peer(crowd, 1, 0), false, false, crowd->now);
    /* 0 never hears the prune, nor a heartbeat: so this is no link of the mesh. */
    crowd_run(crowd, OVERLAY_MUTE_MS + 2 * OVERLAY_LOOK_MS);
    assert_false(crowd_peer(crowd, 0, 1)->mesh);
    crowd_free(crowd);
}

struct light_context {
    uint32_t node;
    unsigned told;
};

static bool count_told(struct crowd *crowd, uint32_t from, uint32_t to, unsigned kind)
{
    struct light_context *context = crowd->context;
    bool of_mesh = kind == TALLY_KIND_HEARTBEAT || kind == TALLY_KIND_ANNOUNCE ||
                   kind == TALLY_KIND_RELAY || kind == TALLY_KIND_IHAVE;
    context->told += to == context->node && of_mesh;
    return true;
}

static void a_light_link_is_told_nothing(void **state)
{
    struct crowd *crowd = crowd_of(3, TALLY_PROFILE_STATIC);
    struct light_context context = {.node = 2};
    crowd->context = &context;
    crowd->hook = count_told;
    crowd_boot(crowd, 0, 2);
    crowd_configure(crowd, 0, 1);
    struct peer *peer = peers_take(crowd_peers(crowd, 0), &crowd->nodes[2].key, crowd->now);
    peer_address_add(peer, &crowd->nodes[2].address, TALLY_SOURCE_CONFIGURED, false, crowd->now);
    peers_greet(crowd_peers(crowd, 0), peer, PEER_WANTS_LINK, crowd->now);
    crowd_configure(crowd, 1, 0); /* Something to do. */
    crowd_run(crowd, 2000);
    assert_int_equal(crowd_peer(crowd, 0, 2)->link.state, LINK_LINKED);
    struct head head = {.issuer = crowd->nodes[0].key, .size = 1, .own = true};
    memset(head.origin.bytes, 1, sizeof head.origin.bytes);
    assert_true(datagrams_head(&crowd->nodes[0].datagrams, crowd->now, &head, true));
    crowd_run(crowd, 300000);
    assert_true(crowd_meshed(crowd, 0, 1));
    assert_int_equal(context.told, 0);
    assert_true(crowd->nodes[0].sent[TALLY_KIND_HEARTBEAT] > 12);
    crowd_free(crowd);
}

/* ---- Whom the operator names. ---- */

static void static_nodes_ask_nobody_else(void **state)
{
    struct crowd *crowd = crowd_of(31, TALLY_PROFILE_STATIC);
    crowd_boot(crowd, 0, 30);
    for (uint32_t i = 1; i <= 30; i++)
        crowd_configure(crowd, i, 0);
    crowd_run(crowd, 180000);
    /* The one that all name has more links than it wants, because they have nobody else. */
    for (uint32_t i = 1; i <= 30; i++) {
        assert_true(crowd_meshed(crowd, i, 0));
        assert_int_equal(crowd_peers(crowd, i)->count, 1);
    }
    crowd_run(crowd, 1800000);
    unsigned meshed = 0;
    for (uint32_t i = 0; i <= 30; i++) {
        meshed += i > 0 && crowd_meshed(crowd, i, 0);
        assert_int_equal(crowd->nodes[i].sent[TALLY_KIND_JOIN], 0);
        assert_int_equal(crowd->nodes[i].sent[TALLY_KIND_SHUFFLE], 0);
        assert_int_equal(crowd->nodes[i].datagrams.overlay.passive.count, 0);
    }
    assert_in_range(meshed, 28, 30);
    crowd_free(crowd);
}

static void pinned_peers_keep_their_link_in_a_full_view(void **state)
{
    struct crowd *crowd = crowd_of(40, TALLY_PROFILE_AUTO);
    crowd_come(crowd, 0, 38, 0);
    crowd_run(crowd, 60000);
    uint32_t full = 0;
    while (crowd_peers(crowd, full)->links < MESH_MOST)
        full++;
    crowd_boot(crowd, 39, 39);
    crowd_configure(crowd, 39, full);
    crowd_configure(crowd, full, 39);
    crowd_run(crowd, 5000);
    assert_true(crowd_meshed(crowd, 39, full));
    assert_true(crowd_peers(crowd, full)->links > MESH_MOST);
    crowd_free(crowd);
}

static void an_absent_bootstrap_costs_three_hellos_in_ten_minutes(void **state)
{
    struct crowd *crowd = crowd_of(2, TALLY_PROFILE_AUTO);
    crowd_boot(crowd, 0, 0);
    crowd_bootstrap(crowd, 0, 1);
    for (unsigned i = 0; i < 12; i++) {
        crowd_forget(crowd);
        crowd_bootstrap(crowd, 0, 1); /* Told again by somebody who is eager. */
        crowd_run(crowd, 600000);
        assert_in_range(crowd->nodes[0].sent[TALLY_KIND_HELLO], 0, 3);
    }
    crowd_boot(crowd, 1, 1);
    crowd_run(crowd, 2400000);
    assert_true(crowd_meshed(crowd, 0, 1));
    crowd_free(crowd);
}

static void a_bootstrap_that_was_there_is_greeted_again_soon(void **state)
{
    struct crowd *crowd = crowd_of(2, TALLY_PROFILE_AUTO);
    crowd_come(crowd, 0, 1, 0);
    crowd_run(crowd, 10000);
    assert_true(crowd_meshed(crowd, 1, 0));
    crowd_vanish(crowd, 0);
    /* Until it is missed; then hellos go out after none, one and four minutes, ... */
    while (crowd_peers(crowd, 1)->links > 0)
        crowd_run(crowd, 1000);
    static const struct {
        uint64_t ms;
        uint64_t hellos;
    } spans[] = {{45000, 1}, {45000, 1}, {120000, 0}, {90000, 1}, {600000 - 60000, 0}};
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
        crowd_forget(crowd);
        crowd_run(crowd, spans[i].ms);
        assert_int_equal(crowd->nodes[1].sent[TALLY_KIND_HELLO], spans[i].hellos);
    }
    /* ... and never more than three in ten. */
    for (unsigned i = 0; i < 12; i++) {
        crowd_forget(crowd);
        crowd_run(crowd, 600000);
        assert_in_range(crowd->nodes[1].sent[TALLY_KIND_HELLO], 0, 3);
    }
    crowd_free(crowd);
}

/* Among those who all came at once it has no time for a key exchange, but a cookie for everybody.
 */
static bool no_welcome(struct crowd *crowd, uint32_t from, uint32_t to, unsigned kind)
{
    return kind != TALLY_KIND_WELCOME || crowd->now.mono.ms >= *(const uint64_t *)crowd->context;
}

static void a_bootstrap_that_has_no_time_is_greeted_again_soon(void **state)
{
    struct crowd *crowd = crowd_of(2, TALLY_PROFILE_AUTO);
    uint64_t until = crowd->now.mono.ms + 30000;
    crowd->hook = no_welcome;
    crowd->context = &until;
    crowd_boot(crowd, 0, 1);
    crowd_bootstrap(crowd, 1, 0);
    crowd_run(crowd, 30000);
    assert_false(crowd_meshed(crowd, 1, 0));
    crowd_run(crowd, 120000);
    assert_true(crowd_meshed(crowd, 1, 0));
    /* It never has any: no more is asked of it than of one that is gone. */
    until = UINT64_MAX;
    crowd_vanish(crowd, 1);
    crowd_boot(crowd, 1, 1);
    crowd_bootstrap(crowd, 1, 0);
    crowd_run(crowd, 600000);
    /* Two hellos for each try, three tries; then it rests for ten to twelve minutes. */
    for (unsigned i = 0; i < 3; i++) {
        crowd_forget(crowd);
        crowd_run(crowd, 1200000);
        assert_in_range(crowd->nodes[1].sent[TALLY_KIND_HELLO], 2, 12);
    }
    crowd_free(crowd);
}

/* All who came at once ask on: were each to turn to all there are, none would ever have time. */
static void among_many_who_come_at_once_nobody_asks_all_there_are(void **state)
{
    enum { ALL = 8 };
    struct crowd *crowd = crowd_of(ALL + 1, TALLY_PROFILE_AUTO);
    uint64_t until = crowd->now.mono.ms + 60000;
    crowd->hook = no_welcome;
    crowd->context = &until;
    crowd_boot(crowd, 0, ALL);
    for (uint32_t i = 1; i <= ALL; i++)
        crowd_bootstrap(crowd, 0, i);
    crowd_run(crowd, 20000);
    /* Two at once, one after 4 and one after 8 s more; each twice, with two hellos: to all of them,
       three times each, they would be 48. */
    assert_in_range(crowd->nodes[0].sent[TALLY_KIND_HELLO], 8, 16);
    crowd_run(crowd, 40000);
    assert_in_range(crowd->nodes[0].sent[TALLY_KIND_HELLO], 8, 28);
    crowd_run(crowd, 120000);
    assert_true(crowd_peers(crowd, 0)->links >= 1);
    crowd_free(crowd);
}

/* Whom one knows best would else be greeted by all who come, and have no time either. */
static void who_is_pruned_is_told_of_those_who_came_lately_too(void **state)
{
    enum { KNOWN = 6 };
    struct crowd *crowd = crowd_of(2 + 2 * KNOWN, TALLY_PROFILE_AUTO);
    crowd_come(crowd, 0, 1, 0);
    crowd_run(crowd, 5000);
    struct overlay *overlay = &crowd->nodes[0].datagrams.overlay;
    for (uint32_t i = 2; i < 2 + 2 * KNOWN; i++) {
        bool dialled = i < 2 + KNOWN;
        const struct candidate one = {.key = crowd->nodes[i].key,
                                      .address = crowd->nodes[i].address,
                                      .source = TALLY_SOURCE_LINK,
                                      .came = !dialled,
                                      .heard = crowd->now.mono,
                                      .dialled = {dialled ? crowd->now.mono.ms : 0}};
        assert_non_null(passive_put(&overlay->passive, &one, &overlay->random, crowd->now));
    }
    struct tally_contact contacts[OVERLAY_CONTACTS];
    const struct contacts_wanted pruned = {.passive = 5, .came = OVERLAY_CAME};
    const struct contacts_wanted shuffled = {.passive = 5};
    for (unsigned round = 0; round < 2; round++) {
        unsigned came = 0;
        size_t count =
            contacts_offer(overlay, crowd->now, crowd_peers(crowd, 0), crowd_peer(crowd, 0, 1),
                           round == 0 ? &pruned : &shuffled, contacts);
        assert_int_equal(count, 5);
        for (size_t i = 0; i < count; i++)
            for (uint32_t j = 2 + KNOWN; j < 2 + 2 * KNOWN; j++)
                came += key_equal(&contacts[i].key, &crowd->nodes[j].key);
        assert_int_equal(came, round == 0 ? OVERLAY_CAME : 0);
    }
    crowd_free(crowd);
}

static void of_many_bootstraps_a_few_are_asked_at_a_time(void **state)
{
    enum { MANY = 20 };
    struct crowd *crowd = crowd_of(MANY + 1, TALLY_PROFILE_AUTO);
    crowd_boot(crowd, 0, 0); /* The others are not there. */
    for (uint32_t i = 1; i <= MANY; i++)
        crowd_bootstrap(crowd, 0, i);
    crowd_run(crowd, OVERLAY_ASK_MS - 100);
    assert_int_equal(crowd->nodes[0].sent[TALLY_KIND_HELLO], OVERLAY_BOOTSTRAPS_ASKED);
    /* Each has its turn before long, wherever the one is that lives. */
    crowd_boot(crowd, MANY, MANY);
    crowd_run(crowd, 60000);
    assert_true(crowd_meshed(crowd, 0, MANY));
    crowd_free(crowd);
}

/* ---- Many behind one address. ---- */

enum { OFFICE_PORT = 5000 };

/* Node 0 is a server; the others live behind one box, and know it alone. */
static struct crowd *office_of(uint32_t count)
{
    struct crowd *crowd = crowd_of(count + 1, TALLY_PROFILE_AUTO);
    for (uint32_t i = 1; i <= count; i++) {
        const uint8_t ip4[4] = {77, 7, 7, 7};
        crowd_place(crowd, i, ip4, (uint16_t)(OFFICE_PORT + i));
    }
    crowd->checked = true;
    crowd_come(crowd, 0, count, 0);
    return crowd;
}

static void all_behind_one_address_hear_the_only_server(void **state)
{
    struct crowd *crowd = office_of(5);
    const struct peers *server = crowd_peers(crowd, 0);
    crowd_run(crowd, 60000);
    for (unsigned i = 0; i < 60; i++) {
        assert_int_equal(crowd_links_with(crowd, 0, 1, 5), 5);
        assert_int_equal(server->guests, 5 - MESH_PREFIX);
        crowd_run(crowd, 60000);
    }
    /* One with a place of its own goes, and a guest has it. */
    uint32_t gone = 1;
    while (crowd_peer(crowd, 0, gone)->guest)
        gone++;
    crowd_vanish(crowd, gone);
    crowd_run(crowd, 60000);
    assert_int_equal(crowd_links_with(crowd, 0, 1, 5), 4);
    assert_int_equal(server->guests, 4 - MESH_PREFIX);
    crowd_free(crowd);
}

static void more_than_there_is_room_for_take_turns(void **state)
{
    enum { MANY = 14 };
    struct crowd *crowd = office_of(MANY);
    bool heard[MANY + 1] = {false};
    for (unsigned i = 0; i < 240; i++) {
        crowd_run(crowd, 30000);
        for (uint32_t j = 1; j <= MANY; j++)
            heard[j] = heard[j] || crowd_meshed(crowd, 0, j);
        assert_in_range(crowd_links_with(crowd, 0, 1, MANY), 0, MESH_PREFIX + MESH_GUESTS_NEAR);
    }
    for (uint32_t j = 1; j <= MANY; j++)
        assert_true(heard[j]);
    crowd_free(crowd);
}

/* All in one subnet, which is private, as mDNS finds them. */
static void neighbours_on_a_cable_link_though_they_have_one_prefix(void **state)
{
    struct crowd *crowd = crowd_of(20, TALLY_PROFILE_LAN);
    struct crowd_shape shape;
    for (uint32_t i = 0; i < 20; i++) {
        const uint8_t ip4[4] = {192, 168, 7, (uint8_t)(10 + i)};
        crowd_place(crowd, i, ip4, 4001);
        static struct tally_interface interfaces[20];
        interfaces[i] = (struct tally_interface){
            .index = 1, .address = crowd->nodes[i].address, .prefix_bits = 120};
        address_policy_links(&crowd->nodes[i].policy, &interfaces[i], 1);
        crowd_boot(crowd, i, i);
    }
    for (uint32_t i = 0; i < 20; i++)
        for (uint32_t j = 0; j < 20; j++)
            (void)overlay_found(&crowd->nodes[i].datagrams.overlay, crowd->now,
                                crowd_peers(crowd, i), &crowd->nodes[j].key,
                                &crowd->nodes[j].address, TALLY_SOURCE_MDNS);
    for (uint32_t i = 0; i < 20; i++)
        crowd_wake(crowd, i);
    crowd_run(crowd, 60000);
    crowd_shape(crowd, &shape);
    assert_int_equal(shape.component, 20);
    assert_in_range(shape.least, MESH_WANTED - 1, MESH_MOST);
    assert_in_range(shape.most, MESH_WANTED, MESH_MOST);
    for (uint32_t i = 0; i < 20; i++) {
        /* More than eight stay known; and private addresses are told to nobody. */
        assert_true(crowd->nodes[i].datagrams.overlay.passive.count >= 19 - MESH_MOST);
        assert_int_equal(crowd->nodes[i].sent[TALLY_KIND_SHUFFLE], 0);
        assert_int_equal(crowd_drops(crowd, i, TALLY_DROP_SCOPE), 0);
    }
    crowd_free(crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crowd_finds_together_through_one),
        cmocka_unit_test(a_mesh_smaller_than_wanted_is_complete_and_at_rest),
        cmocka_unit_test(half_of_a_crowd_vanishes_and_the_rest_hangs_together),
        cmocka_unit_test(two_halves_that_were_apart_for_long_find_each_other),
        cmocka_unit_test(a_newcomer_wanders_and_is_met),
        cmocka_unit_test(a_heartbeat_on_a_light_link_settles_what_it_is),
        cmocka_unit_test(a_lost_prune_leaves_no_half_link),
        cmocka_unit_test(a_light_link_is_told_nothing),
        cmocka_unit_test(static_nodes_ask_nobody_else),
        cmocka_unit_test(pinned_peers_keep_their_link_in_a_full_view),
        cmocka_unit_test(an_absent_bootstrap_costs_three_hellos_in_ten_minutes),
        cmocka_unit_test(a_bootstrap_that_was_there_is_greeted_again_soon),
        cmocka_unit_test(a_bootstrap_that_has_no_time_is_greeted_again_soon),
        cmocka_unit_test(among_many_who_come_at_once_nobody_asks_all_there_are),
        cmocka_unit_test(who_is_pruned_is_told_of_those_who_came_lately_too),
        cmocka_unit_test(of_many_bootstraps_a_few_are_asked_at_a_time),
        cmocka_unit_test(all_behind_one_address_hear_the_only_server),
        cmocka_unit_test(more_than_there_is_room_for_take_turns),
        cmocka_unit_test(neighbours_on_a_cable_link_though_they_have_one_prefix),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("overlay", tests, NULL, NULL);
}
