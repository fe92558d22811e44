/**
 * A text with the given number of tokens, including BOS, for peers that take no ids: in the vocabularies of LLaMA and LLaMA 2 this piece is
 * one token.
 */
export const promptText = (tokens: number): string => '</s>'.repeat(tokens - 1)
