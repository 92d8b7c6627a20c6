/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SUPPORT_CHANNELS_H
#define SUPPORT_CHANNELS_H
/* Two channels in one memory with a wire between them that tests may cut, chop and bend. */
#include "core/libp2p/channel.h"

struct party {
    uint8_t seed[32];
    struct tally_key key;
    struct tally_crypto crypto;
    struct tally_secret secret;
    uint64_t random;
    void *memory;
    struct channel *channel;
};

/* An identity of 32 bytes `fill`; its secrets are drawn from a row that begins with it. */
void party_init(struct party *party, uint8_t fill);
void party_free(struct party *party);

extern const char *const party_protocols[2];

/* Begins a channel with sensible options; expected may be NULL. */
void party_begin(struct party *party, bool dialler, const struct tally_key *expected,
                 struct tally_now now);

#endif
