/* SPDX-License-Identifier: Apache-2.0 */
#include "host/config/cosigner.h"

#include <assert.h>

void cosigner_init(struct cosigner *cosigner, const char *data)
{
    *cosigner = (struct cosigner){.data = data};
}

void cosigner_free(struct cosigner *cosigner)
{
    keys_free(cosigner->keys);
    cosigner->keys = NULL;
}

static bool on_key(void *context, bool make, struct tally_key *key)
{
    struct cosigner *cosigner = context;
    if (cosigner->keys == NULL &&
        keys_open_named(cosigner->data, "witness.key", make, &cosigner->keys,
                        &cosigner->complaint) != TALLY_OK)
        return false;
    *key = *keys_identity(cosigner->keys);
    return true;
}

static void on_sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    struct cosigner *cosigner = context;
    assert(cosigner->keys != NULL); /* It was asked for. */
    const struct tally_crypto crypto = keys_crypto(cosigner->keys);
    crypto.sign(crypto.context, message, signature);
}

struct tally_cosigner cosigner_window(struct cosigner *cosigner)
{
    return (struct tally_cosigner){.context = cosigner, .key = on_key, .sign = on_sign};
}
