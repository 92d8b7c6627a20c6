/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_CARRY_H
#define CMD_CARRY_H
/*
 * Logs that come on files. The synchronisation that nodes do with one another is done here between
 * two directories: the same asker, with each of its checks (heads, consistency, packages,
 * signatures, roots), asks a server that reads the other directory. What is good and proved is
 * kept, up to what is not.
 */
#include "core/federation/fold.h"
#include "host/store/store.h"
#include "tally/windows.h"

struct carry_options {
    struct store *into;       /* Locked, ours. */
    const struct store *from; /* Read only; nothing in it is believed. */
    struct tally_ledger from_ledger;
    const struct fold *fold; /* Whose logs are taken: ADMISSION_CARRY. */
    struct tally_key key;    /* Ours. */
    struct tally_crypto crypto;
};

struct carry {
    uint64_t logs;          /* Moved to a larger checkpoint. */
    unsigned forks;         /* Proved; the evidence is written. */
    bool guarded;           /* It has more of our own log than we do. */
    enum tally_drop drop;   /* Why it ended early; NONE. */
    enum tally_error error; /* Of our own disk; OK. */
};

/* Takes what is new. NO_MEMORY, or OK with *carry. */
enum tally_error carry_logs(const struct carry_options *options, struct carry *carry);

#endif
