/* SPDX-License-Identifier: Apache-2.0 */
#include "core/peers/heads.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/wire/derive.h"

#include <assert.h>
#include <stdlib.h>

static size_t slot_count(size_t capacity)
{
    size_t slots = 16;
    while (slots < capacity * 2)
        slots *= 2;
    return slots;
}

bool heads_new(struct heads *heads, size_t capacity, const uint8_t hash_key[16])
{
    assert(capacity > 0 && capacity < UINT16_MAX);
    size_t slots = slot_count(capacity);
    *heads = (struct heads){.capacity = capacity, .slot_mask = slots - 1};
    heads->list = calloc(capacity, sizeof *heads->list);
    heads->slots = calloc(slots, sizeof *heads->slots);
    heads->set_max = capacity < TALLY_NAMESPACES_MAX ? capacity : TALLY_NAMESPACES_MAX;
    heads->sets = calloc(heads->set_max, sizeof *heads->sets);
    memcpy(heads->hash_key, hash_key, sizeof heads->hash_key);
    if (heads->list != NULL && heads->slots != NULL && heads->sets != NULL)
        return true;
    heads_free(heads);
    return false;
}

void heads_free(struct heads *heads)
{
    free(heads->list);
    free(heads->slots);
    free(heads->sets);
    hash_wipe(heads, sizeof *heads);
}

/* The slot of an origin, or the free one where it belongs. At most half of the slots are taken. */
static size_t slot_of(const struct heads *heads, const struct tally_hash *origin)
{
    size_t slot = (size_t)hash_siphash(heads->hash_key, bytes_of(origin->bytes, 32));
    for (slot &= heads->slot_mask; heads->slots[slot] != 0; slot = (slot + 1) & heads->slot_mask)
        if (hash_equal(&heads->list[heads->slots[slot] - 1].origin, origin))
            break;
    return slot;
}

const struct head *heads_find(const struct heads *heads, const struct tally_hash *origin)
{
    uint16_t index = heads->slots[slot_of(heads, origin)];
    return index == 0 ? NULL : &heads->list[index - 1];
}

const struct head *heads_find_hint(const struct heads *heads, const struct tally_key *issuer,
                                   const uint8_t hint[HEADS_HINT])
{
    for (size_t i = 0; i < heads->count; i++) {
        const struct head *head = &heads->list[i];
        if (memcmp(head->origin.bytes, hint, HEADS_HINT) == 0 && key_equal(&head->issuer, issuer))
            return head;
    }
    return NULL;
}

const struct head_set *heads_set_find(const struct heads *heads, const uint8_t tag[HEADS_TAG])
{
    for (size_t i = 0; i < heads->set_count; i++)
        if (memcmp(heads->sets[i].name_space, tag, HEADS_TAG) == 0)
            return &heads->sets[i];
    return NULL;
}

void heads_id(const struct head *head, struct tally_hash *id)
{
    derive_head_id(&head->origin, head->size, &head->root, id);
}

static void sum_add(uint8_t sum[32], const struct tally_hash *id)
{
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)sum[i] + id->bytes[i];
        sum[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

static void sum_subtract(uint8_t sum[32], const struct tally_hash *id)
{
    unsigned borrow = 0;
    for (size_t i = 0; i < 32; i++) {
        unsigned difference = 256 + (unsigned)sum[i] - id->bytes[i] - borrow;
        sum[i] = (uint8_t)difference;
        borrow = difference < 256;
    }
}

/* The set of a namespace, made if it is the first of its name; NULL if there is no room. */
static struct head_set *set_take(struct heads *heads, const uint8_t tag[HEADS_TAG])
{
    struct head_set *known = (struct head_set *)heads_set_find(heads, tag);
    if (known != NULL || heads->set_count == heads->set_max)
        return known;
    struct head_set *set = &heads->sets[heads->set_count++];
    *set = (struct head_set){.count = 0};
    memcpy(set->name_space, tag, HEADS_TAG);
    return set;
}

bool heads_set(struct heads *heads, struct tally_now now, const struct head *head)
{
    size_t slot = slot_of(heads, &head->origin);
    bool known = heads->slots[slot] != 0;
    if (!known && heads->count == heads->capacity)
        return false;
    struct head_set *set = set_take(heads, head->name_space);
    if (set == NULL)
        return false;
    if (!known) {
        struct head *fresh = &heads->list[heads->count++];
        *fresh = (struct head){.origin = head->origin, .issuer = head->issuer, .own = head->own};
        memcpy(fresh->name_space, head->name_space, HEADS_TAG);
        heads->slots[slot] = (uint16_t)heads->count;
    }
    struct head *held = &heads->list[heads->slots[slot] - 1];
    assert(head->size >= held->size);
    assert(memcmp(held->name_space, head->name_space, HEADS_TAG) == 0);
    if (head->size == held->size)
        return true;
    if (set->count > 0)
        heads_fingerprint(set, set->past[set->past_turn++ % HEADS_PAST]);
    if (held->size > 0)
        sum_subtract(set->sum, &held->id);
    else
        set->count++;
    held->size = head->size;
    held->root = head->root;
    held->changed = now.mono;
    if (held->claimed < held->size)
        held->claimed = held->size;
    heads_id(held, &held->id);
    sum_add(set->sum, &held->id);
    return true;
}

void heads_claim(struct heads *heads, const struct head *head, uint64_t size)
{
    struct head *held = &heads->list[head - heads->list];
    if (held->claimed < size)
        held->claimed = size;
}

void heads_announced(struct heads *heads, const struct head *head, struct tally_now now)
{
    struct head *held = &heads->list[head - heads->list];
    held->announced = held->size;
    held->announced_at = now.mono;
}

/* negentropy's varint: base 128, the most significant digit first, a set top bit means more. */
static size_t varint_write(uint8_t bytes[10], uint64_t value)
{
    size_t size = 1;
    for (uint64_t rest = value >> 7; rest != 0; rest >>= 7)
        size++;
    for (size_t i = size; i-- > 0; value >>= 7)
        bytes[i] = (uint8_t)((value & 0x7f) | (i + 1 < size ? 0x80 : 0));
    return size;
}

void heads_fingerprint(const struct head_set *set, uint8_t fingerprint[HEADS_FINGERPRINT])
{
    uint8_t varint[10];
    struct tally_hash hash;
    hash_sha256_two(bytes_of(set->sum, 32), bytes_of(varint, varint_write(varint, set->count)),
                    &hash);
    memcpy(fingerprint, hash.bytes, HEADS_FINGERPRINT);
}

bool heads_was(const struct head_set *set, const uint8_t fingerprint[HEADS_FINGERPRINT])
{
    for (unsigned i = 0; i < set->past_turn && i < HEADS_PAST; i++)
        if (memcmp(set->past[i], fingerprint, HEADS_FINGERPRINT) == 0)
            return true;
    return false;
}

bool heads_holds(const struct heads *heads)
{
    if (heads->count > heads->capacity || heads->set_count > TALLY_NAMESPACES_MAX)
        return false;
    for (size_t s = 0; s < heads->set_count; s++) {
        const struct head_set *set = &heads->sets[s];
        uint8_t sum[32] = {0};
        uint64_t count = 0;
        for (size_t i = 0; i < heads->count; i++) {
            const struct head *head = &heads->list[i];
            if (head->size == 0 || memcmp(head->name_space, set->name_space, HEADS_TAG) != 0)
                continue;
            sum_add(sum, &head->id);
            count++;
        }
        if (count != set->count || memcmp(sum, set->sum, sizeof sum) != 0)
            return false;
    }
    for (size_t i = 0; i < heads->count; i++)
        if (heads_find(heads, &heads->list[i].origin) != &heads->list[i])
            return false;
    return true;
}
