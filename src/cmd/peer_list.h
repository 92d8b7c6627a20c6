/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_PEER_LIST_H
#define CMD_PEER_LIST_H
/* Peers an operator names: --peer /ip4/192.0.2.1/udp/4001/p2p/12D3KooW... */
#include "cmd/call.h"
#include "tally/limits.h"
#include "tally/types.h"

enum { PEER_LIST_MAX = TALLY_LINKS_MAX }; /* As many as one is linked with. */

struct peer_list {
    struct {
        struct tally_key key;
        struct tally_address address;
    } list[PEER_LIST_MAX];
    size_t count;
};

/* Reads all --peer; false if one is wrong, which was said with what is expected instead. */
bool peer_list_read(struct call *call, struct peer_list *peers, enum exit_code *code);

#endif
