/* SPDX-License-Identifier: Apache-2.0 */
#include "host/config/keys.h"

#include "core/base/base64.h"
#include "core/base/bytes.h"
#include "core/crypto/dh.h"
#include "core/crypto/sign.h"
#include "tally/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* libp2p's PrivateKey protobuf: key type Ed25519, then 64 bytes of data. */
static const uint8_t prefix[] = {0x08, 0x01, 0x12, 0x40};

enum { FILE_BYTES = sizeof prefix + 64, FILE_TEXT = BASE64_SIZE(FILE_BYTES) };

struct keys {
    uint8_t secret[64];   /* Seed, then public key, as libsodium signs with it. */
    uint8_t exchange[32]; /* The same key converted to X25519, once. */
    struct tally_key identity;
};

/* What passes through memory while the file is read or written. Secret as well. */
struct draft {
    char text[FILE_TEXT + 2];
    uint8_t bytes[FILE_BYTES];
};

void keys_harden(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

const struct tally_key *keys_identity(const struct keys *keys)
{
    return &keys->identity;
}

void keys_free(struct keys *keys)
{
    sodium_free(keys);
}

/* ---- The window ---- */

static void on_sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    const struct keys *keys = context;
    (void)crypto_sign_detached(signature->bytes, NULL, message.data, message.size, keys->secret);
}

static bool on_verify(void *context, const struct tally_key *key, struct tally_bytes message,
                      const struct tally_signature *signature)
{
    (void)context;
    return sign_verify(key, message, signature);
}

static bool on_exchange(void *context, const struct tally_key *peer, uint8_t shared[32])
{
    const struct keys *keys = context;
    uint8_t public[32];
    return dh_public_of_key(peer, public) && dh_shared(keys->exchange, public, shared);
}

struct tally_crypto keys_crypto(struct keys *keys)
{
    return (struct tally_crypto){
        .context = keys, .sign = on_sign, .verify = on_verify, .exchange = on_exchange};
}

struct tally_crypto keys_verifier(void)
{
    return (struct tally_crypto){.verify = on_verify};
}

static void on_draw(void *context, uint8_t *bytes, size_t size)
{
    (void)context;
    randombytes_buf(bytes, size);
}

struct tally_secret keys_secret(void)
{
    return (struct tally_secret){.context = NULL, .draw = on_draw};
}

/* ---- The file ---- */

/* A folder or file that others may read or write, or that is not ours, holds no secret. */
static enum tally_error check_mode(int fd, const char *shown, const char *path, mode_t allowed,
                                   struct complaint *complaint)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return complain(complaint, complaint_of_errno(errno), "%s: %s", path, strerror(errno));
    if (status.st_uid != geteuid())
        return complain(complaint, TALLY_PERMISSION,
                        "%s belongs to user %u and this is user %u: run as its owner, or chown %u "
                        "%s",
                        shown, (unsigned)status.st_uid, (unsigned)geteuid(), (unsigned)geteuid(),
                        path);
    mode_t mode = status.st_mode & 07777;
    if ((mode & ~allowed) != 0)
        return complain(complaint, TALLY_PERMISSION, "%s is %04o: chmod %o %s", shown,
                        (unsigned)mode, (unsigned)allowed, path);
    return TALLY_OK;
}

/* Takes the halves of a draft into keys; both must belong together. */
static enum tally_error adopt(struct keys *keys, const uint8_t secret[64])
{
    sign_key(secret, &keys->identity);
    if (memcmp(keys->identity.bytes, secret + 32, sizeof keys->identity.bytes) != 0)
        return TALLY_MISMATCH;
    memcpy(keys->secret, secret, sizeof keys->secret);
    dh_secret_of_seed(secret, keys->exchange);
    return TALLY_OK;
}

static enum tally_error read_draft(int fd, struct draft *draft, struct keys *keys, const char *path,
                                   struct complaint *complaint)
{
    ssize_t got = read(fd, draft->text, sizeof draft->text);
    if (got < 0)
        return complain(complaint, complaint_of_errno(errno), "%s: %s", path, strerror(errno));
    size_t count, size = (size_t)got;
    if (size == FILE_TEXT + 1 && draft->text[FILE_TEXT] == '\n')
        size--;
    if (size != FILE_TEXT ||
        !base64_read(draft->text, size, draft->bytes, sizeof draft->bytes, &count) ||
        count != FILE_BYTES || memcmp(draft->bytes, prefix, sizeof prefix) != 0)
        return complain(complaint, TALLY_MALFORMED,
                        "%s is not an Ed25519 key of libp2p in base64: put back your copy of it",
                        path);
    if (adopt(keys, draft->bytes + sizeof prefix) != TALLY_OK)
        return complain(complaint, TALLY_MISMATCH,
                        "the two halves of %s do not belong together: put back your copy of it",
                        path);
    return TALLY_OK;
}

/* Beside, fsync, link, fsync of the folder: a crash leaves no key or a whole one, and of two
   processes that make one at the same time the second fails instead of replacing the first's. */
static enum tally_error write_draft(int folder, const char *name, const char *text,
                                    const char *path, struct complaint *complaint)
{
    char beside[64];
    (void)snprintf(beside, sizeof beside, ".%s.%ld", name, (long)getpid());
    int fd = openat(folder, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0 && write(fd, text, FILE_TEXT + 1) == FILE_TEXT + 1 && fsync(fd) == 0;
    int code = errno;
    if (fd >= 0)
        (void)close(fd);
    if (good) {
        good = linkat(folder, beside, folder, name, 0) == 0;
        code = errno;
    }
    (void)unlinkat(folder, beside, 0);
    if (good) {
        good = fsync(folder) == 0;
        code = errno;
    }
    if (good)
        return TALLY_OK;
    return complain(complaint, complaint_of_errno(code), "%s cannot be written: %s", path,
                    strerror(code));
}

static enum tally_error make(int folder, const char *name, struct draft *draft, struct keys *keys,
                             const char *path, struct complaint *complaint)
{
    uint8_t *secret = draft->bytes + sizeof prefix;
    memcpy(draft->bytes, prefix, sizeof prefix);
    struct tally_key identity;
    randombytes_buf(secret, 32);
    sign_key(secret, &identity);
    memcpy(secret + 32, identity.bytes, sizeof identity.bytes);
    base64_write(bytes_of(draft->bytes, FILE_BYTES), draft->text);
    draft->text[FILE_TEXT] = '\n';
    if (adopt(keys, secret) != TALLY_OK)
        return complain(complaint, TALLY_IO, "the new key does not verify; check this machine");
    return write_draft(folder, name, draft->text, path, complaint);
}

static enum tally_error read_or_make(int folder, const char *name, bool create, struct keys *keys,
                                     const char *path, struct complaint *complaint)
{
    struct draft *draft = sodium_malloc(sizeof *draft);
    if (draft == NULL)
        return complain(complaint, TALLY_NO_MEMORY, "%s", tally_error_text(TALLY_NO_MEMORY));
    enum tally_error error;
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0) {
        char shown[64];
        (void)snprintf(shown, sizeof shown, "keys/%s", name);
        error = check_mode(fd, shown, path, 0600, complaint);
        if (error == TALLY_OK)
            error = read_draft(fd, draft, keys, path, complaint);
        (void)close(fd);
    } else if (errno == ENOENT && create) {
        error = make(folder, name, draft, keys, path, complaint);
    } else {
        error = complain(complaint, complaint_of_errno(errno), "%s: %s", path, strerror(errno));
    }
    sodium_free(draft);
    return error;
}

/* ---- A directory without its key ---- */

/* The did that is wanted; false if none is. */
static bool read_wanted(const char *data, char did[TALLY_DID_SIZE + 1])
{
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/" KEYS_WANTED, data) >= sizeof path)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t got = fd < 0 ? -1 : read(fd, did, TALLY_DID_SIZE);
    if (fd >= 0)
        (void)close(fd);
    did[got > 0 ? got : 0] = '\0';
    return fd >= 0;
}

enum tally_error keys_wanted(const char *data, const struct tally_key *key,
                             struct complaint *complaint)
{
    char wanted[TALLY_DID_SIZE + 1], did[TALLY_DID_SIZE + 1];
    tally_did_write(key, did);
    if (!read_wanted(data, wanted) || strcmp(did, wanted) == 0)
        return TALLY_OK;
    return complain(complaint, TALLY_MISMATCH,
                    "%.200s was put back from a backup of %s, and this key is of %s", data, wanted,
                    did);
}

/* Says, where a backup was put back, what is missing. */
static enum tally_error missing(const char *data, enum tally_error error,
                                struct complaint *complaint)
{
    char wanted[TALLY_DID_SIZE + 1];
    if (error != TALLY_NOT_FOUND || !read_wanted(data, wanted))
        return error;
    return complain(complaint, TALLY_NOT_FOUND,
                    "%.200s was put back from a backup without its key: tally key import FILE, the "
                    "key of %s, comes first",
                    data, wanted);
}

enum tally_error keys_open(const char *data, bool create, struct keys **keys,
                           struct complaint *complaint)
{
    return keys_open_named(data, "identity.key", create, keys, complaint);
}

enum tally_error keys_open_named(const char *data, const char *name, bool create,
                                 struct keys **keys, struct complaint *complaint)
{
    char path[4096];
    *keys = NULL;
    if ((size_t)snprintf(path, sizeof path, "%s/keys", data) >= sizeof path - 20)
        return complain(complaint, TALLY_TOO_LARGE, "the path %.60s... is too long", data);
    if (sodium_init() < 0)
        return complain(complaint, TALLY_IO, "the kernel gives no random bytes");
    if (create && mkdir(path, 0700) != 0 && errno != EEXIST)
        return complain(complaint, complaint_of_errno(errno), "%s: %s", path, strerror(errno));
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (folder < 0)
        return missing(
            data, complain(complaint, complaint_of_errno(errno), "%s: %s", path, strerror(errno)),
            complaint);
    struct keys *made = sodium_malloc(sizeof *made);
    if (made == NULL) {
        (void)close(folder);
        return complain(complaint, TALLY_NO_MEMORY, "%s", tally_error_text(TALLY_NO_MEMORY));
    }
    enum tally_error error = check_mode(folder, "keys", path, 0700, complaint);
    if (error == TALLY_OK) {
        strcat(strcat(path, "/"), name);
        error = read_or_make(folder, name, create, made, path, complaint);
    }
    (void)close(folder);
    if (error == TALLY_OK)
        *keys = made;
    else
        sodium_free(made);
    return error;
}
