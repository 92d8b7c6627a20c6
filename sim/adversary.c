/* SPDX-License-Identifier: Apache-2.0 */
#include "adversary.h"
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/federation/replay.h"
#include "disk_inside.h"
#include "memory.h"
#include <stdio.h>

static const char lie_name_space[] = "audit";

bool adversary_lie(const char *word, enum lie *lie)
{
    static const char *const words[] = {
        [LIE_AHEAD] = "ahead",     [LIE_ROOT] = "root",          [LIE_FORK] = "fork",
        [LIE_GAP] = "gap",         [LIE_SILENT] = "silent",      [LIE_FORGED] = "forged",
        [LIE_REWIND] = "rewind",   [LIE_REWRITE] = "rewrite",    [LIE_FLOOD] = "flood",
        [LIE_REPLAY] = "replay",   [LIE_SPOOF] = "spoof",        [LIE_GARBLED] = "garbled",
        [LIE_COLLUDE] = "collude", [LIE_PERJURY] = "perjury",    [LIE_REVOKED] = "revoked-user",
        [LIE_AMENDS] = "amends",   [LIE_HALF_OPEN] = "half-open"};
    for (size_t i = LIE_AHEAD; i < sizeof words / sizeof *words; i++)
        if (strcmp(word, words[i]) == 0) {
            *lie = (enum lie)i;
            return true;
        }
    return false;
}

struct disk_log *adversary_log(struct disk *disk, const char *name_space)
{
    char origin[TALLY_ORIGIN_MAX + 1];
    struct tally_log_id id = {
        .issuer = disk->key, .origin = origin, .name_space = name_space, .own = true};
    tally_origin_write(&disk->key, bytes_text(name_space), origin);
    tally_origin_hash(bytes_text(origin), &id.origin_hash);
    struct disk_log *log = disk_find(disk, &id.origin_hash);
    return log != NULL ? log : disk_log_new(disk, &id);
}

/* The liar's log of the namespace that stories use when they name none. */
static struct disk_log *own_log(struct disk *disk)
{
    return adversary_log(disk, lie_name_space);
}

void adversary_receipt(struct world *world, struct slot *at, struct disk_log *log, const char *type,
                       struct tally_bytes body)
{
    uint64_t index = simtree_size(&log->tree);
    struct tally_receipt receipt = {
        .issuer = at->signer.key,
        .name_space = bytes_text(log->name_space),
        .type = bytes_text(type),
        .profile = bytes_text(""),
        .sequence = index,
        .time = world_clock(world, at->index).wall,
        .body_size = (uint32_t)body.size,
    };
    hash_sha256(body, &receipt.body_hash);
    if (index > 0)
        tally_receipt_hash(
            bytes_of(log->entries[index - 1].envelope, log->entries[index - 1].envelope_size),
            &receipt.previous);
    const struct tally_crypto crypto = signer_window(&at->signer);
    uint8_t envelope[TALLY_ENVELOPE_MAX];
    size_t envelope_size = tally_receipt_write(&receipt, &crypto, envelope);
    disk_log_append(log, bytes_of(envelope, envelope_size), body, true);
}

/* One more as stories write them. */
static void forge_receipt(struct world *world, struct slot *at, struct disk_log *log,
                          const char *word)
{
    char body[64];
    int size = snprintf(body, sizeof body, "n%u %s %llu", at->shown + 1, word,
                        (unsigned long long)simtree_size(&log->tree));
    adversary_receipt(world, at, log, "sim", bytes_of(body, (size_t)size));
}

void adversary_note(struct slot *at, struct disk_log *log)
{
    const struct tally_crypto crypto = signer_window(&at->signer);
    struct tally_checkpoint checkpoint = {.origin = bytes_text(log->origin),
                                          .size = simtree_size(&log->tree)};
    checkpoint.root = simtree_root(&log->tree, checkpoint.size);
    struct tally_vkey vkey;
    uint8_t note[TALLY_CHECKPOINT_MAX];
    if (!tally_vkey_of_origin(&vkey, checkpoint.origin))
        return;
    log->note_size = tally_checkpoint_sign(&checkpoint, &vkey, &crypto, note);
    memory_free(log->note);
    log->note = memory_copy(note, log->note_size);
    log->tiled = log->size = checkpoint.size;
    log->root = checkpoint.root;
}

/* New receipts, of which those from `first_hidden` to `last_hidden` are never served. */
static void forge_hidden(struct world *world, struct slot *at, uint32_t count,
                         uint32_t first_hidden, uint32_t last_hidden)
{
    struct disk_log *log = own_log(&at->disk);
    uint64_t before = simtree_size(&log->tree);
    for (uint32_t i = 0; i < count; i++) {
        forge_receipt(world, at, log, "claim");
        log->entries[before + i].withheld = first_hidden <= i && i <= last_hidden;
    }
    adversary_note(at, log);
}

static void show_hidden(struct slot *at)
{
    struct disk_log *log = own_log(&at->disk);
    for (uint64_t i = 0; i < simtree_size(&log->tree); i++)
        log->entries[i].withheld = false;
}

/* The last receipt gets a wrong signature, and the tree is over it all the same. */
static void forge_signature(struct world *world, struct slot *at, uint32_t count)
{
    struct disk_log *log = own_log(&at->disk);
    for (uint32_t i = 0; i < count; i++)
        forge_receipt(world, at, log, "true");
    uint64_t last = simtree_size(&log->tree) - 1;
    struct disk_entry entry = log->entries[last];
    log->entries[last].envelope = NULL;
    log->entries[last].body = NULL;
    disk_log_cut(log, last);
    entry.envelope[entry.envelope_size - 1] ^= 1;
    disk_log_append(log, bytes_of(entry.envelope, entry.envelope_size),
                    bytes_of(entry.body, entry.body_size), true);
    memory_free(entry.envelope);
    memory_free(entry.body);
    adversary_note(at, log);
}

/* The last leaf becomes another one: the tree, and so the root, is not that of the receipts. */
static void forge_root(struct world *world, struct slot *at, uint32_t count)
{
    struct disk_log *log = own_log(&at->disk);
    for (uint32_t i = 0; i < count; i++)
        forge_receipt(world, at, log, "true");
    uint64_t size = simtree_size(&log->tree);
    struct simtree tree = {0};
    for (uint64_t i = 0; i < size; i++) {
        struct tally_hash leaf = log->tree.levels[0].hashes[i];
        if (i + 1 == size)
            leaf.bytes[0] ^= 1;
        simtree_append(&tree, &leaf);
    }
    simtree_free(&log->tree);
    log->tree = tree;
    adversary_note(at, log);
}

/* The last receipts are gone; `others` come in their place, or nothing does. */
static void forge_past(struct world *world, struct slot *at, uint32_t count, bool others)
{
    struct disk_log *log = own_log(&at->disk);
    uint64_t size = simtree_size(&log->tree);
    uint64_t lost = count < size ? count : size;
    disk_log_cut(log, size - lost);
    for (uint64_t i = 0; others && i < lost; i++)
        forge_receipt(world, at, log, "never");
    adversary_note(at, log);
}

/* What said that the key is no more is gone, and its logs go on. */
static void forge_life(struct world *world, struct slot *at, uint32_t count)
{
    struct disk_log *log = own_log(&at->disk);
    struct tally_hash statements;
    replay_origin(&at->disk.key, &statements);
    struct disk_log *said = disk_find(&at->disk, &statements);
    for (size_t i = 0; i < at->disk.file_count; i++)
        at->disk.files[i].revocation = false;
    while (said != NULL && simtree_size(&said->tree) > 0) {
        uint64_t last = simtree_size(&said->tree) - 1;
        const struct disk_entry *entry = &said->entries[last];
        struct tally_receipt receipt;
        bool end = tally_receipt_read(bytes_of(entry->envelope, entry->envelope_size), &receipt) ==
                       TALLY_DROP_NONE &&
                   fed_kind_of(receipt.type) == FED_REVOKE_KEY;
        disk_log_cut(said, last);
        if (end)
            break;
    }
    if (said != NULL && simtree_size(&said->tree) > 0)
        adversary_note(at, said);
    for (uint32_t i = 0; i < count; i++)
        forge_receipt(world, at, log, "stolen");
    adversary_note(at, log);
}

static bool fork_faces(struct world *world, uint32_t slot, uint32_t count)
{
    if (world->count == world->capacity)
        return false;
    uint32_t second = world->count++;
    world_slot_init(world, second, slot);
    struct slot *one = &world->slots[slot], *two = &world->slots[second];
    disk_free(&two->disk);
    disk_copy(&two->disk, &one->disk, &two->signer);
    two->lie = LIE_FORK;
    two->offset_us = one->offset_us;
    if (one->met_count > 0) {
        two->met = memory_copy(one->met, one->met_count * sizeof *one->met);
        two->met_count = two->met_capacity = one->met_count;
    }
    one->second = second;
    /* An odd number: two sizes, so that it takes a proof to see the contradiction. */
    for (uint32_t i = 0; i < count; i++)
        forge_receipt(world, one, own_log(&one->disk), "left");
    for (uint32_t i = 0; i < count + count % 2; i++)
        forge_receipt(world, two, own_log(&two->disk), "right");
    adversary_note(one, own_log(&one->disk));
    adversary_note(two, own_log(&two->disk));
    world_wake(world, second);
    return true;
}

bool adversary_begin(struct world *world, uint32_t slot, enum lie lie, uint32_t count)
{
    struct slot *at = &world->slots[slot];
    uint32_t some = count > 0 ? count : 5;
    at->lie_count = some;
    at->lie = lie; /* First: from here on its disk is not held against it. */
    world_crash(world, slot);
    switch (lie) {
    case LIE_AHEAD:
        forge_hidden(world, at, some, 0, some);
        break;
    case LIE_GAP:
        forge_hidden(world, at, some, some / 2, some / 2);
        break;
    case LIE_AMENDS:
        show_hidden(at);
        break;
    case LIE_ROOT:
        forge_root(world, at, some);
        break;
    case LIE_FORGED:
        forge_signature(world, at, some);
        break;
    case LIE_FORK:
        if (!fork_faces(world, slot, some))
            return false;
        break;
    case LIE_REWIND:
    case LIE_REWRITE:
        forge_past(world, at, some, lie == LIE_REWRITE);
        break;
    case LIE_PERJURY:
        adversary_perjure(world, slot);
        break;
    case LIE_REVOKED:
        forge_life(world, at, some);
        break;
    case LIE_SILENT:
    case LIE_COLLUDE:
    case LIE_FLOOD:
    case LIE_REPLAY:
    case LIE_SPOOF:
    case LIE_GARBLED:
    case LIE_HALF_OPEN:
    case LIE_NONE:
        break;
    }
    world_wake(world, slot);
    return true;
}

bool adversary_deaf(const struct world *world, uint32_t slot, const struct datagram *datagram)
{
    /* Answers of the DHT (protocols 5.2), and to a probe: who gave none is not told to others. */
    enum { ECHO = 5, NODES = 33, FOUND_RECORD = 35, LOG_STATE = 37, REGISTERED = 41, ADS = 43 };
    enum { RELAY = 18, URGENT_SET = 30 };
    if (world->slots[slot].lie == LIE_REVOKED && datagram->size >= TALLY_DATAGRAM_MIN)
        return datagram->bytes[2] == RELAY || datagram->bytes[2] == URGENT_SET;
    if (world->slots[slot].lie != LIE_COLLUDE || datagram->size < TALLY_DATAGRAM_MIN ||
        world->slots[datagram->sender].lie == LIE_COLLUDE)
        return false;
    uint8_t kind = datagram->bytes[2];
    return kind == ECHO || kind == NODES || kind == FOUND_RECORD || kind == LOG_STATE ||
           kind == REGISTERED || kind == ADS;
}
