/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SAYS_H
#define TEST_SAYS_H
/* Short forms for stories about trust: keys by a letter, statements in a line. */
#include "core/base/bytes.h"
#include "core/federation/admission.h"

static inline struct tally_key key_of(char letter)
{
    struct tally_key key;
    memset(key.bytes, letter, sizeof key.bytes);
    return key;
}

/* One node's statements, in order. */
struct teller {
    struct fold fold;
    struct tally_party parties[8];
    uint64_t next;
};

static inline void teller_init(struct teller *teller, char self, size_t capacity)
{
    const struct tally_key key = key_of(self);
    *teller = (struct teller){.next = 0};
    fold_init(&teller->fold, &key, teller->parties, capacity);
}

/* A statement by that issuer, as bytes in a log. */
static inline enum fold_verdict says_as(struct teller *teller, char issuer,
                                        const struct fed_statement *statement)
{
    const struct tally_key key = key_of(issuer);
    uint8_t body[FED_BODY_MAX];
    size_t size = fed_write(statement, body);
    assert_true(size > 0);
    enum fold_verdict verdict =
        fold_take(&teller->fold, &key, bytes_text(fed_type(statement->kind)), bytes_of(body, size),
                  teller->next++);
    assert_true(fold_holds(&teller->fold));
    return verdict;
}

static inline enum fold_verdict says(struct teller *teller, const struct fed_statement *statement)
{
    return says_as(teller, (char)teller->fold.self.bytes[0], statement);
}

static inline enum fold_verdict admits(struct teller *teller, char whom, enum tally_trust level,
                                       uint8_t roles)
{
    const struct fed_statement statement = {.kind = FED_ADMIT,
                                            .party = key_of(whom),
                                            .level = level,
                                            .has_roles = true,
                                            .roles = roles};
    return says(teller, &statement);
}

static inline enum fold_verdict levels(struct teller *teller, char whom, enum tally_trust level)
{
    const struct fed_statement statement = {
        .kind = FED_LEVEL, .party = key_of(whom), .level = level};
    return says(teller, &statement);
}

static inline enum fold_verdict withdraws(struct teller *teller, char whom)
{
    const struct fed_statement statement = {.kind = FED_WITHDRAW, .party = key_of(whom)};
    return says(teller, &statement);
}

static inline enum fold_verdict opens(struct teller *teller, bool open)
{
    const struct fed_statement statement = {.kind = FED_MODE,
                                            .mode = open ? TALLY_MODE_OPEN : TALLY_MODE_STRICT};
    return says(teller, &statement);
}

#endif
