/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_MULTICAST_H
#define UV_MULTICAST_H
/*
 * The mDNS sockets: one a family, on port 5353 beside other responders of this machine, members of
 * the group on each interface that LINKS gives for it. The kernel tells with each packet where it
 * came in and whether it went to the group. Only datagrams: what is not taken at once is lost.
 */
#include "tally/limits.h"
#include "tally/network.h"
#include <uv.h>

struct host;

enum { MULTICAST_FAMILIES = 2, MULTICAST_MEMBERS_MAX = 64 };

struct multicast_socket {
    struct multicast *multicast;
    int fd; /* Open if `open`. */
    bool open;
    uv_poll_t poll;
    uv_timer_t rest;                         /* Runs while the socket is not read. */
    uint32_t members[MULTICAST_MEMBERS_MAX]; /* Interfaces on which we are in the group. */
    size_t member_count;
};

struct multicast {
    struct host *host;
    bool wanted, warned;
    struct multicast_socket sockets[MULTICAST_FAMILIES]; /* IPv4, IPv6. */
    struct tally_interface list[TALLY_INTERFACES_MAX];
    size_t count;
    uint8_t *buffer;
};

/* Nothing is opened before there are interfaces; nothing at all if it is not wanted. */
void multicast_init(struct multicast *multicast, struct host *host, bool wanted);

/* Joins and leaves. A port that cannot be had is warned of once, and tried again next time. */
void multicast_links(struct multicast *multicast, const struct tally_interface *list, size_t count);

void multicast_send(struct multicast *multicast, uint32_t interface, const struct tally_address *to,
                    struct tally_bytes bytes);

/* Idempotent. The memory goes with multicast_free, when the loop has closed the handles. */
void multicast_close(struct multicast *multicast);
void multicast_free(struct multicast *multicast);

#endif
