/* SPDX-License-Identifier: Apache-2.0 */
/* The order of what happens: by time, then source, then sequence, however far off it was put. */
#include "support/cmocka.h"

#include "core/base/random.h"
#include "queue.h"

enum { COUNT = 20000, SOURCES = 50 };

static struct queue queue;
static uint64_t sequences[SOURCES];

static void put(struct random *random, uint64_t now_us)
{
    /* Most within a bucket or two, some at one microsecond, some beyond the last bucket. */
    static const uint32_t spans[] = {1, 1, 900, 5000, 100000, 4000000, 60000000};
    uint32_t source = random_below(random, SOURCES);
    uint32_t span = spans[random_below(random, sizeof spans / sizeof *spans)];
    const struct happening happening = {.us = now_us + random_below(random, span),
                                        .source = source,
                                        .sequence = sequences[source]++};
    queue_put(&queue, &happening);
}

static bool before(const struct happening *a, const struct happening *b)
{
    if (a->us != b->us)
        return a->us < b->us;
    return a->source != b->source ? a->source < b->source : a->sequence < b->sequence;
}

static void all_come_in_order_while_others_are_put(void **state)
{
    struct random random = {7};
    struct happening last = {.us = 0}, happening;
    size_t puts = 0, takes = 0;
    queue_init(&queue);
    assert_int_equal(queue_next_us(&queue), UINT64_MAX);
    assert_false(queue_take(&queue, &happening));
    for (; puts < 500; puts++)
        put(&random, 0);
    while (queue.count > 0) {
        uint64_t next_us = queue_next_us(&queue);
        const struct happening *ahead = queue_ahead(&queue, 0);
        struct happening expected = ahead != NULL ? *ahead : (struct happening){.us = next_us};
        assert_true(queue_take(&queue, &happening));
        assert_int_equal(happening.us, next_us);
        assert_true(ahead == NULL || (expected.source == happening.source &&
                                      expected.sequence == happening.sequence));
        /* What is put now may come before all others, but not before what was taken. */
        assert_true(takes == 0 || !before(&happening, &last));
        last = happening;
        takes++;
        for (unsigned i = random_below(&random, 3); i > 0 && puts < COUNT; i--, puts++)
            put(&random, happening.us + 1);
    }
    assert_int_equal(takes, puts);
    queue_free(&queue);
}

static void what_should_have_been_is_now(void **state)
{
    struct happening happening;
    queue_init(&queue);
    queue_put(&queue, &(struct happening){.us = 50000, .source = 1});
    assert_true(queue_take(&queue, &happening));
    queue_put(&queue, &(struct happening){.us = 50001, .source = 2});
    queue_put(&queue, &(struct happening){.us = 300, .source = 3});
    assert_true(queue_take(&queue, &happening));
    assert_int_equal(happening.source, 3);
    assert_int_equal(happening.us, 50000);
    queue_free(&queue);
}

/* What was put far off comes between what was put near, also where one source put both. */
static void far_and_near_meet_in_one_microsecond(void **state)
{
    enum { FAR_US = 20000000 };
    struct happening happening;
    queue_init(&queue);
    const struct happening far = {.us = FAR_US, .source = 2, .sequence = 1};
    queue_put(&queue, &far);
    const struct happening way = {.us = FAR_US - 100, .source = 9};
    queue_put(&queue, &way);
    assert_true(queue_take(&queue, &happening) && happening.source == 9);
    const struct happening near[] = {{.us = FAR_US, .source = 2, .sequence = 5},
                                     {.us = FAR_US, .source = 1, .sequence = 8},
                                     {.us = FAR_US, .source = 2, .sequence = 0}};
    for (size_t i = 0; i < sizeof near / sizeof *near; i++)
        queue_put(&queue, &near[i]);
    static const struct {
        uint32_t source;
        uint64_t sequence;
    } order[] = {{1, 8}, {2, 0}, {2, 1}, {2, 5}};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        assert_true(queue_take(&queue, &happening));
        assert_int_equal(happening.source, order[i].source);
        assert_int_equal(happening.sequence, order[i].sequence);
    }
    assert_false(queue_take(&queue, &happening));
    queue_free(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_come_in_order_while_others_are_put),
        cmocka_unit_test(what_should_have_been_is_now),
        cmocka_unit_test(far_and_near_meet_in_one_microsecond),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
