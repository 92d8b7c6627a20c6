/* SPDX-License-Identifier: Apache-2.0 */
#include "host/store/disk.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifdef STORE_PLANT
bool disk_planted(const char *mistake)
{
    const char *planted = getenv("STORE_PLANT");
    return planted != NULL && strcmp(planted, mistake) == 0;
}
#endif

enum tally_error disk_error(int number)
{
    switch (number) {
    case 0:
        return TALLY_OK;
    case ENOSPC:
    case EDQUOT:
        return TALLY_FULL;
    case ENOENT:
        return TALLY_NOT_FOUND;
    case EACCES:
    case EPERM:
        return TALLY_PERMISSION;
    case ENOMEM:
        return TALLY_NO_MEMORY;
    case EMFILE:
    case ENFILE:
        return TALLY_BUSY;
    case EROFS:
        return TALLY_READ_ONLY;
    default:
        return TALLY_IO;
    }
}

/* The error of the last call; one that casts doubt on what is cached breaks the disk. */
static enum tally_error failed(struct disk *disk)
{
    enum tally_error error = disk_error(errno);
    if (error == TALLY_IO)
        disk->broken = true;
    return error;
}

/* The folder of a path: "." at the top. */
static void folder_of(const char *path, char folder[DISK_PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    int size = slash == NULL ? 0 : (int)(slash - path);
    snprintf(folder, DISK_PATH_MAX, "%.*s", slash == NULL ? 1 : size, slash == NULL ? "." : path);
}

/* Before a change: room for one more file and the folders above it. A flush in the midst of a
   change would fsync its folder too early. */
static enum tally_error make_room(struct disk *disk)
{
    bool full =
        disk->count == DISK_FILES_MAX || disk->folder_count > DISK_FOLDERS_MAX - DISK_FOLDERS_DEEP;
    return full ? disk_make_room(disk) : TALLY_OK;
}

/* Remembers to fsync a folder. */
static void touch(struct disk *disk, const char *folder)
{
    /* From the end: neighbours in a batch lie in the same folders. */
    for (size_t i = disk->folder_count; i-- > 0;)
        if (strcmp(disk->folders[i], folder) == 0)
            return;
    assert(disk->folder_count < DISK_FOLDERS_MAX);
    snprintf(disk->folders[disk->folder_count++], DISK_PATH_MAX, "%s", folder);
}

static void touch_parent(struct disk *disk, const char *path)
{
    char folder[DISK_PATH_MAX];
    folder_of(path, folder);
    touch(disk, folder);
}

static enum tally_error make_folder(struct disk *disk, const char *path)
{
    if (strcmp(path, ".") == 0 || faccessat(disk->root, path, F_OK, 0) == 0)
        return TALLY_OK;
    char parent[DISK_PATH_MAX];
    folder_of(path, parent);
    enum tally_error error = make_folder(disk, parent);
    if (error != TALLY_OK)
        return error;
    if (mkdirat(disk->root, path, 0700) != 0 && errno != EEXIST)
        return failed(disk);
    touch(disk, parent);
    return TALLY_OK;
}

enum tally_error disk_folder(struct disk *disk, const char *path)
{
    enum tally_error error = make_room(disk);
    return error == TALLY_OK ? make_folder(disk, path) : error;
}

/* Opens the file beside, in a folder that is made if it is missing. */
static enum tally_error open_beside(struct disk *disk, struct disk_file *file)
{
    const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
    file->fd = openat(disk->root, file->from, flags, 0600);
    if (file->fd < 0 && errno == ENOENT) {
        char folder[DISK_PATH_MAX];
        folder_of(file->to, folder);
        enum tally_error error = make_folder(disk, folder);
        if (error != TALLY_OK)
            return error;
        file->fd = openat(disk->root, file->from, flags, 0600);
    }
    return file->fd < 0 ? failed(disk) : TALLY_OK;
}

static enum tally_error write_parts(struct disk *disk, int fd, const struct tally_bytes *parts,
                                    size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct tally_bytes left = parts[i];
        while (left.size > 0) {
            ssize_t done = write(fd, left.data, left.size);
            if (done < 0 && errno == EINTR)
                continue;
            if (done <= 0) {
                errno = done == 0 ? ENOSPC : errno;
                return failed(disk);
            }
            left.data += done;
            left.size -= (size_t)done;
        }
    }
    /* The disk works while we go on; the fsyncs of a flush then find most of it done. Measured:
       three times the files a second of fsync alone, on an idle machine. */
    sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    return TALLY_OK;
}

enum tally_error disk_put(struct disk *disk, const char *path, const struct tally_bytes *parts,
                          size_t count)
{
    if (disk->broken)
        return TALLY_IO;
    enum tally_error error = make_room(disk);
    if (error != TALLY_OK)
        return error;
    struct disk_file *file = &disk->files[disk->count];
    int size = snprintf(file->to, sizeof file->to, "%s", path);
    assert(size > 0 && (size_t)size + sizeof ".new" <= sizeof file->from);
    (void)size;
    snprintf(file->from, sizeof file->from, "%s.new", path);
    error = open_beside(disk, file);
    if (error != TALLY_OK)
        return error;
    error = write_parts(disk, file->fd, parts, count);
    if (error != TALLY_OK) {
        close(file->fd);
        unlinkat(disk->root, file->from, 0);
        return error;
    }
    touch_parent(disk, path);
    disk->count++;
    return TALLY_OK;
}

enum tally_error disk_move(struct disk *disk, const char *from, const char *to)
{
    char folder[DISK_PATH_MAX];
    folder_of(to, folder);
    enum tally_error error = disk_folder(disk, folder);
    if (error != TALLY_OK)
        return error;
    touch_parent(disk, from);
    touch_parent(disk, to);
    struct disk_file *file = &disk->files[disk->count++];
    file->fd = -1;
    snprintf(file->from, sizeof file->from, "%s", from);
    snprintf(file->to, sizeof file->to, "%s", to);
    return TALLY_OK;
}

bool disk_waits(const struct disk *disk, const char *path)
{
    for (size_t i = 0; i < disk->count; i++)
        if (strcmp(disk->files[i].to, path) == 0)
            return true;
    return false;
}

enum tally_error disk_remove(struct disk *disk, const char *path)
{
    enum tally_error error = make_room(disk);
    if (error != TALLY_OK)
        return error;
    if (unlinkat(disk->root, path, 0) != 0)
        return errno == ENOENT ? TALLY_OK : failed(disk);
    touch_parent(disk, path);
    return TALLY_OK;
}

/* Takes the results of `count` fsyncs; the first error of any, as an errno, else 0. */
static int collect(aio_context_t context, size_t count)
{
    int error = 0;
    while (count > 0) {
        struct io_event events[DISK_FILES_MAX];
        long got = syscall(SYS_io_getevents, context, (long)count, (long)count, events, NULL);
        if (got < 0 && errno != EINTR)
            return errno;
        for (long i = 0; i < got; i++)
            if (events[i].res < 0 && error == 0)
                error = (int)-events[i].res;
        count -= got > 0 ? (size_t)got : 0;
    }
    return error;
}

/*
 * All at once, by the kernel's own threads, and one wait for all: on a busy machine each wait costs
 * a turn of the scheduler, which is many times what the disk needs. One after the other where the
 * kernel cannot do that, and never again on a file that failed: its pages may be gone.
 */
static enum tally_error sync_all(struct disk *disk, const int *fds, size_t count)
{
    struct iocb calls[DISK_FILES_MAX], *list[DISK_FILES_MAX];
    size_t done = 0;
    for (size_t i = 0; i < count; i++) {
        calls[i] = (struct iocb){.aio_lio_opcode = IOCB_CMD_FSYNC, .aio_fildes = (uint32_t)fds[i]};
        list[i] = &calls[i];
    }
    /* Ending a context waits for all processors: one is kept for the disk's life. */
    if (count > 1 && (disk->many != 0 || syscall(SYS_io_setup, DISK_FILES_MAX, &disk->many) == 0)) {
        long taken = syscall(SYS_io_submit, disk->many, (long)count, list);
        done = taken > 0 ? (size_t)taken : 0;
        errno = collect(disk->many, done);
        if (errno != 0)
            return failed(disk);
    }
    for (; done < count; done++)
        if (fsync(fds[done]) != 0)
            return failed(disk);
    return TALLY_OK;
}

static enum tally_error sync_files(struct disk *disk)
{
    int fds[DISK_FILES_MAX] = {0};
    size_t count = 0;
    if (disk_planted("ack-early"))
        return TALLY_OK;
    for (size_t i = 0; i < disk->count; i++)
        if (disk->files[i].fd >= 0)
            fds[count++] = disk->files[i].fd;
    return sync_all(disk, fds, count);
}

static enum tally_error sync_folders(struct disk *disk)
{
    int fds[DISK_FOLDERS_MAX] = {0};
    size_t count = 0;
    enum tally_error error = TALLY_OK;
    if (disk_planted("no-dirsync"))
        return TALLY_OK;
    for (size_t i = 0; i < disk->folder_count && error == TALLY_OK; i++) {
        int fd = openat(disk->root, disk->folders[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0)
            fds[count++] = fd;
        else if (errno != ENOENT) /* Swept since: no name left to keep. */
            error = failed(disk);
    }
    if (error == TALLY_OK)
        error = sync_all(disk, fds, count);
    while (count > 0)
        close(fds[--count]);
    return error;
}

static enum tally_error place_files(struct disk *disk)
{
    for (size_t i = 0; i < disk->count; i++) {
        struct disk_file *file = &disk->files[i];
        if (renameat(disk->root, file->from, disk->root, file->to) != 0)
            return failed(disk);
        if (file->fd >= 0)
            close(file->fd);
        file->fd = -1;
        file->from[0] = '\0'; /* Placed: nothing beside to take away. */
    }
    return TALLY_OK;
}

static void forget_files(struct disk *disk)
{
    for (size_t i = 0; i < disk->count; i++) {
        if (disk->files[i].fd < 0)
            continue;
        close(disk->files[i].fd);
        unlinkat(disk->root, disk->files[i].from, 0);
    }
    disk->count = disk->folder_count = 0;
}

enum tally_error disk_make_room(struct disk *disk)
{
    enum tally_error error = disk->broken ? TALLY_IO : disk->lost;
    if (error == TALLY_OK)
        error = sync_files(disk);
    if (error == TALLY_OK)
        error = place_files(disk);
    if (error == TALLY_OK)
        error = sync_folders(disk);
    if (error != TALLY_OK)
        forget_files(disk);
    disk->count = disk->folder_count = 0;
    disk->lost = error;
    return error;
}

enum tally_error disk_flush(struct disk *disk)
{
    enum tally_error error = disk_make_room(disk);
    disk->lost = TALLY_OK;
    return error;
}

void disk_forget(struct disk *disk)
{
    forget_files(disk);
    disk->lost = TALLY_OK;
}

void disk_end(struct disk *disk)
{
    disk_forget(disk);
    if (disk->many != 0)
        syscall(SYS_io_destroy, disk->many);
    if (disk->root >= 0)
        close(disk->root);
}

bool disk_read_at(int fd, uint8_t *bytes, size_t size, uint64_t offset, size_t *got)
{
    *got = 0;
    while (*got < size) {
        ssize_t done = pread(fd, bytes + *got, size - *got, (off_t)(offset + *got));
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        if (done == 0)
            break;
        *got += (size_t)done;
    }
    return true;
}

enum tally_error disk_read(int root, const char *path, uint8_t *bytes, size_t capacity,
                           size_t *size)
{
    *size = 0;
    int fd = openat(root, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return disk_error(errno);
    struct stat about;
    enum tally_error error = TALLY_OK;
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode))
        error = TALLY_IO;
    else if ((uint64_t)about.st_size > capacity)
        error = TALLY_TOO_LARGE;
    else if (!disk_read_at(fd, bytes, (size_t)about.st_size, 0, size))
        error = TALLY_IO;
    close(fd);
    return error;
}

void disk_sweep(int root, const char *folder, bool itself)
{
    int fd = openat(root, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *names = fd < 0 ? NULL : fdopendir(fd);
    if (names == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *name; (name = readdir(names)) != NULL;)
        if (name->d_name[0] != '.')
            unlinkat(fd, name->d_name, 0);
    closedir(names);
    if (itself)
        unlinkat(root, folder, AT_REMOVEDIR);
}
