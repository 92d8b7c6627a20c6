/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SYNC_WORLD_H
#define TESTS_SYNC_WORLD_H
/*
 * Two or three synchronisations back to back, over disks in memory (the simulator's, which opens
 * packages as the real one does). The test carries the frames, chops the bytes, and may bend any
 * frame on its way. Each call of the core is one step: no step may allocate, and after each the
 * invariants are checked.
 */
#include "core/log/issuer.h"
#include "core/sync/sync.h"
#include "disk.h"

enum {
    SIDES = 3,
    WIRES = 32,
    SIDE_ACTIONS = 1024, /* As in the node. */
    SIDE_ARENA = 2 * TALLY_STREAM_BYTES_MAX,
};

struct side {
    struct signer signer;
    struct disk disk;
    struct tally_ledger ledger;
    struct tally_crypto crypto;
    struct sync sync;
    struct issuer issuer;
    struct issuer_log own_logs[4];
    struct issuer_pending pending[64];
    struct outbox out;
    struct tally_action actions[SIDE_ACTIONS];
    uint8_t arena[SIDE_ARENA];
    unsigned told[SYNC_NEWS_ROUND + 1]; /* News by kind. */
    uint64_t located;     /* Of the last LOCATED; UINT64_MAX: it is not known where. */
    enum tally_drop drop; /* The last one, from bytes or as a reason to close. */
    unsigned drops;
    enum tally_error refuse_append; /* Answer to the next APPENDs of packages, instead of doing. */
    unsigned wants;                 /* Wants sent. */
    uint64_t first_want;            /* Where the first of them began. */
    bool deaf;                      /* What it sends does not arrive. */
    size_t actions_most;            /* In one step. */
};

struct wire {
    struct side *asker, *server;
    uint32_t at_asker, at_server; /* Handles; 0: that end is closed. */
};

struct world {
    struct side sides[SIDES];
    struct provider provider;
    struct wire wires[WIRES];
    struct tally_now now;
    struct random chance;
    uint32_t handles;
    size_t chunk;     /* Most bytes fed at a time; 0: drawn anew each time. */
    bool unreachable; /* Nobody gets a stream. */
    /* Bends a frame on its way; false: it is lost. */
    bool (*bend)(struct world *world, bool to_asker, struct tally_sync_frame *frame);
    uint64_t count; /* For bend: frames of the kind it looks for. */
};

/* Three sides with empty disks; world_start once the disks hold what they should. */
struct world *world_new(void);
void world_start(struct world *world);
void world_free(struct world *world);

/* A log of that issuer's on a side's disk, made if need be, longer by `count` receipts with bodies
   of that size that begin with `word`, and its checkpoint signed. */
struct disk_log *log_grow(struct side *holder, struct signer *issuer, const char *name_space,
                          unsigned count, size_t body_size, const char *word);
/* One receipt more, without a checkpoint; a checkpoint of any size and root. */
void log_add(struct disk_log *log, struct signer *issuer, size_t body_size, const char *word,
             unsigned references);
void log_sign(struct disk_log *log, struct signer *issuer, uint64_t size,
              const struct tally_hash *root);
/* The log's first receipts, on another disk, durable up to `durable`, signed at `size`. */
void log_share(struct side *holder, const struct disk_log *from, uint64_t durable, uint64_t size,
               const struct disk_log *signed_by);

/* The copy that a side holds of that log; NULL if it has none. */
struct disk_log *copy_of(struct side *side, const struct disk_log *log);

/* a asks b for its heads, and all goes on until nothing moves. */
void ask(struct world *world, struct side *a, struct side *b);
void settle(struct world *world);
/* The same with b's disk as files that an operator brings; a's end of the stream, 0: it takes none.
 */
uint32_t bring(struct world *world, struct side *a, struct side *b);
/* Time passes, in steps of 100 ms, and all goes on. */
void pass(struct world *world, uint64_t ms);

/* One delivery of bytes to a stream, as one event. What sync_receive said. */
enum tally_drop feed(struct world *world, struct side *side, uint32_t stream,
                     struct tally_bytes bytes);
/* The same for a frame. */
enum tally_drop tell(struct world *world, struct side *side, uint32_t stream,
                     const struct tally_sync_frame *frame);
/* A stream that the peer opens. */
uint32_t accept_from(struct world *world, struct side *side, const struct tally_key *peer);
/* It ends the stream again. */
void hang(struct world *world, struct side *side, uint32_t stream);
/* The next frame the side sends on a stream; false: none. Views live until the next call. */
bool next_frame(struct world *world, struct side *side, uint32_t stream,
                struct tally_sync_frame *frame);
/* Both ends of all wires are lost. */
void cut(struct world *world);

/* Whether all that is durable verifies: signatures, chain, bodies, roots. */
bool all_true(const struct side *side);

#endif
