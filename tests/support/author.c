/* SPDX-License-Identifier: Apache-2.0 */
#include "support/author.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/crypto/sign.h"
#include "support/logs.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void author_init(struct author *author, uint8_t number)
{
    *author = (struct author){0};
    memset(author->seed, number, sizeof author->seed);
    author->crypto = logs_crypto(author->seed);
    sign_key(author->seed, &author->key);
    tally_origin_write(&author->key, bytes_text("audit"), author->origin);
    tally_origin_hash(bytes_text(author->origin), &author->origin_hash);
}

struct tally_log_id author_log(const struct author *author, bool own)
{
    return (struct tally_log_id){.origin_hash = author->origin_hash,
                                 .issuer = author->key,
                                 .origin = author->origin,
                                 .name_space = "audit",
                                 .own = own};
}

size_t author_write(struct author *author, struct tally_bytes body,
                    uint8_t envelope[TALLY_ENVELOPE_MAX])
{
    struct tally_receipt receipt = {.issuer = author->key,
                                    .name_space = bytes_text("audit"),
                                    .type = bytes_text("story"),
                                    .sequence = author->next,
                                    .previous = author->previous,
                                    .time = {1763700000000000 + (int64_t)author->next},
                                    .body_size = (uint32_t)body.size};
    hash_sha256(body, &receipt.body_hash);
    size_t size = tally_receipt_write(&receipt, &author->crypto, envelope);
    tally_receipt_hash(bytes_of(envelope, size), &author->previous);
    author->next++;
    return size;
}

size_t author_sign(const struct author *author, uint64_t size, const struct tally_hash *root,
                   uint8_t note[TALLY_CHECKPOINT_MAX])
{
    struct tally_vkey vkey;
    const struct tally_checkpoint checkpoint = {
        .origin = bytes_text(author->origin), .size = size, .root = *root};
    bool named = tally_vkey_init(&vkey, checkpoint.origin, TALLY_VKEY_LOG, &author->key);
    assert(named);
    (void)named;
    return tally_checkpoint_sign(&checkpoint, &vkey, &author->crypto, note);
}

static void package_add(struct tally_package *package, struct tally_bytes envelope,
                        struct tally_bytes body)
{
    bool large = body.size > TALLY_BODY_INLINE_MAX;
    be16_write(package->entries + package->entries_size, (uint16_t)envelope.size);
    memcpy(package->entries + package->entries_size + 2, envelope.data, envelope.size);
    package->entries_size += 2 + envelope.size;
    be32_write(package->bodies + package->bodies_size,
               large ? TALLY_BODY_ABSENT : (uint32_t)body.size);
    package->bodies_size += 4;
    if (large) {
        package->large[package->large_count++] = (uint8_t)package->count;
    } else {
        memcpy(package->bodies + package->bodies_size, body.data, body.size);
        package->bodies_size += body.size;
    }
    tally_receipt_leaf(envelope, &package->leaves[package->count++]);
    tally_receipt_hash(envelope, &package->last);
}

struct tally_package *author_package(struct author *author, unsigned count, size_t body_size,
                                     const char *word, struct merkle_range *range)
{
    struct tally_package *package = calloc(1, sizeof *package);
    package->entries = malloc(TALLY_ENTRIES_MAX);
    package->bodies = malloc(TALLY_BODIES_MAX);
    package->previous = author->previous;
    char *body = calloc(1, body_size + 1);
    for (unsigned i = 0; i < count; i++) {
        uint8_t envelope[TALLY_ENVELOPE_MAX];
        memset(body, '.', body_size);
        snprintf(body, body_size, "%s %llu", word, (unsigned long long)author->next);
        struct tally_bytes bytes = bytes_of(body, body_size);
        size_t size = author_write(author, bytes, envelope);
        package_add(package, bytes_of(envelope, size), bytes);
        if (range != NULL)
            merkle_range_append(range, &package->leaves[i]);
    }
    free(body);
    return package;
}

void author_package_free(struct tally_package *package)
{
    if (package == NULL)
        return;
    free(package->entries);
    free(package->bodies);
    free(package);
}
