/* SPDX-License-Identifier: Apache-2.0 */
/* Cosigned checkpoints that a node keeps, and the rule that none of them ever goes back. */
#include "core/base/bytes.h"
#include "disk_inside.h"
#include "memory.h"
#include "tally/witness.h"

#include <assert.h>

static struct disk_kept *kept_find(const struct disk *disk, enum tally_kept kind,
                                   const struct tally_hash *origin_hash)
{
    for (size_t i = 0; i < disk->kept_count; i++)
        if (disk->kept[i].kind == kind && hash_equal(&disk->kept[i].origin_hash, origin_hash))
            return &disk->kept[i];
    return NULL;
}

/* A witness that cosigned a smaller tree, or another of one size, has failed for ever: no story may
   go on. */
static void assert_follows(const struct disk_kept *kept, const struct tally_action *action)
{
    assert(action->keep.size >= kept->size);
    assert(action->keep.size > kept->size || hash_equal(&action->keep.root, &kept->root));
}

enum tally_error disk_keep(struct disk *disk, const struct tally_action *action)
{
    struct disk_kept *kept = kept_find(disk, action->keep.kind, &action->keep.origin_hash);
    if (kept == NULL) {
        disk->kept =
            memory_room(disk->kept, &disk->kept_capacity, disk->kept_count + 1, sizeof *disk->kept);
        kept = &disk->kept[disk->kept_count++];
        *kept =
            (struct disk_kept){.kind = action->keep.kind, .origin_hash = action->keep.origin_hash};
    }
    if (action->keep.kind == TALLY_KEPT_WITNESSED)
        assert_follows(kept, action);
    memory_free(kept->note);
    kept->note = memory_copy(action->keep.note.data, action->keep.note.size);
    kept->note_size = action->keep.note.size;
    kept->size = action->keep.size;
    kept->root = action->keep.root;
    return TALLY_OK;
}

void disk_kept_free(struct disk *disk)
{
    for (size_t i = 0; i < disk->kept_count; i++)
        memory_free(disk->kept[i].note);
    memory_free(disk->kept);
}

size_t disk_kept(void *context, enum tally_kept kind, const struct tally_hash *origin_hash,
                 uint8_t *note, size_t capacity)
{
    const struct disk_kept *kept = kept_find(context, kind, origin_hash);
    if (kept == NULL || kept->note_size > capacity)
        return 0;
    memcpy(note, kept->note, kept->note_size);
    return kept->note_size;
}

bool disk_kept_at(void *context, enum tally_kept kind, size_t index, struct tally_hash *origin_hash)
{
    const struct disk *disk = context;
    for (size_t i = 0; i < disk->kept_count; i++) {
        if (disk->kept[i].kind != kind || index-- > 0)
            continue;
        *origin_hash = disk->kept[i].origin_hash;
        return true;
    }
    return false;
}
