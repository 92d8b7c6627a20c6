/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_CONVERGED_H
#define SIM_CONVERGED_H
/*
 * Whether the mesh is one: honest nodes that run hang together by links, and hold the same
 * checkpoints of honest issuers, all that was written sealed.
 *
 * Links too, since a mesh in which nobody writes holds the same whether or not it is one. They are
 * wanted of all between whom there is a way: none of them moved, one knows where the other is (it
 * was named to it, or they met, or hear each other's multicast), and what lies between them lets it
 * through: no partition, and at most one box. Whoever is left out is left out for a cause, which is
 * counted: what is excused is not shown.
 */
#include "world.h"

/*    name, word, why a node is not held to all of this */
#define EXCUSES(X)                                                                                 \
    X(DOWN, "down")       /* It does not run, or sleeps. */                                        \
    X(PARTED, "parted")   /* A partition is between it and the others. */                          \
    X(BOXES, "boxes")     /* Each is behind boxes of its own, or nothing leads out. */             \
    X(UNTOLD, "untold")   /* Nobody knows where the other is. */                                   \
    X(CHOICE, "choice")   /* It, or they, link only with whom they admitted. */                    \
    X(REVOKED, "revoked") /* Its key is no more: what it sealed last may be with it alone. */      \
    X(WAITING, "waiting") /* Its guard waits for liars or those who are gone, and signs nothing.   \
                           */

enum excuse {
#define X(name, word) EXCUSE_##name,
    EXCUSES(X)
#undef X
        EXCUSE_COUNT
};

/* How many nodes for each cause; one may be counted for several. */
struct excuses {
    uint32_t count[EXCUSE_COUNT];
};

const char *excuse_word(enum excuse excuse);
uint32_t excuses_all(const struct excuses *excuses);

/* If not, `why` says what is missing; if so, *excuses says who was not looked at. */
bool world_converged(const struct world *world, struct excuses *excuses, char *why, size_t size);

#endif
