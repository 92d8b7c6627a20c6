/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_TYPES_H
#define TALLY_TYPES_H
/*
 * The plain values that cross the border between core and host: byte views, keys, hashes, the two
 * clocks, addresses. All are copied freely, none owns memory, none can fail.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A view of bytes that somebody else owns. {NULL, 0} is "none"; {p, 0} is "empty". */
struct tally_bytes {
    const uint8_t *data;
    size_t size;
};

/* An Ed25519 public key (RFC 8032): the identity of a node and the issuer of its receipts. */
struct tally_key {
    uint8_t bytes[32];
};

/* SHA-256 (FIPS 180-4): receipt hash, Merkle leaf or node, origin hash. */
struct tally_hash {
    uint8_t bytes[32];
};

/* A detached Ed25519 signature (RFC 8032). */
struct tally_signature {
    uint8_t bytes[64];
};

/* Milliseconds of a clock that only goes forward and means nothing elsewhere: drives every timer.
 */
struct tally_mono {
    uint64_t ms;
};

/* Microseconds since 1970-01-01 UTC: a claim that is signed, compared and shown, never a timer. */
struct tally_wall {
    int64_t us;
};

/* Both clocks, read once for a step. */
struct tally_now {
    struct tally_mono mono;
    struct tally_wall wall;
};

/* An IP address and port. IPv4 is written as IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2), so that
   one address has one form. The port is in host byte order. */
struct tally_address {
    uint8_t ip[16];
    uint16_t port;
};

/* Cosigned checkpoints that a host keeps beside the logs, one a log. */
enum tally_kept {
    TALLY_KEPT_WITNESSED, /* What we cosigned last for somebody's log. */
    TALLY_KEPT_COSIGNED,  /* What others cosigned of a log of ours. */
    TALLY_KEPT_KINDS
};

/* No timer is wanted. */
#define TALLY_NEVER ((struct tally_mono){UINT64_MAX})

#endif
