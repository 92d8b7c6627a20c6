/* SPDX-License-Identifier: Apache-2.0 */
/* tally witness add, remove: of parties, and of witnesses that are asked over HTTP. */
#include "cmd/federation.h"
#include "cmd/print.h"
#include "cmd/say.h"
#include "cmd/trust.h"
#include "cmd/verbs.h"
#include "core/base/bytes.h"

#include <string.h>

/* ---- The command line ---- */

/* Slashes at its end are nobody's mistake. */
static struct tally_bytes trimmed(const char *url)
{
    struct tally_bytes bytes = bytes_text(url);
    while (bytes.size > 0 && bytes.data[bytes.size - 1] == '/')
        bytes.size--;
    return bytes;
}

static bool read_witness(struct call *call, struct tally_vkey *vkey,
                         struct tally_fed_witness_url *said, enum exit_code *code)
{
    const char *url = call_option(call, "url"), *key = call_option(call, "key");
    if (url == NULL || key == NULL) {
        *code = call_usage(call, "a witness that is no party has an address and a key: --url URL "
                                 "--key VKEY");
        return false;
    }
    said->url = trimmed(url);
    if (!outside_url_valid(said->url)) {
        *code = call_usage(call,
                           "--url \"%.220s\" is no address of a witness: http or https, without "
                           "user, ? and #, at most %d bytes, such as https://witness.example/",
                           url, OUTSIDE_URL_MAX);
        return false;
    }
    if (!tally_vkey_read(bytes_text(key), vkey) || vkey->type != TALLY_VKEY_COSIGNER) {
        *code = call_usage(call,
                           "--key \"%.120s\" is no vkey of a witness: name+id+base64, of type 04 "
                           "(cosignature/v1)",
                           key);
        return false;
    }
    said->key = vkey->key;
    said->name = bytes_text(vkey->name);
    said->asked = 1;
    return true;
}

/* ---- Saying it ---- */

static enum exit_code refuse(struct call *call, enum fold_verdict verdict, const char *what)
{
    switch (verdict) {
    case FOLD_FORBIDDEN:
        return call_fail_with(call, EXIT_FAILED, TALLY_FORBIDDEN, what, "%.220s is so already",
                              what);
    case FOLD_SELF:
        return call_usage(call, "that is the witness key of this node itself");
    case FOLD_FULL:
        return call_fail_with(call, EXIT_FAILED, TALLY_TOO_LARGE, what,
                              "a node speaks of at most %d witnesses that are no parties, removed "
                              "ones among them",
                              TALLY_WITNESSES_MAX);
    case FOLD_ENDED:
        return call_fail_with(call, EXIT_FAILED, TALLY_REVOKED, NULL,
                              "the key of this node is revoked: it states nothing any more");
    case FOLD_TAKEN:
    case FOLD_OTHER:
    case FOLD_UNKNOWN:
    case FOLD_MALFORMED:
    case FOLD_FOREIGN:
    case FOLD_NOTED:
    case FOLD_VERDICT_COUNT:
        break;
    }
    return call_usage(call, "that is no statement");
}

static void print_done(const struct call *call, const struct fed_statement *said,
                       const struct door_answer *answer)
{
    const struct tally_fed_witness_url *witness = &said->witness_url;
    struct tally_vkey vkey;
    char text[TALLY_VKEY_MAX], schema[64];
    (void)tally_vkey_init(&vkey, witness->name, TALLY_VKEY_COSIGNER, &witness->key);
    (void)tally_vkey_write(&vkey, text);
    if (!call->json) {
        (void)printf("witness %.*s  %s\n%s\n", (int)witness->url.size,
                     (const char *)witness->url.data, witness->asked ? "asked" : "not asked", text);
        return;
    }
    (void)snprintf(schema, sizeof schema, "%s-%s/1", call->verb->noun, call->verb->name);
    json_t *object = print_object(schema);
    (void)json_object_update_new(
        object, json_pack("{s:o, s:s, s:b, s:I, s:o}", "url", print_json_text(witness->url), "vkey",
                          text, "asked", (int)witness->asked, "index", (json_int_t)answer->index,
                          "receipt", print_json_hash(&answer->receipt)));
    print_json(object);
}

static enum exit_code state(struct call *call, struct trust *trust, struct fed_statement *said)
{
    struct door_answer answer;
    char what[OUTSIDE_URL_MAX + 1];
    enum exit_code code = EXIT_DONE;
    (void)snprintf(what, sizeof what, "%.*s", (int)said->witness_url.url.size,
                   (const char *)said->witness_url.url.data);
    if (!say_note(call, &said->witness_url.note, &code))
        return code;
    enum fold_verdict verdict = fold_judge(&trust->fold, &trust->fold.self, said);
    if (trust->known && verdict != FOLD_TAKEN)
        return refuse(call, verdict, what);
    shelf_close(&trust->shelf);
    code = say(call, said, trust->shelf.data, &answer);
    if (code == EXIT_DONE)
        print_done(call, said, &answer);
    return code;
}

enum exit_code verb_witness_add(struct call *call)
{
    struct fed_statement said = {.kind = FED_WITNESS_URL};
    struct tally_vkey vkey;
    struct trust trust;
    enum exit_code code = EXIT_USAGE;
    bool outside = call_option(call, "url") != NULL || call_option(call, "key") != NULL;
    if (!outside && call->operand_count == 1)
        return federation_witness(call, true);
    if (call->operand_count == 1)
        return call_usage(call, "a witness is either a party, or has --url and --key");
    if (!read_witness(call, &vkey, &said.witness_url, &code))
        return code;
    code = trust_open(&trust, call, true) ? state(call, &trust, &said) : trust.shelf.code;
    trust_close(&trust);
    return code;
}

/* By its address, its name or its vkey. */
static const struct outside *find(const struct trust *trust, const char *word)
{
    const struct outsides *outsides = trust->fold.outsides;
    for (size_t i = 0; i < outsides->count; i++) {
        const struct outside *one = &outsides->list[i];
        char vkey[TALLY_VKEY_MAX];
        (void)tally_vkey_write(&one->vkey, vkey);
        if (bytes_equal(bytes_text(one->url), trimmed(word)) || strcmp(one->vkey.name, word) == 0 ||
            strcmp(vkey, word) == 0)
            return one;
    }
    return NULL;
}

enum exit_code verb_witness_remove(struct call *call)
{
    struct trust trust;
    bool good = trust_open(&trust, call, false);
    enum exit_code code = trust.shelf.code;
    const struct outside *one = good ? find(&trust, call->operands[0]) : NULL;
    if (good && one != NULL) {
        struct fed_statement said = {.kind = FED_WITNESS_URL,
                                     .witness_url = {.key = one->vkey.key,
                                                     .name = bytes_text(one->vkey.name),
                                                     .url = bytes_text(one->url)}};
        code = state(call, &trust, &said);
    } else if (good && strstr(call->operands[0], "://") != NULL) {
        code =
            call_fail_with(call, EXIT_NOT_FOUND, TALLY_NOT_FOUND, call->operands[0],
                           "no witness was ever added with the address %.220s", call->operands[0]);
    } else if (good) {
        trust_close(&trust);
        return federation_witness(call, false);
    }
    trust_close(&trust);
    return code;
}
