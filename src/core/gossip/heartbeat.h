/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GOSSIP_HEARTBEAT_H
#define GOSSIP_HEARTBEAT_H
/*
 * «I am here, my logs reach this far» (protocols 3.1): every 5 s, less often with many links, made
 * and signed once for all of them. While there is nothing new the interval doubles, to 20 s; what
 * is news, heartbeat_stir says. Each tells when the next one comes, so nobody takes that for death.
 * And `yours`, which tells a peer, once a link is up, how far its own logs reached here (2.3 rule
 * 6).
 */
#include "core/base/outbox.h"
#include "core/base/trickle.h"
#include "core/gossip/relation.h"
#include "core/peers/links.h"
#include "core/peers/verify.h"

enum {
    HEARTBEAT_LOGS = 6,
    HEARTBEAT_SETS = 6,
    HEARTBEAT_PER_LINK_MS = 625,  /* At most 1.6 datagrams a second in all. */
    HEARTBEAT_LEAST_MS = 1000,    /* Between two, also when links come up. */
    HEARTBEAT_RECENT_MS = 600000, /* Half of the audits are of logs that changed since. */
    HEARTBEAT_AUDIT_MAX = 408,
    YOURS_MAX = 12,
};

struct heartbeat_log {
    uint8_t hint[HEADS_HINT];
    enum head_relation relation;
    bool regression;         /* Smaller than its issuer told before. */
    const struct head *ours; /* NULL: a log we do not know. */
    uint64_t size;
    struct tally_hash root;
};

struct heartbeat_set {
    uint8_t name_space[HEADS_TAG];
    bool known;   /* We hold logs of it. */
    bool differs; /* Count or fingerprint. */
    uint64_t count;
    uint8_t fingerprint[HEADS_FINGERPRINT]; /* As the peer has it. */
};

/* A third party's checkpoint, signed by the log. Views are into the datagram. */
struct heartbeat_audit {
    bool any;
    enum head_relation relation;
    const struct head *ours; /* NULL: a log we do not know. */
    struct tally_hash origin;
    struct tally_bytes origin_text;
    uint64_t size;
    struct tally_hash root;
    struct tally_bytes note;
};

struct heartbeat_news {
    struct heartbeat_log logs[HEARTBEAT_LOGS];
    size_t log_count;
    struct heartbeat_set sets[HEARTBEAT_SETS];
    size_t set_count;
    struct heartbeat_audit audit;
};

struct heartbeat {
    struct tally_ledger ledger;
    struct tally_mono next; /* TALLY_NEVER without links. */
    struct tally_mono last;
    struct trickle trickle;
    uint64_t least, interval; /* Of now, without jitter; as drawn, 0: not yet for the next one. */
    unsigned links;           /* As they were when heartbeat_watch looked last. */
    uint64_t suspected;
    size_t log_turn, set_turn;
    struct random random;
};

void heartbeat_init(struct heartbeat *heartbeat, const struct tally_ledger *ledger, uint64_t seed);

/* A link came up: do not let it wait. */
void heartbeat_hurry(struct heartbeat *heartbeat, struct tally_now now);

/* There is news: a head moved, a peer holds another one, there was an alarm. The next heartbeat
   comes within the shortest interval, and the next interval is that. */
void heartbeat_stir(struct heartbeat *heartbeat, struct tally_now now);

/* The same if the mesh has other links than before, a peer was suspected, or we doubt ourselves:
   whoever does is not calm until enough probes were answered. */
void heartbeat_watch(struct heartbeat *heartbeat, struct tally_now now, unsigned links,
                     unsigned health, uint64_t suspected);

/* Whether what a peer told differs from what is held here: one of both is behind. */
bool heartbeat_differs(const struct heartbeat_news *news);

/* Whether it tells nothing that anybody else has to look at. */
bool heartbeat_tells_nothing(const struct heartbeat_news *news);

struct tally_mono heartbeat_deadline(const struct heartbeat *heartbeat);

/* How long after a heartbeat that is due now the next one comes; drawn once for each. */
uint64_t heartbeat_interval(struct heartbeat *heartbeat, unsigned links);
/* `health` is told with it (protocols 4.2). */
void heartbeat_tick(struct heartbeat *heartbeat, struct tally_now now, unsigned health,
                    const struct heads *heads, struct peers *peers, struct outbox *out);

/*
 * Checks 7 to 12 for a heartbeat of a linked peer: NONE, MALFORMED, STALE, DRIFTED, BUSY, FORGED.
 * Remembers the largest sizes it claims of its own logs, and its clock. An audit that does not
 * verify is left out of the news, since its bytes come from the sender: the caller counts it as
 * FORGED by `*audit_drop`.
 */
enum tally_drop heartbeat_receive(struct heads *heads, struct verifier *verifier, struct peer *peer,
                                  struct tally_now now, const struct datagram *datagram,
                                  struct heartbeat_news *news, enum tally_drop *audit_drop);

/* Heads of our own logs for a message: those that changed since then first, the others in turn. */
void heartbeat_own_logs(const struct heads *heads, struct tally_mono since, size_t *turn,
                        struct tally_heartbeat *message);

/* What a verified message says of its sender's own logs; remembers the largest sizes it claims. */
void heartbeat_logs_take(struct heads *heads, const struct tally_key *issuer,
                         const struct tally_heartbeat *message, struct heartbeat_news *news);

/* ---- yours ---- */

struct yours_log {
    uint8_t hint[HEADS_HINT];
    const struct head *ours;     /* NULL: a log of ours that we do not know any more. */
    enum head_relation relation; /* AHEAD or SPLIT. */
    uint64_t size;
    struct tally_hash root;
};

/* Heads of our own logs that a peer holds larger than we do, or with another root: we lost some,
   so nothing may be signed until they are recovered. */
struct yours_news {
    struct yours_log logs[YOURS_MAX];
    size_t count;
};

/* Tells a peer the largest heads we hold of its logs; also when there are none, because the first
   datagram confirms the link. */
void yours_send(const struct heads *heads, struct peers *peers, const struct peer *peer,
                struct outbox *out);
enum tally_drop yours_receive(const struct heads *heads, const struct tally_key *self,
                              const struct datagram *datagram, struct yours_news *news);

#endif
