/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_ASK_H
#define CMD_ASK_H
/* Questions to the running node, and what verbs need to show its answers. */
#include "cmd/call.h"
#include "host/config/paths.h"
#include <jansson.h>

/* Of --timeout, in seconds; for verbs whose node asks others first. */
enum { ASK_TIMEOUT_S = 30, ASK_TIMEOUT_MAX_S = 3600 };

/* Reads --data; the node's answer as an object. NULL if there is none, which was said. */
json_t *ask(struct call *call, const char *verb, const char *argument, enum exit_code *code);

/* The same of a node whose data directory is known; says nothing: the complaint does. `progress`
   (or NULL) is shown on a terminal while it lasts. */
json_t *ask_node(const char *data, const char *verb, const char *argument, unsigned timeout_s,
                 const char *progress, struct complaint *complaint);

/* --timeout; false if it is wrong, which was said. */
bool ask_timeout(struct call *call, unsigned *seconds, enum exit_code *code);

/* Members of an object; "" and 0 if there is none, or null. */
const char *text_of(const json_t *object, const char *member);
long long number_of(const json_t *object, const char *member);
bool truth_of(const json_t *object, const char *member);

/* «peers    3 known»: a title, and text that may come from strangers. */
void print_member(const char *title, const char *text);

/* "12 s", "3 min", "2 h", "5 d". */
void print_age(long long ms, char *text, size_t size);

#endif
