/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_TABLE_H
#define CMD_TABLE_H
/*
 * Rows for people and for programs without JSON: on a terminal columns under their titles, as wide
 * as they must be; elsewhere a line a row, cells with a tab between, "-" for an empty one.
 */
#include <stdbool.h>
#include <stddef.h>

enum { TABLE_COLUMNS_MAX = 12 };

struct table_column {
    const char *title;
    bool shrinks; /* Its middle may be left out where a row does not fit the terminal. */
};

struct table;

/* The columns must outlive the table. NULL without memory. */
struct table *table_new(const struct table_column *columns, size_t count);

/* A row; cells are copied, and escaped: strangers wrote some of them. */
void table_add(struct table *table, const char *const *cells);

/* To standard output; and its end. */
void table_print(struct table *table);

#endif
