/* SPDX-License-Identifier: Apache-2.0 */
#include "core/mdns/mdns_part.h"

#include "core/address/multiaddr.h"
#include "core/address/scope.h"
#include "core/base/bytes.h"

enum { MINUTE_MS = 60000 };

void mdns_init(struct mdns *mdns, const struct mdns_options *options, struct mdns_interface *list,
               size_t capacity)
{
    *mdns = (struct mdns){.options = *options,
                          .random = {options->seed},
                          .list = list,
                          .capacity = capacity,
                          .next = TALLY_NEVER};
}

/* ---- Budgets. ---- */

static void budget_init(struct mdns_budget *budget, struct tally_now now)
{
    *budget = (struct mdns_budget){.turn = 0};
    bucket_init(&budget->second, MDNS_ANSWER_RATE, MDNS_ANSWER_BURST, now.mono);
}

bool mdns_budget_take(struct mdns_budget *budget, struct tally_now now)
{
    struct tally_mono *free_at = &budget->free_at[budget->turn];
    if (free_at->ms > now.mono.ms || !bucket_take(&budget->second, now.mono))
        return false;
    free_at->ms = now.mono.ms + MINUTE_MS;
    budget->turn = (budget->turn + 1) % MDNS_ANSWER_MIN;
    return true;
}

/* ---- Sending. ---- */

/* 224.0.0.251 and ff02::fb (RFC 6762 section 3). */
static const struct tally_address groups[MDNS_FAMILIES] = {
    [V4] = {{[10] = 0xff, [11] = 0xff, 224, 0, 0, 251}, MDNS_PORT},
    [V6] = {{0xff, 0x02, [15] = 0xfb}, MDNS_PORT},
};

void mdns_send(struct mdns *mdns, const struct mdns_interface *interface,
               const struct tally_address *to, struct tally_bytes packet, struct outbox *out)
{
    if (!outbox_room(out, 1, packet.size)) {
        out->lost++;
        return;
    }
    struct tally_action *action = outbox_add(out, TALLY_ACTION_MULTICAST);
    action->multicast.interface = interface->index;
    action->multicast.to = *to;
    action->multicast.bytes = outbox_copy(out, packet);
    mdns->packets_out++;
}

static void send_families(struct mdns *mdns, const struct mdns_interface *interface,
                          const bool families[MDNS_FAMILIES], struct tally_bytes packet,
                          struct outbox *out)
{
    for (unsigned family = 0; family < MDNS_FAMILIES; family++)
        if (families[family])
            mdns_send(mdns, interface, &groups[family], packet, out);
}

static void said(struct mdns_interface *interface, unsigned bits, struct tally_now now)
{
    bool just = interface->said != 0 && now.mono.ms - interface->said_at.ms < MDNS_AGAIN_MS;
    interface->said = just ? interface->said | bits : bits;
    interface->said_at = now.mono;
}

static void asked_clear(struct mdns_interface *interface)
{
    interface->asked = 0;
    interface->asked_families[V4] = interface->asked_families[V6] = false;
    interface->answer_at = TALLY_NEVER;
}

static void announce(struct mdns *mdns, struct mdns_interface *interface, struct tally_now now,
                     struct outbox *out)
{
    uint8_t packet[TALLY_MDNS_PACKET_MAX];
    size_t size = card_write(&interface->card, CARD_ASKED_SERVICE, CARD_TTL_S, NULL, packet);
    send_families(mdns, interface, interface->families, bytes_of(packet, size), out);
    said(interface, CARD_ASKED_SERVICE, now);
    /* Whoever waits for just that has it. */
    interface->asked &= ~(unsigned)CARD_ASKED_SERVICE;
    if (interface->asked == 0)
        asked_clear(interface);
    interface->announced = true;
    interface->announced_at = now.mono;
    interface->announces--;
    interface->announce_at = interface->announces > 0
                                 ? (struct tally_mono){now.mono.ms + MDNS_ANNOUNCE_MS}
                                 : TALLY_NEVER;
}

/* The same records with no time to live (RFC 6762 section 10.1). */
static void goodbye(struct mdns *mdns, const struct mdns_interface *interface,
                    const bool families[MDNS_FAMILIES], struct outbox *out)
{
    uint8_t packet[TALLY_MDNS_PACKET_MAX];
    if (!interface->announced)
        return;
    size_t size = card_write(&interface->card, CARD_ASKED_SERVICE, 0, NULL, packet);
    send_families(mdns, interface, families, bytes_of(packet, size), out);
}

/* A known answer, unless it does not fit any more. */
static bool known_write(struct dns_writer *w, const uint8_t *label, size_t label_size, bool bare,
                        uint32_t ttl_s)
{
    const struct dns_writer before = *w;
    struct dns_name service, instance;
    dns_name_make(&service, CARD_SERVICE);
    dns_name_join(&instance, bytes_of(label, label_size), bare ? "" : CARD_SERVICE);
    size_t begun = dns_record_begin(w, &service, DNS_PTR, ttl_s);
    dns_name_write(w, &instance);
    dns_record_end(w, DNS_ANSWERS, begun);
    if (!w->full)
        return true;
    *w = before;
    return false;
}

/*
 * Who is there? Those we know of need not answer (RFC 6762 section 7.1). We are one of them: a
 * router that echoes our question gets no answer of ours to echo.
 */
static void question(struct mdns *mdns, struct mdns_interface *interface, struct tally_now now,
                     struct outbox *out)
{
    uint8_t packet[TALLY_MDNS_PACKET_MAX];
    struct dns_name service;
    struct dns_writer w;
    dns_name_make(&service, CARD_SERVICE);
    dns_writer_init(&w, packet, sizeof packet, true, 0, 0);
    dns_question_write(&w, &service, DNS_PTR);
    const struct card *card = &interface->card;
    (void)known_write(&w, card->label, card->label_size, false, CARD_TTL_S);
    for (size_t i = 0; i < MDNS_KNOWN; i++) {
        const struct mdns_known *known = &interface->known[i];
        uint64_t age_s = (now.mono.ms - known->heard.ms) / 1000;
        if (known->label_size > 0 && age_s < known->ttl_s / 2 &&
            !known_write(&w, known->label, known->label_size, known->bare,
                         known->ttl_s - (uint32_t)age_s))
            break;
    }
    send_families(mdns, interface, interface->families, dns_writer_bytes(&w), out);
    interface->questioned_at = now.mono;
    interface->question_at.ms = now.mono.ms + interface->question_wait_ms;
    interface->question_wait_ms *= 2;
    if (interface->question_wait_ms >= MDNS_QUESTION_CAP_MS)
        interface->question_wait_ms = MDNS_QUESTION_CAP_MS;
}

/* One packet serves all who asked. On which family, if they asked on both: each in turn. */
static void answer(struct mdns *mdns, struct mdns_interface *interface, struct tally_now now,
                   struct outbox *out)
{
    uint8_t packet[TALLY_MDNS_PACKET_MAX];
    size_t size = card_write(&interface->card, interface->asked, CARD_TTL_S, NULL, packet);
    unsigned family = 1 - interface->said_family;
    if (!interface->asked_families[family])
        family = interface->said_family;
    mdns_send(mdns, interface, &groups[family], bytes_of(packet, size), out);
    said(interface, interface->asked, now);
    interface->said_family = family;
    asked_clear(interface);
}

/* ---- Interfaces. ---- */

uint64_t mdns_delay(struct mdns *mdns)
{
    return MDNS_DELAY_LEAST_MS +
           random_below(&mdns->random, MDNS_DELAY_MOST_MS - MDNS_DELAY_LEAST_MS + 1);
}

/* Not before so long after the last time, if there was one. */
static struct tally_mono spaced(uint64_t at, struct tally_mono last, uint64_t space_ms)
{
    if (last.ms != 0 && at < last.ms + space_ms)
        at = last.ms + space_ms;
    return (struct tally_mono){at};
}

/* 36 of 36 characters, 186 bits: two of the same are not met, so nothing is probed for. */
static void label_draw(struct mdns *mdns, struct card *card)
{
    static const char characters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    for (size_t i = 0; i < CARD_LABEL; i++)
        card->label[i] = (uint8_t)characters[random_below(&mdns->random, sizeof characters - 1)];
    card->label_size = CARD_LABEL;
}

/* Whether we listen there, and others on the link can write it down: a link-local IPv6 address
   means nothing without the name of an interface, which is another one on each machine. */
static bool announceable(const struct mdns *mdns, const struct tally_address *address)
{
    static const struct tally_address any4 = {{[10] = 0xff, [11] = 0xff}, 0}, any6 = {{0}, 0};
    const struct tally_address *listen = &mdns->options.listen;
    bool v4 = address_is_ip4(address);
    if (!address_same_prefix(listen, &any6, 128) &&
        !(v4 && address_same_prefix(listen, &any4, 128)) &&
        !address_same_prefix(listen, address, 128))
        return false;
    enum address_scope scope = address_scope_of(address);
    return scope != ADDRESS_NOWHERE && (v4 || scope != ADDRESS_LINK_LOCAL);
}

/* What an interface is now: its families, and the addresses to announce, IPv4 first. */
struct sight {
    bool families[MDNS_FAMILIES];
    struct tally_address addresses[CARD_ADDRESSES_MAX];
    size_t count;
};

static struct sight look(const struct mdns *mdns, const struct tally_interface *list, size_t count,
                         uint32_t index)
{
    struct sight seen = {.count = 0};
    for (unsigned family = 0; family < MDNS_FAMILIES; family++)
        for (size_t i = 0; i < count; i++) {
            const struct tally_address *address = &list[i].address;
            if (list[i].index != index || address_is_ip4(address) != (family == V4))
                continue;
            seen.families[family] = true;
            if (seen.count == CARD_ADDRESSES_MAX || !announceable(mdns, address))
                continue;
            seen.addresses[seen.count] = *address;
            seen.addresses[seen.count++].port = mdns->options.listen.port;
        }
    return seen;
}

static bool same_addresses(const struct card *card, const struct sight *seen)
{
    bool same = card->count == seen->count;
    for (size_t i = 0; same && i < seen->count; i++)
        same = address_equal(&card->addresses[i], &seen->addresses[i]);
    return same;
}

/* Whoever was told of other addresses shall notice: go keeps to what it heard of a name first. */
static void rename_card(struct mdns *mdns, struct mdns_interface *interface,
                        const struct sight *seen)
{
    uint16_t port = mdns->options.listen.port;
    interface->card = (struct card){
        .key = mdns->options.key, .service_port = port, .udp_port = port, .count = seen->count};
    memcpy(interface->card.addresses, seen->addresses, sizeof seen->addresses);
    label_draw(mdns, &interface->card);
    interface->announce_at = spaced(0, interface->announced_at, MDNS_REANNOUNCE_MS);
    interface->announced = false;
    interface->said = 0;
    asked_clear(interface);
}

/* Announces and asks from the beginning. */
static void begin(struct mdns *mdns, struct mdns_interface *interface, const struct sight *seen,
                  struct tally_now now)
{
    uint64_t soon = now.mono.ms + mdns_delay(mdns);
    uint64_t ask = interface->used ? now.mono.ms + MDNS_QUESTION_MS : soon;
    interface->announce_at.ms = 0;
    if (!interface->used || !same_addresses(&interface->card, seen))
        rename_card(mdns, interface, seen);
    if (interface->announce_at.ms < soon)
        interface->announce_at.ms = soon;
    interface->announces = MDNS_ANNOUNCES;
    interface->question_wait_ms = MDNS_QUESTION_MS;
    interface->question_at = spaced(ask, interface->questioned_at, MDNS_QUESTION_MS);
    interface->used = true;
    memcpy(interface->families, seen->families, sizeof seen->families);
}

/* The place of that index, its old one if it was here before; NULL if there are too many. */
static struct mdns_interface *place_of(struct mdns *mdns, uint32_t index, struct tally_now now)
{
    struct mdns_interface *place = NULL;
    for (size_t i = 0; i < mdns->capacity; i++) {
        struct mdns_interface *interface = &mdns->list[i];
        if (interface->index == index)
            return interface;
        if (!interface->used && (place == NULL || (place->index != 0 && interface->index == 0)))
            place = interface;
    }
    if (place == NULL)
        return NULL;
    *place = (struct mdns_interface){.index = index};
    budget_init(&place->multicast, now);
    budget_init(&place->unicast, now);
    bucket_init(&place->parse, MDNS_PARSE_RATE, MDNS_PARSE_RATE, now.mono);
    bucket_init(&place->finds, MDNS_FIND_RATE, MDNS_FIND_BURST, now.mono);
    return place;
}

static void interface_take(struct mdns *mdns, struct tally_now now,
                           const struct tally_interface *list, size_t count, uint32_t index,
                           struct outbox *out)
{
    struct sight seen = look(mdns, list, count, index);
    if (seen.count == 0)
        return;
    struct mdns_interface *interface = place_of(mdns, index, now);
    if (interface == NULL)
        return;
    bool same = interface->used && same_addresses(&interface->card, &seen);
    if (same && memcmp(interface->families, seen.families, sizeof seen.families) == 0)
        return;
    if (interface->used && !same)
        goodbye(mdns, interface, seen.families, out);
    begin(mdns, interface, &seen, now);
}

static bool listed(const struct mdns *mdns, const struct tally_interface *list, size_t count,
                   uint32_t index)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].index == index && list[i].multicast && announceable(mdns, &list[i].address))
            return true;
    return false;
}

void mdns_links(struct mdns *mdns, struct tally_now now, const struct tally_interface *list,
                size_t count, struct outbox *out)
{
    for (size_t i = 0; i < mdns->capacity; i++)
        if (mdns->list[i].used && !listed(mdns, list, count, mdns->list[i].index))
            mdns->list[i].used = false;
    for (size_t i = 0; i < count; i++)
        if (list[i].multicast && list[i].index != 0)
            interface_take(mdns, now, list, count, list[i].index, out);
    mdns_wake(mdns);
}

/* ---- Time. ---- */

static struct tally_mono least(struct tally_mono a, struct tally_mono b)
{
    return a.ms < b.ms ? a : b;
}

static struct tally_mono interface_deadline(const struct mdns_interface *interface)
{
    struct tally_mono next = least(interface->announce_at, interface->question_at);
    return interface->used ? least(next, interface->answer_at) : TALLY_NEVER;
}

void mdns_wake(struct mdns *mdns)
{
    mdns->next = TALLY_NEVER;
    for (size_t i = 0; i < mdns->capacity; i++)
        mdns->next = least(mdns->next, interface_deadline(&mdns->list[i]));
}

struct tally_mono mdns_deadline(const struct mdns *mdns)
{
    return mdns->next;
}

void mdns_tick(struct mdns *mdns, struct tally_now now, struct outbox *out)
{
    if (now.mono.ms < mdns->next.ms)
        return;
    for (size_t i = 0; i < mdns->capacity; i++) {
        struct mdns_interface *interface = &mdns->list[i];
        if (interface_deadline(interface).ms > now.mono.ms)
            continue;
        if (interface->announce_at.ms <= now.mono.ms)
            announce(mdns, interface, now, out);
        if (interface->question_at.ms <= now.mono.ms)
            question(mdns, interface, now, out);
        if (interface->answer_at.ms <= now.mono.ms)
            answer(mdns, interface, now, out);
    }
    mdns_wake(mdns);
}

void mdns_stop(struct mdns *mdns, struct outbox *out)
{
    for (size_t i = 0; i < mdns->capacity; i++) {
        struct mdns_interface *interface = &mdns->list[i];
        if (interface->used)
            goodbye(mdns, interface, interface->families, out);
        interface->used = false;
    }
    mdns_wake(mdns);
}

bool mdns_holds(const struct mdns *mdns)
{
    struct tally_mono next = TALLY_NEVER;
    for (size_t i = 0; i < mdns->capacity; i++) {
        const struct mdns_interface *interface = &mdns->list[i];
        const struct card *card = &interface->card;
        next = least(next, interface_deadline(interface));
        if (!interface->used)
            continue;
        if (interface->index == 0 || card->label_size != CARD_LABEL || card->count == 0 ||
            card->count > CARD_ADDRESSES_MAX || interface->announces > MDNS_ANNOUNCES)
            return false;
        if ((interface->announces > 0) != (interface->announce_at.ms != TALLY_NEVER.ms) ||
            (interface->asked != 0) != (interface->answer_at.ms != TALLY_NEVER.ms))
            return false;
        if (interface->question_wait_ms < MDNS_QUESTION_MS ||
            interface->question_wait_ms > MDNS_QUESTION_CAP_MS)
            return false;
    }
    return next.ms == mdns->next.ms;
}
