/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ask.h"

#include "cmd/door.h"
#include "cmd/print.h"
#include "cmd/shelf.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void on_wait(void *context, unsigned waited_s)
{
    (void)fprintf(stderr, "\r%s ... %u s", (const char *)context, waited_s);
    (void)fflush(stderr);
}

json_t *ask_node(const char *data, const char *verb, const char *argument, unsigned timeout_s,
                 const char *progress, struct complaint *complaint)
{
    struct door *door;
    struct complaint ignored;
    bool live = progress != NULL && isatty(STDERR_FILENO) == 1;
    const struct door_options options = {.data = data,
                                         .patience_ms = timeout_s * 1000,
                                         .on_wait = live ? on_wait : NULL,
                                         .context = (void *)(uintptr_t)progress};
    if (door_open(&options, &door, complaint) != TALLY_OK)
        return NULL;
    char *text = door_query(door, verb, argument, complaint);
    if (live)
        (void)fprintf(stderr, "\r\033[K");
    (void)door_close(door, &ignored);
    json_error_t error;
    json_t *object = text == NULL ? NULL : json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (text != NULL && !json_is_object(object)) {
        (void)complain(complaint, TALLY_MALFORMED, "the node's answer is not JSON: %s",
                       object == NULL ? error.text : "it is no object");
        json_decref(object);
        object = NULL;
    }
    free(text);
    return object;
}

bool ask_timeout(struct call *call, unsigned *seconds, enum exit_code *code)
{
    const char *text = call_option(call, "timeout");
    uint64_t number = ASK_TIMEOUT_S;
    *code = EXIT_USAGE;
    if (text != NULL && !call_number(call, "--timeout", text, 1, ASK_TIMEOUT_MAX_S, &number))
        return false;
    *seconds = (unsigned)number;
    return true;
}

json_t *ask(struct call *call, const char *verb, const char *argument, enum exit_code *code)
{
    char data[PATHS_MAX];
    unsigned seconds;
    if (!shelf_data(call, data, code) || !ask_timeout(call, &seconds, code))
        return NULL;
    json_t *object = ask_node(data, verb, argument, seconds, NULL, &call->complaint);
    if (object == NULL)
        *code = call_fail(call, data);
    return object;
}

const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text == NULL ? "" : text;
}

long long number_of(const json_t *object, const char *member)
{
    return (long long)json_integer_value(json_object_get(object, member));
}

bool truth_of(const json_t *object, const char *member)
{
    return json_is_true(json_object_get(object, member));
}

void print_member(const char *title, const char *text)
{
    (void)printf("%-9s", title);
    print_escaped(stdout, text, strlen(text));
    (void)fputc('\n', stdout);
}

void print_age(long long ms, char *text, size_t size)
{
    static const struct {
        long long ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (ms >= units[i].ms) {
            (void)snprintf(text, size, "%lld %s", ms / units[i].ms, units[i].unit);
            return;
        }
    (void)snprintf(text, size, "%lld ms", ms);
}
