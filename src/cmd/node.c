/* SPDX-License-Identifier: Apache-2.0 */
/* tally node init, show; tally version. */
#include "cmd/print.h"
#include "cmd/shelf.h"
#include "cmd/verbs.h"
#include "core/address/peer_id.h"
#include "host/config/keys.h"
#include "host/store/store.h"
#include "host/uv/host.h"

static enum exit_code show(struct call *call, const char *data, const struct tally_key *key,
                           const char *schema)
{
    char did[TALLY_DID_SIZE + 1], id[PEER_ID_TEXT_MAX];
    long pid = store_holder(data);
    tally_did_write(key, did);
    (void)peer_id_print_key(key, id);
    if (call->json) {
        json_t *object = print_object(schema);
        (void)json_object_update_new(object, json_pack("{s:s, s:s, s:s, s:o}", "node", did,
                                                       "peer_id", id, "data", data, "pid",
                                                       pid > 0 ? json_integer(pid) : json_null()));
        print_json(object);
        return EXIT_DONE;
    }
    (void)printf("node     %s\npeer id  %s\ndata     %s\n", did, id, data);
    if (pid > 0)
        (void)printf("running  pid %ld\n", pid);
    else
        (void)printf("running  no; start it with tally run --data %s\n", data);
    return EXIT_DONE;
}

enum exit_code verb_node_show(struct call *call)
{
    char data[PATHS_MAX];
    enum exit_code code = EXIT_DONE;
    struct keys *keys;
    if (!shelf_data(call, data, &code))
        return code;
    if (!paths_is_data(data)) {
        (void)paths_no_data(data, &call->complaint);
        return call_fail(call, data);
    }
    if (keys_open(data, false, &keys, &call->complaint) != TALLY_OK)
        return call_fail(call, data);
    code = show(call, data, keys_identity(keys), "node/1");
    keys_free(keys);
    return code;
}

enum exit_code verb_node_init(struct call *call)
{
    char data[PATHS_MAX];
    enum exit_code code = EXIT_DONE;
    struct host *host;
    if (!shelf_data(call, data, &code))
        return code;
    const struct host_options options = {.data = data, .create = true, .level = TALLY_LEVEL_WARN};
    if (host_open(&options, &host, &call->complaint) != TALLY_OK)
        return call_fail(call, data);
    const struct tally_key key = *host_identity(host);
    host_close(host);
    return show(call, data, &key, "node-init/1");
}

enum exit_code verb_version(struct call *call)
{
    if (!call->json) {
        (void)printf("tally %s\n", TALLY_VERSION);
        return EXIT_DONE;
    }
    json_t *object = print_object("version/1");
    (void)json_object_set_new(object, "version", json_string(TALLY_VERSION));
    print_json(object);
    return EXIT_DONE;
}
