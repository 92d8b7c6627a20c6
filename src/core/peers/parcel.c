/* SPDX-License-Identifier: Apache-2.0 */
#include "core/peers/parcel.h"

#include "core/base/bytes.h"
#include "core/peers/greet.h"

#include <assert.h>

void parcel_make(struct peers *peers, enum tally_kind kind, struct tally_bytes body, bool tagged,
                 struct parcel *parcel)
{
    struct datagram_draft draft = {
        .kind = kind,
        .sender = peers->options.key,
        .epoch = peers->options.epoch,
        .counter = peers->counter++,
        .tagged = tagged,
        .body = body,
    };
    parcel->kind = kind;
    parcel->size = datagram_write(&draft, &peers->options.crypto, parcel->bytes,
                                  sizeof parcel->bytes, &parcel->tag_at);
    assert(parcel->size > 0);
}

static void send(struct peers *peers, struct parcel *parcel, const uint8_t key[32],
                 const struct tally_address *to, struct outbox *out)
{
    if (parcel->tag_at != 0)
        datagram_tag(&peers->options.crypto, key, parcel->bytes, parcel->size, parcel->tag_at);
    outbox_send(out, to, bytes_of(parcel->bytes, parcel->size));
    peers->datagrams_out++;
    peers->bytes_out += parcel->size;
}

void parcel_send(struct peers *peers, struct parcel *parcel, const uint8_t key[32],
                 const struct tally_address *to, struct outbox *out)
{
    if (parcel->kind != TALLY_KIND_COOKIE && parcel->kind != TALLY_KIND_WELCOME)
        recent_add(&peers->written, to);
    send(peers, parcel, key, to, out);
}

/* That something went to a link's address is noted once in a generation: the same ten addresses
   get each heartbeat. */
static void link_send(struct peers *peers, const struct peer *peer, struct parcel *parcel,
                      struct outbox *out)
{
    uint32_t *noted = &peers->noted[peer - peers->list];
    if (*noted != peers->written.turn) {
        recent_add(&peers->written, &peer->link.address);
        *noted = peers->written.turn;
    }
    send(peers, parcel, peer->link.current.send_key, &peer->link.address, out);
}

void peers_send(struct peers *peers, const struct peer *peer, struct parcel *parcel,
                struct outbox *out)
{
    const struct link *link = &peer->link;
    if (link->state == LINK_LINKED)
        link_send(peers, peer, parcel, out);
    else if (link->state == LINK_ACCEPTED) /* The cookie proved its address. */
        parcel_send(peers, parcel, link->next->session.send_key, &link->next->address, out);
}

void peers_answer(struct peers *peers, const struct peer *peer, bool rode, struct parcel *parcel,
                  struct outbox *out)
{
    const struct link *link = &peer->link;
    if (rode && link->next != NULL)
        parcel_send(peers, parcel, link->next->session.send_key, &link->next->address, out);
    else
        peers_send(peers, peer, parcel, out);
}

void peers_tell(struct peers *peers, const struct peer *peer, enum tally_kind kind,
                struct tally_bytes body, struct outbox *out)
{
    struct parcel parcel;
    parcel_make(peers, kind, body, true, &parcel);
    peers_send(peers, peer, &parcel, out);
}

enum peers_ask peers_ask(struct peers *peers, struct peer *peer, enum tally_kind kind,
                         struct tally_bytes body, struct tally_now now, struct outbox *out)
{
    enum link_state state = peer->link.state;
    if (state == LINK_LINKED) {
        struct parcel parcel;
        parcel_make(peers, kind, body, true, &parcel);
        peers_send(peers, peer, &parcel, out);
        return PEERS_SENT;
    }
    size_t index;
    struct tally_mono later;
    if (peers->stopping || peer_barred(peer, now) ||
        (state == LINK_IDLE && greet_choose(peers, peer, now, &index, &later) == GREET_NEVER))
        return PEERS_NEVER;
    bool rides = (state == LINK_IDLE || state == LINK_GREETING) && peer->first_size == 0 &&
                 body.size < sizeof peer->rare->first;
    if (rides) {
        peer->rare->first[0] = (uint8_t)kind;
        memcpy(peer->rare->first + 1, body.data, body.size);
        peer->first_size = (uint8_t)(body.size + 1);
    }
    peers_greet_rested(peers, peer, PEER_WANTS_LINK, now);
    return rides ? PEERS_RIDES : PEERS_WAITS;
}

void peers_send_all(struct peers *peers, const struct peer *except, struct parcel *parcel,
                    struct outbox *out)
{
    for (size_t i = peers_mesh(peers, 0); i < peers->end; i = peers_mesh(peers, i + 1))
        if (&peers->list[i] != except)
            peers_send(peers, &peers->list[i], parcel, out);
}
