/* SPDX-License-Identifier: Apache-2.0 */
/* Candidates: run several at once, judged in their order. */
#include "command.h"
#include "memory.h"
#include "shrink_fair.h"
#include "shrink_inside.h"
#include "shrink_text.h"
#include <stdio.h>
#include <string.h>

bool shrink_late(const struct shrinking *shrinking)
{
    return command_seconds() >= shrinking->until;
}

size_t shrink_lines(const char *text)
{
    size_t lines = 0;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

/* ---- What was tried. ---- */

static uint64_t hash_more(uint64_t hash, const void *bytes, size_t size) /* FNV-1a, 64 bits. */
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
    return hash;
}

/* Its place in the table: taken, or free. */
static uint64_t *tried_at(const struct shrinking *shrinking, const struct candidate *candidate,
                          uint64_t *hash)
{
    *hash = hash_more(14695981039346656037u, candidate->text, strlen(candidate->text));
    if (candidate->seeds > 0)
        *hash = hash_more(*hash, &candidate->seed, sizeof candidate->seed);
    size_t at = *hash % SHRINK_TRIED_MAX;
    while (shrinking->tried[at] != 0 && shrinking->tried[at] != *hash)
        at = (at + 1) % SHRINK_TRIED_MAX;
    return &shrinking->tried[at];
}

static struct candidate *ahead_at(const struct shrinking *shrinking, size_t index)
{
    return &shrinking->ahead[(shrinking->ahead_first + index) % SHRINK_AHEAD_MAX];
}

static bool is_tried(const struct shrinking *shrinking, const struct candidate *candidate)
{
    uint64_t hash;
    if (*tried_at(shrinking, candidate, &hash) != 0)
        return true;
    for (size_t i = 0; i < shrinking->ahead_count; i++) {
        const struct candidate *other = ahead_at(shrinking, i);
        if (other->seed == candidate->seed && other->seeds == candidate->seeds &&
            strcmp(other->text, candidate->text) == 0)
            return true;
    }
    return false;
}

static void remember(struct shrinking *shrinking, const struct candidate *candidate)
{
    uint64_t hash;
    uint64_t *at = tried_at(shrinking, candidate, &hash);
    if (*at != 0 || shrinking->tried_count >= SHRINK_TRIED_MAX / 2)
        return;
    *at = hash;
    shrinking->tried_count++;
}

/* ---- Those that are tried. ---- */

static void say(const struct shrinking *shrinking)
{
    if (shrinking->options->progress)
        fprintf(stderr, "\r\033[Kshrinking: %zu of %zu lines, %u of %u nodes, %u tried ",
                shrink_lines(shrinking->text), shrinking->report->from.lines, shrinking->best.nodes,
                shrinking->report->from.nodes, shrinking->report->tried);
}

/* Until one more of them has ended. */
static void wait_for_one(struct shrinking *shrinking)
{
    struct trial *trials[SHRINK_JOBS_MAX];
    struct candidate *who[SHRINK_JOBS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < shrinking->ahead_count; i++) {
        struct candidate *candidate = ahead_at(shrinking, i);
        if (candidate->over)
            continue;
        who[count] = candidate;
        trials[count++] = &candidate->trial;
    }
    struct candidate *ended = who[trial_first(trials, count)];
    trial_wait(&ended->trial, &ended->result);
    ended->over = true;
    shrinking->running--;
}

static void ahead_drop(struct shrinking *shrinking)
{
    memory_free(ahead_at(shrinking, 0)->text);
    shrinking->ahead_first = (shrinking->ahead_first + 1) % SHRINK_AHEAD_MAX;
    shrinking->ahead_count--;
}

/* It is the least story from now on; the others were smaller than one that is no more. */
static void take(struct shrinking *shrinking, char *text, size_t place,
                 const struct trial_result *result)
{
    shrinking->place = place;
    memory_free(shrinking->text);
    shrinking->text = text;
    shrinking->best = *result;
    while (shrinking->ahead_count > 0) {
        struct candidate *candidate = ahead_at(shrinking, 0);
        if (!candidate->over)
            trial_stop(&candidate->trial);
        ahead_drop(shrinking);
    }
    shrinking->running = 0;
}

/* Whether it fails in the same way. */
static bool is_found(struct shrinking *shrinking, struct candidate *candidate)
{
    struct trial_result result = candidate->result;
    if (!trial_same(&result, &shrinking->first))
        return false;
    /* One alone may have died, and tells nothing. */
    uint64_t seed = candidate->seeds == 1 ? candidate->seed : result.seed;
    char *text = candidate->seeds > 0 ? shrink_seed(candidate->text, seed) : NULL;
    if (text == NULL)
        text = memory_copy(candidate->text, strlen(candidate->text) + 1);
    take(shrinking, text, candidate->place, &result);
    return true;
}

/* Judges those whose turn it is. */
static bool judge(struct shrinking *shrinking)
{
    while (shrinking->ahead_count > 0 && ahead_at(shrinking, 0)->over) {
        struct candidate *candidate = ahead_at(shrinking, 0);
        if (candidate->begun) {
            remember(shrinking, candidate);
            shrinking->report->tried += candidate->seeds > 0 ? candidate->seeds : 1;
        }
        bool found = candidate->begun && is_found(shrinking, candidate);
        if (!found)
            ahead_drop(shrinking);
        say(shrinking);
        if (found)
            return true;
    }
    return false;
}

/* A story, and a fair one. */
static bool is_story(const struct shrinking *shrinking, const char *text)
{
    struct scenario scenario;
    char message[256];
    if (!scenario_read(&scenario, shrinking->name, text, message, sizeof message))
        return false;
    bool fair = !shrinking->fair || shrink_is_fair(&scenario, &shrinking->scenario);
    scenario_free(&scenario);
    return fair;
}

/* No story is waited for when the time is over; but one that never ends must be. */
static double seconds_for(const struct shrinking *shrinking, unsigned seeds)
{
    double left = (shrinking->until - command_seconds()) / (seeds > 0 ? seeds : 1);
    bool hangs = shrinking->first.verdict == TRIAL_HUNG;
    return hangs || left > shrinking->wait_s ? shrinking->wait_s : left;
}

static void begin(struct shrinking *shrinking, struct candidate *candidate)
{
    const struct trial_ask ask = {.name = shrinking->name,
                                  .text = candidate->text,
                                  .seed = candidate->seed,
                                  .seeds = candidate->seeds,
                                  .like = &shrinking->first,
                                  .quick = shrinking->quick,
                                  .seconds = seconds_for(shrinking, candidate->seeds)};
    candidate->begun = trial_start(&candidate->trial, &ask);
    candidate->over = !candidate->begun;
    shrinking->running += candidate->begun;
}

static bool is_full(const struct shrinking *shrinking)
{
    return shrinking->running >= shrinking->options->jobs ||
           shrinking->ahead_count >= SHRINK_AHEAD_MAX;
}

bool shrink_try(struct shrinking *shrinking, const struct candidate *candidate)
{
    if (candidate->text == NULL || shrink_late(shrinking) || is_tried(shrinking, candidate) ||
        !is_story(shrinking, candidate->text)) {
        memory_free(candidate->text);
        return false;
    }
    struct candidate *last = ahead_at(shrinking, shrinking->ahead_count++);
    *last = *candidate;
    begin(shrinking, last);
    bool found = judge(shrinking);
    while (!found && is_full(shrinking)) {
        wait_for_one(shrinking);
        found = judge(shrinking);
    }
    return found;
}

bool shrink_try_text(struct shrinking *shrinking, char *text)
{
    return shrink_try(shrinking, &(struct candidate){.text = text});
}

bool shrink_try_rest(struct shrinking *shrinking)
{
    bool found = judge(shrinking);
    while (!found && shrinking->ahead_count > 0) {
        wait_for_one(shrinking);
        found = judge(shrinking);
    }
    return found;
}
