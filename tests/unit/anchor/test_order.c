/* SPDX-License-Identifier: Apache-2.0 */
/* What an anchor goes through, and which of many is shown: the same on every node, in whatever
   order they came. */
#include "core/base/bytes.h"
#include "core/base/random.h"
#include "support/cmocka.h"
#include "tally/anchor.h"

#include <stdio.h>

enum { MANY = 12 };

static struct tally_anchor anchor_of(enum tally_anchor_kind kind, const char *chain,
                                     const char *transaction, uint64_t height, int64_t time_ms)
{
    struct tally_anchor anchor = {.kind = kind,
                                  .state = TALLY_ANCHOR_VERIFIED,
                                  .reason = TALLY_ANCHOR_IS_VERIFIED,
                                  .height = height,
                                  .time_ms = time_ms};
    (void)snprintf(anchor.chain, sizeof anchor.chain, "%s", chain);
    (void)snprintf(anchor.transaction, sizeof anchor.transaction, "%s", transaction);
    return anchor;
}

/* ---- States ---- */

static const struct tally_hash here = {{1}}, there = {{2}};

static struct tally_anchor_finding found(enum tally_anchor_reason reason,
                                         const struct tally_hash *block)
{
    return (struct tally_anchor_finding){.reason = reason,
                                         .height = block->bytes[0],
                                         .block = *block,
                                         .time_ms = 1000 * block->bytes[0]};
}

/* Every state and every reason: where it leads, and that nothing leads out of the table. */
static void each_reason_leads_where_the_table_says(void **state)
{
    /* Of GOOD: in the same block; the other block is told below. */
    static const enum tally_anchor_state next[][TALLY_ANCHOR_VERDICTS] = {
#define ROW(good, shallow, pending, unreachable, lost, refused)                                    \
    {TALLY_ANCHOR_##good,        TALLY_ANCHOR_##shallow, TALLY_ANCHOR_##pending,                   \
     TALLY_ANCHOR_##unreachable, TALLY_ANCHOR_##lost,    TALLY_ANCHOR_##refused}
        [TALLY_ANCHOR_RECEIVED] =
            ROW(VERIFIED, RECEIVED, RECEIVED, RECEIVED, RECEIVED, QUARANTINED),
        [TALLY_ANCHOR_VERIFIED] = ROW(VERIFIED, RECEIVED, VERIFIED, VERIFIED, REORGED, QUARANTINED),
        [TALLY_ANCHOR_ACTIVE] = ROW(ACTIVE, RECEIVED, ACTIVE, ACTIVE, REORGED, QUARANTINED),
        [TALLY_ANCHOR_QUARANTINED] =
            ROW(QUARANTINED, QUARANTINED, QUARANTINED, QUARANTINED, QUARANTINED, QUARANTINED),
        [TALLY_ANCHOR_REORGED] = ROW(VERIFIED, RECEIVED, RECEIVED, REORGED, REORGED, QUARANTINED),
        [TALLY_ANCHOR_SUPERSEDED] =
            ROW(SUPERSEDED, RECEIVED, SUPERSEDED, SUPERSEDED, REORGED, QUARANTINED),
#undef ROW
    };
    for (unsigned from = 0; from < TALLY_ANCHOR_STATES; from++)
        for (unsigned reason = 0; reason < TALLY_ANCHOR_REASON_COUNT; reason++) {
            struct tally_anchor anchor = {.state = from, .block = here, .time_ms = 1000};
            struct tally_anchor_finding finding = found(reason, &here);
            tally_anchor_judge(&anchor, &finding);
            assert_int_equal(anchor.state, next[from][tally_anchor_verdict_of(reason)]);
            /* What is not verified evidences no time. */
            if (anchor.state == TALLY_ANCHOR_REORGED && from != TALLY_ANCHOR_REORGED)
                assert_int_equal(anchor.time_ms, 0);
        }
}

/* Day by day: pending, verified, its block goes, it returns in another one. */
static void a_reorganisation_is_survived(void **state)
{
    static const struct {
        enum tally_anchor_reason reason;
        const struct tally_hash *block;
        enum tally_anchor_state state;
        uint64_t height;
    } days[] = {
        {TALLY_ANCHOR_IS_NO_BACKEND, &here, TALLY_ANCHOR_RECEIVED, 0},
        {TALLY_ANCHOR_IS_UNMINED, &here, TALLY_ANCHOR_RECEIVED, 0},
        {TALLY_ANCHOR_IS_DEPTH, &here, TALLY_ANCHOR_RECEIVED, 0},
        {TALLY_ANCHOR_IS_VERIFIED, &here, TALLY_ANCHOR_VERIFIED, 1},
        {TALLY_ANCHOR_IS_SILENT, &here, TALLY_ANCHOR_VERIFIED, 1},
        {TALLY_ANCHOR_IS_TIP_OLD, &here, TALLY_ANCHOR_VERIFIED, 1},
        {TALLY_ANCHOR_IS_REORGED, &here, TALLY_ANCHOR_REORGED, 0},
        {TALLY_ANCHOR_IS_SILENT, &here, TALLY_ANCHOR_REORGED, 0},
        {TALLY_ANCHOR_IS_DEPTH, &there, TALLY_ANCHOR_RECEIVED, 0},
        {TALLY_ANCHOR_IS_VERIFIED, &there, TALLY_ANCHOR_VERIFIED, 2},
        {TALLY_ANCHOR_IS_VERIFIED, &here, TALLY_ANCHOR_VERIFIED,
         1}, /* Unseen, between two looks. */
        {TALLY_ANCHOR_IS_CONTRACT, &here, TALLY_ANCHOR_QUARANTINED, 0},
        {TALLY_ANCHOR_IS_VERIFIED, &here, TALLY_ANCHOR_QUARANTINED, 0},
    };
    struct tally_anchor anchor = {.state = TALLY_ANCHOR_RECEIVED};
    for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
        struct tally_anchor_finding finding = found(days[i].reason, days[i].block);
        tally_anchor_judge(&anchor, &finding);
        assert_int_equal(anchor.state, days[i].state);
        assert_int_equal(anchor.height, days[i].height);
    }
    assert_int_equal(anchor.reason, TALLY_ANCHOR_IS_CONTRACT);
    struct tally_anchor_finding good = found(TALLY_ANCHOR_IS_VERIFIED, &here);
    tally_anchor_again(&anchor); /* Another policy: the operator wants it judged anew. */
    assert_int_equal(anchor.reason, TALLY_ANCHOR_IS_UNTRIED);
    tally_anchor_judge(&anchor, &good);
    assert_int_equal(anchor.state, TALLY_ANCHOR_VERIFIED);
}

static void times_are_bounded_on_both_sides(void **state)
{
    const int64_t s = 1000, sealed = 1000000 * s, now = 1010000 * s;
    const struct {
        enum tally_anchor_kind kind;
        int64_t time_ms;
        enum tally_anchor_reason reason;
    } cases[] = {
        {TALLY_ANCHOR_EIP155, sealed - 300 * s, TALLY_ANCHOR_IS_VERIFIED},
        {TALLY_ANCHOR_EIP155, sealed - 300 * s - 1, TALLY_ANCHOR_IS_TIMESTAMP_DRIFT},
        {TALLY_ANCHOR_RFC3161, now + 120 * s, TALLY_ANCHOR_IS_VERIFIED},
        {TALLY_ANCHOR_RFC3161, now + 120 * s + 1, TALLY_ANCHOR_IS_FUTURE},
        {TALLY_ANCHOR_BTC, now + 7200 * s, TALLY_ANCHOR_IS_VERIFIED},
        {TALLY_ANCHOR_BTC, now + 7200 * s + 1, TALLY_ANCHOR_IS_FUTURE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(tally_anchor_time_check(cases[i].kind, cases[i].time_ms, sealed, now),
                         cases[i].reason);
    assert_int_equal(tally_anchor_time_check(TALLY_ANCHOR_BTC, 0, INT64_MIN, now),
                     TALLY_ANCHOR_IS_VERIFIED);
}

static void it_is_judged_again_in_time(void **state)
{
    const int64_t hour = 3600 * 1000, begin = 1000 * hour;
    static const struct {
        enum tally_anchor_kind kind;
        enum tally_anchor_state state;
        int64_t checked, due; /* Hours after it was verified; 0: at once, -1: never. */
    } cases[] = {
        {TALLY_ANCHOR_BTC, TALLY_ANCHOR_ACTIVE, 0, 1},
        {TALLY_ANCHOR_BTC, TALLY_ANCHOR_SUPERSEDED, 1, 6},
        {TALLY_ANCHOR_EIP155, TALLY_ANCHOR_ACTIVE, 7, 24},
        {TALLY_ANCHOR_EIP155, TALLY_ANCHOR_ACTIVE, 24, 24 + 168},
        {TALLY_ANCHOR_BTC, TALLY_ANCHOR_VERIFIED, 500, 500 + 168},
        {TALLY_ANCHOR_BTC, TALLY_ANCHOR_RECEIVED, 5, 0},
        {TALLY_ANCHOR_RFC3161, TALLY_ANCHOR_RECEIVED, 5, 0},
        {TALLY_ANCHOR_BTC, TALLY_ANCHOR_REORGED, 5, 0},
        {TALLY_ANCHOR_RFC3161, TALLY_ANCHOR_ACTIVE, 0, -1},
        {TALLY_ANCHOR_BTC, TALLY_ANCHOR_QUARANTINED, 0, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tally_anchor anchor = {.kind = cases[i].kind, .state = cases[i].state};
        int64_t due = tally_anchor_due_ms(&anchor, begin, begin + cases[i].checked * hour);
        int64_t wanted = cases[i].due > 0    ? begin + cases[i].due * hour
                         : cases[i].due == 0 ? 0
                                             : INT64_MAX;
        assert_true(due == wanted);
    }
}

/* ---- The order ---- */

/* From the strongest to the weakest (formats 4.5). */
static size_t ranked(struct tally_anchor list[MANY])
{
    size_t n = 0;
    list[n++] = anchor_of(TALLY_ANCHOR_BTC, "btc:mainnet", "bb", 900, 50);
    list[n++] = anchor_of(TALLY_ANCHOR_BTC, "btc:mainnet", "aa", 800, 40);
    list[n++] = anchor_of(TALLY_ANCHOR_BTC, "btc:signet", "00", 99999, 60);
    /* Chains by bytes, so 10 is before 9; heights of two chains are never compared. */
    list[n++] = anchor_of(TALLY_ANCHOR_EIP155, "eip155:10", "0xff", 1, 70);
    list[n++] = anchor_of(TALLY_ANCHOR_EIP155, "eip155:9", "0xaa", 500, 45);
    list[n++] = anchor_of(TALLY_ANCHOR_EIP155, "eip155:9", "0xab", 500, 45);
    list[n++] = anchor_of(TALLY_ANCHOR_EIP155, "eip155:9", "0x00", 499, 44);
    list[n++] = anchor_of(TALLY_ANCHOR_RFC3161, "rfc3161:11", "22", 0, 10);
    list[n++] = anchor_of(TALLY_ANCHOR_RFC3161, "rfc3161:11", "33", 0, 10);
    list[n++] = anchor_of(TALLY_ANCHOR_RFC3161, "rfc3161:22", "11", 0, 90);
    list[n++] = anchor_of(TALLY_ANCHOR_OTHER, "solana:x", "11", 7, 5);
    list[n++] = anchor_of(TALLY_ANCHOR_OTHER, "tezos:x", "11", 7, 5);
    return n;
}

static void the_order_is_total(void **state)
{
    struct tally_anchor list[MANY];
    assert_int_equal(ranked(list), MANY);
    for (size_t i = 0; i < MANY; i++)
        for (size_t k = 0; k < MANY; k++) {
            int order = tally_anchor_order(&list[i], &list[k]);
            assert_int_equal(order < 0, i < k);
            assert_int_equal(order > 0, i > k);
        }
}

/* Any subset, arriving one by one in any order, settled after each or only at the end: the same
   winner, the same earliest, the same loser of each. */
static void the_winner_does_not_depend_on_arrival(void **state)
{
    struct random random = {7};
    for (unsigned run = 0; run < 20000; run++) {
        struct tally_anchor list[MANY], *arrived[MANY], *all[MANY];
        size_t count = 0, most = ranked(list), present = 0;
        for (size_t i = 0; i < most; i++)
            if (random_below(&random, 2) != 0)
                all[present++] = &list[i];
        for (size_t i = 0; i < present; i++)
            arrived[i] = all[i];
        for (size_t i = present; i > 1; i--) {
            size_t other = random_below(&random, (uint32_t)i);
            struct tally_anchor *one = arrived[i - 1];
            arrived[i - 1] = arrived[other];
            arrived[other] = one;
        }
        bool prefer_earliest = random_below(&random, 2) != 0;
        while (count < present)
            if (random_below(&random, 2) != 0 || ++count == present)
                (void)tally_anchors_settle(arrived, count, prefer_earliest);
        struct tally_anchors got = tally_anchors_settle(arrived, present, prefer_earliest);
        const struct tally_anchor *earliest = NULL;
        for (size_t i = 0; i < present; i++)
            if (earliest == NULL || all[i]->time_ms < earliest->time_ms)
                earliest = all[i];
        const struct tally_anchor *best = present == 0 ? NULL : prefer_earliest ? earliest : all[0];
        assert_ptr_equal(got.best, best);
        assert_ptr_equal(got.earliest, earliest);
        for (size_t i = 0; i < present; i++) {
            assert_int_equal(all[i]->state,
                             all[i] == best ? TALLY_ANCHOR_ACTIVE : TALLY_ANCHOR_SUPERSEDED);
            assert_ptr_equal(all[i]->winner, all[i] == best ? NULL : best);
        }
    }
}

/* Row 49 of the threats: a made-up btc anchor never beats a real time stamp. */
static void only_verified_ones_are_ranked(void **state)
{
    struct tally_anchor list[MANY], *all[MANY];
    size_t count = ranked(list);
    for (size_t i = 0; i < count; i++)
        all[i] = &list[i];
    static const enum tally_anchor_state unverified[] = {
        TALLY_ANCHOR_RECEIVED, TALLY_ANCHOR_QUARANTINED, TALLY_ANCHOR_REORGED};
    for (size_t i = 0; i < 7; i++)
        list[i].state = unverified[i % 3];
    struct tally_anchors got = tally_anchors_settle(all, count, false);
    assert_ptr_equal(got.best, &list[7]);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(list[i].state, unverified[i % 3]);
        assert_null(list[i].winner);
    }
    /* The winner is lost: the next one takes its place, and gives it back later. */
    list[0].state = TALLY_ANCHOR_VERIFIED;
    assert_ptr_equal(tally_anchors_settle(all, count, false).best, &list[0]);
    assert_int_equal(list[7].state, TALLY_ANCHOR_SUPERSEDED);
    struct tally_anchor_finding lost = {.reason = TALLY_ANCHOR_IS_REORGED};
    tally_anchor_judge(&list[0], &lost);
    assert_ptr_equal(tally_anchors_settle(all, count, false).best, &list[7]);
    assert_int_equal(list[7].state, TALLY_ANCHOR_ACTIVE);
    assert_null(tally_anchors_settle(all, 7, false).best);
    assert_null(tally_anchors_settle(all, 0, true).earliest);
}

/* ---- Words ---- */

static void every_reason_has_a_word_of_its_own(void **state)
{
    for (unsigned i = 0; i < TALLY_ANCHOR_REASON_COUNT; i++) {
        enum tally_anchor_reason back;
        assert_true(tally_anchor_reason_read(tally_anchor_reason_name(i), &back));
        assert_int_equal(back, i);
        assert_true(strlen(tally_anchor_reason_text(i)) > 0);
    }
    enum tally_anchor_state state_read;
    for (unsigned i = 0; i < TALLY_ANCHOR_STATES; i++) {
        assert_true(tally_anchor_state_read(tally_anchor_state_name(i), &state_read));
        assert_int_equal(state_read, i);
    }
    assert_false(tally_anchor_state_read("gone", &state_read));
}

static void names_of_chains_have_one_form(void **state)
{
    static const char hex[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    static const struct {
        const char *chain;
        int kind; /* -1: none. */
    } chains[] = {
        {"btc:mainnet", TALLY_ANCHOR_BTC},
        {"btc:", -1},
        {"btc", -1},
        {"eip155:1", TALLY_ANCHOR_EIP155},
        {"eip155:01", -1},
        {"eip155:99999999999999999999", -1},
        {"eip155:0x1", -1},
        {"rfc3161:digicert", -1},
        {"solana:main", TALLY_ANCHOR_OTHER},
        {"Solana:main", -1},
        {":x", -1},
        {"btc:a b", -1},
        {"", -1},
    };
    enum tally_anchor_kind kind;
    char text[128];
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        bool good = tally_anchor_chain_kind(chains[i].chain, &kind);
        assert_int_equal(good ? (int)kind : -1, chains[i].kind);
    }
    (void)snprintf(text, sizeof text, "rfc3161:%s", hex);
    assert_true(tally_anchor_chain_kind(text, &kind));
    assert_int_equal(kind, TALLY_ANCHOR_RFC3161);
    assert_true(tally_anchor_transaction_good(TALLY_ANCHOR_BTC, hex));
    assert_false(tally_anchor_transaction_good(TALLY_ANCHOR_EIP155, hex));
    (void)snprintf(text, sizeof text, "0x%s", hex);
    assert_true(tally_anchor_transaction_good(TALLY_ANCHOR_EIP155, text));
    assert_false(tally_anchor_transaction_good(TALLY_ANCHOR_BTC, text));
    text[2] = 'A'; /* One form: lower case. */
    assert_false(tally_anchor_transaction_good(TALLY_ANCHOR_EIP155, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_reason_leads_where_the_table_says),
        cmocka_unit_test(a_reorganisation_is_survived),
        cmocka_unit_test(times_are_bounded_on_both_sides),
        cmocka_unit_test(it_is_judged_again_in_time),
        cmocka_unit_test(the_order_is_total),
        cmocka_unit_test(the_winner_does_not_depend_on_arrival),
        cmocka_unit_test(only_verified_ones_are_ranked),
        cmocka_unit_test(every_reason_has_a_word_of_its_own),
        cmocka_unit_test(names_of_chains_have_one_form),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
