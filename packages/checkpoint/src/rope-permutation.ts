/**
 * Row of Meta's layout (rotary pairs interleaved: 2i, 2i+1) that holds row `row` of Hugging Face's (halves: i, i + C/2),
 * for heads of C rows. Applies to wq and wk alone.
 */
export const interleavedRow = (row: number, headDim: number): number => {
  const within = row % headDim
  const half = headDim / 2
  return row - within + (within < half ? 2 * within : 2 * (within - half) + 1)
}

/** The inverse: row of Hugging Face's layout that holds row `row` of Meta's. */
export const halvesRow = (row: number, headDim: number): number => {
  const within = row % headDim
  return row - within + (within >> 1) + (within % 2 === 0 ? 0 : headDim / 2)
}
