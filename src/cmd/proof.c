/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally proof export, check. A C2SP tlog-proof does not hold the entry it is about. Ours carry it
 * in the file's `extra` line, in base64: readers of others pass over that line, which proves
 * nothing by itself; tally proof check hashes it, and the path and the checkpoint do the rest.
 */
#include "cmd/print.h"
#include "cmd/shelf.h"
#include "cmd/verbs.h"
#include "core/address/peer_id.h"
#include "core/base/base64.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/log/tree.h"
#include "host/config/keys.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
    EXTRA_MAX = BASE64_SIZE(TALLY_ENVELOPE_MAX) + 8,
    FILE_MAX = TALLY_PROOF_HEAD_MAX + EXTRA_MAX + TALLY_NOTE_MAX,
};

static const char extra[] = "extra ";

/* ---- Export ---- */

/* Puts the extra line behind the first one. Returns the new size. */
static size_t add_extra(char *file, size_t size, struct tally_bytes envelope)
{
    char *second = (char *)memchr(file, '\n', size) + 1;
    size_t line = strlen(extra) + BASE64_SIZE(envelope.size) + 1;
    memmove(second + line, second, size - (size_t)(second - file));
    memcpy(second, extra, strlen(extra));
    base64_write(envelope, second + strlen(extra));
    second[line - 1] = '\n';
    return size + line;
}

static bool write_envelope(struct call *call, const char *path, struct tally_bytes envelope,
                           enum exit_code *code)
{
    FILE *file = fopen(path, "wb");
    bool good = file != NULL && fwrite(envelope.data, 1, envelope.size, file) == envelope.size;
    int why = errno;
    if (file != NULL && fclose(file) != 0)
        good = false;
    if (good)
        return true;
    (void)complain(&call->complaint, complaint_of_errno(why), "%s cannot be written: %s", path,
                   strerror(why));
    *code = call_fail(call, path);
    return false;
}

/* The proof of one receipt under the stored checkpoint, whole, into file. */
static size_t make_proof(struct shelf *shelf, const struct shelf_log *log, uint64_t index,
                         const struct shelf_receipt *receipt, char *file)
{
    static uint8_t note[TALLY_NOTE_MAX];
    const struct tally_crypto crypto = keys_verifier();
    const struct tally_ledger *ledger = &shelf->ledger;
    const struct tree tree = {ledger, &log->view.origin_hash};
    struct tree_proof path;
    struct tally_checkpoint checkpoint;
    size_t size = ledger->checkpoint(ledger->context, &log->view.origin_hash, note, sizeof note);
    struct tally_proof proof = {.index = index, .note = bytes_of(note, size)};
    if (tally_checkpoint_open(proof.note, NULL, &crypto, &checkpoint) != TALLY_DROP_NONE ||
        index >= checkpoint.size || !tree_inclusion(&tree, index, checkpoint.size, &path))
        return 0;
    proof.count = path.count;
    memcpy(proof.hashes, path.hashes, path.count * sizeof *path.hashes);
    size = tally_proof_write(&proof, (uint8_t *)file, TALLY_PROOF_HEAD_MAX + TALLY_NOTE_MAX);
    struct tally_hash leaf;
    struct tally_bytes envelope = bytes_of(receipt->envelope, receipt->size);
    tally_receipt_leaf(envelope, &leaf);
    if (size == 0 || tally_proof_check(bytes_of(file, size), &leaf, NULL, 0, &crypto, &proof,
                                       &checkpoint, NULL) != TALLY_PROOF_GOOD)
        return 0;
    return add_extra(file, size, envelope);
}

static enum exit_code export(struct shelf *shelf, const struct shelf_log *log, uint64_t index) {
    static char file[FILE_MAX]; struct call *call = shelf->call; struct shelf_receipt receipt;
    const char *beside = call_option(call, "receipt");
    if (!shelf_receipt(shelf, log, index, &receipt)) return shelf->code;
    if (index >=
        log->view.size) return call_fail_with(call, EXIT_NOT_FOUND, TALLY_NOT_FOUND, log->origin,
                                              "receipt %" PRIu64
                                              " of %s is not under a checkpoint yet: a running "
                                              "node seals within a second",
                                              index, log->origin);
    size_t size = make_proof(shelf, log, index, &receipt, file);
    if (size == 0) return call_fail_with(call, EXIT_UNVERIFIED, TALLY_DAMAGED, log->origin,
                                         "what is stored of %s does not prove receipt %" PRIu64
                                         ": run tally fsck",
                                         log->origin, index);
    if (beside != NULL && !write_envelope(call, beside, bytes_of(receipt.envelope, receipt.size),
                                          &shelf->code)) return shelf->code;
    if (call->json){
        json_t *object = print_object("proof-export/1");
        (void)json_object_update_new(object, json_pack("{s:s, s:I, s:o, s:o}", "origin",
                                                       log->origin, "index", (json_int_t)index,
                                                       "receipt", print_json_hash(&receipt.hash),
                                                       "proof", json_stringn(file, size)));
        print_json(object);}
else
{
    (void)fwrite(file, 1, size, stdout);
}
return EXIT_DONE;
}

enum exit_code verb_proof_export(struct call *call)
{
    struct shelf shelf;
    struct shelf_log log;
    uint64_t index;
    if (!call_number(call, "index", call->operands[1], 0, INT64_MAX, &index))
        return EXIT_USAGE;
    enum exit_code code = EXIT_DONE;
    if (shelf_open(&shelf, call) && shelf_find(&shelf, call->operands[0], &log))
        code = export(&shelf, &log, index);
    else
        code = shelf.code;
    shelf_close(&shelf);
    return code;
}

/* ---- Check ---- */

struct evidence {
    struct call *call;
    struct tally_bytes file;
    uint8_t envelope[TALLY_ENVELOPE_MAX];
    size_t size;   /* Of the envelope; 0: none was given. */
    bool unread;   /* The extra line holds something else. */
    bool expected; /* --receipt named a hash. */
    struct tally_hash receipt_hash;
    bool by_key; /* --key is a bare key: it must be the origin's did:key. */
    struct tally_key key;
    struct tally_vkey vkey;
    enum exit_code code;
};

/* The envelope in the extra line, if there is one. */
static void find_extra(struct evidence *evidence)
{
    const char *file = (const char *)evidence->file.data;
    const char *line = memchr(file, '\n', evidence->file.size);
    if (line == NULL || strncmp(++line, extra, strlen(extra)) != 0)
        return;
    line += strlen(extra);
    const char *end = strchr(line, '\n');
    if (end == NULL || !base64_read(line, (size_t)(end - line), evidence->envelope,
                                    sizeof evidence->envelope, &evidence->size)) {
        evidence->size = 0;
        evidence->unread = true;
    }
}

/* --receipt: the hash it must have, or a file with the envelope. */
static bool read_receipt(struct evidence *evidence)
{
    const char *text = call_option(evidence->call, "receipt");
    size_t size;
    find_extra(evidence);
    if (text == NULL)
        return true;
    if (hex_read(text, evidence->receipt_hash.bytes, sizeof evidence->receipt_hash.bytes)) {
        evidence->expected = true;
        return true;
    }
    uint8_t *bytes = shelf_slurp(evidence->call, text, TALLY_ENVELOPE_MAX, &size, &evidence->code);
    if (bytes == NULL)
        return false;
    memcpy(evidence->envelope, bytes, size);
    evidence->size = size;
    free(bytes);
    return true;
}

static bool read_key(struct evidence *evidence)
{
    const char *text = call_option(evidence->call, "key");
    if (text == NULL) {
        evidence->code = call_usage(
            evidence->call, "whose log should it be? name its key with --key: a did:key, a vkey "
                            "(origin+id+base64), or a peer id");
        return false;
    }
    evidence->by_key = tally_did_read(bytes_text(text), &evidence->key, NULL) ||
                       peer_id_parse_key(text, &evidence->key);
    if (evidence->by_key || tally_vkey_read(bytes_text(text), &evidence->vkey))
        return true;
    evidence->code = call_usage(evidence->call,
                                "--key \"%.200s\" is neither a did:key of an Ed25519 key nor a "
                                "vkey (origin+id+base64) nor a peer id",
                                text);
    return false;
}

static enum exit_code refuse(struct evidence *evidence, const char *sentence)
{
    const char *file = evidence->call->operands[0];
    if (strcmp(file, "-") == 0)
        file = "standard input";
    return call_fail_with(evidence->call, EXIT_UNVERIFIED, TALLY_MISMATCH, file,
                          "%s does not verify: %s", file, sentence);
}

/* The receipt itself: signed by its issuer, in the place and log that were proved. */
static const char *check_receipt(const struct evidence *evidence, struct tally_bytes envelope,
                                 const struct tally_checkpoint *checkpoint, uint64_t index,
                                 const struct tally_receipt *receipt)
{
    const struct tally_crypto crypto = keys_verifier();
    struct tally_key issuer;
    struct tally_bytes name_space;
    if (tally_receipt_verify(envelope, &crypto) != TALLY_DROP_NONE)
        return "the receipt's own signature is wrong";
    if (receipt->sequence != index)
        return "the receipt is not of that index";
    if (tally_origin_read(checkpoint->origin, &issuer, &name_space)) {
        if (!key_equal(&issuer, &receipt->issuer) || !bytes_equal(name_space, receipt->name_space))
            return "the receipt is of another log than the checkpoint";
        if (evidence->by_key && !key_equal(&issuer, &evidence->key))
            return "the checkpoint is of another issuer than the key";
    } else if (evidence->by_key) {
        return "the log's origin names no key: give its vkey (origin+id+base64)";
    }
    return NULL;
}

static enum exit_code approve(const struct evidence *evidence,
                              const struct tally_checkpoint *checkpoint, uint64_t index,
                              const struct tally_receipt *receipt, const struct tally_hash *hash)
{
    char did[TALLY_DID_SIZE + 1], text[PRINT_HASH], time[PRINT_TIME];
    tally_did_write(&receipt->issuer, did);
    hex_write(bytes_of(hash->bytes, sizeof hash->bytes), text);
    print_time(receipt->time, time);
    if (evidence->call->json) {
        json_t *object = print_object("proof-check/1");
        (void)json_object_update_new(
            object,
            json_pack("{s:s, s:o, s:I, s:s, s:s, s:s, s:o, s:I, s:o}", "verdict", "good", "origin",
                      print_json_text(checkpoint->origin), "index", (json_int_t)index, "receipt",
                      text, "issuer", did, "time", time, "type", print_json_text(receipt->type),
                      "size", (json_int_t)checkpoint->size, "body_hash",
                      print_json_hash(&receipt->body_hash)));
        print_json(object);
        return EXIT_DONE;
    }
    (void)printf("good: the receipt is in the log, and the log's checkpoint is signed\n"
                 "receipt    %s\norigin     ",
                 text);
    print_escaped(stdout, (const char *)checkpoint->origin.data, checkpoint->origin.size);
    hex_write(bytes_of(receipt->body_hash.bytes, sizeof receipt->body_hash.bytes), text);
    (void)printf("\nindex      %" PRIu64 " of %" PRIu64 "\nissuer     %s\n"
                 "time       %s (its issuer's claim)\ntype       %.*s\nbody hash  %s\n",
                 index, checkpoint->size, did, time, (int)receipt->type.size,
                 (const char *)receipt->type.data, text);
    return EXIT_DONE;
}

static enum exit_code check(struct evidence *evidence)
{
    const struct tally_crypto crypto = keys_verifier();
    struct tally_bytes envelope = bytes_of(evidence->envelope, evidence->size);
    struct tally_receipt receipt;
    struct tally_checkpoint checkpoint;
    struct tally_proof proof;
    struct tally_hash leaf, hash;
    if (tally_proof_read(evidence->file, &proof) != TALLY_DROP_NONE)
        return refuse(evidence, tally_proof_text(TALLY_PROOF_FORM));
    if (evidence->size == 0 && evidence->unread)
        return refuse(evidence, "its extra line is no receipt of Tally, or a damaged one; if it is "
                                "of another program, name the envelope with --receipt");
    if (evidence->size == 0)
        return call_usage(evidence->call, "the proof carries no receipt: name the file of its "
                                          "envelope with --receipt");
    if (tally_receipt_read(envelope, &receipt) != TALLY_DROP_NONE)
        return refuse(evidence, "the receipt is not of the one form that is allowed");
    tally_receipt_leaf(envelope, &leaf);
    tally_receipt_hash(envelope, &hash);
    if (evidence->expected && !hash_equal(&hash, &evidence->receipt_hash))
        return refuse(evidence, "it is about another receipt than the one named");
    enum tally_proof_verdict verdict =
        tally_proof_check(evidence->file, &leaf, evidence->by_key ? NULL : &evidence->vkey,
                          evidence->by_key ? 0 : 1, &crypto, &proof, &checkpoint, NULL);
    if (verdict != TALLY_PROOF_GOOD)
        return refuse(evidence, tally_proof_text(verdict));
    const char *wrong = check_receipt(evidence, envelope, &checkpoint, proof.index, &receipt);
    if (wrong != NULL)
        return refuse(evidence, wrong);
    return approve(evidence, &checkpoint, proof.index, &receipt, &hash);
}

enum exit_code verb_proof_check(struct call *call)
{
    struct evidence evidence = {.call = call};
    size_t size;
    if (!read_key(&evidence))
        return evidence.code;
    uint8_t *file = shelf_slurp(call, call->operands[0], FILE_MAX, &size, &evidence.code);
    if (file == NULL)
        return evidence.code;
    evidence.file = bytes_of(file, size);
    enum exit_code code = read_receipt(&evidence) ? check(&evidence) : evidence.code;
    free(file);
    return code;
}
