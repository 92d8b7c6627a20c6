/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKUP_TREE_H
#define BACKUP_TREE_H
/* All files of a folder, by their paths below it. */
#include "host/config/complaint.h"
#include <stdbool.h>
#include <stddef.h>

enum { TREE_PATH_MAX = 160, TREE_DEPTH = 12 };

/* Calls for each file, folders and names in the order of bytes; what is neither file nor folder is
   told with file false. Ends with the first error that `visit` returns. A path that is too long is
   TOO_LARGE, one with control characters BAD_NAME. */
typedef enum tally_error tree_visit(void *context, const char *path, bool file);
enum tally_error tree_walk(int root, tree_visit *visit, void *context, struct complaint *complaint);

/* Removes all in a folder but the entries of these names, as far as it goes; false if anything is
   left. */
bool tree_clear(int root, const char *const *but, size_t count);

#endif
