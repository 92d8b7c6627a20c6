/* SPDX-License-Identifier: Apache-2.0 */
/*
 * powercut: a file system in memory (FUSE) that forgets, on command, what was not made durable.
 *
 *   powercut MOUNTPOINT [SEED]            runs in the foreground
 *   echo cut > MOUNTPOINT/.powercut       the power fails: now
 *   echo full N > MOUNTPOINT/.powercut    no more than N bytes of file data from here on (ENOSPC)
 *   echo eio N > MOUNTPOINT/.powercut     the Nth write or fsync from here fails with EIO, once
 *
 * What a cut keeps of a file: the content at its last fsync, plus a random subset of the 512-byte
 * sectors written since (so writes tear and reorder). Of the names: those at the last fsync of
 * their own folder, plus a random prefix of the creations, renames and removals since; what lies in
 * a folder whose own name was lost is lost. fsync of a file alone does not keep its name; that is
 * stricter than ext4, as POSIX allows.
 */
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fuse.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTOR = 512, NAMES_MAX = 8192, OPS_MAX = 16384, PATH_BYTES = 224, FILE_BYTES = 1 << 28 };

struct blob {
    char *bytes;
    size_t size;
};

struct inode {
    bool folder;
    mode_t mode;
    struct blob now, kept; /* Content as seen, and as of the last fsync. */
    unsigned char *dirty;  /* A byte per sector of now: written since the last fsync. */
    size_t sectors;
};

struct name {
    char path[PATH_BYTES];
    struct inode *inode;
};

struct table {
    struct name names[NAMES_MAX];
    size_t count;
};

enum change { ADDED, REMOVED, MOVED };

struct op {
    enum change change;
    char from[PATH_BYTES], to[PATH_BYTES];
    struct inode *inode;
};

static struct table seen, kept;
static struct op ops[OPS_MAX];
static size_t op_count;
static uint64_t seed = 1;
static long budget = -1, fail_in = -1;
static unsigned long cuts, lost_sectors, lost_names;

static size_t draw(size_t below)
{
    uint64_t z = seed += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (size_t)((z ^ z >> 31) % below);
}

static void *must(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

/* ---- Names ---- */

static struct name *find(struct table *table, const char *path)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->names[i].path, path) == 0)
            return &table->names[i];
    return NULL;
}

static struct inode *inode_of(const char *path)
{
    struct name *name = find(&seen, path);
    return name == NULL ? NULL : name->inode;
}

static void drop(struct table *table, const char *path)
{
    struct name *name = find(table, path);
    if (name != NULL)
        *name = table->names[--table->count];
}

static void put(struct table *table, const char *path, struct inode *inode)
{
    drop(table, path);
    if (table->count == NAMES_MAX)
        abort();
    struct name *name = &table->names[table->count++];
    snprintf(name->path, sizeof name->path, "%s", path);
    name->inode = inode;
}

static void apply(struct table *table, const struct op *op)
{
    if (op->change != ADDED)
        drop(table, op->from);
    if (op->change != REMOVED)
        put(table, op->change == MOVED ? op->to : op->from, op->inode);
}

static void record(enum change change, const char *from, const char *to, struct inode *inode)
{
    if (op_count == OPS_MAX)
        abort();
    struct op *op = &ops[op_count++];
    op->change = change;
    op->inode = inode;
    snprintf(op->from, sizeof op->from, "%s", from);
    snprintf(op->to, sizeof op->to, "%s", to);
    apply(&seen, op);
}

/* Whether path lies directly in the folder ("/" is the top). */
static bool is_in(const char *path, const char *folder)
{
    size_t size = strlen(folder);
    if (size == 1)
        size = 0;
    return strncmp(path, folder, size) == 0 && path[size] == '/' && path[size + 1] != '\0' &&
           strchr(path + size + 1, '/') == NULL;
}

static bool has_parent(struct table *table, const char *path)
{
    char parent[PATH_BYTES];
    snprintf(parent, sizeof parent, "%s", path);
    *strrchr(parent, '/') = '\0';
    return parent[0] == '\0' || find(table, parent) != NULL;
}

/* ---- Content ---- */

static void resize(struct inode *inode, size_t size)
{
    size_t sectors = (size + SECTOR - 1) / SECTOR;
    inode->now.bytes = must(realloc(inode->now.bytes, size + 1));
    if (size > inode->now.size)
        memset(inode->now.bytes + inode->now.size, 0, size - inode->now.size);
    if (sectors > inode->sectors) {
        inode->dirty = must(realloc(inode->dirty, sectors));
        memset(inode->dirty + inode->sectors, 1, sectors - inode->sectors);
        inode->sectors = sectors;
    }
    inode->now.size = size;
}

static void keep(struct inode *inode)
{
    inode->kept.bytes = must(realloc(inode->kept.bytes, inode->now.size + 1));
    memcpy(inode->kept.bytes, inode->now.bytes, inode->kept.size = inode->now.size);
    if (inode->sectors > 0)
        memset(inode->dirty, 0, inode->sectors);
}

/* The size, too, is either the old or the new; sectors that were not written read as zeros. */
static void tear(struct inode *inode)
{
    bool grown = inode->now.size == inode->kept.size || draw(2) == 1;
    size_t size = grown ? inode->now.size : inode->kept.size;
    char *torn = must(calloc(1, size + 1));
    memcpy(torn, inode->kept.bytes, inode->kept.size < size ? inode->kept.size : size);
    for (size_t i = 0; i * SECTOR < size; i++) {
        if (i >= inode->sectors || !inode->dirty[i])
            continue;
        size_t at = i * SECTOR, length = size - at < SECTOR ? size - at : SECTOR;
        if (draw(2) == 1)
            lost_sectors++;
        else if (at + length <= inode->now.size)
            memcpy(torn + at, inode->now.bytes + at, length);
    }
    resize(inode, size);
    memcpy(inode->now.bytes, torn, size);
    free(torn);
    keep(inode);
}

static void cut(void)
{
    size_t prefix = op_count > 0 ? draw(op_count + 1) : 0;
    lost_names += op_count - prefix;
    for (size_t i = 0; i < prefix; i++)
        apply(&kept, &ops[i]);
    op_count = 0;
    for (size_t i = 0; i < kept.count;) {
        if (has_parent(&kept, kept.names[i].path)) {
            i++;
        } else { /* Begin again: its children are orphans now. */
            kept.names[i] = kept.names[--kept.count];
            i = 0;
        }
    }
    seen = kept;
    for (size_t i = 0; i < seen.count; i++)
        if (!seen.names[i].inode->folder)
            tear(seen.names[i].inode);
    cuts++;
    budget = fail_in = -1;
}

static bool failing(void)
{
    return fail_in > 0 && --fail_in == 0;
}

/* ---- The file system ---- */

static const char control[] = "/.powercut";

static int on_getattr(const char *path, struct stat *about, struct fuse_file_info *info)
{
    memset(about, 0, sizeof *about);
    about->st_nlink = 1;
    about->st_uid = getuid();
    about->st_gid = getgid();
    if (strcmp(path, "/") == 0 || strcmp(path, control) == 0) {
        about->st_mode = path[1] != '\0' ? S_IFREG | 0600 : S_IFDIR | 0700;
        return 0;
    }
    const struct inode *inode = inode_of(path);
    if (inode == NULL)
        return -ENOENT;
    about->st_mode = inode->mode;
    about->st_size = (off_t)inode->now.size;
    return 0;
}

static int make(const char *path, mode_t mode, bool folder)
{
    if (strlen(path) >= PATH_BYTES)
        return -ENAMETOOLONG;
    if (find(&seen, path) != NULL)
        return -EEXIST;
    struct inode *inode = must(calloc(1, sizeof *inode));
    inode->folder = folder;
    inode->mode = (folder ? S_IFDIR : S_IFREG) | (mode & 07777);
    resize(inode, 0);
    keep(inode);
    record(ADDED, path, "", inode);
    return 0;
}

static int on_create(const char *path, mode_t mode, struct fuse_file_info *info)
{
    return make(path, mode, false);
}

static int on_mkdir(const char *path, mode_t mode)
{
    return make(path, mode, true);
}

static int on_open(const char *path, struct fuse_file_info *info)
{
    info->direct_io = strcmp(path, control) == 0;
    return info->direct_io || find(&seen, path) != NULL ? 0 : -ENOENT;
}

static int on_unlink(const char *path)
{
    struct inode *inode = inode_of(path);
    if (inode == NULL)
        return -ENOENT;
    record(REMOVED, path, "", inode);
    return 0;
}

static int on_rmdir(const char *path)
{
    for (size_t i = 0; i < seen.count; i++)
        if (is_in(seen.names[i].path, path))
            return -ENOTEMPTY;
    return on_unlink(path);
}

static int on_rename(const char *from, const char *to, unsigned flags)
{
    struct inode *inode = inode_of(from);
    if (inode == NULL)
        return -ENOENT;
    if (flags != 0 || inode->folder)
        return -EINVAL;
    record(MOVED, from, to, inode);
    return 0;
}

static int on_read(const char *path, char *bytes, size_t size, off_t offset,
                   struct fuse_file_info *info)
{
    char text[128];
    struct blob source = {0};
    const struct inode *inode = inode_of(path);
    if (strcmp(path, control) == 0) {
        int length = snprintf(text, sizeof text, "cuts %lu lost_sectors %lu lost_names %lu\n", cuts,
                              lost_sectors, lost_names);
        source = (struct blob){text, (size_t)length};
    } else if (inode == NULL) {
        return -ENOENT;
    } else {
        source = inode->now;
    }
    if ((size_t)offset >= source.size)
        return 0;
    if (size > source.size - (size_t)offset)
        size = source.size - (size_t)offset;
    memcpy(bytes, source.bytes + offset, size);
    return (int)size;
}

static int command(const char *bytes, size_t size)
{
    char text[64], verb[16] = "";
    long value = -1;
    snprintf(text, sizeof text, "%.*s", (int)(size < 63 ? size : 63), bytes);
    sscanf(text, "%15s %ld", verb, &value);
    if (strcmp(verb, "cut") == 0)
        cut();
    else if (strcmp(verb, "full") == 0)
        budget = value;
    else if (strcmp(verb, "eio") == 0)
        fail_in = value;
    else
        return -EINVAL;
    return (int)size;
}

static int on_write(const char *path, const char *bytes, size_t size, off_t offset,
                    struct fuse_file_info *info)
{
    if (strcmp(path, control) == 0)
        return command(bytes, size);
    struct inode *inode = inode_of(path);
    if (inode == NULL)
        return (int)size; /* An unlinked file that is still open: nobody will see it. */
    if (failing())
        return -EIO;
    if (budget == 0)
        return -ENOSPC;
    if (budget > 0) {
        if ((long)size > budget)
            size = (size_t)budget; /* A short write, as a full disk gives. */
        budget -= (long)size;
    }
    size_t end = (size_t)offset + size;
    if (end > FILE_BYTES)
        return -EFBIG;
    if (end > inode->now.size)
        resize(inode, end);
    memcpy(inode->now.bytes + offset, bytes, size);
    for (size_t i = (size_t)offset / SECTOR; size > 0 && i <= (end - 1) / SECTOR; i++)
        inode->dirty[i] = 1;
    return (int)size;
}

static int on_truncate(const char *path, off_t size, struct fuse_file_info *info)
{
    struct inode *inode = inode_of(path);
    if (strcmp(path, control) == 0)
        return 0;
    if (inode == NULL)
        return -ENOENT;
    resize(inode, (size_t)size);
    return 0;
}

static int on_fallocate(const char *path, int mode, off_t offset, off_t size,
                        struct fuse_file_info *info)
{
    struct inode *inode = inode_of(path);
    if (mode != 0 || inode == NULL)
        return -EOPNOTSUPP;
    if (budget >= 0)
        return -ENOSPC;
    if ((size_t)(offset + size) > inode->now.size)
        resize(inode, (size_t)(offset + size));
    return 0;
}

static int on_fsync(const char *path, int data, struct fuse_file_info *info)
{
    struct inode *inode = inode_of(path);
    if (inode == NULL)
        return 0;
    if (failing())
        return -EIO;
    keep(inode);
    return 0;
}

static int on_fsyncdir(const char *path, int data, struct fuse_file_info *info)
{
    if (failing())
        return -EIO;
    size_t left = 0;
    for (size_t i = 0; i < op_count; i++) {
        if (is_in(ops[i].from, path) || (ops[i].change == MOVED && is_in(ops[i].to, path)))
            apply(&kept, &ops[i]);
        else
            ops[left++] = ops[i];
    }
    op_count = left;
    return 0;
}

static int on_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
                      struct fuse_file_info *info, enum fuse_readdir_flags flags)
{
    fill(buffer, ".", NULL, 0, 0);
    fill(buffer, "..", NULL, 0, 0);
    for (size_t i = 0; i < seen.count; i++)
        if (is_in(seen.names[i].path, path))
            fill(buffer, strrchr(seen.names[i].path, '/') + 1, NULL, 0, 0);
    return 0;
}

static int on_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *info)
{
    return 0;
}

static int on_chmod(const char *path, mode_t mode, struct fuse_file_info *info)
{
    struct inode *inode = inode_of(path);
    if (inode == NULL)
        return -ENOENT;
    inode->mode = (inode->mode & S_IFMT) | (mode & 07777);
    return 0;
}

static const struct fuse_operations operations = {
    .getattr = on_getattr,
    .create = on_create,
    .mkdir = on_mkdir,
    .open = on_open,
    .unlink = on_unlink,
    .rmdir = on_rmdir,
    .rename = on_rename,
    .read = on_read,
    .write = on_write,
    .truncate = on_truncate,
    .fallocate = on_fallocate,
    .fsync = on_fsync,
    .fsyncdir = on_fsyncdir,
    .readdir = on_readdir,
    .utimens = on_utimens,
    .chmod = on_chmod,
};

int main(int argc, char **argv)
{
    static char options[] = "fsname=powercut,attr_timeout=0,entry_timeout=0,negative_timeout=0";
    static char foreground[] = "-f", single[] = "-s", option[] = "-o";
    if (argc < 2)
        return 2;
    if (argc > 2)
        seed = strtoull(argv[2], NULL, 10);
    char *arguments[] = {argv[0], argv[1], foreground, single, option, options, NULL};
    return fuse_main(6, arguments, &operations, NULL);
}
