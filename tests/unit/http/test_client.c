/* SPDX-License-Identifier: Apache-2.0 */
/* A server that answers with prepared bytes, right ones and wrong ones, over a real socket. */
#include "core/base/bytes.h"
#include "host/http/client.h"
#include "support/cmocka.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 400 };

/* Serves one connection: waits for the end of a question, sends, closes; or waits for the end. */
struct server {
    int fd;
    unsigned port;
    const char *answer;
    bool hangs;
    char question[4096];
    pthread_t thread;
};

static void *serve(void *context)
{
    struct server *server = context;
    size_t size = 0;
    int fd = accept(server->fd, NULL, NULL);
    while (strstr(server->question, "\r\n\r\n") == NULL) {
        ssize_t got = recv(fd, server->question + size, sizeof server->question - size - 1, 0);
        if (got <= 0)
            break;
        size += (size_t)got;
        server->question[size] = '\0';
    }
    for (size_t done = 0; done < strlen(server->answer);) {
        ssize_t sent = send(fd, server->answer + done, strlen(server->answer) - done, MSG_NOSIGNAL);
        if (sent <= 0)
            break;
        done += (size_t)sent;
    }
    char rest;
    if (server->hangs)
        (void)!read(fd, &rest, 1);
    (void)close(fd);
    return NULL;
}

static void server_start(struct server *server, const char *answer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    *server = (struct server){.answer = answer, .hangs = answer[0] == '\0'};
    server->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(server->fd, 1), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_end(struct server *server)
{
    (void)pthread_join(server->thread, NULL);
    (void)close(server->fd);
}

static enum tally_error ask(struct server *server, struct tally_bytes body,
                            struct http_answer *answer, struct complaint *complaint)
{
    char url[96];
    struct http_client *client = http_client_new();
    assert_non_null(client);
    (void)snprintf(url, sizeof url, "http://me:secret@127.0.0.1:%u/path", server->port);
    const char *const headers[] = {"X-One: 1", NULL};
    const struct http_request request = {.url = url,
                                         .type = "application/json",
                                         .headers = headers,
                                         .body = body,
                                         .timeout_ms = PATIENCE_MS,
                                         .answer_max = 32};
    enum tally_error error = http_ask(client, &request, answer, complaint);
    http_client_free(client);
    return error;
}

static void a_question_is_asked_and_answered(void **state)
{
    struct server server;
    struct http_answer answer;
    struct complaint complaint;
    server_start(&server, "HTTP/1.1 404 No\r\nContent-Type: Text/Plain; charset=x\r\n"
                          "Content-Length: 5\r\n\r\nhello");
    assert_int_equal(ask(&server, bytes_text("{}"), &answer, &complaint), TALLY_OK);
    server_end(&server);
    assert_int_equal(answer.status, 404);
    assert_string_equal(answer.type, "text/plain");
    assert_true(bytes_equal(bytes_of(answer.bytes, answer.size), bytes_text("hello")));
    assert_memory_equal(server.question, "POST /path HTTP/1.1\r\n", 21);
    assert_non_null(strstr(server.question, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(server.question, "X-One: 1\r\n"));
    assert_non_null(strstr(server.question, "Authorization: Basic bWU6c2VjcmV0\r\n"));
    assert_null(strstr(server.question, "Expect:"));
    http_answer_free(&answer);

    server_start(&server, "HTTP/1.1 204 \r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(ask(&server, bytes_of(NULL, 0), &answer, &complaint), TALLY_OK);
    server_end(&server);
    assert_memory_equal(server.question, "GET /path HTTP/1.1\r\n", 20);
    assert_null(answer.bytes);
    http_answer_free(&answer);
}

/* Each lie by its error; and no sentence shows what may be secret. */
static void wrong_answers_are_told_apart(void **state)
{
    static const struct {
        const char *answer;
        enum tally_error error;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 33\r\n\r\n123456789012345678901234567890123",
         TALLY_TOO_LARGE},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
         "21\r\n123456789012345678901234567890123\r\n0\r\n\r\n",
         TALLY_TOO_LARGE},
        {"HTTP/1.1 200 OK\r\n\r\n123456789012345678901234567890123", TALLY_TOO_LARGE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nshort", TALLY_CLOSED},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", TALLY_CLOSED},
        {"\1\2\3 this is no HTTP", TALLY_CLOSED},
        {"", TALLY_TIMED_OUT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct server server;
        struct http_answer answer;
        struct complaint complaint = {0};
        server_start(&server, cases[i].answer);
        if (ask(&server, bytes_text(""), &answer, &complaint) != cases[i].error)
            fail_msg("case %zu: %s", i, complaint.text);
        server_end(&server);
        assert_null(answer.bytes);
        assert_non_null(strstr(complaint.text, "http://127.0.0.1:"));
        assert_null(strstr(complaint.text, "secret"));
        assert_null(strstr(complaint.text, "path"));
    }
}

/* A redirect is an answer like any other: nobody follows it. */
static void a_redirect_is_not_followed(void **state)
{
    struct server server;
    struct http_answer answer;
    struct complaint complaint;
    server_start(&server, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
                          "Content-Length: 0\r\n\r\n");
    assert_int_equal(ask(&server, bytes_text("x"), &answer, &complaint), TALLY_OK);
    server_end(&server);
    assert_int_equal(answer.status, 302);
    http_answer_free(&answer);
}

static void addresses_that_cannot_be_asked(void **state)
{
    static const struct {
        const char *url;
        enum tally_error error;
    } cases[] = {{"ftp://127.0.0.1/", TALLY_BAD_NAME},
                 {"file:///etc/passwd", TALLY_BAD_NAME},
                 {"http://127.0.0.1:1/", TALLY_REFUSED},
                 {"", TALLY_BAD_NAME}};
    struct http_client *client = http_client_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_answer answer;
        struct complaint complaint;
        const struct http_request request = {
            .url = cases[i].url, .timeout_ms = PATIENCE_MS, .answer_max = 32};
        assert_int_equal(http_ask(client, &request, &answer, &complaint), cases[i].error);
    }
    http_client_free(client);
    http_client_free(NULL);
}

/* A proxy in the environment would see whom we ask, and could answer for them. */
static void the_environment_says_nothing(void **state)
{
    struct server server;
    struct http_answer answer;
    struct complaint complaint;
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1/", 1), 0);
    server_start(&server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_int_equal(ask(&server, bytes_text("x"), &answer, &complaint), TALLY_OK);
    server_end(&server);
    http_answer_free(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_is_asked_and_answered),
        cmocka_unit_test(wrong_answers_are_told_apart),
        cmocka_unit_test(a_redirect_is_not_followed),
        cmocka_unit_test(addresses_that_cannot_be_asked),
        cmocka_unit_test(the_environment_says_nothing),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
