// SPDX-License-Identifier: Apache-2.0
// A stock js-libp2p 3, as the tests of this folder want it.
// Debian 12 has Node 18, and libp2p 3 wants what came with 19, 20 and 22.
globalThis.crypto ??= (await import('node:crypto')).webcrypto
globalThis.CustomEvent ??= class extends Event {
  constructor (type, options) {
    super(type, options)
    this.detail = options?.detail ?? null
  }
}
Promise.withResolvers ??= function () {
  let resolve, reject
  const promise = new Promise((a, b) => { resolve = a; reject = b })
  return { promise, resolve, reject }
}
const { createLibp2p } = await import('libp2p')
const { tcp } = await import('@libp2p/tcp')
const { noise } = await import('@libp2p/noise')
const { yamux } = await import('@libp2p/yamux')
const { identify } = await import('@libp2p/identify')
const { ping } = await import('@libp2p/ping')
const { fetch } = await import('@libp2p/fetch')
const { generateKeyPairFromSeed } = await import('@libp2p/crypto/keys')

export const key = async fill => generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(fill))
export const start = async (listen, more = {}) => createLibp2p({
  privateKey: await key(7),
  addresses: { listen },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  services: { identify: identify(), ping: ping(), fetch: fetch() },
  connectionGater: { denyDialMultiaddr: async () => false },
  connectionMonitor: { enabled: false },
  ...more
})
