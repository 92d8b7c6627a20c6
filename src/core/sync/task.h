/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNC_TASK_H
#define SYNC_TASK_H
/* What a peer is asked for: what it says it holds, and the logs that are fetched from it. */
#include "core/peers/heads.h"
#include "core/sync/frame.h"
#include "tally/log.h"

/* What a peer has, or says it has: the heads of a namespace, or a log up to that size. */
struct sync_lack {
    bool of_log;
    bool held;  /* So have we: an earlier word about it is void. */
    bool asked; /* In the round that is to begin, or under way. */
    uint8_t name_space[HEADS_TAG], fingerprint[HEADS_FINGERPRINT];
    struct tally_hash origin_hash;
    uint64_t size;
};

/* One log to be fetched from one peer. */
struct sync_task {
    struct tally_hash origin_hash;
    struct tally_key issuer;
    char origin[TALLY_ORIGIN_MAX + 1];
    char name_space[TALLY_NAMESPACE_MAX + 1];
    uint64_t size; /* The head we fetch: size and root, signed in note. */
    struct tally_hash root;
    uint16_t note_size;
    uint8_t note[SYNC_NOTE_MAX];
};

#endif
