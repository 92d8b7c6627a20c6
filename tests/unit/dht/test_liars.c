/* SPDX-License-Identifier: Apache-2.0 */
/* A linked peer with a good key that answers as it likes: what each lie is called, and costs. */
#include "web.h"

#include "core/base/bytes.h"

#include "support/cmocka.h"

enum { VICTIM, LIAR, CONTACT4 = 38, CONTACT6 = 50 };

/* The liar's own node does not answer any more; the test does. */
static bool mute(struct web *web, struct web_packet *packet)
{
    bool liars = address_equal(&packet->from, &web->nodes[LIAR].person.address);
    return !liars || packet->bytes[2] < TALLY_KIND_FIND_NODE || web->context == web;
}

static void say(struct web *web, enum tally_kind kind, struct wire_writer *w)
{
    web->context = web;
    web_say(web, LIAR, VICTIM, kind, w);
    web->context = NULL;
    web_run(web, 100);
}

/* A question of the victim that waits for the liar's answer. */
static struct dht_request *asked(struct web *web)
{
    struct dht *dht = web_dht(web, VICTIM);
    for (unsigned s = 0; s < 3600; s++) {
        for (size_t i = 0; i < dht->request_count; i++)
            if (dht->requests[i]->kind == DHT_PROBE && dht->requests[i]->sent &&
                key_equal(&dht->requests[i]->key, &web->nodes[LIAR].person.key))
                return dht->requests[i];
        web_run(web, 500);
    }
    fail_msg("the liar is not asked");
    return NULL;
}

static struct web *begin(void)
{
    struct web *web = web_new(4, 4);
    for (unsigned i = 1; i < 4; i++)
        web_introduce(web, i, VICTIM);
    web_run(web, 60000);
    web->hook = mute;
    return web;
}

static uint64_t drops(const struct web *web, enum tally_drop drop)
{
    return web->nodes[VICTIM].datagrams.drops[drop] + web->nodes[VICTIM].datagrams.dht.drops[drop];
}

/* Of whole messages, not of what is in them. */
static uint64_t refused(const struct web *web, enum tally_drop drop)
{
    return web->nodes[VICTIM].datagrams.drops[drop];
}

static int standing(struct web *web)
{
    return peer_standing(web_peer(web, VICTIM, LIAR));
}

/* Contacts of made-up keys at addresses of those bytes. */
static struct tally_bytes contacts(uint8_t list[16][CONTACT4], unsigned count, uint8_t a, uint8_t b,
                                   bool spread)
{
    for (unsigned i = 0; i < count; i++) {
        memset(list[i], (int)(17 * i + 3), 32);
        memcpy(list[i] + 32, (uint8_t[]){a, b, spread ? (uint8_t)i : 0, (uint8_t)i, 0x0f, 0xa1}, 6);
    }
    return bytes_of(list, (size_t)count * CONTACT4);
}

static void nodes_say(struct web *web, const uint8_t number[8], struct tally_bytes v4,
                      struct tally_bytes v6)
{
    struct tally_nodes nodes = {.v4 = v4, .v6 = v6};
    uint8_t body[TALLY_DATAGRAM_MAX];
    struct wire_writer w;
    memcpy(nodes.request, number, sizeof nodes.request);
    wire_writer_init(&w, body, sizeof body);
    tally_nodes_write(&nodes, &w);
    say(web, TALLY_KIND_NODES, &w);
}

static void one_more_answer_and_a_late_one_are_no_fault(void **state)
{
    static const struct tally_bytes none;
    struct web *web = begin();
    uint8_t number[8];
    memcpy(number, asked(web)->number, sizeof number);
    uint64_t seen = refused(web, TALLY_DROP_SEEN), unasked = refused(web, TALLY_DROP_UNASKED);
    nodes_say(web, number, none, none);
    assert_int_equal(refused(web, TALLY_DROP_SEEN), seen);
    nodes_say(web, number, none, none);
    assert_int_equal(refused(web, TALLY_DROP_SEEN), seen + 1);
    memcpy(number, asked(web)->number, sizeof number);
    web_run(web, DHT_LATE_MS + 1000);
    nodes_say(web, number, none, none);
    assert_int_equal(refused(web, TALLY_DROP_SEEN), seen + 2);
    assert_int_equal(refused(web, TALLY_DROP_UNASKED), unasked);
    assert_true(standing(web) >= 0);
    web_free(web);
}

static bool twice(struct web *web, struct web_packet *packet)
{
    struct web_packet *kept = web->context;
    if (address_equal(&packet->from, &web->nodes[LIAR].person.address) &&
        address_equal(&packet->to, &web->nodes[VICTIM].person.address) &&
        packet->bytes[2] == TALLY_KIND_NODES)
        *kept = *packet;
    return true;
}

static void a_replayed_answer_is_none(void **state)
{
    struct web *web = begin();
    struct web_packet kept = {.size = 0};
    struct web_node *victim = &web->nodes[VICTIM];
    web->hook = twice;
    web->context = &kept;
    for (unsigned s = 0; s < 600 && kept.size == 0; s++)
        web_run(web, 1000);
    assert_true(kept.size > 0);
    web->hook = NULL;
    web_run(web, 1000);
    uint64_t before = refused(web, TALLY_DROP_REPLAYED);
    for (unsigned i = 0; i < 5; i++) {
        struct datagrams_news news;
        struct tally_event event = {.kind = TALLY_EVENT_DATAGRAM};
        event.datagram.from = kept.from;
        event.datagram.bytes = bytes_of(kept.bytes, kept.size);
        outbox_clear(&victim->outbox);
        enum tally_drop drop =
            datagrams_receive(&victim->datagrams, web->now, &event, &news, &victim->outbox);
        assert_int_equal(drop, TALLY_DROP_REPLAYED);
        outbox_clear(&victim->outbox);
    }
    assert_int_equal(refused(web, TALLY_DROP_REPLAYED), before + 5);
    web_free(web);
}

static void an_answer_to_another_question_is_none(void **state)
{
    struct web *web = begin();
    struct tally_log_state log = {.verdict = VALUES_STORED};
    struct tally_ads ads = {.last = true};
    uint8_t body[TALLY_DATAGRAM_MAX];
    struct wire_writer w;
    const struct dht_request *request = asked(web);
    memcpy(log.request, request->number, sizeof log.request);
    memcpy(ads.request, request->number, sizeof ads.request);
    wire_writer_init(&w, body, sizeof body);
    tally_log_state_write(&log, &w);
    say(web, TALLY_KIND_LOG_STATE, &w);
    wire_writer_init(&w, body, sizeof body);
    tally_ads_write(&ads, &w);
    say(web, TALLY_KIND_ADS, &w);
    assert_int_equal(drops(web, TALLY_DROP_PROTOCOL), 2);
    web_free(web);
}

static void more_nodes_than_fit_are_malformed(void **state)
{
    struct web *web = begin();
    uint8_t v4[16][CONTACT4], v6[2][CONTACT6] = {{1}, {2}};
    const struct dht_request *request = asked(web);
    uint8_t number[8];
    memcpy(number, request->number, sizeof number);
    nodes_say(web, number, contacts(v4, 15, 60, 1, true), bytes_of(v6, sizeof v6));
    assert_int_equal(drops(web, TALLY_DROP_MALFORMED), 1);
    web_free(web);
}

static void false_addresses_cost_standing(void **state)
{
    static const struct tally_bytes none;
    struct web *web = begin();
    uint8_t v4[16][CONTACT4], number[8];
    int before = standing(web);
    memcpy(number, asked(web)->number, sizeof number);
    nodes_say(web, number, contacts(v4, 3, 192, 168, true), none);
    assert_int_equal(drops(web, TALLY_DROP_SCOPE), 3);
    assert_in_range(before - standing(web), 18, 20); /* It fades meanwhile. */
    web_free(web);
}

static void one_network_fills_no_table(void **state)
{
    static const struct tally_bytes none;
    struct web *web = begin();
    uint8_t v4[16][CONTACT4], number[8];
    unsigned before = (unsigned)web_dht(web, VICTIM)->table.count;
    memcpy(number, asked(web)->number, sizeof number);
    nodes_say(web, number, contacts(v4, 16, 60, 1, false), none);
    assert_true(web_dht(web, VICTIM)->table.count - before <= TABLE_NETWORK_ALL);
    web_free(web);
}

static void a_forged_record_ends_the_link(void **state)
{
    struct web *web = begin();
    uint8_t record[RECORD_PEER_MAX], body[TALLY_DATAGRAM_MAX];
    struct dht *dht = web_dht(web, VICTIM);
    const struct tally_key nobody = {{1, 2, 3}};
    struct wire_writer w;
    /* A record of that key, with a signature of the liar's. */
    struct person forger = web->nodes[LIAR].person;
    forger.key = nobody;
    forger.crypto.context = &web->nodes[LIAR].person;
    struct tally_bytes bytes = person_record(&forger, web->now, record);
    struct tally_found_record found = {.record = bytes};
    assert_true(web_find_peer(web, VICTIM, &nobody, 1));
    web_run(web, 20);
    size_t i = 0;
    while (i < dht->request_count &&
           (dht->requests[i]->wire != TALLY_KIND_GET_RECORD ||
            !key_equal(&dht->requests[i]->key, &web->nodes[LIAR].person.key)))
        i++;
    assert_true(i < dht->request_count);
    memcpy(found.request, dht->requests[i]->number, sizeof found.request);
    wire_writer_init(&w, body, sizeof body);
    tally_found_record_write(&found, &w);
    say(web, TALLY_KIND_FOUND_RECORD, &w);
    assert_int_equal(drops(web, TALLY_DROP_FORGED), 1);
    assert_true(peer_barred(web_peer(web, VICTIM, LIAR), web->now));
    assert_int_equal(web_found(web, VICTIM, 1), 0);
    web_free(web);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_more_answer_and_a_late_one_are_no_fault),
        cmocka_unit_test(a_replayed_answer_is_none),
        cmocka_unit_test(an_answer_to_another_question_is_none),
        cmocka_unit_test(more_nodes_than_fit_are_malformed),
        cmocka_unit_test(false_addresses_cost_standing),
        cmocka_unit_test(one_network_fills_no_table),
        cmocka_unit_test(a_forged_record_ends_the_link),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("dht-liars", tests, NULL, NULL);
}
