/* SPDX-License-Identifier: Apache-2.0 */
#include "shrink.h"
#include "command.h"
#include "memory.h"
#include "shrink_text.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { JOBS_MAX = 64, TRIED_MAX = 1 << 16, FIRST_S = 120, WAITS = 5, WAIT_LEAST_S = 10 };

struct shrinking {
    const struct shrink_options *options;
    const char *name;
    char *text; /* The least story so far. */
    struct trial_result first, best;
    bool fair;
    double until, wait_s;
    uint64_t *tried; /* Hashes of candidates: none is run twice. */
    unsigned tried_count;
    struct shrink_report *report;
};

static size_t lines_of(const char *text)
{
    size_t lines = 0;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

static bool is_tried(struct shrinking *shrinking, const char *text)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a, 64 bits. */
    for (; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * 1099511628211u;
    size_t at = hash % TRIED_MAX;
    for (; shrinking->tried[at] != 0; at = (at + 1) % TRIED_MAX)
        if (shrinking->tried[at] == hash)
            return true;
    if (shrinking->tried_count < TRIED_MAX / 2) {
        shrinking->tried[at] = hash;
        shrinking->tried_count++;
    }
    return false;
}

static void say(const struct shrinking *shrinking)
{
    if (shrinking->options->progress)
        fprintf(stderr, "\r\033[Kshrinking: %zu of %zu lines, %u of %u nodes, %u tried ",
                lines_of(shrinking->text), shrinking->report->from.lines, shrinking->best.nodes,
                shrinking->report->from.nodes, shrinking->report->tried);
}

static bool late(const struct shrinking *shrinking)
{
    return command_seconds() >= shrinking->until;
}

/* ---- Batches of candidates. ---- */

struct batch {
    char *texts[JOBS_MAX];
    size_t places[JOBS_MAX]; /* What the caller knows each by. */
    size_t count;
};

/* Runs what is in the batch; the first that still fails in the same way becomes the least story,
   and its place is given; SIZE_MAX: none does. The batch is empty after it. */
static size_t batch_run(struct shrinking *shrinking, struct batch *batch)
{
    struct trial trials[JOBS_MAX];
    bool begun[JOBS_MAX];
    size_t found = SIZE_MAX;
    for (size_t i = 0; i < batch->count; i++)
        begun[i] = trial_start(&trials[i], shrinking->name, batch->texts[i], shrinking->wait_s);
    for (size_t i = 0; i < batch->count; i++) {
        struct trial_result result;
        if (!begun[i])
            continue;
        trial_wait(&trials[i], &result);
        shrinking->report->tried++;
        if (found == SIZE_MAX && trial_same(&result, &shrinking->first)) {
            found = batch->places[i];
            memory_free(shrinking->text);
            shrinking->text = batch->texts[i];
            shrinking->best = result;
            batch->texts[i] = NULL;
        }
    }
    for (size_t i = 0; i < batch->count; i++)
        memory_free(batch->texts[i]);
    batch->count = 0;
    say(shrinking);
    return found;
}

/* One more candidate, the batch's from now on; runs it when it is full. */
static size_t batch_add(struct shrinking *shrinking, struct batch *batch, char *text, size_t place)
{
    if (text == NULL || late(shrinking) || is_tried(shrinking, text)) {
        memory_free(text);
        return SIZE_MAX;
    }
    batch->texts[batch->count] = text;
    batch->places[batch->count++] = place;
    return batch->count == shrinking->options->jobs ? batch_run(shrinking, batch) : SIZE_MAX;
}

/* ---- Lines. ---- */

/* The story without the lines from first on; NULL if there is nothing of it to leave out. */
static char *without(const struct shrinking *shrinking, const struct scenario *scenario,
                     size_t first, size_t end, size_t lines)
{
    bool *kept = memory_new(lines, sizeof *kept);
    for (size_t i = 0; i < lines; i++)
        kept[i] = i < first || i >= end || i == 0;
    if (shrinking->fair)
        shrink_fair(scenario, kept, lines);
    char *text = shrink_keep(shrinking->text, kept, lines);
    bool less = strlen(text) < strlen(shrinking->text);
    memory_free(kept);
    if (less)
        return text;
    memory_free(text);
    return NULL;
}

/* Tries to leave out each piece of that many lines, from the end; true if one went. */
static bool leave_out(struct shrinking *shrinking, size_t piece)
{
    struct scenario scenario;
    char message[256];
    size_t lines = lines_of(shrinking->text), found = SIZE_MAX;
    struct batch batch = {.count = 0};
    if (!scenario_read(&scenario, shrinking->name, shrinking->text, message, sizeof message))
        return false;
    for (size_t end = lines; end > 1 && found == SIZE_MAX; end = end > piece ? end - piece : 1) {
        size_t first = end > piece ? end - piece : 1;
        found =
            batch_add(shrinking, &batch, without(shrinking, &scenario, first, end, lines), first);
    }
    if (found == SIZE_MAX && batch.count > 0)
        found = batch_run(shrinking, &batch);
    scenario_free(&scenario);
    return found != SIZE_MAX;
}

static bool fewer_lines(struct shrinking *shrinking)
{
    bool any = false;
    for (size_t piece = lines_of(shrinking->text) / 2; piece > 0; piece /= 2)
        while (!late(shrinking) && leave_out(shrinking, piece))
            any = true;
    return any;
}

/* ---- Everything else: the n-th place where something may be less. ---- */

static char *less_nodes(const char *text, size_t n, bool half)
{
    uint32_t nodes = 0;
    (void)half;
    if (sscanf(text, "nodes %" SCNu32, &nodes) != 1 || n >= nodes)
        return NULL;
    return shrink_node(text, nodes - (uint32_t)n);
}

static char *less_options(const char *text, size_t n, bool half)
{
    (void)half;
    return shrink_option(text, n);
}

static bool less(struct shrinking *shrinking, char *(*make)(const char *, size_t, bool))
{
    bool any = false;
    for (unsigned half = 0; half < 2; half++)
        for (bool more = true; more && !late(shrinking);) {
            struct batch batch = {.count = 0};
            size_t found = SIZE_MAX;
            char *text;
            for (size_t n = 0;
                 found == SIZE_MAX && (text = make(shrinking->text, n, half == 1)) != NULL; n++)
                found = batch_add(shrinking, &batch, text, n);
            if (found == SIZE_MAX && batch.count > 0)
                found = batch_run(shrinking, &batch);
            more = found != SIZE_MAX;
            any |= more;
        }
    return any;
}

/* ---- All of it. ---- */

static struct shrink_size size_of(const char *text, const struct trial_result *result)
{
    return (struct shrink_size){lines_of(text), result->nodes, (double)result->end.us / 1e6,
                                result->end.events};
}

/* The first line has to be the number of nodes, which is never left out. */
static char *nodes_first(char *bare)
{
    const char *at = bare;
    while (*at != '\0' && strncmp(at, "nodes ", 6) != 0) {
        at += strcspn(at, "\n");
        at += *at == '\n';
    }
    size_t size = strcspn(at, "\n") + (*at != '\0');
    char *text = memory_new(strlen(bare) + 1, 1);
    memcpy(text, at, size);
    memcpy(text + size, bare, (size_t)(at - bare));
    strcpy(text + size + (at - bare), at + size);
    memory_free(bare);
    return text;
}

void shrink_tell(const struct shrink_report *report, char *words, size_t size)
{
    int used = snprintf(words, size, "%.1f %% smaller: %zu of %zu lines, %u of %u nodes",
                        shrink_share(report), report->to.lines, report->from.lines,
                        report->to.nodes, report->from.nodes);
    if (report->to.seconds > 0)
        (void)snprintf(words + used, size - (size_t)used, ", %.1f of %.1f s", report->to.seconds,
                       report->from.seconds);
}

double shrink_share(const struct shrink_report *report)
{
    const struct shrink_size *from = &report->from, *to = &report->to;
    double before = (double)from->lines * from->nodes, after = (double)to->lines * to->nodes;
    /* Of a core that died nobody knows when. */
    if (from->seconds > 0 && to->seconds > 0) {
        before *= from->seconds;
        after *= to->seconds;
    }
    return before > 0 ? 100 * (1 - after / before) : 0;
}

static void write_story(const struct shrinking *shrinking, struct sheet *sheet)
{
    const struct shrink_report *report = shrinking->report;
    char words[200];
    trial_say(&report->after, words, sizeof words);
    sheet_put(sheet, "# Shrunk from %s: ", shrinking->name);
    if (report->to.seconds > 0)
        sheet_put(sheet, "%zu lines, %u nodes and %.1f s were %zu, %u and %.1f.\n",
                  report->to.lines, report->to.nodes, report->to.seconds, report->from.lines,
                  report->from.nodes, report->from.seconds);
    else
        sheet_put(sheet, "%zu lines and %u nodes were %zu and %u.\n", report->to.lines,
                  report->to.nodes, report->from.lines, report->from.nodes);
    sheet_put(sheet, "# Breaks %s.\n", words);
    if (report->after.verdict == TRIAL_BROKEN)
        sheet_put(sheet, "# id %s\n", report->after.end.id);
    sheet_put(sheet, "%s", shrinking->text);
}

void shrink(const char *name, const char *text, const struct shrink_options *options,
            struct sheet *sheet, struct shrink_report *report)
{
    double begin = command_seconds();
    struct shrinking shrinking = {
        .options = options,
        .name = name,
        .text = nodes_first(shrink_bare(text)),
        .until = begin + options->seconds,
        .report = report,
    };
    memset(report, 0, sizeof *report);
    trial_run(name, shrinking.text, FIRST_S, &shrinking.first);
    shrinking.best = report->before = report->after = shrinking.first;
    report->failed =
        shrinking.first.verdict != TRIAL_FINE && shrinking.first.verdict != TRIAL_UNREAD;
    report->from = report->to = size_of(shrinking.text, &shrinking.first);
    shrinking.wait_s = WAITS * (command_seconds() - begin) + WAIT_LEAST_S;
    shrinking.fair = shrinking.first.end.fault == STORY_EXPECTATION && !shrinking.first.end.negated;
    shrinking.tried = memory_new(TRIED_MAX, sizeof *shrinking.tried);
    for (bool more = report->failed; more && !late(&shrinking);) {
        more = fewer_lines(&shrinking);
        more |= less(&shrinking, less_nodes);
        more |= less(&shrinking, less_options);
        more |= less(&shrinking, shrink_count);
        more |= less(&shrinking, shrink_pause);
    }
    if (options->progress)
        fprintf(stderr, "\r\033[K");
    report->after = shrinking.best;
    report->to = size_of(shrinking.text, &shrinking.best);
    report->seconds = command_seconds() - begin;
    write_story(&shrinking, sheet);
    memory_free(shrinking.text);
    memory_free(shrinking.tried);
}
