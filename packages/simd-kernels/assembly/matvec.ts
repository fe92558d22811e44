// Panels of f32, f16 or bf16 numbers times one vector: bound by memory, so four panels are read as four streams. Each sum adds up in
// the order of columns, as in the tiles of matmul.ts, so results are the same bits.

import { BF16, F16, F32, ROWS } from './formats'
import { elementBytes, floatFactorsOf, floatPanelBytes } from './float-panels'
import { f16Mask, loadBf16, loadF16, madd } from './lanes'
import { get, parallel, privateScratch, put, reserve } from './parallel'

/** Panels that are multiplied side by side. */
const SIDE: i32 = 4
/** Bytes of weights in a chunk. */
const CHUNK: i32 = 65_536

/** The element types, as types of kernels that are compiled once for each. */
type Single = f32
type Half = u16
type Brain = i16

/** out [n] = panels [n, k] · x. */
export function matvec(x: usize, panels: usize, out: usize, n: i32, k: i32, type: i32): void {
  reserve(0, SIDE * ROWS * 4)
  put(0, x)
  put(1, panels)
  put(2, out)
  put(3, k)
  put(4, n)
  put(5, type)
  const groups = (n + SIDE * ROWS - 1) / (SIDE * ROWS)
  parallel(multiplyGroups, groups, max(1, CHUNK / (SIDE * ROWS * k * elementBytes(type))))
}

function multiplyGroups(begin: i32, end: i32): void {
  const x = get<usize>(0)
  const k = get<i32>(3)
  const n = get<i32>(4)
  const type = get<i32>(5)
  const bytes = floatPanelBytes(type, k)
  const panelCount = (n + ROWS - 1) / ROWS
  for (let group = begin; group < end; group++) {
    const first = group * SIDE
    const panels = get<usize>(1) + <usize>first * bytes
    const factors = floatFactorsOf(get<usize>(1), type, n, k) + (<usize>first << 2)
    const rows = min(SIDE * ROWS, n - first * ROWS)
    const to = get<usize>(2) + (<usize>(first * ROWS) << 2)
    const target = rows == SIDE * ROWS ? to : privateScratch()
    if (first + SIDE <= panelCount) {
      if (type == F32) fourPanels<Single>(x, panels, bytes, factors, target, k)
      else if (type == F16) fourPanels<Half>(x, panels, bytes, factors, target, k)
      else if (type == BF16) fourPanels<Brain>(x, panels, bytes, factors, target, k)
    } else
      for (let p = 0; p < panelCount - first; p++) {
        const panel = panels + <usize>p * bytes
        const part = target + <usize>(p * ROWS * 4)
        const factor = factors + (<usize>p << 2)
        if (type == F32) onePanel<Single>(x, panel, factor, part, k)
        else if (type == F16) onePanel<Half>(x, panel, factor, part, k)
        else if (type == BF16) onePanel<Brain>(x, panel, factor, part, k)
      }
    if (rows < SIDE * ROWS) memory.copy(to, target, <usize>rows << 2)
  }
}

// @ts-ignore: decorator
@inline
function loadFour<T>(at: usize, mask: v128, factor: v128): v128 {
  if (isFloat<T>()) return v128.load(at)
  if (isSigned<T>()) return loadBf16(at)
  return loadF16(at, mask, factor)
}

// @ts-ignore: decorator
@inline
function factorAt<T>(at: usize): v128 {
  if (isFloat<T>() || isSigned<T>()) return f32x4.splat(0)
  return v128.load32_splat(at)
}

function fourPanels<T>(x: usize, panel: usize, bytes: usize, factors: usize, out: usize, k: i32): void {
  const half = 4 * sizeof<T>()
  const mask = f16Mask()
  const fa = factorAt<T>(factors)
  const fb = factorAt<T>(factors + 4)
  const fc = factorAt<T>(factors + 8)
  const fd = factorAt<T>(factors + 12)
  let a0 = f32x4.splat(0)
  let a1 = f32x4.splat(0)
  let b0 = f32x4.splat(0)
  let b1 = f32x4.splat(0)
  let c0 = f32x4.splat(0)
  let c1 = f32x4.splat(0)
  let d0 = f32x4.splat(0)
  let d1 = f32x4.splat(0)
  let b = panel + bytes
  let c = b + bytes
  let d = c + bytes
  for (const end = x + (<usize>k << 2); x < end; x += 4) {
    const v = v128.load32_splat(x)
    a0 = madd(v, loadFour<T>(panel, mask, fa), a0)
    a1 = madd(v, loadFour<T>(panel + half, mask, fa), a1)
    b0 = madd(v, loadFour<T>(b, mask, fb), b0)
    b1 = madd(v, loadFour<T>(b + half, mask, fb), b1)
    c0 = madd(v, loadFour<T>(c, mask, fc), c0)
    c1 = madd(v, loadFour<T>(c + half, mask, fc), c1)
    d0 = madd(v, loadFour<T>(d, mask, fd), d0)
    d1 = madd(v, loadFour<T>(d + half, mask, fd), d1)
    panel += 2 * half
    b += 2 * half
    c += 2 * half
    d += 2 * half
  }
  v128.store(out, a0)
  v128.store(out, a1, 16)
  v128.store(out, b0, 32)
  v128.store(out, b1, 48)
  v128.store(out, c0, 64)
  v128.store(out, c1, 80)
  v128.store(out, d0, 96)
  v128.store(out, d1, 112)
}

function onePanel<T>(x: usize, panel: usize, factors: usize, out: usize, k: i32): void {
  const half = 4 * sizeof<T>()
  const mask = f16Mask()
  const factor = factorAt<T>(factors)
  let a0 = f32x4.splat(0)
  let a1 = f32x4.splat(0)
  for (const end = x + (<usize>k << 2); x < end; x += 4) {
    const v = v128.load32_splat(x)
    a0 = madd(v, loadFour<T>(panel, mask, factor), a0)
    a1 = madd(v, loadFour<T>(panel + half, mask, factor), a1)
    panel += 2 * half
  }
  v128.store(out, a0)
  v128.store(out, a1, 16)
}
