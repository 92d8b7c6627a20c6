/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/say.h"

#include "cmd/print.h"
#include "core/base/bytes.h"
#include "host/config/paths.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct saying {
    bool answered;
    struct door_answer *answer;
};

bool say_note(struct call *call, struct tally_bytes *note, enum exit_code *code)
{
    const char *text = call_option(call, "note");
    *note = bytes_text(text == NULL ? "" : text);
    if (note->size <= FED_NOTE_MAX && print_utf8(text == NULL ? "" : text))
        return true;
    *code = call_usage(call, "the note is not text of at most %d bytes", FED_NOTE_MAX);
    return false;
}

static void on_answer(void *context, const struct door_answer *answer)
{
    struct saying *saying = context;
    saying->answered = true;
    *saying->answer = *answer;
    saying->answer->origin = NULL;
}

static enum tally_error give(struct door *door, const struct saying *saying,
                             const struct tally_command *command, struct complaint *complaint)
{
    enum tally_error error;
    bool readable;
    /* Another call's statement may still be under way: the node judges one after the other. */
    while ((error = door_append(door, 0, command, complaint)) == TALLY_BUSY)
        if ((error = door_wait(door, -1, &readable, complaint)) != TALLY_OK)
            return error;
    while (error == TALLY_OK && !saying->answered)
        error = door_wait(door, -1, &readable, complaint);
    return error;
}

/* `where` is what a refusal is about, or NULL. */
static bool command_one(struct call *call, const char *data, const char *what, const char *where,
                        const struct tally_command *command, struct door_answer *answer,
                        enum exit_code *code)
{
    struct saying saying = {.answer = answer};
    struct door *door;
    bool known = paths_is_data(data);
    const struct door_options options = {
        .data = data, .alone = true, .on_answer = on_answer, .context = &saying};
    if (door_open(&options, &door, &call->complaint) != TALLY_OK) {
        *code = call_fail(call, data);
        return false;
    }
    if (!known)
        (void)fprintf(stderr, "tally: made a key and a data directory: %s\n", data);
    bool good = give(door, &saying, command, &call->complaint) == TALLY_OK;
    if (!good)
        *code = call_fail(call, data);
    else if (answer->error != TALLY_OK)
        *code = call_fail_with(call, exit_of_error(answer->error), answer->error, where, "%s: %s",
                               what, tally_error_text(answer->error));
    good = good && answer->error == TALLY_OK;
    if (door_close(door, &call->complaint) != TALLY_OK && good) {
        *code = call_fail(call, NULL);
        return false;
    }
    return good;
}

enum exit_code say(struct call *call, const struct fed_statement *said, const char *data,
                   struct door_answer *answer)
{
    uint8_t body[FED_BODY_MAX];
    size_t size = fed_write(said, body);
    const struct tally_command command = {
        .kind = TALLY_COMMAND_STATE,
        .state = {.type = bytes_text(fed_type(said->kind)), .body = bytes_of(body, size)}};
    enum exit_code code = EXIT_DONE;
    (void)command_one(call, data, "not stated", call->operand_count > 0 ? call->operands[0] : NULL,
                      &command, answer, &code);
    return code;
}

bool say_one(struct call *call, const char *data, const char *what,
             const struct tally_command *command, struct door_answer *answer, enum exit_code *code)
{
    return command_one(call, data, what, NULL, command, answer, code);
}

bool say_sure(struct call *call, const char *question, enum exit_code *code)
{
    char answer[8] = "";
    if (call_flag(call, "yes"))
        return true;
    if (!isatty(STDIN_FILENO)) {
        *code = call_usage(call, "%s Say so with --yes", question);
        return false;
    }
    (void)fprintf(stderr, "tally: %s Go on? [y/N] ", question);
    if (fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
        return true;
    *code = call_fail_with(call, EXIT_FAILED, TALLY_REFUSED, NULL, "nothing was changed");
    return false;
}
