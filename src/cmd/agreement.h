/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_AGREEMENT_H
#define CMD_AGREEMENT_H
/* Proposals and agreements, as verbs find, read and show them. */
#include "cmd/trust.h"
#include <jansson.h>

/* ---- Terms as JSON (terms.c): the members' names are those of formats 5.2. ---- */

/* Texts of terms that were read, for as long as a statement views them. */
struct terms_text {
    json_t *root;
};

/* Reads a file over what is in `terms`: members that it leaves out stay. False: it was said why. */
bool terms_load(struct call *call, const char *path, struct tally_fed_terms *terms,
                struct terms_text *text, enum exit_code *code);
void terms_unload(struct terms_text *text);

/* "audit,drills" into scrolls; the words are views. */
bool terms_scrolls_read(struct call *call, const char *words, struct tally_fed_terms *terms,
                        enum exit_code *code);

/* The object; `scrolls` is the name of its list. */
json_t *terms_object(const struct tally_fed_terms *terms, const char *scrolls);
void terms_print(const struct tally_fed_terms *terms);

/* ---- What lies in the logs (agreement_find.c). ---- */

/* A statement of one of the two, as it lies in its issuer's log. */
struct said {
    uint8_t *body; /* To be freed. */
    struct fed_statement statement;
    struct shelf_receipt receipt;
};
bool said_read(const struct trust *trust, const struct tally_key *issuer, uint64_t index,
               struct said *said);
void said_free(struct said *said);

/* An offer: the last of one of the two. */
struct proposal {
    const struct agreement_pair *pair;
    bool ours;
    const struct offer *offer;
    enum tally_proposal_state state;
    struct said said;
};

/* The proposal of that place, ours before theirs; false past the last. */
bool proposal_at(const struct trust *trust, size_t index, struct proposal *proposal);

/* The one whose id begins with the word. False: it was said why. */
bool proposal_find(const struct trust *trust, struct call *call, const char *word,
                   struct proposal *proposal, enum exit_code *code);

struct agreement {
    const struct agreement_pair *pair;
    struct bond bond;
    struct said said, theirs;
};
bool agreement_at(const struct trust *trust, size_t index, struct agreement *agreement);
bool agreement_find(const struct trust *trust, struct call *call, const char *word,
                    struct agreement *agreement, enum exit_code *code);
void agreement_free(struct agreement *agreement);

#endif
