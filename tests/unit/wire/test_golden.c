/* SPDX-License-Identifier: Apache-2.0 */
/* The golden vectors: written by the schema compiler in Python, read by the C it made. */
#include "core/base/bytes.h"
#include "core/wire/codecs.h"
#include "support/golden.h"

#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>

static const struct wire_codec *codec_find(const char *name)
{
    for (const struct wire_codec *codec = wire_codecs; codec->name != NULL; codec++)
        if (strcmp(codec->name, name) == 0)
            return codec;
    fail_msg("no codec for %s", name);
    return NULL;
}

static void check(void *context, const struct golden *golden)
{
    char shown[512];
    struct wire_text text;
    struct wire_writer w;
    uint8_t *again = malloc(golden->bytes.size + 1);
    wire_text_init(&text, shown, sizeof shown);
    wire_writer_init(&w, again, golden->bytes.size);
    enum tally_drop drop = codec_find(golden->message)->again(golden->bytes, &w, &text);
    enum tally_drop expected = strcmp(golden->verdict, "good") == 0      ? TALLY_DROP_NONE
                               : strcmp(golden->verdict, "unknown") == 0 ? TALLY_DROP_UNKNOWN
                                                                         : TALLY_DROP_MALFORMED;
    if (drop != expected)
        fail_msg("%s, %s: %s, not %s", golden->message, golden->what, tally_drop_name(drop),
                 tally_drop_name(expected));
    if (drop == TALLY_DROP_NONE && !bytes_equal(wire_writer_bytes(&w), golden->bytes))
        fail_msg("%s, %s: written as other bytes", golden->message, golden->what);
    free(again);
}

static void vectors_are_read_as_the_schema_says(void **state)
{
    static const char *const files[] = {"common",  "datagram",   "gossip", "stream",
                                        "receipt", "federation", "admin"};
    size_t count = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/proto/vectors/%s.json", getenv("TALLY_SOURCE"), files[i]);
        count += golden_each(path, check, NULL);
    }
    assert_true(count > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(vectors_are_read_as_the_schema_says)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("golden", tests, NULL, NULL);
}
