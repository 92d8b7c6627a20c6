/* SPDX-License-Identifier: Apache-2.0 */
#include "who.h"
#include "core/wire/messages.h"
#include "memory.h"
#include <inttypes.h>
#include <stdio.h>

enum { HEADERS = 28, TOLD = 6 };

/* Among those that sent most until now are those that will. */
static void watch(struct who *who, uint32_t slot, uint64_t sent)
{
    uint32_t least = 0;
    if (who->watched < WHO_WATCHED) {
        least = who->watched++;
    } else {
        for (uint32_t i = 1; i < WHO_WATCHED; i++)
            if (who->rows[i].before < who->rows[least].before)
                least = i;
        if (who->rows[least].before >= sent)
            return;
        who->row_of[who->rows[least].slot] = 0;
    }
    who->rows[least].slot = slot;
    who->rows[least].before = sent;
    who->row_of[slot] = (uint8_t)(least + 1);
}

void who_begin(struct who *who, const struct world *world)
{
    *who = (struct who){.nodes = world->options.nodes};
    who->row_of = memory_new(who->nodes, sizeof *who->row_of);
    for (uint32_t slot = 0; slot < who->nodes; slot++)
        watch(who, slot, world->slots[slot].sent_bytes);
}

void who_action(struct who *who, uint32_t slot, const struct tally_action *action)
{
    if (action->kind != TALLY_ACTION_SEND || slot >= who->nodes)
        return;
    /* version, kind: protocols 2.1 */
    size_t kind = action->send.bytes.data[2] % WHO_KINDS;
    who->datagrams[kind]++;
    if (who->row_of[slot] != 0)
        who->rows[who->row_of[slot] - 1].bytes[kind] += action->send.bytes.size + HEADERS;
}

/* The kind of which there is most, and which is not told yet. */
static size_t most_of(const uint64_t counts[WHO_KINDS])
{
    size_t kind = 0;
    for (size_t i = 1; i < WHO_KINDS; i++)
        kind = counts[i] > counts[kind] ? i : kind;
    return kind;
}

/* Says the next kind, and takes how much there is of it; false: that was all. */
static bool tell_kind(uint64_t counts[WHO_KINDS], unsigned told, uint64_t *count)
{
    size_t kind = most_of(counts);
    *count = counts[kind];
    if (told == TOLD || *count == 0)
        return false;
    printf("%s %s", told > 0 ? "," : "", tally_kind_name((uint32_t)kind));
    counts[kind] = 0;
    return true;
}

static struct who_row *most(struct who *who)
{
    uint64_t best = 0;
    struct who_row *found = &who->rows[0];
    for (uint32_t i = 0; i < who->watched; i++) {
        uint64_t sum = 0;
        for (size_t kind = 0; kind < WHO_KINDS; kind++)
            sum += who->rows[i].bytes[kind];
        if (sum <= best)
            continue;
        best = sum;
        found = &who->rows[i];
    }
    return found;
}

void who_tell(struct who *who, uint64_t steps, uint32_t seconds)
{
    double all = (double)who->nodes * seconds;
    uint64_t count;
    printf("events    %.3f a node and second; datagrams:", (double)steps / all);
    for (unsigned told = 0; tell_kind(who->datagrams, told, &count); told++)
        printf(" %.3f", (double)count / all);
    struct who_row *row = most(who);
    printf("\ntraffic   most by n%" PRIu32 ":", row->slot + 1);
    for (unsigned told = 0; tell_kind(row->bytes, told, &count); told++)
        printf(" %" PRIu64, count / seconds);
    printf(" bytes a second\n");
    memory_free(who->row_of);
}
