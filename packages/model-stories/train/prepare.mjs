// node prepare.mjs STORIES OUTPUT: the training texts of the embedded model, cleaned.
//
// STORIES is a folder with the TinyStories files that are named below. A story ends with a line `<|endoftext|>`, in OUTPUT too.
// OUTPUT/tokenizer.txt has all training stories without these lines. OUTPUT/held-out.txt has the stories of the validation split,
// cleaned in the same way: nothing is ever trained on them.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const files = ['tinystories-v1-first', 'tinystories-v1-head', 'tinystories-v1-truecased', 'tinystories-v2gpt4-head']
const heldOut = 'tinystories-v1-valid'
const endOfText = '<|endoftext|>'

/** UTF-8 that was read as Windows-1252, in part also put into lower case. The last byte of a closing quote was lost. */
const repairs = [
  ['â€œ', '“'],
  ['â€™', '’'],
  ['â€˜', '‘'],
  ['â€“', '–'],
  ['â€”', '—'],
  ['â€¦', '…'],
  ['â€', '”'],
  ['Ã©', 'é'],
  ['ã©', 'é'],
]

/** One style: an empty line between paragraphs, and no spaces at the ends of lines. */
const clean = story => {
  let text = story
  for (const [broken, whole] of repairs) text = text.replaceAll(broken, whole)
  return text
    .replace(/[\r\u2028\u2029]+/g, '\n')
    .replace(/[^\S\n]+/g, ' ')
    .replace(/ ?\n ?/g, '\n')
    .replace(/\n+/g, '\n\n')
    .trim()
}

const [, , stories, output] = process.argv
if (output === undefined) {
  console.error('usage: node prepare.mjs STORIES OUTPUT')
  process.exit(2)
}
mkdirSync(output, { recursive: true })
const read = name =>
  readFileSync(join(stories, `${name}.txt`), 'utf8')
    .split(endOfText)
    .map(clean)
    .filter(text => text !== '')
const write = (name, texts) =>
  writeFileSync(join(output, `${name}.txt`), texts.map(text => `${text}\n${endOfText}\n`).join(''))

const validation = read(heldOut)
write('held-out', validation)
const seen = new Set(validation)
const lines = []
for (const name of files) {
  const kept = read(name).filter(text => !seen.has(text) && seen.add(text))
  write(name, kept)
  lines.push(...kept)
  console.log(`${name}: ${kept.length} stories, ${kept.reduce((sum, text) => sum + Buffer.byteLength(text), 0)} bytes`)
}
// What the tokenizer is trained on: without the marks between stories, which would become pieces.
writeFileSync(join(output, 'tokenizer.txt'), lines.map(text => `${text}\n`).join(''))
