/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"
#include "report.h"
#include <inttypes.h>
#include <stdlib.h>

static double seconds(uint64_t us)
{
    return (double)us / 1e6;
}

static int by_size(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

uint64_t *report_sent(const struct figures *figures)
{
    uint64_t *sent = memory_new(figures->node_count, sizeof *sent);
    for (uint32_t slot = 0; slot < figures->slot_count; slot++) {
        const struct figure_node *node = &figures->nodes[slot];
        sent[node->shown] += node->datagram_bytes + node->stream_bytes + node->multicast_bytes;
    }
    qsort(sent, figures->node_count, sizeof *sent, by_size);
    return sent;
}

void report_verdict(const struct report *report, struct sheet *sheet)
{
    const struct story_end *end = report->end;
    const struct world_options *options = &report->scenario->options;
    sheet_put(sheet,
              "%s: %s\n"
              "  %.1f s of %" PRIu32 " nodes in %.2f s: %" PRIu64 " events, %" PRIu64
              " datagrams, %" PRIu64 " checks\n"
              "  %" PRIu64 " receipts acknowledged, %" PRIu64 " refused; %" PRIu64
              " signatures verified, %" PRIu64 " remembered\n"
              "  seed %" PRIu64 ", id %s\n",
              report->name,
              end->left   ? "left before its end"
              : end->good ? "all is well"
                          : end->message,
              seconds(end->us), options->nodes, report->seconds, end->events, end->datagrams,
              end->checks, end->acknowledged, end->refused, end->verified, end->remembered,
              options->seed, end->id);
}

static void put_excuses(struct sheet *sheet, const struct excuses *excuses)
{
    const char *comma = "";
    for (unsigned i = 0; i < EXCUSE_COUNT; i++)
        if (excuses->count[i] > 0) {
            if (comma[0] == '\0')
                sheet_put(sheet, "  %-14s", "excused");
            sheet_put(sheet, "%s%s %" PRIu32, comma, excuse_word((enum excuse)i),
                      excuses->count[i]);
            comma = ", ";
        }
    sheet_put(sheet, comma[0] != '\0' ? "\n" : "");
}

static void put_spread(struct sheet *sheet, const char *what, const struct figure_spread *spread)
{
    if (spread->count + spread->missing == 0)
        return;
    sheet_put(sheet, "  %-14s", what);
    if (spread->count > 0)
        sheet_put(sheet, "half %.2f s, 90 %% %.2f s, 99 %% %.2f s, last %.2f s (%" PRIu64 ")",
                  spread->p50 / 1e3, spread->p90 / 1e3, spread->p99 / 1e3, spread->most / 1e3,
                  spread->count);
    if (spread->missing > 0)
        sheet_put(sheet, "%s%" PRIu64 " not in this run", spread->count > 0 ? "; " : "",
                  spread->missing);
    sheet_put(sheet, "\n");
}

static void put_heals(struct sheet *sheet, const struct figures *figures)
{
    for (size_t i = 0; i < figures->heal_count; i++) {
        const struct figure_heal *heal = &figures->heals[i];
        sheet_put(sheet, "  %-14sat %.1f s: ", "healed", seconds(heal->us));
        if (heal->healed_us != 0)
            sheet_put(sheet, "all had all after %.1f s\n", seconds(heal->healed_us - heal->us));
        else
            sheet_put(sheet, "not all had all when the story ended\n");
    }
}

static void put_forks(struct sheet *sheet, const struct figures *figures)
{
    for (size_t i = 0; i < figures->fork_count; i++) {
        const struct figure_fork *fork = &figures->forks[i];
        sheet_put(sheet, "  %-14sof n%u at %.1f s: ", "fork", fork->liar + 1,
                  seconds(fork->lied_us));
        if (fork->first_us != 0)
            sheet_put(sheet, "proved after %.1f s, at %u nodes after %.1f s\n",
                      seconds(fork->first_us - fork->lied_us), fork->nodes,
                      seconds(fork->last_us - fork->lied_us));
        else
            sheet_put(sheet, "nobody met both sides\n");
    }
}

static void put_drops(struct sheet *sheet, const struct figures *figures)
{
    const char *comma = "";
    for (unsigned i = 1; i < TALLY_DROP_COUNT; i++)
        if (figures->drops[i] > 0) {
            if (comma[0] == '\0')
                sheet_put(sheet, "  %-14s", "dropped");
            sheet_put(sheet, "%s%s %" PRIu64, comma, tally_drop_name((enum tally_drop)i),
                      figures->drops[i]);
            comma = ", ";
        }
    if (comma[0] != '\0')
        sheet_put(sheet, "\n");
}

void report_text(const struct report *report, struct sheet *sheet)
{
    const struct figures *figures = report->figures;
    report_verdict(report, sheet);
    put_excuses(sheet, &report->end->excuses);
    if (figures == NULL)
        return;
    put_spread(sheet, "heard of", &figures->heard);
    put_spread(sheet, "held", &figures->held);
    put_heals(sheet, figures);
    put_forks(sheet, figures);
    uint64_t *sent = report_sent(figures);
    uint32_t nodes = figures->node_count;
    double time = seconds(report->end->us) > 0 ? seconds(report->end->us) : 1;
    char least[16], half[16], most[16], rate[16];
    sheet_short((double)sent[0], least);
    sheet_short((double)sent[(nodes - 1) / 2], half);
    sheet_short((double)sent[nodes - 1], most);
    sheet_short((double)sent[(nodes - 1) / 2] / time, rate);
    sheet_put(sheet, "  %-14s%sB to %sB a node, half of them %sB or less: %sB/s\n", "sent", least,
              most, half, rate);
    memory_free(sent);
    put_drops(sheet, figures);
}
