/* SPDX-License-Identifier: Apache-2.0 */
#include "report_plots.h"
#include "memory.h"
#include "plot.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { BINS = 120, SERIES = 6, CURVE = 160 };

static double seconds(uint64_t us)
{
    return (double)us / 1e6;
}

static double length(const struct report *report)
{
    return report->end->us > 0 ? seconds(report->end->us) : 1;
}

static void begin(struct sheet *sheet, const char *title, const char *text)
{
    sheet_put(sheet, "<section class=\"plot\"><h2>%s</h2><p>%s</p>\n", title, text);
}

static void legend(struct sheet *sheet, const char *const *names, size_t count)
{
    sheet_put(sheet, "<p class=\"legend\">");
    for (size_t i = 0; i < count; i++)
        sheet_put(sheet, "<span><i class=\"s%zu\"></i>%s</span>", i + 1, names[i]);
    sheet_put(sheet, "</p>\n");
}

static void marks(const struct plot *plot, const struct figures *figures)
{
    char text[160];
    for (size_t i = 0; i < figures->mark_count; i++) {
        const struct figure_mark *mark = &figures->marks[i];
        snprintf(text, sizeof text, "%.1f s: %s", seconds(mark->us), mark->text);
        plot_mark(plot, seconds(mark->us), mark->kind,
                  mark->kind != MARK_USER && mark->kind != MARK_PLACE, text);
    }
}

/* From the line that divides them to the one that heals: the last one is the story's end. */
static void bands(const struct plot *plot, const struct figures *figures)
{
    const struct figure_mark *open = NULL;
    for (size_t i = 0; i < figures->mark_count; i++) {
        const struct figure_mark *mark = &figures->marks[i];
        if (open == NULL && mark->divides)
            open = mark;
        if (open != NULL && mark->heals) {
            plot_band(plot, seconds(open->us), seconds(mark->us), "divided");
            open = NULL;
        }
    }
    if (open != NULL)
        plot_band(plot, seconds(open->us), plot->x_most, "divided");
}

/* ---- Who holds how much. ---- */

static void held_row(const struct plot *plot, const struct figures *figures, uint32_t row,
                     double height)
{
    double top = PLOT_TOP + row * height;
    for (size_t i = 0, next; i + 1 < figures->sample_count; i = next) {
        /* In steps of 5 percent; what is the same is one piece. */
        unsigned value = figures->samples[i].held[row];
        unsigned step = value == FIGURES_DOWN || value == 100 ? value : value / 5 * 5;
        for (next = i + 1; next + 1 < figures->sample_count; next++) {
            unsigned after = figures->samples[next].held[row];
            if (step != (after == FIGURES_DOWN || after == 100 ? after : after / 5 * 5))
                break;
        }
        double from = plot_x(plot, seconds(figures->samples[i].us));
        double to = plot_x(plot, seconds(figures->samples[next].us));
        sheet_put(plot->sheet, "<path class=\"%s\" ", step == FIGURES_DOWN ? "hd" : "h");
        if (step != FIGURES_DOWN)
            sheet_put(plot->sheet, "fill-opacity=\"%.2f\" ", .08 + .92 * step / 100);
        sheet_put(plot->sheet, "d=\"M%.1f %.1fH%.1fv%.1fH%.1fz\"/>", from, top, to,
                  height - (height > 8 ? 2 : .5), from);
    }
    sheet_put(plot->sheet, "\n");
}

void report_plot_held(const struct report *report, struct sheet *sheet)
{
    const struct figures *figures = report->figures;
    uint32_t rows = figures_rows(figures);
    double height = rows <= 16 ? 20 : 320.0 / rows;
    const struct plot plot = {.sheet = sheet,
                              .height = height * rows,
                              .x_most = length(report),
                              .y_most = 1,
                              .x_unit = " s",
                              .y_unit = "",
                              .no_y_axis = true};
    begin(sheet, "Who holds how much",
          "Each row is a node, or several neighbours; the fuller the colour, the more of all "
          "receipts it holds. Grey: not running.");
    sheet_put(sheet, "<p class=\"legend\"><span class=\"m1\"><i></i>fault</span><span "
                     "class=\"m2\"><i></i>repair</span><span class=\"m3\"><i></i>liar</span><span "
                     "class=\"m0\"><i></i>users</span><span class=\"m4\"><i></i>place</span><span "
                     "class=\"m5\"><i></i>divided</span></p>");
    plot_begin(&plot, "Share of all receipts that each node holds, over time");
    for (uint32_t row = 0; row < rows; row++) {
        held_row(&plot, figures, row, height);
        if (rows <= 24 || row % 4 == 0)
            sheet_put(sheet,
                      "<text class=\"t\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">n%u</text>\n",
                      PLOT_LEFT - 8, PLOT_TOP + (row + .5) * height + 3,
                      figures_row_first(figures, row) + 1);
    }
    bands(&plot, figures);
    marks(&plot, figures);
    plot_end(&plot);
    sheet_put(sheet, "</section>\n");
}

/* ---- Over time. ---- */

void report_plot_links(const struct report *report, struct sheet *sheet)
{
    const struct figures *figures = report->figures;
    size_t count = figures->sample_count;
    double *x = memory_new(count, sizeof *x), *links = memory_new(count, sizeof *links),
           *up = memory_new(count, sizeof *up), most = 1;
    for (size_t i = 0; i < count; i++) {
        const struct figure_sample *sample = &figures->samples[i];
        x[i] = seconds(sample->us);
        links[i] = sample->up > 0 ? (double)sample->links / sample->up : 0;
        up[i] = sample->up;
        most = links[i] > most ? links[i] : most;
        most = up[i] > most && figures->node_count <= 64 ? up[i] : most;
    }
    const struct plot plot = {sheet, 110, length(report), plot_round(most), " s", "", false};
    static const char *const names[] = {"links of a node, on average", "nodes that run"};
    begin(sheet, "Links", "How well nodes are connected.");
    legend(sheet, names, figures->node_count <= 64 ? 2 : 1);
    plot_begin(&plot, "Links of a node and nodes that run, over time");
    bands(&plot, figures);
    plot_line(&plot, "s1", x, links, count);
    if (figures->node_count <= 64)
        plot_line(&plot, "s2", x, up, count);
    marks(&plot, figures);
    plot_end(&plot);
    sheet_put(sheet, "</section>\n");
    memory_free(x);
    memory_free(links);
    memory_free(up);
}

/* Amounts that were counted on and on, as rates, one on top of the other. */
struct stack {
    size_t bins, series;
    double x[BINS + 2], y[SERIES + 1][BINS + 2], most;
};

static void stack_plot(const struct report *report, struct sheet *sheet, struct stack *stack,
                       const char *unit, const char *label)
{
    const struct plot plot = {sheet, 130,  length(report), plot_round(stack->most),
                              " s",  unit, false};
    plot_begin(&plot, label);
    bands(&plot, report->figures);
    for (size_t i = stack->series; i-- > 0;) {
        char kind[4];
        snprintf(kind, sizeof kind, "s%u", (unsigned)(i + 1) % 10);
        plot_area(&plot, kind, stack->x, stack->y[i], stack->y[i + 1], stack->bins);
    }
    marks(&plot, report->figures);
    plot_end(&plot);
    sheet_put(sheet, "</section>\n");
}

static void stack_fill(const struct figures *figures, struct stack *stack,
                       uint64_t (*amount)(const struct figure_sample *sample, size_t series,
                                          const void *context),
                       const void *context)
{
    size_t stride = (figures->sample_count + BINS - 1) / BINS;
    for (size_t i = stride; i < figures->sample_count && stack->bins < BINS + 2; i += stride) {
        const struct figure_sample *now = &figures->samples[i], *then = now - stride;
        double time = seconds(now->us - then->us), sum = 0;
        stack->x[stack->bins] = (seconds(now->us) + seconds(then->us)) / 2;
        stack->y[0][stack->bins] = 0;
        for (size_t series = 0; series < stack->series; series++) {
            uint64_t more = amount(now, series, context) - amount(then, series, context);
            sum += time > 0 ? (double)more / time : 0;
            stack->y[series + 1][stack->bins] = sum;
        }
        stack->most = sum > stack->most ? sum : stack->most;
        stack->bins++;
    }
}

static uint64_t bytes_of_series(const struct figure_sample *sample, size_t series,
                                const void *context)
{
    (void)context;
    return series == 0   ? sample->datagram_bytes
           : series == 1 ? sample->stream_bytes
                         : sample->multicast_bytes;
}

void report_plot_bytes(const struct report *report, struct sheet *sheet)
{
    static const char *const names[] = {"datagrams", "streams", "multicast"};
    struct stack stack = {.series = 3, .most = 1};
    stack_fill(report->figures, &stack, bytes_of_series, NULL);
    begin(sheet, "Bytes a second", "What all nodes send together, with IP and UDP or TCP headers.");
    legend(sheet, names, 3);
    stack_plot(report, sheet, &stack, "B/s", "Bytes a second that all nodes send, over time");
}

/* The most frequent reasons; the last series is all others. */
struct reasons {
    unsigned reason[SERIES - 1];
    size_t count;
};

static uint64_t drops_of_series(const struct figure_sample *sample, size_t series,
                                const void *context)
{
    const struct reasons *reasons = context;
    if (series < reasons->count)
        return sample->drops[reasons->reason[series]];
    uint64_t rest = 0;
    for (unsigned i = 1; i < TALLY_DROP_COUNT; i++)
        rest += sample->drops[i];
    for (size_t i = 0; i < reasons->count; i++)
        rest -= sample->drops[reasons->reason[i]];
    return rest;
}

void report_plot_drops(const struct report *report, struct sheet *sheet)
{
    const struct figures *figures = report->figures;
    struct reasons reasons = {.count = 0};
    const char *names[SERIES];
    bool taken[TALLY_DROP_COUNT] = {false};
    uint64_t all = 0, shown = 0;
    for (unsigned i = 1; i < TALLY_DROP_COUNT; i++)
        all += figures->drops[i];
    while (reasons.count < SERIES - 1) {
        unsigned best = 0;
        for (unsigned i = 1; i < TALLY_DROP_COUNT; i++)
            if (!taken[i] && figures->drops[i] > (best == 0 ? 0 : figures->drops[best]))
                best = i;
        if (best == 0)
            break;
        taken[best] = true;
        shown += figures->drops[best];
        names[reasons.count] = tally_drop_name((enum tally_drop)best);
        reasons.reason[reasons.count++] = best;
    }
    begin(sheet, "Drops by reason", "What nodes did not take, a second, over all nodes.");
    if (all == 0) {
        sheet_put(sheet, "<p>Nothing was dropped.</p></section>\n");
        return;
    }
    struct stack stack = {.series = reasons.count + (shown < all), .most = 0.1};
    names[reasons.count < SERIES ? reasons.count : 0] = shown < all ? "others" : names[0];
    legend(sheet, names, stack.series);
    stack_fill(figures, &stack, drops_of_series, &reasons);
    stack_plot(report, sheet, &stack, "/s", "Drops a second by reason, over time");
}

/* ---- How soon it is everywhere. ---- */

static void curve(const struct plot *plot, const struct figures *figures, bool held,
                  uint64_t most_ms, const char *kind)
{
    double x[CURVE + 1], y[CURVE + 1] = {0};
    uint64_t total = 0;
    for (size_t i = 0; i < figures->seal_count; i++)
        for (uint32_t slot = 0; slot < figures->node_count; slot++) {
            const struct figure_seal *seal = &figures->seals[i];
            uint32_t ms = held ? seal->held[slot] : seal->heard[slot];
            total += ms != UINT32_MAX;
            if (ms != 0 && ms != UINT32_MAX)
                y[(uint64_t)(ms - 1) * CURVE / most_ms]++;
        }
    for (size_t i = 0; i <= CURVE; i++) {
        x[i] = (double)i * (double)most_ms / CURVE / 1e3;
        y[i] += i > 0 ? y[i - 1] : 0;
    }
    for (size_t i = 0; i <= CURVE && total > 0; i++)
        y[i] *= 100 / (double)total;
    plot_line(plot, kind, x, y, CURVE + 1);
}

void report_plot_coverage(const struct report *report, struct sheet *sheet)
{
    const struct figures *figures = report->figures;
    static const char *const names[] = {"heard of", "held, verified and durable"};
    uint64_t most_ms =
        figures->held.most > figures->heard.most ? figures->held.most : figures->heard.most;
    if (figures->seal_count == 0 || figures->held.count == 0)
        return;
    most_ms = most_ms > 0 ? most_ms : 1;
    const struct plot plot = {sheet, 130, (double)most_ms / 1e3, 100, " s", "%", false};
    begin(sheet, "How soon it is everywhere",
          "Share of nodes that had heard of a checkpoint, and that held all below it, so long "
          "after it was signed; over all checkpoints of honest nodes.");
    legend(sheet, names, 2);
    plot_begin(&plot, "Share of nodes reached, over the time since a checkpoint was signed");
    curve(&plot, figures, false, most_ms, "s1");
    curve(&plot, figures, true, most_ms, "s2");
    plot_end(&plot);
    sheet_put(sheet, "</section>\n");
}
