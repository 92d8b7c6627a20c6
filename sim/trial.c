/* SPDX-License-Identifier: Apache-2.0 */
#include "trial.h"
#include "command.h"
#include "expect.h"
#include "memory.h"
#include "shrink_text.h"
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TRIALS_MAX = 64 }; /* Waited for at once. */

void trial_many(void)
{
    enum { PAGES_FROM = 32 << 10, KEPT = 256 << 20 };
    (void)mallopt(M_MMAP_THRESHOLD, PAGES_FROM);
    (void)mallopt(M_MMAP_MAX, INT_MAX);
    (void)mallopt(M_TRIM_THRESHOLD, KEPT);
}

static void play(const struct scenario *scenario, const char *name, bool sparing,
                 struct trial_result *result)
{
    result->nodes = scenario->options.nodes;
    result->seed = scenario->options.seed;
    story_run(scenario, name, &(struct story_options){.sparing = sparing}, &result->end);
    memory_free(result->end.text);
    result->end.text = NULL;
    result->verdict = result->end.good ? TRIAL_FINE : TRIAL_BROKEN;
}

/* The story, of which nothing is known yet; false: it cannot be read. */
static bool read_story(const char *name, const char *text, struct scenario *scenario,
                       struct trial_result *result)
{
    memset(result, 0, sizeof *result);
    if (scenario_read(scenario, name, text, result->end.message, sizeof result->end.message))
        return true;
    result->verdict = TRIAL_UNREAD;
    return false;
}

void trial_here(const char *name, const char *text, bool sparing, struct trial_result *result)
{
    struct scenario scenario;
    if (!read_story(name, text, &scenario, result))
        return;
    play(&scenario, name, sparing, result);
    scenario_free(&scenario);
}

static void play_ask(const struct trial_ask *ask, struct trial_result *result)
{
    struct scenario scenario;
    unsigned count = ask->seeds > 0 ? ask->seeds : 1;
    if (!read_story(ask->name, ask->text, &scenario, result))
        return;
    trial_many();
    if (ask->quick)
        scenario.options.crypto = PROVIDER_FAST;
    for (unsigned i = 0; i < count && (i == 0 || !trial_same(result, ask->like)); i++) {
        if (ask->seeds > 0)
            scenario.options.seed = ask->seed + i;
        memset(result, 0, sizeof *result);
        play(&scenario, ask->name, ask->quick, result);
    }
    scenario_free(&scenario);
}

static void child(int result_end, int words, const struct trial_ask *ask)
{
    struct trial_result result;
    dup2(words, STDERR_FILENO);
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* The story is what is kept. */
    play_ask(ask, &result);
    ssize_t written = write(result_end, &result, sizeof result);
    _exit(written == sizeof result ? 0 : 1);
}

/* 0: it is no story. */
static uint32_t nodes_of(const char *name, const char *text)
{
    struct scenario scenario;
    char message[sizeof((struct story_end *)0)->message];
    if (!scenario_read(&scenario, name, text, message, sizeof message))
        return 0;
    uint32_t nodes = scenario.options.nodes;
    scenario_free(&scenario);
    return nodes;
}

bool trial_start(struct trial *trial, const struct trial_ask *ask)
{
    int ends[2];
    int words = memfd_create("words", MFD_CLOEXEC);
    if (words < 0 || pipe(ends) != 0) {
        fprintf(stderr, "tally-sim: no more processes: %s\n", strerror(errno));
        return false;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        child(ends[1], words, ask);
    }
    close(ends[1]);
    if (pid < 0) {
        fprintf(stderr, "tally-sim: no more processes: %s\n", strerror(errno));
        close(ends[0]);
        close(words);
        return false;
    }
    *trial = (struct trial){.pid = pid,
                            .result = ends[0],
                            .words = words,
                            .nodes = nodes_of(ask->name, ask->text),
                            .until = command_seconds() +
                                     ask->seconds * (ask->seeds > 0 ? ask->seeds : 1)};
    return true;
}

/* «disk.c:312: complete: Assertion ...» of what it said last, without the name of the program. */
static void last_words(int words, char *message, size_t size)
{
    char text[1024] = "";
    off_t end = lseek(words, 0, SEEK_END);
    off_t from = end > (off_t)sizeof text - 1 ? end - (off_t)sizeof text + 1 : 0;
    ssize_t count = pread(words, text, sizeof text - 1, from);
    while (count > 0 && (text[count - 1] == '\n' || text[count - 1] == '.'))
        text[--count] = '\0';
    const char *line = strrchr(text, '\n');
    line = line != NULL ? line + 1 : text;
    const char *colon = strstr(line, ": ");
    snprintf(message, size, "%s", colon != NULL ? colon + 2 : line);
}

void trial_wait(struct trial *trial, struct trial_result *result)
{
    int status = 0;
    double left = trial->until - command_seconds();
    struct pollfd poll_it = {.fd = trial->result, .events = POLLIN};
    while (poll(&poll_it, 1, left > 0 ? (int)(left * 1000) + 1 : 0) < 0 && errno == EINTR)
        continue;
    ssize_t size = poll_it.revents != 0 ? read(trial->result, result, sizeof *result) : -1;
    if (size == (ssize_t)sizeof *result) {
        waitpid(trial->pid, &status, 0);
    } else {
        memset(result, 0, sizeof *result);
        result->nodes = trial->nodes;
        if (poll_it.revents == 0)
            kill(trial->pid, SIGKILL);
        waitpid(trial->pid, &status, 0);
        result->verdict = poll_it.revents == 0 ? TRIAL_HUNG : TRIAL_DIED;
        result->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        if (result->verdict == TRIAL_DIED)
            last_words(trial->words, result->end.message, sizeof result->end.message);
        else
            snprintf(result->end.message, sizeof result->end.message, "it never ended");
    }
    close(trial->result);
    close(trial->words);
}

size_t trial_first(struct trial *const *trials, size_t count)
{
    struct pollfd polls[TRIALS_MAX];
    size_t soonest = 0;
    count = count < TRIALS_MAX ? count : TRIALS_MAX;
    for (size_t i = 0; i < count; i++) {
        polls[i] = (struct pollfd){.fd = trials[i]->result, .events = POLLIN};
        soonest = trials[i]->until < trials[soonest]->until ? i : soonest;
    }
    double left = trials[soonest]->until - command_seconds();
    while (poll(polls, count, left > 0 ? (int)(left * 1000) + 1 : 0) < 0 && errno == EINTR)
        continue;
    for (size_t i = 0; i < count; i++)
        if (polls[i].revents != 0)
            return i;
    return soonest;
}

void trial_stop(struct trial *trial)
{
    kill(trial->pid, SIGKILL);
    waitpid(trial->pid, NULL, 0);
    close(trial->result);
    close(trial->words);
}

void trial_run(const char *name, const char *text, double seconds, struct trial_result *result)
{
    struct trial trial;
    memset(result, 0, sizeof *result);
    if (trial_start(&trial, &(struct trial_ask){.name = name, .text = text, .seconds = seconds}))
        trial_wait(&trial, result);
}

bool trial_same(const struct trial_result *a, const struct trial_result *b)
{
    if (a->verdict != b->verdict)
        return false;
    if (a->verdict == TRIAL_DIED)
        return a->signal == b->signal && strcmp(a->end.message, b->end.message) == 0;
    if (a->verdict != TRIAL_BROKEN)
        return true;
    if (a->end.fault != b->end.fault)
        return false;
    if (a->end.fault == STORY_EXPECTATION)
        return a->end.condition == b->end.condition && a->end.negated == b->end.negated &&
               shrink_sentence(a->end.message, b->end.message);
    return a->end.fault != STORY_INVARIANT || a->end.check == b->end.check;
}

void trial_say(const struct trial_result *result, char *words, size_t size)
{
    if (result->verdict == TRIAL_BROKEN && result->end.fault == STORY_INVARIANT)
        snprintf(words, size, "%s: %s", check_name(result->end.check),
                 check_text(result->end.check));
    else if (result->verdict == TRIAL_BROKEN && result->end.fault == STORY_EXPECTATION)
        snprintf(words, size, "expect %s%s", result->end.negated ? "not " : "",
                 expect_word(result->end.condition));
    else if (result->verdict == TRIAL_FINE)
        snprintf(words, size, "all is well");
    else
        snprintf(words, size, "%s", result->end.message);
}
