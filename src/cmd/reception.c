/* SPDX-License-Identifier: Apache-2.0 */
/* tally federation policy: which proposals this node answers, and what others stated of theirs. */
#include "cmd/federation.h"
#include "cmd/print.h"
#include "cmd/say.h"
#include "cmd/trust.h"
#include "cmd/verbs.h"

#include <inttypes.h>
#include <string.h>

/* ---- Showing ---- */

void reception_text(const struct reception *reception, char text[RECEPTION_TEXT])
{
    if (reception == NULL)
        (void)snprintf(text, RECEPTION_TEXT, "%s", "");
    else if (!reception->accepts)
        (void)snprintf(text, RECEPTION_TEXT, "closed");
    else
        (void)snprintf(text, RECEPTION_TEXT, "from %s%s", tally_trust_name(reception->least),
                       reception->mutual ? ", mutual" : "");
}

json_t *reception_object(const struct reception *reception)
{
    if (reception == NULL)
        return json_null();
    return json_pack("{s:b, s:i, s:s, s:b, s:b, s:o}", "accepts_proposals", reception->accepts,
                     "min_trust_level", (int)reception->least, "min_level",
                     tally_trust_name(reception->least), "requires_mutual", reception->mutual,
                     "stated", reception->said, "index",
                     reception->said ? json_integer((json_int_t)reception->index) : json_null());
}

static json_t *refusals_object(const struct fold *fold)
{
    json_t *object = json_object();
    for (enum tally_refusal refusal = TALLY_REFUSAL_NONE; refusal < TALLY_REFUSALS; refusal++)
        (void)json_object_set_new(object, tally_refusal_name(refusal),
                                  json_integer((json_int_t)fold->refusals[refusal]));
    return object;
}

static void show(const struct call *call, const struct trust *trust)
{
    const struct reception *reception = &trust->fold.reception;
    if (call->json) {
        json_t *object = print_object("federation-policy/1");
        (void)json_object_update_new(object, reception_object(reception));
        (void)json_object_set_new(object, "rejected", refusals_object(&trust->fold));
        print_json(object);
        return;
    }
    (void)printf("proposals  %s%s\nlevel      %s at least\nmutual     %s\n",
                 reception->accepts ? "accepted" : "not accepted",
                 reception->said ? "" : " (nothing was stated)", tally_trust_name(reception->least),
                 reception->mutual ? "yes" : "no");
    for (enum tally_refusal refusal = TALLY_REFUSAL_NONE; refusal < TALLY_REFUSALS; refusal++)
        if (trust->fold.refusals[refusal] > 0)
            (void)printf("rejected   %" PRIu64 ": %s\n", trust->fold.refusals[refusal],
                         tally_refusal_text(refusal));
}

/* ---- Stating ---- */

static bool read_word(struct call *call, const char *name, uint8_t *value, enum exit_code *code)
{
    const char *text = call_option(call, name);
    if (text == NULL)
        return true;
    bool yes = strcmp(text, "yes") == 0;
    *value = yes;
    if (yes || strcmp(text, "no") == 0)
        return true;
    *code = call_usage(call, "--%s \"%.40s\" is neither yes nor no", name, text);
    return false;
}

static bool read_least(struct call *call, uint8_t *level, enum exit_code *code)
{
    const char *text = call_option(call, "min-level");
    enum tally_trust named = TALLY_TRUST_ISOLATED;
    if (text == NULL)
        return true;
    bool digit = strlen(text) == 1 && text[0] >= '1' && text[0] <= '4';
    if (digit)
        named = (enum tally_trust)(text[0] - '0');
    if ((digit || tally_trust_read(text, &named)) && named > TALLY_TRUST_ISOLATED) {
        *level = (uint8_t)named;
        return true;
    }
    *code = call_usage(
        call, "\"%.40s\" is no trust level: 1 observe, 2 verify, 3 attest, 4 integrate", text);
    return false;
}

/* What is not named stays as it is. */
static bool read_policy(struct call *call, const struct reception *now,
                        struct tally_fed_policy *said, enum exit_code *code)
{
    *said = (struct tally_fed_policy){
        .accepts = now->accepts, .level = (uint8_t)now->least, .mutual = now->mutual};
    return read_word(call, "accept-proposals", &said->accepts, code) &&
           read_least(call, &said->level, code) && read_word(call, "mutual", &said->mutual, code) &&
           say_note(call, &said->note, code);
}

static enum exit_code state(struct call *call, struct trust *trust)
{
    struct fed_statement said = {.kind = FED_POLICY};
    struct door_answer answer;
    struct trust after;
    enum exit_code code = EXIT_DONE;
    if (!read_policy(call, &trust->fold.reception, &said.policy, &code))
        return code;
    if (reception_says(&trust->fold.reception, &said.policy))
        return call_fail_with(call, EXIT_FAILED, TALLY_FORBIDDEN, NULL, "the policy is so already");
    if (trust->fold.ended)
        return call_fail_with(call, EXIT_FAILED, TALLY_REVOKED, NULL,
                              "the key of this node is revoked: it states nothing any more");
    shelf_close(&trust->shelf);
    code = say(call, &said, trust->shelf.data, &answer);
    if (code != EXIT_DONE)
        return code;
    if (trust_open(&after, call, false))
        show(call, &after);
    else
        code = after.shelf.code;
    trust_close(&after);
    return code;
}

enum exit_code verb_federation_policy(struct call *call)
{
    bool states = call_option(call, "accept-proposals") != NULL ||
                  call_option(call, "min-level") != NULL || call_option(call, "mutual") != NULL;
    struct trust trust;
    enum exit_code code = EXIT_DONE;
    if (!states && call_option(call, "note") != NULL)
        return call_usage(call, "--note goes with what is stated: --accept-proposals, --min-level "
                                "or --mutual");
    if (!trust_open(&trust, call, states))
        code = trust.shelf.code;
    else if (states)
        code = state(call, &trust);
    else
        show(call, &trust);
    trust_close(&trust);
    return code;
}
