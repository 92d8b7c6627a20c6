/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DHT_DHT_INSIDE_H
#define DHT_DHT_INSIDE_H
/* What the files of dht.h ask of each other; for nobody else. */
#include "core/address/multiaddr.h"
#include "core/base/bytes.h"
#include "core/dht/dht.h"
#include "core/dht/metric.h"

/* What lies cost (protocols 4.4). */
enum { DHT_UNASKED = -5, DHT_FALSE_ADDRESS = -20, DHT_FORGED = -100 };

/* ---- dht_requests.c ---- */

/* A request to be sent to a node; its number is drawn. NULL if there is no room. */
struct dht_request *request_new(struct dht *dht, enum dht_request_kind kind, enum tally_kind wire);

/* Sends it now, or with or after a greeting. False: it cannot be, and is free again. */
bool request_send(struct dht *dht, const struct dht_step *step, struct dht_request *request,
                  const struct tally_key *key, const struct tally_address *address,
                  struct tally_bytes body);

/* It is over, and never was sent. */
void request_free(struct dht *dht, struct dht_request *request);

/* What that peer answers by a message of that kind. NULL with *drop: SEEN, UNASKED or PROTOCOL. */
struct dht_request *request_answered(struct dht *dht, const struct peer *from,
                                     const uint8_t number[8], enum tally_kind answer,
                                     enum tally_drop *drop);

/* Its answer came: the table learns. The request is closed. */
void request_done(struct dht *dht, const struct dht_step *step, struct dht_request *request,
                  const struct peer *from);

void requests_linked(struct dht *dht, const struct dht_step *step, struct peer *peer);
void requests_ended(struct dht *dht, const struct dht_step *step, const struct peer *peer);
void requests_tick(struct dht *dht, const struct dht_step *step);
struct tally_mono requests_deadline(const struct dht *dht);

/* To a peer, without a number to come back. */
void dht_say(const struct dht_step *step, const struct peer *peer, enum tally_kind kind,
             struct tally_bytes body);

/* ---- dht_tasks.c ---- */

/* There will be no answer, or none in time. */
void task_failed(struct dht *dht, const struct dht_step *step, const struct dht_request *request);

/* Nodes of an answer, read and checked; returns how many. */
size_t nodes_take(struct dht *dht, const struct dht_step *step, const struct tally_nodes *nodes,
                  struct lookup_node list[LOOKUP_NODES_MAX]);

void tasks_tick(struct dht *dht, const struct dht_step *step);
struct tally_mono tasks_deadline(const struct dht *dht);

/* A task's answer, with nodes, or none if it was a record. */
void task_answered(struct dht *dht, const struct dht_step *step, struct dht_request *request,
                   const struct peer *from, const struct lookup_node *nodes, size_t count);
void task_record(struct dht *dht, const struct dht_step *step, struct dht_request *request,
                 const struct peer *from, struct tally_bytes record);

struct dht_task *task_begin(struct dht *dht, const struct dht_step *step, enum dht_task_kind kind,
                            const struct tally_hash *target, unsigned end);

/* ---- dht_tell.c: what is told of ourselves. ---- */

void tell_tick(struct dht *dht, const struct dht_step *step);
struct tally_mono tell_deadline(const struct dht *dht);
void tell_keepers(struct dht *dht, const struct dht_step *step, struct dht_task *task);
enum tally_drop tell_state(struct dht *dht, const struct dht_step *step,
                           struct dht_request *request, const struct peer *from,
                           const struct tally_log_state *state);
/* A record of a log that we hold: whether it is one. */
bool tell_found(struct dht *dht, const struct dht_step *step, const struct tally_hash *origin,
                const struct peer *from, struct tally_bytes record);
void tell_kept(struct dht *dht, const struct dht_step *step, struct dht_request *request,
               const struct peer *from, struct tally_bytes record);

/* ---- dht_search.c ---- */

struct registrar_source search_source(struct dht *dht);
void searches_tick(struct dht *dht, const struct dht_step *step);
struct tally_mono searches_deadline(const struct dht *dht);
enum tally_drop searches_ads(struct dht *dht, const struct dht_step *step,
                             struct dht_request *request, const struct peer *from,
                             const struct tally_ads *ads);
void searches_nodes(struct dht *dht, const struct dht_step *step, struct dht_request *request,
                    const struct lookup_node *nodes, size_t count);

/* ---- dht_serve.c ---- */

enum tally_drop serve(struct dht *dht, const struct dht_step *step, struct peer *from,
                      const struct datagram *datagram);

/* ---- dht.c ---- */

/* A place for news; NULL if there is none. */
struct dht_news *dht_news_add(struct dht *dht, enum dht_news_kind kind);

static inline struct tally_mono dht_earlier(struct tally_mono a, struct tally_mono b)
{
    return a.ms < b.ms ? a : b;
}

#endif
