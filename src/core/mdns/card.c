/* SPDX-License-Identifier: Apache-2.0 */
#include "core/mdns/card.h"

#include "core/address/ip.h"
#include "core/address/multiaddr.h"
#include "core/base/bytes.h"

#include <assert.h>

#define DNSADDR "dnsaddr="
#define TALLY   "tally=udp/"

enum { STRING_MAX = 255 };

/* ---- Ours. ---- */

static void instance_name(const struct card *card, struct dns_name *name)
{
    dns_name_join(name, bytes_of(card->label, card->label_size), CARD_SERVICE);
}

static void host_name(const struct card *card, struct dns_name *name)
{
    dns_name_join(name, bytes_of(card->label, card->label_size), "local");
}

static void ptr_write(struct dns_writer *w, const char *owner, const struct dns_name *target,
                      uint32_t ttl_s)
{
    struct dns_name name;
    dns_name_make(&name, owner);
    size_t begun = dns_record_begin(w, &name, DNS_PTR, ttl_s);
    dns_name_write(w, target);
    dns_record_end(w, DNS_ANSWERS, begun);
}

static void srv_write(struct dns_writer *w, enum dns_section section, const struct card *card,
                      uint32_t ttl_s)
{
    struct dns_name instance, host;
    instance_name(card, &instance);
    host_name(card, &host);
    size_t begun = dns_record_begin(w, &instance, DNS_SRV, ttl_s);
    dns_u16_write(w, 0); /* Priority and weight (RFC 2782): there is but one. */
    dns_u16_write(w, 0);
    dns_u16_write(w, card->service_port);
    dns_name_write(w, &host);
    dns_record_end(w, section, begun);
}

static void string_write(struct dns_writer *w, const char *text, size_t size)
{
    const uint8_t length = (uint8_t)size;
    assert(size > 0 && size <= STRING_MAX);
    dns_bytes_write(w, bytes_of(&length, 1));
    dns_bytes_write(w, bytes_of(text, size));
}

static void txt_write(struct dns_writer *w, enum dns_section section, const struct card *card,
                      uint32_t ttl_s)
{
    char text[MULTIADDR_TEXT_MAX] = DNSADDR;
    struct dns_name instance;
    instance_name(card, &instance);
    size_t begun = dns_record_begin(w, &instance, DNS_TXT, ttl_s);
    for (size_t i = 0; i < card->count; i++) {
        size_t size = multiaddr_write_text(&card->addresses[i], MULTIADDR_TCP, &card->key,
                                           text + strlen(DNSADDR), sizeof text - strlen(DNSADDR));
        string_write(w, text, strlen(DNSADDR) + size);
    }
    /* Behind all of libp2p's: others skip it. */
    if (card->udp_port != 0) {
        memcpy(text, TALLY, strlen(TALLY));
        size_t size = decimal_print(card->udp_port, text + strlen(TALLY));
        string_write(w, text, strlen(TALLY) + size);
    }
    dns_record_end(w, section, begun);
}

/* An IP address that an earlier one repeats with another port is written once. */
static bool repeated(const struct card *card, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (memcmp(card->addresses[i].ip, card->addresses[index].ip, 16) == 0)
            return true;
    return false;
}

static void hosts_write(struct dns_writer *w, enum dns_section section, const struct card *card,
                        bool v4, bool v6, uint32_t ttl_s)
{
    struct dns_name host;
    host_name(card, &host);
    for (size_t i = 0; i < card->count; i++) {
        bool is_v4 = address_is_ip4(&card->addresses[i]);
        const uint8_t *ip = card->addresses[i].ip;
        if (!(is_v4 ? v4 : v6) || repeated(card, i))
            continue;
        size_t begun = dns_record_begin(w, &host, is_v4 ? DNS_A : DNS_AAAA, ttl_s);
        dns_bytes_write(w, is_v4 ? bytes_of(ip + 12, 4) : bytes_of(ip, 16));
        dns_record_end(w, section, begun);
    }
}

size_t card_write(const struct card *card, unsigned asked, uint32_t ttl_s,
                  const struct card_legacy *legacy, uint8_t packet[TALLY_MDNS_PACKET_MAX])
{
    struct dns_writer w;
    struct dns_name instance, service;
    bool all = (asked & CARD_ASKED_SERVICE) != 0;
    bool srv = (asked & CARD_ASKED_SRV) != 0, txt = (asked & CARD_ASKED_TXT) != 0;
    bool a = (asked & CARD_ASKED_A) != 0, aaaa = (asked & CARD_ASKED_AAAA) != 0;
    instance_name(card, &instance);
    dns_name_make(&service, CARD_SERVICE);
    dns_writer_init(&w, packet, TALLY_MDNS_PACKET_MAX, false, legacy == NULL ? 0 : legacy->id,
                    DNS_FLAG_RESPONSE | DNS_FLAG_AUTHORITATIVE);
    if (legacy != NULL)
        dns_question_write(&w, &legacy->question->name, legacy->question->type);
    if ((asked & CARD_ASKED_SERVICES) != 0)
        ptr_write(&w, CARD_SERVICES, &service, ttl_s);
    if (all)
        ptr_write(&w, CARD_SERVICE, &instance, ttl_s);
    if (srv)
        srv_write(&w, DNS_ANSWERS, card, ttl_s);
    if (txt)
        txt_write(&w, DNS_ANSWERS, card, ttl_s);
    hosts_write(&w, DNS_ANSWERS, card, a, aaaa, ttl_s);
    if (all && !srv)
        srv_write(&w, DNS_ADDITIONALS, card, ttl_s);
    if (all && !txt)
        txt_write(&w, DNS_ADDITIONALS, card, ttl_s);
    /* RFC 6763 section 12.2: who asks for SRV wants the addresses next. */
    if (all || srv)
        hosts_write(&w, DNS_ADDITIONALS, card, !a, !aaaa, ttl_s);
    assert(!w.full);
    return w.size;
}

static bool class_fits(uint16_t class)
{
    return class == DNS_CLASS_IN || class == DNS_CLASS_ANY;
}

static bool type_fits(uint16_t type, enum dns_type wanted)
{
    return type == wanted || type == DNS_ANY;
}

/* Of the name's records, those of that type. */
static unsigned named(const struct card *card, const struct dns_name *name, uint16_t type)
{
    struct dns_name own;
    dns_name_make(&own, CARD_SERVICE);
    if (dns_name_equal(name, &own))
        return type_fits(type, DNS_PTR) ? CARD_ASKED_SERVICE : 0;
    dns_name_make(&own, CARD_SERVICES);
    if (dns_name_equal(name, &own))
        return type_fits(type, DNS_PTR) ? CARD_ASKED_SERVICES : 0;
    instance_name(card, &own);
    if (dns_name_equal(name, &own))
        return (type_fits(type, DNS_SRV) ? CARD_ASKED_SRV : 0) |
               (type_fits(type, DNS_TXT) ? CARD_ASKED_TXT : 0);
    host_name(card, &own);
    if (dns_name_equal(name, &own))
        return (type_fits(type, DNS_A) ? CARD_ASKED_A : 0) |
               (type_fits(type, DNS_AAAA) ? CARD_ASKED_AAAA : 0);
    return 0;
}

unsigned card_asked(const struct card *card, const struct dns_question *question)
{
    unsigned asked = class_fits(question->class) ? named(card, &question->name, question->type) : 0;
    bool v4 = false, v6 = false;
    for (size_t i = 0; i < card->count; i++)
        *(address_is_ip4(&card->addresses[i]) ? &v4 : &v6) = true;
    /* What we do not have is not answered: mDNS knows no «there is none» but NSEC. */
    return asked & ~(v4 ? 0u : CARD_ASKED_A) & ~(v6 ? 0u : CARD_ASKED_AAAA);
}

unsigned card_known(const struct card *card, const struct dns_reader *r,
                    const struct dns_record *record)
{
    struct dns_name wanted, target;
    if (record->class != DNS_CLASS_IN || record->ttl_s < CARD_TTL_S / 2 || record->type == DNS_ANY)
        return 0;
    unsigned known = named(card, &record->name, record->type);
    /* Others are of the same service; whatever has the name of ours is ours: it was drawn anew
       when our addresses changed. */
    if (known != CARD_ASKED_SERVICE)
        return known;
    instance_name(card, &wanted);
    return dns_target_read(r, record, &target) && dns_name_equal(&target, &wanted) ? known : 0;
}

/* ---- Others'. ---- */

/* Whether the text begins so, whatever the case (RFC 6763 section 6.4). */
static bool begins(struct tally_bytes text, const char *with, struct tally_bytes *rest)
{
    size_t size = strlen(with);
    if (text.size < size)
        return false;
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = text.data[i];
        if ((byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte) != (uint8_t)with[i])
            return false;
    }
    *rest = bytes_of(text.data + size, text.size - size);
    return true;
}

/* An address we cannot dial is no fault: others speak QUIC and WebSocket. Another id than before
   is one: this packet is of one node, or of a liar. */
static bool dnsaddr_take(struct card_heard *heard, struct tally_bytes text)
{
    struct multiaddr address;
    struct multiaddr_target target;
    struct tally_key key;
    if (!multiaddr_parse(text, &address) ||
        !multiaddr_target(bytes_of(address.bytes, address.size), &target) || !target.has_peer ||
        !peer_id_key(&target.peer, &key))
        return true;
    if (heard->has_key && !key_equal(&heard->key, &key))
        return false;
    heard->has_key = true;
    heard->key = key;
    if (target.transport == MULTIADDR_TCP && target.name.size == 0 && target.zone.size == 0 &&
        target.address.port != 0 && heard->count < CARD_HEARD_MAX)
        heard->addresses[heard->count++] = target.address;
    return true;
}

static bool txt_take(struct card_heard *heard, struct tally_bytes data)
{
    struct tally_bytes string, rest;
    uint32_t port;
    while (dns_text_next(&data, &string)) {
        if (begins(string, DNSADDR, &rest)) {
            if (!dnsaddr_take(heard, rest))
                return false;
        } else if (begins(string, TALLY, &rest) && decimal_parse(rest, UINT16_MAX, &port)) {
            heard->udp_port = (uint16_t)port;
        }
    }
    return true;
}

/* The instance is LABEL._p2p._udp.local, or with rust LABEL alone. A second one is refused. */
static bool ptr_take(struct card_heard *heard, const struct dns_reader *r,
                     const struct dns_record *record, struct dns_name *instance)
{
    struct dns_name service, root, target;
    dns_name_make(&service, CARD_SERVICE);
    dns_name_make(&root, "");
    if (record->type != DNS_PTR || record->class != DNS_CLASS_IN ||
        !dns_name_equal(&record->name, &service))
        return true;
    if (!dns_target_read(r, record, &target))
        return false;
    heard->bare = dns_name_follows(&target, &root);
    if (!heard->bare && !dns_name_follows(&target, &service))
        return false;
    if (heard->any)
        return dns_name_equal(&target, instance);
    struct tally_bytes label = dns_name_label(&target);
    memcpy(heard->label, label.data, label.size);
    heard->label_size = (uint8_t)label.size;
    heard->ttl_s = record->ttl_s;
    heard->any = true;
    *instance = target;
    return true;
}

/* Two rounds over the records: go announces the TXT record before the PTR that it belongs to. */
enum tally_drop card_read(struct dns_reader *r, const struct dns_header *header,
                          struct card_heard *heard)
{
    struct dns_reader again = *r;
    struct dns_record record;
    struct dns_name instance;
    *heard = (struct card_heard){.any = false};
    size_t count = (size_t)header->counts[DNS_ANSWERS] + header->counts[DNS_AUTHORITY] +
                   header->counts[DNS_ADDITIONALS];
    for (size_t i = 0; i < count; i++)
        if (!dns_record_read(r, &record) || !ptr_take(heard, r, &record, &instance))
            return TALLY_DROP_MALFORMED;
    if (!heard->any)
        return TALLY_DROP_NONE;
    for (size_t i = 0; i < count; i++)
        if (dns_record_read(&again, &record) && record.type == DNS_TXT &&
            record.class == DNS_CLASS_IN && dns_name_equal(&record.name, &instance) &&
            !txt_take(heard, record.data))
            return TALLY_DROP_MALFORMED;
    return TALLY_DROP_NONE;
}
