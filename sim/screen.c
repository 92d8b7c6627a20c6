/* SPDX-License-Identifier: Apache-2.0 */
#include "screen.h"
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct termios before;
static volatile sig_atomic_t taken, ended_by, suspended;

/* The alternate screen, no cursor; and back. */
static const char enter[] = "\033[?1049h\033[?25l\033[2J";
static const char leave[] = "\033[0m\033[?25h\033[?1049l";

static void put(const char *text, size_t size)
{
    while (size > 0) {
        ssize_t done = write(STDOUT_FILENO, text, size);
        if (done <= 0)
            return;
        text += done;
        size -= (size_t)done;
    }
}

/* Only what a handler may call. */
static void give_back(void)
{
    if (taken == 0)
        return;
    taken = 0;
    put(leave, sizeof leave - 1);
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

static void on_end(int number)
{
    ended_by = number;
}

static void on_suspend(int number)
{
    suspended = number;
}

static void on_resize(int number)
{
    (void)number;
}

/* A bug stops the program: its sentence is to be read. */
static void on_bug(int number)
{
    give_back();
    signal(number, SIG_DFL);
    raise(number);
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

bool screen_there(void)
{
    const char *term = getenv("TERM");
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term != NULL &&
           strcmp(term, "dumb") != 0;
}

static bool says_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (unsigned i = 0; i < 3; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0')
            return strcasestr(value, "utf-8") != NULL || strcasestr(value, "utf8") != NULL;
    }
    return false;
}

static void measure(struct screen *screen)
{
    struct winsize size;
    screen->rows = 24;
    screen->columns = 80;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
        screen->rows = size.ws_row;
        screen->columns = size.ws_col;
    }
}

static void take(void)
{
    struct termios raw;
    tcgetattr(STDIN_FILENO, &before);
    raw = before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    taken = 1;
    put(enter, sizeof enter - 1);
}

void screen_open(struct screen *screen)
{
    const char *no_colour = getenv("NO_COLOR");
    screen->colours = no_colour == NULL || no_colour[0] == '\0';
    screen->utf8 = says_utf8();
    measure(screen);
    take();
    handle(SIGINT, on_end);
    handle(SIGTERM, on_end);
    handle(SIGHUP, on_end);
    handle(SIGTSTP, on_suspend);
    handle(SIGWINCH, on_resize);
    handle(SIGABRT, on_bug);
    handle(SIGSEGV, on_bug);
    handle(SIGBUS, on_bug);
}

void screen_close(void)
{
    give_back();
}

int screen_signal(void)
{
    return ended_by;
}

int screen_key(struct screen *screen, int wait_ms)
{
    unsigned char key = 0;
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    int count = ended_by == 0 ? poll(&in, 1, wait_ms) : 0;
    if (suspended != 0) {
        suspended = 0;
        give_back();
        raise(SIGSTOP);
        take();
    }
    measure(screen);
    if (ended_by != 0)
        return 'q';
    if (count > 0 && read(STDIN_FILENO, &key, 1) <= 0)
        return 'q'; /* The terminal is gone. */
    return key;
}
