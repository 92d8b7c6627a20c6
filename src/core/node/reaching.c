/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node/reaching.h"

#include "core/address/multiaddr.h"
#include "core/address/scope.h"
#include "core/base/bytes.h"

enum { STANDING_ADDRESS = -20, GUESSES = 2 };

/* For a host that tells nothing of its network. */
static const struct address_policy nowhere;

bool reaching_new(struct reaching *reaching, const struct reaching_options *options,
                  const struct peers *peers, struct tally_now now)
{
    const struct peers_options *own = &peers->options;
    const struct address_policy *policy = options->policy != NULL ? options->policy : &nowhere;
    const struct reach_options reach = {.policy = policy,
                                        .listen = options->listen,
                                        .by_itself = options->by_itself,
                                        .own_max = options->own_max,
                                        .seed = own->seed + 5,
                                        .secret = own->secret,
                                        .trace = own->trace};
    const struct dialback_options dialback = {
        .policy = policy, .serves = options->serves, .seed = own->seed + 6};
    const struct punch_options punch = {.policy = policy,
                                        .serves = options->serves,
                                        .seed = own->seed + 7,
                                        .secret = own->secret,
                                        .trace = own->trace};
    const struct meet_options meet = {.policy = policy, .secret = own->secret};
    *reaching = (struct reaching){.policy = policy, .port = options->listen.port, .stirred = true};
    if (reach_new(&reaching->reach, &reach, peers->hash_key, now) &&
        dialback_new(&reaching->dialback, &dialback) &&
        punch_new(&reaching->punch, &punch, peers->hash_key) && meet_new(&reaching->meet, &meet))
        return true;
    reaching_free(reaching);
    return false;
}

void reaching_free(struct reaching *reaching)
{
    reach_free(&reaching->reach);
    dialback_free(&reaching->dialback);
    punch_free(&reaching->punch);
    meet_free(&reaching->meet);
}

/* ---- Messages. ---- */

/*
 * Where the sender is: at the address its link was proved for, or from which a cookie came back
 * just now. Not simply where this datagram came from: anybody writes what he likes there.
 */
static const struct tally_address *seen(const struct reaching_word *word)
{
    return word->rides ? word->from : &word->peer->link.address;
}

static enum tally_drop on_dial_back(struct reaching *reaching, struct tally_now now,
                                    struct peers *peers, const struct reaching_word *word,
                                    struct outbox *out)
{
    struct wire_reader r;
    struct tally_dial_back ask;
    wire_reader_init(&r, word->datagram->body);
    tally_dial_back_read(&r, &ask);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    if (ask.has_of)
        return dialback_dial(&reaching->dialback, now, peers, &reaching->reach, word->peer, &ask,
                             &reaching->dial, out);
    if (word->rides && reach_awaits(&reaching->reach, ask.nonce))
        return reach_came(&reaching->reach, now, word->peer, word->from, word->uninvited);
    /* It comes to an address of ours as if we had asked for it. */
    if (own_find(&reaching->reach.own, (enum tally_transport)ask.endpoint.transport,
                 &ask.endpoint.address) != NULL)
        return TALLY_DROP_UNASKED;
    return dialback_ask(&reaching->dialback, now, peers, word->peer, seen(word), &ask, out);
}

static enum tally_drop on_dialled(struct reaching *reaching, struct tally_now now,
                                  struct peers *peers, const struct reaching_word *word,
                                  struct outbox *out)
{
    struct wire_reader r;
    struct tally_dialled dialled;
    wire_reader_init(&r, word->datagram->body);
    tally_dialled_read(&r, &dialled);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    if (reach_asked(&reaching->reach, dialled.nonce))
        return reach_told(&reaching->reach, now, peers, word->peer, &dialled, out);
    return dialback_told(&reaching->dialback, now, peers, word->peer, &dialled, out);
}

/* Whether it names an address that has no place there (protocols 7.4 rule 2). */
static bool names_local(const struct tally_punch *punch)
{
    for (size_t at = 0; at + 18 <= punch->addresses.size; at += 18) {
        struct tally_address address = {.port = be16_read(punch->addresses.data + at + 16)};
        memcpy(address.ip, punch->addresses.data + at, 16);
        if (address_may_announce(&address) != TALLY_HYGIENE_ALLOWED)
            return true;
    }
    return false;
}

static enum tally_drop on_punch(struct reaching *reaching, struct tally_now now,
                                struct peers *peers, const struct reaching_word *word,
                                struct peers_news *news, struct outbox *out)
{
    struct wire_reader r;
    struct tally_punch punch;
    wire_reader_init(&r, word->datagram->body);
    tally_punch_read(&r, &punch);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    enum tally_drop drop = punch_receive(&reaching->punch, now, peers, word->peer, &punch, out);
    if (drop == TALLY_DROP_SCOPE && names_local(&punch))
        peers_judge(peers, word->peer, STANDING_ADDRESS, now, news);
    return drop;
}

/* Ports at which our listener may be seen from outside, where nobody has proved it. */
static size_t guess(const struct reaching *reaching, const struct peer *peer, struct tally_now now,
                    struct tally_address *guesses)
{
    struct tally_address last;
    size_t count = 0;
    if (!votes_last(&reaching->reach.votes, address_is_ip4(&peer->link.address), now, &last))
        return 0;
    guesses[count] = last;
    guesses[count++].port = reaching->port;
    if (last.port != reaching->port)
        guesses[count++] = last;
    return count;
}

static enum tally_drop on_dial_me(struct reaching *reaching, struct tally_now now,
                                  struct peers *peers, const struct reaching_word *word,
                                  struct outbox *out)
{
    struct wire_reader r;
    struct tally_dial_me ask;
    struct tally_address own[GUESSES];
    wire_reader_init(&r, word->datagram->body);
    tally_dial_me_read(&r, &ask);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    size_t count = guess(reaching, word->peer, now, own);
    return meet_receive(&reaching->meet, now, peers, word->peer, &ask, own, count, out);
}

enum tally_drop reaching_receive(struct reaching *reaching, struct tally_now now,
                                 struct peers *peers, const struct reaching_word *word,
                                 struct peers_news *news, struct outbox *out)
{
    unsigned kind = word->datagram->kind;
    reaching_stir(reaching);
    if (kind == TALLY_KIND_DIAL_BACK)
        return on_dial_back(reaching, now, peers, word, out);
    if (kind == TALLY_KIND_DIALLED)
        return on_dialled(reaching, now, peers, word, out);
    if (kind == TALLY_KIND_PUNCH)
        return on_punch(reaching, now, peers, word, news, out);
    return on_dial_me(reaching, now, peers, word, out);
}

/* ---- What links learn. ---- */

bool reaching_learn(struct reaching *reaching, struct tally_now now, struct peers *peers,
                    const struct peers_news *news)
{
    bool learnt = news->linked != NULL, moved = false;
    if (news->observer != NULL &&
        reach_observed(&reaching->reach, news->observer, &news->observed, now, &moved))
        learnt = true;
    if (moved) /* The others are asked too: a candidate is what many see. */
        peers_doubt(peers);
    if (news->linked != NULL) {
        punch_linked(&reaching->punch, now, news->linked);
        reach_linked(&reaching->reach, now);
    }
    if (learnt)
        reaching_stir(reaching);
    return learnt;
}

void reaching_ended(struct reaching *reaching, struct tally_now now, struct peers *peers,
                    const struct peers_ended *ended, struct outbox *out)
{
    reaching->stirred = reaching->stirred || ended->count > 0 || ended->vain_count > 0;
    for (size_t i = 0; i < ended->count; i++) {
        struct peer *peer = ended->list[i].peer;
        if (ended->list[i].failed && (peer->wanted & PEER_WANTS_MESH) != 0)
            punch_want(&reaching->punch, now, peers, peer, peer->wanted, out);
    }
    for (size_t i = 0; i < ended->vain_count; i++)
        punch_want(&reaching->punch, now, peers, ended->vain[i], PEER_WANTS_MESH, out);
}

/* ---- Streams. ---- */

bool reaching_stream(struct reaching *reaching, struct tally_now now, struct peers *peers,
                     const struct peer *peer, struct outbox *out)
{
    struct tally_address own[MEET_ENDPOINTS];
    if (peer->link.state != LINK_LINKED)
        return false;
    reaching_stir(reaching);
    if (meet_busy(&reaching->meet, &peer->key))
        return true;
    size_t count = own_tell(&reaching->reach.own, reaching->policy, &peer->link.address,
                            TALLY_TRANSPORT_TCP, own, MEET_ENDPOINTS);
    if (count > 0)
        return meet_ask(&reaching->meet, now, peers, peer, false, own, count, out);
    if (!peer->link.punched)
        return false;
    count = guess(reaching, peer, now, own);
    return meet_ask(&reaching->meet, now, peers, peer, true, own, count, out);
}

/* ---- Time and questions. ---- */

static struct tally_mono deadline_of(const struct reaching *reaching)
{
    const struct tally_mono all[] = {
        reach_deadline(&reaching->reach), dialback_deadline(&reaching->dialback),
        punch_deadline(&reaching->punch), meet_deadline(&reaching->meet)};
    struct tally_mono next = TALLY_NEVER;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].ms < next.ms)
            next = all[i];
    return next;
}

struct tally_mono reaching_deadline(const struct reaching *reaching)
{
    return reaching->stirred ? deadline_of(reaching) : reaching->wake;
}

void reaching_stir(struct reaching *reaching)
{
    reaching->stirred = true;
}

void reaching_settle(struct reaching *reaching)
{
    if (reaching->stirred)
        reaching->wake = deadline_of(reaching);
    reaching->stirred = false;
}

void reaching_tick(struct reaching *reaching, struct tally_now now, struct peers *peers,
                   struct outbox *out)
{
    if (now.mono.ms < reaching_deadline(reaching).ms || peers->stopping)
        return;
    reaching_stir(reaching);
    reaching->punch.nat = reach_nat(&reaching->reach, now);
    reach_tick(&reaching->reach, now, peers, out);
    dialback_tick(&reaching->dialback, now, peers, out);
    punch_tick(&reaching->punch, now, peers, out);
    meet_tick(&reaching->meet, now, peers, out);
}

/* Whether strangers come in only by a port that the gateway maps. */
static bool is_mapped(const struct own *own, bool v4)
{
    bool mapped = false;
    for (size_t i = 0; i < own->capacity; i++) {
        const struct own_entry *entry = &own->list[i];
        if (!own_checkable(entry) || entry->transport != TALLY_TRANSPORT_UDP ||
            address_is_ip4(&entry->address) != v4)
            continue;
        if ((entry->sources & OWN_BIT(TALLY_OWN_INTERFACE)) != 0)
            return false;
        mapped = mapped || (entry->sources & OWN_BIT(TALLY_OWN_MAPPED)) != 0;
    }
    return mapped;
}

void reaching_path(const struct reaching *reaching, const struct peer *peer,
                   struct tally_peer_view *view)
{
    const struct link *link = &peer->link;
    view->stream_error = peer->rare->stream_error;
    view->why = peer->why;
    if (link->state != LINK_LINKED) {
        view->path = TALLY_PATH_NONE;
        if (peer->address_count == 0 && view->why == TALLY_PATH_BEST)
            view->why = TALLY_PATH_NO_ADDRESS;
        return;
    }
    bool v4 = address_is_ip4(&link->address);
    if (address_attached(reaching->policy, &link->address, 0) ||
        address_scope_of(&link->address) == ADDRESS_LOOPBACK)
        view->path = TALLY_PATH_LAN;
    else if (link->punched)
        view->path = TALLY_PATH_PUNCHED;
    else if (!link->initiated && is_mapped(&reaching->reach.own, v4))
        view->path = TALLY_PATH_MAPPED;
    else
        view->path = TALLY_PATH_DIRECT;
}

bool reaching_holds(const struct reaching *reaching)
{
    return (reaching->stirred || reaching->wake.ms == deadline_of(reaching).ms) &&
           reach_holds(&reaching->reach) && punch_holds(&reaching->punch) &&
           meet_holds(&reaching->meet);
}
