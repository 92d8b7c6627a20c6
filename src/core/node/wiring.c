/* SPDX-License-Identifier: Apache-2.0 */
/* Who should know what a module learnt: the sideways knowledge of the whole system. */
#include "core/node/node.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/node/revoking.h"
#include "core/wire/derive.h"

void wire_head(struct tally_node *node, struct tally_now now, const struct tally_log_view *view,
               bool sealed)
{
    struct head head = {.origin = view->origin_hash,
                        .issuer = view->issuer,
                        .size = view->size,
                        .root = view->root,
                        .own = view->own};
    derive_namespace_tag(node->datagrams.peers.options.network, bytes_text(view->name_space),
                         head.name_space);
    const struct head *known = heads_find(&node->datagrams.heads, &head.origin);
    bool new = known == NULL;
    if (new || known->size < head.size)
        (void)datagrams_head(&node->datagrams, now, &head, sealed);
    if (new)
        node_tell_namespaces(node, now);
    if (head.own && head.size > 0)
        dht_sealed(&node->datagrams.dht, now, &head.origin);
    else if (head.size > 0)
        dht_held(&node->datagrams.dht, now, &head.origin);
}

static bool view_find(const struct tally_node *node, const struct tally_hash *origin,
                      struct tally_log_view *view)
{
    return node->options.ledger.find(node->options.ledger.context, origin, view);
}

enum sync_verdict wire_note(struct tally_node *node, const struct tally_key *peer,
                            struct tally_bytes note)
{
    struct sync_task task;
    return sync_compare(&node->sync, peer, note, &task, &node->outbox);
}

/* ---- Datagrams: links, heartbeats, announces. ---- */

/* Sets that differ do not tell who lacks something, nor whether others are just bringing it. */
static void heard_sets(struct tally_node *node, struct tally_now now, const struct tally_key *peer,
                       const struct heartbeat_news *news)
{
    struct sync_lack lacks[HEARTBEAT_SETS];
    uint64_t cause = 0;
    for (size_t i = 0; i < news->set_count; i++) {
        const struct heartbeat_set *set = &news->sets[i];
        const struct head_set *ours = heads_set_find(&node->datagrams.heads, set->name_space);
        bool held = !set->differs || (ours != NULL && heads_was(ours, set->fingerprint));
        lacks[i] = (struct sync_lack){.held = held};
        memcpy(lacks[i].name_space, set->name_space, sizeof lacks[i].name_space);
        memcpy(lacks[i].fingerprint, set->fingerprint, sizeof lacks[i].fingerprint);
        if (!held)
            cause += be64_read(set->fingerprint) | 1;
    }
    if (cause != 0 || node->sync.lacks)
        sync_told(&node->sync, now, peer, cause, lacks, news->set_count);
}

/* What a linked peer said: anything we lack is fetched from it. */
static void heard_heartbeat(struct tally_node *node, struct tally_now now,
                            const struct tally_key *peer, const struct heartbeat_news *news)
{
    uint64_t cause = 0;
    upholding_told(node, peer, news);
    for (size_t i = 0; i < news->log_count; i++) {
        const struct heartbeat_log *log = &news->logs[i];
        if (log->relation == HEAD_AHEAD)
            node_trace(node, now,
                       &(struct tally_trace){.kind = TALLY_TRACE_AHEAD,
                                             .peer = peer,
                                             .a = log->size,
                                             .b = log->ours != NULL ? log->ours->size : 0});
        /* A split head or a smaller one than before is worth the signed checkpoint as well. */
        if (log->ours != NULL)
            disputing_told(node, now, log->ours, log->size);
        if (log->relation == HEAD_AHEAD || log->relation == HEAD_SPLIT || log->regression)
            cause += be64_read(log->root.bytes) | 1;
    }
    if (cause == 0)
        heard_sets(node, now, peer, news);
    if (news->audit.any && news->audit.ours != NULL)
        (void)wire_note(node, peer, news->audit.note);
    if (cause != 0)
        sync_start(&node->sync, now, peer, cause);
}

/* Who seals holds it; who passes that on has to fetch it like us, and is asked a while later if it
   is still worth it. */
static void announced(struct tally_node *node, struct tally_now now, const struct tally_key *from,
                      const struct announce_news *news)
{
    const struct peer *issuer = peers_find(&node->datagrams.peers, &news->issuer);
    const struct sync_lack lack = {.of_log = true, .origin_hash = news->origin, .size = news->size};
    if (issuer != NULL && issuer->link.state == LINK_LINKED)
        sync_start(&node->sync, now, &issuer->key, 0);
    if (!key_equal(from, &news->issuer))
        sync_told(&node->sync, now, from, 0, &lack, 1);
}

static void heard_announce(struct tally_node *node, struct tally_now now,
                           const struct tally_key *peer, const struct announce_news *news)
{
    if (news->relation == HEAD_AHEAD) {
        node_trace(node, now,
                   &(struct tally_trace){.kind = TALLY_TRACE_AHEAD,
                                         .peer = peer,
                                         .log = &news->origin,
                                         .a = news->size,
                                         .b = news->ours != NULL ? news->ours->size : 0});
        announced(node, now, peer, news);
    }
    if (news->ours != NULL)
        (void)wire_note(node, peer, news->note);
}

/* Two notes that contradict each other: verified here, then passed on once. */
static void heard_alarm(struct tally_node *node, struct tally_now now, const struct peer *from,
                        const struct alarm_news *news)
{
    struct tally_key peer = from->key;
    struct sides_notes notes;
    struct alarm alarm;
    enum sync_verdict verdict = SYNC_VERDICT_BAD;
    if (alarm_open(news, &notes, &alarm))
        verdict = alarm.prefix != NULL
                      ? sync_fork_prefix(&node->sync, &peer, alarm.first, alarm.second,
                                         alarm.prefix, alarm.proof, alarm.count, &node->outbox)
                      : sync_fork(&node->sync, &peer, alarm.first, alarm.second, &node->outbox);
    switch (verdict) {
    case SYNC_VERDICT_FORK:
        datagrams_pass_alarm(&node->datagrams, now, from, news, &node->outbox);
        return;
    case SYNC_VERDICT_BAD:
        node_blame(node, now, TALLY_DROP_PROOF, &peer);
        return;
    case SYNC_VERDICT_AHEAD:
        /* No datagram could carry what proves it: who tells it shows that by stream. */
        (void)sync_ask_fork(&node->sync, now, &peer, alarm.first);
        return;
    case SYNC_VERDICT_SAME:
    case SYNC_VERDICT_BEHIND:
        return;
    }
}

/* Whoever is to tell us what is new: at once, because much may be (protocols 4.4). Who held nothing
   when it greeted has nothing to tell until its heartbeat says otherwise; to whom the operator
   names there is a stream all the same. */
static void linked_asks(struct tally_node *node, struct tally_now now, const struct peer *peer)
{
    if (peer->configured || (peer->mesh && !peer->bare) || guarding_asks(node, &peer->key))
        sync_start(&node->sync, now, &peer->key, 0);
}

void wire_datagrams(struct tally_node *node, struct tally_now now,
                    const struct datagrams_news *news)
{
    const struct peer *linked = news->links.linked;
    if (linked != NULL)
        witness_linked(&node->witness, &linked->key);
    if (linked != NULL)
        linked_asks(node, now, linked);
    if (news->overlay.meshed != NULL && news->overlay.meshed != linked)
        linked_asks(node, now, news->overlay.meshed);
    if (news->has_notice)
        revoking_heard(node, now, news->from, &news->notice);
    if (news->from == NULL)
        return;
    if (news->has_heartbeat)
        heard_heartbeat(node, now, &news->from->key, &news->heartbeat);
    else if (news->has_announce && news->announce.any)
        heard_announce(node, now, &news->from->key, &news->announce);
    else if (news->has_alarm)
        heard_alarm(node, now, news->from, &news->alarm);
    else if (news->has_yours && news->yours.count > 0)
        /* More of our own logs than we hold, or so it says: the signed checkpoint decides. */
        sync_start(&node->sync, now, &news->from->key, 0);
}

/* ---- Our own logs. ---- */

static void sealed(struct tally_node *node, struct tally_now now, const struct issuer_news *news)
{
    struct tally_log_view view;
    if (!view_find(node, &news->log->origin_hash, &view))
        return;
    wire_head(node, now, &view, true);
    witness_sealed(&node->witness, now, &view);
    node_trace(node, now,
               &(struct tally_trace){
                   .kind = TALLY_TRACE_SEALED, .origin = news->log->origin, .a = view.size});
}

void wire_issuer(struct tally_node *node, struct tally_now now, const struct issuer_news *news)
{
    switch (news->kind) {
    case ISSUER_NOTHING:
        return;
    case ISSUER_DURABLE:
        if (hash_equal(&news->log->origin_hash, &node->federating.origin_hash))
            federating_durable(node, now);
        if (news->tag != 0 && news->tag != FEDERATING_TAG)
            sync_stated(&node->sync, now, news->tag, news->index, TALLY_OK);
        return;
    case ISSUER_SEALED:
        sealed(node, now, news);
        return;
    case ISSUER_FAILED:
        if (hash_equal(&news->log->origin_hash, &node->federating.origin_hash))
            federating_failed(node);
        if (news->tag != 0 && news->tag != FEDERATING_TAG)
            sync_stated(&node->sync, now, news->tag, 0, news->error);
        return;
    }
}

/* ---- Synchronisation. ---- */

static void head_moved(struct tally_node *node, struct tally_now now, const struct sync_news *news)
{
    struct tally_log_view view;
    if (!view_find(node, &news->origin_hash, &view))
        return;
    wire_head(node, now, &view, false);
    disputing_head(node, now, &view, news->count);
    if (view.own)
        guarding_fetched(node, now, &view);
    revoking_named(node, &view, news->size - news->count);
    node->syncs++;
    node_trace(node, now,
               &(struct tally_trace){.kind = TALLY_TRACE_SYNCED,
                                     .peer = &news->peer,
                                     .origin = view.origin,
                                     .a = news->size,
                                     .b = news->count});
    if (strcmp(view.name_space, TALLY_STATEMENTS) == 0)
        federating_heard(node, now);
    /* Peers that are not linked to the issuer learn of it from us. */
    heartbeat_hurry(&node->datagrams.heartbeat, now);
}

void wire_forks_kept(struct tally_node *node, struct tally_now now)
{
    const struct tally_ledger *ledger = &node->options.ledger;
    uint8_t bytes[TALLY_FORK_MAX];
    size_t size = 1;
    for (size_t i = 0; ledger->forked != NULL && size > 0; i++) {
        struct tally_fork fork;
        struct tally_hash origin_hash;
        struct tally_log_view view;
        size = ledger->forked(ledger->context, i, bytes, sizeof bytes);
        if (size == 0 || tally_fork_check(bytes_of(bytes, size), NULL, &node->options.crypto,
                                          &fork) != TALLY_DROP_NONE)
            continue;
        tally_origin_hash(bytes_text(fork.origin), &origin_hash);
        if (!view_find(node, &origin_hash, &view))
            continue;
        datagrams_forked(&node->datagrams, now, &origin_hash, bytes_of(bytes, size));
        struct tally_hash evidence;
        hash_sha256(bytes_of(bytes, size), &evidence);
        disputing_fork_kept(node, now, &view, &evidence, fork.size);
    }
}

void wire_fork(struct tally_node *node, struct tally_now now, const struct sync_news *news)
{
    struct tally_log_view view;
    node->forks++;
    if (view_find(node, &news->origin_hash, &view))
        datagrams_forked(&node->datagrams, now, &news->origin_hash, news->file);
    disputing_forked(node, now, news);
    node_trace(node, now,
               &(struct tally_trace){
                   .kind = TALLY_TRACE_FORKED,
                   .peer = &news->peer,
                   .origin = view_find(node, &news->origin_hash, &view) ? view.origin : NULL,
                   .a = news->size});
    if (issuer_find(&node->issuer, &news->origin_hash) != NULL)
        guarding_forked(node, &news->origin_hash);
    /* Whoever finds it tells everybody; who was told passes that on. */
    if (news->one.size == 0 || news->other.size == 0)
        return;
    struct alarm alarm = {.first = news->one, .second = news->other};
    if (news->hashes != NULL) {
        alarm.prefix = &news->hashes[0];
        alarm.proof = news->hashes + 1;
        alarm.count = (size_t)news->count;
    }
    alarm_send(&node->datagrams.peers, &node->datagrams.spread, now, &alarm, &node->outbox);
}

static void state(struct tally_node *node, struct tally_now now, const struct sync_news *news)
{
    const struct tally_reference reference = {.kind = TALLY_REFERENCE_RECEIPT,
                                              .hash = news->reference};
    enum tally_error error =
        issuer_record(&node->issuer, now, news->type, &reference, news->has_reference ? 1 : 0,
                      news->body, news->tag, &node->outbox);
    if (error != TALLY_OK)
        sync_stated(&node->sync, now, news->tag, 0, error);
}

void wire_sync(struct tally_node *node, struct tally_now now)
{
    struct sync_news news;
    while (sync_next_news(&node->sync, &news)) {
        if (carrying_news(node, now, &news))
            continue;
        switch (news.kind) {
        case SYNC_NEWS_STREAM:
            connections_want(&node->connections, now, &news.peer);
            break;
        case SYNC_NEWS_CLOSE:
            if (news.drop != TALLY_DROP_NONE)
                node_blame(node, now, news.drop, &news.peer);
            connections_close(&node->connections, news.stream);
            break;
        case SYNC_NEWS_HEAD:
            head_moved(node, now, &news);
            break;
        case SYNC_NEWS_FORK:
            wire_fork(node, now, &news);
            break;
        case SYNC_NEWS_LOCATED:
            disputing_located(node, now, &news);
            break;
        case SYNC_NEWS_FAILED:
            disputing_failed(node, now, &news);
            break;
        case SYNC_NEWS_GUARD:
            guarding_larger(node, now, &news.peer, &news.origin_hash, news.size);
            break;
        case SYNC_NEWS_ANSWERED:
            guarding_answered(node, now, &news.peer, news.count);
            break;
        case SYNC_NEWS_CONFIRMED:
            node->confirms++;
            node_trace(node, now,
                       &(struct tally_trace){.kind = TALLY_TRACE_CONFIRMED, .peer = &news.peer});
            break;
        case SYNC_NEWS_STATE:
            state(node, now, &news);
            break;
        case SYNC_NEWS_ROUND:
            break; /* Of files that were taken away meanwhile. */
        }
    }
}

/* ---- Ports at gateways. ---- */

static void leased(struct tally_node *node, struct tally_now now, const struct lease *lease,
                   const struct lease_news *news)
{
    struct lease_view view;
    for (size_t i = 0; i < news->lost_count; i++)
        node_trace(node, now,
                   &(struct tally_trace){.kind = TALLY_TRACE_UNLEASED,
                                         .address = &news->lost[i].view.outer,
                                         .a = news->lost[i].view.outer.port,
                                         .b = news->lost[i].error});
    if (!news->has_mapped)
        return;
    node_trace(node, now,
               &(struct tally_trace){
                   .kind = TALLY_TRACE_LEASED,
                   .address = &news->mapped.outer,
                   .a = lease_view(lease, TALLY_TRANSPORT_UDP, &view) ? view.outer.port : 0,
                   .b = lease_view(lease, TALLY_TRANSPORT_TCP, &view) ? view.outer.port : 0});
    if (news->behind)
        node_trace(
            node, now,
            &(struct tally_trace){.kind = TALLY_TRACE_BEHIND_NAT, .address = &news->mapped.outer});
}

/* What is held now is where others may reach us. */
static void own_mapped(struct tally_node *node, struct tally_now now, unsigned family)
{
    for (unsigned i = 0; i < LEASE_TRANSPORTS; i++) {
        struct lease_view view;
        enum tally_transport transport = (enum tally_transport)i;
        bool held = lease_view(&node->mapping.leases[family], transport, &view);
        reach_mapped(&node->datagrams.reaching.reach, transport, family == MAPPING_IPV4,
                     held ? view.protocol : TALLY_MAPPING_NONE, held ? &view.outer : NULL, now);
    }
}

void wire_mapping(struct tally_node *node, struct tally_now now, const struct lease_news *news)
{
    for (unsigned i = 0; i < MAPPING_FAMILIES; i++) {
        leased(node, now, &node->mapping.leases[i], &news[i]);
        if (news[i].has_mapped || news[i].lost_count > 0)
            own_mapped(node, now, i);
        /* Few IPv6 gateways can be asked, and where none can, IPv6 may need none. */
        if (i == MAPPING_IPV4 && news[i].none != TALLY_OK)
            node_trace(node, now,
                       &(struct tally_trace){.kind = TALLY_TRACE_NO_LEASE, .a = news[i].none});
    }
}
