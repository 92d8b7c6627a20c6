/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H
/* The figures of a run, told: as lines, as JSON, as one page. */
#include "figures.h"
#include "sheet.h"

/* A run that is over, and what is told of it. */
struct report {
    const char *name;
    const struct scenario *scenario;
    const struct story_end *end;
    const struct figures *figures; /* NULL: none were gathered. */
    const char *text;              /* The story, as it was read; "" unknown. */
    double seconds; /* Of our time; never in JSON or page: equal runs, equal bytes. */
};

void report_verdict(const struct report *report, struct sheet *sheet);
void report_text(const struct report *report, struct sheet *sheet);
void report_json(const struct report *report, struct sheet *sheet);
/* Self-contained: no script, nothing from elsewhere, light and dark. */
void report_html(const struct report *report, struct sheet *sheet);

/* Bytes each node sent, ascending, with the second face's added to its node; the caller frees. */
uint64_t *report_sent(const struct figures *figures);

#endif
