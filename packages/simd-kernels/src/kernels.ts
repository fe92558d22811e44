import plain from '../generated/plain'
import relaxed from '../generated/relaxed'
import type { WasmMemory } from './memory'
import type { TrainingExports } from './training-kernels'
import type { ProductExports } from './weight-kernels'

export type Build = 'plain' | 'relaxed'

/** What a compiled module exports: pointers are bytes from the start of the memory, the rest is as in assembly/. */
export interface Kernels extends TrainingExports, ProductExports {
  controlBytes(threads: number): number
  attach(control: number, index: number, threads: number, mayWait: boolean): void
  setScratch(shared: number, sharedBytes: number, own: number, ownBytes: number): void
  work(): void

  probeDot(a: number, b: number, out: number): void
  probeMadd(a: number, b: number, out: number): void
}

/** Functions that a module imports from the thread that runs it. */
export interface Callbacks {
  now(): number
  workerLost(): void
  growScratch(sharedBytes: number, privateBytes: number): void
}

export const binary = (build: Build): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(build === 'plain' ? plain : relaxed), character => character.charCodeAt(0))

/** @param module a `WebAssembly.Module` */
export const instantiate = (module: object, memory: WasmMemory, parallel: Callbacks): Kernels =>
  new WebAssembly.Instance(module, { env: { memory }, parallel: { ...parallel } }).exports as unknown as Kernels
