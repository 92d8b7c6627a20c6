/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SUPPORT_AUTHOR_H
#define SUPPORT_AUTHOR_H
/* An issuer who writes a log: receipts in order, packages of them, checkpoints. */
#include "core/log/merkle.h"
#include "tally/log.h"

struct author {
    uint8_t seed[32];
    struct tally_key key;
    struct tally_crypto crypto;
    char origin[TALLY_ORIGIN_MAX + 1];
    struct tally_hash origin_hash;
    struct tally_hash previous; /* Of the next receipt. */
    uint64_t next;              /* Its sequence. */
};

/* The author of that number, with an empty log in namespace `audit`. */
void author_init(struct author *author, uint8_t number);

struct tally_log_id author_log(const struct author *author, bool own);

/* The next receipt over that body; bytes of the envelope. */
size_t author_write(struct author *author, struct tally_bytes body,
                    uint8_t envelope[TALLY_ENVELOPE_MAX]);

/* A signed checkpoint; bytes of the note. */
size_t author_sign(const struct author *author, uint64_t size, const struct tally_hash *root,
                   uint8_t note[TALLY_CHECKPOINT_MAX]);

/* The next `count` receipts as a verified package (count <= 256 and inside a block), with bodies of
   that size whose text begins with `word`. The range, if not NULL, grows with it. */
struct tally_package *author_package(struct author *author, unsigned count, size_t body_size,
                                     const char *word, struct merkle_range *range);
void author_package_free(struct tally_package *package);

#endif
