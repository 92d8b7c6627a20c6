/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_STORY_AGREE_H
#define SIM_STORY_AGREE_H
/* What nodes of a story offer each other, and what they hold to be agreed: as the command line
   does, by what lies on the node's disk. */
#include "core/federation/fold.h"
#include "scenario.h"

/* The agreements of one node, folded from its disk. */
struct agree_view {
    struct fold fold;
    struct tally_party *parties;
    struct agreement_pair *pairs;
    const struct world *world;
    uint32_t slot;
};
void agree_open(struct agree_view *view, const struct world *world, uint32_t slot);
void agree_close(struct agree_view *view);

/* The body of a statement of one of two nodes, as the other holds it; false if it is not held. */
bool agree_said(const struct agree_view *view, uint32_t issuer, uint64_t index,
                uint8_t body[FED_BODY_MAX], struct fed_statement *said);

/* Completes the statement of a line by what it is about: the last offer of the other, or of our
   own, or what was agreed. `body` is room for what it views. False: there is nothing of the kind.
 */
bool agree_complete(const struct world *world, uint32_t slot, uint32_t other,
                    struct fed_statement *said, uint8_t body[FED_BODY_MAX]);

/* Whether both hold the same agreement with each other to be active. */
/* Whether the last offer of one to the other was rejected by the other's policy, as both see it. */
bool agree_refused(const struct world *world, uint32_t one, uint32_t other, char *why, size_t size);
bool agree_agreed(const struct world *world, uint32_t one, uint32_t other, char *why, size_t size);

#endif
