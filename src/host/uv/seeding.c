/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/seeding.h"

#include "core/base/bytes.h"
#include "core/federation/words.h"
#include "host/uv/inside.h"
#include "tally/witness.h"

/* Refused for now: it is tried again. */
static bool is_early(enum tally_error error)
{
    return error == TALLY_BUSY || error == TALLY_UNCONFIRMED || error == TALLY_FULL ||
           error == TALLY_READ_ONLY || error == TALLY_GUARDED;
}

static void on_stated(void *context, const struct tally_action *answer)
{
    struct seeding *seeding = context;
    enum tally_error error = answer->answer.error;
    seeding->waits = false;
    if (is_early(error))
        return;
    const struct tally_policy_witness *witness = &seeding->policy->witnesses[seeding->at++];
    if (error != TALLY_OK && error != TALLY_STOPPING)
        trace_line(&seeding->host->tracer, TALLY_LEVEL_WARN,
                   "msg=\"a witness of the policy is not asked\" witness=%.*s why=\"%s\"",
                   (int)witness->name.size, (const char *)witness->name.data,
                   tally_error_text(error));
}

static void state(struct seeding *seeding, const struct tally_policy_witness *witness)
{
    uint8_t body[FED_BODY_MAX];
    const struct fed_statement said = {.kind = FED_WITNESS_URL,
                                       .witness_url = {.key = witness->vkey.key,
                                                       .name = bytes_text(witness->vkey.name),
                                                       .url = witness->url,
                                                       .asked = 1}};
    size_t size = fed_write(&said, body);
    const struct tally_command command = {
        .kind = TALLY_COMMAND_STATE,
        .state = {.type = bytes_text(fed_type(said.kind)), .body = bytes_of(body, size)}};
    seeding->waits = true;
    if (!host_command(seeding->host, &command, on_stated, seeding))
        seeding->waits = false;
}

static void on_timer(uv_timer_t *timer)
{
    struct seeding *seeding = timer->data;
    const struct tally_policy *policy = seeding->policy;
    if (seeding->waits)
        return;
    while (seeding->at < policy->witness_count) {
        const struct tally_policy_witness *witness = &policy->witnesses[seeding->at];
        if (witness->url.size > 0 && !tally_node_outside(seeding->host->node, &witness->vkey.key)) {
            state(seeding, witness);
            return;
        }
        seeding->at++;
    }
    (void)uv_timer_stop(timer);
}

void seeding_open(struct seeding *seeding, struct host *host, const struct tally_policy *policy)
{
    *seeding = (struct seeding){.host = host, .policy = policy};
    (void)uv_timer_init(&host->loop, &seeding->timer);
    seeding->timer.data = seeding;
}

void seeding_start(struct seeding *seeding)
{
    if (seeding->policy != NULL)
        (void)uv_timer_start(&seeding->timer, on_timer, 0, SEEDING_MS);
}

void seeding_stop(struct seeding *seeding)
{
    (void)uv_timer_stop(&seeding->timer);
}
