/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SCENARIO_READ_H
#define SIM_SCENARIO_READ_H
/* Parts of the reader of stories; each reads the rest of a line whose first word it knows. */
#include "scenario_words.h"

/* Places and whom an operator names: nat, lan, move, gateway, profile, bootstrap, domain, flap.
   False if the line begins with none of them. */
bool scenario_read_place(struct words *words, struct line *line);

/* What nodes state of whom they trust: admit, level, withdraw, mode. False if it is none of them.
 */
bool scenario_read_trust(struct words *words, struct line *line);

/* What follows the word `expect`. */
void scenario_read_expect(struct words *words, struct line *line);

#endif
