/* SPDX-License-Identifier: Apache-2.0 */
/* tally key show, export, import: the identity key of a data directory. */
#include "cmd/print.h"
#include "cmd/trust.h"
#include "cmd/verbs.h"
#include "core/address/peer_id.h"
#include "core/base/bytes.h"
#include "host/config/keys.h"
#include "tally/note.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- show ---- */

/* The name and key under which this node cosigns others' logs, as they are told to; false: it has
   stated none yet. */
static bool witness_vkey(const struct trust *trust, char text[TALLY_VKEY_MAX])
{
    const struct fold *fold = &trust->fold;
    char name[TALLY_DID_SIZE + sizeof "/witness"];
    struct tally_vkey vkey;
    if (!fold->has_key[FED_KEY_WITNESS])
        return false;
    tally_did_write(&fold->self, name);
    memcpy(name + TALLY_DID_SIZE, "/witness", sizeof "/witness");
    return tally_vkey_init(&vkey, bytes_text(name), TALLY_VKEY_COSIGNER,
                           &fold->keys[FED_KEY_WITNESS]) &&
           tally_vkey_write(&vkey, text) > 0;
}

static void show_json(const struct trust *trust)
{
    const struct tally_key *self = &trust->fold.self;
    const struct revoked_key *entry = revoked_find(&trust->revoked, self);
    const char *reason =
        entry != NULL ? tally_revoked_reason_name(revoked_said(&trust->revoked, entry)->reason)
                      : NULL;
    json_t *object = print_object("key/1"), *elders = json_array();
    char id[PEER_ID_TEXT_MAX], vkey[TALLY_VKEY_MAX];
    bool witness = witness_vkey(trust, vkey);
    (void)peer_id_print_key(self, id);
    for (const struct tally_key *elder = revoked_elder(&trust->revoked, self);
         elder != NULL && json_array_size(elders) < REVOKED_HEIRS;
         elder = revoked_elder(&trust->revoked, elder))
        (void)json_array_append_new(elders, print_json_did(elder));
    (void)json_object_set_new(object, "key", print_json_did(self));
    (void)json_object_set_new(object, "peer_id", json_string(id));
    (void)json_object_set_new(object, "recovery",
                              print_json_did(revoked_recovery(&trust->revoked, self)));
    (void)json_object_set_new(object, "revoked", json_boolean(entry != NULL));
    (void)json_object_set_new(object, "reason", reason != NULL ? json_string(reason) : json_null());
    (void)json_object_set_new(object, "successor",
                              print_json_did(revoked_successor(&trust->revoked, self)));
    (void)json_object_set_new(object, "succeeds", elders);
    (void)json_object_set_new(object, "witness_vkey", witness ? json_string(vkey) : json_null());
    print_json(object);
}

static void show_line(const char *what, const struct tally_key *key)
{
    char did[TALLY_DID_SIZE + 1];
    if (key == NULL)
        return;
    tally_did_write(key, did);
    (void)printf("%-10s %s\n", what, did);
}

static void show_text(const struct trust *trust)
{
    char vkey[TALLY_VKEY_MAX];
    const struct tally_key *self = &trust->fold.self;
    const struct revoked_key *entry = revoked_find(&trust->revoked, self);
    const struct tally_key *elder = self;
    char id[PEER_ID_TEXT_MAX];
    (void)peer_id_print_key(self, id);
    show_line("key", self);
    (void)printf("%-10s %s\n", "peer id", id);
    if (revoked_recovery(&trust->revoked, self) != NULL)
        show_line("recovery", revoked_recovery(&trust->revoked, self));
    else
        (void)printf("%-10s none: tally key recovery makes one\n", "recovery");
    if (witness_vkey(trust, vkey))
        (void)printf("%-10s %s\n", "witness", vkey);
    for (unsigned i = 0; i < REVOKED_HEIRS; i++) {
        elder = revoked_elder(&trust->revoked, elder);
        if (elder == NULL)
            break;
        show_line("succeeds", elder);
    }
    if (entry == NULL)
        return;
    const struct revoked_word *word = revoked_said(&trust->revoked, entry);
    (void)printf("%-10s %s, by %s\n", "revoked", tally_revoked_reason_name(word->reason),
                 word->recovery ? "the recovery key" : "itself");
    show_line("successor", revoked_successor(&trust->revoked, self));
}

enum exit_code verb_key_show(struct call *call)
{
    struct trust trust;
    enum exit_code code = EXIT_DONE;
    if (!trust_open(&trust, call, false))
        code = trust.shelf.code;
    else if (call->json)
        show_json(&trust);
    else
        show_text(&trust);
    trust_close(&trust);
    return code;
}

/* ---- export, import ---- */

enum { KEY_FILE_MAX = 512 };

/* A key's file as it stands, checked; false: it was said why. */
static bool read_checked(struct call *call, const char *data, char text[KEY_FILE_MAX], size_t *size,
                         enum exit_code *code)
{
    char path[PATHS_MAX + 32];
    struct keys *keys;
    (void)snprintf(path, sizeof path, "%s/keys/identity.key", data);
    if (keys_open(data, false, &keys, &call->complaint) != TALLY_OK) {
        *code = call_fail(call, path);
        return false;
    }
    keys_free(keys);
    uint8_t *bytes = shelf_slurp(call, path, KEY_FILE_MAX - 1, size, code);
    if (bytes == NULL)
        return false;
    memcpy(text, bytes, *size);
    explicit_bzero(bytes, *size);
    free(bytes);
    return true;
}

/* A new file that only its owner reads; false: it was said why. */
static bool write_new(struct call *call, const char *path, const char *text, size_t size,
                      enum exit_code *code)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0 && write(fd, text, size) == (ssize_t)size && fsync(fd) == 0;
    int error = errno;
    if (fd >= 0)
        (void)close(fd);
    if (good)
        return true;
    if (fd >= 0)
        (void)unlink(path);
    enum tally_error kind = complaint_of_errno(error);
    *code =
        call_fail_with(call, exit_of_error(kind), kind, path, "%.200s cannot be written: %s", path,
                       error == EEXIST ? "there is such a file already, which may be the only "
                                         "copy of a key"
                                       : strerror(error));
    return false;
}

enum exit_code verb_key_export(struct call *call)
{
    char data[PATHS_MAX], text[KEY_FILE_MAX];
    const char *out = call->operands[0];
    enum exit_code code = EXIT_DONE;
    size_t size;
    if (!shelf_data(call, data, &code) || !read_checked(call, data, text, &size, &code))
        return code;
    bool good = write_new(call, out, text, size, &code);
    explicit_bzero(text, sizeof text);
    if (!good)
        return code;
    if (call->json) {
        json_t *object = print_object("key-export/1");
        (void)json_object_set_new(object, "path", json_string(out));
        print_json(object);
    } else {
        (void)printf("the secret key is in %s: whoever has it is this node\n", out);
    }
    return EXIT_DONE;
}

static enum exit_code import(struct call *call, const char *data, const char *text, size_t size)
{
    char path[PATHS_MAX + 32], did[TALLY_DID_SIZE + 1];
    enum exit_code code = EXIT_DONE;
    struct keys *keys;
    (void)snprintf(path, sizeof path, "%s/keys", data);
    if ((mkdir(data, 0700) != 0 && errno != EEXIST) || (mkdir(path, 0700) != 0 && errno != EEXIST))
        return call_fail_with(call, EXIT_FAILED, complaint_of_errno(errno), path,
                              "%.200s cannot be made: %s", path, strerror(errno));
    (void)snprintf(path, sizeof path, "%s/keys/identity.key", data);
    if (!write_new(call, path, text, size, &code))
        return code;
    if (keys_open(data, false, &keys, &call->complaint) != TALLY_OK) {
        (void)unlink(path);
        (void)snprintf(path, sizeof path, "%s/keys", data);
        (void)rmdir(path); /* What was made for it. */
        (void)rmdir(data);
        return call_fail(call, call->operands[0]);
    }
    if (keys_wanted(data, keys_identity(keys), &call->complaint) != TALLY_OK) {
        keys_free(keys);
        (void)unlink(path);
        return call_fail(call, call->operands[0]);
    }
    tally_did_write(keys_identity(keys), did);
    keys_free(keys);
    (void)snprintf(path, sizeof path, "%s/" KEYS_WANTED, data);
    (void)unlink(path);
    if (call->json) {
        json_t *object = print_object("key-import/1");
        (void)json_object_set_new(object, "key", json_string(did));
        print_json(object);
    } else {
        (void)printf("key        %s\n", did);
    }
    return EXIT_DONE;
}

enum exit_code verb_key_import(struct call *call)
{
    char data[PATHS_MAX];
    enum exit_code code = EXIT_DONE;
    size_t size;
    if (!shelf_data(call, data, &code))
        return code;
    uint8_t *bytes = shelf_slurp(call, call->operands[0], KEY_FILE_MAX - 1, &size, &code);
    if (bytes == NULL)
        return code;
    code = import(call, data, (const char *)bytes, size);
    explicit_bzero(bytes, size);
    free(bytes);
    return code;
}
