/* SPDX-License-Identifier: Apache-2.0 */
#include "core/federation/agreement.h"

#include "core/base/bytes.h"
#include "core/base/fsm.h"

#include <assert.h>

static const fsm_moves offers[OFFER_STATES] = {
    [OFFER_NONE] = TO(OFFER_STANDING),
    [OFFER_STANDING] = TO(OFFER_STANDING) | TO(OFFER_RETRACTED) | TO(OFFER_SIGNED),
    [OFFER_RETRACTED] = TO(OFFER_STANDING),
    [OFFER_SIGNED] = TO(OFFER_STANDING),
};

void agreements_init(struct agreements *agreements, const struct tally_key *self,
                     struct agreement_pair *pairs, size_t capacity)
{
    *agreements = (struct agreements){.self = *self, .pairs = pairs, .capacity = capacity};
}

static size_t place_of(const struct agreements *agreements, const struct tally_key *key)
{
    size_t low = 0, high = agreements->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(agreements->pairs[middle].key.bytes, key->bytes, sizeof key->bytes) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct agreement_pair *find(const struct agreements *agreements, const struct tally_key *key)
{
    size_t place = place_of(agreements, key);
    bool there = place < agreements->count && key_equal(&agreements->pairs[place].key, key);
    return there ? &agreements->pairs[place] : NULL;
}

const struct agreement_pair *agreements_find(const struct agreements *agreements,
                                             const struct tally_key *key)
{
    return find(agreements, key);
}

/* ---- One stance, by its own log. ---- */

static bool answered(const struct stance *stance, const struct tally_hash *offer)
{
    return stance->answer.said != ANSWER_NONE && hash_equal(&stance->answer.offer, offer);
}

static const struct signature *signature_find(const struct stance *stance,
                                              const struct tally_hash *agreement)
{
    for (unsigned i = 0; i < SIGNATURES; i++)
        if (stance->signatures[i].given && hash_equal(&stance->signatures[i].agreement, agreement))
            return &stance->signatures[i];
    return NULL;
}

/* A first agreement while none was replaced, or one that replaces what its signer signed. */
static bool may_sign(const struct stance *stance, const struct tally_fed_agreement *agreement)
{
    if (!agreement->has_replaces)
        return !stance->signatures[SIGNED_BASE].given;
    return signature_find(stance, &agreement->replaces) != NULL;
}

static enum agreement_verdict judge_establish(const struct stance *stance,
                                              const struct fed_statement *statement)
{
    struct tally_hash hash;
    if (stance->offer.state == OFFER_SIGNED &&
        hash_equal(&stance->offer.place.receipt, &statement->about))
        return AGREEMENT_FORBIDDEN;
    if (stance->offer.state != OFFER_STANDING ||
        !hash_equal(&stance->offer.place.receipt, &statement->about))
        return AGREEMENT_STALE;
    terms_hash(&statement->agreement, &hash);
    if (!hash_equal(&stance->offer.agreement, &hash))
        return AGREEMENT_ALTERED;
    return may_sign(stance, &statement->agreement) ? AGREEMENT_TAKEN : AGREEMENT_FORBIDDEN;
}

static enum agreement_verdict judge_propose(const struct stance *stance,
                                            const struct fed_statement *statement)
{
    bool late = statement->has_about && answered(stance, &statement->about);
    return late ? AGREEMENT_FORBIDDEN : AGREEMENT_TAKEN;
}

static enum agreement_verdict judge_accept(const struct stance *stance,
                                           const struct fed_statement *statement)
{
    bool good = !answered(stance, &statement->about) && may_sign(stance, &statement->agreement);
    return good ? AGREEMENT_TAKEN : AGREEMENT_FORBIDDEN;
}

static enum agreement_verdict judge_reject(const struct stance *stance,
                                           const struct fed_statement *statement)
{
    return answered(stance, &statement->about) ? AGREEMENT_FORBIDDEN : AGREEMENT_TAKEN;
}

static enum agreement_verdict judge_retract(const struct stance *stance,
                                            const struct fed_statement *statement)
{
    bool good = stance->offer.state == OFFER_STANDING &&
                hash_equal(&stance->offer.place.receipt, &statement->about);
    return good ? AGREEMENT_TAKEN : AGREEMENT_STALE;
}

static enum agreement_verdict judge_revoke(const struct stance *stance,
                                           const struct fed_statement *statement)
{
    const struct signature *signature = signature_find(stance, &statement->about);
    if (signature == NULL)
        return AGREEMENT_STALE;
    return signature->revoked ? AGREEMENT_FORBIDDEN : AGREEMENT_TAKEN;
}

/* ---- Taking. ---- */

static struct agreement_pair *pair_take(struct agreements *agreements, const struct tally_key *key,
                                        bool ours)
{
    size_t place = place_of(agreements, key);
    struct agreement_pair *pair = &agreements->pairs[place];
    if (place == agreements->count || !key_equal(&pair->key, key)) {
        memmove(pair + 1, pair, (agreements->count - place) * sizeof *pair);
        *pair = (struct agreement_pair){.key = *key};
        agreements->count++;
        agreements->suitors++;
    }
    if (ours && !pair->ours.spoke) {
        agreements->suitors--;
        pair->again = true;
    }
    return pair;
}

static void answer(struct stance *stance, enum answer_said said, const struct tally_hash *offer,
                   uint64_t index)
{
    stance->answer = (struct answer){.said = said, .offer = *offer, .index = index};
}

static void take_propose(struct stance *stance, const struct tally_key *issuer,
                         const struct fed_statement *statement, const struct agreement_place *place)
{
    struct offer *offer = &stance->offer;
    const struct tally_fed_agreement agreement = terms_offered(statement, issuer, &place->receipt);
    FSM_MOVE(offers, &offer->state, OFFER_STANDING);
    offer->place = *place;
    offer->counter = statement->has_about;
    offer->previous = statement->about;
    offer->has_replaces = agreement.has_replaces;
    offer->replaces = agreement.replaces;
    offer->expires = statement->until;
    offer->level = (enum tally_trust)agreement.level;
    offer->shares = agreement.terms.shares;
    terms_hash(&agreement, &offer->agreement);
    if (statement->has_about)
        answer(stance, ANSWER_COUNTERED, &statement->about, place->index);
}

static void sign(struct stance *stance, bool proposer, const struct fed_statement *statement,
                 uint64_t index)
{
    const struct tally_fed_agreement *agreement = &statement->agreement;
    struct signature *list = stance->signatures;
    for (unsigned i = SIGNED_PROPOSER; agreement->has_replaces && i <= SIGNED_ACCEPTOR; i++)
        if (list[i].given && hash_equal(&list[i].agreement, &agreement->replaces)) {
            list[SIGNED_BASE] = list[i];
            list[SIGNED_PROPOSER].given = list[SIGNED_ACCEPTOR].given = false;
        }
    struct signature *signature = &list[proposer ? SIGNED_PROPOSER : SIGNED_ACCEPTOR];
    *signature = (struct signature){.given = true,
                                    .proposer = proposer,
                                    .has_replaces = agreement->has_replaces,
                                    .replaces = agreement->replaces,
                                    .index = index,
                                    .level = (enum tally_trust)agreement->level,
                                    .verify_s = agreement->terms.verify_s,
                                    .retention_days = agreement->terms.retention_days,
                                    .notice_days = agreement->terms.notice_days};
    terms_hash(agreement, &signature->agreement);
    terms_scrolls(&agreement->terms, &signature->scrolls);
}

static void take_accept(struct stance *stance, const struct tally_key *issuer,
                        const struct fed_statement *statement, const struct agreement_place *place)
{
    sign(stance, false, statement, place->index);
    answer(stance, ANSWER_ACCEPTED, &statement->about, place->index);
}

static void take_establish(struct stance *stance, const struct tally_key *issuer,
                           const struct fed_statement *statement,
                           const struct agreement_place *place)
{
    sign(stance, true, statement, place->index);
    FSM_MOVE(offers, &stance->offer.state, OFFER_SIGNED);
}

static void take_reject(struct stance *stance, const struct tally_key *issuer,
                        const struct fed_statement *statement, const struct agreement_place *place)
{
    answer(stance, ANSWER_REJECTED, &statement->about, place->index);
    stance->answer.refusal = statement->refusal;
}

static void take_retract(struct stance *stance, const struct tally_key *issuer,
                         const struct fed_statement *statement, const struct agreement_place *place)
{
    FSM_MOVE(offers, &stance->offer.state, OFFER_RETRACTED);
}

static void take_revoke(struct stance *stance, const struct tally_key *issuer,
                        const struct fed_statement *statement, const struct agreement_place *place)
{
    struct signature *signature = (struct signature *)signature_find(stance, &statement->about);
    signature->revoked = true;
    signature->revoked_days = statement->notice_days;
    signature->revoked_index = place->index;
    signature->effective = statement->until;
}

/* ---- Each kind of statement about an agreement. ---- */

/* Those that are not named here are about something else (fed_agrees). */
static const struct {
    enum agreement_verdict (*judge)(const struct stance *stance,
                                    const struct fed_statement *statement);
    void (*take)(struct stance *stance, const struct tally_key *issuer,
                 const struct fed_statement *statement, const struct agreement_place *place);
} deals[FED_KINDS] = {
    [FED_PROPOSE] = {judge_propose, take_propose},       [FED_ACCEPT] = {judge_accept, take_accept},
    [FED_ESTABLISH] = {judge_establish, take_establish}, [FED_REJECT] = {judge_reject, take_reject},
    [FED_RETRACT] = {judge_retract, take_retract},       [FED_REVOKE] = {judge_revoke, take_revoke},
};

/* Whether its issuer is the one that its kind has speak. */
static bool in_role(const struct tally_key *issuer, const struct fed_statement *statement)
{
    if (statement->kind == FED_ACCEPT)
        return key_equal(&statement->agreement.acceptor, issuer);
    return statement->kind != FED_ESTABLISH || key_equal(&statement->agreement.proposer, issuer);
}

/* Whether there is a place for the pair. Those who speak first have a quarter to themselves, so
   they take none from whom we speak to: whom we may is a matter of our own log alone. */
static bool room(const struct agreements *agreements, const struct agreement_pair *pair, bool ours)
{
    size_t quarter = agreements->capacity / 4;
    size_t suitors = quarter < TALLY_SUITORS_MAX ? quarter : TALLY_SUITORS_MAX;
    if (pair != NULL && (!ours || pair->ours.spoke))
        return true;
    if (!ours)
        return agreements->suitors < suitors;
    return agreements->count - agreements->suitors < agreements->capacity - suitors;
}

enum agreement_verdict agreements_judge(const struct agreements *agreements,
                                        const struct tally_key *issuer,
                                        const struct fed_statement *statement)
{
    static const struct stance silent = {.spoke = false};
    bool ours = key_equal(issuer, &agreements->self);
    const struct tally_key *other = ours ? &statement->party : issuer;
    if (statement->kind >= FED_KINDS || deals[statement->kind].judge == NULL)
        return AGREEMENT_ELSEWHERE;
    if (key_equal(&statement->party, issuer))
        return AGREEMENT_SELF;
    if (!ours && !key_equal(&statement->party, &agreements->self))
        return AGREEMENT_ELSEWHERE;
    if (!in_role(issuer, statement))
        return AGREEMENT_ROLE;
    const struct agreement_pair *pair = find(agreements, other);
    const struct stance *stance = pair == NULL ? &silent : ours ? &pair->ours : &pair->theirs;
    enum agreement_verdict verdict = deals[statement->kind].judge(stance, statement);
    if (verdict == AGREEMENT_TAKEN && !room(agreements, pair, ours))
        return AGREEMENT_FULL;
    return verdict;
}

enum agreement_verdict agreements_take(struct agreements *agreements,
                                       const struct tally_key *issuer,
                                       const struct fed_statement *statement,
                                       const struct agreement_place *place)
{
    bool ours = key_equal(issuer, &agreements->self);
    enum agreement_verdict verdict = agreements_judge(agreements, issuer, statement);
    if (!ours)
        agreements->counts[verdict]++;
    if (verdict != AGREEMENT_TAKEN)
        return verdict;
    struct agreement_pair *pair = pair_take(agreements, ours ? &statement->party : issuer, ours);
    struct stance *stance = ours ? &pair->ours : &pair->theirs;
    deals[statement->kind].take(stance, issuer, statement, place);
    stance->spoke = pair->touched = true;
    stance->index = place->index;
    stance->spoken = place->time;
    return AGREEMENT_TAKEN;
}

void agreements_lost(struct agreements *agreements, const struct tally_key *issuer)
{
    struct agreement_pair *pair = find(agreements, issuer);
    if (pair != NULL)
        pair->theirs.lost = pair->touched = true;
}

void agreements_suspend(struct agreements *agreements, const struct tally_key *party,
                        bool suspended)
{
    struct agreement_pair *pair = find(agreements, party);
    if (pair == NULL || pair->suspended == suspended)
        return;
    pair->suspended = suspended;
    pair->touched = true;
}

void agreements_forget(struct agreements *agreements, const struct tally_key *issuer)
{
    struct agreement_pair *pair = find(agreements, issuer);
    if (pair == NULL)
        return;
    if (pair->ours.spoke) {
        pair->theirs = (struct stance){.spoke = false};
        pair->touched = true;
        return;
    }
    size_t behind = agreements->count - (size_t)(pair - agreements->pairs) - 1;
    memmove(pair, pair + 1, behind * sizeof *pair);
    agreements->count--;
    agreements->suitors--;
}

const char *agreement_verdict_name(enum agreement_verdict verdict)
{
    static const char *const words[] = {
#define X(name, word, text) [AGREEMENT_##name] = word,
        AGREEMENT_VERDICTS(X)
#undef X
    };
    return verdict < AGREEMENT_VERDICT_COUNT ? words[verdict] : "unknown";
}

const char *agreement_verdict_text(enum agreement_verdict verdict)
{
    static const char *const texts[] = {
#define X(name, word, text) [AGREEMENT_##name] = text,
        AGREEMENT_VERDICTS(X)
#undef X
    };
    return verdict < AGREEMENT_VERDICT_COUNT ? texts[verdict] : "unknown";
}
