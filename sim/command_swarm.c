/* SPDX-License-Identifier: Apache-2.0 */
/* Stories nobody wrote, on all cores; and what remains of those that fail. */
#include "command.h"
#include "memory.h"
#include "shrink.h"
#include "swarm.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    JOBS_MAX = 64,
    STORY_S = 600,  /* No story takes longer, not on a busy machine either. */
    SHRINK_S = 300, /* For one that failed. */
    KINDS_MAX = 8,  /* Of failures that are shrunk, with --all. */
    LOOK_MS = 250,
    THOROUGH = 16,        /* One story in so many is checked after every step, */
    THOROUGH_MANY = 64,   /* and of those of many nodes; so is each that failed. */
    WORKER_STORIES = 128, /* Then another takes its place: what a heap got back is in pieces. */
    TOLD_S = 60,          /* So often one who reads no terminal is told how far it is. */
};

/* What a worker sends: before a story, and after it. */
struct report_line {
    uint64_t seed;
    bool done;
    bool divided; /* A partition, a cut or a flap is in it. */
    struct trial_result result;
};

struct worker {
    pid_t pid;
    int pipe;
    uint64_t seed; /* It is at, or at next. */
    uint64_t open; /* Its first seed that is not played to its end. */
    bool busy;
    double since;
};

struct failure {
    uint64_t seed;
    struct trial_result result;
};

struct swarm {
    const struct arguments *arguments;
    unsigned jobs;
    uint64_t from, end; /* Seeds; end UINT64_MAX: until it is time. */
    double begin, until;
    struct worker workers[JOBS_MAX];
    struct failure kinds[KINDS_MAX];
    size_t kind_count;
    uint64_t stories, broken, events;
    uint64_t excused[EXCUSE_COUNT], unexcused; /* Stories with such an excuse; without any. */
    double virtual_s, divided_s; /* The latter: of stories in which the network was divided. */
    double told;                 /* When progress was told last. */
    bool terminal;
};

/* Somebody has seen enough. */
static volatile sig_atomic_t stopped;

static void stop(int signal)
{
    (void)signal;
    stopped = 1;
}

static unsigned cores(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > JOBS_MAX ? JOBS_MAX : (unsigned)count;
}

static void name_of(uint64_t seed, char name[40])
{
    snprintf(name, 40, "seed %" PRIu64, seed);
}

/* ---- Workers. ---- */

static void work(int out, uint64_t seed, const struct swarm *swarm)
{
    char name[40], text[SWARM_TEXT_MAX];
    unsigned played = 0;
    trial_many();
    for (; seed < swarm->end && played < WORKER_STORIES; seed += swarm->jobs, played++) {
        struct report_line line = {.seed = seed};
        if (write(out, &line, sizeof line) != sizeof line)
            break;
        name_of(seed, name);
        bool many = swarm_draw(seed, swarm->arguments->sizes, text) > SWARM_NODES_FEW;
        trial_here(name, text, seed % (many ? THOROUGH_MANY : THOROUGH) != 0, &line.result);
        line.divided = strstr(text, " partition ") != NULL || strstr(text, " cut ") != NULL ||
                       strstr(text, " flap ") != NULL;
        line.done = true;
        if (write(out, &line, sizeof line) != sizeof line)
            break;
    }
    _exit(0);
}

static bool worker_start(struct swarm *swarm, struct worker *worker, uint64_t seed)
{
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        signal(SIGPIPE, SIG_DFL);
        signal(SIGINT, SIG_IGN); /* It is ended when the others are. */
        work(ends[1], seed, swarm);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return false;
    }
    *worker = (struct worker){
        .pid = pid, .pipe = ends[0], .seed = seed, .open = seed, .since = command_seconds()};
    return true;
}

static int worker_stop(struct worker *worker, bool now)
{
    int status = 0;
    if (worker->pid == 0)
        return 0;
    if (now)
        kill(worker->pid, SIGKILL);
    waitpid(worker->pid, &status, 0);
    close(worker->pipe);
    worker->pid = 0;
    return status;
}

/* ---- What they tell. ---- */

static void failed(struct swarm *swarm, uint64_t seed, const struct trial_result *result)
{
    char words[200];
    swarm->broken++;
    trial_say(result, words, sizeof words);
    printf("%sseed %" PRIu64 ": %s\n", swarm->terminal ? "\r\033[K" : "", seed,
           result->end.message[0] != '\0' ? result->end.message : words);
    fflush(stdout);
    for (size_t i = 0; i < swarm->kind_count; i++)
        if (trial_same(&swarm->kinds[i].result, result))
            return;
    if (swarm->kind_count < KINDS_MAX)
        swarm->kinds[swarm->kind_count++] = (struct failure){seed, *result};
}

/* Its process is gone: it has played enough. Or it went, or is made to go, within a story: the
   story is run once more by itself. */
static void lost(struct swarm *swarm, struct worker *worker, bool hung)
{
    char name[40], text[SWARM_TEXT_MAX];
    struct trial_result result;
    uint64_t seed = worker->seed, next = worker->open;
    bool busy = worker->busy;
    worker_stop(worker, hung);
    if (!busy) {
        if (next > seed && next < swarm->end)
            worker_start(swarm, worker, next);
        return;
    }
    name_of(seed, name);
    swarm_draw(seed, swarm->arguments->sizes, text);
    trial_run(name, text, STORY_S, &result);
    swarm->stories++;
    if (result.verdict != TRIAL_FINE)
        failed(swarm, seed, &result);
    if (seed + swarm->jobs < swarm->end)
        worker_start(swarm, worker, seed + swarm->jobs);
}

static void count_excuses(struct swarm *swarm, const struct excuses *excuses)
{
    for (unsigned i = 0; i < EXCUSE_COUNT; i++)
        swarm->excused[i] += excuses->count[i] > 0;
    swarm->unexcused += excuses_all(excuses) == 0;
}

static void heard(struct swarm *swarm, struct worker *worker)
{
    struct report_line line;
    if (read(worker->pipe, &line, sizeof line) != sizeof line) {
        lost(swarm, worker, false);
        return;
    }
    worker->seed = line.seed;
    worker->busy = !line.done;
    worker->since = command_seconds();
    if (!line.done)
        return;
    double seconds = (double)line.result.end.us / 1e6;
    worker->open = line.seed + swarm->jobs;
    swarm->stories++;
    swarm->events += line.result.end.events;
    swarm->virtual_s += seconds;
    swarm->divided_s += line.divided ? seconds : 0;
    if (line.result.verdict != TRIAL_FINE)
        failed(swarm, line.seed, &line.result);
    else
        count_excuses(swarm, &line.result.end.excuses);
}

/* Listens for a while; false if nobody works any more. */
static bool listen_to(struct swarm *swarm)
{
    struct pollfd polls[JOBS_MAX];
    unsigned who[JOBS_MAX], count = 0;
    for (unsigned i = 0; i < swarm->jobs; i++)
        if (swarm->workers[i].pid != 0) {
            who[count] = i;
            polls[count++] = (struct pollfd){.fd = swarm->workers[i].pipe, .events = POLLIN};
        }
    if (count == 0)
        return false;
    poll(polls, count, LOOK_MS);
    for (unsigned i = 0; i < count; i++) {
        struct worker *worker = &swarm->workers[who[i]];
        if (polls[i].revents != 0)
            heard(swarm, worker);
        else if (worker->busy && command_seconds() - worker->since > STORY_S)
            lost(swarm, worker, true);
    }
    return true;
}

/* Where one goes on: no seed below is open. */
static uint64_t next_seed(const struct swarm *swarm)
{
    uint64_t next = UINT64_MAX;
    for (unsigned i = 0; i < swarm->jobs; i++)
        if (swarm->workers[i].open != 0 && swarm->workers[i].open < next)
            next = swarm->workers[i].open;
    return next;
}

static void progress(struct swarm *swarm)
{
    double now = command_seconds(), seconds = now - swarm->begin;
    uint64_t hours = swarm->arguments->hours;
    if (!swarm->terminal && (hours == 0 || now - swarm->told < TOLD_S))
        return;
    swarm->told = now;
    fprintf(stderr, "%s%" PRIu64 " stories", swarm->terminal ? "\r\033[K" : "", swarm->stories);
    if (swarm->end != UINT64_MAX)
        fprintf(stderr, " of %" PRIu64, swarm->end - swarm->from);
    fprintf(stderr, ", %.1f a second, %.1f h of virtual time, %" PRIu64 " broken",
            (double)swarm->stories / (seconds > 0.1 ? seconds : 0.1), swarm->virtual_s / 3600,
            swarm->broken);
    if (swarm->arguments->minutes > 0 && swarm->until > now)
        fprintf(stderr, ", %d:%02d left", (int)(swarm->until - now) / 60,
                (int)(swarm->until - now) % 60);
    if (hours > 0)
        fprintf(stderr, ", %.1f of %" PRIu64 " h divided, next seed %" PRIu64,
                swarm->divided_s / 3600, hours, next_seed(swarm));
    fputs(swarm->terminal ? "" : "\n", stderr);
    fflush(stderr);
}

/* ---- What remains. ---- */

static bool story_write(const char *path, const char *text, size_t size)
{
    const struct sheet sheet = {.text = (char *)(uintptr_t)text, .size = size};
    return sheet_write(&sheet, path);
}

static void shrink_report_print(const struct shrink_report *report, const char *path)
{
    char words[200], shares[200];
    trial_say(&report->after, words, sizeof words);
    shrink_tell(report, shares, sizeof shares);
    printf("  least story: %s\n    %s, after %u tries in %.1f s\n    it breaks %s\n    again: "
           "tally-sim replay %s\n",
           path, shares, report->tried, report->seconds, words, path);
}

static void remains(const struct swarm *swarm, const struct failure *failure)
{
    char name[40], text[SWARM_TEXT_MAX], path[600];
    const char *into = swarm->arguments->into != NULL ? swarm->arguments->into : ".";
    const struct shrink_options options = {swarm->jobs, SHRINK_S, swarm->terminal};
    struct shrink_report report;
    struct sheet sheet = {0};
    name_of(failure->seed, name);
    swarm_draw(failure->seed, swarm->arguments->sizes, text);
    (void)mkdir(into, 0777); /* If it is not there; if it cannot be, writing says so. */
    snprintf(path, sizeof path, "%s/swarm-%" PRIu64 ".scn", into, failure->seed);
    if (!story_write(path, text, strlen(text)))
        return;
    printf("\nseed %" PRIu64 ": the story is %s\n    again: tally-sim run %s\n", failure->seed,
           path, path);
    fflush(stdout);
    shrink(name, text, &options, &sheet, &report);
    snprintf(path, sizeof path, "%s/swarm-%" PRIu64 "-least.scn", into, failure->seed);
    if (!report.failed)
        printf("  it does not fail by itself: the failure depends on more than the story\n");
    else if (sheet_write(&sheet, path))
        shrink_report_print(&report, path);
    sheet_free(&sheet);
}

static int print_stories(const struct arguments *arguments)
{
    char text[SWARM_TEXT_MAX];
    for (uint64_t i = 0; i < arguments->seeds; i++) {
        swarm_draw(arguments->from + i, arguments->sizes, text);
        fputs(text, stdout);
    }
    return EXIT_FINE;
}

static bool goes_on(const struct swarm *swarm)
{
    uint64_t hours = swarm->arguments->hours;
    return command_seconds() < swarm->until && stopped == 0 &&
           (swarm->broken == 0 || swarm->arguments->all) &&
           (hours == 0 || swarm->divided_s < 3600.0 * (double)hours);
}

static void search_on(struct swarm *swarm)
{
    signal(SIGINT, stop);
    for (unsigned i = 0; i < swarm->jobs; i++)
        if (swarm->from + i < swarm->end)
            worker_start(swarm, &swarm->workers[i], swarm->from + i);
    while (goes_on(swarm) && listen_to(swarm))
        progress(swarm);
    for (unsigned i = 0; i < swarm->jobs; i++)
        worker_stop(&swarm->workers[i], true);
    if (swarm->terminal)
        fprintf(stderr, "\r\033[K");
}

/* In how many nobody was excused from what is expected, and why somebody was in the others. */
static void tell_excuses(const struct swarm *swarm)
{
    const char *comma = "; excused: ";
    printf("%" PRIu64 " held without any excuse", swarm->unexcused);
    for (unsigned i = 0; i < EXCUSE_COUNT; i++)
        if (swarm->excused[i] > 0) {
            printf("%s%s %" PRIu64, comma, excuse_word((enum excuse)i), swarm->excused[i]);
            comma = ", ";
        }
    printf("\n");
}

/* How many, how fast: by the clock, and a second that a core was ours, which says the same on a
   machine that others use too. */
static void tell_search(const struct swarm *swarm)
{
    struct rusage used = {.ru_utime = {.tv_sec = 0}};
    double seconds = command_seconds() - swarm->begin, count = (double)swarm->stories;
    getrusage(RUSAGE_CHILDREN, &used);
    double core = (double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec +
                  (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("%" PRIu64 " stories from seed %" PRIu64 ", %" PRIu64 " broken, %.1f s: %.1f a second, "
           "%.2f a second of a core, %.1f h of virtual time, %" PRIu64 " events\n",
           swarm->stories, swarm->from, swarm->broken, seconds, count / (seconds > 0 ? seconds : 1),
           count / (core > 0 ? core : 1), swarm->virtual_s / 3600, swarm->events);
    if (swarm->arguments->hours > 0)
        printf("the network was divided in %.1f h of it%s\n", swarm->divided_s / 3600,
               swarm->broken > 0 ? "" : ", all clean");
    if (swarm->arguments->hours > 0 || stopped != 0)
        printf("to go on: --from %" PRIu64 "\n", next_seed(swarm));
    tell_excuses(swarm);
}

int command_swarm(const struct arguments *arguments)
{
    if (arguments->seeds == 0 && arguments->minutes == 0 && arguments->hours == 0)
        return command_misuse("how many, or how long? ",
                              "--seeds N, --minutes M or --hours-virtual H");
    if (arguments->scale.world.nodes > 0)
        return command_misuse("from how many to how many? ", "--nodes A..B");
    if (arguments->print)
        return print_stories(arguments);
    struct swarm *swarm = memory_new(1, sizeof *swarm);
    swarm->arguments = arguments;
    swarm->jobs = arguments->jobs > 0 ? (unsigned)arguments->jobs : cores();
    swarm->begin = swarm->told = command_seconds();
    /* For so long, each time others. */
    swarm->from = arguments->from > 0                            ? arguments->from
                  : arguments->seeds > 0 || arguments->hours > 0 ? 1
                                                                 : command_fresh_seed();
    swarm->end = arguments->seeds > 0 ? swarm->from + arguments->seeds : UINT64_MAX;
    swarm->until = arguments->minutes > 0 ? swarm->begin + 60.0 * (double)arguments->minutes
                                          : swarm->begin + 1e9;
    swarm->terminal = isatty(STDERR_FILENO) != 0;
    search_on(swarm);
    tell_search(swarm);
    for (size_t i = 0; i < swarm->kind_count; i++)
        remains(swarm, &swarm->kinds[i]);
    bool broken = swarm->broken > 0, early = stopped != 0 && arguments->hours > 0;
    memory_free(swarm);
    return broken || early ? EXIT_BROKEN : EXIT_FINE;
}

int command_shrink(const struct arguments *arguments)
{
    struct shrink_report report;
    struct sheet sheet = {0};
    char *text = command_file(arguments->file);
    if (text == NULL)
        return EXIT_USAGE;
    const struct shrink_options options = {
        .jobs = arguments->jobs > 0 ? (unsigned)arguments->jobs : cores(),
        .seconds = arguments->seconds > 0 ? (double)arguments->seconds : SHRINK_S,
        .progress = isatty(STDERR_FILENO) != 0,
    };
    const char *slash = strrchr(arguments->file, '/');
    const char *into = arguments->into != NULL ? arguments->into : "-";
    int status = EXIT_FINE;
    shrink(slash != NULL ? slash + 1 : arguments->file, text, &options, &sheet, &report);
    if (!report.failed) {
        char words[200];
        trial_say(&report.before, words, sizeof words);
        fprintf(stderr, "tally-sim: nothing to shrink: %s\n", words);
        status = report.before.verdict == TRIAL_UNREAD ? EXIT_USAGE : EXIT_BROKEN;
    } else if (!sheet_write(&sheet, into)) {
        status = EXIT_BROKEN;
    } else {
        char shares[200];
        shrink_tell(&report, shares, sizeof shares);
        fprintf(stderr, "%s: %s; %u tries in %.1f s\n", arguments->file, shares, report.tried,
                report.seconds);
    }
    sheet_free(&sheet);
    memory_free(text);
    return status;
}
