/* SPDX-License-Identifier: Apache-2.0 */
#include "host/config/complaint.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum tally_error complain(struct complaint *complaint, enum tally_error error, const char *format,
                          ...)
{
    complaint->error = error;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(complaint->text, sizeof complaint->text, format, arguments);
    va_end(arguments);
    return error;
}

enum tally_error complaint_of_errno(int code)
{
    switch (code) {
    case 0:
        return TALLY_OK;
    case ENOSPC:
    case EDQUOT:
        return TALLY_FULL;
    case EACCES:
    case EPERM:
    case EROFS:
        return TALLY_PERMISSION;
    case ENOENT:
    case ENOTDIR:
        return TALLY_NOT_FOUND;
    case EADDRINUSE:
        return TALLY_IN_USE;
    case ENOMEM:
        return TALLY_NO_MEMORY;
    case ECONNREFUSED:
        return TALLY_REFUSED;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EADDRNOTAVAIL:
        return TALLY_UNREACHABLE;
    case ETIMEDOUT:
        return TALLY_TIMED_OUT;
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED:
        return TALLY_CLOSED;
    default:
        return TALLY_IO;
    }
}
