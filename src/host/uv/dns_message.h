/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_DNS_MESSAGE_H
#define UV_DNS_MESSAGE_H
/*
 * One question to DNS and its answer's records, for dns.c. The C library has no bound for an answer
 * over TCP, which is needed where one does not fit a datagram, so that part is ours.
 */
#include "tally/limits.h"

#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct dns_asker {
    struct __res_state state;
    int servers; /* Those of /etc/resolv.conf. */
    const atomic_bool *stop;
    uint64_t end_ms; /* Of uv_hrtime. */
    unsigned queries;
    bool silent;     /* A question got no answer at all. */
    uint8_t *answer; /* NS_MAXMSG bytes, used again for each. */
};

/* False without memory or configuration. */
bool dns_asker_open(struct dns_asker *asker, const atomic_bool *stop);
void dns_asker_close(struct dns_asker *asker);

/* Asks for the records of one name; false if there is none, or nobody says so in time. The message
   is good until the next question. */
typedef bool dns_ask(void *context, const char *name, int type, ns_msg *message);
dns_ask dns_ask_servers; /* Its context is a struct dns_asker. */

struct dns_question;
struct dns_found;

/* What dns_find does, whoever answers; found->error is not set. */
void dns_search(const struct dns_question *question, dns_ask *ask, void *context,
                struct dns_found *found);

/* The next record of that type; *at begins with 0. False past the last, at a damaged one, or past
   DNS_RECORDS_MAX of all types. */
bool dns_next(ns_msg *message, int *at, int type, ns_rr *record);

/* A name within a record; false if it is damaged, empty (RFC 2782: no such service), or no name of
   a host. */
bool dns_name(const ns_msg *message, const uint8_t *at, char name[TALLY_DOMAIN_MAX + 1]);

/* Over TCP (RFC 1035 section 4.2.2): bytes of the answer, 0 if there is none before end_ms. */
size_t dns_over_tcp(const struct sockaddr *server, socklen_t server_size, const uint8_t *query,
                    size_t size, uint8_t *answer, uint64_t end_ms);

#endif
