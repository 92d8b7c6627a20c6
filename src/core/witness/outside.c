/* SPDX-License-Identifier: Apache-2.0 */
/* Witnesses that are no parties: one question at a time to each, over HTTP (log chapter 5.2). */
#include "core/base/bytes.h"
#include "core/base/fsm.h"
#include "core/base/hex.h"
#include "core/witness/inside.h"

enum { PATH_MAX_BYTES = sizeof "/checkpoint" + 2 * 32 + 1 };

static const fsm_moves moves[PEER_STATES] = {
    [PEER_IDLE] = TO(PEER_ASKED),
    [PEER_ASKED] = TO(PEER_IDLE),
};

static const struct outside *said_of(const struct witness *witness, const struct witness_peer *peer)
{
    return outside_find(witness->options.fold->outsides, &peer->key);
}

static struct witness_peer *find(const struct witness *witness, const struct tally_key *key)
{
    for (unsigned i = 0; i < witness->peer_end; i++) {
        struct witness_peer *peer = &witness->peers[i];
        if (peer->state != PEER_FREE && peer->outside && key_equal(&peer->key, key))
            return peer;
    }
    return NULL;
}

/* ---- Who they are. ---- */

static bool is_same(const struct tally_vkey *one, const struct tally_vkey *other)
{
    return bytes_equal(bytes_text(one->name), bytes_text(other->name));
}

static void add(struct witness *witness, const struct outside *outside)
{
    struct witness_peer *peer = find(witness, &outside->vkey.key);
    if (peer == NULL)
        peer = witness_peer_new(witness, &outside->vkey.key);
    if (peer == NULL)
        return; /* TALLY_WITNESSES_MAX are asked already. */
    if (peer->outside && is_same(&peer->vkey, &outside->vkey))
        return;
    peer->outside = peer->asked = peer->has_vkey = true;
    peer->vkey = outside->vkey;
    peer->backoff.first_ms = WITNESS_HTTP_AGAIN_MS;
    for (unsigned i = 0; i < witness->options.own_max; i++)
        witness->own[i].asked[peer - witness->peers].backoff =
            (struct backoff){.first_ms = WITNESS_HTTP_AGAIN_MS, .cap_ms = WITNESS_REST_MS};
}

void witness_outside_admit(struct witness *witness)
{
    const struct outsides *outsides = witness->options.fold->outsides;
    for (unsigned i = 0; i < witness->peer_end; i++) {
        struct witness_peer *peer = &witness->peers[i];
        const struct outside *said =
            peer->state != PEER_FREE && peer->outside ? said_of(witness, peer) : NULL;
        if (peer->state != PEER_FREE && peer->outside && (said == NULL || !said->asked))
            witness_peer_drop(witness, peer);
    }
    for (size_t i = 0; outsides != NULL && i < outsides->count; i++)
        if (outsides->list[i].asked)
            add(witness, &outsides->list[i]);
}

/* ---- Whether it knew us, and what it says. ---- */

static bool has_line(struct tally_bytes bytes, const struct tally_vkey *vkey)
{
    struct tally_note note;
    if (bytes.size == 0 || tally_note_read(bytes, &note) != TALLY_DROP_NONE)
        return false;
    for (size_t i = 0; i < note.count; i++)
        if (bytes_equal(note.lines[i].name, bytes_text(vkey->name)))
            return true;
    return false;
}

bool witness_outside_knew(const struct tally_ledger *ledger, const struct outside *outside)
{
    uint8_t note[TALLY_WITNESS_NOTE_MAX];
    struct tally_log_view view;
    for (size_t i = 0; ledger->log(ledger->context, i, &view); i++) {
        if (!view.own)
            continue;
        size_t size = ledger->kept(ledger->context, TALLY_KEPT_COSIGNED, &view.origin_hash, note,
                                   sizeof note);
        if (has_line(bytes_of(note, size), &outside->vkey))
            return true;
        size = ledger->checkpoint(ledger->context, &view.origin_hash, note, sizeof note);
        if (has_line(bytes_of(note, size), &outside->vkey))
            return true;
    }
    return false;
}

/* 409 is no answer here: it signed more, and did not show it. Nor is any that may be another later.
 */
bool witness_outside_heard(const struct witness *witness, const struct tally_key *key, bool *some)
{
    const struct witness_peer *peer = witness->peers != NULL ? find(witness, key) : NULL;
    bool any = false;
    *some = false;
    for (unsigned i = 0; peer != NULL && i < witness->own_count; i++) {
        const struct witness_own *own = &witness->own[i];
        const struct witness_asked *asked = &own->asked[peer - witness->peers];
        bool unknown =
            asked->status == TALLY_WITNESS_UNSIGNED || asked->status == TALLY_WITNESS_UNKNOWN;
        if (own->head == 0)
            continue;
        if (asked->look || asked->state != ASKED_DONE || (asked->size == 0 && !unknown))
            return false;
        *some = *some || asked->size > 0;
        any = true;
    }
    return any;
}

/* ---- What is to be asked. ---- */

static bool errand_next(const struct witness *witness, const struct witness_peer *peer,
                        struct peer_errand *errand)
{
    bool look;
    unsigned own = witness_round_next(witness, peer, &look);
    *errand = (struct peer_errand){.own = own,
                                   .kind = look ? TALLY_FEDERATION_CHECKPOINT_WANT
                                                : TALLY_FEDERATION_ADD_CHECKPOINT};
    return own < witness->own_count;
}

static unsigned count_asked(const struct witness *witness)
{
    unsigned count = 0;
    for (unsigned i = 0; i < witness->peer_end; i++)
        count += witness->peers[i].outside && witness->peers[i].state == PEER_ASKED;
    return count;
}

struct tally_mono witness_outside_deadline(const struct witness *witness)
{
    struct tally_mono next = TALLY_NEVER;
    bool room = count_asked(witness) < WITNESS_HTTP_ASKED;
    for (unsigned i = 0; i < witness->peer_end; i++) {
        const struct witness_peer *peer = &witness->peers[i];
        struct peer_errand errand;
        if (!peer->outside)
            continue;
        bool timed = peer->state == PEER_ASKED ||
                     (peer->state == PEER_IDLE && room && errand_next(witness, peer, &errand));
        if (timed && peer->again.ms < next.ms)
            next = peer->again;
    }
    return next;
}

/* ---- Asking. ---- */

static struct witness_asked *asked_of(struct witness *witness, const struct witness_peer *peer)
{
    return &witness->own[peer->errand.own].asked[peer - witness->peers];
}

static void post(struct outbox *out, const struct witness_peer *peer, const char *prefix,
                 const char *path, struct tally_bytes body)
{
    size_t begin = strlen(prefix), end = strlen(path) + 1;
    uint8_t *url = outbox_take(out, begin + end);
    memcpy(url, prefix, begin);
    memcpy(url + begin, path, end);
    struct tally_action *action = outbox_add(out, TALLY_ACTION_HTTP);
    action->http.ticket = peer->ticket;
    action->http.url = (const char *)url;
    action->http.body = body.size > 0 ? outbox_copy(out, body) : bytes_of(NULL, 0);
    action->http.answer_max = WITNESS_HTTP_ANSWER;
    action->http.timeout_ms = WITNESS_HTTP_MS;
}

/* Where our tree ends that it cosigned last (5.4). */
static void path_write(const struct tally_hash *origin_hash, char path[PATH_MAX_BYTES])
{
    path[0] = '/';
    hex_write(bytes_of(origin_hash->bytes, sizeof origin_hash->bytes), path + 1);
    memcpy(path + 1 + 2 * sizeof origin_hash->bytes, "/checkpoint", sizeof "/checkpoint");
}

static void ask(struct witness *witness, struct tally_now now, struct witness_peer *peer,
                const struct peer_errand *errand, struct outbox *out)
{
    const struct outside *said = said_of(witness, peer);
    struct witness_own *own = &witness->own[errand->own];
    uint8_t request[TALLY_WITNESS_ASK_MAX];
    char path[PATH_MAX_BYTES];
    size_t size = 0;
    peer->errand = *errand;
    if (errand->kind == TALLY_FEDERATION_ADD_CHECKPOINT) {
        size = witness_request_write(witness, own, asked_of(witness, peer), request);
        asked_of(witness, peer)->state = size > 0 ? ASKED_NOW : ASKED_DONE;
        if (size == 0)
            return;
        peer->errand.size = own->size;
    }
    path_write(&own->origin_hash, path);
    peer->ticket = WITNESS_TICKETS | ++witness->tickets;
    post(out, peer, said->url, size > 0 ? "/add-checkpoint" : path, bytes_of(request, size));
    FSM_MOVE(moves, &peer->state, PEER_ASKED);
    peer->again.ms = now.mono.ms + WITNESS_HTTP_LATE_MS;
}

/* ---- Answers. ---- */

/* Told once, when it begins to fail. */
static void tell(struct witness *witness, const struct witness_peer *peer,
                 const struct witness_own *own)
{
    struct witness_news *news = witness_news_add(witness, WITNESS_NEWS_REFUSED);
    if (news == NULL)
        return;
    news->peer = peer->key;
    news->origin_hash = own->origin_hash;
    news->size = own->size;
    news->status = 0;
}

/* It cannot be asked now, whatever log it is about: that is said of all that wait for it. */
static void failed(struct witness *witness, struct tally_now now, struct witness_peer *peer,
                   enum tally_error error)
{
    bool looked = peer->errand.kind == TALLY_FEDERATION_CHECKPOINT_WANT;
    for (unsigned i = 0; i < witness->own_count; i++) {
        struct witness_asked *asked = &witness->own[i].asked[peer - witness->peers];
        if (i != peer->errand.own && asked->state == ASKED_DONE)
            continue;
        if (asked->error == TALLY_OK)
            tell(witness, peer, &witness->own[i]);
        asked->refused++;
        asked->status = 0;
        asked->error = error;
        asked->disbelieved = false;
    }
    witness_round_skip(witness, peer);
    /* Whether it holds more of our log than we do is still to be seen. */
    asked_of(witness, peer)->look = looked;
    peer->again.ms = now.mono.ms + backoff_next(&peer->backoff, &witness->random);
}

/* What it read back, with the log's own signatures alone: those of witnesses may be many. */
static struct tally_bytes own_lines(struct tally_bytes bytes, struct outbox *out)
{
    struct tally_note note;
    struct tally_checkpoint checkpoint;
    if (tally_note_read(bytes, &note) != TALLY_DROP_NONE ||
        tally_checkpoint_read(note.text, &checkpoint) != TALLY_DROP_NONE ||
        !outbox_room(out, 1, bytes.size))
        return bytes_of(NULL, 0);
    uint8_t *copy = outbox_take(out, bytes.size);
    size_t size = note.text.size + 1; /* With the empty line. */
    memcpy(copy, bytes.data, size);
    for (size_t i = 0; i < note.count; i++) {
        const struct tally_note_line *line = &note.lines[i];
        if (!bytes_equal(line->name, checkpoint.origin))
            continue;
        memcpy(copy + size, line->line.data, line->line.size);
        size += line->line.size;
    }
    return bytes_of(copy, size);
}

static void answered(struct witness *witness, struct tally_now now, struct witness_peer *peer,
                     const struct tally_event *event, struct outbox *out)
{
    struct tally_bytes body = event->http.body;
    unsigned status = event->http.status;
    bool sized = event->http.plain && strcmp(event->http.type, TALLY_WITNESS_SIZE_TYPE) == 0;
    backoff_reset(&peer->backoff);
    if (peer->errand.kind == TALLY_FEDERATION_CHECKPOINT_WANT) {
        bool shown = status == 200 && body.size <= TALLY_WITNESS_NOTE_MAX;
        witness_peer_showed(witness, peer, shown ? own_lines(body, out) : bytes_of(NULL, 0), out);
        return;
    }
    /* A number counts only under its own type, without parameters (5.1). */
    if (status == TALLY_WITNESS_CONFLICT && !sized)
        body = bytes_of(NULL, 0);
    asked_of(witness, peer)->error = TALLY_OK;
    witness_round_answer(witness, now, peer, peer->errand.own, status, body, out);
}

void witness_on_http(struct witness *witness, struct tally_now now, const struct tally_event *event,
                     struct outbox *out)
{
    struct witness_peer *peer = NULL;
    for (unsigned i = 0; i < witness->peer_end; i++)
        if (witness->peers[i].outside && witness->peers[i].state == PEER_ASKED &&
            witness->peers[i].ticket == event->http.ticket)
            peer = &witness->peers[i];
    if (peer == NULL)
        return; /* Given up, or not wanted any more. */
    FSM_MOVE(moves, &peer->state, PEER_IDLE);
    peer->again.ms = 0;
    if (event->http.error == TALLY_OK)
        answered(witness, now, peer, event, out);
    else
        failed(witness, now, peer, event->http.error);
}

/* Questions are as large as an answer to a datagram is not: those that find no room wait. */
static bool has_room(const struct outbox *out)
{
    return outbox_room(out, 2, TALLY_WITNESS_ASK_MAX + OUTSIDE_URL_MAX + PATH_MAX_BYTES);
}

void witness_outside_tick(struct witness *witness, struct tally_now now, struct outbox *out)
{
    unsigned count = count_asked(witness);
    for (unsigned i = 0; i < witness->peer_end; i++) {
        struct witness_peer *peer = &witness->peers[i];
        struct peer_errand errand;
        if (!peer->outside || now.mono.ms < peer->again.ms)
            continue;
        if (peer->state == PEER_ASKED) {
            FSM_MOVE(moves, &peer->state, PEER_IDLE);
            failed(witness, now, peer, TALLY_TIMED_OUT);
        } else if (peer->state == PEER_IDLE && count < WITNESS_HTTP_ASKED && has_room(out) &&
                   errand_next(witness, peer, &errand)) {
            ask(witness, now, peer, &errand, out);
            count += peer->state == PEER_ASKED;
        }
    }
}
