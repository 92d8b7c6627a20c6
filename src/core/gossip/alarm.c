/* SPDX-License-Identifier: Apache-2.0 */
#include "core/gossip/alarm.h"

#include "core/base/bytes.h"
#include "core/gossip/note_fit.h"

/* The wire's form of a fork proof. */
enum { FORM_RECEIPTS = 0, FORM_NOTES = 1 };

void alarm_send(struct peers *peers, struct spread *spread, struct tally_now now,
                struct tally_bytes first, struct tally_bytes second, struct outbox *out)
{
    uint8_t notes[2][ALARM_NOTE_MAX], body[TALLY_SIGNED_BODY_MAX];
    const struct tally_fork_proof message = {
        .form = FORM_NOTES,
        .first = bytes_of(notes[0], note_fit(first, notes[0], sizeof notes[0])),
        .second = bytes_of(notes[1], note_fit(second, notes[1], sizeof notes[1])),
    };
    if (message.first.size == 0 || message.second.size == 0)
        return;
    struct wire_writer w;
    struct parcel parcel;
    wire_writer_init(&w, body, sizeof body);
    tally_fork_proof_write(&message, &w);
    parcel_make(peers, TALLY_KIND_FORK_PROOF, wire_writer_bytes(&w), false, &parcel);
    spread_put(spread, peers, NULL, now, bytes_of(parcel.bytes, parcel.size), 0, SPREAD_URGENT,
               false, out);
}

enum tally_drop alarm_receive(struct verifier *verifier, const struct peers *peers,
                              struct tally_now now, const struct datagram *datagram,
                              struct alarm_news *news)
{
    struct wire_reader r;
    struct tally_fork_proof message;
    *news = (struct alarm_news){.any = false};
    if (key_equal(&datagram->sender, &peers->options.key))
        return TALLY_DROP_SELF;
    wire_reader_init(&r, datagram->body);
    tally_fork_proof_read(&r, &message);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    if (message.form != FORM_NOTES)
        return TALLY_DROP_UNKNOWN;
    enum tally_drop drop = verifier_datagram(verifier, now, datagram);
    /* The two notes cost as much again, wherever they are verified. */
    if (drop == TALLY_DROP_NONE && !(verifier_pay(verifier, now) && verifier_pay(verifier, now)))
        drop = TALLY_DROP_BUSY;
    if (drop != TALLY_DROP_NONE)
        return drop;
    *news = (struct alarm_news){.any = true, .first = message.first, .second = message.second};
    return TALLY_DROP_NONE;
}
