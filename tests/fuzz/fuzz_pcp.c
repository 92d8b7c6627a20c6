/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from gateways: what reads, written again reads the same; what fails leaves nothing. */
#include "core/base/bytes.h"
#include "core/nat/pcp.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void request(struct tally_bytes bytes)
{
    struct pcp_map map, again;
    uint8_t first[PCP_MAP_SIZE], second[PCP_MAP_SIZE];
    if (pcp_map_read(bytes, &map) != TALLY_DROP_NONE)
        return;
    pcp_map_write(&map, first);
    assert(pcp_map_read(bytes_of(first, sizeof first), &again) == TALLY_DROP_NONE);
    pcp_map_write(&again, second);
    assert(memcmp(first, second, sizeof first) == 0);
}

/* The request that these bytes may answer, so that more of them are read. */
static struct pcp_map asked(struct tally_bytes bytes)
{
    struct pcp_map map = {.client = {.port = 4001}};
    if (bytes.size < PCP_MAP_SIZE)
        return map;
    memcpy(map.nonce, bytes.data + PCP_HEADER_SIZE, sizeof map.nonce);
    map.transport = bytes.data[36] == 6 ? TALLY_TRANSPORT_TCP : TALLY_TRANSPORT_UDP;
    map.client.port = be16_read(bytes.data + 40);
    return map;
}

static void answer(struct tally_bytes bytes)
{
    const struct pcp_map map = asked(bytes);
    static const struct pcp_answer nothing;
    struct pcp_answer answer, again;
    uint8_t first[PCP_MAP_SIZE], second[PCP_MAP_SIZE];
    enum tally_drop drop = pcp_answer_read(bytes, &map, &answer);
    if (drop != TALLY_DROP_NONE)
        assert(drop == TALLY_DROP_MALFORMED || drop == TALLY_DROP_UNASKED);
    if (drop != TALLY_DROP_NONE || answer.error != TALLY_OK) {
        assert(address_equal(&answer.outer, &nothing.outer));
        return;
    }
    pcp_answer_write(&map, 0, &answer, first);
    assert(pcp_answer_read(bytes_of(first, sizeof first), &map, &again) == TALLY_DROP_NONE);
    pcp_answer_write(&map, 0, &again, second);
    assert(memcmp(first, second, sizeof first) == 0);
}

static void announcement(struct tally_bytes bytes)
{
    struct pcp_announcement announcement;
    enum tally_drop drop = pcp_announcement_read(bytes, &announcement);
    assert((drop == TALLY_DROP_NONE) == (announcement.protocol != TALLY_MAPPING_NONE));
    if (announcement.protocol == TALLY_MAPPING_NATPMP)
        assert(natpmp_is_answer(bytes, NATPMP_OUTER_ADDRESS, 0));
}

/* What libnatpmp is given to read must be there. */
static void natpmp(struct tally_bytes bytes)
{
    for (unsigned i = NATPMP_OUTER_ADDRESS; i <= NATPMP_MAP_TCP; i++) {
        uint16_t port = bytes.size >= 10 ? be16_read(bytes.data + 8) : 0;
        if (!natpmp_is_answer(bytes, (enum natpmp_operation)i, port))
            continue;
        assert(bytes.size >= 8 && bytes.data[1] >= 128);
        if (bytes.data[0] == 0 && be16_read(bytes.data + 2) == 0)
            assert(bytes.size >= (i == NATPMP_OUTER_ADDRESS ? 12 : 16));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tally_bytes bytes = bytes_of(data, size);
    request(bytes);
    answer(bytes);
    announcement(bytes);
    natpmp(bytes);
    return 0;
}
