/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which bodies go, and when: a node over a ledger that is made up, with one other party's logs and
 * agreements that are put into its fold as two parties would have signed them.
 */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "core/node/node.h"
#include "tally/log.h"

#include <stdlib.h>

#define DAY_US (INT64_C(86400) * 1000000)

enum { LOGS = 3, START_S = 1000 };

/* A log of the ledger: receipt i was made on day i / `per_day`. */
struct made_log {
    struct tally_log_view view;
    char origin[TALLY_ORIGIN_MAX + 1];
    unsigned per_day;
    uint64_t future; /* The receipt of this index claims to be of the year 3000; 0: none. */
};

static struct made_log logs[LOGS];
static size_t log_count;
static struct tally_node *node;
static struct tally_now now;
static struct tally_action pruned;
static unsigned prunes;
static const struct tally_key us = {{1}}, them = {{2}};

/* ---- The ledger ---- */

static bool on_log(void *context, size_t index, struct tally_log_view *view)
{
    if (index < log_count)
        *view = logs[index].view;
    return index < log_count;
}

static struct made_log *find(const struct tally_hash *origin)
{
    for (size_t i = 0; i < log_count; i++)
        if (hash_equal(&logs[i].view.origin_hash, origin))
            return &logs[i];
    return NULL;
}

static bool on_find(void *context, const struct tally_hash *origin, struct tally_log_view *view)
{
    const struct made_log *log = find(origin);
    if (log != NULL)
        *view = log->view;
    return log != NULL;
}

static void on_sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    *signature = (struct tally_signature){{0}};
}

static size_t on_entry(void *context, const struct tally_hash *origin, uint64_t index,
                       uint8_t *envelope, size_t capacity)
{
    static const struct tally_crypto crypto = {.sign = on_sign};
    const struct made_log *log = find(origin);
    uint8_t bytes[TALLY_ENVELOPE_MAX];
    int64_t day =
        log->future > 0 && index == log->future ? 376000 : (int64_t)(index / log->per_day);
    struct tally_receipt receipt = {.issuer = log->view.issuer,
                                    .name_space = bytes_text(log->view.name_space),
                                    .type = bytes_text("story"),
                                    .sequence = index,
                                    .previous = {{index > 0}},
                                    .time = {day * DAY_US}};
    size_t size = tally_receipt_write(&receipt, &crypto, bytes);
    assert_in_range(size, 1, capacity);
    memcpy(envelope, bytes, size);
    return size;
}

static size_t on_entries(void *context, const struct tally_hash *origin, uint64_t index,
                         unsigned width, uint8_t *bytes, size_t capacity)
{
    size_t at = 0;
    for (unsigned i = 0; i < width; i++) {
        size_t size = on_entry(context, origin, index * TALLY_TILE_WIDTH + i, bytes + at + 2,
                               TALLY_ENVELOPE_MAX);
        be16_write(bytes + at, (uint16_t)size);
        at += 2 + size;
    }
    return at;
}

static size_t on_bytes(void *context, const struct tally_hash *origin, uint8_t *note,
                       size_t capacity)
{
    return 0;
}

static bool on_tile(void *context, const struct tally_hash *origin, unsigned level, uint64_t index,
                    unsigned width, struct tally_hash *hashes)
{
    return false;
}

static size_t on_bodies(void *context, const struct tally_hash *origin, uint64_t index,
                        unsigned width, uint8_t *bytes, size_t capacity)
{
    return 0;
}

static bool on_body(void *context, const struct tally_hash *origin, uint64_t index, size_t offset,
                    uint8_t *bytes, size_t capacity, size_t *size)
{
    return false;
}

static void on_draw(void *context, uint8_t *bytes, size_t size)
{
    memset(bytes, 7, size);
}

static bool on_exchange(void *context, const struct tally_key *peer, uint8_t shared[32])
{
    memset(shared, 1, 32);
    return true;
}

static bool on_verify(void *context, const struct tally_key *key, struct tally_bytes message,
                      const struct tally_signature *signature)
{
    return true;
}

/* ---- The world ---- */

static struct made_log *add_log(const char *name_space, const struct tally_key *issuer,
                                uint64_t size, unsigned per_day)
{
    struct made_log *log = &logs[log_count++];
    *log = (struct made_log){.per_day = per_day};
    tally_origin_write(issuer, bytes_text(name_space), log->origin);
    log->view = (struct tally_log_view){.issuer = *issuer,
                                        .origin = log->origin,
                                        .name_space = name_space,
                                        .size = size,
                                        .durable = size,
                                        .own = key_equal(issuer, &us)};
    tally_origin_hash(bytes_text(log->origin), &log->view.origin_hash);
    return log;
}

/* Both signed that bodies are kept so many days. */
static void agree(uint16_t days)
{
    struct agreements *agreements = &node->federating.fold.agreements;
    struct agreement_pair *pair = &agreements->pairs[0];
    agreements->count = 1;
    *pair = (struct agreement_pair){.key = them};
    struct signature *ours = &pair->ours.signatures[SIGNED_PROPOSER];
    *ours = (struct signature){.given = true,
                               .proposer = true,
                               .agreement = {{5}},
                               .level = TALLY_TRUST_VERIFY,
                               .retention_days = days};
    struct tally_fed_terms terms = {.scrolls_count = 1, .scrolls = {bytes_text("audit")}};
    terms_scrolls(&terms, &ours->scrolls);
    pair->theirs.signatures[SIGNED_ACCEPTOR] = *ours;
    pair->theirs.signatures[SIGNED_ACCEPTOR].proposer = false;
}

static void wake(int day)
{
    now = (struct tally_now){{START_S * 1000}, {day * DAY_US}};
    const struct tally_node_options options = {
        .key = us,
        .epoch = 1,
        .connections_max = 2,
        .ledger = {.log = on_log,
                   .find = on_find,
                   .checkpoint = on_bytes,
                   .tile = on_tile,
                   .entries = on_entries,
                   .entry = on_entry,
                   .bodies = on_bodies,
                   .body = on_body},
        .secret = {NULL, on_draw},
        .crypto = {.sign = on_sign, .verify = on_verify, .exchange = on_exchange}};
    node = tally_node_new(&options, now);
    assert_non_null(node);
    prunes = 0;
}

static int set_up(void **state)
{
    log_count = 0;
    return 0;
}

static int tear_down(void **state)
{
    tally_node_free(node);
    node = NULL;
    return 0;
}

/* Peers who are linked, the first `agreeing` of which have our time. */
static void link_peers(unsigned count, unsigned agreeing)
{
    struct peers *peers = &node->datagrams.peers;
    assert_true(count <= peers->capacity);
    peers->end = peers->capacity;
    for (unsigned i = 0; i < peers->capacity; i++) {
        struct peer *peer = &peers->list[i];
        peer->link.state = i < count ? LINK_LINKED : LINK_IDLE;
        peer->has_offset = true;
        peer->offset_us = i < agreeing ? 2000000 : -1000 * DAY_US;
    }
}

/* So long, in steps of a tenth of a second while it works; the disk does at once what it is told.
 */
static void live(unsigned seconds)
{
    uint64_t end = now.mono.ms + UINT64_C(1000) * seconds;
    while (now.mono.ms < end) {
        struct tally_action action;
        uint64_t next = pruning_deadline(node).ms;
        uint64_t step = next > now.mono.ms && next < end ? next - now.mono.ms : 100;
        now.mono.ms += step;
        now.wall.us += (int64_t)step * 1000;
        outbox_clear(&node->outbox);
        pruning_tick(node, now);
        while (outbox_next(&node->outbox, &action)) {
            if (action.kind != TALLY_ACTION_PRUNE)
                continue;
            struct tally_event event = {.kind = TALLY_EVENT_PRUNED};
            event.pruned.ticket = action.prune.ticket;
            pruned = action;
            prunes++;
            find(&action.prune.origin_hash)->view.pruned = action.prune.to;
            pruning_on_pruned(node, now, &event);
        }
    }
}

/* ---- Stories ---- */

static void what_is_old_goes_in_one(void **state)
{
    const struct made_log *log = add_log("audit", &them, 1000, 10); /* Days 0 to 99. */
    wake(100);
    agree(30);
    link_peers(3, 3);
    live(9);
    assert_int_equal(prunes, 0); /* Not at once. */
    live(60);
    assert_int_equal(prunes, 1);
    assert_int_equal(log->view.pruned, 710); /* Those of days 0 to 70. */
    live(2 * 86400);
    assert_int_equal(log->view.pruned, 730);
    assert_int_equal(prunes, 3); /* Once a day has something new. */
}

static void what_is_not_ours_to_prune_stays(void **state)
{
    struct made_log *own = add_log("audit", &us, 100, 1);
    struct made_log *statements = add_log(TALLY_STATEMENTS, &them, 100, 1);
    struct made_log *other = add_log("drills", &them, 100, 1);
    wake(1000);
    agree(30);
    link_peers(1, 1);
    live(7200);
    assert_int_equal(own->view.pruned | statements->view.pruned | other->view.pruned, 0);
    assert_int_equal(prunes, 0);
}

static void frozen_logs_and_those_kept_for_ever_stay(void **state)
{
    struct made_log *log = add_log("audit", &them, 100, 1);
    log->view.frozen = true;
    wake(1000);
    agree(30);
    link_peers(1, 1);
    live(7200);
    assert_int_equal(prunes, 0);
    log->view.frozen = false;
    agree(0);
    live(7200);
    assert_int_equal(prunes, 0);
    agree(30);
    live(7200);
    assert_int_equal(log->view.pruned, 100);
}

static void a_receipt_of_the_future_keeps_what_is_behind_it(void **state)
{
    struct made_log *log = add_log("audit", &them, 300, 1);
    log->future = 40;
    wake(1000);
    agree(30);
    link_peers(1, 1);
    live(60);
    assert_int_equal(log->view.pruned, 40);
}

/* Our clock is years ahead, and nobody is there to say so. */
static void alone_the_newest_receipt_tells_the_day(void **state)
{
    const struct made_log *log = add_log("audit", &them, 100, 1); /* Days 0 to 99. */
    wake(5000);
    agree(30);
    live(60);
    assert_int_equal(log->view.pruned, 70); /* As on day 99: 0 to 69. */
    live(5 * 86400);
    assert_int_equal(log->view.pruned, 75); /* Five days have passed, by the other clock. */
    /* One whose clock is right comes, and then one more: now it is known. */
    link_peers(1, 1);
    live(7200);
    assert_int_equal(log->view.pruned, 100);
}

static void while_clocks_differ_nothing_goes(void **state)
{
    const struct made_log *log = add_log("audit", &them, 100, 1);
    wake(5000);
    agree(30);
    link_peers(3, 1);
    live(2 * 86400);
    assert_int_equal(prunes, 0);
    link_peers(2, 1); /* Who is right of two? */
    live(2 * 86400);
    assert_int_equal(prunes, 0);
    /* Our clock is set right. */
    now.wall.us = 101 * DAY_US;
    link_peers(3, 2);
    live(120);
    assert_int_equal(log->view.pruned, 72);
}

static void what_was_confirmed_counts_on(void **state)
{
    const struct made_log *log = add_log("audit", &them, 100, 1);
    wake(101);
    agree(30);
    link_peers(4, 4);
    live(120);
    assert_int_equal(log->view.pruned, 72);
    link_peers(0, 0);
    now.wall.us = 9000 * DAY_US;
    live(86400);
    assert_int_equal(log->view.pruned, 73);
}

/* The disk says no: the mark stays where it was, and the next round asks again. */
static void what_fails_is_asked_again(void **state)
{
    const struct made_log *log = add_log("audit", &them, 100, 1);
    struct tally_event event = {.kind = TALLY_EVENT_PRUNED};
    struct tally_action action = {.kind = TALLY_ACTION_SEND};
    wake(101);
    agree(30);
    link_peers(1, 1);
    for (unsigned i = 0; i < 200 && action.kind != TALLY_ACTION_PRUNE; i++) {
        now.mono.ms += 100;
        outbox_clear(&node->outbox);
        pruning_tick(node, now);
        (void)outbox_next(&node->outbox, &action);
    }
    assert_int_equal(action.kind, TALLY_ACTION_PRUNE);
    assert_int_equal(pruning_deadline(node).ms, TALLY_NEVER.ms); /* One at a time. */
    event.pruned.ticket = action.prune.ticket + 1;
    pruning_on_pruned(node, now, &event);
    assert_int_equal(pruning_deadline(node).ms, TALLY_NEVER.ms); /* Not its answer. */
    event.pruned.ticket = action.prune.ticket;
    event.pruned.error = TALLY_FULL;
    pruning_on_pruned(node, now, &event);
    live(2 * 3600);
    assert_int_equal(log->view.pruned, 72);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(what_is_old_goes_in_one),
        STORY(what_is_not_ours_to_prune_stays),
        STORY(frozen_logs_and_those_kept_for_ever_stay),
        STORY(a_receipt_of_the_future_keeps_what_is_behind_it),
        STORY(alone_the_newest_receipt_tells_the_day),
        STORY(while_clocks_differ_nothing_goes),
        STORY(what_was_confirmed_counts_on),
        STORY(what_fails_is_asked_again),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
