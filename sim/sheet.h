/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SHEET_H
#define SIM_SHEET_H
/* Text that grows: a report, a story. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sheet {
    char *text; /* NUL-terminated once something was put. */
    size_t size, capacity;
};

void sheet_free(struct sheet *sheet);

void sheet_put(struct sheet *sheet, const char *form, ...) __attribute__((format(printf, 2, 3)));

/* Text between tags or in an attribute of HTML; a string of JSON with its quotes. */
void sheet_html(struct sheet *sheet, const char *text);
void sheet_json(struct sheet *sheet, const char *text);

/* A number in three digits or so: 950, 1.2 k, 34 M. */
void sheet_short(double number, char text[16]);

/* Writes all of it; - is standard output. False after saying why not. */
bool sheet_write(const struct sheet *sheet, const char *path);

#endif
