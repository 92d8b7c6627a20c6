/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_REPORT_H
#define UV_REPORT_H
/* The parts of a node's answers that tally status, tally doctor and tally peers share, as JSON. */
#include "host/uv/facts.h"
#include <jansson.h>

enum { REPORT_GUARD_SHOWN = 64 };

/* tally/doctor/1: of a running node, or, with facts->status NULL, of the machine alone. */
json_t *report_doctor(const struct doctor_facts *facts, const struct findings *findings,
                      struct tally_mono now);

/* {"nat": ..., "addresses": ..., "reachable": ...}. */
json_t *report_reach(const struct doctor_facts *facts, struct tally_mono now);

/* What the rollback guard waits for: at most REPORT_GUARD_SHOWN peers are named. */
json_t *report_guard(const struct tally_node *node, const struct tally_node_status *status);

json_t *report_dht(const struct tally_node_status *status);
json_t *report_mdns(const struct tally_node_status *status);

/* Addresses that were not dialled, by the rule that forbids it. */
json_t *report_refused(const struct tally_node_status *status);

/* Urgent findings as sentences that say what to do. */
json_t *report_warnings(const struct findings *findings);

json_t *report_peer(const struct tally_peer_view *peer, struct tally_mono now);

/* One result of a FIND. */
json_t *report_found(const struct tally_action *found, struct tally_mono now);

#endif
