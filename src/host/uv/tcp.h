/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_TCP_H
#define UV_TCP_H
/*
 * TCP connections, called streams as in tally/event.h: listening, accepting, dialling, and room for
 * bytes to send. Each has a budget of TCP_BUDGET bytes that are given to us and not yet to the
 * kernel. A WRITE uses as much of the room; fresh room is told when the node knows of less than
 * half of the budget, and half of it is free.
 */
#include "host/config/complaint.h"
#include "tally/limits.h"
#include "tally/types.h"
#include <uv.h>

enum {
    TCP_BUDGET = 1 << 20,
    TCP_ACCEPTED = TALLY_CONNECTIONS_MAX + TALLY_HALF_OPEN_MAX, /* More are turned away. */
    TCP_STREAMS = 2 * TCP_ACCEPTED,
};

struct host;
struct stream;

struct tcp {
    struct host *host;
    uv_tcp_t listener;
    uv_timer_t linger; /* Runs while a closing stream still has bytes to send. */
    bool open, ready;
    uint32_t accepted;              /* Next odd number. */
    struct tally_address listening; /* Port 0: nowhere. */
    struct stream *streams[TCP_STREAMS];
    size_t count;
    uint8_t *buffer; /* TALLY_STREAM_BYTES_MAX, used again for each read. */
};

/* Without listening: for dialling only. */
enum tally_error tcp_init(struct tcp *tcp, struct host *host, struct complaint *complaint);
/* Listens on the address, whose port is not 0. IN_USE, PERMISSION, UNREACHABLE. */
enum tally_error tcp_listen(struct tcp *tcp, const struct tally_address *address,
                            struct complaint *complaint);

/* Actions. punch: from the port that is listened on, so that two that dial each other at once meet
   (RFC 9293 section 3.5), and NATs in between see the port they know. */
void tcp_dial(struct tcp *tcp, uint32_t number, const struct tally_address *to, bool punch);
void tcp_write(struct tcp *tcp, uint32_t number, struct tally_bytes bytes);
void tcp_end(struct tcp *tcp, uint32_t number);

/* Tells the node of room and of dials that failed at once. */
void tcp_later(struct tcp *tcp);

/* Whether all that was written has gone to the kernel. */
bool tcp_flushed(const struct tcp *tcp);

/* Idempotent; streams end without an event. Memory goes with tcp_free. */
void tcp_close(struct tcp *tcp);
void tcp_free(struct tcp *tcp);

#endif
