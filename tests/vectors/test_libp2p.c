/* SPDX-License-Identifier: Apache-2.0 */
/* What js-libp2p computed with fixed keys, go's lists of multiaddrs, and the public Noise vectors:
   byte for byte. */
#include "core/address/multiaddr.h"
#include "core/address/multibase.h"
#include "core/address/varint.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/crypto/hash.h"
#include "core/crypto/sign.h"
#include "core/libp2p/identify.h"
#include "core/libp2p/multistream.h"
#include "core/libp2p/noise_payload.h"
#include "core/libp2p/record.h"
#include "core/libp2p/yamux.h"

#include "support/cmocka.h"
#include "vectors.h"

#include <stdlib.h>

#define GENERATED "libp2p/libp2p-js-generated.json"

static struct tally_bytes text_of(const json_t *value)
{
    return bytes_text(json_string_value(value));
}

static struct tally_bytes hex_of(const char *text, uint8_t *bytes)
{
    assert_true(hex_read(text, bytes, strlen(text) / 2));
    return bytes_of(bytes, strlen(text) / 2);
}

static json_t *part(const json_t *root, const char *a, const char *b)
{
    json_t *value = json_object_get(root, a);
    value = b != NULL ? json_object_get(value, b) : value;
    assert_non_null(value);
    return value;
}

static void uvarints(void **state)
{
    json_t *root = vectors_json(GENERATED), *item;
    size_t i, used;
    uint64_t value;
    uint8_t bytes[32], out[VARINT_MAX];
    json_array_foreach(part(root, "uvarint", "valid"), i, item)
    {
        struct tally_bytes hex = hex_of(vectors_text(item, "hex"), bytes);
        assert_int_equal(varint_read(hex, &value, &used), VARINT_DONE);
        assert_int_equal(value, strtoull(vectors_text(item, "value"), NULL, 10));
        assert_true(bytes_equal(bytes_of(out, varint_write(value, out)), hex));
        assert_int_equal(varint_size(value), hex.size);
    }
    json_array_foreach(part(root, "uvarint", "invalid"), i, item)
    {
        struct tally_bytes hex = hex_of(vectors_text(item, "hex"), bytes);
        assert_int_not_equal(varint_read(hex, &value, &used), VARINT_DONE);
    }
    json_decref(root);
}

static void peer_ids(void **state)
{
    json_t *root = vectors_json(GENERATED), *item;
    struct peer_id id, first;
    struct tally_key key, again;
    char text[PEER_ID_TEXT_MAX];
    uint8_t bytes[1024];
    size_t i;
    json_array_foreach(part(root, "ed25519_peers", NULL), i, item)
    {
        (void)hex_of(vectors_text(item, "public"), key.bytes);
        peer_id_print_key(&key, text);
        assert_true(peer_id_parse_key(text, &again) && key_equal(&key, &again));
    }
    json_array_foreach(part(root, "other_key_types", NULL), i, item)
    {
        peer_id_of_public_key(hex_of(vectors_text(item, "public_protobuf"), bytes), &id);
        assert_true(bytes_equal(bytes_of(id.bytes, id.size),
                                hex_of(vectors_text(item, "peer_id_bytes"), bytes)));
        peer_id_print(&id, text);
        assert_string_equal(text, vectors_text(item, "base58"));
        assert_true(peer_id_parse(bytes_text(text), &first) && peer_id_equal(&first, &id));
    }
    json_t *same = part(root, "peer_id_text", "same");
    assert_true(peer_id_parse(text_of(json_array_get(same, 0)), &first));
    json_array_foreach(same, i, item)
    {
        assert_true(peer_id_parse(text_of(item), &id));
        assert_true(peer_id_equal(&id, &first));
    }
    json_array_foreach(part(root, "peer_id_text", "valid"), i, item)
    {
        assert_true(peer_id_parse(bytes_text(vectors_text(item, "text")), &id));
        assert_true(
            bytes_equal(bytes_of(id.bytes, id.size), hex_of(vectors_text(item, "bytes"), bytes)));
    }
    json_array_foreach(part(root, "peer_id_text", "invalid"), i, item)
        assert_false(peer_id_parse(bytes_text(vectors_text(item, "text")), &id));
    json_decref(root);
}

static void multiaddrs_of_js(void **state)
{
    json_t *root = vectors_json(GENERATED), *item;
    struct multiaddr address;
    uint8_t bytes[512];
    char text[MULTIADDR_TEXT_MAX];
    size_t i;
    json_array_foreach(part(root, "multiaddr", "valid"), i, item)
    {
        struct tally_bytes hex = hex_of(vectors_text(item, "bytes"), bytes);
        assert_true(multiaddr_parse(bytes_text(vectors_text(item, "text")), &address));
        assert_true(bytes_equal(bytes_of(address.bytes, address.size), hex));
        assert_true(multiaddr_print(hex, text, sizeof text) > 0);
        assert_string_equal(text, vectors_text(item, "canonical"));
    }
    json_array_foreach(part(root, "multiaddr", "invalid_text"), i, item)
        assert_false(multiaddr_parse(bytes_text(vectors_text(item, "text")), &address));
    json_array_foreach(part(root, "multiaddr", "invalid_bytes"), i, item)
        assert_false(multiaddr_valid(hex_of(vectors_text(item, "hex"), bytes)));
    json_decref(root);
}

/* Codes that section 4 of the libp2p chapter does not list. */
static bool has_foreign_code(const char *text)
{
    static const char *const names[] = {
        "/onion", "/garlic", "/sctp", "/udt", "/utp", "/https", "/p2p-webrtc-direct", "/dccp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strstr(text, names[i]) != NULL)
            return true;
    return false;
}

static void multiaddrs_of_go(void **state)
{
    json_t *root = vectors_json("libp2p/multiaddr-go.json"), *item;
    struct multiaddr address, again;
    char text[MULTIADDR_TEXT_MAX];
    uint8_t bytes[1024];
    size_t i;
    json_array_foreach(part(root, "accepted", NULL), i, item)
    {
        bool good = multiaddr_parse(text_of(item), &address);
        assert_int_equal(good, !has_foreign_code(json_string_value(item)));
        if (!good)
            continue;
        assert_true(multiaddr_print(bytes_of(address.bytes, address.size), text, sizeof text) > 0);
        assert_true(multiaddr_parse(bytes_text(text), &again));
        assert_true(
            bytes_equal(bytes_of(address.bytes, address.size), bytes_of(again.bytes, again.size)));
    }
    json_array_foreach(part(root, "refused", NULL), i, item)
        assert_false(multiaddr_parse(text_of(item), &address));
    json_array_foreach(part(root, "string_bytes", NULL), i, item)
    {
        const char *line = json_string_value(json_array_get(item, 0));
        struct tally_bytes hex = hex_of(json_string_value(json_array_get(item, 1)), bytes);
        assert_int_equal(multiaddr_valid(hex), !has_foreign_code(line));
        if (multiaddr_valid(hex))
            assert_true(multiaddr_parse(bytes_text(line), &address) &&
                        bytes_equal(bytes_of(address.bytes, address.size), hex));
    }
    json_decref(root);
}

static void multistream_messages(void **state)
{
    json_t *root = vectors_json(GENERATED), *item;
    const char *text;
    uint8_t bytes[128], out[128];
    json_object_foreach(part(root, "multistream", "messages"), text, item)
    {
        struct tally_bytes hex = hex_of(json_string_value(item), bytes);
        assert_true(bytes_equal(bytes_of(out, multistream_write(text, out)), hex));
    }
    json_decref(root);
}

static bool do_verify(void *context, const struct tally_key *key, struct tally_bytes message,
                      const struct tally_signature *signature)
{
    return sign_verify(key, message, signature);
}

static void do_sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    sign_with_seed(context, message, signature);
}

static void noise_side(const json_t *side, bool dialler, struct noise_handshake *handshake)
{
    uint8_t s[NOISE_KEY], e[NOISE_KEY];
    (void)hex_of(vectors_text(side, "static_private"), s);
    (void)hex_of(vectors_text(side, "ephemeral_private"), e);
    noise_init(handshake, dialler, s, e, bytes_of(NULL, 0), NULL);
}

static void libp2p_handshakes(void **state)
{
    static uint8_t expected[70000], out[70000], payload[4096], plain[70000];
    json_t *root = vectors_json(GENERATED), *item, *frame;
    size_t i, j, size;
    json_array_foreach(part(root, "noise", NULL), i, item)
    {
        struct noise_handshake ends[2];
        struct noise_cipher send[2], receive[2];
        const json_t *sides[2] = {part(item, "initiator", NULL), part(item, "responder", NULL)};
        noise_side(sides[0], true, &ends[0]);
        noise_side(sides[1], false, &ends[1]);
        json_array_foreach(part(item, "frames", NULL), j, frame)
        {
            unsigned from = j % 2;
            uint8_t seed[32];
            struct tally_crypto crypto = {seed, do_sign, do_verify, NULL, NULL};
            struct tally_bytes said = bytes_of(payload, 0);
            if (j > 0)
                said = hex_of(vectors_text(sides[from], "payload"), payload);
            (void)hex_of(vectors_text(sides[from], "identity_seed"), seed);
            size = noise_write(&ends[from], said, out + 2);
            be16_write(out, (uint16_t)size);
            struct tally_bytes wanted = hex_of(json_string_value(frame), expected);
            assert_true(bytes_equal(bytes_of(out, 2 + size), wanted));
            assert_true(noise_read(&ends[1 - from], bytes_of(out + 2, size), plain, &size));
            assert_true(bytes_equal(bytes_of(plain, size), said));
            if (j == 0)
                continue;
            struct noise_peer peer;
            const char *why;
            assert_int_equal(noise_payload_read(bytes_of(plain, size), ends[1 - from].rs, NULL,
                                                &crypto, &peer, &why),
                             TALLY_DROP_NONE);
            /* With our muxers in it, the payload is the one that we write. */
            if (peer.muxer == NOISE_MUXER_YAMUX && said.size == NOISE_PAYLOAD_SIZE) {
                noise_payload_write(&peer.key, &crypto, ends[from].s_public, plain);
                assert_memory_equal(plain, said.data, said.size);
            }
        }
        noise_split(&ends[0], &send[0], &receive[0]);
        noise_split(&ends[1], &send[1], &receive[1]);
        json_array_foreach(part(item, "transport", NULL), j, frame)
        {
            unsigned from = strcmp(vectors_text(frame, "from"), "responder") == 0;
            struct tally_bytes said = hex_of(vectors_text(frame, "plaintext"), plain);
            struct tally_bytes wanted = hex_of(vectors_text(frame, "frame"), expected);
            noise_seal(&send[from], said, out);
            assert_true(bytes_equal(bytes_of(out, said.size + NOISE_TAG),
                                    bytes_of(wanted.data + 2, wanted.size - 2)));
            assert_true(noise_open(&receive[1 - from], bytes_of(out, said.size + NOISE_TAG), out));
            assert_memory_equal(out, plain, said.size);
        }
    }
    json_decref(root);
}

static void public_noise_vectors(void **state)
{
    json_t *root = vectors_json("noise/noise-xx-25519-chachapoly-sha256.json"), *item, *message;
    size_t i, j, size;
    json_array_foreach(part(root, "vectors", NULL), i, item)
    {
        struct noise_handshake ends[2];
        struct noise_cipher send[2], receive[2];
        for (unsigned end = 0; end < 2; end++) {
            uint8_t s[32], e[32], prologue[128];
            (void)hex_of(vectors_text(item, end ? "resp_static" : "init_static"), s);
            (void)hex_of(vectors_text(item, end ? "resp_ephemeral" : "init_ephemeral"), e);
            noise_init(
                &ends[end], end == 0, s, e,
                hex_of(vectors_text(item, end ? "resp_prologue" : "init_prologue"), prologue),
                NULL);
        }
        json_array_foreach(part(item, "messages", NULL), j, message)
        {
            /* They take turns from the first message to the last. */
            unsigned from = j % 2;
            uint8_t payload[256], wanted[512], out[512], plain[512];
            struct tally_bytes said = hex_of(vectors_text(message, "payload"), payload);
            struct tally_bytes cipher = hex_of(vectors_text(message, "ciphertext"), wanted);
            if (j < NOISE_MESSAGES) {
                size = noise_write(&ends[from], said, out);
                assert_true(bytes_equal(bytes_of(out, size), cipher));
                assert_true(noise_read(&ends[1 - from], cipher, plain, &size));
            } else {
                noise_seal(&send[from], said, out);
                size = said.size;
                assert_true(bytes_equal(bytes_of(out, size + NOISE_TAG), cipher));
                assert_true(noise_open(&receive[1 - from], cipher, plain));
            }
            assert_true(bytes_equal(bytes_of(plain, size), said));
            for (unsigned end = 0; end < 2 && j == NOISE_MESSAGES - 1; end++)
                noise_split(&ends[end], &send[end], &receive[end]);
        }
        if (json_object_get(item, "handshake_hash") != NULL) {
            uint8_t hash[32];
            (void)hex_of(vectors_text(item, "handshake_hash"), hash);
            assert_memory_equal(hash, ends[0].hash, sizeof hash);
        }
    }
    json_decref(root);
}

static void identify_and_record(void **state)
{
    json_t *root = vectors_json(GENERATED), *record = part(root, "signed_peer_record", NULL);
    static const char *const ids[] = {"/ipfs/ping/1.0.0", "/tally/none/1.0.0"};
    uint8_t seed[32], bytes[2048];
    struct tally_key key, other = {{1}};
    struct tally_crypto crypto = {seed, do_sign, do_verify, NULL, NULL};
    struct record opened;
    (void)hex_of(vectors_text(record, "seed"), seed);
    sign_key(seed, &key);
    struct tally_bytes envelope = hex_of(vectors_text(record, "envelope"), bytes);
    assert_int_equal(record_open(envelope, &key, &crypto, &opened), TALLY_DROP_NONE);
    assert_int_equal(opened.seq, 1700000000);
    assert_int_equal(record_open(envelope, &other, &crypto, &opened), TALLY_DROP_IDENTITY);
    bytes[envelope.size - 1] ^= 1;
    assert_int_equal(record_open(envelope, &key, &crypto, &opened), TALLY_DROP_FORGED);

    struct identify identify = {.agent = ""};
    struct tally_bytes message =
        hex_of(vectors_text(part(root, "identify", NULL), "message"), bytes);
    identify_begin(&identify);
    assert_int_equal(identify_read(message, &key, &crypto, ids, 2, &identify), TALLY_DROP_NONE);
    assert_string_equal(identify.agent, "example/1.2.3");
    assert_int_equal(identify.protocols, 1);
    assert_int_equal(identify.address_count, 2);
    assert_true(identify.has_observed);
    assert_int_equal(identify_read(message, &other, &crypto, ids, 2, &identify),
                     TALLY_DROP_IDENTITY);
    json_decref(root);

    root = vectors_json("libp2p/identify-from-go.json");
    (void)identify_read(hex_of(vectors_text(root, "hex"), bytes), &key, &crypto, ids, 2, &identify);
    json_decref(root);
}

static void yamux_headers(void **state)
{
    json_t *root = vectors_json(GENERATED), *item;
    size_t i;
    uint8_t bytes[YAMUX_HEADER], again[YAMUX_HEADER];
    json_array_foreach(part(root, "yamux", "headers"), i, item)
    {
        struct yamux_header header;
        (void)hex_of(vectors_text(item, "hex"), bytes);
        yamux_header_read(bytes, &header);
        yamux_header_write(&header, again);
        assert_memory_equal(bytes, again, sizeof bytes);
    }
    json_array_foreach(part(root, "yamux", "invalid"), i, item)
    {
        static struct yamux yamux;
        struct yamux_news news;
        struct tally_bytes frame = hex_of(vectors_text(item, "hex"), bytes);
        yamux_init(&yamux, false, (struct tally_now){{0}, {0}});
        assert_true(yamux_read(&yamux, yamux.now, &frame, &news));
        assert_int_equal(news.kind, YAMUX_NEWS_BROKEN);
    }
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uvarints),
        cmocka_unit_test(peer_ids),
        cmocka_unit_test(multiaddrs_of_js),
        cmocka_unit_test(multiaddrs_of_go),
        cmocka_unit_test(multistream_messages),
        cmocka_unit_test(libp2p_handshakes),
        cmocka_unit_test(public_noise_vectors),
        cmocka_unit_test(identify_and_record),
        cmocka_unit_test(yamux_headers),
    };
    vectors_or_skip();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("libp2p vectors", tests, NULL, NULL);
}
