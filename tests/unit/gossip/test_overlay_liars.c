/* SPDX-License-Identifier: Apache-2.0 */
/* Who tries to disturb the overlay, with a good key: by numbers, by made-up contacts, by silence.
 */
#include "crowd.h"

#include "core/base/bytes.h"

#include "support/cmocka.h"

/* Entries of the passive view that a node told of. */
static unsigned told_by(struct crowd *crowd, uint32_t node, uint32_t by)
{
    const struct passive *passive = &crowd->nodes[node].datagrams.overlay.passive;
    unsigned count = 0;
    for (size_t i = 0; i < PASSIVE_MAX; i++)
        count += passive->list[i].used && passive->list[i].source == TALLY_SOURCE_EXCHANGE &&
                 key_equal(&passive->list[i].by, &crowd->nodes[by].key);
    return count;
}

/* 0..19 are honest; from 20 on the liars, whom a story places before they come. */
static struct crowd *honest_and(uint32_t liars)
{
    const struct crowd_options options = {
        .count = 20 + liars, .peers_max = 128, .seed = 7, .profile = TALLY_PROFILE_AUTO};
    struct crowd *crowd = crowd_new(&options);
    crowd->checked = true;
    crowd_come(crowd, 0, 19, 0);
    crowd_run(crowd, 60000);
    return crowd;
}

static void body_of_contacts(uint8_t *body, size_t capacity, struct tally_bytes *bytes,
                             const struct tally_shuffled *message)
{
    struct wire_writer w;
    wire_writer_init(&w, body, capacity);
    tally_shuffled_write(message, &w);
    *bytes = wire_writer_bytes(&w);
}

/* Contacts of keys that nobody has, where nobody is. */
static void made_up(struct tally_shuffled *message, uint32_t from)
{
    message->contacts_count = OVERLAY_CONTACTS;
    for (uint32_t i = 0; i < OVERLAY_CONTACTS; i++) {
        struct tally_contact *contact = &message->contacts[i];
        *contact =
            (struct tally_contact){.address = {.ip = {[10] = 0xff, [11] = 0xff}, .port = 4001}};
        be32_write(contact->key.bytes, 0xdead0000 + from + i);
        contact->address.ip[12] = 81;
        be16_write(contact->address.ip + 13, (uint16_t)(from + i));
        contact->address.ip[15] = 1;
    }
}

/* Sybils 20.. say over their light links to `victim` that they are in need, again and again. */
static void cry(struct crowd *crowd, uint32_t last, uint32_t victim)
{
    uint8_t body[TALLY_ACTIVATE_SIZE_MAX];
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_activate_write(&(struct tally_activate){.urgent = true}, &w);
    for (uint32_t i = 20; i <= last; i++) {
        const struct peer *peer = crowd_peer(crowd, i, victim);
        if (peer != NULL && peer->link.state == LINK_LINKED && !peer->mesh)
            crowd_say(crowd, i, victim, TALLY_KIND_ACTIVATE, wire_writer_bytes(&w));
    }
    crowd_run(crowd, 2000);
}

static void sybils_in_need_are_guests_who_stand_for_nothing(void **state)
{
    struct crowd *crowd = honest_and(31);
    const uint32_t victim = 50;
    for (uint32_t i = 20; i < victim; i++) {
        const uint8_t ip4[4] = {66, 6, 6, (uint8_t)i};
        crowd_place(crowd, i, ip4, 4001);
        crowd->nodes[i].policy.profile = TALLY_PROFILE_STATIC;
        crowd_boot(crowd, i, i);
    }
    crowd_boot(crowd, victim, victim);
    const struct peers *peers = crowd_peers(crowd, victim);
    for (uint32_t i = 20; i < victim; i++)
        crowd_configure(crowd, i, victim);
    /* They are all it sees, and still it knows that it has next to nobody. */
    for (unsigned round = 0; round < 60; round++) {
        struct mesh_count count;
        cry(crowd, victim - 1, victim);
        mesh_count(peers, &count);
        assert_in_range(count.links, 0, MESH_PREFIX);
        assert_in_range(peers->guests, 0, MESH_GUESTS_NEAR);
        assert_true(overlay_poor(peers));
    }
    assert_int_equal(peers->guests, MESH_GUESTS_NEAR);
    /* It finds the honest as if they were not there, and has as many of them. */
    crowd_bootstrap(crowd, victim, 0);
    for (unsigned round = 0; round < 60; round++)
        cry(crowd, victim - 1, victim);
    assert_true(crowd_links_with(crowd, victim, 0, 19) >= MESH_WANTED - MESH_PREFIX);
    assert_in_range(crowd_links_with(crowd, victim, 20, victim - 1), 0,
                    MESH_PREFIX + MESH_GUESTS_NEAR);
    /* Who has others names them, and takes who still cries after two minutes; it loses nobody. */
    unsigned before = crowd_links_with(crowd, victim, 0, 19);
    for (unsigned round = 0; round < 150; round++) {
        cry(crowd, victim - 1, victim);
        assert_in_range(peers->guests, 0, MESH_GUESTS_NEAR);
    }
    assert_true(crowd_links_with(crowd, victim, 0, 19) >= before);
    /* Nobody is told of a guest, and so others know no more of that network than ever. */
    for (uint32_t i = 0; i < 20; i++) {
        const struct passive *passive = &crowd->nodes[i].datagrams.overlay.passive;
        unsigned near = 0;
        for (size_t j = 0; j < PASSIVE_MAX; j++)
            near += passive->list[j].used && passive->list[j].address.ip[12] == 66;
        assert_in_range(near, 0, PASSIVE_PREFIX);
    }
    crowd_free(crowd);
}

static void sybils_of_many_networks_are_not_more_guests_than_there_are(void **state)
{
    struct crowd *crowd = honest_and(50);
    for (uint32_t i = 20; i < 70; i++) {
        const uint8_t ip4[4] = {66, 6, (uint8_t)(i % 5), (uint8_t)i};
        crowd_place(crowd, i, ip4, 4001);
        crowd->nodes[i].policy.profile = TALLY_PROFILE_STATIC;
        crowd_boot(crowd, i, i);
        crowd_configure(crowd, i, 3);
    }
    crowd_run(crowd, 2000);
    const struct peers *peers = crowd_peers(crowd, 3);
    unsigned most = 0;
    for (unsigned round = 0; round < 150; round++) {
        cry(crowd, 69, 3);
        most = peers->guests > most ? peers->guests : most;
    }
    assert_in_range(most, 1, MESH_GUESTS);
    /* Five networks have ten places of those who came, as they would without guests; the rest are
       those we chose. */
    struct mesh_count count;
    mesh_count(peers, &count);
    assert_true(count.chosen >= MESH_CHOSEN);
    assert_true(crowd_links_with(crowd, 3, 0, 19) >= MESH_CHOSEN);
    assert_in_range(count.links, MESH_WANTED, MESH_MOST + 2);
    crowd_free(crowd);
}

static void sybils_of_one_network_get_two_places(void **state)
{
    struct crowd *crowd = honest_and(30);
    for (uint32_t i = 20; i < 50; i++) {
        const uint8_t ip4[4] = {66, 6, 6, (uint8_t)i};
        crowd_place(crowd, i, ip4, 4001);
    }
    crowd_come(crowd, 20, 49, 3);
    uint8_t body[TALLY_ACTIVATE_SIZE_MAX];
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_activate_write(&(struct tally_activate){.urgent = true}, &w);
    /* Each says, over its light link, that it is in need. */
    for (unsigned round = 0; round < 20; round++) {
        for (uint32_t i = 20; i < 50; i++) {
            const struct peer *peer = crowd_peer(crowd, i, 3);
            if (peer != NULL && peer->link.state == LINK_LINKED)
                crowd_say(crowd, i, 3, TALLY_KIND_ACTIVATE, wire_writer_bytes(&w));
        }
        crowd_run(crowd, 2000);
        assert_in_range(crowd_links_with(crowd, 3, 20, 49), 0, MESH_PREFIX);
    }
    assert_true(crowd_drops(crowd, 3, TALLY_DROP_CROWDED) > 100);
    assert_true(crowd_links_with(crowd, 3, 0, 19) >= MESH_LEAST);
    /* Nor do they fill the views of others, to be chosen. */
    for (uint32_t i = 0; i < 20; i++) {
        const struct passive *passive = &crowd->nodes[i].datagrams.overlay.passive;
        unsigned near = 0;
        for (size_t j = 0; j < PASSIVE_MAX; j++)
            near += passive->list[j].used && passive->list[j].address.ip[12] == 66;
        assert_in_range(near, 0, PASSIVE_PREFIX);
    }
    crowd_free(crowd);
}

static void who_only_comes_to_us_is_never_all_we_see(void **state)
{
    /* 60 liars of 60 networks, all at the victim before it knows anybody else. */
    struct crowd *crowd = honest_and(61);
    const uint32_t victim = 20;
    crowd_boot(crowd, victim, victim);
    for (uint32_t i = 21; i <= 80; i++) {
        crowd->nodes[i].policy.profile = TALLY_PROFILE_STATIC;
        crowd_boot(crowd, i, i);
        crowd_configure(crowd, i, victim);
    }
    crowd_run(crowd, 20000);
    assert_in_range(crowd_links_with(crowd, victim, 21, 80), MESH_MOST - MESH_CHOSEN,
                    MESH_MOST + 12);
    crowd_bootstrap(crowd, victim, 0);
    crowd_run(crowd, 30000);
    /* It does not need links, so it asks nobody for them; but three are its own. */
    crowd_run(crowd, 120000);
    struct mesh_count count;
    mesh_count(crowd_peers(crowd, victim), &count);
    assert_true(count.chosen >= MESH_CHOSEN);
    assert_true(crowd_links_with(crowd, victim, 0, 19) >= MESH_CHOSEN);
    crowd_free(crowd);
}

static void a_liar_fills_no_view_and_aims_at_nobody(void **state)
{
    struct crowd *crowd = honest_and(1);
    crowd_come(crowd, 20, 20, 0);
    crowd_run(crowd, 60000);
    struct tally_shuffled message;
    uint8_t body[TALLY_SHUFFLED_SIZE_MAX];
    struct tally_bytes bytes;
    crowd_forget(crowd);
    uint64_t nobody = crowd->nobody;
    unsigned most = 0;
    /* Ten minutes: eight new victims to each of its peers each two seconds. A shuffle is an array
       of one like shuffled. */
    for (uint32_t round = 0; round < 300; round++) {
        made_up(&message, round * OVERLAY_CONTACTS);
        body_of_contacts(body, sizeof body, &bytes, &message);
        for (uint32_t i = 0; i < 20; i++) {
            struct peer *peer = crowd_peer(crowd, 20, i);
            if (peer == NULL || !peer->mesh)
                continue;
            peer->overlay.shuffling = true; /* It does not wonder about the answer. */
            crowd_say(crowd, 20, i, TALLY_KIND_SHUFFLE, bytes);
        }
        crowd_run(crowd, 2000);
        for (uint32_t i = 0; i < 20; i++) {
            unsigned told = told_by(crowd, i, 20);
            most = told > most ? told : most;
            /* What a liar told goes no further. */
            for (uint32_t by = 0; by < 20; by++) {
                const struct passive *passive = &crowd->nodes[i].datagrams.overlay.passive;
                for (size_t j = 0; j < PASSIVE_MAX; j++)
                    assert_false(passive->list[j].used &&
                                 be32_read(passive->list[j].key.bytes) >= 0xdead0000 &&
                                 key_equal(&passive->list[j].by, &crowd->nodes[by].key));
            }
        }
    }
    assert_in_range(most, 1, PASSIVE_PER_PEER);
    uint64_t said = crowd->nodes[20].sent[TALLY_KIND_SHUFFLE];
    uint64_t aimed = crowd->nobody - nobody;
    /* Hellos to victims: some hundred in all, of 1,228 bytes each, for thousands of messages. */
    assert_true(said > 1000);
    assert_true(aimed > 0);
    assert_true(aimed * (TALLY_DATAGRAM_MAX + UDP_HEADERS) <
                crowd->nodes[20].sent_bytes[TALLY_KIND_SHUFFLE] / 2);
    /* The mesh is as it was. */
    struct crowd_shape shape;
    crowd_shape(crowd, &shape);
    assert_int_equal(shape.component, 21);
    assert_true(shape.least >= MESH_LEAST);
    crowd_free(crowd);
}

static void a_contact_that_may_not_be_told_costs_standing(void **state)
{
    static const uint8_t bad[][4] = {
        {10, 0, 0, 1}, {127, 0, 0, 1}, {192, 168, 1, 1}, {224, 0, 0, 1}, {100, 64, 0, 1}};
    struct crowd *crowd = honest_and(1);
    crowd_come(crowd, 20, 20, 0);
    crowd_run(crowd, 10000);
    uint32_t peer = 0;
    while (!crowd_meshed(crowd, 20, peer))
        peer++;
    uint64_t refused = crowd_drops(crowd, peer, TALLY_DROP_REFUSED); /* While links found places. */
    for (uint32_t i = 0; i < 3; i++) {
        struct tally_shuffled message;
        uint8_t body[TALLY_SHUFFLED_SIZE_MAX];
        struct tally_bytes bytes;
        made_up(&message, 0);
        memcpy(message.contacts[2].address.ip + 12, bad[i], 4);
        body_of_contacts(body, sizeof body, &bytes, &message);
        crowd_say(crowd, 20, peer, TALLY_KIND_SHUFFLE, bytes);
        crowd_run(crowd, 100);
        /* Once it has no good standing, nothing more is believed. */
        assert_int_equal(crowd_drops(crowd, peer, TALLY_DROP_SCOPE), i == 0 ? 1 : 1);
        assert_int_equal(crowd_drops(crowd, peer, TALLY_DROP_REFUSED) - refused, i);
        assert_in_range(told_by(crowd, peer, 20), 0, PASSIVE_PER_PEER);
    }
    assert_int_equal(peer_standing(crowd_peer(crowd, peer, 20)), OVERLAY_BAD_CONTACT);
    /* Walks that begin nowhere good are seen through as well; three lies end the link. */
    uint8_t body[TALLY_JOIN_SIZE_MAX];
    for (uint32_t i = 0; i < 3; i++) {
        struct tally_join join = {.ttl = 2};
        struct wire_writer w;
        be32_write(join.newcomer.key.bytes, 0xdeadbeef);
        join.newcomer.address = (struct tally_address){.ip = {[10] = 0xff, [11] = 0xff}, .port = 1};
        memcpy(join.newcomer.address.ip + 12, bad[3], 4);
        if (i == 0)
            crowd_peer(crowd, peer, 20)->rare->standing = 0;
        wire_writer_init(&w, body, sizeof body);
        tally_join_write(&join, &w);
        crowd_say(crowd, 20, peer, TALLY_KIND_JOIN, wire_writer_bytes(&w));
        crowd_run(crowd, 100);
    }
    assert_int_equal(crowd_drops(crowd, peer, TALLY_DROP_SCOPE), 2);
    crowd_free(crowd);
}

static void an_answer_nobody_asked_for_costs_standing(void **state)
{
    struct crowd *crowd = honest_and(1);
    crowd_come(crowd, 20, 20, 0);
    crowd_run(crowd, 10000);
    uint32_t peer = 0;
    while (!crowd_meshed(crowd, 20, peer))
        peer++;
    struct tally_shuffled message;
    uint8_t body[TALLY_SHUFFLED_SIZE_MAX];
    struct tally_bytes bytes;
    made_up(&message, 0);
    body_of_contacts(body, sizeof body, &bytes, &message);
    crowd_peer(crowd, peer, 20)->overlay.shuffling = false;
    uint64_t before = crowd_drops(crowd, peer, TALLY_DROP_UNASKED);
    for (unsigned i = 0; i < 10; i++) {
        crowd_say(crowd, 20, peer, TALLY_KIND_SHUFFLED, bytes);
        crowd_run(crowd, 100);
        assert_true(crowd_meshed(crowd, 20, peer));
    }
    for (size_t i = 0; i < OVERLAY_CONTACTS; i++)
        assert_null(
            passive_find(&crowd->nodes[peer].datagrams.overlay.passive, &message.contacts[i].key));
    crowd_say(crowd, 20, peer, TALLY_KIND_SHUFFLED, bytes);
    crowd_run(crowd, 100);
    assert_int_equal(crowd_drops(crowd, peer, TALLY_DROP_UNASKED) - before, 11);
    assert_false(crowd_peer(crowd, peer, 20)->mesh);
    assert_true(peer_barred(crowd_peer(crowd, peer, 20), crowd->now));
    crowd_free(crowd);
}

static void who_prunes_always_is_asked_ever_more_rarely(void **state)
{
    struct crowd *crowd = honest_and(1);
    crowd_come(crowd, 20, 20, 0);
    uint8_t body[TALLY_PRUNE_SIZE_MAX];
    struct tally_shuffled contacts;
    unsigned pruned = 0;
    for (uint32_t step = 0; step < 6000; step++) {
        for (uint32_t i = 0; i < 20; i++) {
            const struct peer *peer = crowd_peer(crowd, 20, i);
            if (peer == NULL || !peer->mesh)
                continue;
            struct tally_prune prune = {.reason = 1 + step % 2, .contacts_count = OVERLAY_CONTACTS};
            struct wire_writer w;
            made_up(&contacts, step * OVERLAY_CONTACTS);
            memcpy(prune.contacts, contacts.contacts, sizeof prune.contacts);
            wire_writer_init(&w, body, sizeof body);
            tally_prune_write(&prune, &w);
            crowd_say(crowd, 20, i, TALLY_KIND_PRUNE, wire_writer_bytes(&w));
            link_mesh(crowd_peers(crowd, 20), crowd_peer(crowd, 20, i), false, false, crowd->now);
            pruned++;
        }
        crowd_run(crowd, 100);
    }
    /* Ten minutes. It has next to nobody by its own doing, and asks all the time; each of the
       others gave it a place a few times, and believed eight of its contacts at a time. */
    assert_in_range(pruned, 20, 20 * 40);
    for (uint32_t i = 0; i < 20; i++) {
        assert_in_range(told_by(crowd, i, 20), 0, PASSIVE_PER_PEER);
        assert_true(crowd_links_with(crowd, i, 0, 19) >= MESH_LEAST);
    }
    crowd_free(crowd);
}

static bool mute_liar(struct crowd *crowd, uint32_t from, uint32_t to, unsigned kind)
{
    return from != 20 || kind != TALLY_KIND_HEARTBEAT;
}

static void who_never_sends_heartbeats_is_not_of_the_mesh(void **state)
{
    struct crowd *crowd = honest_and(1);
    crowd->hook = mute_liar;
    crowd_come(crowd, 20, 20, 0);
    crowd_run(crowd, 10000);
    assert_true(crowd_links_with(crowd, 20, 0, 19) >= MESH_LEAST);
    crowd_run(crowd, 80000);
    /* It answers every probe; still it is none of them, but now and then, for a minute. */
    unsigned now = 0, all = 0;
    for (unsigned i = 0; i < 60; i++) {
        now = 0;
        for (uint32_t j = 0; j < 20; j++)
            now += crowd_links_with(crowd, j, 20, 20);
        all += now;
        crowd_run(crowd, 20000);
    }
    assert_in_range(all, 0, 60 * 4);
    for (uint32_t i = 0; i < 20; i++)
        assert_true(crowd_links_with(crowd, i, 0, 19) >= MESH_LEAST);
    crowd_free(crowd);
}

static void walks_of_a_liar_are_few(void **state)
{
    struct crowd *crowd = honest_and(1);
    crowd_come(crowd, 20, 20, 0);
    crowd_run(crowd, 30000);
    uint64_t nobody = crowd->nobody;
    crowd_forget(crowd);
    for (uint32_t round = 0; round < 600; round++) {
        for (uint32_t i = 0; i < 20; i++) {
            const struct peer *peer = crowd_peer(crowd, 20, i);
            if (peer == NULL || !peer->mesh)
                continue;
            struct tally_shuffled contacts;
            uint8_t body[TALLY_JOIN_SIZE_MAX];
            struct wire_writer w;
            made_up(&contacts, 8 * (round * 20 + i));
            struct tally_join join = {.ttl = 15, .newcomer = contacts.contacts[0]};
            wire_writer_init(&w, body, sizeof body);
            tally_join_write(&join, &w);
            crowd_say(crowd, 20, i, TALLY_KIND_JOIN, wire_writer_bytes(&w));
        }
        crowd_run(crowd, 500);
    }
    /* Five minutes, two walks a second to each of its peers: what they let through is one a second
       each, and what all of them greet is bounded by their own budgets. */
    uint64_t busy = 0, aimed = crowd->nobody - nobody;
    for (uint32_t i = 0; i < 20; i++)
        busy += crowd_drops(crowd, i, TALLY_DROP_BUSY);
    assert_true(busy > 500);
    assert_true(aimed < 20 * 100);
    /* No victim is greeted more than three times by one node. */
    for (uint32_t i = 0; i < 20; i++)
        assert_in_range(crowd->nodes[i].sent[TALLY_KIND_HELLO], 0, 3 * (300 + 8));
    crowd_free(crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sybils_of_one_network_get_two_places),
        cmocka_unit_test(sybils_in_need_are_guests_who_stand_for_nothing),
        cmocka_unit_test(sybils_of_many_networks_are_not_more_guests_than_there_are),
        cmocka_unit_test(who_only_comes_to_us_is_never_all_we_see),
        cmocka_unit_test(a_liar_fills_no_view_and_aims_at_nobody),
        cmocka_unit_test(a_contact_that_may_not_be_told_costs_standing),
        cmocka_unit_test(an_answer_nobody_asked_for_costs_standing),
        cmocka_unit_test(who_prunes_always_is_asked_ever_more_rarely),
        cmocka_unit_test(who_never_sends_heartbeats_is_not_of_the_mesh),
        cmocka_unit_test(walks_of_a_liar_are_few),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("overlay liars", tests, NULL, NULL);
}
