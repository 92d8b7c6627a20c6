/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/doctor.h"

#include "core/address/multiaddr.h"
#include "core/address/peer_id.h"
#include "core/address/scope.h"
#include "core/base/bytes.h"
#include "host/uv/address.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- The machine ---- */

static void look_at_data(const struct doctor_facts *facts, struct findings *findings)
{
    const struct machine *machine = facts->machine;
    if (machine->data_there && !machine->data_ours)
        (void)findings_add(findings, FINDING_DATA_MODE, true, "%s belongs to somebody else",
                           facts->data);
    else if (machine->data_there && (machine->data_mode & 077) != 0)
        (void)findings_add(findings, FINDING_DATA_MODE, true, "%s is %04o: chmod 700 %s",
                           facts->data, machine->data_mode, facts->data);
    if (facts->missing_bytes > 0 || (facts->status != NULL && !facts->status->writable))
        (void)findings_add(findings, FINDING_DISK_FULL, true,
                           "read-only: the disk is full, %" PRIu64 " bytes are missing",
                           facts->missing_bytes);
}

static void look_at_machine(const struct doctor_facts *facts, struct findings *findings)
{
    const struct machine *machine = facts->machine;
    enum tally_profile profile =
        facts->status != NULL ? facts->status->profile : TALLY_PROFILE_AUTO;
    if (profile == TALLY_PROFILE_OFFLINE)
        return;
    bool small = (machine->receive_buffer > 0 && machine->receive_buffer < MACHINE_UDP_BUFFER) ||
                 (machine->send_buffer > 0 && machine->send_buffer < MACHINE_UDP_BUFFER);
    if (small)
        (void)findings_add(findings, FINDING_UDP_BUFFER, false,
                           "the buffers of the UDP socket are %d bytes in, %d out, not %d",
                           machine->receive_buffer, machine->send_buffer, MACHINE_UDP_BUFFER);
    bool multicast = profile == TALLY_PROFILE_AUTO || profile == TALLY_PROFILE_LAN;
    if (machine->mdns_port_taken && multicast)
        (void)findings_add(findings, FINDING_MDNS_PORT, profile == TALLY_PROFILE_LAN,
                           "another program holds UDP port 5353 and does not share it: neighbours "
                           "are not found by mDNS");
    if (!machine->networked)
        (void)findings_add(findings, FINDING_NO_NETWORK, true,
                           "this machine has no address but loopback");
}

/* ---- The node itself ---- */

/* "from A, B and 3 more", of those who may know how far our logs had got. */
static void write_awaited(const struct doctor_facts *facts, char *text, size_t size)
{
    size_t used = 0, more = facts->status->guard_silent - facts->awaited_count;
    text[0] = '\0';
    for (size_t i = 0; i < facts->awaited_count && used < size; i++) {
        char id[PEER_ID_TEXT_MAX] = "";
        (void)peer_id_print_key(&facts->awaited[i], id);
        used += (size_t)snprintf(text + used, size - used, "%s%s", i == 0 ? "" : ", ", id);
    }
    if (facts->awaited_count == 0)
        (void)snprintf(text, size, "whoever knew this node");
    else if (more > 0 && used < size)
        (void)snprintf(text + used, size - used, " and %zu more", more);
}

static void look_at_guard(const struct doctor_facts *facts, struct findings *findings)
{
    const struct tally_node_status *status = facts->status;
    char whom[FINDING_TEXT_MAX / 2];
    write_awaited(facts, whom, sizeof whom);
    switch (status->guard) {
    case TALLY_GUARD_PASSED:
    case TALLY_GUARD_FORKED: /* The log is frozen, and told as such. */
        return;
    case TALLY_GUARD_ASKING:
        (void)findings_add(findings, FINDING_UNCONFIRMED, false,
                           "asking how far our logs had got before anything is signed: no answer "
                           "yet from %s",
                           whom);
        return;
    case TALLY_GUARD_WAITING:
        (void)findings_add(findings, FINDING_UNCONFIRMED, true,
                           "read-only: nobody has said how far our logs had got; waits for %s",
                           whom);
        return;
    case TALLY_GUARD_RECOVERING:
        (void)findings_add(findings, FINDING_OLD_COPY, true,
                           "read-only: others hold %" PRIu64 " receipt%s of our own that are not "
                           "here, so this data directory is an old copy, or one of two",
                           status->guard_missing, status->guard_missing == 1 ? "" : "s");
        return;
    }
}

static void look_at_node(const struct doctor_facts *facts, struct findings *findings)
{
    const struct tally_node_status *status = facts->status;
    int64_t offset = status->clock_offset_us, away = offset < 0 ? -offset : offset;
    look_at_guard(facts, findings);
    if (status->frozen > 0)
        (void)findings_add(findings, FINDING_FORK, true, "%u log%s frozen at a fork of the issuer",
                           status->frozen, status->frozen == 1 ? " is" : "s are");
    if (away > DOCTOR_CLOCK_US)
        (void)findings_add(findings, FINDING_CLOCK, away > DOCTOR_CLOCK_URGENT_US,
                           "the clocks of peers differ from ours by %" PRId64
                           " ms: ours is %s, if theirs are right",
                           offset / 1000, offset > 0 ? "slow" : "fast");
}

/* ---- The way in ---- */

struct ways {
    const struct tally_own_address *refused; /* Tried by others in vain. */
    bool reachable, mapped;
};

static struct ways ways_in(const struct doctor_facts *facts)
{
    struct ways ways = {0};
    for (size_t i = 0; i < facts->own_count; i++) {
        const struct tally_own_address *own = &facts->own[i];
        ways.reachable = ways.reachable || own->state == TALLY_REACH_REACHABLE;
        ways.mapped = ways.mapped || own->source == TALLY_OWN_MAPPED;
        if (own->state == TALLY_REACH_UNREACHABLE && ways.refused == NULL)
            ways.refused = own;
    }
    return ways;
}

static bool is_known(const struct tally_address *address)
{
    static const uint8_t zeroes[sizeof address->ip];
    return memcmp(address->ip, zeroes, sizeof zeroes) != 0;
}

/* The gateway gave an address that is none of the wide network. */
static bool look_behind_gateway(const struct tally_node_status *status, struct findings *findings)
{
    char outer[ADDRESS_TEXT_MAX], gateway[ADDRESS_TEXT_MAX];
    if (!is_known(&status->outer) || address_scope_of(&status->outer) == ADDRESS_GLOBAL)
        return false;
    address_write_ip(&status->outer, outer);
    address_write_ip(&status->gateway, gateway);
    if (address_scope_of(&status->outer) == ADDRESS_SHARED)
        (void)findings_add(findings, FINDING_NAT_CGNAT, false,
                           "the gateway %s has the outer address %s, which the provider shares "
                           "among customers (CGNAT)",
                           gateway, outer);
    else
        (void)findings_add(findings, FINDING_NAT_DOUBLE, false,
                           "the gateway %s has the outer address %s, a private one: behind it is "
                           "another NAT",
                           gateway, outer);
    return true;
}

/* What a gateway's error means (include/tally/event.h, MAPPED). */
static const char *gateway_text(enum tally_error error)
{
    if (error == TALLY_OK || error == TALLY_TIMED_OUT || error == TALLY_NOT_FOUND)
        return "it does not answer PCP or NAT-PMP";
    if (error == TALLY_REFUSED)
        return "it refuses";
    if (error == TALLY_TOO_LARGE)
        return "it has no more room for ports";
    if (error == TALLY_MISMATCH)
        return "another NAT is between it and us";
    return tally_error_text(error);
}

static void add_nomap(const struct tally_node_status *status, struct findings *findings)
{
    char gateway[ADDRESS_TEXT_MAX] = "";
    if (is_known(&status->gateway))
        address_write_ip(&status->gateway, gateway);
    (void)findings_add(findings, FINDING_NAT_NOMAP, false,
                       "behind a NAT, and the gateway%s%s maps no port: %s",
                       gateway[0] == '\0' ? "" : " ", gateway, gateway_text(status->lease_error));
}

/* Peers see us elsewhere; or, as long as too few told, this machine has no address of the wide
   network, but a gateway. */
static bool behind_nat(const struct doctor_facts *facts)
{
    const struct tally_node_status *status = facts->status;
    if (status->nat != TALLY_NAT_UNKNOWN)
        return status->nat != TALLY_NAT_NONE;
    return !facts->machine->global && status->lease_error != TALLY_OK &&
           status->lease_error != TALLY_UNREACHABLE;
}

static void look_at_reach(const struct doctor_facts *facts, struct findings *findings)
{
    const struct tally_node_status *status = facts->status;
    const struct ways ways = ways_in(facts);
    bool maps = status->profile == TALLY_PROFILE_AUTO;
    bool asking = status->lease == TALLY_LEASE_ASKING && facts->uptime_ms < DOCTOR_SILENCE_MS;
    bool behind = look_behind_gateway(status, findings);
    if (ways.reachable)
        return;
    if (maps && behind_nat(facts) && !behind && !ways.mapped && !asking)
        add_nomap(status, findings);
    if (status->nat == TALLY_NAT_SYMMETRIC)
        (void)findings_add(findings, FINDING_NAT_SYMMETRIC, false,
                           "peers see this node at different ports: the NAT gives a port for each "
                           "of them");
    if (ways.refused != NULL) {
        char text[MULTIADDR_TEXT_MAX] = "";
        bool tcp = ways.refused->transport == TALLY_TRANSPORT_TCP;
        (void)multiaddr_write_text(&ways.refused->address, tcp ? MULTIADDR_TCP : MULTIADDR_UDP,
                                   NULL, text, sizeof text);
        (void)findings_add(findings, FINDING_UNREACHABLE, status->profile == TALLY_PROFILE_SERVER,
                           "a peer tried to dial %s and did not get through", text);
    }
}

/* ---- The way out ---- */

struct finding_of_peer {
    enum finding_code code;
    bool urgent;
};

/* What the last error of a peer that was named comes to. */
static struct finding_of_peer finding_of(enum tally_drop drop)
{
    if (drop == TALLY_DROP_IDENTITY)
        return (struct finding_of_peer){FINDING_PEER_IDENTITY, true};
    if (drop == TALLY_DROP_SILENT)
        return (struct finding_of_peer){FINDING_PEER_SILENT, true};
    return (struct finding_of_peer){FINDING_PEER_REFUSED, true};
}

/* What to do about it, where the usual advice does not help. */
static const char *remedy_of(enum tally_drop drop)
{
    if (drop == TALLY_DROP_IDENTITY)
        return "correct the id in --peer or --bootstrap, or the address";
    if (drop == TALLY_DROP_UNADMITTED || drop == TALLY_DROP_WITHDRAWN || drop == TALLY_DROP_LEVEL)
        return "this node is strict: tally federation show says how far it is admitted, and "
               "tally federation admit or level changes that";
    return NULL;
}

static void add_peer(const struct tally_key *key, const struct tally_address *at,
                     enum tally_drop drop, struct findings *findings)
{
    char id[PEER_ID_TEXT_MAX] = "", address[MULTIADDR_TEXT_MAX] = "";
    const struct finding_of_peer what = finding_of(drop);
    if (key != NULL)
        (void)peer_id_print_key(key, id);
    (void)multiaddr_write_text(at, MULTIADDR_UDP, NULL, address, sizeof address);
    struct finding *finding =
        what.code == FINDING_PEER_IDENTITY
            ? findings_add(findings, what.code, what.urgent, "another node than %s answers at %s",
                           id, address)
            : findings_add(findings, what.code, what.urgent, "no link with %s%s at %s: %s",
                           key != NULL ? "peer " : "whoever is", id, address,
                           tally_drop_text(drop));
    const char *remedy = remedy_of(drop);
    if (finding != NULL && remedy != NULL)
        (void)snprintf(finding->remedy, sizeof finding->remedy, "%s", remedy);
}

const struct tally_peer_view *doctor_peer(const struct doctor_facts *facts,
                                          const struct doctor_bootstrap *bootstrap)
{
    for (size_t i = 0; i < facts->peer_count && bootstrap->has_address; i++) {
        const struct tally_peer_view *peer = &facts->peers[i];
        if (bootstrap->has_key ? key_equal(&peer->key, &bootstrap->key)
                               : address_equal(&peer->address, &bootstrap->address))
            return peer;
    }
    return NULL;
}

const char *doctor_lookup_text(const struct doctor_bootstrap *bootstrap)
{
    if (bootstrap->error != TALLY_NOT_FOUND)
        return bootstrap->error == TALLY_TIMED_OUT ? "DNS does not answer"
                                                   : tally_error_text(bootstrap->error);
    return bootstrap->domain ? "the domain has no records of nodes" : "DNS does not know the name";
}

static void add_failed(const struct doctor_bootstrap *bootstrap, struct findings *findings)
{
    if (bootstrap->error != TALLY_OK) {
        (void)findings_add(findings, bootstrap->domain ? FINDING_DOMAIN : FINDING_NAME, true,
                           "--bootstrap %s: %s", bootstrap->text, doctor_lookup_text(bootstrap));
        return;
    }
    (void)findings_add(findings, FINDING_PEER_REFUSED, true,
                       "the node makes no use of --bootstrap %s: %s", bootstrap->text,
                       tally_error_text(bootstrap->told));
}

static void look_at_bootstrap(const struct doctor_facts *facts,
                              const struct doctor_bootstrap *bootstrap, struct findings *findings)
{
    const struct tally_peer_view *peer = doctor_peer(facts, bootstrap);
    bool late = facts->uptime_ms >= DOCTOR_SILENCE_MS;
    if (bootstrap->error != TALLY_OK || bootstrap->told != TALLY_OK) {
        add_failed(bootstrap, findings);
        return;
    }
    if (bootstrap->domain || !bootstrap->has_address)
        return;
    if (peer == NULL && late)
        add_peer(bootstrap->has_key ? &bootstrap->key : NULL, &bootstrap->address,
                 TALLY_DROP_SILENT, findings);
    else if (peer != NULL && !peer->configured && peer->state != TALLY_PEER_LINKED &&
             peer->last_error != TALLY_DROP_NONE)
        add_peer(&peer->key, &bootstrap->address, peer->last_error, findings);
}

/* Who was greeted in vain, and who ever answered; of the wide network, or of all. */
struct answers {
    unsigned silent, answered;
};

static void count_answer(const struct tally_peer_view *peer, struct answers *answers)
{
    answers->answered +=
        peer->state == TALLY_PEER_LINKED || peer->rtt_us > 0 ||
        (peer->last_error != TALLY_DROP_SILENT && peer->last_error != TALLY_DROP_NONE);
    answers->silent += peer->last_error == TALLY_DROP_SILENT;
}

static void look_at_udp(const struct doctor_facts *facts, struct findings *findings)
{
    const struct tally_node_status *status = facts->status;
    struct answers wide = {0}, all = {0};
    for (size_t i = 0; i < facts->peer_count; i++) {
        count_answer(&facts->peers[i], &all);
        if (address_scope_of(&facts->peers[i].address) == ADDRESS_GLOBAL)
            count_answer(&facts->peers[i], &wide);
    }
    if (facts->uptime_ms < DOCTOR_SILENCE_MS)
        return;
    if (status->datagrams_in == 0 && status->datagrams_out > 0 && all.silent > 0)
        (void)findings_add(findings, FINDING_UDP_BLOCKED, true,
                           "%" PRIu64 " datagrams were sent, and not one came back",
                           status->datagrams_out);
    else if (wide.silent > 1 && wide.answered == 0)
        (void)findings_add(findings, FINDING_UDP_BLOCKED, true,
                           "%u peers of the wide network were greeted, and not one answered",
                           wide.silent);
}

/* The peers that are there are not told; of the others each named one, with its reason. */
static void look_at_peers(const struct doctor_facts *facts, struct findings *findings)
{
    const struct tally_node_status *status = facts->status;
    unsigned told = 0;
    if (status->profile == TALLY_PROFILE_OFFLINE)
        return;
    for (size_t i = 0; i < facts->peer_count && told < DOCTOR_PEERS; i++) {
        const struct tally_peer_view *peer = &facts->peers[i];
        if (!peer->configured || peer->state == TALLY_PEER_LINKED ||
            peer->last_error == TALLY_DROP_NONE)
            continue;
        add_peer(&peer->key, &peer->address, peer->last_error, findings);
        told++;
    }
    for (size_t i = 0; i < facts->bootstrap_count && told < DOCTOR_PEERS; i++) {
        size_t before = findings->count;
        look_at_bootstrap(facts, &facts->bootstraps[i], findings);
        told += findings->count != before;
    }
    look_at_udp(facts, findings);
    if (status->links > 0 || facts->uptime_ms < DOCTOR_SILENCE_MS)
        return;
    bool named = facts->bootstrap_count > 0;
    for (size_t i = 0; i < facts->peer_count && !named; i++)
        named = facts->peers[i].configured;
    if (!named && facts->peer_count == 0)
        (void)findings_add(findings, FINDING_ALONE, false,
                           "no peer was named, remembered or found");
    else
        (void)findings_add(findings, FINDING_NO_PEERS, named,
                           "no link with anybody, %zu peer%s known", facts->peer_count,
                           facts->peer_count == 1 ? " is" : "s are");
}

void doctor_examine(const struct doctor_facts *facts, struct findings *findings)
{
    look_at_data(facts, findings);
    look_at_machine(facts, findings);
    if (facts->status == NULL) {
        (void)findings_add(findings, FINDING_NO_NODE, true, "no node is running on %s",
                           facts->data);
        return;
    }
    look_at_node(facts, findings);
    look_at_peers(facts, findings);
    look_at_reach(facts, findings);
}
