/* SPDX-License-Identifier: Apache-2.0 */
/* tally run: the daemon. */
#include "cmd/final.h"
#include "cmd/peer_list.h"
#include "cmd/print.h"
#include "cmd/shelf.h"
#include "cmd/verbs.h"
#include "core/address/multiaddr.h"
#include "core/address/peer_id.h"
#include "core/base/bytes.h"
#include "core/federation/outside.h"
#include "host/config/keys.h"
#include "host/config/log_list.h"
#include "host/uv/address.h"
#include "host/uv/host.h"
#include "host/uv/trace.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uv.h>

enum {
    SHOWN_MAX = 16,
    LARGE = 128 << 10,
    MESH_MAX = 64,
    SKIP_MAX = 32,
    SKIP_PATTERN_MAX = 32,
    LOG_LIST_BYTES = 256 << 10,
};

struct skip_list {
    const char *list[SKIP_MAX];
    size_t count;
};

#define MIN_FREE_DEFAULT (UINT64_C(1) << 30)

/* ---- The command line ---- */

static bool read_profile(struct call *call, struct host_options *options, enum exit_code *code)
{
    static const enum tally_profile all[] = {TALLY_PROFILE_AUTO, TALLY_PROFILE_LAN,
                                             TALLY_PROFILE_SERVER, TALLY_PROFILE_STATIC,
                                             TALLY_PROFILE_OFFLINE};
    const char *profile = call_option(call, "profile");
    size_t i = 0, count = sizeof all / sizeof *all;
    while (profile != NULL && i < count && strcmp(profile, tally_profile_name(all[i])) != 0)
        i++;
    if (i == count) {
        *code = call_usage(
            call, "there is no profile \"%.64s\": auto, lan, server, static or offline", profile);
        return false;
    }
    options->profile = all[i]; /* Not told: the first. */
    options->network = options->profile != TALLY_PROFILE_OFFLINE;
    return true;
}

/* The name that keeps meshes apart is never shown to others, but typed by people. */
static bool read_mesh(struct call *call, struct host_options *options, enum exit_code *code)
{
    const char *name = call_option(call, "network");
    size_t size = name == NULL ? 1 : strlen(name);
    bool good = size >= 1 && size <= MESH_MAX && (name == NULL || print_utf8(name));
    for (size_t i = 0; name != NULL && good && i < size; i++)
        good = (unsigned char)name[i] > ' ' && name[i] != 0x7f;
    options->mesh = name;
    if (!good)
        *code =
            call_usage(call,
                       "--network \"%.80s\" is no name of a mesh: 1 to %d bytes of text without "
                       "blanks, the same on all its nodes",
                       name, MESH_MAX);
    return good;
}

/* As of a shell: letters, digits and what else names of interfaces have, with * and ?. */
static bool read_skipped(struct call *call, struct skip_list *skipped, struct host_options *options,
                         enum exit_code *code)
{
    const char *pattern;
    while ((pattern = call_option_at(call, "skip-interface", skipped->count)) != NULL) {
        size_t size = strlen(pattern);
        bool good = size > 0 && size < SKIP_PATTERN_MAX && strpbrk(pattern, " /\t\n") == NULL;
        if (!good || skipped->count == SKIP_MAX) {
            *code = good ? call_usage(call, "more than %d times --skip-interface", SKIP_MAX)
                         : call_usage(call,
                                      "--skip-interface \"%.80s\" is no pattern of an interface's "
                                      "name, such as docker* or wg0",
                                      pattern);
            return false;
        }
        skipped->list[skipped->count++] = pattern;
    }
    options->skip_interfaces = skipped->count > 0 ? skipped->list : NULL;
    options->skip_count = skipped->count;
    return true;
}

static bool read_network(struct call *call, struct host_options *options, enum exit_code *code)
{
    const char *listen = call_option(call, "listen"), *port = call_option(call, "port");
    uint64_t number = PATHS_PORT;
    *code = EXIT_USAGE;
    if (listen != NULL && !address_read(listen, &options->listen)) {
        (void)call_usage(call,
                         "--listen \"%.80s\" is not an IP address of this machine, such as "
                         "127.0.0.1 or ::1",
                         listen);
        return false;
    }
    if (port != NULL && !call_number(call, "--port", port, 0, UINT16_MAX, &number))
        return false;
    options->listen.port = (uint16_t)number;
    return true;
}

static bool read_rest(struct call *call, struct host_options *options, enum exit_code *code)
{
    const char *verify = call_option(call, "verify"), *level = call_option(call, "log-level");
    const char *min_free = call_option(call, "min-free");
    *code = EXIT_USAGE;
    options->level = TALLY_LEVEL_INFO;
    options->min_free_bytes = MIN_FREE_DEFAULT;
    if (verify != NULL && strcmp(verify, "checkpoint") == 0)
        options->verify = TALLY_VERIFY_CHECKPOINT;
    else if (verify != NULL && strcmp(verify, "every") != 0) {
        (void)call_usage(call, "--verify \"%.64s\" is neither every nor checkpoint", verify);
        return false;
    }
    if (level != NULL && !trace_level_read(level, &options->level)) {
        (void)call_usage(call, "--log-level \"%.64s\" is not error, warn, info, debug or trace",
                         level);
        return false;
    }
    return min_free == NULL ||
           call_number(call, "--min-free", min_free, 0, UINT64_MAX / 2, &options->min_free_bytes);
}

/* ---- Witnessing ---- */

/* --public IP:PORT or [IP]:PORT. */
static bool read_public(struct call *call, struct host_options *options, enum exit_code *code)
{
    const char *text = call_option(call, "public");
    char ip[64];
    uint64_t port;
    if (text == NULL)
        return true;
    const char *colon = strrchr(text, ':');
    size_t size = colon != NULL ? (size_t)(colon - text) : 0;
    bool bracketed = size > 2 && text[0] == '[' && text[size - 1] == ']';
    if (bracketed) {
        text++;
        size -= 2;
    }
    bool good = size > 0 && size < sizeof ip;
    if (good) {
        memcpy(ip, text, size);
        ip[size] = '\0';
        good = address_read(ip, &options->public) && (bracketed || strchr(ip, ':') == NULL);
    }
    if (!good) {
        *code = call_usage(call, "--public \"%.80s\" is not IP:PORT, such as 127.0.0.1:8090",
                           call_option(call, "public"));
        return false;
    }
    *code = EXIT_USAGE;
    if (!call_number(call, "the port of --public", colon + 1, 1, UINT16_MAX, &port))
        return false;
    options->public.port = (uint16_t)port;
    options->has_public = true;
    return true;
}

static bool read_public_logs(struct call *call, struct host_options *options, enum exit_code *code)
{
    const char *which = call_option(call, "public-logs");
    enum public_logs logs = PUBLIC_LOGS_OWN;
    while (which != NULL && logs < PUBLIC_LOGS_KINDS && strcmp(which, public_logs_name(logs)) != 0)
        logs++;
    options->public_logs = logs;
    if (logs == PUBLIC_LOGS_KINDS)
        *code = call_usage(call, "--public-logs \"%.80s\" is not own, all or none", which);
    else if (which != NULL && !options->has_public)
        *code = call_usage(call, "--public-logs goes with --public IP:PORT");
    else
        return true;
    return false;
}

static bool read_log_lists(struct call *call, struct log_list *logs, struct host_options *options,
                           enum exit_code *code)
{
    const char *path;
    for (size_t i = 0; (path = call_option_at(call, "witness-logs", i)) != NULL; i++) {
        size_t size;
        uint8_t *text = shelf_slurp(call, path, LOG_LIST_BYTES, &size, code);
        if (text == NULL)
            return false;
        struct complaint complaint;
        enum tally_error error = log_list_read(logs, path, bytes_of(text, size), &complaint);
        free(text);
        if (error != TALLY_OK) {
            *code = call_fail_with(call, EXIT_CONFIGURATION, error, path, "%s", complaint.text);
            return false;
        }
    }
    options->foreign = logs->list;
    options->foreign_count = logs->count;
    return true;
}

/* Addresses that cannot be asked are told now, not when it comes to asking. */
static bool read_policy(struct call *call, struct final *final, struct host_options *options,
                        enum exit_code *code)
{
    const char *path = call_option(call, "policy");
    if (path == NULL)
        return true;
    if (!final_open(final, call, path, code))
        return false;
    for (size_t i = 0; i < final->policy->witness_count; i++) {
        struct tally_policy_witness *witness = &final->policy->witnesses[i];
        while (witness->url.size > 0 && witness->url.data[witness->url.size - 1] == '/')
            witness->url.size--;
        if (witness->url.size == 0 || outside_url_valid(witness->url))
            continue;
        *code = call_fail_with(call, EXIT_CONFIGURATION, TALLY_MALFORMED, path,
                               "%.1000s: the address of witness %.*s cannot be asked: http or "
                               "https, without user, ? and #, at most %d bytes",
                               path, (int)witness->name.size, (const char *)witness->name.data,
                               OUTSIDE_URL_MAX);
        return false;
    }
    options->policy = final->policy;
    return true;
}

static bool read_witness(struct call *call, struct host_options *options, enum exit_code *code)
{
    static struct log_list logs;
    const char *gap = call_option(call, "witness-gap"), *cycle = call_option(call, "witness-cycle");
    const char *anchors = call_option(call, "anchor-cycle");
    const char *patience = call_option(call, "term-patience");
    uint64_t gap_s = 0, cycle_s = 0, anchors_s = 0, patience_s = 0;
    *code = EXIT_USAGE;
    if ((anchors != NULL && !call_number(call, "--anchor-cycle", anchors, 1, 86400, &anchors_s)) ||
        (patience != NULL &&
         !call_number(call, "--term-patience", patience, 1, 86400, &patience_s)) ||
        (gap != NULL && !call_number(call, "--witness-gap", gap, 1, 86400, &gap_s)) ||
        (cycle != NULL && !call_number(call, "--witness-cycle", cycle, 1, 31536000, &cycle_s)))
        return false;
    options->anchor_cycle_ms = (unsigned)anchors_s * 1000;
    options->term_patience_ms = (unsigned)patience_s * 1000;
    options->witness_gap_ms = (unsigned)gap_s * 1000;
    options->witness_cycle_ms =
        cycle_s * 1000 > UINT32_MAX ? UINT32_MAX : (unsigned)(cycle_s * 1000);
    return read_public(call, options, code) && read_public_logs(call, options, code) &&
           read_log_lists(call, &logs, options, code);
}

/* ---- What is shown at the start ---- */

/* The addresses one can dial: what is listened on, or for «all» those of the machine. */
static size_t find_addresses(const struct host *host, struct tally_address *found)
{
    struct tally_address bound = host_address(host);
    uv_interface_address_t *all;
    int count;
    size_t shown = 0;
    if (bound.port == 0)
        return 0;
    if (!address_is_any(&bound)) {
        found[0] = bound;
        return 1;
    }
    if (uv_interface_addresses(&all, &count) != 0)
        return 0;
    for (int i = 0; i < count && shown < SHOWN_MAX; i++) {
        struct tally_address *address = &found[shown];
        if (!address_of_socket((const struct sockaddr *)&all[i].address, address) ||
            address_is_link_local(address) || (address_is_v4(&bound) && !address_is_v4(address)))
            continue;
        address->port = bound.port;
        shown++;
    }
    uv_free_interface_addresses(all, count);
    return shown;
}

static void show_json(const struct host *host, const char *did, const char *id,
                      const struct tally_address *addresses, size_t count)
{
    json_t *object = print_object("run/1"), *list = json_array();
    char text[MULTIADDR_TEXT_MAX];
    for (size_t i = 0; i < count; i++) {
        if (multiaddr_write_text(&addresses[i], MULTIADDR_UDP, host_identity(host), text,
                                 sizeof text) > 0)
            (void)json_array_append_new(list, json_string(text));
        if (multiaddr_write_text(&addresses[i], MULTIADDR_TCP, host_identity(host), text,
                                 sizeof text) > 0)
            (void)json_array_append_new(list, json_string(text));
    }
    (void)json_object_update_new(object, json_pack("{s:s, s:s, s:s, s:i, s:o, s:s}", "version",
                                                   TALLY_VERSION, "node", did, "peer_id", id,
                                                   "port", (int)host_address(host).port,
                                                   "addresses", list, "data", host_data(host)));
    print_json(object);
}

static void show(const struct call *call, const struct host *host)
{
    struct tally_address addresses[SHOWN_MAX];
    char did[TALLY_DID_SIZE + 1], id[PEER_ID_TEXT_MAX], text[MULTIADDR_TEXT_MAX];
    size_t count = find_addresses(host, addresses);
    tally_did_write(host_identity(host), did);
    (void)peer_id_print_key(host_identity(host), id);
    if (call->json) {
        show_json(host, did, id, addresses, count);
    } else {
        (void)printf("tally %s\nnode     %s\npeer id  %s\n", TALLY_VERSION, did, id);
        for (size_t i = 0; i < count; i++) {
            if (multiaddr_write_text(&addresses[i], MULTIADDR_UDP, host_identity(host), text,
                                     sizeof text) > 0)
                (void)printf("%s  %s\n", i == 0 ? "address" : "       ", text);
            if (multiaddr_write_text(&addresses[i], MULTIADDR_TCP, host_identity(host), text,
                                     sizeof text) > 0)
                (void)printf("         %s\n", text);
        }
        (void)printf("data     %s\nnext     tally append --data %s --namespace NAME --lines FILE\n",
                     host_data(host), host_data(host));
    }
    (void)fflush(stdout);
}

/* ---- Running ---- */

/* A key that is not there yet is not among them; one that cannot be read is told by host_open. */
static bool is_one_of_them(struct call *call, const char *data, const struct peer_list *peers,
                           const struct bootstrap_list *bootstraps, enum exit_code *code)
{
    struct keys *keys;
    struct complaint ignored;
    bool found = false;
    if (keys_open(data, false, &keys, &ignored) != TALLY_OK)
        return false;
    for (size_t i = 0; i < peers->count && !found; i++) {
        found = key_equal(&peers->list[i].key, keys_identity(keys));
        if (found)
            *code = call_usage(call, "--peer %.200s is this node itself",
                               call_option_at(call, "peer", i));
    }
    for (size_t i = 0; i < bootstraps->count && !found; i++) {
        const struct dns_question *question = &bootstraps->list[i].question;
        found = question->has_key && key_equal(&question->key, keys_identity(keys));
        if (found)
            *code = call_usage(call, "--bootstrap %.200s is this node itself",
                               bootstraps->list[i].text);
    }
    keys_free(keys);
    return found;
}

/* What cannot be made use of is not taken in silence. */
static bool suit_profile(struct call *call, const struct host_options *options,
                         const struct bootstrap_list *bootstraps, enum exit_code *code)
{
    for (size_t i = 0; i < bootstraps->count; i++) {
        const struct host_bootstrap *one = &bootstraps->list[i];
        bool domain = one->kind == HOST_BOOTSTRAP_DOMAIN;
        if (options->network && (!domain || options->profile != TALLY_PROFILE_STATIC))
            continue;
        *code = call_usage(call,
                           options->network
                               ? "--bootstrap %.200s is of no use in profile %s, which takes only "
                                 "addresses you name: choose auto, lan or server"
                               : "--bootstrap %.200s is of no use in profile %s, which has no "
                                 "network",
                           one->text, tally_profile_name(options->profile));
        return false;
    }
    return true;
}

static void on_peer(void *context, const struct tally_action *answer)
{
    enum tally_error *error = context;
    *error = answer->answer.error;
}

static bool add_peers(struct call *call, struct host *host, const struct peer_list *peers,
                      enum exit_code *code)
{
    for (size_t i = 0; i < peers->count; i++) {
        const struct tally_command command = {
            .kind = TALLY_COMMAND_PEER,
            .peer = {.key = peers->list[i].key, .address = peers->list[i].address}};
        enum tally_error error = TALLY_BUSY;
        if (!host_command(host, &command, on_peer, &error) || error != TALLY_OK) {
            *code = call_fail_with(call, EXIT_FAILED, error, NULL, "--peer %.200s: %s",
                                   call_option_at(call, "peer", i), tally_error_text(error));
            return false;
        }
    }
    return true;
}

static enum exit_code serve(struct call *call, const struct host_options *options,
                            const struct peer_list *peers)
{
    enum exit_code code = EXIT_DONE;
    struct host *host;
    (void)umask(077);
    /* Large buffers go back to the system when they are freed, and those of connections that were
       never used are not cleared: an idle node is small, and small again. */
    (void)mallopt(M_MMAP_THRESHOLD, LARGE);
    if (host_open(options, &host, &call->complaint) != TALLY_OK)
        return call_fail(call, options->data);
    if (add_peers(call, host, peers, &code)) {
        show(call, host);
        if (host_run(host, &call->complaint) != TALLY_OK)
            code = call_fail(call, options->data);
    }
    host_close(host);
    return code;
}

enum exit_code verb_run(struct call *call)
{
    char data[PATHS_MAX];
    static struct peer_list peers;
    static struct bootstrap_list bootstraps;
    struct skip_list skipped = {.count = 0};
    struct final final = {.call = call};
    enum exit_code code = EXIT_USAGE;
    struct host_options options = {.data = data, .create = true, .admin = true};
    if (shelf_data(call, data, &code) && read_profile(call, &options, &code) &&
        read_network(call, &options, &code) && read_rest(call, &options, &code) &&
        read_mesh(call, &options, &code) && read_skipped(call, &skipped, &options, &code) &&
        peer_list_read(call, &peers, &code) && bootstrap_list_read(call, &bootstraps, &code) &&
        read_witness(call, &options, &code) && read_policy(call, &final, &options, &code) &&
        suit_profile(call, &options, &bootstraps, &code) &&
        !is_one_of_them(call, data, &peers, &bootstraps, &code)) {
        options.bootstraps = bootstraps.list;
        options.bootstrap_count = bootstraps.count;
        options.named = peers.count > 0;
        code = serve(call, &options, &peers);
    }
    final_close(&final);
    return code;
}
