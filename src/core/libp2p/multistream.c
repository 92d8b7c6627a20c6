/* SPDX-License-Identifier: Apache-2.0 */
#include "core/libp2p/multistream.h"

#include "core/base/bytes.h"

#include <assert.h>

void multistream_init(struct multistream *ms, bool dialler)
{
    memset(ms, 0, sizeof *ms);
    ms->dialler = dialler;
    if (!dialler)
        ms->answers = MULTISTREAM_SAY_HEADER;
}

static void owe(struct multistream *ms, enum multistream_answer answer)
{
    /* At most one a message, so 17 with the header: 34 bits. */
    unsigned shift = 0;
    while ((ms->answers >> shift & 3) != 0)
        shift += 2;
    assert(shift < 64);
    ms->answers |= (uint64_t)answer << shift;
}

static bool text_is(const struct multistream *ms, const char *text)
{
    size_t size = strlen(text);
    return ms->size == size + 1 && size < sizeof ms->kept && memcmp(ms->kept, text, size) == 0;
}

/* Takes bytes of one message; true when it is whole. *broken: it cannot become one. */
static bool take_message(struct multistream *ms, struct tally_bytes *bytes, bool *broken)
{
    while (bytes->size > 0) {
        uint8_t byte = *bytes->data;
        *bytes = bytes_of(bytes->data + 1, bytes->size - 1);
        if (ms->size == 0) {
            /* The length: one byte, or two of which the first has its top bit set. */
            unsigned value = ms->head_size == 0 ? byte & 0x7fU : ms->head | (unsigned)byte << 7;
            if (ms->head_size == 0 && byte >= 0x80) {
                ms->head = byte & 0x7f;
                ms->head_size = 1;
                continue;
            }
            *broken = value == 0 || value > MULTISTREAM_TEXT_MAX ||
                      (ms->head_size == 1 && (byte == 0 || byte >= 0x80));
            if (*broken)
                return false;
            ms->size = (uint16_t)value;
            ms->have = 0;
            ms->head_size = 0;
            continue;
        }
        if (ms->have < sizeof ms->kept)
            ms->kept[ms->have] = byte;
        if (++ms->have < ms->size)
            continue;
        *broken = byte != '\n';
        return !*broken;
    }
    return false;
}

static enum multistream_verdict propose_heard(struct multistream *ms,
                                              const struct multistream_menu *menu, unsigned *choice)
{
    if (++ms->proposals > MULTISTREAM_PROPOSALS_MAX)
        return MULTISTREAM_BROKEN;
    if (text_is(ms, MULTISTREAM_HEADER)) {
        owe(ms, MULTISTREAM_SAY_HEADER);
        return MULTISTREAM_WAITING;
    }
    const char *id;
    for (unsigned i = 0; (id = menu->id(menu->context, i)) != NULL; i++)
        if (text_is(ms, id)) {
            owe(ms, MULTISTREAM_SAY_ECHO);
            *choice = i;
            return MULTISTREAM_AGREED;
        }
    owe(ms, MULTISTREAM_SAY_NA);
    return MULTISTREAM_WAITING;
}

static enum multistream_verdict answer_heard(struct multistream *ms,
                                             const struct multistream_menu *menu, unsigned *choice)
{
    if (text_is(ms, MULTISTREAM_NA))
        return MULTISTREAM_REFUSED;
    *choice = 0;
    return text_is(ms, menu->id(menu->context, 0)) ? MULTISTREAM_AGREED : MULTISTREAM_BROKEN;
}

enum multistream_verdict multistream_read(struct multistream *ms, struct tally_bytes *bytes,
                                          const struct multistream_menu *menu, unsigned *choice)
{
    enum multistream_verdict verdict = MULTISTREAM_WAITING;
    bool broken = false;
    while (verdict == MULTISTREAM_WAITING && take_message(ms, bytes, &broken)) {
        if (!ms->greeted) {
            ms->greeted = text_is(ms, MULTISTREAM_HEADER);
            verdict = ms->greeted ? MULTISTREAM_WAITING : MULTISTREAM_BROKEN;
        } else {
            verdict =
                ms->dialler ? answer_heard(ms, menu, choice) : propose_heard(ms, menu, choice);
        }
        ms->size = 0;
    }
    return broken ? MULTISTREAM_BROKEN : verdict;
}

size_t multistream_write(const char *text, uint8_t *out)
{
    size_t size = strlen(text);
    assert(size + 1 < 0x80);
    out[0] = (uint8_t)(size + 1);
    memcpy(out + 1, text, size);
    out[1 + size] = '\n';
    return size + 2;
}

size_t multistream_answer(struct multistream *ms, const char *id, uint8_t *out)
{
    enum multistream_answer answer = (enum multistream_answer)(ms->answers & 3);
    if (ms->answers == 0)
        return 0;
    ms->answers >>= 2;
    switch (answer) {
    case MULTISTREAM_SAY_HEADER:
        return multistream_write(MULTISTREAM_HEADER, out);
    case MULTISTREAM_SAY_NA:
        return multistream_write(MULTISTREAM_NA, out);
    case MULTISTREAM_SAY_ECHO:
        return multistream_write(id, out);
    }
    return 0;
}
