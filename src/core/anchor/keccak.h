/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ANCHOR_KECCAK_H
#define ANCHOR_KECCAK_H
/* Keccak-256 as Ethereum has it: the permutation of FIPS 202 with the padding before it (0x01), so
   it is not SHA3-256. */
#include "tally/types.h"

void keccak256(struct tally_bytes bytes, struct tally_hash *hash);

#endif
