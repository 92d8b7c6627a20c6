/* SPDX-License-Identifier: Apache-2.0 */
/* Each check is shown a world that breaks its rule, and must say so: a check that cannot fail is
   worth nothing. Each story also shows that the check was content just before. */
#include "support/cmocka.h"

#include "backup.h"
#include "checker_inside.h"
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "disk_inside.h"
#include "memory.h"
#include "stand_in.h"

enum { A, B };

static struct world world;

static int set_up(void **state)
{
    stand_in_reset();
    stand_in_world(&world, 2);
    return 0;
}

static int tear_down(void **state)
{
    world_free(&world);
    return 0;
}

static void assert_broken(enum check check)
{
    assert_true(world.checker.broken);
    assert_string_equal(check_name(world.checker.check), check_name(check));
    assert_non_null(strstr(world.checker.message, check_text(check)));
}

static void assert_content(void)
{
    if (world.checker.broken)
        fail_msg("%s", world.checker.message);
}

/* ---- Steps. ---- */

static void a_core_that_does_not_hold(void **state)
{
    stand_in_poke(&world, A);
    assert_content();
    stand_in.holds = false;
    stand_in_poke(&world, A);
    assert_broken(CHECK_HOLDS);
}

/* One of very many stories: what breaks is seen somewhat later. */
static void a_core_that_does_not_hold_is_found_sparingly(void **state)
{
    world.checker.every = 3;
    stand_in_poke(&world, A);
    stand_in.holds = false;
    stand_in_poke(&world, A);
    stand_in_poke(&world, A);
    assert_content();
    stand_in_poke(&world, A);
    assert_broken(CHECK_HOLDS);
}

static void a_step_that_allocates(void **state)
{
    stand_in_poke(&world, A);
    assert_content();
    stand_in.allocates = true;
    stand_in_poke(&world, A);
    assert_broken(CHECK_ALLOCATES);
}

static void configure(uint32_t slot, uint32_t peer)
{
    const struct tally_address address = network_address(peer);
    checker_configured(&world.checker, slot, &address);
}

static uint8_t datagram[TALLY_DATAGRAM_MAX + 1];
static size_t datagram_size;

static void send_it(uint32_t slot, const struct tally_event *event)
{
    if (event->kind == TALLY_EVENT_TICK)
        stand_in_send(slot, 1 - slot, bytes_of(datagram, datagram_size));
}

static void a_datagram_too_large(void **state)
{
    stand_in.react = send_it;
    datagram_size = TALLY_DATAGRAM_MAX;
    configure(B, A);
    stand_in_poke(&world, B);
    assert_content();
    datagram_size++;
    stand_in_poke(&world, B);
    assert_broken(CHECK_DATAGRAM);
}

static void answer_more(uint32_t slot, const struct tally_event *event)
{
    if (event->kind == TALLY_EVENT_DATAGRAM)
        stand_in_send(slot, 1 - slot, bytes_of(datagram, datagram_size));
}

static void more_bytes_to_an_unproved_address_than_came(void **state)
{
    /* B has A as a configured peer; A knows nobody. */
    configure(B, A);
    stand_in.react = answer_more;
    for (size_t size = 100; size <= 101; size++) {
        datagram_size = size;
        world_step(
            &world, A,
            &(struct tally_event){.kind = TALLY_EVENT_DATAGRAM,
                                  .datagram = {network_address(B), bytes_of(datagram, 100)}});
        if (size == 100)
            assert_content();
    }
    assert_broken(CHECK_UNPROVED);
}

/* A datagram as protocols 2.1 lays it out, as far as the checkers look. */
static void head_write(uint8_t counter, bool tagged)
{
    memset(datagram, 0, sizeof datagram);
    static const uint8_t head[] = {0x98, 1, 16, 0xc4, 32};
    memcpy(datagram, head, sizeof head);
    memset(datagram + 5, 7, 32);
    static const uint8_t epoch[] = {0xce, 1, 2, 3, 4};
    memcpy(datagram + 37, epoch, sizeof epoch);
    datagram[42] = counter;
    datagram[43] = tagged ? 0xc4 : 0xc0;
    datagram_size = 100;
}

static void take_it(void)
{
    world_step(
        &world, A,
        &(struct tally_event){.kind = TALLY_EVENT_DATAGRAM,
                              .datagram = {network_address(B), bytes_of(datagram, datagram_size)}});
}

static void more_hellos_to_a_stranger_than_nine_in_ten_minutes(void **state)
{
    stand_in.react = send_it;
    head_write(1, false);
    datagram[2] = 1;
    datagram_size = TALLY_DATAGRAM_MAX;
    world.slots[A].profile = TALLY_PROFILE_AUTO;
    for (unsigned minutes = 0; minutes < 30; minutes += 10) {
        for (unsigned i = 0; i < 9; i++)
            stand_in_poke(&world, A);
        assert_content();
        stand_in_run(&world, 600000);
    }
    checker_start(&world.checker, &world, A); /* Not again with the same epoch, but it forgets. */
    world.checker.broken = false;
    for (unsigned i = 0; i < 9; i++)
        stand_in_poke(&world, A);
    assert_content();
    stand_in_poke(&world, A);
    assert_broken(CHECK_UNPROVED);
}

static void a_hello_of_one_that_greets_whom_it_is_told_of_alone(void **state)
{
    stand_in.react = send_it;
    head_write(1, false);
    datagram[2] = 1;
    datagram_size = TALLY_DATAGRAM_MAX;
    configure(A, B);
    stand_in_poke(&world, A);
    assert_content();
    stand_in_poke(&world, B);
    assert_broken(CHECK_UNPROVED);
}

static void refuse(uint32_t slot, const struct tally_event *event)
{
    stand_in.drops[slot] += event->kind == TALLY_EVENT_DATAGRAM;
}

static void a_counter_that_is_taken_twice(void **state)
{
    head_write(5, true);
    take_it();
    head_write(6, true);
    take_it();
    head_write(5, false); /* Not under a tag: the window is not asked. */
    take_it();
    stand_in.react = refuse;
    head_write(5, true);
    take_it();
    assert_content();
    stand_in.react = NULL;
    take_it();
    assert_broken(CHECK_COUNTER);
}

static void overfill(uint32_t slot, const struct tally_event *event)
{
    static uint8_t bytes[STREAM_ROOM_BYTES + 1];
    if (event->kind == TALLY_EVENT_TICK)
        stand_in_add(slot, &(struct tally_action){.kind = TALLY_ACTION_DIAL,
                                                  .dial = {2, network_address(1 - slot), false}});
    else if (event->kind == TALLY_EVENT_STREAM_ROOM && slot == A)
        stand_in_add(slot, &(struct tally_action){
                               .kind = TALLY_ACTION_WRITE,
                               .write = {2, bytes_of(bytes, event->stream_room.room + 1)}});
}

static void a_write_beyond_the_room(void **state)
{
    stand_in.react = overfill;
    stand_in_poke(&world, A);
    assert_content();
    stand_in_run(&world, 1000);
    assert_broken(CHECK_ROOM);
}

static void a_boot_epoch_that_goes_back(void **state)
{
    world_restart(&world, A);
    assert_content();
    world.slots[A].disk.epoch -= 2;
    world.slots[A].offset_us = -INT64_C(1000000000);
    world_restart(&world, A);
    assert_broken(CHECK_EPOCH);
}

/* ---- Stored logs. ---- */

/* What a forger may do otherwise than its rules say. */
struct forgery {
    bool other_issuer, bad_signature, bad_previous, bad_sequence, bad_body;
    unsigned variant;
};

static struct disk_log *log_of(uint32_t holder, uint32_t issuer)
{
    struct disk *disk = &world.slots[holder].disk;
    char origin[TALLY_ORIGIN_MAX + 1];
    struct tally_log_id id = {
        .issuer = world.slots[issuer].signer.key, .origin = origin, .name_space = "audit"};
    tally_origin_write(&id.issuer, bytes_text("audit"), origin);
    tally_origin_hash(bytes_text(origin), &id.origin_hash);
    struct disk_log *log = disk_find(disk, &id.origin_hash);
    return log != NULL ? log : disk_log_new(disk, &id);
}

static void store(uint32_t holder, uint32_t issuer, const struct forgery *forgery)
{
    struct disk_log *log = log_of(holder, issuer);
    uint64_t index = simtree_size(&log->tree);
    uint8_t body[2] = {(uint8_t)index, (uint8_t)forgery->variant};
    uint32_t writer = forgery->other_issuer ? 1 - issuer : issuer;
    struct tally_receipt receipt = {
        .issuer = world.slots[writer].signer.key,
        .name_space = bytes_text("audit"),
        .type = bytes_text("sim"),
        .profile = bytes_text(""),
        .sequence = index + forgery->bad_sequence,
        .body_size = sizeof body,
    };
    hash_sha256(bytes_of(body, sizeof body), &receipt.body_hash);
    if (index > 0 || forgery->bad_sequence)
        receipt.previous.bytes[0] = 1;
    if (index > 0)
        tally_receipt_hash(
            bytes_of(log->entries[index - 1].envelope, log->entries[index - 1].envelope_size),
            &receipt.previous);
    receipt.previous.bytes[0] ^= forgery->bad_previous;
    const struct tally_crypto crypto = signer_window(&world.slots[writer].signer);
    uint8_t envelope[TALLY_ENVELOPE_MAX];
    size_t size = tally_receipt_write(&receipt, &crypto, envelope);
    envelope[size - 1] ^= forgery->bad_signature;
    body[0] ^= forgery->bad_body;
    disk_log_append(log, bytes_of(envelope, size), bytes_of(body, sizeof body), true);
    checker_change(&world.checker, &world, holder,
                   &(struct disk_change){.log = log, .first = index, .count = 1});
}

static void publish(uint32_t holder, uint32_t issuer, uint64_t size, bool bad_root)
{
    struct disk_log *log = log_of(holder, issuer);
    const struct tally_crypto crypto = signer_window(&world.slots[issuer].signer);
    struct tally_checkpoint checkpoint = {.origin = bytes_text(log->origin), .size = size};
    checkpoint.root = simtree_root(&log->tree, size);
    checkpoint.root.bytes[0] ^= bad_root;
    struct tally_vkey vkey;
    uint8_t note[TALLY_CHECKPOINT_MAX];
    assert_true(tally_vkey_of_origin(&vkey, checkpoint.origin));
    log->note_size = tally_checkpoint_sign(&checkpoint, &vkey, &crypto, note);
    memory_free(log->note);
    log->note = memory_copy(note, log->note_size);
    log->size = size;
    log->root = checkpoint.root;
    checker_change(&world.checker, &world, holder,
                   &(struct disk_change){.log = log, .first = size, .note = true});
}

static const struct forgery good = {0};

static void receipts_that_are_not_what_they_say(void **state)
{
    static const struct {
        struct forgery forgery;
        enum check check;
    } cases[] = {
        {{.other_issuer = true}, CHECK_RECEIPT}, {{.bad_signature = true}, CHECK_RECEIPT},
        {{.bad_previous = true}, CHECK_CHAIN},   {{.bad_sequence = true}, CHECK_CHAIN},
        {{.bad_body = true}, CHECK_BODY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        store(A, A, &good);
        store(A, A, &good);
        assert_content();
        store(A, A, &cases[i].forgery);
        assert_broken(cases[i].check);
        tear_down(state);
        set_up(state);
    }
}

static void a_checkpoint_with_another_root(void **state)
{
    store(A, A, &good);
    publish(A, A, 1, false);
    assert_content();
    store(A, A, &good);
    publish(A, A, 2, true);
    assert_broken(CHECK_NOTE);
}

static void a_signed_size_that_goes_back(void **state)
{
    store(A, A, &good);
    store(A, A, &good);
    publish(A, A, 2, false);
    assert_content();
    publish(A, A, 1, false);
    assert_broken(CHECK_BACK);
}

static void a_signed_size_that_a_restart_forgot(void **state)
{
    store(A, A, &good);
    publish(A, A, 1, false);
    world_restart(&world, A);
    assert_content();
    log_of(A, A)->size = 0;
    world_restart(&world, A);
    assert_broken(CHECK_BACK);
}

/* What it holds is old, and says so; what it signs may not be. */
static void a_copy_is_behind_until_its_guard_passed(void **state)
{
    store(A, A, &good);
    publish(A, A, 1, false);
    world_backup(&world, A);
    store(A, A, &good);
    publish(A, A, 2, false);
    stand_in.guard = TALLY_GUARD_WAITING;
    assert_true(world_restore(&world, A));
    checker_all(&world.checker, &world);
    assert_content();
    stand_in.guard = TALLY_GUARD_PASSED;
    checker_all(&world.checker, &world);
    assert_broken(CHECK_BACK);
}

static void a_copy_that_signs_an_old_size(void **state)
{
    store(A, A, &good);
    world_backup(&world, A);
    store(A, A, &good);
    publish(A, A, 2, false);
    stand_in.guard = TALLY_GUARD_WAITING;
    assert_true(world_restore(&world, A));
    publish(A, A, 1, false);
    assert_broken(CHECK_BACK);
}

static void two_receipts_of_an_honest_issuer_at_one_place(void **state)
{
    store(A, A, &good);
    store(B, A, &good);
    assert_content();
    store(A, A, &good);
    store(B, A, &(struct forgery){.variant = 1});
    assert_broken(CHECK_ROOTS);
}

static void a_liar_may_have_two_receipts_at_one_place(void **state)
{
    world.slots[A].lie = LIE_FORK;
    store(B, A, &good);
    world.slots[B].shown = B;
    store(B, A, &(struct forgery){.variant = 1});
    assert_content();
}

static void a_promise_that_is_not_kept(void **state)
{
    store(A, A, &good);
    struct disk_log *log = log_of(A, A);
    struct tally_action answer = {.kind = TALLY_ACTION_ANSWER,
                                  .answer = {.ticket = 1, .origin = log->origin}};
    tally_receipt_hash(bytes_of(log->entries[0].envelope, log->entries[0].envelope_size),
                       &answer.answer.receipt);
    checker_action(&world.checker, &world, A, &answer);
    world_restart(&world, A);
    assert_content();
    disk_log_cut(log, 0);
    world_restart(&world, A);
    assert_broken(CHECK_ACKNOWLEDGED);
}

static void an_answer_before_the_receipt_is_durable(void **state)
{
    store(A, A, &good);
    assert_content();
    struct tally_action answer = {.kind = TALLY_ACTION_ANSWER,
                                  .answer = {.origin = log_of(A, A)->origin, .index = 1}};
    checker_action(&world.checker, &world, A, &answer);
    assert_broken(CHECK_ACKNOWLEDGED);
}

/* Evidence against A: two checkpoints of one size, both signed by it. */
static struct disk_file evidence(uint8_t bytes[TALLY_FORK_MAX])
{
    struct disk_log *log = log_of(B, A);
    const struct tally_crypto crypto = signer_window(&world.slots[A].signer);
    uint8_t notes[2][TALLY_CHECKPOINT_MAX];
    size_t sizes[2];
    struct tally_vkey vkey;
    assert_true(tally_vkey_of_origin(&vkey, bytes_text(log->origin)));
    for (uint8_t i = 0; i < 2; i++) {
        struct tally_checkpoint checkpoint = {
            .origin = bytes_text(log->origin), .size = 3, .root = {{i}}};
        sizes[i] = tally_checkpoint_sign(&checkpoint, &vkey, &crypto, notes[i]);
    }
    size_t size = tally_fork_write(bytes_of(notes[0], sizes[0]), bytes_of(notes[1], sizes[1]), NULL,
                                   NULL, 0, NULL, &crypto, bytes);
    assert_true(size > 0);
    return (struct disk_file){.origin_hash = log->origin_hash, .bytes = bytes, .size = size};
}

static void evidence_against_an_honest_issuer(void **state)
{
    uint8_t bytes[TALLY_FORK_MAX];
    struct disk_file file = evidence(bytes);
    world.slots[A].lie = LIE_FORK;
    checker_change(&world.checker, &world, B, &(struct disk_change){.file = &file});
    assert_content();
    world.slots[A].lie = LIE_NONE;
    checker_change(&world.checker, &world, B, &(struct disk_change){.file = &file});
    assert_broken(CHECK_ACCUSED);
}

static void evidence_that_proves_nothing(void **state)
{
    uint8_t bytes[TALLY_FORK_MAX];
    struct disk_file file = evidence(bytes);
    world.slots[A].lie = LIE_FORK;
    bytes[file.size / 2] ^= 1;
    checker_change(&world.checker, &world, B, &(struct disk_change){.file = &file});
    assert_broken(CHECK_ACCUSED);
}

static void evidence_that_is_forgotten(void **state)
{
    uint8_t bytes[TALLY_FORK_MAX];
    struct disk_file file = evidence(bytes);
    struct disk *disk = &world.slots[B].disk;
    world.slots[A].lie = LIE_FORK;
    disk->files = memory_room(NULL, &disk->file_capacity, 1, sizeof file);
    disk->files[disk->file_count++] = file;
    disk->files[0].bytes = memory_copy(bytes, file.size);
    log_of(B, A)->frozen = true;
    checker_change(&world.checker, &world, B, &(struct disk_change){.file = &file});
    world_restart(&world, B);
    assert_content();
    log_of(B, A)->frozen = false;
    world_restart(&world, B);
    assert_broken(CHECK_REMEMBERED);
}

static void everything_is_looked_at_again_at_rest(void **state)
{
    store(A, A, &good);
    store(B, A, &good);
    publish(B, A, 1, false);
    checker_all(&world.checker, &world);
    assert_content();
    log_of(B, A)->entries[0].body[0] ^= 1;
    checker_all(&world.checker, &world);
    assert_broken(CHECK_BODY);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_core_that_does_not_hold),
        STORY(a_core_that_does_not_hold_is_found_sparingly),
        STORY(a_step_that_allocates),
        STORY(a_datagram_too_large),
        STORY(more_bytes_to_an_unproved_address_than_came),
        STORY(more_hellos_to_a_stranger_than_nine_in_ten_minutes),
        STORY(a_hello_of_one_that_greets_whom_it_is_told_of_alone),
        STORY(a_counter_that_is_taken_twice),
        STORY(a_write_beyond_the_room),
        STORY(a_boot_epoch_that_goes_back),
        STORY(receipts_that_are_not_what_they_say),
        STORY(a_checkpoint_with_another_root),
        STORY(a_signed_size_that_goes_back),
        STORY(a_signed_size_that_a_restart_forgot),
        STORY(a_copy_is_behind_until_its_guard_passed),
        STORY(a_copy_that_signs_an_old_size),
        STORY(two_receipts_of_an_honest_issuer_at_one_place),
        STORY(a_liar_may_have_two_receipts_at_one_place),
        STORY(a_promise_that_is_not_kept),
        STORY(an_answer_before_the_receipt_is_durable),
        STORY(evidence_against_an_honest_issuer),
        STORY(evidence_that_proves_nothing),
        STORY(evidence_that_is_forgotten),
        STORY(everything_is_looked_at_again_at_rest),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
