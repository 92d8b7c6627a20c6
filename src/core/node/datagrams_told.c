/* SPDX-License-Identifier: Apache-2.0 */
/* What others of the node tell the datagrams, and ask them: no datagram is read here. */
#include "core/node/datagrams.h"

void datagrams_pass_alarm(struct datagrams *datagrams, struct tally_now now,
                          const struct peer *from, const struct alarm_news *alarm,
                          struct outbox *out)
{
    spread_put(&datagrams->spread, &datagrams->peers, from, now, alarm->record, alarm->hops,
               SPREAD_URGENT, false, out);
}

void datagrams_pass_notice(struct datagrams *datagrams, struct tally_now now,
                           const struct peer *from, const struct notice_news *notice,
                           struct outbox *out)
{
    spread_put(&datagrams->spread, &datagrams->peers, from, now, notice->record, notice->hops,
               SPREAD_URGENT, false, out);
}

void datagrams_notice(struct datagrams *datagrams, struct tally_now now, struct tally_bytes bytes,
                      struct outbox *out)
{
    notice_send(&datagrams->peers, &datagrams->spread, now, bytes, out);
}

void datagrams_forked(struct datagrams *datagrams, struct tally_now now,
                      const struct tally_hash *origin_hash, struct tally_bytes evidence)
{
    if (alarms_take_evidence(&datagrams->notice.alarms, origin_hash, evidence))
        notice_wake(&datagrams->notice, &datagrams->peers, now);
    heartbeat_stir(&datagrams->heartbeat, now);
}

void datagrams_admit(struct datagrams *datagrams, struct tally_now now, struct outbox *out)
{
    struct peers *peers = &datagrams->peers;
    for (size_t i = 0; i < peers->end; i++) {
        struct peer *peer = &peers->list[i];
        struct peers_news news = {.linked = NULL};
        if (!peer->used || peer->link.state == LINK_IDLE)
            continue;
        enum tally_drop drop = admission(peers->options.fold, &peer->key, ADMISSION_LINK);
        if (drop == TALLY_DROP_NONE)
            continue;
        link_leave(peers, peer, drop, now, &news, out);
        peer->why = TALLY_PATH_REFUSED;
        if (news.unlinked != NULL)
            overlay_ended(&datagrams->overlay, now, peers, peer, false);
    }
}

void datagrams_judge(struct datagrams *datagrams, struct peer *peer, int change,
                     struct tally_now now, struct peers_news *news)
{
    peers_judge(&datagrams->peers, peer, change, now, news);
    if (news->unlinked != NULL)
        overlay_ended(&datagrams->overlay, now, &datagrams->peers, news->unlinked, false);
}

void datagrams_status(const struct datagrams *datagrams, struct tally_node_status *status)
{
    status->links = datagrams->peers.links;
    status->peers = datagrams->peers.count;
    status->health = datagrams->suspect.health;
    status->clock_offset_us = peers_clock_offset(&datagrams->peers);
    for (size_t i = 0; i < TALLY_DROP_COUNT; i++)
        status->drops[i] += datagrams->drops[i] + datagrams->dht.drops[i];
    status->datagrams_in = datagrams->datagrams_in;
    status->bytes_in = datagrams->bytes_in;
    status->datagrams_out = datagrams->peers.datagrams_out;
    status->bytes_out = datagrams->peers.bytes_out;
    status->contacts = dht_contacts(&datagrams->dht);
    status->dht_on = datagrams->dht.on;
    status->dht_server = datagrams->dht.server;
    status->lookups = datagrams->dht.lookups;
    status->lookups_failed = datagrams->dht.lookups_failed;
}

bool datagrams_holds(const struct datagrams *datagrams)
{
    return peers_holds(&datagrams->peers) && heads_holds(&datagrams->heads) &&
           spread_holds(&datagrams->spread) && reaching_holds(&datagrams->reaching) &&
           suspect_holds(&datagrams->suspect, &datagrams->peers) &&
           alarms_holds(&datagrams->notice.alarms) && overlay_holds(&datagrams->overlay);
}
