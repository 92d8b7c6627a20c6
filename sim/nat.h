/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_NAT_H
#define SIM_NAT_H
/*
 * A box that translates addresses (RFC 4787), and the gateway in it that maps ports for those who
 * ask (RFC 6886, RFC 6887). It knows nothing of nodes: inner addresses on one side, remote ones on
 * the other, a clock and its own chance.
 *
 *              outer port of one inner address      who gets in through it
 *   full       one for all remotes                  anybody
 *   address    one for all remotes                  whose IP was written to
 *   port       one for all remotes                  whose IP and port were written to
 *   symmetric  another one for each remote          that remote alone
 *
 * The first three keep the inner port if it is free, as Linux does; symmetric ones are drawn. What
 * goes out keeps a mapping and the permission to answer alive, what comes in does not (RFC 4787
 * REQ-6 leaves that open; this is the harsher of the two). A mapped port lets anybody in, and what
 * its owner sends goes out through it, whatever the type.
 */
#include "core/base/random.h"
#include "tally/error.h"
#include "tally/network.h"
#include <stddef.h>

enum nat_type { NAT_NONE, NAT_FULL, NAT_ADDRESS, NAT_PORT, NAT_SYMMETRIC };

enum {
    NAT_TIMEOUT_S = 60,          /* Of UDP, unless the story says another. */
    NAT_TCP_TIMEOUT_S = 7440,    /* RFC 5382 REQ-5: 2 h and 4 min. */
    NAT_LEASES_MAX = 32,         /* Ports a gateway maps at a time. */
    NAT_LEASE_LONGEST_S = 86400, /* It grants no more. */
    NAT_LEASE_LEAST_S = 2,
};

struct nat_options {
    enum nat_type type;
    enum tally_mapping gateway; /* What the gateway speaks; NONE: it is silent. */
    uint64_t timeout_us;        /* 0: NAT_TIMEOUT_S. */
    bool hairpin;               /* Inner nodes reach each other by outer addresses. */
};

/* An inner address and the port that stands for it outside. */
struct nat_mapping {
    struct tally_address inner;
    struct tally_address remote; /* Of a symmetric one; all zero otherwise. */
    enum tally_transport transport;
    uint16_t outer_port;
    bool leased; /* The gateway gave it. */
    uint8_t nonce[12];
    uint64_t until_us;
};

/* That something was sent from an outer port to a remote. */
struct nat_flow {
    struct tally_address remote;
    enum tally_transport transport;
    uint16_t outer_port;
    uint64_t until_us;
};

struct nat {
    struct nat_options options;
    struct random chance;
    struct nat_mapping *mappings;
    size_t mapping_count, mapping_capacity;
    struct nat_flow *flows;
    size_t flow_count, flow_capacity;
    uint64_t began_us; /* Since then it remembers. */
    uint32_t restarts;
};

void nat_init(struct nat *nat, const struct nat_options *options, uint64_t now_us, uint64_t seed);
void nat_free(struct nat *nat);

/* A packet goes out: the port it has outside. */
uint16_t nat_out(struct nat *nat, uint64_t now_us, enum tally_transport transport,
                 const struct tally_address *inner, const struct tally_address *remote);

/* A packet comes to an outer port: whose it is; false if nobody gets it. *asked: something was sent
   to that remote before. */
bool nat_in(const struct nat *nat, uint64_t now_us, enum tally_transport transport,
            uint16_t outer_port, const struct tally_address *remote, struct tally_address *inner,
            bool *asked);

/* Whose an outer port is, whoever may use it; false if nobody's. */
bool nat_owner(const struct nat *nat, uint64_t now_us, enum tally_transport transport,
               uint16_t outer_port, struct tally_address *inner);

/* ---- The gateway. ---- */

struct nat_request {
    enum tally_mapping protocol;
    enum tally_transport transport;
    uint16_t inner_port, outer_port; /* The outer one is a wish. */
    uint32_t lifetime_s;             /* 0 ends the mapping. */
    uint8_t nonce[12];
};

struct nat_grant {
    enum tally_error error; /* OK, NEWER, REFUSED, TOO_LARGE; TIMED_OUT: it says nothing. */
    uint16_t outer_port;
    uint32_t lifetime_s, epoch_s;
};

/* Answers a request of the host at that inner address, whose port does not count. */
struct nat_grant nat_map(struct nat *nat, uint64_t now_us, const struct tally_address *host,
                         const struct nat_request *request);

/* It begins anew: nothing is remembered, and the epoch is 0 again. */
void nat_restart(struct nat *nat, uint64_t now_us);

uint32_t nat_epoch_s(const struct nat *nat, uint64_t now_us);

#endif
