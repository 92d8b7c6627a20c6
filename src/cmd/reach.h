/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_REACH_H
#define CMD_REACH_H
/* Whether others get through to a node, for people: a part of tally status and tally doctor. */
#include <jansson.h>

/* Lines of «address» and «nat». */
void reach_print(const json_t *answer);

#endif
