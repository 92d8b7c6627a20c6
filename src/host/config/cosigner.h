/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFIG_COSIGNER_H
#define CONFIG_COSIGNER_H
/*
 * The key that cosigns other people's checkpoints: keys/witness.key, of the form of identity.key.
 * It is made when it is first needed: a node that witnesses nobody has none.
 */
#include "host/config/keys.h"

struct cosigner {
    const char *data;           /* The data directory; outlives it. */
    struct keys *keys;          /* NULL: not needed yet, or there is none. */
    struct complaint complaint; /* Why not. */
};

void cosigner_init(struct cosigner *cosigner, const char *data);
void cosigner_free(struct cosigner *cosigner);

/* The window; the cosigner must outlive it. One thread. */
struct tally_cosigner cosigner_window(struct cosigner *cosigner);

#endif
