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
    SAFETY_S = 40,   /* Faults happen until then, */
    LIVENESS_S = 240 /* and so long after them all must be well. */
};

struct drawing {
    struct random chance;
    char *text;
    size_t size;
    uint32_t nodes, liar; /* liar 0: none. */
    uint32_t down;        /* Bit per node that crashed and is not back. */
    bool fork;            /* The liar has two faces. */
    uint32_t home;        /* Nodes from 2 to this one are behind boxes; 0: none. */
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

static void draw_fault(struct drawing *drawing, uint32_t second)
{
    uint32_t node = somebody(drawing);
    switch (draw(drawing, 0, 9)) {
    case 0:
    case 1:
        line(drawing, "at %" PRIu32 " append n%" PRIu32 " %" PRIu32 "\n", second, node,
             draw(drawing, 1, 60));
        break;
    case 2:
        line(drawing, "at %" PRIu32 " append n%" PRIu32 " %" PRIu32 " in ledger size 0..6000\n",
             second, node, draw(drawing, 1, 8));
        break;
    case 3:
        line(drawing, "at %" PRIu32 " partition", second);
        for (uint32_t i = 0; i < drawing->nodes; i++)
            line(drawing, " %" PRIu32, draw(drawing, 1, 2));
        line(drawing, "\n");
        break;
    case 4:
        line(drawing, "at %" PRIu32 " heal\n", second);
        break;
    case 5:
        line(drawing, "at %" PRIu32 ".%03" PRIu32 " crash n%" PRIu32 "\n", second,
             draw(drawing, 0, 999), node);
        drawing->down |= UINT32_C(1) << node;
        break;
    case 6:
        line(drawing, "at %" PRIu32 " suspend n%" PRIu32 " %" PRIu32 "\n", second, node,
             draw(drawing, 1, 15));
        break;
    case 7:
        line(drawing, "at %" PRIu32 " flap n%" PRIu32 " all %" PRIu32 " %" PRIu32 "\n", second,
             node, draw(drawing, 1, 20), draw(drawing, 1, 10));
        break;
    case 8:
        if (drawing->home > 0)
            line(drawing, "at %" PRIu32 " gateway n%" PRIu32 " %s\n", second,
                 draw(drawing, 2, drawing->home),
                 draw(drawing, 0, 3) == 0 ? "renumber" : "restart");
        break;
    default:
        line(drawing, "at %" PRIu32 " restart n%" PRIu32 "\n", second, node);
        drawing->down &= ~(UINT32_C(1) << node);
        break;
    }
}

static void draw_setup(struct drawing *drawing, uint64_t seed)
{
    drawing->nodes = draw(drawing, NODES_LEAST, NODES_MOST);
    uint32_t delay = draw(drawing, 1, 100);
    line(drawing, "# Drawn from seed %" PRIu64 ".\n", seed);
    line(drawing, "nodes %" PRIu32 "\nseed %" PRIu64 "\n", drawing->nodes, seed);
    line(drawing,
         "link delay %" PRIu32 "..%" PRIu32 " loss %" PRIu32 " duplicate %" PRIu32
         " reorder %" PRIu32 " corrupt %" PRIu32 " replay %" PRIu32 "\n",
         delay, delay + draw(drawing, 0, 150), draw(drawing, 0, 10), draw(drawing, 0, 5),
         draw(drawing, 0, 5), draw(drawing, 0, 1), draw(drawing, 0, 3));
    if (draw(drawing, 0, 3) == 0)
        line(drawing, "option verify checkpoint\n");
    if (draw(drawing, 0, 1) == 0)
        line(drawing, "clock n1 offset %" PRIu32 " drift 200\n", draw(drawing, 0, 200));
    if (draw(drawing, 0, 2) == 0) {
        static const char *const lies[] = {"ahead", "root", "fork", "gap", "silent", "forged"};
        uint32_t lie = draw(drawing, 0, 5);
        drawing->liar = draw(drawing, 1, drawing->nodes);
        drawing->fork = strcmp(lies[lie], "fork") == 0;
        line(drawing, "at %" PRIu32 " lie n%" PRIu32 " %s %" PRIu32 "\n", draw(drawing, 1, 15),
             drawing->liar, lies[lie], draw(drawing, 1, 300));
    }
}

/* Some are behind boxes; n1 is not, and no liar then, so that there is a way round. */
static void draw_homes(struct drawing *drawing)
{
    static const char *const types[] = {"full", "address", "port", "symmetric"};
    static const char *const gateways[] = {"none", "natpmp", "pcp"};
    if (drawing->liar == 1 || draw(drawing, 0, 2) > 0)
        return;
    drawing->home = draw(drawing, 2, drawing->nodes);
    line(drawing, "nat n2..n%" PRIu32 " %s timeout %" PRIu32 " gateway %s%s%s\n", drawing->home,
         types[draw(drawing, 0, 3)], draw(drawing, 20, 120), gateways[draw(drawing, 0, 2)],
         draw(drawing, 0, 1) == 0 ? " each" : "", draw(drawing, 0, 1) == 0 ? " hairpin" : "");
    if (draw(drawing, 0, 1) == 0)
        line(drawing, "profile all auto\n");
}

void swarm_draw(uint64_t seed, char text[SWARM_TEXT_MAX])
{
    struct drawing drawing = {.chance = {seed ^ 0x737761726d}, .text = text};
    draw_setup(&drawing, seed);
    draw_homes(&drawing);
    line(&drawing, "at 3 append all %" PRIu32 "\n", draw(&drawing, 1, 20));
    for (uint32_t second = 5; second < SAFETY_S; second += draw(&drawing, 1, 6))
        draw_fault(&drawing, second);
    line(&drawing, "at %d heal\nat %d link loss 0 corrupt 0 replay 0\n", SAFETY_S, SAFETY_S);
    for (uint32_t node = 1; node <= drawing.nodes; node++)
        if ((drawing.down >> node & 1) != 0)
            line(&drawing, "at %d restart n%" PRIu32 "\n", SAFETY_S, node);
    line(&drawing, "expect converged within %d\n", LIVENESS_S);
    /* Seen by somebody honest on both sides, it is proved everywhere. Who is behind boxes may be
       seen from one side alone. */
    if (drawing.fork && drawing.nodes > NODES_LEAST && drawing.home == 0)
        line(&drawing, "expect fork n%" PRIu32 " within %d\n", drawing.liar, LIVENESS_S);
}
