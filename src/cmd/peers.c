/* SPDX-License-Identifier: Apache-2.0 */
/* tally peer list: who is known, how they are reached, and why not better. */
#include "cmd/ask.h"
#include "cmd/grid.h"
#include "cmd/print.h"
#include "cmd/verbs.h"

#include <string.h>

static const struct grid_column columns[] = {
    {"PEER", true},   {"STATE", false},      {"PATH", false},   {"RTT", false},
    {"CLOCK", false}, {"MESH", false},       {"SOURCE", false}, {"ADDRESS", false},
    {"WHY", false},   {"LAST ERROR", false}, {"AGENT", false}};

enum { COLUMNS = sizeof columns / sizeof *columns, CELL = 64 };

/* What is best needs no reason, and nothing that is not there has a path. */
static const char *unless(const char *text, const char *boring)
{
    return strcmp(text, boring) == 0 ? "" : text;
}

static void add(struct grid *table, const json_t *peer)
{
    char rtt[CELL] = "", offset[CELL] = "";
    long long rtt_us = number_of(peer, "rtt_us"), offset_ms = number_of(peer, "offset_ms");
    bool linked = strcmp(text_of(peer, "state"), "linked") == 0;
    if (rtt_us > 0)
        (void)snprintf(rtt, sizeof rtt, "%.1f ms", (double)rtt_us / 1000);
    if (linked)
        (void)snprintf(offset, sizeof offset, "%+lld ms", offset_ms);
    const char *const cells[COLUMNS] = {
        text_of(peer, "peer_id"),
        truth_of(peer, "connected") ? "connected" : text_of(peer, "state"),
        unless(text_of(peer, "path"), "none"),
        rtt,
        offset,
        truth_of(peer, "mesh") ? "yes" : "",
        text_of(peer, "source"),
        text_of(peer, "address"),
        linked ? unless(text_of(peer, "why_not_better"), "best") : "",
        text_of(peer, "last_error"),
        text_of(peer, "agent")};
    grid_add(table, cells);
}

enum exit_code verb_peer_list(struct call *call)
{
    enum exit_code code = EXIT_DONE;
    json_t *list = ask(call, "peers", "", &code);
    if (list == NULL)
        return code;
    if (call->json) {
        print_json(list);
        return EXIT_DONE;
    }
    struct grid *table = grid_new(columns, COLUMNS);
    size_t index;
    const json_t *peer;
    json_array_foreach(json_object_get(list, "items"), index, peer) add(table, peer);
    grid_print(table);
    json_decref(list);
    return EXIT_DONE;
}
