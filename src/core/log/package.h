/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_PACKAGE_H
#define LOG_PACKAGE_H
/*
 * The compact form of a package, one strict MessagePack array:
 *
 *     [base time, previous, [* 16 type], [* 16 profile], [1* 256 receipt]]
 *     receipt = [time delta, type, profile, references, body, signature]
 *
 * base time     int, that of the first receipt; each delta is to the receipt before, modulo 2^64,
 *               so the first is 0
 * previous      bin 32, nil if the first sequence is 0
 * type, profile an index into its table, or the str itself once the table is full
 * references    as in the envelope
 * body          bin of at most 4,096 bytes, or [hash bin 32, size] of a larger one
 * signature     bin 64
 *
 * A table holds the first 16 different names in the order in which the receipts use them. So a run
 * of receipts has one form, and the form is checked.
 */
#include "tally/types.h"

enum {
    PACKAGE_FIELDS = 5,
    PACKAGE_RECEIPT_FIELDS = 6,
    PACKAGE_NAMES_MAX = 16,
};

struct package_names {
    uint32_t count, used; /* used: how many of the table the receipts have named so far. */
    struct tally_bytes names[PACKAGE_NAMES_MAX];
};

/* Its place in the table; count if it is not there. */
uint32_t package_names_find(const struct package_names *table, struct tally_bytes name);

#endif
