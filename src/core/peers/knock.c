/* SPDX-License-Identifier: Apache-2.0 */
#include "core/peers/knock.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/peers/hello.h"

#include <assert.h>

_Static_assert((int)KNOCK_WORD_MAX == (int)PEERS_FIRST_MAX, "what rides along with a hello");

bool peers_knock(struct peers *peers, const struct tally_key *key,
                 const struct tally_address *address, enum tally_kind kind, struct tally_bytes body,
                 struct tally_now now)
{
    struct peers_knock *knock;
    size_t place = 0;
    assert(body.size < sizeof knock->word);
    while (place < PEERS_KNOCKS && peers->knocks[place] != NULL)
        place++;
    if (place == PEERS_KNOCKS || peers->stopping)
        return false;
    knock = blocks_take(&peers->loan->knocks);
    if (knock == NULL)
        return false;
    peers->knocks[place] = knock;
    *knock = (struct peers_knock){.key = *key, .address = *address, .next = now.mono};
    knock->word[0] = (uint8_t)kind;
    memcpy(knock->word + 1, body.data, body.size);
    knock->size = (uint8_t)(body.size + 1);
    peers->options.secret.draw(peers->options.secret.context, knock->nonce, sizeof knock->nonce);
    if (now.mono.ms < peers->wake.ms)
        peers->wake = now.mono;
    return true;
}

/* The shared secret is made anew each time: at most three times, and nothing is kept. */
static void prove(struct peers *peers, const struct peers_knock *knock, struct outbox *out)
{
    const struct tally_crypto *crypto = &peers->options.crypto;
    uint8_t shared[32];
    const struct hello_proof proof = {.responder = &knock->key,
                                      .shared = shared,
                                      .nonce = knock->nonce,
                                      .cookie = knock->cookie,
                                      .first = bytes_of(knock->word, knock->size)};
    if (crypto->exchange(crypto->context, &knock->key, shared))
        hello_third(peers, &knock->address, &proof, out);
    hash_wipe(shared, sizeof shared);
}

static void knock_send(struct peers *peers, struct peers_knock *knock, struct tally_now now,
                       struct outbox *out)
{
    if (knock->proved)
        prove(peers, knock, out);
    else
        hello_first(peers, &knock->address, knock->nonce, out);
    knock->tries++;
    knock->next.ms = now.mono.ms + (uint64_t)KNOCK_AGAIN_MS * knock->tries;
}

struct tally_mono knocks_tick(struct peers *peers, struct tally_now now, struct outbox *out)
{
    struct tally_mono wake = TALLY_NEVER;
    for (size_t i = 0; i < PEERS_KNOCKS; i++) {
        struct peers_knock *knock = peers->knocks[i];
        if (knock == NULL)
            continue;
        if (knock->next.ms <= now.mono.ms) {
            if (knock->tries == KNOCK_TRIES || peers->stopping) {
                knock_end(peers, i);
                continue;
            }
            if (outbox_room(out, 1, TALLY_DATAGRAM_MAX))
                knock_send(peers, knock, now, out);
        }
        if (knock->next.ms < wake.ms)
            wake = knock->next;
    }
    return wake;
}

void knock_end(struct peers *peers, size_t index)
{
    if (peers->knocks[index] != NULL)
        blocks_give(&peers->loan->knocks, peers->knocks[index]);
    peers->knocks[index] = NULL;
}

/* PEERS_KNOCKS: there is none. */
static size_t knock_at(const struct peers *peers, const struct tally_address *from,
                       const struct tally_key *key, const uint8_t nonce[LINK_NONCE])
{
    size_t i = 0;
    for (; i < PEERS_KNOCKS; i++) {
        const struct peers_knock *knock = peers->knocks[i];
        if (knock != NULL && key_equal(&knock->key, key) && address_equal(&knock->address, from) &&
            memcmp(knock->nonce, nonce, LINK_NONCE) == 0)
            break;
    }
    return i;
}

bool knock_answered(struct peers *peers, struct tally_now now, const struct tally_address *from,
                    const struct tally_key *sender, const struct tally_cookie *cookie,
                    struct outbox *out)
{
    size_t index = knock_at(peers, from, sender, cookie->nonce);
    if (index == PEERS_KNOCKS)
        return false;
    struct peers_knock *knock = peers->knocks[index];
    if (knock->proved)
        return true; /* The cookie of a hello that was sent again. */
    memcpy(knock->cookie, cookie->cookie, sizeof knock->cookie);
    knock->proved = true;
    knock->tries = 0;
    knock_send(peers, knock, now, out);
    if (knock->next.ms < peers->wake.ms)
        peers->wake = knock->next;
    return true;
}

bool knock_welcomed(struct peers *peers, const struct tally_address *from,
                    const struct datagram *datagram)
{
    struct wire_reader r;
    struct tally_welcome welcome;
    bool any = false;
    for (size_t i = 0; i < PEERS_KNOCKS && !any; i++)
        any = peers->knocks[i] != NULL && address_equal(&peers->knocks[i]->address, from);
    if (!any)
        return false;
    wire_reader_init(&r, datagram->body);
    tally_welcome_read(&r, &welcome);
    if (!wire_reader_done(&r))
        return false;
    /* Its tag is not looked at: nothing follows but that we are silent. */
    size_t index = knock_at(peers, from, &datagram->sender, welcome.initiator_nonce);
    if (index == PEERS_KNOCKS)
        return false;
    knock_end(peers, index);
    return true;
}
