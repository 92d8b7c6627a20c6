/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_DOCTOR_H
#define UV_DOCTOR_H
/*
 * From what is known to what is wrong: a function of values, so that each finding has its line in a
 * test. It asks nobody; whoever gathers the facts (report.c, the command line) does.
 */
#include "host/uv/findings.h"
#include "host/uv/machine.h"
#include "tally/node.h"

/* From here on the offset of the peers' clocks is told, and must be mended (operations 2.1, 7). */
#define DOCTOR_CLOCK_US        INT64_C(5000000)
#define DOCTOR_CLOCK_URGENT_US INT64_C(60000000)

enum {
    DOCTOR_SILENCE_MS = 10000, /* So long after the start somebody should have answered. */
    DOCTOR_PEERS = 8,          /* Peers and bootstraps that are named one by one. */
};

/* Somebody to begin with, as the operator named it. */
struct doctor_bootstrap {
    const char *text;
    bool domain;
    bool asked;             /* The name or domain was looked up; true without a name. */
    enum tally_error error; /* Of the lookup. */
    enum tally_error told;  /* What the node said of it. */
    bool has_key, has_address;
    struct tally_key key;
    struct tally_address address;
};

struct doctor_facts {
    const char *data;
    const struct machine *machine;
    uint64_t missing_bytes; /* Until the disk has enough space. */
    /* Of a running node; status NULL: there is none, and all that follows is not read. */
    const struct tally_node_status *status;
    uint64_t uptime_ms;
    const struct tally_own_address *own;
    size_t own_count;
    const struct tally_peer_view *peers;
    size_t peer_count;
    const struct doctor_bootstrap *bootstraps;
    size_t bootstrap_count;
    const struct tally_key *awaited; /* Whose answer the guard waits for; some of them. */
    size_t awaited_count;
};

/* Adds what is wrong. */
void doctor_examine(const struct doctor_facts *facts, struct findings *findings);

/* Why the lookup of its name was in vain. */
const char *doctor_lookup_text(const struct doctor_bootstrap *bootstrap);

/* The peer a bootstrap became: of its key, else at its address; NULL while nobody answers. */
const struct tally_peer_view *doctor_peer(const struct doctor_facts *facts,
                                          const struct doctor_bootstrap *bootstrap);

#endif
