/* SPDX-License-Identifier: Apache-2.0 */
#include "host/anchors/headers_file.h"

#include "core/base/bytes.h"
#include "host/anchors/book.h"
#include "host/store/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char magic[] = "tally headers 1\n";

enum {
    MAGIC = sizeof magic - 1,
    LEAST_FREE = HEADERS_FILE_MAX / 8, /* Room for what is asked of one anchor, and more. */
};

static bool list_new(struct bitcoin_headers *headers, const struct bitcoin_network *network)
{
    struct bitcoin_header *list = calloc(HEADERS_FILE_MAX, sizeof *list);
    bitcoin_headers_init(headers, network, list, HEADERS_FILE_MAX);
    return list != NULL;
}

size_t headers_file_read(struct bitcoin_headers *headers, struct tally_bytes bytes, int64_t now_s)
{
    size_t bad = 0;
    if (bytes.size < MAGIC || memcmp(bytes.data, magic, MAGIC) != 0)
        return bytes.size > 0;
    for (size_t at = MAGIC; at < bytes.size; at += HEADERS_FILE_ENTRY) {
        const uint8_t *p = bytes.data + at;
        if (bytes.size - at < HEADERS_FILE_ENTRY)
            return bad + 1;
        uint32_t height = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        bad += bitcoin_headers_begin(headers, p + 4, height, now_s) != TALLY_ANCHOR_IS_VERIFIED;
    }
    return bad;
}

static void load(struct headers_file *file, int64_t now_s)
{
    const size_t most = MAGIC + (size_t)HEADERS_FILE_MAX * HEADERS_FILE_ENTRY;
    char path[sizeof file->data + sizeof file->path];
    uint8_t *bytes = malloc(most);
    (void)snprintf(path, sizeof path, "%s/%s", file->data, file->path);
    FILE *from = bytes != NULL ? fopen(path, "rbe") : NULL;
    size_t size = from != NULL ? fread(bytes, 1, most, from) : 0;
    if (from != NULL)
        (void)fclose(from);
    file->damaged += headers_file_read(&file->headers, bytes_of(bytes, size), now_s);
    free(bytes);
}

bool headers_file_begin(struct headers_file *file, const char *data, const char *chain,
                        int64_t now_s)
{
    const char *network = strchr(chain, ':') + 1;
    *file = (struct headers_file){.read = 0};
    (void)snprintf(file->data, sizeof file->data, "%s", data);
    (void)snprintf(file->path, sizeof file->path, "anchors/btc-%.60s.headers", network);
    if (!list_new(&file->headers, bitcoin_network_find(network)))
        return false;
    load(file, now_s);
    file->read = file->headers.count;
    return true;
}

void headers_file_end(struct headers_file *file)
{
    free(file->headers.list);
    file->headers.list = NULL;
}

/* ---- Writing ---- */

static int by_height(const void *a, const void *b)
{
    const struct bitcoin_header *one = *(const struct bitcoin_header *const *)a,
                                *other = *(const struct bitcoin_header *const *)b;
    if (one->height != other->height)
        return one->height < other->height ? -1 : 1;
    /* Who was first stays first: of two branches with as much work it is the chain. */
    return one < other ? -1 : one > other;
}

static void entry_write(const struct bitcoin_header *one, uint8_t bytes[HEADERS_FILE_ENTRY])
{
    for (unsigned i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(one->height >> 8 * i);
    memcpy(bytes + 4, one->bytes, BITCOIN_HEADER);
}

/* The bytes of a file; NULL without memory. */
static uint8_t *compose(const struct bitcoin_headers *headers, size_t *size)
{
    const size_t most = HEADERS_FILE_MAX - LEAST_FREE;
    const struct bitcoin_header **order = calloc(headers->count + 1, sizeof *order);
    uint8_t *bytes = malloc(MAGIC + headers->count * HEADERS_FILE_ENTRY);
    for (size_t i = 0; order != NULL && i < headers->count; i++)
        order[i] = &headers->list[i];
    if (order == NULL || bytes == NULL) {
        free(bytes);
        free(order);
        return NULL;
    }
    qsort(order, headers->count, sizeof *order, by_height);
    memcpy(bytes, magic, MAGIC);
    *size = MAGIC;
    for (size_t i = headers->count > most ? headers->count - most : 0; i < headers->count; i++) {
        entry_write(order[i], bytes + *size);
        *size += HEADERS_FILE_ENTRY;
    }
    free(order);
    return bytes;
}

static enum tally_error put(const struct headers_file *file, struct tally_bytes bytes)
{
    struct disk *disk = calloc(1, sizeof *disk);
    if (disk == NULL)
        return TALLY_NO_MEMORY;
    disk->root = open(file->data, O_PATH | O_DIRECTORY | O_CLOEXEC);
    enum tally_error error = disk->root < 0 ? disk_error(errno) : TALLY_OK;
    if (error == TALLY_OK)
        error = disk_put(disk, file->path, &bytes, 1);
    if (error == TALLY_OK)
        error = disk_flush(disk);
    disk_end(disk);
    free(disk);
    return error;
}

enum tally_error headers_file_save(struct headers_file *file, int64_t now_s,
                                   struct complaint *complaint)
{
    struct book book;
    if (file->headers.count == file->read)
        return TALLY_OK;
    enum tally_error error = book_open(&book, file->data, true, complaint);
    if (error != TALLY_OK)
        return error;
    load(file, now_s);
    size_t size = 0;
    uint8_t *bytes = compose(&file->headers, &size);
    error = bytes != NULL ? put(file, bytes_of(bytes, size)) : TALLY_NO_MEMORY;
    free(bytes);
    book_close(&book);
    return error == TALLY_OK ? error
                             : complain(complaint, error, "%s/%s: %s", file->data, file->path,
                                        tally_error_text(error));
}
