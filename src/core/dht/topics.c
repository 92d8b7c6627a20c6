/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dht/topics.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"

#include <assert.h>
#include <stdlib.h>

bool topics_new(struct topics *topics, const struct topics_options *options)
{
    *topics = (struct topics){.options = *options, .random.state = options->seed};
    struct topics_options *own = &topics->options;
    own->capacity = own->capacity != 0 ? own->capacity : TOPICS_MAX;
    own->per_topic = own->per_topic != 0 ? own->per_topic : TOPICS_PER_TOPIC;
    own->network_topic = own->network_topic != 0 ? own->network_topic : TOPICS_NETWORK_TOPIC;
    own->network_all = own->network_all != 0 ? own->network_all : TOPICS_NETWORK_ALL;
    assert(own->capacity < UINT16_MAX && own->per_topic <= TOPICS_PER_TOPIC);
    topics->list = calloc(own->capacity, sizeof *topics->list);
    own->secret.draw(own->secret.context, topics->ticket_key, sizeof topics->ticket_key);
    return topics->list != NULL;
}

void topics_free(struct topics *topics)
{
    free(topics->list);
    hash_wipe(topics, sizeof *topics);
}

static bool live(const struct topics_ad *ad, struct tally_now now)
{
    return now.mono.ms < ad->until.ms;
}

/* ---- Waiting. ---- */

enum { LEVELS_MAX = 33, ADDRESS_BITS = 128 };

/* The prefix lengths that are looked at, in bits of the 16 bytes, and how many leading bits of
   these all addresses of the kind have in common. */
struct levels {
    unsigned first, count, common;
};

static struct levels levels_of(const struct tally_address *address)
{
    bool v4 = address_prefix(address) == 15;
    return v4 ? (struct levels){96 + 8, 25, 96} : (struct levels){32, 33, 3};
}

static unsigned shared_bits(const uint8_t a[16], const uint8_t b[16])
{
    uint64_t high = be64_read(a) ^ be64_read(b), low = be64_read(a + 8) ^ be64_read(b + 8);
    if (high != 0)
        return (unsigned)__builtin_clzll(high);
    return low != 0 ? 64 + (unsigned)__builtin_clzll(low) : ADDRESS_BITS;
}

/* What one pass over the ads tells of a newcomer. */
struct survey {
    const struct topics_ad *own;            /* The one that would be replaced. */
    size_t place;                           /* A free one, or own; capacity: none. */
    uint32_t held, of_topic;                /* Ads but the own one. */
    uint32_t of_network, of_both;           /* Of these: of its network, and under the topic too; */
    uint32_t of_wide, of_wide_both;         /* of its /16 or /32. */
    struct tally_mono all_free, topic_free; /* When the first place falls free, own ones too. */
    uint32_t shared[LEVELS_MAX];            /* Others' ads, by how many of the levels they share. */
    uint32_t others;                        /* Of its kind of address. */
};

static void survey_address(struct survey *survey, const struct levels *levels,
                           const struct tally_address *address, const struct topics_ad *ad)
{
    if (levels_of(&ad->address).first != levels->first)
        return;
    survey->others++;
    unsigned bits = shared_bits(address->ip, ad->address.ip);
    if (bits < levels->first)
        return;
    unsigned level = bits - levels->first;
    survey->shared[level < levels->count ? level : levels->count - 1]++;
}

static void earlier(struct tally_mono *at, struct tally_mono other)
{
    if (other.ms < at->ms)
        *at = other;
}

static void survey_make(const struct topics *topics, struct tally_now now,
                        const struct tally_hash *topic, const struct tally_key *own,
                        const struct tally_address *address, struct survey *survey)
{
    struct levels levels = levels_of(address);
    uint8_t network[PLACES_NETWORK];
    places_network(address, network);
    *survey = (struct survey){
        .place = topics->options.capacity, .all_free = TALLY_NEVER, .topic_free = TALLY_NEVER};
    for (size_t i = 0; i < topics->options.capacity; i++) {
        const struct topics_ad *ad = &topics->list[i];
        if (!live(ad, now)) {
            if (survey->place == topics->options.capacity)
                survey->place = i;
            continue;
        }
        bool same_topic = topic != NULL && hash_equal(&ad->topic, topic);
        bool same_owner = key_equal(&ad->owner, own);
        earlier(&survey->all_free, ad->until);
        if (same_topic)
            earlier(&survey->topic_free, ad->until);
        if (!same_owner)
            survey_address(survey, &levels, address, ad);
        if (same_topic && same_owner) {
            survey->own = ad;
            survey->place = i;
            continue;
        }
        bool same_network = memcmp(ad->network, network, sizeof network) == 0;
        survey->held++;
        survey->of_topic += same_topic;
        survey->of_network += same_network;
        survey->of_both += same_network && same_topic;
        bool same_wide = places_wide(network, ad->network);
        survey->of_wide += same_wide;
        survey->of_wide_both += same_wide && same_topic;
    }
}

static uint32_t likeness_of(const struct survey *survey, const struct tally_address *address)
{
    /* With at most 2^16 ads, one alone is more than its share from this depth on. */
    enum { DEPTH_MAX = 20 };
    struct levels levels = levels_of(address);
    uint64_t sharing = 0, crowded = 0;
    for (unsigned level = levels.count; level-- > 0;) {
        unsigned depth = levels.first + level - levels.common;
        sharing += survey->shared[level];
        crowded += sharing << (depth < DEPTH_MAX ? depth : DEPTH_MAX) > survey->others;
    }
    return (uint32_t)(crowded * TOPICS_LIKENESS_ONE / levels.count);
}

uint32_t topics_likeness(const struct topics *topics, struct tally_now now,
                         const struct tally_key *own, const struct tally_address *address)
{
    struct survey survey;
    survey_make(topics, now, NULL, own, address, &survey);
    return likeness_of(&survey, address);
}

uint64_t topics_pressure(uint32_t held, uint32_t capacity)
{
    /* round(256 * (64 / (64 - i))^10); above 2^32 nobody comes in before an ad has expired. */
    static const uint64_t steps[] = {
        256,       300,       352,        414,        488,        577,      685,      815,
        973,       1165,      1400,       1688,       2042,       2479,     3022,     3699,
        4546,      5611,      6958,       8668,       10852,      13657,    17280,    21989,
        28147,     36257,     47011,      61379,      80726,      106994,   142972,   192708,
        262144,    360100,    499836,     701552,     996459,     1433514,  2090770,  3094850,
        4655081,   7124614,   11112529,   17694845,   28823038,   48139735, 82663665, 146403174,
        268435456, 511831623, 1020373917, 2140948310, 4294967296,
    };
    enum { STEPS = 64, LAST = sizeof steps / sizeof *steps - 1 };
    size_t step = (size_t)((uint64_t)held * STEPS / capacity);
    return steps[step < LAST ? step : LAST];
}

uint64_t topics_wait_ms(uint32_t held, uint32_t capacity, uint32_t of_topic, uint32_t per_topic,
                        uint32_t likeness)
{
    /* In microseconds, since 900 s * 1e-7 is 90 of them. Both shares are at most 1, so this is
       below 2^31 and the product below 2^63. */
    enum { LIFE_US = TOPICS_LIFE_MS * 1000, LEAST_US = 90 };
    assert(of_topic <= per_topic && likeness <= TOPICS_LIKENESS_ONE);
    uint64_t base = (uint64_t)LIFE_US * of_topic / per_topic +
                    (uint64_t)LIFE_US * likeness / TOPICS_LIKENESS_ONE + LEAST_US;
    return base * topics_pressure(held, capacity) / 256 / 1000;
}

/* ---- Tickets: what was waited, and when to come back. ---- */

struct ticket {
    uint64_t issued_ms; /* By our own clock. */
    uint32_t wait_ms, waited_ms;
};

enum { TICKET_PLAIN = 16 };

static void ticket_mac(const struct topics *topics, const uint8_t plain[TICKET_PLAIN],
                       const struct tally_key *from, const struct tally_address *address,
                       const struct tally_hash *topic, uint8_t mac[16])
{
    uint8_t of[TICKET_PLAIN + 32 + 32 + PLACES_NETWORK];
    memcpy(of, plain, TICKET_PLAIN);
    memcpy(of + TICKET_PLAIN, from->bytes, 32);
    memcpy(of + TICKET_PLAIN + 32, topic->bytes, 32);
    places_network(address, of + TICKET_PLAIN + 64);
    hash_siphash128(topics->ticket_key, bytes_of(of, sizeof of), mac);
}

static void ticket_write(const struct topics *topics, const struct ticket *ticket,
                         const struct tally_key *from, const struct tally_address *address,
                         const struct tally_hash *topic, uint8_t bytes[TOPICS_TICKET])
{
    be64_write(bytes, ticket->issued_ms);
    be32_write(bytes + 8, ticket->wait_ms);
    be32_write(bytes + 12, ticket->waited_ms);
    ticket_mac(topics, bytes, from, address, topic, bytes + TICKET_PLAIN);
}

/* False if we did not make it for this asker, its network and the topic, or it is too late. */
static bool ticket_read(const struct topics *topics, struct tally_now now,
                        const struct tally_register *request, const struct tally_key *from,
                        const struct tally_address *address, struct ticket *ticket)
{
    uint8_t mac[16];
    if (!request->has_ticket)
        return false;
    ticket_mac(topics, request->ticket, from, address, &request->topic, mac);
    *ticket = (struct ticket){
        .issued_ms = be64_read(request->ticket),
        .wait_ms = be32_read(request->ticket + 8),
        .waited_ms = be32_read(request->ticket + 12),
    };
    return hash_same(mac, request->ticket + TICKET_PLAIN, sizeof mac) &&
           now.mono.ms <= ticket->issued_ms + ticket->wait_ms + TOPICS_WINDOW_MS;
}

/* ---- Registering. ---- */

static uint16_t seconds_up(uint64_t ms, uint32_t most)
{
    uint64_t seconds = (ms + 999) / 1000;
    return (uint16_t)(seconds < most ? seconds : most);
}

/* Whether one of the endpoints is where the asker is linked: the very address of IPv4, the /64 of
   IPv6, whose hosts change theirs. Nobody places an ad that names only others. */
static bool names_itself(const struct tally_topic_ad *body, const struct tally_address *address)
{
    unsigned bits = address_prefix(address) == 15 ? ADDRESS_BITS : 64;
    for (size_t i = 0; i < body->endpoints_count; i++)
        if (shared_bits(body->endpoints[i].address.ip, address->ip) >= bits)
            return true;
    return false;
}

static enum tally_drop ad_judge(struct tally_now now, const struct tally_key *from,
                                const struct tally_address *address,
                                const struct tally_register *request, struct record_ad *ad)
{
    enum tally_drop drop = record_read_ad(request->ad, now, ad);
    if (drop != TALLY_DROP_NONE)
        return drop;
    if (!hash_equal(&ad->body.topic, &request->topic))
        return TALLY_DROP_UNASKED;
    if (!key_equal(&ad->datagram.sender, from))
        return TALLY_DROP_REFUSED;
    return names_itself(&ad->body, address) ? TALLY_DROP_NONE : TALLY_DROP_SCOPE;
}

/* How much longer this asker has to wait, having waited so long. */
static uint64_t need_ms(struct topics *topics, struct tally_now now, const struct survey *survey,
                        const struct tally_address *address, uint64_t waited_ms)
{
    const struct topics_options *options = &topics->options;
    /* One's own ad takes a place as long as it stands, or who was first would be for ever. */
    uint32_t standing = survey->own != NULL;
    bool topic_full = survey->of_topic + standing >= options->per_topic;
    uint32_t of_topic = topic_full ? options->per_topic : survey->of_topic;
    uint64_t wait = topics_wait_ms(survey->held, options->capacity, of_topic, options->per_topic,
                                   likeness_of(survey, address));
    uint64_t need = wait > waited_ms ? wait - waited_ms : 0;
    struct tally_mono open = topic_full ? survey->topic_free : survey->all_free;
    if (!topic_full && survey->held + standing < options->capacity)
        return need;
    uint64_t closed = open.ms - now.mono.ms + random_below(&topics->random, TOPICS_HERD_S * 1000);
    if (closed < 1000)
        closed = 1000;
    return need > closed ? need : closed;
}

static void ad_place(struct topics *topics, struct tally_now now, const struct survey *survey,
                     const struct record_ad *record, const struct tally_address *address,
                     struct tally_bytes bytes)
{
    struct topics_ad *ad = &topics->list[survey->place];
    assert(survey->place < topics->options.capacity);
    *ad = (struct topics_ad){
        .topic = record->body.topic,
        .owner = record->datagram.sender,
        .address = *address,
        .placed = now.mono,
        .until = {now.mono.ms + TOPICS_LIFE_MS},
        .size = (uint16_t)bytes.size,
    };
    places_network(address, ad->network);
    memcpy(ad->bytes, bytes.data, bytes.size);
    topics->admitted++;
}

static void answer_ticket(struct topics *topics, const struct ticket *ticket, uint64_t left_ms,
                          const struct tally_key *from, const struct tally_address *address,
                          struct tally_registered *answer, const struct tally_hash *topic)
{
    answer->wait_s = seconds_up(left_ms, TOPICS_WAIT_MAX_S);
    answer->has_ticket = true;
    ticket_write(topics, ticket, from, address, topic, answer->ticket);
}

static enum tally_drop place_or_wait(struct topics *topics, struct tally_now now,
                                     struct verifier *verifier, const struct survey *survey,
                                     const struct tally_address *address,
                                     const struct tally_register *request,
                                     const struct record_ad *ad, struct tally_registered *answer)
{
    const struct tally_key *from = &ad->datagram.sender;
    struct ticket ticket;
    uint64_t waited = 0;
    if (ticket_read(topics, now, request, from, address, &ticket)) {
        uint64_t back = ticket.issued_ms + ticket.wait_ms;
        if (now.mono.ms < back) {
            answer_ticket(topics, &ticket, back - now.mono.ms, from, address, answer,
                          &request->topic);
            return TALLY_DROP_NONE;
        }
        waited = ticket.waited_ms + (now.mono.ms - ticket.issued_ms);
    } else {
        topics->tickets_refused += request->has_ticket;
    }
    uint64_t need = need_ms(topics, now, survey, address, waited);
    if (need >= 1000) {
        uint16_t wait_s = seconds_up(need, TOPICS_WAIT_MAX_S);
        ticket = (struct ticket){
            .issued_ms = now.mono.ms,
            .wait_ms = wait_s * UINT32_C(1000),
            .waited_ms = waited < UINT32_MAX ? (uint32_t)waited : UINT32_MAX,
        };
        answer_ticket(topics, &ticket, ticket.wait_ms, from, address, answer, &request->topic);
        topics->tickets++;
        return TALLY_DROP_NONE;
    }
    enum tally_drop drop = verifier_datagram(verifier, now, &ad->datagram);
    if (drop != TALLY_DROP_NONE)
        return drop;
    ad_place(topics, now, survey, ad, address, request->ad);
    answer->expires_s = TOPICS_LIFE_MS / 1000;
    return TALLY_DROP_NONE;
}

/* Whether its network has what it may have: under one topic two while there is plenty of room, one
   where others want it too. */
static bool crowded(const struct topics *topics, const struct survey *survey)
{
    const struct topics_options *options = &topics->options;
    bool scarce = survey->of_topic >= options->per_topic / 2;
    return survey->of_both >= (scarce ? 1 : options->network_topic) ||
           survey->of_network >= options->network_all ||
           survey->of_wide_both >= options->per_topic / PLACES_WIDE ||
           survey->of_wide >= options->capacity / PLACES_WIDE;
}

enum tally_drop topics_register(struct topics *topics, struct tally_now now,
                                struct verifier *verifier, const struct tally_key *from,
                                const struct tally_address *address,
                                const struct tally_register *request,
                                struct tally_registered *answer)
{
    struct record_ad ad;
    struct survey survey;
    *answer = (struct tally_registered){.wait_s = 0};
    memcpy(answer->request, request->request, sizeof answer->request);
    enum tally_drop drop = ad_judge(now, from, address, request, &ad);
    if (drop != TALLY_DROP_NONE)
        return drop;
    survey_make(topics, now, &request->topic, from, address, &survey);
    if (survey.own != NULL && now.mono.ms - survey.own->placed.ms < TOPICS_REST_MS) {
        answer->expires_s = (uint16_t)((survey.own->until.ms - now.mono.ms) / 1000);
        return TALLY_DROP_SEEN;
    }
    if (crowded(topics, &survey)) {
        answer->wait_s = TOPICS_WAIT_MAX_S;
        return TALLY_DROP_CROWDED;
    }
    return place_or_wait(topics, now, verifier, &survey, address, request, &ad, answer);
}

/* ---- Queries. ---- */

static size_t of_topic(const struct topics *topics, struct tally_now now,
                       const struct tally_hash *topic, uint16_t *list, size_t most)
{
    size_t count = 0;
    for (size_t i = 0; i < topics->options.capacity && count < most; i++)
        if (hash_equal(&topics->list[i].topic, topic) && live(&topics->list[i], now))
            list[count++] = (uint16_t)i;
    return count;
}

size_t topics_query(struct topics *topics, struct tally_now now,
                    const struct tally_topic_query *query, size_t room, struct tally_ads answers[2])
{
    enum { BODY = 14, HEADER = 2 }; /* Round the ads, and each of them. */
    const size_t empty = datagram_overhead(UINT32_MAX, UINT64_MAX) + BODY;
    uint16_t found[TOPICS_PER_TOPIC];
    size_t count = of_topic(topics, now, &query->topic, found, TOPICS_PER_TOPIC), messages = 0;
    size_t wanted = query->want < TOPICS_ANSWER_MAX ? query->want : TOPICS_ANSWER_MAX;
    for (size_t i = 0; i < count && i < wanted; i++) {
        /* One of those that are left, each as likely as any. */
        size_t drawn = i + random_below(&topics->random, (uint32_t)(count - i));
        uint16_t index = found[drawn];
        found[drawn] = found[i];
        const struct topics_ad *ad = &topics->list[index];
        bool another = i % TALLY_ADS_ADS_MAX == 0;
        size_t cost = HEADER + ad->size + (another ? empty : 0);
        if (cost > room)
            break;
        room -= cost;
        if (another)
            answers[messages++] = (struct tally_ads){.ads_count = 0};
        struct tally_ads *answer = &answers[messages - 1];
        answer->ads[answer->ads_count++] = bytes_of(ad->bytes, ad->size);
    }
    if (messages == 0 && empty <= room)
        answers[messages++] = (struct tally_ads){.ads_count = 0};
    for (size_t i = 0; i < messages; i++) {
        memcpy(answers[i].request, query->request, sizeof answers[i].request);
        answers[i].last = i + 1 == messages;
    }
    return messages;
}

size_t topics_count(const struct topics *topics, struct tally_now now,
                    const struct tally_hash *topic)
{
    size_t count = 0;
    for (size_t i = 0; i < topics->options.capacity; i++)
        count += live(&topics->list[i], now) &&
                 (topic == NULL || hash_equal(&topics->list[i].topic, topic));
    return count;
}

bool topics_holds(const struct topics *topics, struct tally_now now)
{
    const struct topics_options *options = &topics->options;
    for (size_t i = 0; i < options->capacity; i++) {
        const struct topics_ad *ad = &topics->list[i];
        unsigned of_network = 0, of_both = 0, same = 0;
        if (!live(ad, now))
            continue;
        for (size_t j = 0; j < options->capacity; j++) {
            const struct topics_ad *other = &topics->list[j];
            bool network = memcmp(ad->network, other->network, sizeof ad->network) == 0;
            bool topic = hash_equal(&ad->topic, &other->topic);
            if (!live(other, now))
                continue;
            of_network += network;
            of_both += network && topic;
            same += topic && key_equal(&ad->owner, &other->owner);
        }
        if (of_network > options->network_all || of_both > options->network_topic || same != 1 ||
            ad->until.ms > now.mono.ms + TOPICS_LIFE_MS || ad->size == 0)
            return false;
        if (topics_count(topics, now, &ad->topic) > options->per_topic)
            return false;
    }
    return true;
}
