/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire/writer.h"

#include "core/base/bytes.h"

#include <msgpack/pack.h>

/* The packer's sink. Its result is not looked at: the writer remembers. */
static int append(void *context, const char *bytes, size_t size)
{
    struct wire_writer *w = context;
    if (w->failed || size > w->capacity - w->size) {
        w->failed = true;
        return -1;
    }
    if (size > 0)
        memcpy(w->data + w->size, bytes, size);
    w->size += size;
    return 0;
}

static msgpack_packer packer(struct wire_writer *w)
{
    return (msgpack_packer){.data = w, .callback = append};
}

void wire_writer_init(struct wire_writer *w, uint8_t *data, size_t capacity)
{
    *w = (struct wire_writer){.data = data, .capacity = capacity};
}

struct tally_bytes wire_writer_bytes(const struct wire_writer *w)
{
    return w->failed ? (struct tally_bytes){0} : bytes_of(w->data, w->size);
}

void wire_writer_fail(struct wire_writer *w)
{
    w->failed = true;
}

void wire_write_array(struct wire_writer *w, uint32_t count)
{
    msgpack_packer pk = packer(w);
    msgpack_pack_array(&pk, count);
}

void wire_write_uint(struct wire_writer *w, uint64_t value)
{
    msgpack_packer pk = packer(w);
    msgpack_pack_uint64(&pk, value);
}

void wire_write_int(struct wire_writer *w, int64_t value)
{
    msgpack_packer pk = packer(w);
    msgpack_pack_int64(&pk, value);
}

void wire_write_bool(struct wire_writer *w, bool value)
{
    msgpack_packer pk = packer(w);
    if (value)
        msgpack_pack_true(&pk);
    else
        msgpack_pack_false(&pk);
}

void wire_write_nil(struct wire_writer *w)
{
    msgpack_packer pk = packer(w);
    msgpack_pack_nil(&pk);
}

void wire_write_bin(struct wire_writer *w, struct tally_bytes bytes)
{
    if (bytes.size > UINT32_MAX) {
        w->failed = true;
        return;
    }
    msgpack_packer pk = packer(w);
    msgpack_pack_bin(&pk, bytes.size);
    wire_write_raw(w, bytes);
}

void wire_write_fixed(struct wire_writer *w, const uint8_t *bytes, size_t size)
{
    wire_write_bin(w, bytes_of(bytes, size));
}

void wire_write_str(struct wire_writer *w, struct tally_bytes text)
{
    if (text.size > UINT32_MAX) {
        w->failed = true;
        return;
    }
    msgpack_packer pk = packer(w);
    msgpack_pack_str(&pk, text.size);
    wire_write_raw(w, text);
}

void wire_write_raw(struct wire_writer *w, struct tally_bytes bytes)
{
    append(w, (const char *)bytes.data, bytes.size);
}
