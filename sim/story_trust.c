/* SPDX-License-Identifier: Apache-2.0 */
#include "story_trust.h"
#include "core/base/bytes.h"
#include "core/federation/replay.h"
#include "core/federation/revocation.h"
#include "expect.h"
#include "memory.h"
#include "story_agree.h"
#include "world_keys.h"
#include <stdio.h>
#include <stdlib.h>

/* The successor signs that it takes over. */
static void hand_over(struct signer *successor, struct fed_statement *statement)
{
    const struct tally_crypto crypto = signer_window(successor);
    uint8_t message[REVOCATION_MESSAGE];
    statement->revoke.successor = successor->key;
    crypto.sign(crypto.context, revocation_handover(&statement->party, &successor->key, message),
                &statement->revoke.handover);
}

/* A key made for that takes over; false if there was one before. */
static bool name_successor(struct world *world, uint32_t slot, struct fed_statement *statement)
{
    const struct signer *next = world_successor(world, slot);
    if (next == NULL)
        return false;
    statement->revoke.reason = TALLY_REVOKED_SUPERSEDED;
    statement->revoke.has_successor = true;
    hand_over((struct signer *)(uintptr_t)next, statement);
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
        if (!line->succeeded && statement.revoke.has_successor)
            hand_over(&world->slots[line->other.from].signer, &statement);
    } else if (statement.kind != FED_MODE && statement.kind != FED_POLICY)
        statement.party = world->slots[line->other.from].signer.key;
    size_t size = fed_write(&statement, body);
    const struct tally_command command = {
        .kind = TALLY_COMMAND_STATE,
        .state = {.type = bytes_text(fed_type(statement.kind)), .body = bytes_of(body, size)}};
    world_step(world, slot, &(struct tally_event){.kind = TALLY_EVENT_COMMAND, .command = command});
}

enum { REVOKED_MAX = 64 }; /* Of a story; the fold of one with more would fail to be the same. */

static void keys_replay(const struct world *world, uint32_t holder,
                        const struct tally_ledger *ledger, struct revoked *revoked)
{
    const struct tally_crypto crypto = signer_window((struct signer *)&world->slots[holder].signer);
    struct tally_log_view view;
    for (size_t i = 0; ledger->log(ledger->context, i, &view); i++)
        if (strcmp(view.name_space, TALLY_STATEMENTS) == 0)
            (void)replay_keys(revoked, ledger, &view, 0);
    replay_revoked(revoked, ledger, &crypto);
}

/* What the statements of one node come to on the disk of another, those of keys it had before among
   them; how many there are. */
static uint64_t replayed(const struct world *world, uint32_t slot, uint32_t holder,
                         struct tally_hash *hash)
{
    const struct tally_key *key = &world->slots[slot].signer.key;
    const struct tally_ledger ledger = disk_ledger((struct disk *)&world->slots[holder].disk);
    struct tally_party *parties = memory_new(TALLY_PARTIES_MAX, sizeof *parties);
    uint8_t *room = memory_new(1, TALLY_ENTRIES_MAX);
    struct tally_trust_status status;
    struct revoked revoked;
    struct fold fold;
    if (!revoked_new(&revoked, REVOKED_MAX))
        abort();
    fold_init(&fold, key, parties, TALLY_PARTIES_MAX);
    fold.discrepancies = discrepancies_new(key, DISCREPANCIES_MAX);
    fold.schemas = schemas_new(SCHEMAS_MAX);
    keys_replay(world, holder, &ledger, &revoked);
    fold.revoked = &revoked;
    (void)replay_own(&fold, &ledger, room);
    fold_status(&fold, &status);
    *hash = status.hash;
    discrepancies_free(fold.discrepancies);
    schemas_free(fold.schemas);
    revoked_free(&revoked);
    memory_free(parties);
    memory_free(room);
    return status.statements;
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

/* ---- The same state everywhere. ---- */

struct digest {
    struct tally_hash trust, agreed;
};

/* What the statements of all come to for one node, as they lie on the disk of another: what the one
   stated, what was stated to it, and what is said of keys. */
static struct digest digest_of(const struct world *world, uint32_t slot, uint32_t holder)
{
    const struct tally_key *key = &world->slots[slot].signer.key;
    const struct tally_ledger ledger = disk_ledger((struct disk *)&world->slots[holder].disk);
    struct tally_party *parties = memory_new(TALLY_PARTIES_MAX, sizeof *parties);
    struct agreement_pair *pairs = memory_new(TALLY_PAIRS_MAX, sizeof *pairs);
    uint8_t *room = memory_new(1, TALLY_ENTRIES_MAX);
    struct revoked revoked;
    struct digest digest;
    struct fold fold;
    if (!revoked_new(&revoked, REVOKED_MAX))
        abort();
    fold_init(&fold, key, parties, TALLY_PARTIES_MAX);
    fold_lend(&fold, pairs, TALLY_PAIRS_MAX);
    fold.discrepancies = discrepancies_new(key, DISCREPANCIES_MAX);
    fold.schemas = schemas_new(SCHEMAS_MAX);
    keys_replay(world, holder, &ledger, &revoked);
    fold.revoked = &revoked;
    (void)replay_own(&fold, &ledger, room);
    replay_others(&fold, &ledger, room);
    (void)replay_arbiters(&fold, &ledger, UINT64_MAX);
    fold_hash(&fold, &digest.trust);
    agreements_hash(&fold.agreements, &digest.agreed);
    discrepancies_free(fold.discrepancies);
    schemas_free(fold.schemas);
    revoked_free(&revoked);
    memory_free(parties);
    memory_free(pairs);
    memory_free(room);
    return digest;
}

static bool digest_same(const struct digest *one, const struct digest *other)
{
    return hash_equal(&one->trust, &other->trust) && hash_equal(&one->agreed, &other->agreed);
}

/* Who may be expected to hold all: honest, running, and linked, which one whose key is no more is
   with nobody. */
static bool holds_all(const struct world *world, uint32_t slot)
{
    return world_counts(world, slot) &&
           !expect_revoked(world, slot, &world->slots[slot].signer.key);
}

bool trust_same(const struct world *world, uint32_t slot, char *why, size_t size)
{
    struct tally_trust_status trust;
    struct digest first = {0};
    uint32_t from = UINT32_MAX;
    if (world->slots[slot].lie != LIE_NONE)
        return true; /* What a liar stated may have two ends. */
    for (uint32_t holder = 0; holder < world->options.nodes; holder++) {
        if (!holds_all(world, holder))
            continue;
        const struct digest one = digest_of(world, slot, holder);
        if (from == UINT32_MAX) {
            first = one;
            from = holder;
        }
        snprintf(why, size, "n%u comes to one state on n%u and to another on n%u", slot + 1,
                 from + 1, holder + 1);
        if (!digest_same(&first, &one))
            return false;
    }
    if (!holds_all(world, slot))
        return true;
    tally_node_trust(world->slots[slot].node, &trust);
    snprintf(why, size, "n%u is in another state than its disk and all others say", slot + 1);
    return digest_same(&first, &(struct digest){trust.hash, trust.agreed});
}
