/* SPDX-License-Identifier: Apache-2.0 */
#include "host/store/store.h"
#include "host/uv/inside.h"

#include <assert.h>
#include <time.h>

struct tally_now host_now(void)
{
    struct timespec wall;
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    return (struct tally_now){
        .mono = {uv_hrtime() / 1000000},
        .wall = {(int64_t)wall.tv_sec * 1000000 + wall.tv_nsec / 1000},
    };
}

/* ---- The timer of the node ---- */

static void on_timer(uv_timer_t *timer)
{
    struct host *host = timer->data;
    const struct tally_event event = {.kind = TALLY_EVENT_TICK};
    host->armed = TALLY_NEVER;
    host_step(host, &event);
}

/* libuv's clock is the one of host_now, so a deadline needs no second look at it. */
static void wake_at(struct host *host, struct tally_mono deadline)
{
    if (deadline.ms == host->armed.ms)
        return;
    host->armed = deadline;
    uint64_t now = uv_now(&host->loop);
    if (deadline.ms == TALLY_NEVER.ms)
        (void)uv_timer_stop(&host->timer);
    else
        (void)uv_timer_start(&host->timer, on_timer, deadline.ms > now ? deadline.ms - now : 0, 0);
}

/* ---- Performing ---- */

static void perform_append(struct host *host, const struct tally_action *action)
{
    struct pool_package *package = NULL;
    if (action->append.envelope.size == 0) {
        package = pool_find(&host->pool, action->append.package);
        assert(package != NULL && package->checked);
        package->lent = true;
    }
    disk_perform(&host->disk, action, package);
}

static void perform_body(struct host *host, const struct tally_action *action)
{
    struct pool_package *package = pool_find(&host->pool, action->body.package);
    assert(package != NULL && package->checked);
    disk_perform(&host->disk, action, package);
}

/* A checked package may have pieces of bodies on the disk, which go with it, in order. */
static void perform_release(struct host *host, const struct tally_action *action)
{
    struct pool_package *package = pool_find(&host->pool, action->release.ticket);
    if (package == NULL)
        return;
    if (!package->checked) {
        pool_release(&host->pool, package);
        return;
    }
    package->lent = true;
    disk_perform(&host->disk, action, package);
}

static void perform_found(struct host *host, const struct tally_action *action)
{
    const struct host_waiter *waiter = &host->waiters[action->found.ticket % HOST_COMMANDS];
    assert(waiter->on_answer != NULL);
    waiter->on_answer(waiter->context, action);
}

static void perform_answer(struct host *host, const struct tally_action *action)
{
    struct host_waiter *slot = &host->waiters[action->answer.ticket % HOST_COMMANDS];
    const struct host_waiter waiter = *slot;
    assert(waiter.on_answer != NULL);
    *slot = (struct host_waiter){0};
    host->waiting--;
    host->patient -= waiter.patient;
    /* Refused at once: who asked hears it from host_command, and waits. */
    if (action->answer.error == TALLY_BUSY && action->answer.ticket == host->asking) {
        host->refused = true;
        return;
    }
    waiter.on_answer(waiter.context, action);
}

static void perform(struct host *host, const struct tally_action *action)
{
    switch (action->kind) {
    case TALLY_ACTION_SEND:
        udp_send(&host->udp, &action->send.to, action->send.bytes);
        break;
    case TALLY_ACTION_DIAL:
        tcp_dial(&host->tcp, action->dial.stream, &action->dial.to, action->dial.punch);
        break;
    case TALLY_ACTION_WRITE:
        tcp_write(&host->tcp, action->write.stream, action->write.bytes);
        break;
    case TALLY_ACTION_CLOSE:
        tcp_end(&host->tcp, action->close.stream);
        break;
    case TALLY_ACTION_APPEND:
        perform_append(host, action);
        break;
    case TALLY_ACTION_SEAL:
    case TALLY_ACTION_PUBLISH:
    case TALLY_ACTION_KEEP:
    case TALLY_ACTION_EVIDENCE:
    case TALLY_ACTION_PRUNE:
        disk_perform(&host->disk, action, NULL);
        break;
    case TALLY_ACTION_VERIFY:
        pool_verify(&host->pool, action);
        break;
    case TALLY_ACTION_BODY:
        perform_body(host, action);
        break;
    case TALLY_ACTION_RELEASE:
        perform_release(host, action);
        break;
    case TALLY_ACTION_ANSWER:
        perform_answer(host, action);
        break;
    case TALLY_ACTION_MULTICAST:
        multicast_send(&host->multicast, action->multicast.interface, &action->multicast.to,
                       action->multicast.bytes);
        break;
    case TALLY_ACTION_MAP:
        gateway_map(&host->gateway, action);
        break;
    case TALLY_ACTION_RESOLVE:
        resolver_resolve(&host->resolver, action);
        break;
    case TALLY_ACTION_FOUND:
        perform_found(host, action);
        break;
    case TALLY_ACTION_HTTP:
        asking_ask(&host->asking_http, action);
        break;
    case TALLY_ACTION_CARRY:
        carrier_perform(host, action);
        break;
    }
}

/* The ten lines (architecture, section 1). */
void host_step(struct host *host, const struct tally_event *event)
{
    struct tally_action action;
    assert(!host->stepping);
    host->stepping = true;
    tally_node_step(host->node, host_now(), event);
    while (tally_node_next(host->node, &action))
        perform(host, &action);
    host->stepping = false;
    host_look_at_guard(host);
    wake_at(host, tally_node_deadline(host->node));
}

/* ---- The guard ---- */

static void guard_moved(struct host *host, enum tally_guard guard)
{
    host->guard = guard;
    if (guard == TALLY_GUARD_PASSED && host->past != TALLY_PAST_OWN) {
        host->past = TALLY_PAST_OWN;
        disk_vouch(&host->disk, true);
    } else if (guard == TALLY_GUARD_RECOVERING && host->past == TALLY_PAST_OWN) {
        host->past = TALLY_PAST_COPY;
        disk_vouch(&host->disk, false);
    }
    if (host->options.admin && host->admin.open)
        host_later(host); /* Appends waited in their sockets. */
}

void host_look_at_guard(struct host *host)
{
    enum tally_guard guard = tally_node_guard(host->node);
    if (guard != host->guard)
        guard_moved(host, guard);
    if (guard != TALLY_GUARD_FORKED || host->disk.count > 0 || host->failure.error != TALLY_OK)
        return;
    (void)complain(&host->failure, TALLY_FROZEN,
                   "%s is not the newest copy, and went its own way: two checkpoints that are "
                   "signed with this node's key contradict each other; the evidence is in %s/forks",
                   host->data, host->data);
    uv_stop(&host->loop);
}

/* ---- Commands ---- */

/* The next ticket whose slot is not held by one that waits for other nodes: tens of thousands of
   receipts may pass it by. */
static uint64_t next_ticket(const struct host *host)
{
    uint64_t ticket = host->tickets + 1;
    while (host->waiters[ticket % HOST_COMMANDS].patient && ticket - host->tickets < HOST_COMMANDS)
        ticket++;
    return ticket;
}

bool host_command(struct host *host, const struct tally_command *command, host_on_answer *on_answer,
                  void *context)
{
    uint64_t ticket = next_ticket(host);
    struct host_waiter *slot = &host->waiters[ticket % HOST_COMMANDS];
    if (slot->on_answer != NULL)
        return false;
    bool patient = command->kind == TALLY_COMMAND_FIND || command->kind == TALLY_COMMAND_CHECK ||
                   command->kind == TALLY_COMMAND_RECOVER;
    *slot = (struct host_waiter){on_answer, context, patient};
    host->tickets = ticket;
    host->waiting++;
    host->patient += patient;
    struct tally_event event = {.kind = TALLY_EVENT_COMMAND, .command = *command};
    event.command.ticket = ticket;
    host->asking = ticket;
    host->refused = false;
    host_step(host, &event);
    host->asking = 0;
    host->crowded = host->crowded || host->refused;
    return !host->refused;
}

size_t host_commands(const struct host *host)
{
    return host->waiting;
}

/* ---- Space ---- */

enum { SPACE_LOOK_MS = 2000 };

static void tell_space(struct host *host, bool writable)
{
    host->writable = writable;
    const struct tally_event event = {.kind = TALLY_EVENT_SPACE, .space = {.writable = writable}};
    host_step(host, &event);
}

static void on_space(uv_timer_t *timer)
{
    struct host *host = timer->data;
    uint64_t missing;
    if (!store_writable(host->store, &missing))
        return;
    (void)uv_timer_stop(timer);
    tell_space(host, true);
}

void host_no_space(struct host *host)
{
    if (!host->writable)
        return;
    (void)uv_timer_start(&host->space, on_space, SPACE_LOOK_MS, SPACE_LOOK_MS);
    tell_space(host, false);
}

void host_disk_failed(struct host *host)
{
    if (host->failure.error == TALLY_OK)
        (void)complain(&host->failure, TALLY_IO,
                       "the disk under %s reported an error: nothing acknowledged is lost; check "
                       "it, then start again",
                       host->data);
    uv_stop(&host->loop);
}

/* ---- Questions ---- */

const struct tally_key *host_identity(const struct host *host)
{
    return &host->identity;
}

const char *host_data(const struct host *host)
{
    return host->data;
}

struct tally_address host_address(const struct host *host)
{
    return host->address;
}

struct store *host_store(const struct host *host)
{
    return host->store;
}

const struct tally_node *host_node(const struct host *host)
{
    return host->node;
}

uint64_t host_uptime_ms(const struct host *host)
{
    return host_now().mono.ms - host->started_ms;
}
