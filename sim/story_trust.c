/* SPDX-License-Identifier: Apache-2.0 */
#include "story_trust.h"
#include "core/base/bytes.h"
#include "core/federation/replay.h"
#include "core/federation/revocation.h"
#include "memory.h"
#include "story_agree.h"
#include "world_keys.h"
#include <stdio.h>
#include <stdlib.h>

/* The new key signs that it takes over; false if there was one before. */
static bool name_successor(struct world *world, uint32_t slot, struct fed_statement *statement)
{
    const struct signer *next = world_successor(world, slot);
    uint8_t message[REVOCATION_MESSAGE];
    if (next == NULL)
        return false;
    statement->revoke.reason = TALLY_REVOKED_SUPERSEDED;
    statement->revoke.has_successor = true;
    statement->revoke.successor = next->key;
    const struct tally_crypto crypto = signer_window((struct signer *)(uintptr_t)next);
    crypto.sign(crypto.context,
                revocation_handover(&statement->party, &statement->revoke.successor, message),
                &statement->revoke.handover);
    return true;
}

void trust_state(struct world *world, uint32_t slot, const struct line *line)
{
    struct fed_statement statement = line->state;
    uint8_t body[FED_BODY_MAX], about[FED_BODY_MAX];
    if (world->slots[slot].node == NULL)
        return;
    if (fed_agrees(statement.kind)) {
        statement.agreement.terms.scrolls[0] = bytes_text(line->name);
        if (!agree_complete(world, slot, line->other.from, &statement, about))
            return; /* It knows of nothing that it could say that about. */
    } else if (statement.kind == FED_REVOKE_KEY) {
        statement.party = world->slots[slot].signer.key;
        if (line->succeeded && !name_successor(world, slot, &statement))
            return;
    } else if (statement.kind != FED_MODE)
        statement.party = world->slots[line->other.from].signer.key;
    size_t size = fed_write(&statement, body);
    const struct tally_command command = {
        .kind = TALLY_COMMAND_STATE,
        .state = {.type = bytes_text(fed_type(statement.kind)), .body = bytes_of(body, size)}};
    world_step(world, slot, &(struct tally_event){.kind = TALLY_EVENT_COMMAND, .command = command});
}

/* What the statements of one node come to on the disk of another; how many there are. */
static uint64_t replayed(const struct world *world, uint32_t slot, uint32_t holder,
                         struct tally_hash *hash)
{
    const struct tally_key *key = &world->slots[slot].signer.key;
    const struct tally_ledger ledger = disk_ledger((struct disk *)&world->slots[holder].disk);
    struct tally_party *parties = memory_new(TALLY_PARTIES_MAX, sizeof *parties);
    uint8_t *room = memory_new(1, TALLY_ENTRIES_MAX);
    struct tally_hash origin_hash;
    struct fold fold;
    fold_init(&fold, key, parties, TALLY_PARTIES_MAX);
    fold.discrepancies = discrepancies_new(key, DISCREPANCIES_MAX);
    fold.schemas = schemas_new(SCHEMAS_MAX);
    replay_origin(key, &origin_hash);
    uint64_t count = replay_all(&fold, &ledger, &origin_hash, room);
    fold_hash(&fold, hash);
    free(fold.discrepancies);
    free(fold.schemas);
    memory_free(parties);
    memory_free(room);
    return count;
}

bool trust_folded(const struct world *world, uint32_t slot, char *why, size_t size)
{
    struct tally_trust_status trust;
    if (world->slots[slot].node == NULL)
        return true;
    tally_node_trust(world->slots[slot].node, &trust);
    for (uint32_t holder = 0; holder < world->options.nodes; holder++) {
        struct tally_hash hash;
        if (holder != slot && !world_counts(world, holder))
            continue;
        bool whole = replayed(world, slot, holder, &hash) == trust.statements;
        if (holder == slot ? !whole || !hash_equal(&hash, &trust.hash)
                           : whole && !hash_equal(&hash, &trust.hash)) {
            snprintf(why, size, "what n%u stated comes to something else on n%u", slot + 1,
                     holder + 1);
            return false;
        }
    }
    return true;
}
