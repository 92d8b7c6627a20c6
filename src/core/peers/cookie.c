/* SPDX-License-Identifier: Apache-2.0 */
#include "core/peers/cookie.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/wire/derive.h"

void cookie_init(struct cookie_jar *jar, const struct tally_secret *secret, struct tally_now now)
{
    *jar = (struct cookie_jar){.drawn = now.mono};
    secret->draw(secret->context, &jar->keys[0][0], sizeof jar->keys);
    secret->draw(secret->context, jar->prefix_key, sizeof jar->prefix_key);
    bucket_init(&jar->all, TALLY_HELLO_RATE, TALLY_HELLO_RATE, now.mono);
}

void cookie_turn(struct cookie_jar *jar, const struct tally_secret *secret, struct tally_now now)
{
    uint64_t age = now.mono.ms - jar->drawn.ms;
    if (age < TALLY_COOKIE_MS)
        return;
    /* After a long silence the key before is as old as the newest: both go. */
    if (age < 2 * (uint64_t)TALLY_COOKIE_MS)
        memcpy(jar->keys[1], jar->keys[0], sizeof jar->keys[1]);
    else
        secret->draw(secret->context, jar->keys[1], sizeof jar->keys[1]);
    secret->draw(secret->context, jar->keys[0], sizeof jar->keys[0]);
    jar->drawn = now.mono;
}

void cookie_make(const struct cookie_jar *jar, const struct tally_address *from,
                 const struct tally_key *sender, const uint8_t nonce[COOKIE_NONCE],
                 uint8_t cookie[COOKIE_SIZE])
{
    derive_cookie(jar->keys[0], from, sender, nonce, cookie);
}

bool cookie_good(const struct cookie_jar *jar, const struct tally_address *from,
                 const struct tally_key *sender, const uint8_t nonce[COOKIE_NONCE],
                 const uint8_t cookie[COOKIE_SIZE])
{
    for (size_t i = 0; i < 2; i++) {
        uint8_t ours[COOKIE_SIZE];
        derive_cookie(jar->keys[i], from, sender, nonce, ours);
        if (hash_same(ours, cookie, COOKIE_SIZE))
            return true;
    }
    return false;
}

static struct bucket_word *prefix_bucket(struct cookie_jar *jar, const struct tally_address *from)
{
    uint64_t hash = hash_siphash(jar->prefix_key, bytes_of(from->ip, address_prefix(from)));
    return &jar->prefixes[hash % COOKIE_PREFIXES];
}

bool cookie_pay(struct cookie_jar *jar, const struct tally_address *from, struct tally_now now)
{
    const struct bucket_rate rate = {TALLY_HELLO_PREFIX_RATE, TALLY_HELLO_PREFIX_RATE};
    /* A prefix that is over its own rate must not eat into the budget of all. */
    return bucket_word_take(prefix_bucket(jar, from), rate, now.mono) &&
           bucket_take(&jar->all, now.mono);
}
