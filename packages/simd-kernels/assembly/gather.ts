import { get, parallel, put } from './parallel'

/** out [rows, width]: row ids[r] (i32) of x [, width]. */
export function gatherRows(x: usize, ids: usize, out: usize, rows: i32, width: i32): void {
  put(0, x)
  put(1, ids)
  put(2, out)
  put(3, width)
  parallel(gatherRange, rows, max(1, 16_384 / width))
}

function gatherRange(begin: i32, end: i32): void {
  const bytes = <usize>get<i32>(3) << 2
  for (let row = begin; row < end; row++) {
    const id = load<i32>(get<usize>(1) + (<usize>row << 2))
    memory.copy(get<usize>(2) + <usize>row * bytes, get<usize>(0) + <usize>id * bytes, bytes)
  }
}

/**
 * out [n0, n1, n2, n3], contiguous, from x where index (i0, i1, i2, i3) is at offset i0 · s0 + i1 · s1 + i2 · s2 + i3 · s3.
 */
export function copyStrided(
  x: usize,
  out: usize,
  n0: i32,
  n1: i32,
  n2: i32,
  n3: i32,
  s0: i32,
  s1: i32,
  s2: i32,
  s3: i32,
): void {
  put(0, x)
  put(1, out)
  put(2, n1)
  put(3, n2)
  put(4, n3)
  put(5, s0)
  put(6, s1)
  put(7, s2)
  put(8, s3)
  parallel(copyRange, n0 * n1 * n2, max(1, 8192 / n3))
}

function copyRange(begin: i32, end: i32): void {
  const n1 = get<i32>(2)
  const n2 = get<i32>(3)
  const n3 = get<i32>(4)
  const step = <usize>get<i32>(8) << 2
  let out = get<usize>(1) + (<usize>begin * <usize>n3 << 2)
  for (let line = begin; line < end; line++) {
    const i2 = line % n2
    const i1 = (line / n2) % n1
    const i0 = line / n2 / n1
    let from = get<usize>(0) + (<usize>(i0 * get<i32>(5) + i1 * get<i32>(6) + i2 * get<i32>(7)) << 2)
    if (step == 4) memory.copy(out, from, <usize>n3 << 2)
    else
      for (let i: usize = 0; i < <usize>n3 << 2; i += 4) {
        store<f32>(out + i, load<f32>(from))
        from += step
      }
    out += <usize>n3 << 2
  }
}
