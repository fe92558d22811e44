import { SimdMemoryError } from './errors'

/** A block of memory, in units. Blocks are linked to their neighbours by address; free blocks also to those on the list of their class. */
interface Block {
  start: number
  size: number
  free: boolean
  below: Block | undefined
  above: Block | undefined
  previous: Block | undefined
  next: Block | undefined
}

/** Pointers are multiples of a cache line, and so are sizes. */
const UNIT = 64
/** Each power of two has 2^3 classes, so a block is at most an eighth larger than what was asked for. */
const SPLIT_BITS = 3
const CLASSES = (27 - SPLIT_BITS) << SPLIT_BITS
const GROWTH = 2 ** 22

/** The class whose blocks all have at least the size of its index, the largest such index not above `size`. */
const classOf = (size: number): number => {
  const power = 31 - Math.clz32(size)
  return power < SPLIT_BITS ? size : ((power - SPLIT_BITS) << SPLIT_BITS) + (size >> (power - SPLIT_BITS))
}

/**
 * Allocates blocks of one growing memory in constant time: two-level segregated fit (Masmano et al. 2004).
 * Its data structures are outside of that memory, where no kernel can overwrite them.
 */
export class Allocator {
  readonly #lists: (Block | undefined)[] = new Array(CLASSES)
  /** One bit for each class that has a free block. */
  readonly #occupied = new Int32Array(CLASSES >> 5)
  readonly #blocks = new Map<number, Block>()
  readonly #start: number
  #end: number
  #last: Block | undefined
  #used = 0

  /**
   * @param start first free byte of the memory, which is `size` bytes now
   * @param limit size to which `grow(bytes)` may enlarge it
   * @param grow enlarges the memory to `bytes`, or returns that the system refuses
   */
  constructor(
    start: number,
    size: number,
    private readonly limit: number,
    private readonly grow: (bytes: number) => boolean,
  ) {
    this.#start = Math.ceil(start / UNIT)
    this.#end = this.#start
    this.#append(Math.floor(size / UNIT) - this.#start)
  }

  get usedBytes(): number {
    return this.#used * UNIT
  }

  /** A pointer to `bytes` uninitialised bytes. @throws SimdMemoryError @throws RangeError if `bytes` is not a size */
  alloc(bytes: number): number {
    if (!(Number.isSafeInteger(bytes) && bytes >= 0)) throw new RangeError(`${bytes} is not a number of bytes`)
    // Sizes beyond the limit may be too large for the classes of free blocks.
    if (bytes > this.limit) throw new SimdMemoryError(bytes, this.#end * UNIT + bytes, this.limit)
    const size = Math.max(1, Math.ceil(bytes / UNIT))
    const block = this.#take(size) ?? this.#takeFromGrown(size, bytes)
    this.#split(block, size)
    block.free = false
    this.#used += block.size
    const pointer = block.start * UNIT
    this.#blocks.set(pointer, block)
    return pointer
  }

  /** Frees memory of {@link alloc}. @throws RangeError for any other pointer */
  free(pointer: number): void {
    const block = this.#blocks.get(pointer)
    if (!block) throw new RangeError(`nothing is allocated at ${pointer}`)
    this.#blocks.delete(pointer)
    this.#used -= block.size
    this.#release(block)
  }

  /** Takes a free block of at least `size` off its list: the first one of the smallest class in which every block is large enough. */
  #take(size: number): Block | undefined {
    const own = classOf(size)
    const exact = this.#lists[own]
    if (exact && exact.size >= size) return this.#unlist(exact)
    for (let word = (own + 1) >> 5, mask = -1 << ((own + 1) & 31); word < this.#occupied.length; word++, mask = -1) {
      const bits = this.#occupied[word] & mask
      if (bits !== 0) return this.#unlist(this.#lists[(word << 5) + 31 - Math.clz32(bits & -bits)] as Block)
    }
    return undefined
  }

  #takeFromGrown(size: number, bytes: number): Block {
    const missing = this.#last?.free ? size - this.#last.size : size
    const needed = (this.#end + missing) * UNIT
    const roomy = Math.min(this.limit, needed + GROWTH + Math.floor(needed / 8))
    const grown = needed <= this.limit ? [roomy, needed].find(this.grow) : undefined
    if (grown === undefined) throw new SimdMemoryError(bytes, needed, this.limit)
    this.#append(Math.floor(grown / UNIT) - this.#end)
    return this.#unlist(this.#last as Block)
  }

  /** Adds `size` units at the end. */
  #append(size: number): void {
    const block: Block = {
      start: this.#end,
      size,
      free: false,
      below: this.#last,
      above: undefined,
      previous: undefined,
      next: undefined,
    }
    if (this.#last) this.#last.above = block
    this.#last = block
    this.#end += size
    this.#release(block)
  }

  /** Shortens the block to `size` units and frees the rest. */
  #split(block: Block, size: number): void {
    if (block.size === size) return
    const rest: Block = {
      start: block.start + size,
      size: block.size - size,
      free: false,
      below: block,
      above: block.above,
      previous: undefined,
      next: undefined,
    }
    if (rest.above) rest.above.below = rest
    else this.#last = rest
    block.above = rest
    block.size = size
    this.#list(rest)
  }

  /** Joins a block with its free neighbours and lists the result. */
  #release(block: Block): void {
    let { below: joined } = block
    if (joined?.free) {
      this.#unlist(joined)
      this.#absorb(joined, block)
    } else joined = block
    if (joined.above?.free) this.#absorb(joined, this.#unlist(joined.above))
    this.#list(joined)
  }

  #absorb(block: Block, above: Block): void {
    block.size += above.size
    block.above = above.above
    if (above.above) above.above.below = block
    else this.#last = block
  }

  #list(block: Block): void {
    const index = classOf(block.size)
    block.free = true
    block.next = this.#lists[index]
    if (block.next) block.next.previous = block
    this.#lists[index] = block
    this.#occupied[index >> 5] |= 1 << (index & 31)
  }

  #unlist(block: Block): Block {
    const index = classOf(block.size)
    if (block.previous) block.previous.next = block.next
    else this.#lists[index] = block.next
    if (block.next) block.next.previous = block.previous
    if (!this.#lists[index]) this.#occupied[index >> 5] &= ~(1 << (index & 31))
    block.free = false
    block.previous = undefined
    block.next = undefined
    return block
  }
}
