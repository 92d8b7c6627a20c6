/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"
#include "core/crypto/sign.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS_MAX = 256, MESSAGE = 256 };

static void *verify_for_a_second(void *argument)
{
    static const uint8_t seed[32] = {1};
    uint8_t bytes[MESSAGE] = {0};
    struct tally_key key;
    struct tally_signature signature;
    struct tally_bytes message = {bytes, sizeof bytes};
    double *rate = argument;
    unsigned count = 0;
    sign_key(seed, &key);
    sign_with_seed(seed, message, &signature);
    double start = bench_now(), now = start;
    for (; now < start + 1; now = bench_now())
        for (unsigned i = 0; i < 64; i++)
            count += sign_verify(&key, message, &signature);
    *rate = count / (now - start);
    return NULL;
}

double bench_verify_rate(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = cores < 1 ? 1 : cores > THREADS_MAX ? THREADS_MAX : (size_t)cores;
    pthread_t threads[THREADS_MAX];
    double rates[THREADS_MAX] = {0}, sum = 0;
    size_t started = 0;
    while (started < count &&
           pthread_create(&threads[started], NULL, verify_for_a_second, &rates[started]) == 0)
        started++;
    for (size_t i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
        sum += rates[i];
    }
    return sum;
}
