import { type AddedToken, addedToken } from '../added-tokens'
import { TokenizerFormatError } from '../errors'
import { PieceType, type Vocabulary } from '../vocabulary'
import { Json, parseJson } from './json'

/**
 * The files that Hugging Face's tokenizers keep beside `tokenizer.model` or `tokenizer.json`, each as its bytes or as
 * parsed JSON.
 */
export interface TokenizerFiles {
  /** `tokenizer_config.json`: added tokens with their flags, the names of BOS, EOS and padding, whether to put them. */
  readonly config?: unknown
  /** `special_tokens_map.json`: the names of BOS, EOS, padding and further special tokens. */
  readonly specialTokensMap?: unknown
  /** `added_tokens.json`: ids by the tokens' names. */
  readonly addedTokens?: unknown
}

const open = (file: string, value: unknown): Json | undefined => {
  if (value === undefined) return undefined
  return value instanceof Uint8Array ? parseJson(file, value) : new Json(file, value, '')
}

/**
 * The vocabulary with what the files beside it state: added tokens, the ids of BOS, EOS and padding, and whether a text
 * begins and ends with them. Where two files differ, `tokenizer_config.json` counts.
 *
 * @throws {TokenizerFormatError} naming the file and the value, also for a token with the id of another token
 */
export function extendVocabulary(vocabulary: Vocabulary, files: TokenizerFiles): Vocabulary {
  const config = open('tokenizer_config.json', files.config)
  const map = open('special_tokens_map.json', files.specialTokensMap)
  const list = open('added_tokens.json', files.addedTokens)
  if (config === undefined && map === undefined && list === undefined) return vocabulary

  const pieces = [...vocabulary.pieces]
  const added = new Map((vocabulary.added ?? []).map(token => [token.id, token]))
  const idOf = new Map(pieces.flatMap((piece, id) => (piece === '' ? [] : [[piece, id]])))
  const special = new Set([...specialNames(map), ...specialNames(config)])
  const put = (entry: Json, token: AddedToken) => {
    const { id, content } = token
    const known = idOf.get(content)
    if (known !== undefined && known !== id) throw entry.fail(`${known}, the id of ${JSON.stringify(content)}`)
    while (pieces.length <= id) pieces.push('')
    if (pieces[id] !== '' && pieces[id] !== content)
      throw entry.fail(`an id other than that of ${JSON.stringify(pieces[id].slice(0, 80))}`)
    if (content === '') throw entry.fail('a token with a text')
    pieces[id] = content
    idOf.set(content, id)
    added.set(id, token)
  }
  for (const content of Object.keys(list?.record() ?? {})) {
    const entry = (list as Json).get(content)
    const id = entry.id()
    if (!added.has(id)) put(entry, addedToken(id, content, { special: special.has(content) }))
  }
  const decoder = config?.get('added_tokens_decoder')
  for (const key of Object.keys(decoder?.isNull === false ? decoder.record() : {})) {
    const entry = (decoder as Json).get(key)
    const id = new Json(entry.file, /^\d+$/.test(key) ? Number(key) : key, `${entry.path}, its name`).id()
    const flag = (name: string) => entry.get(name).boolean()
    const content = entry.get('content').string()
    put(entry, {
      id,
      content,
      special: flag('special') || special.has(content),
      lstrip: flag('lstrip'),
      rstrip: flag('rstrip'),
      singleWord: flag('single_word'),
      normalized: flag('normalized'),
    })
  }

  const types = new Uint8Array(pieces.length).fill(PieceType.unused)
  types.set(vocabulary.types)
  const scores = new Float32Array(pieces.length)
  scores.set(vocabulary.scores)
  for (const { id, special: isSpecial } of added.values()) {
    const type = types[id]
    if (type === PieceType.unknown || type === PieceType.byte) continue
    // A piece that ordinary text can become keeps its type.
    if (isSpecial) types[id] = PieceType.control
    else if (type !== PieceType.normal) types[id] = PieceType.userDefined
  }
  const bos = role('bos', [config, map], idOf)
  const eos = role('eos', [config, map], idOf)
  const pad = role('pad', [config, map], idOf, true)
  for (const { id } of [bos, eos, pad]) {
    if (id === undefined || types[id] === PieceType.unknown || types[id] === PieceType.control) continue
    types[id] = PieceType.control
    added.set(id, added.get(id) ?? addedToken(id, pieces[id]))
  }
  const flagOf = (name: string) => (config?.get(name).isNull === false ? config.get(name).boolean() : undefined)
  return {
    ...vocabulary,
    pieces,
    types,
    scores,
    bosId: bos.isStated ? bos.id : vocabulary.bosId,
    eosId: eos.isStated ? eos.id : vocabulary.eosId,
    padId: pad.isStated ? pad.id : vocabulary.padId,
    addBos: flagOf('add_bos_token') ?? vocabulary.addBos,
    addEos: flagOf('add_eos_token') ?? vocabulary.addEos,
    added: [...added.values()].sort((a, b) => a.id - b.id),
  }
}

/** A token's text: a string, or an object with the text as `content`. */
const contentOf = (value: Json): string =>
  typeof value.value === 'string' ? value.value : value.get('content').string()

/** All that a file calls special. */
function specialNames(file: Json | undefined): string[] {
  if (file === undefined) return []
  const roles = ['bos_token', 'eos_token', 'unk_token', 'pad_token', 'sep_token', 'cls_token', 'mask_token']
  const names = roles.map(key => file.get(key)).filter(value => !value.isNull)
  const lists = ['additional_special_tokens', 'extra_special_tokens']
    .map(key => file.get(key))
    .filter(value => Array.isArray(value.value))
    .flatMap(value => value.list())
  return [...names, ...lists].map(contentOf)
}

/** The id from the first file that has the token's name; null means that there is no such token. */
function role(name: string, files: readonly (Json | undefined)[], idOf: ReadonlyMap<string, number>, mayLack = false) {
  const key = `${name}_token`
  const stating = files.find(file => file !== undefined && Object.hasOwn(file.record(), key))?.get(key)
  if (stating === undefined || stating.isNull) return { isStated: stating !== undefined, id: undefined }
  const content = contentOf(stating)
  const id = idOf.get(content)
  // This package never adds padding, so a padding token without an id does not matter.
  if (id === undefined && !mayLack)
    throw new TokenizerFormatError(
      stating.file,
      `${key} is ${JSON.stringify(content.slice(0, 80))}, which the vocabulary does not have`,
    )
  return { isStated: true, id }
}
