/* SPDX-License-Identifier: Apache-2.0 */
/* The values that the protocol's text defines, computed by a separate program. */
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/crypto/sign.h"
#include "core/wire/datagram.h"
#include "core/wire/derive.h"

#include "support/cmocka.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *root;

/* The string at «link.cookie». */
static const char *text_at(const char *path)
{
    json_t *value = root;
    char copy[64], *rest = copy;
    snprintf(copy, sizeof copy, "%s", path);
    for (char *name; (name = strsep(&rest, ".")) != NULL;)
        value = json_is_array(value) ? json_array_get(value, strtoul(name, NULL, 10))
                                     : json_object_get(value, name);
    const char *text = json_string_value(value);
    if (text == NULL)
        fail_msg("the vectors have no %s", path);
    return text;
}

static struct tally_bytes hex_at(const char *path, uint8_t *bytes, size_t capacity)
{
    const char *text = text_at(path);
    size_t size = strlen(text) / 2;
    assert_true(size <= capacity && hex_read(text, bytes, size));
    return bytes_of(bytes, size);
}

static void same(const char *path, const void *bytes, size_t size)
{
    uint8_t expected[2048];
    struct tally_bytes value = hex_at(path, expected, sizeof expected);
    assert_int_equal(value.size, size);
    assert_memory_equal(value.data, bytes, size);
}

static void key_at(const char *path, struct tally_key *key)
{
    assert_int_equal(hex_at(path, key->bytes, 32).size, 32);
}

static void names_are_derived(void **state)
{
    uint8_t network[8], tag[8];
    struct tally_hash origin, head_root, id;
    derive_network_tag(bytes_text(text_at("network.name")), network);
    same("network.tag", network, 8);
    derive_namespace_tag(network, bytes_text(text_at("namespace.name")), tag);
    same("namespace.tag", tag, 8);
    hex_at("head.origin_hash", origin.bytes, 32);
    hex_at("head.root", head_root.bytes, 32);
    derive_head_id(&origin, 70000, &head_root, &id);
    same("head.head_id", id.bytes, 32);
    same("head.sid", id.bytes, 8);
    uint32_t day =
        (uint32_t)json_integer_value(json_object_get(json_object_get(root, "topic"), "day"));
    struct tally_hash topic;
    derive_topic(network, bytes_text(text_at("topic.namespace")), day, &topic);
    same("topic.topic", topic.bytes, 32);
}

static void link_keys_are_derived(void **state)
{
    struct tally_key a, b;
    uint8_t shared[32], network[8], nonce_i[16], nonce_r[16], jar[16], from[18], out[32];
    struct tally_address address;
    key_at("identities.0.public_key", &a);
    key_at("identities.1.public_key", &b);
    hex_at("link.x25519", shared, 32);
    hex_at("network.tag", network, 8);
    hex_at("link.initiator_nonce", nonce_i, 16);
    hex_at("link.responder_nonce", nonce_r, 16);
    hex_at("link.cookie_key", jar, 16);
    hex_at("link.address_of_a", from, 18);
    memcpy(address.ip, from, 16);
    address.port = be16_read(from + 16);
    derive_cookie(jar, &address, &a, nonce_i, out);
    same("link.cookie", out, 16);
    uint8_t cookie[16];
    memcpy(cookie, out, 16);
    derive_hello_key(shared, network, &a, &b, nonce_i, cookie, out);
    same("link.hello_key", out, 32);
    derive_link_key(shared, network, &a, &b, nonce_i, nonce_r, out);
    same("link.key_a_to_b", out, 32);
    derive_link_key(shared, network, &b, &a, nonce_i, nonce_r, out);
    same("link.key_b_to_a", out, 32);
}

static void sign_as_a(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    uint8_t seed[32];
    hex_at("identities.0.seed", seed, 32);
    sign_with_seed(seed, message, signature);
}

static bool verify(void *context, const struct tally_key *key, struct tally_bytes message,
                   const struct tally_signature *signature)
{
    return sign_verify(key, message, signature);
}

static const struct tally_crypto crypto = {.sign = sign_as_a, .verify = verify};

/* Writes the datagram of that name from a, tagged for b. */
static size_t written(const char *body_path, enum tally_kind kind, uint64_t counter, uint8_t *bytes)
{
    uint8_t body[TALLY_DATAGRAM_MAX], key[32];
    size_t tag_at;
    struct datagram_draft draft = {
        .kind = kind,
        .epoch = 1763700000,
        .counter = counter,
        .tagged = true,
        .body = hex_at(body_path, body, sizeof body),
    };
    key_at("identities.0.public_key", &draft.sender);
    size_t size = datagram_write(&draft, &crypto, bytes, TALLY_DATAGRAM_MAX, &tag_at);
    hex_at("link.key_a_to_b", key, 32);
    datagram_tag(&crypto, key, bytes, size, tag_at);
    return size;
}

static void a_probe_is_tagged_only(void **state)
{
    uint8_t bytes[TALLY_DATAGRAM_MAX], key[32];
    size_t size = written("probe.body", TALLY_KIND_PROBE, 41, bytes);
    same("probe.datagram", bytes, size);
    struct datagram datagram;
    assert_int_equal(datagram_read(bytes_of(bytes, size), &datagram), TALLY_DROP_NONE);
    hex_at("link.key_a_to_b", key, 32);
    assert_true(datagram_tag_good(&datagram, &crypto, key));
    same("probe.tag", datagram.tag, 16);
    same("probe.body", datagram.body.data, datagram.body.size);
    assert_false(datagram_verify(&datagram, &crypto));
    key[0] ^= 1;
    assert_false(datagram_tag_good(&datagram, &crypto, key));
}

static void a_heartbeat_is_signed_and_makes_a_record(void **state)
{
    uint8_t bytes[TALLY_DATAGRAM_MAX], record[TALLY_RECORD_MAX], id[16];
    size_t size = written("heartbeat.body", TALLY_KIND_HEARTBEAT, 42, bytes);
    same("heartbeat.datagram", bytes, size);
    struct datagram datagram, again;
    assert_int_equal(datagram_read(bytes_of(bytes, size), &datagram), TALLY_DROP_NONE);
    assert_true(datagram_verify(&datagram, &crypto));
    struct tally_bytes view = datagram_record(&datagram, record, sizeof record);
    same("heartbeat.record", view.data, view.size);
    datagram_record_id(view, id);
    same("heartbeat.record_id", id, 16);
    assert_int_equal(datagram_read_record(view, &again), TALLY_DROP_NONE);
    assert_true(datagram_verify(&again, &crypto));
    record[20] ^= 1; /* Another sender. */
    assert_int_equal(datagram_read_record(view, &again), TALLY_DROP_NONE);
    assert_false(datagram_verify(&again, &crypto));
}

static void the_heartbeat_body_reads(void **state)
{
    uint8_t body[256], again[256];
    struct tally_heartbeat heartbeat;
    struct wire_reader r;
    struct wire_writer w;
    wire_reader_init(&r, hex_at("heartbeat.body", body, sizeof body));
    tally_heartbeat_read(&r, &heartbeat);
    assert_true(wire_reader_done(&r));
    assert_int_equal(heartbeat.interval_ms, 5000);
    assert_int_equal(heartbeat.logs_count, 1);
    assert_int_equal(heartbeat.logs[0].size, 70000);
    same("namespace.tag", heartbeat.sets[0].name_space, 8);
    assert_false(heartbeat.has_audit);
    wire_writer_init(&w, again, sizeof again);
    tally_heartbeat_write(&heartbeat, &w);
    same("heartbeat.body", wire_writer_bytes(&w).data, wire_writer_bytes(&w).size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_derived),
        cmocka_unit_test(link_keys_are_derived),
        cmocka_unit_test(a_probe_is_tagged_only),
        cmocka_unit_test(a_heartbeat_is_signed_and_makes_a_record),
        cmocka_unit_test(the_heartbeat_body_reads),
    };
    char path[4096];
    snprintf(path, sizeof path, "%s/vectors/protocols/tally-derived.json", getenv("TALLY_SHARED"));
    root = json_load_file(path, 0, NULL);
    if (root == NULL) {
        printf("1..0 # SKIP no %s\n", path);
        return 0;
    }
    cmocka_set_message_output(CM_OUTPUT_TAP);
    int failed = cmocka_run_group_tests_name("wire", tests, NULL, NULL);
    json_decref(root);
    return failed;
}
