/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_REPORT_PLOTS_H
#define SIM_REPORT_PLOTS_H
/* The pictures of the page, each with its title and legend. */
#include "report.h"

void report_plot_held(const struct report *report, struct sheet *sheet);
void report_plot_links(const struct report *report, struct sheet *sheet);
void report_plot_bytes(const struct report *report, struct sheet *sheet);
void report_plot_drops(const struct report *report, struct sheet *sheet);
void report_plot_coverage(const struct report *report, struct sheet *sheet);

#endif
