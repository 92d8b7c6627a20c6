/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_GUARDING_H
#define NODE_GUARDING_H
/*
 * The rollback guard in the node (core/log/guard.h): whether it must ask at all, whom, and what
 * follows from what they say: the issuer is held, own logs are asked for on streams, and fetched
 * back when the operator says so.
 */
#include "core/log/guard.h"
#include "tally/event.h"

struct tally_node;

enum {
    GUARDING_RECOVER_MS = 60000, /* Without anything fetched, the operator is told. */
    GUARDING_GREET_MS = 10000,   /* So often some of those who are awaited are greeted: */
    GUARDING_GREETED = 3,        /* so many, for one of them is enough. */
};

struct guarding {
    struct guard guard;
    struct guard_peer *peers; /* GUARD_PEERS; NULL if it never asked. */
    struct guard_log *logs;   /* GUARD_LOGS. */
    enum tally_guard told;    /* The state whose consequences were drawn. */
    bool recovers;            /* The operator said so, in this life. */
    uint64_t ticket;          /* Of the command that waits for it; 0. */
    struct tally_mono until;  /* When that command is looked at. */
    uint64_t missing;         /* What was missing then. */
    struct tally_mono greet;  /* When those who have not answered are greeted, while it asks; */
    size_t turn;              /* from this one on. */
};

/* Decides whether to ask; false without memory. After the statements were folded. */
bool guarding_new(struct tally_node *node, struct tally_now now);
void guarding_free(struct guarding *guarding);

/* Somebody was named who may know how far our logs had got. */
void guarding_know(struct tally_node *node, const struct tally_key *key);

/* A key was revoked: whoever took over is asked in its place. */
void guarding_revoked(struct tally_node *node, const struct tally_key *key);

/* Whether a peer that was linked is to be asked, whatever else we want of it. */
bool guarding_asks(const struct tally_node *node, const struct tally_key *key);

/* A peer has told all it holds of our own logs, `count` of them, none larger than ours. */
void guarding_answered(struct tally_node *node, struct tally_now now, const struct tally_key *peer,
                       uint64_t count);

/*
 * Somebody, peer or witness (NULL: nobody one could ask), holds a larger checkpoint of an own log:
 * from now on nothing is signed. The caller has seen our own signature on it, or trusts who says
 * so, as one does a witness of one's own policy. A peer is asked for the checkpoint by stream.
 */
void guarding_larger(struct tally_node *node, struct tally_now now, const struct tally_key *peer,
                     const struct tally_hash *origin_hash, uint64_t size);

/* An own log was brought forward; two signatures of our own contradict each other. */
void guarding_fetched(struct tally_node *node, struct tally_now now,
                      const struct tally_log_view *view);
void guarding_forked(struct tally_node *node, const struct tally_hash *origin_hash);

/* The operator's word, as a statement: appended, and then the guard has passed. */
enum tally_error guarding_confirm(struct tally_node *node, struct tally_now now,
                                  const struct tally_command *command);
/* COMMAND RECOVER. */
void guarding_recover(struct tally_node *node, struct tally_now now,
                      const struct tally_command *command);

struct tally_mono guarding_deadline(const struct guarding *guarding);
void guarding_tick(struct tally_node *node, struct tally_now now);

/* Draws the consequences of what was learnt; at the end of each step. */
void guarding_settle(struct tally_node *node, struct tally_now now);

void guarding_status(const struct tally_node *node, struct tally_node_status *status);

#endif
