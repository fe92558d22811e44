// What each kernel reaches on this machine, in giga-operations and gigabytes of weights or operands a second: the best of several
// runs, because other work on the machine can only slow a run down. Build first; then
//   node bench/kernels.mjs [--threads 1] [--relaxed true|false] [--only matmul]; linear layers are in weights.mjs

import { parseArgs } from 'node:util'
import { cacheRowBytes, openSimd } from '../dist/index.js'

const { values } = parseArgs({
  options: {
    threads: { type: 'string', default: '1' },
    relaxed: { type: 'string', default: 'auto' },
    only: { type: 'string', default: '' },
    seconds: { type: 'string', default: '0.4' },
  },
})
const relaxed = { auto: 'auto', true: true, false: false }[values.relaxed]
const engine = await openSimd({ threads: Number(values.threads), relaxed })
console.log(
  `Node ${process.versions.node}, ${engine.threads} threads, ${engine.build} build, int8 dot ${engine.int8Dot}, fma ${engine.fma}`,
)

/** Times `work(run)` over and over and prints the best. */
const measure = (name, operations, bytes, work) => {
  if (!name.includes(values.only)) return
  let best = Number.POSITIVE_INFINITY
  const end = performance.now() + 1000 * Number(values.seconds)
  for (let run = 0; run < 10 || performance.now() < end; run++) {
    const begin = performance.now()
    work(run)
    best = Math.min(best, performance.now() - begin)
  }
  const figures = [(best * 1e3).toFixed(1), (operations / best / 1e6).toFixed(1), (bytes / best / 1e6).toFixed(1)]
  console.log(`${name.padEnd(34)} ${figures.map(figure => figure.padStart(9)).join(' ')}`)
}
console.log(`${''.padEnd(34)}        µs    Gop/s      GB/s`)

const room = count => {
  const pointer = engine.alloc(4 * count)
  const numbers = engine.f32(pointer, count)
  for (let i = 0; i < count; i++) numbers[i] = Math.sin(i)
  return pointer
}

const [dim, hidden] = [2048, 5632]
const x = room(128 * hidden)
const y = room(128 * hidden)

const size = { m: 384, n: 512, k: 512 }
const [a, b] = [room(size.m * size.k), room(size.k * size.n)]
for (const transpose of [{}, { b: true }, { a: true }])
  measure(
    `matmul ${transpose.a ? 'T' : 'N'}${transpose.b ? 'T' : 'N'} 384 x 512 x 512`,
    2 * size.m * size.n * size.k,
    4 * (size.m * size.k + size.k * size.n),
    () => engine.matmul(a, b, y, size, transpose),
  )

const i32 = numbers => {
  const pointer = engine.alloc(4 * numbers.length)
  engine.i32(pointer, numbers.length).set(numbers)
  return pointer
}

// Decoding behind `depth` rows, and a prompt of 512 tokens. Bytes: keys and values that are seen at least once.
for (const [name, heads, kvHeads, headDim] of [
  ['12/12 x 64', 12, 12, 64],
  ['32/4 x 64', 32, 4, 64],
  ['32/8 x 128', 32, 8, 128],
])
  for (const [tokens, depth] of [
    [1, 1536],
    [1, 4096],
    [512, 0],
    [512, 1536],
  ])
    for (const dtype of ['f32', 'f16', 'q8_0']) {
      const label = `attention ${dtype}, ${tokens} behind ${depth}, ${name}`
      if (!label.includes(values.only)) continue
      const [rows, width] = [tokens + depth, kvHeads * headDim]
      const bytes = rows * cacheRowBytes(dtype, width)
      // Each layer has its own cache; together they have 64 MB.
      const layers = Math.max(1, Math.min(12, Math.ceil(3.2e7 / bytes)))
      const caches = Array.from({ length: 2 * layers }, () => engine.alloc(bytes))
      const source = room(rows * width)
      const all = i32(Array.from({ length: rows }, (_, row) => row))
      for (const cache of caches) engine.writeRows(cache, source, all, { tokens: rows, width, dtype })
      const [q, out] = [room(tokens * heads * headDim), room(tokens * heads * headDim)]
      const first = i32(new Array(tokens).fill(0))
      const last = i32(Array.from({ length: tokens }, (_, t) => depth + t))
      const seen = tokens * depth + (tokens * (tokens + 1)) / 2
      measure(label, 4 * seen * heads * headDim, 2 * bytes, run => {
        const layer = 2 * (run % layers)
        engine.attention(q, caches[layer], caches[layer + 1], first, last, out, {
          tokens,
          heads,
          kvHeads,
          headDim,
          cache: dtype,
        })
      })
      for (const pointer of [...caches, source, all, q, out, first, last]) engine.free(pointer)
    }

const zeros = i32(new Array(128).fill(0))
for (const rows of [1, 128]) {
  const count = rows * dim
  measure(`rmsNorm ${rows} x ${dim}`, 4 * count, 8 * count, () => engine.rmsNorm(x, a, y, rows, dim, 1e-5))
  measure(`rope ${rows} x 32 x 64`, 3 * count, 8 * count, () =>
    engine.rope(x, a, b, zeros, y, { rows, heads: 32, headDim: 64, pairing: 'interleaved' }),
  )
  measure(`siluMul ${rows} x ${hidden}`, rows * hidden, 12 * rows * hidden, () =>
    engine.siluMul(x, y, y, rows * hidden),
  )
  measure(`add ${rows} x ${dim}`, count, 12 * count, () => engine.add(x, y, y, count))
}
measure('softmax 1 x 32000', 32_000, 256_000, () => engine.softmax(x, y, 1, 32_000))
measure('argMax 32000', 32_000, 128_000, () => engine.argMax(x, 1, 32_000, 32_000, y))

// A row of 1,024 tokens in four documents: forward has two products, backward five.
for (const [heads, kvHeads, headDim] of [
  [8, 4, 32],
  [6, 2, 64],
]) {
  const tokens = 1024
  const [q, d, out] = Array.from({ length: 3 }, () => room(tokens * heads * headDim))
  const [keys, vals, dk, dv] = Array.from({ length: 4 }, () => room(tokens * kvHeads * headDim))
  const first = i32(Array.from({ length: tokens }, (_, t) => t - (t % 256)))
  const last = i32(Array.from({ length: tokens }, (_, t) => t))
  const options = { tokens, rows: tokens, heads, kvHeads, headDim }
  const product = 2 * 4 * ((256 * 257) / 2) * heads * headDim
  const bytes = 4 * tokens * headDim * (2 * heads + 2 * kvHeads)
  const name = `${heads}/${kvHeads} x ${headDim}, 4 x 256`
  measure(`attention f32, ${name}`, 2 * product, bytes, () =>
    engine.attention(q, keys, vals, first, last, out, options),
  )
  measure(`attentionBackward, ${name}`, 5 * product, 2 * bytes, () =>
    engine.attentionBackward(q, keys, vals, first, last, d, out, dk, dv, options),
  )
}
const rows = 256
const [tokens, width, vocab] = [i32(new Array(rows).fill(7)), 512, 2048]
measure(`rmsNormBackward ${rows} x ${width}`, 9 * rows * width, 12 * rows * width, () =>
  engine.rmsNormBackward(x, a, b, y, y + 4 * rows * width, rows, width, 1e-5),
)
measure(`siluMulBackward ${rows} x ${width}`, rows * width, 20 * rows * width, () =>
  engine.siluMulBackward(x, a, b, y, y + 4 * rows * width, rows * width),
)
measure(`crossEntropy ${rows} x ${vocab}`, rows * vocab, 4 * rows * vocab, () =>
  engine.crossEntropy(x, tokens, y, rows, vocab),
)
measure(`crossEntropyBackward ${rows} x ${vocab}`, rows * vocab, 8 * rows * vocab, () =>
  engine.crossEntropyBackward(x, tokens, a, y, rows, vocab),
)
const adamw = { lr: 1e-3, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1, factor: 1 }
measure('adamw 100000', 12e5, 28e5, () =>
  engine.adamw(x, a, a, y, 100_000, { ...adamw, correction1: 0.1, correction2: 0.05 }),
)
measure('sumSquares 100000', 2e5, 4e5, () => engine.sumSquares(x, 100_000))
await engine.close()
