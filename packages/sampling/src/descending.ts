/**
 * The indices of `values` from the greatest value to the least, equal values in order of index; -Infinity and values
 * under `floor` are left out.
 *
 * A binary heap gives them one at a time, so the first m of n cost O(n + m log n): a vocabulary of 32,000 is not sorted to take
 * 40 of it.
 */
export function* descending(values: Float32Array | Float64Array, floor = -Infinity): Generator<number, void> {
  const heap = new Int32Array(values.length)
  let size = 0
  for (let id = 0; id < values.length; id++) if (values[id] >= floor && values[id] > -Infinity) heap[size++] = id

  for (let at = (size >> 1) - 1; at >= 0; at--) sink(heap, size, at, values)
  while (size > 0) {
    yield heap[0]
    heap[0] = heap[--size]
    sink(heap, size, 0, values)
  }
}

/** Moves the index at `at` down until no child comes before it. */
const sink = (heap: Int32Array, size: number, at: number, values: Float32Array | Float64Array): void => {
  const id = heap[at]
  for (;;) {
    let child = 2 * at + 1
    if (child >= size) break
    if (child + 1 < size && isBefore(heap[child + 1], heap[child], values)) child++
    if (!isBefore(heap[child], id, values)) break
    heap[at] = heap[child]
    at = child
  }
  heap[at] = id
}

const isBefore = (a: number, b: number, values: Float32Array | Float64Array): boolean =>
  values[a] > values[b] || (values[a] === values[b] && a < b)
