/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node/finding.h"

#include "core/base/bytes.h"
#include "core/node/node.h"
#include "core/wire/derive.h"

#include <string.h>

enum { OWN_SHOWN = 32 };

static struct dht_step step_of(struct tally_node *node, struct tally_now now)
{
    return (struct dht_step){.now = now,
                             .peers = &node->datagrams.peers,
                             .verifier = &node->datagrams.verifier,
                             .out = &node->outbox};
}

/* ---- Answers to FIND. ---- */

static void found(struct tally_node *node, uint64_t ticket, const struct tally_key *key,
                  const struct tally_address *address, enum tally_transport transport,
                  enum tally_source source, struct tally_mono learnt)
{
    if (!outbox_room(&node->outbox, 2, 0))
        return;
    const struct peer *peer = peers_find(&node->datagrams.peers, key);
    struct tally_action *action = outbox_add(&node->outbox, TALLY_ACTION_FOUND);
    action->found.ticket = ticket;
    action->found.key = *key;
    action->found.has_address = address != NULL;
    if (address != NULL)
        action->found.address = *address;
    action->found.transport = transport;
    action->found.source = source;
    action->found.learnt = learnt;
    action->found.linked = peer != NULL && peer->link.state == LINK_LINKED;
}

/* A peer as we know it, all its addresses. Returns how many. */
static unsigned found_peer(struct tally_node *node, uint64_t ticket, const struct peer *peer)
{
    for (size_t i = 0; i < peer->address_count; i++)
        found(node, ticket, &peer->key, &peer->addresses[i].address, TALLY_TRANSPORT_UDP,
              (enum tally_source)peer->addresses[i].source, peer->addresses[i].learnt);
    return peer->address_count;
}

/* Those who write in the namespace, as far as we know them. */
static unsigned found_issuers(struct tally_node *node, uint64_t ticket,
                              struct tally_bytes name_space)
{
    const struct heads *heads = &node->datagrams.heads;
    uint8_t tag[HEADS_TAG];
    unsigned count = 0;
    derive_namespace_tag(node->datagrams.peers.options.network, name_space, tag);
    for (size_t i = 0; i < heads->count; i++) {
        const struct head *head = &heads->list[i];
        if (head->own || memcmp(head->name_space, tag, sizeof tag) != 0)
            continue;
        const struct peer *peer = peers_find(&node->datagrams.peers, &head->issuer);
        if (peer != NULL && peer->address_count > 0)
            count += found_peer(node, ticket, peer);
    }
    return count;
}

static struct finding *finding_of(struct tally_node *node, uint64_t ticket, bool make)
{
    struct finding *place = NULL;
    for (size_t i = 0; i < FINDINGS; i++) {
        struct finding *finding = &node->findings[i];
        if (finding->used && finding->ticket == ticket && !make)
            return finding;
        if (!finding->used && place == NULL)
            place = finding;
    }
    return make ? place : NULL;
}

void node_find(struct tally_node *node, struct tally_now now, const struct tally_command *command)
{
    const struct dht_step step = step_of(node, now);
    struct dht *dht = &node->datagrams.dht;
    uint64_t ticket = command->ticket;
    bool done, any;
    if (command->find.peer) {
        const struct peer *peer = peers_find(&node->datagrams.peers, &command->find.key);
        any = peer != NULL && found_peer(node, ticket, peer) > 0;
        /* Who is linked is found; an address that answered once may have been left. */
        done = any && peer->link.state == LINK_LINKED;
    } else {
        any = found_issuers(node, ticket, command->find.name_space) > 0;
        done = false;
    }
    struct finding *finding = done ? NULL : finding_of(node, ticket, true);
    bool asked =
        finding != NULL &&
        (command->find.peer ? dht_find_peer(dht, &step, ticket, &command->find.key)
                            : dht_find_namespace(dht, &step, ticket, command->find.name_space));
    if (asked)
        *finding = (struct finding){.used = true, .any = any, .ticket = ticket};
    else
        node_answer(node, ticket, any ? TALLY_OK : TALLY_NOT_FOUND);
}

void node_find_stop(struct tally_node *node)
{
    uint64_t ticket;
    for (size_t i = 0; i < FINDINGS; i++) {
        if (node->findings[i].used)
            node_answer(node, node->findings[i].ticket, TALLY_STOPPING);
        node->findings[i].used = false;
    }
    while (reach_check_stop(&node->datagrams.reaching.reach, &ticket))
        node_answer(node, ticket, TALLY_STOPPING);
}

/* ---- What is told of us. ---- */

void node_tell_addresses(struct tally_node *node, struct tally_now now)
{
    struct tally_own_address list[OWN_SHOWN];
    const struct dht_step step = step_of(node, now);
    size_t count = 0;
    while (count < OWN_SHOWN &&
           reach_view(&node->datagrams.reaching.reach, count, now, &list[count]))
        count++;
    dht_addresses(&node->datagrams.dht, &step, list, count);
}

void node_tell_namespaces(struct tally_node *node, struct tally_now now)
{
    const struct tally_ledger *ledger = &node->options.ledger;
    struct advertise_namespace list[TALLY_NAMESPACES_MAX];
    char names[TALLY_NAMESPACES_MAX][TALLY_NAMESPACE_MAX + 1];
    struct tally_log_view view;
    size_t count = 0;
    if (!node->datagrams.dht.on)
        return;
    for (size_t i = 0; count < TALLY_NAMESPACES_MAX && ledger->log(ledger->context, i, &view);
         i++) {
        /* Everybody writes statements: nobody is found by that. */
        bool known = strcmp(view.name_space, "federation") == 0;
        for (size_t k = 0; k < count && !known; k++)
            known = strcmp(names[k], view.name_space) == 0;
        if (known || strlen(view.name_space) > TALLY_NAMESPACE_MAX)
            continue;
        memcpy(names[count], view.name_space, strlen(view.name_space) + 1);
        list[count].name = bytes_text(names[count]);
        list[count++].hidden = false;
    }
    dht_follow(&node->datagrams.dht, now, list, count);
}

/* ---- What the DHT has learnt. ---- */

static void ended(struct tally_node *node, const struct dht_news *news)
{
    struct finding *finding = finding_of(node, news->ticket, false);
    if (finding == NULL)
        return;
    finding->used = false;
    node_answer(node, news->ticket, finding->any || news->count > 0 ? TALLY_OK : TALLY_NOT_FOUND);
}

/* Of a log that we hold there is more than anybody told us: its issuer has it. */
static void missed(struct tally_node *node, struct tally_now now, struct tally_bytes bytes)
{
    const struct dht_step step = step_of(node, now);
    struct tally_note note;
    struct tally_checkpoint checkpoint;
    struct tally_hash origin;
    if (tally_note_read(bytes, &note) != TALLY_DROP_NONE ||
        tally_checkpoint_read(note.text, &checkpoint) != TALLY_DROP_NONE)
        return;
    tally_origin_hash(checkpoint.origin, &origin);
    const struct head *head = heads_find(&node->datagrams.heads, &origin);
    if (head == NULL || head->own)
        return;
    const struct peer *issuer = peers_find(&node->datagrams.peers, &head->issuer);
    if (issuer != NULL && issuer->link.state == LINK_LINKED)
        sync_start(&node->sync, now, &issuer->key, 0);
    else
        (void)dht_seek_peer(&node->datagrams.dht, &step, &head->issuer);
}

static void learnt(struct tally_node *node, struct tally_now now, const struct dht_news *news)
{
    switch (news->kind) {
    case DHT_NEWS_FOUND:
        found(node, news->ticket, &news->key, &news->address, news->transport, TALLY_SOURCE_DHT,
              now.mono);
        return;
    case DHT_NEWS_ENDED:
        ended(node, news);
        return;
    case DHT_NEWS_CANDIDATE:
        node_found(node, now, &news->key, &news->address, TALLY_SOURCE_DHT);
        return;
    case DHT_NEWS_LOOKUP:
        node_trace(
            node, now,
            &(struct tally_trace){.kind = TALLY_TRACE_LOOKUP, .a = news->count, .b = news->found});
        return;
    case DHT_NEWS_NOTE:
        if (wire_note(node, &news->key, news->first) == SYNC_VERDICT_AHEAD)
            missed(node, now, news->first);
        return;
    case DHT_NEWS_FORK:
        (void)sync_fork(&node->sync, &news->key, news->first, news->second, &node->outbox);
        return;
    }
}

void wire_dht(struct tally_node *node, struct tally_now now)
{
    struct dht_news news;
    while (dht_next_news(&node->datagrams.dht, &news))
        learnt(node, now, &news);
}
