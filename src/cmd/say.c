/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/say.h"

#include <stdio.h>
#include <unistd.h>

struct saying {
    bool answered;
    struct door_answer *answer;
};

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

bool say_one(struct call *call, const char *data, const char *what,
             const struct tally_command *command, struct door_answer *answer, enum exit_code *code)
{
    struct saying saying = {.answer = answer};
    struct door *door;
    const struct door_options options = {
        .data = data, .alone = true, .on_answer = on_answer, .context = &saying};
    if (door_open(&options, &door, &call->complaint) != TALLY_OK) {
        *code = call_fail(call, data);
        return false;
    }
    bool good = give(door, &saying, command, &call->complaint) == TALLY_OK;
    if (!good)
        *code = call_fail(call, data);
    else if (answer->error != TALLY_OK)
        *code = call_fail_with(call, exit_of_error(answer->error), answer->error, NULL, "%s: %s",
                               what, tally_error_text(answer->error));
    if (door_close(door, &call->complaint) != TALLY_OK && good) {
        *code = call_fail(call, NULL);
        return false;
    }
    return good && answer->error == TALLY_OK;
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
