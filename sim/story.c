/* SPDX-License-Identifier: Apache-2.0 */
#include "story.h"
#include "backup.h"
#include "expect.h"
#include "memory.h"
#include "story_place.h"
#include "story_trust.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    ATTEND_US = 1000000,  /* So often an operator looks after a node. */
    LOOK_US = 100000,     /* Expectations with a time are looked at so often. */
    APPEND_STEP_US = 1000 /* Between the receipts of one append line: a busy user. */
};

/* A line that will act. */
struct cue {
    const struct line *line;
    uint64_t us;
};

/* Receipts still to be appended by one line at one node. */
struct writer {
    const struct line *line;
    uint32_t slot, left;
    uint64_t us;
};

/* An expectation with a time. */
struct watch {
    const struct line *line;
    uint64_t until_us, us;
};

struct story {
    struct world world;
    const struct scenario *scenario;
    const char *name;
    struct story_end end;
    const struct story_observer *observer;
    struct random chance;
    struct cue *cues;
    size_t cue_count, cue_capacity;
    struct writer *writers;
    size_t writer_count, writer_capacity;
    struct watch *watches;
    size_t watch_count, watch_capacity;
    uint64_t last_us;  /* Of the timed lines. */
    uint64_t pulse_us; /* When the observer looks next. */
    bool failed;
};

static const struct story_observer nobody = {0};

/* False if something was wrong before: the first one counts. */
static bool fail(struct story *story, enum story_fault fault, const char *form, ...)
    __attribute__((format(printf, 3, 4)));

static bool fail(struct story *story, enum story_fault fault, const char *form, ...)
{
    if (story->failed)
        return false;
    story->failed = true;
    story->end.fault = fault;
    va_list arguments;
    va_start(arguments, form);
    vsnprintf(story->end.message, sizeof story->end.message, form, arguments);
    va_end(arguments);
    return true;
}

static void say(struct story *story, const char *form, ...) __attribute__((format(printf, 2, 3)));

static void say(struct story *story, const char *form, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, form);
    vsnprintf(text, sizeof text, form, arguments);
    va_end(arguments);
    transcript_say(&story->world.transcript, story->world.now_us, text);
}

/* ---- Expectations. ---- */

static void expectation_failed(struct story *story, const struct line *line, const char *why)
{
    if (!fail(story, STORY_EXPECTATION,
              "line %" PRIu32 ": at %" PRIu64 ".%03" PRIu64 ": expected %s%s, but it is not so%s%s",
              line->number, story->world.now_us / 1000000, story->world.now_us / 1000 % 1000,
              line->negated ? "not " : "", expect_word(line->condition), why[0] != '\0' ? ": " : "",
              why))
        return;
    story->end.condition = line->condition;
    story->end.negated = line->negated;
    story->end.number = line->number;
}

/* Looks once; true if the watch is over, one way or the other. */
static bool look(struct story *story, const struct watch *watch)
{
    char why[200];
    const struct line *line = watch->line;
    struct excuses excuses;
    bool is = expect_is(&story->world, line, &excuses, why, sizeof why);
    if (is && line->condition == CONDITION_CONVERGED)
        story->end.excuses = excuses;
    bool last = story->world.now_us >= watch->until_us;
    if (line->negated && is)
        expectation_failed(story, line, why);
    else if (!line->negated && !is && last)
        expectation_failed(story, line, why);
    else if (is != line->negated && (is || last))
        say(story, "as expected: %s%s", line->negated ? "not " : "", expect_word(line->condition));
    else
        return false;
    return true;
}

static void expect(struct story *story, const struct line *line)
{
    struct watch watch = {line, story->world.now_us + line->within_us, story->world.now_us};
    if (line->within_us == 0) {
        look(story, &watch);
        return;
    }
    /* Never at once: what is on its way to a disk is to be seen first. */
    watch.us += line->within_us < LOOK_US ? line->within_us : LOOK_US;
    story->watches = memory_room(story->watches, &story->watch_capacity, story->watch_count + 1,
                                 sizeof *story->watches);
    story->watches[story->watch_count++] = watch;
}

/* ---- Actions. ---- */

static void change_link(struct link_options *link, const struct link_change *change)
{
    const struct link_options *values = &change->values;
    if (change->delay)
        link->delay_ms = values->delay_ms;
    if (change->loss)
        link->loss = values->loss;
    if (change->duplicate)
        link->duplicate = values->duplicate;
    if (change->reorder)
        link->reorder = values->reorder;
    if (change->corrupt)
        link->corrupt = values->corrupt;
    if (change->replay)
        link->replay = values->replay;
    if (change->rate)
        link->rate = values->rate;
    if (change->mtu)
        link->mtu = values->mtu;
}

static void on_link(struct story *story, const struct line *line)
{
    struct network *network = &story->world.network;
    if (line->everywhere) {
        change_link(&network->link, &line->link);
        return;
    }
    /* Both directions, each beginning with what was so before. */
    bool local = story->world.slots[line->who.from].lan != 0 &&
                 lan_same(&story->world, line->who.from, line->other.from);
    for (unsigned way = 0; way < 2; way++) {
        struct range from = way == 0 ? line->who : line->other;
        struct range to = way == 0 ? line->other : line->who;
        struct link_exception exception = {from, to,
                                           *network_link(network, from.from, to.from, local)};
        change_link(&exception.link, &line->link);
        network->exceptions =
            memory_room(network->exceptions, &network->exception_capacity,
                        network->exception_count + 1, sizeof *network->exceptions);
        network->exceptions[network->exception_count++] = exception;
    }
}

static void on_partition(struct story *story, const struct line *line)
{
    struct network *network = &story->world.network;
    size_t size = story->scenario->options.nodes * sizeof *line->islands;
    memory_free(network->islands);
    network->islands = memory_copy(line->islands, size);
    say(story, "partition");
}

static void on_cut(struct story *story, const struct line *line)
{
    struct network *network = &story->world.network;
    network->cuts = memory_room(network->cuts, &network->cut_capacity, network->cut_count + 1,
                                sizeof *network->cuts);
    network->cuts[network->cut_count++] = (struct link_cut){.from = line->other, .to = line->who};
    say(story, "cut");
}

static void on_copy(struct story *story, const struct line *line, uint32_t slot)
{
    struct world *world = &story->world;
    const char *why;
    if (line->verb == VERB_RECOVER) {
        world_recover(world, slot);
    } else if (line->verb == VERB_BACKUP) {
        say(story, "n%u is copied", slot + 1);
        world_backup(world, slot);
    } else if (line->held && !world_restorable(world, slot, &why)) {
        say(story, "n%u does not come back: %s", slot + 1, why);
    } else {
        say(story, "n%u comes back from the copy", slot + 1);
        if (!world_restore(world, slot))
            fail(story, STORY_IMPOSSIBLE, "line %" PRIu32 ": there is no backup of n%u",
                 line->number, slot + 1);
    }
}

static void on_node(struct story *story, const struct line *line, uint32_t slot)
{
    struct world *world = &story->world;
    struct slot *at = &world->slots[slot];
    if (line->verb == VERB_CLOCK) {
        at->offset_us = line->offset_us;
        at->drift_ppm = line->drift_ppm;
    } else if (line->verb == VERB_STEP) {
        at->offset_us += line->offset_us;
    } else if (line->verb == VERB_DISK) {
        disk_set(&at->disk, &line->disk);
        world_look_at_disk(world, slot);
    } else if (line->verb == VERB_APPEND) {
        story->writers = memory_room(story->writers, &story->writer_capacity,
                                     story->writer_count + 1, sizeof *story->writers);
        story->writers[story->writer_count++] =
            (struct writer){line, slot, line->count, world->now_us};
        say(story, "n%u appends %" PRIu32 " in %s", slot + 1, line->count, line->name);
    } else if (line->verb == VERB_SEAL) {
        world_seal(world, slot);
    } else if (line->verb == VERB_CRASH) {
        say(story, "n%u crashes", slot + 1);
        world_crash(world, slot);
    } else if (line->verb == VERB_RESTART) {
        say(story, "n%u restarts", slot + 1);
        world_restart(world, slot);
    } else if (line->verb == VERB_SUSPEND) {
        say(story, "n%u sleeps", slot + 1);
        world_suspend(world, slot, line->us);
    } else if (line->verb == VERB_JOIN) {
        say(story, "n%u joins", slot + 1);
        if (world->slots[slot].node == NULL)
            world_wake(world, slot);
    } else if (line->verb == VERB_LEAVE) {
        say(story, "n%u leaves", slot + 1);
        world_leave(world, slot);
    } else if (line->verb == VERB_BACKUP || line->verb == VERB_RESTORE ||
               line->verb == VERB_RECOVER) {
        on_copy(story, line, slot);
    } else if (line->verb == VERB_LIE) {
        say(story, "n%u begins to lie", slot + 1);
        if (!adversary_begin(world, slot, line->lie, line->count))
            fail(story, STORY_IMPOSSIBLE, "line %" PRIu32 ": more than %d liars with two faces",
                 line->number, WORLD_FACES_MAX);
    }
}

static void on_place(struct story *story, const struct line *line)
{
    char why[100];
    if (!story_place(&story->world, line, why, sizeof why))
        fail(story, STORY_IMPOSSIBLE, "line %" PRIu32 ": %s", line->number, why);
    if (line->verb == VERB_GATEWAY)
        say(story, "the gateway of n%u begins anew", line->who.from + 1);
    else if (line->verb == VERB_MOVE)
        say(story, "n%u goes to n%u", line->who.from + 1, line->other.from + 1);
}

static void on_state(struct story *story, const struct line *line)
{
    bool of_itself = line->state.kind == FED_MODE || line->state.kind == FED_REVOKE_KEY;
    for (uint32_t slot = line->who.from; slot <= line->who.to; slot++) {
        if (!of_itself && slot == line->other.from)
            continue;
        if (of_itself)
            say(story, "n%u states %s", slot + 1, fed_type(line->state.kind));
        else
            say(story, "n%u states %s of n%u", slot + 1, fed_type(line->state.kind),
                line->other.from + 1);
        trust_state(&story->world, slot, line);
    }
}

void story_act(struct story *story, const struct line *line)
{
    if (story->observer->act != NULL)
        story->observer->act(story->observer->context, line);
    switch (line->verb) {
    case VERB_LINK:
        on_link(story, line);
        break;
    case VERB_PARTITION:
        on_partition(story, line);
        break;
    case VERB_CUT:
        on_cut(story, line);
        break;
    case VERB_HEAL:
        network_heal(&story->world.network);
        say(story, "heal");
        break;
    case VERB_EXPECT:
        expect(story, line);
        break;
    case VERB_NAT:
    case VERB_LAN:
    case VERB_MOVE:
    case VERB_GATEWAY:
    case VERB_PROFILE:
    case VERB_BOOTSTRAP:
    case VERB_DOMAIN:
    case VERB_FLAP:
        on_place(story, line);
        break;
    case VERB_STATE:
        on_state(story, line);
        break;
    case VERB_JOIN:
    case VERB_LEAVE:
    case VERB_BACKUP:
    case VERB_RESTORE:
    case VERB_RECOVER:
    case VERB_CLOCK:
    case VERB_STEP:
    case VERB_DISK:
    case VERB_APPEND:
    case VERB_SEAL:
    case VERB_CRASH:
    case VERB_RESTART:
    case VERB_SUSPEND:
    case VERB_LIE:
        for (uint32_t slot = line->who.from; slot <= line->who.to; slot++)
            on_node(story, line, slot);
        break;
    }
}

/* ---- Time. ---- */

static void cue(struct story *story, const struct line *line, uint64_t us)
{
    story->cues =
        memory_room(story->cues, &story->cue_capacity, story->cue_count + 1, sizeof *story->cues);
    story->cues[story->cue_count++] = (struct cue){line, us};
}

/* The next of the lines: the earliest, and of those the first in the file. */
static bool next_cue(const struct story *story, size_t *index)
{
    bool found = false;
    for (size_t i = 0; i < story->cue_count; i++)
        if (!found || story->cues[i].us < story->cues[*index].us ||
            (story->cues[i].us == story->cues[*index].us &&
             story->cues[i].line->number < story->cues[*index].line->number)) {
            *index = i;
            found = true;
        }
    return found;
}

/* An operator who attends to a node does so as long as the story is not over for that alone. */
static bool stays(const struct story *story, const struct line *line, uint64_t us)
{
    size_t others = story->watch_count + story->writer_count;
    for (size_t i = 0; i < story->cue_count; i++)
        others += story->cues[i].line->verb != VERB_RECOVER;
    return line->verb == VERB_RECOVER && us + ATTEND_US <= line->at_us + line->within_us &&
           others > 0;
}

static void take_cue(struct story *story, size_t index)
{
    struct cue cue_now = story->cues[index];
    const struct line *line = cue_now.line;
    if (!line->timed && story->writer_count > 0) {
        /* What is expected in the end is expected when all is written. */
        story->cues[index].us += APPEND_STEP_US;
        return;
    }
    uint64_t until_us = line->until_us < story->last_us ? line->until_us : story->last_us;
    uint64_t again_us = cue_now.us + line->every_us;
    if (line->every_us > 0 && again_us <= until_us)
        story->cues[index].us = again_us;
    else if (stays(story, line, cue_now.us))
        story->cues[index].us += ATTEND_US;
    else
        story->cues[index] = story->cues[--story->cue_count];
    story_act(story, line);
}

static void write_one(struct story *story, size_t index)
{
    struct writer *writer = &story->writers[index];
    struct range size = writer->line->size;
    uint32_t slot = writer->slot;
    uint32_t bytes = size.from + random_below(&story->chance, size.to - size.from + 1);
    const char *name = writer->line->name;
    writer->us += APPEND_STEP_US;
    if (--writer->left == 0)
        *writer = story->writers[--story->writer_count];
    world_append(&story->world, slot, name, bytes);
}

static void look_again(struct story *story, size_t index)
{
    struct watch watch = story->watches[index];
    if (look(story, &watch)) {
        story->watches[index] = story->watches[--story->watch_count];
        return;
    }
    uint64_t next_us = watch.us + LOOK_US;
    story->watches[index].us = next_us < watch.until_us ? next_us : watch.until_us;
}

/* Until then the world goes on by itself, looked at on the way. */
static void let(struct story *story, uint64_t us)
{
    const struct story_observer *observer = story->observer;
    while (observer->pulse != NULL && story->pulse_us <= us && !story->end.left) {
        while (world_next(&story->world, story->pulse_us))
            continue;
        if (story->world.checker.broken)
            return;
        uint64_t next_us = observer->pulse(observer->context);
        story->end.left = next_us == 0;
        story->pulse_us = next_us > story->pulse_us ? next_us : story->pulse_us + 1;
    }
    while (!story->end.left && world_next(&story->world, us))
        continue;
}

/* What is due next in the story: UINT64_MAX, nothing. */
struct due {
    uint64_t us;
    size_t cue, writer, watch; /* SIZE_MAX: not that. */
};

static struct due next_due(const struct story *story)
{
    struct due due = {UINT64_MAX, 0, SIZE_MAX, SIZE_MAX};
    if (next_cue(story, &due.cue))
        due.us = story->cues[due.cue].us;
    for (size_t i = 0; i < story->writer_count; i++)
        if (story->writers[i].us < due.us) {
            due.us = story->writers[i].us;
            due.writer = i;
        }
    for (size_t i = 0; i < story->watch_count; i++)
        if (story->watches[i].us < due.us) {
            due.us = story->watches[i].us;
            due.watch = i;
        }
    return due;
}

static bool over(const struct story *story)
{
    return story->failed || story->end.left || story->world.checker.broken;
}

bool story_play(struct story *story, uint64_t until_us)
{
    while (!over(story)) {
        struct due due = next_due(story);
        if (due.us > until_us || due.us == UINT64_MAX) {
            if (until_us != UINT64_MAX)
                let(story, until_us);
            return !over(story) && due.us != UINT64_MAX;
        }
        let(story, due.us);
        if (over(story))
            break;
        if (due.watch != SIZE_MAX)
            look_again(story, due.watch);
        else if (due.writer != SIZE_MAX)
            write_one(story, due.writer);
        else
            take_cue(story, due.cue);
    }
    return false;
}

static void begin(struct story *story, const struct story_options *options)
{
    const struct scenario *scenario = story->scenario;
    world_init(&story->world, &scenario->options);
    if (options->sparing) {
        story->world.checker.every = CHECKER_EVERY_SPARING;
        story->world.transcript.light = true;
    }
    story->world.transcript.on = options->transcript;
    story->world.transcript.level = options->level;
    story->chance.state = scenario->options.seed ^ 0x73746f7279;
    if (story->observer->begin != NULL)
        story->observer->begin(story->observer->context, &story->world);
    for (size_t i = 0; i < scenario->count; i++) {
        const struct line *line = &scenario->lines[i];
        if (!line->timed && line->verb != VERB_EXPECT)
            story_act(story, line);
        if (line->timed && line->every_us == 0 && line->at_us > story->last_us)
            story->last_us = line->at_us;
        if (line->timed && line->until_us != UINT64_MAX && line->until_us > story->last_us)
            story->last_us = line->until_us;
        if (line->timed)
            cue(story, line, line->at_us);
        for (uint32_t slot = line->who.from; line->verb == VERB_JOIN && slot <= line->who.to;
             slot++)
            story->world.slots[slot].late = true;
    }
    for (size_t i = 0; i < scenario->count; i++)
        if (!scenario->lines[i].timed && scenario->lines[i].verb == VERB_EXPECT)
            cue(story, &scenario->lines[i], story->last_us);
    world_start(&story->world);
}

void story_finish(struct story *story, struct story_end *end)
{
    struct world *world = &story->world;
    if (!over(story))
        checker_all(&world->checker, world);
    if (world->checker.broken && fail(story, STORY_INVARIANT, "%s", world->checker.message))
        story->end.check = world->checker.check;
    if (story->observer->end != NULL)
        story->observer->end(story->observer->context);
    *end = story->end;
    end->good = !story->failed;
    if (!end->left)
        transcript_say(&world->transcript, world->now_us, end->good ? "the end" : end->message);
    transcript_id(&world->transcript, end->id);
    end->us = world->now_us;
    end->events = world->events;
    end->checks = world->checker.checks;
    end->datagrams = world->network.sent;
    end->acknowledged = world->acknowledged;
    end->refused = world->refused;
    end->verified = world->provider.verified_count;
    end->remembered = world->provider.remembered_count;
    end->text = world->transcript.text;
    end->text_size = world->transcript.size;
    world->transcript.text = NULL;
    world->transcript.size = world->transcript.capacity = 0;
}

bool story_failed(const struct story *story)
{
    return story->failed || story->world.checker.broken;
}

struct world *story_world(struct story *story)
{
    return &story->world;
}

struct story *story_new(const struct scenario *scenario, const char *name,
                        const struct story_options *options)
{
    struct story *story = memory_new(1, sizeof *story);
    story->scenario = scenario;
    story->name = name;
    story->observer = options->observer != NULL ? options->observer : &nobody;
    begin(story, options);
    return story;
}

void story_free(struct story *story)
{
    world_free(&story->world);
    memory_free(story->cues);
    memory_free(story->writers);
    memory_free(story->watches);
    memory_free(story);
}

void story_run(const struct scenario *scenario, const char *name,
               const struct story_options *options, struct story_end *end)
{
    struct story *story = story_new(scenario, name, options);
    story_play(story, UINT64_MAX);
    story_finish(story, end);
    story_free(story);
}
