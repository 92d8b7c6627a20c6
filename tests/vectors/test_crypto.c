/* SPDX-License-Identifier: Apache-2.0 */
/* C2SP's wycheproof and CCTV against core/crypto. */
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/crypto/aead.h"
#include "core/crypto/dh.h"
#include "core/crypto/hash.h"
#include "core/crypto/sign.h"
#include "support/cmocka.h"
#include "vectors.h"

#include <stdlib.h>

enum { BYTES = 1 << 16 };

struct field {
    uint8_t bytes[BYTES];
    size_t size;
};

static struct tally_bytes read_field(const json_t *object, const char *name, struct field *field)
{
    field->size = vectors_hex(object, name, field->bytes, BYTES);
    return bytes_of(field->bytes, field->size);
}

typedef bool check(const json_t *group, const json_t *test, bool *applies);

/* Runs a file: `valid` must pass, `invalid` must fail, `acceptable` may do either. Returns how many
   tests applied. */
static unsigned run_file(const char *name, check *check_one)
{
    json_t *root = vectors_json(name), *group, *test;
    size_t i, j;
    unsigned applied = 0;
    json_array_foreach(json_object_get(root, "testGroups"), i, group)
        json_array_foreach(json_object_get(group, "tests"), j, test)
    {
        const char *result = vectors_text(test, "result");
        bool applies = true, good = check_one(group, test, &applies);
        applied += applies;
        if (applies && strcmp(result, "acceptable") != 0 && good != (strcmp(result, "valid") == 0))
            fail_msg("%s, test %llu is %s", name, (unsigned long long)vectors_number(test, "tcId"),
                     result);
    }
    json_decref(root);
    return applied;
}

static bool check_ed25519(const json_t *group, const json_t *test, bool *applies)
{
    static struct field key, message, signature;
    read_field(json_object_get(group, "publicKey"), "pk", &key);
    struct tally_bytes text = read_field(test, "msg", &message);
    read_field(test, "sig", &signature);
    struct tally_key k;
    struct tally_signature s;
    if (key.size != sizeof k.bytes || signature.size != sizeof s.bytes)
        return false; /* Another length is refused before the call. */
    memcpy(k.bytes, key.bytes, sizeof k.bytes);
    memcpy(s.bytes, signature.bytes, sizeof s.bytes);
    return sign_verify(&k, text, &s);
}

static bool check_x25519(const json_t *group, const json_t *test, bool *applies)
{
    static struct field secret, public, shared;
    read_field(test, "private", &secret);
    read_field(test, "public", &public);
    read_field(test, "shared", &shared);
    uint8_t out[32], zero[32] = {0};
    bool good = dh_shared(secret.bytes, public.bytes, out);
    /* An all-zero secret must be refused whatever the file says of it. */
    if (memcmp(shared.bytes, zero, sizeof zero) == 0)
        assert_false(good);
    return good && memcmp(out, shared.bytes, sizeof out) == 0;
}

static bool check_aead(const json_t *group, const json_t *test, bool *applies)
{
    static struct field key, iv, data, plain, sealed, tag;
    static uint8_t out[BYTES];
    read_field(test, "key", &key);
    read_field(test, "iv", &iv);
    struct tally_bytes aad = read_field(test, "aad", &data);
    struct tally_bytes message = read_field(test, "msg", &plain);
    read_field(test, "ct", &sealed);
    read_field(test, "tag", &tag);
    /* Ours is Noise's: 96-bit nonces that begin with four zero bytes. */
    *applies = iv.size == 12 && memcmp(iv.bytes, "\0\0\0\0", 4) == 0;
    if (!*applies)
        return false;
    uint64_t nonce = 0;
    for (unsigned i = 0; i < 8; i++)
        nonce |= (uint64_t)iv.bytes[4 + i] << 8 * i;
    memcpy(sealed.bytes + sealed.size, tag.bytes, tag.size);
    sealed.size += tag.size;
    bool opened = aead_open(key.bytes, nonce, aad, bytes_of(sealed.bytes, sealed.size), out);
    if (!opened || memcmp(out, plain.bytes, plain.size) != 0)
        return false;
    aead_seal(key.bytes, nonce, aad, message, out);
    return memcmp(out, sealed.bytes, sealed.size) == 0;
}

static bool check_hkdf(const json_t *group, const json_t *test, bool *applies)
{
    static struct field key, salt, info, okm;
    static uint8_t out[255 * 32];
    size_t size = vectors_number(test, "size");
    struct tally_bytes k = read_field(test, "ikm", &key), s = read_field(test, "salt", &salt),
                       i = read_field(test, "info", &info);
    read_field(test, "okm", &okm);
    *applies = size <= sizeof out; /* Above that a call is a bug, and asserted. */
    if (!*applies)
        return false;
    hash_hkdf_sha256(s, k, i, out, size);
    return size == okm.size && memcmp(out, okm.bytes, size) == 0;
}

static void wycheproof_ed25519(void **state)
{
    assert_int_equal(run_file("wycheproof/ed25519_test.json", check_ed25519), 151);
}

static void wycheproof_x25519(void **state)
{
    assert_int_equal(run_file("wycheproof/x25519_test.json", check_x25519), 518);
}

static void wycheproof_chacha20_poly1305(void **state)
{
    assert_true(run_file("wycheproof/chacha20_poly1305_test.json", check_aead) > 0);
}

static void wycheproof_hkdf(void **state)
{
    assert_true(run_file("wycheproof/hkdf_sha256_test.json", check_hkdf) > 80);
}

static void cctv_ed25519_accepts_exactly_43(void **state)
{
    json_t *root = vectors_json("ed25519-cctv/ed25519vectors.json"), *test;
    size_t i;
    unsigned accepted = 0;
    assert_int_equal(json_array_size(root), 914);
    json_array_foreach(root, i, test)
    {
        struct tally_key key;
        struct tally_signature signature;
        assert_int_equal(vectors_hex(test, "key", key.bytes, 32), 32);
        assert_int_equal(vectors_hex(test, "sig", signature.bytes, 64), 64);
        accepted += sign_verify(&key, vectors_text_bytes(test, "msg"), &signature);
    }
    assert_int_equal(accepted, 43);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wycheproof_ed25519),
        cmocka_unit_test(wycheproof_x25519),
        cmocka_unit_test(wycheproof_chacha20_poly1305),
        cmocka_unit_test(wycheproof_hkdf),
        cmocka_unit_test(cctv_ed25519_accepts_exactly_43),
    };
    vectors_or_skip();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
