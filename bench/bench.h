/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H
/*
 * The frame of tally-bench: each benchmark reports figures, each figure has a reference measured in
 * the same run on the same machine, because a rate without one says more about the machine.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench_options {
    bool json;
    const char *verify; /* catch-up: "every" or "checkpoint". */
    unsigned count;     /* How much to do; 0: the benchmark's own choice. */
    const char *tally;  /* The program under test, beside ours. */
};

struct bench_figure {
    const char *name, *unit;
    double value;
    const char *reference_is; /* What the reference is, in a few words. */
    double reference;
    const char *wanted_is; /* "ratio >=", "value <=" or "value >=". */
    double wanted;
};

struct bench {
    const char *name, *what;
    bool (*run)(const struct bench_options *options); /* False: it could not be measured. */
};

bool bench_stream(const struct bench_options *options);
bool bench_catch_up(const struct bench_options *options);
bool bench_idle(const struct bench_options *options);
bool bench_store(const struct bench_options *options);
bool bench_lookup(const struct bench_options *options);

/* Ed25519 verifications a second of all cores together, measured for one second. */
double bench_verify_rate(void);

/* Prints a figure now, or keeps it for the one JSON object at the end. */
void bench_report(const struct bench_figure *figure);

/* A sentence beside the figures: where the time went. */
void bench_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line that is overwritten on a terminal, nothing elsewhere. */
void bench_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A sentence for the operator, on standard error. */
void bench_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Seconds of the monotonic clock. */
double bench_now(void);

/* The middle one; sorts the values. */
double bench_median(double *values, size_t count);

#endif
