/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H
/*
 * What will happen, in the one order that a seed gives it: by (time, source, sequence). The source
 * is the slot that caused it and the sequence that slot's own counter, so the order does not
 * depend on who put first, and worlds can be cut into shards without changing a run.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum happening_kind {
    HAPPENING_TICK,     /* A node's deadline. */
    HAPPENING_DATAGRAM, /* data: struct datagram, owned by the happening. */
    HAPPENING_STREAM,   /* data: struct pipe; node: the end that sent. */
    HAPPENING_ROOM,     /* data: struct pipe; node: the end that may write more. */
    HAPPENING_DISK,     /* data: enum disk_lane, whose next operation is done. */
    HAPPENING_APPEND,   /* A node that was busy is asked again; data: the append's ticket. */
    HAPPENING_LETTER,   /* data: struct letter, owned by the happening. */
};

struct happening {
    uint64_t us; /* Virtual time. */
    uint32_t source;
    uint32_t slot; /* Whom it concerns. */
    uint64_t sequence;
    uint32_t life; /* Of that slot when it was put; what is for an earlier life is void. */
    enum happening_kind kind;
    void *data;
};

struct queue {
    struct happening *heap; /* Four children a node: half the depth of two, one cache line more. */
    size_t count, capacity;
};

void queue_init(struct queue *queue);
void queue_free(struct queue *queue);

void queue_put(struct queue *queue, const struct happening *happening);

/* The first one, which leaves the queue; false when it is empty. */
bool queue_take(struct queue *queue, struct happening *happening);

/* When the first one is due; UINT64_MAX when the queue is empty. */
uint64_t queue_next_us(const struct queue *queue);

#endif
