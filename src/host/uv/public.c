/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/public.h"

#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "host/uv/address.h"
#include "host/uv/inside.h"
#include "tally/witness.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { TICK_MS = 1000, PROBLEM_MAX = 512 };

/* A connection, as long as it is open. */
struct public_client {
    struct public_client *next, **before;
    uint64_t since_ms;
    int fd;
};

/* A request, from its first line until it is answered. */
struct request {
    struct public *public;
    struct MHD_Connection *connection;
    bool asked, waits, answered, too_large;
    unsigned status;
    size_t size, capacity, answer_size;
    uint8_t *body;
    char answer[TALLY_COSIGNATURE_MAX];
};

/* ---- The loop ---- */

static void run(struct public *public);

static void on_timer(uv_timer_t *timer)
{
    struct public *public = timer->data;
    uint64_t now_ms = host_now().mono.ms;
    for (struct public_client *client = public->clients; client != NULL; client = client->next)
        if (now_ms - client->since_ms > PUBLIC_TOTAL_MS)
            (void)shutdown(client->fd, SHUT_RDWR); /* The library then sees its end. */
    run(public);
}

/* What is ready is done, and a timer says when to look again. */
static void run(struct public *public)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;
    (void)MHD_run(public->daemon);
    if (MHD_get_timeout(public->daemon, &wait_ms) != MHD_YES || wait_ms > TICK_MS)
        wait_ms = TICK_MS;
    if (public->count > 0)
        (void)uv_timer_start(&public->timer, on_timer, wait_ms, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct public *public = poll->data;
    (void)events;
    if (status == 0)
        run(public);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **place,
                          enum MHD_ConnectionNotificationCode what)
{
    struct public *public = context;
    struct public_client *client = *place;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (client == NULL)
            return;
        *client->before = client->next;
        if (client->next != NULL)
            client->next->before = client->before;
        public->count--;
        free(client);
        return;
    }
    client = calloc(1, sizeof *client);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    *place = client;
    if (client == NULL || info == NULL) {
        free(client);
        *place = NULL;
        return;
    }
    client->fd = info->connect_fd;
    client->since_ms = host_now().mono.ms;
    client->before = &public->clients;
    client->next = public->clients;
    if (client->next != NULL)
        client->next->before = &client->next;
    public->clients = client;
    public->count++;
}

/* ---- Answers ---- */

/* Says of an answer what it is and how long it may be kept by others, and sends it. */
static enum MHD_Result send_off(struct MHD_Connection *connection, unsigned status,
                                const char *type, const char *cache, struct MHD_Response *response)
{
    if (response == NULL)
        return MHD_NO;
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, cache);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (status == TALLY_WITNESS_BUSY || status == TALLY_WITNESS_UNAVAILABLE)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "2");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD, POST");
    enum MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status, const char *type,
                             const void *bytes, size_t size)
{
    return send_off(connection, status, type, "no-store",
                    MHD_create_response_from_buffer(size, (void *)bytes, MHD_RESPMEM_MUST_COPY));
}

/* RFC 9457. What C2SP does not fix the body of. */
static enum MHD_Result problem(struct MHD_Connection *connection, unsigned status, const char *code,
                               const char *title)
{
    char text[PROBLEM_MAX];
    int size = snprintf(text, sizeof text,
                        "{\"type\":\"/problems/%s\",\"title\":\"%s\",\"status\":%u,\"code\":\"%s\"}"
                        "\n",
                        code, title, status, code);
    return reply(connection, status, "application/problem+json", text, (size_t)size);
}

static const char *title_of(unsigned status)
{
    switch (status) {
    case TALLY_WITNESS_MALFORMED:
        return "this is no add-checkpoint request, or no checkpoint";
    case TALLY_WITNESS_UNSIGNED:
        return "no key that this log has signed the checkpoint";
    case TALLY_WITNESS_UNKNOWN:
        return "this log is not witnessed here";
    case TALLY_WITNESS_UNPROVEN:
        return "the tree is not proved to grow out of the one that was cosigned last";
    case TALLY_WITNESS_BUSY:
        return "too many requests for this log";
    case TALLY_WITNESS_TOO_LARGE:
        return "the request is too large";
    default:
        return "nothing can be cosigned now";
    }
}

static enum MHD_Result reply_witness(const struct request *request)
{
    if (request->status == TALLY_WITNESS_COSIGNED)
        return reply(request->connection, request->status, "text/plain; charset=utf-8",
                     request->answer, request->answer_size);
    /* sigsum-go and others compare the type literally: no parameter (log chapter 5.1). */
    if (request->status == TALLY_WITNESS_CONFLICT)
        return reply(request->connection, request->status, TALLY_WITNESS_SIZE_TYPE, request->answer,
                     request->answer_size);
    return problem(request->connection, request->status, tally_witness_name(request->status),
                   title_of(request->status));
}

/* ---- Asking the node ---- */

static void on_answer(void *context, const struct tally_action *answer)
{
    struct request *request = context;
    request->answered = true;
    request->status =
        answer->answer.status != 0 ? answer->answer.status : (unsigned)TALLY_WITNESS_UNAVAILABLE;
    request->answer_size = answer->answer.bytes.size;
    if (request->answer_size > sizeof request->answer)
        request->answer_size = 0;
    if (request->answer_size > 0)
        memcpy(request->answer, answer->answer.bytes.data, request->answer_size);
    if (!request->waits)
        return;
    MHD_resume_connection(request->connection);
    if (request->public->open)
        (void)uv_timer_start(&request->public->timer, on_timer, 0, 0);
}

static enum MHD_Result add_checkpoint(struct request *request)
{
    const struct tally_command command = {
        .kind = TALLY_COMMAND_WITNESS,
        .witness = {.bytes = bytes_of(request->body, request->size)}};
    if (request->too_large)
        return problem(request->connection, MHD_HTTP_CONTENT_TOO_LARGE, "too_large",
                       title_of(TALLY_WITNESS_TOO_LARGE));
    if (!request->asked) {
        request->asked = true;
        if (!host_command(request->public->host, &command, on_answer, request)) {
            request->answered = true;
            request->status = TALLY_WITNESS_UNAVAILABLE;
        }
    }
    if (request->answered)
        return reply_witness(request);
    request->waits = true;
    MHD_suspend_connection(request->connection);
    return MHD_YES;
}

static enum MHD_Result send_file(struct MHD_Connection *connection, const struct public_file *file)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(file->size, file->bytes, MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        free(file->bytes);
    return send_off(connection, MHD_HTTP_OK, file->type, file->cache, response);
}

/* /<64 lower-case hex digits>/checkpoint */
static bool monitored(const char *url, struct tally_hash *origin_hash)
{
    char hex[2 * sizeof origin_hash->bytes + 1];
    if (url[0] != '/' || strlen(url) != sizeof hex + strlen("/checkpoint"))
        return false;
    memcpy(hex, url + 1, sizeof hex - 1);
    hex[sizeof hex - 1] = '\0';
    return strcmp(url + sizeof hex, "/checkpoint") == 0 && strpbrk(hex, "ABCDEF") == NULL &&
           hex_read(hex, origin_hash->bytes, sizeof origin_hash->bytes);
}

static enum MHD_Result get(struct request *request, const char *url)
{
    struct tally_hash origin_hash;
    uint8_t note[TALLY_WITNESS_NOTE_MAX];
    struct public_file file;
    const struct tally_ledger ledger = store_ledger(request->public->host->store);
    if (public_file_find(&ledger, host_node(request->public->host), request->public->logs, url,
                         &file))
        return send_file(request->connection, &file);
    size_t size = monitored(url, &origin_hash) ? ledger.kept(ledger.context, TALLY_KEPT_WITNESSED,
                                                             &origin_hash, note, sizeof note)
                                               : 0;
    if (size == 0)
        return problem(request->connection, MHD_HTTP_NOT_FOUND, "not_found",
                       "there is nothing here");
    return reply(request->connection, MHD_HTTP_OK, "text/plain; charset=utf-8", note, size);
}

/* ---- Requests ---- */

/* False without memory. What is too large is read to its end, and not kept. */
static bool body_add(struct request *request, const char *bytes, size_t size)
{
    if (request->too_large || request->size + size > TALLY_WITNESS_REQUEST_MAX) {
        request->too_large = true;
        return true;
    }
    if (request->size + size > request->capacity) {
        size_t capacity = 2 * (request->size + size);
        uint8_t *more = realloc(request->body, capacity);
        if (more == NULL)
            return false;
        request->body = more;
        request->capacity = capacity;
    }
    memcpy(request->body + request->size, bytes, size);
    request->size += size;
    return true;
}

/* No path that is served has anything to be unescaped, and what %00 would leave of one is another
   path. */
static size_t as_it_is(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strlen(text);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *bytes,
                                  size_t *size, void **place)
{
    struct request *request = *place;
    (void)version;
    if (request == NULL) {
        request = calloc(1, sizeof *request);
        if (request == NULL)
            return MHD_NO;
        request->public = context;
        request->connection = connection;
        *place = request;
        return MHD_YES;
    }
    if (*size > 0) {
        bool good = body_add(request, bytes, *size);
        *size = 0;
        return good ? MHD_YES : MHD_NO;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0)
        return get(request, url);
    if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
        return problem(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "method", "GET or POST");
    if (strcmp(url, "/add-checkpoint") != 0)
        return problem(connection, MHD_HTTP_NOT_FOUND, "not_found", "there is nothing here");
    return add_checkpoint(request);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **place,
                         enum MHD_RequestTerminationCode code)
{
    struct request *request = *place;
    (void)context;
    (void)connection;
    (void)code;
    if (request == NULL)
        return;
    free(request->body);
    free(request);
    *place = NULL;
}

/* ---- Begin and end ---- */

enum tally_error public_open(struct public *public, struct host *host,
                             const struct tally_address *address, enum public_logs logs,
                             struct complaint *complaint)
{
    struct sockaddr_storage bound;
    int family = address_is_v4(address) ? AF_INET : AF_INET6;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
    (void)address_to_socket(address, family, &bound);
    public->host = host;
    public->logs = logs;
    errno = 0;
    public->daemon = MHD_start_daemon(
        family == AF_INET6 ? flags | MHD_USE_IPv6 : flags, address->port, NULL, NULL, on_request,
        public, MHD_OPTION_SOCK_ADDR, &bound, MHD_OPTION_UNESCAPE_CALLBACK, as_it_is, NULL,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, public, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, public, MHD_OPTION_CONNECTION_LIMIT, (unsigned)PUBLIC_CONNECTIONS,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)PUBLIC_PER_ADDRESS,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)PUBLIC_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)PUBLIC_MEMORY, MHD_OPTION_END);
    if (public->daemon == NULL)
        return complain(
            complaint, TALLY_IN_USE, "--public: port %u cannot be listened on%s%s: choose another",
            (unsigned)address->port, errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(public->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL || uv_poll_init(&host->loop, &public->poll, info->epoll_fd) != 0)
        return complain(complaint, TALLY_NO_MEMORY, "--public: no event loop for it");
    (void)uv_timer_init(&host->loop, &public->timer);
    public->poll.data = public->timer.data = public;
    public->open = true;
    (void)uv_poll_start(&public->poll, UV_READABLE, on_poll);
    return TALLY_OK;
}

void public_close(struct public *public)
{
    if (public->open) {
        (void)uv_poll_stop(&public->poll);
        (void)uv_timer_stop(&public->timer);
    }
    public->open = false;
    if (public->daemon != NULL)
        MHD_stop_daemon(public->daemon); /* Whoever waited was answered, and goes on, before. */
    public->daemon = NULL;
}
