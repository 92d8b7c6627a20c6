/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/asking.h"

#include "core/base/bytes.h"
#include "host/http/client.h"
#include "host/uv/inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct question {
    struct question *next;  /* Of those that are done. */
    struct question *other; /* Of all. */
    struct asking *asking;
    uv_thread_t thread;
    bool threaded;
    uint64_t ticket;
    char *url;
    uint8_t *body;
    size_t size;
    uint32_t answer_max, timeout_ms;
    enum tally_error error;
    struct http_answer answer;
};

/* ---- Its own thread ---- */

static void perform(struct question *question)
{
    static const char *const headers[] = {"Accept: text/plain", NULL};
    struct complaint complaint;
    struct http_client *client = http_client_new();
    const struct http_request request = {.url = question->url,
                                         .type = "text/plain; charset=utf-8",
                                         .headers = headers,
                                         .body = {question->body, question->size},
                                         .timeout_ms = question->timeout_ms,
                                         .answer_max = question->answer_max,
                                         .stop = &question->asking->stop};
    question->error = client == NULL ? TALLY_NO_MEMORY
                                     : http_ask(client, &request, &question->answer, &complaint);
    http_client_free(client);
}

static void put_done(struct question *question)
{
    struct asking *asking = question->asking;
    uv_mutex_lock(&asking->mutex);
    question->next = asking->done;
    asking->done = question;
    uv_mutex_unlock(&asking->mutex);
    (void)uv_async_send(&asking->ready);
}

static void work(void *argument)
{
    perform(argument);
    put_done(argument);
}

/* ---- The loop ---- */

static void question_free(struct question *question)
{
    struct asking *asking = question->asking;
    struct question **at = &asking->under_way;
    while (*at != question)
        at = &(*at)->other;
    *at = question->other;
    asking->count--;
    if (question->threaded)
        (void)uv_thread_join(&question->thread);
    http_answer_free(&question->answer);
    free(question->url);
    free(question->body);
    free(question);
}

static void tell(struct asking *asking, const struct question *question)
{
    const struct http_answer *answer = &question->answer;
    const struct tally_event event = {.kind = TALLY_EVENT_HTTP,
                                      .http = {.ticket = question->ticket,
                                               .error = question->error,
                                               .status = (unsigned)answer->status,
                                               .type = answer->type,
                                               .plain = !answer->parameters,
                                               .body = bytes_of(answer->bytes, answer->size)}};
    asking->failed += question->error != TALLY_OK;
    host_step(asking->host, &event);
}

static void on_ready(uv_async_t *ready)
{
    struct asking *asking = ready->data;
    uv_mutex_lock(&asking->mutex);
    struct question *question = asking->done;
    asking->done = NULL;
    uv_mutex_unlock(&asking->mutex);
    while (question != NULL) {
        struct question *next = question->next;
        if (!atomic_load(&asking->stop))
            tell(asking, question);
        question_free(question);
        question = next;
    }
}

/* A node that cannot remember a question can only stop. */
static struct question *question_new(struct asking *asking, const struct tally_action *action)
{
    struct question *question = calloc(1, sizeof *question);
    assert(question != NULL);
    *question = (struct question){.other = asking->under_way,
                                  .asking = asking,
                                  .ticket = action->http.ticket,
                                  .url = strdup(action->http.url),
                                  .size = action->http.body.size,
                                  .answer_max = action->http.answer_max,
                                  .timeout_ms = action->http.timeout_ms};
    if (question->size > 0)
        question->body = malloc(question->size);
    assert(question->url != NULL && (question->size == 0 || question->body != NULL));
    if (question->size > 0)
        memcpy(question->body, action->http.body.data, question->size);
    asking->under_way = question;
    asking->count++;
    asking->asked++;
    return question;
}

void asking_ask(struct asking *asking, const struct tally_action *action)
{
    bool crowded = asking->count >= ASKING_MOST;
    struct question *question = question_new(asking, action);
    question->error = crowded ? TALLY_BUSY : TALLY_UNREACHABLE;
    if (!crowded && asking->network && !atomic_load(&asking->stop)) {
        question->error = TALLY_NO_MEMORY; /* From here on it is the thread's, if there is one. */
        question->threaded = uv_thread_create(&question->thread, work, question) == 0;
    }
    if (!question->threaded)
        put_done(question);
}

enum tally_error asking_open(struct asking *asking, struct host *host, bool network,
                             struct complaint *complaint)
{
    asking->host = host;
    asking->network = network;
    atomic_init(&asking->stop, false);
    if (uv_mutex_init(&asking->mutex) != 0)
        return complain(complaint, TALLY_NO_MEMORY, "%s", tally_error_text(TALLY_NO_MEMORY));
    if (uv_async_init(&host->loop, &asking->ready, on_ready) != 0) {
        uv_mutex_destroy(&asking->mutex);
        return complain(complaint, TALLY_NO_MEMORY, "%s", tally_error_text(TALLY_NO_MEMORY));
    }
    asking->ready.data = asking;
    asking->open = true;
    return TALLY_OK;
}

void asking_stop(struct asking *asking)
{
    atomic_store(&asking->stop, true);
}

void asking_close(struct asking *asking)
{
    if (!asking->open)
        return;
    asking_stop(asking);
    while (asking->under_way != NULL)
        question_free(asking->under_way);
    asking->done = NULL;
    uv_close((uv_handle_t *)&asking->ready, NULL);
    uv_mutex_destroy(&asking->mutex);
    asking->open = false;
}
