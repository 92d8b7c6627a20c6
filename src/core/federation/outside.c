/* SPDX-License-Identifier: Apache-2.0 */
#include "core/federation/outside.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"

#include <stdlib.h>

struct outsides *outsides_new(size_t capacity)
{
    struct outsides *outsides = calloc(1, sizeof *outsides);
    if (outsides == NULL)
        return NULL;
    outsides->capacity = capacity;
    outsides->list = calloc(capacity, sizeof *outsides->list);
    if (outsides->list != NULL)
        return outsides;
    free(outsides);
    return NULL;
}

void outsides_free(struct outsides *outsides)
{
    if (outsides != NULL)
        free(outsides->list);
    free(outsides);
}

const struct outside *outside_find(const struct outsides *outsides, const struct tally_key *key)
{
    for (size_t i = 0; outsides != NULL && i < outsides->count; i++)
        if (key_equal(&outsides->list[i].vkey.key, key))
            return &outsides->list[i];
    return NULL;
}

static bool begins(struct tally_bytes text, const char *with)
{
    size_t size = strlen(with);
    return text.size > size && memcmp(text.data, with, size) == 0;
}

bool outside_url_valid(struct tally_bytes url)
{
    size_t host = begins(url, "http://") ? 7 : begins(url, "https://") ? 8 : 0;
    if (host == 0 || url.size > OUTSIDE_URL_MAX || url.data[host] == '/' ||
        url.data[url.size - 1] == '/')
        return false;
    for (size_t i = 0; i < url.size; i++) {
        uint8_t byte = url.data[i];
        if (byte <= 0x20 || byte >= 0x7f || byte == '@' || byte == '?' || byte == '#' ||
            byte == '\\' || byte == '"')
            return false;
    }
    return true;
}

enum fold_verdict outside_judge(const struct outsides *outsides,
                                const struct tally_fed_witness_url *said)
{
    const struct outside *known = outside_find(outsides, &said->key);
    struct tally_vkey vkey;
    if (!outside_url_valid(said->url) ||
        !tally_vkey_init(&vkey, said->name, TALLY_VKEY_COSIGNER, &said->key))
        return FOLD_MALFORMED;
    if (known == NULL && said->asked)
        return outsides->count < outsides->capacity ? FOLD_TAKEN : FOLD_FULL;
    if (known == NULL || (!known->asked && !said->asked))
        return FOLD_FORBIDDEN;
    bool same = known->asked && said->asked && bytes_equal(bytes_text(known->url), said->url) &&
                bytes_equal(bytes_text(known->vkey.name), said->name);
    return same ? FOLD_FORBIDDEN : FOLD_TAKEN;
}

void outside_apply(struct outsides *outsides, const struct tally_fed_witness_url *said,
                   uint64_t index)
{
    size_t at = 0;
    while (at < outsides->count && !key_equal(&outsides->list[at].vkey.key, &said->key))
        at++;
    struct outside *one = &outsides->list[at];
    outsides->count += at == outsides->count;
    *one = (struct outside){.asked = said->asked, .index = index};
    (void)tally_vkey_init(&one->vkey, said->name, TALLY_VKEY_COSIGNER, &said->key);
    memcpy(one->url, said->url.data, said->url.size);
}

void outside_hash(const struct outsides *outsides, struct tally_hash *hash)
{
    for (size_t i = 0; i < outsides->count; i++) {
        const struct outside *one = &outsides->list[i];
        uint8_t bytes[32 + 8 + 1 + TALLY_VKEY_NAME_MAX + 1 + OUTSIDE_URL_MAX + 1] = {0};
        struct tally_hash before = *hash;
        uint8_t *at = bytes + 32 + 8 + 1;
        memcpy(bytes, one->vkey.key.bytes, 32);
        be64_write(bytes + 32, one->index);
        bytes[40] = one->asked;
        memcpy(at, one->vkey.name, strlen(one->vkey.name));
        memcpy(at + TALLY_VKEY_NAME_MAX + 1, one->url, strlen(one->url));
        hash_sha256_two(bytes_of(before.bytes, sizeof before.bytes), bytes_of(bytes, sizeof bytes),
                        hash);
    }
}
