/**
 * A kernel is a plain function that computes one element of its output. gpu.js compiles it: to WGSL, GLSL, WebAssembly or
 * JavaScript. What it may hold is what gpu.js can translate: numbers, indexing, `for`, `if`, `Math`. It closes over nothing.
 *
 * Arrays are indexed as nested: `x[row][column]`, and `this.thread` says which element is asked for, x the fastest axis.
 * A kernel that masks does so by skipping: infinity is not portable (±FLT_MAX on some devices).
 */
export interface Thread {
  readonly thread: { readonly x: number; readonly y: number; readonly z: number }
}

/** Arguments by name, in order: an array by its rank (1, 2 or 3), a number by its type. */
export type KernelParameters = Readonly<Record<string, 1 | 2 | 3 | 'integer' | 'float'>>

export interface Kernel<P extends KernelParameters = KernelParameters> {
  readonly name: string
  readonly parameters: P
  /** The function's text. The build replaces functions by their text, so that no minifier can change it. */
  readonly source: string
  readonly loops: boolean
}

/** gpu.js ends each loop of a kernel after a constant number of steps, without a word. */
export const LOOP_LIMIT = 2 ** 20

type KernelFunction = (this: Thread, ...args: never[]) => number

export const kernel = <const P extends KernelParameters>(
  name: string,
  parameters: P,
  compute: KernelFunction | string,
): Kernel<P> => {
  const source = compute.toString()
  return { name, parameters, source, loops: /\bfor\s*\(/.test(source) }
}

/** Output size, fastest axis first, as gpu.js writes it: `[x]`, `[x, y]` or `[x, y, z]`. */
export type Extent = readonly [number] | readonly [number, number] | readonly [number, number, number]
