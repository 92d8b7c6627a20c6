/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H
/*
 * The language of stories (protocols 11.3). Reading makes a list of lines in the order of the file;
 * running is story.h. Nodes are counted from 1 in the text and from 0 here.
 */
#include "adversary.h"
#include "core/federation/words.h"
#include "tally/discrepancy.h"

enum { SCENARIO_NODES_MAX = 1000000, SCENARIO_APPEND_MAX = 1000000 };

enum verb {
    VERB_LINK,
    VERB_CLOCK,
    VERB_DISK,
    VERB_APPEND,
    VERB_SEAL,
    VERB_PARTITION,
    VERB_CUT,
    VERB_HEAL,
    VERB_CRASH,
    VERB_RESTART,
    VERB_SUSPEND,
    VERB_STEP,
    VERB_LIE,
    VERB_JOIN,
    VERB_LEAVE,
    VERB_BACKUP,
    VERB_RESTORE,
    VERB_RECOVER,
    VERB_NAT,
    VERB_LAN,
    VERB_MOVE,
    VERB_GATEWAY,
    VERB_PROFILE,
    VERB_BOOTSTRAP,
    VERB_DOMAIN,
    VERB_FLAP,
    VERB_STATE,
    VERB_EXPECT,
};

enum condition {
    CONDITION_CONVERGED, /* Honest nodes hold the same checkpoints of honest issuers, all sealed but
                            for what only tells of transfers, which waits for company. */
    CONDITION_DIVERGED,  /* They do not. */
    CONDITION_FORK,      /* Each honest node holds evidence against a log of `who`. */
    CONDITION_HOLDS,     /* `who` holds at least `count` receipts of `other`. */
    CONDITION_DROPS,     /* `who` dropped at least `count` for that reason. */
    CONDITION_CONFIRMED, /* `who` and `other` confirmed a transfer to each other. */
    CONDITION_LINKED,    /* `who` and `other` have a link, both say. */
    CONDITION_REACHED,   /* `who` got through its box what it had not asked for, or is linked with
                            a node outside its LAN that nobody named to it. */
    CONDITION_DETECTED,  /* `who` is gone, and no honest node takes it for linked any more. */
    CONDITION_FOLDED,    /* What `who` stated comes to the same in it and wherever all of it is. */
    CONDITION_FOLDS,     /* What all stated comes to the same for `who` on all disks, and in it. */
    CONDITION_DISPUTED,  /* `who` stated a discrepancy of that kind, in that state, against `other`.
                          */
    CONDITION_TRAFFIC,   /* `who` sent at most `count` bytes a second of late. */
    CONDITION_REVOKED,   /* Each honest node that runs knows that the key of `who` is revoked. */
    CONDITION_SUCCEEDED, /* `who` runs under no key that it ended: another one took over. */
    CONDITION_GUARDED,   /* `who` learned that it signed more than it holds, and signs no more. */
    CONDITION_REFUSED,  /* The last offer of `who` to `other` was rejected by a policy: both say. */
    CONDITION_AGREED,   /* `who` and `other` hold the same agreement to be active. */
    CONDITION_COSIGNED, /* `other` cosigned a log of `who`, not of statements, up to `count`. */
    CONDITION_COUNT
};

/* A link's options as far as the line names them. */
struct link_change {
    struct link_options values;
    bool delay, loss, duplicate, reorder, corrupt, replay, rate, mtu;
};

struct line {
    uint32_t number;                    /* In the file. */
    char *text;                         /* As it stands there; ours. */
    uint64_t at_us, every_us, until_us; /* every 0: once. until UINT64_MAX: to the end. */
    bool timed;                         /* Else it is setup, or final. */
    enum verb verb;
    struct range who, other; /* Slots. */
    bool everywhere;         /* LINK without nodes. */
    uint32_t count;
    char name[TALLY_NAMESPACE_MAX + 1];
    struct range size;
    struct link_change link;
    struct disk_setting disk;
    int64_t offset_us; /* CLOCK, STEP. */
    int32_t drift_ppm;
    uint64_t us;       /* SUSPEND. */
    uint32_t *islands; /* PARTITION, one a node; ours. */
    enum lie lie;
    struct lan_box box; /* NAT; */
    bool each;          /* one for each node. */
    bool silent;        /* GATEWAY, DOMAIN. */
    bool held;          /* RESTORE: only if all others hold what it signed. */
    bool renumber;      /* GATEWAY. */
    bool succeeded;     /* STATE: another key takes over from the revoked one. */
    bool keyless;       /* DOMAIN. */
    char domain[TALLY_DOMAIN_MAX + 1];
    enum tally_profile profile;
    uint32_t *list; /* BOOTSTRAP, DOMAIN: slots; ours. */
    size_t list_count, list_capacity;
    uint64_t closed_us;         /* FLAP; open for `us`. */
    struct fed_statement state; /* STATE: by `who`, about each of `other`. */
    bool negated;
    enum condition condition;
    enum tally_drop drop;
    enum tally_discrepancy dispute;
    enum tally_discrepancy_state stage; /* STATES: any. */
    uint64_t within_us;                 /* EXPECT, RECOVER. */
};

struct scenario {
    struct world_options options;
    struct line *lines;
    size_t count, capacity;
};

/*
 * Reads a story; `name` is for messages. On failure *scenario is empty and message is one sentence
 * with the line: «partition.scn:7: unknown node n9: there are 6».
 */
bool scenario_read(struct scenario *scenario, const char *name, const char *text, char *message,
                   size_t size);
void scenario_free(struct scenario *scenario);

#endif
