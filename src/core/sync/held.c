/* SPDX-License-Identifier: Apache-2.0 */
/* Heads that both hold are not told: most of a list would be, and it is asked for again and again.
 */
#include "core/sync/held.h"

#include "core/base/bytes.h"

/* A root stands for all receipts of its log, and these name their log: nobody makes two heads that
   share 16 bytes. */
static void id_of(const struct tally_log_view *view, uint8_t id[SYNC_HELD_ID])
{
    for (unsigned i = 0; i < SYNC_HELD_ID; i++)
        id[i] = view->root.bytes[i] ^ view->origin_hash.bytes[i];
}

/* Where it is, or belongs. */
static unsigned place(uint8_t (*ids)[SYNC_HELD_ID], unsigned count, const uint8_t *id)
{
    unsigned low = 0, high = count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (memcmp(ids[middle], id, SYNC_HELD_ID) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct tally_bytes held_write(const struct tally_ledger *ledger,
                              uint8_t ids[SYNC_HELD][SYNC_HELD_ID])
{
    struct tally_log_view view;
    unsigned count = 0;
    for (size_t i = 0; count < SYNC_HELD && ledger->log(ledger->context, i, &view); i++) {
        uint8_t id[SYNC_HELD_ID];
        if (view.size == 0)
            continue;
        id_of(&view, id);
        unsigned at = place(ids, count, id);
        memmove(ids[at + 1], ids[at], (count++ - at) * sizeof *ids);
        memcpy(ids[at], id, sizeof id);
    }
    return bytes_of(ids[0], count * sizeof *ids);
}

bool held_read(struct sync_server *server, struct tally_bytes held)
{
    if (held.size % SYNC_HELD_ID != 0 || held.size > sizeof server->held)
        return false;
    server->held_count = (unsigned)(held.size / SYNC_HELD_ID);
    if (held.size > 0)
        memcpy(server->held, held.data, held.size);
    return true;
}

bool held_has(struct sync_server *server, const struct tally_log_view *view)
{
    uint8_t id[SYNC_HELD_ID];
    id_of(view, id);
    unsigned at = place(server->held, server->held_count, id);
    return at < server->held_count && memcmp(server->held[at], id, sizeof id) == 0;
}
