/* SPDX-License-Identifier: Apache-2.0 */
#include "host/anchors/light.h"

#include "core/base/bytes.h"
#include "core/base/hex.h"

#include <stdio.h>
#include <stdlib.h>

bool light_begin(struct light *light, struct tally_bytes bytes)
{
    *light = (struct light){.size = bytes.size};
    if (bytes.size == 0 || bytes.size > TALLY_ANCHOR_PROOF_MAX)
        return false;
    light->pool = malloc(bytes.size); /* Hex is twice as long. */
    light->file = json_loadb((const char *)bytes.data, bytes.size, JSON_REJECT_DUPLICATES, NULL);
    return light->pool != NULL && json_is_object(light->file);
}

void light_end(struct light *light)
{
    json_decref(light->file);
    free(light->pool);
    *light = (struct light){0};
}

bool light_hex(struct light *light, const json_t *value, struct tally_bytes *bytes)
{
    const char *text = json_string_value(value);
    if (text == NULL)
        return false;
    if (strncmp(text, "0x", 2) == 0)
        text += 2;
    size_t size = strlen(text) / 2;
    if (size > light->size - light->used || !hex_read(text, light->pool + light->used, size))
        return false;
    *bytes = bytes_of(light->pool + light->used, size);
    light->used += size;
    return true;
}

bool light_quantity(const json_t *value, uint64_t *number)
{
    const char *text = json_string_value(value);
    uint8_t bytes[8] = {0};
    char whole[17];
    size_t size = text != NULL && strncmp(text, "0x", 2) == 0 ? strlen(text + 2) : 0;
    if (size == 0 || size > 16 || (size > 1 && text[2] == '0'))
        return false;
    (void)snprintf(whole, sizeof whole, "%016d", 0);
    memcpy(whole + 16 - size, text + 2, size);
    if (!hex_read(whole, bytes, sizeof bytes))
        return false;
    *number = be64_read(bytes);
    return true;
}

bool light_name(const struct light *light, enum tally_anchor_kind *kind,
                char chain[TALLY_ANCHOR_CHAIN_MAX + 1],
                char transaction[TALLY_ANCHOR_TRANSACTION_MAX + 1])
{
    const char *said = json_string_value(json_object_get(light->file, "chain"));
    const char *id = json_string_value(json_object_get(light->file, "transaction"));
    if (said == NULL || id == NULL || !tally_anchor_chain_kind(said, kind) ||
        !tally_anchor_transaction_good(*kind, id))
        return false;
    (void)snprintf(chain, TALLY_ANCHOR_CHAIN_MAX + 1, "%s", said);
    (void)snprintf(transaction, TALLY_ANCHOR_TRANSACTION_MAX + 1, "%s", id);
    return true;
}

static bool read_index(const struct light *light, uint64_t most, uint64_t *index)
{
    const json_t *value = json_object_get(light->file, "index");
    *index = (uint64_t)json_integer_value(value);
    return json_is_integer(value) && json_integer_value(value) >= 0 && *index <= most;
}

static bool read_nodes(struct light *light, const char *member, struct trie_proof *proof)
{
    const json_t *list = json_object_get(light->file, member);
    proof->count = json_array_size(list);
    if (proof->count == 0 || proof->count > TRIE_NODES_MAX)
        return false;
    for (size_t i = 0; i < proof->count; i++)
        if (!light_hex(light, json_array_get(list, i), &proof->nodes[i]))
            return false;
    return true;
}

bool light_evm(struct light *light, struct evm_light *evm)
{
    const json_t *file = light->file;
    return light_hex(light, json_object_get(file, "header"), &evm->header) &&
           light_hex(light, json_object_get(file, "raw"), &evm->raw) &&
           light_hex(light, json_object_get(file, "receipt"), &evm->receipt) &&
           read_index(light, UINT32_MAX, &evm->index) &&
           read_nodes(light, "proof", &evm->raw_proof) &&
           read_nodes(light, "receipt_proof", &evm->receipt_proof);
}

bool light_btc(struct light *light, struct btc_light *btc)
{
    const json_t *file = light->file, *path = json_object_get(file, "path");
    struct tally_bytes header;
    uint64_t index;
    btc->path.count = json_array_size(path);
    if (!light_hex(light, json_object_get(file, "raw"), &btc->raw) ||
        !light_hex(light, json_object_get(file, "header"), &header) ||
        header.size != BITCOIN_HEADER || !read_index(light, UINT32_MAX, &index) ||
        !json_is_array(path) || btc->path.count > BITCOIN_PATH_MAX)
        return false;
    memcpy(btc->header, header.data, BITCOIN_HEADER);
    btc->path.index = (uint32_t)index;
    for (size_t i = 0; i < btc->path.count; i++) {
        struct tally_bytes side;
        if (!light_hex(light, json_array_get(path, i), &side) ||
            side.size != sizeof btc->path.sides[i].bytes)
            return false;
        memcpy(btc->path.sides[i].bytes, side.data, side.size);
    }
    return true;
}
