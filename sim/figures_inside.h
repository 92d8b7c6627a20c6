/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_FIGURES_INSIDE_H
#define SIM_FIGURES_INSIDE_H
/* What is measured from what nodes say: seals, heals, forks. */
#include "figures.h"

void figures_trace(struct figures *figures, uint32_t slot, const struct tally_trace *trace);

/* A heal comes: what is known anywhere now is to be known everywhere. */
void figures_heal_begin(struct figures *figures);

/* Whether one is waited for; looks whether it is done. */
bool figures_heal_look(struct figures *figures);

void figures_lie(struct figures *figures, uint32_t slot);

/* The spreads over all seals, at the end. */
void figures_sum(struct figures *figures);

void figures_measured_free(struct figures *figures);

#endif
