/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_NODE_H
#define BENCH_NODE_H
/* Real `tally` processes, driven as an operator would: by their command line and their files. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { NODE_TEXT = 1024, NODE_WORDS = 32 };

struct node {
    pid_t pid;
    int output; /* What it says on stdout and stderr; non-blocking. */
    char data[NODE_TEXT], address[NODE_TEXT];
    char line[NODE_TEXT]; /* The last whole line it said. */
    size_t have;          /* Bytes of the line after that. */
    char partial[NODE_TEXT];
};

struct node_usage {
    double cpu_s;       /* User and system time so far. */
    double resident_mb; /* Of 1e6 bytes. */
};

/* Starts `tally run` on a data directory and a free port; false if it does not say its address. */
bool node_start(struct node *node, const char *tally, const char *data, const char *peer,
                const char *verify);

/* Reads what the node said; true if there was a line, which is then in node->line. */
bool node_line(struct node *node, int timeout_ms);

void node_stop(struct node *node);
bool node_usage(const struct node *node, struct node_usage *usage);

/* Runs a command to its end; the first line it prints goes to `first`. False unless it exits 0. */
bool node_command(const char *const *words, char first[NODE_TEXT]);

/* A new folder for data below the working directory, and its end. */
bool node_folder(char path[NODE_TEXT]);
void node_folder_remove(const char *path);

/* The size in a stored checkpoint of the log of that origin; 0 without one. */
uint64_t node_log_size(const char *data, const char *origin);

#endif
