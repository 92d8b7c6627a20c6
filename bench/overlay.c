/* SPDX-License-Identifier: Apache-2.0 */
#include "overlay.h"

#include "core/base/bytes.h"
#include "core/dht/metric.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum {
    CLOSEST = 8,
    LIES = 64,      /* Liars next to a target that others name. */
    TAUGHT = 256,   /* Honest nodes next to a target, whose tables have room for them. */
    POOL = 1 << 20, /* Keys among which those next to a target are searched. */
    START_MS = 10000000,
};

static const double median_ms = 80, sigma = 0.5;

struct member {
    struct tally_key key;
    struct tally_hash point;
    struct tally_address address;
    bool dead, liar;
    struct table table;
};

struct overlay {
    const struct overlay_options *options;
    struct member *members; /* In the order of their points; */
    struct member *pool;    /* so too. NULL without sybils. */
    struct random random;
};

struct question {
    double at_ms; /* When its answer comes. */
    uint32_t token;
    const struct member *member; /* NULL: nothing is under way here. */
};

/* One lookup under way. */
struct walk {
    struct overlay *overlay;
    struct lookup lookup;
    struct tally_hash target;
    const struct member *closest[CLOSEST];        /* Of all that live. */
    const struct member *holders[LOOKUP_KEEPERS]; /* Of the value, if one is looked for. */
    const struct member *liars[LIES];             /* Closest to the target. */
    struct question questions[LOOKUP_ASKS_MAX];
    double first_ms;
    unsigned hops, reached;
};

static double uniform(struct random *random)
{
    return ((double)(random_next(random) >> 11) + 0.5) / 9007199254740992.0;
}

static double round_trip(struct random *random)
{
    double normal = sqrt(-2 * log(uniform(random))) * cos(2 * 3.141592653589793 * uniform(random));
    return median_ms * exp(sigma * normal);
}

static int by_point(const void *a, const void *b)
{
    const struct member *one = a, *other = b;
    return memcmp(one->point.bytes, other->point.bytes, sizeof one->point.bytes);
}

static void member_draw(struct random *random, struct member *member)
{
    for (size_t i = 0; i < sizeof member->key.bytes; i += 8)
        be64_write(member->key.bytes + i, random_next(random));
    metric_point(&member->key, &member->point);
    /* 20.0.0.0/6 has no address that is special. */
    uint32_t ip = UINT32_C(0x14000000) | ((uint32_t)random_next(random) & 0x03ffffff);
    member->address = (struct tally_address){{[10] = 0xff, [11] = 0xff}, 4001};
    be32_write(member->address.ip + 12, ip);
}

/* So many, in the order of their points; NULL without memory. */
static struct member *members_new(struct random *random, unsigned count)
{
    struct member *members = calloc(count, sizeof *members);
    for (unsigned i = 0; members != NULL && i < count; i++)
        member_draw(random, &members[i]);
    if (members != NULL)
        qsort(members, count, sizeof *members, by_point);
    return members;
}

/* The first of the members that is not below a point. */
static unsigned lower_bound(const struct member *members, unsigned count,
                            const struct tally_hash *point)
{
    unsigned low = 0, high = count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (memcmp(members[middle].point.bytes, point->bytes, sizeof point->bytes) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Members [*from, *to) that share exactly `bits` leading bits with the point. */
static void subtree(const struct overlay *overlay, const struct tally_hash *point, unsigned bits,
                    unsigned *from, unsigned *to)
{
    struct tally_hash low = *point, high;
    low.bytes[bits / 8] ^= (uint8_t)(0x80 >> bits % 8);
    high = low;
    for (unsigned bit = bits + 1; bit < METRIC_BITS; bit++) {
        uint8_t mask = (uint8_t)(0x80 >> bit % 8);
        low.bytes[bit / 8] &= (uint8_t)~mask;
        high.bytes[bit / 8] |= mask;
    }
    *from = lower_bound(overlay->members, overlay->options->nodes, &low);
    *to = lower_bound(overlay->members, overlay->options->nodes, &high);
}

/* What a node knows that has been there for long: of each bucket as many as it takes, at random. */
static bool member_fill(struct overlay *overlay, struct member *member, struct tally_now now)
{
    const struct table_options options = {.key = member->key,
                                          .seed = random_next(&overlay->random)};
    if (!table_new(&member->table, &options, now))
        return false;
    for (unsigned b = 0; b < TABLE_BUCKETS; b++) {
        unsigned from, to;
        subtree(overlay, &member->point, b, &from, &to);
        unsigned width = member->table.buckets[b].width, count = to - from;
        unsigned tries = count < 4 * width ? count : 4 * width;
        unsigned offset = count > 0 ? random_below(&overlay->random, count) : 0;
        for (unsigned i = 0, taken = 0; i < tries && taken < width; i++) {
            unsigned at =
                count <= 4 * width ? (offset + i) % count : random_below(&overlay->random, count);
            const struct member *other = &overlay->members[from + at];
            taken += table_answered(&member->table, now, &other->key, &other->address, 80) ==
                     TALLY_DROP_NONE;
        }
    }
    return true;
}

/* ---- One lookup. ---- */

/* Keeps the closest, the closest first. */
static void keep(const struct tally_hash *target, const struct member **list, size_t count,
                 const struct member *member)
{
    size_t at = count;
    while (at > 0 && (list[at - 1] == NULL ||
                      metric_compare(target, &member->point, &list[at - 1]->point) < 0))
        at--;
    if (at == count)
        return;
    memmove(&list[at + 1], &list[at], (count - 1 - at) * sizeof *list);
    list[at] = member;
}

/* Keys next to the target are known by those honest nodes whose buckets have room for them. */
static void sybils_come(struct walk *walk, const struct member **near, bool come)
{
    struct tally_now now = {{START_MS - 30000}, {0}};
    for (unsigned i = 0; i < walk->overlay->options->sybils && i < LIES; i++) {
        const struct member *liar = walk->liars[i];
        for (unsigned j = 0; j < TAUGHT && near[j] != NULL; j++) {
            struct table *table = &((struct member *)near[j])->table; /* Nobody else looks now. */
            if (come)
                (void)table_answered(table, now, &liar->key, &liar->address, 80);
            else
                table_remove(table, &liar->key);
        }
    }
}

static void walk_aim(struct walk *walk, const struct member **near)
{
    struct overlay *overlay = walk->overlay;
    for (size_t i = 0; i < sizeof walk->target.bytes; i += 8)
        be64_write(walk->target.bytes + i, random_next(&overlay->random));
    for (unsigned i = 0; i < overlay->options->nodes; i++) {
        const struct member *member = &overlay->members[i];
        if (member->dead)
            continue;
        keep(&walk->target, walk->closest, CLOSEST, member);
        if (member->liar) {
            keep(&walk->target, walk->liars, LIES, member);
            continue;
        }
        if (overlay->pool != NULL)
            keep(&walk->target, near, TAUGHT, member);
    }
    if (overlay->pool == NULL)
        return;
    memset(walk->liars, 0, sizeof walk->liars);
    unsigned middle = lower_bound(overlay->pool, POOL, &walk->target), reach = 4 * LIES;
    for (unsigned i = middle > reach ? middle - reach : 0; i < middle + reach && i < POOL; i++)
        keep(&walk->target, walk->liars, overlay->options->sybils, &overlay->pool[i]);
    sybils_come(walk, near, true);
}

static const struct member *member_find(const struct overlay *overlay,
                                        const struct lookup_node *node)
{
    struct tally_hash point;
    metric_point(&node->key, &point);
    unsigned at = lower_bound(overlay->members, overlay->options->nodes, &point);
    if (at < overlay->options->nodes && hash_equal(&overlay->members[at].point, &point))
        return &overlay->members[at];
    return &overlay->pool[lower_bound(overlay->pool, POOL, &point)];
}

static void walk_ask(struct walk *walk, const struct member *asker, const struct lookup_ask *ask,
                     double now_ms)
{
    const struct member *member = member_find(walk->overlay, &ask->node);
    struct random *random = &walk->overlay->random;
    if (member->dead)
        return;
    struct question *question = walk->questions;
    while (question->member != NULL)
        question++;
    assert(question < walk->questions + LOOKUP_ASKS_MAX);
    *question = (struct question){now_ms + round_trip(random), ask->token, member};
    if (walk->overlay->options->cold && table_find(&asker->table, &member->point) == NULL)
        question->at_ms += round_trip(random);
}

static size_t member_answer(const struct walk *walk, const struct member *member,
                            struct tally_now now, struct lookup_node nodes[LOOKUP_NODES_MAX])
{
    const struct contact *known[LOOKUP_NODES_MAX];
    size_t count = 0;
    if (member->table.capacity > 0) {
        count = table_closest(&member->table, now, &walk->target, true, known, LOOKUP_NODES_MAX);
        for (size_t i = 0; i < count; i++)
            nodes[i] = (struct lookup_node){known[i]->key, contact_address(known[i])};
        return count;
    }
    for (size_t i = 0; i < LIES && count < LOOKUP_NODES_MAX; i++)
        if (walk->liars[i] != NULL && walk->liars[i] != member)
            nodes[count++] = (struct lookup_node){walk->liars[i]->key, walk->liars[i]->address};
    return count;
}

/* Whether an answer of this one is what was wanted. */
static bool walk_wants(const struct walk *walk, const struct member *member)
{
    const struct member *const *list = walk->closest;
    unsigned count = CLOSEST;
    if (walk->overlay->options->value) {
        list = walk->holders;
        count = LOOKUP_KEEPERS;
    }
    for (unsigned i = 0; i < count; i++)
        if (list[i] == member)
            return !member->liar;
    return false;
}

static struct tally_now moment(double ms)
{
    return (struct tally_now){{(uint64_t)(START_MS + ms)}, {0}};
}

static void walk_hear(struct walk *walk, struct question *question, double now_ms)
{
    const struct member *member = question->member;
    struct lookup_node nodes[LOOKUP_NODES_MAX];
    uint64_t drops[TALLY_DROP_COUNT] = {0};
    size_t count = member_answer(walk, member, moment(now_ms), nodes);
    unsigned depth = walk->lookup.entries[question->token >> 8].depth;
    question->member = NULL;
    if (!lookup_answered(&walk->lookup, question->token, nodes, count, drops) ||
        !walk_wants(walk, member))
        return;
    if (walk->reached++ == 0) {
        walk->first_ms = now_ms;
        walk->hops = depth;
    }
    if (walk->overlay->options->value)
        lookup_stop(&walk->lookup);
}

/* From the first question to the end; returns when that was. */
static double walk_run(struct walk *walk, const struct member *asker, unsigned end, bool insist)
{
    struct lookup *lookup = &walk->lookup;
    const struct lookup_options wanted = {.target = walk->target,
                                          .self = asker->point,
                                          .end = end,
                                          .srtt_ms = (unsigned)median_ms,
                                          .radius = table_radius(&asker->table, end),
                                          .insist = insist};
    double now_ms = 0;
    lookup_init(lookup, &wanted, &asker->table, moment(0));
    for (;;) {
        struct lookup_ask ask;
        while (lookup_next(lookup, moment(now_ms), &asker->table, &ask))
            walk_ask(walk, asker, &ask, now_ms);
        if (lookup_over(lookup))
            return now_ms;
        double next_ms = (double)lookup_deadline(lookup).ms - START_MS;
        struct question *heard = NULL;
        for (unsigned i = 0; i < LOOKUP_ASKS_MAX; i++)
            if (walk->questions[i].member != NULL && walk->questions[i].at_ms <= next_ms) {
                heard = &walk->questions[i];
                next_ms = heard->at_ms;
            }
        now_ms = next_ms > now_ms ? next_ms : now_ms;
        if (heard != NULL)
            walk_hear(walk, heard, now_ms);
        else
            lookup_tick(lookup, moment(now_ms));
        assert(lookup_holds(lookup));
    }
}

/* ---- All of them. ---- */

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double quantile(const double *sorted, unsigned count, unsigned percent)
{
    return count > 0 ? sorted[(count - 1) * percent / 100] : 0;
}

static const struct member *asker_draw(struct overlay *overlay)
{
    for (;;) {
        const struct member *member =
            &overlay->members[random_below(&overlay->random, overlay->options->nodes)];
        if (!member->dead && !member->liar)
            return member;
    }
}

/* Somebody puts a value: from now on those have it who were asked to keep it. */
static void walk_put(struct walk *walk, const struct member *putter)
{
    struct lookup_node keepers[LOOKUP_KEEPERS];
    const struct member *holders[LOOKUP_KEEPERS] = {NULL};
    (void)walk_run(walk, putter, LOOKUP_END_PUT, true);
    size_t count =
        lookup_keepers(&walk->lookup, table_radius(&putter->table, LOOKUP_REGION), keepers);
    for (size_t i = 0; i < count; i++)
        holders[i] = member_find(walk->overlay, &keepers[i]);
    memcpy(walk->holders, holders, sizeof holders);
    memset(walk->questions, 0, sizeof walk->questions);
}

/* Adds one lookup to the figures, which are sums so far. */
static void walk_once(struct overlay *overlay, double *first_ms, double *end_ms, unsigned *honest,
                      struct overlay_figures *sums)
{
    const struct member *near[TAUGHT] = {NULL};
    const struct overlay_options *options = overlay->options;
    struct walk walk = {.overlay = overlay};
    walk_aim(&walk, near);
    if (options->value)
        walk_put(&walk, asker_draw(overlay));
    *end_ms = walk_run(&walk, asker_draw(overlay), options->value ? LOOKUP_END_FIND : options->end,
                       options->value);
    *first_ms = walk.first_ms;
    for (unsigned i = 0; i < CLOSEST; i++)
        *honest += walk.closest[i] != NULL && !walk.closest[i]->liar;
    sums->messages += walk.lookup.messages;
    sums->four += walk.lookup.path_count > LOOKUP_PATHS;
    sums->cut += *end_ms >= LOOKUP_LIFE_MS;
    sums->found += walk.reached;
    sums->reached += walk.reached > 0;
    sums->hops += walk.hops;
    if (overlay->pool != NULL)
        sybils_come(&walk, near, false);
}

static void walks(struct overlay *overlay, double *first, double *end,
                  struct overlay_figures *figures)
{
    unsigned lookups = overlay->options->lookups, reached = 0, honest = 0;
    for (unsigned i = 0; i < lookups; i++) {
        walk_once(overlay, &first[reached], &end[i], &honest, figures);
        reached = (unsigned)figures->reached;
    }
    qsort(first, reached, sizeof *first, ascending);
    qsort(end, lookups, sizeof *end, ascending);
    figures->messages /= lookups;
    figures->four /= lookups;
    figures->hops /= reached > 0 ? reached : 1;
    figures->reached /= lookups;
    figures->found /= honest > 0 ? honest : 1;
    figures->first_p50 = quantile(first, reached, 50);
    figures->first_p95 = quantile(first, reached, 95);
    figures->end_p50 = quantile(end, lookups, 50);
    figures->end_p95 = quantile(end, lookups, 95);
}

static bool overlay_fill(struct overlay *overlay, struct overlay_figures *figures)
{
    const struct overlay_options *options = overlay->options;
    for (unsigned i = 0; i < options->nodes; i++) {
        overlay->members[i].dead = random_below(&overlay->random, 100) < options->dead;
        overlay->members[i].liar =
            !overlay->members[i].dead && random_below(&overlay->random, 100) < options->liars;
    }
    unsigned honest = 0;
    for (unsigned i = 0; i < options->nodes; i++) {
        struct member *member = &overlay->members[i];
        if (member->dead || member->liar)
            continue; /* They have no use for a table. */
        if (!member_fill(overlay, member, moment(-60000)))
            return false;
        figures->contacts += table_count(&member->table);
        honest++;
    }
    figures->contacts /= honest > 0 ? honest : 1;
    return true;
}

bool overlay_measure(const struct overlay_options *options, struct overlay_figures *figures)
{
    struct overlay overlay = {.options = options, .random = {options->seed}};
    double *times = calloc(2 * ((size_t)options->lookups + 1), sizeof *times);
    assert(options->sybils <= LIES);
    *figures = (struct overlay_figures){.messages = 0};
    overlay.members = members_new(&overlay.random, options->nodes);
    if (options->sybils > 0)
        overlay.pool = members_new(&overlay.random, POOL);
    bool good = times != NULL && overlay.members != NULL &&
                (options->sybils == 0 || overlay.pool != NULL) && overlay_fill(&overlay, figures);
    for (unsigned i = 0; overlay.pool != NULL && i < POOL; i++)
        overlay.pool[i].liar = true;
    if (good)
        walks(&overlay, times, times + options->lookups + 1, figures);
    for (unsigned i = 0; overlay.members != NULL && i < options->nodes; i++)
        table_free(&overlay.members[i].table);
    free(overlay.members);
    free(overlay.pool);
    free(times);
    return good;
}
