/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_TRUST_H
#define CMD_TRUST_H
/* A data directory's statements, folded: what is durable, also beside a running node, which folds
   the same. */
#include "cmd/shelf.h"
#include "core/federation/admission.h"

struct trust {
    struct fold fold;
    struct revoked revoked;
    struct tally_party *parties;
    struct agreement_pair *pairs;
    struct shelf shelf;
    bool known; /* There is a data directory; else nothing was ever stated. */
};

/* Whose statements: the node's own, or with --of PARTY those of another, as far as they are held
   here. `new`: a directory that is not there yet is as good as an empty one. False: it was said
   why, and shelf.code is the exit code. */
bool trust_open(struct trust *trust, struct call *call, bool new);
void trust_close(struct trust *trust);

/* Whom a word means: a did:key, a peer id, or the beginning of one that only one party has. False:
   it was said why, and *code is the exit code. */
bool trust_party(const struct trust *trust, struct call *call, const char *word,
                 struct tally_key *key, enum exit_code *code);

#endif
