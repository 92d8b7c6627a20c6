/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBP2P_NOISE_H
#define LIBP2P_NOISE_H
/*
 * Noise_XX_25519_ChaChaPoly_SHA256 (Noise revision 34; libp2p chapter, section 6).
 *
 *     dialler   write 1 -> read 2 -> write 3 -> split         listener   read 1 -> write 2 -> read
 * 3 -> split
 *
 * Messages here are bare: the two length bytes of libp2p are the channel's. After a read failed
 * only noise_wipe is allowed.
 */
#include "tally/windows.h"

enum {
    NOISE_KEY = 32,
    NOISE_TAG = 16,
    NOISE_MESSAGES = 3,
    NOISE_OVERHEAD_MAX = 96, /* Of message 2: e, s and its tag, the payload's tag. */
    NOISE_FRAME_MAX = 65535,
    NOISE_PLAIN_MAX = 65535 - 16,
};

/* js refuses to go on when the nonce reaches 2^32 - 1. */
#define NOISE_NONCE_MAX UINT64_C(0xfffffffe)

struct noise_cipher {
    uint8_t key[NOISE_KEY];
    uint64_t nonce; /* Of the next message. */
    const struct tally_sealing *with;
};

struct noise_handshake {
    bool dialler;
    bool keyed;   /* Noise section 5.1: the cipher has a key. */
    uint8_t step; /* Messages done. */
    uint8_t hash[32], chaining[32];
    struct noise_cipher cipher;
    uint8_t s[NOISE_KEY], s_public[NOISE_KEY]; /* Ours, static and ephemeral. */
    uint8_t e[NOISE_KEY], e_public[NOISE_KEY];
    uint8_t rs[NOISE_KEY], re[NOISE_KEY]; /* Theirs, public. */
};

/* Secrets are 32 random bytes each, copied. libp2p's prologue is empty. with: NULL is what the name
   says; it outlives the handshake and its ciphers. */
void noise_init(struct noise_handshake *handshake, bool dialler, const uint8_t s[NOISE_KEY],
                const uint8_t e[NOISE_KEY], struct tally_bytes prologue,
                const struct tally_sealing *with);

/* It is our turn to write; false: to read, or the handshake is over. */
bool noise_writes_next(const struct noise_handshake *handshake);

/* Writes the next message to out, which has room for payload.size + NOISE_OVERHEAD_MAX; bytes
   written, 0 if a DH result was all zero and the handshake has failed. */
size_t noise_write(struct noise_handshake *handshake, struct tally_bytes payload, uint8_t *out);

/* Reads the next message; its payload to out, which has room for message.size. False: too short,
   altered, or a DH result was all zero. */
bool noise_read(struct noise_handshake *handshake, struct tally_bytes message, uint8_t *out,
                size_t *size);

/* After message 3: the two ciphers of the connection. The handshake is wiped but for hash. */
void noise_split(struct noise_handshake *handshake, struct noise_cipher *send,
                 struct noise_cipher *receive);

void noise_wipe(struct noise_handshake *handshake);

/* One transport message, in place or not; out has room for plain.size + 16. The nonce must be below
   NOISE_NONCE_MAX: see noise_spent. */
void noise_seal(struct noise_cipher *cipher, struct tally_bytes plain, uint8_t *out);
/* out has room for sealed.size - 16. False: altered, too short, or the nonces are used up. */
bool noise_open(struct noise_cipher *cipher, struct tally_bytes sealed, uint8_t *out);
bool noise_spent(const struct noise_cipher *cipher);

#endif
