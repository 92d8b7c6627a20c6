/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FEDERATION_WORDS_H
#define FEDERATION_WORDS_H
/*
 * Statements about trust, as bodies of receipts in the namespace `federation`
 * (proto/federation.cddl). A receipt's type says which statement its body is; what these types are
 * to us is said here once.
 */
#include "core/wire/messages.h"
#include "tally/error.h"
#include "tally/federation.h"

enum fed_kind {
    FED_UNKNOWN, /* Of a later version, or nobody's: kept in the log, and without effect. */
    FED_SYNC,    /* SYNC_EVENT, SYNC_CONFIRMED, fed_witness_event: what happened, not whom we
                    trust. */
    FED_ADMIT,
    FED_LEVEL,
    FED_WITHDRAW,
    FED_MODE,
    FED_CONFIRM, /* The operator's word that no peer holds more of our logs. */
    FED_PROPOSE, /* Agreements: core/federation/agreement.h. */
    FED_ACCEPT,
    FED_ESTABLISH,
    FED_REJECT,
    FED_RETRACT,
    FED_REVOKE,
    FED_DISCREPANCY, /* discrepancy.h has what becomes of these three. */
    FED_RESOLUTION,
    FED_ARBITRATION,
    FED_SCHEMA, /* schemas.h */
    FED_SCHEMA_SYNC,
    FED_CROSS_ANCHOR, /* cross.h */
    FED_KEYS,
    FED_REVOKE_KEY,
    FED_SUCCEED_KEY,
    FED_WITNESS,
    FED_WITNESS_URL, /* outside.h */
    FED_POLICY,      /* reception.h */
    FED_KINDS
};

enum {
    FED_NOTE_MAX = 120,
    FED_BODY_MAX = 2048, /* The greatest statement: an agreement with all its terms, and a note. */
    FED_REVOKE_NOTE_MAX = 60,
    FED_LIMITS_MAX = 24, /* Logs that a revocation names. */
};

/* The keys beside an identity, each with one meaning (reliability 9 rule 1). */
enum fed_key { FED_KEY_RECOVERY, FED_KEY_WITNESS, FED_KEY_MIRROR, FED_KEY_AUDITOR, FED_KEYS_COUNT };

/* What is signed by whom in a revocation beside its envelope: see revocation.h. */
struct fed_revoke {
    enum tally_revoked_reason reason;
    bool has_successor, has_authority;
    struct tally_key successor;
    struct tally_signature handover, authority;
    size_t limit_count;
    struct fed_limit {
        uint8_t origin[8]; /* The first bytes of its hash. */
        uint64_t size;
    } limits[FED_LIMITS_MAX];
};

/* One statement, whatever its kind. What its kind has no word for is zero. */
struct fed_statement {
    enum fed_kind kind;
    struct tally_key party;
    enum tally_trust level;
    bool has_roles;
    uint8_t roles;
    enum tally_mode mode;
    bool asked;              /* WITNESS: it is asked to cosign. */
    struct tally_bytes note; /* A view into what was read, as are the texts of terms. */
    /* ACCEPT and ESTABLISH: whole, and `party` is the other one. PROPOSE: level, replaces and
       terms; who proposes is the issuer, and the offer is the receipt itself. */
    struct tally_fed_agreement agreement;
    bool has_about;          /* PROPOSE: it is a counter. */
    struct tally_hash about; /* The offer that is answered or taken back; REVOKE: the agreement. */
    struct tally_wall until; /* PROPOSE: expires. REVOKE: takes effect. */
    uint16_t notice_days;    /* REVOKE. */
    enum tally_refusal refusal;   /* REJECT. */
    bool has_key[FED_KEYS_COUNT]; /* KEYS. */
    struct tally_key keys[FED_KEYS_COUNT];
    struct fed_revoke revoke;
    union {
        struct tally_fed_discrepancy discrepancy;
        struct tally_fed_resolution resolution;
        struct tally_fed_arbitration arbitration;
        struct tally_fed_schema schema;
        struct tally_fed_schema_sync schema_sync;
        struct tally_fed_cross_anchor cross_anchor;
        struct tally_fed_witness_url witness_url;
        struct tally_fed_policy policy;
    };
};

/* Whether a kind is of agreements. */
static inline bool fed_agrees(enum fed_kind kind)
{
    return kind >= FED_PROPOSE && kind <= FED_REVOKE;
}

/* Whether another party's statement of that kind may matter to us. */
static inline bool fed_hears(enum fed_kind kind)
{
    return fed_agrees(kind) || kind == FED_POLICY;
}

/* The type of a receipt that carries such a statement, "fed_admit"; NULL for UNKNOWN and SYNC. */
const char *fed_type(enum fed_kind kind);
enum fed_kind fed_kind_of(struct tally_bytes type);

/* Reads the body of a receipt of that type, strictly: NONE, or MALFORMED. For UNKNOWN and SYNC,
   whose bodies are not looked at, it is NONE, and only the kind is set. */
enum tally_drop fed_read(struct tally_bytes type, struct tally_bytes body,
                         struct fed_statement *statement);

/* Bytes written; 0 if there is no such statement (its kind, a level, a note out of bounds). */
size_t fed_write(const struct fed_statement *statement, uint8_t body[FED_BODY_MAX]);

/* Of fed_read and fed_write: the bodies that are about keys (words_keys.c). */
struct wire_reader;
struct wire_writer;
bool fed_read_keys(struct wire_reader *r, struct fed_statement *statement);
void fed_write_keys(const struct fed_statement *statement, struct wire_writer *w);

#endif
