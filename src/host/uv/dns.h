/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_DNS_H
#define UV_DNS_H
/*
 * What DNS says of nodes, asked with the C library's resolver (res_nquery) and servers of
 * /etc/resolv.conf. A domain names nodes in three ways:
 *
 *     _dnsaddr.DOMAIN        TXT  dnsaddr=/ip4/192.0.2.1/udp/4001/p2p/12D3KooW...
 *                                 dnsaddr=/dnsaddr/OTHER[/p2p/12D3KooW...]     followed once
 *     _tally._udp.DOMAIN     SRV  host and port of datagrams and streams
 *     _vaultmesh._tcp.DOMAIN SRV  the same, of streams
 *
 * Answers are strangers' bytes: every count, name and text is bounded, and what is not of the
 * expected form is left out. Blocks; for a thread of its own.
 */
#include "tally/error.h"
#include "tally/event.h"
#include "tally/limits.h"
#include <stdatomic.h>

enum {
    DNS_ANSWERS_MAX = 16, /* Nodes of a domain. */
    DNS_TIME_MS = 10000,  /* For all of a question. */
    DNS_QUERIES_MAX = 40, /* The three, what they point at, and the other family of each host. */
    DNS_RECORDS_MAX = 64, /* Of one answer that are looked at. */
    DNS_HOST_ANSWERS = 4, /* Addresses of one host. */
};

enum dns_family { DNS_ANY, DNS_IP4, DNS_IP6 };

struct dns_question {
    char name[TALLY_DOMAIN_MAX + 1];
    bool domain;            /* Else the name of one host, which may stand in /etc/hosts: */
    enum dns_family family; /* its addresses, */
    bool has_key;           /* given with this key */
    struct tally_key key;
    uint16_t port; /* and port. */
    enum tally_transport transport;
};

struct dns_found {
    enum tally_error error; /* OK with at least one; NOT_FOUND; TIMED_OUT: DNS does not answer. */
    struct tally_resolved list[DNS_ANSWERS_MAX];
    size_t count;
};

/* Whether it is a name DNS can be asked for: labels of letters, digits, - and _, at most 63 bytes
   each, at most TALLY_DOMAIN_MAX in all. */
bool dns_name_valid(const char *name);

/* Ends early, with what there is, when *stop becomes true. */
void dns_find(const struct dns_question *question, const atomic_bool *stop,
              struct dns_found *found);

#endif
