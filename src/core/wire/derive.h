/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_DERIVE_H
#define WIRE_DERIVE_H
/* Values that both ends of the wire compute alike (protocols 1, 2.3 and 5.4). Each hash begins with
   a domain; integers in them are big endian. */
#include "tally/types.h"

enum { DERIVE_TAG = 8, DERIVE_NONCE = 16, DERIVE_KEY = 32 };

/* Keeps meshes apart: first 8 bytes of SHA-256("tally network 1\n", name). */
void derive_network_tag(struct tally_bytes name, uint8_t tag[DERIVE_TAG]);

/* Short name of a namespace, the same on every node of a mesh. */
void derive_namespace_tag(const uint8_t network[DERIVE_TAG], struct tally_bytes name_space,
                          uint8_t tag[DERIVE_TAG]);

/* Where those who follow a namespace meet on that day (days since 1970 UTC): a new place each day,
   so that a position near it is worth nothing tomorrow. */
void derive_topic(const uint8_t network[DERIVE_TAG], struct tally_bytes name_space, uint32_t day,
                  struct tally_hash *topic);

/* Names the state of a log; its first 8 bytes are the sid of reconciliation. */
void derive_head_id(const struct tally_hash *origin, uint64_t size, const struct tally_hash *root,
                    struct tally_hash *id);

/* The cookie for a hello: SipHash-2-4-128 under a key that is drawn anew every 60 s. */
void derive_cookie(const uint8_t key[16], const struct tally_address *address,
                   const struct tally_key *sender, const uint8_t nonce[DERIVE_NONCE],
                   uint8_t cookie[16]);

/* Of the tag on the second hello. shared is the X25519 secret of the two identities. */
void derive_hello_key(const uint8_t shared[DERIVE_KEY], const uint8_t network[DERIVE_TAG],
                      const struct tally_key *initiator, const struct tally_key *responder,
                      const uint8_t nonce_i[DERIVE_NONCE], const uint8_t cookie[16],
                      uint8_t key[DERIVE_KEY]);

/* Of the tags on what `from` sends to `to`. */
void derive_link_key(const uint8_t shared[DERIVE_KEY], const uint8_t network[DERIVE_TAG],
                     const struct tally_key *from, const struct tally_key *to,
                     const uint8_t nonce_i[DERIVE_NONCE], const uint8_t nonce_r[DERIVE_NONCE],
                     uint8_t key[DERIVE_KEY]);

#endif
