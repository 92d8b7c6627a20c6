/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node/federating.h"

#include "core/federation/replay.h"
#include "core/node/node.h"
#include "core/peers/greet.h"

#include <stdlib.h>

bool federating_new(struct federating *federating, const struct tally_node_options *options)
{
    struct tally_party *parties = calloc(options->parties_max, sizeof *parties);
    struct fold *fold = &federating->fold;
    *federating = (struct federating){.folded = 0};
    fold_init(fold, &options->key, parties, options->parties_max);
    fold->discrepancies = discrepancies_new(&options->key, options->discrepancies_max);
    fold->schemas = schemas_new(options->schemas_max);
    replay_origin(&options->key, &federating->origin_hash);
    return parties != NULL && fold->discrepancies != NULL && fold->schemas != NULL;
}

void federating_free(struct federating *federating)
{
    free(federating->fold.parties);
    free(federating->fold.discrepancies);
    free(federating->fold.schemas);
}

void federating_start(struct tally_node *node)
{
    struct federating *federating = &node->federating;
    federating->folded = replay_all(&federating->fold, &node->options.ledger,
                                    &federating->origin_hash, node->scratch->sync->entries);
}

/* ---- What follows. ---- */

static void say(struct tally_node *node, struct tally_now now, const struct tally_party *party)
{
    const struct fold *fold = &node->federating.fold;
    struct tally_trace trace = {.kind = TALLY_TRACE_MODE, .a = fold_strict(fold)};
    if (party != NULL)
        trace = (struct tally_trace){.kind = party->state == TALLY_PARTY_WITHDRAWN
                                                 ? TALLY_TRACE_WITHDRAWN
                                                 : TALLY_TRACE_ADMITTED,
                                     .peer = &party->key,
                                     .a = party->level,
                                     .b = party->roles};
    node_trace(node, now, &trace);
}

/* The party that the last statement was about; NULL if it was about all strangers. */
static const struct tally_party *last_party(const struct fold *fold, uint64_t index)
{
    for (size_t i = 0; i < fold->count; i++)
        if (fold->parties[i].index == index)
            return &fold->parties[i];
    return NULL;
}

/* What is under way with a party goes on under its new rights only: streams begin anew. */
static void enforce(struct tally_node *node, struct tally_now now, const struct tally_party *party)
{
    struct peers *peers = &node->datagrams.peers;
    struct peer *peer = party != NULL ? peers_find(peers, &party->key) : NULL;
    if (party != NULL)
        connections_part(&node->connections, now, &party->key);
    connections_admit(&node->connections, now);
    datagrams_admit(&node->datagrams, now, &node->outbox);
    if (peer != NULL && peer->wants != 0 && peer->link.state == LINK_IDLE)
        peers_wake(peers, peer, now.mono);
    overlay_hurry(&node->datagrams.overlay, now);
    heartbeat_hurry(&node->datagrams.heartbeat, now);
}

void federating_durable(struct tally_node *node, struct tally_now now)
{
    const struct tally_ledger *ledger = &node->options.ledger;
    struct federating *federating = &node->federating;
    struct tally_log_view view;
    if (!ledger->find(ledger->context, &federating->origin_hash, &view))
        return;
    while (federating->folded < view.durable) {
        uint64_t index = federating->folded++;
        if (replay_one(&federating->fold, ledger, &federating->origin_hash, index) != FOLD_TAKEN)
            continue;
        const struct tally_party *party = last_party(&federating->fold, index);
        if (disputing_stated(node, now, index))
            continue; /* It changes what no party may. */
        say(node, now, party);
        enforce(node, now, party);
    }
    if (federating->folded >= federating->awaited)
        federating->awaited = 0;
}

void federating_failed(struct tally_node *node)
{
    node->federating.awaited = 0;
}

/* ---- Commands. ---- */

static enum tally_error error_of(enum fold_verdict verdict)
{
    switch (verdict) {
    case FOLD_TAKEN:
    case FOLD_NOTED:
        return TALLY_OK;
    case FOLD_OTHER:
    case FOLD_UNKNOWN:
    case FOLD_SELF:
    case FOLD_FOREIGN:
    case FOLD_VERDICT_COUNT:
        return TALLY_BAD_NAME;
    case FOLD_MALFORMED:
        return TALLY_MALFORMED;
    case FOLD_FORBIDDEN:
        return TALLY_FORBIDDEN;
    case FOLD_FULL:
        return TALLY_TOO_LARGE;
    }
    return TALLY_MALFORMED;
}

static enum tally_error state(struct tally_node *node, struct tally_now now,
                              const struct tally_command *command,
                              const struct fed_statement *statement)
{
    enum tally_error error =
        error_of(fold_judge(&node->federating.fold, &node->options.key, statement));
    return error == TALLY_OK ? issuer_state(&node->issuer, now, command, &node->outbox) : error;
}

void federating_command(struct tally_node *node, struct tally_now now,
                        const struct tally_command *command)
{
    struct federating *federating = &node->federating;
    struct fed_statement statement;
    enum tally_error error = TALLY_MALFORMED;
    /* One at a time: the next is judged by what this one made of the state. */
    if (federating->awaited > 0)
        error = TALLY_BUSY;
    else if (fed_read(command->state.type, command->state.body, &statement) == TALLY_DROP_NONE)
        error = statement.kind == FED_CONFIRM ? guarding_confirm(node, now, command)
                                              : state(node, now, command, &statement);
    if (error != TALLY_OK) {
        node_answer(node, command->ticket, error);
        return;
    }
    const struct issuer_log *log = issuer_find(&node->issuer, &federating->origin_hash);
    federating->awaited = log->next;
}
