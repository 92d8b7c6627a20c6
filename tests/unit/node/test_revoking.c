/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revocation in a whole node over a disk in memory: its own key ends, another one takes over its
 * disk, the operator brings what a recovery key signed, and no restart forgets any of it.
 */
#include "support/cmocka.h"

#include "../federation/revokes.h"
#include "core/base/random.h"
#include "disk.h"
#include "memory.h"
#include "tally/node.h"

static struct provider provider;
static struct signer signer;
static struct disk disk;
static struct tally_node *node;
static struct tally_now now;
static struct random chance;
static struct tally_action answer;
static bool lost; /* What is to be kept as evidence is not: the process ended before. */

static void draw(void *context, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random_next(&chance);
}

static void wake(void)
{
    const struct tally_node_options options = {.key = signer.key,
                                               .epoch = 1,
                                               .connections_max = 8,
                                               .ledger = disk_ledger(&disk),
                                               .secret = {NULL, draw},
                                               .crypto = signer_window(&signer)};
    node = tally_node_new(&options, now);
    assert_non_null(node);
}

/* The node of that letter's key on the disk as it is. */
static void be(char letter)
{
    const struct holder holder = holder_of(letter);
    signer_init(&signer, &provider, holder.seed);
    disk.key = signer.key;
    for (size_t i = 0; i < disk.log_count; i++)
        disk.logs[i]->own = key_equal(&disk.logs[i]->issuer, &signer.key);
    wake();
}

static int set_up(void **state)
{
    const struct holder holder = holder_of('a');
    now = (struct tally_now){{1000}, {INT64_C(1763700000000000)}};
    chance.state = 1;
    lost = false;
    provider_init(&provider, PROVIDER_REAL);
    signer_init(&signer, &provider, holder.seed);
    disk_init(&disk, &signer);
    wake();
    return 0;
}

static int tear_down(void **state)
{
    tally_node_free(node);
    disk_free(&disk);
    provider_free(&provider);
    return 0;
}

static void step(const struct tally_event *event)
{
    struct tally_action action;
    struct disk_change change;
    struct tally_event next;
    enum disk_lane lane;
    uint64_t due;
    memory_watch_begin();
    tally_node_step(node, now, event);
    assert_int_equal(memory_watch_end(), 0);
    assert_true(tally_node_holds(node));
    while (tally_node_next(node, &action)) {
        if (action.kind == TALLY_ACTION_ANSWER)
            answer = action;
        else if (action.kind != TALLY_ACTION_EVIDENCE || !lost)
            (void)disk_perform(&disk, &action, 0, &chance, &lane, &due);
    }
    for (unsigned i = 0; i < DISK_LANES; i++)
        while (disk.lanes[i].first != NULL)
            if (disk_complete(&disk, (enum disk_lane)i, &next, &change))
                step(&next);
}

static void tick(void)
{
    step(&(struct tally_event){.kind = TALLY_EVENT_TICK});
}

static enum tally_error command(const struct tally_command *given)
{
    struct tally_event event = {.kind = TALLY_EVENT_COMMAND, .command = *given};
    event.command.ticket = 7;
    answer.answer.error = TALLY_TIMED_OUT;
    step(&event);
    return answer.answer.error;
}

static enum tally_error append(const char *name_space)
{
    return command(&(struct tally_command){.kind = TALLY_COMMAND_APPEND,
                                           .append = {.name_space = bytes_text(name_space),
                                                      .type = bytes_text("t"),
                                                      .body = bytes_text("b")}});
}

static enum tally_error state_it(const struct fed_statement *said)
{
    uint8_t body[FED_BODY_MAX];
    size_t size = fed_write(said, body);
    return command(&(struct tally_command){
        .kind = TALLY_COMMAND_STATE,
        .state = {.type = bytes_text(fed_type(said->kind)), .body = bytes_of(body, size)}});
}

static enum tally_error bring(struct tally_bytes bytes)
{
    return command(
        &(struct tally_command){.kind = TALLY_COMMAND_REVOKE, .revoke = {.bytes = bytes}});
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
    tally_node_free(node);
    wake();
    assert_int_equal(append("temps"), TALLY_REVOKED);
}

/* A crash between the statement and its evidence: the log has it, so it is kept at the start. */
static void a_crash_in_between_loses_nothing(void **state)
{
    lost = true;
    assert_int_equal(rotate(), TALLY_OK);
    assert_int_equal(kept(), 0);
    tally_node_free(node);
    lost = false;
    wake();
    tick();
    assert_int_equal(kept(), 1);
    assert_int_equal(append("temps"), TALLY_REVOKED);
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
    tally_node_free(node);
    wake();
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
    tally_node_free(node);
    wake();
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
    tally_node_free(node);
    wake();
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
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_key_ends_with_its_word),
        TEST(a_crash_in_between_loses_nothing),
        TEST(the_successor_goes_on),
        TEST(the_recovery_key_is_named_once),
        TEST(what_the_operator_brings_is_verified),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
