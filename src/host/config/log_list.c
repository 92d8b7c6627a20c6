/* SPDX-License-Identifier: Apache-2.0 */
#include "host/config/log_list.h"

#include "core/base/bytes.h"
#include "core/log/lines.h"

#include <string.h>

static enum tally_error wrong(struct complaint *complaint, const char *path, size_t line,
                              const char *what)
{
    return complain(complaint, TALLY_MALFORMED, "%.1000s:%zu: %s", path, line, what);
}

static bool origin_set(struct log_list *list, struct tally_bytes origin)
{
    char *text = list->origins[list->count - 1];
    if (origin.size == 0 || origin.size > TALLY_ORIGIN_MAX)
        return false;
    memcpy(text, origin.data, origin.size);
    text[origin.size] = '\0';
    list->list[list->count - 1].origin = text;
    return true;
}

/* One line; NULL, or what is wrong with it. */
static const char *take(struct log_list *list, struct tally_bytes line, size_t begin)
{
    if (line.size == 0 || line.data[0] == '#' || lines_take_text(&line, "qpd ") ||
        lines_take_text(&line, "contact "))
        return NULL;
    if (lines_take_text(&line, "vkey ")) {
        if (list->count == LOG_LIST_MAX)
            return "more logs than a node takes from lists: 256";
        struct tally_foreign_log *log = &list->list[list->count];
        if (!tally_vkey_read(line, &log->vkey) || log->vkey.type != TALLY_VKEY_LOG)
            return "this is no vkey of type 01 (name+id+base64)";
        list->count++;
        return origin_set(list, bytes_text(log->vkey.name)) ? NULL : "the key's name is too long";
    }
    if (lines_take_text(&line, "origin "))
        return list->count > begin && origin_set(list, line)
                   ? NULL
                   : "an origin belongs to the vkey above it, and has 1 to 255 bytes";
    return "the line begins with none of vkey, origin, qpd, contact";
}

enum tally_error log_list_read(struct log_list *list, const char *path, struct tally_bytes text,
                               struct complaint *complaint)
{
    struct tally_bytes line;
    size_t number = 1, begin = list->count;
    if (!lines_take(&text, &line) || !bytes_equal(line, bytes_text("logs/v0")))
        return wrong(complaint, path, number, "a list of logs begins with the line logs/v0");
    while (text.size > 0) {
        number++;
        if (!lines_take(&text, &line)) {
            line = text;
            text = bytes_of(NULL, 0);
        }
        const char *fault = take(list, line, begin);
        if (fault != NULL)
            return wrong(complaint, path, number, fault);
    }
    return TALLY_OK;
}
