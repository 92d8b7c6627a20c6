/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/public_tiles.h"

#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/log/tile.h"
#include "tally/discrepancy.h"

#include <stdlib.h>
#include <string.h>

#define PLACE "/logs/"
enum { HEX = 2 * sizeof(struct tally_hash) };

const char *public_logs_name(enum public_logs logs)
{
    static const char *const names[PUBLIC_LOGS_KINDS] = {"own", "all", "none"};
    return names[logs];
}

/* /logs/<64 lower-case digits>/; what is behind it in *rest. */
static bool read_place(const char *path, struct tally_hash *origin_hash, const char **rest)
{
    char hex[HEX + 1] = "";
    size_t front = strlen(PLACE);
    if (strncmp(path, PLACE, front) != 0 || strnlen(path + front, HEX + 1) != HEX + 1 ||
        path[front + HEX] != '/')
        return false;
    memcpy(hex, path + front, HEX);
    *rest = path + front + HEX + 1;
    return strpbrk(hex, "ABCDEF") == NULL &&
           hex_read(hex, origin_hash->bytes, sizeof origin_hash->bytes);
}

static bool suspended(const struct tally_node *node, const struct tally_log_view *view)
{
    struct tally_discrepancy_view one;
    for (size_t i = 0; node != NULL && tally_node_discrepancy(node, i, &one); i++)
        if (one.state == TALLY_DISCREPANCY_SUSPENDED &&
            (one.has_log ? hash_equal(&one.log, &view->origin_hash)
                         : key_equal(&one.party, &view->issuer)))
            return true;
    return false;
}

static bool is_shown(const struct tally_node *node, enum public_logs logs,
                     const struct tally_log_view *view)
{
    switch (logs) {
    case PUBLIC_LOGS_OWN:
        return view->own;
    case PUBLIC_LOGS_ALL:
        return view->own || !suspended(node, view);
    case PUBLIC_LOGS_NONE:
    case PUBLIC_LOGS_KINDS:
        break;
    }
    return false;
}

/* The same tree with the lines of those who cosigned it; 0 if the kept one is of another size. */
static size_t read_cosigned(const struct tally_ledger *ledger, const struct tally_log_view *view,
                            uint8_t *bytes, size_t capacity)
{
    struct tally_note note;
    struct tally_checkpoint checkpoint;
    size_t size = ledger->kept == NULL ? 0
                                       : ledger->kept(ledger->context, TALLY_KEPT_COSIGNED,
                                                      &view->origin_hash, bytes, capacity);
    bool same = tally_note_read(bytes_of(bytes, size), &note) == TALLY_DROP_NONE &&
                tally_checkpoint_read(note.text, &checkpoint) == TALLY_DROP_NONE &&
                checkpoint.size == view->size && hash_equal(&checkpoint.root, &view->root);
    return same ? size : 0;
}

static bool find_checkpoint(const struct tally_ledger *ledger, const struct tally_log_view *view,
                            struct public_file *file)
{
    uint8_t *note = malloc(TALLY_NOTE_MAX);
    if (note == NULL)
        return false;
    file->size = read_cosigned(ledger, view, note, TALLY_NOTE_MAX);
    if (file->size == 0)
        file->size = ledger->checkpoint(ledger->context, &view->origin_hash, note, TALLY_NOTE_MAX);
    file->bytes = note;
    file->type = "text/plain; charset=utf-8";
    file->cache = "public, max-age=2"; /* It is asked for again and again; a proxy may help. */
    return file->size > 0;
}

static size_t read_tile(const struct tally_ledger *ledger, const struct tally_log_view *view,
                        const struct tile *tile, uint8_t *bytes, size_t capacity)
{
    struct tally_hash hashes[TALLY_TILE_WIDTH];
    if (tile->kind == TILE_ENTRIES)
        return ledger->entries(ledger->context, &view->origin_hash, tile->index, tile->width, bytes,
                               capacity);
    if (!ledger->tile(ledger->context, &view->origin_hash, tile->level, tile->index, tile->width,
                      hashes))
        return 0;
    memcpy(bytes, hashes, tile->width * sizeof *hashes);
    return tile->width * sizeof *hashes;
}

static bool find_tile(const struct tally_ledger *ledger, const struct tally_log_view *view,
                      const char *path, struct public_file *file)
{
    struct tile tile;
    if (!tile_path_read(bytes_text(path), &tile) || tile.kind == TILE_BODIES ||
        tile.width > tile_width(view->size, tile.level, tile.index))
        return false;
    size_t capacity = tile.kind == TILE_ENTRIES
                          ? tile.width * (TALLY_ENTRIES_MAX / (size_t)TALLY_TILE_WIDTH)
                          : tile.width * sizeof(struct tally_hash);
    file->bytes = malloc(capacity);
    if (file->bytes == NULL)
        return false;
    file->size = read_tile(ledger, view, &tile, file->bytes, capacity);
    file->type = "application/octet-stream";
    file->cache = "public, max-age=31536000, immutable";
    return file->size > 0;
}

bool public_file_find(const struct tally_ledger *ledger, const struct tally_node *node,
                      enum public_logs logs, const char *path, struct public_file *file)
{
    struct tally_hash origin_hash;
    struct tally_log_view view;
    const char *rest;
    *file = (struct public_file){.bytes = NULL};
    if (!read_place(path, &origin_hash, &rest) ||
        !ledger->find(ledger->context, &origin_hash, &view) || view.size == 0 ||
        !is_shown(node, logs, &view))
        return false;
    bool found = strcmp(rest, "checkpoint") == 0 ? find_checkpoint(ledger, &view, file)
                                                 : find_tile(ledger, &view, rest, file);
    if (!found) {
        free(file->bytes);
        *file = (struct public_file){.bytes = NULL};
    }
    return found;
}
