/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/source.h"

#include "tally/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ = 256 << 10 };

void source_init(struct source *source, const char *const *paths, size_t count, bool lines)
{
    *source = (struct source){.paths = paths, .count = count, .lines = lines, .fd = -1};
}

static void close_one(struct source *source)
{
    if (source->fd > STDIN_FILENO)
        (void)close(source->fd);
    source->fd = -1;
}

void source_free(struct source *source)
{
    close_one(source);
    free(source->bytes);
    source->bytes = NULL;
}

static enum tally_error open_next(struct source *source, struct complaint *complaint)
{
    struct stat status;
    const char *path = source->paths[source->next++];
    bool input = strcmp(path, "-") == 0;
    source->path = input ? "standard input" : path;
    source->fd = input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    source->ended = false;
    source->line = 0;
    source->start = source->size = 0;
    if (source->fd < 0)
        return complain(complaint, complaint_of_errno(errno), "%s cannot be read: %s", path,
                        strerror(errno));
    if (fstat(source->fd, &status) == 0 && S_ISDIR(status.st_mode))
        return complain(complaint, TALLY_NOT_FOUND, "%s is a folder: name the files in it", path);
    return TALLY_OK;
}

enum tally_error source_read(struct source *source, struct complaint *complaint)
{
    if (source->start > 0) {
        memmove(source->bytes, source->bytes + source->start, source->size - source->start);
        source->size -= source->start;
        source->start = 0;
    }
    if (source->capacity - source->size < READ) {
        size_t capacity = 2 * source->capacity + READ;
        uint8_t *larger = realloc(source->bytes, capacity);
        if (larger == NULL)
            return complain(complaint, TALLY_NO_MEMORY, "%s", tally_error_text(TALLY_NO_MEMORY));
        source->bytes = larger;
        source->capacity = capacity;
    }
    ssize_t got = read(source->fd, source->bytes + source->size, READ);
    if (got < 0 && errno != EINTR && errno != EAGAIN)
        return complain(complaint, complaint_of_errno(errno), "%s cannot be read: %s", source->path,
                        strerror(errno));
    if (got > 0)
        source->size += (size_t)got;
    source->ended = got == 0;
    return TALLY_OK;
}

static enum source_state too_large(const struct source *source, struct complaint *complaint)
{
    if (source->lines)
        (void)complain(complaint, TALLY_TOO_LARGE,
                       "line %llu of %s is larger than a receipt's body may be, %d bytes: nothing "
                       "from there on was appended",
                       (unsigned long long)source->line, source->path, TALLY_BODY_MAX);
    else
        (void)complain(complaint, TALLY_TOO_LARGE,
                       "%s is larger than a receipt's body may be, %d bytes: it was not appended",
                       source->path, TALLY_BODY_MAX);
    return SOURCE_BAD;
}

/* A line without its newline; the last one may lack it. */
static enum source_state next_line(struct source *source, struct tally_bytes *body,
                                   struct complaint *complaint)
{
    for (;;) {
        size_t size = source->size - source->start;
        const uint8_t *from = source->bytes + source->start;
        const uint8_t *newline = size == 0 ? NULL : memchr(from, '\n', size);
        if (newline == NULL && !source->ended && size <= TALLY_BODY_MAX)
            return SOURCE_WAIT;
        if (newline == NULL && size == 0)
            return SOURCE_END;
        size_t length = newline == NULL ? size : (size_t)(newline - from);
        source->start += length + (newline != NULL);
        source->line++;
        if (length > TALLY_BODY_MAX)
            return too_large(source, complaint);
        if (length == 0) {
            source->skipped++;
            continue;
        }
        *body = (struct tally_bytes){from, length};
        return SOURCE_BODY;
    }
}

static enum source_state next_file(struct source *source, struct tally_bytes *body,
                                   struct complaint *complaint)
{
    size_t size = source->size - source->start;
    if (size > TALLY_BODY_MAX)
        return too_large(source, complaint);
    if (!source->ended)
        return SOURCE_WAIT;
    *body = (struct tally_bytes){source->bytes + source->start, size};
    return SOURCE_BODY;
}

enum source_state source_next(struct source *source, struct tally_bytes *body,
                              struct complaint *complaint)
{
    for (;;) {
        if (source->fd < 0 && source->next == source->count)
            return SOURCE_END;
        if (source->fd < 0 && open_next(source, complaint) != TALLY_OK)
            return SOURCE_BAD;
        enum source_state state =
            source->lines ? next_line(source, body, complaint) : next_file(source, body, complaint);
        if (state == SOURCE_BODY && !source->lines)
            close_one(source);
        if (state != SOURCE_END)
            return state;
        close_one(source);
    }
}
