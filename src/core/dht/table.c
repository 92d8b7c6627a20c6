/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dht/table.h"

#include "core/address/hygiene.h"
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/dht/metric.h"

#include <assert.h>
#include <stdlib.h>

/* Seconds of the node's clock; 0 is left to mean «never». */
static uint32_t seconds(struct tally_now now)
{
    return (uint32_t)(now.mono.ms / 1000) + 1;
}

/* Contacts of a bucket without its spares. A step halves the distance for a fixed number of times
   the more contacts there are to choose from, and half of all lookups begin in bucket 0. */
static unsigned width_of(unsigned bucket)
{
    unsigned narrower = bucket * TABLE_NARROWS;
    return narrower < TABLE_WIDE - TABLE_K ? TABLE_WIDE - narrower : TABLE_K;
}

static bool buckets_new(struct table *table, struct tally_now now)
{
    size_t all = 0;
    for (unsigned b = 0; b < TABLE_BUCKETS; b++)
        all += width_of(b) + TABLE_SPARES;
    assert(all == TABLE_CONTACTS_MAX);
    table->lists = calloc(all, sizeof *table->lists);
    for (unsigned b = 0, at = 0; table->lists != NULL && b < TABLE_BUCKETS; b++) {
        table->buckets[b] = (struct table_bucket){
            .list = &table->lists[at], .width = width_of(b), .active_s = seconds(now)};
        at += width_of(b) + TABLE_SPARES;
    }
    return table->lists != NULL;
}

bool table_new(struct table *table, const struct table_options *options, struct tally_now now)
{
    size_t capacity = options->contacts_max == 0 ? TABLE_CONTACTS_MAX : options->contacts_max;
    assert(capacity < UINT16_MAX);
    *table = (struct table){.capacity = capacity, .wake = TALLY_NEVER, .random = {options->seed}};
    metric_point(&options->key, &table->point);
    table->contacts = calloc(capacity, sizeof *table->contacts);
    table->free = calloc(capacity, sizeof *table->free);
    if (table->contacts == NULL || table->free == NULL || !buckets_new(table, now)) {
        table_free(table);
        return false;
    }
    /* The lowest index lies on top: memory of a small table is never paged in. */
    for (size_t i = 0; i < capacity; i++)
        table->free[i] = (uint16_t)(capacity - 1 - i);
    return true;
}

void table_free(struct table *table)
{
    free(table->contacts);
    free(table->free);
    free(table->lists);
    *table = (struct table){.capacity = 0};
}

struct tally_address contact_address(const struct contact *contact)
{
    struct tally_address address = {.port = contact->port};
    memcpy(address.ip, contact->ip, sizeof address.ip);
    return address;
}

static unsigned bucket_of(const struct table *table, const struct tally_hash *point)
{
    unsigned shared = metric_shared(&table->point, point);
    return shared < TABLE_BUCKETS ? shared : TABLE_BUCKETS - 1;
}

/* How many are no spares, at the most. Beyond TABLE_K a wide bucket is for those that answered, and
   for a few more that are to be asked: whoever names many does not keep us busy with them. */
static unsigned bucket_size(const struct table_bucket *bucket)
{
    unsigned size = bucket->proved + TABLE_HINTS;
    return size < TABLE_K ? TABLE_K : size < bucket->width ? size : bucket->width;
}

/* Contacts of a bucket that are no spares. */
static unsigned bucket_live(const struct table_bucket *bucket)
{
    unsigned size = bucket_size(bucket);
    return bucket->count < size ? bucket->count : size;
}

static struct contact *bucket_contact(const struct table *table, const struct table_bucket *bucket,
                                      unsigned at)
{
    return &table->contacts[bucket->list[at]];
}

/* The contact's place in its bucket; false if it is not there. */
static bool bucket_find(const struct table *table, const struct table_bucket *bucket,
                        const struct tally_hash *point, unsigned *at)
{
    for (unsigned i = 0; i < bucket->count; i++)
        if (hash_equal(&bucket_contact(table, bucket, i)->point, point)) {
            *at = i;
            return true;
        }
    return false;
}

const struct contact *table_find(const struct table *table, const struct tally_hash *point)
{
    const struct table_bucket *bucket = &table->buckets[bucket_of(table, point)];
    unsigned at;
    return bucket_find(table, bucket, point, &at) ? bucket_contact(table, bucket, at) : NULL;
}

static void wake_for(struct table *table, const struct contact *contact)
{
    uint64_t at_ms = (uint64_t)(contact->due_s - 1) * 1000;
    if (at_ms < table->rest.ms)
        at_ms = table->rest.ms;
    if (at_ms < table->wake.ms)
        table->wake.ms = at_ms;
}

/* ---- Taking in and out. ---- */

static void list_add(struct table *table, struct table_bucket *bucket, unsigned at, uint16_t index)
{
    memmove(&bucket->list[at + 1], &bucket->list[at], (bucket->count - at) * sizeof *bucket->list);
    bucket->list[at] = index;
    bucket->count++;
    bucket->proved += table->contacts[index].answered_s != 0;
}

static uint16_t list_remove(struct table *table, struct table_bucket *bucket, unsigned at)
{
    uint16_t index = bucket->list[at];
    bucket->count--;
    bucket->proved -= table->contacts[index].answered_s != 0;
    memmove(&bucket->list[at], &bucket->list[at + 1], (bucket->count - at) * sizeof *bucket->list);
    return index;
}

static void forget(struct table *table, struct table_bucket *bucket, unsigned at)
{
    uint16_t index = list_remove(table, bucket, at);
    table->contacts[index] = (struct contact){.port = 0};
    table->free[table->capacity - table->count--] = index;
    /* A spare moved up: from now on it is probed like the others. */
    unsigned size = bucket_size(bucket);
    if (at < size && bucket->count >= size)
        wake_for(table, bucket_contact(table, bucket, size - 1));
}

/* Whether one more of this network is too many, in the bucket or in the table; a contact that moves
   does not count against itself. */
static bool crowded(const struct table *table, const struct table_bucket *to,
                    const struct tally_address *address, const struct contact *itself)
{
    unsigned all = 0, near = 0;
    for (size_t b = 0; b < TABLE_BUCKETS; b++)
        for (unsigned i = 0; i < table->buckets[b].count; i++) {
            const struct contact *contact = bucket_contact(table, &table->buckets[b], i);
            struct tally_address other = contact_address(contact);
            bool same = contact != itself && address_same_network(address, &other);
            all += same;
            near += same && &table->buckets[b] == to;
        }
    return all >= TABLE_NETWORK_ALL || near >= TABLE_NETWORK_K;
}

/* Which one a full bucket gives up for a newcomer: a proved one may have the place of the spare
   heard longest ago, an unproved one that of an unproved spare, drawn so that neither who came
   first nor who comes most often has them all. */
static bool bucket_victim(struct table *table, const struct table_bucket *bucket, bool proved,
                          unsigned *at)
{
    unsigned size = bucket_size(bucket), first = bucket->proved > size ? bucket->proved : size;
    *at = bucket->count - 1u;
    if (first == bucket->count)
        return proved;
    *at = first + random_below(&table->random, bucket->count - first);
    return true;
}

/* Only a table asked to be small comes here: the bucket with most members gives up its last. */
static bool make_room(struct table *table, const struct table_bucket *to, bool proved)
{
    struct table_bucket *fullest = table->buckets;
    for (size_t b = 1; b < TABLE_BUCKETS; b++)
        if (table->buckets[b].count > fullest->count)
            fullest = &table->buckets[b];
    bool worse = proved || fullest->proved < fullest->count;
    if (!worse || fullest->count <= to->count + 1)
        return false;
    forget(table, fullest, fullest->count - 1u);
    return true;
}

/* Whether there is room for one more in this bucket, made if need be. */
static bool room(struct table *table, struct table_bucket *bucket, bool proved)
{
    unsigned victim;
    if (bucket->count == bucket_size(bucket) + TABLE_SPARES) {
        if (!bucket_victim(table, bucket, proved, &victim))
            return false;
        forget(table, bucket, victim);
    }
    return table->count < table->capacity || make_room(table, bucket, proved);
}

/* Where a contact that has just been proved belongs: behind the older ones of the bucket, or in
   front of the spares. */
static unsigned place_proved(const struct table_bucket *bucket)
{
    return bucket->proved < bucket->width ? bucket->proved : bucket->width;
}

static void contact_moves(struct contact *contact, const struct tally_address *address)
{
    memcpy(contact->ip, address->ip, sizeof contact->ip);
    contact->port = address->port;
}

static enum tally_drop take_in(struct table *table, struct tally_now now,
                               const struct tally_key *key, const struct tally_hash *point,
                               const struct tally_address *address, bool proved,
                               struct contact **taken)
{
    struct table_bucket *bucket = &table->buckets[bucket_of(table, point)];
    if (hash_equal(point, &table->point))
        return TALLY_DROP_SELF;
    if (address_may_announce(address) != TALLY_HYGIENE_ALLOWED)
        return TALLY_DROP_SCOPE;
    if (crowded(table, bucket, address, NULL))
        return TALLY_DROP_CROWDED;
    if (!room(table, bucket, proved))
        return TALLY_DROP_BUSY;
    uint16_t index = table->free[table->capacity - 1 - table->count++];
    struct contact *contact = &table->contacts[index];
    *contact = (struct contact){.point = *point, .key = *key, .due_s = seconds(now)};
    contact->answered_s = proved ? seconds(now) : 0;
    contact_moves(contact, address);
    list_add(table, bucket, proved ? place_proved(bucket) : bucket->count, index);
    wake_for(table, contact);
    *taken = contact;
    return TALLY_DROP_NONE;
}

/* ---- What is heard of contacts. ---- */

enum tally_drop table_offer(struct table *table, struct tally_now now, const struct tally_key *key,
                            const struct tally_address *address)
{
    struct tally_hash point;
    struct contact *taken;
    metric_point(key, &point);
    if (table_find(table, &point) != NULL)
        return TALLY_DROP_SEEN;
    return take_in(table, now, key, &point, address, false, &taken);
}

/* A known one answered: it is proved, and the first of the spares if it is one. */
static struct contact *promote(struct table *table, struct table_bucket *bucket, unsigned at,
                               struct tally_now now)
{
    struct contact *contact = bucket_contact(table, bucket, at);
    bool moves = contact->answered_s == 0 || at >= bucket_size(bucket);
    uint16_t index = 0;
    if (moves)
        index = list_remove(table, bucket, at);
    contact->answered_s = seconds(now);
    if (moves)
        list_add(table, bucket, place_proved(bucket), index);
    return contact;
}

/* When one that has just answered is asked again. */
static void rest(struct table *table, const struct table_bucket *bucket, struct contact *contact,
                 struct tally_now now)
{
    bool full = bucket->count >= TABLE_K; /* Of a wide one too: others can be asked. */
    contact->due_s =
        seconds(now) + (full ? (uint32_t)TABLE_REST_FULL_S << contact->patience : TABLE_REST_S);
    wake_for(table, contact);
}

enum tally_drop table_answered(struct table *table, struct tally_now now,
                               const struct tally_key *key, const struct tally_address *address,
                               uint32_t rtt_ms)
{
    struct tally_hash point;
    struct contact *contact;
    metric_point(key, &point);
    struct table_bucket *bucket = &table->buckets[bucket_of(table, &point)];
    unsigned at;
    table->heard_s = seconds(now);
    if (bucket_find(table, bucket, &point, &at)) {
        struct tally_address known = contact_address(bucket_contact(table, bucket, at));
        if (!address_equal(&known, address)) {
            bool allowed = address_may_announce(address) == TALLY_HYGIENE_ALLOWED;
            if (!allowed || crowded(table, bucket, address, bucket_contact(table, bucket, at))) {
                forget(table, bucket, at);
                return allowed ? TALLY_DROP_CROWDED : TALLY_DROP_SCOPE;
            }
        }
        contact = promote(table, bucket, at, now);
        contact_moves(contact, address);
    } else {
        enum tally_drop drop = take_in(table, now, key, &point, address, true, &contact);
        if (drop != TALLY_DROP_NONE)
            return drop;
    }
    uint32_t rtt = rtt_ms < UINT16_MAX ? rtt_ms : UINT16_MAX;
    contact->rtt_ms = (uint16_t)(contact->rtt_ms == 0 ? rtt : (contact->rtt_ms * 7u + rtt) / 8);
    contact->timeouts = 0;
    bucket->active_s = seconds(now);
    rest(table, bucket, contact, now);
    return TALLY_DROP_NONE;
}

/* Contacts of a bucket that rest longer than the others. */
static unsigned patient(const struct table *table, const struct table_bucket *bucket)
{
    unsigned count = 0;
    for (unsigned i = 0; i < bucket->count; i++)
        count += bucket_contact(table, bucket, i)->patience > 0;
    return count;
}

void table_crowded(struct table *table, struct tally_now now, const struct tally_key *key,
                   bool crowded)
{
    struct tally_hash point;
    metric_point(key, &point);
    struct table_bucket *bucket = &table->buckets[bucket_of(table, &point)];
    unsigned at;
    if (!bucket_find(table, bucket, &point, &at))
        return;
    struct contact *contact = bucket_contact(table, bucket, at);
    bool may = contact->patience > 0 || patient(table, bucket) < bucket_size(bucket) / 2;
    unsigned more = contact->patience + TABLE_CROWDED;
    if (crowded && may)
        contact->patience = (uint8_t)(more < TABLE_PATIENCE ? more : TABLE_PATIENCE);
    else if (!crowded && contact->patience > 0)
        contact->patience--;
    rest(table, bucket, contact, now);
}

void table_silent(struct table *table, struct tally_now now, const struct tally_key *key)
{
    struct tally_hash point;
    metric_point(key, &point);
    struct table_bucket *bucket = &table->buckets[bucket_of(table, &point)];
    unsigned at;
    if (!bucket_find(table, bucket, &point, &at))
        return;
    struct contact *contact = bucket_contact(table, bucket, at);
    if (contact->timeouts == 0)
        contact->failing_s = seconds(now);
    if (contact->timeouts < UINT8_MAX)
        contact->timeouts++;
    /* Who hears nobody at all has lost the network, not its contacts. */
    bool dead = contact->timeouts >= TABLE_TIMEOUTS &&
                seconds(now) - contact->failing_s >= TABLE_DEAD_S &&
                table->heard_s > contact->failing_s;
    bool hearsay = contact->answered_s == 0 && table->heard_s != 0 &&
                   seconds(now) - table->heard_s < TABLE_DEAD_S;
    if (dead || hearsay) {
        forget(table, bucket, at);
        return;
    }
    if (contact->due_s > seconds(now) + TABLE_RETRY_S)
        contact->due_s = seconds(now) + TABLE_RETRY_S;
    wake_for(table, contact);
}

void table_remove(struct table *table, const struct tally_key *key)
{
    struct tally_hash point;
    metric_point(key, &point);
    struct table_bucket *bucket = &table->buckets[bucket_of(table, &point)];
    unsigned at;
    if (bucket_find(table, bucket, &point, &at))
        forget(table, bucket, at);
}

/* ---- Questions. ---- */

struct closest {
    const struct table *table;
    const struct tally_hash *target;
    uint32_t fresh_s; /* Only who answered since then; 0: everybody. */
    uint8_t timeouts; /* Only who failed at most so often. */
    const struct contact **list;
    size_t count, capacity;
};

static void closest_add(struct closest *closest, const struct table_bucket *bucket)
{
    for (unsigned i = 0; i < bucket_live(bucket); i++) {
        const struct contact *contact = bucket_contact(closest->table, bucket, i);
        if (contact->answered_s < closest->fresh_s || contact->timeouts > closest->timeouts)
            continue;
        size_t at = closest->count;
        while (at > 0 &&
               metric_compare(closest->target, &contact->point, &closest->list[at - 1]->point) < 0)
            at--;
        if (at == closest->capacity)
            continue;
        size_t kept = closest->count < closest->capacity ? closest->count++ : closest->count - 1;
        memmove(&closest->list[at + 1], &closest->list[at], (kept - at) * sizeof *closest->list);
        closest->list[at] = contact;
    }
}

/* Who shares most with the target first: its own bucket; then all deeper ones, which share one bit
   less; then each shallower one for itself. */
static size_t closest_all(struct closest *closest)
{
    const struct table *table = closest->table;
    unsigned own = bucket_of(table, closest->target);
    closest_add(closest, &table->buckets[own]);
    if (closest->count < closest->capacity)
        for (unsigned b = own + 1; b < TABLE_BUCKETS; b++)
            closest_add(closest, &table->buckets[b]);
    for (unsigned b = own; b-- > 0 && closest->count < closest->capacity;)
        closest_add(closest, &table->buckets[b]);
    return closest->count;
}

size_t table_closest(const struct table *table, struct tally_now now,
                     const struct tally_hash *target, bool fresh, const struct contact **list,
                     size_t count)
{
    uint32_t now_s = seconds(now);
    struct closest closest = {.table = table, .target = target, .list = list, .capacity = count};
    if (fresh) {
        closest.fresh_s = now_s > TABLE_FRESH_S ? now_s - TABLE_FRESH_S : 1;
        return closest_all(&closest);
    }
    closest.timeouts = 1;
    if (closest_all(&closest) == 0) {
        closest.timeouts = UINT8_MAX;
        (void)closest_all(&closest);
    }
    return closest.count;
}

uint64_t table_radius(const struct table *table, unsigned nodes)
{
    const struct contact *list[TABLE_K];
    struct closest closest = {.table = table,
                              .target = &table->point,
                              .fresh_s = 1, /* Proved, whenever. */
                              .timeouts = UINT8_MAX,
                              .list = list,
                              .capacity = TABLE_K};
    if (closest_all(&closest) < TABLE_K / 2)
        return UINT64_MAX;
    /* The n-th of evenly scattered points lies n - 1 mean gaps from where the first one was met. */
    uint64_t farthest = metric_near(&table->point, &list[closest.count - 1]->point);
    uint64_t gap = farthest / (closest.count - 1);
    return gap < UINT64_MAX / nodes ? gap * nodes : UINT64_MAX;
}

unsigned table_count(const struct table *table)
{
    unsigned count = 0;
    for (size_t b = 0; b < TABLE_BUCKETS; b++)
        count += bucket_live(&table->buckets[b]);
    return count;
}

/* ---- Upkeep. ---- */

/* A point that shares exactly `shared` bits with our own. */
static void point_in(struct table *table, unsigned shared, struct tally_hash *point)
{
    for (size_t i = 0; i < sizeof point->bytes; i += 8)
        be64_write(point->bytes + i, random_next(&table->random));
    for (unsigned bit = 0; bit <= shared; bit++) {
        uint8_t mask = (uint8_t)(0x80 >> bit % 8);
        uint8_t own = table->point.bytes[bit / 8] & mask;
        uint8_t wanted = bit < shared ? own : own ^ mask;
        point->bytes[bit / 8] = (uint8_t)((point->bytes[bit / 8] & ~mask) | wanted);
    }
}

struct tally_mono table_deadline(const struct table *table)
{
    return table->wake;
}

/* Every other probe is for those that failed and are to be tried again, or it would take three
   rounds through the table until a dead one is known as dead. */
static unsigned urgency(const struct table *table, const struct contact *contact,
                        struct tally_now now)
{
    if (contact->due_s > seconds(now))
        return 0;
    return contact->timeouts > 0 && !table->retried ? 2 : 1;
}

/* Whose turn it is: who waits longest. Who answered goes before what was heard of a while later:
   many names do not make our contacts old. */
static struct contact *longest_due(struct table *table, struct tally_now now, unsigned *from)
{
    struct contact *longest = NULL;
    unsigned most = 0;
    uint32_t least = UINT32_MAX;
    for (unsigned b = 0; b < TABLE_BUCKETS; b++)
        for (unsigned i = 0; i < bucket_live(&table->buckets[b]); i++) {
            struct contact *contact = bucket_contact(table, &table->buckets[b], i);
            unsigned urgent = urgency(table, contact, now);
            bool waits = urgent > 0 && contact->answered_s == 0;
            uint32_t turn = contact->due_s + (waits ? TABLE_REST_S : 0);
            if (longest != NULL && (urgent != most ? urgent < most : turn >= least))
                continue;
            longest = contact;
            most = urgent;
            least = turn;
            *from = b;
        }
    table->retried = most == 2;
    return longest;
}

bool table_probe(struct table *table, struct tally_now now, struct table_probe *probe)
{
    if (now.mono.ms < table->wake.ms)
        return false;
    unsigned from = 0;
    struct contact *longest = longest_due(table, now, &from);
    table->wake = TALLY_NEVER;
    if (longest == NULL)
        return false;
    if (longest->due_s > seconds(now)) {
        wake_for(table, longest);
        return false;
    }
    longest->due_s = seconds(now) + TABLE_RETRY_S;
    table->rest.ms = now.mono.ms + random_jitter(&table->random, TABLE_PROBE_MS, 20);
    table->wake = table->rest;
    bool room = table->buckets[from].count < TABLE_K;
    *probe = (struct table_probe){.key = longest->key,
                                  .address = contact_address(longest),
                                  .target = table->point,
                                  .want = room ? TABLE_PROBE_WANT_MORE : TABLE_PROBE_WANT_FEW};
    /* Those near us know who else is near us; of a bucket that has room both may be missing. */
    if (!room || random_below(&table->random, 2) == 0)
        point_in(table, from, &probe->target);
    return true;
}

void table_aimed(struct table *table, struct tally_now now, const struct tally_hash *target)
{
    table->buckets[bucket_of(table, target)].active_s = seconds(now);
}

bool table_refresh(struct table *table, struct tally_now now, struct tally_hash *target)
{
    unsigned end = TABLE_BUCKETS;
    while (end > 0 && table->buckets[end - 1].count == 0)
        end--;
    for (unsigned b = 0; b < end; b++) {
        if (seconds(now) - table->buckets[b].active_s < TABLE_REFRESH_S)
            continue;
        table->buckets[b].active_s = seconds(now);
        point_in(table, b, target);
        return true;
    }
    return false;
}

static bool bucket_holds(const struct table *table, unsigned b)
{
    const struct table_bucket *bucket = &table->buckets[b];
    if (bucket->count > bucket_size(bucket) + TABLE_SPARES || bucket->proved > bucket->count)
        return false;
    for (unsigned i = 0; i < bucket->count; i++) {
        const struct contact *contact = bucket_contact(table, bucket, i);
        struct tally_address address = contact_address(contact);
        unsigned at;
        if (bucket_of(table, &contact->point) != b || contact->due_s == 0 ||
            (contact->answered_s != 0) != (i < bucket->proved) ||
            !bucket_find(table, bucket, &contact->point, &at) || at != i ||
            crowded(table, bucket, &address, contact) ||
            address_may_announce(&address) != TALLY_HYGIENE_ALLOWED)
            return false;
        uint64_t at_ms = (uint64_t)(contact->due_s - 1) * 1000;
        if (i < bucket_live(bucket) && at_ms < table->wake.ms && table->wake.ms == TALLY_NEVER.ms)
            return false;
    }
    return true;
}

bool table_holds(const struct table *table)
{
    size_t count = 0;
    for (unsigned b = 0; b < TABLE_BUCKETS; b++) {
        count += table->buckets[b].count;
        if (!bucket_holds(table, b))
            return false;
    }
    return count == table->count && count <= table->capacity;
}
