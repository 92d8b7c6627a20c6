/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_REVOKES_H
#define TEST_REVOKES_H
/* Revocations with real signatures, in a line. */
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/crypto/sign.h"
#include "core/federation/replay.h"
#include "core/federation/revoked.h"

/* A key with its secret, by a letter. */
struct holder {
    uint8_t seed[32];
    struct tally_key key;
};

static inline struct holder holder_of(char letter)
{
    struct holder holder;
    memset(holder.seed, letter, sizeof holder.seed);
    sign_key(holder.seed, &holder.key);
    return holder;
}

static inline void holder_sign(void *context, struct tally_bytes message,
                               struct tally_signature *signature)
{
    sign_with_seed(((struct holder *)context)->seed, message, signature);
}

static inline bool holder_verify(void *context, const struct tally_key *key,
                                 struct tally_bytes message,
                                 const struct tally_signature *signature)
{
    return sign_verify(key, message, signature);
}

static inline struct tally_crypto holder_crypto(struct holder *holder)
{
    return (struct tally_crypto){holder, holder_sign, holder_verify, NULL, NULL};
}

/* What is to be revoked, by whom, and how. */
struct revoke {
    char party, signer; /* signer 0: the party itself. */
    char successor;     /* 0: none. */
    uint64_t index;
    enum tally_revoked_reason reason;
    const char *name_space; /* A log that is good so far; NULL: none. */
    uint64_t size;
};

struct revoke_bytes {
    uint8_t bytes[TALLY_SIGNED_BODY_MAX];
    size_t size;
    struct revocation revocation; /* As it was read; views into bytes. */
};

static inline void origin_of(const struct tally_key *key, const char *name_space,
                             struct tally_hash *hash)
{
    char origin[TALLY_ORIGIN_MAX + 1];
    size_t size = tally_origin_write(key, bytes_text(name_space), origin);
    tally_origin_hash(bytes_of(origin, size), hash);
}

/* The statement, before it is signed as a receipt. */
static inline struct fed_statement revoke_statement(const struct revoke *revoke)
{
    struct holder party = holder_of(revoke->party), heir = holder_of(revoke->successor);
    struct fed_statement said = {.kind = FED_REVOKE_KEY, .party = party.key};
    uint8_t message[REVOCATION_MESSAGE];
    said.revoke.reason = revoke->reason;
    if (revoke->successor != 0) {
        said.revoke.has_successor = true;
        said.revoke.successor = heir.key;
        sign_with_seed(heir.seed, revocation_handover(&party.key, &heir.key, message),
                       &said.revoke.handover);
    }
    if (revoke->signer != 0) {
        struct holder signer = holder_of(revoke->signer);
        said.revoke.has_authority = true;
        sign_with_seed(party.seed, revocation_authority(&party.key, &signer.key, message),
                       &said.revoke.authority);
    }
    if (revoke->name_space != NULL) {
        struct tally_hash origin;
        origin_of(&party.key, revoke->name_space, &origin);
        assert_true(revocation_limit(&said.revoke, &origin, revoke->size));
    }
    return said;
}

static inline void revoke_sign(const struct fed_statement *said, char signer, uint64_t index,
                               struct revoke_bytes *made)
{
    struct holder holder = holder_of(signer);
    const struct tally_crypto crypto = holder_crypto(&holder);
    uint8_t body[FED_BODY_MAX], envelope[TALLY_ENVELOPE_MAX];
    size_t size = fed_write(said, body);
    assert_true(size > 0);
    struct tally_receipt receipt = {.issuer = holder.key,
                                    .name_space = bytes_text(TALLY_STATEMENTS),
                                    .type = bytes_text("fed_revoke"),
                                    .sequence = index,
                                    .time = {INT64_C(1763700000000000)},
                                    .body_size = (uint32_t)size};
    if (index > 0)
        receipt.previous.bytes[0] = 1;
    hash_sha256(bytes_of(body, size), &receipt.body_hash);
    size_t length = tally_receipt_write(&receipt, &crypto, envelope);
    made->size = revocation_write(bytes_of(envelope, length), bytes_of(body, size), made->bytes);
    if (made->size > 0)
        (void)revocation_read(bytes_of(made->bytes, made->size), &made->revocation);
}

static inline struct revoke_bytes *revoke_make(const struct revoke *revoke,
                                               struct revoke_bytes *made)
{
    const struct fed_statement said = revoke_statement(revoke);
    revoke_sign(&said, revoke->signer != 0 ? revoke->signer : revoke->party, revoke->index, made);
    assert_true(made->size > 0);
    return made;
}

/* Judged, and if it is news taken. */
static inline enum tally_drop revoke_give(struct revoked *revoked, const struct revoke *revoke)
{
    struct revoke_bytes made;
    revoke_make(revoke, &made);
    enum tally_drop drop = revoked_judge(revoked, &made.revocation, true);
    if (drop == TALLY_DROP_NONE)
        revoked_take(revoked, &made.revocation, bytes_of(made.bytes, made.size), true);
    assert_true(revoked_holds(revoked));
    return drop;
}

#endif
