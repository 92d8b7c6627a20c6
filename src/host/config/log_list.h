/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFIG_LOG_LIST_H
#define CONFIG_LOG_LIST_H
/*
 * Lists of logs that ask for witnesses, in the form of the public witness network (log chapter 10):
 *
 *     logs/v0
 *     vkey sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8
 *     origin go.sum database tree                  the key's name, if there is none
 *     qpd 86400                                    for people, as is
 *     contact somebody@example.org
 *
 * Each vkey begins a log. Lines that begin with # and empty ones are passed over.
 */
#include "host/config/complaint.h"
#include "tally/witness.h"

enum { LOG_LIST_MAX = 256 };

struct log_list {
    size_t count;
    struct tally_foreign_log list[LOG_LIST_MAX];
    char origins[LOG_LIST_MAX][TALLY_ORIGIN_MAX + 1]; /* What the list names. */
};

/* Adds the logs of a file's text; the complaint names the line. `path` is for messages. */
enum tally_error log_list_read(struct log_list *list, const char *path, struct tally_bytes text,
                               struct complaint *complaint);

#endif
