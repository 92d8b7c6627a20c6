# SPDX-License-Identifier: Apache-2.0
"""A node that only answers at the admin socket, with what a test wants (proto/admin.cddl)."""
import json
import os
import socket
import struct
import threading
import time

QUERY, ANSWER = 3, 4


def varint(number):
    out = b''
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def frame(request, error, text):
    """[4, request, error, more, text] with its length in front."""
    head = bytes([0x95, ANSWER]) + (bytes([request]) if request < 128 else b'\xcc' +
                                    bytes([request]))
    body = b'\xc4' + bytes([len(text)]) if len(text) < 256 else b'\xc5' + struct.pack(
        '>H', len(text))
    whole = head + bytes([error]) + b'\xc2' + body + text
    return varint(len(whole)) + whole


class FakeNode:
    """answers: verb -> what json.dumps makes a text of, bytes as they stand, a number (an error),
    or None: the connection ends. delays: verb -> seconds before the answer."""

    def __init__(self, data, answers, **delays):
        os.makedirs(os.path.join(data, 'keys'), 0o700)
        os.chmod(data, 0o700)
        self.answers, self.delays, self.asked = answers, delays, []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(os.path.join(data, 'admin.sock'))
        self.listener.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.answer, args=(client,), daemon=True).start()

    def answer(self, client):
        with client:
            received = client.recv(4096)  # One frame: [3, request, verb, argument].
            at = 1 if received[0] < 128 else 2
            request, rest = received[at + 2], received[at + 3:]
            words = []
            while rest:
                size, skip = (rest[0] & 31, 1) if rest[0] & 0xe0 == 0xa0 else (rest[1], 2)
                words.append(rest[skip:skip + size].decode())
                rest = rest[skip + size:]
            self.asked.append(tuple(words))
            verb = words[0].replace('-', '_')
            time.sleep(self.delays.get(verb, 0))
            found = self.answers.get(verb, 4)  # NOT_FOUND.
            if found is None:
                return
            error = found if isinstance(found, int) else 0
            text = (b'' if error else found if isinstance(found, bytes)
                    else json.dumps(found).encode())
            try:
                client.sendall(frame(request, error, text))
            except BrokenPipeError:
                pass  # Whoever asked did not wait.
