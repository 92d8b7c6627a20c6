/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/carrier.h"

#include "core/base/bytes.h"
#include "host/uv/inside.h"

#include <jansson.h>
#include <stdlib.h>

static void on_answer(void *context, const struct tally_action *action)
{
    enum tally_error *error = context;
    *error = action->answer.error;
}

bool carrier_begin(struct host *host, carrier_on_frame *on_frame, carrier_on_over *on_over,
                   void *context)
{
    const struct tally_command command = {.kind = TALLY_COMMAND_CARRY};
    enum tally_error error = TALLY_BUSY;
    if (host->carrier.on_frame != NULL)
        return false;
    host->carrier = (struct carrier){on_frame, on_over, context};
    if (host_command(host, &command, on_answer, &error) && error == TALLY_OK)
        return true;
    host->carrier = (struct carrier){NULL, NULL, NULL};
    return false;
}

void carrier_take(struct host *host, struct tally_bytes frame)
{
    struct tally_event event = {.kind = TALLY_EVENT_CARRY};
    event.carry.bytes = frame;
    if (frame.size > 0)
        host_step(host, &event);
}

void carrier_leave(struct host *host)
{
    const struct tally_event event = {.kind = TALLY_EVENT_CARRY};
    host->carrier = (struct carrier){NULL, NULL, NULL};
    host_step(host, &event);
}

static void over(struct host *host, const struct tally_action *action)
{
    const struct carrier carrier = host->carrier;
    json_t *object = json_pack(
        "{s:s, s:s, s:I, s:i, s:b}", "error", tally_error_name(action->carry.error), "drop",
        tally_drop_name(action->carry.drop), "logs", (json_int_t)action->carry.logs, "forks",
        (int)action->carry.forks, "guarded", (int)action->carry.guarded);
    char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
    json_decref(object);
    host->carrier = (struct carrier){NULL, NULL, NULL};
    carrier.on_over(carrier.context, text == NULL ? TALLY_NO_MEMORY : TALLY_OK, text);
    free(text);
}

void carrier_perform(struct host *host, const struct tally_action *action)
{
    const struct carrier *carrier = &host->carrier;
    if (carrier->on_frame == NULL)
        return; /* It has just left. */
    if (action->carry.bytes.size > 0)
        carrier->on_frame(carrier->context, action->carry.bytes);
    else
        over(host, action);
}
