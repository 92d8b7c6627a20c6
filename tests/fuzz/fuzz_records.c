/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others ask a DHT node to keep: a peer record or topic ad that reads has one form; and with
 * signatures that are all good, because a fuzzer has no key, the three stores take it or leave it
 * and hold their invariants.
 */
#include "core/base/bytes.h"
#include "core/dht/topics.h"
#include "core/dht/values.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool accept(void *context, const struct tally_key *key, struct tally_bytes message,
                   const struct tally_signature *signature)
{
    return true;
}

static void draw(void *context, uint8_t *bytes, size_t size)
{
    memset(bytes, 7, size);
}

/* When the seeds were made. */
static const struct tally_now now = {{1000000}, {INT64_C(1763701600000000)}};
static const struct tally_crypto crypto = {.verify = accept};
static const struct tally_secret secret = {.draw = draw};

static struct tally_address address_of(const struct tally_endpoint *endpoints, size_t count)
{
    const struct tally_address nowhere = {.port = 1};
    return count > 0 ? endpoints[0].address : nowhere;
}

static void keep_record(struct tally_bytes bytes, struct verifier *verifier)
{
    struct record_peer record;
    struct records records;
    uint8_t body[TALLY_DATAGRAM_MAX];
    struct wire_writer w;
    if (record_read_peer(bytes, now, &record) != TALLY_DROP_NONE)
        return;
    wire_writer_init(&w, body, sizeof body);
    tally_peer_record_write(&record.body, &w);
    assert(bytes_equal(wire_writer_bytes(&w), record.datagram.body));
    struct tally_address from = address_of(record.body.endpoints, record.body.endpoints_count);
    const struct records_options options = {.capacity = 2};
    bool made = records_new(&records, &options);
    assert(made);
    (void)made;
    enum tally_drop drop =
        records_put(&records, now, verifier, &record.datagram.sender, &from, bytes);
    struct tally_bytes kept = records_find(&records, now, &record.datagram.sender);
    assert(drop == TALLY_DROP_NONE && bytes_equal(kept, bytes) && records_holds(&records, now));
    (void)drop;
    (void)kept;
    records_free(&records);
}

static void keep_ad(struct tally_bytes bytes, struct verifier *verifier)
{
    struct record_ad ad;
    struct topics topics;
    struct tally_registered answer;
    struct tally_ads ads[2];
    uint8_t body[TALLY_DATAGRAM_MAX];
    struct wire_writer w;
    if (record_read_ad(bytes, now, &ad) != TALLY_DROP_NONE)
        return;
    wire_writer_init(&w, body, sizeof body);
    tally_topic_ad_write(&ad.body, &w);
    assert(bytes_equal(wire_writer_bytes(&w), ad.datagram.body));
    struct tally_address from = address_of(ad.body.endpoints, ad.body.endpoints_count);
    const struct topics_options options = {.capacity = 8, .secret = secret};
    bool made = topics_new(&topics, &options);
    assert(made);
    (void)made;
    const struct tally_register request = {.topic = ad.body.topic, .ad = bytes};
    const struct tally_topic_query query = {.topic = ad.body.topic, .want = 10};
    enum tally_drop drop =
        topics_register(&topics, now, verifier, &ad.datagram.sender, &from, &request, &answer);
    size_t messages = topics_query(&topics, now, &query, SIZE_MAX, ads);
    assert(drop == TALLY_DROP_NONE && answer.expires_s > 0 && topics_holds(&topics, now));
    assert(messages == 1 && ads[0].ads_count == 1 && bytes_equal(ads[0].ads[0], bytes));
    (void)drop;
    (void)messages;
    topics_free(&topics);
}

static void keep_value(struct tally_bytes bytes, struct verifier *verifier)
{
    struct values values;
    struct values_answer answer;
    struct values_news news;
    const struct tally_key key = {{1}};
    const struct tally_address address = {.port = 1};
    const struct values_asker asker = {&key, &address};
    const struct values_options options = {
        .network = {0xd7, 0x24, 0x77, 0x15, 0x46, 0x2f, 0x69, 0x9e}, /* Of "tally". */
        .capacity = 2,
        .pending = 2,
        .forks = 1,
        .secret = secret};
    bool made = values_new(&values, &options);
    assert(made);
    (void)made;
    enum tally_drop drop = values_put(&values, now, verifier, &asker, bytes, &answer, &news);
    if (drop == TALLY_DROP_NONE) {
        assert(news.stored && answer.verdict == VALUES_STORED);
        assert(bytes_equal(values_find(&values, now, &news.origin, NULL), bytes));
        drop = values_put(&values, now, verifier, &asker, bytes, &answer, &news);
        assert(drop == TALLY_DROP_SEEN);
    }
    assert(values_holds(&values, now));
    values_free(&values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct verifier verifier;
    struct tally_bytes bytes = bytes_of(data, size);
    verifier_init(&verifier, &crypto, now);
    keep_record(bytes, &verifier);
    keep_ad(bytes, &verifier);
    keep_value(bytes, &verifier);
    return 0;
}
