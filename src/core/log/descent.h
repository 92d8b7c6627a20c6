/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_DESCENT_H
#define LOG_DESCENT_H
/*
 * Where two trees of one size begin to differ (formats 5.2, first_divergence_at): ours, and one
 * that somebody else holds, of which we know the root. A question is for the roots of up to 256
 * parts of what is known to differ; the first part that is another one here is asked on. So it
 * takes one question up to 256 receipts, two up to 65,536, and never more than 8.
 *
 * Each answer has to lead to the root that was known before, down from the root that the issuer
 * signed: whoever makes up an answer contradicts that, and what it said is evidence of it.
 */
#include "core/log/tree.h"
#include "tally/merkle.h"

enum { DESCENT_LEVELS = 8, DESCENT_PARTS = TALLY_TILE_WIDTH };

struct descent {
    uint64_t size; /* Of both trees. */
    uint64_t from; /* The question: parts of 256^level receipts, from that one on. */
    unsigned level;
    struct tally_hash theirs; /* The root over these parts, in their tree. */
};

enum descent_verdict {
    DESCENT_ASK,   /* The next question stands. */
    DESCENT_FOUND, /* `from` is the first receipt that differs. */
    DESCENT_LIE,   /* The answer does not lead to the root. */
    DESCENT_LOST,  /* It is our own tree that was shown, or it cannot be read. */
};

/* size >= 1; the root must be another one than ours. */
void descent_begin(struct descent *descent, uint64_t size, const struct tally_hash *theirs);

/* What a question is answered with: the parts, in the tree of that size. 0: it is none, or our
   disk does not have them. */
size_t descent_parts(const struct tree *tree, uint64_t size, uint64_t from, unsigned level,
                     struct tally_hash parts[DESCENT_PARTS]);

enum descent_verdict descent_answer(struct descent *descent, const struct tree *ours,
                                    const struct tally_hash *parts, size_t count);

#endif
