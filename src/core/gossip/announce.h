/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GOSSIP_ANNOUNCE_H
#define GOSSIP_ANNOUNCE_H
/*
 * «Sealed, and here is the proof» (protocols 3.2): one record an own log that grew, at most each
 * 2 s, signed by the identity and carrying the signed checkpoint. Others take it in after both
 * signatures; spread.h says how it gets to them.
 */
#include "core/base/bucket.h"
#include "core/base/outbox.h"
#include "core/gossip/relation.h"
#include "core/gossip/spread.h"
#include "core/peers/links.h"
#include "core/peers/verify.h"

enum {
    ANNOUNCE_ORIGINS = 64, /* Buckets; senders share one when their keyed hashes meet. */
    ANNOUNCE_PER_MIN = 30, /* An origin (protocols 3.2). */
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
    struct tally_mono next;      /* TALLY_NEVER: nothing to tell. */
    struct bucket_word *origins; /* ANNOUNCE_ORIGINS. */
    uint8_t hash_key[16];
};

/* False without memory. */
bool announce_new(struct announce *announce, const struct tally_ledger *ledger,
                  const uint8_t hash_key[16]);
void announce_free(struct announce *announce);

/* An own log was sealed, and the ledger gives its new checkpoint. */
void announce_sealed(struct announce *announce, const struct head *head, struct tally_now now);

struct tally_mono announce_deadline(const struct announce *announce);
void announce_tick(struct announce *announce, struct tally_now now, struct heads *heads,
                   struct peers *peers, struct spread *spread, struct outbox *out);

/*
 * Checks 9 to 12 for an announce that did not come before. NONE, MALFORMED, SELF, STALE, KEY,
 * DRIFTED, BUSY, FORGED. What is taken goes on to others, also when we hold that head already;
 * news->any tells whether it is news to us.
 */
enum tally_drop announce_receive(struct announce *announce, struct heads *heads,
                                 struct verifier *verifier, const struct peers *peers,
                                 struct tally_now now, const struct datagram *datagram,
                                 struct announce_news *news);

#endif
