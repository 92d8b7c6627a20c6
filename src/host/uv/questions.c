/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/questions.h"

#include "core/address/peer_id.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "host/store/store.h"
#include "host/uv/inside.h"
#include "host/uv/report.h"
#include "host/uv/report_witness.h"
#include "tally/log.h"

#include <stdlib.h>
#include <unistd.h>

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

static json_t *trust_object(const struct host *host)
{
    struct tally_trust_status trust;
    tally_node_trust(host->node, &trust);
    char hash[2 * sizeof trust.hash.bytes + 1];
    hex_write(bytes_of(trust.hash.bytes, sizeof trust.hash.bytes), hash);
    return json_pack("{s:s, s:b, s:i, s:I, s:I, s:I, s:I, s:s}", "mode",
                     tally_mode_name(trust.mode), "strict", trust.strict, "parties",
                     (int)trust.parties, "statements", (json_int_t)trust.statements, "unknown",
                     (json_int_t)trust.unknown, "ignored", (json_int_t)trust.refused, "lost",
                     (json_int_t)trust.lost, "hash", hash);
}

static json_t *answer_status(struct host *host)
{
    struct facts *facts = facts_new(host);
    if (facts == NULL)
        return NULL;
    const struct tally_node_status status = facts->status;
    char did[TALLY_DID_SIZE + 1], id[PEER_ID_TEXT_MAX];
    uint64_t receipts = 0, pending = 0;
    const struct tally_ledger ledger = store_ledger(host->store);
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
                  "guarded", status.guard > TALLY_GUARD_ASKING, "clock_offset_ms",
                  (json_int_t)(status.clock_offset_us / 1000), "syncs", (json_int_t)status.syncs,
                  "confirms", (json_int_t)status.confirms, "forks", (json_int_t)status.forks));
    (void)json_object_set_new(
        object, "network", json_string(host->options.mesh == NULL ? "tally" : host->options.mesh));
    (void)json_object_set_new(object, "guard", report_guard(host->node, &status));
    (void)json_object_set_new(object, "trust", trust_object(host));
    (void)json_object_set_new(object, "frozen", frozen);
    (void)json_object_set_new(object, "rejected", drops(&status));
    (void)json_object_set_new(object, "traffic", traffic(&status));
    (void)json_object_update_new(object, report_reach(&facts->facts, facts->now));
    (void)json_object_set_new(object, "dht", report_dht(&status));
    (void)json_object_set_new(object, "mdns", report_mdns(&status));
    (void)json_object_set_new(object, "refused", report_refused(&status));
    (void)json_object_set_new(object, "warnings", report_warnings(&facts->findings));
    (void)json_object_set_new(
        object, "advice",
        json_integer((json_int_t)(facts->findings.count - findings_urgent(&facts->findings))));
    free(facts);
    return object;
}

static json_t *answer_peers(struct host *host)
{
    struct tally_peer_view peer;
    json_t *items = json_array();
    struct tally_mono now = host_now().mono;
    for (size_t i = 0; tally_node_peer(host->node, i, &peer); i++)
        (void)json_array_append_new(items, report_peer(&peer, now));
    return json_pack("{s:s, s:o, s:n}", "schema", "tally/peer-list/1", "items", items, "next");
}

static json_t *answer_doctor(struct host *host)
{
    struct facts *facts = facts_new(host);
    if (facts == NULL)
        return NULL;
    json_t *object = report_doctor(&facts->facts, &facts->findings, facts->now);
    free(facts);
    return object;
}

static json_t *answer_witness(struct host *host)
{
    return report_witnesses(host);
}

static const struct {
    const char *verb;
    json_t *(*answer)(struct host *host);
} answers[] = {{"status", answer_status},
               {"peers", answer_peers},
               {"doctor", answer_doctor},
               {"witness", answer_witness}};

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
