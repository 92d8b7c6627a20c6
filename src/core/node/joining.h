/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_JOINING_H
#define NODE_JOINING_H
/* How a node comes to know others: bootstraps it is told, domains it asks DNS for (protocols 5.5).
   For this folder only; what it finds goes to the overlay. */
#include "core/base/backoff.h"
#include "tally/event.h"
#include "tally/limits.h"

enum {
    JOINING_DOMAINS = 4,
    JOINING_DNS_MS = 1000,     /* Configured and remembered peers have so much of a start. */
    JOINING_AGAIN_MS = 60000,  /* A domain is asked again, while links are wanting; doubling, */
    JOINING_CAP_MS = 1800000,  /* ... to half an hour (protocols 5.5). */
    JOINING_RESOLVED_MAX = 16, /* Nodes that are taken of one answer. */
    JOINING_PULL_MS = 60000,   /* Without the mesh others are asked so often (protocols 4.4). */
};

struct tally_node;

struct joining {
    struct joining_domain {
        char name[TALLY_DOMAIN_MAX + 1];
        uint64_t ticket; /* Of the question that is out; 0: none. */
    } * domains;         /* JOINING_DOMAINS of them. */
    size_t domain_count;
    uint64_t tickets;
    struct backoff backoff;
    struct tally_mono next, asked; /* Of domains: the next question, and the last. */
    struct tally_mono pull;
    struct random random;
};

/* False without memory. */
bool joining_new(struct joining *joining, uint64_t seed);
void joining_free(struct joining *joining);

/* Commands: what to answer. */
enum tally_error joining_bootstrap(struct tally_node *node, struct tally_now now,
                                   const struct tally_command *command);
enum tally_error joining_domain(struct tally_node *node, struct tally_now now, const char *name);

/* RESOLVED. */
void joining_resolved(struct tally_node *node, struct tally_now now,
                      const struct tally_event *event);

struct tally_mono joining_deadline(const struct tally_node *node);
void joining_tick(struct tally_node *node, struct tally_now now);

#endif
