/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node/federating.h"

#include "core/base/bytes.h"
#include "core/federation/replay.h"
#include "core/node/node.h"
#include "core/node/revoking.h"
#include "core/peers/greet.h"

#include <stdlib.h>

bool federating_new(struct federating *federating, const struct tally_node_options *options)
{
    /* As many as TALLY_PAIRS_MAX where there are TALLY_PARTIES_MAX parties. */
    size_t pairs_max = options->parties_max / (TALLY_PARTIES_MAX / TALLY_PAIRS_MAX);
    struct tally_party *parties = calloc(options->parties_max, sizeof *parties);
    struct agreement_pair *pairs = calloc(pairs_max, sizeof *pairs);
    *federating = (struct federating){.logs_max = options->logs_max, .at = TALLY_NEVER};
    federating->heard = calloc(options->logs_max, sizeof *federating->heard);
    fold_init(&federating->fold, &options->key, parties, options->parties_max);
    fold_lend(&federating->fold, pairs, pairs_max);
    federating->fold.discrepancies = discrepancies_new(&options->key, options->discrepancies_max);
    federating->fold.schemas = schemas_new(options->schemas_max);
    federating->fold.outsides = outsides_new(options->witness_urls_max);
    replay_origin(&options->key, &federating->origin_hash);
    federating->fold.revoked = &federating->revoked;
    return revoked_new(&federating->revoked, options->revoked_max) && parties != NULL &&
           pairs != NULL && federating->heard != NULL && federating->fold.discrepancies != NULL &&
           federating->fold.schemas != NULL && federating->fold.outsides != NULL;
}

void federating_free(struct federating *federating)
{
    free(federating->fold.parties);
    discrepancies_free(federating->fold.discrepancies);
    schemas_free(federating->fold.schemas);
    outsides_free(federating->fold.outsides);
    free(federating->fold.agreements.pairs);
    free(federating->heard);
    revoked_free(&federating->revoked);
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

/* Streams begin anew. */
void federating_enforce(struct tally_node *node, struct tally_now now,
                        const struct tally_key *party)
{
    struct peers *peers = &node->datagrams.peers;
    struct peer *peer = party != NULL ? peers_find(peers, party) : NULL;
    if (party != NULL)
        connections_part(&node->connections, now, party);
    connections_admit(&node->connections, now);
    witness_admit(&node->witness, now);
    datagrams_admit(&node->datagrams, now, &node->outbox);
    if (peer != NULL && peer->wants != 0 && peer->link.state == LINK_IDLE)
        peers_wake(peers, peer, now.mono);
    overlay_hurry(&node->datagrams.overlay, now);
    heartbeat_hurry(&node->datagrams.heartbeat, now);
}

/* A statement of ours counts: what it was about decides what follows. */
static void counted(struct tally_node *node, struct tally_now now, uint64_t index)
{
    const struct fold *fold = &node->federating.fold;
    if (fed_agrees(fold->last_kind))
        return; /* federating_settle. */
    const struct tally_party *party = fold_find(fold, &fold->last);
    if (fold->last_kind == FED_REVOKE_KEY)
        revoking_stated(node, now, index);
    if (fold->last_kind == FED_KEYS && fold->has_key[FED_KEY_RECOVERY])
        (void)revoked_bind(&node->federating.revoked, &fold->self, &fold->keys[FED_KEY_RECOVERY],
                           index);
    if (fold->last_kind == FED_REVOKE_KEY || fold->last_kind == FED_KEYS)
        return;
    if (fold->last_kind == FED_POLICY) {
        node->federating.at = now.mono; /* Offers that stand may be refused now. */
        return;
    }
    if (fold->last_kind == FED_WITNESS_URL) {
        witness_admit(&node->witness, now);
        return;
    }
    say(node, now, party);
    federating_enforce(node, now, party != NULL ? &party->key : NULL);
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
        if (disputing_stated(node, now))
            continue; /* It changes what no party may. */
        counted(node, now, index);
    }
    if (federating->folded >= federating->awaited)
        federating->awaited = 0;
    federating_settle(node, now);
}

void federating_failed(struct tally_node *node)
{
    struct federating *federating = &node->federating;
    federating->awaited = 0;
    if (federating->fold.agreements.count > 0)
        federating->at.ms = node->stepped.mono.ms + FEDERATING_RETRY_MS;
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
    case FOLD_ENDED:
        return TALLY_REVOKED;
    case FOLD_FULL:
        return TALLY_TOO_LARGE;
    }
    return TALLY_MALFORMED;
}

/* A revocation names how far our logs go: from this moment they go no further. */
static enum tally_error limit(struct tally_node *node, struct fed_statement *said,
                              struct tally_bytes *body)
{
    uint8_t bytes[FED_BODY_MAX];
    const struct issuer *issuer = &node->issuer;
    if (said->revoke.limit_count > 0)
        return TALLY_OK;
    for (unsigned i = 0; i < issuer->count; i++)
        if (!hash_equal(&issuer->logs[i].origin_hash, &node->federating.origin_hash) &&
            !revocation_limit(&said->revoke, &issuer->logs[i].origin_hash, issuer->logs[i].next))
            return TALLY_TOO_LARGE;
    size_t size = fed_write(said, bytes);
    uint8_t *kept = size > 0 && outbox_room(&node->outbox, 4, size + TALLY_ENVELOPE_MAX)
                        ? outbox_take(&node->outbox, size)
                        : NULL;
    if (kept == NULL)
        return TALLY_BUSY;
    memcpy(kept, bytes, size);
    *body = bytes_of(kept, size);
    return TALLY_OK;
}

static enum tally_error state(struct tally_node *node, struct tally_now now,
                              const struct tally_command *command, struct fed_statement *statement)
{
    struct tally_command own = *command;
    bool last = statement->kind == FED_REVOKE_KEY;
    enum tally_error error =
        error_of(fold_judge(&node->federating.fold, &node->options.key, statement));
    if (error == TALLY_OK && fed_agrees(statement->kind) &&
        agreements_advise(&node->federating.fold.agreements, statement) != AGREEMENT_TAKEN)
        error = TALLY_FORBIDDEN;
    if (error == TALLY_OK && last)
        error = limit(node, statement, &own.state.body);
    if (error == TALLY_OK)
        error = issuer_state(&node->issuer, now, &own, &node->outbox);
    if (error == TALLY_OK && last)
        issuer_end(&node->issuer);
    return error;
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
