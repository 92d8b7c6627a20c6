/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own logs and who cosigns them. All are asked for one note, so that a quorum comes together
 * over one tree; what is sealed meanwhile goes into the next round (log chapter 5.2).
 */
#include "core/base/bytes.h"
#include "core/witness/inside.h"

enum { RETRY_MS = 2000 };

static unsigned slot_of(const struct witness *witness, const struct witness_peer *peer)
{
    return (unsigned)(peer - witness->peers);
}

static bool takes_part(const struct witness_own *own, const struct witness_peer *peer,
                       const struct witness_asked *asked)
{
    bool stuck = asked->stuck && !(peer->outside && own->head > asked->stuck_at);
    return peer->state != PEER_FREE && peer->asked && !stuck;
}

/* ---- Logs. ---- */

static struct witness_own *own_find(struct witness *witness, const struct tally_hash *origin_hash)
{
    for (unsigned i = 0; i < witness->own_count; i++)
        if (hash_equal(&witness->own[i].origin_hash, origin_hash))
            return &witness->own[i];
    return NULL;
}

void witness_sealed(struct witness *witness, struct tally_now now,
                    const struct tally_log_view *view)
{
    if (witness->own == NULL || view->size == 0)
        return;
    struct witness_own *own = own_find(witness, &view->origin_hash);
    if (own == NULL && witness->own_count < witness->options.own_max) {
        own = &witness->own[witness->own_count++];
        own->origin_hash = view->origin_hash;
        own->next = now.mono;
    }
    if (own != NULL)
        own->head = view->size;
}

/* What is kept of a log: a note of so many cosignatures. Bytes, 0 without. */
static size_t kept_read(const struct witness *witness, const struct tally_hash *origin_hash,
                        uint8_t bytes[TALLY_WITNESS_NOTE_MAX], uint64_t *size, unsigned *lines)
{
    const struct tally_ledger *ledger = witness->options.ledger;
    struct tally_note note;
    struct tally_checkpoint checkpoint;
    size_t written = ledger->kept == NULL
                         ? 0
                         : ledger->kept(ledger->context, TALLY_KEPT_COSIGNED, origin_hash, bytes,
                                        TALLY_WITNESS_NOTE_MAX);
    if (tally_note_read(bytes_of(bytes, written), &note) != TALLY_DROP_NONE ||
        tally_checkpoint_read(note.text, &checkpoint) != TALLY_DROP_NONE)
        return 0;
    *size = checkpoint.size;
    *lines = (unsigned)note.count - 1; /* The first is the log's own. */
    return written;
}

void witness_own_load(struct witness *witness, struct tally_now now)
{
    const struct tally_ledger *ledger = witness->options.ledger;
    struct tally_log_view view;
    uint8_t note[TALLY_WITNESS_NOTE_MAX];
    for (size_t i = 0; ledger->log(ledger->context, i, &view); i++)
        if (view.own)
            witness_sealed(witness, now, &view);
    for (unsigned i = 0; i < witness->own_count; i++) {
        struct witness_own *own = &witness->own[i];
        (void)kept_read(witness, &own->origin_hash, note, &own->kept_size, &own->kept_lines);
    }
}

/* ---- When. ---- */

static bool round_over(const struct witness *witness, const struct witness_own *own)
{
    for (unsigned i = 0; i < witness->peer_end; i++)
        if (takes_part(own, &witness->peers[i], &own->asked[i]) &&
            own->asked[i].state != ASKED_DONE)
            return false;
    return true;
}

/* When the peer should next be asked about the log, whose next round is not before `next`. */
static struct tally_mono wanted_at(const struct witness_own *own, const struct witness_peer *peer,
                                   const struct witness_asked *asked)
{
    uint64_t at = own->next.ms;
    if (!takes_part(own, peer, asked))
        return TALLY_NEVER;
    if (asked->size >= own->head && asked->fresh_until.ms > at)
        at = asked->fresh_until.ms;
    /* Who is out of reach, or refused, makes nobody else be asked anew. */
    if ((peer->state == PEER_IDLE || peer->state == PEER_OPEN) && peer->again.ms > at)
        at = peer->again.ms;
    if (asked->rest.ms > at)
        at = asked->rest.ms;
    return (struct tally_mono){at};
}

static struct tally_mono own_deadline(const struct witness *witness, const struct witness_own *own)
{
    struct tally_mono next = TALLY_NEVER;
    if (own->open)
        return (struct tally_mono){round_over(witness, own) ? 0 : own->began.ms + WITNESS_ROUND_MS};
    for (unsigned i = 0; i < witness->peer_end; i++) {
        struct tally_mono at = wanted_at(own, &witness->peers[i], &own->asked[i]);
        if (at.ms < next.ms)
            next = at;
    }
    return next;
}

struct tally_mono witness_rounds_deadline(const struct witness *witness)
{
    struct tally_mono next = TALLY_NEVER;
    for (unsigned i = 0; i < witness->own_count; i++) {
        struct tally_mono at = own_deadline(witness, &witness->own[i]);
        if (at.ms < next.ms)
            next = at;
    }
    return next;
}

/* ---- Rounds. ---- */

/* The note that all are asked for: the stored checkpoint, or of the same size with more lines what
   was kept. False: there is none that can be read. */
static bool note_take(struct witness *witness, struct witness_own *own)
{
    const struct tally_ledger *ledger = witness->options.ledger;
    struct tally_note note;
    struct tally_checkpoint checkpoint;
    uint64_t size;
    unsigned lines;
    size_t kept = kept_read(witness, &own->origin_hash, own->note, &size, &lines);
    if (kept == 0 || size != own->head)
        kept = ledger->checkpoint(ledger->context, &own->origin_hash, own->note, sizeof own->note);
    if (tally_note_read(bytes_of(own->note, kept), &note) != TALLY_DROP_NONE ||
        tally_checkpoint_read(note.text, &checkpoint) != TALLY_DROP_NONE)
        return false;
    own->note_size = (uint16_t)kept;
    own->size = checkpoint.size;
    own->root = checkpoint.root;
    own->lines = (unsigned)note.count - 1;
    return true;
}

static void round_open(struct witness *witness, struct tally_now now, struct witness_own *own)
{
    own->next.ms = now.mono.ms + witness->options.gap_ms;
    if (!note_take(witness, own))
        return;
    own->open = true;
    own->began = now.mono;
    for (unsigned i = 0; i < witness->peer_end; i++) {
        struct witness_asked *asked = &own->asked[i];
        const struct witness_peer *peer = &witness->peers[i];
        bool rests = asked->rest.ms > now.mono.ms ||
                     ((peer->state == PEER_IDLE || peer->state == PEER_OPEN) &&
                      peer->again.ms > now.mono.ms);
        asked->state = takes_part(own, peer, asked) && !rests ? ASKED_NOT : ASKED_DONE;
        asked->again = false;
    }
}

void witness_rounds_tick(struct witness *witness, struct tally_now now, struct outbox *out)
{
    (void)out;
    for (unsigned i = 0; i < witness->own_count; i++) {
        struct witness_own *own = &witness->own[i];
        if (own->open &&
            (round_over(witness, own) || now.mono.ms >= own->began.ms + WITNESS_ROUND_MS))
            own->open = false;
        if (!own->open && own_deadline(witness, own).ms <= now.mono.ms)
            round_open(witness, now, own);
    }
}

unsigned witness_round_next(const struct witness *witness, const struct witness_peer *peer,
                            bool *look)
{
    for (unsigned i = 0; i < witness->own_count; i++) {
        const struct witness_own *own = &witness->own[i];
        const struct witness_asked *asked = &own->asked[slot_of(witness, peer)];
        *look = peer->asked && asked->look;
        if (*look || (own->open && takes_part(own, peer, asked) && asked->state == ASKED_NOT))
            return i;
    }
    return witness->own_count;
}

void witness_round_skip(struct witness *witness, const struct witness_peer *peer)
{
    for (unsigned i = 0; i < witness->own_count; i++) {
        witness->own[i].asked[slot_of(witness, peer)].state = ASKED_DONE;
        witness->own[i].asked[slot_of(witness, peer)].look = false;
    }
}

void witness_hurry(struct witness *witness, struct tally_now now)
{
    for (unsigned i = 0; witness->own != NULL && i < witness->own_count; i++) {
        struct witness_own *own = &witness->own[i];
        own->next = now.mono;
        for (unsigned j = 0; j < witness->peer_end; j++) {
            own->asked[j].stuck = false;
            own->asked[j].rest.ms = 0;
            own->asked[j].fresh_until = now.mono;
        }
    }
    for (unsigned j = 0; j < witness->peer_end; j++) {
        struct witness_peer *peer = &witness->peers[j];
        if (peer->state == PEER_IDLE || peer->state == PEER_OPEN)
            peer->again.ms = 0;
    }
}

/* ---- Answers. ---- */

/* Makes durable what came together so far. Fewer cosignatures of a larger tree take the place of
   more of a smaller one only after a while: somebody's quorum may be among those. */
static void save(struct witness *witness, struct tally_now now, struct witness_own *own,
                 struct outbox *out)
{
    uint64_t now_s = witness_seconds(now);
    bool better = own->lines >= own->kept_lines || own->size == own->kept_size ||
                  now_s >= own->kept_at_s + WITNESS_KEEP_S;
    if (!outbox_room(out, 3, 2 * (size_t)own->note_size))
        return; /* It is asked for again. */
    struct tally_bytes note = outbox_copy(out, bytes_of(own->note, own->note_size));
    if (better) {
        struct tally_action *keep = outbox_add(out, TALLY_ACTION_KEEP);
        keep->keep.ticket = WITNESS_TICKETS | ++witness->tickets;
        keep->keep.kind = TALLY_KEPT_COSIGNED;
        keep->keep.origin_hash = own->origin_hash;
        keep->keep.old = own->kept_size;
        keep->keep.size = own->size;
        keep->keep.root = own->root;
        keep->keep.note = note;
        own->kept_size = own->size;
        own->kept_lines = own->lines;
        own->kept_at_s = now_s;
    }
    /* The stored checkpoint has as many of them as synchronisation can send. */
    if (own->size != own->head || note.size > WITNESS_HEAD_MAX)
        return;
    struct tally_action *publish = outbox_add(out, TALLY_ACTION_PUBLISH);
    publish->publish.ticket = WITNESS_TICKETS | ++witness->tickets;
    publish->publish.origin_hash = own->origin_hash;
    publish->publish.size = own->size;
    publish->publish.root = own->root;
    publish->publish.note = note;
}

static unsigned lines_of(struct tally_bytes bytes)
{
    struct tally_note note;
    return tally_note_read(bytes, &note) == TALLY_DROP_NONE ? (unsigned)note.count - 1 : 0;
}

static bool on_lines(struct witness *witness, struct tally_now now, struct witness_peer *peer,
                     struct witness_own *own, struct tally_bytes lines, struct outbox *out)
{
    struct witness_asked *asked = &own->asked[slot_of(witness, peer)];
    uint8_t merged[TALLY_WITNESS_NOTE_MAX];
    uint64_t time_s;
    size_t size = tally_witness_merge(bytes_of(own->note, own->note_size), lines, &peer->vkey,
                                      witness_seconds(now), witness->options.crypto, merged,
                                      sizeof merged, &time_s);
    if (size == 0)
        return false;
    memcpy(own->note, merged, size);
    own->note_size = (uint16_t)size;
    own->lines = lines_of(bytes_of(merged, size));
    asked->known = asked->size = own->size;
    asked->time_s = time_s;
    asked->fresh_until.ms = now.mono.ms + WITNESS_REFRESH_S * UINT64_C(1000);
    asked->good++;
    save(witness, now, own, out);
    struct witness_news *news = witness_news_add(witness, WITNESS_NEWS_GOT);
    if (news != NULL) {
        news->peer = peer->key;
        news->origin_hash = own->origin_hash;
        news->size = own->size;
        news->old = own->lines;
    }
    return true;
}

/* It cosigned something else last (5.2, rule 3). True: it is asked again, with another `old`. */
static bool on_conflict(struct witness_own *own, struct witness_asked *asked,
                        struct tally_bytes body)
{
    uint64_t size;
    if (!tally_witness_read_size(body, &size)) {
        asked->look = asked->stuck = true; /* Never repeated blindly (rule 4). */
        return false;
    }
    if (size > own->head) {
        asked->look = true; /* A restored backup, a stolen key, or a lie: it is to show it. */
        asked->stuck = true;
        return false;
    }
    asked->known = size;
    if (size > own->size)
        return true; /* In the next round, whose tree is as large. */
    if (asked->again)
        return false; /* It cannot have cosigned two sizes last. */
    asked->again = true;
    asked->state = ASKED_NOT;
    return true;
}

static void refuse(struct witness *witness, const struct witness_peer *peer,
                   const struct witness_own *own, unsigned status, unsigned before)
{
    struct witness_news *news =
        status != before ? witness_news_add(witness, WITNESS_NEWS_REFUSED) : NULL;
    if (news == NULL)
        return;
    news->peer = peer->key;
    news->origin_hash = own->origin_hash;
    news->size = own->size;
    news->status = status;
}

/* When it is asked again that refused, or did not answer. */
static void rest(struct witness *witness, struct tally_now now, struct witness_peer *peer,
                 struct witness_own *own, struct witness_asked *asked)
{
    unsigned status = asked->status;
    bool busy = status == TALLY_WITNESS_BUSY || status >= 500;
    bool unknown = status == TALLY_WITNESS_UNSIGNED || status == TALLY_WITNESS_UNKNOWN;
    if (peer->outside) {
        /* Whether another tree fares better is seen when there is one; the same is not asked for
           again but by who is told to wait, or may come to know us (5.2, rules 4 and 5). */
        asked->stuck = asked->stuck || !(busy || unknown || status == TALLY_WITNESS_CONFLICT);
        asked->stuck_at = own->head;
        asked->rest.ms = now.mono.ms + backoff_next(&asked->backoff, &witness->random);
    } else if (busy) {
        asked->state = ASKED_NOT; /* Within this round, if there is time. */
        peer->again.ms = now.mono.ms + RETRY_MS;
    } else if (unknown) {
        peer->again.ms = now.mono.ms + WITNESS_REST_MS; /* It may come to witness us. */
    } else {
        asked->stuck = asked->stuck || status != TALLY_WITNESS_CONFLICT; /* Only by hand. */
    }
}

void witness_round_answer(struct witness *witness, struct tally_now now, struct witness_peer *peer,
                          unsigned index, unsigned status, struct tally_bytes bytes,
                          struct outbox *out)
{
    struct witness_own *own = &witness->own[index];
    struct witness_asked *asked = &own->asked[slot_of(witness, peer)];
    unsigned before = asked->status;
    if (own->size != peer->errand.size) {
        asked->state = own->open ? ASKED_NOT : ASKED_DONE; /* Of a round that is over. */
        return;
    }
    asked->state = ASKED_DONE;
    asked->status = status;
    asked->disbelieved = false;
    if (status == TALLY_WITNESS_COSIGNED && on_lines(witness, now, peer, own, bytes, out)) {
        backoff_reset(&asked->backoff);
        asked->stuck = false;
        return;
    }
    if (status == TALLY_WITNESS_CONFLICT && on_conflict(own, asked, bytes))
        return;
    asked->disbelieved = status == TALLY_WITNESS_COSIGNED;
    asked->refused++;
    asked->look = asked->look || status == TALLY_WITNESS_UNPROVEN;
    rest(witness, now, peer, own, asked);
    if (asked->state == ASKED_DONE)
        refuse(witness, peer, own, status, before);
}

/* ---- Showing it. ---- */

bool witness_debt(const struct witness *witness, struct tally_now now,
                  const struct tally_key *party, const struct tally_hash *origin_hash,
                  struct witness_debt *debt)
{
    for (unsigned i = 0; witness->own != NULL && i < witness->own_count; i++) {
        const struct witness_own *own = &witness->own[i];
        if (own->head == 0 || !hash_equal(&own->origin_hash, origin_hash))
            continue;
        for (unsigned j = 0; j < witness->peer_end; j++) {
            const struct witness_peer *peer = &witness->peers[j];
            const struct witness_asked *asked = &own->asked[j];
            if (peer->state == PEER_FREE || !peer->asked || !key_equal(&peer->key, party))
                continue;
            *debt = (struct witness_debt){.owed = asked->size < own->head ||
                                                  asked->fresh_until.ms <= now.mono.ms,
                                          .good = asked->good,
                                          .status = asked->status,
                                          .head = own->head};
            return true;
        }
    }
    return false;
}

static const char *url_of(const struct witness *witness, const struct witness_peer *peer)
{
    const struct outside *outside =
        peer->outside ? outside_find(witness->options.fold->outsides, &peer->key) : NULL;
    return outside != NULL ? outside->url : NULL;
}

bool witness_view(const struct witness *witness, size_t index, struct tally_cosigned_view *view)
{
    for (unsigned i = 0; witness->own != NULL && i < witness->own_count; i++) {
        for (unsigned j = 0; j < witness->peer_end; j++) {
            const struct witness_peer *peer = &witness->peers[j];
            const struct witness_asked *asked = &witness->own[i].asked[j];
            if (peer->state == PEER_FREE || !peer->asked || index-- > 0)
                continue;
            *view = (struct tally_cosigned_view){.party = peer->key,
                                                 .has_key = peer->has_vkey,
                                                 .vkey = peer->vkey,
                                                 .connected = peer->stream != 0,
                                                 .origin_hash = witness->own[i].origin_hash,
                                                 .head = witness->own[i].head,
                                                 .size = asked->size,
                                                 .time_s = asked->time_s,
                                                 .status = asked->status,
                                                 .rounds = asked->good,
                                                 .refused = asked->refused,
                                                 .url = url_of(witness, peer),
                                                 .error = asked->error,
                                                 .disbelieved = asked->disbelieved};
            return true;
        }
    }
    return false;
}
