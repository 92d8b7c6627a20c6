/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_DATAGRAMS_H
#define NODE_DATAGRAMS_H
/*
 * The way of a datagram through the node: the twelve checks of protocols 2.4 in their order, then
 * one call by kind. Composes peers and gossip; what they learn comes back as news, a value, and the
 * node says who else should know. Nothing here allocates but datagrams_new.
 *
 * A forged datagram costs bounds, a look-up and one keyed hash: no signature check, no memory.
 */
#include "core/base/outbox.h"
#include "core/dht/dht.h"
#include "core/gossip/alarm.h"
#include "core/gossip/announce.h"
#include "core/gossip/beacon.h"
#include "core/gossip/heartbeat.h"
#include "core/gossip/notice.h"
#include "core/gossip/overlay.h"
#include "core/node/reaching.h"
#include "core/peers/suspect.h"
#include "tally/event.h"

struct datagrams_options {
    struct peers_options peers;
    struct reaching_options reaching;
    struct dht_options dht;
    struct tally_ledger ledger;
    bool named_only;      /* No overlay: for stories of other things. */
    unsigned logs_max;    /* 0: TALLY_LOGS_MAX. */
    unsigned seen_max;    /* Ids a generation; 0: TALLY_SEEN_MAX. The simulator asks for few. */
    unsigned records_max; /* Kept for those who graft; 0: SPREAD_RECORDS. */
    unsigned passive_max; /* Of the overlay; 0: PASSIVE_MAX. */
    unsigned senders_max; /* Of beacons; 0: BEACON_SENDERS. */
};

/* What each datagram touches comes first. */
struct datagrams {
    struct bucket tags; /* Tag checks of all senders together (check 4). */
    uint64_t datagrams_in, bytes_in;
    struct verifier verifier;
    struct suspect suspect;
    struct peers peers;
    struct heartbeat heartbeat;
    struct spread spread;
    struct beacon beacon;
    struct overlay overlay;
    struct heads heads;
    struct reaching reaching;
    struct dht dht;
    struct notice notice;
    struct announce announce;
    uint64_t *drops; /* TALLY_DROP_COUNT. */
};

/* What one datagram taught. Pointers live until the next call that changes *datagrams; views are
   into the datagram. */
struct datagrams_news {
    struct peer *from; /* Who said it; NULL if nothing was taken from a linked peer. */
    /* It changed nothing but what is remembered of its sender: no deadline, and nobody else need
       know. */
    bool quiet;
    struct peers_news links;
    struct overlay_news overlay;
    bool has_heartbeat, has_announce, has_yours, has_alarm, has_notice; /* At most one. */
    union {
        struct alarm_news alarm;
        struct notice_news notice;
        struct heartbeat_news heartbeat;
        struct announce_news announce;
        struct yours_news yours;
    };
};

/* False without memory. */
bool datagrams_new(struct datagrams *datagrams, const struct datagrams_options *options,
                   struct tally_now now);
void datagrams_free(struct datagrams *datagrams);

/* A head of ours, at start or when a checkpoint has become durable (see heads_set). `sealed`: an
   own log has grown, tell everyone. False if there is no room for the log. */
bool datagrams_head(struct datagrams *datagrams, struct tally_now now, const struct head *head,
                    bool sealed);

/* One event of kind DATAGRAM. What was refused is counted and returned. */
enum tally_drop datagrams_receive(struct datagrams *datagrams, struct tally_now now,
                                  const struct tally_event *event, struct datagrams_news *news,
                                  struct outbox *out);

struct tally_mono datagrams_deadline(const struct datagrams *datagrams);

/* Does what is due. If links ended fill `ended`, or the outbox is full, the deadline stays. */
void datagrams_tick(struct datagrams *datagrams, struct tally_now now, struct peers_ended *ended,
                    struct outbox *out);

/* Trust has changed: links that are not permitted any more end, with a goodbye. */
void datagrams_admit(struct datagrams *datagrams, struct tally_now now, struct outbox *out);

/* A fork that `from` told of was proved, and is news: it goes on to everybody. */
void datagrams_pass_alarm(struct datagrams *datagrams, struct tally_now now,
                          const struct peer *from, const struct alarm_news *alarm,
                          struct outbox *out);

/* A fork of a log that is held is known, by this evidence: it is told to who links later. */
void datagrams_forked(struct datagrams *datagrams, struct tally_now now,
                      const struct tally_hash *origin_hash, struct tally_bytes evidence);

/* The same for a revocation; and one that came by no datagram. */
void datagrams_pass_notice(struct datagrams *datagrams, struct tally_now now,
                           const struct peer *from, const struct notice_news *notice,
                           struct outbox *out);
void datagrams_notice(struct datagrams *datagrams, struct tally_now now, struct tally_bytes bytes,
                      struct outbox *out);

/* A mistake of a peer that another protocol found, say a bad proof on a stream. */
void datagrams_judge(struct datagrams *datagrams, struct peer *peer, int change,
                     struct tally_now now, struct peers_news *news);

/* Fills in links, peers, health, clock_offset_us, drops (added), datagrams and their bytes. */
void datagrams_status(const struct datagrams *datagrams, struct tally_node_status *status);

bool datagrams_holds(const struct datagrams *datagrams);

#endif
