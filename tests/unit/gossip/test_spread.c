/* SPDX-License-Identifier: Apache-2.0 */
/* How records get to everybody: a tree that grows, loses a branch and mends; liars on it. */
#include "mesh.h"

#include "core/base/bytes.h"
#include "core/wire/derive.h"

#include "support/cmocka.h"

enum { ALL = 10 };

struct wire {
    uint64_t relays, ihaves, grafts, prunes;
    unsigned lose; /* One of so many relays is lost; 0: none. */
    unsigned turn;
    bool cut_kinds[64];
};

static bool count(struct mesh *mesh, struct mesh_packet *packet)
{
    struct wire *wire = mesh->context;
    unsigned kind = packet->bytes[2];
    wire->relays += kind == TALLY_KIND_RELAY;
    wire->ihaves += kind == TALLY_KIND_IHAVE;
    wire->grafts += kind == TALLY_KIND_GRAFT;
    wire->prunes += kind == TALLY_KIND_PRUNE;
    if (kind == TALLY_KIND_RELAY && wire->lose > 0 && wire->turn++ % wire->lose == 0)
        return false;
    return kind >= 64 || !wire->cut_kinds[kind];
}

/* Everybody is linked with everybody. */
static struct mesh *full_mesh(size_t nodes, struct wire *wire)
{
    struct mesh *mesh = mesh_new(nodes);
    *wire = (struct wire){.relays = 0};
    mesh->context = wire;
    mesh->hook = count;
    for (size_t a = 0; a < nodes; a++)
        for (size_t b = a + 1; b < nodes; b++)
            mesh_introduce(mesh, a, b);
    mesh_run(mesh, 5000);
    for (size_t a = 0; a < nodes; a++)
        assert_int_equal(mesh->nodes[a].datagrams.peers.links, nodes - 1);
    return mesh;
}

static struct spread *spread_of(struct mesh *mesh, size_t node)
{
    return &mesh->nodes[node].datagrams.spread;
}

static unsigned eager(struct mesh *mesh, size_t node)
{
    return spread_eager(spread_of(mesh, node), &mesh->nodes[node].datagrams.peers);
}

/* ---- Honest nodes. ---- */

static void a_flood_becomes_a_tree(void **state)
{
    struct wire wire;
    struct mesh *mesh = full_mesh(ALL, &wire);
    /* The first one floods: everybody tells everybody. */
    mesh_seal(mesh, 0, "audit", 1, 1);
    mesh_run(mesh, 1000);
    uint64_t flood = wire.relays;
    assert_true(flood > 3 * (ALL - 1));
    for (uint64_t size = 2; size <= 8; size++) {
        mesh_seal(mesh, 0, "audit", size, 1);
        mesh_run(mesh, 3000);
    }
    wire.relays = 0;
    mesh_seal(mesh, 0, "audit", 9, 1);
    mesh_run(mesh, 3000);
    /* Two eager links each, so at most some two copies, and at least one. */
    assert_in_range(wire.relays, ALL - 1, 25 * (ALL - 1) / 10);
    assert_true(wire.relays < flood / 2);
    for (size_t n = 1; n < ALL; n++)
        assert_int_equal(mesh->nodes[n].announce.size, 9);
    /* Nobody prunes its last two, but others may prune us: after a rest we ask for more. */
    mesh_run(mesh, 2 * SPREAD_REST_MS);
    for (size_t n = 0; n < ALL; n++)
        assert_true(eager(mesh, n) >= SPREAD_EAGER_LEAST);
    mesh_free(mesh);
}

static void what_is_lost_is_grafted(void **state)
{
    struct wire wire;
    struct mesh *mesh = full_mesh(ALL, &wire);
    for (uint64_t size = 1; size <= 5; size++) {
        mesh_seal(mesh, 0, "audit", size, 1);
        mesh_run(mesh, 3000);
    }
    wire.lose = 3;
    unsigned reached = 0;
    for (uint64_t size = 6; size <= 15; size++) {
        mesh_seal(mesh, 0, "audit", size, 1);
        mesh_run(mesh, 3000);
        for (size_t n = 1; n < ALL; n++)
            reached += mesh->nodes[n].announce.size == size;
    }
    /* A graft may be lost twice; then heartbeats tell. */
    assert_in_range(reached, 10 * (ALL - 1) - 3, 10 * (ALL - 1));
    assert_true(wire.grafts > 0);
    mesh_free(mesh);
}

static void a_link_that_dies_is_replaced_in_the_tree(void **state)
{
    struct wire wire;
    struct mesh *mesh = full_mesh(6, &wire);
    for (uint64_t size = 1; size <= 5; size++) {
        mesh_seal(mesh, 0, "audit", size, 1);
        mesh_run(mesh, 3000);
    }
    /* 5 keeps only its link with 1, whatever that was in the tree. */
    for (size_t n = 0; n < 5; n++)
        mesh->cut[n][5] = mesh->cut[5][n] = n != 1;
    mesh_run(mesh, 60000);
    mesh_seal(mesh, 0, "audit", 6, 1);
    mesh_run(mesh, 3000);
    assert_int_equal(mesh->nodes[5].announce.size, 6);
    mesh_free(mesh);
}

static void urgent_news_go_to_all_links(void **state)
{
    struct wire wire;
    struct mesh *mesh = full_mesh(6, &wire);
    for (uint64_t size = 1; size <= 5; size++) {
        mesh_seal(mesh, 0, "audit", size, 1);
        mesh_run(mesh, 3000);
    }
    /* One size, two roots: nobody here verifies them, only the way counts. */
    struct mesh_node *liar = &mesh->nodes[0];
    uint8_t notes[2][TALLY_CHECKPOINT_MAX];
    size_t sizes[2];
    for (uint8_t branch = 1; branch <= 2; branch++) {
        struct head head = mesh_seal(mesh, 0, branch == 1 ? "fork" : "other", 7, branch);
        const struct tally_ledger *ledger = &liar->datagrams.announce.ledger;
        sizes[branch - 1] =
            ledger->checkpoint(liar, &head.origin, notes[branch - 1], sizeof notes[0]);
        assert_true(sizes[branch - 1] > 0);
    }
    assert_true(eager(mesh, 1) < 5);
    outbox_clear(&mesh->nodes[1].outbox);
    const struct alarm alarm = {.first = bytes_of(notes[0], sizes[0]),
                                .second = bytes_of(notes[1], sizes[1])};
    alarm_send(&mesh->nodes[1].datagrams.peers, spread_of(mesh, 1), mesh->now, &alarm,
               &mesh->nodes[1].outbox);
    /* One datagram a link, lazy ones included. */
    size_t sent = mesh->nodes[1].outbox.count;
    assert_int_equal(sent, 5);
    mesh_free(mesh);
}

static void beacons_show_that_a_quiet_log_is_alive(void **state)
{
    /* A line: 3 has no link with 0, and hears once a minute how far its log reaches. */
    struct mesh *mesh = mesh_new(4);
    for (size_t i = 0; i < 3; i++)
        mesh_introduce(mesh, i, i + 1);
    mesh_run(mesh, 3000);
    struct head head = mesh_seal(mesh, 0, "audit", 5, 1);
    for (size_t n = 1; n < 4; n++)
        mesh_hold(mesh, n, 0, "audit", 5, 1);
    mesh_run(mesh, 20000);
    struct head *held = &mesh->nodes[3].datagrams.heads.list[0];
    assert_true(hash_equal(&held->origin, &head.origin));
    held->claimed = 0;
    mesh_run(mesh, 2 * BEACON_LEAST_MS);
    assert_int_equal(held->claimed, 5);
    mesh_free(mesh);
}

/* ---- Liars, with good keys and good tags. ---- */

/* Sends a message of that kind from one node to another, tagged as it should be. */
static void say(struct mesh *mesh, size_t from, size_t to, enum tally_kind kind,
                struct tally_bytes body)
{
    struct mesh_node *node = &mesh->nodes[from];
    struct parcel parcel;
    struct tally_action action;
    outbox_clear(&node->outbox);
    parcel_make(&node->datagrams.peers, kind, body, true, &parcel);
    peers_send(&node->datagrams.peers, mesh_peer(mesh, from, to), &parcel, &node->outbox);
    while (outbox_next(&node->outbox, &action)) {
        struct mesh_packet packet = {
            .from = node->address, .to = action.send.to, .size = action.send.bytes.size};
        memcpy(packet.bytes, action.send.bytes.data, packet.size);
        (void)mesh_deliver(mesh, to, &packet);
    }
}

static void say_ids(struct mesh *mesh, size_t from, size_t to, enum tally_kind kind, unsigned first,
                    unsigned ids)
{
    uint8_t list[128][8], body[1100];
    struct wire_writer w;
    for (unsigned i = 0; i < ids; i++)
        be64_write(list[i], 0xabcd000000000000u + first + i);
    wire_writer_init(&w, body, sizeof body);
    if (kind == TALLY_KIND_IHAVE) {
        const struct tally_ihave message = {.ids = bytes_of(list, ids * 8)};
        tally_ihave_write(&message, &w);
    } else {
        const struct tally_graft message = {.ids = bytes_of(list, ids * 8)};
        tally_graft_write(&message, &w);
    }
    say(mesh, from, to, kind, wire_writer_bytes(&w));
}

static void who_offers_what_it_has_not_loses_its_link(void **state)
{
    struct wire wire;
    struct mesh *mesh = full_mesh(3, &wire);
    const struct peer *liar = mesh_peer(mesh, 0, 1);
    for (unsigned round = 0; round < 6; round++) {
        say_ids(mesh, 1, 0, TALLY_KIND_IHAVE, round * 1000, 100);
        /* Of one link only so many are remembered. */
        assert_true(spread_of(mesh, 0)->missing_count <= SPREAD_MISSING_PER_LINK);
        mesh_run(mesh, 1500);
        if (!liar->mesh)
            break;
    }
    assert_false(liar->mesh);
    assert_true(mesh->nodes[0].datagrams.drops[TALLY_DROP_BUSY] > 0);
    assert_true(mesh_linked(mesh, 0, 2));
    mesh_free(mesh);
}

static void grafts_for_nothing_bring_nothing(void **state)
{
    struct wire wire;
    struct mesh *mesh = full_mesh(2, &wire);
    wire.relays = 0;
    for (unsigned round = 0; round < 100; round++)
        say_ids(mesh, 1, 0, TALLY_KIND_GRAFT, round * 16, 16);
    assert_int_equal(wire.relays, 0);
    mesh_free(mesh);
}

static void a_record_that_is_grafted_again_and_again_is_sent_so_often_and_no_more(void **state)
{
    struct wire wire;
    struct mesh *mesh = full_mesh(2, &wire);
    mesh_seal(mesh, 0, "audit", 1, 1);
    mesh_run(mesh, 500);
    const struct spread_record *record = &spread_of(mesh, 0)->records[0];
    uint8_t ids[16][8], body[200];
    for (size_t i = 0; i < 16; i++)
        memcpy(ids[i], record->id, 8);
    const struct tally_graft message = {.ids = bytes_of(ids, sizeof ids)};
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_graft_write(&message, &w);
    wire.relays = 0;
    for (unsigned round = 0; round < 100; round++)
        say(mesh, 1, 0, TALLY_KIND_GRAFT, wire_writer_bytes(&w));
    assert_in_range(wire.relays, 1, 2 * SPREAD_GRAFT_RATE + 1);
    assert_true(mesh->nodes[0].datagrams.drops[TALLY_DROP_BUSY] > 0);
    mesh_free(mesh);
}

static void who_prunes_everybody_is_left_with_a_lazy_link_and_its_ids(void **state)
{
    struct wire wire;
    struct mesh *mesh = full_mesh(4, &wire);
    uint8_t body[16];
    const struct tally_prune message = {.reason = 0};
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_prune_write(&message, &w);
    for (size_t n = 1; n < 4; n++)
        say(mesh, n, 0, TALLY_KIND_PRUNE, wire_writer_bytes(&w));
    assert_int_equal(eager(mesh, 0), 0);
    /* A node that nobody wants to hear at once still tells its ids, and is asked. */
    mesh_seal(mesh, 0, "audit", 1, 1);
    mesh_run(mesh, 1000);
    for (size_t n = 1; n < 4; n++)
        assert_int_equal(mesh->nodes[n].announce.size, 1);
    assert_true(wire.grafts > 0);
    assert_true(eager(mesh, 0) >= 1);
    mesh_free(mesh);
}

static void the_class_of_a_record_is_not_for_its_bringer_to_say(void **state)
{
    struct wire wire;
    struct mesh *mesh = full_mesh(2, &wire);
    mesh_seal(mesh, 0, "audit", 1, 1);
    mesh_run(mesh, 500);
    const struct spread_record *record = &spread_of(mesh, 0)->records[0];
    const struct tally_relay message = {.class = SPREAD_URGENT,
                                        .record = bytes_of(record->bytes, record->size)};
    uint8_t body[TALLY_DATAGRAM_MAX];
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_relay_write(&message, &w);
    uint64_t before = mesh->nodes[1].datagrams.drops[TALLY_DROP_MALFORMED];
    say(mesh, 0, 1, TALLY_KIND_RELAY, wire_writer_bytes(&w));
    assert_int_equal(mesh->nodes[1].datagrams.drops[TALLY_DROP_MALFORMED], before + 1);
    mesh_free(mesh);
}

static void an_old_beacon_is_stale(void **state)
{
    struct mesh *mesh = mesh_new(2);
    struct mesh_node *node = &mesh->nodes[1];
    mesh_introduce(mesh, 0, 1);
    mesh_run(mesh, 1000);
    mesh_seal(mesh, 0, "audit", 5, 1);
    struct parcel beacons[2];
    for (size_t i = 0; i < 2; i++) {
        struct tally_heartbeat message = {.wall_ms = 1, .logs_count = 1};
        message.logs[0].size = 5 + i;
        uint8_t body[TALLY_SIGNED_BODY_MAX];
        struct wire_writer w;
        wire_writer_init(&w, body, sizeof body);
        tally_heartbeat_write(&message, &w);
        parcel_make(&mesh->nodes[0].datagrams.peers, TALLY_KIND_HEARTBEAT, wire_writer_bytes(&w),
                    false, &beacons[i]);
    }
    static const struct {
        size_t which;
        enum tally_drop drop;
    } cases[] = {{1, TALLY_DROP_NONE}, {1, TALLY_DROP_STALE}, {0, TALLY_DROP_STALE}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct datagram datagram;
        struct heartbeat_news news;
        const struct parcel *beacon = &beacons[cases[i].which];
        assert_int_equal(datagram_read_record(bytes_of(beacon->bytes, beacon->size), &datagram),
                         TALLY_DROP_NONE);
        assert_int_equal(beacon_receive(&node->datagrams.beacon, &node->datagrams.heads,
                                        &node->datagrams.verifier, &node->datagrams.peers,
                                        mesh->now, &datagram, &news),
                         cases[i].drop);
    }
    mesh_free(mesh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flood_becomes_a_tree),
        cmocka_unit_test(what_is_lost_is_grafted),
        cmocka_unit_test(a_link_that_dies_is_replaced_in_the_tree),
        cmocka_unit_test(urgent_news_go_to_all_links),
        cmocka_unit_test(beacons_show_that_a_quiet_log_is_alive),
        cmocka_unit_test(who_offers_what_it_has_not_loses_its_link),
        cmocka_unit_test(grafts_for_nothing_bring_nothing),
        cmocka_unit_test(a_record_that_is_grafted_again_and_again_is_sent_so_often_and_no_more),
        cmocka_unit_test(who_prunes_everybody_is_left_with_a_lazy_link_and_its_ids),
        cmocka_unit_test(the_class_of_a_record_is_not_for_its_bringer_to_say),
        cmocka_unit_test(an_old_beacon_is_stale),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("spread", tests, NULL, NULL);
}
