/* SPDX-License-Identifier: Apache-2.0 */
#include "expect.h"
#include "core/base/bytes.h"
#include "core/federation/revocation.h"
#include "story_agree.h"
#include "story_trust.h"
#include "tally/witness.h"
#include "world_keys.h"
#include <inttypes.h>
#include <stdio.h>

const char *expect_word(enum condition condition)
{
    static const char *const words[] = {
        [CONDITION_CONVERGED] = "converged", [CONDITION_DIVERGED] = "diverged",
        [CONDITION_FORK] = "fork",           [CONDITION_HOLDS] = "holds",
        [CONDITION_DROPS] = "drops",         [CONDITION_CONFIRMED] = "confirmed",
        [CONDITION_LINKED] = "linked",       [CONDITION_REACHED] = "reached",
        [CONDITION_DETECTED] = "detected",   [CONDITION_TRAFFIC] = "traffic",
        [CONDITION_GUARDED] = "guarded",     [CONDITION_FOLDED] = "folded",
        [CONDITION_DISPUTED] = "disputed",   [CONDITION_AGREED] = "agreed",
        [CONDITION_REVOKED] = "revoked",     [CONDITION_COSIGNED] = "cosigned",
        [CONDITION_FOLDS] = "folds",         [CONDITION_REFUSED] = "refused",
        [CONDITION_SUCCEEDED] = "succeeded",
    };
    return words[condition];
}

bool expect_revoked(const struct world *world, uint32_t slot, const struct tally_key *key)
{
    const struct disk *disk = &world->slots[slot].disk;
    for (size_t i = 0; i < disk->file_count; i++) {
        const struct disk_file *file = &disk->files[i];
        struct revocation revocation;
        if (file->revocation &&
            revocation_read(bytes_of(file->bytes, file->size), &revocation) == TALLY_DROP_NONE &&
            key_equal(&revocation.party, key))
            return true;
    }
    return false;
}

static bool has_evidence(const struct world *world, uint32_t slot, const struct tally_key *issuer)
{
    const struct disk *disk = &world->slots[slot].disk;
    const struct tally_crypto crypto = signer_window((struct signer *)&world->slots[slot].signer);
    for (size_t i = 0; i < disk->file_count; i++) {
        struct tally_fork fork;
        if (tally_fork_check(bytes_of(disk->files[i].bytes, disk->files[i].size), NULL, &crypto,
                             &fork) == TALLY_DROP_NONE &&
            key_equal(&fork.issuer, issuer))
            return true;
    }
    return false;
}

/* Over several nodes: what is expected is expected of each, and with `not` it is expected of none.
   True when the answer is known. */
static bool decided(const struct line *line, bool one)
{
    return one == line->negated;
}

static bool forked(const struct world *world, const struct line *line, char *why, size_t size)
{
    for (uint32_t liar = line->who.from; liar <= line->who.to; liar++)
        for (uint32_t slot = 0; slot < world->options.nodes; slot++) {
            if (!world_counts(world, slot))
                continue;
            bool one = has_evidence(world, slot, &world->slots[liar].signer.key);
            snprintf(why, size, "n%u has no evidence against n%u", slot + 1, liar + 1);
            if (decided(line, one))
                return one;
        }
    return !line->negated;
}

static uint64_t receipts_of(const struct world *world, uint32_t slot, uint32_t issuer)
{
    const struct disk *disk = &world->slots[slot].disk;
    uint64_t count = 0;
    for (size_t i = 0; i < disk->log_count; i++)
        if (key_equal(&disk->logs[i]->issuer, &world->slots[issuer].signer.key) &&
            strcmp(disk->logs[i]->name_space, "federation") != 0)
            count += simtree_size(&disk->logs[i]->tree);
    return count;
}

static bool holds(const struct world *world, const struct line *line, char *why, size_t size)
{
    for (uint32_t slot = line->who.from; slot <= line->who.to; slot++)
        for (uint32_t issuer = line->other.from; issuer <= line->other.to; issuer++) {
            uint64_t count = receipts_of(world, slot, issuer);
            snprintf(why, size, "n%u holds %" PRIu64 " receipts of n%u", slot + 1, count,
                     issuer + 1);
            if (decided(line, count >= line->count))
                return count >= line->count;
        }
    return !line->negated;
}

/* How much of a log of the slot's, not of statements, the witness cosigned. */
static uint64_t cosigned_by(const struct world *world, uint32_t slot, uint32_t witness)
{
    const struct slot *at = &world->slots[slot];
    struct tally_cosigned_view view;
    uint64_t most = 0;
    for (size_t i = 0; at->node != NULL && tally_node_cosigned(at->node, i, &view); i++) {
        const struct disk_log *log = disk_find(&at->disk, &view.origin_hash);
        if (log != NULL && strcmp(log->name_space, "federation") != 0 && view.size > most &&
            key_equal(&view.party, &world->slots[witness].signer.key))
            most = view.size;
    }
    return most;
}

static bool cosigned(const struct world *world, const struct line *line, char *why, size_t size)
{
    for (uint32_t slot = line->who.from; slot <= line->who.to; slot++)
        for (uint32_t witness = line->other.from; witness <= line->other.to; witness++) {
            uint64_t count = cosigned_by(world, slot, witness);
            if (slot == witness)
                continue;
            snprintf(why, size, "n%u cosigned %" PRIu64 " receipts of n%u", witness + 1, count,
                     slot + 1);
            if (decided(line, count >= line->count))
                return count >= line->count;
        }
    return !line->negated;
}

static bool drops(const struct world *world, const struct line *line, char *why, size_t size)
{
    for (uint32_t slot = line->who.from; slot <= line->who.to; slot++) {
        struct tally_node_status status = {0};
        if (world->slots[slot].node != NULL)
            tally_node_status(world->slots[slot].node, &status);
        uint64_t count = status.drops[line->drop];
        snprintf(why, size, "n%u dropped %" PRIu64 " as %s", slot + 1, count,
                 tally_drop_name(line->drop));
        if (decided(line, count >= line->count))
            return count >= line->count;
    }
    return !line->negated;
}

static bool confirmed(const struct world *world, const struct line *line, char *why, size_t size)
{
    for (uint32_t a = line->who.from; a <= line->who.to; a++)
        for (uint32_t b = line->other.from; b <= line->other.to; b++) {
            if (a == b)
                continue;
            bool one = world_confirmed(world, a, b) || world_confirmed(world, b, a);
            snprintf(why, size, "n%u and n%u confirmed nothing", a + 1, b + 1);
            if (decided(line, one))
                return one;
        }
    return !line->negated;
}

static bool linked(const struct world *world, const struct line *line, char *why, size_t size)
{
    for (uint32_t a = line->who.from; a <= line->who.to; a++)
        for (uint32_t b = line->other.from; b <= line->other.to; b++) {
            if (a == b)
                continue;
            bool one = world_linked(world, a, b) && world_linked(world, b, a);
            snprintf(why, size, "n%u and n%u are %slinked", a + 1, b + 1, one ? "" : "not ");
            if (decided(line, one))
                return one;
        }
    return !line->negated;
}

/* Linked with one outside its LAN whom nobody named to it, nor it to that one. */
static bool found(const struct world *world, uint32_t slot)
{
    for (uint32_t other = 0; other < world->options.nodes; other++)
        if (other != slot && !world_told(world, slot, other) && !world_told(world, other, slot) &&
            (world->slots[slot].lan == 0 || !lan_same(world, slot, other)) &&
            world_linked(world, other, slot))
            return true;
    return false;
}

static bool reached(const struct world *world, const struct line *line, char *why, size_t size)
{
    for (uint32_t slot = line->who.from; slot <= line->who.to; slot++) {
        bool one =
            world->slots[slot].node != NULL && (world->slots[slot].reached || found(world, slot));
        snprintf(why, size, "n%u was %sreached", slot + 1, one ? "" : "not ");
        if (decided(line, one))
            return one;
    }
    return !line->negated;
}

static bool detected(const struct world *world, const struct line *line, char *why, size_t size)
{
    for (uint32_t gone = line->who.from; gone <= line->who.to; gone++) {
        bool one = true;
        snprintf(why, size, "nobody takes n%u for linked", gone + 1);
        for (uint32_t slot = 0; one && slot < world->options.nodes; slot++)
            if (slot != gone && world_counts(world, slot) && world_linked(world, slot, gone)) {
                snprintf(why, size, "n%u takes n%u for linked", slot + 1, gone + 1);
                one = false;
            }
        if (decided(line, one))
            return one;
    }
    return !line->negated;
}

static bool folded(const struct world *world, const struct line *line, char *why, size_t size)
{
    for (uint32_t slot = line->who.from; slot <= line->who.to; slot++) {
        bool one = line->condition == CONDITION_FOLDS ? trust_same(world, slot, why, size)
                                                      : trust_folded(world, slot, why, size);
        if (decided(line, one))
            return one;
    }
    return !line->negated;
}

/* Whether a node has such a case against another. */
static bool has_case(const struct world *world, uint32_t slot, uint32_t other,
                     const struct line *line)
{
    struct tally_discrepancy_view view;
    const struct tally_node *node = world->slots[slot].node;
    for (size_t i = 0; node != NULL && tally_node_discrepancy(node, i, &view); i++)
        if (view.type == line->dispute && key_equal(&view.party, &world->slots[other].signer.key) &&
            (line->stage == TALLY_DISCREPANCY_STATES || view.state == line->stage))
            return true;
    return false;
}

static bool disputed(const struct world *world, const struct line *line, char *why, size_t size)
{
    for (uint32_t slot = line->who.from; slot <= line->who.to; slot++)
        for (uint32_t other = line->other.from; other <= line->other.to; other++) {
            if (slot == other)
                continue;
            bool one = has_case(world, slot, other, line);
            snprintf(why, size, "n%u %s such a discrepancy against n%u", slot + 1,
                     one ? "stated" : "did not state", other + 1);
            if (decided(line, one))
                return one;
        }
    return !line->negated;
}

static bool agreed(const struct world *world, const struct line *line, char *why, size_t size)
{
    for (uint32_t slot = line->who.from; slot <= line->who.to; slot++)
        for (uint32_t other = line->other.from; other <= line->other.to; other++) {
            if (slot == other)
                continue;
            bool one = line->condition == CONDITION_AGREED
                           ? agree_agreed(world, slot, other, why, size)
                           : agree_refused(world, slot, other, why, size);
            if (decided(line, one))
                return one;
        }
    return !line->negated;
}

static bool traffic(const struct world *world, const struct line *line, char *why, size_t size)
{
    for (uint32_t slot = line->who.from; slot <= line->who.to; slot++) {
        uint64_t rate = world_traffic(world, slot);
        snprintf(why, size, "n%u sent %" PRIu64 " bytes a second", slot + 1, rate);
        if (decided(line, rate <= line->count))
            return rate <= line->count;
    }
    return !line->negated;
}

static bool revoked(const struct world *world, const struct line *line, char *why, size_t size)
{
    for (uint32_t gone = line->who.from; gone <= line->who.to; gone++) {
        bool one = true;
        snprintf(why, size, "all know that the key of n%u is revoked", gone + 1);
        for (uint32_t slot = 0; one && slot < world->options.nodes; slot++)
            if (slot != gone && world_counts(world, slot) &&
                !expect_revoked(world, slot, world_elder(world, gone))) {
                snprintf(why, size, "n%u does not know that the key of n%u is revoked", slot + 1,
                         gone + 1);
                one = false;
            }
        if (decided(line, one))
            return one;
    }
    return !line->negated;
}

static bool succeeded(const struct world *world, const struct line *line, char *why, size_t size)
{
    for (uint32_t slot = line->who.from; slot <= line->who.to; slot++) {
        bool one = world->slots[slot].node != NULL && !disk_ended(&world->slots[slot].disk);
        snprintf(why, size, "n%u runs under %s", slot + 1,
                 one ? "a key that did not end" : "the key that it ended, or not at all");
        if (decided(line, one))
            return one;
    }
    return !line->negated;
}

static bool guarded(const struct world *world, const struct line *line, char *why, size_t size)
{
    for (uint32_t slot = line->who.from; slot <= line->who.to; slot++) {
        const struct tally_node *node = world->slots[slot].node;
        bool guarded = node != NULL && tally_node_guard(node) > TALLY_GUARD_ASKING;
        snprintf(why, size, "n%u is %sguarded", slot + 1, guarded ? "" : "not ");
        if (decided(line, guarded))
            return guarded;
    }
    return !line->negated;
}

bool expect_is(const struct world *world, const struct line *line, struct excuses *excuses,
               char *why, size_t size)
{
    why[0] = '\0';
    memset(excuses, 0, sizeof *excuses);
    switch (line->condition) {
    case CONDITION_CONVERGED:
        return world_converged(world, excuses, why, size);
    case CONDITION_DIVERGED:
        if (!world_converged(world, excuses, why, size))
            return true;
        snprintf(why, size, "all nodes hold the same");
        return false;
    case CONDITION_FORK:
        return forked(world, line, why, size);
    case CONDITION_HOLDS:
        return holds(world, line, why, size);
    case CONDITION_DROPS:
        return drops(world, line, why, size);
    case CONDITION_CONFIRMED:
        return confirmed(world, line, why, size);
    case CONDITION_LINKED:
        return linked(world, line, why, size);
    case CONDITION_REACHED:
        return reached(world, line, why, size);
    case CONDITION_DETECTED:
        return detected(world, line, why, size);
    case CONDITION_FOLDED:
    case CONDITION_FOLDS:
        return folded(world, line, why, size);
    case CONDITION_DISPUTED:
        return disputed(world, line, why, size);
    case CONDITION_AGREED:
    case CONDITION_REFUSED:
        return agreed(world, line, why, size);
    case CONDITION_TRAFFIC:
        return traffic(world, line, why, size);
    case CONDITION_GUARDED:
        return guarded(world, line, why, size);
    case CONDITION_SUCCEEDED:
        return succeeded(world, line, why, size);
    case CONDITION_REVOKED:
        return revoked(world, line, why, size);
    case CONDITION_COSIGNED:
        return cosigned(world, line, why, size);
    case CONDITION_COUNT:
        break;
    }
    return false;
}
