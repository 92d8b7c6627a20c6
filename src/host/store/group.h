/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_GROUP_H
#define STORE_GROUP_H
/* Appends that share what waits for the disk. For this folder only. */
#include "host/store/inside.h"

struct group {
    struct store *store;
    struct job **jobs; /* Room for those of the batch. */
    size_t count;
};
/* Puts the files of an APPEND and adds it, or sets its error. May close the group first. */
void group_add(struct group *group, struct job *job);
/* Makes the group durable: errors and sizes are in its jobs. */
void group_close(struct group *group);

#endif
