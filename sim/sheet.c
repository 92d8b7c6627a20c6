/* SPDX-License-Identifier: Apache-2.0 */
#include "sheet.h"
#include "memory.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void sheet_free(struct sheet *sheet)
{
    memory_free(sheet->text);
    memset(sheet, 0, sizeof *sheet);
}

void sheet_put(struct sheet *sheet, const char *form, ...)
{
    va_list arguments, again;
    va_start(arguments, form);
    va_copy(again, arguments);
    int more = vsnprintf(NULL, 0, form, arguments);
    va_end(arguments);
    if (more > 0) {
        size_t room = (size_t)more + 1;
        sheet->text = memory_room(sheet->text, &sheet->capacity, sheet->size + room, 1);
        vsnprintf(sheet->text + sheet->size, room, form, again);
        sheet->size += (size_t)more;
    }
    va_end(again);
}

void sheet_html(struct sheet *sheet, const char *text)
{
    for (; *text != '\0'; text++)
        switch (*text) {
        case '&':
            sheet_put(sheet, "&amp;");
            break;
        case '<':
            sheet_put(sheet, "&lt;");
            break;
        case '>':
            sheet_put(sheet, "&gt;");
            break;
        case '"':
            sheet_put(sheet, "&quot;");
            break;
        default:
            sheet_put(sheet, "%c", *text);
            break;
        }
}

void sheet_json(struct sheet *sheet, const char *text)
{
    sheet_put(sheet, "\"");
    for (; *text != '\0'; text++)
        if (*text == '"' || *text == '\\')
            sheet_put(sheet, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            sheet_put(sheet, "\\u%04x", (unsigned)*text);
        else
            sheet_put(sheet, "%c", *text);
    sheet_put(sheet, "\"");
}

void sheet_short(double number, char text[16])
{
    static const char *const units[] = {"", " k", " M", " G", " T"};
    size_t unit = 0;
    while (number >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
        number /= 1000;
        unit++;
    }
    bool whole = number >= 99.5 || number == (double)(long)number;
    snprintf(text, 16, whole ? "%.0f%s" : number < 9.95 ? "%.2g%s" : "%.3g%s", number, units[unit]);
}

bool sheet_write(const struct sheet *sheet, const char *path)
{
    bool out = strcmp(path, "-") == 0;
    FILE *file = out ? stdout : fopen(path, "wb");
    bool good = file != NULL;
    if (good && sheet->size > 0)
        good = fwrite(sheet->text, 1, sheet->size, file) == sheet->size;
    if (file != NULL)
        good &= (out ? fflush(file) : fclose(file)) == 0;
    if (!good)
        fprintf(stderr, "tally-sim: cannot write %s: %s\n", path, strerror(errno));
    return good;
}
