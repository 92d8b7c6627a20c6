/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SUPPORT_SEEDS_H
#define SUPPORT_SEEDS_H
/* What a test made and is good may be left for the fuzzers: TALLY_SEEDS=FOLDER. */
#include "tally/types.h"

#include <stdio.h>
#include <stdlib.h>

static inline void seed_keep(const char *name, struct tally_bytes bytes)
{
    const char *folder = getenv("TALLY_SEEDS");
    char path[1024];
    if (folder == NULL)
        return;
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return;
    (void)fwrite(bytes.data, 1, bytes.size, file);
    (void)fclose(file);
}

#endif
