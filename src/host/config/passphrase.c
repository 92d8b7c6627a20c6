/* SPDX-License-Identifier: Apache-2.0 */
#include "host/config/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { INTERRUPT = 3 }; /* Control-C. */

enum tally_error passphrase_read(const char *path, struct passphrase *passphrase,
                                 struct complaint *complaint)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, passphrase->text, sizeof passphrase->text);
    int code = errno;
    if (fd >= 0)
        (void)close(fd);
    if (got < 0)
        return complain(complaint, complaint_of_errno(code),
                        "the passphrase cannot be read: %s: %s", path, strerror(code));
    const char *end = memchr(passphrase->text, '\n', (size_t)got);
    passphrase->size = end != NULL ? (size_t)(end - passphrase->text) : (size_t)got;
    if (passphrase->size == 0 || passphrase->size == sizeof passphrase->text)
        return complain(complaint, TALLY_MALFORMED,
                        "the first line of %s is no passphrase: it is empty, or above %d bytes",
                        path, PASSPHRASE_MAX - 1);
    return TALLY_OK;
}

/* ---- The terminal ---- */

/* One line without echo. Signals wait, so that an interrupt leaves the terminal as it was. */
static ssize_t read_hidden(int terminal, const char *question, char *text, size_t size)
{
    struct termios before, quiet;
    sigset_t all, old;
    ssize_t got = -1;
    if (tcgetattr(terminal, &before) != 0)
        return -1;
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    quiet.c_cc[VEOL] = INTERRUPT; /* It ends the line, and is seen in it. */
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, &old);
    if (tcsetattr(terminal, TCSAFLUSH, &quiet) == 0) {
        (void)dprintf(terminal, "%s: ", question);
        got = read(terminal, text, size);
        (void)tcsetattr(terminal, TCSAFLUSH, &before);
        (void)dprintf(terminal, "\n");
    }
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    return got;
}

static enum tally_error ask_once(int terminal, const char *question, struct passphrase *passphrase,
                                 struct complaint *complaint)
{
    ssize_t got = read_hidden(terminal, question, passphrase->text, sizeof passphrase->text);
    if (got > 0 && passphrase->text[got - 1] == '\n')
        got--;
    passphrase->size = got > 0 ? (size_t)got : 0;
    if (got <= 0 || passphrase->size == sizeof passphrase->text ||
        memchr(passphrase->text, INTERRUPT, passphrase->size) != NULL)
        return complain(complaint, TALLY_MALFORMED, "no passphrase was given");
    return TALLY_OK;
}

static enum tally_error ask_again(int terminal, const struct passphrase *passphrase,
                                  struct complaint *complaint)
{
    struct passphrase *again = sodium_malloc(sizeof *again);
    if (again == NULL)
        return complain(complaint, TALLY_NO_MEMORY, "%s", tally_error_text(TALLY_NO_MEMORY));
    enum tally_error error = ask_once(terminal, "the same again", again, complaint);
    if (error == TALLY_OK && (again->size != passphrase->size ||
                              sodium_memcmp(again->text, passphrase->text, again->size) != 0))
        error = complain(complaint, TALLY_MISMATCH, "the two passphrases differ: nothing was done");
    sodium_free(again);
    return error;
}

enum tally_error passphrase_get(const char *path, const char *what, bool twice,
                                struct passphrase *passphrase, struct complaint *complaint)
{
    char question[160];
    if (path == NULL || path[0] == '\0')
        path = getenv("TALLY_PASSPHRASE_FILE");
    if (path != NULL && path[0] != '\0')
        return passphrase_read(path, passphrase, complaint);
    int terminal = isatty(STDIN_FILENO) ? open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY) : -1;
    if (terminal < 0)
        return complain(
            complaint, TALLY_NOT_FOUND,
            "%s: a passphrase is needed: give --passphrase-file FILE, whose first line it "
            "is, or set TALLY_PASSPHRASE_FILE",
            what);
    (void)snprintf(question, sizeof question, "passphrase of %.120s", what);
    enum tally_error error = ask_once(terminal, question, passphrase, complaint);
    if (error == TALLY_OK && twice)
        error = ask_again(terminal, passphrase, complaint);
    (void)close(terminal);
    return error;
}

enum tally_error passphrase_stretch(const struct passphrase *passphrase, unsigned ops, unsigned kib,
                                    const uint8_t salt[PASSPHRASE_SALT],
                                    uint8_t key[PASSPHRASE_KEY], struct complaint *complaint)
{
    _Static_assert((int)PASSPHRASE_SALT == (int)crypto_pwhash_SALTBYTES, "Argon2id's salt");
    if (crypto_pwhash(key, PASSPHRASE_KEY, passphrase->text, passphrase->size, salt, ops,
                      (size_t)kib * 1024, crypto_pwhash_ALG_ARGON2ID13) == 0)
        return TALLY_OK;
    return complain(complaint, TALLY_NO_MEMORY, "the passphrase needs %u MiB of memory",
                    kib / 1024);
}
