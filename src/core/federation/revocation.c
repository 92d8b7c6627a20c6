/* SPDX-License-Identifier: Apache-2.0 */
#include "core/federation/revocation.h"

#include "core/base/bytes.h"
#include "core/crypto/sign.h"
#include "core/wire/messages.h"

enum tally_drop revocation_read(struct tally_bytes bytes, struct revocation *revocation)
{
    struct wire_reader r;
    struct tally_revocation message;
    struct tally_receipt receipt;
    struct fed_statement statement;
    wire_reader_init(&r, bytes);
    tally_revocation_read(&r, &message);
    if (!wire_reader_done(&r) ||
        tally_receipt_read(message.envelope, &receipt) != TALLY_DROP_NONE ||
        !bytes_equal(receipt.name_space, bytes_text(TALLY_STATEMENTS)) ||
        fed_kind_of(receipt.type) != FED_REVOKE_KEY ||
        fed_read(receipt.type, message.body, &statement) != TALLY_DROP_NONE ||
        tally_receipt_body(&receipt, message.body) != TALLY_DROP_NONE)
        return TALLY_DROP_MALFORMED;
    *revocation = (struct revocation){.party = statement.party,
                                      .signer = receipt.issuer,
                                      .recovery = statement.revoke.has_authority,
                                      .index = receipt.sequence,
                                      .time = receipt.time,
                                      .said = statement.revoke,
                                      .note = statement.note,
                                      .envelope = message.envelope,
                                      .body = message.body};
    /* Its own key needs no authority, and every other one does. */
    if (key_equal(&revocation->party, &revocation->signer) == revocation->recovery)
        return TALLY_DROP_KEY;
    return TALLY_DROP_NONE;
}

static struct tally_bytes two_keys(const char *domain, const struct tally_key *one,
                                   const struct tally_key *other,
                                   uint8_t message[REVOCATION_MESSAGE])
{
    size_t size = strlen(domain);
    memcpy(message, domain, size);
    memcpy(message + size, one->bytes, sizeof one->bytes);
    memcpy(message + size + sizeof one->bytes, other->bytes, sizeof other->bytes);
    return bytes_of(message, size + sizeof one->bytes + sizeof other->bytes);
}

struct tally_bytes revocation_handover(const struct tally_key *key,
                                       const struct tally_key *successor,
                                       uint8_t message[REVOCATION_MESSAGE])
{
    return two_keys(SIGN_DOMAIN_HANDOVER, key, successor, message);
}

struct tally_bytes revocation_authority(const struct tally_key *key,
                                        const struct tally_key *recovery,
                                        uint8_t message[REVOCATION_MESSAGE])
{
    return two_keys(SIGN_DOMAIN_RECOVERY, key, recovery, message);
}

unsigned revocation_signatures(const struct revocation *revocation)
{
    return 1u + revocation->recovery + revocation->said.has_successor;
}

enum tally_drop revocation_verify(const struct revocation *revocation,
                                  const struct tally_crypto *crypto)
{
    const struct fed_revoke *said = &revocation->said;
    uint8_t message[REVOCATION_MESSAGE];
    if (tally_receipt_verify(revocation->envelope, crypto) != TALLY_DROP_NONE)
        return TALLY_DROP_FORGED;
    if (revocation->recovery &&
        !crypto->verify(crypto->context, &revocation->party,
                        revocation_authority(&revocation->party, &revocation->signer, message),
                        &said->authority))
        return TALLY_DROP_FORGED;
    if (said->has_successor &&
        !crypto->verify(crypto->context, &said->successor,
                        revocation_handover(&revocation->party, &said->successor, message),
                        &said->handover))
        return TALLY_DROP_FORGED;
    return TALLY_DROP_NONE;
}

size_t revocation_write(struct tally_bytes envelope, struct tally_bytes body,
                        uint8_t bytes[TALLY_SIGNED_BODY_MAX])
{
    const struct tally_revocation message = {.envelope = envelope, .body = body};
    struct revocation again;
    struct wire_writer w;
    if (envelope.size > TALLY_REVOCATION_ENVELOPE_MAX || body.size > TALLY_REVOCATION_BODY_MAX)
        return 0;
    wire_writer_init(&w, bytes, TALLY_SIGNED_BODY_MAX);
    tally_revocation_write(&message, &w);
    struct tally_bytes written = wire_writer_bytes(&w);
    return written.size > 0 && revocation_read(written, &again) == TALLY_DROP_NONE ? written.size
                                                                                   : 0;
}

bool revocation_limit(struct fed_revoke *revoke, const struct tally_hash *origin, uint64_t size)
{
    size_t at = 0;
    while (at < revoke->limit_count && memcmp(revoke->limits[at].origin, origin->bytes, 8) < 0)
        at++;
    bool there =
        at < revoke->limit_count && memcmp(revoke->limits[at].origin, origin->bytes, 8) == 0;
    if (!there && revoke->limit_count == FED_LIMITS_MAX)
        return false;
    if (!there) {
        memmove(&revoke->limits[at + 1], &revoke->limits[at],
                (revoke->limit_count - at) * sizeof *revoke->limits);
        revoke->limit_count++;
    }
    memcpy(revoke->limits[at].origin, origin->bytes, 8);
    revoke->limits[at].size = size;
    return true;
}
