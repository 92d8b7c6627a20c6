/* SPDX-License-Identifier: Apache-2.0 */
#include "host/http/client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct http_client {
    CURL *curl;
};

/* What comes in, of at most `most` bytes. */
struct pail {
    uint8_t *bytes;
    size_t size, capacity, most;
    bool full, no_memory;
};

/* curl_global_init may be called by one thread only, before all others use curl. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool ready;

static void set_up(void)
{
    ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

struct http_client *http_client_new(void)
{
    (void)pthread_once(&once, set_up);
    struct http_client *client = ready ? calloc(1, sizeof *client) : NULL;
    if (client != NULL)
        client->curl = curl_easy_init();
    if (client != NULL && client->curl == NULL) {
        free(client);
        client = NULL;
    }
    return client;
}

void http_client_free(struct http_client *client)
{
    if (client != NULL)
        curl_easy_cleanup(client->curl);
    free(client);
}

void http_place(const char *url, char *text, size_t size)
{
    char *scheme = NULL, *host = NULL, *port = NULL;
    CURLU *parts = curl_url();
    bool read = parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
                curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK;
    if (read)
        (void)curl_url_get(parts, CURLUPART_PORT, &port, 0);
    (void)snprintf(text, size, "%s%s%s%s%s", read ? scheme : "?", read ? "://" : "",
                   read ? host : "", port != NULL ? ":" : "", port != NULL ? port : "");
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
}

/* libcurl's own complaint of a scheme is also that of an answer that is no HTTP. */
static bool is_http(const char *url)
{
    char place[160];
    http_place(url, place, sizeof place);
    return strncmp(place, "http://", 7) == 0 || strncmp(place, "https://", 8) == 0;
}

static size_t take(char *bytes, size_t one, size_t count, void *context)
{
    struct pail *pail = context;
    size_t size = one * count;
    if (size > pail->most - pail->size) {
        pail->full = true;
        return 0;
    }
    if (size > pail->capacity - pail->size) {
        size_t capacity =
            pail->size + size > 2 * pail->capacity ? pail->size + size : 2 * pail->capacity;
        uint8_t *larger = realloc(pail->bytes, capacity + 1);
        if (larger == NULL) {
            pail->no_memory = true;
            return 0;
        }
        pail->bytes = larger;
        pail->capacity = capacity;
    }
    if (size > 0)
        memcpy(pail->bytes + pail->size, bytes, size);
    pail->size += size;
    return size;
}

static enum tally_error error_of(CURLcode code, const struct pail *pail)
{
    if (pail->full)
        return TALLY_TOO_LARGE;
    if (pail->no_memory)
        return TALLY_NO_MEMORY;
    switch ((int)code) { /* Of a hundred codes these say something to an operator. */
    case CURLE_OK:
        return TALLY_OK;
    case CURLE_OUT_OF_MEMORY:
        return TALLY_NO_MEMORY;
    case CURLE_COULDNT_CONNECT:
        return TALLY_REFUSED;
    case CURLE_OPERATION_TIMEDOUT:
        return TALLY_TIMED_OUT;
    case CURLE_FILESIZE_EXCEEDED:
        return TALLY_TOO_LARGE;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return TALLY_MISMATCH;
    case CURLE_COULDNT_RESOLVE_HOST:
        return TALLY_UNREACHABLE;
    }
    return TALLY_CLOSED;
}

static const char *words_of(enum tally_error error)
{
    switch ((int)error) {
    case TALLY_BAD_NAME:
        return "is not an http or https address";
    case TALLY_REFUSED:
        return "refuses connections";
    case TALLY_TIMED_OUT:
        return "gave no answer in time";
    case TALLY_TOO_LARGE:
        return "answers with more than was asked for";
    case TALLY_MISMATCH:
        return "has a certificate that does not verify, or speaks no TLS";
    case TALLY_UNREACHABLE:
        return "is a host that cannot be found";
    case TALLY_NO_MEMORY:
        return "cannot be asked: out of memory";
    }
    return "broke off its answer";
}

static struct curl_slist *headers_of(const struct http_request *request)
{
    char line[160];
    /* Without "Expect:" curl waits a second before it sends a larger body. */
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    (void)snprintf(line, sizeof line, "Content-Type:%s%s", request->type != NULL ? " " : "",
                   request->type != NULL ? request->type : "");
    if (request->body.data != NULL)
        list = curl_slist_append(list, line);
    for (size_t i = 0; request->headers != NULL && request->headers[i] != NULL; i++)
        list = curl_slist_append(list, request->headers[i]);
    return list;
}

/* libcurl calls it as bytes come, and about once a second while none do. */
static int is_stopped(void *context, curl_off_t all, curl_off_t got, curl_off_t up, curl_off_t sent)
{
    (void)all;
    (void)got;
    (void)up;
    (void)sent;
    return atomic_load((const atomic_bool *)context);
}

static void prepare(CURL *curl, const struct http_request *request, struct curl_slist *headers,
                    struct pail *pail)
{
    curl_easy_reset(curl); /* Connections stay. */
    (void)curl_easy_setopt(curl, CURLOPT_URL, request->url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)request->timeout_ms);
    (void)curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->answer_max);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "tally/" TALLY_VERSION);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, pail);
    if (request->ca_file != NULL)
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, request->ca_file);
    if (request->unix_socket != NULL)
        (void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
    if (request->stop != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
        (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, is_stopped);
        (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, (void *)(uintptr_t)request->stop);
    }
    if (request->body.data == NULL)
        return;
    (void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, (const char *)request->body.data);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
}

/* The media type alone: "text/plain; charset=utf-8" becomes "text/plain". */
static void keep_type(CURL *curl, struct http_answer *answer)
{
    char *type = answer->type;
    const size_t size = sizeof answer->type;
    const char *said = NULL;
    size_t at = 0;
    (void)curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &said);
    for (; said != NULL && said[at] > ' ' && said[at] != ';' && at + 1 < size; at++)
        type[at] = (char)(said[at] >= 'A' && said[at] <= 'Z' ? said[at] + 'a' - 'A' : said[at]);
    type[at] = '\0';
    answer->parameters = said != NULL && said[at] != '\0';
}

enum tally_error http_ask(struct http_client *client, const struct http_request *request,
                          struct http_answer *answer, struct complaint *complaint)
{
    struct pail pail = {.most = request->answer_max};
    struct curl_slist *headers = headers_of(request);
    *answer = (struct http_answer){0};
    prepare(client->curl, request, headers, &pail);
    enum tally_error error = TALLY_BAD_NAME;
    if (is_http(request->url))
        error = error_of(curl_easy_perform(client->curl), &pail);
    if (error == TALLY_OK) {
        (void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &answer->status);
        keep_type(client->curl, answer);
        answer->bytes = pail.bytes;
        answer->size = pail.size;
        if (pail.bytes != NULL)
            pail.bytes[pail.size] = 0;
    } else {
        char place[160];
        http_place(request->url, place, sizeof place);
        (void)complain(complaint, error, "%s %s", place, words_of(error));
        free(pail.bytes);
    }
    curl_slist_free_all(headers);
    return error;
}

void http_answer_free(struct http_answer *answer)
{
    free(answer->bytes);
    *answer = (struct http_answer){0};
}
