/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/admin.h"

#include "core/base/bytes.h"
#include "core/federation/words.h"
#include "host/uv/admin_frame.h"
#include "host/uv/admin_path.h"
#include "host/uv/errands.h"
#include "host/uv/inside.h"
#include "host/uv/questions.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 256 << 10 };

/* Memory that grows by need; bytes before `start` were used up. */
struct buffer {
    uint8_t *bytes;
    size_t start, size, capacity;
};

struct client {
    struct admin *admin;
    uv_pipe_t pipe;
    struct buffer in;
    struct buffer out;     /* Being filled, */
    struct buffer sending; /* being written. */
    uv_write_t writing;
    size_t flight; /* Appends without an answer. */
    size_t wanted; /* Bytes the frame at the beginning of `in` has at least. */
    bool reading, busy, closing, closed;
    uint32_t carries; /* The question with which it laid files before the node; 0. */
    bool stalled;     /* The node took no more: the request in front is tried again later. */
};

struct waiter {
    struct client *client;
    uint32_t request;
};

/* ---- Memory ---- */

static bool reserve(struct buffer *buffer, size_t more)
{
    if (buffer->start > 0) {
        memmove(buffer->bytes, buffer->bytes + buffer->start, buffer->size - buffer->start);
        buffer->size -= buffer->start;
        buffer->start = 0;
    }
    if (buffer->capacity - buffer->size >= more)
        return true;
    size_t capacity =
        buffer->capacity * 2 > buffer->size + more ? buffer->capacity * 2 : buffer->size + more;
    uint8_t *larger = realloc(buffer->bytes, capacity);
    if (larger == NULL)
        return false;
    buffer->bytes = larger;
    buffer->capacity = capacity;
    return true;
}

static void give_back(struct client *client)
{
    struct admin *admin = client->admin;
    if (!client->closed || client->flight > 0)
        return; /* Answers still name it. */
    for (size_t i = 0; i < admin->count; i++)
        if (admin->clients[i] == client)
            admin->clients[i] = admin->clients[--admin->count];
    free(client->in.bytes);
    free(client->out.bytes);
    free(client->sending.bytes);
    free(client);
    if (admin->knocking && admin->open)
        host_later(admin->host);
}

static void on_closed(uv_handle_t *handle)
{
    struct client *client = handle->data;
    client->closed = true;
    give_back(client);
}

/* Outside of any step the node hears of it. */
static void leave(struct client *client)
{
    client->admin->carrier = NULL;
    client->admin->left = true;
    client->flight--;
    client->admin->flight--;
    host_later(client->admin->host);
}

static void end(struct client *client)
{
    if (client->closing)
        return;
    client->closing = true;
    if (client->admin->carrier == client)
        leave(client);
    uv_close((uv_handle_t *)&client->pipe, on_closed);
}

/* ---- Answers ---- */

static void on_written(uv_write_t *request, int code)
{
    struct client *client = request->data;
    client->busy = false;
    if (code != 0)
        end(client);
    else
        host_later(client->admin->host);
}

/* What is ready goes out in one write, from memory that is left alone until that is done. */
static void flush(struct client *client)
{
    if (client->busy || client->closing || client->out.size == 0)
        return;
    const struct buffer ready = client->out;
    client->out = client->sending;
    client->out.size = 0;
    client->sending = ready;
    uv_buf_t buffer = uv_buf_init((char *)ready.bytes, (unsigned)ready.size);
    client->writing.data = client;
    client->busy = true;
    if (uv_write(&client->writing, (uv_stream_t *)&client->pipe, &buffer, 1, on_written) != 0) {
        client->busy = false;
        end(client);
    }
}

static void answer(struct client *client, const struct tally_admin_frame *frame, size_t size)
{
    struct buffer *out = &client->out;
    if (client->closing)
        return;
    if (!reserve(out, size)) {
        end(client);
        return;
    }
    out->size += admin_frame_write(frame, out->bytes + out->size, size);
    host_later(client->admin->host);
}

static void on_appended(void *context, const struct tally_action *action)
{
    const struct waiter waiter = *(struct waiter *)context;
    struct client *client = waiter.client;
    free(context);
    struct tally_admin_frame frame = {.kind = TALLY_ADMIN_APPENDED, .request = waiter.request};
    frame.appended.error = (uint8_t)action->answer.error;
    if (action->answer.error == TALLY_OK) {
        if (action->answer.origin != NULL) /* A revocation has no place of ours. */
            frame.appended.origin = bytes_text(action->answer.origin);
        frame.appended.index = action->answer.index;
        frame.appended.receipt = action->answer.receipt;
    }
    client->flight--;
    client->admin->flight--;
    answer(client, &frame, ADMIN_OVERHEAD);
    give_back(client);
}

/* ---- Requests ---- */

/* As long as the guard asks, nobody knows whether the node may sign; it soon will. The operator's
   word does not wait for that. */
static bool must_wait(const struct client *client, const struct tally_admin_frame *frame)
{
    return tally_node_guard(client->admin->host->node) == TALLY_GUARD_ASKING &&
           (frame->kind == TALLY_ADMIN_APPEND ||
            (frame->kind == TALLY_ADMIN_STATE && fed_kind_of(frame->state.type) != FED_CONFIRM));
}

/* False if the node takes no more for now: the request is then read again later. */
static bool append(struct client *client, const struct tally_admin_frame *frame)
{
    struct tally_command command = {.kind = TALLY_COMMAND_APPEND,
                                    .append = {.name_space = frame->append.name_space,
                                               .type = frame->append.type,
                                               .profile = frame->append.profile,
                                               .body = frame->append.body}};
    if (frame->kind == TALLY_ADMIN_STATE)
        command =
            (struct tally_command){.kind = TALLY_COMMAND_STATE,
                                   .state = {.type = frame->state.type, .body = frame->state.body}};
    if (frame->kind == TALLY_ADMIN_REVOKE)
        command = (struct tally_command){.kind = TALLY_COMMAND_REVOKE,
                                         .revoke = {.bytes = frame->revoke.bytes}};
    struct waiter *waiter = malloc(sizeof *waiter);
    if (waiter == NULL) {
        end(client);
        return false;
    }
    *waiter = (struct waiter){client, frame->request};
    client->flight++;
    client->admin->flight++;
    if (host_command(client->admin->host, &command, on_appended, waiter))
        return true;
    client->flight--;
    client->admin->flight--;
    free(waiter);
    return false;
}

static void answer_text(struct client *client, uint32_t request, enum tally_error error,
                        const char *text)
{
    struct tally_bytes rest = bytes_text(text == NULL ? "" : text);
    struct tally_admin_frame piece = {.kind = TALLY_ADMIN_ANSWER, .request = request};
    piece.answer.error = (uint8_t)error;
    do {
        size_t size =
            rest.size < TALLY_ADMIN_ANSWER_TEXT_MAX ? rest.size : TALLY_ADMIN_ANSWER_TEXT_MAX;
        piece.answer.text = bytes_of(rest.data, size);
        rest = bytes_of(rest.data + size, rest.size - size);
        piece.answer.more = rest.size > 0;
        answer(client, &piece, ADMIN_OVERHEAD + size);
    } while (rest.size > 0);
}

static void on_errand(void *context, enum tally_error error, const char *text)
{
    const struct waiter waiter = *(struct waiter *)context;
    free(context);
    waiter.client->flight--;
    waiter.client->admin->flight--;
    answer_text(waiter.client, waiter.request, error, text);
    give_back(waiter.client);
}

/* What the node must ask others for is answered later, like an append. */
static bool begin_errand(struct client *client, const struct tally_admin_frame *frame)
{
    struct waiter *waiter = malloc(sizeof *waiter);
    if (waiter == NULL)
        return false;
    *waiter = (struct waiter){client, frame->request};
    client->flight++;
    client->admin->flight++;
    if (errand_begin(client->admin->host, frame->query.verb, frame->query.argument, on_errand,
                     waiter))
        return true;
    client->flight--;
    client->admin->flight--;
    free(waiter);
    return false;
}

static void on_carry(void *context, struct tally_bytes bytes)
{
    struct client *client = context;
    const struct tally_admin_frame frame = {
        .kind = TALLY_ADMIN_CARRY, .request = client->carries, .carry = {.bytes = bytes}};
    answer(client, &frame, ADMIN_OVERHEAD + bytes.size);
}

static void on_carried(void *context, enum tally_error error, const char *text)
{
    struct client *client = context;
    client->admin->carrier = NULL;
    client->flight--;
    client->admin->flight--;
    answer_text(client, client->carries, error, text);
    give_back(client);
}

/* Files are laid before the node: what it asks of them goes out as it comes, and the answer when it
   has all that is new. */
static void begin_carry(struct client *client, uint32_t request)
{
    struct admin *admin = client->admin;
    client->carries = request;
    client->flight++;
    admin->flight++;
    if (admin->carrier == NULL && !admin->left) {
        admin->carrier = client;
        if (carrier_begin(admin->host, on_carry, on_carried, client))
            return;
        admin->carrier = NULL;
    }
    client->flight--;
    admin->flight--;
    answer_text(client, request, TALLY_BUSY, NULL);
}

static void query(struct client *client, const struct tally_admin_frame *frame)
{
    if (bytes_equal(frame->query.verb, bytes_text("carry"))) {
        begin_carry(client, frame->request);
        return;
    }
    enum tally_error error;
    char *text = questions_answer(client->admin->host, frame->query.verb, &error);
    if (error != TALLY_NOT_FOUND || !begin_errand(client, frame))
        answer_text(client, frame->request, error, text);
    free(text);
}

static bool may_go_on(const struct client *client)
{
    const struct admin *admin = client->admin;
    return !client->closing && !admin->quiet && client->flight < ADMIN_FLIGHT &&
           admin->flight < ADMIN_FLIGHT_ALL && client->out.size < ADMIN_UNSENT_MAX;
}

/* Obeys as many whole requests as may be under way. */
static void obey(struct client *client)
{
    struct buffer *in = &client->in;
    struct tally_admin_frame frame;
    client->wanted = 0;
    client->stalled = false;
    while (may_go_on(client)) {
        struct tally_bytes bytes = bytes_of(in->bytes + in->start, in->size - in->start);
        size_t size;
        enum admin_read state = admin_frame_read(bytes, &frame, &size);
        client->wanted = size;
        if (state == ADMIN_SHORT)
            return;
        bool ours = frame.kind == TALLY_ADMIN_APPEND || frame.kind == TALLY_ADMIN_STATE ||
                    frame.kind == TALLY_ADMIN_REVOKE;
        if (state == ADMIN_READ && ours) {
            client->stalled = must_wait(client, &frame) || !append(client, &frame);
            if (client->stalled)
                return;
        } else if (state == ADMIN_READ && frame.kind == TALLY_ADMIN_QUERY) {
            query(client, &frame);
        } else if (state == ADMIN_READ && frame.kind == TALLY_ADMIN_CARRY && client->carries > 0) {
            /* What was on its way when it was over is not looked at. */
            if (client->admin->carrier == client)
                carrier_take(client->admin->host, frame.carry.bytes);
        } else {
            end(client);
            return;
        }
        in->start += size;
    }
}

/* ---- Bytes in ---- */

static void on_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct client *client = handle->data;
    struct buffer *in = &client->in;
    (void)suggested;
    /* A frame of 16 MiB gets its memory at once, not by doubling. */
    size_t have = in->size - in->start;
    size_t more = client->wanted > have + BUFFER ? client->wanted - have : BUFFER;
    *buffer = reserve(in, more) ? uv_buf_init((char *)in->bytes + in->size, (unsigned)more)
                                : uv_buf_init(NULL, 0);
}

static void on_bytes(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct client *client = stream->data;
    (void)buffer;
    if (size < 0) {
        end(client);
        return;
    }
    client->in.size += (size_t)size;
    host_later(client->admin->host);
    obey(client);
}

static void read_on(struct client *client)
{
    struct buffer *in = &client->in;
    obey(client);
    if (in->start == in->size && in->capacity > 2 * BUFFER) {
        free(in->bytes); /* It had a large body; others need the memory too. */
        *in = (struct buffer){0};
    }
    bool may = may_go_on(client) && !client->stalled;
    if (may && !client->reading)
        client->reading = uv_read_start((uv_stream_t *)&client->pipe, on_buffer, on_bytes) == 0;
    else if (!may && client->reading && !client->closing) {
        (void)uv_read_stop((uv_stream_t *)&client->pipe);
        client->reading = false;
    }
}

/* ---- Clients ---- */

/* Takes in who has knocked, as soon as there is a place; until then libuv takes in nobody else. */
static void let_in(struct admin *admin)
{
    if (!admin->knocking || !admin->open || admin->count == ADMIN_CLIENTS)
        return;
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL)
        return;
    admin->knocking = false;
    client->admin = admin;
    (void)uv_pipe_init(&admin->host->loop, &client->pipe, 0);
    client->pipe.data = client;
    admin->clients[admin->count++] = client;
    if (uv_accept((uv_stream_t *)&admin->listener, (uv_stream_t *)&client->pipe) != 0 ||
        admin->quiet)
        end(client);
    else
        read_on(client);
}

static void on_client(uv_stream_t *listener, int code)
{
    struct admin *admin = listener->data;
    if (code != 0)
        return;
    admin->knocking = true;
    let_in(admin);
}

void admin_later(struct admin *admin)
{
    if (admin->left) {
        admin->left = false;
        carrier_leave(admin->host);
    }
    for (size_t i = 0; i < admin->count; i++) {
        struct client *client = admin->clients[i]; /* Reading on may take others away. */
        flush(client);
        read_on(client);
    }
    let_in(admin);
}

/* ---- The whole ---- */

static int bind_socket(struct admin *admin, const char *data)
{
    struct sockaddr_un address;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    admin_path(data, admin->folder, &address);
    /* The lock is ours, so a socket that is there is of a process that is gone. */
    (void)unlinkat(admin->folder, ADMIN_SOCKET, 0);
    /* Nobody can connect before listen; and umask belongs to all threads, one of which may just be
       making folders for the store. */
    bool good = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
                fchmodat(admin->folder, ADMIN_SOCKET, 0600, 0) == 0;
    int code = good ? 0 : errno;
    if (good)
        code = -uv_pipe_open(&admin->listener, fd);
    if (code != 0 && fd >= 0)
        (void)close(fd);
    return code;
}

enum tally_error admin_open(struct admin *admin, struct host *host, struct complaint *complaint)
{
    admin->host = host;
    admin->folder = open(host->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (uv_pipe_init(&host->loop, &admin->listener, 0) != 0)
        return complain(complaint, TALLY_NO_MEMORY, "%s", tally_error_text(TALLY_NO_MEMORY));
    admin->open = true;
    admin->listener.data = admin;
    int code = bind_socket(admin, host->data);
    if (code == 0)
        code = -uv_listen((uv_stream_t *)&admin->listener, ADMIN_CLIENTS, on_client);
    if (code != 0)
        return complain(complaint, complaint_of_errno(code), "%s/%s cannot be listened on: %s",
                        host->data, ADMIN_SOCKET, strerror(code));
    return TALLY_OK;
}

void admin_quiet(struct admin *admin)
{
    admin->quiet = true;
}

bool admin_flushed(const struct admin *admin)
{
    for (size_t i = 0; i < admin->count; i++)
        if (!admin->clients[i]->closing &&
            (admin->clients[i]->busy || admin->clients[i]->out.size > 0))
            return false;
    return true;
}

void admin_close(struct admin *admin)
{
    if (!admin->open)
        return;
    admin->open = false;
    (void)unlinkat(admin->folder, ADMIN_SOCKET, 0);
    (void)close(admin->folder);
    uv_close((uv_handle_t *)&admin->listener, NULL);
    for (size_t i = 0; i < admin->count; i++)
        end(admin->clients[i]);
}
