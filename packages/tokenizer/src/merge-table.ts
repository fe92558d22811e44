/** The merge of two neighbouring symbols, and its rank. */
export class MergeTable {
  /** Four numbers a slot: left symbol + 1, right symbol, merged symbol, rank (0 goes first). */
  readonly slots: Int32Array
  private readonly mask: number

  /**
   * @param merges left, right and merged symbol of each merge, flat
   * @param rankOf the rank of the merge that starts at an index of `merges`
   */
  constructor(merges: ArrayLike<number>, rankOf: (at: number) => number) {
    this.mask = 2 ** Math.ceil(Math.log2((merges.length / 3) * 2 + 1)) - 1
    this.slots = new Int32Array(4 * (this.mask + 1))
    for (let at = 0; at < merges.length; at += 3) {
      let slot = slotOf(merges[at], merges[at + 1], this.mask)
      while (this.slots[slot << 2] !== 0) slot = (slot + 1) & this.mask
      this.slots.set([merges[at] + 1, merges[at + 1], merges[at + 2], rankOf(at)], slot << 2)
    }
  }

  /** Where in `slots` the pair's merge starts, or -1. */
  find(left: number, right: number): number {
    const { slots, mask } = this
    for (let slot = slotOf(left, right, mask); ; slot = (slot + 1) & mask) {
      const at = slot << 2
      if (slots[at] === left + 1 && slots[at + 1] === right) return at
      if (slots[at] === 0) return -1
    }
  }
}

const slotOf = (left: number, right: number, mask: number) => {
  const hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)
  return (hash ^ (hash >>> 15)) & mask
}
