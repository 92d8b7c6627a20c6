/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a fork begins: who holds the other branch is asked down its tree (core/log/descent.h),
 * before anything else, for the log is frozen once the evidence is kept and nobody asks later. The
 * other half answers such questions.
 */
#include "core/base/bytes.h"
#include "core/log/tree.h"
#include "core/sync/asker.h"
#include "core/sync/server.h"

void locate_note(struct sync_asker *asker, const struct tally_hash *origin_hash, uint64_t size,
                 const struct tally_hash *theirs)
{
    if (asker->locates || size == 0)
        return; /* One at a time; a second fork in one page has the evidence alone. */
    asker->locates = true;
    asker->located = *origin_hash;
    descent_begin(&asker->descent, size, theirs);
}

bool sync_locates(const struct sync *sync, const struct tally_hash *origin_hash)
{
    for (unsigned i = 0; i < sync->options.askers; i++) {
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
    (void)tell(sync, asker, false);
    asker_next_task(sync, now, asker, out);
}

void locate_want(const struct sync_asker *asker, struct tally_sync_frame *message)
{
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
    if (asker->state != SYNC_LOCATING || asker->due || frame->request != asker->request)
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
