/** Imports of a page, and their size budgets. `pnpm sizes` prints the actual sizes. */
export interface Budget {
  readonly name: string
  /** The page's module. */
  readonly code: string
  /** Bytes that may load at once, minified and gzipped. */
  readonly budget: number
}

const whole = (name: string, budget: number): Budget => ({ name, code: `export * from '${name}'`, budget })

/** Each budget was set about 10% above the size. No device may be included: devices load when they are opened. */
export const budgets: readonly Budget[] = [
  { name: 'cria: loadModel', code: "export { loadModel } from 'cria'", budget: 130_000 },
  whole('cria', 131_000),
  whole('cria/worker', 131_000),
  { name: '@cria/tensor: openDevice', code: "export { openDevice } from '@cria/tensor'", budget: 28_000 },
  whole('@cria/attention-variants', 32_000),
  whole('@cria/chat-template', 22_000),
  whole('@cria/checkpoint', 27_000),
  whole('@cria/data-mixture', 12_000),
  whole('@cria/dtypes', 3_500),
  whole('@cria/layers', 30_000),
  whole('@cria/llama', 50_000),
  whole('@cria/llama2', 40_000),
  whole('@cria/sampling', 14_500),
  whole('@cria/simd-kernels', 94_000),
  whole('@cria/tensor', 30_000),
  whole('@cria/tokenizer', 30_000),
  whole('@cria/training', 36_000),
]

/** All error classes that a package exports: their own code, and none of what throws them. */
export const errorsBudget = 3_000
