/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFIG_COMPLAINT_H
#define CONFIG_COMPLAINT_H
/*
 * An error an operator can act on: its kind, and one sentence that says what, where and what to do.
 * Filled by whoever found it; printed once, by src/cmd.
 */
#include "tally/error.h"

enum { COMPLAINT_MAX = 1024 };

struct complaint {
    enum tally_error error;
    char text[COMPLAINT_MAX]; /* One sentence without a full stop. */
};

/* Fills the complaint, cutting a text that is too long, and returns the error. */
__attribute__((format(printf, 3, 4))) enum tally_error
complain(struct complaint *complaint, enum tally_error error, const char *format, ...);

/* What errno stands for: FULL, PERMISSION, NOT_FOUND, IN_USE ... else IO. */
enum tally_error complaint_of_errno(int code);

#endif
