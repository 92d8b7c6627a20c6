/* SPDX-License-Identifier: Apache-2.0 */
#include "converged.h"
#include "core/base/bytes.h"
#include "core/sync/statement.h"
#include "expect.h"
#include "memory.h"
#include "overlay.h"
#include "world_keys.h"
#include <inttypes.h>
#include <stdio.h>

const char *excuse_word(enum excuse excuse)
{
    static const char *const words[] = {
#define X(name, word) word,
        EXCUSES(X)
#undef X
    };
    return words[excuse];
}

uint32_t excuses_all(const struct excuses *excuses)
{
    uint32_t all = 0;
    for (unsigned i = 0; i < EXCUSE_COUNT; i++)
        all += excuses->count[i];
    return all;
}

/* ---- Ways. ---- */

static bool asleep(const struct world *world, uint32_t slot)
{
    return world->slots[slot].suspended_us > world->now_us;
}

/* Whether what it sends gets into the wide network. */
static bool gets_out(const struct world *world, uint32_t slot)
{
    uint32_t lan = world->slots[slot].lan;
    while (lan != 0 && world->lans[lan - 1].has_box)
        lan = world->lans[lan - 1].outside;
    return lan == 0;
}

/* Whether a packet of one reaches the other where that one is, unasked. */
static bool open_to(const struct world *world, uint32_t from, uint32_t to)
{
    if (world->slots[from].lan != 0 && lan_same(world, from, to))
        return true;
    return world->slots[to].lan == 0 && world->slots[from].profile != TALLY_PROFILE_LAN &&
           gets_out(world, from);
}

static bool met(const struct slot *at, const struct tally_key *key)
{
    for (size_t i = 0; at->profile != TALLY_PROFILE_STATIC && i < at->met_count; i++)
        if (key_equal(&at->met[i], key))
            return true;
    return false;
}

/* Whether one can tell where the other is. Who moved may be sought where it was, and who has
   another key was named by the old one. */
static bool knows(const struct world *world, uint32_t slot, uint32_t other)
{
    const struct slot *one = &world->slots[slot], *two = &world->slots[other];
    bool hears = one->segment != 0 && one->segment == two->segment &&
                 one->profile != TALLY_PROFILE_STATIC && two->profile != TALLY_PROFILE_STATIC &&
                 one->profile != TALLY_PROFILE_SERVER && two->profile != TALLY_PROFILE_SERVER;
    return hears || (two->moves == 0 && ((key_equal(world_elder(world, other), &two->signer.key) &&
                                          world_named(world, slot, other)) ||
                                         met(one, &two->signer.key)));
}

static bool chooses(const struct world *world, uint32_t slot)
{
    struct tally_trust_status trust;
    tally_node_trust(world->slots[slot].node, &trust);
    return trust.strict || trust.parties > 0;
}

/* Why two that run need not have found each other; COUNT: nothing keeps them apart. */
static enum excuse between(const struct world *world, uint32_t a, uint32_t b)
{
    const struct slot *one = &world->slots[a], *two = &world->slots[b];
    if (asleep(world, a) || asleep(world, b))
        return EXCUSE_DOWN;
    if (!network_open(&world->network, world->now_us, a, b) ||
        !network_open(&world->network, world->now_us, b, a))
        return EXCUSE_PARTED;
    if (expect_revoked(world, a, &two->signer.key) || expect_revoked(world, b, &one->signer.key))
        return EXCUSE_REVOKED;
    if (chooses(world, a) || chooses(world, b) || one->profile == TALLY_PROFILE_OFFLINE ||
        two->profile == TALLY_PROFILE_OFFLINE)
        return EXCUSE_CHOICE;
    if (!open_to(world, a, b) && !open_to(world, b, a))
        return EXCUSE_BOXES;
    bool found = (knows(world, a, b) && open_to(world, a, b)) ||
                 (knows(world, b, a) && open_to(world, b, a));
    return found ? EXCUSE_COUNT : EXCUSE_UNTOLD;
}

/* ---- Links. ---- */

/* Whether they have a link, both say; so they need not be asked again. */
static void join(const struct world *world, uint32_t slot, uint32_t *parents)
{
    struct tally_peer_view view;
    for (size_t i = 0; tally_node_peer(world->slots[slot].node, i, &view); i++) {
        uint32_t other;
        if (view.state == TALLY_PEER_LINKED && world_find(world, &view.key, &other) &&
            world_counts(world, other) &&
            overlay_root(parents, slot) != overlay_root(parents, other) &&
            world_linked(world, other, slot))
            parents[overlay_root(parents, slot)] = overlay_root(parents, other);
    }
}

/* Each that counts against each before it with which it does not hang together. */
static bool together(const struct world *world, uint32_t *parents, struct excuses *excuses,
                     char *why, size_t size)
{
    for (uint32_t a = 0; a < world->options.nodes; a++) {
        enum excuse excuse = EXCUSE_COUNT;
        for (uint32_t b = 0; world_counts(world, a) && b < a; b++) {
            if (!world_counts(world, b) || overlay_root(parents, a) == overlay_root(parents, b))
                continue;
            excuse = between(world, a, b);
            if (excuse == EXCUSE_COUNT) {
                snprintf(why, size,
                         "n%u and n%u do not hang together by links, and nothing is "
                         "between them",
                         b + 1, a + 1);
                return false;
            }
        }
        if (excuse != EXCUSE_COUNT)
            excuses->count[excuse]++;
    }
    return true;
}

static bool linked(const struct world *world, struct excuses *excuses, char *why, size_t size)
{
    uint32_t *parents = memory_new(world->options.nodes, sizeof *parents);
    for (uint32_t slot = 0; slot < world->options.nodes; slot++)
        parents[slot] = slot;
    for (uint32_t slot = 0; slot < world->options.nodes; slot++)
        if (world_counts(world, slot))
            join(world, slot, parents);
    bool so = together(world, parents, excuses, why, size);
    memory_free(parents);
    return so;
}

/* ---- Logs. ---- */

/* Who came back and waits for none but liars, those who are gone, and those whom no way leads to:
   none of them says how far its logs had got, and until its operator does it signs nothing
   (reliability 7). That no link leads to an honest one is no excuse, nor that it asks still. */
static bool waits_in_vain(const struct world *world, uint32_t slot)
{
    const struct tally_node *node = world->slots[slot].node;
    struct tally_key key;
    size_t index = 0;
    if (tally_node_guard(node) != TALLY_GUARD_WAITING)
        return false;
    for (; tally_node_awaited(node, index, &key); index++) {
        uint32_t other;
        if (world_find(world, &key, &other) && world_counts(world, other) &&
            between(world, slot, other) == EXCUSE_COUNT)
            return false;
    }
    return index > 0;
}

/* Whether `other` has the log as `slot` has it. */
static bool same_log(const struct world *world, uint32_t slot, uint32_t other,
                     const struct disk_log *log, uint32_t issuer, char *why, size_t size)
{
    const struct disk_log *theirs = disk_find(&world->slots[other].disk, &log->origin_hash);
    if (log->size == 0 && (theirs == NULL || theirs->size == 0))
        return true;
    if (theirs != NULL && theirs->size == log->size && hash_equal(&theirs->root, &log->root))
        return true;
    snprintf(why, size, "n%u has %" PRIu64 " of n%u/%s, n%u has %" PRIu64, slot + 1, log->size,
             issuer + 1, log->name_space, other + 1, theirs != NULL ? theirs->size : 0);
    return false;
}

/* Whether a receipt only tells of a transfer: then nobody waits for its seal. */
static bool tells_of_transfer(const struct disk_entry *entry)
{
    struct tally_receipt receipt;
    return tally_receipt_read(bytes_of(entry->envelope, entry->envelope_size), &receipt) ==
               TALLY_DROP_NONE &&
           bytes_equal(receipt.name_space, bytes_text(TALLY_STATEMENTS)) &&
           (bytes_equal(receipt.type, bytes_text(STATEMENT_SYNC_EVENT)) ||
            bytes_equal(receipt.type, bytes_text(STATEMENT_SYNC_CONFIRMED)));
}

/* All but what waits for company (TALLY_SEAL_QUIET_MS). */
static bool sealed(const struct disk_log *log)
{
    bool all = true;
    for (uint64_t i = log->size; log->own && i < simtree_size(&log->tree); i++)
        all = all && tells_of_transfer(&log->entries[i]);
    return all;
}

/* Under a key that ended it is linked with nobody, and takes nothing any more. */
static bool is_out(const struct world *world, uint32_t slot)
{
    return !world_counts(world, slot) || disk_ended(&world->slots[slot].disk);
}

/* All logs of honest issuers that one node holds, sealed and the same at the next node that counts:
   once round the circle, and all are the same everywhere. */
static bool shared(const struct world *world, uint32_t slot, struct excuses *excuses, char *why,
                   size_t size)
{
    const struct disk *disk = &world->slots[slot].disk;
    bool waits = false;
    uint32_t next = slot;
    do
        next = (next + 1) % world->options.nodes;
    while (next != slot && is_out(world, next));
    for (size_t i = 0; i < disk->log_count; i++) {
        const struct disk_log *log = disk->logs[i];
        uint32_t issuer;
        if (!world_find(world, &log->issuer, &issuer) || world->slots[issuer].lie != LIE_NONE)
            continue;
        /* Unless another key took over, and shows the logs of the old one. */
        if (expect_revoked(world, slot, &log->issuer) &&
            key_equal(&log->issuer, &world->slots[issuer].signer.key))
            continue;
        waits = waits || (!sealed(log) && waits_in_vain(world, slot));
        if (!sealed(log) && !waits) {
            snprintf(why, size, "n%u has receipts of n%u/%s that are not sealed", slot + 1,
                     issuer + 1, log->name_space);
            return false;
        }
        if (next != slot && !same_log(world, slot, next, log, issuer, why, size))
            return false;
    }
    excuses->count[EXCUSE_WAITING] += waits;
    return true;
}

bool world_converged(const struct world *world, struct excuses *excuses, char *why, size_t size)
{
    memset(excuses, 0, sizeof *excuses);
    for (uint32_t slot = 0; slot < world->options.nodes; slot++) {
        if (world->slots[slot].lie != LIE_NONE)
            continue;
        excuses->count[EXCUSE_DOWN] += world->slots[slot].node == NULL;
        if (world->slots[slot].node != NULL && disk_ended(&world->slots[slot].disk))
            excuses->count[EXCUSE_REVOKED]++;
        else if (world->slots[slot].node != NULL && !shared(world, slot, excuses, why, size))
            return false;
    }
    return linked(world, excuses, why, size);
}
