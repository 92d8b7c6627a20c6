/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_ISSUER_H
#define LOG_ISSUER_H
/*
 * Writes our own logs: receipts in, signed checkpoints out.
 *
 *     append ──APPEND──▶ durable, answered ──SEAL──▶ tiles read back ──sign, PUBLISH──▶ sealed
 *
 * A receipt is answered when it is durable. Sealing follows by count or by time, one seal of a log
 * at a time; what nobody waits for is sealed with what comes next, or alone after a longer time.
 * Nothing is signed before the tiles were read back from the disk and their root equals the one
 * that was folded here from what was appended (log chapter, sections 3 and 6; reliability 5.2). If
 * an append fails, the log is read again from the ledger: what is durable decides.
 */
#include "core/base/outbox.h"
#include "core/log/merkle.h"
#include "tally/log.h"
#include "tally/node.h"

enum issuer_log_state {
    ISSUER_OPEN,    /* Takes receipts. */
    ISSUER_SEALING, /* SEAL is out; receipts are taken, for the next seal. */
    ISSUER_SIGNING, /* PUBLISH is out. */
    ISSUER_BROKEN,  /* An append failed: refuses until all answers are in, then reloads. */
    ISSUER_STOPPED, /* Frozen or damaged: signs nothing any more in this life. */
};

struct issuer_log {
    enum issuer_log_state state;
    enum tally_error stopped; /* Why STOPPED or BROKEN. */
    char origin[TALLY_ORIGIN_MAX + 1];
    char name_space[TALLY_NAMESPACE_MAX + 1];
    struct tally_hash origin_hash;
    uint64_t next;              /* Sequence of the next receipt. */
    uint64_t durable;           /* Receipts whose APPENDED was good. */
    uint64_t sealed;            /* Size of the stored checkpoint. */
    struct tally_hash previous; /* Hash of envelope next - 1. */
    struct merkle_range range;  /* Over [0, next). */
    uint64_t sealing;           /* Size of the seal under way. */
    struct tally_hash sealing_root;
    uint64_t seal_ticket;
    struct tally_mono seal_at; /* When the seal by time is due. */
    uint64_t pressing;         /* Behind the last receipt that somebody waits for. */
    unsigned in_flight;
};

struct issuer_pending {
    uint64_t ticket;  /* Of APPEND. */
    uint64_t command; /* Host's ticket, if tag is 0. */
    uint64_t tag;     /* The node's own receipts; see issuer_statement. */
    uint64_t index;
    uint16_t log;
    struct tally_hash receipt;
};

struct issuer_options {
    struct tally_key key;
    unsigned seal_receipts, seal_ms, seal_quiet_ms, pending_max, logs_max;
    const struct tally_ledger *ledger;
    const struct tally_crypto *crypto;
};

/* Lent for the issuer's life: logs_max and pending_max of the options. */
struct issuer_memory {
    struct issuer_log *logs;
    struct issuer_pending *pending;
};

struct issuer {
    struct issuer_options options;
    struct issuer_log *logs; /* options.logs_max of them. */
    unsigned count;
    struct issuer_pending *pending; /* A ring of options.pending_max: answers come in order. */
    unsigned pending_first, pending_count;
    uint64_t tickets;
    uint64_t seal_command; /* Host's ticket of a SEAL command, while has_seal. */
    bool has_seal;
    bool writable;
    enum tally_error held; /* Why nothing is signed (core/log/guard.h); OK. */
    bool ended;            /* Our key is revoked: no more receipts; what there is is sealed. */
};

/* What became of our receipts, for others to know. */
struct issuer_news {
    enum { ISSUER_NOTHING, ISSUER_DURABLE, ISSUER_SEALED, ISSUER_FAILED } kind;
    uint64_t tag; /* DURABLE, FAILED: of issuer_statement; 0 otherwise. */
    const struct issuer_log *log;
    uint64_t index;          /* DURABLE: of the receipt. */
    enum tally_error error;  /* FAILED. */
    struct tally_bytes note; /* SEALED: the checkpoint, valid until the next step. */
    struct tally_hash root;  /* SEALED. */
};

/* Tickets of this module have this in their top byte. */
#define ISSUER_TICKETS (UINT64_C(1) << 56)

/* Own logs are loaded from the ledger. */
void issuer_init(struct issuer *issuer, const struct issuer_options *options,
                 const struct issuer_memory *memory, struct tally_now now);

struct tally_mono issuer_deadline(const struct issuer *issuer);
void issuer_tick(struct issuer *issuer, struct tally_now now, struct outbox *out);

/* COMMAND APPEND and SEAL. The answer is given in time, refusals at once. */
void issuer_append(struct issuer *issuer, struct tally_now now, const struct tally_command *command,
                   struct outbox *out);
void issuer_seal(struct issuer *issuer, struct tally_now now, uint64_t command, struct outbox *out);

/* A statement of the node itself in the namespace `federation`; tag > 0 comes back in the news.
   The error says why it was refused at once. */
enum tally_error issuer_statement(struct issuer *issuer, struct tally_now now, const char *type,
                                  const struct tally_reference *references, size_t count,
                                  struct tally_bytes body, uint64_t tag, struct outbox *out);

/* The same of what happened, which others need not know soon: it waits for company, for at most
   seal_quiet_ms. It is as durable as any. */
enum tally_error issuer_record(struct issuer *issuer, struct tally_now now, const char *type,
                               const struct tally_reference *references, size_t count,
                               struct tally_bytes body, uint64_t tag, struct outbox *out);

/* COMMAND STATE: a statement that was checked. The answer is given in time; an error: it was
   refused at once, and is not answered here. */
enum tally_error issuer_state(struct issuer *issuer, struct tally_now now,
                              const struct tally_command *command, struct outbox *out);

/* The events that answer our actions. */
void issuer_on_appended(struct issuer *issuer, struct tally_now now, uint64_t ticket,
                        enum tally_error error, struct issuer_news *news, struct outbox *out);
void issuer_on_sealed(struct issuer *issuer, struct tally_now now, const struct tally_event *event,
                      struct issuer_news *news, struct outbox *out);
void issuer_on_published(struct issuer *issuer, struct tally_now now,
                         const struct tally_event *event, struct issuer_news *news,
                         struct outbox *out);
void issuer_on_space(struct issuer *issuer, bool writable);

/* Until it is OK again nothing is appended and nothing sealed, in no log, for that reason. What is
   on its way to the disk arrives. */
void issuer_hold(struct issuer *issuer, struct tally_now now, enum tally_error why);
/* Our key is revoked: no receipt is taken any more. */
void issuer_end(struct issuer *issuer);

/* That log signs nothing any more in this life, because it is frozen or damaged. */
void issuer_stop(struct issuer *issuer, const struct tally_hash *origin_hash, enum tally_error why);

/* A log of ours was brought forward from what others hold of it. Nothing of it is under way. */
void issuer_recovered(struct issuer *issuer, struct tally_now now,
                      const struct tally_log_view *view);

/* The own log of that origin hash; NULL if there is none. */
const struct issuer_log *issuer_find(const struct issuer *issuer,
                                     const struct tally_hash *origin_hash);

bool issuer_holds(const struct issuer *issuer);

#endif
