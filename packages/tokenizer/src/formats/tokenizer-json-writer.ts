import { splitPatterns } from '../splits'
import type { NormalizerStep } from '../text-rules'
import type { Tokenizer } from '../tokenizer'
import { PieceType, type Vocabulary } from '../vocabulary'
import { cannotSay, requireLlamaText } from './requirements'
import { mergeTexts } from './score-merges'

/**
 * Writes Hugging Face's `tokenizer.json`, which its tokenizers read with the same ids.
 *
 * @throws {UnsupportedTokenizerError} for what such a file cannot say: a SentencePiece normaliser that does more than
 * put a space first, unused pieces, pieces whose characters are not pieces, merges of equal scores, a special text for
 * `unk`, and words that only a pattern of GGUF cuts
 */
export function writeTokenizerJson({ vocabulary }: Tokenizer): Uint8Array {
  const { pieces, types, unkId, byteFallback, fuseUnk, rules } = vocabulary
  const refuse = (what: string) => cannotSay('tokenizer.json', what)
  if (rules === undefined) requireLlamaText('tokenizer.json', vocabulary)
  const unused = types.findIndex((type, id) => type === PieceType.unused && pieces[id] !== '')
  if (unused >= 0) throw refuse(`piece ${unused} is unused`)
  const json = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(vocabulary),
    normalizer: normalizer(vocabulary),
    pre_tokenizer: preTokenizer(vocabulary, refuse),
    post_processor: template(vocabulary),
    decoder: decoder(vocabulary),
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: unkId === undefined ? null : pieces[unkId],
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: fuseUnk ?? true,
      byte_fallback: byteFallback,
      ignore_merges: rules?.ignoreMerges ?? false,
      vocab: vocab(vocabulary),
      merges: mergeTexts(vocabulary, refuse),
    },
  }
  return new TextEncoder().encode(JSON.stringify(json, null, 2))
}

function addedTokens({ pieces, types, added = [] }: Vocabulary) {
  const stated = new Map(added.map(token => [token.id, token]))
  return pieces.flatMap((content, id) => {
    const token = stated.get(id)
    const special = types[id] === PieceType.control || types[id] === PieceType.unknown
    if (token === undefined && !special && types[id] !== PieceType.userDefined) return []
    return [
      {
        id,
        content,
        single_word: token?.singleWord ?? false,
        lstrip: token?.lstrip ?? false,
        rstrip: token?.rstrip ?? false,
        normalized: token?.normalized ?? false,
        special,
      },
    ]
  })
}

/** All pieces except those that are only added tokens. */
const vocab = ({ pieces, types, rules }: Vocabulary) =>
  Object.fromEntries(
    pieces.flatMap((piece, id) => {
      const isAddedAlone = types[id] === PieceType.userDefined || (rules?.byteLevel && types[id] === PieceType.control)
      return piece === '' || isAddedAlone ? [] : [[piece, id]]
    }),
  )

const replaceSpaces = { type: 'Replace', pattern: { String: ' ' }, content: '▁' }

function normalizer({ rules, normalizer }: Vocabulary) {
  const prepend: NormalizerStep[] = normalizer.addDummyPrefix ? [{ type: 'prepend', text: '▁' }] : []
  const steps = (rules?.normalizers ?? prepend).map(step => {
    if (step.type === 'prepend') return { type: 'Prepend', prepend: step.text }
    if (step.type === 'replace') return { type: 'Replace', pattern: { String: step.from }, content: step.to }
    return { type: step.form }
  })
  const normalizers = rules === undefined || rules.escapesSpaces ? [...steps, replaceSpaces] : steps
  return normalizers.length === 0 ? null : { type: 'Sequence', normalizers }
}

function preTokenizer({ rules }: Vocabulary, refuse: (what: string) => Error) {
  if (rules?.metaspace) {
    const { prepend, split } = rules.metaspace
    return { type: 'Metaspace', replacement: '▁', prepend_scheme: prepend, split }
  }
  if (!rules?.byteLevel) return null
  // ByteLevel has the pattern of GPT-2 itself.
  const useRegex = rules.splits.at(-1) === 'gpt2'
  const steps = (useRegex ? rules.splits.slice(0, -1) : rules.splits).map(split => {
    if (split === 'digits') return { type: 'Digits', individual_digits: true }
    const pattern = [...splitPatterns].find(([, name]) => name === split)?.[0]
    if (pattern === undefined) throw refuse(`text is cut into ${split}`)
    return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }
  })
  const last = { type: 'ByteLevel', add_prefix_space: rules.prefixSpace, trim_offsets: true, use_regex: useRegex }
  return steps.length === 0 ? last : { type: 'Sequence', pretokenizers: [...steps, last] }
}

/** BOS before a text and EOS after it, as in the vocabulary. */
function template({ pieces, bosId, eosId, addBos, addEos, rules }: Vocabulary) {
  const token = (id: number, type_id: number) => ({ SpecialToken: { id: pieces[id], type_id } })
  const before = bosId !== undefined && (addBos ?? !rules?.byteLevel) ? [bosId] : []
  const after = eosId !== undefined && addEos ? [eosId] : []
  if (before.length + after.length === 0 && rules?.byteLevel) return null
  const around = (name: string, type_id: number) => [
    ...before.map(id => token(id, type_id)),
    { Sequence: { id: name, type_id } },
    ...after.map(id => token(id, type_id)),
  ]
  const used = new Set([...before, ...after])
  return {
    type: 'TemplateProcessing',
    single: around('A', 0),
    pair: [...around('A', 0), ...around('B', 1)],
    special_tokens: Object.fromEntries(
      [...used].map(id => [pieces[id], { id: pieces[id], ids: [id], tokens: [pieces[id]] }]),
    ),
  }
}

function decoder({ rules, normalizer }: Vocabulary) {
  if (rules?.byteLevel) return { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true }
  const strips = rules?.stripsSpace ?? normalizer.addDummyPrefix
  return {
    type: 'Sequence',
    decoders: [
      { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
      { type: 'ByteFallback' },
      { type: 'Fuse' },
      ...(strips ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
    ],
  }
}
