/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dht/loan.h"

#include "core/dht/dht.h"

#include <stdlib.h>

bool dht_loan_new(struct dht_loan *loan, size_t nodes)
{
    size_t requests = blocks_share(nodes, DHT_REQUESTS);
    size_t lookups = blocks_share(nodes, DHT_TASKS), searches = blocks_share(nodes, DHT_SEARCHES);
    bool good = blocks_new(&loan->requests, requests, sizeof(struct dht_request));
    good = blocks_new(&loan->bodies, requests, TALLY_DATAGRAM_MAX) && good;
    good = blocks_new(&loan->lookups, lookups, sizeof(struct lookup)) && good;
    good = blocks_new(&loan->searches, searches, sizeof(struct search)) && good;
    loan->news = calloc(DHT_NEWS, sizeof *loan->news);
    loan->notes = calloc(2, sizeof *loan->notes);
    return good && loan->news != NULL && loan->notes != NULL;
}

void dht_loan_free(struct dht_loan *loan)
{
    blocks_free(&loan->requests);
    blocks_free(&loan->bodies);
    blocks_free(&loan->lookups);
    blocks_free(&loan->searches);
    free(loan->news);
    free(loan->notes);
    *loan = (struct dht_loan){.news = NULL};
}
