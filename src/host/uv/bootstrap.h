/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_BOOTSTRAP_H
#define UV_BOOTSTRAP_H
/*
 * Whom a node begins with, as the operator named them: addresses, names of hosts that DNS is asked
 * for, domains whose records the node asks for itself. A name that is not known yet does not stop
 * the node; it is asked for again, with growing pauses.
 */
#include "host/uv/doctor.h"
#include "host/uv/host.h"
#include <uv.h>

enum {
    BOOTSTRAP_FIRST_MS = 15 * 1000,   /* After a lookup in vain, doubling */
    BOOTSTRAP_CAP_MS = 1800 * 1000,   /* to this (protocols 5.5). */
    BOOTSTRAP_AGAIN_MS = 3600 * 1000, /* After a good one: hosts move. */
};

struct bootstrap_item {
    struct host_bootstrap given;
    struct doctor_bootstrap view;
    struct bootstrap *owner;
    struct tally_mono again; /* When to ask DNS, or tell the node, once more. */
    unsigned failures;
};

struct bootstrap {
    struct host *host;
    uv_timer_t timer;
    struct bootstrap_item items[HOST_BOOTSTRAPS_MAX];
    size_t count;
};

/* Takes over what the options name; the timer is initialised here. */
void bootstrap_open(struct bootstrap *bootstrap, struct host *host);

/* Tells the node, asks DNS. */
void bootstrap_start(struct bootstrap *bootstrap);

/* The node asked for a domain, with that result. */
void bootstrap_heard(struct bootstrap *bootstrap, const char *domain, enum tally_error error);

#endif
