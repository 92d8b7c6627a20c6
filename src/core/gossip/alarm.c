/* SPDX-License-Identifier: Apache-2.0 */
#include "core/gossip/alarm.h"

#include "core/base/bytes.h"
#include "core/gossip/note_fit.h"

/* The wire's form of a fork proof. */
enum { FORM_RECEIPTS = 0, FORM_NOTES = 1 };

/* The two with their proof; false if they are of one size, or do not fit so. */
static bool write_prefix(const struct alarm *alarm, struct wire_writer *w)
{
    struct tally_fork_prefix message;
    if (alarm->prefix == NULL ||
        alarm->count * sizeof *alarm->proof > TALLY_FORK_PREFIX_PROOF_MAX ||
        !sides_read(alarm->first, alarm->second, &message))
        return false;
    message.prefix = *alarm->prefix;
    message.proof = bytes_of((const uint8_t *)alarm->proof, alarm->count * sizeof *alarm->proof);
    tally_fork_prefix_write(&message, w);
    return true;
}

enum tally_kind alarm_write(const struct alarm *alarm, struct wire_writer *w)
{
    uint8_t notes[2][ALARM_NOTE_MAX];
    if (write_prefix(alarm, w))
        return TALLY_KIND_FORK_PREFIX;
    const struct tally_fork_proof message = {
        .form = FORM_NOTES,
        .first = bytes_of(notes[0], note_fit(alarm->first, notes[0], sizeof notes[0])),
        .second = bytes_of(notes[1], note_fit(alarm->second, notes[1], sizeof notes[1])),
    };
    if (message.first.size > 0 && message.second.size > 0)
        tally_fork_proof_write(&message, w);
    return TALLY_KIND_FORK_PROOF;
}

void alarm_send(struct peers *peers, struct spread *spread, struct tally_now now,
                const struct alarm *alarm, struct outbox *out)
{
    uint8_t body[TALLY_SIGNED_BODY_MAX];
    struct wire_writer w;
    struct parcel parcel;
    wire_writer_init(&w, body, sizeof body);
    enum tally_kind kind = alarm_write(alarm, &w);
    if (wire_writer_bytes(&w).size == 0)
        return;
    parcel_make(peers, kind, wire_writer_bytes(&w), false, &parcel);
    spread_put(spread, peers, NULL, now, bytes_of(parcel.bytes, parcel.size), 0, SPREAD_URGENT,
               false, out);
}

static enum tally_drop read_notes(struct tally_bytes body, struct alarm_news *news)
{
    struct wire_reader r;
    struct tally_fork_proof message;
    wire_reader_init(&r, body);
    tally_fork_proof_read(&r, &message);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    if (message.form != FORM_NOTES)
        return TALLY_DROP_UNKNOWN;
    news->first = message.first;
    news->second = message.second;
    return TALLY_DROP_NONE;
}

static enum tally_drop read_prefix(struct tally_bytes body, struct alarm_news *news)
{
    struct wire_reader r;
    wire_reader_init(&r, body);
    tally_fork_prefix_read(&r, &news->sides);
    if (!wire_reader_done(&r) || news->sides.proof.size % sizeof(struct tally_hash) != 0)
        return TALLY_DROP_MALFORMED;
    news->proved = true;
    return TALLY_DROP_NONE;
}

enum tally_drop alarm_receive(struct verifier *verifier, const struct peers *peers,
                              struct tally_now now, const struct datagram *datagram,
                              struct alarm_news *news)
{
    *news = (struct alarm_news){.any = false};
    if (key_equal(&datagram->sender, &peers->options.key))
        return TALLY_DROP_SELF;
    enum tally_drop drop = datagram->kind == TALLY_KIND_FORK_PREFIX
                               ? read_prefix(datagram->body, news)
                               : read_notes(datagram->body, news);
    if (drop == TALLY_DROP_NONE)
        drop = verifier_datagram(verifier, now, datagram);
    /* The two notes cost as much again, wherever they are verified. */
    if (drop == TALLY_DROP_NONE && !(verifier_pay(verifier, now) && verifier_pay(verifier, now)))
        drop = TALLY_DROP_BUSY;
    news->any = drop == TALLY_DROP_NONE;
    return drop;
}

bool alarm_open(const struct alarm_news *news, struct sides_notes *notes, struct alarm *alarm)
{
    *alarm = (struct alarm){.first = news->first, .second = news->second};
    if (!news->proved)
        return true;
    if (!sides_write(&news->sides, notes))
        return false;
    *alarm = (struct alarm){.first = notes->one,
                            .second = notes->other,
                            .prefix = &news->sides.prefix,
                            .proof = (const struct tally_hash *)news->sides.proof.data,
                            .count = news->sides.proof.size / sizeof(struct tally_hash)};
    return true;
}
