/* SPDX-License-Identifier: Apache-2.0 */
#include "expect.h"
#include "report.h"
#include <inttypes.h>

static double seconds(uint64_t us)
{
    return (double)us / 1e6;
}

static void put_run(const struct report *report, struct sheet *sheet)
{
    static const char *const faults[] = {"none", "invariant", "expectation", "impossible"};
    const struct story_end *end = report->end;
    sheet_put(sheet, "  \"story\": ");
    sheet_json(sheet, report->name);
    sheet_put(sheet, ",\n  \"good\": %s,\n  \"complete\": %s,\n  \"fault\": \"%s\",\n",
              end->good ? "true" : "false", end->left ? "false" : "true", faults[end->fault]);
    if (end->fault == STORY_INVARIANT)
        sheet_put(sheet, "  \"invariant\": \"%s\",\n", check_name(end->check));
    if (end->fault == STORY_EXPECTATION)
        sheet_put(sheet, "  \"expected\": \"%s%s\",\n  \"line\": %" PRIu32 ",\n",
                  end->negated ? "not " : "", expect_word(end->condition), end->number);
    sheet_put(sheet, "  \"message\": ");
    sheet_json(sheet, end->message);
    sheet_put(
        sheet,
        ",\n  \"seed\": %" PRIu64 ",\n  \"id\": \"%s\",\n  \"nodes\": %" PRIu32
        ",\n  \"seconds\": %.6f,\n  \"events\": %" PRIu64 ",\n  \"datagrams\": %" PRIu64
        ",\n  \"checks\": %" PRIu64 ",\n  \"acknowledged\": %" PRIu64 ",\n  \"refused\": %" PRIu64,
        report->scenario->options.seed, end->id, report->scenario->options.nodes, seconds(end->us),
        end->events, end->datagrams, end->checks, end->acknowledged, end->refused);
    sheet_put(sheet, ",\n  \"excused\": {");
    for (unsigned i = 0; i < EXCUSE_COUNT; i++)
        sheet_put(sheet, "%s\"%s\": %" PRIu32, i > 0 ? ", " : "", excuse_word((enum excuse)i),
                  end->excuses.count[i]);
    sheet_put(sheet, "}");
}

static void put_spread(struct sheet *sheet, const char *name, const struct figure_spread *spread)
{
    sheet_put(sheet,
              "    \"%s\": {\"count\": %" PRIu64 ", \"missing\": %" PRIu64 ", \"p50_ms\": %" PRIu32
              ", \"p90_ms\": %" PRIu32 ", \"p99_ms\": %" PRIu32 ", \"last_ms\": %" PRIu32 "}",
              name, spread->count, spread->missing, spread->p50, spread->p90, spread->p99,
              spread->most);
}

static void put_heals(const struct figures *figures, struct sheet *sheet)
{
    sheet_put(sheet, ",\n  \"heals\": [");
    for (size_t i = 0; i < figures->heal_count; i++) {
        const struct figure_heal *heal = &figures->heals[i];
        sheet_put(sheet, "%s\n    {\"at\": %.3f, \"after\": ", i > 0 ? "," : "", seconds(heal->us));
        if (heal->healed_us != 0)
            sheet_put(sheet, "%.3f}", seconds(heal->healed_us - heal->us));
        else
            sheet_put(sheet, "null}");
    }
    sheet_put(sheet, "]");
}

static void put_forks(const struct figures *figures, struct sheet *sheet)
{
    sheet_put(sheet, ",\n  \"forks\": [");
    for (size_t i = 0; i < figures->fork_count; i++) {
        const struct figure_fork *fork = &figures->forks[i];
        sheet_put(sheet, "%s\n    {\"liar\": \"n%u\", \"at\": %.3f, \"nodes\": %u, ",
                  i > 0 ? "," : "", fork->liar + 1, seconds(fork->lied_us), fork->nodes);
        if (fork->first_us != 0)
            sheet_put(sheet, "\"first_after\": %.3f, \"last_after\": %.3f}",
                      seconds(fork->first_us - fork->lied_us),
                      seconds(fork->last_us - fork->lied_us));
        else
            sheet_put(sheet, "\"first_after\": null, \"last_after\": null}");
    }
    sheet_put(sheet, "]");
}

static void put_nodes(const struct figures *figures, struct sheet *sheet)
{
    sheet_put(sheet, ",\n  \"sent\": [");
    for (uint32_t slot = 0; slot < figures->slot_count; slot++) {
        const struct figure_node *node = &figures->nodes[slot];
        sheet_put(sheet,
                  "%s\n    {\"node\": \"n%u%s\", \"datagram_bytes\": %" PRIu64
                  ", \"stream_bytes\": %" PRIu64 ", \"multicast_bytes\": %" PRIu64
                  ", \"datagrams\": %" PRIu64 ", \"syncs\": %" PRIu64 ", \"confirms\": %" PRIu64
                  ", \"drops\": %" PRIu64 "}",
                  slot > 0 ? "," : "", figures->nodes[slot].shown + 1,
                  slot >= figures->node_count ? "'" : "", node->datagram_bytes, node->stream_bytes,
                  node->multicast_bytes, node->datagrams, node->syncs, node->confirms, node->drops);
    }
    sheet_put(sheet, "]");
}

static void put_series(const struct figures *figures, struct sheet *sheet)
{
    sheet_put(sheet, ",\n  \"series\": [");
    for (size_t i = 0; i < figures->sample_count; i++) {
        const struct figure_sample *sample = &figures->samples[i];
        uint64_t drops = 0;
        for (unsigned reason = 1; reason < TALLY_DROP_COUNT; reason++)
            drops += sample->drops[reason];
        sheet_put(sheet,
                  "%s\n    {\"at\": %.3f, \"up\": %u, \"links\": %u, \"receipts\": %" PRIu64
                  ", \"datagram_bytes\": %" PRIu64 ", \"stream_bytes\": %" PRIu64
                  ", \"drops\": %" PRIu64 ", \"held\": [",
                  i > 0 ? "," : "", seconds(sample->us), sample->up, sample->links,
                  sample->receipts, sample->datagram_bytes, sample->stream_bytes, drops);
        for (uint32_t row = 0; row < figures_rows(figures); row++)
            if (sample->held[row] == FIGURES_DOWN)
                sheet_put(sheet, "%snull", row > 0 ? ", " : "");
            else
                sheet_put(sheet, "%s%u", row > 0 ? ", " : "", sample->held[row]);
        sheet_put(sheet, "]}");
    }
    sheet_put(sheet, "]");
}

static void put_marks(const struct figures *figures, struct sheet *sheet)
{
    static const char *const kinds[] = {"user", "fault", "repair", "liar", "place"};
    sheet_put(sheet, ",\n  \"marks\": [");
    for (size_t i = 0; i < figures->mark_count; i++) {
        sheet_put(sheet, "%s\n    {\"at\": %.3f, \"kind\": \"%s\", \"line\": ", i > 0 ? "," : "",
                  seconds(figures->marks[i].us), kinds[figures->marks[i].kind]);
        sheet_json(sheet, figures->marks[i].text);
        sheet_put(sheet, "}");
    }
    sheet_put(sheet, "]");
}

void report_json(const struct report *report, struct sheet *sheet)
{
    const struct figures *figures = report->figures;
    sheet_put(sheet, "{\n");
    put_run(report, sheet);
    sheet_put(sheet, ",\n  \"coverage\": {\n");
    put_spread(sheet, "heard", &figures->heard);
    sheet_put(sheet, ",\n");
    put_spread(sheet, "held", &figures->held);
    sheet_put(sheet, ",\n    \"checkpoints\": %zu, \"left_out\": %" PRIu64 "}", figures->seal_count,
              figures->seals_left_out);
    put_heals(figures, sheet);
    put_forks(figures, sheet);
    sheet_put(sheet, ",\n  \"drops\": {");
    const char *comma = "";
    for (unsigned i = 1; i < TALLY_DROP_COUNT; i++)
        if (figures->drops[i] > 0) {
            sheet_put(sheet, "%s\"%s\": %" PRIu64, comma, tally_drop_name((enum tally_drop)i),
                      figures->drops[i]);
            comma = ", ";
        }
    sheet_put(sheet, "}");
    put_nodes(figures, sheet);
    put_marks(figures, sheet);
    put_series(figures, sheet);
    sheet_put(sheet, "\n}\n");
}
