/* SPDX-License-Identifier: Apache-2.0 */
/* Heartbeats of a mesh in which nothing happens become rare, and frequent again with news
   (protocols 3.1, RFC 6206): what is told, what is kept to, and what may never become rare. */
#include "mesh.h"

#include "core/base/bytes.h"
#include "core/base/trickle.h"

#include "support/cmocka.h"

enum { MOST = 128, NAT_MS = 25000 }; /* Of the 30 s that a gateway remembers a way. */

/* What node 0 sent to node 1. */
struct watch {
    uint64_t at[MOST];   /* Heartbeats. */
    uint64_t told[MOST]; /* What node 1 had been told when the next one came. */
    unsigned count;
    uint64_t last, gap; /* Any datagram; the longest silence. */
};

static bool look_on(struct mesh *mesh, struct mesh_packet *packet)
{
    struct watch *watch = mesh->context;
    if (mesh_at(mesh, &packet->from) != &mesh->nodes[0])
        return true;
    if (watch->last != 0 && mesh->now.mono.ms - watch->last > watch->gap)
        watch->gap = mesh->now.mono.ms - watch->last;
    watch->last = mesh->now.mono.ms;
    if (packet->bytes[2] != TALLY_KIND_HEARTBEAT || watch->count == MOST)
        return true;
    if (watch->count > 0)
        watch->told[watch->count - 1] = mesh_peer(mesh, 1, 0)->link.interval_ms;
    watch->at[watch->count++] = mesh->now.mono.ms;
    return true;
}

static void forget(struct mesh *mesh)
{
    *(struct watch *)mesh->context = (struct watch){.count = 0};
}

static struct mesh *pair(struct watch *watch)
{
    struct mesh *mesh = mesh_new(2);
    *watch = (struct watch){.count = 0};
    mesh->context = watch;
    mesh->hook = look_on;
    mesh_introduce(mesh, 0, 1);
    mesh_run(mesh, 3000);
    assert_true(mesh_linked(mesh, 0, 1));
    return mesh;
}

/* The interval a heartbeat of node 0 began. */
static uint64_t interval(const struct watch *watch, unsigned i)
{
    assert_true(i + 1 < watch->count);
    return watch->at[i + 1] - watch->at[i];
}

static void intervals_double_and_news_makes_them_short(void **state)
{
    static const struct {
        bool news;
        uint64_t interval; /* Of 5 s to 18 s. */
    } rows[] = {
        {true, 5000}, {false, 10000}, {false, 18000}, {false, 18000},
        {true, 5000}, {true, 5000},   {false, 10000},
    };
    struct trickle trickle = {.news = false};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool stretched = trickle.calm > 0;
        if (rows[i].news)
            assert_int_equal(trickle_reset(&trickle), stretched);
        assert_int_equal(trickle_next(&trickle, 5000, 18000), rows[i].interval);
    }
    /* Many links need longer than the most: they get it, and no more. */
    assert_int_equal(trickle_next(&trickle, 40000, 18000), 40000);
}

static void a_quiet_mesh_speaks_ever_more_rarely(void **state)
{
    struct watch watch;
    struct mesh *mesh = pair(&watch);
    mesh_run(mesh, 600000);
    assert_in_range(interval(&watch, 0), 4000, 6000);
    assert_in_range(interval(&watch, 1), 8000, 12000);
    for (unsigned i = 2; i + 1 < watch.count; i++)
        assert_in_range(interval(&watch, i), 16000, 24000);
    /* Each kept to what it had told, and what lies in between forgot nobody. */
    for (unsigned i = 0; i + 1 < watch.count; i++)
        assert_int_equal(interval(&watch, i), watch.told[i]);
    assert_in_range(watch.gap, 0, NAT_MS);
    assert_int_equal(mesh->nodes[1].unlinked, 0);
    assert_int_equal(mesh->nodes[1].datagrams.suspect.suspected, 0);
    /* The round trip is still measured, with each third. */
    assert_in_range(mesh_peer(mesh, 0, 1)->rtt_us, 39000, 41000);
    mesh_free(mesh);
}

static void a_new_head_ends_the_calm(void **state)
{
    struct watch watch;
    struct mesh *mesh = pair(&watch);
    mesh_run(mesh, 200000);
    for (unsigned round = 0; round < 5; round++) {
        uint64_t sealed = mesh->now.mono.ms;
        forget(mesh);
        mesh_seal(mesh, 0, "audit", 100 * (round + 1), 1);
        mesh_hold(mesh, 1, 0, "audit", 100 * (round + 1), 1);
        mesh_run(mesh, 60000);
        assert_in_range(watch.at[0] - sealed, 0, 5000);
        assert_in_range(interval(&watch, 0), 4000, 6000);
        assert_in_range(interval(&watch, 1), 8000, 12000);
        mesh_run(mesh, 60000);
        assert_in_range(watch.at[watch.count - 1] - watch.at[watch.count - 2], 16000, 24000);
    }
    mesh_free(mesh);
}

static void who_is_behind_does_not_wait(void **state)
{
    struct watch watch;
    struct mesh *mesh = pair(&watch);
    mesh_seal(mesh, 0, "audit", 100, 1);
    mesh_hold(mesh, 1, 0, "audit", 100, 1);
    mesh_run(mesh, 200000);
    /* Node 1 gets to know something elsewhere. It says so soon, and 0, which lacks it, answers. */
    forget(mesh);
    uint64_t learnt = mesh->now.mono.ms;
    mesh_hold(mesh, 1, 1, "audit", 7, 1);
    mesh_run(mesh, 600000);
    assert_in_range(watch.at[0] - learnt, 0, 11000);
    assert_true(mesh->nodes[0].heartbeat.sets[0].differs);
    /* As long as both differ neither becomes calm, nor does it speak more often than ever. */
    for (unsigned i = 2; i + 1 < watch.count; i++)
        assert_in_range(interval(&watch, i), 2500, 11000);
    assert_in_range(watch.count, 100, 127);
    mesh_free(mesh);
}

static void a_dead_peer_is_noticed_within_three_of_its_intervals(void **state)
{
    for (unsigned second = 0; second < 24; second += 3) {
        struct watch watch;
        struct mesh *mesh = pair(&watch);
        mesh_run(mesh, 200000 + second * 1000);
        uint64_t told = mesh_peer(mesh, 1, 0)->link.interval_ms;
        assert_in_range(told, 16000, 24000);
        mesh->nodes[0].up = false;
        mesh_run(mesh, 3 * told);
        assert_int_equal(mesh->nodes[1].unlinked, 1);
        mesh_free(mesh);
    }
}

static void who_doubts_himself_is_not_calm(void **state)
{
    struct watch watch;
    struct mesh *mesh = pair(&watch);
    mesh_run(mesh, 200000);
    forget(mesh);
    mesh->nodes[0].datagrams.suspect.health = 4;
    mesh_run(mesh, 120000);
    /* Probes go with heartbeats, and each one that is answered heals. */
    assert_in_range(mesh_peer(mesh, 1, 0)->health, 0, 2);
    assert_in_range(interval(&watch, 1), 4000, 6000);
    mesh_free(mesh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_double_and_news_makes_them_short),
        cmocka_unit_test(a_quiet_mesh_speaks_ever_more_rarely),
        cmocka_unit_test(a_new_head_ends_the_calm),
        cmocka_unit_test(who_is_behind_does_not_wait),
        cmocka_unit_test(a_dead_peer_is_noticed_within_three_of_its_intervals),
        cmocka_unit_test(who_doubts_himself_is_not_calm),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("calm", tests, NULL, NULL);
}
