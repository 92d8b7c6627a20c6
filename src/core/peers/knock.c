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
    struct peers_knock *knock = NULL;
    assert(body.size < sizeof knock->word);
    for (size_t i = 0; i < PEERS_KNOCKS && knock == NULL; i++)
        if (!peers->knocks[i].used)
            knock = &peers->knocks[i];
    if (knock == NULL || peers->stopping)
        return false;
    *knock = (struct peers_knock){.key = *key, .address = *address, .used = true, .next = now.mono};
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
        struct peers_knock *knock = &peers->knocks[i];
        if (knock->used && knock->next.ms <= now.mono.ms) {
            if (knock->tries == KNOCK_TRIES || peers->stopping)
                knock->used = false;
            else if (outbox_room(out, 1, TALLY_DATAGRAM_MAX))
                knock_send(peers, knock, now, out);
        }
        if (knock->used && knock->next.ms < wake.ms)
            wake = knock->next;
    }
    return wake;
}

static struct peers_knock *knock_at(struct peers *peers, const struct tally_address *from,
                                    const struct tally_key *key, const uint8_t nonce[LINK_NONCE])
{
    for (size_t i = 0; i < PEERS_KNOCKS; i++) {
        struct peers_knock *knock = &peers->knocks[i];
        if (knock->used && key_equal(&knock->key, key) && address_equal(&knock->address, from) &&
            memcmp(knock->nonce, nonce, LINK_NONCE) == 0)
            return knock;
    }
    return NULL;
}

bool knock_answered(struct peers *peers, struct tally_now now, const struct tally_address *from,
                    const struct tally_key *sender, const struct tally_cookie *cookie,
                    struct outbox *out)
{
    struct peers_knock *knock = knock_at(peers, from, sender, cookie->nonce);
    if (knock == NULL)
        return false;
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
        any = peers->knocks[i].used && address_equal(&peers->knocks[i].address, from);
    if (!any)
        return false;
    wire_reader_init(&r, datagram->body);
    tally_welcome_read(&r, &welcome);
    if (!wire_reader_done(&r))
        return false;
    /* Its tag is not looked at: nothing follows but that we are silent. */
    struct peers_knock *knock = knock_at(peers, from, &datagram->sender, welcome.initiator_nonce);
    if (knock != NULL)
        knock->used = false;
    return knock != NULL;
}
