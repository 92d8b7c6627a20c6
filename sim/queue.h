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

/* What lies close in time, by buckets of some milliseconds; what is farther off, in a heap. Only
   the bucket that is being taken from is in order. */
enum {
    QUEUE_SPAN_BITS = 12, /* A bucket is 4,096 us. */
    QUEUE_BUCKETS = 8192, /* 34 s: nearly all deadlines and all datagrams lie within. */
    QUEUE_CHUNK = 12,
};

/* A part of a bucket. */
struct queue_chunk {
    struct queue_chunk *next;
    size_t count;
    struct happening items[QUEUE_CHUNK];
};

struct queue {
    size_t count;
    uint64_t last_us; /* What was taken last happened then. */
    uint64_t now;     /* Number of the open bucket: its time is this times the span. */
    /* The open bucket: in the order of (time, source) by `keys`, whose low bits are an index. */
    struct happening *open;
    size_t open_count, open_capacity;
    uint64_t *keys;
    size_t at, key_count, key_capacity;
    struct queue_chunk *buckets[QUEUE_BUCKETS];
    uint64_t marks[QUEUE_BUCKETS / 64]; /* Which of them have something. */
    struct queue_chunk *spare;
    struct happening *far; /* Four children a node. */
    size_t far_count, far_capacity;
};

void queue_init(struct queue *queue);
void queue_free(struct queue *queue);

/* What should have been already is now: time does not go back. */
void queue_put(struct queue *queue, const struct happening *happening);

/* The first one, which leaves the queue; false when it is empty. */
bool queue_take(struct queue *queue, struct happening *happening);

/* When the first one is due; UINT64_MAX when the queue is empty. */
uint64_t queue_next_us(const struct queue *queue);

/* The one that is taken after so many others, if nothing comes in between and it is known already;
   else NULL. Until the next put. */
const struct happening *queue_ahead(const struct queue *queue, size_t others);

#endif
