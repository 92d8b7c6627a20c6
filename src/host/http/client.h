/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H
/*
 * One HTTP question and its answer, over libcurl, bounded in bytes and in time: for chains,
 * time-stamp authorities, witnesses. Blocks, so it is for verbs and for the worker pool.
 *
 * Only http and https; no redirect is followed, no proxy or other setting is taken from the
 * environment, no cookie kept; certificates are checked against the system's list, or against
 * `ca_file`. An answer larger than was asked for, or shorter than it says of itself, is an error
 * and nothing of it is given out.
 *
 * Whom to ask comes from the operator's configuration alone, never from what a peer sent: this
 * module asks whatever it is told to.
 */
#include "host/config/complaint.h"
#include "tally/types.h"
#include <stdatomic.h>

struct http_client;

/* One conversation at a time, kept open between questions to one server. NULL without memory. Any
   thread may use it, one at a time. Free with http_client_free; NULL is allowed. */
struct http_client *http_client_new(void);
void http_client_free(struct http_client *client);

struct http_request {
    const char *url;            /* http://user:password@host:port/path, https://... */
    const char *type;           /* Content-Type of the body; NULL: none is said. */
    const char *const *headers; /* More of them, "Name: value"; NULL, or a list that NULL ends. */
    struct tally_bytes body;    /* data NULL: a GET; else a POST, also of nothing. */
    const char *ca_file;        /* PEM: whom a server's certificate must come from; NULL: system. */
    const char *unix_socket;    /* Path of a socket that is asked instead of the URL's host. */
    unsigned timeout_ms;        /* From now to the last byte; above 0. */
    size_t answer_max;          /* Bytes of the answer's body at most. */
    const atomic_bool *stop;    /* Becomes true: CLOSED within a second. NULL: never. */
};

struct http_answer {
    long status;    /* 200, 404, ... */
    uint8_t *bytes; /* The body, with a NUL behind it; NULL if it is empty. */
    size_t size;
    char type[64];   /* Content-Type without its parameters, lower case; "" if none was said. */
    bool parameters; /* It had some. */
};

/*
 * OK with whatever status the server gave: that is the caller's to judge. Else the complaint says
 * in one sentence what happened, naming host and port but never user, password or path:
 * BAD_NAME (no such URL or scheme), UNREACHABLE (no host, no route), REFUSED, TIMED_OUT, CLOSED
 * (the answer broke off, or is no HTTP), TOO_LARGE, MISMATCH (TLS: certificate or handshake),
 * NO_MEMORY. On OK free with http_answer_free.
 */
enum tally_error http_ask(struct http_client *client, const struct http_request *request,
                          struct http_answer *answer, struct complaint *complaint);
void http_answer_free(struct http_answer *answer);

/* scheme://host[:port] of a URL into text, for people: without what may be secret in it. "?" if it
   cannot be read. */
void http_place(const char *url, char *text, size_t size);

#endif
