/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GOSSIP_RELATION_H
#define GOSSIP_RELATION_H
/* How a peer's head of a log stands to ours. */
#include "core/peers/heads.h"

enum head_relation {
    HEAD_SAME,
    HEAD_AHEAD,  /* Theirs is larger, or we do not know the log. */
    HEAD_BEHIND, /* Ours is larger. */
    HEAD_SPLIT,  /* One size, two roots: a fork, or a lie worth keeping. */
};

static inline enum head_relation head_compare(const struct head *ours, uint64_t size,
                                              const struct tally_hash *root)
{
    uint64_t held = ours == NULL ? 0 : ours->size;
    if (size != held)
        return size > held ? HEAD_AHEAD : HEAD_BEHIND;
    if (held == 0)
        return HEAD_SAME;
    for (size_t i = 0; i < sizeof root->bytes; i++)
        if (root->bytes[i] != ours->root.bytes[i])
            return HEAD_SPLIT;
    return HEAD_SAME;
}

#endif
