/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_VERBS_H
#define CMD_VERBS_H
/* What the verbs do; the table in verbs.c says what each is for. */
#include "cmd/call.h"

enum exit_code verb_run(struct call *call);
enum exit_code verb_append(struct call *call);
enum exit_code verb_health(struct call *call);
enum exit_code verb_status(struct call *call);
enum exit_code verb_doctor(struct call *call);
enum exit_code verb_peer_list(struct call *call);
enum exit_code verb_find_peer(struct call *call);
enum exit_code verb_find_namespace(struct call *call);
enum exit_code verb_node_confirm(struct call *call);
enum exit_code verb_log_recover(struct call *call);
enum exit_code verb_node_init(struct call *call);
enum exit_code verb_node_show(struct call *call);
enum exit_code verb_log_list(struct call *call);
enum exit_code verb_log_show(struct call *call);
enum exit_code verb_log_export(struct call *call);
enum exit_code verb_receipt_show(struct call *call);
enum exit_code verb_receipt_list(struct call *call);
enum exit_code verb_proof_export(struct call *call);
enum exit_code verb_proof_check(struct call *call);
enum exit_code verb_proof_cross(struct call *call);
enum exit_code verb_anchor_cross(struct call *call);
enum exit_code verb_verify(struct call *call);
enum exit_code verb_fork_list(struct call *call);
enum exit_code verb_fork_show(struct call *call);
enum exit_code verb_fork_check(struct call *call);
enum exit_code verb_backup_create(struct call *call);
enum exit_code verb_backup_check(struct call *call);
enum exit_code verb_backup_restore(struct call *call);
enum exit_code verb_bundle_export(struct call *call);
enum exit_code verb_bundle_import(struct call *call);
enum exit_code verb_federation_admit(struct call *call);
enum exit_code verb_federation_level(struct call *call);
enum exit_code verb_federation_withdraw(struct call *call);
enum exit_code verb_federation_mode(struct call *call);
enum exit_code verb_federation_policy(struct call *call);
enum exit_code verb_federation_list(struct call *call);
enum exit_code verb_federation_show(struct call *call);
enum exit_code verb_discrepancy_list(struct call *call);
enum exit_code verb_discrepancy_show(struct call *call);
enum exit_code verb_discrepancy_check(struct call *call);
enum exit_code verb_discrepancy_resolve(struct call *call);
enum exit_code verb_discrepancy_arbitrate(struct call *call);
enum exit_code verb_schema_list(struct call *call);
enum exit_code verb_schema_show(struct call *call);
enum exit_code verb_schema_register(struct call *call);
enum exit_code verb_schema_sync(struct call *call);
enum exit_code verb_anchor_add(struct call *call);
enum exit_code verb_anchor_request(struct call *call);
enum exit_code verb_anchor_list(struct call *call);
enum exit_code verb_anchor_show(struct call *call);
enum exit_code verb_anchor_verify(struct call *call);
enum exit_code verb_anchor_publish(struct call *call);
enum exit_code verb_anchor_learn(struct call *call);
enum exit_code verb_propose(struct call *call);
enum exit_code verb_proposal_list(struct call *call);
enum exit_code verb_proposal_show(struct call *call);
enum exit_code verb_proposal_accept(struct call *call);
enum exit_code verb_proposal_reject(struct call *call);
enum exit_code verb_proposal_counter(struct call *call);
enum exit_code verb_proposal_withdraw(struct call *call);
enum exit_code verb_agreement_list(struct call *call);
enum exit_code verb_agreement_show(struct call *call);
enum exit_code verb_agreement_revoke(struct call *call);
enum exit_code verb_key_show(struct call *call);
enum exit_code verb_key_export(struct call *call);
enum exit_code verb_key_import(struct call *call);
enum exit_code verb_key_recovery(struct call *call);
enum exit_code verb_key_rotate(struct call *call);
enum exit_code verb_key_revoke(struct call *call);
enum exit_code verb_witness_list(struct call *call);
enum exit_code verb_witness_add(struct call *call);
enum exit_code verb_witness_remove(struct call *call);
enum exit_code verb_witness_request(struct call *call);
enum exit_code verb_witness_history(struct call *call);
enum exit_code verb_policy_show(struct call *call);
enum exit_code verb_policy_check(struct call *call);
enum exit_code verb_fsck(struct call *call);
enum exit_code verb_version(struct call *call);
enum exit_code verb_help(struct call *call);

#endif
