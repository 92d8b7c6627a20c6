/* SPDX-License-Identifier: Apache-2.0 */
/* tally anchor add, request, verify. */
#include "cmd/anchor.h"

#include "cmd/print.h"
#include "cmd/verbs.h"
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "host/anchors/light.h"
#include "host/config/keys.h"
#include "host/http/client.h"

#include <inttypes.h>
#include <stdlib.h>

enum { REQUEST_MAX = 512, REQUEST_MS = 5000, NONCE = 8 };

/* ---- Of which checkpoint ---- */

/* --log and --size, or the newest. */
static bool read_checkpoint(struct desk *desk, const struct shelf_log *log,
                            struct book_record *record, struct judge_checkpoint *checkpoint)
{
    struct call *call = desk->shelf.call;
    const char *size = call_option(call, "size");
    record->size = log->view.size;
    if (log->view.size == 0) {
        desk->shelf.code = call_fail_with(call, EXIT_NOT_FOUND, TALLY_NOT_FOUND, log->origin,
                                          "%s has no checkpoint yet", log->origin);
        return false;
    }
    if (size != NULL && !call_number(call, "--size", size, 1, log->view.size, &record->size)) {
        desk->shelf.code = EXIT_USAGE;
        return false;
    }
    (void)snprintf(record->origin, sizeof record->origin, "%s", log->origin);
    record->origin_hash = log->view.origin_hash;
    judge_checkpoint(&desk->shelf.ledger, log->origin, record->size, checkpoint);
    if (!checkpoint->held) {
        desk->shelf.code =
            call_fail_with(call, EXIT_UNVERIFIED, TALLY_DAMAGED, log->origin,
                           "the root of %s at %" PRIu64 " cannot be read back: run tally fsck",
                           log->origin, record->size);
        return false;
    }
    record->root = checkpoint->root;
    return true;
}

/* ---- add: what is it ---- */

static bool refuse(struct desk *desk, const char *path, const char *what)
{
    desk->shelf.code = call_fail_with(desk->shelf.call, EXIT_UNVERIFIED, TALLY_MALFORMED, path,
                                      "%.200s is no anchor: %s", path, what);
    return false;
}

/* A token: its name is computed from its bytes, so the reader is asked what it is. */
static bool name_token(struct desk *desk, struct book_record *record, const char *path,
                       const struct judge_checkpoint *checkpoint, enum tally_anchor_reason *judged)
{
    const struct tally_crypto crypto = keys_verifier();
    record->anchor.kind = TALLY_ANCHOR_RFC3161;
    const struct tally_anchor before = record->anchor;
    judge(desk->policy, checkpoint, &crypto, record->received_ms, record);
    if (record->id[0] == '\0')
        return refuse(desk, path, tally_anchor_reason_text(record->anchor.reason));
    *judged = record->anchor.reason;
    record->anchor.state = before.state;
    record->anchor.reason = TALLY_ANCHOR_IS_UNTRIED;
    return true;
}

static bool name_light(struct desk *desk, struct book_record *record, const char *path)
{
    struct tally_anchor *anchor = &record->anchor;
    struct light light;
    struct evm_light evm;
    struct btc_light btc;
    bool good = light_begin(&light, bytes_of(record->proof, record->proof_size)) &&
                light_name(&light, &anchor->kind, anchor->chain, anchor->transaction) &&
                (anchor->kind == TALLY_ANCHOR_EIP155
                     ? light_evm(&light, &evm)
                     : anchor->kind == TALLY_ANCHOR_BTC && light_btc(&light, &btc));
    light_end(&light);
    if (!good)
        return refuse(desk, path,
                      "neither a time-stamp token (DER) nor a proof of a chain (JSON with chain, "
                      "transaction, header, index, raw and its path)");
    book_name(record);
    return true;
}

static bool read_file(struct desk *desk, struct book_record *record,
                      const struct judge_checkpoint *checkpoint)
{
    const char *path = desk->shelf.call->operands[0];
    enum tally_anchor_reason judged;
    record->proof = shelf_slurp(desk->shelf.call, path, TALLY_ANCHOR_PROOF_MAX, &record->proof_size,
                                &desk->shelf.code);
    if (record->proof == NULL)
        return false;
    if (record->proof_size == 0)
        return refuse(desk, path, "it is empty");
    return record->proof[0] == 0x30 ? name_token(desk, record, path, checkpoint, &judged)
                                    : name_light(desk, record, path);
}

static bool read_name(struct desk *desk, struct book_record *record)
{
    struct call *call = desk->shelf.call;
    const char *chain = call_option(call, "chain"), *id = call_option(call, "transaction");
    struct tally_anchor *anchor = &record->anchor;
    desk->shelf.code = EXIT_USAGE;
    if (chain == NULL || id == NULL)
        (void)call_usage(call, "name a FILE, or a --chain and a --transaction");
    else if (!tally_anchor_chain_kind(chain, &anchor->kind))
        (void)call_usage(call, "\"%.80s\" is no chain: btc:NETWORK or eip155:NUMBER", chain);
    else if (anchor->kind == TALLY_ANCHOR_RFC3161)
        (void)call_usage(call, "a time stamp is its token: give the FILE that holds it");
    else if (!tally_anchor_transaction_good(anchor->kind, id))
        (void)call_usage(call, "\"%.80s\" is no transaction of %s: %s64 lower-case hex digits", id,
                         chain, anchor->kind == TALLY_ANCHOR_EIP155 ? "0x and " : "");
    else {
        (void)snprintf(anchor->chain, sizeof anchor->chain, "%s", chain);
        (void)snprintf(anchor->transaction, sizeof anchor->transaction, "%s", id);
        book_name(record);
        desk->shelf.code = EXIT_DONE;
        return true;
    }
    return false;
}

/* ---- Keeping, judging, telling ---- */

/* One that is here already stays what it is; a proof where there was none is taken. */
static void take_known(const struct book_record *known, struct book_record *record)
{
    uint8_t *proof = record->proof;
    size_t size = record->proof_size;
    char *note = record->note;
    *record = *known;
    record->anchor.winner = NULL;
    /* For other bytes than it published nobody has to answer. */
    record->has_publisher = known->has_publisher &&
                            (size == 0 || bytes_equal(bytes_of(proof, size),
                                                      bytes_of(known->proof, known->proof_size)));
    record->proof = proof;
    record->proof_size = size;
    record->note = note;
    if (size == 0 && known->proof_size > 0 && (record->proof = malloc(known->proof_size)) != NULL) {
        memcpy(record->proof, known->proof, known->proof_size);
        record->proof_size = known->proof_size;
    }
    if (note == NULL && known->note != NULL)
        record->note = strdup(known->note);
    tally_anchor_again(&record->anchor);
}

/* Another proof of what is verified: a bad one must not take its place. */
static bool is_no_worse(struct desk *desk, struct book_record *record)
{
    enum tally_anchor_reason *reason = &record->anchor.reason;
    const struct tally_anchor before = record->anchor;
    desk_judge(desk, record);
    if (record->anchor.state == TALLY_ANCHOR_QUARANTINED) {
        desk->shelf.code = call_fail_with(
            desk->shelf.call, EXIT_UNVERIFIED, TALLY_MISMATCH, record->id,
            "this proof of %.12s is refused (%s: %s): the anchor stays as it was", record->id,
            tally_anchor_reason_name(*reason), tally_anchor_reason_text(*reason));
        return false;
    }
    record->anchor = before;
    return true;
}

/* As it stands among all of its checkpoint. */
static enum exit_code tell(struct desk *desk, const char *id, const char *schema)
{
    struct call *call = desk->shelf.call;
    const struct book_record *record = desk_read(desk, NULL) ? desk_find(desk, id) : NULL;
    if (record == NULL)
        return desk->shelf.code;
    if (call->json)
        print_json(anchor_object(record, schema));
    else
        anchor_print(record);
    return record->anchor.state == TALLY_ANCHOR_QUARANTINED ? EXIT_UNVERIFIED : EXIT_DONE;
}

/* Durable before anybody is asked: a backend that hangs loses nothing. */
static enum exit_code keep(struct desk *desk, struct book_record *record, const char *schema)
{
    const struct book_record *known = desk_known(desk, record->id);
    if (known != NULL && desk_is_verified(known) && record->proof_size > 0 &&
        !is_no_worse(desk, record))
        return desk->shelf.code;
    if (known != NULL)
        take_known(known, record);
    if (!desk_put(desk, record))
        return desk->shelf.code;
    desk_judge(desk, record);
    return desk_put(desk, record) ? tell(desk, record->id, schema) : desk->shelf.code;
}

enum exit_code verb_anchor_add(struct call *call)
{
    struct desk desk;
    struct shelf_log log;
    struct judge_checkpoint checkpoint;
    struct book_record *record = calloc(1, sizeof *record);
    const char *name = call_option(call, "log");
    enum exit_code code = EXIT_FAILED;
    if (name == NULL || record == NULL) {
        free(record);
        return call_usage(call, "--log says which log it anchors: tally log list shows them");
    }
    record->received_ms = desk_now_ms();
    record->anchor.reason = TALLY_ANCHOR_IS_UNTRIED;
    bool good = desk_open(&desk, call, name, &log) &&
                read_checkpoint(&desk, &log, record, &checkpoint) &&
                (call->operand_count > 0 ? read_file(&desk, record, &checkpoint)
                                         : read_name(&desk, record));
    code = good ? keep(&desk, record, "anchor-add/1") : desk.shelf.code;
    book_record_free(record);
    desk_close(&desk);
    return code;
}

/* ---- request ---- */

static bool make_question(struct desk *desk, const struct policy_authority *authority,
                          const struct judge_checkpoint *checkpoint, struct book_record *record,
                          struct tally_bytes *question)
{
    static uint8_t bytes[REQUEST_MAX];
    const struct tally_secret secret = keys_secret();
    const char *form = call_option(desk->shelf.call, "form");
    struct tally_hash imprint;
    if (form != NULL && strcmp(form, "root") != 0 && strcmp(form, "checkpoint") != 0) {
        desk->shelf.code =
            call_usage(desk->shelf.call, "\"%.40s\" is no form: root or checkpoint", form);
        return false;
    }
    if (form != NULL && strcmp(form, "checkpoint") == 0 && !checkpoint->has_note) {
        desk->shelf.code = call_usage(
            desk->shelf.call, "the signed checkpoint is at hand of the newest size alone: leave "
                              "--size out, or say --form root");
        return false;
    }
    hash_sha256(bytes_of(record->root.bytes, 32), &imprint);
    if (checkpoint->has_note && (form == NULL || strcmp(form, "checkpoint") == 0)) {
        imprint = checkpoint->note;
        record->note = strdup(checkpoint->note_text);
    }
    record->nonce.size = NONCE;
    secret.draw(secret.context, record->nonce.bytes, NONCE);
    record->nonce.bytes[0] |= 1; /* No leading zero: a number has none. */
    size_t size = token_request_write(&imprint, &record->nonce, authority->terms.policies[0], bytes,
                                      sizeof bytes);
    *question = bytes_of(bytes, size);
    return size > 0;
}

static bool post(struct desk *desk, const struct policy_authority *authority,
                 struct tally_bytes question, struct book_record *record)
{
    struct call *call = desk->shelf.call;
    struct http_client *client = http_client_new();
    struct http_answer answer = {0};
    const struct http_request request = {.url = authority->url,
                                         .type = "application/timestamp-query",
                                         .body = question,
                                         .timeout_ms = REQUEST_MS,
                                         .answer_max = TOKEN_MAX};
    enum tally_error error = client == NULL
                                 ? complain(&call->complaint, TALLY_NO_MEMORY, "out of memory")
                                 : http_ask(client, &request, &answer, &call->complaint);
    http_client_free(client);
    if (error != TALLY_OK) {
        desk->shelf.code = call_fail(call, authority->name);
        return false;
    }
    if (answer.status != 200 || answer.size == 0 ||
        strcmp(answer.type, "application/timestamp-reply") != 0) {
        desk->shelf.code =
            call_fail_with(call, EXIT_FAILED, TALLY_REFUSED, authority->name,
                           "the authority %s answers with HTTP %ld and no time stamp",
                           authority->name, answer.status);
        http_answer_free(&answer);
        return false;
    }
    record->proof = answer.bytes;
    record->proof_size = answer.size;
    return true;
}

static const struct policy_authority *find_authority(struct desk *desk)
{
    struct call *call = desk->shelf.call;
    const char *name = call->operands[0];
    if (strncmp(name, "rfc3161:", 8) == 0)
        name += 8;
    const struct policy_authority *authority = policy_authority(desk->policy, name);
    if (authority == NULL || authority->url == NULL) {
        desk->shelf.code = call_fail_with(
            call, EXIT_CONFIGURATION, TALLY_NOT_FOUND, name,
            "%s/anchors.json has no url of an authority rfc3161.%.40s", desk->shelf.data, name);
        return NULL;
    }
    return authority;
}

/* One that we have already answers no question of today, however good it is. */
static bool is_answer(struct desk *desk, const struct book_record *record,
                      enum tally_anchor_reason judged)
{
    if (judged != TALLY_ANCHOR_IS_NONCE || desk_known(desk, record->id) == NULL)
        return true;
    desk->shelf.code =
        call_fail_with(desk->shelf.call, EXIT_UNVERIFIED, TALLY_MISMATCH, record->authority,
                       "the authority %s answers with an earlier time stamp, %.12s",
                       record->authority, record->id);
    return false;
}

enum exit_code verb_anchor_request(struct call *call)
{
    struct desk desk;
    struct shelf_log log;
    struct judge_checkpoint checkpoint;
    struct tally_bytes question;
    enum tally_anchor_reason judged;
    struct book_record *record = calloc(1, sizeof *record);
    const char *name = call_option(call, "log");
    if (name == NULL || record == NULL) {
        free(record);
        return call_usage(call, "--log says which log to anchor: tally log list shows them");
    }
    record->anchor.reason = TALLY_ANCHOR_IS_UNTRIED;
    const struct policy_authority *authority =
        desk_open(&desk, call, name, &log) ? find_authority(&desk) : NULL;
    bool good = authority != NULL && read_checkpoint(&desk, &log, record, &checkpoint) &&
                make_question(&desk, authority, &checkpoint, record, &question) &&
                post(&desk, authority, question, record);
    if (good) {
        (void)snprintf(record->authority, sizeof record->authority, "%s", authority->name);
        record->received_ms = desk_now_ms();
        good = name_token(&desk, record, authority->name, &checkpoint, &judged) &&
               is_answer(&desk, record, judged);
    }
    enum exit_code code = good ? keep(&desk, record, "anchor-request/1") : desk.shelf.code;
    book_record_free(record);
    desk_close(&desk);
    return code;
}

/* ---- verify ---- */

/* The worst of what was found, as an exit code. */
static enum exit_code worse(enum exit_code code, enum tally_anchor_state state)
{
    switch (state) {
    case TALLY_ANCHOR_QUARANTINED:
    case TALLY_ANCHOR_REORGED:
        return EXIT_UNVERIFIED;
    case TALLY_ANCHOR_RECEIVED:
        return code == EXIT_DONE ? EXIT_POLICY : code;
    case TALLY_ANCHOR_VERIFIED:
    case TALLY_ANCHOR_ACTIVE:
    case TALLY_ANCHOR_SUPERSEDED:
    case TALLY_ANCHOR_STATES:
        break;
    }
    return code;
}

static bool verify_one(struct desk *desk, struct book_record *record)
{
    tally_anchor_again(&record->anchor);
    desk_judge(desk, record);
    return desk_put(desk, record);
}

static bool is_due(const struct book_record *record)
{
    return tally_anchor_due_ms(&record->anchor, record->verified_ms, record->checked_ms) <=
           desk_now_ms();
}

static enum exit_code tell_all(struct desk *desk, const char *id)
{
    struct call *call = desk->shelf.call;
    enum exit_code code = EXIT_DONE;
    json_t *items = json_array();
    for (size_t i = 0; i < desk->list.count; i++) {
        const struct book_record *record = desk->list.records[i];
        if (id != NULL && strcmp(record->id, id) != 0)
            continue;
        code = worse(code, record->anchor.state);
        if (call->json)
            (void)json_array_append_new(items, anchor_object(record, NULL));
        else
            (void)printf("%.12s  %-11s  %s: %s\n", record->id,
                         tally_anchor_state_name(record->anchor.state),
                         tally_anchor_reason_name(record->anchor.reason),
                         tally_anchor_reason_text(record->anchor.reason));
    }
    if (call->json) {
        json_t *object = print_object("anchor-verify/1");
        (void)json_object_set(object, "items", items);
        print_json(object);
    }
    json_decref(items);
    return code;
}

enum exit_code verb_anchor_verify(struct call *call)
{
    struct desk desk;
    struct shelf_log log;
    bool due = call_flag(call, "due"), all = call_flag(call, "all") || due;
    if (all == (call->operand_count > 0) || (due && call_flag(call, "all")))
        return call_usage(call, "name one ID, or say --all or --due");
    const char *name = call_option(call, "log");
    bool good = desk_open(&desk, call, name, &log);
    struct book_record *one = good && !all ? desk_find(&desk, call->operands[0]) : NULL;
    char id[65] = "";
    if (one != NULL)
        (void)snprintf(id, sizeof id, "%s", one->id);
    good = good && (all || one != NULL);
    for (size_t i = 0; good && i < desk.list.count; i++)
        if ((all && (!due || is_due(desk.list.records[i]))) || desk.list.records[i] == one)
            good = verify_one(&desk, desk.list.records[i]);
    good = good && desk_read(&desk, name != NULL ? &log.view.origin_hash : NULL);
    enum exit_code code = good ? tell_all(&desk, all ? NULL : id) : desk.shelf.code;
    desk_close(&desk);
    return code;
}
