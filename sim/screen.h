/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SCREEN_H
#define SIM_SCREEN_H
/* A terminal that is drawn on as a whole, and given back as it was: at the end, on signals, and
   when the program stops itself. Plain ANSI (ECMA-48) sequences. */
#include <stdbool.h>

struct screen {
    unsigned rows, columns; /* As it is now. */
    bool colours;           /* NO_COLOR is not set. */
    bool utf8;
};

/* Whether standard input and output are a terminal that can be drawn on. */
bool screen_there(void);

/* Takes the terminal, at most once at a time. */
void screen_open(struct screen *screen);
void screen_close(void);

/* The next key, or 0 if none came in so many milliseconds. A signal that ends the program is 'q',
   and screen_signal names it then. Returns after a change of size, too. */
int screen_key(struct screen *screen, int wait_ms);
int screen_signal(void);

#endif
