// Runs in a program or page with the bundled package, and returns the bits of some results and how they were computed.

import { openSimd } from '../src'
import { put, room, take } from './engines'
import { Random } from './random'

export default async ({ threads }: { threads: number }) => {
  const engine = await openSimd({ threads, relaxed: false })
  const random = new Random(1)
  const [n, k] = [700, 512]
  const x = put(engine, random.normal(9 * k))
  const data = Uint8Array.from({ length: (n * k * 34) / 32 }, (_, i) => (i % 34 === 1 ? 0x20 : random.integer(0, 255)))
  const weight = engine.packWeight({ dtype: 'q8_0', out: n, in: k, data })
  const out = room(engine, 9 * n)
  engine.linear(x, weight, out, 9)
  const nineRows = Array.from(take(engine, out, 9 * n))
  engine.linear(x, weight, out, 1)
  const oneRow = Array.from(take(engine, out, 9 * n).subarray(0, n))
  const report = { threads: engine.threads, whyOneThread: engine.whyOneThread ?? null, nineRows, oneRow }
  if (threads === 2) await engine.close() // with other numbers the workers stay, and must not keep the process alive
  return report
}
