/* SPDX-License-Identifier: Apache-2.0 */
/* tally proposals list, show; tally agreements list, show: members as the original's samples have
   them, with neutral names (formats 5.1, 5.2). */
#include "cmd/agreement.h"
#include "cmd/federation.h"
#include "cmd/grid.h"
#include "cmd/print.h"
#include "cmd/verbs.h"
#include "core/address/peer_id.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/wire/writer.h"

#include <stdlib.h>
#include <string.h>

enum { SHORT_ID = 12 };

static json_t *hash_json(bool any, const struct tally_hash *hash)
{
    return any ? print_json_hash(hash) : json_null();
}

static void set(json_t *object, const char *name, json_t *value)
{
    (void)json_object_set_new(object, name, value);
}

/* "a1b2c3d4e5f6", and names that fit a cell. */
static void short_id(const struct tally_hash *hash, char text[PRINT_HASH])
{
    hex_write(bytes_of(hash->bytes, sizeof hash->bytes), text);
    text[SHORT_ID] = '\0';
}

static void scrolls_text(const struct tally_fed_terms *terms, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < terms->scrolls_count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%.*s", i > 0 ? "," : "",
                                 (int)terms->scrolls[i].size, (const char *)terms->scrolls[i].data);
}

/* ---- Proposals ---- */

static enum tally_refusal refusal_of(const struct proposal *proposal)
{
    const struct agreement_pair *pair = proposal->pair;
    return proposal->ours ? pair->theirs.answer.refusal : pair->ours.answer.refusal;
}

/* Why it was rejected, in the words of the one who did; null if it was not. */
static json_t *refusal_json(const struct proposal *proposal)
{
    enum tally_refusal refusal = refusal_of(proposal);
    if (proposal->state != TALLY_PROPOSAL_REJECTED)
        return json_null();
    return json_pack("{s:s, s:s}", "reason", tally_refusal_name(refusal), "text",
                     tally_refusal_text(refusal));
}

static json_t *proposal_object(const struct trust *trust, const struct proposal *proposal)
{
    const struct offer *offer = proposal->offer;
    const struct fed_statement *said = &proposal->said.statement;
    const struct tally_key *self = &trust->fold.self, *other = &proposal->pair->key;
    json_t *object = json_object();
    set(object, "proposal_id", print_json_hash(&offer->place.receipt));
    set(object, "proposer", print_json_did(proposal->ours ? self : other));
    set(object, "target", print_json_did(proposal->ours ? other : self));
    set(object, "proposed_at", print_json_time(offer->place.time));
    set(object, "expires_at", print_json_time(offer->expires));
    set(object, "state", json_string(tally_proposal_state_name(proposal->state)));
    set(object, "ours", json_boolean(proposal->ours));
    set(object, "previous", hash_json(offer->counter, &offer->previous));
    set(object, "replaces", hash_json(offer->has_replaces, &offer->replaces));
    set(object, "proposed_trust_level", json_integer(offer->level));
    set(object, "level", json_string(tally_trust_name(offer->level)));
    set(object, "proposed_terms", terms_object(&said->agreement.terms, "scrolls_to_share"));
    set(object, "agreement_hash", print_json_hash(&offer->agreement));
    set(object, "note", print_json_text(said->note));
    set(object, "refusal", refusal_json(proposal));
    return object;
}

static void proposals_json(const struct trust *trust)
{
    json_t *object = print_object("proposal-list/1"), *items = json_array();
    struct tally_hash hash;
    struct proposal one;
    for (size_t i = 0; proposal_at(trust, i, &one); i++) {
        (void)json_array_append_new(items, proposal_object(trust, &one));
        said_free(&one.said);
    }
    agreements_hash(&trust->fold.agreements, &hash);
    set(object, "items", items);
    set(object, "next", json_null());
    set(object, "hash", print_json_hash(&hash));
    print_json(object);
}

static void proposals_table(const struct trust *trust)
{
    static const struct grid_column columns[] = {
        {"PROPOSAL", false}, {"FROM", false},   {"PARTY", true},   {"STATE", false},
        {"LEVEL", false},    {"SCROLLS", true}, {"EXPIRES", false}};
    struct grid *table = grid_new(columns, sizeof columns / sizeof *columns);
    struct proposal one;
    for (size_t i = 0; proposal_at(trust, i, &one); i++) {
        char id[PRINT_HASH], party[PEER_ID_TEXT_MAX], scrolls[256], expires[PRINT_TIME];
        short_id(&one.offer->place.receipt, id);
        (void)peer_id_print_key(&one.pair->key, party);
        scrolls_text(&one.said.statement.agreement.terms, scrolls, sizeof scrolls);
        print_time(one.offer->expires, expires);
        const char *const cells[] = {id,
                                     one.ours ? "us" : "them",
                                     party,
                                     tally_proposal_state_name(one.state),
                                     tally_trust_name(one.offer->level),
                                     scrolls,
                                     expires};
        grid_add(table, cells);
        said_free(&one.said);
    }
    grid_print(table);
}

enum exit_code verb_proposal_list(struct call *call)
{
    struct trust trust;
    enum exit_code code = EXIT_DONE;
    if (!trust_open(&trust, call, false))
        code = trust.shelf.code;
    else if (call->json)
        proposals_json(&trust);
    else
        proposals_table(&trust);
    trust_close(&trust);
    return code;
}

static void print_id(const char *title, const struct tally_hash *hash)
{
    char hex[PRINT_HASH];
    hex_write(bytes_of(hash->bytes, sizeof hash->bytes), hex);
    (void)printf("%-12s %s\n", title, hex);
}

static void print_party(const char *title, const struct tally_key *key)
{
    char id[PEER_ID_TEXT_MAX];
    (void)peer_id_print_key(key, id);
    (void)printf("%-12s %s\n", title, id);
}

static void print_when(const char *title, struct tally_wall wall)
{
    char time[PRINT_TIME];
    print_time(wall, time);
    (void)printf("%-12s %s\n", title, time);
}

static void proposal_text(const struct trust *trust, const struct proposal *proposal)
{
    const struct offer *offer = proposal->offer;
    print_id("proposal", &offer->place.receipt);
    print_party("proposer", proposal->ours ? &trust->fold.self : &proposal->pair->key);
    print_party("target", proposal->ours ? &proposal->pair->key : &trust->fold.self);
    (void)printf("state        %s\nlevel        %s\n", tally_proposal_state_name(proposal->state),
                 tally_trust_name(offer->level));
    if (proposal->state == TALLY_PROPOSAL_REJECTED)
        (void)printf("because      %s\n", tally_refusal_text(refusal_of(proposal)));
    print_when("proposed", offer->place.time);
    print_when("expires", offer->expires);
    if (offer->counter)
        print_id("counters", &offer->previous);
    if (offer->has_replaces)
        print_id("replaces", &offer->replaces);
    terms_print(&proposal->said.statement.agreement.terms);
    if (proposal->said.statement.note.size > 0) {
        (void)printf("note         ");
        print_escaped(stdout, (const char *)proposal->said.statement.note.data,
                      proposal->said.statement.note.size);
        (void)putchar('\n');
    }
}

enum exit_code verb_proposal_show(struct call *call)
{
    struct trust trust;
    struct proposal proposal = {.pair = NULL};
    enum exit_code code = EXIT_DONE;
    if (!trust_open(&trust, call, false)) {
        code = trust.shelf.code;
    } else if (proposal_find(&trust, call, call->operands[0], &proposal, &code)) {
        if (call->json) {
            json_t *object = print_object("proposal/1");
            (void)json_object_update_new(object, proposal_object(&trust, &proposal));
            print_json(object);
        } else {
            proposal_text(&trust, &proposal);
        }
    }
    said_free(&proposal.said);
    trust_close(&trust);
    return code;
}

/* ---- Agreements ---- */

static json_t *signature_object(const struct said *said)
{
    json_t *object = json_object();
    const struct tally_receipt *receipt = &said->receipt.receipt;
    set(object, "signed_at", print_json_time(receipt->time));
    set(object, "type", print_json_text(receipt->type));
    set(object, "index", json_integer((json_int_t)receipt->sequence));
    set(object, "receipt", print_json_hash(&said->receipt.hash));
    set(object, "envelope",
        print_json_base64(bytes_of(said->receipt.envelope, said->receipt.size)));
    return object;
}

/* { did: value } for both parties. */
static json_t *by_party(const struct tally_key *self, const struct tally_key *other, json_t *ours,
                        json_t *theirs)
{
    char did[TALLY_DID_SIZE + 1];
    json_t *object = json_object();
    tally_did_write(self, did);
    set(object, did, ours);
    tally_did_write(other, did);
    set(object, did, theirs);
    return object;
}

/* "ed25519:z6Mk...". */
static json_t *key_json(const struct tally_key *key)
{
    char did[TALLY_DID_SIZE + 1], text[TALLY_DID_SIZE + 16];
    tally_did_write(key, did);
    (void)snprintf(text, sizeof text, "ed25519:%s", did + strlen("did:key:"));
    return json_string(text);
}

/* The bytes that both signed: after "tally agreement 1\n" their SHA-256 is the hash. */
static json_t *bytes_json(const struct tally_fed_agreement *agreement)
{
    uint8_t bytes[TALLY_FED_AGREEMENT_SIZE_MAX];
    struct wire_writer w;
    wire_writer_init(&w, bytes, sizeof bytes);
    tally_fed_agreement_write(agreement, &w);
    return print_json_base64(wire_writer_bytes(&w));
}

/* Whether there is a time at which it ends, or ended. */
static bool ends_at(const struct bond *bond)
{
    return bond->state == TALLY_AGREEMENT_NOTICE || bond->state == TALLY_AGREEMENT_ENDED;
}

static json_t *agreement_object(const struct trust *trust, const struct agreement *agreement)
{
    const struct bond *bond = &agreement->bond;
    const struct tally_fed_agreement *said = &agreement->said.statement.agreement;
    const struct tally_key *self = &trust->fold.self, *other = &agreement->pair->key;
    const struct said *last = bond->signature->proposer ? &agreement->said : &agreement->theirs;
    bool revoked = ends_at(bond);
    json_t *object = json_object(), *parties = json_array();
    (void)json_array_append_new(parties, print_json_did(&said->proposer));
    (void)json_array_append_new(parties, print_json_did(&said->acceptor));
    set(object, "agreement_id", print_json_hash(&bond->signature->agreement));
    set(object, "parties", parties);
    set(object, "established_at", print_json_time(last->receipt.receipt.time));
    set(object, "state", json_string(tally_agreement_state_name(bond->state)));
    set(object, "trust_level", json_integer(bond->signature->level));
    set(object, "level", json_string(tally_trust_name(bond->level)));
    set(object, "terms", terms_object(&said->terms, "scrolls_shared"));
    set(object, "key_exchange",
        json_pack("{s:o}", "federation_keys",
                  by_party(self, other, key_json(self), key_json(other))));
    set(object, "signatures",
        by_party(self, other, signature_object(&agreement->said),
                 signature_object(&agreement->theirs)));
    set(object, "agreement_hash", print_json_hash(&bond->signature->agreement));
    set(object, "agreement_bytes", bytes_json(said));
    set(object, "proposal_id", print_json_hash(&said->offer));
    set(object, "replaces", hash_json(said->has_replaces, &said->replaces));
    set(object, "effective_at", revoked ? print_json_time(bond->effective) : json_null());
    return object;
}

/* What other parties stated about us, by what became of it; and of those who hold to what was never
   agreed, how many. */
static json_t *heard_object(const struct agreements *agreements)
{
    json_t *object = json_object();
    json_int_t claims = 0;
    for (enum agreement_verdict verdict = AGREEMENT_TAKEN; verdict < AGREEMENT_VERDICT_COUNT;
         verdict++)
        if (verdict != AGREEMENT_ELSEWHERE && verdict != AGREEMENT_EXPIRED)
            set(object, agreement_verdict_name(verdict),
                json_integer((json_int_t)agreements->counts[verdict]));
    for (size_t i = 0; i < agreements->count; i++)
        claims += agreement_lie(&agreements->pairs[i]) != AGREEMENT_TAKEN;
    set(object, "false_claims", json_integer(claims));
    return object;
}

static void agreements_json(const struct trust *trust)
{
    json_t *object = print_object("agreement-list/1"), *items = json_array();
    struct tally_hash hash;
    struct agreement one;
    for (size_t i = 0; agreement_at(trust, i, &one); i++) {
        (void)json_array_append_new(items, agreement_object(trust, &one));
        agreement_free(&one);
    }
    agreements_hash(&trust->fold.agreements, &hash);
    set(object, "items", items);
    set(object, "next", json_null());
    set(object, "hash", print_json_hash(&hash));
    set(object, "heard", heard_object(&trust->fold.agreements));
    print_json(object);
}

static void agreements_table(const struct trust *trust)
{
    static const struct grid_column columns[] = {{"AGREEMENT", false}, {"PARTY", true},
                                                 {"STATE", false},     {"LEVEL", false},
                                                 {"SCROLLS", true},    {"ENDS", false}};
    struct grid *table = grid_new(columns, sizeof columns / sizeof *columns);
    struct agreement one;
    for (size_t i = 0; agreement_at(trust, i, &one); i++) {
        char id[PRINT_HASH], party[PEER_ID_TEXT_MAX], scrolls[256], ends[PRINT_TIME] = "";
        short_id(&one.bond.signature->agreement, id);
        (void)peer_id_print_key(&one.pair->key, party);
        scrolls_text(&one.said.statement.agreement.terms, scrolls, sizeof scrolls);
        if (ends_at(&one.bond))
            print_time(one.bond.effective, ends);
        const char *const cells[] = {id,
                                     party,
                                     tally_agreement_state_name(one.bond.state),
                                     tally_trust_name(one.bond.signature->level),
                                     scrolls,
                                     ends};
        grid_add(table, cells);
        agreement_free(&one);
    }
    grid_print(table);
}

enum exit_code verb_agreement_list(struct call *call)
{
    struct trust trust;
    enum exit_code code = EXIT_DONE;
    if (!trust_open(&trust, call, false))
        code = trust.shelf.code;
    else if (call->json)
        agreements_json(&trust);
    else
        agreements_table(&trust);
    trust_close(&trust);
    return code;
}

static void agreement_text(const struct agreement *agreement)
{
    const struct bond *bond = &agreement->bond;
    const struct tally_fed_agreement *said = &agreement->said.statement.agreement;
    print_id("agreement", &bond->signature->agreement);
    print_party("proposer", &said->proposer);
    print_party("acceptor", &said->acceptor);
    (void)printf("state        %s\nlevel        %s\n", tally_agreement_state_name(bond->state),
                 tally_trust_name(bond->signature->level));
    if (ends_at(bond))
        print_when("ends", bond->effective);
    if (said->has_replaces)
        print_id("replaces", &said->replaces);
    terms_print(&said->terms);
    print_id("signed, us", &agreement->said.receipt.hash);
    print_id("signed, them", &agreement->theirs.receipt.hash);
}

enum exit_code verb_agreement_show(struct call *call)
{
    struct trust trust;
    struct agreement agreement = {.pair = NULL};
    enum exit_code code = EXIT_DONE;
    if (!trust_open(&trust, call, false)) {
        code = trust.shelf.code;
    } else if (agreement_find(&trust, call, call->operands[0], &agreement, &code)) {
        if (call->json) {
            json_t *object = print_object("agreement/1");
            (void)json_object_update_new(object, agreement_object(&trust, &agreement));
            print_json(object);
        } else {
            agreement_text(&agreement);
        }
    }
    agreement_free(&agreement);
    trust_close(&trust);
    return code;
}
