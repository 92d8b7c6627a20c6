/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_COPY_H
#define CMD_COPY_H
/* Copies what a log publishes: checkpoint, tiles, bodies. The copy is a static mirror. */
#include "host/config/complaint.h"
#include <stdint.h>

/* Into `to`, which is made and must be empty. The checkpoint comes last, so that a copy that was
   broken off has none. Symbolic links and hidden files are left out. */
enum tally_error copy_folder(const char *from, const char *to, uint64_t *files,
                             struct complaint *complaint);

#endif
