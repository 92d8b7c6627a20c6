/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBP2P_MULTISTREAM_H
#define LIBP2P_MULTISTREAM_H
/*
 * multistream-select 1.0 (libp2p chapter, section 5): both ends agree on one protocol id before
 * its bytes begin. The same state machine serves the connection ("/noise", then "/yamux/1.0.0")
 * and each stream.
 *
 *     dialler:   WAITING --echo--> AGREED        WAITING --na, nothing else to propose--> REFUSED
 *     listener:  WAITING --known id--> AGREED    either: --breaks the rules--> BROKEN
 *
 * Bytes behind the last message are left unread: lazy peers send their data in the same write.
 */
#include "tally/types.h"

enum {
    MULTISTREAM_TEXT_MAX = 1024, /* Text and newline; longer is refused, as go and js do. */
    MULTISTREAM_KEPT_MAX = 64,   /* Of a longer text only the length matters: it gets `na`. */
    MULTISTREAM_PROPOSALS_MAX = 16,
};

#define MULTISTREAM_HEADER "/multistream/1.0.0"
#define MULTISTREAM_NA     "na"

enum multistream_verdict {
    MULTISTREAM_WAITING,
    MULTISTREAM_AGREED,
    MULTISTREAM_REFUSED, /* Dialler: the peer does not know the protocol. */
    MULTISTREAM_BROKEN,  /* Not multistream-select, or more than 16 proposals. */
};

/* Answers that a listener owes, in order, oldest in the low bits. */
enum multistream_answer {
    MULTISTREAM_SAY_HEADER = 1,
    MULTISTREAM_SAY_NA = 2,
    MULTISTREAM_SAY_ECHO = 3
};

struct multistream {
    bool dialler;
    bool greeted;            /* The peer's header came. */
    uint8_t proposals;       /* Messages after it. */
    uint8_t head, head_size; /* Length bytes of the message being read: value and count. */
    uint16_t size, have;     /* The message being read: its length once known, and bytes so far. */
    uint8_t kept[MULTISTREAM_KEPT_MAX]; /* The first of them. */
    uint64_t answers;                   /* Two bits each. */
};

/* A listener owes the header at once, as go does. */
void multistream_init(struct multistream *ms, bool dialler);

/* What a listener accepts: id number i, or NULL past the last. */
struct multistream_menu {
    const char *(*id)(const void *context, unsigned i);
    const void *context;
};

/*
 * Reads from *bytes up to a verdict or the end. AGREED: *choice is the number in the menu, or, of a
 * dialler, 0; its menu is the one id it proposed. Not to be called again after another verdict
 * than WAITING.
 */
enum multistream_verdict multistream_read(struct multistream *ms, struct tally_bytes *bytes,
                                          const struct multistream_menu *menu, unsigned *choice);

/* Writes the next answer that is owed and takes it from the list; 0 if none is. id is what was
   agreed, for the echo. out has room for MULTISTREAM_SIZE(strlen(id)) or 20 bytes. */
size_t multistream_answer(struct multistream *ms, const char *id, uint8_t *out);

/* One message: length, text, newline; bytes written. */
size_t multistream_write(const char *text, uint8_t *out);

#define MULTISTREAM_SIZE(text_size) ((size_t)(text_size) + 3)
enum { MULTISTREAM_HEADER_SIZE = 20 };

#endif
