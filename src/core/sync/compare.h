/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNC_COMPARE_H
#define SYNC_COMPARE_H
/* Checkpoints from wherever against what we hold, and what two that contradict each other prove. */
#include "core/sync/state.h"

struct sync;

/* Two notes of one log that contradict each other, the prefix root and proof as for
   tally_fork_write: evidence for the host, news for the node. */
void sync_evidence(struct sync *sync, const struct tally_key *peer,
                   const struct tally_hash *origin_hash, uint64_t size, struct tally_bytes one,
                   struct tally_bytes other, const struct tally_hash *prefix,
                   const struct tally_hash *proof, size_t count, struct outbox *out);

/* A signed checkpoint from wherever: compared with what we hold. FORK and GUARD come as news. The
   task says which log it is of, and the rest of what stands in it unless the verdict is SAME. */
enum sync_verdict {
    SYNC_VERDICT_BAD, /* Malformed or not signed by the log's key. */
    SYNC_VERDICT_SAME,
    SYNC_VERDICT_AHEAD,  /* Larger than ours. */
    SYNC_VERDICT_BEHIND, /* A proper prefix of ours. */
    SYNC_VERDICT_FORK,
};
enum sync_verdict sync_compare(struct sync *sync, const struct tally_key *peer,
                               struct tally_bytes note, struct sync_task *task, struct outbox *out);

/* Two notes that are said to contradict each other: FORK if it is so and was not known, SAME if it
   was known or the log is not held, BAD if they prove nothing, AHEAD if they are of two sizes and
   we hold too little of the log to tell. */
enum sync_verdict sync_fork(struct sync *sync, const struct tally_key *peer, struct tally_bytes one,
                            struct tally_bytes other, struct outbox *out);

/* The same for two sizes with what proves it, as for tally_fork_write: never AHEAD. */
enum sync_verdict sync_fork_prefix(struct sync *sync, const struct tally_key *peer,
                                   struct tally_bytes one, struct tally_bytes other,
                                   const struct tally_hash *prefix, const struct tally_hash *proof,
                                   size_t count, struct outbox *out);

#endif
