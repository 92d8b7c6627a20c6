/* SPDX-License-Identifier: Apache-2.0 */
/* Those who cosign for us, and show us what we cosigned: one question at a time to each. */
#include "core/base/bytes.h"
#include "core/base/fsm.h"
#include "core/log/tree.h"
#include "core/witness/inside.h"
#include "core/witness/stream.h"

enum { RETRY_LEAST_MS = 1000, RETRY_MOST_MS = 60000 };

static const fsm_moves moves[PEER_STATES] = {
    [PEER_FREE] = TO(PEER_IDLE),
    [PEER_IDLE] = TO(PEER_WAITING) | TO(PEER_ASKED) | TO(PEER_FREE),
    [PEER_WAITING] = TO(PEER_OPEN) | TO(PEER_IDLE) | TO(PEER_FREE),
    [PEER_OPEN] = TO(PEER_ASKED) | TO(PEER_IDLE) | TO(PEER_FREE),
    [PEER_ASKED] = TO(PEER_OPEN) | TO(PEER_IDLE) | TO(PEER_FREE),
};

struct witness_peer *witness_peer_on(const struct witness *witness, uint32_t stream)
{
    for (unsigned i = 0; i < witness->peer_end; i++)
        if (stream != 0 && witness->peers[i].state != PEER_FREE &&
            witness->peers[i].stream == stream)
            return &witness->peers[i];
    return NULL;
}

struct witness_peer *witness_peer_find(const struct witness *witness, const struct tally_key *key)
{
    for (unsigned i = 0; i < witness->peer_end; i++)
        if (witness->peers[i].state != PEER_FREE && !witness->peers[i].outside &&
            key_equal(&witness->peers[i].key, key))
            return &witness->peers[i];
    return NULL;
}

/* ---- Who they are. ---- */

/* By our list, or by an agreement. */
static bool is_wanted(const struct fold *fold, const struct tally_key *key)
{
    return admission(fold, key, ADMISSION_WITNESS) == TALLY_DROP_NONE;
}

struct witness_peer *witness_peer_new(struct witness *witness, const struct tally_key *key)
{
    for (unsigned i = 0; i < TALLY_WITNESSES_MAX; i++) {
        struct witness_peer *peer = &witness->peers[i];
        if (peer->state != PEER_FREE)
            continue;
        if (i == witness->peer_end)
            witness->peer_end++;
        FSM_MOVE(moves, &peer->state, PEER_IDLE);
        peer->key = *key;
        peer->has_vkey = peer->outside = false;
        peer->stream = 0;
        peer->again.ms = 0;
        peer->backoff = (struct backoff){.first_ms = 1000, .cap_ms = WITNESS_REST_MS};
        for (unsigned j = 0; j < witness->options.own_max; j++)
            witness->own[j].asked[i] = (struct witness_asked){.state = ASKED_NOT};
        return peer;
    }
    return NULL;
}

static void peer_add(struct witness *witness, const struct tally_key *key, bool excused)
{
    struct witness_peer *peer = witness_peer_find(witness, key);
    if (peer == NULL)
        peer = witness_peer_new(witness, key);
    if (peer != NULL)
        peer->asked = !excused;
}

static void stream_give_up(struct witness *witness, struct witness_peer *peer, enum tally_drop drop)
{
    struct witness_news *news =
        peer->stream != 0 ? witness_news_add(witness, WITNESS_NEWS_CLOSE) : NULL;
    if (news == NULL)
        return;
    news->peer = peer->key;
    news->stream = peer->stream;
    news->drop = drop;
}

void witness_peer_drop(struct witness *witness, struct witness_peer *peer)
{
    witness_round_skip(witness, peer);
    FSM_MOVE(moves, &peer->state, PEER_FREE);
}

void witness_admit(struct witness *witness, struct tally_now now)
{
    const struct fold *fold = witness->options.fold;
    (void)now;
    if (witness->peers == NULL)
        return;
    for (unsigned i = 0; i < witness->peer_end; i++) {
        struct witness_peer *peer = &witness->peers[i];
        if (peer->state == PEER_FREE || peer->outside || is_wanted(fold, &peer->key))
            continue;
        stream_give_up(witness, peer, TALLY_DROP_NONE);
        witness_peer_drop(witness, peer);
    }
    for (size_t i = 0; i < fold->count; i++)
        if (is_wanted(fold, &fold->parties[i].key))
            peer_add(witness, &fold->parties[i].key, fold->parties[i].excused);
    /* Whom nobody admitted, and an agreement binds as far as that: the list has its places first.
     */
    for (size_t i = 0; i < fold->agreements.count; i++) {
        const struct tally_key *key = &fold->agreements.pairs[i].key;
        if (fold_find(fold, key) == NULL && is_wanted(fold, key))
            peer_add(witness, key, false);
    }
    witness_outside_admit(witness);
}

/* ---- What is to be asked. ---- */

static bool errand_next(const struct witness *witness, const struct witness_peer *peer,
                        struct peer_errand *errand)
{
    bool look;
    unsigned own = witness_round_next(witness, peer, &look);
    *errand = (struct peer_errand){.own = own};
    if (own == witness->own_count)
        return witness_sample_next(witness, peer, errand);
    errand->kind = !peer->has_vkey ? TALLY_FEDERATION_KEYS_WANT
                   : look          ? TALLY_FEDERATION_CHECKPOINT_WANT
                                   : TALLY_FEDERATION_ADD_CHECKPOINT;
    return true;
}

bool witness_peer_due(const struct witness *witness, const struct witness_peer *peer)
{
    struct peer_errand errand;
    return peer->state == PEER_OPEN && peer->again.ms == 0 && errand_next(witness, peer, &errand);
}

void witness_peer_lost(struct witness *witness, struct tally_now now, struct witness_peer *peer)
{
    if (peer->state == PEER_ASKED && peer->errand.kind == TALLY_FEDERATION_INCLUSION_WANT)
        witness_sample_shown(witness, &peer->errand, NULL);
    witness_round_skip(witness, peer);
    FSM_MOVE(moves, &peer->state, PEER_IDLE);
    peer->stream = 0;
    peer->again.ms = now.mono.ms + backoff_next(&peer->backoff, &witness->random);
}

bool witness_opened(struct witness *witness, struct tally_now now, const struct tally_key *key,
                    uint32_t stream)
{
    struct witness_peer *peer = witness_peer_find(witness, key);
    (void)now;
    if (peer == NULL || peer->state != PEER_WAITING)
        return false;
    FSM_MOVE(moves, &peer->state, PEER_OPEN);
    peer->stream = stream;
    peer->again.ms = 0;
    peer->inbox.size = 0;
    return true;
}

void witness_linked(struct witness *witness, const struct tally_key *key)
{
    struct witness_peer *peer = witness_peer_find(witness, key);
    if (peer == NULL)
        return;
    if (peer->state == PEER_IDLE)
        peer->again.ms = 0;
    /* Whoever waits for a dial that began before hangs: it tries again soon after. */
    backoff_reset(&peer->backoff);
}

static void stream_want(struct witness *witness, struct tally_now now, struct witness_peer *peer)
{
    struct witness_news *news = witness_news_add(witness, WITNESS_NEWS_STREAM);
    if (news == NULL)
        return;
    news->peer = peer->key;
    FSM_MOVE(moves, &peer->state, PEER_WAITING);
    peer->again.ms = now.mono.ms + WITNESS_STREAM_MS;
}

void witness_peers_tick(struct witness *witness, struct tally_now now)
{
    for (unsigned i = 0; i < witness->peer_end; i++) {
        struct witness_peer *peer = &witness->peers[i];
        struct peer_errand errand;
        if (peer->state == PEER_FREE || peer->outside || now.mono.ms < peer->again.ms)
            continue;
        if (peer->state == PEER_IDLE && errand_next(witness, peer, &errand)) {
            stream_want(witness, now, peer);
        } else if (peer->state == PEER_WAITING || peer->state == PEER_ASKED) {
            stream_give_up(witness, peer, TALLY_DROP_SILENT);
            witness_peer_lost(witness, now, peer);
        } else if (peer->state == PEER_OPEN) {
            peer->again.ms = 0;
        }
    }
}

struct tally_mono witness_peers_deadline(const struct witness *witness)
{
    struct tally_mono next = TALLY_NEVER;
    for (unsigned i = 0; i < witness->peer_end; i++) {
        const struct witness_peer *peer = &witness->peers[i];
        struct peer_errand errand;
        if (peer->outside)
            continue;
        bool timed = peer->state == PEER_WAITING || peer->state == PEER_ASKED ||
                     (peer->state == PEER_OPEN && peer->again.ms != 0) ||
                     (peer->state == PEER_IDLE && errand_next(witness, peer, &errand));
        if (timed && peer->again.ms < next.ms)
            next = peer->again;
    }
    return next;
}

/* ---- Asking. ---- */

size_t witness_request_write(const struct witness *witness, const struct witness_own *own,
                             const struct witness_asked *asked,
                             uint8_t bytes[TALLY_WITNESS_ASK_MAX])
{
    const struct tree tree = {witness->options.ledger, &own->origin_hash};
    struct tree_proof proof = {0};
    if (asked->known > own->size || (asked->known > 0 && asked->known < own->size &&
                                     !tree_consistency(&tree, asked->known, own->size, &proof)))
        return 0;
    return tally_witness_write(asked->known, proof.hashes, proof.count,
                               bytes_of(own->note, own->note_size), bytes, TALLY_WITNESS_ASK_MAX);
}

size_t witness_peer_compose(struct witness *witness, struct tally_now now,
                            struct witness_peer *peer, uint8_t *bytes, size_t capacity)
{
    uint8_t request[TALLY_WITNESS_ASK_MAX];
    struct peer_errand errand;
    if (peer->state != PEER_OPEN || peer->again.ms != 0 || !errand_next(witness, peer, &errand))
        return 0;
    struct tally_federation_frame frame = {.kind = errand.kind, .request = ++peer->request};
    if (errand.kind == TALLY_FEDERATION_ADD_CHECKPOINT) {
        struct witness_own *own = &witness->own[errand.own];
        struct witness_asked *asked = &own->asked[peer - witness->peers];
        size_t size = witness_request_write(witness, own, asked, request);
        asked->state = size > 0 ? ASKED_NOW : ASKED_DONE;
        if (size == 0)
            return 0;
        errand.size = own->size;
        frame.add_checkpoint.bytes = bytes_of(request, size);
    } else if (errand.kind == TALLY_FEDERATION_CHECKPOINT_WANT) {
        frame.checkpoint_want.origin = witness->own[errand.own].origin_hash;
    } else if (errand.kind == TALLY_FEDERATION_INCLUSION_WANT) {
        frame.inclusion_want = (struct tally_federation_inclusion_want){
            .origin = witness->logs[errand.log].origin_hash,
            .index = errand.index,
            .size = witness->sample->size};
    }
    peer->errand = errand;
    FSM_MOVE(moves, &peer->state, PEER_ASKED);
    peer->again.ms = now.mono.ms + WITNESS_SILENCE_MS;
    return stream_frame_put(&frame, bytes, capacity);
}

/* ---- Answers. ---- */

/* The peer's statement that certifies its witness key: it proves itself, whoever brings it. */
static enum tally_drop on_keys(struct witness *witness, struct witness_peer *peer,
                               const struct tally_federation_keys *keys)
{
    struct tally_receipt receipt;
    struct fed_statement statement;
    char name[TALLY_DID_SIZE + sizeof "/witness"];
    enum tally_drop drop = tally_receipt_verify(keys->envelope, witness->options.crypto);
    if (drop == TALLY_DROP_NONE)
        drop = tally_receipt_read(keys->envelope, &receipt);
    if (drop == TALLY_DROP_NONE)
        drop = tally_receipt_body(&receipt, keys->body);
    if (drop != TALLY_DROP_NONE)
        return drop;
    if (!key_equal(&receipt.issuer, &peer->key) ||
        !bytes_equal(receipt.name_space, bytes_text(TALLY_STATEMENTS)) ||
        fed_kind_of(receipt.type) != FED_KEYS)
        return TALLY_DROP_KEY;
    drop = fed_read(receipt.type, keys->body, &statement);
    if (drop != TALLY_DROP_NONE)
        return drop;
    if (!statement.has_key[FED_KEY_WITNESS] ||
        key_equal(&statement.keys[FED_KEY_WITNESS], &peer->key))
        return TALLY_DROP_KEY;
    tally_did_write(&peer->key, name);
    memcpy(name + TALLY_DID_SIZE, "/witness", sizeof "/witness");
    peer->has_vkey = tally_vkey_init(&peer->vkey, bytes_text(name), TALLY_VKEY_COSIGNER,
                                     &statement.keys[FED_KEY_WITNESS]);
    return TALLY_DROP_NONE;
}

void witness_peer_showed(struct witness *witness, struct witness_peer *peer,
                         struct tally_bytes note, struct outbox *out)
{
    struct witness_asked *asked = &witness->own[peer->errand.own].asked[peer - witness->peers];
    asked->look = false;
    asked->state = ASKED_DONE;
    struct witness_news *news = note.size > 0 && outbox_room(out, 4, note.size)
                                    ? witness_news_add(witness, WITNESS_NEWS_NOTE)
                                    : NULL;
    if (news == NULL)
        return;
    news->peer = peer->key;
    news->origin_hash = witness->own[peer->errand.own].origin_hash;
    news->bytes = outbox_copy(out, note);
}

static void on_refuse(struct witness *witness, struct tally_now now, struct witness_peer *peer,
                      const struct tally_federation_refuse *refuse)
{
    uint64_t wait = refuse->retry_ms;
    if (peer->errand.kind == TALLY_FEDERATION_INCLUSION_WANT) {
        if (refuse->reason != TALLY_DROP_BUSY)
            witness_sample_refused(witness);
        witness_sample_shown(witness, &peer->errand, NULL);
        return;
    }
    wait = wait < RETRY_LEAST_MS ? RETRY_LEAST_MS : wait;
    wait = wait > RETRY_MOST_MS ? RETRY_MOST_MS : wait;
    if (refuse->reason != TALLY_DROP_BUSY) {
        for (unsigned i = 0; i < witness->own_count; i++) {
            struct witness_asked *asked = &witness->own[i].asked[peer - witness->peers];
            asked->status = TALLY_WITNESS_UNSIGNED;
            asked->refused++;
        }
        wait = WITNESS_REST_MS;
        witness_round_skip(witness, peer);
    } else if (peer->errand.kind == TALLY_FEDERATION_ADD_CHECKPOINT) {
        witness->own[peer->errand.own].asked[peer - witness->peers].state = ASKED_NOT;
    }
    peer->again.ms = now.mono.ms + wait;
}

enum tally_drop witness_peer_receive(struct witness *witness, struct tally_now now,
                                     struct witness_peer *peer,
                                     const struct tally_federation_frame *frame, struct outbox *out)
{
    const struct peer_errand *errand = &peer->errand;
    enum tally_drop drop = TALLY_DROP_NONE;
    if (peer->state != PEER_ASKED || frame->request != peer->request)
        return TALLY_DROP_UNASKED;
    peer->again.ms = 0;
    if (frame->kind == TALLY_FEDERATION_REFUSE)
        on_refuse(witness, now, peer, &frame->refuse);
    else if (frame->kind == TALLY_FEDERATION_KEYS && errand->kind == TALLY_FEDERATION_KEYS_WANT)
        drop = on_keys(witness, peer, &frame->keys);
    else if (frame->kind == TALLY_FEDERATION_ADDED &&
             errand->kind == TALLY_FEDERATION_ADD_CHECKPOINT)
        witness_round_answer(witness, now, peer, errand->own, frame->added.status,
                             frame->added.bytes, out);
    else if (frame->kind == TALLY_FEDERATION_CHECKPOINT &&
             errand->kind == TALLY_FEDERATION_CHECKPOINT_WANT)
        witness_peer_showed(witness, peer, frame->checkpoint.note, out);
    else if (frame->kind == TALLY_FEDERATION_INCLUSION &&
             errand->kind == TALLY_FEDERATION_INCLUSION_WANT)
        witness_sample_shown(witness, errand, frame);
    else
        return TALLY_DROP_UNASKED;
    if (drop != TALLY_DROP_NONE)
        return drop;
    FSM_MOVE(moves, &peer->state, PEER_OPEN);
    backoff_reset(&peer->backoff);
    return TALLY_DROP_NONE;
}
