/* SPDX-License-Identifier: Apache-2.0 */
/* Revocations as datagrams: what is taken of them, what is not and why, and how one that was missed
   is made up for. */
#include "support/cmocka.h"

#include "../federation/revokes.h"
#include "core/federation/fold.h"
#include "mesh.h"

enum { ROOM = 16, PARTIES = 8 };

static struct mesh *mesh;
static struct mesh_node *teller, *other;
static struct tally_party parties[3][PARTIES];
static struct fold folds[3];
static struct revoked revoked[3];

static int set_up(void **state)
{
    mesh = mesh_new(3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(revoked_new(&revoked[i], ROOM));
        fold_init(&folds[i], &mesh->nodes[i].key, parties[i], PARTIES);
        folds[i].revoked = &revoked[i];
        mesh->nodes[i].datagrams.peers.options.fold = &folds[i];
    }
    mesh_introduce(mesh, 0, 1);
    mesh_introduce(mesh, 1, 2);
    mesh_run(mesh, 3000);
    teller = &mesh->nodes[0];
    other = &mesh->nodes[1];
    return 0;
}

static int tear_down(void **state)
{
    for (size_t i = 0; i < 3; i++)
        revoked_free(&revoked[i]);
    mesh_free(mesh);
    return 0;
}

static const struct revoke plain = {.party = 'a', .index = 7, .name_space = "temps", .size = 10};

/* What the teller sends to the other of it, as the record that it relays. */
static void sent(const struct revoke_bytes *made, struct datagram *record)
{
    struct datagram outer;
    struct tally_action action;
    struct tally_relay relay;
    struct wire_reader r;
    outbox_clear(&teller->outbox);
    notice_send(&teller->datagrams.peers, &teller->datagrams.spread, mesh->now,
                bytes_of(made->bytes, made->size), &teller->outbox);
    assert_true(outbox_next(&teller->outbox, &action));
    assert_int_equal(datagram_read(action.send.bytes, &outer), TALLY_DROP_NONE);
    wire_reader_init(&r, outer.body);
    tally_relay_read(&r, &relay);
    assert_true(wire_reader_done(&r));
    assert_int_equal(relay.class, SPREAD_URGENT);
    assert_int_equal(datagram_read_record(relay.record, record), TALLY_DROP_NONE);
    assert_int_equal(record->kind, TALLY_KIND_REVOCATION);
}

static enum tally_drop receive(const struct datagram *datagram, struct notice_news *news)
{
    return notice_receive(&other->datagrams.notice, &other->datagrams.verifier,
                          &other->datagrams.peers, &other->datagrams.heads, mesh->now, datagram,
                          news);
}

static void take(size_t node, const struct revoke_bytes *made)
{
    revoked_take(&revoked[node], &made->revocation, bytes_of(made->bytes, made->size), true);
    notice_wake(&mesh->nodes[node].datagrams.notice, &mesh->nodes[node].datagrams.peers, mesh->now);
}

static void one_is_taken_whoever_brings_it(void **state)
{
    struct revoke_bytes made;
    struct datagram datagram;
    struct notice_news news;
    sent(revoke_make(&plain, &made), &datagram);
    assert_int_equal(receive(&datagram, &news), TALLY_DROP_NONE);
    assert_true(news.keep && !news.known);
    assert_true(key_equal(&news.revocation.party, &made.revocation.party));
    /* Known: before any signature is checked. */
    unsigned verified = other->verifies;
    take(1, &made);
    assert_int_equal(receive(&datagram, &news), TALLY_DROP_SEEN);
    assert_int_equal(other->verifies, verified);
}

static void a_false_one_is_dropped_by_its_reason(void **state)
{
    struct revoke_bytes made, bent;
    struct datagram datagram;
    struct notice_news news;
    struct fed_statement said = revoke_statement(&plain);
    revoke_make(&plain, &made);
    sent(&made, &datagram);
    datagram.sender = other->key;
    assert_int_equal(receive(&datagram, &news), TALLY_DROP_SELF);
    /* Cut off. */
    sent(&made, &datagram);
    datagram.body.size--;
    assert_int_equal(receive(&datagram, &news), TALLY_DROP_MALFORMED);
    /* Signed by a key that has no say: by hand, nobody writes it. */
    struct holder thief = holder_of('t');
    const struct tally_crypto crypto = holder_crypto(&thief);
    struct tally_receipt receipt;
    uint8_t envelope[TALLY_ENVELOPE_MAX], body[FED_BODY_MAX], bytes[TALLY_SIGNED_BODY_MAX];
    struct wire_writer w;
    assert_int_equal(tally_receipt_read(made.revocation.envelope, &receipt), TALLY_DROP_NONE);
    receipt.issuer = thief.key;
    size_t size = fed_write(&said, body), length = tally_receipt_write(&receipt, &crypto, envelope);
    wire_writer_init(&w, bytes, sizeof bytes);
    tally_revocation_write(
        &(struct tally_revocation){bytes_of(envelope, length), bytes_of(body, size)}, &w);
    bent.size = wire_writer_bytes(&w).size;
    memcpy(bent.bytes, bytes, bent.size);
    sent(&bent, &datagram);
    assert_int_equal(receive(&datagram, &news), TALLY_DROP_KEY);
    /* A good form over a signature that is not the key's. */
    bent = made;
    bent.bytes[3 + made.revocation.envelope.size - 1] ^= 1;
    sent(&bent, &datagram);
    assert_int_equal(receive(&datagram, &news), TALLY_DROP_FORGED);
    /* Nothing came of any of them. */
    assert_int_equal(revoked[1].count, 0);
}

/* Keys made for the purpose: kept while there is room, then passed on, so many at a time. */
static void unknown_keys_are_passed_on_for_a_while(void **state)
{
    struct datagram datagram;
    struct notice_news news;
    unsigned kept = 0, passed = 0, busy = 0;
    for (unsigned i = 0; i < 40; i++) {
        const struct revoke one = {.party = (char)(100 + i)};
        struct revoke_bytes made;
        sent(revoke_make(&one, &made), &datagram);
        enum tally_drop drop = receive(&datagram, &news);
        kept += drop == TALLY_DROP_NONE && news.keep;
        passed += drop == TALLY_DROP_NONE && !news.keep;
        busy += drop == TALLY_DROP_BUSY;
        if (drop == TALLY_DROP_NONE && news.keep)
            revoked_take(&revoked[1], &made.revocation, bytes_of(made.bytes, made.size), false);
    }
    assert_int_equal(kept, ROOM / 2);
    assert_int_equal(passed, NOTICE_PASS_BURST);
    assert_int_equal(busy, 40 - ROOM / 2 - NOTICE_PASS_BURST);
    /* A key that it deals with has its place. */
    const struct revoke peer = {.party = 'p'};
    struct revoke_bytes made;
    parties[1][0] = (struct tally_party){.key = holder_of('p').key, .state = TALLY_PARTY_ADMITTED};
    folds[1].count = 1;
    sent(revoke_make(&peer, &made), &datagram);
    assert_int_equal(receive(&datagram, &news), TALLY_DROP_NONE);
    assert_true(news.keep && news.known);
}

static unsigned told(const struct mesh_node *node, enum tally_drop drop)
{
    unsigned count = 0;
    for (size_t i = 0; i < node->told_count; i++)
        count += node->told[i] == drop;
    return count;
}

/* Who knows more tells it: all of it, once the fingerprints were seen to differ. */
static void what_was_missed_is_made_up_for(void **state)
{
    struct revoke_bytes made[6];
    for (unsigned i = 0; i < 6; i++) {
        const struct revoke one = {.party = (char)('a' + i)};
        take(0, revoke_make(&one, &made[i]));
    }
    mesh->nodes[0].told_count = mesh->nodes[1].told_count = 0;
    uint64_t before = mesh->sent[0][1];
    mesh_run(mesh, NOTICE_SET_MS * 3 / 2);
    assert_in_range(mesh->sent[0][1] - before, 6 * 300, 6 * 700 + 8000);
    assert_true(other->last.has_heartbeat || told(other, TALLY_DROP_NONE) > 6);
    /* Once it knows them all the link is silent about it. */
    for (unsigned i = 0; i < 6; i++)
        take(1, &made[i]);
    assert_memory_equal(revoked[0].fingerprint, revoked[1].fingerprint, 16);
    other->told_count = 0;
    mesh_run(mesh, NOTICE_AGAIN_MS * 2);
    assert_int_equal(told(other, TALLY_DROP_SEEN), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(one_is_taken_whoever_brings_it),
        TEST(a_false_one_is_dropped_by_its_reason),
        TEST(unknown_keys_are_passed_on_for_a_while),
        TEST(what_was_missed_is_made_up_for),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
