/* SPDX-License-Identifier: Apache-2.0 */
#include "swarm.h"
#include "core/base/random.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    NODES_LEAST = 3,
    NODES_MOST = 7,
    HOMES_MOST = 8,
    PUBLIC = 2,        /* Of a world with homes the first nodes are in the wide network. */
    SAFETY_S = 40,     /* Faults happen until then, */
    LIVENESS_S = 240,  /* and so long after them all must be well. */
    CLOCK_MOST_S = 200 /* A clock that is wrong by more is told so, not followed. */
};

struct drawing {
    struct random chance;
    char *text;
    size_t size;
    uint32_t nodes, liar; /* liar 0: none. */
    uint32_t down;        /* Bit per node that is not running, */
    uint32_t sick;        /* and whose disk has faults. */
    int32_t offset;       /* Of n1's clock, in seconds. */
    bool fork;            /* The liar has two faces. */
    bool homes;           /* Some are behind boxes. */
};

static void line(struct drawing *drawing, const char *form, ...)
    __attribute__((format(printf, 2, 3)));

static void line(struct drawing *drawing, const char *form, ...)
{
    va_list arguments;
    va_start(arguments, form);
    int more =
        vsnprintf(drawing->text + drawing->size, SWARM_TEXT_MAX - drawing->size, form, arguments);
    va_end(arguments);
    if (more > 0 && drawing->size + (size_t)more < SWARM_TEXT_MAX)
        drawing->size += (size_t)more;
}

static uint32_t draw(struct drawing *drawing, uint32_t least, uint32_t most)
{
    return least + random_below(&drawing->chance, most - least + 1);
}

/* An honest node. */
static uint32_t somebody(struct drawing *drawing)
{
    uint32_t node = draw(drawing, 1, drawing->nodes);
    return node == drawing->liar ? node % drawing->nodes + 1 : node;
}

/* ---- Faults. ---- */

static void draw_append(struct drawing *drawing, uint32_t second, uint32_t node)
{
    if (draw(drawing, 0, 2) > 0)
        line(drawing, "at %" PRIu32 " append n%" PRIu32 " %" PRIu32 "\n", second, node,
             draw(drawing, 1, 60));
    else
        line(drawing, "at %" PRIu32 " append n%" PRIu32 " %" PRIu32 " in ledger size 0..6000\n",
             second, node, draw(drawing, 1, 8));
}

static void draw_division(struct drawing *drawing, uint32_t second, uint32_t node)
{
    uint32_t other = draw(drawing, 1, drawing->nodes), open;
    switch (draw(drawing, 0, 4)) {
    case 0:
        line(drawing, "at %" PRIu32 " heal\n", second);
        break;
    case 1:
        line(drawing, "at %" PRIu32 " cut n%" PRIu32 " from n%" PRIu32 "\n", second, node, other);
        break;
    case 2:
        open = draw(drawing, 1, 8);
        line(drawing, "at %" PRIu32 " flap n%" PRIu32 " n%" PRIu32 " %" PRIu32 " %" PRIu32 "\n",
             second, node, other, open, draw(drawing, 1, 8));
        break;
    default:
        line(drawing, "at %" PRIu32 " partition", second);
        for (uint32_t i = 0; i < drawing->nodes; i++)
            line(drawing, " %" PRIu32, draw(drawing, 1, 2));
        line(drawing, "\n");
        break;
    }
}

/* Nodes come and go: as power does, as operators do. */
static void draw_life(struct drawing *drawing, uint32_t second, uint32_t node)
{
    uint32_t bit = UINT32_C(1) << node;
    switch (draw(drawing, 0, 4)) {
    case 0:
    case 1:
        line(drawing, "at %" PRIu32 ".%03" PRIu32 " crash n%" PRIu32 "\n", second,
             draw(drawing, 0, 999), node);
        drawing->down |= bit;
        break;
    case 2:
        line(drawing, "at %" PRIu32 " leave n%" PRIu32 "\n", second, node);
        drawing->down |= bit;
        break;
    case 3:
        line(drawing, "at %" PRIu32 " suspend n%" PRIu32 " %" PRIu32 "\n", second, node,
             draw(drawing, 1, 15));
        break;
    default:
        line(drawing, "at %" PRIu32 " restart n%" PRIu32 "\n", second, node);
        drawing->down &= ~bit;
        break;
    }
}

static void draw_disk(struct drawing *drawing, uint32_t second, uint32_t node)
{
    uint32_t bit = UINT32_C(1) << node;
    drawing->sick |= bit;
    switch (draw(drawing, 0, 3)) {
    case 0:
        line(drawing, "at %" PRIu32 " disk n%" PRIu32 " slow %" PRIu32 "\n", second, node,
             draw(drawing, 1, 20));
        break;
    case 1:
        line(drawing, "at %" PRIu32 " disk n%" PRIu32 " full %" PRIu32 "\n", second, node,
             draw(drawing, 1, 20000));
        break;
    case 2:
        line(drawing, "at %" PRIu32 " disk n%" PRIu32 " failed %" PRIu32 "\n", second, node,
             draw(drawing, 1, 10));
        drawing->down |= bit; /* It may be. */
        break;
    default:
        line(drawing, "at %" PRIu32 " disk n%" PRIu32 " torn 100 sync 300..30000\n", second, node);
        break;
    }
}

static void draw_clock(struct drawing *drawing, uint32_t second)
{
    int32_t step = (int32_t)draw(drawing, 0, 200) - 100;
    if (drawing->offset + step > CLOCK_MOST_S || drawing->offset + step < -CLOCK_MOST_S)
        return;
    drawing->offset += step;
    line(drawing, "at %" PRIu32 " step n1 %" PRId32 "\n", second, step);
}

/* What happens to homes. */
static void draw_place(struct drawing *drawing, uint32_t second)
{
    uint32_t node = draw(drawing, PUBLIC + 1, drawing->nodes);
    /* The first one stays at home: there is always a box. */
    if (node > PUBLIC + 1 && draw(drawing, 0, 2) == 0)
        line(drawing, "at %" PRIu32 " move n%" PRIu32 " to n%" PRIu32 "\n", second, node,
             draw(drawing, 1, node - 1));
    else if (draw(drawing, 0, 1) == 0)
        line(drawing, "at %" PRIu32 " gateway n%d restart%s\n", second, PUBLIC + 1,
             draw(drawing, 0, 1) == 0 ? " silent" : "");
    else
        line(drawing, "at %" PRIu32 " gateway n%d renumber\n", second, PUBLIC + 1);
}

static void draw_fault(struct drawing *drawing, uint32_t second)
{
    uint32_t node = somebody(drawing);
    switch (draw(drawing, 0, 9)) {
    case 0:
    case 1:
    case 2:
        draw_append(drawing, second, node);
        break;
    case 3:
    case 4:
        draw_division(drawing, second, node);
        break;
    case 5:
    case 6:
        draw_life(drawing, second, node);
        break;
    case 7:
        draw_disk(drawing, second, node);
        break;
    case 8:
        draw_clock(drawing, second);
        break;
    default:
        if (drawing->homes)
            draw_place(drawing, second);
        break;
    }
}

/* ---- The world before. ---- */

/* Two nodes in the wide network; homes of one or two others, which dial out. */
static void draw_homes(struct drawing *drawing)
{
    static const char *const types[] = {"full", "address", "port", "symmetric"};
    static const char *const gateways[] = {"none", "natpmp", "pcp"};
    for (uint32_t node = PUBLIC + 1; node <= drawing->nodes;) {
        uint32_t last = node + draw(drawing, 0, 1);
        last = last < drawing->nodes ? last : drawing->nodes;
        line(drawing, "nat n%" PRIu32, node);
        if (last > node)
            line(drawing, "..n%" PRIu32, last);
        line(drawing, " %s", types[draw(drawing, 0, 3)]);
        line(drawing, " timeout %" PRIu32, draw(drawing, 30, 300));
        line(drawing, " gateway %s", gateways[draw(drawing, 0, 2)]);
        line(drawing, draw(drawing, 0, 3) == 0 ? " hairpin\n" : "\n");
        node = last + 1;
    }
}

static void draw_liar(struct drawing *drawing)
{
    static const char *const lies[] = {"ahead",  "root",    "fork",  "gap",    "silent", "forged",
                                       "rewind", "rewrite", "flood", "replay", "spoof",  "garbled"};
    uint32_t lie = draw(drawing, 0, sizeof lies / sizeof *lies - 1);
    /* Of homes the first two are what holds the others together. */
    drawing->liar = draw(drawing, drawing->homes ? PUBLIC + 1 : 1, drawing->nodes);
    drawing->fork = strcmp(lies[lie], "fork") == 0;
    line(drawing, "at %" PRIu32, draw(drawing, 4, 15));
    line(drawing, " lie n%" PRIu32 " %s %" PRIu32 "\n", drawing->liar, lies[lie],
         draw(drawing, 1, 300));
}

static void draw_setup(struct drawing *drawing, uint64_t seed)
{
    drawing->homes = draw(drawing, 0, 3) == 0;
    drawing->nodes = drawing->homes ? draw(drawing, PUBLIC + 1, HOMES_MOST)
                                    : draw(drawing, NODES_LEAST, NODES_MOST);
    uint32_t delay = draw(drawing, 1, 100);
    line(drawing, "# Drawn from seed %" PRIu64 ".\n", seed);
    line(drawing, "nodes %" PRIu32 "\nseed %" PRIu64 "\n", drawing->nodes, seed);
    line(drawing, "link delay %" PRIu32 "..%" PRIu32, delay, delay + draw(drawing, 0, 150));
    line(drawing, " loss %" PRIu32, draw(drawing, 0, 10));
    line(drawing, " duplicate %" PRIu32, draw(drawing, 0, 5));
    line(drawing, " reorder %" PRIu32, draw(drawing, 0, 5));
    line(drawing, " corrupt %" PRIu32, draw(drawing, 0, 1));
    line(drawing, " replay %" PRIu32 "\n", draw(drawing, 0, 3));
    if (draw(drawing, 0, 3) == 0)
        line(drawing, "option verify checkpoint\n");
    if (draw(drawing, 0, 1) == 0) {
        drawing->offset = (int32_t)draw(drawing, 0, CLOCK_MOST_S);
        line(drawing, "clock n1 offset %" PRId32 " drift 200\n", drawing->offset);
    }
    if (drawing->homes)
        draw_homes(drawing);
    if (draw(drawing, 0, 2) == 0)
        draw_liar(drawing);
}

/* Faults end: what follows is what the mesh has to do by itself. */
static void draw_calm(struct drawing *drawing)
{
    line(drawing, "at %d heal\nat %d link loss 0 corrupt 0 replay 0\n", SAFETY_S, SAFETY_S);
    for (uint32_t node = 1; node <= drawing->nodes; node++)
        if ((drawing->sick >> node & 1) != 0)
            line(drawing, "at %d disk n%" PRIu32 " slow 0 failed 0 torn 0 full 0\n", SAFETY_S,
                 node);
    for (uint32_t node = 1; node <= drawing->nodes; node++)
        if ((drawing->down >> node & 1) != 0)
            line(drawing, "at %d restart n%" PRIu32 "\n", SAFETY_S, node);
    line(drawing, "expect converged within %d\n", LIVENESS_S);
    /* Seen by somebody honest on both sides, it is proved everywhere. */
    if (drawing->fork && drawing->nodes > NODES_LEAST && !drawing->homes)
        line(drawing, "expect fork n%" PRIu32 " within %d\n", drawing->liar, LIVENESS_S);
}

void swarm_draw(uint64_t seed, char text[SWARM_TEXT_MAX])
{
    struct drawing drawing = {.chance = {seed ^ 0x737761726d}, .text = text};
    draw_setup(&drawing, seed);
    /* One who was not there from the start. */
    if (draw(&drawing, 0, 2) == 0 && drawing.nodes != drawing.liar)
        line(&drawing, "at %" PRIu32 " join n%" PRIu32 "\n", draw(&drawing, 6, 30), drawing.nodes);
    line(&drawing, "at 3 append all %" PRIu32 "\n", draw(&drawing, 1, 20));
    for (uint32_t second = 5; second < SAFETY_S; second += draw(&drawing, 1, 6))
        draw_fault(&drawing, second);
    draw_calm(&drawing);
}
