/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node/revoking.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/federation/replay.h"
#include "core/node/node.h"

static bool known(const struct tally_node *node, const struct tally_key *key)
{
    return notice_known(&node->datagrams.peers, &node->datagrams.heads, key);
}

/* Our own key is no more: nothing is taken, and of logs that go further nothing is signed. */
static void end(struct tally_node *node)
{
    const struct issuer *issuer = &node->issuer;
    issuer_end(&node->issuer);
    for (unsigned i = 0; i < issuer->count; i++) {
        const struct issuer_log *log = &issuer->logs[i];
        if (log->next >
            revoked_limit(&node->federating.revoked, &node->options.key, &log->origin_hash))
            issuer_stop(&node->issuer, &log->origin_hash, TALLY_REVOKED);
    }
}

void revoking_start(struct tally_node *node)
{
    struct revoked *revoked = &node->federating.revoked;
    const struct tally_ledger *ledger = &node->options.ledger;
    struct tally_log_view view;
    for (size_t i = 0; ledger->log(ledger->context, i, &view); i++)
        revoking_named(node, &view, 0);
    node->federating.unsettled = true;
    replay_revoked(revoked, &node->options.ledger, &node->options.crypto);
    if (revoked_find(revoked, &node->options.key) != NULL)
        end(node);
}

/* Whose word counts of a key that is revoked may be another's from now on. */
static void named(struct tally_node *node, const struct tally_log_view *view, uint64_t from)
{
    struct revoked *revoked = &node->federating.revoked;
    if (replay_keys(revoked, &node->options.ledger, view, from) &&
        revoked_find(revoked, &view->issuer) != NULL) {
        federating_limited(node, &view->issuer);
        guarding_revoked(node, &view->issuer);
    }
}

void revoking_named(struct tally_node *node, const struct tally_log_view *view, uint64_t from)
{
    if (strcmp(view->name_space, TALLY_STATEMENTS) == 0)
        named(node, view, from);
}

void revoking_count(struct tally_node *node)
{
    struct revoked *revoked = &node->federating.revoked;
    revoked->unknown = 0;
    for (size_t i = 0; i < revoked->count; i++)
        if (!known(node, &revoked->keys[i].key))
            revoked->unknown += revoked->keys[i].evidence;
}

/* ---- One that is news. ---- */

static void keep(struct tally_node *node, struct tally_bytes bytes)
{
    struct tally_action *action = outbox_add(&node->outbox, TALLY_ACTION_EVIDENCE);
    action->evidence.revocation = true;
    action->evidence.bytes = outbox_copy(&node->outbox, bytes);
    hash_sha256(action->evidence.bytes, &action->evidence.name);
}

static bool room(const struct tally_node *node)
{
    return outbox_room(&node->outbox, 1, TALLY_SIGNED_BODY_MAX);
}

/* Kept, and what follows from it; whoever calls tells the others. */
static void learn(struct tally_node *node, struct tally_now now,
                  const struct revocation *revocation, struct tally_bytes bytes)
{
    const struct tally_key party = revocation->party;
    node_trace(node, now,
               &(struct tally_trace){.kind = TALLY_TRACE_REVOKED,
                                     .peer = &party,
                                     .a = revocation->said.reason,
                                     .b = revocation->index});
    keep(node, bytes);
    revoked_take(&node->federating.revoked, revocation, bytes, known(node, &party));
    if (key_equal(&party, &node->options.key))
        end(node);
    federating_limited(node, &party);
    guarding_revoked(node, &party);
    notice_wake(&node->datagrams.notice, &node->datagrams.peers, now);
}

void revoking_heard(struct tally_node *node, struct tally_now now, const struct peer *from,
                    const struct notice_news *news)
{
    const struct tally_key party = news->revocation.party;
    if (news->keep && !room(node))
        return; /* It is told again. */
    if (news->keep)
        learn(node, now, &news->revocation, news->bytes);
    datagrams_pass_notice(&node->datagrams, now, from, news, &node->outbox);
    if (news->keep)
        federating_enforce(node, now, &party);
}

/* The message of our own statement; its size, 0 if the disk does not give it back. */
static size_t own(const struct tally_node *node, uint64_t index,
                  uint8_t bytes[TALLY_SIGNED_BODY_MAX])
{
    const struct tally_ledger *ledger = &node->options.ledger;
    const struct tally_hash *origin = &node->federating.origin_hash;
    uint8_t envelope[TALLY_ENVELOPE_MAX], body[FED_BODY_MAX];
    size_t size, whole;
    size = ledger->entry(ledger->context, origin, index, envelope, sizeof envelope);
    if (size == 0 || !ledger->body(ledger->context, origin, index, 0, body, sizeof body, &whole) ||
        whole > sizeof body)
        return 0;
    return revocation_write(bytes_of(envelope, size), bytes_of(body, whole), bytes);
}

static void learn_own(struct tally_node *node, struct tally_now now, uint64_t index)
{
    uint8_t bytes[TALLY_SIGNED_BODY_MAX];
    struct revocation revocation;
    size_t size = own(node, index, bytes);
    if (size == 0 || revocation_read(bytes_of(bytes, size), &revocation) != TALLY_DROP_NONE ||
        revoked_judge(&node->federating.revoked, &revocation, true) != TALLY_DROP_NONE)
        return;
    learn(node, now, &revocation, bytes_of(bytes, size));
    datagrams_notice(&node->datagrams, now, bytes_of(bytes, size), &node->outbox);
}

void revoking_stated(struct tally_node *node, struct tally_now now, uint64_t index)
{
    learn_own(node, now, index);
}

/* A key's first words: from whom it took over. Others may read on there. */
static bool succeed(struct tally_node *node, struct tally_now now)
{
    struct federating *federating = &node->federating;
    const struct tally_key *elder = revoked_elder(&federating->revoked, &federating->fold.self);
    uint8_t body[FED_BODY_MAX];
    if (elder == NULL || federating->folded > 0 || federating->awaited > 0)
        return true;
    const struct fed_statement said = {.kind = FED_SUCCEED_KEY, .party = *elder};
    size_t size = fed_write(&said, body);
    uint8_t *kept = outbox_take(&node->outbox, size);
    memcpy(kept, body, size);
    enum tally_error error = issuer_statement(&node->issuer, now, fed_type(FED_SUCCEED_KEY), NULL,
                                              0, bytes_of(kept, size), 0, &node->outbox);
    return error != TALLY_READ_ONLY && error != TALLY_UNCONFIRMED;
}

void revoking_settle(struct tally_node *node, struct tally_now now)
{
    const struct fold *fold = &node->federating.fold;
    if (!node->federating.unsettled)
        return;
    if (node->federating.revoked.count > 0)
        notice_wake(&node->datagrams.notice, &node->datagrams.peers, now);
    if (fold->ended && revoked_find(&node->federating.revoked, &fold->self) == NULL)
        learn_own(node, now, fold->ended_at);
    node->federating.unsettled = !succeed(node, now);
}

/* ---- By the operator. ---- */

static enum tally_error error_of(enum tally_drop drop)
{
    if (drop == TALLY_DROP_NONE || drop == TALLY_DROP_SEEN)
        return TALLY_OK;
    if (drop == TALLY_DROP_BUSY)
        return TALLY_TOO_LARGE; /* More than is kept of one key: waiting does not help. */
    return drop == TALLY_DROP_MALFORMED ? TALLY_MALFORMED : TALLY_MISMATCH;
}

void revoking_command(struct tally_node *node, struct tally_now now,
                      const struct tally_command *command)
{
    const struct tally_bytes bytes = command->revoke.bytes;
    struct revocation revocation;
    enum tally_drop drop = revocation_read(bytes, &revocation);
    if (drop == TALLY_DROP_NONE)
        drop = revocation_verify(&revocation, &node->options.crypto);
    if (!room(node)) {
        node_answer(node, command->ticket, TALLY_BUSY);
        return;
    }
    if (drop == TALLY_DROP_NONE)
        drop = revoked_judge(&node->federating.revoked, &revocation, true);
    if (drop == TALLY_DROP_NONE) {
        const struct tally_key party = revocation.party;
        learn(node, now, &revocation, bytes);
        datagrams_notice(&node->datagrams, now, bytes, &node->outbox);
        federating_enforce(node, now, &party);
    }
    node_answer(node, command->ticket, error_of(drop));
}
