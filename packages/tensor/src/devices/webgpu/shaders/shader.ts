import type { Precision } from '../../../device'
import type { Call, Op, Operand } from '../../../op'
import type { GpuStorage, Window } from '../buffers'

export interface Shader {
  readonly name: string
  /** WGSL: binding 0 the parameters, then the arrays read, then those written; entry point `main`. */
  readonly code: string
}

/** An output of the call: a new tensor, or the input that the op changes in place. */
export interface Output {
  readonly output: number
}

/** Memory that lives for one call, shared by the steps that name the same object. */
export interface Scratch {
  readonly scratch: number
}

/** Memory that a step binds. */
export type Slot = GpuStorage | Output | Scratch

export type Groups = readonly [number, number, number]

/** One dispatch of a shader. */
export interface ShaderStep {
  readonly shader: Shader
  /** Words of the uniform struct. */
  readonly parameters: readonly number[]
  readonly groups: Groups
  readonly reads: readonly Slot[]
  readonly writes: readonly Slot[]
}

/** That the GPU multiplies matrices of a size, M×K by K×N, with sums of f32. */
export type MatrixFeature = `matrices ${'f16' | 'f32'} ${number}x${number}x${number}`

/** What an adapter or its WGSL may lack. */
export type ShaderFeature = 'subgroups' | 'shader-f16' | 'packed_4x8_integer_dot_product' | MatrixFeature

/** A hand-written implementation of an op: one shader, or several in order. */
export interface ShaderImplementation {
  readonly op: Op
  readonly name: string
  /** The default implementation that this is a variant of: which is faster depends on the GPU, and the tuner chooses. */
  readonly variantOf?: string | undefined
  /** A feature of the adapter, or of the language, that its shaders need. */
  readonly feature?: ShaderFeature | undefined
  /** Numbers to which it rounds what it multiplies; f32 unless given. It is never a default, and the tuner needs leave to choose it. */
  readonly precision?: Precision | undefined
  /** Whether it is the default on a software adapter, where the lanes of a workgroup share one core and each barrier costs time. */
  readonly software?: boolean | undefined
  fits(call: Call): boolean
  plan(call: Call): readonly ShaderStep[]
}

/** Bytes of a workgroup's shared memory that every adapter has. */
export const SHARED_BYTES = 16_384

/** Workgroups that one axis of a dispatch holds at most. */
const MOST_GROUPS = 65_535

export const storageOf = ({ storage }: Operand): GpuStorage => storage as GpuStorage

export const storagesOf = (inputs: readonly Operand[]): GpuStorage[] => inputs.map(storageOf)

/** The buffers of a weight, each with the rows that it holds: one, unless the weight exceeds the size of a binding. */
export const windowsOf = (weight: Operand): readonly Window[] => {
  const storage = storageOf(weight)
  return storage.windows ?? [{ storage, first: 0, rows: weight.shape[0] }]
}

/** Whether each of these is in one buffer. */
export const areWhole = (inputs: readonly Operand[]): boolean => inputs.every(input => !storageOf(input).windows)

/** Workgroups of a long 1-D dispatch, folded over y: the index is `id.x + id.y * groups.x * threads`. */
export const foldGroups = (groups: number): Groups => {
  const folded = Math.ceil(groups / MOST_GROUPS)
  return [Math.ceil(groups / folded), folded, 1]
}

const float = new Float32Array(1)
const word = new Uint32Array(float.buffer)

/** A float as the word of a uniform. */
export const floatWord = (value: number): number => {
  float[0] = value
  return word[0]
}

/** Makes each shader once, by its settings. */
export const shaderOf = <A extends readonly unknown[]>(
  make: (...settings: A) => Shader,
  key: (...settings: A) => string = (...settings) => settings.join(),
): ((...settings: A) => Shader) => {
  const made = new Map<string, Shader>()
  return (...settings) => {
    const name = key(...settings)
    const shader = made.get(name) ?? make(...settings)
    made.set(name, shader)
    return shader
  }
}

/** A line of WGSL for each of 0 to `count`. */
export const times = (count: number, line: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => line(i)).join('\n')

/** Declarations of the arrays that a shader binds: those read, then those written. */
export const bindings = (reads: readonly (readonly [name: string, type: string])[], writes: typeof reads): string =>
  [...reads.map(([name, type]) => [name, type, 'read']), ...writes.map(([name, type]) => [name, type, 'read_write'])]
    .map(([name, type, access], i) => `@group(0) @binding(${i + 1}) var<storage, ${access}> ${name}: array<${type}>;`)
    .join('\n')

/** Adds up `count` arrays of one entry for each of `threads` lanes, by a tree; the sums are in the entries of lane 0. */
export const sumLanes = (array: string, threads: number, count = 1): string => `
  workgroupBarrier();
  for (var half = ${threads / 2}u; half > 0u; half /= 2u) {
    if (lane < half) {
${Array.from({ length: count }, (_, i) => `      ${array}[${i * threads}u + lane] += ${array}[${i * threads}u + lane + half];`).join('\n')}
    }
    workgroupBarrier();
  }`
