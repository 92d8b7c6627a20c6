/* SPDX-License-Identifier: Apache-2.0 */
#include "host/backup/sealed.h"

#include "core/base/base64.h"
#include "core/base/bytes.h"
#include "core/crypto/sign.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PLAIN_MAX = 32 << 10,
    NAME_SIZE = 64,
    KEY_MAX = 4096, /* Bytes of one file. */
    BOX_MAX = PLAIN_MAX + crypto_secretbox_MACBYTES,
    SALT = PASSPHRASE_SALT,
    NONCE = crypto_secretbox_NONCEBYTES,
    PROTOBUF = 4, /* Before seed and public half (config/keys.h). */
};

static const char title[] = "sealed keys 1";

struct sealed {
    size_t size;
    uint8_t plain[PLAIN_MAX];
    uint8_t key[PASSPHRASE_KEY];
};

void sealed_free(struct sealed *sealed)
{
    sodium_free(sealed);
}

static struct sealed *sealed_new(struct complaint *complaint)
{
    struct sealed *sealed = sodium_init() < 0 ? NULL : sodium_malloc(sizeof *sealed);
    if (sealed == NULL)
        (void)complain(complaint, TALLY_NO_MEMORY, "%s", tally_error_text(TALLY_NO_MEMORY));
    else
        sealed->size = 0;
    return sealed;
}

/* ---- One file ---- */

struct entry {
    char name[NAME_SIZE];
    struct tally_bytes bytes;
};

static bool is_name(const char *name)
{
    return name[0] != '.' && name[0] != '\0' && strchr(name, '/') == NULL;
}

/* The entry at *at, which moves behind it; false if what is there is none. */
static bool next_entry(const struct sealed *sealed, size_t *at, struct entry *entry)
{
    size_t left = sealed->size - *at;
    const uint8_t *p = sealed->plain + *at;
    size_t name = left < 2 ? NAME_SIZE : be16_read(p);
    if (name == 0 || name >= NAME_SIZE || left < 2 + name + 2)
        return false;
    memcpy(entry->name, p + 2, name);
    entry->name[name] = '\0';
    size_t size = be16_read(p + 2 + name);
    if (left < 2 + name + 2 + size || strlen(entry->name) != name || !is_name(entry->name))
        return false;
    entry->bytes = bytes_of(p + 2 + name + 2, size);
    *at += 2 + name + 2 + size;
    return true;
}

/* Adds a file; false with errno. */
static bool add_file(struct sealed *sealed, int folder, const char *name)
{
    size_t length = strlen(name), at = sealed->size;
    if (length >= NAME_SIZE || PLAIN_MAX - at < 2 + length + 2 + KEY_MAX + 1) {
        errno = EFBIG;
        return false;
    }
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    uint8_t *p = sealed->plain + at;
    ssize_t got = fd < 0 ? -1 : read(fd, p + 2 + length + 2, KEY_MAX + 1);
    int code = got > KEY_MAX ? EFBIG : errno;
    if (fd >= 0)
        (void)close(fd);
    errno = code;
    if (got < 0 || got > KEY_MAX)
        return false;
    be16_write(p, (uint16_t)length);
    memcpy(p + 2, name, length);
    be16_write(p + 2 + length, (uint16_t)got);
    sealed->size += 2 + length + 2 + (size_t)got;
    return true;
}

static bool add_files(struct sealed *sealed, int folder, char name[NAME_SIZE])
{
    struct dirent **names;
    int count = scandirat(folder, ".", &names, NULL, alphasort);
    bool good = count >= 0;
    for (int i = 0; i < count; i++) {
        struct stat about;
        (void)snprintf(name, NAME_SIZE, "%.63s", names[i]->d_name);
        if (good && is_name(names[i]->d_name) &&
            fstatat(folder, names[i]->d_name, &about, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(about.st_mode))
            good = add_file(sealed, folder, names[i]->d_name);
        int code = errno;
        free(names[i]);
        errno = code;
    }
    if (count >= 0)
        free(names);
    return good;
}

enum tally_error sealed_gather(const char *data, struct sealed **sealed,
                               struct complaint *complaint)
{
    char path[4096], name[NAME_SIZE] = "";
    *sealed = NULL;
    if ((size_t)snprintf(path, sizeof path, "%s/keys", data) >= sizeof path)
        return complain(complaint, TALLY_TOO_LARGE, "the path %.60s... is too long", data);
    struct sealed *made = sealed_new(complaint);
    if (made == NULL)
        return TALLY_NO_MEMORY;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    bool good = folder >= 0 && add_files(made, folder, name);
    int code = errno;
    if (folder >= 0)
        (void)close(folder);
    if (good) {
        *sealed = made;
        return TALLY_OK;
    }
    sealed_free(made);
    return complain(complaint, complaint_of_errno(code), "%s/%s cannot be read: %s", path, name,
                    strerror(code));
}

/* ---- The line ---- */

static size_t add_base64(char *text, size_t at, const uint8_t *bytes, size_t size)
{
    text[at++] = ' ';
    base64_write(bytes_of(bytes, size), text + at);
    return at + BASE64_SIZE(size);
}

char *sealed_write(const struct sealed *sealed, const struct passphrase *passphrase,
                   struct complaint *complaint)
{
    uint8_t salt[SALT], nonce[NONCE];
    struct sealed *work = sealed_new(complaint);
    char *text = malloc(SEALED_TEXT_MAX);
    uint8_t *box = malloc(BOX_MAX);
    enum tally_error error = TALLY_NO_MEMORY;
    randombytes_buf(salt, sizeof salt);
    randombytes_buf(nonce, sizeof nonce);
    if (work != NULL && text != NULL && box != NULL)
        error = passphrase_stretch(passphrase, PASSPHRASE_OPS, PASSPHRASE_KIB, salt, work->key,
                                   complaint);
    if (error == TALLY_OK) {
        (void)crypto_secretbox_easy(box, sealed->plain, sealed->size, nonce, work->key);
        size_t at = (size_t)snprintf(text, SEALED_TEXT_MAX, "%s %d %d", title, PASSPHRASE_OPS,
                                     PASSPHRASE_KIB);
        at = add_base64(text, at, salt, sizeof salt);
        at = add_base64(text, at, nonce, sizeof nonce);
        at = add_base64(text, at, box, sealed->size + crypto_secretbox_MACBYTES);
        (void)snprintf(text + at, SEALED_TEXT_MAX - at, "\n");
    } else {
        free(text);
        text = NULL;
    }
    free(box);
    sealed_free(work);
    return text;
}

/* ---- Opening ---- */

/* The next word of a line as bytes; 0 if it is not base64 or does not fit. */
static size_t take_base64(struct tally_bytes text, size_t *at, uint8_t *bytes, size_t capacity)
{
    const char *word = (const char *)text.data + *at;
    size_t size = 0, count;
    while (*at + size < text.size && word[size] != ' ' && word[size] != '\n')
        size++;
    if (!base64_read(word, size, bytes, capacity, &count))
        return 0;
    *at += size + 1;
    return count;
}

/* The numbers in front; the place behind them, 0 if they are not what is obeyed. */
static size_t take_head(struct tally_bytes text, unsigned *ops, unsigned *kib)
{
    char head[64], again[64];
    size_t size = text.size < sizeof head - 1 ? text.size : sizeof head - 1;
    memcpy(head, text.data, size);
    head[size] = '\0';
    if (sscanf(head, "sealed keys 1 %4u %8u ", ops, kib) != 2 || *ops < 1 ||
        *ops > PASSPHRASE_OPS_MAX || *kib < 8 || *kib > PASSPHRASE_KIB_MAX)
        return 0;
    size_t written = (size_t)snprintf(again, sizeof again, "%s %u %u ", title, *ops, *kib);
    return written < size && memcmp(head, again, written) == 0 ? written : 0;
}

/* Whether all of it is files, among them the identity of that node. */
static bool holds_node(const struct sealed *sealed, const struct tally_key *node)
{
    struct entry entry;
    bool found = false;
    size_t at = 0;
    while (at < sealed->size) {
        if (!next_entry(sealed, &at, &entry))
            return false;
        if (strcmp(entry.name, "identity.key") != 0)
            continue;
        uint8_t *secret = sodium_malloc(PROTOBUF + 64);
        size_t size = entry.bytes.size, count;
        struct tally_key key;
        if (size > 0 && entry.bytes.data[size - 1] == '\n')
            size--;
        if (secret != NULL &&
            base64_read((const char *)entry.bytes.data, size, secret, PROTOBUF + 64, &count) &&
            count == PROTOBUF + 64) {
            sign_key(secret + PROTOBUF, &key);
            found = key_equal(&key, node);
        }
        sodium_free(secret);
    }
    return found;
}

static enum tally_error unseal(struct tally_bytes text, const struct passphrase *passphrase,
                               struct sealed *sealed, uint8_t *box, struct complaint *complaint)
{
    uint8_t salt[SALT], nonce[NONCE];
    unsigned ops = 0, kib = 0;
    size_t at = take_head(text, &ops, &kib), size = 0;
    if (at > 0 && take_base64(text, &at, salt, sizeof salt) == sizeof salt &&
        take_base64(text, &at, nonce, sizeof nonce) == sizeof nonce)
        size = take_base64(text, &at, box, BOX_MAX);
    if (size < crypto_secretbox_MACBYTES || at != text.size)
        return complain(complaint, TALLY_DAMAGED, "the keys of the backup are damaged");
    enum tally_error error = passphrase_stretch(passphrase, ops, kib, salt, sealed->key, complaint);
    if (error != TALLY_OK)
        return error;
    if (crypto_secretbox_open_easy(sealed->plain, box, size, nonce, sealed->key) != 0)
        return complain(complaint, TALLY_MISMATCH,
                        "the passphrase is not that of the keys in the backup");
    sealed->size = size - crypto_secretbox_MACBYTES;
    return TALLY_OK;
}

enum tally_error sealed_open(struct tally_bytes text, const struct passphrase *passphrase,
                             const struct tally_key *node, struct sealed **sealed,
                             struct complaint *complaint)
{
    struct sealed *opened = sealed_new(complaint);
    uint8_t *box = malloc(BOX_MAX);
    enum tally_error error = TALLY_NO_MEMORY;
    *sealed = NULL;
    if (opened != NULL && box != NULL)
        error = unseal(text, passphrase, opened, box, complaint);
    if (error == TALLY_OK && !holds_node(opened, node))
        error = complain(complaint, TALLY_DAMAGED,
                         "the keys in the backup are not those of the node that signed it");
    free(box);
    if (error == TALLY_OK)
        *sealed = opened;
    else
        sealed_free(opened);
    return error;
}

/* ---- Putting them back ---- */

static bool put_entry(int folder, const struct entry *entry)
{
    int fd =
        openat(folder, entry->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0 &&
                write(fd, entry->bytes.data, entry->bytes.size) == (ssize_t)entry->bytes.size &&
                fsync(fd) == 0;
    int code = errno;
    if (fd >= 0)
        (void)close(fd);
    errno = code;
    return good;
}

enum tally_error sealed_put(const struct sealed *sealed, int root, struct complaint *complaint)
{
    struct entry entry;
    size_t at = 0;
    int folder = -1;
    bool good = mkdirat(root, "keys.new", 0700) == 0 &&
                (folder = openat(root, "keys.new", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0;
    while (good && at < sealed->size)
        good = next_entry(sealed, &at, &entry) && put_entry(folder, &entry);
    good = good && fsync(folder) == 0 && renameat(root, "keys.new", root, "keys") == 0 &&
           fsync(root) == 0;
    int code = errno;
    if (folder >= 0)
        (void)close(folder);
    return good ? TALLY_OK
                : complain(complaint, complaint_of_errno(code), "the keys cannot be put back: %s",
                           strerror(code));
}
