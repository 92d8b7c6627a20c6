/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFIG_PATHS_H
#define CONFIG_PATHS_H
/* Where a node keeps its things when nobody says otherwise. */
#include "host/config/complaint.h"
#include <stdbool.h>
#include <stddef.h>

enum { PATHS_MAX = 2048, PATHS_PORT = 4001 };

/*
 * The data directory, absolute: `given` if not NULL, else $TALLY_DATA_DIR, else
 * $XDG_STATE_HOME/tally, else ~/.local/state/tally. Makes nothing.
 */
enum tally_error paths_data(const char *given, char path[PATHS_MAX], struct complaint *complaint);

/* Makes the directory with mode 0700, its parents with what the umask leaves. */
enum tally_error paths_make(const char *path, struct complaint *complaint);

/* Whether the data directory holds a node: it has keys or logs. */
bool paths_is_data(const char *path);

/* Says why it does not: there is none, or it may not be looked into. */
enum tally_error paths_no_data(const char *path, struct complaint *complaint);

#endif
