/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/dns.h"

#include "core/address/multiaddr.h"
#include "core/base/bytes.h"
#include "host/uv/address.h"
#include "host/uv/dns_message.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

enum {
    HOSTS_MAX = 16,    /* Names that records point at. */
    REFERRALS_MAX = 4, /* dnsaddr=/dnsaddr/OTHER. */
    TEXT_MAX = 512,    /* Of a TXT record; a dnsaddr is below 200. */
    LABEL_MAX = 63,    /* RFC 1035 section 2.3.4. */
    HOSTS_LINE = 1024,
};

/* A domain whose nodes count too; with a key only that one. */
struct referral {
    char name[TALLY_DOMAIN_MAX + 1];
    bool has_key;
    struct tally_key key;
};

struct search {
    dns_ask *ask;
    void *context;
    struct dns_found *found;
    struct dns_question hosts[HOSTS_MAX];
    size_t host_count;
    struct referral referrals[REFERRALS_MAX];
    size_t referral_count;
};

bool dns_name_valid(const char *name)
{
    size_t label = 0, size = strlen(name);
    if (size == 0 || size > TALLY_DOMAIN_MAX)
        return false;
    for (const char *at = name; *at != '\0'; at++) {
        bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                      (*at >= '0' && *at <= '9') || *at == '-' || *at == '_';
        if (*at == '.' ? label == 0 : !letter || label == LABEL_MAX)
            return false;
        label = *at == '.' ? 0 : label + 1;
    }
    return true;
}

static void add(struct dns_found *found, const struct dns_question *host,
                const struct tally_address *address)
{
    struct tally_resolved one = {.has_key = host->has_key,
                                 .key = host->key,
                                 .address = *address,
                                 .transport = host->transport};
    one.address.port = host->port;
    for (size_t i = 0; i < found->count; i++) {
        const struct tally_resolved *other = &found->list[i];
        if (address_equal(&other->address, &one.address) && other->transport == one.transport &&
            other->has_key == one.has_key && (!one.has_key || key_equal(&other->key, &one.key)))
            return;
    }
    if (found->count < DNS_ANSWERS_MAX)
        found->list[found->count++] = one;
}

/* ---- Hosts ---- */

static bool family_wanted(enum dns_family wanted, const struct tally_address *address)
{
    return wanted == DNS_ANY || (wanted == DNS_IP4) == address_is_v4(address);
}

static void address_of_ip4(const uint8_t ip[4], struct tally_address *address)
{
    *address = (struct tally_address){.ip = {[10] = 0xff, [11] = 0xff}};
    memcpy(address->ip + 12, ip, 4);
}

static void find_records(struct search *search, const struct dns_question *host, int type,
                         size_t *room)
{
    ns_msg message;
    ns_rr record;
    if (!search->ask(search->context, host->name, type, &message))
        return;
    for (int at = 0; *room > 0 && dns_next(&message, &at, type, &record);) {
        struct tally_address address = {0};
        if (type == ns_t_aaaa && ns_rr_rdlen(record) == 16)
            memcpy(address.ip, ns_rr_rdata(record), 16);
        else if (type == ns_t_a && ns_rr_rdlen(record) == 4)
            address_of_ip4(ns_rr_rdata(record), &address);
        else
            continue;
        add(search->found, host, &address);
        (*room)--;
    }
}

static void find_host(struct search *search, const struct dns_question *host)
{
    size_t room = DNS_HOST_ANSWERS;
    if (host->family != DNS_IP6)
        find_records(search, host, ns_t_a, &room);
    if (host->family != DNS_IP4)
        find_records(search, host, ns_t_aaaa, &room);
}

/* A name the operator gave may stand in this machine's own list (hosts(5)). */
static void find_in_hosts(const struct dns_question *host, struct dns_found *found)
{
    char line[HOSTS_LINE];
    FILE *file = fopen("/etc/hosts", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        struct tally_address address;
        char *rest = NULL;
        line[strcspn(line, "#\n")] = '\0';
        const char *word = strtok_r(line, " \t", &rest);
        bool good = word != NULL && address_read(word, &address);
        while (good && (word = strtok_r(NULL, " \t", &rest)) != NULL)
            if (strcasecmp(word, host->name) == 0 && family_wanted(host->family, &address))
                add(found, host, &address);
    }
    if (file != NULL)
        (void)fclose(file);
}

/* ---- dnsaddr (libp2p's addressing of domains) ---- */

static bool take_prefix(struct tally_bytes *text, const char *prefix)
{
    size_t size = strlen(prefix);
    if (text->size < size || memcmp(text->data, prefix, size) != 0)
        return false;
    *text = bytes_of(text->data + size, text->size - size);
    return true;
}

static bool copy_name(struct tally_bytes text, char name[TALLY_DOMAIN_MAX + 1])
{
    if (text.size > TALLY_DOMAIN_MAX || memchr(text.data, '\0', text.size) != NULL)
        return false;
    memcpy(name, text.data, text.size);
    name[text.size] = '\0';
    return dns_name_valid(name);
}

/* OTHER, or OTHER/p2p/ID: kept for later, for it shares the buffer of what is being read. */
static void refer(struct search *search, struct tally_bytes text)
{
    struct referral referral = {.has_key = false};
    const uint8_t *slash = memchr(text.data, '/', text.size);
    size_t size = slash == NULL ? text.size : (size_t)(slash - text.data);
    struct tally_bytes rest = bytes_of(text.data + size, text.size - size);
    struct peer_id id;
    if (search->referral_count == REFERRALS_MAX ||
        !copy_name(bytes_of(text.data, size), referral.name))
        return;
    if (rest.size > 0) {
        if (!take_prefix(&rest, "/p2p/") || !peer_id_parse(rest, &id) ||
            !peer_id_key(&id, &referral.key))
            return;
        referral.has_key = true;
    }
    search->referrals[search->referral_count++] = referral;
}

/* /ip4/... or /dns4/... of one node. */
static void take_multiaddr(struct search *search, struct tally_bytes text,
                           const struct referral *from)
{
    struct multiaddr multiaddr;
    struct multiaddr_target target;
    struct dns_question host = {.domain = false};
    host.family = take_prefix(&(struct tally_bytes){text.data, text.size}, "/dns4/")   ? DNS_IP4
                  : take_prefix(&(struct tally_bytes){text.data, text.size}, "/dns6/") ? DNS_IP6
                                                                                       : DNS_ANY;
    if (!multiaddr_parse(text, &multiaddr) ||
        !multiaddr_target(bytes_of(multiaddr.bytes, multiaddr.size), &target) ||
        target.transport == MULTIADDR_NONE || target.zone.size > 0)
        return;
    /* Ids of other kinds of keys are of no node of ours. */
    if (target.has_peer && !peer_id_key(&target.peer, &host.key))
        return;
    host.has_key = target.has_peer;
    if (from->has_key && !(host.has_key && key_equal(&host.key, &from->key)))
        return;
    host.port = target.address.port;
    host.transport = target.transport == MULTIADDR_TCP ? TALLY_TRANSPORT_TCP : TALLY_TRANSPORT_UDP;
    if (target.name.size == 0)
        add(search->found, &host, &target.address);
    else if (search->host_count < HOSTS_MAX && copy_name(target.name, host.name))
        search->hosts[search->host_count++] = host;
}

/* The strings of a TXT record are one text (RFC 1035 section 3.3.14). */
static struct tally_bytes text_of(const ns_rr *record, uint8_t text[TEXT_MAX])
{
    const uint8_t *at = ns_rr_rdata(*record), *end = at + ns_rr_rdlen(*record);
    size_t size = 0;
    while (at < end) {
        size_t piece = *at++;
        if (piece > (size_t)(end - at) || size + piece > TEXT_MAX)
            return bytes_of(text, 0);
        memcpy(text + size, at, piece);
        size += piece;
        at += piece;
    }
    return bytes_of(text, size);
}

static bool join(const char *prefix, const char *name, char joined[TALLY_DOMAIN_MAX + 1])
{
    int size = snprintf(joined, TALLY_DOMAIN_MAX + 1, "%s%s", prefix, name);
    return size > 0 && size <= TALLY_DOMAIN_MAX;
}

static void find_dnsaddr(struct search *search, const struct referral *from, bool follow)
{
    char name[TALLY_DOMAIN_MAX + 1];
    uint8_t bytes[TEXT_MAX];
    ns_msg message;
    ns_rr record;
    if (!join("_dnsaddr.", from->name, name) ||
        !search->ask(search->context, name, ns_t_txt, &message))
        return;
    for (int at = 0; dns_next(&message, &at, ns_t_txt, &record);) {
        struct tally_bytes text = text_of(&record, bytes);
        if (!take_prefix(&text, "dnsaddr="))
            continue;
        if (!take_prefix(&text, "/dnsaddr/"))
            take_multiaddr(search, text, from);
        else if (follow)
            refer(search, text);
    }
}

/* ---- SRV (RFC 2782) ---- */

struct service {
    unsigned priority, weight;
    struct dns_question host;
};

/* Lower priorities first; within one the heavier first: chance would add little for a few hosts. */
static void insert(struct service *services, size_t *count, const struct service *one)
{
    size_t at = *count;
    while (at > 0 &&
           (services[at - 1].priority > one->priority ||
            (services[at - 1].priority == one->priority && services[at - 1].weight < one->weight)))
        at--;
    if (at == HOSTS_MAX)
        return;
    if (*count < HOSTS_MAX)
        (*count)++;
    memmove(&services[at + 1], &services[at], (*count - 1 - at) * sizeof *services);
    services[at] = *one;
}

static void find_services(struct search *search, const char *prefix, const char *domain,
                          enum tally_transport transport)
{
    struct service services[HOSTS_MAX];
    size_t count = 0;
    char name[TALLY_DOMAIN_MAX + 1];
    ns_msg message;
    ns_rr record;
    if (!join(prefix, domain, name) || !search->ask(search->context, name, ns_t_srv, &message))
        return;
    for (int at = 0; dns_next(&message, &at, ns_t_srv, &record);) {
        struct service one = {.host = {.transport = transport}};
        if (ns_rr_rdlen(record) < 7)
            continue;
        const uint8_t *data = ns_rr_rdata(record);
        one.priority = ns_get16(data);
        one.weight = ns_get16(data + 2);
        one.host.port = (uint16_t)ns_get16(data + 4);
        if (dns_name(&message, data + 6, one.host.name) && one.host.port != 0)
            insert(services, &count, &one);
    }
    for (size_t i = 0; i < count && search->host_count < HOSTS_MAX; i++)
        search->hosts[search->host_count++] = services[i].host;
}

/* ---- The whole ---- */

static void find_domain(struct search *search, const char *domain)
{
    struct referral itself = {.has_key = false};
    (void)snprintf(itself.name, sizeof itself.name, "%s", domain);
    find_dnsaddr(search, &itself, true);
    for (size_t i = 0; i < search->referral_count; i++)
        find_dnsaddr(search, &search->referrals[i], false);
    find_services(search, "_tally._udp.", domain, TALLY_TRANSPORT_UDP);
    find_services(search, "_vaultmesh._tcp.", domain, TALLY_TRANSPORT_TCP);
    for (size_t i = 0; i < search->host_count; i++)
        find_host(search, &search->hosts[i]);
}

void dns_search(const struct dns_question *question, dns_ask *ask, void *context,
                struct dns_found *found)
{
    struct search search = {.ask = ask, .context = context, .found = found};
    if (question->domain)
        find_domain(&search, question->name);
    else
        find_host(&search, question);
}

void dns_find(const struct dns_question *question, const atomic_bool *stop, struct dns_found *found)
{
    struct dns_asker asker;
    *found = (struct dns_found){.error = TALLY_TIMED_OUT};
    if (!question->domain)
        find_in_hosts(question, found);
    if (found->count == 0 && dns_asker_open(&asker, stop)) {
        dns_search(question, dns_ask_servers, &asker, found);
        found->error = asker.silent ? TALLY_TIMED_OUT : TALLY_NOT_FOUND;
        dns_asker_close(&asker);
    }
    if (found->count > 0)
        found->error = TALLY_OK;
}
