/* SPDX-License-Identifier: Apache-2.0 */
/* Witnesses that are no parties: what is said last of each counts. */
#include "support/cmocka.h"

#include "says.h"

#include <stdlib.h>

#define URL "https://w.example/tally"

static struct fed_statement witness(char key, const char *name, const char *url, bool asked)
{
    struct fed_statement said = {.kind = FED_WITNESS_URL};
    said.witness_url.key = key_of(key);
    said.witness_url.name = bytes_text(name);
    said.witness_url.url = bytes_text(url);
    said.witness_url.asked = asked;
    return said;
}

static enum fold_verdict states(struct teller *teller, char key, const char *name, const char *url,
                                bool asked)
{
    const struct fed_statement said = witness(key, name, url, asked);
    return says(teller, &said);
}

static void bring(struct teller *teller)
{
    teller_init(teller, 'a', 8);
    teller->fold.outsides = outsides_new(2);
    assert_non_null(teller->fold.outsides);
}

static void what_is_said_last_counts(void **state)
{
    struct teller teller;
    struct tally_hash none, before, after;
    const struct tally_key key = key_of('w');
    bring(&teller);
    fold_hash(&teller.fold, &none);
    assert_int_equal(states(&teller, 'w', "w", URL, false), FOLD_FORBIDDEN);
    assert_null(outside_find(teller.fold.outsides, &key));
    assert_int_equal(states(&teller, 'w', "w", URL, true), FOLD_TAKEN);
    assert_int_equal(states(&teller, 'w', "w", URL, true), FOLD_FORBIDDEN);
    fold_hash(&teller.fold, &before);
    assert_false(hash_equal(&none, &before));
    assert_int_equal(states(&teller, 'w', "w", "http://other.example", true), FOLD_TAKEN);
    assert_int_equal(states(&teller, 'w', "named", "http://other.example", true), FOLD_TAKEN);
    const struct outside *one = outside_find(teller.fold.outsides, &key);
    assert_string_equal(one->url, "http://other.example");
    assert_string_equal(one->vkey.name, "named");
    assert_int_equal(one->vkey.type, TALLY_VKEY_COSIGNER);
    assert_int_equal(states(&teller, 'w', "named", "http://other.example", false), FOLD_TAKEN);
    assert_int_equal(states(&teller, 'w', "named", "http://other.example", false), FOLD_FORBIDDEN);
    assert_false(one->asked);
    assert_int_equal(states(&teller, 'w', "w", URL, true), FOLD_TAKEN);
    assert_true(one->asked);
    fold_hash(&teller.fold, &after);
    assert_false(hash_equal(&before, &after)); /* It is another statement that counts. */
    assert_int_equal(states(&teller, 'v', "v", URL, true), FOLD_TAKEN);
    assert_int_equal(states(&teller, 'u', "u", URL, true), FOLD_FULL);
    fold_reset(&teller.fold);
    fold_hash(&teller.fold, &after);
    assert_true(hash_equal(&none, &after));
    outsides_free(teller.fold.outsides);
}

static void nobody_witnesses_himself_nor_for_others(void **state)
{
    struct teller teller;
    struct fed_statement keys = {.kind = FED_KEYS, .has_key = {[FED_KEY_WITNESS] = true}};
    const struct fed_statement foreign = witness('w', "w", URL, true);
    keys.keys[FED_KEY_WITNESS] = key_of('k');
    bring(&teller);
    assert_int_equal(says(&teller, &keys), FOLD_TAKEN);
    assert_int_equal(states(&teller, 'a', "w", URL, true), FOLD_SELF);
    assert_int_equal(states(&teller, 'k', "w", URL, true), FOLD_SELF);
    assert_int_equal(says_as(&teller, 'b', &foreign), FOLD_FOREIGN);
    assert_int_equal(teller.fold.outsides->count, 0);
    outsides_free(teller.fold.outsides);
}

static void addresses_that_may_be_asked(void **state)
{
    static const struct {
        const char *url;
        bool good;
    } cases[] = {
        {"http://127.0.0.1:8090", true},
        {"https://w.example/a/b", true},
        {"https://[2001:db8::1]:443/x", true},
        {"https://w.example/", false},
        {"https:///x", false},
        {"http://", false},
        {"ftp://w.example", false},
        {"file:///etc/passwd", false},
        {"HTTP://w.example", false},
        {"w.example", false},
        {"https://user@w.example", false},
        {"https://user:secret@w.example", false},
        {"https://w.example/?q", false},
        {"https://w.example/#f", false},
        {"https://w.example/a b", false},
        {"https://w.example/\n", false},
        {"https://w.ex\xc3\xa4mple", false},
        {"https://w.example\\x", false},
    };
    struct teller teller;
    bring(&teller);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(outside_url_valid(bytes_text(cases[i].url)), cases[i].good);
        const struct fed_statement said = witness('w', "w", cases[i].url, true);
        enum fold_verdict verdict = fold_judge(&teller.fold, &teller.fold.self, &said);
        assert_int_equal(verdict, cases[i].good ? FOLD_TAKEN : FOLD_MALFORMED);
    }
    const struct fed_statement plus = witness('w', "w+x", URL, true);
    assert_int_equal(fold_judge(&teller.fold, &teller.fold.self, &plus), FOLD_MALFORMED);
    outsides_free(teller.fold.outsides);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_last_counts),
        cmocka_unit_test(nobody_witnesses_himself_nor_for_others),
        cmocka_unit_test(addresses_that_may_be_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
