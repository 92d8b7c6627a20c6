/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H
/*
 * uthash with a keyed hash (SipHash-2-4), because peers choose the keys. Iteration is in insertion
 * order, so traces stay deterministic. The key of the hash is one of the compile unit's choice:
 * define TABLE_KEY as an expression for 16 bytes before including this.
 *
 * Growth of a table is the one allocation a step may make; tables whose size is bounded from the
 * start are arrays instead.
 */
#ifndef TABLE_KEY
#error "define TABLE_KEY before including core/base/table.h"
#endif
#include <sodium/crypto_shorthash.h>
#include <string.h>

#define HASH_FUNCTION(key, size, hash)                                                             \
    do {                                                                                           \
        unsigned char table_hash[crypto_shorthash_BYTES];                                          \
        crypto_shorthash(table_hash, (const unsigned char *)(key), (size), (TABLE_KEY));           \
        uint32_t table_low;                                                                        \
        memcpy(&table_low, table_hash, sizeof table_low);                                          \
        (hash) = table_low;                                                                        \
    } while (0)
#include <uthash.h>

#endif
