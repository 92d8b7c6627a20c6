/* SPDX-License-Identifier: Apache-2.0 */
#include "host/anchors/policy.h"

#include "core/anchor/headers.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "host/http/client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "anchors.json"

enum { BTC_DEPTH = 6, EVM_DEPTH = 12, DEPTH_MAX = 1000, ACCURACY_S = 60, ACCURACY_MAX_S = 86400 };

/* What is being read, for sentences. */
struct place {
    struct complaint *complaint;
    const char *data, *section, *name;
};

__attribute__((format(printf, 3, 4))) static bool wrong(const struct place *place,
                                                        const char *member, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const char *dot = place->section[0] != '\0' && place->name[0] != '\0' ? "." : "";
    (void)complain(place->complaint, TALLY_MALFORMED, FILE_NAME ": %s%s%.40s%s%.40s %s",
                   place->section, dot, place->name,
                   member[0] != '\0' && place->section[0] != '\0' ? "." : "", member, text);
    return false;
}

static const char *known(const char *const *names, char text[128])
{
    size_t size = 0;
    text[0] = '\0';
    for (; *names != NULL && size < 100; names++)
        size += (size_t)snprintf(text + size, 128 - size, "%s%s", size > 0 ? ", " : "", *names);
    return text;
}

/* Nothing that is not known: a member misspelt would be a rule that is not held. */
static bool only(const struct place *place, const json_t *object, const char *const *names)
{
    const char *key;
    json_t *value;
    char text[128];
    if (!json_is_object(object))
        return wrong(place, "", "must be an object");
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        size_t i = 0;
        while (names[i] != NULL && strcmp(names[i], key) != 0)
            i++;
        if (names[i] == NULL)
            return wrong(place, key, "is not known here; known are: %s", known(names, text));
    }
    return true;
}

static bool number(const struct place *place, const json_t *object, const char *member,
                   uint64_t least, uint64_t most, uint64_t *value)
{
    const json_t *found = json_object_get(object, member);
    if (found == NULL)
        return true; /* The default stays. */
    if (!json_is_integer(found) || json_integer_value(found) < (json_int_t)least ||
        json_integer_value(found) > (json_int_t)most)
        return wrong(place, member, "must be a whole number of %llu to %llu",
                     (unsigned long long)least, (unsigned long long)most);
    *value = (uint64_t)json_integer_value(found);
    return true;
}

static bool is_address(const char *url)
{
    char text[8];
    if (url == NULL || strlen(url) > 1024)
        return false;
    http_place(url, text, sizeof text);
    return strncmp(text, "http:", 5) == 0 || strncmp(text, "https:", 6) == 0;
}

/* ---- Chains ---- */

/* One address, or a list of them. */
static bool addresses(const struct place *place, const json_t *object, struct policy_chain *chain)
{
    const json_t *found = json_object_get(object, "rpc");
    size_t count = json_is_array(found) ? json_array_size(found) : 1;
    if (found == NULL || count == 0 || count > POLICY_BACKENDS_MAX)
        return wrong(place, "rpc", "must be an http address, or a list of up to %d",
                     POLICY_BACKENDS_MAX);
    for (size_t i = 0; i < count; i++) {
        const char *url =
            json_string_value(json_is_array(found) ? json_array_get(found, i) : found);
        if (!is_address(url))
            return wrong(place, "rpc", "holds what is no http address");
        chain->urls[i] = url;
    }
    chain->url_count = count;
    uint64_t agree = 1;
    if (!number(place, object, "agree", 1, count, &agree))
        return false;
    chain->agree = (size_t)agree;
    return true;
}

static bool read_btc(const struct place *place, const json_t *object, struct policy_chain *chain)
{
    static const char *const names[] = {"rpc", "agree", "confirmations", "old_tip", NULL};
    if (bitcoin_network_find(place->name) == NULL)
        return wrong(place, "", "is no network that is known: mainnet, signet, regtest");
    chain->depth = BTC_DEPTH;
    const json_t *old_tip = json_object_get(object, "old_tip");
    if (old_tip != NULL && !json_is_boolean(old_tip))
        return wrong(place, "old_tip", "must be true or false");
    chain->old_tip = json_is_true(old_tip);
    return only(place, object, names) && addresses(place, object, chain) &&
           number(place, object, "confirmations", 1, DEPTH_MAX, &chain->depth);
}

static bool read_evm(const struct place *place, const json_t *object, struct policy_chain *chain)
{
    static const char *const names[] = {"rpc", "agree", "confirmations", "contract", NULL};
    const json_t *wait = json_object_get(object, "confirmations");
    const char *contract = json_string_value(json_object_get(object, "contract"));
    chain->depth = EVM_DEPTH;
    chain->wait = wait == NULL ? EVM_WAIT_EITHER : EVM_WAIT_DEPTH;
    if (!only(place, object, names) || !addresses(place, object, chain))
        return false;
    if (json_is_string(wait)) {
        if (strcmp(json_string_value(wait), "finalized") != 0)
            return wrong(place, "confirmations", "must be a number, or \"finalized\"");
        chain->wait = EVM_WAIT_FINAL;
    } else if (!number(place, object, "confirmations", 0, DEPTH_MAX, &chain->depth)) {
        return false;
    }
    if (contract == NULL || strncmp(contract, "0x", 2) != 0 ||
        !hex_read(contract + 2, chain->contract, EVM_ADDRESS))
        return wrong(place, "contract",
                     "must be 0x and 40 hex digits: without it anyone's event would count");
    return true;
}

/* ---- Authorities ---- */

/* A file that the policy names, below the data directory if it is no whole path. */
static bool slurp(const struct place *place, const char *member, const char *name,
                  struct tally_bytes *bytes)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s%s%s", name[0] == '/' ? "" : place->data,
                   name[0] == '/' ? "" : "/", name);
    FILE *file = fopen(path, "rbe");
    uint8_t *all = file != NULL ? malloc(TOKEN_PEM_MAX + 1) : NULL;
    size_t size = all != NULL ? fread(all, 1, TOKEN_PEM_MAX + 1, file) : 0;
    int code = errno;
    if (file != NULL)
        (void)fclose(file);
    *bytes = bytes_of(all, size);
    if (file == NULL)
        return wrong(place, member, "cannot be read: %.100s: %s", name, strerror(code));
    if (size == 0 || size > TOKEN_PEM_MAX)
        return wrong(place, member, "is empty or larger than %d bytes", TOKEN_PEM_MAX);
    return true;
}

static bool read_policies(const struct place *place, const json_t *object,
                          struct token_question *terms)
{
    const json_t *list = json_object_get(object, "policies");
    size_t count = json_array_size(list);
    if (count == 0 || count > TOKEN_POLICIES_MAX)
        return wrong(place, "policies", "must be a list of 1 to %d policy ids, like \"1.2.3\"",
                     TOKEN_POLICIES_MAX);
    for (size_t i = 0; i < count; i++) {
        const char *oid = json_string_value(json_array_get(list, i));
        if (oid == NULL || strlen(oid) > TOKEN_OID_MAX ||
            strspn(oid, "0123456789.") != strlen(oid) || strchr(oid, '.') == NULL)
            return wrong(place, "policies", "must be a list of policy ids, like \"1.2.3\"");
        (void)snprintf(terms->policies[i], sizeof terms->policies[i], "%s", oid);
    }
    terms->policy_count = (uint32_t)count;
    return true;
}

static bool read_revoked(const struct place *place, const json_t *object,
                         struct token_question *terms)
{
    const json_t *list = json_object_get(object, "revoked");
    size_t count = json_array_size(list);
    if (list != NULL && (!json_is_array(list) || count > TOKEN_REVOKED_MAX))
        return wrong(place, "revoked", "must be a list of at most %d serial numbers",
                     TOKEN_REVOKED_MAX);
    for (size_t i = 0; i < count; i++) {
        const char *hex = json_string_value(json_array_get(list, i));
        struct token_number *serial = &terms->revoked[i];
        char even[2 * TOKEN_SERIAL_MAX + 2];
        while (hex != NULL && hex[0] == '0')
            hex++;
        size_t digits = hex != NULL ? strlen(hex) : 0;
        if (digits == 0 || digits > 2 * TOKEN_SERIAL_MAX)
            return wrong(place, "revoked", "holds what is no serial number in hex");
        (void)snprintf(even, sizeof even, "%s%.40s", digits % 2 != 0 ? "0" : "", hex);
        serial->size = (uint8_t)(strlen(even) / 2);
        if (!hex_read(even, serial->bytes, serial->size))
            return wrong(place, "revoked", "holds what is no serial number in hex");
    }
    terms->revoked_count = (uint32_t)count;
    return true;
}

static bool read_authority(const struct place *place, const json_t *object,
                           struct policy_authority *authority)
{
    static const char *const names[] = {"url",     "roots", "policies", "accuracy_s",
                                        "revoked", "crl",   NULL};
    const char *roots = json_string_value(json_object_get(object, "roots"));
    const char *crl = json_string_value(json_object_get(object, "crl"));
    uint64_t accuracy_s = ACCURACY_S;
    if (!only(place, object, names))
        return false;
    authority->url = json_string_value(json_object_get(object, "url"));
    if (json_object_get(object, "url") != NULL && !is_address(authority->url))
        return wrong(place, "url", "is no http address");
    if (roots == NULL)
        return wrong(place, "roots",
                     "must name a PEM file of the roots to trust: none is by default");
    if (!number(place, object, "accuracy_s", 1, ACCURACY_MAX_S, &accuracy_s))
        return false;
    authority->terms.accuracy_max_ms = (uint32_t)accuracy_s * 1000;
    return slurp(place, "roots", roots, &authority->roots) &&
           (crl == NULL || slurp(place, "crl", crl, &authority->crl)) &&
           read_policies(place, object, &authority->terms) &&
           read_revoked(place, object, &authority->terms);
}

/* ---- The file ---- */

static bool read_chains(struct policy *policy, struct place *place, enum tally_anchor_kind kind)
{
    const json_t *section = json_object_get(policy->file, place->section);
    const char *name;
    json_t *object;
    json_object_foreach((json_t *)(uintptr_t)section, name, object)
    {
        struct policy_chain *chain = &policy->chains[policy->chain_count];
        place->name = name;
        if (policy->chain_count == POLICY_ROWS_MAX)
            return wrong(place, "", "is one more than the %d that may be configured",
                         POLICY_ROWS_MAX);
        (void)snprintf(chain->chain, sizeof chain->chain, "%s:%.40s", place->section, name);
        if (!tally_anchor_chain_kind(chain->chain, &chain->kind) || chain->kind != kind)
            return wrong(place, "", "is no name of a chain");
        if (!(kind == TALLY_ANCHOR_BTC ? read_btc : read_evm)(place, object, chain))
            return false;
        policy->chain_count++;
    }
    return true;
}

static bool read_authorities(struct policy *policy, struct place *place)
{
    const json_t *section = json_object_get(policy->file, place->section);
    const char *name;
    json_t *object;
    json_object_foreach((json_t *)(uintptr_t)section, name, object)
    {
        struct policy_authority *authority = &policy->authorities[policy->authority_count];
        place->name = name;
        if (policy->authority_count == POLICY_ROWS_MAX || strlen(name) > POLICY_NAME_MAX)
            return wrong(place, "", "is one too many, or has a name above %d bytes",
                         POLICY_NAME_MAX);
        (void)snprintf(authority->name, sizeof authority->name, "%.32s", name);
        policy->authority_count++; /* Also a half one is freed. */
        if (!read_authority(place, object, authority))
            return false;
    }
    return true;
}

static bool read_sections(struct policy *policy, const char *data, struct complaint *complaint)
{
    static const char *const sections[] = {"btc", "eip155", "rfc3161", "prefer", NULL};
    struct place place = {.complaint = complaint, .data = data, .section = "", .name = ""};
    const char *key;
    json_t *value;
    if (!only(&place, policy->file, sections))
        return false;
    json_object_foreach(policy->file, key, value)
    {
        place.section = key;
        if (!json_is_object(value))
            return wrong(&place, "", "must be an object of names");
    }
    json_object_foreach(json_object_get(policy->file, "prefer"), key, value)
    {
        const char *word = json_string_value(value);
        place.section = "prefer";
        place.name = key;
        if (word == NULL || (strcmp(word, "earliest") != 0 && strcmp(word, "strongest") != 0))
            return wrong(&place, "", "must be \"earliest\" or \"strongest\"");
    }
    place.section = "btc";
    if (!read_chains(policy, &place, TALLY_ANCHOR_BTC))
        return false;
    place.section = "eip155";
    if (!read_chains(policy, &place, TALLY_ANCHOR_EIP155))
        return false;
    place.section = "rfc3161";
    return read_authorities(policy, &place);
}

/* Opens it, and looks at who else may. */
static FILE *open_file(const char *path, struct complaint *complaint)
{
    struct stat status;
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        (void)complain(complaint, complaint_of_errno(errno), "%s cannot be read: %s", path,
                       strerror(errno));
        return NULL;
    }
    bool known = fstat(fileno(file), &status) == 0;
    if (known && status.st_size > POLICY_FILE_MAX) {
        (void)complain(complaint, TALLY_TOO_LARGE, "%s is larger than %d bytes", path,
                       POLICY_FILE_MAX);
        (void)fclose(file);
        return NULL;
    }
    if (known && (status.st_mode & 077) == 0)
        return file;
    (void)complain(complaint, TALLY_PERMISSION,
                   "%s may hold passwords and others may read it: chmod 600 %s", path, path);
    (void)fclose(file);
    return NULL;
}

enum tally_error policy_read(const char *data, struct policy **result, struct complaint *complaint)
{
    char path[4096];
    json_error_t mistake;
    *result = NULL;
    struct policy *policy = calloc(1, sizeof *policy);
    if (policy == NULL)
        return complain(complaint, TALLY_NO_MEMORY, "%s", tally_error_text(TALLY_NO_MEMORY));
    (void)snprintf(policy->data, sizeof policy->data, "%s", data);
    (void)snprintf(path, sizeof path, "%s/" FILE_NAME, data);
    FILE *file = open_file(path, complaint);
    if (file == NULL && complaint->error == TALLY_NOT_FOUND) {
        *result = policy;
        return TALLY_OK;
    }
    bool good = file != NULL;
    if (good) {
        policy->file = json_loadf(file, JSON_REJECT_DUPLICATES, &mistake);
        (void)fclose(file);
        good = policy->file != NULL;
        if (!good)
            (void)complain(complaint, TALLY_MALFORMED, FILE_NAME ":%d: %s", mistake.line,
                           mistake.text);
    }
    if (good && read_sections(policy, data, complaint)) {
        *result = policy;
        return TALLY_OK;
    }
    policy_free(policy);
    return complaint->error;
}

void policy_free(struct policy *policy)
{
    if (policy == NULL)
        return;
    for (size_t i = 0; i < policy->authority_count; i++) {
        free((void *)(uintptr_t)policy->authorities[i].roots.data);
        free((void *)(uintptr_t)policy->authorities[i].crl.data);
    }
    json_decref(policy->file);
    free(policy);
}

const struct policy_chain *policy_chain(const struct policy *policy, const char *chain)
{
    for (size_t i = 0; i < policy->chain_count; i++)
        if (strcmp(policy->chains[i].chain, chain) == 0)
            return &policy->chains[i];
    return NULL;
}

const struct policy_authority *policy_authority(const struct policy *policy, const char *name)
{
    for (size_t i = 0; i < policy->authority_count; i++)
        if (strcmp(policy->authorities[i].name, name) == 0)
            return &policy->authorities[i];
    return NULL;
}

bool policy_prefers_earliest(const struct policy *policy, const char *name_space)
{
    const char *word =
        json_string_value(json_object_get(json_object_get(policy->file, "prefer"), name_space));
    return word != NULL && strcmp(word, "earliest") == 0;
}
