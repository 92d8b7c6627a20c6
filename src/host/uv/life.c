/* SPDX-License-Identifier: Apache-2.0 */
/* How a host begins and ends. */
#include "host/config/keys.h"
#include "host/config/paths.h"
#include "host/store/store.h"
#include "host/uv/address.h"
#include "host/uv/facts.h"
#include "host/uv/inside.h"
#include "tally/log.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    GRACE_MS = 8000, /* Of an orderly end; with joining the threads it stays below 10 s. */
    LOOK_MS = DOCTOR_SILENCE_MS,
};

/* ---- The data directory ---- */

static bool is_empty(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL)
        return errno == ENOENT;
    size_t count = 0;
    while (readdir(folder) != NULL)
        count++;
    (void)closedir(folder);
    return count <= 2;
}

static enum tally_error open_data(struct host *host, struct complaint *complaint)
{
    char sentence[COMPLAINT_MAX], version[PATHS_MAX + 16];
    struct stat status;
    const char *data = host->data;
    if (!paths_is_data(data) && !(host->options.create && is_empty(data)))
        return paths_no_data(data, complaint);
    enum tally_error error = host->options.create ? paths_make(data, complaint) : TALLY_OK;
    if (error != TALLY_OK)
        return error;
    /* A directory that was in use has its key: a lost one is not replaced in silence. */
    (void)snprintf(version, sizeof version, "%s/version", data);
    bool used = stat(version, &status) == 0;
    (void)snprintf(version, sizeof version, "%s/keys/identity.key", data);
    bool drawn = !used && stat(version, &status) != 0;
    error = keys_open(data, !used, &host->keys, complaint);
    if (error != TALLY_OK)
        return error;
    host->identity = *keys_identity(host->keys);
    cosigner_init(&host->cosigner, data);
    const struct store_options options = {
        .dir = data, .key = &host->identity, .min_free_bytes = host->options.min_free_bytes};
    error = store_open(&options, &host->store, sentence, sizeof sentence);
    if (error != TALLY_OK)
        return complain(complaint, error, "%s", sentence);
    /* Who has drawn the key just now knows that nothing was ever signed with it. */
    if (drawn && store_vouch(host->store, true) != TALLY_OK)
        return complain(complaint, TALLY_IO, "%s: %s", data, tally_error_text(TALLY_IO));
    host->past = store_past(host->store);
    return TALLY_OK;
}

/* ---- The network ---- */

/* A port that is free for both. Between here and binding somebody may take it; then binding says
   so, and the operator tries again. */
static uint16_t draw_port(const struct tally_address *address)
{
    int family = address_is_v4(address) ? AF_INET : AF_INET6;
    struct sockaddr_storage bound;
    struct tally_address drawn = *address;
    for (int tries = 0; tries < 16; tries++) {
        drawn.port = 0;
        socklen_t size = sizeof bound;
        int tcp = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int udp = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        (void)address_to_socket(&drawn, family, &bound);
        socklen_t length =
            family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
        bool good = bind(tcp, (const struct sockaddr *)&bound, length) == 0 &&
                    getsockname(tcp, (struct sockaddr *)&bound, &size) == 0 &&
                    bind(udp, (const struct sockaddr *)&bound, length) == 0 &&
                    address_of_socket((const struct sockaddr *)&bound, &drawn);
        if (tcp >= 0)
            (void)close(tcp);
        if (udp >= 0)
            (void)close(udp);
        if (good)
            return drawn.port;
    }
    return 0;
}

static bool machine_has_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 any = {.sin6_family = AF_INET6};
    bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&any, sizeof any) == 0;
    if (fd >= 0)
        (void)close(fd);
    return has;
}

static enum tally_error open_network(struct host *host, struct complaint *complaint)
{
    struct tally_address *address = &host->address;
    *address = host->options.listen;
    if (address_is_any(address) && !address_is_v4(address) && !machine_has_ipv6()) {
        uint16_t port = address->port;
        (void)address_read("0.0.0.0", address);
        address->port = port;
    }
    if (address->port == 0)
        address->port = draw_port(address);
    enum tally_error error = udp_open(&host->udp, host, address, complaint);
    if (error == TALLY_OK)
        error = tcp_listen(&host->tcp, address, complaint);
    return error;
}

/* ---- The node ---- */

/* Once, when everybody who was named had the time to answer: a wrong --peer is the operator's
   mistake, and should not be found only by asking. */
static void on_look(uv_timer_t *timer)
{
    struct host *host = timer->data;
    struct facts *facts = facts_new(host);
    for (size_t i = 0; facts != NULL && i < facts->findings.count; i++) {
        const struct finding *finding = &facts->findings.list[i];
        if (finding->code == FINDING_PEER_IDENTITY || finding->code == FINDING_PEER_SILENT ||
            finding->code == FINDING_PEER_REFUSED || finding->code == FINDING_UDP_BLOCKED)
            trace_line(&host->tracer, TALLY_LEVEL_WARN, "msg=\"%s\" code=%s remedy=\"%s\"",
                       finding->sentence, finding_name(finding->code), finding->remedy);
    }
    free(facts);
}

static enum tally_error open_node(struct host *host, struct complaint *complaint)
{
    struct tally_now now = host_now();
    struct tally_key remembered[REMEMBER_MAX];
    for (size_t i = 0; i < host->remember.count; i++)
        remembered[i] = host->remember.list[i].key;
    struct tally_node_options options = {
        .key = host->identity,
        .network = host->options.mesh,
        .verify = host->options.verify,
        .profile = host->options.network ? host->options.profile : TALLY_PROFILE_OFFLINE,
        .listen = host->address,
        .past = host->past,
        .known = host->past != TALLY_PAST_OWN &&
                 (host->options.named || host->options.bootstrap_count > 0),
        .remembered = remembered,
        .remembered_count = host->remember.count,
        .ledger = store_ledger(host->store),
        .secret = keys_secret(),
        .crypto = keys_crypto(host->keys),
        .cosigner = cosigner_window(&host->cosigner),
        .foreign = host->options.foreign,
        .foreign_count = host->options.foreign_count,
        .witness_gap_ms = host->options.witness_gap_ms,
        .witness_cycle_ms = host->options.witness_cycle_ms,
        .term_patience_ms = host->options.term_patience_ms,
        .trace = trace_window(&host->tracer),
    };
    if (host->options.admin) {
        char did[TALLY_DID_SIZE + 1];
        tally_did_write(&host->identity, did);
        trace_line(&host->tracer, TALLY_LEVEL_INFO, "msg=\"[federation] node %s\"", did);
    }
    randombytes_buf(&options.seed, sizeof options.seed);
    enum tally_error error = store_epoch(host->store, now.wall.us / 1000000, &options.epoch);
    if (error != TALLY_OK && error != TALLY_FULL)
        return complain(complaint, error, "%s: %s", host->data, tally_error_text(error));
    host->node = tally_node_new(&options, now);
    if (host->node == NULL)
        return complain(complaint, TALLY_NO_MEMORY, "%s", tally_error_text(TALLY_NO_MEMORY));
    host->writable = true;
    host->guard = tally_node_guard(host->node);
    if (host->guard == TALLY_GUARD_PASSED && host->past != TALLY_PAST_OWN)
        disk_vouch(&host->disk, true);
    const struct tally_event tick = {.kind = TALLY_EVENT_TICK};
    host_step(host, &tick);
    uint64_t missing;
    if (!store_writable(host->store, &missing)) {
        trace_line(&host->tracer, TALLY_LEVEL_WARN, "msg=\"no space\" missing_bytes=%llu",
                   (unsigned long long)missing);
        host_no_space(host);
    }
    return TALLY_OK;
}

/* Whom it may find by itself, once it is there to hear of them. */
static void open_links(struct host *host)
{
    enum tally_profile profile = host->options.profile;
    bool mdns = profile == TALLY_PROFILE_AUTO || profile == TALLY_PROFILE_LAN;
    if (profile == TALLY_PROFILE_AUTO)
        gateway_open(&host->gateway, host);
    multicast_init(&host->multicast, host, mdns);
    interfaces_open(&host->interfaces, host);
}

/* ---- What is left to do after a step ---- */

static void advance(struct host *host);

static void on_later(uv_idle_t *later)
{
    struct host *host = later->data;
    (void)uv_idle_stop(later);
    tcp_later(&host->tcp);
    admin_later(&host->admin);
    advance(host);
}

void host_later(struct host *host)
{
    (void)uv_idle_start(&host->later, on_later);
}

/* ---- The loop ---- */

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    host_stop(handle->data);
}

static enum tally_error open_loop(struct host *host, struct complaint *complaint)
{
    if (uv_loop_init(&host->loop) != 0)
        return complain(complaint, TALLY_NO_MEMORY,
                        "the system gives no event loop: raise the "
                        "limit of open files");
    host->looped = true;
    bootstrap_open(&host->bootstrap, host);
    remember_open(&host->remember, host);
    anchoring_open(&host->anchoring, host, host->options.anchor_cycle_ms);
    seeding_open(&host->seeding, host, host->options.policy);
    (void)uv_timer_init(&host->loop, &host->timer);
    (void)uv_timer_init(&host->loop, &host->grace);
    (void)uv_timer_init(&host->loop, &host->space);
    (void)uv_timer_init(&host->loop, &host->look);
    (void)uv_idle_init(&host->loop, &host->later);
    host->look.data = host;
    host->timer.data = host->grace.data = host->space.data = host->later.data = host;
    host->armed = TALLY_NEVER;
    const int numbers[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < 2; i++) {
        (void)uv_signal_init(&host->loop, &host->signals[i]);
        host->signals[i].data = host;
        (void)uv_signal_start(&host->signals[i], on_signal, numbers[i]);
    }
    return TALLY_OK;
}

static enum tally_error open_parts(struct host *host, struct complaint *complaint)
{
    const struct tally_crypto crypto = keys_crypto(host->keys);
    enum tally_error error = open_loop(host, complaint);
    if (error == TALLY_OK)
        error = resolver_open(&host->resolver, host, complaint);
    if (error == TALLY_OK)
        error = tcp_init(&host->tcp, host, complaint);
    if (error == TALLY_OK && host->options.network)
        error = open_network(host, complaint);
    if (error == TALLY_OK)
        error = disk_open(&host->disk, host, host->store, complaint);
    if (error == TALLY_OK)
        error = pool_open(&host->pool, host, &crypto,
                          host->options.network ? host->options.workers : 1, complaint);
    if (error == TALLY_OK)
        error = asking_open(&host->asking_http, host, host->options.network, complaint);
    if (error == TALLY_OK)
        error = open_node(host, complaint);
    if (error == TALLY_OK && host->options.network) {
        open_links(host);
        (void)uv_timer_start(&host->look, on_look, LOOK_MS, 0);
        remember_start(&host->remember);
        bootstrap_start(&host->bootstrap);
    }
    if (error == TALLY_OK && host->options.has_public)
        error = public_open(&host->public, host, &host->options.public, host->options.public_logs,
                            complaint);
    if (error == TALLY_OK) {
        anchoring_start(&host->anchoring);
        seeding_start(&host->seeding);
    }
    if (error == TALLY_OK && host->options.admin)
        error = admin_open(&host->admin, host, complaint);
    return error;
}

enum tally_error host_open(const struct host_options *options, struct host **result,
                           struct complaint *complaint)
{
    *result = NULL;
    struct host *host = calloc(1, sizeof *host);
    if (host == NULL)
        return complain(complaint, TALLY_NO_MEMORY, "%s", tally_error_text(TALLY_NO_MEMORY));
    host->options = *options;
    host->data = strdup(options->data);
    host->started_ms = host_now().mono.ms;
    host->tracer =
        (struct tracer){.level = options->level, .journal = getenv("JOURNAL_STREAM") != NULL};
    enum tally_error error = host->data == NULL
                                 ? complain(complaint, TALLY_NO_MEMORY, "out of memory")
                                 : open_data(host, complaint);
    if (error == TALLY_OK)
        error = open_parts(host, complaint);
    if (error == TALLY_OK)
        *result = host;
    else
        host_close(host);
    return error;
}

/* ---- An orderly end ---- */

static void on_sealed(void *context, const struct tally_action *answer)
{
    struct host *host = context;
    (void)answer; /* What could not be sealed is sealed after the next start. */
    host->phase = HOST_LEAVING;
    host_later(host);
}

static void on_left(void *context, const struct tally_action *answer)
{
    struct host *host = context;
    (void)answer;
    host->phase = HOST_FLUSHING;
    host_later(host);
}

static void advance(struct host *host)
{
    const struct tally_command seal = {.kind = TALLY_COMMAND_SEAL};
    const struct tally_command stop = {.kind = TALLY_COMMAND_STOP};
    bool answered = host->waiting == host->patient;
    if (host->phase == HOST_FINISHING && answered && disk_idle(&host->disk)) {
        host->phase = HOST_SEALING;
        if (!host_command(host, &seal, on_sealed, host))
            host->phase = HOST_LEAVING;
    }
    if (host->phase == HOST_LEAVING) {
        host->phase = HOST_TELLING;
        if (!host_command(host, &stop, on_left, host))
            host->phase = HOST_FLUSHING;
    }
    if (host->phase == HOST_FLUSHING && tcp_flushed(&host->tcp) && disk_idle(&host->disk) &&
        admin_flushed(&host->admin) && gateway_flushed(&host->gateway)) {
        host->phase = HOST_ENDED;
        uv_stop(&host->loop);
    }
}

static void on_grace(uv_timer_t *timer)
{
    struct host *host = timer->data;
    trace_line(&host->tracer, TALLY_LEVEL_WARN, "msg=\"stopped before all was done\"");
    host->phase = HOST_ENDED;
    uv_stop(&host->loop);
}

void host_stop(struct host *host)
{
    if (host->phase != HOST_SERVING) {
        /* Asked twice: what is durable is durable. */
        host->phase = HOST_ENDED;
        uv_stop(&host->loop);
        return;
    }
    host->phase = HOST_FINISHING;
    anchoring_stop(&host->anchoring);
    seeding_stop(&host->seeding);
    asking_stop(&host->asking_http);
    if (host->options.network)
        remember_write(&host->remember);
    (void)uv_timer_start(&host->grace, on_grace, GRACE_MS, 0);
    admin_quiet(&host->admin);
    host_later(host);
}

enum tally_error host_run(struct host *host, struct complaint *complaint)
{
    while (host->phase != HOST_ENDED && host->failure.error == TALLY_OK) {
        if (host->phase != HOST_SERVING)
            advance(host);
        if (host->phase != HOST_ENDED)
            (void)uv_run(&host->loop, UV_RUN_ONCE);
    }
    return host_failed(host, complaint);
}

enum tally_error host_failed(const struct host *host, struct complaint *complaint)
{
    if (host->failure.error != TALLY_OK)
        *complaint = host->failure;
    return host->failure.error;
}

int host_descriptor(const struct host *host)
{
    return uv_backend_fd(&host->loop);
}

int host_timeout_ms(const struct host *host)
{
    return uv_backend_timeout(&host->loop);
}

void host_turn(struct host *host)
{
    (void)uv_run(&host->loop, UV_RUN_NOWAIT);
}

/* ---- Closing ---- */

static void close_handle(uv_handle_t *handle, void *context)
{
    (void)context;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* Who still waits is told that no answer comes. */
static void cancel(struct host *host)
{
    const struct tally_action stopping = {.kind = TALLY_ACTION_ANSWER,
                                          .answer = {.error = TALLY_STOPPING}};
    for (size_t i = 0; i < HOST_COMMANDS; i++) {
        const struct host_waiter waiter = host->waiters[i];
        host->waiters[i] = (struct host_waiter){0};
        if (waiter.on_answer != NULL)
            waiter.on_answer(waiter.context, &stopping);
    }
}

static void close_loop(struct host *host)
{
    cancel(host);
    anchoring_stop(&host->anchoring);
    seeding_stop(&host->seeding);
    asking_close(&host->asking_http);
    public_close(&host->public);
    admin_close(&host->admin);
    gateway_close(&host->gateway);
    interfaces_close(&host->interfaces);
    multicast_close(&host->multicast);
    resolver_close(&host->resolver);
    udp_close(&host->udp);
    tcp_close(&host->tcp);
    pool_close(&host->pool);
    disk_close(&host->disk);
    uv_walk(&host->loop, close_handle, NULL);
    while (uv_run(&host->loop, UV_RUN_DEFAULT) != 0)
        continue;
    int code = uv_loop_close(&host->loop);
    assert(code == 0);
    disk_free(&host->disk);
    pool_free(&host->pool);
    multicast_free(&host->multicast);
    udp_free(&host->udp);
    tcp_free(&host->tcp);
}

void host_close(struct host *host)
{
    if (host == NULL)
        return;
    if (host->looped)
        close_loop(host);
    if (host->node != NULL)
        tally_node_free(host->node);
    if (host->store != NULL)
        store_close(host->store);
    cosigner_free(&host->cosigner);
    keys_free(host->keys);
    free(host->data);
    free(host);
}
