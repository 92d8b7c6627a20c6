/* SPDX-License-Identifier: Apache-2.0 */
#include "core/peers/peers.h"

#include "core/base/bytes.h"
#include "core/base/probing.h"
#include "core/crypto/hash.h"
#include "core/peers/room.h"

#include <assert.h>
#include <stdlib.h>

/* What each datagram needs, in one block: a host of many nodes has few pages to find then. */
static bool table_new(struct peers *peers)
{
    size_t capacity = peers->capacity, slots = peers->slot_mask + 1;
    size_t words = replay_words(peers->options.window), marks = capacity / 64 + 1;
    size_t size = capacity * (sizeof *peers->list + words * sizeof *peers->windows +
                              sizeof *peers->wakes + sizeof *peers->noted);
    size += marks * sizeof *peers->meshed + slots * sizeof *peers->slots;
    peers->list = calloc(1, size);
    if (peers->list == NULL)
        return false;
    peers->windows = (uint64_t *)(peers->list + capacity);
    peers->wakes = (struct tally_mono *)(peers->windows + capacity * words);
    peers->meshed = (uint64_t *)(peers->wakes + capacity);
    peers->noted = (uint32_t *)(peers->meshed + marks);
    peers->slots = (uint16_t *)(peers->noted + capacity);
    return true;
}

/* What most have little of. */
static bool parts_new(struct peers *peers)
{
    struct peers_options *options = &peers->options;
    peers->addresses = calloc(peers->capacity * options->addresses_max, sizeof *peers->addresses);
    peers->rares = calloc(peers->capacity, sizeof *peers->rares);
    peers->blind = calloc(PEERS_BLIND_MAX, sizeof *peers->blind);
    peers->written.bits = calloc(RECENT_TURNS, sizeof *peers->written.bits);
    peers->follows = calloc(TALLY_NAMESPACES_MAX, sizeof *peers->follows);
    peers->loan = options->loan;
    if (peers->loan == NULL) {
        peers->loan = peers->own_loan = calloc(1, sizeof *peers->own_loan);
        if (peers->loan == NULL || !peers_loan_new(peers->loan, peers->capacity, PEERS_KNOCKS))
            return false;
    }
    return peers->addresses != NULL && peers->rares != NULL && peers->blind != NULL &&
           peers->written.bits != NULL && peers->follows != NULL;
}

static void defaults(struct peers_options *options)
{
    if (options->peers_max == 0)
        options->peers_max = TALLY_PEERS_MAX;
    if (options->links_max == 0)
        options->links_max = TALLY_LINKS_MAX;
    if (options->addresses_max == 0)
        options->addresses_max = TALLY_ADDRESSES_MAX;
    if (options->window == 0)
        options->window = TALLY_REPLAY_WINDOW;
    assert(options->addresses_max <= TALLY_ADDRESSES_MAX);
    assert(options->peers_max < UINT16_MAX / 2);
}

bool peers_new(struct peers *peers, const struct peers_options *options, struct tally_now now)
{
    *peers = (struct peers){.options = *options, .wake = TALLY_NEVER};
    defaults(&peers->options);
    peers->capacity = peers->options.peers_max;
    size_t slots = 16;
    while (slots < peers->capacity * 2)
        slots *= 2;
    peers->slot_mask = slots - 1;
    if (!table_new(peers) || !parts_new(peers)) {
        peers_free(peers);
        return false;
    }
    options->secret.draw(options->secret.context, peers->hash_key, sizeof peers->hash_key);
    cookie_init(&peers->jar, &options->secret, now);
    recent_init(&peers->written, peers->written.bits, peers->hash_key, now);
    peers->random.state = options->seed;
    return true;
}

void peers_free(struct peers *peers)
{
    for (size_t i = 0; i < peers->end; i++)
        link_wait_end(peers, &peers->list[i].link);
    if (peers->list != NULL)
        hash_wipe(peers->list, peers->end * sizeof *peers->list);
    free(peers->list);
    free(peers->addresses);
    free(peers->rares);
    free(peers->blind);
    free(peers->follows);
    free(peers->written.bits);
    for (size_t i = 0; i < PEERS_KNOCKS; i++)
        knock_end(peers, i);
    if (peers->own_loan != NULL)
        peers_loan_free(peers->own_loan);
    free(peers->own_loan);
    hash_wipe(peers, sizeof *peers);
}

/* Where the search for a key begins. Who makes keys of which the first half is the same has to make
   2^64 for two of them. */
static size_t first_slot(const struct peers *peers, const struct tally_key *key)
{
    return (size_t)hash_siphash(peers->hash_key, bytes_of(key->bytes, 16)) & peers->slot_mask;
}

/* The slot of a key, or the free one where it belongs. At most half of the slots are taken. */
static size_t slot_of(const struct peers *peers, const struct tally_key *key)
{
    size_t slot = first_slot(peers, key);
    for (; peers->slots[slot] != 0; slot = (slot + 1) & peers->slot_mask)
        if (key_equal(&peers->list[peers->slots[slot] - 1].key, key))
            break;
    return slot;
}

struct peer *peers_find(const struct peers *peers, const struct tally_key *key)
{
    uint16_t index = peers->slots[slot_of(peers, key)];
    return index == 0 ? NULL : &peers->list[index - 1];
}

const struct peer *peers_expected(const struct peers *peers, const struct tally_key *key)
{
    uint16_t index = peers->slots[first_slot(peers, key)];
    return index == 0 ? NULL : &peers->list[index - 1];
}

/* Whom we can forget: nobody we were told to keep, nobody of the mesh. Light links go only when no
   unlinked one is left, the longest unheard first, and those whom we ask ourselves after those who
   ask us: strangers, however many, do not make us greet our own contacts again. Who is barred, and
   would come back unbarred, goes only when there is no one else: keys cost nothing, and a table
   full of barred ones would shut honest strangers out. NULL if there is none. */
static struct peer *forgettable(struct peers *peers, struct tally_now now)
{
    struct peer *oldest[4] = {NULL, NULL, NULL, NULL};
    for (size_t i = 0; i < peers->end; i++) {
        struct peer *peer = &peers->list[i];
        bool light = peer->link.state == LINK_LINKED && !peer->mesh;
        if (!peer->used || peer->configured || peer->bootstrap ||
            (peer->link.state != LINK_IDLE && !light))
            continue;
        unsigned worth = !light ? 0 : now.mono.ms < peer->rare->kept.ms ? 2 : 1;
        struct peer **place = &oldest[peer_barred(peer, now) ? 3 : worth];
        if (*place == NULL || peer->link.heard.ms < (*place)->link.heard.ms)
            *place = peer;
    }
    for (size_t i = 0; i < sizeof oldest / sizeof *oldest; i++)
        if (oldest[i] != NULL)
            return oldest[i];
    return NULL;
}

/* Frees the slot of a key; what stood behind it moves up. */
static void slot_free(struct peers *peers, const struct tally_key *key)
{
    size_t mask = peers->slot_mask, hole = slot_of(peers, key);
    for (size_t at = (hole + 1) & mask; peers->slots[at] != 0; at = (at + 1) & mask) {
        size_t first = first_slot(peers, &peers->list[peers->slots[at] - 1].key);
        if (!probing_moves_up(first, at, hole, mask))
            continue;
        peers->slots[hole] = peers->slots[at];
        hole = at;
    }
    peers->slots[hole] = 0;
}

/* What never was anything but zero stays untouched. */
static void rare_wipe(struct peer_rare *rare)
{
    static const struct peer_rare none;
    if (memcmp(rare, &none, sizeof none) != 0)
        memset(rare, 0, sizeof *rare);
}

static struct peer *place_for(struct peers *peers, struct tally_now now)
{
    if (peers->count < peers->capacity) {
        struct peer *free_one = peers->list;
        while (free_one->used)
            free_one++;
        if (free_one == peers->list + peers->end)
            peers->end++;
        return free_one;
    }
    struct peer *peer = forgettable(peers, now);
    if (peer != NULL) {
        bool light = peer->link.state == LINK_LINKED;
        if (light && !peer_barred(peer, now))
            peers->crowded.ms = now.mono.ms + PEERS_CROWDED_MS;
        peers->light -= light;
        link_wait_end(peers, &peer->link);
        rare_wipe(peer->rare);
        slot_free(peers, &peer->key);
        hash_wipe(peer, sizeof *peer);
        peers->wakes[peer - peers->list] = TALLY_NEVER;
        peers->count--;
    }
    return peer;
}

struct peer *peers_take(struct peers *peers, const struct tally_key *key, struct tally_now now)
{
    struct peer *peer = peers_find(peers, key);
    if (peer != NULL)
        return peer;
    peer = place_for(peers, now);
    if (peer == NULL)
        return NULL;
    size_t index = (size_t)(peer - peers->list), words = replay_words(peers->options.window);
    *peer = (struct peer){
        .key = *key,
        .addresses = &peers->addresses[index * peers->options.addresses_max],
        .addresses_max = (uint8_t)peers->options.addresses_max,
        .used = true,
        .link = {.since = now.mono,
                 .heard = now.mono,
                 .probe_at = TALLY_NEVER,
                 .window = {.bits = &peers->windows[index * words], .words = (uint32_t)words}},
        .backoff = {.first_ms = PEERS_GREET_FIRST_MS, .cap_ms = PEERS_GREET_CAP_MS},
        .rare = &peers->rares[index],
    };
    peers->noted[index] = 0;
    peers->wakes[index] = TALLY_NEVER;
    peers->slots[slot_of(peers, key)] = (uint16_t)(index + 1);
    peers->count++;
    return peer;
}

void peers_wake(struct peers *peers, struct peer *peer, struct tally_mono at)
{
    peers->wakes[peer - peers->list] = at;
    if (at.ms < peers->wake.ms)
        peers->wake = at;
}

struct tally_mono peers_wakes(const struct peers *peers, const struct peer *peer)
{
    return peers->wakes[peer - peers->list];
}

size_t peers_mesh(const struct peers *peers, size_t from)
{
    while (from < peers->end) {
        uint64_t left = peers->meshed[from / 64] >> from % 64;
        if (left != 0)
            return from + (size_t)__builtin_ctzll(left);
        from = (from / 64 + 1) * 64;
    }
    return peers->end;
}

void peers_caps(struct peers *peers, uint8_t caps)
{
    peers->options.caps = caps;
}

bool peers_crowded(const struct peers *peers, struct tally_now now)
{
    return now.mono.ms < peers->crowded.ms;
}

void peers_follow(struct peers *peers, const uint8_t (*tags)[8], size_t count)
{
    assert(count <= TALLY_NAMESPACES_MAX);
    memcpy(peers->follows, tags, count * sizeof *tags);
    peers->follow_count = count;
}

/* Where to write a new address: a free place, else that of the oldest one nobody configured. */
static size_t address_place(const struct peer *peer)
{
    size_t most = peer->addresses_max, place = most;
    if (peer->address_count < most)
        return peer->address_count;
    for (size_t i = 0; i < most; i++) {
        const struct peer_address *known = &peer->addresses[i];
        if (known->source != TALLY_SOURCE_CONFIGURED &&
            (place == most || known->learnt.ms < peer->addresses[place].learnt.ms))
            place = i;
    }
    return place;
}

void peer_address_add(struct peer *peer, const struct tally_address *address,
                      enum tally_source source, bool answered, struct tally_now now)
{
    size_t i = 0;
    while (i < peer->address_count && !address_equal(&peer->addresses[i].address, address))
        i++;
    if (i == peer->address_count) {
        i = address_place(peer);
        if (i == peer->addresses_max)
            return;
        peer->addresses[i] = (struct peer_address){.address = *address, .source = (uint8_t)source};
        if (i == peer->address_count)
            peer->address_count++;
    }
    struct peer_address known = peer->addresses[i];
    known.learnt = now.mono;
    if (source < known.source)
        known.source = (uint8_t)source; /* The most trustworthy comes first. */
    if (answered) {
        known.answered = true;
        known.hellos = 0;
        memmove(&peer->addresses[1], &peer->addresses[0], i * sizeof known);
        peer->address_turn = 0;
        i = 0;
    }
    peer->addresses[i] = known;
}

/* Standing fades by a tenth each PEERS_STANDING_MS, towards 0. */
static void fade(struct peer_rare *rare, struct tally_now now)
{
    while (rare->standing != 0 && now.mono.ms - rare->standing_at.ms >= PEERS_STANDING_MS) {
        rare->standing = rare->standing * 9 / 10;
        rare->standing_at.ms += PEERS_STANDING_MS;
    }
    if (rare->standing == 0)
        rare->standing_at = now.mono;
}

bool peer_judge(struct peer *peer, int change, struct tally_now now)
{
    struct peer_rare *rare = peer->rare;
    peer->judged = true;
    fade(rare, now);
    if (change > 0) {
        if (rare->rewarded.ms != 0 && now.mono.ms - rare->rewarded.ms < 1000)
            return false;
        rare->rewarded = now.mono;
    }
    int standing = rare->standing + change;
    rare->standing = standing > 100 ? 100 : standing < -100 ? -100 : standing;
    if (rare->standing >= PEERS_STANDING_END)
        return false;
    rare->barred_until.ms =
        now.mono.ms + backoff_doubled(PEERS_BAR_MS, PEERS_BAR_CAP_MS, rare->bars++);
    /* When the bar ends it begins anew: with nothing, and with the memory of `bars`. */
    rare->standing = 0;
    return true;
}

bool peer_barred(const struct peer *peer, struct tally_now now)
{
    return peer->judged && now.mono.ms < peer->rare->barred_until.ms;
}

int peer_standing(const struct peer *peer)
{
    return peer->judged ? peer->rare->standing : 0;
}

bool peers_shared(struct peers *peers, struct peer *peer)
{
    const struct tally_crypto *crypto = &peers->options.crypto;
    if (!peer->has_shared)
        peer->has_shared = crypto->exchange(crypto->context, &peer->key, peer->shared);
    return peer->has_shared;
}

bool peer_order_above(const struct peer_order *order, uint32_t epoch, uint64_t counter)
{
    if (!order->any || epoch != order->epoch)
        return !order->any || epoch > order->epoch;
    return counter > order->counter;
}

void peer_order_take(struct peer_order *order, uint32_t epoch, uint64_t counter)
{
    assert(peer_order_above(order, epoch, counter));
    *order = (struct peer_order){.epoch = epoch, .counter = counter, .any = true};
}

bool peers_view(const struct peers *peers, size_t index, struct tally_peer_view *view)
{
    const struct peer *peer = peers->list;
    const struct peer *end = peers->list + peers->end;
    for (;; peer++) {
        while (peer < end && !peer->used)
            peer++;
        if (peer == end)
            return false;
        if (index-- == 0)
            break;
    }
    static const enum tally_peer_state states[] = {
        [LINK_IDLE] = TALLY_PEER_IDLE,        [LINK_GREETING] = TALLY_PEER_GREETING,
        [LINK_PROVING] = TALLY_PEER_GREETING, [LINK_ACCEPTED] = TALLY_PEER_GREETING,
        [LINK_LINKED] = TALLY_PEER_LINKED,
    };
    *view = (struct tally_peer_view){
        .key = peer->key,
        .state = states[peer->link.state],
        .configured = peer->configured,
        .mesh = peer->mesh,
        .since = peer->link.since,
        .rtt_us = peer->rtt_us,
        .offset_us = peer->offset_us,
        .last_error = peer->last_error,
    };
    if (peer->link.state != LINK_IDLE)
        view->address = peer->link.address;
    else if (peer->address_count > 0)
        view->address = peer->addresses[peer->address_turn % peer->address_count].address;
    for (size_t i = 0; i < peer->address_count; i++)
        if (address_equal(&peer->addresses[i].address, &view->address))
            view->source = (enum tally_source)peer->addresses[i].source;
    return true;
}

int64_t peers_clock_offset(const struct peers *peers)
{
    /* The median without sorting: the offset with at most half below and at most half above. */
    size_t known = 0;
    for (size_t i = 0; i < peers->end; i++)
        known += peers->list[i].link.state == LINK_LINKED && peers->list[i].has_offset;
    for (size_t i = 0; i < peers->end; i++) {
        const struct peer *peer = &peers->list[i];
        if (peer->link.state != LINK_LINKED || !peer->has_offset)
            continue;
        size_t below = 0, equal = 0;
        for (size_t j = 0; j < peers->end; j++) {
            const struct peer *other = &peers->list[j];
            if (other->link.state != LINK_LINKED || !other->has_offset)
                continue;
            below += other->offset_us < peer->offset_us;
            equal += other->offset_us == peer->offset_us;
        }
        if (below <= known / 2 && known / 2 < below + equal)
            return peer->offset_us;
    }
    return 0;
}

size_t peers_clocks(const struct peers *peers, int64_t most_us, size_t *agreeing)
{
    size_t known = 0;
    *agreeing = 0;
    for (size_t i = 0; i < peers->end; i++) {
        const struct peer *peer = &peers->list[i];
        if (peer->link.state != LINK_LINKED || !peer->has_offset)
            continue;
        known++;
        *agreeing += peer->offset_us <= most_us && peer->offset_us >= -most_us;
    }
    return known;
}

bool peers_holds(const struct peers *peers)
{
    unsigned count = 0, links = 0, light = 0, guests = 0;
    for (size_t i = 0; i < peers->end; i++) {
        const struct peer *peer = &peers->list[i];
        if (!peer->used)
            continue;
        count++;
        links += peer->mesh;
        guests += peer->guest;
        light += peer->link.state == LINK_LINKED && !peer->mesh;
        if ((peer->mesh && peer->link.state != LINK_LINKED) ||
            (peer->guest && (!peer->mesh || peer->chosen)))
            return false;
        if (peers_find(peers, &peer->key) != peer || key_equal(&peer->key, &peers->options.key))
            return false;
        if (peer->address_count > peer->addresses_max || peers->wakes[i].ms < peers->wake.ms)
            return false;
        if (peer->mesh != ((peers->meshed[i / 64] >> i % 64 & 1) != 0))
            return false;
        if (peer->link.state == LINK_ACCEPTED && peer->link.next == NULL)
            return false;
        if (peer_standing(peer) < -100 || peer_standing(peer) > 100)
            return false;
    }
    return count == peers->count && peers->end <= peers->capacity && links == peers->links &&
           light == peers->light && guests == peers->guests && links <= peers->options.links_max;
}
