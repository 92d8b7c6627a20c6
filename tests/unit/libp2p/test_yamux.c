/* SPDX-License-Identifier: Apache-2.0 */
/* Section 8.2 of the libp2p chapter as a table: what comes in, and what is made of it. */
#include "core/base/bytes.h"
#include "core/libp2p/yamux.h"

#include "support/cmocka.h"

#include <stdlib.h>

enum { NOTHING = -1, REPLY_MAX = 64 };

struct frame {
    uint8_t version, type;
    uint16_t flags;
    uint32_t stream, length;
};

#define DATA(flags, stream, length)                                                                \
    {                                                                                              \
        0, YAMUX_DATA, flags, stream, length                                                       \
    }
#define UPDATE(flags, stream, length)                                                              \
    {                                                                                              \
        0, YAMUX_WINDOW_UPDATE, flags, stream, length                                              \
    }
#define PING(flags, length)                                                                        \
    {                                                                                              \
        0, YAMUX_PING, flags, 0, length                                                            \
    }
#define GOAWAY(code)                                                                               \
    {                                                                                              \
        0, YAMUX_GOAWAY, 0, 0, code                                                                \
    }

struct bench {
    struct yamux yamux;
    struct tx tx;
    struct tally_now now;
    uint8_t bytes[TX_CAPACITY];
};

/* We listen, so odd numbers are the peer's. */
static struct bench *bench_new(void)
{
    struct bench *bench = calloc(1, sizeof *bench);
    bench->now = (struct tally_now){{1000}, {1000000}};
    tx_init(&bench->tx, bench->bytes);
    yamux_init(&bench->yamux, false, bench->now);
    yamux_flush(&bench->yamux, &bench->tx);
    (void)tx_output(&bench->tx, SIZE_MAX); /* Our first ping. */
    return bench;
}

/* Feeds a frame, its body all zero; the last news of it. */
static int hear(struct bench *bench, struct frame frame, size_t chunk, struct yamux_news *last)
{
    size_t body = frame.type == YAMUX_DATA ? frame.length : 0;
    if (body > 1 << 20)
        body = 0; /* Refused by its header. */
    uint8_t *bytes = calloc(1, YAMUX_HEADER + body);
    yamux_header_write(
        &(struct yamux_header){frame.version, frame.type, frame.flags, frame.stream, frame.length},
        bytes);
    int kind = NOTHING;
    for (size_t at = 0; at < YAMUX_HEADER + body && kind != YAMUX_NEWS_BROKEN;) {
        size_t size = YAMUX_HEADER + body - at < chunk ? YAMUX_HEADER + body - at : chunk;
        struct tally_bytes rest = bytes_of(bytes + at, size);
        while (kind != YAMUX_NEWS_BROKEN && yamux_read(&bench->yamux, bench->now, &rest, last))
            kind = (int)last->kind;
        at += size;
    }
    free(bytes);
    assert_true(yamux_holds(&bench->yamux));
    return kind;
}

/* Flags of the one frame that answers, or NOTHING. */
static int reply(struct bench *bench)
{
    struct yamux_header header;
    yamux_flush(&bench->yamux, &bench->tx);
    struct tally_bytes out = tx_output(&bench->tx, SIZE_MAX);
    if (out.size == 0)
        return NOTHING;
    yamux_header_read(out.data, &header);
    return header.flags;
}

enum { ACK = YAMUX_ACK, RST = YAMUX_RST, SYN = YAMUX_SYN, FIN = YAMUX_FIN };
static const struct {
    struct frame first, second; /* The first one is taken without comment. */
    int news, reply;
    enum tally_drop drop;
} cases[] = {
#define NONE PING(YAMUX_ACK, 99)
    /* Headers that are none. */
    {NONE, {1, 0, SYN, 1, 0}, YAMUX_NEWS_BROKEN, NOTHING, TALLY_DROP_PROTOCOL},
    {NONE, {0, 4, 0, 0, 0}, YAMUX_NEWS_BROKEN, NOTHING, TALLY_DROP_PROTOCOL},
    {NONE, DATA(0, 0, 0), YAMUX_NEWS_BROKEN, NOTHING, TALLY_DROP_PROTOCOL},
    {NONE, UPDATE(SYN, 0, 0), YAMUX_NEWS_BROKEN, NOTHING, TALLY_DROP_PROTOCOL},
    {NONE, {0, YAMUX_PING, SYN, 1, 0}, YAMUX_NEWS_BROKEN, NOTHING, TALLY_DROP_PROTOCOL},
    {NONE, {0, YAMUX_GOAWAY, 0, 3, 0}, YAMUX_NEWS_BROKEN, NOTHING, TALLY_DROP_PROTOCOL},
    /* Pings: asked, answered unasked, neither, both. */
    {NONE, PING(SYN, 7), NOTHING, ACK, 0},
    {NONE, PING(ACK, 7), NOTHING, NOTHING, 0},
    {NONE, PING(ACK, 0), YAMUX_NEWS_PONG, NOTHING, 0},
    {NONE, PING(0, 7), YAMUX_NEWS_BROKEN, NOTHING, TALLY_DROP_PROTOCOL},
    {NONE, PING(SYN | ACK, 7), YAMUX_NEWS_BROKEN, NOTHING, TALLY_DROP_PROTOCOL},
    /* Opening: either kind of frame, with a body, with an end, the wrong side, twice. */
    {NONE, UPDATE(SYN, 1, 0), YAMUX_NEWS_OPENED, ACK, 0},
    {NONE, UPDATE(SYN, 1, 1 << 20), YAMUX_NEWS_OPENED, ACK, 0},
    {NONE, DATA(SYN, 1, 5), YAMUX_NEWS_DATA, ACK, 0},
    {NONE, DATA(SYN | FIN, 1, 5), YAMUX_NEWS_FINISHED, ACK, 0},
    {NONE, UPDATE(SYN | FIN, 1, 0), YAMUX_NEWS_FINISHED, ACK, 0},
    {NONE, UPDATE(SYN, 2, 0), YAMUX_NEWS_BROKEN, NOTHING, TALLY_DROP_PROTOCOL},
    {UPDATE(SYN, 1, 0), UPDATE(SYN, 1, 0), YAMUX_NEWS_BROKEN, ACK, TALLY_DROP_PROTOCOL},
    {NONE, DATA(SYN | RST, 1, 5), NOTHING, NOTHING, 0},
    /* Frames for streams that are unknown or over are answered with nothing. */
    {NONE, DATA(0, 1, 100), NOTHING, NOTHING, 0},
    {NONE, UPDATE(0, 1, 100), NOTHING, NOTHING, 0},
    {NONE, UPDATE(FIN, 1, 0), NOTHING, NOTHING, 0},
    {NONE, UPDATE(RST, 1, 0), NOTHING, NOTHING, 0},
    {NONE, DATA(ACK, 2, 9), NOTHING, NOTHING, 0},
    {UPDATE(SYN | FIN, 1, 0), UPDATE(0, 1, 5), NOTHING, ACK, 0},
    /* Resets, with a code that is no credit and a body that is skipped. */
    {UPDATE(SYN, 1, 0), UPDATE(RST, 1, UINT32_MAX), YAMUX_NEWS_RESET, NOTHING, 0},
    {UPDATE(SYN, 1, 0), DATA(RST, 1, 50), YAMUX_NEWS_RESET, NOTHING, 0},
    /* Windows. */
    {UPDATE(SYN, 1, 0), DATA(0, 1, YAMUX_WINDOW), YAMUX_NEWS_DATA, ACK, 0},
    {UPDATE(SYN, 1, 0), DATA(0, 1, YAMUX_WINDOW + 1), YAMUX_NEWS_BROKEN, ACK, TALLY_DROP_PROTOCOL},
    {UPDATE(SYN, 1, 0), DATA(0, 1, UINT32_MAX), YAMUX_NEWS_BROKEN, ACK, TALLY_DROP_PROTOCOL},
    {UPDATE(SYN, 1, 0), UPDATE(0, 1, UINT32_MAX - YAMUX_WINDOW), NOTHING, ACK, 0},
    {UPDATE(SYN, 1, 0), UPDATE(0, 1, UINT32_MAX - YAMUX_WINDOW + 1), YAMUX_NEWS_BROKEN, ACK,
     TALLY_DROP_PROTOCOL},
    {UPDATE(SYN | FIN, 1, 0), DATA(0, 1, 5), YAMUX_NEWS_RESET, RST, TALLY_DROP_PROTOCOL},
    /* Legal and without effect. */
    {UPDATE(SYN, 1, 0), DATA(0, 1, 0), NOTHING, ACK, 0},
    {UPDATE(SYN, 1, 0), UPDATE(0xfff0, 1, 0), NOTHING, ACK, 0},
    {NONE, GOAWAY(0), YAMUX_NEWS_GOAWAY, NOTHING, 0},
    {NONE, GOAWAY(1), YAMUX_NEWS_GOAWAY, NOTHING, 0},
    {NONE, GOAWAY(7), YAMUX_NEWS_GOAWAY, NOTHING, 0},
};

static void each_frame_has_its_verdict(void **state)
{
    static const size_t chunks[] = {1, 5, SIZE_MAX};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t j = 0; j < sizeof chunks / sizeof *chunks; j++) {
            struct bench *bench = bench_new();
            struct yamux_news news = {.drop = TALLY_DROP_NONE};
            (void)hear(bench, cases[i].first, chunks[j], &news);
            news.drop = TALLY_DROP_NONE;
            int kind = hear(bench, cases[i].second, chunks[j], &news);
            if (kind != cases[i].news || news.drop != cases[i].drop)
                fail_msg("case %zu: news %d, drop %d", i, kind, (int)news.drop);
            int flags = reply(bench);
            if (flags != cases[i].reply)
                fail_msg("case %zu: reply %d", i, flags);
            free(bench);
        }
}

static void streams_above_the_limit_are_reset_alone(void **state)
{
    struct bench *bench = bench_new();
    struct yamux_news news;
    for (uint32_t i = 0; i < TALLY_STREAMS_IN_MAX; i++)
        assert_int_equal(hear(bench, (struct frame)UPDATE(YAMUX_SYN, 1 + 2 * i, 0), 99, &news),
                         YAMUX_NEWS_OPENED);
    yamux_flush(&bench->yamux, &bench->tx);
    (void)tx_output(&bench->tx, SIZE_MAX);
    assert_int_equal(hear(bench, (struct frame)DATA(YAMUX_SYN, 1001, 9), 99, &news),
                     YAMUX_NEWS_REFUSED);
    assert_int_equal(news.drop, TALLY_DROP_BUSY);
    assert_int_equal(reply(bench), YAMUX_RST);
    free(bench);
}

static void credit_comes_back_in_half_windows(void **state)
{
    struct bench *bench = bench_new();
    struct yamux_news news;
    assert_int_equal(hear(bench, (struct frame)DATA(YAMUX_SYN, 1, YAMUX_WINDOW), SIZE_MAX, &news),
                     YAMUX_NEWS_DATA);
    assert_int_equal(reply(bench), YAMUX_ACK);
    yamux_consumed(&bench->yamux, news.slot, YAMUX_WINDOW / 2 - 1);
    assert_int_equal(reply(bench), NOTHING);
    yamux_consumed(&bench->yamux, news.slot, 1);
    assert_int_equal(reply(bench), 0);
    assert_int_equal(bench->yamux.streams[news.slot].left, YAMUX_WINDOW / 2);
    free(bench);
}

static void windows_grow_for_readers_that_keep_up(void **state)
{
    struct bench *bench = bench_new();
    struct yamux_news news;
    bench->yamux.rtt_us = 10000;
    hear(bench, (struct frame)UPDATE(YAMUX_SYN, 1, 0), 99, &news);
    uint32_t grown[] = {512 << 10, 1 << 20, 2 << 20, 4 << 20, 4 << 20};
    for (size_t i = 0; i < sizeof grown / sizeof *grown; i++) {
        struct yamux_stream *stream = &bench->yamux.streams[0];
        bench->now.wall.us += 20000;
        for (uint32_t window = stream->window, done = 0; done < window; done += 64 << 10) {
            hear(bench, (struct frame)DATA(0, 1, 64 << 10), SIZE_MAX, &news);
            yamux_consumed(&bench->yamux, 0, 64 << 10);
            (void)reply(bench);
        }
        assert_int_equal(stream->window, grown[i]);
    }
    free(bench);
}

static void floods_are_cut_off(void **state)
{
    struct bench *bench = bench_new();
    struct yamux_news news;
    int kind = NOTHING;
    unsigned count = 0;
    while (kind == NOTHING && count++ < 2 * YAMUX_IDLE_BURST)
        kind = hear(bench, (struct frame)UPDATE(0, 9, 1), 99, &news);
    assert_int_equal(kind, YAMUX_NEWS_BROKEN);
    assert_int_equal(news.drop, TALLY_DROP_BUSY);
    assert_int_equal(count, YAMUX_IDLE_BURST + 1);
    free(bench);

    bench = bench_new();
    for (unsigned i = 0; i < YAMUX_PONGS_MAX; i++)
        assert_int_equal(hear(bench, (struct frame)PING(YAMUX_SYN, i), 99, &news), NOTHING);
    assert_int_equal(hear(bench, (struct frame)PING(YAMUX_SYN, 40), 99, &news), YAMUX_NEWS_REFUSED);
    yamux_flush(&bench->yamux, &bench->tx);
    assert_int_equal(tx_output(&bench->tx, SIZE_MAX).size, YAMUX_PONGS_MAX * YAMUX_HEADER);
    free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_frame_has_its_verdict),
        cmocka_unit_test(streams_above_the_limit_are_reset_alone),
        cmocka_unit_test(credit_comes_back_in_half_windows),
        cmocka_unit_test(windows_grow_for_readers_that_keep_up),
        cmocka_unit_test(floods_are_cut_off),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("yamux", tests, NULL, NULL);
}
