/* SPDX-License-Identifier: Apache-2.0 */
#include "shrink_text.h"
#include "memory.h"
#include "sheet.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 1100, TIMES = 512 };

char *shrink_bare(const char *text)
{
    struct sheet sheet = {0};
    sheet_put(&sheet, "%s", "");
    while (*text != '\0') {
        size_t size = strcspn(text, "\n"), bare = strcspn(text, "#\n");
        size_t first = strspn(text, " \t\r");
        while (bare > first && strchr(" \t\r", text[bare - 1]) != NULL)
            bare--;
        if (bare > first)
            sheet_put(&sheet, "%.*s\n", (int)(bare - first), text + first);
        text += size + (text[size] == '\n');
    }
    return sheet.text != NULL ? sheet.text : memory_new(1, 1);
}

char *shrink_keep(const char *text, const bool *kept, size_t count)
{
    char *out = memory_new(strlen(text) + 1, 1), *at = out;
    for (size_t i = 0; i < count && *text != '\0'; i++) {
        size_t size = strcspn(text, "\n") + 1;
        if (kept[i]) {
            memcpy(at, text, size);
            at += size;
        }
        text += size;
    }
    return out;
}

bool shrink_sentence(const char *a, const char *b)
{
    for (;;) {
        const char **each[] = {&a, &b};
        size_t sizes[2];
        for (unsigned i = 0; i < 2; i++)
            for (*each[i] += strspn(*each[i], " ");;) {
                sizes[i] = strcspn(*each[i], " ");
                if (strcspn(*each[i], "0123456789") >= sizes[i])
                    break;
                *each[i] += sizes[i] + strspn(*each[i] + sizes[i], " ");
            }
        if (sizes[0] != sizes[1] || memcmp(a, b, sizes[0]) != 0)
            return false;
        if (sizes[0] == 0)
            return true;
        a += sizes[0];
        b += sizes[1];
    }
}

/* ---- Words of a line. ---- */

struct tokens {
    char *copy;
    char *words[TOKENS];
    size_t count;
};

static const char *tokens_read(struct tokens *tokens, const char *line)
{
    size_t size = strcspn(line, "\n");
    tokens->copy = memory_new(size + 1, 1);
    memcpy(tokens->copy, line, size);
    tokens->count = 0;
    for (char *rest = tokens->copy, *word; (word = strsep(&rest, " \t")) != NULL;)
        if (*word != '\0' && tokens->count < TOKENS)
            tokens->words[tokens->count++] = word;
    return line + size + (line[size] == '\n');
}

/* The word of the action: behind the time. */
static size_t action_of(const struct tokens *tokens)
{
    size_t at = 0;
    if (strcmp(tokens->words[0], "at") == 0 || strcmp(tokens->words[0], "every") == 0)
        at = 2;
    if (at + 2 < tokens->count && strcmp(tokens->words[at], "until") == 0)
        at += 2;
    return at < tokens->count ? at : 0;
}

static void put_tokens(struct sheet *sheet, const struct tokens *tokens)
{
    for (size_t i = 0, any = 0; i < tokens->count; i++)
        if (tokens->words[i] != NULL)
            sheet_put(sheet, "%s%s", any++ > 0 ? " " : "", tokens->words[i]);
    sheet_put(sheet, "\n");
}

/* ---- One node less. ---- */

/* n3 or n1..n3 without a node; false if nobody is left. *out has room for 32. */
static bool who_without(const char *word, uint32_t node, char *out)
{
    uint32_t from, to;
    int used = 0;
    if (sscanf(word, "n%" SCNu32 "..n%" SCNu32 "%n", &from, &to, &used) != 2 ||
        word[used] != '\0') {
        from = to = (uint32_t)strtoul(word + 1, NULL, 10);
    }
    if (from == node && to == node)
        return false;
    from -= from > node;
    to -= to >= node;
    if (from == to)
        snprintf(out, 32, "n%" PRIu32, from);
    else
        snprintf(out, 32, "n%" PRIu32 "..n%" PRIu32, from, to);
    return true;
}

static bool is_who(const char *word)
{
    return word[0] == 'n' && word[1] >= '0' && word[1] <= '9';
}

/* It says whom nodes are told of. */
static bool tells(const char *verb)
{
    return strcmp(verb, "bootstrap") == 0 || strcmp(verb, "domain") == 0;
}

/* False: the line goes. `names` has room for as many words as there are. */
static bool line_without(struct tokens *tokens, uint32_t node, char (*names)[32])
{
    size_t action = action_of(tokens);
    const char *verb = tokens->words[action];
    bool list = tells(verb);
    bool named = false, left = false;
    if (strcmp(verb, "partition") == 0 && action + node < tokens->count)
        tokens->words[action + node] = NULL;
    for (size_t i = action; i < tokens->count; i++)
        if (tokens->words[i] != NULL && is_who(tokens->words[i])) {
            named = true;
            if (who_without(tokens->words[i], node, names[i])) {
                tokens->words[i] = names[i];
                left = true;
            } else if (list) {
                tokens->words[i] = NULL;
            } else {
                return false;
            }
        }
    return left || !named;
}

/* Whether nobody would be left outside, to be found by those behind boxes. */
static bool boxes_in(const struct tokens *tokens, uint32_t node)
{
    const char *last = tokens->words[1];
    return strcmp(tokens->words[0], "nat") == 0 && node == 1 && tokens->count > 1 &&
           strncmp(last, "n2", 2) == 0 && (last[2] == '\0' || last[2] == '.');
}

/* Whether others are brought to where that node is. */
static bool moved_to(const struct tokens *tokens, uint32_t node)
{
    size_t action = action_of(tokens);
    return action + 3 < tokens->count && strcmp(tokens->words[action], "move") == 0 &&
           tokens->words[action + 3][0] == 'n' &&
           strtoul(tokens->words[action + 3] + 1, NULL, 10) == node;
}

char *shrink_node(const char *text, uint32_t node)
{
    struct tokens *tokens = memory_new(1, sizeof *tokens);
    char(*names)[32] = memory_new(TOKENS, sizeof *names);
    struct sheet sheet = {0};
    char number[16];
    bool good = true;
    /* A fork is seen by an honest node on each side, and by one more. */
    uint32_t least = strstr(text, "expect fork") != NULL ? 4 : 1;
    while (*text != '\0') {
        text = tokens_read(tokens, text);
        if (tokens->count == 2 && strcmp(tokens->words[0], "nodes") == 0) {
            uint32_t nodes = (uint32_t)strtoul(tokens->words[1], NULL, 10);
            good = nodes > least && node <= nodes;
            snprintf(number, sizeof number, "%" PRIu32, nodes - 1);
            tokens->words[1] = number;
        }
        good = good && (tokens->count == 0 || (!boxes_in(tokens, node) && !moved_to(tokens, node)));
        if (tokens->count > 0 && line_without(tokens, node, names))
            put_tokens(&sheet, tokens);
        else if (tokens->count > 0 && tells(tokens->words[0]))
            good = false; /* Nobody would find anybody. */
        memory_free(tokens->copy);
    }
    memory_free(tokens);
    memory_free(names);
    if (good)
        return sheet.text;
    sheet_free(&sheet);
    return NULL;
}

char *shrink_nodes(const char *text, uint32_t first, uint32_t end)
{
    char *less = NULL;
    for (uint32_t node = end; node-- > first;) {
        char *next = shrink_node(less != NULL ? less : text, node);
        if (next == NULL)
            continue;
        memory_free(less);
        less = next;
    }
    return less;
}

/* ---- Another seed. ---- */

char *shrink_seed(const char *text, uint64_t seed)
{
    const char *line = text;
    uint64_t present = 1;
    while (*line != '\0' && sscanf(line, "seed %" SCNu64, &present) != 1) {
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    if (present == seed)
        return NULL;
    /* None is said: it is, behind the number of nodes. */
    bool said = *line != '\0';
    line = said ? line : text + strcspn(text, "\n") + 1;
    struct sheet sheet = {0};
    sheet_put(&sheet, "%.*sseed %" PRIu64 "\n%s", (int)(line - text), text, seed,
              said ? line + strcspn(line, "\n") + 1 : line);
    return sheet.text;
}

/* ---- Smaller numbers, fewer options. ---- */

/* The place of a count in a line; 0: it has none. */
static size_t count_of(const struct tokens *tokens)
{
    static const char *const verbs[] = {"append", "lie", "suspend"};
    size_t action = action_of(tokens);
    for (size_t i = 0; i < 3; i++) {
        size_t at = action + 2 + (i == 1);
        if (strcmp(tokens->words[action], verbs[i]) == 0 && at < tokens->count &&
            atol(tokens->words[at]) > 1)
            return at;
    }
    return 0;
}

char *shrink_count(const char *text, size_t n, bool half)
{
    struct tokens *tokens = memory_new(1, sizeof *tokens);
    struct sheet sheet = {0};
    char number[24];
    bool done = false;
    while (*text != '\0') {
        text = tokens_read(tokens, text);
        size_t at = tokens->count > 0 ? count_of(tokens) : 0;
        if (at > 0 && n-- == 0) {
            snprintf(number, sizeof number, "%ld", half ? atol(tokens->words[at]) / 2 : 1L);
            tokens->words[at] = number;
            done = true;
        }
        put_tokens(&sheet, tokens);
        memory_free(tokens->copy);
    }
    memory_free(tokens);
    if (done)
        return sheet.text;
    sheet_free(&sheet);
    return NULL;
}

char *shrink_option(const char *text, size_t n)
{
    static const char *const options[][2] = {
        {"link", "loss"},   {"link", "duplicate"}, {"link", "reorder"}, {"link", "corrupt"},
        {"link", "replay"}, {"link", "rate"},      {"link", "mtu"},     {"append", "size"},
        {"append", "in"},   {"disk", "failed"},    {"disk", "slow"},    {"disk", "torn"},
        {"disk", "lost"},   {"disk", "full"},      {"clock", "drift"},  {"clock", "offset"}};
    if (n >= sizeof options / sizeof *options)
        return NULL;
    struct tokens *tokens = memory_new(1, sizeof *tokens);
    struct sheet sheet = {0};
    while (*text != '\0') {
        text = tokens_read(tokens, text);
        size_t action = tokens->count > 0 ? action_of(tokens) : 0;
        bool ours = tokens->count > 0 && strcmp(tokens->words[action], options[n][0]) == 0;
        size_t left = tokens->count - action - 1;
        for (size_t i = action + 1; ours && i + 1 < tokens->count; i++)
            if (tokens->words[i] != NULL && strcmp(tokens->words[i], options[n][1]) == 0) {
                tokens->words[i] = tokens->words[i + 1] = NULL;
                left -= 2;
            }
        /* A link or a disk of which nothing is said is no line. */
        bool empty = ours && left < (strcmp(options[n][0], "link") == 0 ? 1 : 2);
        if (!empty)
            put_tokens(&sheet, tokens);
        memory_free(tokens->copy);
    }
    memory_free(tokens);
    return sheet.text;
}

/* ---- Less time. ---- */

static int by_time(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static size_t times_of(const char *text, double *times)
{
    size_t count = 0;
    while (*text != '\0') {
        if (strncmp(text, "at ", 3) == 0 && count < TIMES)
            times[count++] = strtod(text + 3, NULL);
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    qsort(times, count, sizeof *times, by_time);
    return count;
}

char *shrink_pause(const char *text, size_t n, bool half)
{
    double times[TIMES], from = 0, pause = 0;
    size_t count = times_of(text, times), found = 0;
    for (size_t i = 0; i < count && found <= n; i++) {
        double before = i > 0 ? times[i - 1] : 0;
        if (times[i] - before > 1.0005 && found++ == n) {
            from = times[i];
            pause = half ? (times[i] - before) / 2 : times[i] - before - 1;
        }
    }
    if (pause < 0.001)
        return NULL;
    struct sheet sheet = {0};
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");
        char *rest;
        double at = strncmp(text, "at ", 3) == 0 ? strtod(text + 3, &rest) : -1;
        if (at >= from - 0.0005) {
            at -= pause;
            sheet_put(&sheet, at == (double)(long)at ? "at %.0f" : "at %.3f", at);
            sheet_put(&sheet, "%.*s\n", (int)(text + size - rest), rest);
        } else {
            sheet_put(&sheet, "%.*s\n", (int)size, text);
        }
        text += size + (text[size] == '\n');
    }
    return sheet.text;
}
