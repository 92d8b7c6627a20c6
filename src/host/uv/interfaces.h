/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_INTERFACES_H
#define UV_INTERFACES_H
/*
 * The addresses of this machine: told to the node by LINKS at the start and whenever they changed,
 * and to the multicast sockets before. The kernel says by netlink that something changed; a burst
 * of changes is looked at once.
 *
 * mDNS is spoken on interfaces that are up, can multicast, lead to more than one host and have no
 * name of a virtual network; on loopback only if there is no other, so that two nodes on a machine
 * without any network find each other as well.
 */
#include "tally/limits.h"
#include "tally/network.h"
#include <uv.h>

struct host;

struct interfaces {
    struct host *host;
    int watch; /* Netlink; -1: none, the addresses are looked at now and then. */
    bool open;
    uv_poll_t poll;
    uv_timer_t settle;
    struct tally_interface list[TALLY_INTERFACES_MAX]; /* Those with multicast first. */
    size_t count;
};

/* Looks, tells, and begins to watch. Takes the names to be skipped from the host's options. */
void interfaces_open(struct interfaces *interfaces, struct host *host);

/* Idempotent. */
void interfaces_close(struct interfaces *interfaces);

/* Whether a name is one of the patterns (as of a shell); without patterns those of the usual
   virtual networks. */
bool interfaces_skip(const char *name, const char *const *patterns, size_t count);

#endif
