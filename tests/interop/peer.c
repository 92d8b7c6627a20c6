/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A libp2p peer of nothing but the channel, over TCP on the loopback interface: what other
 * implementations dial, or are dialled by, in the interoperability tests, and what the throughput
 * of one stream is measured with.
 *
 *     peer listen SEED [PORT]          prints its multiaddr, serves until it is ended
 *     peer dial SEED MULTIADDR         identifies, fetches nothing, ends with 0 when identified
 *     peer send SEED MULTIADDR MIB     sends so many MiB on one stream and prints the rate
 *
 * SEED is a number 0..255 that fills the seed of the identity.
 */
#include "core/address/multiaddr.h"
#include "core/base/bytes.h"
#include "core/libp2p/channel.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { READ_MAX = 256 << 10, PENDING_MAX = 1 << 20, SINK = 1 };

static const char *const protocols[] = {"/tally/sync/1.0.0", "/tally/sink/1.0.0"};

struct identity {
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    struct tally_key key;
    struct tally_crypto crypto;
    struct tally_secret draw;
    struct tally_address own;
};

struct link {
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_connect_t connect;
    struct channel *channel;
    struct identity *identity;
    bool dialler, closing, identified, answered;
    struct tally_address remote;
    struct tally_key expected;
    bool has_expected;
    size_t pending;  /* Bytes that libuv still holds. */
    uint32_t stream; /* Of send. */
    uint64_t to_send, sent, began_ns, received;
    uint8_t buffer[READ_MAX];
};

static uint64_t mebibytes; /* To send; 0: only dial. */
static int verdict;

static struct tally_now now_read(void)
{
    uv_timeval64_t wall;
    uv_gettimeofday(&wall);
    return (struct tally_now){{uv_hrtime() / 1000000},
                              {(int64_t)wall.tv_sec * 1000000 + wall.tv_usec}};
}

static void do_sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    const struct identity *identity = context;
    crypto_sign_detached(signature->bytes, NULL, message.data, message.size, identity->secret);
}

static bool do_verify(void *context, const struct tally_key *key, struct tally_bytes message,
                      const struct tally_signature *signature)
{
    return crypto_sign_verify_detached(signature->bytes, message.data, message.size, key->bytes) ==
           0;
}

static void do_draw(void *context, uint8_t *bytes, size_t size)
{
    randombytes_buf(bytes, size);
}

static void identity_init(struct identity *identity, uint8_t fill)
{
    uint8_t seed[crypto_sign_SEEDBYTES];
    memset(seed, fill, sizeof seed);
    crypto_sign_seed_keypair(identity->key.bytes, identity->secret, seed);
    identity->crypto = (struct tally_crypto){identity, do_sign, do_verify, NULL, NULL};
    identity->draw = (struct tally_secret){identity, do_draw};
}

static void on_closed(uv_handle_t *handle)
{
    struct link *link = handle->data;
    channel_end(link->channel);
    free(link->channel);
    free(link);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct link *link = handle->data;
    uv_close((uv_handle_t *)&link->tcp, on_closed);
}

static void link_close(struct link *link)
{
    if (link->closing)
        return;
    link->closing = true;
    uv_close((uv_handle_t *)&link->timer, on_timer_closed);
}

struct write {
    uv_write_t request;
    struct link *link;
    size_t size;
    uint8_t bytes[];
};

static void link_turn(struct link *link);

static void on_written(uv_write_t *request, int status)
{
    struct write *write = (struct write *)request;
    struct link *link = write->link;
    link->pending -= write->size;
    free(write);
    if (status == 0 && !link->closing)
        link_turn(link);
}

/* All output of the turn: tried at once, and only what the kernel does not take is copied. */
static void link_write(struct link *link)
{
    struct tally_bytes out = channel_output(
        link->channel, link->pending < PENDING_MAX ? PENDING_MAX - link->pending : 0);
    if (out.size == 0)
        return;
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)out.data, (unsigned)out.size);
    int done = link->pending == 0 ? uv_try_write((uv_stream_t *)&link->tcp, &buffer, 1) : 0;
    size_t taken = done > 0 ? (size_t)done : 0;
    if (taken == out.size)
        return;
    struct write *write = malloc(sizeof *write + out.size - taken);
    write->link = link;
    write->size = out.size - taken;
    memcpy(write->bytes, out.data + taken, write->size);
    link->pending += write->size;
    buffer = uv_buf_init((char *)write->bytes, (unsigned)write->size);
    uv_write(&write->request, (uv_stream_t *)&link->tcp, &buffer, 1, on_written);
}

static bool send_more(struct link *link)
{
    uint64_t before = link->sent;
    size_t size;
    while (link->stream != 0 && link->sent < link->to_send &&
           (size = channel_writable(link->channel, link->stream)) >= 4096) {
        if (size > TALLY_FRAME_MAX)
            size = TALLY_FRAME_MAX;
        if (size > link->to_send - link->sent)
            size = (size_t)(link->to_send - link->sent);
        uint8_t *out = channel_reserve(link->channel, link->stream, size);
        if (out == NULL)
            break;
        memset(out, 0x5a, size); /* Stands for composing a frame. */
        link->sent += size;
        channel_commit(link->channel, link->stream, size, link->sent == link->to_send);
    }
    return link->sent > before;
}

static void on_news(struct link *link, const struct channel_news *news)
{
    char text[PEER_ID_TEXT_MAX];
    switch (news->kind) {
    case CHANNEL_SECURED:
        peer_id_print_key(&news->secured.peer, text);
        printf("secured %s\n", text);
        if (link->dialler && mebibytes > 0) {
            link->stream = channel_open(link->channel, SINK);
            link->to_send = mebibytes << 20;
            link->began_ns = uv_hrtime();
        }
        break;
    case CHANNEL_OPENED:
        link->received = 0;
        break;
    case CHANNEL_DATA:
        link->received += news->data.size;
        channel_consumed(link->channel, news->stream, news->data.size);
        break;
    case CHANNEL_FINISHED:
        if (link->dialler && news->stream == link->stream) {
            double seconds = (double)(uv_hrtime() - link->began_ns) / 1e9;
            printf("%.0f MiB/s\n", (double)mebibytes / seconds);
            channel_close(link->channel, TALLY_DROP_NONE);
        } else {
            channel_commit(link->channel, news->stream, 0, true);
        }
        break;
    case CHANNEL_RESET:
    case CHANNEL_REFUSED:
        printf("%s %s: %s\n", news->kind == CHANNEL_RESET ? "reset" : "refused",
               tally_drop_name(news->end.drop), news->end.why);
        break;
    case CHANNEL_IDENTIFIED:
        printf("identified %s\n", news->identity.agent);
        link->identified = true;
        break;
    case CHANNEL_FETCH: {
        bool known = bytes_equal(news->key, bytes_text("/tally/x"));
        (void)channel_fetch_answer(link->channel, news->stream,
                                   known ? CHANNEL_FETCH_OK : CHANNEL_FETCH_NOT_FOUND,
                                   known ? bytes_text("hello") : bytes_of(NULL, 0));
        break;
    }
    case CHANNEL_PONG:
        printf("pong %" PRIu64 " us\n", news->pong.rtt_us);
        link->answered = true;
        break;
    case CHANNEL_CLOSED:
        printf("closed %s: %s\n", tally_drop_name(news->end.drop), news->end.why);
        verdict = news->end.drop != TALLY_DROP_NONE;
        break;
    }
    fflush(stdout);
}

static void on_timer(uv_timer_t *timer)
{
    struct link *link = timer->data;
    channel_tick(link->channel, now_read());
    link_turn(link);
}

static void link_turn(struct link *link)
{
    struct channel_news news;
    bool over = false;
    while (channel_next(link->channel, &news)) {
        on_news(link, &news);
        over |= news.kind == CHANNEL_CLOSED;
    }
    if (link->dialler && mebibytes == 0 && link->identified && link->answered)
        channel_close(link->channel, TALLY_DROP_NONE);
    /* As long as the kernel takes all of it. */
    while (send_more(link)) {
        link_write(link);
        if (link->pending > 0)
            break;
    }
    link_write(link);
    struct tally_mono deadline = channel_deadline(link->channel);
    /* NEVER and no news: we closed it. */
    if (over || (deadline.ms == UINT64_MAX && link->pending == 0)) {
        link_close(link);
        return;
    }
    uint64_t now = now_read().mono.ms;
    uv_timer_start(&link->timer, on_timer, deadline.ms > now ? deadline.ms - now : 0, 0);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct link *link = handle->data;
    *buffer = uv_buf_init((char *)link->buffer, sizeof link->buffer);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct link *link = stream->data;
    if (count < 0) {
        link_close(link);
        return;
    }
    channel_feed(link->channel, now_read(), bytes_of(link->buffer, (size_t)count));
    link_turn(link);
}

static struct tally_address address_of(const struct sockaddr_storage *from)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)from;
    struct tally_address address = {{[10] = 0xff, 0xff}, ntohs(in->sin_port)};
    memcpy(address.ip + 12, &in->sin_addr, 4);
    return address;
}

static struct link *link_new(uv_loop_t *loop, struct identity *identity, bool dialler)
{
    struct link *link = calloc(1, sizeof *link);
    link->identity = identity;
    link->dialler = dialler;
    link->channel = calloc(1, channel_size());
    uv_tcp_init(loop, &link->tcp);
    uv_timer_init(loop, &link->timer);
    link->tcp.data = link->timer.data = link->connect.data = link;
    return link;
}

static void link_begin(struct link *link)
{
    struct sockaddr_storage name;
    int size = sizeof name;
    uv_tcp_nodelay(&link->tcp, 1);
    uv_tcp_getpeername(&link->tcp, (struct sockaddr *)&name, &size);
    const struct channel_options options = {
        .dialler = link->dialler,
        .key = &link->identity->key,
        .crypto = &link->identity->crypto,
        .secret = &link->identity->draw,
        .expected = link->has_expected ? &link->expected : NULL,
        .protocols = protocols,
        .protocol_count = 2,
        .remote = address_of(&name),
        .listen = &link->identity->own,
        .listen_count = link->identity->own.port != 0,
        .agent = "tally/" TALLY_VERSION,
    };
    (void)channel_init(link->channel, &options, now_read());
    uv_read_start((uv_stream_t *)&link->tcp, on_alloc, on_read);
    link_turn(link);
}

static void on_accept(uv_stream_t *server, int status)
{
    struct link *link = link_new(server->loop, server->data, false);
    if (status == 0 && uv_accept(server, (uv_stream_t *)&link->tcp) == 0)
        link_begin(link);
}

static void on_connect(uv_connect_t *connect, int status)
{
    if (status != 0) {
        fprintf(stderr, "connect: %s\n", uv_strerror(status));
        exit(1);
    }
    link_begin(connect->data);
}

static int listen_at(uv_loop_t *loop, struct identity *identity, int port)
{
    static uv_tcp_t server;
    struct sockaddr_in at;
    struct sockaddr_storage name;
    int size = sizeof name;
    char text[MULTIADDR_TEXT_MAX];
    uv_ip4_addr("127.0.0.1", port, &at);
    uv_tcp_init(loop, &server);
    server.data = identity;
    if (uv_tcp_bind(&server, (const struct sockaddr *)&at, 0) != 0 ||
        uv_listen((uv_stream_t *)&server, 128, on_accept) != 0)
        return 1;
    uv_tcp_getsockname(&server, (struct sockaddr *)&name, &size);
    identity->own = address_of(&name);
    multiaddr_write_text(&identity->own, MULTIADDR_TCP, &identity->key, text, sizeof text);
    printf("%s\n", text);
    fflush(stdout);
    return uv_run(loop, UV_RUN_DEFAULT);
}

static int dial(uv_loop_t *loop, struct identity *identity, const char *text)
{
    struct multiaddr binary;
    struct multiaddr_target target;
    struct sockaddr_in to;
    if (!multiaddr_parse(bytes_text(text), &binary) ||
        !multiaddr_target(bytes_of(binary.bytes, binary.size), &target) ||
        !address_is_ip4(&target.address)) {
        fprintf(stderr, "%s is no /ip4/…/tcp/… address\n", text);
        return 2;
    }
    struct link *link = link_new(loop, identity, true);
    link->has_expected = target.has_peer && peer_id_key(&target.peer, &link->expected);
    to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(target.address.port)};
    memcpy(&to.sin_addr, target.address.ip + 12, 4);
    uv_tcp_connect(&link->connect, &link->tcp, (const struct sockaddr *)&to, on_connect);
    uv_run(loop, UV_RUN_DEFAULT);
    return verdict;
}

int main(int count, char **arguments)
{
    static struct identity identity;
    uv_loop_t *loop = uv_default_loop();
    if (count < 3 || sodium_init() < 0)
        return 2;
    identity_init(&identity, (uint8_t)atoi(arguments[2]));
    if (strcmp(arguments[1], "listen") == 0)
        return listen_at(loop, &identity, count > 3 ? atoi(arguments[3]) : 0);
    if (count < 4)
        return 2;
    mebibytes = count > 4 ? (uint64_t)atoi(arguments[4]) : 0;
    return dial(loop, &identity, arguments[3]);
}
