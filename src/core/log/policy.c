/* SPDX-License-Identifier: Apache-2.0 */
#include "tally/policy.h"

#include "core/base/bytes.h"
#include "core/log/lines.h"
#include "tally/log.h"
#include "tally/witness.h"

enum { NONE = TALLY_POLICY_NONE };

const char *tally_policy_text(enum tally_policy_fault fault)
{
    switch (fault) {
#define X(name, text)                                                                              \
    case TALLY_POLICY_##name:                                                                      \
        return text;
        TALLY_POLICY_FAULTS(X)
#undef X
    }
    return "unknown";
}

const char *tally_final_name(enum tally_final verdict)
{
    static const char *const names[TALLY_FINAL_VERDICTS] = {
        [TALLY_FINAL] = "final",         [TALLY_FINAL_QUORUM] = "quorum",
        [TALLY_FINAL_LOG] = "log",       [TALLY_FINAL_UNSIGNED] = "unsigned",
        [TALLY_FINAL_FORGED] = "forged", [TALLY_FINAL_MALFORMED] = "malformed",
    };
    return verdict < TALLY_FINAL_VERDICTS ? names[verdict] : "unknown";
}

/* ---- Words of a line; separators are tab and space only. ---- */

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

static bool word_take(struct tally_bytes *rest, struct tally_bytes *word)
{
    while (rest->size > 0 && is_space(*rest->data))
        *rest = bytes_of(rest->data + 1, rest->size - 1);
    size_t size = 0;
    while (size < rest->size && !is_space(rest->data[size]))
        size++;
    *word = bytes_of(rest->data, size);
    *rest = bytes_of(rest->data + size, rest->size - size);
    return size > 0;
}

/* The last, optional word; false if more follows. */
static bool word_last(struct tally_bytes *rest, struct tally_bytes *word)
{
    struct tally_bytes more;
    if (!word_take(rest, word))
        *word = bytes_of(NULL, 0);
    return !word_take(rest, &more);
}

static bool is(struct tally_bytes word, const char *text)
{
    return bytes_equal(word, bytes_text(text));
}

static bool bytes_allowed(struct tally_bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t byte = bytes.data[i];
        if (byte != '\t' && byte != '\n' && (byte < 0x20 || byte == 0x7f))
            return false;
    }
    return true;
}

/* ---- Names: witnesses and groups share one space. ---- */

static int witness_named(const struct tally_policy *policy, struct tally_bytes name)
{
    for (size_t i = 0; i < policy->witness_count; i++)
        if (bytes_equal(policy->witnesses[i].name, name))
            return (int)i;
    return NONE;
}

static int group_named(const struct tally_policy *policy, struct tally_bytes name)
{
    for (size_t i = 0; i < policy->group_count; i++)
        if (bytes_equal(policy->groups[i].name, name))
            return (int)i;
    return NONE;
}

static enum tally_policy_fault name_new(const struct tally_policy *policy, struct tally_bytes name)
{
    if (is(name, "none"))
        return TALLY_POLICY_NAME_NONE;
    return witness_named(policy, name) == NONE && group_named(policy, name) == NONE
               ? TALLY_POLICY_GOOD
               : TALLY_POLICY_NAME_TWICE;
}

/* ---- Lines. ---- */

static enum tally_policy_fault read_log(struct tally_policy *policy, struct tally_bytes rest)
{
    struct tally_bytes vkey;
    struct tally_policy_log *log = &policy->logs[policy->log_count];
    if (policy->log_count == TALLY_POLICY_LOGS_MAX)
        return TALLY_POLICY_TOO_MANY;
    if (!word_take(&rest, &vkey) || !word_last(&rest, &log->url))
        return TALLY_POLICY_FIELDS;
    if (!tally_vkey_read(vkey, &log->vkey) || log->vkey.type != TALLY_VKEY_LOG)
        return TALLY_POLICY_LOG_KEY;
    for (size_t i = 0; i < policy->log_count; i++)
        if (key_equal(&policy->logs[i].vkey.key, &log->vkey.key))
            return TALLY_POLICY_LOG_TWICE;
    policy->log_count++;
    return TALLY_POLICY_GOOD;
}

static enum tally_policy_fault read_witness(struct tally_policy *policy, struct tally_bytes rest)
{
    struct tally_bytes vkey;
    struct tally_policy_witness *witness = &policy->witnesses[policy->witness_count];
    if (policy->witness_count == TALLY_POLICY_WITNESSES_MAX)
        return TALLY_POLICY_TOO_MANY;
    if (!word_take(&rest, &witness->name) || !word_take(&rest, &vkey) ||
        !word_last(&rest, &witness->url))
        return TALLY_POLICY_FIELDS;
    enum tally_policy_fault fault = name_new(policy, witness->name);
    if (fault != TALLY_POLICY_GOOD)
        return fault;
    if (!tally_vkey_read(vkey, &witness->vkey) || witness->vkey.type != TALLY_VKEY_COSIGNER)
        return TALLY_POLICY_WITNESS_KEY;
    for (size_t i = 0; i < policy->witness_count; i++)
        if (key_equal(&policy->witnesses[i].vkey.key, &witness->vkey.key))
            return TALLY_POLICY_WITNESS_TWICE;
    witness->group = NONE;
    policy->witness_count++;
    return TALLY_POLICY_GOOD;
}

/* Makes a name a member of the group that is being read. */
static enum tally_policy_fault member_add(struct tally_policy *policy, struct tally_bytes name)
{
    int number = (int)policy->group_count;
    int witness = witness_named(policy, name), group = group_named(policy, name);
    if (witness == NONE && group == NONE)
        return TALLY_POLICY_UNDEFINED;
    int *of = witness != NONE ? &policy->witnesses[witness].group : &policy->groups[group].group;
    if (*of != NONE)
        return TALLY_POLICY_MEMBER_TWICE;
    *of = number;
    return TALLY_POLICY_GOOD;
}

static bool threshold_read(struct tally_bytes word, unsigned count, unsigned *threshold)
{
    uint64_t number = 1;
    if (is(word, "all"))
        number = count;
    else if (!is(word, "any") && !lines_read_number(word, &number))
        return false;
    *threshold = (unsigned)number;
    return number >= 1 && number <= count;
}

static enum tally_policy_fault read_group(struct tally_policy *policy, struct tally_bytes rest)
{
    struct tally_bytes threshold, member;
    struct tally_policy_group *group = &policy->groups[policy->group_count];
    if (policy->group_count == TALLY_POLICY_GROUPS_MAX)
        return TALLY_POLICY_TOO_MANY;
    *group = (struct tally_policy_group){.group = NONE};
    if (!word_take(&rest, &group->name) || !word_take(&rest, &threshold))
        return TALLY_POLICY_FIELDS;
    enum tally_policy_fault fault = name_new(policy, group->name);
    while (fault == TALLY_POLICY_GOOD && word_take(&rest, &member)) {
        fault = member_add(policy, member);
        group->count++;
    }
    if (fault != TALLY_POLICY_GOOD)
        return fault;
    if (group->count == 0)
        return TALLY_POLICY_FIELDS;
    if (!threshold_read(threshold, group->count, &group->threshold))
        return TALLY_POLICY_THRESHOLD;
    policy->group_count++;
    return TALLY_POLICY_GOOD;
}

static enum tally_policy_fault read_quorum(struct tally_policy *policy, struct tally_bytes rest)
{
    struct tally_bytes name, more;
    if (!word_take(&rest, &name) || word_take(&rest, &more))
        return TALLY_POLICY_FIELDS;
    if (policy->has_quorum)
        return TALLY_POLICY_QUORUM_TWICE;
    policy->has_quorum = true;
    if (is(name, "none"))
        return TALLY_POLICY_GOOD;
    policy->quorum = group_named(policy, name);
    if (policy->quorum == NONE) {
        policy->quorum = witness_named(policy, name);
        policy->quorum_is_witness = policy->quorum != NONE;
    }
    return policy->quorum != NONE ? TALLY_POLICY_GOOD : TALLY_POLICY_UNDEFINED;
}

static enum tally_policy_fault read_line(struct tally_policy *policy, struct tally_bytes line)
{
    struct tally_bytes rest = line, keyword;
    if (!bytes_allowed(line))
        return TALLY_POLICY_BYTES;
    if (line.size > 0 && line.data[0] == '#')
        return TALLY_POLICY_GOOD;
    if (!word_take(&rest, &keyword))
        return TALLY_POLICY_GOOD; /* An empty line. */
    if (is(keyword, "log"))
        return read_log(policy, rest);
    if (is(keyword, "witness"))
        return read_witness(policy, rest);
    if (is(keyword, "group"))
        return read_group(policy, rest);
    return is(keyword, "quorum") ? read_quorum(policy, rest) : TALLY_POLICY_KEYWORD;
}

enum tally_policy_fault tally_policy_read(struct tally_bytes bytes, struct tally_policy *policy,
                                          size_t *line)
{
    struct tally_bytes rest = bytes, text;
    policy->log_count = policy->witness_count = policy->group_count = 0;
    policy->has_quorum = policy->quorum_is_witness = false;
    policy->quorum = NONE;
    *line = 0;
    if (bytes.size > TALLY_POLICY_BYTES_MAX)
        return TALLY_POLICY_TOO_MANY;
    while (rest.size > 0) {
        ++*line;
        if (!lines_take(&rest, &text)) {
            text = rest; /* The last line may lack its \n: editors leave it out. */
            rest = bytes_of(NULL, 0);
        }
        enum tally_policy_fault fault = read_line(policy, text);
        if (fault != TALLY_POLICY_GOOD)
            return fault;
    }
    *line = 0;
    return policy->has_quorum ? TALLY_POLICY_GOOD : TALLY_POLICY_QUORUM_MISSING;
}

/* ---- Judging. ---- */

bool tally_policy_met(const struct tally_policy *policy, const struct tally_mark *marks,
                      unsigned good[TALLY_POLICY_GROUPS_MAX])
{
    for (size_t i = 0; i < policy->group_count; i++)
        good[i] = 0;
    for (size_t i = 0; i < policy->witness_count; i++)
        if (marks[i].good && policy->witnesses[i].group != NONE)
            good[policy->witnesses[i].group]++;
    /* A group's members stand on earlier lines: each is counted before its own group is. */
    for (size_t i = 0; i < policy->group_count; i++)
        if (good[i] >= policy->groups[i].threshold && policy->groups[i].group != NONE)
            good[policy->groups[i].group]++;
    if (policy->quorum == NONE)
        return true;
    return policy->quorum_is_witness
               ? marks[policy->quorum].good
               : good[policy->quorum] >= policy->groups[policy->quorum].threshold;
}

static enum tally_final judge_log(const struct tally_policy *policy, const struct tally_note *note,
                                  const struct tally_crypto *crypto,
                                  struct tally_finality *finality)
{
    struct tally_bytes origin = finality->checkpoint.origin;
    struct tally_vkey implied;
    enum tally_drop drop = TALLY_DROP_KEY;
    if (policy->log_count == 0) {
        if (!tally_vkey_of_origin(&implied, origin))
            return TALLY_FINAL_LOG;
        drop = tally_note_verify(note, &implied, 1, crypto, NULL);
    }
    bool listed = policy->log_count == 0;
    for (size_t i = 0; i < policy->log_count && drop == TALLY_DROP_KEY; i++) {
        if (!bytes_equal(bytes_text(policy->logs[i].vkey.name), origin))
            continue;
        listed = true;
        drop = tally_note_verify(note, &policy->logs[i].vkey, 1, crypto, NULL);
        if (drop == TALLY_DROP_NONE)
            finality->log = (int)i;
    }
    if (!listed)
        return TALLY_FINAL_LOG;
    if (drop == TALLY_DROP_NONE)
        return TALLY_FINAL;
    return drop == TALLY_DROP_FORGED ? TALLY_FINAL_FORGED : TALLY_FINAL_UNSIGNED;
}

void tally_policy_judge(const struct tally_policy *policy, struct tally_bytes note, uint64_t now_s,
                        const struct tally_crypto *crypto, struct tally_finality *finality)
{
    struct tally_note read;
    memset(finality, 0, sizeof *finality);
    finality->log = NONE;
    finality->verdict = TALLY_FINAL_MALFORMED;
    if (tally_note_read(note, &read) != TALLY_DROP_NONE ||
        tally_checkpoint_read(read.text, &finality->checkpoint) != TALLY_DROP_NONE)
        return;
    finality->verdict = judge_log(policy, &read, crypto, finality);
    if (finality->verdict != TALLY_FINAL)
        return;
    for (size_t i = 0; i < policy->witness_count; i++) {
        struct tally_mark *mark = &finality->marks[i];
        /* C2SP signed-note: one wrong line of a known key refuses the whole note. */
        if (tally_note_verify(&read, &policy->witnesses[i].vkey, 1, crypto, mark) ==
            TALLY_DROP_FORGED) {
            finality->verdict = TALLY_FINAL_FORGED;
            return;
        }
        if (now_s > 0 && mark->time_s > now_s + TALLY_WITNESS_AHEAD_S)
            mark->good = false;
    }
    if (!tally_policy_met(policy, finality->marks, finality->good))
        finality->verdict = TALLY_FINAL_QUORUM;
}
