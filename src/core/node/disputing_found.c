/* SPDX-License-Identifier: Apache-2.0 */
/* Where checks fail, or hold again: what is raised of it, and with which evidence. */
#include "core/node/disputing.h"

#include "core/base/bytes.h"
#include "core/federation/grounds.h"
#include "core/log/fork.h"
#include "core/log/tree.h"
#include "core/node/node.h"

#include <string.h>

/* A package was proved against the root of its head, and is not what that says. */
static void range_of(const struct sync_news *news, struct grounds *grounds)
{
    size_t count = news->other.size / sizeof(struct tally_hash);
    if (count == 0 || count - 1 > TALLY_PROOF_MAX)
        return;
    grounds->has_range = true;
    grounds->first = news->first;
    grounds->end = news->end;
    grounds->size = news->size;
    memcpy(&grounds->subtree, news->other.data, sizeof grounds->subtree);
    grounds->proof_count = count - 1;
    memcpy(grounds->proof, news->other.data + sizeof grounds->subtree,
           grounds->proof_count * sizeof *grounds->proof);
}

void disputing_failed(struct tally_node *node, struct tally_now now, const struct sync_news *news)
{
    uint8_t bytes[GROUNDS_MAX];
    struct grounds grounds = {.type = news->drop == TALLY_DROP_FORGED
                                          ? TALLY_DISCREPANCY_SIGNATURE_INVALID
                                          : TALLY_DISCREPANCY_ROOT_MISMATCH,
                              .party = news->peer,
                              .time = now.wall,
                              .note = news->one};
    range_of(news, &grounds);
    size_t size = grounds_write(&grounds, bytes);
    const struct dispute dispute = {
        .type = grounds.type,
        .party = &news->peer,
        .log = &news->origin_hash,
        .claimed_size = news->size,
        .claimed_root = &news->root,
        .computed_root = grounds.has_range ? &grounds.subtree : NULL,
        .has_divergence = news->drop != TALLY_DROP_PROOF || grounds.has_range,
        .divergence = news->first,
        .checked = grounds.has_range ? (uint32_t)(grounds.end - grounds.first) : 0,
        .automatic = true,
        .grounds = bytes_of(bytes, size),
        .note = tally_drop_text(news->drop),
    };
    (void)discrepancy_raise(node, now, &dispute);
}

static void state_fork(struct tally_node *node, struct tally_now now,
                       const struct disputing_fork *fork, bool found, uint64_t first)
{
    const struct dispute dispute = {
        .type = TALLY_DISCREPANCY_FORK,
        .party = &fork->party,
        .log = &fork->log,
        .claimed_size = fork->claimed_size,
        .claimed_root = fork->has_root ? &fork->claimed_root : NULL,
        .computed_root = &fork->computed_root,
        .has_divergence = found,
        .divergence = first,
        .evidence = &fork->evidence,
        .note = "two signatures that contradict each other",
    };
    (void)discrepancy_raise(node, now, &dispute);
}

static bool read_note(struct tally_bytes bytes, struct tally_checkpoint *checkpoint)
{
    struct tally_note note;
    return tally_note_read(bytes, &note) == TALLY_DROP_NONE &&
           tally_checkpoint_read(note.text, checkpoint) == TALLY_DROP_NONE;
}

/* What the evidence says of the branch that we do not hold: the root it has at the smaller of the
   two sizes, as far as our own tree reaches. */
static void read_branch(const struct tally_node *node, struct tally_bytes file,
                        const struct tally_log_view *view, struct disputing_fork *fork)
{
    const struct tree tree = {&node->options.ledger, &view->origin_hash};
    struct tally_checkpoint small, large;
    struct fork_notes notes;
    struct tally_hash ours;
    if (!fork_read_notes(file, &notes) || !read_note(notes.one, &small) ||
        !read_note(notes.other, &large) || small.size == 0 || small.size > view->size ||
        !tree_root(&tree, small.size, &ours))
        return;
    fork->branch_size = small.size;
    fork->branch_root = small.root;
    if (hash_equal(&ours, &small.root))
        fork->branch_root = notes.prefixed ? notes.prefix : large.root;
}

static bool was_asked(const struct disputing_fork *fork, const struct tally_key *key)
{
    for (unsigned i = 0; i < fork->asked; i++)
        if (key_equal(&fork->asked_of[i], key))
            return true;
    return false;
}

/* Asks one more who may hold the other branch: who told us, then those of the mesh. False: there is
   nobody else, or enough were asked. */
static bool ask_branch(struct tally_node *node, struct tally_now now, struct disputing_fork *fork,
                       const struct tally_key *teller)
{
    const struct peers *peers = &node->datagrams.peers;
    for (size_t i = 0; fork->branch_size > 0 && i <= peers->end; i++) {
        const struct peer *peer = i == 0 ? peers_find(peers, teller) : &peers->list[i - 1];
        if (fork->asked == DISPUTING_ASKED)
            return false;
        if (peer == NULL || !peer->used || peer->link.state != LINK_LINKED ||
            (i > 0 && !peer->mesh) || was_asked(fork, &peer->key))
            continue;
        fork->asked_of[fork->asked++] = peer->key;
        if (sync_locate(&node->sync, now, &peer->key, &fork->log, fork->branch_size,
                        &fork->branch_root))
            return true;
    }
    return false;
}

/* Stated when it is known where it begins, or nobody knows: that is not asked later, since the log
   is frozen. */
void disputing_forked(struct tally_node *node, struct tally_now now, const struct sync_news *news)
{
    const struct tally_ledger *ledger = &node->options.ledger;
    struct tally_log_view view;
    struct tally_checkpoint checkpoint;
    if (!ledger->find(ledger->context, &news->origin_hash, &view))
        return;
    bool told = read_note(news->other, &checkpoint);
    struct disputing_fork fork = {.any = true,
                                  .until = {now.mono.ms + DISPUTING_LOCATE_MS},
                                  .party = view.issuer,
                                  .log = news->origin_hash,
                                  .evidence = news->evidence,
                                  .computed_root = view.root,
                                  .claimed_size = told ? checkpoint.size : news->size,
                                  .has_root = told};
    if (told)
        fork.claimed_root = checkpoint.root;
    read_branch(node, news->file, &view, &fork);
    for (unsigned i = 0; !view.own && i < DISPUTING_FORKS; i++) {
        struct disputing_fork *place = &node->disputing.forks[i];
        if (place->any)
            continue;
        *place = fork;
        place->any = sync_locates(&node->sync, &news->origin_hash) ||
                     ask_branch(node, now, place, &news->peer);
        if (place->any)
            return;
        break;
    }
    state_fork(node, now, &fork, false, 0);
}

/* Who answers what does not lead to the root that it showed has lied, or its disk has. */
static void contradicts(struct tally_node *node, struct tally_now now, const struct sync_news *news)
{
    uint8_t bytes[GROUNDS_MAX];
    const struct grounds grounds = {.type = TALLY_DISCREPANCY_ROOT_MISMATCH,
                                    .party = news->peer,
                                    .time = now.wall,
                                    .theirs = news->other};
    const struct dispute dispute = {
        .type = grounds.type,
        .party = &news->peer,
        .log = &news->origin_hash,
        .claimed_size = news->size,
        .has_divergence = true,
        .divergence = news->first,
        .grounds = bytes_of(bytes, grounds_write(&grounds, bytes)),
        .note = "hashes that it gave of a tree do not lead to the root that it showed",
    };
    (void)discrepancy_raise(node, now, &dispute);
}

void disputing_located(struct tally_node *node, struct tally_now now, const struct sync_news *news)
{
    for (unsigned i = 0; i < DISPUTING_FORKS; i++) {
        struct disputing_fork *fork = &node->disputing.forks[i];
        if (!fork->any || !hash_equal(&fork->log, &news->origin_hash))
            continue;
        fork->any = news->count == 0 && ask_branch(node, now, fork, &news->peer);
        if (!fork->any)
            state_fork(node, now, fork, news->count > 0, news->first);
    }
    if (news->drop != TALLY_DROP_NONE)
        contradicts(node, now, news);
}

void disputing_forks_tick(struct tally_node *node, struct tally_now now)
{
    for (unsigned i = 0; i < DISPUTING_FORKS; i++) {
        struct disputing_fork *fork = &node->disputing.forks[i];
        if (!fork->any || fork->until.ms > now.mono.ms)
            continue;
        fork->any = false;
        state_fork(node, now, fork, false, 0);
    }
}

void disputing_fork_kept(struct tally_node *node, struct tally_now now,
                         const struct tally_log_view *view, const struct tally_hash *evidence,
                         uint64_t size)
{
    struct disputing *disputing = &node->disputing;
    if (view->own ||
        discrepancy_forked(node->federating.fold.discrepancies, &view->issuer, &view->origin_hash))
        return;
    for (unsigned i = 0; i < DISPUTING_FORKS; i++) {
        struct disputing_fork *fork = &disputing->forks[i];
        if (fork->any)
            continue;
        *fork = (struct disputing_fork){.any = true,
                                        .until = {now.mono.ms + DISPUTING_LOCATE_MS},
                                        .party = view->issuer,
                                        .log = view->origin_hash,
                                        .evidence = *evidence,
                                        .computed_root = view->root,
                                        .claimed_size = size};
        return;
    }
}

/* The issuer itself tells less than the checkpoint of it that we hold, in a heartbeat that is
   signed and newer than all before. */
void disputing_told(struct tally_node *node, struct tally_now now, const struct head *held,
                    uint64_t size)
{
    const struct tally_ledger *ledger = &node->options.ledger;
    uint8_t note[GROUNDS_PART_MAX], bytes[GROUNDS_MAX];
    if (held->own)
        return;
    if (size >= held->size) {
        disputing_settle(node, now, TALLY_DISCREPANCY_SIZE_REGRESSION, &held->issuer,
                         &held->origin);
        return;
    }
    if (discrepancy_open(node->federating.fold.discrepancies, TALLY_DISCREPANCY_SIZE_REGRESSION,
                         &held->issuer, &held->origin) != NULL)
        return;
    size_t known = ledger->checkpoint(ledger->context, &held->origin, note, sizeof note);
    const struct grounds grounds = {.type = TALLY_DISCREPANCY_SIZE_REGRESSION,
                                    .party = held->issuer,
                                    .time = now.wall,
                                    .note = bytes_of(note, known)};
    const struct dispute dispute = {
        .type = grounds.type,
        .party = &held->issuer,
        .log = &held->origin,
        .claimed_size = size,
        .computed_root = &held->root,
        .has_divergence = true,
        .divergence = size,
        .automatic = true,
        .grounds = bytes_of(bytes, grounds_write(&grounds, bytes)),
        .note = "its issuer tells a smaller size than it has signed",
    };
    (void)discrepancy_raise(node, now, &dispute);
}

/* ---- Samples (formats 5.4). ---- */

/* What was shown, as it was shown, against the checkpoint that we cosigned. */
static void not_in_tree(struct grounds *grounds, const struct witness_sample *sample)
{
    const struct sample_wrong *wrong = &sample->wrong;
    grounds->has_range = grounds->is_sample = true;
    grounds->first = wrong->index;
    grounds->end = wrong->index + 1;
    grounds->size = sample->size;
    grounds->subtree = wrong->leaf;
    grounds->proof_count = wrong->count;
    memcpy(grounds->proof, wrong->hashes, wrong->count * sizeof *wrong->hashes);
    grounds->receipt = bytes_of(wrong->envelope, wrong->size);
}

static void sample_failed(struct tally_node *node, struct tally_now now,
                          const struct witness_news *news, enum tally_discrepancy type)
{
    const struct tally_ledger *ledger = &node->options.ledger;
    const struct witness_sample *sample = node->witness.sample;
    uint8_t note[GROUNDS_PART_MAX], bytes[GROUNDS_MAX];
    bool wrong = type == TALLY_DISCREPANCY_ROOT_MISMATCH;
    size_t known =
        ledger->kept(ledger->context, TALLY_KEPT_WITNESSED, &news->origin_hash, note, sizeof note);
    struct grounds grounds = {
        .type = type, .party = news->peer, .time = now.wall, .note = bytes_of(note, known)};
    struct tally_note read;
    struct tally_checkpoint checkpoint;
    /* It may have been cosigned further meanwhile: then the note says nothing of this tree. */
    if (tally_note_read(grounds.note, &read) != TALLY_DROP_NONE ||
        tally_checkpoint_read(read.text, &checkpoint) != TALLY_DROP_NONE ||
        checkpoint.size != sample->size)
        return;
    if (wrong)
        not_in_tree(&grounds, sample);
    const struct dispute dispute = {
        .type = type,
        .party = &news->peer,
        .log = &news->origin_hash,
        .claimed_size = sample->size,
        .claimed_root = &sample->root,
        .has_divergence = true,
        .divergence = wrong ? sample->wrong.index : sample->indexes[sample->done],
        .checked = sample->done,
        .automatic = true,
        .grounds = bytes_of(bytes, grounds_write(&grounds, bytes)),
        .note = wrong ? "a sample is not in the tree that was signed"
                      : "a receipt that was drawn as a sample is not shown",
    };
    (void)discrepancy_raise(node, now, &dispute);
}

void disputing_sampled(struct tally_node *node, struct tally_now now,
                       const struct witness_news *news)
{
    switch (news->status) {
    case WITNESS_SAMPLE_VERIFIED:
        /* That a tree is wrong somewhere is not undone by other samples: only holding it is. */
        disputing_settle(node, now, TALLY_DISCREPANCY_SAMPLE_MISSING, &news->peer,
                         &news->origin_hash);
        return;
    case WITNESS_SAMPLE_FAILED:
        sample_failed(node, now, news, TALLY_DISCREPANCY_ROOT_MISMATCH);
        return;
    case WITNESS_SAMPLE_SILENT:
        if (news->refused)
            sample_failed(node, now, news, TALLY_DISCREPANCY_SAMPLE_MISSING);
        return;
    }
}

/* The receipt by which it was published, as it lies in its publisher's log `anchors`: without that
   nobody published it. 0: it is not there. */
static size_t read_published(const struct tally_node *node, const struct tally_command *command,
                             struct tally_hash *anchors, uint8_t envelope[TALLY_ENVELOPE_MAX])
{
    const struct tally_ledger *ledger = &node->options.ledger;
    const struct tally_key *publisher = &command->anchor.publisher;
    char origin[TALLY_ORIGIN_MAX + 1];
    struct tally_log_view view;
    size_t size = tally_origin_write(publisher, bytes_text("anchors"), origin);
    tally_origin_hash(bytes_of(origin, size), anchors);
    if (!ledger->find(ledger->context, anchors, &view) || command->anchor.index >= view.size)
        return 0;
    return ledger->entry(ledger->context, anchors, command->anchor.index, envelope,
                         TALLY_ENVELOPE_MAX);
}

/* Whoever published it answers for it, and nobody else: its issuer in a case about the log that it
   anchors, a third party in one about its own log `anchors`, where it says so. */
bool disputing_anchor(struct tally_node *node, struct tally_now now,
                      const struct tally_command *command)
{
    const struct tally_ledger *ledger = &node->options.ledger;
    const struct tally_key *publisher = &command->anchor.publisher;
    struct tally_log_view view;
    struct tally_hash anchors;
    uint8_t envelope[TALLY_ENVELOPE_MAX], bytes[GROUNDS_MAX];
    size_t size = read_published(node, command, &anchors, envelope);
    if (size == 0 || fold_own(&node->federating.fold, publisher) ||
        !ledger->find(ledger->context, &command->anchor.origin_hash, &view))
        return false;
    bool issuers = key_equal(&view.issuer, publisher);
    const struct tally_hash *log = issuers ? &view.origin_hash : &anchors;
    if (command->anchor.good) {
        disputing_settle(node, now, TALLY_DISCREPANCY_ANCHOR_INVALID, publisher, log);
        return true;
    }
    const struct grounds grounds = {.type = TALLY_DISCREPANCY_ANCHOR_INVALID,
                                    .party = *publisher,
                                    .time = now.wall,
                                    .receipt = bytes_of(envelope, size),
                                    .ours = command->anchor.finding};
    const struct dispute dispute = {
        .type = grounds.type,
        .party = publisher,
        .log = log,
        .claimed_size = command->anchor.size,
        .computed_root = &command->anchor.root,
        .has_divergence = !issuers,
        .divergence = command->anchor.index,
        .automatic = true,
        .grounds = bytes_of(bytes, grounds_write(&grounds, bytes)),
        .note = issuers ? "an anchor that it published of its log does not hold, or not any more"
                        : "an anchor that it published of another's log does not hold",
    };
    (void)discrepancy_raise(node, now, &dispute);
    return true;
}

/* How far the last receipt of a log is ahead of our clock. One that is long past says nothing:
   logs come late. False: it cannot be read. */
static bool ahead_us(const struct tally_node *node, struct tally_now now,
                     const struct tally_log_view *view, uint8_t envelope[TALLY_ENVELOPE_MAX],
                     size_t *size, int64_t *us)
{
    const struct tally_ledger *ledger = &node->options.ledger;
    struct tally_receipt receipt;
    *size = ledger->entry(ledger->context, &view->origin_hash, view->size - 1, envelope,
                          TALLY_ENVELOPE_MAX);
    if (*size == 0 || tally_receipt_read(bytes_of(envelope, *size), &receipt) != TALLY_DROP_NONE)
        return false;
    *us = receipt.time.us > now.wall.us ? receipt.time.us - now.wall.us : 0;
    return true;
}

static void check_time(struct tally_node *node, struct tally_now now,
                       const struct tally_log_view *view)
{
    const int64_t most_us = (int64_t)TALLY_DRIFT_MS * 1000;
    uint8_t envelope[TALLY_ENVELOPE_MAX], bytes[GROUNDS_MAX];
    size_t size;
    int64_t us;
    /* If most of our peers say that it is our clock that is wrong, it is no party's fault. */
    if (peers_clock_offset(&node->datagrams.peers) > most_us / 2 ||
        !ahead_us(node, now, view, envelope, &size, &us))
        return;
    if (us <= most_us) {
        disputing_settle(node, now, TALLY_DISCREPANCY_TIMESTAMP_DRIFT, &view->issuer,
                         &view->origin_hash);
        return;
    }
    const struct grounds grounds = {.type = TALLY_DISCREPANCY_TIMESTAMP_DRIFT,
                                    .party = view->issuer,
                                    .time = now.wall,
                                    .receipt = bytes_of(envelope, size)};
    const struct dispute dispute = {
        .type = grounds.type,
        .party = &view->issuer,
        .log = &view->origin_hash,
        .claimed_size = view->size,
        .claimed_root = &view->root,
        .has_divergence = true,
        .divergence = view->size - 1,
        .checked = 1,
        .automatic = true,
        .grounds = bytes_of(bytes, grounds_write(&grounds, bytes)),
        .note = "a receipt claims a time that is more than 300 s ahead",
    };
    (void)discrepancy_raise(node, now, &dispute);
}

void disputing_head(struct tally_node *node, struct tally_now now,
                    const struct tally_log_view *view, uint64_t count)
{
    if (view->own || view->size == 0 || count == 0)
        return;
    check_time(node, now, view);
    comparing_head(node, now, view, count);
    /* What waits for this log, or for an arbiter's, looks at once. */
    if (node->disputing.count > 0)
        node->disputing.next = now.mono;
}
