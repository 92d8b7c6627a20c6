/* SPDX-License-Identifier: Apache-2.0 */
/* tally status: how a running node is. */
#include "cmd/ask.h"
#include "cmd/print.h"
#include "cmd/reach.h"
#include "cmd/verbs.h"

#include <string.h>

static void show_network(const json_t *status)
{
    const json_t *dht = json_object_get(status, "dht"), *mdns = json_object_get(status, "mdns");
    (void)printf("profile  %s, network ", text_of(status, "profile"));
    print_escaped(stdout, text_of(status, "network"),
                  json_string_length(json_object_get(status, "network")));
    (void)fputc('\n', stdout);
    if (number_of(status, "port") == 0)
        return;
    reach_print(status);
    (void)printf("dht      %s, %lld contacts; %lld lookups, %lld of them in vain\n",
                 text_of(dht, "role"), number_of(dht, "contacts"), number_of(dht, "lookups"),
                 number_of(dht, "lookups_failed"));
    (void)printf("mdns     %lld packets in, %lld out, %lld refused\n",
                 number_of(mdns, "packets_in"), number_of(mdns, "packets_out"),
                 number_of(mdns, "refused"));
    const char *reason;
    json_t *count;
    json_object_foreach(json_object_get(status, "refused"), reason, count)(void)
        printf("refused  %lld addresses were not dialled: %s\n",
               (long long)json_integer_value(count), reason);
}

/* Only while it holds the node back: what is to be done stands among the warnings. */
static void show_guard(const json_t *guard)
{
    const char *state = text_of(guard, "state");
    if (strcmp(state, "passed") == 0)
        return;
    (void)printf("guard    %s", state);
    if (strcmp(state, "recovering") == 0)
        (void)printf(", %lld receipts of our own are missing", number_of(guard, "missing"));
    (void)fputc('\n', stdout);
    size_t index;
    const json_t *peer;
    json_array_foreach(json_object_get(guard, "waits_for"), index, peer)
        print_member(index == 0 ? "awaits" : "", json_string_value(peer));
}

static void show_status(const json_t *status)
{
    print_member("node", text_of(status, "node"));
    print_member("data", text_of(status, "data"));
    print_member("version", text_of(status, "version"));
    (void)printf("pid      %lld, up %lld s\n", number_of(status, "pid"),
                 number_of(status, "uptime_ms") / 1000);
    show_network(status);
    (void)printf("peers    %lld known, %lld linked, %lld connected\n", number_of(status, "peers"),
                 number_of(status, "links"), number_of(status, "connections"));
    const json_t *trust = json_object_get(status, "trust");
    (void)printf("trust    %s, %lld parties admitted\n",
                 truth_of(trust, "strict") ? "strict" : "open", number_of(trust, "parties"));
    (void)printf("logs     %lld with %lld receipts, %lld of them not yet under a checkpoint\n",
                 number_of(status, "logs"), number_of(status, "receipts"),
                 number_of(status, "pending"));
    (void)printf("syncs    %lld done, %lld confirmed\n", number_of(status, "syncs"),
                 number_of(status, "confirms"));
    show_guard(json_object_get(status, "guard"));
    size_t index;
    const json_t *warning;
    json_array_foreach(json_object_get(status, "warnings"), index, warning)
        print_member(index == 0 ? "warning" : "", json_string_value(warning));
    if (json_array_size(json_object_get(status, "warnings")) > 0)
        return;
    if (number_of(status, "advice") > 0)
        (void)printf("state    it works; tally doctor says what could be better\n");
    else
        (void)printf("state    all is well\n");
}

enum exit_code verb_status(struct call *call)
{
    enum exit_code code = EXIT_DONE;
    json_t *status = ask(call, "status", "", &code);
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
