/* SPDX-License-Identifier: Apache-2.0 */
#include "core/peers/claim.h"

#include "core/base/bytes.h"
#include "core/wire/derive.h"
#include "tally/log.h"

enum tally_drop claim_read(const struct datagram *datagram, const uint8_t network[8],
                           struct claim *claim)
{
    struct wire_reader r;
    struct tally_note note;
    wire_reader_init(&r, datagram->body);
    tally_announce_read(&r, &claim->message);
    if (!wire_reader_done(&r) ||
        tally_note_read(claim->message.checkpoint, &note) != TALLY_DROP_NONE ||
        tally_checkpoint_read(note.text, &claim->checkpoint) != TALLY_DROP_NONE)
        return TALLY_DROP_MALFORMED;
    const struct tally_announce *message = &claim->message;
    if (message->size_to != claim->checkpoint.size || message->size_from > message->size_to ||
        message->size_to == 0)
        return TALLY_DROP_MALFORMED;
    struct tally_key issuer;
    if (!tally_origin_read(claim->checkpoint.origin, &issuer, &claim->name_space))
        return TALLY_DROP_KEY;
    uint8_t tag[DERIVE_TAG];
    derive_namespace_tag(network, claim->name_space, tag);
    if (!key_equal(&issuer, &datagram->sender) || !key_equal(&issuer, &message->log_key) ||
        memcmp(tag, message->name_space, sizeof tag) != 0)
        return TALLY_DROP_KEY;
    tally_origin_hash(claim->checkpoint.origin, &claim->origin);
    return TALLY_DROP_NONE;
}

enum tally_drop claim_verify(struct verifier *verifier, struct tally_now now,
                             const struct datagram *datagram, const struct claim *claim)
{
    enum tally_drop drop = verifier_datagram(verifier, now, datagram);
    if (drop != TALLY_DROP_NONE)
        return drop;
    if (!verifier_pay(verifier, now))
        return TALLY_DROP_BUSY;
    struct tally_checkpoint checkpoint;
    return tally_checkpoint_open(claim->message.checkpoint, NULL, &verifier->crypto, &checkpoint);
}
