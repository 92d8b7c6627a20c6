/* SPDX-License-Identifier: Apache-2.0 */
/* Witnessing in the node: what it learnt goes to whom it concerns. */
#include "core/node/node.h"

#include "core/base/bytes.h"

static void trace(struct tally_node *node, struct tally_now now, enum tally_trace_kind kind,
                  const struct witness_news *news, uint64_t a, uint64_t b)
{
    struct tally_log_view view;
    const struct tally_ledger *ledger = &node->options.ledger;
    bool held = ledger->find(ledger->context, &news->origin_hash, &view);
    bool from = kind == TALLY_TRACE_COSIGNED || kind == TALLY_TRACE_UNCOSIGNED;
    node_trace(node, now,
               &(struct tally_trace){.kind = kind,
                                     .peer = from ? &news->peer : NULL,
                                     .origin = held ? view.origin : NULL,
                                     .log = held ? NULL : &news->origin_hash,
                                     .a = a,
                                     .b = b});
}

static void answer(struct tally_node *node, const struct witness_news *news)
{
    struct tally_action *action = outbox_add(&node->outbox, TALLY_ACTION_ANSWER);
    action->answer.ticket = news->command;
    action->answer.status = news->status;
    action->answer.bytes = news->bytes;
}

/* A log contradicted itself in front of us. */
static void forked(struct tally_node *node, struct tally_now now, const struct witness_news *news)
{
    const struct sync_news fork = {.kind = SYNC_NEWS_FORK,
                                   .origin_hash = news->origin_hash,
                                   .size = news->size,
                                   .one = news->bytes,
                                   .other = news->other,
                                   .file = news->file};
    wire_fork(node, now, &fork);
}

static void heard(struct tally_node *node, struct tally_now now, const struct witness_news *news)
{
    switch (news->kind) {
    case WITNESS_NEWS_STREAM:
        connections_reach(&node->connections, now, &news->peer);
        return;
    case WITNESS_NEWS_CLOSE:
        if (news->drop != TALLY_DROP_NONE)
            node_blame(node, now, news->drop, &news->peer);
        connections_close(&node->connections, news->stream);
        return;
    case WITNESS_NEWS_ANSWER:
        answer(node, news);
        return;
    case WITNESS_NEWS_SIGNED:
        trace(node, now, TALLY_TRACE_WITNESSED, news, news->size, news->old);
        return;
    case WITNESS_NEWS_GOT:
        trace(node, now, TALLY_TRACE_COSIGNED, news, news->size, news->old);
        return;
    case WITNESS_NEWS_REFUSED:
        trace(node, now, TALLY_TRACE_UNCOSIGNED, news, news->status, news->size);
        return;
    case WITNESS_NEWS_NOTE:
        (void)wire_note(node, &news->peer, news->bytes);
        return;
    case WITNESS_NEWS_FORK:
        forked(node, now, news);
        return;
    case WITNESS_NEWS_STATE:
        /* What cannot be stated now is tried again when it is due. */
        (void)issuer_statement(&node->issuer, now, news->type, NULL, 0, news->bytes, 0,
                               &node->outbox);
        return;
    case WITNESS_NEWS_SAMPLED:
        trace(node, now, TALLY_TRACE_SAMPLED, news, news->size, news->status);
        disputing_sampled(node, now, news);
        return;
    }
}

void wire_witness(struct tally_node *node, struct tally_now now)
{
    struct witness_news news;
    while (witness_next_news(&node->witness, &news))
        heard(node, now, &news);
}

void node_witness(struct tally_node *node, struct tally_now now,
                  const struct tally_command *command)
{
    struct witness *witness = &node->witness;
    bool good = true;
    if (command->kind == TALLY_COMMAND_WITNESS) {
        witness_command(witness, now, command->witness.bytes, command->ticket, &node->outbox);
        return;
    }
    if (command->kind == TALLY_COMMAND_SAMPLE)
        good = witness_sample_now(witness, now, &command->sample.party);
    else
        witness_hurry(witness, now);
    node_answer(node, command->ticket, good ? TALLY_OK : TALLY_NOT_FOUND);
}

bool tally_node_cosigned(const struct tally_node *node, size_t index,
                         struct tally_cosigned_view *view)
{
    return witness_view(&node->witness, index, view);
}

bool tally_node_outside(const struct tally_node *node, const struct tally_key *key)
{
    return outside_find(node->federating.fold.outsides, key) != NULL;
}
