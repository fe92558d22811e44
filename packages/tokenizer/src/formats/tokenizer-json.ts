import { TokenizerFormatError, UnsupportedTokenizerError } from '../errors'
import { Tokenizer } from '../tokenizer'
import {
  byteOf,
  cannotSay,
  checkVocabulary,
  defaultUnkSurface,
  isMergeable,
  llamaNormalizer,
  PieceType,
  requireLlamaText,
  type Vocabulary,
} from '../vocabulary'

/** Reads values out of JSON that may hold anything; `path` says where, for errors. */
class Json {
  constructor(
    readonly file: string,
    readonly value: unknown,
    readonly path: string,
  ) {}

  get(key: string): Json {
    const value = Object.hasOwn(this.record(), key) ? this.record()[key] : undefined
    return new Json(this.file, value, this.path === '' ? key : `${this.path}.${key}`)
  }

  get isNull(): boolean {
    return this.value === null || this.value === undefined
  }

  record(): Readonly<Record<string, unknown>> {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value)) throw this.fail('an object')
    return this.value as Record<string, unknown>
  }

  list(): Json[] {
    if (!Array.isArray(this.value)) throw this.fail('a list')
    return this.value.map((value, i) => new Json(this.file, value, `${this.path}[${i}]`))
  }

  string(): string {
    if (typeof this.value !== 'string') throw this.fail('a string')
    return this.value
  }

  boolean(absent = false): boolean {
    if (this.isNull) return absent
    if (typeof this.value !== 'boolean') throw this.fail('true or false')
    return this.value
  }

  /** An id of as many pieces as there are. */
  id(pieceCount: number): number {
    const id = this.value
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= pieceCount)
      throw this.fail(`an id below ${pieceCount}, the number of pieces`)
    return id
  }

  fail(expected: string): TokenizerFormatError {
    return new TokenizerFormatError(this.file, `${this.path || 'the file'} is ${this.shown}, expected ${expected}`)
  }

  /** The value as errors show it; never what is inside, which may be nested deeper than the stack. */
  get shown(): string {
    const { value } = this
    if (Array.isArray(value)) return 'a list'
    if (typeof value === 'object' && value !== null) return 'an object'
    if (typeof value === 'string') return JSON.stringify(value.slice(0, 80))
    return value === undefined ? 'missing' : String(value)
  }

  refuse(problem: string): UnsupportedTokenizerError {
    return new UnsupportedTokenizerError(this.file, `${this.path} ${problem}`)
  }
}

/**
 * Reads Hugging Face's `tokenizer.json` of a LLaMA: BPE with SentencePiece's merges, that is, every way to make a piece
 * of two others, in the order of the pieces. `truncation`, `padding`, `post_processor` and `decoder` say what to do
 * with lists of ids and are not read; BOS and EOS are the tokens `<s>` and `</s>`.
 *
 * @param bytes the file
 * @param options.name names it in errors
 * @throws {TokenizerFormatError} for what is no such file, or contradicts itself
 * @throws {UnsupportedTokenizerError} for models, normalisers and merges that SentencePiece's BPE has not
 */
export function readTokenizerJson(bytes: Uint8Array, { name = 'tokenizer.json' }: { name?: string } = {}): Tokenizer {
  const root = new Json(name, parse(name, bytes), '')
  const model = root.get('model')
  const type = model.get('type')
  if (type.value !== 'BPE') throw type.refuse(`is ${type.shown}, expected "BPE"`)
  for (const option of ['dropout', 'continuing_subword_prefix', 'end_of_word_suffix']) {
    const { value } = model.get(option)
    if (value !== undefined && value !== null && value !== '' && value !== 0)
      throw model.refuse(`has ${option}, which SentencePiece's BPE has not`)
  }
  if (model.get('ignore_merges').boolean()) throw model.refuse('ignores merges, which SentencePiece never does')
  const byteFallback = model.get('byte_fallback').boolean()
  if (!byteFallback && !model.get('fuse_unk').boolean())
    throw model.refuse('neither falls back to bytes nor fuses unknown tokens, of which SentencePiece does one')

  const vocab = model.get('vocab')
  const added = root.get('added_tokens').isNull ? [] : readAddedTokens(root.get('added_tokens'))
  const ids = new Map(Object.keys(vocab.record()).map(piece => [piece, vocab.get(piece)]))
  for (const { content, id } of added) {
    const known = ids.get(content)
    if (known !== undefined && known.value !== id.value)
      throw id.fail(`${known.shown}, the id of ${JSON.stringify(content.slice(0, 80))}`)
    ids.set(content, id)
  }
  // As many ids as pieces, none too large and none twice: every id gets its piece.
  const pieces: string[] = Array(ids.size).fill('')
  for (const [piece, entry] of ids) {
    const id = entry.id(ids.size)
    if (pieces[id] !== '') throw entry.fail(`an id other than that of ${JSON.stringify(pieces[id].slice(0, 80))}`)
    pieces[id] = piece
  }

  const types = Uint8Array.from(pieces, piece =>
    byteFallback && byteOf(piece) >= 0 ? PieceType.byte : PieceType.normal,
  )
  for (const { id, special } of added) types[id.id(pieces.length)] = special ? PieceType.control : PieceType.userDefined
  const unkId = pieces.indexOf(model.get('unk_token').string())
  if (unkId >= 0) types[unkId] = PieceType.unknown
  const padId = pieces.indexOf('<pad>')
  const vocabulary: Vocabulary = {
    pieces,
    scores: new Float32Array(pieces.length),
    types,
    unkId,
    bosId: pieces.indexOf('<s>'),
    eosId: pieces.indexOf('</s>'),
    padId: types[padId] === PieceType.control ? padId : undefined,
    byteFallback,
    unkSurface: defaultUnkSurface,
    normalizer: { ...llamaNormalizer, addDummyPrefix: readNormalizer(root) },
  }
  checkVocabulary(name, vocabulary)
  readMerges(model.get('merges'), vocabulary)
  return new Tokenizer(vocabulary, { name })
}

/**
 * Writes Hugging Face's `tokenizer.json`, which its tokenizers read with the same ids.
 *
 * @throws {UnsupportedTokenizerError} for what such a file cannot say: a normaliser that does more than put a space
 * first, unused pieces, characters of pieces that are no pieces, merges of equal scores, a text of one's own for `unk`
 */
export function writeTokenizerJson({ vocabulary }: Tokenizer): Uint8Array {
  const { pieces, types, unkId, bosId, byteFallback, normalizer } = vocabulary
  const refuse = (what: string) => cannotSay('tokenizer.json', what)
  requireLlamaText('tokenizer.json', vocabulary)
  if (types.includes(PieceType.unused)) throw refuse(`piece ${types.indexOf(PieceType.unused)} is unused`)
  const replace = { type: 'Replace', pattern: { String: ' ' }, content: '▁' }
  const prepend = normalizer.addDummyPrefix ? [{ type: 'Prepend', prepend: '▁' }] : []
  const strip = normalizer.addDummyPrefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []
  const bos = { SpecialToken: { id: pieces[bosId], type_id: 0 } }
  const json = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: pieces.flatMap((content, id) => {
      const special = types[id] === PieceType.control || types[id] === PieceType.unknown
      if (!special && types[id] !== PieceType.userDefined) return []
      return [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special }]
    }),
    normalizer: { type: 'Sequence', normalizers: [...prepend, replace] },
    pre_tokenizer: null,
    post_processor: {
      type: 'TemplateProcessing',
      single: [bos, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [bos, { Sequence: { id: 'A', type_id: 0 } }, bos, { Sequence: { id: 'B', type_id: 1 } }],
      special_tokens: { [pieces[bosId]]: { id: pieces[bosId], ids: [bosId], tokens: [pieces[bosId]] } },
    },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...strip,
      ],
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: pieces[unkId],
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: byteFallback,
      ignore_merges: false,
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
      merges: writeMerges(vocabulary, refuse),
    },
  }
  return new TextEncoder().encode(JSON.stringify(json, null, 2))
}

function parse(file: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw new TokenizerFormatError(file, `is not JSON in UTF-8: ${(error as Error).message}`, { cause: error })
  }
}

function readAddedTokens(list: Json) {
  return list.list().map(entry => {
    const content = entry.get('content').string()
    for (const option of ['single_word', 'lstrip', 'rstrip'])
      if (entry.get(option).boolean())
        throw entry.refuse(`${JSON.stringify(content)} has ${option}, which is not supported`)
    return { content, special: entry.get('special').boolean(), id: entry.get('id') }
  })
}

/** Whether text gets a dummy prefix; spaces always become `▁`. */
function readNormalizer(root: Json): boolean {
  const normalizer = root.get('normalizer')
  const preTokenizer = root.get('pre_tokenizer')
  if (!preTokenizer.isNull)
    throw preTokenizer.refuse('is set: SentencePiece merges across the text, not within parts of it')
  if (normalizer.isNull) throw normalizer.refuse('is null, expected the replacement of spaces by ▁')
  const isSequence = normalizer.get('type').value === 'Sequence'
  const steps = isSequence ? normalizer.get('normalizers').list() : [normalizer]
  const told = steps.map(step => {
    const type = step.get('type').value
    if (type === 'Prepend' && step.get('prepend').value === '▁') return 'prepend'
    if (type === 'Replace' && step.get('pattern').get('String').value === ' ' && step.get('content').value === '▁')
      return 'replace'
    throw step.get('type').refuse(`is ${step.get('type').shown}: LLaMA's normaliser prepends ▁ and makes spaces ▁`)
  })
  if (told.join() !== 'replace' && told.join() !== 'prepend,replace')
    throw normalizer.refuse('is another than a prepended ▁ and the replacement of spaces by ▁')
  return told.length === 2
}

/**
 * Gives every piece its score by where its merges stand. The file has no scores: those it had before it was written come
 * back in order, not in value.
 */
function readMerges(list: Json, vocabulary: Vocabulary) {
  const { pieces, types, scores } = vocabulary
  const idOf = mergeableIds(vocabulary)
  const named = new Set<string>()
  const merges = list.list().map(entry => {
    const text = typeof entry.value === 'string' ? entry.value : texts(entry).join(' ')
    const [left, right, more] = text.split(' ')
    const id = idOf.get(`${left}${right}`)
    if (id === undefined || more !== undefined || !idOf.has(left) || !idOf.has(right) || named.has(text))
      throw entry.fail('two pieces that make a third, not named before')
    named.add(text)
    return { left, right, id }
  })
  for (const { left, right } of splits(vocabulary))
    if (!named.has(`${left} ${right}`))
      throw list.refuse(
        `lack ${JSON.stringify(`${left} ${right}`)}: SentencePiece merges whatever makes a piece, this tokenizer does not`,
      )
  const last = new Map(merges.map(({ id }, i) => [id, i]))
  let order = 0
  for (let start = 0, end: number; start < merges.length; start = end) {
    // Merges that make one piece stand together, and so do those of pieces of equal score: the merge that starts such
    // a run is the last of them.
    end = start + 1
    for (let i = start; i < end; i++) end = Math.max(end, (last.get(merges[i].id) as number) + 1)
    const made = new Set(merges.slice(start, end).map(({ id }) => id))
    const after = merges[end]
    if (made.size > 1 && after !== undefined && after.left === after.right) {
      made.add(after.id)
      end++
    }
    if (made.size > 1 && !(isRun(made, pieces) && growsFirst(merges.slice(start, end))))
      throw list.refuse(
        `make ${JSON.stringify(merges[start].left + merges[start].right)} apart from its other merges, unlike SentencePiece`,
      )
    for (const id of made) scores[id] = -order
    order++
  }
  for (let id = 0; id < pieces.length; id++) if (types[id] === PieceType.normal && !last.has(id)) scores[id] = -order++
}

const texts = (list: Json) => list.list().map(part => part.string())

function writeMerges(vocabulary: Vocabulary, refuse: (problem: string) => Error): string[] {
  const { pieces, scores } = vocabulary
  const idOf = mergeableIds(vocabulary)
  for (const [piece] of idOf)
    for (const char of piece)
      if (!idOf.has(char)) throw refuse(`${JSON.stringify(char)} of ${JSON.stringify(piece)} is no piece`)
  const merges = [...splits(vocabulary)].sort((a, b) => scores[b.id] - scores[a.id] || byLength(a, b))
  const ofScore = new Map<number, Set<number>>()
  for (const { id } of merges) ofScore.set(scores[id], (ofScore.get(scores[id]) ?? new Set()).add(id))
  for (const [score, ids] of ofScore)
    if (ids.size > 1 && !isRun(ids, pieces))
      throw refuse(
        `${[...ids]
          .slice(0, 4)
          .map(id => JSON.stringify(pieces[id]))
          .join(', ')} share the score ${score}`,
      )
  return merges.map(({ left, right }) => `${left} ${right}`)
}

interface Merge {
  readonly left: string
  readonly right: string
  readonly id: number
}

/**
 * Among equals SentencePiece merges the leftmost pair, Hugging Face's tokenizers the one that the list has first. The
 * two agree where the pieces are all the runs of one character up to some length (LLaMA's runs of spaces) and the list
 * has growing by one character before starting anew: either way the leftmost run grows to its limit before the next one
 * starts.
 */
const isRun = (ids: ReadonlySet<number>, pieces: readonly string[]) => {
  const [char] = pieces[ids.values().next().value as number]
  const run = new Set(Array.from({ length: ids.size }, (_, i) => char.repeat(i + 2)))
  return [...ids].every(id => run.has(pieces[id]))
}

/** Whether the merge of two single characters comes after all those of a longer run with one more. */
const growsFirst = (merges: readonly Merge[]) => {
  const anew = merges.findIndex(({ left, right }) => left === right && left === [...left][0])
  return merges.slice(anew).every(({ left, right }) => left.length <= right.length || right !== [...right][0])
}

const byLength = (a: Merge, b: Merge) => b.left.length - a.left.length || b.right.length - a.right.length

const mergeableIds = ({ pieces, types }: Vocabulary): ReadonlyMap<string, number> =>
  new Map(pieces.flatMap((piece, id) => (isMergeable(types[id]) ? [[piece, id]] : [])))

/** Every way to make a piece of two pieces. */
function* splits(vocabulary: Vocabulary): Iterable<Merge> {
  const idOf = mergeableIds(vocabulary)
  for (const [piece, id] of idOf) {
    if (piece.includes(' ')) continue
    for (let cut = 1; cut < piece.length; cut++) {
      const left = piece.slice(0, cut)
      const right = piece.slice(cut)
      if (idOf.has(left) && idOf.has(right)) yield { left, right, id }
    }
  }
}
