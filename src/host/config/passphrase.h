/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFIG_PASSPHRASE_H
#define CONFIG_PASSPHRASE_H
/*
 * A passphrase, and the key that is stretched from it (Argon2id, RFC 9106). Both are secret: who
 * holds them has them in sodium_malloc memory and wipes them on every path.
 */
#include "host/config/complaint.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PASSPHRASE_MAX = 1024,
    PASSPHRASE_SALT = 16,
    PASSPHRASE_KEY = 32,
    /* Passes and memory of what is sealed anew (operations 3.7), and the most that is obeyed. */
    PASSPHRASE_OPS = 3,
    PASSPHRASE_KIB = 64 * 1024,
    PASSPHRASE_OPS_MAX = 16,
    PASSPHRASE_KIB_MAX = 1024 * 1024,
};

struct passphrase {
    char text[PASSPHRASE_MAX];
    size_t size;
};

/* The first line of a file. */
enum tally_error passphrase_read(const char *path, struct passphrase *passphrase,
                                 struct complaint *complaint);

/*
 * From the file `path`; without one from that of $TALLY_PASSPHRASE_FILE; without that from the
 * terminal, which does not show it, `twice` if it is a new one. NOT_FOUND if there is none of
 * these; MISMATCH if the two differ. `what` is what it opens, for the question.
 */
enum tally_error passphrase_get(const char *path, const char *what, bool twice,
                                struct passphrase *passphrase, struct complaint *complaint);

enum tally_error passphrase_stretch(const struct passphrase *passphrase, unsigned ops, unsigned kib,
                                    const uint8_t salt[PASSPHRASE_SALT],
                                    uint8_t key[PASSPHRASE_KEY], struct complaint *complaint);

#endif
