/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new node fetches one log from another: two real processes on loopback, from the link to the
 * moment the whole log is durable and its checkpoint in place. The reference is what all cores of
 * the machine verify when they do nothing else.
 */
#include "bench.h"
#include "node.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECEIPTS = 100000, BODY = 300, PATIENCE_S = 300 };

/* Lines of 300 bytes, each different. */
static bool write_lines(const char *path, unsigned count)
{
    char line[BODY + 2];
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return false;
    memset(line, '.', BODY);
    line[BODY] = '\n';
    for (unsigned i = 0; i < count; i++) {
        char number[16];
        int size = snprintf(number, sizeof number, "%u", i);
        memcpy(line, number, (size_t)size);
        fwrite(line, 1, BODY + 1, file);
    }
    return fclose(file) == 0;
}

/* A log of that many receipts, made without a running node. Its origin is the first word said. */
static bool make_log(const char *tally, const char *data, const char *folder, unsigned count,
                     char origin[NODE_TEXT])
{
    char lines[NODE_TEXT + 16];
    const char *init[] = {tally, "node", "init", "--data", data, NULL};
    snprintf(lines, sizeof lines, "%s/lines", folder);
    const char *words[] = {tally,   "append",  "--data", data, "--namespace",
                           "bench", "--lines", lines,    NULL};
    bench_progress("catch-up: issuing %u receipts", count);
    if (!node_command(init, origin) || !write_lines(lines, count) || !node_command(words, origin)) {
        bench_complain("could not issue %u receipts", count);
        return false;
    }
    origin[strcspn(origin, " \t\n")] = '\0';
    return true;
}

struct course {
    double linked, done; /* 0: not yet. */
};

/* Follows the new node until it holds everything. */
static bool follow(struct node *node, struct node *old, const char *origin, unsigned count,
                   struct course *course)
{
    double start = bench_now(), shown = 0;
    while (course->done == 0 && bench_now() < start + PATIENCE_S) {
        if (node_line(node, 2) && course->linked == 0 && strstr(node->line, "linked") != NULL)
            course->linked = bench_now();
        while (node_line(old, 0)) /* A full pipe would stop it. */
            continue;
        uint64_t size = node_log_size(node->data, origin);
        if (size >= count)
            course->done = bench_now();
        if (bench_now() > shown + 0.2) {
            bench_progress("catch-up: %" PRIu64 " of %u receipts", size, count);
            shown = bench_now();
        }
    }
    return course->done > 0;
}

static void report(const struct bench_options *options, unsigned count, double seconds,
                   double verified)
{
    bool every = strcmp(options->verify, "every") == 0;
    bench_report(&(struct bench_figure){
        .name = every ? "catch-up, verify every" : "catch-up, verify checkpoint",
        .unit = "receipts/s",
        .value = count / seconds,
        .reference_is = "Ed25519 verifications/s of all cores",
        .reference = verified,
        .wanted_is = every ? "ratio >=" : "value >=",
        .wanted = every ? 0.85 : 150000,
    });
}

static bool measure(const struct bench_options *options, const char *folder)
{
    const unsigned count = options->count > 0 ? options->count : RECEIPTS;
    char origin[NODE_TEXT], a[NODE_TEXT + 8], b[NODE_TEXT + 8];
    struct node old, young = {0};
    struct course course = {0};
    struct node_usage used_old, used_young;
    snprintf(a, sizeof a, "%s/a", folder);
    snprintf(b, sizeof b, "%s/b", folder);
    if (!make_log(options->tally, a, folder, count, origin))
        return false;
    bench_progress("catch-up: what the cores verify");
    double verified = bench_verify_rate();
    if (!node_start(&old, options->tally, a, NULL, NULL))
        return false;
    double start = bench_now(), seconds = 0;
    bool good = node_start(&young, options->tally, b, old.address, options->verify) &&
                follow(&young, &old, origin, count, &course);
    if (good) {
        double from = course.linked > 0 ? course.linked : start;
        seconds = course.done - from;
        node_usage(&old, &used_old);
        node_usage(&young, &used_young);
        bench_note(
            "link %.3f s after the start; then %.3f s; CPU: old node %.2f s, new node %.2f s",
            from - start, seconds, used_old.cpu_s, used_young.cpu_s);
    } else {
        bench_complain("the new node did not catch up; the last it said: %s", young.line);
    }
    node_stop(&young);
    node_stop(&old);
    /* Before and after: what else the machine does meets both sides of the ratio. */
    if (good)
        report(options, count, seconds, (verified + bench_verify_rate()) / 2);
    return good;
}

bool bench_catch_up(const struct bench_options *options)
{
    char folder[NODE_TEXT];
    if (!node_folder(folder)) {
        bench_complain("cannot make a folder here");
        return false;
    }
    bool good = measure(options, folder);
    node_folder_remove(folder);
    return good;
}
