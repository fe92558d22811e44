/**
 * A kernel is a plain function that computes one element of its output. gpu.js compiles it: to WGSL, GLSL, WebAssembly or
 * JavaScript. It may use only what gpu.js can translate: numbers, indexing, `for`, `if`, `Math`, and no variables from outside.
 *
 * Arrays are indexed as nested: `x[row][column]`, and `this.thread` names the element, x the fastest axis.
 * A kernel that masks skips elements: infinity is not portable (±FLT_MAX on some devices).
 */
export interface Thread {
  readonly thread: { readonly x: number; readonly y: number; readonly z: number }
}

/** An argument of a kernel: an array by its rank (1, 2 or 3), or a number by its type. */
export type KernelParameter = 1 | 2 | 3 | 'integer' | 'float'

type Argument<P extends KernelParameter> = P extends 1
  ? number[]
  : P extends 2
    ? number[][]
    : P extends 3
      ? number[][][]
      : number

export interface Kernel<P extends readonly KernelParameter[] = readonly KernelParameter[]> {
  readonly name: string
  readonly parameters: P
  /** The function's text. The build replaces functions by their text, so that no minifier can change it. */
  readonly source: string
  readonly loops: boolean
}

/** gpu.js ends each loop of a kernel after a constant number of steps, without an error. */
export const LOOP_LIMIT = 2 ** 20

/**
 * Declares a kernel. The types of its arguments follow from `parameters`, so they are written once:
 * `kernel('scale', [2, 'float'], function (x, factor) { return x[this.thread.y][this.thread.x] * factor })`.
 */
export const kernel = <const P extends readonly KernelParameter[]>(
  name: string,
  parameters: P,
  compute: ((this: Thread, ...args: { [I in keyof P]: Argument<P[I]> }) => number) | string,
): Kernel<P> => {
  const source = compute.toString()
  return { name, parameters, source, loops: /\bfor\s*\(/.test(source) }
}

/** Output size, fastest axis first, as gpu.js writes it: `[x]`, `[x, y]` or `[x, y, z]`. */
export type Extent = readonly [number] | readonly [number, number] | readonly [number, number, number]
