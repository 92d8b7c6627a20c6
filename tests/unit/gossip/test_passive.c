/* SPDX-License-Identifier: Apache-2.0 */
/* The passive view alone: what it is worth that somebody told of somebody. */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "core/gossip/passive.h"

static struct passive passive;
static struct random chance;
static struct tally_now now;

static int set_up(void **state)
{
    passive_free(&passive);
    assert_true(passive_new(&passive, 0));
    chance.state = 1;
    now = (struct tally_now){{100000000}, {0}};
    return 0;
}

/* Number n, in a network of its own, told by peer `by`. */
static struct candidate told(unsigned n, uint8_t by, bool came)
{
    struct candidate candidate = {.source = TALLY_SOURCE_EXCHANGE, .came = came, .heard = now.mono};
    be32_write(candidate.key.bytes, n);
    candidate.by.bytes[0] = by;
    candidate.address = (struct tally_address){
        {[10] = 0xff, [11] = 0xff, 45, (uint8_t)(n >> 8), (uint8_t)n, 1}, 4001};
    return candidate;
}

static struct candidate *put(const struct candidate *candidate)
{
    struct candidate *place = passive_put(&passive, candidate, &chance, now);
    assert_true(passive_holds(&passive));
    return place;
}

static struct candidate *put_told(unsigned n, uint8_t by, bool came)
{
    const struct candidate candidate = told(n, by, came);
    return put(&candidate);
}

static unsigned count_by(uint8_t by)
{
    unsigned count = 0;
    for (size_t i = 0; i < passive.capacity; i++)
        count += passive.list[i].used && passive.list[i].by.bytes[0] == by;
    return count;
}

static void one_peer_fills_a_sixth(void **state)
{
    for (unsigned n = 0; n < 1000; n++) {
        put_told(n, 1, false);
        assert_in_range(count_by(1), 1, PASSIVE_PER_PEER);
    }
    assert_int_equal(passive.count, PASSIVE_PER_PEER);
}

static void those_who_come_fill_half(void **state)
{
    for (unsigned n = 0; n < 1000; n++)
        put_told(n, (uint8_t)(1 + n % 20), true);
    assert_int_equal(passive.count, PASSIVE_CAME);
    for (unsigned n = 1000; n < 2000; n++)
        put_told(n, (uint8_t)(100 + n % 20), false);
    assert_int_equal(passive.count, PASSIVE_MAX);
    /* One of those we chose that came over to them does not make room for more of its kind. */
    for (unsigned n = 2000; n < 3000; n++)
        put_told(n, (uint8_t)(100 + n % 20), true);
}

static void a_small_view_has_the_same_shares(void **state)
{
    enum { SMALL = 12 };
    passive_free(&passive);
    assert_true(passive_new(&passive, SMALL));
    for (unsigned n = 0; n < 100; n++)
        put_told(n, 1, false);
    assert_int_equal(passive.count, SMALL * PASSIVE_PER_PEER / PASSIVE_MAX);
    for (unsigned n = 100; n < 1000; n++)
        put_told(n, (uint8_t)(2 + n % 20), true);
    assert_int_equal(passive.count, SMALL * (PASSIVE_PER_PEER + PASSIVE_CAME) / PASSIVE_MAX);
    for (unsigned n = 1000; n < 2000; n++)
        put_told(n, (uint8_t)(100 + n % 20), false);
    assert_int_equal(passive.count, SMALL);
}

static void hearsay_pushes_nobody_out_whom_we_got_through_to(void **state)
{
    for (unsigned n = 0; n < PASSIVE_MAX; n++) {
        struct candidate known = told(n, 0, false);
        known.source = TALLY_SOURCE_LINK;
        known.dialled = now.mono;
        assert_non_null(put(&known));
    }
    for (unsigned n = 1000; n < 2000; n++)
        assert_null(put_told(n, (uint8_t)(n % 50), false));
    for (unsigned n = 0; n < PASSIVE_MAX; n++) {
        const struct candidate known = told(n, 0, false);
        assert_non_null(passive_find(&passive, &known.key));
    }
    /* Nor does it say where such a one lives. */
    struct candidate liar = told(5, 9, false);
    liar.address.ip[13] = 200;
    struct candidate *known = put(&liar);
    assert_int_equal(known->address.ip[13], 0);
    assert_int_equal(known->source, TALLY_SOURCE_LINK);
    /* But one that does not answer any more makes way. */
    passive_failed(&passive, known, &chance, now);
    assert_non_null(put_told(3000, 1, false));
    assert_null(passive_find(&passive, &liar.key));
}

static void a_network_gets_two_places_unless_it_is_ours(void **state)
{
    for (unsigned local = 0; local < 2; local++) {
        set_up(state);
        for (unsigned n = 0; n < 20; n++) {
            struct candidate candidate = told(n, (uint8_t)n, false);
            candidate.address.ip[14] = 7;
            candidate.address.ip[15] = (uint8_t)(n + 1);
            candidate.local = local == 1;
            put(&candidate);
        }
        assert_int_equal(passive.count, local == 1 ? 20 : PASSIVE_PREFIX);
    }
}

static void an_address_is_one_peers(void **state)
{
    struct candidate first = told(1, 1, false), second = told(2, 2, false);
    second.address = first.address;
    assert_non_null(put(&first));
    assert_null(put(&second));
    /* mDNS and the operator's domain are believed: two nodes behind one box, perhaps. */
    second.source = TALLY_SOURCE_DNS;
    assert_non_null(put(&second));
}

static void where_nobody_answered_is_left_in_peace(void **state)
{
    passive_failed(&passive, put_told(1, 1, false), &chance, now);
    assert_int_equal(passive.count, 0);
    /* Whoever tells of it, under whatever key. */
    struct candidate again = told(2, 2, false);
    again.address = told(1, 1, false).address;
    assert_null(put(&again));
    now.mono.ms += PASSIVE_COLD_MS;
    again.heard = now.mono;
    assert_non_null(put(&again));
    struct candidate old = told(3, 1, false);
    old.heard.ms = now.mono.ms - PASSIVE_OLD_MS;
    assert_null(put(&old));
}

static void who_was_there_once_is_asked_ever_more_rarely(void **state)
{
    static const struct {
        bool lost;
        uint64_t rests_s[7];
    } rows[] = {
        {false, {600, 1200, 1800, 1800, 1800, 1800, 1800}},
        {true, {30, 60, 120, 240, 480, 960, 1800}},
    };
    for (size_t row = 0; row < 2; row++) {
        set_up(state);
        struct candidate known = told(1, 0, false);
        known.source = TALLY_SOURCE_LINK;
        known.dialled = now.mono;
        struct candidate *one = put(&known);
        one->lost = rows[row].lost;
        for (size_t i = 0; i < 7; i++) {
            passive_failed(&passive, one, &chance, now);
            assert_in_range(one->rest.ms - now.mono.ms, rows[row].rests_s[i] * 1000,
                            rows[row].rests_s[i] * 1200);
        }
        passive_dialled(one, now);
        assert_int_equal(one->rest.ms, 0);
        assert_int_equal(one->failures, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_peer_fills_a_sixth, set_up),
        cmocka_unit_test_setup(those_who_come_fill_half, set_up),
        cmocka_unit_test_setup(a_small_view_has_the_same_shares, set_up),
        cmocka_unit_test_setup(hearsay_pushes_nobody_out_whom_we_got_through_to, set_up),
        cmocka_unit_test_setup(a_network_gets_two_places_unless_it_is_ours, set_up),
        cmocka_unit_test_setup(an_address_is_one_peers, set_up),
        cmocka_unit_test_setup(where_nobody_answered_is_left_in_peace, set_up),
        cmocka_unit_test_setup(who_was_there_once_is_asked_ever_more_rarely, set_up),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("passive", tests, NULL, NULL);
}
