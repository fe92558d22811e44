import { dtypes } from '@cria/dtypes'
import { sizeOf } from '../../shape'
import type { Spec } from '../../spec'
import { GPU_COPY_DST, GPU_STORAGE, type GpuStorage } from './buffers'
import { partsOf } from './pack-weight'
import type { DispatchQueue } from './queue'
import { bindings, foldGroups, shaderOf } from './shaders/shader'

/** The block types that shaders read. */
type BlockType = 'q8_0' | 'q4_0' | 'q4_k' | 'q6_k'

/** How the words of one part are made from blocks as GGUF has them: those of q4_k and q6_k are super-blocks. */
interface Part {
  /** Words of a block, or one for two blocks. */
  readonly words: number | 'half'
  /** WGSL of word `j` of the block at byte `at`; of the 16 bits of a block if the part has half a word for each. */
  readonly code: string
}

/** By type, in the order of `partsOf`. */
const parts: Readonly<Record<BlockType, readonly Part[]>> = {
  q8_0: [
    { words: 8, code: 'wordAt(at + 2u + 4u * j)' },
    { words: 'half', code: 'halfAt(at)' },
  ],
  q4_0: [
    { words: 4, code: 'wordAt(at + 2u + 4u * j)' },
    { words: 'half', code: 'halfAt(at)' },
  ],
  // Each block of 32 as in q4_0: GGUF keeps two blocks in the halves of the same 32 bytes.
  q4_k: [
    { words: 32, code: 'twoBlocks(at + 16u + 32u * (j / 8u) + 4u * (j % 4u), (j / 4u) % 2u)' },
    { words: 4, code: 'wordAt(at + 4u * j)' },
  ],
  // Of each 128 elements: quarter 0 and 2 share 32 bytes of low bits, 1 and 3 the next 32; all four share 32 of high bits.
  q6_k: [
    { words: 32, code: 'twoBlocks(at + 64u * (j / 16u) + 32u * ((j / 4u) % 2u) + 4u * (j % 4u), (j / 8u) % 2u)' },
    { words: 16, code: 'highBits(at + 128u + 32u * (j / 8u) + 16u * (j % 2u), 2u * ((j / 2u) % 4u))' },
    { words: 4, code: 'wordAt(at + 192u + 4u * j)' },
    { words: 'half', code: 'halfAt(at + 208u)' },
  ],
}

const THREADS = 64

const packing = shaderOf((dtype: BlockType) => {
  const { blockBytes } = dtypes[dtype]
  return {
    name: `pack ${dtype}`,
    code: /* wgsl */ `
struct Params { first: u32, count: u32, starts: vec4<u32> }
@group(0) @binding(0) var<uniform> params: Params;
${bindings([['x', 'u32']], [['y', 'u32']])}
fn halfAt(byte: u32) -> u32 { return (x[byte / 4u] >> (8u * (byte & 2u))) & 0xffffu; }
// Blocks begin at even bytes.
fn wordAt(byte: u32) -> u32 {
  if ((byte & 2u) == 0u) { return x[byte / 4u]; }
  return (x[byte / 4u] >> 16u) | (x[byte / 4u + 1u] << 16u);
}
// Elements 0 to 15 of a block of 32 in the low halves of the bytes, 16 to 31 in the high ones. High: the block's own bits are high.
fn twoBlocks(byte: u32, high: u32) -> u32 {
  let early = wordAt(byte) >> (4u * high);
  let late = wordAt(byte + 16u) >> (4u * high);
  return (early & 0x0f0f0f0fu) | ((late & 0x0f0f0f0fu) << 4u);
}
// The high 2 bits of four quads, in one word.
fn highBits(byte: u32, shift: u32) -> u32 {
  var word = 0u;
  for (var quad = 0u; quad < 4u; quad++) { word |= ((wordAt(byte + 4u * quad) >> shift) & 0x03030303u) << (2u * quad); }
  return word;
}

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  var i = id.x + id.y * groups.x * ${THREADS}u;
${parts[dtype]
  .map(({ words, code }, part) =>
    words === 'half'
      ? `  let words${part} = (params.count + 1u) / 2u;
  if (i < words${part}) {
    var at = 2u * i * ${blockBytes}u;
    var word = ${code};
    at += ${blockBytes}u;
    if (2u * i + 1u < params.count) { word |= (${code}) << 16u; }
    y[params.starts[${part}] + params.first / 2u + i] = word;
    return;
  }
  i -= words${part};`
      : `  let words${part} = params.count * ${words}u;
  if (i < words${part}) {
    let at = (i / ${words}u) * ${blockBytes}u;
    let j = i % ${words}u;
    y[params.starts[${part}] + params.first * ${words}u + i] = ${code};
    return;
  }
  i -= words${part};`,
  )
  .join('\n')}
}`,
  }
})

/** Buffers that blocks go through, and the bytes of each. */
const RING = 2
const RING_BYTES = 2 ** 22
/** Blocks of an upload are a multiple of this, so that each part begins at a whole word. */
const GRAIN = 16

/** Uploads weights of blocks as files hold them; the GPU packs them as shaders read them. Both continue while the next blocks are read. */
export class BlockUploads {
  readonly #ring: { readonly storage: GpuStorage; usedAt: number }[] = []
  #next = 0

  constructor(
    private readonly device: GPUDevice,
    private readonly queue: DispatchQueue,
    /** Bytes of one binding at most. */
    private readonly limit: number,
  ) {}

  /** @param target packed, of `packedBytes` */
  upload(bytes: Uint8Array, { dtype, shape }: Spec, target: GpuStorage): void {
    const { blockBytes, blockElements } = dtypes[dtype]
    const elements = sizeOf(shape)
    const blocks = elements / blockElements
    const most = GRAIN * Math.max(1, Math.floor(Math.min(RING_BYTES, this.limit) / (GRAIN * blockBytes)))
    const starts = [0, 0, 0, 0]
    let words = 0
    for (const [part, [, size]] of partsOf(dtype, elements).entries()) {
      starts[part] = words
      words += size / 4
    }
    for (let first = 0; first < blocks; first += most) {
      const count = Math.min(most, blocks - first)
      const source = this.#write(bytes.subarray(first * blockBytes, (first + count) * blockBytes))
      const threads = parts[dtype as BlockType].reduce(
        (sum, { words }) => sum + (words === 'half' ? Math.ceil(count / 2) : count * words),
        0,
      )
      const step = {
        shader: packing(dtype as BlockType),
        parameters: [first, count, 0, 0, ...starts],
        groups: foldGroups(Math.ceil(threads / THREADS)),
        reads: [source],
        writes: [target],
      }
      this.queue.run(step, slot => slot as GpuStorage)
    }
  }

  /** Writes blocks into the next buffer of the ring. What reads it is submitted first, for writes overtake what is not. */
  #write(bytes: Uint8Array): GpuStorage {
    const slot = this.#slot()
    if (slot.usedAt === this.queue.submits) this.queue.submit()
    slot.usedAt = this.queue.submits
    const whole = bytes.length - (bytes.length % 4)
    this.queue.write(slot.storage.buffer, bytes.subarray(0, whole) as Uint8Array<ArrayBuffer>)
    if (whole < bytes.length) {
      const last = new Uint8Array(4)
      last.set(bytes.subarray(whole))
      this.queue.write(slot.storage.buffer, last, whole)
    }
    return slot.storage
  }

  #slot() {
    const index = this.#next
    this.#next = (this.#next + 1) % RING
    this.#ring[index] ??= { storage: this.#buffer(index), usedAt: -1 }
    return this.#ring[index]
  }

  #buffer(index: number): GpuStorage {
    const buffer = this.device.createBuffer({ size: RING_BYTES, usage: GPU_STORAGE | GPU_COPY_DST })
    return { buffer, offset: 0, id: `blocks ${index}`, bytes: RING_BYTES }
  }
}
