import type { Tokenizer } from '@cria/tokenizer'

/** A tokenizer as `@cria/data-mixture` takes it: a negative number stands for a token that the vocabulary does not have. */
export const documentTokenizer = (tokenizer: Tokenizer) => ({
  encode: (text: string) => tokenizer.encode(text),
  vocabSize: tokenizer.vocabSize,
  bosId: tokenizer.bosId ?? -1,
  eosId: tokenizer.eosId ?? -1,
})
