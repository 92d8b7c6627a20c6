/* SPDX-License-Identifier: Apache-2.0 */
#include "core/peers/hello.h"

#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/peers/knock.h"
#include "core/wire/derive.h"

#include <assert.h>

/* ---- Who begins. ---- */

static void hello_send(struct peers *peers, const struct tally_address *to,
                       const struct tally_hello *hello, const uint8_t *key, struct outbox *out)
{
    uint8_t body[TALLY_DATAGRAM_MAX];
    struct wire_writer w;
    struct parcel parcel;
    wire_writer_init(&w, body, sizeof body);
    tally_hello_write(hello, &w);
    parcel_make(peers, TALLY_KIND_HELLO, wire_writer_bytes(&w), key != NULL, &parcel);
    parcel_send(peers, &parcel, key, to, out);
}

static struct tally_hello hello_of(const struct peers *peers, const uint8_t nonce[LINK_NONCE],
                                   bool mesh)
{
    struct tally_hello hello = {.caps = peers->options.caps};
    if (mesh)
        hello.caps |= PEERS_CAPS_MESH;
    memcpy(hello.network, peers->options.network, sizeof hello.network);
    memcpy(hello.nonce, nonce, sizeof hello.nonce);
    return hello;
}

/* Padding that makes the first hello exactly HELLO_SIZE: what is left, as long as the counter is
   of that size. */
static size_t padding_for(const struct peers *peers, const struct tally_hello *hello)
{
    uint8_t body[TALLY_DATAGRAM_MAX];
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_hello_write(hello, &w);
    /* The empty string's header is two bytes; above 255 bytes it is three. */
    size_t fixed = wire_writer_bytes(&w).size + 1;
    return HELLO_SIZE - datagram_overhead(peers->options.epoch, peers->counter) - fixed;
}

/* The first message, padded: no answer to it is larger. */
void hello_first(struct peers *peers, const struct tally_address *to,
                 const uint8_t nonce[LINK_NONCE], struct outbox *out)
{
    static const uint8_t zeroes[TALLY_DATAGRAM_MAX];
    struct tally_hello hello = hello_of(peers, nonce, false);
    hello.padding = bytes_of(zeroes, padding_for(peers, &hello));
    hello_send(peers, to, &hello, NULL, out);
}

void hello_start(struct peers *peers, struct peer *peer, size_t index, struct tally_now now,
                 struct outbox *out)
{
    struct link *link = &peer->link;
    struct peer_address *known = &peer->addresses[index];
    link->address = known->address;
    known->greeted = now.mono;
    if (known->hellos < UINT8_MAX)
        known->hellos++;
    peer->address_greeted = (uint8_t)index;
    peer->address_turn = (uint8_t)(index + 1);
    peers->options.secret.draw(peers->options.secret.context, link->nonce, sizeof link->nonce);
    hello_first(peers, &link->address, link->nonce, out);
    link_move(link, LINK_GREETING, now);
    peers_wake(peers, peer, (struct tally_mono){now.mono.ms + LINK_ANSWER_MS});
    const struct tally_trace_window *trace = &peers->options.trace;
    struct tally_trace what = {
        .kind = TALLY_TRACE_HELLO, .peer = &peer->key, .a = peer->backoff.tries};
    if (trace->say != NULL)
        trace->say(trace->context, now, &what);
}

void hello_together(struct peers *peers, struct peer *peer, const struct tally_address *address,
                    struct tally_mono until, struct tally_now now)
{
    struct link *link = &peer->link;
    assert(link->state == LINK_IDLE || link->state == LINK_GREETING);
    if (link->state == LINK_IDLE)
        link_move(link, LINK_GREETING, now);
    link->address = *address;
    link->together = true;
    peers->options.secret.draw(peers->options.secret.context, link->nonce, sizeof link->nonce);
    peers_wake(peers, peer, until);
}

void hello_blind(struct peers *peers, struct peers_blind *blind, struct outbox *out)
{
    peers->options.secret.draw(peers->options.secret.context, blind->nonce, sizeof blind->nonce);
    hello_first(peers, &blind->address, blind->nonce, out);
}

/* Another key answers where we greet a peer. Nothing is proved yet, but only who saw our hello
   knows its nonce: enough to tell the operator that the peer id may be wrong. */
static enum tally_drop cookie_of_another(struct peers *peers, struct tally_now now,
                                         const struct tally_address *from,
                                         const struct tally_cookie *cookie)
{
    for (size_t i = 0; i < peers->end; i++) {
        struct peer *peer = &peers->list[i];
        struct peers_news news;
        if (!peer->used || peer->link.state != LINK_GREETING ||
            !address_equal(&peer->link.address, from) ||
            memcmp(peer->link.nonce, cookie->nonce, sizeof peer->link.nonce) != 0)
            continue;
        link_end(peers, peer, TALLY_DROP_IDENTITY, now, &news);
        return TALLY_DROP_IDENTITY;
    }
    return TALLY_DROP_UNASKED;
}

/* The cookie comes back under a key that only the two of us can make. */
void hello_third(struct peers *peers, const struct tally_address *to,
                 const struct hello_proof *proof, struct outbox *out)
{
    uint8_t key[32];
    derive_hello_key(proof->shared, peers->options.network, &peers->options.key, proof->responder,
                     proof->nonce, proof->cookie, key);
    struct tally_hello hello = hello_of(peers, proof->nonce, proof->mesh);
    if (proof->crowded)
        hello.caps |= PEERS_CAPS_CROWDED;
    hello.has_cookie = true;
    memcpy(hello.cookie, proof->cookie, sizeof hello.cookie);
    hello.namespaces = bytes_of(peers->follows, peers->follow_count * sizeof *peers->follows);
    hello.has_first = proof->first.size > 0;
    hello.first = proof->first;
    hello_send(peers, to, &hello, key, out);
    hash_wipe(key, sizeof key);
}

static void prove(struct peers *peers, const struct peer *peer, struct tally_now now,
                  struct outbox *out)
{
    const struct link *link = &peer->link;
    const struct hello_proof proof = {.responder = &peer->key,
                                      .shared = peer->shared,
                                      .nonce = link->nonce,
                                      .cookie = link->cookie,
                                      .mesh = (peer->wants & PEER_WANTS_MESH) != 0,
                                      .crowded = peers_crowded(peers, now),
                                      .first = bytes_of(peer->rare->first, peer->first_size)};
    hello_third(peers, &link->address, &proof, out);
}

/* Who lives there saw our nonce: it is nobody's victim, and may be greeted again although it has no
   time for us now; but not as often as one of whom nothing came. */
static void answered(struct peer *peer)
{
    if (peer->link.together || peer->address_greeted >= peer->address_count)
        return;
    struct peer_address *known = &peer->addresses[peer->address_greeted];
    if (!address_equal(&known->address, &peer->link.address))
        return;
    known->answered = true;
    if (known->hellos < PEERS_HELLO_TRIES - 1)
        known->hellos = PEERS_HELLO_TRIES - 1;
    peer->evasive = true;
}

static enum tally_drop hello_prove(struct peers *peers, struct peer *peer, struct tally_now now,
                                   const struct tally_cookie *cookie, struct outbox *out)
{
    struct link *link = &peer->link;
    if (!peers_shared(peers, peer))
        return TALLY_DROP_KEY;
    memcpy(link->cookie, cookie->cookie, sizeof link->cookie);
    answered(peer);
    prove(peers, peer, now, out);
    peer->first_size = 0;
    link_move(link, LINK_PROVING, now);
    if (!link->together)
        peers_wake(peers, peer, (struct tally_mono){now.mono.ms + LINK_ANSWER_MS});
    return TALLY_DROP_NONE;
}

void hello_again(struct peers *peers, struct peer *peer, struct tally_now now, struct outbox *out)
{
    const struct link *link = &peer->link;
    if (link->state == LINK_GREETING)
        hello_first(peers, &link->address, link->nonce, out);
    else if (link->state == LINK_PROVING)
        prove(peers, peer, now, out);
}

enum tally_drop hello_on_cookie(struct peers *peers, struct tally_now now,
                                const struct tally_address *from, const struct datagram *datagram,
                                struct outbox *out)
{
    struct wire_reader r;
    struct tally_cookie cookie;
    wire_reader_init(&r, datagram->body);
    tally_cookie_read(&r, &cookie);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    struct peer *peer = peers_find(peers, &datagram->sender);
    if (peer == NULL || peer->link.state != LINK_GREETING ||
        !address_equal(&peer->link.address, from) ||
        memcmp(peer->link.nonce, cookie.nonce, sizeof cookie.nonce) != 0)
        peer = blind_answered(peers, from, &datagram->sender, cookie.nonce, now);
    if (peer == NULL && knock_answered(peers, now, from, &datagram->sender, &cookie, out))
        return TALLY_DROP_NONE;
    if (peer == NULL)
        return cookie_of_another(peers, now, from, &cookie);
    return hello_prove(peers, peer, now, &cookie, out);
}

/* Both directions of a session from the nonces; `ours` tells which of the two nonces we drew. */
static void session_init(struct peers *peers, const struct peer *peer,
                         const uint8_t nonce_i[LINK_NONCE], const uint8_t nonce_r[LINK_NONCE],
                         uint32_t epoch, struct session *session)
{
    *session = (struct session){.epoch = epoch};
    derive_link_key(peer->shared, peers->options.network, &peers->options.key, &peer->key, nonce_i,
                    nonce_r, session->send_key);
    derive_link_key(peer->shared, peers->options.network, &peer->key, &peers->options.key, nonce_i,
                    nonce_r, session->receive_key);
}

enum tally_drop hello_on_welcome(struct peers *peers, struct tally_now now,
                                 const struct tally_address *from, const struct datagram *datagram,
                                 struct peers_news *news)
{
    struct peer *peer = peers_find(peers, &datagram->sender);
    if (knock_welcomed(peers, from, datagram))
        return TALLY_DROP_NONE;
    if (peer == NULL)
        return TALLY_DROP_STRANGER;
    struct link *link = &peer->link;
    if (link->state != LINK_PROVING || !address_equal(&link->address, from))
        return TALLY_DROP_UNASKED;
    /* The keys follow from a nonce in the body, so here the body is read before the tag is good:
       only for a peer that was asked, at the address where it was asked. */
    struct wire_reader r;
    struct tally_welcome welcome;
    wire_reader_init(&r, datagram->body);
    tally_welcome_read(&r, &welcome);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    if (memcmp(welcome.initiator_nonce, link->nonce, sizeof link->nonce) != 0)
        return TALLY_DROP_UNASKED;
    struct session session;
    session_init(peers, peer, link->nonce, welcome.responder_nonce, datagram->epoch, &session);
    enum tally_drop drop = TALLY_DROP_FORGED;
    bool good = datagram_tag_good(datagram, &peers->options.crypto, session.receive_key);
    if (good && !link_wait(peers, link)) {
        drop = TALLY_DROP_BUSY;
    } else if (good) {
        link->next->session = session;
        link->next->mesh = (peer->wants & PEER_WANTS_MESH) != 0 &&
                           (welcome.caps & PEERS_CAPS_MESH) != 0 &&
                           mesh_room(peers, peer, from, MESH_OURS, now) == TALLY_DROP_NONE;
        link->next->address = *from;
        link->initiated = true;
        link->uninvited = false;
        peer->caps = welcome.caps & (uint8_t)~PEERS_CAPS_MESH;
        peer->bare = welcome.namespaces.size == 0;
        link_up(peers, peer, now, news);
        replay_take(&link->window, datagram->counter);
        news->observer = peer;
        news->observed = welcome.observed;
        drop = TALLY_DROP_NONE;
    }
    hash_wipe(&session, sizeof session);
    return drop;
}

/* ---- Who is greeted. ---- */

static enum tally_drop cookie_answer(struct peers *peers, const struct tally_address *from,
                                     const struct datagram *datagram,
                                     const struct tally_hello *hello, size_t size,
                                     struct outbox *out)
{
    if (size != HELLO_SIZE || hello->has_cookie || hello->namespaces.size > 0 || hello->has_first)
        return TALLY_DROP_MALFORMED;
    struct tally_cookie cookie;
    memcpy(cookie.nonce, hello->nonce, sizeof cookie.nonce);
    cookie_make(&peers->jar, from, &datagram->sender, hello->nonce, cookie.cookie);
    uint8_t body[64];
    struct wire_writer w;
    struct parcel parcel;
    wire_writer_init(&w, body, sizeof body);
    tally_cookie_write(&cookie, &w);
    parcel_make(peers, TALLY_KIND_COOKIE, wire_writer_bytes(&w), false, &parcel);
    assert(parcel.size <= size); /* Nobody is flooded through us. */
    parcel_send(peers, &parcel, NULL, from, out);
    return TALLY_DROP_NONE;
}

static void welcome_send(struct peers *peers, const struct peer *peer, struct tally_now now,
                         struct outbox *out)
{
    const struct link *link = &peer->link;
    struct tally_welcome welcome = {.caps = peers->options.caps};
    if (link->next->mesh)
        welcome.caps |= PEERS_CAPS_MESH;
    if (peers_crowded(peers, now))
        welcome.caps |= PEERS_CAPS_CROWDED;
    memcpy(welcome.initiator_nonce, link->next->theirs, LINK_NONCE);
    memcpy(welcome.responder_nonce, link->next->ours, LINK_NONCE);
    welcome.observed = link->next->address;
    welcome.namespaces = bytes_of(peers->follows, peers->follow_count * sizeof *peers->follows);
    uint8_t body[512];
    struct wire_writer w;
    struct parcel parcel;
    wire_writer_init(&w, body, sizeof body);
    tally_welcome_write(&welcome, &w);
    parcel_make(peers, TALLY_KIND_WELCOME, wire_writer_bytes(&w), true, &parcel);
    parcel_send(peers, &parcel, link->next->session.send_key, &link->next->address, out);
}

/* Whether a peer that proves itself now may have a link, before anything is written. */
static enum tally_drop admit(const struct peers *peers, const struct peer *peer,
                             const struct datagram *datagram, struct tally_now now)
{
    if (peers->stopping)
        return TALLY_DROP_REFUSED;
    if (peer == NULL)
        return TALLY_DROP_NONE;
    if (peer_barred(peer, now))
        return TALLY_DROP_REFUSED;
    if (!peer_order_above(&peer->hello, datagram->epoch, datagram->counter))
        return datagram->epoch < peer->hello.epoch ? TALLY_DROP_STALE : TALLY_DROP_REPLAYED;
    /* Both said hello at once: the one of the lower key counts (2.3 rule 4). */
    if (peer->link.state == LINK_PROVING &&
        memcmp(peers->options.key.bytes, peer->key.bytes, sizeof peer->key.bytes) < 0)
        return TALLY_DROP_SEEN;
    return TALLY_DROP_NONE;
}

/* X25519 with a key that may not be in the table yet; the work is paid for by the caller. */
static bool shared_with(struct peers *peers, struct peer *peer, const struct tally_key *key,
                        uint8_t shared[32])
{
    const struct tally_crypto *crypto = &peers->options.crypto;
    if (peer == NULL)
        return crypto->exchange(crypto->context, key, shared);
    if (!peers_shared(peers, peer))
        return false;
    memcpy(shared, peer->shared, sizeof peer->shared);
    return true;
}

/* The third message proved its sender: a session waits for a first datagram. */
static enum tally_drop accept(struct peers *peers, struct peer *peer, struct tally_now now,
                              const struct tally_address *from, const struct datagram *datagram,
                              const struct tally_hello *hello, bool uninvited, struct outbox *out)
{
    struct link *link = &peer->link;
    bool again = link->next != NULL;
    if (!link_wait(peers, link))
        return TALLY_DROP_BUSY;
    peer_order_take(&peer->hello, datagram->epoch, datagram->counter);
    /* It says the same again because the welcome was late or lost: with another session there would
       be two, and each side might hold another. */
    struct link_next *next = link->next;
    if (again && memcmp(next->theirs, hello->nonce, LINK_NONCE) == 0 &&
        address_equal(&next->address, from)) {
        welcome_send(peers, peer, now, out);
        return TALLY_DROP_NONE;
    }
    memcpy(next->theirs, hello->nonce, LINK_NONCE);
    peers->options.secret.draw(peers->options.secret.context, next->ours, LINK_NONCE);
    session_init(peers, peer, next->theirs, next->ours, datagram->epoch, &next->session);
    next->since = now.mono;
    next->address = *from;
    /* Where the mesh has no room the link is a light one: it may ask us things. */
    next->mesh = (hello->caps & PEERS_CAPS_MESH) != 0 &&
                 mesh_room(peers, peer, from, MESH_ASKED, now) == TALLY_DROP_NONE;
    /* Of two that greet at once, who was told to by a third offers what it does not know. */
    if (link->together && (peer->wants & PEER_WANTS_MESH) == 0)
        next->mesh = false;
    link->initiated = false;
    link->uninvited = uninvited;
    peer->caps = hello->caps & (uint8_t)~PEERS_CAPS_MESH;
    peer->bare = hello->namespaces.size == 0;
    if (link->state != LINK_LINKED) {
        link->address = *from;
        if (link->state != LINK_ACCEPTED)
            link_move(link, LINK_ACCEPTED, now);
        peers_wake(peers, peer, (struct tally_mono){now.mono.ms + LINK_ACCEPT_MS});
    } else if (peers_wakes(peers, peer).ms > now.mono.ms + LINK_ACCEPT_MS) {
        peers_wake(peers, peer, (struct tally_mono){now.mono.ms + LINK_ACCEPT_MS});
    }
    welcome_send(peers, peer, now, out);
    return TALLY_DROP_NONE;
}

static enum tally_drop proof_take(struct peers *peers, struct tally_now now,
                                  const struct tally_address *from, const struct datagram *datagram,
                                  const struct tally_hello *hello, size_t size,
                                  struct peers_news *news, struct outbox *out)
{
    if (!hello->has_cookie || hello->padding.size > 0 || size > HELLO_PROVED_MAX)
        return TALLY_DROP_MALFORMED;
    if (!cookie_good(&peers->jar, from, &datagram->sender, hello->nonce, hello->cookie))
        return TALLY_DROP_STRANGER;
    struct peer *peer = peers_find(peers, &datagram->sender);
    enum tally_drop drop = admit(peers, peer, datagram, now);
    if (drop != TALLY_DROP_NONE)
        return drop;
    if (!cookie_pay(&peers->jar, from, now))
        return TALLY_DROP_BUSY;
    uint8_t shared[32], key[32];
    drop = TALLY_DROP_FORGED;
    if (shared_with(peers, peer, &datagram->sender, shared)) {
        derive_hello_key(shared, peers->options.network, &datagram->sender, &peers->options.key,
                         hello->nonce, hello->cookie, key);
        if (datagram_tag_good(datagram, &peers->options.crypto, key))
            drop = TALLY_DROP_NONE;
    }
    if (drop == TALLY_DROP_NONE) {
        peer = peers_take(peers, &datagram->sender, now);
        drop = peer == NULL ? TALLY_DROP_BUSY : TALLY_DROP_NONE;
    }
    if (drop == TALLY_DROP_NONE) {
        memcpy(peer->shared, shared, sizeof peer->shared);
        peer->has_shared = true;
        news->uninvited = !peers_wrote(peers, from, now);
        drop = accept(peers, peer, now, from, datagram, hello, news->uninvited, out);
        news->asked = drop == TALLY_DROP_NONE && hello->has_first ? peer : NULL;
        news->request = hello->first;
    }
    hash_wipe(shared, sizeof shared);
    hash_wipe(key, sizeof key);
    return drop;
}

enum tally_drop hello_receive(struct peers *peers, struct tally_now now,
                              const struct tally_address *from, const struct datagram *datagram,
                              size_t size, struct peers_news *news, struct outbox *out)
{
    struct wire_reader r;
    struct tally_hello hello;
    wire_reader_init(&r, datagram->body);
    tally_hello_read(&r, &hello);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    if (memcmp(hello.network, peers->options.network, sizeof hello.network) != 0)
        return TALLY_DROP_FOREIGN;
    cookie_turn(&peers->jar, &peers->options.secret, now);
    if (!datagram->tagged)
        return cookie_answer(peers, from, datagram, &hello, size, out);
    return proof_take(peers, now, from, datagram, &hello, size, news, out);
}
