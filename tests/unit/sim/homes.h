/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_SIM_HOMES_H
#define UNIT_SIM_HOMES_H
/* A world of stand-ins that live somewhere: what they are told, and what a test has them do. */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "memory.h"
#include "stand_in.h"

/* Five that may be at home, and two in the wide network. */
enum { A, B, C, D, E, P, Q, NODES };

extern struct world world;

/* What each was told last, and how often. */
struct seen {
    struct tally_address from;
    bool group;
    struct tally_event event;
    struct tally_interface interface;
    struct tally_resolved resolved[8];
    unsigned datagrams, packets, links, mapped, gateways, resolves;
    unsigned opened, closed;
    bool dialled;
    uint32_t stream;
    enum tally_error error;
    uint64_t us;
};
extern struct seen seen[NODES];

int homes_begin(void **state);
int homes_end(void **state);

/* A box in front of some; behind that of another, if there is such a one. */
void nat_behind(uint32_t first, uint32_t last, enum nat_type type, bool hairpin, uint32_t outside);
void nat(uint32_t first, uint32_t last, enum nat_type type);
void gateway(uint32_t first, uint32_t last, enum tally_mapping kind);
void segment(uint32_t first, uint32_t last);

struct tally_address own(uint32_t slot);
/* As the wide network sees it, if its port is kept. */
struct tally_address outer(uint32_t slot);
void assert_address(const struct tally_address *address, const char *text);

/* Does it, now. */
void act(uint32_t slot, const struct tally_action *action);
void send(uint32_t slot, struct tally_address to);
void dial(uint32_t slot, uint32_t stream, struct tally_address to, bool punch);

/* Sends, waits, and tells whether the other one got it. */
bool arrives(uint32_t from, struct tally_address to, uint32_t at);

#endif
