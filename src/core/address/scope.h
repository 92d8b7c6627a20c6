/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ADDRESS_SCOPE_H
#define ADDRESS_SCOPE_H
/*
 * What an IP address is good for, by the special-purpose registries of IANA (RFC 6890, as they
 * stand in 2026). Ports do not count here.
 */
#include "tally/types.h"

enum address_scope {
    ADDRESS_NOWHERE,    /* Unspecified, multicast, broadcast, reserved: no host is there. */
    ADDRESS_LOOPBACK,   /* 127.0.0.0/8, ::1. */
    ADDRESS_LINK_LOCAL, /* 169.254.0.0/16, fe80::/10. */
    ADDRESS_PRIVATE,    /* RFC 1918, unique local fc00::/7. */
    ADDRESS_SHARED,     /* 100.64.0.0/10 (RFC 6598): behind a carrier's NAT. */
    ADDRESS_SPECIAL,    /* Documentation, benchmarks, translation, Teredo, 6to4 … */
    ADDRESS_GLOBAL,
};

enum address_scope address_scope_of(const struct tally_address *address);

/* Whether the first `bits` of 128 are the same; an IPv4 /24 has 120. */
bool address_same_prefix(const struct tally_address *a, const struct tally_address *b,
                         unsigned bits);

#endif
