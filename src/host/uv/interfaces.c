/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/interfaces.h"

#include "host/uv/inside.h"

#include <errno.h>
#include <fnmatch.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SETTLE_MS = 100,     /* An interface that comes up changes several times. */
    LOOK_MS = 30000,     /* Where netlink cannot be watched. */
    LINKS_MAX = 256,     /* Interfaces looked at, */
    ADDRESSES_MAX = 512, /* and their addresses, before the best are chosen. */
    DUMP = 32 << 10,     /* One piece of a netlink dump. */
    IP4_BITS = 96,       /* In front of an IPv4 prefix. */
};

/* Containers, virtual machines and tunnels: no neighbour of the operator's is there, and each
   packet would go to all of them. */
static const char *const virtual_networks[] = {
    "docker*", "br-*",     "veth*", "tun*",   "tap*",   "wg*",     "virbr*",
    "cni*",    "flannel*", "cali*", "lxcbr*", "lxdbr*", "podman*", "vnet*",
};

bool interfaces_skip(const char *name, const char *const *patterns, size_t count)
{
    if (patterns == NULL) {
        patterns = virtual_networks;
        count = sizeof virtual_networks / sizeof *virtual_networks;
    }
    for (size_t i = 0; i < count; i++)
        if (fnmatch(patterns[i], name, 0) == 0)
            return true;
    return false;
}

/* ---- What the kernel says. ---- */

struct link_seen {
    unsigned index, flags;
    char name[TALLY_INTERFACE_NAME];
};

struct seen {
    struct link_seen links[LINKS_MAX];
    struct tally_interface addresses[ADDRESSES_MAX];
    size_t link_count, address_count;
};

/* The attributes behind a message's fixed part: the next of them, or NULL. */
static const struct rtattr *attribute_next(const uint8_t **at, size_t *left)
{
    struct rtattr head;
    if (*left < sizeof head)
        return NULL;
    memcpy(&head, *at, sizeof head);
    if (head.rta_len < sizeof head || head.rta_len > *left)
        return NULL;
    const struct rtattr *attribute = (const void *)*at;
    size_t step = RTA_ALIGN((size_t)head.rta_len);
    step = step < *left ? step : *left;
    *at += step;
    *left -= step;
    return attribute;
}

static struct tally_bytes attribute_value(const struct rtattr *attribute)
{
    return (struct tally_bytes){(const uint8_t *)attribute + sizeof *attribute,
                                attribute->rta_len - sizeof *attribute};
}

static void on_link(struct seen *seen, const uint8_t *body, size_t size)
{
    struct ifinfomsg info;
    const struct rtattr *attribute;
    if (size < sizeof info || seen->link_count == LINKS_MAX)
        return;
    memcpy(&info, body, sizeof info);
    struct link_seen *link = &seen->links[seen->link_count++];
    *link = (struct link_seen){.index = (unsigned)info.ifi_index, .flags = info.ifi_flags};
    body += NLMSG_ALIGN(sizeof info);
    size -= NLMSG_ALIGN(sizeof info);
    while ((attribute = attribute_next(&body, &size)) != NULL) {
        struct tally_bytes value = attribute_value(attribute);
        if (attribute->rta_type == IFLA_IFNAME && value.size < sizeof link->name)
            memcpy(link->name, value.data, value.size);
    }
}

static const struct link_seen *link_find(const struct seen *seen, unsigned index)
{
    for (size_t i = 0; i < seen->link_count; i++)
        if (seen->links[i].index == index)
            return &seen->links[i];
    return NULL;
}

/* An address into the core's form; false for one of another family. */
static bool address_take(const struct ifaddrmsg *info, struct tally_bytes value,
                         struct tally_interface *interface)
{
    struct tally_address *address = &interface->address;
    bool v4 = info->ifa_family == AF_INET;
    if (value.size != (v4 ? 4u : 16u) || info->ifa_prefixlen > value.size * 8)
        return false;
    memcpy(address->ip + 16 - value.size, value.data, value.size);
    if (v4)
        address->ip[10] = address->ip[11] = 0xff;
    interface->prefix_bits = (uint8_t)(info->ifa_prefixlen + (v4 ? IP4_BITS : 0));
    return true;
}

static void on_address(struct seen *seen, const uint8_t *body, size_t size)
{
    struct ifaddrmsg info;
    const struct rtattr *attribute;
    if (size < sizeof info || seen->address_count == ADDRESSES_MAX)
        return;
    memcpy(&info, body, sizeof info);
    const struct link_seen *link = link_find(seen, info.ifa_index);
    if (link == NULL || (link->flags & IFF_UP) == 0 || (link->flags & IFF_RUNNING) == 0 ||
        (info.ifa_family != AF_INET && info.ifa_family != AF_INET6))
        return;
    struct tally_interface *interface = &seen->addresses[seen->address_count];
    *interface = (struct tally_interface){.index = info.ifa_index};
    memcpy(interface->name, link->name, sizeof interface->name);
    struct tally_bytes address = {NULL, 0};
    uint32_t flags = info.ifa_flags;
    body += NLMSG_ALIGN(sizeof info);
    size -= NLMSG_ALIGN(sizeof info);
    while ((attribute = attribute_next(&body, &size)) != NULL) {
        struct tally_bytes value = attribute_value(attribute);
        /* Of a point to point link, ADDRESS is the other end and LOCAL ours. */
        if (attribute->rta_type == IFA_LOCAL ||
            (attribute->rta_type == IFA_ADDRESS && address.size == 0))
            address = value;
        else if (attribute->rta_type == IFA_FLAGS && value.size == sizeof flags)
            memcpy(&flags, value.data, sizeof flags);
    }
    /* Not ours before others had the time to object (RFC 4862 section 5.4); then it is told. */
    if ((flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) == 0 &&
        address_take(&info, address, interface))
        seen->address_count++;
}

/* Takes what one read gave; false at the end of the dump. */
static bool piece_take(struct seen *seen, const uint8_t *piece, size_t size)
{
    struct nlmsghdr head;
    while (size >= sizeof head) {
        memcpy(&head, piece, sizeof head);
        if (head.nlmsg_len < sizeof head || head.nlmsg_len > size)
            return false;
        const uint8_t *body = piece + NLMSG_HDRLEN;
        size_t body_size = head.nlmsg_len - NLMSG_HDRLEN;
        if (head.nlmsg_type == RTM_NEWLINK)
            on_link(seen, body, body_size);
        else if (head.nlmsg_type == RTM_NEWADDR)
            on_address(seen, body, body_size);
        else
            return false; /* NLMSG_DONE, NLMSG_ERROR. */
        size_t step = NLMSG_ALIGN((size_t)head.nlmsg_len);
        step = step < size ? step : size;
        piece += step;
        size -= step;
    }
    return true;
}

static void dump(int fd, struct seen *seen, uint16_t type)
{
    static _Alignas(struct nlmsghdr) uint8_t piece[DUMP]; /* One thread, one loop. */
    struct {
        struct nlmsghdr head;
        struct rtgenmsg body;
    } request = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtgenmsg)),
                          .nlmsg_type = type,
                          .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
                 .body = {.rtgen_family = AF_UNSPEC}};
    if (send(fd, &request, request.head.nlmsg_len, 0) < 0)
        return;
    for (;;) {
        ssize_t got = recv(fd, piece, sizeof piece, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || !piece_take(seen, piece, (size_t)got))
            return;
    }
}

/* ---- The list. ---- */

static bool speaks_multicast(const struct interfaces *interfaces, const struct link_seen *link)
{
    const struct host_options *options = &interfaces->host->options;
    return (link->flags & IFF_MULTICAST) != 0 &&
           (link->flags & (IFF_LOOPBACK | IFF_POINTOPOINT)) == 0 &&
           !interfaces_skip(link->name, options->skip_interfaces, options->skip_count);
}

/* Marks where mDNS is spoken. */
static void mark(const struct interfaces *interfaces, struct seen *seen)
{
    bool any = false;
    for (size_t i = 0; i < seen->address_count; i++) {
        struct tally_interface *address = &seen->addresses[i];
        address->multicast =
            speaks_multicast(interfaces, link_find(seen, (unsigned)address->index));
        any = any || address->multicast;
    }
    for (size_t i = 0; i < seen->address_count && !any; i++) {
        const struct link_seen *link = link_find(seen, (unsigned)seen->addresses[i].index);
        seen->addresses[i].multicast = (link->flags & IFF_LOOPBACK) != 0;
    }
}

static size_t look(const struct interfaces *interfaces, struct tally_interface *list)
{
    static struct seen seen;
    size_t count = 0;
    seen.link_count = seen.address_count = 0;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    const struct timeval patience = {.tv_sec = 1}; /* The kernel answers at once, or never. */
    if (fd < 0)
        return 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    dump(fd, &seen, RTM_GETLINK);
    dump(fd, &seen, RTM_GETADDR);
    (void)close(fd);
    mark(interfaces, &seen);
    for (int multicast = 1; multicast >= 0; multicast--)
        for (size_t i = 0; i < seen.address_count && count < TALLY_INTERFACES_MAX; i++)
            if (seen.addresses[i].multicast == (multicast == 1))
                list[count++] = seen.addresses[i];
    return count;
}

static bool same(const struct tally_interface *a, const struct tally_interface *b)
{
    return a->index == b->index && a->prefix_bits == b->prefix_bits &&
           a->multicast == b->multicast && strcmp(a->name, b->name) == 0 &&
           memcmp(a->address.ip, b->address.ip, sizeof a->address.ip) == 0;
}

/* Routers that confirm an address make the kernel speak of it: no news. */
static void look_and_tell(struct interfaces *interfaces, bool always)
{
    struct tally_interface list[TALLY_INTERFACES_MAX];
    size_t count = look(interfaces, list), i = 0;
    while (i < count && count == interfaces->count && same(&list[i], &interfaces->list[i]))
        i++;
    if (i == count && count == interfaces->count && !always)
        return;
    memcpy(interfaces->list, list, count * sizeof *list);
    interfaces->count = count;
    multicast_links(&interfaces->host->multicast, interfaces->list, count);
    const struct tally_event event = {.kind = TALLY_EVENT_LINKS,
                                      .links = {.list = interfaces->list, .count = count}};
    host_step(interfaces->host, &event);
}

/* ---- Watching. ---- */

static void on_settled(uv_timer_t *timer)
{
    look_and_tell(timer->data, false);
}

/* What changed is not read out of it; that much may have been lost (ENOBUFS) does not matter. */
static void on_change(uv_poll_t *poll, int status, int events)
{
    struct interfaces *interfaces = poll->data;
    uint8_t piece[4096];
    (void)status;
    (void)events;
    while (recv(interfaces->watch, piece, sizeof piece, MSG_DONTWAIT) >= 0 || errno == EINTR)
        continue;
    if (!uv_is_active((const uv_handle_t *)&interfaces->settle))
        (void)uv_timer_start(&interfaces->settle, on_settled, SETTLE_MS, 0);
}

static bool watch(struct interfaces *interfaces)
{
    const struct sockaddr_nl groups = {.nl_family = AF_NETLINK,
                                       .nl_groups =
                                           RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
    interfaces->watch = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (interfaces->watch < 0)
        return false;
    if (bind(interfaces->watch, (const struct sockaddr *)&groups, sizeof groups) == 0 &&
        uv_poll_init(&interfaces->host->loop, &interfaces->poll, interfaces->watch) == 0) {
        interfaces->poll.data = interfaces;
        return uv_poll_start(&interfaces->poll, UV_READABLE, on_change) == 0;
    }
    (void)close(interfaces->watch);
    interfaces->watch = -1;
    return false;
}

void interfaces_open(struct interfaces *interfaces, struct host *host)
{
    interfaces->host = host;
    interfaces->open = true;
    (void)uv_timer_init(&host->loop, &interfaces->settle);
    interfaces->settle.data = interfaces;
    /* First, so that nothing is missed between looking and watching. */
    if (!watch(interfaces))
        (void)uv_timer_start(&interfaces->settle, on_settled, LOOK_MS, LOOK_MS);
    look_and_tell(interfaces, true);
}

void interfaces_close(struct interfaces *interfaces)
{
    if (!interfaces->open)
        return;
    interfaces->open = false;
    uv_close((uv_handle_t *)&interfaces->settle, NULL);
    if (interfaces->watch < 0)
        return;
    uv_close((uv_handle_t *)&interfaces->poll, NULL);
    (void)close(interfaces->watch);
}
