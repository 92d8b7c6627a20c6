/* SPDX-License-Identifier: Apache-2.0 */
/* A liar in words: well signed statements that are not true, about each node it may speak of. */
#include "adversary.h"
#include "core/base/bytes.h"
#include "disk_inside.h"
#include "story_agree.h"

/* Signs other terms than were offered to it; with none offered, an agreement that never was. */
static void altered(const struct agree_view *view, uint32_t other, struct fed_statement *said,
                    uint8_t body[FED_BODY_MAX])
{
    const struct tally_key *key = &view->world->slots[other].signer.key;
    const struct agreement_pair *pair = agreements_find(&view->fold.agreements, key);
    struct fed_statement offered;
    *said = (struct fed_statement){.kind = FED_ACCEPT,
                                   .agreement = {.proposer = *key,
                                                 .acceptor = view->fold.self,
                                                 .offer = {{1}},
                                                 .level = TALLY_TRUST_INTEGRATE,
                                                 .terms = {.scrolls_count = 1,
                                                           .scrolls = {bytes_text("audit")},
                                                           .verify_s = 3600,
                                                           .shares = TERMS_BOTH}}};
    if (pair == NULL || pair->theirs.offer.state == OFFER_NONE ||
        !agree_said(view, other, pair->theirs.offer.place.index, body, &offered))
        return;
    said->agreement = terms_offered(&offered, key, &pair->theirs.offer.place.receipt);
    said->agreement.level = TALLY_TRUST_INTEGRATE;
    said->agreement.terms.retention_days = 1;
}

static void state(struct world *world, struct slot *at, struct disk_log *log,
                  const struct fed_statement *said)
{
    uint8_t body[FED_BODY_MAX];
    size_t size = fed_write(said, body);
    if (size > 0)
        adversary_receipt(world, at, log, fed_type(said->kind), bytes_of(body, size));
}

/* About one node: altered terms, a signature as the one who offered, the end of what never began,
   the withdrawal of an offer that was never made, and each of them twice. */
static void perjure(struct world *world, struct slot *at, struct disk_log *log, uint32_t other)
{
    struct agree_view view;
    struct fed_statement said;
    uint8_t body[FED_BODY_MAX];
    agree_open(&view, world, at->index);
    altered(&view, other, &said, body);
    for (unsigned again = 0; again < 2; again++) {
        const struct tally_key *key = &world->slots[other].signer.key;
        struct fed_statement lie = said;
        state(world, at, log, &lie);
        lie.kind = FED_ESTABLISH; /* Out of role: its issuer is the acceptor. */
        state(world, at, log, &lie);
        lie.agreement.proposer = at->signer.key; /* In role, and nobody accepted. */
        lie.agreement.acceptor = *key;
        state(world, at, log, &lie);
        lie = (struct fed_statement){.kind = FED_REVOKE, .party = *key, .about = {{2}}};
        state(world, at, log, &lie);
        lie.kind = FED_RETRACT;
        state(world, at, log, &lie);
    }
    agree_close(&view);
}

void adversary_perjure(struct world *world, uint32_t slot)
{
    struct slot *at = &world->slots[slot];
    struct disk_log *log = adversary_log(&at->disk, TALLY_STATEMENTS);
    for (uint32_t other = 0; other < world->options.nodes; other++)
        if (other != slot)
            perjure(world, at, log, other);
    adversary_note(at, log);
}
