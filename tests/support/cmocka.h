/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SUPPORT_CMOCKA_H
#define SUPPORT_CMOCKA_H
/* cmocka 1.1.5 wants these before itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#endif
