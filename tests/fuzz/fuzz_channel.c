/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole channel. A first part of the input is thrown at a listener as it stands; the rest is
 * what a peer with good keys says inside: yamux frames of its own making, sealed, so that the
 * fuzzer gets behind the encryption.
 *
 *     input = count u8, count bytes for a fresh listener, plaintext for a secured one
 */
#include "core/base/bytes.h"
#include "core/libp2p/channel_private.h"
#include "support/channels.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct tally_now now = {{1000}, {1000000}};
static struct party parties[2]; /* 0 dials. */

static void drain(struct party *party)
{
    struct channel_news news;
    while (channel_next(party->channel, &news)) {
        assert(channel_holds(party->channel));
        if (news.kind == CHANNEL_DATA && news.data.data[0] % 2 == 0)
            channel_consumed(party->channel, news.stream, news.data.size);
        if (news.kind == CHANNEL_FETCH)
            (void)channel_fetch_answer(party->channel, news.stream, CHANNEL_FETCH_OK, news.key);
        if (news.kind == CHANNEL_OPENED)
            channel_commit(party->channel, news.stream, 0, news.stream % 4 == 1);
        if (news.kind == CHANNEL_FINISHED)
            channel_commit(party->channel, news.stream, 0, true);
    }
    assert(channel_holds(party->channel));
}

static void carry(struct party *from, struct party *to)
{
    channel_feed(to->channel, now, channel_output(from->channel, SIZE_MAX));
    drain(to);
}

static void begin(void)
{
    if (parties[0].memory == NULL) {
        party_init(&parties[0], 1);
        party_init(&parties[1], 2);
    }
    party_begin(&parties[0], true, NULL, now);
    party_begin(&parties[1], false, NULL, now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t raw = data[0] < size - 1 ? data[0] : size - 1;
    begin();
    channel_feed(parties[1].channel, now, bytes_of(data + 1, raw));
    drain(&parties[1]);
    begin();
    for (unsigned i = 0; i < 4; i++) {
        carry(&parties[0], &parties[1]);
        carry(&parties[1], &parties[0]);
    }
    assert(channel_peer(parties[1].channel) != NULL);
    const struct tally_bytes inside = bytes_of(data + 1 + raw, size - 1 - raw);
    if (inside.size <= 4096) {
        (void)tx_write(&parties[0].channel->tx, inside);
        channel_feed(parties[1].channel, now, tx_output(&parties[0].channel->tx, SIZE_MAX));
        drain(&parties[1]);
    }
    now.mono.ms += 11000;
    channel_tick(parties[1].channel, now);
    drain(&parties[1]);
    (void)channel_output(parties[1].channel, 1000);
    assert(channel_holds(parties[1].channel));
    channel_end(parties[0].channel);
    channel_end(parties[1].channel);
    return 0;
}
