/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEERS_GREET_H
#define PEERS_GREET_H
/*
 * Whom we greet, where and when. Every address that is dialled goes through the one rule of
 * core/address/hygiene.h here, at the moment of dialling, because subnets come and go.
 */
#include "core/base/outbox.h"
#include "core/peers/peers.h"

/* A configured peer: kept for ever, greeted at once and again with backoff. False without room,
   or if it is ourselves. */
bool peers_configure(struct peers *peers, const struct tally_key *key,
                     const struct tally_address *address, struct tally_now now);

/* Greets a peer that has addresses, for PEER_WANTS_MESH or LINK, each allowed address at most
   PEERS_HELLO_TRIES times; `linked` or `failed` tells how it went. Nothing happens if it is linked,
   for whatever use, or barred. A light link becomes one of the mesh by `activate`. */
void peers_greet(struct peers *peers, struct peer *peer, uint8_t wants, struct tally_now now);

/* The same, but an address that had its hellos in vain is greeted only after its rest. */
void peers_greet_rested(struct peers *peers, struct peer *peer, uint8_t wants,
                        struct tally_now now);

/* As peers_greet, with one hello to each address: it is worth no more. */
void peers_greet_once(struct peers *peers, struct peer *peer, uint8_t wants, struct tally_now now);

/* Greets whoever is at an address; its key is pinned when it answers, and it becomes a bootstrap.
   False without room. */
bool peers_greet_address(struct peers *peers, const struct tally_address *address,
                         enum tally_source source, struct tally_now now);

/* Whether something went to that IP address in the last 10 minutes, other than answers to its
   greetings: then a NAT lets it in. */
bool peers_wrote(struct peers *peers, const struct tally_address *address, struct tally_now now);

/* Whether an address of the peer may be greeted: now (its index), later, or none any more. */
enum greet_verdict { GREET_NOW, GREET_LATER, GREET_NEVER };
enum greet_verdict greet_choose(const struct peers *peers, const struct peer *peer,
                                struct tally_now now, size_t *index, struct tally_mono *later);

/* What is due of the addresses without a key; when the next is. */
struct tally_mono blinds_tick(struct peers *peers, struct tally_now now, struct outbox *out);

/* A cookie for such a greeting: the peer that is GREETING from now on, or NULL. */
struct peer *blind_answered(struct peers *peers, const struct tally_address *from,
                            const struct tally_key *key, const uint8_t nonce[LINK_NONCE],
                            struct tally_now now);

#endif
