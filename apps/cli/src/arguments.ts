import { InvalidArgumentError } from 'commander'

/** The number that an argument writes. Its range is for the package to judge that takes it. */
export const number = (text: string): number => {
  const value = Number(text)
  if (text.trim() !== text || text === '' || !Number.isFinite(value))
    throw new InvalidArgumentError('Expected a number.')
  return value
}

/** The whole number that an argument writes. */
export const wholeNumber = (text: string): number => {
  const value = Number(text)
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError('Expected a whole number.')
  return value
}

/** The number of things, at least one, that an argument writes. */
export const positiveNumber = (text: string): number => {
  const value = wholeNumber(text)
  if (value < 1) throw new InvalidArgumentError('Expected a whole number of at least 1.')
  return value
}

/** A share of a whole, above 0 and at most 1. */
export const share = (text: string): number => {
  const value = number(text)
  if (value <= 0 || value > 1) throw new InvalidArgumentError('Expected a number above 0 and at most 1.')
  return value
}

/** Token ids with commas between them. */
export const tokenIds = (text: string): number[] => {
  if (!/^\d+(,\d+)*$/.test(text))
    throw new InvalidArgumentError('Expected token ids with commas between, such as 1,403,407.')
  return text.split(',').map(wholeNumber)
}
