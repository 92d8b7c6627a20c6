/* SPDX-License-Identifier: Apache-2.0 */
#include "figures.h"
#include "core/base/bytes.h"
#include "figures_inside.h"
#include "memory.h"

enum {
    STEP_US = 100000, /* Between two samples, at first; and while a heal is waited for. */
};

uint32_t figures_rows(const struct figures *figures)
{
    return figures->node_count < FIGURES_ROWS ? figures->node_count : FIGURES_ROWS;
}

uint32_t figures_row_first(const struct figures *figures, uint32_t row)
{
    return (uint32_t)((uint64_t)row * figures->node_count / figures_rows(figures));
}

/* ---- Samples. ---- */

/* Users' receipts of honest issuers on one disk: all, or only its own. */
static uint64_t receipts_on(const struct world *world, uint32_t slot, bool own)
{
    const struct disk *disk = &world->slots[slot].disk;
    uint64_t count = 0;
    for (size_t i = 0; i < disk->log_count; i++) {
        const struct disk_log *log = disk->logs[i];
        uint32_t issuer;
        if ((log->own || !own) && strcmp(log->name_space, "federation") != 0 &&
            world_find(world, &log->issuer, &issuer) && world->slots[issuer].lie == LIE_NONE)
            count += simtree_size(&log->tree);
    }
    return count;
}

static uint8_t row_held(const struct figures *figures, uint32_t row, uint64_t receipts)
{
    const struct world *world = figures->world;
    uint32_t first = figures_row_first(figures, row), end = figures_row_first(figures, row + 1);
    uint64_t held = 0, up = 0;
    for (uint32_t slot = first; slot < end; slot++)
        if (world->slots[slot].node != NULL) {
            held += receipts_on(world, slot, false);
            up++;
        }
    if (up == 0)
        return FIGURES_DOWN;
    if (receipts == 0)
        return 100;
    uint64_t percent = held * 100 / (receipts * up);
    return (uint8_t)(percent < 100 ? percent : 100);
}

static void sample(struct figures *figures)
{
    const struct world *world = figures->world;
    struct figure_sample *now = &figures->samples[figures->sample_count++];
    memset(now, 0, sizeof *now);
    now->us = world->now_us;
    memcpy(now->drops, figures->drops, sizeof now->drops);
    for (uint32_t slot = 0; slot < world->options.nodes; slot++) {
        const struct slot *at = &world->slots[slot];
        now->receipts += at->lie == LIE_NONE ? receipts_on(world, slot, true) : 0;
        now->up += at->node != NULL;
        if (at->node != NULL) {
            struct tally_node_status status;
            tally_node_status(at->node, &status);
            now->links += status.links;
        }
    }
    for (uint32_t slot = 0; slot < world->count; slot++) {
        now->datagram_bytes += figures->nodes[slot].datagram_bytes;
        now->stream_bytes += figures->nodes[slot].stream_bytes;
        now->multicast_bytes += figures->nodes[slot].multicast_bytes;
    }
    for (uint32_t row = 0; row < figures_rows(figures); row++)
        now->held[row] = row_held(figures, row, now->receipts);
}

/* Every second one is enough for a story that lasts. */
static void thin_out(struct figures *figures)
{
    size_t kept = 0;
    for (size_t i = 0; i < figures->sample_count; i += 2)
        figures->samples[kept++] = figures->samples[i];
    figures->sample_count = kept;
    figures->step_us *= 2;
}

static uint64_t on_pulse(void *context)
{
    struct figures *figures = context;
    uint64_t now_us = figures->world->now_us;
    size_t count = figures->sample_count;
    bool heals = figures_heal_look(figures);
    if (count == FIGURES_SAMPLES) {
        thin_out(figures);
        count = figures->sample_count;
    }
    uint64_t due_us = count > 0 ? figures->samples[count - 1].us + figures->step_us : 0;
    if (now_us >= due_us) {
        sample(figures);
        due_us = now_us + figures->step_us;
    }
    return heals && now_us + STEP_US < due_us ? now_us + STEP_US : due_us;
}

/* ---- What nodes do. ---- */

static void on_trace(void *context, uint32_t slot, const struct tally_trace *trace)
{
    struct figures *figures = context;
    if (trace->drop != TALLY_DROP_NONE) {
        figures->drops[trace->drop]++;
        figures->nodes[slot].drops++;
    }
    figures->nodes[slot].syncs += trace->kind == TALLY_TRACE_SYNCED;
    figures->nodes[slot].confirms += trace->kind == TALLY_TRACE_CONFIRMED;
    figures_trace(figures, slot, trace);
}

static void on_action(void *context, uint32_t slot, const struct tally_action *action)
{
    struct figures *figures = context;
    struct figure_node *node = &figures->nodes[slot];
    if (action->kind == TALLY_ACTION_SEND) {
        node->datagram_bytes += action->send.bytes.size + UDP_HEADERS;
        node->datagrams++;
    } else if (action->kind == TALLY_ACTION_WRITE) {
        node->stream_bytes += action->write.bytes.size + TCP_HEADERS;
    } else if (action->kind == TALLY_ACTION_MULTICAST) {
        node->multicast_bytes += action->multicast.bytes.size + UDP_HEADERS;
    }
}

/* ---- What the story does. ---- */

static bool calms(const struct link_change *link)
{
    return link->values.loss + link->values.duplicate + link->values.corrupt + link->values.replay +
                   link->values.reorder ==
               0 &&
           !link->rate && !link->mtu && !link->delay;
}

static enum figure_mark_kind mark_kind(const struct line *line)
{
    switch (line->verb) {
    case VERB_APPEND:
    case VERB_SEAL:
    case VERB_STATE:
        return MARK_USER;
    case VERB_HEAL:
    case VERB_RESTART:
    case VERB_JOIN:
        return MARK_REPAIR;
    case VERB_LIE:
        return MARK_LIAR;
    case VERB_NAT:
    case VERB_LAN:
    case VERB_MOVE:
    case VERB_PROFILE:
    case VERB_BOOTSTRAP:
    case VERB_DOMAIN:
        return MARK_PLACE;
    case VERB_LINK:
        return calms(&line->link) ? MARK_REPAIR : MARK_FAULT;
    case VERB_CLOCK:
    case VERB_DISK:
    case VERB_PARTITION:
    case VERB_CUT:
    case VERB_CRASH:
    case VERB_SUSPEND:
    case VERB_STEP:
    case VERB_LEAVE:
    case VERB_BACKUP:
    case VERB_RESTORE:
    case VERB_RECOVER:
    case VERB_GATEWAY:
    case VERB_FLAP:
    case VERB_EXPECT:
        break;
    }
    return MARK_FAULT;
}

static void on_act(void *context, const struct line *line)
{
    struct figures *figures = context;
    const struct network *network = &figures->world->network;
    if (!line->timed || line->verb == VERB_EXPECT)
        return;
    if (line->verb == VERB_HEAL &&
        (network->islands != NULL || network->cut_count > 0 || network->flap_count > 0))
        figures_heal_begin(figures);
    for (uint32_t slot = line->who.from;
         line->verb == VERB_LIE && (line->lie == LIE_FORK || line->lie == LIE_REWRITE) &&
         slot <= line->who.to;
         slot++)
        figures_lie(figures, slot);
    if (figures->mark_count == FIGURES_MARKS) {
        figures->marks_left_out++;
        return;
    }
    figures->marks = memory_room(figures->marks, &figures->mark_capacity, figures->mark_count + 1,
                                 sizeof *figures->marks);
    figures->marks[figures->mark_count++] = (struct figure_mark){
        .us = figures->world->now_us,
        .kind = mark_kind(line),
        .divides =
            line->verb == VERB_PARTITION || line->verb == VERB_CUT || line->verb == VERB_FLAP,
        .heals = line->verb == VERB_HEAL,
        .text = line->text,
    };
}

static void on_begin(void *context, struct world *world)
{
    struct figures *figures = context;
    figures->world = world;
    figures->node_count = world->options.nodes;
    figures->nodes = memory_new(world->capacity, sizeof *figures->nodes);
    world->ear = (struct world_ear){figures, on_trace, on_action};
}

static void on_end(void *context)
{
    struct figures *figures = context;
    figures_heal_look(figures);
    if (figures->sample_count == FIGURES_SAMPLES)
        thin_out(figures);
    sample(figures);
    figures_sum(figures);
    figures->slot_count = figures->world->count;
    for (uint32_t slot = 0; slot < figures->slot_count; slot++)
        figures->nodes[slot].shown = figures->world->slots[slot].shown;
    figures->world = NULL;
}

void figures_init(struct figures *figures)
{
    memset(figures, 0, sizeof *figures);
    figures->step_us = STEP_US;
    figures->samples = memory_new(FIGURES_SAMPLES, sizeof *figures->samples);
    figures->observer = (struct story_observer){
        .context = figures,
        .begin = on_begin,
        .act = on_act,
        .pulse = on_pulse,
        .end = on_end,
    };
}

void figures_free(struct figures *figures)
{
    figures_measured_free(figures);
    memory_free(figures->samples);
    memory_free(figures->marks);
    memory_free(figures->nodes);
    memset(figures, 0, sizeof *figures);
}
