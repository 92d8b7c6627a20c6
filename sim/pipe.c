/* SPDX-License-Identifier: Apache-2.0 */
/* Streams: see network.h. */
#include "core/base/bytes.h"
#include "core/base/random.h"
#include "memory.h"
#include "network.h"
#include "world.h"
#include <assert.h>

struct chunk {
    struct chunk *next;
    size_t size;
    uint8_t bytes[];
};

enum end_state {
    END_DIALLING, /* The dialling end, until it is answered; the other one, until it is asked. */
    END_OPEN,
    END_CLOSING, /* Its node asked for CLOSE; what it wrote still goes out. */
    END_CLOSED,  /* Its node was told, or is gone. */
};

/* One end, with what it sent and the other has not got yet. */
struct end {
    uint32_t slot, life, stream;
    enum end_state state;
    struct chunk *first, *last;
    size_t in_flight;
    uint64_t held_us; /* Since when its first chunk is held back; UINT64_MAX: it is not. */
    uint64_t last_us; /* When the last chunk arrives: order is kept. */
    bool awaited;     /* A happening was put for its first chunk, or its end. */
    bool room_awaited;
    bool broken; /* It says so instead of an orderly end. */
};

struct pipe {
    struct end ends[2]; /* 0 dialled. */
    unsigned pending;   /* Happenings that name this pipe. */
};

static struct end *end_of(struct pipe *pipe, uint32_t slot)
{
    return &pipe->ends[pipe->ends[0].slot == slot ? 0 : 1];
}

static struct end *other_of(struct pipe *pipe, const struct end *end)
{
    return &pipe->ends[end == &pipe->ends[0] ? 1 : 0];
}

static bool alive(const struct world *world, const struct end *end)
{
    const struct slot *slot = &world->slots[end->slot];
    return slot->node != NULL && slot->life == end->life;
}

static void put(struct world *world, struct pipe *pipe, uint32_t source, uint32_t slot, uint64_t us,
                enum happening_kind kind)
{
    pipe->pending++;
    world_put(world, source, slot, us, kind, pipe);
}

static uint64_t pipe_delay_us(struct world *world, const struct end *from, const struct end *to)
{
    struct slot *slot = &world->slots[from->slot];
    const struct link_options *link =
        network_link(&world->network, slot->shown, world->slots[to->slot].shown);
    uint32_t spread = (link->delay_ms.to - link->delay_ms.from) * 1000u;
    uint64_t us = link->delay_ms.from * 1000u + random_below(&slot->chance, spread + 1);
    /* A lost segment comes one retransmission later. */
    if (link->loss > 0 && random_below(&slot->chance, 100 * PERCENT) < link->loss)
        us += STREAM_RETRY_MS * 1000u;
    return us;
}

static bool reaches(const struct world *world, const struct end *from, const struct end *to)
{
    uint32_t a = world->slots[from->slot].shown, b = world->slots[to->slot].shown;
    return network_open(&world->network, a, b) && network_open(&world->network, b, a);
}

/* ---- The list of a slot's streams. ---- */

static void join(struct world *world, struct pipe *pipe, uint32_t slot)
{
    struct slot *at = &world->slots[slot];
    at->pipes = memory_room(at->pipes, &at->pipe_capacity, at->pipe_count + 1, sizeof *at->pipes);
    at->pipes[at->pipe_count++] = pipe;
}

static void leave(struct world *world, const struct pipe *pipe, uint32_t slot)
{
    struct slot *at = &world->slots[slot];
    for (size_t i = 0; i < at->pipe_count; i++)
        if (at->pipes[i] == pipe) {
            memmove(&at->pipes[i], &at->pipes[i + 1],
                    (--at->pipe_count - i) * sizeof(struct pipe *));
            return;
        }
}

static struct pipe *find(const struct world *world, uint32_t slot, uint32_t stream)
{
    const struct slot *at = &world->slots[slot];
    for (size_t i = 0; i < at->pipe_count; i++)
        if (end_of(at->pipes[i], slot)->stream == stream)
            return at->pipes[i];
    return NULL;
}

static void chunks_free(struct end *end)
{
    while (end->first != NULL) {
        struct chunk *chunk = end->first;
        end->first = chunk->next;
        memory_free(chunk);
    }
    end->last = NULL;
}

static void release(struct pipe *pipe)
{
    if (pipe->pending > 0 || pipe->ends[0].state != END_CLOSED || pipe->ends[1].state != END_CLOSED)
        return;
    chunks_free(&pipe->ends[0]);
    chunks_free(&pipe->ends[1]);
    memory_free(pipe);
}

void network_forget(struct pipe *pipe)
{
    pipe->pending--;
    pipe->ends[0].state = pipe->ends[1].state = END_CLOSED;
    release(pipe);
}

/* Tells an end's node that the stream is over. */
static void finish(struct world *world, struct pipe *pipe, struct end *end, enum tally_error error)
{
    if (end->state == END_CLOSED)
        return;
    bool told = alive(world, end) && !(end == &pipe->ends[1] && end->state == END_DIALLING);
    end->state = END_CLOSED;
    leave(world, pipe, end->slot);
    if (told)
        world_step(world, end->slot,
                   &(struct tally_event){.kind = TALLY_EVENT_STREAM_CLOSED,
                                         .stream_closed = {end->stream, error}});
}

/* ---- What nodes ask. ---- */

void network_dial(struct world *world, uint32_t from, uint32_t stream,
                  const struct tally_address *to)
{
    struct pipe *pipe = memory_new(1, sizeof *pipe);
    uint32_t owner;
    bool known = network_slot(to, &owner) && owner < world->options.nodes;
    uint32_t target = known ? world_face(world, world->slots[from].shown, owner) : from;
    pipe->ends[0] = (struct end){.slot = from, .life = world->slots[from].life, .stream = stream};
    pipe->ends[1] = (struct end){.slot = target, .life = world->slots[target].life};
    pipe->ends[0].held_us = pipe->ends[1].held_us = UINT64_MAX;
    world->network.pipe_count++;
    join(world, pipe, from);
    struct end *end = &pipe->ends[0];
    end->awaited = true;
    if (!known || target == from || world_face(world, owner, world->slots[from].shown) != from ||
        !reaches(world, end, &pipe->ends[1])) {
        pipe->ends[1].state = END_CLOSED;
        put(world, pipe, from, from, world->now_us + DIAL_TIMEOUT_MS * 1000u, HAPPENING_STREAM);
        return;
    }
    put(world, pipe, from, from, world->now_us + pipe_delay_us(world, end, &pipe->ends[1]),
        HAPPENING_STREAM);
}

/* Puts the arrival of the first chunk, or of the end. */
static void await(struct world *world, struct pipe *pipe, struct end *end)
{
    if (end->awaited || (end->first == NULL && end->state == END_OPEN))
        return;
    struct end *other = other_of(pipe, end);
    const struct slot *slot = &world->slots[end->slot];
    const struct link_options *link =
        network_link(&world->network, slot->shown, world->slots[other->slot].shown);
    uint64_t us = world->now_us + pipe_delay_us(world, end, other);
    if (us < end->last_us)
        us = end->last_us;
    if (link->rate > 0 && end->first != NULL)
        us += end->first->size * 1000000u / link->rate;
    end->last_us = us;
    end->awaited = true;
    put(world, pipe, end->slot, end->slot, us, HAPPENING_STREAM);
}

static void chunk_put(struct end *end, const uint8_t *bytes, size_t size)
{
    struct chunk *chunk = memory_raw(sizeof *chunk + size);
    chunk->next = NULL;
    chunk->size = size;
    if (size > 0) /* The end of a stream comes without bytes. */
        memcpy(chunk->bytes, bytes, size);
    if (end->last != NULL)
        end->last->next = chunk;
    else
        end->first = chunk;
    end->last = chunk;
    end->in_flight += size;
}

void network_write(struct world *world, uint32_t from, uint32_t stream, struct tally_bytes bytes)
{
    struct pipe *pipe = find(world, from, stream);
    if (pipe == NULL || bytes.size == 0)
        return; /* It broke meanwhile; the node will be told. */
    struct end *end = end_of(pipe, from);
    if (end->state != END_OPEN)
        return;
    checker_expect(&world->checker, world, from, end->in_flight + bytes.size <= STREAM_ROOM_BYTES,
                   CHECK_ROOM);
    /* A stream has no message bounds: now and then it is cut where no writer cut it. */
    struct random *chance = &world->slots[from].chance;
    size_t cut = bytes.size > 1 && random_below(chance, 4) == 0
                     ? 1 + random_below(chance, (uint32_t)bytes.size - 1)
                     : bytes.size;
    chunk_put(end, bytes.data, cut);
    if (cut < bytes.size)
        chunk_put(end, bytes.data + cut, bytes.size - cut);
    await(world, pipe, end);
}

void network_close(struct world *world, uint32_t from, uint32_t stream)
{
    struct pipe *pipe = find(world, from, stream);
    if (pipe == NULL)
        return;
    struct end *end = end_of(pipe, from);
    if (end->state == END_CLOSING || end->state == END_CLOSED)
        return;
    end->state = END_CLOSING;
    /* STREAM_CLOSED comes as an event of its own, never inside the step that asked for it. */
    end->room_awaited = true;
    put(world, pipe, from, from, world->now_us, HAPPENING_ROOM);
    await(world, pipe, end);
}

void network_crash(struct world *world, uint32_t slot)
{
    struct slot *at = &world->slots[slot];
    while (at->pipe_count > 0) {
        struct pipe *pipe = at->pipes[at->pipe_count - 1];
        struct end *end = end_of(pipe, slot), *other = other_of(pipe, end);
        end->state = END_CLOSED;
        end->broken = true;
        leave(world, pipe, slot);
        chunks_free(end);
        if (!end->awaited && other->state != END_CLOSED) {
            end->awaited = true;
            put(world, pipe, slot, slot, world->now_us + pipe_delay_us(world, end, other),
                HAPPENING_STREAM);
        }
        release(pipe);
    }
}

/* ---- What happens. ---- */

/* Whether the node it concerns is suspended: then it happens when that node runs again. */
static bool asleep(struct world *world, struct pipe *pipe, uint32_t slot, const struct end *end,
                   enum happening_kind kind)
{
    uint64_t until_us = world->slots[end->slot].suspended_us;
    if (until_us <= world->now_us)
        return false;
    put(world, pipe, slot, slot, until_us, kind);
    return true;
}

static void tell_room(struct world *world, const struct end *end)
{
    if (end->state == END_OPEN && alive(world, end))
        world_step(world, end->slot,
                   &(struct tally_event){
                       .kind = TALLY_EVENT_STREAM_ROOM,
                       .stream_room = {end->stream, STREAM_ROOM_BYTES - end->in_flight}});
}

void network_on_room(struct world *world, uint32_t slot, struct pipe *pipe)
{
    struct end *end = end_of(pipe, slot);
    pipe->pending--;
    if (asleep(world, pipe, slot, end, HAPPENING_ROOM))
        return;
    end->room_awaited = false;
    if (end->state == END_CLOSING) {
        finish(world, pipe, end, TALLY_CLOSED);
    } else {
        tell_room(world, end);
    }
    release(pipe);
}

/* The first thing that happens to a pipe: the dial arrives at the other node, or nobody answers. */
static void answer(struct world *world, struct pipe *pipe)
{
    struct end *dialler = &pipe->ends[0], *other = &pipe->ends[1];
    dialler->awaited = false;
    if (other->state == END_CLOSED) {
        finish(world, pipe, dialler, TALLY_TIMED_OUT);
        return;
    }
    struct slot *slot = &world->slots[other->slot];
    if (slot->node == NULL || dialler->state == END_CLOSED) {
        other->state = END_CLOSED;
        finish(world, pipe, dialler, TALLY_REFUSED);
        return;
    }
    other->life = slot->life;
    other->stream = slot->next_stream;
    slot->next_stream += 2;
    other->state = END_OPEN;
    join(world, pipe, other->slot);
    /* The answer travels back as the first, empty, chunk of the other end. */
    chunk_put(other, NULL, 0);
    await(world, pipe, other);
    world_step(
        world, other->slot,
        &(struct tally_event){.kind = TALLY_EVENT_STREAM_OPEN,
                              .stream_open = {other->stream, false,
                                              network_address(world->slots[dialler->slot].shown)}});
    tell_room(world, other);
}

/* A chunk arrives at the other end. */
static void deliver(struct world *world, struct pipe *pipe, struct end *end)
{
    struct end *other = other_of(pipe, end);
    struct chunk *chunk = end->first;
    end->first = chunk->next;
    if (end->first == NULL)
        end->last = NULL;
    end->in_flight -= chunk->size;
    bool listens = other->state == END_OPEN && alive(world, other);
    if (chunk->size == 0 && other->state == END_DIALLING && alive(world, other)) {
        other->state = END_OPEN;
        world_step(
            world, other->slot,
            &(struct tally_event){.kind = TALLY_EVENT_STREAM_OPEN,
                                  .stream_open = {other->stream, true,
                                                  network_address(world->slots[end->slot].shown)}});
        tell_room(world, other);
    } else if (chunk->size > 0 && listens) {
        world_step(world, other->slot,
                   &(struct tally_event){
                       .kind = TALLY_EVENT_STREAM_BYTES,
                       .stream_bytes = {other->stream, bytes_of(chunk->bytes, chunk->size)}});
    }
    memory_free(chunk);
    if (end->state == END_OPEN && !end->room_awaited) {
        end->room_awaited = true;
        put(world, pipe, other->slot, end->slot, world->now_us + pipe_delay_us(world, other, end),
            HAPPENING_ROOM);
    }
}

/* Bytes do not get through: tried again, until it takes too long. */
static bool held_back(struct world *world, struct pipe *pipe, struct end *end)
{
    struct end *other = other_of(pipe, end);
    if (reaches(world, end, other)) {
        end->held_us = UINT64_MAX;
        return false;
    }
    if (end->held_us == UINT64_MAX)
        end->held_us = world->now_us;
    if (world->now_us - end->held_us >= STREAM_TIMEOUT_MS * 1000u) {
        chunks_free(end);
        finish(world, pipe, end, TALLY_TIMED_OUT);
        finish(world, pipe, other, TALLY_TIMED_OUT);
        return true;
    }
    uint64_t waited = world->now_us - end->held_us, again = STREAM_RETRY_MS * 1000u;
    end->awaited = true;
    put(world, pipe, end->slot, end->slot, world->now_us + (waited > again ? waited : again),
        HAPPENING_STREAM);
    return true;
}

void network_on_stream(struct world *world, uint32_t slot, struct pipe *pipe)
{
    struct end *end = end_of(pipe, slot), *other = other_of(pipe, end);
    pipe->pending--;
    if (asleep(world, pipe, slot, other, HAPPENING_STREAM))
        return;
    end->awaited = false;
    if (end == &pipe->ends[0] && (end->state == END_DIALLING || other->state == END_DIALLING)) {
        answer(world, pipe);
    } else if (!held_back(world, pipe, end)) {
        if (end->first != NULL)
            deliver(world, pipe, end);
        if (end->first != NULL)
            await(world, pipe, end);
        else if (end->state == END_CLOSING || end->state == END_CLOSED)
            finish(world, pipe, other, end->broken ? TALLY_REFUSED : TALLY_CLOSED);
    }
    release(pipe);
}
