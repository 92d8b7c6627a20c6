/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The readers of the stream channel one by one: the first byte says which. What is read must come
 * out again the same, where the form is one.
 */
#include "core/address/multiaddr.h"
#include "core/base/bytes.h"
#include "core/libp2p/fetch.h"
#include "core/libp2p/identify.h"
#include "core/libp2p/multistream.h"
#include "core/libp2p/noise_payload.h"
#include "core/libp2p/yamux.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const ids[] = {"/tally/sync/1.0.0", "/ipfs/ping/1.0.0"};

/* A fuzzer can sign: half of all signatures are good. */
static bool verify(void *context, const struct tally_key *key, struct tally_bytes message,
                   const struct tally_signature *signature)
{
    return (signature->bytes[0] & 1) != 0;
}

static const struct tally_crypto crypto = {.verify = verify};

static const char *menu_id(const void *context, unsigned i)
{
    return i < 2 ? ids[i] : NULL;
}

static void select_protocol(struct tally_bytes bytes, bool dialler)
{
    const struct multistream_menu menu = {menu_id, NULL};
    struct multistream ms;
    unsigned choice = 0;
    uint8_t out[64];
    multistream_init(&ms, dialler);
    while (bytes.size > 0) {
        struct tally_bytes piece = bytes_of(bytes.data, bytes.size % 7 + 1);
        piece.size = piece.size < bytes.size ? piece.size : bytes.size;
        bytes = bytes_of(bytes.data + piece.size, bytes.size - piece.size);
        if (multistream_read(&ms, &piece, &menu, &choice) != MULTISTREAM_WAITING)
            break;
    }
    assert(choice < 2);
    while (multistream_answer(&ms, ids[choice], out) > 0)
        ;
}

static void multiaddrs(struct tally_bytes bytes)
{
    struct multiaddr address, again;
    struct multiaddr_target target;
    char text[4 * MULTIADDR_TEXT_MAX];
    if (multiaddr_parse(bytes, &address)) {
        assert(multiaddr_valid(bytes_of(address.bytes, address.size)));
        (void)multiaddr_target(bytes_of(address.bytes, address.size), &target);
    }
    if (bytes.size > 0 && multiaddr_valid(bytes)) {
        size_t size = multiaddr_print(bytes, text, sizeof text);
        if (size > 0 && size < MULTIADDR_TEXT_MAX && multiaddr_parse(bytes_of(text, size), &again))
            assert(multiaddr_valid(bytes_of(again.bytes, again.size)));
    }
}

static void muxer(struct tally_bytes bytes, bool dialler)
{
    struct yamux *yamux = calloc(1, sizeof *yamux);
    struct tally_now now = {{1000}, {1000000}};
    struct yamux_news news;
    uint8_t *memory = malloc(TX_CAPACITY);
    struct tx tx;
    tx_init(&tx, memory);
    yamux_init(yamux, dialler, now);
    if (dialler)
        (void)yamux_open(yamux);
    while (yamux_read(yamux, now, &bytes, &news)) {
        if (news.kind == YAMUX_NEWS_BROKEN || news.kind == YAMUX_NEWS_GOAWAY)
            break;
        if (news.kind == YAMUX_NEWS_DATA)
            yamux_consumed(yamux, news.slot, news.data.size);
        if (news.kind == YAMUX_NEWS_FINISHED && news.stream % 3 == 0)
            yamux_commit(yamux, &tx, news.slot, 0, true);
        if (news.kind == YAMUX_NEWS_OPENED && news.stream % 5 == 0)
            (void)yamux_reset(yamux, news.slot);
        yamux_flush(yamux, &tx);
        (void)tx_output(&tx, news.stream % 2 == 1 ? 100 : SIZE_MAX);
        now.mono.ms += 7;
        assert(yamux_holds(yamux));
    }
    assert(yamux_holds(yamux));
    free(memory);
    free(yamux);
}

static void said(struct tally_bytes bytes)
{
    struct identify identify = {.agent = ""};
    struct tally_key key = {{1}};
    identify_begin(&identify);
    (void)identify_read(bytes, &key, &crypto, ids, 2, &identify);
    assert(identify.address_count <= IDENTIFY_ADDRESSES_MAX);
    assert(strlen(identify.agent) <= IDENTIFY_AGENT_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct noise_peer peer;
    struct tally_bytes identifier;
    static const uint8_t s[NOISE_KEY];
    const char *why;
    if (size == 0)
        return 0;
    const struct tally_bytes bytes = bytes_of(data + 1, size - 1);
    switch (data[0] % 6) {
    case 0:
    case 1:
        select_protocol(bytes, data[0] % 6 == 1);
        break;
    case 2:
        multiaddrs(bytes);
        break;
    case 3:
        muxer(bytes, data[0] >= 128);
        break;
    case 4:
        said(bytes);
        (void)fetch_request_read(bytes, &identifier);
        break;
    default:
        if (noise_payload_read(bytes, s, NULL, &crypto, &peer, &why) != TALLY_DROP_NONE)
            assert(why != NULL);
        break;
    }
    return 0;
}
