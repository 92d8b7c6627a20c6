/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/report.h"

#include "core/address/multiaddr.h"
#include "core/address/peer_id.h"
#include "core/address/scope.h"
#include "core/base/bytes.h"
#include "host/uv/address.h"
#include "tally/action.h"
#include "tally/log.h"
#include "tally/witness.h"

#include <string.h>

static const char *const no_error = "";

/* ---- Values ---- */

static bool is_known(const struct tally_address *address)
{
    static const struct tally_address nowhere;
    return memcmp(address->ip, nowhere.ip, sizeof nowhere.ip) != 0;
}

static json_t *multiaddr_of(const struct tally_address *address, enum tally_transport transport)
{
    char text[MULTIADDR_TEXT_MAX] = "";
    bool tcp = transport == TALLY_TRANSPORT_TCP;
    (void)multiaddr_write_text(address, tcp ? MULTIADDR_TCP : MULTIADDR_UDP, NULL, text,
                               sizeof text);
    return json_string(text);
}

static json_t *ip_of(const struct tally_address *address)
{
    char text[ADDRESS_TEXT_MAX];
    if (!is_known(address))
        return json_null();
    address_write_ip(address, text);
    return json_string(text);
}

static json_t *did_of(const struct tally_key *key)
{
    char did[TALLY_DID_SIZE + 1];
    tally_did_write(key, did);
    return json_string(did);
}

static json_t *peer_id_of(const struct tally_key *key)
{
    char id[PEER_ID_TEXT_MAX];
    (void)peer_id_print_key(key, id);
    return json_string(id);
}

static json_t *age_of(struct tally_mono at, struct tally_mono now)
{
    return at.ms == 0 || at.ms > now.ms ? json_null() : json_integer((json_int_t)(now.ms - at.ms));
}

static const char *transport_name(enum tally_transport transport)
{
    return transport == TALLY_TRANSPORT_TCP ? "tcp" : "udp";
}

/* ---- The way in ---- */

static const char *scope_name(const struct tally_address *address)
{
    static const char *const words[] = {
        [ADDRESS_NOWHERE] = "nowhere",       [ADDRESS_LOOPBACK] = "loopback",
        [ADDRESS_LINK_LOCAL] = "link_local", [ADDRESS_PRIVATE] = "private",
        [ADDRESS_SHARED] = "shared",         [ADDRESS_SPECIAL] = "special",
        [ADDRESS_GLOBAL] = "global"};
    return words[address_scope_of(address)];
}

static json_t *own_object(const struct tally_own_address *own, struct tally_mono now)
{
    static const struct tally_key nobody;
    bool somebody = memcmp(&own->by, &nobody, sizeof nobody) != 0;
    return json_pack(
        "{s:o, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:o, s:o, s:o, s:i}", "address",
        multiaddr_of(&own->address, own->transport), "scope", scope_name(&own->address),
        "transport", transport_name(own->transport), "source", tally_own_source_name(own->source),
        "mapping", tally_mapping_name(own->mapping), "state", tally_reach_name(own->state),
        "global", own->global, "weak", own->weak, "by", somebody ? did_of(&own->by) : json_null(),
        "by_peer_id", somebody ? peer_id_of(&own->by) : json_null(), "age_ms", age_of(own->at, now),
        "votes", (int)own->votes);
}

static json_t *nat_object(const struct tally_node_status *status)
{
    bool known = is_known(&status->outer);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:o}", "kind", tally_nat_name(status->nat), "lease",
        tally_lease_name(status->lease), "lease_error",
        status->lease_error == TALLY_OK ? no_error : tally_error_text(status->lease_error),
        "mapping", tally_mapping_name(status->mapping), "gateway", ip_of(&status->gateway), "outer",
        known ? multiaddr_of(&status->outer, TALLY_TRANSPORT_UDP) : json_null());
}

json_t *report_reach(const struct doctor_facts *facts, struct tally_mono now)
{
    json_t *addresses = json_array(), *reachable = json_array();
    for (size_t i = 0; i < facts->own_count; i++) {
        const struct tally_own_address *own = &facts->own[i];
        (void)json_array_append_new(addresses, own_object(own, now));
        if (own->state == TALLY_REACH_REACHABLE)
            (void)json_array_append_new(reachable, multiaddr_of(&own->address, own->transport));
    }
    return json_pack("{s:s, s:o, s:o, s:o}", "profile", tally_profile_name(facts->status->profile),
                     "nat", nat_object(facts->status), "addresses", addresses, "reachable",
                     reachable);
}

/* ---- How others are found ---- */

json_t *report_dht(const struct tally_node_status *status)
{
    const char *role = !status->dht_on ? "off" : status->dht_server ? "server" : "client";
    return json_pack("{s:s, s:i, s:I, s:I}", "role", role, "contacts", (int)status->contacts,
                     "lookups", (json_int_t)status->lookups, "lookups_failed",
                     (json_int_t)status->lookups_failed);
}

json_t *report_mdns(const struct tally_node_status *status)
{
    return json_pack("{s:I, s:I, s:I}", "packets_in", (json_int_t)status->mdns_in, "packets_out",
                     (json_int_t)status->mdns_out, "refused", (json_int_t)status->mdns_refused);
}

json_t *report_refused(const struct tally_node_status *status)
{
    json_t *object = json_object();
    for (unsigned i = 1; i < sizeof status->refused / sizeof *status->refused; i++)
        if (status->refused[i] > 0)
            (void)json_object_set_new(object, tally_hygiene_name((enum tally_hygiene)i),
                                      json_integer((json_int_t)status->refused[i]));
    return object;
}

json_t *report_found(const struct tally_action *action, struct tally_mono now)
{
    bool has = action->found.has_address;
    return json_pack("{s:o, s:o, s:o, s:s, s:s, s:o, s:b}", "peer", did_of(&action->found.key),
                     "peer_id", peer_id_of(&action->found.key), "address",
                     has ? multiaddr_of(&action->found.address, action->found.transport)
                         : json_null(),
                     "transport", transport_name(action->found.transport), "source",
                     tally_source_name(action->found.source), "age_ms",
                     age_of(action->found.learnt, now), "linked", action->found.linked);
}

/* ---- Peers ---- */

static const char *state_name(enum tally_peer_state state)
{
    static const char *const states[] = {[TALLY_PEER_IDLE] = "idle",
                                         [TALLY_PEER_GREETING] = "greeting",
                                         [TALLY_PEER_LINKED] = "linked"};
    return states[state];
}

json_t *report_peer(const struct tally_peer_view *peer, struct tally_mono now)
{
    json_t *agent = json_string(peer->agent);
    bool placed = is_known(&peer->address);
    json_t *object = json_pack(
        "{s:o, s:o, s:o, s:s, s:b, s:b, s:I, s:I, s:I, s:s, s:o}", "peer", did_of(&peer->key),
        "peer_id", peer_id_of(&peer->key), "address",
        placed ? multiaddr_of(&peer->address, TALLY_TRANSPORT_UDP) : json_string(""), "state",
        state_name(peer->state), "configured", peer->configured, "connected", peer->connected,
        "since_ms", (json_int_t)(now.ms - peer->since.ms), "rtt_us", (json_int_t)peer->rtt_us,
        "offset_ms", (json_int_t)(peer->offset_us / 1000), "last_error",
        peer->last_error == TALLY_DROP_NONE ? no_error : tally_drop_text(peer->last_error), "agent",
        agent != NULL ? agent : json_string(""));
    (void)json_object_update_new(
        object,
        json_pack("{s:s, s:s, s:s, s:s, s:b}", "path", tally_path_name(peer->path),
                  "why_not_better", tally_path_reason_name(peer->why), "stream_error",
                  peer->stream_error == TALLY_OK ? no_error : tally_error_text(peer->stream_error),
                  "source", tally_source_name(peer->source), "mesh", peer->mesh));
    return object;
}

/* ---- What is wrong ---- */

json_t *report_warnings(const struct findings *findings)
{
    json_t *list = json_array();
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->list[i];
        if (finding->urgent)
            (void)json_array_append_new(list,
                                        json_sprintf("%s: %s (%s)", finding->sentence,
                                                     finding->remedy, finding_name(finding->code)));
    }
    return list;
}

/* A peer by its id, a witness that is no party by its address. */
static json_t *awaited_text(const struct tally_node *node, const struct tally_key *key)
{
    char id[PEER_ID_TEXT_MAX] = "";
    struct tally_cosigned_view view;
    for (size_t i = 0; tally_node_cosigned(node, i, &view); i++)
        if (view.url != NULL && key_equal(&view.party, key))
            return json_string(view.url);
    (void)peer_id_print_key(key, id);
    return json_string(id);
}

json_t *report_guard(const struct tally_node *node, const struct tally_node_status *status)
{
    json_t *waits = json_array();
    struct tally_key key;
    for (size_t i = 0; i < REPORT_GUARD_SHOWN && tally_node_awaited(node, i, &key); i++)
        (void)json_array_append_new(waits, awaited_text(node, &key));
    return json_pack("{s:s, s:o, s:I}", "state", tally_guard_name(status->guard), "waits_for",
                     waits, "missing", (json_int_t)status->guard_missing);
}

static json_t *findings_array(const struct findings *findings)
{
    json_t *list = json_array();
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->list[i];
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "code",
                                                    finding_name(finding->code), "level",
                                                    finding->urgent ? "error" : "advice", "message",
                                                    finding->sentence, "remedy", finding->remedy));
    }
    return list;
}

static json_t *bootstrap_object(const struct doctor_facts *facts,
                                const struct doctor_bootstrap *bootstrap)
{
    const struct tally_peer_view *peer = doctor_peer(facts, bootstrap);
    bool lost = bootstrap->error != TALLY_OK || bootstrap->told != TALLY_OK;
    const char *state = !bootstrap->asked   ? "resolving"
                        : lost              ? "failed"
                        : bootstrap->domain ? "resolved"
                        : peer != NULL      ? state_name(peer->state)
                                            : "silent";
    const char *why = no_error;
    if (bootstrap->error != TALLY_OK)
        why = doctor_lookup_text(bootstrap);
    else if (bootstrap->told != TALLY_OK)
        why = tally_error_text(bootstrap->told);
    else if (peer != NULL && peer->last_error != TALLY_DROP_NONE)
        why = tally_drop_text(peer->last_error);
    return json_pack("{s:s, s:s, s:s}", "bootstrap", bootstrap->text, "state", state, "last_error",
                     why);
}

static json_t *machine_object(const struct machine *machine)
{
    return json_pack("{s:i, s:i, s:i, s:b, s:b, s:b}", "udp_receive_buffer_bytes",
                     machine->receive_buffer, "udp_send_buffer_bytes", machine->send_buffer,
                     "udp_buffer_wanted_bytes", MACHINE_UDP_BUFFER, "mdns_port_taken",
                     machine->mdns_port_taken, "networked", machine->networked, "global_address",
                     machine->global);
}

static json_t *disk_object(const struct doctor_facts *facts)
{
    json_t *mode = json_null();
    if (facts->machine->data_there)
        mode = json_sprintf("%04o", facts->machine->data_mode);
    return json_pack("{s:s, s:o, s:I, s:I}", "data", facts->data, "mode", mode, "free_bytes",
                     (json_int_t)facts->machine->free_bytes, "missing_bytes",
                     (json_int_t)facts->missing_bytes);
}

json_t *report_doctor(const struct doctor_facts *facts, const struct findings *findings,
                      struct tally_mono now)
{
    const struct tally_node_status *status = facts->status;
    json_t *object = json_pack("{s:s, s:b, s:b, s:o, s:o, s:o}", "schema", "tally/doctor/1",
                               "running", status != NULL, "healthy", findings_urgent(findings) == 0,
                               "findings", findings_array(findings), "machine",
                               machine_object(facts->machine), "disk", disk_object(facts));
    if (status == NULL)
        return object;
    json_t *bootstraps = json_array();
    for (size_t i = 0; i < facts->bootstrap_count; i++)
        (void)json_array_append_new(bootstraps, bootstrap_object(facts, &facts->bootstraps[i]));
    (void)json_object_update_new(object, report_reach(facts, now));
    (void)json_object_update_new(
        object, json_pack("{s:I, s:i, s:i, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "uptime_ms",
                          (json_int_t)facts->uptime_ms, "peers", (int)status->peers, "links",
                          (int)status->links, "clock_offset_ms",
                          (json_int_t)(status->clock_offset_us / 1000), "datagrams_in",
                          (json_int_t)status->datagrams_in, "datagrams_out",
                          (json_int_t)status->datagrams_out, "bootstraps", bootstraps, "dht",
                          report_dht(status), "mdns", report_mdns(status), "refused",
                          report_refused(status)));
    return object;
}
