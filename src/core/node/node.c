/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node/node.h"
#include "core/node/revoking.h"
#include "core/peers/greet.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/wire/derive.h"

#include <assert.h>
#include <stdlib.h>

enum {
    SEEN_DEFAULT = 8192,
    SERVE_BUFFERS = 4,
};

void node_trace(struct tally_node *node, struct tally_now now, const struct tally_trace *trace)
{
    if (node->options.trace.say != NULL)
        node->options.trace.say(node->options.trace.context, now, trace);
}

void node_drop(struct tally_node *node, struct tally_now now, enum tally_drop drop,
               const struct tally_key *peer)
{
    node->drops[drop]++;
    node_trace(node, now,
               &(struct tally_trace){.kind = TALLY_TRACE_DROPPED, .drop = drop, .peer = peer});
}

/* Once may be a rotten disk, twice within a minute ends the link and bars the key (protocols 4.4,
   9.2 rule 2). */
enum { STANDING_LIE = -30 };

void node_blame(struct tally_node *node, struct tally_now now, enum tally_drop drop,
                const struct tally_key *peer)
{
    struct peers_news news = {0};
    struct peer *found = peers_find(&node->datagrams.peers, peer);
    bool lie = drop == TALLY_DROP_FORGED || drop == TALLY_DROP_PROOF || drop == TALLY_DROP_CHAIN ||
               drop == TALLY_DROP_BODY;
    node_drop(node, now, drop, peer);
    if (lie && found != NULL)
        datagrams_judge(&node->datagrams, found, STANDING_LIE, now, &news);
}

bool node_address(const struct tally_node *node, struct tally_now now, const struct tally_key *peer,
                  struct tally_address *address)
{
    const struct peer *found = peers_find(&node->datagrams.peers, peer);
    if (found == NULL || found->address_count == 0 || peer_barred(found, now))
        return false;
    *address = found->link.state == LINK_LINKED ? found->link.address : found->addresses[0].address;
    return true;
}

static void defaults(struct tally_node_options *options)
{
    if (options->network == NULL)
        options->network = "tally";
    if (options->connections_max == 0)
        options->connections_max = TALLY_CONNECTIONS_MAX;
    if (options->datagrams_only)
        options->connections_max = 0;
    if (options->logs_max == 0)
        options->logs_max = TALLY_LOGS_MAX;
    if (options->own_logs_max == 0)
        options->own_logs_max = TALLY_OWN_LOGS_MAX;
    if (options->parties_max == 0)
        options->parties_max = TALLY_PARTIES_MAX;
    if (options->revoked_max == 0)
        options->revoked_max = options->parties_max / 2;
    if (options->discrepancies_max == 0)
        options->discrepancies_max = DISCREPANCIES_MAX;
    if (options->schemas_max == 0)
        options->schemas_max = SCHEMAS_MAX;
    if (options->witness_urls_max == 0)
        options->witness_urls_max = TALLY_WITNESSES_MAX;
    if (options->pending_max == 0)
        options->pending_max = TALLY_PENDING_MAX;
    if (options->seal_receipts == 0)
        options->seal_receipts = TALLY_SEAL_RECEIPTS;
    if (options->seal_ms == 0)
        options->seal_ms = TALLY_SEAL_MS;
    if (options->seal_quiet_ms == 0)
        options->seal_quiet_ms = TALLY_SEAL_QUIET_MS;
    if (options->witnessed_max == 0)
        options->witnessed_max = TALLY_WITNESSED_MAX;
    if (options->witness_gap_ms == 0)
        options->witness_gap_ms = TALLY_WITNESS_GAP_MS;
    if (options->witness_cycle_ms == 0)
        options->witness_cycle_ms = TALLY_WITNESS_CYCLE_MS;
    if (options->seen_max == 0)
        options->seen_max = SEEN_DEFAULT;
}

static bool scratch_take(struct tally_node *node)
{
    struct tally_scratch *lent = node->options.scratch;
    node->scratch = lent != NULL ? lent : tally_scratch_new(1);
    if (node->scratch != NULL)
        scratch_outbox(node->scratch, &node->outbox);
    return node->scratch != NULL;
}

static bool gossip_new(struct tally_node *node, struct tally_now now)
{
    const struct tally_node_options *options = &node->options;
    /* Who finds peers by itself finds out how it is reached, and helps those who do the same. */
    bool open = options->profile == TALLY_PROFILE_AUTO || options->profile == TALLY_PROFILE_SERVER;
    node->policy.profile = options->profile;
    struct datagrams_options datagrams = {
        .peers = {.key = options->key,
                  .epoch = options->epoch,
                  .caps = (uint8_t)(PEERS_CAPS_STREAMS | (open ? PEERS_CAPS_INTRODUCES : 0)),
                  .policy = &node->policy,
                  .fold = &node->federating.fold,
                  .peers_max = options->peers_max,
                  .links_max = options->links_max,
                  .addresses_max = options->addresses_max,
                  .window = options->replay_window,
                  .loan = &node->scratch->peers,
                  .seed = options->seed,
                  .secret = options->secret,
                  .crypto = options->crypto,
                  .trace = options->trace},
        .reaching = {.policy = &node->policy,
                     .listen = options->listen,
                     .own_max = options->own_addresses_max,
                     .by_itself = open,
                     .serves = open},
        .dht = {.profile = options->profile,
                .key = options->key,
                .values_max = options->dht_values_max,
                .records_max = options->dht_records_max,
                .placements_max = options->dht_placements_max,
                .namespaces_max = options->namespaces_max,
                .own_logs_max = options->own_logs_max,
                .own_max = options->own_addresses_max,
                .contacts_max = options->dht_contacts_max,
                .requests_max = options->dht_requests_max,
                .pending_max = options->dht_pending_max,
                .seed = options->seed + 5,
                .ledger = options->ledger,
                .secret = options->secret,
                .crypto = options->crypto,
                .policy = &node->policy,
                .loan = &node->scratch->dht},
        .ledger = options->ledger,
        .logs_max = options->logs_max,
        .seen_max = options->seen_max,
        .records_max = options->records_max,
        .passive_max = options->passive_max,
        .senders_max = options->senders_max};
    if (options->datagrams_only)
        datagrams.peers.caps = (uint8_t)(datagrams.peers.caps & ~PEERS_CAPS_STREAMS);
    derive_network_tag(bytes_text(options->network), datagrams.peers.network);
    memcpy(datagrams.dht.network, datagrams.peers.network, sizeof datagrams.dht.network);
    return datagrams_new(&node->datagrams, &datagrams, now);
}

static bool logs_new(struct tally_node *node, struct tally_now now)
{
    const struct tally_node_options *options = &node->options;
    const struct issuer_memory memory = {.logs = calloc(options->own_logs_max, sizeof *memory.logs),
                                         .pending =
                                             calloc(options->pending_max, sizeof *memory.pending)};
    node->issuer.logs = memory.logs;
    node->issuer.pending = memory.pending;
    const struct issuer_options issuer = {.key = options->key,
                                          .logs_max = options->own_logs_max,
                                          .seal_receipts = options->seal_receipts,
                                          .seal_ms = options->seal_ms,
                                          .seal_quiet_ms = options->seal_quiet_ms,
                                          .pending_max = options->pending_max,
                                          .ledger = &options->ledger,
                                          .crypto = &options->crypto};
    unsigned buffers =
        options->connections_max < SERVE_BUFFERS ? options->connections_max : SERVE_BUFFERS;
    const struct sync_options sync = {.key = options->key,
                                      .signatures = options->verify == TALLY_VERIFY_EVERY,
                                      .askers = options->connections_max,
                                      .servers = options->connections_max * CONNECTION_SERVED_MAX,
                                      .buffers = buffers,
                                      .ledger = &options->ledger,
                                      .heads = &node->datagrams.heads,
                                      .fold = &node->federating.fold,
                                      .conducts = &node->conducts,
                                      .crypto = &options->crypto,
                                      .seed = options->seed + 2,
                                      .scratch = node->scratch->sync};
    if (memory.logs == NULL || memory.pending == NULL)
        return false;
    issuer_init(&node->issuer, &issuer, &memory, now);
    return sync_new(&node->sync, &sync);
}

static bool witnessing_new(struct tally_node *node, struct tally_now now)
{
    const struct tally_node_options *options = &node->options;
    const struct witness_options witness = {.key = options->key,
                                            .logs_max = options->witnessed_max,
                                            .servers =
                                                options->connections_max * CONNECTION_SERVED_MAX,
                                            .own_max = options->own_logs_max,
                                            .gap_ms = options->witness_gap_ms,
                                            .cycle_ms = options->witness_cycle_ms,
                                            .restored = options->past == TALLY_PAST_COPY,
                                            .foreign = options->foreign,
                                            .foreign_count = options->foreign_count,
                                            .ledger = &options->ledger,
                                            .fold = &node->federating.fold,
                                            .crypto = &options->crypto,
                                            .cosigner = &options->cosigner,
                                            .secret = &options->secret,
                                            .seed = options->seed + 11};
    return witness_new(&node->witness, &witness, now);
}

struct tally_node *tally_node_new(const struct tally_node_options *options, struct tally_now now)
{
    struct tally_node *node = calloc(1, sizeof *node);
    if (node == NULL)
        return NULL;
    node->options = *options;
    defaults(&node->options);
    node->drops = calloc(TALLY_DROP_COUNT, sizeof *node->drops);
    if (node->drops == NULL || !scratch_take(node) ||
        !federating_new(&node->federating, &node->options) || !gossip_new(node, now) ||
        !logs_new(node, now) || !witnessing_new(node, now) ||
        !connections_new(&node->connections, node, node->options.connections_max) ||
        !disputing_new(&node->disputing) || !comparing_new(&node->comparing) ||
        !carrying_new(&node->carrying) ||
        !conducts_new(&node->conducts, node->federating.fold.agreements.capacity,
                      node->options.term_patience_ms, &node->options.ledger) ||
        !crossing_new(&node->crossing, now) || !node_discovery_new(node) ||
        !joining_new(&node->joining, node->options.seed + 9)) {
        tally_node_free(node);
        return NULL;
    }
    mapping_init(&node->mapping, &node->options);
    struct tally_log_view view;
    const struct tally_ledger *ledger = &node->options.ledger;
    node->stepped = now;
    for (size_t i = 0; ledger->log(ledger->context, i, &view); i++)
        wire_head(node, now, &view, false);
    federating_start(node);
    pruning_start(node, now);
    if (!guarding_new(node, now)) {
        tally_node_free(node);
        return NULL;
    }
    witness_start(&node->witness, now);
    disputing_start(node, now);
    wire_forks_kept(node, now);
    if (node->federating.fold.schemas->count > 0)
        comparing_start(&node->comparing, now);
    sync_settle(&node->sync);
    node_trace(node, now,
               &(struct tally_trace){.kind = TALLY_TRACE_STARTED,
                                     .a = node->options.epoch,
                                     .b = node->datagrams.heads.count});
    node_settle(node);
    return node;
}

void tally_node_free(struct tally_node *node)
{
    if (node == NULL)
        return;
    connections_free(&node->connections);
    sync_free(&node->sync);
    witness_free(&node->witness);
    federating_free(&node->federating);
    guarding_free(&node->guarding);
    disputing_free(&node->disputing);
    comparing_free(&node->comparing);
    carrying_free(&node->carrying);
    conducts_free(&node->conducts);
    crossing_free(&node->crossing);
    free(node->drops);
    free(node->issuer.pending);
    free(node->issuer.logs);
    free(node->mdns.list);
    free(node->interfaces);
    joining_free(&node->joining);
    datagrams_free(&node->datagrams);
    if (node->options.scratch == NULL)
        tally_scratch_free(node->scratch);
    hash_wipe(node, sizeof *node);
    free(node);
}

/* ---- A step. ---- */

void node_answer(struct tally_node *node, uint64_t ticket, enum tally_error error)
{
    struct tally_action *action = outbox_add(&node->outbox, TALLY_ACTION_ANSWER);
    action->answer.ticket = ticket;
    action->answer.error = error;
}

static void stop(struct tally_node *node, struct tally_now now)
{
    node->stopping = true;
    node_find_stop(node);
    mapping_stop(&node->mapping, &node->outbox);
    connections_stop(&node->connections);
    peers_stop(&node->datagrams.peers, now, &node->outbox);
    mdns_stop(&node->mdns, &node->outbox);
    node_trace(node, now, &(struct tally_trace){.kind = TALLY_TRACE_STOPPED});
}

static void on_command(struct tally_node *node, struct tally_now now,
                       const struct tally_command *command)
{
    bool late = command->kind != TALLY_COMMAND_APPEND && command->kind != TALLY_COMMAND_SEAL &&
                command->kind != TALLY_COMMAND_STOP;
    if (node->stopping && late) {
        node_answer(node, command->ticket, TALLY_STOPPING);
        return;
    }
    switch (command->kind) {
    case TALLY_COMMAND_APPEND:
        issuer_append(&node->issuer, now, command, &node->outbox);
        return;
    case TALLY_COMMAND_STATE:
        federating_command(node, now, command);
        return;
    case TALLY_COMMAND_RECOVER:
        guarding_recover(node, now, command);
        return;
    case TALLY_COMMAND_REVOKE:
        revoking_command(node, now, command);
        return;
    case TALLY_COMMAND_CARRY:
        carrying_command(node, now, command);
        return;
    case TALLY_COMMAND_SEAL:
        issuer_seal(&node->issuer, now, command->ticket, &node->outbox);
        return;
    case TALLY_COMMAND_PEER:
        guarding_know(node, &command->peer.key);
        node_answer(
            node, command->ticket,
            peers_configure(&node->datagrams.peers, &command->peer.key, &command->peer.address, now)
                ? TALLY_OK
                : TALLY_BUSY);
        return;
    case TALLY_COMMAND_STOP:
        stop(node, now);
        node_answer(node, command->ticket, TALLY_OK);
        return;
    case TALLY_COMMAND_CHECK:
        if (!reach_check(&node->datagrams.reaching.reach, command->ticket, now))
            node_answer(node, command->ticket, TALLY_BUSY);
        return;
    case TALLY_COMMAND_FIND:
        node_find(node, now, command);
        return;
    case TALLY_COMMAND_BOOTSTRAP:
        if (command->bootstrap.has_key)
            guarding_know(node, &command->bootstrap.key);
        node_answer(node, command->ticket, joining_bootstrap(node, now, command));
        return;
    case TALLY_COMMAND_DOMAIN:
        node_answer(node, command->ticket, joining_domain(node, now, command->domain.name));
        return;
    case TALLY_COMMAND_WITNESS:
    case TALLY_COMMAND_SAMPLE:
    case TALLY_COMMAND_COSIGN:
        node_witness(node, now, command);
        return;
    case TALLY_COMMAND_ANCHOR:
        node_answer(node, command->ticket,
                    disputing_anchor(node, now, command) ? TALLY_OK : TALLY_NOT_FOUND);
        return;
    }
}

static void on_appended(struct tally_node *node, struct tally_now now,
                        const struct tally_event *event)
{
    struct issuer_news news;
    if (event->appended.ticket >= SYNC_TICKETS) {
        sync_on_appended(&node->sync, now, event, &node->outbox);
        return;
    }
    issuer_on_appended(&node->issuer, now, event->appended.ticket, event->appended.error, &news,
                       &node->outbox);
    wire_issuer(node, now, &news);
}

static void on_space(struct tally_node *node, struct tally_now now, bool writable)
{
    issuer_on_space(&node->issuer, writable);
    sync_on_space(&node->sync, now, writable);
    witness_on_space(&node->witness, writable);
    node_trace(
        node, now,
        &(struct tally_trace){.kind = writable ? TALLY_TRACE_WRITABLE : TALLY_TRACE_READ_ONLY});
}

static void on_gateway(struct tally_node *node, struct tally_now now,
                       const struct tally_event *event)
{
    struct lease_news news[MAPPING_FAMILIES] = {{.lost_count = 0}};
    mapping_on_event(&node->mapping, now, event, news);
    wire_mapping(node, now, news);
}

static void on_published(struct tally_node *node, struct tally_now now,
                         const struct tally_event *event)
{
    struct issuer_news issuer;
    if (event->published.ticket >= WITNESS_TICKETS)
        return; /* Cosignatures with the stored checkpoint; the next ones bring them too. */
    issuer_on_published(&node->issuer, now, event, &issuer, &node->outbox);
    wire_issuer(node, now, &issuer);
}

static void on_event(struct tally_node *node, struct tally_now now, const struct tally_event *event)
{
    struct issuer_news issuer;
    switch (event->kind) {
    case TALLY_EVENT_TICK:     /* Every step looks at the clock. */
    case TALLY_EVENT_DATAGRAM: /* on_quiet. */
        return;
    case TALLY_EVENT_STREAM_OPEN:
    case TALLY_EVENT_STREAM_BYTES:
    case TALLY_EVENT_STREAM_ROOM:
    case TALLY_EVENT_STREAM_CLOSED:
        connections_on_event(&node->connections, now, event);
        return;
    case TALLY_EVENT_APPENDED:
        on_appended(node, now, event);
        return;
    case TALLY_EVENT_SEALED:
        issuer_on_sealed(&node->issuer, now, event, &issuer, &node->outbox);
        wire_issuer(node, now, &issuer);
        return;
    case TALLY_EVENT_KEPT:
        witness_on_kept(&node->witness, now, event->kept.ticket, event->kept.error);
        return;
    case TALLY_EVENT_PUBLISHED:
        on_published(node, now, event);
        return;
    case TALLY_EVENT_HTTP:
        witness_on_http(&node->witness, now, event, &node->outbox);
        return;
    case TALLY_EVENT_PRUNED:
        pruning_on_pruned(node, now, event);
        return;
    case TALLY_EVENT_CARRY:
        carrying_receive(node, now, event);
        return;
    case TALLY_EVENT_VERIFIED:
        sync_on_verified(&node->sync, now, event, &node->outbox);
        return;
    case TALLY_EVENT_BODY:
        sync_on_body(&node->sync, now, event, &node->outbox);
        return;
    case TALLY_EVENT_COMMAND:
        on_command(node, now, &event->command);
        return;
    case TALLY_EVENT_SPACE:
        on_space(node, now, event->space.writable);
        return;
    case TALLY_EVENT_LINKS:
        node_links(node, now, event);
        on_gateway(node, now, event);
        return;
    case TALLY_EVENT_MULTICAST:
        node_multicast(node, now, event);
        return;
    case TALLY_EVENT_MAPPED:
    case TALLY_EVENT_GATEWAY:
        on_gateway(node, now, event);
        return;
    case TALLY_EVENT_RESOLVED:
        joining_resolved(node, now, event);
        return;
    }
}

static void tick(struct tally_node *node, struct tally_now now)
{
    if (node_due(node).ms > now.mono.ms)
        return;
    issuer_tick(&node->issuer, now, &node->outbox);
    if (node->stopping)
        return;
    /* Nobody else need know who fell silent: streams have limits of their own. */
    struct peers_ended ended = {.count = 0};
    datagrams_tick(&node->datagrams, now, &ended, &node->outbox);
    mdns_tick(&node->mdns, now, &node->outbox);
    joining_tick(node, now);
    guarding_tick(node, now);
    federating_tick(node, now);
    sync_tick(&node->sync, now, &node->outbox);
    witness_tick(&node->witness, now, &node->outbox);
    disputing_tick(node, now);
    crossing_tick(node, now);
    comparing_tick(node, now);
    pruning_tick(node, now);
    struct lease_news leases[MAPPING_FAMILIES] = {{.lost_count = 0}};
    mapping_tick(&node->mapping, now, leases, &node->outbox);
    wire_mapping(node, now, leases);
    connections_tick(&node->connections, now);
}

/* Whether an event is over with the call: it is of a kind that changes no deadline and leaves
   nothing to others, as most datagrams are. */
static bool on_quiet(struct tally_node *node, struct tally_now now, const struct tally_event *event)
{
    struct datagrams_news news;
    if (event->kind != TALLY_EVENT_DATAGRAM)
        return false;
    (void)datagrams_receive(&node->datagrams, now, event, &news, &node->outbox);
    /* A heartbeat that agrees makes an earlier one void. */
    if (news.quiet && !(news.has_heartbeat && node->lacks))
        return node->due.ms > now.mono.ms;
    wire_datagrams(node, now, &news);
    return false;
}

void tally_node_step(struct tally_node *node, struct tally_now now, const struct tally_event *event)
{
    outbox_clear(&node->outbox);
    node->stepped = now;
    federating_clock(node, now);
    if (event->kind != TALLY_EVENT_DATAGRAM && event->kind != TALLY_EVENT_TICK)
        reaching_stir(&node->datagrams.reaching);
    if (node->unsettled)
        revoking_settle(node, now);
    if (on_quiet(node, now, event))
        return;
    on_event(node, now, event);
    sync_settle(&node->sync);
    tick(node, now);
    wire_witness(node, now);
    wire_reaching(node, now);
    wire_dht(node, now);
    wire_sync(node, now); /* After what holders of the DHT told: it may be of a fork. */
    guarding_settle(node, now);
    upholding_settle(node, now);
    carrying_flush(node, now);
    connections_flush(&node->connections, now);
    sync_settle(&node->sync);
    reaching_settle(&node->datagrams.reaching);
    assert(node->sync.news_count == 0); /* They lie in the scratch. */
    node_settle(node);
}

bool tally_node_next(struct tally_node *node, struct tally_action *action)
{
    return outbox_next(&node->outbox, action);
}

bool tally_node_holds(const struct tally_node *node)
{
    return node->due.ms == node_due(node).ms && issuer_holds(&node->issuer) &&
           datagrams_holds(&node->datagrams) && mdns_holds(&node->mdns) &&
           sync_holds(&node->sync) && witness_holds(&node->witness) &&
           connections_holds(&node->connections) && mapping_holds(&node->mapping) &&
           fold_holds(&node->federating.fold) && revoked_holds(&node->federating.revoked) &&
           guard_holds(&node->guarding.guard) && disputing_holds(&node->disputing) &&
           conducts_holds(&node->conducts);
}

/* ---- Questions. ---- */

static uint64_t sum_of(const uint64_t drops[TALLY_DROP_COUNT])
{
    uint64_t sum = 0;
    for (unsigned drop = 0; drop < TALLY_DROP_COUNT; drop++)
        sum += drops[drop];
    return sum;
}

uint64_t tally_node_dropped(const struct tally_node *node)
{
    return sum_of(node->drops) + sum_of(node->sync.drops) + sum_of(node->datagrams.drops) +
           sum_of(node->datagrams.dht.drops);
}

void tally_node_status(const struct tally_node *node, struct tally_node_status *status)
{
    const struct tally_ledger *ledger = &node->options.ledger;
    struct tally_log_view view;
    *status = (struct tally_node_status){.connections = node->connections.count,
                                         .writable = node->issuer.writable,
                                         .stream_bytes_in = node->connections.bytes_in,
                                         .stream_bytes_out = node->connections.bytes_out,
                                         .syncs = node->syncs,
                                         .confirms = node->confirms,
                                         .forks = node->forks,
                                         .profile = node->options.profile,
                                         .mdns_in = node->mdns.packets_in,
                                         .mdns_out = node->mdns.packets_out,
                                         .mdns_refused = node->mdns.refused};
    memcpy(status->refused, node->refused, sizeof node->refused);
    for (unsigned drop = 0; drop < TALLY_DROP_COUNT; drop++)
        status->drops[drop] =
            node->drops[drop] + node->sync.drops[drop] + node->witness.drops[drop];
    datagrams_status(&node->datagrams, status);
    mapping_status(&node->mapping, status);
    guarding_status(node, status);
    status->nat = reach_nat(&node->datagrams.reaching.reach, node->stepped);
    for (size_t i = 0; ledger->log(ledger->context, i, &view); i++) {
        status->logs++;
        status->frozen += view.frozen;
    }
}

void tally_node_trust(const struct tally_node *node, struct tally_trust_status *trust)
{
    fold_status(&node->federating.fold, trust);
}

bool tally_node_own_address(const struct tally_node *node, size_t index,
                            struct tally_own_address *address)
{
    return reach_view(&node->datagrams.reaching.reach, index, node->stepped, address);
}

bool tally_node_peer(const struct tally_node *node, size_t index, struct tally_peer_view *view)
{
    if (!peers_view(&node->datagrams.peers, index, view))
        return false;
    const struct connection *connection = connections_find(&node->connections, &view->key);
    view->connected = connection != NULL;
    reaching_path(&node->datagrams.reaching, peers_find(&node->datagrams.peers, &view->key), view);
    memset(view->agent, 0, sizeof view->agent);
    if (connection != NULL)
        memcpy(view->agent, connection->agent, strnlen(connection->agent, sizeof view->agent - 1));
    return true;
}
