/* SPDX-License-Identifier: Apache-2.0 */
/* How a node comes to know others: bootstraps, and domains it asks DNS for, by the clock. */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "core/base/random.h"
#include "core/node/joining.h"
#include "disk.h"
#include "memory.h"
#include "tally/node.h"

/* As in core/gossip/overlay.h and core/peers/room.h, which cannot be had beside sim/network.h. */
enum { OVERLAY_BOOTSTRAPS = 64, OVERLAY_BOOTSTRAPS_ASKED = 2, MESH_WANTED = 8 };

static struct provider provider;
static struct signer signer;
static struct disk disk;
static struct tally_node *node;
static struct tally_now now;
static struct random chance;

/* What it asked for, in order. */
static struct {
    struct tally_address hellos[64];
    size_t hello_count;
    uint64_t asked_at[64], tickets[64];
    char names[64][TALLY_DOMAIN_MAX + 1];
    size_t asked;
    enum tally_error answer;
} told;

static void draw(void *context, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random_next(&chance);
}

static void node_start(enum tally_profile profile)
{
    static const uint8_t seed[32] = {1};
    now = (struct tally_now){{5000000}, {INT64_C(1763700000000000)}};
    chance.state = 1;
    memset(&told, 0, sizeof told);
    provider_init(&provider, PROVIDER_REAL);
    signer_init(&signer, &provider, seed);
    disk_init(&disk, &signer);
    const struct tally_node_options options = {.key = signer.key,
                                               .epoch = 1,
                                               .profile = profile,
                                               .listen = {.port = 4001},
                                               .connections_max = 4,
                                               .ledger = disk_ledger(&disk),
                                               .secret = {NULL, draw},
                                               .crypto = signer_window(&signer)};
    node = tally_node_new(&options, now);
    assert_non_null(node);
}

static void node_end(void)
{
    tally_node_free(node);
    disk_free(&disk);
    provider_free(&provider);
}

static void step(const struct tally_event *event)
{
    struct tally_action action;
    memory_watch_begin();
    tally_node_step(node, now, event);
    assert_int_equal(memory_watch_end(), 0);
    assert_true(tally_node_holds(node));
    while (tally_node_next(node, &action)) {
        if (action.kind == TALLY_ACTION_SEND && action.send.bytes.data[2] == 1 &&
            told.hello_count < 64)
            told.hellos[told.hello_count++] = action.send.to;
        if (action.kind == TALLY_ACTION_ANSWER)
            told.answer = action.answer.error;
        if (action.kind == TALLY_ACTION_RESOLVE && told.asked < 64) {
            told.asked_at[told.asked] = now.mono.ms;
            told.tickets[told.asked] = action.resolve.ticket;
            strcpy(told.names[told.asked++], action.resolve.name);
        }
    }
}

static void wait(uint64_t ms)
{
    const struct tally_event tick = {.kind = TALLY_EVENT_TICK};
    uint64_t end = now.mono.ms + ms;
    while (tally_node_deadline(node).ms <= end) {
        uint64_t at = tally_node_deadline(node).ms;
        now.wall.us += at > now.mono.ms ? (int64_t)(at - now.mono.ms) * 1000 : 0;
        now.mono.ms = at > now.mono.ms ? at : now.mono.ms;
        step(&tick);
    }
    now.wall.us += (int64_t)(end - now.mono.ms) * 1000;
    now.mono.ms = end;
}

static struct tally_address address(uint8_t last)
{
    return (struct tally_address){{[10] = 0xff, [11] = 0xff, 45, 7, last, 1}, 4001};
}

static struct tally_key key(uint8_t last)
{
    return (struct tally_key){{7, last}};
}

static enum tally_error tell_bootstrap(bool has_key, uint8_t last, enum tally_source source)
{
    const struct tally_event event = {
        .kind = TALLY_EVENT_COMMAND,
        .command = {.kind = TALLY_COMMAND_BOOTSTRAP,
                    .ticket = 1,
                    .bootstrap = {has_key, key(last), address(last), source}}};
    step(&event);
    return told.answer;
}

static enum tally_error tell_domain(const char *name)
{
    const struct tally_event event = {
        .kind = TALLY_EVENT_COMMAND,
        .command = {.kind = TALLY_COMMAND_DOMAIN, .ticket = 1, .domain = {name}}};
    step(&event);
    return told.answer;
}

static void resolve(uint64_t ticket, const struct tally_resolved *list, size_t count)
{
    const struct tally_event event = {
        .kind = TALLY_EVENT_RESOLVED,
        .resolved = {ticket, count > 0 ? TALLY_OK : TALLY_NOT_FOUND, list, count}};
    step(&event);
}

static unsigned hellos_to(uint8_t last)
{
    unsigned count = 0;
    const struct tally_address to = address(last);
    for (size_t i = 0; i < told.hello_count; i++)
        count += address_equal(&told.hellos[i], &to);
    return count;
}

/* ---- Bootstraps. ---- */

static void bootstraps_are_greeted_by_key_or_by_address(void **state)
{
    node_start(TALLY_PROFILE_AUTO);
    assert_int_equal(tell_bootstrap(true, 1, TALLY_SOURCE_CONFIGURED), TALLY_OK);
    assert_int_equal(tell_bootstrap(false, 2, TALLY_SOURCE_CONFIGURED), TALLY_OK);
    assert_int_equal(tell_bootstrap(true, 3, TALLY_SOURCE_REMEMBERED), TALLY_OK);
    wait(100);
    assert_int_equal(hellos_to(1), 1);
    assert_int_equal(hellos_to(2), 1);
    /* Who is only remembered has its turn a little later. */
    assert_int_equal(hellos_to(3), 0);
    wait(1000);
    assert_int_equal(hellos_to(3), 1);
    wait(598900);
    for (uint8_t i = 1; i <= 3; i++)
        assert_int_equal(hellos_to(i), 3); /* In ten minutes (protocols 5.5). */
    node_end();
}

static void a_static_node_asks_nobody_but_whom_one_names(void **state)
{
    node_start(TALLY_PROFILE_STATIC);
    assert_int_equal(tell_bootstrap(true, 3, TALLY_SOURCE_REMEMBERED), TALLY_REFUSED);
    assert_int_equal(tell_bootstrap(true, 1, TALLY_SOURCE_CONFIGURED), TALLY_OK);
    wait(60000);
    assert_int_equal(hellos_to(3), 0);
    assert_int_equal(hellos_to(1), 3);
    node_end();
    node_start(TALLY_PROFILE_OFFLINE);
    assert_int_equal(tell_bootstrap(true, 1, TALLY_SOURCE_CONFIGURED), TALLY_REFUSED);
    wait(60000);
    assert_int_equal(told.hello_count, 0);
    node_end();
}

static void bootstraps_are_bounded(void **state)
{
    node_start(TALLY_PROFILE_AUTO);
    for (unsigned i = 0; i < OVERLAY_BOOTSTRAPS; i++)
        assert_int_equal(tell_bootstrap(true, (uint8_t)i, TALLY_SOURCE_REMEMBERED), TALLY_OK);
    assert_int_equal(tell_bootstrap(true, OVERLAY_BOOTSTRAPS, TALLY_SOURCE_REMEMBERED), TALLY_BUSY);
    /* One that is known may be told again. */
    assert_int_equal(tell_bootstrap(true, 5, TALLY_SOURCE_REMEMBERED), TALLY_OK);
    /* They are not greeted all at once. */
    wait(2000);
    assert_int_equal(told.hello_count, OVERLAY_BOOTSTRAPS_ASKED);
    node_end();
}

/* ---- Domains. ---- */

static void a_domain_is_asked_again_while_nobody_is_found(void **state)
{
    node_start(TALLY_PROFILE_AUTO);
    uint64_t begin = now.mono.ms;
    assert_int_equal(tell_domain("mesh.example"), TALLY_OK);
    assert_int_equal(tell_domain("mesh.example"), TALLY_OK); /* The same. */
    for (unsigned i = 0; i < 12; i++) {
        size_t before = told.asked;
        wait(2400000);
        if (told.asked > before)
            resolve(told.tickets[told.asked - 1], NULL, 0);
    }
    assert_string_equal(told.names[0], "mesh.example");
    assert_in_range(told.asked_at[0] - begin, 800, 1200);
    node_end();

    /* Answered at once, it is asked after a minute, two, four … half an hour. */
    node_start(TALLY_PROFILE_AUTO);
    begin = now.mono.ms;
    assert_int_equal(tell_domain("mesh.example"), TALLY_OK);
    for (unsigned second = 0; second < 4 * 3600; second++) {
        size_t before = told.asked;
        wait(1000);
        if (told.asked > before)
            resolve(told.tickets[told.asked - 1], NULL, 0);
    }
    for (size_t i = 1; i < told.asked; i++) {
        uint64_t pause = told.asked_at[i] - told.asked_at[i - 1];
        uint64_t right = i < 6 ? (uint64_t)JOINING_AGAIN_MS << (i - 1) : JOINING_CAP_MS;
        right = right < JOINING_CAP_MS ? right : JOINING_CAP_MS;
        assert_in_range(pause, right * 4 / 5, right * 6 / 5 + 1);
    }
    assert_in_range(told.asked, 8, 16);
    node_end();
}

static void a_question_that_is_out_is_not_asked_again(void **state)
{
    node_start(TALLY_PROFILE_AUTO);
    assert_int_equal(tell_domain("slow.example"), TALLY_OK);
    wait(3600000);
    assert_int_equal(told.asked, 1);
    node_end();
}

static void whom_dns_names_is_greeted(void **state)
{
    const struct tally_resolved list[] = {
        {true, key(1), address(1), TALLY_TRANSPORT_UDP},
        {true, key(2), address(2), TALLY_TRANSPORT_TCP}, /* Takes streams alone. */
        {false, {{0}}, address(3), TALLY_TRANSPORT_UDP}, /* Whoever is there. */
        {true, key(4), {{[10] = 0xff, [11] = 0xff, 10, 0, 0, 1}, 4001}, TALLY_TRANSPORT_UDP},
    };
    node_start(TALLY_PROFILE_AUTO);
    assert_int_equal(tell_domain("mesh.example"), TALLY_OK);
    wait(2000);
    resolve(told.tickets[0] + 7, list, 4); /* An answer to nothing. */
    wait(5000);
    assert_int_equal(told.hello_count, 0);
    resolve(told.tickets[0], list, 4);
    wait(1500);
    assert_int_equal(hellos_to(1), 1);
    assert_int_equal(hellos_to(2), 0);
    assert_int_equal(hellos_to(3), 1);
    /* A private address in a public zone is nobody we look for. */
    assert_int_equal(told.hello_count, 2);
    resolve(told.tickets[0], list, 4); /* Once is enough. */
    wait(3000);
    node_end();
}

static void a_large_zone_is_not_taken_whole(void **state)
{
    struct tally_resolved list[200];
    for (unsigned i = 0; i < 200; i++)
        list[i] = (struct tally_resolved){true, key((uint8_t)i), address((uint8_t)i),
                                          TALLY_TRANSPORT_UDP};
    node_start(TALLY_PROFILE_AUTO);
    assert_int_equal(tell_domain("large.example"), TALLY_OK);
    wait(2000);
    resolve(told.tickets[0], list, 200);
    wait(60000);
    unsigned greeted = 0;
    for (unsigned i = 0; i < 200; i++)
        greeted += hellos_to((uint8_t)i) > 0;
    assert_in_range(greeted, MESH_WANTED, JOINING_RESOLVED_MAX);
    node_end();
}

static void domains_have_bounds(void **state)
{
    char name[TALLY_DOMAIN_MAX + 2];
    memset(name, 'a', sizeof name);
    name[TALLY_DOMAIN_MAX + 1] = '\0';
    node_start(TALLY_PROFILE_AUTO);
    assert_int_equal(tell_domain(name), TALLY_BAD_NAME);
    assert_int_equal(tell_domain(""), TALLY_BAD_NAME);
    name[TALLY_DOMAIN_MAX] = '\0';
    assert_int_equal(tell_domain(name), TALLY_OK);
    assert_int_equal(tell_domain("b"), TALLY_OK);
    assert_int_equal(tell_domain("c"), TALLY_OK);
    assert_int_equal(tell_domain("d"), TALLY_OK);
    assert_int_equal(tell_domain("e"), TALLY_BUSY);
    wait(2000);
    assert_int_equal(told.asked, JOINING_DOMAINS);
    node_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bootstraps_are_greeted_by_key_or_by_address),
        cmocka_unit_test(a_static_node_asks_nobody_but_whom_one_names),
        cmocka_unit_test(bootstraps_are_bounded),
        cmocka_unit_test(a_domain_is_asked_again_while_nobody_is_found),
        cmocka_unit_test(a_question_that_is_out_is_not_asked_again),
        cmocka_unit_test(whom_dns_names_is_greeted),
        cmocka_unit_test(a_large_zone_is_not_taken_whole),
        cmocka_unit_test(domains_have_bounds),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("joining", tests, NULL, NULL);
}
