/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/bytes.h"
#include "core/crypto/sign.h"
#include "core/log/merkle.h"
#include "support/cmocka.h"
#include "support/logs.h"

#include <stdlib.h>

#define DASH      "\xe2\x80\x94 "
#define SIGNATURE "AAAAAAE=" /* A key id and one byte. */

static struct logs_seed seed, witness_seed;
static struct tally_crypto crypto, witness_crypto;
static struct tally_vkey keys[2]; /* The log's, and a witness's. */
static uint8_t note[TALLY_CHECKPOINT_MAX], cosigned[TALLY_CHECKPOINT_MAX + TALLY_COSIGNATURE_MAX];
static size_t note_size, cosigned_size;

static int setup(void **state)
{
    struct tally_key key;
    char origin[TALLY_ORIGIN_MAX + 1];
    seed = logs_seed(1);
    witness_seed = logs_seed(9);
    crypto = logs_crypto(seed.bytes);
    witness_crypto = logs_crypto(witness_seed.bytes);
    sign_key(seed.bytes, &key);
    size_t size = tally_origin_write(&key, bytes_text("audit"), origin);
    assert_true(tally_vkey_of_origin(&keys[0], bytes_of(origin, size)));
    sign_key(witness_seed.bytes, &key);
    assert_true(
        tally_vkey_init(&keys[1], bytes_text("w.example/witness"), TALLY_VKEY_COSIGNER, &key));
    struct tally_checkpoint checkpoint = {.origin = bytes_of(origin, size), .size = 300};
    memset(&checkpoint.root, 0x42, sizeof checkpoint.root);
    note_size = tally_checkpoint_sign(&checkpoint, &keys[0], &crypto, note);
    struct tally_note parsed;
    assert_int_equal(tally_note_read(bytes_of(note, note_size), &parsed), TALLY_DROP_NONE);
    memcpy(cosigned, note, note_size);
    cosigned_size = note_size + tally_cosignature_write(parsed.text, &keys[1], 1790000000,
                                                        &witness_crypto, cosigned + note_size);
    return 0;
}

static void forms_of_notes(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } table[] = {
        {"a\n\n" DASH "n " SIGNATURE "\n", true},
        {"\n\n" DASH "n " SIGNATURE "\n", true},
        {"a\n\nb\n\n" DASH "n " SIGNATURE "\n", true}, /* The last empty line separates. */
        {"a\n\n" DASH "n " SIGNATURE, false},          /* No last \n. */
        {"a\n" DASH "n " SIGNATURE "\n", false},       /* No empty line. */
        {"a\n\n", false},                              /* No signature. */
        {"a\n\n" DASH "n  " SIGNATURE "\n", false},
        {"a\n\n" DASH " " SIGNATURE "\n", false}, /* No name. */
        {"a\n\n" DASH "n+m " SIGNATURE "\n", false},
        {"a\n\n" DASH "n\xc2\xa0m " SIGNATURE "\n", false}, /* A Unicode space. */
        {"a\n\n" DASH "n\xe3\x80\x80 " SIGNATURE "\n", false},
        {"a\n\n" DASH "n AAAAAA==\n", false}, /* A key id and no signature. */
        {"a\n\n" DASH "n AAAAAAF=\n", false}, /* Trailing bits. */
        {"a\n\n" DASH "n AAAAAAE\n", false},  /* No padding. */
        {"a\n\n- n " SIGNATURE "\n", false},
        {"a\r\n\n" DASH "n " SIGNATURE "\n", false}, /* A control character. */
        {"a\xff\n\n" DASH "n " SIGNATURE "\n", false},
        {"a\xc0\x80\n\n" DASH "n " SIGNATURE "\n", false}, /* Overlong. */
        {"a\n\n" DASH "n " SIGNATURE "\nx\n", false},
        {"", false},
        {"\n", false},
        {"\n\n", false},
    };
    struct tally_note parsed;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if ((tally_note_read(bytes_text(table[i].text), &parsed) == TALLY_DROP_NONE) !=
            table[i].good)
            fail_msg("case %zu", i);
}

static void lines_and_bytes_are_bounded(void **state)
{
    static char text[TALLY_NOTE_MAX + 2];
    struct tally_note parsed;
    for (unsigned lines = 63; lines <= 65; lines++) {
        strcpy(text, "a\n\n");
        for (unsigned i = 0; i < lines; i++)
            strcat(text, DASH "n " SIGNATURE "\n");
        assert_int_equal(tally_note_read(bytes_text(text), &parsed),
                         lines <= 64 ? TALLY_DROP_NONE : TALLY_DROP_MALFORMED);
    }
    memset(text, 'a', sizeof text);
    memcpy(text + TALLY_NOTE_MAX - 20, "\n\n" DASH "n " SIGNATURE "\n", 17);
    assert_int_equal(tally_note_read(bytes_of(text, TALLY_NOTE_MAX - 3), &parsed), TALLY_DROP_NONE);
    assert_int_equal(tally_note_read(bytes_of(text, TALLY_NOTE_MAX + 1), &parsed),
                     TALLY_DROP_MALFORMED);
}

static void a_checkpoint_opens_with_its_key_only(void **state)
{
    struct tally_checkpoint checkpoint;
    struct tally_bytes bytes = bytes_of(cosigned, cosigned_size);
    assert_int_equal(tally_checkpoint_open(bytes, NULL, &crypto, &checkpoint), TALLY_DROP_NONE);
    assert_int_equal(checkpoint.size, 300);
    assert_int_equal(tally_checkpoint_open(bytes, &keys[0], &crypto, &checkpoint), TALLY_DROP_NONE);
    assert_int_equal(tally_checkpoint_open(bytes, &keys[1], &crypto, &checkpoint), TALLY_DROP_KEY);
    struct tally_vkey other = keys[0];
    other.id[0] ^= 1;
    assert_int_equal(tally_checkpoint_open(bytes, &other, &crypto, &checkpoint), TALLY_DROP_KEY);
}

static void known_keys_decide(void **state)
{
    struct tally_note parsed;
    struct tally_mark marks[2];
    uint8_t bad[sizeof cosigned];
    assert_int_equal(tally_note_read(bytes_of(cosigned, cosigned_size), &parsed), TALLY_DROP_NONE);
    assert_int_equal(tally_note_verify(&parsed, keys, 2, &crypto, marks), TALLY_DROP_NONE);
    assert_true(marks[0].good && marks[1].good && marks[1].time_s == 1790000000);
    assert_int_equal(tally_note_verify(&parsed, keys + 1, 1, &crypto, marks), TALLY_DROP_NONE);
    assert_int_equal(tally_note_verify(&parsed, keys, 0, &crypto, marks), TALLY_DROP_KEY);
    /* One wrong line of a known key spoils the note; of an unknown one it does not matter. */
    memcpy(bad, cosigned, cosigned_size);
    bad[cosigned_size - 20] ^= 1;
    assert_int_equal(tally_note_read(bytes_of(bad, cosigned_size), &parsed), TALLY_DROP_NONE);
    assert_int_equal(tally_note_verify(&parsed, keys, 2, &crypto, marks), TALLY_DROP_FORGED);
    assert_int_equal(tally_note_verify(&parsed, keys, 1, &crypto, marks), TALLY_DROP_NONE);
}

/* The log key as a cosigner, or the witness's as a log: same bytes, other meaning, refused. */
static void a_promise_of_one_kind_is_none_of_another(void **state)
{
    struct tally_vkey other;
    struct tally_note parsed;
    assert_int_equal(tally_note_read(bytes_of(cosigned, cosigned_size), &parsed), TALLY_DROP_NONE);
    assert_true(tally_vkey_init(&other, bytes_text(keys[1].name), TALLY_VKEY_LOG, &keys[1].key));
    assert_memory_not_equal(other.id, keys[1].id, 4);
    memcpy(other.id, keys[1].id, 4); /* The liar's key claims the id. */
    assert_int_equal(tally_note_verify(&parsed, &other, 1, &crypto, NULL), TALLY_DROP_FORGED);
}

static void a_flipped_bit_is_refused(void **state)
{
    struct tally_checkpoint checkpoint;
    for (size_t bit = 0; bit < 8 * note_size; bit++) {
        note[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(
            tally_checkpoint_open(bytes_of(note, note_size), NULL, &crypto, &checkpoint),
            TALLY_DROP_NONE);
        note[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void forms_of_checkpoints(void **state)
{
#define ROOT "qO9IRMjh1bpJyBHNuG6VeR9dMsp9lwmv2ij99l6UmlM=\n"
    static const struct {
        const char *text;
        bool good;
    } table[] = {
        {"go.sum database tree\n1\n" ROOT, true},
        {"o\n0\n" ROOT, true},
        {"o\n9223372036854775807\n" ROOT, true},
        {"o\n9223372036854775808\n" ROOT, false},
        {"o\n18446744073709551617\n" ROOT, false},
        {"o\n1\n" ROOT "extension\nmore\n", true},
        {"o\n1\n" ROOT "\n", false},
        {"o\n1\n" ROOT "no end", false},
        {"o\n01\n" ROOT, false},
        {"o\n+1\n" ROOT, false},
        {"o\n\n" ROOT, false},
        {"\n1\n" ROOT, false},
        {"o\n1\nqO9I\n", false},
        {"o\n1\nqO9IRMjh1bpJyBHNuG6VeR9dMsp9lwmv2ij99l6UmlN=\n", false},
        {"o\n1\n", false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct tally_checkpoint checkpoint;
        struct tally_bytes text = bytes_text(table[i].text);
        bool good = tally_checkpoint_read(text, &checkpoint) == TALLY_DROP_NONE;
        if (good != table[i].good)
            fail_msg("case %zu", i);
        if (!good)
            continue;
        uint8_t again[512];
        assert_int_equal(tally_checkpoint_write(&checkpoint, again, sizeof again), text.size);
        assert_memory_equal(again, text.data, text.size);
    }
}

static void the_empty_tree_has_one_root(void **state)
{
    struct tally_checkpoint checkpoint = {.origin = bytes_text(keys[0].name)}, read;
    uint8_t bytes[TALLY_CHECKPOINT_MAX];
    size_t size = tally_checkpoint_sign(&checkpoint, &keys[0], &crypto, bytes);
    assert_int_equal(tally_checkpoint_open(bytes_of(bytes, size), NULL, &crypto, &read),
                     TALLY_DROP_MALFORMED);
    checkpoint.root = merkle_empty;
    size = tally_checkpoint_sign(&checkpoint, &keys[0], &crypto, bytes);
    assert_int_equal(tally_checkpoint_open(bytes_of(bytes, size), NULL, &crypto, &read),
                     TALLY_DROP_NONE);
}

static void keys_have_one_text(void **state)
{
    static const char *const wrong[] = {
        "",
        "+",
        "++",
        "example.com/foo",
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", /* Id. */
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", /* Case. */
        "example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", /* Type 2. */
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k ",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U0=",
        "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    };
    struct tally_vkey vkey;
    char text[TALLY_VKEY_MAX];
    size_t size = tally_vkey_write(&keys[1], text);
    assert_true(tally_vkey_read(bytes_of(text, size), &vkey));
    assert_int_equal(vkey.type, TALLY_VKEY_COSIGNER);
    assert_string_equal(vkey.name, keys[1].name);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (tally_vkey_read(bytes_text(wrong[i]), &vkey))
            fail_msg("«%s»", wrong[i]);
    /* A secret key that does not belong to its name and id. */
    char secret[TALLY_SKEY_MAX];
    uint8_t out[32];
    size = tally_skey_write(&keys[1], seed.bytes, secret);
    assert_false(tally_skey_read(bytes_of(secret, size), &vkey, out));
    size = tally_skey_write(&keys[1], witness_seed.bytes, secret);
    assert_true(tally_skey_read(bytes_of(secret, size), &vkey, out));
}

static void origins_that_are_none(void **state)
{
    static const char *const wrong[] = {
        "",
        "did:key:z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX",
        "did:key:z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX/",
        "did:key:z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX/witness",
        "did:key:z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX/a/b",
        "did:key:z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfL0/audit",
        "did:key:Z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX/audit",
        "logs.example.org/audit",
        "go.sum database tree",
    };
    struct tally_key key;
    struct tally_bytes name_space;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (tally_origin_read(bytes_text(wrong[i]), &key, &name_space))
            fail_msg("«%s»", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_of_notes),
        cmocka_unit_test(lines_and_bytes_are_bounded),
        cmocka_unit_test(a_checkpoint_opens_with_its_key_only),
        cmocka_unit_test(known_keys_decide),
        cmocka_unit_test(a_promise_of_one_kind_is_none_of_another),
        cmocka_unit_test(a_flipped_bit_is_refused),
        cmocka_unit_test(forms_of_checkpoints),
        cmocka_unit_test(the_empty_tree_has_one_root),
        cmocka_unit_test(keys_have_one_text),
        cmocka_unit_test(origins_that_are_none),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, setup, NULL);
}
