import { type SplitName, splitPatterns } from '../splits'
import type { NormalizerStep, TextRules } from '../text-rules'
import type { Json } from './json'

/** Sequences within sequences, deeper than any tokenizer needs. */
const maxDepth = 8

/** What a `tokenizer.json` says about text around the model. */
export interface PipelineOfJson {
  readonly rules: TextRules
  /** Whether text that merging sees begins with a `▁` that the file put there. */
  readonly prefixes: boolean
}

/**
 * Reads `normalizer`, `pre_tokenizer` and `decoder`.
 *
 * @throws {UnsupportedTokenizerError} naming the step that is not supported
 */
export function readPipeline(root: Json, ignoreMerges: boolean): PipelineOfJson {
  const normalizers = flat(root.get('normalizer'), 'normalizers').map(readNormalizer)
  const last = normalizers.at(-1)
  const escapesSpaces = last?.type === 'replace' && last.from === ' ' && last.to === '▁'
  const steps = flat(root.get('pre_tokenizer'), 'pretokenizers')
  const byteLevel = steps.findIndex(step => step.get('type').value === 'ByteLevel')
  const rules = {
    normalizers: escapesSpaces ? normalizers.slice(0, -1) : normalizers,
    escapesSpaces,
    ignoreMerges,
  }
  if (byteLevel >= 0) {
    const step = steps[byteLevel]
    if (byteLevel !== steps.length - 1) throw step.refuse('is ByteLevel before other steps, expected it to be the last')
    const splits = steps.slice(0, -1).map(readSplit)
    const prefixSpace = step.get('add_prefix_space').boolean(true)
    if (prefixSpace && splits.length > 0)
      throw step.refuse('has add_prefix_space behind other steps, which is not supported')
    if (step.get('use_regex').boolean(true)) splits.push('gpt2')
    const isEscaped = escapesSpaces || normalizers.some(({ type }) => type === 'replace')
    if (isEscaped) throw root.get('normalizer').refuse('replaces text before ByteLevel, which is not supported')
    return {
      rules: { ...rules, metaspace: undefined, byteLevel: true, prefixSpace, splits, stripsSpace: false },
      prefixes: false,
    }
  }
  if (steps.length > 1) throw steps[1].refuse('is a second step without ByteLevel, which is not supported')
  const metaspace = steps.length === 1 ? readMetaspace(steps[0]) : undefined
  const first = normalizers[0]
  const prefixes =
    (first?.type === 'prepend' && first.text === '▁') || (metaspace !== undefined && metaspace.prepend !== 'never')
  const stripsSpace = readStrip(root.get('decoder')) ?? prefixes
  return {
    rules: { ...rules, metaspace, byteLevel: false, prefixSpace: false, splits: [], stripsSpace },
    prefixes,
  }
}

/** The steps of a sequence, of sequences in it, or the one step that there is. */
function flat(step: Json, key: string, depth = 0): Json[] {
  if (step.isNull) return []
  if (step.get('type').value !== 'Sequence') return [step]
  if (depth === maxDepth) throw step.fail(`at most ${maxDepth} sequences within one another`)
  return step
    .get(key)
    .list()
    .flatMap(each => flat(each, key, depth + 1))
}

function readNormalizer(step: Json): NormalizerStep {
  const type = step.get('type')
  switch (type.value) {
    case 'Prepend':
      return { type: 'prepend', text: nonEmpty(step.get('prepend')) }
    case 'Replace':
      return { type: 'replace', from: nonEmpty(step.get('pattern').get('String')), to: step.get('content').string() }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return { type: 'unicode', form: type.value }
    default:
      throw type.refuse(`is ${type.shown}, expected Prepend, Replace with a string, NFC, NFD, NFKC or NFKD`)
  }
}

function nonEmpty(text: Json): string {
  const value = text.string()
  if (value === '' || value.length > 64) throw text.fail('a string of 1 to 64 characters')
  return value
}

function readSplit(step: Json): SplitName {
  const type = step.get('type')
  if (type.value === 'Digits' && step.get('individual_digits').boolean()) return 'digits'
  if (type.value !== 'Split')
    throw type.refuse(`is ${type.shown}, expected ByteLevel, Split, Digits with individual_digits, or Metaspace alone`)
  const pattern = step.get('pattern').get('Regex')
  const name = typeof pattern.value === 'string' ? splitPatterns.get(pattern.value) : undefined
  if (name === undefined)
    throw pattern.refuse(
      `is ${pattern.shown}, expected one of the patterns of GPT-2, Llama 3 and Qwen 2: others are not run`,
    )
  const behavior = step.get('behavior').string()
  const invert = step.get('invert').boolean()
  // These patterns match all of a text, so there is nothing between the matches.
  if (!(behavior === 'Isolated' && !invert) && !(behavior === 'Removed' && invert))
    throw step.refuse(`has the behavior ${JSON.stringify(behavior)}, invert ${invert}, expected Isolated, not inverted`)
  return name
}

function readMetaspace(step: Json): NonNullable<TextRules['metaspace']> {
  const type = step.get('type')
  if (type.value !== 'Metaspace') throw type.refuse(`is ${type.shown}, expected ByteLevel or Metaspace`)
  const replacement = step.get('replacement')
  if (!replacement.isNull && replacement.value !== '▁')
    throw replacement.refuse(`is ${replacement.shown}, expected "▁"`)
  const scheme = step.get('prepend_scheme')
  const adds = step.get('add_prefix_space').boolean(true)
  const prepend = scheme.isNull ? (adds ? 'always' : 'never') : scheme.value
  if (prepend !== 'first' && prepend !== 'always' && prepend !== 'never')
    throw scheme.fail('"first", "always" or "never"')
  return { prepend, split: step.get('split').boolean(true) }
}

/** Whether the decoder drops a space at the start; `undefined` without a decoder. */
function readStrip(decoder: Json): boolean | undefined {
  if (decoder.isNull) return undefined
  const steps = flat(decoder, 'decoders')
  let strips = false
  for (const step of steps) {
    const type = step.get('type')
    if (type.value === 'Metaspace') strips = readMetaspace(step).prepend !== 'never'
    else if (type.value === 'Strip' && step.get('content').value === ' ') strips = step.get('start').value === 1
    else if (type.value !== 'Replace' && type.value !== 'ByteFallback' && type.value !== 'Fuse')
      throw type.refuse(`is ${type.shown}, expected Replace, ByteFallback, Fuse, Strip or Metaspace`)
  }
  return strips
}

/** What a `post_processor` puts around a text: at most one token before it and one behind it. */
export interface TemplateOfJson {
  readonly before: number | undefined
  readonly after: number | undefined
}

/** @returns `undefined` if the file has no post-processor */
export function readTemplate(root: Json): TemplateOfJson | undefined {
  const processor = root.get('post_processor')
  if (processor.isNull) return undefined
  let template: TemplateOfJson = { before: undefined, after: undefined }
  for (const step of flat(processor, 'processors')) {
    const type = step.get('type')
    if (type.value === 'ByteLevel') continue
    if (type.value !== 'TemplateProcessing')
      throw type.refuse(`is ${type.shown}, expected TemplateProcessing or ByteLevel`)
    const single = step.get('single')
    const parts = single.list()
    const at = parts.findIndex(part => Object.hasOwn(part.record(), 'Sequence'))
    if (at < 0 || at > 1 || parts.length - at > 2)
      throw single.refuse('puts more than one token before or behind the text, or has no place for it')
    template = {
      before: at === 1 ? templateId(step, parts[0]) : undefined,
      after: parts.length - at === 2 ? templateId(step, parts[at + 1]) : undefined,
    }
  }
  return template
}

function templateId(step: Json, part: Json): number {
  const token = step.get('special_tokens').get(part.get('SpecialToken').get('id').string())
  const ids = token.get('ids').list()
  if (ids.length !== 1) throw token.refuse(`stands for ${ids.length} tokens, expected one`)
  return ids[0].id()
}
