/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/errands.h"

#include "core/address/peer_id.h"
#include "core/base/bytes.h"
#include "host/uv/inside.h"
#include "host/uv/report.h"
#include "tally/receipt.h"

#include <stdlib.h>

struct errand {
    errand_on_done *on_done;
    void *context;
    json_t *items; /* NULL: nothing is collected. */
};

static void finish(struct errand *errand, enum tally_error error)
{
    char *text = NULL;
    /* What was found so far is worth telling, however the search ended. */
    if (errand->items != NULL && json_array_size(errand->items) > 0)
        error = TALLY_OK;
    if (error == TALLY_OK) {
        json_t *answer = errand->items == NULL ? json_object()
                                               : json_pack("{s:s, s:O}", "schema", "tally/find/1",
                                                           "items", errand->items);
        text = answer == NULL ? NULL : json_dumps(answer, JSON_COMPACT);
        json_decref(answer);
        error = text == NULL ? TALLY_NO_MEMORY : TALLY_OK;
    }
    errand->on_done(errand->context, error, text);
    free(text);
    json_decref(errand->items);
    free(errand);
}

static void on_action(void *context, const struct tally_action *action)
{
    struct errand *errand = context;
    if (action->kind == TALLY_ACTION_ANSWER)
        finish(errand, action->answer.error);
    else if (errand->items != NULL && json_array_size(errand->items) < ERRANDS_FOUND_MAX)
        (void)json_array_append_new(errand->items, report_found(action, host_now().mono));
}

/* The command of an errand; false if there is no such verb. */
static bool command_of(struct tally_bytes verb, struct tally_bytes argument,
                       struct tally_command *command, bool *good)
{
    struct peer_id id;
    *good = true;
    if (bytes_equal(verb, bytes_text("check"))) {
        command->kind = TALLY_COMMAND_CHECK;
        return true;
    }
    if (bytes_equal(verb, bytes_text("recover"))) {
        command->kind = TALLY_COMMAND_RECOVER;
        return true;
    }
    if (bytes_equal(verb, bytes_text("cosign"))) {
        command->kind = TALLY_COMMAND_COSIGN;
        return true;
    }
    if (bytes_equal(verb, bytes_text("sample"))) {
        command->kind = TALLY_COMMAND_SAMPLE;
        *good = peer_id_parse(argument, &id) && peer_id_key(&id, &command->sample.party);
        return true;
    }
    command->kind = TALLY_COMMAND_FIND;
    if (bytes_equal(verb, bytes_text("find-peer"))) {
        command->find.peer = true;
        *good = peer_id_parse(argument, &id) && peer_id_key(&id, &command->find.key);
        return true;
    }
    command->find.name_space = argument;
    *good = tally_namespace_valid(argument);
    return bytes_equal(verb, bytes_text("find-namespace"));
}

bool errand_begin(struct host *host, struct tally_bytes verb, struct tally_bytes argument,
                  errand_on_done *on_done, void *context)
{
    struct tally_command command = {.ticket = 0};
    bool good;
    if (!command_of(verb, argument, &command, &good))
        return false;
    struct errand *errand = calloc(1, sizeof *errand);
    if (errand == NULL || !good) {
        free(errand);
        on_done(context, good ? TALLY_NO_MEMORY : TALLY_BAD_NAME, NULL);
        return true;
    }
    *errand = (struct errand){.on_done = on_done, .context = context};
    if (command.kind == TALLY_COMMAND_FIND)
        errand->items = json_array();
    if (!host_command(host, &command, on_action, errand))
        finish(errand, TALLY_BUSY);
    return true;
}
