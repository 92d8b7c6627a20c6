/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GOSSIP_BEACON_H
#define GOSSIP_BEACON_H
/*
 * A heartbeat without sets and audit that is passed on to everybody: it shows nodes without a link
 * that a quiet log is alive, and how far it reaches (protocols 3.3). Beacons of N logs cost every
 * node N/T signature checks a second, so T grows with them: half a beacon a second at any size.
 */
#include "core/gossip/heartbeat.h"
#include "core/gossip/spread.h"

enum {
    BEACON_LEAST_MS = 60000,
    BEACON_PER_LOG_MS = 2000,
    BEACON_SENDERS =
        1024,        /* Whose last beacon is remembered, so that old ones do not come again. */
    BEACON_WAYS = 4, /* Places a sender may have; the least used makes way. */
};

struct beacon_sender {
    struct tally_key key;
    struct peer_order order; /* `any` false: free. */
    struct tally_mono heard;
};

struct beacon {
    struct beacon_sender *senders; /* Sets of BEACON_WAYS, chosen by a keyed hash. */
    size_t set_count;
    uint8_t hash_key[16];
    struct tally_mono next; /* TALLY_NEVER: no log of ours. */
    size_t turn;
    struct random random;
};

/* Room for so many senders (0: BEACON_SENDERS); false without memory. */
bool beacon_new(struct beacon *beacon, size_t senders, const uint8_t hash_key[16], uint64_t seed);
void beacon_free(struct beacon *beacon);

/* A log of ours has a checkpoint: there is something to tell from now on. */
void beacon_own_log(struct beacon *beacon, struct tally_now now);

struct tally_mono beacon_deadline(const struct beacon *beacon);
void beacon_tick(struct beacon *beacon, struct tally_now now, const struct heads *heads,
                 struct peers *peers, struct spread *spread, struct outbox *out);

/* Checks 9 to 12 for a beacon that did not come before: NONE, MALFORMED, SELF, STALE, DRIFTED,
   BUSY, FORGED. Its logs are in the news. */
enum tally_drop beacon_receive(struct beacon *beacon, struct heads *heads,
                               struct verifier *verifier, const struct peers *peers,
                               struct tally_now now, const struct datagram *datagram,
                               struct heartbeat_news *news);

#endif
