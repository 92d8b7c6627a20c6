/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_DATAGRAM_H
#define WIRE_DATAGRAM_H
/*
 * The envelope of a datagram (protocols 2.1, 2.2):
 *
 *     [ version 1, kind, sender, boot epoch, counter, tag or nil, body, signature or nil ]
 *      `------------------- head -----------------'             `------- tail --------'
 *
 * signature = Ed25519 of the sender over "tally datagram 1\n" || head || body with its header
 * tag       = BLAKE2b-128 under the key of this direction of a link, over head || tail
 *
 * So one datagram with one signature goes to all links and only the tag differs; and the same
 * bytes with nil for the tag are a *record*, which anyone can verify for ever.
 */
#include "core/wire/messages.h"
#include "tally/limits.h"
#include "tally/windows.h"

enum { DATAGRAM_TAG = 16, DATAGRAM_ID = 16 };

/* What was received, as views into its bytes. */
struct datagram {
    enum tally_kind kind;
    struct tally_key sender;
    uint32_t epoch;
    uint64_t counter;
    bool tagged;
    uint8_t tag[DATAGRAM_TAG];
    struct tally_bytes body;          /* The message: to be read by its kind. */
    struct tally_signature signature; /* Of signed kinds. */
    struct tally_bytes head, tail;
    size_t signed_tail; /* Bytes of the tail that the signature covers. */
};

/* What is to be sent. */
struct datagram_draft {
    enum tally_kind kind;
    struct tally_key sender;
    uint32_t epoch;
    uint64_t counter;
    bool tagged; /* Room for a tag is left, to be filled by datagram_tag. */
    struct tally_bytes body;
};

/* Check 1 of protocols 2.4, all that can be told without a key. MALFORMED, VERSION or UNKNOWN. Only
   hello and cookie may be without a tag. */
enum tally_drop datagram_read(struct tally_bytes bytes, struct datagram *datagram);

/* The same for a record: a signed kind without a tag, at most TALLY_RECORD_MAX bytes. */
enum tally_drop datagram_read_record(struct tally_bytes bytes, struct datagram *datagram);

/* Is its tag the one under this key? In constant time. False without a tag. */
bool datagram_tag_good(const struct datagram *datagram, const struct tally_crypto *crypto,
                       const uint8_t key[32]);

/* Is its signature the sender's? False for kinds that have none. Costs about 100 us. */
bool datagram_verify(const struct datagram *datagram, const struct tally_crypto *crypto);

/* Writes a datagram, signed if its kind is. *tag_at is where the tag goes, 0 without one. Returns
   its size; 0 if it does not fit the buffer or a limit. */
size_t datagram_write(const struct datagram_draft *draft, const struct tally_crypto *crypto,
                      uint8_t *bytes, size_t capacity, size_t *tag_at);

/* Puts the tag under this key into a written datagram; once more for each link. */
void datagram_tag(const struct tally_crypto *crypto, const uint8_t key[32], uint8_t *bytes,
                  size_t size, size_t tag_at);

/* The bytes round the body of an untagged, unsigned datagram with a body above 255 bytes. */
size_t datagram_overhead(uint32_t epoch, uint64_t counter);

/* The record in a received signed datagram: head || nil || tail. Empty if it does not fit, or if
   the kind is not signed. */
struct tally_bytes datagram_record(const struct datagram *datagram, uint8_t *bytes,
                                   size_t capacity);

/* Names a record: BLAKE2b-128 of its bytes; the first 8 as a hint. */
void datagram_record_id(struct tally_bytes record, uint8_t id[DATAGRAM_ID]);

#endif
