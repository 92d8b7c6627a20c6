/* SPDX-License-Identifier: Apache-2.0 */
#include "who.h"
#include "core/wire/messages.h"
#include "memory.h"
#include <inttypes.h>
#include <stdio.h>

enum { HEADERS = 28, TOLD = 6 };

void who_begin(struct who *who, uint32_t nodes)
{
    who->nodes = nodes;
    who->bytes = memory_new((size_t)nodes * WHO_KINDS, sizeof *who->bytes);
}

void who_action(struct who *who, uint32_t slot, const struct tally_action *action)
{
    if (action->kind != TALLY_ACTION_SEND || slot >= who->nodes)
        return;
    /* version, kind: protocols 2.1 */
    size_t kind = action->send.bytes.data[2] % WHO_KINDS;
    who->bytes[(size_t)slot * WHO_KINDS + kind] += (uint32_t)action->send.bytes.size + HEADERS;
}

static uint32_t most(const struct who *who)
{
    uint64_t best = 0;
    uint32_t found = 0;
    for (uint32_t slot = 0; slot < who->nodes; slot++) {
        uint64_t sum = 0;
        for (size_t kind = 0; kind < WHO_KINDS; kind++)
            sum += who->bytes[(size_t)slot * WHO_KINDS + kind];
        if (sum <= best)
            continue;
        best = sum;
        found = slot;
    }
    return found;
}

void who_tell(struct who *who, uint32_t seconds)
{
    uint32_t slot = most(who);
    uint32_t *bytes = &who->bytes[(size_t)slot * WHO_KINDS];
    printf("traffic   most by n%" PRIu32 ":", slot + 1);
    for (unsigned told = 0; told < TOLD; told++) {
        size_t kind = 0;
        for (size_t i = 1; i < WHO_KINDS; i++)
            kind = bytes[i] > bytes[kind] ? i : kind;
        if (bytes[kind] == 0)
            break;
        printf("%s %s %" PRIu32, told > 0 ? "," : "", tally_kind_name((uint32_t)kind),
               bytes[kind] / seconds);
        bytes[kind] = 0;
    }
    printf(" bytes a second\n");
    memory_free(who->bytes);
}
