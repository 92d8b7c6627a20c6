/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SHRINK_FAIR_H
#define SIM_SHRINK_FAIR_H
/* What a smaller story must keep, so that only a core that is broken fails it. */
#include "scenario.h"

/* Keeps also the lines that end what the kept ones begin: a heal, a restart, the last word on a
   link; and whom nodes are told of, without whom they cannot find each other. The scenario was read
   from a bare text of `count` lines. */
void shrink_fair(const struct scenario *scenario, bool *kept, size_t count);

/* Whether a smaller story is as fair as the first one was in what is between its lines: no clocks
   are further apart, and whoever stands in DNS hears of the others. */
bool shrink_is_fair(const struct scenario *scenario, const struct scenario *first);

#endif
