/* SPDX-License-Identifier: Apache-2.0 */
/* A peer that names no muxer in Noise, as rust and smoldot, or only ones we lack: played by hand,
   in both roles, lazily: its first yamux frame leaves with its proposal. */
#include "core/base/bytes.h"
#include "core/libp2p/multistream.h"
#include "core/libp2p/noise_payload.h"
#include "core/libp2p/yamux.h"

#include "support/channels.h"
#include "support/cmocka.h"

#include <stdlib.h>

struct hand {
    struct party party;
    struct noise_handshake noise;
    struct noise_cipher send, receive;
    uint8_t out[1024];
    size_t size;
};

static struct tally_now now = {{1000}, {1000000}};

/* Our payload without its muxer list, or with a name in it that nobody knows. */
static size_t payload_of(struct hand *hand, bool foreign, uint8_t out[NOISE_PAYLOAD_SIZE])
{
    noise_payload_write(&hand->party.key, &hand->party.crypto, hand->noise.s_public, out);
    memcpy(out + NOISE_PAYLOAD_SIZE - 12, "/mplex/6.7.0", 12);
    return foreign ? NOISE_PAYLOAD_SIZE : NOISE_PAYLOAD_SIZE - 16;
}

static void put_handshake(struct hand *hand, bool foreign)
{
    uint8_t payload[NOISE_PAYLOAD_SIZE];
    size_t size = hand->noise.step > 0 ? payload_of(hand, foreign, payload) : 0;
    size = noise_write(&hand->noise, bytes_of(payload, size), hand->out + hand->size + 2);
    be16_write(hand->out + hand->size, (uint16_t)size);
    hand->size += 2 + size;
}

static void put_sealed(struct hand *hand, struct tally_bytes plain)
{
    be16_write(hand->out + hand->size, (uint16_t)(plain.size + NOISE_TAG));
    noise_seal(&hand->send, plain, hand->out + hand->size + 2);
    hand->size += 2 + plain.size + NOISE_TAG;
}

/* Header, proposal (or its echo: the same bytes), and a yamux ping without waiting. */
static void put_muxer(struct hand *hand)
{
    uint8_t plain[128];
    size_t size = multistream_write(MULTISTREAM_HEADER, plain);
    size += multistream_write(YAMUX_ID, plain + size);
    yamux_header_write(&(struct yamux_header){.type = YAMUX_PING, .flags = YAMUX_SYN, .length = 5},
                       plain + size);
    put_sealed(hand, bytes_of(plain, size + YAMUX_HEADER));
}

static void put_select(struct hand *hand)
{
    hand->size += multistream_write(MULTISTREAM_HEADER, hand->out + hand->size);
    hand->size += multistream_write("/noise", hand->out + hand->size);
}

static struct tally_bytes exchange(struct hand *hand, struct channel *channel,
                                   struct channel_news *news, bool *any)
{
    channel_feed(channel, now, bytes_of(hand->out, hand->size));
    hand->size = 0;
    *any = channel_next(channel, news);
    struct channel_news more;
    while (channel_next(channel, &more))
        ;
    return channel_output(channel, SIZE_MAX);
}

/* The news after the peer's part of the upgrade. */
static struct channel_news upgrade(bool hand_dials, bool foreign)
{
    struct hand *hand = calloc(1, sizeof *hand);
    struct party us;
    struct channel_news news = {.kind = CHANNEL_REFUSED};
    uint8_t s[32] = {1}, e[32] = {2}, ignored[1024];
    size_t size;
    bool any;
    party_init(&us, 1);
    party_init(&hand->party, 2);
    party_begin(&us, !hand_dials, NULL, now);
    noise_init(&hand->noise, hand_dials, s, e, bytes_of(NULL, 0), NULL);
    put_select(hand);
    if (hand_dials) {
        put_handshake(hand, false);
        struct tally_bytes in = exchange(hand, us.channel, &news, &any);
        in = bytes_of(in.data + 28 + 2, in.size - 28 - 2);
        assert_true(noise_read(&hand->noise, in, ignored, &size));
        put_handshake(hand, foreign);
        noise_split(&hand->noise, &hand->send, &hand->receive);
        put_muxer(hand);
        (void)exchange(hand, us.channel, &news, &any);
    } else {
        (void)channel_output(us.channel, SIZE_MAX);
        struct tally_bytes in = exchange(hand, us.channel, &news, &any);
        assert_true(noise_read(&hand->noise, bytes_of(in.data + 2, 32), ignored, &size));
        put_handshake(hand, foreign);
        in = exchange(hand, us.channel, &news, &any);
        if (in.size > 0) {
            size = be16_read(in.data);
            assert_true(noise_read(&hand->noise, bytes_of(in.data + 2, size), ignored, &size));
            noise_split(&hand->noise, &hand->send, &hand->receive);
            put_muxer(hand);
            (void)exchange(hand, us.channel, &news, &any);
        }
    }
    party_free(&us);
    party_free(&hand->party);
    free(hand);
    assert_true(any);
    return news;
}

static void without_a_list_the_muxer_is_asked_for(void **state)
{
    assert_int_equal(upgrade(true, false).kind, CHANNEL_SECURED);
    assert_int_equal(upgrade(false, false).kind, CHANNEL_SECURED);
}

static void lists_without_a_common_name_fail(void **state)
{
    for (unsigned dials = 0; dials < 2; dials++) {
        struct channel_news news = upgrade(dials == 1, true);
        assert_int_equal(news.kind, CHANNEL_CLOSED);
        assert_int_equal(news.end.drop, TALLY_DROP_UNKNOWN);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_list_the_muxer_is_asked_for),
        cmocka_unit_test(lists_without_a_common_name_fail),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("muxer", tests, NULL, NULL);
}
