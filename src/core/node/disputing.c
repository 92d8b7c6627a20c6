/* SPDX-License-Identifier: Apache-2.0 */
/* What is raised, and how a case goes on; disputing_found.c has the checks. */
#include "core/node/disputing.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/federation/grounds.h"
#include "core/federation/replay.h"
#include "core/log/tree.h"
#include "core/node/node.h"

#include <stdlib.h>
#include <string.h>

static struct fold *fold_of(struct tally_node *node)
{
    return &node->federating.fold;
}

/* ---- Bounds. ---- */

bool disputing_new(struct disputing *disputing)
{
    *disputing = (struct disputing){
        .forks = calloc(DISPUTING_FORKS, sizeof *disputing->forks),
        .raised = calloc(DISPUTING_DAY, sizeof *disputing->raised),
        .cases = calloc(DISPUTING_CASES, sizeof *disputing->cases),
    };
    return disputing->forks != NULL && disputing->raised != NULL && disputing->cases != NULL;
}

void disputing_free(struct disputing *disputing)
{
    free(disputing->forks);
    free(disputing->raised);
    free(disputing->cases);
}

/* Whether there is room for one more. The ring holds what was raised in a day, and no more. */
static bool within_bounds(const struct disputing *disputing, struct tally_now now,
                          const struct dispute *dispute)
{
    unsigned day = 0, theirs = 0;
    for (unsigned i = 0; i < DISPUTING_DAY; i++) {
        const struct disputing_raised *one = &disputing->raised[i];
        if (!one->any || now.mono.ms - one->at.ms >= DISPUTING_DAY_MS)
            continue;
        bool same = one->type == dispute->type && one->has_log == (dispute->log != NULL) &&
                    (one->has_log ? hash_equal(&one->log, dispute->log)
                                  : key_equal(&one->party, dispute->party));
        if (same && now.mono.ms - one->at.ms < DISPUTING_AGAIN_MS)
            return false;
        day++;
        theirs += key_equal(&one->party, dispute->party);
    }
    bool critical = tally_discrepancy_severity(dispute->type) == TALLY_SEVERITY_CRITICAL;
    unsigned share = critical ? 1 : 2; /* Whoever plays with terms hides no fork behind that. */
    return theirs < DISPUTING_PARTY_DAY / share && day < DISPUTING_DAY / share;
}

static void note_raised(struct disputing *disputing, struct tally_now now,
                        const struct dispute *dispute)
{
    struct disputing_raised *one = &disputing->raised[disputing->raised_turn++ % DISPUTING_DAY];
    *one = (struct disputing_raised){.type = dispute->type,
                                     .any = true,
                                     .has_log = dispute->log != NULL,
                                     .party = *dispute->party,
                                     .at = now.mono};
    if (dispute->log != NULL)
        one->log = *dispute->log;
}

/* Somebody whom it makes sense to speak of: keys cost nothing. */
static bool is_somebody(struct tally_node *node, const struct tally_key *key)
{
    const struct heads *heads = &node->datagrams.heads;
    const struct tally_party *party = fold_find(fold_of(node), key);
    if (party != NULL)
        return party->state == TALLY_PARTY_ADMITTED;
    for (size_t i = 0; i < heads->count; i++)
        if (key_equal(&heads->list[i].issuer, key))
            return true;
    return false;
}

/* ---- Stating. ---- */

static bool say(struct tally_node *node, struct tally_now now,
                const struct fed_statement *statement)
{
    uint8_t body[FED_BODY_MAX];
    size_t size = fed_write(statement, body);
    if (size == 0 || !outbox_room(&node->outbox, 4, 2 * TALLY_ENVELOPE_MAX + FED_BODY_MAX))
        return false;
    return issuer_statement(&node->issuer, now, fed_type(statement->kind), NULL, 0,
                            outbox_copy(&node->outbox, bytes_of(body, size)), 0,
                            &node->outbox) == TALLY_OK;
}

/* Evidence first: what a statement names is kept before it. */
static bool keep(struct tally_node *node, const struct dispute *dispute,
                 struct tally_fed_discrepancy *claim)
{
    if (dispute->evidence != NULL) {
        claim->has_evidence = true;
        claim->evidence = *dispute->evidence;
        return true;
    }
    if (dispute->grounds.size == 0)
        return true;
    if (!outbox_room(&node->outbox, 5,
                     dispute->grounds.size + 2 * TALLY_ENVELOPE_MAX + FED_BODY_MAX))
        return false;
    struct tally_action *action = outbox_add(&node->outbox, TALLY_ACTION_EVIDENCE);
    action->evidence.claim = true;
    if (dispute->log != NULL)
        action->evidence.origin_hash = *dispute->log;
    action->evidence.bytes = outbox_copy(&node->outbox, dispute->grounds);
    hash_sha256(dispute->grounds, &action->evidence.name);
    claim->has_evidence = true;
    claim->evidence = action->evidence.name;
    return true;
}

bool discrepancy_raise(struct tally_node *node, struct tally_now now, const struct dispute *dispute)
{
    struct disputing *disputing = &node->disputing;
    const struct fold *fold = fold_of(node);
    struct fed_statement said = {.kind = FED_DISCREPANCY};
    said.discrepancy = (struct tally_fed_discrepancy){
        .type = (uint8_t)dispute->type,
        .party = *dispute->party,
        .has_log = dispute->log != NULL,
        .claimed_size = dispute->claimed_size,
        .has_claimed_root = dispute->claimed_root != NULL,
        .has_computed_root = dispute->computed_root != NULL,
        .has_divergence = dispute->has_divergence,
        .divergence = dispute->divergence,
        .checked = dispute->checked,
        .automatic = dispute->automatic,
        .note = bytes_text(dispute->note != NULL ? dispute->note : ""),
    };
    if (dispute->log != NULL)
        said.discrepancy.log = *dispute->log;
    if (dispute->claimed_root != NULL)
        said.discrepancy.claimed_root = *dispute->claimed_root;
    if (dispute->computed_root != NULL)
        said.discrepancy.computed_root = *dispute->computed_root;
    bool good = !node->stopping && fold_judge(fold, &fold->self, &said) == FOLD_TAKEN &&
                within_bounds(disputing, now, dispute) && is_somebody(node, dispute->party) &&
                keep(node, dispute, &said.discrepancy) && say(node, now, &said);
    if (good)
        note_raised(disputing, now, dispute);
    disputing->passed += !good;
    return good;
}

/* ---- Cases. ---- */

static struct disputing_case *case_of(struct disputing *disputing, uint64_t index)
{
    for (unsigned i = 0; i < disputing->count; i++)
        if (disputing->cases[i].index == index)
            return &disputing->cases[i];
    return NULL;
}

/* The node watches the oldest: those beyond, and those of a key that it had before, wait for an
   operator, who sees them all. */
static void case_add(struct tally_node *node, struct tally_now now, const struct discrepancy *one)
{
    struct disputing *disputing = &node->disputing;
    if (!key_equal(&one->reporter, &node->options.key) || case_of(disputing, one->index) != NULL ||
        disputing->count == DISPUTING_CASES)
        return;
    disputing->cases[disputing->count++] = (struct disputing_case){
        .index = one->index, .until = {now.mono.ms + DISPUTING_WAIT_MS}, .again = now.mono};
    disputing->next = now.mono;
}

/* A case goes on, if it may; asked for once until it was folded, or again after a while. */
static void move(struct tally_node *node, struct tally_now now, struct disputing_case *watched,
                 enum tally_outcome outcome, bool final)
{
    const struct fold *fold = fold_of(node);
    const struct discrepancy *one = discrepancy_find(fold->discrepancies, watched->index);
    struct fed_statement said = {.kind = FED_RESOLUTION};
    if (one == NULL || watched->again.ms > now.mono.ms)
        return;
    said.resolution = (struct tally_fed_resolution){
        .subject = one->index,
        .has_evidence = one->has_evidence,
        .evidence = one->evidence,
        .outcome = (uint8_t)outcome,
        .final = final,
        .has_arbiter = outcome == TALLY_OUTCOME_ARBITRATION,
        .arbiter = one->arbiter,
        .note = bytes_text(""),
    };
    if (fold_judge(fold, &fold->self, &said) == FOLD_TAKEN && say(node, now, &said))
        watched->again.ms = now.mono.ms + 6 * DISPUTING_LOOK_MS;
}

void disputing_settle(struct tally_node *node, struct tally_now now, enum tally_discrepancy type,
                      const struct tally_key *party, const struct tally_hash *log)
{
    const struct discrepancy *one =
        discrepancy_open(fold_of(node)->discrepancies, type, party, log);
    if (one == NULL || !one->automatic)
        return;
    case_add(node, now, one);
    struct disputing_case *watched = case_of(&node->disputing, one->index);
    if (watched == NULL)
        return;
    watched->passes = true; /* What is left of its stages is done by looks. */
    if (one->state == TALLY_DISCREPANCY_RESYNC)
        move(node, now, watched, TALLY_OUTCOME_AUTOMATIC, true);
}

/* Everybody but the party is asked what it holds. */
static void resync(struct tally_node *node, struct tally_now now, const struct discrepancy *one)
{
    const struct peers *peers = &node->datagrams.peers;
    for (size_t i = 0; i < peers->end; i++) {
        const struct peer *peer = &peers->list[i];
        if (peer->used && peer->link.state == LINK_LINKED && peer->mesh &&
            !key_equal(&peer->key, &one->party))
            sync_start(&node->sync, now, &peer->key, 0);
    }
}

/* Whether what we hold of the log is what was claimed: its receipts came from somewhere, and lead
   to that root. */
static bool agrees(const struct tally_node *node, const struct discrepancy *one)
{
    const struct tally_ledger *ledger = &node->options.ledger;
    const struct tree tree = {ledger, &one->log};
    struct tally_log_view view;
    struct tally_hash root;
    return one->has_log && one->has_claim && one->claimed_size > 0 &&
           ledger->find(ledger->context, &one->log, &view) && view.size >= one->claimed_size &&
           tree_root(&tree, one->claimed_size, &root) && hash_equal(&root, &one->claimed_root);
}

/* Whether the verdict is behind what is good of the arbiter's log, whose key was revoked. */
static bool is_void(struct tally_node *node, const struct discrepancy *one)
{
    struct tally_hash origin_hash;
    replay_origin(&one->arbiter, &origin_hash);
    return one->verdict >= revoked_limit(fold_of(node)->revoked, &one->arbiter, &origin_hash);
}

/* An arbiter that was asked has spoken, and is still one whose word counts. */
static void adopt(struct tally_node *node, struct tally_now now, struct disputing_case *watched,
                  const struct discrepancy *one)
{
    if (!one->judged || !fold_trusts(fold_of(node), &one->arbiter, TALLY_TRUST_ATTEST) ||
        is_void(node, one))
        return;
    if (one->holds)
        move(node, now, watched, TALLY_OUTCOME_ARBITRATION, true);
    else
        move(node, now, watched, TALLY_OUTCOME_SUSPENSION, false);
}

/* Looks at one case; false: it is over, or not the node's any more. */
static bool look(struct tally_node *node, struct tally_now now, struct disputing_case *watched)
{
    const struct discrepancy *one = discrepancy_find(fold_of(node)->discrepancies, watched->index);
    if (one == NULL)
        return false;
    switch (one->state) {
    case TALLY_DISCREPANCY_OPEN:
    case TALLY_DISCREPANCY_RESYNC:
        if ((watched->until.ms <= now.mono.ms && !watched->passes) || !one->automatic)
            move(node, now, watched, TALLY_OUTCOME_MANUAL, false);
        else if (one->state == TALLY_DISCREPANCY_OPEN)
            move(node, now, watched, TALLY_OUTCOME_AUTOMATIC, false);
        else if (watched->passes || agrees(node, one))
            move(node, now, watched, TALLY_OUTCOME_AUTOMATIC, true);
        return true;
    case TALLY_DISCREPANCY_ARBITRATION:
        adopt(node, now, watched, one);
        return true;
    case TALLY_DISCREPANCY_MANUAL:
        if (watched->passes)
            move(node, now, watched, TALLY_OUTCOME_AUTOMATIC, false);
        return watched->passes;
    case TALLY_DISCREPANCY_SUSPENDED:
    case TALLY_DISCREPANCY_RESOLVED:
    case TALLY_DISCREPANCY_STATES:
        break;
    }
    return false;
}

struct tally_mono disputing_deadline(const struct disputing *disputing)
{
    struct tally_mono next = disputing->count > 0 ? disputing->next : TALLY_NEVER;
    for (unsigned i = 0; i < DISPUTING_FORKS; i++)
        if (disputing->forks[i].any && disputing->forks[i].until.ms < next.ms)
            next = disputing->forks[i].until;
    return next;
}

void disputing_tick(struct tally_node *node, struct tally_now now)
{
    struct disputing *disputing = &node->disputing;
    if (disputing_deadline(disputing).ms > now.mono.ms)
        return;
    disputing_forks_tick(node, now);
    if (disputing->count == 0 || disputing->next.ms > now.mono.ms)
        return;
    (void)replay_arbiters(fold_of(node), &node->options.ledger, DISPUTING_READ);
    for (unsigned i = 0; i < disputing->count;) {
        if (look(node, now, &disputing->cases[i]))
            i++;
        else
            disputing->cases[i] = disputing->cases[--disputing->count];
    }
    disputing->next.ms = now.mono.ms + DISPUTING_LOOK_MS;
}

void disputing_start(struct tally_node *node, struct tally_now now)
{
    const struct discrepancies *all = fold_of(node)->discrepancies;
    for (size_t i = 0; i < all->count; i++)
        case_add(node, now, &all->list[i]); /* Those that are over go at once. */
}

/* ---- What counts now. ---- */

static void moved(struct tally_node *node, struct tally_now now, const struct discrepancy *one,
                  bool fresh)
{
    node_trace(node, now,
               &(struct tally_trace){.kind = fresh ? TALLY_TRACE_DISPUTED : TALLY_TRACE_SETTLED,
                                     .peer = &one->party,
                                     .log = one->has_log ? &one->log : NULL,
                                     .a = fresh ? (uint64_t)one->type : (uint64_t)one->state,
                                     .b = one->index});
    struct disputing_case *watched = case_of(&node->disputing, one->index);
    if (watched != NULL)
        watched->again = now.mono; /* What was asked for is there. */
    case_add(node, now, one);
    node->disputing.next = now.mono;
    if (one->state == TALLY_DISCREPANCY_RESYNC)
        resync(node, now, one);
    if (one->state == TALLY_DISCREPANCY_SUSPENDED)
        connections_part(&node->connections, now, &one->party); /* What is under way of it. */
}

bool disputing_stated(struct tally_node *node, struct tally_now now)
{
    const struct fold *fold = fold_of(node);
    if (fold->last_kind == FED_DISCREPANCY || fold->last_kind == FED_RESOLUTION) {
        moved(node, now, &fold->discrepancies->list[fold->discrepancies->last],
              fold->last_kind == FED_DISCREPANCY);
        return true;
    }
    if (fold->last_kind != FED_SCHEMA)
        return false;
    comparing_start(&node->comparing, now);
    return true;
}

bool tally_node_discrepancy(const struct tally_node *node, size_t index,
                            struct tally_discrepancy_view *view)
{
    const struct discrepancies *all = node->federating.fold.discrepancies;
    if (index >= all->count)
        return false;
    const struct discrepancy *one = &all->list[index];
    *view = (struct tally_discrepancy_view){.index = one->index,
                                            .type = one->type,
                                            .state = one->state,
                                            .outcome = one->outcome,
                                            .party = one->party,
                                            .has_log = one->has_log,
                                            .log = one->log};
    return true;
}

bool disputing_holds(const struct disputing *disputing)
{
    for (unsigned i = 0; i < disputing->count; i++)
        for (unsigned j = 0; j < i; j++)
            if (disputing->cases[i].index == disputing->cases[j].index)
                return false;
    return disputing->count <= DISPUTING_CASES;
}
