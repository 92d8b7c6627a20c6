/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_PUBLIC_H
#define UV_PUBLIC_H
/*
 * The public listener (operations 3.9): HTTP for whoever is not on the mesh, off unless the
 * operator names an address. It answers
 *
 *     POST /add-checkpoint                        C2SP tlog-witness: 200 and lines, 409 and a size
 *     GET  /<sha256 of origin in hex>/checkpoint  the last that we cosigned for that log
 *     GET  /logs/<sha256 of origin in hex>/...    C2SP tlog-tiles: host/uv/public_tiles.h
 *
 * and nothing else. libmicrohttpd reads and writes; its epoll descriptor is one more in our loop,
 * so there is no thread. One request a connection, each with a total deadline of its own, since the
 * library's counts idle time only.
 */
#include "host/config/complaint.h"
#include "host/uv/public_tiles.h"
#include "tally/types.h"
#include <uv.h>

enum {
    PUBLIC_CONNECTIONS = 256,
    PUBLIC_PER_ADDRESS = 8,
    PUBLIC_MEMORY = 32 << 10, /* Of a connection: headers up to half of it. */
    PUBLIC_IDLE_S = 10,       /* Silence. */
    PUBLIC_TOTAL_MS = 30000,  /* From accept to the last byte. */
};

struct host;
struct MHD_Daemon;
struct public_client;

struct public
{
    struct host *host;
    enum public_logs logs; /* Which are served. */
    struct MHD_Daemon *daemon;
    uv_poll_t poll;
    uv_timer_t timer;
    bool open;
    size_t count;
    struct public_client *clients; /* A list, for the deadline. */
};

enum tally_error public_open(struct public *public, struct host *host,
                             const struct tally_address *address, enum public_logs logs,
                             struct complaint *complaint);
/* Idempotent. */
void public_close(struct public *public);

#endif
