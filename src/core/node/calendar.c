/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node/calendar.h"

void calendar_start(struct calendar *calendar, struct tally_now now)
{
    *calendar = (struct calendar){.begun = now.mono};
}

void calendar_look(struct calendar *calendar, struct tally_now now, size_t known, size_t agreeing)
{
    calendar->disputed = known > 0 && agreeing * 2 <= known;
    if (known == 0 || calendar->disputed)
        return;
    calendar->confirmed = true;
    calendar->at = now;
}

struct tally_wall calendar_latest(const struct calendar *calendar, struct tally_now now,
                                  struct tally_wall newest)
{
    const struct tally_wall from = calendar->confirmed ? calendar->at.wall : newest;
    uint64_t since = calendar->confirmed ? calendar->at.mono.ms : calendar->begun.ms;
    int64_t counted_us = (int64_t)(now.mono.ms - since) * 1000;
    if (from.us >= now.wall.us - counted_us)
        return now.wall;
    return (struct tally_wall){from.us + counted_us};
}
