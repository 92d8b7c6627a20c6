/* SPDX-License-Identifier: Apache-2.0 */
/* The composition, first slice: our own logs. Links, gossip and synchronisation join it next. */
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/log/issuer.h"

#include <stdlib.h>

enum { OUTBOX_ACTIONS = 1024, OUTBOX_BYTES = 2 * TALLY_STREAM_BYTES_MAX };

struct tally_node {
    struct tally_node_options options;
    struct outbox outbox;
    struct issuer issuer;
};

static void node_trace(struct tally_node *node, struct tally_now now,
                       const struct tally_trace *trace)
{
    if (node->options.trace.say != NULL)
        node->options.trace.say(node->options.trace.context, now, trace);
}

static void defaults(struct tally_node_options *options)
{
    if (options->pending_max == 0)
        options->pending_max = TALLY_PENDING_MAX;
    if (options->seal_receipts == 0)
        options->seal_receipts = TALLY_SEAL_RECEIPTS;
    if (options->seal_ms == 0)
        options->seal_ms = TALLY_SEAL_MS;
}

static bool outbox_new(struct outbox *outbox)
{
    struct tally_action *actions = calloc(OUTBOX_ACTIONS, sizeof *actions);
    uint8_t *arena = malloc(OUTBOX_BYTES);
    outbox_init(outbox, actions, OUTBOX_ACTIONS, arena, OUTBOX_BYTES);
    return actions != NULL && arena != NULL;
}

struct tally_node *tally_node_new(const struct tally_node_options *options, struct tally_now now)
{
    struct tally_node *node = calloc(1, sizeof *node);
    if (node == NULL)
        return NULL;
    node->options = *options;
    defaults(&node->options);
    struct issuer_pending *pending = calloc(node->options.pending_max, sizeof *pending);
    const struct issuer_options issuer = {.key = options->key,
                                          .seal_receipts = node->options.seal_receipts,
                                          .seal_ms = node->options.seal_ms,
                                          .pending_max = node->options.pending_max,
                                          .ledger = &node->options.ledger,
                                          .crypto = &node->options.crypto};
    if (pending == NULL || !outbox_new(&node->outbox)) {
        free(pending);
        tally_node_free(node);
        return NULL;
    }
    issuer_init(&node->issuer, &issuer, pending, now);
    node_trace(node, now,
               &(struct tally_trace){.kind = TALLY_TRACE_STARTED, .a = node->options.epoch});
    return node;
}

void tally_node_free(struct tally_node *node)
{
    if (node == NULL)
        return;
    free(node->issuer.pending);
    free(node->outbox.actions);
    free(node->outbox.arena);
    hash_wipe(node, sizeof *node);
    free(node);
}

static void answer(struct tally_node *node, uint64_t ticket, enum tally_error error)
{
    struct tally_action *action = outbox_add(&node->outbox, TALLY_ACTION_ANSWER);
    action->answer.ticket = ticket;
    action->answer.error = error;
}

static void sealed(struct tally_node *node, struct tally_now now, const struct issuer_news *news)
{
    if (news->kind == ISSUER_SEALED)
        node_trace(node, now,
                   &(struct tally_trace){.kind = TALLY_TRACE_SEALED,
                                         .origin = news->log->origin,
                                         .a = news->log->sealed});
}

static void on_command(struct tally_node *node, struct tally_now now,
                       const struct tally_command *command)
{
    switch (command->kind) {
    case TALLY_COMMAND_APPEND:
        issuer_append(&node->issuer, now, command, &node->outbox);
        return;
    case TALLY_COMMAND_SEAL:
        issuer_seal(&node->issuer, now, command->ticket, &node->outbox);
        return;
    case TALLY_COMMAND_PEER:
    case TALLY_COMMAND_STOP:
        answer(node, command->ticket, TALLY_OK);
        return;
    }
}

static void on_event(struct tally_node *node, struct tally_now now, const struct tally_event *event)
{
    struct issuer_news news = {.kind = ISSUER_NOTHING};
    switch (event->kind) {
    case TALLY_EVENT_APPENDED:
        issuer_on_appended(&node->issuer, now, event->appended.ticket, event->appended.error, &news,
                           &node->outbox);
        return;
    case TALLY_EVENT_SEALED:
        issuer_on_sealed(&node->issuer, now, event, &news, &node->outbox);
        return;
    case TALLY_EVENT_PUBLISHED:
        issuer_on_published(&node->issuer, now, event, &news, &node->outbox);
        sealed(node, now, &news);
        return;
    case TALLY_EVENT_COMMAND:
        on_command(node, now, &event->command);
        return;
    case TALLY_EVENT_SPACE:
        issuer_on_space(&node->issuer, event->space.writable);
        return;
    case TALLY_EVENT_STREAM_OPEN:
        outbox_add(&node->outbox, TALLY_ACTION_CLOSE)->close.stream = event->stream_open.stream;
        return;
    case TALLY_EVENT_TICK:
    case TALLY_EVENT_DATAGRAM:
    case TALLY_EVENT_STREAM_BYTES:
    case TALLY_EVENT_STREAM_ROOM:
    case TALLY_EVENT_STREAM_CLOSED:
    case TALLY_EVENT_VERIFIED:
    case TALLY_EVENT_BODY:
        return;
    }
}

void tally_node_step(struct tally_node *node, struct tally_now now, const struct tally_event *event)
{
    outbox_clear(&node->outbox);
    on_event(node, now, event);
    if (issuer_deadline(&node->issuer).ms <= now.mono.ms)
        issuer_tick(&node->issuer, now, &node->outbox);
}

bool tally_node_next(struct tally_node *node, struct tally_action *action)
{
    return outbox_next(&node->outbox, action);
}

struct tally_mono tally_node_deadline(const struct tally_node *node)
{
    return issuer_deadline(&node->issuer);
}

bool tally_node_holds(const struct tally_node *node)
{
    return issuer_holds(&node->issuer);
}

void tally_node_status(const struct tally_node *node, struct tally_node_status *status)
{
    const struct tally_ledger *ledger = &node->options.ledger;
    struct tally_log_view view;
    *status = (struct tally_node_status){.writable = node->issuer.writable};
    for (size_t i = 0; ledger->log(ledger->context, i, &view); i++) {
        status->logs++;
        status->frozen += view.frozen;
    }
}

bool tally_node_peer(const struct tally_node *node, size_t index, struct tally_peer_view *view)
{
    (void)node;
    (void)index;
    (void)view;
    return false;
}
