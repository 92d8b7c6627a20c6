/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ANCHORS_RPC_H
#define ANCHORS_RPC_H
/* JSON-RPC to one backend: five seconds a question, ten in all, answers of bounded size and depth
   (reliability chapter 12.2). */
#include "host/config/complaint.h"
#include "host/http/client.h"

#include <jansson.h>

enum {
    RPC_QUESTION_MS = 5000,
    RPC_ALL_MS = 10000,
    RPC_ANSWER_MAX = 4 << 20,
    RPC_DEPTH_MAX = 32,
    RPC_METHOD_UNKNOWN = -32601, /* JSON-RPC 2.0 section 5.1. */
};

enum rpc_outcome {
    RPC_GOOD,
    RPC_REFUSED, /* The backend says why not: *code is its number. */
    RPC_SILENT,  /* No answer in time, or no HTTP 200; from then on nothing is asked. */
    RPC_FORM,    /* What came is no such answer; the same. */
};

struct rpc {
    struct http_client *http;
    const char *url;
    int64_t end_ms;       /* Of the monotonic clock. */
    enum rpc_outcome bad; /* SILENT or FORM sticks. */
    int64_t code;         /* Of REFUSED. */
    struct complaint complaint;
};

/* False without memory. End with rpc_end. */
bool rpc_begin(struct rpc *rpc, const char *url);
void rpc_end(struct rpc *rpc);

/* Asks; parameters (a JSON array) is taken over, NULL means no memory. *result is to be released on
   GOOD. */
enum rpc_outcome rpc_ask(struct rpc *rpc, const char *method, json_t *parameters, json_t **result);

#endif
