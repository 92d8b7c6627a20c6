/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions about the network, each shown to be so and not to be so; whom operators name; birth
   and death as stories tell them. */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "disk_inside.h"
#include "expect.h"
#include "memory.h"
#include "stand_in.h"
#include <stdio.h>

enum { A, B, C, D, NODES };

static struct world world;

/* What stand-ins were told. */
static struct {
    unsigned peers, bootstraps, domains, stops, links;
    struct tally_address bootstrap;
} told[NODES];

static void react(uint32_t slot, const struct tally_event *event)
{
    told[slot].links += event->kind == TALLY_EVENT_LINKS;
    if (event->kind != TALLY_EVENT_COMMAND)
        return;
    const struct tally_command *command = &event->command;
    told[slot].peers += command->kind == TALLY_COMMAND_PEER;
    told[slot].bootstraps += command->kind == TALLY_COMMAND_BOOTSTRAP;
    told[slot].domains += command->kind == TALLY_COMMAND_DOMAIN;
    told[slot].stops += command->kind == TALLY_COMMAND_STOP;
    if (command->kind == TALLY_COMMAND_BOOTSTRAP)
        told[slot].bootstrap = command->bootstrap.address;
}

static int set_up(void **state)
{
    stand_in_reset();
    memset(told, 0, sizeof told);
    stand_in_world(&world, NODES);
    stand_in.react = react;
    stand_in.world = &world;
    return 0;
}

static int tear_down(void **state)
{
    if (world.checker.broken)
        fail_msg("%s", world.checker.message);
    world_free(&world);
    return 0;
}

/* Whether it is so, and the other way round with `not`; and the sentence if it is not so. */
static bool is(struct line line, const char *sentence)
{
    char why[200];
    struct excuses excuses;
    bool so = expect_is(&world, &line, &excuses, why, sizeof why);
    if (!so)
        assert_string_equal(why, sentence);
    if (line.who.from == line.who.to) {
        line.negated = true;
        assert_int_equal(expect_is(&world, &line, &excuses, why, sizeof why), so);
    }
    return so;
}

static struct line condition(enum condition condition, uint32_t from, uint32_t to)
{
    return (struct line){.condition = condition, .who = {from, to}, .other = {B, B}};
}

static void link_both(uint32_t a, uint32_t b, bool linked)
{
    stand_in.linked[a][b] = stand_in.linked[b][a] = linked;
}

static void linked_is_what_both_say(void **state)
{
    assert_false(is(condition(CONDITION_LINKED, A, A), "n1 and n2 are not linked"));
    stand_in.linked[A][B] = true;
    assert_false(is(condition(CONDITION_LINKED, A, A), "n1 and n2 are not linked"));
    stand_in.linked[B][A] = true;
    assert_true(is(condition(CONDITION_LINKED, A, A), ""));
    assert_false(is(condition(CONDITION_LINKED, A, C), "n3 and n2 are not linked"));
    link_both(B, C, true);
    assert_true(is(condition(CONDITION_LINKED, A, C), ""));
    world_crash(&world, B);
    assert_false(is(condition(CONDITION_LINKED, A, A), "n1 and n2 are not linked"));
}

static void who_is_gone_is_detected_when_nobody_takes_it_for_linked(void **state)
{
    link_both(A, B, true);
    world_crash(&world, B);
    assert_false(is(condition(CONDITION_DETECTED, B, B), "n1 takes n2 for linked"));
    world.slots[A].lie = LIE_SILENT; /* What a liar says does not count. */
    assert_true(is(condition(CONDITION_DETECTED, B, B), ""));
    world.slots[A].lie = LIE_NONE;
    stand_in.linked[A][B] = false;
    assert_true(is(condition(CONDITION_DETECTED, B, B), ""));
}

static void reached_is_by_what_was_not_asked_for(void **state)
{
    const struct tally_address to = network_address(B);
    char why[100];
    const struct lan_box box = {.nat = {.type = NAT_FULL}};
    static const uint8_t bytes[20];
    assert_true(lan_nat(&world, (struct range){A, A}, &box, why, sizeof why));
    network_send(&world, A, &to, bytes_of(bytes, sizeof bytes));
    const struct tally_address outer = lan_outer_address(&world, A);
    assert_true(stand_in_run(&world, 100));
    network_send(&world, B, &outer, bytes_of(bytes, sizeof bytes));
    assert_true(stand_in_run(&world, 100));
    assert_false(is(condition(CONDITION_REACHED, A, A), "n1 was not reached"));
    network_send(&world, C, &outer, bytes_of(bytes, sizeof bytes));
    assert_true(stand_in_run(&world, 100));
    assert_true(is(condition(CONDITION_REACHED, A, A), ""));
    world_restart(&world, A);
    assert_false(is(condition(CONDITION_REACHED, A, A), "n1 was not reached"));
}

static void or_by_a_link_with_whom_nobody_named(void **state)
{
    static const uint32_t named[] = {B};
    service_domain(&world, "mesh.example", named, 1, false, false);
    link_both(A, B, true);
    assert_false(is(condition(CONDITION_REACHED, A, A), "n1 was not reached"));
    link_both(A, C, true);
    assert_true(is(condition(CONDITION_REACHED, A, A), ""));
    char why[100]; /* Neighbours do not count. */
    assert_true(lan_segment(&world, (struct range){C, D}, why, sizeof why));
    link_both(C, A, false);
    link_both(C, D, true);
    assert_false(is(condition(CONDITION_REACHED, C, C), "n3 was not reached"));
}

static void send_some(uint32_t slot, const struct tally_event *event)
{
    static const uint8_t bytes[172];
    if (slot == A && event->kind == TALLY_EVENT_TICK)
        stand_in_send(A, B, bytes_of(bytes, sizeof bytes));
}

static void traffic_is_what_was_sent_of_late(void **state)
{
    const struct tally_address to = network_address(B);
    checker_configured(&world.checker, A, &to);
    stand_in.react = send_some;
    for (unsigned second = 0; second < 100; second++) {
        for (unsigned i = 0; i < 10; i++) /* Each is 172 bytes, and 28 of headers. */
            stand_in_poke(&world, A);
        assert_true(stand_in_run(&world, 1000));
    }
    struct line line = condition(CONDITION_TRAFFIC, A, A);
    line.count = 2050;
    assert_true(is(line, ""));
    line.count = 1000;
    assert_false(is(line, "n1 sent 1995 bytes a second"));
    line.who = (struct range){B, B};
    assert_true(is(line, ""));
}

/* A receipt more in a log of that node's, which is not sealed. */
static void pend(uint32_t slot, const char *name_space, const char *type)
{
    struct disk *disk = &world.slots[slot].disk;
    const struct tally_crypto crypto = signer_window(&world.slots[slot].signer);
    char origin[TALLY_ORIGIN_MAX + 1];
    struct tally_log_id id = {
        .issuer = disk->key, .origin = origin, .name_space = name_space, .own = true};
    tally_origin_write(&disk->key, bytes_text(name_space), origin);
    tally_origin_hash(bytes_text(origin), &id.origin_hash);
    struct disk_log *log = disk_find(disk, &id.origin_hash);
    if (log == NULL)
        log = disk_log_new(disk, &id);
    struct tally_receipt receipt = {.issuer = disk->key,
                                    .name_space = bytes_text(name_space),
                                    .sequence = simtree_size(&log->tree),
                                    .type = bytes_text(type)};
    uint8_t envelope[TALLY_ENVELOPE_MAX];
    size_t size = tally_receipt_write(&receipt, &crypto, envelope);
    disk_log_append(log, bytes_of(envelope, size), bytes_of(NULL, 0), true);
}

static void converged_is_all_sealed_that_somebody_waits_for(void **state)
{
    static const struct line all = {.condition = CONDITION_CONVERGED};
    for (uint32_t slot = B; slot < NODES; slot++)
        link_both(A, slot, true);
    assert_true(is(all, ""));
    pend(A, TALLY_STATEMENTS, "SYNC_EVENT");
    pend(A, TALLY_STATEMENTS, "SYNC_CONFIRMED");
    assert_true(is(all, ""));
    pend(A, TALLY_STATEMENTS, "fed_admit");
    pend(A, TALLY_STATEMENTS, "SYNC_EVENT");
    assert_false(is(all, "n1 has receipts of n1/federation that are not sealed"));
    world_crash(&world, A);
    for (uint32_t slot = C; slot < NODES; slot++)
        link_both(B, slot, true);
    assert_true(is(all, ""));
    pend(B, "audit", "SYNC_EVENT"); /* Of a user's, whatever it is called. */
    assert_false(is(all, "n2 has receipts of n2/audit that are not sealed"));
}

static void operators_name_peers_or_bootstraps_or_domains(void **state)
{
    static const uint32_t named[] = {C};
    world.options.peers_max = 8;
    world_restart(&world, A);
    assert_int_equal(told[A].peers, NODES - 1);
    assert_true(world_told(&world, A, B));
    char why[100];
    const struct lan_box box = {.nat = {.type = NAT_FULL}};
    assert_true(lan_nat(&world, (struct range){C, D}, &box, why, sizeof why));
    world.bootstraps = memory_copy(named, sizeof named);
    world.bootstrap_count = 1;
    memset(told, 0, sizeof told);
    for (uint32_t slot = A; slot < NODES; slot++)
        world_restart(&world, slot);
    for (uint32_t slot = A; slot < NODES; slot++) {
        assert_int_equal(told[slot].peers, 0);
        assert_int_equal(told[slot].bootstraps, slot == C ? 0 : 1);
    }
    /* Each by the address it would be found at from there. */
    struct tally_address near = world.slots[C].own, far = lan_outer_address(&world, C);
    assert_true(address_equal(&told[D].bootstrap, &near));
    assert_true(address_equal(&told[A].bootstrap, &far));
    assert_true(world_told(&world, A, C));
    assert_false(world_told(&world, A, B));
    static const uint32_t listed[] = {A, B};
    service_domain(&world, "mesh.example", listed, 2, false, false);
    world_restart(&world, A);
    world_restart(&world, D);
    assert_int_equal(told[A].domains, 0);
    assert_int_equal(told[D].domains, 1);
    assert_true(world_told(&world, D, A));
    assert_false(world_told(&world, A, B));
}

/* All are told of all, none moves, and nothing was ever written. */
static uint32_t converged_but_for(enum excuse excuse)
{
    struct excuses excuses;
    char why[200];
    const struct line line = {.condition = CONDITION_CONVERGED};
    if (!expect_is(&world, &line, &excuses, why, sizeof why))
        return UINT32_MAX;
    assert_int_equal(excuses_all(&excuses), excuses.count[excuse]);
    return excuses.count[excuse];
}

static void a_mesh_that_never_links_again_did_not_converge(void **state)
{
    const struct line line = {.condition = CONDITION_CONVERGED};
    world.options.peers_max = NODES;
    for (uint32_t slot = A; slot < NODES; slot++)
        world_restart(&world, slot);
    assert_false(is(line, "n1 and n2 do not hang together by links, and nothing is between them"));
    link_both(A, B, true);
    link_both(C, D, true);
    assert_false(is(line, "n1 and n3 do not hang together by links, and nothing is between them"));
    stand_in.linked[A][C] = true; /* One side alone says so. */
    assert_int_equal(converged_but_for(EXCUSE_DOWN), UINT32_MAX);
    link_both(A, C, true);
    assert_int_equal(converged_but_for(EXCUSE_DOWN), 0);
}

static void who_is_left_out_is_excused_for_a_cause_that_is_counted(void **state)
{
    char why[100];
    const struct lan_box box = {.nat = {.type = NAT_PORT}};
    world.options.peers_max = NODES;
    for (uint32_t slot = A; slot < NODES; slot++)
        world_restart(&world, slot);
    link_both(A, B, true);
    link_both(B, C, true);
    assert_int_equal(converged_but_for(EXCUSE_DOWN), UINT32_MAX); /* D has no excuse. */
    world_suspend(&world, D, 1000000);
    assert_int_equal(converged_but_for(EXCUSE_DOWN), 1);
    world_suspend(&world, D, 0);
    uint32_t islands[NODES] = {[D] = 1};
    world.network.islands = memory_copy(islands, sizeof islands);
    assert_int_equal(converged_but_for(EXCUSE_PARTED), 1);
    network_heal(&world.network);
    assert_true(lan_segment(&world, (struct range){D, D}, why, sizeof why));
    assert_int_equal(converged_but_for(EXCUSE_BOXES), 1); /* Nothing leads out. */
    assert_true(lan_nat(&world, (struct range){D, D}, &box, why, sizeof why));
    assert_int_equal(converged_but_for(EXCUSE_DOWN), UINT32_MAX); /* It can dial the others. */
    for (uint32_t slot = A; slot < D; slot++) { /* Each behind a box of its own. */
        assert_true(lan_nat(&world, (struct range){slot, slot}, &box, why, sizeof why));
        assert_int_equal(converged_but_for(EXCUSE_BOXES), slot == C ? 1 : UINT32_MAX);
    }
    world.options.peers_max = 0;
    for (uint32_t slot = A; slot < NODES; slot++)
        assert_true(
            lan_nat(&world, (struct range){slot, slot}, &(struct lan_box){0}, why, sizeof why));
    assert_int_equal(converged_but_for(EXCUSE_UNTOLD), 1);
    world_crash(&world, D);
    assert_int_equal(converged_but_for(EXCUSE_DOWN), 1);
    world.slots[D].lie = LIE_SILENT; /* A liar's links are nobody's business. */
    assert_int_equal(converged_but_for(EXCUSE_DOWN), 0);
}

static void who_leaves_says_so(void **state)
{
    world_leave(&world, A);
    assert_int_equal(told[A].stops, 1);
    assert_null(world.slots[A].node);
    world_leave(&world, A); /* It is gone already. */
    assert_int_equal(told[A].stops, 1);
    world_wake(&world, A);
    assert_non_null(world.slots[A].node);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(linked_is_what_both_say),
        STORY(who_is_gone_is_detected_when_nobody_takes_it_for_linked),
        STORY(reached_is_by_what_was_not_asked_for),
        STORY(or_by_a_link_with_whom_nobody_named),
        STORY(traffic_is_what_was_sent_of_late),
        STORY(converged_is_all_sealed_that_somebody_waits_for),
        STORY(operators_name_peers_or_bootstraps_or_domains),
        STORY(a_mesh_that_never_links_again_did_not_converge),
        STORY(who_is_left_out_is_excused_for_a_cause_that_is_counted),
        STORY(who_leaves_says_so),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
