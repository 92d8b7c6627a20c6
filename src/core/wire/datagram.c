/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire/datagram.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/crypto/sign.h"

#include <assert.h>

enum { FIX_ARRAY_8 = 0x98, VERSION = 1, KIND_MAX = 127, FIELDS = 8 };

_Static_assert((int)TALLY_HEARTBEAT_SIZE_MAX <= (int)TALLY_SIGNED_BODY_MAX, "a heartbeat fits");
_Static_assert((int)TALLY_ANNOUNCE_SIZE_MAX <= (int)TALLY_SIGNED_BODY_MAX, "an announce fits");
_Static_assert((int)TALLY_RELAY_RECORD_MAX == (int)TALLY_RECORD_MAX, "relay takes any record");

/* Whether this kind may be without a tag, and with one: a hello may be both. */
static bool tag_fits(enum tally_kind kind, bool tagged)
{
    if (kind == TALLY_KIND_HELLO)
        return true;
    return tagged == (kind != TALLY_KIND_COOKIE);
}

static enum tally_drop front_check(struct tally_bytes bytes)
{
    if (bytes.size < TALLY_DATAGRAM_MIN || bytes.size > TALLY_DATAGRAM_MAX ||
        bytes.data[0] != FIX_ARRAY_8 || bytes.data[1] > KIND_MAX)
        return TALLY_DROP_MALFORMED;
    if (bytes.data[1] != VERSION)
        return TALLY_DROP_VERSION;
    if (bytes.data[2] == 0 || bytes.data[2] > KIND_MAX)
        return TALLY_DROP_MALFORMED;
    return tally_kind_known(bytes.data[2]) ? TALLY_DROP_NONE : TALLY_DROP_UNKNOWN;
}

static enum tally_drop envelope_read(struct tally_bytes bytes, struct datagram *datagram)
{
    enum tally_drop drop = front_check(bytes);
    if (drop != TALLY_DROP_NONE)
        return drop;
    struct wire_reader r;
    *datagram = (struct datagram){.kind = (enum tally_kind)bytes.data[2]};
    bool has_signature = tally_kind_signed(datagram->kind);
    wire_reader_init(&r, bytes);
    wire_read_array(&r, FIELDS, FIELDS);
    wire_read_uint(&r, VERSION, VERSION);
    wire_read_uint(&r, 1, KIND_MAX);
    wire_read_fixed(&r, datagram->sender.bytes, sizeof datagram->sender.bytes);
    datagram->epoch = (uint32_t)wire_read_uint(&r, 0, UINT32_MAX);
    datagram->counter = wire_read_uint(&r, 0, UINT64_MAX);
    datagram->head = wire_reader_since(&r, 0);
    datagram->tagged = !wire_read_if_nil(&r);
    if (datagram->tagged)
        wire_read_fixed(&r, datagram->tag, sizeof datagram->tag);
    size_t tail = wire_reader_mark(&r);
    datagram->body =
        wire_read_bin(&r, 0, has_signature ? TALLY_SIGNED_BODY_MAX : TALLY_DATAGRAM_MAX);
    datagram->signed_tail = wire_reader_mark(&r) - tail;
    if (has_signature)
        wire_read_fixed(&r, datagram->signature.bytes, sizeof datagram->signature.bytes);
    else
        wire_read_nil(&r);
    datagram->tail = wire_reader_since(&r, tail);
    return wire_reader_done(&r) ? TALLY_DROP_NONE : TALLY_DROP_MALFORMED;
}

enum tally_drop datagram_read(struct tally_bytes bytes, struct datagram *datagram)
{
    enum tally_drop drop = envelope_read(bytes, datagram);
    if (drop != TALLY_DROP_NONE)
        return drop;
    /* A revocation may come by itself: who takes over from a key is a stranger to those who have to
       hear of it (gossip/notice.h). */
    bool fits = tag_fits(datagram->kind, datagram->tagged) ||
                (datagram->kind == TALLY_KIND_REVOCATION && bytes.size <= TALLY_RECORD_MAX);
    return fits ? TALLY_DROP_NONE : TALLY_DROP_MALFORMED;
}

enum tally_drop datagram_read_record(struct tally_bytes bytes, struct datagram *datagram)
{
    if (bytes.size > TALLY_RECORD_MAX)
        return TALLY_DROP_MALFORMED;
    enum tally_drop drop = envelope_read(bytes, datagram);
    if (drop != TALLY_DROP_NONE)
        return drop;
    bool record = tally_kind_signed(datagram->kind) && !datagram->tagged;
    return record ? TALLY_DROP_NONE : TALLY_DROP_MALFORMED;
}

static void tag_of(const struct tally_crypto *crypto, const uint8_t key[32],
                   struct tally_bytes head, struct tally_bytes tail, uint8_t tag[DATAGRAM_TAG])
{
    if (crypto->tag != NULL) {
        crypto->tag(crypto->context, key, head, tail, tag);
        return;
    }
    const struct tally_bytes parts[] = {head, tail};
    hash_blake2b(bytes_of(key, 32), parts, 2, tag, DATAGRAM_TAG);
}

bool datagram_tag_good(const struct datagram *datagram, const struct tally_crypto *crypto,
                       const uint8_t key[32])
{
    uint8_t tag[DATAGRAM_TAG];
    if (!datagram->tagged)
        return false;
    tag_of(crypto, key, datagram->head, datagram->tail, tag);
    return hash_same(tag, datagram->tag, sizeof tag);
}

/* Domain, head and body in a row, as they are signed. */
struct signed_bytes {
    uint8_t bytes[sizeof SIGN_DOMAIN_DATAGRAM + TALLY_DATAGRAM_MAX];
    size_t size;
};

static struct tally_bytes signed_bytes_of(struct tally_bytes head, struct tally_bytes body,
                                          struct signed_bytes *message)
{
    size_t domain = sizeof SIGN_DOMAIN_DATAGRAM - 1;
    assert(head.size + body.size <= TALLY_DATAGRAM_MAX);
    memcpy(message->bytes, SIGN_DOMAIN_DATAGRAM, domain);
    memcpy(message->bytes + domain, head.data, head.size);
    memcpy(message->bytes + domain + head.size, body.data, body.size);
    message->size = domain + head.size + body.size;
    return bytes_of(message->bytes, message->size);
}

bool datagram_verify(const struct datagram *datagram, const struct tally_crypto *crypto)
{
    struct signed_bytes message;
    if (!tally_kind_signed(datagram->kind))
        return false;
    struct tally_bytes bytes = signed_bytes_of(
        datagram->head, bytes_of(datagram->tail.data, datagram->signed_tail), &message);
    return crypto->verify(crypto->context, &datagram->sender, bytes, &datagram->signature);
}

static void head_write(struct wire_writer *w, unsigned kind, const struct tally_key *sender,
                       uint32_t epoch, uint64_t counter)
{
    wire_write_array(w, FIELDS);
    wire_write_uint(w, VERSION);
    wire_write_uint(w, kind);
    wire_write_fixed(w, sender->bytes, sizeof sender->bytes);
    wire_write_uint(w, epoch);
    wire_write_uint(w, counter);
}

size_t datagram_write(const struct datagram_draft *draft, const struct tally_crypto *crypto,
                      uint8_t *bytes, size_t capacity, size_t *tag_at)
{
    static const uint8_t no_tag[DATAGRAM_TAG];
    struct wire_writer w;
    bool has_signature = tally_kind_signed(draft->kind);
    if (has_signature && draft->body.size > TALLY_SIGNED_BODY_MAX)
        return 0;
    wire_writer_init(&w, bytes, capacity < TALLY_DATAGRAM_MAX ? capacity : TALLY_DATAGRAM_MAX);
    head_write(&w, draft->kind, &draft->sender, draft->epoch, draft->counter);
    struct tally_bytes head = wire_writer_bytes(&w);
    if (draft->tagged)
        wire_write_fixed(&w, no_tag, sizeof no_tag);
    else
        wire_write_nil(&w);
    size_t tail = wire_writer_bytes(&w).size;
    *tag_at = draft->tagged ? tail - DATAGRAM_TAG : 0;
    wire_write_bin(&w, draft->body);
    struct tally_bytes written = wire_writer_bytes(&w);
    if (written.size == 0)
        return 0;
    if (has_signature) {
        struct signed_bytes message;
        struct tally_signature signature;
        crypto->sign(crypto->context,
                     signed_bytes_of(head, bytes_of(bytes + tail, written.size - tail), &message),
                     &signature);
        wire_write_fixed(&w, signature.bytes, sizeof signature.bytes);
    } else {
        wire_write_nil(&w);
    }
    return wire_writer_bytes(&w).size;
}

void datagram_tag(const struct tally_crypto *crypto, const uint8_t key[32], uint8_t *bytes,
                  size_t size, size_t tag_at)
{
    enum { HEADER = 2 }; /* Of the tag's byte string: not part of the head. */
    assert(tag_at > HEADER && tag_at + DATAGRAM_TAG < size);
    size_t tail = tag_at + DATAGRAM_TAG;
    tag_of(crypto, key, bytes_of(bytes, tag_at - HEADER), bytes_of(bytes + tail, size - tail),
           bytes + tag_at);
}

size_t datagram_overhead(uint32_t epoch, uint64_t counter)
{
    enum { BODY_HEADER = 3, NO_TAG = 1, NO_SIGNATURE = 1 };
    static const struct tally_key nobody;
    uint8_t head[64];
    struct wire_writer w;
    wire_writer_init(&w, head, sizeof head);
    head_write(&w, TALLY_KIND_HELLO, &nobody, epoch, counter);
    return wire_writer_bytes(&w).size + NO_TAG + BODY_HEADER + NO_SIGNATURE;
}

struct tally_bytes datagram_record(const struct datagram *datagram, uint8_t *bytes, size_t capacity)
{
    struct wire_writer w;
    if (!tally_kind_signed(datagram->kind))
        return (struct tally_bytes){0};
    wire_writer_init(&w, bytes, capacity < TALLY_RECORD_MAX ? capacity : TALLY_RECORD_MAX);
    wire_write_raw(&w, datagram->head);
    wire_write_nil(&w);
    wire_write_raw(&w, datagram->tail);
    return wire_writer_bytes(&w);
}

void datagram_record_id(struct tally_bytes record, uint8_t id[DATAGRAM_ID])
{
    hash_blake2b((struct tally_bytes){0}, &record, 1, id, DATAGRAM_ID);
}
