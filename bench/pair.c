/* SPDX-License-Identifier: Apache-2.0 */
#include "pair.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000 };

static int listen_on_loopback(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 16) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0) {
        close(listener);
        return -1;
    }
    *port = ntohs(address.sin_port);
    return listener;
}

/* A child never outlives the benchmark, however that ends. */
static pid_t child(void)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
    }
    return pid;
}

static void end(pid_t pid)
{
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
}

bool pair_run(const struct pair_arm *arm, const struct pair_work *work, struct pair_result *result)
{
    uint16_t port;
    int figures[2];
    int listener = listen_on_loopback(&port);
    if (listener < 0 || pipe(figures) != 0)
        return false;
    pid_t server = child();
    if (server == 0) {
        arm->serve(listener, work);
        _exit(1);
    }
    close(listener);
    pid_t client = child();
    if (client == 0) {
        struct pair_result made = {0};
        bool good = arm->dial(port, work, &made);
        _exit(good && write(figures[1], &made, sizeof made) == (ssize_t)sizeof made ? 0 : 1);
    }
    close(figures[1]);
    struct pollfd wait = {.fd = figures[0], .events = POLLIN};
    bool good = poll(&wait, 1, PATIENCE_MS) == 1 &&
                read(figures[0], result, sizeof *result) == (ssize_t)sizeof *result;
    close(figures[0]);
    end(client);
    end(server);
    return good;
}
