/* SPDX-License-Identifier: Apache-2.0 */
/* tally key recovery, rotate, revoke: what a node says of its own key, or the recovery key of it.
 */
#include "cmd/print.h"
#include "cmd/say.h"
#include "cmd/trust.h"
#include "cmd/verbs.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/crypto/hash.h"
#include "core/federation/replay.h"
#include "host/config/keys.h"
#include "host/config/recovery.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void print_key(const char *what, const struct tally_key *key)
{
    char did[TALLY_DID_SIZE + 1];
    tally_did_write(key, did);
    (void)printf("%-10s %s\n", what, did);
}

static void set_key(json_t *object, const char *name, const struct tally_key *key)
{
    char did[TALLY_DID_SIZE + 1];
    if (key != NULL)
        tally_did_write(key, did);
    (void)json_object_set_new(object, name, key != NULL ? json_string(did) : json_null());
}

/* A statement of the node's own. */
static bool state(struct call *call, const char *data, const struct fed_statement *said,
                  enum exit_code *code)
{
    uint8_t body[FED_BODY_MAX];
    struct door_answer answer;
    size_t size = fed_write(said, body);
    const struct tally_command command = {
        .kind = TALLY_COMMAND_STATE,
        .state = {.type = bytes_text(fed_type(said->kind)), .body = bytes_of(body, size)}};
    return say_one(call, data, "not stated", &command, &answer, code);
}

/* Of the recovery key's file; NULL: it has none. */
static const char *passphrase(const struct call *call)
{
    const char *path = call_option(call, "passphrase-file");
    return path != NULL ? path : getenv("TALLY_PASSPHRASE_FILE");
}

static bool open_recovery(struct call *call, const char *path, struct recovery **recovery,
                          enum exit_code *code)
{
    if (recovery_open(path, passphrase(call), recovery, &call->complaint) == TALLY_OK)
        return true;
    *code = call_fail(call, path);
    return false;
}

/* The state of things; closed again before the node is asked, which may be one of our own. */
static bool look(struct trust *trust, struct call *call, enum exit_code *code)
{
    bool good = trust_open(trust, call, false);
    if (!good)
        *code = trust->shelf.code;
    shelf_close(&trust->shelf);
    return good;
}

/* ---- recovery ---- */

static enum exit_code name_recovery(struct call *call, const struct trust *trust,
                                    const struct recovery *recovery, const char *out)
{
    struct fed_statement said = {.kind = FED_KEYS};
    enum exit_code code = EXIT_DONE;
    memcpy(said.has_key, trust->fold.has_key, sizeof said.has_key);
    memcpy(said.keys, trust->fold.keys, sizeof said.keys);
    said.has_key[FED_KEY_RECOVERY] = true;
    said.keys[FED_KEY_RECOVERY] = *recovery_key(recovery);
    if (!state(call, trust->shelf.data, &said, &code)) {
        (void)unlink(out);
        return code;
    }
    if (call->json) {
        json_t *object = print_object("key-recovery/1");
        set_key(object, "recovery", recovery_key(recovery));
        (void)json_object_set_new(object, "path", json_string(out));
        print_json(object);
        return EXIT_DONE;
    }
    print_key("recovery", recovery_key(recovery));
    (void)printf("%-10s %s: take it off this machine, and keep more than one copy\n", "file", out);
    return EXIT_DONE;
}

static enum exit_code make_recovery(struct call *call, const struct trust *trust, const char *out)
{
    struct recovery *recovery;
    struct keys *keys;
    if (trust->fold.has_key[FED_KEY_RECOVERY])
        return call_fail_with(call, EXIT_FAILED, TALLY_FORBIDDEN, NULL,
                              "this key has named its recovery key, and keeps it: tally key rotate "
                              "makes a key that can name another");
    if (keys_open(trust->shelf.data, false, &keys, &call->complaint) != TALLY_OK)
        return call_fail(call, trust->shelf.data);
    const struct tally_crypto crypto = keys_crypto(keys);
    enum tally_error error = recovery_make(out, passphrase(call), keys_identity(keys), &crypto,
                                           &recovery, &call->complaint);
    keys_free(keys);
    if (error != TALLY_OK)
        return call_fail(call, out);
    enum exit_code code = name_recovery(call, trust, recovery, out);
    recovery_free(recovery);
    return code;
}

enum exit_code verb_key_recovery(struct call *call)
{
    struct trust trust;
    enum exit_code code = EXIT_DONE;
    const char *out = call_option(call, "out");
    if (out == NULL)
        return call_usage(call, "say where the file is to be: --out FILE");
    if (look(&trust, call, &code))
        code = make_recovery(call, &trust, out);
    trust_close(&trust);
    return code;
}

/* ---- Revocations ---- */

/* Signed by the recovery key, with the limits that `said` has. */
static size_t sign(struct recovery *recovery, struct fed_statement *said,
                   uint8_t bytes[TALLY_SIGNED_BODY_MAX])
{
    uint8_t body[FED_BODY_MAX], envelope[TALLY_ENVELOPE_MAX];
    const struct tally_crypto crypto = recovery_crypto(recovery);
    struct timespec time;
    (void)clock_gettime(CLOCK_REALTIME, &time);
    said->revoke.has_authority = true;
    said->revoke.authority = *recovery_authority(recovery);
    size_t size = fed_write(said, body);
    struct tally_receipt receipt = {.issuer = *recovery_key(recovery),
                                    .name_space = bytes_text(TALLY_STATEMENTS),
                                    .type = bytes_text(fed_type(FED_REVOKE_KEY)),
                                    .time = {time.tv_sec * INT64_C(1000000) + time.tv_nsec / 1000},
                                    .body_size = (uint32_t)size};
    hash_sha256(bytes_of(body, size), &receipt.body_hash);
    size_t length = tally_receipt_write(&receipt, &crypto, envelope);
    return revocation_write(bytes_of(envelope, length), bytes_of(body, size), bytes);
}

static bool bring(struct call *call, const char *data, struct recovery *recovery,
                  struct fed_statement *said, enum exit_code *code)
{
    uint8_t bytes[TALLY_SIGNED_BODY_MAX];
    struct door_answer answer;
    size_t size = sign(recovery, said, bytes);
    const struct tally_command command = {.kind = TALLY_COMMAND_REVOKE,
                                          .revoke = {.bytes = bytes_of(bytes, size)}};
    return say_one(call, data, "not revoked", &command, &answer, code);
}

static bool read_reason(struct call *call, struct fed_statement *said, enum exit_code *code)
{
    const char *reason = call_option(call, "reason"), *note = call_option(call, "note");
    said->revoke.reason = TALLY_REVOKED_UNSAID;
    said->note = bytes_text(note == NULL ? "" : note);
    if (reason != NULL && !tally_revoked_reason_read(reason, &said->revoke.reason)) {
        *code =
            call_usage(call, "\"%.40s\" is no reason: compromised, superseded or retired", reason);
        return false;
    }
    if (said->note.size <= FED_REVOKE_NOTE_MAX && print_utf8(note == NULL ? "" : note))
        return true;
    *code = call_usage(call, "the note is not text of at most %d bytes", FED_REVOKE_NOTE_MAX);
    return false;
}

/* "NAMESPACE=N": how many receipts of a log were the owner's. */
static bool read_size(struct call *call, const char *word, const struct tally_key *key,
                      struct fed_statement *said, enum exit_code *code)
{
    char name[TALLY_NAMESPACE_MAX + 1], origin[TALLY_ORIGIN_MAX + 1];
    const char *equals = strchr(word, '=');
    size_t size = equals != NULL ? (size_t)(equals - word) : 0;
    struct tally_hash hash;
    uint64_t number;
    if (size == 0 || size > TALLY_NAMESPACE_MAX || !tally_namespace_valid(bytes_of(word, size))) {
        *code = call_usage(call, "\"%.80s\" is no size of a log: NAMESPACE=N", word);
        return false;
    }
    memcpy(name, word, size);
    name[size] = '\0';
    if (!call_number(call, "the size", equals + 1, 0, INT64_MAX, &number)) {
        *code = EXIT_USAGE;
        return false;
    }
    size = tally_origin_write(key, bytes_text(name), origin);
    tally_origin_hash(bytes_of(origin, size), &hash);
    if (revocation_limit(&said->revoke, &hash, number))
        return true;
    *code = call_usage(call, "a revocation names at most %d logs", FED_LIMITS_MAX);
    return false;
}

/* As far as this directory holds the logs of a key, unless --size says otherwise. */
static bool read_sizes(struct call *call, const struct trust *trust, const struct tally_key *key,
                       struct fed_statement *said, enum exit_code *code)
{
    const struct tally_ledger *ledger = &trust->shelf.ledger;
    struct tally_log_view view;
    const char *word;
    for (size_t i = 0; ledger->log(ledger->context, i, &view); i++)
        if (key_equal(&view.issuer, key) &&
            !revocation_limit(&said->revoke, &view.origin_hash, view.durable)) {
            *code = call_fail_with(call, EXIT_FAILED, TALLY_TOO_LARGE, NULL,
                                   "a revocation names at most %d logs", FED_LIMITS_MAX);
            return false;
        }
    for (size_t i = 0; (word = call_option_at(call, "size", i)) != NULL; i++)
        if (!read_size(call, word, key, said, code))
            return false;
    return true;
}

/* ---- revoke ---- */

static enum exit_code print_revoked(struct call *call, const struct fed_statement *said)
{
    char did[TALLY_DID_SIZE + 1];
    if (call->json) {
        json_t *object = print_object("key-revoke/1");
        set_key(object, "key", &said->party);
        (void)json_object_set_new(object, "reason",
                                  json_string(tally_revoked_reason_name(said->revoke.reason)));
        print_json(object);
        return EXIT_DONE;
    }
    tally_did_write(&said->party, did);
    (void)printf("revoked    %s, %s\n", did, tally_revoked_reason_name(said->revoke.reason));
    return EXIT_DONE;
}

static enum exit_code revoke_by_recovery(struct call *call, const char *path,
                                         struct fed_statement *said)
{
    struct recovery *recovery;
    struct trust trust;
    enum exit_code code = EXIT_DONE;
    if (!open_recovery(call, path, &recovery, &code))
        return code;
    said->party = *recovery_identity(recovery);
    bool good = trust_open(&trust, call, false);
    if (!good)
        code = trust.shelf.code;
    good = good && read_sizes(call, &trust, &said->party, said, &code);
    shelf_close(&trust.shelf);
    if (good && bring(call, trust.shelf.data, recovery, said, &code))
        code = print_revoked(call, said);
    trust_close(&trust);
    recovery_free(recovery);
    return code;
}

enum exit_code verb_key_revoke(struct call *call)
{
    struct fed_statement said = {.kind = FED_REVOKE_KEY};
    const char *path = call_option(call, "recovery");
    struct trust trust;
    enum exit_code code = EXIT_DONE;
    if (!read_reason(call, &said, &code))
        return code;
    if (path == NULL && call_option(call, "size") != NULL)
        return call_usage(call, "--size goes with --recovery: a node that runs knows its logs");
    if (!say_sure(call, "A revoked key never comes back, and its node writes nothing any more.",
                  &code))
        return code;
    if (path != NULL)
        return revoke_by_recovery(call, path, &said);
    if (look(&trust, call, &code)) {
        said.party = trust.fold.self;
        if (state(call, trust.shelf.data, &said, &code))
            code = print_revoked(call, &said);
    }
    trust_close(&trust);
    return code;
}

/* ---- rotate ---- */

/* Whether the old key's last statement hands over to that one. */
static bool names(const struct trust *trust, const struct tally_key *next)
{
    const struct tally_ledger *ledger = &trust->shelf.ledger;
    uint8_t body[FED_BODY_MAX];
    struct fed_statement said;
    struct tally_hash origin;
    size_t size;
    replay_origin(&trust->fold.self, &origin);
    return ledger->body(ledger->context, &origin, trust->fold.ended_at, 0, body, sizeof body,
                        &size) &&
           size <= sizeof body &&
           fed_read(bytes_text(fed_type(FED_REVOKE_KEY)), bytes_of(body, size), &said) ==
               TALLY_DROP_NONE &&
           said.revoke.has_successor && key_equal(&said.revoke.successor, next);
}

/* A rotation that was interrupted goes on, with the key that was named then: any other would be a
   stranger to all. */
static bool open_next(struct call *call, const char *data, bool ended, struct keys **next,
                      enum exit_code *code)
{
    struct trust trust;
    *next = NULL;
    if (!ended) {
        if (keys_open_named(data, "identity.next", true, next, &call->complaint) != TALLY_OK)
            *code = call_fail(call, data);
        return *next != NULL;
    }
    bool good = trust_open(&trust, call, false);
    if (!good)
        *code = trust.shelf.code;
    bool named =
        good && keys_open_named(data, "identity.next", false, next, &call->complaint) == TALLY_OK &&
        names(&trust, keys_identity(*next));
    trust_close(&trust);
    if (good && !named)
        *code = call_fail_with(call, EXIT_FAILED, TALLY_REVOKED, NULL,
                               "this key has ended, and keys/identity.next is not the key that it "
                               "named as its successor, if any: put that one there, or begin in "
                               "another directory with another key");
    return named;
}

/* What the old key says, or has said already: with the successor's signature. */
static bool end_old(struct call *call, const struct trust *trust, struct keys *next,
                    enum exit_code *code)
{
    struct fed_statement said = {.kind = FED_REVOKE_KEY, .party = trust->fold.self};
    const struct tally_crypto crypto = keys_crypto(next);
    uint8_t message[REVOCATION_MESSAGE];
    if (trust->fold.ended)
        return true; /* See open_next. */
    said.revoke.reason = TALLY_REVOKED_SUPERSEDED;
    said.revoke.has_successor = true;
    said.revoke.successor = *keys_identity(next);
    crypto.sign(crypto.context, revocation_handover(&said.party, &said.revoke.successor, message),
                &said.revoke.handover);
    return state(call, trust->shelf.data, &said, code);
}

/* The recovery key says the same, as it must once it is named: with the sizes of the key's own. */
static bool end_by_recovery(struct call *call, struct recovery *recovery, struct keys *next,
                            enum exit_code *code)
{
    struct fed_statement said = {.kind = FED_REVOKE_KEY, .party = *recovery_identity(recovery)};
    const struct tally_crypto crypto = keys_crypto(next);
    uint8_t message[REVOCATION_MESSAGE];
    struct trust trust;
    bool good = trust_open(&trust, call, false);
    if (!good)
        *code = trust.shelf.code;
    good = good && read_sizes(call, &trust, &said.party, &said, code);
    shelf_close(&trust.shelf);
    said.revoke.reason = TALLY_REVOKED_SUPERSEDED;
    said.revoke.has_successor = true;
    said.revoke.successor = *keys_identity(next);
    crypto.sign(crypto.context, revocation_handover(&said.party, &said.revoke.successor, message),
                &said.revoke.handover);
    good = good && bring(call, trust.shelf.data, recovery, &said, code);
    trust_close(&trust);
    return good;
}

/* Waits until the running node has sealed what it wrote: the old key signs for the last time. */
static bool all_sealed(struct call *call, enum exit_code *code)
{
    for (unsigned i = 0; i < 100; i++) {
        const struct timespec pause = {.tv_nsec = 100000000};
        struct trust trust;
        struct tally_log_view view;
        bool sealed = trust_open(&trust, call, false);
        if (!sealed)
            *code = trust.shelf.code;
        const struct tally_ledger *ledger = &trust.shelf.ledger;
        bool read = sealed;
        for (size_t log = 0; read && ledger->log(ledger->context, log, &view); log++)
            sealed = sealed && (!view.own || view.size == view.durable);
        trust_close(&trust);
        if (!read || sealed)
            return read;
        (void)nanosleep(&pause, NULL);
    }
    *code = call_fail_with(call, EXIT_TIMED_OUT, TALLY_TIMED_OUT, NULL,
                           "the old key is revoked, but its logs are not sealed yet: run tally key "
                           "rotate again");
    return false;
}

/* The new key's file takes the place of the old one's, which is kept under its own name. */
static bool change_files(struct call *call, const char *data, const struct tally_key *old,
                         enum exit_code *code)
{
    char folder[PATHS_MAX + 8], name[2 * 32 + 1], retired[2 * 32 + 20];
    (void)snprintf(folder, sizeof folder, "%s/keys", data);
    hex_write(bytes_of(old->bytes, sizeof old->bytes), name);
    (void)snprintf(retired, sizeof retired, "retired-%.16s.key", name);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && (linkat(fd, "identity.key", fd, retired, 0) == 0 || errno == EEXIST) &&
                renameat(fd, "identity.next", fd, "identity.key") == 0 && fsync(fd) == 0;
    int error = errno;
    if (fd >= 0)
        (void)close(fd);
    if (!good)
        *code = call_fail_with(call, EXIT_FAILED, complaint_of_errno(error), folder,
                               "the keys in %.200s cannot be changed: %s; run tally key rotate "
                               "again",
                               folder, strerror(error));
    return good;
}

static enum exit_code print_rotated(struct call *call, const struct tally_key *old,
                                    const struct tally_key *new, bool running)
{
    if (call->json) {
        json_t *object = print_object("key-rotate/1");
        set_key(object, "key", new);
        set_key(object, "succeeds", old);
        (void)json_object_set_new(object, "restart", json_boolean(running));
        print_json(object);
    } else {
        print_key("key", new);
        print_key("succeeds", old);
    }
    if (running)
        (void)fprintf(stderr,
                      "tally: restart the node: until then it runs under the old key, which "
                      "is revoked, and writes nothing\n");
    return EXIT_DONE;
}

static bool runs(const char *data)
{
    struct complaint complaint;
    struct door *door;
    const struct door_options options = {.data = data};
    if (door_open(&options, &door, &complaint) != TALLY_OK)
        return false;
    (void)door_close(door, &complaint);
    return true;
}

static enum exit_code rotate(struct call *call, const struct trust *trust,
                             struct recovery *recovery)
{
    const char *data = trust->shelf.data;
    const struct tally_key old = trust->fold.self;
    enum exit_code code = EXIT_DONE;
    struct keys *next;
    bool running = runs(data);
    if (open_next(call, data, trust->fold.ended && recovery == NULL, &next, &code) &&
        end_old(call, trust, next, &code) &&
        (recovery == NULL || end_by_recovery(call, recovery, next, &code)) &&
        all_sealed(call, &code) && change_files(call, data, &old, &code))
        code = print_rotated(call, &old, keys_identity(next), running);
    keys_free(next);
    return code;
}

/* Whether this directory may be rotated, and by whom it takes. */
static bool may_rotate(struct call *call, const struct trust *trust,
                       const struct recovery *recovery, enum exit_code *code)
{
    const struct revoked_key *entry = revoked_find(&trust->revoked, &trust->fold.self);
    if (trust->fold.has_key[FED_KEY_RECOVERY] && recovery == NULL)
        *code = call_usage(call, "this key has named a recovery key, which alone names a "
                                 "successor: give --recovery FILE");
    else if (recovery != NULL && !key_equal(recovery_identity(recovery), &trust->fold.self))
        *code = call_fail_with(call, EXIT_UNVERIFIED, TALLY_MISMATCH, call_option(call, "recovery"),
                               "that is the recovery key of another identity");
    else if (recovery != NULL && trust->fold.has_key[FED_KEY_RECOVERY] &&
             !key_equal(recovery_key(recovery), &trust->fold.keys[FED_KEY_RECOVERY]))
        *code = call_fail_with(call, EXIT_UNVERIFIED, TALLY_MISMATCH, call_option(call, "recovery"),
                               "that is not the recovery key that this identity has named");
    else if (entry != NULL && recovery == NULL && !trust->fold.ended)
        *code = call_fail_with(call, EXIT_FAILED, TALLY_REVOKED, NULL,
                               "this key is revoked already: only its recovery key can name a "
                               "successor; give --recovery FILE");
    else
        return true;
    return false;
}

enum exit_code verb_key_rotate(struct call *call)
{
    const char *path = call_option(call, "recovery");
    struct recovery *recovery = NULL;
    struct trust trust;
    enum exit_code code = EXIT_DONE;
    if (!say_sure(call, "The old key never comes back.", &code))
        return code;
    if (path != NULL && !open_recovery(call, path, &recovery, &code))
        return code;
    if (look(&trust, call, &code) && may_rotate(call, &trust, recovery, &code))
        code = rotate(call, &trust, recovery);
    trust_close(&trust);
    recovery_free(recovery);
    return code;
}
