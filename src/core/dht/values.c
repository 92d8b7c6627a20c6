/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dht/values.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/dht/metric.h"
#include "core/log/tree.h"
#include "tally/merkle.h"

#include <assert.h>
#include <stdlib.h>

static unsigned or_else(unsigned value, unsigned usual)
{
    return value != 0 ? value : usual;
}

bool values_new(struct values *values, const struct values_options *options)
{
    uint8_t ticket_key[16];
    *values = (struct values){.options = *options};
    struct values_options *own = &values->options;
    own->capacity = or_else(own->capacity, VALUES_MAX);
    own->per_network = or_else(own->per_network, VALUES_PER_NETWORK);
    own->pending = or_else(own->pending, PENDING_MAX);
    own->forks = or_else(own->forks, own->capacity < VALUES_FORKS ? own->capacity : VALUES_FORKS);
    struct places_options places = {.capacity = own->capacity, .per_network = own->per_network};
    metric_point(&own->key, &places.point);
    own->secret.draw(own->secret.context, places.hash_key, sizeof places.hash_key);
    own->secret.draw(own->secret.context, ticket_key, sizeof ticket_key);
    bool good = places_new(&values->places, &places);
    good = pending_new(&values->pending, own->pending, ticket_key) && good;
    hash_wipe(ticket_key, sizeof ticket_key);
    values->list = calloc(own->capacity, sizeof *values->list);
    values->records = calloc(own->capacity, sizeof *values->records);
    values->forks = calloc(own->forks, sizeof *values->forks);
    if (good && values->list != NULL && values->records != NULL && values->forks != NULL)
        return true;
    values_free(values);
    return false;
}

void values_free(struct values *values)
{
    places_free(&values->places);
    free(values->list);
    free(values->records);
    pending_free(&values->pending);
    free(values->forks);
    hash_wipe(values, sizeof *values);
}

/* ---- What is kept. ---- */

static struct tally_bytes record_of(const struct values *values, size_t index)
{
    return bytes_of(values->records[index], values->list[index].record_size);
}

static struct tally_mono after(struct tally_now now, uint64_t ms)
{
    return (struct tally_mono){now.mono.ms + ms};
}

static void value_write(struct values *values, size_t index, struct tally_now now, uint64_t size,
                        const struct tally_hash *root, uint32_t epoch, uint64_t counter,
                        struct tally_bytes record)
{
    values->list[index] = (struct value){
        .size = size,
        .root = *root,
        .epoch = epoch,
        .counter = counter,
        .changed = now.mono,
        .record_size = (uint16_t)record.size,
    };
    memcpy(values->records[index], record.data, record.size);
}

static void value_store(struct values *values, size_t index, struct tally_now now,
                        const struct proposed *candidate)
{
    const struct tally_checkpoint *checkpoint = &candidate->claim.checkpoint;
    value_write(values, index, now, checkpoint->size, &checkpoint->root, candidate->datagram.epoch,
                candidate->datagram.counter, candidate->record);
}

static struct values_fork *fork_find(const struct values *values, const struct tally_hash *origin)
{
    for (size_t i = 0; i < values->options.forks; i++)
        if (values->forks[i].record_size != 0 && hash_equal(&values->forks[i].origin, origin))
            return &values->forks[i];
    return NULL;
}

/* Keeps the second record of a fork, in the place of the oldest if there is no other: it was told
   in the news, and what is told urgently is at every node that follows. */
static struct values_fork *fork_keep(struct values *values, struct tally_now now,
                                     const struct proposed *candidate)
{
    struct values_fork *fork = fork_find(values, &candidate->claim.origin);
    for (size_t i = 0; fork == NULL && i < values->options.forks; i++)
        if (values->forks[i].record_size == 0)
            fork = &values->forks[i];
    if (fork == NULL) {
        fork = values->forks;
        for (size_t i = 1; i < values->options.forks; i++)
            if (values->forks[i].since.ms < fork->since.ms)
                fork = &values->forks[i];
    }
    *fork = (struct values_fork){.origin = candidate->claim.origin,
                                 .since = now.mono,
                                 .record_size = (uint16_t)candidate->record.size};
    memcpy(fork->record, candidate->record.data, candidate->record.size);
    return fork;
}

struct tally_bytes values_find(const struct values *values, struct tally_now now,
                               const struct tally_hash *origin, struct tally_bytes *other)
{
    size_t index = places_find(&values->places, now, origin);
    const struct values_fork *fork = NULL;
    if (index != PLACES_NONE && values->list[index].forked)
        fork = fork_find(values, origin);
    if (other != NULL)
        *other = fork != NULL ? bytes_of(fork->record, fork->record_size) : (struct tally_bytes){0};
    return index != PLACES_NONE ? record_of(values, index) : (struct tally_bytes){0};
}

/* Answers with the size the proof must begin at, and the ticket to bring it with. */
static void answer_prove(const struct pending *pending, const struct value *kept,
                         struct values_answer *answer)
{
    *answer =
        (struct values_answer){.verdict = VALUES_PROVE, .size = kept->size, .has_ticket = true};
    memcpy(answer->ticket, pending->ticket, sizeof answer->ticket);
}

/* ---- Putting. ---- */

static void answer_state(struct values_answer *answer, enum values_verdict verdict, uint64_t size)
{
    *answer = (struct values_answer){.verdict = verdict, .size = size};
}

static void answer_record(const struct values *values, size_t index, struct values_answer *answer)
{
    *answer = (struct values_answer){.has_record = true, .record = record_of(values, index)};
}

static bool newer(const struct proposed *candidate, const struct value *kept)
{
    const struct datagram *datagram = &candidate->datagram;
    return datagram->epoch != kept->epoch ? datagram->epoch > kept->epoch
                                          : datagram->counter > kept->counter;
}

static enum tally_drop verify(struct verifier *verifier, struct tally_now now,
                              const struct proposed *candidate)
{
    return claim_verify(verifier, now, &candidate->datagram, &candidate->claim);
}

static enum tally_drop put_first(struct values *values, struct tally_now now,
                                 struct verifier *verifier, const struct values_asker *asker,
                                 const struct proposed *candidate, struct values_answer *answer,
                                 struct values_news *news)
{
    size_t index;
    answer_state(answer, VALUES_FULL, 0);
    enum tally_drop drop =
        places_choose(&values->places, now, &candidate->claim.origin, asker->address, &index);
    if (drop == TALLY_DROP_NONE)
        drop = verify(verifier, now, candidate);
    if (drop != TALLY_DROP_NONE)
        return drop;
    places_set(&values->places, index, &candidate->claim.origin, asker->address,
               after(now, VALUES_TTL_MS));
    value_store(values, index, now, candidate);
    answer_state(answer, VALUES_STORED, candidate->claim.checkpoint.size);
    news->stored = true;
    return TALLY_DROP_NONE;
}

/* The same size and root: kept for longer. A later announce of it may have new anchors. */
static enum tally_drop put_same(struct values *values, size_t index, struct tally_now now,
                                struct verifier *verifier, const struct proposed *candidate,
                                struct values_answer *answer)
{
    const struct value *kept = &values->list[index];
    /* Each change costs two signatures. */
    bool replaces =
        !kept->forked && newer(candidate, kept) && now.mono.ms - kept->changed.ms >= VALUES_REST_MS;
    if (replaces) {
        enum tally_drop drop = verify(verifier, now, candidate);
        if (drop != TALLY_DROP_NONE) {
            answer_state(answer, VALUES_NO, kept->size);
            return drop;
        }
        value_store(values, index, now, candidate);
    }
    places_keep(&values->places, index, after(now, VALUES_TTL_MS));
    answer_state(answer, VALUES_STORED, kept->size);
    return replaces ? TALLY_DROP_NONE : TALLY_DROP_SEEN;
}

/* The checkpoint in a record that is kept, and so was read before. */
static struct tally_bytes note_in(struct tally_bytes record)
{
    struct datagram datagram;
    struct tally_announce message;
    struct wire_reader r;
    enum tally_drop drop = datagram_read_record(record, &datagram);
    assert(drop == TALLY_DROP_NONE);
    (void)drop;
    wire_reader_init(&r, datagram.body);
    tally_announce_read(&r, &message);
    return message.checkpoint;
}

/* The same size, another root: its issuer signed both. */
static enum tally_drop put_fork(struct values *values, size_t index, struct tally_now now,
                                struct verifier *verifier, const struct proposed *candidate,
                                struct values_answer *answer, struct values_news *news)
{
    struct value *kept = &values->list[index];
    answer_record(values, index, answer);
    if (kept->forked)
        return TALLY_DROP_FROZEN;
    enum tally_drop drop = verify(verifier, now, candidate);
    if (drop != TALLY_DROP_NONE)
        return drop;
    const struct values_fork *fork = fork_keep(values, now, candidate);
    kept->forked = true;
    news->fork = true;
    news->first = note_in(record_of(values, index));
    news->second = note_in(bytes_of(fork->record, fork->record_size));
    return TALLY_DROP_NONE;
}

/* Larger than what is kept, whose issuer has not forked. */
static enum tally_drop put_larger(struct values *values, const struct value *kept,
                                  struct tally_now now, struct verifier *verifier,
                                  const struct values_asker *asker,
                                  const struct proposed *candidate, struct values_answer *answer)
{
    answer_state(answer, VALUES_NO, kept->size);
    if (candidate->claim.checkpoint.size > VALUES_SIZE_MAX)
        return TALLY_DROP_REFUSED;
    struct pending *pending =
        pending_of(&values->pending, now, asker->key, &candidate->claim.origin);
    if (pending == NULL || !pending_same(pending, candidate->record)) {
        enum tally_drop drop = pending_choose(&values->pending, now, asker->key, asker->address,
                                              &candidate->claim.origin, &pending);
        if (drop == TALLY_DROP_NONE)
            drop = verify(verifier, now, candidate);
        if (drop != TALLY_DROP_NONE)
            return drop;
        pending_write(pending, now, asker->key, asker->address, candidate);
    }
    (void)pending_ticket(&values->pending, pending, kept->size, &kept->root);
    answer_prove(pending, kept, answer);
    return TALLY_DROP_NONE;
}

/* All that is judged without a key or the store. */
static enum tally_drop candidate_read(const uint8_t network[8], struct tally_now now,
                                      struct tally_bytes record, struct proposed *candidate)
{
    candidate->record = record;
    enum tally_drop drop = datagram_read_record(record, &candidate->datagram);
    if (drop != TALLY_DROP_NONE)
        return drop;
    if (candidate->datagram.kind != TALLY_KIND_ANNOUNCE)
        return TALLY_DROP_MALFORMED;
    drop = claim_read(&candidate->datagram, network, &candidate->claim);
    return drop == TALLY_DROP_NONE ? verifier_time(now, candidate->claim.message.wall_ms) : drop;
}

enum tally_drop values_put(struct values *values, struct tally_now now, struct verifier *verifier,
                           const struct values_asker *asker, struct tally_bytes record,
                           struct values_answer *answer, struct values_news *news)
{
    struct proposed candidate;
    *news = (struct values_news){.stored = false};
    answer_state(answer, VALUES_NO, 0);
    enum tally_drop drop = candidate_read(values->options.network, now, record, &candidate);
    if (drop != TALLY_DROP_NONE)
        return drop;
    news->origin = candidate.claim.origin;
    size_t index = places_find(&values->places, now, &candidate.claim.origin);
    if (index == PLACES_NONE)
        return put_first(values, now, verifier, asker, &candidate, answer, news);
    const struct value *kept = &values->list[index];
    const struct tally_checkpoint *checkpoint = &candidate.claim.checkpoint;
    if (checkpoint->size < kept->size) {
        answer_record(values, index, answer);
        return TALLY_DROP_STALE;
    }
    if (checkpoint->size > kept->size && kept->forked) {
        answer_record(values, index, answer);
        return TALLY_DROP_FROZEN;
    }
    if (checkpoint->size > kept->size)
        return put_larger(values, kept, now, verifier, asker, &candidate, answer);
    if (hash_equal(&checkpoint->root, &kept->root))
        return put_same(values, index, now, verifier, &candidate, answer);
    return put_fork(values, index, now, verifier, &candidate, answer, news);
}

/* ---- Extending. ---- */

static bool extends(const struct pending *pending, const struct value *kept,
                    struct tally_bytes hashes)
{
    struct tally_hash proof[VALUES_PROOF_MAX];
    size_t count = hashes.size / sizeof *proof;
    if (hashes.size % sizeof *proof != 0 || count > VALUES_PROOF_MAX)
        return false;
    if (count > 0)
        memcpy(proof, hashes.data, hashes.size);
    return tally_consistency_holds(kept->size, pending->size, proof, count, &kept->root,
                                   &pending->root);
}

enum tally_drop values_extend(struct values *values, struct tally_now now,
                              const struct values_asker *asker, const struct tally_extend *extend,
                              struct values_answer *answer, struct values_news *news)
{
    *news = (struct values_news){.stored = false};
    answer_state(answer, VALUES_NO, 0);
    struct pending *pending = pending_find(&values->pending, now, extend->ticket);
    if (pending == NULL)
        return TALLY_DROP_EXPIRED;
    if (!key_equal(&pending->asker, asker->key))
        return TALLY_DROP_REFUSED;
    news->origin = pending->origin;
    size_t index = places_find(&values->places, now, &pending->origin);
    if (index == PLACES_NONE)
        return TALLY_DROP_EXPIRED; /* The value it was to extend is gone: put it again. */
    const struct value *kept = &values->list[index];
    answer_state(answer, VALUES_NO, kept->size);
    if (kept->forked || kept->size >= pending->size) {
        answer_record(values, index, answer);
        pending->done = true;
        return kept->forked ? TALLY_DROP_FROZEN : TALLY_DROP_STALE;
    }
    if (!pending_ticket(&values->pending, pending, kept->size, &kept->root)) {
        /* Somebody else extended it meanwhile. */
        answer_prove(pending, kept, answer);
        return TALLY_DROP_NONE;
    }
    if (!extends(pending, kept, extend->hashes))
        return TALLY_DROP_PROOF;
    value_write(values, index, now, pending->size, &pending->root, pending->epoch, pending->counter,
                bytes_of(pending->record, pending->record_size));
    places_keep(&values->places, index, after(now, VALUES_TTL_MS));
    answer_state(answer, VALUES_STORED, pending->size);
    pending->done = true;
    news->stored = true;
    return TALLY_DROP_NONE;
}

bool values_answers(enum tally_drop drop)
{
    return drop == TALLY_DROP_NONE || drop == TALLY_DROP_SEEN || drop == TALLY_DROP_STALE ||
           drop == TALLY_DROP_FROZEN || drop == TALLY_DROP_REFUSED || drop == TALLY_DROP_CROWDED ||
           drop == TALLY_DROP_BUSY || drop == TALLY_DROP_EXPIRED || drop == TALLY_DROP_PROOF;
}

void values_state(const struct values_answer *answer, const uint8_t request[8],
                  struct tally_log_state *state)
{
    assert(!answer->has_record);
    *state = (struct tally_log_state){.verdict = (uint8_t)answer->verdict,
                                      .size = answer->size,
                                      .has_ticket = answer->has_ticket};
    memcpy(state->request, request, sizeof state->request);
    memcpy(state->ticket, answer->ticket, sizeof state->ticket);
}

/* ---- The other side. ---- */

size_t values_prove(const struct tally_ledger *ledger, const struct tally_hash *origin,
                    uint64_t from, uint64_t to, struct tally_hash hashes[VALUES_PROOF_MAX])
{
    const struct tree tree = {ledger, origin};
    struct tree_proof proof;
    assert(from > 0 && from < to);
    if (!tree_consistency(&tree, from, to, &proof) || proof.count > VALUES_PROOF_MAX)
        return 0;
    memcpy(hashes, proof.hashes, proof.count * sizeof *hashes);
    return proof.count;
}

enum tally_drop values_open(struct tally_bytes record, struct tally_now now,
                            const uint8_t network[8], const struct tally_hash *origin,
                            struct verifier *verifier, struct claim *claim)
{
    struct proposed candidate;
    enum tally_drop drop = candidate_read(network, now, record, &candidate);
    if (drop != TALLY_DROP_NONE)
        return drop;
    if (!hash_equal(&candidate.claim.origin, origin))
        return TALLY_DROP_UNASKED;
    *claim = candidate.claim;
    return verify(verifier, now, &candidate);
}

bool values_holds(const struct values *values, struct tally_now now)
{
    for (size_t i = 0; i < values->options.capacity; i++) {
        const struct value *value = &values->list[i];
        if (values->places.list[i].until.ms > now.mono.ms &&
            (value->size == 0 || value->record_size == 0 || value->record_size > TALLY_RECORD_MAX))
            return false;
    }
    return places_holds(&values->places, now) && pending_holds(&values->pending, now);
}
