/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of statements about a node's own keys: which there are, which is no more, which went
   before. */
#include "core/base/bytes.h"
#include "core/federation/words.h"
#include "core/wire/messages.h"

static void read_keys(struct wire_reader *r, struct fed_statement *statement)
{
    struct tally_fed_keys keys;
    tally_fed_keys_read(r, &keys);
    statement->has_key[FED_KEY_RECOVERY] = keys.has_recovery;
    statement->keys[FED_KEY_RECOVERY] = keys.recovery;
    statement->has_key[FED_KEY_WITNESS] = keys.has_witness;
    statement->keys[FED_KEY_WITNESS] = keys.witness;
    statement->has_key[FED_KEY_MIRROR] = keys.has_mirror;
    statement->keys[FED_KEY_MIRROR] = keys.mirror;
    statement->has_key[FED_KEY_AUDITOR] = keys.has_auditor;
    statement->keys[FED_KEY_AUDITOR] = keys.auditor;
    statement->note = keys.note;
}

static bool read_revoke(struct wire_reader *r, struct fed_statement *statement)
{
    struct tally_fed_revoke message;
    struct fed_revoke *revoke = &statement->revoke;
    tally_fed_revoke_read(r, &message);
    if (!wire_reader_done(r) || message.has_successor != message.has_handover)
        return false;
    statement->party = message.party;
    statement->note = message.note;
    revoke->reason = (enum tally_revoked_reason)message.reason;
    revoke->has_successor = message.has_successor;
    revoke->has_authority = message.has_authority;
    if (message.has_successor) {
        revoke->successor = message.successor;
        revoke->handover = message.handover;
    }
    if (message.has_authority)
        revoke->authority = message.authority;
    revoke->limit_count = message.logs_count;
    for (size_t i = 0; i < message.logs_count; i++) {
        memcpy(revoke->limits[i].origin, message.logs[i].origin, sizeof message.logs[i].origin);
        revoke->limits[i].size = message.logs[i].size;
        /* In one order, each once: one form of one thing. */
        if (i > 0 && memcmp(message.logs[i - 1].origin, message.logs[i].origin, 8) >= 0)
            return false;
    }
    return !message.has_successor || !key_equal(&message.party, &message.successor);
}

bool fed_read_keys(struct wire_reader *r, struct fed_statement *statement)
{
    struct tally_fed_succeed succeed;
    if (statement->kind == FED_REVOKE_KEY)
        return read_revoke(r, statement);
    if (statement->kind == FED_KEYS) {
        read_keys(r, statement);
        return true;
    }
    tally_fed_succeed_read(r, &succeed);
    statement->party = succeed.party;
    statement->note = succeed.note;
    return true;
}

static void write_revoke(const struct fed_statement *statement, struct wire_writer *w)
{
    const struct fed_revoke *revoke = &statement->revoke;
    struct tally_fed_revoke message = {.party = statement->party,
                                       .reason = (uint8_t)revoke->reason,
                                       .has_successor = revoke->has_successor,
                                       .successor = revoke->successor,
                                       .has_handover = revoke->has_successor,
                                       .handover = revoke->handover,
                                       .has_authority = revoke->has_authority,
                                       .authority = revoke->authority,
                                       .logs_count = revoke->limit_count,
                                       .note = statement->note};
    for (size_t i = 0; i < revoke->limit_count; i++) {
        memcpy(message.logs[i].origin, revoke->limits[i].origin, sizeof message.logs[i].origin);
        message.logs[i].size = revoke->limits[i].size;
    }
    tally_fed_revoke_write(&message, w);
}

static void write_keys(const struct fed_statement *statement, struct wire_writer *w)
{
    const struct tally_key *keys = statement->keys;
    const struct tally_fed_keys message = {.has_recovery = statement->has_key[FED_KEY_RECOVERY],
                                           .recovery = keys[FED_KEY_RECOVERY],
                                           .has_witness = statement->has_key[FED_KEY_WITNESS],
                                           .witness = keys[FED_KEY_WITNESS],
                                           .has_mirror = statement->has_key[FED_KEY_MIRROR],
                                           .mirror = keys[FED_KEY_MIRROR],
                                           .has_auditor = statement->has_key[FED_KEY_AUDITOR],
                                           .auditor = keys[FED_KEY_AUDITOR],
                                           .note = statement->note};
    tally_fed_keys_write(&message, w);
}

void fed_write_keys(const struct fed_statement *statement, struct wire_writer *w)
{
    if (statement->kind == FED_KEYS)
        write_keys(statement, w);
    else if (statement->kind == FED_REVOKE_KEY)
        write_revoke(statement, w);
    else
        tally_fed_succeed_write(
            &(struct tally_fed_succeed){.party = statement->party, .note = statement->note}, w);
}
