/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_INSIDE_H
#define UV_INSIDE_H
/*
 * The host's parts, one file each, and what they ask of host.c. Only files of this folder include
 * it. A part turns a libuv callback into an event and calls host_step; it is called back to perform
 * actions, and then never steps: what it wants to tell at that moment waits for host_later.
 */
#include "host/config/cosigner.h"
#include "host/uv/admin.h"
#include "host/uv/anchoring.h"
#include "host/uv/asking.h"
#include "host/uv/bootstrap.h"
#include "host/uv/carrier.h"
#include "host/uv/disk.h"
#include "host/uv/gateway.h"
#include "host/uv/host.h"
#include "host/uv/interfaces.h"
#include "host/uv/multicast.h"
#include "host/uv/pool.h"
#include "host/uv/public.h"
#include "host/uv/remember.h"
#include "host/uv/resolver.h"
#include "host/uv/seeding.h"
#include "host/uv/tcp.h"
#include "host/uv/trace.h"
#include "host/uv/udp.h"
#include <uv.h>

struct keys;

/* Commands that may wait for their answer at a time: as many as the node keeps pending. */
enum { HOST_COMMANDS = TALLY_PENDING_MAX };

struct host_waiter {
    host_on_answer *on_answer; /* NULL: the slot is free. */
    void *context;
    bool patient; /* Waits for other nodes: an orderly end does not wait for it. */
};

/* How far an orderly end has got; in this order. */
enum host_phase {
    HOST_SERVING,
    HOST_FINISHING, /* What was asked is finished. */
    HOST_SEALING,
    HOST_LEAVING,
    HOST_TELLING,  /* Goodbye. */
    HOST_FLUSHING, /* The last bytes leave. */
    HOST_ENDED,
};

struct host {
    uv_loop_t loop;
    struct host_options options;
    char *data;
    struct keys *keys;
    struct cosigner cosigner;
    struct tally_key identity;
    struct tracer tracer;
    struct store *store;
    struct tally_node *node;
    struct tally_address address;
    uint64_t started_ms;

    uv_timer_t timer; /* The node's deadline. */
    struct tally_mono armed;
    uv_timer_t grace; /* Bounds an orderly end. */
    uv_timer_t look;  /* Once, at configured peers. */
    uv_timer_t space; /* Runs only while the store is read-only. */
    uv_idle_t later;  /* Runs only when a part has something left to do. */
    uv_signal_t signals[2];
    bool stepping, writable, looped;
    enum host_phase phase;
    struct complaint failure;
    enum tally_past past;
    enum tally_guard guard; /* As it was last looked at. */

    struct udp udp;
    struct tcp tcp;
    struct gateway gateway;
    struct interfaces interfaces;
    struct multicast multicast;
    struct pool pool;
    struct disk disk;
    struct admin admin;
    struct carrier carrier;
    struct public public;
    struct resolver resolver;
    struct bootstrap bootstrap;
    struct remember remember;
    struct anchoring anchoring;
    struct asking asking_http;
    struct seeding seeding;

    struct host_waiter waiters[HOST_COMMANDS];
    uint64_t tickets;
    size_t waiting, patient;
    uint64_t asking;       /* The command of this very step, 0 outside of host_command. */
    bool refused, crowded; /* It was; and somebody waits for the disk to get on. */
};

/* The ten lines. Not to be called while actions are performed. */
void host_step(struct host *host, const struct tally_event *event);

/* Soon, outside of any step, tcp_later and admin_later are called. */
void host_later(struct host *host);

/* A job of the store failed for want of space: the node is told, and told again when it is back. */
void host_no_space(struct host *host);

/* The guard may have moved: who waited for it goes on, the directory is vouched for; and once the
   evidence of a fork of our own is durable, the node stops (host_run returns FROZEN). */
void host_look_at_guard(struct host *host);

/* The disk cannot be trusted any more: the node stops, host_run returns IO. */
void host_disk_failed(struct host *host);

#endif
