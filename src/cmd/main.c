/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/call.h"
#include "host/anchors/token.h"
#include "host/config/keys.h"

#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

/* A file that we open must never become somebody's standard output. */
static void fill_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
            _exit(EXIT_FAILED);
}

int main(int count, char **arguments)
{
    if (token_child_wanted(count, arguments))
        return token_child();
    fill_descriptors();
    keys_harden();
    /* A reader of ours who went away is an error of that write, not the end. */
    (void)signal(SIGPIPE, SIG_IGN);
    if (sodium_init() < 0) {
        (void)fprintf(stderr, "tally: the kernel gives no random bytes\n");
        return EXIT_FAILED;
    }
    return (int)call_main(count, arguments);
}
