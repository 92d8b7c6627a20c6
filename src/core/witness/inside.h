/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITNESS_INSIDE_H
#define WITNESS_INSIDE_H
/* What the files of this folder share. */
#include "core/witness/witness.h"

/* ---- witness.c ---- */

/* NULL: there is no room for more in this step. */
struct witness_news *witness_news_add(struct witness *witness, enum witness_news_kind kind);

/* Our witness key, made if there is none yet. */
bool witness_key(struct witness *witness, bool make);

/* Whether our own statements certify that key; if not, one is on its way. */
bool witness_certified(struct witness *witness, struct tally_now now, struct outbox *out);

uint64_t witness_seconds(struct tally_now now);

/* ---- judge.c ---- */

struct witness_reply {
    unsigned status;
    size_t size;
    uint8_t bytes[TALLY_COSIGNATURE_MAX];
};

/* The log of that origin hash that we cosigned for; NULL: never. */
struct witness_log *witness_log_find(const struct witness *witness,
                                     const struct tally_hash *origin_hash);

void witness_logs_load(struct witness *witness, struct tally_now now);

/* True: *reply is the answer. False: it waits for the disk. */
bool witness_judge(struct witness *witness, struct tally_now now, struct tally_bytes bytes,
                   const struct witness_from *from, struct witness_reply *reply,
                   struct outbox *out);

/* KEPT for a note that we cosigned; the answer goes to whoever asked. */
bool witness_judged(struct witness *witness, struct tally_now now, uint64_t ticket,
                    enum tally_error error);

/* ---- answers.c: what peers ask of us ---- */

struct witness_server *witness_server_on(const struct witness *witness, uint32_t stream);
void witness_answer(struct witness *witness, const struct witness_from *from,
                    const struct witness_reply *reply);
enum tally_drop witness_server_receive(struct witness *witness, struct tally_now now,
                                       struct witness_server *server,
                                       const struct tally_federation_frame *frame,
                                       struct outbox *out);
size_t witness_server_compose(struct witness *witness, struct witness_server *server,
                              uint8_t *frame, size_t capacity);

/* ---- ask.c: what we ask of peers ---- */

struct witness_peer *witness_peer_on(const struct witness *witness, uint32_t stream);
struct witness_peer *witness_peer_find(const struct witness *witness, const struct tally_key *key);
enum tally_drop witness_peer_receive(struct witness *witness, struct tally_now now,
                                     struct witness_peer *peer,
                                     const struct tally_federation_frame *frame,
                                     struct outbox *out);
size_t witness_peer_compose(struct witness *witness, struct tally_now now,
                            struct witness_peer *peer, uint8_t *frame, size_t capacity);
bool witness_peer_due(const struct witness *witness, const struct witness_peer *peer);
/* Its stream is gone, or did not come. */
void witness_peer_lost(struct witness *witness, struct tally_now now, struct witness_peer *peer);
void witness_peers_tick(struct witness *witness, struct tally_now now);
struct tally_mono witness_peers_deadline(const struct witness *witness);
/* A place among those who are asked, IDLE; NULL: all are taken. */
struct witness_peer *witness_peer_new(struct witness *witness, const struct tally_key *key);
/* IDLE from there, or FREE, without a stream. */
void witness_peer_drop(struct witness *witness, struct witness_peer *peer);
/* What a log of ours asks of it, with the proof from what it cosigned last; 0: our disk does not
   give that. */
size_t witness_request_write(const struct witness *witness, const struct witness_own *own,
                             const struct witness_asked *asked,
                             uint8_t bytes[TALLY_WITNESS_ASK_MAX]);
/* What it cosigned of ours, as it shows it; the node compares it with what we hold. */
void witness_peer_showed(struct witness *witness, struct witness_peer *peer,
                         struct tally_bytes note, struct outbox *out);

/* ---- outside.c: what we ask over HTTP ---- */

void witness_outside_admit(struct witness *witness);
void witness_outside_tick(struct witness *witness, struct tally_now now, struct outbox *out);
struct tally_mono witness_outside_deadline(const struct witness *witness);

/* ---- rounds.c: our own logs ---- */

void witness_own_load(struct witness *witness, struct tally_now now);
/* The log that peer is to be asked for next; own_count: none. */
unsigned witness_round_next(const struct witness *witness, const struct witness_peer *peer,
                            bool *look);
/* The answer to an add-checkpoint of that log. */
void witness_round_answer(struct witness *witness, struct tally_now now, struct witness_peer *peer,
                          unsigned own, unsigned status, struct tally_bytes bytes,
                          struct outbox *out);
/* The peer cannot be asked in these rounds. */
void witness_round_skip(struct witness *witness, const struct witness_peer *peer);
void witness_rounds_tick(struct witness *witness, struct tally_now now, struct outbox *out);
struct tally_mono witness_rounds_deadline(const struct witness *witness);

/* ---- sample.c ---- */

void witness_sample_due(struct witness *witness, struct tally_now now, struct witness_log *log);
void witness_samples_tick(struct witness *witness, struct tally_now now, struct outbox *out);
struct tally_mono witness_samples_deadline(const struct witness *witness);
/* The next receipt that this peer is to show; false: none. */
bool witness_sample_next(const struct witness *witness, const struct witness_peer *peer,
                         struct peer_errand *errand);
/* Its issuer says that it does not show it. */
void witness_sample_refused(struct witness *witness);
/* It showed one, or could not. */
void witness_sample_shown(struct witness *witness, const struct peer_errand *errand,
                          const struct tally_federation_frame *frame);

#endif
