/* SPDX-License-Identifier: Apache-2.0 */
/* tally policy show, check: C2SP tlog-policy files. */
#include "cmd/final.h"
#include "cmd/print.h"
#include "cmd/verbs.h"
#include "core/base/bytes.h"
#include "host/config/keys.h"
#include "tally/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

enum { NOTE_FILE_MAX = TALLY_NOTE_MAX + TALLY_PROOF_HEAD_MAX + 4096 };

/* ---- Show ---- */

static const char *group_name(const struct tally_policy *policy, int group, char text[64])
{
    if (group == TALLY_POLICY_NONE)
        return "";
    (void)snprintf(text, 64, "%.*s", (int)policy->groups[group].name.size,
                   (const char *)policy->groups[group].name.data);
    return text;
}

static void show_text(const struct tally_policy *policy)
{
    char vkey[TALLY_VKEY_MAX], of[64];
    for (size_t i = 0; i < policy->log_count; i++) {
        (void)tally_vkey_write(&policy->logs[i].vkey, vkey);
        (void)printf("log      %s\n", vkey);
    }
    if (policy->log_count == 0)
        (void)printf("log      any whose key follows from its origin\n");
    for (size_t i = 0; i < policy->witness_count; i++) {
        const struct tally_policy_witness *witness = &policy->witnesses[i];
        (void)tally_vkey_write(&witness->vkey, vkey);
        (void)printf("witness  ");
        print_escaped(stdout, (const char *)witness->name.data, witness->name.size);
        (void)printf("  %s  %s\n", vkey, group_name(policy, witness->group, of));
    }
    for (size_t i = 0; i < policy->group_count; i++) {
        const struct tally_policy_group *group = &policy->groups[i];
        (void)printf("group    ");
        print_escaped(stdout, (const char *)group->name.data, group->name.size);
        (void)printf("  %u of %u  %s\n", group->threshold, group->count,
                     group_name(policy, group->group, of));
    }
    struct tally_bytes quorum = bytes_text("none");
    if (policy->quorum != TALLY_POLICY_NONE)
        quorum = policy->quorum_is_witness ? policy->witnesses[policy->quorum].name
                                           : policy->groups[policy->quorum].name;
    (void)printf("quorum   ");
    print_escaped(stdout, (const char *)quorum.data, quorum.size);
    (void)printf("\n");
}

static json_t *witness_object(const struct tally_policy *policy, size_t index)
{
    char vkey[TALLY_VKEY_MAX], of[64];
    const struct tally_policy_witness *witness = &policy->witnesses[index];
    (void)tally_vkey_write(&witness->vkey, vkey);
    return json_pack("{s:o, s:s, s:o, s:s}", "name", print_json_text(witness->name), "vkey", vkey,
                     "url", witness->url.size > 0 ? print_json_text(witness->url) : json_null(),
                     "group", group_name(policy, witness->group, of));
}

static void show_json(const struct tally_policy *policy)
{
    char vkey[TALLY_VKEY_MAX], of[64];
    json_t *object = print_object("policy/1");
    json_t *logs = json_array(), *witnesses = json_array(), *groups = json_array();
    for (size_t i = 0; i < policy->log_count; i++) {
        (void)tally_vkey_write(&policy->logs[i].vkey, vkey);
        (void)json_array_append_new(logs, json_string(vkey));
    }
    for (size_t i = 0; i < policy->witness_count; i++)
        (void)json_array_append_new(witnesses, witness_object(policy, i));
    for (size_t i = 0; i < policy->group_count; i++)
        (void)json_array_append_new(groups,
                                    json_pack("{s:o, s:i, s:i, s:s}", "name",
                                              print_json_text(policy->groups[i].name), "threshold",
                                              (int)policy->groups[i].threshold, "members",
                                              (int)policy->groups[i].count, "group",
                                              group_name(policy, policy->groups[i].group, of)));
    (void)json_object_set_new(object, "logs", logs);
    (void)json_object_set_new(object, "witnesses", witnesses);
    (void)json_object_set_new(object, "groups", groups);
    json_t *quorum = json_null();
    if (policy->quorum != TALLY_POLICY_NONE)
        quorum = print_json_text(policy->quorum_is_witness ? policy->witnesses[policy->quorum].name
                                                           : policy->groups[policy->quorum].name);
    (void)json_object_set_new(object, "quorum", quorum);
    print_json(object);
}

enum exit_code verb_policy_show(struct call *call)
{
    struct final final;
    enum exit_code code = EXIT_DONE;
    if (final_open(&final, call, call->operands[0], &code)) {
        if (call->json)
            show_json(final.policy);
        else
            show_text(final.policy);
    }
    final_close(&final);
    return code;
}

/* ---- Check ---- */

static enum exit_code check(const struct final *final, struct tally_bytes file)
{
    struct call *call = final->call;
    const struct tally_crypto crypto = keys_verifier();
    struct tally_finality *finality = malloc(sizeof *finality);
    struct tally_proof proof;
    char sentence[1024];
    if (finality == NULL)
        return call_fail_with(call, EXIT_FAILED, TALLY_NO_MEMORY, NULL, "out of memory");
    /* A proof carries the checkpoint; whether its path holds is tally proof check's to say. */
    if (tally_proof_read(file, &proof) == TALLY_DROP_NONE)
        file = proof.note;
    uint64_t now_s = (uint64_t)time(NULL);
    tally_policy_judge(final->policy, file, now_s, &crypto, finality);
    final_sentence(final->policy, finality, sentence, sizeof sentence);
    enum exit_code code = final_code(finality);
    if (call->json && code != EXIT_UNVERIFIED) {
        json_t *object = print_object("policy-check/1");
        (void)json_object_update_new(object, final_object(final, finality));
        print_json(object);
    } else if (code == EXIT_UNVERIFIED) {
        code = call_fail_with(call, code, TALLY_MISMATCH, call->operands[1],
                              "%.1000s does not verify: %s", call->operands[1], sentence);
    } else {
        (void)printf("%s\nsize %" PRIu64 " of ", sentence, finality->checkpoint.size);
        print_escaped(stdout, (const char *)finality->checkpoint.origin.data,
                      finality->checkpoint.origin.size);
        (void)printf("\n");
    }
    free(finality);
    return code;
}

enum exit_code verb_policy_check(struct call *call)
{
    struct final final;
    enum exit_code code = EXIT_DONE;
    size_t size;
    if (!final_open(&final, call, call->operands[0], &code)) {
        final_close(&final);
        return code;
    }
    if (call->operand_count == 1) {
        if (call->json)
            show_json(final.policy);
        else
            (void)printf("%s is a policy: %zu logs, %zu witnesses, %zu groups\n", final.path,
                         final.policy->log_count, final.policy->witness_count,
                         final.policy->group_count);
    } else {
        uint8_t *file = shelf_slurp(call, call->operands[1], NOTE_FILE_MAX, &size, &code);
        if (file != NULL)
            code = check(&final, bytes_of(file, size));
        free(file);
    }
    final_close(&final);
    return code;
}
