/* SPDX-License-Identifier: Apache-2.0 */
/* Keys under a passphrase: the right one opens them, and nothing else does. */
#include "core/base/bytes.h"
#include "host/backup/sealed.h"
#include "host/config/keys.h"
#include "listed.h"
#include "support/cmocka.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct passphrase right = {"open sesame", 11}, wrong = {"open sesamf", 11};

static struct tally_key make_keys(const char *data)
{
    struct complaint complaint;
    struct keys *keys;
    assert_int_equal(keys_open(data, true, &keys, &complaint), TALLY_OK);
    const struct tally_key key = *keys_identity(keys);
    keys_free(keys);
    assert_int_equal(keys_open_named(data, "witness.key", true, &keys, &complaint), TALLY_OK);
    keys_free(keys);
    return key;
}

static void what_is_sealed_comes_back(void **state)
{
    char one[] = "/tmp/tally-sealed-XXXXXX", two[] = "/tmp/tally-sealed-XXXXXX";
    struct complaint complaint;
    struct sealed *sealed;
    struct keys *keys;
    assert_non_null(mkdtemp(one));
    assert_non_null(mkdtemp(two));
    const struct tally_key key = make_keys(one), other = listed_key();
    assert_int_equal(sealed_gather(one, &sealed, &complaint), TALLY_OK);
    char *text = sealed_write(sealed, &right, &complaint);
    assert_non_null(text);
    sealed_free(sealed);
    const struct tally_bytes bytes = bytes_text(text);
    assert_int_equal(sealed_open(bytes, &wrong, &key, &sealed, &complaint), TALLY_MISMATCH);
    assert_int_equal(sealed_open(bytes, &right, &other, &sealed, &complaint), TALLY_DAMAGED);
    for (size_t i = 0; i < bytes.size; i += 41) {
        text[i] ^= 1;
        assert_int_not_equal(sealed_open(bytes, &right, &key, &sealed, &complaint), TALLY_OK);
        assert_null(sealed);
        text[i] ^= 1;
    }
    assert_int_equal(sealed_open(bytes, &right, &key, &sealed, &complaint), TALLY_OK);
    int root = open(two, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(sealed_put(sealed, root, &complaint), TALLY_OK);
    assert_int_not_equal(sealed_put(sealed, root, &complaint), TALLY_OK);
    sealed_free(sealed);
    assert_int_equal(keys_open(two, false, &keys, &complaint), TALLY_OK);
    assert_true(key_equal(keys_identity(keys), &key));
    keys_free(keys);
    assert_int_equal(keys_open_named(two, "witness.key", false, &keys, &complaint), TALLY_OK);
    keys_free(keys);
    assert_true(tree_clear(root, NULL, 0));
    (void)close(root);
    root = open(one, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(tree_clear(root, NULL, 0));
    (void)close(root);
    assert_int_equal(rmdir(one) | rmdir(two), 0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_sealed_comes_back)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
