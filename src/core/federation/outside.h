/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FEDERATION_OUTSIDE_H
#define FEDERATION_OUTSIDE_H
/*
 * Witnesses that are no parties: asked over HTTP, each known by the key of its cosignatures and
 * the address below which it takes them (log chapter 5, proto/federation.cddl: fed_witness_url).
 * What is said last of a key counts:
 *
 *     UNSAID ──asked──▶ ASKED ──asked, another name or address──▶ ASKED
 *                         ▲──────asked────── EXCUSED ◀──not asked──┘
 */
#include "core/federation/verdict.h"
#include "core/federation/words.h"
#include "tally/note.h"

enum { OUTSIDE_URL_MAX = 200 };

struct outside {
    struct tally_vkey vkey;
    bool asked;
    uint64_t index; /* Of the last statement about it. */
    char url[OUTSIDE_URL_MAX + 1];
};

struct outsides {
    size_t capacity, count;
    struct outside *list; /* In the order of their first statements. */
};

/* NULL without memory. */
struct outsides *outsides_new(size_t capacity);
void outsides_free(struct outsides *outsides);

/* NULL: nothing was said of that key. */
const struct outside *outside_find(const struct outsides *outsides, const struct tally_key *key);

/* An address that may be asked: http or https, a host, printable ASCII, no user, password, query
   or fragment (statements are shown to others), and no slash at its end. */
bool outside_url_valid(struct tally_bytes url);

/* TAKEN; MALFORMED; FORBIDDEN: it says nothing new; FULL. */
enum fold_verdict outside_judge(const struct outsides *outsides,
                                const struct tally_fed_witness_url *said);
void outside_apply(struct outsides *outsides, const struct tally_fed_witness_url *said,
                   uint64_t index);

/* Adds them to a hash of a state; leaves it alone without any. */
void outside_hash(const struct outsides *outsides, struct tally_hash *hash);

#endif
