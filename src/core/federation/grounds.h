/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FEDERATION_GROUNDS_H
#define FEDERATION_GROUNDS_H
/*
 * The evidence of a discrepancy that proves no fork: one text file, named by the SHA-256 of its
 * bytes, that holds what was shown to the reporter as it was signed, and what was made of it.
 *
 *     tally discrepancy 1
 *     <type> <did:key of the party> <microseconds since 1970: the reporter's clock>
 *     checkpoint <bytes>          a signed note follows: what the party claims
 *     range <first> <end> <size>  then the root that these receipts have, the hashes that came with
 *                                 them, and an empty line: they do not lead to the note's root
 *     sample <index> <end> <size> instead: of one receipt, which was to be shown; its leaf hash,
 *                                 and an inclusion proof that does not lead to the note's root
 *     receipt <bytes>             an envelope, in base64; of a sample: what was shown
 *     theirs <bytes>              anything else, in base64; of a term: the body of the receipt, by
 *                                 which the party signed the agreement
 *     ours <bytes>                the same; of a term: what was asked, when, and what came
 *
 * Parts that do not apply are left out. What is signed in it proves itself; that the rest came from
 * the party is the reporter's word.
 */
#include "tally/discrepancy.h"
#include "tally/log.h"

enum {
    GROUNDS_PART_MAX = 2048,
    GROUNDS_MAX = 256 + TALLY_NOTE_MAX / 32 + (TALLY_PROOF_MAX + 1) * 45 + 4 * GROUNDS_PART_MAX,
};

struct grounds {
    enum tally_discrepancy type;
    struct tally_key party;
    struct tally_wall time;
    struct tally_bytes note; /* Empty: none; so are the others. At most GROUNDS_PART_MAX bytes. */
    bool has_range;
    bool is_sample; /* Of one receipt: subtree is its leaf, the proof one of inclusion. */
    uint64_t first, end, size;
    struct tally_hash subtree;
    size_t proof_count;
    struct tally_hash proof[TALLY_PROOF_MAX];
    struct tally_bytes receipt;      /* Read: in base64. */
    struct tally_bytes theirs, ours; /* Read: in base64. */
};

/* Bytes written; 0 if something is larger than it may be. */
size_t grounds_write(const struct grounds *grounds, uint8_t bytes[GROUNDS_MAX]);

/* NONE or MALFORMED. Views are into the bytes. */
enum tally_drop grounds_read(struct tally_bytes bytes, struct grounds *grounds);

/* Reads, and checks what can be checked by itself: NONE; MALFORMED; FORGED: a signature in it is
   wrong; PROOF: what it holds contradicts nothing. Any party's key follows from its origin. */
enum tally_drop grounds_check(struct tally_bytes bytes, const struct tally_crypto *crypto,
                              struct grounds *grounds);

#endif
