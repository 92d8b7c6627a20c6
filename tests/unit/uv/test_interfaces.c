/* SPDX-License-Identifier: Apache-2.0 */
/* Which interfaces mDNS leaves alone by their names. */
#include "host/uv/interfaces.h"

#include "support/cmocka.h"

static void virtual_networks_are_left_alone(void **state)
{
    static const char *const skipped[] = {
        "docker0", "docker_gwbridge", "br-0123456789ab", "veth1a2b", "tun0", "wg0", "virbr0",
        "cni0",    "podman1"};
    static const char *const spoken[] = {"eth0", "enp3s0", "wlan0", "wlp2s0",
                                         "br0",  "bond0",  "lan"};
    for (size_t i = 0; i < sizeof skipped / sizeof *skipped; i++)
        if (!interfaces_skip(skipped[i], NULL, 0))
            fail_msg("%s is spoken on", skipped[i]);
    for (size_t i = 0; i < sizeof spoken / sizeof *spoken; i++)
        if (interfaces_skip(spoken[i], NULL, 0))
            fail_msg("%s is left alone", spoken[i]);
}

static void the_operator_says_otherwise(void **state)
{
    static const char *const patterns[] = {"wl*", "eth1"};
    assert_true(interfaces_skip("wlan0", patterns, 2));
    assert_true(interfaces_skip("eth1", patterns, 2));
    assert_false(interfaces_skip("eth10", patterns, 2));
    assert_false(interfaces_skip("docker0", patterns, 2));
    assert_false(interfaces_skip("docker0", patterns, 0)); /* An empty list is a list. */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(virtual_networks_are_left_alone),
        cmocka_unit_test(the_operator_says_otherwise),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("interfaces", tests, NULL, NULL);
}
