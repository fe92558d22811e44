import { InvalidArgumentError } from 'commander'

/** The number in an argument. The package that uses it checks its range. */
export const number = (text: string): number => {
  const value = Number(text)
  if (text.trim() !== text || text === '' || !Number.isFinite(value))
    throw new InvalidArgumentError('Expected a number.')
  return value
}

/** The whole number in an argument. */
export const wholeNumber = (text: string): number => {
  const value = Number(text)
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError('Expected a whole number.')
  return value
}

/** The whole number of at least 1 in an argument. */
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
