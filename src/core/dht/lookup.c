/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dht/lookup.h"

#include "core/address/hygiene.h"
#include "core/base/bytes.h"
#include "core/dht/metric.h"

#include <assert.h>

enum { FIRST_PATHS = (1 << LOOKUP_PATHS) - 1 }; /* Their bits. */

static_assert(LOOKUP_ENTRIES < UINT8_MAX, "entries are named by a byte");

/* ---- Entries. ---- */

static uint32_t token_of(const struct lookup *lookup, const struct lookup_entry *entry)
{
    return (uint32_t)(entry - lookup->entries) << 8 | entry->turn;
}

static struct lookup_entry *entry_of(struct lookup *lookup, uint32_t token)
{
    uint32_t index = token >> 8;
    if (index >= LOOKUP_ENTRIES || lookup->entries[index].turn != (token & UINT8_MAX))
        return NULL;
    return &lookup->entries[index];
}

static bool same_node(const struct lookup_entry *entry, const struct tally_hash *point,
                      const struct tally_address *address)
{
    return hash_equal(&entry->point, point) && address_equal(&entry->node.address, address);
}

static struct lookup_entry *entry_find(struct lookup *lookup, const struct tally_hash *point,
                                       const struct tally_address *address)
{
    for (unsigned i = 0; i < LOOKUP_ENTRIES; i++)
        if (lookup->entries[i].paths != 0 && same_node(&lookup->entries[i], point, address))
            return &lookup->entries[i];
    return NULL;
}

static struct lookup_entry *entry_take(struct lookup *lookup)
{
    for (unsigned i = 0; i < LOOKUP_ENTRIES; i++) {
        struct lookup_entry *entry = &lookup->entries[i];
        if (entry->paths != 0)
            continue;
        *entry = (struct lookup_entry){.turn = (uint8_t)(entry->turn + 1)};
        return entry;
    }
    assert(!"paths hold at most LOOKUP_WIDTH entries each, and LOOKUP_ALPHA are under way");
    return NULL;
}

/* Tells a node at an address from others; only to know again whom we asked ourselves. */
static uint64_t digest_of(const struct tally_hash *point, const struct tally_address *address)
{
    return be64_read(point->bytes) ^ be64_read(address->ip) ^ be64_read(address->ip + 8) ^
           (uint64_t)address->port << 48;
}

/* Whether it was asked before, also if its entry made way for a closer one since. */
static bool asked_before(const struct lookup *lookup, const struct tally_hash *point,
                         const struct tally_address *address)
{
    uint64_t digest = digest_of(point, address);
    for (unsigned i = 0; i < lookup->messages; i++)
        if (lookup->questions[i].digest == digest)
            return true;
    return false;
}

/* ---- What a path knows. ---- */

static unsigned bit_of(const struct lookup *lookup, const struct lookup_path *path)
{
    return 1u << (path - lookup->paths);
}

static void path_remove(struct lookup *lookup, struct lookup_path *path, unsigned at)
{
    struct lookup_entry *entry = &lookup->entries[path->list[at]];
    entry->paths &= (uint8_t)~bit_of(lookup, path);
    path->count--;
    memmove(&path->list[at], &path->list[at + 1], path->count - at);
}

/* The place of a node on the path: how many are closer. */
static unsigned path_place(const struct lookup *lookup, const struct lookup_path *path,
                           const struct tally_hash *point)
{
    unsigned at = path->count;
    while (at > 0 && metric_compare(&lookup->options.target, point,
                                    &lookup->entries[path->list[at - 1]].point) < 0)
        at--;
    return at;
}

/* How many on the path somebody named and nobody asked yet; *last is the farthest of them. */
static unsigned path_named(const struct lookup *lookup, const struct lookup_path *path, uint8_t by,
                           unsigned *last)
{
    unsigned count = 0;
    for (unsigned i = 0; i < path->count; i++) {
        const struct lookup_entry *entry = &lookup->entries[path->list[i]];
        if (entry->state != LOOKUP_NAMED || entry->by != by)
            continue;
        count++;
        *last = i;
    }
    return count;
}

/* The farthest that answered, if more did than anybody wants to know of. */
static bool path_spent(const struct lookup *lookup, const struct lookup_path *path, unsigned *last)
{
    unsigned answered = 0;
    for (unsigned i = 0; i < path->count; i++)
        if (lookup->entries[path->list[i]].state == LOOKUP_ANSWERED) {
            answered++;
            *last = i;
        }
    return answered > LOOKUP_END_PUT;
}

/*
 * Room for one more that `by` named, at that place of the path; false if it is not worth it. Who
 * answered stays. Whoever named most of those that wait to be asked has to give one up, or nodes
 * that were made up would displace all others.
 */
static bool path_room(struct lookup *lookup, struct lookup_path *path, unsigned place, uint8_t by)
{
    unsigned most = 0, last = 0, own_last = 0;
    if (path->count < LOOKUP_WIDTH)
        return true;
    if (!path_spent(lookup, path, &last)) {
        for (unsigned at = 0; at < LOOKUP_WIDTH; at++) {
            unsigned far = 0;
            unsigned count = path_named(lookup, path, lookup->entries[path->list[at]].by, &far);
            if (count > most) {
                most = count;
                last = far;
            }
        }
        unsigned own = path_named(lookup, path, by, &own_last);
        if (own + 1 >= most) {
            /* It is as greedy as any: the farthest of its own, if that is farther. */
            if (own == 0 || own_last < place)
                return false;
            last = own_last;
        }
    }
    path_remove(lookup, path, last);
    return true;
}

/* Puts an entry on the path, where there is room for it. */
static void path_put(struct lookup *lookup, struct lookup_path *path, struct lookup_entry *entry)
{
    unsigned at = path_place(lookup, path, &entry->point);
    memmove(&path->list[at + 1], &path->list[at], path->count - at);
    path->list[at] = (uint8_t)(entry - lookup->entries);
    path->count++;
    entry->paths |= (uint8_t)bit_of(lookup, path);
}

static bool path_crowded(const struct lookup *lookup, const struct lookup_path *path,
                         const struct tally_address *address)
{
    unsigned same = 0;
    for (unsigned i = 0; i < path->count; i++)
        same += address_same_network(&lookup->entries[path->list[i]].node.address, address);
    return same >= LOOKUP_NETWORK;
}

/* Whether the path has no use for one more address of this key. */
static bool path_twins(const struct lookup *lookup, const struct lookup_path *path,
                       const struct tally_hash *point)
{
    unsigned twins = 0;
    for (unsigned i = 0; i < path->count; i++) {
        const struct lookup_entry *entry = &lookup->entries[path->list[i]];
        if (!hash_equal(&entry->point, point))
            continue;
        twins += entry->state == LOOKUP_ANSWERED ? LOOKUP_TWINS : 1;
    }
    return twins >= LOOKUP_TWINS;
}

/* Whether it is known on one of the first paths, and this is a later one. */
static bool told_before(const struct lookup *lookup, const struct lookup_path *path,
                        const struct lookup_entry *entry)
{
    return path >= &lookup->paths[LOOKUP_PATHS] && (entry->paths & FIRST_PATHS) != 0;
}

/* Takes a node in, named by `by` or, if that is NULL, a contact of our own. */
static enum tally_drop path_take(struct lookup *lookup, struct lookup_path *path,
                                 const struct lookup_node *node, const struct lookup_entry *by)
{
    struct tally_hash point;
    metric_point(&node->key, &point);
    if (hash_equal(&point, &lookup->options.self))
        return TALLY_DROP_SELF;
    if (address_may_announce(&node->address) != TALLY_HYGIENE_ALLOWED)
        return TALLY_DROP_SCOPE;
    struct lookup_entry *entry = entry_find(lookup, &point, &node->address);
    if (entry == NULL
            ? asked_before(lookup, &point, &node->address)
            : (entry->paths & bit_of(lookup, path)) != 0 || told_before(lookup, path, entry))
        return TALLY_DROP_SEEN;
    if (path_twins(lookup, path, &point))
        return TALLY_DROP_SEEN;
    if (path_crowded(lookup, path, &node->address))
        return TALLY_DROP_CROWDED;
    uint8_t source = by == NULL ? LOOKUP_ASKS_MAX : by->question;
    unsigned place = path_place(lookup, path, &point);
    bool farther = by != NULL && metric_compare(&lookup->options.target, &point, &by->point) > 0;
    if ((farther && place >= LOOKUP_END_PUT) || !path_room(lookup, path, place, source))
        return TALLY_DROP_FARTHER;
    if (entry == NULL) {
        entry = entry_take(lookup);
        entry->point = point;
        entry->node = *node;
        entry->depth = (uint8_t)(by == NULL ? 1 : by->depth + 1);
        entry->by = source;
    }
    path_put(lookup, path, entry);
    return TALLY_DROP_NONE;
}

/* ---- Beginning, and beginning again. ---- */

/* One more contact of its bucket. Of a wide one no more are dealt than of the others: if all of one
   bucket collude, later paths have to begin elsewhere. */
static bool bucket_spent(const struct lookup *lookup, const struct contact *contact,
                         uint8_t dealt[METRIC_BITS + 1])
{
    return ++dealt[metric_shared(&lookup->options.self, &contact->point)] > TABLE_K;
}

/* Deals the closest contacts that were not asked yet to the last `fresh` paths in turn. */
static void paths_begin(struct lookup *lookup, const struct table *table, struct tally_now now,
                        unsigned fresh)
{
    enum { SEEDS = TABLE_WIDE + LOOKUP_PATHS_MAX * LOOKUP_SEEDS };
    const struct contact *list[SEEDS];
    uint8_t of_bucket[METRIC_BITS + 1] = {0};
    size_t count = table_closest(table, now, &lookup->options.target, false, list, SEEDS);
    unsigned dealt = 0, first = lookup->path_count;
    lookup->path_count += fresh;
    assert(lookup->path_count <= LOOKUP_PATHS_MAX);
    for (size_t i = 0; i < count && dealt < fresh * LOOKUP_SEEDS; i++) {
        struct lookup_node node = {list[i]->key, contact_address(list[i])};
        if (bucket_spent(lookup, list[i], of_bucket) ||
            asked_before(lookup, &list[i]->point, &node.address))
            continue;
        struct lookup_path *path = &lookup->paths[first + dealt % fresh];
        dealt += path_take(lookup, path, &node, NULL) == TALLY_DROP_NONE;
    }
}

void lookup_init(struct lookup *lookup, const struct lookup_options *options,
                 const struct table *table, struct tally_now now)
{
    *lookup = (struct lookup){.options = *options, .started = now.mono, .wake = TALLY_NEVER};
    unsigned timeout = options->srtt_ms == 0 ? LOOKUP_TIMEOUT_MOST_MS : 4 * options->srtt_ms;
    lookup->timeout_ms = timeout < LOOKUP_TIMEOUT_LEAST_MS  ? LOOKUP_TIMEOUT_LEAST_MS
                         : timeout > LOOKUP_TIMEOUT_MOST_MS ? LOOKUP_TIMEOUT_MOST_MS
                                                            : timeout;
    paths_begin(lookup, table, now, LOOKUP_PATHS);
}

/* ---- Whom to ask. ---- */

/* Whether somebody of the same network is being asked on this path, or the same key elsewhere. */
static bool busy(const struct lookup *lookup, const struct lookup_path *path,
                 const struct lookup_entry *entry)
{
    for (unsigned i = 0; i < LOOKUP_ENTRIES; i++) {
        const struct lookup_entry *other = &lookup->entries[i];
        if (other->state != LOOKUP_ASKED)
            continue;
        if (hash_equal(&other->point, &entry->point) ||
            (&lookup->paths[other->path] == path &&
             address_same_network(&other->node.address, &entry->node.address)))
            return true;
    }
    return false;
}

/* The closest that are not counted out, at most `end`; returns how many. */
static unsigned path_best(const struct lookup *lookup, const struct lookup_path *path,
                          uint8_t best[LOOKUP_END_PUT])
{
    unsigned count = 0;
    for (unsigned i = 0; i < path->count && count < lookup->options.end; i++)
        if (lookup->entries[path->list[i]].state != LOOKUP_LATE)
            best[count++] = path->list[i];
    return count;
}

static uint64_t distance_of(const struct lookup *lookup, uint8_t entry)
{
    return metric_near(&lookup->options.target, &lookup->entries[entry].point);
}

/* How many of the closest on a path have to answer. */
static unsigned path_end(const struct lookup *lookup, const struct lookup_path *path,
                         const uint8_t *best, unsigned count)
{
    bool brings = count > 0 && distance_of(lookup, best[0]) < lookup->bar;
    unsigned end = lookup->options.end;
    if (path >= &lookup->paths[LOOKUP_PATHS] && !brings)
        end = LOOKUP_END_MORE;
    return count < end ? count : end;
}

/* Of the closest on the path the first one to be asked; NULL if there is none now. The path has
   ended when all of them have answered. */
static struct lookup_entry *path_choose(struct lookup *lookup, struct lookup_path *path)
{
    uint8_t best[LOOKUP_END_PUT];
    unsigned count = path_best(lookup, path, best);
    count = path_end(lookup, path, best, count);
    path->ended = true;
    for (unsigned i = 0; i < count; i++) {
        struct lookup_entry *entry = &lookup->entries[best[i]];
        if (entry->state == LOOKUP_ANSWERED)
            continue;
        path->ended = false;
        if (entry->state == LOOKUP_NAMED && !busy(lookup, path, entry))
            return entry;
    }
    return NULL;
}

/* Whether the first two paths came to the same place, and to one as crowded as it should be. Sets
   the bar for later ones. */
static bool agreed(struct lookup *lookup)
{
    uint8_t best[LOOKUP_END_PUT], second[LOOKUP_END_PUT];
    unsigned end = lookup->options.end, common = 0;
    unsigned count = path_best(lookup, &lookup->paths[0], best);
    unsigned more = path_best(lookup, &lookup->paths[1], second);
    for (unsigned i = 0; i < count; i++)
        common += lookup->entries[best[i]].paths == FIRST_PATHS;
    lookup->bar = UINT64_MAX;
    if (count < end || more < end)
        return false; /* A small network, which costs nothing more, or what we heard was made up. */
    uint64_t one = distance_of(lookup, best[end - 1]), other = distance_of(lookup, second[end - 1]);
    lookup->bar = one < other ? one : other;
    /* Half as far again as expected: one in five honest networks, few with liars pass. */
    return common >= end / 2 && lookup->bar / 2 <= lookup->options.radius;
}

/* Whether there is anything left to wait for, or to ask. */
static bool walking(const struct lookup *lookup)
{
    unsigned asked = 0, going = 0;
    for (unsigned i = 0; i < lookup->path_count; i++) {
        asked += lookup->paths[i].asked;
        going += !lookup->paths[i].ended;
    }
    return going > 0 && (asked > 0 || lookup->messages < LOOKUP_ASKS_MAX);
}

static void ask_entry(struct lookup *lookup, struct lookup_path *path, struct lookup_entry *entry,
                      struct tally_now now, struct lookup_ask *ask)
{
    entry->state = LOOKUP_ASKED;
    entry->asked = now.mono;
    entry->path = (uint8_t)(path - lookup->paths);
    path->asked++;
    entry->question = (uint8_t)lookup->messages++;
    lookup->questions[entry->question].digest = digest_of(&entry->point, &entry->node.address);
    if (now.mono.ms + lookup->timeout_ms < lookup->wake.ms)
        lookup->wake.ms = now.mono.ms + lookup->timeout_ms;
    *ask = (struct lookup_ask){.token = token_of(lookup, entry), .node = entry->node};
}

bool lookup_next(struct lookup *lookup, struct tally_now now, const struct table *table,
                 struct lookup_ask *ask)
{
    while (!lookup->over) {
        for (unsigned i = 0; i < lookup->path_count; i++) {
            /* A path that has ended goes on when a late answer brought somebody closer. */
            struct lookup_path *path = &lookup->paths[i];
            struct lookup_entry *entry = path_choose(lookup, path);
            if (entry == NULL || path->asked == LOOKUP_ALPHA || lookup->messages == LOOKUP_ASKS_MAX)
                continue;
            ask_entry(lookup, path, entry, now, ask);
            return true;
        }
        if (walking(lookup))
            return false;
        lookup->over = lookup->path_count == LOOKUP_PATHS_MAX ||
                       lookup->messages == LOOKUP_ASKS_MAX ||
                       (agreed(lookup) && !lookup->options.insist);
        if (!lookup->over)
            paths_begin(lookup, table, now, LOOKUP_PATHS_MAX - LOOKUP_PATHS);
    }
    return false;
}

/* ---- What came, and what did not. ---- */

/* Others under the same key are not asked any more: it has shown where it is. */
static void twins_remove(struct lookup *lookup, const struct lookup_entry *entry)
{
    for (unsigned i = 0; i < lookup->path_count; i++) {
        struct lookup_path *path = &lookup->paths[i];
        for (unsigned at = path->count; at-- > 0;) {
            const struct lookup_entry *other = &lookup->entries[path->list[at]];
            if (other != entry && other->state == LOOKUP_NAMED &&
                hash_equal(&other->point, &entry->point))
                path_remove(lookup, path, at);
        }
    }
}

bool lookup_answered(struct lookup *lookup, uint32_t token, const struct lookup_node *nodes,
                     size_t count, uint64_t drops[TALLY_DROP_COUNT])
{
    struct lookup_entry *entry = entry_of(lookup, token);
    assert(count <= LOOKUP_NODES_MAX);
    if (lookup->over || entry == NULL || entry->paths == 0 ||
        (entry->state != LOOKUP_ASKED && entry->state != LOOKUP_LATE))
        return false;
    struct lookup_path *path = &lookup->paths[entry->path];
    if (entry->state == LOOKUP_ASKED)
        path->asked--;
    if (entry->by != LOOKUP_ASKS_MAX)
        lookup->questions[entry->by].good = 1;
    lookup->answers++;
    if (entry->depth > lookup->depth)
        lookup->depth = entry->depth;
    entry->state = LOOKUP_ASKED; /* It stays on its path as long as we listen to it. */
    for (size_t i = 0; i < count; i++) {
        enum tally_drop drop = path_take(lookup, path, &nodes[i], entry);
        if (drop != TALLY_DROP_NONE)
            drops[drop]++;
    }
    entry->state = LOOKUP_ANSWERED;
    twins_remove(lookup, entry);
    return true;
}

/* Whom it named first, it may have made up: they are not asked any more. */
static void disbelieve(struct lookup *lookup, uint8_t question)
{
    for (unsigned i = 0; i < lookup->path_count; i++) {
        struct lookup_path *path = &lookup->paths[i];
        for (unsigned at = path->count; at-- > 0;) {
            const struct lookup_entry *entry = &lookup->entries[path->list[at]];
            if (entry->state == LOOKUP_NAMED && entry->by == question)
                path_remove(lookup, path, at);
        }
    }
}

/* The farthest of those that are late makes way, if they are too many. */
static void lates_bound(struct lookup *lookup, struct lookup_path *path)
{
    unsigned lates = 0, last = 0;
    for (unsigned i = 0; i < path->count; i++)
        if (lookup->entries[path->list[i]].state == LOOKUP_LATE) {
            lates++;
            last = i;
        }
    if (lates > LOOKUP_LATES)
        path_remove(lookup, path, last);
}

static void count_out(struct lookup *lookup, struct lookup_entry *entry)
{
    entry->state = LOOKUP_LATE;
    lookup->paths[entry->path].asked--;
    for (unsigned i = 0; i < lookup->path_count; i++)
        lates_bound(lookup, &lookup->paths[i]);
    if (entry->by == LOOKUP_ASKS_MAX)
        return;
    unsigned silent = ++lookup->questions[entry->by].silent;
    if (silent >= LOOKUP_FALSE && !lookup->questions[entry->by].good)
        disbelieve(lookup, entry->by);
}

void lookup_failed(struct lookup *lookup, uint32_t token)
{
    struct lookup_entry *entry = entry_of(lookup, token);
    if (entry != NULL && entry->state == LOOKUP_ASKED)
        count_out(lookup, entry);
}

struct tally_mono lookup_deadline(const struct lookup *lookup)
{
    struct tally_mono end = {lookup->started.ms + LOOKUP_LIFE_MS};
    if (lookup->over)
        return TALLY_NEVER;
    return lookup->wake.ms < end.ms ? lookup->wake : end;
}

void lookup_tick(struct lookup *lookup, struct tally_now now)
{
    if (now.mono.ms < lookup_deadline(lookup).ms)
        return;
    lookup->wake = TALLY_NEVER;
    for (unsigned i = 0; i < LOOKUP_ENTRIES; i++) {
        struct lookup_entry *entry = &lookup->entries[i];
        uint64_t end = entry->asked.ms + lookup->timeout_ms;
        if (entry->state != LOOKUP_ASKED)
            continue;
        if (now.mono.ms >= end)
            count_out(lookup, entry);
        else if (end < lookup->wake.ms)
            lookup->wake.ms = end;
    }
    if (now.mono.ms >= lookup->started.ms + LOOKUP_LIFE_MS)
        lookup->over = true;
}

/* ---- The end. ---- */

void lookup_stop(struct lookup *lookup)
{
    lookup->over = true;
}

bool lookup_over(const struct lookup *lookup)
{
    return lookup->over;
}

/* Entries that answered, the closest first; returns how many. */
static size_t answered(const struct lookup *lookup, uint8_t best[LOOKUP_ENTRIES])
{
    size_t found = 0;
    for (unsigned i = 0; i < LOOKUP_ENTRIES; i++) {
        const struct lookup_entry *entry = &lookup->entries[i];
        if (entry->paths == 0 || entry->state != LOOKUP_ANSWERED)
            continue;
        size_t at = found++;
        for (; at > 0 && metric_compare(&lookup->options.target, &entry->point,
                                        &lookup->entries[best[at - 1]].point) < 0;
             at--)
            best[at] = best[at - 1];
        best[at] = (uint8_t)i;
    }
    return found;
}

size_t lookup_result(const struct lookup *lookup, struct lookup_node *list, size_t count)
{
    uint8_t best[LOOKUP_ENTRIES];
    size_t found = answered(lookup, best);
    if (count > found)
        count = found;
    for (size_t i = 0; i < count; i++)
        list[i] = lookup->entries[best[i]].node;
    return count;
}

size_t lookup_keepers(const struct lookup *lookup, uint64_t radius,
                      struct lookup_node list[LOOKUP_KEEPERS])
{
    uint8_t best[LOOKUP_ENTRIES];
    size_t found = answered(lookup, best), count = 0;
    while (count < found && count < LOOKUP_KEEPERS &&
           (count < LOOKUP_END_PUT || distance_of(lookup, best[count]) <= radius)) {
        list[count] = lookup->entries[best[count]].node;
        count++;
    }
    return count;
}

bool lookup_holds(const struct lookup *lookup)
{
    unsigned asked[LOOKUP_PATHS_MAX] = {0};
    uint8_t paths[LOOKUP_ENTRIES] = {0};
    for (unsigned p = 0; p < lookup->path_count; p++) {
        const struct lookup_path *path = &lookup->paths[p];
        for (unsigned i = 0; i < path->count; i++) {
            const struct lookup_entry *entry = &lookup->entries[path->list[i]];
            paths[path->list[i]] |= (uint8_t)(1u << p);
            if (i > 0 && metric_compare(&lookup->options.target, &entry->point,
                                        &lookup->entries[path->list[i - 1]].point) < 0)
                return false;
        }
    }
    for (unsigned i = 0; i < LOOKUP_ENTRIES; i++) {
        const struct lookup_entry *entry = &lookup->entries[i];
        if (entry->paths != paths[i] || (entry->state == LOOKUP_ASKED && entry->paths == 0))
            return false;
        if (entry->state == LOOKUP_ASKED)
            asked[entry->path]++;
    }
    for (unsigned p = 0; p < lookup->path_count; p++)
        if (asked[p] != lookup->paths[p].asked || lookup->paths[p].count > LOOKUP_WIDTH)
            return false;
    return lookup->messages <= LOOKUP_ASKS_MAX;
}
