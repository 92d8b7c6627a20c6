/* SPDX-License-Identifier: Apache-2.0 */
#include "story_agree.h"
#include "core/base/bytes.h"
#include "core/federation/replay.h"
#include "memory.h"
#include <stdio.h>
#include <stdlib.h>

void agree_open(struct agree_view *view, const struct world *world, uint32_t slot)
{
    const struct tally_key *key = &world->slots[slot].signer.key;
    const struct tally_ledger ledger = disk_ledger((struct disk *)&world->slots[slot].disk);
    uint8_t *room = memory_new(1, TALLY_ENTRIES_MAX);
    struct tally_hash origin_hash;
    *view = (struct agree_view){.world = world,
                                .slot = slot,
                                .parties = memory_new(TALLY_PARTIES_MAX, sizeof *view->parties),
                                .pairs = memory_new(TALLY_PAIRS_MAX, sizeof *view->pairs)};
    fold_init(&view->fold, key, view->parties, TALLY_PARTIES_MAX);
    fold_lend(&view->fold, view->pairs, TALLY_PAIRS_MAX);
    view->fold.discrepancies = discrepancies_new(key, DISCREPANCIES_MAX);
    view->fold.agreements.clock = world_clock((struct world *)world, slot).wall;
    replay_origin(key, &origin_hash);
    (void)replay_all(&view->fold, &ledger, &origin_hash, room);
    replay_others(&view->fold, &ledger, room);
    memory_free(room);
}

void agree_close(struct agree_view *view)
{
    discrepancies_free(view->fold.discrepancies);
    memory_free(view->parties);
    memory_free(view->pairs);
}

static const struct tally_key *key_of(const struct agree_view *view, uint32_t slot)
{
    return &view->world->slots[slot].signer.key;
}

static const struct agreement_pair *pair_with(const struct agree_view *view, uint32_t other)
{
    return agreements_find(&view->fold.agreements, key_of(view, other));
}

bool agree_said(const struct agree_view *view, uint32_t issuer, uint64_t index,
                uint8_t body[FED_BODY_MAX], struct fed_statement *said)
{
    const struct tally_ledger ledger =
        disk_ledger((struct disk *)&view->world->slots[view->slot].disk);
    struct tally_hash origin_hash;
    size_t size;
    replay_origin(key_of(view, issuer), &origin_hash);
    return ledger.body(ledger.context, &origin_hash, index, 0, body, FED_BODY_MAX, &size) &&
           size <= FED_BODY_MAX &&
           fed_read(bytes_text(fed_type(FED_PROPOSE)), bytes_of(body, size), said) ==
               TALLY_DROP_NONE;
}

/* The agreement that holds between the two, or held last; NULL: none. */
static const struct signature *held(const struct agree_view *view, uint32_t other,
                                    struct bond *bond)
{
    const struct agreement_pair *pair = pair_with(view, other);
    *bond = (struct bond){.signature = NULL};
    if (pair != NULL)
        agreement_bond(pair, view->fold.agreements.clock, bond);
    return bond->signature;
}

static void set_replaces(const struct agree_view *view, uint32_t other, struct fed_statement *said)
{
    struct bond bond;
    const struct signature *signature = held(view, other, &bond);
    said->agreement.has_replaces = signature != NULL;
    if (signature != NULL)
        said->agreement.replaces = signature->agreement;
}

/* An answer to the last offer of the other: its terms, and for a counter another scroll. */
static bool answer(const struct agree_view *view, uint32_t other, struct fed_statement *said,
                   uint8_t body[FED_BODY_MAX])
{
    const struct agreement_pair *pair = pair_with(view, other);
    struct fed_statement offered;
    if (pair == NULL || pair->theirs.offer.state == OFFER_NONE ||
        !agree_said(view, other, pair->theirs.offer.place.index, body, &offered))
        return false;
    const struct tally_bytes scroll = said->agreement.terms.scrolls[0];
    said->about = pair->theirs.offer.place.receipt;
    if (said->kind == FED_ACCEPT)
        said->agreement = terms_offered(&offered, key_of(view, other), &said->about);
    if (said->kind != FED_PROPOSE)
        return true;
    said->agreement = offered.agreement;
    said->agreement.terms.scrolls_count = 1;
    said->agreement.terms.scrolls[0] = scroll;
    return true;
}

bool agree_complete(const struct world *world, uint32_t slot, uint32_t other,
                    struct fed_statement *said, uint8_t body[FED_BODY_MAX])
{
    struct agree_view view;
    struct bond bond;
    agree_open(&view, world, slot);
    const struct agreement_pair *pair = pair_with(&view, other);
    bool whole = true;
    said->party = *key_of(&view, other);
    if (said->kind == FED_PROPOSE && !said->has_about) {
        said->until.us += view.fold.agreements.clock.us;
        set_replaces(&view, other, said);
    } else if (said->kind == FED_PROPOSE) {
        said->until.us += view.fold.agreements.clock.us;
        whole = answer(&view, other, said, body);
        set_replaces(&view, other, said);
    } else if (said->kind == FED_RETRACT) {
        whole = pair != NULL && pair->ours.offer.state != OFFER_NONE;
        if (whole)
            said->about = pair->ours.offer.place.receipt;
    } else if (said->kind == FED_REVOKE) {
        const struct signature *signature = held(&view, other, &bond);
        whole = signature != NULL;
        if (whole)
            said->about = signature->agreement;
        said->until.us += view.fold.agreements.clock.us;
    } else {
        whole = answer(&view, other, said, body);
    }
    agree_close(&view);
    return whole;
}

bool agree_agreed(const struct world *world, uint32_t one, uint32_t other, char *why, size_t size)
{
    struct tally_hash hashes[2];
    for (unsigned i = 0; i < 2; i++) {
        struct agree_view view;
        struct bond bond;
        uint32_t from = i == 0 ? one : other, to = i == 0 ? other : one;
        agree_open(&view, world, from);
        const struct signature *signature = held(&view, to, &bond);
        if (signature != NULL)
            hashes[i] = signature->agreement;
        agree_close(&view);
        snprintf(why, size, "for n%u there is no agreement with n%u: %s", from + 1, to + 1,
                 tally_agreement_state_name(bond.state));
        if (bond.state != TALLY_AGREEMENT_ACTIVE)
            return false;
    }
    bool same = hash_equal(&hashes[0], &hashes[1]);
    snprintf(why, size, "n%u and n%u hold %s", one + 1, other + 1,
             same ? "the same agreement" : "two agreements");
    return same;
}

bool agree_refused(const struct world *world, uint32_t one, uint32_t other, char *why, size_t size)
{
    for (unsigned i = 0; i < 2; i++) {
        struct agree_view view;
        uint32_t from = i == 0 ? one : other, to = i == 0 ? other : one;
        agree_open(&view, world, from);
        const struct agreement_pair *pair = pair_with(&view, to);
        const struct answer *answer = pair == NULL ? NULL
                                      : i == 0     ? &pair->theirs.answer
                                                   : &pair->ours.answer;
        enum tally_proposal_state state =
            pair == NULL ? TALLY_PROPOSAL_NONE
                         : agreement_proposal(pair, i == 0, view.fold.agreements.clock);
        bool refused = state == TALLY_PROPOSAL_REJECTED && answer->refusal != TALLY_REFUSAL_NONE;
        agree_close(&view);
        snprintf(why, size, "for n%u the offer of n%u to n%u is %s", from + 1, one + 1, other + 1,
                 tally_proposal_state_name(state));
        if (!refused)
            return false;
    }
    return true;
}
