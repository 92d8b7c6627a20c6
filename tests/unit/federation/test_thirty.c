/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thirty parties state what they like about each other; two fork their logs, one is robbed and
 * revokes its key while the thief goes on, one hands over to another. Whatever the order in which
 * the logs, the branches and the revocations reach a node, it folds to the same.
 */
#include "reads_on.h"

#include "core/base/random.h"

#include <limits.h>

enum {
    SEEDS = 1000,
    PARTIES = 30,
    HONEST = 26,
    HEIR = 24,
    ELDER = 25,
    ROBBED = 26,
    LIARS = 28, /* And all behind. */
    STATEMENTS = 420,
    READERS = 3,
    ORDERS = 3,
};

#define DAY (INT64_C(86400) * 1000000)

static struct holder holders[PARTIES];
static struct written logs[PARTIES];
static struct revoke_bytes revocations[2];
static struct copies copies;
static unsigned revocation_count;

/* What was last offered by one to another, and last signed between them. */
static struct {
    bool any;
    struct tally_hash id, signed_hash;
    struct fed_statement said;
} offers[PARTIES][PARTIES];

static uint64_t claims[PARTIES]; /* Index of the last that it made. */

static struct {
    uint64_t taken, active, voided, beyond, inherited, judged;
} seen;

/* A liar says to all what it said before it forked, and then to each half something else. */
static struct tally_hash states(struct random *chance, unsigned who,
                                const struct fed_statement *said)
{
    struct written *written = &logs[who];
    unsigned branch = 0;
    if (who >= LIARS && !written->forked) {
        (void)written_add(&written->logs[1], said);
        written->forked = written->logs[0].count > 3;
    } else if (who >= LIARS)
        branch = (unsigned)random_below(chance, 2);
    return written_add(&written->logs[branch], said);
}

static void draw_offer(struct random *chance, unsigned who, unsigned whom)
{
    struct fed_statement said = {.kind = FED_PROPOSE,
                                 .party = holders[whom].key,
                                 .agreement = {.level = TALLY_TRUST_VERIFY},
                                 .until = {7 * DAY}};
    said.agreement.terms = (struct tally_fed_terms){.scrolls_count = 1,
                                                    .scrolls = {bytes_text("audit")},
                                                    .verify_s = 3600,
                                                    .notice_days = 30,
                                                    .shares = TERMS_BOTH};
    said.agreement.terms.retention_days = (uint16_t)random_below(chance, 4);
    said.has_about = offers[whom][who].any && random_below(chance, 2) == 0;
    said.about = offers[whom][who].id;
    offers[who][whom].id = states(chance, who, &said);
    offers[who][whom].said = said;
    offers[who][whom].any = true;
}

/* By the one to whom it was offered, or by the one who offered. */
static void draw_signature(struct random *chance, unsigned who, unsigned from, unsigned to)
{
    if (!offers[from][to].any)
        return;
    struct fed_statement said = {.kind = who == from ? FED_ESTABLISH : FED_ACCEPT};
    said.agreement =
        terms_offered(&offers[from][to].said, &holders[from].key, &offers[from][to].id);
    if (random_below(chance, 12) == 0)
        said.agreement.terms.retention_days = 77;
    terms_hash(&said.agreement, &offers[from][to].signed_hash);
    (void)states(chance, who, &said);
}

static void draw_answer(struct random *chance, unsigned who, unsigned whom)
{
    static const enum fed_kind kinds[] = {FED_REJECT, FED_RETRACT, FED_REVOKE};
    struct fed_statement said = {.kind = kinds[random_below(chance, 3)],
                                 .party = holders[whom].key,
                                 .about = offers[whom][who].id};
    if (said.kind == FED_RETRACT)
        said.about = offers[who][whom].id;
    if (said.kind == FED_REVOKE) {
        said.about = offers[whom][who].signed_hash;
        said.notice_days = 1;
        said.until.us = (int64_t)random_below(chance, 8) * DAY;
    }
    (void)states(chance, who, &said);
}

static void draw_rights(struct random *chance, unsigned who, unsigned whom)
{
    static const enum fed_kind kinds[] = {FED_ADMIT, FED_ADMIT, FED_LEVEL, FED_WITHDRAW, FED_MODE};
    struct fed_statement said = {.kind = kinds[random_below(chance, 5)],
                                 .party = holders[whom].key,
                                 .level = (enum tally_trust)(2 + random_below(chance, 3))};
    if (said.kind == FED_MODE) {
        said.mode = random_below(chance, 2) ? TALLY_MODE_OPEN : TALLY_MODE_STRICT;
        memset(&said.party, 0, sizeof said.party);
    }
    said.has_roles = said.kind == FED_ADMIT;
    said.roles = said.has_roles ? TALLY_ROLES_ALL : 0;
    (void)states(chance, who, &said);
}

static void claim(struct random *chance, unsigned who, unsigned whom, enum tally_discrepancy type)
{
    struct fed_statement said = {.kind = FED_DISCREPANCY};
    said.discrepancy.type = (uint8_t)type;
    said.discrepancy.party = holders[whom].key;
    said.discrepancy.has_log = true;
    said.discrepancy.log = logs[whom].logs[0].origin_hash;
    claims[who] = logs[who].logs[0].count;
    (void)states(chance, who, &said);
}

/* A case goes to an arbiter, who may have spoken before; or it speaks on any. */
static void draw_dispute(struct random *chance, unsigned who, unsigned whom)
{
    struct fed_statement said = {.kind = FED_RESOLUTION};
    uint64_t what = random_below(chance, 3);
    if (what == 0) {
        claim(chance, who, whom, TALLY_DISCREPANCY_ROOT_MISMATCH);
        return;
    }
    uint64_t subject = claims[what == 1 ? who : whom];
    if (what == 1) {
        said.resolution.subject = subject;
        said.resolution.outcome = TALLY_OUTCOME_ARBITRATION;
        said.resolution.has_arbiter = true;
        said.resolution.arbiter = holders[whom].key;
    } else {
        said.kind = FED_ARBITRATION;
        said.arbitration.reporter = holders[whom].key;
        said.arbitration.subject = subject;
        said.arbitration.holds = random_below(chance, 2) != 0;
    }
    (void)states(chance, who, &said);
}

/* Every other word is among four, so that much comes about between them. */
static unsigned draw_party(struct random *chance)
{
    static const unsigned few[] = {0, HEIR, ELDER, ROBBED, LIARS, 1};
    return random_below(chance, 2) ? few[random_below(chance, 6)]
                                   : (unsigned)random_below(chance, PARTIES);
}

static void draw_statement(struct random *chance)
{
    unsigned who = draw_party(chance), whom = draw_party(chance);
    uint64_t what = random_below(chance, 12);
    if (who == whom || logs[who].logs[0].count > WRITTEN - 16 ||
        logs[who].logs[1].count > WRITTEN - 16)
        return;
    if (what < 3)
        draw_offer(chance, who, whom);
    else if (what < 5)
        draw_signature(chance, who, whom, who);
    else if (what < 6)
        draw_signature(chance, who, who, whom);
    else if (what < 7)
        draw_answer(chance, who, whom);
    else if (what < 9)
        draw_rights(chance, who, whom);
    else
        draw_dispute(chance, who, whom);
}

/* The heir's last case, which another judges, and then otherwise. */
static void draw_case(struct random *chance, unsigned arbiter)
{
    struct fed_statement said = {.kind = FED_LEVEL, .party = holders[arbiter].key};
    said.level = TALLY_TRUST_ATTEST;
    (void)states(chance, HEIR, &said);
    said = (struct fed_statement){.kind = FED_ADMIT, .party = holders[arbiter].key};
    said.level = TALLY_TRUST_ATTEST;
    said.has_roles = true;
    (void)states(chance, HEIR, &said);
    claim(chance, HEIR, 2, TALLY_DISCREPANCY_SIZE_REGRESSION);
    said = (struct fed_statement){.kind = FED_RESOLUTION};
    said.resolution.subject = claims[HEIR];
    said.resolution.outcome = TALLY_OUTCOME_ARBITRATION;
    said.resolution.has_arbiter = true;
    said.resolution.arbiter = holders[arbiter].key;
    (void)states(chance, HEIR, &said);
    for (unsigned i = 0; i < 2; i++) {
        said = (struct fed_statement){.kind = FED_ARBITRATION};
        said.arbitration.reporter = holders[HEIR].key;
        said.arbitration.subject = claims[HEIR];
        said.arbitration.holds = i == 0;
        (void)states(chance, arbiter, &said);
    }
}

/* What it stated so far is good, and nothing behind. */
static void draw_revocation(unsigned who, char successor)
{
    const struct revoke revoke = {.party = (char)('A' + who),
                                  .successor = successor,
                                  .index = logs[who].logs[0].count,
                                  .reason = TALLY_REVOKED_COMPROMISED};
    const struct fed_statement said = revoke_statement(&revoke);
    (void)written_add(&logs[who].logs[0], &said);
    (void)revoke_make(&revoke, &revocations[revocation_count++]);
}

static void draw(struct random *chance)
{
    revocation_count = 0;
    memset(offers, 0, sizeof offers);
    for (unsigned i = 0; i < PARTIES; i++)
        for (unsigned branch = 0; branch < 2; branch++) {
            struct log_written *log = &logs[i].logs[branch];
            logs[i].forked = false;
            log->count = 0;
            log->key = holders[i].key;
            replay_origin(&log->key, &log->origin_hash);
        }
    for (unsigned i = 0; i < STATEMENTS; i++) {
        draw_statement(chance);
        if (i == STATEMENTS / 2)
            draw_revocation(ROBBED, 0);
        if (i == STATEMENTS * 3 / 4)
            draw_revocation(ELDER, 'A' + HEIR);
    }
    draw_case(chance, 3);
    /* Whoever meets both branches states it. */
    for (unsigned i = 0; i < LIARS; i++)
        for (unsigned liar = LIARS; liar < PARTIES; liar++)
            claim(chance, i, liar, TALLY_DISCREPANCY_FORK);
}

/* Everything reaches one node, some of it twice, in an order that chance makes. */
static struct tally_hash receive(struct random *chance, unsigned self)
{
    unsigned left = 0;
    copies_new(&copies, logs, PARTIES, self);
    copies.fold.agreements.clock.us = 4 * DAY;
    for (unsigned i = 0; i < PARTIES; i++) {
        copies.branch[i] = (unsigned)random_below(chance, 2);
        left += copy_of(&copies, i)->count;
    }
    while (left > 0) {
        unsigned i = (unsigned)random_below(chance, PARTIES);
        uint64_t more = 1 + random_below(chance, 12), rest = copy_of(&copies, i)->count;
        rest -= copies.held[i];
        more = more < rest ? more : rest;
        copies.held[i] += more;
        left -= (unsigned)more;
        if (random_below(chance, 40) == 0)
            copies_revoke(&copies, &revocations[random_below(chance, revocation_count)]);
        if (random_below(chance, 3) == 0)
            copies_hear(&copies);
    }
    for (unsigned i = 0; i < revocation_count; i++)
        copies_revoke(&copies, &revocations[i]);
    copies_hear(&copies);
    return copies_digest(&copies);
}

static void remember(unsigned self)
{
    const struct fold *fold = &copies.fold;
    seen.taken += fold->counts[FOLD_TAKEN];
    for (size_t i = 0; i < fold->agreements.count; i++) {
        struct bond bond;
        agreement_bond(&fold->agreements.pairs[i], fold->agreements.clock, &bond);
        seen.active += bond.state == TALLY_AGREEMENT_ACTIVE;
        seen.voided += fold_void(fold, &fold->agreements.pairs[i].key);
        assert_true(!fold_void(fold, &fold->agreements.pairs[i].key) ||
                    bond.state == TALLY_AGREEMENT_NONE);
    }
    for (size_t i = 0; i < fold->discrepancies->count; i++)
        seen.judged += fold->discrepancies->list[i].judged;
    seen.beyond += logs[ROBBED].logs[0].count > copies.heard[ROBBED];
    seen.inherited += self == HEIR && logs[ELDER].logs[0].count > 0;
}

/* One who reads it all at once, the files as they lie. */
static struct tally_hash replay(void)
{
    const struct tally_ledger ledger = copies_ledger(&copies);
    fold_reset(&copies.fold);
    (void)replay_own(&copies.fold, &ledger, NULL);
    replay_others(&copies.fold, &ledger, NULL);
    return copies_digest(&copies);
}

static void the_order_is_nothing(void **state)
{
    for (unsigned i = 0; i < PARTIES; i++)
        holders[i] = holder_of((char)('A' + i));
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct random chance = {seed};
        draw(&chance);
        for (unsigned reader = 0; reader < READERS; reader++) {
            unsigned self = reader == 0 ? HEIR : (unsigned)(seed * reader) % HONEST;
            if (self == ELDER)
                self = 0;
            const struct tally_hash first = receive(&chance, self);
            remember(self);
            for (unsigned order = 1; order < ORDERS; order++) {
                copies_free(&copies);
                const struct tally_hash other = receive(&chance, self);
                if (!hash_equal(&first, &other))
                    fail_msg("seed %u: party %u folds to another state", (unsigned)seed, self);
            }
            const struct tally_hash whole = replay();
            if (!hash_equal(&first, &whole))
                fail_msg("seed %u: party %u replays to another state", (unsigned)seed, self);
            copies_free(&copies);
        }
    }
    assert_true(seen.taken > SEEDS && seen.active > SEEDS / 10 && seen.voided > SEEDS / 10 &&
                seen.beyond > SEEDS && seen.inherited > SEEDS / 2 && seen.judged > SEEDS / 10);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
