/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_POLICY_H
#define TALLY_POLICY_H
/*
 * Policy files (C2SP tlog-policy): which logs, which witnesses, and how many of them make a
 * checkpoint final to whoever wrote the file. Log chapter, section 7. A policy decides what is
 * FINAL, never what is kept.
 */
#include "tally/note.h"

enum {
    TALLY_POLICY_LOGS_MAX = 256, /* log.md 7: at least 32 of each kind; we take as many as this. */
    TALLY_POLICY_WITNESSES_MAX = 256,
    TALLY_POLICY_GROUPS_MAX = 256,
    TALLY_POLICY_MEMBERS_MAX = TALLY_POLICY_WITNESSES_MAX + TALLY_POLICY_GROUPS_MAX,
    TALLY_POLICY_BYTES_MAX = 512 << 10,
    TALLY_POLICY_NONE = -1, /* A quorum of nobody. */
};

/* Why a policy is refused; the line says where. */
#define TALLY_POLICY_FAULTS(X)                                                                     \
    X(GOOD, "the policy is good")                                                                  \
    X(BYTES, "a byte that may not stand in a policy: only tabs, spaces, printable ASCII, UTF-8")   \
    X(KEYWORD, "the line begins with none of log, witness, group, quorum")                         \
    X(FIELDS, "the line has too few or too many words")                                            \
    X(LOG_KEY, "the log's key is no vkey of type 01")                                              \
    X(WITNESS_KEY, "the witness's key is no vkey of type 04")                                      \
    X(LOG_TWICE, "another log line has this public key")                                           \
    X(WITNESS_TWICE, "another witness line has this public key")                                   \
    X(NAME_TWICE, "the name is in use on an earlier line")                                         \
    X(NAME_NONE, "the name none is reserved")                                                      \
    X(UNDEFINED, "a name that no earlier line defines")                                            \
    X(MEMBER_TWICE, "a name is a member of more than one group, or twice of one")                  \
    X(THRESHOLD, "the threshold is not any, all or a number of 1 up to the members")               \
    X(QUORUM_TWICE, "there is another quorum line")                                                \
    X(QUORUM_MISSING, "there is no quorum line")                                                   \
    X(TOO_MANY, "more than 256 logs, witnesses or groups, or too large a file")

enum tally_policy_fault {
#define X(name, text) TALLY_POLICY_##name,
    TALLY_POLICY_FAULTS(X)
#undef X
};

const char *tally_policy_text(enum tally_policy_fault fault);

struct tally_policy_log {
    struct tally_vkey vkey;
    struct tally_bytes url; /* Empty: none. */
};

struct tally_policy_witness {
    struct tally_bytes name;
    struct tally_vkey vkey;
    struct tally_bytes url;
    int group; /* That it is a member of; NONE. */
};

struct tally_policy_group {
    struct tally_bytes name;
    unsigned threshold, count; /* So many of so many members. */
    int group;                 /* That it is a member of; NONE. */
};

/* Views lie in the bytes that were read. Some 200 KiB: not for a stack. */
struct tally_policy {
    size_t log_count, witness_count, group_count;
    struct tally_policy_log logs[TALLY_POLICY_LOGS_MAX];
    struct tally_policy_witness witnesses[TALLY_POLICY_WITNESSES_MAX];
    struct tally_policy_group groups[TALLY_POLICY_GROUPS_MAX];
    bool has_quorum, quorum_is_witness;
    int quorum; /* A group, or a witness; NONE: nobody need cosign. */
};

/* GOOD, or what is wrong with line *line (from 1; 0: with the whole). */
enum tally_policy_fault tally_policy_read(struct tally_bytes bytes, struct tally_policy *policy,
                                          size_t *line);

/* What a policy makes of one checkpoint. */
enum tally_final {
    TALLY_FINAL,           /* Signed by a listed log, and the quorum is met. */
    TALLY_FINAL_QUORUM,    /* Not yet: cosigners are missing. */
    TALLY_FINAL_LOG,       /* The policy does not speak of this log. */
    TALLY_FINAL_UNSIGNED,  /* No listed log key signed it. */
    TALLY_FINAL_FORGED,    /* A known key's line is wrong: the whole note is refused. */
    TALLY_FINAL_MALFORMED, /* Not a checkpoint. */
    TALLY_FINAL_VERDICTS
};

struct tally_finality {
    enum tally_final verdict;
    struct tally_checkpoint checkpoint;
    int log;                                             /* Which; NONE. */
    struct tally_mark marks[TALLY_POLICY_WITNESSES_MAX]; /* Who cosigned, and when. */
    unsigned good[TALLY_POLICY_GROUPS_MAX];              /* Members of each group that are met. */
};

/*
 * Judges a signed checkpoint. A policy without any log line speaks of each log whose key follows
 * from its origin; with log lines, of those whose key name is the origin. Cosignatures of more than
 * TALLY_WITNESS_AHEAD_S ahead of now_s do not count (0: whatever the time).
 */
void tally_policy_judge(const struct tally_policy *policy, struct tally_bytes note, uint64_t now_s,
                        const struct tally_crypto *crypto, struct tally_finality *finality);

/* Whether the quorum is met by these marks, one for each witness of the policy. `good` as above. */
bool tally_policy_met(const struct tally_policy *policy, const struct tally_mark *marks,
                      unsigned good[TALLY_POLICY_GROUPS_MAX]);

/* "final", "quorum", "log", "unsigned", "forged", "malformed". */
const char *tally_final_name(enum tally_final verdict);

#endif
