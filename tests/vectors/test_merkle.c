/* SPDX-License-Identifier: Apache-2.0 */
/* transparency-dev/merkle's public cases: 390 files, each with the verdict it wants. */
#include "core/base/base64.h"
#include "core/base/bytes.h"
#include "core/log/merkle.h"
#include "support/cmocka.h"
#include "vectors.h"

#include <ftw.h>
#include <stdlib.h>

static unsigned cases, exceptions;

static bool read_hash(const json_t *value, struct tally_hash *hash)
{
    size_t count;
    const char *text = json_string_value(value);
    return text && base64_read(text, strlen(text), hash->bytes, sizeof *hash, &count) &&
           count == sizeof hash->bytes;
}

static bool member_hash(const json_t *object, const char *member, struct tally_hash *hash)
{
    return read_hash(json_object_get(object, member), hash);
}

/* False if a hash has not 32 bytes: then nothing is left to verify. */
static bool read_proof(const json_t *object, struct tally_hash *hashes, size_t capacity,
                       size_t *count)
{
    const json_t *array = json_object_get(object, "proof");
    *count = json_array_size(array);
    assert_true(*count <= capacity);
    for (size_t i = 0; i < *count; i++)
        if (!read_hash(json_array_get(array, i), &hashes[i]))
            return false;
    return true;
}

static uint64_t number(const json_t *object, const char *member)
{
    const json_t *value = json_object_get(object, member);
    assert_true(json_is_real(value));
    return json_real_value(value) >= 0x1p63 ? UINT64_MAX : (uint64_t)json_real_value(value);
}

static bool verdict(const char *path, const json_t *c)
{
    struct tally_hash proof[128], one, two;
    size_t count;
    if (!read_proof(c, proof, 128, &count))
        return false;
    if (strstr(path, "/inclusion/"))
        return member_hash(c, "leafHash", &one) && member_hash(c, "root", &two) &&
               tally_inclusion_holds(number(c, "leafIdx"), number(c, "treeSize"), &one, proof,
                                     count, &two);
    if (strstr(path, "/subtreeinclusion/"))
        return member_hash(c, "leafHash", &one) && member_hash(c, "root", &two) &&
               tally_subtree_inclusion_holds(number(c, "leafIdx"), number(c, "start"),
                                             number(c, "end"), &one, proof, count, &two);
    if (!member_hash(c, "root1", &one) || !member_hash(c, "root2", &two))
        return false;
    if (strstr(path, "/consistency/"))
        return tally_consistency_holds(number(c, "size1"), number(c, "size2"), proof, count, &one,
                                       &two);
    return tally_subtree_holds(number(c, "start"), number(c, "end"), number(c, "size"), proof,
                               count, &one, &two);
}

/* Good cases whose roots are 12 bytes of «don't care»: refusing them is right. */
static bool excepted(const char *path)
{
    return strstr(path, "consistency/additional/sizes-are-equal-one-and-proof-is-empty.json") ||
           (strstr(path, "subtreeconsistency/additional/") &&
            strstr(path, "tree-root-random-proof-is-empty"));
}

static int one_file(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    size_t size = strlen(path);
    if (kind != FTW_F || size < 5 || strcmp(path + size - 5, ".json") != 0)
        return 0;
    /* Some sizes are above 2^63. */
    json_t *c = json_load_file(path, JSON_DECODE_INT_AS_REAL, NULL);
    assert_non_null(c);
    bool wanted = !json_boolean_value(json_object_get(c, "wantErr"));
    cases++;
    if (verdict(path, c) != wanted) {
        if (!wanted || !excepted(path))
            fail_msg("%s: wanted %s", path, wanted ? "good" : "refused");
        exceptions++;
    }
    json_decref(c);
    return 0;
}

static void all_public_cases_agree(void **state)
{
    char folder[4096];
    strcpy(folder, vectors_path("merkle"));
    nftw(folder, one_file, 8, FTW_PHYS);
    assert_int_equal(cases, 390);
    assert_int_equal(exceptions, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_public_cases_agree),
    };
    vectors_or_skip();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
