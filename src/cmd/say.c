/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/say.h"

#include "cmd/print.h"
#include "core/base/bytes.h"
#include "host/config/paths.h"

#include <string.h>

struct saying {
    struct call *call;
    const struct fed_statement *said;
    bool answered;
    struct door_answer answer;
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
    saying->answer = *answer;
    saying->answer.origin = NULL;
}

static enum tally_error give(struct saying *saying, struct door *door)
{
    uint8_t body[FED_BODY_MAX];
    size_t size = fed_write(saying->said, body);
    const struct tally_command command = {
        .kind = TALLY_COMMAND_STATE,
        .state = {.type = bytes_text(fed_type(saying->said->kind)), .body = bytes_of(body, size)}};
    struct complaint *complaint = &saying->call->complaint;
    enum tally_error error;
    bool readable;
    /* Another call's statement may still be under way: the node judges one after the other. */
    while ((error = door_append(door, 0, &command, complaint)) == TALLY_BUSY)
        if ((error = door_wait(door, -1, &readable, complaint)) != TALLY_OK)
            return error;
    while (error == TALLY_OK && !saying->answered)
        error = door_wait(door, -1, &readable, complaint);
    return error;
}

enum exit_code say(struct call *call, const struct fed_statement *said, const char *data,
                   struct door_answer *answer)
{
    struct saying saying = {.call = call, .said = said};
    struct door *door;
    bool known = paths_is_data(data);
    const struct door_options options = {
        .data = data, .alone = true, .on_answer = on_answer, .context = &saying};
    if (door_open(&options, &door, &call->complaint) != TALLY_OK)
        return call_fail(call, data);
    if (!known)
        (void)fprintf(stderr, "tally: made a key and a data directory: %s\n", data);
    enum exit_code code = EXIT_DONE;
    if (give(&saying, door) != TALLY_OK)
        code = call_fail(call, data);
    else if (saying.answer.error != TALLY_OK)
        code = call_fail_with(call, exit_of_error(saying.answer.error), saying.answer.error,
                              call->operand_count > 0 ? call->operands[0] : NULL, "not stated: %s",
                              tally_error_text(saying.answer.error));
    if (door_close(door, &call->complaint) != TALLY_OK && code == EXIT_DONE)
        code = call_fail(call, NULL);
    *answer = saying.answer;
    return code;
}
