/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/final.h"

#include "cmd/print.h"
#include "core/base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void final_close(struct final *final)
{
    free(final->bytes);
    free(final->policy);
}

bool final_open(struct final *final, struct call *call, const char *path, enum exit_code *code)
{
    size_t size, line;
    *final = (struct final){.call = call, .path = path, .policy = malloc(sizeof *final->policy)};
    if (final->policy == NULL) {
        *code = call_fail_with(call, EXIT_FAILED, TALLY_NO_MEMORY, path, "out of memory");
        return false;
    }
    final->bytes = shelf_slurp(call, path, TALLY_POLICY_BYTES_MAX, &size, code);
    if (final->bytes == NULL)
        return false;
    enum tally_policy_fault fault =
        tally_policy_read(bytes_of(final->bytes, size), final->policy, &line);
    if (fault == TALLY_POLICY_GOOD)
        return true;
    char where[PATHS_MAX + 32];
    (void)snprintf(where, sizeof where, "%.1000s:%zu", path, line);
    *code = call_fail_with(call, EXIT_CONFIGURATION, TALLY_MALFORMED, line > 0 ? where : path,
                           "%.1000s is no policy: %s", line > 0 ? where : path,
                           tally_policy_text(fault));
    return false;
}

bool final_of(struct final *final, struct call *call, const char *data, enum exit_code *code)
{
    static char path[PATHS_MAX + 16];
    const char *named = call_option(call, "policy");
    *final = (struct final){.call = call};
    if (named == NULL) {
        (void)snprintf(path, sizeof path, "%s/policy", data);
        if (access(path, F_OK) != 0)
            return true;
        named = path;
    }
    return final_open(final, call, named, code);
}

/* ---- Reasons ---- */

/* Text that grows as long as there is room. */
struct text {
    char *at;
    size_t left;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text->at, text->left, format, arguments);
    va_end(arguments);
    size_t used = size < 0 ? 0 : (size_t)size;
    if (used >= text->left)
        used = text->left > 0 ? text->left - 1 : 0;
    text->at += used;
    text->left -= used;
}

/* Members of a group that are there, or are missing, by name. */
static unsigned add_members(struct text *text, const struct tally_policy *policy,
                            const struct tally_finality *finality, int group, bool met)
{
    unsigned count = 0;
    for (size_t i = 0; i < policy->witness_count; i++)
        if (policy->witnesses[i].group == group && finality->marks[i].good == met)
            add(text, "%s%.*s", count++ > 0 ? ", " : "", (int)policy->witnesses[i].name.size,
                (const char *)policy->witnesses[i].name.data);
    for (size_t i = 0; i < policy->group_count; i++)
        if (policy->groups[i].group == group &&
            (finality->good[i] >= policy->groups[i].threshold) == met)
            add(text, "%s%.*s", count++ > 0 ? ", " : "", (int)policy->groups[i].name.size,
                (const char *)policy->groups[i].name.data);
    return count;
}

static void add_quorum(struct text *text, const struct tally_policy *policy,
                       const struct tally_finality *finality)
{
    bool met = finality->verdict == TALLY_FINAL;
    if (policy->quorum == TALLY_POLICY_NONE) {
        add(text, "final: the log signed it, and the policy asks for no witness");
        return;
    }
    if (policy->quorum_is_witness) {
        const struct tally_bytes name = policy->witnesses[policy->quorum].name;
        add(text,
            met ? "final because witness %.*s cosigned" : "not final: witness %.*s is missing",
            (int)name.size, (const char *)name.data);
        return;
    }
    const struct tally_policy_group *group = &policy->groups[policy->quorum];
    if (met) {
        add(text, "final because ");
        (void)add_members(text, policy, finality, policy->quorum, true);
        add(text, " of group %.*s (%u of %u) cosigned", (int)group->name.size,
            (const char *)group->name.data, group->threshold, group->count);
        return;
    }
    add(text, "not final: group %.*s needs %u of %u and has %u; missing: ", (int)group->name.size,
        (const char *)group->name.data, group->threshold, group->count,
        finality->good[policy->quorum]);
    (void)add_members(text, policy, finality, policy->quorum, false);
}

void final_sentence(const struct tally_policy *policy, const struct tally_finality *finality,
                    char *text, size_t size)
{
    struct text out = {text, size};
    switch (finality->verdict) {
    case TALLY_FINAL:
    case TALLY_FINAL_QUORUM:
        add_quorum(&out, policy, finality);
        return;
    case TALLY_FINAL_LOG:
        add(&out, "the policy does not speak of this log");
        return;
    case TALLY_FINAL_UNSIGNED:
        add(&out, "no log key of the policy signed it");
        return;
    case TALLY_FINAL_FORGED:
        add(&out, "a signature of a key that the policy names is wrong");
        return;
    case TALLY_FINAL_MALFORMED:
    case TALLY_FINAL_VERDICTS:
        add(&out, "it is no signed checkpoint");
        return;
    }
}

static json_t *witnesses_object(const struct tally_policy *policy,
                                const struct tally_finality *finality)
{
    json_t *list = json_array();
    for (size_t i = 0; i < policy->witness_count; i++) {
        const struct tally_mark *mark = &finality->marks[i];
        char time[PRINT_TIME] = "";
        if (mark->good)
            print_time((struct tally_wall){(int64_t)mark->time_s * 1000000}, time);
        (void)json_array_append_new(list, json_pack("{s:o, s:b, s:o}", "name",
                                                    print_json_text(policy->witnesses[i].name),
                                                    "cosigned", mark->good, "time",
                                                    mark->good ? json_string(time) : json_null()));
    }
    return list;
}

json_t *final_object(const struct final *final, const struct tally_finality *finality)
{
    char sentence[1024];
    final_sentence(final->policy, finality, sentence, sizeof sentence);
    bool known = finality->verdict == TALLY_FINAL || finality->verdict == TALLY_FINAL_QUORUM;
    return json_pack("{s:s, s:b, s:s, s:s, s:I, s:o}", "policy", final->path, "final",
                     finality->verdict == TALLY_FINAL, "verdict",
                     tally_final_name(finality->verdict), "reason", sentence, "size",
                     known ? (json_int_t)finality->checkpoint.size : 0, "witnesses",
                     witnesses_object(final->policy, finality));
}

enum exit_code final_code(const struct tally_finality *finality)
{
    switch (finality->verdict) {
    case TALLY_FINAL:
        return EXIT_DONE;
    case TALLY_FINAL_QUORUM:
    case TALLY_FINAL_LOG:
        return EXIT_POLICY;
    case TALLY_FINAL_UNSIGNED:
    case TALLY_FINAL_FORGED:
    case TALLY_FINAL_MALFORMED:
    case TALLY_FINAL_VERDICTS:
        break;
    }
    return EXIT_UNVERIFIED;
}
