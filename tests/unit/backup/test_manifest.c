/* SPDX-License-Identifier: Apache-2.0 */
/* The list of a backup: what is taken for one, and what a folder has to be to be what it names. */
#include "core/base/base64.h"
#include "core/base/bytes.h"
#include "listed.h"
#include "support/cmocka.h"
#include "tally/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* The text with its signature behind it. */
static enum tally_error read_signed(const char *text, struct manifest *manifest)
{
    char whole[4096];
    struct complaint complaint;
    size_t size = (size_t)snprintf(whole, sizeof whole, "%s", text);
    const struct tally_signature signature = listed_sign(bytes_of(whole, size));
    size += (size_t)snprintf(whole + size, sizeof whole - size, "signature ");
    base64_write(bytes_of(signature.bytes, sizeof signature.bytes), whole + size);
    size += BASE64_SIZE(sizeof signature.bytes);
    whole[size++] = '\n';
    return manifest_read(bytes_of(whole, size), manifest, &complaint);
}

static void one_form_of_each_line(void **state)
{
    static const struct {
        const char *head, *lines;
        enum tally_error error;
    } table[] = {
        {"made 5\nversion 0.1.0\nkeys none\n", "", TALLY_OK},
        {"made 5\nversion 0.1.0\nkeys none\n", "file " HASH " 0 a\nfile " HASH " 17 b/c d\n",
         TALLY_OK},
        {"made 5\nversion 0.1.0\nkeys sealed\n", "file " HASH " 9 keys.sealed\n", TALLY_OK},
        {"made 5\nversion 0.1.0\nkeys sealed\n", "", TALLY_DAMAGED},
        {"made 5\nversion 0.1.0\nkeys none\n", "file " HASH " 9 keys.sealed\n", TALLY_DAMAGED},
        {"made 05\nversion 0.1.0\nkeys none\n", "", TALLY_DAMAGED},
        {"made 5\nversion 0.1.0\nkeys some\n", "", TALLY_DAMAGED},
        {"made 5\nversion 0 1\nkeys none\n", "", TALLY_DAMAGED},
        {"made 5\nversion 0.1.0\nkeys none\n", "file " HASH " 00 a\n", TALLY_DAMAGED},
        {"made 5\nversion 0.1.0\nkeys none\n", "file " HASH "  0 a\n", TALLY_DAMAGED},
        {"made 5\nversion 0.1.0\nkeys none\n", "file " HASH " 0 b\nfile " HASH " 0 a\n",
         TALLY_DAMAGED},
        {"made 5\nversion 0.1.0\nkeys none\n", "file " HASH " 0 a\nfile " HASH " 0 a\n",
         TALLY_DAMAGED},
        {"made 5\nversion 0.1.0\nkeys none\n", "file " HASH " 0 /etc/passwd\n", TALLY_DAMAGED},
        {"made 5\nversion 0.1.0\nkeys none\n", "file " HASH " 0 ../a\n", TALLY_DAMAGED},
        {"made 5\nversion 0.1.0\nkeys none\n", "file " HASH " 0 a/../../b\n", TALLY_DAMAGED},
        {"made 5\nversion 0.1.0\nkeys none\n", "file " HASH " 0 a//b\n", TALLY_DAMAGED},
        {"made 5\nversion 0.1.0\nkeys none\n", "file " HASH " 0 ./a\n", TALLY_DAMAGED},
        {"made 5\nversion 0.1.0\nkeys none\n", "file " HASH " 0 keys/identity.key\n",
         TALLY_DAMAGED},
        {"made 5\nversion 0.1.0\nkeys none\n", "file " HASH " 0 lock\n", TALLY_DAMAGED},
        {"made 5\nversion 0.1.0\nkeys none\n", "file " HASH " 0 manifest\n", TALLY_DAMAGED},
        {"made 5\nversion 0.1.0\nkeys none\n", "file e3b0 0 a\n", TALLY_DAMAGED},
        {"made 5\nversion 0.1.0\nkeys none\n", "file " HASH " 0 \n", TALLY_DAMAGED},
        {"made 5\nversion 0.1.0\nkeys none\n", "file " HASH " 0\n", TALLY_DAMAGED},
        {"made 5\nversion 0.1.0\nkeys none\n", "folder a\n", TALLY_DAMAGED},
    };
    char did[TALLY_DID_SIZE + 1], text[2048];
    const struct tally_key key = listed_key();
    tally_did_write(&key, did);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct manifest manifest;
        (void)snprintf(text, sizeof text, "tally backup 1\nnode %s\n%s%s", did, table[i].head,
                       table[i].lines);
        assert_int_equal(read_signed(text, &manifest), table[i].error);
        manifest_free(&manifest);
    }
    struct manifest manifest;
    (void)snprintf(text, sizeof text, "tally backup 2\nnode %s\n%s", did, table[0].head);
    assert_int_equal(read_signed(text, &manifest), TALLY_NEWER);
    (void)snprintf(text, sizeof text, "tally receipt 1\n%s", did);
    assert_int_equal(read_signed(text, &manifest), TALLY_DAMAGED);
}

static void no_byte_of_it_may_change(void **state)
{
    char path[64];
    struct manifest manifest, again;
    struct complaint complaint;
    int root = listed_folder(path, &manifest);
    char *text = manifest_write(&manifest, &listed_crypto);
    size_t size = strlen(text);
    assert_int_equal(manifest_read(bytes_of(text, size), &again, &complaint), TALLY_OK);
    assert_int_equal(again.count, manifest.count);
    assert_int_equal(again.bytes, manifest.bytes);
    manifest_free(&again);
    for (size_t i = 0; i < size; i++) {
        text[i] ^= 1;
        assert_int_not_equal(manifest_read(bytes_of(text, size), &again, &complaint), TALLY_OK);
        text[i] ^= 1;
        assert_int_not_equal(manifest_read(bytes_of(text, i), &again, &complaint), TALLY_OK);
    }
    free(text);
    manifest_free(&manifest);
    assert_true(tree_clear(root, NULL, 0));
    (void)close(root);
    (void)rmdir(path);
}

static void a_folder_is_what_it_names(void **state)
{
    char path[64];
    struct manifest manifest;
    struct complaint complaint;
    int root = listed_folder(path, &manifest);
    assert_int_equal(manifest_compare(&manifest, root, NULL, NULL, &complaint), TALLY_OK);
    listed_put(root, "f2", 510, 2);
    assert_int_equal(manifest_compare(&manifest, root, NULL, NULL, &complaint), TALLY_DAMAGED);
    assert_string_equal(complaint.text, "f2 has 510 bytes, and had 511");
    listed_put(root, "f2", 511, 3);
    assert_int_equal(manifest_compare(&manifest, root, NULL, NULL, &complaint), TALLY_DAMAGED);
    assert_non_null(strstr(complaint.text, "f2 is not what was written"));
    assert_int_equal(unlinkat(root, "f2", 0), 0);
    assert_int_equal(manifest_compare(&manifest, root, NULL, NULL, &complaint), TALLY_DAMAGED);
    assert_string_equal(complaint.text, "f2 is missing");
    assert_int_equal(symlinkat("f4", root, "f2"), 0);
    assert_int_equal(manifest_compare(&manifest, root, NULL, NULL, &complaint), TALLY_DAMAGED);
    assert_int_equal(unlinkat(root, "f2", 0), 0);
    listed_put(root, "f2", 511, 2);
    assert_int_equal(manifest_compare(&manifest, root, NULL, NULL, &complaint), TALLY_OK);
    listed_put(root, "logs/b", 0, 0);
    assert_int_equal(manifest_compare(&manifest, root, NULL, NULL, &complaint), TALLY_DAMAGED);
    assert_string_equal(complaint.text, "logs/b is not in the list of the backup");
    manifest_free(&manifest);
    assert_true(tree_clear(root, NULL, 0));
    (void)close(root);
    (void)rmdir(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_form_of_each_line),
        cmocka_unit_test(no_byte_of_it_may_change),
        cmocka_unit_test(a_folder_is_what_it_names),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
