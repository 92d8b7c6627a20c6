/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups, and what they are for. */
#include "core/dht/dht_inside.h"

/* ---- Beginning. ---- */

struct dht_task *task_begin(struct dht *dht, const struct dht_step *step, enum dht_task_kind kind,
                            const struct tally_hash *target, unsigned end)
{
    struct dht_task *task = NULL;
    for (size_t i = 0; i < DHT_TASKS && task == NULL; i++)
        if (dht->tasks[i].kind == DHT_TASK_NONE)
            task = &dht->tasks[i];
    if (task == NULL || dht->table.count == 0)
        return NULL;
    task->lookup = blocks_take(&dht->options.loan->lookups);
    if (task->lookup == NULL)
        return NULL;
    dht->task_count++;
    task->kind = kind;
    task->serial++;
    task->topic = task->for_mesh = false;
    task->ticket = 0;
    task->found = task->records = 0;
    task->newest = (struct peer_order){.any = false};
    task->target = *target;
    const struct lookup_options options = {
        .target = *target,
        .self = dht->point,
        .end = end,
        .radius = table_radius(&dht->table, end),
        .insist = kind == DHT_TASK_PEER || end == LOOKUP_END_PUT,
    };
    lookup_init(task->lookup, &options, &dht->table, step->now);
    table_aimed(&dht->table, step->now, target);
    dht->due = step->now.mono;
    return task;
}

/* ---- Asking. ---- */

static enum tally_kind question_of(enum dht_task_kind kind)
{
    return kind == DHT_TASK_PEER   ? TALLY_KIND_GET_RECORD
           : kind == DHT_TASK_FIND ? TALLY_KIND_FIND_LOG
                                   : TALLY_KIND_FIND_NODE;
}

static void question_write(const struct dht_task *task, const uint8_t number[8],
                           struct wire_writer *w)
{
    struct tally_get_record record = {.key = task->key};
    struct tally_find_log log = {.origin = task->target};
    struct tally_find_node node = {.target = task->target, .want = LOOKUP_NODES_MAX};
    if (task->kind == DHT_TASK_PEER) {
        memcpy(record.request, number, sizeof record.request);
        tally_get_record_write(&record, w);
    } else if (task->kind == DHT_TASK_FIND) {
        memcpy(log.request, number, sizeof log.request);
        tally_find_log_write(&log, w);
    } else {
        memcpy(node.request, number, sizeof node.request);
        tally_find_node_write(&node, w);
    }
}

static bool task_ask(struct dht *dht, const struct dht_step *step, struct dht_task *task,
                     const struct lookup_ask *ask)
{
    struct dht_request *request = request_new(dht, DHT_LOOKUP, question_of(task->kind));
    if (request == NULL)
        return false;
    request->owner = (uint8_t)(task - dht->tasks);
    request->serial = task->serial;
    request->token = ask->token;
    uint8_t body[64];
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    question_write(task, request->number, &w);
    return request_send(dht, step, request, &ask->node.key, &ask->node.address,
                        wire_writer_bytes(&w));
}

void task_failed(struct dht *dht, const struct dht_step *step, const struct dht_request *request)
{
    switch ((enum dht_request_kind)request->kind) {
    case DHT_LOOKUP:
        if (dht->tasks[request->owner].kind != DHT_TASK_NONE &&
            dht->tasks[request->owner].serial == request->serial)
            lookup_failed(dht->tasks[request->owner].lookup, request->token);
        return;
    case DHT_QUERY:
        if (dht->searches[request->owner].search != NULL &&
            dht->searches[request->owner].serial == request->serial)
            search_failed(dht->searches[request->owner].search, request->token);
        return;
    case DHT_PLACE:
        advertise_failed(&dht->advertise, step->now, request->token);
        return;
    case DHT_PROBE:
    case DHT_PUT:
        return;
    }
}

/* ---- Answers. ---- */

/* The v4 and v6 lists of an answer, one after the other, at most LOOKUP_NODES_MAX in all. What may
   not be dialled is dropped here, what is of no use by the lookup. */
size_t nodes_take(struct dht *dht, const struct dht_step *step, const struct tally_nodes *nodes,
                  struct lookup_node list[LOOKUP_NODES_MAX])
{
    const struct {
        struct tally_bytes bytes;
        size_t item, ip;
    } lists[] = {{nodes->v4, 38, 4}, {nodes->v6, 50, 16}};
    size_t count = 0;
    for (size_t k = 0; k < 2; k++)
        for (size_t at = 0; at < lists[k].bytes.size && count < LOOKUP_NODES_MAX;
             at += lists[k].item) {
            const uint8_t *item = lists[k].bytes.data + at;
            struct lookup_node *node = &list[count];
            *node = (struct lookup_node){.address = {.ip = {[10] = 0xff, [11] = 0xff}}};
            memcpy(node->key.bytes, item, 32);
            memcpy(node->address.ip + 16 - lists[k].ip, item + 32, lists[k].ip);
            node->address.port = be16_read(item + 32 + lists[k].ip);
            if (dht->options.policy != NULL &&
                address_may_dial(dht->options.policy, &node->address, TALLY_SOURCE_DHT) !=
                    TALLY_HYGIENE_ALLOWED) {
                dht->drops[TALLY_DROP_SCOPE]++;
                if (address_may_announce(&node->address) != TALLY_HYGIENE_ALLOWED)
                    dht->standing = DHT_FALSE_ADDRESS; /* It is in no honest table. */
                continue;
            }
            (void)table_offer(&dht->table, step->now, &node->key, &node->address);
            count++;
        }
    return count;
}

static void found(struct dht *dht, struct dht_task *task, const struct tally_key *key,
                  const struct tally_address *address, enum tally_transport transport)
{
    if (task->for_mesh && transport != TALLY_TRANSPORT_UDP)
        return;
    struct dht_news *news = dht_news_add(dht, task->for_mesh ? DHT_NEWS_CANDIDATE : DHT_NEWS_FOUND);
    if (news == NULL)
        return;
    task->found++;
    news->ticket = task->ticket;
    news->key = *key;
    news->address = *address;
    news->transport = transport;
}

/* The peer that is looked for, as it describes itself: told if it is newer than what was. */
static void peer_record(struct dht *dht, const struct dht_step *step, struct dht_task *task,
                        struct tally_bytes bytes)
{
    struct record_peer record;
    enum tally_drop drop = record_open_peer(bytes, step->now, &task->key, step->verifier, &record);
    if (drop != TALLY_DROP_NONE) {
        dht->standing = drop == TALLY_DROP_FORGED ? DHT_FORGED : 0;
        dht->drops[drop]++; /* Another one may have the right one. */
        return;
    }
    if (++task->records == DHT_RECORDS)
        lookup_stop(task->lookup);
    const struct datagram *said = &record.datagram;
    if (!peer_order_above(&task->newest, said->epoch, said->counter))
        return;
    peer_order_take(&task->newest, said->epoch, said->counter);
    for (size_t i = 0; i < record.body.endpoints_count; i++)
        found(dht, task, &task->key, &record.body.endpoints[i].address,
              (enum tally_transport)record.body.endpoints[i].transport);
}

static bool seek(struct dht *dht, const struct dht_step *step, uint64_t ticket, bool for_mesh,
                 const struct tally_key *key)
{
    struct tally_hash point;
    if (!dht->on)
        return false;
    metric_point(key, &point);
    struct dht_task *task = task_begin(dht, step, DHT_TASK_PEER, &point, LOOKUP_END_FIND);
    if (task == NULL)
        return false;
    task->key = *key;
    task->ticket = ticket;
    task->for_mesh = for_mesh;
    /* Perhaps we keep it ourselves. */
    struct tally_bytes record = records_find(&dht->records, step->now, key);
    if (record.size > 0)
        peer_record(dht, step, task, record);
    return true;
}

bool dht_find_peer(struct dht *dht, const struct dht_step *step, uint64_t ticket,
                   const struct tally_key *key)
{
    return seek(dht, step, ticket, false, key);
}

bool dht_seek_peer(struct dht *dht, const struct dht_step *step, const struct tally_key *key)
{
    return seek(dht, step, 0, true, key);
}

void task_answered(struct dht *dht, const struct dht_step *step, struct dht_request *request,
                   const struct peer *from, const struct lookup_node *nodes, size_t count)
{
    struct dht_task *task = &dht->tasks[request->owner];
    uint32_t token = request->token;
    bool current = request->serial == task->serial;
    request_done(dht, step, request, from);
    if (task->kind == DHT_TASK_NONE || !current)
        return;
    (void)lookup_answered(task->lookup, token, nodes, count, dht->drops);
    /* The one we look for answered itself. */
    if (task->kind == DHT_TASK_PEER && task->found == 0 && key_equal(&task->key, &from->key)) {
        found(dht, task, &from->key, &from->link.address, TALLY_TRANSPORT_UDP);
        lookup_stop(task->lookup);
    }
}

void task_record(struct dht *dht, const struct dht_step *step, struct dht_request *request,
                 const struct peer *from, struct tally_bytes bytes)
{
    struct dht_task *task = &dht->tasks[request->owner];
    uint32_t token = request->token;
    bool current = request->serial == task->serial;
    request_done(dht, step, request, from);
    if ((task->kind != DHT_TASK_PEER && task->kind != DHT_TASK_FIND) || !current)
        return;
    (void)lookup_answered(task->lookup, token, NULL, 0, dht->drops);
    if (task->kind == DHT_TASK_PEER)
        peer_record(dht, step, task, bytes);
    else if (tell_found(dht, step, &task->target, from, bytes) && ++task->records == DHT_RECORDS)
        lookup_stop(task->lookup);
}

/* ---- Ending. ---- */

/* Some of those that answered, for the mesh to choose from. */
static void candidates(struct dht *dht, const struct dht_task *task)
{
    struct lookup_node list[LOOKUP_END_PUT];
    size_t count = lookup_result(task->lookup, list, LOOKUP_END_PUT);
    for (size_t i = 0; i < count && i < DHT_CANDIDATES; i++) {
        struct dht_news *news = dht_news_add(dht, DHT_NEWS_CANDIDATE);
        if (news == NULL)
            return;
        news->key = list[i].key;
        news->address = list[i].address;
    }
}

static void task_end(struct dht *dht, const struct dht_step *step, struct dht_task *task)
{
    struct dht_news *news;
    struct lookup_node list[LOOKUP_END_PUT];
    size_t answered = lookup_result(task->lookup, list, LOOKUP_END_PUT);
    dht->lookups++;
    dht->lookups_failed += answered == 0;
    switch (task->kind) {
    case DHT_TASK_NONE:
        return;
    case DHT_TASK_SELF:
        candidates(dht, task);
        break;
    case DHT_TASK_REFRESH:
        for (size_t i = 0; task->topic && i < answered; i++) {
            const struct registrar met = {.key = list[i].key, .address = list[i].address};
            advertise_heard(&dht->advertise, step->now, &task->target, &met);
        }
        break;
    case DHT_TASK_PEER:
        news = task->for_mesh ? NULL : dht_news_add(dht, DHT_NEWS_ENDED);
        if (news != NULL) {
            news->ticket = task->ticket;
            news->count = task->found;
        }
        break;
    case DHT_TASK_RECORD:
    case DHT_TASK_LOG:
        tell_keepers(dht, step, task);
        break;
    case DHT_TASK_FIND:
        break;
    }
    news = dht_news_add(dht, DHT_NEWS_LOOKUP);
    if (news != NULL) {
        news->count = task->lookup->messages;
        news->found = (unsigned)answered;
    }
    task->kind = DHT_TASK_NONE;
    blocks_give(&dht->options.loan->lookups, task->lookup);
    task->lookup = NULL;
    dht->task_count--;
}

static void task_tick(struct dht *dht, const struct dht_step *step, struct dht_task *task)
{
    struct lookup_ask ask;
    lookup_tick(task->lookup, step->now);
    while (lookup_next(task->lookup, step->now, &dht->table, &ask))
        if (!task_ask(dht, step, task, &ask))
            lookup_failed(task->lookup, ask.token);
    if (lookup_over(task->lookup))
        task_end(dht, step, task);
}

/* ---- What keeps the table true. ---- */

static void probe(struct dht *dht, const struct dht_step *step)
{
    struct table_probe probe;
    if (!table_probe(&dht->table, step->now, &probe))
        return;
    struct dht_request *request = request_new(dht, DHT_PROBE, TALLY_KIND_FIND_NODE);
    if (request == NULL)
        return;
    struct tally_find_node message = {.target = probe.target, .want = (uint8_t)probe.want};
    uint8_t body[64];
    struct wire_writer w;
    memcpy(message.request, request->number, sizeof message.request);
    wire_writer_init(&w, body, sizeof body);
    tally_find_node_write(&message, &w);
    (void)request_send(dht, step, request, &probe.key, &probe.address, wire_writer_bytes(&w));
}

/* Our own point again and again, ever more rarely, while we know few; quiet buckets one by one. How
   many there are by now, for what was put when there were fewer. */
static void upkeep(struct dht *dht, const struct dht_step *step)
{
    struct tally_hash target;
    if (dht->join.ms <= step->now.mono.ms) {
        bool begun = dht->table.count > 0 &&
                     task_begin(dht, step, DHT_TASK_SELF, &dht->point, LOOKUP_END_FIND) != NULL;
        uint64_t wait = backoff_next(&dht->joins, &dht->advertise.random);
        bool thin = table_count(&dht->table) < DHT_THIN;
        dht->join.ms = !begun && dht->table.count > 0 ? step->now.mono.ms + DHT_JOIN_MS
                       : thin                         ? step->now.mono.ms + wait
                                                      : UINT64_MAX;
    }
    if (dht->refresh.ms <= step->now.mono.ms) {
        dht->refresh.ms = step->now.mono.ms + DHT_REFRESH_MS;
        publish_gap(&dht->publish, step->now, table_radius(&dht->table, 1));
        if (table_refresh(&dht->table, step->now, &target))
            (void)task_begin(dht, step, DHT_TASK_REFRESH, &target, LOOKUP_END_FIND);
    }
    if (table_deadline(&dht->table).ms <= step->now.mono.ms)
        probe(dht, step);
}

void tasks_tick(struct dht *dht, const struct dht_step *step)
{
    upkeep(dht, step);
    for (size_t i = 0; i < DHT_TASKS; i++)
        if (dht->tasks[i].kind != DHT_TASK_NONE)
            task_tick(dht, step, &dht->tasks[i]);
}

struct tally_mono tasks_deadline(const struct dht *dht)
{
    struct tally_mono next = dht_earlier(dht->join, table_deadline(&dht->table));
    if (dht->table.count > 0)
        next = dht_earlier(next, dht->refresh);
    for (size_t i = 0; dht->task_count > 0 && i < DHT_TASKS; i++)
        if (dht->tasks[i].kind != DHT_TASK_NONE)
            next = dht_earlier(next, lookup_deadline(dht->tasks[i].lookup));
    return next;
}
