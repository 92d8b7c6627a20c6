/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_NOTICES_H
#define UV_NOTICES_H
/*
 * What an operator reads in the log about the way in: «reachable at», «mapped port», «behind
 * another NAT». The node's traces tell that something changed; here it becomes one line with
 * addresses, a code and a remedy, said once for each change and never again.
 */
#include "tally/node.h"
#include "tally/trace.h"

enum { NOTICES_MAX = 32 }; /* Own addresses that are looked at. */

struct host;

struct notices_said {
    struct tally_address address;
    enum tally_transport transport;
    bool mapped, reachable, refused;
    bool there; /* Still one of ours. */
};

struct notices {
    struct host *host;
    struct tally_trace_window log;
    bool due;
    struct notices_said said[NOTICES_MAX];
    size_t count;
    bool behind; /* «Behind another NAT» was said. */
    /* Where lines go: already in logfmt. */
    void *context;
    void (*say)(void *context, enum tally_level level, const char *text);
};

void notices_open(struct notices *notices, struct host *host);

/* The node's traces: to the log as they are, but for those that notices make lines of. */
struct tally_trace_window notices_window(struct notices *notices);

/* Says what changed, if anything did. */
void notices_later(struct notices *notices);

/* The part of it that is a function of values. */
void notices_tell(struct notices *notices, const struct tally_node_status *status,
                  const struct tally_own_address *own, size_t count);

#endif
