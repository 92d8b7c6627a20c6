/* SPDX-License-Identifier: Apache-2.0 */
/* Where peers see us: who is believed, and for how long. */
#include "core/nat/votes.h"

#include "core/base/bytes.h"

#include "support/cmocka.h"

static struct tally_address ip4(unsigned a, unsigned b, unsigned c, unsigned d, uint16_t port)
{
    return (struct tally_address){
        {[10] = 0xff, [11] = 0xff, [12] = (uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d}, port};
}

static struct tally_address ip6(unsigned a, unsigned b, unsigned host, uint16_t port)
{
    return (struct tally_address){
        {[0] = 0x2a, [1] = (uint8_t)a, [2] = (uint8_t)b, [15] = (uint8_t)host}, port};
}

static struct tally_now at(uint64_t ms)
{
    return (struct tally_now){.mono = {1000000 + ms}};
}

static void three_networks_make_a_candidate(void **state)
{
    /* Observers, each with the address it tells, and whether that is enough. */
    static const struct {
        unsigned observer[4];
        unsigned port;
        unsigned count; /* 0: no candidate. */
    } steps[] = {
        {{11, 1, 0, 1}, 4001, 0}, {{11, 1, 9, 9}, 4001, 0}, /* The same /16: no second voice. */
        {{11, 2, 0, 1}, 4001, 0}, {{11, 3, 0, 1}, 4002, 0}, /* Another port: not the same. */
        {{11, 4, 0, 1}, 4001, 3}, {{11, 5, 0, 1}, 4001, 4},
        {{11, 5, 7, 7}, 4009, 3}, /* The last word of a network counts. */
    };
    struct votes votes = {0};
    struct tally_address found, own = ip4(31, 0, 0, 1, 0);
    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const unsigned *o = steps[i].observer;
        struct tally_address observer = ip4(o[0], o[1], o[2], o[3], 4001);
        unsigned count;
        own.port = (uint16_t)steps[i].port;
        assert_true(votes_add(&votes, &observer, &own, at(i)));
        bool any = votes_candidate(&votes, true, at(i), &found, &count);
        assert_int_equal(any ? count : 0, steps[i].count);
        assert_true(!any || found.port == 4001);
    }
}

static void votes_age(void **state)
{
    struct votes votes = {0};
    struct tally_address found, own = ip4(31, 0, 0, 1, 4001);
    unsigned count;
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct tally_address observer = ip4(11, i, 0, 1, 4001);
        assert_true(votes_add(&votes, &observer, &own, at(i * 1000)));
    }
    assert_true(votes_candidate(&votes, true, at(VOTES_FRESH_MS - 1), &found, &count));
    assert_false(votes_candidate(&votes, true, at(VOTES_FRESH_MS), &found, &count));
    assert_int_equal(votes_for(&votes, &own, at(VOTES_OLD_MS - 1)), 3);
    assert_int_equal(votes_for(&votes, &own, at(VOTES_OLD_MS)), 2);
    assert_int_equal(votes_for(&votes, &own, at(VOTES_OLD_MS + 2000)), 0);
    assert_false(votes_last(&votes, true, at(VOTES_OLD_MS + 2000), &found));
}

static void only_the_wide_network_votes(void **state)
{
    struct votes votes = {0};
    struct tally_address global = ip4(11, 1, 0, 1, 4001), lan = ip4(10, 0, 0, 7, 4001);
    struct tally_address own = ip4(31, 0, 0, 1, 4001), inner = ip4(192, 168, 0, 9, 4001);
    (void)state;
    assert_false(votes_add(&votes, &lan, &own, at(0)));
    assert_false(votes_add(&votes, &global, &inner, at(0)));
    assert_true(votes_add(&votes, &global, &own, at(0)));
}

/* Whose own word it is, and not its network's: behind a NAT that gives each way a port of its own,
   two of one network see two addresses all the time. */
static void an_observer_that_sees_us_elsewhere_tells_that_we_moved(void **state)
{
    struct votes votes = {0};
    struct tally_address observer = ip4(11, 1, 0, 1, 4001), near = ip4(11, 1, 0, 2, 4001);
    struct tally_address own = ip4(31, 0, 0, 1, 4001), new = ip4(32, 0, 0, 1, 4001);
    (void)state;
    assert_int_equal(votes_add(&votes, &observer, &own, at(0)), VOTES_CHANGED);
    assert_int_equal(votes_add(&votes, &observer, &own, at(1000)), VOTES_SAME);
    assert_int_equal(votes_add(&votes, &observer, &new, at(2000)), VOTES_MOVED);
    assert_int_equal(votes_add(&votes, &near, &own, at(3000)), VOTES_CHANGED);
    assert_int_equal(votes_add(&votes, &observer, &new, at(4000)), VOTES_CHANGED);
}

static void a_crowd_of_keys_in_one_place_has_one_voice(void **state)
{
    struct votes votes = {0};
    struct tally_address found, own = ip4(31, 0, 0, 1, 4001), lie = ip4(60, 0, 0, 1, 5000);
    unsigned count;
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct tally_address observer = ip4(11, i, 0, 1, 4001);
        assert_true(votes_add(&votes, &observer, &own, at(0)));
    }
    for (unsigned i = 0; i < 10000; i++) {
        struct tally_address observer = ip4(77, 77, i / 256, i % 256, 4001);
        assert_true(votes_add(&votes, &observer, &lie, at(i)));
    }
    assert_true(votes_candidate(&votes, true, at(10000), &found, &count));
    assert_true(address_equal(&found, &own));
    assert_int_equal(votes_for(&votes, &lie, at(10000)), 1);
    assert_int_equal(votes_kind(&votes, true, &(struct address_policy){0}, at(10000)),
                     TALLY_NAT_CONE);
}

static void families_are_apart(void **state)
{
    struct votes votes = {0};
    struct tally_address found, own4 = ip4(31, 0, 0, 1, 4001), own6 = ip6(9, 9, 1, 4001);
    unsigned count;
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct tally_address four = ip4(11, i, 0, 1, 4001), six = ip6(1, i, 1, 4001);
        struct tally_address near = ip6(1, i, 2, 4001); /* The same /32. */
        assert_true(votes_add(&votes, &four, &own4, at(0)));
        assert_int_equal(votes_candidate(&votes, false, at(0), &found, &count), false);
        if (i < 2) {
            assert_true(votes_add(&votes, &six, &own6, at(0)));
            assert_true(votes_add(&votes, &near, &own6, at(0)));
        }
    }
    assert_true(votes_candidate(&votes, true, at(0), &found, &count));
    assert_true(address_equal(&found, &own4));
    assert_int_equal(count, 3);
}

static void the_kind_of_nat_shows_in_ports(void **state)
{
    /* Ports that five networks tell, 0: none; the machine has the address itself or not. */
    static const struct {
        uint16_t ports[5];
        bool own;
        enum tally_nat_kind kind;
    } rows[] = {
        {{4001, 4001, 0, 0, 0}, false, TALLY_NAT_UNKNOWN}, /* Two networks: who knows. */
        {{4001, 4001, 4001, 0, 0}, false, TALLY_NAT_CONE},
        {{4001, 4001, 4001, 0, 0}, true, TALLY_NAT_NONE},
        {{4001, 4002, 4003, 0, 0}, false, TALLY_NAT_SYMMETRIC},
        {{4001, 4002, 4003, 4004, 4005}, false, TALLY_NAT_SYMMETRIC},
        {{4001, 4001, 4001, 9, 0}, false, TALLY_NAT_CONE}, /* One lies. */
        {{4001, 4001, 9, 0, 0}, false, TALLY_NAT_CONE},
        {{0, 0, 0, 0, 0}, false, TALLY_NAT_UNKNOWN},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct votes votes = {0};
        const struct tally_interface interface = {.address = ip4(31, 0, 0, 1, 0)};
        struct address_policy policy = {.profile = TALLY_PROFILE_STATIC};
        address_policy_links(&policy, &interface, rows[i].own ? 1 : 0);
        for (unsigned j = 0; j < 5; j++) {
            struct tally_address observer = ip4(11, j, 0, 1, 4001);
            struct tally_address own = ip4(31, 0, 0, 1, rows[i].ports[j]);
            if (own.port != 0)
                assert_true(votes_add(&votes, &observer, &own, at(j)));
        }
        assert_int_equal(votes_kind(&votes, true, &policy, at(10)), rows[i].kind);
    }
}

static void memory_is_bounded(void **state)
{
    struct votes votes = {0};
    struct tally_address own = ip4(31, 0, 0, 1, 4001);
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        struct tally_address observer = ip4(11, i, 0, 1, 4001);
        assert_true(votes_add(&votes, &observer, &own, at(i)));
    }
    assert_int_equal(votes_for(&votes, &own, at(200)), VOTES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_networks_make_a_candidate),
        cmocka_unit_test(votes_age),
        cmocka_unit_test(only_the_wide_network_votes),
        cmocka_unit_test(an_observer_that_sees_us_elsewhere_tells_that_we_moved),
        cmocka_unit_test(a_crowd_of_keys_in_one_place_has_one_voice),
        cmocka_unit_test(families_are_apart),
        cmocka_unit_test(the_kind_of_nat_shows_in_ports),
        cmocka_unit_test(memory_is_bounded),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("votes", tests, NULL, NULL);
}
