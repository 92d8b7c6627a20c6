/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/udp.h"

#include "host/uv/address.h"
#include "host/uv/findings.h"
#include "host/uv/inside.h"

#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 16,      /* Datagrams one recvmmsg takes in. */
    SLOT = 64 << 10, /* libuv cuts the buffer into pieces of this size. */
};

static void on_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct udp *udp = handle->data;
    (void)suggested;
    *buffer = uv_buf_init(udp->buffer, BATCH * SLOT);
}

static void on_datagram(uv_udp_t *socket, ssize_t size, const uv_buf_t *buffer,
                        const struct sockaddr *from, unsigned flags)
{
    struct udp *udp = socket->data;
    struct tally_event event = {.kind = TALLY_EVENT_DATAGRAM};
    /* Errors are of single datagrams (ICMP); nothing above the limit is one of ours. */
    if (size <= 0 || size > TALLY_DATAGRAM_MAX || from == NULL || (flags & UV_UDP_PARTIAL) != 0)
        return;
    if (!address_of_socket(from, &event.datagram.from))
        return;
    event.datagram.bytes = (struct tally_bytes){(const uint8_t *)buffer->base, (size_t)size};
    host_step(udp->host, &event);
}

/* Binds to the wanted address; :: stands for both families where the machine has IPv6. */
static int bind_socket(struct udp *udp, const struct tally_address *wanted)
{
    struct sockaddr_storage to;
    (void)address_to_socket(wanted, udp->family, &to);
    int code =
        uv_udp_init_ex(&udp->host->loop, &udp->socket, (unsigned)udp->family | UV_UDP_RECVMMSG);
    if (code != 0)
        return code;
    udp->open = true;
    udp->socket.data = udp;
    return uv_udp_bind(&udp->socket, (const struct sockaddr *)&to, 0);
}

/* The system may give less; the operator hears of it in one line. */
static void ask_for_buffers(struct udp *udp)
{
    uv_os_fd_t fd;
    int in = MACHINE_UDP_BUFFER, out = MACHINE_UDP_BUFFER;
    (void)uv_recv_buffer_size((uv_handle_t *)&udp->socket, &in);
    (void)uv_send_buffer_size((uv_handle_t *)&udp->socket, &out);
    if (uv_fileno((uv_handle_t *)&udp->socket, &fd) != 0)
        return;
    in = machine_buffer(fd, SO_RCVBUF);
    out = machine_buffer(fd, SO_SNDBUF);
    if (in < MACHINE_UDP_BUFFER || out < MACHINE_UDP_BUFFER)
        trace_line(&udp->host->tracer, TALLY_LEVEL_WARN,
                   "msg=\"%s\" code=%s in_bytes=%d out_bytes=%d wanted_bytes=%d remedy=\"%s\"",
                   finding_title(FINDING_UDP_BUFFER), finding_name(FINDING_UDP_BUFFER), in, out,
                   MACHINE_UDP_BUFFER, finding_remedy(FINDING_UDP_BUFFER));
}

static void find_address(struct udp *udp, struct tally_address *address)
{
    struct sockaddr_storage bound;
    int size = sizeof bound;
    if (uv_udp_getsockname(&udp->socket, (struct sockaddr *)&bound, &size) == 0)
        (void)address_of_socket((const struct sockaddr *)&bound, address);
}

enum tally_error udp_open(struct udp *udp, struct host *host, struct tally_address *address,
                          struct complaint *complaint)
{
    char text[ADDRESS_TEXT_MAX];
    address_write(address, text);
    udp->host = host;
    udp->family = address_is_v4(address) ? AF_INET : AF_INET6;
    udp->buffer = malloc(BATCH * SLOT);
    if (udp->buffer == NULL)
        return complain(complaint, TALLY_NO_MEMORY, "%s", tally_error_text(TALLY_NO_MEMORY));
    int code = bind_socket(udp, address);
    if (code == 0)
        code = uv_udp_recv_start(&udp->socket, on_buffer, on_datagram);
    if (code != 0) {
        enum tally_error error = complaint_of_errno(-code);
        if (error == TALLY_IN_USE)
            return complain(complaint, error,
                            "UDP port %u is in use by another program: stop it or choose another "
                            "with --port",
                            (unsigned)address->port);
        return complain(complaint, error, "UDP address %s cannot be bound: %s", text,
                        uv_strerror(code));
    }
    ask_for_buffers(udp);
    find_address(udp, address);
    return TALLY_OK;
}

void udp_send(struct udp *udp, const struct tally_address *to, struct tally_bytes bytes)
{
    struct sockaddr_storage address;
    if (!udp->open || !address_to_socket(to, udp->family, &address))
        return;
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes.data, (unsigned)bytes.size);
    (void)uv_udp_try_send(&udp->socket, &buffer, 1, (const struct sockaddr *)&address);
}

void udp_close(struct udp *udp)
{
    if (udp->open)
        uv_close((uv_handle_t *)&udp->socket, NULL);
    udp->open = false;
}

void udp_free(struct udp *udp)
{
    free(udp->buffer);
    udp->buffer = NULL;
}
