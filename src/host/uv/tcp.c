/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/tcp.h"

#include "host/uv/address.h"
#include "host/uv/inside.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    BACKLOG = 128,
    LINGER_MS = 2000, /* For the last bytes to leave, and the other end to read them. */
    LINGER_LOOK_MS = 250,
};

struct stream {
    struct tcp *tcp;
    uv_tcp_t socket;
    uv_connect_t connecting;
    uv_shutdown_t ending;
    struct tally_address remote;
    uint32_t number;
    bool dialled;
    bool usable;  /* STREAM_OPEN was told. */
    bool ended;   /* The node asked for the end: what still comes is thrown away. */
    bool closing; /* uv_close was called. */
    enum tally_error error;
    size_t pending; /* Bytes in libuv's queue. */
    size_t told;    /* Room the node was told of and has not used. */
    uint64_t until; /* Of lingering. */
};

struct write {
    uv_write_t request;
    struct stream *stream;
    size_t size;
    uint8_t bytes[];
};

static struct stream *find(const struct tcp *tcp, uint32_t number)
{
    for (size_t i = 0; i < tcp->count; i++)
        if (tcp->streams[i]->number == number && !tcp->streams[i]->closing)
            return tcp->streams[i];
    return NULL;
}

static void forget(struct stream *stream)
{
    struct tcp *tcp = stream->tcp;
    for (size_t i = 0; i < tcp->count; i++)
        if (tcp->streams[i] == stream)
            tcp->streams[i] = tcp->streams[--tcp->count];
    free(stream);
}

/* ---- The end of a stream ---- */

static void on_closed(uv_handle_t *handle)
{
    struct stream *stream = handle->data;
    struct tcp *tcp = stream->tcp;
    const struct tally_event event = {
        .kind = TALLY_EVENT_STREAM_CLOSED,
        .stream_closed = {.stream = stream->number, .error = stream->error}};
    forget(stream);
    if (tcp->ready)
        host_step(tcp->host, &event);
}

static void finish(struct stream *stream, enum tally_error error)
{
    if (stream->closing)
        return;
    stream->closing = true;
    stream->error = error;
    uv_close((uv_handle_t *)&stream->socket, on_closed);
}

static void on_linger(uv_timer_t *timer)
{
    struct tcp *tcp = timer->data;
    size_t left = 0;
    for (size_t i = 0; i < tcp->count; i++) {
        struct stream *stream = tcp->streams[i];
        if (!stream->ended || stream->closing)
            continue;
        if (stream->until <= uv_now(&tcp->host->loop))
            finish(stream, TALLY_CLOSED);
        else
            left++;
    }
    if (left == 0)
        (void)uv_timer_stop(timer);
}

static void on_shutdown(uv_shutdown_t *request, int code)
{
    if (code != 0 && code != UV_ECANCELED)
        finish(request->data, TALLY_CLOSED);
}

void tcp_end(struct tcp *tcp, uint32_t number)
{
    struct stream *stream = find(tcp, number);
    if (stream == NULL || stream->ended)
        return;
    stream->ended = true;
    stream->ending.data = stream;
    /* Closing at once would throw away what is queued, and with unread bytes even what was sent. */
    if (!stream->usable ||
        uv_shutdown(&stream->ending, (uv_stream_t *)&stream->socket, on_shutdown) != 0) {
        finish(stream, TALLY_CLOSED);
        return;
    }
    stream->until = uv_now(&tcp->host->loop) + LINGER_MS;
    if (!uv_is_active((const uv_handle_t *)&tcp->linger))
        (void)uv_timer_start(&tcp->linger, on_linger, LINGER_LOOK_MS, LINGER_LOOK_MS);
}

/* ---- Bytes in ---- */

static void on_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    const struct stream *stream = handle->data;
    (void)suggested;
    *buffer = uv_buf_init((char *)stream->tcp->buffer, TALLY_STREAM_BYTES_MAX);
}

static void on_bytes(uv_stream_t *socket, ssize_t size, const uv_buf_t *buffer)
{
    struct stream *stream = socket->data;
    if (size < 0) {
        finish(stream, size == UV_EOF ? TALLY_CLOSED : complaint_of_errno((int)-size));
        return;
    }
    if (size == 0 || stream->ended)
        return;
    const struct tally_event event = {
        .kind = TALLY_EVENT_STREAM_BYTES,
        .stream_bytes = {.stream = stream->number,
                         .bytes = {(const uint8_t *)buffer->base, (size_t)size}}};
    host_step(stream->tcp->host, &event);
}

/* ---- Bytes out ---- */

static bool room_is_stale(const struct stream *stream)
{
    return stream->usable && !stream->ended && !stream->closing && stream->told < TCP_BUDGET / 2 &&
           stream->pending <= TCP_BUDGET / 2;
}

static void on_written(uv_write_t *request, int code)
{
    struct write *write = (struct write *)request;
    struct stream *stream = write->stream;
    stream->pending -= write->size;
    free(write);
    if (code != 0 && code != UV_ECANCELED)
        finish(stream, complaint_of_errno(-code));
    else if (room_is_stale(stream))
        host_later(stream->tcp->host);
}

/* What the kernel did not take at once waits in libuv's queue, in memory of ours. */
static void queue_rest(struct stream *stream, struct tally_bytes rest)
{
    struct write *write = malloc(sizeof *write + rest.size);
    if (write == NULL) {
        finish(stream, TALLY_NO_MEMORY);
        return;
    }
    write->stream = stream;
    write->size = rest.size;
    memcpy(write->bytes, rest.data, rest.size);
    uv_buf_t buffer = uv_buf_init((char *)write->bytes, (unsigned)rest.size);
    int code = uv_write(&write->request, (uv_stream_t *)&stream->socket, &buffer, 1, on_written);
    if (code != 0) {
        free(write);
        finish(stream, complaint_of_errno(-code));
        return;
    }
    stream->pending += rest.size;
}

void tcp_write(struct tcp *tcp, uint32_t number, struct tally_bytes bytes)
{
    struct stream *stream = find(tcp, number);
    if (stream == NULL || stream->ended)
        return; /* It ended, and the event is on its way. */
    assert(bytes.size <= stream->told);
    stream->told -= bytes.size;
    if (stream->pending == 0) {
        uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes.data, (unsigned)bytes.size);
        int sent = uv_try_write((uv_stream_t *)&stream->socket, &buffer, 1);
        if (sent < 0 && sent != UV_EAGAIN) {
            finish(stream, complaint_of_errno(-sent));
            return;
        }
        size_t taken = sent > 0 ? (size_t)sent : 0;
        bytes = (struct tally_bytes){bytes.data + taken, bytes.size - taken};
    }
    if (bytes.size > 0)
        queue_rest(stream, bytes);
    if (room_is_stale(stream))
        host_later(tcp->host);
}

static void tell_room(struct stream *stream)
{
    stream->told = TCP_BUDGET - stream->pending;
    const struct tally_event event = {
        .kind = TALLY_EVENT_STREAM_ROOM,
        .stream_room = {.stream = stream->number, .room = stream->told}};
    host_step(stream->tcp->host, &event);
}

void tcp_later(struct tcp *tcp)
{
    /* Streams only go in callbacks of uv_close, so none goes under this loop. */
    for (size_t i = 0; i < tcp->count; i++)
        if (room_is_stale(tcp->streams[i]))
            tell_room(tcp->streams[i]);
}

bool tcp_flushed(const struct tcp *tcp)
{
    for (size_t i = 0; i < tcp->count; i++)
        if (!tcp->streams[i]->closing && tcp->streams[i]->pending > 0)
            return false;
    return true;
}

/* ---- The beginning of a stream ---- */

/* With a family other than AF_UNSPEC there is a socket at once. */
static struct stream *begin(struct tcp *tcp, uint32_t number, int family)
{
    struct stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL ||
        uv_tcp_init_ex(&tcp->host->loop, &stream->socket, (unsigned)family) != 0) {
        free(stream);
        return NULL;
    }
    stream->tcp = tcp;
    stream->number = number;
    stream->socket.data = stream;
    tcp->streams[tcp->count++] = stream;
    return stream;
}

static void open_stream(struct stream *stream)
{
    (void)uv_tcp_nodelay(&stream->socket, 1);
    stream->usable = true;
    const struct tally_event event = {.kind = TALLY_EVENT_STREAM_OPEN,
                                      .stream_open = {.stream = stream->number,
                                                      .dialled = stream->dialled,
                                                      .remote = stream->remote}};
    host_step(stream->tcp->host, &event);
    if (room_is_stale(stream))
        tell_room(stream);
    if (stream->closing)
        return;
    int code = uv_read_start((uv_stream_t *)&stream->socket, on_buffer, on_bytes);
    if (code != 0)
        finish(stream, complaint_of_errno(-code));
}

static void on_turned_away(uv_handle_t *handle)
{
    free(handle);
}

/* Too many: it is accepted, so that the listener does not spin, and closed. */
static void turn_away(struct tcp *tcp)
{
    uv_tcp_t *socket = malloc(sizeof *socket);
    if (socket == NULL)
        return;
    if (uv_tcp_init(&tcp->host->loop, socket) != 0) {
        free(socket);
        return;
    }
    (void)uv_accept((uv_stream_t *)&tcp->listener, (uv_stream_t *)socket);
    uv_close((uv_handle_t *)socket, on_turned_away);
}

static void on_connection(uv_stream_t *listener, int code)
{
    struct tcp *tcp = listener->data;
    struct sockaddr_storage remote;
    int size = sizeof remote;
    if (code != 0)
        return;
    struct stream *stream = tcp->count < TCP_ACCEPTED ? begin(tcp, tcp->accepted, AF_UNSPEC) : NULL;
    if (stream == NULL) {
        turn_away(tcp);
        return;
    }
    tcp->accepted += 2;
    if (uv_accept(listener, (uv_stream_t *)&stream->socket) != 0 ||
        uv_tcp_getpeername(&stream->socket, (struct sockaddr *)&remote, &size) != 0 ||
        !address_of_socket((const struct sockaddr *)&remote, &stream->remote))
        finish(stream, TALLY_CLOSED);
    else
        open_stream(stream);
}

static void on_connected(uv_connect_t *request, int code)
{
    struct stream *stream = request->data;
    if (stream->closing)
        return;
    if (code != 0)
        finish(stream, complaint_of_errno(-code));
    else
        open_stream(stream);
}

/* So that more than one socket of ours may have the port; nobody else's may (socket(7)). */
static int share_port(uv_tcp_t *socket)
{
    int fd, on = 1;
    int code = uv_fileno((const uv_handle_t *)socket, &fd);
    if (code == 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
        code = -errno;
    return code;
}

/* Binds the socket, which has none yet, to the port that we listen on. */
static int bind_to_listener(struct stream *stream, int family)
{
    struct sockaddr_storage own;
    struct tally_address from = stream->tcp->listening;
    /* What listens on all addresses of both families dials from all of the one. */
    if (family == AF_INET && !address_is_v4(&from)) {
        if (!address_is_any(&from))
            return UV_EADDRNOTAVAIL;
        (void)address_read("0.0.0.0", &from);
        from.port = stream->tcp->listening.port;
    }
    if (from.port == 0 || (family == AF_INET6 && address_is_v4(&from)))
        return UV_EADDRNOTAVAIL;
    (void)address_to_socket(&from, family, &own);
    int code = share_port(&stream->socket);
    if (code == 0)
        code = uv_tcp_bind(&stream->socket, (const struct sockaddr *)&own, 0);
    return code;
}

void tcp_dial(struct tcp *tcp, uint32_t number, const struct tally_address *to, bool punch)
{
    assert(tcp->count < TCP_STREAMS);
    struct sockaddr_storage address;
    int family = address_is_v4(to) ? AF_INET : AF_INET6;
    struct stream *stream = begin(tcp, number, punch ? family : AF_UNSPEC);
    /* Without memory for a stream there is none for its failure either. */
    assert(stream != NULL);
    stream->dialled = true;
    stream->remote = *to;
    stream->connecting.data = stream;
    (void)address_to_socket(to, family, &address);
    int code = punch ? bind_to_listener(stream, family) : 0;
    if (code == 0)
        code = uv_tcp_connect(&stream->connecting, &stream->socket,
                              (const struct sockaddr *)&address, on_connected);
    if (code != 0)
        finish(stream, complaint_of_errno(-code));
}

/* ---- The whole ---- */

enum tally_error tcp_init(struct tcp *tcp, struct host *host, struct complaint *complaint)
{
    tcp->host = host;
    tcp->accepted = 1;
    tcp->buffer = malloc(TALLY_STREAM_BYTES_MAX);
    if (tcp->buffer == NULL || uv_timer_init(&host->loop, &tcp->linger) != 0)
        return complain(complaint, TALLY_NO_MEMORY, "%s", tally_error_text(TALLY_NO_MEMORY));
    tcp->linger.data = tcp;
    tcp->ready = true;
    return TALLY_OK;
}

enum tally_error tcp_listen(struct tcp *tcp, const struct tally_address *address,
                            struct complaint *complaint)
{
    char text[ADDRESS_TEXT_MAX];
    struct sockaddr_storage to;
    address_write(address, text);
    (void)address_to_socket(address, address_is_v4(address) ? AF_INET : AF_INET6, &to);
    int code = uv_tcp_init(&tcp->host->loop, &tcp->listener);
    if (code == 0) {
        tcp->open = true;
        tcp->listener.data = tcp;
        code = uv_tcp_bind(&tcp->listener, (const struct sockaddr *)&to, 0);
    }
    if (code == 0)
        code = uv_listen((uv_stream_t *)&tcp->listener, BACKLOG, on_connection);
    if (code == 0) {
        tcp->listening = *address;
        /* Only now that the port is ours: with the option set before, a second node of the same
           user would get it too. Where it is refused, nothing can be punched. */
        (void)share_port(&tcp->listener);
        return TALLY_OK;
    }
    enum tally_error error = complaint_of_errno(-code);
    if (error == TALLY_IN_USE)
        return complain(complaint, error,
                        "TCP port %u is in use by another program: stop it or choose another with "
                        "--port",
                        (unsigned)address->port);
    return complain(complaint, error, "TCP address %s cannot be bound: %s", text,
                    uv_strerror(code));
}

void tcp_close(struct tcp *tcp)
{
    if (tcp->open)
        uv_close((uv_handle_t *)&tcp->listener, NULL);
    if (tcp->ready)
        uv_close((uv_handle_t *)&tcp->linger, NULL);
    tcp->open = tcp->ready = false;
    for (size_t i = 0; i < tcp->count; i++)
        finish(tcp->streams[i], TALLY_CLOSED);
}

void tcp_free(struct tcp *tcp)
{
    free(tcp->buffer);
    tcp->buffer = NULL;
}
