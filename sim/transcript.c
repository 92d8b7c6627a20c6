/* SPDX-License-Identifier: Apache-2.0 */
#include "transcript.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "memory.h"
#include "tally/log.h"
#include "world.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINE_MAX_BYTES = 512 };

void transcript_init(struct transcript *transcript)
{
    memset(transcript, 0, sizeof *transcript);
    transcript->level = TALLY_LEVEL_DEBUG;
    transcript->hash = aligned_alloc(64, (sizeof *transcript->hash + 63) / 64 * 64);
    if (transcript->hash == NULL)
        abort();
    crypto_generichash_init(transcript->hash, NULL, 0, 16);
}

void transcript_free(struct transcript *transcript)
{
    free(transcript->hash);
    memory_free(transcript->text);
    memset(transcript, 0, sizeof *transcript);
}

/* ---- The id. ---- */

static void add(struct transcript *transcript, const void *bytes, size_t size)
{
    crypto_generichash_update(transcript->hash, bytes, size);
}

static void add_number(struct transcript *transcript, uint64_t number)
{
    uint8_t bytes[8];
    be64_write(bytes, number);
    add(transcript, bytes, sizeof bytes);
}

static void add_bytes(struct transcript *transcript, struct tally_bytes bytes)
{
    add_number(transcript, bytes.size);
    if (bytes.size > 0)
        add(transcript, bytes.data, bytes.size);
}

enum record { RECORD_EVENT = 1, RECORD_ACTION = 2, RECORD_TRACE = 3 };

static void add_head(struct transcript *transcript, uint64_t us, uint32_t slot, enum record record,
                     unsigned kind)
{
    uint8_t head[14];
    be64_write(head, us);
    be32_write(head + 8, slot);
    head[12] = (uint8_t)record;
    head[13] = (uint8_t)kind;
    add(transcript, head, sizeof head);
}

static void add_command(struct transcript *transcript, const struct tally_command *command)
{
    add_number(transcript, command->kind);
    add_number(transcript, command->ticket);
    if (command->kind == TALLY_COMMAND_APPEND) {
        add_bytes(transcript, command->append.name_space);
        add_bytes(transcript, command->append.body);
    } else if (command->kind == TALLY_COMMAND_STATE) {
        add_bytes(transcript, command->state.type);
        add_bytes(transcript, command->state.body);
    } else if (command->kind == TALLY_COMMAND_REVOKE) {
        add_bytes(transcript, command->revoke.bytes);
    } else if (command->kind == TALLY_COMMAND_PEER) {
        add(transcript, command->peer.key.bytes, 32);
    }
}

/* Whether that is all that goes into the id. */
static bool add_light(struct transcript *transcript, uint64_t us, uint32_t slot, enum record record,
                      unsigned kind)
{
    if (!transcript->light)
        return false;
    uint64_t mixed = transcript->mixed ^ us ^ (uint64_t)slot << 32 ^ (uint64_t)record << 56;
    mixed = (mixed ^ kind ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
    transcript->mixed = mixed ^ mixed >> 31;
    return true;
}

/* What the disk says to an action. */
static enum tally_error stored(const struct tally_event *event)
{
    if (event->kind == TALLY_EVENT_PUBLISHED)
        return event->published.error;
    if (event->kind == TALLY_EVENT_KEPT)
        return event->kept.error;
    return event->kind == TALLY_EVENT_PRUNED ? event->pruned.error : event->appended.error;
}

static void add_mapped(struct transcript *transcript, const struct tally_event *event)
{
    add_number(transcript, event->mapped.error);
    add(transcript, event->mapped.outer.ip, sizeof event->mapped.outer.ip);
    add_number(transcript, event->mapped.lifetime_s);
}

void transcript_event(struct transcript *transcript, uint64_t us, uint32_t slot,
                      const struct tally_event *event)
{
    if (add_light(transcript, us, slot, RECORD_EVENT, event->kind))
        return;
    add_head(transcript, us, slot, RECORD_EVENT, event->kind);
    switch (event->kind) {
    case TALLY_EVENT_DATAGRAM:
        add_bytes(transcript, event->datagram.bytes);
        break;
    case TALLY_EVENT_STREAM_BYTES:
        add_number(transcript, event->stream_bytes.stream);
        add_bytes(transcript, event->stream_bytes.bytes);
        break;
    case TALLY_EVENT_STREAM_OPEN:
        add_number(transcript, event->stream_open.stream);
        break;
    case TALLY_EVENT_STREAM_ROOM:
        add_number(transcript, event->stream_room.room);
        break;
    case TALLY_EVENT_STREAM_CLOSED:
        add_number(transcript, event->stream_closed.stream);
        add_number(transcript, event->stream_closed.error);
        break;
    case TALLY_EVENT_APPENDED:
    case TALLY_EVENT_PUBLISHED:
    case TALLY_EVENT_KEPT:
    case TALLY_EVENT_PRUNED:
        add_number(transcript, stored(event));
        break;
    case TALLY_EVENT_SEALED:
        add_number(transcript, event->sealed.size);
        add(transcript, event->sealed.root.bytes, 32);
        break;
    case TALLY_EVENT_VERIFIED:
        add_number(transcript, event->verified.drop);
        break;
    case TALLY_EVENT_BODY:
        add_number(transcript, event->body.drop);
        break;
    case TALLY_EVENT_COMMAND:
        add_command(transcript, &event->command);
        break;
    case TALLY_EVENT_LINKS:
        for (size_t i = 0; i < event->links.count; i++)
            add(transcript, event->links.list[i].address.ip, 16);
        break;
    case TALLY_EVENT_MULTICAST:
        add_number(transcript, event->multicast.interface);
        add_bytes(transcript, event->multicast.bytes);
        break;
    case TALLY_EVENT_MAPPED:
        add_mapped(transcript, event);
        break;
    case TALLY_EVENT_GATEWAY:
        add_number(transcript, event->gateway.epoch_s);
        break;
    case TALLY_EVENT_RESOLVED:
        add_number(transcript, event->resolved.count);
        break;
    case TALLY_EVENT_HTTP:
        add_number(transcript, event->http.status);
        break;
    case TALLY_EVENT_CARRY:
    case TALLY_EVENT_TICK:
    case TALLY_EVENT_SPACE:
        break;
    }
}

static void add_multicast(struct transcript *transcript, const struct tally_action *action)
{
    add_number(transcript, action->multicast.interface);
    add(transcript, action->multicast.to.ip, sizeof action->multicast.to.ip);
    add_bytes(transcript, action->multicast.bytes);
}

static void add_append(struct transcript *transcript, const struct tally_action *action)
{
    add_number(transcript, action->append.first);
    add_bytes(transcript, action->append.envelope);
    add_bytes(transcript, action->append.note);
}

static void add_map(struct transcript *transcript, const struct tally_action *action)
{
    add_number(transcript, action->map.outer_port);
    add_number(transcript, action->map.lifetime_s);
}

static void add_found(struct transcript *transcript, const struct tally_action *action)
{
    add(transcript, action->found.key.bytes, sizeof action->found.key.bytes);
    add(transcript, action->found.address.ip, sizeof action->found.address.ip);
}

static void add_answer(struct transcript *transcript, const struct tally_action *action)
{
    add_number(transcript, action->answer.ticket);
    add_number(transcript, action->answer.error);
}

void transcript_action(struct transcript *transcript, uint64_t us, uint32_t slot,
                       const struct tally_action *action)
{
    if (add_light(transcript, us, slot, RECORD_ACTION, action->kind))
        return;
    add_head(transcript, us, slot, RECORD_ACTION, action->kind);
    switch (action->kind) {
    case TALLY_ACTION_SEND:
        add(transcript, action->send.to.ip, sizeof action->send.to.ip);
        add_bytes(transcript, action->send.bytes);
        break;
    case TALLY_ACTION_DIAL:
        add(transcript, action->dial.to.ip, sizeof action->dial.to.ip);
        break;
    case TALLY_ACTION_WRITE:
        add_number(transcript, action->write.stream);
        add_bytes(transcript, action->write.bytes);
        break;
    case TALLY_ACTION_CLOSE:
        add_number(transcript, action->close.stream);
        break;
    case TALLY_ACTION_APPEND:
        add_append(transcript, action);
        break;
    case TALLY_ACTION_SEAL:
        add_number(transcript, action->seal.size);
        break;
    case TALLY_ACTION_PUBLISH:
        add_bytes(transcript, action->publish.note);
        break;
    case TALLY_ACTION_PRUNE:
        add_number(transcript, action->prune.to);
        break;
    case TALLY_ACTION_VERIFY:
        add_bytes(transcript, action->verify.bytes);
        break;
    case TALLY_ACTION_BODY:
        add_bytes(transcript, action->body.bytes);
        break;
    case TALLY_ACTION_RELEASE:
        add_number(transcript, action->release.ticket);
        break;
    case TALLY_ACTION_EVIDENCE:
        add_bytes(transcript, action->evidence.bytes);
        break;
    case TALLY_ACTION_ANSWER:
        add_answer(transcript, action);
        break;
    case TALLY_ACTION_MULTICAST:
        add_multicast(transcript, action);
        break;
    case TALLY_ACTION_MAP:
        add_map(transcript, action);
        break;
    case TALLY_ACTION_RESOLVE:
        add_bytes(transcript, bytes_text(action->resolve.name));
        break;
    case TALLY_ACTION_FOUND:
        add_found(transcript, action);
        break;
    case TALLY_ACTION_HTTP:
        add_bytes(transcript, action->http.body);
        break;
    case TALLY_ACTION_KEEP:
        add_bytes(transcript, action->keep.note);
        break;
    case TALLY_ACTION_CARRY:
        break; /* No story has files. */
    }
}

void transcript_id(const struct transcript *transcript, char id[33])
{
    crypto_generichash_state copy = *transcript->hash;
    uint8_t out[16];
    be64_write(out, transcript->mixed);
    if (transcript->light)
        crypto_generichash_update(&copy, out, 8);
    crypto_generichash_final(&copy, out, sizeof out);
    hex_write(bytes_of(out, sizeof out), id);
}

/* ---- The text. ---- */

static void write_line(struct transcript *transcript, const char *line, size_t size)
{
    transcript->text =
        memory_room(transcript->text, &transcript->capacity, transcript->size + size + 1, 1);
    memcpy(transcript->text + transcript->size, line, size);
    transcript->size += size;
    transcript->text[transcript->size++] = '\n';
}

/* Adds to a line of LINE_MAX_BYTES, which what we write never fills. */
static void put(char *line, size_t *size, const char *form, ...)
    __attribute__((format(printf, 3, 4)));

static void put(char *line, size_t *size, const char *form, ...)
{
    va_list arguments;
    va_start(arguments, form);
    int more = vsnprintf(line + *size, LINE_MAX_BYTES - *size, form, arguments);
    va_end(arguments);
    *size += more < 0 ? 0 : (size_t)more;
    if (*size >= LINE_MAX_BYTES)
        *size = LINE_MAX_BYTES - 1;
}

static void put_time(char *line, size_t *size, uint64_t us)
{
    put(line, size, "%" PRIu64 ".%03" PRIu64 " ", us / 1000000, us / 1000 % 1000);
}

/* A log by its node and namespace, «n3/audit»: origins are long, and change with the seed. */
static void put_origin(char *line, size_t *size, const struct world *world, const char *origin)
{
    struct tally_key issuer;
    struct tally_bytes name_space;
    uint32_t slot;
    if (tally_origin_read(bytes_text(origin), &issuer, &name_space) &&
        world_find(world, &issuer, &slot))
        put(line, size, " n%u/%.*s", slot + 1, (int)name_space.size, (const char *)name_space.data);
    else
        put(line, size, " %.80s", origin);
}

void transcript_trace(struct transcript *transcript, const struct world *world, uint32_t slot,
                      const struct tally_trace *trace)
{
    if (!add_light(transcript, world->now_us, slot, RECORD_TRACE, trace->kind)) {
        add_head(transcript, world->now_us, slot, RECORD_TRACE, trace->kind);
        add_number(transcript, trace->drop);
        add_number(transcript, trace->a);
        add_number(transcript, trace->b);
    }
    if (!transcript->on || tally_trace_level(trace->kind) > transcript->level)
        return;
    char line[LINE_MAX_BYTES];
    size_t size = 0;
    uint32_t peer;
    put_time(line, &size, world->now_us);
    put(line, &size, "n%u%s  %s", world->slots[slot].shown + 1,
        world->slots[slot].shown != slot ? "'" : "", tally_trace_word(trace->kind));
    if (trace->peer != NULL && world_find(world, trace->peer, &peer))
        put(line, &size, " n%u", peer + 1);
    else if (trace->peer != NULL)
        put(line, &size, " stranger");
    if (trace->origin != NULL)
        put_origin(line, &size, world, trace->origin);
    if (trace->drop != TALLY_DROP_NONE)
        put(line, &size, " %s", tally_drop_name(trace->drop));
    if (trace->kind == TALLY_TRACE_GUARD)
        put(line, &size, " %s", tally_guard_name((enum tally_guard)trace->a));
    else if (tally_trace_a(trace->kind)[0] != '\0')
        put(line, &size, " %s %" PRIu64, tally_trace_a(trace->kind), trace->a);
    if (tally_trace_b(trace->kind)[0] != '\0')
        put(line, &size, " %s %" PRIu64, tally_trace_b(trace->kind), trace->b);
    write_line(transcript, line, size);
}

void transcript_say(struct transcript *transcript, uint64_t us, const char *text)
{
    if (!transcript->on)
        return;
    char line[LINE_MAX_BYTES];
    size_t size = 0;
    put_time(line, &size, us);
    put(line, &size, "--  %s", text);
    write_line(transcript, line, size);
}
