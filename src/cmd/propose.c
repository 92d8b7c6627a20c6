/* SPDX-License-Identifier: Apache-2.0 */
/* tally propose; tally proposals accept, reject, counter, withdraw; tally agreements revoke: what
   is said, appended by the node. */
#include "cmd/agreement.h"
#include "cmd/federation.h"
#include "cmd/print.h"
#include "cmd/verbs.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"

#include <stdlib.h>
#include <string.h>

#define DAY_US (INT64_C(86400) * 1000000)

/* ---- The command line ---- */

static bool read_level(struct call *call, const char *word, uint8_t *level, enum exit_code *code)
{
    enum tally_trust named;
    if (strlen(word) == 1 && word[0] >= '1' && word[0] <= '4') {
        *level = (uint8_t)(word[0] - '0');
        return true;
    }
    if (tally_trust_read(word, &named) && named > TALLY_TRUST_ISOLATED) {
        *level = (uint8_t)named;
        return true;
    }
    *code = call_usage(
        call, "\"%.40s\" is no trust level: 1 observe, 2 verify, 3 attest, 4 integrate", word);
    return false;
}

/* "7d", "12h", "30m", "90s". */
static bool read_expires(struct call *call, const struct trust *trust, struct tally_wall *until,
                         enum exit_code *code)
{
    static const char units[] = "smhd";
    static const int64_t seconds[] = {1, 60, 3600, 86400};
    const char *text = call_option(call, "expires");
    int64_t span = (int64_t)TERMS_EXPIRES_DAYS * 86400;
    if (text != NULL) {
        char *end;
        unsigned long number = strtoul(text, &end, 10);
        const char *unit = *end != '\0' && end[1] == '\0' ? strchr(units, *end) : NULL;
        bool plain = text[0] >= '0' && text[0] <= '9' && unit != NULL && number <= 31536000;
        span = plain ? (int64_t)number * seconds[unit - units] : 0;
        if (span < 1 || span > 365 * INT64_C(86400)) {
            *code = call_usage(
                call, "\"%.40s\" is no time: a number and s, m, h or d, at most 365d", text);
            return false;
        }
    }
    until->us = trust->fold.agreements.clock.us + span * 1000000;
    return true;
}

/* Whose logs are read: those of both, or of one of the two. */
static bool read_shares(struct call *call, struct tally_fed_terms *terms, enum exit_code *code)
{
    static const struct {
        const char *word;
        uint8_t shares;
    } words[] = {{"both", TERMS_BOTH}, {"ours", TERMS_PROPOSER}, {"theirs", TERMS_ACCEPTOR}};
    const char *text = call_option(call, "shares");
    for (size_t i = 0; text != NULL && i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i].word) == 0) {
            terms->shares = words[i].shares;
            return true;
        }
    if (text != NULL)
        *code = call_usage(call, "--shares \"%.40s\" is none of both, ours, theirs", text);
    return text == NULL;
}

/* Options over what is in the statement; members and options that are left out stay. */
static bool read_offer(struct call *call, const struct trust *trust, struct fed_statement *said,
                       struct terms_text *text, enum exit_code *code)
{
    const char *level = call_option(call, "trust-level"), *scrolls = call_option(call, "scrolls"),
               *file = call_option(call, "terms");
    if ((level != NULL && !read_level(call, level, &said->agreement.level, code)) ||
        (file != NULL && !terms_load(call, file, &said->agreement.terms, text, code)) ||
        (scrolls != NULL && !terms_scrolls_read(call, scrolls, &said->agreement.terms, code)) ||
        !read_shares(call, &said->agreement.terms, code) ||
        !read_expires(call, trust, &said->until, code) ||
        !federation_note(call, "note", said, code))
        return false;
    if (said->agreement.terms.scrolls_count > 0)
        return true;
    *code = call_usage(call, "nothing is shared: name namespaces with --scrolls A,B, or "
                             "scrolls_to_share in --terms");
    return false;
}

/* ---- Why not ---- */

static enum exit_code refuse(struct call *call, enum agreement_verdict verdict)
{
    const char *what = call->operand_count > 0 ? call->operands[0] : call_option(call, "target");
    enum tally_error error = verdict == AGREEMENT_FULL ? TALLY_TOO_LARGE : TALLY_FORBIDDEN;
    switch (verdict) {
    case AGREEMENT_SELF:
        return call_usage(call, "%.100s is this node itself", what);
    case AGREEMENT_EXPIRED:
        return call_fail_with(call, EXIT_FAILED, error, what,
                              "%.100s has expired: tally propose makes a new one", what);
    case AGREEMENT_STALE:
        return call_fail_with(call, EXIT_FAILED, error, what,
                              "%.100s does not stand any more, or another agreement was made since",
                              what);
    case AGREEMENT_FORBIDDEN:
        return call_fail_with(call, EXIT_FAILED, error, what, "%.100s was answered already", what);
    case AGREEMENT_FULL:
        return call_fail_with(call, EXIT_FAILED, error, what,
                              "a node negotiates with at most %d parties", TALLY_PAIRS_MAX);
    case AGREEMENT_TAKEN:
    case AGREEMENT_ELSEWHERE:
    case AGREEMENT_MALFORMED:
    case AGREEMENT_ROLE:
    case AGREEMENT_ALTERED:
    case AGREEMENT_VERDICT_COUNT:
        break;
    }
    return call_fail_with(call, EXIT_FAILED, error, what, "not stated: %s",
                          agreement_verdict_text(verdict));
}

/* What the other party stated of itself: it would refuse this, so it is not proposed. */
static bool would_refuse(struct call *call, const struct trust *trust,
                         const struct fed_statement *said, enum exit_code *code)
{
    const struct reception *theirs = receptions_find(trust->fold.receptions, &said->party);
    const struct suit suit = {.invited = said->has_about,
                              .level = (enum tally_trust)said->agreement.level,
                              .shares = said->agreement.terms.shares};
    enum tally_refusal refusal = said->kind == FED_PROPOSE && theirs != NULL
                                     ? reception_refuses(theirs, &suit)
                                     : TALLY_REFUSAL_NONE;
    const char *what = call->operand_count > 0 ? call->operands[0] : call_option(call, "target");
    if (refusal == TALLY_REFUSAL_NONE)
        return false;
    *code = call_fail_with(call, EXIT_FAILED, TALLY_FORBIDDEN, what,
                           "%.100s would refuse that by the policy it stated: %s%s%s", what,
                           tally_refusal_text(refusal),
                           refusal == TALLY_REFUSAL_LEVEL ? ", which is " : "",
                           refusal == TALLY_REFUSAL_LEVEL ? tally_trust_name(theirs->least) : "");
    return true;
}

/* ---- Saying it ---- */

static void print_done(const struct call *call, const struct door_answer *answer,
                       const struct tally_hash *id, const char *name, const char *text)
{
    char hex[PRINT_HASH], schema[64];
    hex_write(bytes_of(id->bytes, sizeof id->bytes), hex);
    if (!call->json) {
        (void)printf("%s %s\n", hex, text);
        return;
    }
    (void)snprintf(schema, sizeof schema, "%s", call->verb->schema);
    json_t *object = print_object(schema);
    (void)json_object_set_new(object, name, json_string(hex));
    (void)json_object_set_new(object, "state", json_string(text));
    (void)json_object_set_new(object, "index", json_integer((json_int_t)answer->index));
    (void)json_object_set_new(object, "receipt", print_json_hash(&answer->receipt));
    print_json(object);
}

/* Judges, states and prints. `id`: what it is about; NULL: the receipt itself, an offer. */
static enum exit_code state(struct call *call, const struct trust *trust,
                            const struct fed_statement *said, const struct tally_hash *id,
                            const char *name, const char *text)
{
    struct door_answer answer;
    uint8_t body[FED_BODY_MAX];
    if (fed_write(said, body) == 0)
        return call_usage(call, "these terms are of no form that can be stated");
    enum agreement_verdict verdict = agreements_advise(&trust->fold.agreements, said);
    enum exit_code code;
    if (verdict != AGREEMENT_TAKEN)
        return refuse(call, verdict);
    if (would_refuse(call, trust, said, &code))
        return code;
    code = federation_state(call, trust->shelf.data, said, &answer);
    if (code == EXIT_DONE)
        print_done(call, &answer, id != NULL ? id : &answer.receipt, name, text);
    return code;
}

/* What an offer must name: the agreement that holds, or held last. */
static void set_replaces(const struct trust *trust, struct fed_statement *said)
{
    const struct agreement_pair *pair = agreements_find(&trust->fold.agreements, &said->party);
    struct bond bond = {.signature = NULL};
    if (pair != NULL)
        agreement_bond(pair, trust->fold.agreements.clock, &bond);
    said->agreement.has_replaces = bond.signature != NULL;
    if (bond.signature != NULL)
        said->agreement.replaces = bond.signature->agreement;
}

enum exit_code verb_propose(struct call *call)
{
    struct fed_statement said = {.kind = FED_PROPOSE,
                                 .agreement = {.level = TALLY_TRUST_OBSERVE,
                                               .terms = {.verify_s = 86400,
                                                         .retention_days = 365,
                                                         .notice_days = TERMS_NOTICE_DAYS,
                                                         .shares = TERMS_BOTH}}};
    const char *target = call_option(call, "target");
    struct terms_text text = {.root = NULL};
    struct trust trust;
    enum exit_code code = EXIT_DONE;
    if (target == NULL)
        return call_usage(call, "to whom? --target names a did:key or a peer id");
    if (!trust_open(&trust, call, true))
        code = trust.shelf.code;
    else if (trust_party(&trust, call, target, &said.party, &code) &&
             read_offer(call, &trust, &said, &text, &code)) {
        set_replaces(&trust, &said);
        shelf_close(&trust.shelf);
        code = state(call, &trust, &said, NULL, "proposal_id", "open");
    }
    terms_unload(&text);
    trust_close(&trust);
    return code;
}

/* ---- Answers ---- */

/* Opens the directory and finds the proposal; what is to be said about it is `kind`. */
static enum exit_code answer(struct call *call, enum fed_kind kind, const char *text)
{
    struct trust trust;
    struct proposal proposal = {.pair = NULL};
    struct fed_statement said = {.kind = kind};
    struct terms_text terms = {.root = NULL};
    enum exit_code code = EXIT_DONE;
    if (!trust_open(&trust, call, false)) {
        code = trust.shelf.code;
    } else if (proposal_find(&trust, call, call->operands[0], &proposal, &code)) {
        const struct tally_hash *id = &proposal.offer->place.receipt;
        said.party = proposal.pair->key;
        said.about = *id;
        if (proposal.ours != (kind == FED_RETRACT))
            code = call_fail_with(call, EXIT_FAILED, TALLY_FORBIDDEN, call->operands[0],
                                  proposal.ours ? "%.100s is our own proposal: the other party "
                                                  "answers it; tally proposals withdraw takes it "
                                                  "back"
                                                : "%.100s is not our proposal: tally proposals "
                                                  "reject declines it",
                                  call->operands[0]);
        else if (kind == FED_PROPOSE) {
            said.agreement = proposal.said.statement.agreement;
            said.agreement.acceptor = said.party;
            said.agreement.terms.shares = terms_turned(said.agreement.terms.shares);
            said.has_about = true;
            set_replaces(&trust, &said);
            (void)read_offer(call, &trust, &said, &terms, &code);
        } else {
            if (kind == FED_ACCEPT)
                said.agreement = terms_offered(&proposal.said.statement, &proposal.pair->key, id);
            (void)federation_note(call, kind == FED_REJECT ? "reason" : "note", &said, &code);
        }
        shelf_close(&trust.shelf);
        if (code == EXIT_DONE)
            code = state(call, &trust, &said, kind == FED_PROPOSE ? NULL : id, "proposal_id", text);
    }
    said_free(&proposal.said);
    terms_unload(&terms);
    trust_close(&trust);
    return code;
}

enum exit_code verb_proposal_accept(struct call *call)
{
    return answer(call, FED_ACCEPT, "accepted");
}

enum exit_code verb_proposal_reject(struct call *call)
{
    return answer(call, FED_REJECT, "rejected");
}

enum exit_code verb_proposal_counter(struct call *call)
{
    return answer(call, FED_PROPOSE, "open");
}

enum exit_code verb_proposal_withdraw(struct call *call)
{
    return answer(call, FED_RETRACT, "withdrawn");
}

enum exit_code verb_agreement_revoke(struct call *call)
{
    struct trust trust;
    struct agreement agreement = {.pair = NULL};
    struct fed_statement said = {.kind = FED_REVOKE};
    const char *days = call_option(call, "notice-days");
    enum exit_code code = EXIT_DONE;
    uint64_t number = 0;
    if (days != NULL && !call_number(call, "--notice-days", days, 0, 3650, &number))
        return EXIT_USAGE;
    if (!federation_note(call, "reason", &said, &code))
        return code;
    if (!trust_open(&trust, call, false)) {
        code = trust.shelf.code;
    } else if (agreement_find(&trust, call, call->operands[0], &agreement, &code)) {
        const struct signature *signature = agreement.bond.signature;
        const struct tally_hash id = signature->agreement;
        said.party = agreement.pair->key;
        said.about = id;
        said.notice_days = days != NULL ? (uint16_t)number : signature->notice_days;
        said.until.us = trust.fold.agreements.clock.us + said.notice_days * DAY_US;
        if (said.notice_days < signature->notice_days)
            (void)fprintf(stderr,
                          "tally: %u days of notice were agreed: the other party may hold "
                          "that against us\n",
                          signature->notice_days);
        shelf_close(&trust.shelf);
        code = state(call, &trust, &said, &id, "agreement_id",
                     said.notice_days > 0 ? "notice" : "ended");
    }
    agreement_free(&agreement);
    trust_close(&trust);
    return code;
}
