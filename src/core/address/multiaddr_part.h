/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ADDRESS_MULTIADDR_PART_H
#define ADDRESS_MULTIADDR_PART_H
/* One /name/value of a multiaddr, shared by its binary and its text form; for nobody else. */
#include "core/address/multiaddr.h"

enum {
    MULTIADDR_CODE_IP4 = 4,
    MULTIADDR_CODE_TCP = 6,
    MULTIADDR_CODE_IP6 = 41,
    MULTIADDR_CODE_ZONE = 42,
    MULTIADDR_CODE_DNS = 53,
    MULTIADDR_CODE_DNS4 = 54,
    MULTIADDR_CODE_DNS6 = 55,
    MULTIADDR_CODE_UDP = 273,
    MULTIADDR_CODE_CIRCUIT = 290,
    MULTIADDR_CODE_P2P = 421,
};

enum multiaddr_form {
    MULTIADDR_EMPTY, /* No value, and no part for it in the text. */
    MULTIADDR_IP4,
    MULTIADDR_IP6,
    MULTIADDR_PORT,
    MULTIADDR_BYTE,    /* A decimal number up to 255. */
    MULTIADDR_TEXT,    /* As it stands. */
    MULTIADDR_PATH,    /* The rest of the text (go), or one escaped part (js). */
    MULTIADDR_ESCAPED, /* One part, percent-escaped. */
    MULTIADDR_PEER,
    MULTIADDR_MULTIHASH, /* Multibase in text. */
};

struct multiaddr_kind {
    const char *name;
    uint16_t code;
    enum multiaddr_form form;
};

struct multiaddr_part {
    const struct multiaddr_kind *kind;
    struct tally_bytes value; /* Without its length. */
};

/* NULL if there is no such name here. */
const struct multiaddr_kind *multiaddr_kind_named(struct tally_bytes name);

bool multiaddr_value_valid(enum multiaddr_form form, struct tally_bytes value);

/* The part at the front of *rest, which then begins behind it. False: an unknown code, whose
   length nobody knows, or a value that is cut off or wrong. */
bool multiaddr_part_read(struct tally_bytes *rest, struct multiaddr_part *part);

/* Appends; false if there is no room. */
bool multiaddr_part_write(struct multiaddr *address, const struct multiaddr_part *part);

#endif
