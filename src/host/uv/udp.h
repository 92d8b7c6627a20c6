/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_UDP_H
#define UV_UDP_H
/* One datagram socket. What the kernel does not take at once is lost, as a network may. */
#include "host/config/complaint.h"
#include "tally/types.h"
#include <uv.h>

struct host;

struct udp {
    struct host *host;
    uv_udp_t socket;
    bool open;
    int family;   /* AF_INET6 (both kinds) or AF_INET. */
    char *buffer; /* For recvmmsg; used again for each batch. */
};

/* Binds and listens. *address is what was bound, its port drawn if it was 0. IN_USE, PERMISSION,
   UNREACHABLE (not an address of this machine). */
enum tally_error udp_open(struct udp *udp, struct host *host, struct tally_address *address,
                          struct complaint *complaint);
void udp_send(struct udp *udp, const struct tally_address *to, struct tally_bytes bytes);

/* Idempotent. The memory goes with udp_free, when the loop has closed the handle. */
void udp_close(struct udp *udp);
void udp_free(struct udp *udp);

#endif
