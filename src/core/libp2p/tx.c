/* SPDX-License-Identifier: Apache-2.0 */
#include "core/libp2p/tx.h"

#include "core/base/bytes.h"

#include <assert.h>

enum { HEAD = 2, FRAMING = HEAD + NOISE_TAG };

void tx_init(struct tx *tx, uint8_t *bytes)
{
    *tx = (struct tx){.bytes = bytes};
}

static bool is_open(const struct tx *tx)
{
    return tx->end > tx->sealed;
}

static size_t plain_size(const struct tx *tx)
{
    return tx->end - tx->sealed - HEAD;
}

static size_t less(size_t a, size_t b)
{
    return a > b ? a - b : 0;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* What still fits into the open frame, and into a frame begun after it. */
static size_t room_open(const struct tx *tx, size_t free)
{
    return is_open(tx) ? least(NOISE_PLAIN_MAX - plain_size(tx), less(free, NOISE_TAG)) : 0;
}

static size_t room_new(const struct tx *tx, size_t free)
{
    return least(NOISE_PLAIN_MAX, less(free, FRAMING + (is_open(tx) ? NOISE_TAG : 0)));
}

size_t tx_room(const struct tx *tx, size_t keep)
{
    size_t free = less(TX_CAPACITY - (tx->end - tx->head), keep);
    if (tx->cipher == NULL)
        return free;
    size_t a = room_open(tx, free), b = room_new(tx, free);
    return a > b ? a : b;
}

void tx_seal(struct tx *tx)
{
    if (!is_open(tx))
        return;
    size_t size = plain_size(tx);
    uint8_t *at = tx->bytes + tx->sealed;
    if (size == 0) {
        tx->end = tx->sealed;
        return;
    }
    be16_write(at, (uint16_t)(size + NOISE_TAG));
    noise_seal(tx->cipher, bytes_of(at + HEAD, size), at + HEAD);
    tx->end += NOISE_TAG;
    tx->sealed = tx->end;
}

/* Moves what is unsent to the front: only when a slow peer left some of the last output here. */
static void make_contiguous(struct tx *tx, size_t wanted)
{
    if (TX_CAPACITY - tx->end >= wanted || tx->head == 0)
        return;
    memmove(tx->bytes, tx->bytes + tx->head, tx->end - tx->head);
    tx->sealed -= tx->head;
    tx->end -= tx->head;
    tx->head = 0;
}

uint8_t *tx_reserve(struct tx *tx, size_t size, size_t keep)
{
    size_t free = less(TX_CAPACITY - (tx->end - tx->head), keep);
    if (size > tx_room(tx, keep))
        return NULL;
    make_contiguous(tx, size + FRAMING + NOISE_TAG + keep);
    if (tx->cipher != NULL) {
        if (is_open(tx) && size > room_open(tx, free))
            tx_seal(tx);
        if (!is_open(tx))
            tx->end = tx->sealed + HEAD;
    }
    return tx->bytes + tx->end;
}

void tx_commit(struct tx *tx, size_t size)
{
    assert(size <= TX_CAPACITY - tx->end);
    tx->end += size;
    if (tx->cipher == NULL)
        tx->sealed = tx->end;
}

bool tx_write(struct tx *tx, struct tally_bytes bytes)
{
    uint8_t *out = tx_reserve(tx, bytes.size, 0);
    if (out == NULL)
        return false;
    memcpy(out, bytes.data, bytes.size);
    tx_commit(tx, bytes.size);
    return true;
}

struct tally_bytes tx_output(struct tx *tx, size_t room)
{
    /* A frame stays open while there is no room for it: later ones may join. */
    if (is_open(tx) && room > tx->sealed - tx->head)
        tx_seal(tx);
    struct tally_bytes out = bytes_of(tx->bytes + tx->head, least(room, tx->sealed - tx->head));
    tx->head += out.size;
    if (tx->head == tx->end)
        tx->head = tx->sealed = tx->end = 0;
    return out;
}

bool tx_empty(const struct tx *tx)
{
    return tx->head == tx->end || (tx->head == tx->sealed && is_open(tx) && plain_size(tx) == 0);
}

void tx_discard(struct tx *tx)
{
    tx->head = tx->sealed = tx->end = 0;
}
