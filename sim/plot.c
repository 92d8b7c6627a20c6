/* SPDX-License-Identifier: Apache-2.0 */
#include "plot.h"
#include <stdio.h>

enum { TICKS = 8 };

double plot_x(const struct plot *plot, double x)
{
    return PLOT_LEFT + x / plot->x_most * (PLOT_WIDTH - PLOT_LEFT - PLOT_RIGHT);
}

double plot_y(const struct plot *plot, double y)
{
    return PLOT_TOP + (1 - y / plot->y_most) * plot->height;
}

double plot_round(double number)
{
    double power = 1e-6;
    if (number <= power)
        return 1;
    while (power * 10 <= number)
        power *= 10;
    static const double steps[] = {1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10};
    size_t step = 0;
    while (number > steps[step] * power * 1.000001 && steps[step] < 10)
        step++;
    return steps[step] * power;
}

/* 1, 2 or 5 times a power of ten. */
static double tick_step(double number)
{
    double round = plot_round(number), power = 1e-6;
    while (power * 10 <= round)
        power *= 10;
    double step = round / power;
    return power * (step <= 1 ? 1 : step <= 2 ? 2 : step <= 5 ? 5 : 10);
}

/* Seconds as they are, other numbers short. */
static void put_tick(const struct plot *plot, double number, const char *unit, const char *where)
{
    char text[16];
    sheet_short(number, text);
    if (number < 99.5 || number >= 99999.5)
        sheet_put(plot->sheet, "<text %s>%s%s</text>", where, text, unit);
    else
        sheet_put(plot->sheet, "<text %s>%.0f%s</text>", where, number, unit);
}

static void put_axes(const struct plot *plot)
{
    char where[96];
    double bottom = PLOT_TOP + plot->height;
    double step = tick_step(plot->x_most / TICKS);
    for (double x = 0; x <= plot->x_most * 1.0001; x += step) {
        double at = plot_x(plot, x);
        sheet_put(plot->sheet, "<path class=\"g\" d=\"M%.1f %.1fv4\"/>", at, bottom);
        snprintf(where, sizeof where, "class=\"t\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\"",
                 at, bottom + 18);
        put_tick(plot, x, plot->x_unit, where);
    }
    for (unsigned i = 0; i <= 2 && !plot->no_y_axis; i++) {
        double y = plot->y_most * i / 2, at = plot_y(plot, y);
        char text[16];
        sheet_put(plot->sheet, "<path class=\"g\" d=\"M%d %.1fH%d\"/>", PLOT_LEFT, at,
                  PLOT_WIDTH - PLOT_RIGHT);
        sheet_short(y, text);
        sheet_put(plot->sheet,
                  "<text class=\"t\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s%s</text>",
                  PLOT_LEFT - 8, at + 4, text, i > 0 ? plot->y_unit : "");
    }
    sheet_put(plot->sheet, "<path class=\"a\" d=\"M%d %.1fH%d\"/>\n", PLOT_LEFT, bottom,
              PLOT_WIDTH - PLOT_RIGHT);
}

void plot_begin(const struct plot *plot, const char *label)
{
    sheet_put(plot->sheet, "<svg viewBox=\"0 0 %d %.0f\" role=\"img\" aria-label=\"", PLOT_WIDTH,
              PLOT_TOP + plot->height + PLOT_BOTTOM);
    sheet_html(plot->sheet, label);
    sheet_put(plot->sheet, "\">\n");
    put_axes(plot);
}

void plot_end(const struct plot *plot)
{
    sheet_put(plot->sheet, "</svg>\n");
}

static void put_points(const struct plot *plot, const double *x, const double *y, size_t count,
                       bool back)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = back ? count - 1 - i : i;
        sheet_put(plot->sheet, "%.1f %.1f ", plot_x(plot, x[at]), plot_y(plot, y[at]));
    }
}

void plot_line(const struct plot *plot, const char *kind, const double *x, const double *y,
               size_t count)
{
    sheet_put(plot->sheet, "<polyline class=\"l %s\" points=\"", kind);
    put_points(plot, x, y, count, false);
    sheet_put(plot->sheet, "\"/>\n");
}

void plot_area(const struct plot *plot, const char *kind, const double *x, const double *low,
               const double *high, size_t count)
{
    sheet_put(plot->sheet, "<polygon class=\"f %s\" points=\"", kind);
    put_points(plot, x, high, count, false);
    put_points(plot, x, low, count, true);
    sheet_put(plot->sheet, "\"/>\n");
}

void plot_mark(const struct plot *plot, double x, unsigned kind, bool line, const char *text)
{
    double at = plot_x(plot, x);
    sheet_put(plot->sheet, "<g class=\"m%u\">", kind);
    if (line)
        sheet_put(plot->sheet, "<path class=\"ml\" d=\"M%.1f %dv%.1f\"/>", at, PLOT_TOP - 6,
                  plot->height + 6);
    sheet_put(plot->sheet, "<path class=\"mt\" d=\"M%.1f %dh8l-4 7z\"/><title>", at - 4,
              PLOT_TOP - 14);
    sheet_html(plot->sheet, text);
    sheet_put(plot->sheet, "</title></g>\n");
}

void plot_band(const struct plot *plot, double from, double to, const char *text)
{
    sheet_put(plot->sheet, "<path class=\"band\" d=\"M%.1f %dH%.1fv%.1fH%.1fz\"><title>",
              plot_x(plot, from), PLOT_TOP - 6, plot_x(plot, to), plot->height + 6,
              plot_x(plot, from));
    sheet_html(plot->sheet, text);
    sheet_put(plot->sheet, "</title></path>\n");
}
