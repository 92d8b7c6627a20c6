/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_FEDERATION_H
#define TALLY_FEDERATION_H
/*
 * Who may do what with a node: what its own statements say, folded in their order. Values and names
 * only; the rules are in core/federation (formats 5.3).
 */
#include "tally/types.h"

/* How far a party is trusted. Each level may what those below it may, and more. */
enum tally_trust {
    TALLY_TRUST_ISOLATED,  /* No socket; files only. */
    TALLY_TRUST_OBSERVE,   /* Public checkpoints and receipts. */
    TALLY_TRUST_VERIFY,    /* Also statements: of transfers, signed by both, and about trust. */
    TALLY_TRUST_ATTEST,    /* Also cross-anchors. */
    TALLY_TRUST_INTEGRATE, /* Also mirroring: what it holds of issuers that nobody admitted. */
    TALLY_TRUST_COUNT
};

/* What the peer may do to us (formats 4.6); bits. */
enum tally_role {
    TALLY_ROLE_ANNOUNCE = 1, /* Its announces are taken, its logs are stored. */
    TALLY_ROLE_SERVE = 2,    /* We may pull from it. */
    TALLY_ROLE_REQUEST = 4,  /* It may pull from us. */
    TALLY_ROLES_ALL = 7
};

/* What was said of a key. */
enum tally_party_state {
    TALLY_PARTY_STRANGER, /* Nothing. */
    TALLY_PARTY_ADMITTED,
    TALLY_PARTY_WITHDRAWN,
    TALLY_PARTY_STATES
};

/* What a stranger may. */
enum tally_mode {
    TALLY_MODE_UNSAID, /* Nobody said: open until somebody is admitted, strict from then on. */
    TALLY_MODE_STRICT, /* Nothing. */
    TALLY_MODE_OPEN,   /* All that needs no party: an open mesh. */
    TALLY_MODES
};

/* What became of an offer: what its proposer and the other party said of it, and the clock. */
enum tally_proposal_state {
    TALLY_PROPOSAL_NONE,      /* There is none. */
    TALLY_PROPOSAL_OPEN,      /* Unanswered. */
    TALLY_PROPOSAL_ACCEPTED,  /* Signed by the other; the proposer's signature is awaited. */
    TALLY_PROPOSAL_AGREED,    /* Signed by both. */
    TALLY_PROPOSAL_SIGNED,    /* Signed by its proposer alone: of no effect. */
    TALLY_PROPOSAL_COUNTERED, /* Answered by another offer. */
    TALLY_PROPOSAL_REJECTED,
    TALLY_PROPOSAL_WITHDRAWN, /* Taken back by its proposer. */
    TALLY_PROPOSAL_EXPIRED,   /* Its time passed before both had signed. */
    TALLY_PROPOSAL_STATES
};

/* What holds between two parties. */
enum tally_agreement_state {
    TALLY_AGREEMENT_NONE,
    TALLY_AGREEMENT_ACTIVE, /* Signed by both. */
    TALLY_AGREEMENT_NOTICE, /* Revoked, and not over: read-only. */
    TALLY_AGREEMENT_ENDED,
    TALLY_AGREEMENT_SUSPENDED, /* We proved that the other forked a log, and have not resolved it.
                                */
    TALLY_AGREEMENT_STATES
};

/* Why a key is revoked; the wire's numbers. */
enum tally_revoked_reason {
    TALLY_REVOKED_UNSAID,
    TALLY_REVOKED_SUPERSEDED, /* Another key took over. */
    TALLY_REVOKED_COMPROMISED,
    TALLY_REVOKED_RETIRED, /* Nobody needs it any more. */
    TALLY_REVOKED_REASONS
};

/* Why a proposal was rejected by the node itself; the wire's numbers. */
enum tally_refusal {
    TALLY_REFUSAL_NONE,      /* It was not: an operator did it. */
    TALLY_REFUSAL_CLOSED,    /* Proposals are not accepted. */
    TALLY_REFUSAL_LEVEL,     /* Below the least level. */
    TALLY_REFUSAL_ONE_SIDED, /* One side alone shares. */
    TALLY_REFUSALS
};

struct tally_party {
    struct tally_key key;
    enum tally_party_state state;
    enum tally_trust level;
    uint8_t roles;  /* TALLY_ROLE_*. */
    bool excused;   /* It is not asked to cosign, although its level is high enough. */
    uint64_t index; /* Of the last statement about it, in the log that was folded. */
};

/* What a node's statements come to. */
struct tally_trust_status {
    enum tally_mode mode;
    bool strict;         /* Strangers may nothing. */
    size_t parties;      /* Admitted now. */
    uint64_t statements; /* Folded, those about trust and all others. */
    uint64_t unknown;    /* Of kinds that this version does not know; kept, without effect. */
    uint64_t refused;    /* Malformed, not permitted, of others. */
    uint64_t lost;       /* Could not be read. */
    uint64_t refusals[TALLY_REFUSALS]; /* Proposals that this node rejected, by reason. */
    struct tally_hash hash;   /* Of the state: equal on machines that folded the same statements. */
    struct tally_hash agreed; /* Of agreements with others: equal where the same of all logs is. */
};

/* Stable words, lower case. Never NULL. */
const char *tally_trust_name(enum tally_trust level);
const char *tally_party_state_name(enum tally_party_state state);
const char *tally_mode_name(enum tally_mode mode);
const char *tally_proposal_state_name(enum tally_proposal_state state);
const char *tally_agreement_state_name(enum tally_agreement_state state);
const char *tally_refusal_name(enum tally_refusal refusal);
/* The end of «it was refused: …». */
const char *tally_refusal_text(enum tally_refusal refusal);
const char *tally_revoked_reason_name(enum tally_revoked_reason reason);

/* "announce,serve", "none": into room for TALLY_ROLES_TEXT bytes. */
enum { TALLY_ROLES_TEXT = 32 };
void tally_roles_write(uint8_t roles, char text[TALLY_ROLES_TEXT]);

/* The other way round; false if it is none of these words. */
bool tally_trust_read(const char *text, enum tally_trust *level);
bool tally_roles_read(const char *text, uint8_t *roles);
bool tally_revoked_reason_read(const char *text, enum tally_revoked_reason *reason);

#endif
