/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/bootstrap.h"

#include "host/uv/inside.h"

#include <string.h>

static void on_told(void *context, const struct tally_action *answer)
{
    struct doctor_bootstrap *view = context;
    view->told = answer->answer.error;
}

/* True if the node heard it; else it is busy, and told again later. */
static bool tell(struct bootstrap_item *item, const struct tally_address *address)
{
    const struct dns_question *question = &item->given.question;
    struct tally_command command = {.kind = TALLY_COMMAND_BOOTSTRAP,
                                    .bootstrap = {.has_key = question->has_key,
                                                  .key = question->key,
                                                  .source = TALLY_SOURCE_CONFIGURED}};
    if (item->given.kind == HOST_BOOTSTRAP_DOMAIN) {
        command.kind = TALLY_COMMAND_DOMAIN;
        command.domain.name = question->name;
    } else {
        command.bootstrap.address = *address;
    }
    return host_command(item->owner->host, &command, on_told, &item->view);
}

static void on_timer(uv_timer_t *timer);

/* The next one that is to be asked again. */
static void arm(struct bootstrap *bootstrap)
{
    struct tally_mono next = TALLY_NEVER, now = host_now().mono;
    for (size_t i = 0; i < bootstrap->count; i++)
        if (bootstrap->items[i].again.ms < next.ms)
            next = bootstrap->items[i].again;
    if (next.ms == TALLY_NEVER.ms)
        (void)uv_timer_stop(&bootstrap->timer);
    else
        (void)uv_timer_start(&bootstrap->timer, on_timer, next.ms > now.ms ? next.ms - now.ms : 0,
                             0);
}

static void later(struct bootstrap_item *item)
{
    uint64_t pause = BOOTSTRAP_FIRST_MS;
    for (unsigned i = 0; i < item->failures && pause < BOOTSTRAP_CAP_MS; i++)
        pause *= 2;
    item->failures++;
    item->again.ms = host_now().mono.ms + (pause < BOOTSTRAP_CAP_MS ? pause : BOOTSTRAP_CAP_MS);
}

/* Once for each time it begins to fail. */
static void say(const struct bootstrap_item *item, enum finding_code code, enum tally_error before)
{
    const struct doctor_bootstrap *view = &item->view;
    if (view->error == TALLY_OK || view->error == before)
        return;
    trace_line(&item->owner->host->tracer, TALLY_LEVEL_WARN,
               "msg=\"%s\" code=%s name=%s reason=\"%s\" remedy=\"%s\"", finding_title(code),
               finding_name(code), item->given.question.name,
               view->error == TALLY_NOT_FOUND ? "no such record" : tally_error_text(view->error),
               finding_remedy(code));
}

static void on_found(void *context, uint64_t ticket, const struct dns_question *question,
                     const struct dns_found *found)
{
    struct bootstrap_item *item = context;
    enum tally_error before = item->view.error;
    (void)ticket;
    (void)question;
    item->view.asked = true;
    item->view.error = found->error;
    say(item, FINDING_NAME, before);
    if (found->error == TALLY_OK) {
        item->failures = 0;
        item->view.has_address = true;
        item->view.address = found->list[0].address;
        item->again.ms = host_now().mono.ms + BOOTSTRAP_AGAIN_MS;
    } else {
        later(item);
    }
    for (size_t i = 0; i < found->count; i++)
        if (!tell(item, &found->list[i].address))
            later(item);
    arm(item->owner);
}

static void begin(struct bootstrap_item *item)
{
    struct bootstrap *bootstrap = item->owner;
    item->again = TALLY_NEVER;
    if (item->given.kind == HOST_BOOTSTRAP_NAME)
        resolver_ask(&bootstrap->host->resolver, &item->given.question, 0, on_found, item);
    else if (!tell(item, &item->given.address))
        later(item);
}

static void on_timer(uv_timer_t *timer)
{
    struct bootstrap *bootstrap = timer->data;
    struct tally_mono now = host_now().mono;
    for (size_t i = 0; i < bootstrap->count; i++)
        if (bootstrap->items[i].again.ms <= now.ms)
            begin(&bootstrap->items[i]);
    arm(bootstrap);
}

void bootstrap_heard(struct bootstrap *bootstrap, const char *domain, enum tally_error error)
{
    for (size_t i = 0; i < bootstrap->count; i++) {
        struct bootstrap_item *item = &bootstrap->items[i];
        enum tally_error before = item->view.error;
        if (item->given.kind != HOST_BOOTSTRAP_DOMAIN ||
            strcmp(item->given.question.name, domain) != 0)
            continue;
        item->view.asked = true;
        item->view.error = error;
        say(item, FINDING_DOMAIN, before);
    }
}

void bootstrap_open(struct bootstrap *bootstrap, struct host *host)
{
    const struct host_options *options = &host->options;
    bootstrap->host = host;
    (void)uv_timer_init(&host->loop, &bootstrap->timer);
    bootstrap->timer.data = bootstrap;
    for (size_t i = 0; i < options->bootstrap_count && i < HOST_BOOTSTRAPS_MAX; i++) {
        const struct host_bootstrap *given = &options->bootstraps[i];
        bool named = given->kind != HOST_BOOTSTRAP_ADDRESS;
        bootstrap->items[bootstrap->count++] =
            (struct bootstrap_item){.given = *given,
                                    .owner = bootstrap,
                                    .again = TALLY_NEVER,
                                    .view = {.text = given->text,
                                             .domain = given->kind == HOST_BOOTSTRAP_DOMAIN,
                                             .asked = !named,
                                             .has_key = given->question.has_key,
                                             .has_address = !named,
                                             .key = given->question.key,
                                             .address = given->address}};
    }
}

void bootstrap_start(struct bootstrap *bootstrap)
{
    for (size_t i = 0; i < bootstrap->count; i++)
        begin(&bootstrap->items[i]);
    arm(bootstrap);
}
