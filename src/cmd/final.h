/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_FINAL_H
#define CMD_FINAL_H
/* What a policy file makes of a checkpoint, said with its reasons. */
#include "cmd/shelf.h"
#include "tally/policy.h"
#include <jansson.h>

/* A policy that was read; views in it lie in `bytes`. */
struct final {
    struct call *call;
    const char *path;
    uint8_t *bytes;
    struct tally_policy *policy;
};

/* Reads a file. False: it was said why, and *code is the exit code. */
bool final_open(struct final *final, struct call *call, const char *path, enum exit_code *code);
void final_close(struct final *final);

/* The policy that --policy names, else the file `policy` of the data directory; path NULL if there
   is neither. */
bool final_of(struct final *final, struct call *call, const char *data, enum exit_code *code);

/* «final because ...», or what is missing: one sentence. */
void final_sentence(const struct tally_policy *policy, const struct tally_finality *finality,
                    char *text, size_t size);

/* The same for programs. */
json_t *final_object(const struct final *final, const struct tally_finality *finality);

/* DONE, POLICY (7) or UNVERIFIED (5). */
enum exit_code final_code(const struct tally_finality *finality);

#endif
