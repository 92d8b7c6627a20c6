/* SPDX-License-Identifier: Apache-2.0 */
#include "node.h"

#include "bench.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { START_MS = 20000 };

/* Starts a program with its stdout, and stderr if asked, in a pipe; -1 if it cannot. */
static pid_t start(const char *const *words, bool errors_too, int *output)
{
    int ends[2];
    pid_t pid = -1;
    posix_spawn_file_actions_t actions;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    if (errors_too)
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    if (posix_spawnp(&pid, words[0], &actions, NULL, (char *const *)(uintptr_t)words, environ) != 0)
        pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (pid < 0)
        close(ends[0]);
    *output = ends[0];
    return pid;
}

/* A port free for UDP and TCP just now. */
static unsigned free_port(void)
{
    for (int attempt = 0; attempt < 50; attempt++) {
        struct sockaddr_in address = {.sin_family = AF_INET};
        socklen_t size = sizeof address;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);
        bool free = bind(tcp, (struct sockaddr *)&address, sizeof address) == 0 &&
                    getsockname(tcp, (struct sockaddr *)&address, &size) == 0 &&
                    bind(udp, (struct sockaddr *)&address, sizeof address) == 0;
        close(tcp);
        close(udp);
        if (free)
            return ntohs(address.sin_port);
    }
    return 0;
}

/* Takes the next whole line out of what was read; a line too long is cut. */
static bool take_line(struct node *node)
{
    char *end = memchr(node->partial, '\n', node->have);
    if (end == NULL)
        return false;
    size_t size = (size_t)(end - node->partial);
    memcpy(node->line, node->partial, size);
    node->line[size] = '\0';
    node->have -= size + 1;
    memmove(node->partial, end + 1, node->have);
    return true;
}

bool node_line(struct node *node, int timeout_ms)
{
    if (take_line(node))
        return true;
    struct pollfd wait = {.fd = node->output, .events = POLLIN};
    if (poll(&wait, 1, timeout_ms) != 1)
        return false;
    if (node->have == sizeof node->partial)
        node->have = 0;
    ssize_t size =
        read(node->output, node->partial + node->have, sizeof node->partial - node->have);
    if (size <= 0) { /* It ended: nothing more will come, but do not spin. */
        poll(NULL, 0, timeout_ms);
        return false;
    }
    node->have += (size_t)size;
    return take_line(node);
}

/* The node prints its address as /ip4/A/udp/P/p2p/ID; we dial it on loopback. */
static bool take_address(struct node *node, unsigned port)
{
    const char *id = strstr(node->line, "/p2p/");
    if (id == NULL || strstr(node->line, "/udp/") == NULL)
        return false;
    size_t size = strcspn(id, " \t\"");
    snprintf(node->address, sizeof node->address, "/ip4/127.0.0.1/udp/%u%.*s", port, (int)size, id);
    return true;
}

bool node_start(struct node *node, const char *tally, const char *data, const char *peer,
                const char *verify)
{
    char number[16];
    const char *words[NODE_WORDS] = {tally, "run", "--data", data, "--profile", "static", "--port"};
    size_t count = 7;
    unsigned port = free_port();
    snprintf(number, sizeof number, "%u", port);
    words[count++] = number;
    if (peer != NULL) {
        words[count++] = "--peer";
        words[count++] = peer;
    }
    if (verify != NULL) {
        words[count++] = "--verify";
        words[count++] = verify;
    }
    *node = (struct node){.pid = 0};
    snprintf(node->data, sizeof node->data, "%s", data);
    node->pid = start(words, true, &node->output);
    double until = bench_now() + START_MS / 1000;
    while (node->pid > 0 && bench_now() < until) {
        if (node_line(node, 100) && take_address(node, port))
            return true;
        if (waitpid(node->pid, NULL, WNOHANG) == node->pid)
            node->pid = 0;
    }
    bench_complain("tally run did not start: %s", node->line);
    node_stop(node);
    return false;
}

void node_stop(struct node *node)
{
    if (node->pid > 0) {
        kill(node->pid, SIGTERM);
        waitpid(node->pid, NULL, 0);
        close(node->output);
    }
    node->pid = 0;
}

bool node_usage(const struct node *node, struct node_usage *usage)
{
    char path[64], text[NODE_TEXT];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)node->pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    /* proc(5): after the name in brackets, field 3 is the state; 14, 15 time in ticks; 24 pages. */
    const char *at = strrchr(text, ')');
    unsigned long user, kernel;
    long pages;
    if (at == NULL || sscanf(at + 2,
                             "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d "
                             "%*d %*d %*u %*u %ld",
                             &user, &kernel, &pages) != 3)
        return false;
    usage->cpu_s = (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
    usage->resident_mb = (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
    return true;
}

bool node_command(const char *const *words, char first[NODE_TEXT])
{
    int output, status = -1;
    pid_t pid = start(words, false, &output);
    first[0] = '\0';
    if (pid < 0)
        return false;
    FILE *file = fdopen(output, "r");
    char rest[4096];
    if (file != NULL && fgets(first, NODE_TEXT, file) != NULL)
        while (fread(rest, 1, sizeof rest, file) > 0)
            continue;
    if (file != NULL)
        fclose(file);
    waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool node_folder(char path[NODE_TEXT])
{
    snprintf(path, NODE_TEXT, "bench-XXXXXX");
    return mkdtemp(path) != NULL;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status;
    (void)kind;
    (void)at;
    return remove(path);
}

void node_folder_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

uint64_t node_log_size(const char *data, const char *origin)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    char name[2 * sizeof hash + 1], path[2 * NODE_TEXT];
    uint64_t size = 0;
    crypto_hash_sha256(hash, (const unsigned char *)origin, strlen(origin));
    sodium_bin2hex(name, sizeof name, hash, sizeof hash);
    snprintf(path, sizeof path, "%s/logs/%s/checkpoint", data, name);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%*[^\n]\n%" SCNu64, &size) != 1)
        size = 0;
    fclose(file);
    return size;
}
