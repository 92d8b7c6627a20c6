/* SPDX-License-Identifier: Apache-2.0 */
/* What a node keeps about others, each part alone: heads, cookies, the table of peers, standing. */
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/base/random.h"
#include "core/crypto/hash.h"
#include "core/peers/greet.h"
#include "core/peers/heads.h"
#include "core/peers/links.h"
#include "core/peers/parcel.h"
#include "core/peers/peers.h"
#include "core/peers/room.h"

#include "support/cmocka.h"

#include <stdio.h>

static const struct tally_now start = {{1000000}, {INT64_C(1763700000000000)}};

static struct tally_now at(uint64_t ms)
{
    return (struct tally_now){{start.mono.ms + ms}, {start.wall.us + (int64_t)ms * 1000}};
}

static void draw(void *context, uint8_t *bytes, size_t size)
{
    struct random *random = context;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random_next(random);
}

static bool exchange(void *context, const struct tally_key *peer, uint8_t shared[32])
{
    ++*(unsigned *)context;
    memcpy(shared, peer->bytes, 32);
    return peer->bytes[0] != 0;
}

static struct tally_key key_of(unsigned n)
{
    struct tally_key key = {{(uint8_t)n, (uint8_t)(n >> 8), 1}};
    return key;
}

static struct tally_address address_of(unsigned n)
{
    return (struct tally_address){{[10] = 0xff, [11] = 0xff, 10, (uint8_t)(n >> 8), (uint8_t)n, 1},
                                  4001};
}

/* ---- Heads. ---- */

static const uint8_t hash_key[16] = {7};

static struct head head_number(unsigned n, uint64_t size)
{
    struct head head = {.size = size, .name_space = {1}};
    be32_write(head.origin.bytes, n);
    be64_write(head.root.bytes, size);
    head.issuer = key_of(n);
    return head;
}

static void head_id_is_as_the_document_says(void **state)
{
    struct head head = {.size = 70000};
    struct tally_hash id, expected;
    assert_true(hex_read("2f69b621ab2ff933c917cb991e400757ec03ba38e0292efff9589f0a8c6dda5a",
                         head.origin.bytes, 32));
    assert_true(hex_read("4813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2",
                         head.root.bytes, 32));
    assert_true(hex_read("1ad215480472c3d74998ca69aed417dcf4a24c127882f16c5157268618d4d32b",
                         expected.bytes, 32));
    heads_id(&head, &id);
    assert_memory_equal(id.bytes, expected.bytes, 32);
}

static void fingerprint_is_negentropys(void **state)
{
    /* The sum of SHA-256 of "0" to "19", and its fingerprint, from the document's vectors. */
    struct head_set set = {.count = 20};
    uint8_t expected[HEADS_FINGERPRINT], fingerprint[HEADS_FINGERPRINT];
    assert_true(
        hex_read("51e8088e1adbf87cf7a8d2cdd8033a396ee412e991255563a0243bf77abd495e", set.sum, 32));
    assert_true(hex_read("7c6b7fd4cb6d6c81419c59cbd9817420", expected, sizeof expected));
    heads_fingerprint(&set, fingerprint);
    assert_memory_equal(fingerprint, expected, sizeof expected);
}

static void fingerprint_does_not_tell_the_way(void **state)
{
    struct heads straight, detours;
    uint8_t one[HEADS_FINGERPRINT], other[HEADS_FINGERPRINT];
    assert_true(heads_new(&straight, 64, hash_key));
    assert_true(heads_new(&detours, 64, (const uint8_t[16]){9}));
    for (unsigned n = 0; n < 64; n++) {
        struct head last = head_number(n, 1000 + n);
        assert_true(heads_set(&straight, start, &last));
    }
    for (unsigned step = 0; step < 4; step++)
        for (unsigned n = 64; n-- > 0;) {
            struct head next = head_number(n, (1000 + n) * step / 3);
            assert_true(heads_set(&detours, at(step), &next));
            assert_true(heads_holds(&detours));
        }
    heads_fingerprint(&straight.sets[0], one);
    heads_fingerprint(&detours.sets[0], other);
    assert_memory_equal(one, other, sizeof one);
    assert_int_equal(straight.sets[0].count, 64);

    struct head changed = head_number(5, 2000);
    assert_true(heads_set(&detours, at(9), &changed));
    heads_fingerprint(&detours.sets[0], other);
    assert_memory_not_equal(one, other, sizeof one);
    heads_free(&straight);
    heads_free(&detours);
}

static void who_is_where_we_were_is_known(void **state)
{
    struct heads heads;
    uint8_t before[HEADS_PAST + 2][HEADS_FINGERPRINT];
    assert_true(heads_new(&heads, 8, hash_key));
    for (unsigned n = 0; n < HEADS_PAST + 2; n++) {
        struct head head = head_number(0, n + 1);
        assert_true(heads_set(&heads, at(n), &head));
        heads_fingerprint(&heads.sets[0], before[n]);
    }
    assert_false(heads_was(&heads.sets[0], before[0])); /* That is too long ago; */
    for (unsigned n = 1; n < HEADS_PAST + 1; n++)
        assert_true(heads_was(&heads.sets[0], before[n]));
    assert_false(heads_was(&heads.sets[0], before[HEADS_PAST + 1])); /* and there we are. */
    heads_free(&heads);
}

static void heads_are_bounded_and_found(void **state)
{
    struct heads heads;
    assert_true(heads_new(&heads, 8, hash_key));
    for (unsigned n = 0; n < 8; n++) {
        struct head head = head_number(n, n);
        assert_true(heads_set(&heads, at(n), &head));
    }
    struct head ninth = head_number(8, 1), third = head_number(3, 3);
    assert_false(heads_set(&heads, at(9), &ninth));
    const struct head *held = heads_find(&heads, &third.origin);
    assert_non_null(held);
    assert_int_equal(held->size, 3);
    assert_int_equal(held->changed.ms, at(3).mono.ms);
    assert_null(heads_find(&heads, &ninth.origin));

    /* A hint finds a log of its issuer only. */
    struct tally_key other = key_of(4);
    assert_ptr_equal(heads_find_hint(&heads, &third.issuer, third.origin.bytes), held);
    assert_null(heads_find_hint(&heads, &other, third.origin.bytes));

    heads_claim(&heads, held, 30);
    heads_claim(&heads, held, 20);
    assert_int_equal(held->claimed, 30);
    /* A log without a checkpoint is known, but in no set. */
    assert_int_equal(heads.sets[0].count, 7);
    heads_free(&heads);
}

static void namespaces_are_bounded(void **state)
{
    struct heads heads;
    assert_true(heads_new(&heads, 64, hash_key));
    for (unsigned n = 0; n < TALLY_NAMESPACES_MAX + 1; n++) {
        struct head head = head_number(n, 1);
        head.name_space[0] = (uint8_t)n;
        assert_int_equal(heads_set(&heads, start, &head), n < TALLY_NAMESPACES_MAX);
        assert_true(heads_holds(&heads));
    }
    heads_free(&heads);
}

/* ---- Cookies. ---- */

static void cookie_is_as_the_document_says(void **state)
{
    struct cookie_jar jar = {.drawn = {0}};
    struct tally_key a;
    struct tally_address from = {.port = 4102};
    uint8_t nonce[16], cookie[16], expected[16];
    memset(jar.keys[0], 0x11, 16);
    assert_true(
        hex_read("8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c", a.bytes, 32));
    assert_true(hex_read("00000000000000000000ffffc0000207", from.ip, 16));
    assert_true(hex_read("000102030405060708090a0b0c0d0e0f", nonce, 16));
    assert_true(hex_read("5c6d43ec47ee52d49ac292116cef2fca", expected, 16));
    cookie_make(&jar, &from, &a, nonce, cookie);
    assert_memory_equal(cookie, expected, 16);
}

static void cookie_lives_60_to_120_s_and_for_one_asker(void **state)
{
    static const struct {
        uint64_t made_ms, shown_ms;
        bool good;
    } cases[] = {
        {0, 0, true},        {0, 59999, true},      {0, 60001, true},      {0, 119999, true},
        {0, 120001, false},  {59999, 60001, true},  {59999, 119999, true}, {59999, 120001, false},
        {0, 3600000, false}, {1, 60000 * 2, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct random random = {i};
        struct tally_secret secret = {&random, draw};
        struct cookie_jar jar;
        struct tally_key asker = key_of(1), other = key_of(2);
        struct tally_address here = address_of(1), there = address_of(2);
        uint8_t nonce[16] = {1}, cookie[16];
        cookie_init(&jar, &secret, start);
        cookie_turn(&jar, &secret, at(cases[i].made_ms));
        cookie_make(&jar, &here, &asker, nonce, cookie);
        assert_false(cookie_good(&jar, &there, &asker, nonce, cookie));
        assert_false(cookie_good(&jar, &here, &other, nonce, cookie));
        /* A busy node uses the jar all the time, a quiet one not: both forget in time. */
        if (i % 2 == 0 && cases[i].shown_ms > 60000)
            cookie_turn(&jar, &secret, at(60000));
        cookie_turn(&jar, &secret, at(cases[i].shown_ms));
        assert_int_equal(cookie_good(&jar, &here, &asker, nonce, cookie), cases[i].good);
    }
}

static void one_prefix_cannot_spend_the_budget_of_all(void **state)
{
    struct random random = {3};
    struct tally_secret secret = {&random, draw};
    struct cookie_jar jar;
    cookie_init(&jar, &secret, start);
    unsigned paid = 0, others = 0;
    for (unsigned i = 0; i < 10000; i++) {
        struct tally_address from = address_of(7);
        from.ip[15] = (uint8_t)i; /* All of one /24. */
        paid += cookie_pay(&jar, &from, start);
    }
    assert_int_equal(paid, TALLY_HELLO_PREFIX_RATE);
    for (unsigned i = 0; i < 10000; i++) {
        struct tally_address from = address_of(i * 7 + 11);
        others += cookie_pay(&jar, &from, start);
    }
    assert_int_equal(others, TALLY_HELLO_RATE - TALLY_HELLO_PREFIX_RATE);
}

/* ---- The table. ---- */

struct fixture {
    struct random random;
    unsigned exchanges;
    struct peers peers;
};

static void peers_setup(struct fixture *fixture, unsigned peers_max)
{
    struct peers_options options = {
        .key = key_of(9999),
        .epoch = 1,
        .peers_max = peers_max,
        .secret = {&fixture->random, draw},
        .crypto = {.context = &fixture->exchanges, .exchange = exchange},
    };
    fixture->random.state = 5;
    fixture->exchanges = 0;
    assert_true(peers_new(&fixture->peers, &options, start));
}

static void strangers_make_way_for_strangers_only(void **state)
{
    struct fixture fixture;
    peers_setup(&fixture, 8);
    struct peers *peers = &fixture.peers;
    struct tally_address address = address_of(1);
    for (unsigned n = 0; n < 4; n++) {
        struct tally_key key = key_of(n);
        assert_true(peers_configure(peers, &key, &address, start));
    }
    for (unsigned n = 4; n < 1000; n++) {
        struct tally_key key = key_of(n);
        struct peer *peer = peers_take(peers, &key, at(n));
        assert_non_null(peer);
        assert_ptr_equal(peers_find(peers, &key), peer);
        assert_true(peers_holds(peers));
    }
    for (unsigned n = 0; n < 1000; n++) {
        struct tally_key key = key_of(n);
        bool kept = n < 4 || n >= 996;
        assert_int_equal(peers_find(peers, &key) != NULL, kept);
    }
    /* When everybody is to be kept, there is no room. */
    for (unsigned n = 0; n < 4; n++) {
        struct tally_key key = key_of(996 + n);
        assert_true(peers_configure(peers, &key, &address, start));
    }
    struct tally_key late = key_of(2000);
    assert_null(peers_take(peers, &late, at(5000)));
    assert_false(peers_configure(peers, &peers->options.key, &address, start));
    peers_free(peers);
}

static void barred_keys_do_not_shut_strangers_out(void **state)
{
    struct fixture fixture;
    peers_setup(&fixture, 8);
    struct peers *peers = &fixture.peers;
    for (unsigned n = 0; n < 7; n++) {
        struct tally_key key = key_of(n);
        assert_true(peer_judge(peers_take(peers, &key, at(n)), -100, at(n)));
    }
    struct tally_key honest = key_of(100), next = key_of(101), third = key_of(102);
    assert_non_null(peers_take(peers, &honest, at(10)));
    /* The honest one goes first, then the oldest of the barred. */
    assert_non_null(peers_take(peers, &next, at(11)));
    assert_null(peers_find(peers, &honest));
    peers_find(peers, &next)->link.state = LINK_GREETING;
    assert_non_null(peers_take(peers, &third, at(12)));
    struct tally_key oldest = key_of(0), second = key_of(1);
    assert_null(peers_find(peers, &oldest));
    assert_non_null(peers_find(peers, &second));
    peers_free(peers);
}

/* A light link, heard then. */
static struct peer *linked(struct peers *peers, unsigned n, uint64_t ms)
{
    struct tally_key key = key_of(n);
    struct peer *peer = peers_take(peers, &key, at(ms));
    assert_non_null(peer);
    link_count(peers, peer, true, false);
    peer->link.state = LINK_LINKED;
    peer->link.heard = at(ms).mono;
    return peer;
}

static void whom_we_ask_ourselves_is_not_forgotten_for_strangers(void **state)
{
    struct fixture fixture;
    peers_setup(&fixture, 8);
    struct peers *peers = &fixture.peers;
    for (unsigned n = 0; n < 3; n++)
        linked(peers, n, n)->rare->kept = at(100000).mono;
    for (unsigned n = 3; n < 8; n++)
        (void)linked(peers, n, n);
    assert_false(peers_crowded(peers, at(8)));
    for (unsigned n = 8; n < 100; n++) {
        (void)linked(peers, n, n);
        assert_true(peers_crowded(peers, at(n)));
        assert_true(peers_holds(peers));
    }
    for (unsigned n = 0; n < 100; n++) {
        struct tally_key key = key_of(n);
        assert_int_equal(peers_find(peers, &key) != NULL, n < 3 || n >= 95);
    }
    /* For ever it is not: whoever is not asked any more is the oldest. */
    (void)linked(peers, 100, 100001);
    struct tally_key first = key_of(0);
    assert_null(peers_find(peers, &first));
    /* With places free again, as links end, nothing is given up. */
    uint64_t ms = 100001 + PEERS_CROWDED_MS;
    assert_false(peers_crowded(peers, at(ms)));
    for (unsigned n = 96; n < 100; n++) {
        struct peers_news news = {.linked = NULL};
        struct tally_key key = key_of(n);
        link_end(peers, peers_find(peers, &key), TALLY_DROP_SILENT, at(ms), &news);
    }
    for (unsigned n = 200; n < 204; n++)
        (void)linked(peers, n, ms + n);
    assert_false(peers_crowded(peers, at(ms + 204)));
    peers_free(peers);
}

static void addresses_that_answered_come_first(void **state)
{
    struct fixture fixture;
    peers_setup(&fixture, 4);
    struct tally_key key = key_of(1);
    struct peer *peer = peers_take(&fixture.peers, &key, start);
    struct tally_address configured = address_of(100);
    peer_address_add(peer, &configured, TALLY_SOURCE_CONFIGURED, false, start);
    for (unsigned n = 0; n < 20; n++) {
        struct tally_address address = address_of(n);
        peer_address_add(peer, &address, TALLY_SOURCE_LINK, true, at(n));
        assert_true(address_equal(&peer->addresses[0].address, &address));
    }
    assert_int_equal(peer->address_count, TALLY_ADDRESSES_MAX);
    bool kept = false;
    for (size_t i = 0; i < peer->address_count; i++)
        kept = kept || address_equal(&peer->addresses[i].address, &configured);
    assert_true(kept);
    peers_free(&fixture.peers);
}

/* An address that may be greeted is asked for each minute. */
static unsigned hellos_in(struct fixture *fixture, struct peer *peer, uint64_t from_ms,
                          uint64_t to_ms)
{
    struct tally_action actions[4], action;
    uint8_t arena[4 * TALLY_DATAGRAM_MAX], body[8] = {0};
    struct outbox out;
    unsigned hellos = 0;
    outbox_init(&out, actions, 4, arena, sizeof arena);
    for (uint64_t ms = from_ms; ms < to_ms; ms += 1000) {
        struct peers_ended ended;
        outbox_clear(&out);
        if (ms % 60000 == 0)
            (void)peers_ask(&fixture->peers, peer, TALLY_KIND_FIND_NODE,
                            bytes_of(body, sizeof body), at(ms), &out);
        peers_tick(&fixture->peers, at(ms), &ended, &out);
        while (outbox_next(&out, &action))
            hellos++;
    }
    return hellos;
}

static void who_does_not_answer_is_greeted_ever_more_rarely(void **state)
{
    static const struct {
        uint64_t from_min, to_min;
        unsigned hellos;
    } table[] = {{0, 10, 3}, {10, 30, 1}, {30, 69, 1}, {69, 140, 1}, {140, 280, 1}};
    struct fixture fixture;
    peers_setup(&fixture, 4);
    struct tally_key key = key_of(1);
    struct tally_address address = address_of(1);
    struct peer *peer = peers_take(&fixture.peers, &key, start);
    peer_address_add(peer, &address, TALLY_SOURCE_DHT, false, start);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_int_equal(
            hellos_in(&fixture, peer, table[i].from_min * 60000, table[i].to_min * 60000),
            table[i].hellos);
    peers_free(&fixture.peers);
}

static void the_exchange_is_computed_once(void **state)
{
    struct fixture fixture;
    peers_setup(&fixture, 4);
    struct tally_key key = key_of(1);
    struct peer *peer = peers_take(&fixture.peers, &key, start);
    for (unsigned n = 0; n < 10; n++)
        assert_true(peers_shared(&fixture.peers, peer));
    assert_int_equal(fixture.exchanges, 1);
    peers_free(&fixture.peers);
}

static void standing_fades_and_bars(void **state)
{
    struct peer_rare rare = {.standing = 0};
    struct peer peer = {.rare = &rare};
    /* First deliveries count once a second. */
    for (unsigned n = 0; n < 100; n++)
        assert_false(peer_judge(&peer, 1, at(n * 10)));
    assert_int_equal(peer_standing(&peer), 1);
    rare.standing = 0;
    assert_false(peer_judge(&peer, -20, at(1000)));
    assert_false(peer_judge(&peer, -20, at(1000)));
    /* A minute and a half later nine tenths, nine times: 40 -> 14. */
    assert_false(peer_judge(&peer, -30, at(91000)));
    assert_in_range(-rare.standing, 40, 50);

    static const uint64_t bars_min[] = {30, 60, 120, 240, 480, 960, 1440, 1440};
    uint64_t now = 200000;
    for (size_t i = 0; i < sizeof bars_min / sizeof *bars_min; i++) {
        assert_true(peer_judge(&peer, -100, at(now)));
        uint64_t end = now + bars_min[i] * 60000;
        assert_true(peer_barred(&peer, at(end - 1)));
        assert_false(peer_barred(&peer, at(end)));
        now = end;
    }
}

static void order_is_by_epoch_then_counter(void **state)
{
    static const struct {
        uint32_t epoch;
        uint64_t counter;
        bool above;
    } cases[] = {{5, 10, true},  {5, 10, false}, {5, 9, false},          {5, 11, true},
                 {4, 99, false}, {6, 0, true},   {5, UINT64_MAX, false}, {6, 1, true}};
    struct peer_order order = {.any = false};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(peer_order_above(&order, cases[i].epoch, cases[i].counter),
                         cases[i].above);
        if (cases[i].above)
            peer_order_take(&order, cases[i].epoch, cases[i].counter);
    }
}

static void clock_offset_is_the_median(void **state)
{
    static const struct {
        int64_t offsets[5];
        size_t count;
        int64_t median;
    } cases[] = {{{0}, 0, 0},
                 {{7}, 1, 7},
                 {{-100, 5, 1000000000}, 3, 5},
                 {{3, 3, 3, -9, 9}, 5, 3},
                 {{1, 2, 3, 4}, 4, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture fixture;
        peers_setup(&fixture, 8);
        for (size_t n = 0; n < cases[i].count; n++) {
            struct tally_key key = key_of((unsigned)n);
            struct peer *peer = peers_take(&fixture.peers, &key, start);
            peer->link.state = LINK_LINKED;
            peer->has_offset = true;
            peer->offset_us = cases[i].offsets[n];
        }
        assert_int_equal(peers_clock_offset(&fixture.peers), cases[i].median);
        peers_free(&fixture.peers);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(head_id_is_as_the_document_says),
        cmocka_unit_test(fingerprint_is_negentropys),
        cmocka_unit_test(fingerprint_does_not_tell_the_way),
        cmocka_unit_test(who_is_where_we_were_is_known),
        cmocka_unit_test(heads_are_bounded_and_found),
        cmocka_unit_test(namespaces_are_bounded),
        cmocka_unit_test(cookie_is_as_the_document_says),
        cmocka_unit_test(cookie_lives_60_to_120_s_and_for_one_asker),
        cmocka_unit_test(one_prefix_cannot_spend_the_budget_of_all),
        cmocka_unit_test(strangers_make_way_for_strangers_only),
        cmocka_unit_test(barred_keys_do_not_shut_strangers_out),
        cmocka_unit_test(whom_we_ask_ourselves_is_not_forgotten_for_strangers),
        cmocka_unit_test(addresses_that_answered_come_first),
        cmocka_unit_test(who_does_not_answer_is_greeted_ever_more_rarely),
        cmocka_unit_test(the_exchange_is_computed_once),
        cmocka_unit_test(standing_fades_and_bars),
        cmocka_unit_test(order_is_by_epoch_then_counter),
        cmocka_unit_test(clock_offset_is_the_median),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}
