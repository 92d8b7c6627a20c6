/* SPDX-License-Identifier: Apache-2.0 */
/* What others say on the link: their questions, and what they tell of themselves. */
#include "core/mdns/mdns_part.h"

#include "core/address/multiaddr.h"
#include "core/base/bytes.h"

/* ---- Questions of others. ---- */

struct asker {
    const struct tally_address *from;
    bool group;
    uint16_t id;
    struct dns_question first; /* The first question that concerns us. */
    bool unicast;              /* One of them asks for it. */
    unsigned asked;
};

static bool query_read(struct dns_reader *r, const struct dns_header *header,
                       const struct card *card, struct asker *asker)
{
    struct dns_question asked;
    struct dns_record record;
    for (size_t i = 0; i < header->counts[DNS_QUESTIONS]; i++) {
        if (!dns_question_read(r, &asked))
            return false;
        unsigned bits = card_asked(card, &asked);
        if (bits == 0)
            continue;
        if (asker->asked == 0)
            asker->first = asked;
        asker->asked |= bits;
        asker->unicast = asker->unicast || asked.unicast;
    }
    /* In a probe the records proposed stand in the authority section: those are not known yet. */
    for (size_t i = 0; asker->asked != 0 && i < header->counts[DNS_ANSWERS]; i++) {
        if (!dns_record_read(r, &record))
            return false;
        asker->asked &= ~card_known(card, r, &record);
    }
    return true;
}

/* Who wants it for itself gets it at once, apart from what all get. */
static enum tally_drop answer_alone(struct mdns *mdns, struct mdns_interface *interface,
                                    struct tally_now now, const struct asker *asker,
                                    struct outbox *out)
{
    uint8_t packet[TALLY_MDNS_PACKET_MAX];
    bool legacy = asker->from->port != MDNS_PORT;
    const struct card_legacy as = {.id = asker->id, .question = &asker->first};
    if (!mdns_budget_take(&interface->unicast, now))
        return TALLY_DROP_BUSY;
    size_t size = card_write(&interface->card, asker->asked,
                             legacy ? CARD_LEGACY_TTL_S : CARD_TTL_S, legacy ? &as : NULL, packet);
    mdns_send(mdns, interface, asker->from, bytes_of(packet, size), out);
    return TALLY_DROP_NONE;
}

static enum tally_drop answer_all(struct mdns *mdns, struct mdns_interface *interface,
                                  struct tally_now now, const struct asker *asker)
{
    unsigned fresh = asker->asked;
    bool waiting = interface->answer_at.ms != TALLY_NEVER.ms;
    if (interface->said != 0 && now.mono.ms - interface->said_at.ms < MDNS_AGAIN_MS)
        fresh &= ~interface->said;
    if (fresh == 0)
        return TALLY_DROP_SEEN;
    if (!waiting && !mdns_budget_take(&interface->multicast, now))
        return TALLY_DROP_BUSY;
    interface->asked |= fresh;
    interface->asked_families[address_is_ip4(asker->from) ? V4 : V6] = true;
    if (!waiting)
        interface->answer_at.ms = now.mono.ms + mdns_delay(mdns);
    return TALLY_DROP_NONE;
}

/* Known answers that do not fit come in further packets (RFC 6762 section 7.2), which are not
   waited for: now and then one answer too many, out of the budget. */
static enum tally_drop query_take(struct mdns *mdns, struct mdns_interface *interface,
                                  struct tally_now now, struct asker *asker, struct dns_reader *r,
                                  const struct dns_header *header, struct outbox *out)
{
    if (!query_read(r, header, &interface->card, asker))
        return TALLY_DROP_MALFORMED;
    if (asker->asked == 0)
        return TALLY_DROP_NONE;
    enum tally_drop drop = TALLY_DROP_NONE;
    if (!asker->group || asker->unicast || asker->from->port != MDNS_PORT)
        drop = answer_alone(mdns, interface, now, asker, out);
    /* Rust asks from a port of its own and hears only what all hear. */
    return asker->group ? answer_all(mdns, interface, now, asker) : drop;
}

/* ---- Answers of others. ---- */

static struct mdns_known *known_find(struct mdns_interface *interface,
                                     const struct card_heard *heard)
{
    for (size_t i = 0; i < MDNS_KNOWN; i++) {
        struct mdns_known *known = &interface->known[i];
        if (known->label_size > 0 && known->label_size == heard->label_size &&
            memcmp(known->label, heard->label, known->label_size) == 0 &&
            key_equal(&known->key, &heard->key))
            return known;
    }
    return NULL;
}

/* A free place, else that of whom we have not heard for longest. */
static struct mdns_known *known_place(struct mdns_interface *interface)
{
    struct mdns_known *place = &interface->known[0];
    for (size_t i = 0; i < MDNS_KNOWN && place->label_size > 0; i++)
        if (interface->known[i].label_size == 0 || interface->known[i].heard.ms < place->heard.ms)
            place = &interface->known[i];
    return place;
}

static bool is_own(const struct card *card, const struct card_heard *heard)
{
    return heard->label_size == card->label_size &&
           memcmp(heard->label, card->label, card->label_size) == 0;
}

/* Only what lies on a subnet of that interface: rust rewrites addresses to where they came from, we
   leave out those that cannot be meant for this link. */
static void addresses_take(const struct card_heard *heard, const struct address_policy *policy,
                           struct mdns_news *news)
{
    for (size_t i = 0; i < heard->count; i++)
        if (address_attached(policy, &heard->addresses[i], news->interface))
            news->addresses[news->count++] = heard->addresses[i];
}

static enum tally_drop heard_take(struct mdns *mdns, struct mdns_interface *interface,
                                  struct tally_now now, const struct card_heard *heard,
                                  const struct address_policy *policy, struct mdns_news *news)
{
    struct mdns_news found = {
        .any = true, .key = heard->key, .interface = interface->index, .udp_port = heard->udp_port};
    if (!heard->any || !heard->has_key || is_own(&interface->card, heard))
        return TALLY_DROP_NONE;
    if (key_equal(&heard->key, &mdns->options.key))
        return TALLY_DROP_SELF;
    struct mdns_known *known = known_find(interface, heard);
    if (heard->ttl_s == 0) {
        if (known != NULL)
            known->label_size = 0;
        return TALLY_DROP_NONE;
    }
    addresses_take(heard, policy, &found);
    if (found.count == 0)
        return TALLY_DROP_SCOPE;
    found.fresh = known == NULL;
    if (found.fresh && !bucket_take(&interface->finds, now.mono))
        return TALLY_DROP_BUSY;
    if (known == NULL)
        known = known_place(interface);
    *known = (struct mdns_known){
        .label_size = heard->label_size,
        .bare = heard->bare,
        .key = heard->key,
        .ttl_s = heard->ttl_s < MDNS_KNOWN_TTL_S ? heard->ttl_s : MDNS_KNOWN_TTL_S,
        .heard = now.mono,
    };
    memcpy(known->label, heard->label, heard->label_size);
    *news = found;
    return TALLY_DROP_NONE;
}

/* ---- Receiving. ---- */

static struct mdns_interface *interface_find(struct mdns *mdns, uint32_t index)
{
    for (size_t i = 0; i < mdns->capacity; i++)
        if (mdns->list[i].used && mdns->list[i].index == index)
            return &mdns->list[i];
    return NULL;
}

static enum tally_drop take(struct mdns *mdns, struct tally_now now,
                            const struct tally_event *event, const struct address_policy *policy,
                            struct mdns_news *news, struct outbox *out)
{
    struct dns_reader r;
    struct dns_header header;
    struct dns_question skipped;
    struct card_heard heard;
    struct mdns_interface *interface = interface_find(mdns, event->multicast.interface);
    struct asker asker = {.from = &event->multicast.from, .group = event->multicast.group};
    /* RFC 6762 section 11: whoever is not on the link has no business here. */
    if (interface == NULL || !address_attached(policy, asker.from, interface->index))
        return TALLY_DROP_SCOPE;
    if (!bucket_take(&interface->parse, now.mono))
        return TALLY_DROP_BUSY;
    if (event->multicast.bytes.size > TALLY_MDNS_READ_MAX ||
        !dns_header_read(&r, event->multicast.bytes, &header))
        return TALLY_DROP_MALFORMED;
    if ((header.flags & (DNS_MASK_OPCODE | DNS_MASK_RCODE)) != 0)
        return TALLY_DROP_UNKNOWN; /* RFC 6762 section 18. */
    asker.id = header.id;
    if ((header.flags & DNS_FLAG_RESPONSE) == 0)
        return query_take(mdns, interface, now, &asker, &r, &header, out);
    if (!asker.group)
        return TALLY_DROP_UNASKED;
    for (size_t i = 0; i < header.counts[DNS_QUESTIONS]; i++)
        if (!dns_question_read(&r, &skipped))
            return TALLY_DROP_MALFORMED;
    enum tally_drop drop = card_read(&r, &header, &heard);
    if (drop != TALLY_DROP_NONE)
        return drop;
    return heard_take(mdns, interface, now, &heard, policy, news);
}

enum tally_drop mdns_receive(struct mdns *mdns, struct tally_now now,
                             const struct tally_event *event, const struct address_policy *policy,
                             struct mdns_news *news, struct outbox *out)
{
    *news = (struct mdns_news){.any = false};
    mdns->packets_in++;
    enum tally_drop drop = take(mdns, now, event, policy, news, out);
    mdns_wake(mdns);
    mdns->refused += drop != TALLY_DROP_NONE && drop != TALLY_DROP_SEEN;
    return drop;
}
