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
    bool dialled;
    bool listening;              /* Its port is the one we listen on. */
    struct tally_address remote; /* The other end, as it is seen here. */
    struct chunk *first, *last;
    size_t in_flight;
    size_t room;      /* As its node knows it: what it was told, less what it wrote since. */
    uint64_t held_us; /* Since when its first chunk is held back; UINT64_MAX: it is not. */
    uint64_t last_us; /* When the last chunk arrives: order is kept. */
    bool awaited;     /* A happening was put for its first chunk, or its end. */
    bool room_awaited;
    bool broken;              /* It says so instead of an orderly end. */
    enum tally_error refused; /* Why it was not dialled; OK: nobody answers. */
};

struct pipe {
    struct end ends[2];        /* 0 dialled. */
    unsigned pending;          /* Happenings that name this pipe. */
    struct tally_address to;   /* As it was dialled. */
    struct tally_address from; /* The dialler, as the box it comes to sees it. */
    uint32_t box;              /* LAN + 1 of that box; 0: none. */
    bool local;                /* Within a LAN. */
    bool merged;               /* Two dials met, and the other pipe goes on. */
    bool knocking;             /* Nobody has let it in yet: dialled again. */
    uint64_t begun_us;
    uint32_t mark; /* Of the boxes on its way, once it is open. */
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

/* Whether both are in one LAN. */
static bool lan_local(const struct world *world, const struct end *from, const struct end *to)
{
    return world->slots[from->slot].lan != 0 && lan_same(world, from->slot, to->slot);
}

static uint64_t pipe_delay_us(struct world *world, const struct end *from, const struct end *to)
{
    struct slot *slot = &world->slots[from->slot];
    const struct link_options *link = network_link(
        &world->network, slot->shown, world->slots[to->slot].shown, lan_local(world, from, to));
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
    return network_open(&world->network, world->now_us, a, b) &&
           network_open(&world->network, world->now_us, b, a);
}

/* What changes when a box on its way forgets it, or an end is elsewhere. */
static uint32_t mark_of(const struct world *world, const struct pipe *pipe)
{
    uint32_t a = pipe->ends[0].slot, b = pipe->ends[1].slot;
    return pipe->local ? world->slots[a].moves + world->slots[b].moves
                       : lan_mark(world, a) + lan_mark(world, b);
}

/* What a liar dialled besides its core is none of that core's streams. */
static void tell(struct world *world, const struct end *end, const struct tally_event *event)
{
    if (end->stream < NETWORK_LIES_FROM)
        world_step(world, end->slot, event);
}

/* ---- The list of a slot's streams. ---- */

static void join(struct world *world, struct pipe *pipe, uint32_t slot)
{
    struct slot *at = &world->slots[slot];
    at->pipes = memory_room(at->pipes, &at->pipe_capacity, at->pipe_count + 1, sizeof *at->pipes);
    at->pipes[at->pipe_count++] = (struct slot_pipe){end_of(pipe, slot)->stream, pipe};
}

static void leave(struct world *world, const struct pipe *pipe, uint32_t slot)
{
    struct slot *at = &world->slots[slot];
    for (size_t i = 0; i < at->pipe_count; i++)
        if (at->pipes[i].pipe == pipe) {
            memmove(&at->pipes[i], &at->pipes[i + 1], (--at->pipe_count - i) * sizeof *at->pipes);
            return;
        }
}

static struct pipe *find(const struct world *world, uint32_t slot, uint32_t stream)
{
    const struct slot *at = &world->slots[slot];
    for (size_t i = 0; i < at->pipe_count; i++)
        if (at->pipes[i].stream == stream)
            return at->pipes[i].pipe;
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
        tell(world, end,
             &(struct tally_event){.kind = TALLY_EVENT_STREAM_CLOSED,
                                   .stream_closed = {end->stream, error}});
}

/* ---- What nodes ask. ---- */

/* A stream between the same two addresses, from the port we listen on: there cannot be another. */
static bool in_use(const struct world *world, uint32_t slot, const struct tally_address *remote)
{
    const struct slot *at = &world->slots[slot];
    for (size_t i = 0; i < at->pipe_count; i++) {
        const struct end *end = end_of(at->pipes[i].pipe, slot);
        if (end->listening && address_equal(&end->remote, remote))
            return true;
    }
    return false;
}

/* The port of a stream that was not dialled from the one we listen on. */
static uint16_t ephemeral_port(uint32_t stream)
{
    enum { FIRST = 32768, COUNT = 28232 }; /* As on Linux. */
    return (uint16_t)(FIRST + stream / 2 % COUNT);
}

/* A dial leaves; false if it leads nowhere. */
static bool knock(struct world *world, struct pipe *pipe)
{
    struct end *end = &pipe->ends[0], *other = &pipe->ends[1];
    struct route route;
    uint32_t from = end->slot, shown = world->slots[from].shown;
    uint16_t port = end->listening ? NETWORK_PORT : ephemeral_port(end->stream);
    bool known = lan_route(world, from, TALLY_TRANSPORT_TCP, port, &pipe->to, &route);
    uint32_t target = known ? world_face(world, shown, route.slot) : from;
    pipe->from = route.from;
    pipe->box = known ? route.box : 0;
    pipe->local = route.local;
    other->slot = target;
    other->life = world->slots[target].life;
    return known && target != from && world_face(world, route.slot, shown) == from &&
           reaches(world, end, other);
}

static void knock_put(struct world *world, struct pipe *pipe)
{
    struct end *end = &pipe->ends[0];
    end->awaited = true;
    if (knock(world, pipe)) {
        put(world, pipe, end->slot, end->slot,
            world->now_us + pipe_delay_us(world, end, &pipe->ends[1]), HAPPENING_STREAM);
        return;
    }
    pipe->ends[1].state = END_CLOSED;
    put(world, pipe, end->slot, end->slot, pipe->begun_us + DIAL_TIMEOUT_MS * 1000u,
        HAPPENING_STREAM);
}

void network_dial(struct world *world, uint32_t from, uint32_t stream,
                  const struct tally_address *to, bool punch)
{
    struct pipe *pipe = memory_new(1, sizeof *pipe);
    bool taken = punch && in_use(world, from, to);
    pipe->to = *to;
    pipe->begun_us = world->now_us;
    pipe->ends[0] = (struct end){.slot = from,
                                 .life = world->slots[from].life,
                                 .stream = stream,
                                 .dialled = true,
                                 .listening = punch,
                                 .remote = *to,
                                 .held_us = UINT64_MAX};
    pipe->ends[1] = (struct end){.held_us = UINT64_MAX};
    world->network.pipe_count++;
    join(world, pipe, from);
    if (!taken) {
        knock_put(world, pipe);
        return;
    }
    pipe->ends[0].awaited = true;
    pipe->ends[0].refused = TALLY_IN_USE;
    pipe->ends[1].state = END_CLOSED;
    put(world, pipe, from, from, world->now_us, HAPPENING_STREAM);
}

/* Puts the arrival of the first chunk, or of the end. */
static void await(struct world *world, struct pipe *pipe, struct end *end)
{
    if (end->awaited || (end->first == NULL && end->state == END_OPEN))
        return;
    struct end *other = other_of(pipe, end);
    const struct slot *slot = &world->slots[end->slot];
    const struct link_options *link =
        network_link(&world->network, slot->shown, world->slots[other->slot].shown, pipe->local);
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
    /* What it was told, which is never more than there is. */
    checker_expect(&world->checker, world, from, bytes.size <= end->room, CHECK_ROOM);
    end->room -= bytes.size < end->room ? bytes.size : end->room;
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
        struct pipe *pipe = at->pipes[at->pipe_count - 1].pipe;
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

/* Whether its node is to be told of fresh room: as the daemon does, once less than half of it is
   left of what the node knows. */
static bool room_is_stale(const struct end *end)
{
    return end->room < STREAM_ROOM_BYTES / 2 && end->in_flight <= STREAM_ROOM_BYTES / 2;
}

static void tell_room(struct world *world, struct end *end)
{
    end->room = STREAM_ROOM_BYTES - end->in_flight;
    if (end->state == END_OPEN && alive(world, end))
        tell(world, end,
             &(struct tally_event){.kind = TALLY_EVENT_STREAM_ROOM,
                                   .stream_room = {end->stream, end->room}});
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

static void tell_open(struct world *world, const struct end *end)
{
    tell(world, end,
         &(struct tally_event){.kind = TALLY_EVENT_STREAM_OPEN,
                               .stream_open = {end->stream, end->dialled, end->remote}});
}

/* No box lets it in, for now: it knocks again until it has taken too long. */
static void shut_out(struct world *world, struct pipe *pipe)
{
    struct end *dialler = &pipe->ends[0];
    uint64_t waited_us = world->now_us - pipe->begun_us;
    uint64_t again_us = waited_us < DIAL_RETRY_MS * 1000u ? DIAL_RETRY_MS * 1000u : 2 * waited_us;
    dialler->awaited = true;
    pipe->knocking = again_us < DIAL_TIMEOUT_MS * 1000u;
    if (!pipe->knocking) {
        pipe->ends[1].state = END_CLOSED;
        again_us = DIAL_TIMEOUT_MS * 1000u;
    }
    put(world, pipe, dialler->slot, dialler->slot, pipe->begun_us + again_us, HAPPENING_STREAM);
}

/* The dial of the other node that this one meets, from and to the same addresses, and not taken at
   its far end yet; NULL: none. */
static struct pipe *crossing(const struct world *world, const struct pipe *pipe, uint32_t slot)
{
    const struct slot *at = &world->slots[slot];
    for (size_t i = 0; i < at->pipe_count; i++) {
        struct pipe *other = at->pipes[i].pipe;
        if (other != pipe && pipe->ends[0].listening && other->ends[0].slot == slot &&
            other->ends[0].listening && other->ends[0].state == END_DIALLING &&
            other->ends[1].state == END_DIALLING && other->ends[0].refused == TALLY_OK &&
            address_equal(&other->to, &pipe->from))
            return other;
    }
    return NULL;
}

/* The other end of a dial that came to a node: of a stream it accepts, or of its own dial. */
static void end_take(struct world *world, struct pipe *pipe)
{
    struct end *other = &pipe->ends[1];
    struct slot *slot = &world->slots[other->slot];
    struct pipe *crossed = crossing(world, pipe, other->slot);
    other->remote = pipe->from;
    other->listening = true;
    other->life = slot->life;
    other->state = END_OPEN;
    if (crossed != NULL) {
        other->stream = crossed->ends[0].stream;
        other->dialled = true;
        leave(world, crossed, other->slot);
        crossed->merged = true;
        crossed->ends[0].state = crossed->ends[1].state = END_CLOSED;
    } else {
        other->stream = slot->next_stream;
        slot->next_stream += 2;
    }
    join(world, pipe, other->slot);
    pipe->mark = mark_of(world, pipe);
}

/* The first thing that happens to a pipe: the dial arrives at the other node, or nobody answers. */
static void answer(struct world *world, struct pipe *pipe)
{
    struct end *dialler = &pipe->ends[0], *other = &pipe->ends[1];
    bool asked = true;
    dialler->awaited = false;
    if (other->state == END_CLOSED) {
        finish(world, pipe, dialler,
               dialler->refused != TALLY_OK ? dialler->refused : TALLY_TIMED_OUT);
        return;
    }
    if (dialler->state != END_CLOSED && pipe->box != 0) {
        if (!lan_enter(world, pipe->box, TALLY_TRANSPORT_TCP, &pipe->from, &pipe->to, &other->slot,
                       &asked)) {
            shut_out(world, pipe);
            return;
        }
        if (!asked && !lan_same(world, other->slot, dialler->slot))
            world->slots[other->slot].reached = true;
        pipe->box = 0;
    }
    /* A box that forgot whose a mapping was may lead a dial back to who dials: nobody is there. */
    if (world->slots[other->slot].node == NULL || dialler->state == END_CLOSED ||
        other->slot == dialler->slot) {
        other->state = END_CLOSED;
        finish(world, pipe, dialler, TALLY_REFUSED);
        return;
    }
    end_take(world, pipe);
    /* The answer travels back as the first, empty, chunk of the other end. */
    chunk_put(other, NULL, 0);
    await(world, pipe, other);
    tell_open(world, other);
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
        tell_open(world, other);
        tell_room(world, other);
    } else if (chunk->size > 0 && listens) {
        tell(world, other,
             &(struct tally_event){
                 .kind = TALLY_EVENT_STREAM_BYTES,
                 .stream_bytes = {other->stream, bytes_of(chunk->bytes, chunk->size)}});
    }
    memory_free(chunk);
    if (end->state == END_OPEN && !end->room_awaited && room_is_stale(end)) {
        end->room_awaited = true;
        put(world, pipe, other->slot, end->slot, world->now_us + pipe_delay_us(world, other, end),
            HAPPENING_ROOM);
    }
}

/* Bytes do not get through: tried again, until it takes too long. */
static bool held_back(struct world *world, struct pipe *pipe, struct end *end)
{
    struct end *other = other_of(pipe, end);
    if (reaches(world, end, other) && mark_of(world, pipe) == pipe->mark) {
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
    if (pipe->merged) {
        release(pipe);
        return;
    }
    if (asleep(world, pipe, slot, other, HAPPENING_STREAM))
        return;
    end->awaited = false;
    bool begins =
        end == &pipe->ends[0] && (end->state == END_DIALLING || other->state == END_DIALLING);
    if (begins && pipe->knocking && end->state != END_CLOSED) {
        pipe->knocking = false;
        knock_put(world, pipe);
    } else if (begins) {
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
