/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GOSSIP_NOTICE_H
#define GOSSIP_NOTICE_H
/*
 * Revocations as urgent news (protocols 4.3 class U), told to all of the mesh and passed on once,
 * as forks are. What is missed of both is made up for: whoever links says what it knows, as a count
 * and a fingerprint, and once in a while so does everybody to one of its links; if it differs, all
 * that is known is told, a few at a time, to that link alone, which asked for it. A node that knows
 * of none sends nothing.
 *
 * Two may differ for good, since nobody keeps evidence of logs that it does not hold. So it is told
 * again after a rest, because a datagram may be lost and a newcomer may not have held the log yet,
 * and the rests double as long as what both know stays the same.
 *
 * A key that took over from another while its node was down is a stranger to all who have not heard
 * of it, and may have no link with them. So it knocks: until it is linked with the peers that it is
 * configured with, it sends them what handed it its standing, as it stands and without a link. Only
 * of keys that one deals with such is looked at, so many a second, and never answered.
 *
 * A revocation proves itself, so it is taken whoever brings it. Of a key of which nobody here knows
 * anything it is passed on also where there is no room to keep it, but so many in a second only:
 * such keys cost nothing to make.
 */
#include "core/federation/revoked.h"
#include "core/gossip/alarms.h"
#include "core/peers/heads.h"
#include "core/peers/verify.h"

enum {
    NOTICE_TELL_MS = 100, /* So many are told at a time, a link. */
    NOTICE_TELL = 4,
    NOTICE_SET_MS = 10000,   /* One link is told what we know. */
    NOTICE_AGAIN_MS = 30000, /* All is told to a link no sooner than after this, */
    NOTICE_RESTS = 7,        /* doubled so often at most: about an hour. */
    NOTICE_KNOCK_MS = 5000,
    NOTICE_KNOCK_RATE = 2, /* Heard a second, */
    NOTICE_KNOCK_BURST = 8,
    NOTICE_PASS_RATE = 2,   /* A second, of unknown keys that are not kept; */
    NOTICE_PASS_BURST = 16, /* at once. */
};

/* What the wire calls about. */
enum notice_about { NOTICE_REVOKED, NOTICE_FORKED, NOTICE_SETS };

struct notice_news {
    struct revocation revocation; /* Verified; views into the datagram. */
    struct tally_bytes bytes;     /* As it came. */
    bool known, keep;
    struct tally_bytes record; /* To be passed on, after so many hops. */
    unsigned hops;
};

/* Of a peer, by its index. */
struct notice_link {
    uint64_t since_ms; /* Of the link this is about; another one begins anew. */
    struct notice_told {
        bool telling;
        uint8_t rests;
        uint16_t told;                 /* Those before this one. */
        uint32_t differed;             /* What both knew when it asked. */
        struct tally_mono soon, again; /* When it may ask once more: of other sets, of these. */
    } sets[NOTICE_SETS];
};

struct notice {
    struct notice_link *links;
    size_t link_count;
    struct alarms alarms;
    struct tally_mono tell, set, knock; /* When something is due. */
    struct bucket passes, knocks;
    struct random random;
};

/* False without memory. */
bool notice_new(struct notice *notice, size_t peers_max, size_t forks_max, uint64_t seed,
                struct tally_now now);
void notice_free(struct notice *notice);

/* Tells everybody of one that we took from no datagram. */
void notice_send(struct peers *peers, struct spread *spread, struct tally_now now,
                 struct tally_bytes bytes, struct outbox *out);

/* Whether a key is one this node deals with: a party, an issuer of what it holds, a peer that is
   configured or linked. */
bool notice_known(const struct peers *peers, const struct heads *heads,
                  const struct tally_key *key);

/* A record of kind REVOCATION that did not come before: SELF, MALFORMED, KEY, SEEN, BUSY, FORGED.
 */
enum tally_drop notice_receive(struct notice *notice, struct verifier *verifier,
                               const struct peers *peers, const struct heads *heads,
                               struct tally_now now, const struct datagram *datagram,
                               struct notice_news *news);

/* Something is known: from now on a link is told so, once in a while. */
void notice_wake(struct notice *notice, const struct peers *peers, struct tally_now now);

/* The same of one that came without a link: STRANGER besides, if it is of no key we deal with. */
enum tally_drop notice_knocked(struct notice *notice, struct verifier *verifier,
                               const struct peers *peers, const struct heads *heads,
                               struct tally_now now, const struct datagram *datagram,
                               struct notice_news *news);

/* A peer is of the mesh now: it is told what we know, if that is anything. */
void notice_linked(struct notice *notice, struct peers *peers, const struct peer *peer,
                   struct tally_now now, struct outbox *out);

/* What a peer knows: MALFORMED, BUSY. */
enum tally_drop notice_on_set(struct notice *notice, struct peers *peers, const struct peer *peer,
                              struct tally_now now, const struct datagram *datagram,
                              struct outbox *out);

struct tally_mono notice_deadline(const struct notice *notice);
void notice_tick(struct notice *notice, struct peers *peers, struct tally_now now,
                 struct outbox *out);

#endif
