/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario_words.h"
#include "core/base/bytes.h"
#include "core/base/utf8.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void words_split(struct words *words, char *line)
{
    words->count = words->at = 0;
    char *comment = strchr(line, '#');
    if (comment != NULL)
        *comment = '\0';
    char *rest = NULL;
    for (char *word = strtok_r(line, " \t\r", &rest); word != NULL;
         word = strtok_r(NULL, " \t\r", &rest)) {
        if (words->count == WORDS_MAX) {
            words_fail(words, "more than %d words in a line", WORDS_MAX);
            return;
        }
        words->words[words->count++] = word;
    }
}

/* What is no story at all is not for a terminal. */
static void printable(char *text)
{
    for (char *at = text; *at != '\0';) {
        uint32_t code;
        size_t size = utf8_read(bytes_text(at), &code);
        if (size == 0 || code < ' ' || (code > '~' && code < 0xa0)) {
            *at = '?';
            size = 1;
        }
        at += size;
    }
}

bool words_fail(struct words *words, const char *form, ...)
{
    if (words->failed)
        return false;
    words->failed = true;
    int head = snprintf(words->message, words->message_size, "%s:%" PRIu32 ": ", words->name,
                        words->number);
    if (head < 0 || (size_t)head >= words->message_size)
        return false;
    va_list arguments;
    va_start(arguments, form);
    vsnprintf(words->message + head, words->message_size - (size_t)head, form, arguments);
    va_end(arguments);
    printable(words->message + head);
    return false;
}

bool words_left(const struct words *words)
{
    return words->at < words->count;
}

const char *words_peek(const struct words *words)
{
    return words_left(words) ? words->words[words->at] : "";
}

const char *words_next(struct words *words)
{
    return words_left(words) ? words->words[words->at++] : "";
}

bool words_take(struct words *words, const char *word)
{
    if (strcmp(words_peek(words), word) != 0 || !words_left(words))
        return false;
    words->at++;
    return true;
}

/* Digits up to `end` (or the end of the text); false if it is anything else or above 2^62. */
static bool digits(const char *text, const char *end, uint64_t *number)
{
    if (text == end || *text == '\0')
        return false;
    for (*number = 0; text != end && *text != '\0'; text++) {
        if (!isdigit((unsigned char)*text) || *number > UINT64_C(1) << 58)
            return false;
        *number = *number * 10 + (uint64_t)(*text - '0');
    }
    return true;
}

uint64_t words_number(struct words *words, const char *what, uint64_t least, uint64_t most)
{
    const char *word = words_next(words);
    uint64_t number = least;
    if (!digits(word, NULL, &number) || number < least || number > most)
        words_fail(words, "\"%s\" is not %s: a number from %" PRIu64 " to %" PRIu64, word, what,
                   least, most);
    return number;
}

struct range words_range(struct words *words, const char *what, uint32_t most)
{
    const char *word = words_next(words), *dots = strstr(word, "..");
    uint64_t from = 0, to = 0;
    bool good = digits(word, dots, &from);
    good = good && (dots == NULL ? (to = from, true) : digits(dots + 2, NULL, &to));
    if (!good || from > to || to > most)
        words_fail(words, "\"%s\" is not %s: A or A..B, at most %" PRIu32, word, what, most);
    return (struct range){(uint32_t)from, (uint32_t)to};
}

/* A decimal number with up to `places` digits behind the point, in units of 10^-places. */
static bool decimal(const char *word, unsigned places, int64_t *number)
{
    bool below = word[0] == '-';
    const char *text = word + below, *point = strchr(text, '.');
    uint64_t whole = 0, part = 0;
    if (!digits(text, point, &whole) || whole > 1000000000)
        return false;
    if (point != NULL && (strlen(point + 1) > places || !digits(point + 1, NULL, &part)))
        return false;
    size_t given = point != NULL ? strlen(point + 1) : 0;
    for (unsigned i = 0; i < places; i++) {
        whole *= 10;
        if (i >= given)
            part *= 10;
    }
    *number = (int64_t)(whole + part);
    if (below)
        *number = -*number;
    return true;
}

uint32_t words_percent(struct words *words, const char *what)
{
    const char *word = words_next(words);
    int64_t number = 0;
    if (!decimal(word, 3, &number) || number < 0 || number > 100 * PERCENT)
        words_fail(words, "\"%s\" is not %s: percent from 0 to 100", word, what);
    return (uint32_t)number;
}

int64_t words_seconds(struct words *words, const char *what)
{
    const char *word = words_next(words);
    int64_t number = 0;
    if (!decimal(word, 6, &number))
        words_fail(words, "\"%s\" is not %s: seconds, as 90 or 0.25", word, what);
    return number;
}

bool words_is_who(const struct words *words)
{
    const char *word = words_peek(words);
    return strcmp(word, "all") == 0 || (word[0] == 'n' && isdigit((unsigned char)word[1]));
}

struct range words_who(struct words *words)
{
    struct range who = {0, 0};
    if (words->nodes == 0) {
        words_fail(words, "say \"nodes N\" before naming nodes");
        return who;
    }
    const char *word = words_next(words);
    if (strcmp(word, "all") == 0)
        return (struct range){0, words->nodes - 1};
    const char *dots = strstr(word, "..");
    uint64_t from = 0, to = 0;
    bool good = word[0] == 'n' && digits(word + 1, dots, &from);
    if (good && dots != NULL)
        good = dots[2] == 'n' && digits(dots + 3, NULL, &to);
    else
        to = from;
    if (!good || from == 0 || from > to)
        words_fail(words, "\"%s\" names no nodes: n1, n1..n4 or all", word);
    else if (to > words->nodes)
        words_fail(words, "there is no node n%" PRIu64 ": this story has %" PRIu32, to,
                   words->nodes);
    return (struct range){(uint32_t)(from - 1), (uint32_t)(to - 1)};
}
