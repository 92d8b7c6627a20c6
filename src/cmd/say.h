/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_SAY_H
#define CMD_SAY_H
/* One command for the node of a data directory, answered. */
#include "cmd/call.h"
#include "cmd/door.h"

/* Gives it to the running node, or to one of our own for the length of the call, and waits. False:
   it was said why, as «what: ...», and *code is the exit code. The answer's origin is not kept. */
bool say_one(struct call *call, const char *data, const char *what,
             const struct tally_command *command, struct door_answer *answer, enum exit_code *code);

/* Whether it may be done: --yes was given, or a person says so. False: *code is the exit code. */
bool say_sure(struct call *call, const char *question, enum exit_code *code);

#endif
