/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FEDERATION_FOLD_H
#define FEDERATION_FOLD_H
/*
 * Trust, as one node's statements make it: a pure fold over them in their order. No file, table or
 * message changes it by itself, and the same statements give the same state on every machine.
 *
 *     STRANGER ──admit──▶ ADMITTED ──withdraw──▶ WITHDRAWN        level: ADMITTED to ADMITTED
 *                            ▲────────admit──────────┘
 *
 *     UNSAID ──mode──▶ STRICT ◀──mode──▶ OPEN
 *
 * What a table does not permit changes nothing, and is counted by its verdict. Whom we trust we say
 * ourselves; of other parties' statements those count that are addressed to us and of agreements,
 * each in its issuer's own stance (agreement.h), and the verdicts of arbiters that we named
 * (discrepancy.h), which is why it matters only in which order one log is folded, not which log
 * comes first. What others say of their own keys stands beside the fold (revoked.h), and has no
 * order at all. Of a key that is revoked the log counts as far as the revocation says; a log of
 * statements of which this node states that it was forked does not count at all, for each half of a
 * mesh holds another branch of it. A key that took over from another has its standing, as long as
 * nothing else was stated of it; and what the keys stated that this node had before is its own.
 */
#include "core/federation/bond.h"
#include "core/federation/discrepancy.h"
#include "core/federation/outside.h"
#include "core/federation/reception.h"
#include "core/federation/revoked.h"
#include "core/federation/schemas.h"
#include "core/federation/words.h"
#include "tally/limits.h"

struct fold {
    const struct revoked *revoked; /* Lent; NULL: no key is revoked. Not part of the hash. */
    size_t count;                  /* Of parties. */
    uint64_t lost;                 /* Statements that could not be read. */
    enum tally_mode mode;
    bool listed;                  /* Somebody was admitted above ISOLATED, ever: an allowlist. */
    struct agreements agreements; /* None unless memory was lent for them. */
    struct tally_key self;        /* Whose statements these are. */
    bool ended;                   /* It revoked itself: it states nothing more. */
    uint64_t ended_at;            /* The index of that statement. */
    bool has_key[FED_KEYS_COUNT]; /* The keys it named beside its own; the recovery key stays. */
    struct tally_key keys[FED_KEYS_COUNT];
    uint64_t keys_at;        /* The index of that statement. */
    enum fed_kind last_kind; /* The last statement that counted, and whom it was about. */
    struct tally_key last;
    struct tally_party *parties; /* In the order of their keys. */
    size_t capacity;
    /* Lent as `parties` are, after fold_init; NULL: such statements are passed over. */
    struct discrepancies *discrepancies;
    struct schemas *schemas;
    struct outsides *outsides;
    struct receptions *receptions;     /* What others stated of theirs, for who asks. */
    struct reception reception;        /* Which proposals are answered at all. */
    uint64_t refusals[TALLY_REFUSALS]; /* Of ours, by reason. */
    uint64_t counts[FOLD_VERDICT_COUNT];
};

/* `parties` is memory for so many, lent for the fold's life. What is folded beyond
   TALLY_PARTIES_MAX differs from what others fold, so hosts give that many; the simulator gives
   fewer. */
void fold_init(struct fold *fold, const struct tally_key *self, struct tally_party *parties,
               size_t capacity);

/* As after fold_init, with all that was lent. */
void fold_reset(struct fold *fold);

/* Memory for so many pairs, lent as `parties` is; before the first statement. */
void fold_lend(struct fold *fold, struct agreement_pair *pairs, size_t capacity);

/* What a statement by that issuer would be, now; changes nothing. */
enum fold_verdict fold_judge(const struct fold *fold, const struct tally_key *issuer,
                             const struct fed_statement *statement);

/* The next statement of an issuer's log: its type, its body, its index. Taken if it is permitted,
   and counted whatever it is. */
enum fold_verdict fold_take(struct fold *fold, const struct tally_key *issuer,
                            struct tally_bytes type, struct tally_bytes body, uint64_t index);

/* The same, where the receipt's hash and time matter too: for agreements they do. */
enum fold_verdict fold_take_at(struct fold *fold, const struct tally_key *issuer,
                               struct tally_bytes type, struct tally_bytes body,
                               const struct agreement_place *place);

/* The next statement of another party's log. Counted in `agreements` if it is addressed to us. */
void fold_hear(struct fold *fold, const struct tally_key *issuer, struct tally_bytes type,
               struct tally_bytes body, const struct agreement_place *place);

/* What another party stated does not count any more, until its log is heard again from the
   beginning: how far it is good has changed. */
void fold_forget(struct fold *fold, const struct tally_key *issuer);

/* Whether nothing counts that another party states: it signed two histories of that, we stated. */
bool fold_void(const struct fold *fold, const struct tally_key *issuer);

/* One that the disk did not give back. Nobody knows what it said, so strangers may nothing. */
void fold_lost(struct fold *fold);

/* Whether a party is one of ours at that level or above, admitted by us or by an agreement that we
   signed (agreements_pledged); we are at all. */
bool fold_trusts(const struct fold *fold, const struct tally_key *key, enum tally_trust level);

/* What was said of a key; NULL: nothing. */
const struct tally_party *fold_find(const struct fold *fold, const struct tally_key *key);

/* What applies to a key: what was said of it, or of the key from which it took over, or that one's
   elder. NULL: nothing. */
const struct tally_party *fold_standing(const struct fold *fold, const struct tally_key *key);

/* Whether a key is this node's own: it is, or a key from which it took over. */
bool fold_own(const struct fold *fold, const struct tally_key *key);

/* Whether a stranger may nothing. Once there is an allowlist it is strict, also when all of it was
   withdrawn: it never falls open by itself. */
bool fold_strict(const struct fold *fold);

/* SHA-256 over the state and nothing else, so that two machines can compare: not over counts, nor
   over statements without effect. */
void fold_hash(const struct fold *fold, struct tally_hash *hash);

void fold_status(const struct fold *fold, struct tally_trust_status *status);

const char *fold_verdict_text(enum fold_verdict verdict);

bool fold_holds(const struct fold *fold);

#endif
