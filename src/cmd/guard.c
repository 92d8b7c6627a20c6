/* SPDX-License-Identifier: Apache-2.0 */
/* tally log recover, tally node confirm-latest: what an operator does when the rollback guard holds
   a node back. */
#include "cmd/ask.h"
#include "cmd/door.h"
#include "cmd/print.h"
#include "cmd/shelf.h"
#include "cmd/verbs.h"
#include "core/base/bytes.h"
#include "core/federation/words.h"

#include <inttypes.h>
#include <string.h>

/* ---- The operator's word ---- */

struct confirm {
    bool answered;
    struct door_answer answer;
};

static void on_answer(void *context, const struct door_answer *answer)
{
    struct confirm *confirm = context;
    confirm->answered = true;
    confirm->answer = *answer;
    confirm->answer.origin = NULL;
}

static enum tally_error give(struct confirm *confirm, struct door *door, const char *note,
                             struct complaint *complaint)
{
    uint8_t body[FED_BODY_MAX];
    const struct fed_statement said = {.kind = FED_CONFIRM, .note = bytes_text(note)};
    const struct tally_command command = {
        .kind = TALLY_COMMAND_STATE,
        .state = {.type = bytes_text(fed_type(FED_CONFIRM)),
                  .body = bytes_of(body, fed_write(&said, body))}};
    enum tally_error error;
    bool readable;
    while ((error = door_append(door, 0, &command, complaint)) == TALLY_BUSY)
        if ((error = door_wait(door, -1, &readable, complaint)) != TALLY_OK)
            return error;
    while (error == TALLY_OK && !confirm->answered)
        error = door_wait(door, -1, &readable, complaint);
    return error;
}

static enum exit_code print_confirmed(const struct call *call, const struct door_answer *answer)
{
    bool passed = answer->error == TALLY_FORBIDDEN;
    if (!call->json) {
        if (passed)
            (void)printf("nothing to confirm: the guard has passed\n");
        else
            (void)printf("confirmed, as receipt %" PRIu64
                         " of federation: this is the latest copy\n",
                         answer->index);
        return EXIT_DONE;
    }
    json_t *object = print_object("node-confirm-latest/1");
    (void)json_object_set_new(object, "confirmed", json_boolean(!passed));
    (void)json_object_set_new(object, "index",
                              passed ? json_null() : json_integer((json_int_t)answer->index));
    (void)json_object_set_new(object, "receipt",
                              passed ? json_null() : print_json_hash(&answer->receipt));
    print_json(object);
    return EXIT_DONE;
}

static enum exit_code confirm(struct call *call, const char *data, const char *note)
{
    struct confirm confirm = {.answered = false};
    struct door *door;
    const struct door_options options = {
        .data = data, .alone = true, .on_answer = on_answer, .context = &confirm};
    if (door_open(&options, &door, &call->complaint) != TALLY_OK)
        return call_fail(call, data);
    enum exit_code code = EXIT_DONE;
    if (give(&confirm, door, note, &call->complaint) != TALLY_OK)
        code = call_fail(call, data);
    if (door_close(door, &call->complaint) != TALLY_OK && code == EXIT_DONE)
        code = call_fail(call, NULL);
    if (code != EXIT_DONE)
        return code;
    const struct door_answer *answer = &confirm.answer;
    if (answer->error == TALLY_OK || answer->error == TALLY_FORBIDDEN)
        return print_confirmed(call, answer);
    return call_fail_with(call, exit_of_error(answer->error), answer->error, data,
                          "not confirmed: %s", tally_error_text(answer->error));
}

enum exit_code verb_node_confirm(struct call *call)
{
    char data[PATHS_MAX];
    enum exit_code code = EXIT_DONE;
    const char *note = call_option(call, "note");
    if (!shelf_data(call, data, &code))
        return code;
    if (!paths_is_data(data)) {
        (void)paths_no_data(data, &call->complaint);
        return call_fail(call, data);
    }
    if (note != NULL && (strlen(note) > FED_NOTE_MAX || !print_utf8(note)))
        return call_usage(call, "the note is not text of at most %d bytes", FED_NOTE_MAX);
    if (!call_flag(call, "yes"))
        return call_usage(call,
                          "this says on your word that nobody holds more of this node's logs "
                          "than %.200s does; if that is wrong, the node contradicts itself "
                          "for ever, and all see it: add --yes",
                          data);
    return confirm(call, data, note == NULL ? "" : note);
}

/* ---- Recovery ---- */

static long long missing_now(struct call *call, const char *data, const char **state)
{
    static char word[32];
    json_t *status = ask_node(data, "status", "", ASK_TIMEOUT_S, NULL, &call->complaint);
    if (status == NULL)
        return -1;
    const json_t *guard = json_object_get(status, "guard");
    long long missing = number_of(guard, "missing");
    (void)snprintf(word, sizeof word, "%s", text_of(guard, "state"));
    *state = word;
    json_decref(status);
    return missing;
}

static enum exit_code recover(struct call *call, const char *data, unsigned timeout_s)
{
    const char *state = "";
    long long missing = missing_now(call, data, &state);
    if (missing < 0)
        return call_fail(call, data);
    json_t *done =
        ask_node(data, "recover", "", timeout_s, "fetching our own receipts", &call->complaint);
    if (done == NULL && call->complaint.error == TALLY_TIMED_OUT)
        return call_fail_with(call, EXIT_TIMED_OUT, TALLY_TIMED_OUT, data,
                              "not all of it is here yet; the node goes on fetching by itself when "
                              "somebody who holds more of our logs is reachable (tally status)");
    if (done == NULL)
        return call_fail(call, data);
    json_decref(done);
    if (call->json) {
        json_t *object = print_object("log-recover/1");
        (void)json_object_set_new(object, "receipts", json_integer(missing));
        print_json(object);
    } else if (strcmp(state, "passed") == 0) {
        (void)printf("nothing to recover: nobody holds more of our own logs\n");
    } else {
        (void)printf("%lld receipts of our own were fetched and verified; appends go on\n",
                     missing);
    }
    return EXIT_DONE;
}

enum exit_code verb_log_recover(struct call *call)
{
    char data[PATHS_MAX];
    unsigned timeout_s;
    enum exit_code code = EXIT_DONE;
    if (!shelf_data(call, data, &code) || !ask_timeout(call, &timeout_s, &code))
        return code;
    if (!call_flag(call, "from-peers"))
        return call_usage(call, "from where? --from-peers");
    if (call_option(call, "timeout") == NULL)
        timeout_s = ASK_TIMEOUT_MAX_S;
    return recover(call, data, timeout_s);
}
