/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_CALL_H
#define CMD_CALL_H
/*
 * One call of the program: which verb, with which options and operands, and how it ends. The verbs
 * stand in one table (verbs.c), from which parsing, help and the man page come.
 */
#include "host/config/complaint.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit codes (docs/operations.md). 5, 6 and 7 never mean anything else. */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NO_DAEMON = 3,
    EXIT_NOT_FOUND = 4,
    EXIT_UNVERIFIED = 5,
    EXIT_FORK = 6,
    EXIT_POLICY = 7,
    EXIT_LOCKED = 8,
    EXIT_TIMED_OUT = 9,
    EXIT_CONFIGURATION = 10,
};

struct call;

struct option {
    const char *name;  /* Without the dashes; NULL ends a list. */
    const char *value; /* What follows it, for help: "DIR". NULL: a flag. */
    const char *help;
};

struct verb {
    const char *noun; /* NULL: a verb that concerns the whole node. */
    const char *name;
    const char *alias;            /* A short form without the noun, or NULL. */
    const char *operands;         /* For help; "" without any. */
    unsigned least, most;         /* How many operands. */
    const struct option *options; /* Beside those that every verb has. */
    const char *schema;           /* Of --json, without "tally/"; NULL: it has none. */
    const char *exits;            /* Codes it may end with beside 0, 1 and 2. */
    const char *summary;          /* One line. */
    const char *details;          /* Paragraphs, or "". */
    enum exit_code (*run)(struct call *call);
};

enum { CALL_VALUES_MAX = 128 };

struct call {
    const struct verb *verb;
    bool json, help;
    struct {
        const struct option *option;
        const char *text;
    } values[CALL_VALUES_MAX];
    size_t value_count;
    const char *const *operands;
    size_t operand_count;
    struct complaint complaint; /* For call_fail. */
    const char *remedy;         /* What to do about it; NULL: what is usual for its error. */
};

/* The table. NULL past the last. */
const struct verb *verb_at(size_t index);
/* Options every verb has; a list ended by a NULL name. */
const struct option *verb_common(void);
/* "receipt append". */
void verb_title(const struct verb *verb, char *title, size_t size);

/* Reads the arguments and runs the verb. */
enum exit_code call_main(int count, char **arguments);

/* The last value of an option, or NULL; the n-th one; whether a flag was given. */
const char *call_option(const struct call *call, const char *name);
const char *call_option_at(const struct call *call, const char *name, size_t index);
bool call_flag(const struct call *call, const char *name);

/* A whole number of least..most; else EXIT_USAGE was said and false is returned. */
bool call_number(struct call *call, const char *what, const char *text, uint64_t least,
                 uint64_t most, uint64_t *number);

/* ---- How it ends ---- */

/* Says what is in call->complaint, with `where` (a path, an option, a line; or NULL), and returns
   the exit code of its error. */
enum exit_code call_fail(struct call *call, const char *where);

/* The same with a code and a sentence of one's own. */
__attribute__((format(printf, 5, 6))) enum exit_code
call_fail_with(struct call *call, enum exit_code code, enum tally_error error, const char *where,
               const char *format, ...);

/* A mistake in the command line: EXIT_USAGE. */
__attribute__((format(printf, 2, 3))) enum exit_code call_usage(struct call *call,
                                                                const char *format, ...);

enum exit_code exit_of_error(enum tally_error error);

/* Everything printed reached standard output: DONE, or FAILED with a sentence (once). */
enum exit_code call_finish(struct call *call, enum exit_code code);

#endif
