/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log/descent.h"

#include "core/log/merkle.h"

#include <string.h>

/* How many receipts a part of that level has; above level 7 there is one part, of all. */
static uint64_t part_of(unsigned level)
{
    return level < DESCENT_LEVELS ? (uint64_t)1 << (8 * level) : MERKLE_SIZE_MAX;
}

/* Where the parts of a question end. */
static uint64_t end_of(uint64_t size, uint64_t from, unsigned level)
{
    uint64_t whole = part_of(level + 1);
    return size - from < whole ? size : from + whole;
}

static size_t count_of(uint64_t size, uint64_t from, unsigned level)
{
    uint64_t part = part_of(level);
    return (size_t)((end_of(size, from, level) - from + part - 1) / part);
}

void descent_begin(struct descent *descent, uint64_t size, const struct tally_hash *theirs)
{
    *descent = (struct descent){.size = size, .theirs = *theirs};
    while (part_of(descent->level + 1) < size)
        descent->level++;
}

/* The root of one part: the last may be less than the others (RFC 6962 section 2.1: the tree over
   such parts is the tree over their leaves). */
static bool part_root(const struct tree *tree, uint64_t size, uint64_t from, unsigned level,
                      size_t number, struct tally_hash *root)
{
    uint64_t start = from + number * part_of(level);
    uint64_t end = end_of(size, from, level);
    if (end - start > part_of(level))
        end = start + part_of(level);
    return tree_subtree_root(tree, start, end, size, root);
}

size_t descent_parts(const struct tree *tree, uint64_t size, uint64_t from, unsigned level,
                     struct tally_hash parts[DESCENT_PARTS])
{
    if (level >= DESCENT_LEVELS || from >= size || from % part_of(level + 1) != 0)
        return 0;
    size_t count = count_of(size, from, level);
    for (size_t i = 0; i < count; i++)
        if (!part_root(tree, size, from, level, i, &parts[i]))
            return 0;
    return count;
}

/* Whoever holds the same as we do answers so in good faith. */
static bool is_ours(const struct descent *descent, const struct tree *ours,
                    const struct tally_hash *root)
{
    struct tally_hash whole;
    return tree_subtree_root(ours, descent->from,
                             end_of(descent->size, descent->from, descent->level), descent->size,
                             &whole) &&
           memcmp(&whole, root, sizeof whole) == 0;
}

enum descent_verdict descent_answer(struct descent *descent, const struct tree *ours,
                                    const struct tally_hash *parts, size_t count)
{
    struct tally_hash copy[DESCENT_PARTS], root;
    if (count != count_of(descent->size, descent->from, descent->level))
        return DESCENT_LIE;
    memcpy(copy, parts, count * sizeof *parts);
    merkle_fold(copy, count, &root);
    if (memcmp(&root, &descent->theirs, sizeof root) != 0)
        return is_ours(descent, ours, &root) ? DESCENT_LOST : DESCENT_LIE;
    for (size_t i = 0; i < count; i++) {
        if (!part_root(ours, descent->size, descent->from, descent->level, i, &root))
            return DESCENT_LOST;
        if (memcmp(&root, &parts[i], sizeof root) == 0)
            continue;
        descent->from += i * part_of(descent->level);
        descent->theirs = parts[i];
        if (descent->level == 0)
            return DESCENT_FOUND;
        descent->level--;
        return DESCENT_ASK;
    }
    return DESCENT_LOST; /* Ours leads to their root too: it is not what it was. */
}
