/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/multicast.h"

#include "core/address/scope.h"
#include "host/uv/address.h"
#include "host/uv/findings.h"
#include "host/uv/inside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PORT = 5353,
    BATCH = 16,                    /* Packets one recvmmsg takes in, ... */
    REST_MS = 2,                   /* ... once in this time: 8,000 a second, the rest is lost. */
    SLOT = TALLY_MDNS_READ_MAX + 1 /* One more, so that what is too long shows. */
};
enum { V4, V6 };

static const int families[MULTICAST_FAMILIES] = {AF_INET, AF_INET6};

/* 224.0.0.251 and ff02::fb (RFC 6762 section 3). */
static const struct in6_addr group6 = {{{0xff, 0x02, [15] = 0xfb}}};
static const uint8_t group4[4] = {224, 0, 0, 251};

/* ---- Receiving. ---- */

union control {
    struct cmsghdr head; /* For its alignment. */
    char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo))];
};

/* Where it came in, and whether it was for the group; false if the kernel does not say. */
static bool arrival(struct msghdr *message, uint32_t *interface, bool *group)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            *interface = (uint32_t)info.ipi_ifindex;
            *group = memcmp(&info.ipi_addr, group4, sizeof group4) == 0;
            return true;
        }
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            *interface = (uint32_t)info.ipi6_ifindex;
            *group = memcmp(&info.ipi6_addr, &group6, sizeof group6) == 0;
            return true;
        }
    }
    return false;
}

static void packet_take(struct multicast *multicast, struct msghdr *message, size_t size)
{
    struct tally_event event = {.kind = TALLY_EVENT_MULTICAST};
    if (size > TALLY_MDNS_READ_MAX || (message->msg_flags & MSG_TRUNC) != 0 ||
        !address_of_socket(message->msg_name, &event.multicast.from) ||
        !arrival(message, &event.multicast.interface, &event.multicast.group))
        return;
    event.multicast.bytes = (struct tally_bytes){message->msg_iov->iov_base, size};
    host_step(multicast->host, &event);
}

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_rested(uv_timer_t *timer)
{
    struct multicast_socket *socket = timer->data;
    (void)uv_poll_start(&socket->poll, UV_READABLE, on_readable);
}

/* Nothing here is urgent: packets that come one after the other are read together, and whatever a
   flood brings, it costs no more than its batches. An error is one of a single packet, or of an
   interface that went; the socket stays. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct multicast_socket *socket = poll->data;
    struct mmsghdr messages[BATCH];
    struct iovec pieces[BATCH];
    struct sockaddr_storage from[BATCH];
    union control controls[BATCH];
    (void)status;
    (void)events;
    for (size_t i = 0; i < BATCH; i++) {
        pieces[i] = (struct iovec){socket->multicast->buffer + i * SLOT, SLOT};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
                                              .msg_namelen = sizeof from[i],
                                              .msg_iov = &pieces[i],
                                              .msg_iovlen = 1,
                                              .msg_control = &controls[i],
                                              .msg_controllen = sizeof controls[i]};
    }
    (void)uv_poll_stop(poll);
    (void)uv_timer_start(&socket->rest, on_rested, REST_MS, 0);
    int got = recvmmsg(socket->fd, messages, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < got; i++)
        packet_take(socket->multicast, &messages[i].msg_hdr, messages[i].msg_len);
}

/* ---- Sockets. ---- */

static bool set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

/* Not MULTICAST_ALL: or packets of interfaces that only others joined would come too. */
static bool prepare(int fd, unsigned family)
{
    bool shared = set(fd, SOL_SOCKET, SO_REUSEADDR, 1) && set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (family == V4) {
        (void)set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
        return shared && set(fd, IPPROTO_IP, IP_PKTINFO, 1) &&
               set(fd, IPPROTO_IP, IP_MULTICAST_TTL, 255) && set(fd, IPPROTO_IP, IP_TTL, 255) &&
               set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 1);
    }
    (void)set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
    return shared && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) &&
           set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) &&
           set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 255) &&
           set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 255) &&
           set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1);
}

static bool bind_port(int fd, unsigned family)
{
    const struct tally_address any = {.port = PORT};
    struct sockaddr_storage to;
    (void)address_to_socket(&any, families[family], &to);
    return bind(fd, (const struct sockaddr *)&to,
                family == V4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)) == 0;
}

static bool socket_open(struct multicast *multicast, unsigned family)
{
    struct multicast_socket *place = &multicast->sockets[family];
    int fd = socket(families[family], SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    place->multicast = multicast;
    place->fd = fd;
    place->member_count = 0;
    if (prepare(fd, family) && bind_port(fd, family) &&
        uv_poll_init(&multicast->host->loop, &place->poll, fd) == 0) {
        (void)uv_timer_init(&multicast->host->loop, &place->rest);
        place->poll.data = place->rest.data = place;
        place->open = true;
        (void)uv_poll_start(&place->poll, UV_READABLE, on_readable);
        return true;
    }
    int error = errno;
    (void)close(fd);
    errno = error;
    return false;
}

/* A machine without IPv6 lacks nothing that it had. */
static void sockets_open(struct multicast *multicast)
{
    if (multicast->buffer == NULL)
        multicast->buffer = malloc((size_t)BATCH * SLOT);
    if (multicast->buffer == NULL)
        return;
    for (unsigned family = 0; family < MULTICAST_FAMILIES; family++) {
        if (multicast->sockets[family].open || socket_open(multicast, family) ||
            errno == EAFNOSUPPORT || multicast->warned)
            continue;
        multicast->warned = true;
        trace_line(&multicast->host->tracer, TALLY_LEVEL_WARN,
                   "msg=\"no mDNS: neighbours are not found by themselves\" port=%d reason=\"%s\" "
                   "code=%s remedy=\"%s\"",
                   PORT, strerror(errno), finding_name(FINDING_MDNS_PORT),
                   finding_remedy(FINDING_MDNS_PORT));
    }
}

/* ---- Groups. ---- */

static bool membership(const struct multicast_socket *socket, unsigned family, uint32_t interface,
                       bool join)
{
    if (family == V4) {
        struct ip_mreqn four = {.imr_ifindex = (int)interface};
        memcpy(&four.imr_multiaddr, group4, sizeof group4);
        return setsockopt(socket->fd, IPPROTO_IP, join ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP,
                          &four, sizeof four) == 0;
    }
    const struct ipv6_mreq six = {.ipv6mr_multiaddr = group6, .ipv6mr_interface = interface};
    return setsockopt(socket->fd, IPPROTO_IPV6, join ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP, &six,
                      sizeof six) == 0;
}

static bool wanted_on(const struct multicast *multicast, unsigned family, uint32_t interface)
{
    for (size_t i = 0; i < multicast->count; i++)
        if (multicast->list[i].index == interface && multicast->list[i].multicast &&
            address_is_v4(&multicast->list[i].address) == (family == V4))
            return true;
    return false;
}

static bool is_member(const struct multicast_socket *socket, uint32_t interface)
{
    for (size_t i = 0; i < socket->member_count; i++)
        if (socket->members[i] == interface)
            return true;
    return false;
}

/* One that went may have taken the membership along: leaving it cannot fail in a way that
   matters. */
static void update(struct multicast *multicast, unsigned family)
{
    struct multicast_socket *socket = &multicast->sockets[family];
    for (size_t i = 0; i < socket->member_count;)
        if (wanted_on(multicast, family, socket->members[i])) {
            i++;
        } else {
            (void)membership(socket, family, socket->members[i], false);
            socket->members[i] = socket->members[--socket->member_count];
        }
    for (size_t i = 0; i < multicast->count; i++) {
        uint32_t interface = multicast->list[i].index;
        if (!wanted_on(multicast, family, interface) || is_member(socket, interface) ||
            socket->member_count == MULTICAST_MEMBERS_MAX)
            continue;
        if (membership(socket, family, interface, true) || errno == EADDRINUSE)
            socket->members[socket->member_count++] = interface;
    }
}

void multicast_init(struct multicast *multicast, struct host *host, bool wanted)
{
    *multicast = (struct multicast){.host = host, .wanted = wanted};
}

void multicast_links(struct multicast *multicast, const struct tally_interface *list, size_t count)
{
    if (!multicast->wanted)
        return;
    memcpy(multicast->list, list, count * sizeof *list);
    multicast->count = count;
    sockets_open(multicast);
    for (unsigned family = 0; family < MULTICAST_FAMILIES; family++)
        if (multicast->sockets[family].open)
            update(multicast, family);
}

/* ---- Sending. ---- */

/* Ours on that interface, best on the same subnet: the kernel has none to choose for loopback, and
   might choose one of another subnet. */
static struct in_addr source4(const struct multicast *multicast, uint32_t interface,
                              const struct tally_address *to)
{
    const struct tally_interface *best = NULL;
    struct in_addr source = {.s_addr = INADDR_ANY};
    for (size_t i = 0; i < multicast->count; i++) {
        const struct tally_interface *own = &multicast->list[i];
        if (own->index == interface && address_is_v4(&own->address) &&
            (best == NULL || address_same_prefix(&own->address, to, own->prefix_bits)))
            best = own;
    }
    if (best != NULL)
        memcpy(&source, best->address.ip + 12, sizeof source);
    return source;
}

static void control_put(struct msghdr *message, int level, int type, const void *data, size_t size)
{
    struct cmsghdr *head = CMSG_FIRSTHDR(message);
    head->cmsg_level = level;
    head->cmsg_type = type;
    head->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(head), data, size);
    message->msg_controllen = CMSG_SPACE(size);
}

void multicast_send(struct multicast *multicast, uint32_t interface, const struct tally_address *to,
                    struct tally_bytes bytes)
{
    unsigned family = address_is_v4(to) ? V4 : V6;
    struct multicast_socket *socket = &multicast->sockets[family];
    struct sockaddr_storage address;
    union control control = {.bytes = {0}};
    if (!socket->open || !address_to_socket(to, families[family], &address))
        return;
    struct iovec piece = {(void *)(uintptr_t)bytes.data, bytes.size};
    struct msghdr message = {.msg_name = &address,
                             .msg_namelen = sizeof(struct sockaddr_in),
                             .msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    if (family == V4) {
        const struct in_pktinfo info = {.ipi_ifindex = (int)interface,
                                        .ipi_spec_dst = source4(multicast, interface, to)};
        control_put(&message, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    } else {
        const struct in6_pktinfo info = {.ipi6_ifindex = interface};
        struct sockaddr_in6 six;
        memcpy(&six, &address, sizeof six);
        six.sin6_scope_id = interface;
        memcpy(&address, &six, sizeof six);
        message.msg_namelen = sizeof six;
        control_put(&message, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    }
    (void)sendmsg(socket->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void multicast_close(struct multicast *multicast)
{
    for (unsigned family = 0; family < MULTICAST_FAMILIES; family++) {
        struct multicast_socket *socket = &multicast->sockets[family];
        if (!socket->open)
            continue;
        socket->open = false;
        uv_close((uv_handle_t *)&socket->poll, NULL);
        uv_close((uv_handle_t *)&socket->rest, NULL);
        (void)close(socket->fd);
    }
}

void multicast_free(struct multicast *multicast)
{
    free(multicast->buffer);
    multicast->buffer = NULL;
}
