import type { DType } from '@cria/dtypes'
import { MalformedFileError } from '../errors'
import { viewOf } from '../sources/source'

/** A run of elements in another file of the archive (`data/KEY`). */
export interface PickledStorage {
  readonly kind: 'storage'
  readonly key: string
  readonly dtype: DType
  readonly elements: number
}

export interface PickledTensor {
  readonly kind: 'tensor'
  readonly storage: PickledStorage
  /** In elements. */
  readonly offset: number
  readonly shape: readonly number[]
  readonly stride: readonly number[]
}

interface Tuple {
  readonly kind: 'tuple'
  readonly items: readonly Value[]
}

interface Dict {
  readonly kind: 'dict'
  readonly items: Map<string, Value>
}

interface Global {
  readonly kind: 'global'
  readonly name: string
}

type Value = null | boolean | number | string | Tuple | Dict | Global | PickledStorage | PickledTensor

/** What separates the items of a dict or tuple that is being built. */
const mark = Symbol('mark')

const storageTypes: Readonly<Record<string, DType>> = {
  'torch.FloatStorage': 'f32',
  'torch.HalfStorage': 'f16',
  'torch.BFloat16Storage': 'bf16',
  'torch.DoubleStorage': 'f64',
}

const orderedDict = 'collections.OrderedDict'
const rebuildTensor = 'torch._utils._rebuild_tensor_v2'

/** Limits far above any real state dict. They bound the memory and time of a hostile one. */
const maxStack = 100_000
const maxMemo = 100_000
const maxTextBytes = 1000
/** A pickle can use one shape many times, so a long shape would make each use slow. */
const maxAxes = 8

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/**
 * Reads the pickle of a state dict without evaluating anything: a few opcodes of protocol 2 (Python's pickletools), and
 * three globals, which are read as plain data: `collections.OrderedDict`, `torch._utils._rebuild_tensor_v2` and torch's
 * storage types. Anything else is refused with an error that names it.
 */
class Unpickler {
  private at = 0
  private readonly view: DataView
  private readonly stack: (Value | typeof mark)[] = []
  private readonly memo = new Map<number, Value>()

  constructor(
    private readonly bytes: Uint8Array,
    private readonly file: string,
  ) {
    this.view = viewOf(bytes)
  }

  private refuse(problem: string): never {
    throw new MalformedFileError({ file: this.file, field: `pickle byte ${this.at}` }, problem)
  }

  private take(length: number): number {
    const start = this.at
    if (start + length > this.bytes.length) this.refuse('ends in the middle of an opcode; the file is cut short')
    this.at = start + length
    return start
  }

  private text(start: number, length: number): string {
    if (length > maxTextBytes) this.refuse(`has a text of ${length} bytes, expected at most ${maxTextBytes}`)
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(this.bytes.subarray(start, start + length))
    } catch {
      this.refuse('has a string that is not UTF-8')
    }
  }

  private line(): string {
    const end = this.bytes.indexOf(0x0a, this.at)
    if (end < 0) this.refuse('has a line without an end')
    const line = this.text(this.at, end - this.at)
    this.at = end + 1
    return line
  }

  private push(value: Value | typeof mark): void {
    if (this.stack.length >= maxStack) this.refuse(`puts more than ${maxStack} values on its stack`)
    this.stack.push(value)
  }

  private pop(): Value {
    const value = this.stack.pop()
    if (value === undefined || value === mark) this.refuse('takes a value from an empty stack')
    return value
  }

  private popToMark(): Value[] {
    const from = this.stack.lastIndexOf(mark)
    if (from < 0) this.refuse('closes a list that was never begun')
    const items = this.stack.splice(from + 1) as Value[]
    this.stack.pop()
    return items
  }

  private remember(index: number): void {
    if (this.memo.size >= maxMemo) this.refuse(`remembers more than ${maxMemo} values`)
    const value = this.pop()
    this.memo.set(index, value)
    this.push(value)
  }

  private recall(index: number): void {
    const value = this.memo.get(index)
    if (value === undefined) this.refuse(`recalls value ${index}, which it never stored`)
    this.push(value)
  }

  private tuple(items: readonly Value[]): void {
    this.push({ kind: 'tuple', items })
  }

  private setItems(pairs: readonly Value[]): void {
    const dict = this.pop()
    if (!isKind(dict, 'dict') || pairs.length % 2 !== 0) this.refuse('sets items of a value that is not a dict')
    for (let i = 0; i < pairs.length; i += 2) {
      const key = pairs[i]
      if (typeof key !== 'string') this.refuse('has a dict key that is not a string')
      if (dict.items.has(key)) this.refuse(`has the key ${JSON.stringify(key)} twice`)
      dict.items.set(key, pairs[i + 1])
    }
    this.push(dict)
  }

  private global(): void {
    const name = `${this.line()}.${this.line()}`
    if (name !== orderedDict && name !== rebuildTensor && !Object.hasOwn(storageTypes, name)) {
      this.refuse(
        `asks for ${name}, which is not allowed: a state dict needs OrderedDict, _rebuild_tensor_v2 and storages`,
      )
    }
    this.push({ kind: 'global', name })
  }

  /** `('storage', torch.HalfStorage, '17', 'cpu', 4096)`: the file `data/17` of the archive. */
  private persistent(): void {
    const id = this.pop()
    if (!isKind(id, 'tuple') || id.items.length !== 5) this.refuse('has a persistent id that is not a storage')
    const [tag, type, key, , elements] = id.items
    if (tag !== 'storage' || !isKind(type, 'global') || typeof key !== 'string' || !isCount(elements)) {
      this.refuse('has a persistent id that is not a storage')
    }
    const dtype = storageTypes[type.name]
    if (dtype === undefined) this.refuse(`has a storage of ${type.name}`)
    this.push({ kind: 'storage', key, dtype, elements })
  }

  private reduce(): void {
    const args = this.pop()
    const callable = this.pop()
    if (!isKind(callable, 'global') || !isKind(args, 'tuple')) this.refuse('calls a global that is not allowed')
    if (callable.name === orderedDict) {
      if (args.items.length !== 0) this.refuse('makes an OrderedDict from arguments')
      this.push({ kind: 'dict', items: new Map() })
      return
    }
    if (callable.name !== rebuildTensor) this.refuse(`calls ${callable.name}`)
    const [storage, offset, shape, stride] = args.items
    if (!isKind(storage, 'storage') || !isCount(offset) || !isCounts(shape) || !isCounts(stride)) {
      this.refuse('rebuilds a tensor from wrong arguments')
    }
    this.push({ kind: 'tensor', storage, offset, shape: counts(shape), stride: counts(stride) })
  }

  /** A module's state dict has an attribute with version numbers. Tensors do not depend on it, so it is dropped. */
  private build(): void {
    const state = this.pop()
    const object = this.pop()
    if (!isKind(state, 'dict') || !isKind(object, 'dict') || [...state.items.keys()].some(key => key !== '_metadata')) {
      this.refuse('sets the state of an object that is not a state dict')
    }
    this.push(object)
  }

  private long(): number {
    const length = this.bytes[this.take(1)]
    if (length > 8) this.refuse(`has a whole number of ${length} bytes`)
    const start = this.take(length)
    let value = 0n
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes[start + i])
    const number = Number(BigInt.asIntN(8 * length, value))
    return Number.isSafeInteger(number) ? number : this.refuse('has a whole number beyond 2^53')
  }

  /** Opcodes by byte. All others are refused. */
  private readonly opcodes: Readonly<Record<number, () => void>> = {
    128: () => {
      const protocol = this.bytes[this.take(1)]
      if (protocol !== 2) this.refuse(`is of protocol ${protocol}, expected 2, which torch writes`)
    },
    40: () => this.push(mark),
    125: () => this.push({ kind: 'dict', items: new Map() }),
    41: () => this.tuple([]),
    116: () => this.tuple(this.popToMark()),
    133: () => this.tuple([this.pop()]),
    134: () => this.tuple([this.pop(), this.pop()].reverse()),
    135: () => this.tuple([this.pop(), this.pop(), this.pop()].reverse()),
    78: () => this.push(null),
    136: () => this.push(true),
    137: () => this.push(false),
    74: () => this.push(this.view.getInt32(this.take(4), true)),
    75: () => this.push(this.bytes[this.take(1)]),
    77: () => this.push(this.view.getUint16(this.take(2), true)),
    138: () => this.push(this.long()),
    88: () => {
      const length = this.view.getUint32(this.take(4), true)
      this.push(this.text(this.take(length), length))
    },
    113: () => this.remember(this.bytes[this.take(1)]),
    114: () => this.remember(this.view.getUint32(this.take(4), true)),
    104: () => this.recall(this.bytes[this.take(1)]),
    106: () => this.recall(this.view.getUint32(this.take(4), true)),
    99: () => this.global(),
    81: () => this.persistent(),
    82: () => this.reduce(),
    98: () => this.build(),
    115: () => this.setItems([this.pop(), this.pop()].reverse()),
    117: () => this.setItems(this.popToMark()),
  }

  run(): Map<string, PickledTensor> {
    for (;;) {
      const opcode = this.bytes[this.take(1)]
      // STOP: the one value left is the state dict.
      if (opcode === 0x2e) break
      const step = this.opcodes[opcode]
      if (!step) this.refuse(`has opcode 0x${opcode.toString(16).padStart(2, '0')}, which a state dict does not need`)
      step()
    }
    const state = this.pop()
    if (!isKind(state, 'dict')) this.refuse('holds no state dict')
    const tensors = new Map<string, PickledTensor>()
    for (const [name, value] of state.items) {
      if (!isKind(value, 'tensor')) this.refuse(`has ${JSON.stringify(name)}, which is not a tensor`)
      else tensors.set(name, value)
    }
    return tensors
  }
}

const isKind = <K extends 'tuple' | 'dict' | 'global' | 'storage' | 'tensor'>(
  value: Value | undefined,
  kind: K,
): value is Extract<Value, { kind: K }> => typeof value === 'object' && value !== null && value.kind === kind

const isCounts = (value: Value | undefined): value is Tuple =>
  isKind(value, 'tuple') && value.items.length <= maxAxes && value.items.every(isCount)

const counts = ({ items }: Tuple) => items as readonly number[]

/** The tensors of a pickled state dict by name. Throws a `MalformedFileError` for everything else. */
export const readStateDict = (bytes: Uint8Array, file: string): Map<string, PickledTensor> =>
  new Unpickler(bytes, file).run()
