/* SPDX-License-Identifier: Apache-2.0 */
/* Links in virtual time: how they come up, move, end and come back, and who tries to disturb. */
#include "mesh.h"

#include "core/base/bytes.h"
#include "core/peers/hello.h"

#include "support/cmocka.h"

/* The kind of a datagram, which lies at a fixed place (protocols 2.1). */
static unsigned kind_of(const struct mesh_packet *packet)
{
    return packet->bytes[2];
}

static unsigned node_of(const struct mesh *mesh, const struct tally_address *address)
{
    const struct mesh_node *node = mesh_at(mesh, address);
    return node == NULL ? 9 : (unsigned)(node - mesh->nodes);
}

/* ---- What went over the wire, as text: "0:1 1:2" is a hello by node 0, then a cookie by 1. ----
 */

struct tape {
    char text[256];
    size_t size;
    struct mesh_packet packets[64];
    size_t count;
};

static bool record(struct mesh *mesh, struct mesh_packet *packet)
{
    struct tape *tape = mesh->context;
    if (tape->size + 8 < sizeof tape->text) {
        if (tape->size > 0)
            tape->text[tape->size++] = ' ';
        tape->text[tape->size++] = (char)('0' + node_of(mesh, &packet->from));
        tape->text[tape->size++] = ':';
        if (kind_of(packet) >= 10)
            tape->text[tape->size++] = (char)('0' + kind_of(packet) / 10);
        tape->text[tape->size++] = (char)('0' + kind_of(packet) % 10);
    }
    if (tape->count < 64)
        tape->packets[tape->count++] = *packet;
    return true;
}

static const struct mesh_packet *taped(const struct tape *tape, unsigned kind, unsigned nth)
{
    for (size_t i = 0; i < tape->count; i++)
        if (kind_of(&tape->packets[i]) == kind && nth-- == 0)
            return &tape->packets[i];
    fail_msg("no datagram of kind %u went over the wire", kind);
    return NULL;
}

static struct mesh *taped_mesh(size_t count, struct tape *tape)
{
    struct mesh *mesh = mesh_new(count);
    *tape = (struct tape){.size = 0};
    mesh->context = tape;
    mesh->hook = record;
    return mesh;
}

/* ---- A link comes up. ---- */

static void a_link_takes_four_messages(void **state)
{
    static struct tape tape;
    struct mesh *mesh = taped_mesh(2, &tape);
    mesh_introduce(mesh, 0, 1);
    mesh_run(mesh, 110);
    assert_true(mesh_linked(mesh, 0, 1));
    /* Hello, cookie, hello, welcome; then what each holds of the other, probes, heartbeats. */
    assert_memory_equal(tape.text, "0:1 1:2 0:1 1:3 0:8 ", 20);
    assert_int_equal(taped(&tape, 1, 0)->size, 1200);
    assert_in_range(taped(&tape, 2, 0)->size, 80, 100);
    assert_in_range(taped(&tape, 1, 1)->size, 100, 507);
    assert_in_range(taped(&tape, 3, 0)->size, 100, 391);
    assert_int_equal(mesh->nodes[0].linked, 1);
    assert_int_equal(mesh->nodes[1].linked, 1);
    assert_int_equal(mesh->nodes[0].exchanges, 1);
    assert_int_equal(mesh->nodes[1].exchanges, 1);
    mesh_run(mesh, 60000);
    assert_true(mesh_linked(mesh, 0, 1));
    assert_int_equal(mesh->nodes[0].linked, 1);
    assert_in_range(mesh->nodes[0].heartbeats, 4, 8);
    /* 20 ms each way, measured by probe and echo. */
    assert_in_range(mesh_peer(mesh, 0, 1)->rtt_us, 39000, 41000);
    for (size_t i = 0; i < 2; i++)
        for (size_t drop = 1; drop < TALLY_DROP_COUNT; drop++)
            assert_int_equal(mesh->nodes[i].datagrams.drops[drop], 0);
    mesh_free(mesh);
}

static void both_greet_at_once_and_get_one_link(void **state)
{
    /* The second says hello so much later, in milliseconds: at once, while the first waits for its
       cookie, while it proves itself, and when all is over. */
    static const uint64_t later[] = {0, 1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 200};
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        for (size_t first = 0; first < 2; first++) {
            struct mesh *mesh = mesh_new(2);
            mesh_introduce(mesh, first, 1 - first);
            mesh_run(mesh, later[i]);
            mesh_introduce(mesh, 1 - first, first);
            mesh_run(mesh, 1000);
            assert_true(mesh_linked(mesh, 0, 1));
            assert_int_equal(mesh->nodes[0].linked, 1);
            assert_int_equal(mesh->nodes[1].linked, 1);
            for (size_t n = 0; n < 2; n++)
                assert_int_equal(mesh->nodes[n].datagrams.drops[TALLY_DROP_FORGED], 0);
            mesh_free(mesh);
        }
}

static bool lose_some(struct mesh *mesh, struct mesh_packet *packet)
{
    uint64_t *state = mesh->context;
    struct random random = {*state};
    bool pass = random_below(&random, 100) >= 20;
    *state = random.state;
    return pass;
}

static void links_come_up_over_a_bad_network(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct mesh *mesh = mesh_new(4);
        uint64_t chance = seed;
        mesh->hook = lose_some;
        mesh->context = &chance;
        for (size_t a = 0; a < 4; a++)
            for (size_t b = 0; b < 4; b++)
                if (a != b)
                    mesh_introduce(mesh, a, b);
        mesh_run(mesh, 60000);
        for (size_t a = 0; a < 4; a++)
            for (size_t b = 0; b < a; b++)
                assert_true(mesh_linked(mesh, a, b));
        mesh_free(mesh);
    }
}

/* ---- Replays and spoofs. ---- */

static void a_replayed_hello_changes_nothing(void **state)
{
    static struct tape tape;
    struct mesh *mesh = taped_mesh(2, &tape);
    mesh_introduce(mesh, 0, 1);
    mesh_run(mesh, 1000);
    struct mesh_packet third = *taped(&tape, 1, 1);
    struct session before = mesh_peer(mesh, 1, 0)->link.current;
    uint64_t sent = mesh->sent[1][0];
    assert_int_equal(mesh_deliver(mesh, 1, &third), TALLY_DROP_REPLAYED);
    assert_int_equal(mesh->sent[1][0], sent);
    assert_memory_equal(&before, &mesh_peer(mesh, 1, 0)->link.current, sizeof before);
    /* From another address its cookie is no good, and when the cookie is old, nowhere. */
    third.from = mesh->nodes[1].address;
    assert_int_equal(mesh_deliver(mesh, 1, &third), TALLY_DROP_STRANGER);
    third.from = mesh->nodes[0].address;
    mesh_run(mesh, 2 * TALLY_COOKIE_MS);
    assert_int_equal(mesh_deliver(mesh, 1, &third), TALLY_DROP_STRANGER);
    assert_true(mesh_linked(mesh, 0, 1));
    assert_int_equal(mesh->nodes[1].exchanges, 1);
    mesh_free(mesh);
}

static void every_datagram_counts_once(void **state)
{
    static struct tape tape;
    struct mesh *mesh = taped_mesh(3, &tape);
    mesh_introduce(mesh, 0, 1);
    mesh_introduce(mesh, 0, 2);
    mesh_run(mesh, 2000);
    static struct tape copy;
    copy = tape;
    unsigned replayed = 0, tried = 0;
    for (size_t i = 0; i < copy.count; i++) {
        const struct mesh_packet *packet = &copy.packets[i];
        unsigned to = node_of(mesh, &packet->to), from = node_of(mesh, &packet->from);
        if (kind_of(packet) < 4)
            continue;
        tried++;
        replayed += mesh_deliver(mesh, to, packet) == TALLY_DROP_REPLAYED;
        /* The same bytes to a third node: no link there, another key, or a counter that came. */
        unsigned third = 3 - to - from;
        enum tally_drop drop = mesh_deliver(mesh, third, packet);
        assert_true(drop == TALLY_DROP_STRANGER || drop == TALLY_DROP_FORGED ||
                    drop == TALLY_DROP_REPLAYED);
    }
    assert_true(tried > 8);
    assert_int_equal(replayed, tried);
    mesh_free(mesh);
}

static void spoofed_addresses_never_get_more_than_they_sent(void **state)
{
    static struct tape tape;
    struct mesh *mesh = taped_mesh(3, &tape);
    mesh_introduce(mesh, 0, 1);
    mesh_run(mesh, 2000);
    static struct tape copy;
    copy = tape;
    /* Node 2 is the victim: whatever 0 ever said to 1 comes again in its name. */
    uint64_t spoofed = 0, before = mesh->sent[1][2];
    for (unsigned round = 0; round < 50; round++)
        for (size_t i = 0; i < copy.count; i++) {
            struct mesh_packet packet = copy.packets[i];
            if (node_of(mesh, &packet.to) != 1)
                continue;
            packet.from = mesh->nodes[2].address;
            (void)mesh_deliver(mesh, 1, &packet);
            spoofed += packet.size;
            assert_true(mesh->sent[1][2] - before <= spoofed);
        }
    assert_true(spoofed > 50000);
    assert_true(mesh->sent[1][2] - before < spoofed / 10);
    assert_true(mesh_linked(mesh, 0, 1));
    mesh_free(mesh);
}

/* The hook of a thief: takes what 0 says to 1 off the wire and sends it in the victim's name. */
static bool steal(struct mesh *mesh, struct mesh_packet *packet)
{
    if (node_of(mesh, &packet->from) == 0 && node_of(mesh, &packet->to) == 1)
        packet->from = mesh->nodes[2].address;
    return true;
}

static void a_stolen_datagram_moves_no_link(void **state)
{
    struct mesh *mesh = mesh_new(3);
    mesh_introduce(mesh, 0, 1);
    mesh_run(mesh, 2000);
    uint64_t from_victim = mesh->sent[0][1], to_victim = mesh->sent[1][2];
    mesh->hook = steal;
    mesh_run(mesh, 120000);
    /* Probes went to the victim, three a minute at most, which does not answer them. */
    assert_true(mesh->sent[1][2] - to_victim <= mesh->sent[0][1] - from_victim);
    assert_in_range(mesh->sent[1][2] - to_victim, 1, 3 * 3 * 200);
    assert_true(address_equal(&mesh_peer(mesh, 1, 0)->link.address, &mesh->nodes[0].address));
    assert_true(mesh_linked(mesh, 0, 1));
    mesh_free(mesh);
}

/* What the node wants to send now, as one packet. */
static struct mesh_packet fresh_yours(struct mesh *mesh, size_t from, size_t to)
{
    struct mesh_node *node = &mesh->nodes[from];
    struct tally_action action;
    outbox_clear(&node->outbox);
    yours_send(&node->datagrams.heads, &node->datagrams.peers, mesh_peer(mesh, from, to),
               &node->outbox);
    assert_true(outbox_next(&node->outbox, &action));
    struct mesh_packet packet = {.from = node->address, .size = action.send.bytes.size};
    memcpy(packet.bytes, action.send.bytes.data, packet.size);
    return packet;
}

static void a_small_datagram_brings_no_larger_probe(void **state)
{
    struct mesh *mesh = mesh_new(3);
    mesh_introduce(mesh, 0, 1);
    mesh_run(mesh, 2000);
    uint64_t arrived = 0, before = mesh->sent[1][2];
    for (unsigned i = 0; i < 6; i++) {
        struct mesh_packet packet = fresh_yours(mesh, 0, 1);
        packet.from = mesh->nodes[2].address;
        arrived += packet.size;
        assert_int_equal(mesh_deliver(mesh, 1, &packet), TALLY_DROP_NONE);
        assert_true(mesh->sent[1][2] - before <= arrived);
        /* The first is smaller than a probe; with the second there is room for one. */
        assert_int_equal(mesh->sent[1][2] > before, i > 0);
    }
    mesh_free(mesh);
}

static void a_peer_that_moved_is_found_again(void **state)
{
    struct mesh *mesh = mesh_new(2);
    mesh_introduce(mesh, 0, 1);
    mesh_run(mesh, 2000);
    /* A new mapping at its gateway: other port, other address. */
    mesh->nodes[0].address.port = 50123;
    mesh->nodes[0].address.ip[13] = 77;
    mesh_run(mesh, 12000);
    assert_true(mesh_linked(mesh, 0, 1));
    assert_true(address_equal(&mesh_peer(mesh, 1, 0)->link.address, &mesh->nodes[0].address));
    assert_int_equal(mesh->nodes[1].linked, 1);
    assert_int_equal(mesh->nodes[1].unlinked, 0);
    mesh_free(mesh);
}

/* ---- Ends and beginnings. ---- */

static void silence_ends_a_link_and_healing_brings_it_back(void **state)
{
    struct mesh *mesh = mesh_new(2);
    mesh_introduce(mesh, 0, 1);
    mesh_run(mesh, 10000);
    mesh->cut[0][1] = mesh->cut[1][0] = true;
    mesh_run(mesh, 11000);
    assert_int_equal(mesh->nodes[0].unlinked, 0);
    mesh_run(mesh, 30000);
    assert_int_equal(mesh->nodes[0].unlinked, 1);
    assert_int_equal(mesh->nodes[1].unlinked, 1);
    assert_int_equal(mesh_peer(mesh, 0, 1)->last_error, TALLY_DROP_SILENT);
    mesh_run(mesh, 20000);
    mesh->cut[0][1] = mesh->cut[1][0] = false;
    mesh_run(mesh, 40000);
    assert_true(mesh_linked(mesh, 0, 1));
    mesh_free(mesh);
}

static void an_absent_peer_is_greeted_ever_more_rarely_but_for_ever(void **state)
{
    struct mesh *mesh = mesh_new(2);
    mesh->nodes[1].up = false;
    mesh_introduce(mesh, 0, 1);
    mesh_run(mesh, 60000);
    uint64_t minute = mesh->sent[0][1] / 1200;
    assert_in_range(minute, 5, 10);
    mesh_run(mesh, 24 * 3600 * UINT64_C(1000));
    uint64_t day = mesh->sent[0][1] / 1200 - minute;
    assert_in_range(day, 24 * 60 * 4 / 5, 24 * 60 * 5 / 4);
    mesh->nodes[1].up = true;
    mesh_run(mesh, 80000);
    assert_true(mesh_linked(mesh, 0, 1));
    mesh_free(mesh);
}

static void a_restarted_peer_gets_a_new_link_at_once(void **state)
{
    struct mesh *mesh = mesh_new(2);
    mesh_introduce(mesh, 0, 1);
    mesh_run(mesh, 5000);
    mesh_restart(mesh, 0);
    mesh_introduce(mesh, 0, 1);
    mesh_run(mesh, 200);
    assert_true(mesh_linked(mesh, 0, 1));
    assert_int_equal(mesh->nodes[1].linked, 2);
    assert_int_equal(mesh->nodes[1].unlinked, 0);
    assert_int_equal(mesh_peer(mesh, 1, 0)->link.current.epoch, mesh->nodes[0].epoch);
    mesh_free(mesh);
}

static void a_peer_that_lost_its_epoch_is_stale(void **state)
{
    struct mesh *mesh = mesh_new(2);
    mesh_introduce(mesh, 0, 1);
    mesh_run(mesh, 5000);
    mesh->nodes[0].epoch -= 5;
    mesh_restart(mesh, 0);
    mesh_introduce(mesh, 0, 1);
    mesh_run(mesh, 5000);
    assert_false(mesh_linked(mesh, 0, 1));
    assert_true(mesh->nodes[1].datagrams.drops[TALLY_DROP_STALE] > 0);
    mesh_free(mesh);
}

static void goodbye_ends_a_link_at_once(void **state)
{
    struct mesh *mesh = mesh_new(2);
    mesh_introduce(mesh, 1, 0);
    mesh_run(mesh, 5000);
    struct mesh_node *leaver = &mesh->nodes[0];
    /* As the node does on STOP. */
    outbox_clear(&leaver->outbox);
    peers_stop(&leaver->datagrams.peers, mesh->now, &leaver->outbox);
    struct tally_action action;
    assert_true(outbox_next(&leaver->outbox, &action));
    struct mesh_packet packet = {
        .from = leaver->address, .to = action.send.to, .size = action.send.bytes.size};
    memcpy(packet.bytes, action.send.bytes.data, packet.size);
    assert_int_equal(mesh_deliver(mesh, 1, &packet), TALLY_DROP_NONE);
    assert_int_equal(mesh->nodes[1].unlinked, 1);
    /* It is greeted again, but a node that stops takes nobody. */
    mesh_run(mesh, 10000);
    assert_int_equal(leaver->datagrams.peers.links, 0);
    assert_true(leaver->datagrams.drops[TALLY_DROP_REFUSED] > 0);
    mesh_free(mesh);
}

static void a_wrong_peer_id_is_named(void **state)
{
    struct mesh *mesh = mesh_new(3);
    /* 0 is told that 2 lives where 1 does. */
    assert_true(peers_configure(&mesh->nodes[0].datagrams.peers, &mesh->nodes[2].key,
                                &mesh->nodes[1].address, mesh->now));
    mesh_run(mesh, 10000);
    assert_int_equal(mesh->nodes[0].datagrams.peers.links, 0);
    assert_true(mesh->nodes[0].datagrams.drops[TALLY_DROP_IDENTITY] > 0);
    struct tally_peer_view view;
    assert_true(peers_view(&mesh->nodes[0].datagrams.peers, 0, &view));
    assert_int_equal(view.last_error, TALLY_DROP_IDENTITY);
    assert_false(peers_view(&mesh->nodes[0].datagrams.peers, 1, &view));
    mesh_free(mesh);
}

static void links_are_bounded(void **state)
{
    struct mesh *mesh = mesh_new(4);
    mesh->nodes[0].datagrams.peers.options.links_max = 2;
    for (size_t n = 1; n < 4; n++)
        mesh_introduce(mesh, n, 0);
    mesh_run(mesh, 30000);
    assert_int_equal(mesh->nodes[0].datagrams.peers.links, 2);
    /* The third may ask things, but belongs to nobody's mesh. */
    assert_int_equal(mesh->nodes[0].datagrams.peers.light, 1);
    unsigned links = 0, light = 0;
    for (size_t n = 1; n < 4; n++) {
        links += mesh->nodes[n].datagrams.peers.links;
        light += mesh->nodes[n].datagrams.peers.light;
    }
    assert_int_equal(links, 2);
    assert_int_equal(light, 1);
    mesh_free(mesh);
}

static void strangers_leave_room_for_configured_peers(void **state)
{
    struct mesh *mesh = mesh_new(4);
    mesh->nodes[0].datagrams.peers.options.links_max = 2;
    mesh_introduce(mesh, 0, 3);
    mesh->cut[3][0] = true;
    mesh_introduce(mesh, 1, 0);
    mesh_introduce(mesh, 2, 0);
    mesh_run(mesh, 30000);
    assert_int_equal(mesh->nodes[0].datagrams.peers.links, 1);
    mesh->cut[3][0] = false;
    mesh_run(mesh, 120000);
    assert_int_equal(mesh->nodes[0].datagrams.peers.links, 2);
    assert_int_equal(mesh->nodes[3].datagrams.peers.links, 1);
    mesh_free(mesh);
}

/* ---- Links that are not of the mesh, and addresses without a key. ---- */

static struct peer *found(struct mesh *mesh, size_t a, size_t b)
{
    struct peers *peers = &mesh->nodes[a].datagrams.peers;
    struct peer *peer = peers_take(peers, &mesh->nodes[b].key, mesh->now);
    peer_address_add(peer, &mesh->nodes[b].address, TALLY_SOURCE_DHT, false, mesh->now);
    return peer;
}

static void a_light_link_is_silent_for_half_an_hour(void **state)
{
    struct mesh *mesh = mesh_new(2);
    struct peer *peer = found(mesh, 0, 1);
    peers_greet(&mesh->nodes[0].datagrams.peers, peer, PEER_WANTS_LINK, mesh->now);
    mesh_run(mesh, 1000);
    assert_true(mesh_linked(mesh, 0, 1));
    assert_false(mesh_peer(mesh, 0, 1)->mesh || mesh_peer(mesh, 1, 0)->mesh);
    uint64_t sent = mesh->sent[0][1] + mesh->sent[1][0];
    mesh_run(mesh, LINK_LIGHT_MS - 10000);
    assert_true(mesh_linked(mesh, 0, 1));
    assert_int_equal(mesh->sent[0][1] + mesh->sent[1][0], sent);
    mesh_run(mesh, 20000);
    assert_false(mesh_linked(mesh, 0, 1));
    assert_int_equal(mesh->nodes[0].unlinked, 1);
    mesh_free(mesh);
}

static void light_links_make_way_before_the_mesh_does(void **state)
{
    struct mesh *mesh = mesh_new(4);
    struct peers *peers = &mesh->nodes[0].datagrams.peers;
    mesh_introduce(mesh, 0, 1);
    peers_greet(peers, found(mesh, 0, 2), PEER_WANTS_LINK, mesh->now);
    mesh_run(mesh, 1000);
    assert_int_equal(peers->links, 1);
    assert_int_equal(peers->light, 1);
    struct tally_key key = {{0}};
    for (unsigned n = 0; n < 100; n++) {
        key.bytes[0] = (uint8_t)n;
        key.bytes[1] = 0xee;
        assert_non_null(peers_take(peers, &key, mesh->now));
        assert_true(peers_holds(peers));
    }
    /* A table full of strangers: they push each other out first. */
    assert_true(mesh_linked(mesh, 0, 1) && mesh_linked(mesh, 0, 2));
    mesh_free(mesh);
}

static void a_found_address_is_greeted_three_times(void **state)
{
    static struct tape tape;
    struct mesh *mesh = taped_mesh(2, &tape);
    struct peer *peer = found(mesh, 0, 1);
    mesh->nodes[1].up = false;
    peers_greet(&mesh->nodes[0].datagrams.peers, peer, PEER_WANTS_MESH, mesh->now);
    mesh_run(mesh, 600000);
    assert_int_equal(tape.count, PEERS_HELLO_TRIES);
    assert_int_equal(mesh->nodes[0].failed, 1);
    assert_int_equal(peer->last_error, TALLY_DROP_SILENT);
    /* Asked for again it is greeted again. */
    mesh->nodes[1].up = true;
    peers_greet(&mesh->nodes[0].datagrams.peers, peer, PEER_WANTS_MESH, mesh->now);
    mesh_run(mesh, 1000);
    assert_true(mesh_peer(mesh, 0, 1)->mesh && mesh_peer(mesh, 1, 0)->mesh);
    mesh_free(mesh);
}

static void an_address_that_may_not_be_dialled_is_not(void **state)
{
    static struct tape tape;
    struct mesh *mesh = taped_mesh(2, &tape);
    static const struct address_policy policy = {.profile = TALLY_PROFILE_AUTO};
    mesh->nodes[0].datagrams.peers.options.policy = &policy;
    /* 10.1.0.1, told by the DHT: nobody's port is knocked at. */
    peers_greet(&mesh->nodes[0].datagrams.peers, found(mesh, 0, 1), PEER_WANTS_MESH, mesh->now);
    mesh_run(mesh, 60000);
    assert_int_equal(tape.count, 0);
    assert_int_equal(mesh->nodes[0].failed, 1);
    mesh_free(mesh);
}

static void who_answers_at_an_address_is_pinned(void **state)
{
    static struct tape tape;
    struct mesh *mesh = taped_mesh(3, &tape);
    struct peers *peers = &mesh->nodes[0].datagrams.peers;
    mesh->nodes[1].up = false;
    assert_true(peers_greet_address(peers, &mesh->nodes[1].address, TALLY_SOURCE_DNS, mesh->now));
    mesh_run(mesh, PEERS_BLIND_REST_MS / 2);
    assert_int_equal(tape.count, 3); /* An absent bootstrap costs three hellos in ten minutes. */
    mesh->nodes[1].up = true;
    mesh_run(mesh, PEERS_BLIND_REST_MS);
    assert_true(mesh_peer(mesh, 0, 1)->mesh && mesh_peer(mesh, 0, 1)->bootstrap);
    /* A cookie for a nonce that nobody sent pins nobody. */
    struct mesh_packet cookie = *taped(&tape, 2, 0);
    cookie.from = mesh->nodes[2].address;
    assert_true(peers_greet_address(peers, &cookie.from, TALLY_SOURCE_DNS, mesh->now));
    assert_int_equal(mesh_deliver(mesh, 0, &cookie), TALLY_DROP_UNASKED);
    mesh_free(mesh);
}

static void a_request_rides_along_with_a_hello(void **state)
{
    static struct tape tape;
    struct mesh *mesh = taped_mesh(2, &tape);
    struct peers *peers = &mesh->nodes[0].datagrams.peers;
    struct peer *peer = found(mesh, 0, 1);
    const uint8_t body[45] = {0x92};
    struct tally_bytes request = bytes_of(body, sizeof body);
    assert_int_equal(
        peers_ask(peers, peer, TALLY_KIND_PROBE, request, mesh->now, &mesh->nodes[0].outbox),
        PEERS_RIDES);
    assert_int_equal(
        peers_ask(peers, peer, TALLY_KIND_PROBE, request, mesh->now, &mesh->nodes[0].outbox),
        PEERS_WAITS);
    mesh_run(mesh, 1000);
    /* It was read, once, after its sender was proved; this kind may not ride. */
    assert_int_equal(mesh->nodes[1].datagrams.drops[TALLY_DROP_REFUSED], 1);
    assert_true(mesh_linked(mesh, 0, 1));
    assert_in_range(taped(&tape, 1, 1)->size, 150, HELLO_PROVED_MAX);
    mesh_free(mesh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_takes_four_messages),
        cmocka_unit_test(both_greet_at_once_and_get_one_link),
        cmocka_unit_test(links_come_up_over_a_bad_network),
        cmocka_unit_test(a_replayed_hello_changes_nothing),
        cmocka_unit_test(every_datagram_counts_once),
        cmocka_unit_test(spoofed_addresses_never_get_more_than_they_sent),
        cmocka_unit_test(a_stolen_datagram_moves_no_link),
        cmocka_unit_test(a_small_datagram_brings_no_larger_probe),
        cmocka_unit_test(a_peer_that_moved_is_found_again),
        cmocka_unit_test(silence_ends_a_link_and_healing_brings_it_back),
        cmocka_unit_test(an_absent_peer_is_greeted_ever_more_rarely_but_for_ever),
        cmocka_unit_test(a_restarted_peer_gets_a_new_link_at_once),
        cmocka_unit_test(a_peer_that_lost_its_epoch_is_stale),
        cmocka_unit_test(goodbye_ends_a_link_at_once),
        cmocka_unit_test(a_wrong_peer_id_is_named),
        cmocka_unit_test(links_are_bounded),
        cmocka_unit_test(strangers_leave_room_for_configured_peers),
        cmocka_unit_test(a_light_link_is_silent_for_half_an_hour),
        cmocka_unit_test(light_links_make_way_before_the_mesh_does),
        cmocka_unit_test(a_found_address_is_greeted_three_times),
        cmocka_unit_test(an_address_that_may_not_be_dialled_is_not),
        cmocka_unit_test(who_answers_at_an_address_is_pinned),
        cmocka_unit_test(a_request_rides_along_with_a_hello),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("links", tests, NULL, NULL);
}
