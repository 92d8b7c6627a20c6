/* SPDX-License-Identifier: Apache-2.0 */
/* What two stances come to. Nothing here remembers anything. */
#include "core/federation/bond.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"

static const enum tally_proposal_state joined[OFFER_STATES][ANSWER_COUNT] = {
    [OFFER_NONE] = {TALLY_PROPOSAL_NONE, TALLY_PROPOSAL_NONE, TALLY_PROPOSAL_NONE,
                    TALLY_PROPOSAL_NONE},
    [OFFER_STANDING] = {TALLY_PROPOSAL_OPEN, TALLY_PROPOSAL_ACCEPTED, TALLY_PROPOSAL_REJECTED,
                        TALLY_PROPOSAL_COUNTERED},
    [OFFER_RETRACTED] = {TALLY_PROPOSAL_WITHDRAWN, TALLY_PROPOSAL_WITHDRAWN,
                         TALLY_PROPOSAL_WITHDRAWN, TALLY_PROPOSAL_WITHDRAWN},
    [OFFER_SIGNED] = {TALLY_PROPOSAL_SIGNED, TALLY_PROPOSAL_AGREED, TALLY_PROPOSAL_REJECTED,
                      TALLY_PROPOSAL_COUNTERED},
};

/* Whom a node addressed may read what it states for so long after: to learn of its answer, or that
   it revoked. */
#define TALK_US (INT64_C(30) * 86400 * 1000000)

enum tally_proposal_state agreement_proposal(const struct agreement_pair *pair, bool ours,
                                             struct tally_wall clock)
{
    const struct stance *proposer = ours ? &pair->ours : &pair->theirs;
    const struct stance *other = ours ? &pair->theirs : &pair->ours;
    bool to_it = hash_equal(&other->answer.offer, &proposer->offer.place.receipt);
    enum tally_proposal_state state =
        joined[proposer->offer.state][to_it ? other->answer.said : ANSWER_NONE];
    bool waits = state == TALLY_PROPOSAL_OPEN || state == TALLY_PROPOSAL_ACCEPTED;
    return waits && clock.us > proposer->offer.expires.us ? TALLY_PROPOSAL_EXPIRED : state;
}

/* ---- What holds. ---- */

/* The other's signature under the same bytes, in the other role. */
static const struct signature *countersigned(const struct agreement_pair *pair,
                                             const struct signature *ours)
{
    for (unsigned i = 0; ours->given && i < SIGNATURES; i++) {
        const struct signature *theirs = &pair->theirs.signatures[i];
        if (theirs->given && theirs->proposer != ours->proposer &&
            hash_equal(&theirs->agreement, &ours->agreement))
            return theirs;
    }
    return NULL;
}

static bool replaced(const struct agreement_pair *pair, const struct signature *signature)
{
    for (unsigned i = 0; i < SIGNATURES; i++) {
        const struct signature *later = &pair->ours.signatures[i];
        if (later->has_replaces && hash_equal(&later->replaces, &signature->agreement) &&
            countersigned(pair, later) != NULL)
            return true;
    }
    return false;
}

static const struct signature *holding(const struct agreement_pair *pair)
{
    const struct signature *best = NULL;
    for (unsigned i = 0; i < SIGNATURES; i++) {
        const struct signature *one = &pair->ours.signatures[i];
        if (countersigned(pair, one) == NULL || replaced(pair, one))
            continue;
        if (best == NULL || memcmp(one->agreement.bytes, best->agreement.bytes, 32) < 0)
            best = one;
    }
    return best;
}

static void state_of(const struct agreement_pair *pair, struct tally_wall clock, struct bond *bond)
{
    const struct signature *ours = bond->signature, *theirs = bond->theirs;
    bond->state = TALLY_AGREEMENT_ACTIVE;
    bond->level = ours->level;
    if (ours->revoked || theirs->revoked) {
        bool first =
            ours->revoked && (!theirs->revoked || ours->effective.us <= theirs->effective.us);
        bond->effective = first ? ours->effective : theirs->effective;
        bond->state = TALLY_AGREEMENT_NOTICE;
        bond->level = TALLY_TRUST_OBSERVE;
    }
    /* A statement that cannot be read may have been a revocation. */
    if (pair->theirs.lost ||
        (bond->state == TALLY_AGREEMENT_NOTICE && clock.us >= bond->effective.us)) {
        bond->state = TALLY_AGREEMENT_ENDED;
        bond->level = TALLY_TRUST_ISOLATED;
    } else if (pair->suspended) {
        bond->state = TALLY_AGREEMENT_SUSPENDED;
        bond->level = TALLY_TRUST_ISOLATED;
    }
}

void agreement_bond(const struct agreement_pair *pair, struct tally_wall clock, struct bond *bond)
{
    const struct stance *ours = &pair->ours;
    *bond = (struct bond){.signature = holding(pair)};
    if (bond->signature != NULL) {
        bond->theirs = countersigned(pair, bond->signature);
        state_of(pair, clock, bond);
    }
    bool awaits = ours->offer.state == OFFER_STANDING && clock.us <= ours->offer.expires.us;
    bool told = bond->state == TALLY_AGREEMENT_ENDED && clock.us - TALK_US < bond->effective.us;
    bond->talks = ours->spoke &&
                  (awaits || told || clock.us - TALK_US < ours->spoken.us ||
                   bond->state == TALLY_AGREEMENT_ACTIVE || bond->state == TALLY_AGREEMENT_NOTICE ||
                   bond->state == TALLY_AGREEMENT_SUSPENDED);
}

enum tally_trust agreements_pledged(const struct agreements *agreements,
                                    const struct tally_key *party)
{
    const struct agreement_pair *pair = agreements_find(agreements, party);
    const struct signature *last = NULL;
    for (unsigned i = 0; pair != NULL && i < SIGNATURES; i++) {
        const struct signature *one = &pair->ours.signatures[i];
        if (one->given && (last == NULL || one->index > last->index))
            last = one;
    }
    return last != NULL && !last->revoked && !pair->suspended ? last->level : TALLY_TRUST_ISOLATED;
}

uint32_t agreements_verify_s(const struct agreements *agreements, const struct tally_key *party)
{
    const struct agreement_pair *pair = agreements_find(agreements, party);
    struct bond bond;
    if (pair == NULL)
        return 0;
    agreement_bond(pair, agreements->clock, &bond);
    return bond.state == TALLY_AGREEMENT_ACTIVE ? bond.signature->verify_s : 0;
}

uint32_t agreements_retention_days(const struct agreements *agreements,
                                   const struct revoked *revoked, const struct tally_key *issuer,
                                   struct tally_bytes name_space)
{
    uint32_t most = 0;
    bool agreed = false;
    for (size_t i = 0; i < agreements->count; i++) {
        const struct agreement_pair *pair = &agreements->pairs[i];
        struct bond bond;
        agreement_bond(pair, agreements->clock, &bond);
        bool party = key_equal(&pair->key, issuer) || revoked_precedes(revoked, issuer, &pair->key);
        if (bond.signature == NULL || !terms_share(&bond.signature->scrolls, name_space) ||
            (!party && bond.level < TALLY_TRUST_INTEGRATE))
            continue;
        if (bond.signature->retention_days == 0 || pair->theirs.lost)
            return 0;
        agreed |= party;
        if (most < bond.signature->retention_days)
            most = bond.signature->retention_days;
    }
    return agreed ? most : 0;
}

/* ---- Our own next words. ---- */

static const struct signature *accepted(const struct stance *stance,
                                        const struct tally_hash *agreement)
{
    for (unsigned i = 0; i < SIGNATURES; i++)
        if (stance->signatures[i].given && !stance->signatures[i].proposer &&
            hash_equal(&stance->signatures[i].agreement, agreement))
            return &stance->signatures[i];
    return NULL;
}

bool agreement_due(const struct agreements *agreements, const struct agreement_pair *pair)
{
    return agreement_proposal(pair, true, agreements->clock) == TALLY_PROPOSAL_ACCEPTED &&
           accepted(&pair->theirs, &pair->ours.offer.agreement) != NULL;
}

/* What a new offer must say it replaces: what holds, or held last. */
static bool replaces_rightly(const struct agreement_pair *pair, bool has_replaces,
                             const struct tally_hash *replaces)
{
    const struct signature *held = pair != NULL ? holding(pair) : NULL;
    if (held == NULL || !has_replaces)
        return held == NULL && !has_replaces;
    return hash_equal(replaces, &held->agreement);
}

/* An offer of theirs that may still be answered. */
static enum agreement_verdict answerable(const struct agreements *agreements,
                                         const struct agreement_pair *pair,
                                         const struct tally_hash *offer)
{
    if (pair == NULL || !hash_equal(&pair->theirs.offer.place.receipt, offer))
        return AGREEMENT_STALE;
    switch (agreement_proposal(pair, false, agreements->clock)) {
    case TALLY_PROPOSAL_OPEN:
        return AGREEMENT_TAKEN;
    case TALLY_PROPOSAL_EXPIRED:
        return AGREEMENT_EXPIRED;
    case TALLY_PROPOSAL_ACCEPTED:
    case TALLY_PROPOSAL_AGREED:
    case TALLY_PROPOSAL_COUNTERED:
    case TALLY_PROPOSAL_REJECTED:
        return AGREEMENT_FORBIDDEN;
    case TALLY_PROPOSAL_NONE:
    case TALLY_PROPOSAL_SIGNED:
    case TALLY_PROPOSAL_WITHDRAWN:
    case TALLY_PROPOSAL_STATES:
        break;
    }
    return AGREEMENT_STALE;
}

static enum agreement_verdict advise_propose(const struct agreements *agreements,
                                             const struct agreement_pair *pair,
                                             const struct fed_statement *statement)
{
    const struct tally_fed_agreement *offer = &statement->agreement;
    enum agreement_verdict verdict = AGREEMENT_TAKEN;
    if (statement->until.us <= agreements->clock.us)
        return AGREEMENT_EXPIRED;
    if (statement->has_about)
        verdict = answerable(agreements, pair, &statement->about);
    if (verdict == AGREEMENT_TAKEN &&
        !replaces_rightly(pair, offer->has_replaces, &offer->replaces))
        return AGREEMENT_STALE;
    return verdict;
}

static enum agreement_verdict advise_accept(const struct agreements *agreements,
                                            const struct agreement_pair *pair,
                                            const struct fed_statement *statement)
{
    struct tally_hash hash;
    enum agreement_verdict verdict = answerable(agreements, pair, &statement->about);
    if (verdict != AGREEMENT_TAKEN)
        return verdict;
    terms_hash(&statement->agreement, &hash);
    if (!hash_equal(&hash, &pair->theirs.offer.agreement))
        return AGREEMENT_ALTERED;
    return replaces_rightly(pair, statement->agreement.has_replaces, &statement->agreement.replaces)
               ? AGREEMENT_TAKEN
               : AGREEMENT_STALE;
}

enum agreement_verdict agreements_advise(const struct agreements *agreements,
                                         const struct fed_statement *statement)
{
    enum agreement_verdict verdict = agreements_judge(agreements, &agreements->self, statement);
    const struct agreement_pair *pair = agreements_find(agreements, &statement->party);
    if (verdict != AGREEMENT_TAKEN)
        return verdict;
    if (statement->kind == FED_PROPOSE)
        return advise_propose(agreements, pair, statement);
    if (statement->kind == FED_ACCEPT)
        return advise_accept(agreements, pair, statement);
    if (statement->kind == FED_ESTABLISH)
        return agreement_due(agreements, pair) ? AGREEMENT_TAKEN : AGREEMENT_STALE;
    if (statement->kind == FED_REJECT)
        verdict = answerable(agreements, pair, &statement->about);
    /* What has expired may be rejected still; the rest was judged. */
    return verdict == AGREEMENT_EXPIRED ? AGREEMENT_TAKEN : verdict;
}

/* ---- What is to be told. ---- */

enum agreement_verdict agreement_lie(const struct agreement_pair *pair)
{
    const struct signature *claimed = &pair->theirs.signatures[SIGNED_ACCEPTOR];
    const struct offer *offer = &pair->ours.offer;
    if (!claimed->given || countersigned(pair, claimed) != NULL ||
        hash_equal(&claimed->agreement, &offer->agreement))
        return AGREEMENT_TAKEN;
    for (unsigned i = 0; i < SIGNATURES; i++)
        if (pair->ours.signatures[i].given &&
            hash_equal(&pair->ours.signatures[i].agreement, &claimed->agreement))
            return AGREEMENT_TAKEN;
    return pair->theirs.answer.said == ANSWER_ACCEPTED && offer->state != OFFER_NONE &&
                   hash_equal(&pair->theirs.answer.offer, &offer->place.receipt)
               ? AGREEMENT_ALTERED
               : AGREEMENT_STALE;
}

struct agreement_pair *agreements_touched(struct agreements *agreements)
{
    for (size_t i = 0; i < agreements->count; i++)
        if (agreements->pairs[i].touched) {
            agreements->pairs[i].touched = false;
            return &agreements->pairs[i];
        }
    return NULL;
}

void agreement_look(struct agreement_pair *pair, struct tally_wall clock, struct bond *bond,
                    bool *changed, bool *offered)
{
    const struct tally_hash *offer = &pair->theirs.offer.place.receipt;
    struct agreement_seen *seen = &pair->seen;
    agreement_bond(pair, clock, bond);
    struct tally_hash agreement = {{0}};
    if (bond->signature != NULL)
        agreement = bond->signature->agreement;
    *changed = bond->state != seen->state || bond->level != seen->level ||
               bond->talks != seen->talks || !hash_equal(&agreement, &seen->agreement);
    *offered = !hash_equal(offer, &seen->offer) &&
               agreement_proposal(pair, false, clock) == TALLY_PROPOSAL_OPEN;
    *seen = (struct agreement_seen){.any = true,
                                    .state = bond->state,
                                    .level = bond->level,
                                    .talks = bond->talks,
                                    .agreement = agreement,
                                    .offer = *offer};
}

bool agreements_next_end(const struct agreements *agreements, struct tally_wall *end)
{
    bool any = false;
    for (size_t i = 0; i < agreements->count; i++) {
        struct bond bond;
        agreement_bond(&agreements->pairs[i], agreements->clock, &bond);
        if (bond.state == TALLY_AGREEMENT_NOTICE && (!any || bond.effective.us < end->us)) {
            *end = bond.effective;
            any = true;
        }
    }
    return any;
}

/* ---- The whole state as one hash. ---- */

static void mix(struct tally_hash *hash, struct tally_bytes bytes)
{
    struct tally_hash before = *hash;
    hash_sha256_two(bytes_of(before.bytes, sizeof before.bytes), bytes, hash);
}

static void mix_number(struct tally_hash *hash, uint64_t number)
{
    uint8_t bytes[8];
    be64_write(bytes, number);
    mix(hash, bytes_of(bytes, sizeof bytes));
}

static void mix_signature(struct tally_hash *hash, const struct signature *signature)
{
    mix_number(hash, signature->given);
    if (!signature->given)
        return;
    mix_number(hash, signature->proposer);
    mix(hash, bytes_of(signature->agreement.bytes, sizeof signature->agreement.bytes));
    mix_number(hash, signature->index);
    mix_number(hash, signature->revoked);
    mix_number(hash, (uint64_t)signature->effective.us);
}

static void mix_stance(struct tally_hash *hash, const struct stance *stance)
{
    mix_number(hash, stance->index);
    mix_number(hash, stance->lost);
    mix_number(hash, stance->offer.state);
    mix(hash, bytes_of(stance->offer.place.receipt.bytes, 32));
    mix_number(hash, stance->answer.said);
    mix_number(hash, stance->answer.refusal);
    mix(hash, bytes_of(stance->answer.offer.bytes, 32));
    for (unsigned i = 0; i < SIGNATURES; i++)
        mix_signature(hash, &stance->signatures[i]);
}

void agreements_hash(const struct agreements *agreements, struct tally_hash *hash)
{
    static const char domain[] = "tally agreements 1\n";
    hash_sha256_two(bytes_of(domain, sizeof domain - 1),
                    bytes_of(agreements->self.bytes, sizeof agreements->self.bytes), hash);
    for (size_t i = 0; i < agreements->count; i++) {
        const struct agreement_pair *pair = &agreements->pairs[i];
        if (!pair->ours.spoke)
            continue;
        mix(hash, bytes_of(pair->key.bytes, sizeof pair->key.bytes));
        mix_stance(hash, &pair->ours);
        mix_stance(hash, &pair->theirs);
    }
}

bool agreements_holds(const struct agreements *agreements)
{
    size_t suitors = 0;
    for (size_t i = 0; i < agreements->count; i++) {
        const struct agreement_pair *pair = &agreements->pairs[i];
        suitors += !pair->ours.spoke;
        if (key_equal(&pair->key, &agreements->self) ||
            (!pair->ours.spoke && !pair->theirs.spoke) ||
            (i > 0 && memcmp(pair[-1].key.bytes, pair->key.bytes, 32) >= 0))
            return false;
    }
    return suitors == agreements->suitors && agreements->count <= agreements->capacity;
}
