/* SPDX-License-Identifier: Apache-2.0 */
/* tally status, peer list: what a running node says of itself. */
#include "cmd/door.h"
#include "cmd/print.h"
#include "cmd/shelf.h"
#include "cmd/verbs.h"

#include <stdlib.h>
#include <string.h>

/* The node's answer as an object; NULL if there is none, which was said. */
static json_t *ask(struct call *call, const char *verb, enum exit_code *code)
{
    char data[PATHS_MAX];
    struct door *door;
    struct complaint ignored;
    if (!shelf_data(call, data, code))
        return NULL;
    const struct door_options options = {.data = data};
    if (door_open(&options, &door, &call->complaint) != TALLY_OK) {
        *code = call_fail(call, data);
        return NULL;
    }
    char *text = door_query(door, verb, "", &call->complaint);
    (void)door_close(door, &ignored);
    json_error_t error;
    json_t *object = text == NULL ? NULL : json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (object == NULL && text != NULL)
        (void)complain(&call->complaint, TALLY_MALFORMED, "the node's answer is not JSON: %s",
                       error.text);
    if (object == NULL)
        *code = call_fail(call, data);
    free(text);
    return object;
}

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text == NULL ? "" : text;
}

static long long number_of(const json_t *object, const char *member)
{
    return (long long)json_integer_value(json_object_get(object, member));
}

static void print_member(const char *title, const char *text)
{
    (void)printf("%-9s", title);
    print_escaped(stdout, text, strlen(text));
    (void)fputc('\n', stdout);
}

static void show_status(const json_t *status)
{
    print_member("node", text_of(status, "node"));
    print_member("data", text_of(status, "data"));
    print_member("version", text_of(status, "version"));
    (void)printf("pid      %lld, up %lld s\n", number_of(status, "pid"),
                 number_of(status, "uptime_ms") / 1000);
    (void)printf("peers    %lld known, %lld linked, %lld connected\n", number_of(status, "peers"),
                 number_of(status, "links"), number_of(status, "connections"));
    (void)printf("logs     %lld with %lld receipts, %lld of them not yet under a checkpoint\n",
                 number_of(status, "logs"), number_of(status, "receipts"),
                 number_of(status, "pending"));
    (void)printf("syncs    %lld done, %lld confirmed\n", number_of(status, "syncs"),
                 number_of(status, "confirms"));
    size_t index;
    const json_t *warning;
    json_array_foreach(json_object_get(status, "warnings"), index, warning)
        print_member(index == 0 ? "warning" : "", json_string_value(warning));
    if (json_array_size(json_object_get(status, "warnings")) == 0)
        (void)printf("state    all is well\n");
}

enum exit_code verb_status(struct call *call)
{
    enum exit_code code = EXIT_DONE;
    json_t *status = ask(call, "status", &code);
    if (status == NULL)
        return code;
    if (call->json) {
        print_json(status);
        return EXIT_DONE;
    }
    show_status(status);
    json_decref(status);
    return EXIT_DONE;
}

enum exit_code verb_peer_list(struct call *call)
{
    enum exit_code code = EXIT_DONE;
    json_t *list = ask(call, "peers", &code);
    if (list == NULL)
        return code;
    if (call->json) {
        print_json(list);
        return EXIT_DONE;
    }
    size_t index;
    const json_t *peer;
    json_array_foreach(json_object_get(list, "items"), index, peer)
    {
        const char *error = text_of(peer, "last_error");
        print_escaped(stdout, text_of(peer, "peer_id"), strlen(text_of(peer, "peer_id")));
        (void)printf("  %-8s", text_of(peer, "state"));
        if (number_of(peer, "rtt_us") > 0)
            (void)printf("  %.1f ms", (double)number_of(peer, "rtt_us") / 1000);
        (void)printf("  %s", text_of(peer, "address"));
        if (error[0] != '\0')
            (void)printf("  %s", error);
        if (text_of(peer, "agent")[0] != '\0') {
            (void)printf("  ");
            print_escaped(stdout, text_of(peer, "agent"), strlen(text_of(peer, "agent")));
        }
        (void)fputc('\n', stdout);
    }
    json_decref(list);
    return EXIT_DONE;
}
