/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two proofs, chained: what a good file is, and each way in which one of its five parts is not what
 * the others need. With TALLY_SEEDS=FOLDER the good ones are left there, for the fuzzers.
 */
#include "support/cmocka.h"

#include "core/federation/cross.h"
#include "core/federation/words.h"
#include "revokes.h"
#include "support/seeds.h"

/* One receipt, the only one of a log, and its proof. */
struct leaf {
    uint8_t envelope[TALLY_ENVELOPE_MAX], proof[CROSS_PROOF_MAX], note[TALLY_CHECKPOINT_MAX];
    size_t envelope_size, proof_size, note_size;
    struct tally_hash root;
};

/* What a file is made of; 0 and false: as it should be. */
struct recipe {
    char issuer, log;                      /* Who signs the receipt; whose log it is proved in. */
    char anchorer;                         /* Who states the cross-anchor. */
    uint64_t sequence;                     /* Of the receipt, proved at 0. */
    uint64_t anchor_sequence;              /* The same of the statement. */
    unsigned size;                         /* That the statement names; 1. */
    bool other_root;                       /* The statement names another root, */
    bool other_note;                       /* ... or shows another note. */
    bool admits;                           /* It is another statement. */
    bool other_body;                       /* Not the one whose hash was signed. */
    bool elsewhere;                        /* It is in another namespace than federation. */
    enum { NONE, RECEIPT, ANCHOR } forged; /* Its signature is another. */
    enum { PROOFS, FIRST, SECOND } forked; /* Its proof's note is over another root. */
};

static struct leaf receipt, anchor;
static uint8_t body[CROSS_BODY_MAX], bytes[CROSS_MAX];
static size_t body_size;

static void make(struct leaf *leaf, char signer, char log, const char *name_space, const char *type,
                 struct tally_bytes said, uint64_t sequence)
{
    struct holder by = holder_of(signer), whose = holder_of(log);
    const struct tally_crypto crypto = holder_crypto(&by), seals = holder_crypto(&whose);
    struct tally_receipt made = {.issuer = by.key,
                                 .name_space = bytes_text(name_space),
                                 .type = bytes_text(type),
                                 .profile = bytes_text(""),
                                 .sequence = sequence,
                                 .time = {INT64_C(1763700000000000)},
                                 .body_size = (uint32_t)said.size};
    char origin[TALLY_ORIGIN_MAX + 1];
    struct tally_vkey vkey;
    hash_sha256(said, &made.body_hash);
    leaf->envelope_size = tally_receipt_write(&made, &crypto, leaf->envelope);
    assert_true(leaf->envelope_size > 0);
    tally_receipt_leaf(bytes_of(leaf->envelope, leaf->envelope_size), &leaf->root);
    size_t size = tally_origin_write(&whose.key, bytes_text(name_space), origin);
    const struct tally_checkpoint checkpoint = {
        .origin = bytes_of(origin, size), .size = 1, .root = leaf->root};
    assert_true(tally_vkey_of_origin(&vkey, checkpoint.origin));
    leaf->note_size = tally_checkpoint_sign(&checkpoint, &vkey, &seals, leaf->note);
}

static void prove(struct leaf *leaf, bool forked)
{
    const struct tally_proof proof = {.note = bytes_of(leaf->note, leaf->note_size)};
    if (forked)
        leaf->note[leaf->note_size - 8] ^= 1;
    leaf->proof_size = tally_proof_write(&proof, leaf->proof, sizeof leaf->proof);
    assert_true(leaf->proof_size > 0);
}

static struct tally_bytes said_by(const struct recipe *recipe, char log)
{
    struct fed_statement said = {.kind = FED_CROSS_ANCHOR};
    static uint8_t note[TALLY_CHECKPOINT_MAX];
    memcpy(note, receipt.note, receipt.note_size);
    if (recipe->other_note)
        note[sizeof "did:key:" + 2] ^= 1;
    said.cross_anchor.party = holder_of(log).key;
    said.cross_anchor.size = recipe->size > 0 ? recipe->size : 1;
    said.cross_anchor.root = receipt.root;
    said.cross_anchor.root.bytes[3] ^= recipe->other_root;
    said.cross_anchor.note = bytes_of(note, receipt.note_size);
    if (recipe->admits)
        said = (struct fed_statement){.kind = FED_ADMIT,
                                      .party = holder_of(log).key,
                                      .level = TALLY_TRUST_VERIFY,
                                      .has_roles = true};
    body_size = fed_write(&said, body);
    assert_true(body_size > 0);
    return bytes_of(body, body_size);
}

static size_t bake(const struct recipe *recipe)
{
    const char issuer = recipe->issuer != 0 ? recipe->issuer : 'a';
    const char log = recipe->log != 0 ? recipe->log : issuer;
    const char anchorer = recipe->anchorer != 0 ? recipe->anchorer : 'b';
    const char *type = fed_type(recipe->admits ? FED_ADMIT : FED_CROSS_ANCHOR);
    make(&receipt, issuer, log, "audit", "t", bytes_text("what happened"), recipe->sequence);
    make(&anchor, anchorer, anchorer, recipe->elsewhere ? "audit" : TALLY_STATEMENTS, type,
         said_by(recipe, log), recipe->anchor_sequence);
    prove(&receipt, recipe->forked == FIRST);
    prove(&anchor, recipe->forked == SECOND);
    receipt.envelope[receipt.envelope_size - 1] ^= recipe->forged == RECEIPT;
    anchor.envelope[anchor.envelope_size - 1] ^= recipe->forged == ANCHOR;
    body[body_size - 1] ^= recipe->other_body;
    const struct cross cross = {.receipt = bytes_of(receipt.envelope, receipt.envelope_size),
                                .proof = bytes_of(receipt.proof, receipt.proof_size),
                                .anchor = bytes_of(anchor.envelope, anchor.envelope_size),
                                .body = bytes_of(body, body_size),
                                .anchor_proof = bytes_of(anchor.proof, anchor.proof_size)};
    size_t size = cross_write(&cross, bytes);
    assert_true(size > 0);
    return size;
}

static enum cross_verdict check(size_t size)
{
    static struct cross_result result;
    struct holder nobody = holder_of('n');
    const struct tally_crypto crypto = holder_crypto(&nobody);
    return cross_check(bytes_of(bytes, size), &crypto, &result);
}

static void each_part_has_its_verdict(void **state)
{
    static const struct {
        struct recipe recipe;
        enum cross_verdict verdict;
    } rows[] = {
        {{0}, CROSS_GOOD},
        {{.forged = RECEIPT}, CROSS_RECEIPT},
        {{.forked = FIRST}, CROSS_PROOF},
        {{.forged = ANCHOR}, CROSS_ANCHOR},
        {{.other_body = true}, CROSS_BODY},
        {{.admits = true}, CROSS_BODY},
        {{.elsewhere = true}, CROSS_BODY},
        {{.size = 2}, CROSS_OTHER},
        {{.other_root = true}, CROSS_OTHER},
        {{.other_note = true}, CROSS_OTHER},
        {{.anchorer = 'a'}, CROSS_ALONE},
        {{.forked = SECOND}, CROSS_ANCHOR_PROOF},
        {{.sequence = 1}, CROSS_PLACE},
        {{.anchor_sequence = 7}, CROSS_PLACE},
        {{.issuer = 'c', .log = 'a'},
         CROSS_OTHER}, /* Of c, in a's log: a's party is not its issuer. */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t size = bake(&rows[i].recipe);
        assert_int_equal(check(size), rows[i].verdict);
        if (rows[i].verdict == CROSS_GOOD)
            seed_keep("cross", bytes_of(bytes, size));
    }
}

/* Whatever is cut off, put behind, or put in: no file. */
static void there_is_one_form(void **state)
{
    const struct recipe recipe = {0};
    const size_t size = bake(&recipe);
    (void)state;
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(check(cut), CROSS_FORM);
    bytes[size] = '\n';
    assert_int_equal(check(size + 1), CROSS_FORM);
    /* Nor does any byte count for nothing. */
    for (size_t at = 0; at < size; at++) {
        bytes[at] ^= 1;
        assert_int_not_equal(check(size), CROSS_GOOD);
        bytes[at] ^= 1;
    }
    assert_int_equal(check(size), CROSS_GOOD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_part_has_its_verdict),
        cmocka_unit_test(there_is_one_form),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
