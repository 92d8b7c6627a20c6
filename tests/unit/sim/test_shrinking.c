/* SPDX-License-Identifier: Apache-2.0 */
/* Shrinking, with a core that fails as a test says: trials are played here, at once, and the clock
   is ours. */
#include "support/cmocka.h"

#include "command.h"
#include "memory.h"
#include "shrink.h"
#include "shrink_text.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NODES = 16, SEED = 77, PLAYED_MAX = 256 };

/* What the core under test does. */
static struct {
    bool (*fails)(const char *story, uint64_t seed);
    enum trial_verdict verdict;        /* If it fails. */
    bool only_quick;                   /* Seen closely, only the first story does. */
    double takes_s;                    /* A story, of our time. */
    unsigned closely, quick, together; /* Trials; the most seeds in one. */
} core;

static struct {
    double now;
    struct trial_result results[PLAYED_MAX];
    unsigned begun, waited;
} stage;

double command_seconds(void)
{
    return stage.now;
}

static void story_of(char *text, size_t size)
{
    int used = snprintf(text, size, "nodes %d\nseed %d\noption peers 4\n", NODES, SEED);
    for (int i = 1; i <= 30; i++)
        used += snprintf(text + used, size - (size_t)used, "at %d append n%d %d\n", i,
                         i % NODES + 1, i);
    snprintf(text + used, size - (size_t)used,
             "at 35 crash n2\nat 40 restart n2\nexpect converged within 60\n");
}

static bool is_first(const char *story)
{
    char first[4096];
    story_of(first, sizeof first);
    return strcmp(story, first) == 0;
}

static uint64_t seed_of(const char *text)
{
    uint64_t seed = 1;
    const char *line = strstr(text, "seed ");
    return line != NULL && sscanf(line, "seed %" SCNu64, &seed) == 1 ? seed : 1;
}

static void play(const char *text, uint64_t seed, bool quick, struct trial_result *result)
{
    unsigned nodes = 0;
    (void)sscanf(text, "nodes %u", &nodes);
    bool fails = core.fails(text, seed) && (quick || !core.only_quick || is_first(text));
    *result = (struct trial_result){
        .verdict = fails ? core.verdict : TRIAL_FINE,
        .nodes = nodes,
        .seed = fails && core.verdict == TRIAL_DIED ? 0 : seed,
        .end = {.good = !fails, .fault = fails ? STORY_EXPECTATION : STORY_FINE, .us = 5000000}};
    stage.now += core.takes_s;
}

bool trial_start(struct trial *trial, const struct trial_ask *ask)
{
    struct trial_result *result = &stage.results[stage.begun % PLAYED_MAX];
    unsigned count = ask->seeds > 0 ? ask->seeds : 1;
    *trial = (struct trial){.pid = (pid_t)stage.begun++};
    for (unsigned i = 0; i < count && (i == 0 || result->verdict == TRIAL_FINE); i++)
        play(ask->text, ask->seeds > 0 ? ask->seed + i : seed_of(ask->text), ask->quick, result);
    *(ask->quick ? &core.quick : &core.closely) += 1;
    core.together = ask->seeds > core.together ? ask->seeds : core.together;
    return true;
}

void trial_wait(struct trial *trial, struct trial_result *result)
{
    stage.waited++;
    *result = stage.results[(unsigned)trial->pid % PLAYED_MAX];
}

/* Now this one is done first, now that. */
size_t trial_first(struct trial *const *trials, size_t count)
{
    return (unsigned)trials[0]->pid * 7 % count;
}

void trial_stop(struct trial *trial)
{
    assert_non_null(trial);
    stage.waited++;
}

void trial_run(const char *name, const char *text, double seconds, struct trial_result *result)
{
    struct trial trial;
    trial_start(&trial, &(struct trial_ask){.name = name, .text = text, .seconds = seconds});
    trial_wait(&trial, result);
}

bool trial_same(const struct trial_result *a, const struct trial_result *b)
{
    return a->verdict == b->verdict;
}

void trial_say(const struct trial_result *result, char *words, size_t size)
{
    snprintf(words, size, "%d", (int)result->verdict);
}

/* ---- Stories, and what fails in them. ---- */

static bool crashed(const char *story, uint64_t seed)
{
    (void)seed;
    return strstr(story, "crash") != NULL;
}

/* The first story; and of smaller ones each under one seed of 64. */
static bool crashed_by_chance(const char *story, uint64_t seed)
{
    uint64_t hash = seed * 0x9e3779b97f4a7c15u;
    for (const char *at = story; *at != '\0'; at++)
        if (strncmp(at, "seed ", 5) == 0)
            at += strcspn(at, "\n");
        else
            hash = (hash ^ (uint8_t)*at) * 1099511628211u;
    return is_first(story) || (crashed(story, seed) && (hash >> 32) % 64 == 0);
}

static bool nothing_less(const char *story, uint64_t seed)
{
    return seed == SEED && is_first(story);
}

static void shrink_story(unsigned jobs, struct sheet *sheet, struct shrink_report *report)
{
    char text[4096];
    story_of(text, sizeof text);
    memset(&stage, 0, sizeof stage);
    core.closely = core.quick = core.together = 0;
    shrink("story", text, &(struct shrink_options){.jobs = jobs, .seconds = 300}, sheet, report);
    assert_true(report->failed);
    assert_int_equal(stage.begun, stage.waited); /* None is left behind. */
}

static int setup(void **state)
{
    (void)state;
    memset(&core, 0, sizeof core);
    core.fails = crashed;
    core.verdict = TRIAL_BROKEN;
    core.takes_s = 0.01;
    return 0;
}

/* ---- Tests. ---- */

static void what_always_fails_keeps_its_seed(void **state)
{
    struct sheet sheet = {0};
    struct shrink_report report;
    shrink_story(2, &sheet, &report);
    assert_true(shrink_share(&report) > 95);
    assert_int_equal(core.together, 0);
    assert_non_null(strstr(sheet.text, "crash"));
    assert_non_null(strstr(sheet.text, "restart"));
    assert_null(strstr(sheet.text, "append"));
    sheet_free(&sheet);
}

static void what_fails_by_chance_is_shrunk_under_other_seeds(void **state)
{
    struct sheet sheet = {0};
    struct shrink_report report;
    core.fails = crashed_by_chance;
    shrink_story(2, &sheet, &report);
    assert_true(shrink_share(&report) >= 90);
    assert_in_range(core.together, 2, 16);
    assert_non_null(strstr(sheet.text, "crash"));
    assert_non_null(strstr(sheet.text, "restart"));
    /* What is left fails by itself, under the seed that it names. */
    const char *story = strstr(sheet.text, "\nnodes ") + 1;
    assert_true(crashed_by_chance(story, seed_of(story)));
    assert_int_not_equal(seed_of(story), SEED);
    sheet_free(&sheet);
}

static void it_is_the_same_however_many_run_at_once(void **state)
{
    static const unsigned jobs[] = {2, 3, 7, 64};
    struct sheet one = {0};
    struct shrink_report report;
    core.fails = crashed_by_chance;
    shrink_story(1, &one, &report);
    unsigned tried = report.tried;
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
        struct sheet sheet = {0};
        shrink_story(jobs[i], &sheet, &report);
        assert_string_equal(sheet.text, one.text);
        assert_int_equal(report.tried, tried);
        sheet_free(&sheet);
    }
    sheet_free(&one);
}

static void it_ends_when_its_time_is_over(void **state)
{
    struct sheet sheet = {0};
    struct shrink_report report;
    core.fails = nothing_less;
    core.takes_s = 1;
    shrink_story(2, &sheet, &report);
    assert_true(stage.now >= 300 && stage.now < 340);
    assert_int_equal(report.to.nodes, NODES);
    sheet_free(&sheet);
}

/* And before, when nothing goes whatever is tried. */
static void it_gives_up(void **state)
{
    struct sheet sheet = {0};
    struct shrink_report report;
    core.fails = nothing_less;
    core.takes_s = 1e-6;
    shrink_story(1, &sheet, &report);
    assert_true(stage.now < 300);
    assert_int_equal(report.to.nodes, NODES);
    sheet_free(&sheet);
}

static void what_is_not_seen_closely_is_no_find(void **state)
{
    struct sheet sheet = {0};
    struct shrink_report report;
    core.only_quick = true;
    core.takes_s = 0.1;
    shrink_story(2, &sheet, &report);
    assert_int_equal(report.to.nodes, NODES);
    assert_int_equal(report.to.lines, report.from.lines);
    sheet_free(&sheet);
}

/* A core that died tells no seed: so each is tried alone. */
static void who_dies_dies_alone(void **state)
{
    struct sheet sheet = {0};
    struct shrink_report report;
    core.fails = crashed_by_chance;
    core.verdict = TRIAL_DIED;
    shrink_story(2, &sheet, &report);
    assert_int_equal(core.together, 1);
    assert_true(shrink_share(&report) >= 90);
    const char *story = strstr(sheet.text, "\nnodes ") + 1;
    assert_true(crashed_by_chance(story, seed_of(story)));
    sheet_free(&sheet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_always_fails_keeps_its_seed, setup),
        cmocka_unit_test_setup(what_fails_by_chance_is_shrunk_under_other_seeds, setup),
        cmocka_unit_test_setup(it_is_the_same_however_many_run_at_once, setup),
        cmocka_unit_test_setup(it_ends_when_its_time_is_over, setup),
        cmocka_unit_test_setup(it_gives_up, setup),
        cmocka_unit_test_setup(what_is_not_seen_closely_is_no_find, setup),
        cmocka_unit_test_setup(who_dies_dies_alone, setup),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
