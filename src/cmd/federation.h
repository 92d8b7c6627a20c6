/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_FEDERATION_H
#define CMD_FEDERATION_H
/* How parties are shown. */
#include "cmd/call.h"
#include "cmd/door.h"
#include "core/federation/fold.h"
#include <jansson.h>

/* One line: id, state, level, roles. */
void federation_print(const struct tally_party *party);

/* party, peer_id, state, level, roles. */
json_t *federation_object(const struct tally_party *party);

/* mode, strict, hash: of all. */
json_t *federation_mode(const struct fold *fold);

/* Which proposals a party answers: "closed", "from verify, mutual", "" of NULL. */
enum { RECEPTION_TEXT = 32 };
void reception_text(const struct reception *reception, char text[RECEPTION_TEXT]);
/* The same for programs; null of NULL. */
json_t *reception_object(const struct reception *reception);

/* Makes a statement, by the running node or where none runs by ourselves. Other than DONE: it was
   said why not. */
enum exit_code federation_state(struct call *call, const char *data,
                                const struct fed_statement *said, struct door_answer *answer);

/* tally witness add, remove of a party. */
enum exit_code federation_witness(struct call *call, bool asked);

/* --note into the statement; false: it was said what is wrong. */
bool federation_note(struct call *call, const char *option, struct fed_statement *said,
                     enum exit_code *code);

#endif
