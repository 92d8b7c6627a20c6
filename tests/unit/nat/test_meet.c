/* SPDX-License-Identifier: Apache-2.0 */
/* How a stream comes about where dialling is not enough. */
#include "town.h"

#include "core/base/bytes.h"
#include "core/peers/greet.h"

#include "support/cmocka.h"

enum { A, D };

static struct town *linked_by(uint32_t delay_ms)
{
    struct town *town = town_new(2, 1);
    town->delay_ms = delay_ms;
    town_introduce(town, A, D);
    town_run(town, 2000);
    assert_true(town_linked(town, A, D));
    return town;
}

static struct town *linked_pair(void)
{
    return linked_by(20);
}

static struct meet *meet_of(struct town *town, size_t node)
{
    return &town->nodes[node].datagrams.reaching.meet;
}

/* What a node's meet wants: asks in the name of the node, whose words then go their way. */
static bool ask(struct town *town, size_t from, bool together, const struct tally_address *own,
                size_t count)
{
    struct town_node *node = &town->nodes[from];
    outbox_clear(&node->outbox);
    bool asked = meet_ask(meet_of(town, from), town->now, &node->datagrams.peers,
                          town_peer(town, from, 1 - from), together, own, count, &node->outbox);
    town_flush(town, from);
    return asked;
}

static struct meet_news next(struct town *town, size_t node, uint64_t within_ms)
{
    struct meet_news news;
    for (uint64_t ms = 0; ms <= within_ms; ms++) {
        if (meet_next_news(meet_of(town, node), &news))
            return news;
        town_run(town, 1);
    }
    fail_msg("node %zu learnt nothing", node);
    return news;
}

static void nothing(struct town *town, size_t node)
{
    struct meet_news news;
    assert_false(meet_next_news(meet_of(town, node), &news));
}

static void who_can_be_reached_is_dialled(void **state)
{
    struct town *town = linked_pair();
    struct tally_address own[2] = {town->nodes[A].address, town->nodes[A].address};
    (void)state;
    own[1].port = 4999;
    assert_true(ask(town, A, false, own, 2));
    for (size_t i = 0; i < 2; i++) {
        struct meet_news news = next(town, D, 1000);
        assert_int_equal(news.kind, MEET_NEWS_DIAL);
        assert_true(address_equal(&news.address, &own[i]));
        assert_true(key_equal(&news.key, &town->nodes[A].key));
        assert_false(news.punch);
        assert_true(news.initiate); /* As with any dial: who dials begins. */
        meet_dial_failed(meet_of(town, D), town->now, &news.key);
    }
    /* Each address once; then it is over, and A hears of it by its own clock. */
    assert_int_equal(next(town, D, 1000).kind, MEET_NEWS_FAILED);
    assert_int_equal(next(town, A, MEET_CALL_MS).kind, MEET_NEWS_FAILED);
    assert_false(meet_busy(meet_of(town, A), &town->nodes[D].key));
    town_free(town);
}

static void two_dial_at_once_and_one_begins(void **state)
{
    (void)state;
    for (uint32_t delay = 1; delay < 200; delay += 33) {
        struct town *town = linked_by(delay);
        struct tally_address guess = town->nodes[A].address;
        assert_true(ask(town, A, true, &guess, 1));
        assert_false(ask(town, A, true, &guess, 1));
        uint64_t at[2];
        struct meet_news first = next(town, A, 2000);
        at[A] = town->now.mono.ms;
        struct meet_news second = next(town, D, 2000);
        at[D] = town->now.mono.ms;
        assert_true(first.punch);
        assert_true(second.punch);
        assert_true(first.initiate);
        assert_false(second.initiate);
        assert_true(address_equal(&second.address, &guess));
        /* D has told no guess of its own: where its datagrams come from. */
        assert_true(address_equal(&first.address, &town->nodes[D].address));
        assert_in_range(at[D] - at[A], 0, 5);
        /* What comes in from D's address meanwhile is A's to begin, and nobody else's. */
        struct tally_address from = town->nodes[D].address, other = from;
        from.port = 12345;
        other.ip[15]++;
        assert_non_null(meet_initiates(meet_of(town, A), &town->nodes[A].datagrams.peers, &from));
        assert_null(meet_initiates(meet_of(town, A), &town->nodes[A].datagrams.peers, &other));
        from = town->nodes[A].address;
        assert_null(meet_initiates(meet_of(town, D), &town->nodes[D].datagrams.peers, &from));
        meet_connected(meet_of(town, A), &town->nodes[D].key);
        meet_connected(meet_of(town, D), &town->nodes[A].key);
        town_run(town, 20000);
        nothing(town, A);
        nothing(town, D);
        town_free(town);
    }
}

static void both_ask_and_one_question_counts(void **state)
{
    (void)state;
    for (uint64_t later = 0; later < 60; later += 10) {
        struct town *town = linked_pair();
        assert_true(ask(town, A, true, NULL, 0));
        town_run(town, later);
        (void)ask(town, D, true, NULL, 0);
        struct meet_news a = next(town, A, 2000), d = next(town, D, 2000);
        assert_int_equal(a.kind, MEET_NEWS_DIAL);
        assert_int_equal(d.kind, MEET_NEWS_DIAL);
        assert_int_not_equal(a.initiate, d.initiate);
        town_free(town);
    }
}

static bool lose_words(struct town *town, size_t from, struct town_packet *packet)
{
    unsigned *left = town->context;
    (void)from;
    if (packet->bytes[2] != TALLY_KIND_DIAL_ME || *left == 0)
        return true;
    --*left;
    return false;
}

static void lost_words_are_said_again(void **state)
{
    (void)state;
    for (unsigned lost = 0; lost <= 3; lost++) {
        struct town *town = linked_pair();
        unsigned left = lost;
        town->hook = lose_words;
        town->context = &left;
        assert_true(ask(town, A, true, NULL, 0));
        struct meet_news news = next(town, A, 20000);
        assert_int_equal(news.kind, lost < 3 ? MEET_NEWS_DIAL : MEET_NEWS_FAILED);
        town_free(town);
    }
}

static void they_try_until_it_is_too_late(void **state)
{
    struct town *town = linked_pair();
    struct tally_address guesses[2] = {town->nodes[A].address, town->nodes[A].address};
    unsigned dials = 0, seen[2] = {0};
    (void)state;
    guesses[1].port = 40001;
    assert_true(ask(town, A, true, guesses, 2));
    uint64_t began = town->now.mono.ms;
    for (;;) {
        struct meet_news news = next(town, D, 10000);
        if (news.kind == MEET_NEWS_FAILED)
            break;
        dials++;
        seen[address_equal(&news.address, &guesses[1])]++;
        meet_dial_failed(meet_of(town, D), town->now, &news.key);
    }
    assert_in_range(town->now.mono.ms - began, MEET_DIAL_MS, MEET_DIAL_MS + 200);
    assert_in_range(dials, 20, 26);
    assert_in_range(seen[1], dials / 2 - 1, dials / 2 + 1);
    town_free(town);
}

/* ---- Liars. ---- */

static enum tally_drop say(struct town *town, size_t from, unsigned mode, uint64_t token,
                           unsigned transport, const struct tally_address *address)
{
    uint8_t body[TALLY_DIAL_ME_SIZE_MAX];
    struct tally_dial_me word = {.mode = (uint8_t)mode};
    struct wire_writer w;
    be64_write(word.token, token);
    if (address != NULL)
        word.endpoints[word.endpoints_count++] =
            (struct tally_endpoint){(uint8_t)transport, *address};
    wire_writer_init(&w, body, sizeof body);
    tally_dial_me_write(&word, &w);
    return town_say(town, from, 1 - from, TALLY_KIND_DIAL_ME, wire_writer_bytes(&w));
}

static void nobody_is_aimed_at_others(void **state)
{
    struct tally_address victim = town_victim(0);
    (void)state;
    for (unsigned mode = 0; mode < 2; mode++) {
        struct town *town = linked_pair();
        struct tally_address own = town->nodes[A].address;
        assert_int_equal(say(town, A, mode, 1, TALLY_TRANSPORT_TCP, &victim), TALLY_DROP_SCOPE);
        own.port = 25;
        assert_int_equal(say(town, A, mode, 2, TALLY_TRANSPORT_TCP, &own), TALLY_DROP_SCOPE);
        own.port = 4002;
        assert_int_equal(say(town, A, mode, 3, TALLY_TRANSPORT_UDP, &own), TALLY_DROP_SCOPE);
        nothing(town, D);
        town_free(town);
    }
}

static void each_may_ask_a_little(void **state)
{
    struct town *town = linked_pair();
    unsigned taken = 0, busy = 0;
    struct meet_news news;
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        struct tally_address own = town->nodes[A].address;
        enum tally_drop drop = say(town, A, 0, i, TALLY_TRANSPORT_TCP, &own);
        taken += drop == TALLY_DROP_NONE;
        busy += drop == TALLY_DROP_BUSY;
        town_run(town, 50);
        while (meet_next_news(meet_of(town, D), &news))
            meet_connected(meet_of(town, D), &town->nodes[A].key);
    }
    assert_in_range(taken, 3, 8); /* 50 seconds: three, then one in ten. */
    assert_int_equal(taken + busy, 1000);
    town_free(town);
}

static void words_that_fit_nothing_are_dropped(void **state)
{
    struct town *town = linked_pair();
    struct tally_address own = town->nodes[A].address;
    (void)state;
    assert_int_equal(say(town, A, 2, 7, TALLY_TRANSPORT_TCP, &own), TALLY_DROP_UNASKED);
    assert_int_equal(say(town, A, 0, 7, 0, NULL), TALLY_DROP_SCOPE); /* Dial me, nowhere. */
    assert_true(ask(town, D, true, NULL, 0));
    assert_int_equal(say(town, A, 2, 7, TALLY_TRANSPORT_TCP, &own), TALLY_DROP_UNASKED);
    /* The same question twice is one. */
    struct town *other = linked_pair();
    assert_int_equal(say(other, A, 1, 7, TALLY_TRANSPORT_TCP, &own), TALLY_DROP_NONE);
    assert_int_equal(say(other, A, 1, 7, TALLY_TRANSPORT_TCP, &own), TALLY_DROP_SEEN);
    assert_int_equal(say(other, A, 1, 8, TALLY_TRANSPORT_TCP, &own), TALLY_DROP_SEEN);
    assert_int_equal(town_say(other, A, D, TALLY_KIND_DIAL_ME, bytes_of("\x93\x00", 2)),
                     TALLY_DROP_MALFORMED);
    town_free(town);
    town_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_can_be_reached_is_dialled),
        cmocka_unit_test(two_dial_at_once_and_one_begins),
        cmocka_unit_test(both_ask_and_one_question_counts),
        cmocka_unit_test(lost_words_are_said_again),
        cmocka_unit_test(they_try_until_it_is_too_late),
        cmocka_unit_test(nobody_is_aimed_at_others),
        cmocka_unit_test(each_may_ask_a_little),
        cmocka_unit_test(words_that_fit_nothing_are_dropped),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("meet", tests, NULL, NULL);
}
