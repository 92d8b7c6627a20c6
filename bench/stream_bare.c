/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference: two libuv processes that do nothing but what cannot be left out, that is
 * ChaCha20-Poly1305 over frames as long as Noise allows, and TCP. No handshake, no streams, no
 * credit. What a channel loses against this is its own.
 */
#include "bench.h"
#include "core/crypto/aead.h"
#include "pair.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum {
    SEALED = 65535, /* The longest Noise message. */
    PLAIN = SEALED - AEAD_TAG,
    FRAME = 2 + SEALED,
    FRAMES_OUT = 4, /* Frames sealed together and given to the kernel in one write. */
    READ_BYTES = 256 << 10
};

static const uint8_t key[32] = {1, 2, 3};

struct side {
    uv_loop_t loop;
    uv_tcp_t listener, tcp;
    uv_connect_t connect;
    uv_write_t write;
    const struct pair_work *work;
    uint64_t moved, nonce;
    double started, connected, ended;
    size_t have; /* Bytes of a frame that is not whole yet. */
    uint8_t frame[FRAME], plain[PLAIN], in[READ_BYTES], out[FRAMES_OUT * FRAME];
};

static void give_buffer(uv_handle_t *handle, size_t wish, uv_buf_t *buffer)
{
    struct side *side = handle->data;
    (void)wish;
    *buffer = uv_buf_init((char *)side->in, sizeof side->in);
}

/* ---- The side that receives. ---- */

static void take_frame(struct side *side, const uint8_t *frame)
{
    struct tally_bytes sealed = {frame + 2, SEALED};
    if (!aead_open(key, side->nonce++, (struct tally_bytes){0}, sealed, side->plain))
        abort();
    side->moved += PLAIN;
    if (side->moved >= side->work->bytes) {
        uv_buf_t done = uv_buf_init((char *)side->plain, 1);
        uv_try_write((uv_stream_t *)&side->tcp, &done, 1);
        side->moved = 0;
    }
}

static void on_frames(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct side *side = stream->data;
    const uint8_t *at = (const uint8_t *)buffer->base;
    if (size < 0) {
        uv_read_stop(stream);
        return;
    }
    for (size_t left = (size_t)size; left > 0;) {
        size_t take = FRAME - side->have;
        if (side->have == 0 && left >= FRAME) {
            take_frame(side, at); /* Whole in the buffer: no copy. */
            take = FRAME;
        } else {
            if (take > left)
                take = left;
            memcpy(side->frame + side->have, at, take);
            side->have += take;
            if (side->have == FRAME) {
                take_frame(side, side->frame);
                side->have = 0;
            }
        }
        at += take;
        left -= take;
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct side *side = listener->data;
    if (status != 0 || uv_tcp_init(&side->loop, &side->tcp) != 0)
        abort();
    side->tcp.data = side;
    if (uv_accept(listener, (uv_stream_t *)&side->tcp) != 0)
        abort();
    uv_tcp_nodelay(&side->tcp, 1);
    uv_read_start((uv_stream_t *)&side->tcp, give_buffer, on_frames);
}

static void serve(int socket, const struct pair_work *work)
{
    struct side *side = calloc(1, sizeof *side);
    if (side == NULL)
        return;
    side->work = work;
    uv_loop_init(&side->loop);
    uv_tcp_init(&side->loop, &side->listener);
    uv_tcp_open(&side->listener, socket);
    uv_listen((uv_stream_t *)&side->listener, 16, on_connection);
    side->listener.data = side;
    uv_run(&side->loop, UV_RUN_DEFAULT);
}

/* ---- The side that sends. ---- */

static void send_more(struct side *side);

static void on_written(uv_write_t *request, int status)
{
    if (status == 0)
        send_more(request->handle->data);
}

static void send_more(struct side *side)
{
    size_t size = 0;
    while (size < sizeof side->out && side->moved < side->work->bytes) {
        uint8_t *frame = side->out + size;
        frame[0] = SEALED >> 8;
        frame[1] = SEALED & 0xff;
        aead_seal(key, side->nonce++, (struct tally_bytes){0},
                  (struct tally_bytes){side->plain, PLAIN}, frame + 2);
        side->moved += PLAIN;
        size += FRAME;
    }
    uv_buf_t buffer = uv_buf_init((char *)side->out, (unsigned)size);
    if (size > 0)
        uv_write(&side->write, (uv_stream_t *)&side->tcp, &buffer, 1, on_written);
}

static void on_done(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct side *side = stream->data;
    (void)buffer;
    side->ended = size > 0 ? bench_now() : 0;
    uv_close((uv_handle_t *)stream, NULL);
}

static void on_connected(uv_connect_t *request, int status)
{
    struct side *side = request->handle->data;
    if (status != 0)
        return;
    side->connected = bench_now();
    uv_tcp_nodelay(&side->tcp, 1);
    uv_read_start((uv_stream_t *)&side->tcp, give_buffer, on_done);
    send_more(side);
}

static bool dial(uint16_t port, const struct pair_work *work, struct pair_result *result)
{
    struct sockaddr_in to;
    struct side *side = calloc(1, sizeof *side);
    if (side == NULL)
        return false;
    side->work = work;
    uv_loop_init(&side->loop);
    uv_tcp_init(&side->loop, &side->tcp);
    side->tcp.data = side;
    uv_ip4_addr("127.0.0.1", port, &to);
    side->started = bench_now();
    uv_tcp_connect(&side->connect, &side->tcp, (struct sockaddr *)&to, on_connected);
    uv_run(&side->loop, UV_RUN_DEFAULT);
    result->seconds = side->ended - side->connected;
    result->setup_ms = 1e3 * (side->connected - side->started);
    bool good = side->ended > 0;
    free(side);
    return good;
}

const struct pair_arm pair_bare = {serve, dial};
