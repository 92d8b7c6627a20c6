/* SPDX-License-Identifier: Apache-2.0 */
/* Trust as a fold: every move from every state, who may say it, and the same everywhere. */
#include "support/cmocka.h"

#include "says.h"

/* Brings party 'b' into a state. */
static void bring(struct teller *teller, enum tally_party_state to)
{
    teller_init(teller, 'a', 8);
    if (to != TALLY_PARTY_STRANGER)
        assert_int_equal(admits(teller, 'b', TALLY_TRUST_VERIFY, TALLY_ROLE_SERVE), FOLD_TAKEN);
    if (to == TALLY_PARTY_WITHDRAWN)
        assert_int_equal(withdraws(teller, 'b'), FOLD_TAKEN);
}

static void every_move_of_a_party(void **state)
{
    static const struct {
        enum tally_party_state from;
        enum fed_kind said;
        enum fold_verdict verdict;
        enum tally_party_state to;
    } cases[] = {
        {TALLY_PARTY_STRANGER, FED_ADMIT, FOLD_TAKEN, TALLY_PARTY_ADMITTED},
        {TALLY_PARTY_STRANGER, FED_LEVEL, FOLD_FORBIDDEN, TALLY_PARTY_STRANGER},
        {TALLY_PARTY_STRANGER, FED_WITHDRAW, FOLD_FORBIDDEN, TALLY_PARTY_STRANGER},
        {TALLY_PARTY_ADMITTED, FED_ADMIT, FOLD_FORBIDDEN, TALLY_PARTY_ADMITTED},
        {TALLY_PARTY_ADMITTED, FED_LEVEL, FOLD_TAKEN, TALLY_PARTY_ADMITTED},
        {TALLY_PARTY_ADMITTED, FED_WITHDRAW, FOLD_TAKEN, TALLY_PARTY_WITHDRAWN},
        {TALLY_PARTY_WITHDRAWN, FED_ADMIT, FOLD_TAKEN, TALLY_PARTY_ADMITTED},
        {TALLY_PARTY_WITHDRAWN, FED_LEVEL, FOLD_FORBIDDEN, TALLY_PARTY_WITHDRAWN},
        {TALLY_PARTY_WITHDRAWN, FED_WITHDRAW, FOLD_FORBIDDEN, TALLY_PARTY_WITHDRAWN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct teller teller;
        struct tally_hash before, after;
        bring(&teller, cases[i].from);
        fold_hash(&teller.fold, &before);
        const struct fed_statement statement = {.kind = cases[i].said,
                                                .party = key_of('b'),
                                                .level = TALLY_TRUST_ATTEST,
                                                .roles = TALLY_ROLE_REQUEST,
                                                .has_roles = true};
        const struct tally_key self = key_of('a');
        assert_int_equal(fold_judge(&teller.fold, &self, &statement), cases[i].verdict);
        assert_int_equal(says(&teller, &statement), cases[i].verdict);
        const struct tally_party *party = fold_find(&teller.fold, &statement.party);
        assert_int_equal(party != NULL ? party->state : TALLY_PARTY_STRANGER, cases[i].to);
        fold_hash(&teller.fold, &after);
        assert_int_equal(hash_equal(&before, &after), cases[i].verdict != FOLD_TAKEN);
        if (cases[i].verdict == FOLD_TAKEN && cases[i].said != FED_WITHDRAW)
            assert_int_equal(party->level, TALLY_TRUST_ATTEST);
        if (cases[i].said == FED_WITHDRAW && party != NULL)
            assert_int_equal(party->roles, 0);
    }
}

static void every_move_of_the_mode(void **state)
{
    static const struct {
        enum tally_mode from;
        bool open;
        enum fold_verdict verdict;
    } cases[] = {
        {TALLY_MODE_UNSAID, true, FOLD_TAKEN},   {TALLY_MODE_UNSAID, false, FOLD_TAKEN},
        {TALLY_MODE_STRICT, true, FOLD_TAKEN},   {TALLY_MODE_STRICT, false, FOLD_FORBIDDEN},
        {TALLY_MODE_OPEN, true, FOLD_FORBIDDEN}, {TALLY_MODE_OPEN, false, FOLD_TAKEN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct teller teller;
        teller_init(&teller, 'a', 8);
        if (cases[i].from != TALLY_MODE_UNSAID)
            assert_int_equal(opens(&teller, cases[i].from == TALLY_MODE_OPEN), FOLD_TAKEN);
        assert_int_equal(opens(&teller, cases[i].open), cases[i].verdict);
        assert_int_equal(fold_strict(&teller.fold), !cases[i].open);
    }
}

static void roles_stay_unless_they_are_said(void **state)
{
    struct teller teller;
    const struct tally_key b = key_of('b');
    bring(&teller, TALLY_PARTY_ADMITTED);
    assert_int_equal(levels(&teller, 'b', TALLY_TRUST_OBSERVE), FOLD_TAKEN);
    assert_int_equal(fold_find(&teller.fold, &b)->roles, TALLY_ROLE_SERVE);
    assert_int_equal(fold_find(&teller.fold, &b)->index, 1);
}

/* Open until the first is admitted; strict from then on, and never open again by itself. */
static void the_allowlist_is_strict_from_its_first_line(void **state)
{
    struct teller teller;
    teller_init(&teller, 'a', 8);
    assert_false(fold_strict(&teller.fold));
    /* Whom one puts aside is no allowlist: the others stay. */
    assert_int_equal(admits(&teller, 'z', TALLY_TRUST_ISOLATED, 0), FOLD_TAKEN);
    assert_false(fold_strict(&teller.fold));
    assert_int_equal(admits(&teller, 'b', TALLY_TRUST_OBSERVE, TALLY_ROLES_ALL), FOLD_TAKEN);
    assert_true(fold_strict(&teller.fold));
    assert_int_equal(withdraws(&teller, 'b'), FOLD_TAKEN);
    assert_int_equal(withdraws(&teller, 'z'), FOLD_TAKEN);
    assert_true(fold_strict(&teller.fold));
    assert_int_equal(opens(&teller, true), FOLD_TAKEN);
    assert_false(fold_strict(&teller.fold));
    /* Who was withdrawn is no stranger. */
    const struct tally_key b = key_of('b');
    assert_int_equal(admission(&teller.fold, &b, ADMISSION_LINK), TALLY_DROP_WITHDRAWN);
}

static void a_level_can_begin_the_allowlist(void **state)
{
    struct teller teller;
    teller_init(&teller, 'a', 8);
    assert_int_equal(admits(&teller, 'b', TALLY_TRUST_ISOLATED, 7), FOLD_TAKEN);
    assert_int_equal(levels(&teller, 'b', TALLY_TRUST_OBSERVE), FOLD_TAKEN);
    assert_true(fold_strict(&teller.fold));
}

static void nobody_else_says_whom_we_trust(void **state)
{
    struct teller teller;
    struct tally_hash before, after;
    teller_init(&teller, 'a', 8);
    assert_int_equal(admits(&teller, 'b', TALLY_TRUST_INTEGRATE, TALLY_ROLES_ALL), FOLD_TAKEN);
    fold_hash(&teller.fold, &before);
    const struct fed_statement foreign[] = {
        {.kind = FED_ADMIT, .party = key_of('c'), .level = TALLY_TRUST_OBSERVE},
        {.kind = FED_LEVEL, .party = key_of('b'), .level = TALLY_TRUST_ISOLATED},
        {.kind = FED_WITHDRAW, .party = key_of('b')},
        {.kind = FED_MODE, .mode = TALLY_MODE_OPEN},
    };
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(says_as(&teller, 'b', &foreign[i]), FOLD_FOREIGN);
        assert_int_equal(says_as(&teller, 'c', &foreign[i]), FOLD_FOREIGN);
    }
    fold_hash(&teller.fold, &after);
    assert_true(hash_equal(&before, &after));
    assert_int_equal(teller.fold.counts[FOLD_FOREIGN], 8);
    assert_int_equal(admits(&teller, 'a', TALLY_TRUST_OBSERVE, 7), FOLD_SELF);
    assert_int_equal(withdraws(&teller, 'a'), FOLD_SELF);
}

/* The keys beside the identity: each for one promise, and the recovery key stays. */
static void keys_are_certified(void **state)
{
    struct teller teller;
    struct tally_hash before, after;
    struct fed_statement keys = {.kind = FED_KEYS,
                                 .has_key = {[FED_KEY_WITNESS] = true},
                                 .keys = {[FED_KEY_WITNESS] = key_of('w')}};
    teller_init(&teller, 'a', 8);
    fold_hash(&teller.fold, &before);
    assert_int_equal(says_as(&teller, 'b', &keys), FOLD_FOREIGN);
    assert_int_equal(says(&teller, &keys), FOLD_TAKEN);
    fold_hash(&teller.fold, &after);
    assert_false(hash_equal(&before, &after));
    assert_true(teller.fold.has_key[FED_KEY_WITNESS]);
    assert_int_equal(teller.fold.keys_at, teller.next - 1);
    keys.keys[FED_KEY_WITNESS] = key_of('a');
    assert_int_equal(says(&teller, &keys), FOLD_SELF);
    keys.keys[FED_KEY_WITNESS] = keys.keys[FED_KEY_MIRROR] = key_of('w');
    keys.has_key[FED_KEY_MIRROR] = true;
    assert_int_equal(says(&teller, &keys), FOLD_FORBIDDEN);
    keys.keys[FED_KEY_MIRROR] = key_of('m');
    keys.keys[FED_KEY_RECOVERY] = key_of('r');
    keys.has_key[FED_KEY_RECOVERY] = true;
    assert_int_equal(says(&teller, &keys), FOLD_TAKEN);
    keys.keys[FED_KEY_RECOVERY] = key_of('s');
    assert_int_equal(says(&teller, &keys), FOLD_FORBIDDEN);
    keys.has_key[FED_KEY_RECOVERY] = false;
    assert_int_equal(says(&teller, &keys), FOLD_FORBIDDEN);
}

/* Who is admitted is asked to cosign, until it is said otherwise; a withdrawal forgets that. */
static void a_party_may_be_excused(void **state)
{
    struct teller teller;
    struct tally_hash before, after;
    const struct tally_key b = key_of('b');
    struct fed_statement no = {.kind = FED_WITNESS, .party = b};
    teller_init(&teller, 'a', 8);
    assert_int_equal(says(&teller, &no), FOLD_FORBIDDEN);
    assert_int_equal(admits(&teller, 'b', TALLY_TRUST_VERIFY, 7), FOLD_TAKEN);
    fold_hash(&teller.fold, &before);
    assert_int_equal(says(&teller, &no), FOLD_TAKEN);
    fold_hash(&teller.fold, &after);
    assert_false(hash_equal(&before, &after));
    assert_true(fold_find(&teller.fold, &b)->excused);
    assert_int_equal(fold_find(&teller.fold, &b)->level, TALLY_TRUST_VERIFY);
    assert_int_equal(withdraws(&teller, 'b'), FOLD_TAKEN);
    assert_int_equal(admits(&teller, 'b', TALLY_TRUST_VERIFY, 7), FOLD_TAKEN);
    assert_false(fold_find(&teller.fold, &b)->excused);
}

static void what_is_not_understood_is_counted_and_changes_nothing(void **state)
{
    struct teller teller;
    struct tally_hash before, after;
    const struct tally_key self = key_of('a');
    bring(&teller, TALLY_PARTY_ADMITTED);
    fold_hash(&teller.fold, &before);
    static const struct {
        const char *type, *body;
        enum fold_verdict verdict;
    } cases[] = {
        {"fed_admit", "no", FOLD_MALFORMED},    {"fed_mode", "", FOLD_MALFORMED},
        {"fed_of_a_later", "{}", FOLD_UNKNOWN}, {"SYNC_EVENT", "{}", FOLD_OTHER},
        {"SYNC_CONFIRMED", "{}", FOLD_OTHER},   {"fed_witness_event", "", FOLD_OTHER},
        {"fed_later", "", FOLD_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(fold_take(&teller.fold, &self, bytes_text(cases[i].type),
                                   bytes_text(cases[i].body), teller.next++),
                         cases[i].verdict);
    fold_hash(&teller.fold, &after);
    assert_true(hash_equal(&before, &after));
    struct tally_trust_status status;
    fold_status(&teller.fold, &status);
    assert_int_equal(status.statements, 8);
    assert_int_equal(status.unknown, 2);
    assert_int_equal(status.refused, 2);
    assert_int_equal(status.parties, 1);
    assert_true(hash_equal(&status.hash, &after));
}

static void there_is_room_for_so_many(void **state)
{
    struct teller teller;
    teller_init(&teller, 'a', 2);
    assert_int_equal(admits(&teller, 'd', TALLY_TRUST_OBSERVE, 7), FOLD_TAKEN);
    assert_int_equal(admits(&teller, 'b', TALLY_TRUST_OBSERVE, 7), FOLD_TAKEN);
    assert_int_equal(admits(&teller, 'c', TALLY_TRUST_OBSERVE, 7), FOLD_FULL);
    assert_int_equal(levels(&teller, 'b', TALLY_TRUST_VERIFY), FOLD_TAKEN);
    assert_int_equal(withdraws(&teller, 'd'), FOLD_TAKEN);
    /* A withdrawal is remembered: its place is not free. */
    assert_int_equal(admits(&teller, 'c', TALLY_TRUST_OBSERVE, 7), FOLD_FULL);
    assert_int_equal(admits(&teller, 'd', TALLY_TRUST_OBSERVE, 7), FOLD_TAKEN);
}

static void what_cannot_be_read_does_not_open_the_node(void **state)
{
    struct teller teller;
    teller_init(&teller, 'a', 8);
    assert_int_equal(opens(&teller, true), FOLD_TAKEN);
    fold_lost(&teller.fold);
    assert_true(fold_strict(&teller.fold));
}

/* A long life drawn from a seed, folded on two machines; and no prefix of it is the whole. */
static void the_same_statements_give_the_same_state(void **state)
{
    static const char whom[] = "bcdefgh";
    struct teller one, other;
    struct tally_hash last = {0};
    uint64_t seed = 11, taken = 0;
    teller_init(&one, 'a', 8);
    teller_init(&other, 'a', 8);
    for (unsigned i = 0; i < 2000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        struct fed_statement statement = {.kind = FED_ADMIT + (enum fed_kind)(seed >> 60) % 4,
                                          .party = key_of(whom[(seed >> 40) % 7]),
                                          .level = (enum tally_trust)((seed >> 44) % 5),
                                          .roles = (uint8_t)((seed >> 50) % 8),
                                          .mode = (seed >> 54) % 2 ? TALLY_MODE_OPEN
                                                                   : TALLY_MODE_STRICT};
        statement.has_roles = statement.kind == FED_ADMIT || (seed >> 55) % 2;
        if (!statement.has_roles)
            statement.roles = 0;
        struct tally_hash mine, theirs;
        enum fold_verdict verdict = says(&one, &statement);
        assert_int_equal(says(&other, &statement), verdict);
        fold_hash(&one.fold, &mine);
        fold_hash(&other.fold, &theirs);
        assert_true(hash_equal(&mine, &theirs));
        assert_int_equal(hash_equal(&mine, &last), i > 0 && verdict != FOLD_TAKEN);
        last = mine;
        taken += verdict == FOLD_TAKEN;
    }
    assert_in_range(taken, 500, 1900);
    /* Another node's state is another, even if it said the same. */
    struct tally_hash a, b;
    teller_init(&one, 'a', 8);
    teller_init(&other, 'b', 8);
    fold_hash(&one.fold, &a);
    fold_hash(&other.fold, &b);
    assert_false(hash_equal(&a, &b));
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_move_of_a_party),
        cmocka_unit_test(every_move_of_the_mode),
        cmocka_unit_test(roles_stay_unless_they_are_said),
        cmocka_unit_test(the_allowlist_is_strict_from_its_first_line),
        cmocka_unit_test(a_level_can_begin_the_allowlist),
        cmocka_unit_test(nobody_else_says_whom_we_trust),
        cmocka_unit_test(keys_are_certified),
        cmocka_unit_test(a_party_may_be_excused),
        cmocka_unit_test(what_is_not_understood_is_counted_and_changes_nothing),
        cmocka_unit_test(there_is_room_for_so_many),
        cmocka_unit_test(what_cannot_be_read_does_not_open_the_node),
        cmocka_unit_test(the_same_statements_give_the_same_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
