/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBP2P_NOISE_PAYLOAD_H
#define LIBP2P_NOISE_PAYLOAD_H
/* What libp2p says inside Noise messages 2 and 3: who speaks, signed, and which muxers it knows
   (libp2p chapter, sections 6 and 7). */
#include "core/address/peer_id.h"
#include "core/libp2p/noise.h"
#include "tally/error.h"
#include "tally/windows.h"

#define YAMUX_ID "/yamux/1.0.0"

enum {
    NOISE_PAYLOAD_SIZE = 2 + PUBLIC_KEY_ED25519 + 2 + 64 + 2 + 14, /* As we write it. */
    NOISE_MUXERS_MAX = 100,                                        /* A longer list is ignored. */
};

/* Writes our payload; crypto signs with the secret key of `key`. */
void noise_payload_write(const struct tally_key *key, const struct tally_crypto *crypto,
                         const uint8_t s_public[NOISE_KEY], uint8_t out[NOISE_PAYLOAD_SIZE]);

/* What the peer's muxer list means for us; ours is always there and names yamux. */
enum noise_muxer {
    NOISE_MUXER_ABSENT, /* No list: agree by multistream-select. */
    NOISE_MUXER_YAMUX,  /* Begins with the first transport byte. */
    NOISE_MUXER_NONE,   /* A list without any name that we know. */
};

struct noise_peer {
    struct tally_key key;
    enum noise_muxer muxer;
};

/* Checks in this order: the key decodes, is Ed25519, is the expected one (if not NULL), signed
   s_public. NONE, or the drop and in *why its reason, a key's type by name. */
enum tally_drop noise_payload_read(struct tally_bytes payload, const uint8_t s_public[NOISE_KEY],
                                   const struct tally_key *expected,
                                   const struct tally_crypto *crypto, struct noise_peer *peer,
                                   const char **why);

#endif
