/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/reach.h"

#include "cmd/ask.h"

#include <stdio.h>
#include <string.h>

enum { AGE = 32 };

/* «mapped by pcp», «seen by 3 peers», «of an interface». */
static void print_source(const json_t *own)
{
    const char *source = text_of(own, "source");
    if (strcmp(source, "mapped") == 0)
        (void)printf("mapped by %s", text_of(own, "mapping"));
    else if (strcmp(source, "observed") == 0)
        (void)printf("seen by %lld peers", number_of(own, "votes"));
    else
        (void)printf("of an interface");
}

static void print_own(const char *title, const json_t *own)
{
    char age[AGE] = "";
    const char *state = text_of(own, "state"), *by = text_of(own, "by_peer_id");
    (void)printf("%-9s%s  ", title, text_of(own, "address"));
    print_source(own);
    /* Nobody asks the wide network about an address that has no meaning there. */
    bool unknown = strcmp(state, "unknown") == 0;
    bool near = unknown && !json_is_true(json_object_get(own, "global"));
    (void)printf(", %s", near      ? "for neighbours only"
                         : unknown ? "not known whether reachable"
                                   : state);
    if (!near && !json_is_null(json_object_get(own, "age_ms")))
        print_age(number_of(own, "age_ms"), age, sizeof age);
    if (by[0] != '\0')
        (void)printf(": %s dialled it", by);
    if (age[0] != '\0')
        (void)printf("%s%s ago", by[0] != '\0' ? " " : ", ", age);
    /* Nobody was there to be asked who is a stranger, and of another network. */
    if (json_is_true(json_object_get(own, "weak")))
        (void)printf(", which proves it less than a stranger from another network would");
    (void)fputc('\n', stdout);
}

static void print_nat(const json_t *nat)
{
    const char *gateway = text_of(nat, "gateway"), *outer = text_of(nat, "outer");
    const char *error = text_of(nat, "lease_error"), *lease = text_of(nat, "lease");
    (void)printf("nat      %s", text_of(nat, "kind"));
    if (gateway[0] != '\0')
        (void)printf(", gateway %s", gateway);
    if (outer[0] != '\0')
        (void)printf(", outside %s", outer);
    (void)printf(", port mapping %s", lease);
    if (strcmp(text_of(nat, "mapping"), "none") != 0)
        (void)printf(" by %s", text_of(nat, "mapping"));
    if (error[0] != '\0')
        (void)printf(": %s", error);
    (void)fputc('\n', stdout);
}

/* Of use on this machine alone, or on a link whose name would have to be told too. */
static bool is_inner(const json_t *own)
{
    const char *scope = text_of(own, "scope");
    return strcmp(scope, "loopback") == 0 || strcmp(scope, "link_local") == 0;
}

void reach_print(const json_t *answer)
{
    size_t index;
    const json_t *own, *addresses = json_object_get(answer, "addresses");
    const char *title = "address";
    json_array_foreach(addresses, index, own)
    {
        if (is_inner(own) && json_array_size(addresses) > 1)
            continue;
        print_own(title, own);
        title = "";
    }
    print_nat(json_object_get(answer, "nat"));
}
