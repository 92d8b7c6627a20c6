/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_GATEWAY_H
#define UV_GATEWAY_H
/*
 * Performs MAP: one request to the default gateway, by PCP (core/nat/pcp.h) or NAT-PMP (libnatpmp),
 * and its MAPPED, exactly once and in time. Each request has a socket of its own, connected to the
 * gateway's port 5351: the kernel drops what comes from anybody else, and whoever forges the
 * gateway's address has to guess the port, and PCP's nonce too.
 *
 * What gateways announce by multicast (port 5350) becomes GATEWAY, if it came from the address
 * that was asked last.
 */
#include "core/nat/pcp.h"
#include "host/uv/route.h"
#include "tally/action.h"
#include "tally/event.h"
#include "tally/limits.h"
#include <natpmp.h>
#include <uv.h>

struct host;

enum { GATEWAY_IPV4, GATEWAY_IPV6, GATEWAY_FAMILIES };

/* A request on its way, or one that is being cleared away. */
struct gateway_request {
    struct gateway *gateway;
    bool used, done;
    bool polled;      /* fd is open, and poll an open handle. */
    unsigned handles; /* Of libuv, still to be closed. */
    int fd;
    uv_poll_t poll;
    uv_timer_t timer;
    struct pcp_map map; /* What was asked for. */
    natpmp_t natpmp;    /* Its socket is fd, if the protocol is NAT-PMP. */
    bool has_outer;     /* NAT-PMP: the address is known, the mapping is asked for. */
    struct tally_event event;
};

struct gateway {
    struct host *host;
    struct gateway_request requests[TALLY_MAPS_MAX];
    uv_udp_t listeners[GATEWAY_FAMILIES];
    bool listening[GATEWAY_FAMILIES];
    struct route asked[GATEWAY_FAMILIES]; /* The last one each; all zero: none yet. */
    char buffer[PCP_SIZE_MAX + 1];
};

/* Listens for announcements; where it cannot, a gateway's restart is found at the next renewal. */
void gateway_open(struct gateway *gateway, struct host *host);

/* Performs MAP. At most TALLY_MAPS_MAX are unanswered (an assertion). */
void gateway_map(struct gateway *gateway, const struct tally_action *action);

/* Whether nothing is on its way that gives a mapping back. */
bool gateway_flushed(const struct gateway *gateway);

/* Ends all, without answers. Idempotent. */
void gateway_close(struct gateway *gateway);

#endif
