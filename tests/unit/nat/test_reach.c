/* SPDX-License-Identifier: Apache-2.0 */
/* Whether others get through to us: who is asked, who comes, who is believed, who is refused. */
#include "town.h"

#include "core/base/bytes.h"
#include "core/peers/greet.h"

#include "support/cmocka.h"

/*
 * A is the last node; it has links with 0, 1 and 2, three networks that see it. 3 to 8 are
 * strangers to it and have links with those three: who can come.
 */
enum { A = 9 };

static struct town *town_of(uint64_t seed)
{
    return town_new(A + 1, seed);
}

static void settle(struct town *town)
{
    for (size_t i = 0; i < A; i++)
        for (size_t j = 0; j < i; j++)
            town_introduce(town, i, j);
    for (size_t i = 0; i < 3; i++)
        town_introduce(town, A, i);
    town_run(town, 5000);
}

static struct reach *reach_of(struct town *town, size_t node)
{
    return &town->nodes[node].datagrams.reaching.reach;
}

static enum tally_reach_state state_of(struct town *town, enum tally_transport transport,
                                       enum tally_own_source source)
{
    struct tally_own_address view;
    return town_own(town, A, transport, source, &view) ? view.state : TALLY_REACH_UNKNOWN;
}

/* ---- What is found out. ---- */

static void a_public_node_is_reachable(void **state)
{
    struct town *town = town_of(1);
    struct tally_own_address view;
    struct tally_endpoint endpoints[4];
    struct tally_mono since;
    (void)state;
    settle(town);
    town_run(town, 60000);
    assert_int_equal(reach_nat(reach_of(town, A), town->now), TALLY_NAT_NONE);
    for (int i = 0; i < 2; i++) {
        assert_true(town_own(town, A, (enum tally_transport)i, TALLY_OWN_INTERFACE, &view));
        assert_int_equal(view.state, TALLY_REACH_REACHABLE);
        assert_true(view.global);
        assert_false(view.weak);
        /* It was one of the strangers, which streams need not come from. */
        size_t by = i == TALLY_TRANSPORT_UDP ? 3 : 0;
        while (by < A && !key_equal(&view.by, &town->nodes[by].key))
            by++;
        assert_true(by < A);
        assert_true(reach_since(reach_of(town, A), (enum tally_transport)i, &since));
    }
    assert_true(town_own(town, A, TALLY_TRANSPORT_UDP, TALLY_OWN_INTERFACE, &view));
    assert_int_equal(view.votes, 3);
    assert_int_equal(reach_endpoints(reach_of(town, A), endpoints, 4), 2);
    assert_int_equal(endpoints[0].transport, TALLY_TRANSPORT_UDP);
    assert_int_equal(endpoints[1].transport, TALLY_TRANSPORT_TCP);
    assert_true(address_equal(&endpoints[0].address, &town->nodes[A].address));
    /* Nobody has kept a link that was only for this. */
    assert_false(town_linked(town, A, 3));
    assert_false(town_linked(town, A, 4));
    for (size_t drop = 1; drop < TALLY_DROP_COUNT; drop++)
        if (drop != TALLY_DROP_SEEN)
            assert_int_equal(town_drops(town, A, (enum tally_drop)drop), 0);
    town_free(town);
}

static void behind_a_nat_it_depends(void **state)
{
    static const struct {
        enum nat_kind kind;
        bool opened; /* The port, by hand. */
        enum tally_nat_kind told;
        enum tally_reach_state udp, tcp;
    } rows[] = {
        {NAT_FULL, false, TALLY_NAT_CONE, TALLY_REACH_REACHABLE, TALLY_REACH_UNREACHABLE},
        {NAT_ADDRESS, false, TALLY_NAT_CONE, TALLY_REACH_UNREACHABLE, TALLY_REACH_UNREACHABLE},
        {NAT_PORT, false, TALLY_NAT_CONE, TALLY_REACH_UNREACHABLE, TALLY_REACH_UNREACHABLE},
        {NAT_PORT, true, TALLY_NAT_CONE, TALLY_REACH_REACHABLE, TALLY_REACH_REACHABLE},
        {NAT_SYMMETRIC, false, TALLY_NAT_SYMMETRIC, TALLY_REACH_UNKNOWN, TALLY_REACH_UNKNOWN},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct town *town = town_of(i + 1);
        struct tally_own_address view;
        town_behind(town, A, 0, rows[i].kind);
        if (rows[i].opened)
            town_open(town, A, TOWN_PORT);
        settle(town);
        town_run(town, 180000);
        assert_int_equal(reach_nat(reach_of(town, A), town->now), rows[i].told);
        assert_int_equal(state_of(town, TALLY_TRANSPORT_UDP, TALLY_OWN_OBSERVED), rows[i].udp);
        assert_int_equal(state_of(town, TALLY_TRANSPORT_TCP, TALLY_OWN_OBSERVED), rows[i].tcp);
        /* The inner address is nobody's business, and nobody was asked about it. */
        assert_true(town_own(town, A, TALLY_TRANSPORT_UDP, TALLY_OWN_INTERFACE, &view));
        assert_int_equal(view.state, TALLY_REACH_UNKNOWN);
        assert_false(view.global);
        assert_int_equal(town->private, 0);
        town_free(town);
    }
}

static void a_mapped_port_is_proved_and_lost(void **state)
{
    struct town *town = town_of(1);
    struct tally_own_address view;
    (void)state;
    town_behind(town, A, 0, NAT_SYMMETRIC);
    town_open(town, A, 50001);
    settle(town);
    struct tally_address outer = town_outer(town, A);
    outer.port = 50001;
    reach_mapped(reach_of(town, A), TALLY_TRANSPORT_UDP, true, TALLY_MAPPING_PCP, &outer,
                 town->now);
    reach_mapped(reach_of(town, A), TALLY_TRANSPORT_TCP, true, TALLY_MAPPING_PCP, &outer,
                 town->now);
    town_run(town, 120000);
    for (int i = 0; i < 2; i++) {
        assert_true(town_own(town, A, (enum tally_transport)i, TALLY_OWN_MAPPED, &view));
        assert_int_equal(view.state, TALLY_REACH_REACHABLE);
        assert_int_equal(view.mapping, TALLY_MAPPING_PCP);
    }
    /* By TCP nobody sees it but through that port; by UDP peers still do. */
    size_t before = town->nodes[A].reached_count;
    for (int i = 0; i < 2; i++)
        reach_mapped(reach_of(town, A), (enum tally_transport)i, true, TALLY_MAPPING_PCP, NULL,
                     town->now);
    town_run(town, 20000); /* Told with its next step. */
    assert_int_equal(town->nodes[A].reached_count, before + 1);
    assert_int_equal(town->nodes[A].reached[before].kind, REACH_NEWS_UNREACHABLE);
    assert_int_equal(town->nodes[A].reached[before].transport, TALLY_TRANSPORT_TCP);
    assert_false(town_own(town, A, TALLY_TRANSPORT_TCP, TALLY_OWN_MAPPED, &view));
    assert_true(town_own(town, A, TALLY_TRANSPORT_UDP, TALLY_OWN_OBSERVED, &view));
    assert_int_equal(view.state, TALLY_REACH_REACHABLE);
    town_free(town);
}

static void it_is_asked_again_each_half_hour(void **state)
{
    struct town *town = town_of(2);
    (void)state;
    town_behind(town, A, 0, NAT_PORT);
    town_open(town, A, TOWN_PORT);
    settle(town);
    town_run(town, 120000);
    assert_int_equal(state_of(town, TALLY_TRANSPORT_UDP, TALLY_OWN_OBSERVED),
                     TALLY_REACH_REACHABLE);
    /* Somebody closes the port; what A says keeps the mapping for those it speaks to. */
    for (size_t i = 0; i < TOWN_MAPPINGS; i++)
        town->nats[0].mappings[i].fixed = false;
    town_run(town, REACH_AGAIN_MS + REACH_AGAIN_MS / 8);
    assert_int_equal(state_of(town, TALLY_TRANSPORT_UDP, TALLY_OWN_OBSERVED),
                     TALLY_REACH_UNREACHABLE);
    assert_int_equal(state_of(town, TALLY_TRANSPORT_TCP, TALLY_OWN_OBSERVED),
                     TALLY_REACH_UNREACHABLE);
    town_free(town);
}

static void other_links_are_other_addresses(void **state)
{
    struct town *town = town_of(3);
    struct tally_own_address view;
    (void)state;
    settle(town);
    town_run(town, 60000);
    struct address_policy *policy = &town->nodes[A].policy;
    assert_int_equal(state_of(town, TALLY_TRANSPORT_UDP, TALLY_OWN_INTERFACE),
                     TALLY_REACH_REACHABLE);
    /* The address goes away: what peers saw is all that is left, for as long as it counts. */
    struct tally_interface other = policy->interfaces[0];
    other.address.ip[12] = 192;
    other.address.ip[13] = 168;
    address_policy_links(policy, &other, 1);
    reach_links(reach_of(town, A), town->now);
    assert_true(town_own(town, A, TALLY_TRANSPORT_UDP, TALLY_OWN_INTERFACE, &view));
    assert_int_equal(view.address.ip[12], 192);
    assert_int_equal(view.state, TALLY_REACH_UNKNOWN);
    assert_true(town_own(town, A, TALLY_TRANSPORT_UDP, TALLY_OWN_OBSERVED, &view));
    assert_int_equal(view.state, TALLY_REACH_REACHABLE);
    town_free(town);
}

/* ---- Small meshes. ---- */

static void two_nodes_know_nothing_of_a_nat(void **state)
{
    struct town *town = town_new(2, 1);
    struct tally_own_address view;
    (void)state;
    town_behind(town, 1, 0, NAT_PORT);
    town_introduce(town, 1, 0);
    town_run(town, 600000);
    struct reach *reach = &town->nodes[1].datagrams.reaching.reach;
    assert_int_equal(reach_nat(reach, town->now), TALLY_NAT_UNKNOWN);
    assert_false(town_own(town, 1, TALLY_TRANSPORT_UDP, TALLY_OWN_OBSERVED, &view));
    /* The other one was greeted, which it had not invited: that is a proof, if a weak one. */
    assert_true(town_own(town, 0, TALLY_TRANSPORT_UDP, TALLY_OWN_INTERFACE, &view));
    assert_int_equal(view.state, TALLY_REACH_REACHABLE);
    assert_true(view.weak);
    town_free(town);
}

static void where_everyone_knows_everyone_who_comes_by_himself_counts(void **state)
{
    struct town *town = town_new(4, 1);
    struct tally_own_address view;
    (void)state;
    town_settle(town, 0);
    town_run(town, 300000);
    for (size_t i = 0; i < 4; i++) {
        assert_true(town_own(town, i, TALLY_TRANSPORT_UDP, TALLY_OWN_INTERFACE, &view));
        /* Who greeted all others itself was not greeted by anybody it had not written to. */
        if (view.state == TALLY_REACH_REACHABLE)
            assert_true(view.weak);
        else
            assert_int_equal(view.state, TALLY_REACH_CANDIDATE);
    }
    town_free(town);
}

static void a_stranger_of_the_same_network_is_better_than_none(void **state)
{
    struct town *town = town_of(1);
    struct tally_own_address view;
    (void)state;
    for (size_t i = 3; i < A; i++) {
        struct tally_address near = town->nodes[A].address;
        near.ip[14] = 7;
        near.ip[15] = (uint8_t)i;
        town_move(town, i, near);
    }
    settle(town);
    town_run(town, 60000);
    assert_true(town_own(town, A, TALLY_TRANSPORT_UDP, TALLY_OWN_INTERFACE, &view));
    assert_int_equal(view.state, TALLY_REACH_REACHABLE);
    assert_true(view.weak);
    town_free(town);
}

static void all_of_a_small_mesh_find_out_in_the_end(void **state)
{
    /* Ten nodes in a ring, each with links to the two next ones on both sides. */
    struct town *town = town_of(2);
    struct tally_own_address view;
    (void)state;
    town->check = TOWN_ALL_CHECK;
    for (size_t i = 0; i <= A; i++)
        for (size_t j = 1; j <= 2; j++)
            town_introduce(town, i, (i + j) % (A + 1));
    /* All begin at once, and who came once is no stranger for a while: it takes a few rounds. */
    town_run(town, 2 * REACH_AGAIN_MS);
    for (size_t i = 0; i <= A; i++)
        for (int j = 0; j < 2; j++) {
            assert_true(town_own(town, i, (enum tally_transport)j, TALLY_OWN_INTERFACE, &view));
            assert_int_equal(view.state, TALLY_REACH_REACHABLE);
        }
    town_free(town);
}

static void who_does_not_ask_by_itself_asks_when_told(void **state)
{
    struct town *town = town_of(1);
    (void)state;
    town->check = TOWN_NOBODY_CHECKS;
    settle(town);
    town_run(town, 60000);
    struct reach *reach = reach_of(town, A);
    assert_int_equal(town->nodes[A].reached_count, 0);
    /* Nothing but the wish of an operator. */
    assert_true(reach_check(reach, 77, town->now));
    town_run(town, 40000);
    const struct reach_news *news = town->nodes[A].reached;
    size_t last = town->nodes[A].reached_count - 1;
    assert_int_equal(news[last].kind, REACH_NEWS_CHECKED);
    assert_int_equal(news[last].ticket, 77);
    assert_int_equal(news[last].error, TALLY_OK);
    assert_int_equal(state_of(town, TALLY_TRANSPORT_TCP, TALLY_OWN_INTERFACE),
                     TALLY_REACH_REACHABLE);
    /* Too often is too much. */
    unsigned taken = 0;
    for (unsigned i = 0; i < 100; i++)
        taken += reach_check(reach, 100 + i, town->now);
    assert_true(taken <= REACH_TICKETS);
    town_free(town);
}

static void an_operator_hears_it_when_nobody_can_tell(void **state)
{
    struct town *town = town_new(1, 1);
    (void)state;
    town_run(town, 10000);
    struct town_node *node = &town->nodes[0];
    assert_true(reach_check(&node->datagrams.reaching.reach, 5, town->now));
    town_run(town, 1000);
    assert_int_equal(node->reached[node->reached_count - 1].kind, REACH_NEWS_CHECKED);
    assert_int_equal(node->reached[node->reached_count - 1].error, TALLY_NOT_FOUND);
    town_free(town);
}

/* ---- What others may hear of us. ---- */

static void addresses_are_told_to_whom_they_concern(void **state)
{
    struct town *town = town_of(1);
    struct tally_address told[8], global = town_outer(town, 0), near;
    (void)state;
    town_behind(town, A, 0, NAT_PORT);
    town_open(town, A, TOWN_PORT);
    town->check = TOWN_NOBODY_CHECKS;
    settle(town);
    const struct own *own = &reach_of(town, A)->own;
    const struct address_policy *policy = &town->nodes[A].policy;
    near = town->nodes[A].address;
    near.ip[15] = 99;
    /* Before anybody proved it: to the LAN the inner address, to the world nothing. */
    assert_int_equal(own_tell(own, policy, &global, TALLY_TRANSPORT_TCP, told, 8), 0);
    assert_int_equal(own_tell(own, policy, &near, TALLY_TRANSPORT_TCP, told, 8), 1);
    assert_true(address_equal(&told[0], &town->nodes[A].address));
    reach_of(town, A)->options.by_itself = true;
    reach_links(reach_of(town, A), town->now);
    town_run(town, 120000);
    assert_int_equal(own_tell(own, policy, &global, TALLY_TRANSPORT_TCP, told, 8), 1);
    struct tally_address outer = town_outer(town, A);
    assert_true(address_equal(&told[0], &outer));
    assert_int_equal(own_tell(own, policy, &near, TALLY_TRANSPORT_TCP, told, 8), 2);
    town_free(town);
}

/* ---- Messages, as anybody can write them. ---- */

static struct tally_bytes dial_back(uint64_t nonce, const struct tally_address *address,
                                    enum tally_transport transport, const struct tally_key *of,
                                    uint8_t *body)
{
    struct tally_dial_back ask = {.endpoint = {(uint8_t)transport, *address}, .has_of = of != NULL};
    struct wire_writer w;
    be64_write(ask.nonce, nonce);
    if (of != NULL)
        ask.of = *of;
    wire_writer_init(&w, body, TALLY_DIAL_BACK_SIZE_MAX);
    tally_dial_back_write(&ask, &w);
    return wire_writer_bytes(&w);
}

static enum tally_drop ask(struct town *town, size_t from, size_t to, uint64_t nonce,
                           const struct tally_address *address, const struct tally_key *of)
{
    uint8_t body[TALLY_DIAL_BACK_SIZE_MAX];
    return town_say(town, from, to, TALLY_KIND_DIAL_BACK,
                    dial_back(nonce, address, TALLY_TRANSPORT_UDP, of, body));
}

static enum tally_drop tell(struct town *town, size_t from, size_t to, uint64_t nonce,
                            unsigned verdict)
{
    uint8_t body[TALLY_DIALLED_SIZE_MAX];
    struct tally_dialled dialled = {.verdict = (uint8_t)verdict};
    struct wire_writer w;
    be64_write(dialled.nonce, nonce);
    wire_writer_init(&w, body, sizeof body);
    tally_dialled_write(&dialled, &w);
    return town_say(town, from, to, TALLY_KIND_DIALLED, wire_writer_bytes(&w));
}

static void nobody_is_aimed_at_a_third_party(void **state)
{
    struct town *town = town_of(1);
    struct tally_address victim = town_victim(0), own = town->nodes[A].address, inner = own;
    (void)state;
    settle(town);
    town_run(town, 300000); /* Its own checks are over. */
    assert_int_equal(ask(town, A, 0, 1, &victim, NULL), TALLY_DROP_SCOPE);
    inner.ip[12] = 192;
    inner.ip[13] = 168;
    assert_int_equal(ask(town, A, 0, 2, &inner, NULL), TALLY_DROP_SCOPE);
    /* Its own address, another port: that harms nobody but itself. */
    own.port = 4444;
    assert_int_equal(ask(town, A, 0, 3, &own, NULL), TALLY_DROP_NONE);
    /* The same again is the same question. */
    assert_int_equal(ask(town, A, 0, 3, &own, NULL), TALLY_DROP_SEEN);
    town_run(town, 20000);
    assert_int_equal(town->victims[0], 0);
    assert_int_equal(town->private, 0);
    assert_int_equal(town->strays, 3); /* The hellos to its own address at that port. */
    town_free(town);
}

static void a_datagram_in_a_victims_name_counts_for_nothing(void **state)
{
    struct town *town = town_of(1);
    struct tally_address victim = town_victim(0);
    uint8_t body[TALLY_DIAL_BACK_SIZE_MAX];
    (void)state;
    settle(town);
    town_run(town, 300000);
    /* The tag is A's, the source is forged: as if A had moved to the victim's address. */
    struct town_node *from = &town->nodes[A], *to = &town->nodes[0];
    struct parcel parcel;
    struct tally_action action;
    outbox_clear(&from->outbox);
    parcel_make(&from->datagrams.peers, TALLY_KIND_DIAL_BACK,
                dial_back(1, &victim, TALLY_TRANSPORT_UDP, NULL, body), true, &parcel);
    peers_send(&from->datagrams.peers, town_peer(town, A, 0), &parcel, &from->outbox);
    assert_true(outbox_next(&from->outbox, &action));
    struct tally_event event = {.kind = TALLY_EVENT_DATAGRAM};
    struct datagrams_news news;
    event.datagram.from = victim;
    event.datagram.bytes = action.send.bytes;
    outbox_clear(&to->outbox);
    assert_int_equal(datagrams_receive(&to->datagrams, town->now, &event, &news, &to->outbox),
                     TALLY_DROP_SCOPE);
    town_free(town);
}

static void words_without_a_question_are_dropped(void **state)
{
    struct town *town = town_of(1);
    struct tally_address own = town->nodes[A].address;
    (void)state;
    settle(town);
    town_run(town, 300000);
    assert_int_equal(tell(town, 0, A, 99, DIALLED_COMING), TALLY_DROP_UNASKED);
    /* As if it had come because we asked, with a nonce of its own. */
    assert_int_equal(ask(town, 0, A, 99, &own, NULL), TALLY_DROP_UNASKED);
    assert_int_equal(ask(town, 0, A, 99, &own, &town->nodes[A].key), TALLY_DROP_SELF);
    assert_int_equal(town_say(town, 0, A, TALLY_KIND_DIAL_BACK, bytes_of("\x93\x00", 2)),
                     TALLY_DROP_MALFORMED);
    assert_int_equal(town_say(town, 0, A, TALLY_KIND_DIALLED, bytes_of("\x93\x00", 2)),
                     TALLY_DROP_MALFORMED);
    town_free(town);
}

static void a_stranger_that_dials_unasked_proves_nothing(void **state)
{
    /* A is behind a full cone NAT, but says nothing of it: nobody has been asked. */
    struct town *town = town_of(1);
    struct tally_address to;
    uint8_t body[TALLY_DIAL_BACK_SIZE_MAX];
    (void)state;
    town->check = TOWN_NOBODY_CHECKS;
    town_behind(town, A, 0, NAT_FULL);
    settle(town);
    to = town_outer(town, A);
    assert_true(peers_knock(&town->nodes[3].datagrams.peers, &town->nodes[A].key, &to,
                            TALLY_KIND_DIAL_BACK,
                            dial_back(1234, &to, TALLY_TRANSPORT_UDP, NULL, body), town->now));
    town_run(town, 10000);
    assert_int_equal(town_drops(town, A, TALLY_DROP_UNASKED), 1);
    assert_int_not_equal(state_of(town, TALLY_TRANSPORT_UDP, TALLY_OWN_OBSERVED),
                         TALLY_REACH_REACHABLE);
    town_free(town);
}

static void who_was_written_to_proves_nothing(void **state)
{
    struct town *town = town_of(1);
    uint8_t nonce[8];
    (void)state;
    town_behind(town, A, 0, NAT_PORT);
    settle(town);
    struct reach *reach = reach_of(town, A);
    /* A check is under way, and 0, with which A has a link, comes instead of a stranger. */
    for (unsigned i = 0; i < 100 && reach->check.entry == NULL; i++)
        town_run(town, 100);
    assert_non_null(reach->check.entry);
    memcpy(nonce, reach->check.nonce, sizeof nonce);
    struct tally_address from = town_outer(town, 0), lan = town->nodes[A].address;
    lan.ip[15] = 77;
    assert_int_equal(reach_came(reach, town->now, town_peer(town, A, 0), &from,
                                !peers_wrote(&town->nodes[A].datagrams.peers, &from, town->now)),
                     TALLY_DROP_REFUSED);
    /* Nor one from the LAN, which passed no NAT; nor ourselves. */
    assert_int_equal(reach_came(reach, town->now, town_peer(town, A, 0), &lan, true),
                     TALLY_DROP_REFUSED);
    from = town_outer(town, A);
    assert_int_equal(reach_came(reach, town->now, town_peer(town, A, 0), &from, true),
                     TALLY_DROP_REFUSED);
    town_free(town);
}

/* ---- As C. ---- */

static void ten_thousand_victims_get_three_packets_each(void **state)
{
    struct town *town = town_of(1);
    unsigned hit = 0;
    uint64_t packets = 0;
    (void)state;
    settle(town);
    for (size_t i = 0; i < 10000; i++) {
        struct tally_address victim = town_victim(i);
        struct tally_key key = {{1}};
        be64_write(key.bytes + 8, i);
        (void)ask(town, i % 3, 3, i, &victim, &key);
        town_run(town, 100);
    }
    for (size_t i = 0; i < 10000; i++) {
        assert_true(town->victims[i] <= 3);
        hit += town->victims[i] > 0;
        packets += town->victims[i];
    }
    assert_true(hit > 0);
    assert_true(hit <= 1000 / 6 + 10);
    assert_true(packets <= 3 * hit);
    assert_true(town_drops(town, 3, TALLY_DROP_BUSY) > 9000);
    town_free(town);
}

static void it_dials_strangers_at_addresses_of_hosts(void **state)
{
    static const struct {
        uint8_t ip[4];
        uint16_t port;
        enum tally_drop drop;
    } rows[] = {
        {{10, 0, 0, 1}, 4001, TALLY_DROP_SCOPE},   {{127, 0, 0, 1}, 4001, TALLY_DROP_SCOPE},
        {{60, 0, 0, 1}, 25, TALLY_DROP_SCOPE},     {{60, 0, 0, 1}, 0, TALLY_DROP_SCOPE},
        {{14, 3, 0, 1}, 4001, TALLY_DROP_SCOPE},   /* Its own. */
        {{11, 0, 0, 1}, 4001, TALLY_DROP_REFUSED}, /* It has a link there. */
        {{60, 0, 0, 1}, 443, TALLY_DROP_NONE},
    };
    struct town *town = town_of(1);
    struct tally_key key = {{9}};
    (void)state;
    settle(town);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tally_address address = {{[10] = 0xff, [11] = 0xff}, rows[i].port};
        memcpy(address.ip + 12, rows[i].ip, 4);
        assert_int_equal(ask(town, 0, 3, i, &address, &key), rows[i].drop);
    }
    town_free(town);
}

static void one_that_serves_nobody_refuses(void **state)
{
    struct town *town = town_of(1);
    struct tally_address own = town->nodes[A].address, far = town_victim(3);
    struct tally_key key = {{9}};
    (void)state;
    settle(town);
    town->nodes[0].datagrams.reaching.dialback.options.serves = false;
    assert_int_equal(ask(town, A, 0, 1, &own, NULL), TALLY_DROP_REFUSED);
    assert_int_equal(ask(town, 1, 0, 2, &far, &key), TALLY_DROP_REFUSED);
    town_free(town);
}

static void a_flood_of_questions_is_bounded(void **state)
{
    struct town *town = town_of(1);
    struct tally_address own = town->nodes[A].address;
    unsigned taken = 0, busy = 0;
    (void)state;
    settle(town);
    town_run(town, 300000);
    uint64_t before[TOWN_NODES], strays = town->strays;
    memcpy(before, town->sent, sizeof before);
    own.port = 4444;
    for (unsigned i = 0; i < 5000; i++) {
        enum tally_drop drop = ask(town, A, 0, 1000 + i, &own, NULL);
        taken += drop == TALLY_DROP_NONE;
        busy += drop == TALLY_DROP_BUSY;
        if (i % 100 == 99)
            town_run(town, 1000);
    }
    assert_in_range(taken, 3, 5); /* Four at once, one a minute. */
    assert_int_equal(taken + busy, 5000);
    assert_true(town->strays - strays <= 3 * taken);
    /* Each is answered by no more than came; others hear of those that were taken. */
    assert_true(town->sent[0] - before[0] < 5000 + 300);
    assert_true(town->sent[3] - before[3] < 300);
    town_free(town);
}

/* ---- Those who do not come. ---- */

static bool does_not_come(struct town *town, size_t from, struct town_packet *packet)
{
    const size_t *who = town->context;
    bool hello = packet->bytes[2] == TALLY_KIND_HELLO;
    struct tally_address to = town_outer(town, A);
    return !(hello && from == *who && address_equal(&packet->to, &to));
}

static void one_that_does_not_come_decides_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct town *town = town_of(seed);
        size_t silent = 3;
        town->hook = does_not_come;
        town->context = &silent;
        town_behind(town, A, 0, NAT_FULL);
        settle(town);
        town_run(town, 200000);
        assert_int_equal(state_of(town, TALLY_TRANSPORT_UDP, TALLY_OWN_OBSERVED),
                         TALLY_REACH_REACHABLE);
        town_free(town);
    }
}

/* The hook of a B that says «somebody comes» and asks nobody. */
static bool promises(struct town *town, size_t from, struct town_packet *packet)
{
    const size_t *liar = town->context;
    return !(from == *liar && packet->bytes[2] == TALLY_KIND_DIAL_BACK);
}

static void a_lying_helper_is_outvoted(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct town *town = town_of(seed);
        size_t liar = seed % 3;
        town->hook = promises;
        town->context = &liar;
        settle(town);
        town_run(town, 120000);
        assert_int_equal(state_of(town, TALLY_TRANSPORT_UDP, TALLY_OWN_INTERFACE),
                         TALLY_REACH_REACHABLE);
        town_free(town);
    }
}

/* ---- How much it costs. ---- */

static void an_idle_hour_is_cheap(void **state)
{
    struct town *town = town_of(1);
    (void)state;
    town_behind(town, A, 0, NAT_PORT);
    settle(town);
    town_run(town, 600000);
    uint64_t kinds = 0;
    town->context = &kinds;
    uint64_t before = town->nodes[A].datagrams.datagrams_in;
    (void)before;
    struct reach *reach = reach_of(town, A);
    uint64_t until = town->now.mono.ms + 3600000;
    unsigned checks = 0;
    const struct own_entry *last = NULL;
    while (town->now.mono.ms < until) {
        town_run(town, 500);
        checks += reach->check.entry != NULL && reach->check.entry != last;
        last = reach->check.entry;
    }
    assert_in_range(checks, 2, 6); /* Two addresses, twice an hour. */
    town_free(town);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_public_node_is_reachable),
        cmocka_unit_test(behind_a_nat_it_depends),
        cmocka_unit_test(a_mapped_port_is_proved_and_lost),
        cmocka_unit_test(it_is_asked_again_each_half_hour),
        cmocka_unit_test(other_links_are_other_addresses),
        cmocka_unit_test(two_nodes_know_nothing_of_a_nat),
        cmocka_unit_test(where_everyone_knows_everyone_who_comes_by_himself_counts),
        cmocka_unit_test(a_stranger_of_the_same_network_is_better_than_none),
        cmocka_unit_test(all_of_a_small_mesh_find_out_in_the_end),
        cmocka_unit_test(who_does_not_ask_by_itself_asks_when_told),
        cmocka_unit_test(an_operator_hears_it_when_nobody_can_tell),
        cmocka_unit_test(addresses_are_told_to_whom_they_concern),
        cmocka_unit_test(nobody_is_aimed_at_a_third_party),
        cmocka_unit_test(a_datagram_in_a_victims_name_counts_for_nothing),
        cmocka_unit_test(words_without_a_question_are_dropped),
        cmocka_unit_test(a_stranger_that_dials_unasked_proves_nothing),
        cmocka_unit_test(who_was_written_to_proves_nothing),
        cmocka_unit_test(ten_thousand_victims_get_three_packets_each),
        cmocka_unit_test(it_dials_strangers_at_addresses_of_hosts),
        cmocka_unit_test(one_that_serves_nobody_refuses),
        cmocka_unit_test(a_flood_of_questions_is_bounded),
        cmocka_unit_test(one_that_does_not_come_decides_nothing),
        cmocka_unit_test(a_lying_helper_is_outvoted),
        cmocka_unit_test(an_idle_hour_is_cheap),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("reach", tests, NULL, NULL);
}
