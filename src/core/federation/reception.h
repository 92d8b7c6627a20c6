/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FEDERATION_RECEPTION_H
#define FEDERATION_RECEPTION_H
/*
 * Which proposals a party answers at all (formats 5.3): its policy, stated in its own log
 * (proto/federation.cddl: fed_policy); what is stated last counts. Until something was, all are
 * answered. Whom the policy refuses the node tells by itself, in a signed rejection that names the
 * reason; who knows the policy need not propose in vain.
 *
 *     refused as   if
 *     CLOSED       proposals are not accepted, and it is no counter to an own offer
 *     LEVEL        its level is below the least
 *     ONE_SIDED    both are to share, and one alone would
 */
#include "core/federation/terms.h"
#include "core/federation/words.h"

struct reception {
    bool said;
    bool accepts, mutual;
    enum tally_trust least;
    uint64_t index; /* Of the statement. */
};

/* What a proposal is, as far as that matters. */
struct suit {
    bool invited; /* It answers an offer of the one it is made to. */
    enum tally_trust level;
    uint8_t shares; /* As terms have it. */
};

/* What others stated, each in its own log. */
struct receptions {
    size_t capacity, count;
    struct reception_of_party {
        struct tally_key key;
        struct reception reception;
    } list[];
};

struct reception reception_unsaid(void);
struct reception reception_of(const struct tally_fed_policy *said, uint64_t index);

/* Whether that was stated already. */
bool reception_says(const struct reception *reception, const struct tally_fed_policy *said);

/* NONE: it is to be answered. */
enum tally_refusal reception_refuses(const struct reception *reception, const struct suit *suit);

/* Adds it to a hash of a state; leaves it alone if nothing was said. */
void reception_hash(const struct reception *reception, struct tally_hash *hash);

/* NULL without memory; free gives it back. */
struct receptions *receptions_new(size_t capacity);
/* All three: `receptions` may be NULL, then nothing is known of anybody. */
void receptions_take(struct receptions *receptions, const struct tally_key *issuer,
                     const struct tally_fed_policy *said, uint64_t index);
void receptions_forget(struct receptions *receptions, const struct tally_key *issuer);
/* NULL: it stated none that is held here. */
const struct reception *receptions_find(const struct receptions *receptions,
                                        const struct tally_key *key);

#endif
