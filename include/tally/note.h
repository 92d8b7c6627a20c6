/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_NOTE_H
#define TALLY_NOTE_H
/*
 * Signed notes (C2SP signed-note), the checkpoints they carry (tlog-checkpoint), and cosignatures
 * (tlog-cosignature v1). Log chapter, sections 2 to 4. Views lie in the bytes that were read.
 */
#include "tally/error.h"
#include "tally/limits.h"
#include "tally/types.h"
#include "tally/windows.h"

/* ---- Keys ---- */

enum tally_vkey_type {
    TALLY_VKEY_LOG = 0x01,      /* Ed25519 over the note's text. */
    TALLY_VKEY_COSIGNER = 0x04, /* Ed25519 cosignature/v1 over time and checkpoint. */
};

enum {
    TALLY_VKEY_NAME_MAX = 255,
    TALLY_VKEY_MAX = TALLY_VKEY_NAME_MAX + 1 + 8 + 1 + 44 + 1, /* Text with its NUL. */
    TALLY_SKEY_MAX = 12 + TALLY_VKEY_MAX,
};

/* A verifier key: who signs under which name. */
struct tally_vkey {
    char name[TALLY_VKEY_NAME_MAX + 1]; /* NUL-terminated. */
    enum tally_vkey_type type;
    uint8_t id[4]; /* An index, not a security claim. */
    struct tally_key key;
};

/* False if the name is empty, too long, not UTF-8, or has a `+` or a Unicode space. */
bool tally_vkey_init(struct tally_vkey *vkey, struct tally_bytes name, enum tally_vkey_type type,
                     const struct tally_key *key);

/* The log key that a default origin implies; false if it is no did:key origin. */
bool tally_vkey_of_origin(struct tally_vkey *vkey, struct tally_bytes origin);

/* `name+id+base64`, NUL-terminated; its size without the NUL. Reading checks the id. */
size_t tally_vkey_write(const struct tally_vkey *vkey, char text[TALLY_VKEY_MAX]);
bool tally_vkey_read(struct tally_bytes text, struct tally_vkey *vkey);

/* `PRIVATE+KEY+name+id+base64` of the vkey and its 32-byte seed. The caller wipes both. */
size_t tally_skey_write(const struct tally_vkey *vkey, const uint8_t seed[32],
                        char text[TALLY_SKEY_MAX]);
bool tally_skey_read(struct tally_bytes text, struct tally_vkey *vkey, uint8_t seed[32]);

/* ---- Notes ---- */

struct tally_note_line {
    struct tally_bytes line; /* Whole, with its \n. */
    struct tally_bytes name;
    struct tally_bytes signature; /* The base64 text of key id and signature. */
    uint8_t id[4];
};

struct tally_note {
    struct tally_bytes text; /* What is signed, with its last \n. */
    size_t count;
    struct tally_note_line lines[TALLY_NOTE_LINES_MAX];
};

/* What a note says of one key. */
struct tally_mark {
    bool good;       /* Signed by it. */
    uint64_t time_s; /* Of a cosignature, seconds since 1970; 0 for a log's signature. */
};

/* NONE or MALFORMED. */
enum tally_drop tally_note_read(struct tally_bytes bytes, struct tally_note *note);

/* Lines of unknown keys are ignored; one wrong line of a known key refuses the whole note (FORGED);
   without a good line of any key: KEY. marks: one for each key, or NULL. */
enum tally_drop tally_note_verify(const struct tally_note *note, const struct tally_vkey *keys,
                                  size_t count, const struct tally_crypto *crypto,
                                  struct tally_mark *marks);

/* The note with all lines of `one` and those of `other`, of the same text, whose (name, id) `one`
   lacks. Bytes written; 0 if a note is malformed, the texts differ or they do not fit. */
size_t tally_note_merge(struct tally_bytes one, struct tally_bytes other, uint8_t *bytes,
                        size_t capacity);

/* ---- Checkpoints ---- */

struct tally_checkpoint {
    struct tally_bytes origin;
    uint64_t size; /* Below 2^63. */
    struct tally_hash root;
    struct tally_bytes extensions; /* Lines after the third, each with its \n; we write none. */
};

/* The text of a note as a checkpoint: NONE or MALFORMED. */
enum tally_drop tally_checkpoint_read(struct tally_bytes text, struct tally_checkpoint *checkpoint);

/* The text, without signatures. Bytes written; 0 if they do not fit. */
size_t tally_checkpoint_write(const struct tally_checkpoint *checkpoint, uint8_t *text,
                              size_t capacity);

/* A note with one signature of the window's key, which is that of vkey; the name of vkey must be
   the origin. Bytes written, at most TALLY_CHECKPOINT_MAX (a checkpoint with extensions is not ours
   and not signed). */
size_t tally_checkpoint_sign(const struct tally_checkpoint *checkpoint,
                             const struct tally_vkey *vkey, const struct tally_crypto *crypto,
                             uint8_t note[TALLY_CHECKPOINT_MAX]);

/* The same note from the signature of its text, good or not: nothing is verified. */
size_t tally_checkpoint_join(const struct tally_checkpoint *checkpoint,
                             const struct tally_vkey *vkey, const struct tally_signature *signature,
                             uint8_t note[TALLY_CHECKPOINT_MAX]);

/*
 * All in one: a note, a checkpoint in it, signed by the log key. vkey NULL: the key that follows
 * from a did:key origin; else the origin must be the key's name. NONE, MALFORMED, KEY (no key, or
 * not signed by it, or another origin), FORGED.
 */
enum tally_drop tally_checkpoint_open(struct tally_bytes note, const struct tally_vkey *vkey,
                                      const struct tally_crypto *crypto,
                                      struct tally_checkpoint *checkpoint);

/* ---- Cosignatures ---- */

enum { TALLY_COSIGNATURE_MAX = 4 + TALLY_VKEY_NAME_MAX + 1 + 104 + 1 };

/* A signature line for a checkpoint's text by the window's key at that time. The key must be used
   for nothing else (log chapter 9). Bytes written; 0 if the text is no checkpoint of ours to sign.
 */
size_t tally_cosignature_write(struct tally_bytes text, const struct tally_vkey *vkey,
                               uint64_t time_s, const struct tally_crypto *crypto,
                               uint8_t line[TALLY_COSIGNATURE_MAX]);

#endif
