/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GOSSIP_ALARM_H
#define GOSSIP_ALARM_H
/*
 * A fork as urgent news (protocols 3, 4.3 class U, 8.7 rule 5): two checkpoints of one log that
 * contradict each other, in one datagram, signed by who found it. The two prove themselves; the
 * signature only says who brought them. Whether they are news the node asks core/sync, and then
 * passes them on once.
 */
#include "core/gossip/spread.h"
#include "core/peers/verify.h"

enum { ALARM_NOTE_MAX = 480 };

struct alarm_news {
    bool any;
    struct tally_bytes first, second; /* Two signed notes, not verified; views. */
    struct tally_bytes record;        /* To be passed on, after so many hops. */
    unsigned hops;
};

/* Tells everybody. Nothing happens if the notes do not fit: then streams carry the evidence. */
void alarm_send(struct peers *peers, struct spread *spread, struct tally_now now,
                struct tally_bytes first, struct tally_bytes second, struct outbox *out);

/* Checks 9 to 12 for a proof that did not come before, without the two notes' own signatures:
   MALFORMED, SELF, UNKNOWN (two receipts: not yet), BUSY, FORGED. */
enum tally_drop alarm_receive(struct verifier *verifier, const struct peers *peers,
                              struct tally_now now, const struct datagram *datagram,
                              struct alarm_news *news);

#endif
