/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_SAY_H
#define CMD_SAY_H
/* A statement on its way: through the running node, or by one of our own where none runs. */
#include "cmd/call.h"
#include "cmd/door.h"
#include "core/federation/words.h"

/* Reads --note; false: it was said why not, and *code is the exit code. */
bool say_note(struct call *call, struct tally_bytes *note, enum exit_code *code);

/* States it, and waits until it is durable: DONE, or it was said why not. */
enum exit_code say(struct call *call, const struct fed_statement *said, const char *data,
                   struct door_answer *answer);

#endif
