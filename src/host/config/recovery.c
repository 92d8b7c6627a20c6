/* SPDX-License-Identifier: Apache-2.0 */
#include "host/config/recovery.h"

#include "core/base/base64.h"
#include "core/base/bytes.h"
#include "core/crypto/sign.h"
#include "host/config/passphrase.h"
#include "tally/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SECRET = 64,
    BOX = SECRET + crypto_secretbox_MACBYTES,
    SALT = PASSPHRASE_SALT,
    NONCE = crypto_secretbox_NONCEBYTES,
    FILE_MAX = 1024,
};

static const char title[] = "tally recovery key 1\n";

struct recovery {
    uint8_t secret[SECRET]; /* Seed, then public key. */
    struct tally_key key, identity;
    struct tally_signature authority;
};

/* What passes through memory meanwhile. Secret as well. */
struct draft {
    char text[FILE_MAX];
    struct passphrase passphrase;
    uint8_t stretched[PASSPHRASE_KEY];
};

static void on_sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    const struct recovery *recovery = context;
    (void)crypto_sign_detached(signature->bytes, NULL, message.data, message.size,
                               recovery->secret);
}

static bool on_verify(void *context, const struct tally_key *key, struct tally_bytes message,
                      const struct tally_signature *signature)
{
    (void)context;
    return sign_verify(key, message, signature);
}

struct tally_crypto recovery_crypto(struct recovery *recovery)
{
    return (struct tally_crypto){.context = recovery, .sign = on_sign, .verify = on_verify};
}

const struct tally_key *recovery_key(const struct recovery *recovery)
{
    return &recovery->key;
}

const struct tally_key *recovery_identity(const struct recovery *recovery)
{
    return &recovery->identity;
}

const struct tally_signature *recovery_authority(const struct recovery *recovery)
{
    return &recovery->authority;
}

void recovery_free(struct recovery *recovery)
{
    sodium_free(recovery);
}

/* What the identity signs; core/federation/revocation.h. */
static struct tally_bytes message_of(const struct recovery *recovery, uint8_t message[128])
{
    size_t size = strlen(SIGN_DOMAIN_RECOVERY);
    memcpy(message, SIGN_DOMAIN_RECOVERY, size);
    memcpy(message + size, recovery->identity.bytes, 32);
    memcpy(message + size + 32, recovery->key.bytes, 32);
    return bytes_of(message, size + 64);
}

/* ---- Writing ---- */

static enum tally_error write_file(const char *path, const char *text, struct complaint *complaint)
{
    size_t size = strlen(text);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0 && write(fd, text, size) == (ssize_t)size && fsync(fd) == 0;
    int code = errno;
    if (fd >= 0)
        (void)close(fd);
    if (good)
        return TALLY_OK;
    if (fd >= 0)
        (void)unlink(path);
    return complain(complaint, complaint_of_errno(code), "%s cannot be written: %s", path,
                    code == EEXIST ? "there is such a file already, which may be the only copy of "
                                     "a key"
                                   : strerror(code));
}

static enum tally_error seal(const struct recovery *recovery, struct draft *draft, size_t used,
                             struct complaint *complaint)
{
    uint8_t salt[SALT], nonce[NONCE], box[BOX];
    char texts[3][BASE64_SIZE(BOX) + 1];
    randombytes_buf(salt, sizeof salt);
    randombytes_buf(nonce, sizeof nonce);
    enum tally_error error = passphrase_stretch(&draft->passphrase, PASSPHRASE_OPS, PASSPHRASE_KIB,
                                                salt, draft->stretched, complaint);
    if (error != TALLY_OK)
        return error;
    (void)crypto_secretbox_easy(box, recovery->secret, SECRET, nonce, draft->stretched);
    base64_write(bytes_of(salt, sizeof salt), texts[0]);
    base64_write(bytes_of(nonce, sizeof nonce), texts[1]);
    base64_write(bytes_of(box, sizeof box), texts[2]);
    texts[0][BASE64_SIZE(SALT)] = texts[1][BASE64_SIZE(NONCE)] = texts[2][BASE64_SIZE(BOX)] = '\0';
    (void)snprintf(draft->text + used, sizeof draft->text - used, "sealed %d %d %s %s %s\n",
                   PASSPHRASE_OPS, PASSPHRASE_KIB, texts[0], texts[1], texts[2]);
    return TALLY_OK;
}

static enum tally_error make(const char *path, const char *passphrase, struct recovery *recovery,
                             struct draft *draft, struct complaint *complaint)
{
    char did[TALLY_DID_SIZE + 1], text[BASE64_SIZE(SECRET) + 1] = "";
    enum tally_error error = TALLY_OK;
    tally_did_write(&recovery->identity, did);
    base64_write(bytes_of(recovery->authority.bytes, 64), text);
    text[BASE64_SIZE(SECRET)] = '\0';
    int used = snprintf(draft->text, sizeof draft->text, "%sidentity %s\nauthority %s\n", title,
                        did, text);
    if (passphrase != NULL) {
        error = passphrase_read(passphrase, &draft->passphrase, complaint);
        if (error == TALLY_OK)
            error = seal(recovery, draft, (size_t)used, complaint);
    } else {
        base64_write(bytes_of(recovery->secret, SECRET), text);
        (void)snprintf(draft->text + used, sizeof draft->text - (size_t)used, "secret %s\n", text);
        sodium_memzero(text, sizeof text);
    }
    return error == TALLY_OK ? write_file(path, draft->text, complaint) : error;
}

enum tally_error recovery_make(const char *path, const char *passphrase,
                               const struct tally_key *identity, const struct tally_crypto *crypto,
                               struct recovery **recovery, struct complaint *complaint)
{
    uint8_t message[128];
    struct recovery *made = sodium_malloc(sizeof *made);
    struct draft *draft = sodium_malloc(sizeof *draft);
    enum tally_error error =
        complain(complaint, TALLY_NO_MEMORY, "%s", tally_error_text(TALLY_NO_MEMORY));
    *recovery = NULL;
    if (made != NULL && draft != NULL) {
        made->identity = *identity;
        (void)crypto_sign_keypair(made->key.bytes, made->secret);
        crypto->sign(crypto->context, message_of(made, message), &made->authority);
        error = make(path, passphrase, made, draft, complaint);
    }
    sodium_free(draft);
    if (error == TALLY_OK)
        *recovery = made;
    else
        sodium_free(made);
    return error;
}

/* ---- Reading ---- */

static bool base64_exact(const char *text, uint8_t *bytes, size_t size)
{
    size_t got;
    return base64_read(text, strlen(text), bytes, size, &got) && got == size;
}

static enum tally_error open_sealed(const char *line, const char *path, const char *passphrase,
                                    struct recovery *recovery, struct draft *draft,
                                    struct complaint *complaint)
{
    char texts[3][BASE64_SIZE(BOX) + 2];
    uint8_t salt[SALT], nonce[NONCE], box[BOX];
    unsigned ops, kib;
    if (sscanf(line, "sealed %4u %8u %109s %109s %109s", &ops, &kib, texts[0], texts[1],
               texts[2]) != 5 ||
        ops < 1 || ops > PASSPHRASE_OPS_MAX || kib < 8 || kib > PASSPHRASE_KIB_MAX ||
        !base64_exact(texts[0], salt, SALT) || !base64_exact(texts[1], nonce, NONCE) ||
        !base64_exact(texts[2], box, BOX))
        return TALLY_MALFORMED;
    if (passphrase == NULL)
        return complain(complaint, TALLY_PERMISSION,
                        "%s has a passphrase: give --passphrase-file FILE, whose first line it is",
                        path);
    enum tally_error error = passphrase_read(passphrase, &draft->passphrase, complaint);
    if (error == TALLY_OK)
        error = passphrase_stretch(&draft->passphrase, ops, kib, salt, draft->stretched, complaint);
    if (error == TALLY_OK &&
        crypto_secretbox_open_easy(recovery->secret, box, BOX, nonce, draft->stretched) != 0)
        error = complain(complaint, TALLY_MISMATCH,
                         "the passphrase in %s is not that of %s, or the file is damaged",
                         passphrase, path);
    return error;
}

static enum tally_error parse(const char *path, const char *passphrase, struct recovery *recovery,
                              struct draft *draft, struct complaint *complaint)
{
    char did[80], authority[BASE64_SIZE(SECRET) + 2], secret[BASE64_SIZE(SECRET) + 2];
    uint8_t message[128];
    int used = 0;
    bool good = strncmp(draft->text, title, sizeof title - 1) == 0;
    const char *rest = draft->text + sizeof title - 1;
    enum tally_error error = TALLY_MALFORMED;
    complain(complaint, TALLY_MALFORMED,
             "%s is no recovery key as tally key recovery makes one: take another copy of it",
             path);
    if (!good || sscanf(rest, "identity %79s\nauthority %89s\n%n", did, authority, &used) != 2 ||
        used == 0 || !tally_did_read(bytes_text(did), &recovery->identity, NULL) ||
        !base64_exact(authority, recovery->authority.bytes, 64))
        return error;
    rest += used;
    if (strncmp(rest, "sealed ", 7) == 0)
        error = open_sealed(rest, path, passphrase, recovery, draft, complaint);
    else if (sscanf(rest, "secret %89s", secret) == 1 &&
             base64_exact(secret, recovery->secret, SECRET))
        error = TALLY_OK;
    sodium_memzero(secret, sizeof secret);
    if (error != TALLY_OK)
        return error;
    sign_key(recovery->secret, &recovery->key);
    if (memcmp(recovery->key.bytes, recovery->secret + 32, 32) != 0 ||
        !sign_verify(&recovery->identity, message_of(recovery, message), &recovery->authority))
        return complain(complaint, TALLY_MISMATCH,
                        "the parts of %s do not belong together: take another copy of it", path);
    return TALLY_OK;
}

static enum tally_error read_file(const char *path, struct draft *draft,
                                  struct complaint *complaint)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t got = -1;
    if (fd >= 0 && fstat(fd, &status) == 0 && (status.st_mode & 077) != 0) {
        (void)close(fd);
        return complain(complaint, TALLY_PERMISSION, "%s is %04o: chmod 600 %s", path,
                        (unsigned)status.st_mode & 07777, path);
    }
    if (fd >= 0)
        got = read(fd, draft->text, sizeof draft->text - 1);
    int code = errno;
    if (fd >= 0)
        (void)close(fd);
    if (got < 0)
        return complain(complaint, complaint_of_errno(code), "%s: %s", path, strerror(code));
    draft->text[got] = '\0';
    return TALLY_OK;
}

enum tally_error recovery_open(const char *path, const char *passphrase, struct recovery **recovery,
                               struct complaint *complaint)
{
    *recovery = NULL;
    if (sodium_init() < 0)
        return complain(complaint, TALLY_IO, "the kernel gives no random bytes");
    struct recovery *opened = sodium_malloc(sizeof *opened);
    struct draft *draft = sodium_malloc(sizeof *draft);
    enum tally_error error = TALLY_NO_MEMORY;
    if (opened == NULL || draft == NULL)
        (void)complain(complaint, error, "%s", tally_error_text(error));
    else
        error = read_file(path, draft, complaint);
    if (error == TALLY_OK)
        error = parse(path, passphrase, opened, draft, complaint);
    sodium_free(draft);
    if (error == TALLY_OK)
        *recovery = opened;
    else
        sodium_free(opened);
    return error;
}
