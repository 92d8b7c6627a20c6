/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NAT_PCP_H
#define NAT_PCP_H
/*
 * What is said to a gateway and by it: the PCP MAP request and its answer (RFC 6887 sections 7 and
 * 11), announcements of PCP and NAT-PMP (RFC 6887 section 14.1, RFC 6886 section 3.2.1), and what
 * makes a datagram the answer to one of our NAT-PMP requests, which libnatpmp reads but does not
 * check. Addresses are IPv4-mapped, as PCP itself has them (RFC 6887 section 5).
 *
 * A datagram counts only if it came from the gateway's address and port PCP_PORT: that is the
 * host's to see to. Who can forge that too must still know the nonce.
 */
#include "tally/error.h"
#include "tally/network.h"

enum {
    PCP_PORT = 5351,           /* Of the gateway, NAT-PMP alike. */
    PCP_PORT_ANNOUNCED = 5350, /* Of hosts, where announcements come in by multicast. */
    PCP_HEADER_SIZE = 24,
    PCP_MAP_SIZE = 60,
    PCP_SIZE_MAX = 1100, /* RFC 6887 section 7. */
    PCP_NONCE_SIZE = 12,
};

/* A request for a mapping: renewal if it stands already, its end if lifetime_s is 0. */
struct pcp_map {
    struct tally_address client; /* Ours, as the packet will have it; the port is the inner one. */
    enum tally_transport transport;
    struct tally_address outer; /* Wished for: port 0 any, address all zero any. */
    uint32_t lifetime_s;
    uint8_t nonce[PCP_NONCE_SIZE]; /* The gateway refuses changes under another one. */
};

struct pcp_answer {
    enum tally_error error;     /* Of the gateway's result code. */
    uint32_t lifetime_s;        /* Granted; with an error, how long it is likely to last. */
    uint32_t epoch_s;           /* Seconds since it began to remember. */
    struct tally_address outer; /* All zero with an error. */
};

struct pcp_announcement {
    enum tally_mapping protocol;
    uint32_t epoch_s;
    struct tally_address outer; /* NAT-PMP's tell it, port 0; all zero: not told. */
};

void pcp_map_write(const struct pcp_map *map, uint8_t bytes[PCP_MAP_SIZE]);

/*
 * The answer to that request. MALFORMED: not of the form of RFC 6887. UNASKED: the answer to
 * another request, or a request. The answers by which gateways say that they do not know PCP at
 * all are read too, also NAT-PMP's (RFC 6887 appendix A): their error is NEWER.
 */
enum tally_drop pcp_answer_read(struct tally_bytes bytes, const struct pcp_map *map,
                                struct pcp_answer *answer);

/* For tests and simulated gateways: the request as a gateway reads it, and its answer. `result` is
   the code of RFC 6887 section 7.4. */
enum tally_drop pcp_map_read(struct tally_bytes bytes, struct pcp_map *map);
void pcp_answer_write(const struct pcp_map *map, uint8_t result, const struct pcp_answer *answer,
                      uint8_t bytes[PCP_MAP_SIZE]);

/* MALFORMED, or UNKNOWN for an answer of another kind. */
enum tally_drop pcp_announcement_read(struct tally_bytes bytes,
                                      struct pcp_announcement *announcement);

/* NAT-PMP's operations (RFC 6886 section 3). */
enum natpmp_operation { NATPMP_OUTER_ADDRESS = 0, NATPMP_MAP_UDP = 1, NATPMP_MAP_TCP = 2 };

/* Whether it is an answer to that NAT-PMP request, of a size that may be read: success, or any
   error. `inner_port` is compared for mappings. */
bool natpmp_is_answer(struct tally_bytes bytes, enum natpmp_operation operation,
                      uint16_t inner_port);

#endif
