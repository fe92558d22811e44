import { decode } from '@cria/dtypes'
import type { Call, Op, Operand } from '../../../op'
import { attentionOp } from '../../../ops/attention'
import type { AttentionAttributes } from '../../../ops/attention-shape'
import { sizeOf } from '../../../shape'
import { bytesOf } from '../../../spec'
import { BINDING_ALIGNMENT, GPU_COPY_DST, GPU_COPY_SRC, GPU_STORAGE, type GpuStorage } from '../buffers'
import { partsOf } from '../pack-weight'
import type { DispatchQueue } from '../queue'
import type { ShaderImplementation, Slot } from '../shaders/shader'
import type { PlannedContest } from './contest'
import { fillStep } from './fill'
import { rowsOf } from './name'
import type { Bench } from './tune'

/** How far a value may be from the default's, relative to the largest: sums of another order, and the rounding of f16. */
const TOLERANCE = 2e-3
/**
 * The same where x is rounded to int8. The x of a contest are spread evenly over -1 to 1, with a variance of 1/3. Rounding moves each
 * by up to 1/254, evenly too, so that a sum of such moves has 1/254 of the standard deviation of the value itself. It stays within
 * six of its own, and the largest value is beyond one.
 */
const INT8_TOLERANCE = TOLERANCE + 6 / 254
/** Bytes at either end of an output that are compared. */
const COMPARED = 2 ** 19
/** Inputs of fewer bytes stay in every cache of a model too. */
const SMALL = 2 ** 16
const MOST_COPIES = 64

interface Gpu {
  readonly device: GPUDevice
  readonly queue: DispatchQueue
  /** Bytes that runs in a row go through, more than the last cache holds: a model reads each weight once a token. */
  readonly workingSet: number
}

/** Buffers of a contest, and what runs on them. */
interface Stage {
  readonly buffers: readonly GPUBuffer[]
  /** The storages of each copy of the inputs, by those of the plan. */
  readonly copies: readonly ReadonlyMap<Slot, GpuStorage>[]
  readonly outputs: readonly GpuStorage[]
  readonly scratch: Map<number, GpuStorage>
  readonly broken: ReadonlySet<string>
  /** What the default implementation gave. */
  expected: readonly Sample[] | undefined
}

interface Sample {
  readonly bytes: ArrayBuffer
  readonly halves: boolean
}

/** Runs contests on the GPU, on random numbers in their own buffers. */
export class GpuBench implements Bench<PlannedContest> {
  readonly #stages = new Map<PlannedContest, Stage>()
  #nextId = 0

  constructor(private readonly gpu: Gpu) {}

  async prepare(contest: PlannedContest): Promise<boolean> {
    const { device, queue } = this.gpu
    const buffers: GPUBuffer[] = []
    device.pushErrorScope('out-of-memory')
    const make = (bytes: number): GpuStorage => {
      const size = Math.ceil(bytes / BINDING_ALIGNMENT) * BINDING_ALIGNMENT
      const buffer = device.createBuffer({ size, usage: GPU_STORAGE | GPU_COPY_SRC | GPU_COPY_DST })
      buffers.push(buffer)
      return { buffer, offset: 0, id: `tuning ${this.#nextId++}`, bytes: size }
    }
    const filled: (() => void)[] = []
    const copies = this.#inputs(contest, make, fill => filled.push(fill))
    const { op, outputs } = contest.call
    const made = outputs.map((output, i) =>
      op.inPlace && op.inPlace[i] >= 0
        ? (copies[0].get(contest.call.inputs[op.inPlace[i]].storage as GpuStorage) as GpuStorage)
        : make(bytesOf(output)),
    )
    const scratch = new Map<number, GpuStorage>()
    for (const { plan } of contest.candidates)
      for (const { writes } of plan(contest.call))
        for (const slot of writes)
          if ('scratch' in slot && !scratch.has(slot.scratch)) scratch.set(slot.scratch, make(slot.scratch))
    const refused = (await device.popErrorScope()) !== null
    const broken = refused ? new Set<string>() : await this.#compile(contest)
    this.#stages.set(contest, { buffers, copies, outputs: made, scratch, broken, expected: undefined })
    if (refused) return false
    for (const fill of filled) fill()
    queue.submit()
    return true
  }

  release(contest: PlannedContest): void {
    const stage = this.#stages.get(contest)
    for (const buffer of stage?.buffers ?? []) buffer.destroy()
    this.#stages.delete(contest)
    this.gpu.queue.forgetGroups()
  }

  async agrees(contest: PlannedContest, implementation: string): Promise<boolean> {
    const stage = this.#stageOf(contest)
    const [standard] = contest.implementations
    if (stage.broken.has(implementation)) return false
    stage.expected ??= await this.#sample(contest, standard)
    const found = await this.#sample(contest, implementation)
    const { precision } = this.#candidate(contest, implementation)
    const tolerance = precision === 'int8' ? INT8_TOLERANCE : TOLERANCE
    return stage.expected.every((expected, i) => isNear(expected, found[i], tolerance))
  }

  async time(contest: PlannedContest, implementation: string, runs: number): Promise<number> {
    const { queue } = this.gpu
    const { copies, outputs } = this.#stageOf(contest)
    for (let run = 0; run < runs; run++) this.#run(contest, implementation, run % copies.length)
    const start = performance.now()
    await queue.read(outputs[0], 4)
    return performance.now() - start
  }

  #candidate({ candidates, implementations }: PlannedContest, implementation: string): ShaderImplementation {
    return candidates[implementations.indexOf(implementation)]
  }

  #stageOf(contest: PlannedContest): Stage {
    return this.#stages.get(contest) as Stage
  }

  /** Large inputs have copies, which runs take in turn; small ones are shared. */
  #inputs(
    { call }: PlannedContest,
    make: (bytes: number) => GpuStorage,
    later: (fill: () => void) => void,
  ): ReadonlyMap<Slot, GpuStorage>[] {
    const parts = call.inputs.flatMap((operand, input) =>
      windowsOf(operand).map(({ storage, elements }) => ({ operand, input, storage, elements })),
    )
    const large = parts.filter(({ operand, storage }) => operand.dtype !== 'i32' && storage.bytes >= SMALL)
    const bytes = large.reduce((sum, { storage }) => sum + storage.bytes, 0)
    // Prompts reuse what they read, so that the cache matters little.
    const count = rowsOf(call) <= 8 && bytes > 0 ? Math.min(MOST_COPIES, Math.ceil(this.gpu.workingSet / bytes)) : 1
    const shared = new Map<Slot, GpuStorage>()
    return Array.from({ length: count }, () => {
      const copy = new Map<Slot, GpuStorage>()
      for (const part of parts) {
        const { operand, storage, elements } = part
        const known = large.includes(part) ? undefined : shared.get(storage)
        const made = known ?? make(storage.bytes)
        copy.set(storage, made)
        shared.set(storage, made)
        if (known) continue
        if (operand.dtype === 'i32') later(() => this.#writeIntegers(made, integersOf(call, part.input)))
        else later(() => this.#fill(made, operand, elements))
      }
      return copy
    })
  }

  #writeIntegers({ buffer }: GpuStorage, values: readonly number[]): void {
    this.gpu.queue.write(buffer, new Uint8Array(Float32Array.from(values).buffer))
  }

  #fill(storage: GpuStorage, { dtype }: Operand, elements: number): void {
    let from = 0
    for (const [kind, bytes] of partsOf(dtype, elements)) {
      this.gpu.queue.run(fillStep(storage, kind, from / 4, Math.ceil(bytes / 4)), slot => slot as GpuStorage)
      from += bytes
    }
  }

  /** @returns candidates whose shaders the driver refuses */
  async #compile({ candidates, call }: PlannedContest): Promise<ReadonlySet<string>> {
    const { device, queue } = this.gpu
    const broken = new Set<string>()
    const compiling: Promise<void>[] = []
    for (const { name, plan } of candidates) {
      device.pushErrorScope('validation')
      for (const step of plan(call))
        compiling.push(queue.compile(queue.programOf(step)).catch(() => void broken.add(name)))
      compiling.push(device.popErrorScope().then(error => void (error && broken.add(name))))
    }
    await Promise.all(compiling)
    return broken
  }

  #run(contest: PlannedContest, implementation: string, copy: number): void {
    const { copies, outputs, scratch } = this.#stageOf(contest)
    for (const step of this.#candidate(contest, implementation).plan(contest.call))
      this.gpu.queue.run(step, slot => {
        if ('output' in slot) return outputs[slot.output]
        if ('scratch' in slot) return scratch.get(slot.scratch) as GpuStorage
        return copies[copy].get(slot) as GpuStorage
      })
  }

  /** Both ends of each output of one run. What a variant leaves unwritten is zero. */
  async #sample(contest: PlannedContest, implementation: string): Promise<readonly Sample[]> {
    const { queue } = this.gpu
    const { outputs } = this.#stageOf(contest)
    for (const output of outputs) queue.clear(output)
    this.#run(contest, implementation, 0)
    const samples: Sample[] = []
    for (const [i, output] of outputs.entries()) {
      const spec = contest.call.outputs[i]
      const bytes = Math.min(output.bytes, Math.ceil(bytesOf(spec) / 4) * 4)
      const halves = spec.dtype === 'f16'
      const first = Math.min(bytes, COMPARED)
      samples.push({ bytes: await queue.read(output, first), halves })
      const rest = Math.min(bytes - first, COMPARED)
      if (rest > 0) samples.push({ bytes: await queue.read({ ...output, offset: bytes - rest }, rest), halves })
    }
    return samples
  }
}

/** The buffers of an operand, each with the elements that it holds. */
const windowsOf = ({ storage, shape }: Operand) => {
  const { windows } = storage as GpuStorage
  if (!windows) return [{ storage: storage as GpuStorage, elements: sizeOf(shape) }]
  return windows.map(({ storage, rows }) => ({ storage, elements: rows * shape[1] }))
}

/** Ids and positions that count up; of attention, the rows that each query sees. */
const integersOf = ({ op, inputs, attributes }: Call, input: number): number[] => {
  const count = sizeOf(inputs[input].shape)
  if (op !== (attentionOp as Op)) return Array.from({ length: count }, (_, i) => i)
  const { span } = attributes as AttentionAttributes
  return Array.from({ length: count }, (_, i) => (input === 3 ? 0 : span - count + i))
}

const floatsOf = ({ bytes, halves }: Sample): Float32Array => {
  if (!halves) return new Float32Array(bytes)
  const values = new Float32Array(bytes.byteLength / 2)
  decode('f16', new Uint8Array(bytes), values)
  return values
}

const isNear = (expected: Sample, found: Sample, tolerance: number): boolean => {
  const [a, b] = [floatsOf(expected), floatsOf(found)]
  let largest = 0
  let worst = 0
  for (let i = 0; i < a.length; i++) {
    if (Number.isNaN(b[i])) return false
    largest = Math.max(largest, Math.abs(a[i]))
    worst = Math.max(worst, Math.abs(a[i] - b[i]))
  }
  return largest > 0 && worst <= tolerance * largest
}
