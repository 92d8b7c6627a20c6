/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_ALONE_H
#define TEST_ALONE_H
/*
 * A whole node over a disk in memory, without a network: what it is told, what it asks of its host,
 * and what is left on the disk when it is woken again. No step may allocate.
 */
#include "../federation/revokes.h"
#include "core/base/random.h"
#include "disk.h"
#include "memory.h"
#include "tally/node.h"

static struct provider provider;
static struct signer signer;
static struct disk disk;
static struct tally_node *node;
static struct tally_now now;
static struct random chance;
static struct tally_action answer; /* The last one, */
static unsigned answers;           /* and how many there were. */
static bool at_once; /* The disk does what it is asked in the same moment; else disk_goes_on. */
static bool (*takes)(const struct tally_action *action); /* The story does it, not the disk. */
static struct tally_node_options wanted; /* Past, profile, whom it remembers: of the next start. */

static inline void draw(void *context, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random_next(&chance);
}

static inline void wake(void)
{
    struct tally_node_options options = wanted;
    options.key = signer.key;
    options.epoch = 1;
    options.connections_max = 8;
    options.ledger = disk_ledger(&disk);
    options.secret = (struct tally_secret){NULL, draw};
    options.crypto = signer_window(&signer);
    node = tally_node_new(&options, now);
    assert_non_null(node);
}

static inline void wake_again(void)
{
    tally_node_free(node);
    wake();
}

/* The node of that letter's key on the disk as it is. */
static inline void be(char letter)
{
    const struct holder holder = holder_of(letter);
    signer_init(&signer, &provider, holder.seed);
    disk.key = signer.key;
    for (size_t i = 0; i < disk.log_count; i++)
        disk.logs[i]->own = key_equal(&disk.logs[i]->issuer, &signer.key);
    wake();
}

static inline int alone_begin(void **state)
{
    const struct holder holder = holder_of('a');
    (void)state;
    now = (struct tally_now){{1000}, {INT64_C(1763700000000000)}};
    chance.state = 1;
    answers = 0;
    at_once = true;
    takes = NULL;
    wanted = (struct tally_node_options){.network = NULL};
    provider_init(&provider, PROVIDER_REAL);
    signer_init(&signer, &provider, holder.seed);
    disk_init(&disk, &signer);
    wake();
    return 0;
}

static inline int alone_end(void **state)
{
    (void)state;
    tally_node_free(node);
    disk_free(&disk);
    provider_free(&provider);
    return 0;
}

static inline void step(const struct tally_event *event);

static inline void disk_goes_on(void)
{
    struct tally_event event;
    struct disk_change change;
    for (unsigned lane = 0; lane < DISK_LANES; lane++)
        while (disk.lanes[lane].first != NULL)
            if (disk_complete(&disk, (enum disk_lane)lane, &event, &change))
                step(&event);
}

static inline void perform(const struct tally_action *action)
{
    enum disk_lane lane;
    uint64_t due;
    if (action->kind == TALLY_ACTION_ANSWER) {
        answer = *action;
        answers++;
    } else if (takes == NULL || !takes(action)) {
        (void)disk_perform(&disk, action, 0, &chance, &lane, &due);
    }
}

static inline void drain(void)
{
    struct tally_action action;
    while (tally_node_next(node, &action))
        perform(&action);
    if (at_once)
        disk_goes_on();
}

static inline void step(const struct tally_event *event)
{
    memory_watch_begin();
    tally_node_step(node, now, event);
    assert_int_equal(memory_watch_end(), 0);
    assert_true(tally_node_holds(node));
    drain();
}

static inline void tick(void)
{
    step(&(struct tally_event){.kind = TALLY_EVENT_TICK});
}

/* Time passes; whatever is due is done. */
static inline void wait(uint64_t ms)
{
    for (uint64_t end = now.mono.ms + ms; now.mono.ms < end; tick()) {
        uint64_t next = tally_node_deadline(node).ms;
        next = next <= now.mono.ms ? now.mono.ms + 1 : next < end ? next : end;
        now.wall.us += (int64_t)(next - now.mono.ms) * 1000;
        now.mono.ms = next;
    }
}

/* ---- Commands: what they were answered at once; TIMED_OUT if they were not. ---- */

static inline enum tally_error command(const struct tally_command *given)
{
    struct tally_event event = {.kind = TALLY_EVENT_COMMAND, .command = *given};
    event.command.ticket = 7;
    answer.answer.error = TALLY_TIMED_OUT;
    step(&event);
    return answer.answer.error;
}

static inline enum tally_error append(const char *name_space)
{
    return command(&(struct tally_command){.kind = TALLY_COMMAND_APPEND,
                                           .append = {.name_space = bytes_text(name_space),
                                                      .type = bytes_text("t"),
                                                      .body = bytes_text("b")}});
}

static inline enum tally_error give(struct tally_bytes type, struct tally_bytes body)
{
    return command(&(struct tally_command){.kind = TALLY_COMMAND_STATE,
                                           .state = {.type = type, .body = body}});
}

static inline enum tally_error state_it(const struct fed_statement *said)
{
    uint8_t body[FED_BODY_MAX];
    size_t size = fed_write(said, body);
    return give(bytes_text(fed_type(said->kind)), bytes_of(body, size));
}

static inline enum tally_error bring(struct tally_bytes bytes)
{
    return command(
        &(struct tally_command){.kind = TALLY_COMMAND_REVOKE, .revoke = {.bytes = bytes}});
}

#endif
