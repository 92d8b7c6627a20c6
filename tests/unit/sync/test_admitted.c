/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What admission means for streams, on both sides: b serves a as a's party of that level and those
 * roles, or a asks b so; and a peer that asks for what it was never told of gets no further.
 */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "disk_inside.h"
#include "world.h"

static struct world *world;
static struct side *a, *b, *c;
static struct fold fold;
static struct tally_party parties[8];
static struct disk_log *audit, *statements, *third;

static int set_up(void **state)
{
    world = world_new();
    a = &world->sides[0];
    b = &world->sides[1];
    c = &world->sides[2];
    audit = log_grow(b, &b->signer, "audit", 10, 50, "x");
    statements = log_grow(b, &b->signer, TALLY_STATEMENTS, 3, 50, "x");
    third = log_grow(b, &c->signer, "audit", 7, 50, "x");
    world_start(world);
    return 0;
}

static int tear_down(void **state)
{
    assert_true(all_true(a));
    assert_true(fold_holds(&fold));
    world_free(world);
    return 0;
}

/* The side keeps to a fold of its own statements from now on. */
static void keeps(struct side *side)
{
    fold_init(&fold, &side->signer.key, parties, 8);
    side->sync.options.fold = &fold;
}

static void said(const struct fed_statement *statement)
{
    uint8_t body[FED_BODY_MAX];
    size_t size = fed_write(statement, body);
    assert_int_equal(fold_take(&fold, &fold.self, bytes_text(fed_type(statement->kind)),
                               bytes_of(body, size), 0),
                     FOLD_TAKEN);
}

static void admits(const struct side *whom, enum tally_trust level, uint8_t roles)
{
    said(&(struct fed_statement){.kind = FED_ADMIT,
                                 .party = whom->signer.key,
                                 .level = level,
                                 .has_roles = true,
                                 .roles = roles});
}

static uint64_t held(const struct disk_log *log)
{
    const struct disk_log *copy = copy_of(a, log);
    return copy != NULL ? copy->size : 0;
}

struct expected {
    enum tally_trust level;
    uint8_t roles;
    uint64_t audit, statements, third; /* Receipts a has in the end. */
    enum tally_drop counted;           /* NONE: nothing. */
    bool signs;                        /* Both state the transfer. */
};

static void check(const struct expected *expected, const struct side *keeper)
{
    uint64_t drops = 0;
    ask(world, a, b);
    pass(world, 5000);
    assert_int_equal(held(audit), expected->audit);
    assert_int_equal(held(statements), expected->statements);
    assert_int_equal(held(third), expected->third);
    if (expected->counted != TALLY_DROP_NONE)
        assert_true(keeper->sync.drops[expected->counted] > 0);
    for (unsigned drop = 0; drop < TALLY_DROP_COUNT; drop++)
        drops += keeper->sync.drops[drop];
    assert_int_equal(drops - keeper->sync.drops[expected->counted], 0);
    assert_int_equal(b->told[SYNC_NEWS_CONFIRMED] > 0, expected->signs);
}

#define ALL TALLY_ROLES_ALL

/* b admits a: what it shows. */
static void what_a_server_gives(void **state)
{
    static const struct expected cases[] = {
        {TALLY_TRUST_ISOLATED, ALL, 0, 0, 0, TALLY_DROP_LEVEL, false},
        {TALLY_TRUST_OBSERVE, ALL, 10, 0, 0, TALLY_DROP_NONE, false},
        {TALLY_TRUST_VERIFY, ALL, 10, 3, 0, TALLY_DROP_NONE, true},
        {TALLY_TRUST_ATTEST, ALL, 10, 3, 0, TALLY_DROP_NONE, true},
        {TALLY_TRUST_INTEGRATE, ALL, 10, 3, 7, TALLY_DROP_NONE, true},
        {TALLY_TRUST_VERIFY, TALLY_ROLE_REQUEST, 10, 3, 0, TALLY_DROP_NONE, true},
        {TALLY_TRUST_INTEGRATE, TALLY_ROLE_ANNOUNCE | TALLY_ROLE_SERVE, 0, 0, 0, TALLY_DROP_ROLE,
         false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct expected one = cases[i];
        if (i > 0) {
            tear_down(state);
            set_up(state);
        }
        keeps(b);
        admits(a, one.level, one.roles);
        /* a asks to be told what it got, whoever it is to b: that is refused, and counted. */
        if (one.level == TALLY_TRUST_OBSERVE)
            one.counted = TALLY_DROP_LEVEL;
        check(&one, b);
    }
}

/* a admits b: what it takes. */
static void what_an_asker_takes(void **state)
{
    static const struct expected cases[] = {
        {TALLY_TRUST_ISOLATED, ALL, 0, 0, 0, TALLY_DROP_NONE, false}, /* It does not even ask. */
        {TALLY_TRUST_OBSERVE, TALLY_ROLE_ANNOUNCE | TALLY_ROLE_REQUEST, 0, 0, 0, TALLY_DROP_NONE,
         false},
        {TALLY_TRUST_INTEGRATE, TALLY_ROLE_SERVE, 0, 0, 7, TALLY_DROP_ROLE, true},
        {TALLY_TRUST_INTEGRATE, ALL, 10, 3, 7, TALLY_DROP_NONE, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (i > 0) {
            tear_down(state);
            set_up(state);
        }
        keeps(a);
        admits(b, cases[i].level, cases[i].roles);
        check(&cases[i], a);
    }
}

/* A third party's log comes by way of whoever serves, once its issuer is one of ours. */
static void a_third_party_is_taken_if_it_was_admitted(void **state)
{
    keeps(a);
    admits(b, TALLY_TRUST_VERIFY, ALL);
    ask(world, a, b);
    pass(world, 5000);
    assert_int_equal(held(audit), 10);
    assert_int_equal(held(third), 0);
    assert_int_equal(a->sync.drops[TALLY_DROP_UNADMITTED] > 0, true);
    admits(c, TALLY_TRUST_OBSERVE, TALLY_ROLE_ANNOUNCE);
    ask(world, a, b);
    pass(world, 5000);
    assert_int_equal(held(third), 7);
    /* It was withdrawn: what is held stays, nothing new is taken. */
    said(&(struct fed_statement){.kind = FED_WITHDRAW, .party = c->signer.key});
    log_grow(b, &c->signer, "audit", 5, 50, "y");
    ask(world, a, b);
    pass(world, 60000);
    assert_int_equal(held(third), 7);
    assert_true(a->sync.drops[TALLY_DROP_WITHDRAWN] > 0);
}

/* Files that an operator brings: whoever is admitted at all, at any level, and may announce. Nobody
   is told that they came. */
static void what_is_taken_off_files(void **state)
{
    keeps(a);
    a->sync.options.by_hand = true;
    said(&(struct fed_statement){.kind = FED_MODE, .mode = TALLY_MODE_STRICT});
    admits(b, TALLY_TRUST_ISOLATED, TALLY_ROLE_ANNOUNCE);
    ask(world, a, b);
    pass(world, 5000);
    assert_int_equal(held(audit), 10);
    assert_int_equal(held(statements), 3);
    assert_int_equal(held(third), 0);
    assert_true(a->sync.drops[TALLY_DROP_UNADMITTED] > 0);
    assert_int_equal(b->told[SYNC_NEWS_STATE] + a->told[SYNC_NEWS_STATE], 0);
    said(&(struct fed_statement){.kind = FED_WITHDRAW, .party = b->signer.key});
    log_grow(b, &b->signer, "audit", 5, 50, "y");
    ask(world, a, b);
    pass(world, 60000);
    assert_int_equal(held(audit), 10);
}

/* The same beside peers, who get no more because of it: what files bring is what files may bring.
 */
static void files_are_asked_beside_peers(void **state)
{
    keeps(a);
    said(&(struct fed_statement){.kind = FED_MODE, .mode = TALLY_MODE_STRICT});
    admits(b, TALLY_TRUST_ISOLATED, TALLY_ROLE_ANNOUNCE);
    ask(world, a, b);
    pass(world, 5000);
    assert_int_equal(held(audit), 0);
    uint32_t stream = bring(world, a, b);
    assert_int_not_equal(stream, 0);
    assert_int_equal(bring(world, a, b), 0); /* One at a time. */
    pass(world, 1000);
    assert_int_equal(held(audit), 10);
    assert_int_equal(held(statements), 3);
    assert_int_equal(held(third), 0);
    assert_int_equal(a->told[SYNC_NEWS_ROUND], 1);
    assert_int_equal(b->told[SYNC_NEWS_STATE] + a->told[SYNC_NEWS_STATE], 0);
    assert_int_equal(a->told[SYNC_NEWS_STREAM], 0);
    hang(world, a, stream);
    log_grow(b, &b->signer, "audit", 5, 50, "y");
    ask(world, a, b);
    pass(world, 60000);
    assert_int_equal(held(audit), 10);
    assert_int_equal(a->told[SYNC_NEWS_STREAM], 0); /* Nor are files asked for again. */
    cut(world);
    assert_int_not_equal(bring(world, a, b), 0);
    pass(world, 1000);
    assert_int_equal(held(audit), 15);
}

/* Files that fall silent in the middle, and come again. */
static void files_that_are_taken_away(void **state)
{
    struct disk_log *large = log_grow(b, &b->signer, "trade", 700, 50, "x");
    keeps(a);
    b->deaf = true;
    assert_int_not_equal(bring(world, a, b), 0);
    pass(world, 60000);
    assert_int_equal(a->drop, TALLY_DROP_SILENT);
    assert_int_equal(a->told[SYNC_NEWS_CLOSE], 1);
    b->deaf = false;
    cut(world);
    assert_int_not_equal(bring(world, a, b), 0);
    pass(world, 1000);
    assert_int_equal(held(large), 700);
}

/* It knows the names all the same, and asks by them: each way of asking is refused and counted. */
static void what_was_not_shown_is_not_had_by_asking(void **state)
{
    keeps(b);
    admits(a, TALLY_TRUST_OBSERVE, ALL);
    const struct disk_log *hidden[] = {statements, third};
    uint64_t refused = 0;
    uint32_t stream = accept_from(world, b, &a->signer.key);
    for (uint32_t i = 0; i < 2; i++) {
        const struct tally_hash origin = hidden[i]->origin_hash;
        const struct tally_sync_frame frames[] = {
            {.kind = TALLY_SYNC_WANT,
             .want = {.origin = origin, .from = 0, .to = 2, .size = 2, .limit = 1 << 20}},
            {.kind = TALLY_SYNC_PROOF_WANT, .proof_want = {.origin = origin, .from = 1, .to = 2}},
            {.kind = TALLY_SYNC_CHECKPOINT_WANT, .checkpoint_want = {.origin = origin}},
            {.kind = TALLY_SYNC_BODY_WANT, .body_want = {.origin = origin, .index = 0}},
        };
        for (uint32_t j = 0; j < sizeof frames / sizeof *frames; j++) {
            struct tally_sync_frame frame = frames[j], answer;
            frame.request = 10 * i + j + 1;
            assert_int_equal(tell(world, b, stream, &frame), TALLY_DROP_NONE);
            assert_true(next_frame(world, b, stream, &answer));
            assert_int_equal(answer.kind, TALLY_SYNC_REFUSE);
            refused++;
        }
    }
    assert_int_equal(b->sync.drops[TALLY_DROP_LEVEL] + b->sync.drops[TALLY_DROP_UNADMITTED],
                     refused);
    assert_int_equal(b->sync.drops[TALLY_DROP_LEVEL], 4);
    /* What it may see it gets by the same frames. */
    struct tally_sync_frame frame = {.kind = TALLY_SYNC_CHECKPOINT_WANT,
                                     .request = 99,
                                     .checkpoint_want = {.origin = audit->origin_hash}};
    assert_int_equal(tell(world, b, stream, &frame), TALLY_DROP_NONE);
    assert_true(next_frame(world, b, stream, &frame));
    assert_int_equal(frame.kind, TALLY_SYNC_CHECKPOINT);
    hang(world, b, stream);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        STORY(what_a_server_gives),
        STORY(what_an_asker_takes),
        STORY(a_third_party_is_taken_if_it_was_admitted),
        STORY(what_is_taken_off_files),
        STORY(files_are_asked_beside_peers),
        STORY(files_that_are_taken_away),
        STORY(what_was_not_shown_is_not_had_by_asking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
