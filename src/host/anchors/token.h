/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ANCHORS_TOKEN_H
#define ANCHORS_TOKEN_H
/*
 * Time-stamp tokens (RFC 3161, reliability chapter 12.3). OpenSSL had crashes in exactly these
 * calls, and a token is a stranger's, so it is read by another process: this program again, which
 * has no key, no open file, 64 MiB, a handful of system calls and five seconds.
 */
#include "tally/anchor.h"
#include "tally/error.h"

enum {
    TOKEN_MAX = 16 << 10,
    TOKEN_PEM_MAX = 128 << 10, /* Pinned roots; and revocation lists. */
    TOKEN_POLICIES_MAX = 8,
    TOKEN_OID_MAX = 63,
    TOKEN_REVOKED_MAX = 32,
    TOKEN_SERIAL_MAX = 20, /* RFC 5280 section 4.1.2.2. */
    TOKEN_NONCE_MAX = 20,
    TOKEN_IMPRINTS_MAX = 2,
    TOKEN_PATIENCE_MS = 5000,
};

/* A number as its bytes, most significant first, without leading zeros. */
struct token_number {
    uint8_t size, bytes[TOKEN_SERIAL_MAX];
};

struct token_question {
    int64_t now_ms;        /* Wall clock. */
    int64_t held_since_ms; /* When we got the token: its signer must have been valid then. */
    uint32_t accuracy_max_ms;
    uint32_t imprint_count;
    struct tally_hash imprints[TOKEN_IMPRINTS_MAX]; /* Any of these is ours. */
    struct token_number nonce;                      /* Of our request; size 0: we did not ask. */
    uint32_t policy_count;
    char policies[TOKEN_POLICIES_MAX][TOKEN_OID_MAX + 1]; /* Allowed, dotted. */
    uint32_t revoked_count;
    struct token_number revoked[TOKEN_REVOKED_MAX];
    uint32_t roots_size, crl_size, token_size; /* Of what follows. Without roots: NO_BACKEND. */
};

struct token_answer {
    enum tally_anchor_reason reason;
    bool known;                         /* The two hashes are set: its form is good. */
    struct tally_hash identity, signer; /* SHA-256 of TSTInfo, and of the signer's public key. */
    uint32_t imprint;                   /* Which of ours it is. */
    int64_t time_ms;
    uint32_t accuracy_ms;
    char policy[TOKEN_OID_MAX + 1];
};

/* Judges a token, or a TimeStampResp around one, in another process. READER if that fails: it could
   not be started, died, or was killed after five seconds. Blocks so long. */
void token_judge(const struct token_question *question, struct tally_bytes roots,
                 struct tally_bytes crl, struct tally_bytes token, struct token_answer *answer);

/* A request for a time stamp over a SHA-256 imprint, with nonce, the certificate asked for, under
   that policy (NULL: whichever). Bytes written; 0 if something is out of bounds. */
size_t token_request_write(const struct tally_hash *imprint, const struct token_number *nonce,
                           const char *policy, uint8_t *bytes, size_t capacity);

/* Whether this process was started by token_judge; then main does nothing but token_child. */
bool token_child_wanted(int count, char **arguments);
int token_child(void);

/* The judgement itself, in this process. For token_child, and for tests. */
void token_read(const struct token_question *question, struct tally_bytes roots,
                struct tally_bytes crl, struct tally_bytes token, struct token_answer *answer);

#endif
