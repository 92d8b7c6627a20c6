/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_GRID_H
#define CMD_GRID_H
/*
 * Rows for people and for programs without JSON: on a terminal columns under their titles, as wide
 * as they must be; elsewhere a line a row, cells with a tab between, "-" for an empty one.
 */
#include <stdbool.h>
#include <stddef.h>

enum { TABLE_COLUMNS_MAX = 12 };

struct grid_column {
    const char *title;
    bool shrinks; /* Its middle may be left out where a row does not fit the terminal. */
};

struct grid;

/* The columns must outlive the table. NULL without memory. */
struct grid *grid_new(const struct grid_column *columns, size_t count);

/* A row; cells are copied, and escaped: strangers wrote some of them. */
void grid_add(struct grid *grid, const char *const *cells);

/* To standard output; and its end. */
void grid_print(struct grid *grid);

#endif
