/* SPDX-License-Identifier: Apache-2.0 */
/* The witness: which logs, what was cosigned, what is to be cosigned (log chapter 5.1). */
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/witness/inside.h"

/* Who signs a log, and whose it is. */
struct signers {
    struct tally_vkey vkey;
    bool foreign;
    struct tally_key issuer;
};

/* ---- Which logs. ---- */

struct witness_log *witness_log_find(const struct witness *witness,
                                     const struct tally_hash *origin_hash)
{
    for (unsigned i = 0; i < witness->log_count; i++)
        if (hash_equal(&witness->logs[i].origin_hash, origin_hash))
            return &witness->logs[i];
    return NULL;
}

/* Step 2: an origin that we witness, of a party that is admitted so far or named by the operator,
   and not suspended. */
static bool signers_of(const struct witness *witness, struct tally_bytes origin,
                       struct signers *signers)
{
    struct tally_bytes name_space;
    struct tally_hash origin_hash;
    for (size_t i = 0; i < witness->options.foreign_count; i++) {
        const struct tally_foreign_log *log = &witness->options.foreign[i];
        if (!bytes_equal(origin, bytes_text(log->origin)))
            continue;
        *signers = (struct signers){.vkey = log->vkey, .foreign = true};
        return true;
    }
    *signers = (struct signers){.foreign = false};
    if (!tally_origin_read(origin, &signers->issuer, &name_space) ||
        key_equal(&signers->issuer, &witness->options.key))
        return false;
    tally_origin_hash(origin, &origin_hash);
    const struct admission_log log = {.issuer = &signers->issuer,
                                      .origin_hash = &origin_hash,
                                      .statements =
                                          bytes_equal(name_space, bytes_text(TALLY_STATEMENTS)),
                                      .name_space = name_space};
    return admission_cosign(witness->options.fold, &log) == TALLY_DROP_NONE &&
           tally_vkey_of_origin(&signers->vkey, origin);
}

/* A place for a log, if its issuer has not got too many. */
static struct witness_log *log_new(struct witness *witness, const struct tally_hash *origin_hash,
                                   const struct signers *signers, struct tally_now now)
{
    unsigned same = 0;
    for (unsigned i = 0; i < witness->log_count; i++)
        same += !witness->logs[i].foreign && !signers->foreign &&
                key_equal(&witness->logs[i].issuer, &signers->issuer);
    if (witness->log_count == witness->options.logs_max || same >= WITNESS_OF_ISSUER)
        return NULL;
    struct witness_log *place = &witness->logs[witness->log_count++];
    *place = (struct witness_log){
        .foreign = signers->foreign, .origin_hash = *origin_hash, .issuer = signers->issuer};
    bucket_init(&place->rate, WITNESS_LOG_RATE, WITNESS_LOG_BURST, now.mono);
    return place;
}

/* What was kept of one log. Its time counts if the line is of our key; size and root in any case:
   with a new key we still cosign no other tree. */
static void log_load(struct witness *witness, const struct tally_hash *origin_hash,
                     struct tally_now now)
{
    const struct tally_ledger *ledger = witness->options.ledger;
    uint8_t bytes[TALLY_WITNESS_NOTE_MAX];
    struct tally_note note;
    struct tally_checkpoint checkpoint;
    struct tally_witnessed held;
    struct signers signers = {.foreign = true};
    size_t size =
        ledger->kept(ledger->context, TALLY_KEPT_WITNESSED, origin_hash, bytes, sizeof bytes);
    bool read = tally_note_read(bytes_of(bytes, size), &note) == TALLY_DROP_NONE &&
                tally_checkpoint_read(note.text, &checkpoint) == TALLY_DROP_NONE;
    struct tally_bytes name_space;
    if (read)
        signers.foreign = !tally_origin_read(checkpoint.origin, &signers.issuer, &name_space);
    struct witness_log *log = log_new(witness, origin_hash, &signers, now);
    if (log == NULL)
        return;
    log->damaged = !read;
    if (!read)
        return;
    log->held = (struct tally_witnessed){.size = checkpoint.size, .root = checkpoint.root};
    if (witness->has_key &&
        tally_witness_open(bytes_of(bytes, size), witness->vkey, witness->options.crypto, &held,
                           &checkpoint) == TALLY_DROP_NONE)
        log->held = held;
}

void witness_logs_load(struct witness *witness, struct tally_now now)
{
    const struct tally_ledger *ledger = witness->options.ledger;
    struct tally_hash origin_hash;
    for (size_t i = 0; ledger->kept_at != NULL &&
                       ledger->kept_at(ledger->context, TALLY_KEPT_WITNESSED, i, &origin_hash);
         i++)
        log_load(witness, &origin_hash, now);
}

/* ---- Requests. ---- */

/* Step 9: both notes are kept, as evidence that proves itself. */
static void fork_keep(struct witness *witness, const struct tally_hash *origin_hash,
                      const struct tally_witness_request *request, const struct signers *signers,
                      uint64_t held_size, struct outbox *out)
{
    const struct tally_ledger *ledger = witness->options.ledger;
    uint8_t held[TALLY_WITNESS_NOTE_MAX];
    size_t size =
        ledger->kept(ledger->context, TALLY_KEPT_WITNESSED, origin_hash, held, sizeof held);
    if (size == 0 ||
        !outbox_room(out, 1, TALLY_FORK_MAX + size + request->bytes.size)) /* It comes again. */
        return;
    uint8_t *bytes = outbox_take(out, TALLY_FORK_MAX);
    size_t written = tally_fork_write(bytes_of(held, size), request->bytes, NULL, NULL, 0,
                                      &signers->vkey, witness->options.crypto, bytes);
    struct witness_news *news = written > 0 ? witness_news_add(witness, WITNESS_NEWS_FORK) : NULL;
    if (news == NULL)
        return;
    struct tally_action *action = outbox_add(out, TALLY_ACTION_EVIDENCE);
    action->evidence.origin_hash = *origin_hash;
    action->evidence.bytes = bytes_of(bytes, written);
    hash_sha256(action->evidence.bytes, &action->evidence.name);
    news->origin_hash = *origin_hash;
    news->size = held_size;
    news->file = action->evidence.bytes;
    news->bytes = outbox_copy(out, bytes_of(held, size));
    news->other = outbox_copy(out, request->bytes);
}

static void reply_size(struct witness_reply *reply, uint64_t size)
{
    char digits[22];
    size_t at = sizeof digits;
    digits[--at] = '\n';
    do {
        digits[--at] = (char)('0' + size % 10);
        size /= 10;
    } while (size > 0);
    reply->size = sizeof digits - at;
    memcpy(reply->bytes, digits + at, reply->size);
}

/* The same tree within the same second: what was signed is the answer, nothing is signed anew. */
static bool reply_again(struct witness *witness, const struct witness_log *log,
                        struct witness_reply *reply)
{
    const struct tally_ledger *ledger = witness->options.ledger;
    uint8_t held[TALLY_WITNESS_NOTE_MAX];
    struct tally_note note;
    size_t size =
        ledger->kept(ledger->context, TALLY_KEPT_WITNESSED, &log->origin_hash, held, sizeof held);
    if (tally_note_read(bytes_of(held, size), &note) != TALLY_DROP_NONE)
        return false;
    const struct tally_bytes line = note.lines[note.count - 1].line;
    if (line.size > sizeof reply->bytes ||
        memcmp(note.lines[note.count - 1].id, witness->vkey->id, sizeof witness->vkey->id) != 0)
        return false;
    memcpy(reply->bytes, line.data, line.size);
    reply->size = line.size;
    reply->status = TALLY_WITNESS_COSIGNED;
    return true;
}

static struct witness_pending *pending_new(struct witness *witness)
{
    for (unsigned i = 0; i < WITNESS_PENDING; i++)
        if (witness->pending[i].ticket == 0)
            return &witness->pending[i];
    return NULL;
}

/* Step 11: signed, and on its way to the disk. */
static unsigned cosign(struct witness *witness, struct tally_now now, struct witness_log *log,
                       const struct tally_witness_request *request, const struct signers *signers,
                       const struct witness_from *from, struct outbox *out)
{
    struct witness_pending *pending = pending_new(witness);
    const struct tally_cosigner *cosigner = witness->options.cosigner;
    const struct tally_crypto crypto = {.context = cosigner->context, .sign = cosigner->sign};
    struct tally_bytes line;
    if (pending == NULL || !outbox_room(out, 1, TALLY_WITNESS_NOTE_MAX))
        return TALLY_WITNESS_BUSY;
    struct tally_witnessed next = log->held;
    uint8_t *note = outbox_take(out, TALLY_WITNESS_NOTE_MAX);
    size_t size = tally_witness_sign(request, &signers->vkey, 1, witness->vkey,
                                     witness_seconds(now), &crypto, &next, note, &line);
    if (size == 0)
        return TALLY_WITNESS_TOO_LARGE;
    log->ticket = WITNESS_TICKETS | ++witness->tickets;
    *pending = (struct witness_pending){.ticket = log->ticket,
                                        .log = (unsigned)(log - witness->logs),
                                        .from = *from,
                                        .next = next,
                                        .old = log->held.size,
                                        .size = (uint16_t)line.size};
    memcpy(pending->line, line.data, line.size);
    struct tally_action *action = outbox_add(out, TALLY_ACTION_KEEP);
    action->keep.ticket = log->ticket;
    action->keep.kind = TALLY_KEPT_WITNESSED;
    action->keep.origin_hash = log->origin_hash;
    action->keep.old = log->held.size;
    action->keep.size = next.size;
    action->keep.root = next.root;
    action->keep.note = bytes_of(note, size);
    return TALLY_WITNESS_COSIGNED;
}

/* What could be signed: whether it is, now. 0: it waits for the disk. */
static unsigned accept(struct witness *witness, struct tally_now now,
                       const struct tally_hash *origin_hash,
                       const struct tally_witness_request *request, bool refresh,
                       const struct signers *signers, const struct witness_from *from,
                       struct witness_reply *reply, struct outbox *out)
{
    struct witness_log *log = witness_log_find(witness, origin_hash);
    if (log != NULL && log->ticket != 0)
        return TALLY_WITNESS_BUSY;
    if (!witness->writable || !witness_certified(witness, now, out))
        return TALLY_WITNESS_UNAVAILABLE;
    if (refresh && log->held.time_s >= witness_seconds(now) && reply_again(witness, log, reply))
        return TALLY_WITNESS_COSIGNED;
    if (log == NULL)
        log = log_new(witness, origin_hash, signers, now);
    if (log == NULL || !bucket_take(&log->rate, now.mono))
        return TALLY_WITNESS_BUSY;
    unsigned status = cosign(witness, now, log, request, signers, from, out);
    return status == TALLY_WITNESS_COSIGNED ? 0 : status;
}

/* A proved fork of a log that is held here: its signatures mean nothing any more. */
static bool is_frozen(const struct witness *witness, const struct tally_hash *origin_hash)
{
    struct tally_log_view view;
    const struct tally_ledger *ledger = witness->options.ledger;
    return ledger->find(ledger->context, origin_hash, &view) && view.frozen;
}

bool witness_judge(struct witness *witness, struct tally_now now, struct tally_bytes bytes,
                   const struct witness_from *from, struct witness_reply *reply, struct outbox *out)
{
    static const struct tally_witnessed nothing;
    struct tally_witness_request request;
    struct tally_witness_verdict verdict;
    struct signers signers;
    struct tally_hash origin_hash;
    *reply = (struct witness_reply){.status = TALLY_WITNESS_MALFORMED};
    if (tally_witness_read(bytes, &request) != TALLY_DROP_NONE)
        return true;
    reply->status = TALLY_WITNESS_UNKNOWN;
    if (!signers_of(witness, request.origin, &signers))
        return true;
    reply->status = TALLY_WITNESS_BUSY;
    if (!bucket_take(&witness->rate, now.mono))
        return true;
    tally_origin_hash(request.origin, &origin_hash);
    const struct witness_log *log = witness_log_find(witness, &origin_hash);
    tally_witness_judge(&request, &signers.vkey, 1, log != NULL ? &log->held : &nothing,
                        witness->options.crypto, &verdict);
    reply->status = verdict.status;
    if (verdict.fork)
        fork_keep(witness, &origin_hash, &request, &signers, log->held.size, out);
    if (verdict.status == TALLY_WITNESS_CONFLICT)
        reply_size(reply, log != NULL ? log->held.size : 0);
    if (verdict.status != TALLY_WITNESS_COSIGNED)
        return true;
    if (witness->barred || (log != NULL && log->damaged)) {
        reply->status = TALLY_WITNESS_UNAVAILABLE;
        return true;
    }
    if (is_frozen(witness, &origin_hash)) {
        reply->status = TALLY_WITNESS_UNSIGNED;
        return true;
    }
    reply->status =
        accept(witness, now, &origin_hash, &request, verdict.refresh, &signers, from, reply, out);
    return reply->status != 0;
}

/* ---- Durable. ---- */

static void answer(struct witness *witness, const struct witness_from *from,
                   const struct witness_reply *reply, struct tally_bytes bytes)
{
    if (from->stream != 0) {
        witness_answer(witness, from, reply);
        return;
    }
    struct witness_news *news = witness_news_add(witness, WITNESS_NEWS_ANSWER);
    if (news == NULL)
        return;
    news->command = from->command;
    news->status = reply->status;
    news->bytes = bytes;
}

bool witness_judged(struct witness *witness, struct tally_now now, uint64_t ticket,
                    enum tally_error error)
{
    struct witness_pending *pending = NULL;
    for (unsigned i = 0; i < WITNESS_PENDING; i++)
        if (ticket != 0 && witness->pending[i].ticket == ticket)
            pending = &witness->pending[i];
    if (pending == NULL)
        return false;
    struct witness_log *log = &witness->logs[pending->log];
    struct witness_reply reply = {.status = TALLY_WITNESS_UNAVAILABLE};
    pending->ticket = log->ticket = 0;
    if (error == TALLY_OK) {
        log->held = pending->next;
        reply.status = TALLY_WITNESS_COSIGNED;
        reply.size = pending->size;
        memcpy(reply.bytes, pending->line, pending->size);
    }
    /* A pending place is not taken again within this step, so that its bytes stay. */
    answer(witness, &pending->from, &reply, bytes_of(pending->line, reply.size));
    struct witness_news *news =
        error == TALLY_OK ? witness_news_add(witness, WITNESS_NEWS_SIGNED) : NULL;
    if (news == NULL)
        return true;
    news->origin_hash = log->origin_hash;
    news->size = log->held.size;
    news->old = pending->old;
    witness_sample_due(witness, now, log);
    return true;
}
