import { expect, test } from 'vitest'
import * as cria from '../index'
import { receivedError, sentError } from './errors'

const isErrorClass = (value: unknown): value is { readonly prototype: Error } =>
  typeof value === 'function' && value.prototype instanceof Error

// CheckpointError is only a base class.
const exported = Object.entries(cria).filter(([name, value]) => isErrorClass(value) && name !== 'CheckpointError')

test.each(exported)('%s is one again on the other side, with its fields and what caused it', (name, value) => {
  const { prototype } = value as unknown as { readonly prototype: Error }
  const thrown: Error = Object.create(prototype, {
    message: { value: 'no' },
    stack: { value: 'there' },
    name: { value: name },
    cause: { value: new cria.LoadError('since') },
  })
  Object.assign(thrown, { file: 'a.gguf' })
  const received = receivedError(structuredClone(sentError(thrown)))
  expect(received).toBeInstanceOf(value)
  expect(received).toMatchObject({ name, message: 'no', stack: 'there', file: 'a.gguf' })
  expect(received.cause).toBeInstanceOf(cria.LoadError)
})

test('the errors that cria exports are all tried', () => {
  expect(exported.length).toBeGreaterThan(15)
})

test('a thrown value that is not an error arrives as an error', () => {
  expect(receivedError(sentError('no'))).toEqual(new Error('no'))
})
