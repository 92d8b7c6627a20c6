/* SPDX-License-Identifier: Apache-2.0 */
/* The envelope: what reads has one form, and a signed one makes a record that reads again. */
#include "core/base/bytes.h"
#include "core/wire/datagram.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct datagram datagram, again;
    uint8_t record[TALLY_RECORD_MAX];
    if (datagram_read(bytes_of(data, size), &datagram) != TALLY_DROP_NONE &&
        datagram_read_record(bytes_of(data, size), &datagram) != TALLY_DROP_NONE)
        return 0;
    assert(datagram.head.size + (datagram.tagged ? 18U : 1U) + datagram.tail.size == size);
    struct tally_bytes bytes = datagram_record(&datagram, record, sizeof record);
    assert((bytes.size > 0) == tally_kind_signed(datagram.kind));
    if (bytes.size == 0)
        return 0;
    assert(datagram_read_record(bytes, &again) == TALLY_DROP_NONE);
    assert(bytes_equal(datagram.tail, again.tail) && again.counter == datagram.counter);
    return 0;
}
