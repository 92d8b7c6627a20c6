/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_NETWORK_H
#define TALLY_NETWORK_H
/*
 * What a node knows of the network it is in: profiles, own interfaces, where an address was learnt,
 * whether it may be used, whether others can reach us. Values only; the rules are in
 * core/address/hygiene.h (protocols 7.4) and core/nat.
 */
#include "tally/types.h"

enum {
    TALLY_INTERFACES_MAX = 64, /* Addresses of this machine that are looked at. */
    TALLY_INTERFACE_NAME = 16, /* As the system bounds it, with the NUL (IFNAMSIZ). */
};

/* What is switched on (operations 3.5). STATIC is 0: a node nobody configured asks nobody. */
enum tally_profile {
    TALLY_PROFILE_STATIC,  /* Nothing but the peers one names. */
    TALLY_PROFILE_AUTO,    /* mDNS, DHT client and server once diallable, port mapping. */
    TALLY_PROFILE_LAN,     /* mDNS alone; private addresses are dialled if attached. */
    TALLY_PROFILE_SERVER,  /* DHT server; no mDNS, no mapping, private addresses never. */
    TALLY_PROFILE_OFFLINE, /* No network at all. */
};

enum tally_transport { TALLY_TRANSPORT_UDP, TALLY_TRANSPORT_TCP };

/* One address of this machine, and the subnet behind it. */
struct tally_interface {
    uint32_t index;                  /* The system's number of the interface. */
    char name[TALLY_INTERFACE_NAME]; /* NUL-terminated. */
    struct tally_address address;    /* Port 0. */
    uint8_t prefix_bits;             /* Of 128; an IPv4 /24 is 120. */
    bool multicast;                  /* mDNS may be spoken here: up, able, not skipped by name. */
};

/* Where an address was learnt, the most trustworthy first. */
enum tally_source {
    TALLY_SOURCE_CONFIGURED, /* The operator named it. */
    TALLY_SOURCE_LINK,       /* Authentic datagrams came from it. */
    TALLY_SOURCE_REMEMBERED, /* It answered in an earlier life. */
    TALLY_SOURCE_MDNS,       /* Heard by multicast on an attached interface. */
    TALLY_SOURCE_DNS,        /* Of a domain that the operator named. */
    TALLY_SOURCE_EXCHANGE,   /* Another peer told of it. */
    TALLY_SOURCE_DHT,        /* A record or an answer of the DHT. */
    TALLY_SOURCE_IDENTIFY,   /* The peer itself, on a stream. */
    TALLY_SOURCES
};

/* Whether an address is used for a purpose, and if not, why. */
/* clang-format off */
/*    name           number  text */
#define TALLY_HYGIENE(X)                                                                           \
    X(ALLOWED,        0, "allowed")                                                                \
    X(NOWHERE,        1, "no address of a host")                                                   \
    X(NOT_GLOBAL,     2, "not a global address, and learnt from the wide network")                 \
    X(NOT_ATTACHED,   3, "on no subnet of this machine")                                           \
    X(LOW_PORT,       4, "a port below 1024 that a stranger named")                                \
    X(PROFILE,        5, "the profile does not use addresses of this source")                      \
    X(OWN,            6, "an address of this node itself")

enum tally_hygiene {
#define X(name, number, text) TALLY_HYGIENE_##name = number,
    TALLY_HYGIENE(X)
#undef X
    TALLY_HYGIENE_COUNT
};
/* clang-format on */

/* How a port at the gateway is asked for. */
enum tally_mapping { TALLY_MAPPING_NONE, TALLY_MAPPING_PCP, TALLY_MAPPING_NATPMP };

/* The lease of a port at the gateway (protocols 7.1). */
enum tally_lease_state {
    TALLY_LEASE_NONE, /* Not wanted, or no gateway answers. */
    TALLY_LEASE_ASKING,
    TALLY_LEASE_HELD,
    TALLY_LEASE_RENEWING,
    TALLY_LEASE_LOST,
};

/* Whether others get through to an address of ours (protocols 7.2). */
enum tally_reach_state {
    TALLY_REACH_UNKNOWN,
    TALLY_REACH_CANDIDATE, /* Several peers see us there, or the gateway gave it. */
    TALLY_REACH_ASKED,     /* A peer we had no link with is to dial it. */
    TALLY_REACH_REACHABLE,
    TALLY_REACH_UNREACHABLE,
};

/* What stands between us and the wide network, as far as is known. */
enum tally_nat_kind {
    TALLY_NAT_UNKNOWN,   /* Too few peers told what they see. */
    TALLY_NAT_NONE,      /* Seen at an address of this machine. */
    TALLY_NAT_CONE,      /* One outer port for all peers: punching works. */
    TALLY_NAT_SYMMETRIC, /* Another outer port for each peer. */
};

/* Where an own address comes from. */
enum tally_own_source {
    TALLY_OWN_INTERFACE,
    TALLY_OWN_MAPPED,   /* The gateway gave it. */
    TALLY_OWN_OBSERVED, /* Peers see us there. */
};

/* One own address as tally doctor shows it. */
struct tally_own_address {
    struct tally_address address;
    enum tally_transport transport;
    enum tally_own_source source;
    enum tally_mapping mapping; /* Of MAPPED. */
    enum tally_reach_state state;
    bool weak;            /* REACHABLE as far as its own network, or one that came by itself, can
                             tell: nobody of another network was asked to come. */
    bool global;          /* May be told to the wide network once it is reachable. */
    struct tally_key by;  /* Who dialled back last; all zero: nobody. */
    struct tally_mono at; /* When the state was learnt. */
    unsigned votes;       /* Peers that see us there, of OBSERVED. */
};

/* The way to a peer, and why there is no better one. */
enum tally_path {
    TALLY_PATH_NONE,
    TALLY_PATH_LAN,     /* On an attached subnet. */
    TALLY_PATH_DIRECT,  /* Its address was dialled, or it dialled ours. */
    TALLY_PATH_MAPPED,  /* It came in through the port our gateway maps. */
    TALLY_PATH_PUNCHED, /* Both greeted each other at once, told by a common peer. */
};
enum tally_path_reason {
    TALLY_PATH_BEST,            /* There is no better one. */
    TALLY_PATH_NO_ADDRESS,      /* No address of it is known that may be dialled. */
    TALLY_PATH_NO_ANSWER,       /* None of its addresses answers. */
    TALLY_PATH_SYMMETRIC,       /* A NAT that maps by destination is between: no punching. */
    TALLY_PATH_NO_INTRODUCER,   /* No common peer could introduce both. */
    TALLY_PATH_ANOTHER_NETWORK, /* Not on a subnet of this machine. */
    TALLY_PATH_REFUSED,         /* It, or we, refuse the link. */
};

/* Stable words for programs, lower case; texts for people. Never NULL. */
const char *tally_profile_name(enum tally_profile profile);
const char *tally_source_name(enum tally_source source);
const char *tally_hygiene_name(enum tally_hygiene hygiene);
const char *tally_hygiene_text(enum tally_hygiene hygiene);
const char *tally_mapping_name(enum tally_mapping mapping);
const char *tally_lease_name(enum tally_lease_state state);
const char *tally_reach_name(enum tally_reach_state state);
const char *tally_nat_name(enum tally_nat_kind kind);
const char *tally_own_source_name(enum tally_own_source source);
const char *tally_path_name(enum tally_path path);
const char *tally_path_reason_name(enum tally_path_reason reason);
const char *tally_path_reason_text(enum tally_path_reason reason);

#endif
