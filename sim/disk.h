/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_DISK_H
#define SIM_DISK_H
/*
 * The store of one node, in memory: what is durable, and what is on its way there. It answers the
 * storage actions as src/host/store does, in two lanes with virtual durations: one for what waits
 * for the disk, one for the pool that verifies packages.
 *
 * A crash forgets the lanes. Of the operations under way a prefix may have reached the disk all the
 * same, without anybody having been told: that is what makes crashes interesting.
 */
#include "network.h"
#include "provider.h"
#include "simtree.h"
#include "tally/log.h"

struct random;

enum disk_lane { DISK_STORE, DISK_POOL, DISK_LANES };

struct disk_entry {
    uint8_t *envelope;
    uint16_t envelope_size;
    bool body_held;
    bool pruned;   /* Its body was dropped. */
    bool withheld; /* A liar's: it is in the tree, and never served. */
    uint32_t body_size;
    uint8_t *body;
};

struct disk_log {
    struct tally_hash origin_hash;
    struct tally_key issuer;
    char *origin, *name_space;
    bool own, frozen;
    uint64_t size; /* Of the stored checkpoint. */
    struct tally_hash root;
    uint64_t pruned;     /* Bodies of so many were dropped. */
    uint64_t tiled;      /* Tiles are held up to here: own receipts beyond are pending. */
    struct simtree tree; /* Leaves of what is durable. */
    struct disk_entry *entries;
    size_t entry_capacity;
    uint8_t *note;
    size_t note_size;
};

struct disk_file {
    struct tally_hash name, origin_hash;
    bool revocation; /* Of a key; else a fork of the log. */
    uint8_t *bytes;
    size_t size;
};

/* A cosigned checkpoint. */
struct disk_kept {
    enum tally_kept kind;
    struct tally_hash origin_hash;
    uint64_t size;
    struct tally_hash root;
    uint8_t *note;
    size_t note_size;
};

/* A package between VERIFY and APPEND or RELEASE. */
struct disk_package {
    uint64_t ticket;
    struct tally_package_job job;
    char name_space[TALLY_NAMESPACE_MAX + 1];
    struct tally_hash before[TALLY_TILE_WIDTH];
    uint8_t *compact;
    size_t compact_size, compact_capacity;
    struct tally_package opened; /* After VERIFIED. */
    struct disk_body *bodies;    /* Large ones that came by BODY. */
    struct disk_package *next;
};

struct disk_body {
    uint64_t index;
    uint8_t *bytes;
    size_t size, capacity;
    struct disk_body *next;
};

struct disk_operation {
    enum tally_action_kind kind;
    uint64_t ticket, due_us;
    struct tally_action action; /* Its pointers are ours: see copy. */
    uint8_t *copy;              /* Bytes of the action, in one piece. */
    struct disk_package *package;
    bool fails; /* The disk reports an error, and nothing is done. */
    struct disk_operation *next;
};

struct disk_options {
    struct range sync_us; /* One operation of the store. */
    uint32_t verify_us;   /* One signature on one worker. */
    uint32_t workers;
    uint64_t capacity; /* Bytes of envelopes and bodies; 0: no limit. */
    uint32_t failed;   /* Share of writes that the disk refuses, in thousandths of a percent; */
    uint32_t slow;     /* of those that take a second or three; */
    uint32_t torn;     /* of crashes that leave one half written, to be cut off at the start. */
};

/* What a line of a story changes. */
struct disk_setting {
    struct disk_options values;
    bool sync, full, failed, slow, torn;
};

struct disk {
    struct disk_options options;
    struct tally_key key; /* Whose logs are our own. */
    struct signer *signer;
    struct disk_log **logs;
    size_t log_count, log_capacity;
    uint32_t *places; /* Of logs, by origin hash: index + 1. */
    size_t place_count;
    struct disk_file *files;
    size_t file_count, file_capacity;
    struct disk_kept *kept;
    size_t kept_count, kept_capacity;
    struct disk_package *packages;
    struct {
        struct disk_operation *first, *last;
        uint64_t busy_us; /* Until then. */
    } lanes[DISK_LANES];
    uint64_t bytes;
    uint32_t epoch; /* The last boot epoch, durable. */
    /* A write failed: as the daemon does, the process ends (reliability 8: what the system had in
       memory cannot be believed any more). */
    bool broken;
    bool full; /* An append found no room, and its node is not told that there is some again. */
    struct {
        struct disk_log *log; /* NULL: nothing is torn. */
        uint64_t first;       /* What begins there is not whole. */
    } torn;
};

/* What one completed operation changed, for those who check it. */
struct disk_change {
    const struct disk_log *log; /* NULL: nothing durable changed. */
    uint64_t first, count;      /* Receipts that became durable. */
    bool note;                  /* The stored checkpoint changed. */
    const struct disk_file *file;
};

void disk_init(struct disk *disk, struct signer *signer);

/* Whether the signer's own revocation is among its durable statements. */
bool disk_ended(const struct disk *disk);

/* The signer has another key from now on. False, and nothing changed, if a log of the old one is
   not sealed to its end, or its own revocation is not among the durable statements. */
bool disk_rekey(struct disk *disk, const struct tally_key *key);
void disk_free(struct disk *disk);

/* Takes an action on; false if nothing will come of it later (RELEASE, a piece that is not the
   last, what is not for a disk), else the lane and when its operation is done. */
bool disk_perform(struct disk *disk, const struct tally_action *action, uint64_t now_us,
                  struct random *chance, enum disk_lane *lane, uint64_t *due_us);

/* The first operation of a lane is done; true with the event that answers it. The event's bytes
   live until the next call. */
bool disk_complete(struct disk *disk, enum disk_lane lane, struct tally_event *event,
                   struct disk_change *change);

/* Power is lost: a drawn number of operations is still done, told to nobody but the checker. */
void disk_crash(struct disk *disk, struct random *chance,
                void (*on_change)(void *context, const struct disk_change *change), void *context);

void disk_set(struct disk *disk, const struct disk_setting *setting);

/* Whether there is room again for a node that was told there is none; it is to be told. */
bool disk_has_room(const struct disk *disk);

/* A start: what a crash left torn is cut off. */
void disk_recover(struct disk *disk);

/* The log of that origin, NULL if it is not held. */
struct disk_log *disk_find(const struct disk *disk, const struct tally_hash *origin_hash);

/* The window; the disk must outlive the node. */
struct tally_ledger disk_ledger(struct disk *disk);

/* What is durable, for a liar with two faces, or as a backup. The lanes are empty in the copy; of
   logs that are own on the disk and not the signer's the copy has what is under a checkpoint. */
void disk_copy(struct disk *copy, const struct disk *disk, struct signer *signer);

#endif
