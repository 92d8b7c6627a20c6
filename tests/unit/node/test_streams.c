/* SPDX-License-Identifier: Apache-2.0 */
/* What strangers on streams cost a node: a look-up, no signature, no memory, nothing kept. */
#include "support/cmocka.h"

#include "core/base/bytes.h"
#include "core/base/random.h"
#include "core/libp2p/channel.h"
#include "disk.h"
#include "memory.h"
#include "tally/node.h"

#include <stdlib.h>

static struct provider provider;
static struct signer signer;
static struct disk disk;
static struct tally_node *node;
static struct tally_now now;
static struct random chance;
static unsigned closes, dials;
static size_t written;
static uint8_t out[TALLY_STREAM_BYTES_MAX];

static void draw(void *context, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random_next(&chance);
}

static int set_up(void **state)
{
    static const uint8_t seed[32] = {1};
    now = (struct tally_now){{1000}, {INT64_C(1763700000000000)}};
    chance.state = 1;
    closes = dials = 0;
    written = 0;
    provider_init(&provider, PROVIDER_REAL);
    signer_init(&signer, &provider, seed);
    disk_init(&disk, &signer);
    const struct tally_node_options options = {.key = signer.key,
                                               .epoch = 1,
                                               .connections_max = 32,
                                               .ledger = disk_ledger(&disk),
                                               .secret = {NULL, draw},
                                               .crypto = signer_window(&signer)};
    node = tally_node_new(&options, now);
    return node == NULL;
}

static int tear_down(void **state)
{
    tally_node_free(node);
    disk_free(&disk);
    provider_free(&provider);
    return 0;
}

/* One step, which may not allocate; its writes are kept, its closes and dials counted. */
static void step(const struct tally_event *event)
{
    struct tally_action action;
    memory_watch_begin();
    tally_node_step(node, now, event);
    assert_int_equal(memory_watch_end(), 0);
    assert_true(tally_node_holds(node));
    written = 0;
    while (tally_node_next(node, &action)) {
        closes += action.kind == TALLY_ACTION_CLOSE;
        dials += action.kind == TALLY_ACTION_DIAL;
        if (action.kind == TALLY_ACTION_WRITE) {
            memcpy(out, action.write.bytes.data, action.write.bytes.size);
            written = action.write.bytes.size;
        }
    }
}

static void stream_open(uint32_t stream, uint8_t prefix)
{
    struct tally_event event = {.kind = TALLY_EVENT_STREAM_OPEN};
    event.stream_open.stream = stream;
    event.stream_open.remote =
        (struct tally_address){{[10] = 0xff, [11] = 0xff, 10, prefix, prefix, 1}, 4001};
    step(&event);
    event = (struct tally_event){.kind = TALLY_EVENT_STREAM_ROOM};
    event.stream_room.stream = stream;
    event.stream_room.room = sizeof out;
    step(&event);
}

static void stream_bytes(uint32_t stream, struct tally_bytes bytes)
{
    struct tally_event event = {.kind = TALLY_EVENT_STREAM_BYTES};
    event.stream_bytes.stream = stream;
    event.stream_bytes.bytes = bytes;
    step(&event);
}

static void stream_closed(uint32_t stream)
{
    struct tally_event event = {.kind = TALLY_EVENT_STREAM_CLOSED};
    event.stream_closed.stream = stream;
    event.stream_closed.error = TALLY_CLOSED;
    step(&event);
}

static struct tally_node_status status(void)
{
    struct tally_node_status status;
    tally_node_status(node, &status);
    return status;
}

static void a_hundred_thousand_forged_streams_cost_no_signature_and_no_memory(void **state)
{
    uint8_t bytes[200];
    for (uint32_t i = 0; i < 100000; i++) {
        for (size_t j = 0; j < sizeof bytes; j += 8)
            be64_write(bytes + j, random_next(&chance));
        stream_open(2 * i + 1, (uint8_t)i);
        stream_bytes(2 * i + 1, bytes_of(bytes, 1 + i % sizeof bytes));
        stream_closed(2 * i + 1);
    }
    assert_int_equal(provider.signed_count + provider.verified_count, 0);
    assert_int_equal(status().connections, 0);
    assert_true(status().drops[TALLY_DROP_PROTOCOL] > 0);
}

/* As far as a stranger gets without a key: up to its own handshake message. */
static void a_forged_handshake_is_dropped_before_a_signature_is_checked(void **state)
{
    static const uint8_t select[] = "\x13/multistream/1.0.0\n\x07/noise\n";
    for (uint32_t i = 0; i < 200; i++) {
        uint8_t message[2 + 96] = {0, 32};
        for (size_t j = 2; j < sizeof message; j++)
            message[j] = (uint8_t)random_next(&chance);
        stream_open(2 * i + 1, (uint8_t)i);
        stream_bytes(2 * i + 1, bytes_of(select, sizeof select - 1));
        stream_bytes(2 * i + 1, bytes_of(message, 34)); /* -> e */
        message[1] = 96;
        stream_bytes(2 * i + 1, bytes_of(message, 98)); /* -> s, se, its tag wrong */
        stream_closed(2 * i + 1);
    }
    assert_int_equal(provider.verified_count, 0);
    assert_int_equal(status().connections, 0);
    assert_true(status().drops[TALLY_DROP_FORGED] > 0);
}

static void half_open_streams_are_few_and_of_many_places(void **state)
{
    for (uint32_t i = 0; i < TALLY_HALF_OPEN_PER_PREFIX + 1; i++)
        stream_open(2 * i + 1, 1);
    assert_int_equal(closes, 1); /* Of one place. */
    for (uint32_t i = 20; i < 20 + TALLY_HALF_OPEN_MAX; i++)
        stream_open(2 * i + 1, (uint8_t)i);
    assert_int_equal(closes, 1 + TALLY_HALF_OPEN_PER_PREFIX);
    assert_int_equal(status().connections, TALLY_HALF_OPEN_MAX);
    assert_int_equal(status().drops[TALLY_DROP_BUSY], 1 + TALLY_HALF_OPEN_PER_PREFIX);
    /* Who says nothing is gone after the time for an upgrade. */
    closes = 0;
    now.mono.ms += TALLY_UPGRADE_MS;
    step(&(struct tally_event){.kind = TALLY_EVENT_TICK});
    assert_int_equal(closes, TALLY_HALF_OPEN_MAX);
    assert_int_equal(status().drops[TALLY_DROP_SILENT], TALLY_HALF_OPEN_MAX);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(a_hundred_thousand_forged_streams_cost_no_signature_and_no_memory),
        T(a_forged_handshake_is_dropped_before_a_signature_is_checked),
        T(half_open_streams_are_few_and_of_many_places),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
