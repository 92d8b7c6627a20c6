/* SPDX-License-Identifier: Apache-2.0 */
#include "host/anchors/book.h"

#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/crypto/hash.h"
#include "host/anchors/book_file.h"
#include "host/store/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "anchors"

enum { PATH = 4096 + 256 };

static enum tally_error fail(struct complaint *complaint, const char *path)
{
    int code = errno;
    return complain(complaint, complaint_of_errno(code), "%s: %s", path, strerror(code));
}

enum tally_error book_open(struct book *book, const char *data, bool change,
                           struct complaint *complaint)
{
    char path[PATH];
    book->lock = -1;
    (void)snprintf(book->data, sizeof book->data, "%s", data);
    if (!change)
        return TALLY_OK;
    (void)snprintf(path, sizeof path, "%s/" FOLDER, data);
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return fail(complaint, path);
    (void)snprintf(path, sizeof path, "%s/" FOLDER "/lock", data);
    book->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (book->lock < 0)
        return fail(complaint, path);
    while (flock(book->lock, LOCK_EX) != 0)
        if (errno != EINTR) {
            enum tally_error error = fail(complaint, path);
            book_close(book);
            return error;
        }
    return TALLY_OK;
}

void book_close(struct book *book)
{
    if (book->lock >= 0)
        (void)close(book->lock);
    book->lock = -1;
}

void book_record_free(struct book_record *record)
{
    if (record == NULL)
        return;
    free(record->proof);
    free(record->note);
    free(record);
}

void book_name(struct book_record *record)
{
    char text[512];
    struct tally_hash hash;
    int size =
        snprintf(text, sizeof text, "%s\n%s\n%s\n%llu\n", record->anchor.chain,
                 record->anchor.transaction, record->origin, (unsigned long long)record->size);
    hash_sha256(bytes_of(text, (size_t)size), &hash);
    hex_write(bytes_of(hash.bytes, sizeof hash.bytes), record->id);
}

/* ---- Writing ---- */

static enum tally_error put_text(const struct book *book, const char *path, const char *text)
{
    struct disk *disk = calloc(1, sizeof *disk);
    const struct tally_bytes part = bytes_text(text);
    if (disk == NULL)
        return TALLY_NO_MEMORY;
    disk->root = open(book->data, O_PATH | O_DIRECTORY | O_CLOEXEC);
    enum tally_error error = disk->root < 0 ? disk_error(errno) : TALLY_OK;
    if (error == TALLY_OK)
        error = disk_put(disk, path, &part, 1);
    if (error == TALLY_OK)
        error = disk_flush(disk);
    disk_end(disk);
    free(disk);
    return error;
}

enum tally_error book_put(struct book *book, const struct book_record *record,
                          struct complaint *complaint)
{
    char path[DISK_PATH_MAX], folder[65];
    json_t *file = book_file_write(record);
    char *text = file != NULL ? json_dumps(file, JSON_INDENT(1)) : NULL;
    hex_write(bytes_of(record->origin_hash.bytes, sizeof record->origin_hash.bytes), folder);
    (void)snprintf(path, sizeof path, FOLDER "/%s/%s.json", folder, record->id);
    enum tally_error error = text != NULL ? put_text(book, path, text) : TALLY_NO_MEMORY;
    free(text);
    json_decref(file);
    return error == TALLY_OK
               ? error
               : complain(complaint, error, "%s/%s: %s", book->data, path, tally_error_text(error));
}

/* ---- Reading ---- */

static struct book_record *read_file(const char *path, const char *id)
{
    struct book_record *record = NULL;
    FILE *file = fopen(path, "rbe");
    uint8_t *bytes = file != NULL ? malloc(BOOK_FILE_MAX + 1) : NULL;
    size_t size = bytes != NULL ? fread(bytes, 1, BOOK_FILE_MAX + 1, file) : 0;
    if (size > 0 && size <= BOOK_FILE_MAX)
        record = book_file_read(bytes_of(bytes, size), id);
    free(bytes);
    if (file != NULL)
        (void)fclose(file);
    return record;
}

static bool add(struct book_list *list, struct book_record *record)
{
    struct book_record **larger = list->records;
    if ((list->count & (list->count - 1)) == 0)
        larger = realloc(list->records, (2 * list->count + 1) * sizeof *larger);
    if (larger == NULL)
        return false;
    list->records = larger;
    list->records[list->count++] = record;
    return true;
}

/* The files of one log. */
static enum tally_error load_folder(const char *path, const char *folder, struct book_list *list)
{
    struct tally_hash origin;
    DIR *names = hex_read(folder, origin.bytes, sizeof origin.bytes) ? opendir(path) : NULL;
    enum tally_error error = TALLY_OK;
    const struct dirent *entry;
    while (names != NULL && error == TALLY_OK && (entry = readdir(names)) != NULL) {
        char id[65], file[PATH + 300];
        uint8_t name[32];
        if (strlen(entry->d_name) != 69 || strcmp(entry->d_name + 64, ".json") != 0)
            continue; /* What a crash left half written has another ending. */
        (void)snprintf(id, sizeof id, "%.64s", entry->d_name);
        (void)snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        struct book_record *record = hex_read(id, name, sizeof name) ? read_file(file, id) : NULL;
        if (record != NULL && !hash_equal(&record->origin_hash, &origin)) {
            book_record_free(record);
            record = NULL;
        }
        if (record == NULL)
            list->damaged++;
        else if (list->count == BOOK_RECORDS_MAX || !add(list, record)) {
            book_record_free(record);
            error = TALLY_NO_MEMORY;
        }
    }
    if (names != NULL)
        (void)closedir(names);
    return error;
}

static int compare(const void *left, const void *right)
{
    const struct book_record *a = *(struct book_record *const *)left,
                             *b = *(struct book_record *const *)right;
    int order = strcmp(a->origin, b->origin);
    if (order == 0 && a->size != b->size)
        order = a->size < b->size ? -1 : 1;
    if (order == 0)
        order = memcmp(a->root.bytes, b->root.bytes, sizeof a->root.bytes);
    return order != 0 ? order : tally_anchor_order(&a->anchor, &b->anchor);
}

static bool same_checkpoint(const struct book_record *a, const struct book_record *b)
{
    return a->size == b->size && hash_equal(&a->root, &b->root) &&
           hash_equal(&a->origin_hash, &b->origin_hash);
}

/* Ranks those of each checkpoint. */
static bool settle(struct book_list *list, bool (*prefer_earliest)(void *, const char *),
                   void *context)
{
    struct tally_anchor **anchors = calloc(list->count + 1, sizeof *anchors);
    if (anchors == NULL)
        return false;
    for (size_t from = 0, to; from < list->count; from = to) {
        struct book_record *first = list->records[from];
        for (to = from; to < list->count && same_checkpoint(first, list->records[to]); to++)
            anchors[to - from] = &list->records[to]->anchor;
        (void)tally_anchors_settle(
            anchors, to - from, prefer_earliest != NULL && prefer_earliest(context, first->origin));
    }
    free(anchors);
    return true;
}

enum tally_error book_load(const struct book *book, const struct tally_hash *origin,
                           bool (*prefer_earliest)(void *context, const char *origin),
                           void *context, struct book_list *list, struct complaint *complaint)
{
    char path[PATH], folder[65], below[PATH + 300];
    enum tally_error error = TALLY_OK;
    *list = (struct book_list){0};
    (void)snprintf(path, sizeof path, "%s/" FOLDER, book->data);
    if (origin != NULL) {
        hex_write(bytes_of(origin->bytes, sizeof origin->bytes), folder);
        (void)snprintf(below, sizeof below, "%s/%s", path, folder);
        error = load_folder(below, folder, list);
    }
    DIR *names = origin == NULL ? opendir(path) : NULL;
    const struct dirent *entry;
    while (names != NULL && error == TALLY_OK && (entry = readdir(names)) != NULL)
        if (strlen(entry->d_name) == 64) {
            (void)snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
            error = load_folder(below, entry->d_name, list);
        }
    if (names != NULL)
        (void)closedir(names);
    if (list->count > 0)
        qsort(list->records, list->count, sizeof *list->records, compare);
    if (error == TALLY_OK && !settle(list, prefer_earliest, context))
        error = TALLY_NO_MEMORY;
    if (error == TALLY_OK)
        return error;
    book_list_free(list);
    return complain(complaint, error, "%s", tally_error_text(error));
}

void book_list_free(struct book_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        book_record_free(list->records[i]);
    free(list->records);
    *list = (struct book_list){0};
}

struct book_answer book_of(const struct book_list *list, const struct tally_hash *origin,
                           uint64_t size, const struct tally_hash *root)
{
    struct book_answer answer = {0};
    for (size_t i = 0; i < list->count; i++) {
        const struct book_record *one = list->records[i];
        if (one->size != size || !hash_equal(&one->origin_hash, origin) ||
            !hash_equal(&one->root, root))
            continue;
        answer.count++;
        bool verified = one->anchor.state == TALLY_ANCHOR_ACTIVE ||
                        one->anchor.state == TALLY_ANCHOR_SUPERSEDED;
        if (one->anchor.state == TALLY_ANCHOR_ACTIVE)
            answer.best = one;
        if (verified &&
            (answer.earliest == NULL || one->anchor.time_ms < answer.earliest->anchor.time_ms))
            answer.earliest = one;
    }
    return answer;
}
