/* SPDX-License-Identifier: Apache-2.0 */
#include "shrink.h"
#include "command.h"
#include "memory.h"
#include "shrink_inside.h"
#include "shrink_text.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    FIRST_S = 120,
    WAITS = 5,
    WAIT_LEAST_S = 10,
    ENOUGH = 90,         /* So many percent smaller, and nothing is left to chance. */
    EFFORT_MOST = 16384, /* See shrink_by_chance. */
};

/* ---- Lines and nodes, in pieces. ---- */

/* Halves, then quarters and so on. */
static bool fewer(struct shrinking *shrinking, bool nodes)
{
    bool any = false;
    size_t count = nodes ? shrinking->best.nodes : shrink_lines(shrinking->text);
    for (size_t piece = count / 2; piece > 0; piece /= 2)
        any |= shrink_pieces(shrinking, nodes, piece, 0);
    return any;
}

/* ---- Everything else: the n-th place where something may be less. ---- */

static char *less_options(const char *text, size_t n, bool half)
{
    (void)half;
    return shrink_option(text, n);
}

static bool less(struct shrinking *shrinking, char *(*make)(const char *, size_t, bool))
{
    bool any = false;
    for (unsigned half = 0; half < 2; half++)
        for (bool more = true; more && !shrink_late(shrinking); any |= more) {
            char *text;
            more = false;
            for (size_t n = 0; !more && (text = make(shrinking->text, n, half == 1)) != NULL; n++)
                more = shrink_try_text(shrinking, text);
            more = more || shrink_try_rest(shrinking);
        }
    return any;
}

/* ---- All of it. ---- */

static struct shrink_size size_of(const char *text, const struct trial_result *result)
{
    return (struct shrink_size){shrink_lines(text), result->nodes, (double)result->end.us / 1e6,
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

/* What goes while the rest stays as it is: nodes and lines; */
static bool smaller(struct shrinking *shrinking)
{
    bool any = false;
    for (bool more = true; more && !shrink_late(shrinking); any |= more) {
        more = fewer(shrinking, true);
        more |= fewer(shrinking, false);
    }
    return any;
}

/* and everything. */
static void plain(struct shrinking *shrinking)
{
    for (bool more = true; more && !shrink_late(shrinking);) {
        more = smaller(shrinking);
        more |= less(shrinking, less_options);
        more |= less(shrinking, shrink_count);
        more |= less(shrinking, shrink_pause);
    }
}

bool shrink_enough(struct shrinking *shrinking)
{
    shrinking->report->to = size_of(shrinking->text, &shrinking->best);
    return shrink_share(shrinking->report) >= ENOUGH;
}

/* Until it is small enough, or there was as much chance as is worth it. Shorter pauses before
   chance make its stories cheap; within it each find is waited for to its end, so only what is
   large. */
static void reduce(struct shrinking *shrinking)
{
    plain(shrinking);
    for (unsigned effort = 2;
         effort <= EFFORT_MOST && !shrink_enough(shrinking) && !shrink_late(shrinking);) {
        if (shrink_by_chance(shrinking, effort))
            (void)smaller(shrinking);
        else
            effort *= 2;
    }
    plain(shrinking);
}

/* Whether it fails so too when it is looked at closely. */
static bool is_sure(struct shrinking *shrinking)
{
    struct trial_result result;
    if (!shrinking->quick || strcmp(shrinking->text, shrinking->whole) == 0)
        return true;
    trial_run(shrinking->name, shrinking->text, shrinking->wait_s, &result);
    if (!trial_same(&result, &shrinking->first))
        return false;
    shrinking->best = result;
    return true;
}

static void all(struct shrinking *shrinking)
{
    reduce(shrinking);
    if (is_sure(shrinking))
        return;
    memory_free(shrinking->text);
    shrinking->text = memory_copy(shrinking->whole, strlen(shrinking->whole) + 1);
    shrinking->best = shrinking->first;
    shrinking->quick = false;
    reduce(shrinking);
}

void shrink(const char *name, const char *text, const struct shrink_options *options,
            struct sheet *sheet, struct shrink_report *report)
{
    double begin = command_seconds();
    struct shrinking shrinking = {
        .options = options,
        .name = name,
        .text = nodes_first(shrink_bare(text)),
        .tried = memory_new(SHRINK_TRIED_MAX, sizeof *shrinking.tried),
        .ahead = memory_new(SHRINK_AHEAD_MAX, sizeof *shrinking.ahead),
        .report = report,
    };
    shrinking.whole = memory_copy(shrinking.text, strlen(shrinking.text) + 1);
    memset(report, 0, sizeof *report);
    trial_run(name, shrinking.text, FIRST_S, &shrinking.first);
    shrinking.best = report->before = report->after = shrinking.first;
    report->failed =
        shrinking.first.verdict != TRIAL_FINE && shrinking.first.verdict != TRIAL_UNREAD;
    report->from = size_of(shrinking.text, &shrinking.first);
    double took_s = command_seconds() - begin;
    shrinking.wait_s = WAITS * took_s + WAIT_LEAST_S;
    /* The last look is as long as the first. */
    shrinking.until = begin + options->seconds - (took_s < options->seconds / 2 ? took_s : 0);
    shrinking.fair = shrinking.first.end.fault == STORY_EXPECTATION && !shrinking.first.end.negated;
    shrinking.quick = shrinking.first.end.fault == STORY_EXPECTATION;
    char message[256];
    if (report->failed &&
        scenario_read(&shrinking.scenario, name, shrinking.text, message, sizeof message)) {
        all(&shrinking);
        scenario_free(&shrinking.scenario);
    }
    if (options->progress)
        fprintf(stderr, "\r\033[K");
    report->after = shrinking.best;
    report->to = size_of(shrinking.text, &shrinking.best);
    report->seconds = command_seconds() - begin;
    write_story(&shrinking, sheet);
    memory_free(shrinking.text);
    memory_free(shrinking.whole);
    memory_free(shrinking.tried);
    memory_free(shrinking.ahead);
}
