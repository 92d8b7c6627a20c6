/* SPDX-License-Identifier: Apache-2.0 */
#include "pair.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/crypto/sign.h"
#include "core/log/tree.h"

#include <stdio.h>
#include <stdlib.h>

struct side ann, bob;
struct tally_now now;

/* ---- The ledger. ---- */

static bool find(void *context, const struct tally_hash *origin, struct tally_log_view *view)
{
    struct side *side = context;
    if (side->size == 0 || !hash_equal(origin, &side->origin_hash))
        return false;
    *view = (struct tally_log_view){.origin_hash = side->origin_hash,
                                    .issuer = side->key,
                                    .origin = side->origin,
                                    .name_space = "audit",
                                    .size = side->size,
                                    .durable = side->size,
                                    .own = true};
    return true;
}

static bool log_at(void *context, size_t index, struct tally_log_view *view)
{
    struct side *side = context;
    return index == 0 && find(side, &side->origin_hash, view);
}

static size_t stored(void *context, const struct tally_hash *origin, uint8_t *note, size_t capacity)
{
    struct side *side = context;
    if (!hash_equal(origin, &side->origin_hash) || side->note_size > capacity)
        return 0;
    memcpy(note, side->note, side->note_size);
    return side->note_size;
}

static bool tile(void *context, const struct tally_hash *origin, unsigned level, uint64_t index,
                 unsigned width, struct tally_hash *hashes)
{
    const struct tally_ledger tree = logs_tree_ledger(((struct side *)context)->tree);
    return tree.tile(tree.context, origin, level, index, width, hashes);
}

static size_t entry(void *context, const struct tally_hash *origin, uint64_t index,
                    uint8_t *envelope, size_t capacity)
{
    struct side *side = context;
    if (hash_equal(origin, &side->origin_hash) && side->hides)
        return 0;
    if (hash_equal(origin, &side->origin_hash))
        return (size_t)snprintf((char *)envelope, capacity, side->lies ? "lie-%d" : "leaf-%d",
                                (int)index);
    memcpy(envelope, side->envelope, side->envelope_size);
    return side->envelope_size;
}

static bool body(void *context, const struct tally_hash *origin, uint64_t index, size_t offset,
                 uint8_t *bytes, size_t capacity, size_t *size)
{
    struct side *side = context;
    memcpy(bytes, side->body, side->body_size);
    *size = side->body_size;
    return side->body_size > 0;
}

static size_t kept(void *context, enum tally_kept kind, const struct tally_hash *origin,
                   uint8_t *note, size_t capacity)
{
    struct side *side = context;
    for (size_t i = 0; i < NOTES; i++) {
        struct kept *one = &side->kept[kind][i];
        if (!one->used || !hash_equal(&one->origin_hash, origin))
            continue;
        memcpy(note, one->note, one->size);
        return one->size;
    }
    return 0;
}

static bool kept_at(void *context, enum tally_kept kind, size_t index, struct tally_hash *origin)
{
    struct side *side = context;
    if (index >= NOTES || !side->kept[kind][index].used)
        return false;
    *origin = side->kept[kind][index].origin_hash;
    return true;
}

static bool cosigner_key(void *context, bool make, struct tally_key *key)
{
    sign_key(((struct side *)context)->cosigner_seed.bytes, key);
    return true;
}

static void cosigner_sign(void *context, struct tally_bytes message,
                          struct tally_signature *signature)
{
    const struct tally_crypto crypto = logs_crypto(((struct side *)context)->cosigner_seed.bytes);
    crypto.sign(crypto.context, message, signature);
}

static void draw(void *context, uint8_t *bytes, size_t size)
{
    memset(bytes, 0x5a, size);
}

/* ---- Sides. ---- */

void side_wake(struct side *side)
{
    assert_true(witness_new(&side->witness, &side->options, now));
    witness_start(&side->witness, now);
}

void side_init(struct side *side, uint8_t number)
{
    uint8_t *arena = side->arena;
    *side = (struct side){.seed = logs_seed(number), .cosigner_seed = logs_seed(number + 100)};
    side->arena = arena != NULL ? arena : malloc(ARENA);
    side->crypto = logs_crypto(side->seed.bytes);
    sign_key(side->seed.bytes, &side->key);
    fold_init(&side->fold, &side->key, side->parties, 8);
    outbox_init(&side->out, side->actions, 64, side->arena, ARENA);
    side->ledger = (struct tally_ledger){.context = side,
                                         .log = log_at,
                                         .find = find,
                                         .checkpoint = stored,
                                         .tile = tile,
                                         .entry = entry,
                                         .body = body,
                                         .kept = kept,
                                         .kept_at = kept_at};
    side->cosigner = (struct tally_cosigner){side, cosigner_key, cosigner_sign};
    side->secret = (struct tally_secret){NULL, draw};
    side->tree = logs_tree_new(LEAVES);
    side->options = (struct witness_options){.key = side->key,
                                             .logs_max = 8,
                                             .servers = 4,
                                             .own_max = 4,
                                             .gap_ms = 10000,
                                             .cycle_ms = 60000,
                                             .ledger = &side->ledger,
                                             .fold = &side->fold,
                                             .crypto = &side->crypto,
                                             .cosigner = &side->cosigner,
                                             .secret = &side->secret,
                                             .seed = number};
    size_t size = tally_origin_write(&side->key, bytes_text("audit"), side->origin);
    tally_origin_hash(bytes_of((uint8_t *)side->origin, size), &side->origin_hash);
}

void side_admits(struct side *side, const struct side *other, enum tally_trust level)
{
    uint8_t bytes[FED_BODY_MAX];
    const struct fed_statement statement = {
        .kind = FED_ADMIT, .party = other->key, .level = level, .roles = TALLY_ROLES_ALL};
    size_t size = fed_write(&statement, bytes);
    assert_int_equal(
        fold_take(&side->fold, &side->key, bytes_text("fed_admit"), bytes_of(bytes, size), 0),
        FOLD_TAKEN);
}

int pair_up(void **state)
{
    now = (struct tally_now){{1000}, {INT64_C(1790000000000000)}};
    side_init(&ann, 1);
    side_init(&bob, 2);
    side_admits(&ann, &bob, TALLY_TRUST_VERIFY);
    side_admits(&bob, &ann, TALLY_TRUST_VERIFY);
    side_wake(&ann);
    side_wake(&bob);
    return 0;
}

int pair_down(void **state)
{
    witness_free(&ann.witness);
    witness_free(&bob.witness);
    logs_tree_free(ann.tree);
    logs_tree_free(bob.tree);
    return 0;
}

void side_grows(struct side *side, uint64_t size)
{
    struct tally_vkey vkey;
    struct tally_log_view view;
    struct tally_checkpoint checkpoint = {.origin = bytes_text(side->origin), .size = size};
    struct tree tree = {&side->ledger, &side->origin_hash};
    while (side->tree->counts[0] < size) {
        struct tally_hash leaf;
        logs_leaf(side->tree->counts[0], &leaf);
        logs_tree_add(side->tree, &leaf);
    }
    assert_true(tree_root(&tree, size, &checkpoint.root));
    assert_true(tally_vkey_of_origin(&vkey, checkpoint.origin));
    side->note_size = tally_checkpoint_sign(&checkpoint, &vkey, &side->crypto, side->note);
    side->size = size;
    assert_true(find(side, &side->origin_hash, &view));
    witness_sealed(&side->witness, now, &view);
}

/* ---- What a step leaves to do. ---- */

static void keep(struct side *side, const struct tally_action *action)
{
    side->ticket = action->keep.ticket;
    if (side->slow || side->broken) {
        if (side->broken)
            witness_on_kept(&side->witness, now, action->keep.ticket, TALLY_IO);
        return;
    }
    for (size_t i = 0; i < NOTES; i++) {
        struct kept *one = &side->kept[action->keep.kind][i];
        if (one->used && !hash_equal(&one->origin_hash, &action->keep.origin_hash))
            continue;
        one->used = true;
        one->origin_hash = action->keep.origin_hash;
        one->size = action->keep.note.size;
        memcpy(one->note, action->keep.note.data, one->size);
        break;
    }
    witness_on_kept(&side->witness, now, action->keep.ticket, TALLY_OK);
}

void side_states(struct side *side, const struct witness_news *news)
{
    struct tally_receipt receipt = {.issuer = side->key,
                                    .name_space = bytes_text(TALLY_STATEMENTS),
                                    .type = bytes_text(news->type),
                                    .time = now.wall,
                                    .body_size = (uint32_t)news->bytes.size};
    side->states++;
    if (strcmp(news->type, "fed_keys") != 0)
        return;
    hash_sha256(news->bytes, &receipt.body_hash);
    side->envelope_size = tally_receipt_write(&receipt, &side->crypto, side->envelope);
    side->body_size = news->bytes.size;
    memcpy(side->body, news->bytes.data, news->bytes.size);
    assert_int_equal(fold_take(&side->fold, &side->key, receipt.type, news->bytes, 0), FOLD_TAKEN);
}

static void heard(struct side *side, const struct witness_news *news)
{
    side->wanted += news->kind == WITNESS_NEWS_STREAM;
    side->got += news->kind == WITNESS_NEWS_GOT;
    side->refused += news->kind == WITNESS_NEWS_REFUSED;
    side->forks += news->kind == WITNESS_NEWS_FORK;
    side->notes += news->kind == WITNESS_NEWS_NOTE;
    side->signed_count += news->kind == WITNESS_NEWS_SIGNED;
    if (news->kind == WITNESS_NEWS_SAMPLED)
        side->sampled = *news;
    if (news->kind == WITNESS_NEWS_STATE)
        side_states(side, news);
    if (news->kind == WITNESS_NEWS_ANSWER)
        side->last_status = news->status;
    if (news->kind == WITNESS_NEWS_ANSWER || news->kind == WITNESS_NEWS_NOTE) {
        assert_true(news->bytes.size <= sizeof side->answered);
        side->answered_size = news->bytes.size;
        if (news->bytes.size > 0)
            memcpy(side->answered, news->bytes.data, news->bytes.size);
    }
    if (news->kind == WITNESS_NEWS_REFUSED)
        side->last_status = news->status;
}

static void http(struct side *side, const struct tally_action *action)
{
    struct http_asked *asked = &side->http;
    asked->count++;
    asked->ticket = action->http.ticket;
    asked->size = action->http.body.size;
    asked->answer_max = action->http.answer_max;
    asked->timeout_ms = action->http.timeout_ms;
    assert_true(asked->size <= sizeof asked->body);
    if (asked->size > 0)
        memcpy(asked->body, action->http.body.data, asked->size);
    (void)snprintf(asked->url, sizeof asked->url, "%s", action->http.url);
}

void side_settle(struct side *side)
{
    struct tally_action action;
    struct witness_news news;
    while (outbox_next(&side->out, &action)) {
        side->publishes += action.kind == TALLY_ACTION_PUBLISH;
        if (action.kind == TALLY_ACTION_KEEP)
            keep(side, &action);
        if (action.kind == TALLY_ACTION_HTTP)
            http(side, &action);
    }
    while (witness_next_news(&side->witness, &news))
        heard(side, &news);
    assert_true(witness_holds(&side->witness));
}

void side_step(struct side *side)
{
    outbox_clear(&side->out);
    if (witness_deadline(&side->witness).ms <= now.mono.ms)
        witness_tick(&side->witness, now, &side->out);
    side_settle(side);
}

/* Frames of one side to the other; true if there were some. */
static bool carry(struct side *from, struct side *to, uint32_t stream)
{
    static uint8_t frame[WITNESS_ROOM];
    size_t size = witness_wants(&from->witness, stream) > 0
                      ? witness_compose(&from->witness, now, stream, frame, sizeof frame)
                      : 0;
    if (size == 0)
        return false;
    outbox_clear(&to->out);
    /* In two pieces, as streams do. */
    assert_int_equal(
        witness_receive(&to->witness, now, stream, bytes_of(frame, size / 2), &to->out),
        TALLY_DROP_NONE);
    assert_int_equal(witness_receive(&to->witness, now, stream,
                                     bytes_of(frame + size / 2, size - size / 2), &to->out),
                     TALLY_DROP_NONE);
    side_settle(to);
    return true;
}

static void join(void)
{
    if (witness_waiting(&ann.witness, &bob.key)) {
        assert_true(witness_opened(&ann.witness, now, &bob.key, STREAM));
        assert_true(witness_accepted(&bob.witness, &ann.key, STREAM));
    }
    if (witness_waiting(&bob.witness, &ann.key)) {
        assert_true(witness_opened(&bob.witness, now, &ann.key, BACK));
        assert_true(witness_accepted(&ann.witness, &bob.key, BACK));
    }
}

void pair_pass(uint64_t ms)
{
    for (uint64_t end = now.mono.ms + ms; now.mono.ms < end;) {
        side_step(&ann);
        side_step(&bob);
        join();
        while (carry(&ann, &bob, STREAM) || carry(&bob, &ann, STREAM) || carry(&bob, &ann, BACK) ||
               carry(&ann, &bob, BACK))
            continue;
        now.mono.ms += 100;
        now.wall.us += 100000;
    }
}
