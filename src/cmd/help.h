/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_HELP_H
#define CMD_HELP_H
/* Help and the man page, both from the table of verbs. */
#include "cmd/call.h"
#include <stdio.h>

void help_overview(FILE *file);
void help_verb(FILE *file, const struct verb *verb);

/* tally(1) in roff. */
void help_man(FILE *file);

#endif
