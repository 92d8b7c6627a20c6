/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEERS_SUSPECT_H
#define PEERS_SUSPECT_H
/*
 * Who of the mesh is gone, and whether it is not rather we (protocols 4.2; SWIM's indirect probes,
 * Lifeguard's doubt of oneself). Any authentic datagram is a sign of life. What silence leads to,
 * a link's suspicion:
 *
 *     NONE --two intervals--> MISSED --no echo, twice--> SUSPECT --its time is over--> link ends
 *       ^_______________________|___ a sign of life _________|
 *
 * Intervals are those the peer tells. What comes after a long one counts as ten seconds, but nobody
 * is woken to look before two whole intervals: our own heartbeats do that. Since the others of a
 * calm mesh are heard as rarely, they are probed too once an echo is missing: whether it is us.
 *
 * As SUSPECT begins, three other peers are asked to probe. The less we trust ourselves (`health`,
 * told in heartbeats) the longer it lasts. When half of the links are silent at once, or this
 * process slept, it is us: nobody is bothered, and links end one by one. Suspicion is never told to
 * others, so nobody can be slandered, and nobody else is alarmed by a node that is badly connected.
 */
#include "core/peers/links.h"

enum {
    SUSPECT_HEALTH_MAX = 8,
    SUSPECT_HELPERS = 3,       /* SWIM's k. */
    SUSPECT_QUIET_MS = 15000,  /* The least silence that ends a link; more with less health. */
    SUSPECT_MISSED_MS = 10000, /* A heartbeat is missed after so long, or after an interval. */
    SUSPECT_ANSWER_MS = 1000,  /* The least time an echo has. */
    SUSPECT_TRIES = 2,         /* Probes without an echo before it is suspect. */
    SUSPECT_TIMES = 3,         /* A suspect has so many times that of an echo. */
    SUSPECT_SPACING_MS = 2000, /* Between the ends of two links while it may be us. */
    SUSPECT_LATE_MS = 2000,    /* Woken so late, or the wall clock so far ahead: we slept. */
    SUSPECT_DOUBT_MS = 10000,  /* So long after a sleep it may still be us. */
    SUSPECT_FRESH_MS = 2000,   /* Heard so lately, a peer is vouched for without a probe. */
    SUSPECT_HELPED_MS = 60000, /* An answer about a suspect may come so late. */
    SUSPECT_FAVOURS = 16,      /* Probes for others under way. */
    SUSPECT_HELPER_HEALTH = 4, /* Who doubts itself more is not asked about others. */
};

/* A peer that another one asked us to probe. */
struct favour {
    bool used;
    struct tally_key asker, key;
    uint8_t nonce[LINK_PROBE_NONCE];
    struct tally_mono until;
};

struct suspect {
    unsigned favour_count;
    unsigned health; /* 0..SUSPECT_HEALTH_MAX. */
    bool doubting;   /* Half of the links are silent, or we slept. */
    struct tally_mono wake;
    struct tally_now last;              /* The last tick. */
    struct tally_mono awake;            /* When we woke up last; 0 never. */
    struct tally_mono dropped;          /* When a link ended last. */
    struct favour *favours;             /* SUSPECT_FAVOURS of them. */
    uint64_t suspected, revived, ended; /* Links that became suspect; of them alive, gone. */
};

/* False without memory. */
bool suspect_new(struct suspect *suspect, struct tally_now now);
void suspect_free(struct suspect *suspect);

/* A link became one of the mesh: its silence counts. */
void suspect_watch(struct suspect *suspect, struct tally_now now);

struct tally_mono suspect_deadline(const struct suspect *suspect);

/* `due`: when the host should have ticked us, for whatever reason. Adds the links it
   ends to `ended`; if that is full the deadline stays. */
void suspect_tick(struct suspect *suspect, struct peers *peers, struct tally_now now,
                  struct tally_mono due, struct peers_ended *ended, struct outbox *out);

/* An authentic datagram of a linked peer came. True if it was a suspect until then. */
bool suspect_heard(struct suspect *suspect, struct peers *peers, struct peer *peer,
                   struct tally_now now, struct outbox *out);

/* Its echo came so long after our probe; `revived` as suspect_heard said of the same datagram. */
void suspect_echoed(struct suspect *suspect, struct peers *peers, struct peer *peer,
                    struct tally_now now, uint32_t round_trip_us, bool revived);

/*
 * Handlers. `probe_for` is granted to peers of the mesh only, at a bounded rate, for peers we have
 * a link with: REFUSED, BUSY, SELF. The answer is smaller than the question, and at most one probe
 * a second goes to whom it is about. `probed`: SEEN if the suspicion is over, UNASKED if we did not
 * ask.
 */
enum tally_drop suspect_on_probe_for(struct suspect *suspect, struct peers *peers,
                                     struct peer *peer, struct tally_now now,
                                     const struct datagram *datagram, struct outbox *out);
enum tally_drop suspect_on_probed(struct suspect *suspect, struct peers *peers,
                                  const struct peer *peer, struct tally_now now,
                                  const struct datagram *datagram);

bool suspect_holds(const struct suspect *suspect, const struct peers *peers);

#endif
