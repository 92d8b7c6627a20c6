/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_DISCREPANCY_H
#define TALLY_DISCREPANCY_H
/*
 * A check of what a party showed us that failed, and what becomes of it (formats 5.4, 12). Values
 * and names only; the rules are in core/federation/discrepancy.h.
 */
#include "tally/types.h"

/* Numbers are on the wire: they never change. */
enum tally_discrepancy {
    TALLY_DISCREPANCY_ROOT_MISMATCH,   /* What came does not lead to the root that is claimed. */
    TALLY_DISCREPANCY_ANCHOR_INVALID,  /* An anchor proof fails. */
    TALLY_DISCREPANCY_TIMESTAMP_DRIFT, /* More than TALLY_DRIFT_MS apart. */
    TALLY_DISCREPANCY_SCHEMA_INCOMPATIBLE, /* One name and version, two hashes. */
    TALLY_DISCREPANCY_SAMPLE_MISSING,      /* A receipt asked for is not delivered. */
    TALLY_DISCREPANCY_FORK,                /* Two signatures that contradict each other. */
    TALLY_DISCREPANCY_SIZE_REGRESSION,     /* Smaller now than its issuer signed before. */
    TALLY_DISCREPANCY_SIGNATURE_INVALID,   /* A bad signature in a log. */
    TALLY_DISCREPANCY_TERM_VIOLATION,      /* Shared less, later or more than agreed. */
    TALLY_DISCREPANCIES
};

enum tally_severity {
    TALLY_SEVERITY_INFO,
    TALLY_SEVERITY_WARNING,
    TALLY_SEVERITY_CRITICAL,
    TALLY_SEVERITIES
};

enum tally_discrepancy_state {
    TALLY_DISCREPANCY_OPEN,        /* Raised. */
    TALLY_DISCREPANCY_RESYNC,      /* Other holders are asked; it may resolve itself. */
    TALLY_DISCREPANCY_MANUAL,      /* They gave no answer: an operator is to look. */
    TALLY_DISCREPANCY_ARBITRATION, /* A third party was asked. */
    TALLY_DISCREPANCY_SUSPENDED,   /* The log is neither taken nor shown. */
    TALLY_DISCREPANCY_RESOLVED,
    TALLY_DISCREPANCY_STATES
};

/* By what a discrepancy is being resolved, or was. Numbers are on the wire. */
enum tally_outcome {
    TALLY_OUTCOME_AUTOMATIC,   /* Fetched again, and it agrees. */
    TALLY_OUTCOME_MANUAL,      /* By an operator. */
    TALLY_OUTCOME_ARBITRATION, /* By a third party's verdict. */
    TALLY_OUTCOME_SUSPENSION,  /* By shutting the log out. */
    TALLY_OUTCOMES
};

/* One case, as a node knows it. */
struct tally_discrepancy_view {
    uint64_t index; /* Of its statement in the node's log. */
    enum tally_discrepancy type;
    enum tally_discrepancy_state state;
    enum tally_outcome outcome; /* RESOLVED: by what. */
    struct tally_key party;
    bool has_log;
    struct tally_hash log; /* SHA-256 of the origin. */
};

struct tally_node;

/* The cases that a node remembers, oldest first; false past the last. */
bool tally_node_discrepancy(const struct tally_node *node, size_t index,
                            struct tally_discrepancy_view *view);

/* "root_mismatch", "critical", "open", "automatic": stable words. Never NULL. */
const char *tally_discrepancy_name(enum tally_discrepancy type);
const char *tally_severity_name(enum tally_severity severity);
const char *tally_discrepancy_state_name(enum tally_discrepancy_state state);
const char *tally_outcome_name(enum tally_outcome outcome);

/* How bad a kind is (formats 12). */
enum tally_severity tally_discrepancy_severity(enum tally_discrepancy type);

/* The other way round; false if it is none of these words. */
bool tally_discrepancy_read(const char *text, enum tally_discrepancy *type);
bool tally_discrepancy_state_read(const char *text, enum tally_discrepancy_state *state);
bool tally_outcome_read(const char *text, enum tally_outcome *outcome);

#endif
