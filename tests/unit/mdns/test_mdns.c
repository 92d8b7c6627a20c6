/* SPDX-License-Identifier: Apache-2.0 */
/* Neighbours that mean well: they find each other at once, and then are quiet. */
#include "segment.h"

#include "core/base/bytes.h"

#include "support/cmocka.h"

#include <stdio.h>

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE };

static struct segment lan;

static int set_up(void **state)
{
    segment_init(&lan);
    return 0;
}

static int tear_down(void **state)
{
    segment_free(&lan);
    return 0;
}

static const char *label_of(const struct segment_node *node)
{
    static char text[DNS_LABEL_MAX + 1];
    const struct card *card = &node->mdns.list[0].card;
    memcpy(text, card->label, card->label_size);
    text[card->label_size] = '\0';
    return text;
}

/* ---- Finding. ---- */

static void two_find_each_other_at_once(void **state)
{
    struct segment_node *a = segment_start(&lan, 1, 1);
    segment_run(&lan, 10 * 1000);
    assert_int_equal(a->found_count, 0);
    assert_int_equal(a->drops[TALLY_DROP_SELF], 0); /* What it said itself is nobody's fault. */
    uint64_t started = lan.now_ms;
    struct segment_node *b = segment_start(&lan, 2, 1);
    segment_run(&lan, 300);
    const struct tally_key ka = segment_key(1), kb = segment_key(2);
    const struct mdns_news *of_b = segment_found(a, &kb), *of_a = segment_found(b, &ka);
    assert_non_null(of_a);
    assert_non_null(of_b);
    assert_true(a->found_at_ms - started <= MDNS_DELAY_MOST_MS + 2);
    assert_true(b->found_at_ms - started <= 2 * MDNS_DELAY_MOST_MS + 3);
    assert_int_equal(of_a->udp_port, 4001);
    assert_int_equal(of_a->interface, 1);
    assert_int_equal(of_a->count, 1); /* Not the link-local one. */
    assert_int_equal(of_a->addresses[0].port, 4001);
    const struct tally_address address = segment_address4(0, 1);
    assert_memory_equal(of_a->addresses[0].ip, address.ip, 16);
    assert_true(of_a->fresh);
    assert_int_equal(a->mdns.refused + b->mdns.refused, 0);
}

static void who_is_heard_again_is_not_fresh(void **state)
{
    (void)segment_start(&lan, 1, 1);
    struct segment_node *b = segment_start(&lan, 2, 1);
    segment_run(&lan, 5000);
    size_t fresh = 0;
    assert_true(b->found_count > 1);
    for (size_t i = 0; i < b->found_count; i++)
        fresh += b->found[i].fresh;
    assert_int_equal(fresh, 1);
    /* It starts anew: another name, the same key. */
    (void)segment_start(&lan, 1, 1);
    segment_run(&lan, 300);
    const struct tally_key ka = segment_key(1);
    assert_non_null(segment_found(b, &ka));
    assert_true(b->found[(b->found_count - 1) % SEGMENT_FOUND].fresh ||
                b->found[(b->found_count - 2) % SEGMENT_FOUND].fresh);
}

static void each_family_alone_suffices(void **state)
{
    struct segment_node *a = segment_start(&lan, 1, 1), *b = segment_start(&lan, 2, 1);
    a->v4_only = true;
    segment_run(&lan, 2000);
    const struct tally_key ka = segment_key(1), kb = segment_key(2);
    assert_non_null(segment_found(a, &kb));
    assert_non_null(segment_found(b, &ka));
}

static void thirty_know_each_other(void **state)
{
    enum { COUNT = 30 };
    for (unsigned n = 1; n <= COUNT; n++) {
        (void)segment_start(&lan, n, 1);
        segment_run(&lan, 700);
    }
    /* Of two, the older hears the newcomer at once, which is enough for a link ... */
    for (unsigned n = 1; n <= COUNT; n++)
        for (unsigned other = n + 1; other <= COUNT; other++)
            assert_true(lan.nodes[n].heard[other]);
    /* ... and the newcomer all others, when their budgets allow. */
    segment_run(&lan, 2 * MINUTE);
    uint64_t answers = 0;
    for (unsigned n = 1; n <= COUNT; n++) {
        for (unsigned other = 1; other <= COUNT; other++)
            assert_int_equal(lan.nodes[n].heard[other], n != other);
        answers += lan.nodes[n].answers - 2 * MDNS_ANNOUNCES;
    }
    print_message("# %u nodes, one each 700 ms: %.1f answers each\n", COUNT,
                  (double)answers / COUNT);
    assert_true(answers <= 3 * MDNS_ANSWER_MIN * COUNT);
}

/* ---- Quiet. ---- */

static void idle_is_quiet(void **state)
{
    enum { INTERFACES = 10 };
    struct segment_node *a = segment_start(&lan, 1, INTERFACES);
    for (unsigned i = 0; i < INTERFACES; i++)
        lan.router[i] = true;
    segment_run(&lan, HOUR);
    uint64_t first[INTERFACES], all = 0;
    for (unsigned i = 0; i < INTERFACES; i++) {
        first[i] = a->sent[i];
        assert_true(first[i] < 60);
    }
    segment_run(&lan, HOUR);
    for (unsigned i = 0; i < INTERFACES; i++)
        all += a->sent[i] - first[i];
    print_message("# packets an interface in the first hour %u, of %u interfaces in the next %u\n",
                  (unsigned)first[0], INTERFACES, (unsigned)all);
    assert_true(all < 60);
    assert_int_equal(a->found_count, 0);
    /* The router's echoes are its own: nothing of them was answered. */
    assert_int_equal(a->answers, 2 * MDNS_ANNOUNCES * INTERFACES);
}

static void questions_double_to_an_hour(void **state)
{
    struct segment_node *a = segment_start(&lan, 1, 1);
    a->v4_only = true;
    uint64_t last = 0, wait = 0;
    for (unsigned i = 0; i < 15; i++) {
        uint64_t at = a->mdns.list[0].questioned_at.ms;
        while (a->mdns.list[0].questioned_at.ms == at)
            segment_run(&lan, 1000);
        uint64_t now = a->mdns.list[0].questioned_at.ms;
        if (i > 1)
            assert_in_range(now - last, wait < HOUR / 2 ? 2 * wait : HOUR, HOUR);
        wait = i > 0 ? now - last : 0;
        last = now;
    }
    assert_int_equal(wait, HOUR);
}

static void those_who_know_us_are_not_answered(void **state)
{
    struct segment_node *a = segment_start(&lan, 1, 1), *b = segment_start(&lan, 2, 1);
    segment_run(&lan, 3 * MINUTE);
    /* Whatever b asks for so long has a among its known answers. */
    assert_true(a->answers <= 2 * MDNS_ANNOUNCES + 1);
    assert_true(b->answers <= 2 * MDNS_ANNOUNCES + 1);
    segment_run(&lan, HOUR);
    /* Then the times to live are over, and each question of one is answered by the other, once. */
    assert_true(a->answers <= 2 * MDNS_ANNOUNCES + 1 + 6);
}

/* ---- Interfaces. ---- */

static void addresses_that_change_get_a_new_name(void **state)
{
    struct tally_interface list[3];
    struct segment_node *a = segment_start(&lan, 1, 1), *b = segment_start(&lan, 2, 1);
    segment_run(&lan, 10000);
    char before[DNS_LABEL_MAX + 1];
    memcpy(before, label_of(a), sizeof before);
    size_t known = b->found_count;

    /* The same again: nothing is said. */
    uint64_t sent = a->sent[0];
    size_t count = segment_interface(0, 1, list);
    segment_links(&lan, 1, list, count);
    segment_run(&lan, 500);
    assert_int_equal(a->sent[0], sent);
    assert_string_equal(label_of(a), before);

    list[2] = list[0];
    list[2].address = segment_address4(0, 101);
    segment_links(&lan, 1, list, 3);
    assert_int_equal(a->sent[0], sent + 2); /* The old name is taken back, on both families. */
    assert_string_not_equal(label_of(a), before);
    segment_run(&lan, 1100);
    assert_true(b->found_count > known);
    const struct mdns_news *last = &b->found[known];
    assert_true(last->fresh);
    assert_int_equal(last->count, 2);
    for (size_t i = 0; i < MDNS_KNOWN; i++) {
        const struct mdns_known *place = &b->mdns.list[0].known[i];
        assert_true(place->label_size == 0 || memcmp(place->label, before, CARD_LABEL) != 0);
    }
}

static void a_family_that_comes_later_keeps_the_name(void **state)
{
    struct tally_interface list[2];
    struct segment_node *a = segment_start(&lan, 1, 1);
    size_t count = segment_interface(0, 1, list);
    segment_links(&lan, 1, list, count - 1); /* IPv6 tells its address after a second or two. */
    segment_run(&lan, 1500);
    char before[DNS_LABEL_MAX + 1];
    memcpy(before, label_of(a), sizeof before);
    uint64_t answers = a->answers;
    segment_links(&lan, 1, list, count);
    segment_run(&lan, 2000);
    assert_string_equal(label_of(a), before);
    assert_int_equal(a->answers, answers + 2 * MDNS_ANNOUNCES);
}

static void interfaces_come_and_go(void **state)
{
    struct tally_interface list[4];
    struct segment_node *a = segment_start(&lan, 1, 2), *b = segment_start(&lan, 2, 1);
    segment_run(&lan, 10000);
    size_t known = b->found_count;
    (void)segment_interface(1, 1, list);
    segment_links(&lan, 1, list, 2); /* The first is down. */
    uint64_t sent = a->sent[0];
    segment_run(&lan, HOUR);
    assert_int_equal(a->sent[0], sent);
    uint8_t packet[512];
    size_t size = segment_question(CARD_SERVICE, DNS_PTR, false, packet);
    struct tally_address asker = segment_address4(0, 2);
    asker.port = MDNS_PORT;
    assert_int_equal(segment_give(&lan, 1, 0, &asker, true, bytes_of(packet, size)),
                     TALLY_DROP_SCOPE);
    (void)segment_interface(0, 1, list);
    (void)segment_interface(1, 1, list + 2);
    segment_links(&lan, 1, list, 4); /* And up. */
    segment_run(&lan, 300);
    assert_true(b->found_count > known);
    assert_true(b->found[b->found_count - 1].fresh || b->found[b->found_count - 2].fresh);
}

static void flapping_is_not_told(void **state)
{
    struct tally_interface list[3];
    struct segment_node *a = segment_start(&lan, 1, 1);
    segment_run(&lan, 3000);
    uint64_t before = a->answers;
    for (unsigned i = 0; i < 600; i++) { /* For a minute, ten times a second. */
        size_t count = segment_interface(0, 1, list);
        list[count] = list[0];
        list[count].address = segment_address4(0, 100 + i % 2);
        segment_links(&lan, 1, list, count + 1);
        segment_run(&lan, 100);
    }
    print_message("# addresses that change 600 times a minute: %u announcements and goodbyes\n",
                  (unsigned)(a->answers - before));
    assert_true(a->answers - before <= 12 * 2 * (MDNS_ANNOUNCES + 1));
    segment_run(&lan, 10000);
    assert_int_equal(a->mdns.list[0].announces, 0); /* In the end the last is told. */
}

static void only_where_it_is_wanted(void **state)
{
    struct tally_interface list[2 * SEGMENTS_MAX];
    struct segment_node *a = segment_start(&lan, 1, 0);
    size_t count = 0;
    for (unsigned i = 0; i < SEGMENTS_MAX; i++)
        count += segment_interface(i, 1, list + count);
    for (size_t i = 0; i < 4; i++)
        list[i].multicast = false; /* docker0 and the like. */
    segment_links(&lan, 1, list, count);
    segment_run(&lan, HOUR);
    unsigned spoken = 0;
    for (unsigned i = 0; i < SEGMENTS_MAX; i++)
        spoken += a->sent[i] > 0;
    assert_int_equal(a->sent[0] + a->sent[1], 0);
    assert_int_equal(spoken, MDNS_INTERFACES);
}

static void only_what_is_listened_on_is_told(void **state)
{
    struct tally_interface list[4];
    struct segment_node *a = segment_start(&lan, 1, 0);
    static const struct tally_address any4 = {{[10] = 0xff, [11] = 0xff}, 4001};
    (void)segment_interface(0, 1, list);
    (void)segment_interface(1, 1, list + 2);
    list[1].address = (struct tally_address){{0xfd, 1}, 0};
    a->mdns.options.listen = segment_address4(1, 1);
    a->mdns.options.listen.port = 4001;
    segment_links(&lan, 1, list, 4);
    segment_run(&lan, 1500);
    assert_int_equal(a->sent[0], 0);
    assert_true(a->sent[1] > 0);
    a->mdns.options.listen = any4;
    segment_links(&lan, 1, list, 4);
    segment_run(&lan, 1500);
    assert_int_equal(a->mdns.list[0].card.count + a->mdns.list[1].card.count, 2);
    /* A link with nothing but link-local IPv6 is left alone: others could not write it down. */
    segment_links(&lan, 1, list + 3, 1);
    assert_int_equal(mdns_deadline(&a->mdns).ms, TALLY_NEVER.ms);
}

static void goodbye_is_the_last_word(void **state)
{
    struct segment_node *a = segment_start(&lan, 1, 1), *b = segment_start(&lan, 2, 1);
    segment_run(&lan, 5000);
    uint64_t sent = a->sent[0];
    size_t known = b->found_count;
    mdns_stop(&a->mdns, &a->outbox);
    segment_run(&lan, 0);
    assert_int_equal(mdns_deadline(&a->mdns).ms, TALLY_NEVER.ms);
    struct tally_action action;
    unsigned goodbyes = 0;
    while (outbox_next(&a->outbox, &action)) {
        struct tally_address from = segment_address4(0, 1);
        from.port = MDNS_PORT;
        assert_int_equal(segment_give(&lan, 2, 0, &from, true, action.multicast.bytes),
                         TALLY_DROP_NONE);
        goodbyes++;
    }
    assert_int_equal(goodbyes, 2);
    assert_int_equal(b->found_count, known); /* No news: the link will tell. */
    outbox_clear(&a->outbox);
    segment_run(&lan, HOUR);
    assert_int_equal(a->sent[0], sent);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STORY(two_find_each_other_at_once),
        STORY(who_is_heard_again_is_not_fresh),
        STORY(each_family_alone_suffices),
        STORY(thirty_know_each_other),
        STORY(idle_is_quiet),
        STORY(questions_double_to_an_hour),
        STORY(those_who_know_us_are_not_answered),
        STORY(addresses_that_change_get_a_new_name),
        STORY(a_family_that_comes_later_keeps_the_name),
        STORY(interfaces_come_and_go),
        STORY(flapping_is_not_told),
        STORY(only_where_it_is_wanted),
        STORY(only_what_is_listened_on_is_told),
        STORY(goodbye_is_the_last_word),
    };
#undef STORY
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("mdns", tests, NULL, NULL);
}
