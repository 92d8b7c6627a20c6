/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/grid.h"

#include "cmd/print.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { GAP = 2, SHRUNK = 14 }; /* Between columns; what is left of a long cell. */

struct grid {
    const struct grid_column *columns;
    size_t column_count;
    char **cells; /* Row after row. */
    size_t count, capacity;
};

struct grid *grid_new(const struct grid_column *columns, size_t count)
{
    assert(count <= TABLE_COLUMNS_MAX);
    struct grid *grid = calloc(1, sizeof *grid);
    if (grid != NULL)
        *grid = (struct grid){.columns = columns, .column_count = count};
    return grid;
}

static char *escaped(const char *text)
{
    char *copy = NULL;
    size_t size;
    FILE *file = open_memstream(&copy, &size);
    if (file == NULL)
        return NULL;
    print_escaped(file, text, strlen(text));
    return fclose(file) == 0 ? copy : NULL;
}

void grid_add(struct grid *grid, const char *const *cells)
{
    if (grid == NULL)
        return;
    if (grid->count + grid->column_count > grid->capacity) {
        size_t capacity = grid->capacity * 2 + 16 * grid->column_count;
        char **larger = realloc(grid->cells, capacity * sizeof *larger);
        if (larger == NULL)
            return;
        grid->cells = larger;
        grid->capacity = capacity;
    }
    for (size_t i = 0; i < grid->column_count; i++)
        grid->cells[grid->count++] = escaped(cells[i]);
}

static const char *cell(const struct grid *grid, size_t row, size_t column)
{
    const char *text = grid->cells[row * grid->column_count + column];
    return text == NULL ? "" : text;
}

static size_t row_count(const struct grid *grid)
{
    return grid->count / grid->column_count;
}

/* Letters, not bytes, as long as nobody combines them. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static size_t terminal_width(void)
{
    struct winsize window;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0)
        return window.ws_col;
    return SIZE_MAX;
}

/* Columns without any cell are left out: width 0. */
static void measure(const struct grid *grid, size_t widths[TABLE_COLUMNS_MAX])
{
    size_t all = 0, room = terminal_width();
    for (size_t i = 0; i < grid->column_count; i++) {
        widths[i] = 0;
        for (size_t row = 0; row < row_count(grid); row++) {
            size_t width = width_of(cell(grid, row, i));
            widths[i] = width > widths[i] ? width : widths[i];
        }
        size_t title = strlen(grid->columns[i].title);
        if (widths[i] > 0 && widths[i] < title)
            widths[i] = title;
        all += widths[i] > 0 ? widths[i] + GAP : 0;
    }
    for (size_t i = 0; i < grid->column_count && all > room + GAP; i++)
        if (grid->columns[i].shrinks && widths[i] > SHRUNK) {
            all -= widths[i] - SHRUNK;
            widths[i] = SHRUNK;
        }
}

/* What is told apart stands at the end of peer ids, and of addresses too. */
static void print_cell(const char *text, size_t width, bool shrinks, bool last)
{
    size_t size = width_of(text);
    if (shrinks && size > width)
        (void)printf("%.4s..%s", text, text + strlen(text) - (width - 6));
    else
        (void)printf("%s", text);
    for (; !last && size < width + GAP; size++)
        (void)fputc(' ', stdout);
    if (!last && shrinks && width_of(text) > width)
        (void)printf("%*s", GAP, "");
}

static size_t last_of(const struct grid *grid, const size_t *widths)
{
    size_t last = 0;
    for (size_t i = 0; i < grid->column_count; i++)
        last = widths[i] > 0 ? i : last;
    return last;
}

static void print_columns(const struct grid *grid)
{
    size_t widths[TABLE_COLUMNS_MAX];
    measure(grid, widths);
    size_t last = last_of(grid, widths);
    for (size_t row = 0; row <= row_count(grid); row++) {
        for (size_t i = 0; i < grid->column_count; i++) {
            const char *text = row == 0 ? grid->columns[i].title : cell(grid, row - 1, i);
            if (widths[i] > 0)
                print_cell(text, widths[i], grid->columns[i].shrinks && row > 0, i == last);
        }
        (void)fputc('\n', stdout);
    }
}

static void print_lines(const struct grid *grid)
{
    for (size_t row = 0; row < row_count(grid); row++)
        for (size_t i = 0; i < grid->column_count; i++) {
            const char *text = cell(grid, row, i);
            (void)printf("%s%c", text[0] == '\0' ? "-" : text,
                         i + 1 == grid->column_count ? '\n' : '\t');
        }
}

void grid_print(struct grid *grid)
{
    if (grid == NULL)
        return;
    if (isatty(STDOUT_FILENO) != 1)
        print_lines(grid);
    else if (grid->count > 0)
        print_columns(grid);
    for (size_t i = 0; i < grid->count; i++)
        free(grid->cells[i]);
    free(grid->cells);
    free(grid);
}
