/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples (formats 5.4): receipts that the issuer must show, chosen by a secret of ours that is
 * told afterwards, so that it could not know which. What came of it is stated in our own log.
 */
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/log/merkle.h"
#include "core/witness/inside.h"

enum {
    SHOW_MS = 60000, /* So long the issuer has to show them all. */
    BODY_MAX = 640,  /* Of fed_witness_event: the schema's bounds. */
};

/* How long a log rests between its samples: as was agreed with its issuer, else as is usual. */
static uint64_t cycle_of(const struct witness *witness, const struct witness_log *log)
{
    uint64_t agreed_s = agreements_verify_s(&witness->options.fold->agreements, &log->issuer);
    return agreed_s > 0 ? agreed_s * 1000 : witness->options.cycle_ms;
}

void witness_sample_due(struct witness *witness, struct tally_now now, struct witness_log *log)
{
    /* Of logs of statements there are none, or two witnesses would state that they stated. */
    if (log->foreign || log->sample != SAMPLE_NONE)
        return;
    log->sample = SAMPLE_WAITING;
    uint64_t first = now.mono.ms + WITNESS_SAMPLE_FIRST_MS;
    if (first > now.mono.ms + witness->options.cycle_ms)
        first = now.mono.ms + witness->options.cycle_ms;
    if (log->sample_at.ms < first)
        log->sample_at.ms = first;
}

bool witness_sample_now(struct witness *witness, struct tally_now now,
                        const struct tally_key *party)
{
    bool any = false;
    for (unsigned i = 0; i < witness->log_count; i++) {
        struct witness_log *log = &witness->logs[i];
        if (log->foreign || log->damaged || log->held.size == 0 || !key_equal(&log->issuer, party))
            continue;
        any = true;
        if (log->sample == SAMPLE_ASKING)
            continue;
        log->sample = SAMPLE_WAITING;
        log->sample_at = now.mono;
    }
    return any;
}

/* ---- Choosing. ---- */

static bool chosen(const struct witness_sample *sample, uint64_t index)
{
    for (unsigned i = 0; i < sample->count; i++)
        if (sample->indexes[i] == index)
            return true;
    return false;
}

/* Index i: the first 8 bytes of SHA-256(SHA-256(root || nonce) || i), modulo size, or the next that
   is not among those before. Whoever is told the nonce finds the same. */
static void choose(struct witness_sample *sample)
{
    struct tally_hash seed;
    hash_sha256_two(bytes_of(sample->root.bytes, sizeof sample->root.bytes),
                    bytes_of(sample->nonce, sizeof sample->nonce), &seed);
    sample->count = 0;
    for (uint8_t number = 0; number < WITNESS_SAMPLES && number < sample->size; number++) {
        struct tally_hash drawn;
        hash_sha256_two(bytes_of(seed.bytes, sizeof seed.bytes), bytes_of(&number, 1), &drawn);
        uint64_t index = be64_read(drawn.bytes) % sample->size;
        while (chosen(sample, index))
            index = (index + 1) % sample->size;
        sample->indexes[sample->count++] = index;
    }
}

/* Reads back what we cosigned: origin and tree. False: it is no log to be sampled. */
static bool begin(struct witness *witness, struct tally_now now, struct witness_log *log)
{
    struct witness_sample *sample = witness->sample;
    const struct tally_ledger *ledger = witness->options.ledger;
    uint8_t bytes[TALLY_WITNESS_NOTE_MAX];
    struct tally_note note;
    struct tally_checkpoint checkpoint;
    struct tally_key issuer;
    struct tally_bytes name_space;
    size_t size =
        ledger->kept(ledger->context, TALLY_KEPT_WITNESSED, &log->origin_hash, bytes, sizeof bytes);
    if (tally_note_read(bytes_of(bytes, size), &note) != TALLY_DROP_NONE ||
        tally_checkpoint_read(note.text, &checkpoint) != TALLY_DROP_NONE || checkpoint.size == 0 ||
        !tally_origin_read(checkpoint.origin, &issuer, &name_space) ||
        bytes_equal(name_space, bytes_text(TALLY_STATEMENTS)))
        return false;
    *sample = (struct witness_sample){.busy = true,
                                      .log = (unsigned)(log - witness->logs),
                                      .root = checkpoint.root,
                                      .size = checkpoint.size,
                                      .time_s = log->held.time_s,
                                      .until = {now.mono.ms + SHOW_MS}};
    memcpy(sample->origin, checkpoint.origin.data, checkpoint.origin.size);
    witness->options.secret->draw(witness->options.secret->context, sample->nonce,
                                  sizeof sample->nonce);
    choose(sample);
    return true;
}

/* ---- Being shown. ---- */

bool witness_sample_next(const struct witness *witness, const struct witness_peer *peer,
                         struct peer_errand *errand)
{
    const struct witness_sample *sample = witness->sample;
    /* What ended is not asked on, until the tick that states it. */
    if (!sample->busy || sample->done == sample->count || sample->until.ms == 0 ||
        !key_equal(&witness->logs[sample->log].issuer, &peer->key))
        return false;
    errand->kind = TALLY_FEDERATION_INCLUSION_WANT;
    errand->log = sample->log;
    errand->index = sample->indexes[sample->done];
    return true;
}

/* What is evidence later is copied: the frame is gone by then. */
static void keep_wrong(struct witness_sample *sample, uint64_t index, const struct tally_hash *leaf,
                       const struct tally_federation_inclusion *shown)
{
    struct sample_wrong *wrong = &sample->wrong;
    if (sample->failed++ > 0)
        return;
    wrong->index = index;
    wrong->leaf = *leaf;
    wrong->count = shown->hashes_count;
    memcpy(wrong->hashes, shown->hashes, shown->hashes_count * sizeof *shown->hashes);
    wrong->size = shown->envelope.size <= sizeof wrong->envelope ? shown->envelope.size : 0;
    if (wrong->size > 0)
        memcpy(wrong->envelope, shown->envelope.data, wrong->size);
}

void witness_sample_refused(struct witness *witness)
{
    witness->sample->refused = true;
}

void witness_sample_shown(struct witness *witness, const struct peer_errand *errand,
                          const struct tally_federation_frame *frame)
{
    struct witness_sample *sample = witness->sample;
    struct tally_hash leaf;
    if (!sample->busy || sample->log != errand->log || sample->done == sample->count ||
        sample->indexes[sample->done] != errand->index)
        return;
    if (frame == NULL) {
        sample->until.ms = 0; /* Refused, or gone: that is the result. */
        return;
    }
    tally_receipt_leaf(frame->inclusion.envelope, &leaf);
    if (!tally_inclusion_holds(errand->index, sample->size, &leaf, frame->inclusion.hashes,
                               frame->inclusion.hashes_count, &sample->root))
        keep_wrong(sample, errand->index, &leaf, &frame->inclusion);
    sample->done++;
}

/* ---- Stating it. ---- */

static void state(struct witness *witness, unsigned result, struct outbox *out)
{
    const struct witness_sample *sample = witness->sample;
    uint8_t body[BODY_MAX];
    struct wire_writer writer;
    struct tally_fed_witness_event event = {.origin = bytes_text(sample->origin),
                                            .size = sample->size,
                                            .root = sample->root,
                                            .time_s = sample->time_s,
                                            .result = (uint8_t)result,
                                            .samples_count = sample->done};
    memcpy(event.nonce, sample->nonce, sizeof sample->nonce);
    memcpy(event.samples, sample->indexes, sample->done * sizeof *sample->indexes);
    wire_writer_init(&writer, body, sizeof body);
    tally_fed_witness_event_write(&event, &writer);
    struct tally_bytes written = wire_writer_bytes(&writer);
    struct witness_news *news =
        written.size > 0 ? witness_news_add(witness, WITNESS_NEWS_STATE) : NULL;
    if (news != NULL) {
        news->type = "fed_witness_event";
        news->bytes = outbox_copy(out, written);
    }
    news = witness_news_add(witness, WITNESS_NEWS_SAMPLED);
    if (news != NULL) {
        news->peer = witness->logs[sample->log].issuer;
        news->origin_hash = witness->logs[sample->log].origin_hash;
        news->size = sample->size;
        news->status = result;
        news->refused = sample->refused;
    }
}

static void finish(struct witness *witness, struct tally_now now, struct outbox *out)
{
    struct witness_sample *sample = witness->sample;
    struct witness_log *log = &witness->logs[sample->log];
    bool whole = sample->done == sample->count;
    state(witness,
          sample->failed > 0 ? WITNESS_SAMPLE_FAILED
          : whole            ? WITNESS_SAMPLE_VERIFIED
                             : WITNESS_SAMPLE_SILENT,
          out);
    sample->busy = false;
    log->sample_at.ms = now.mono.ms + cycle_of(witness, log);
    log->sample = SAMPLE_NONE;
    if (log->held.size > sample->size)
        witness_sample_due(witness, now, log); /* It has grown meanwhile. */
}

void witness_samples_tick(struct witness *witness, struct tally_now now, struct outbox *out)
{
    struct witness_sample *sample = witness->sample;
    if (sample->busy && (sample->done == sample->count || now.mono.ms >= sample->until.ms) &&
        outbox_room(out, 2, BODY_MAX))
        finish(witness, now, out);
    for (unsigned i = 0; !sample->busy && i < witness->log_count; i++) {
        struct witness_log *log = &witness->logs[i];
        if (log->sample != SAMPLE_WAITING || log->sample_at.ms > now.mono.ms)
            continue;
        log->sample = begin(witness, now, log) ? SAMPLE_ASKING : SAMPLE_NONE;
    }
}

struct tally_mono witness_samples_deadline(const struct witness *witness)
{
    const struct witness_sample *sample = witness->sample;
    struct tally_mono next = TALLY_NEVER;
    if (sample->busy)
        return sample->done == sample->count ? (struct tally_mono){0} : sample->until;
    for (unsigned i = 0; i < witness->log_count; i++) {
        const struct witness_log *log = &witness->logs[i];
        if (log->sample == SAMPLE_WAITING && log->sample_at.ms < next.ms)
            next = log->sample_at;
    }
    return next;
}
