/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_PLOT_H
#define SIM_PLOT_H
/* Plots as SVG, drawn by us: a frame with axes, and what is put into it. Colours are classes of the
   page's style sheet: s1 .. s6 are series, m0 .. m4 kinds of marks. */
#include "sheet.h"

struct plot {
    struct sheet *sheet;
    double height; /* Of the inside, in units of the picture, which is PLOT_WIDTH wide. */
    double x_most, y_most;
    const char *x_unit, *y_unit;
    bool no_y_axis;
};

enum { PLOT_WIDTH = 960, PLOT_LEFT = 64, PLOT_RIGHT = 14, PLOT_TOP = 20, PLOT_BOTTOM = 30 };

/* The places of a value in the picture. */
double plot_x(const struct plot *plot, double x);
double plot_y(const struct plot *plot, double y);

/* A round number at or above that: 1, 1.5, 2, 2.5, 3, 4, 5, 6 or 8 times a power of ten. */
double plot_round(double number);

/* `label` says in words what is seen, for those who do not see it. */
void plot_begin(const struct plot *plot, const char *label);
void plot_end(const struct plot *plot);

/* A line through points; the area between two lines over the same x. */
void plot_line(const struct plot *plot, const char *kind, const double *x, const double *y,
               size_t count);
void plot_area(const struct plot *plot, const char *kind, const double *x, const double *low,
               const double *high, size_t count);

/* A mark on the time axis: a triangle on top with words for the pointer, and a line to the bottom
   if it matters that much. */
void plot_mark(const struct plot *plot, double x, unsigned kind, bool line, const char *text);

/* A time that lasted. */
void plot_band(const struct plot *plot, double from, double to, const char *text);

#endif
