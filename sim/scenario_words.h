/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SCENARIO_WORDS_H
#define SIM_SCENARIO_WORDS_H
/* Words of one line of a story, and what they may stand for. The first thing that is wrong is kept
   as a sentence; what is read after it means nothing. */
#include "scenario.h"

enum { WORDS_MAX = 1100 }; /* A partition names an island for each of up to 1,024 nodes. */

struct words {
    const char *name; /* Of the file. */
    uint32_t number;  /* Of the line. */
    uint32_t nodes;   /* 0: not said yet. */
    char *words[WORDS_MAX];
    size_t count, at;
    bool failed;
    char *message;
    size_t message_size;
};

/* Cuts a line, which it changes, into words; a # and what follows is no word. */
void words_split(struct words *words, char *line);

/* Keeps the sentence, if it is the first. Returns false. */
bool words_fail(struct words *words, const char *form, ...) __attribute__((format(printf, 2, 3)));

bool words_left(const struct words *words);

/* The next word, "" at the end of the line. peek leaves it there. */
const char *words_peek(const struct words *words);
const char *words_next(struct words *words);

/* Takes the next word if it is this one. */
bool words_take(struct words *words, const char *word);

/* Each reads one word or fails, saying what it should be. */
uint64_t words_number(struct words *words, const char *what, uint64_t least, uint64_t most);
struct range words_range(struct words *words, const char *what, uint32_t most);
uint32_t words_percent(struct words *words, const char *what); /* In thousandths. */
int64_t words_seconds(struct words *words, const char *what);  /* In microseconds, may be < 0. */
struct range words_who(struct words *words);                   /* Slots. */

/* Whether the next word names nodes: n1, n1..n4, all. */
bool words_is_who(const struct words *words);

#endif
