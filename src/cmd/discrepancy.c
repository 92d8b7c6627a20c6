/* SPDX-License-Identifier: Apache-2.0 */
/* tally discrepancy list, show, check: checks that failed, and what became of them. */
#include "cmd/dispute.h"
#include "cmd/grid.h"
#include "cmd/print.h"
#include "cmd/verbs.h"
#include "core/address/peer_id.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/crypto/hash.h"
#include "core/federation/grounds.h"
#include "host/config/keys.h"

#include <inttypes.h>
#include <stdlib.h>

static const struct grid_column columns[] = {{"ID", false},    {"TYPE", false}, {"SEVERITY", false},
                                             {"STATE", false}, {"PARTY", true}, {"LOG", true}};

enum { COLUMNS = sizeof columns / sizeof *columns };

static json_t *hash_or_null(bool has, const struct tally_hash *hash)
{
    return has ? print_json_hash(hash) : json_null();
}

/* As formats 5.2 names them, where it does. */
static json_t *details(struct trust *trust, const struct dispute_view *view)
{
    const struct tally_fed_discrepancy *said = &view->said;
    char log[TALLY_ORIGIN_MAX + 1], divergence[48];
    dispute_log(trust, view->one, log);
    (void)snprintf(divergence, sizeof divergence, "receipt-sequence-%" PRIu64, said->divergence);
    return json_pack("{s:o, s:I, s:o, s:o, s:I, s:o}", "log",
                     log[0] != '\0' ? json_string(log) : json_null(), "claimed_size",
                     (json_int_t)said->claimed_size, "claimed_root",
                     hash_or_null(said->has_claimed_root, &said->claimed_root), "computed_root",
                     hash_or_null(said->has_computed_root, &said->computed_root),
                     "sample_receipts_checked", (json_int_t)said->checked, "first_divergence_at",
                     said->has_divergence ? json_string(divergence) : json_null());
}

static json_t *verdict(const struct discrepancy *one)
{
    char did[TALLY_DID_SIZE + 1];
    if (!one->has_arbiter)
        return json_null();
    tally_did_write(&one->arbiter, did);
    return json_pack("{s:s, s:o, s:o}", "arbiter", did, "claim",
                     one->judged ? json_string(one->holds ? "holds" : "fails") : json_null(),
                     "index", one->judged ? json_integer((json_int_t)one->verdict) : json_null());
}

static json_t *object(struct trust *trust, const struct discrepancy *one)
{
    static struct dispute_view view;
    char did[TALLY_DID_SIZE + 1], time[PRINT_TIME];
    bool resolved = one->state == TALLY_DISCREPANCY_RESOLVED;
    dispute_read(trust, one, &view);
    tally_did_write(&one->party, did);
    print_time(view.time, time);
    return json_pack("{s:I, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o}", "id",
                     (json_int_t)one->index, "discrepancy_type", tally_discrepancy_name(one->type),
                     "severity", tally_severity_name(tally_discrepancy_severity(one->type)),
                     "state", tally_discrepancy_state_name(one->state), "party", did, "outcome",
                     resolved ? json_string(tally_outcome_name(one->outcome)) : json_null(),
                     "details", view.whole ? details(trust, &view) : json_null(), "evidence",
                     hash_or_null(one->has_evidence, &one->evidence), "arbitration", verdict(one),
                     "note", view.whole ? print_json_text(view.said.note) : json_null(),
                     "resolution_requested", view.whole && view.said.automatic, "since",
                     view.whole ? json_string(time) : json_null(), "receipt",
                     hash_or_null(view.whole, &view.receipt));
}

/* ---- list ---- */

static bool listed(const struct call *call, const struct discrepancy *one)
{
    return one->state != TALLY_DISCREPANCY_RESOLVED || call_flag(call, "all");
}

static void list_json(struct trust *trust)
{
    const struct discrepancies *all = trust->fold.discrepancies;
    json_t *list = print_object("discrepancy-list/1"), *items = json_array();
    struct tally_hash hash;
    for (size_t i = 0; i < all->count; i++)
        if (listed(trust->shelf.call, &all->list[i]))
            (void)json_array_append_new(items, object(trust, &all->list[i]));
    fold_hash(&trust->fold, &hash);
    (void)json_object_set_new(list, "hash", print_json_hash(&hash));
    (void)json_object_set_new(list, "items", items);
    (void)json_object_set_new(list, "next", json_null());
    print_json(list);
}

static void list_table(struct trust *trust)
{
    const struct discrepancies *all = trust->fold.discrepancies;
    struct grid *table = grid_new(columns, COLUMNS);
    for (size_t i = 0; i < all->count; i++) {
        const struct discrepancy *one = &all->list[i];
        char index[24], id[PEER_ID_TEXT_MAX], log[TALLY_ORIGIN_MAX + 1];
        if (!listed(trust->shelf.call, one))
            continue;
        (void)snprintf(index, sizeof index, "%" PRIu64, one->index);
        (void)peer_id_print_key(&one->party, id);
        dispute_log(trust, one, log);
        const char *const cells[COLUMNS] = {
            index,
            tally_discrepancy_name(one->type),
            tally_severity_name(tally_discrepancy_severity(one->type)),
            tally_discrepancy_state_name(one->state),
            id,
            log};
        grid_add(table, cells);
    }
    grid_print(table);
}

enum exit_code verb_discrepancy_list(struct call *call)
{
    struct trust trust;
    enum exit_code code = EXIT_DONE;
    if (!trust_open(&trust, call, false))
        code = trust.shelf.code;
    else if (call->json)
        list_json(&trust);
    else
        list_table(&trust);
    trust_close(&trust);
    return code;
}

/* ---- show ---- */

static void hash_line(const char *name, bool has, const struct tally_hash *hash)
{
    char hex[PRINT_HASH];
    if (!has)
        return;
    hex_write(bytes_of(hash->bytes, sizeof hash->bytes), hex);
    (void)printf("%-13s %s\n", name, hex);
}

static void show_claim(const struct dispute_view *view)
{
    const struct tally_fed_discrepancy *said = &view->said;
    if (said->claimed_size > 0)
        (void)printf("claimed size  %" PRIu64 "\n", said->claimed_size);
    hash_line("claimed root", said->has_claimed_root, &said->claimed_root);
    hash_line("computed root", said->has_computed_root, &said->computed_root);
    if (said->has_divergence)
        (void)printf("differs from  receipt %" PRIu64 " on\n", said->divergence);
    if (said->note.size > 0) {
        (void)printf("note          ");
        print_escaped(stdout, (const char *)said->note.data, said->note.size);
        (void)printf("\n");
    }
}

static void show_text(struct trust *trust, const struct discrepancy *one)
{
    static struct dispute_view view;
    char did[TALLY_DID_SIZE + 1], log[TALLY_ORIGIN_MAX + 1], time[PRINT_TIME];
    dispute_read(trust, one, &view);
    dispute_log(trust, one, log);
    tally_did_write(&one->party, did);
    (void)printf("discrepancy   %" PRIu64 "\ntype          %s, %s\nstate         %s", one->index,
                 tally_discrepancy_name(one->type),
                 tally_severity_name(tally_discrepancy_severity(one->type)),
                 tally_discrepancy_state_name(one->state));
    if (one->state == TALLY_DISCREPANCY_RESOLVED)
        (void)printf(", %s", tally_outcome_name(one->outcome));
    (void)printf("\nparty         %s\n", did);
    if (log[0] != '\0')
        (void)printf("log           %s\n", log);
    if (view.whole) {
        show_claim(&view);
        print_time(view.time, time);
        (void)printf("since         %s\n", time);
        hash_line("receipt", true, &view.receipt);
    }
    hash_line("evidence", one->has_evidence, &one->evidence);
    if (!one->has_arbiter)
        return;
    tally_did_write(&one->arbiter, did);
    (void)printf("arbiter       %s\nverdict       %s\n", did,
                 !one->judged ? "none yet"
                 : one->holds ? "the claim holds"
                              : "the claim fails");
}

enum exit_code verb_discrepancy_show(struct call *call)
{
    struct trust trust;
    enum exit_code code = EXIT_DONE;
    if (!trust_open(&trust, call, false)) {
        code = trust.shelf.code;
    } else {
        const struct discrepancy *one = dispute_find(&trust, call->operands[0], &code);
        if (one != NULL && call->json) {
            json_t *shown = print_object("discrepancy/1");
            (void)json_object_update_new(shown, object(&trust, one));
            print_json(shown);
        } else if (one != NULL) {
            show_text(&trust, one);
        }
    }
    trust_close(&trust);
    return code;
}

/* ---- check ---- */

static void show_grounds(const struct grounds *grounds, struct tally_bytes bytes, bool json)
{
    char did[TALLY_DID_SIZE + 1], time[PRINT_TIME], hex[PRINT_HASH];
    struct tally_hash hash;
    tally_did_write(&grounds->party, did);
    print_time(grounds->time, time);
    hash_sha256(bytes, &hash);
    hex_write(bytes_of(hash.bytes, sizeof hash.bytes), hex);
    if (!json) {
        (void)printf(
            "it is as it was kept: what is signed in it verifies%s\n"
            "evidence   %s\ntype       %s\nparty      %s\ntime       %s (of who kept it)\n",
            grounds->has_range ? ", and what came does not lead to the claimed root" : "", hex,
            tally_discrepancy_name(grounds->type), did, time);
        return;
    }
    json_t *shown = print_object("discrepancy-check/1");
    (void)json_object_update_new(
        shown, json_pack("{s:s, s:s, s:s, s:s, s:b}", "evidence", hex, "discrepancy_type",
                         tally_discrepancy_name(grounds->type), "party", did, "time", time,
                         "contradicts", grounds->has_range));
    print_json(shown);
}

enum exit_code verb_discrepancy_check(struct call *call)
{
    const struct tally_crypto crypto = keys_verifier();
    struct grounds grounds;
    enum exit_code code = EXIT_DONE;
    size_t size;
    uint8_t *bytes = shelf_slurp(call, call->operands[0], GROUNDS_MAX, &size, &code);
    if (bytes == NULL)
        return code;
    enum tally_drop drop = grounds_check(bytes_of(bytes, size), &crypto, &grounds);
    if (drop == TALLY_DROP_NONE)
        show_grounds(&grounds, bytes_of(bytes, size), call->json);
    else
        code = call_fail_with(call, EXIT_UNVERIFIED, TALLY_MISMATCH, call->operands[0],
                              "%s is no evidence of a discrepancy: %s", call->operands[0],
                              tally_drop_text(drop));
    free(bytes);
    return code;
}
