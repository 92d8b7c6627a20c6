/* SPDX-License-Identifier: Apache-2.0 */
#include "core/peers/links.h"

#include "core/base/bytes.h"
#include "core/base/fsm.h"
#include "core/crypto/hash.h"
#include "core/peers/hello.h"
#include "core/peers/knock.h"

#include <assert.h>

/* What makes a probe as large as its echo, which tells an address (protocols 2.6). */
enum { PROBE_PADDING = 21, GOODBYE_MAX = 16 };

static const fsm_moves moves[] = {
    [LINK_IDLE] = TO(LINK_GREETING) | TO(LINK_ACCEPTED),
    [LINK_GREETING] = TO(LINK_PROVING) | TO(LINK_ACCEPTED) | TO(LINK_IDLE),
    [LINK_PROVING] = TO(LINK_LINKED) | TO(LINK_ACCEPTED) | TO(LINK_IDLE),
    [LINK_ACCEPTED] = TO(LINK_LINKED) | TO(LINK_IDLE),
    [LINK_LINKED] = TO(LINK_IDLE),
};

void link_move(struct link *link, enum link_state state, struct tally_now now)
{
    FSM_MOVE(moves, &link->state, state);
    link->since = now.mono;
}

static void say(const struct peers *peers, struct tally_now now, enum tally_trace_kind kind,
                const struct peer *peer)
{
    const struct tally_trace_window *trace = &peers->options.trace;
    struct tally_trace what = {.kind = kind, .peer = &peer->key, .a = peers->links};
    if (trace->say != NULL)
        trace->say(trace->context, now, &what);
}

void link_up(struct peers *peers, struct peer *peer, struct tally_now now, struct peers_news *news)
{
    struct link *link = &peer->link;
    assert(link->next != NULL);
    /* What was promised may be gone: configured peers came in between. */
    enum mesh_claim claim = link->initiated ? MESH_OURS : MESH_ASKED;
    bool mesh = link->next->mesh &&
                mesh_room(peers, peer, &link->next->address, claim, now) == TALLY_DROP_NONE;
    bool was = peer->mesh;
    link_count(peers, peer, true, mesh);
    peer->chosen = mesh && (was ? peer->chosen : link->initiated);
    if (link->state != LINK_LINKED) {
        link_move(link, LINK_LINKED, now);
        link->punched = false; /* Who introduced both says otherwise. */
    }
    peer->first_size = 0;
    if (!peer->configured)
        peer->wants = 0;
    link->current = link->next->session;
    replay_reset(&link->window);
    link->address = link->next->address;
    peers->noted[peer - peers->list] = 0;
    link_wait_end(peers, link);
    peer->evasive = false;
    link->roams = false;
    link->heard = now.mono;
    link->interval_ms = TALLY_HEARTBEAT_MS;
    link->probing = false;
    link->probe_at = now.mono;
    link->echoes = 0;
    link->meshed = now.mono;
    link->heartbeat = (struct tally_mono){0};
    link->suspicion = (struct suspicion){.state = SUSPICION_NONE};
    link->bucket = link->requests = (struct bucket_word){0};
    link->together = false;
    backoff_reset(&peer->backoff);
    peer->last_error = TALLY_DROP_NONE;
    peer->why = TALLY_PATH_BEST;
    peer_address_add(peer, &link->address, TALLY_SOURCE_LINK, true, now);
    peers_wake(peers, peer, now.mono);
    news->linked = peer;
    say(peers, now, TALLY_TRACE_LINKED, peer);
}

void link_end(struct peers *peers, struct peer *peer, enum tally_drop why, struct tally_now now,
              struct peers_news *news)
{
    struct link *link = &peer->link;
    peer->last_error = why;
    bool linked = link->state == LINK_LINKED;
    bool greeted = link->state == LINK_GREETING || link->state == LINK_PROVING;
    if (peer->mesh)
        peer->rare->left = now.mono;
    if (linked)
        link_count(peers, peer, false, false);
    if (link->state != LINK_IDLE)
        link_move(link, LINK_IDLE, now);
    hash_wipe(&link->current, sizeof link->current);
    link_wait_end(peers, link);
    link->probing = false;
    link->suspicion.state = SUSPICION_NONE;
    peer->chosen = peer->overlay.shuffling = false;
    bool together = link->together;
    link->together = false;
    /* Who knows better, because it was punched in vain, is not contradicted. */
    if (greeted && (peer->why == TALLY_PATH_BEST || peer->why == TALLY_PATH_NO_ADDRESS))
        peer->why = TALLY_PATH_NO_ANSWER;
    if (peer->configured && !peers->stopping) {
        if (greeted && !together)
            news->vain = peer;
        uint64_t at = now.mono.ms + backoff_next(&peer->backoff, &peers->random);
        if (peer->judged && at < peer->rare->barred_until.ms)
            at = peer->rare->barred_until.ms;
        peers_wake(peers, peer, (struct tally_mono){at});
    } else if (greeted && !together && !peers->stopping) {
        /* The next address, if there is one. */
        peers_wake(peers, peer, now.mono);
    } else {
        peer->wants = 0;
        peers_wake(peers, peer, TALLY_NEVER);
    }
    link->punched = false;
    if (linked) {
        news->unlinked = peer;
        say(peers, now, TALLY_TRACE_UNLINKED, peer);
    }
}

static struct tally_bytes goodbye_write(uint8_t *body, size_t capacity)
{
    const struct tally_goodbye goodbye = {.reason = 0};
    struct wire_writer w;
    wire_writer_init(&w, body, capacity);
    tally_goodbye_write(&goodbye, &w);
    return wire_writer_bytes(&w);
}

void link_leave(struct peers *peers, struct peer *peer, enum tally_drop why, struct tally_now now,
                struct peers_news *news, struct outbox *out)
{
    uint8_t body[GOODBYE_MAX];
    if (peer->link.state == LINK_LINKED && outbox_room(out, 1, TALLY_DATAGRAM_MAX))
        peers_tell(peers, peer, TALLY_KIND_GOODBYE, goodbye_write(body, sizeof body), out);
    link_end(peers, peer, why, now, news);
}

void peers_judge(struct peers *peers, struct peer *peer, int change, struct tally_now now,
                 struct peers_news *news)
{
    if (peer_judge(peer, change, now) && peer->link.state != LINK_IDLE)
        link_end(peers, peer, TALLY_DROP_REFUSED, now, news);
}

/* ---- Sending. ---- */

/* A probe with room for its echo, which tells an address and so is the larger of the two. */
static void probe_make(struct peers *peers, const uint8_t nonce[LINK_PROBE_NONCE],
                       struct parcel *parcel)
{
    static const uint8_t padding[PROBE_PADDING];
    struct tally_probe probe = {.padding = bytes_of(padding, sizeof padding)};
    memcpy(probe.nonce, nonce, sizeof probe.nonce);
    uint8_t body[64];
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_probe_write(&probe, &w);
    parcel_make(peers, TALLY_KIND_PROBE, wire_writer_bytes(&w), true, parcel);
}

static void draw(const struct peers *peers, uint8_t *bytes, size_t size)
{
    peers->options.secret.draw(peers->options.secret.context, bytes, size);
}

/* ---- Opening: checks 3, 5 and 6. ---- */

/*
 * A good tag came from an address that is not the link's: the peer moved, or somebody replays.
 * A probe tells; until it is echoed no more bytes go there than came from there.
 */
static void path_seen(struct peers *peers, struct peer *peer, struct tally_now now,
                      const struct tally_address *from, size_t size, struct outbox *out)
{
    struct link_path *path = &peer->rare->path;
    if (!peer->link.roams)
        *path = (struct link_path){.tries = 0};
    peer->link.roams = true;
    uint64_t waited = now.mono.ms - path->probed.ms;
    bool same = address_equal(&path->address, from), tried = path->tries > 0;
    if (!same && tried && waited < LINK_PATH_MS)
        return;
    if (!same || (tried && waited >= LINK_PATH_REST_MS))
        *path = (struct link_path){.address = *from};
    path->credit += size;
    if (path->tries == LINK_PATH_TRIES || (path->tries > 0 && waited < LINK_PATH_MS))
        return;
    struct parcel parcel;
    draw(peers, path->nonce, sizeof path->nonce);
    probe_make(peers, path->nonce, &parcel);
    if (parcel.size > path->credit)
        return;
    path->credit -= parcel.size;
    path->tries++;
    path->probed = now.mono;
    parcel_send(peers, &parcel, peer->link.current.send_key, from, out);
}

/* Whether the datagram is new to the session and its tag good; REPLAYED, STALE or FORGED. */
static enum tally_drop session_open(const struct peers *peers, const struct session *session,
                                    const struct replay *window, const struct datagram *datagram)
{
    if (datagram->epoch != session->epoch)
        return TALLY_DROP_STALE;
    if (!replay_fresh(window, datagram->counter))
        return TALLY_DROP_REPLAYED;
    return datagram_tag_good(datagram, &peers->options.crypto, session->receive_key)
               ? TALLY_DROP_NONE
               : TALLY_DROP_FORGED;
}

enum tally_drop link_open(struct peers *peers, struct peer *peer, struct tally_now now,
                          const struct tally_address *from, const struct datagram *datagram,
                          size_t size, struct peers_news *news, struct outbox *out)
{
    static const struct replay unused = {.next = 0};
    struct link *link = &peer->link;
    enum tally_drop drop = TALLY_DROP_STRANGER;
    if (link->state == LINK_LINKED)
        drop = session_open(peers, &link->current, &link->window, datagram);
    if (drop != TALLY_DROP_NONE) {
        if (link->next == NULL)
            return drop;
        drop = session_open(peers, &link->next->session, &unused, datagram);
        if (drop != TALLY_DROP_NONE)
            return drop;
        link_up(peers, peer, now, news);
    }
    replay_take(&link->window, datagram->counter);
    if (!bucket_word_take(&link->bucket, LINK_RATE, now.mono))
        return TALLY_DROP_BUSY;
    link->heard = now.mono;
    if (!address_equal(from, &link->address))
        path_seen(peers, peer, now, from, size, out);
    return TALLY_DROP_NONE;
}

/* ---- Probe, echo, goodbye. ---- */

enum tally_drop link_on_probe(struct peers *peers, struct peer *peer,
                              const struct tally_address *from, const struct datagram *datagram,
                              struct outbox *out)
{
    struct wire_reader r;
    struct tally_probe probe;
    wire_reader_init(&r, datagram->body);
    tally_probe_read(&r, &probe);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    if (probe.padding.size < PROBE_PADDING)
        return TALLY_DROP_UNPROVED;
    struct tally_echo echo = {.delay_ms = 0};
    memcpy(echo.nonce, probe.nonce, sizeof echo.nonce);
    echo.observed = *from;
    uint8_t body[64];
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_echo_write(&echo, &w);
    struct parcel parcel;
    parcel_make(peers, TALLY_KIND_ECHO, wire_writer_bytes(&w), true, &parcel);
    /* A probe of our path to it answers there: that is what proves the way back. */
    peers_send(peers, peer, &parcel, out);
    return TALLY_DROP_NONE;
}

/* Microseconds from the wall clock where both clocks agree, else the milliseconds of the other:
   the wall clock may have been set in between. At least 1, since 0 is "unknown". */
static uint32_t round_trip(struct tally_now sent, struct tally_now now)
{
    uint64_t coarse = (now.mono.ms - sent.mono.ms) * 1000;
    int64_t fine = now.wall.us - sent.wall.us;
    uint64_t us = coarse;
    if (fine > 0 && (uint64_t)fine + 1000 >= coarse && (uint64_t)fine <= coarse + 1000)
        us = (uint64_t)fine;
    return us == 0 ? 1 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

enum tally_drop link_on_echo(struct peers *peers, struct peer *peer, struct tally_now now,
                             const struct tally_address *from, const struct datagram *datagram,
                             struct peers_news *news)
{
    struct wire_reader r;
    struct tally_echo echo;
    wire_reader_init(&r, datagram->body);
    tally_echo_read(&r, &echo);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    struct link *link = &peer->link;
    const struct link_path *path = &peer->rare->path;
    if (link->roams && path->tries > 0 && address_equal(&path->address, from) &&
        memcmp(path->nonce, echo.nonce, sizeof path->nonce) == 0) {
        link->address = *from;
        peers->noted[peer - peers->list] = 0;
        link->roams = false;
        peer_address_add(peer, from, TALLY_SOURCE_LINK, true, now);
        return TALLY_DROP_NONE;
    }
    if (!link->probing || memcmp(link->probe_nonce, echo.nonce, sizeof echo.nonce) != 0)
        return TALLY_DROP_UNASKED;
    link->probing = false;
    if (link->echoes < UINT8_MAX)
        link->echoes++;
    news->observer = peer;
    news->observed = echo.observed;
    uint32_t sample = round_trip(link->probe_sent, now);
    if (sample > LINK_ECHO_MS * 1000)
        return TALLY_DROP_NONE;
    news->round_trip_us = sample;
    peer->rtt_us =
        peer->rtt_us == 0 ? sample : (uint32_t)(((uint64_t)peer->rtt_us * 7 + sample) / 8);
    return TALLY_DROP_NONE;
}

enum tally_drop link_on_goodbye(struct peers *peers, struct peer *peer, struct tally_now now,
                                const struct datagram *datagram, struct peers_news *news)
{
    struct wire_reader r;
    struct tally_goodbye goodbye;
    wire_reader_init(&r, datagram->body);
    tally_goodbye_read(&r, &goodbye);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    link_end(peers, peer, TALLY_DROP_NONE, now, news);
    return TALLY_DROP_NONE;
}

/* ---- Time. ---- */

struct tally_mono peers_deadline(const struct peers *peers)
{
    return peers->wake;
}

void link_probe(struct peers *peers, struct peer *peer, struct tally_now now, struct outbox *out)
{
    struct link *link = &peer->link;
    struct parcel parcel;
    draw(peers, link->probe_nonce, sizeof link->probe_nonce);
    probe_make(peers, link->probe_nonce, &parcel);
    peers_send(peers, peer, &parcel, out);
    link->probe_sent = now;
    link->probing = true;
}

/* Outside the mesh nobody sends heartbeats: such a link may be silent, and is not probed. */
static void light_tick(struct peers *peers, struct peer *peer, struct tally_now now,
                       struct peers_news *news)
{
    struct link *link = &peer->link;
    uint64_t wake = link->heard.ms + LINK_LIGHT_MS;
    if (now.mono.ms >= wake) {
        link_end(peers, peer, TALLY_DROP_SILENT, now, news);
        return;
    }
    if (link->next != NULL && link->next->since.ms + LINK_ACCEPT_MS < wake)
        wake = link->next->since.ms + LINK_ACCEPT_MS;
    peers_wake(peers, peer, (struct tally_mono){wake});
}

/* How much sooner a probe goes with a heartbeat: no more than one interval, or it waits longer. */
static uint64_t probe_early_ms(const struct peers *peers)
{
    return peers->beat_ms > LINK_PROBE_EARLY_MS ? peers->beat_ms : LINK_PROBE_EARLY_MS;
}

/* When the next probe goes, if all stays well. */
static uint64_t probe_wait_ms(struct peers *peers, const struct link *link)
{
    uint64_t wait = backoff_doubled(LINK_PROBE_MS, LINK_PROBE_MAX_MS, link->echoes);
    return random_jitter(&peers->random, wait, 20) + probe_early_ms(peers) / 2;
}

void peers_doubt(struct peers *peers)
{
    for (size_t i = peers_mesh(peers, 0); i < peers->end; i = peers_mesh(peers, i + 1)) {
        struct peer *peer = &peers->list[i];
        struct tally_mono soon = {peer->link.probe_sent.mono.ms + LINK_PROBE_MS};
        peer->link.echoes = 0;
        if (soon.ms >= peer->link.probe_at.ms)
            continue;
        peer->link.probe_at = soon;
        if (soon.ms < peers_wakes(peers, peer).ms)
            peers_wake(peers, peer, soon);
    }
}

static void linked_tick(struct peers *peers, struct peer *peer, struct tally_now now,
                        struct peers_news *news, struct outbox *out)
{
    struct link *link = &peer->link;
    if (link->next != NULL && now.mono.ms - link->next->since.ms >= LINK_ACCEPT_MS) {
        link_wait_end(peers, link);
    }
    if (!peer->mesh) {
        light_tick(peers, peer, now, news);
        return;
    }
    if (now.mono.ms >= link->probe_at.ms) {
        link_probe(peers, peer, now, out);
        link->probe_at.ms = now.mono.ms + probe_wait_ms(peers, link);
    }
    uint64_t wake = link->probe_at.ms;
    if (link->next != NULL && link->next->since.ms + LINK_ACCEPT_MS < wake)
        wake = link->next->since.ms + LINK_ACCEPT_MS;
    peers_wake(peers, peer, (struct tally_mono){wake});
}

/* A configured peer is tried for ever; of others the caller hears that it was in vain. */
static void give_up(struct peers *peers, struct peer *peer, struct tally_now now,
                    struct peers_news *news)
{
    if (peer->configured) {
        uint64_t wait = backoff_next(&peer->backoff, &peers->random);
        peers_wake(peers, peer, (struct tally_mono){now.mono.ms + wait});
        news->vain = peer;
        return;
    }
    peer->wanted = peer->wants;
    peer->wants = 0;
    peer->first_size = 0;
    peers_wake(peers, peer, TALLY_NEVER);
    news->failed = peer;
}

/* Whom we do not admit we do not greet either: whoever named it should know why. */
static void refuse(const struct peers *peers, struct peer *peer)
{
    enum tally_drop drop = admission(peers->options.fold, &peer->key, ADMISSION_LINK);
    if (drop == TALLY_DROP_NONE)
        return;
    peer->last_error = drop;
    peer->why = TALLY_PATH_REFUSED;
}

static void idle_tick(struct peers *peers, struct peer *peer, struct tally_now now,
                      struct peers_news *news, struct outbox *out)
{
    size_t index;
    struct tally_mono later;
    if (peer->wants == 0 || peers->stopping) {
        peers_wake(peers, peer, TALLY_NEVER);
        return;
    }
    bool room = (peer->wants & PEER_WANTS_LINK) != 0 || link_room(peers, peer);
    if (!room || peer_barred(peer, now)) {
        give_up(peers, peer, now, news);
        return;
    }
    switch (greet_choose(peers, peer, now, &index, &later)) {
    case GREET_NOW:
        hello_start(peers, peer, index, now, out);
        return;
    case GREET_LATER:
        peers_wake(peers, peer, later);
        return;
    case GREET_NEVER:
        refuse(peers, peer);
        give_up(peers, peer, now, news);
        return;
    }
}

static void peer_tick(struct peers *peers, struct peer *peer, struct tally_now now,
                      struct peers_news *news, struct outbox *out)
{
    switch (peer->link.state) {
    case LINK_IDLE:
        idle_tick(peers, peer, now, news, out);
        return;
    case LINK_GREETING:
    case LINK_PROVING:
    case LINK_ACCEPTED:
        link_end(peers, peer, TALLY_DROP_SILENT, now, news);
        return;
    case LINK_LINKED:
        linked_tick(peers, peer, now, news, out);
        return;
    }
}

void peers_beat(struct peers *peers, struct tally_now now, uint64_t interval)
{
    peers->beat_ms = (uint32_t)interval;
    for (size_t i = peers_mesh(peers, 0); i < peers->end; i = peers_mesh(peers, i + 1)) {
        struct peer *peer = &peers->list[i];
        if (peer->link.probe_at.ms > now.mono.ms + probe_early_ms(peers))
            continue;
        peer->link.probe_at = now.mono;
        peers_wake(peers, peer, now.mono);
    }
}

void peers_tick(struct peers *peers, struct tally_now now, struct peers_ended *ended,
                struct outbox *out)
{
    ended->count = ended->vain_count = 0;
    if (now.mono.ms < peers->wake.ms)
        return;
    struct tally_mono wake = blinds_tick(peers, now, out), knocks = knocks_tick(peers, now, out);
    if (knocks.ms < wake.ms)
        wake = knocks;
    for (size_t i = 0; i < peers->end; i++) {
        struct peer *peer = &peers->list[i];
        bool due = peers->wakes[i].ms <= now.mono.ms;
        if (due && ended->count < PEERS_ENDED_MAX && outbox_room(out, 1, TALLY_DATAGRAM_MAX)) {
            struct peers_news news = {.linked = NULL};
            peer_tick(peers, peer, now, &news, out);
            if (news.unlinked != NULL || news.failed != NULL) {
                ended->list[ended->count].failed = news.unlinked == NULL;
                ended->list[ended->count++].peer =
                    news.unlinked != NULL ? news.unlinked : news.failed;
            }
            if (news.vain != NULL && ended->vain_count < PEERS_ENDED_MAX)
                ended->vain[ended->vain_count++] = news.vain;
        }
        if (peers->wakes[i].ms < wake.ms)
            wake = peers->wakes[i];
    }
    peers->wake = wake;
}

void peers_stop(struct peers *peers, struct tally_now now, struct outbox *out)
{
    peers->stopping = true;
    uint8_t body[GOODBYE_MAX];
    struct parcel parcel;
    parcel_make(peers, TALLY_KIND_GOODBYE, goodbye_write(body, sizeof body), true, &parcel);
    peers_send_all(peers, NULL, &parcel, out);
    for (size_t i = 0; i < peers->end; i++) {
        struct peers_news news = {.linked = NULL};
        if (peers->list[i].used)
            link_end(peers, &peers->list[i], TALLY_DROP_NONE, now, &news);
    }
}
