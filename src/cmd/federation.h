/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_FEDERATION_H
#define CMD_FEDERATION_H
/* How parties are shown. */
#include "core/federation/fold.h"
#include <jansson.h>

/* One line: id, state, level, roles. */
void federation_print(const struct tally_party *party);

/* party, peer_id, state, level, roles. */
json_t *federation_object(const struct tally_party *party);

/* mode, strict, hash: of all. */
json_t *federation_mode(const struct fold *fold);

#endif
