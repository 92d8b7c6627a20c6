/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DHT_LOAN_H
#define DHT_LOAN_H
/*
 * What nodes of the DHT need now and then: questions under way, lookups, searches; and what a step
 * tells its node, which nothing outlives. It is lent, so that many nodes in one process have it
 * together: a lookup takes 16 kB, and few nodes look for something at a time. Each node still has
 * its own limits (DHT_REQUESTS, DHT_TASKS, DHT_SEARCHES); what is not to be had for the moment is
 * as if those were reached.
 */
#include "core/base/blocks.h"
#include "tally/limits.h"

struct dht_news;

struct dht_loan {
    struct blocks requests, bodies, lookups, searches;
    struct dht_news *news;                  /* DHT_NEWS of them, empty between two steps, ... */
    uint8_t (*notes)[TALLY_CHECKPOINT_MAX]; /* ... and two notes they point to. */
};

/* For so many nodes, as blocks_share says; false without memory. */
bool dht_loan_new(struct dht_loan *loan, size_t nodes);
void dht_loan_free(struct dht_loan *loan);

#endif
