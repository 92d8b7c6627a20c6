/* SPDX-License-Identifier: Apache-2.0 */
#include "queue.h"
#include "memory.h"
#include <assert.h>
#include <string.h>

enum { INDEX_BITS = 22, SOURCE_BITS = 30 };

static_assert(QUEUE_SPAN_BITS + SOURCE_BITS + INDEX_BITS == 64, "a key is one word");

void queue_init(struct queue *queue)
{
    memset(queue, 0, sizeof *queue);
}

static void chunks_free(struct queue_chunk *chunk)
{
    while (chunk != NULL) {
        struct queue_chunk *next = chunk->next;
        memory_free(chunk);
        chunk = next;
    }
}

void queue_free(struct queue *queue)
{
    for (size_t i = 0; i < QUEUE_BUCKETS; i++)
        chunks_free(queue->buckets[i]);
    chunks_free(queue->spare);
    memory_free(queue->open);
    memory_free(queue->keys);
    memory_free(queue->far);
    queue_init(queue);
}

static uint64_t bucket_of(const struct happening *happening)
{
    return happening->us >> QUEUE_SPAN_BITS;
}

/* ---- Far off: a heap. ---- */

static void far_put(struct queue *queue, const struct happening *happening)
{
    queue->far =
        memory_room(queue->far, &queue->far_capacity, queue->far_count + 1, sizeof *queue->far);
    size_t at = queue->far_count++;
    while (at > 0) {
        size_t parent = (at - 1) / 4;
        if (happening->us >= queue->far[parent].us)
            break;
        queue->far[at] = queue->far[parent];
        at = parent;
    }
    queue->far[at] = *happening;
}

static void far_take(struct queue *queue, struct happening *happening)
{
    *happening = queue->far[0];
    struct happening last = queue->far[--queue->far_count];
    size_t at = 0;
    while (4 * at + 1 < queue->far_count) {
        size_t child = 4 * at + 1,
               end = child + 4 < queue->far_count ? child + 4 : queue->far_count;
        for (size_t other = child + 1; other < end; other++)
            if (queue->far[other].us < queue->far[child].us)
                child = other;
        if (queue->far[child].us >= last.us)
            break;
        queue->far[at] = queue->far[child];
        at = child;
    }
    queue->far[at] = last;
}

/* ---- Close: buckets. ---- */

static void bucket_put(struct queue *queue, const struct happening *happening)
{
    size_t place = (size_t)(bucket_of(happening) % QUEUE_BUCKETS);
    struct queue_chunk *chunk = queue->buckets[place];
    if (chunk == NULL || chunk->count == QUEUE_CHUNK) {
        struct queue_chunk *fresh = queue->spare;
        if (fresh != NULL)
            queue->spare = fresh->next;
        else
            fresh = memory_raw(sizeof *fresh);
        fresh->next = chunk;
        fresh->count = 0;
        queue->buckets[place] = chunk = fresh;
        queue->marks[place / 64] |= UINT64_C(1) << place % 64;
    }
    chunk->items[chunk->count++] = *happening;
}

/* The number of the next bucket that has something; UINT64_MAX if none has. */
static uint64_t bucket_next(const struct queue *queue)
{
    size_t first = (size_t)((queue->now + 1) % QUEUE_BUCKETS);
    for (size_t i = 0; i <= QUEUE_BUCKETS / 64; i++) {
        size_t word = (first / 64 + i) % (QUEUE_BUCKETS / 64);
        uint64_t marks = queue->marks[word];
        if (i == 0)
            marks &= UINT64_MAX << first % 64;
        if (marks == 0)
            continue;
        size_t place = word * 64 + (size_t)__builtin_ctzll(marks);
        return queue->now + 1 + (place + QUEUE_BUCKETS - first) % QUEUE_BUCKETS;
    }
    return UINT64_MAX;
}

/* ---- The open bucket. ---- */

static uint64_t key_of(const struct happening *happening, size_t index)
{
    uint64_t us = happening->us & ((1 << QUEUE_SPAN_BITS) - 1);
    return (us << SOURCE_BITS | happening->source) << INDEX_BITS | index;
}

static size_t index_of(uint64_t key)
{
    return (size_t)(key & ((1 << INDEX_BITS) - 1));
}

/* The order of keys, and of sequences where one source put two for one microsecond. */
static bool key_before(const struct queue *queue, uint64_t a, uint64_t b)
{
    if (a >> INDEX_BITS != b >> INDEX_BITS)
        return a < b;
    return queue->open[index_of(a)].sequence < queue->open[index_of(b)].sequence;
}

static uint64_t open_add(struct queue *queue, const struct happening *happening)
{
    assert(queue->open_count < (size_t)1 << INDEX_BITS);
    queue->open =
        memory_room(queue->open, &queue->open_capacity, queue->open_count + 1, sizeof *queue->open);
    queue->keys =
        memory_room(queue->keys, &queue->key_capacity, queue->key_count + 1, sizeof *queue->keys);
    queue->open[queue->open_count] = *happening;
    return key_of(happening, queue->open_count++);
}

/* Into its place among those still to come. */
static void open_put(struct queue *queue, const struct happening *happening)
{
    uint64_t key = open_add(queue, happening);
    size_t low = queue->at, high = queue->key_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (key_before(queue, queue->keys[middle], key))
            low = middle + 1;
        else
            high = middle;
    }
    memmove(&queue->keys[low + 1], &queue->keys[low], (queue->key_count++ - low) * sizeof key);
    queue->keys[low] = key;
}

/* Shell's method with Ciura's gaps: a bucket has some hundreds at the most. */
static void keys_sort(struct queue *queue)
{
    static const size_t gaps[] = {11969, 5320, 2364, 1051, 467, 208, 92, 41, 18, 7, 3, 1};
    for (size_t g = 0; g < sizeof gaps / sizeof *gaps; g++)
        for (size_t i = gaps[g]; i < queue->key_count; i++) {
            uint64_t key = queue->keys[i];
            size_t at = i;
            for (; at >= gaps[g] && key_before(queue, key, queue->keys[at - gaps[g]]);
                 at -= gaps[g])
                queue->keys[at] = queue->keys[at - gaps[g]];
            queue->keys[at] = key;
        }
}

static void bucket_open(struct queue *queue, uint64_t number)
{
    size_t place = (size_t)(number % QUEUE_BUCKETS);
    struct queue_chunk *chunk = queue->buckets[place];
    queue->now = number;
    queue->at = queue->key_count = queue->open_count = 0;
    while (chunk != NULL) {
        struct queue_chunk *next = chunk->next;
        for (size_t i = 0; i < chunk->count; i++) {
            uint64_t key = open_add(queue, &chunk->items[i]);
            queue->keys[queue->key_count++] = key;
        }
        chunk->next = queue->spare;
        queue->spare = chunk;
        chunk = next;
    }
    queue->buckets[place] = NULL;
    queue->marks[place / 64] &= ~(UINT64_C(1) << place % 64);
    keys_sort(queue);
}

/* What has come close. */
static void far_move(struct queue *queue)
{
    struct happening happening;
    while (queue->far_count > 0 && bucket_of(&queue->far[0]) < queue->now + QUEUE_BUCKETS) {
        far_take(queue, &happening);
        if (bucket_of(&happening) == queue->now)
            open_put(queue, &happening);
        else
            bucket_put(queue, &happening);
    }
}

/* ---- The queue. ---- */

void queue_put(struct queue *queue, const struct happening *happening)
{
    struct happening one = *happening;
    if (one.us < queue->last_us)
        one.us = queue->last_us;
    uint64_t number = bucket_of(&one);
    assert(number >= queue->now);
    queue->count++;
    if (number == queue->now)
        open_put(queue, &one);
    else if (number < queue->now + QUEUE_BUCKETS)
        bucket_put(queue, &one);
    else
        far_put(queue, &one);
}

bool queue_take(struct queue *queue, struct happening *happening)
{
    if (queue->count == 0)
        return false;
    if (queue->at == queue->key_count) {
        uint64_t number = bucket_next(queue);
        bucket_open(queue, number != UINT64_MAX ? number : bucket_of(&queue->far[0]));
        far_move(queue);
    }
    queue->count--;
    *happening = queue->open[index_of(queue->keys[queue->at++])];
    queue->last_us = happening->us;
    return true;
}

uint64_t queue_next_us(const struct queue *queue)
{
    if (queue->count == 0)
        return UINT64_MAX;
    if (queue->at < queue->key_count)
        return queue->open[index_of(queue->keys[queue->at])].us;
    uint64_t number = bucket_next(queue), us = UINT64_MAX;
    if (number == UINT64_MAX)
        return queue->far[0].us;
    for (const struct queue_chunk *chunk = queue->buckets[number % QUEUE_BUCKETS]; chunk != NULL;
         chunk = chunk->next)
        for (size_t i = 0; i < chunk->count; i++)
            us = chunk->items[i].us < us ? chunk->items[i].us : us;
    return us;
}

const struct happening *queue_ahead(const struct queue *queue, size_t others)
{
    return queue->key_count - queue->at > others
               ? &queue->open[index_of(queue->keys[queue->at + others])]
               : NULL;
}
