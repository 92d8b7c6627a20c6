/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

int command_watch(const struct arguments *arguments)
{
    return command_run(arguments);
}
