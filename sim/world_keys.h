/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_WORLD_KEYS_H
#define SIM_WORLD_KEYS_H
/* Keys of a node besides its own: a witness's, and that which takes over (tally key rotate). */
#include "world.h"

/* Keys of a node besides its own, each if it has a provider. */
struct slot_keys {
    struct signer cosigner;
    struct signer elder, next; /* The key it had, and takes at its next start. */
};

/* The key that its operator has the node take over at its next start, once all is sealed that the
   old one signed; NULL: it did so before. */
const struct signer *world_successor(struct world *world, uint32_t slot);

/* The key that was revoked, or the only one. */
const struct tally_key *world_elder(const struct world *world, uint32_t slot);

/* Is found as that slot's from now on. */
void world_key_put(struct world *world, uint32_t slot, const struct tally_key *key);

#endif
