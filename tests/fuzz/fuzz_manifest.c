/* SPDX-License-Identifier: Apache-2.0 */
/* The list of a backup, signed by whoever made the bytes up: what is taken is written again as it
   was, names nothing outside of the folder, and each path once. */
#include "core/base/base64.h"
#include "core/base/bytes.h"
#include "core/crypto/sign.h"
#include "host/backup/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t seed[32] = {7};

static void on_sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    (void)context;
    sign_with_seed(seed, message, signature);
}

static const struct tally_crypto crypto = {.sign = on_sign};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[(64 << 10) + 128];
    struct tally_signature signature;
    struct manifest manifest;
    struct complaint complaint;
    if (size > 64 << 10)
        return 0;
    memcpy(text, data, size);
    sign_with_seed(seed, bytes_of(data, size), &signature);
    size_t whole = size + (size_t)snprintf(text + size, 16, "signature ");
    base64_write(bytes_of(signature.bytes, sizeof signature.bytes), text + whole);
    whole += BASE64_SIZE(sizeof signature.bytes);
    text[whole++] = '\n';
    if (manifest_read(bytes_of(text, whole), &manifest, &complaint) != TALLY_OK)
        return 0;
    char *again = manifest_write(&manifest, &crypto);
    if (again == NULL || strlen(again) != whole || memcmp(again, text, whole) != 0)
        abort();
    for (size_t i = 0; i < manifest.count; i++)
        if (manifest.files[i].path[0] == '/' || strstr(manifest.files[i].path, "../") != NULL ||
            manifest_find(&manifest, manifest.files[i].path) != &manifest.files[i])
            abort();
    free(again);
    manifest_free(&manifest);
    return 0;
}
