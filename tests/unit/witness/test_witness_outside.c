/* SPDX-License-Identifier: Apache-2.0 */
/* A log and witnesses that are no parties, asked over HTTP: rounds, refusals, silence, lies. */
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/crypto/sign.h"
#include "pair.h"

#include <stdio.h>
#include <stdlib.h>

enum { WITNESSES = 6 };

/* Witness `number` of ann's: 0 is bob, by his cosigning key; others have keys of their own. */
static struct logs_seed seed_of(unsigned number)
{
    return number == 0 ? bob.cosigner_seed : logs_seed((uint8_t)(200 + number));
}

static void states(unsigned number, bool asked)
{
    static uint64_t index;
    uint8_t body[FED_BODY_MAX];
    char name[16], url[64];
    struct fed_statement said = {.kind = FED_WITNESS_URL};
    const struct logs_seed seed = seed_of(number);
    sign_key(seed.bytes, &said.witness_url.key);
    (void)snprintf(name, sizeof name, "w%u", number);
    (void)snprintf(url, sizeof url, "https://w%u.example", number);
    said.witness_url.name = bytes_text(name);
    said.witness_url.url = bytes_text(url);
    said.witness_url.asked = asked;
    size_t size = fed_write(&said, body);
    assert_int_equal(fold_take(&ann.fold, &ann.key, bytes_text("fed_witness_url"),
                               bytes_of(body, size), index++),
                     FOLD_TAKEN);
    witness_admit(&ann.witness, now);
}

/* Ann knows nobody; bob witnesses her log. */
static int town_up(void **state)
{
    now = (struct tally_now){{1000}, {INT64_C(1790000000000000)}};
    side_init(&ann, 1);
    side_init(&bob, 2);
    ann.fold.outsides = outsides_new(WITNESSES);
    side_admits(&bob, &ann, TALLY_TRUST_VERIFY);
    side_wake(&ann);
    side_wake(&bob);
    return 0;
}

static int town_down(void **state)
{
    outsides_free(ann.fold.outsides);
    return pair_down(state);
}

static void pass(uint64_t ms)
{
    for (uint64_t end = now.mono.ms + ms; now.mono.ms < end;) {
        side_step(&ann);
        side_step(&bob);
        now.mono.ms += 100;
        now.wall.us += 100000;
    }
    side_step(&ann);
}

/* Lets time go by until one more question is asked; false: none within that time. */
static bool asks(uint64_t within_ms)
{
    unsigned before = ann.http.count;
    for (uint64_t end = now.mono.ms + within_ms; now.mono.ms < end && ann.http.count == before;)
        pass(100);
    return ann.http.count > before;
}

static void answer(const struct tally_event *event)
{
    outbox_clear(&ann.out);
    witness_on_http(&ann.witness, now, event, &ann.out);
    side_settle(&ann);
    side_step(&ann);
}

static void says(unsigned status, const char *type, struct tally_bytes body)
{
    const struct tally_event event = {.kind = TALLY_EVENT_HTTP,
                                      .http = {.ticket = ann.http.ticket,
                                               .status = status,
                                               .type = type,
                                               .plain = strchr(type, ';') == NULL,
                                               .body = body}};
    answer(&event);
}

static void fails(enum tally_error error)
{
    const struct tally_event event = {
        .kind = TALLY_EVENT_HTTP,
        .http = {.ticket = ann.http.ticket, .error = error, .type = "", .plain = true}};
    answer(&event);
}

/* Bob answers as his node would: a cosigner named by his own key. */
static void bob_answers(void)
{
    outbox_clear(&bob.out);
    witness_command(&bob.witness, now, bytes_of(ann.http.body, ann.http.size), 7, &bob.out);
    side_settle(&bob);
    says(bob.last_status, bob.last_status == 409 ? TALLY_WITNESS_SIZE_TYPE : "",
         bytes_of(bob.answered, bob.answered_size));
}

static struct tally_cosigned_view view_at(size_t index)
{
    struct tally_cosigned_view view;
    assert_true(witness_view(&ann.witness, index, &view));
    return view;
}

/* Bob's cosignatures bear his did: the statement about him must name that. */
static void states_bob(void)
{
    char name[TALLY_DID_SIZE + sizeof "/witness"];
    uint8_t body[FED_BODY_MAX];
    struct fed_statement said = {.kind = FED_WITNESS_URL};
    sign_key(bob.cosigner_seed.bytes, &said.witness_url.key);
    tally_did_write(&bob.key, name);
    memcpy(name + TALLY_DID_SIZE, "/witness", sizeof "/witness");
    said.witness_url.name = bytes_text(name);
    said.witness_url.url = bytes_text("https://w0.example");
    said.witness_url.asked = 1;
    size_t size = fed_write(&said, body);
    assert_int_equal(
        fold_take(&ann.fold, &ann.key, bytes_text("fed_witness_url"), bytes_of(body, size), 0),
        FOLD_TAKEN);
    witness_admit(&ann.witness, now);
    assert_true(witness_view(&ann.witness, 0, &(struct tally_cosigned_view){.size = 0}) ==
                (ann.witness.own_count > 0));
}

static void rounds_go_over_http(void **state)
{
    states_bob();
    side_grows(&ann, 3);
    assert_true(asks(1000));
    assert_string_equal(ann.http.url, "https://w0.example/add-checkpoint");
    assert_memory_equal(ann.http.body, "old 0\n\n", 7);
    assert_true(ann.http.answer_max > 0 && ann.http.timeout_ms > 0);
    /* Bob has no certified key yet: he can cosign nothing, and says so. */
    bob_answers();
    assert_int_equal(bob.last_status, 503);
    assert_string_equal(tally_cosigned_words(&(struct tally_cosigned_view){.status = 503}),
                        "it can cosign nothing now");
    assert_true(asks(20000));
    bob_answers();
    assert_int_equal(bob.last_status, 200);
    struct tally_cosigned_view view = view_at(0);
    assert_int_equal(view.size, 3);
    assert_string_equal(view.url, "https://w0.example");
    assert_string_equal(tally_cosigned_words(&view), "it cosigned");
    assert_int_equal(ann.publishes, 1);
    assert_false(asks(60000)); /* Nothing new: nothing is asked, until it is old. */
    side_grows(&ann, 9);
    assert_true(asks(12000));
    assert_memory_equal(ann.http.body, "old 3\n", 6);
    bob_answers();
    assert_int_equal(view_at(0).size, 9);
    assert_int_equal(ann.got, 2);
    /* What was kept goes on from there in the next life; a conflict says where. */
    witness_free(&ann.witness);
    side_wake(&ann);
    side_grows(&ann, 12);
    assert_true(asks(1000));
    unsigned before = ann.http.count;
    bob_answers();
    assert_int_equal(bob.last_status, 409);
    assert_int_equal(ann.http.count, before + 1);
    assert_memory_equal(ann.http.body, "old 9\n", 6);
    bob_answers();
    assert_int_equal(view_at(0).size, 12);
    assert_int_equal(view_at(0).refused, 0);
}

static void who_is_not_asked_any_more(void **state)
{
    states(1, true);
    side_grows(&ann, 3);
    assert_true(asks(1000));
    states(1, false);
    assert_false(witness_view(&ann.witness, 0, &(struct tally_cosigned_view){.size = 0}));
    says(200, "", bytes_text("")); /* Of a question that nobody waits for. */
    assert_false(asks(600000));
    states(1, true);
    assert_true(asks(1000));
}

static void few_are_asked_at_a_time(void **state)
{
    for (unsigned i = 1; i <= WITNESSES; i++)
        states(i, true);
    side_grows(&ann, 3);
    pass(1000);
    assert_int_equal(ann.http.count, WITNESS_HTTP_ASKED);
    fails(TALLY_TIMED_OUT);
    pass(1000);
    assert_int_equal(ann.http.count, WITNESS_HTTP_ASKED + 1);
    /* A host that never answers is given up, and the next have their turn. */
    pass(WITNESS_HTTP_LATE_MS);
    assert_true(ann.http.count >= WITNESSES);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(view_at(i).error, TALLY_TIMED_OUT);
}

/* The time to the next question, `count` times the same answer on. */
static uint64_t gap_after(unsigned count, enum tally_error error, unsigned status)
{
    uint64_t last = 0;
    for (unsigned i = 0; i < count; i++) {
        if (error != TALLY_OK)
            fails(error);
        else
            says(status, "", bytes_text(""));
        last = now.mono.ms;
        assert_true(asks(WITNESS_REST_MS * UINT64_C(2)));
    }
    return now.mono.ms - last;
}

/* Waits double, up to five minutes; nobody is hammered, whatever went wrong. */
static void waits_grow(void **state)
{
    states(1, true);
    side_grows(&ann, 3);
    assert_true(asks(1000));
    assert_true(gap_after(1, TALLY_REFUSED, 0) < 12000);
    assert_true(gap_after(8, TALLY_REFUSED, 0) > WITNESS_REST_MS / 2);
    assert_int_equal(ann.refused, 1); /* That it fails is told once. */
    struct tally_cosigned_view view = view_at(0);
    assert_int_equal(view.refused, 9);
    assert_int_equal(view.error, TALLY_REFUSED);
    assert_true(gap_after(1, TALLY_OK, 500) < 12000);
    assert_true(gap_after(8, TALLY_OK, 500) > WITNESS_REST_MS / 2);
    view = view_at(0);
    assert_int_equal(view.refused, 18);
    assert_string_equal(tally_cosigned_words(&view), "it failed by itself");
    /* By hand: at once. */
    says(500, "", bytes_text(""));
    witness_hurry(&ann.witness, now);
    assert_true(asks(1000));
}

static const struct {
    unsigned status;
    const char *type, *body;
    bool again;  /* Asked again by itself, while the log stands still. */
    bool looked; /* It is asked to show what it cosigned last. */
    bool disbelieved;
} cases[] = {
    {200, "", "", false, false, true},
    {200, "", "\xe2\x80\x94 w1 abcd\n", false, false, true},
    {200, "text/html", "<html>\n", false, false, true},
    {400, "", "", false, false, false},
    {403, "", "", true, false, false},
    {404, "", "", true, false, false},
    {409, "", "3\n", false, true, false},
    {409, TALLY_WITNESS_SIZE_TYPE "; q=1", "3\n", false, true, false},
    {409, TALLY_WITNESS_SIZE_TYPE, "03\n", false, true, false},
    {409, TALLY_WITNESS_SIZE_TYPE, "", false, true, false},
    {409, TALLY_WITNESS_SIZE_TYPE, "99\n", false, true, false},
    {413, "", "", false, false, false},
    {422, "", "", false, true, false},
    {429, "", "", true, false, false},
    {503, "", "", true, false, false},
    {302, "", "", false, false, false},
    {599, "", "", true, false, false},
};

static void answers_that_are_none(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        town_down(NULL);
        town_up(NULL);
        states(1, true);
        side_grows(&ann, 3);
        assert_true(asks(1000));
        says(cases[i].status, cases[i].type, bytes_text(cases[i].body));
        assert_int_equal(ann.got, 0);
        struct tally_cosigned_view view = view_at(0);
        assert_int_equal(view.refused, 1);
        assert_int_equal(view.status, cases[i].status);
        assert_int_equal(view.disbelieved, cases[i].disbelieved);
        assert_true(strlen(tally_cosigned_words(&view)) > 0);
        bool look = asks(100) || ann.http.size == 0;
        assert_int_equal(look, cases[i].looked);
        if (look) {
            char hex[2 * 32 + 1], url[160];
            hex_write(bytes_of(ann.origin_hash.bytes, 32), hex);
            (void)snprintf(url, sizeof url, "https://w1.example/%s/checkpoint", hex);
            assert_string_equal(ann.http.url, url);
            says(404, "", bytes_text(""));
        }
        assert_int_equal(asks(WITNESS_REST_MS), cases[i].again);
        if (cases[i].again)
            continue;
        /* Another tree may fare better, after the rest. */
        side_grows(&ann, 4);
        assert_true(asks(WITNESS_REST_MS));
    }
}

/* A witness that names another size each time is asked twice a round, and rounds grow rare. */
static void conflicts_go_round_no_longer(void **state)
{
    states(1, true);
    side_grows(&ann, 3);
    unsigned answered = 0;
    for (uint64_t end = now.mono.ms + 3600000; now.mono.ms < end; pass(1000)) {
        for (; answered < ann.http.count; answered++) {
            bool first = memcmp(ann.http.body, "old 0\n", 6) == 0;
            says(409, TALLY_WITNESS_SIZE_TYPE, bytes_text(first ? "1\n" : "0\n"));
        }
    }
    assert_true(ann.http.count < 60);
    assert_true(view_at(0).refused > 5);
}

/* Who says that it cosigned more is to show it, and only that counts; if it cannot be asked, it is
   asked again. */
static void a_larger_number_must_be_shown(void **state)
{
    uint8_t shown[TALLY_CHECKPOINT_MAX + 64];
    states(1, true);
    side_grows(&ann, 3);
    assert_true(asks(1000));
    says(409, TALLY_WITNESS_SIZE_TYPE, bytes_text("99\n"));
    assert_int_equal(ann.http.size, 0);
    fails(TALLY_TIMED_OUT);
    assert_int_equal(ann.notes, 0);
    assert_true(asks(20000));
    assert_int_equal(ann.http.size, 0);
    /* Lines of witnesses are left out of what the node compares. */
    memcpy(shown, ann.note, ann.note_size);
    memcpy(shown + ann.note_size, "\xe2\x80\x94 w1 AAAAAAAAAA==\n", 20);
    says(200, "text/plain", bytes_of(shown, ann.note_size + 20));
    assert_int_equal(ann.notes, 1);
    assert_int_equal(ann.answered_size, ann.note_size);
    assert_memory_equal(ann.answered, ann.note, ann.note_size);
    assert_false(asks(WITNESS_REST_MS)); /* The same is never repeated blindly. */
}

/* One log is known there, another is not: neither holds up the other. */
static void logs_rest_by_themselves(void **state)
{
    struct tally_log_view other = {.origin_hash = {{9}}, .size = 3, .own = true};
    states(1, true);
    side_grows(&ann, 3);
    witness_sealed(&ann.witness, now, &other); /* Its note cannot be read: no round. */
    assert_true(asks(1000));
    says(404, "", bytes_text(""));
    struct witness_own *first = &ann.witness.own[0];
    assert_true(first->asked[0].rest.ms > now.mono.ms);
    assert_int_equal(ann.witness.own[1].asked[0].rest.ms, 0);
    assert_int_equal(ann.witness.peers[0].again.ms, 0);
}

/* An answer that comes when the round it belongs to is over is of no use, and no lie. */
static void a_late_answer_is_left(void **state)
{
    states(1, true);
    side_grows(&ann, 3);
    assert_true(asks(1000));
    ann.witness.own[0].size = 5; /* As a round over a larger tree would have it. */
    says(200, "", bytes_text("\xe2\x80\x94 w1 abcd\n"));
    assert_false(view_at(0).disbelieved);
    assert_int_equal(view_at(0).refused, 0);
}

static bool heard(bool *some)
{
    return witness_outside_heard(&ann.witness, &ann.fold.outsides->list[0].vkey.key, some);
}

/* For the rollback guard: it knew us if it cosigned, in whatever life; it has spoken when it
   cosigned what we have, or knows no log of ours; who signed more, or is not there, has not. */
static void what_the_guard_is_told(void **state)
{
    bool some;
    states_bob();
    side_grows(&ann, 9);
    assert_false(witness_outside_knew(&ann.ledger, &ann.fold.outsides->list[0]));
    assert_true(asks(1000));
    assert_false(heard(&some));
    says(404, "", bytes_text(""));
    assert_true(heard(&some) && !some);
    assert_true(asks(600000));
    fails(TALLY_UNREACHABLE);
    assert_false(heard(&some));
    for (unsigned i = 0; i < 3 && !heard(&some); i++) {
        assert_true(asks(600000));
        bob_answers();
    }
    assert_true(heard(&some) && some);
    assert_true(witness_outside_knew(&ann.ledger, &ann.fold.outsides->list[0]));
    /* The next life, of a copy that has less. */
    witness_free(&ann.witness);
    side_wake(&ann);
    assert_true(witness_outside_knew(&ann.ledger, &ann.fold.outsides->list[0]));
    assert_false(heard(&some));
    assert_true(asks(1000));
    says(409, TALLY_WITNESS_SIZE_TYPE, bytes_text("12\n"));
    assert_false(heard(&some)); /* It is to show it, */
    says(404, "", bytes_text(""));
    assert_false(heard(&some)); /* and did not. */
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
#define STORY(name) cmocka_unit_test_setup_teardown(name, town_up, town_down)
        STORY(rounds_go_over_http),           STORY(who_is_not_asked_any_more),
        STORY(few_are_asked_at_a_time),       STORY(waits_grow),
        STORY(answers_that_are_none),         STORY(conflicts_go_round_no_longer),
        STORY(a_larger_number_must_be_shown), STORY(logs_rest_by_themselves),
        STORY(a_late_answer_is_left),         STORY(what_the_guard_is_told),
#undef STORY
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
