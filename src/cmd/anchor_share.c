/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally anchor publish, learn: evidence goes from node to node as receipts of type `anchor` in the
 * namespace `anchors` of whoever publishes it, like all that spreads here. What was found of it
 * does not travel: each node judges by its own policy.
 */
#include "cmd/anchor.h"
#include "cmd/door.h"
#include "cmd/print.h"
#include "cmd/verbs.h"
#include "core/base/bytes.h"
#include "host/anchors/book_file.h"

#include <stdlib.h>

#define NAMESPACE "anchors"
#define TYPE      "anchor"

enum { LEARN_MAX = 1000 }; /* New ones a call: each may wait for backends. */

/* What another says of it, and what was found: of no account to anybody else. */
static void strip(struct book_record *record)
{
    struct tally_anchor *anchor = &record->anchor;
    anchor->state = TALLY_ANCHOR_RECEIVED;
    anchor->reason = TALLY_ANCHOR_IS_UNTRIED;
    anchor->height = 0;
    anchor->block = (struct tally_hash){{0}};
    anchor->time_ms = 0;
    anchor->uncertainty_ms = 0;
    anchor->winner = NULL;
    record->received_ms = record->checked_ms = record->verified_ms = 0;
    record->alarm = false;
    record->authority[0] = record->backend[0] = '\0';
    record->nonce.size = 0;
    record->has_publisher = false;
}

/* ---- publish ---- */

struct sending {
    bool answered;
    struct door_answer answer;
};

static void on_answer(void *context, const struct door_answer *answer)
{
    struct sending *sending = context;
    sending->answered = true;
    sending->answer = *answer;
    sending->answer.origin = NULL;
}

static enum tally_error give(struct sending *sending, struct door *door, const char *body,
                             struct complaint *complaint)
{
    const struct tally_command command = {.kind = TALLY_COMMAND_APPEND,
                                          .append = {.name_space = bytes_text(NAMESPACE),
                                                     .type = bytes_text(TYPE),
                                                     .profile = bytes_text(""),
                                                     .body = bytes_text(body)}};
    enum tally_error error;
    bool readable;
    while ((error = door_append(door, 0, &command, complaint)) == TALLY_BUSY)
        if ((error = door_wait(door, -1, &readable, complaint)) != TALLY_OK)
            return error;
    while (error == TALLY_OK && !sending->answered)
        error = door_wait(door, -1, &readable, complaint);
    return error;
}

static enum exit_code send(struct call *call, const char *data, const char *id, const char *body)
{
    struct sending sending = {0};
    struct door *door;
    const struct door_options options = {
        .data = data, .alone = true, .on_answer = on_answer, .context = &sending};
    if (door_open(&options, &door, &call->complaint) != TALLY_OK)
        return call_fail(call, data);
    enum exit_code code = EXIT_DONE;
    if (give(&sending, door, body, &call->complaint) != TALLY_OK)
        code = call_fail(call, data);
    else if (sending.answer.error != TALLY_OK)
        code = call_fail_with(call, exit_of_error(sending.answer.error), sending.answer.error, id,
                              "not published: %s", tally_error_text(sending.answer.error));
    if (door_close(door, &call->complaint) != TALLY_OK && code == EXIT_DONE)
        code = call_fail(call, NULL);
    if (code != EXIT_DONE)
        return code;
    if (call->json) {
        json_t *object = print_object("anchor-publish/1");
        (void)json_object_set_new(object, "id", json_string(id));
        (void)json_object_set_new(object, "index", json_integer((json_int_t)sending.answer.index));
        (void)json_object_set_new(object, "receipt", print_json_hash(&sending.answer.receipt));
        print_json(object);
    } else {
        (void)printf("%.12s is receipt %llu of our log " NAMESPACE "\n", id,
                     (unsigned long long)sending.answer.index);
    }
    return code;
}

enum exit_code verb_anchor_publish(struct call *call)
{
    struct desk desk;
    struct book_record *record =
        desk_open(&desk, call, NULL, NULL) ? desk_find(&desk, call->operands[0]) : NULL;
    enum exit_code code = desk.shelf.code;
    if (record != NULL && record->anchor.state != TALLY_ANCHOR_ACTIVE &&
        record->anchor.state != TALLY_ANCHOR_SUPERSEDED) {
        code = call_fail_with(call, EXIT_POLICY, TALLY_FORBIDDEN, record->id,
                              "%.12s is %s: only what is verified is evidence for others",
                              record->id, tally_anchor_state_name(record->anchor.state));
        record = NULL;
    }
    if (record != NULL)
        strip(record);
    json_t *file = record != NULL ? book_file_write(record) : NULL;
    char *body = file != NULL ? json_dumps(file, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    shelf_close(&desk.shelf); /* The door may want the directory for itself. */
    if (body != NULL)
        code = send(call, desk.shelf.data, record->id, body);
    free(body);
    json_decref(file);
    desk_close(&desk);
    return code;
}

/* ---- learn ---- */

struct learning {
    struct desk *desk;
    const struct tally_key *publisher; /* Whose log is being gone through, */
    uint64_t index;                    /* and where. */
    size_t news, verified, refused, skipped;
};

static bool same_proof(const struct book_record *one, const struct book_record *other)
{
    return bytes_equal(bytes_of(one->proof, one->proof_size),
                       bytes_of(other->proof, other->proof_size));
}

/* Whether who publishes it now is to answer for it, and not who is known to: nobody was, or it is
   the issuer of the log that it anchors. */
static bool answers_for(const struct learning *learning, const struct book_record *known)
{
    struct tally_key issuer;
    struct tally_bytes name;
    if (!known->has_publisher)
        return true;
    return !key_equal(&known->publisher, learning->publisher) &&
           tally_origin_read(bytes_text(known->origin), &issuer, &name) &&
           key_equal(&issuer, learning->publisher);
}

/* One that is here under the same name. It stays, unless it is not verified and the newcomer, with
   other bytes, is: who publishes rubbish under a good name first must not shut the good one out. */
static bool is_worth(struct desk *desk, struct book_record *record)
{
    const struct book_record *known = desk_known(desk, record->id);
    if (known == NULL)
        return true;
    if (same_proof(known, record) || desk_is_verified(known))
        return false;
    if (record->checked_ms == 0)
        desk_judge(desk, record);
    return desk_is_verified(record);
}

/* A token is named by what is in it; a sender could choose any name. */
static bool name_token(struct learning *learning, struct book_record *record)
{
    if (record->anchor.kind != TALLY_ANCHOR_RFC3161)
        return true;
    record->id[0] = '\0';
    desk_judge(learning->desk, record);
    return record->id[0] != '\0';
}

/* Whether we hold what it anchors, so that it may mean something here. */
static bool is_of_ours(const struct learning *learning, const struct book_record *record)
{
    const struct tally_ledger *ledger = &learning->desk->shelf.ledger;
    struct tally_log_view view;
    return ledger->find(ledger->context, &record->origin_hash, &view) && record->size <= view.size;
}

/* One that is here already, with who is to answer for it. It is judged once more, so that a running
   node looks at it; what was found of it stays where nobody can be asked. */
static bool answer_for(struct learning *learning, const struct book_record *known,
                       struct book_record *record)
{
    record->anchor = known->anchor;
    record->anchor.winner = NULL;
    record->received_ms = known->received_ms;
    record->verified_ms = known->verified_ms;
    record->nonce = known->nonce;
    memcpy(record->authority, known->authority, sizeof record->authority);
    learning->skipped++;
    desk_judge(learning->desk, record);
    return desk_put(learning->desk, record) && desk_read(learning->desk, NULL);
}

/* False: the disk failed, which was said. */
static bool learn_one(struct learning *learning, struct tally_bytes body)
{
    struct book_record *record = body.size <= BOOK_FILE_MAX ? book_file_read(body, NULL) : NULL;
    const struct book_record *known = NULL;
    bool good = true, taken = false;
    if (record != NULL) {
        strip(record);
        record->has_publisher = true;
        record->publisher = *learning->publisher;
        record->published = learning->index;
        record->received_ms = desk_now_ms();
        taken = is_of_ours(learning, record) && name_token(learning, record) &&
                learning->news < LEARN_MAX && is_worth(learning->desk, record);
        known = !taken ? desk_known(learning->desk, record->id) : NULL;
    }
    if (known != NULL && same_proof(known, record) && answers_for(learning, known)) {
        good = answer_for(learning, known, record);
    } else if (taken) {
        if (record->checked_ms == 0) {
            good = desk_put(learning->desk, record); /* Durable before anybody is asked. */
            if (good)
                desk_judge(learning->desk, record);
        }
        good = good && desk_put(learning->desk, record) && desk_read(learning->desk, NULL);
        learning->news++;
        learning->verified += record->anchor.state == TALLY_ANCHOR_VERIFIED;
        learning->refused += record->anchor.state == TALLY_ANCHOR_QUARANTINED;
    } else {
        learning->skipped++;
    }
    book_record_free(record);
    return good;
}

static bool learn_log(struct learning *learning, const struct shelf_log *log)
{
    struct shelf *shelf = &learning->desk->shelf;
    struct shelf_receipt receipt;
    bool good = true;
    for (uint64_t index = 0; good && index < log->view.size; index++) {
        if (!shelf_receipt(shelf, log, index, &receipt))
            return false;
        if (!bytes_equal(receipt.receipt.type, bytes_text(TYPE)) ||
            receipt.receipt.body_size > BOOK_FILE_MAX)
            continue;
        size_t size;
        uint8_t *body = shelf_body(shelf, log, index, &size);
        learning->publisher = &log->view.issuer;
        learning->index = index;
        if (body != NULL)
            good = learn_one(learning, bytes_of(body, size));
        free(body);
    }
    return good;
}

enum exit_code verb_anchor_learn(struct call *call)
{
    struct desk desk;
    struct learning learning = {.desk = &desk};
    struct shelf_log log;
    bool good = desk_open(&desk, call, NULL, NULL);
    for (size_t i = 0; good && shelf_log_at(&desk.shelf, i, &log); i++)
        if (!log.view.own && strcmp(log.name_space, NAMESPACE) == 0)
            good = learn_log(&learning, &log);
    if (good && call->json) {
        json_t *object = print_object("anchor-learn/1");
        (void)json_object_update_new(object, json_pack("{s:I, s:I, s:I, s:I}", "new",
                                                       (json_int_t)learning.news, "verified",
                                                       (json_int_t)learning.verified, "refused",
                                                       (json_int_t)learning.refused, "skipped",
                                                       (json_int_t)learning.skipped));
        print_json(object);
    } else if (good) {
        (void)printf("%zu new: %zu verified, %zu refused, the others wait; %zu known or of no log "
                     "held here\n",
                     learning.news, learning.verified, learning.refused, learning.skipped);
    }
    desk_close(&desk);
    return good ? EXIT_DONE : desk.shelf.code;
}
