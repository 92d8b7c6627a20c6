/* SPDX-License-Identifier: Apache-2.0 */
/* Keccak, RLP and tries by themselves: known values, and what is not of the one form. Real blocks
   are in tests/vectors/test_anchor.c. */
#include "core/anchor/evm.h"
#include "core/anchor/keccak.h"
#include "core/anchor/rlp.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "support/cmocka.h"

static void keccak_is_ethereums(void **state)
{
    static uint8_t bytes[300];
    static const struct {
        const char *text, *hex;
    } cases[] = {
        {"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"},
        {"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"},
        {"Transfer(address,address,uint256)",
         "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"},
    };
    struct tally_hash hash, again;
    char hex[65];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        keccak256(bytes_text(cases[i].text), &hash);
        hex_write(bytes_of(hash.bytes, 32), hex);
        assert_string_equal(hex, cases[i].hex);
    }
    /* Around the ends of blocks of 136 no two are alike. */
    for (size_t size = 1; size < sizeof bytes; size++) {
        keccak256(bytes_of(bytes, size - 1), &hash);
        keccak256(bytes_of(bytes, size), &again);
        assert_false(hash_equal(&hash, &again));
    }
}

static void rlp_has_one_form(void **state)
{
    static const struct {
        const char *hex;
        bool good;
    } cases[] = {
        {"", false},
        {"00", true},
        {"7f", true},
        {"80", true},
        {"8180", true},
        {"8100", false}, /* A byte below 0x80 is its own encoding. */
        {"817f", false},
        {"83646f67", true},
        {"83646f", false},
        {"83646f6700", false}, /* Bytes after the end. */
        {"c0", true},
        {"c88363617483646f67", true},
        {"c98363617483646f67", false},
        {"c78363617483646f67", false},
        {"b800", false}, /* A length of 0 in two bytes. */
        {"b801ff", false},
        {"b90000", false},
        {"b90038", false},
        {"bfffffffffffffffff", false},
        {"ffffffffffffffffff", false},
        {"f800", false},
        {"c1c1", false},
        {"c1c0", true},
        {"c8c7c6c5c4c3c2c1c0", true}, /* Eight below the first: as deep as it goes. */
        {"c9c8c7c6c5c4c3c2c1c0", false},
        {"c28100", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[64];
        size_t size = strlen(cases[i].hex) / 2;
        assert_true(hex_read(cases[i].hex, bytes, size));
        if (rlp_good(bytes_of(bytes, size)) != cases[i].good)
            fail_msg("%s", cases[i].hex);
    }
}

static void numbers_are_written_as_they_are_read(void **state)
{
    static const uint64_t numbers[] = {1, 0x7f, 0x80, 0xff, 0x100, 0x123456, UINT64_MAX};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        uint8_t bytes[9];
        struct rlp_item item;
        uint64_t back;
        struct tally_bytes rest = bytes_of(bytes, rlp_write_number(numbers[i], bytes));
        assert_true(rlp_take(&rest, &item));
        assert_int_equal(rest.size, 0);
        assert_true(rlp_number(&item, &back));
        assert_int_equal(back, numbers[i]);
    }
    uint8_t zero[9];
    assert_int_equal(rlp_write_number(0, zero), 1);
    assert_int_equal(zero[0], 0x80); /* Nothing, not a byte of zero. */
    struct rlp_item leading = {.body = bytes_text("\0\1")};
    leading.body.size = 2;
    uint64_t number;
    assert_false(rlp_number(&leading, &number));
}

/* A trie of one value: its root is a leaf with the whole key. */
static void a_trie_of_one(void **state)
{
    uint8_t node[] = {0xc8, 0x82, 0x20, 0x80, 0x84, 'd', 'a', 't', 'a'};
    struct trie_proof proof = {.count = 1, .nodes = {bytes_of(node, sizeof node)}};
    struct tally_hash root;
    struct tally_bytes value;
    keccak256(proof.nodes[0], &root);
    assert_true(trie_prove(&root, 0, &proof, &value)); /* The key of 0 is 80. */
    assert_true(bytes_equal(value, bytes_text("data")));
    assert_false(trie_prove(&root, 1, &proof, &value));
    assert_false(trie_prove(&root, 128, &proof, &value)); /* 8180: longer, it begins otherwise. */
    proof.nodes[1] = proof.nodes[0];
    proof.count = 2; /* A node that nobody needs. */
    assert_false(trie_prove(&root, 0, &proof, &value));
    proof.count = 0;
    assert_false(trie_prove(&root, 0, &proof, &value));
    proof.count = 1;
    for (size_t bit = 0; bit < 8 * sizeof node; bit++) {
        node[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(trie_prove(&root, 0, &proof, &value));
        /* Also where the root is that of the changed node, it proves nothing else of this key. */
        struct tally_hash other;
        keccak256(proof.nodes[0], &other);
        if (trie_prove(&other, 0, &proof, &value))
            assert_true(bit >= 40);
        node[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

/* An extension of nothing into itself would go on for ever. */
static void a_walk_that_gets_nowhere_ends(void **state)
{
    /* [00, [00, [00, ... ]]]: even, no nibble, not a leaf. */
    static const uint8_t deep[] = {0xc6, 0x00, 0xc4, 0x00, 0xc2, 0x00, 0x80};
    struct trie_proof proof = {.count = 1, .nodes = {bytes_of(deep, sizeof deep)}};
    struct tally_hash root;
    struct tally_bytes value;
    keccak256(proof.nodes[0], &root);
    assert_false(trie_prove(&root, 0, &proof, &value));
}

static void a_place_is_judged_by_what_the_backend_says(void **state)
{
    const struct tally_hash block = {{1}}, other = {{2}};
    const struct evm_policy depth = {.chain = 5, .wait = EVM_WAIT_DEPTH, .depth = 12},
                            final = {.chain = 5, .wait = EVM_WAIT_FINAL},
                            either = {.chain = 5, .wait = EVM_WAIT_EITHER, .depth = 12};
    const struct {
        const struct evm_policy *policy;
        struct evm_view view;
        enum tally_anchor_reason reason;
    } cases[] = {
        {&depth, {5, 112, true, 0, 0, block}, TALLY_ANCHOR_IS_TIP_BELOW},
        {&depth, {5, 112, false, true, 0, block}, TALLY_ANCHOR_IS_VERIFIED},
        {&depth, {5, 111, false, true, 0, block}, TALLY_ANCHOR_IS_DEPTH},
        {&depth, {4, 112, false, true, 0, block}, TALLY_ANCHOR_IS_OTHER_CHAIN},
        {&depth, {5, 112, false, true, 0, other}, TALLY_ANCHOR_IS_REORGED},
        {&depth, {5, 99, false, true, 0, block}, TALLY_ANCHOR_IS_TIP_BELOW},
        {&depth, {5, 112, false, false, 0, block}, TALLY_ANCHOR_IS_UNKNOWN_BLOCK},
        {&final, {5, 1000, false, true, 0, block}, TALLY_ANCHOR_IS_NOT_FINAL},
        {&final, {5, 1000, true, true, 99, block}, TALLY_ANCHOR_IS_NOT_FINAL},
        {&final, {5, 100, true, true, 100, block}, TALLY_ANCHOR_IS_VERIFIED},
        {&either, {5, 112, false, true, 0, block}, TALLY_ANCHOR_IS_VERIFIED},
        {&either, {5, 112, true, true, 99, block}, TALLY_ANCHOR_IS_NOT_FINAL},
    };
    for (size_t i = 1; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(evm_place_check(&cases[i].view, cases[i].policy, &block, 100),
                         cases[i].reason);
}

/* The call, byte by byte (12.4 rule 3). */
static void a_call_is_of_the_contract_with_the_root(void **state)
{
    uint8_t data[164] = {0x13, 0x1b, 0x5b, 0x07}, to[EVM_ADDRESS] = {9};
    struct evm_wanted wanted = {.contract = {9}, .root = {{7}}};
    struct evm_call call = {bytes_of(to, sizeof to), bytes_of(data, sizeof data)};
    data[4] = 7;
    assert_true(evm_call_anchors(&call, &wanted));
    call.data.size--;
    assert_false(evm_call_anchors(&call, &wanted));
    call.data.size++;
    for (size_t at = 0; at < 36; at++) {
        data[at] ^= 1;
        assert_false(evm_call_anchors(&call, &wanted));
        data[at] ^= 1;
    }
    to[19] = 1;
    assert_false(evm_call_anchors(&call, &wanted));
    call.to = bytes_of(NULL, 0); /* It makes a contract. */
    assert_false(evm_call_anchors(&call, &wanted));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keccak_is_ethereums),
        cmocka_unit_test(rlp_has_one_form),
        cmocka_unit_test(numbers_are_written_as_they_are_read),
        cmocka_unit_test(a_trie_of_one),
        cmocka_unit_test(a_walk_that_gets_nowhere_ends),
        cmocka_unit_test(a_place_is_judged_by_what_the_backend_says),
        cmocka_unit_test(a_call_is_of_the_contract_with_the_root),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
