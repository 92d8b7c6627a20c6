/* SPDX-License-Identifier: Apache-2.0 */
#include "core/peers/suspect.h"

#include "core/base/bytes.h"

#include <stdlib.h>

bool suspect_new(struct suspect *suspect, struct tally_now now)
{
    *suspect = (struct suspect){.wake = TALLY_NEVER, .last = now};
    suspect->favours = calloc(SUSPECT_FAVOURS, sizeof *suspect->favours);
    return suspect->favours != NULL;
}

void suspect_free(struct suspect *suspect)
{
    free(suspect->favours);
    suspect->favours = NULL;
}

void suspect_watch(struct suspect *suspect, struct tally_now now)
{
    if (now.mono.ms < suspect->wake.ms)
        suspect->wake = now.mono;
}

struct tally_mono suspect_deadline(const struct suspect *suspect)
{
    return suspect->wake;
}

static void say(const struct suspect *suspect, const struct peers *peers, struct tally_now now,
                enum tally_trace_kind kind, const struct peer *peer)
{
    const struct tally_trace_window *trace = &peers->options.trace;
    struct tally_trace what = {.kind = kind, .peer = &peer->key, .a = suspect->health};
    if (trace->say != NULL)
        trace->say(trace->context, now, &what);
}

static void doubt(struct suspect *suspect)
{
    if (suspect->health < SUSPECT_HEALTH_MAX)
        suspect->health++;
}

/* How long an echo may take. */
static uint64_t answer_ms(const struct peer *peer)
{
    uint64_t four = (uint64_t)peer->rtt_us * 4 / 1000;
    return four > SUSPECT_ANSWER_MS ? four : SUSPECT_ANSWER_MS;
}

/* How long a suspect has to prove alive. */
static uint64_t time_of(const struct suspect *suspect, const struct peer *peer)
{
    return SUSPECT_TIMES * answer_ms(peer) * (1 + suspect->health);
}

/* A heartbeat that was told is late by so much before it is missed. */
static uint64_t late_ms(const struct peer *peer)
{
    uint64_t told = peer->link.interval_ms;
    return told < SUSPECT_MISSED_MS ? told : SUSPECT_MISSED_MS;
}

/* How long a link may be silent: longer the less we trust ourselves. */
static uint64_t silence_ms(const struct suspect *suspect)
{
    return (uint64_t)SUSPECT_QUIET_MS * (2 + suspect->health) / 2;
}

/* ---- Others are asked. ---- */

static bool may_help(const struct peer *peer, const struct peer *about)
{
    return peer->mesh && !peer->guest && peer != about &&
           peer->link.suspicion.state == SUSPICION_NONE && peer->health < SUSPECT_HELPER_HEALTH;
}

/* Three of the mesh, evenly: does it answer you? */
static void ask_others(struct peers *peers, struct peer *about, struct tally_now now,
                       struct outbox *out)
{
    struct peer *helpers[SUSPECT_HELPERS];
    uint32_t met = 0;
    for (size_t i = peers_mesh(peers, 0); i < peers->end; i = peers_mesh(peers, i + 1)) {
        struct peer *peer = &peers->list[i];
        if (!may_help(peer, about))
            continue;
        uint32_t place = met < SUSPECT_HELPERS ? met : random_below(&peers->random, met + 1);
        if (place < SUSPECT_HELPERS)
            helpers[place] = peer;
        met++;
    }
    struct tally_probe_for message = {.key = about->key};
    memcpy(message.nonce, about->rare->suspect_nonce, sizeof message.nonce);
    uint8_t body[TALLY_PROBE_FOR_SIZE_MAX];
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_probe_for_write(&message, &w);
    for (uint32_t i = 0; i < met && i < SUSPECT_HELPERS; i++) {
        peers_tell(peers, helpers[i], TALLY_KIND_PROBE_FOR, wire_writer_bytes(&w), out);
        helpers[i]->rare->helped = now.mono;
    }
}

static void probed_send(struct peers *peers, const struct peer *asker,
                        const uint8_t nonce[LINK_PROBE_NONCE], bool answered, struct outbox *out)
{
    struct tally_probed message = {.answered = answered};
    uint8_t body[TALLY_PROBED_SIZE_MAX];
    struct wire_writer w;
    memcpy(message.nonce, nonce, sizeof message.nonce);
    wire_writer_init(&w, body, sizeof body);
    tally_probed_write(&message, &w);
    peers_tell(peers, asker, TALLY_KIND_PROBED, wire_writer_bytes(&w), out);
}

static void favour_end(struct suspect *suspect, struct peers *peers, struct favour *favour,
                       bool answered, struct outbox *out)
{
    const struct peer *asker = peers_find(peers, &favour->asker);
    if (asker != NULL && asker->mesh)
        probed_send(peers, asker, favour->nonce, answered, out);
    favour->used = false;
    suspect->favour_count--;
}

static struct favour *favour_place(struct suspect *suspect)
{
    for (size_t i = 0; i < SUSPECT_FAVOURS; i++)
        if (!suspect->favours[i].used)
            return &suspect->favours[i];
    return NULL;
}

enum tally_drop suspect_on_probe_for(struct suspect *suspect, struct peers *peers,
                                     struct peer *peer, struct tally_now now,
                                     const struct datagram *datagram, struct outbox *out)
{
    struct wire_reader r;
    struct tally_probe_for message;
    wire_reader_init(&r, datagram->body);
    tally_probe_for_read(&r, &message);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    if (key_equal(&message.key, &peers->options.key))
        return TALLY_DROP_SELF;
    if (!peer->mesh || key_equal(&message.key, &peer->key))
        return TALLY_DROP_REFUSED;
    if (!bucket_word_take(&peer->link.requests, LINK_REQUEST_RATE, now.mono))
        return TALLY_DROP_BUSY;
    struct peer *about = peers_find(peers, &message.key);
    bool linked = about != NULL && about->link.state == LINK_LINKED;
    if (!linked || now.mono.ms - about->link.heard.ms < SUSPECT_FRESH_MS) {
        probed_send(peers, peer, message.nonce, linked, out);
        return TALLY_DROP_NONE;
    }
    struct favour *favour = favour_place(suspect);
    if (favour == NULL)
        return TALLY_DROP_BUSY;
    *favour = (struct favour){.used = true, .asker = peer->key, .key = about->key};
    favour->until.ms = now.mono.ms + answer_ms(about);
    memcpy(favour->nonce, message.nonce, sizeof favour->nonce);
    suspect->favour_count++;
    if (favour->until.ms < suspect->wake.ms)
        suspect->wake = favour->until;
    if (now.mono.ms - about->link.probe_sent.mono.ms >= SUSPECT_ANSWER_MS)
        link_probe(peers, about, now, out);
    return TALLY_DROP_NONE;
}

enum tally_drop suspect_on_probed(struct suspect *suspect, struct peers *peers,
                                  const struct peer *peer, struct tally_now now,
                                  const struct datagram *datagram)
{
    struct wire_reader r;
    struct tally_probed message;
    wire_reader_init(&r, datagram->body);
    tally_probed_read(&r, &message);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    if (peer->rare->helped.ms == 0 || now.mono.ms - peer->rare->helped.ms >= SUSPECT_HELPED_MS)
        return TALLY_DROP_UNASKED;
    for (size_t i = peers_mesh(peers, 0); i < peers->end; i = peers_mesh(peers, i + 1)) {
        struct suspicion *suspicion = &peers->list[i].link.suspicion;
        struct peer_rare *rare = peers->list[i].rare;
        if (suspicion->state != SUSPICION_SUSPECT ||
            memcmp(rare->suspect_nonce, message.nonce, sizeof message.nonce) != 0)
            continue;
        /* It lives, and it is the way between us that is broken: a little more time, once. */
        if (message.answered && !suspicion->vouched)
            rare->suspect_until.ms += time_of(suspect, &peers->list[i]);
        suspicion->vouched = suspicion->vouched || message.answered;
        return TALLY_DROP_NONE;
    }
    return TALLY_DROP_SEEN;
}

/* ---- Signs of life. ---- */

/* It is no suspect any more; true if it was one. */
static bool alive(struct suspect *suspect, struct peers *peers, struct peer *peer,
                  struct tally_now now)
{
    bool was = peer->link.suspicion.state == SUSPICION_SUSPECT;
    if (peer->link.suspicion.state == SUSPICION_NONE)
        return false;
    peer->link.suspicion = (struct suspicion){.state = SUSPICION_NONE};
    if (was) {
        doubt(suspect);
        suspect->revived++;
        say(suspect, peers, now, TALLY_TRACE_ALIVE, peer);
    }
    return was;
}

bool suspect_heard(struct suspect *suspect, struct peers *peers, struct peer *peer,
                   struct tally_now now, struct outbox *out)
{
    bool was = !peer->link.suspicion.woken && alive(suspect, peers, peer, now);
    for (size_t i = 0; i < SUSPECT_FAVOURS && suspect->favour_count > 0; i++) {
        struct favour *favour = &suspect->favours[i];
        if (favour->used && key_equal(&favour->key, &peer->key))
            favour_end(suspect, peers, favour, true, out);
    }
    return was;
}

void suspect_echoed(struct suspect *suspect, struct peers *peers, struct peer *peer,
                    struct tally_now now, uint32_t round_trip_us, bool revived)
{
    revived = alive(suspect, peers, peer, now) || revived;
    if (!revived && suspect->health > 0 && round_trip_us <= answer_ms(peer) * 1000)
        suspect->health--;
}

/* ---- Time. ---- */

/* Whether this process, or this machine, did not run for a while: it is ticked late, or the wall
   clock went on while the other stood still, as on Linux. Whoever only sets the clock makes us
   probe our links, no more. */
static bool slept(const struct suspect *suspect, struct tally_now now, struct tally_mono due,
                  bool *long_enough)
{
    int64_t mono_ms = (int64_t)(now.mono.ms - suspect->last.mono.ms);
    int64_t late = (now.wall.us - suspect->last.wall.us) / 1000 - mono_ms;
    /* Since the last tick at the most: a deadline that somebody forgets to move is no sleep. */
    uint64_t from = due.ms > suspect->last.mono.ms ? due.ms : suspect->last.mono.ms;
    if (now.mono.ms > from && (int64_t)(now.mono.ms - from) > late)
        late = (int64_t)(now.mono.ms - from);
    bool again = suspect->awake.ms != 0 && now.mono.ms - suspect->awake.ms < SUSPECT_LATE_MS;
    *long_enough = late >= SUSPECT_QUIET_MS / 2;
    return late >= SUSPECT_LATE_MS && !again;
}

/* All links are asked for an echo, and what was thought of them before is forgotten. */
static void wake_up(struct suspect *suspect, struct peers *peers, struct tally_now now, bool longer,
                    struct outbox *out)
{
    doubt(suspect);
    suspect->awake = now.mono;
    for (size_t i = peers_mesh(peers, 0); i < peers->end; i = peers_mesh(peers, i + 1)) {
        struct peer *peer = &peers->list[i];
        peer->link.suspicion = (struct suspicion){
            .state = SUSPICION_MISSED, .since = now.mono, .woken = true, .slept = longer};
        peer->link.heartbeat = now.mono; /* Nor could it tell us anything. */
        peer->link.echoes = 0;
        link_probe(peers, peer, now, out);
    }
}

/* It has not echoed in time. */
static bool silent(const struct peer *peer, struct tally_now now)
{
    const struct suspicion *suspicion = &peer->link.suspicion;
    return suspicion->state == SUSPICION_SUSPECT ||
           (suspicion->state == SUSPICION_MISSED &&
            now.mono.ms - suspicion->since.ms >= answer_ms(peer));
}

/* Half of the links silent at once: that is more likely us than all of them. */
static void doubt_update(struct suspect *suspect, const struct peers *peers, struct tally_now now)
{
    unsigned count = 0;
    for (size_t i = peers_mesh(peers, 0); i < peers->end; i = peers_mesh(peers, i + 1))
        count += !peers->list[i].guest && silent(&peers->list[i], now);
    bool half = count >= 2 && 2 * count >= peers->links - peers->guests;
    bool woken = suspect->awake.ms != 0 && now.mono.ms - suspect->awake.ms < SUSPECT_DOUBT_MS;
    if (half && !woken && !suspect->doubting)
        doubt(suspect);
    /* Until nobody is silent any more: with each link that ends there are fewer. */
    suspect->doubting = half || woken || (suspect->doubting && count > 0);
}

static void miss(struct peers *peers, struct peer *peer, struct tally_now now, struct outbox *out)
{
    peer->link.suspicion = (struct suspicion){.state = SUSPICION_MISSED, .since = now.mono};
    peer->link.echoes = 0;
    link_probe(peers, peer, now, out);
}

/* One is silent: are those others who were not heard lately either? */
static void others_ask(struct peers *peers, struct tally_now now, struct outbox *out)
{
    bool any = false;
    for (size_t i = peers_mesh(peers, 0); i < peers->end; i = peers_mesh(peers, i + 1))
        any = any || (peers->list[i].link.suspicion.state == SUSPICION_MISSED &&
                      silent(&peers->list[i], now));
    for (size_t i = peers_mesh(peers, 0); any && i < peers->end; i = peers_mesh(peers, i + 1)) {
        struct peer *peer = &peers->list[i];
        if (peer->link.suspicion.state == SUSPICION_NONE &&
            now.mono.ms - peer->link.heard.ms >= SUSPECT_MISSED_MS)
            miss(peers, peer, now, out);
    }
}

static void suspect_begin(struct suspect *suspect, struct peers *peers, struct peer *peer,
                          struct tally_now now, struct outbox *out)
{
    struct suspicion *suspicion = &peer->link.suspicion;
    suspicion->state = SUSPICION_SUSPECT;
    suspicion->since = now.mono;
    peer->rare->suspect_until.ms = now.mono.ms + time_of(suspect, peer);
    suspicion->vouched = false;
    peers->options.secret.draw(peers->options.secret.context, peer->rare->suspect_nonce,
                               sizeof peer->rare->suspect_nonce);
    suspect->suspected++;
    say(suspect, peers, now, TALLY_TRACE_SUSPECTED, peer);
    if (!suspect->doubting)
        ask_others(peers, peer, now, out);
}

/* When the suspect's time is over. */
static uint64_t end_of(const struct suspect *suspect, const struct peer *peer)
{
    const struct suspicion *suspicion = &peer->link.suspicion;
    uint64_t end = peer->rare->suspect_until.ms;
    uint64_t quiet = peer->link.heard.ms + silence_ms(suspect);
    uint64_t late = suspicion->since.ms + late_ms(peer);
    if (!suspicion->slept && (quiet > end || late > end))
        end = quiet > late ? quiet : late;
    if (suspect->doubting && suspect->dropped.ms + SUSPECT_SPACING_MS > end)
        end = suspect->dropped.ms + SUSPECT_SPACING_MS;
    return end;
}

/* One link of the mesh: what is due is done; when the next is. */
static uint64_t link_tick(struct suspect *suspect, struct peers *peers, struct peer *peer,
                          struct tally_now now, struct peers_news *news, struct outbox *out)
{
    struct link *link = &peer->link;
    struct suspicion *suspicion = &link->suspicion;
    if (suspicion->state == SUSPICION_NONE) {
        /* Nobody is woken for that alone as long as heartbeats of ours come in between. */
        if (now.mono.ms < link->heard.ms + link->interval_ms + late_ms(peer))
            return link->heard.ms + 2 * (uint64_t)link->interval_ms;
        miss(peers, peer, now, out);
        return now.mono.ms + answer_ms(peer);
    }
    uint64_t again = link->probe_sent.mono.ms + answer_ms(peer);
    uint64_t missed = suspicion->since.ms + SUSPECT_TRIES * answer_ms(peer);
    if (suspicion->state == SUSPICION_MISSED && now.mono.ms < again)
        return again;
    if (suspicion->state == SUSPICION_MISSED && now.mono.ms < missed) {
        link_probe(peers, peer, now, out);
        return now.mono.ms + answer_ms(peer);
    }
    if (suspicion->state == SUSPICION_MISSED)
        suspect_begin(suspect, peers, peer, now, out);
    uint64_t end = end_of(suspect, peer);
    if (now.mono.ms >= end) {
        suspect->dropped = now.mono;
        suspect->ended++;
        link_end(peers, peer, TALLY_DROP_SILENT, now, news);
        return UINT64_MAX;
    }
    if (now.mono.ms >= again) {
        link_probe(peers, peer, now, out);
        again = now.mono.ms + answer_ms(peer);
    }
    return again < end ? again : end;
}

static uint64_t favours_tick(struct suspect *suspect, struct peers *peers, struct tally_now now,
                             struct outbox *out)
{
    uint64_t wake = UINT64_MAX;
    for (size_t i = 0; i < SUSPECT_FAVOURS && suspect->favour_count > 0; i++) {
        struct favour *favour = &suspect->favours[i];
        if (favour->used && favour->until.ms <= now.mono.ms)
            favour_end(suspect, peers, favour, false, out);
        else if (favour->used && favour->until.ms < wake)
            wake = favour->until.ms;
    }
    return wake;
}

void suspect_tick(struct suspect *suspect, struct peers *peers, struct tally_now now,
                  struct tally_mono due, struct peers_ended *ended, struct outbox *out)
{
    bool longer, woken = slept(suspect, now, due, &longer);
    suspect->last = now;
    if (woken && peers->links > 0)
        wake_up(suspect, peers, now, longer, out);
    else if (now.mono.ms < suspect->wake.ms)
        return;
    doubt_update(suspect, peers, now);
    uint64_t wake = favours_tick(suspect, peers, now, out);
    others_ask(peers, now, out);
    for (size_t i = peers_mesh(peers, 0); i < peers->end; i = peers_mesh(peers, i + 1)) {
        struct peer *peer = &peers->list[i];
        struct peers_news news = {.linked = NULL};
        uint64_t next = ended->count < PEERS_ENDED_MAX
                            ? link_tick(suspect, peers, peer, now, &news, out)
                            : now.mono.ms;
        if (next < wake)
            wake = next;
        if (news.unlinked == NULL)
            continue;
        ended->list[ended->count].peer = peer;
        ended->list[ended->count++].failed = false;
    }
    suspect->wake.ms = wake;
}

bool suspect_holds(const struct suspect *suspect, const struct peers *peers)
{
    unsigned favours = 0;
    for (size_t i = 0; i < SUSPECT_FAVOURS; i++)
        favours += suspect->favours[i].used;
    for (size_t i = 0; i < peers->end; i++)
        if (!peers->list[i].mesh && peers->list[i].link.suspicion.state != SUSPICION_NONE)
            return false;
    return favours == suspect->favour_count && suspect->health <= SUSPECT_HEALTH_MAX &&
           suspect->revived + suspect->ended <= suspect->suspected;
}
