/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_CHECK_H
#define STORE_CHECK_H
/* What fsck.c and fsck_receipts.c share. */
#include "host/store/inside.h"

struct check {
    struct store *store;
    struct store_fsck *fsck;
    struct store_log log; /* As found on disk, whatever the store thinks of it. */
    struct scratch *room;
    uint64_t done, total;
    struct tally_hash previous; /* Hash of the envelope before ... */
    bool chained;               /* ... if it could be read. */
};
/* Reports something wrong with a file; name is below the log's folder. */
__attribute__((format(printf, 3, 4))) void check_report(struct check *check, const char *name,
                                                        const char *format, ...);
/* Receipts [0, size) with bundles and tiles of level 0; then those that are pending. */
void check_receipts(struct check *check, uint64_t size);
void check_pending(struct check *check);

#endif
