/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NAT_REACH_H
#define NAT_REACH_H
/*
 * Whether others get through to us (protocols 7.2): the side that asks. Reachable is what somebody
 * else proved. A linked peer B is asked to have the address dialled; it hands that to C, of another
 * network, which we have not written to, and says so; C comes, or stays silent. Two silent C's, of
 * two B's where there are two: unreachable.
 *
 *     we --dial_back--> B --dial_back--> C      C --hello with our nonce, or TCP--> we
 *     we <---dialled--- B <---dialled--- C
 *
 * For streams C may have a link with us, unless that was punched: datagrams open no way for TCP.
 *
 * A peer that comes by itself, from an address that nothing was written to, and sees us at an
 * address of ours, proves as much; only that it chose itself. For datagrams this is all there is in
 * a mesh so small that everyone has a link with everyone. Such a proof, and one by a C of our own
 * network, is marked as weak, counts, and is asked for anew.
 *
 * Each address is asked about once, then every REACH_AGAIN_MS and after changes; one at a time, at
 * REACH_RATE. Who helps is one that says so (PEERS_CAPS_INTRODUCES).
 */
#include "core/base/outbox.h"
#include "core/base/pace.h"
#include "core/nat/own.h"
#include "core/nat/votes.h"
#include "core/peers/parcel.h"

enum {
    REACH_AGAIN_MS = 30 * 60 * 1000,
    REACH_NOBODY_MS = 5 * 60 * 1000, /* Nobody could be asked, or all were busy. */
    REACH_SETTLE_MS = 2000,          /* After a change: more will follow. */
    REACH_REVIEW_MS = 60000,         /* What is told once more is not looked at again sooner. */
    REACH_TOLD_MS = 9000,            /* B tries four C's for two seconds each. */
    REACH_COME_MS = 12000,           /* C has three tries, or a dial of ten seconds. */
    REACH_SILENT = 2,
    REACH_HELPERS = 4, /* Asked in one check. */
    REACH_TICKETS = 4,
    REACH_NEWS = 8,
    REACH_NONCE = 8,
};

/* Both transports of both families at once, then one a minute. */
#define REACH_RATE ((struct pace_rate){60000, 4})

/* Verdicts of `dialled`. */
enum {
    DIALLED_COMING,  /* It is dialled. */
    DIALLED_KNOWN,   /* By one who is no stranger to it: that would prove nothing. */
    DIALLED_NOBODY,  /* There is nobody to dial it. */
    DIALLED_BUSY,    /* Not so often. */
    DIALLED_REFUSED, /* Not that address, or not by us. */
};

struct reach_options {
    const struct address_policy *policy; /* Outlives it. */
    struct tally_address listen;         /* Port 0: nowhere. */
    bool by_itself;                      /* Else only when an operator wants to know. */
    unsigned own_max;                    /* Own addresses; 0: OWN_MAX. */
    uint64_t seed;
    struct tally_secret secret;
    struct tally_trace_window trace;
};

enum reach_news_kind {
    REACH_NEWS_REACHABLE,
    REACH_NEWS_UNREACHABLE, /* Or not ours any more. */
    REACH_NEWS_CHECKED,     /* Answers reach_check. */
};

struct reach_news {
    enum reach_news_kind kind;
    enum tally_transport transport;
    struct tally_address address;
    uint64_t ticket;
    enum tally_error error; /* OK: one is reachable; UNREACHABLE; NOT_FOUND: nobody can tell. */
};

struct reach_check {
    struct own_entry *entry; /* NULL: none is under way. */
    uint8_t nonce[REACH_NONCE];
    struct tally_key helpers[REACH_HELPERS]; /* The last is being asked. */
    unsigned helper_count;
    bool handed; /* Somebody is on the way: */
    struct tally_key by;
    bool early; /* A linked peer came by TCP; maybe it is the one that we shall be told of. */
    struct tally_key early_by;
    struct tally_address early_from;
    struct tally_mono until;
};

struct reach {
    struct reach_options options;
    struct own own;
    struct votes votes;
    struct recent dialled; /* By TCP, to where. */
    struct reach_check check;
    struct pace pace;
    struct random random;
    uint64_t tickets[REACH_TICKETS];
    size_t ticket_count;
    struct reach_news news[REACH_NEWS];
    size_t news_first, news_count;
    struct tally_mono review; /* Votes age. */
    struct tally_mono reviewed;
};

/* False without memory. */
bool reach_new(struct reach *reach, const struct reach_options *options,
               const uint8_t recent_key[16], struct tally_now now);
void reach_free(struct reach *reach);

/* The policy's interfaces changed. */
void reach_links(struct reach *reach, struct tally_now now);

/* What the gateway gives for a transport and family, or does not any more (outer NULL). */
void reach_mapped(struct reach *reach, enum tally_transport transport, bool v4,
                  enum tally_mapping protocol, const struct tally_address *outer,
                  struct tally_now now);

/* What peers_news tells: a peer sees us there, and whether anything follows from it (`moved`: it
   saw us elsewhere before, and so may others); a link is up, so there may be one more to ask. */
bool reach_observed(struct reach *reach, const struct peer *observer,
                    const struct tally_address *observed, struct tally_now now, bool *moved);
void reach_linked(struct reach *reach, struct tally_now now);

/* An operator wants to know. CHECKED answers, maybe at once; false if too much was asked. */
bool reach_check(struct reach *reach, uint64_t ticket, struct tally_now now);

/* The node stops: a ticket that will not be answered; false if there is none any more. */
bool reach_check_stop(struct reach *reach, uint64_t *ticket);

/* Whether this is the nonce of the last question; and of a check that is still under way. */
bool reach_asked(const struct reach *reach, const uint8_t nonce[REACH_NONCE]);
bool reach_awaits(const struct reach *reach, const uint8_t nonce[REACH_NONCE]);

/* A hello brought it. NONE, UNASKED (not by UDP), REFUSED (it proves nothing: we had written there,
   or it is near). */
enum tally_drop reach_came(struct reach *reach, struct tally_now now, const struct peer *by,
                           const struct tally_address *from, bool uninvited);

/* B says what became of it: NONE, SEEN (it is over), or UNASKED if it is not B. */
enum tally_drop reach_told(struct reach *reach, struct tally_now now, struct peers *peers,
                           const struct peer *from, const struct tally_dialled *dialled,
                           struct outbox *out);

/* Streams: one was dialled; one came in from somebody that has proved its key (peer: what we know
   of it, or NULL); one says that it sees us there. */
void reach_dialled(struct reach *reach, const struct tally_address *to, struct tally_now now);
void reach_stream(struct reach *reach, struct tally_now now, const struct tally_key *by,
                  const struct tally_address *from, const struct peer *peer);
void reach_stream_observed(struct reach *reach, struct tally_now now, const struct tally_key *by,
                           const struct tally_address *from, const struct tally_address *observed,
                           const struct peer *peer);

/* Whether a stream was dialled to that IP address lately. */
bool reach_wrote(struct reach *reach, const struct tally_address *address, struct tally_now now);

struct tally_mono reach_deadline(const struct reach *reach);
void reach_tick(struct reach *reach, struct tally_now now, struct peers *peers, struct outbox *out);

bool reach_next_news(struct reach *reach, struct reach_news *news);

/* ---- Questions. ---- */

enum tally_nat_kind reach_nat(const struct reach *reach, struct tally_now now);

/* What may be told of us: as own_endpoints and own_tell; own_view with its votes. */
size_t reach_endpoints(const struct reach *reach, struct tally_endpoint *endpoints,
                       size_t capacity);
bool reach_view(const struct reach *reach, size_t index, struct tally_now now,
                struct tally_own_address *view);

/* Since when a transport is reachable, over any address; false if it is not. */
bool reach_since(const struct reach *reach, enum tally_transport transport,
                 struct tally_mono *since);

bool reach_holds(const struct reach *reach);

#endif
