/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NAT_GATEWAY_H
#define NAT_GATEWAY_H
/* A lease, a gateway and the time between them: what each was told, and when. */
#include "core/nat/lease.h"

enum { ASKS_MAX = 4096, PENDING_MAX = 16 };

/* What a gateway does with requests. Changed in the middle of stories. */
struct gateway {
    bool pcp, natpmp;       /* Knows it; else it says so in 1 ms, or is silent if `mute`. */
    bool mute;              /* Silent to what it does not know. */
    bool off;               /* Silent to everything. */
    bool none;              /* There is no route to one: told at once. */
    enum tally_error error; /* Answers so. */
    uint32_t error_s;
    uint32_t grant_s;   /* The longest lifetime it grants; 0: as asked. */
    uint16_t taken;     /* A port that is not free: the next one is granted. */
    uint64_t booted_ms; /* Its epoch is 0 then. */
    uint32_t delay_ms;  /* Of its answers. */
    uint8_t ip[4], outer[4];
    struct tally_event *lie; /* If set: what it answers instead, but for the ticket. */
};

/* A request, as the host saw it. */
struct ask {
    uint64_t at_ms;
    enum tally_mapping protocol;
    enum tally_transport transport;
    uint16_t wish;
    uint32_t lifetime_s;
    uint8_t nonce[PCP_NONCE_SIZE];
};

struct fixture {
    struct lease lease;
    struct tally_now now;
    struct gateway gateway;
    struct ask asks[ASKS_MAX];
    size_t ask_count;
    struct {
        uint64_t at_ms;
        struct tally_event event;
    } pending[PENDING_MAX];
    size_t pending_count;
    struct tally_action actions[64];
    struct outbox outbox;
    /* News, counted; and the last of each. */
    unsigned mapped, lost, none, behind;
    struct lease_news last;
    enum tally_error why_lost, why_none;
};

/* Short words for tables. */
#define PCP TALLY_MAPPING_PCP
#define PMP TALLY_MAPPING_NATPMP
#define UDP TALLY_TRANSPORT_UDP
#define TCP TALLY_TRANSPORT_TCP

enum { START_MS = 1000000, PORT = 4001 };

/* A gateway 10.9.0.1 that is 11.0.0.1 outside and knows both protocols, up for an hour. */
void setup(struct fixture *fixture, bool ipv6);

/* The same, and the lease holds both ports, with all news said; requests are forgotten. */
void setup_held(struct fixture *fixture);

/* Virtual time goes on by so much; whatever falls due happens, in order. */
void run(struct fixture *fixture, uint64_t ms);

void links(struct fixture *fixture, bool usable);

/* What a gateway says of itself by multicast. */
void announce(struct fixture *fixture, enum tally_mapping protocol, uint32_t epoch_s);

/* Forgets which requests there were. */
void forget(struct fixture *fixture);

/* Its mapping of a transport; fails the test if there is none. */
struct lease_view held(const struct fixture *fixture, enum tally_transport transport);

/* IPv4 as the core has it. */
struct tally_address ip4(const uint8_t ip[4], uint16_t port);

#endif
