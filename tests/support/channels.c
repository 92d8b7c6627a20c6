/* SPDX-License-Identifier: Apache-2.0 */
#include "support/channels.h"

#include "core/crypto/sign.h"

#include <stdlib.h>
#include <string.h>

const char *const party_protocols[2] = {"/tally/sync/1.0.0", "/tally/test/1.0.0"};

static void do_sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    const struct party *party = context;
    sign_with_seed(party->seed, message, signature);
}

static bool do_verify(void *context, const struct tally_key *key, struct tally_bytes message,
                      const struct tally_signature *signature)
{
    return sign_verify(key, message, signature);
}

static void do_draw(void *context, uint8_t *bytes, size_t size)
{
    struct party *party = context;
    for (size_t i = 0; i < size; i++) {
        party->random = party->random * UINT64_C(6364136223846793005) + 1442695040888963407;
        bytes[i] = (uint8_t)(party->random >> 56);
    }
}

void party_init(struct party *party, uint8_t fill)
{
    memset(party, 0, sizeof *party);
    memset(party->seed, fill, sizeof party->seed);
    sign_key(party->seed, &party->key);
    party->random = fill;
    party->crypto = (struct tally_crypto){party, do_sign, do_verify, NULL, NULL};
    party->secret = (struct tally_secret){party, do_draw};
    party->memory = calloc(1, channel_size());
}

void party_free(struct party *party)
{
    if (party->channel != NULL)
        channel_end(party->channel);
    free(party->memory);
}

void party_begin(struct party *party, bool dialler, const struct tally_key *expected,
                 struct tally_now now)
{
    static const struct tally_address address = {{[10] = 0xff, 0xff, 127, 0, 0, 1}, 4001};
    const struct channel_options options = {
        .dialler = dialler,
        .key = &party->key,
        .crypto = &party->crypto,
        .secret = &party->secret,
        .expected = expected,
        .protocols = party_protocols,
        .protocol_count = 2,
        .remote = address,
        .listen = &address,
        .listen_count = 1,
        .agent = "tally/test",
    };
    party->channel = channel_init(party->memory, &options, now);
}
