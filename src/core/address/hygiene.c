/* SPDX-License-Identifier: Apache-2.0 */
#include "core/address/hygiene.h"

#include "core/address/scope.h"

#include <string.h>

enum { PORT_PRIVILEGED = 1024, PORT_HTTPS = 443 };

void address_policy_links(struct address_policy *policy, const struct tally_interface *list,
                          size_t count)
{
    policy->interfaces = list;
    policy->interface_count = count < TALLY_INTERFACES_MAX ? count : TALLY_INTERFACES_MAX;
}

bool address_attached(const struct address_policy *policy, const struct tally_address *address,
                      uint32_t interface)
{
    for (size_t i = 0; i < policy->interface_count; i++) {
        const struct tally_interface *own = &policy->interfaces[i];
        if ((interface == 0 || own->index == interface) && own->prefix_bits > 0 &&
            address_same_prefix(&own->address, address, own->prefix_bits))
            return true;
    }
    return false;
}

bool address_own(const struct address_policy *policy, const struct tally_address *address)
{
    for (size_t i = 0; i < policy->interface_count; i++)
        if (address_same_prefix(&policy->interfaces[i].address, address, 128))
            return true;
    return false;
}

/* Rule 2: what is not global, by profile. */
static enum tally_hygiene local_may_dial(const struct address_policy *policy,
                                         const struct tally_address *address,
                                         enum tally_source source, enum address_scope scope)
{
    bool answered = source == TALLY_SOURCE_LINK || source == TALLY_SOURCE_REMEMBERED;
    if (policy->profile == TALLY_PROFILE_SERVER)
        return TALLY_HYGIENE_NOT_GLOBAL;
    /* Two nodes on one machine, or on one cable, hear each other without any subnet. */
    if (scope == ADDRESS_LOOPBACK || scope == ADDRESS_LINK_LOCAL) {
        if (source != TALLY_SOURCE_MDNS && !answered)
            return TALLY_HYGIENE_NOT_GLOBAL;
        return address_attached(policy, address, 0) ? TALLY_HYGIENE_ALLOWED
                                                    : TALLY_HYGIENE_NOT_ATTACHED;
    }
    if (policy->profile != TALLY_PROFILE_LAN && source != TALLY_SOURCE_MDNS && !answered)
        return TALLY_HYGIENE_NOT_GLOBAL;
    return address_attached(policy, address, 0) ? TALLY_HYGIENE_ALLOWED
                                                : TALLY_HYGIENE_NOT_ATTACHED;
}

enum tally_hygiene address_may_dial(const struct address_policy *policy,
                                    const struct tally_address *address, enum tally_source source)
{
    enum address_scope scope = address_scope_of(address);
    if (scope == ADDRESS_NOWHERE || address->port == 0)
        return TALLY_HYGIENE_NOWHERE;
    if (policy->profile == TALLY_PROFILE_OFFLINE)
        return TALLY_HYGIENE_PROFILE;
    if (source == TALLY_SOURCE_CONFIGURED)
        return TALLY_HYGIENE_ALLOWED;
    if (policy->profile == TALLY_PROFILE_STATIC)
        return source == TALLY_SOURCE_LINK ? TALLY_HYGIENE_ALLOWED : TALLY_HYGIENE_PROFILE;
    if (policy->profile == TALLY_PROFILE_SERVER && source == TALLY_SOURCE_MDNS)
        return TALLY_HYGIENE_PROFILE;
    bool known = source == TALLY_SOURCE_LINK || source == TALLY_SOURCE_MDNS ||
                 source == TALLY_SOURCE_REMEMBERED || source == TALLY_SOURCE_DNS;
    if (!known && address->port < PORT_PRIVILEGED && address->port != PORT_HTTPS)
        return TALLY_HYGIENE_LOW_PORT;
    if (scope == ADDRESS_GLOBAL)
        return TALLY_HYGIENE_ALLOWED;
    return local_may_dial(policy, address, source, scope);
}

enum tally_hygiene address_may_announce(const struct tally_address *address)
{
    enum address_scope scope = address_scope_of(address);
    if (scope == ADDRESS_NOWHERE || address->port == 0)
        return TALLY_HYGIENE_NOWHERE;
    return scope == ADDRESS_GLOBAL ? TALLY_HYGIENE_ALLOWED : TALLY_HYGIENE_NOT_GLOBAL;
}

enum tally_hygiene address_may_tell(const struct address_policy *policy,
                                    const struct tally_address *address,
                                    const struct tally_address *remote)
{
    enum address_scope own = address_scope_of(address), far = address_scope_of(remote);
    if (own == ADDRESS_NOWHERE)
        return TALLY_HYGIENE_NOWHERE;
    if (own == ADDRESS_GLOBAL)
        return TALLY_HYGIENE_ALLOWED;
    if (own == ADDRESS_LOOPBACK || far == ADDRESS_LOOPBACK)
        return own == far || address_own(policy, remote) ? TALLY_HYGIENE_ALLOWED
                                                         : TALLY_HYGIENE_NOT_GLOBAL;
    for (size_t i = 0; i < policy->interface_count; i++) {
        const struct tally_interface *interface = &policy->interfaces[i];
        if (address_same_prefix(&interface->address, address, 128))
            return interface->prefix_bits > 0 &&
                           address_same_prefix(&interface->address, remote, interface->prefix_bits)
                       ? TALLY_HYGIENE_ALLOWED
                       : TALLY_HYGIENE_NOT_ATTACHED;
    }
    return far == ADDRESS_GLOBAL ? TALLY_HYGIENE_NOT_GLOBAL : TALLY_HYGIENE_NOT_ATTACHED;
}
