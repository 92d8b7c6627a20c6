/* SPDX-License-Identifier: Apache-2.0 */
#include "host/anchors/rpc.h"

#include "core/base/bytes.h"

#include <stdlib.h>
#include <time.h>

static int64_t mono_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool rpc_begin(struct rpc *rpc, const char *url)
{
    *rpc = (struct rpc){.http = http_client_new(), .url = url, .end_ms = mono_ms() + RPC_ALL_MS};
    return rpc->http != NULL;
}

void rpc_end(struct rpc *rpc)
{
    http_client_free(rpc->http);
    rpc->http = NULL;
}

/* jansson recurses two thousand deep; nobody who means well goes beyond a few. */
static bool is_flat(struct tally_bytes text)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '[' || c == '{') && ++depth > RPC_DEPTH_MAX)
            return false;
        else if (!quoted && (c == ']' || c == '}') && depth > 0)
            depth--;
    }
    return true;
}

static enum rpc_outcome stick(struct rpc *rpc, enum rpc_outcome outcome, const char *words)
{
    char place[160];
    http_place(rpc->url, place, sizeof place);
    if (words != NULL)
        (void)complain(&rpc->complaint, TALLY_MALFORMED, "%s %s", place, words);
    rpc->bad = outcome;
    return outcome;
}

static enum rpc_outcome read_answer(struct rpc *rpc, const struct http_answer *answer,
                                    json_t **result)
{
    struct tally_bytes text = bytes_of(answer->bytes, answer->size);
    json_t *whole = is_flat(text) ? json_loadb((const char *)answer->bytes, answer->size,
                                               JSON_REJECT_DUPLICATES, NULL)
                                  : NULL;
    const json_t *error = json_object_get(whole, "error");
    if (json_is_object(error)) { /* Bitcoin Core says so with HTTP 500. */
        rpc->code = json_integer_value(json_object_get(error, "code"));
        json_decref(whole);
        return RPC_REFUSED;
    }
    *result = json_incref(json_object_get(whole, "result"));
    json_decref(whole);
    if (answer->status != 200) {
        json_decref(*result);
        return stick(rpc, RPC_SILENT, "refuses the question: look at its address and password");
    }
    return *result != NULL ? RPC_GOOD : stick(rpc, RPC_FORM, "answers with what is no JSON-RPC");
}

enum rpc_outcome rpc_ask(struct rpc *rpc, const char *method, json_t *parameters, json_t **result)
{
    *result = NULL;
    json_t *question = json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", 1, "method",
                                 method, "params", parameters);
    int64_t left = rpc->end_ms - mono_ms();
    if (rpc->bad != RPC_GOOD || left <= 0 || question == NULL) {
        json_decref(question);
        return rpc->bad != RPC_GOOD ? rpc->bad
                                    : stick(rpc, RPC_SILENT, "takes more than ten seconds in all");
    }
    char *text = json_dumps(question, JSON_COMPACT);
    json_decref(question);
    if (text == NULL)
        return stick(rpc, RPC_SILENT, "cannot be asked: out of memory");
    const struct http_request request = {
        .url = rpc->url,
        .type = "application/json",
        .body = bytes_text(text),
        .timeout_ms = (unsigned)(left < RPC_QUESTION_MS ? left : RPC_QUESTION_MS),
        .answer_max = RPC_ANSWER_MAX};
    struct http_answer answer;
    enum tally_error error = http_ask(rpc->http, &request, &answer, &rpc->complaint);
    free(text);
    if (error != TALLY_OK) /* Too much is no answer of this form, whatever it is. */
        return stick(rpc, error == TALLY_TOO_LARGE ? RPC_FORM : RPC_SILENT, NULL);
    enum rpc_outcome outcome = read_answer(rpc, &answer, result);
    http_answer_free(&answer);
    return outcome;
}
