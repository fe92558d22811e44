import { op, pickleStateDict, type TorchTensor, torchFile, type ZipFile, zip } from '@cria/torch-file'
import { llamaWeights } from '../../src/checkpoint'
import { testHostile, watchedSource } from './hostile'
import { tinyArrays, tinyConfig } from './tiny'

const params = { dim: 32, n_layers: 2, n_heads: 4, n_kv_heads: 2, vocab_size: 48, multiple_of: 32, norm_eps: 1e-6 }

// multiple_of 32 makes the feed-forward of this width 96.
const config = { ...tinyConfig, hidden_dim: 96 }
const arrays = tinyArrays(config)
const tensors: TorchTensor[] = [...llamaWeights(config)].map(({ path, shape }) => ({
  name: path,
  shape,
  data: arrays.get(path) as Float32Array,
}))

const files =
  (error: RegExp, shards: readonly Uint8Array[], settings: Record<string, unknown> = params) =>
  () => ({
    sources: [
      watchedSource('params.json', new TextEncoder().encode(JSON.stringify(settings))),
      ...shards.map((bytes, index) => watchedSource(`consolidated.0${index}.pth`, bytes)),
    ],
    error,
  })

/** An archive whose pickle is this. */
const pickle = (error: RegExp, ...parts: (Buffer | number)[]) =>
  files(error, [
    torchFile(tensors, Buffer.concat(parts.map(part => (typeof part === 'number' ? Buffer.of(part) : part)))),
  ])

/** The model with its first tensor, the embedding, changed. */
const first = (error: RegExp, change: Partial<TorchTensor>) =>
  files(error, [torchFile(tensors.map((tensor, i) => (i === 0 ? { ...tensor, ...change } : tensor)))])

/** An archive with its own entries beside a sound pickle. */
const archive = (error: RegExp, entries: readonly ZipFile[], patch?: (bytes: Buffer) => Buffer) => {
  const bytes = zip([{ name: 'archive/data.pkl', bytes: pickleStateDict(tensors) }, ...entries])
  return files(error, [patch ? patch(bytes) : bytes])
}

/** The same as zip64, with a change. */
const archive64 = (error: RegExp, change: (bytes: Buffer) => void) => {
  const bytes = zip([{ name: 'archive/data.pkl', bytes: pickleStateDict(tensors) }], true)
  change(bytes)
  return files(error, [bytes])
}

/** Where the extra fields of the only entry begin in the directory: after its name. */
const extraOf = (bytes: Buffer) => bytes.lastIndexOf('archive/data.pkl') + 'archive/data.pkl'.length

/** The model as an archive whose entries, each with its own header, all run over the data of the last. */
const overlapping = (): Buffer => {
  const sizes = tensors.map(({ data }) => data.byteLength)
  const empty = tensors.map((_, index) => ({ name: `archive/data/${index}`, bytes: Buffer.alloc(0) }))
  const data = { name: 'archive/rest', bytes: Buffer.alloc(Math.max(...sizes)) }
  const bytes = zip([{ name: 'archive/data.pkl', bytes: pickleStateDict(tensors) }, ...empty, data])
  let name = bytes.lastIndexOf('archive/data.pkl')
  for (const [index, size] of sizes.entries()) {
    // In the directory the sizes, stored and whole, lie 26 and 22 bytes before the name.
    name = bytes.indexOf(`archive/data/${index}`, name)
    bytes.writeUInt32LE(size, name - 26)
    bytes.writeUInt32LE(size, name - 22)
  }
  return bytes
}

const { proto, stop } = op
const call = (module: string, name: string, argument: string) =>
  Buffer.concat([op.global(module, name), op.tuple(op.string(argument)), op.reduce])

testHostile('pickle', {
  'os.system called': pickle(
    /asks for os.system, which is not allowed/,
    proto(),
    call('os', 'system', 'echo owned'),
    stop,
  ),
  'posix.system called': pickle(/asks for posix.system/, proto(), call('posix', 'system', 'id'), stop),
  'eval called': pickle(/asks for builtins.eval/, proto(), call('builtins', 'eval', '1'), stop),
  'a global that only looks allowed': pickle(
    /asks for torch._utils._rebuild_tensor_v2.x/,
    proto(),
    op.global('torch._utils', '_rebuild_tensor_v2.x'),
    stop,
  ),
  'a storage type that is not read': pickle(
    /asks for torch.ComplexFloatStorage/,
    proto(),
    op.global('torch', 'ComplexFloatStorage'),
    stop,
  ),
  'a global from the prototype': pickle(/asks for constructor.name/, proto(), op.global('constructor', 'name'), stop),
  'a global by STACK_GLOBAL': pickle(/opcode 0x93/, proto(), op.string('os'), op.string('system'), 0x93, stop),
  'an instance by INST': pickle(/opcode 0x69/, proto(), op.mark, Buffer.from('ios\nsystem\n'), stop),
  'an instance by OBJ': pickle(/opcode 0x6f/, proto(), op.mark, op.global('collections', 'OrderedDict'), 0x6f, stop),
  'a call by NEWOBJ': pickle(/opcode 0x81/, proto(), op.global('collections', 'OrderedDict'), op.tuple(), 0x81, stop),
  'an opcode of one digit': pickle(/opcode 0x01, which/, proto(), 1, stop),
  'an extension code': pickle(/opcode 0x82/, proto(), 0x82, 1, stop),
  'a call of a dict': pickle(/calls a global that is not allowed/, proto(), op.emptyDict, op.tuple(), op.reduce, stop),
  'a call of a storage type': pickle(
    /calls torch.FloatStorage/,
    proto(),
    op.global('torch', 'FloatStorage'),
    op.tuple(),
    op.reduce,
    stop,
  ),
  'an OrderedDict made from arguments': pickle(
    /makes an OrderedDict from arguments/,
    proto(),
    call('collections', 'OrderedDict', 'x'),
    stop,
  ),
  'a tensor rebuilt from text': pickle(
    /rebuilds a tensor from wrong arguments/,
    proto(),
    call('torch._utils', '_rebuild_tensor_v2', 'x'),
    stop,
  ),
  'a state with other attributes than version numbers': pickle(
    /sets the state of an object that is not a state dict/,
    proto(),
    op.emptyDict,
    op.emptyDict,
    op.mark,
    op.string('_metadata'),
    op.none,
    op.string('_hooks'),
    op.none,
    op.setItems,
    0x62,
    stop,
  ),
  'a state set on a tensor type': pickle(
    /sets the state/,
    proto(),
    op.global('torch', 'FloatStorage'),
    op.emptyDict,
    0x62,
    stop,
  ),
  'a persistent id as text': pickle(/opcode 0x50/, proto(), Buffer.from('Pstorage\n'), stop),
  'a persistent id that is not a tuple': pickle(
    /persistent id that is not a storage/,
    proto(),
    op.string('storage'),
    op.persistent,
    stop,
  ),
  'a persistent id of another tag': pickle(
    /persistent id that is not a storage/,
    proto(),
    op.tuple(op.string('module'), op.none, op.none, op.none, op.none),
    op.persistent,
    stop,
  ),
  'a persistent id without a storage type': pickle(
    /has a storage of collections.OrderedDict/,
    proto(),
    op.tuple(
      op.string('storage'),
      op.global('collections', 'OrderedDict'),
      op.string('0'),
      op.string('cpu'),
      op.int(1),
    ),
    op.persistent,
    stop,
  ),
  'a memo that was never stored': pickle(/recalls value 7, which it never stored/, proto(), 0x68, 7, stop),
  'a memo bomb of a hundred thousand entries': pickle(
    /remembers more than/,
    proto(),
    op.none,
    Buffer.concat(
      Array.from({ length: 100_001 }, (_, i) => {
        const put = Buffer.alloc(5, 0x72)
        put.writeUInt32LE(i, 1)
        return put
      }),
    ),
    stop,
  ),
  'a tuple bomb of doubled tuples': pickle(
    /holds no state dict/,
    proto(),
    op.tuple(),
    Buffer.concat(Array.from({ length: 1000 }, () => Buffer.from('q\x00h\x00\x86', 'latin1'))),
    stop,
  ),
  'a memo bomb of one long shape, used 20,000 times': pickle(
    /rebuilds a tensor from wrong arguments/,
    proto(),
    op.global('torch._utils', '_rebuild_tensor_v2'),
    Buffer.of(0x71, 1),
    op.mark,
    op.tuple(op.string('storage'), op.global('torch', 'FloatStorage'), op.string('0'), op.string('cpu'), op.int(1)),
    op.persistent,
    op.int(0),
    op.tuple(...Array.from({ length: 90_000 }, () => Buffer.of(0x4b, 1))),
    Buffer.from('q\x00h\x00tq\x02', 'latin1'),
    Buffer.concat(Array.from({ length: 20_000 }, () => Buffer.from('(h\x01h\x02Rt', 'latin1'))),
    stop,
  ),
  'a name of two megabytes': pickle(
    /has a text of 2000000 bytes, expected at most 1000/,
    proto(),
    op.string('x'.repeat(2_000_000)),
    stop,
  ),
  'a global of two megabytes': pickle(
    /has a text of 2000000 bytes/,
    proto(),
    op.global('x'.repeat(2_000_000), 'system'),
    stop,
  ),
  'a stack of a million values': pickle(/more than 100000 values/, proto(), Buffer.alloc(1_000_000, 0x4e), stop),
  'a million marks': pickle(/more than 100000 values/, proto(), Buffer.alloc(1_000_000, 0x28), stop),
  'a string of four gigabytes': pickle(
    /ends in the middle of an opcode/,
    proto(),
    0x58,
    Buffer.from([0xff, 0xff, 0xff, 0xff]),
    stop,
  ),
  'a string that is not UTF-8': pickle(/not UTF-8/, proto(), 0x58, Buffer.from([1, 0, 0, 0, 0xff]), stop),
  'a whole number of 255 bytes': pickle(/whole number of 255 bytes/, proto(), 0x8a, 255, Buffer.alloc(255, 1), stop),
  'protocol 4 with frames': pickle(/protocol 4, expected 2/, proto(4), 0x95, Buffer.alloc(8), stop),
  'a frame under protocol 2': pickle(/opcode 0x95/, proto(), 0x95, Buffer.alloc(8), stop),
  'no end': pickle(/ends in the middle/, proto(), op.emptyDict),
  'an empty pickle': pickle(/ends in the middle/, Buffer.alloc(0)),
  'an empty stack at the end': pickle(/empty stack/, proto(), stop),
  'items set without a mark': pickle(/never begun/, proto(), op.emptyDict, op.setItems, stop),
  'an odd number of items': pickle(/sets items/, proto(), op.emptyDict, op.mark, op.none, op.setItems, stop),
  'items set on a tuple': pickle(/sets items/, proto(), op.tuple(), op.mark, op.setItems, stop),
  'a key that is a number': pickle(
    /not a string/,
    proto(),
    op.emptyDict,
    op.mark,
    op.int(1),
    op.none,
    op.setItems,
    stop,
  ),
  'a key given twice': pickle(
    /key "a" twice/,
    proto(),
    op.emptyDict,
    op.mark,
    op.string('a'),
    op.none,
    op.string('a'),
    op.none,
    op.setItems,
    stop,
  ),
  'a dict within itself': pickle(
    /"self", which is not a tensor/,
    proto(),
    op.emptyDict,
    Buffer.of(0x71, 0),
    op.string('self'),
    Buffer.of(0x68, 0),
    Buffer.from('s'),
    stop,
  ),
  'a list at the top': pickle(/opcode 0x5d/, proto(), Buffer.from(']'), stop),
  'a value that is not a tensor': pickle(
    /"epoch", which is not a tensor/,
    proto(),
    op.emptyDict,
    op.mark,
    op.string('epoch'),
    op.int(3),
    op.setItems,
    stop,
  ),
  'a storage that is not in the archive': first(/storage: "99" is not in the archive/, { key: '99' }),
  'a storage that leaves the archive': first(/storage: "..\/..\/x" is not in the archive/, { key: '../../x' }),
  'a storage of another size': first(/storage: has 6144 bytes, expected 400/, { elements: 100 }),
  'a tensor larger than its storage': first(/shape: \[4800,32\] from element 0 is more/, { shape: [4800, 32] }),
  'a tensor whose product overflows 2^53': first(/is more than its storage/, { shape: [2 ** 31 - 1, 2 ** 31 - 1] }),
  'a tensor past its storage': first(/from element 1 is more/, { offset: 1 }),
  'a negative size': first(/wrong arguments/, { shape: [-48, -32] }),
  'a transposed tensor': first(/stride: is \[1,48\], not row-major/, { stride: [1, 48] }),
  'a stride of 0': first(/stride: is \[0,0\]/, { stride: [0, 0] }),
  'strides of another rank': first(/stride: has 1 axes/, { stride: [1] }),
  'tensors that share a storage': first(/storage: overlaps another tensor/, { key: '1', shape: [32], elements: 32 }),
  'entries that overlap': files(/storage: overlaps another tensor/, [overlapping()]),
  'an archive without its end': files(/zip end record: is missing/, [torchFile(tensors).subarray(0, -10)]),
  'an empty archive': files(/end record/, [Buffer.alloc(0)]),
  'an archive without a pickle': files(/data.pkl: is not in the archive/, [
    zip([{ name: 'x', bytes: Buffer.alloc(1) }]),
  ]),
  'a compressed entry': archive(/archive\/data\/0: is compressed/, [
    { name: 'archive/data/0', bytes: Buffer.alloc(9), method: 8 },
  ]),
  'an encrypted entry': archive(/archive\/data\/0: is encrypted/, [
    { name: 'archive/data/0', bytes: Buffer.alloc(9), flags: 1 },
  ]),
  'an entry given twice': archive(/archive\/data.pkl: is in the directory twice/, [
    { name: 'archive/data.pkl', bytes: Buffer.alloc(9) },
  ]),
  'an entry with another local name': archive(/another name in its local header/, [
    { name: 'archive/data/0', bytes: Buffer.alloc(9), localName: 'archive/data/1' },
  ]),
  'a directory past the end': archive(/zip directory: would be/, [], bytes => {
    bytes.writeUInt32LE(0x7fffffff, bytes.length - 6)
    return bytes
  }),
  'a directory of two gigabytes': archive(/zip directory: has/, [], bytes => {
    bytes.writeUInt32LE(0x7fffffff, bytes.length - 10)
    return bytes
  }),
  'more entries than fit': archive(/zip entry count: is 65534/, [], bytes => {
    bytes.writeUInt16LE(65534, bytes.length - 12)
    return bytes
  }),
  'a zip64 locator that points elsewhere': archive64(/zip64 record: is missing/, bytes => {
    bytes.writeBigUInt64LE(0n, bytes.length - 34)
  }),
  'a zip64 locator beyond 2^53': archive64(/zip64 record: is beyond 2\^53/, bytes => {
    bytes.writeBigUInt64LE(2n ** 60n, bytes.length - 34)
  }),
  'a zip64 locator beyond the file': archive64(/zip64 record: would be at bytes/, bytes => {
    bytes.writeBigUInt64LE(BigInt(bytes.length), bytes.length - 34)
  }),
  'a zip64 count beyond 2^53': archive64(/zip entry count: is beyond 2\^53/, bytes => {
    bytes.writeBigUInt64LE(2n ** 60n, bytes.length - 66)
  }),
  'a zip64 directory of 2^60 bytes': archive64(/zip directory size: is beyond 2\^53/, bytes => {
    bytes.writeBigUInt64LE(2n ** 60n, bytes.length - 58)
  }),
  'a zip64 directory at 2^60': archive64(/zip directory offset: is beyond 2\^53/, bytes => {
    bytes.writeBigUInt64LE(2n ** 60n, bytes.length - 50)
  }),
  'a zip64 entry without its sizes': archive64(/zip archive\/data.pkl: lacks its zip64 field/, bytes => {
    bytes.writeUInt16LE(2, extraOf(bytes))
  }),
  'a zip64 entry with a field of two numbers for three': archive64(
    /zip archive\/data.pkl: has a zip64 field that is cut short/,
    bytes => void bytes.writeUInt16LE(16, extraOf(bytes) + 2),
  ),
  'a zip64 field past the fields of its entry': archive64(
    /zip archive\/data.pkl: has a zip64 field that is cut short/,
    bytes => {
      // Its length says four numbers, but the fields of the entry end after three: 28 bytes.
      bytes.writeUInt16LE(20, extraOf(bytes) - 'archive/data.pkl'.length - 16)
      bytes.writeUInt16LE(32, extraOf(bytes) + 2)
      // The other 8 bytes are a comment now.
      bytes.writeUInt16LE(8, extraOf(bytes) - 'archive/data.pkl'.length - 14)
    },
  ),
  'a zip64 archive without its record': archive(/zip64 locator/, [], bytes => {
    bytes.writeUInt16LE(0xffff, bytes.length - 12)
    return bytes
  }),
  'a missing tensor': files(/"output.weight": is missing|"norm.weight": is missing/, [
    torchFile(tensors.filter(({ name }) => name !== 'norm.weight')),
  ]),
  'a bias': files(/"layers.0.attention.wq.bias": is a bias/, [
    torchFile([...tensors, { name: 'layers.0.attention.wq.bias', shape: [1], data: new Float32Array(1) }]),
  ]),
  'shards that do not agree': files(/is missing in this shard/, [torchFile(tensors), torchFile(tensors.slice(1))]),
  'a shard that is whole': files(/has shape/, [torchFile(tensors), torchFile(tensors)]),
  'a million layers in the params': files(/n_layers: is 1000000/, [torchFile(tensors)], { ...params, n_layers: 1e6 }),
  'a parameter that is unknown': files(/qk_norm: is true/, [torchFile(tensors)], {
    ...params,
    qk_norm: true,
  }),
  'a multiple_of of 0': files(/hidden_dim|multiple_of/, [torchFile(tensors)], { ...params, multiple_of: 0 }),
})
