// One product each, for the probe that tells what this machine computes.

import { Dot, productAdd } from './integer'
import { madd } from './lanes'

export function probeDot(a: usize, b: usize, out: usize): void {
  v128.store(out, productAdd<Dot>(v128.load(a), v128.load(b), v128.load(out)))
}

export function probeMadd(a: usize, b: usize, out: usize): void {
  v128.store(out, madd(v128.load(a), v128.load(b), v128.load(out)))
}
