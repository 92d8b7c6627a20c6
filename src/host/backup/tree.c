/* SPDX-License-Identifier: Apache-2.0 */
#include "host/backup/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct walk {
    int root;
    tree_visit *visit;
    void *context;
    struct complaint *complaint;
};

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool is_name(const char *name)
{
    for (; *name != '\0'; name++)
        if ((unsigned char)*name < 0x20 || *name == 0x7f)
            return false;
    return true;
}

static enum tally_error walk_folder(const struct walk *walk, const char *folder, unsigned depth);

static enum tally_error walk_one(const struct walk *walk, const char *folder, const char *name,
                                 unsigned depth)
{
    char path[TREE_PATH_MAX];
    struct stat about;
    bool top = strcmp(folder, ".") == 0;
    int size = snprintf(path, sizeof path, "%s%s%s", top ? "" : folder, top ? "" : "/", name);
    if (size < 0 || (size_t)size >= sizeof path || depth == 0)
        return complain(walk->complaint, TALLY_TOO_LARGE,
                        "the path %.100s... is longer than any that is written here", path);
    if (!is_name(name))
        return complain(walk->complaint, TALLY_BAD_NAME,
                        "a file in %.150s has control characters in its name", folder);
    if (fstatat(walk->root, path, &about, AT_SYMLINK_NOFOLLOW) != 0)
        return complain(walk->complaint, complaint_of_errno(errno), "%s: %s", path,
                        strerror(errno));
    if (S_ISDIR(about.st_mode))
        return walk_folder(walk, path, depth - 1);
    return walk->visit(walk->context, path, S_ISREG(about.st_mode));
}

static enum tally_error walk_folder(const struct walk *walk, const char *folder, unsigned depth)
{
    struct dirent **names;
    int count = scandirat(walk->root, folder, &names, NULL, by_name);
    enum tally_error error = TALLY_OK;
    if (count < 0)
        return complain(walk->complaint, complaint_of_errno(errno), "%s: %s", folder,
                        strerror(errno));
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        if (error == TALLY_OK && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
            error = walk_one(walk, folder, name, depth);
        free(names[i]);
    }
    free(names);
    return error;
}

enum tally_error tree_walk(int root, tree_visit *visit, void *context, struct complaint *complaint)
{
    const struct walk walk = {root, visit, context, complaint};
    return walk_folder(&walk, ".", TREE_DEPTH);
}

static bool is_one_of(const char *name, const char *const *but, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, but[i]) == 0)
            return true;
    return false;
}

/* Takes over the descriptor. */
static bool clear_folder(int fd, const char *const *but, size_t count, unsigned depth)
{
    DIR *folder = fdopendir(fd);
    bool all = true;
    if (folder == NULL) {
        (void)close(fd);
        return false;
    }
    for (struct dirent *name; (name = readdir(folder)) != NULL;) {
        if (strcmp(name->d_name, ".") == 0 || strcmp(name->d_name, "..") == 0 ||
            is_one_of(name->d_name, but, count))
            continue;
        if (unlinkat(fd, name->d_name, 0) == 0)
            continue;
        int below = openat(fd, name->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (below < 0 || depth == 0 || !clear_folder(below, NULL, 0, depth - 1) ||
            unlinkat(fd, name->d_name, AT_REMOVEDIR) != 0)
            all = false;
    }
    (void)closedir(folder);
    return all;
}

bool tree_clear(int root, const char *const *but, size_t count)
{
    int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && clear_folder(fd, but, count, TREE_DEPTH);
}
