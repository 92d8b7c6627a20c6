/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One stream of a channel against bare libuv with the same AEAD. The arms take turns, so that what
 * else the machine does at the time meets both; medians, because one run says little.
 */
#include "bench.h"
#include "pair.h"

enum { TURNS = 11, MIB_A_TURN = 256, SETUPS = 100 };

static bool arm(const char *name, const struct pair_arm *arm, const struct pair_work *work,
                double *mb_per_s, double *setup_ms)
{
    struct pair_result result;
    bench_progress("stream: %s", name);
    if (!pair_run(arm, work, &result)) {
        bench_complain("the %s arm did not finish", name);
        return false;
    }
    *mb_per_s = (double)work->bytes / result.seconds / 1e6;
    *setup_ms = result.setup_ms;
    return true;
}

bool bench_stream(const struct bench_options *options)
{
    const unsigned mib = options->count > 0 ? options->count : MIB_A_TURN;
    const struct pair_work work = {.bytes = (uint64_t)mib << 20, .repeats = SETUPS};
    double bare[TURNS], bare_ms[TURNS], channel[TURNS], channel_ms[TURNS];
    for (unsigned i = 0; i < TURNS; i++) {
        if (!arm("bare", &pair_bare, &work, &bare[i], &bare_ms[i]) ||
            !arm("channel", &pair_channel, &work, &channel[i], &channel_ms[i]))
            return false;
    }
    bench_report(&(struct bench_figure){
        .name = "one stream",
        .unit = "MB/s",
        .value = bench_median(channel, TURNS),
        .reference_is = "bare libuv, same AEAD",
        .reference = bench_median(bare, TURNS),
        .wanted_is = "ratio >=",
        .wanted = 0.85,
    });
    bench_report(&(struct bench_figure){
        .name = "set-up, TCP to first stream",
        .unit = "ms",
        .value = bench_median(channel_ms, TURNS),
        .reference_is = "bare TCP connect",
        .reference = bench_median(bare_ms, TURNS),
        .wanted_is = "value <=",
        .wanted = 3,
    });
    return true;
}
