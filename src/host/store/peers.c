/* SPDX-License-Identifier: Apache-2.0 */
/* peers.last: «IP PORT KEY» a line. A hint: whatever cannot be read is skipped. */
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "host/store/inside.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_SIZE = INET6_ADDRSTRLEN + 8 + 64 + 4, FILE_MAX_SIZE = 256 << 10 };

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291 section 2.5.5.2. */

static int write_line(const struct store_peer *peer, char line[LINE_MAX_SIZE])
{
    const uint8_t *ip = peer->address.ip;
    char text[INET6_ADDRSTRLEN], hex[2 * sizeof peer->key.bytes + 1];
    bool is_mapped = memcmp(ip, mapped, sizeof mapped) == 0;
    if (inet_ntop(is_mapped ? AF_INET : AF_INET6, is_mapped ? ip + 12 : ip, text, sizeof text) ==
        NULL)
        return 0;
    hex_write(bytes_of(peer->key.bytes, sizeof peer->key.bytes), hex);
    return snprintf(line, LINE_MAX_SIZE, "%s %u %s\n", text, peer->address.port, hex);
}

static bool read_line(const char *line, struct store_peer *peer)
{
    char text[INET6_ADDRSTRLEN] = "", hex[65] = "";
    unsigned port = 0;
    if (sscanf(line, "%45[0-9a-fA-F:.] %u %64[0-9a-f]", text, &port, hex) != 3 || port == 0 ||
        port > UINT16_MAX || !hex_read(hex, peer->key.bytes, sizeof peer->key.bytes))
        return false;
    peer->address.port = (uint16_t)port;
    if (inet_pton(AF_INET6, text, peer->address.ip) == 1)
        return true;
    memcpy(peer->address.ip, mapped, sizeof mapped);
    return inet_pton(AF_INET, text, peer->address.ip + 12) == 1;
}

size_t store_peers_read(struct store *store, struct store_peer *peers, size_t capacity)
{
    char *text = malloc(FILE_MAX_SIZE + 1);
    size_t size = 0, count = 0;
    if (text == NULL || disk_read(store->disk.root, "peers.last", (uint8_t *)text, FILE_MAX_SIZE,
                                  &size) != TALLY_OK)
        size = 0;
    if (text != NULL)
        text[size] = '\0';
    char *rest = NULL;
    for (char *line = text == NULL ? NULL : strtok_r(text, "\n", &rest);
         line != NULL && count < capacity; line = strtok_r(NULL, "\n", &rest))
        count += read_line(line, &peers[count]);
    free(text);
    return count;
}

enum tally_error store_peers_write(struct store *store, const struct store_peer *peers,
                                   size_t count)
{
    if (store->read_only)
        return TALLY_READ_ONLY;
    if (count > TALLY_PEERS_MAX * TALLY_ADDRESSES_MAX)
        return TALLY_TOO_LARGE;
    char *text = malloc(count * LINE_MAX_SIZE + 1);
    if (text == NULL)
        return TALLY_NO_MEMORY;
    struct tally_bytes part = bytes_of(text, 0);
    for (size_t i = 0; i < count; i++)
        part.size += (size_t)write_line(&peers[i], text + part.size);
    enum tally_error error = disk_put(&store->disk, "peers.last", &part, 1);
    free(text);
    return error == TALLY_OK ? disk_flush(&store->disk) : error;
}
