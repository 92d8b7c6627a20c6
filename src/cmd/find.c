/* SPDX-License-Identifier: Apache-2.0 */
/* tally find namespace, find peer, dht lookup: the node asks others, and we wait. */
#include "cmd/ask.h"
#include "cmd/grid.h"
#include "cmd/print.h"
#include "cmd/shelf.h"
#include "cmd/verbs.h"
#include "core/address/peer_id.h"
#include "core/base/bytes.h"
#include "tally/log.h"

#include <string.h>

static const struct grid_column columns[] = {
    {"PEER", true}, {"ADDRESS", false}, {"SOURCE", false}, {"AGE", false}, {"STATE", false}};

enum { COLUMNS = sizeof columns / sizeof *columns, AGE = 32 };

static void show(const json_t *found)
{
    struct grid *table = grid_new(columns, COLUMNS);
    size_t index;
    const json_t *one;
    json_array_foreach(json_object_get(found, "items"), index, one)
    {
        char age[AGE] = "";
        if (!json_is_null(json_object_get(one, "age_ms")))
            print_age(number_of(one, "age_ms"), age, sizeof age);
        const char *const cells[COLUMNS] = {text_of(one, "peer_id"), text_of(one, "address"),
                                            text_of(one, "source"), age,
                                            truth_of(one, "linked") ? "linked" : ""};
        grid_add(table, cells);
    }
    grid_print(table);
}

/* Not found may only mean that nobody could be asked. */
static enum exit_code nothing(struct call *call, const char *data, const char *what,
                              const char *name, unsigned timeout_s)
{
    struct complaint ignored;
    json_t *status = ask_node(data, "status", "", timeout_s, NULL, &ignored);
    const char *role = text_of(json_object_get(status, "dht"), "role");
    const char *why = "";
    if (status != NULL && number_of(status, "links") == 0)
        why = ": the node has no link with anybody";
    else if (strcmp(role, "off") == 0)
        why = ": the DHT is off in this profile, so only peers that are linked were asked";
    call->remedy = "check tally status, and that the name is right; then try again";
    enum exit_code code = call_fail_with(call, EXIT_NOT_FOUND, TALLY_NOT_FOUND, name,
                                         "%s %.200s was not found%s", what, name, why);
    json_decref(status);
    return code;
}

static enum exit_code find(struct call *call, const char *verb, const char *argument,
                           const char *what)
{
    char data[PATHS_MAX];
    unsigned timeout_s;
    enum exit_code code = EXIT_DONE;
    struct complaint *complaint = &call->complaint;
    if (!shelf_data(call, data, &code) || !ask_timeout(call, &timeout_s, &code))
        return code;
    json_t *found = ask_node(data, verb, argument, timeout_s, "asking other nodes", complaint);
    if (found == NULL && complaint->error == TALLY_NOT_FOUND && paths_is_data(data))
        return nothing(call, data, what, call->operands[0], timeout_s);
    if (found == NULL)
        return call_fail(call, data);
    if (call->json) {
        print_json(found);
        return EXIT_DONE;
    }
    show(found);
    json_decref(found);
    return EXIT_DONE;
}

enum exit_code verb_find_namespace(struct call *call)
{
    const char *name = call->operands[0];
    if (!tally_namespace_valid(bytes_text(name)))
        return call_usage(call,
                          "\"%.64s\" is no namespace: 1 to 64 letters, digits, dots, dashes, "
                          "underscores or colons",
                          name);
    return find(call, "find-namespace", name, "a holder of namespace");
}

enum exit_code verb_find_peer(struct call *call)
{
    char id[PEER_ID_TEXT_MAX];
    struct tally_key key;
    const char *name = call->operands[0];
    if (!peer_id_parse_key(name, &key) && !tally_did_read(bytes_text(name), &key, NULL))
        return call_usage(call,
                          "\"%.100s\" is no peer: give a peer id (12D3KooW...) or a did:key of an "
                          "Ed25519 key",
                          name);
    (void)peer_id_print_key(&key, id);
    return find(call, "find-peer", id, "peer");
}
