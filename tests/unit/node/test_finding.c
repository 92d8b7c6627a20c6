/* SPDX-License-Identifier: Apache-2.0 */
/* The command FIND among a dozen whole nodes on the wide network; no step of them allocates. */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "core/base/random.h"
#include "disk.h"
#include "memory.h"
#include "tally/node.h"

#include <stdlib.h>

enum { NODES = 12, QUEUE = 8192, DELAY_MS = 30, TOLD = 32 };

struct place {
    struct tally_node *node;
    struct signer signer;
    struct disk disk;
    struct random chance;
    uint32_t epoch;
    struct tally_address address;
    struct tally_action told[TOLD]; /* FOUND and ANSWER, in order. */
    size_t told_count;
};

struct letter {
    uint64_t at; /* 0: free. */
    struct tally_address from, to;
    size_t size;
    uint8_t bytes[1200];
};

static struct provider provider;
static struct place places[NODES];
static struct letter *letters;
static struct tally_now now;

static void draw(void *context, uint8_t *bytes, size_t size)
{
    struct random *chance = context;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(random_next(chance) >> 32);
}

static void send(const struct place *from, const struct tally_action *action)
{
    struct letter *letter = letters;
    while (letter->at != 0)
        letter++;
    assert_true(letter < letters + QUEUE);
    *letter = (struct letter){.at = now.mono.ms + DELAY_MS,
                              .from = from->address,
                              .to = action->send.to,
                              .size = action->send.bytes.size};
    memcpy(letter->bytes, action->send.bytes.data, letter->size);
}

static void step(struct place *place, const struct tally_event *event)
{
    struct tally_action action;
    memory_watch_begin();
    tally_node_step(place->node, now, event);
    assert_int_equal(memory_watch_end(), 0);
    while (tally_node_next(place->node, &action)) {
        if (action.kind == TALLY_ACTION_SEND)
            send(place, &action);
        if ((action.kind == TALLY_ACTION_FOUND || action.kind == TALLY_ACTION_ANSWER) &&
            place->told_count < TOLD)
            place->told[place->told_count++] = action;
    }
}

static void run(uint64_t ms)
{
    const struct tally_event tick = {.kind = TALLY_EVENT_TICK};
    for (uint64_t end = now.mono.ms + ms; now.mono.ms < end;
         now.mono.ms += 5, now.wall.us += 5000) {
        for (size_t i = 0; i < QUEUE; i++) {
            if (letters[i].at == 0 || letters[i].at > now.mono.ms)
                continue;
            struct letter letter = letters[i];
            letters[i].at = 0;
            struct tally_event event = {.kind = TALLY_EVENT_DATAGRAM};
            event.datagram.from = letter.from;
            event.datagram.bytes = bytes_of(letter.bytes, letter.size);
            for (size_t k = 0; k < NODES; k++)
                if (address_equal(&places[k].address, &letter.to))
                    step(&places[k], &event);
        }
        for (size_t k = 0; k < NODES; k++)
            if (tally_node_deadline(places[k].node).ms <= now.mono.ms)
                step(&places[k], &tick);
    }
    for (size_t k = 0; k < NODES; k++)
        assert_true(tally_node_holds(places[k].node));
}

static void command(size_t place, const struct tally_command *command)
{
    struct tally_event event = {.kind = TALLY_EVENT_COMMAND, .command = *command};
    places[place].told_count = 0;
    step(&places[place], &event);
}

static void boot(size_t i, enum tally_profile profile)
{
    struct place *place = &places[i];
    const struct tally_node_options options = {.key = place->signer.key,
                                               .epoch = place->epoch++,
                                               .seed = i,
                                               .profile = profile,
                                               .listen = {.port = 4001},
                                               .datagrams_only = true,
                                               .dht_values_max = 64,
                                               .ledger = disk_ledger(&place->disk),
                                               .secret = {&place->chance, draw},
                                               .crypto = signer_window(&place->signer)};
    tally_node_free(place->node);
    place->node = tally_node_new(&options, now);
    assert_non_null(place->node);
    struct tally_interface interface = {.index = 1, .name = "eth0", .prefix_bits = 120};
    memcpy(interface.address.ip, place->address.ip, sizeof interface.address.ip);
    struct tally_event event = {.kind = TALLY_EVENT_LINKS};
    event.links.list = &interface;
    event.links.count = 1;
    step(place, &event);
}

/* It is told of the first node, and of nobody else. */
static void introduce(size_t i)
{
    struct tally_command peer = {.kind = TALLY_COMMAND_PEER};
    peer.peer.key = places[0].signer.key;
    peer.peer.address = places[0].address;
    command(i, &peer);
}

static void start(enum tally_profile profile)
{
    now = (struct tally_now){{1000}, {INT64_C(1763700000000000)}};
    letters = calloc(QUEUE, sizeof *letters);
    assert_non_null(letters);
    provider_init(&provider, PROVIDER_MEMO);
    for (size_t i = 0; i < NODES; i++) {
        struct place *place = &places[i];
        uint8_t seed[32] = {(uint8_t)(i + 1)};
        *place = (struct place){.epoch = 1, .chance = {i + 1}};
        place->address =
            (struct tally_address){{[10] = 0xff, [11] = 0xff, 20, (uint8_t)i, 3, 4}, 4001};
        signer_init(&place->signer, &provider, seed);
        disk_init(&place->disk, &place->signer);
        boot(i, profile);
    }
    for (size_t i = 1; i < NODES; i++)
        introduce(i);
}

static void stop(void)
{
    for (size_t i = 0; i < NODES; i++) {
        tally_node_free(places[i].node);
        disk_free(&places[i].disk);
    }
    provider_free(&provider);
    free(letters);
}

/* ANSWER's error; *found: FOUND came before it, so often, with that source. */
static enum tally_error told(size_t place, enum tally_source source, unsigned *found)
{
    *found = 0;
    for (size_t i = 0; i < places[place].told_count; i++) {
        const struct tally_action *action = &places[place].told[i];
        assert_int_equal(
            action->kind == TALLY_ACTION_ANSWER ? action->answer.ticket : action->found.ticket, 40);
        if (action->kind == TALLY_ACTION_ANSWER) {
            assert_int_equal(i, places[place].told_count - 1);
            return action->answer.error;
        }
        *found += action->found.source == source;
    }
    fail_msg("no answer");
    return TALLY_OK;
}

static struct tally_command find(const struct tally_key *key)
{
    struct tally_command command = {.kind = TALLY_COMMAND_FIND, .ticket = 40};
    command.find.peer = true;
    command.find.key = *key;
    return command;
}

static void a_peer_is_found_with_source_and_age(void **state)
{
    struct tally_node_status status;
    const struct tally_key nobody = {{9, 9, 9}};
    unsigned found;
    start(TALLY_PROFILE_SERVER);
    run(5 * 60000);
    tally_node_status(places[9].node, &status);
    assert_true(status.dht_on && status.dht_server);
    assert_true(status.contacts >= 8);
    assert_true(status.lookups > 0);
    assert_int_equal(status.lookups_failed, 0);

    /* Who is linked is found at once. */
    struct tally_command ask = find(&places[0].signer.key);
    command(9, &ask);
    assert_int_equal(told(9, TALLY_SOURCE_CONFIGURED, &found), TALLY_OK);
    assert_true(found >= 1);

    /* Who has just begun knows one, and asks the others. */
    boot(11, TALLY_PROFILE_SERVER);
    introduce(11);
    run(250);
    ask = find(&places[7].signer.key);
    command(11, &ask);
    run(12000);
    assert_int_equal(told(11, TALLY_SOURCE_DHT, &found), TALLY_OK);
    assert_true(found >= 1);
    const struct tally_action *last = &places[11].told[places[11].told_count - 2];
    assert_true(key_equal(&last->found.key, &places[7].signer.key));
    assert_true(address_equal(&last->found.address, &places[7].address));
    assert_true(last->found.learnt.ms <= now.mono.ms && last->found.learnt.ms > 5 * 60000);

    ask = find(&nobody);
    command(9, &ask);
    run(12000);
    assert_int_equal(told(9, TALLY_SOURCE_DHT, &found), TALLY_NOT_FOUND);
    ask = (struct tally_command){.kind = TALLY_COMMAND_FIND, .ticket = 40};
    ask.find.name_space = bytes_text("audit");
    command(9, &ask);
    run(62000);
    assert_int_equal(told(9, TALLY_SOURCE_DHT, &found), TALLY_NOT_FOUND);
    stop();
}

static void without_a_dht_only_what_is_known_is_told(void **state)
{
    struct tally_node_status status;
    unsigned found;
    start(TALLY_PROFILE_STATIC);
    run(5000);
    tally_node_status(places[3].node, &status);
    assert_false(status.dht_on || status.dht_server);
    struct tally_command ask = find(&places[0].signer.key);
    command(3, &ask);
    assert_int_equal(told(3, TALLY_SOURCE_CONFIGURED, &found), TALLY_OK);
    assert_int_equal(found, 1);
    assert_true(places[3].told[0].found.linked);
    ask = find(&places[5].signer.key);
    command(3, &ask);
    assert_int_equal(told(3, TALLY_SOURCE_DHT, &found), TALLY_NOT_FOUND);
    stop();
}

static void more_questions_than_there_is_room_for_are_all_answered(void **state)
{
    unsigned answered = 0, busy = 0;
    start(TALLY_PROFILE_SERVER);
    run(60000);
    for (unsigned i = 0; i < 30; i++) {
        struct tally_key key = {{7, (uint8_t)i}};
        struct tally_command ask = find(&key);
        command(2, &ask);
        busy += places[2].told_count > 0;
    }
    places[2].told_count = 0;
    run(90000);
    for (size_t i = 0; i < places[2].told_count; i++)
        answered += places[2].told[i].kind == TALLY_ACTION_ANSWER;
    assert_true(busy > 0);
    assert_int_equal(answered + busy, 30);
    stop();
}

static void who_waits_when_the_node_stops_hears_of_it(void **state)
{
    const struct tally_key nobody = {{9, 9, 9}};
    struct tally_command asks[] = {find(&nobody),
                                   {.kind = TALLY_COMMAND_FIND, .ticket = 41},
                                   {.kind = TALLY_COMMAND_CHECK, .ticket = 42},
                                   {.kind = TALLY_COMMAND_STOP, .ticket = 43}};
    uint64_t tickets = 0;
    start(TALLY_PROFILE_SERVER);
    run(60000);
    asks[1].find.name_space = bytes_text("audit");
    for (size_t i = 0; i < 4; i++) {
        if (i == 3)
            assert_int_equal(places[2].told_count, 0); /* All three are under way. */
        command(2, &asks[i]);
    }
    assert_int_equal(places[2].told_count, 4);
    for (size_t i = 0; i < 4; i++) {
        const struct tally_action *action = &places[2].told[i];
        assert_int_equal(action->kind, TALLY_ACTION_ANSWER);
        assert_int_equal(action->answer.error,
                         action->answer.ticket == 43 ? TALLY_OK : TALLY_STOPPING);
        tickets |= UINT64_C(1) << (action->answer.ticket - 40);
    }
    assert_int_equal(tickets, 15);
    command(2, &asks[0]);
    assert_int_equal(places[2].told_count, 1);
    assert_int_equal(places[2].told[0].answer.error, TALLY_STOPPING);
    run(5000);
    assert_int_equal(places[2].told_count, 1);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_is_found_with_source_and_age),
        cmocka_unit_test(without_a_dht_only_what_is_known_is_told),
        cmocka_unit_test(more_questions_than_there_is_room_for_are_all_answered),
        cmocka_unit_test(who_waits_when_the_node_stops_hears_of_it),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("node-finding", tests, NULL, NULL);
}
