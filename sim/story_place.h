/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_STORY_PLACE_H
#define SIM_STORY_PLACE_H
/* The lines of a story that say where nodes are, and whom their operators name. */
#include "scenario.h"

/* False with a sentence if it cannot be. */
bool story_place(struct world *world, const struct line *line, char *why, size_t size);

#endif
