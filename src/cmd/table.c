/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/table.h"

#include "cmd/print.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { GAP = 2, SHRUNK = 14 }; /* Between columns; what is left of a long cell. */

struct table {
    const struct table_column *columns;
    size_t column_count;
    char **cells; /* Row after row. */
    size_t count, capacity;
};

struct table *table_new(const struct table_column *columns, size_t count)
{
    assert(count <= TABLE_COLUMNS_MAX);
    struct table *table = calloc(1, sizeof *table);
    if (table != NULL)
        *table = (struct table){.columns = columns, .column_count = count};
    return table;
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

void table_add(struct table *table, const char *const *cells)
{
    if (table == NULL)
        return;
    if (table->count + table->column_count > table->capacity) {
        size_t capacity = table->capacity * 2 + 16 * table->column_count;
        char **larger = realloc(table->cells, capacity * sizeof *larger);
        if (larger == NULL)
            return;
        table->cells = larger;
        table->capacity = capacity;
    }
    for (size_t i = 0; i < table->column_count; i++)
        table->cells[table->count++] = escaped(cells[i]);
}

static const char *cell(const struct table *table, size_t row, size_t column)
{
    const char *text = table->cells[row * table->column_count + column];
    return text == NULL ? "" : text;
}

static size_t row_count(const struct table *table)
{
    return table->count / table->column_count;
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
static void measure(const struct table *table, size_t widths[TABLE_COLUMNS_MAX])
{
    size_t all = 0, room = terminal_width();
    for (size_t i = 0; i < table->column_count; i++) {
        widths[i] = 0;
        for (size_t row = 0; row < row_count(table); row++) {
            size_t width = width_of(cell(table, row, i));
            widths[i] = width > widths[i] ? width : widths[i];
        }
        size_t title = strlen(table->columns[i].title);
        if (widths[i] > 0 && widths[i] < title)
            widths[i] = title;
        all += widths[i] > 0 ? widths[i] + GAP : 0;
    }
    for (size_t i = 0; i < table->column_count && all > room + GAP; i++)
        if (table->columns[i].shrinks && widths[i] > SHRUNK) {
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

static size_t last_of(const struct table *table, const size_t *widths)
{
    size_t last = 0;
    for (size_t i = 0; i < table->column_count; i++)
        last = widths[i] > 0 ? i : last;
    return last;
}

static void print_columns(const struct table *table)
{
    size_t widths[TABLE_COLUMNS_MAX];
    measure(table, widths);
    size_t last = last_of(table, widths);
    for (size_t row = 0; row <= row_count(table); row++) {
        for (size_t i = 0; i < table->column_count; i++) {
            const char *text = row == 0 ? table->columns[i].title : cell(table, row - 1, i);
            if (widths[i] > 0)
                print_cell(text, widths[i], table->columns[i].shrinks && row > 0, i == last);
        }
        (void)fputc('\n', stdout);
    }
}

static void print_lines(const struct table *table)
{
    for (size_t row = 0; row < row_count(table); row++)
        for (size_t i = 0; i < table->column_count; i++) {
            const char *text = cell(table, row, i);
            (void)printf("%s%c", text[0] == '\0' ? "-" : text,
                         i + 1 == table->column_count ? '\n' : '\t');
        }
}

void table_print(struct table *table)
{
    if (table == NULL)
        return;
    if (isatty(STDOUT_FILENO) != 1)
        print_lines(table);
    else if (table->count > 0)
        print_columns(table);
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
    free(table);
}
