/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_DEALS_H
#define TEST_DEALS_H
/* Short forms for stories about agreements: a log is a list of statements as bytes, so that it can
   be folded by its issuer, by the other party, and in any order with other logs. */
#include "core/crypto/hash.h"
#include "says.h"

enum { LINES = 64, DAY_S = 86400 };

#define DAY (INT64_C(86400) * 1000000)

struct scribe {
    struct tally_key key;
    unsigned count;
    struct line_said {
        enum fed_kind kind;
        size_t size;
        uint8_t body[FED_BODY_MAX];
        struct agreement_place place;
    } lines[LINES];
};

static inline void scribe_init(struct scribe *scribe, char letter)
{
    scribe->key = key_of(letter);
    scribe->count = 0;
}

/* Appends a statement; its receipt's hash. */
static inline struct tally_hash writes(struct scribe *scribe, const struct fed_statement *statement)
{
    struct line_said *line = &scribe->lines[scribe->count];
    assert_in_range(scribe->count, 0, LINES - 1);
    line->kind = statement->kind;
    line->size = fed_write(statement, line->body);
    assert_true(line->size > 0);
    line->place = (struct agreement_place){.index = scribe->count, .time.us = scribe->count};
    /* Stands for the envelope: who, where, what. */
    uint8_t head[33];
    memcpy(head, scribe->key.bytes, 32);
    head[32] = (uint8_t)scribe->count++;
    hash_sha256_two(bytes_of(head, sizeof head), bytes_of(line->body, line->size),
                    &line->place.receipt);
    return line->place.receipt;
}

static inline struct fed_statement read_line(const struct line_said *line)
{
    struct fed_statement statement;
    assert_int_equal(
        fed_read(bytes_text(fed_type(line->kind)), bytes_of(line->body, line->size), &statement),
        TALLY_DROP_NONE);
    return statement;
}

static inline struct tally_fed_terms terms_of(const char *scroll)
{
    return (struct tally_fed_terms){.scrolls_count = 1,
                                    .scrolls = {bytes_text(scroll)},
                                    .verify_s = 3600,
                                    .retention_days = 365,
                                    .notice_days = 30,
                                    .shares = TERMS_BOTH};
}

static inline struct fed_statement offer_to(char whom, const char *scroll)
{
    return (struct fed_statement){
        .kind = FED_PROPOSE,
        .party = key_of(whom),
        .agreement = {.level = TALLY_TRUST_VERIFY, .terms = terms_of(scroll)},
        .until = {7 * DAY}};
}

static inline struct tally_hash proposes(struct scribe *scribe, char whom, const char *scroll)
{
    const struct fed_statement offer = offer_to(whom, scroll);
    return writes(scribe, &offer);
}

static inline struct tally_hash counters(struct scribe *scribe, char whom, const char *scroll,
                                         struct tally_hash previous)
{
    struct fed_statement offer = offer_to(whom, scroll);
    offer.has_about = true;
    offer.about = previous;
    return writes(scribe, &offer);
}

static inline struct tally_hash amends(struct scribe *scribe, char whom, const char *scroll,
                                       struct tally_hash replaces)
{
    struct fed_statement offer = offer_to(whom, scroll);
    offer.agreement.has_replaces = true;
    offer.agreement.replaces = replaces;
    return writes(scribe, &offer);
}

/* What the last line of the proposer's log comes to if it is an offer. */
static inline struct tally_fed_agreement last_offer(const struct scribe *proposer,
                                                    struct tally_hash offer)
{
    for (unsigned i = 0; i < proposer->count; i++)
        if (hash_equal(&proposer->lines[i].place.receipt, &offer)) {
            const struct fed_statement statement = read_line(&proposer->lines[i]);
            return terms_offered(&statement, &proposer->key, &offer);
        }
    fail_msg("no such offer");
    return (struct tally_fed_agreement){.level = 0};
}

/* Signs in that role; the agreement's hash. */
static inline struct tally_hash signs(struct scribe *scribe, enum fed_kind kind,
                                      const struct tally_fed_agreement *agreement)
{
    const struct fed_statement statement = {.kind = kind, .agreement = *agreement};
    struct tally_hash hash;
    (void)writes(scribe, &statement);
    terms_hash(agreement, &hash);
    return hash;
}

static inline struct tally_hash accepts(struct scribe *scribe, const struct scribe *proposer,
                                        struct tally_hash offer)
{
    const struct tally_fed_agreement agreement = last_offer(proposer, offer);
    return signs(scribe, FED_ACCEPT, &agreement);
}

static inline struct tally_hash establishes(struct scribe *scribe, struct tally_hash offer)
{
    const struct tally_fed_agreement agreement = last_offer(scribe, offer);
    return signs(scribe, FED_ESTABLISH, &agreement);
}

static inline void answers(struct scribe *scribe, enum fed_kind kind, char whom,
                           struct tally_hash about)
{
    const struct fed_statement statement = {.kind = kind, .party = key_of(whom), .about = about};
    (void)writes(scribe, &statement);
}

static inline void revokes(struct scribe *scribe, char whom, struct tally_hash agreement,
                           int64_t effective_us)
{
    const struct fed_statement statement = {.kind = FED_REVOKE,
                                            .party = key_of(whom),
                                            .about = agreement,
                                            .notice_days = 1,
                                            .until = {effective_us}};
    (void)writes(scribe, &statement);
}

/* One node's view: its fold, and how far it has read each log. */
struct reader {
    struct fold fold;
    struct tally_party parties[8];
    struct agreement_pair pairs[16];
};

static inline void reader_init(struct reader *reader, char self, size_t pairs)
{
    const struct tally_key key = key_of(self);
    fold_init(&reader->fold, &key, reader->parties, 8);
    fold_lend(&reader->fold, reader->pairs, pairs);
}

static inline void reads_line(struct reader *reader, const struct scribe *scribe, unsigned index)
{
    const struct line_said *line = &scribe->lines[index];
    const struct tally_bytes type = bytes_text(fed_type(line->kind)),
                             body = bytes_of(line->body, line->size);
    if (key_equal(&scribe->key, &reader->fold.self))
        (void)fold_take_at(&reader->fold, &scribe->key, type, body, &line->place);
    else
        fold_hear(&reader->fold, &scribe->key, type, body, &line->place);
    assert_true(fold_holds(&reader->fold));
}

static inline void reads(struct reader *reader, const struct scribe *scribe)
{
    for (unsigned i = 0; i < scribe->count; i++)
        reads_line(reader, scribe, i);
}

/* Both parties' logs, read by one of them. */
static inline const struct agreement_pair *
between(struct reader *reader, char self, const struct scribe *mine, const struct scribe *theirs)
{
    reader_init(reader, self, 16);
    reads(reader, mine);
    reads(reader, theirs);
    return agreements_find(&reader->fold.agreements, &theirs->key);
}

#endif
