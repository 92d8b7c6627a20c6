/* SPDX-License-Identifier: Apache-2.0 */
/* What a drawn world is like before anything happens in it. */
#include "swarm_drawing.h"
#include <inttypes.h>
#include <string.h>

enum {
    LIBSODIUM_TIMES = 8, /* Once in so many stories, */
    LIBSODIUM_MANY = 32, /* and of those of many nodes, which are the same calls a hundred times. */
    LIES_FEW = 300,      /* How much of a lie there is, among few nodes */
    LIES_MANY = 20,      /* and among many. */
    AMENDS_LATE = 50,    /* Tenths of a second after the faults. */
    GANG_AMONG = 6,      /* Nodes, and several lie together. */
    FIXED = 2,           /* Whom strangers and homes have to hold on to. */
    CLOCKS_WRONG = 5,    /* So many, at most. */
    DRIFT_MOST = 300,    /* Parts in a million. */
};

static void draw_link(struct drawing *drawing)
{
    uint32_t delay = drawing_number(drawing, 1, 100);
    drawing_line(drawing, "link delay %" PRIu32 "..%" PRIu32, delay,
                 delay + drawing_number(drawing, 0, 150));
    drawing_line(drawing, " loss %" PRIu32, drawing_number(drawing, 0, 10));
    drawing_line(drawing, " duplicate %" PRIu32, drawing_number(drawing, 0, 5));
    drawing_line(drawing, " reorder %" PRIu32, drawing_number(drawing, 0, 5));
    drawing_line(drawing, " corrupt %" PRIu32, drawing_number(drawing, 0, 1));
    drawing_line(drawing, " replay %" PRIu32, drawing_number(drawing, 0, 3));
    if (drawing_once_in(drawing, 6))
        drawing_line(drawing, " rate %" PRIu32, drawing_number(drawing, 30, 500) * 1000);
    drawing_line(drawing, "\n");
}

/* Between two of them another way lies: farther, or narrower. */
static void draw_exception(struct drawing *drawing)
{
    uint32_t a = drawing_number(drawing, 1, drawing->nodes - 1);
    uint32_t delay = drawing_number(drawing, 1, 400);
    if (!drawing_once_in(drawing, 4))
        return;
    drawing_line(drawing, "link n%" PRIu32 " n%" PRIu32, a,
                 drawing_number(drawing, a + 1, drawing->nodes));
    drawing_line(drawing, " delay %" PRIu32 "..%" PRIu32, delay, 2 * delay);
    drawing_line(drawing, " rate %" PRIu32 " mtu 1280\n", drawing_number(drawing, 10, 200) * 1000);
}

/* A node's clock is wrong from the start, or several are. */
static void draw_clocks(struct drawing *drawing)
{
    uint32_t count = 0;
    if (drawing_once_in(drawing, 2))
        count = drawing_once_in(drawing, 2) ? 1 : drawing_number(drawing, 2, CLOCKS_WRONG);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t node = drawing_number(drawing, 1, drawing->nodes);
        int32_t offset = (int32_t)drawing_number(drawing, 0, 2 * CLOCK_MOST_S) - CLOCK_MOST_S;
        int32_t drift = (int32_t)drawing_number(drawing, 0, 2 * DRIFT_MOST) - DRIFT_MOST;
        drawing->offset[node] = offset;
        drawing_line(drawing, "clock n%" PRIu32 " offset %" PRId32 " drift %" PRId32 "\n", node,
                     offset, drift);
    }
}

/* Room for all there are, mostly: what is born small is born fast. */
static void draw_options(struct drawing *drawing)
{
    uint32_t nodes = drawing->nodes;
    if (drawing_once_in(drawing, 4))
        drawing_line(drawing, "option verify checkpoint\n");
    /* What each of many confirms to the next all hold again: they come as often as logs are sealed,
       and are most of what there is to do. Users of such a mesh seal theirs themselves. */
    drawing->sealing = nodes > DRAWN_FEW && !drawing_once_in(drawing, 8);
    if (drawing->sealing)
        drawing_line(drawing, "option seal_ms %" PRIu32 "\n", drawing_number(drawing, 4000, 8000));
    else if (drawing_once_in(drawing, 4))
        drawing_line(drawing, "option seal_ms %" PRIu32 "\n", drawing_number(drawing, 50, 5000));
    if (drawing_once_in(drawing, 10))
        return;
    drawing_line(drawing, "option connections %" PRIu32 "\n", nodes < 28 ? 2 * nodes + 8 : 64);
    drawing_line(drawing, "option logs %" PRIu32 "\n", 4 * nodes + 8);
    drawing_line(drawing, "option known %" PRIu32 "\n", 2 * nodes + 16);
    drawing_line(drawing, "option dht_values 256\n");
}

/* ---- Places. ---- */

bool drawing_room(const struct drawing *drawing, uint32_t home)
{
    uint32_t count = 0;
    for (uint32_t node = 1; node <= drawing->nodes; node++)
        count +=
            drawing->home[node] != 0 && drawing->outer[drawing->home[node]] == drawing->outer[home];
    return count < BOX_NODES_MAX;
}

static void draw_box(struct drawing *drawing, uint32_t from, uint32_t to)
{
    static const char *const types[] = {"full", "address", "port", "symmetric"};
    static const char *const gateways[] = {"none", "natpmp", "pcp"};
    drawing->first[++drawing->homes] = from;
    drawing->outer[drawing->homes] = drawing->homes;
    for (uint32_t node = from; node <= to; node++)
        drawing->home[node] = (uint8_t)drawing->homes;
    drawing_line(drawing, "nat n%" PRIu32, from);
    if (to > from)
        drawing_line(drawing, "..n%" PRIu32, to);
    drawing_line(drawing, " %s", types[drawing_number(drawing, 0, 3)]);
    drawing_line(drawing, " timeout %" PRIu32, drawing_number(drawing, 30, 300));
    drawing_line(drawing, " gateway %s", gateways[drawing_number(drawing, 0, 2)]);
    /* One behind one: then two are behind the outer box, as many as a stranger has room for. */
    if (from == to && drawing->homes > 1 && drawing_once_in(drawing, 3) &&
        drawing_room(drawing, drawing->homes - 1)) {
        drawing_line(drawing, " behind n%" PRIu32, drawing->first[drawing->homes - 1]);
        drawing->outer[drawing->homes] = drawing->outer[drawing->homes - 1];
    }
    if (drawing_once_in(drawing, 6))
        drawing_line(drawing, " carrier");
    drawing_line(drawing, drawing_once_in(drawing, 4) ? " hairpin\n" : "\n");
    /* Neighbours hear each other, or do not: a guest network. */
    if (to > from && drawing_once_in(drawing, 2))
        drawing_line(drawing, "lan n%" PRIu32 "..n%" PRIu32 "\n", from, to);
}

/* Homes of one or two, but for the first ones; some are in the wide network too. */
static void draw_homes(struct drawing *drawing)
{
    for (uint32_t node = drawing->fixed + 1; node <= drawing->nodes;) {
        uint32_t last = node + drawing_number(drawing, 0, BOX_NODES_MAX - 1);
        last = last < drawing->nodes ? last : drawing->nodes;
        if (node == drawing->fixed + 1 || !drawing_once_in(drawing, 4))
            draw_box(drawing, node, last);
        node = last + 1;
    }
}

/* Two links, and whoever is on the second one carries the news when it comes to the first. */
static void draw_segments(struct drawing *drawing)
{
    uint32_t first = drawing_number(drawing, 2, drawing->nodes);
    drawing_line(drawing, "option peers 0\n");
    drawing_line(drawing, "profile all %s\n", drawing_once_in(drawing, 2) ? "lan" : "auto");
    drawing_line(drawing, "lan n1..n%" PRIu32 "\n", first);
    for (uint32_t node = 1; node <= first; node++)
        drawing->home[node] = 1;
    drawing->homes = 1;
    if (first == drawing->nodes)
        return;
    drawing_line(drawing, "lan n%" PRIu32 "..n%" PRIu32 "\n", first + 1, drawing->nodes);
    for (uint32_t node = first + 1; node <= drawing->nodes; node++)
        drawing->home[node] = 2;
    drawing->homes = 2;
}

/* Configured peers: all others; of many some, and whoever takes one for a stranger may have no
   room for it: then it has to find others. */
static void draw_peers(struct drawing *drawing)
{
    static const char *const profiles[] = {"static", "auto", "server"};
    if (drawing->nodes > DRAWN_FEW)
        drawing_line(drawing, "option peers %" PRIu32 "\nprofile all auto\n",
                     drawing_number(drawing, 2, 5));
    else
        drawing_line(drawing, "profile all %s\n",
                     profiles[drawing_number(drawing, 0, drawing->fixed > 0 ? 1 : 2)]);
}

/* Who tells whom of whom. */
static void draw_setting(struct drawing *drawing)
{
    switch (drawing->setting) {
    case SETTING_NAMED:
        draw_peers(drawing);
        break;
    case SETTING_HOMES:
        draw_peers(drawing);
        draw_homes(drawing);
        break;
    case SETTING_STRANGERS:
        drawing_line(drawing, "option peers 0\nprofile all auto\nbootstrap n1..n%d\n", FIXED);
        if (drawing_once_in(drawing, 2))
            draw_homes(drawing);
        break;
    case SETTING_NAMES:
        drawing_line(drawing, "profile all auto\ndomain mesh.example n1..n%d\n", FIXED);
        if (drawing_once_in(drawing, 2))
            draw_homes(drawing);
        break;
    case SETTING_NEIGHBOURS:
        draw_segments(drawing);
        break;
    case SETTING_COUNT:
        break;
    }
}

/* Sybils: they fill tables, serve as registrars, and name nobody but each other to whoever asks.
   Often all have one address. */
static void draw_gang(struct drawing *drawing)
{
    uint32_t most = (drawing->nodes - drawing->fixed) / 2;
    uint32_t first = drawing->nodes - drawing_number(drawing, 1, most - 1);
    drawing->liar = first;
    drawing->liars = drawing->nodes - first + 1;
    if (drawing->homes == 0 && drawing_once_in(drawing, 2))
        drawing_line(drawing, "nat n%" PRIu32 "..n%" PRIu32 " full\n", first, drawing->nodes);
    drawing_at(drawing, drawing_number(drawing, 0, 150) / drawing->haste);
    drawing_line(drawing, " lie n%" PRIu32 "..n%" PRIu32 " collude\n", first, drawing->nodes);
}

static void draw_liar(struct drawing *drawing)
{
    static const char *const lies[] = {
        "ahead", "root",   "fork",  "gap",     "silent",    "forged",  "rewind",  "rewrite",
        "flood", "replay", "spoof", "garbled", "half-open", "collude", "perjury", "revoked-user"};
    /* Of many who were named a few one may know nobody but whom all others refuse from then on. */
    bool apart = drawing->setting == SETTING_NAMED && drawing->nodes > DRAWN_FEW;
    uint32_t lie = drawing_number(drawing, 0, sizeof lies / sizeof *lies - 1 - apart);
    /* Who stands in DNS is not told of it: somebody honest has to ask, or they never hear of each
       other. */
    uint32_t needed = drawing->fixed + (drawing->setting == SETTING_NAMES);
    if (drawing->nodes <= needed)
        return;
    bool strange = drawing->setting == SETTING_STRANGERS || drawing->setting == SETTING_NAMES;
    if (strange && drawing->nodes >= GANG_AMONG && drawing_once_in(drawing, 2)) {
        draw_gang(drawing);
        return;
    }
    drawing->liars = 1;
    drawing->liar = drawing_number(drawing, drawing->fixed + 1, drawing->nodes);
    drawing->fork = strcmp(lies[lie], "fork") == 0;
    uint32_t tenths = drawing_number(drawing, 40, 150) / drawing->haste;
    if (strcmp(lies[lie], "revoked-user") == 0) {
        /* Its operator revokes the key, and whoever stole it goes on with it. */
        drawing_at(drawing, tenths);
        drawing_line(drawing, " revoke n%" PRIu32 "\n", drawing->liar);
        tenths += 5;
    }
    drawing_at(drawing, tenths);
    /* Of a flood each datagram of few is as much to each of them as less of one to many. */
    drawing_line(drawing, " lie n%" PRIu32 " %s %" PRIu32 "\n", drawing->liar, lies[lie],
                 drawing_number(drawing, 1, drawing->nodes > DRAWN_FEW ? LIES_MANY : LIES_FEW));
    if (strcmp(lies[lie], "gap") != 0 || !drawing_once_in(drawing, 2))
        return;
    /* It shows what it withheld after all. */
    drawing_at(drawing, drawing->calm + AMENDS_LATE);
    drawing_line(drawing, " lie n%" PRIu32 " amends\n", drawing->liar);
}

void drawing_world(struct drawing *drawing, uint64_t seed, struct swarm_sizes sizes)
{
    static const enum setting settings[] = {
        SETTING_NAMED,     SETTING_NAMED, SETTING_NAMED,     SETTING_HOMES,      SETTING_HOMES,
        SETTING_STRANGERS, SETTING_NAMES, SETTING_STRANGERS, SETTING_NEIGHBOURS,
    };
    drawing->setting = settings[drawing_number(drawing, 0, sizeof settings / sizeof *settings - 1)];
    drawing->fixed =
        drawing->setting == SETTING_NAMED || drawing->setting == SETTING_NEIGHBOURS ? 0 : FIXED;
    /* Most bugs need few; some need many, which cost as much as a hundred stories of few. */
    drawing->nodes = drawing_number(drawing, SWARM_NODES_LEAST, DRAWN_FEW);
    if (drawing_once_in(drawing, 8)) {
        uint32_t one = drawing_number(drawing, DRAWN_FEW + 1, DRAWN_NODES_MAX);
        uint32_t other = drawing_number(drawing, DRAWN_FEW + 1, DRAWN_NODES_MAX);
        drawing->nodes = one < other ? one : other;
    }
    if (sizes.least > 0) {
        uint32_t one = drawing_number(drawing, sizes.least, sizes.most);
        uint32_t other = drawing_number(drawing, sizes.least, sizes.most);
        drawing->nodes = one < other ? one : other;
    }
    /* Of many homes most know nobody who can be reached. */
    if (drawing->setting == SETTING_HOMES && drawing->nodes > DRAWN_FEW)
        drawing->setting = SETTING_STRANGERS;
    drawing_line(drawing, "# Drawn from seed %" PRIu64 ".\n", seed);
    drawing_line(drawing, "nodes %" PRIu32 "\nseed %" PRIu64 "\n", drawing->nodes, seed);
    /* What libsodium says of a signature was seen often enough: mostly a stand-in says it. */
    if (seed % (drawing->nodes > DRAWN_FEW ? LIBSODIUM_MANY : LIBSODIUM_TIMES) != 0)
        drawing_line(drawing, "crypto fast\n");
    draw_options(drawing);
    draw_link(drawing);
    draw_exception(drawing);
    draw_clocks(drawing);
    draw_setting(drawing);
    if (drawing_once_in(drawing, 3))
        draw_liar(drawing);
}
