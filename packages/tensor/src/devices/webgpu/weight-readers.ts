import { type DType, dtypes } from '@cria/dtypes'
import type { Spec } from '../../spec'

/** The types in which shaders read weights. */
export const readableTypes = ['f32', 'f16', 'bf16', 'q8_0', 'q4_0', 'q4_k', 'q6_k'] as const satisfies readonly DType[]

type Readable = (typeof readableTypes)[number]

/**
 * How a shader reads a weight by units: the elements that one lane loads at once, by 16-byte loads. `params.blocks` is the number
 * of blocks of 32 elements in the buffer; scales lie behind the values, see `partsOf`.
 */
export interface Reader {
  readonly name: string
  /** Quads of four elements in a unit. */
  readonly quads: number
  /** Type of the bound array's elements. */
  readonly element: string
  /**
   * What turns the quads of a unit into elements: nothing; one factor `a` for all; one for either half, `a` and `b`; or a factor
   * `a` and a term `c`.
   */
  readonly scaling: 'none' | 'one' | 'halves' | 'affine'
  /** WGSL of `<w>Unit(unit) -> Unit` and `<w>Quad(quad) -> vec4<f32>` for the array `w`. */
  code(w: string): string
  /**
   * WGSL of `<w>Bytes(block) -> Bytes`, behind {@link code}: 32 elements as signed bytes before they are scaled. Undefined for
   * floats.
   */
  readonly bytes: ((w: string) => string) | undefined
}

interface Format {
  readonly quads: number
  readonly element: string
  readonly scaling: Reader['scaling']
  readonly code: (w: string) => string
  readonly bytes?: (w: string) => string
}

const float = (w: string): string => `
fn ${w}Unit(unit: u32) -> Unit { return Unit(${w}[unit]); }
fn ${w}Quad(quad: u32) -> vec4<f32> { return ${w}[quad]; }`

/** Halves of 16 bits: two quads a unit where a row is a whole number of those, else one. */
const halves = (unpack: (word: string) => string, quads: number) => (w: string) => {
  const quad = (words: string, x: string, y: string) =>
    `vec4<f32>(${unpack(`${words}.${x}`)}, ${unpack(`${words}.${y}`)})`
  return quads === 2
    ? `
fn ${w}Unit(unit: u32) -> Unit {
  let words = ${w}[unit];
  return Unit(${quad('words', 'x', 'y')}, ${quad('words', 'z', 'w')});
}
fn ${w}Quad(quad: u32) -> vec4<f32> {
  let all = ${w}[quad / 2u];
  let words = select(all.xy, all.zw, quad % 2u == 1u);
  return ${quad('words', 'x', 'y')};
}`
    : `
fn ${w}Unit(unit: u32) -> Unit { return Unit(${w}Quad(unit)); }
fn ${w}Quad(quad: u32) -> vec4<f32> {
  let words = ${w}[quad];
  return ${quad('words', 'x', 'y')};
}`
}

const halfFloat = (word: string) => `unpack2x16float(${word})`
const brainFloat = (word: string) => `bitcast<f32>(${word} << 16u), bitcast<f32>(${word} & 0xffff0000u)`

/** A scale of f16 for each block, two in a word, from vec4 `at` on. */
const halfScale = (w: string, at: string) => `
fn ${w}Scale(block: u32) -> f32 {
  return unpack2x16float(${w}[${at} + (block >> 3u)][(block >> 1u) & 3u])[block & 1u];
}`

/** The low and the high 4 bits of each byte of a block's words. */
const LOW_BITS = 'words & vec4<u32>(0x0f0f0f0fu)'
const HIGH_BITS = '(words >> vec4<u32>(4u)) & vec4<u32>(0x0f0f0f0fu)'

// Four words of a block of 4-bit elements: 0 to 15 in the low halves of the bytes, 16 to 31 in the high ones.
const lowAndHigh = (quad: (word: string, j: number) => string) =>
  [0, 1, 2, 3, 4, 5, 6, 7].map(j => quad(`(words[${j % 4}] >> ${j < 4 ? 0 : 4}u)`, j)).join(', ')

const formats: Readonly<Record<Exclude<Readable, 'f16' | 'bf16'>, Format>> = {
  f32: { quads: 1, element: 'vec4<f32>', scaling: 'none', code: float },
  q8_0: {
    quads: 8,
    element: 'vec4<u32>',
    scaling: 'one',
    code: w => `${halfScale(w, 'params.blocks * 2u')}
fn ${w}Unit(block: u32) -> Unit {
  let low = ${w}[block * 2u];
  let high = ${w}[block * 2u + 1u];
  return Unit(
    signedBytes(low.x), signedBytes(low.y), signedBytes(low.z), signedBytes(low.w),
    signedBytes(high.x), signedBytes(high.y), signedBytes(high.z), signedBytes(high.w), ${w}Scale(block));
}
fn ${w}Quad(quad: u32) -> vec4<f32> { return signedBytes(${w}[quad / 4u][quad & 3u]) * ${w}Scale(quad / 8u); }`,
    bytes: w => `
fn ${w}Bytes(block: u32) -> Bytes { return Bytes(${w}[block * 2u], ${w}[block * 2u + 1u], ${w}Scale(block)); }`,
  },
  q4_0: {
    quads: 8,
    element: 'vec4<u32>',
    scaling: 'one',
    code: w => `${halfScale(w, 'params.blocks')}
fn ${w}Unit(block: u32) -> Unit {
  let words = ${w}[block];
  return Unit(${lowAndHigh(word => `nibbles(${word}) - 8.0`)}, ${w}Scale(block));
}
fn ${w}Quad(quad: u32) -> vec4<f32> {
  let word = ${w}[quad / 8u][quad & 3u] >> (quad & 4u);
  return (nibbles(word) - 8.0) * ${w}Scale(quad / 8u);
}`,
    bytes: w => `
fn ${w}Bytes(block: u32) -> Bytes {
  let words = ${w}[block];
  return Bytes(lowered(${LOW_BITS}, 8u), lowered(${HIGH_BITS}, 8u), ${w}Scale(block));
}`,
  },
  // Each super-block's header as GGUF has it: f16 scale of the scales and of the minima, then both in 6 bits each.
  q4_k: {
    quads: 8,
    element: 'vec4<u32>',
    scaling: 'affine',
    code: w => `
fn ${w}Scales(block: u32) -> vec2<f32> {
  let header = ${w}[params.blocks + (block >> 3u)];
  let shift = (block & 3u) * 8u;
  let bytes = (header.yzw >> vec3<u32>(shift)) & vec3<u32>(255u);
  let early = vec2<u32>(bytes.x & 63u, bytes.y & 63u);
  let late = vec2<u32>((bytes.z & 15u) | ((bytes.x >> 6u) << 4u), (bytes.z >> 4u) | ((bytes.y >> 6u) << 4u));
  let six = vec2<f32>(select(early, late, (block & 4u) != 0u));
  return unpack2x16float(header.x) * six * vec2<f32>(1.0, -1.0);
}
fn ${w}Unit(block: u32) -> Unit {
  let words = ${w}[block];
  let scales = ${w}Scales(block);
  return Unit(${lowAndHigh(word => `nibbles(${word})`)}, scales.x, scales.y);
}
fn ${w}Quad(quad: u32) -> vec4<f32> {
  let scales = ${w}Scales(quad / 8u);
  return nibbles(${w}[quad / 8u][quad & 3u] >> (quad & 4u)) * scales.x + scales.y;
}`,
    bytes: w => `
fn ${w}Bytes(block: u32) -> Bytes {
  let words = ${w}[block];
  let scales = ${w}Scales(block);
  return Bytes(${LOW_BITS}, ${HIGH_BITS}, scales.x, scales.y);
}`,
  },
  // Behind the low 4 bits: the high 2 bits, 8 bytes a block; the 8-bit scales, two a block; the f16 scale of each 8 blocks.
  q6_k: {
    quads: 8,
    element: 'vec4<u32>',
    scaling: 'halves',
    code: w => `
fn ${w}Scales(block: u32) -> vec2<f32> {
  let scales = params.blocks + params.blocks / 2u;
  let group = block >> 3u;
  let whole = unpack2x16float(${w}[scales + params.blocks / 8u + (group >> 3u)][(group >> 1u) & 3u])[group & 1u];
  let word = bitcast<i32>(${w}[scales + group][(block >> 1u) & 3u]);
  let shift = (block & 1u) * 16u;
  return whole * vec2<f32>(f32(extractBits(word, shift, 8u)), f32(extractBits(word, shift + 8u, 8u)));
}
fn ${w}Unit(block: u32) -> Unit {
  let words = ${w}[block];
  let high = ${w}[params.blocks + block / 2u];
  let top = select(high.xy, high.zw, (block & 1u) == 1u);
  let scales = ${w}Scales(block);
  return Unit(${lowAndHigh((word, j) => `sixBits(${word}, top.${j < 4 ? 'x' : 'y'} >> ${2 * (j % 4)}u)`)}, scales.x, scales.y);
}
fn ${w}Quad(quad: u32) -> vec4<f32> {
  let block = quad / 8u;
  let word = ${w}[block][quad & 3u] >> (quad & 4u);
  let top = ${w}[params.blocks + block / 2u][(block & 1u) * 2u + ((quad >> 2u) & 1u)] >> ((quad & 3u) * 2u);
  let scales = ${w}Scales(block);
  return sixBits(word, top) * select(scales.x, scales.y, (quad & 4u) != 0u);
}`,
    bytes: w => `
fn topBits(word: u32) -> vec4<u32> {
  return ((vec4<u32>(word) >> vec4<u32>(0u, 2u, 4u, 6u)) & vec4<u32>(0x03030303u)) << vec4<u32>(4u);
}
fn ${w}Bytes(block: u32) -> Bytes {
  let words = ${w}[block];
  let high = ${w}[params.blocks + block / 2u];
  let top = select(high.xy, high.zw, (block & 1u) == 1u);
  let scales = ${w}Scales(block);
  return Bytes(
    lowered((${LOW_BITS}) | topBits(top.x), 32u), lowered((${HIGH_BITS}) | topBits(top.y), 32u), scales.x, scales.y);
}`,
  },
}

const formatOf = (dtype: Readable, columns: number): Format => {
  if (dtype !== 'f16' && dtype !== 'bf16') return formats[dtype]
  const quads = columns % 8 === 0 ? 2 : 1
  const code = halves(dtype === 'f16' ? halfFloat : brainFloat, quads)
  return { quads, element: quads === 2 ? 'vec4<u32>' : 'vec2<u32>', scaling: 'none', code }
}

/** Fields of the structs of a unit and of a block of bytes. */
const factors: Readonly<Record<Reader['scaling'], readonly string[]>> = {
  none: [],
  one: ['a: f32'],
  halves: ['a: f32', 'b: f32'],
  affine: ['a: f32', 'c: f32'],
}

/** What readers share: the struct of a unit, and how bits become numbers. */
const shared = ({ quads, scaling }: Format): string => `
struct Unit { ${[...Array.from({ length: quads }, (_, j) => `q${j}: vec4<f32>`), ...factors[scaling]].join(', ')} }
fn signedBytes(word: u32) -> vec4<f32> {
  let bits = bitcast<i32>(word);
  return vec4<f32>(vec4<i32>(
    extractBits(bits, 0u, 8u), extractBits(bits, 8u, 8u), extractBits(bits, 16u, 8u), extractBits(bits, 24u, 8u)));
}
fn nibbles(word: u32) -> vec4<f32> {
  return vec4<f32>((vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(15u));
}
fn sixBits(low: u32, high: u32) -> vec4<f32> {
  let bits = (low & 0x0f0f0f0fu) | ((high & 0x03030303u) << 4u);
  return vec4<f32>((vec4<u32>(bits) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(63u)) - 32.0;
}`

/** How shaders read this weight. Several weights of one shader, named `others`, have the same type and width. */
export const readerOf = ({ dtype, shape }: Spec): Reader => {
  const format = formatOf(dtype as Readable, shape[1])
  const { quads, element, scaling } = format
  return {
    ...{ name: dtype === 'f16' || dtype === 'bf16' ? `${dtype}x${4 * quads}` : dtype, quads, element, scaling },
    code: w => format.code(w),
    bytes: format.bytes,
  }
}

/** WGSL that the code of all readers needs once a shader. */
export const readerPrelude = (weight: Spec): string => shared(formatOf(weight.dtype as Readable, weight.shape[1]))

/** What the code of bytes needs in addition. `low` are the elements 0 to 15 of a block, `high` 16 to 31. */
export const bytesPrelude = (weight: Spec): string => `
struct Bytes { ${['low: vec4<u32>', 'high: vec4<u32>', ...factors[readerOf(weight).scaling]].join(', ')} }
// Subtracts a number from each byte. All bytes are below 128, and a highest bit of 1 stops borrows between them.
fn lowered(words: vec4<u32>, by: u32) -> vec4<u32> {
  let high = vec4<u32>(0x80808080u);
  return ((words | high) - vec4<u32>(by * 0x01010101u)) ^ high;
}`

/** Number of blocks of 32 elements in this many rows: the value of `params.blocks`. */
export const blocksOf = ({ shape }: Spec, rows: number): number => (rows * shape[1]) / 32

/** The size of a row must be a multiple of this many elements. */
export const grainOf = (dtype: DType): number => (dtype === 'f16' || dtype === 'bf16' ? 4 : dtypes[dtype].blockElements)
