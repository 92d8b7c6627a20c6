/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SHRINK_TEXT_H
#define SIM_SHRINK_TEXT_H
/* Stories made smaller, as text. Each function gives new text, for memory_free, or NULL if there is
   nothing of that kind to be made smaller. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One line a line, without comments and empty ones. */
char *shrink_bare(const char *text);

/* Only the lines that are kept, of `count`. */
char *shrink_keep(const char *text, const bool *kept, size_t count);

/* Without a node, counted from 1: lines that are of it alone are left out, and those after it are
   called one less. */
char *shrink_node(const char *text, uint32_t node);

/* Without the nodes from `first` to before `end`, counted from 1, as far as each can go. */
char *shrink_nodes(const char *text, uint32_t first, uint32_t end);

/* The same under another seed of its world; NULL: it has that one. */
char *shrink_seed(const char *text, uint64_t seed);

/* The n-th number that may be smaller (counts of append, lie and suspend), 1 or halved. */
char *shrink_count(const char *text, size_t n, bool half);

/* The n-th option that may go: of a link on all lines at once; "in" and "size" of an append. */
char *shrink_option(const char *text, size_t n);

/* The n-th pause between lines with a time, one second or halved; all that comes later, sooner. */
char *shrink_pause(const char *text, size_t n, bool half);

/* Whether two sentences are the same but for the words in which there are digits: who, how many, of
   which log. */
bool shrink_sentence(const char *a, const char *b);

#endif
