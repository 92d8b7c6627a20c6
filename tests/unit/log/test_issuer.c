/* SPDX-License-Identifier: Apache-2.0 */
/* Our own logs as a story: a small disk in memory answers the issuer's actions, and fails, lies or
   forgets where the story says so. */
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/crypto/sign.h"
#include "core/log/issuer.h"

#include "support/cmocka.h"

enum { RECEIPTS = 64 };

/* One log on a disk: envelopes in order, the leaves of what is sealed, one checkpoint. */
struct disk {
    uint8_t seed[32];
    struct tally_key key;
    const char *name_space;
    char origin[TALLY_ORIGIN_MAX + 1];
    struct tally_hash origin_hash;
    uint8_t envelopes[RECEIPTS][TALLY_ENVELOPE_MAX];
    size_t sizes[RECEIPTS];
    uint64_t durable, sealed;
    uint8_t note[TALLY_CHECKPOINT_MAX];
    size_t note_size;
};

static bool view_log(void *context, size_t index, struct tally_log_view *view)
{
    const struct disk *disk = context;
    if (index > 0 || disk->durable == 0)
        return false;
    *view = (struct tally_log_view){.origin_hash = disk->origin_hash,
                                    .issuer = disk->key,
                                    .origin = disk->origin,
                                    .name_space = disk->name_space,
                                    .size = disk->sealed,
                                    .durable = disk->durable,
                                    .own = true};
    return true;
}

static bool view_find(void *context, const struct tally_hash *origin, struct tally_log_view *view)
{
    return view_log(context, 0, view) && hash_equal(origin, &view->origin_hash);
}

static size_t read_entry(void *context, const struct tally_hash *origin, uint64_t index,
                         uint8_t *envelope, size_t capacity)
{
    const struct disk *disk = context;
    if (index >= disk->durable || disk->sizes[index] > capacity)
        return 0;
    memcpy(envelope, disk->envelopes[index], disk->sizes[index]);
    return disk->sizes[index];
}

static bool read_tile(void *context, const struct tally_hash *origin, unsigned level,
                      uint64_t index, unsigned width, struct tally_hash *hashes)
{
    const struct disk *disk = context;
    if (level != 0 || index != 0 || width > disk->durable)
        return false;
    for (unsigned i = 0; i < width; i++)
        tally_receipt_leaf(bytes_of(disk->envelopes[i], disk->sizes[i]), &hashes[i]);
    return true;
}

static size_t read_checkpoint(void *context, const struct tally_hash *origin, uint8_t *note,
                              size_t capacity)
{
    const struct disk *disk = context;
    memcpy(note, disk->note, disk->note_size);
    return disk->note_size;
}

static void sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    sign_with_seed(((struct disk *)context)->seed, message, signature);
}

static bool verify(void *context, const struct tally_key *key, struct tally_bytes message,
                   const struct tally_signature *signature)
{
    return sign_verify(key, message, signature);
}

struct story {
    struct disk disk;
    struct tally_ledger ledger;
    struct tally_crypto crypto;
    struct issuer issuer;
    struct issuer_log logs[4];
    struct issuer_pending pending[RECEIPTS];
    struct tally_action actions[64];
    uint8_t arena[1 << 16];
    struct outbox out;
    struct tally_now now;
};

static void start(struct story *story)
{
    const struct issuer_options options = {.key = story->disk.key,
                                           .seal_receipts = 4,
                                           .seal_ms = 1000,
                                           .seal_quiet_ms = 60000,
                                           .pending_max = RECEIPTS,
                                           .logs_max = 4,
                                           .ledger = &story->ledger,
                                           .crypto = &story->crypto};
    outbox_init(&story->out, story->actions, 64, story->arena, sizeof story->arena);
    const struct issuer_memory memory = {story->logs, story->pending};
    issuer_init(&story->issuer, &options, &memory, story->now);
}

static struct story *story_new(const char *name_space)
{
    static struct story story;
    memset(&story, 0, sizeof story);
    memset(story.disk.seed, 7, sizeof story.disk.seed);
    sign_key(story.disk.seed, &story.disk.key);
    story.disk.name_space = name_space;
    size_t size = tally_origin_write(&story.disk.key, bytes_text(name_space), story.disk.origin);
    tally_origin_hash(bytes_of(story.disk.origin, size), &story.disk.origin_hash);
    story.ledger = (struct tally_ledger){.context = &story.disk,
                                         .log = view_log,
                                         .find = view_find,
                                         .checkpoint = read_checkpoint,
                                         .tile = read_tile,
                                         .entry = read_entry};
    story.crypto = (struct tally_crypto){.context = &story.disk, .sign = sign, .verify = verify};
    start(&story);
    return &story;
}

static void append(struct story *story, uint64_t ticket, const char *name_space, const char *body)
{
    const struct tally_command command = {.kind = TALLY_COMMAND_APPEND,
                                          .ticket = ticket,
                                          .append = {.name_space = bytes_text(name_space),
                                                     .type = bytes_text("audit"),
                                                     .profile = bytes_text(""),
                                                     .body = bytes_text(body)}};
    outbox_clear(&story->out);
    issuer_append(&story->issuer, story->now, &command, &story->out);
    assert_true(issuer_holds(&story->issuer));
}

static const struct tally_action *action(struct story *story, enum tally_action_kind kind)
{
    for (size_t i = 0; i < story->out.count; i++)
        if (story->actions[i].kind == kind)
            return &story->actions[i];
    return NULL;
}

/* The disk does what APPEND asks, or fails; the answer comes back. */
static void disk_append(struct story *story, enum tally_error error)
{
    const struct tally_action *wanted = action(story, TALLY_ACTION_APPEND);
    assert_non_null(wanted);
    struct disk *disk = &story->disk;
    uint64_t ticket = wanted->append.ticket;
    struct issuer_news news;
    if (error == TALLY_OK) {
        assert_int_equal(wanted->append.first, disk->durable);
        memcpy(disk->envelopes[disk->durable], wanted->append.envelope.data,
               wanted->append.envelope.size);
        disk->sizes[disk->durable++] = wanted->append.envelope.size;
    }
    outbox_clear(&story->out);
    issuer_on_appended(&story->issuer, story->now, ticket, error, &news, &story->out);
    assert_true(issuer_holds(&story->issuer));
}

static struct tally_hash root_on_disk(struct story *story, uint64_t size)
{
    struct merkle_range range = {0};
    struct tally_hash root;
    for (uint64_t i = 0; i < size; i++) {
        struct tally_hash leaf;
        tally_receipt_leaf(bytes_of(story->disk.envelopes[i], story->disk.sizes[i]), &leaf);
        merkle_range_append(&range, &leaf);
    }
    merkle_range_root(&range, &root);
    return root;
}

/* SEAL, read back, PUBLISH; returns the size that was sealed. */
static uint64_t disk_seal(struct story *story, struct issuer_news *news)
{
    const struct tally_action *wanted = action(story, TALLY_ACTION_SEAL);
    assert_non_null(wanted);
    struct tally_event event = {.kind = TALLY_EVENT_SEALED};
    event.sealed.ticket = wanted->seal.ticket;
    event.sealed.size = wanted->seal.size;
    event.sealed.root = root_on_disk(story, wanted->seal.size);
    outbox_clear(&story->out);
    issuer_on_sealed(&story->issuer, story->now, &event, news, &story->out);
    wanted = action(story, TALLY_ACTION_PUBLISH);
    assert_non_null(wanted);
    story->disk.sealed = wanted->publish.size;
    story->disk.note_size = wanted->publish.note.size;
    memcpy(story->disk.note, wanted->publish.note.data, wanted->publish.note.size);
    struct tally_event published = {.kind = TALLY_EVENT_PUBLISHED};
    published.published.ticket = wanted->publish.ticket;
    outbox_clear(&story->out);
    issuer_on_published(&story->issuer, story->now, &published, news, &story->out);
    assert_true(issuer_holds(&story->issuer));
    return story->disk.sealed;
}

static void a_receipt_is_answered_when_durable_and_sealed_by_time(void **state)
{
    struct story *story = story_new("audit");
    append(story, 11, "audit", "{\"n\":1}");
    assert_null(action(story, TALLY_ACTION_ANSWER)); /* Not before the disk said so. */
    disk_append(story, TALLY_OK);
    const struct tally_action *answer = action(story, TALLY_ACTION_ANSWER);
    assert_int_equal(answer->answer.ticket, 11);
    assert_int_equal(answer->answer.error, TALLY_OK);
    assert_int_equal(answer->answer.index, 0);

    assert_int_equal(issuer_deadline(&story->issuer).ms, 1000);
    story->now.mono.ms = 999;
    issuer_tick(&story->issuer, story->now, &story->out);
    assert_null(action(story, TALLY_ACTION_SEAL));
    story->now.mono.ms = 1000;
    issuer_tick(&story->issuer, story->now, &story->out);
    struct issuer_news news;
    assert_int_equal(disk_seal(story, &news), 1);
    assert_int_equal(news.kind, ISSUER_SEALED);

    struct tally_checkpoint checkpoint;
    assert_int_equal(tally_checkpoint_open(bytes_of(story->disk.note, story->disk.note_size), NULL,
                                           &story->crypto, &checkpoint),
                     TALLY_DROP_NONE);
    assert_int_equal(checkpoint.size, 1);
    assert_int_equal(issuer_deadline(&story->issuer).ms, TALLY_NEVER.ms);
}

static void many_receipts_are_sealed_by_count(void **state)
{
    struct story *story = story_new("audit");
    struct issuer_news news;
    for (int i = 0; i < 4; i++) {
        append(story, 1, "audit", "x");
        disk_append(story, TALLY_OK);
    }
    issuer_tick(&story->issuer, story->now, &story->out);
    assert_int_equal(disk_seal(story, &news), 4);
}

static void a_flipped_bit_is_never_signed(void **state)
{
    struct story *story = story_new("audit");
    append(story, 1, "audit", "x");
    disk_append(story, TALLY_OK);
    story->now.mono.ms = 1000;
    issuer_tick(&story->issuer, story->now, &story->out);
    const struct tally_action *seal = action(story, TALLY_ACTION_SEAL);
    struct tally_event event = {.kind = TALLY_EVENT_SEALED};
    event.sealed.ticket = seal->seal.ticket;
    event.sealed.size = 1;
    event.sealed.root = root_on_disk(story, 1);
    event.sealed.root.bytes[5] ^= 4;
    struct issuer_news news;
    outbox_clear(&story->out);
    issuer_on_sealed(&story->issuer, story->now, &event, &news, &story->out);
    assert_null(action(story, TALLY_ACTION_PUBLISH));
    assert_int_equal(news.error, TALLY_DAMAGED);
    append(story, 2, "audit", "y");
    assert_int_equal(action(story, TALLY_ACTION_ANSWER)->answer.error, TALLY_DAMAGED);
}

static void a_full_disk_loses_nothing_and_the_log_goes_on(void **state)
{
    struct story *story = story_new("audit");
    struct issuer_news news;
    append(story, 1, "audit", "a");
    disk_append(story, TALLY_OK);
    append(story, 2, "audit", "b");
    disk_append(story, TALLY_FULL);
    assert_int_equal(action(story, TALLY_ACTION_ANSWER)->answer.error, TALLY_FULL);
    append(story, 3, "audit", "c");
    assert_int_equal(action(story, TALLY_ACTION_APPEND)->append.first, 1);
    disk_append(story, TALLY_OK);
    story->now.mono.ms = 5000;
    issuer_tick(&story->issuer, story->now, &story->out);
    assert_int_equal(disk_seal(story, &news), 2);
}

static void a_restart_goes_on_where_the_disk_is(void **state)
{
    struct story *story = story_new("audit");
    struct issuer_news news;
    for (int i = 0; i < 6; i++) {
        append(story, 1, "audit", "x");
        disk_append(story, TALLY_OK);
        if (i == 3) {
            issuer_tick(&story->issuer, story->now, &story->out);
            assert_int_equal(disk_seal(story, &news), 4);
        }
    }
    start(story); /* kill -9: two receipts were acknowledged and not sealed. */
    issuer_tick(&story->issuer, story->now, &story->out);
    assert_int_equal(disk_seal(story, &news), 6);
    append(story, 1, "audit", "x");
    struct tally_receipt receipt;
    struct tally_hash previous;
    assert_int_equal(
        tally_receipt_read(action(story, TALLY_ACTION_APPEND)->append.envelope, &receipt),
        TALLY_DROP_NONE);
    tally_receipt_hash(bytes_of(story->disk.envelopes[5], story->disk.sizes[5]), &previous);
    assert_int_equal(receipt.sequence, 6);
    assert_true(hash_equal(&receipt.previous, &previous));
}

static void names_that_are_not_allowed_are_refused_at_once(void **state)
{
    static const char *const names[] = {"",       "-a",         "wit ness", "witness",
                                        "mirror", "federation", "a/b"};
    struct story *story = story_new("audit");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        append(story, 9, names[i], "x");
        assert_int_equal(action(story, TALLY_ACTION_ANSWER)->answer.error, TALLY_BAD_NAME);
    }
}

static void an_issuer_that_is_held_signs_nothing_and_goes_on_when_it_is_released(void **state)
{
    struct story *story = story_new("audit");
    issuer_hold(&story->issuer, story->now, TALLY_UNCONFIRMED);
    append(story, 1, "audit", "x");
    assert_int_equal(action(story, TALLY_ACTION_ANSWER)->answer.error, TALLY_UNCONFIRMED);
    issuer_hold(&story->issuer, story->now, TALLY_OK);
    append(story, 2, "audit", "x");
    assert_non_null(action(story, TALLY_ACTION_APPEND));
    issuer_hold(&story->issuer, story->now, TALLY_GUARDED);
    assert_int_equal(issuer_deadline(&story->issuer).ms, TALLY_NEVER.ms);
}

/* A statement of the node itself, which becomes durable. */
static void state(struct story *story, bool quiet)
{
    outbox_clear(&story->out);
    assert_int_equal((quiet ? issuer_record : issuer_statement)(&story->issuer, story->now,
                                                                "SYNC_EVENT", NULL, 0,
                                                                bytes_text("{}"), 1, &story->out),
                     TALLY_OK);
    disk_append(story, TALLY_OK);
}

/* Begins the seal that is due at that time; nothing is due before. */
static void seal_begins(struct story *story, uint64_t ms)
{
    assert_int_equal(issuer_deadline(&story->issuer).ms, ms);
    outbox_clear(&story->out);
    story->now.mono.ms = ms - 1;
    issuer_tick(&story->issuer, story->now, &story->out);
    assert_null(action(story, TALLY_ACTION_SEAL));
    story->now.mono.ms = ms;
    issuer_tick(&story->issuer, story->now, &story->out);
    assert_non_null(action(story, TALLY_ACTION_SEAL));
}

static void what_nobody_waits_for_is_sealed_with_what_comes_next(void **unused)
{
    struct story *story = story_new(TALLY_STATEMENTS);
    struct issuer_news news;
    /* Alone it waits a minute, from the first on. */
    state(story, true);
    story->now.mono.ms = 500;
    state(story, true);
    seal_begins(story, 60000);
    assert_int_equal(disk_seal(story, &news), 2);
    assert_int_equal(issuer_deadline(&story->issuer).ms, TALLY_NEVER.ms);
    /* What somebody waits for takes it along. */
    story->now.mono.ms = 70000;
    state(story, true);
    story->now.mono.ms = 71000;
    state(story, false);
    seal_begins(story, 72000);
    /* Another one comes while that is sealed, and keeps its own time. */
    struct tally_action seal = *action(story, TALLY_ACTION_SEAL);
    state(story, true);
    outbox_clear(&story->out);
    *outbox_add(&story->out, TALLY_ACTION_SEAL) = seal;
    assert_int_equal(disk_seal(story, &news), 4);
    assert_int_equal(issuer_deadline(&story->issuer).ms, 132000);
    /* A command seals it, and so does a start after a crash. */
    issuer_seal(&story->issuer, story->now, 5, &story->out);
    assert_int_equal(disk_seal(story, &news), 5);
    assert_int_equal(action(story, TALLY_ACTION_ANSWER)->answer.ticket, 5);
    state(story, true);
    start(story);
    assert_int_equal(issuer_deadline(&story->issuer).ms, story->now.mono.ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_receipt_is_answered_when_durable_and_sealed_by_time),
        cmocka_unit_test(many_receipts_are_sealed_by_count),
        cmocka_unit_test(a_flipped_bit_is_never_signed),
        cmocka_unit_test(a_full_disk_loses_nothing_and_the_log_goes_on),
        cmocka_unit_test(a_restart_goes_on_where_the_disk_is),
        cmocka_unit_test(names_that_are_not_allowed_are_refused_at_once),
        cmocka_unit_test(an_issuer_that_is_held_signs_nothing_and_goes_on_when_it_is_released),
        cmocka_unit_test(what_nobody_waits_for_is_sealed_with_what_comes_next),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
