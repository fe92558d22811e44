import { expect, test } from 'vitest'
import { type NormalizerStep, normalizeBySteps } from './text-rules'

/** The text after the steps, and where each of its characters and its end come from. */
const normalized = (original: string, ...steps: NormalizerStep[]) => {
  const { text, originOf } = normalizeBySteps(steps, original)
  return [text, Array.from({ length: text.length + 1 }, (_, at) => originOf(at))]
}
const replace = (from: string, to: string): NormalizerStep => ({ type: 'replace', from, to })

test.each<[string, NormalizerStep[], string, number[]]>([
  ['', [replace('a', 'b')], '', [0]],
  ['abc', [], 'abc', [0, 1, 2, 3]],
  // All characters of a replacement come from where the replaced text began.
  ['xaay', [replace('aa', '123')], 'x123y', [0, 1, 1, 1, 3, 4]],
  ['aax', [replace('aa', '1')], '1x', [0, 2, 3]],
  ['xaa', [replace('aa', '')], 'x', [0, 3]],
  ['aXbX', [replace('X', '--')], 'a--b--', [0, 1, 1, 2, 3, 3, 4]],
  ['abc', [{ type: 'prepend', text: '▁▁' }], '▁▁abc', [0, 0, 0, 1, 2, 3]],
  ['a b', [{ type: 'prepend', text: '▁' }, replace(' ', '▁')], '▁a▁b', [0, 0, 1, 2, 3]],
  // A cluster that composes comes from where it began.
  ['xe\u0301y', [{ type: 'unicode', form: 'NFC' }], 'xéy', [0, 1, 3, 4]],
  ['éy', [{ type: 'unicode', form: 'NFD' }], 'e\u0301y', [0, 0, 1, 2]],
])('%j by %j', (original, steps, text, origins) => {
  expect(normalized(original, ...steps)).toEqual([text, origins])
})
