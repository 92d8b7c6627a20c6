/* SPDX-License-Identifier: Apache-2.0 */
/* tally discrepancy resolve, arbitrate: how a case goes on, and a verdict on another's. */
#include "cmd/dispute.h"
#include "cmd/print.h"
#include "cmd/say.h"
#include "cmd/verbs.h"
#include "core/address/peer_id.h"
#include "core/base/bytes.h"

#include <inttypes.h>
#include <string.h>

static void print_done(struct call *call, const char *schema, const char *what, uint64_t index,
                       const struct door_answer *answer)
{
    if (!call->json) {
        (void)printf("discrepancy %" PRIu64 " %s\n", index, what);
        return;
    }
    json_t *object = print_object(schema);
    (void)json_object_update_new(
        object, json_pack("{s:I, s:s, s:I, s:o}", "id", (json_int_t)index, "state", what, "index",
                          (json_int_t)answer->index, "receipt", print_json_hash(&answer->receipt)));
    print_json(object);
}

/* What was said on the command line; false: it was said why not. */
static bool read_resolution(struct call *call, const struct trust *trust,
                            struct tally_fed_resolution *said, enum exit_code *code)
{
    const char *text = call_option(call, "outcome"), *arbiter = call_option(call, "arbiter");
    enum tally_outcome outcome = TALLY_OUTCOME_MANUAL;
    if (text == NULL || !tally_outcome_read(text, &outcome)) {
        *code = call_usage(call, "--outcome is needed: automatic, manual, arbitration or "
                                 "suspension");
        return false;
    }
    if ((outcome == TALLY_OUTCOME_ARBITRATION) != (arbiter != NULL)) {
        *code = call_usage(call, "--arbiter PARTY goes with --outcome arbitration, and with no "
                                 "other");
        return false;
    }
    said->outcome = (uint8_t)outcome;
    said->final = outcome == TALLY_OUTCOME_MANUAL;
    said->has_arbiter = arbiter != NULL;
    return (arbiter == NULL || trust_party(trust, call, arbiter, &said->arbiter, code)) &&
           say_note(call, &said->note, code);
}

/* Why a case may not go on so. */
static enum exit_code forbid(struct call *call, const struct trust *trust,
                             const struct discrepancy *one, const struct fed_statement *said)
{
    const char *id = call->operands[0];
    if (one->state == TALLY_DISCREPANCY_RESOLVED)
        return call_fail_with(call, EXIT_FAILED, TALLY_FORBIDDEN, id,
                              "discrepancy %.80s is resolved already", id);
    if (said->resolution.has_arbiter &&
        admission(&trust->fold, &said->resolution.arbiter, ADMISSION_CROSS) != TALLY_DROP_NONE)
        return call_fail_with(call, EXIT_FAILED, TALLY_FORBIDDEN, id,
                              "an arbiter is a party at level attest or above: tally federation "
                              "admit or level makes it one");
    if (said->resolution.has_arbiter && (key_equal(&said->resolution.arbiter, &one->party) ||
                                         key_equal(&said->resolution.arbiter, &trust->fold.self)))
        return call_fail_with(call, EXIT_FAILED, TALLY_FORBIDDEN, id,
                              "an arbiter is a third party, neither this node nor the other");
    return call_fail_with(call, EXIT_FAILED, TALLY_FORBIDDEN, id,
                          "discrepancy %.80s is in state %s: that outcome may not follow", id,
                          tally_discrepancy_state_name(one->state));
}

static enum exit_code resolve(struct call *call, struct trust *trust)
{
    struct fed_statement said = {.kind = FED_RESOLUTION};
    struct tally_fed_resolution *resolution = &said.resolution;
    struct door_answer answer;
    enum exit_code code = EXIT_DONE;
    const struct discrepancy *one = dispute_find(trust, call->operands[0], &code);
    if (one == NULL || !read_resolution(call, trust, resolution, &code))
        return code;
    resolution->subject = one->index;
    resolution->has_evidence = one->has_evidence;
    resolution->evidence = one->evidence;
    if (fold_judge(&trust->fold, &trust->fold.self, &said) != FOLD_TAKEN)
        return forbid(call, trust, one, &said);
    uint64_t index = one->index;
    shelf_close(&trust->shelf); /* Where no node runs, the directory is opened for writing. */
    code = say(call, &said, trust->shelf.data, &answer);
    static const char *const words[TALLY_OUTCOMES] = {"resync", "resolved", "arbitration",
                                                      "suspended"};
    if (code == EXIT_DONE)
        print_done(call, "discrepancy-resolve/1", words[resolution->outcome], index, &answer);
    return code;
}

enum exit_code verb_discrepancy_resolve(struct call *call)
{
    struct trust trust;
    enum exit_code code = EXIT_DONE;
    if (trust_open(&trust, call, false))
        code = resolve(call, &trust);
    else
        code = trust.shelf.code;
    trust_close(&trust);
    return code;
}

/* ---- arbitrate ---- */

/* The case of another, read out of its log as far as it is held here. */
static bool read_case(struct call *call, struct tally_fed_arbitration *said, enum exit_code *code)
{
    struct trust trust;
    bool found = false;
    if (!trust_open(&trust, call, false)) {
        *code = trust.shelf.code;
        trust_close(&trust);
        return false;
    }
    const struct discrepancy *one = dispute_find(&trust, call->operands[0], code);
    if (one != NULL) {
        found = true;
        said->reporter = one->reporter;
        said->subject = one->index;
        said->has_evidence = one->has_evidence;
        said->evidence = one->evidence;
    }
    if (found && key_equal(&trust.fold.self, &trust.shelf.key)) {
        found = false;
        *code = call_usage(call, "a verdict is on the case of another: name it with --of PARTY");
    }
    trust_close(&trust);
    return found;
}

enum exit_code verb_discrepancy_arbitrate(struct call *call)
{
    struct fed_statement said = {.kind = FED_ARBITRATION};
    const char *claim = call_option(call, "claim");
    char data[PATHS_MAX];
    struct door_answer answer;
    enum exit_code code = EXIT_DONE;
    if (claim == NULL || (strcmp(claim, "holds") != 0 && strcmp(claim, "fails") != 0))
        return call_usage(call, "--claim is needed: holds, or fails");
    said.arbitration.holds = strcmp(claim, "holds") == 0;
    if (!say_note(call, &said.arbitration.note, &code) || !shelf_data(call, data, &code) ||
        !read_case(call, &said.arbitration, &code))
        return code;
    code = say(call, &said, data, &answer);
    if (code == EXIT_DONE)
        print_done(call, "discrepancy-arbitrate/1",
                   said.arbitration.holds ? "claim holds" : "claim fails", said.arbitration.subject,
                   &answer);
    return code;
}
