/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_SAY_H
#define CMD_SAY_H
/* One command, or statement, for the node of a data directory, answered: the running one, or one of
   our own for the length of the call where none runs. */
#include "cmd/call.h"
#include "cmd/door.h"
#include "core/federation/words.h"

/* Reads --note; false: it was said why not, and *code is the exit code. */
bool say_note(struct call *call, struct tally_bytes *note, enum exit_code *code);

/* States it, and waits until it is durable: DONE, or it was said why not. */
enum exit_code say(struct call *call, const struct fed_statement *said, const char *data,
                   struct door_answer *answer);

/* Gives a command, and waits. False: it was said why, as «what: ...», and *code is the exit code.
   The answer's origin is not kept. */
bool say_one(struct call *call, const char *data, const char *what,
             const struct tally_command *command, struct door_answer *answer, enum exit_code *code);

/* Whether it may be done: --yes was given, or a person says so. False: *code is the exit code. */
bool say_sure(struct call *call, const char *question, enum exit_code *code);

#endif
