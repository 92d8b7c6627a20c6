/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/route.h"

#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* An address of the wide network, to which nothing is sent: the kernel says how it would be. */
static const uint8_t far_v4[4] = {198, 41, 0, 4}; /* a.root-servers.net, both. */
static const uint8_t far_v6[16] = {0x20, 0x01, 0x05, 0x03, 0xba, 0x3e, [13] = 0x02, 0x00, 0x30};

struct question {
    struct nlmsghdr header;
    struct rtmsg route;
    struct rtattr attribute;
    uint8_t address[16];
};

static bool ask(int fd, bool ipv6)
{
    size_t size = ipv6 ? sizeof far_v6 : sizeof far_v4;
    struct question question = {
        .header = {.nlmsg_len = (uint32_t)(offsetof(struct question, address) + size),
                   .nlmsg_type = RTM_GETROUTE,
                   .nlmsg_flags = NLM_F_REQUEST},
        .route = {.rtm_family = ipv6 ? AF_INET6 : AF_INET,
                  .rtm_dst_len = (unsigned char)(8 * size)},
        .attribute = {.rta_len = (unsigned short)RTA_LENGTH(size), .rta_type = RTA_DST},
    };
    memcpy(question.address, ipv6 ? far_v6 : far_v4, size);
    return send(fd, &question, question.header.nlmsg_len, 0) == (ssize_t)question.header.nlmsg_len;
}

static void address_set(struct tally_address *address, struct rtattr *attribute, bool ipv6)
{
    static const struct tally_address v4 = {.ip = {[10] = 0xff, [11] = 0xff}};
    size_t size = ipv6 ? sizeof far_v6 : sizeof far_v4;
    if (RTA_PAYLOAD(attribute) != size)
        return;
    *address = v4;
    memcpy(address->ip + sizeof address->ip - size, RTA_DATA(attribute), size);
}

/* The kernel wrote it, so it is of the form it says. */
static bool read_answer(struct nlmsghdr *header, bool ipv6, struct route *route)
{
    struct rtmsg *about = NLMSG_DATA(header);
    size_t left = RTM_PAYLOAD(header);
    static const struct tally_address none;
    *route = (struct route){.interface = 0};
    for (struct rtattr *at = RTM_RTA(about); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
        if (at->rta_type == RTA_GATEWAY)
            address_set(&route->gateway, at, ipv6);
        else if (at->rta_type == RTA_PREFSRC)
            address_set(&route->source, at, ipv6);
        else if (at->rta_type == RTA_OIF && RTA_PAYLOAD(at) == sizeof route->interface)
            memcpy(&route->interface, RTA_DATA(at), sizeof route->interface);
    }
    return about->rtm_type == RTN_UNICAST &&
           memcmp(route->gateway.ip, none.ip, sizeof none.ip) != 0 &&
           memcmp(route->source.ip, none.ip, sizeof none.ip) != 0;
}

bool route_find(bool ipv6, struct route *route)
{
    _Alignas(struct nlmsghdr) char bytes[4096];
    bool found = false;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return false;
    /* One route is answered while the question is sent: nothing is waited for. */
    ssize_t size = ask(fd, ipv6) ? recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) : -1;
    struct nlmsghdr *header = (void *)bytes;
    if (size >= (ssize_t)NLMSG_LENGTH(sizeof(struct rtmsg)) && header->nlmsg_len <= (size_t)size &&
        header->nlmsg_type == RTM_NEWROUTE)
        found = read_answer(header, ipv6, route);
    (void)close(fd);
    return found;
}
