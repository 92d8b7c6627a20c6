/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/remember.h"

#include "core/base/bytes.h"
#include "host/uv/inside.h"

#include <string.h>

static void on_told(void *context, const struct tally_action *answer)
{
    (void)context;
    (void)answer; /* A hint: the node may have no use for it. */
}

static void tell(struct host *host, const struct store_peer *peer)
{
    const struct tally_command command = {.kind = TALLY_COMMAND_BOOTSTRAP,
                                          .bootstrap = {.has_key = true,
                                                        .key = peer->key,
                                                        .address = peer->address,
                                                        .source = TALLY_SOURCE_REMEMBERED}};
    bool taken = host_command(host, &command, on_told, NULL);
    (void)taken;
}

static bool is_in(const struct store_peer *list, size_t count, const struct tally_key *key)
{
    for (size_t i = 0; i < count; i++)
        if (key_equal(&list[i].key, key))
            return true;
    return false;
}

/* Who is linked now, then those of before. True if anything is new. */
static bool look(struct remember *remember)
{
    struct store_peer next[REMEMBER_MAX] = {0};
    struct tally_peer_view peer;
    size_t count = 0, before = remember->count;
    for (size_t i = 0; count < REMEMBER_MAX && tally_node_peer(remember->host->node, i, &peer); i++)
        if (peer.state == TALLY_PEER_LINKED)
            next[count++] = (struct store_peer){.key = peer.key, .address = peer.address};
    size_t linked = count;
    for (size_t i = 0; i < before && count < REMEMBER_MAX; i++)
        if (!is_in(next, linked, &remember->list[i].key))
            next[count++] = remember->list[i];
    bool changed = count != before;
    for (size_t i = 0; i < count && !changed; i++)
        changed = !key_equal(&next[i].key, &remember->list[i].key) ||
                  !address_equal(&next[i].address, &remember->list[i].address);
    memcpy(remember->list, next, sizeof next);
    remember->count = count;
    return changed;
}

void remember_write(struct remember *remember)
{
    if (look(remember))
        disk_remember(&remember->host->disk, remember->list, remember->count);
}

static void on_timer(uv_timer_t *timer)
{
    remember_write(timer->data);
}

void remember_open(struct remember *remember, struct host *host)
{
    remember->host = host;
    (void)uv_timer_init(&host->loop, &remember->timer);
    remember->timer.data = remember;
    remember->count = store_peers_read(host->store, remember->list, REMEMBER_MAX);
}

void remember_start(struct remember *remember)
{
    enum tally_profile profile = remember->host->options.profile;
    (void)uv_timer_start(&remember->timer, on_timer, REMEMBER_FIRST_MS, REMEMBER_MS);
    if (profile == TALLY_PROFILE_STATIC || profile == TALLY_PROFILE_OFFLINE)
        return;
    for (size_t i = 0; i < remember->count; i++)
        tell(remember->host, &remember->list[i]);
}
