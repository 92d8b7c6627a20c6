/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/copy.h"

#include "host/config/paths.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH = PATHS_MAX + 512, DEPTH = 12 };

/* What is copied of a log's folder. The checkpoint is taken first, because tiles only ever become
   more, and gets its name last. */
static const struct {
    const char *from, *to;
} parts[] = {{"checkpoint", ".checkpoint"},
             {"origin", "origin"},
             {"tile", "tile"},
             {"bodies", "bodies"},
             {"blob", "blob"}};

static enum tally_error no_copy(struct complaint *complaint, const char *path)
{
    int code = errno;
    return complain(complaint, complaint_of_errno(code), "%s cannot be copied: %s", path,
                    strerror(code));
}

static bool pour(int in, int out)
{
    char bytes[64 << 10];
    for (;;) {
        ssize_t got = read(in, bytes, sizeof bytes);
        if (got <= 0)
            return got == 0 && fsync(out) == 0;
        for (ssize_t done = 0, more; done < got; done += more) {
            more = write(out, bytes + done, (size_t)(got - done));
            if (more < 0)
                return false;
        }
    }
}

static enum tally_error copy_file(const char *from, const char *to, uint64_t *files,
                                  struct complaint *complaint)
{
    int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (in < 0)
        return no_copy(complaint, from);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    enum tally_error error = TALLY_OK;
    if (out < 0 || !pour(in, out))
        error = no_copy(complaint, to);
    (void)close(in);
    if (out >= 0)
        (void)close(out);
    ++*files;
    return error;
}

static enum tally_error copy_any(const char *from, const char *to, unsigned depth, uint64_t *files,
                                 struct complaint *complaint)
{
    struct stat status;
    if (lstat(from, &status) != 0)
        return errno == ENOENT ? TALLY_OK : no_copy(complaint, from);
    if (S_ISREG(status.st_mode))
        return copy_file(from, to, files, complaint);
    if (!S_ISDIR(status.st_mode) || depth == 0)
        return TALLY_OK;
    DIR *folder = mkdir(to, 0755) == 0 ? opendir(from) : NULL;
    if (folder == NULL)
        return no_copy(complaint, to);
    enum tally_error error = TALLY_OK;
    const struct dirent *entry;
    while (error == TALLY_OK && (entry = readdir(folder)) != NULL) {
        char below[PATH], beside[PATH];
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(below, sizeof below, "%s/%s", from, entry->d_name);
        (void)snprintf(beside, sizeof beside, "%s/%s", to, entry->d_name);
        error = copy_any(below, beside, depth - 1, files, complaint);
    }
    (void)closedir(folder);
    return error;
}

enum tally_error copy_folder(const char *from, const char *to, uint64_t *files,
                             struct complaint *complaint)
{
    enum tally_error error = TALLY_OK;
    *files = 0;
    if (mkdir(to, 0755) != 0 && (errno != EEXIST || rmdir(to) != 0 || mkdir(to, 0755) != 0))
        return complain(complaint, complaint_of_errno(errno),
                        "%s cannot be made anew: name a folder that is empty or not there (%s)", to,
                        strerror(errno));
    char below[PATH], beside[PATH];
    for (size_t i = 0; error == TALLY_OK && i < sizeof parts / sizeof *parts; i++) {
        (void)snprintf(below, sizeof below, "%s/%s", from, parts[i].from);
        (void)snprintf(beside, sizeof beside, "%s/%s", to, parts[i].to);
        error = copy_any(below, beside, DEPTH, files, complaint);
    }
    (void)snprintf(below, sizeof below, "%s/.checkpoint", to);
    (void)snprintf(beside, sizeof beside, "%s/checkpoint", to);
    if (error == TALLY_OK && rename(below, beside) != 0 && errno != ENOENT)
        error = no_copy(complaint, beside);
    return error;
}
