/* SPDX-License-Identifier: Apache-2.0 */
/* A run in the terminal: nodes, islands, what happens. */
#include "command.h"
#include "expect.h"
#include "memory.h"
#include "screen.h"
#include "sheet.h"
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    FRAME_MS = 100,
    TOLD = 64, /* The last things that happened. */
    TOLD_SIZE = 120,
    CELL = 39,            /* Columns of a node. */
    BAR = 10,             /* Of them, those of its bar. */
    REST = 10,            /* Rows that are not of nodes: heads, the last things, keys. */
    STATUS_US = 10000000, /* Without a terminal, between two lines of state. */
};

struct watching {
    const char *name;
    const struct world *world;
    struct screen screen;
    bool terminal, held, left;
    double speed, next; /* When the next frame is due. */
    struct {
        char text[TOLD_SIZE];
        bool loud;
    } told[TOLD];
    size_t told_count;
    uint64_t receipts, most, drops, forks;
    struct sheet sheet;
};

/* ---- What happens. ---- */

static void tell(struct watching *watching, bool loud, const char *form, ...)
    __attribute__((format(printf, 3, 4)));

static void tell(struct watching *watching, bool loud, const char *form, ...)
{
    char text[TOLD_SIZE];
    va_list arguments;
    va_start(arguments, form);
    vsnprintf(text, sizeof text, form, arguments);
    va_end(arguments);
    double seconds = (double)watching->world->now_us / 1e6;
    if (!watching->terminal) {
        printf("%9.3f  %s\n", seconds, text);
        return;
    }
    size_t at = watching->told_count++ % TOLD;
    watching->told[at].loud = loud;
    snprintf(watching->told[at].text, TOLD_SIZE, "%9.3f  %.100s", seconds, text);
}

static void on_trace(void *context, uint32_t slot, const struct tally_trace *trace)
{
    struct watching *watching = context;
    uint32_t peer;
    char who[24] = "";
    watching->drops += trace->drop != TALLY_DROP_NONE;
    watching->forks += trace->kind == TALLY_TRACE_FORKED;
    if (tally_trace_level(trace->kind) > TALLY_LEVEL_INFO)
        return;
    if (trace->peer != NULL && world_find(watching->world, trace->peer, &peer))
        snprintf(who, sizeof who, " n%" PRIu32, peer + 1);
    char amount[48] = "";
    if (tally_trace_a(trace->kind)[0] != '\0')
        snprintf(amount, sizeof amount, " %s %" PRIu64, tally_trace_a(trace->kind), trace->a);
    tell(watching, tally_trace_level(trace->kind) < TALLY_LEVEL_INFO, "n%" PRIu32 " %s%s%s",
         watching->world->slots[slot].shown + 1, tally_trace_word(trace->kind), who, amount);
}

static void on_act(void *context, const struct line *line)
{
    if (line->timed)
        tell(context, true, "-- %s", line->text);
}

/* ---- The picture. ---- */

static const char *colour(const struct watching *watching, const char *code)
{
    return watching->screen.colours ? code : "";
}

static uint64_t held_at(const struct world *world, uint32_t slot, bool own)
{
    const struct disk *disk = &world->slots[slot].disk;
    uint64_t count = 0;
    for (size_t i = 0; i < disk->log_count; i++)
        if ((disk->logs[i]->own || !own) && strcmp(disk->logs[i]->name_space, "federation") != 0)
            count += simtree_size(&disk->logs[i]->tree);
    return count;
}

/* A line ends with what is left of the one that stood there before. */
static void end_line(struct watching *watching)
{
    sheet_put(&watching->sheet, "%s\033[K\r\n", colour(watching, "\033[0m"));
}

static void put_bar(struct watching *watching, uint64_t held)
{
    uint64_t most = watching->receipts > 0 ? watching->receipts : 1;
    unsigned full = (unsigned)((held < most ? held : most) * BAR / most);
    bool utf8 = watching->screen.utf8;
    sheet_put(&watching->sheet, "%s", colour(watching, full == BAR ? "\033[32m" : "\033[34m"));
    for (unsigned i = 0; i < BAR; i++)
        sheet_put(&watching->sheet, "%s", i < full ? (utf8 ? "█" : "#") : (utf8 ? "░" : "."));
    sheet_put(&watching->sheet, "%s", colour(watching, "\033[0m"));
}

/* «n12 ██████░░░░   120  links 5 isle 2 liar», CELL columns. */
static void put_node(struct watching *watching, uint32_t slot)
{
    const struct world *world = watching->world;
    const struct slot *at = &world->slots[slot];
    char name[16], state[32] = "";
    snprintf(name, sizeof name, "n%" PRIu32, slot + 1);
    sheet_put(&watching->sheet, "%-5s", name);
    put_bar(watching, held_at(world, slot, false));
    const char *code = "";
    if (at->node == NULL) {
        snprintf(state, sizeof state, "down");
        code = "\033[31m";
    } else {
        struct tally_node_status status;
        tally_node_status(at->node, &status);
        int size = snprintf(state, sizeof state, "links %u", status.links);
        const char *word = "";
        if (at->suspended_us > world->now_us)
            word = "asleep", code = "\033[33m";
        if (!status.writable)
            word = "full", code = "\033[33m";
        if (at->lie != LIE_NONE)
            word = "liar", code = "\033[35m";
        if (world->network.islands != NULL)
            size += snprintf(state + size, sizeof state - (size_t)size, " on %" PRIu32,
                             world->network.islands[slot]);
        snprintf(state + size, sizeof state - (size_t)size, " %s", word);
    }
    sheet_put(&watching->sheet, "%6" PRIu64 " %s%-*.*s%s", held_at(world, slot, false),
              colour(watching, code), CELL - 23, CELL - 23, state, colour(watching, "\033[0m"));
}

static void put_head(struct watching *watching, const char *verdict)
{
    const struct world *world = watching->world;
    const struct network *network = &world->network;
    sheet_put(&watching->sheet, "\033[H%s%.40s%s  %.1f s  ", colour(watching, "\033[1m"),
              watching->name, colour(watching, "\033[0m"), (double)world->now_us / 1e6);
    if (verdict != NULL)
        sheet_put(&watching->sheet, "the end");
    else if (watching->held)
        sheet_put(&watching->sheet, "held");
    else
        sheet_put(&watching->sheet, "%g x", watching->speed);
    end_line(watching);
    sheet_put(&watching->sheet,
              "%" PRIu64 " receipts, %" PRIu64 " datagrams, %" PRIu64 " dropped, %" PRIu64
              " forks proved%s",
              watching->receipts, network->sent, watching->drops, watching->forks,
              network->islands != NULL                            ? "; divided"
              : network->cut_count > 0 || network->flap_count > 0 ? "; cut"
                                                                  : "");
    end_line(watching);
    end_line(watching);
}

static void put_nodes(struct watching *watching, unsigned rows)
{
    uint32_t nodes = watching->world->options.nodes;
    unsigned columns = watching->screen.columns / (CELL + 1);
    columns = columns > 0 ? columns : 1;
    unsigned used = (nodes + columns - 1) / columns;
    used = used < rows ? used : rows;
    for (unsigned row = 0; row < used; row++) {
        for (unsigned column = 0; column < columns; column++) {
            uint32_t slot = column * used + row;
            if (slot < nodes)
                put_node(watching, slot);
        }
        end_line(watching);
    }
    if (nodes > used * columns) {
        sheet_put(&watching->sheet, "and %" PRIu32 " more", nodes - used * columns);
        end_line(watching);
    }
    end_line(watching);
}

static unsigned rows_of_nodes(const struct watching *watching)
{
    return watching->screen.rows > REST + 2 ? watching->screen.rows - REST : 2;
}

static unsigned used_rows(const struct watching *watching)
{
    unsigned columns = watching->screen.columns / (CELL + 1), rows = rows_of_nodes(watching);
    columns = columns > 0 ? columns : 1;
    uint32_t nodes = watching->world->options.nodes;
    unsigned used = (nodes + columns - 1) / columns;
    return used <= rows ? used + 4 : rows + 5;
}

static void put_told(struct watching *watching)
{
    unsigned before = used_rows(watching) + 1, rows = watching->screen.rows;
    size_t room = rows > before ? rows - before : 0;
    size_t first = watching->told_count > room ? watching->told_count - room : 0;
    if (watching->told_count - first > TOLD)
        first = watching->told_count - TOLD;
    for (size_t i = first; i < first + room; i++) {
        if (i < watching->told_count)
            sheet_put(&watching->sheet, "%s%.*s",
                      colour(watching, watching->told[i % TOLD].loud ? "\033[1m" : "\033[2m"),
                      (int)watching->screen.columns - 1, watching->told[i % TOLD].text);
        end_line(watching);
    }
}

static void draw(struct watching *watching, const char *verdict)
{
    const struct world *world = watching->world;
    watching->sheet.size = 0;
    watching->receipts = 0;
    for (uint32_t slot = 0; slot < world->options.nodes; slot++)
        watching->receipts += held_at(world, slot, true);
    put_head(watching, verdict);
    put_nodes(watching, rows_of_nodes(watching));
    put_told(watching);
    sheet_put(&watching->sheet, "%s%.*s%s\033[K\033[J", colour(watching, "\033[7m"),
              (int)watching->screen.columns - 1,
              verdict != NULL ? verdict : "q leave   space hold or go on   + faster   - slower",
              colour(watching, "\033[0m"));
    fwrite(watching->sheet.text, 1, watching->sheet.size, stdout);
    fflush(stdout);
}

/* ---- Time. ---- */

static void on_key(struct watching *watching, int key)
{
    if (key == 'q' || key == 'Q')
        watching->left = true;
    else if (key == ' ')
        watching->held = !watching->held;
    else if ((key == '+' || key == '=') && watching->speed < 10000)
        watching->speed *= 2;
    else if (key == '-' && watching->speed > 0.02)
        watching->speed /= 2;
}

static uint64_t on_pulse(void *context)
{
    struct watching *watching = context;
    const struct world *world = watching->world;
    if (!watching->terminal) {
        if (world->now_us > 0)
            tell(watching, false, "%" PRIu64 " datagrams, %" PRIu64 " dropped", world->network.sent,
                 watching->drops);
        return world->now_us + STATUS_US;
    }
    draw(watching, NULL);
    do {
        double wait = watching->next - command_seconds();
        int key = screen_key(&watching->screen, wait > 0 ? (int)(wait * 1000) : 0);
        on_key(watching, key);
        if (key != 0)
            draw(watching, NULL);
        if (watching->held)
            watching->next = command_seconds() + FRAME_MS / 1e3;
    } while (!watching->left && (watching->held || command_seconds() < watching->next));
    watching->next = command_seconds() + FRAME_MS / 1e3;
    return watching->left ? 0 : world->now_us + (uint64_t)(watching->speed * FRAME_MS * 1000) + 1;
}

static void on_begin(void *context, struct world *world)
{
    struct watching *watching = context;
    watching->world = world;
    world->ear = (struct world_ear){watching, on_trace, NULL};
}

/* The last picture stands until a key is pressed. */
static void stand(struct watching *watching, const struct story_end *end)
{
    char verdict[600];
    snprintf(verdict, sizeof verdict, "%s   (q leaves)", end->good ? "all is well" : end->message);
    while (!watching->left) {
        draw(watching, verdict);
        on_key(watching, screen_key(&watching->screen, 1000));
    }
}

int command_watch(const struct arguments *arguments)
{
    struct scenario scenario;
    struct story_end end;
    const char *name;
    char *text;
    if (!command_story(arguments, &scenario, &text, &name))
        return EXIT_USAGE;
    struct watching *watching = memory_new(1, sizeof *watching);
    watching->name = name;
    watching->speed = arguments->speed;
    watching->terminal = screen_there();
    const struct story_observer observer = {
        .context = watching, .begin = on_begin, .act = on_act, .pulse = on_pulse};
    if (watching->terminal)
        screen_open(&watching->screen);
    struct story *story =
        story_new(&scenario, watching->name, &(struct story_options){.observer = &observer});
    story_play(story, UINT64_MAX);
    story_finish(story, &end);
    if (watching->terminal) {
        stand(watching, &end);
        screen_close();
    }
    fprintf(stderr, "%s: %s\n", watching->name,
            end.left   ? "left before its end"
            : end.good ? "all is well"
                       : end.message);
    story_free(story);
    sheet_free(&watching->sheet);
    memory_free(watching);
    memory_free(text);
    scenario_free(&scenario);
    if (screen_signal() != 0) {
        signal(screen_signal(), SIG_DFL);
        raise(screen_signal());
    }
    return end.good ? EXIT_FINE : EXIT_BROKEN;
}
