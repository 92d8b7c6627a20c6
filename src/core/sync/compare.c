/* SPDX-License-Identifier: Apache-2.0 */
/* A signed checkpoint from outside against what we hold (protocols 8.7). */
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/log/fork.h"
#include "core/log/tree.h"
#include "core/sync/asker.h"

/* Evidence for the host, news for the node, which is returned: NULL if the notes prove nothing, or
   there is no room now. */
static struct sync_news *keep(struct sync *sync, const struct tally_key *peer,
                              const struct tally_hash *origin_hash, uint64_t size,
                              const uint8_t *bytes, size_t written, struct outbox *out)
{
    struct tally_action *action = outbox_add(out, TALLY_ACTION_EVIDENCE);
    action->evidence.origin_hash = *origin_hash;
    action->evidence.bytes = bytes_of(bytes, written);
    hash_sha256(action->evidence.bytes, &action->evidence.name);
    struct sync_news *news = news_add(sync, SYNC_NEWS_FORK, peer);
    if (news != NULL) {
        news->origin_hash = *origin_hash;
        news->size = size;
        news->evidence = action->evidence.name;
        news->file = action->evidence.bytes;
    }
    return news;
}

/* What goes with notes of two sizes; NULL if there is no room. */
static const struct tally_hash *hashes_copy(struct outbox *out, const struct tally_hash *prefix,
                                            const struct tally_hash *proof, size_t count)
{
    if (!outbox_room(out, 0, (1 + count) * sizeof *proof))
        return NULL;
    struct tally_hash *hashes = (struct tally_hash *)outbox_take(out, (1 + count) * sizeof *proof);
    hashes[0] = *prefix;
    if (count > 0)
        memcpy(hashes + 1, proof, count * sizeof *proof);
    return hashes;
}

/* A note as it is told on; none if there is no room, since streams tell it too. */
static struct tally_bytes note_copy(struct outbox *out, struct tally_bytes note)
{
    return outbox_room(out, 0, note.size) ? outbox_copy(out, note) : bytes_of(NULL, 0);
}

void sync_evidence(struct sync *sync, const struct tally_key *peer,
                   const struct tally_hash *origin_hash, uint64_t size, struct tally_bytes one,
                   struct tally_bytes other, const struct tally_hash *prefix,
                   const struct tally_hash *proof, size_t count, struct outbox *out)
{
    if (!outbox_room(out, 1, TALLY_FORK_MAX))
        return; /* It will be seen again. */
    uint8_t *bytes = outbox_take(out, TALLY_FORK_MAX);
    size_t written =
        tally_fork_write(one, other, prefix, proof, count, NULL, sync->options.crypto, bytes);
    if (written == 0)
        return;
    struct sync_news *news = keep(sync, peer, origin_hash, size, bytes, written, out);
    if (news == NULL)
        return;
    news->one = note_copy(out, one);
    news->other = note_copy(out, other);
    news->count = count;
    news->hashes = prefix != NULL ? hashes_copy(out, prefix, proof, count) : NULL;
}

void sync_evidence_take(struct sync *sync, const struct tally_key *peer,
                        const struct tally_hash *origin_hash, uint64_t size,
                        struct tally_bytes bytes, struct outbox *out)
{
    const struct tally_ledger *ledger = sync->options.ledger;
    struct tally_log_view view;
    struct fork_notes notes;
    if (!ledger->find(ledger->context, origin_hash, &view) || view.frozen ||
        !outbox_room(out, 1, bytes.size))
        return;
    const struct tally_bytes copy = outbox_copy(out, bytes);
    struct sync_news *news = keep(sync, peer, origin_hash, size, copy.data, copy.size, out);
    if (news == NULL || !fork_read_notes(bytes, &notes))
        return;
    /* Whoever told us could not tell the proof: we tell on what we found. */
    news->one = note_copy(out, notes.one);
    news->other = note_copy(out, notes.other);
    news->count = notes.count;
    news->hashes =
        notes.prefixed ? hashes_copy(out, &notes.prefix, notes.proof, notes.count) : NULL;
}

static bool task_fill(struct sync_task *task, const struct tally_checkpoint *checkpoint,
                      struct tally_bytes note)
{
    struct tally_bytes name_space;
    if (!tally_origin_read(checkpoint->origin, &task->issuer, &name_space))
        return false;
    memcpy(task->origin, checkpoint->origin.data, checkpoint->origin.size);
    task->origin[checkpoint->origin.size] = '\0';
    memcpy(task->name_space, name_space.data, name_space.size);
    task->name_space[name_space.size] = '\0';
    tally_origin_hash(checkpoint->origin, &task->origin_hash);
    task->size = checkpoint->size;
    task->root = checkpoint->root;
    task->note_size = (uint16_t)note.size;
    memcpy(task->note, note.data, note.size);
    return true;
}

uint64_t sync_limit(const struct sync *sync, const struct sync_task *task)
{
    const struct fold *fold = sync->options.fold;
    return revoked_limit(fold != NULL ? fold->revoked : NULL, &task->issuer, &task->origin_hash);
}

/* A checkpoint of at most our size: our own tree says what its root must be. */
static enum sync_verdict compare_within(struct sync *sync, const struct tally_key *peer,
                                        const struct sync_task *task,
                                        const struct tally_log_view *view, struct outbox *out)
{
    const struct tally_ledger *ledger = sync->options.ledger;
    const struct tree tree = {ledger, &task->origin_hash};
    struct tally_hash root = view->root;
    struct tree_proof proof = {0};
    bool shorter = task->size < view->size;
    if (shorter && !tree_root(&tree, task->size, &root))
        return SYNC_VERDICT_SAME; /* Our disk does not answer: no verdict. */
    if (hash_equal(&root, &task->root))
        return shorter ? SYNC_VERDICT_BEHIND : SYNC_VERDICT_SAME;
    uint8_t ours[SYNC_NOTE_MAX * 2];
    size_t size = ledger->checkpoint(ledger->context, &task->origin_hash, ours, sizeof ours);
    if (shorter && !tree_consistency(&tree, task->size, view->size, &proof))
        return SYNC_VERDICT_SAME;
    sync_evidence(sync, peer, &task->origin_hash, task->size, bytes_of(ours, size),
                  bytes_of(task->note, task->note_size), shorter ? &root : NULL,
                  shorter ? proof.hashes : NULL, proof.count, out);
    return SYNC_VERDICT_FORK;
}

/* Byte for byte the checkpoint we hold, which was verified: most are, and a signature costs a
   hundred times as much as looking. What stands in the first line of a note is its origin
   (tlog-checkpoint): nothing else has to be read to find ours. */
static bool is_held(const struct sync *sync, struct tally_bytes note, struct tally_hash *origin)
{
    const struct tally_ledger *ledger = sync->options.ledger;
    const uint8_t *end = note.size > 0 ? memchr(note.data, '\n', note.size) : NULL;
    uint8_t ours[SYNC_NOTE_MAX];
    if (end == NULL || end - note.data > TALLY_ORIGIN_MAX)
        return false;
    tally_origin_hash(bytes_of(note.data, (size_t)(end - note.data)), origin);
    size_t size = ledger->checkpoint(ledger->context, origin, ours, sizeof ours);
    return size > 0 && bytes_equal(note, bytes_of(ours, size));
}

enum sync_verdict sync_compare(struct sync *sync, const struct tally_key *peer,
                               struct tally_bytes note, struct sync_task *task, struct outbox *out)
{
    const struct tally_ledger *ledger = sync->options.ledger;
    struct tally_checkpoint checkpoint;
    struct tally_log_view view;
    if (note.size <= SYNC_NOTE_MAX && is_held(sync, note, &task->origin_hash))
        return SYNC_VERDICT_SAME;
    if (note.size > SYNC_NOTE_MAX ||
        tally_checkpoint_open(note, NULL, sync->options.crypto, &checkpoint) != TALLY_DROP_NONE ||
        checkpoint.size == 0 || !task_fill(task, &checkpoint, note))
        return SYNC_VERDICT_BAD;
    bool held = ledger->find(ledger->context, &task->origin_hash, &view);
    if (held && view.frozen)
        return SYNC_VERDICT_SAME;
    if (held && task->size <= view.size)
        return compare_within(sync, peer, task, &view, out);
    bool own = key_equal(&task->issuer, &sync->options.key);
    if (!own && task->size > sync_limit(sync, task)) {
        /* Whoever offers it may not know yet that the key is revoked. */
        sync->drops[TALLY_DROP_REVOKED]++;
        return SYNC_VERDICT_SAME;
    }
    struct sync_news *news = own ? news_add(sync, SYNC_NEWS_GUARD, peer) : NULL;
    if (news != NULL) {
        news->origin_hash = task->origin_hash;
        news->size = task->size;
    }
    return SYNC_VERDICT_AHEAD;
}

/* Two sizes prove nothing by themselves, but our own tree may: the one of both that we hold says
   that the other is none of its past or future. Whoever told us tells everybody: we need not. */
static enum sync_verdict sizes_fork(struct sync *sync, const struct tally_key *peer,
                                    struct tally_bytes one, struct tally_bytes other,
                                    struct outbox *out)
{
    const struct tally_bytes notes[] = {one, other};
    enum sync_verdict verdicts[2];
    for (size_t i = 0; i < 2; i++) {
        struct sync_task task;
        size_t before = sync->news_count;
        verdicts[i] = sync_compare(sync, peer, notes[i], &task, out);
        if (verdicts[i] == SYNC_VERDICT_BAD)
            return SYNC_VERDICT_BAD;
        if (verdicts[i] != SYNC_VERDICT_FORK)
            continue;
        for (; before < sync->news_count; before++) {
            struct sync_news *news = &sync->scratch->news[(sync->news_first + before) % SYNC_NEWS];
            news->one = news->other = (struct tally_bytes){NULL, 0};
        }
        return SYNC_VERDICT_FORK;
    }
    if (verdicts[0] == SYNC_VERDICT_AHEAD || verdicts[1] == SYNC_VERDICT_AHEAD)
        return SYNC_VERDICT_AHEAD;
    return SYNC_VERDICT_BAD; /* Both are of one past. */
}

static bool note_open(struct tally_bytes bytes, struct tally_checkpoint *checkpoint)
{
    struct tally_note note;
    return tally_note_read(bytes, &note) == TALLY_DROP_NONE &&
           tally_checkpoint_read(note.text, checkpoint) == TALLY_DROP_NONE;
}

/* The two checkpoints of an alarm, read and not verified. */
struct claim {
    struct tally_checkpoint one, other;
    struct tally_hash origin_hash;
};

/* What costs no signature: FORK if it may be one that we are to keep. */
static enum sync_verdict claim_read(const struct sync *sync, struct tally_bytes one,
                                    struct tally_bytes other, const struct outbox *out,
                                    struct claim *claim)
{
    const struct tally_ledger *ledger = sync->options.ledger;
    struct tally_log_view view;
    if (!note_open(one, &claim->one) || !note_open(other, &claim->other) ||
        !bytes_equal(claim->one.origin, claim->other.origin))
        return SYNC_VERDICT_BAD;
    tally_origin_hash(claim->one.origin, &claim->origin_hash);
    /* Keys cost nothing, and each could fork a log of its own: of logs that nobody here follows no
       evidence is kept. */
    if (!ledger->find(ledger->context, &claim->origin_hash, &view) || view.frozen)
        return SYNC_VERDICT_SAME;
    if (!outbox_room(out, 1, TALLY_FORK_MAX))
        return SYNC_VERDICT_SAME; /* Streams will tell it. */
    return SYNC_VERDICT_FORK;
}

/* Verifies the notes. Whoever told us tells everybody: the news carry none. */
static enum sync_verdict claim_keep(struct sync *sync, const struct tally_key *peer,
                                    const struct claim *claim, struct tally_bytes one,
                                    struct tally_bytes other, const struct tally_hash *prefix,
                                    const struct tally_hash *proof, size_t count,
                                    struct outbox *out)
{
    uint8_t *bytes = outbox_take(out, TALLY_FORK_MAX);
    size_t written =
        tally_fork_write(one, other, prefix, proof, count, NULL, sync->options.crypto, bytes);
    if (written == 0)
        return SYNC_VERDICT_BAD;
    (void)keep(sync, peer, &claim->origin_hash, claim->one.size, bytes, written, out);
    return SYNC_VERDICT_FORK;
}

enum sync_verdict sync_fork(struct sync *sync, const struct tally_key *peer, struct tally_bytes one,
                            struct tally_bytes other, struct outbox *out)
{
    struct claim claim;
    enum sync_verdict verdict = claim_read(sync, one, other, out, &claim);
    if (verdict != SYNC_VERDICT_FORK)
        return verdict;
    if (claim.one.size != claim.other.size)
        return sizes_fork(sync, peer, one, other, out);
    return claim_keep(sync, peer, &claim, one, other, NULL, NULL, 0, out);
}

enum sync_verdict sync_fork_prefix(struct sync *sync, const struct tally_key *peer,
                                   struct tally_bytes one, struct tally_bytes other,
                                   const struct tally_hash *prefix, const struct tally_hash *proof,
                                   size_t count, struct outbox *out)
{
    struct claim claim;
    enum sync_verdict verdict = claim_read(sync, one, other, out, &claim);
    if (verdict != SYNC_VERDICT_FORK)
        return verdict;
    /* Hashes before signatures: they cost a tenth. */
    if (claim.one.size == 0 || claim.one.size >= claim.other.size ||
        hash_equal(&claim.one.root, prefix) ||
        !tally_consistency_holds(claim.one.size, claim.other.size, proof, count, prefix,
                                 &claim.other.root))
        return SYNC_VERDICT_BAD;
    return claim_keep(sync, peer, &claim, one, other, prefix, proof, count, out);
}
