/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dht/dht.h"

#include "core/crypto/hash.h"
#include "core/dht/dht_inside.h"

#include <stdlib.h>

/* Of the stores for others. The simulator has few. */
static size_t held_max(const struct dht_options *options)
{
    unsigned share = options->values_max / 4 + 1;
    return options->values_max == 0 || share > HELD_MAX ? HELD_MAX : share;
}

static bool parts_new(struct dht *dht, struct tally_now now)
{
    const struct dht_options *options = &dht->options;
    const struct table_options table = {
        .key = options->key, .contacts_max = options->contacts_max, .seed = options->seed};
    struct records_options records = {.key = options->key,
                                      .capacity = options->records_max != 0 ? options->records_max
                                                                            : options->values_max};
    struct values_options values = {.key = options->key,
                                    .capacity = options->values_max,
                                    .secret = options->secret,
                                    .pending = options->pending_max};
    const struct topics_options topics = {
        .capacity = options->values_max, .seed = options->seed + 1, .secret = options->secret};
    struct advertise_options advertise = {.key = options->key,
                                          .namespaces = options->namespaces_max,
                                          .placements = options->placements_max,
                                          .seed = options->seed + 2};
    size_t own_logs = options->own_logs_max == 0 ? TALLY_OWN_LOGS_MAX : options->own_logs_max;
    uint8_t held_key[16];
    options->secret.draw(options->secret.context, records.hash_key, sizeof records.hash_key);
    options->secret.draw(options->secret.context, held_key, sizeof held_key);
    memcpy(values.network, options->network, sizeof values.network);
    memcpy(advertise.network, options->network, sizeof advertise.network);
    return table_new(&dht->table, &table, now) && records_new(&dht->records, &records) &&
           values_new(&dht->values, &values) && topics_new(&dht->topics, &topics) &&
           publish_new(&dht->publish, own_logs + 1 + held_max(options), options->seed + 3) &&
           held_new(&dht->held, held_max(options), held_key) &&
           advertise_new(&dht->advertise, &advertise);
}

static bool own_loan_new(struct dht *dht)
{
    dht->options.loan = dht->own_loan = calloc(1, sizeof *dht->own_loan);
    return dht->own_loan != NULL && dht_loan_new(dht->own_loan, 1);
}

bool dht_new(struct dht *dht, const struct dht_options *options, struct tally_now now)
{
    *dht = (struct dht){.options = *options,
                        .reachable = TALLY_NEVER,
                        .due = TALLY_NEVER,
                        .join = TALLY_NEVER,
                        .refresh = {now.mono.ms + DHT_REFRESH_MS},
                        .joins = {.first_ms = 10000, .cap_ms = DHT_JOIN_CAP_MS}};
    dht->on = options->profile == TALLY_PROFILE_AUTO || options->profile == TALLY_PROFILE_SERVER;
    dht->server = options->profile == TALLY_PROFILE_SERVER;
    dht->drops = calloc(TALLY_DROP_COUNT, sizeof *dht->drops);
    if (dht->drops == NULL || !dht->on)
        return dht->drops != NULL;
    metric_point(&options->key, &dht->point);
    bucket_init(&dht->all, DHT_RATE_ALL, DHT_RATE_ALL, now.mono);
    options->secret.draw(options->secret.context, dht->share_key, sizeof dht->share_key);
    dht->requests_max = options->requests_max == 0 ? DHT_REQUESTS : options->requests_max;
    bool lent = dht->options.loan != NULL || own_loan_new(dht);
    bool few = options->own_max > 0 && options->own_max < DHT_OWN;
    dht->own_max = few ? options->own_max : DHT_OWN;
    dht->own = calloc(dht->own_max, sizeof *dht->own);
    dht->requests = calloc(dht->requests_max, sizeof(struct dht_request *));
    dht->closed = calloc(dht->requests_max, sizeof *dht->closed);
    dht->shares = calloc(DHT_SHARES, sizeof *dht->shares);
    dht->tasks = calloc(DHT_TASKS, sizeof *dht->tasks);
    if (lent && dht->own != NULL && dht->requests != NULL && dht->closed != NULL &&
        dht->shares != NULL && dht->tasks != NULL && parts_new(dht, now))
        return true;
    dht_free(dht);
    return false;
}

void dht_free(struct dht *dht)
{
    while (dht->request_count > 0)
        request_free(dht, dht->requests[dht->request_count - 1]);
    for (size_t i = 0; dht->tasks != NULL && i < DHT_TASKS; i++)
        blocks_give(&dht->options.loan->lookups, dht->tasks[i].lookup);
    for (size_t i = 0; dht->on && i < DHT_SEARCHES; i++)
        blocks_give(&dht->options.loan->searches, dht->searches[i].search);
    if (dht->on) {
        table_free(&dht->table);
        records_free(&dht->records);
        values_free(&dht->values);
        topics_free(&dht->topics);
        publish_free(&dht->publish);
        held_free(&dht->held);
        advertise_free(&dht->advertise);
    }
    free(dht->own);
    free(dht->requests);
    free(dht->closed);
    free(dht->shares);
    free(dht->tasks);
    free(dht->drops);
    if (dht->own_loan != NULL)
        dht_loan_free(dht->own_loan);
    free(dht->own_loan);
    hash_wipe(dht, sizeof *dht);
}

struct dht_news *dht_news_add(struct dht *dht, enum dht_news_kind kind)
{
    if (dht->news_count == DHT_NEWS)
        return NULL;
    struct dht_news *news =
        &dht->options.loan->news[(dht->news_first + dht->news_count++) % DHT_NEWS];
    *news = (struct dht_news){.kind = kind};
    return news;
}

bool dht_next_news(struct dht *dht, struct dht_news *news)
{
    if (dht->news_count == 0)
        return false;
    *news = dht->options.loan->news[dht->news_first];
    dht->news_first = (dht->news_first + 1) % DHT_NEWS;
    dht->news_count--;
    return true;
}

/* ---- What the node tells. ---- */

void dht_addresses(struct dht *dht, const struct dht_step *step,
                   const struct tally_own_address *list, size_t count)
{
    struct tally_endpoint before[TALLY_PEER_RECORD_ENDPOINTS_MAX];
    struct tally_endpoint after[TALLY_PEER_RECORD_ENDPOINTS_MAX];
    if (!dht->on)
        return;
    struct record_self self = {.addresses = dht->own, .address_count = dht->own_count};
    size_t old = record_endpoints(&self, before, TALLY_PEER_RECORD_ENDPOINTS_MAX);
    dht->own_count = 0;
    bool reachable = false;
    for (size_t i = 0; i < count && dht->own_count < dht->own_max; i++) {
        if (!list[i].global || list[i].state != TALLY_REACH_REACHABLE)
            continue;
        reachable = reachable || list[i].transport == TALLY_TRANSPORT_UDP;
        dht->own[dht->own_count++] = list[i];
    }
    self.address_count = dht->own_count;
    size_t new = record_endpoints(&self, after, TALLY_PEER_RECORD_ENDPOINTS_MAX);
    bool same = old == new;
    for (size_t i = 0; same && i < new; i++)
        same = before[i].transport == after[i].transport &&
               address_equal(&before[i].address, &after[i].address);
    if (!reachable)
        dht->reachable = TALLY_NEVER;
    else if (dht->reachable.ms == TALLY_NEVER.ms)
        dht->reachable = step->now.mono;
    dht->due = step->now.mono; /* The role may change. */
    if (!same)
        publish_changed(&dht->publish, step->now, PUBLISH_RECORD, &dht->point);
}

void dht_follow(struct dht *dht, struct tally_now now, const struct advertise_namespace *list,
                size_t count)
{
    if (dht->on)
        advertise_follow(&dht->advertise, now, list, count);
}

void dht_sealed(struct dht *dht, struct tally_now now, const struct tally_hash *origin)
{
    if (dht->on)
        publish_changed(&dht->publish, now, PUBLISH_LOG, origin);
}

void dht_held(struct dht *dht, struct tally_now now, const struct tally_hash *origin)
{
    static const struct tally_hash nothing;
    struct tally_hash gone;
    if (!dht->on || held_take(&dht->held, origin, &gone) == NULL)
        return;
    if (!hash_equal(&gone, &nothing))
        publish_forget(&dht->publish, &gone);
    publish_held(&dht->publish, now, origin);
}

void dht_announced(struct dht *dht, const struct tally_hash *origin, uint64_t size,
                   struct tally_bytes record)
{
    struct held_log *log = dht->on ? held_find(&dht->held, origin) : NULL;
    if (log != NULL)
        held_record(log, size, record);
}

void dht_linked(struct dht *dht, const struct dht_step *step, struct peer *peer)
{
    if (!dht->on)
        return;
    requests_linked(dht, step, peer);
    if ((peer->caps & PEERS_CAPS_DHT) == 0)
        return;
    bool first = dht->table.count == 0;
    (void)table_offer(&dht->table, step->now, &peer->key, &peer->link.address);
    if (first && dht->table.count > 0) {
        backoff_reset(&dht->joins);
        dht->join.ms = step->now.mono.ms + DHT_JOIN_MS;
    }
}

void dht_ended(struct dht *dht, const struct dht_step *step, const struct peer *peer)
{
    if (dht->on)
        requests_ended(dht, step, peer);
}

/* ---- Answers. ---- */

static enum tally_drop on_nodes(struct dht *dht, const struct dht_step *step, struct peer *from,
                                const struct datagram *datagram)
{
    struct wire_reader r;
    struct tally_nodes nodes;
    struct lookup_node list[LOOKUP_NODES_MAX];
    wire_reader_init(&r, datagram->body);
    tally_nodes_read(&r, &nodes);
    if (!wire_reader_done(&r) || nodes.v4.size / 38 + nodes.v6.size / 50 > LOOKUP_NODES_MAX)
        return TALLY_DROP_MALFORMED;
    enum tally_drop drop;
    struct dht_request *request =
        request_answered(dht, from, nodes.request, TALLY_KIND_NODES, &drop);
    if (request == NULL)
        return drop;
    size_t count = nodes_take(dht, step, &nodes, list);
    switch ((enum dht_request_kind)request->kind) {
    case DHT_LOOKUP:
        task_answered(dht, step, request, from, list, count);
        return TALLY_DROP_NONE;
    case DHT_QUERY:
        searches_nodes(dht, step, request, list, count);
        request_done(dht, step, request, from);
        return TALLY_DROP_NONE;
    case DHT_PROBE:
    case DHT_PUT:
    case DHT_PLACE:
        break;
    }
    request_done(dht, step, request, from);
    return TALLY_DROP_NONE;
}

static enum tally_drop on_found_record(struct dht *dht, const struct dht_step *step,
                                       struct peer *from, const struct datagram *datagram)
{
    struct wire_reader r;
    struct tally_found_record answer;
    wire_reader_init(&r, datagram->body);
    tally_found_record_read(&r, &answer);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    enum tally_drop drop;
    struct dht_request *request =
        request_answered(dht, from, answer.request, TALLY_KIND_FOUND_RECORD, &drop);
    if (request == NULL)
        return drop;
    if (request->kind == DHT_PUT)
        tell_kept(dht, step, request, from, answer.record);
    else
        task_record(dht, step, request, from, answer.record);
    return TALLY_DROP_NONE;
}

static enum tally_drop on_log_state(struct dht *dht, const struct dht_step *step, struct peer *from,
                                    const struct datagram *datagram)
{
    struct wire_reader r;
    struct tally_log_state state;
    wire_reader_init(&r, datagram->body);
    tally_log_state_read(&r, &state);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    enum tally_drop drop;
    struct dht_request *request =
        request_answered(dht, from, state.request, TALLY_KIND_LOG_STATE, &drop);
    return request != NULL ? tell_state(dht, step, request, from, &state) : drop;
}

static enum tally_drop on_registered(struct dht *dht, const struct dht_step *step,
                                     struct peer *from, const struct datagram *datagram)
{
    struct wire_reader r;
    struct tally_registered answer;
    wire_reader_init(&r, datagram->body);
    tally_registered_read(&r, &answer);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    enum tally_drop drop;
    struct dht_request *request =
        request_answered(dht, from, answer.request, TALLY_KIND_REGISTERED, &drop);
    if (request == NULL)
        return drop;
    uint32_t token = request->token;
    request_done(dht, step, request, from);
    drop = advertise_registered(&dht->advertise, step->now, token, &answer);
    return drop == TALLY_DROP_UNASKED ? TALLY_DROP_SEEN : drop; /* It was, but waited no longer. */
}

static enum tally_drop on_ads(struct dht *dht, const struct dht_step *step, struct peer *from,
                              const struct datagram *datagram)
{
    struct wire_reader r;
    struct tally_ads ads;
    wire_reader_init(&r, datagram->body);
    tally_ads_read(&r, &ads);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    enum tally_drop drop;
    struct dht_request *request = request_answered(dht, from, ads.request, TALLY_KIND_ADS, &drop);
    return request != NULL ? searches_ads(dht, step, request, from, &ads) : drop;
}

enum tally_drop dht_receive(struct dht *dht, const struct dht_step *step, struct peer *from,
                            const struct datagram *datagram)
{
    typedef enum tally_drop receiver(struct dht *, const struct dht_step *, struct peer *,
                                     const struct datagram *);
    static receiver *const receivers[] = {
        [TALLY_KIND_NODES] = on_nodes,
        [TALLY_KIND_FOUND_RECORD] = on_found_record,
        [TALLY_KIND_LOG_STATE] = on_log_state,
        [TALLY_KIND_REGISTERED] = on_registered,
        [TALLY_KIND_ADS] = on_ads,
    };
    size_t kind = datagram->kind;
    dht->standing = 0;
    if (!dht->on)
        return TALLY_DROP_REFUSED;
    if (kind < sizeof receivers / sizeof *receivers && receivers[kind] != NULL) {
        dht->due = step->now.mono;
        return receivers[kind](dht, step, from, datagram);
    }
    return serve(dht, step, from, datagram);
}

/* ---- Time and questions. ---- */

/* Client or server: reachable for a while, and back at once when that is lost. */
static void role(struct dht *dht, const struct dht_step *step)
{
    bool server = dht->options.profile == TALLY_PROFILE_SERVER ||
                  (dht->reachable.ms != TALLY_NEVER.ms &&
                   step->now.mono.ms - dht->reachable.ms >= DHT_PROVED_MS);
    if (server == dht->server)
        return;
    dht->server = server;
    if (dht->own_count > 0)
        publish_changed(&dht->publish, step->now, PUBLISH_RECORD, &dht->point);
}

static struct tally_mono role_deadline(const struct dht *dht)
{
    bool waits = dht->reachable.ms != TALLY_NEVER.ms && !dht->server;
    return waits ? (struct tally_mono){dht->reachable.ms + DHT_PROVED_MS} : TALLY_NEVER;
}

struct tally_mono dht_deadline(const struct dht *dht)
{
    if (!dht->on)
        return TALLY_NEVER;
    struct tally_mono next = dht_earlier(requests_deadline(dht), tasks_deadline(dht));
    next = dht_earlier(dht->due, dht_earlier(next, searches_deadline(dht)));
    return dht_earlier(next, dht_earlier(tell_deadline(dht), role_deadline(dht)));
}

void dht_tick(struct dht *dht, const struct dht_step *step)
{
    if (!dht->on || step->peers->stopping)
        return;
    dht->due = TALLY_NEVER;
    role(dht, step);
    requests_tick(dht, step);
    tell_tick(dht, step);
    tasks_tick(dht, step);
    searches_tick(dht, step);
}

uint8_t dht_caps(const struct dht *dht, uint8_t caps)
{
    return (uint8_t)(dht->server ? caps | PEERS_CAPS_DHT : caps & ~PEERS_CAPS_DHT);
}

unsigned dht_contacts(const struct dht *dht)
{
    return dht->on ? table_count(&dht->table) : 0;
}

bool dht_holds(const struct dht *dht, struct tally_now now)
{
    if (!dht->on)
        return true;
    for (size_t i = 0; i < DHT_TASKS; i++)
        if ((dht->tasks[i].kind == DHT_TASK_NONE) != (dht->tasks[i].lookup == NULL) ||
            (dht->tasks[i].lookup != NULL && !lookup_holds(dht->tasks[i].lookup)))
            return false;
    for (size_t i = 0; i < DHT_SEARCHES; i++)
        if (dht->searches[i].search != NULL && !search_holds(dht->searches[i].search))
            return false;
    return table_holds(&dht->table) && records_holds(&dht->records, now) &&
           values_holds(&dht->values, now) && topics_holds(&dht->topics, now) &&
           publish_holds(&dht->publish) && advertise_holds(&dht->advertise);
}
