/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ADDRESS_PEER_ID_H
#define ADDRESS_PEER_ID_H
/*
 * libp2p's names for keys (libp2p chapter, section 3): a multihash of the protobuf PublicKey. Ours
 * are Ed25519 (12D3KooW…); ids of other key types are read, compared and printed, never trusted.
 */
#include "tally/types.h"

enum {
    PEER_ID_BYTES_MAX = 44,  /* Identity multihash of a PublicKey of at most 42 bytes. */
    PEER_ID_ED25519 = 38,    /* 00 24 08 01 12 20 and the key. */
    PEER_ID_TEXT_MAX = 64,   /* Printed form with its NUL. */
    PUBLIC_KEY_ED25519 = 36, /* 08 01 12 20 and the key. */
};

/* Compare ids as bytes, never as text. */
struct peer_id {
    uint8_t size;
    uint8_t bytes[PEER_ID_BYTES_MAX];
};

enum public_key_type {
    PUBLIC_KEY_RSA = 0,
    PUBLIC_KEY_ED25519_TYPE = 1,
    PUBLIC_KEY_SECP256K1 = 2,
    PUBLIC_KEY_ECDSA = 3,
};

/* The id of a key, and the key of an Ed25519 id (false for all others). */
void peer_id_of_key(const struct tally_key *key, struct peer_id *id);
bool peer_id_key(const struct peer_id *id, struct tally_key *key);

/* The id of any PublicKey message, of whatever type. */
void peer_id_of_public_key(struct tally_bytes message, struct peer_id *id);

/* A multihash as it stands in a multiaddr or record: sha2-256, or identity. False if neither. */
bool peer_id_read(struct tally_bytes bytes, struct peer_id *id);
bool peer_id_equal(const struct peer_id *a, const struct peer_id *b);

/* Text: base58btc, or a CIDv1 of libp2p-key in base32, base36 or base58btc. */
bool peer_id_parse(struct tally_bytes text, struct peer_id *id);
/* The base58btc form with its NUL; digits written. */
size_t peer_id_print(const struct peer_id *id, char text[PEER_ID_TEXT_MAX]);

/* The same two for those who only have keys: "12D3KooW…". False if it is no Ed25519 id. */
bool peer_id_parse_key(const char *text, struct tally_key *key);
size_t peer_id_print_key(const struct tally_key *key, char text[PEER_ID_TEXT_MAX]);

/* PublicKey as it is hashed, signed and sent: one form only. */
void public_key_write(const struct tally_key *key, uint8_t message[PUBLIC_KEY_ED25519]);

/* Reads a PublicKey message: its type, as a number that may be unknown to us, and its data. */
bool public_key_read(struct tally_bytes message, uint64_t *type, struct tally_bytes *data);

/* "RSA", "Ed25519", "secp256k1", "ECDSA", or "unknown". */
const char *public_key_type_name(uint64_t type);

#endif
