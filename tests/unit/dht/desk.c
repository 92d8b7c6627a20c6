/* SPDX-License-Identifier: Apache-2.0 */
#include "desk.h"

#include "core/base/bytes.h"

#include "support/cmocka.h"

void desk_init(struct desk *desk, unsigned capacity)
{
    *desk = (struct desk){.random.state = 5};
    const struct topics_options options = {
        .capacity = capacity, .seed = 3, .secret = people_secret(&desk->random)};
    assert_true(topics_new(&desk->topics, &options));
    desk->verifier = people_crowd_verifier(people_now(0));
}

void desk_free(struct desk *desk)
{
    topics_free(&desk->topics);
}

struct tally_hash desk_topic(unsigned number)
{
    struct tally_hash topic = {{0xee}};
    be32_write(topic.bytes + 1, number);
    return topic;
}

enum tally_drop desk_ask(struct desk *desk, struct person *person, const struct tally_hash *topic,
                         const uint8_t *ticket)
{
    uint8_t ad[RECORD_AD_MAX];
    struct tally_now now = people_now(desk->ms);
    struct tally_register request = {
        .topic = *topic, .ad = person_ad(person, now, topic, ad), .has_ticket = ticket != NULL};
    if (ticket != NULL)
        memcpy(request.ticket, ticket, sizeof request.ticket);
    return topics_register(&desk->topics, now, &desk->verifier, &person->key, &person->address,
                           &request, &desk->answer);
}

bool desk_placed(const struct desk *desk)
{
    return desk->answer.expires_s > 0;
}
