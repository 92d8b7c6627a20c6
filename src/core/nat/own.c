/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nat/own.h"

#include "core/base/bytes.h"
#include "core/base/fsm.h"

static const fsm_moves moves[] = {
    [TALLY_REACH_UNKNOWN] = TO(TALLY_REACH_CANDIDATE),
    [TALLY_REACH_CANDIDATE] =
        TO(TALLY_REACH_ASKED) | TO(TALLY_REACH_REACHABLE) | TO(TALLY_REACH_UNREACHABLE),
    [TALLY_REACH_ASKED] =
        TO(TALLY_REACH_REACHABLE) | TO(TALLY_REACH_UNREACHABLE) | TO(TALLY_REACH_CANDIDATE),
    [TALLY_REACH_REACHABLE] = TO(TALLY_REACH_UNREACHABLE) | TO(TALLY_REACH_REACHABLE),
    [TALLY_REACH_UNREACHABLE] = TO(TALLY_REACH_ASKED) | TO(TALLY_REACH_REACHABLE),
};

void own_move(struct own_entry *entry, enum tally_reach_state state, struct tally_now now)
{
    FSM_MOVE(moves, &entry->state, state);
    entry->at = now.mono;
}

void own_begin(struct own *own, enum tally_own_source source)
{
    for (size_t i = 0; i < own->capacity; i++)
        own->list[i].named &= (uint8_t)~OWN_BIT(source);
}

void own_end(struct own *own, enum tally_own_source source)
{
    for (size_t i = 0; i < own->capacity; i++) {
        struct own_entry *entry = &own->list[i];
        if ((entry->named & OWN_BIT(source)) == 0)
            entry->sources &= (uint8_t)~OWN_BIT(source);
    }
}

struct own_entry *own_find(struct own *own, enum tally_transport transport,
                           const struct tally_address *address)
{
    for (size_t i = 0; i < own->capacity; i++)
        if (own->list[i].used && own->list[i].transport == transport &&
            address_equal(&own->list[i].address, address))
            return &own->list[i];
    return NULL;
}

static struct own_entry *place_for(struct own *own)
{
    for (size_t i = 0; i < own->capacity; i++)
        if (!own->list[i].used)
            return &own->list[i];
    return NULL;
}

bool own_checkable(const struct own_entry *entry)
{
    return entry->used && address_may_announce(&entry->address) == TALLY_HYGIENE_ALLOWED;
}

struct own_entry *own_name(struct own *own, enum tally_own_source source,
                           enum tally_transport transport, const struct tally_address *address,
                           struct tally_now now)
{
    struct own_entry *entry = own_find(own, transport, address);
    if (entry == NULL && address_may_announce(address) != TALLY_HYGIENE_NOWHERE)
        entry = place_for(own);
    if (entry == NULL)
        return NULL;
    if (!entry->used)
        *entry = (struct own_entry){.used = true,
                                    .address = *address,
                                    .transport = transport,
                                    .at = now.mono,
                                    .due = TALLY_NEVER};
    entry->sources |= OWN_BIT(source);
    entry->named |= OWN_BIT(source);
    return entry;
}

/* A proof from another network goes before a weak one. */
static bool tellable(const struct own_entry *entry, enum tally_transport transport, bool weak)
{
    return own_checkable(entry) && entry->transport == transport && entry->weak == weak &&
           entry->state == TALLY_REACH_REACHABLE;
}

size_t own_endpoints(const struct own *own, enum tally_transport transport,
                     struct tally_address *addresses, size_t capacity)
{
    size_t count = 0;
    for (unsigned weak = 0; weak < 2; weak++)
        for (size_t i = 0; i < own->capacity && count < capacity; i++)
            if (tellable(&own->list[i], transport, weak == 1))
                addresses[count++] = own->list[i].address;
    return count;
}

size_t own_tell(const struct own *own, const struct address_policy *policy,
                const struct tally_address *remote, enum tally_transport transport,
                struct tally_address *addresses, size_t capacity)
{
    size_t count = own_endpoints(own, transport, addresses, capacity);
    for (size_t i = 0; i < own->capacity && count < capacity; i++) {
        const struct own_entry *entry = &own->list[i];
        bool interface = (entry->sources & OWN_BIT(TALLY_OWN_INTERFACE)) != 0;
        if (!entry->used || entry->transport != transport || !interface ||
            tellable(entry, transport, entry->weak))
            continue;
        /* A global one that nobody proved is for those who need no proof: on the same cable. */
        bool near = address_may_announce(&entry->address) != TALLY_HYGIENE_ALLOWED ||
                    address_attached(policy, remote, 0);
        if (near && address_may_tell(policy, &entry->address, remote) == TALLY_HYGIENE_ALLOWED)
            addresses[count++] = entry->address;
    }
    return count;
}

bool own_view(const struct own *own, size_t index, struct tally_own_address *view)
{
    size_t i = 0;
    for (; i < own->capacity; i++)
        if (own->list[i].used && index-- == 0)
            break;
    if (i == own->capacity)
        return false;
    const struct own_entry *entry = &own->list[i];
    enum tally_own_source source = TALLY_OWN_INTERFACE;
    while ((entry->sources & OWN_BIT(source)) == 0)
        source++;
    *view = (struct tally_own_address){
        .address = entry->address,
        .transport = entry->transport,
        .source = source,
        .mapping = entry->mapping,
        .state = entry->state,
        .global = own_checkable(entry),
        .weak = entry->weak,
        .by = entry->by,
        .at = entry->at,
    };
    return true;
}

bool own_holds(const struct own *own)
{
    for (size_t i = 0; i < own->capacity; i++) {
        const struct own_entry *entry = &own->list[i];
        if (!entry->used)
            continue;
        if (entry->sources == 0 ||
            own_find((struct own *)own, entry->transport, &entry->address) != entry)
            return false;
        if (!own_checkable(entry) && entry->state != TALLY_REACH_UNKNOWN)
            return false;
    }
    return true;
}
