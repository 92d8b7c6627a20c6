/* SPDX-License-Identifier: Apache-2.0 */
/* Heartbeats and announces in virtual time: what peers learn from them, and what liars get. */
#include "mesh.h"

#include "core/base/bytes.h"
#include "core/base/random.h"

#include "support/cmocka.h"

static struct mesh *linked_mesh(size_t count)
{
    /* A line: 0 - 1 - 2 - 3. */
    struct mesh *mesh = mesh_new(count);
    for (size_t i = 0; i + 1 < count; i++)
        mesh_introduce(mesh, i, i + 1);
    mesh_run(mesh, 3000);
    for (size_t i = 0; i + 1 < count; i++)
        assert_true(mesh_linked(mesh, i, i + 1));
    return mesh;
}

static uint64_t drops(const struct mesh *mesh, size_t node, enum tally_drop drop)
{
    return mesh->nodes[node].datagrams.drops[drop];
}

static unsigned kind_of(const struct mesh_packet *packet)
{
    return packet->bytes[2];
}

/* ---- Heartbeats. ---- */

static void equal_sets_cost_nothing_and_a_difference_shows(void **state)
{
    struct mesh *mesh = linked_mesh(2);
    mesh_seal(mesh, 0, "audit", 100, 1);
    mesh_hold(mesh, 1, 0, "audit", 100, 1);
    mesh_run(mesh, 10000);
    const struct heartbeat_news *news = &mesh->nodes[1].heartbeat;
    assert_int_equal(news->log_count, 1);
    assert_int_equal(news->logs[0].relation, HEAD_SAME);
    assert_int_equal(news->set_count, 1);
    assert_true(news->sets[0].known);
    assert_false(news->sets[0].differs);

    mesh_seal(mesh, 0, "audit", 150, 1);
    mesh_run(mesh, 10000);
    assert_int_equal(news->logs[0].relation, HEAD_AHEAD);
    assert_int_equal(news->logs[0].size, 150);
    assert_int_equal(news->logs[0].ours->size, 100);
    assert_true(news->sets[0].differs);

    /* And the other way round: 0 sees that 1 does not hold the same. */
    assert_true(mesh->nodes[0].heartbeat.sets[0].differs);
    mesh_hold(mesh, 1, 0, "audit", 150, 1);
    mesh_run(mesh, 10000);
    assert_false(mesh->nodes[0].heartbeat.sets[0].differs);
    assert_false(news->sets[0].differs);
    mesh_free(mesh);
}

static void a_log_we_do_not_know_is_ahead(void **state)
{
    struct mesh *mesh = linked_mesh(2);
    struct head head = mesh_seal(mesh, 0, "audit", 7, 1);
    mesh_run(mesh, 10000);
    const struct heartbeat_news *news = &mesh->nodes[1].heartbeat;
    assert_int_equal(news->logs[0].relation, HEAD_AHEAD);
    assert_null(news->logs[0].ours);
    assert_memory_equal(news->logs[0].hint, head.origin.bytes, HEADS_HINT);
    assert_false(news->sets[0].known);
    assert_true(news->sets[0].differs);
    mesh_free(mesh);
}

static void all_logs_take_their_turn_and_changed_ones_come_first(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    struct mesh *mesh = linked_mesh(2);
    for (size_t i = 0; i < 8; i++)
        mesh_seal(mesh, 0, names[i], 10 + i, 1);
    uint64_t heard = 0, changed = 0;
    for (unsigned second = 0; second < 40; second++) {
        unsigned before = mesh->nodes[1].heartbeats;
        if (second == 20)
            mesh_seal(mesh, 0, "h", 1000, 1);
        mesh_run(mesh, 1000);
        const struct heartbeat_news *news = &mesh->nodes[1].heartbeat;
        if (mesh->nodes[1].heartbeats == before)
            continue;
        assert_int_equal(news->log_count, HEARTBEAT_LOGS);
        for (size_t i = 0; i < news->log_count; i++)
            if (news->logs[i].size < 18)
                heard |= UINT64_C(1) << (news->logs[i].size - 10);
        if (second >= 20 && changed == 0) {
            changed = news->logs[0].size;
            assert_int_equal(changed, 1000);
        }
    }
    assert_int_equal(heard, 0xff);
    mesh_free(mesh);
}

static void a_size_that_goes_back_is_a_regression(void **state)
{
    struct mesh *mesh = linked_mesh(2);
    mesh_seal(mesh, 0, "audit", 100, 1);
    mesh_hold(mesh, 1, 0, "audit", 50, 1);
    mesh_run(mesh, 10000);
    const struct heartbeat_log *log = &mesh->nodes[1].heartbeat.logs[0];
    assert_int_equal(log->relation, HEAD_AHEAD);
    assert_false(log->regression);
    /* The issuer comes back from an old backup: ahead of what we hold, below what it told. */
    mesh_restart(mesh, 0);
    mesh_seal(mesh, 0, "audit", 70, 1);
    mesh_introduce(mesh, 0, 1);
    mesh_run(mesh, 10000);
    assert_int_equal(log->relation, HEAD_AHEAD);
    assert_true(log->regression);
    mesh_free(mesh);
}

static void one_size_with_two_roots_is_a_split(void **state)
{
    struct mesh *mesh = linked_mesh(2);
    mesh_seal(mesh, 0, "audit", 100, 1);
    mesh_hold(mesh, 1, 0, "audit", 100, 2);
    mesh_run(mesh, 10000);
    assert_int_equal(mesh->nodes[1].heartbeat.logs[0].relation, HEAD_SPLIT);
    mesh_free(mesh);
}

static void audits_show_a_split_view_among_third_parties(void **state)
{
    /* 0 showed one branch to 1 and another to 2, which never hear of 0 again. */
    struct mesh *mesh = mesh_new(3);
    mesh_introduce(mesh, 1, 2);
    mesh_hold(mesh, 1, 0, "audit", 100, 1);
    mesh_hold(mesh, 2, 0, "audit", 100, 2);
    mesh_run(mesh, 12000);
    for (size_t n = 1; n < 3; n++) {
        const struct heartbeat_audit *audit = &mesh->nodes[n].heartbeat.audit;
        assert_true(audit->any);
        assert_int_equal(audit->relation, HEAD_SPLIT);
        assert_int_equal(audit->size, 100);
        assert_int_equal(audit->ours->size, 100);
    }
    mesh_free(mesh);
}

static void yours_guards_a_restored_node(void **state)
{
    struct mesh *mesh = mesh_new(2);
    mesh_seal(mesh, 0, "audit", 60, 1);
    mesh_hold(mesh, 1, 0, "audit", 100, 1);
    mesh_hold(mesh, 1, 0, "forgotten", 5, 1);
    mesh_hold(mesh, 1, 1, "other", 500, 1);
    mesh_introduce(mesh, 0, 1);
    mesh_run(mesh, 200);
    const struct yours_news *news = &mesh->nodes[0].yours;
    assert_int_equal(news->count, 2);
    assert_int_equal(news->logs[0].relation, HEAD_AHEAD);
    assert_int_equal(news->logs[0].size, 100);
    assert_int_equal(news->logs[0].ours->size, 60);
    assert_null(news->logs[1].ours);
    assert_int_equal(mesh->nodes[1].yours.count, 0);
    mesh_free(mesh);
}

/* ---- Announces. ---- */

static void an_announce_reaches_everyone_once(void **state)
{
    struct mesh *mesh = linked_mesh(4);
    mesh_seal(mesh, 0, "audit", 100, 1);
    mesh_run(mesh, 100);
    for (size_t n = 1; n < 4; n++) {
        const struct mesh_node *node = &mesh->nodes[n];
        assert_int_equal(node->announces, 1);
        assert_int_equal(node->announce.relation, HEAD_AHEAD);
        assert_int_equal(node->announce.size, 100);
        assert_null(node->announce.ours);
        assert_true(key_equal(&node->announce.issuer, &mesh->nodes[0].key));
    }
    /* In a circle the copies meet: each counts once, and the flood ends. */
    mesh_introduce(mesh, 3, 0);
    mesh_run(mesh, 3000);
    mesh_seal(mesh, 0, "audit", 200, 1);
    mesh_run(mesh, 3000);
    uint64_t seen = 0;
    for (size_t n = 0; n < 4; n++) {
        seen += drops(mesh, n, TALLY_DROP_SEEN);
        assert_int_equal(mesh->nodes[n].announces, n == 0 ? 0 : 2);
    }
    assert_in_range(seen, 1, 3);
    mesh_free(mesh);
}

static void announces_are_joined_to_one_in_two_seconds(void **state)
{
    struct mesh *mesh = linked_mesh(2);
    for (uint64_t i = 1; i <= 100; i++) {
        mesh_seal(mesh, 0, "audit", i, 1);
        mesh_run(mesh, 100);
    }
    mesh_run(mesh, 3000);
    assert_in_range(mesh->nodes[1].announces, 5, 7);
    assert_int_equal(mesh->nodes[1].announce.size, 100);
    mesh_free(mesh);
}

static void an_announce_is_compared_with_what_we_hold(void **state)
{
    static const struct {
        uint64_t held, told;
        uint8_t branch;
        enum tally_drop drop;
        enum head_relation relation;
    } cases[] = {
        {50, 100, 1, TALLY_DROP_NONE, HEAD_AHEAD},
        {100, 100, 1, TALLY_DROP_NONE, HEAD_SAME}, /* No news here, but it goes on. */
        {150, 100, 1, TALLY_DROP_STALE, HEAD_BEHIND},
        {100, 100, 2, TALLY_DROP_NONE, HEAD_SPLIT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mesh *mesh = linked_mesh(2);
        mesh_hold(mesh, 1, 0, "audit", cases[i].held, 1);
        mesh_seal(mesh, 0, "audit", cases[i].told, cases[i].branch);
        unsigned verifies = mesh->nodes[1].verifies;
        mesh_run(mesh, 100);
        if (cases[i].drop != TALLY_DROP_NONE) {
            assert_int_equal(drops(mesh, 1, cases[i].drop), 1);
            assert_int_equal(mesh->nodes[1].verifies, verifies);
        } else {
            assert_int_equal(mesh->nodes[1].announces, 1);
            assert_int_equal(mesh->nodes[1].announce.relation, cases[i].relation);
            assert_true(mesh->nodes[1].announce.note.size > 0);
        }
        mesh_free(mesh);
    }
}

static void nobody_announces_the_log_of_another(void **state)
{
    struct mesh *mesh = linked_mesh(3);
    /* 1 has a good checkpoint of 0, and says it is its own. */
    mesh_hold(mesh, 1, 0, "audit", 100, 1);
    struct heads *heads = &mesh->nodes[1].datagrams.heads;
    heads->list[0].own = true;
    heads->list[0].announced = 0;
    announce_sealed(&mesh->nodes[1].datagrams.announce, &heads->list[0], mesh->now);
    mesh_run(mesh, 1000);
    assert_int_equal(drops(mesh, 2, TALLY_DROP_KEY), 1);
    assert_int_equal(mesh->nodes[2].announces, 0);
    mesh_free(mesh);
}

static void a_log_stands_in_its_own_namespace_only(void **state)
{
    struct mesh *mesh = linked_mesh(2);
    /* The tag of another mesh's namespace, under a good signature. */
    mesh->nodes[0].datagrams.peers.options.network[0] ^= 1;
    mesh_seal(mesh, 0, "audit", 100, 1);
    mesh_run(mesh, 1000);
    assert_int_equal(drops(mesh, 1, TALLY_DROP_KEY), 1);
    assert_int_equal(mesh->nodes[1].announces, 0);
    mesh_free(mesh);
}

/* ---- Liars with good keys. ---- */

static void bad_sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    memset(signature, 0x55, sizeof *signature);
}

static void a_bad_signature_behind_a_good_tag_ends_the_link(void **state)
{
    struct mesh *mesh = linked_mesh(3);
    mesh->nodes[0].datagrams.peers.options.crypto.sign = bad_sign;
    mesh_run(mesh, 40000);
    assert_true(drops(mesh, 1, TALLY_DROP_FORGED) >= 1);
    assert_false(mesh_linked(mesh, 0, 1));
    assert_true(peer_barred(mesh_peer(mesh, 1, 0), mesh->now));
    assert_true(drops(mesh, 1, TALLY_DROP_REFUSED) >= 1);
    /* The honest ones stay together. */
    assert_true(mesh_linked(mesh, 1, 2));
    /* Half an hour later it may try again. */
    mesh->nodes[0].datagrams.peers.options.crypto.sign =
        mesh->nodes[0].datagrams.verifier.crypto.sign;
    mesh_run(mesh, PEERS_BAR_MS + 80000);
    assert_true(mesh_linked(mesh, 0, 1));
    mesh_free(mesh);
}

static void a_wrong_clock_is_told_and_the_future_refused(void **state)
{
    static const struct {
        int64_t offset_s;
        bool taken;
    } cases[] = {{-36000, true}, {-10, true},  {10, true},
                 {299, true},    {301, false}, {36000, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mesh *mesh = mesh_new(2);
        mesh->nodes[0].clock_us = cases[i].offset_s * 1000000;
        mesh_introduce(mesh, 0, 1);
        mesh_run(mesh, 30000);
        assert_true(mesh_linked(mesh, 0, 1));
        assert_int_equal(mesh->nodes[1].heartbeats > 0, cases[i].taken);
        assert_int_equal(drops(mesh, 1, TALLY_DROP_DRIFTED) > 0, !cases[i].taken);
        int64_t offset = peers_clock_offset(&mesh->nodes[1].datagrams.peers);
        assert_true(offset / 1000000 - cases[i].offset_s >= -1 &&
                    offset / 1000000 - cases[i].offset_s <= 1);
        mesh_free(mesh);
    }
}

static bool hold_one_heartbeat(struct mesh *mesh, struct mesh_packet *packet)
{
    struct mesh_packet *held = mesh->context;
    bool ours = mesh_at(mesh, &packet->from) == &mesh->nodes[0];
    if (kind_of(packet) != TALLY_KIND_HEARTBEAT || !ours || held->size > 0)
        return true;
    *held = *packet;
    return false;
}

static void a_heartbeat_overtaken_by_the_next_is_stale(void **state)
{
    struct mesh *mesh = linked_mesh(2);
    struct mesh_packet held = {.size = 0};
    mesh->context = &held;
    mesh->hook = hold_one_heartbeat;
    mesh_run(mesh, 50000);
    assert_true(held.size > 0);
    assert_int_equal(mesh_deliver(mesh, 1, &held), TALLY_DROP_STALE);
    mesh_free(mesh);
}

static void another_network_is_foreign(void **state)
{
    struct mesh *mesh = mesh_new(2);
    mesh->nodes[0].datagrams.peers.options.network[0] ^= 1;
    mesh_introduce(mesh, 0, 1);
    mesh_run(mesh, 5000);
    assert_true(drops(mesh, 1, TALLY_DROP_FOREIGN) > 0);
    assert_int_equal(mesh->nodes[0].linked, 0);
    assert_int_equal(mesh->nodes[1].exchanges, 0);
    mesh_free(mesh);
}

/* ---- Forgers from outside. ---- */

static bool keep_last(struct mesh *mesh, struct mesh_packet *packet)
{
    struct mesh_packet *last = mesh->context;
    if (mesh_at(mesh, &packet->from) != &mesh->nodes[0] || kind_of(packet) < 16)
        return true;
    *last = *packet;
    return false; /* It never arrives, so its counter is fresh. */
}

static void forgeries_cost_no_signature_and_change_nothing(void **state)
{
    struct mesh *mesh = linked_mesh(2);
    struct mesh_packet last = {.size = 0};
    mesh->context = &last;
    mesh->hook = keep_last;
    mesh_run(mesh, 7000);
    assert_true(last.size > 0);
    struct mesh_node *node = &mesh->nodes[1];
    unsigned verifies = node->verifies, exchanges = node->exchanges, signs = node->signs;
    struct link before = mesh_peer(mesh, 1, 0)->link;
    uint64_t sent = mesh->sent[1][0];
    struct random random = {1};
    unsigned forged = 0;
    for (unsigned i = 0; i < 20000; i++) {
        struct mesh_packet packet = last;
        packet.bytes[random_below(&random, (uint32_t)packet.size)] ^=
            (uint8_t)(1 << random_below(&random, 8));
        enum tally_drop drop = mesh_deliver(mesh, 1, &packet);
        assert_int_not_equal(drop, TALLY_DROP_NONE);
        forged += drop == TALLY_DROP_FORGED;
    }
    assert_true(forged > 10000);
    assert_int_equal(node->verifies, verifies);
    assert_int_equal(node->exchanges, exchanges);
    assert_int_equal(node->signs, signs);
    assert_int_equal(mesh->sent[1][0], sent);
    assert_memory_equal(&before, &mesh_peer(mesh, 1, 0)->link, sizeof before);
    /* After all that the true one is still taken. */
    assert_int_equal(mesh_deliver(mesh, 1, &last), TALLY_DROP_NONE);
    assert_int_equal(mesh_deliver(mesh, 1, &last), TALLY_DROP_REPLAYED);
    mesh_free(mesh);
}

static void a_link_pays_for_what_it_sends(void **state)
{
    struct mesh *mesh = linked_mesh(2);
    mesh_seal(mesh, 0, "audit", 10, 1);
    mesh_run(mesh, 100);
    struct mesh_node *flooder = &mesh->nodes[0];
    unsigned busy = 0, taken = 0;
    mesh->cut[0][1] = true; /* The packets are delivered by hand, all in one millisecond. */
    for (unsigned i = 0; i < 1000; i++) {
        outbox_clear(&flooder->outbox);
        yours_send(&flooder->datagrams.heads, &flooder->datagrams.peers, mesh_peer(mesh, 0, 1),
                   &flooder->outbox);
        struct tally_action action;
        assert_true(outbox_next(&flooder->outbox, &action));
        struct mesh_packet packet = {.from = flooder->address, .size = action.send.bytes.size};
        memcpy(packet.bytes, action.send.bytes.data, packet.size);
        enum tally_drop drop = mesh_deliver(mesh, 1, &packet);
        busy += drop == TALLY_DROP_BUSY;
        taken += drop == TALLY_DROP_NONE;
    }
    assert_in_range(taken, 2 * TALLY_LINK_RATE - 50, 2 * TALLY_LINK_RATE);
    assert_int_equal(busy + taken, 1000);
    mesh_free(mesh);
}

static void what_is_no_datagram_has_a_name(void **state)
{
    struct mesh *mesh = linked_mesh(2);
    struct mesh_packet last = {.size = 0};
    mesh->context = &last;
    mesh->hook = keep_last;
    mesh_run(mesh, 7000);
    const struct {
        size_t at;
        uint8_t value;
        size_t size;
        enum tally_drop drop;
    } cases[] = {
        {0, 0x98, 0, TALLY_DROP_MALFORMED},         {0, 0x98, 42, TALLY_DROP_MALFORMED},
        {0, 0x97, last.size, TALLY_DROP_MALFORMED}, {1, 2, last.size, TALLY_DROP_VERSION},
        {2, 99, last.size, TALLY_DROP_UNKNOWN},     {2, 127, last.size, TALLY_DROP_UNKNOWN},
        {5, 0, last.size, TALLY_DROP_STRANGER},     {0, 0x98, last.size - 1, TALLY_DROP_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mesh_packet packet = last;
        packet.bytes[cases[i].at] = cases[i].value;
        packet.size = cases[i].size;
        assert_int_equal(mesh_deliver(mesh, 1, &packet), cases[i].drop);
    }
    /* Our own datagram comes back. */
    struct mesh_packet echo = last;
    echo.to = mesh->nodes[0].address;
    assert_int_equal(mesh_deliver(mesh, 0, &echo), TALLY_DROP_SELF);
    mesh_free(mesh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_sets_cost_nothing_and_a_difference_shows),
        cmocka_unit_test(a_log_we_do_not_know_is_ahead),
        cmocka_unit_test(all_logs_take_their_turn_and_changed_ones_come_first),
        cmocka_unit_test(a_size_that_goes_back_is_a_regression),
        cmocka_unit_test(one_size_with_two_roots_is_a_split),
        cmocka_unit_test(audits_show_a_split_view_among_third_parties),
        cmocka_unit_test(yours_guards_a_restored_node),
        cmocka_unit_test(an_announce_reaches_everyone_once),
        cmocka_unit_test(announces_are_joined_to_one_in_two_seconds),
        cmocka_unit_test(an_announce_is_compared_with_what_we_hold),
        cmocka_unit_test(nobody_announces_the_log_of_another),
        cmocka_unit_test(a_log_stands_in_its_own_namespace_only),
        cmocka_unit_test(a_bad_signature_behind_a_good_tag_ends_the_link),
        cmocka_unit_test(a_wrong_clock_is_told_and_the_future_refused),
        cmocka_unit_test(a_heartbeat_overtaken_by_the_next_is_stale),
        cmocka_unit_test(another_network_is_foreign),
        cmocka_unit_test(forgeries_cost_no_signature_and_change_nothing),
        cmocka_unit_test(a_link_pays_for_what_it_sends),
        cmocka_unit_test(what_is_no_datagram_has_a_name),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("gossip", tests, NULL, NULL);
}
