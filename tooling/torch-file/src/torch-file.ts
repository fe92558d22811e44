/** Writes what `torch.save` writes, byte by byte: a stored zip with a pickled state dict, for tests of the reader. */

const ascii = (text: string) => Buffer.from(text, 'latin1')
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
const u16 = (value: number) => u32(value).subarray(0, 2)
const u64 = (value: number) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

/** Opcodes of pickle protocol 2, as byte strings to be put together. */
export const op = {
  proto: (version = 2) => Buffer.of(0x80, version),
  global: (module: string, name: string) => ascii(`c${module}\n${name}\n`),
  string: (text: string) => Buffer.concat([ascii('X'), u32(Buffer.byteLength(text)), Buffer.from(text)]),
  int: (value: number) => Buffer.concat([ascii('J'), u32(value >>> 0)]),
  tuple: (...items: Buffer[]) => Buffer.concat([ascii('('), ...items, ascii('t')]),
  emptyDict: ascii('}'),
  none: ascii('N'),
  false: Buffer.of(0x89),
  mark: ascii('('),
  setItems: ascii('u'),
  reduce: ascii('R'),
  persistent: ascii('Q'),
  stop: ascii('.'),
}

export interface TorchTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: Float32Array
  readonly stride?: readonly number[]
  /** What the pickle says of the storage, where it lies. */
  readonly elements?: number
  readonly offset?: number
  readonly key?: string
}

const rowMajor = (shape: readonly number[]) => shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1))

const pickleTensor = ({ shape, data, stride, elements, offset, key }: TorchTensor, index: number): Buffer =>
  Buffer.concat([
    op.global('torch._utils', '_rebuild_tensor_v2'),
    op.tuple(
      op.tuple(
        op.string('storage'),
        op.global('torch', 'FloatStorage'),
        op.string(key ?? String(index)),
        op.string('cpu'),
        op.int(elements ?? data.length),
      ),
      op.persistent,
      op.int(offset ?? 0),
      op.tuple(...shape.map(op.int)),
      op.tuple(...(stride ?? rowMajor(shape)).map(op.int)),
      op.false,
      op.global('collections', 'OrderedDict'),
      op.tuple(),
      op.reduce,
    ),
    op.reduce,
  ])

export const pickleStateDict = (tensors: readonly TorchTensor[]): Buffer =>
  Buffer.concat([
    op.proto(),
    op.emptyDict,
    op.mark,
    ...tensors.flatMap((tensor, index) => [op.string(tensor.name), pickleTensor(tensor, index)]),
    op.setItems,
    op.stop,
  ])

export interface ZipFile {
  readonly name: string
  readonly bytes: Uint8Array
  readonly method?: number
  readonly flags?: number
  readonly localName?: string
}

/** What stands for a number that has moved into a zip64 field. */
const moved = 0xffffffff

/** A zip of stored files; as zip64, all sizes and offsets are in the 64-bit fields that files over 4 GB need. */
export const zip = (files: readonly ZipFile[], zip64 = false): Buffer => {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let at = 0
  for (const { name, bytes, method = 0, flags = 0, localName = name } of files) {
    const head = Buffer.concat([u16(flags), u16(method), u32(0), u32(0)])
    const sizes = Buffer.concat([u32(bytes.length), u32(bytes.length)])
    const local = Buffer.concat([
      ...[u32(0x04034b50), u16(10), head, sizes, u16(localName.length), u16(0), ascii(localName), Buffer.from(bytes)],
    ])
    parts.push(local)
    const extra = zip64 ? Buffer.concat([u16(1), u16(24), u64(bytes.length), u64(bytes.length), u64(at)]) : ascii('')
    directory.push(
      Buffer.concat([u32(0x02014b50), u16(45), u16(45), head, zip64 ? Buffer.alloc(8, 0xff) : sizes]),
      Buffer.concat([u16(name.length), u16(extra.length), u16(0), u16(0), u16(0), u32(0)]),
      Buffer.concat([u32(zip64 ? moved : at), ascii(name), extra]),
    )
    at += local.length
  }
  const central = Buffer.concat(directory)
  const count = files.length
  const end64 = Buffer.concat([
    ...[
      u32(0x06064b50),
      u64(44),
      u16(45),
      u16(45),
      u32(0),
      u32(0),
      u64(count),
      u64(count),
      u64(central.length),
      u64(at),
    ],
    // The locator: where that record begins.
    ...[u32(0x07064b50), u32(0), u64(at + central.length), u32(1)],
  ])
  const end = Buffer.concat([u32(0x06054b50), u16(0), u16(0), u16(count), u16(count)])
  if (!zip64) return Buffer.concat([...parts, central, end, u32(central.length), u32(at), u16(0)])
  return Buffer.concat([...parts, central, end64, end, u32(moved), u32(moved), u16(0)])
}

/** A file as `torch.save` writes it; `pickle` replaces the one of the tensors. Beyond 4 GB torch writes zip64. */
export const torchFile = (
  tensors: readonly TorchTensor[],
  pickle = pickleStateDict(tensors),
  { zip64 = false }: { readonly zip64?: boolean } = {},
): Buffer => {
  const storages = tensors.map(({ data }, index) => ({
    name: `archive/data/${index}`,
    bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  }))
  const version = { name: 'archive/version', bytes: ascii('3\n') }
  return zip([{ name: 'archive/data.pkl', bytes: pickle }, ...storages, version], zip64)
}
