/* SPDX-License-Identifier: Apache-2.0 */
#include "core/federation/words.h"

#include "core/base/bytes.h"
#include "core/federation/terms.h"

static const char *const types[FED_KINDS] = {
    [FED_ADMIT] = "fed_admit",
    [FED_LEVEL] = "fed_level",
    [FED_WITHDRAW] = "fed_withdraw",
    [FED_MODE] = "fed_mode",
    [FED_CONFIRM] = "fed_confirm",
    [FED_PROPOSE] = "fed_trust_proposal",
    [FED_ACCEPT] = "fed_trust_accepted",
    [FED_ESTABLISH] = "fed_trust_established",
    [FED_REJECT] = "fed_trust_rejected",
    [FED_RETRACT] = "fed_trust_retracted",
    [FED_REVOKE] = "fed_trust_revoked",
    [FED_DISCREPANCY] = "fed_discrepancy",
    [FED_RESOLUTION] = "fed_resolution",
    [FED_ARBITRATION] = "fed_arbitration",
    [FED_SCHEMA] = "fed_schema",
    [FED_SCHEMA_SYNC] = "fed_schema_sync",
    [FED_CROSS_ANCHOR] = "fed_cross_anchor",
    [FED_KEYS] = "fed_keys",
    [FED_REVOKE_KEY] = "fed_revoke",
    [FED_SUCCEED_KEY] = "fed_succeed",
    [FED_WITNESS] = "fed_witness",
    [FED_WITNESS_URL] = "fed_witness_url",
    [FED_POLICY] = "fed_policy",
};

/* What synchronisation states by itself (core/sync/statement.h), and witnesses do. */
static const char *const sync_types[] = {"SYNC_EVENT", "SYNC_CONFIRMED", "fed_witness_event"};

const char *fed_type(enum fed_kind kind)
{
    return types[kind];
}

enum fed_kind fed_kind_of(struct tally_bytes type)
{
    for (enum fed_kind kind = FED_ADMIT; kind < FED_KINDS; kind++)
        if (bytes_equal(type, bytes_text(types[kind])))
            return kind;
    for (size_t i = 0; i < sizeof sync_types / sizeof *sync_types; i++)
        if (bytes_equal(type, bytes_text(sync_types[i])))
            return FED_SYNC;
    return FED_UNKNOWN;
}

static void read_admit(struct wire_reader *r, struct fed_statement *statement)
{
    struct tally_fed_admit admit;
    tally_fed_admit_read(r, &admit);
    statement->party = admit.party;
    statement->level = (enum tally_trust)admit.level;
    statement->has_roles = true;
    statement->roles = (uint8_t)admit.roles;
    statement->note = admit.note;
}

static void read_level(struct wire_reader *r, struct fed_statement *statement)
{
    struct tally_fed_level level;
    tally_fed_level_read(r, &level);
    statement->party = level.party;
    statement->level = (enum tally_trust)level.level;
    statement->has_roles = level.has_roles;
    statement->roles = level.has_roles ? (uint8_t)level.roles : 0;
    statement->note = level.note;
}

static void read_withdraw(struct wire_reader *r, struct fed_statement *statement)
{
    struct tally_fed_withdraw withdraw;
    tally_fed_withdraw_read(r, &withdraw);
    statement->party = withdraw.party;
    statement->note = withdraw.note;
}

static void read_mode(struct wire_reader *r, struct fed_statement *statement)
{
    struct tally_fed_mode mode;
    tally_fed_mode_read(r, &mode);
    statement->mode = mode.mode == 0 ? TALLY_MODE_STRICT : TALLY_MODE_OPEN;
    statement->note = mode.note;
}

static void read_confirm(struct wire_reader *r, struct fed_statement *statement)
{
    struct tally_fed_confirm confirm;
    tally_fed_confirm_read(r, &confirm);
    statement->note = confirm.note;
}

static void read_witness(struct wire_reader *r, struct fed_statement *statement)
{
    struct tally_fed_witness witness;
    tally_fed_witness_read(r, &witness);
    statement->party = witness.party;
    statement->asked = witness.asked == 1;
    statement->note = witness.note;
}

/* Those that stand in a statement as they were read. */
static void read_plain(struct wire_reader *r, struct fed_statement *statement)
{
    enum fed_kind kind = statement->kind;
    if (kind == FED_DISCREPANCY)
        tally_fed_discrepancy_read(r, &statement->discrepancy);
    else if (kind == FED_RESOLUTION)
        tally_fed_resolution_read(r, &statement->resolution);
    else if (kind == FED_ARBITRATION)
        tally_fed_arbitration_read(r, &statement->arbitration);
    else if (kind == FED_SCHEMA)
        tally_fed_schema_read(r, &statement->schema);
    else if (kind == FED_SCHEMA_SYNC)
        tally_fed_schema_sync_read(r, &statement->schema_sync);
    else if (kind == FED_CROSS_ANCHOR)
        tally_fed_cross_anchor_read(r, &statement->cross_anchor);
    else if (kind == FED_WITNESS_URL)
        tally_fed_witness_url_read(r, &statement->witness_url);
    else
        tally_fed_policy_read(r, &statement->policy);
}

enum tally_drop fed_read(struct tally_bytes type, struct tally_bytes body,
                         struct fed_statement *statement)
{
    struct wire_reader r;
    *statement = (struct fed_statement){.kind = fed_kind_of(type)};
    wire_reader_init(&r, body);
    switch (statement->kind) {
    case FED_UNKNOWN:
    case FED_SYNC:
    case FED_KINDS:
        return TALLY_DROP_NONE;
    case FED_ADMIT:
        read_admit(&r, statement);
        break;
    case FED_LEVEL:
        read_level(&r, statement);
        break;
    case FED_WITHDRAW:
        read_withdraw(&r, statement);
        break;
    case FED_MODE:
        read_mode(&r, statement);
        break;
    case FED_DISCREPANCY:
    case FED_RESOLUTION:
    case FED_ARBITRATION:
    case FED_SCHEMA:
    case FED_SCHEMA_SYNC:
    case FED_CROSS_ANCHOR:
    case FED_WITNESS_URL:
    case FED_POLICY:
        read_plain(&r, statement);
        break;
    case FED_CONFIRM:
        read_confirm(&r, statement);
        break;
    case FED_PROPOSE:
    case FED_ACCEPT:
    case FED_ESTABLISH:
    case FED_REJECT:
    case FED_RETRACT:
    case FED_REVOKE:
        terms_read(&r, statement);
        break;
    case FED_KEYS:
    case FED_REVOKE_KEY:
    case FED_SUCCEED_KEY:
        if (!fed_read_keys(&r, statement))
            return TALLY_DROP_MALFORMED;
        break;
    case FED_WITNESS:
        read_witness(&r, statement);
        break;
    }
    return wire_reader_done(&r) ? TALLY_DROP_NONE : TALLY_DROP_MALFORMED;
}

/* The writers take what they are given; the strict reader says whether that is a statement. */
static bool reads_back(const struct fed_statement *statement, struct tally_bytes body)
{
    struct fed_statement again;
    return body.size > 0 &&
           fed_read(bytes_text(fed_type(statement->kind)), body, &again) == TALLY_DROP_NONE;
}

static void write_admit(const struct fed_statement *statement, struct wire_writer *w)
{
    tally_fed_admit_write(&(struct tally_fed_admit){.party = statement->party,
                                                    .level = (uint8_t)statement->level,
                                                    .roles = statement->roles,
                                                    .note = statement->note},
                          w);
}

static void write_level(const struct fed_statement *statement, struct wire_writer *w)
{
    tally_fed_level_write(&(struct tally_fed_level){.party = statement->party,
                                                    .level = (uint8_t)statement->level,
                                                    .has_roles = statement->has_roles,
                                                    .roles = statement->roles,
                                                    .note = statement->note},
                          w);
}

static void write_witness(const struct fed_statement *statement, struct wire_writer *w)
{
    tally_fed_witness_write(&(struct tally_fed_witness){.party = statement->party,
                                                        .asked = statement->asked,
                                                        .note = statement->note},
                            w);
}

static void write_plain(const struct fed_statement *statement, struct wire_writer *w)
{
    enum fed_kind kind = statement->kind;
    if (kind == FED_DISCREPANCY)
        tally_fed_discrepancy_write(&statement->discrepancy, w);
    else if (kind == FED_RESOLUTION)
        tally_fed_resolution_write(&statement->resolution, w);
    else if (kind == FED_ARBITRATION)
        tally_fed_arbitration_write(&statement->arbitration, w);
    else if (kind == FED_SCHEMA)
        tally_fed_schema_write(&statement->schema, w);
    else if (kind == FED_SCHEMA_SYNC)
        tally_fed_schema_sync_write(&statement->schema_sync, w);
    else if (kind == FED_CROSS_ANCHOR)
        tally_fed_cross_anchor_write(&statement->cross_anchor, w);
    else if (kind == FED_WITNESS_URL)
        tally_fed_witness_url_write(&statement->witness_url, w);
    else
        tally_fed_policy_write(&statement->policy, w);
}

size_t fed_write(const struct fed_statement *statement, uint8_t body[FED_BODY_MAX])
{
    struct wire_writer w;
    wire_writer_init(&w, body, FED_BODY_MAX);
    switch (statement->kind) {
    case FED_UNKNOWN:
    case FED_SYNC:
    case FED_KINDS:
        return 0;
    case FED_ADMIT:
        write_admit(statement, &w);
        break;
    case FED_LEVEL:
        write_level(statement, &w);
        break;
    case FED_WITHDRAW:
        tally_fed_withdraw_write(
            &(struct tally_fed_withdraw){.party = statement->party, .note = statement->note}, &w);
        break;
    case FED_MODE:
        if (statement->mode == TALLY_MODE_UNSAID)
            return 0; /* Nobody can say that nobody said anything. */
        tally_fed_mode_write(&(struct tally_fed_mode){.mode = statement->mode == TALLY_MODE_OPEN,
                                                      .note = statement->note},
                             &w);
        break;
    case FED_DISCREPANCY:
    case FED_RESOLUTION:
    case FED_ARBITRATION:
    case FED_SCHEMA:
    case FED_SCHEMA_SYNC:
    case FED_CROSS_ANCHOR:
    case FED_WITNESS_URL:
    case FED_POLICY:
        write_plain(statement, &w);
        break;
    case FED_CONFIRM:
        tally_fed_confirm_write(&(struct tally_fed_confirm){.note = statement->note}, &w);
        break;
    case FED_PROPOSE:
    case FED_ACCEPT:
    case FED_ESTABLISH:
    case FED_REJECT:
    case FED_RETRACT:
    case FED_REVOKE:
        terms_write(statement, &w);
        break;
    case FED_KEYS:
    case FED_REVOKE_KEY:
    case FED_SUCCEED_KEY:
        fed_write_keys(statement, &w);
        break;
    case FED_WITNESS:
        write_witness(statement, &w);
        break;
    }
    struct tally_bytes written = wire_writer_bytes(&w);
    return reads_back(statement, written) ? written.size : 0;
}
