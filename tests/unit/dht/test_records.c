/* SPDX-License-Identifier: Apache-2.0 */
/* Peer records and topic ads: what we say of ourselves, and what liars say of themselves. */
#include "people.h"

#include "core/base/bytes.h"
#include "core/base/random.h"
#include "core/dht/metric.h"

#include "support/cmocka.h"

/* ---- Our own. ---- */

static struct tally_own_address own(struct tally_address address, enum tally_transport transport,
                                    enum tally_reach_state state)
{
    return (struct tally_own_address){.address = address, .transport = transport, .state = state};
}

static void only_what_is_reachable_and_global_is_told(void **state)
{
    const enum tally_transport UDP = TALLY_TRANSPORT_UDP, TCP = TALLY_TRANSPORT_TCP;
    const enum tally_reach_state YES = TALLY_REACH_REACHABLE;
    const struct tally_address good = people_ip4(11, 0, 0, 1), six = people_ip6(0x2a00, 1, 2, 3);
    struct tally_address no_port = people_ip4(11, 0, 0, 2);
    no_port.port = 0;
    const struct tally_own_address all[] = {
        own(good, TCP, YES),
        own(people_ip4(192, 168, 1, 2), UDP, YES),
        own(people_ip4(100, 64, 1, 2), UDP, YES),
        own(people_ip6(0xfe80, 0, 0, 0), UDP, YES),
        own(no_port, UDP, YES),
        own(people_ip4(11, 0, 0, 3), UDP, TALLY_REACH_CANDIDATE),
        own(people_ip4(11, 0, 0, 4), UDP, TALLY_REACH_UNREACHABLE),
        own(good, UDP, YES),
        own(good, UDP, YES),
        own(six, UDP, YES),
        own(six, TCP, YES),
    };
    const struct record_namespace namespaces[] = {
        {"private", true},   {"one-----", false}, {"two-----", false}, {"three---", false},
        {"four----", false}, {"five----", false}, {"six-----", false}, {"seven---", false},
    };
    const struct record_self self = {all, sizeof all / sizeof *all, 3, namespaces, 8};
    struct person me;
    uint8_t bytes[RECORD_PEER_MAX], ad_bytes[RECORD_AD_MAX];
    struct tally_now now = people_now(0);
    struct tally_hash topic = {{7}};
    person_init(&me, 1, good);
    me.counter = UINT64_MAX - 1;
    me.epoch = UINT32_MAX;
    const struct record_author author = person_author(&me);

    size_t size = record_write_peer(&author, now, &self, bytes);
    assert_in_range(size, 200, 276);
    struct record_peer record;
    assert_int_equal(record_read_peer(bytes_of(bytes, size), now, &record), TALLY_DROP_NONE);
    assert_int_equal(record.body.endpoints_count, 4);
    const enum tally_transport transports[] = {UDP, UDP, TCP, TCP};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(record.body.endpoints[i].transport, transports[i]);
    assert_true(address_equal(&record.body.endpoints[0].address, &good));
    assert_true(address_equal(&record.body.endpoints[1].address, &six));
    assert_int_equal(record.body.namespaces.size, 6 * 8);
    assert_memory_equal(record.body.namespaces.data, "one-----two-----three---four----", 32);
    assert_int_equal(record.datagram.counter, UINT64_MAX - 1);

    size = record_write_ad(&author, now, &self, &topic, ad_bytes);
    assert_in_range(size, 150, 212);
    struct record_ad ad;
    assert_int_equal(record_read_ad(bytes_of(ad_bytes, size), now, &ad), TALLY_DROP_NONE);
    assert_int_equal(ad.body.endpoints_count, 2);
    assert_int_equal(ad.body.endpoints[1].transport, UDP);
    assert_int_equal(ad.datagram.counter, UINT64_MAX);
    struct verifier verifier = people_verifier(now);
    assert_int_equal(verifier_datagram(&verifier, now, &ad.datagram), TALLY_DROP_NONE);
}

static void who_is_not_reachable_advertises_nothing_and_can_say_so(void **state)
{
    struct person me;
    uint8_t bytes[RECORD_PEER_MAX], ad[RECORD_AD_MAX];
    struct tally_hash topic = {{7}};
    struct record_peer record;
    struct tally_now now = people_now(0);
    person_init(&me, 1, people_ip4(11, 0, 0, 1));
    const enum tally_reach_state not_reachable[] = {TALLY_REACH_UNKNOWN, TALLY_REACH_ASKED};
    for (size_t i = 0; i < 2; i++) {
        me.own.state = not_reachable[i];
        assert_int_equal(person_ad(&me, now, &topic, ad).size, 0);
        struct tally_bytes said = person_record(&me, now, bytes);
        assert_int_equal(record_read_peer(said, now, &record), TALLY_DROP_NONE);
        assert_int_equal(record.body.endpoints_count, 0);
    }
    /* Whoever finds an ad greets with a datagram. */
    me.own.state = TALLY_REACH_REACHABLE;
    me.own.transport = TALLY_TRANSPORT_TCP;
    assert_int_equal(person_ad(&me, now, &topic, ad).size, 0);
}

/* ---- Those of others. ---- */

static struct tally_bytes peer_body(const struct tally_peer_record *record, uint8_t *bytes)
{
    struct wire_writer w;
    wire_writer_init(&w, bytes, 400);
    tally_peer_record_write(record, &w);
    return wire_writer_bytes(&w);
}

static void records_are_judged_cheap_before_expensive(void **state)
{
    const struct tally_now now = people_now(0);
    const uint64_t wall_ms = (uint64_t)now.wall.us / 1000;
    const struct {
        uint64_t wall_ms;
        uint32_t ttl_s;
        struct tally_address address;
        enum tally_drop drop;
    } cases[] = {
        {wall_ms, 86400, people_ip4(11, 0, 0, 1), TALLY_DROP_NONE},
        {wall_ms, 86400, people_ip4(10, 0, 0, 1), TALLY_DROP_SCOPE},
        {wall_ms, 86400, people_ip4(127, 0, 0, 1), TALLY_DROP_SCOPE},
        {wall_ms, 86400, people_ip4(224, 0, 0, 251), TALLY_DROP_SCOPE},
        {wall_ms, 86400, people_ip6(0xfe80, 0, 0, 0), TALLY_DROP_SCOPE},
        {wall_ms, 86400, people_ip6(0xfc00, 0, 0, 0), TALLY_DROP_SCOPE},
        /* Its clock may be five minutes off, either way. */
        {wall_ms + 300000, 60, people_ip4(11, 0, 0, 1), TALLY_DROP_NONE},
        {wall_ms + 300001, 60, people_ip4(11, 0, 0, 1), TALLY_DROP_DRIFTED},
        {wall_ms - 359999, 60, people_ip4(11, 0, 0, 1), TALLY_DROP_NONE},
        {wall_ms - 360000, 60, people_ip4(11, 0, 0, 1), TALLY_DROP_EXPIRED},
        {wall_ms - 1, 0, people_ip4(11, 0, 0, 1), TALLY_DROP_EXPIRED},
        {UINT64_C(9223372036854775), 86400, people_ip4(11, 0, 0, 1), TALLY_DROP_DRIFTED},
        {0, 86400, people_ip4(11, 0, 0, 1), TALLY_DROP_EXPIRED},
    };
    struct person liar;
    person_init(&liar, 1, people_ip4(11, 0, 0, 1));
    struct verifier verifier = people_verifier(now);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t body[400], bytes[TALLY_RECORD_MAX];
        struct record_peer record;
        const struct tally_peer_record said = {
            .wall_ms = cases[i].wall_ms,
            .ttl_s = cases[i].ttl_s,
            .endpoints_count = 2,
            .endpoints = {{0, liar.address}, {0, cases[i].address}},
        };
        struct tally_bytes made =
            person_write(&liar, TALLY_KIND_PEER_RECORD, peer_body(&said, body), bytes);
        assert_int_equal(record_open_peer(made, now, &liar.key, &verifier, &record), cases[i].drop);
    }
    assert_int_equal(verifier.checks, 3); /* Of the three that were good. */
}

static void forms_that_are_not_a_record_cost_nothing(void **state)
{
    struct person liar, other;
    uint8_t bytes[TALLY_RECORD_MAX], copy[TALLY_RECORD_MAX], long_body[400] = {0};
    const struct tally_now now = people_now(0);
    struct tally_hash topic = {{7}};
    struct record_peer record;
    struct record_ad ad;
    person_init(&liar, 1, people_ip4(11, 0, 0, 1));
    person_init(&other, 2, people_ip4(11, 0, 1, 1));
    struct verifier verifier = people_verifier(now);
    struct tally_bytes good = person_record(&liar, now, bytes);

    /* Each prefix, and each byte behind it. */
    for (size_t size = 0; size < good.size; size++)
        assert_int_not_equal(record_read_peer(bytes_of(bytes, size), now, &record),
                             TALLY_DROP_NONE);
    memcpy(copy, bytes, good.size);
    copy[good.size] = 0xc0;
    assert_int_equal(record_read_peer(bytes_of(copy, good.size + 1), now, &record),
                     TALLY_DROP_MALFORMED);
    /* Signed, but of another kind, too long, or with nonsense inside. */
    assert_int_equal(record_read_ad(good, now, &ad), TALLY_DROP_MALFORMED);
    assert_int_equal(record_read_peer(person_ad(&liar, now, &topic, copy), now, &record),
                     TALLY_DROP_MALFORMED);
    struct tally_bytes made =
        person_write(&liar, TALLY_KIND_PEER_RECORD, bytes_of(long_body, 200), copy);
    assert_int_equal(record_read_peer(made, now, &record), TALLY_DROP_MALFORMED);
    made = person_write(&liar, TALLY_KIND_PEER_RECORD, bytes_of(long_body, 20), copy);
    assert_int_equal(record_read_peer(made, now, &record), TALLY_DROP_MALFORMED);
    /* An ad without an endpoint. */
    const struct tally_topic_ad nowhere = {
        .topic = topic, .wall_ms = (uint64_t)now.wall.us / 1000, .ttl_s = 900};
    struct wire_writer w;
    wire_writer_init(&w, long_body, sizeof long_body);
    tally_topic_ad_write(&nowhere, &w);
    made = person_write(&liar, TALLY_KIND_TOPIC_AD, wire_writer_bytes(&w), copy);
    assert_int_equal(record_read_ad(made, now, &ad), TALLY_DROP_MALFORMED);
    /* An answer about somebody else, or for another topic. */
    assert_int_equal(record_open_peer(good, now, &other.key, &verifier, &record),
                     TALLY_DROP_UNASKED);
    made = person_ad(&liar, now, &topic, copy);
    topic.bytes[0]++;
    assert_int_equal(record_open_ad(made, now, &topic, &verifier, &ad), TALLY_DROP_UNASKED);
    assert_int_equal(verifier.checks, 0);
}

static void any_changed_bit_is_refused(void **state)
{
    struct person liar;
    uint8_t bytes[RECORD_PEER_MAX];
    const struct tally_now now = people_now(0);
    struct record_peer record;
    unsigned forged = 0;
    person_init(&liar, 1, people_ip4(11, 0, 0, 1));
    struct verifier verifier = people_verifier(now);
    size_t size = person_record(&liar, now, bytes).size;
    for (size_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        enum tally_drop drop =
            record_open_peer(bytes_of(bytes, size), now, &liar.key, &verifier, &record);
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_not_equal(drop, TALLY_DROP_NONE);
        assert_int_not_equal(drop, TALLY_DROP_BUSY);
        forged += drop == TALLY_DROP_FORGED;
    }
    assert_in_range(forged, 600, size * 8);
}

/* ---- Kept for others. ---- */

static struct records kept(unsigned capacity)
{
    struct records records;
    struct records_options options = {.capacity = capacity, .hash_key = {1}};
    options.key.bytes[0] = 9;
    assert_true(records_new(&records, &options));
    return records;
}

static enum tally_drop put(struct records *records, struct tally_now now, struct verifier *verifier,
                           const struct person *from, struct tally_bytes bytes)
{
    enum tally_drop drop = records_put(records, now, verifier, &from->key, &from->address, bytes);
    assert_true(records_holds(records, now));
    return drop;
}

static void the_newest_record_of_a_key_is_kept(void **state)
{
    struct records records = kept(16);
    struct tally_now now = people_now(0);
    struct verifier verifier = people_verifier(now);
    struct person bob, eve;
    uint8_t first[RECORD_PEER_MAX], second[RECORD_PEER_MAX], third[RECORD_PEER_MAX];
    person_init(&bob, 1, people_ip4(11, 0, 0, 1));
    person_init(&eve, 2, people_ip4(12, 0, 0, 1));
    struct tally_bytes old = person_record(&bob, now, first);
    struct tally_bytes newer = person_record(&bob, now, second);
    bob.epoch++;
    bob.counter = 0;
    struct tally_bytes reborn = person_record(&bob, now, third);

    assert_int_equal(records_find(&records, now, &bob.key).size, 0);
    assert_int_equal(put(&records, now, &verifier, &eve, old), TALLY_DROP_REFUSED);
    assert_int_equal(put(&records, now, &verifier, &bob, newer), TALLY_DROP_NONE);
    assert_int_equal(put(&records, now, &verifier, &bob, newer), TALLY_DROP_SEEN);
    assert_int_equal(put(&records, now, &verifier, &bob, old), TALLY_DROP_STALE);
    assert_true(bytes_equal(records_find(&records, now, &bob.key), newer));
    /* Over a restart too; but each change costs a signature, so not at once. */
    assert_int_equal(put(&records, people_now(9999), &verifier, &bob, reborn), TALLY_DROP_BUSY);
    assert_int_equal(put(&records, people_now(10000), &verifier, &bob, reborn), TALLY_DROP_NONE);
    assert_int_equal(put(&records, people_now(30000), &verifier, &bob, newer), TALLY_DROP_STALE);
    assert_true(bytes_equal(records_find(&records, now, &bob.key), reborn));
    assert_int_equal(verifier.checks, 2);

    /* For a day, from when it was said; then a replay has expired as well. */
    assert_int_equal(records_find(&records, people_now(86400000), &bob.key).size, reborn.size);
    now = people_now(86400000 + 10000);
    assert_int_equal(records_find(&records, now, &bob.key).size, 0);
    now = people_now(86400000 + 300000);
    assert_int_equal(put(&records, now, &verifier, &bob, reborn), TALLY_DROP_EXPIRED);
    records_free(&records);
}

static void forged_records_leave_no_trace(void **state)
{
    struct records records = kept(16);
    const struct tally_now now = people_now(0);
    struct verifier verifier = people_verifier(now);
    struct person bob;
    uint8_t bytes[RECORD_PEER_MAX];
    person_init(&bob, 1, people_ip4(11, 0, 0, 1));
    struct tally_bytes good = person_record(&bob, now, bytes);
    bytes[good.size - 1] ^= 1;
    assert_int_equal(put(&records, now, &verifier, &bob, good), TALLY_DROP_FORGED);
    assert_int_equal(places_count(&records.places, now), 0);
    /* And when the budget of signatures is spent nothing is believed unseen. */
    bytes[good.size - 1] ^= 1;
    for (unsigned i = 0; i < TALLY_VERIFY_RATE; i++)
        (void)verifier_pay(&verifier, now);
    assert_int_equal(put(&records, now, &verifier, &bob, good), TALLY_DROP_BUSY);
    assert_int_equal(places_count(&records.places, now), 0);
    assert_int_equal(put(&records, people_now(1000), &verifier, &bob, good), TALLY_DROP_NONE);
    records_free(&records);
}

static void a_network_has_few_places(void **state)
{
    struct records records = kept(256);
    const struct tally_now now = people_now(0);
    struct verifier verifier = people_crowd_verifier(now);
    unsigned taken = 0, taken6 = 0;
    for (uint32_t i = 0; i < 200; i++) {
        struct person sybil;
        uint8_t bytes[RECORD_PEER_MAX];
        bool six = i % 2 == 1;
        person_crowd(&sybil, i,
                     six ? people_ip6(0x2a00, 1, 2, (uint16_t)i) : people_ip4(11, 0, 0, i));
        enum tally_drop drop =
            put(&records, now, &verifier, &sybil, person_record(&sybil, now, bytes));
        assert_true(drop == TALLY_DROP_NONE || drop == TALLY_DROP_CROWDED);
        taken += !six && drop == TALLY_DROP_NONE;
        taken6 += six && drop == TALLY_DROP_NONE;
    }
    assert_int_equal(taken, RECORDS_PER_NETWORK);
    assert_int_equal(taken6, RECORDS_PER_NETWORK);
    assert_int_equal(verifier.checks, 2 * RECORDS_PER_NETWORK); /* The rest cost none. */
    struct person honest;
    uint8_t bytes[RECORD_PEER_MAX];
    person_crowd(&honest, 1000, people_ip4(11, 0, 1, 1));
    assert_int_equal(put(&records, now, &verifier, &honest, person_record(&honest, now, bytes)),
                     TALLY_DROP_NONE);
    records_free(&records);
}

static void a_full_store_keeps_what_is_near(void **state)
{
    enum { MANY = 400, CAPACITY = 32 };
    struct records records = kept(CAPACITY);
    static struct person people[MANY];
    const struct tally_now now = people_now(0);
    struct verifier verifier = people_crowd_verifier(now);
    struct tally_hash self, points[MANY];
    metric_point(&(struct tally_key){{9}}, &self);
    for (uint32_t i = 0; i < MANY; i++) {
        uint8_t bytes[RECORD_PEER_MAX];
        person_crowd(&people[i], i, people_ip4(11 + i / 256, i % 256, 0, 1));
        metric_point(&people[i].key, &points[i]);
        enum tally_drop drop =
            put(&records, now, &verifier, &people[i], person_record(&people[i], now, bytes));
        assert_true(drop == TALLY_DROP_NONE || drop == TALLY_DROP_BUSY);
    }
    for (size_t i = 0; i < MANY; i++) {
        size_t nearer = 0;
        for (size_t j = 0; j < MANY; j++)
            nearer += metric_compare(&self, &points[j], &points[i]) < 0;
        bool found = records_find(&records, now, &people[i].key).size > 0;
        assert_int_equal(found, nearer < CAPACITY);
    }
    records_free(&records);
}

static void places_are_found_after_any_coming_and_going(void **state)
{
    enum { KEYS = 64 };
    struct places places;
    struct places_options options = {.capacity = 24, .per_network = 4, .hash_key = {3}};
    struct random random = {11};
    uint64_t until[KEYS] = {0};
    assert_true(places_new(&places, &options));
    for (uint64_t step = 0; step < 20000; step++) {
        struct tally_now now = people_now(step * 100);
        uint32_t n = random_below(&random, KEYS);
        struct tally_hash key = {{(uint8_t)(n * 37)}};
        struct tally_address address = people_ip4(11, 0, n % 9, 1);
        size_t index = places_find(&places, now, &key), chosen;
        assert_int_equal(index != PLACES_NONE, now.mono.ms < until[n]);
        if (index != PLACES_NONE) {
            if (random_below(&random, 4) == 0)
                places_keep(&places, index, (struct tally_mono){until[n] = now.mono.ms});
            continue;
        }
        if (places_choose(&places, now, &key, &address, &chosen) != TALLY_DROP_NONE)
            continue;
        for (uint32_t i = 0; i < KEYS; i++)
            if (hash_equal(&places.list[chosen].key, &(struct tally_hash){{(uint8_t)(i * 37)}}) &&
                places.list[chosen].listed)
                until[i] = 0;
        until[n] = now.mono.ms + random_below(&random, 5000);
        places_set(&places, chosen, &key, &address, (struct tally_mono){until[n]});
        assert_true(places_holds(&places, now));
    }
    places_free(&places);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_reachable_and_global_is_told),
        cmocka_unit_test(who_is_not_reachable_advertises_nothing_and_can_say_so),
        cmocka_unit_test(records_are_judged_cheap_before_expensive),
        cmocka_unit_test(forms_that_are_not_a_record_cost_nothing),
        cmocka_unit_test(any_changed_bit_is_refused),
        cmocka_unit_test(the_newest_record_of_a_key_is_kept),
        cmocka_unit_test(forged_records_leave_no_trace),
        cmocka_unit_test(a_network_has_few_places),
        cmocka_unit_test(a_full_store_keeps_what_is_near),
        cmocka_unit_test(places_are_found_after_any_coming_and_going),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("records", tests, NULL, NULL);
}
