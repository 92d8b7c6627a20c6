/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"
#include "report_plots.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char style[] =
    ":root{color-scheme:light dark;--page:#f6f6f3;--card:#fcfcfb;--ink:#0b0b0b;--soft:#52514e;"
    "--faint:#85847d;--grid:#e4e3de;--axis:#c3c2b7;--good:#006300;--goodbg:#e3f2e3;--bad:#a01f1f;"
    "--badbg:#fbe5e4;--s1:#2a78d6;--s2:#1baf7a;--s3:#eda100;--s4:#4a3aa7;--s5:#e34948;"
    "--s6:#85847d}\n"
    "@media(prefers-color-scheme:dark){:root{--page:#0d0d0d;--card:#1a1a19;--ink:#fff;"
    "--soft:#c3c2b7;--faint:#8f8e86;--grid:#2c2c2a;--axis:#383835;--good:#7fd67f;"
    "--goodbg:#12331a;--bad:#ff9a94;--badbg:#3d1513;--s1:#3987e5;--s2:#199e70;--s3:#c98500;"
    "--s4:#9085e9;--s5:#e66767;--s6:#8f8e86}}\n"
    "*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);"
    "font:15px/1.5 system-ui,sans-serif}main{max-width:1040px;margin:0 auto;padding:32px 20px}"
    "h1{font-size:26px;line-height:1.2;margin:0 0 10px;overflow-wrap:anywhere}"
    "h2{font-size:16px;margin:0}p{margin:2px 0 8px;color:var(--soft)}"
    ".verdict{display:inline-block;margin:0 0 8px;padding:6px 12px;border-radius:8px;"
    "font-weight:600;overflow-wrap:anywhere}.good{color:var(--good);background:var(--goodbg)}"
    ".bad{color:var(--bad);background:var(--badbg)}code,pre{font:13px/1.5 ui-monospace,monospace}"
    ".id{overflow-wrap:anywhere}\n"
    "dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:12px;"
    "margin:16px 0 20px}dl div,section{background:var(--card);border:1px solid var(--grid);"
    "border-radius:10px;padding:14px 16px}dt{color:var(--soft);font-size:13px}"
    "dd{margin:0;font-size:24px;font-weight:600;line-height:1.3}dd small{display:block;"
    "font-size:12px;font-weight:400;color:var(--faint)}section{margin:0 0 16px}\n"
    "svg{display:block;width:100%;height:auto}.t{fill:var(--faint);font-size:12px;"
    "font-variant-numeric:tabular-nums}.g{stroke:var(--grid);fill:none}.a{stroke:var(--axis);"
    "fill:none}.l{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round}"
    ".f{fill:var(--c);fill-opacity:.85}.h{fill:var(--s1)}.hd{fill:var(--axis);fill-opacity:.55}"
    ".s1{--c:var(--s1)}.s2{--c:var(--s2)}.s3{--c:var(--s3)}.s4{--c:var(--s4)}.s5{--c:var(--s5)}"
    ".s6{--c:var(--s6)}.m0{--c:var(--faint)}.m1{--c:var(--s5)}.m2{--c:var(--s2)}"
    ".m3{--c:var(--s4)}.m4{--c:var(--s3)}.m5{--c:color-mix(in srgb,var(--s5) "
    "22%,var(--card))}.band{fill:var(--s5);fill-opacity:.1}.ml{stroke:var(--c);stroke-dasharray:3 "
    "3;"
    "stroke-opacity:.75;fill:none}.mt{fill:var(--c)}\n"
    ".legend{font-size:13px;margin:0 0 4px}.legend span{margin-right:16px;white-space:nowrap}"
    ".legend i{display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:6px;"
    "background:var(--c)}pre{margin:8px 0 0;overflow-x:auto}pre b{font-weight:600;"
    "color:var(--bad)}.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;"
    "margin-top:8px;font-size:14px}th,td{text-align:right;padding:4px 10px;"
    "border-bottom:1px solid var(--grid);font-variant-numeric:tabular-nums;white-space:nowrap}"
    "th{color:var(--soft);font-weight:500}th:first-child,td:first-child{text-align:left;"
    "padding-left:0}td.text{white-space:normal;text-align:left;color:var(--soft)}\n";

static double seconds(uint64_t us)
{
    return (double)us / 1e6;
}

static void put_head(const struct report *report, struct sheet *sheet)
{
    const struct story_end *end = report->end;
    sheet_put(sheet, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta "
                     "name=\"viewport\" content=\"width=device-width\"><title>");
    sheet_html(sheet, report->name);
    sheet_put(sheet, "</title>\n<style>%s</style></head>\n<body><main><header><h1>", style);
    sheet_html(sheet, report->name);
    sheet_put(sheet, "</h1><p class=\"verdict %s\">%s ", end->good ? "good" : "bad",
              end->good ? "&#10003;" : "&#10007;");
    sheet_html(sheet, end->left   ? "left before its end; nothing was broken until then"
                      : end->good ? "All that must hold held, and all that was expected came."
                                  : end->message);
    sheet_put(sheet,
              "</p><p>%" PRIu32 " nodes for %.1f s of virtual time: %" PRIu64 " events, %" PRIu64
              " datagrams, %" PRIu64 " checks.</p><p class=\"id\">Seed %" PRIu64
              ", id <code>%s</code></p></header>\n",
              report->scenario->options.nodes, seconds(end->us), end->events, end->datagrams,
              end->checks, report->scenario->options.seed, end->id);
}

/* ---- The largest numbers. ---- */

static void put_tile(struct sheet *sheet, const char *what, const char *number, const char *more)
{
    sheet_put(sheet, "<div><dt>%s</dt><dd>%s<small>%s</small></dd></div>\n", what, number, more);
}

static void put_time_tiles(const struct figures *figures, struct sheet *sheet)
{
    char number[32], more[96];
    if (figures->held.count > 0) {
        snprintf(number, sizeof number, "%.2f s", figures->held.p50 / 1e3);
        snprintf(more, sizeof more, "half of all; 99 %% after %.2f s", figures->held.p99 / 1e3);
        put_tile(sheet, "Sealed to held", number, more);
    }
    uint64_t worst = 0, open = 0;
    for (size_t i = 0; i < figures->heal_count; i++) {
        const struct figure_heal *heal = &figures->heals[i];
        uint64_t us = heal->healed_us > heal->us ? heal->healed_us - heal->us : 0;
        worst = us > worst ? us : worst;
        open += heal->healed_us == 0;
    }
    if (figures->heal_count > 0) {
        snprintf(number, sizeof number, open < figures->heal_count ? "%.1f s" : "never",
                 seconds(worst));
        snprintf(more, sizeof more, "worst of %zu%s", figures->heal_count,
                 open > 0 ? ", not all complete" : "");
        put_tile(sheet, "Felt after a heal", number, more);
    }
    for (size_t i = 0; i < figures->fork_count && i < 2; i++) {
        const struct figure_fork *fork = &figures->forks[i];
        bool found = fork->first_us != 0;
        snprintf(number, sizeof number, found ? "%.1f s" : "never",
                 seconds(found ? fork->first_us - fork->lied_us : 0));
        snprintf(more, sizeof more, "known to %u nodes after %.1f s", fork->nodes,
                 seconds(found ? fork->last_us - fork->lied_us : 0));
        put_tile(sheet, "Fork proved", number, more);
    }
}

static void put_tiles(const struct report *report, struct sheet *sheet)
{
    const struct figures *figures = report->figures;
    char number[32], more[96], text[16];
    sheet_put(sheet, "<dl>\n");
    put_time_tiles(figures, sheet);
    uint64_t *sent = report_sent(figures), drops = 0;
    double time = report->end->us > 0 ? seconds(report->end->us) : 1;
    sheet_short((double)sent[(figures->node_count - 1) / 2] / time, text);
    snprintf(number, sizeof number, "%sB/s", text);
    sheet_short((double)sent[figures->node_count - 1] / time, text);
    snprintf(more, sizeof more, "median; the busiest sent %sB/s", text);
    put_tile(sheet, "Sent by a node", number, more);
    memory_free(sent);
    for (unsigned i = 1; i < TALLY_DROP_COUNT; i++)
        drops += figures->drops[i];
    sheet_short((double)drops, number);
    put_tile(sheet, "Drops", number, "at all nodes, for all reasons");
    sheet_short((double)report->end->acknowledged, number);
    snprintf(more, sizeof more, "acknowledged; %" PRIu64 " refused", report->end->refused);
    put_tile(sheet, "Receipts", number, more);
    sheet_put(sheet, "</dl>\n");
}

/* ---- The story and the tables. ---- */

static void put_story(const struct report *report, struct sheet *sheet)
{
    if (report->text[0] == '\0')
        return;
    sheet_put(sheet, "<section><h2>The story</h2><pre>");
    uint32_t number = 1;
    for (const char *line = report->text; *line != '\0'; number++) {
        size_t size = strcspn(line, "\n");
        char *copy = memory_new(size + 1, 1);
        memcpy(copy, line, size);
        bool broken = report->end->fault == STORY_EXPECTATION && report->end->number == number;
        sheet_put(sheet, "%s", broken ? "<b>" : "");
        sheet_html(sheet, copy);
        sheet_put(sheet, "%s\n", broken ? "   &larr; not so</b>" : "");
        memory_free(copy);
        line += size + (line[size] == '\n');
    }
    sheet_put(sheet, "</pre></section>\n");
}

static void put_spread(struct sheet *sheet, const char *what, const struct figure_spread *spread)
{
    sheet_put(sheet,
              "<tr><td>%s</td><td>%" PRIu64 "</td><td>%.2f s</td><td>%.2f s</td><td>%.2f "
              "s</td><td>%.2f s</td><td>%" PRIu64 "</td></tr>\n",
              what, spread->count, spread->p50 / 1e3, spread->p90 / 1e3, spread->p99 / 1e3,
              spread->most / 1e3, spread->missing);
}

static void put_times(const struct figures *figures, struct sheet *sheet)
{
    sheet_put(sheet, "<section><h2>Times</h2><div class=\"scroll\"><table><tr><th>since a "
                     "checkpoint was signed</th><th>nodes</th><th>half</th><th>90 %%</th><th>99 "
                     "%%</th><th>last</th><th>not in this run</th></tr>\n");
    put_spread(sheet, "heard of", &figures->heard);
    put_spread(sheet, "held", &figures->held);
    sheet_put(sheet, "</table></div>");
    for (size_t i = 0; i < figures->heal_count; i++) {
        const struct figure_heal *heal = &figures->heals[i];
        sheet_put(sheet, "<p>Healed at %.1f s: ", seconds(heal->us));
        if (heal->healed_us != 0)
            sheet_put(sheet, "all had all after %.1f s.</p>\n",
                      seconds(heal->healed_us - heal->us));
        else
            sheet_put(sheet, "not all had all when the story ended.</p>\n");
    }
    sheet_put(sheet, "</section>\n");
}

static void put_drops(const struct figures *figures, struct sheet *sheet)
{
    sheet_put(sheet, "<section><h2>Drops</h2><div class=\"scroll\"><table><tr><th>reason</th>"
                     "<th>count</th><th></th></tr>\n");
    for (unsigned i = 1; i < TALLY_DROP_COUNT; i++)
        if (figures->drops[i] > 0)
            sheet_put(sheet, "<tr><td>%s</td><td>%" PRIu64 "</td><td class=\"text\">%s</td></tr>\n",
                      tally_drop_name((enum tally_drop)i), figures->drops[i],
                      tally_drop_text((enum tally_drop)i));
    sheet_put(sheet, "</table></div></section>\n");
}

static void put_nodes(const struct figures *figures, struct sheet *sheet)
{
    enum { SHOWN = 200 };
    sheet_put(sheet,
              "<section><h2>Nodes</h2><div class=\"scroll\"><table><tr><th>node</th><th>datagrams"
              "</th><th>in datagrams</th><th>in streams</th><th>by multicast</th><th>logs brought "
              "up to date</th><th>transfers confirmed</th><th>drops</th></tr>\n");
    for (uint32_t slot = 0; slot < figures->slot_count && slot < SHOWN; slot++) {
        const struct figure_node *node = &figures->nodes[slot];
        char datagram[16], stream[16], multicast[16];
        sheet_short((double)node->datagram_bytes, datagram);
        sheet_short((double)node->stream_bytes, stream);
        sheet_short((double)node->multicast_bytes, multicast);
        sheet_put(sheet,
                  "<tr><td>n%u%s</td><td>%" PRIu64
                  "</td><td>%sB</td><td>%sB</td><td>%sB</td><td>%" PRIu64 "</td><td>%" PRIu64
                  "</td><td>%" PRIu64 "</td></tr>\n",
                  node->shown + 1, slot >= figures->node_count ? "&#8242;" : "", node->datagrams,
                  datagram, stream, multicast, node->syncs, node->confirms, node->drops);
    }
    sheet_put(sheet, "</table></div>");
    if (figures->slot_count > SHOWN)
        sheet_put(sheet, "<p>The first %d of %u; --json has all.</p>", SHOWN, figures->slot_count);
    sheet_put(sheet, "</section>\n");
}

void report_html(const struct report *report, struct sheet *sheet)
{
    put_head(report, sheet);
    put_tiles(report, sheet);
    report_plot_held(report, sheet);
    report_plot_links(report, sheet);
    report_plot_bytes(report, sheet);
    report_plot_drops(report, sheet);
    report_plot_coverage(report, sheet);
    put_story(report, sheet);
    put_times(report->figures, sheet);
    put_drops(report->figures, sheet);
    put_nodes(report->figures, sheet);
    sheet_put(sheet, "</main></body></html>\n");
}
