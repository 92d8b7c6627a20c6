/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FEDERATION_ADMISSION_H
#define FEDERATION_ADMISSION_H
/*
 * What a peer may ask, see and send, and what we ask of it: one table of acts, one function, and
 * the reason (formats 4.6, 5.3). It is asked for every datagram and every request, so a statement
 * holds from the moment it is durable.
 *
 *     act        least level  role       both ways
 *     LINK       observe      -          a link, its datagrams, a channel
 *     ANNOUNCE   observe      announce   its announces and heads are taken, its logs stored
 *     SERVE      observe      serve      we pull from it
 *     REQUEST    observe      request    it pulls from us
 *     STATE      verify       -          each signs what it got of the other, and shows its
 *                                        statements
 *     CROSS      attest       -          each makes the other's checkpoints leaves of its own log,
 *                                        and takes the other's word as an arbiter
 *     MIRROR     integrate    -          logs of issuers that nobody admitted pass between us
 *     CARRY      isolated     announce   its logs are taken off files that an operator brings
 *
 * A stranger may all of that where the mesh is open, but CROSS, and nothing where it is strict. A
 * log that is suspended (discrepancy.h) is neither taken nor shown, whoever brings it or asks.
 */
#include "core/federation/fold.h"

enum admission_act {
    ADMISSION_LINK,
    ADMISSION_ANNOUNCE,
    ADMISSION_SERVE,
    ADMISSION_REQUEST,
    ADMISSION_STATE,
    ADMISSION_CROSS,
    ADMISSION_MIRROR,
    ADMISSION_CARRY,
    ADMISSION_ACTS
};

/* "link", "announce", …: stable words. Never NULL. */
const char *admission_act_name(enum admission_act act);

/* NONE, or why not: UNADMITTED, WITHDRAWN, LEVEL, ROLE; of a log also SUSPENDED. fold NULL:
 * everybody may everything. */
enum tally_drop admission(const struct fold *fold, const struct tally_key *key,
                          enum admission_act act);

/* A log as admission sees it. */
struct admission_log {
    const struct tally_key *issuer;
    const struct tally_hash *origin_hash;
    bool statements; /* Its namespace is `federation`. */
};

/* Whether we take a log from the peer, on top of SERVE: it must be of an issuer that may announce,
   or the peer mirrors and nobody spoke of the issuer. Our own we always look at. */
enum tally_drop admission_take(const struct fold *fold, const struct tally_key *peer,
                               const struct admission_log *log);

/* Whether we show a log to the peer, on top of REQUEST: the same rule, and its own it may always
   have back. */
enum tally_drop admission_show(const struct fold *fold, const struct tally_key *peer,
                               const struct admission_log *log);

#endif
