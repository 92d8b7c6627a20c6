/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *title, *meaning, *remedy;
} table[] = {
#define X(name, title, meaning, remedy) {"E_" #name, title, meaning, remedy},
    FINDINGS(X)
#undef X
};

struct finding *findings_add(struct findings *findings, enum finding_code code, bool urgent,
                             const char *format, ...)
{
    if (findings->count == FINDINGS_MAX)
        return NULL;
    struct finding *finding = &findings->list[findings->count++];
    va_list arguments;
    finding->code = code;
    finding->urgent = urgent;
    va_start(arguments, format);
    (void)vsnprintf(finding->sentence, sizeof finding->sentence, format, arguments);
    va_end(arguments);
    (void)snprintf(finding->remedy, sizeof finding->remedy, "%s", table[code].remedy);
    return finding;
}

size_t findings_urgent(const struct findings *findings)
{
    size_t count = 0;
    for (size_t i = 0; i < findings->count; i++)
        count += findings->list[i].urgent;
    return count;
}

const struct finding *findings_find(const struct findings *findings, enum finding_code code)
{
    for (size_t i = 0; i < findings->count; i++)
        if (findings->list[i].code == code)
            return &findings->list[i];
    return NULL;
}

const char *finding_name(enum finding_code code)
{
    return table[code].name;
}

bool finding_read(const char *name, enum finding_code *code)
{
    for (size_t i = 0; i < FINDING_CODES; i++)
        if (strcmp(table[i].name, name) == 0) {
            *code = (enum finding_code)i;
            return true;
        }
    return false;
}

const char *finding_title(enum finding_code code)
{
    return table[code].title;
}

const char *finding_meaning(enum finding_code code)
{
    return table[code].meaning;
}

const char *finding_remedy(enum finding_code code)
{
    return table[code].remedy;
}
