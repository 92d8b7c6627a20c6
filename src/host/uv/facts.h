/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_FACTS_H
#define UV_FACTS_H
/* What a running host knows of itself, gathered for one answer. */
#include "host/uv/doctor.h"
#include "host/uv/host.h"

enum { FACTS_OWN_MAX = 64, FACTS_AWAITED_MAX = 4 };

struct host;

struct facts {
    struct doctor_facts facts; /* Views of what follows. */
    struct tally_mono now;
    struct machine machine;
    struct tally_node_status status;
    struct tally_own_address own[FACTS_OWN_MAX];
    struct tally_key awaited[FACTS_AWAITED_MAX];
    struct doctor_bootstrap bootstraps[HOST_BOOTSTRAPS_MAX];
    struct findings findings;
    struct tally_peer_view peers[]; /* As many as fit, and are known. */
};

/* NULL without memory; free() it. */
struct facts *facts_new(struct host *host);

#endif
