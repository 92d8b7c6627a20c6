/* SPDX-License-Identifier: Apache-2.0 */
/* Forks as datagrams: what goes out, what is read of it, and what is not. */
#include "core/gossip/alarm.h"
#include "core/gossip/notice.h"

#include "core/base/bytes.h"
#include "core/gossip/note_fit.h"
#include "mesh.h"
#include "support/cmocka.h"
#include "tally/log.h"

#include <stdlib.h>

enum { SMALLER = 100, LARGER = 300 };

static struct mesh *mesh;
static struct mesh_node *finder, *other;

static int set_up(void **state)
{
    mesh = mesh_new(3);
    for (size_t i = 1; i < 3; i++)
        mesh_introduce(mesh, 0, i);
    mesh_introduce(mesh, 1, 2);
    mesh_run(mesh, 3000);
    finder = &mesh->nodes[0];
    other = &mesh->nodes[1];
    outbox_clear(&finder->outbox);
    return 0;
}

static int tear_down(void **state)
{
    mesh_free(mesh);
    return 0;
}

/* A note of the last node's, of that size. */
struct made {
    uint8_t bytes[TALLY_CHECKPOINT_MAX + TALLY_COSIGNATURE_MAX];
    size_t size;
};

static struct tally_bytes make(struct made *made, const char *name_space, uint64_t size)
{
    struct tally_vkey vkey;
    char origin[TALLY_ORIGIN_MAX + 1];
    struct mesh_node *issuer = &mesh->nodes[2];
    size_t length = tally_origin_write(&issuer->key, bytes_text(name_space), origin);
    struct tally_checkpoint checkpoint = {.origin = bytes_of(origin, length), .size = size};
    memset(checkpoint.root.bytes, (int)size, sizeof checkpoint.root.bytes);
    assert_true(tally_vkey_of_origin(&vkey, checkpoint.origin));
    made->size = tally_checkpoint_sign(&checkpoint, &vkey, &issuer->datagrams.peers.options.crypto,
                                       made->bytes);
    return bytes_of(made->bytes, made->size);
}

static const struct tally_hash *hashes(size_t count)
{
    static struct tally_hash list[TALLY_PROOF_MAX];
    for (size_t i = 0; i < count; i++)
        memset(list[i].bytes, (int)i + 1, sizeof list[i].bytes);
    return list;
}

/* What the finder sends to the other, as the record that it relays; false if it
 * sends nothing. */
static bool sent(const struct alarm *alarm, struct datagram *record)
{
    struct datagram outer;
    struct tally_action action;
    struct tally_relay relay;
    struct wire_reader r;
    outbox_clear(&finder->outbox);
    alarm_send(&finder->datagrams.peers, &finder->datagrams.spread, mesh->now, alarm,
               &finder->outbox);
    if (!outbox_next(&finder->outbox, &action))
        return false;
    assert_true(action.send.bytes.size <= TALLY_DATAGRAM_MAX);
    assert_int_equal(datagram_read(action.send.bytes, &outer), TALLY_DROP_NONE);
    wire_reader_init(&r, outer.body);
    tally_relay_read(&r, &relay);
    assert_true(wire_reader_done(&r));
    assert_int_equal(datagram_read_record(relay.record, record), TALLY_DROP_NONE);
    return true;
}

static enum tally_drop receive(const struct datagram *datagram, struct alarm_news *news)
{
    return alarm_receive(&other->datagrams.verifier, &other->datagrams.peers, mesh->now, datagram,
                         news);
}

static void two_sizes_arrive_with_their_proof_as_they_were_signed(void **state)
{
    static const char *const name_spaces[] = {
        "a", "audit", "A123456789.123456789:123456789_123456789-123456789.123456789:123"};
    for (size_t n = 0; n < 3; n++) {
        for (size_t count = 0; count <= 19; count += count == 0 ? 1 : 6) {
            struct made one, two;
            struct datagram datagram;
            struct alarm_news news;
            struct sides_notes notes;
            struct alarm got, alarm = {.first = make(&one, name_spaces[n], SMALLER),
                                       .second = make(&two, name_spaces[n], LARGER),
                                       .prefix = hashes(1),
                                       .proof = hashes(count),
                                       .count = count};
            if (n == 1) { /* The smaller first, whatever the order. */
                alarm.second = alarm.first;
                alarm.first = bytes_of(two.bytes, two.size);
            }
            assert_true(sent(&alarm, &datagram));
            assert_int_equal(datagram.kind, TALLY_KIND_FORK_PREFIX);
            assert_int_equal(receive(&datagram, &news), TALLY_DROP_NONE);
            assert_true(news.any && alarm_open(&news, &notes, &got));
            assert_true(bytes_equal(got.first, bytes_of(one.bytes, one.size)));
            assert_true(bytes_equal(got.second, bytes_of(two.bytes, two.size)));
            assert_true(hash_equal(got.prefix, alarm.prefix));
            assert_int_equal(got.count, count);
            if (count > 0)
                assert_memory_equal(got.proof, alarm.proof, count * sizeof *got.proof);
            mesh_run(mesh, 1000); /* So that each may cost what it costs. */
        }
    }
}

static void cosignatures_do_not_go_along(void **state)
{
    struct made one, two, more;
    struct datagram datagram;
    struct alarm_news news;
    struct sides_notes notes;
    struct alarm got;
    struct tally_bytes plain = make(&one, "audit", SMALLER);
    more = one;
    static const char line[] = "\xe2\x80\x94 witness AAAAAAAAAAA=\n";
    memcpy(more.bytes + more.size, line, sizeof line - 1);
    const struct alarm alarm = {.first = bytes_of(more.bytes, more.size + sizeof line - 1),
                                .second = make(&two, "audit", LARGER),
                                .prefix = hashes(1),
                                .proof = hashes(2),
                                .count = 2};
    assert_true(sent(&alarm, &datagram));
    assert_int_equal(receive(&datagram, &news), TALLY_DROP_NONE);
    assert_true(alarm_open(&news, &notes, &got));
    assert_true(bytes_equal(got.first, plain));
}

static void what_does_not_fit_with_its_proof_goes_without(void **state)
{
    struct made one, two;
    struct datagram datagram;
    struct alarm_news news;
    struct sides_notes notes;
    struct alarm got, alarm = {.first = make(&one, "audit", SMALLER),
                               .second = make(&two, "audit", LARGER),
                               .prefix = hashes(1),
                               .proof = hashes(20),
                               .count = 20};
    assert_true(sent(&alarm, &datagram));
    assert_int_equal(datagram.kind, TALLY_KIND_FORK_PROOF);
    assert_int_equal(receive(&datagram, &news), TALLY_DROP_NONE);
    assert_true(alarm_open(&news, &notes, &got));
    assert_null(got.prefix);
    assert_true(bytes_equal(got.first, alarm.first) && bytes_equal(got.second, alarm.second));
    /* Two logs, or what is no note at all, are none of this. */
    alarm.second = make(&two, "other", LARGER);
    alarm.count = 2;
    assert_true(sent(&alarm, &datagram));
    assert_int_equal(datagram.kind, TALLY_KIND_FORK_PROOF);
    alarm.second = bytes_text("Hello.\n");
    assert_false(sent(&alarm, &datagram));
}

static void an_alarm_that_is_bent_is_dropped_by_its_reason(void **state)
{
    struct made one, two;
    struct datagram datagram, bent;
    struct alarm_news news;
    uint8_t body[TALLY_SIGNED_BODY_MAX];
    const struct alarm alarm = {.first = make(&one, "audit", SMALLER),
                                .second = make(&two, "audit", LARGER),
                                .prefix = hashes(1),
                                .proof = hashes(3),
                                .count = 3};
    assert_true(sent(&alarm, &datagram));
    memcpy(body, datagram.body.data, datagram.body.size);
    bent = datagram;
    bent.body = bytes_of(body, datagram.body.size - 1);
    assert_int_equal(receive(&bent, &news), TALLY_DROP_MALFORMED);
    assert_false(news.any);
    /* A proof of 95 bytes. */
    size_t at = datagram.body.size - 97;
    assert_int_equal(body[at], 96);
    body[at] = 95;
    assert_int_equal(receive(&bent, &news), TALLY_DROP_MALFORMED);
    body[at] = 96;
    body[40] ^= 1;
    bent.body = bytes_of(body, datagram.body.size);
    bent.sender = mesh->nodes[1].key;
    assert_int_equal(receive(&bent, &news), TALLY_DROP_SELF);
    bent.sender = mesh->nodes[2].key;
    assert_int_equal(receive(&bent, &news), TALLY_DROP_FORGED);
    /* Three signatures an alarm: who sends many is not heard for a while. */
    enum tally_drop drop = TALLY_DROP_NONE;
    for (unsigned i = 0; i < 1000 && drop == TALLY_DROP_NONE; i++)
        drop = receive(&datagram, &news);
    assert_int_equal(drop, TALLY_DROP_BUSY);
}

static void a_namespace_that_no_log_can_have_is_none(void **state)
{
    struct made one, two;
    struct datagram datagram;
    struct alarm_news news;
    struct sides_notes notes;
    struct alarm got;
    const struct alarm alarm = {.first = make(&one, "audit", SMALLER),
                                .second = make(&two, "audit", LARGER),
                                .prefix = hashes(1)};
    assert_true(sent(&alarm, &datagram));
    assert_int_equal(receive(&datagram, &news), TALLY_DROP_NONE);
    news.sides.name_space = bytes_text("witness"); /* Reserved, and of a good form. */
    assert_false(alarm_open(&news, &notes, &got));
}

/* ---- Who comes later (core/gossip/notice.h). ---- */

/* The other says what it knows of forks, as a count and a fingerprint. */
static enum tally_drop says(uint8_t fingerprint, bool want)
{
    struct tally_urgent_set set = {.about = NOTICE_FORKED, .count = 1, .want = want};
    uint8_t body[TALLY_URGENT_SET_SIZE_MAX];
    struct wire_writer w;
    memset(set.fingerprint, fingerprint, sizeof set.fingerprint);
    wire_writer_init(&w, body, sizeof body);
    tally_urgent_set_write(&set, &w);
    const struct datagram datagram = {.body = wire_writer_bytes(&w)};
    struct peers *peers = &finder->datagrams.peers;
    outbox_clear(&finder->outbox);
    enum tally_drop drop =
        notice_on_set(&finder->datagrams.notice, peers, peers_find(peers, &other->key), mesh->now,
                      &datagram, &finder->outbox);
    notice_tick(&finder->datagrams.notice, peers, mesh->now, &finder->outbox);
    return drop;
}

/* What the finder says to that; 0: nothing. */
static unsigned said(struct datagram *datagram)
{
    struct tally_action action;
    if (!outbox_next(&finder->outbox, &action))
        return 0;
    assert_int_equal(datagram_read(action.send.bytes, datagram), TALLY_DROP_NONE);
    return datagram->kind;
}

static void who_asks_later_is_told_what_was_known_before(void **state)
{
    struct made one, two;
    struct datagram datagram, record;
    struct alarm_news news;
    struct sides_notes notes;
    struct tally_relay relay;
    struct wire_reader r;
    const struct tally_hash origin_hash = {{1, 2, 3}};
    struct alarm got, alarm = {.first = make(&one, "audit", SMALLER),
                               .second = make(&two, "audit", LARGER),
                               .prefix = hashes(1),
                               .proof = hashes(2),
                               .count = 2};
    struct alarms *alarms = &finder->datagrams.notice.alarms;
    assert_int_equal(says(0, true), TALLY_DROP_NONE);
    assert_int_equal(said(&datagram), 0); /* Both know nothing. */
    assert_true(alarms_take(alarms, &origin_hash, &alarm));
    assert_false(alarms_take(alarms, &origin_hash, &alarm)); /* One a log. */
    /* The same length asks and is told so: want yours. */
    assert_int_equal(says(7, false), TALLY_DROP_NONE);
    assert_int_equal(said(&datagram), TALLY_KIND_URGENT_SET);
    assert_int_equal(says(0, true), TALLY_DROP_NONE);
    assert_int_equal(said(&datagram), TALLY_KIND_RELAY);
    wire_reader_init(&r, datagram.body);
    tally_relay_read(&r, &relay);
    assert_int_equal(datagram_read_record(relay.record, &record), TALLY_DROP_NONE);
    assert_int_equal(receive(&record, &news), TALLY_DROP_NONE);
    assert_true(alarm_open(&news, &notes, &got));
    assert_true(bytes_equal(got.second, bytes_of(two.bytes, two.size)));
    assert_int_equal(said(&datagram), 0);
}

/* Where nobody holds the log the sets differ for good: asking again and again costs us little. */
static void who_asks_again_and_again_is_told_ever_more_rarely(void **state)
{
    struct made one, two;
    const struct tally_hash origin_hash = {{1, 2, 3}};
    const struct alarm alarm = {.first = make(&one, "audit", SMALLER),
                                .second = make(&two, "audit", LARGER),
                                .prefix = hashes(1)};
    assert_true(alarms_take(&finder->datagrams.notice.alarms, &origin_hash, &alarm));
    unsigned told = 0;
    for (unsigned second = 0; second < 2 * 3600; second++) {
        told += says(0, true) == TALLY_DROP_NONE;
        mesh->now.mono.ms += 1000;
    }
    assert_in_range(told, 8, 10); /* 0, 0.5, 1.5, 3.5 … 63.5, 127.5 minutes. */
    /* It learned something: that is worth an answer at once, and the next one a rest later. */
    assert_int_equal(says(1, true), TALLY_DROP_NONE);
    mesh->now.mono.ms += NOTICE_AGAIN_MS - 1;
    assert_int_equal(says(2, true), TALLY_DROP_BUSY);
    mesh->now.mono.ms++;
    assert_int_equal(says(2, true), TALLY_DROP_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(two_sizes_arrive_with_their_proof_as_they_were_signed),
        T(cosignatures_do_not_go_along),
        T(what_does_not_fit_with_its_proof_goes_without),
        T(an_alarm_that_is_bent_is_dropped_by_its_reason),
        T(a_namespace_that_no_log_can_have_is_none),
        T(who_asks_later_is_told_what_was_known_before),
        T(who_asks_again_and_again_is_told_ever_more_rarely),
#undef T
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("alarm", tests, NULL, NULL);
}
