/* SPDX-License-Identifier: Apache-2.0 */
/* What happens in a drawn world, and what must be when it is over. */
#include "swarm.h"
#include "swarm_drawing.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    FORK_LEAST = 4,   /* So many, and there is somebody honest on both sides. */
    FAULTS_LEAST = 8, /* And what users do, counted alike. */
    FAULTS_MOST = 16,
    HASTE = 6,     /* So many times as fast is what happens in most stories. */
    WRITERS = 3,   /* Of many nodes. */
    ROTATIONS = 8, /* Once in so many stories; */
    RETURNS = 5,
    LOADS = 16,        /* Once in so many appends. */
    RETURN_LATE = 300, /* So long after the faults a node comes back from a copy, at most. */
    RETURN_SEALED = 8, /* So many tenths of a second before, its users have all sealed. */
    ATTENDED_S = 900,  /* So long its operator looks after it. */
    END_UNSEALED = 15, /* So many tenths of a second after its key's end a node has sealed all; */
    SEALED = 10,       /* so many tenths of a second after its start a node has sealed all. */
};

void drawing_line(struct drawing *drawing, const char *form, ...)
{
    va_list arguments;
    va_start(arguments, form);
    int more =
        vsnprintf(drawing->text + drawing->size, SWARM_TEXT_MAX - drawing->size, form, arguments);
    va_end(arguments);
    if (more > 0 && drawing->size + (size_t)more < SWARM_TEXT_MAX)
        drawing->size += (size_t)more;
}

uint32_t drawing_number(struct drawing *drawing, uint32_t least, uint32_t most)
{
    return least + random_below(&drawing->chance, most - least + 1);
}

bool drawing_once_in(struct drawing *drawing, uint32_t times)
{
    return drawing_number(drawing, 1, times) == 1;
}

/* An honest node. */
static uint32_t somebody(struct drawing *drawing)
{
    uint32_t node = drawing_number(drawing, 1, drawing->nodes);
    bool lies = drawing->liar <= node && node < drawing->liar + drawing->liars;
    return lies ? (drawing->liar + drawing->liars - 1) % drawing->nodes + 1 : node;
}

void drawing_at(struct drawing *drawing, uint32_t tenths)
{
    drawing_line(drawing, "at %" PRIu32 ".%" PRIu32, tenths / 10, tenths % 10);
}

void drawing_span(struct drawing *drawing, uint32_t least, uint32_t most)
{
    uint32_t tenths = drawing_number(drawing, least * 10, most * 10) / drawing->haste;
    drawing_line(drawing, " %" PRIu32 ".%" PRIu32, tenths / 10, tenths % 10 + (tenths == 0));
}

/* «at T VERB nN» and no more. */
static void node_line(struct drawing *drawing, uint32_t tenths, const char *verb, uint32_t node)
{
    drawing_at(drawing, tenths);
    drawing_line(drawing, " %s n%" PRIu32, verb, node);
}

/* ---- Faults. ---- */

/* More than a stream has room for: in packages, or in bodies that are fetched one by one. */
static void draw_load(struct drawing *drawing)
{
    if (drawing_once_in(drawing, 2))
        drawing_line(drawing, " %" PRIu32 " in ledger size 3000..4000\n",
                     drawing_number(drawing, 80, 200));
    else
        drawing_line(drawing, " %" PRIu32 " in ledger size 100000..400000\n",
                     drawing_number(drawing, 1, 3));
}

static void draw_append(struct drawing *drawing, uint32_t tenths)
{
    uint32_t node = somebody(drawing);
    if (drawing->sealing && !drawing_once_in(drawing, 4)) {
        node_line(drawing, tenths + drawing_number(drawing, 1, 5), "seal", node);
        drawing_line(drawing, "\n");
    }
    node_line(drawing, tenths, "append", node);
    if (drawing_once_in(drawing, LOADS))
        draw_load(drawing);
    else if (drawing_number(drawing, 0, 2) > 0)
        drawing_line(drawing, " %" PRIu32 "\n", drawing_number(drawing, 1, 60));
    else
        drawing_line(drawing, " %" PRIu32 " in ledger size 0..6000\n",
                     drawing_number(drawing, 1, 8));
}

/* Two of them, or three. */
static void draw_islands(struct drawing *drawing)
{
    uint32_t count = drawing_once_in(drawing, 4) ? 3 : 2;
    for (uint32_t i = 0; i < drawing->nodes; i++)
        drawing_line(drawing, " %" PRIu32, drawing_number(drawing, 1, count));
    drawing_line(drawing, "\n");
}

static void draw_division(struct drawing *drawing, uint32_t tenths)
{
    uint32_t other = drawing_number(drawing, 1, drawing->nodes);
    switch (drawing_number(drawing, 0, 5)) {
    case 0:
        drawing_at(drawing, tenths);
        drawing_line(drawing, " heal\n");
        break;
    case 1:
        node_line(drawing, tenths, "cut", somebody(drawing));
        drawing_line(drawing, " from n%" PRIu32 "\n", other);
        break;
    case 2:
    case 3:
        node_line(drawing, tenths, "flap", somebody(drawing));
        if (drawing_once_in(drawing, 2))
            drawing_line(drawing, " all");
        else
            drawing_line(drawing, " n%" PRIu32, other);
        drawing_span(drawing, 1, 20);
        drawing_span(drawing, 1, 10);
        drawing_line(drawing, "\n");
        break;
    default:
        drawing_at(drawing, tenths);
        drawing_line(drawing, " partition");
        draw_islands(drawing);
        break;
    }
}

/* Nodes come and go: as power does, as operators do, as laptops do. */
static void draw_life(struct drawing *drawing, uint32_t tenths)
{
    uint32_t node = somebody(drawing);
    uint64_t bit = UINT64_C(1) << node;
    switch (drawing_number(drawing, 0, 5)) {
    case 0:
    case 1:
        drawing_at(drawing, tenths);
        drawing_line(drawing, "%02" PRIu32 " crash n%" PRIu32 "\n", drawing_number(drawing, 0, 99),
                     node);
        drawing->down |= bit;
        break;
    case 2:
        node_line(drawing, tenths, "leave", node);
        drawing_line(drawing, "\n");
        drawing->down |= bit;
        break;
    case 3:
        node_line(drawing, tenths, "suspend", node);
        drawing_span(drawing, 1, 15);
        drawing_line(drawing, "\n");
        break;
    default:
        node_line(drawing, tenths, "restart", node);
        drawing_line(drawing, "\n");
        drawing->down &= ~bit;
        break;
    }
}

static void draw_disk(struct drawing *drawing, uint32_t tenths)
{
    uint32_t node = somebody(drawing);
    uint64_t bit = UINT64_C(1) << node;
    drawing->sick |= bit;
    node_line(drawing, tenths, "disk", node);
    switch (drawing_number(drawing, 0, 3)) {
    case 0:
        drawing_line(drawing, " slow %" PRIu32 "\n", drawing_number(drawing, 1, 20));
        break;
    case 1:
        drawing_line(drawing, " full %" PRIu32 "\n", drawing_number(drawing, 1, 20000));
        break;
    case 2:
        drawing_line(drawing, " failed %" PRIu32 "\n", drawing_number(drawing, 1, 10));
        drawing->failing |= bit;
        break;
    default:
        drawing_line(drawing, " torn 100 sync 300..30000\n");
        break;
    }
}

static void draw_clock(struct drawing *drawing, uint32_t tenths)
{
    uint32_t node = somebody(drawing);
    int32_t step = (int32_t)drawing_number(drawing, 0, 200) - 100;
    int32_t *offset = &drawing->offset[node];
    if (*offset + step > CLOCK_MOST_S || *offset + step < -CLOCK_MOST_S)
        return;
    *offset += step;
    node_line(drawing, tenths, "step", node);
    drawing_line(drawing, " %" PRId32 "\n", step);
}

/* Somebody carries a node to where another one is. Who was the first in a home stays there: there
   is always somebody behind each box. */
static void draw_move(struct drawing *drawing, uint32_t tenths)
{
    uint32_t node = somebody(drawing), to = drawing_number(drawing, 1, drawing->nodes);
    if (node <= drawing->fixed || node == to || drawing->home[node] == drawing->home[to] ||
        drawing->first[drawing->home[node]] == node ||
        (drawing->setting != SETTING_NEIGHBOURS && drawing->home[to] != 0 &&
         !drawing_room(drawing, drawing->home[to])))
        return;
    node_line(drawing, tenths, "move", node);
    drawing_line(drawing, " to n%" PRIu32 "\n", to);
    drawing->home[node] = drawing->home[to];
}

static void draw_gateway(struct drawing *drawing, uint32_t tenths)
{
    node_line(drawing, tenths, "gateway",
              drawing->first[drawing_number(drawing, 1, drawing->homes)]);
    drawing_line(drawing, drawing_once_in(drawing, 2) ? " restart" : " renumber");
    drawing_line(drawing, drawing_once_in(drawing, 3) ? " silent\n" : "\n");
}

/* What happens to places, as far as there are any; and to DNS. */
static void draw_place(struct drawing *drawing, uint32_t tenths)
{
    if (drawing->setting == SETTING_NAMES && drawing_once_in(drawing, 3)) {
        drawing->unnamed = !drawing->unnamed;
        drawing_at(drawing, tenths);
        drawing_line(drawing, " domain mesh.example %s\n",
                     !drawing->unnamed             ? "n1..n2"
                     : drawing_once_in(drawing, 2) ? "silent"
                                                   : "none");
    } else if (drawing->homes == 0) {
        draw_division(drawing, tenths);
    } else if (drawing->setting == SETTING_NEIGHBOURS || drawing_once_in(drawing, 3)) {
        draw_move(drawing, tenths);
    } else {
        draw_gateway(drawing, tenths);
    }
}

static void draw_fault(struct drawing *drawing, uint32_t tenths)
{
    static void (*const faults[])(struct drawing * drawing, uint32_t tenths) = {
        draw_append, draw_append, draw_append, draw_division, draw_division,
        draw_life,   draw_life,   draw_disk,   draw_clock,    draw_place,
    };
    faults[drawing_number(drawing, 0, sizeof faults / sizeof *faults - 1)](drawing, tenths);
}

/* An operator has another key take over: the node restarts with it once there is calm and all is
   sealed that the old one signed. */
static void draw_rotation(struct drawing *drawing)
{
    uint32_t node = somebody(drawing);
    /* Of many who were named a few one may know nobody but that key. */
    bool few = drawing->setting == SETTING_NAMED && drawing->nodes > DRAWN_FEW;
    if (!drawing_once_in(drawing, ROTATIONS) || few)
        return;
    drawing->rotated_at = drawing_number(drawing, 50 / drawing->haste, drawing->calm);
    node_line(drawing, drawing->rotated_at, "rotate", node);
    drawing_line(drawing, "\n");
    node_line(drawing, drawing->calm + SEALED, "restart", node);
    drawing_line(drawing, "\n");
    drawing->down |= UINT64_C(1) << node;
    drawing->rotated = node;
}

/* A disk is put back from a copy, when all others hold what its node signed since: else it may
   have signed what nobody can tell it, and no guard helps (operations, «Backups, and the guard»).
   That is mostly not so, and it is tried again. Its users write on at once. */
static void draw_return(struct drawing *drawing)
{
    uint32_t node = somebody(drawing), tries = drawing_number(drawing, 2, 5);
    uint32_t last = drawing->calm + RETURN_LATE;
    uint32_t tenths = drawing_number(drawing, 50 / drawing->haste, drawing->calm);
    /* Where a key ends, mostly of that moment: its end is durable, and not all of it sealed. */
    bool ends = drawing->rotated != 0 && !drawing_once_in(drawing, 3);
    if (ends) {
        node = drawing->rotated;
        tenths = drawing->rotated_at + drawing_number(drawing, 0, END_UNSEALED);
    } else if (!drawing_once_in(drawing, RETURNS)) {
        return;
    }
    drawing_at(drawing, tenths);
    drawing_line(drawing, "%02" PRIu32 " backup n%" PRIu32 "\n", drawing_number(drawing, 0, 99),
                 node);
    node_line(drawing, tenths + 1, "append", node);
    drawing_line(drawing, " %" PRIu32 "\n", drawing_number(drawing, 1, 20));
    node_line(drawing, tenths, "recover", node);
    drawing_line(drawing, " within %d\n", ATTENDED_S);
    if (node == drawing->rotated) {
        node_line(drawing, last + SEALED, "restart", node);
        drawing_line(drawing, "\n");
    }
    for (; tries > 0 && tenths + 10 < last; tries--) {
        tenths = drawing_number(drawing, tenths + 10, last);
        /* What it stated of transfers would wait for company. */
        node_line(drawing, tenths - RETURN_SEALED, "seal", node);
        drawing_line(drawing, "\n");
        node_line(drawing, tenths, "restore", node);
        drawing_line(drawing, " held\n");
        node_line(drawing, tenths + drawing_number(drawing, 1, 40), "append", node);
        drawing_line(drawing, " %" PRIu32 "\n", drawing_number(drawing, 1, 20));
    }
}

/* ---- Calm. ---- */

/* A line for each node whose bit is set. */
static void each_of(struct drawing *drawing, uint64_t nodes, const char *verb, const char *rest)
{
    for (uint32_t node = 1; node <= drawing->nodes; node++)
        if ((nodes >> node & 1) != 0) {
            node_line(drawing, drawing->calm, verb, node);
            drawing_line(drawing, "%s\n", rest);
        }
}

/* Faults end: what follows is what the mesh has to do by itself. */
static void draw_calm(struct drawing *drawing)
{
    uint64_t elsewhere = 0;
    drawing_at(drawing, drawing->calm);
    drawing_line(drawing, " heal\n");
    drawing_at(drawing, drawing->calm);
    drawing_line(drawing, " link loss 0 corrupt 0 replay 0\n");
    if (drawing->unnamed) {
        drawing_at(drawing, drawing->calm);
        drawing_line(drawing, " domain mesh.example n1..n2\n");
    }
    for (uint32_t node = 2; drawing->setting == SETTING_NEIGHBOURS && node <= drawing->nodes;
         node++)
        if (drawing->home[node] != drawing->home[1])
            elsewhere |= UINT64_C(1) << node;
    each_of(drawing, elsewhere, "move", " to n1");
    each_of(drawing, drawing->sick, "disk", " slow 0 failed 0 torn 0 full 0");
    each_of(drawing, drawing->down | drawing->failing, "restart", "");
    drawing_line(drawing, "expect converged within %d\n",
                 drawing->setting == SETTING_STRANGERS || drawing->setting == SETTING_NAMES
                     ? STRANGERS_S
                     : LIVENESS_S);
    if (drawing->rotated != 0)
        drawing_line(drawing,
                     "expect succeeded n%" PRIu32 " within %d\nexpect folded n%" PRIu32
                     " within %d\n",
                     drawing->rotated, LIVENESS_S, drawing->rotated, LIVENESS_S);
    /* Seen by somebody honest on both sides, it is proved everywhere. */
    if (drawing->fork && drawing->nodes >= FORK_LEAST && drawing->setting == SETTING_NAMED)
        drawing_line(drawing, "expect fork n%" PRIu32 " within %d\n", drawing->liar, LIVENESS_S);
}

/* Who writes from the start: everybody, where few are; of many, whose logs all hold and confirm,
   mostly a few next to each other. */
static void draw_writers(struct drawing *drawing)
{
    uint32_t first = 1, last = drawing->nodes;
    if (drawing->nodes > DRAWN_FEW && !drawing_once_in(drawing, 8)) {
        first = drawing_number(drawing, 1, drawing->nodes - WRITERS + 1);
        last = first + drawing_number(drawing, 0, WRITERS - 1);
    }
    drawing_at(drawing, 30 / drawing->haste);
    drawing_line(drawing, " append n%" PRIu32 "..n%" PRIu32 " %" PRIu32 "\n", first, last,
                 drawing_number(drawing, 1, 20));
    if (drawing->sealing) {
        drawing_at(drawing, 36 / drawing->haste);
        drawing_line(drawing, " seal n%" PRIu32 "..n%" PRIu32 "\n", first, last);
    }
    if (!drawing_once_in(drawing, 5))
        return;
    /* The faces of a liar grow apart, and evidence of two sizes is not passed on. */
    drawing->fork = false;
    drawing_line(drawing, "every");
    drawing_span(drawing, 2, 9);
    drawing_line(drawing, "7 until %" PRIu32 ".%" PRIu32, drawing->calm / 10, drawing->calm % 10);
    drawing_line(drawing, " append n%" PRIu32 "..n%" PRIu32 " %" PRIu32 "\n", first, last,
                 drawing_number(drawing, 1, 5));
}

uint32_t swarm_draw(uint64_t seed, struct swarm_sizes sizes, char text[SWARM_TEXT_MAX])
{
    struct drawing drawing = {.chance = {seed ^ 0x737761726d}, .text = text};
    uint32_t times[FAULTS_MOST], count = drawing_number(&drawing, FAULTS_LEAST, FAULTS_MOST);
    bool many = sizes.least > DRAWN_FEW;
    drawing.haste = drawing_once_in(&drawing, many ? 8 : 4) ? 1 : HASTE;
    /* First all times, so that what begins early knows when there is calm. */
    uint32_t tenths = 50 / drawing.haste;
    for (uint32_t i = 0; i < count; i++) {
        times[i] = tenths;
        tenths += drawing_number(&drawing, 10, 60) / drawing.haste;
    }
    drawing.calm = tenths;
    drawing_world(&drawing, seed, sizes);
    /* One who was not there from the start. */
    if (drawing_once_in(&drawing, 3) && drawing.nodes != drawing.liar + drawing.liars - 1) {
        drawing_at(&drawing, drawing_number(&drawing, 60 / drawing.haste, drawing.calm));
        drawing_line(&drawing, " join n%" PRIu32 "\n", drawing.nodes);
    }
    draw_writers(&drawing);
    for (uint32_t i = 0; i < count; i++)
        draw_fault(&drawing, times[i]);
    draw_rotation(&drawing);
    draw_return(&drawing);
    draw_calm(&drawing);
    return drawing.nodes;
}
