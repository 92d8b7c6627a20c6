/* SPDX-License-Identifier: Apache-2.0 */
/* What each level and role may and may not: the whole table, both ways. */
#include "support/cmocka.h"

#include "says.h"

#define NONE  TALLY_DROP_NONE
#define LEVEL TALLY_DROP_LEVEL
#define ROLE  TALLY_DROP_ROLE

static void each_level_may_what_is_below_it(void **state)
{
    /* With all roles: LINK, ANNOUNCE, SERVE, REQUEST, PROPOSE, STATE, WITNESS, CROSS, MIRROR,
       CARRY. */
    static const enum tally_drop table[TALLY_TRUST_COUNT][ADMISSION_ACTS] = {
        [TALLY_TRUST_ISOLATED] = {LEVEL, LEVEL, LEVEL, LEVEL, LEVEL, LEVEL, LEVEL, LEVEL, LEVEL,
                                  NONE},
        [TALLY_TRUST_OBSERVE] = {NONE, NONE, NONE, NONE, NONE, LEVEL, LEVEL, LEVEL, LEVEL, NONE},
        [TALLY_TRUST_VERIFY] = {NONE, NONE, NONE, NONE, NONE, NONE, NONE, LEVEL, LEVEL, NONE},
        [TALLY_TRUST_ATTEST] = {NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, LEVEL, NONE},
        [TALLY_TRUST_INTEGRATE] = {NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE},
    };
    for (enum tally_trust level = TALLY_TRUST_ISOLATED; level < TALLY_TRUST_COUNT; level++)
        for (enum admission_act act = ADMISSION_LINK; act < ADMISSION_ACTS; act++) {
            struct teller teller;
            const struct tally_key b = key_of('b');
            teller_init(&teller, 'a', 8);
            assert_int_equal(admits(&teller, 'b', level, TALLY_ROLES_ALL), FOLD_TAKEN);
            assert_int_equal(admission(&teller.fold, &b, act), table[level][act]);
            /* The same by way of another level. */
            teller_init(&teller, 'a', 8);
            assert_int_equal(admits(&teller, 'b', TALLY_TRUST_ATTEST, TALLY_ROLES_ALL), FOLD_TAKEN);
            assert_int_equal(levels(&teller, 'b', level), FOLD_TAKEN);
            assert_int_equal(admission(&teller.fold, &b, act), table[level][act]);
        }
}

static void each_role_is_asked_for(void **state)
{
    static const uint8_t needed[ADMISSION_ACTS] = {
        [ADMISSION_ANNOUNCE] = TALLY_ROLE_ANNOUNCE,
        [ADMISSION_SERVE] = TALLY_ROLE_SERVE,
        [ADMISSION_REQUEST] = TALLY_ROLE_REQUEST,
        [ADMISSION_PROPOSE] = TALLY_ROLE_ANNOUNCE | TALLY_ROLE_SERVE,
        [ADMISSION_CARRY] = TALLY_ROLE_ANNOUNCE,
    };
    for (uint8_t roles = 0; roles <= TALLY_ROLES_ALL; roles++)
        for (enum admission_act act = ADMISSION_LINK; act < ADMISSION_ACTS; act++) {
            struct teller teller;
            const struct tally_key b = key_of('b');
            bool has = (roles & needed[act]) == needed[act];
            teller_init(&teller, 'a', 8);
            assert_int_equal(admits(&teller, 'b', TALLY_TRUST_INTEGRATE, roles), FOLD_TAKEN);
            assert_int_equal(admission(&teller.fold, &b, act), has ? NONE : ROLE);
        }
}

static void strangers_and_others_without_a_word(void **state)
{
    struct teller teller;
    const struct tally_key b = key_of('b'), c = key_of('c'), self = key_of('a');
    for (enum admission_act act = ADMISSION_LINK; act < ADMISSION_ACTS; act++) {
        /* Nobody cosigns for strangers, however open the mesh is; and to be each other's anchor, or
           arbiter, takes more than that. */
        enum tally_drop stranger =
            act == ADMISSION_WITNESS || act == ADMISSION_CROSS ? TALLY_DROP_UNADMITTED : NONE;
        teller_init(&teller, 'a', 8);
        assert_int_equal(admission(NULL, &c, act), NONE);
        assert_int_equal(admission(&teller.fold, &c, act), stranger);
        assert_int_equal(admits(&teller, 'b', TALLY_TRUST_OBSERVE, 7), FOLD_TAKEN);
        assert_int_equal(admission(&teller.fold, &c, act), TALLY_DROP_UNADMITTED);
        assert_int_equal(admission(&teller.fold, &self, act), NONE);
        assert_int_equal(withdraws(&teller, 'b'), FOLD_TAKEN);
        assert_int_equal(admission(&teller.fold, &b, act), TALLY_DROP_WITHDRAWN);
        assert_int_equal(opens(&teller, true), FOLD_TAKEN);
        assert_int_equal(admission(&teller.fold, &c, act), stranger);
        assert_int_equal(admission(&teller.fold, &b, act), TALLY_DROP_WITHDRAWN);
    }
}

/* Parties: b observes, v verifies, i integrates; m may serve and not announce; w was withdrawn,
   x is isolated, s is a stranger. */
static void bring(struct teller *teller)
{
    teller_init(teller, 'a', 8);
    assert_int_equal(admits(teller, 'b', TALLY_TRUST_OBSERVE, 7), FOLD_TAKEN);
    assert_int_equal(admits(teller, 'v', TALLY_TRUST_VERIFY, 7), FOLD_TAKEN);
    assert_int_equal(admits(teller, 'i', TALLY_TRUST_INTEGRATE, 7), FOLD_TAKEN);
    assert_int_equal(admits(teller, 'm', TALLY_TRUST_VERIFY, TALLY_ROLE_SERVE), FOLD_TAKEN);
    assert_int_equal(admits(teller, 'w', TALLY_TRUST_VERIFY, 7), FOLD_TAKEN);
    assert_int_equal(withdraws(teller, 'w'), FOLD_TAKEN);
    assert_int_equal(admits(teller, 'x', TALLY_TRUST_ISOLATED, 7), FOLD_TAKEN);
}

static void whose_logs_pass_between_us_and_a_peer(void **state)
{
    static const struct {
        char peer, issuer;
        bool statements;
        enum tally_drop take, show;
    } cases[] = {
        {'b', 'b', false, NONE, NONE},
        {'b', 'v', false, NONE, NONE}, /* Of another that was admitted: whoever brings it. */
        {'b', 'a', false, NONE, NONE},
        {'b', 's', false, TALLY_DROP_UNADMITTED, TALLY_DROP_UNADMITTED},
        {'v', 's', false, TALLY_DROP_UNADMITTED, TALLY_DROP_UNADMITTED},
        {'i', 's', false, NONE, NONE}, /* A mirror. */
        {'i', 'w', false, TALLY_DROP_WITHDRAWN, TALLY_DROP_WITHDRAWN},
        {'i', 'x', false, LEVEL, LEVEL},
        {'i', 'm', false, ROLE, ROLE},
        {'m', 'm', false, ROLE, NONE}, /* Its own it may have back. */
        {'m', 'b', false, NONE, ROLE}, /* It may not request. */
        {'b', 'b', true, NONE, NONE},  /* What it states itself may be a proposal. */
        {'m', 'm', true, ROLE, NONE},
        {'b', 'v', true, LEVEL, LEVEL},
        {'b', 'a', true, LEVEL, LEVEL}, /* Who observes sees no statements; */
        {'v', 'a', true, NONE, NONE},   /* who verifies does, */
        {'v', 'v', true, NONE, NONE},
        {'v', 'b', true, NONE, NONE}, /* also of others. */
        {'i', 's', true, NONE, NONE},
    };
    struct teller teller;
    bring(&teller);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct tally_key peer = key_of(cases[i].peer), issuer = key_of(cases[i].issuer);
        const struct admission_log log =
            admission_log(&issuer, cases[i].statements ? "federation" : "audit");
        assert_int_equal(admission_take(&teller.fold, &peer, &log), cases[i].take);
        assert_int_equal(admission_show(&teller.fold, &peer, &log), cases[i].show);
    }
}

/* An open mesh is as it was before there was admission; who was put aside stays aside. */
static void an_open_mesh_passes_all(void **state)
{
    struct teller teller;
    const struct tally_key p = key_of('p'), q = key_of('q'), w = key_of('w'), x = key_of('x');
    teller_init(&teller, 'a', 8);
    for (unsigned statements = 0; statements < 2; statements++) {
        const struct admission_log log =
            admission_log(&q, statements == 1 ? "federation" : "audit");
        assert_int_equal(admission_take(&teller.fold, &p, &log), NONE);
        assert_int_equal(admission_show(&teller.fold, &p, &log), NONE);
    }
    bring(&teller);
    assert_int_equal(opens(&teller, true), FOLD_TAKEN);
    const struct admission_log stranger = admission_log(&q, "audit"),
                               withdrawn = admission_log(&w, "audit"),
                               isolated = admission_log(&x, "audit");
    assert_int_equal(admission_take(&teller.fold, &p, &stranger), NONE);
    assert_int_equal(admission_take(&teller.fold, &p, &withdrawn), TALLY_DROP_WITHDRAWN);
    assert_int_equal(admission_show(&teller.fold, &p, &isolated), LEVEL);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_level_may_what_is_below_it),
        cmocka_unit_test(each_role_is_asked_for),
        cmocka_unit_test(strangers_and_others_without_a_word),
        cmocka_unit_test(whose_logs_pass_between_us_and_a_peer),
        cmocka_unit_test(an_open_mesh_passes_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
