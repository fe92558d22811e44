// Opens and closes an engine with a worker many times, and prints threads, files and memory of the process, which must not
// grow. Build first; then
//   node --expose-gc bench/leaks.mjs [--cycles 10000]

import { readdirSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { openSimd } from '../dist/index.js'

const { values } = parseArgs({ options: { cycles: { type: 'string', default: '10000' } } })
const cycles = Number(values.cycles)

/** What Linux says of this process. */
const held = () => {
  const status = readFileSync('/proc/self/status', 'utf8')
  const number = key => Number(status.match(new RegExp(`${key}:\\s+(\\d+)`))[1])
  return { threads: number('Threads'), files: readdirSync('/proc/self/fd').length, residentMiB: number('VmRSS') >> 10 }
}

for (let cycle = 0; cycle <= cycles; cycle++) {
  if (cycle % Math.ceil(cycles / 20) === 0) {
    globalThis.gc?.()
    console.log(cycle, JSON.stringify(held()))
  }
  const engine = await openSimd({ threads: 2 })
  const count = 100_000
  const x = engine.alloc(4 * count)
  engine.add(x, x, x, count)
  engine.free(x)
  await engine.close()
  if (engine.usedBytes !== 0) throw new Error(`${engine.usedBytes} bytes are left in cycle ${cycle}`)
}
