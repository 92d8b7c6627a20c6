/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of ourselves: our record, the checkpoints of our logs, that we follow namespaces. */
#include "core/dht/dht_inside.h"
#include "core/wire/derive.h"
#include "tally/log.h"

static struct record_author author_of(const struct dht *dht, const struct dht_step *step)
{
    return (struct record_author){.key = dht->options.key,
                                  .epoch = step->peers->options.epoch,
                                  .counter = &step->peers->counter,
                                  .crypto = &dht->options.crypto};
}

static struct record_self self_of(const struct dht *dht,
                                  struct record_namespace names[RECORD_NAMESPACES])
{
    for (size_t i = 0; i < dht->namespace_count; i++) {
        memcpy(names[i].tag, dht->namespaces[i], sizeof names[i].tag);
        names[i].hidden = false;
    }
    return (struct record_self){.addresses = dht->own,
                                .address_count = dht->own_count,
                                .caps = PEERS_CAPS_STREAMS | (dht->server ? PEERS_CAPS_DHT : 0),
                                .namespaces = names,
                                .namespace_count = dht->namespace_count};
}

/* The announce of a log of ours as it would go over links, without its bookkeeping: what a log
   value is. 0 if there is no checkpoint that fits. */
static size_t announce_write(struct dht *dht, const struct dht_step *step,
                             const struct tally_hash *origin, uint8_t record[TALLY_RECORD_MAX])
{
    const struct tally_ledger *ledger = &dht->options.ledger;
    struct tally_log_view view;
    uint8_t note[TALLY_CHECKPOINT_MAX], body[TALLY_SIGNED_BODY_MAX];
    if (!ledger->find(ledger->context, origin, &view) || !view.own || view.frozen)
        return 0;
    size_t size = ledger->checkpoint(ledger->context, origin, note, sizeof note);
    if (size == 0)
        return 0;
    struct tally_announce message = {
        .wall_ms = step->now.wall.us < 0 ? 0 : (uint64_t)step->now.wall.us / 1000,
        .log_key = view.issuer,
        .checkpoint = bytes_of(note, size),
        .size_to = view.size,
    };
    derive_namespace_tag(dht->options.network, bytes_text(view.name_space), message.name_space);
    struct wire_writer w;
    struct parcel parcel;
    wire_writer_init(&w, body, sizeof body);
    tally_announce_write(&message, &w);
    parcel_make(step->peers, TALLY_KIND_ANNOUNCE, wire_writer_bytes(&w), false, &parcel);
    memcpy(record, parcel.bytes, parcel.size);
    return parcel.size;
}

/* The announce of a log that is to be kept, with the size it tells: of one of ours as it is now, of
   another's as it came. 0 if there is none, or it tells more than we hold. */
static size_t log_record(struct dht *dht, const struct dht_step *step,
                         const struct tally_hash *origin, uint8_t record[TALLY_RECORD_MAX],
                         uint64_t *size)
{
    const struct tally_ledger *ledger = &dht->options.ledger;
    const struct held_log *held = held_find(&dht->held, origin);
    struct tally_log_view view;
    if (!ledger->find(ledger->context, origin, &view) || view.frozen)
        return 0;
    *size = view.size;
    if (view.own)
        return announce_write(dht, step, origin, record);
    if (held == NULL || held->record_size == 0 || held->size > view.size)
        return 0;
    *size = held->size;
    memcpy(record, held->record, held->record_size);
    return held->record_size;
}

/* ---- To those that are to keep it. ---- */

static void record_put(struct dht *dht, const struct dht_step *step, const struct lookup_node *list,
                       size_t count)
{
    struct record_namespace names[RECORD_NAMESPACES];
    const struct record_author author = author_of(dht, step);
    const struct record_self self = self_of(dht, names);
    uint8_t record[RECORD_PEER_MAX], body[TALLY_DATAGRAM_MAX];
    size_t size = record_write_peer(&author, step->now, &self, record);
    for (size_t i = 0; i < count; i++) {
        struct dht_request *request = request_new(dht, DHT_PUT, TALLY_KIND_PUT_RECORD);
        if (request == NULL) {
            publish_failed(&dht->publish, step->now, &dht->point);
            return;
        }
        struct tally_put_record message = {.record = bytes_of(record, size)};
        struct wire_writer w;
        memcpy(message.request, request->number, sizeof message.request);
        wire_writer_init(&w, body, sizeof body);
        tally_put_record_write(&message, &w);
        (void)request_send(dht, step, request, &list[i].key, &list[i].address,
                           wire_writer_bytes(&w));
    }
}

static void log_put(struct dht *dht, const struct dht_step *step, const struct dht_task *task,
                    const struct lookup_node *list, size_t count)
{
    uint8_t record[TALLY_RECORD_MAX], body[TALLY_DATAGRAM_MAX];
    uint64_t told = 0;
    size_t size = log_record(dht, step, &task->target, record, &told);
    for (size_t i = 0; size > 0 && i < count; i++) {
        struct dht_request *request = request_new(dht, DHT_PUT, TALLY_KIND_PUT_LOG);
        if (request == NULL) {
            publish_failed(&dht->publish, step->now, &task->target);
            return;
        }
        request->target = task->target;
        request->log_size = told;
        struct tally_put_log message = {.record = bytes_of(record, size)};
        struct wire_writer w;
        memcpy(message.request, request->number, sizeof message.request);
        wire_writer_init(&w, body, sizeof body);
        tally_put_log_write(&message, &w);
        (void)request_send(dht, step, request, &list[i].key, &list[i].address,
                           wire_writer_bytes(&w));
    }
}

void tell_keepers(struct dht *dht, const struct dht_step *step, struct dht_task *task)
{
    struct lookup_node list[LOOKUP_KEEPERS];
    size_t count = lookup_keepers(task->lookup, table_radius(&dht->table, LOOKUP_REGION), list);
    if (count == 0)
        publish_failed(&dht->publish, step->now, &task->target);
    else if (task->kind == DHT_TASK_RECORD)
        record_put(dht, step, list, count);
    else
        log_put(dht, step, task, list, count);
}

/* ---- What they answer. ---- */

enum tally_drop tell_state(struct dht *dht, const struct dht_step *step,
                           struct dht_request *request, const struct peer *from,
                           const struct tally_log_state *state)
{
    const struct tally_ledger *ledger = &dht->options.ledger;
    struct tally_hash origin = request->target;
    struct tally_hash hashes[VALUES_PROOF_MAX];
    uint64_t size = request->log_size;
    bool proving = request->wire == TALLY_KIND_PUT_LOG;
    request_done(dht, step, request, from);
    if (state->verdict != VALUES_PROVE || !proving || !state->has_ticket)
        return TALLY_DROP_NONE;
    if (state->size == 0 || state->size >= size)
        return TALLY_DROP_STALE;
    size_t count = values_prove(ledger, &origin, state->size, size, hashes);
    struct dht_request *next = count > 0 ? request_new(dht, DHT_PUT, TALLY_KIND_EXTEND) : NULL;
    if (next == NULL)
        return TALLY_DROP_NONE;
    next->target = origin;
    next->log_size = size;
    struct tally_extend message = {.hashes = bytes_of(hashes, count * sizeof *hashes)};
    memcpy(message.request, next->number, sizeof message.request);
    memcpy(message.ticket, state->ticket, sizeof message.ticket);
    uint8_t body[TALLY_DATAGRAM_MAX];
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_extend_write(&message, &w);
    (void)request_send(dht, step, next, &from->key, &from->link.address, wire_writer_bytes(&w));
    return TALLY_DROP_NONE;
}

/* A hint of others about a log that we hold. Two signatures are behind it, and the node compares it
   with what we have: a restored copy of our own learns how far it had got, of another's log we
   learn that there is more, or that it has two pasts. */
bool tell_found(struct dht *dht, const struct dht_step *step, const struct tally_hash *origin,
                const struct peer *from, struct tally_bytes record)
{
    struct claim claim;
    enum tally_drop drop =
        values_open(record, step->now, dht->options.network, origin, step->verifier, &claim);
    if (drop != TALLY_DROP_NONE) {
        dht->standing = drop == TALLY_DROP_FORGED ? DHT_FORGED : 0;
        dht->drops[drop]++;
        return false;
    }
    dht_announced(dht, origin, claim.checkpoint.size, record);
    struct tally_bytes note = claim.message.checkpoint;
    struct dht_news *news =
        note.size <= sizeof dht->options.loan->notes[0] ? dht_news_add(dht, DHT_NEWS_NOTE) : NULL;
    if (news != NULL) {
        memcpy(dht->options.loan->notes[0], note.data, note.size);
        news->key = from->key;
        news->first = bytes_of(dht->options.loan->notes[0], note.size);
    }
    return true;
}

/* It keeps another one than we put: the same size with another root, or a larger one. */
void tell_kept(struct dht *dht, const struct dht_step *step, struct dht_request *request,
               const struct peer *from, struct tally_bytes record)
{
    struct tally_hash origin = request->target;
    request_done(dht, step, request, from);
    (void)tell_found(dht, step, &origin, from, record);
}

/* ---- When. ---- */

static void place(struct dht *dht, const struct dht_step *step, struct advertise_ask *ask)
{
    struct dht_request *request = request_new(dht, DHT_PLACE, TALLY_KIND_REGISTER);
    if (request == NULL) {
        advertise_failed(&dht->advertise, step->now, ask->token);
        return;
    }
    request->token = ask->token;
    memcpy(ask->request.request, request->number, sizeof ask->request.request);
    uint8_t body[TALLY_DATAGRAM_MAX];
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_register_write(&ask->request, &w);
    if (!request_send(dht, step, request, &ask->registrar.key, &ask->registrar.address,
                      wire_writer_bytes(&w)))
        advertise_failed(&dht->advertise, step->now, ask->token);
}

static void advertise_all(struct dht *dht, const struct dht_step *step)
{
    const struct registrar_source source = search_source(dht);
    struct record_namespace names[RECORD_NAMESPACES];
    struct record_author author = author_of(dht, step);
    struct record_self self = self_of(dht, names);
    struct advertise_ask ask;
    struct tally_hash topic;
    advertise_tick(&dht->advertise, step->now, &source);
    /* Both are asked until they say no, or the deadline would stay. */
    while (advertise_lookup(&dht->advertise, step->now, &topic)) {
        struct dht_task *task =
            dht->own_count > 0 ? task_begin(dht, step, DHT_TASK_REFRESH, &topic, LOOKUP_END_FIND)
                               : NULL;
        if (task != NULL)
            task->topic = true;
    }
    while (advertise_next(&dht->advertise, step->now, &author, &self, &ask))
        place(dht, step, &ask);
}

void tell_tick(struct dht *dht, const struct dht_step *step)
{
    struct publish_item item;
    if (advertise_deadline(&dht->advertise).ms <= step->now.mono.ms)
        advertise_all(dht, step);
    while (dht->table.count > 0 && publish_next(&dht->publish, step->now, &item)) {
        uint8_t record[TALLY_RECORD_MAX];
        uint64_t size;
        if (item.kind == PUBLISH_RECORD && dht->own_count == 0)
            continue;
        /* Of a log of others whose announce we have not heard the DHT may have it. */
        enum dht_task_kind kind = item.kind == PUBLISH_RECORD ? DHT_TASK_RECORD
                                  : log_record(dht, step, &item.target, record, &size) > 0
                                      ? DHT_TASK_LOG
                                      : DHT_TASK_FIND;
        unsigned end = kind == DHT_TASK_FIND ? LOOKUP_END_FIND : LOOKUP_END_PUT;
        if (task_begin(dht, step, kind, &item.target, end) == NULL) {
            publish_failed(&dht->publish, step->now, &item.target);
            return;
        }
    }
}

struct tally_mono tell_deadline(const struct dht *dht)
{
    struct tally_mono next = advertise_deadline(&dht->advertise);
    return dht->table.count > 0 ? dht_earlier(next, publish_deadline(&dht->publish)) : next;
}
