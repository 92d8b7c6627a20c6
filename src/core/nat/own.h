/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NAT_OWN_H
#define NAT_OWN_H
/*
 * Our own addresses, each with where it comes from and whether others get through to it (protocols
 * 7.2). An address is here as long as one source names it.
 *
 *     UNKNOWN --global--> CANDIDATE --a peer is asked--> ASKED --someone came--> REACHABLE
 *                             ^                            |                        ^  |
 *                             +------- nobody can tell ----+--two stay silent--> UNREACHABLE
 *
 * A REACHABLE one stays so while it is asked about again.
 */
#include "core/address/hygiene.h"

enum { OWN_MAX = 24 };

#define OWN_BIT(source) ((uint8_t)(1u << (source)))

struct own_entry {
    bool used;
    struct tally_address address;
    enum tally_transport transport;
    uint8_t sources, named; /* Bits by enum tally_own_source; named: again, since own_begin. */
    enum tally_mapping mapping;
    enum tally_reach_state state;
    bool weak;                   /* REACHABLE as far as its own network, or one peer, can tell. */
    struct tally_key by;         /* Who came last. */
    struct tally_mono at, since; /* Of the last word; since it is REACHABLE. */
    unsigned silent;             /* Who was asked to come and did not, one after the other. */
    unsigned nobody;             /* Times that nobody could be asked, in a row. */
    bool wanted;                 /* An operator waits for this. */
    struct tally_mono due;       /* When it is to be asked about. */
};

struct own {
    struct own_entry *list;
    size_t capacity; /* OWN_MAX, or as few as the node will have. */
};

/* Names what one source has, all of it, between begin and end; who is not named is not its any
   more. Entries without a source are for the caller to end. own_name returns NULL if there is no
   room or the address is no host's. */
void own_begin(struct own *own, enum tally_own_source source);
struct own_entry *own_name(struct own *own, enum tally_own_source source,
                           enum tally_transport transport, const struct tally_address *address,
                           struct tally_now now);
void own_end(struct own *own, enum tally_own_source source);

struct own_entry *own_find(struct own *own, enum tally_transport transport,
                           const struct tally_address *address);

/* Whether others can be asked about it: it is of the wide network. */
bool own_checkable(const struct own_entry *entry);

/* Moves its state, which the table in own.c must permit. */
void own_move(struct own_entry *entry, enum tally_reach_state state, struct tally_now now);

/* What may go into records, ads, and identify towards strangers: global and REACHABLE, at most
   `capacity`, UDP before TCP, in the order of proof. Returns how many. */
size_t own_endpoints(const struct own *own, enum tally_transport transport,
                     struct tally_address *addresses, size_t capacity);

/* What a peer at `remote` may be told: those, and what lies on its own subnet. */
size_t own_tell(const struct own *own, const struct address_policy *policy,
                const struct tally_address *remote, enum tally_transport transport,
                struct tally_address *addresses, size_t capacity);

/* For doctor; false past the last. `votes` is left 0. */
bool own_view(const struct own *own, size_t index, struct tally_own_address *view);

bool own_holds(const struct own *own);

#endif
