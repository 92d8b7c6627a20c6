/* SPDX-License-Identifier: Apache-2.0 */
#include "core/federation/reception.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"

#include <stdlib.h>

struct reception reception_unsaid(void)
{
    return (struct reception){.accepts = true, .least = TALLY_TRUST_OBSERVE};
}

struct reception reception_of(const struct tally_fed_policy *said, uint64_t index)
{
    return (struct reception){.said = true,
                              .accepts = said->accepts == 1,
                              .mutual = said->mutual == 1,
                              .least = (enum tally_trust)said->level,
                              .index = index};
}

bool reception_says(const struct reception *reception, const struct tally_fed_policy *said)
{
    return reception->said && reception->accepts == (said->accepts == 1) &&
           reception->mutual == (said->mutual == 1) &&
           reception->least == (enum tally_trust)said->level;
}

/* ---- The table: the first row that applies is the reason. ---- */

static bool is_closed(const struct reception *reception, const struct suit *suit)
{
    return !reception->accepts && !suit->invited;
}

static bool is_low(const struct reception *reception, const struct suit *suit)
{
    return suit->level < reception->least;
}

static bool is_one_sided(const struct reception *reception, const struct suit *suit)
{
    return reception->mutual && suit->shares != TERMS_BOTH;
}

static const struct {
    enum tally_refusal refusal;
    bool (*applies)(const struct reception *reception, const struct suit *suit);
} rows[] = {
    {TALLY_REFUSAL_CLOSED, is_closed},
    {TALLY_REFUSAL_LEVEL, is_low},
    {TALLY_REFUSAL_ONE_SIDED, is_one_sided},
};

enum tally_refusal reception_refuses(const struct reception *reception, const struct suit *suit)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].applies(reception, suit))
            return rows[i].refusal;
    return TALLY_REFUSAL_NONE;
}

void reception_hash(const struct reception *reception, struct tally_hash *hash)
{
    uint8_t bytes[8 + 3];
    struct tally_hash before = *hash;
    if (!reception->said)
        return;
    be64_write(bytes, reception->index);
    bytes[8] = reception->accepts;
    bytes[9] = reception->mutual;
    bytes[10] = (uint8_t)reception->least;
    hash_sha256_two(bytes_of(before.bytes, sizeof before.bytes), bytes_of(bytes, sizeof bytes),
                    hash);
}

/* ---- Those of others. ---- */

struct receptions *receptions_new(size_t capacity)
{
    struct receptions *receptions =
        calloc(1, sizeof *receptions + capacity * sizeof *receptions->list);
    if (receptions != NULL)
        receptions->capacity = capacity;
    return receptions;
}

static size_t place_of(const struct receptions *receptions, const struct tally_key *key)
{
    size_t at = 0;
    while (at < receptions->count && !key_equal(&receptions->list[at].key, key))
        at++;
    return at;
}

void receptions_take(struct receptions *receptions, const struct tally_key *issuer,
                     const struct tally_fed_policy *said, uint64_t index)
{
    size_t at = receptions != NULL ? place_of(receptions, issuer) : 0;
    if (receptions == NULL || at == receptions->capacity)
        return;
    receptions->list[at] = (struct reception_of_party){*issuer, reception_of(said, index)};
    receptions->count += at == receptions->count;
}

void receptions_forget(struct receptions *receptions, const struct tally_key *issuer)
{
    size_t at = receptions != NULL ? place_of(receptions, issuer) : 0;
    if (receptions == NULL || at == receptions->count)
        return;
    receptions->list[at] = receptions->list[--receptions->count];
}

const struct reception *receptions_find(const struct receptions *receptions,
                                        const struct tally_key *key)
{
    size_t at = receptions != NULL ? place_of(receptions, key) : 0;
    return receptions != NULL && at < receptions->count ? &receptions->list[at].reception : NULL;
}
