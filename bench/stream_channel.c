/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arm under test: the same two processes, with a channel of core/libp2p between application and
 * TCP. What a host does round it is here as small as it can be: bytes in, news, bytes out.
 */
#include "bench.h"
#include "core/crypto/dh.h"
#include "core/crypto/sign.h"
#include "core/libp2p/channel.h"
#include "pair.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { READ_BYTES = 256 << 10, OUT_MAX = 1 << 20, REPEATS_MAX = 1000 };

static const char *const protocols[] = {"/tally/bench/1"};

struct end {
    uv_loop_t loop;
    uv_tcp_t listener, tcp;
    uv_connect_t connect;
    uv_write_t write;
    const struct pair_work *work;
    struct sockaddr_in to;
    struct channel *channel;
    void *memory;
    uint8_t seed[32];
    struct tally_key key;
    struct tally_crypto crypto;
    struct tally_secret secret;
    bool dialler, writing, measuring;
    bool busy, waiting; /* The listener's connections. */
    uint32_t stream;
    uint64_t moved;
    unsigned repeat;
    double started, opened, ended, setups[REPEATS_MAX];
    uint8_t in[READ_BYTES], out[OUT_MAX];
};

static void sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    sign_with_seed(context, message, signature);
}

static bool verify(void *context, const struct tally_key *key, struct tally_bytes message,
                   const struct tally_signature *signature)
{
    (void)context;
    return sign_verify(key, message, signature);
}

static void draw(void *context, uint8_t *bytes, size_t size)
{
    (void)context;
    randombytes_buf(bytes, size);
}

static struct tally_now now(void)
{
    return (struct tally_now){.mono = {uv_hrtime() / 1000000}, .wall = {0}};
}

static struct end *end_new(const struct pair_work *work, bool dialler)
{
    struct end *end = calloc(1, sizeof *end);
    if (end == NULL || (end->memory = calloc(1, channel_size())) == NULL)
        abort();
    end->work = work;
    end->dialler = dialler;
    draw(NULL, end->seed, sizeof end->seed);
    sign_key(end->seed, &end->key);
    end->crypto = (struct tally_crypto){.context = end->seed, .sign = sign, .verify = verify};
    end->secret = (struct tally_secret){.draw = draw};
    uv_loop_init(&end->loop);
    return end;
}

static void begin(struct end *end)
{
    const struct channel_options options = {
        .dialler = end->dialler,
        .key = &end->key,
        .crypto = &end->crypto,
        .secret = &end->secret,
        .protocols = protocols,
        .protocol_count = 1,
        .agent = "tally-bench",
    };
    uv_tcp_nodelay(&end->tcp, 1);
    end->channel = channel_init(end->memory, &options, now());
    end->stream = 0;
    end->moved = 0;
}

/* ---- Bytes out. ---- */

static void turn(struct end *end);

static void on_written(uv_write_t *request, int status)
{
    struct end *end = request->handle->data;
    end->writing = false;
    if (status == 0 && !uv_is_closing((uv_handle_t *)&end->tcp))
        turn(end);
}

/* Output is given to the kernel at once; what that does not take is kept until it does. */
static void flush(struct end *end)
{
    while (!end->writing) {
        struct tally_bytes bytes = channel_output(end->channel, sizeof end->out);
        if (bytes.size == 0)
            return;
        uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes.data, (unsigned)bytes.size);
        int sent = uv_try_write((uv_stream_t *)&end->tcp, &buffer, 1);
        size_t done = sent > 0 ? (size_t)sent : 0;
        if (done == bytes.size)
            continue;
        memcpy(end->out, bytes.data + done, bytes.size - done);
        buffer = uv_buf_init((char *)end->out, (unsigned)(bytes.size - done));
        end->writing = uv_write(&end->write, (uv_stream_t *)&end->tcp, &buffer, 1, on_written) == 0;
        if (!end->writing)
            return;
    }
}

/* Fills the stream as far as window and buffer allow. */
static bool fill(struct end *end)
{
    size_t size = channel_writable(end->channel, end->stream);
    if (!end->dialler || !end->measuring || size == 0 || end->moved >= end->work->bytes)
        return false;
    uint8_t *frame = channel_reserve(end->channel, end->stream, size);
    if (frame == NULL)
        return false;
    memset(frame, 0x5a, size);
    channel_commit(end->channel, end->stream, size, false);
    end->moved += size;
    return true;
}

/* ---- News. ---- */

static void redial(uv_handle_t *handle);
static void on_served(uv_handle_t *handle);

static void hang_up(struct end *end)
{
    if (!uv_is_closing((uv_handle_t *)&end->tcp))
        uv_close((uv_handle_t *)&end->tcp, end->dialler ? NULL : on_served);
}

/* A stream stands: the set-up is over. The last connection goes on to move the bytes. */
static void on_opened(struct end *end)
{
    end->opened = bench_now();
    end->setups[end->repeat++] = 1e3 * (end->opened - end->started);
    end->measuring = end->repeat == end->work->repeats;
    if (!end->measuring)
        uv_close((uv_handle_t *)&end->tcp, redial);
}

static void on_data(struct end *end, uint32_t stream, size_t size)
{
    channel_consumed(end->channel, stream, size);
    if (end->dialler) {
        end->ended = bench_now();
        hang_up(end);
        return;
    }
    end->moved += size;
    if (end->moved >= end->work->bytes && channel_reserve(end->channel, stream, 1) != NULL)
        channel_commit(end->channel, stream, 1, false);
}

static void take_news(struct end *end)
{
    struct channel_news news;
    while (channel_next(end->channel, &news)) {
        if (news.kind == CHANNEL_SECURED && end->dialler)
            end->stream = channel_open(end->channel, 0);
        else if (news.kind == CHANNEL_OPENED && end->dialler)
            on_opened(end);
        else if (news.kind == CHANNEL_DATA)
            on_data(end, news.stream, news.data.size);
        else if (news.kind == CHANNEL_CLOSED)
            hang_up(end);
    }
}

static void turn(struct end *end)
{
    if (uv_is_closing((uv_handle_t *)&end->tcp))
        return;
    do {
        flush(end);
    } while (!end->writing && fill(end));
}

static void give_buffer(uv_handle_t *handle, size_t wish, uv_buf_t *buffer)
{
    struct end *end = handle->data;
    (void)wish;
    *buffer = uv_buf_init((char *)end->in, sizeof end->in);
}

static void on_bytes(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct end *end = stream->data;
    if (size < 0) {
        hang_up(end);
        return;
    }
    channel_feed(end->channel, now(),
                 (struct tally_bytes){(const uint8_t *)buffer->base, (size_t)size});
    take_news(end);
    turn(end);
}

/* ---- Both sides. ---- */

static void on_connection(uv_stream_t *listener, int status);

/* The next one may already wait: connections are served one after the other. */
static void on_served(uv_handle_t *handle)
{
    struct end *end = handle->data;
    end->busy = false;
    if (end->waiting)
        on_connection((uv_stream_t *)&end->listener, 0);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct end *end = listener->data;
    end->waiting = end->busy;
    if (status != 0 || end->busy)
        return;
    uv_tcp_init(&end->loop, &end->tcp);
    end->tcp.data = end;
    if (uv_accept(listener, (uv_stream_t *)&end->tcp) != 0)
        return;
    end->busy = true;
    begin(end);
    uv_read_start((uv_stream_t *)&end->tcp, give_buffer, on_bytes);
    turn(end);
}

static void serve(int socket, const struct pair_work *work)
{
    struct end *end = end_new(work, false);
    uv_tcp_init(&end->loop, &end->listener);
    uv_tcp_open(&end->listener, socket);
    end->listener.data = end;
    uv_listen((uv_stream_t *)&end->listener, 16, on_connection);
    uv_run(&end->loop, UV_RUN_DEFAULT);
}

static void on_connected(uv_connect_t *request, int status)
{
    struct end *end = request->handle->data;
    if (status != 0)
        return;
    begin(end);
    uv_read_start((uv_stream_t *)&end->tcp, give_buffer, on_bytes);
    turn(end);
}

static void redial(uv_handle_t *handle)
{
    struct end *end = handle->data;
    uv_tcp_init(&end->loop, &end->tcp);
    end->tcp.data = end;
    end->started = bench_now();
    uv_tcp_connect(&end->connect, &end->tcp, (struct sockaddr *)&end->to, on_connected);
}

static bool dial(uint16_t port, const struct pair_work *work, struct pair_result *result)
{
    struct end *end = end_new(work, true);
    uv_ip4_addr("127.0.0.1", port, &end->to);
    end->tcp.data = end;
    redial((uv_handle_t *)&end->tcp);
    uv_run(&end->loop, UV_RUN_DEFAULT);
    result->seconds = end->ended - end->opened;
    result->setup_ms = bench_median(end->setups, end->repeat);
    return end->ended > 0;
}

const struct pair_arm pair_channel = {serve, dial};
