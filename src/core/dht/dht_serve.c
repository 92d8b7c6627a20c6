/* SPDX-License-Identifier: Apache-2.0 */
/* What others ask: only a server answers, over a link, so to an address that was proved. */
#include "core/crypto/hash.h"
#include "core/dht/dht_inside.h"

enum { BODY_MAX = TALLY_DATAGRAM_MAX };

/* Where the asker is: that address was proved for its link, or for the one it is about to have. */
static const struct tally_address *where(const struct dht_step *step, const struct peer *from)
{
    return step->rides && from->link.next != NULL ? &from->link.next->address : &from->link.address;
}

/* Those we would name for a target, but not the asker itself. */
static void nodes_say(struct dht *dht, const struct dht_step *step, const struct peer *to,
                      const uint8_t request[8], const struct tally_hash *target, unsigned want)
{
    const struct contact *list[LOOKUP_NODES_MAX + 1];
    uint8_t v4[LOOKUP_NODES_MAX][38], v6[LOOKUP_NODES_MAX][50], body[BODY_MAX];
    size_t count = table_closest(&dht->table, step->now, target, true, list, want + 1);
    size_t v4_count = 0, v6_count = 0;
    for (size_t i = 0; i < count && v4_count + v6_count < want; i++) {
        const struct contact *contact = list[i];
        struct tally_address address = contact_address(contact);
        bool is_v4 = address_is_ip4(&address);
        if (key_equal(&contact->key, &to->key))
            continue;
        uint8_t *at = is_v4 ? v4[v4_count++] : v6[v6_count++];
        memcpy(at, contact->key.bytes, 32);
        memcpy(at + 32, is_v4 ? address.ip + 12 : address.ip, is_v4 ? 4 : 16);
        be16_write(at + 32 + (is_v4 ? 4 : 16), address.port);
    }
    struct tally_nodes message = {.v4 = bytes_of(v4, v4_count * sizeof *v4),
                                  .v6 = bytes_of(v6, v6_count * sizeof *v6)};
    memcpy(message.request, request, sizeof message.request);
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_nodes_write(&message, &w);
    dht_say(step, to, TALLY_KIND_NODES, wire_writer_bytes(&w));
}

static void record_say(const struct dht_step *step, const struct peer *to, const uint8_t request[8],
                       struct tally_bytes record)
{
    struct tally_found_record message = {.record = record};
    uint8_t body[BODY_MAX];
    struct wire_writer w;
    memcpy(message.request, request, sizeof message.request);
    wire_writer_init(&w, body, sizeof body);
    tally_found_record_write(&message, &w);
    dht_say(step, to, TALLY_KIND_FOUND_RECORD, wire_writer_bytes(&w));
}

/* Reads a message of one kind; the rest of a handler runs only if it is whole. */
#define READ(name, message)                                                                        \
    struct wire_reader r;                                                                          \
    struct tally_##name message;                                                                   \
    wire_reader_init(&r, datagram->body);                                                          \
    tally_##name##_read(&r, &message);                                                             \
    if (!wire_reader_done(&r))                                                                     \
    return TALLY_DROP_MALFORMED

static enum tally_drop on_find_node(struct dht *dht, const struct dht_step *step, struct peer *from,
                                    const struct datagram *datagram)
{
    READ(find_node, ask);
    nodes_say(dht, step, from, ask.request, &ask.target, ask.want);
    return TALLY_DROP_NONE;
}

static enum tally_drop on_get_record(struct dht *dht, const struct dht_step *step,
                                     struct peer *from, const struct datagram *datagram)
{
    READ(get_record, ask);
    struct tally_bytes record = records_find(&dht->records, step->now, &ask.key);
    if (record.size > 0) {
        record_say(step, from, ask.request, record);
        return TALLY_DROP_NONE;
    }
    struct tally_hash point;
    metric_point(&ask.key, &point);
    nodes_say(dht, step, from, ask.request, &point, LOOKUP_NODES_MAX);
    return TALLY_DROP_NONE;
}

/* Its record says that it is a server, also over a link that was set up before it was one. */
static void learn_caps(struct dht *dht, const struct dht_step *step, struct peer *from,
                       struct tally_bytes bytes)
{
    struct record_peer record;
    if (record_read_peer(bytes, step->now, &record) != TALLY_DROP_NONE ||
        (record.body.caps & PEERS_CAPS_DHT) == 0)
        return;
    from->caps |= PEERS_CAPS_DHT;
    (void)table_offer(&dht->table, step->now, &from->key, where(step, from));
}

static enum tally_drop on_put_record(struct dht *dht, const struct dht_step *step,
                                     struct peer *from, const struct datagram *datagram)
{
    READ(put_record, ask);
    enum tally_drop drop = records_put(&dht->records, step->now, step->verifier, &from->key,
                                       where(step, from), ask.record);
    bool kept = drop == TALLY_DROP_NONE || drop == TALLY_DROP_SEEN;
    bool full = drop == TALLY_DROP_BUSY || drop == TALLY_DROP_CROWDED;
    if (kept)
        learn_caps(dht, step, from, ask.record);
    struct tally_log_state state = {.verdict = kept   ? VALUES_STORED
                                               : full ? VALUES_FULL
                                                      : VALUES_NO};
    uint8_t body[64];
    struct wire_writer w;
    memcpy(state.request, ask.request, sizeof state.request);
    wire_writer_init(&w, body, sizeof body);
    tally_log_state_write(&state, &w);
    dht_say(step, from, TALLY_KIND_LOG_STATE, wire_writer_bytes(&w));
    return kept ? TALLY_DROP_NONE : drop;
}

static enum tally_drop on_find_log(struct dht *dht, const struct dht_step *step, struct peer *from,
                                   const struct datagram *datagram)
{
    READ(find_log, ask);
    struct tally_bytes record = values_find(&dht->values, step->now, &ask.origin, NULL);
    if (record.size > 0)
        record_say(step, from, ask.request, record);
    else
        nodes_say(dht, step, from, ask.request, &ask.origin, LOOKUP_NODES_MAX);
    return TALLY_DROP_NONE;
}

/* The answer to put_log and extend, and what they taught. */
static void values_say(struct dht *dht, const struct dht_step *step, const struct peer *to,
                       const uint8_t request[8], const struct values_answer *answer,
                       const struct values_news *news)
{
    if (news->fork && news->first.size <= TALLY_CHECKPOINT_MAX &&
        news->second.size <= TALLY_CHECKPOINT_MAX) {
        struct dht_news *told = dht_news_add(dht, DHT_NEWS_FORK);
        memcpy(dht->options.loan->notes[0], news->first.data, news->first.size);
        memcpy(dht->options.loan->notes[1], news->second.data, news->second.size);
        if (told != NULL) {
            told->key = to->key;
            told->first = bytes_of(dht->options.loan->notes[0], news->first.size);
            told->second = bytes_of(dht->options.loan->notes[1], news->second.size);
        }
    }
    if (answer->has_record) {
        record_say(step, to, request, answer->record);
        return;
    }
    struct tally_log_state state;
    uint8_t body[64];
    struct wire_writer w;
    values_state(answer, request, &state);
    wire_writer_init(&w, body, sizeof body);
    tally_log_state_write(&state, &w);
    dht_say(step, to, TALLY_KIND_LOG_STATE, wire_writer_bytes(&w));
}

static enum tally_drop on_put_log(struct dht *dht, const struct dht_step *step, struct peer *from,
                                  const struct datagram *datagram)
{
    READ(put_log, ask);
    struct values_answer answer;
    struct values_news news = {.stored = false};
    const struct values_asker asker = {&from->key, where(step, from)};
    enum tally_drop drop =
        values_put(&dht->values, step->now, step->verifier, &asker, ask.record, &answer, &news);
    if (values_answers(drop))
        values_say(dht, step, from, ask.request, &answer, &news);
    /* Another holder has just put what we would: that is enough. */
    struct claim claim;
    struct datagram record;
    if (drop == TALLY_DROP_SEEN && datagram_read_record(ask.record, &record) == TALLY_DROP_NONE &&
        claim_read(&record, dht->options.network, &claim) == TALLY_DROP_NONE)
        publish_seen(&dht->publish, step->now, &claim.origin);
    return drop;
}

static enum tally_drop on_extend(struct dht *dht, const struct dht_step *step, struct peer *from,
                                 const struct datagram *datagram)
{
    READ(extend, ask);
    struct values_answer answer;
    struct values_news news = {.stored = false};
    const struct values_asker asker = {&from->key, where(step, from)};
    enum tally_drop drop = values_extend(&dht->values, step->now, &asker, &ask, &answer, &news);
    values_say(dht, step, from, ask.request, &answer, &news);
    return drop;
}

static enum tally_drop on_register(struct dht *dht, const struct dht_step *step, struct peer *from,
                                   const struct datagram *datagram)
{
    READ(register, ask);
    struct tally_registered answer = {.wait_s = 0};
    enum tally_drop drop = topics_register(&dht->topics, step->now, step->verifier, &from->key,
                                           where(step, from), &ask, &answer);
    if (drop != TALLY_DROP_NONE && drop != TALLY_DROP_SEEN && drop != TALLY_DROP_CROWDED)
        return drop;
    uint8_t body[64];
    struct wire_writer w;
    memcpy(answer.request, ask.request, sizeof answer.request);
    wire_writer_init(&w, body, sizeof body);
    tally_registered_write(&answer, &w);
    dht_say(step, from, TALLY_KIND_REGISTERED, wire_writer_bytes(&w));
    return drop;
}

static enum tally_drop on_topic_query(struct dht *dht, const struct dht_step *step,
                                      struct peer *from, const struct datagram *datagram)
{
    READ(topic_query, ask);
    struct tally_ads answers[2];
    size_t count =
        topics_query(&dht->topics, step->now, &ask, (size_t)2 * TALLY_DATAGRAM_MAX, answers);
    for (size_t i = 0; i < count; i++) {
        uint8_t body[BODY_MAX];
        struct wire_writer w;
        memcpy(answers[i].request, ask.request, sizeof answers[i].request);
        wire_writer_init(&w, body, sizeof body);
        tally_ads_write(&answers[i], &w);
        dht_say(step, from, TALLY_KIND_ADS, wire_writer_bytes(&w));
    }
    nodes_say(dht, step, from, ask.request, &ask.topic, LOOKUP_NODES_MAX);
    return TALLY_DROP_NONE;
}

/* One peer cannot use up what all others may ask. */
static bool pays(struct dht *dht, const struct dht_step *step, const struct peer *from)
{
    uint64_t hash = hash_siphash(dht->share_key, bytes_of(from->key.bytes, sizeof from->key.bytes));
    const struct bucket_rate rate = {DHT_RATE, 4 * DHT_RATE};
    return bucket_word_take(&dht->shares[hash % DHT_SHARES], rate, step->now.mono) &&
           bucket_take(&dht->all, step->now.mono);
}

enum tally_drop serve(struct dht *dht, const struct dht_step *step, struct peer *from,
                      const struct datagram *datagram)
{
    typedef enum tally_drop server(struct dht *, const struct dht_step *, struct peer *,
                                   const struct datagram *);
    static server *const servers[] = {
        [TALLY_KIND_FIND_NODE] = on_find_node,   [TALLY_KIND_GET_RECORD] = on_get_record,
        [TALLY_KIND_PUT_RECORD] = on_put_record, [TALLY_KIND_FIND_LOG] = on_find_log,
        [TALLY_KIND_PUT_LOG] = on_put_log,       [TALLY_KIND_EXTEND] = on_extend,
        [TALLY_KIND_REGISTER] = on_register,     [TALLY_KIND_TOPIC_QUERY] = on_topic_query,
    };
    size_t kind = datagram->kind;
    if (kind >= sizeof servers / sizeof *servers || servers[kind] == NULL)
        return TALLY_DROP_UNKNOWN;
    if (!dht->server)
        return TALLY_DROP_REFUSED;
    if (!pays(dht, step, from))
        return TALLY_DROP_BUSY;
    /* Who asks and is a server itself is a hint for the table. */
    if ((from->caps & PEERS_CAPS_DHT) != 0)
        (void)table_offer(&dht->table, step->now, &from->key, where(step, from));
    dht->served++;
    return servers[kind](dht, step, from, datagram);
}
