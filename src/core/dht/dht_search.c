/* SPDX-License-Identifier: Apache-2.0 */
/* Looking for those who follow a namespace, with the table's contacts as registrars. */
#include "core/dht/dht_inside.h"

/* Contacts that share exactly so many leading bits with the topic. */
static size_t registrars_find(void *context, const struct tally_hash *topic, unsigned bucket,
                              struct registrar list[REGISTRARS_OFFERED])
{
    const struct dht *dht = context;
    size_t count = 0;
    for (size_t b = 0; b < TABLE_BUCKETS; b++) {
        const struct table_bucket *known = &dht->table.buckets[b];
        for (unsigned i = 0; i < known->count && i < known->width && count < REGISTRARS_OFFERED;
             i++) {
            const struct contact *contact = &dht->table.contacts[known->list[i]];
            unsigned shared = metric_shared(&contact->point, topic);
            if ((shared < REGISTRARS_BUCKETS ? shared : REGISTRARS_BUCKETS - 1) != bucket)
                continue;
            list[count].key = contact->key;
            list[count++].address = contact_address(contact);
        }
    }
    return count;
}

struct registrar_source search_source(struct dht *dht)
{
    return (struct registrar_source){dht, registrars_find};
}

bool dht_find_namespace(struct dht *dht, const struct dht_step *step, uint64_t ticket,
                        struct tally_bytes name_space)
{
    for (size_t i = 0; dht->on && dht->table.count > 0 && i < DHT_SEARCHES; i++) {
        struct dht_search *search = &dht->searches[i];
        if (search->search != NULL)
            continue;
        search->search = blocks_take(&dht->options.loan->searches);
        if (search->search == NULL)
            return false;
        dht->search_count++;
        struct search_options options = {.key = dht->options.key,
                                         .name_space = name_space,
                                         .seed = random_next(&dht->advertise.random)};
        memcpy(options.network, dht->options.network, sizeof options.network);
        search->serial++;
        search->ticket = ticket;
        search_init(search->search, &options, step->now);
        dht->due = step->now.mono;
        return true;
    }
    return false;
}

static void ask(struct dht *dht, const struct dht_step *step, struct dht_search *search,
                struct search_ask *question)
{
    struct dht_request *request = request_new(dht, DHT_QUERY, TALLY_KIND_TOPIC_QUERY);
    if (request == NULL) {
        search_failed(search->search, question->token);
        return;
    }
    request->owner = (uint8_t)(search - dht->searches);
    request->serial = search->serial;
    request->token = question->token;
    memcpy(question->query.request, request->number, sizeof question->query.request);
    uint8_t body[64];
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_topic_query_write(&question->query, &w);
    if (!request_send(dht, step, request, &question->registrar.key, &question->registrar.address,
                      wire_writer_bytes(&w)))
        search_failed(search->search, question->token);
}

void searches_tick(struct dht *dht, const struct dht_step *step)
{
    const struct registrar_source source = search_source(dht);
    for (size_t i = 0; i < DHT_SEARCHES; i++) {
        struct dht_search *search = &dht->searches[i];
        struct search_ask question;
        if (search->search == NULL)
            continue;
        search_tick(search->search, step->now);
        while (search_next(search->search, step->now, &source, &question))
            ask(dht, step, search, &question);
        if (!search_over(search->search))
            continue;
        struct dht_news *news = dht_news_add(dht, DHT_NEWS_ENDED);
        if (news != NULL) {
            news->ticket = search->ticket;
            news->count = search->search->found_count;
        }
        blocks_give(&dht->options.loan->searches, search->search);
        search->search = NULL;
        dht->search_count--;
    }
}

struct tally_mono searches_deadline(const struct dht *dht)
{
    struct tally_mono next = TALLY_NEVER;
    for (size_t i = 0; dht->search_count > 0 && i < DHT_SEARCHES; i++)
        if (dht->searches[i].search != NULL)
            next = dht_earlier(next, search_deadline(dht->searches[i].search));
    return next;
}

enum tally_drop searches_ads(struct dht *dht, const struct dht_step *step,
                             struct dht_request *request, const struct peer *from,
                             const struct tally_ads *ads)
{
    struct dht_search *search = &dht->searches[request->owner];
    struct search_found list[TALLY_ADS_ADS_MAX];
    size_t count = 0;
    (void)table_answered(&dht->table, step->now, &from->key, &from->link.address, 0);
    if (search->search == NULL || search->serial != request->serial)
        return TALLY_DROP_SEEN;
    uint64_t forged = dht->drops[TALLY_DROP_FORGED];
    enum tally_drop drop = search_ads(search->search, step->now, step->verifier, request->token,
                                      ads, list, &count, dht->drops);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < list[i].endpoint_count; k++) {
            struct dht_news *news = dht_news_add(dht, DHT_NEWS_FOUND);
            if (news == NULL)
                break;
            news->ticket = search->ticket;
            news->key = list[i].key;
            news->address = list[i].endpoints[k].address;
            news->transport = (enum tally_transport)list[i].endpoints[k].transport;
        }
    if (dht->drops[TALLY_DROP_FORGED] > forged)
        dht->standing = DHT_FORGED;
    return drop == TALLY_DROP_UNASKED ? TALLY_DROP_SEEN : drop; /* It was, but waited no longer. */
}

void searches_nodes(struct dht *dht, const struct dht_step *step, struct dht_request *request,
                    const struct lookup_node *nodes, size_t count)
{
    struct dht_search *search = &dht->searches[request->owner];
    struct registrar list[LOOKUP_NODES_MAX];
    (void)step;
    for (size_t i = 0; i < count; i++) {
        list[i].key = nodes[i].key;
        list[i].address = nodes[i].address;
    }
    if (search->search != NULL && search->serial == request->serial)
        (void)search_nodes(search->search, request->token, list, count);
}
