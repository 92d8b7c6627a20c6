/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBP2P_TX_H
#define LIBP2P_TX_H
/*
 * The bytes on their way out of one connection. Frames are composed where they will be encrypted
 * and sent from, so nothing is copied on the way:
 *
 *     0 ....... head ======= sealed ---2--- plaintext ------- end ......... capacity
 *        sent        ready             the open Noise frame          free
 *
 * All that is written between two outputs shares Noise frames of up to 65,519 bytes.
 */
#include "core/libp2p/noise.h"
#include "tally/types.h"

enum {
    /* Beyond what data may fill: answers, credit and pings always find room. */
    TX_CONTROL = 8 << 10,
    TX_CAPACITY = 2 * (2 + NOISE_FRAME_MAX) + TX_CONTROL,
};

struct tx {
    uint8_t *bytes;
    size_t head, sealed, end;
    struct noise_cipher *cipher; /* NULL: bytes leave as they are, before Noise. */
};

/* Memory of TX_CAPACITY bytes is lent. */
void tx_init(struct tx *tx, uint8_t *bytes);

/* The most contiguous bytes that tx_reserve would give, when `keep` more stay free. */
size_t tx_room(const struct tx *tx, size_t keep);

/* Contiguous bytes in one Noise frame, or NULL; then tx_commit says how many were written. */
uint8_t *tx_reserve(struct tx *tx, size_t size, size_t keep);
void tx_commit(struct tx *tx, size_t size);

/* Writes bytes, if there is room for all of them. */
bool tx_write(struct tx *tx, struct tally_bytes bytes);

/* The open frame's plaintext becomes ciphertext in place; an empty one is forgotten. */
void tx_seal(struct tx *tx);

/* Sealed bytes, at most room; they count as sent and stay where they are until the next call. */
struct tally_bytes tx_output(struct tx *tx, size_t room);

bool tx_empty(const struct tx *tx);
void tx_discard(struct tx *tx);

#endif
