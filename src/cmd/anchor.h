/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_ANCHOR_H
#define CMD_ANCHOR_H
/* What the verbs about anchors share: a data directory with its policy and its anchors. */
#include "cmd/shelf.h"
#include "host/anchors/judge.h"

#include <jansson.h>

struct desk {
    struct shelf shelf; /* code: set with every false below. */
    struct policy *policy;
    struct book_list list;
};

/* Opens the directory, reads the policy, and the anchors of one log (a name as shelf_find takes it)
   or of all (NULL). False: the reason was said. Close it in any case. */
bool desk_open(struct desk *desk, struct call *call, const char *log, struct shelf_log *found);
void desk_close(struct desk *desk);

/* Reads the anchors again. */
bool desk_read(struct desk *desk, const struct tally_hash *origin);

/* The one whose id begins so. */
struct book_record *desk_find(struct desk *desk, const char *id);

/* The one of exactly that id; NULL, and nothing is said. And whether one is verified. */
const struct book_record *desk_known(const struct desk *desk, const char *id);
bool desk_is_verified(const struct book_record *record);

/* Keeps a record: durable, or the reason was said. */
bool desk_put(struct desk *desk, const struct book_record *record);

/* Judges it against its checkpoint, by the policy, now. */
void desk_judge(struct desk *desk, struct book_record *record);

int64_t desk_now_ms(void);

/* As JSON: of a list, or whole with its schema. */
json_t *anchor_object(const struct book_record *record, const char *schema);
void anchor_print(const struct book_record *record);

#endif
