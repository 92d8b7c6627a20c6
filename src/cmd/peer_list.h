/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_PEER_LIST_H
#define CMD_PEER_LIST_H
/*
 * Whom an operator names: peers that are to be linked with (--peer /ip4/192.0.2.1/udp/4001/p2p/
 * 12D3KooW...), and whom to find others by (--bootstrap, the same with or without /p2p/, or
 * dns:example.org).
 */
#include "cmd/call.h"
#include "host/uv/host.h"
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

struct bootstrap_list {
    struct host_bootstrap list[HOST_BOOTSTRAPS_MAX];
    size_t count;
};

/* Reads all --bootstrap; false if one is wrong, which was said. Names are looked up later. */
bool bootstrap_list_read(struct call *call, struct bootstrap_list *bootstraps,
                         enum exit_code *code);

/* Reads all --peer; false if one is wrong, which was said with what is expected instead. */
bool peer_list_read(struct call *call, struct peer_list *peers, enum exit_code *code);

#endif
