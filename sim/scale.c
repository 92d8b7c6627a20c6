/* SPDX-License-Identifier: Apache-2.0 */
#include "scale.h"
#include "core/base/bytes.h"
#include "memory.h"
#include "overlay.h"
#include "slab.h"
#include "who.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SECOND_US = 1000000,
    LOOK_EVENTS = 4096, /* Steps between two looks at the real clock. */
    BAR = 32,
    ANNOUNCE_S = 10,    /* News is waited for so long, */
    REVOKE_S = 10,      /* and a revocation; */
    LOOKUP_S = 20,      /* so long for the lookups; */
    HEAL_S = 60,        /* and so long the overlay has to heal, looked at */
    HEAL_LOOKS = 4,     /* so many times. */
    RECORDS_MAX = 1024, /* As core/dht/records.h has it. */
};

/* Tickets of finds, out of the way of appends'. */
#define FIND_TICKETS (UINT64_C(1) << 40)

/* One lookup. */
struct find {
    uint32_t slot, target;
    uint64_t begun_us, first_us, end_us; /* UINT64_MAX: not yet. */
    uint64_t messages;
    bool good;
};

struct scale {
    struct world world;
    const struct scale_options *options;
    bool terminal;       /* Somebody watches. */
    double begin, drawn; /* Real seconds. */
    uint64_t whole_us;
    uint64_t look; /* After so many steps. */
    const char *phase;
    struct random chance;
    /* The announce that goes round: who heard of a log of that size, and when. */
    uint64_t size, begun_us;
    uint32_t announcer, heard, announced;
    uint64_t *heard_us;       /* A slot each; UINT64_MAX: not yet. */
    struct tally_key revoked; /* Whose key is revoked now; all zero: nobody's. */
    struct find *finds;
    uint32_t find_count; /* Begun. */
    struct who who;
};

void scale_defaults(struct scale_options *options)
{
    *options = (struct scale_options){
        .world = {.seed = 1,
                  .nodes = 1000,
                  .crypto = PROVIDER_FAST,
                  .peers_max = 4,
                  .known_max = 20,
                  .links_max = 20,
                  .passive_max = 16,
                  .addresses_max = 2,
                  .own_addresses_max = 4,
                  .replay_window = 256,
                  .dht_values_max = 1,
                  .dht_records_max = 20,
                  .dht_placements_max = 16,
                  .dht_contacts_max = 64,
                  .dht_requests_max = 32,
                  .dht_pending_max = 1,
                  .namespaces_max = 1,
                  .logs_max = 4,
                  .own_logs_max = 1,
                  .pending_max = 8,
                  .seen_max = 32,
                  .records_max = 2,
                  .senders_max = 8,
                  .datagrams_only = true},
        .birth_s = 10,
        .settle_s = 30,
        .idle_s = 60,
    };
}

/* Smaller tables than those of a node know others worse, and who may have few questions under way
   puts its record with too few: what is found among such nodes tells nothing of real ones. */
void scale_sizes(struct scale_options *options)
{
    struct world_options *world = &options->world;
    if (world->known_max < TALLY_PEERS_MAX)
        return;
    world->dht_contacts_max = world->dht_requests_max = 0;
    world->dht_records_max = RECORDS_MAX;
}

/* ---- What is real. ---- */

/* Bytes of this process that are resident. */
static double resident(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long whole = 0, pages = 0;
    if (file == NULL)
        return 0;
    if (fscanf(file, "%lu %lu", &whole, &pages) != 2)
        pages = 0;
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void bar_draw(struct scale *scale)
{
    double now = scale->options->seconds();
    if (!scale->terminal || now - scale->drawn < 0.2)
        return;
    scale->drawn = now;
    double share = (double)scale->world.now_us / (double)scale->whole_us;
    int full = (int)(share * BAR);
    fprintf(stderr, "\r[%.*s%*s] %3.0f %%  %s, %.1f s virtual, %.0f s real ", full,
            "################################", BAR - full, "", share * 100, scale->phase,
            (double)scale->world.now_us / SECOND_US, now - scale->begin);
}

static void bar_clear(const struct scale *scale)
{
    if (scale->terminal)
        fprintf(stderr, "\r%*s\r", BAR + 60, "");
}

/* ---- Time. ---- */

static bool run_until(struct scale *scale, uint64_t us)
{
    while (world_next(&scale->world, us))
        if (scale->world.events >= scale->look) {
            scale->look = scale->world.events + LOOK_EVENTS;
            bar_draw(scale);
        }
    return !scale->world.checker.broken;
}

static bool run_for(struct scale *scale, const char *phase, uint32_t seconds)
{
    scale->phase = phase;
    return run_until(scale, scale->world.now_us + (uint64_t)seconds * SECOND_US);
}

/* ---- Birth. ---- */

/* Homes as they are: most boxes are strict, a fifth symmetric, two in five map ports. */
static void home(struct scale *scale, uint32_t slot)
{
    static const enum nat_type types[] = {NAT_FULL, NAT_ADDRESS, NAT_PORT,     NAT_PORT,
                                          NAT_PORT, NAT_PORT,    NAT_SYMMETRIC};
    static const enum tally_mapping gateways[] = {TALLY_MAPPING_NONE, TALLY_MAPPING_NONE,
                                                  TALLY_MAPPING_NONE, TALLY_MAPPING_NATPMP,
                                                  TALLY_MAPPING_PCP};
    const struct lan_box box = {.nat = {.type = types[random_below(&scale->chance, 7)],
                                        .gateway = gateways[random_below(&scale->chance, 5)]}};
    char why[100];
    (void)lan_nat(&scale->world, (struct range){slot, slot}, &box, why, sizeof why);
}

static void places(struct scale *scale)
{
    const struct scale_options *options = scale->options;
    uint32_t nodes = options->world.nodes;
    uint32_t bootstraps = options->bootstraps < nodes ? options->bootstraps : nodes;
    uint32_t *named = memory_new(bootstraps, sizeof *named);
    for (uint32_t slot = 0; slot < bootstraps; slot++)
        named[slot] = slot;
    scale->world.bootstraps = named;
    scale->world.bootstrap_count = bootstraps;
    scale->world.network.link.loss = options->loss * PERCENT;
    for (uint32_t slot = 0; slot < nodes; slot++) {
        scale->world.slots[slot].profile = options->profile;
        if (slot >= bootstraps && random_below(&scale->chance, 100) < options->nat)
            home(scale, slot);
        if (slot >= bootstraps && random_below(&scale->chance, 100) < options->colluders)
            scale->world.slots[slot].lie = LIE_COLLUDE;
    }
}

static bool births(struct scale *scale)
{
    uint32_t nodes = scale->options->world.nodes;
    scale->phase = "birth";
    for (uint32_t slot = 0; slot < nodes; slot++) {
        if (!run_until(scale, (uint64_t)scale->options->birth_s * SECOND_US * slot / nodes))
            return false;
        world_wake(&scale->world, slot);
    }
    return run_until(scale, (uint64_t)scale->options->birth_s * SECOND_US);
}

/* An honest node that runs. */
static uint32_t somebody(struct scale *scale)
{
    for (;;) {
        uint32_t slot = random_below(&scale->chance, scale->options->world.nodes);
        if (world_counts(&scale->world, slot))
            return slot;
    }
}

/* ---- Figures. ---- */

static int double_order(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The values are sorted. */
static double quantile(const double *values, size_t count, double share)
{
    size_t at = (size_t)(share * (double)count);
    return values[at < count ? at : count - 1];
}

static void tell_overlay(const struct scale *scale, const char *when)
{
    struct overlay overlay;
    overlay_look(&scale->world, &overlay);
    bar_clear(scale);
    printf("overlay   %s: %" PRIu32 " nodes, %.3f %% in one part, %" PRIu32 " alone; %" PRIu32
           " to %" PRIu32 " links, median %" PRIu32 ", %" PRIu64 " to the dead\n",
           when, overlay.running, 100.0 * overlay.largest / (overlay.running + !overlay.running),
           overlay.alone, overlay.least, overlay.most, overlay.median, overlay.stale);
}

/* ---- Nothing to do. ---- */

static void tell_traffic(const struct scale *scale, double *before)
{
    uint32_t nodes = scale->options->world.nodes;
    for (uint32_t slot = 0; slot < nodes; slot++)
        before[slot] =
            ((double)scale->world.slots[slot].sent_bytes - before[slot]) / scale->options->idle_s;
    qsort(before, nodes, sizeof *before, double_order);
    printf("traffic   median %.0f, p99 %.0f, most %.0f bytes a second sent by an idle node\n",
           quantile(before, nodes, 0.5), quantile(before, nodes, 0.99), before[nodes - 1]);
}

static void on_idle(void *context, uint32_t slot, const struct tally_action *action)
{
    struct scale *scale = context;
    who_action(&scale->who, slot, action);
}

static bool idle(struct scale *scale)
{
    const struct scale_options *options = scale->options;
    uint32_t nodes = options->world.nodes;
    double *sent = memory_new(nodes, sizeof *sent);
    for (uint32_t slot = 0; slot < nodes; slot++)
        sent[slot] = (double)scale->world.slots[slot].sent_bytes;
    uint64_t events = scale->world.events;
    double begin = options->core_seconds();
    who_begin(&scale->who, &scale->world);
    scale->world.ear = (struct world_ear){scale, NULL, on_idle};
    bool good = run_for(scale, "idle", options->idle_s);
    scale->world.ear = (struct world_ear){.context = NULL};
    double seconds = options->core_seconds() - begin,
           count = (double)(scale->world.events - events);
    bar_clear(scale);
    printf("idle      %" PRIu32
           " s virtual in %.1f s of a core: %.2f times real time, %.2f million "
           "events a second, %.2f us each\n",
           options->idle_s, seconds, options->idle_s / seconds, count / seconds / 1e6,
           seconds / count * 1e6);
    tell_traffic(scale, sent);
    who_tell(&scale->who, scale->world.events - events, options->idle_s);
    memory_free(sent);
    return good;
}

/* ---- News. ---- */

static void heard(struct scale *scale, uint32_t slot)
{
    if (scale->heard_us[slot] != UINT64_MAX)
        return;
    scale->heard_us[slot] = scale->world.now_us - scale->begun_us;
    scale->heard++;
}

static void on_trace(void *context, uint32_t slot, const struct tally_trace *trace)
{
    struct scale *scale = context;
    if (trace->kind == TALLY_TRACE_SEALED && slot == scale->announcer && trace->a == scale->size)
        scale->begun_us = scale->world.now_us;
    /* The last lookup of that node before the answer is the one that was asked for. */
    for (uint32_t i = 0; trace->kind == TALLY_TRACE_LOOKUP && i < scale->find_count; i++)
        if (scale->finds[i].slot == slot && scale->finds[i].end_us == UINT64_MAX)
            scale->finds[i].messages = trace->a;
    if (trace->kind == TALLY_TRACE_AHEAD && trace->a == scale->size)
        heard(scale, slot);
    if (trace->kind == TALLY_TRACE_REVOKED && slot != scale->announcer &&
        key_equal(trace->peer, &scale->revoked))
        heard(scale, slot);
}

/* One node's log grows to a size no other log has, so that what is heard of it is known. */
static bool announce(struct scale *scale)
{
    uint32_t slot = somebody(scale);
    memset(scale->heard_us, 0xff, scale->options->world.nodes * sizeof *scale->heard_us);
    scale->announcer = slot;
    scale->size = ++scale->announced + 1;
    scale->heard = 0;
    for (uint32_t i = 0; i < scale->size; i++)
        world_append(&scale->world, slot, "scale", 60);
    world_seal(&scale->world, slot);
    scale->begun_us = scale->world.now_us;
    return run_for(scale, "announce", ANNOUNCE_S);
}

/* A node revokes its key: from then on nobody has a link with it. */
static bool end_key(struct scale *scale)
{
    uint32_t slot = somebody(scale);
    uint8_t body[FED_BODY_MAX];
    memset(scale->heard_us, 0xff, scale->options->world.nodes * sizeof *scale->heard_us);
    scale->announcer = slot;
    scale->revoked = scale->world.slots[slot].signer.key;
    scale->size = UINT64_MAX;
    scale->heard = 0;
    const struct fed_statement said = {.kind = FED_REVOKE_KEY, .party = scale->revoked};
    size_t size = fed_write(&said, body);
    const struct tally_command command = {
        .kind = TALLY_COMMAND_STATE,
        .state = {.type = bytes_text(fed_type(said.kind)), .body = bytes_of(body, size)}};
    scale->begun_us = scale->world.now_us;
    world_step(&scale->world, slot,
               &(struct tally_event){.kind = TALLY_EVENT_COMMAND, .command = command});
    return run_for(scale, "revoke", REVOKE_S);
}

/* So many pieces of news, one after the other; `since` is from when the times are. */
static bool news(struct scale *scale, const char *word, const char *since, uint32_t turns,
                 bool (*one)(struct scale *scale))
{
    uint32_t nodes = scale->options->world.nodes, running = 0;
    size_t count = 0;
    double *ms = memory_new((size_t)nodes * turns, sizeof *ms), least = 1;
    for (uint32_t slot = 0; slot < nodes; slot++)
        running += scale->world.slots[slot].node != NULL;
    for (uint32_t turn = 0; turn < turns; turn++) {
        if (!one(scale))
            break;
        for (uint32_t slot = 0; slot < nodes; slot++)
            if (scale->heard_us[slot] != UINT64_MAX)
                ms[count++] = (double)scale->heard_us[slot] / 1000;
        double share = (double)(scale->heard + 1) / running; /* Itself too. */
        least = share < least ? share : least;
    }
    qsort(ms, count, sizeof *ms, double_order);
    bar_clear(scale);
    if (count > 0)
        printf("%-9s %u heard by %.3f %%, the worst by %.3f %%: median %.0f, p99 %.0f, last "
               "%.0f ms after it was %s\n",
               word, turns, 100.0 * (double)(count + turns) / ((double)running * (double)turns),
               100 * least, quantile(ms, count, 0.5), quantile(ms, count, 0.99), ms[count - 1],
               since);
    else
        printf("%-9s heard by nobody\n", word);
    memory_free(ms);
    return !scale->world.checker.broken;
}

static bool announces(struct scale *scale)
{
    return news(scale, "announce", "sealed", scale->options->announces, announce);
}

static bool revocations(struct scale *scale)
{
    return news(scale, "revoke", "stated", scale->options->revocations, end_key);
}

/* ---- Lookups. ---- */

static void on_action(void *context, uint32_t slot, const struct tally_action *action)
{
    struct scale *scale = context;
    bool found = action->kind == TALLY_ACTION_FOUND, ended = action->kind == TALLY_ACTION_ANSWER;
    uint64_t ticket = found ? action->found.ticket : ended ? action->answer.ticket : 0;
    if (ticket < FIND_TICKETS || ticket - FIND_TICKETS >= scale->options->lookups)
        return;
    struct find *find = &scale->finds[ticket - FIND_TICKETS];
    if (ended && find->end_us == UINT64_MAX)
        find->end_us = scale->world.now_us - find->begun_us;
    if (!found || !key_equal(&action->found.key, &scale->world.slots[find->target].signer.key))
        return;
    if (find->first_us == UINT64_MAX)
        find->first_us = scale->world.now_us - find->begun_us;
    find->good = true;
}

static void find_begin(struct scale *scale, uint32_t turn)
{
    uint32_t slot = somebody(scale);
    struct find *find = &scale->finds[turn];
    *find = (struct find){.slot = slot,
                          .target = somebody(scale),
                          .begun_us = scale->world.now_us,
                          .first_us = UINT64_MAX,
                          .end_us = UINT64_MAX};
    world_step(&scale->world, slot,
               &(struct tally_event){
                   .kind = TALLY_EVENT_COMMAND,
                   .command = {.kind = TALLY_COMMAND_FIND,
                               .ticket = FIND_TICKETS + turn,
                               .find = {.peer = true,
                                        .key = scale->world.slots[find->target].signer.key}}});
}

enum find_figure { FIND_FIRST, FIND_END, FIND_MESSAGES };

/* Quantiles of one figure of the lookups that have it. */
static void tell_find(const struct scale *scale, const char *what, enum find_figure figure)
{
    double *values = memory_new(scale->find_count, sizeof *values);
    size_t count = 0;
    for (uint32_t i = 0; i < scale->find_count; i++) {
        const struct find *find = &scale->finds[i];
        uint64_t us = figure == FIND_FIRST ? find->first_us : find->end_us;
        if (figure == FIND_MESSAGES && find->messages > 0)
            values[count++] = (double)find->messages;
        else if (figure != FIND_MESSAGES && us != UINT64_MAX)
            values[count++] = (double)us / 1000;
    }
    qsort(values, count, sizeof *values, double_order);
    if (count > 0)
        printf("lookup    %s: median %.0f, p95 %.0f, most %.0f\n", what,
               quantile(values, count, 0.5), quantile(values, count, 0.95), values[count - 1]);
    memory_free(values);
}

static bool lookups(struct scale *scale)
{
    uint32_t count = scale->options->lookups, good = 0, ended = 0;
    uint64_t before = scale->world.network.sent;
    memory_free(scale->finds);
    scale->finds = memory_new(count, sizeof *scale->finds);
    scale->find_count = 0;
    /* Over some seconds, so that they do not meet in time. */
    scale->phase = "lookups";
    for (uint32_t i = 0; i < count; i++) {
        if (!run_until(scale, scale->world.now_us + 5 * (uint64_t)SECOND_US / count))
            return false;
        find_begin(scale, i);
        scale->find_count = i + 1;
    }
    bool holds = run_for(scale, "lookups", LOOKUP_S);
    for (uint32_t i = 0; i < count; i++) {
        good += scale->finds[i].good;
        ended += scale->finds[i].end_us != UINT64_MAX;
    }
    bar_clear(scale);
    printf("lookup    %" PRIu32 " of %" PRIu32 " found, %" PRIu32 " ended; %" PRIu64
           " datagrams meanwhile\n",
           good, count, ended, scale->world.network.sent - before);
    tell_find(scale, "ms to the first result", FIND_FIRST);
    tell_find(scale, "ms to the end", FIND_END);
    tell_find(scale, "messages", FIND_MESSAGES);
    return holds;
}

/* ---- Many vanish. ---- */

static bool vanish(struct scale *scale)
{
    uint32_t nodes = scale->options->world.nodes;
    for (uint32_t slot = 0; slot < nodes; slot++)
        if (random_below(&scale->chance, 100) < scale->options->vanish)
            world_crash(&scale->world, slot);
    tell_overlay(scale, "at once");
    for (uint32_t look = 1; look <= HEAL_LOOKS; look++) {
        char when[32];
        if (!run_for(scale, "heal", HEAL_S / HEAL_LOOKS))
            return false;
        snprintf(when, sizeof when, "after %u s", look * (HEAL_S / HEAL_LOOKS));
        tell_overlay(scale, when);
    }
    return true;
}

/* ---- All of it. ---- */

static bool measures(struct scale *scale)
{
    const struct scale_options *options = scale->options;
    scale->world.ear = (struct world_ear){scale, on_trace, on_action};
    scale->heard_us = memory_new(options->world.nodes, sizeof *scale->heard_us);
    if ((options->announces > 0 && !announces(scale)) || (options->lookups > 0 && !lookups(scale)))
        return false;
    if (options->revocations > 0 && !revocations(scale))
        return false;
    if (options->vanish == 0)
        return true;
    if (!vanish(scale))
        return false;
    return (options->announces == 0 || announces(scale)) &&
           (options->lookups == 0 || lookups(scale));
}

static uint64_t whole_us(const struct scale_options *options)
{
    uint64_t twice = options->vanish > 0 ? 2 : 1;
    uint64_t seconds = options->birth_s + options->settle_s + options->idle_s;
    seconds += twice * options->announces * ANNOUNCE_S;
    seconds += options->revocations * REVOKE_S;
    seconds += options->lookups > 0 ? twice * (LOOKUP_S + 5) : 0;
    return (seconds + (options->vanish > 0 ? HEAL_S : 0)) * SECOND_US;
}

bool scale_run(const struct scale_options *options)
{
    struct scale *scale = memory_new(1, sizeof *scale);
    double empty = resident();
    uint32_t nodes = options->world.nodes;
    scale->options = options;
    scale->terminal = isatty(STDERR_FILENO) != 0;
    scale->begin = options->seconds();
    scale->whole_us = whole_us(options);
    scale->chance.state = options->world.seed ^ 0x7363616c65;
    world_init(&scale->world, &options->world);
    /* What nodes share is there now. */
    slab_begin();
    scale->world.transcript.light = true;
    scale->world.checker.light = true;
    scale->world.checker.every = CHECKER_EVERY_LIGHT;
    places(scale);
    bool good = births(scale);
    double born = options->core_seconds();
    good = good && run_for(scale, "settle", options->settle_s);
    bar_clear(scale);
    printf("%" PRIu32 " nodes born in %.1f s of a core, settled after %.1f s\n", nodes, born,
           options->core_seconds());
    good = good && idle(scale);
    double bytes = resident() - empty, virtual = (double)scale->world.now_us / SECOND_US;
    printf("whole     %.0f s virtual in %.1f s of a core: %.2f times real time\n", virtual,
           options->core_seconds(), virtual / options->core_seconds());
    printf("memory    %.1f kB a node, %.2f GB in all\n", bytes / nodes / 1e3, bytes / 1e9);
    tell_overlay(scale, "at rest");
    good = good && measures(scale);
    bar_clear(scale);
    char id[33];
    transcript_id(&scale->world.transcript, id);
    printf("id        %s\n", id);
    if (!good)
        printf("%s\n", scale->world.checker.message);
    slab_end();
    world_free(&scale->world);
    memory_free(scale->heard_us);
    memory_free(scale->finds);
    memory_free(scale);
    return good;
}
