/* SPDX-License-Identifier: Apache-2.0 */
/* tally-bench NAME [--json] [--count N] [--verify every|checkpoint] */
#include "bench.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FIGURES_MAX = 32, NOTE_MAX = 512 };

static const struct bench benches[] = {
    {"stream", "set-up and throughput of one stream, against bare libuv with the same AEAD",
     bench_stream},
    {"catch-up", "a new node fetches 100,000 receipts, against the cores' Ed25519 rate",
     bench_catch_up},
    {"idle", "memory and CPU of a linked node without traffic", bench_idle},
    {"store", "packages of a replica made durable, against the same bytes in one file",
     bench_store},
    {"lookup", "lookups in a DHT of 10,000 nodes, or --count, some dead, some colluding",
     bench_lookup},
};

static struct {
    bool json, line;
    struct bench_figure figures[FIGURES_MAX];
    size_t count;
    char note[NOTE_MAX];
} report;

double bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, ascending);
    return count > 0 ? values[count / 2] : 0;
}

static void clear_line(void)
{
    if (report.line)
        fputs("\r\033[K", stderr);
    report.line = false;
}

void bench_progress(const char *format, ...)
{
    if (!isatty(STDERR_FILENO))
        return;
    clear_line();
    va_list list;
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fflush(stderr);
    report.line = true;
}

void bench_complain(const char *format, ...)
{
    clear_line();
    va_list list;
    va_start(list, format);
    fputs("tally-bench: ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
}

void bench_note(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(report.note, sizeof report.note, format, list);
    va_end(list);
    if (!report.json)
        puts(report.note);
}

static double ratio(const struct bench_figure *figure)
{
    return figure->reference > 0 ? figure->value / figure->reference : 0;
}

static bool reached(const struct bench_figure *figure)
{
    double measured = strncmp(figure->wanted_is, "ratio", 5) == 0 ? ratio(figure) : figure->value;
    return strstr(figure->wanted_is, "<=") != NULL ? measured <= figure->wanted
                                                   : measured >= figure->wanted;
}

void bench_report(const struct bench_figure *figure)
{
    clear_line();
    if (report.json) {
        if (report.count < FIGURES_MAX)
            report.figures[report.count++] = *figure;
        return;
    }
    printf("%-28s %12.6g %-10s reference %12.6g (%s)  ratio %.3g  %s %g: %s\n", figure->name,
           figure->value, figure->unit, figure->reference, figure->reference_is, ratio(figure),
           figure->wanted_is, figure->wanted, reached(figure) ? "reached" : "missed");
    fflush(stdout);
}

/* The texts are our own and need no escapes. */
static void print_json(const char *name, bool done)
{
    printf("{\"schema\":\"tally/bench/1\",\"name\":\"%s\",\"done\":%s,\"figures\":[", name,
           done ? "true" : "false");
    for (size_t i = 0; i < report.count; i++) {
        const struct bench_figure *figure = &report.figures[i];
        printf("%s{\"name\":\"%s\",\"unit\":\"%s\",\"value\":%.6g,\"reference\":%.6g,"
               "\"reference_is\":\"%s\",\"ratio\":%.4g,\"wanted\":\"%s %g\",\"reached\":%s}",
               i > 0 ? "," : "", figure->name, figure->unit, figure->value, figure->reference,
               figure->reference_is, ratio(figure), figure->wanted_is, figure->wanted,
               reached(figure) ? "true" : "false");
    }
    printf("],\"note\":\"%s\"}\n", report.note);
}

static int usage(void)
{
    fputs("usage: tally-bench NAME [--json] [--count N] [--verify every|checkpoint]\n", stderr);
    for (size_t i = 0; i < sizeof benches / sizeof *benches; i++)
        fprintf(stderr, "  %-10s %s\n", benches[i].name, benches[i].what);
    return 2;
}

/* The program under test lies beside this one. */
static const char *find_tally(const char *self)
{
    static char path[4096];
    const char *slash = strrchr(self, '/');
    int folder = slash != NULL ? (int)(slash - self) : 1;
    snprintf(path, sizeof path, "%.*s/tally", folder, slash != NULL ? self : ".");
    return path;
}

static bool read_options(int count, char **words, struct bench_options *options)
{
    for (int i = 2; i < count; i++) {
        const char *value = i + 1 < count ? words[i + 1] : NULL;
        if (strcmp(words[i], "--json") == 0) {
            options->json = true;
        } else if (strcmp(words[i], "--count") == 0 && value != NULL && atoi(value) > 0) {
            options->count = (unsigned)atoi(words[++i]);
        } else if (strcmp(words[i], "--verify") == 0 && value != NULL &&
                   (strcmp(value, "every") == 0 || strcmp(value, "checkpoint") == 0)) {
            options->verify = words[++i];
        } else {
            return false;
        }
    }
    return true;
}

int main(int count, char **words)
{
    struct bench_options options = {.verify = "every", .tally = find_tally(words[0])};
    if (count < 2 || !read_options(count, words, &options) || sodium_init() < 0)
        return usage();
    report.json = options.json;
    for (size_t i = 0; i < sizeof benches / sizeof *benches; i++) {
        if (strcmp(words[1], benches[i].name) != 0)
            continue;
        bool done = benches[i].run(&options);
        if (options.json)
            print_json(words[1], done);
        return done ? 0 : 1;
    }
    return usage();
}
