/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GOSSIP_ANNOUNCE_H
#define GOSSIP_ANNOUNCE_H
/*
 * «Sealed, and here is the proof» (protocols 3.2): one datagram an own log that grew, at most each
 * 2 s, signed by the identity and carrying the signed checkpoint. Others take it in after both
 * signatures and pass it on, as a record inside `relay`, to all links but the one it came from.
 */
#include "core/base/bucket.h"
#include "core/base/outbox.h"
#include "core/gossip/relation.h"
#include "core/gossip/seen.h"
#include "core/gossip/verify.h"
#include "core/peers/links.h"

enum {
    ANNOUNCE_ORIGINS = 64, /* Buckets; senders share one when their keyed hashes meet. */
    ANNOUNCE_PER_MIN = 30, /* An origin (protocols 3.2). */
    ANNOUNCE_HOPS_MAX = 63,
};

/* A log whose issuer signed more than we hold, or something else than we hold. Views are into the
   datagram. */
struct announce_news {
    bool any;
    enum head_relation relation; /* AHEAD or SPLIT. */
    const struct head *ours;     /* NULL: a log we do not know. */
    struct tally_key issuer;
    struct tally_hash origin;
    struct tally_bytes origin_text, name_space;
    uint64_t size;
    struct tally_hash root;
    struct tally_bytes note; /* The signed checkpoint, verified. */
};

struct announce {
    struct tally_ledger ledger;
    struct tally_mono next; /* TALLY_NEVER: nothing to tell. */
    struct bucket origins[ANNOUNCE_ORIGINS];
    uint8_t hash_key[16];
    struct seen seen;
};

/* Room for seen_max ids a generation; false without memory. */
bool announce_new(struct announce *announce, const struct tally_ledger *ledger, size_t seen_max,
                  const uint8_t hash_key[16], struct tally_now now);
void announce_free(struct announce *announce);

/* An own log was sealed, and the ledger gives its new checkpoint. */
void announce_sealed(struct announce *announce, const struct head *head, struct tally_now now);

struct tally_mono announce_deadline(const struct announce *announce);
void announce_tick(struct announce *announce, struct tally_now now, struct heads *heads,
                   struct peers *peers, struct outbox *out);

/*
 * Checks 7 to 12 for an announce, straight from its sender or as the record in a relay (hops > 0),
 * brought by `from`. NONE, MALFORMED, SELF, SEEN, STALE, KEY, DRIFTED, BUSY, FORGED. What is taken
 * goes on to the other links.
 */
enum tally_drop announce_receive(struct announce *announce, struct heads *heads,
                                 struct verifier *verifier, struct peers *peers,
                                 const struct peer *from, struct tally_now now, unsigned hops,
                                 const struct datagram *datagram, struct announce_news *news,
                                 struct outbox *out);

#endif
