/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/issuer.h"

#include "core/base/bytes.h"
#include "core/base/fsm.h"
#include "core/crypto/hash.h"
#include "core/log/tree.h"

static const fsm_moves moves[] = {
    [ISSUER_OPEN] = TO(ISSUER_SEALING) | TO(ISSUER_BROKEN) | TO(ISSUER_STOPPED),
    [ISSUER_SEALING] =
        TO(ISSUER_OPEN) | TO(ISSUER_SIGNING) | TO(ISSUER_BROKEN) | TO(ISSUER_STOPPED),
    [ISSUER_SIGNING] = TO(ISSUER_OPEN) | TO(ISSUER_BROKEN) | TO(ISSUER_STOPPED),
    [ISSUER_BROKEN] = TO(ISSUER_OPEN) | TO(ISSUER_STOPPED),
    [ISSUER_STOPPED] = 0,
};

static struct tally_log_id log_id(const struct issuer *issuer, const struct issuer_log *log)
{
    return (struct tally_log_id){.origin_hash = log->origin_hash,
                                 .issuer = issuer->options.key,
                                 .origin = log->origin,
                                 .name_space = log->name_space,
                                 .own = true};
}

static void stop(struct issuer_log *log, enum tally_error why)
{
    if (log->state != ISSUER_STOPPED)
        FSM_MOVE(moves, &log->state, ISSUER_STOPPED);
    log->stopped = why;
}

/* One envelope of the log after the others: what the next names, and a leaf. */
static bool entry_load(struct issuer *issuer, struct issuer_log *log, uint64_t index, bool leaf)
{
    const struct tally_ledger *ledger = issuer->options.ledger;
    uint8_t bytes[TALLY_ENVELOPE_MAX];
    struct tally_hash hash;
    size_t size = ledger->entry(ledger->context, &log->origin_hash, index, bytes, sizeof bytes);
    if (size == 0)
        return false;
    tally_receipt_hash(bytes_of(bytes, size), &log->previous);
    tally_receipt_leaf(bytes_of(bytes, size), &hash);
    if (leaf)
        merkle_range_append(&log->range, &hash);
    return true;
}

/* The complete subtrees of what is sealed from its tiles, then what is only pending. */
static bool range_load(struct issuer *issuer, struct issuer_log *log)
{
    const struct tree tree = {issuer->options.ledger, &log->origin_hash};
    for (unsigned height = 63; height-- > 0;) {
        uint64_t start = log->range.size, end = start + (UINT64_C(1) << height);
        struct tally_hash root;
        if ((log->sealed >> height & 1) == 0)
            continue;
        if (!tree_subtree_root(&tree, start, end, log->sealed, &root))
            return false;
        merkle_range_append_subtree(&log->range, height, &root);
    }
    if (log->sealed > 0 && log->sealed == log->durable)
        return entry_load(issuer, log, log->sealed - 1, false);
    for (uint64_t index = log->sealed; index < log->durable; index++)
        if (!entry_load(issuer, log, index, true))
            return false;
    return true;
}

/* Takes what is durable for the truth: after a start, and after a failed append. */
static void reload(struct issuer *issuer, struct issuer_log *log, struct tally_now now)
{
    const struct tally_ledger *ledger = issuer->options.ledger;
    struct tally_log_view view;
    log->next = log->durable = log->sealed = log->pressing = 0;
    log->range = (struct merkle_range){0};
    if (ledger->find(ledger->context, &log->origin_hash, &view)) {
        log->next = log->durable = view.durable;
        log->sealed = view.size;
        if (!range_load(issuer, log)) {
            stop(log, TALLY_DAMAGED);
            return;
        }
        if (view.frozen)
            stop(log, TALLY_FROZEN);
    }
    log->seal_at = log->next > log->sealed ? now.mono : TALLY_NEVER;
}

static struct issuer_log *log_new(struct issuer *issuer, const char *name_space,
                                  struct tally_now now)
{
    if (issuer->count == issuer->options.logs_max)
        return NULL;
    struct issuer_log *log = &issuer->logs[issuer->count++];
    memset(log, 0, sizeof *log);
    memcpy(log->name_space, name_space, strlen(name_space) + 1);
    size_t size = tally_origin_write(&issuer->options.key, bytes_text(name_space), log->origin);
    tally_origin_hash(bytes_of(log->origin, size), &log->origin_hash);
    reload(issuer, log, now);
    return log;
}

void issuer_init(struct issuer *issuer, const struct issuer_options *options,
                 const struct issuer_memory *memory, struct tally_now now)
{
    struct tally_log_view view;
    memset(issuer, 0, sizeof *issuer);
    issuer->options = *options;
    issuer->logs = memory->logs;
    issuer->pending = memory->pending;
    issuer->tickets = ISSUER_TICKETS;
    issuer->writable = true;
    const struct tally_ledger *ledger = options->ledger;
    for (size_t i = 0; ledger->log(ledger->context, i, &view); i++)
        if (view.own)
            (void)log_new(issuer, view.name_space, now);
}

const struct issuer_log *issuer_find(const struct issuer *issuer,
                                     const struct tally_hash *origin_hash)
{
    for (unsigned i = 0; i < issuer->count; i++)
        if (hash_equal(&issuer->logs[i].origin_hash, origin_hash))
            return &issuer->logs[i];
    return NULL;
}

static void answer(struct outbox *out, uint64_t command, enum tally_error error,
                   const struct issuer_log *log, const struct issuer_pending *pending)
{
    struct tally_action *action = outbox_add(out, TALLY_ACTION_ANSWER);
    action->answer.ticket = command;
    action->answer.error = error;
    if (log == NULL || pending == NULL)
        return;
    action->answer.origin = log->origin;
    action->answer.index = pending->index;
    action->answer.receipt = pending->receipt;
}

/* The log for a namespace, made if need be; or why there is none that takes receipts now. */
static enum tally_error log_for(struct issuer *issuer, struct tally_bytes name_space,
                                struct tally_now now, struct issuer_log **found)
{
    if (!tally_namespace_valid(name_space))
        return TALLY_BAD_NAME;
    if (issuer->held != TALLY_OK)
        return issuer->held;
    if (issuer->ended)
        return TALLY_REVOKED;
    struct issuer_log *log = NULL;
    for (unsigned i = 0; i < issuer->count && log == NULL; i++)
        if (bytes_equal(bytes_text(issuer->logs[i].name_space), name_space))
            log = &issuer->logs[i];
    if (log == NULL) {
        char text[TALLY_NAMESPACE_MAX + 1];
        memcpy(text, name_space.data, name_space.size);
        text[name_space.size] = '\0';
        log = log_new(issuer, text, now);
    }
    if (log == NULL)
        return TALLY_TOO_LARGE; /* More namespaces than a node writes in; waiting does not help. */
    if (log->state == ISSUER_STOPPED || log->state == ISSUER_BROKEN)
        return log->stopped;
    if (!issuer->writable)
        return TALLY_READ_ONLY;
    if (log->next - log->sealed >= issuer->options.pending_max ||
        issuer->pending_count == issuer->options.pending_max)
        return TALLY_BUSY;
    *found = log;
    return TALLY_OK;
}

struct draft {
    struct tally_bytes name_space, type, profile, body;
    const struct tally_reference *references;
    size_t reference_count;
    uint64_t command, tag;
    bool quiet; /* It waits for company. */
};

static void fill(const struct issuer *issuer, const struct issuer_log *log,
                 const struct draft *draft, struct tally_now now, struct tally_receipt *receipt)
{
    *receipt = (struct tally_receipt){
        .issuer = issuer->options.key,
        .name_space = bytes_text(log->name_space),
        .sequence = log->next,
        .previous = log->previous,
        .time = now.wall,
        .type = draft->type,
        .profile = draft->profile,
        .reference_count = draft->reference_count,
        .body_size = (uint32_t)draft->body.size,
    };
    for (size_t i = 0; i < draft->reference_count; i++)
        receipt->references[i] = draft->references[i];
    hash_sha256(draft->body, &receipt->body_hash);
}

/* A receipt more that is to be sealed: soon, unless nobody waits for it. */
static void seal_later(const struct issuer *issuer, struct issuer_log *log, bool quiet,
                       struct tally_now now)
{
    const struct issuer_options *options = &issuer->options;
    uint64_t at = now.mono.ms + (quiet ? options->seal_quiet_ms : options->seal_ms);
    if (!quiet)
        log->pressing = log->next;
    if (at < log->seal_at.ms)
        log->seal_at.ms = at;
}

static enum tally_error append(struct issuer *issuer, struct tally_now now,
                               const struct draft *draft, struct outbox *out)
{
    struct issuer_log *log = NULL;
    struct tally_receipt receipt;
    if (draft->body.size > TALLY_BODY_MAX)
        return TALLY_TOO_LARGE;
    if (!tally_type_valid(draft->type) || !tally_profile_valid(draft->profile))
        return TALLY_BAD_NAME;
    enum tally_error error = log_for(issuer, draft->name_space, now, &log);
    if (error != TALLY_OK)
        return error;
    if (!outbox_room(out, 4, TALLY_ENVELOPE_MAX))
        return TALLY_BUSY;
    fill(issuer, log, draft, now, &receipt);
    uint8_t *envelope = outbox_take(out, TALLY_ENVELOPE_MAX);
    size_t size = tally_receipt_write(&receipt, issuer->options.crypto, envelope);

    unsigned at = (issuer->pending_first + issuer->pending_count) % issuer->options.pending_max;
    struct issuer_pending *pending = &issuer->pending[at];
    *pending = (struct issuer_pending){.ticket = ++issuer->tickets,
                                       .command = draft->command,
                                       .tag = draft->tag,
                                       .index = log->next,
                                       .log = (uint16_t)(log - issuer->logs)};
    tally_receipt_hash(bytes_of(envelope, size), &pending->receipt);
    issuer->pending_count++;

    struct tally_hash leaf;
    tally_receipt_leaf(bytes_of(envelope, size), &leaf);
    merkle_range_append(&log->range, &leaf);
    log->previous = pending->receipt;
    log->next++;
    log->in_flight++;
    seal_later(issuer, log, draft->quiet, now);

    struct tally_action *action = outbox_add(out, TALLY_ACTION_APPEND);
    action->append.ticket = pending->ticket;
    action->append.log = log_id(issuer, log);
    action->append.first = pending->index;
    action->append.envelope = bytes_of(envelope, size);
    action->append.body = draft->body;
    return TALLY_OK;
}

void issuer_append(struct issuer *issuer, struct tally_now now, const struct tally_command *command,
                   struct outbox *out)
{
    const struct draft draft = {.name_space = command->append.name_space,
                                .type = command->append.type,
                                .profile = command->append.profile,
                                .body = command->append.body,
                                .command = command->ticket};
    /* Statements are the node's own words; an application that wrote one could speak for it. */
    enum tally_error error = bytes_equal(draft.name_space, bytes_text(TALLY_STATEMENTS))
                                 ? TALLY_BAD_NAME
                                 : append(issuer, now, &draft, out);
    if (error != TALLY_OK)
        answer(out, command->ticket, error, NULL, NULL);
}

static struct draft statement(const char *type, const struct tally_reference *references,
                              size_t count, struct tally_bytes body, uint64_t tag)
{
    return (struct draft){.name_space = bytes_text(TALLY_STATEMENTS),
                          .type = bytes_text(type),
                          .body = body,
                          .references = references,
                          .reference_count = count,
                          .tag = tag};
}

enum tally_error issuer_statement(struct issuer *issuer, struct tally_now now, const char *type,
                                  const struct tally_reference *references, size_t count,
                                  struct tally_bytes body, uint64_t tag, struct outbox *out)
{
    const struct draft draft = statement(type, references, count, body, tag);
    return append(issuer, now, &draft, out);
}

enum tally_error issuer_record(struct issuer *issuer, struct tally_now now, const char *type,
                               const struct tally_reference *references, size_t count,
                               struct tally_bytes body, uint64_t tag, struct outbox *out)
{
    struct draft draft = statement(type, references, count, body, tag);
    draft.quiet = true;
    return append(issuer, now, &draft, out);
}

enum tally_error issuer_state(struct issuer *issuer, struct tally_now now,
                              const struct tally_command *command, struct outbox *out)
{
    const struct draft draft = {.name_space = bytes_text(TALLY_STATEMENTS),
                                .type = command->state.type,
                                .body = command->state.body,
                                .command = command->ticket};
    return append(issuer, now, &draft, out);
}

static bool may_sign(const struct issuer *issuer)
{
    return issuer->writable && issuer->held == TALLY_OK;
}

static bool seal_due(const struct issuer *issuer, const struct issuer_log *log,
                     struct tally_now now)
{
    return log->state == ISSUER_OPEN && log->next > log->sealed &&
           (issuer->has_seal || log->seal_at.ms <= now.mono.ms ||
            log->next - log->sealed >= issuer->options.seal_receipts);
}

static void seal_start(struct issuer *issuer, struct issuer_log *log, struct outbox *out)
{
    if (!outbox_room(out, 2, 0))
        return; /* Due again at the next step. */
    FSM_MOVE(moves, &log->state, ISSUER_SEALING);
    log->sealing = log->next;
    merkle_range_root(&log->range, &log->sealing_root);
    log->seal_at = TALLY_NEVER;
    log->seal_ticket = ++issuer->tickets;
    /* Jobs are done in order: what is in flight now is durable before this one starts. */
    struct tally_action *action = outbox_add(out, TALLY_ACTION_SEAL);
    action->seal.ticket = log->seal_ticket;
    action->seal.origin_hash = log->origin_hash;
    action->seal.size = log->sealing;
}

/* Answers a SEAL command once nothing is left to seal. */
static void seal_answer(struct issuer *issuer, struct outbox *out)
{
    enum tally_error error = TALLY_OK;
    if (!issuer->has_seal)
        return;
    for (unsigned i = 0; i < issuer->count; i++) {
        const struct issuer_log *log = &issuer->logs[i];
        if (log->state == ISSUER_STOPPED || log->state == ISSUER_BROKEN)
            error = log->stopped;
        else if (log->next > log->sealed && may_sign(issuer))
            return;
        else if (log->next > log->sealed)
            error = issuer->held != TALLY_OK ? issuer->held : TALLY_READ_ONLY;
    }
    issuer->has_seal = false;
    answer(out, issuer->seal_command, error, NULL, NULL);
}

void issuer_tick(struct issuer *issuer, struct tally_now now, struct outbox *out)
{
    if (may_sign(issuer))
        for (unsigned i = 0; i < issuer->count; i++)
            if (seal_due(issuer, &issuer->logs[i], now))
                seal_start(issuer, &issuer->logs[i], out);
    seal_answer(issuer, out);
}

void issuer_seal(struct issuer *issuer, struct tally_now now, uint64_t command, struct outbox *out)
{
    if (issuer->has_seal) {
        answer(out, command, TALLY_BUSY, NULL, NULL);
        return;
    }
    issuer->has_seal = true;
    issuer->seal_command = command;
    issuer_tick(issuer, now, out);
}

struct tally_mono issuer_deadline(const struct issuer *issuer)
{
    struct tally_mono next = TALLY_NEVER;
    for (unsigned i = 0; i < issuer->count && may_sign(issuer); i++)
        if (issuer->logs[i].state == ISSUER_OPEN && issuer->logs[i].seal_at.ms < next.ms)
            next = issuer->logs[i].seal_at;
    return next;
}

void issuer_on_appended(struct issuer *issuer, struct tally_now now, uint64_t ticket,
                        enum tally_error error, struct issuer_news *news, struct outbox *out)
{
    assert(issuer->pending_count > 0);
    struct issuer_pending pending = issuer->pending[issuer->pending_first];
    assert(pending.ticket == ticket); /* The host answers in order. */
    issuer->pending_first = (issuer->pending_first + 1) % issuer->options.pending_max;
    issuer->pending_count--;
    struct issuer_log *log = &issuer->logs[pending.log];
    log->in_flight--;

    if (error == TALLY_OK) {
        assert(pending.index == log->durable);
        log->durable++;
        *news = (struct issuer_news){
            .kind = ISSUER_DURABLE, .tag = pending.tag, .log = log, .index = pending.index};
    } else {
        if (log->state != ISSUER_BROKEN && log->state != ISSUER_STOPPED) {
            FSM_MOVE(moves, &log->state, ISSUER_BROKEN);
            log->stopped = error;
        }
        *news = (struct issuer_news){
            .kind = ISSUER_FAILED, .tag = pending.tag, .log = log, .error = error};
    }
    if (pending.command != 0)
        answer(out, pending.command, error, log, &pending);
    if (log->state == ISSUER_BROKEN && log->in_flight == 0) {
        FSM_MOVE(moves, &log->state, ISSUER_OPEN);
        reload(issuer, log, now);
    }
}

static struct issuer_log *sealing_log(struct issuer *issuer, uint64_t ticket)
{
    for (unsigned i = 0; i < issuer->count; i++)
        if (issuer->logs[i].seal_ticket == ticket)
            return &issuer->logs[i];
    return NULL;
}

void issuer_on_sealed(struct issuer *issuer, struct tally_now now, const struct tally_event *event,
                      struct issuer_news *news, struct outbox *out)
{
    struct issuer_log *log = sealing_log(issuer, event->sealed.ticket);
    *news = (struct issuer_news){.kind = ISSUER_NOTHING};
    if (log == NULL || log->state != ISSUER_SEALING)
        return; /* It broke or was stopped meanwhile. */
    if (event->sealed.error != TALLY_OK || issuer->held != TALLY_OK) {
        FSM_MOVE(moves, &log->state, ISSUER_OPEN);
        log->seal_at.ms = now.mono.ms + issuer->options.seal_ms;
        if (event->sealed.error == TALLY_OK)
            return; /* Held meanwhile: it is not signed. */
        *news =
            (struct issuer_news){.kind = ISSUER_FAILED, .log = log, .error = event->sealed.error};
        return;
    }
    /* What the disk gave back must be what we appended, or we would sign a flipped bit. */
    if (event->sealed.size != log->sealing ||
        !hash_equal(&event->sealed.root, &log->sealing_root)) {
        stop(log, TALLY_DAMAGED);
        *news = (struct issuer_news){.kind = ISSUER_FAILED, .log = log, .error = TALLY_DAMAGED};
        return;
    }
    FSM_MOVE(moves, &log->state, ISSUER_SIGNING);
    const struct tally_checkpoint checkpoint = {
        .origin = bytes_text(log->origin), .size = log->sealing, .root = log->sealing_root};
    struct tally_vkey vkey;
    uint8_t *note = outbox_take(out, TALLY_CHECKPOINT_MAX);
    bool named = tally_vkey_of_origin(&vkey, checkpoint.origin);
    assert(named); /* Our origins are did:key origins. */
    (void)named;
    size_t size = tally_checkpoint_sign(&checkpoint, &vkey, issuer->options.crypto, note);
    assert(size > 0);
    struct tally_action *action = outbox_add(out, TALLY_ACTION_PUBLISH);
    action->publish.ticket = log->seal_ticket;
    action->publish.origin_hash = log->origin_hash;
    action->publish.size = log->sealing;
    action->publish.root = log->sealing_root;
    action->publish.note = bytes_of(note, size);
}

void issuer_on_published(struct issuer *issuer, struct tally_now now,
                         const struct tally_event *event, struct issuer_news *news,
                         struct outbox *out)
{
    struct issuer_log *log = sealing_log(issuer, event->published.ticket);
    *news = (struct issuer_news){.kind = ISSUER_NOTHING};
    if (log == NULL || log->state != ISSUER_SIGNING)
        return;
    FSM_MOVE(moves, &log->state, ISSUER_OPEN);
    /* What came meanwhile and is quiet keeps its time. */
    if (log->pressing > log->sealing || event->published.error != TALLY_OK)
        log->seal_at.ms = now.mono.ms + issuer->options.seal_ms;
    if (event->published.error != TALLY_OK) {
        *news = (struct issuer_news){
            .kind = ISSUER_FAILED, .log = log, .error = event->published.error};
        return;
    }
    log->sealed = log->sealing;
    const struct tally_ledger *ledger = issuer->options.ledger;
    uint8_t *note = outbox_take(out, TALLY_CHECKPOINT_MAX);
    size_t size =
        ledger->checkpoint(ledger->context, &log->origin_hash, note, TALLY_CHECKPOINT_MAX);
    *news = (struct issuer_news){
        .kind = ISSUER_SEALED, .log = log, .root = log->sealing_root, .note = bytes_of(note, size)};
    issuer_tick(issuer, now, out);
}

void issuer_on_space(struct issuer *issuer, bool writable)
{
    issuer->writable = writable;
}

void issuer_end(struct issuer *issuer)
{
    issuer->ended = true;
}

void issuer_hold(struct issuer *issuer, struct tally_now now, enum tally_error why)
{
    issuer->held = why;
    for (unsigned i = 0; i < issuer->count && why == TALLY_OK; i++)
        if (issuer->logs[i].state == ISSUER_OPEN && issuer->logs[i].next > issuer->logs[i].sealed)
            issuer->logs[i].seal_at = now.mono;
}

void issuer_stop(struct issuer *issuer, const struct tally_hash *origin_hash, enum tally_error why)
{
    for (unsigned i = 0; i < issuer->count; i++)
        if (hash_equal(&issuer->logs[i].origin_hash, origin_hash))
            stop(&issuer->logs[i], why);
}

void issuer_recovered(struct issuer *issuer, struct tally_now now,
                      const struct tally_log_view *view)
{
    for (unsigned i = 0; i < issuer->count; i++) {
        struct issuer_log *log = &issuer->logs[i];
        if (!hash_equal(&log->origin_hash, &view->origin_hash))
            continue;
        assert(log->in_flight == 0); /* Held, and the host answers in order. */
        if (log->state == ISSUER_OPEN)
            reload(issuer, log, now);
        return;
    }
    (void)log_new(issuer, view->name_space, now);
}

bool issuer_holds(const struct issuer *issuer)
{
    unsigned in_flight = 0;
    for (unsigned i = 0; i < issuer->count; i++) {
        const struct issuer_log *log = &issuer->logs[i];
        in_flight += log->in_flight;
        if (log->durable > log->next || log->sealed > log->durable ||
            (log->state != ISSUER_BROKEN && log->state != ISSUER_STOPPED &&
             log->durable + log->in_flight != log->next))
            return false;
    }
    return in_flight == issuer->pending_count;
}
