/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SWARM_H
#define SIM_SWARM_H
/*
 * Stories nobody wrote. A seed draws one, and it is written down as a scenario before it is run:
 * so a find is replayed from its text, although the drawing has changed since.
 */
#include <stddef.h>
#include <stdint.h>

enum { SWARM_TEXT_MAX = 8192 };

/* Writes the story of a seed, NUL-terminated. */
void swarm_draw(uint64_t seed, char text[SWARM_TEXT_MAX]);

#endif
