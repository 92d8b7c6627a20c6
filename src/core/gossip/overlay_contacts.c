/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of third parties, and what is believed of it (protocols 4.1, 7.4). */
#include "core/base/bytes.h"
#include "core/gossip/overlay_inside.h"

bool contact_may_be_told(const struct tally_address *address)
{
    /* Global, and no port that a stranger may not name: what anybody may dial. */
    static const struct address_policy anybody = {.profile = TALLY_PROFILE_AUTO};
    return address_may_announce(address) == TALLY_HYGIENE_ALLOWED &&
           address_may_dial(&anybody, address, TALLY_SOURCE_EXCHANGE) == TALLY_HYGIENE_ALLOWED;
}

/* ---- Telling. ---- */

static uint16_t age_of(struct tally_mono heard, struct tally_now now)
{
    uint64_t minutes = (now.mono.ms - heard.ms) / 60000;
    return minutes < UINT16_MAX ? (uint16_t)minutes : UINT16_MAX;
}

/* A sample of `most` that is filled one by one, each of all having the same chance. */
struct sample {
    struct tally_contact *list;
    size_t most, count, met;
};

static void sample_add(struct sample *sample, struct random *random, const struct tally_key *key,
                       const struct tally_address *address, uint16_t age_min)
{
    size_t place = sample->count;
    sample->met++;
    if (sample->count < sample->most)
        sample->count++;
    else
        place = random_below(random, (uint32_t)sample->met);
    if (place < sample->most)
        sample->list[place] =
            (struct tally_contact){.key = *key, .address = *address, .age_min = age_min};
}

static size_t offer_active(struct overlay *overlay, struct tally_now now, const struct peers *peers,
                           const struct peer *to, bool dialled, size_t most,
                           struct tally_contact *contacts)
{
    struct sample sample = {.list = contacts, .most = most};
    for (size_t i = peers_mesh(peers, 0); i < peers->end && most > 0;
         i = peers_mesh(peers, i + 1)) {
        const struct peer *peer = &peers->list[i];
        if (!peer->guest && peer != to && peer->link.initiated == dialled &&
            contact_may_be_told(&peer->link.address))
            sample_add(&sample, &overlay->random, &peer->key, &peer->link.address,
                       age_of(peer->link.heard, now));
    }
    return sample.count;
}

/* Only whom we had a link with: else a liar's victims would be greeted by the whole mesh. */
static size_t offer_passive(struct overlay *overlay, struct tally_now now, const struct peer *to,
                            bool dialled, size_t most, struct tally_contact *contacts)
{
    struct sample sample = {.list = contacts, .most = most};
    for (size_t i = 0; i < overlay->passive.capacity && most > 0; i++) {
        const struct candidate *one = &overlay->passive.list[i];
        bool proved = dialled ? one->dialled.ms != 0
                              : one->source == TALLY_SOURCE_LINK && one->dialled.ms == 0;
        if (one->used && proved && one->failures == 0 && !key_equal(&one->key, &to->key) &&
            contact_may_be_told(&one->address))
            sample_add(&sample, &overlay->random, &one->key, &one->address,
                       age_of(one->heard, now));
    }
    return sample.count;
}

size_t contacts_offer(struct overlay *overlay, struct tally_now now, const struct peers *peers,
                      const struct peer *to, const struct contacts_wanted *wanted,
                      struct tally_contact contacts[OVERLAY_CONTACTS])
{
    if (!overlay_active(overlay, peers))
        return 0;
    size_t count = offer_active(overlay, now, peers, to, true, wanted->active, contacts);
    /* Who came to us may not be reachable for others; but better such a one than none. */
    count += offer_active(overlay, now, peers, to, false, wanted->active - count, contacts + count);
    size_t first = count;
    count += offer_passive(overlay, now, to, false, wanted->came, contacts + count);
    count +=
        offer_passive(overlay, now, to, true, wanted->passive - (count - first), contacts + count);
    if (wanted->came > 0)
        return count;
    return count + offer_passive(overlay, now, to, false, wanted->passive - (count - first),
                                 contacts + count);
}

/* ---- Believing. ---- */

/* Whether we turned to it ourselves, be its link a light one. */
static bool own_choice(const struct peer *peer)
{
    return peer->configured || peer->chosen || (peer->link.initiated && !peer->overlay.came);
}

struct candidate *contact_put(struct overlay *overlay, struct tally_now now,
                              const struct peers *peers, const struct peer *from,
                              const struct tally_contact *contact)
{
    const struct peer *peer = peers_find(peers, &contact->key);
    if (key_equal(&contact->key, &peers->options.key) ||
        (peer != NULL && (peer->mesh || peer->configured || peer_barred(peer, now))) ||
        address_may_dial(peers->options.policy, &contact->address, TALLY_SOURCE_EXCHANGE) !=
            TALLY_HYGIENE_ALLOWED)
        return NULL;
    uint64_t age_ms = (uint64_t)contact->age_min * 60000;
    const struct candidate candidate = {
        .key = contact->key,
        .address = contact->address,
        .source = TALLY_SOURCE_EXCHANGE,
        .local = address_attached(peers->options.policy, &contact->address, 0),
        .came = !own_choice(from),
        .by = from->key,
        .heard = {now.mono.ms > age_ms ? now.mono.ms - age_ms : 0},
    };
    return passive_put(&overlay->passive, &candidate, &overlay->random, now);
}

enum tally_drop contacts_take(struct overlay *overlay, struct tally_now now, struct peers *peers,
                              struct peer *from, const struct tally_contact *contacts, size_t count,
                              struct peers_news *links)
{
    if (!overlay_active(overlay, peers))
        return TALLY_DROP_NONE;
    if (peer_standing(from) < 0)
        return TALLY_DROP_REFUSED;
    for (size_t i = 0; i < count; i++) {
        if (!contact_may_be_told(&contacts[i].address)) {
            peers_judge(peers, from, OVERLAY_BAD_CONTACT, now, links);
            return TALLY_DROP_SCOPE;
        }
        (void)contact_put(overlay, now, peers, from, &contacts[i]);
    }
    if (count > 0 && overlay_lacking(peers) > 0 && now.mono.ms < overlay->refill.ms)
        overlay->refill = now.mono;
    return TALLY_DROP_NONE;
}
