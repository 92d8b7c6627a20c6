/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ADDRESS_MULTIADDR_H
#define ADDRESS_MULTIADDR_H
/*
 * Multiaddresses, text and binary (libp2p chapter, section 4): "/ip4/1.2.3.4/udp/4001/p2p/12D3…".
 * The whole table of section 4 is parsed and printed; what we dial is read with multiaddr_target.
 */
#include "core/address/peer_id.h"
#include "tally/types.h"

enum {
    MULTIADDR_BYTES_MAX = 256, /* Binary; real ones are below 100. */
    MULTIADDR_TEXT_MAX = 512,  /* With the NUL. */
};

struct multiaddr {
    size_t size;
    uint8_t bytes[MULTIADDR_BYTES_MAX];
};

enum multiaddr_transport { MULTIADDR_NONE, MULTIADDR_TCP, MULTIADDR_UDP };

/* What a multiaddr says about where somebody is. */
struct multiaddr_target {
    enum multiaddr_transport transport; /* NONE: an address alone. */
    struct tally_address address;       /* ip all zero if there is a name. */
    struct tally_bytes name;            /* dns, dns4 or dns6: a view into the multiaddr. */
    struct tally_bytes zone;            /* ip6zone: a view, empty without. */
    bool has_peer;
    struct peer_id peer; /* The id that the dialler must check. */
};

/* Text to binary and back. Refused: what go refuses. print writes a NUL; 0 if it does not fit. */
bool multiaddr_parse(struct tally_bytes text, struct multiaddr *address);
size_t multiaddr_print(struct tally_bytes binary, char *text, size_t capacity);

/* Binary from the wire: whole, known codes, well-formed values. */
bool multiaddr_valid(struct tally_bytes binary);

/* Reads ip or name, tcp or udp port, and peer of /ip4|ip6|dns|dns4|dns6/…[/tcp|udp/N][/p2p/ID].
   False for anything else: a further part, a relay, another transport. */
bool multiaddr_target(struct tally_bytes binary, struct multiaddr_target *target);

/* /ip4 or /ip6, /tcp or /udp, and /p2p if peer is not NULL. */
void multiaddr_write(const struct tally_address *address, enum multiaddr_transport transport,
                     const struct tally_key *peer, struct multiaddr *out);

/* The text of the same in one step; characters written, 0 if it does not fit. */
size_t multiaddr_write_text(const struct tally_address *address, enum multiaddr_transport transport,
                            const struct tally_key *peer, char *text, size_t capacity);

/* Whether it is an IPv4 address, mapped into IPv6. */
bool address_is_ip4(const struct tally_address *address);
bool address_is_link_local(const struct tally_address *address);

#endif
