/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/door.h"

#include "core/base/bytes.h"
#include "host/config/paths.h"
#include "host/uv/admin_frame.h"
#include "host/uv/admin_path.h"
#include "host/uv/host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE = 256 << 10, PATIENCE_MS = 30000, SECOND_MS = 1000 };

struct memory {
    uint8_t *bytes;
    size_t start, size, capacity;
};

/* What an answer of our own node is for. */
struct slot {
    struct door *door;
    uint64_t id;
};

struct door {
    struct door_options options;
    int fd; /* To the running node; -1: `host` is ours. */
    struct memory in, out;
    struct host *host;
    struct slot slots[DOOR_FLIGHT]; /* By id modulo their number. */
    uint64_t answers;
    /* Of door_query. */
    struct memory text;
    bool whole;
    enum tally_error error;
};

static bool reserve(struct memory *memory, size_t more)
{
    if (memory->start > 0) {
        memmove(memory->bytes, memory->bytes + memory->start, memory->size - memory->start);
        memory->size -= memory->start;
        memory->start = 0;
    }
    if (memory->capacity - memory->size >= more)
        return true;
    size_t capacity = memory->capacity * 2 + more;
    uint8_t *larger = realloc(memory->bytes, capacity);
    if (larger == NULL)
        return false;
    memory->bytes = larger;
    memory->capacity = capacity;
    return true;
}

static enum tally_error no_memory(struct complaint *complaint)
{
    return complain(complaint, TALLY_NO_MEMORY, "%s", tally_error_text(TALLY_NO_MEMORY));
}

/* ---- Opening ---- */

static int connect_to(const char *data)
{
    struct sockaddr_un address;
    int folder = open(data, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = folder < 0 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        admin_path(data, folder, &address);
        if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
            int code = errno;
            (void)close(fd);
            fd = -1;
            errno = code;
        }
    }
    int code = errno;
    if (folder >= 0)
        (void)close(folder);
    errno = code;
    return fd;
}

static enum tally_error open_own(struct door *door, struct complaint *complaint)
{
    const struct host_options options = {
        .data = door->options.data, .create = true, .level = TALLY_LEVEL_WARN};
    return host_open(&options, &door->host, complaint);
}

enum tally_error door_open(const struct door_options *options, struct door **result,
                           struct complaint *complaint)
{
    *result = NULL;
    if (!paths_is_data(options->data) && !options->alone)
        return paths_no_data(options->data, complaint);
    struct door *door = calloc(1, sizeof *door);
    if (door == NULL)
        return no_memory(complaint);
    door->options = *options;
    door->fd = connect_to(options->data);
    int code = errno;
    enum tally_error error = TALLY_OK;
    if (door->fd >= 0)
        (void)fcntl(door->fd, F_SETFL, O_NONBLOCK);
    else if (code != ENOENT && code != ECONNREFUSED)
        error = complain(complaint, complaint_of_errno(code), "the node on %s cannot be asked: %s",
                         options->data, strerror(code));
    else if (!options->alone)
        error = complain(complaint, TALLY_NO_DAEMON,
                         "no node is running on %s: start it with tally run --data %s",
                         options->data, options->data);
    else
        error = open_own(door, complaint);
    if (error == TALLY_OK)
        *result = door;
    else
        free(door);
    return error;
}

/* ---- Towards the node ---- */

static enum tally_error lost(struct complaint *complaint)
{
    return complain(complaint, TALLY_CLOSED,
                    "the node ended before it answered all: what was printed is durable, the rest "
                    "may be; tally log show says how many receipts there are");
}

static enum tally_error send_some(struct door *door, struct complaint *complaint)
{
    struct memory *out = &door->out;
    while (out->size > out->start) {
        ssize_t sent =
            send(door->fd, out->bytes + out->start, out->size - out->start, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR))
            return TALLY_OK;
        if (sent < 0)
            return lost(complaint);
        out->start += (size_t)sent;
    }
    out->start = out->size = 0;
    return TALLY_OK;
}

static enum tally_error put(struct door *door, const struct tally_admin_frame *frame, size_t size,
                            struct complaint *complaint)
{
    if (!reserve(&door->out, size))
        return no_memory(complaint);
    door->out.size += admin_frame_write(frame, door->out.bytes + door->out.size, size);
    return TALLY_OK;
}

static void on_own_answer(void *context, const struct tally_action *action)
{
    const struct slot *slot = context;
    struct door *door = slot->door;
    const struct door_answer answer = {
        .id = slot->id,
        .error = action->answer.error,
        .origin = action->answer.error == TALLY_OK ? action->answer.origin : NULL,
        .index = action->answer.index,
        .receipt = action->answer.receipt};
    door->answers++;
    door->options.on_answer(door->options.context, &answer);
}

enum tally_error door_append(struct door *door, uint64_t id, const struct tally_command *command,
                             struct complaint *complaint)
{
    if (door->host != NULL) {
        struct slot *slot = &door->slots[id % DOOR_FLIGHT];
        *slot = (struct slot){door, id};
        return host_command(door->host, command, on_own_answer, slot) ? TALLY_OK : TALLY_BUSY;
    }
    bool statement = command->kind == TALLY_COMMAND_STATE;
    bool revocation = command->kind == TALLY_COMMAND_REVOKE;
    const struct tally_bytes body = statement    ? command->state.body
                                    : revocation ? command->revoke.bytes
                                                 : command->append.body;
    struct tally_admin_frame frame = {.kind = TALLY_ADMIN_APPEND,
                                      .request = (uint32_t)(id % DOOR_FLIGHT),
                                      .append = {.name_space = command->append.name_space,
                                                 .type = command->append.type,
                                                 .profile = command->append.profile,
                                                 .body = body}};
    if (statement) {
        frame.kind = TALLY_ADMIN_STATE;
        frame.state = (struct tally_admin_state){.type = command->state.type, .body = body};
    }
    if (revocation) {
        frame.kind = TALLY_ADMIN_REVOKE;
        frame.revoke.bytes = body;
    }
    door->slots[id % DOOR_FLIGHT] = (struct slot){door, id};
    enum tally_error error = put(door, &frame, ADMIN_OVERHEAD + body.size, complaint);
    /* Small ones go together. */
    if (error == TALLY_OK && door_backlog(door) >= PIECE)
        error = send_some(door, complaint);
    return error;
}

enum tally_error door_carry(struct door *door, struct tally_bytes frame,
                            struct complaint *complaint)
{
    const struct tally_admin_frame carry = {
        .kind = TALLY_ADMIN_CARRY, .request = 1, .carry = {.bytes = frame}};
    return put(door, &carry, ADMIN_OVERHEAD + frame.size, complaint);
}

size_t door_backlog(const struct door *door)
{
    return door->out.size - door->out.start;
}

/* ---- From the node ---- */

static void on_appended(struct door *door, const struct tally_admin_frame *frame)
{
    char origin[256];
    struct tally_bytes name = frame->appended.origin;
    (void)snprintf(origin, sizeof origin, "%.*s", (int)name.size, (const char *)name.data);
    const struct door_answer answer = {.id = door->slots[frame->request % DOOR_FLIGHT].id,
                                       .error = (enum tally_error)frame->appended.error,
                                       .origin = frame->appended.error == TALLY_OK ? origin : NULL,
                                       .index = frame->appended.index,
                                       .receipt = frame->appended.receipt};
    door->answers++;
    door->options.on_answer(door->options.context, &answer);
}

static bool on_answered(struct door *door, const struct tally_admin_frame *frame)
{
    struct tally_bytes text = frame->answer.text;
    if (!reserve(&door->text, text.size + 1))
        return false;
    if (text.size > 0)
        memcpy(door->text.bytes + door->text.size, text.data, text.size);
    door->text.size += text.size;
    door->text.bytes[door->text.size] = 0;
    door->error = (enum tally_error)frame->answer.error;
    door->whole = !frame->answer.more;
    door->answers++;
    return true;
}

static enum tally_error take_frames(struct door *door, struct complaint *complaint)
{
    struct memory *in = &door->in;
    struct tally_admin_frame frame;
    for (;;) {
        size_t size;
        struct tally_bytes bytes = bytes_of(in->bytes + in->start, in->size - in->start);
        enum admin_read state = admin_frame_read(bytes, &frame, &size);
        enum tally_error error = TALLY_OK;
        if (state == ADMIN_SHORT)
            return TALLY_OK;
        if (state == ADMIN_READ && frame.kind == TALLY_ADMIN_APPENDED &&
            door->options.on_answer != NULL)
            on_appended(door, &frame);
        else if (state == ADMIN_READ && frame.kind == TALLY_ADMIN_CARRY &&
                 door->options.on_carry != NULL)
            error = door->options.on_carry(door->options.context, frame.carry.bytes);
        else if (state != ADMIN_READ || frame.kind != TALLY_ADMIN_ANSWER ||
                 !on_answered(door, &frame))
            return complain(complaint, TALLY_MALFORMED,
                            "the node's answer is not understood: is it of another version?");
        if (error != TALLY_OK)
            return error;
        in->start += size;
    }
}

static enum tally_error receive_some(struct door *door, struct complaint *complaint)
{
    if (!reserve(&door->in, PIECE))
        return no_memory(complaint);
    ssize_t got = recv(door->fd, door->in.bytes + door->in.size, PIECE, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return TALLY_OK;
    if (got <= 0)
        return lost(complaint);
    door->in.size += (size_t)got;
    return take_frames(door, complaint);
}

/* ---- Waiting ---- */

static enum tally_error wait_for_node(struct door *door, int input, int patience_ms, bool *readable,
                                      struct complaint *complaint)
{
    enum tally_error error = send_some(door, complaint);
    struct pollfd descriptors[] = {
        {.fd = door->fd, .events = (short)(POLLIN | (door_backlog(door) > 0 ? POLLOUT : 0))},
        {.fd = input, .events = POLLIN}};
    if (error != TALLY_OK)
        return error;
    int count = poll(descriptors, 2, patience_ms);
    *readable = count > 0 && descriptors[1].revents != 0;
    if (count > 0 && descriptors[0].revents != 0) {
        error = send_some(door, complaint);
        if (error == TALLY_OK)
            error = receive_some(door, complaint);
    }
    return error;
}

static void wait_for_own(struct door *door, int input, bool *readable)
{
    uint64_t before = door->answers;
    host_turn(door->host);
    if (door->answers != before)
        return;
    struct pollfd descriptors[] = {{.fd = host_descriptor(door->host), .events = POLLIN},
                                   {.fd = input, .events = POLLIN}};
    *readable =
        poll(descriptors, 2, host_timeout_ms(door->host)) > 0 && descriptors[1].revents != 0;
    host_turn(door->host);
}

enum tally_error door_wait(struct door *door, int input, bool *readable,
                           struct complaint *complaint)
{
    *readable = false;
    if (door->host == NULL)
        return wait_for_node(door, input, -1, readable, complaint);
    wait_for_own(door, input, readable);
    return host_failed(door->host, complaint);
}

/* Until the whole answer is there, or patience ends. */
static enum tally_error wait_for_answer(struct door *door, struct complaint *complaint)
{
    unsigned patience = door->options.patience_ms == 0 ? PATIENCE_MS : door->options.patience_ms;
    const uint64_t begun = host_now().mono.ms;
    unsigned waited = 0, told = 0;
    bool readable;
    while (!door->whole && waited < patience) {
        int slice = (int)(patience - waited < SECOND_MS ? patience - waited : SECOND_MS);
        enum tally_error error = wait_for_node(door, -1, slice, &readable, complaint);
        if (error != TALLY_OK)
            return error;
        waited = (unsigned)(host_now().mono.ms - begun);
        if (!door->whole && door->options.on_wait != NULL && waited / SECOND_MS > told) {
            told = waited / SECOND_MS;
            door->options.on_wait(door->options.context, told);
        }
    }
    if (!door->whole)
        return complain(complaint, TALLY_TIMED_OUT, "the node on %s gave no answer in %u s",
                        door->options.data, patience / SECOND_MS);
    return TALLY_OK;
}

char *door_query(struct door *door, const char *verb, const char *argument,
                 struct complaint *complaint)
{
    const struct tally_admin_frame frame = {
        .kind = TALLY_ADMIN_QUERY,
        .request = 1,
        .query = {.verb = bytes_text(verb), .argument = bytes_text(argument)}};
    enum tally_error error = put(door, &frame, ADMIN_OVERHEAD, complaint);
    if (error == TALLY_OK)
        error = wait_for_answer(door, complaint);
    if (error == TALLY_CLOSED)
        error = complain(complaint, TALLY_CLOSED, "the node on %s ended before it answered",
                         door->options.data);
    if (error == TALLY_OK && door->error != TALLY_OK)
        error = complain(complaint, door->error, "%s", tally_error_text(door->error));
    if (error != TALLY_OK)
        return NULL;
    char *text = (char *)door->text.bytes;
    door->text = (struct memory){0};
    return text;
}

enum tally_error door_close(struct door *door, struct complaint *complaint)
{
    enum tally_error error = TALLY_OK;
    if (door->host != NULL) {
        host_stop(door->host);
        error = host_run(door->host, complaint);
        host_close(door->host);
    }
    if (door->fd >= 0)
        (void)close(door->fd);
    free(door->in.bytes);
    free(door->out.bytes);
    free(door->text.bytes);
    free(door);
    return error;
}
