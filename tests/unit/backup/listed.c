/* SPDX-License-Identifier: Apache-2.0 */
#include "listed.h"

#include "core/base/bytes.h"
#include "core/crypto/sign.h"
#include "host/backup/work.h"
#include "support/cmocka.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint8_t seed[32] = {3};

static void on_sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    (void)context;
    sign_with_seed(seed, message, signature);
}

const struct tally_crypto listed_crypto = {.sign = on_sign};

struct tally_signature listed_sign(struct tally_bytes text)
{
    struct tally_signature signature;
    sign_with_seed(seed, text, &signature);
    return signature;
}

struct tally_key listed_key(void)
{
    struct tally_key key;
    sign_key(seed, &key);
    return key;
}

void listed_put(int root, const char *path, size_t size, unsigned number)
{
    uint8_t *bytes = malloc(size + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 7 + number);
    int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    (void)close(fd);
    free(bytes);
}

int listed_folder(char path[64], struct manifest *manifest)
{
    static const size_t sizes[] = {0, 1, 511, 512, 513, 1024, 70000};
    struct complaint complaint;
    (void)snprintf(path, 64, "/tmp/tally-backup-XXXXXX");
    assert_non_null(mkdtemp(path));
    int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(root >= 0);
    assert_int_equal(mkdirat(root, "logs", 0700), 0);
    assert_int_equal(mkdirat(root, "logs/a", 0700), 0);
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char name[40];
        (void)snprintf(name, sizeof name, "%s%u", i % 2 ? "logs/a/" : "f", i);
        listed_put(root, name, sizes[i], i);
    }
    *manifest = (struct manifest){.node = listed_key(), .made_s = 1796030400, .version = "0.1.0"};
    assert_int_equal(manifest_list(manifest, root, "", &complaint), TALLY_OK);
    assert_int_equal(manifest->count, sizeof sizes / sizeof *sizes);
    char *text = manifest_write(manifest, &listed_crypto);
    assert_non_null(text);
    assert_int_equal(work_put(root, MANIFEST_FILE, bytes_text(text), &complaint), TALLY_OK);
    free(text);
    return root;
}
