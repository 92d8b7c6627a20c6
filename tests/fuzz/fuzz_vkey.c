/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, origins and tile paths: what is read is written again as the same text. */
#include "core/base/bytes.h"
#include "core/log/tile.h"
#include "tally/log.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_equal(struct tally_bytes text, const void *again, size_t size)
{
    if (!bytes_equal(text, bytes_of(again, size)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tally_bytes text = bytes_of(data, size), name_space;
    char key_text[TALLY_SKEY_MAX], origin[TALLY_ORIGIN_MAX + 1], path[TILE_PATH_MAX];
    struct tally_vkey vkey;
    struct tally_key key;
    struct tile tile;
    uint8_t seed[32];
    if (tally_vkey_read(text, &vkey))
        must_equal(text, key_text, tally_vkey_write(&vkey, key_text));
    if (tally_skey_read(text, &vkey, seed))
        must_equal(text, key_text, tally_skey_write(&vkey, seed, key_text));
    if (tally_origin_read(text, &key, &name_space))
        must_equal(text, origin, tally_origin_write(&key, name_space, origin));
    if (tile_path_read(text, &tile))
        must_equal(text, path, tile_path(&tile, path));
    return 0;
}
