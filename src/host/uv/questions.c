/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/questions.h"

#include "core/address/multiaddr.h"
#include "core/address/peer_id.h"
#include "core/base/bytes.h"
#include "host/store/store.h"
#include "host/uv/address.h"
#include "host/uv/inside.h"
#include "tally/log.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* Offsets above these are told to the operator (docs/operations.md, limits). */
#define CLOCK_WARN_US  INT64_C(5000000)
#define CLOCK_ERROR_US INT64_C(60000000)

__attribute__((format(printf, 2, 3))) static void warn(json_t *list, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)json_array_append_new(list, json_string(text));
}

/* A configured peer that is not there, and what it may be. */
static void warn_of_peer(json_t *list, const struct tally_peer_view *peer)
{
    char id[PEER_ID_TEXT_MAX], address[MULTIADDR_TEXT_MAX] = "";
    if (!peer->configured || peer->state == TALLY_PEER_LINKED ||
        peer->last_error == TALLY_DROP_NONE)
        return;
    (void)peer_id_print_key(&peer->key, id);
    (void)multiaddr_write_text(&peer->address, MULTIADDR_UDP, NULL, address, sizeof address);
    if (peer->last_error == TALLY_DROP_IDENTITY)
        warn(list, "another node than %s answers at %s: correct the id in --peer, or the address",
             id, address);
    else
        warn(list, "no link with peer %s at %s: %s", id, address,
             tally_drop_text(peer->last_error));
}

/* What the operator should know, each with what to do. */
static json_t *warnings(struct host *host, const struct tally_node_status *status)
{
    json_t *list = json_array();
    uint64_t missing = 0;
    if (!store_writable(host->store, &missing) || !status->writable)
        warn(list, "read-only: the disk is full, %" PRIu64 " bytes are missing; free some space",
             missing);
    if (status->guarded)
        warn(list, "%s", tally_error_text(TALLY_GUARDED));
    if (status->frozen > 0)
        warn(list, "%u log%s frozen at a fork of the issuer: see tally fork list", status->frozen,
             status->frozen == 1 ? " is" : "s are");
    struct tally_peer_view peer;
    for (size_t i = 0; tally_node_peer(host->node, i, &peer); i++)
        warn_of_peer(list, &peer);
    int64_t offset = status->clock_offset_us;
    if (offset > CLOCK_WARN_US || offset < -CLOCK_WARN_US)
        warn(list, "the clocks of peers differ from ours by %lld ms%s", (long long)(offset / 1000),
             offset > CLOCK_ERROR_US || offset < -CLOCK_ERROR_US ? ": set this machine's clock"
                                                                 : "");
    return list;
}

static json_t *forks(const struct tally_ledger *ledger, uint64_t *receipts, uint64_t *pending)
{
    struct tally_log_view view;
    json_t *frozen = json_array();
    for (size_t i = 0; ledger->log(ledger->context, i, &view); i++) {
        *receipts += view.durable;
        *pending += view.durable - view.size;
        if (view.frozen)
            (void)json_array_append_new(frozen, json_string(view.origin));
    }
    return frozen;
}

static json_t *drops(const struct tally_node_status *status)
{
    json_t *object = json_object();
    for (unsigned drop = 1; drop < TALLY_DROP_COUNT; drop++)
        if (status->drops[drop] > 0)
            (void)json_object_set_new(object, tally_drop_name((enum tally_drop)drop),
                                      json_integer((json_int_t)status->drops[drop]));
    return object;
}

static json_t *traffic(const struct tally_node_status *status)
{
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I}", "datagrams_in", (json_int_t)status->datagrams_in,
        "datagrams_out", (json_int_t)status->datagrams_out, "datagram_bytes_in",
        (json_int_t)status->bytes_in, "datagram_bytes_out", (json_int_t)status->bytes_out,
        "stream_bytes_in", (json_int_t)status->stream_bytes_in, "stream_bytes_out",
        (json_int_t)status->stream_bytes_out);
}

static json_t *answer_status(struct host *host)
{
    struct tally_node_status status;
    char did[TALLY_DID_SIZE + 1], id[PEER_ID_TEXT_MAX];
    uint64_t receipts = 0, pending = 0;
    const struct tally_ledger ledger = store_ledger(host->store);
    tally_node_status(host->node, &status);
    tally_did_write(&host->identity, did);
    (void)peer_id_print_key(&host->identity, id);
    json_t *frozen = forks(&ledger, &receipts, &pending);
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:I}", "schema", "tally/status/1", "version",
        TALLY_VERSION, "node", did, "peer_id", id, "data", host->data, "pid", (int)getpid(), "port",
        (int)host->address.port, "uptime_ms", (json_int_t)host_uptime_ms(host));
    (void)json_object_update_new(
        object,
        json_pack("{s:i, s:i, s:i, s:i, s:I, s:I, s:b, s:b, s:I, s:I, s:I, s:I}", "peers",
                  (int)status.peers, "links", (int)status.links, "connections",
                  (int)status.connections, "logs", (int)status.logs, "receipts",
                  (json_int_t)receipts, "pending", (json_int_t)pending, "writable", status.writable,
                  "guarded", status.guarded, "clock_offset_ms",
                  (json_int_t)(status.clock_offset_us / 1000), "syncs", (json_int_t)status.syncs,
                  "confirms", (json_int_t)status.confirms, "forks", (json_int_t)status.forks));
    (void)json_object_set_new(object, "frozen", frozen);
    (void)json_object_set_new(object, "rejected", drops(&status));
    (void)json_object_set_new(object, "traffic", traffic(&status));
    (void)json_object_set_new(object, "warnings", warnings(host, &status));
    return object;
}

static json_t *peer_object(const struct tally_peer_view *peer, struct tally_mono now)
{
    static const char *const states[] = {[TALLY_PEER_IDLE] = "idle",
                                         [TALLY_PEER_GREETING] = "greeting",
                                         [TALLY_PEER_LINKED] = "linked"};
    char did[TALLY_DID_SIZE + 1], id[PEER_ID_TEXT_MAX], address[MULTIADDR_TEXT_MAX] = "";
    tally_did_write(&peer->key, did);
    (void)peer_id_print_key(&peer->key, id);
    (void)multiaddr_write_text(&peer->address, MULTIADDR_UDP, NULL, address, sizeof address);
    json_t *agent = json_string(peer->agent);
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:I, s:i, s:I, s:s, s:o}", "peer", did,
                     "peer_id", id, "address", address, "state", states[peer->state], "configured",
                     peer->configured, "connected", peer->connected, "since_ms",
                     (json_int_t)(now.ms - peer->since.ms), "rtt_us", (int)peer->rtt_us,
                     "offset_ms", (json_int_t)(peer->offset_us / 1000), "last_error",
                     peer->last_error == TALLY_DROP_NONE ? "" : tally_drop_text(peer->last_error),
                     "agent", agent != NULL ? agent : json_string(""));
}

static json_t *answer_peers(struct host *host)
{
    struct tally_peer_view peer;
    json_t *items = json_array();
    struct tally_mono now = host_now().mono;
    for (size_t i = 0; tally_node_peer(host->node, i, &peer); i++)
        (void)json_array_append_new(items, peer_object(&peer, now));
    return json_pack("{s:s, s:o, s:n}", "schema", "tally/peer-list/1", "items", items, "next");
}

static const struct {
    const char *verb;
    json_t *(*answer)(struct host *host);
} answers[] = {{"status", answer_status}, {"peers", answer_peers}};

char *questions_answer(struct host *host, struct tally_bytes verb, enum tally_error *error)
{
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        if (!bytes_equal(verb, bytes_text(answers[i].verb)))
            continue;
        json_t *object = answers[i].answer(host);
        char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
        json_decref(object);
        *error = text == NULL ? TALLY_NO_MEMORY : TALLY_OK;
        return text;
    }
    *error = TALLY_NOT_FOUND;
    return NULL;
}
