/* SPDX-License-Identifier: Apache-2.0 */
/* Whether others get through to us, in a mesh so small that there are no strangers in it: every
   node has a link with every other. */
#include "town.h"

#include "support/cmocka.h"

enum { A = 4 };

static struct reach *reach_of(struct town *town)
{
    return &town->nodes[A].datagrams.reaching.reach;
}

static enum tally_reach_state state_of(struct town *town, enum tally_transport transport,
                                       enum tally_own_source source)
{
    struct tally_own_address view;
    return town_own(town, A, transport, source, &view) ? view.state : TALLY_REACH_UNKNOWN;
}

static void settle(struct town *town)
{
    for (size_t i = 0; i <= A; i++)
        for (size_t j = 0; j < i; j++)
            town_introduce(town, i, j);
    town_run(town, 5000);
}

static void streams_prove_it_all_the_same(void **state)
{
    struct town *town = town_new(A + 1, 1);
    struct tally_own_address view;
    (void)state;
    settle(town);
    town_run(town, 60000);
    assert_true(town_own(town, A, TALLY_TRANSPORT_TCP, TALLY_OWN_INTERFACE, &view));
    assert_int_equal(view.state, TALLY_REACH_REACHABLE);
    assert_false(view.weak);
    assert_int_not_equal(state_of(town, TALLY_TRANSPORT_UDP, TALLY_OWN_INTERFACE),
                         TALLY_REACH_REACHABLE);
    town_free(town);
}

static void a_nat_lets_no_stream_in_because_of_a_link(void **state)
{
    struct town *town = town_new(A + 1, 1);
    (void)state;
    town_behind(town, A, 0, NAT_PORT);
    settle(town);
    town_run(town, REACH_AGAIN_MS);
    assert_int_not_equal(state_of(town, TALLY_TRANSPORT_TCP, TALLY_OWN_OBSERVED),
                         TALLY_REACH_REACHABLE);
    /* And whoever comes unasked, or through a hole that both have punched, proves nothing. */
    struct reach *reach = reach_of(town);
    struct tally_address from = town_outer(town, 0);
    struct peer *peer = town_peer(town, A, 0);
    struct own_entry *entry = &reach->own.list[0];
    entry->transport = TALLY_TRANSPORT_TCP;
    reach->check = (struct reach_check){.entry = entry, .helper_count = 1};
    reach_stream(reach, town->now, &peer->key, &from, peer);
    assert_non_null(reach->check.entry);
    peer->link.punched = true;
    reach->check.handed = true;
    reach->check.by = peer->key;
    reach_stream(reach, town->now, &peer->key, &from, peer);
    assert_non_null(reach->check.entry);
    assert_false(reach->check.handed);
    town_free(town);
}

static void a_linked_peer_may_be_faster_than_the_word_of_it(void **state)
{
    struct town *town = town_new(A + 1, 1);
    struct tally_dialled dialled = {.verdict = DIALLED_COMING, .has_by = true};
    (void)state;
    town->check = TOWN_NOBODY_CHECKS;
    settle(town);
    struct reach *reach = reach_of(town);
    struct tally_address from = town_outer(town, 1);
    struct peer *sent = town_peer(town, A, 1), *helper = town_peer(town, A, 0);
    struct own_entry *entry = &reach->own.list[0];
    while (entry->transport != TALLY_TRANSPORT_TCP)
        entry++;
    reach->check = (struct reach_check){.entry = entry, .helper_count = 1};
    reach->check.helpers[0] = helper->key;
    reach_stream(reach, town->now, &sent->key, &from, sent);
    assert_non_null(reach->check.entry);
    dialled.by = sent->key;
    struct town_node *node = &town->nodes[A];
    assert_int_equal(
        reach_told(reach, town->now, &node->datagrams.peers, helper, &dialled, &node->outbox),
        TALLY_DROP_NONE);
    assert_null(reach->check.entry);
    assert_int_equal(entry->state, TALLY_REACH_REACHABLE);
    town_free(town);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_prove_it_all_the_same),
        cmocka_unit_test(a_nat_lets_no_stream_in_because_of_a_link),
        cmocka_unit_test(a_linked_peer_may_be_faster_than_the_word_of_it),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("reach-small", tests, NULL, NULL);
}
