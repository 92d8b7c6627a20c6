/* SPDX-License-Identifier: Apache-2.0 */
/* Statements as bytes: what is written is read, and nothing else is. */
#include "support/cmocka.h"

#include "says.h"

static const struct fed_statement all[] = {
    {.kind = FED_ADMIT, .level = TALLY_TRUST_INTEGRATE, .has_roles = true, .roles = 7},
    {.kind = FED_ADMIT, .level = TALLY_TRUST_ISOLATED, .has_roles = true, .roles = 0},
    {.kind = FED_LEVEL, .level = TALLY_TRUST_VERIFY},
    {.kind = FED_LEVEL, .level = TALLY_TRUST_ATTEST, .has_roles = true, .roles = 5},
    {.kind = FED_WITHDRAW},
    {.kind = FED_MODE, .mode = TALLY_MODE_OPEN},
    {.kind = FED_MODE, .mode = TALLY_MODE_STRICT},
    {.kind = FED_WITNESS, .asked = true},
    {.kind = FED_WITNESS},
    {.kind = FED_KEYS, .has_key = {[FED_KEY_WITNESS] = true}, .keys = {[FED_KEY_WITNESS] = {"w"}}},
    {.kind = FED_KEYS,
     .has_key = {true, true, true, true},
     .keys = {{"recovery"}, {"witness"}, {"mirror"}, {"auditor"}}},
};
enum { ALL = sizeof all / sizeof *all };

static struct fed_statement one_of(size_t index)
{
    struct fed_statement one = all[index];
    if (one.kind != FED_MODE && one.kind != FED_KEYS)
        one.party = key_of('b');
    one.note = bytes_text("our auditors in Berlin");
    return one;
}

static void what_is_written_is_read(void **state)
{
    for (size_t i = 0; i < ALL; i++) {
        const struct fed_statement one = one_of(i);
        struct fed_statement read;
        uint8_t body[FED_BODY_MAX];
        size_t size = fed_write(&one, body);
        assert_in_range(size, 1, FED_BODY_MAX);
        assert_int_equal(fed_read(bytes_text(fed_type(one.kind)), bytes_of(body, size), &read),
                         TALLY_DROP_NONE);
        assert_int_equal(read.kind, one.kind);
        assert_memory_equal(&read.party, &one.party, sizeof one.party);
        assert_int_equal(read.level, one.level);
        assert_int_equal(read.asked, one.asked);
        assert_memory_equal(read.has_key, one.has_key, sizeof one.has_key);
        assert_memory_equal(read.keys, one.keys, sizeof one.keys);
        assert_int_equal(read.has_roles, one.has_roles);
        assert_int_equal(read.roles, one.roles);
        assert_int_equal(read.mode, one.mode);
        assert_true(bytes_equal(read.note, one.note));
    }
}

static void anything_else_is_malformed(void **state)
{
    for (size_t i = 0; i < ALL; i++) {
        const struct fed_statement one = one_of(i);
        struct fed_statement read;
        uint8_t body[FED_BODY_MAX + 1];
        size_t size = fed_write(&one, body);
        const struct tally_bytes type = bytes_text(fed_type(one.kind));
        for (size_t cut = 0; cut < size; cut++)
            assert_int_equal(fed_read(type, bytes_of(body, cut), &read), TALLY_DROP_MALFORMED);
        body[size] = 0;
        assert_int_equal(fed_read(type, bytes_of(body, size + 1), &read), TALLY_DROP_MALFORMED);
        /* The body of one kind is not that of another. */
        enum fed_kind other = one.kind == FED_MODE ? FED_ADMIT : FED_MODE;
        assert_int_equal(fed_read(bytes_text(fed_type(other)), bytes_of(body, size), &read),
                         TALLY_DROP_MALFORMED);
    }
}

static void what_may_not_be_said_is_not_written(void **state)
{
    uint8_t body[FED_BODY_MAX];
    char note[FED_NOTE_MAX + 2];
    memset(note, 'n', sizeof note);
    const struct fed_statement wrong[] = {
        {.kind = FED_UNKNOWN},
        {.kind = FED_SYNC},
        {.kind = FED_ADMIT, .level = TALLY_TRUST_COUNT},
        {.kind = FED_ADMIT, .level = TALLY_TRUST_OBSERVE, .roles = 8},
        {.kind = FED_LEVEL, .level = TALLY_TRUST_OBSERVE, .has_roles = true, .roles = 255},
        {.kind = FED_MODE, .mode = TALLY_MODE_UNSAID},
        {.kind = FED_WITHDRAW, .note = bytes_of(note, FED_NOTE_MAX + 1)},
        {.kind = FED_WITHDRAW, .note = bytes_of("\xff", 1)},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(fed_write(&wrong[i], body), 0);
    const struct fed_statement long_note = {.kind = FED_WITHDRAW,
                                            .note = bytes_of(note, FED_NOTE_MAX)};
    assert_true(fed_write(&long_note, body) > 0);
}

static void other_kinds_are_let_be(void **state)
{
    static const struct {
        const char *type;
        enum fed_kind kind;
    } cases[] = {
        {"SYNC_EVENT", FED_SYNC},
        {"SYNC_CONFIRMED", FED_SYNC},
        {"fed_admit", FED_ADMIT},
        {"fed_level", FED_LEVEL},
        {"fed_withdraw", FED_WITHDRAW},
        {"fed_mode", FED_MODE},
        {"fed_trust_proposal", FED_PROPOSE},
        {"fed_trust_accepted", FED_ACCEPT},
        {"fed_trust_established", FED_ESTABLISH},
        {"fed_trust_rejected", FED_REJECT},
        {"fed_trust_retracted", FED_RETRACT},
        {"fed_trust_revoked", FED_REVOKE},
        {"fed_trust_pending", FED_UNKNOWN},
        {"FED_ADMIT", FED_UNKNOWN},
        {"fed_admi", FED_UNKNOWN},
        {"fed_admit2", FED_UNKNOWN},
        {"x", FED_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(fed_kind_of(bytes_text(cases[i].type)), cases[i].kind);
    struct fed_statement read;
    assert_int_equal(fed_read(bytes_text("fed_later"), bytes_text("whatever it says"), &read),
                     TALLY_DROP_NONE);
    assert_int_equal(read.kind, FED_UNKNOWN);
}

static void names_are_read_back(void **state)
{
    for (enum tally_trust level = TALLY_TRUST_ISOLATED; level < TALLY_TRUST_COUNT; level++) {
        enum tally_trust read;
        assert_true(tally_trust_read(tally_trust_name(level), &read));
        assert_int_equal(read, level);
    }
    for (uint8_t roles = 0; roles <= TALLY_ROLES_ALL; roles++) {
        char text[TALLY_ROLES_TEXT];
        uint8_t read;
        tally_roles_write(roles, text);
        assert_true(tally_roles_read(text, &read));
        assert_int_equal(read, roles);
    }
    static const char *const wrong[] = {"", ",", "serve,", ",serve", "Serve", "none,serve", "all"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint8_t roles;
        assert_false(tally_roles_read(wrong[i], &roles));
    }
    enum tally_trust level;
    assert_false(tally_trust_read("trusted", &level));
    assert_false(tally_trust_read("", &level));
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(anything_else_is_malformed),
        cmocka_unit_test(what_may_not_be_said_is_not_written),
        cmocka_unit_test(other_kinds_are_let_be),
        cmocka_unit_test(names_are_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
