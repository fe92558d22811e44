import { type DType, dtypes } from '@cria/dtypes'

/** Tensor types by their number in GGUF files (`ggml_type`). */
export const tensorTypes: ReadonlyMap<number, DType> = new Map(
  (Object.keys(dtypes) as DType[]).flatMap(dtype => {
    const { ggufId } = dtypes[dtype]
    return ggufId === undefined ? [] : [[ggufId, dtype] as const]
  }),
)

/** Types that llama.cpp reads and Cria does not. */
const unread: Readonly<Record<number, string>> = {
  9: 'Q8_1',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  21: 'IQ3_S',
  22: 'IQ2_S',
  29: 'IQ1_M',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
  40: 'NVFP4',
  41: 'Q1_0',
}

/** Types that llama.cpp removed, and what replaced them. */
const retired: Readonly<Record<number, string>> = {
  4: 'Q4_2',
  5: 'Q4_3',
  31: 'Q4_0_4_4',
  32: 'Q4_0_4_8',
  33: 'Q4_0_8_8',
  36: 'IQ4_NL_4_4',
  37: 'IQ4_NL_4_8',
  38: 'IQ4_NL_8_8',
}

/** What the error says about a type that exists but is not read; undefined for a number that is not a type. */
export const unreadTypeProblem = (number: number): string | undefined => {
  const known = [...tensorTypes.values()].map(type => type.toUpperCase()).join(', ')
  if (number in unread) return `is ${unread[number]}, expected one of ${known}`
  if (!(number in retired)) return undefined
  const replacement = number >= 36 ? 'IQ4_NL' : 'Q4_0'
  return `is ${retired[number]}, which llama.cpp has retired; get the ${replacement} file of the same model`
}
