/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups among two thousand nodes, with bounds: the short form of tally-bench lookup. */
#include "overlay.h"

#include "support/cmocka.h"

static struct overlay_figures measure(struct overlay_options options)
{
    struct overlay_figures figures;
    options.nodes = 2000;
    options.dead = 10;
    options.end = options.end == 0 ? LOOKUP_END_FIND : options.end;
    options.seed = 5;
    assert_true(overlay_measure(&options, &figures));
    assert_int_equal(figures.cut, 0);
    return figures;
}

static void honest_networks_are_quick(void **state)
{
    struct overlay_figures warm = measure((struct overlay_options){.lookups = 200});
    struct overlay_figures cold = measure((struct overlay_options){.lookups = 200, .cold = true});
    assert_true(warm.reached == 1 && cold.reached == 1);
    assert_true(warm.found > 0.98 && cold.found > 0.94);
    assert_true(warm.messages < 30 && cold.messages < 30);
    assert_true(warm.first_p50 < 150 && warm.first_p95 < 250 && warm.end_p95 < 1000);
    assert_true(cold.first_p50 < 250 && cold.first_p95 < 450 && cold.end_p95 < 1300);
    assert_true(warm.contacts > 150 && warm.contacts < 300);
}

static void sixteen_to_keep_something_are_found(void **state)
{
    struct overlay_figures figures =
        measure((struct overlay_options){.lookups = 100, .cold = true, .end = LOOKUP_END_PUT});
    assert_true(figures.reached == 1 && figures.found > 0.98);
    assert_true(figures.messages < 53);
}

static void a_third_of_colluders_deny_little(void **state)
{
    static const struct {
        unsigned percent;
        double reached;
    } cases[] = {{10, 0.995}, {20, 0.99}, {30, 0.97}};
    for (size_t i = 0; i < 3; i++) {
        struct overlay_figures figures = measure(
            (struct overlay_options){.lookups = 200, .cold = true, .liars = cases[i].percent});
        assert_true(figures.reached >= cases[i].reached);
        assert_true(figures.messages < 50);
    }
}

static void values_are_found_among_liars(void **state)
{
    struct overlay_figures figures =
        measure((struct overlay_options){.lookups = 200, .cold = true, .liars = 30, .value = true});
    assert_true(figures.reached >= 0.99);
    assert_true(figures.end_p50 < 350);
}

static void keys_next_to_a_value_do_not_hide_it(void **state)
{
    struct overlay_figures figures =
        measure((struct overlay_options){.lookups = 60, .cold = true, .sybils = 40, .value = true});
    assert_true(figures.reached >= 0.95);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(honest_networks_are_quick),
        cmocka_unit_test(sixteen_to_keep_something_are_found),
        cmocka_unit_test(a_third_of_colluders_deny_little),
        cmocka_unit_test(values_are_found_among_liars),
        cmocka_unit_test(keys_next_to_a_value_do_not_hide_it),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("dht-overlay", tests, NULL, NULL);
}
