/* SPDX-License-Identifier: Apache-2.0 */
/* A lease under events drawn from the input: invariants hold, and whatever the gateway, the links
   and forged announcements do, requests stay few. */
#include "core/base/bytes.h"
#include "core/nat/lease.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { START_MS = 1000000, ACTIONS = 8 };

static struct input {
    const uint8_t *data;
    size_t size;
} input;

static uint32_t timeout_ms; /* Of the last request: a host that says TIMED_OUT has waited. */

static uint8_t next_byte(void)
{
    if (input.size == 0)
        return 0;
    input.size--;
    return *input.data++;
}

static struct tally_address next_address(bool ipv6)
{
    struct tally_address address = {.ip = {[10] = 0xff, 0xff}};
    if (ipv6)
        address = (struct tally_address){.ip = {0x2a}};
    address.ip[12] = next_byte();
    address.ip[15] = next_byte() % 4;
    return address;
}

static struct tally_event mapped(const struct lease *lease)
{
    static const uint32_t numbers[] = {0, 1, 2, 3, 60, 7200, 86401, UINT32_MAX};
    struct tally_event event = {.kind = TALLY_EVENT_MAPPED};
    uint8_t how = next_byte();
    event.mapped.ticket = how % 4 == 0 ? next_byte() : lease->ticket;
    event.mapped.error = (enum tally_error)(how % 2 == 0 ? 0 : next_byte() % (TALLY_STOPPING + 1));
    event.mapped.protocol = how & 4 ? TALLY_MAPPING_PCP : TALLY_MAPPING_NATPMP;
    event.mapped.lifetime_s = numbers[next_byte() % 8];
    event.mapped.epoch_s = numbers[next_byte() % 8];
    event.mapped.outer = next_address(lease->options.ipv6);
    event.mapped.outer.port = (uint16_t)(next_byte() * 257);
    if (how % 16 != 1)
        event.mapped.gateway = next_address(lease->options.ipv6);
    return event;
}

static struct tally_event gateway(bool ipv6)
{
    struct tally_event event = {.kind = TALLY_EVENT_GATEWAY};
    event.gateway.protocol = next_byte() % 2 ? TALLY_MAPPING_PCP : TALLY_MAPPING_NATPMP;
    event.gateway.epoch_s = next_byte();
    event.gateway.gateway = next_address(ipv6);
    event.gateway.outer = next_address(ipv6);
    return event;
}

/* One event, as the node would pass it on. */
static void happen(struct lease *lease, struct tally_now *now, struct lease_news *news)
{
    uint8_t what = next_byte();
    struct tally_event event;
    switch (what % 8) {
    case 0:
        lease_links(lease, *now, what & 0x80, news);
        return;
    case 1:
        event = gateway((what & 0x80) != 0);
        lease_on_gateway(lease, *now, &event);
        return;
    case 2:
        now->mono.ms += (uint64_t)next_byte() * 60000;
        return;
    case 3:
    case 4:
        now->mono.ms += next_byte() * UINT64_C(10);
        return;
    default:
        if (lease->unanswered == 0)
            return; /* Each request is answered once. */
        event = mapped(lease);
        if (event.mapped.error == TALLY_TIMED_OUT)
            now->mono.ms += timeout_ms;
        lease_on_mapped(lease, *now, &event, news);
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lease lease;
    struct tally_now now = {{START_MS}, {0}};
    struct tally_action actions[ACTIONS];
    struct outbox out;
    uint64_t asked = 0;
    input = (struct input){data, size};
    outbox_init(&out, actions, ACTIONS, NULL, 0);
    lease_init(&lease, &(struct lease_options){.port = 4001, .ipv6 = next_byte() % 2, .seed = 5});
    while (input.size > 0) {
        struct lease_news news = {.lost_count = 0};
        happen(&lease, &now, &news);
        assert(news.lost_count <= LEASE_TRANSPORTS);
        news = (struct lease_news){.lost_count = 0};
        if (lease_deadline(&lease).ms <= now.mono.ms)
            lease_tick(&lease, now, &news, &out);
        assert(news.lost_count <= LEASE_TRANSPORTS && out.count <= 1);
        assert(lease_holds(&lease));
        asked += out.count;
        if (out.count > 0)
            timeout_ms = actions[0].map.timeout_ms;
        outbox_clear(&out);
        /* Answered at once, a try of one protocol follows the other: twice for each transport. */
        assert(asked <= 4 + 4 * (now.mono.ms - START_MS) / LEASE_ROUND_MS);
    }
    lease_stop(&lease, &out);
    assert(out.count <= LEASE_TRANSPORTS && lease_holds(&lease));
    return 0;
}
