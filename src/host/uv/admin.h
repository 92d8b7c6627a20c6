/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_ADMIN_H
#define UV_ADMIN_H
/*
 * The admin socket: a unix socket of mode 0600 in the data directory, for the command line of the
 * same user. Several may be connected; what one may have under way is bounded by not reading from
 * it any further, so nobody is ever told «busy».
 */
#include "host/config/complaint.h"
#include <stdbool.h>
#include <uv.h>

enum {
    ADMIN_CLIENTS = 32,        /* The next one waits. */
    ADMIN_FLIGHT = 4096,       /* Appends under way of one client, */
    ADMIN_FLIGHT_ALL = 12288,  /* and of all; the node's limit is above that. */
    ADMIN_UNSENT_MAX = 1 << 20 /* Bytes of answers a client has not taken. */
};

struct host;
struct client;

struct admin {
    struct host *host;
    uv_pipe_t listener;
    int folder; /* The data directory. */
    bool open, quiet;
    bool knocking; /* Somebody waits for a place. */
    struct client *clients[ADMIN_CLIENTS];
    struct client *carrier; /* Who laid a bundle before the node; NULL. */
    bool left;              /* He has gone, and the node is to be told. */
    size_t count;
    size_t flight;
};

enum tally_error admin_open(struct admin *admin, struct host *host, struct complaint *complaint);

/* Sends answers that are ready, reads on from clients who may go on. */
void admin_later(struct admin *admin);

/* No more requests are read; what is under way is still answered. */
void admin_quiet(struct admin *admin);

/* Whether all answers have gone to the kernel. */
bool admin_flushed(const struct admin *admin);

/* Idempotent. */
void admin_close(struct admin *admin);

#endif
