/**
 * Where row `row` of Hugging Face's layout goes in Meta's, for heads of C rows. Hugging Face keeps the two rows of a rotary
 * pair C/2 apart (i and i + C/2), Meta side by side (2i and 2i + 1). It applies to the rows of wq and wk.
 */
export const interleavedRow = (row: number, headDim: number): number => {
  const within = row % headDim
  const half = headDim / 2
  return row - within + (within < half ? 2 * within : 2 * (within - half) + 1)
}

/** The inverse: where row `row` of Meta's layout goes in Hugging Face's. */
export const halvesRow = (row: number, headDim: number): number => {
  const within = row % headDim
  return row - within + (within >> 1) + (within % 2 === 0 ? 0 : headDim / 2)
}
