/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FEDERATION_REPLAY_H
#define FEDERATION_REPLAY_H
/* Statements out of a ledger into a fold: for the node, and for whoever reads its files. */
#include "core/federation/fold.h"
#include "tally/log.h"
#include "tally/windows.h"

/* A node's log of statements: the hash of its origin. */
void replay_origin(const struct tally_key *key, struct tally_hash *origin_hash);

/* How far a log of statements counts: our own as far as it is durable, another's as far as it is
   under a checkpoint, and of a key that is revoked no further than its revocation says. */
uint64_t replay_end(const struct fold *fold, const struct tally_log_view *view);

/* Folds one statement, as it lies in the ledger. What cannot be read is lost (fold_lost). */
enum fold_verdict replay_one(struct fold *fold, const struct tally_ledger *ledger,
                             const struct tally_hash *origin_hash, uint64_t index);

/* Folds the next of them from that index on, at most a bundle; returns the index behind, at most
   replay_end. `room` is for TALLY_ENTRIES_MAX
   bytes: what is sealed is read by the bundle, for most statements are about transfers, and a busy
   node has written many. */
uint64_t replay_some(struct fold *fold, const struct tally_ledger *ledger,
                     const struct tally_log_view *view, uint64_t from, uint8_t *room);

/* The same for all, from the first; returns how many. */
uint64_t replay_all(struct fold *fold, const struct tally_ledger *ledger,
                    const struct tally_hash *origin_hash, uint8_t *room);

/* Hears the arbiters that were named and have not spoken: of each, from where it was left, at most
   `most` statements of what is held of its log. Returns how many verdicts were new. */
unsigned replay_arbiters(struct fold *fold, const struct tally_ledger *ledger, uint64_t most);
/* Other parties' statements, as far as their logs are held: those about agreements with us. */
void replay_others(struct fold *fold, const struct tally_ledger *ledger, uint8_t *room);
/* Folds what this node stated: first under the keys that it had before, the oldest first and each
   as far as its revocation says, then under its own. Returns how many its own log has. */
uint64_t replay_own(struct fold *fold, const struct tally_ledger *ledger, uint8_t *room);

/* What a host kept of revocations, each verified again: files can be changed. */
void replay_revoked(struct revoked *revoked, const struct tally_ledger *ledger,
                    const struct tally_crypto *crypto);

/* Whether each log of a revoked key is there as far as it is good, sealed or not, so that nobody
   can hold more that counts; false: the key is not revoked. */
bool replay_whole(const struct revoked *revoked, const struct tally_ledger *ledger,
                  const struct tally_key *key);

/* The recovery keys that a log of statements names from an index on, its own issuer's or
   another's. True: one of them is news. */
bool replay_keys(struct revoked *revoked, const struct tally_ledger *ledger,
                 const struct tally_log_view *view, uint64_t from);

#endif
