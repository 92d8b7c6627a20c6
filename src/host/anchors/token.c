/* SPDX-License-Identifier: Apache-2.0 */
/* This program again, as the reader of one token: the question in a memory file, the answer through
   a pipe. A fresh process holds nothing of ours that a crash of it could show. */
#include "host/anchors/token.h"

#include "core/base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILD_NAME "tally-token"

enum { MEMORY_MAX = 64 << 20, CPU_S = 5 };

/* ---- The parent's side ---- */

static bool write_all(int fd, const void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t more = write(fd, (const uint8_t *)bytes + done, size - done);
        if (more <= 0 && errno != EINTR)
            return false;
        done += more > 0 ? (size_t)more : 0;
    }
    return true;
}

static int question_file(const struct token_question *question, struct tally_bytes roots,
                         struct tally_bytes crl, struct tally_bytes token)
{
    int fd = memfd_create("token", MFD_CLOEXEC);
    if (fd >= 0 && write_all(fd, question, sizeof *question) &&
        write_all(fd, roots.data, roots.size) && write_all(fd, crl.data, crl.size) &&
        write_all(fd, token.data, token.size) && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

static pid_t start(int in, int out)
{
    static char name[] = CHILD_NAME;
    char *const arguments[] = {name, NULL}, *const environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid = -1;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return -1;
    if (posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO) != 0 ||
        posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO) != 0 ||
        posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO) != 0 ||
        posix_spawn(&pid, "/proc/self/exe", &actions, NULL, arguments, environment) != 0)
        pid = -1;
    (void)posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static int64_t mono_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The whole answer, within patience. */
static bool read_answer(int fd, struct token_answer *answer)
{
    const int64_t end = mono_ms() + TOKEN_PATIENCE_MS;
    size_t size = 0;
    while (size < sizeof *answer) {
        struct pollfd one = {.fd = fd, .events = POLLIN};
        int64_t left = end - mono_ms();
        if (left <= 0 || poll(&one, 1, (int)left) < 0)
            return false;
        if (one.revents == 0)
            continue;
        ssize_t got = read(fd, (uint8_t *)answer + size, sizeof *answer - size);
        if (got <= 0)
            return false;
        size += (size_t)got;
    }
    return true;
}

/* What came out of that process is believed no further than it must be. */
static bool answer_holds(const struct token_answer *answer, const struct token_question *question)
{
    return (unsigned)answer->reason < TALLY_ANCHOR_REASON_COUNT &&
           (question->imprint_count == 0 || answer->imprint < question->imprint_count) &&
           memchr(answer->policy, '\0', sizeof answer->policy) != NULL;
}

void token_judge(const struct token_question *question, struct tally_bytes roots,
                 struct tally_bytes crl, struct tally_bytes token, struct token_answer *answer)
{
    struct token_question whole = *question;
    int pipe_ends[2], status;
    *answer = (struct token_answer){.reason = TALLY_ANCHOR_IS_SIZE};
    if (token.size > TOKEN_MAX || roots.size > TOKEN_PEM_MAX || crl.size > TOKEN_PEM_MAX)
        return;
    answer->reason = TALLY_ANCHOR_IS_READER;
    whole.roots_size = (uint32_t)roots.size;
    whole.crl_size = (uint32_t)crl.size;
    whole.token_size = (uint32_t)token.size;
    int in = question_file(&whole, roots, crl, token);
    if (in < 0 || pipe2(pipe_ends, O_CLOEXEC) != 0) {
        if (in >= 0)
            (void)close(in);
        return;
    }
    pid_t pid = start(in, pipe_ends[1]);
    (void)close(in);
    (void)close(pipe_ends[1]);
    bool good = pid > 0 && read_answer(pipe_ends[0], answer) && answer_holds(answer, question);
    (void)close(pipe_ends[0]);
    if (pid > 0) {
        (void)kill(pid, SIGKILL); /* It has nothing left to do. */
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
    }
    if (!good)
        *answer = (struct token_answer){.reason = TALLY_ANCHOR_IS_READER};
}

/* ---- The child's side ---- */

bool token_child_wanted(int count, char **arguments)
{
    return count == 1 && strcmp(arguments[0], CHILD_NAME) == 0;
}

/* A sanitizer maps terabytes and asks the kernel for much more: with one there are no bounds. */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined __SANITIZE_ADDRESS__ || __has_feature(address_sanitizer)
static const bool sanitized = true;
#else
static const bool sanitized = false;
#endif

static bool limit(void)
{
    const struct rlimit memory = {MEMORY_MAX, MEMORY_MAX}, cpu = {CPU_S, CPU_S}, none = {0, 0};
    /* DATA counts what is written to, also by mmap; AS would count forty shared libraries. */
    return sanitized ||
           (setrlimit(RLIMIT_DATA, &memory) == 0 && setrlimit(RLIMIT_CPU, &cpu) == 0 &&
            setrlimit(RLIMIT_CORE, &none) == 0 && setrlimit(RLIMIT_FSIZE, &none) == 0 &&
            setrlimit(RLIMIT_NOFILE, &none) == 0);
}

#if defined __x86_64__
#define OUR_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define OUR_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

/* Memory, the answer, and the end: nothing else may be asked of the kernel. Elsewhere than on these
   two machines the limits above must do. */
static bool confine(void)
{
#ifdef OUR_ARCHITECTURE
#define ALLOW(call)                                                                                \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (__NR_##call), 0, 1),                                      \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCHITECTURE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(write),
        ALLOW(brk),
        ALLOW(mmap),
        ALLOW(munmap),
        ALLOW(mremap),
        ALLOW(madvise),
        ALLOW(futex),
        ALLOW(clock_gettime),
        ALLOW(gettimeofday),
        ALLOW(getpid),
        ALLOW(getrandom),
        ALLOW(sysinfo), /* qsort of the C library. */
        ALLOW(rt_sigreturn),
        ALLOW(exit),
        ALLOW(exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
#undef ALLOW
    const struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
    return sanitized || (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
#else
    return true;
#endif
}

static bool read_all(void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = read(STDIN_FILENO, (uint8_t *)bytes + done, size - done);
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

int token_child(void)
{
    static struct token_question question;
    static struct token_answer answer;
    static uint8_t bytes[2 * TOKEN_PEM_MAX + TOKEN_MAX];
    /* No configuration file, and no engine that it could name. */
    if (!OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) || !limit() ||
        !read_all(&question, sizeof question) || question.roots_size > TOKEN_PEM_MAX ||
        question.crl_size > TOKEN_PEM_MAX || question.token_size > TOKEN_MAX ||
        question.policy_count > TOKEN_POLICIES_MAX || question.imprint_count > TOKEN_IMPRINTS_MAX ||
        question.revoked_count > TOKEN_REVOKED_MAX)
        return EXIT_FAILURE;
    size_t crl = question.roots_size, token = crl + question.crl_size;
    /* Whoever asks for a time first makes the C library open a file: now, not confined. */
    (void)setenv("TZ", "UTC0", 1);
    tzset();
    if (!read_all(bytes, token + question.token_size) || !confine())
        return EXIT_FAILURE;
    token_read(&question, bytes_of(bytes, question.roots_size),
               bytes_of(bytes + crl, question.crl_size),
               bytes_of(bytes + token, question.token_size), &answer);
    if (write(STDOUT_FILENO, &answer, sizeof answer) != (ssize_t)sizeof answer)
        return EXIT_FAILURE;
    _exit(EXIT_SUCCESS);
}
