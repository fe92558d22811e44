import { plain, relaxed } from '../../generated/ceilings'

/** What `assembly/ceilings.ts` exports. */
export interface CeilingKernels {
  readonly I8_WIDTH: WebAssembly.Global
  read(start: number, bytes: number): number
  multiplyAddF32(rounds: number, factor: number, summand: number): number
  multiplyAddI8(rounds: number, factor: number, summand: number): number
}

const decode = (base64: string) => Uint8Array.from(atob(base64), character => character.charCodeAt(0))

/** The kernels over a memory: in plain SIMD, and in relaxed SIMD where the runtime has it. */
export const instantiateAll = (memory: WebAssembly.Memory): CeilingKernels[] =>
  [plain, relaxed]
    .map(decode)
    .filter(binary => WebAssembly.validate(binary))
    .map(binary => new WebAssembly.Instance(new WebAssembly.Module(binary), { env: { memory } }).exports)
    .map(exports => exports as unknown as CeilingKernels)
