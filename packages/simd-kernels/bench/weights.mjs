// What linear layers and matrix products reach, type by type: giga-operations and gigabytes of packed weights a second, the best of
// several runs. Build first; then
//   node bench/weights.mjs [--threads 1] [--relaxed true|false] [--only q4_k] [--tokens 1,8,128] [--out 4096] [--in 2048]
// --against DIR alternates between this build and the one in another checkout's dist, and prints both.

import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    threads: { type: 'string', default: '1' },
    relaxed: { type: 'string', default: 'auto' },
    only: { type: 'string', default: '' },
    tokens: { type: 'string', default: '1,2,8,128' },
    out: { type: 'string', default: '2048' },
    in: { type: 'string', default: '2048' },
    seconds: { type: 'string', default: '0.3' },
    module: { type: 'string', default: '../dist/index.js' },
    against: { type: 'string' },
  },
})
const modules = await Promise.all([values.module, values.against].filter(Boolean).map(path => import(path)))
const relaxed = { auto: 'auto', true: true, false: false }[values.relaxed]
const engines = await Promise.all(modules.map(({ openSimd }) => openSimd({ threads: Number(values.threads), relaxed })))
for (const engine of engines)
  console.log(
    `Node ${process.versions.node}, ${engine.threads} threads, ${engine.build} build, int8 dot ${engine.int8Dot}, fma ${engine.fma}`,
  )

/** Times `work(engine, run)` on the engines alternately, many times, and prints the best of each. */
const measure = (name, operations, bytes, works) => {
  const best = works.map(() => Number.POSITIVE_INFINITY)
  const end = performance.now() + 1000 * Number(values.seconds) * works.length
  for (let run = 0; run < 10 || performance.now() < end; run++)
    for (const [i, work] of works.entries()) {
      const begin = performance.now()
      work(run)
      best[i] = Math.min(best[i], performance.now() - begin)
    }
  const figures = best.map(
    time =>
      `${(time * 1e3).toFixed(0).padStart(8)} µs ${(operations / time / 1e6).toFixed(1).padStart(6)} Gop/s ${(bytes / time / 1e6).toFixed(1).padStart(5)} GB/s`,
  )
  console.log(`${name.padEnd(34)} ${figures.join('   |')}`)
}

/** Offsets of the f16 scales and minima in blocks, and the blocks' sizes. */
const blocks = {
  q8_0: [32, 34, [0]],
  q4_0: [32, 18, [0]],
  q4_1: [32, 20, [0, 2]],
  q5_0: [32, 22, [0]],
  q5_1: [32, 24, [0, 2]],
  iq4_nl: [32, 18, [0]],
  q2_k: [256, 84, [80, 82]],
  q3_k: [256, 110, [108]],
  q4_k: [256, 144, [0, 2]],
  q5_k: [256, 176, [0, 2]],
  q6_k: [256, 210, [208]],
  iq4_xs: [256, 136, [0]],
}

/** Pseudo-random weights, none of them subnormal, as the bytes of a file. */
const weightData = (dtype, count) => {
  if (dtype === 'f32') return Float32Array.from({ length: count }, (_, i) => Math.sin(i))
  if (dtype === 'f16' || dtype === 'bf16')
    return Uint16Array.from({ length: count }, (_, i) => 0x2000 + (Math.imul(i, 2654435761) & 0x97ff))
  const [elements, bytes, scales] = blocks[dtype]
  const data = new Uint8Array((count / elements) * bytes)
  for (let i = 0; i < data.length; i++) data[i] = Math.imul(i, 2654435761) >>> 24
  for (let i = 0; i < data.length; i += bytes) for (const at of scales) data.set([0, 0x20], i + at)
  return data
}

const [out, columns] = [Number(values.out), Number(values.in)]
const counts = values.tokens.split(',').map(Number)
const most = Math.max(...counts)
const x = engines.map(engine => engine.alloc(4 * most * columns))
const y = engines.map(engine => engine.alloc(4 * most * out))
for (const [i, engine] of engines.entries()) {
  const numbers = engine.f32(x[i], most * columns)
  for (let j = 0; j < numbers.length; j++) numbers[j] = Math.sin(j)
}
const everyType = ['f32', 'f16', 'bf16', ...Object.keys(blocks)]
const known = modules.map(module => module.weightTypes ?? ['f32', 'f16', 'q8_0', 'q4_0'])
for (const dtype of everyType.filter(type => type.startsWith(values.only))) {
  const data = weightData(dtype, out * columns)
  // Several weights, used one after the other as in decoding, so that none stays in a cache.
  const copies = Math.max(2, Math.ceil(1e8 / data.byteLength))
  const able = [...engines.keys()].filter(i => known[i].includes(dtype))
  const weights = able.map(i =>
    Array.from({ length: copies }, () => engines[i].packWeight({ dtype, out, in: columns, data })),
  )
  for (const tokens of counts)
    measure(
      `${dtype}, ${tokens} x [${out}, ${columns}]`,
      2 * tokens * out * columns,
      data.byteLength,
      able.map((i, j) => run => engines[i].linear(x[i], weights[j][run % copies], y[i], tokens)),
    )
  measure(
    `${dtype}, packing [${out}, ${columns}]`,
    0,
    data.byteLength,
    able.map(i => () => engines[i].free(engines[i].packWeight({ dtype, out, in: columns, data }).pointer)),
  )
  for (const [j, i] of able.entries()) for (const { pointer } of weights[j]) engines[i].free(pointer)
}
for (const engine of engines) await engine.close()
