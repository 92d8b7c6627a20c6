/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ADDRESS_HYGIENE_H
#define ADDRESS_HYGIENE_H
/*
 * One function decides for announcing and one for dialling (protocols 7.4): (address, source,
 * profile) -> allowed, or the reason that tally doctor shows. Nobody else compares ranges.
 */
#include "tally/network.h"

/* What the rules depend on: the profile, and the subnets this machine is on. */
struct address_policy {
    enum tally_profile profile;
    const struct tally_interface *interfaces; /* Kept by who made the policy. */
    size_t interface_count;
};

/* These are the subnets from now on; the list outlives the policy, or the next call. More than
   TALLY_INTERFACES_MAX are cut off. */
void address_policy_links(struct address_policy *policy, const struct tally_interface *list,
                          size_t count);

/* Whether the address lies in a subnet of an interface (its own address included); of that very
   interface, if `interface` is not 0. */
bool address_attached(const struct address_policy *policy, const struct tally_address *address,
                      uint32_t interface);

/* Whether it is one of this machine's own, whatever the port. */
bool address_own(const struct address_policy *policy, const struct tally_address *address);

/*
 * May something be sent there unasked? CONFIGURED: always. Else:
 * 1. an address of no host never; loopback and link-local only from CONFIGURED and MDNS;
 * 2. one that is not global: SERVER never, LAN if attached, AUTO if attached and heard by mDNS (or
 *    it is where a peer answered: LINK, REMEMBERED); STATIC only CONFIGURED and LINK;
 * 3. a port below 1024 but 443 only if the operator or our own subnet named it.
 */
enum tally_hygiene address_may_dial(const struct address_policy *policy,
                                    const struct tally_address *address, enum tally_source source);

/* May it be told to the wide network: records, contacts, ads, identify towards a global peer? */
enum tally_hygiene address_may_announce(const struct tally_address *address);

/* May an own address be told to a peer at `remote`? One that is global to all; another to peers
   that are on the same subnet, or to loopback if both are. */
enum tally_hygiene address_may_tell(const struct address_policy *policy,
                                    const struct tally_address *address,
                                    const struct tally_address *remote);

#endif
