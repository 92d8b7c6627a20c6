// SPDX-License-Identifier: Apache-2.0
// A stock js-libp2p 3 looks for a node by mDNS, dials it where it says, and waits to be found.
//
//   node mdns.mjs LISTEN ID    says what it finds of ID, dials and pings it; serves until SIGTERM
import { start } from './peer.mjs'
const { mdns } = await import('@libp2p/mdns')

const [listen, wanted] = process.argv.slice(2)
const node = await start([listen], { peerDiscovery: [mdns()] })
const raw = node.peerId.publicKey.raw
console.log('key', Buffer.from(raw.subarray(0, 4)).toString('hex'))
node.addEventListener('peer:discovery', async ({ detail }) => {
  if (detail.id.toString() !== wanted) return
  console.log('found', detail.multiaddrs.map(String).join(' '))
  const connection = await node.dial(detail.id)
  console.log('ping', await node.services.ping.ping(connection.remotePeer), 'ms')
  console.log('all good')
})
process.on('SIGTERM', () => node.stop().then(() => process.exit(0)))
