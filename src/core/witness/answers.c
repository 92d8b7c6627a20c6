/* SPDX-License-Identifier: Apache-2.0 */
/* What peers ask of us over a stream (protocols 9.3). */
#include "core/base/bytes.h"
#include "core/log/tree.h"
#include "core/wire/frame.h"
#include "core/wire/writer.h"
#include "core/witness/inside.h"
#include "core/witness/stream.h"

enum { RETRY_MS = 2000 };

struct witness_server *witness_server_on(const struct witness *witness, uint32_t stream)
{
    for (unsigned i = 0; i < witness->options.servers; i++)
        if (witness->servers[i].used && witness->servers[i].stream == stream)
            return &witness->servers[i];
    return NULL;
}

static struct witness_answer *answer_new(struct witness_server *server,
                                         enum tally_federation_frame_kind kind, uint32_t request)
{
    if (server->count + server->pending >= WITNESS_ANSWERS)
        return NULL;
    struct witness_answer *answer = &server->answers[server->count++];
    *answer = (struct witness_answer){.kind = kind, .request = request};
    return answer;
}

static enum tally_drop refuse(struct witness_server *server, uint32_t request,
                              enum tally_drop reason)
{
    struct witness_answer *answer = answer_new(server, TALLY_FEDERATION_REFUSE, request);
    if (answer == NULL)
        return TALLY_DROP_BUSY;
    answer->status = reason;
    return TALLY_DROP_NONE;
}

void witness_answer(struct witness *witness, const struct witness_from *from,
                    const struct witness_reply *reply)
{
    struct witness_server *server = witness_server_on(witness, from->stream);
    if (server == NULL)
        return; /* Who asked is gone; what was signed will be found by its next request. */
    server->pending -= server->pending > 0;
    struct witness_answer *answer = answer_new(server, TALLY_FEDERATION_ADDED, from->request);
    if (answer == NULL)
        return;
    answer->status = reply->status;
    answer->size = (uint16_t)reply->size;
    memcpy(answer->bytes, reply->bytes, reply->size);
}

/* ---- Requests. ---- */

static enum tally_drop on_add(struct witness *witness, struct tally_now now,
                              struct witness_server *server,
                              const struct tally_federation_frame *frame, struct outbox *out)
{
    const struct witness_from from = {.stream = server->stream, .request = frame->request};
    struct witness_reply reply;
    if (server->count + server->pending >= WITNESS_ANSWERS)
        return TALLY_DROP_BUSY;
    server->pending++;
    if (witness_judge(witness, now, frame->add_checkpoint.bytes, &from, &reply, out))
        witness_answer(witness, &from, &reply);
    return TALLY_DROP_NONE;
}

/* Receipts of a log are shown to whom synchronisation shows it. */
static enum tally_drop shown(const struct witness *witness, const struct witness_server *server,
                             const struct tally_hash *origin_hash)
{
    const struct tally_ledger *ledger = witness->options.ledger;
    struct tally_log_view view;
    if (!ledger->find(ledger->context, origin_hash, &view))
        return TALLY_DROP_UNKNOWN;
    struct admission_log log = admission_log(&view.issuer, view.name_space);
    log.origin_hash = origin_hash;
    return admission_show(witness->options.fold, &server->peer, &log);
}

static enum tally_drop on_want(struct witness *witness, struct witness_server *server,
                               const struct tally_federation_frame *frame)
{
    struct tally_hash origin_hash;
    uint64_t from, to;
    enum tally_federation_frame_kind kind = TALLY_FEDERATION_INCLUSION;
    if (frame->kind == TALLY_FEDERATION_INCLUSION_WANT) {
        origin_hash = frame->inclusion_want.origin;
        from = frame->inclusion_want.index;
        to = frame->inclusion_want.size;
        if (from >= to)
            return TALLY_DROP_MALFORMED;
    } else {
        kind = TALLY_FEDERATION_CONSISTENCY;
        origin_hash = frame->consistency_want.origin;
        from = frame->consistency_want.from;
        to = frame->consistency_want.to;
        if (from > to)
            return TALLY_DROP_MALFORMED;
    }
    enum tally_drop refused = shown(witness, server, &origin_hash);
    if (refused != TALLY_DROP_NONE)
        return refuse(server, frame->request, refused);
    struct witness_answer *answer = answer_new(server, kind, frame->request);
    if (answer == NULL)
        return TALLY_DROP_BUSY;
    answer->origin_hash = origin_hash;
    answer->from = from;
    answer->to = to;
    return TALLY_DROP_NONE;
}

static enum tally_drop on_plain(struct witness_server *server, uint32_t request,
                                enum tally_federation_frame_kind kind,
                                const struct tally_hash *origin_hash)
{
    struct witness_answer *answer = answer_new(server, kind, request);
    if (answer == NULL)
        return TALLY_DROP_BUSY;
    if (origin_hash != NULL)
        answer->origin_hash = *origin_hash;
    return TALLY_DROP_NONE;
}

enum tally_drop witness_server_receive(struct witness *witness, struct tally_now now,
                                       struct witness_server *server,
                                       const struct tally_federation_frame *frame,
                                       struct outbox *out)
{
    enum tally_drop refused = admission(witness->options.fold, &server->peer, ADMISSION_REQUEST);
    if (refused != TALLY_DROP_NONE) {
        witness->drops[refused]++;
        return refuse(server, frame->request, refused);
    }
    switch (frame->kind) {
    case TALLY_FEDERATION_ADD_CHECKPOINT:
        return on_add(witness, now, server, frame, out);
    case TALLY_FEDERATION_CHECKPOINT_WANT:
        return on_plain(server, frame->request, TALLY_FEDERATION_CHECKPOINT,
                        &frame->checkpoint_want.origin);
    case TALLY_FEDERATION_KEYS_WANT:
        if (!witness_certified(witness, now, out))
            return refuse(server, frame->request, TALLY_DROP_BUSY);
        return on_plain(server, frame->request, TALLY_FEDERATION_KEYS, NULL);
    case TALLY_FEDERATION_INCLUSION_WANT:
    case TALLY_FEDERATION_CONSISTENCY_WANT:
        return on_want(witness, server, frame);
    case TALLY_FEDERATION_REFUSE:
    case TALLY_FEDERATION_ADDED:
    case TALLY_FEDERATION_CHECKPOINT:
    case TALLY_FEDERATION_INCLUSION:
    case TALLY_FEDERATION_CONSISTENCY:
    case TALLY_FEDERATION_KEYS:
        break; /* Answers have no place on a stream of the other's. */
    }
    return TALLY_DROP_UNASKED;
}

/* ---- Answers. ---- */

/* The statement that certifies our keys, as it lies in our log. */
static bool keys_fill(const struct witness *witness, struct tally_federation_frame *frame,
                      uint8_t envelope[TALLY_ENVELOPE_MAX], uint8_t body[FED_BODY_MAX])
{
    const struct tally_ledger *ledger = witness->options.ledger;
    uint64_t index = witness->options.fold->keys_at;
    char origin[TALLY_ORIGIN_MAX + 1];
    struct tally_hash origin_hash;
    size_t whole = 0,
           size = tally_origin_write(&witness->options.key, bytes_text(TALLY_STATEMENTS), origin);
    tally_origin_hash(bytes_of((const uint8_t *)origin, size), &origin_hash);
    size = ledger->entry(ledger->context, &origin_hash, index, envelope, TALLY_ENVELOPE_MAX);
    if (size == 0 ||
        !ledger->body(ledger->context, &origin_hash, index, 0, body, FED_BODY_MAX, &whole) ||
        whole == 0 || whole > FED_BODY_MAX)
        return false;
    frame->keys.envelope = bytes_of(envelope, size);
    frame->keys.body = bytes_of(body, whole);
    return true;
}

/* The largest that we cosigned; of our own log, what others did, else what we signed. */
static struct tally_bytes checkpoint_of(const struct witness *witness,
                                        const struct tally_hash *origin_hash,
                                        uint8_t note[TALLY_WITNESS_NOTE_MAX])
{
    const struct tally_ledger *ledger = witness->options.ledger;
    size_t size = 0;
    for (enum tally_kept kind = 0; ledger->kept != NULL && kind < TALLY_KEPT_KINDS && size == 0;
         kind++)
        size = ledger->kept(ledger->context, kind, origin_hash, note, TALLY_WITNESS_NOTE_MAX);
    if (size == 0)
        size = ledger->checkpoint(ledger->context, origin_hash, note, TALLY_WITNESS_NOTE_MAX);
    return bytes_of(note, size);
}

static bool proof_fill(const struct witness *witness, const struct witness_answer *answer,
                       struct tally_federation_frame *frame, uint8_t envelope[TALLY_ENVELOPE_MAX])
{
    const struct tally_ledger *ledger = witness->options.ledger;
    const struct tree tree = {ledger, &answer->origin_hash};
    struct tree_proof proof;
    struct tally_log_view view;
    if (!ledger->find(ledger->context, &answer->origin_hash, &view) || answer->to > view.size)
        return false;
    if (answer->kind == TALLY_FEDERATION_CONSISTENCY) {
        if (!tree_consistency(&tree, answer->from, answer->to, &proof))
            return false;
        frame->consistency.hashes_count = proof.count;
        memcpy(frame->consistency.hashes, proof.hashes, proof.count * sizeof *proof.hashes);
        return true;
    }
    size_t size = ledger->entry(ledger->context, &answer->origin_hash, answer->from, envelope,
                                TALLY_ENVELOPE_MAX);
    if (size == 0 || !tree_inclusion(&tree, answer->from, answer->to, &proof))
        return false;
    frame->inclusion.envelope = bytes_of(envelope, size);
    frame->inclusion.hashes_count = proof.count;
    memcpy(frame->inclusion.hashes, proof.hashes, proof.count * sizeof *proof.hashes);
    return true;
}

static bool refused(struct tally_federation_frame *frame, enum tally_drop reason)
{
    frame->kind = TALLY_FEDERATION_REFUSE;
    frame->refuse.reason = (uint8_t)reason;
    frame->refuse.retry_ms = RETRY_MS;
    return true;
}

size_t witness_server_compose(struct witness *witness, struct witness_server *server,
                              uint8_t *bytes, size_t capacity)
{
    uint8_t note[TALLY_WITNESS_NOTE_MAX], envelope[TALLY_ENVELOPE_MAX], body[FED_BODY_MAX];
    struct witness_answer answer = server->answers[0];
    struct tally_federation_frame frame = {.kind = answer.kind, .request = answer.request};
    bool good = true;
    if (answer.kind == TALLY_FEDERATION_REFUSE)
        good = false;
    else if (answer.kind == TALLY_FEDERATION_ADDED)
        frame.added = (struct tally_federation_added){.status = (uint16_t)answer.status,
                                                      .bytes = bytes_of(answer.bytes, answer.size)};
    else if (answer.kind == TALLY_FEDERATION_CHECKPOINT)
        frame.checkpoint.note = checkpoint_of(witness, &answer.origin_hash, note);
    else if (answer.kind == TALLY_FEDERATION_KEYS)
        good = keys_fill(witness, &frame, envelope, body);
    else
        good = proof_fill(witness, &answer, &frame, envelope);
    if (!good)
        (void)refused(&frame, answer.kind == TALLY_FEDERATION_REFUSE
                                  ? (enum tally_drop)answer.status
                                  : TALLY_DROP_UNKNOWN);
    server->count--;
    memmove(server->answers, server->answers + 1, server->count * sizeof *server->answers);
    return stream_frame_put(&frame, bytes, capacity);
}
