/* SPDX-License-Identifier: Apache-2.0 */
/* tally federation admit, level, withdraw, mode: statements, appended by the node. */
#include "cmd/federation.h"

#include "cmd/print.h"
#include "cmd/say.h"
#include "cmd/trust.h"
#include "cmd/verbs.h"
#include "core/base/bytes.h"

#include <inttypes.h>

/* One statement on its way. */
struct statement {
    struct call *call;
    struct fed_statement said;
    struct door_answer answer;
};

/* ---- The command line ---- */

static bool read_level(struct call *call, const char *word, enum tally_trust *level,
                       enum exit_code *code)
{
    if (tally_trust_read(word, level))
        return true;
    *code = call_usage(
        call, "\"%.40s\" is no level: isolated, observe, verify, attest or integrate", word);
    return false;
}

static bool read_roles(struct call *call, struct fed_statement *said, enum exit_code *code)
{
    const char *roles = call_option(call, "roles");
    said->has_roles = roles != NULL;
    if (roles == NULL || tally_roles_read(roles, &said->roles))
        return true;
    *code = call_usage(call,
                       "\"%.80s\" are no roles: some of announce, serve, request with commas "
                       "between, or none",
                       roles);
    return false;
}

bool federation_note(struct call *call, const char *option, struct fed_statement *said,
                     enum exit_code *code)
{
    return say_note(call, &said->note, code);
}

static bool read_note(struct call *call, struct fed_statement *said, enum exit_code *code)
{
    return federation_note(call, "note", said, code);
}

/* ---- Why not ---- */

/* In whose words a statement is refused; the fold says that it is. */
static enum exit_code forbid(struct call *call, const struct trust *trust,
                             const struct fed_statement *said)
{
    const struct tally_party *party = fold_find(&trust->fold, &said->party);
    const char *name = call->operands[0];
    if (said->kind == FED_MODE)
        return call_fail_with(call, EXIT_FAILED, TALLY_FORBIDDEN, name, "the mode is %s already",
                              tally_mode_name(said->mode));
    if (said->kind == FED_ADMIT)
        return call_fail_with(call, EXIT_FAILED, TALLY_FORBIDDEN, name,
                              "%.100s is admitted already, at level %s: change that with tally "
                              "federation level",
                              name, tally_trust_name(party->level));
    return call_fail_with(call, EXIT_NOT_FOUND, TALLY_NOT_FOUND, name,
                          party == NULL ? "%.100s was never admitted: tally federation list shows "
                                          "who was"
                                        : "%.100s was withdrawn: tally federation admit takes it "
                                          "back",
                          name);
}

static enum exit_code check(struct call *call, const struct trust *trust,
                            const struct fed_statement *said)
{
    switch (fold_judge(&trust->fold, &trust->fold.self, said)) {
    case FOLD_TAKEN:
        return EXIT_DONE;
    case FOLD_FORBIDDEN:
        return forbid(call, trust, said);
    case FOLD_SELF:
        return call_usage(call, "%.100s is this node itself", call->operands[0]);
    case FOLD_FULL:
        return call_fail_with(call, EXIT_FAILED, TALLY_TOO_LARGE, call->operands[0],
                              "a node speaks of at most %d parties, withdrawn ones among them",
                              TALLY_PARTIES_MAX);
    case FOLD_ENDED:
        return call_fail_with(call, EXIT_FAILED, TALLY_REVOKED, NULL,
                              "the key of this node is revoked: it states nothing any more");
    case FOLD_OTHER:
    case FOLD_UNKNOWN:
    case FOLD_MALFORMED:
    case FOLD_FOREIGN:
    case FOLD_NOTED:
    case FOLD_VERDICT_COUNT:
        break;
    }
    return call_usage(call, "that is no statement");
}

/* ---- Saying it ---- */

enum exit_code federation_state(struct call *call, const char *data,
                                const struct fed_statement *said, struct door_answer *answer)
{
    return say(call, said, data, answer);
}

static void print_done(const struct statement *statement, const struct trust *trust)
{
    const struct call *call = statement->call;
    const struct fed_statement *said = &statement->said;
    const struct tally_party *party =
        said->kind == FED_MODE ? NULL : fold_find(&trust->fold, &said->party);
    char schema[64];
    if (!call->json) {
        if (party != NULL)
            federation_print(party);
        (void)printf("mode %s\n", fold_strict(&trust->fold) ? "strict" : "open");
        return;
    }
    (void)snprintf(schema, sizeof schema, "%s-%s/1", call->verb->noun, call->verb->name);
    json_t *object = print_object(schema);
    if (party != NULL)
        (void)json_object_update_new(object, federation_object(party));
    (void)json_object_update_new(object, federation_mode(&trust->fold));
    (void)json_object_set_new(object, "index", json_integer((json_int_t)statement->answer.index));
    (void)json_object_set_new(object, "receipt", print_json_hash(&statement->answer.receipt));
    print_json(object);
}

/* The first admission shuts out everybody else: whoever does that should know it. */
static void tell_strict(const struct trust *before, const struct trust *after)
{
    if (!fold_strict(&before->fold) && fold_strict(&after->fold) &&
        after->fold.mode == TALLY_MODE_UNSAID)
        (void)fprintf(stderr, "tally: from now on this node is strict: who is not admitted may "
                              "nothing (tally federation mode open lets strangers in again)\n");
}

/* Reads what the directory says now, judges, states, and reads again. */
static enum exit_code state(struct statement *statement)
{
    struct call *call = statement->call;
    struct trust before, after;
    bool first = statement->said.kind == FED_ADMIT || statement->said.kind == FED_MODE;
    enum exit_code code = EXIT_DONE;
    if (!trust_open(&before, call, first))
        code = before.shelf.code;
    if (code == EXIT_DONE && statement->said.kind != FED_MODE)
        (void)trust_party(&before, call, call->operands[0], &statement->said.party, &code);
    if (code == EXIT_DONE)
        code = check(call, &before, &statement->said);
    shelf_close(&before.shelf);
    if (code == EXIT_DONE)
        code = say(call, &statement->said, before.shelf.data, &statement->answer);
    if (code == EXIT_DONE) {
        if (trust_open(&after, call, false)) {
            print_done(statement, &after);
            tell_strict(&before, &after);
        } else {
            code = after.shelf.code;
        }
        trust_close(&after);
    }
    trust_close(&before);
    return code;
}

enum exit_code verb_federation_admit(struct call *call)
{
    struct statement statement = {.call = call, .said = {.kind = FED_ADMIT}};
    struct fed_statement *said = &statement.said;
    const char *level = call_option(call, "level");
    enum exit_code code = EXIT_DONE;
    if (!read_level(call, level == NULL ? "observe" : level, &said->level, &code) ||
        !read_roles(call, said, &code) || !read_note(call, said, &code))
        return code;
    if (!said->has_roles)
        said->roles = TALLY_ROLES_ALL;
    said->has_roles = true;
    return state(&statement);
}

enum exit_code verb_federation_level(struct call *call)
{
    struct statement statement = {.call = call, .said = {.kind = FED_LEVEL}};
    enum exit_code code = EXIT_DONE;
    if (!read_level(call, call->operands[1], &statement.said.level, &code) ||
        !read_roles(call, &statement.said, &code) || !read_note(call, &statement.said, &code))
        return code;
    return state(&statement);
}

enum exit_code verb_federation_withdraw(struct call *call)
{
    struct statement statement = {.call = call, .said = {.kind = FED_WITHDRAW}};
    enum exit_code code = EXIT_DONE;
    return read_note(call, &statement.said, &code) ? state(&statement) : code;
}

enum exit_code verb_federation_mode(struct call *call)
{
    struct statement statement = {.call = call, .said = {.kind = FED_MODE}};
    enum exit_code code = EXIT_DONE;
    bool open = strcmp(call->operands[0], "open") == 0;
    if (!open && strcmp(call->operands[0], "strict") != 0)
        return call_usage(call, "\"%.40s\" is no mode: strict or open", call->operands[0]);
    statement.said.mode = open ? TALLY_MODE_OPEN : TALLY_MODE_STRICT;
    return read_note(call, &statement.said, &code) ? state(&statement) : code;
}

/* Whether a party is asked to cosign: by its level, unless something else is said here. */
enum exit_code federation_witness(struct call *call, bool asked)
{
    struct statement statement = {.call = call, .said = {.kind = FED_WITNESS, .asked = asked}};
    enum exit_code code = EXIT_DONE;
    return read_note(call, &statement.said, &code) ? state(&statement) : code;
}
