/* SPDX-License-Identifier: Apache-2.0 */
/* From facts to findings: each fault by itself, and what must not be told. */
#include "host/uv/doctor.h"

#include "support/cmocka.h"

#include <ctype.h>

/* A node that is well: one peer linked, reachable, on a good machine. Stories bend it. */
struct patient {
    struct doctor_facts facts;
    struct machine machine;
    struct tally_node_status status;
    struct tally_own_address own[2];
    struct tally_peer_view peers[3];
    struct doctor_bootstrap bootstraps[2];
    struct findings findings;
};

static struct tally_address ip(unsigned a, unsigned b, unsigned c, unsigned d)
{
    return (struct tally_address){
        {[10] = 0xff, [11] = 0xff, (uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d}, 4001};
}

static struct tally_peer_view peer(unsigned n, enum tally_peer_state state, enum tally_drop error)
{
    return (struct tally_peer_view){.key = {{(uint8_t)n, 1}},
                                    .address = ip(11, 0, 0, n),
                                    .state = state,
                                    .rtt_us = state == TALLY_PEER_LINKED ? 1000 : 0,
                                    .last_error = error};
}

static void well(struct patient *patient)
{
    *patient = (struct patient){
        .machine = {.data_there = true,
                    .data_ours = true,
                    .data_mode = 0700,
                    .free_bytes = 1 << 30,
                    .receive_buffer = MACHINE_UDP_BUFFER,
                    .send_buffer = MACHINE_UDP_BUFFER,
                    .networked = true},
        .status = {.links = 1,
                   .peers = 1,
                   .writable = true,
                   .profile = TALLY_PROFILE_AUTO,
                   .datagrams_in = 10,
                   .datagrams_out = 10,
                   .nat = TALLY_NAT_CONE,
                   .lease = TALLY_LEASE_HELD,
                   .mapping = TALLY_MAPPING_PCP,
                   .gateway = ip(10, 9, 0, 1),
                   .outer = ip(11, 0, 0, 1)},
        .own = {{.address = ip(11, 0, 0, 1),
                 .source = TALLY_OWN_MAPPED,
                 .mapping = TALLY_MAPPING_PCP,
                 .state = TALLY_REACH_REACHABLE,
                 .global = true}},
        .peers = {peer(2, TALLY_PEER_LINKED, TALLY_DROP_NONE)},
    };
    patient->facts = (struct doctor_facts){.data = "/data",
                                           .machine = &patient->machine,
                                           .status = &patient->status,
                                           .uptime_ms = 60000,
                                           .own = patient->own,
                                           .own_count = 1,
                                           .peers = patient->peers,
                                           .peer_count = 1,
                                           .bootstraps = patient->bootstraps};
}

/* Examines, and expects exactly one finding of that code and weight. */
static const struct finding *only(struct patient *patient, enum finding_code code, bool urgent)
{
    patient->findings.count = 0;
    doctor_examine(&patient->facts, &patient->findings);
    for (size_t i = 0; i < patient->findings.count; i++)
        if (patient->findings.list[i].code != code)
            print_error("also: %s\n", patient->findings.list[i].sentence);
    assert_int_equal(patient->findings.count, 1);
    const struct finding *finding = &patient->findings.list[0];
    assert_string_equal(finding_name(finding->code), finding_name(code));
    assert_int_equal(finding->urgent, urgent);
    assert_int_equal(findings_urgent(&patient->findings), urgent ? 1 : 0);
    return finding;
}

static void nothing(struct patient *patient)
{
    patient->findings.count = 0;
    doctor_examine(&patient->facts, &patient->findings);
    for (size_t i = 0; i < patient->findings.count; i++)
        print_error("told: %s\n", patient->findings.list[i].sentence);
    assert_int_equal(patient->findings.count, 0);
}

static void assert_in(const char *part, const char *whole)
{
    if (strstr(whole, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, whole);
}

static void every_code_has_a_text_and_a_remedy(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FINDING_CODES; i++) {
        enum finding_code code = (enum finding_code)i, again;
        assert_true(finding_read(finding_name(code), &again) && again == code);
        assert_memory_equal(finding_name(code), "E_", 2);
        for (const char *at = finding_name(code); *at != '\0'; at++)
            assert_true(isupper((unsigned char)*at) || isdigit((unsigned char)*at) || *at == '_');
        assert_true(strlen(finding_title(code)) > 8 && strlen(finding_meaning(code)) > 30);
        assert_true(strlen(finding_remedy(code)) > 10);
        /* A remedy goes into a sentence, and into quotes of a log line. */
        assert_null(strchr(finding_remedy(code), '"'));
        assert_null(strchr(finding_title(code), '"'));
        assert_true(finding_remedy(code)[strlen(finding_remedy(code)) - 1] != '.');
        assert_true(finding_meaning(code)[strlen(finding_meaning(code)) - 1] == '.');
    }
    enum finding_code code;
    assert_false(finding_read("E_NOTHING", &code));
    assert_false(finding_read("", &code));
}

static void a_node_that_is_well_has_no_findings(void **state)
{
    struct patient patient;
    (void)state;
    well(&patient);
    nothing(&patient);
    /* Neither has one that has just begun, */
    patient.facts.uptime_ms = 100;
    patient.status.links = 0;
    patient.facts.peer_count = patient.facts.own_count = 0;
    patient.status.nat = TALLY_NAT_UNKNOWN;
    nothing(&patient);
    /* nor one that wants no network. */
    patient.facts.uptime_ms = 600000;
    patient.status.profile = TALLY_PROFILE_OFFLINE;
    patient.machine.networked = false;
    patient.machine.mdns_port_taken = true;
    nothing(&patient);
}

static void the_machine(void **state)
{
    struct patient patient;
    (void)state;
    well(&patient);
    patient.machine.data_mode = 0750;
    assert_in("0750", only(&patient, FINDING_DATA_MODE, true)->sentence);
    well(&patient);
    patient.machine.data_ours = false;
    (void)only(&patient, FINDING_DATA_MODE, true);
    well(&patient);
    patient.facts.missing_bytes = 12345;
    assert_in("12345 bytes", only(&patient, FINDING_DISK_FULL, true)->sentence);
    well(&patient);
    patient.machine.receive_buffer = 212992;
    const struct finding *buffer = only(&patient, FINDING_UDP_BUFFER, false);
    assert_in("212992", buffer->sentence);
    assert_in("net.core.rmem_max=2097152", buffer->remedy);
    well(&patient);
    patient.machine.networked = false;
    (void)only(&patient, FINDING_NO_NETWORK, true);
    well(&patient);
    patient.machine.mdns_port_taken = true;
    (void)only(&patient, FINDING_MDNS_PORT, false);
    patient.status.profile = TALLY_PROFILE_LAN;
    (void)only(&patient, FINDING_MDNS_PORT, true);
    patient.status.profile = TALLY_PROFILE_SERVER;
    nothing(&patient);
}

static void without_a_node(void **state)
{
    struct patient patient;
    (void)state;
    well(&patient);
    patient.facts.status = NULL;
    (void)only(&patient, FINDING_NO_NODE, true);
    patient.machine.data_mode = 0755;
    patient.findings.count = 0;
    doctor_examine(&patient.facts, &patient.findings);
    assert_int_equal(patient.findings.count, 2);
    assert_non_null(findings_find(&patient.findings, FINDING_DATA_MODE));
}

static void the_node(void **state)
{
    struct patient patient;
    (void)state;
    well(&patient);
    patient.status.guard = TALLY_GUARD_RECOVERING;
    patient.status.guard_missing = 50;
    assert_in("50 receipts of our own", only(&patient, FINDING_OLD_COPY, true)->sentence);
    well(&patient);
    patient.status.guard = TALLY_GUARD_ASKING;
    (void)only(&patient, FINDING_UNCONFIRMED, false);
    well(&patient);
    const struct tally_key whom = {{7}};
    patient.status.guard = TALLY_GUARD_WAITING;
    patient.status.guard_silent = 3;
    patient.facts.awaited = &whom;
    patient.facts.awaited_count = 1;
    assert_in(" and 2 more", only(&patient, FINDING_UNCONFIRMED, true)->sentence);
    well(&patient);
    patient.status.frozen = 2;
    assert_in("2 logs are", only(&patient, FINDING_FORK, true)->sentence);
    static const struct {
        int64_t offset_us;
        bool told, urgent;
        const char *word;
    } clocks[] = {{4999000, false, false, ""},        {-4999000, false, false, ""},
                  {5001000, true, false, "slow"},     {-5001000, true, false, "fast"},
                  {61000000, true, true, "61000 ms"}, {-INT64_C(43200000000), true, true, "fast"}};
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        well(&patient);
        patient.status.clock_offset_us = clocks[i].offset_us;
        if (!clocks[i].told)
            nothing(&patient);
        else
            assert_in(clocks[i].word, only(&patient, FINDING_CLOCK, clocks[i].urgent)->sentence);
    }
}

/* Not reachable, seen by peers only. */
static void hidden(struct patient *patient)
{
    well(patient);
    patient->own[0] = (struct tally_own_address){.address = ip(11, 0, 0, 1),
                                                 .source = TALLY_OWN_OBSERVED,
                                                 .state = TALLY_REACH_CANDIDATE,
                                                 .votes = 3};
    patient->status.lease = TALLY_LEASE_NONE;
    patient->status.mapping = TALLY_MAPPING_NONE;
    patient->status.gateway = patient->status.outer = (struct tally_address){.port = 0};
}

static void the_way_in(void **state)
{
    struct patient patient;
    (void)state;
    hidden(&patient);
    assert_in("does not answer", only(&patient, FINDING_NAT_NOMAP, false)->sentence);
    patient.status.lease_error = TALLY_REFUSED;
    patient.status.gateway = ip(10, 9, 0, 1);
    assert_in("10.9.0.1 maps no port: it refuses",
              only(&patient, FINDING_NAT_NOMAP, false)->sentence);
    /* Few peers told yet: that there is a gateway is enough, if we are not outside ourselves. */
    patient.status.nat = TALLY_NAT_UNKNOWN;
    (void)only(&patient, FINDING_NAT_NOMAP, false);
    patient.machine.global = true;
    nothing(&patient);
    patient.machine.global = false;
    patient.status.lease_error = TALLY_UNREACHABLE;
    nothing(&patient);
    patient.status.nat = TALLY_NAT_CONE;
    /* Where nothing is mapped on purpose, it is no finding. */
    patient.status.profile = TALLY_PROFILE_LAN;
    nothing(&patient);
    /* Once somebody got through, nobody cares how. */
    hidden(&patient);
    patient.own[0].state = TALLY_REACH_REACHABLE;
    nothing(&patient);

    hidden(&patient);
    patient.own[0].source = TALLY_OWN_MAPPED;
    patient.status.gateway = ip(10, 9, 0, 1);
    patient.status.outer = ip(192, 168, 1, 7);
    assert_in("192.168.1.7", only(&patient, FINDING_NAT_DOUBLE, false)->sentence);
    patient.status.outer = ip(100, 64, 3, 4);
    assert_in("100.64.3.4", only(&patient, FINDING_NAT_CGNAT, false)->sentence);

    hidden(&patient);
    patient.own[0].source = TALLY_OWN_MAPPED;
    patient.status.nat = TALLY_NAT_SYMMETRIC;
    (void)only(&patient, FINDING_NAT_SYMMETRIC, false);

    hidden(&patient);
    patient.status.nat = TALLY_NAT_NONE;
    patient.own[0].state = TALLY_REACH_UNREACHABLE;
    assert_in("/ip4/11.0.0.1/udp/4001", only(&patient, FINDING_UNREACHABLE, false)->sentence);
    patient.status.profile = TALLY_PROFILE_SERVER; /* Whose only task it is. */
    (void)only(&patient, FINDING_UNREACHABLE, true);
}

static void peers_that_were_named(void **state)
{
    static const struct {
        enum tally_drop error;
        enum finding_code code;
    } cases[] = {{TALLY_DROP_IDENTITY, FINDING_PEER_IDENTITY},
                 {TALLY_DROP_SILENT, FINDING_PEER_SILENT},
                 {TALLY_DROP_FOREIGN, FINDING_PEER_REFUSED},
                 {TALLY_DROP_VERSION, FINDING_PEER_REFUSED}};
    struct patient patient;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        well(&patient);
        patient.peers[1] = peer(3, TALLY_PEER_IDLE, cases[i].error);
        patient.facts.peer_count = 2;
        nothing(&patient); /* Nobody named it: it may come and go. */
        patient.peers[1].configured = true;
        const struct finding *finding = only(&patient, cases[i].code, true);
        assert_in("/ip4/11.0.0.3/udp/4001", finding->sentence);
        assert_in("12D3KooW", finding->sentence);
    }
}

static void bootstraps(void **state)
{
    struct patient patient;
    (void)state;
    well(&patient);
    struct doctor_bootstrap *one = &patient.bootstraps[0];
    patient.facts.bootstrap_count = 1;
    *one = (struct doctor_bootstrap){.text = "/ip4/11.0.0.2/udp/4001",
                                     .asked = true,
                                     .has_address = true,
                                     .address = ip(11, 0, 0, 2)};
    assert_ptr_equal(doctor_peer(&patient.facts, one), &patient.peers[0]);
    nothing(&patient);
    one->address = ip(11, 0, 0, 9);
    assert_null(doctor_peer(&patient.facts, one));
    (void)only(&patient, FINDING_PEER_SILENT, true);
    patient.facts.uptime_ms = 500;
    nothing(&patient);
    patient.facts.uptime_ms = 60000;
    one->has_key = true;
    one->key = patient.peers[0].key; /* It answers, elsewhere. */
    nothing(&patient);
    patient.peers[1] = peer(4, TALLY_PEER_IDLE, TALLY_DROP_IDENTITY);
    patient.facts.peer_count = 2;
    one->key = patient.peers[1].key;
    assert_in("--bootstrap", only(&patient, FINDING_PEER_IDENTITY, true)->remedy);

    *one = (struct doctor_bootstrap){.text = "/dns4/x.example/udp/1"};
    nothing(&patient); /* Being looked up. */
    one->asked = true;
    one->error = TALLY_NOT_FOUND;
    assert_in("does not know", only(&patient, FINDING_NAME, true)->sentence);
    one->error = TALLY_TIMED_OUT;
    assert_in("does not answer", only(&patient, FINDING_NAME, true)->sentence);
    one->domain = true;
    one->text = "dns:example.org";
    assert_in("dns:example.org", only(&patient, FINDING_DOMAIN, true)->sentence);
    *one = (struct doctor_bootstrap){.text = "x", .asked = true, .told = TALLY_BUSY};
    (void)only(&patient, FINDING_PEER_REFUSED, true);
}

static void nobody(void **state)
{
    struct patient patient;
    (void)state;
    well(&patient);
    patient.status.links = 0;
    patient.facts.peer_count = 0;
    (void)only(&patient, FINDING_ALONE, false);
    patient.facts.peer_count = 1;
    patient.peers[0] = peer(2, TALLY_PEER_IDLE, TALLY_DROP_NONE);
    (void)only(&patient, FINDING_NO_PEERS, false);
    patient.peers[0].configured = true;
    (void)only(&patient, FINDING_NO_PEERS, true);
}

static void udp_that_is_blocked(void **state)
{
    struct patient patient;
    (void)state;
    well(&patient);
    patient.status.links = 0;
    patient.status.datagrams_in = 0;
    patient.peers[0] = peer(2, TALLY_PEER_IDLE, TALLY_DROP_SILENT);
    doctor_examine(&patient.facts, &patient.findings);
    assert_non_null(findings_find(&patient.findings, FINDING_UDP_BLOCKED));

    /* A neighbour answers, but nobody of the wide network. */
    well(&patient);
    patient.peers[0].address = ip(192, 168, 1, 2);
    patient.peers[1] = peer(3, TALLY_PEER_IDLE, TALLY_DROP_SILENT);
    patient.peers[2] = peer(4, TALLY_PEER_IDLE, TALLY_DROP_SILENT);
    patient.facts.peer_count = 3;
    assert_in("2 peers of the wide", only(&patient, FINDING_UDP_BLOCKED, true)->sentence);
    /* One that is silent may be down; and where one answers, nothing is blocked. */
    patient.facts.peer_count = 2;
    nothing(&patient);
    patient.facts.peer_count = 3;
    patient.peers[0].address = ip(11, 0, 0, 2);
    nothing(&patient);
}

static void a_crowd_is_bounded(void **state)
{
    static struct tally_peer_view crowd[200];
    struct patient patient;
    (void)state;
    well(&patient);
    for (unsigned i = 0; i < 200; i++) {
        crowd[i] = peer(i, TALLY_PEER_IDLE, TALLY_DROP_SILENT);
        crowd[i].configured = true;
    }
    patient.facts.peers = crowd;
    patient.facts.peer_count = 200;
    doctor_examine(&patient.facts, &patient.findings);
    assert_true(patient.findings.count <= DOCTOR_PEERS + 2);
    for (unsigned i = 0; i < 200; i++)
        (void)findings_add(&patient.findings, FINDING_ALONE, false, "%u", i);
    assert_int_equal(patient.findings.count, FINDINGS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_text_and_a_remedy),
        cmocka_unit_test(a_node_that_is_well_has_no_findings),
        cmocka_unit_test(the_machine),
        cmocka_unit_test(without_a_node),
        cmocka_unit_test(the_node),
        cmocka_unit_test(the_way_in),
        cmocka_unit_test(peers_that_were_named),
        cmocka_unit_test(bootstraps),
        cmocka_unit_test(nobody),
        cmocka_unit_test(udp_that_is_blocked),
        cmocka_unit_test(a_crowd_is_bounded),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
