/* SPDX-License-Identifier: Apache-2.0 */
#include "core/anchor/headers.h"

#include "core/anchor/wide.h"
#include "core/base/bytes.h"

enum {
    PERIOD = 2016, /* Blocks between changes of the target. */
    PERIOD_S = 14 * 24 * 3600,
    MEDIAN_OF = 11,
    AHEAD_S = 2 * 3600,
    DAY_S = 24 * 3600,
    NEAR_TIP = 6,
};

static const struct bitcoin_network networks[] = {
    {"mainnet", 0x1d00ffff, true},
    {"signet", 0x1e0377ae, true},
    {"regtest", 0x207fffff, false},
};

const struct bitcoin_network *bitcoin_network_find(const char *name)
{
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
        if (strcmp(networks[i].name, name) == 0)
            return &networks[i];
    return NULL;
}

static uint32_t little32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Rule 6 as far as a header alone shows it. */
static enum tally_anchor_reason header_read(const struct bitcoin_network *network,
                                            const uint8_t bytes[BITCOIN_HEADER],
                                            struct bitcoin_header *header,
                                            struct tally_hash *before)
{
    struct wide target, limit, hash;
    bitcoin_hash(bytes_of(bytes, BITCOIN_HEADER), &header->hash);
    memcpy(before->bytes, bytes + 4, sizeof before->bytes);
    memcpy(header->root.bytes, bytes + 36, sizeof header->root.bytes);
    memcpy(header->bytes, bytes, BITCOIN_HEADER);
    header->time_s = little32(bytes + 68);
    header->bits = little32(bytes + 72);
    (void)wide_of_compact(network->limit, &limit);
    wide_of_hash(&header->hash, &hash);
    if (!wide_of_compact(header->bits, &target) || wide_compare(&target, &limit) > 0 ||
        wide_compare(&hash, &target) > 0)
        return TALLY_ANCHOR_IS_WORK;
    wide_work(&target, &header->work);
    return TALLY_ANCHOR_IS_VERIFIED;
}

void bitcoin_headers_init(struct bitcoin_headers *headers, const struct bitcoin_network *network,
                          struct bitcoin_header *list, size_t capacity)
{
    *headers = (struct bitcoin_headers){.network = network, .list = list, .capacity = capacity};
}

const struct bitcoin_header *bitcoin_headers_find(const struct bitcoin_headers *headers,
                                                  const struct tally_hash *hash)
{
    /* The latest are asked for most. */
    for (size_t i = headers->count; i > 0; i--)
        if (hash_equal(&headers->list[i - 1].hash, hash))
            return &headers->list[i - 1];
    return NULL;
}

/* So many blocks before one, on its own branch; NULL: before the run. */
static const struct bitcoin_header *before_by(const struct bitcoin_headers *headers,
                                              const struct bitcoin_header *from, uint64_t blocks)
{
    if (from->height - headers->list[from->run].height < blocks)
        return NULL;
    for (; blocks > 0; blocks--)
        from = &headers->list[from->before];
    return from;
}

/* The median of the eleven up to here; of fewer at the beginning of the chain. Where the run alone
   begins it cannot be told: 0. */
static uint32_t median(const struct bitcoin_headers *headers, const struct bitcoin_header *from)
{
    uint32_t times[MEDIAN_OF];
    size_t count = 0;
    for (const struct bitcoin_header *at = from; at != NULL && count < MEDIAN_OF;
         at = before_by(headers, at, 1)) {
        size_t place = count++;
        for (; place > 0 && times[place - 1] > at->time_s; place--)
            times[place] = times[place - 1];
        times[place] = at->time_s;
    }
    return count == MEDIAN_OF || headers->list[from->run].height == 0 ? times[count / 2] : 0;
}

/* The target after a period: as much easier as it took longer, by a factor of four at most. */
static uint32_t retarget(const struct bitcoin_network *network, const struct bitcoin_header *first,
                         const struct bitcoin_header *last)
{
    int64_t took = (int64_t)last->time_s - first->time_s;
    struct wide target, limit;
    if (took < PERIOD_S / 4)
        took = PERIOD_S / 4;
    if (took > PERIOD_S * 4)
        took = PERIOD_S * 4;
    (void)wide_of_compact(last->bits, &target);
    (void)wide_of_compact(network->limit, &limit);
    wide_scale(&target, (uint32_t)took, PERIOD_S);
    return wide_compare(&target, &limit) > 0 ? network->limit : wide_compact(&target);
}

/* Without the first of the period: not four times harder or easier than before. */
static bool within_four(const struct bitcoin_network *network, uint32_t before, uint32_t after)
{
    struct wide old, new, limit;
    (void)wide_of_compact(before, &old);
    (void)wide_of_compact(after, &new);
    (void)wide_of_compact(network->limit, &limit);
    struct wide most = old, least = old;
    wide_scale(&most, 4, 1);
    wide_scale(&least, 1, 4);
    if (wide_compare(&most, &limit) > 0)
        most = limit;
    /* Compact forms cut digits off. */
    (void)wide_of_compact(wide_compact(&least), &least);
    return wide_compare(&new, &least) >= 0 && wide_compare(&new, &most) <= 0;
}

static bool target_good(const struct bitcoin_headers *headers, const struct bitcoin_header *before,
                        uint32_t bits)
{
    if (!headers->network->retargets || (before->height + 1) % PERIOD != 0)
        return bits == before->bits;
    const struct bitcoin_header *first = before_by(headers, before, PERIOD - 1);
    return first != NULL ? bits == retarget(headers->network, first, before)
                         : within_four(headers->network, before->bits, bits);
}

static bool is_first(const struct bitcoin_headers *headers, const struct bitcoin_header *one)
{
    return one->run == (size_t)(one - headers->list);
}

/* The one that was added last may be what another run builds on. */
static void join(struct bitcoin_headers *headers)
{
    const struct bitcoin_header *last = &headers->list[headers->count - 1];
    for (uint32_t first = 0; first + 1 < headers->count; first++) {
        const struct bitcoin_header *one = &headers->list[first];
        if (!is_first(headers, one) || one->height != last->height + 1 ||
            memcmp(one->bytes + 4, last->hash.bytes, sizeof last->hash.bytes) != 0)
            continue;
        for (size_t i = 0; i < headers->count; i++)
            if (headers->list[i].run == first) {
                headers->list[i].run = last->run;
                wide_add(&headers->list[i].work, &last->work);
            }
        headers->list[first].before = (uint32_t)headers->count - 1;
    }
}

static enum tally_anchor_reason append(struct bitcoin_headers *headers,
                                       const struct bitcoin_header *one)
{
    if (headers->count == headers->capacity || headers->count == UINT32_MAX)
        return TALLY_ANCHOR_IS_SIZE;
    headers->list[headers->count++] = *one;
    join(headers);
    return TALLY_ANCHOR_IS_VERIFIED;
}

/* One that was read, and is not here. */
static enum tally_anchor_reason add(struct bitcoin_headers *headers, struct bitcoin_header *one,
                                    const struct bitcoin_header *before, int64_t now_s)
{
    if (!target_good(headers, before, one->bits))
        return TALLY_ANCHOR_IS_WORK;
    if (one->time_s <= median(headers, before))
        return TALLY_ANCHOR_IS_HEADER;
    if (one->time_s > now_s + AHEAD_S)
        return TALLY_ANCHOR_IS_FUTURE;
    one->before = (uint32_t)(before - headers->list);
    one->run = before->run;
    one->height = before->height + 1;
    wide_add(&one->work, &before->work);
    return append(headers, one);
}

enum tally_anchor_reason bitcoin_headers_add(struct bitcoin_headers *headers,
                                             const uint8_t header[BITCOIN_HEADER], int64_t now_s)
{
    struct bitcoin_header one;
    struct tally_hash hash;
    enum tally_anchor_reason reason = header_read(headers->network, header, &one, &hash);
    if (reason != TALLY_ANCHOR_IS_VERIFIED || bitcoin_headers_find(headers, &one.hash) != NULL)
        return reason;
    const struct bitcoin_header *before = bitcoin_headers_find(headers, &hash);
    return before != NULL ? add(headers, &one, before, now_s) : TALLY_ANCHOR_IS_UNKNOWN_BLOCK;
}

/* The one is at that height, and the others of its run with it, as far as that can be. */
static void shift(struct bitcoin_headers *headers, const struct bitcoin_header *one,
                  uint64_t height)
{
    const uint32_t run = one->run;
    const uint64_t by = height - one->height; /* It may be less: both wrap alike. */
    if (height < one->height && headers->list[run].height < one->height - height)
        return;
    for (size_t i = 0; by != 0 && i < headers->count; i++)
        if (headers->list[i].run == run)
            headers->list[i].height += by;
}

enum tally_anchor_reason bitcoin_headers_begin(struct bitcoin_headers *headers,
                                               const uint8_t first[BITCOIN_HEADER], uint64_t height,
                                               int64_t now_s)
{
    struct bitcoin_header one;
    struct tally_hash hash;
    enum tally_anchor_reason reason = header_read(headers->network, first, &one, &hash);
    if (reason != TALLY_ANCHOR_IS_VERIFIED)
        return reason;
    const struct bitcoin_header *known = bitcoin_headers_find(headers, &one.hash);
    const struct bitcoin_header *before = bitcoin_headers_find(headers, &hash);
    if (known != NULL)
        shift(headers, known, height);
    else if (before != NULL && height > 0)
        shift(headers, before, height - 1);
    if (known != NULL || before != NULL)
        return known != NULL ? reason : add(headers, &one, before, now_s);
    one.height = height;
    one.before = one.run = (uint32_t)headers->count;
    return append(headers, &one);
}

const struct bitcoin_header *bitcoin_headers_tip(const struct bitcoin_headers *headers,
                                                 const struct bitcoin_header *one)
{
    const struct bitcoin_header *tip = one;
    for (size_t i = 0; i < headers->count; i++) {
        const struct bitcoin_header *other = &headers->list[i];
        int more = other->run == one->run ? wide_compare(&other->work, &tip->work) : -1;
        if (more > 0 || (more == 0 && other < tip))
            tip = other;
    }
    return tip;
}

const struct bitcoin_header *bitcoin_headers_at(const struct bitcoin_headers *headers,
                                                const struct bitcoin_header *tip, uint64_t height)
{
    return height > tip->height ? NULL : before_by(headers, tip, tip->height - height);
}

bool bitcoin_headers_best(const struct bitcoin_headers *headers, const struct bitcoin_header *one)
{
    return bitcoin_headers_at(headers, bitcoin_headers_tip(headers, one), one->height) == one;
}

bool bitcoin_headers_compete(const struct bitcoin_headers *headers,
                             const struct bitcoin_header *tip)
{
    for (size_t i = 0; i < headers->count; i++) {
        const struct bitcoin_header *one = &headers->list[i];
        bool near = one->run == tip->run && one->height + NEAR_TIP > tip->height;
        if (near && bitcoin_headers_at(headers, tip, one->height) != one)
            return true;
    }
    return false;
}

enum tally_anchor_reason
bitcoin_place_check(const struct bitcoin_headers *headers, const struct bitcoin_policy *policy,
                    const struct tally_hash *txid, const struct tally_hash *block,
                    const struct bitcoin_path *path, const struct bitcoin_header **found)
{
    struct tally_hash root;
    *found = bitcoin_headers_find(headers, block);
    if (*found == NULL)
        return TALLY_ANCHOR_IS_UNKNOWN_BLOCK;
    const struct bitcoin_header *tip = bitcoin_headers_tip(headers, *found);
    if (bitcoin_headers_at(headers, tip, (*found)->height) != *found)
        return TALLY_ANCHOR_IS_REORGED;
    if (!bitcoin_path_fold(txid, path, &root) || !hash_equal(&root, &(*found)->root))
        return TALLY_ANCHOR_IS_PATH;
    if (tip->height - (*found)->height + 1 < policy->depth)
        return TALLY_ANCHOR_IS_DEPTH;
    if (!policy->old_tip && tip->time_s + (int64_t)DAY_S < policy->now_s)
        return TALLY_ANCHOR_IS_TIP_OLD;
    return bitcoin_headers_compete(headers, tip) ? TALLY_ANCHOR_IS_COMPETING
                                                 : TALLY_ANCHOR_IS_VERIFIED;
}
