/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_REMEMBER_H
#define UV_REMEMBER_H
/*
 * peers.last: where peers answered lately, so that a node finds its mesh again when all of it was
 * restarted. Written when it changed, once a minute at most, and at the end; a hint, which may be
 * removed at any time.
 */
#include "host/store/store.h"
#include <uv.h>

enum {
    REMEMBER_MAX = 64,             /* protocols 5.5. */
    REMEMBER_FIRST_MS = 10 * 1000, /* When those of the beginning have answered. */
    REMEMBER_MS = 60 * 1000        /* Between two looks. */
};

struct host;

struct remember {
    struct host *host;
    uv_timer_t timer;
    struct store_peer list[REMEMBER_MAX]; /* Those linked at the last look first. */
    size_t count;
};

/* Reads the file; the timer is initialised here. */
void remember_open(struct remember *remember, struct host *host);

/* Tells the node whom it knew, where the profile makes use of it; and looks again and again. */
void remember_start(struct remember *remember);

/* Looks, and writes what changed. */
void remember_write(struct remember *remember);

#endif
