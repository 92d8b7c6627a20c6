/* SPDX-License-Identifier: Apache-2.0 */
/* Agreements in the node: other parties' statements as they come, and what follows from them. */
#include "core/base/bytes.h"
#include "core/federation/replay.h"
#include "core/node/federating.h"
#include "core/node/node.h"
#include "core/node/revoking.h"

enum {
    START_BUNDLES = 64,      /* Read before the node speaks to anybody; the rest soon after. */
    LOOK_AGAIN_MS = 3600000, /* A wall clock may be set: ends are looked at so often at least. */
};

void federating_clock(struct tally_node *node, struct tally_now now)
{
    node->federating.fold.agreements.clock = now.wall;
}

struct tally_mono federating_deadline(const struct federating *federating)
{
    return federating->due ? (struct tally_mono){0} : federating->at;
}

/* ---- Hearing. ---- */

/* All that this node stated, in its order: what the keys stated that it had before is read now, so
   nothing of it is heard once more. Others are heard from the beginning. */
static void fold_all(struct tally_node *node)
{
    struct federating *federating = &node->federating;
    const struct tally_ledger *ledger = &node->options.ledger;
    struct tally_log_view view;
    federating->folded = replay_own(&federating->fold, ledger, node->scratch->sync->entries);
    for (size_t i = 0; i < federating->fold.agreements.count; i++)
        federating->fold.agreements.pairs[i].again = false;
    for (size_t i = 0; i < federating->logs_max; i++)
        federating->heard[i] =
            ledger->log(ledger->context, i, &view) && fold_own(&federating->fold, &view.issuer)
                ? replay_end(&federating->fold, &view)
                : 0;
    federating->due = true;
    federating->hearing = 0;
}

/* The same once more, when there is something before what was folded. */
static void refold(struct tally_node *node)
{
    fold_reset(&node->federating.fold);
    fold_all(node);
}

/* Reads at most one bundle; false: there was none to read. */
static bool hear(struct tally_node *node)
{
    struct federating *federating = &node->federating;
    const struct tally_ledger *ledger = &node->options.ledger;
    struct tally_log_view view;
    for (; federating->hearing < federating->logs_max; federating->hearing++) {
        uint64_t *heard = &federating->heard[federating->hearing];
        if (!ledger->log(ledger->context, federating->hearing, &view))
            break;
        if (view.own || strcmp(view.name_space, TALLY_STATEMENTS) != 0 ||
            *heard >= replay_end(&federating->fold, &view))
            continue;
        if (fold_own(&federating->fold, &view.issuer)) {
            refold(node); /* What a key of ours stated before comes first. */
            return true;
        }
        *heard =
            replay_some(&federating->fold, ledger, &view, *heard, node->scratch->sync->entries);
        return true;
    }
    federating->due = false;
    return false;
}

void federating_heard(struct tally_node *node, struct tally_now now)
{
    node->federating.due = true;
    node->federating.hearing = 0;
    /* What comes is little, as a rule: then it is done. */
    if (hear(node) && hear(node))
        return;
    federating_settle(node, now);
}

/* Of a party without a place nothing was kept: now that it has one, its log is read again. */
static void hear_again(struct federating *federating, const struct tally_ledger *ledger,
                       const struct tally_key *party)
{
    struct tally_log_view view;
    struct tally_hash origin_hash;
    if (fold_own(&federating->fold, party))
        return; /* A key that we had before is read with our own. */
    replay_origin(party, &origin_hash);
    for (size_t i = 0; i < federating->logs_max && ledger->log(ledger->context, i, &view); i++)
        if (hash_equal(&view.origin_hash, &origin_hash)) {
            federating->heard[i] = 0;
            federating->due = true;
            federating->hearing = 0;
        }
}

void federating_limited(struct tally_node *node, const struct tally_key *party)
{
    struct federating *federating = &node->federating;
    const struct tally_key *self = &node->options.key;
    if (key_equal(party, self))
        return;
    if (revoked_precedes(&federating->revoked, party, self)) {
        refold(node);
        return;
    }
    fold_forget(&federating->fold, party);
    hear_again(federating, &node->options.ledger, party);
}

void federating_start(struct tally_node *node)
{
    struct federating *federating = &node->federating;
    federating_clock(node, node->stepped);
    federating->refusals = FEDERATING_REFUSALS;
    federating->refused = node->stepped.mono;
    revoking_start(node);
    fold_all(node);
    revoking_count(node);
    for (unsigned i = 0; i < START_BUNDLES && hear(node); i++)
        ;
    if (federating->fold.agreements.count > 0)
        federating->at = node->stepped.mono;
}

/* ---- What follows. ---- */

/* The other signed what we offered, as we offered it and in time: we sign too. */
static void sign(struct tally_node *node, struct tally_now now, const struct agreement_pair *pair)
{
    struct federating *federating = &node->federating;
    const struct tally_ledger *ledger = &node->options.ledger;
    const struct offer *offer = &pair->ours.offer;
    const struct tally_reference reference = {.kind = TALLY_REFERENCE_RECEIPT,
                                              .hash = offer->place.receipt};
    struct fed_statement proposal, statement = {.kind = FED_ESTABLISH, .party = pair->key};
    uint8_t body[FED_BODY_MAX], written[FED_BODY_MAX];
    size_t size;
    federating->at.ms = now.mono.ms + FEDERATING_RETRY_MS;
    if (!ledger->body(ledger->context, &federating->origin_hash, offer->place.index, 0, body,
                      sizeof body, &size) ||
        size > sizeof body ||
        fed_read(bytes_text(fed_type(FED_PROPOSE)), bytes_of(body, size), &proposal) !=
            TALLY_DROP_NONE)
        return;
    statement.agreement = terms_offered(&proposal, &node->options.key, &offer->place.receipt);
    statement.about = offer->place.receipt;
    if (agreements_advise(&federating->fold.agreements, &statement) != AGREEMENT_TAKEN ||
        !outbox_room(&node->outbox, 8, FED_BODY_MAX + TALLY_ENVELOPE_MAX))
        return;
    size = fed_write(&statement, written);
    const struct tally_bytes copy = outbox_copy(&node->outbox, bytes_of(written, size));
    if (issuer_statement(&node->issuer, now, fed_type(FED_ESTABLISH), &reference, 1, copy,
                         FEDERATING_TAG, &node->outbox) == TALLY_OK)
        federating->awaited = issuer_find(&node->issuer, &federating->origin_hash)->next;
}

static void sign_due(struct tally_node *node, struct tally_now now)
{
    struct agreements *agreements = &node->federating.fold.agreements;
    for (size_t i = 0; i < agreements->count && node->federating.awaited == 0; i++)
        if (agreement_due(agreements, &agreements->pairs[i]))
            sign(node, now, &agreements->pairs[i]);
}

/* So many pairs are left for those whom an operator speaks to: who is refused takes one as well. */
static bool has_place(const struct agreements *agreements, const struct agreement_pair *pair)
{
    return pair->ours.spoke || agreements->count - agreements->suitors < agreements->capacity / 2;
}

static enum tally_refusal refusal_of(const struct fold *fold, const struct agreement_pair *pair)
{
    const struct offer *offer = &pair->theirs.offer, *ours = &pair->ours.offer;
    const struct suit suit = {.invited = offer->counter && ours->state != OFFER_NONE &&
                                         hash_equal(&offer->previous, &ours->place.receipt),
                              .level = offer->level,
                              .shares = offer->shares};
    if (agreement_proposal(pair, false, fold->agreements.clock) != TALLY_PROPOSAL_OPEN)
        return TALLY_REFUSAL_NONE;
    return reception_refuses(&fold->reception, &suit);
}

/* Keys and offers cost nothing: nobody makes us write much. */
static bool may_refuse(struct federating *federating, struct tally_now now)
{
    uint64_t more = (now.mono.ms - federating->refused.ms) / FEDERATING_REFUSAL_MS;
    uint64_t room = FEDERATING_REFUSALS - federating->refusals;
    federating->refused.ms += more * FEDERATING_REFUSAL_MS;
    federating->refusals += (unsigned)(more < room ? more : room);
    if (federating->refusals == 0) {
        federating->at.ms = federating->refused.ms + FEDERATING_REFUSAL_MS;
        return false;
    }
    federating->refusals--;
    return true;
}

/* An offer that our policy has no answer for is rejected, and why is said. */
static void refuse(struct tally_node *node, struct tally_now now, const struct agreement_pair *pair,
                   enum tally_refusal refusal)
{
    struct federating *federating = &node->federating;
    const struct tally_reference reference = {.kind = TALLY_REFERENCE_RECEIPT,
                                              .hash = pair->theirs.offer.place.receipt};
    const struct fed_statement statement = {.kind = FED_REJECT,
                                            .party = pair->key,
                                            .about = pair->theirs.offer.place.receipt,
                                            .refusal = refusal,
                                            .note = bytes_text(tally_refusal_text(refusal))};
    uint8_t body[FED_BODY_MAX];
    federating->at.ms = now.mono.ms + FEDERATING_RETRY_MS;
    if (agreements_advise(&federating->fold.agreements, &statement) != AGREEMENT_TAKEN ||
        !outbox_room(&node->outbox, 8, FED_BODY_MAX + TALLY_ENVELOPE_MAX) ||
        !may_refuse(federating, now))
        return;
    size_t size = fed_write(&statement, body);
    const struct tally_bytes copy = outbox_copy(&node->outbox, bytes_of(body, size));
    if (issuer_statement(&node->issuer, now, fed_type(FED_REJECT), &reference, 1, copy,
                         FEDERATING_TAG, &node->outbox) == TALLY_OK)
        federating->awaited = issuer_find(&node->issuer, &federating->origin_hash)->next;
}

static void refuse_due(struct tally_node *node, struct tally_now now)
{
    const struct fold *fold = &node->federating.fold;
    if (node->federating.awaited > 0)
        return;
    for (size_t i = 0; i < fold->agreements.count; i++) {
        const struct agreement_pair *pair = &fold->agreements.pairs[i];
        enum tally_refusal refusal = refusal_of(fold, pair);
        if (refusal == TALLY_REFUSAL_NONE || !has_place(&fold->agreements, pair))
            continue;
        refuse(node, now, pair, refusal);
        return; /* The next when this one is durable, or when it is tried again. */
    }
}

static void look(struct tally_node *node, struct tally_now now, struct agreement_pair *pair)
{
    struct bond bond;
    bool changed, offered;
    enum tally_agreement_state before = pair->seen.state;
    const struct tally_key party = pair->key;
    agreement_look(pair, now.wall, &bond, &changed, &offered);
    if (offered)
        node_trace(node, now,
                   &(struct tally_trace){.kind = TALLY_TRACE_PROPOSED,
                                         .peer = &party,
                                         .a = pair->theirs.offer.level});
    if (changed && (bond.state != before || bond.state != TALLY_AGREEMENT_NONE))
        node_trace(
            node, now,
            &(struct tally_trace){
                .kind = TALLY_TRACE_AGREEMENT, .peer = &party, .a = bond.state, .b = bond.level});
    if (!changed)
        return;
    upholding_agreed(node, now, &party, &bond);
    federating_enforce(node, now, &party);
}

static void plan(struct federating *federating, struct tally_now now)
{
    struct tally_wall end;
    uint64_t ms = LOOK_AGAIN_MS;
    federating->at = TALLY_NEVER;
    if (!agreements_next_end(&federating->fold.agreements, &end))
        return;
    if (end.us - now.wall.us < (int64_t)LOOK_AGAIN_MS * 1000)
        ms = end.us <= now.wall.us ? 0 : (uint64_t)(end.us - now.wall.us) / 1000 + 1;
    federating->at.ms = now.mono.ms + ms;
}

void federating_settle(struct tally_node *node, struct tally_now now)
{
    struct federating *federating = &node->federating;
    struct agreement_pair *pair;
    bool any = false;
    while ((pair = agreements_touched(&federating->fold.agreements)) != NULL) {
        any = true;
        if (pair->again) {
            pair->again = false;
            agreements_forget(&federating->fold.agreements, &pair->key);
            hear_again(federating, &node->options.ledger, &pair->key);
        }
        look(node, now, pair);
    }
    if (any) {
        plan(federating, now);
        sign_due(node, now);
        refuse_due(node, now);
    }
}

void federating_tick(struct tally_node *node, struct tally_now now)
{
    struct federating *federating = &node->federating;
    struct agreements *agreements = &federating->fold.agreements;
    if (federating->due && !hear(node))
        federating_settle(node, now);
    if (federating->at.ms > now.mono.ms)
        return;
    for (size_t i = 0; i < agreements->count; i++)
        look(node, now, &agreements->pairs[i]);
    plan(federating, now);
    sign_due(node, now);
    refuse_due(node, now);
}
