/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_PROVIDER_H
#define SIM_PROVIDER_H
/*
 * Cryptography for many nodes in one process (protocols 11). REAL is libsodium for every question.
 * MEMO makes the same signatures and gives the same verdicts, and remembers them: each signature is
 * verified once in the world, not once a node. A run has the same id under both, which a test
 * asserts.
 *
 * FAST is for size. A signature is SipHash under a secret that only the simulator holds, so nodes,
 * liars among them, sign with no key but their own, and a forged one is refused as ever. Keys are
 * those of the other two, and all that is signed is as long: a run has the same shape, told by the
 * same transcript, while the bytes and so the id are others.
 */
#include "tally/windows.h"

enum provider_kind { PROVIDER_REAL, PROVIDER_MEMO, PROVIDER_FAST };

/* Verdicts and shared secrets by the hash of the question; shared by all nodes of a world. */
struct provider {
    enum provider_kind kind;
    struct {
        uint64_t *marks; /* Low bit: the verdict. 0: empty. */
        size_t count, capacity;
    } verdicts;
    struct {
        struct provider_secret *items;
        size_t count, capacity;
    } secrets;
    uint8_t fast_secret[16]; /* Of FAST. */
    uint64_t signed_count, verified_count, remembered_count;
};

struct provider_secret {
    uint64_t mark; /* 0: empty. */
    uint8_t shared[32];
    bool good;
};

/* The key of one node; the context of its crypto window. */
struct signer {
    struct provider *provider;
    struct tally_key key;
    uint8_t seed[32];
    uint8_t expanded[64]; /* As libsodium wants it. */
};

/* The word of a story; false if there is no such provider. */
bool provider_word(const char *word, enum provider_kind *kind);

void provider_init(struct provider *provider, enum provider_kind kind);
void provider_free(struct provider *provider);

void signer_init(struct signer *signer, struct provider *provider, const uint8_t seed[32]);

/* The window; the signer must outlive the node. */
struct tally_crypto signer_window(struct signer *signer);

bool provider_verify(struct provider *provider, const struct tally_key *key,
                     struct tally_bytes message, const struct tally_signature *signature);

/* What a node seals its streams with; NULL: what the daemon does. */
const struct tally_sealing *provider_sealing(const struct provider *provider);

#endif
