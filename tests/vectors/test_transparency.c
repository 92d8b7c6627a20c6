/* SPDX-License-Identifier: Apache-2.0 */
/* Trees, notes, checkpoints, proofs and tiles as Go's x/mod and others made or accepted them. */
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/log/merkle.h"
#include "core/log/tile.h"
#include "support/cmocka.h"
#include "support/logs.h"
#include "vectors.h"

#include <stdlib.h>

#define GENERATED "transparency/generated/"

static size_t hex_proof(const json_t *object, struct tally_hash proof[TALLY_PROOF_MAX])
{
    const json_t *array = json_object_get(object, "proof");
    size_t count = json_array_size(array);
    assert_true(count <= TALLY_PROOF_MAX);
    for (size_t i = 0; i < count; i++)
        assert_true(hex_read(json_string_value(json_array_get(array, i)), proof[i].bytes, 32));
    return count;
}

static struct tally_hash hex_hash(const json_t *object, const char *member)
{
    struct tally_hash hash;
    assert_int_equal(vectors_hex(object, member, hash.bytes, 32), 32);
    return hash;
}

static void assert_same_proof(const struct tree_proof *ours, const struct tally_hash *theirs,
                              size_t count)
{
    assert_int_equal(ours->count, count);
    assert_memory_equal(ours->hashes, theirs, count * sizeof *theirs);
}

static void merkle_json_made_and_accepted(void **state)
{
    json_t *root = vectors_json(GENERATED "merkle.json"), *c;
    struct logs_tree *leaves = logs_tree_new(1 << 17);
    struct tally_ledger ledger = logs_tree_ledger(leaves);
    struct tree tree = {&ledger, &merkle_empty};
    struct merkle_range range = {0};
    struct tally_hash leaf, theirs[TALLY_PROOF_MAX], hash;
    struct tree_proof ours;
    size_t i;
    json_array_foreach(json_object_get(root, "roots"), i, c)
    {
        struct tally_hash wanted = hex_hash(c, "root");
        for (uint64_t size = vectors_number(c, "size"); range.size < size;) {
            logs_leaf(range.size, &leaf);
            logs_tree_add(leaves, &leaf);
            merkle_range_append(&range, &leaf);
        }
        assert_true(range.size == vectors_number(c, "size"));
        merkle_range_root(&range, &hash);
        assert_memory_equal(&hash, &wanted, sizeof hash);
        assert_true(tree_root(&tree, range.size, &hash));
        assert_memory_equal(&hash, &wanted, sizeof hash);
    }
    json_array_foreach(json_object_get(root, "inclusion"), i, c)
    {
        uint64_t index = vectors_number(c, "index"), size = vectors_number(c, "size");
        size_t count = hex_proof(c, theirs);
        leaf = hex_hash(c, "leaf_hash");
        hash = hex_hash(c, "root");
        assert_true(tally_inclusion_holds(index, size, &leaf, theirs, count, &hash));
        assert_true(tree_inclusion(&tree, index, size, &ours));
        assert_same_proof(&ours, theirs, count);
    }
    json_array_foreach(json_object_get(root, "consistency"), i, c)
    {
        uint64_t from = vectors_number(c, "size1"), to = vectors_number(c, "size2");
        size_t count = hex_proof(c, theirs);
        struct tally_hash one = hex_hash(c, "root1"), two = hex_hash(c, "root2");
        assert_true(tally_consistency_holds(from, to, theirs, count, &one, &two));
        assert_true(tree_consistency(&tree, from, to, &ours));
        assert_same_proof(&ours, theirs, count);
    }
    logs_tree_free(leaves);
    json_decref(root);
}

static void tiles_of_70000_are_ours(void **state)
{
    static const struct tile tiles[] = {
        {TILE_HASHES, 0, 0, 256},   {TILE_HASHES, 0, 1, 256},   {TILE_HASHES, 0, 270, 256},
        {TILE_HASHES, 0, 272, 256}, {TILE_HASHES, 0, 273, 112}, {TILE_HASHES, 1, 0, 256},
        {TILE_HASHES, 1, 1, 17},    {TILE_HASHES, 2, 0, 1},
    };
    struct logs_tree *leaves = logs_tree_new(70000);
    struct tally_ledger ledger = logs_tree_ledger(leaves);
    struct tally_hash leaf, hashes[TALLY_TILE_WIDTH];
    for (uint64_t i = 0; i < 70000; i++) {
        logs_leaf(i, &leaf);
        logs_tree_add(leaves, &leaf);
    }
    for (size_t i = 0; i < sizeof tiles / sizeof *tiles; i++) {
        char path[TILE_PATH_MAX], name[256] = GENERATED "tiles-70000/";
        tile_path(&tiles[i], path);
        size_t size;
        char *bytes = vectors_bytes(strcat(name, path), &size);
        assert_int_equal(tile_width(70000, tiles[i].level, tiles[i].index), tiles[i].width);
        assert_int_equal(size, tiles[i].width * 32);
        assert_true(ledger.tile(ledger.context, &merkle_empty, tiles[i].level, tiles[i].index,
                                tiles[i].width, hashes));
        assert_memory_equal(bytes, hashes, size);
        free(bytes);
    }
    logs_tree_free(leaves);
}

static void entry_bundle_of_70000_hashes_to_its_tile(void **state)
{
    size_t size, used;
    char *bytes = vectors_bytes(GENERATED "tiles-70000/tile/entries/273.p/112", &size);
    struct tally_bytes entries = bytes_of(bytes, size);
    assert_true(tally_entries_skip(entries, 112, &used));
    assert_int_equal(used, size);
    assert_false(tally_entries_skip(entries, 113, &used));
    free(bytes);
}

static void notes_of_others_verify(void **state)
{
    json_t *root = vectors_json(GENERATED "notes.json"), *c;
    size_t i;
    assert_true(json_array_size(root) >= 4);
    struct tally_crypto crypto = logs_crypto(NULL);
    json_array_foreach(root, i, c)
    {
        struct tally_note note;
        struct tally_vkey vkey;
        char text[TALLY_VKEY_MAX];
        struct tally_mark mark;
        assert_true(tally_vkey_read(vectors_text_bytes(c, "vkey"), &vkey));
        tally_vkey_write(&vkey, text);
        assert_string_equal(text, vectors_text(c, "vkey"));
        assert_int_equal(tally_note_read(vectors_text_bytes(c, "note"), &note), TALLY_DROP_NONE);
        assert_int_equal(tally_note_verify(&note, &vkey, 1, &crypto, &mark), TALLY_DROP_NONE);
        assert_true(mark.good);
        vkey.key.bytes[5] ^= 1;
        assert_int_equal(tally_note_verify(&note, &vkey, 1, &crypto, &mark), TALLY_DROP_FORGED);
        vkey.id[0] ^= 1;
        assert_int_equal(tally_note_verify(&note, &vkey, 1, &crypto, &mark), TALLY_DROP_KEY);
        if (!json_object_get(c, "skey"))
            continue;
        uint8_t seed[32];
        char secret[TALLY_SKEY_MAX];
        assert_true(tally_skey_read(vectors_text_bytes(c, "skey"), &vkey, seed));
        tally_skey_write(&vkey, seed, secret);
        assert_string_equal(secret, vectors_text(c, "skey"));
        tally_vkey_write(&vkey, text);
        assert_string_equal(text, vectors_text(c, "vkey"));
    }
    json_decref(root);
}

/* Checkpoint, vkey, origin and cosignatures come out byte for byte. */
static void didkey_origin_is_rebuilt(void **state)
{
    json_t *root = vectors_json(GENERATED "didkey-origin.json");
    const json_t *log = json_object_get(root, "log");
    uint8_t seed[32];
    struct tally_key key, again;
    struct tally_vkey vkey;
    struct tally_hash hash, wanted = hex_hash(root, "origin_sha256");
    struct tally_bytes name_space;
    char origin[TALLY_ORIGIN_MAX + 1], text[TALLY_VKEY_MAX];
    vectors_hex(root, "issuer_seed", seed, 32);
    vectors_hex(root, "issuer_public", key.bytes, 32);
    size_t size = tally_origin_write(&key, vectors_text_bytes(root, "namespace"), origin);
    assert_string_equal(origin, vectors_text(root, "origin"));
    assert_true(tally_origin_read(bytes_of(origin, size), &again, &name_space));
    assert_memory_equal(&again, &key, sizeof key);
    tally_origin_hash(bytes_of(origin, size), &hash);
    assert_memory_equal(&hash, &wanted, sizeof hash);
    assert_true(tally_vkey_of_origin(&vkey, bytes_of(origin, size)));
    tally_vkey_write(&vkey, text);
    assert_string_equal(text, vectors_text(log, "vkey"));

    struct tally_crypto crypto = logs_crypto(seed);
    struct tally_bytes wanted_note = vectors_text_bytes(root, "checkpoint");
    struct tally_checkpoint checkpoint;
    assert_int_equal(tally_checkpoint_open(wanted_note, NULL, &crypto, &checkpoint),
                     TALLY_DROP_NONE);
    assert_int_equal(checkpoint.size, 13);
    uint8_t note[TALLY_CHECKPOINT_MAX], whole[4096];
    size = tally_checkpoint_sign(&checkpoint, &vkey, &crypto, note);
    assert_int_equal(size, 272);
    assert_int_equal(size, vectors_number(root, "checkpoint_one_signature_bytes"));
    assert_memory_equal(note, wanted_note.data, size);
    size_t merged = tally_note_merge(bytes_of(note, size), wanted_note, whole, sizeof whole);
    assert_int_equal(merged, wanted_note.size);
    assert_memory_equal(whole, wanted_note.data, merged);

    const json_t *witness;
    size_t i;
    json_array_foreach(json_object_get(root, "witnesses"), i, witness)
    {
        uint8_t line[TALLY_COSIGNATURE_MAX];
        struct tally_vkey cosigner;
        vectors_hex(witness, "seed", seed, 32);
        assert_true(tally_vkey_read(vectors_text_bytes(witness, "vkey"), &cosigner));
        size = tally_cosignature_write(vectors_text_bytes(root, "checkpoint_text"), &cosigner,
                                       vectors_number(witness, "time"), &crypto, line);
        struct tally_bytes wanted_line = vectors_text_bytes(witness, "line");
        assert_int_equal(size, wanted_line.size);
        assert_memory_equal(line, wanted_line.data, size);
    }
    json_decref(root);
}

static void proof_files_are_checked_and_rewritten(void **state)
{
    json_t *did = vectors_json(GENERATED "didkey-origin.json");
    json_t *domain = vectors_json(GENERATED "witness.json");
    size_t size;
    char *file = vectors_bytes(GENERATED "leaf7.tlog-proof", &size);
    struct tally_bytes bytes = bytes_of(file, size);
    struct tally_crypto crypto = logs_crypto(NULL);
    struct tally_vkey keys[3];
    struct tally_mark marks[3];
    struct tally_proof proof;
    struct tally_checkpoint checkpoint;
    struct tally_hash leaf;
    uint8_t again[4096];
    logs_leaf(7, &leaf);
    const json_t *witnesses = json_object_get(domain, "witnesses");
    assert_true(
        tally_vkey_read(vectors_text_bytes(json_object_get(domain, "log"), "Vkey"), &keys[0]));
    for (size_t i = 0; i < 2; i++)
        assert_true(tally_vkey_read(vectors_text_bytes(json_array_get(witnesses, i), "Vkey"),
                                    &keys[1 + i]));
    assert_int_equal(tally_proof_check(bytes, &leaf, keys, 3, &crypto, &proof, &checkpoint, marks),
                     TALLY_PROOF_GOOD);
    assert_true(marks[0].good && marks[1].good && marks[2].good);
    assert_int_equal(marks[1].time_s, 1790000030);
    assert_int_equal(tally_proof_write(&proof, again, sizeof again), size);
    assert_memory_equal(again, file, size);
    /* A domain origin says nothing about the key. */
    assert_int_equal(tally_proof_check(bytes, &leaf, NULL, 0, &crypto, &proof, &checkpoint, NULL),
                     TALLY_PROOF_ORIGIN);

    bytes = vectors_text_bytes(did, "tlog_proof_leaf7");
    assert_int_equal(tally_proof_check(bytes, &leaf, NULL, 0, &crypto, &proof, &checkpoint, NULL),
                     TALLY_PROOF_GOOD);
    assert_int_equal(tally_proof_write(&proof, again, sizeof again), bytes.size);
    assert_memory_equal(again, bytes.data, bytes.size);
    logs_leaf(8, &leaf);
    assert_int_equal(tally_proof_check(bytes, &leaf, NULL, 0, &crypto, &proof, &checkpoint, NULL),
                     TALLY_PROOF_PATH);
    free(file);
    json_decref(did);
    json_decref(domain);
}

static void did_documents(const char *name, const char *wanted)
{
    json_t *root = vectors_json(name), *document;
    const char *did, *kind;
    json_object_foreach(root, did, document)
    {
        struct tally_key key;
        char again[TALLY_DID_SIZE + 1];
        if (strncmp(did, "did:key:", 8) != 0)
            continue;
        bool good = tally_did_read(bytes_text(did), &key, &kind);
        assert_int_equal(good, strcmp(wanted, "Ed25519") == 0);
        assert_non_null(strstr(kind, wanted));
        if (!good)
            continue;
        tally_did_write(&key, again);
        assert_string_equal(again, did);
        /* The document's X25519 key is recognised, and is no issuer. */
        const char *other = vectors_text(json_object_get(document, "keyAgreementKeyPair"), "id");
        char x25519[128] = "did:key:";
        assert_false(
            tally_did_read(bytes_text(strcat(x25519, strchr(other, '#') + 1)), &key, &kind));
        assert_string_equal(kind, "X25519");
    }
    json_decref(root);
}

static void did_keys_are_told_apart(void **state)
{
    did_documents("transparency/did-key/ed25519-x25519.json", "Ed25519");
    did_documents("transparency/did-key/secp256k1.json", "secp256k1");
    did_documents("transparency/did-key/nist-curves.json", "P-");
    did_documents("transparency/did-key/rsa.json", "RSA");
    did_documents("transparency/did-key/bls12381.json", "BLS");
}

static void derived_origin_and_hash(void **state)
{
    json_t *root = vectors_json("protocols/tally-derived.json"), *identity;
    const json_t *head = json_object_get(root, "head");
    struct tally_hash hash, wanted = hex_hash(head, "origin_hash");
    tally_origin_hash(vectors_text_bytes(head, "origin"), &hash);
    assert_memory_equal(&hash, &wanted, sizeof hash);
    size_t i;
    json_array_foreach(json_object_get(root, "identities"), i, identity)
    {
        struct tally_key key;
        char did[TALLY_DID_SIZE + 1];
        vectors_hex(identity, "public_key", key.bytes, 32);
        tally_did_write(&key, did);
        assert_string_equal(did, vectors_text(identity, "did"));
    }
    json_decref(root);
}

/* An ML-DSA line is of a key we do not know: kept and forwarded, not understood. */
static void unknown_key_types_are_kept(void **state)
{
    json_t *root = vectors_json(GENERATED "mldsa44-cosignature.json");
    struct tally_bytes line = vectors_text_bytes(root, "signature_line");
    size_t size;
    char *checkpoint = vectors_bytes(GENERATED "checkpoint-13.txt", &size);
    uint8_t note[8192], merged[8192];
    memcpy(note, checkpoint, size);
    memcpy(note + size, line.data, line.size);
    struct tally_bytes with = bytes_of(note, size + line.size),
                       without = bytes_of(checkpoint, size);
    struct tally_note parsed;
    struct tally_vkey vkey;
    assert_int_equal(tally_note_read(with, &parsed), TALLY_DROP_NONE);
    assert_int_equal(parsed.count, 4);
    assert_false(tally_vkey_read(vectors_text_bytes(root, "vkey"), &vkey));
    assert_int_equal(tally_note_merge(without, with, merged, sizeof merged), with.size);
    assert_memory_equal(merged, note, with.size);
    assert_int_equal(tally_note_merge(with, without, merged, sizeof merged), with.size);
    assert_int_equal(tally_note_merge(without, with, merged, with.size - 1), 0);
    free(checkpoint);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merkle_json_made_and_accepted),
        cmocka_unit_test(tiles_of_70000_are_ours),
        cmocka_unit_test(entry_bundle_of_70000_hashes_to_its_tile),
        cmocka_unit_test(notes_of_others_verify),
        cmocka_unit_test(didkey_origin_is_rebuilt),
        cmocka_unit_test(proof_files_are_checked_and_rewritten),
        cmocka_unit_test(did_keys_are_told_apart),
        cmocka_unit_test(derived_origin_and_hash),
        cmocka_unit_test(unknown_key_types_are_kept),
    };
    vectors_or_skip();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
