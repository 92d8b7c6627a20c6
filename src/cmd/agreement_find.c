/* SPDX-License-Identifier: Apache-2.0 */
/* Which proposal or agreement a word means, and what its statement says. */
#include "cmd/agreement.h"
#include "cmd/print.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"

#include <stdlib.h>
#include <string.h>

enum { LEAST_PREFIX = 4 };

bool said_read(const struct trust *trust, const struct tally_key *issuer, uint64_t index,
               struct said *said)
{
    struct trust *mutable = (struct trust *)trust; /* A shelf remembers what it complained of. */
    char origin[TALLY_ORIGIN_MAX + 1];
    struct shelf_log log;
    size_t size = tally_origin_write(issuer, bytes_text(TALLY_STATEMENTS), origin);
    origin[size] = '\0';
    *said = (struct said){.body = NULL};
    if (!shelf_find(&mutable->shelf, origin, &log) ||
        !shelf_receipt(&mutable->shelf, &log, index, &said->receipt))
        return false;
    said->body = shelf_body(&trust->shelf, &log, index, &size);
    return said->body != NULL && fed_read(said->receipt.receipt.type, bytes_of(said->body, size),
                                          &said->statement) == TALLY_DROP_NONE;
}

void said_free(struct said *said)
{
    free(said->body);
    said->body = NULL;
}

static bool begins(const struct tally_hash *hash, const char *word)
{
    char hex[PRINT_HASH];
    hex_write(bytes_of(hash->bytes, sizeof hash->bytes), hex);
    return strncmp(hex, word, strlen(word)) == 0;
}

static bool found(struct call *call, const char *word, const char *what, unsigned count,
                  enum exit_code *code)
{
    if (count == 1)
        return true;
    if (strlen(word) < LEAST_PREFIX)
        *code = call_usage(call,
                           "\"%.64s\" is no id: at least %d digits of one that tally %ss "
                           "list shows",
                           word, LEAST_PREFIX, what);
    else if (count == 0)
        *code = call_fail_with(call, EXIT_NOT_FOUND, TALLY_NOT_FOUND, word,
                               "no %s begins with \"%.64s\": tally %ss list shows them", what, word,
                               what);
    else
        *code =
            call_fail_with(call, EXIT_NOT_FOUND, TALLY_NOT_FOUND, word,
                           "%u %ss begin with \"%.64s\": give more of the id", count, what, word);
    return false;
}

/* ---- Proposals ---- */

static bool offer_at(const struct trust *trust, size_t index, struct proposal *proposal)
{
    const struct agreements *agreements = &trust->fold.agreements;
    for (size_t i = 0; i < 2 * agreements->count; i++) {
        const struct agreement_pair *pair = &agreements->pairs[i / 2];
        bool ours = i % 2 == 0;
        const struct stance *stance = ours ? &pair->ours : &pair->theirs;
        if (stance->offer.state == OFFER_NONE || index-- > 0)
            continue;
        *proposal = (struct proposal){.pair = pair,
                                      .ours = ours,
                                      .offer = &stance->offer,
                                      .state = agreement_proposal(pair, ours, agreements->clock)};
        return true;
    }
    return false;
}

bool proposal_at(const struct trust *trust, size_t index, struct proposal *proposal)
{
    if (!offer_at(trust, index, proposal))
        return false;
    const struct tally_key *issuer = proposal->ours ? &trust->fold.self : &proposal->pair->key;
    (void)said_read(trust, issuer, proposal->offer->place.index, &proposal->said);
    return true;
}

bool proposal_find(const struct trust *trust, struct call *call, const char *word,
                   struct proposal *proposal, enum exit_code *code)
{
    struct proposal one;
    unsigned count = 0;
    size_t place = 0;
    for (size_t i = 0; strlen(word) >= LEAST_PREFIX && offer_at(trust, i, &one); i++)
        if (begins(&one.offer->place.receipt, word)) {
            place = i;
            count++;
        }
    if (!found(call, word, "proposal", count, code) || !proposal_at(trust, place, proposal))
        return false;
    if (proposal->said.body != NULL)
        return true;
    *code = call_fail_with(call, EXIT_FAILED, TALLY_DAMAGED, word,
                           "the proposal's statement cannot be read: run tally fsck");
    return false;
}

/* ---- Agreements ---- */

static bool bond_at(const struct trust *trust, size_t index, struct agreement *agreement)
{
    const struct agreements *agreements = &trust->fold.agreements;
    for (size_t i = 0; i < agreements->count; i++) {
        *agreement = (struct agreement){.pair = &agreements->pairs[i]};
        agreement_bond(agreement->pair, agreements->clock, &agreement->bond);
        if (agreement->bond.signature != NULL && index-- == 0)
            return true;
    }
    return false;
}

bool agreement_at(const struct trust *trust, size_t index, struct agreement *agreement)
{
    if (!bond_at(trust, index, agreement))
        return false;
    (void)said_read(trust, &trust->fold.self, agreement->bond.signature->index, &agreement->said);
    (void)said_read(trust, &agreement->pair->key, agreement->bond.theirs->index,
                    &agreement->theirs);
    return true;
}

bool agreement_find(const struct trust *trust, struct call *call, const char *word,
                    struct agreement *agreement, enum exit_code *code)
{
    struct agreement one;
    unsigned count = 0;
    size_t place = 0;
    for (size_t i = 0; strlen(word) >= LEAST_PREFIX && bond_at(trust, i, &one); i++)
        if (begins(&one.bond.signature->agreement, word)) {
            place = i;
            count++;
        }
    if (!found(call, word, "agreement", count, code) || !agreement_at(trust, place, agreement))
        return false;
    if (agreement->said.body != NULL && agreement->theirs.body != NULL)
        return true;
    *code = call_fail_with(call, EXIT_FAILED, TALLY_DAMAGED, word,
                           "the agreement's statements cannot be read: run tally fsck");
    agreement_free(agreement);
    return false;
}

void agreement_free(struct agreement *agreement)
{
    said_free(&agreement->said);
    said_free(&agreement->theirs);
}
