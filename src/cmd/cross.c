/* SPDX-License-Identifier: Apache-2.0 */
/* tally anchor cross, proof cross, verify: another's checkpoint as a leaf of ours, and two proofs
   in one file. */
#include "core/federation/cross.h"
#include "cmd/print.h"
#include "cmd/sampled.h"
#include "cmd/say.h"
#include "cmd/trust.h"
#include "cmd/verbs.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/federation/grounds.h"
#include "core/log/tree.h"
#include "host/config/keys.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- anchor cross ---- */

enum { ANCHORED_MAX = 64 };

struct anchored {
    char origin[TALLY_ORIGIN_MAX + 1];
    uint64_t size;
    size_t body_size;
    uint8_t body[FED_BODY_MAX];
};

/* The bodies of what is to be stated: all logs of the party that have a checkpoint, or one. */
static struct anchored *collect(struct call *call, struct trust *trust, const struct tally_key *key,
                                size_t *count)
{
    const char *name_space = call_option(call, "namespace");
    struct anchored *list = calloc(ANCHORED_MAX, sizeof *list);
    struct shelf_log log;
    *count = 0;
    for (size_t i = 0;
         list != NULL && *count < ANCHORED_MAX && shelf_log_at(&trust->shelf, i, &log); i++) {
        struct anchored *one = &list[*count];
        if (!key_equal(&log.view.issuer, key) || strcmp(log.name_space, TALLY_STATEMENTS) == 0 ||
            (name_space != NULL && strcmp(log.name_space, name_space) != 0) || log.view.frozen)
            continue;
        one->body_size = cross_body(&trust->shelf.ledger, &log.view, one->body);
        one->size = log.view.size;
        memcpy(one->origin, log.origin, sizeof one->origin);
        *count += one->body_size > 0;
    }
    return list;
}

static enum exit_code state_one(struct call *call, const char *data, const struct anchored *one,
                                json_t *items)
{
    struct fed_statement said;
    struct door_answer answer;
    (void)fed_read(bytes_text(fed_type(FED_CROSS_ANCHOR)), bytes_of(one->body, one->body_size),
                   &said);
    enum exit_code code = say(call, &said, data, &answer);
    if (code != EXIT_DONE)
        return code;
    if (!call->json)
        (void)printf("%s %" PRIu64 " is statement %" PRIu64 "\n", one->origin, one->size,
                     answer.index);
    (void)json_array_append_new(items,
                                json_pack("{s:s, s:I, s:I, s:o}", "origin", one->origin, "size",
                                          (json_int_t)one->size, "index", (json_int_t)answer.index,
                                          "receipt", print_json_hash(&answer.receipt)));
    return EXIT_DONE;
}

static enum exit_code anchor_all(struct call *call, struct trust *trust,
                                 const struct tally_key *key)
{
    enum tally_drop drop = admission(&trust->fold, key, ADMISSION_CROSS);
    const char *name = call_option(call, "mesh");
    if (drop != TALLY_DROP_NONE)
        return call_fail_with(call, EXIT_FAILED, TALLY_FORBIDDEN, name,
                              "%.100s is not admitted at level attest: tally federation admit or "
                              "level makes it so",
                              name);
    size_t count;
    struct anchored *list = collect(call, trust, key, &count);
    if (count == 0) {
        free(list);
        return call_fail_with(call, EXIT_NOT_FOUND, TALLY_NOT_FOUND, name,
                              "no log of %.100s is held here with a checkpoint", name);
    }
    shelf_close(&trust->shelf);
    json_t *items = json_array();
    enum exit_code code = EXIT_DONE;
    for (size_t i = 0; i < count && code == EXIT_DONE; i++)
        code = state_one(call, trust->shelf.data, &list[i], items);
    free(list);
    if (call->json && code == EXIT_DONE) {
        json_t *object = print_object("anchor-cross/1");
        (void)json_object_set(object, "items", items);
        print_json(object);
    }
    json_decref(items);
    return code;
}

enum exit_code verb_anchor_cross(struct call *call)
{
    struct trust trust;
    struct tally_key key;
    enum exit_code code = EXIT_DONE;
    const char *name = call_option(call, "mesh");
    if (name == NULL)
        return call_usage(call, "whose checkpoints? name the party with --mesh");
    if (!trust_open(&trust, call, false))
        code = trust.shelf.code;
    else if (trust_party(&trust, call, name, &key, &code))
        code = anchor_all(call, &trust, &key);
    trust_close(&trust);
    return code;
}

/* ---- proof cross ---- */

/* A receipt's proof under a note of its log, which may be an older one. */
static size_t prove(struct shelf *shelf, const struct shelf_log *log, uint64_t index,
                    struct tally_bytes note, uint64_t size, uint8_t *bytes)
{
    const struct tree tree = {&shelf->ledger, &log->view.origin_hash};
    struct tree_proof path;
    struct tally_proof proof = {.index = index, .note = note};
    if (index >= size || size > log->view.size || !tree_inclusion(&tree, index, size, &path))
        return 0;
    proof.count = path.count;
    memcpy(proof.hashes, path.hashes, path.count * sizeof *path.hashes);
    return tally_proof_write(&proof, bytes, CROSS_PROOF_MAX);
}

/* The last statement under the checkpoint that anchors the log at a size above the index. */
static uint8_t *find_anchor(struct shelf *shelf, const struct shelf_log *statements,
                            const struct shelf_log *log, uint64_t index,
                            struct shelf_receipt *anchor, struct fed_statement *said, size_t *size)
{
    for (uint64_t at = statements->view.size; at-- > 0;) {
        struct tally_checkpoint checkpoint;
        struct tally_note note;
        if (!shelf_receipt(shelf, statements, at, anchor) ||
            fed_kind_of(anchor->receipt.type) != FED_CROSS_ANCHOR)
            continue;
        uint8_t *body = shelf_body(shelf, statements, at, size);
        if (body != NULL &&
            fed_read(anchor->receipt.type, bytes_of(body, *size), said) == TALLY_DROP_NONE &&
            said->cross_anchor.size > index &&
            tally_note_read(said->cross_anchor.note, &note) == TALLY_DROP_NONE &&
            tally_checkpoint_read(note.text, &checkpoint) == TALLY_DROP_NONE &&
            bytes_equal(checkpoint.origin, bytes_text(log->origin)))
            return body;
        free(body);
    }
    return NULL;
}

struct chain {
    struct shelf *shelf;
    struct shelf_log log, statements;
    uint64_t index;
};

/* The file, whole, and checked as its reader will check it. */
static size_t make(const struct chain *chain, const struct shelf_receipt *receipt,
                   uint8_t bytes[CROSS_MAX], const char **why)
{
    static uint8_t proofs[2][CROSS_PROOF_MAX], note[CROSS_PROOF_MAX - TALLY_PROOF_HEAD_MAX];
    static struct cross_result result;
    const struct tally_crypto crypto = keys_verifier();
    const struct tally_ledger *ledger = &chain->shelf->ledger;
    struct shelf_receipt anchor;
    struct fed_statement said;
    size_t body_size;
    uint8_t *body = find_anchor(chain->shelf, &chain->statements, &chain->log, chain->index,
                                &anchor, &said, &body_size);
    *why = NULL;
    if (body == NULL)
        return 0;
    const struct tally_fed_cross_anchor *it = &said.cross_anchor;
    size_t head =
        ledger->checkpoint(ledger->context, &chain->statements.view.origin_hash, note, sizeof note);
    struct cross cross = {.receipt = bytes_of(receipt->envelope, receipt->size),
                          .anchor = bytes_of(anchor.envelope, anchor.size),
                          .body = bytes_of(body, body_size)};
    cross.proof = bytes_of(
        proofs[0], prove(chain->shelf, &chain->log, chain->index, it->note, it->size, proofs[0]));
    cross.anchor_proof =
        bytes_of(proofs[1], prove(chain->shelf, &chain->statements, anchor.receipt.sequence,
                                  bytes_of(note, head), chain->statements.view.size, proofs[1]));
    size_t size = cross_write(&cross, bytes);
    enum cross_verdict verdict = cross_check(bytes_of(bytes, size), &crypto, &result);
    free(body);
    *why = cross_text(verdict);
    return verdict == CROSS_GOOD ? size : 0;
}

static enum exit_code export_chain(struct call *call, struct chain *chain)
{
    static uint8_t bytes[CROSS_MAX];
    struct shelf_receipt receipt;
    const char *why;
    if (!shelf_receipt(chain->shelf, &chain->log, chain->index, &receipt))
        return chain->shelf->code;
    size_t size = make(chain, &receipt, bytes, &why);
    if (size == 0 && why != NULL)
        return call_fail_with(call, EXIT_UNVERIFIED, TALLY_DAMAGED, chain->log.origin,
                              "what is stored does not prove it: %s", why);
    if (size == 0)
        return call_fail_with(call, EXIT_NOT_FOUND, TALLY_NOT_FOUND, chain->log.origin,
                              "no checkpoint of %s above receipt %" PRIu64 " is anchored in %s yet",
                              chain->log.origin, chain->index, chain->statements.origin);
    if (!call->json) {
        (void)fwrite(bytes, 1, size, stdout);
        return EXIT_DONE;
    }
    json_t *object = print_object("proof-cross/1");
    (void)json_object_update_new(
        object, json_pack("{s:s, s:I, s:o, s:s, s:o}", "origin", chain->log.origin, "index",
                          (json_int_t)chain->index, "receipt", print_json_hash(&receipt.hash),
                          "anchored_in", chain->statements.origin, "proof",
                          json_stringn((const char *)bytes, size)));
    print_json(object);
    return EXIT_DONE;
}

enum exit_code verb_proof_cross(struct call *call)
{
    struct trust trust;
    struct chain chain = {.shelf = &trust.shelf};
    struct tally_key key;
    char origin[TALLY_ORIGIN_MAX + 1];
    const char *by = call_option(call, "by");
    enum exit_code code = EXIT_DONE;
    if (!call_number(call, "index", call->operands[1], 0, INT64_MAX, &chain.index))
        return EXIT_USAGE;
    if (!trust_open(&trust, call, false)) {
        code = trust.shelf.code;
    } else if (by == NULL || trust_party(&trust, call, by, &key, &code)) {
        size_t size = tally_origin_write(by == NULL ? &trust.shelf.key : &key,
                                         bytes_text(TALLY_STATEMENTS), origin);
        origin[size] = '\0';
        if (shelf_find(&trust.shelf, call->operands[0], &chain.log) &&
            shelf_find(&trust.shelf, origin, &chain.statements))
            code = export_chain(call, &chain);
        else
            code = trust.shelf.code;
    }
    trust_close(&trust);
    return code;
}

/* ---- verify ---- */

static void show(const struct cross_result *result, bool json)
{
    char hex[PRINT_HASH], anchor_hex[PRINT_HASH], time[PRINT_TIME], anchor_time[PRINT_TIME];
    const struct tally_checkpoint *first = &result->checkpoint,
                                  *second = &result->anchor_checkpoint;
    hex_write(bytes_of(result->receipt_hash.bytes, sizeof result->receipt_hash.bytes), hex);
    hex_write(bytes_of(result->anchor_hash.bytes, sizeof result->anchor_hash.bytes), anchor_hex);
    print_time(result->receipt.time, time);
    print_time(result->anchor.time, anchor_time);
    if (json) {
        json_t *object = print_object("cross-check/1");
        (void)json_object_update_new(
            object,
            json_pack("{s:s, s:o, s:I, s:s, s:I, s:o, s:I, s:s, s:s, s:I}", "verdict", "good",
                      "origin", print_json_text(first->origin), "index",
                      (json_int_t)result->receipt.sequence, "receipt", hex, "size",
                      (json_int_t)first->size, "anchored_in", print_json_text(second->origin),
                      "anchor_index", (json_int_t)result->anchor.sequence, "anchor", anchor_hex,
                      "anchor_time", anchor_time, "anchor_size", (json_int_t)second->size));
        print_json(object);
        return;
    }
    (void)printf("good: %s\nreceipt     %s\nindex       %" PRIu64 " of ", cross_text(CROSS_GOOD),
                 hex, result->receipt.sequence);
    print_escaped(stdout, (const char *)first->origin.data, first->origin.size);
    (void)printf("\ntime        %s (its issuer's claim)\nup to       %" PRIu64
                 "\nanchored    %s\nas          %" PRIu64 " of ",
                 time, first->size, anchor_hex, result->anchor.sequence);
    print_escaped(stdout, (const char *)second->origin.data, second->origin.size);
    (void)printf("\ntime        %s (its issuer's claim)\n", anchor_time);
}

static enum exit_code check_cross(struct call *call, struct tally_bytes bytes)
{
    static struct cross_result result;
    const struct tally_crypto crypto = keys_verifier();
    enum cross_verdict verdict = cross_check(bytes, &crypto, &result);
    if (verdict != CROSS_GOOD)
        return call_fail_with(call, EXIT_UNVERIFIED, TALLY_MISMATCH, call->operands[0],
                              "%s does not verify: %s", call->operands[0], cross_text(verdict));
    show(&result, call->json);
    return EXIT_DONE;
}

/* Who reads a file, by how it begins. */
static const struct {
    const char *begin;
    enum exit_code (*check)(struct call *call);
} forms[] = {
    {"tally fork 1\n", verb_fork_check},
    {"tally discrepancy 1\n", verb_discrepancy_check},
    {"c2sp.org/tlog-proof@v1\n", verb_proof_check},
};

enum exit_code verb_verify(struct call *call)
{
    static const char begin[] = "tally cross 1\n";
    enum exit_code code = EXIT_DONE;
    size_t size;
    if (call_option(call, "mesh") != NULL || call_option(call, "scroll") != NULL)
        return sampled_now(call);
    if (call->operand_count == 0)
        return call_usage(call, "name a file to verify, or a party with --mesh");
    if (strcmp(call->operands[0], "-") == 0)
        return call_usage(call, "name a file: it is looked at twice");
    uint8_t *bytes = shelf_slurp(call, call->operands[0], TALLY_NOTE_MAX * 2, &size, &code);
    if (bytes == NULL)
        return code;
    enum exit_code (*check)(struct call *) = NULL;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strncmp((const char *)bytes, forms[i].begin, strlen(forms[i].begin)) == 0)
            check = forms[i].check;
    if (check != NULL)
        code = check(call);
    else if (strncmp((const char *)bytes, begin, strlen(begin)) == 0)
        code = check_cross(call, bytes_of(bytes, size));
    else
        code =
            call_fail_with(call, EXIT_UNVERIFIED, TALLY_MALFORMED, call->operands[0],
                           "%s is no proof or evidence that tally verify knows", call->operands[0]);
    free(bytes);
    return code;
}
