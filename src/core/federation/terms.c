/* SPDX-License-Identifier: Apache-2.0 */
#include "core/federation/terms.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "tally/receipt.h"

#include <assert.h>

static int compare(struct tally_bytes a, struct tally_bytes b)
{
    size_t least = a.size < b.size ? a.size : b.size;
    int order = memcmp(a.data, b.data, least);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static bool may_share(struct tally_bytes name)
{
    return tally_namespace_valid(name) && !bytes_equal(name, bytes_text(TALLY_STATEMENTS));
}

static bool in_form(const struct tally_fed_terms *terms)
{
    for (size_t i = 0; i < terms->scrolls_count; i++)
        if (!may_share(terms->scrolls[i]) ||
            (i > 0 && compare(terms->scrolls[i - 1], terms->scrolls[i]) >= 0))
            return false;
    return true;
}

bool terms_sort(struct tally_fed_terms *terms)
{
    for (size_t i = 1; i < terms->scrolls_count; i++)
        for (size_t j = i; j > 0 && compare(terms->scrolls[j - 1], terms->scrolls[j]) > 0; j--) {
            struct tally_bytes other = terms->scrolls[j];
            terms->scrolls[j] = terms->scrolls[j - 1];
            terms->scrolls[j - 1] = other;
        }
    return in_form(terms);
}

/* ---- Reading. ---- */

static void check(struct wire_reader *r, const struct tally_fed_terms *terms)
{
    if (wire_reader_good(r) && !in_form(terms))
        wire_reader_fail(r);
}

static void read_proposal(struct wire_reader *r, struct fed_statement *statement)
{
    struct tally_fed_trust_proposal proposal;
    tally_fed_trust_proposal_read(r, &proposal);
    statement->party = proposal.party;
    statement->has_about = proposal.has_previous;
    if (proposal.has_previous)
        statement->about = proposal.previous;
    statement->agreement.acceptor = proposal.party;
    statement->agreement.has_replaces = proposal.has_replaces;
    if (proposal.has_replaces)
        statement->agreement.replaces = proposal.replaces;
    statement->agreement.level = proposal.level;
    statement->agreement.terms = proposal.terms;
    statement->until.us = (int64_t)proposal.expires_us;
    statement->note = proposal.note;
    check(r, &proposal.terms);
}

/* Both who sign name the other as their party: the kind says as what they sign. */
static void read_signed(struct wire_reader *r, struct fed_statement *statement)
{
    struct tally_fed_trust_accepted said;
    if (statement->kind == FED_ACCEPT) {
        tally_fed_trust_accepted_read(r, &said);
    } else {
        struct tally_fed_trust_established established;
        tally_fed_trust_established_read(r, &established);
        said.agreement = established.agreement;
        said.note = established.note;
    }
    statement->agreement = said.agreement;
    statement->party =
        statement->kind == FED_ACCEPT ? said.agreement.proposer : said.agreement.acceptor;
    statement->about = said.agreement.offer;
    statement->note = said.note;
    check(r, &said.agreement.terms);
}

static void read_rejected(struct wire_reader *r, struct fed_statement *statement)
{
    struct tally_fed_trust_rejected rejected;
    tally_fed_trust_rejected_read(r, &rejected);
    statement->party = rejected.party;
    statement->about = rejected.offer;
    statement->refusal = (enum tally_refusal)rejected.reason;
    statement->note = rejected.note;
}

static void read_retracted(struct wire_reader *r, struct fed_statement *statement)
{
    struct tally_fed_trust_retracted retracted;
    tally_fed_trust_retracted_read(r, &retracted);
    statement->party = retracted.party;
    statement->about = retracted.offer;
    statement->note = retracted.note;
}

static void read_revoked(struct wire_reader *r, struct fed_statement *statement)
{
    struct tally_fed_trust_revoked revoked;
    tally_fed_trust_revoked_read(r, &revoked);
    statement->party = revoked.party;
    statement->about = revoked.agreement;
    statement->notice_days = revoked.notice_days;
    statement->until.us = (int64_t)revoked.effective_us;
    statement->note = revoked.note;
}

void terms_read(struct wire_reader *r, struct fed_statement *statement)
{
    if (statement->kind == FED_PROPOSE)
        read_proposal(r, statement);
    else if (statement->kind == FED_REJECT)
        read_rejected(r, statement);
    else if (statement->kind == FED_RETRACT)
        read_retracted(r, statement);
    else if (statement->kind == FED_REVOKE)
        read_revoked(r, statement);
    else
        read_signed(r, statement);
}

/* ---- Writing. ---- */

static void write_proposal(const struct fed_statement *statement, struct wire_writer *w)
{
    const struct tally_fed_agreement *offer = &statement->agreement;
    struct tally_fed_trust_proposal proposal = {.party = statement->party,
                                                .has_previous = statement->has_about,
                                                .has_replaces = offer->has_replaces,
                                                .level = offer->level,
                                                .expires_us = (uint64_t)statement->until.us,
                                                .terms = offer->terms,
                                                .note = statement->note};
    if (statement->has_about)
        proposal.previous = statement->about;
    if (offer->has_replaces)
        proposal.replaces = offer->replaces;
    tally_fed_trust_proposal_write(&proposal, w);
}

void terms_write(const struct fed_statement *statement, struct wire_writer *w)
{
    if (statement->kind == FED_PROPOSE)
        write_proposal(statement, w);
    else if (statement->kind == FED_ACCEPT)
        tally_fed_trust_accepted_write(
            &(struct tally_fed_trust_accepted){.agreement = statement->agreement,
                                               .note = statement->note},
            w);
    else if (statement->kind == FED_ESTABLISH)
        tally_fed_trust_established_write(
            &(struct tally_fed_trust_established){.agreement = statement->agreement,
                                                  .note = statement->note},
            w);
    else if (statement->kind == FED_REJECT)
        tally_fed_trust_rejected_write(
            &(struct tally_fed_trust_rejected){.party = statement->party,
                                               .offer = statement->about,
                                               .reason = (uint8_t)statement->refusal,
                                               .note = statement->note},
            w);
    else if (statement->kind == FED_RETRACT)
        tally_fed_trust_retracted_write(
            &(struct tally_fed_trust_retracted){
                .party = statement->party, .offer = statement->about, .note = statement->note},
            w);
    else
        tally_fed_trust_revoked_write(
            &(struct tally_fed_trust_revoked){.party = statement->party,
                                              .agreement = statement->about,
                                              .notice_days = statement->notice_days,
                                              .effective_us = (uint64_t)statement->until.us,
                                              .note = statement->note},
            w);
}

/* ---- What is signed. ---- */

void terms_hash(const struct tally_fed_agreement *agreement, struct tally_hash *hash)
{
    static const char domain[] = "tally agreement 1\n";
    uint8_t bytes[TALLY_FED_AGREEMENT_SIZE_MAX];
    struct wire_writer w;
    wire_writer_init(&w, bytes, sizeof bytes);
    tally_fed_agreement_write(agreement, &w);
    assert(!w.failed); /* The greatest fits, by the schema. */
    hash_sha256_two(bytes_of(domain, sizeof domain - 1), wire_writer_bytes(&w), hash);
}

struct tally_fed_agreement terms_offered(const struct fed_statement *proposal,
                                         const struct tally_key *proposer,
                                         const struct tally_hash *receipt)
{
    struct tally_fed_agreement agreement = proposal->agreement;
    agreement.proposer = *proposer;
    agreement.acceptor = proposal->party;
    agreement.offer = *receipt;
    return agreement;
}

static void scroll_id(struct tally_bytes name, uint8_t id[TERMS_SCROLL_ID])
{
    struct tally_hash hash;
    hash_sha256(name, &hash);
    memcpy(id, hash.bytes, TERMS_SCROLL_ID);
}

void terms_scrolls(const struct tally_fed_terms *terms, struct terms_scrolls *scrolls)
{
    *scrolls =
        (struct terms_scrolls){.count = (uint8_t)terms->scrolls_count, .shares = terms->shares};
    for (size_t i = 0; i < terms->scrolls_count; i++)
        scroll_id(terms->scrolls[i], scrolls->ids[i]);
}

bool terms_share(const struct terms_scrolls *scrolls, struct tally_bytes name_space)
{
    uint8_t id[TERMS_SCROLL_ID];
    if (scrolls->count == 0)
        return false;
    scroll_id(name_space, id);
    for (unsigned i = 0; i < scrolls->count; i++)
        if (memcmp(scrolls->ids[i], id, sizeof id) == 0)
            return true;
    return false;
}

uint8_t terms_turned(uint8_t shares)
{
    bool proposer = (shares & TERMS_PROPOSER) != 0, acceptor = (shares & TERMS_ACCEPTOR) != 0;
    return (uint8_t)((proposer ? TERMS_ACCEPTOR : 0) | (acceptor ? TERMS_PROPOSER : 0));
}
