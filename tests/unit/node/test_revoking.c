/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revocation in a whole node over a disk in memory: its own key ends, another one takes over its
 * disk, the operator brings what a recovery key signed, and no restart forgets any of it.
 */
#include "support/cmocka.h"

#include "alone.h"
#include "disk_inside.h"

/* What is to be kept as evidence is not: the process ended before. */
static bool loses(const struct tally_action *action)
{
    return action->kind == TALLY_ACTION_EVIDENCE;
}

static size_t kept(void)
{
    size_t count = 0;
    for (size_t i = 0; i < disk.file_count; i++)
        count += disk.files[i].revocation;
    return count;
}

static const struct revoke rotation = {
    .party = 'a', .successor = 'b', .reason = TALLY_REVOKED_SUPERSEDED};

static enum tally_error rotate(void)
{
    const struct fed_statement said = revoke_statement(&rotation);
    return state_it(&said);
}

static const struct tally_key somebody = {{9}};

static enum tally_error admit(enum tally_trust level)
{
    const struct fed_statement said = {.kind = FED_ADMIT,
                                       .party = somebody,
                                       .level = level,
                                       .has_roles = true,
                                       .roles = TALLY_ROLES_ALL};
    return state_it(&said);
}

/* ---- Stories. ---- */

static void a_key_ends_with_its_word(void **state)
{
    struct revoked revoked;
    struct tally_hash origin;
    struct holder a = holder_of('a');
    const struct tally_crypto crypto = holder_crypto(&a);
    assert_int_equal(append("temps"), TALLY_OK);
    assert_int_equal(append("temps"), TALLY_OK);
    assert_int_equal(rotate(), TALLY_OK);
    assert_int_equal(append("temps"), TALLY_REVOKED);
    assert_int_equal(append("new"), TALLY_REVOKED);
    assert_int_equal(admit(TALLY_TRUST_OBSERVE), TALLY_REVOKED);
    assert_int_equal(rotate(), TALLY_REVOKED);
    assert_int_equal(kept(), 1);
    /* What is there is sealed, and no more than that is named. */
    assert_int_equal(command(&(struct tally_command){.kind = TALLY_COMMAND_SEAL}), TALLY_OK);
    assert_int_equal(disk.logs[0]->size, 2);
    const struct tally_ledger ledger = disk_ledger(&disk);
    assert_true(revoked_new(&revoked, 8));
    replay_revoked(&revoked, &ledger, &crypto);
    origin_of(&a.key, "temps", &origin);
    assert_int_equal(revoked_limit(&revoked, &a.key, &origin), 2);
    origin_of(&a.key, TALLY_STATEMENTS, &origin);
    assert_int_equal(revoked_limit(&revoked, &a.key, &origin), 1);
    revoked_free(&revoked);
    wake_again();
    assert_int_equal(append("temps"), TALLY_REVOKED);
}

/* A crash between the statement and its evidence: the log has it, so it is kept at the start. */
static void a_crash_in_between_loses_nothing(void **state)
{
    takes = loses;
    assert_int_equal(rotate(), TALLY_OK);
    assert_int_equal(kept(), 0);
    tally_node_free(node);
    takes = NULL;
    wake();
    tick();
    assert_int_equal(kept(), 1);
    assert_int_equal(append("temps"), TALLY_REVOKED);
}

static void all_is_sealed(void)
{
    tick();
    for (size_t i = 0; i < disk.log_count; i++)
        assert_int_equal(disk.logs[i]->size, simtree_size(&disk.logs[i]->tree));
    assert_int_equal(append("temps"), TALLY_REVOKED);
}

/* Whoever knew the key refuses it now, and would never answer how far its logs had got: it seals
   what it wrote without asking, or another key could never take over. */
static void a_crash_before_it_is_sealed_is_no_end(void **state)
{
    assert_int_equal(append("temps"), TALLY_OK);
    wanted.remembered = &somebody;
    wanted.remembered_count = 1;
    wake_again();
    assert_int_equal(tally_node_guard(node), TALLY_GUARD_ASKING);
    wanted.remembered_count = 0;
    wake_again();
    assert_int_equal(append("temps"), TALLY_OK);
    assert_int_equal(rotate(), TALLY_OK);
    wanted.remembered_count = 1;
    wake_again();
    assert_int_equal(tally_node_guard(node), TALLY_GUARD_PASSED);
    all_is_sealed();
}

/* Three receipts in two logs and the end of their key, none sealed; then it starts as a copy, and
   remembers somebody. */
static void end_and_come_back(void)
{
    assert_int_equal(append("temps"), TALLY_OK);
    assert_int_equal(append("temps"), TALLY_OK);
    assert_int_equal(append("audit"), TALLY_OK);
    assert_int_equal(rotate(), TALLY_OK);
    wanted.remembered = &somebody;
    wanted.remembered_count = 1;
    wanted.past = TALLY_PAST_COPY;
}

static struct disk_log *log_of(const char *name_space)
{
    for (size_t i = 0; i < disk.log_count; i++)
        if (strcmp(disk.logs[i]->name_space, name_space) == 0)
            return disk.logs[i];
    return NULL;
}

/* The copy was made between the end and the seal: it has all there can be. */
static void a_copy_of_the_whole_is_sealed_too(void **state)
{
    end_and_come_back();
    wake_again();
    assert_int_equal(tally_node_guard(node), TALLY_GUARD_PASSED);
    all_is_sealed();
    /* A moment earlier, before the end was kept as evidence: it is in the log. */
    alone_end(state);
    alone_begin(state);
    takes = loses;
    end_and_come_back();
    takes = NULL;
    assert_int_equal(kept(), 0);
    wake_again();
    assert_int_equal(tally_node_guard(node), TALLY_GUARD_ASKING);
    tick();
    assert_int_equal(tally_node_guard(node), TALLY_GUARD_PASSED);
    all_is_sealed();
}

/* A receipt before the end is not there, or a whole log: somebody else may have sealed it. */
static void a_copy_of_a_part_signs_nothing(void **state)
{
    static const struct {
        const char *name_space;
        uint64_t size;
    } rows[] = {{"temps", 1}, {"temps", 0}, {"audit", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (i > 0)
            alone_begin(state);
        end_and_come_back();
        tally_node_free(node);
        disk_log_cut(log_of(rows[i].name_space), rows[i].size);
        wake();
        assert_int_equal(tally_node_guard(node), TALLY_GUARD_ASKING);
        wait(10 * 60000);
        assert_int_equal(tally_node_guard(node), TALLY_GUARD_WAITING);
        for (size_t log = 0; log < disk.log_count; log++)
            assert_int_equal(disk.logs[log]->size, 0);
        if (i + 1 < sizeof rows / sizeof *rows)
            alone_end(state);
    }
}

/* A recovery key says how far a log is good, and a copy reaches further: nobody holds more that
   counts, and what is behind is not signed; no more is a log that it does not name. */
static void a_copy_signs_nothing_that_is_not_good(void **state)
{
    static const uint64_t limits[] = {1, 2};
    const struct revoke recovery = {.party = 'a', .signer = 'r'};
    const struct holder a = holder_of('a');
    struct tally_hash origin;
    origin_of(&a.key, "temps", &origin);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct fed_statement said = revoke_statement(&recovery);
        struct revoke_bytes made;
        if (i > 0)
            alone_begin(state);
        assert_int_equal(append("temps"), TALLY_OK);
        assert_int_equal(append("temps"), TALLY_OK);
        assert_int_equal(append("audit"), TALLY_OK);
        assert_true(revocation_limit(&said.revoke, &origin, limits[i]));
        revoke_sign(&said, 'r', 0, &made);
        wanted.remembered = &somebody;
        wanted.remembered_count = 1;
        wanted.past = TALLY_PAST_COPY;
        wake_again();
        assert_int_equal(tally_node_guard(node), TALLY_GUARD_ASKING);
        assert_int_equal(bring(bytes_of(made.bytes, made.size)), TALLY_OK);
        assert_int_equal(tally_node_guard(node), TALLY_GUARD_PASSED);
        tick();
        assert_int_equal(log_of("temps")->size, limits[i] == 2 ? 2 : 0);
        assert_int_equal(log_of("audit")->size, 0);
        if (i + 1 < sizeof limits / sizeof *limits)
            alone_end(state);
    }
}

/* Whom the old key trusted the new one does, and says first of all whom it succeeds. */
static void the_successor_goes_on(void **state)
{
    struct tally_trust_status trust;
    assert_int_equal(append("temps"), TALLY_OK);
    assert_int_equal(admit(TALLY_TRUST_VERIFY), TALLY_OK);
    assert_int_equal(rotate(), TALLY_OK);
    tally_node_free(node);
    be('b');
    tally_node_trust(node, &trust);
    assert_int_equal(trust.parties, 1);
    assert_true(trust.strict);
    tick();
    const struct disk_log *log = disk.logs[disk.log_count - 1];
    struct tally_receipt receipt;
    assert_true(log->own);
    assert_int_equal(
        tally_receipt_read(bytes_of(log->entries[0].envelope, log->entries[0].envelope_size),
                           &receipt),
        TALLY_DROP_NONE);
    assert_true(bytes_equal(receipt.type, bytes_text("fed_succeed")));
    assert_int_equal(append("temps"), TALLY_OK);
    assert_int_equal(state_it(&(struct fed_statement){
                         .kind = FED_LEVEL, .party = somebody, .level = TALLY_TRUST_OBSERVE}),
                     TALLY_OK);
    wake_again();
    tick();
    assert_int_equal(simtree_size(&log->tree), 2); /* It is said once. */
    tally_node_trust(node, &trust);
    assert_int_equal(trust.parties, 1);
    assert_int_equal(trust.refused, 0);
}

static void the_recovery_key_is_named_once(void **state)
{
    struct fed_statement keys = {.kind = FED_KEYS, .has_key = {true}};
    keys.keys[FED_KEY_RECOVERY] = holder_of('r').key;
    assert_int_equal(state_it(&keys), TALLY_OK);
    keys.keys[FED_KEY_RECOVERY] = holder_of('t').key;
    assert_int_equal(state_it(&keys), TALLY_FORBIDDEN);
    keys.keys[FED_KEY_RECOVERY] = signer.key;
    assert_int_equal(state_it(&keys), TALLY_BAD_NAME);
    /* The identity key's own successor does not count now: the disk is nobody's heir. */
    assert_int_equal(admit(TALLY_TRUST_VERIFY), TALLY_OK);
    assert_int_equal(rotate(), TALLY_OK);
    struct tally_trust_status trust;
    tally_node_free(node);
    be('b');
    tally_node_trust(node, &trust);
    assert_int_equal(trust.parties, 0);
    /* The recovery key's does. */
    struct revoke_bytes made;
    const struct revoke recovery = {.party = 'a', .signer = 'r', .successor = 'b'};
    struct fed_statement said = revoke_statement(&recovery);
    struct tally_hash origin;
    const struct holder a = holder_of('a');
    origin_of(&a.key, TALLY_STATEMENTS, &origin);
    assert_true(revocation_limit(&said.revoke, &origin, 2));
    revoke_sign(&said, 'r', 0, &made);
    assert_int_equal(bring(bytes_of(made.bytes, made.size)), TALLY_OK);
    wake_again();
    tally_node_trust(node, &trust);
    assert_int_equal(trust.parties, 1);
}

static void what_the_operator_brings_is_verified(void **state)
{
    struct revoke_bytes made;
    const struct revoke other = {.party = 'x', .index = 4};
    revoke_make(&other, &made);
    assert_int_equal(bring(bytes_text("garbage")), TALLY_MALFORMED);
    made.bytes[made.size - 1] ^= 1;
    assert_int_not_equal(bring(bytes_of(made.bytes, made.size)), TALLY_OK);
    made.bytes[made.size - 1] ^= 1;
    assert_int_equal(kept(), 0);
    assert_int_equal(bring(bytes_of(made.bytes, made.size)), TALLY_OK);
    assert_int_equal(bring(bytes_of(made.bytes, made.size)), TALLY_OK); /* Known already. */
    assert_int_equal(kept(), 1);
    /* A file that somebody changed is none: it is left where it is, and does nothing. */
    disk.files[0].bytes[disk.files[0].size - 1] ^= 1;
    wake_again();
    assert_int_equal(bring(bytes_of(made.bytes, made.size)), TALLY_OK);
    assert_int_equal(kept(), 2);
    /* Our own key, by whoever has it: nothing is written any more. */
    const struct revoke own = {.party = 'a', .signer = 'r'};
    revoke_make(&own, &made);
    assert_int_equal(append("temps"), TALLY_OK);
    assert_int_equal(bring(bytes_of(made.bytes, made.size)), TALLY_OK);
    assert_int_equal(append("temps"), TALLY_REVOKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, alone_begin, alone_end)
        TEST(a_key_ends_with_its_word),
        TEST(a_crash_in_between_loses_nothing),
        TEST(a_crash_before_it_is_sealed_is_no_end),
        TEST(a_copy_of_the_whole_is_sealed_too),
        TEST(a_copy_of_a_part_signs_nothing),
        TEST(a_copy_signs_nothing_that_is_not_good),
        TEST(the_successor_goes_on),
        TEST(the_recovery_key_is_named_once),
        TEST(what_the_operator_brings_is_verified),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
