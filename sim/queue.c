/* SPDX-License-Identifier: Apache-2.0 */
#include "queue.h"
#include "memory.h"
#include <string.h>

static bool before(const struct happening *a, const struct happening *b)
{
    if (a->us != b->us)
        return a->us < b->us;
    if (a->source != b->source)
        return a->source < b->source;
    return a->sequence < b->sequence;
}

void queue_init(struct queue *queue)
{
    memset(queue, 0, sizeof *queue);
}

void queue_free(struct queue *queue)
{
    memory_free(queue->heap);
    queue_init(queue);
}

void queue_put(struct queue *queue, const struct happening *happening)
{
    queue->heap = memory_room(queue->heap, &queue->capacity, queue->count + 1, sizeof *queue->heap);
    size_t at = queue->count++;
    while (at > 0) {
        size_t parent = (at - 1) / 4;
        if (!before(happening, &queue->heap[parent]))
            break;
        queue->heap[at] = queue->heap[parent];
        at = parent;
    }
    queue->heap[at] = *happening;
}

bool queue_take(struct queue *queue, struct happening *happening)
{
    if (queue->count == 0)
        return false;
    *happening = queue->heap[0];
    struct happening last = queue->heap[--queue->count];
    size_t at = 0;
    while (4 * at + 1 < queue->count) {
        size_t child = 4 * at + 1, end = child + 4 < queue->count ? child + 4 : queue->count;
        for (size_t other = child + 1; other < end; other++)
            if (before(&queue->heap[other], &queue->heap[child]))
                child = other;
        if (!before(&queue->heap[child], &last))
            break;
        queue->heap[at] = queue->heap[child];
        at = child;
    }
    queue->heap[at] = last;
    return true;
}

uint64_t queue_next_us(const struct queue *queue)
{
    return queue->count > 0 ? queue->heap[0].us : UINT64_MAX;
}
