/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_RESOLVER_H
#define UV_RESOLVER_H
/*
 * DNS on a thread of its own (dns.h does the asking): one job after the other, each bounded in
 * time, questions and answers. Nothing waits for it: a node begins, serves and ends while DNS is
 * dead. The thread is made when the first job comes.
 */
#include "host/config/complaint.h"
#include "host/uv/dns.h"
#include "tally/action.h"
#include <uv.h>

enum { RESOLVER_JOBS = 64 }; /* Waiting at a time; more are answered BUSY. */

struct host;
struct resolver_shared;

/* What was found, valid until it returns. On the loop's thread, outside of any step. */
typedef void resolver_on_done(void *context, uint64_t ticket, const struct dns_question *question,
                              const struct dns_found *found);

struct resolver {
    struct host *host;
    uv_async_t ready;
    bool open;
    struct resolver_shared *shared; /* With the thread. */
};

enum tally_error resolver_open(struct resolver *resolver, struct host *host,
                               struct complaint *complaint);

/* The action RESOLVE; the event RESOLVED answers it. */
void resolver_resolve(struct resolver *resolver, const struct tally_action *action);

/* Looks up one question; on_done is called exactly once, unless resolver_close comes first. */
void resolver_ask(struct resolver *resolver, const struct dns_question *question, uint64_t ticket,
                  resolver_on_done *on_done, void *context);

/* Idempotent. Does not wait for a question that is under way: the thread ends after it. */
void resolver_close(struct resolver *resolver);

#endif
