/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/replay.h"

#include <assert.h>
#include <string.h>

void replay_reset(struct replay *replay)
{
    replay->next = 0;
    memset(replay->bits, 0, replay->words * sizeof *replay->bits);
}

bool replay_fresh(const struct replay *replay, uint64_t counter)
{
    if (counter == UINT64_MAX)
        return false;
    if (counter >= replay->next)
        return true;
    if (replay->next - counter > (replay->words - 1) * UINT64_C(64))
        return false;
    return (replay->bits[counter / 64 % replay->words] >> counter % 64 & 1) == 0;
}

void replay_take(struct replay *replay, uint64_t counter)
{
    assert(replay_fresh(replay, counter));
    if (counter >= replay->next) {
        /* Clear the words that the window enters now; the one of next - 1 is in use already. */
        uint64_t from = replay->next == 0 ? 0 : (replay->next - 1) / 64 + 1;
        uint64_t to = counter / 64;
        if (to >= from && to - from >= replay->words)
            from = to - replay->words + 1;
        for (uint64_t word = from; word <= to; word++)
            replay->bits[word % replay->words] = 0;
        replay->next = counter + 1;
    }
    replay->bits[counter / 64 % replay->words] |= UINT64_C(1) << counter % 64;
}
