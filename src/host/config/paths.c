/* SPDX-License-Identifier: Apache-2.0 */
#include "host/config/paths.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *home(void)
{
    const char *named = getenv("HOME");
    if (named != NULL && named[0] == '/')
        return named;
    const struct passwd *user = getpwuid(geteuid());
    return user != NULL ? user->pw_dir : "/";
}

enum tally_error paths_data(const char *given, char path[PATHS_MAX], struct complaint *complaint)
{
    char folder[PATHS_MAX] = "";
    int size = 0;
    if (given == NULL || given[0] == '\0')
        given = getenv("TALLY_DATA_DIR");
    const char *state = getenv("XDG_STATE_HOME");
    if (given != NULL && given[0] == '/') {
        size = snprintf(path, PATHS_MAX, "%s", given);
    } else if (given != NULL && given[0] != '\0') {
        if (getcwd(folder, sizeof folder) == NULL)
            return complain(complaint, complaint_of_errno(errno),
                            "the current directory cannot be named: %s", strerror(errno));
        size = snprintf(path, PATHS_MAX, "%s/%s", folder, given);
    } else if (state != NULL && state[0] == '/') {
        size = snprintf(path, PATHS_MAX, "%s/tally", state);
    } else {
        size = snprintf(path, PATHS_MAX, "%s/.local/state/tally", home());
    }
    /* What is put behind it later, logs/<64 digits>/tile/..., has its room. */
    if (size < 0 || size >= PATHS_MAX - 256)
        return complain(complaint, TALLY_TOO_LARGE,
                        "the path of the data directory is longer than %d bytes: choose a shorter "
                        "one with --data",
                        PATHS_MAX - 256);
    for (size_t end = strlen(path); end > 1 && path[end - 1] == '/'; end--)
        path[end - 1] = '\0';
    return TALLY_OK;
}

enum tally_error paths_make(const char *path, struct complaint *complaint)
{
    char part[PATHS_MAX];
    (void)snprintf(part, sizeof part, "%s", path);
    for (char *at = part + 1; *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return complain(complaint, complaint_of_errno(errno), "%s cannot be made: %s", part,
                            strerror(errno));
        *at = '/';
    }
    struct stat status;
    if (mkdir(path, 0700) == 0)
        return TALLY_OK;
    if (errno != EEXIST)
        return complain(complaint, complaint_of_errno(errno), "%s cannot be made: %s", path,
                        strerror(errno));
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode))
        return complain(complaint, TALLY_PERMISSION,
                        "%s is not a directory: name another with --data", path);
    return TALLY_OK;
}

bool paths_is_data(const char *path)
{
    char part[PATHS_MAX + 16];
    struct stat status;
    (void)snprintf(part, sizeof part, "%s/version", path);
    if (stat(part, &status) == 0)
        return true;
    (void)snprintf(part, sizeof part, "%s/keys", path);
    return stat(part, &status) == 0 && S_ISDIR(status.st_mode);
}

enum tally_error paths_no_data(const char *path, struct complaint *complaint)
{
    struct stat status;
    char part[PATHS_MAX + 16];
    (void)snprintf(part, sizeof part, "%s/keys", path);
    if (stat(part, &status) != 0 && errno == EACCES)
        return complain(complaint, TALLY_PERMISSION,
                        "%s cannot be looked into: permission denied; run tally as its owner",
                        path);
    return complain(complaint, TALLY_NOT_FOUND,
                    "%s is not a data directory of Tally: name one with --data, or make one with "
                    "tally run",
                    path);
}
