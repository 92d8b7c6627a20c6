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
 *     PROPOSE    observe      announce,  its own statements are taken from it, below VERIFY too:
 *                             serve      what it shows us of them may be a proposal
 *     STATE      verify       -          each signs what it got of the other, and shows its
 *                                        statements
 *     WITNESS    verify       -          each cosigns the other's checkpoints; never a stranger's
 *     CROSS      attest       -          each makes the other's checkpoints leaves of its own log,
 *                                        and takes the other's word as an arbiter
 *     MIRROR     integrate    -          logs of issuers that nobody admitted pass between us
 *     CARRY      isolated     announce   its logs are taken off files that an operator brings
 *
 * A stranger may all of that where the mesh is open, but CROSS, and nothing where it is strict. A
 * log that is suspended (discrepancy.h) is neither taken nor shown, whoever brings it or asks.
 *
 * AGREEMENTS admit beside that list (agreement.h), whatever it says but a withdrawal or ISOLATED:
 *
 *     what we stated about it           passes
 *     nothing, or long ago              as the list has it: who proposes to us is taken by PROPOSE
 *     an offer that is open, an         LINK, ANNOUNCE, SERVE, REQUEST, for one log each way: the
 *     answer, a revocation: 30 days     statements of the two
 *     an agreement that is active       that, and at its level logs of the shared scrolls, of the
 *                                       two; at INTEGRATE also those of strangers
 *     one under notice                  the same at OBSERVE: reading only
 */
#include "core/federation/fold.h"
#include "tally/receipt.h"

#include <string.h>

enum admission_act {
    ADMISSION_LINK,
    ADMISSION_ANNOUNCE,
    ADMISSION_SERVE,
    ADMISSION_REQUEST,
    ADMISSION_PROPOSE,
    ADMISSION_STATE,
    ADMISSION_WITNESS,
    ADMISSION_CROSS,
    ADMISSION_MIRROR,
    ADMISSION_CARRY,
    ADMISSION_ACTS
};

/* "link", "announce", …: stable words. Never NULL. */
const char *admission_act_name(enum admission_act act);

/* NONE, or why not: REVOKED, UNADMITTED, WITHDRAWN, LEVEL, ROLE; of a log also SUSPENDED. fold
   NULL: everybody may everything. A key that took over from another may what that one might. */
enum tally_drop admission(const struct fold *fold, const struct tally_key *key,
                          enum admission_act act);

/* A log as admission sees it. */
struct admission_log {
    const struct tally_key *issuer;
    const struct tally_hash *origin_hash; /* NULL: no log in particular; none is suspended. */
    bool statements;                      /* Its namespace is `federation`. */
    struct tally_bytes name_space;
};

static inline struct admission_log admission_log(const struct tally_key *issuer,
                                                 const char *name_space)
{
    return (struct admission_log){.issuer = issuer,
                                  .statements = strcmp(name_space, TALLY_STATEMENTS) == 0,
                                  .name_space = {(const uint8_t *)name_space, strlen(name_space)}};
}

/* Whether we cosign checkpoints of a log: WITNESS of its issuer, and it is not suspended. */
enum tally_drop admission_cosign(const struct fold *fold, const struct admission_log *log);

/* Whether we take a log from the peer: it may serve, and the log is of an issuer that may announce,
   or the peer mirrors and nobody spoke of the issuer; or an agreement, or what may become one, lets
   the log pass. */
enum tally_drop admission_take(const struct fold *fold, const struct tally_key *peer,
                               const struct admission_log *log);

/* Whether we show a log to the peer: the same rule with REQUEST, and its own it may always have
   back. */
enum tally_drop admission_show(const struct fold *fold, const struct tally_key *peer,
                               const struct admission_log *log);

#endif
