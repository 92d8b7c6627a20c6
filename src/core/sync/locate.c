/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a fork begins: who holds the other branch is asked down its tree (core/log/descent.h),
 * before anything else, for the log is frozen once the evidence is kept and nobody asks later. And
 * the evidence itself, where a datagram told of it without what proves it. The other halves answer
 * such questions.
 */
#include "core/base/bytes.h"
#include "core/log/fork.h"
#include "core/log/tree.h"
#include "core/sync/asker.h"
#include "core/sync/server.h"

void locate_note(struct sync_asker *asker, const struct tally_hash *origin_hash, uint64_t size,
                 const struct tally_hash *theirs)
{
    if (asker->locates || asker->proves || size == 0)
        return; /* One at a time; a second fork in one page has the evidence alone. */
    asker->locates = true;
    asker->located = *origin_hash;
    descent_begin(&asker->descent, size, theirs);
}

bool sync_locates(const struct sync *sync, const struct tally_hash *origin_hash)
{
    for (unsigned i = 0; i < sync->asker_end; i++) {
        const struct sync_asker *asker = &sync->askers[i];
        if (asker->state != SYNC_FREE && asker->locates && hash_equal(&asker->located, origin_hash))
            return true;
    }
    return false;
}

static struct sync_news *tell(struct sync *sync, struct sync_asker *asker, bool found)
{
    struct sync_news *news = news_add(sync, SYNC_NEWS_LOCATED, &asker->peer);
    asker->locates = false;
    if (news == NULL)
        return NULL;
    news->origin_hash = asker->located;
    news->size = asker->descent.size;
    news->first = asker->descent.from;
    news->count = found;
    return news;
}

void locate_lost(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                 struct outbox *out)
{
    if (asker->locates)
        (void)tell(sync, asker, false);
    asker->proves = false;
    asker_next_task(sync, now, asker, out);
}

bool locate_due(const struct sync_asker *asker)
{
    return asker->proves || asker->locates;
}

void locate_want(const struct sync_asker *asker, struct tally_sync_frame *message)
{
    if (asker->proves) {
        message->kind = TALLY_SYNC_EVIDENCE_WANT;
        message->evidence_want.origin = asker->located;
        return;
    }
    message->kind = TALLY_SYNC_PARTS_WANT;
    message->parts_want.origin = asker->located;
    message->parts_want.size = asker->descent.size;
    message->parts_want.from = asker->descent.from;
    message->parts_want.level = (uint8_t)asker->descent.level;
}

enum tally_drop locate_on_parts(struct sync *sync, struct tally_now now, struct sync_asker *asker,
                                const struct tally_sync_frame *frame, struct outbox *out)
{
    const struct tally_bytes bytes = frame->parts.hashes;
    const struct tree ours = {sync->options.ledger, &asker->located};
    struct tally_hash parts[DESCENT_PARTS];
    struct sync_news *news;
    if (asker->state != SYNC_LOCATING || asker->proves || asker->due ||
        frame->request != asker->request)
        return TALLY_DROP_UNASKED;
    size_t count = bytes.size / sizeof *parts;
    if (count > DESCENT_PARTS || bytes.size % sizeof *parts != 0)
        return TALLY_DROP_MALFORMED;
    memcpy(parts, bytes.data, bytes.size);
    asker->heard = now.mono;
    switch (descent_answer(&asker->descent, &ours, parts, count)) {
    case DESCENT_ASK:
        asker->due = true;
        return TALLY_DROP_NONE;
    case DESCENT_FOUND:
        (void)tell(sync, asker, true);
        asker_next_task(sync, now, asker, out);
        return TALLY_DROP_NONE;
    case DESCENT_LIE:
        if ((news = tell(sync, asker, false)) != NULL)
            news->drop = TALLY_DROP_PROOF;
        return TALLY_DROP_PROOF;
    case DESCENT_LOST:
        break;
    }
    locate_lost(sync, now, asker, out);
    return TALLY_DROP_NONE;
}

size_t locate_answer(const struct sync *sync, const struct sync_request *request,
                     struct tally_hash parts[DESCENT_PARTS])
{
    const struct tree tree = {sync->options.ledger, &request->origin_hash};
    return descent_parts(&tree, request->to, request->from, request->level, parts);
}

/* ---- Evidence. ---- */

bool sync_ask_fork(struct sync *sync, struct tally_now now, const struct tally_key *peer,
                   struct tally_bytes note)
{
    const uint8_t *end = note.size > 0 ? memchr(note.data, '\n', note.size) : NULL;
    sync_start(sync, now, peer, 0);
    struct sync_asker *asker = asker_find(sync, peer);
    if (asker == NULL || end == NULL || asker->locates || asker->proves)
        return false;
    asker->proves = true;
    tally_origin_hash(bytes_of(note.data, (size_t)(end - note.data)), &asker->located);
    return true;
}

enum tally_drop locate_on_evidence(struct sync *sync, struct tally_now now,
                                   struct sync_asker *asker, const struct tally_sync_frame *frame,
                                   struct outbox *out)
{
    const struct tally_bytes bytes = frame->evidence.bytes;
    struct tally_hash origin_hash;
    struct tally_fork fork;
    if (asker->state != SYNC_LOCATING || !asker->proves || asker->due ||
        frame->request != asker->request)
        return TALLY_DROP_UNASKED;
    asker->proves = false;
    if (tally_fork_check(bytes, NULL, sync->options.crypto, &fork) != TALLY_DROP_NONE)
        return TALLY_DROP_PROOF;
    tally_origin_hash(bytes_text(fork.origin), &origin_hash);
    if (!hash_equal(&origin_hash, &asker->located))
        return TALLY_DROP_UNASKED;
    sync_evidence_take(sync, &asker->peer, &origin_hash, fork.size, bytes, out);
    asker_next_task(sync, now, asker, out);
    return TALLY_DROP_NONE;
}

/* Whether evidence is about that log; it was verified when it was kept. */
static bool is_about(struct tally_bytes bytes, const struct tally_hash *origin_hash)
{
    struct tally_checkpoint checkpoint;
    struct fork_notes notes;
    struct tally_note note;
    struct tally_hash hash;
    if (!fork_read_notes(bytes, &notes) || tally_note_read(notes.one, &note) != TALLY_DROP_NONE ||
        tally_checkpoint_read(note.text, &checkpoint) != TALLY_DROP_NONE)
        return false;
    tally_origin_hash(checkpoint.origin, &hash);
    return hash_equal(&hash, origin_hash);
}

size_t locate_evidence(const struct sync *sync, const struct tally_hash *origin_hash,
                       uint8_t bytes[TALLY_FORK_MAX])
{
    const struct tally_ledger *ledger = sync->options.ledger;
    size_t size = ledger->forked != NULL ? 1 : 0;
    for (size_t i = 0; size > 0; i++) {
        size = ledger->forked(ledger->context, i, bytes, TALLY_FORK_MAX);
        if (size > 0 && is_about(bytes_of(bytes, size), origin_hash))
            return size;
    }
    return 0;
}
