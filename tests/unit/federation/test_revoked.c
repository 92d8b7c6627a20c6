/* SPDX-License-Identifier: Apache-2.0 */
/* Revocations: which prove themselves, what they come to in whatever order, and what a thief of a
   key makes of them. */
#include "support/cmocka.h"

#include "revokes.h"
#include "says.h"

static struct revoked revoked;

static int set_up(void **state)
{
    assert_true(revoked_new(&revoked, 16));
    return 0;
}

static int tear_down(void **state)
{
    revoked_free(&revoked);
    return 0;
}

static uint64_t limit_of(char party, const char *name_space)
{
    const struct holder holder = holder_of(party);
    struct tally_hash origin;
    origin_of(&holder.key, name_space, &origin);
    return revoked_limit(&revoked, &holder.key, &origin);
}

static bool succeeds(char heir, char party)
{
    const struct holder one = holder_of(heir), other = holder_of(party);
    const struct tally_key *found = revoked_successor(&revoked, &other.key);
    return found != NULL && key_equal(found, &one.key);
}

/* ---- One by itself. ---- */

static const struct revoke plain = {.party = 'a', .index = 7, .name_space = "temps", .size = 10};
static const struct revoke rotation = {.party = 'a', .successor = 'b', .index = 7, .reason = 1};
static const struct revoke by_recovery = {
    .party = 'a', .signer = 'r', .successor = 'b', .name_space = "temps", .size = 12};

static enum tally_drop verify(const struct revoke_bytes *made)
{
    struct holder nobody = holder_of('n');
    const struct tally_crypto crypto = holder_crypto(&nobody);
    struct revocation revocation;
    enum tally_drop drop = revocation_read(bytes_of(made->bytes, made->size), &revocation);
    return drop == TALLY_DROP_NONE ? revocation_verify(&revocation, &crypto) : drop;
}

static void one_proves_itself(void **state)
{
    const struct revoke *const all[] = {&plain, &rotation, &by_recovery};
    for (size_t i = 0; i < 3; i++) {
        struct revoke_bytes made;
        revoke_make(all[i], &made);
        assert_int_equal(verify(&made), TALLY_DROP_NONE);
        assert_int_equal(made.revocation.recovery, i == 2);
        assert_int_equal(made.revocation.said.has_successor, i > 0);
        assert_int_equal(revocation_signatures(&made.revocation), i + 1);
        /* Whatever byte is another: it is of another form, or not signed. */
        for (size_t at = 0; at < made.size; at++) {
            struct revoke_bytes bad = made;
            bad.bytes[at] ^= 0x20;
            assert_int_not_equal(verify(&bad), TALLY_DROP_NONE);
        }
    }
}

static void the_largest_fits_a_datagram(void **state)
{
    struct revoke revoke = by_recovery;
    struct fed_statement said = revoke_statement(&revoke);
    struct revoke_bytes made;
    char note[FED_REVOKE_NOTE_MAX + 1];
    memset(note, 'x', FED_REVOKE_NOTE_MAX);
    said.note = bytes_of(note, FED_REVOKE_NOTE_MAX);
    said.revoke.limit_count = 0;
    for (unsigned i = 0; i < FED_LIMITS_MAX; i++) {
        struct tally_hash origin = {{(uint8_t)(7 * i)}};
        assert_true(revocation_limit(&said.revoke, &origin, INT64_MAX));
    }
    assert_false(revocation_limit(&said.revoke, &(struct tally_hash){{255}}, 1));
    revoke_sign(&said, 'r', INT64_MAX - 1, &made);
    assert_in_range(made.size, 900, TALLY_SIGNED_BODY_MAX);
    assert_int_equal(verify(&made), TALLY_DROP_NONE);
}

/* Only the key itself, or the recovery key that it named. */
static void nobody_revokes_another(void **state)
{
    struct fed_statement said = revoke_statement(&plain);
    struct revoke_bytes made = {.size = 0};
    revoke_sign(&said, 'x', 3, &made);
    assert_int_equal(made.size, 0); /* Nobody has written it; but bytes can be made. */
    said = revoke_statement(&by_recovery);
    revoke_sign(&said, 'x', 3, &made); /* The key named another recovery key. */
    assert_int_equal(verify(&made), TALLY_DROP_FORGED);
    said.revoke.handover.bytes[0] ^= 1; /* The successor agreed to nothing. */
    revoke_sign(&said, 'r', 3, &made);
    assert_int_equal(verify(&made), TALLY_DROP_FORGED);
}

static void forms_are_one(void **state)
{
    struct fed_statement said = revoke_statement(&rotation);
    uint8_t body[FED_BODY_MAX];
    said.revoke.successor = said.party;
    assert_int_equal(fed_write(&said, body), 0); /* To itself. */
    said = revoke_statement(&plain);
    said.revoke.limits[1] = said.revoke.limits[0];
    said.revoke.limit_count = 2;
    assert_int_equal(fed_write(&said, body), 0); /* Twice the same log. */
}

/* ---- What they come to. ---- */

static void logs_are_good_so_far(void **state)
{
    assert_true(limit_of('a', "temps") == UINT64_MAX);
    assert_int_equal(revoke_give(&revoked, &plain), TALLY_DROP_NONE);
    assert_int_equal(limit_of('a', "temps"), 10);
    assert_int_equal(limit_of('a', "others"), 0); /* It named no other. */
    assert_int_equal(limit_of('a', TALLY_STATEMENTS), 8);
    assert_true(limit_of('b', "temps") == UINT64_MAX);
    assert_int_equal(revoke_give(&revoked, &plain), TALLY_DROP_SEEN);
}

/* Whoever stole the key revokes once more, with larger sizes: nothing comes back. */
static void a_thief_makes_no_log_longer(void **state)
{
    const struct revoke more = {.party = 'a', .index = 9, .name_space = "temps", .size = 99};
    const struct revoke less = {.party = 'a', .index = 9, .name_space = "temps", .size = 4};
    assert_int_equal(revoke_give(&revoked, &plain), TALLY_DROP_NONE);
    assert_int_equal(revoke_give(&revoked, &more), TALLY_DROP_NONE);
    assert_int_equal(limit_of('a', "temps"), 10);
    assert_int_equal(limit_of('a', TALLY_STATEMENTS), 8);
    assert_int_equal(revoke_give(&revoked, &less), TALLY_DROP_NONE);
    assert_int_equal(limit_of('a', "temps"), 4);
    /* What he took away the recovery key gives back. */
    assert_int_equal(revoke_give(&revoked, &by_recovery), TALLY_DROP_NONE);
    assert_int_equal(limit_of('a', "temps"), 12);
    assert_int_equal(limit_of('a', TALLY_STATEMENTS), 0);
}

static void a_key_is_handed_over(void **state)
{
    assert_int_equal(revoke_give(&revoked, &rotation), TALLY_DROP_NONE);
    assert_true(succeeds('b', 'a'));
    const struct holder a = holder_of('a'), b = holder_of('b'), c = holder_of('c');
    assert_true(key_equal(revoked_elder(&revoked, &b.key), &a.key));
    assert_null(revoked_elder(&revoked, &a.key));
    assert_true(revoked_precedes(&revoked, &a.key, &b.key));
    assert_false(revoked_precedes(&revoked, &b.key, &a.key));
    const struct revoke next = {.party = 'b', .successor = 'c', .index = 2};
    assert_int_equal(revoke_give(&revoked, &next), TALLY_DROP_NONE);
    assert_true(revoked_precedes(&revoked, &a.key, &c.key));
}

/* A ring of successors ends, and gives nobody anything. */
static void a_ring_ends(void **state)
{
    const struct revoke back = {.party = 'b', .successor = 'a', .index = 2};
    const struct holder a = holder_of('a'), c = holder_of('c');
    assert_int_equal(revoke_give(&revoked, &rotation), TALLY_DROP_NONE);
    assert_int_equal(revoke_give(&revoked, &back), TALLY_DROP_NONE);
    assert_false(revoked_precedes(&revoked, &a.key, &c.key));
}

static void two_successors_are_none(void **state)
{
    const struct revoke other = {.party = 'a', .successor = 't', .index = 8};
    assert_int_equal(revoke_give(&revoked, &rotation), TALLY_DROP_NONE);
    assert_int_equal(revoke_give(&revoked, &other), TALLY_DROP_NONE);
    assert_false(succeeds('b', 'a') || succeeds('t', 'a'));
}

/* Once a recovery key is named, the identity key hands nothing on. */
static void a_thief_hands_himself_nothing(void **state)
{
    const struct revoke theft = {.party = 'a', .successor = 't', .index = 7};
    const struct holder a = holder_of('a'), r = holder_of('r'), t = holder_of('t');
    assert_int_equal(revoke_give(&revoked, &theft), TALLY_DROP_NONE);
    assert_true(succeeds('t', 'a'));
    assert_true(revoked_bind(&revoked, &a.key, &r.key, 0));
    assert_false(succeeds('t', 'a'));
    /* His own recovery key, named later, is none; named in his revocation alone it is none. */
    assert_false(revoked_bind(&revoked, &a.key, &t.key, 5));
    const struct revoke again = {.party = 'a', .signer = 't', .successor = 't'};
    assert_int_equal(revoke_give(&revoked, &again), TALLY_DROP_NONE);
    assert_false(succeeds('t', 'a'));
    assert_int_equal(revoke_give(&revoked, &by_recovery), TALLY_DROP_NONE);
    assert_true(succeeds('b', 'a'));
    assert_int_equal(limit_of('a', "temps"), 12);
}

/* The same in whatever order they come. */
static void order_is_nothing(void **state)
{
    static const struct revoke all[] = {
        {.party = 'a', .index = 7, .name_space = "temps", .size = 10, .reason = 2},
        {.party = 'a', .index = 9, .name_space = "temps", .size = 4, .successor = 'b'},
        {.party = 'a', .index = 9, .name_space = "temps", .size = 99, .successor = 't'},
        {.party = 'a', .signer = 'r', .name_space = "temps", .size = 12, .successor = 'b'},
        {.party = 'a', .signer = 'r', .index = 1, .name_space = "temps", .size = 11},
        {.party = 'c', .index = 1, .successor = 'a'},
    };
    enum { ALL = sizeof all / sizeof *all };
    uint8_t first[16];
    for (unsigned turn = 0; turn < 40; turn++) {
        unsigned order[ALL] = {0, 1, 2, 3, 4, 5}, drawn = turn * 2654435761u;
        for (unsigned i = ALL - 1; i > 0; i--) {
            unsigned other = (drawn = drawn * 1103515245u + 12345) / 65536 % (i + 1);
            unsigned one = order[i];
            order[i] = order[other];
            order[other] = one;
        }
        revoked_free(&revoked);
        assert_true(revoked_new(&revoked, 16));
        for (unsigned i = 0; i < ALL; i++)
            (void)revoke_give(&revoked, &all[order[i]]);
        if (turn == 0)
            memcpy(first, revoked.fingerprint, sizeof first);
        assert_memory_equal(first, revoked.fingerprint, sizeof first);
        assert_int_equal(limit_of('a', "temps"), 11);
        assert_true(succeeds('b', 'a') && succeeds('a', 'c'));
    }
}

/* ---- Room. ---- */

static void keys_made_for_the_purpose_take_half(void **state)
{
    struct revoke_bytes made;
    for (unsigned i = 0; i < 16; i++) {
        const struct revoke one = {.party = (char)('A' + i), .index = i};
        revoke_make(&one, &made);
        enum tally_drop drop = revoked_judge(&revoked, &made.revocation, false);
        assert_int_equal(drop, i < 8 ? TALLY_DROP_NONE : TALLY_DROP_BUSY);
        if (drop == TALLY_DROP_NONE)
            revoked_take(&revoked, &made.revocation, bytes_of(made.bytes, made.size), false);
    }
    assert_int_equal(revoke_give(&revoked, &plain), TALLY_DROP_NONE);
}

static void one_key_takes_so_many(void **state)
{
    for (unsigned i = 0; i < 10; i++) {
        const struct revoke one = {
            .party = 'a', .index = i, .name_space = "temps", .size = 100 - i};
        assert_int_equal(revoke_give(&revoked, &one),
                         i < REVOKED_EACH ? TALLY_DROP_NONE : TALLY_DROP_BUSY);
    }
    assert_int_equal(revoked.evidence_count, REVOKED_EACH);
    assert_int_equal(revoke_give(&revoked, &by_recovery), TALLY_DROP_NONE);
}

/* A thief makes recovery keys by the dozen: the one that was named has a place all the same. */
static void the_recovery_key_has_a_place(void **state)
{
    const struct holder a = holder_of('a'), r = holder_of('r');
    for (unsigned i = 0; i < 5; i++) {
        const struct revoke one = {.party = 'a', .signer = (char)('t' + i)};
        assert_int_equal(revoke_give(&revoked, &one), i < 3 ? TALLY_DROP_NONE : TALLY_DROP_BUSY);
    }
    assert_int_equal(revoke_give(&revoked, &by_recovery), TALLY_DROP_BUSY);
    assert_true(revoked_bind(&revoked, &a.key, &r.key, 3));
    assert_int_equal(revoke_give(&revoked, &by_recovery), TALLY_DROP_NONE);
    assert_true(succeeds('b', 'a'));
    assert_int_equal(limit_of('a', "temps"), 12);
}

/* ---- In the fold. ---- */

static void the_heir_has_the_standing(void **state)
{
    struct teller teller;
    const struct holder a = holder_of('a'), b = holder_of('b');
    teller_init(&teller, 's', 8);
    teller.fold.revoked = &revoked;
    struct fed_statement admit = {.kind = FED_ADMIT,
                                  .party = a.key,
                                  .level = TALLY_TRUST_VERIFY,
                                  .has_roles = true,
                                  .roles = TALLY_ROLE_REQUEST};
    const struct admission_log log = admission_log(&a.key, "audit"),
                               heirs = admission_log(&b.key, "audit");
    assert_int_equal(says(&teller, &admit), FOLD_TAKEN);
    assert_int_equal(admission(&teller.fold, &b.key, ADMISSION_LINK), TALLY_DROP_UNADMITTED);
    assert_int_equal(revoke_give(&revoked, &rotation), TALLY_DROP_NONE);
    assert_int_equal(admission(&teller.fold, &a.key, ADMISSION_LINK), TALLY_DROP_REVOKED);
    assert_int_equal(admission(&teller.fold, &a.key, ADMISSION_REQUEST), TALLY_DROP_REVOKED);
    assert_int_equal(admission(&teller.fold, &b.key, ADMISSION_REQUEST), TALLY_DROP_NONE);
    assert_int_equal(admission(&teller.fold, &b.key, ADMISSION_STATE), TALLY_DROP_NONE);
    assert_int_equal(admission(&teller.fold, &b.key, ADMISSION_ANNOUNCE), TALLY_DROP_ROLE);
    assert_int_equal(admission_take(&teller.fold, &b.key, &heirs), TALLY_DROP_ROLE);
    /* Until it is spoken of itself; and what was withdrawn from the old key the new one lacks. */
    assert_int_equal(says(&teller, &(struct fed_statement){.kind = FED_WITHDRAW, .party = a.key}),
                     FOLD_TAKEN);
    assert_int_equal(admission(&teller.fold, &b.key, ADMISSION_LINK), TALLY_DROP_WITHDRAWN);
    admit.party = b.key;
    admit.roles = TALLY_ROLES_ALL;
    assert_int_equal(says(&teller, &admit), FOLD_TAKEN);
    assert_int_equal(admission(&teller.fold, &b.key, ADMISSION_ANNOUNCE), TALLY_DROP_NONE);
    assert_int_equal(admission_take(&teller.fold, &b.key, &heirs), TALLY_DROP_NONE);
    assert_int_equal(admission_take(&teller.fold, &b.key, &log), TALLY_DROP_WITHDRAWN);
}

/* Logs of a revoked key go on being brought and shown, as its standing was. */
static void old_logs_are_good(void **state)
{
    struct teller teller;
    const struct holder a = holder_of('a'), peer = holder_of('p');
    const struct admission_log log = admission_log(&a.key, "audit");
    teller_init(&teller, 's', 8);
    teller.fold.revoked = &revoked;
    for (unsigned i = 0; i < 2; i++) {
        const struct fed_statement admit = {.kind = FED_ADMIT,
                                            .party = i == 0 ? a.key : peer.key,
                                            .level = TALLY_TRUST_OBSERVE,
                                            .has_roles = true,
                                            .roles = TALLY_ROLES_ALL};
        assert_int_equal(says(&teller, &admit), FOLD_TAKEN);
    }
    assert_int_equal(revoke_give(&revoked, &plain), TALLY_DROP_NONE);
    assert_int_equal(admission_take(&teller.fold, &peer.key, &log), TALLY_DROP_NONE);
    assert_int_equal(admission_show(&teller.fold, &peer.key, &log), TALLY_DROP_NONE);
    assert_int_equal(admission(&teller.fold, &a.key, ADMISSION_CARRY), TALLY_DROP_NONE);
}

/* A node speaks of its own keys alone, names its recovery key once, and ends with its revocation.
 */
static void a_node_ends_itself(void **state)
{
    struct teller teller;
    struct fed_statement keys = {.kind = FED_KEYS, .has_key = {true}, .keys = {key_of('r')}};
    struct fed_statement revoke = {.kind = FED_REVOKE_KEY, .party = key_of('x')};
    teller_init(&teller, 's', 8);
    assert_int_equal(says(&teller, &keys), FOLD_TAKEN);
    assert_int_equal(says_as(&teller, 'x', &keys), FOLD_FOREIGN);
    keys.has_key[FED_KEY_WITNESS] = true;
    keys.keys[FED_KEY_WITNESS] = key_of('w');
    assert_int_equal(says(&teller, &keys), FOLD_TAKEN);
    keys.keys[FED_KEY_WITNESS] = key_of('r'); /* One key with two meanings. */
    assert_int_equal(says(&teller, &keys), FOLD_FORBIDDEN);
    keys.keys[FED_KEY_RECOVERY] = key_of('t');
    assert_int_equal(says(&teller, &keys), FOLD_FORBIDDEN);
    keys.has_key[FED_KEY_RECOVERY] = false;
    assert_int_equal(says(&teller, &keys), FOLD_FORBIDDEN);
    keys.keys[FED_KEY_WITNESS] = key_of('s');
    assert_int_equal(says(&teller, &keys), FOLD_SELF);
    assert_int_equal(says(&teller, &revoke), FOLD_FORBIDDEN);
    assert_int_equal(says_as(&teller, 'x', &revoke), FOLD_FOREIGN);
    revoke.party = key_of('s');
    assert_int_equal(says(&teller, &revoke), FOLD_TAKEN);
    assert_int_equal(admits(&teller, 'b', TALLY_TRUST_OBSERVE, 0), FOLD_ENDED);
    assert_int_equal(says(&teller, &revoke), FOLD_ENDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(one_proves_itself),         TEST(the_largest_fits_a_datagram),
        TEST(nobody_revokes_another),    TEST(forms_are_one),
        TEST(logs_are_good_so_far),      TEST(a_thief_makes_no_log_longer),
        TEST(a_key_is_handed_over),      TEST(a_ring_ends),
        TEST(two_successors_are_none),   TEST(a_thief_hands_himself_nothing),
        TEST(order_is_nothing),          TEST(keys_made_for_the_purpose_take_half),
        TEST(one_key_takes_so_many),     TEST(the_recovery_key_has_a_place),
        TEST(the_heir_has_the_standing), TEST(old_logs_are_good),
        TEST(a_node_ends_itself),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
