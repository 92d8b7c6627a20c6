/* SPDX-License-Identifier: Apache-2.0 */
/* tally/sim.h over story.h: what a program outside may ask of a world. */
#include "core/base/bytes.h"
#include "expect.h"
#include "memory.h"
#include "sheet.h"
#include "story.h"
#include "tally/sim.h"
#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

struct tally_sim {
    struct scenario scenario;
    struct story *story;
    struct scenario **said; /* Lines that came later; the story keeps pointers to them. */
    size_t said_count, said_capacity;
};

static const char name[] = "story";

struct tally_sim *tally_sim_new(const char *story, char *message, size_t size)
{
    if (sodium_init() < 0) {
        snprintf(message, size, "libsodium does not start");
        return NULL;
    }
    struct tally_sim *sim = memory_new(1, sizeof *sim);
    if (!scenario_read(&sim->scenario, name, story, message, size)) {
        memory_free(sim);
        return NULL;
    }
    sim->story = story_new(&sim->scenario, name, &(struct story_options){0});
    return sim;
}

void tally_sim_free(struct tally_sim *sim)
{
    story_free(sim->story);
    for (size_t i = 0; i < sim->said_count; i++) {
        scenario_free(sim->said[i]);
        memory_free(sim->said[i]);
    }
    memory_free(sim->said);
    scenario_free(&sim->scenario);
    memory_free(sim);
}

static struct world *world_of(const struct tally_sim *sim)
{
    return story_world(sim->story);
}

static uint32_t slot_of(const struct tally_sim *sim, unsigned node)
{
    assert(node >= 1 && node <= sim->scenario.options.nodes);
    return node - 1;
}

bool tally_sim_run(struct tally_sim *sim, uint64_t until_us)
{
    (void)story_play(sim->story, until_us);
    return !story_failed(sim->story);
}

uint64_t tally_sim_now(const struct tally_sim *sim)
{
    return world_of(sim)->now_us;
}

/* A line as it would stand in a story of this world; NULL if it is none. */
static struct scenario *line_read(const struct tally_sim *sim, const char *before, const char *line,
                                  char *message, size_t size)
{
    struct scenario *scenario = memory_new(1, sizeof *scenario);
    struct sheet sheet = {0};
    char words[256] = "";
    sheet_put(&sheet, "nodes %u\nat 0 %s%s\n", (unsigned)sim->scenario.options.nodes, before, line);
    bool good = scenario_read(scenario, "", sheet.text, words, sizeof words);
    sheet_free(&sheet);
    if (good && scenario->count == 1)
        return scenario;
    const char *colon = strstr(words, ": "); /* Which line of what: there is one only. */
    snprintf(message, size, "%s", good ? "one line at a time" : colon != NULL ? colon + 2 : words);
    if (good)
        scenario_free(scenario);
    memory_free(scenario);
    return NULL;
}

bool tally_sim_do(struct tally_sim *sim, const char *action, char *message, size_t size)
{
    struct scenario *scenario = line_read(sim, "", action, message, size);
    if (scenario == NULL)
        return false;
    sim->said = memory_room(sim->said, &sim->said_capacity, sim->said_count + 1, sizeof *sim->said);
    sim->said[sim->said_count++] = scenario;
    story_act(sim->story, &scenario->lines[0]);
    return true;
}

bool tally_sim_is(struct tally_sim *sim, const char *condition, char *message, size_t size)
{
    char why[200];
    struct scenario *scenario = line_read(sim, "expect ", condition, message, size);
    if (scenario == NULL)
        return false;
    const struct line *line = &scenario->lines[0];
    struct excuses excuses;
    bool is = expect_is(world_of(sim), line, &excuses, why, sizeof why) != line->negated;
    snprintf(message, size, "%s", is ? "" : why);
    scenario_free(scenario);
    memory_free(scenario);
    return is;
}

void tally_sim_append(struct tally_sim *sim, unsigned node, const char *name_space, unsigned count,
                      unsigned body_size)
{
    for (unsigned i = 0; i < count; i++)
        world_append(world_of(sim), slot_of(sim, node), name_space, body_size);
}

bool tally_sim_head(const struct tally_sim *sim, unsigned node, unsigned issuer,
                    const char *name_space, struct tally_sim_head *head)
{
    const struct world *world = world_of(sim);
    const struct disk *disk = &world->slots[slot_of(sim, node)].disk;
    const struct tally_key *key = &world->slots[slot_of(sim, issuer)].signer.key;
    *head = (struct tally_sim_head){.receipts = 0};
    for (size_t i = 0; i < disk->log_count; i++) {
        const struct disk_log *log = disk->logs[i];
        if (!key_equal(&log->issuer, key) || strcmp(log->name_space, name_space) != 0)
            continue;
        *head = (struct tally_sim_head){simtree_size(&log->tree), log->size, log->root};
        return log->size > 0;
    }
    return false;
}

bool tally_sim_runs(const struct tally_sim *sim, unsigned node)
{
    return world_of(sim)->slots[slot_of(sim, node)].node != NULL;
}

uint64_t tally_sim_sent(const struct tally_sim *sim, unsigned node)
{
    return world_of(sim)->slots[slot_of(sim, node)].sent_bytes;
}

bool tally_sim_verdict(struct tally_sim *sim, char *message, size_t size)
{
    struct story_end end;
    story_finish(sim->story, &end);
    memory_free(end.text);
    snprintf(message, size, "%s", end.good ? "all is well" : end.message);
    return end.good;
}

void tally_sim_id(const struct tally_sim *sim, char id[33])
{
    transcript_id(&world_of(sim)->transcript, id);
}
