/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_SHELF_H
#define CMD_SHELF_H
/*
 * A data directory as verbs read it: no lock, nothing written, also beside a running node. All
 * functions that return false have said why (call_fail); *code is then the exit code.
 */
#include "cmd/call.h"
#include "host/config/paths.h"
#include "tally/log.h"
#include "tally/windows.h"

struct schemas;
struct store;
struct revoked;

struct shelf {
    struct call *call;
    char data[PATHS_MAX];
    struct store *store;
    struct tally_ledger ledger;
    bool has_key; /* There is an identity whose public half we know. */
    struct tally_key key;
    struct revoked *revoked; /* Read when somebody asks; NULL before. */
    enum exit_code code;
    struct schemas *schemas; /* For who shows receipts (meanings.h); NULL: not asked for. */
};

/* A log, with strings of its own. */
struct shelf_log {
    struct tally_log_view view; /* Its strings are the two below. */
    char origin[TALLY_ORIGIN_MAX + 1];
    char name_space[TALLY_NAMESPACE_MAX + 1];
};

/* Reads --data. */
bool shelf_data(struct call *call, char data[PATHS_MAX], enum exit_code *code);

bool shelf_open(struct shelf *shelf, struct call *call);
void shelf_close(struct shelf *shelf);

/* The log of that place in order of origins; false past the last, saying nothing. */
bool shelf_log_at(const struct shelf *shelf, size_t index, struct shelf_log *log);

/* The log an operand names: its origin, the hash of it in hex, or a namespace that only one log
   has (ours before others'). */
bool shelf_find(struct shelf *shelf, const char *name, struct shelf_log *log);

/* One receipt: its envelope into a buffer of TALLY_ENVELOPE_MAX bytes, and what it says. */
struct shelf_receipt {
    uint8_t envelope[TALLY_ENVELOPE_MAX];
    size_t size;
    struct tally_receipt receipt; /* Views into envelope. */
    struct tally_hash hash;
};
bool shelf_receipt(struct shelf *shelf, const struct shelf_log *log, uint64_t index,
                   struct shelf_receipt *receipt);

/* How many receipts of a log are good: all, unless its key is revoked. */
uint64_t shelf_limit(struct shelf *shelf, const struct shelf_log *log);

/* Its body, to be freed; NULL and size 0 if it is withheld or not held (and nothing is said). */
uint8_t *shelf_body(const struct shelf *shelf, const struct shelf_log *log, uint64_t index,
                    size_t *size);

/* Reads a whole file, or standard input for "-", of at most `most` bytes; to be freed, with a NUL
   behind it. NULL if it cannot be, which was said; *code is the exit code. */
uint8_t *shelf_slurp(struct call *call, const char *path, size_t most, size_t *size,
                     enum exit_code *code);

#endif
