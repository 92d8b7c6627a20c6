/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nat/quota.h"

#include "core/base/bytes.h"

bool quota_take(struct quota *quota, const struct tally_key *who, struct pace_rate rate,
                struct tally_mono now)
{
    size_t place = QUOTA_PLACES;
    uint64_t hint = be64_read(who->bytes);
    for (size_t i = 0; i < QUOTA_PLACES; i++) {
        if (quota->places[i].pace.until_ms <= now.ms)
            place = place == QUOTA_PLACES ? i : place;
        else if (quota->places[i].who == hint)
            return pace_take(&quota->places[i].pace, rate, now);
    }
    if (place == QUOTA_PLACES)
        return false;
    quota->places[place].who = hint;
    quota->places[place].pace = (struct pace){0};
    return pace_take(&quota->places[place].pace, rate, now);
}
