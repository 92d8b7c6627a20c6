/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_ROUTE_H
#define UV_ROUTE_H
/* The way out of this machine, as the kernel would choose it now. */
#include "tally/types.h"

struct route {
    struct tally_address gateway; /* Port 0. */
    struct tally_address source;  /* Ours towards the wide network, port 0. */
    uint32_t interface;           /* Which way: an IPv6 gateway's address may be of a link. */
};

/*
 * The default gateway of a family, by rtnetlink: /proc/net/route is hidden where systemd's
 * ProcSubset=pid is set. False if there is none, or the way out has no gateway (a tunnel).
 */
bool route_find(bool ipv6, struct route *route);

#endif
