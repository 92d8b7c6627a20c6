/* SPDX-License-Identifier: Apache-2.0 */
/* Terms in files and on the screen: members as the original's (formats 5.2), read strictly. */
#include "cmd/agreement.h"
#include "cmd/print.h"
#include "core/base/bytes.h"

#include <stdlib.h>
#include <string.h>

enum { FILE_MOST = 64 << 10, TEXT_MOST = 64, REQUIREMENT_MOST = 120 };

static const struct {
    const char *word;
    uint32_t seconds;
} frequencies[] = {{"hourly", 3600}, {"daily", 86400}, {"weekly", 7 * 86400}};

enum { FREQUENCIES = sizeof frequencies / sizeof *frequencies };

static bool wrong(struct call *call, const char *path, const char *name, const char *what,
                  enum exit_code *code)
{
    *code = call_fail_with(call, EXIT_USAGE, TALLY_MALFORMED, path, "%s: member \"%.60s\" %s", path,
                           name, what);
    return false;
}

/* ---- Members ---- */

static const char *read_scrolls(const json_t *value, struct tally_fed_terms *terms)
{
    size_t count = json_array_size(value);
    if (!json_is_array(value) || count == 0 || count > TALLY_FED_TERMS_SCROLLS_MAX)
        return "is no list of 1 to 16 namespaces";
    terms->scrolls_count = count;
    for (size_t i = 0; i < count; i++) {
        const json_t *name = json_array_get(value, i);
        if (!json_is_string(name))
            return "is no list of names";
        terms->scrolls[i] = bytes_of(json_string_value(name), json_string_length(name));
    }
    return terms_sort(terms) ? NULL
                             : "names a namespace twice, or one that cannot be shared (federation "
                               "is each node's own)";
}

static const char *read_frequency(const json_t *value, struct tally_fed_terms *terms)
{
    for (size_t i = 0; json_is_string(value) && i < FREQUENCIES; i++)
        if (strcmp(json_string_value(value), frequencies[i].word) == 0) {
            terms->verify_s = frequencies[i].seconds;
            return NULL;
        }
    return "is none of hourly, daily, weekly";
}

static const char *read_days(const json_t *value, json_int_t most, uint16_t *days)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > most)
        return "is no number of days in range";
    *days = (uint16_t)json_integer_value(value);
    return NULL;
}

static const char *read_text(const json_t *value, size_t most, struct tally_bytes *text)
{
    if (!json_is_string(value) || json_string_length(value) > most)
        return "is no text, or too long";
    *text = bytes_of(json_string_value(value), json_string_length(value));
    return NULL;
}

static const char *read_shares(const json_t *value, uint8_t *shares)
{
    const char *word = json_string_value(value);
    *shares = word == NULL                    ? 0
              : strcmp(word, "both") == 0     ? TERMS_BOTH
              : strcmp(word, "proposer") == 0 ? TERMS_PROPOSER
              : strcmp(word, "acceptor") == 0 ? TERMS_ACCEPTOR
                                              : 0;
    return *shares != 0 ? NULL : "is none of both, proposer, acceptor";
}

/* NULL: it was read. */
static const char *read_member(const char *name, const json_t *value, struct tally_fed_terms *terms)
{
    if (strcmp(name, "scrolls_to_share") == 0 || strcmp(name, "scrolls_shared") == 0)
        return read_scrolls(value, terms);
    if (strcmp(name, "verification_frequency") == 0)
        return read_frequency(value, terms);
    if (strcmp(name, "retention_period_days") == 0)
        return read_days(value, 36500, &terms->retention_days);
    if (strcmp(name, "notice_days") == 0)
        return read_days(value, 3650, &terms->notice_days);
    if (strcmp(name, "shares") == 0)
        return read_shares(value, &terms->shares);
    if (strcmp(name, "data_jurisdiction") == 0)
        return read_text(value, TEXT_MOST, &terms->jurisdiction);
    if (strcmp(name, "dispute_resolution") == 0)
        return read_text(value, TEXT_MOST, &terms->disputes);
    if (strcmp(name, "additional_requirement") == 0)
        return read_text(value, REQUIREMENT_MOST, &terms->requirement);
    if (strcmp(name, "audit_rights") != 0)
        return "is not known: scrolls_to_share, verification_frequency, retention_period_days, "
               "notice_days, shares, data_jurisdiction, audit_rights, dispute_resolution, "
               "additional_requirement are";
    terms->audit_rights = json_is_true(value);
    return json_is_boolean(value) ? NULL : "is neither true nor false";
}

bool terms_load(struct call *call, const char *path, struct tally_fed_terms *terms,
                struct terms_text *text, enum exit_code *code)
{
    size_t size;
    json_error_t error;
    const char *name;
    json_t *value;
    text->root = NULL;
    uint8_t *bytes = shelf_slurp(call, path, FILE_MOST, &size, code);
    if (bytes == NULL)
        return false;
    text->root = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, &error);
    free(bytes);
    if (!json_is_object(text->root)) {
        *code = call_fail_with(
            call, EXIT_USAGE, TALLY_MALFORMED, path, "%s: no JSON object with terms%s%s", path,
            text->root == NULL ? ": " : "", text->root == NULL ? error.text : "");
        return false;
    }
    json_object_foreach(text->root, name, value)
    {
        const char *why = read_member(name, value, terms);
        if (why != NULL)
            return wrong(call, path, name, why, code);
    }
    return true;
}

void terms_unload(struct terms_text *text)
{
    json_decref(text->root);
}

bool terms_scrolls_read(struct call *call, const char *words, struct tally_fed_terms *terms,
                        enum exit_code *code)
{
    terms->scrolls_count = 0;
    for (const char *word = words; *word != '\0';) {
        size_t size = strcspn(word, ",");
        if (terms->scrolls_count == TALLY_FED_TERMS_SCROLLS_MAX) {
            *code = call_usage(call, "at most %d scrolls", TALLY_FED_TERMS_SCROLLS_MAX);
            return false;
        }
        terms->scrolls[terms->scrolls_count++] = bytes_of(word, size);
        word += size;
        if (*word == ',' && *++word == '\0')
            terms->scrolls_count = 0; /* Nothing behind the last comma. */
    }
    if (terms->scrolls_count > 0 && terms_sort(terms))
        return true;
    *code = call_usage(call,
                       "\"%.100s\" are no scrolls: namespaces with commas between, each once, and "
                       "not federation, which is each node's own",
                       words);
    return false;
}

/* ---- Showing ---- */

static json_t *frequency_json(uint32_t seconds)
{
    for (size_t i = 0; i < FREQUENCIES; i++)
        if (frequencies[i].seconds == seconds)
            return json_string(frequencies[i].word);
    return json_integer((json_int_t)seconds);
}

static const char *shares_word(uint8_t shares)
{
    return shares == TERMS_BOTH ? "both" : shares == TERMS_PROPOSER ? "proposer" : "acceptor";
}

json_t *terms_object(const struct tally_fed_terms *terms, const char *scrolls)
{
    json_t *object = json_object(), *list = json_array();
    for (size_t i = 0; i < terms->scrolls_count; i++)
        (void)json_array_append_new(list, print_json_text(terms->scrolls[i]));
    (void)json_object_set_new(object, scrolls, list);
    (void)json_object_set_new(object, "verification_frequency", frequency_json(terms->verify_s));
    (void)json_object_set_new(object, "retention_period_days", json_integer(terms->retention_days));
    (void)json_object_set_new(object, "notice_days", json_integer(terms->notice_days));
    (void)json_object_set_new(object, "shares", json_string(shares_word(terms->shares)));
    (void)json_object_set_new(object, "data_jurisdiction", print_json_text(terms->jurisdiction));
    (void)json_object_set_new(object, "audit_rights", json_boolean(terms->audit_rights));
    (void)json_object_set_new(object, "dispute_resolution", print_json_text(terms->disputes));
    (void)json_object_set_new(object, "additional_requirement",
                              print_json_text(terms->requirement));
    return object;
}

static void print_text(const char *title, struct tally_bytes text)
{
    if (text.size == 0)
        return;
    (void)printf("%-12s ", title);
    print_escaped(stdout, (const char *)text.data, text.size);
    (void)putchar('\n');
}

void terms_print(const struct tally_fed_terms *terms)
{
    (void)printf("scrolls      ");
    for (size_t i = 0; i < terms->scrolls_count; i++)
        (void)printf("%s%.*s", i > 0 ? ", " : "", (int)terms->scrolls[i].size,
                     (const char *)terms->scrolls[i].data);
    (void)printf(
        "\nshared by    %s\nverified     every %u s\nretention    %u days\nnotice       %u days\n"
        "audit rights %s\n",
        shares_word(terms->shares), terms->verify_s, terms->retention_days, terms->notice_days,
        terms->audit_rights ? "yes" : "no");
    print_text("jurisdiction", terms->jurisdiction);
    print_text("disputes", terms->disputes);
    print_text("requirement", terms->requirement);
}
