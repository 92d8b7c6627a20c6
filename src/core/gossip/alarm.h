/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GOSSIP_ALARM_H
#define GOSSIP_ALARM_H
/*
 * A fork as urgent news (protocols 3, 4.3 class U, 8.7 rule 5): two checkpoints of one log that
 * contradict each other, in one datagram, signed by who found it. The two prove themselves, those
 * of two sizes with the proof that goes with them; the signature only says who brought them.
 * Whether they are news the node asks core/sync, and then passes them on once.
 */
#include "core/gossip/sides.h"
#include "core/gossip/spread.h"
#include "core/peers/verify.h"

enum { ALARM_NOTE_MAX = 480 };

/* Two signed notes that contradict each other, or are said to. Of two sizes: the root that the
   larger tree has at the smaller size, and the consistency proof; NULL and 0 without them. */
struct alarm {
    struct tally_bytes first, second;
    const struct tally_hash *prefix, *proof;
    size_t count;
};

struct alarm_news {
    bool any;
    bool proved; /* The notes are in `sides`, with their proof, not in `first` and `second`. */
    struct tally_bytes first, second; /* Two signed notes, not verified; views. */
    struct tally_fork_prefix sides;
    struct tally_bytes record; /* To be passed on, after so many hops. */
    unsigned hops;
};

/* Writes what is told, and says as which kind. A proof that does not fit is left out: then whoever
   holds as much of the log proves it by its own tree. Nothing is written if the notes do not fit:
   streams carry the evidence. */
enum tally_kind alarm_write(const struct alarm *alarm, struct wire_writer *w);

/* Tells everybody, if there is something to tell. */
void alarm_send(struct peers *peers, struct spread *spread, struct tally_now now,
                const struct alarm *alarm, struct outbox *out);

/* Checks 9 to 12 for a proof that did not come before, without the two notes' own signatures:
   MALFORMED, SELF, UNKNOWN (two receipts: not yet), BUSY, FORGED. */
enum tally_drop alarm_receive(struct verifier *verifier, const struct peers *peers,
                              struct tally_now now, const struct datagram *datagram,
                              struct alarm_news *news);

/* What was said, as it was signed: the notes of `sides` are written into `notes`. False if they
   cannot have been notes. */
bool alarm_open(const struct alarm_news *news, struct sides_notes *notes, struct alarm *alarm);

#endif
