/**
 * The pairs of symbols that stand next to each other in the corpus: for each its count and the places where it was
 * seen, in the order of the text, in typed arrays that grow. A pair is a number, a place is an index into the text.
 */
export class Pairs {
  size = 0
  left = new Int32Array(1 << 12)
  right = new Int32Array(1 << 12)
  count = new Float64Array(1 << 12)
  /** The count when it was last looked at. */
  seenCount = new Float64Array(1 << 12)
  /** First and last place of each pair, and for each place the next one of the same pair: indices into `places`. */
  first = new Int32Array(1 << 12)
  private last = new Int32Array(1 << 12)
  place = new Int32Array(1 << 14)
  following = new Int32Array(1 << 14)
  private placeCount = 0
  private slots = new Int32Array(1 << 14)

  /** The pair's number, or -1 while there is none. */
  find(left: number, right: number): number {
    const mask = this.slots.length - 1
    for (let slot = hash(left, right) & mask; ; slot = (slot + 1) & mask) {
      const pair = this.slots[slot] - 1
      if (pair < 0 || (this.left[pair] === left && this.right[pair] === right)) return pair
    }
  }

  /** Adds a new pair. */
  add(left: number, right: number): number {
    if (this.size === this.left.length) this.grow()
    const pair = this.size++
    this.left[pair] = left
    this.right[pair] = right
    this.first[pair] = -1
    this.enter(pair)
    return pair
  }

  /** Adds a place after the other places of the pair. */
  addPlace(pair: number, place: number): void {
    if (this.placeCount === this.place.length) {
      this.place = larger(this.place)
      this.following = larger(this.following)
    }
    const entry = this.placeCount++
    this.place[entry] = place
    this.following[entry] = -1
    if (this.first[pair] < 0) this.first[pair] = entry
    else this.following[this.last[pair]] = entry
    this.last[pair] = entry
  }

  private enter(pair: number) {
    const mask = this.slots.length - 1
    let slot = hash(this.left[pair], this.right[pair]) & mask
    while (this.slots[slot] !== 0) slot = (slot + 1) & mask
    this.slots[slot] = pair + 1
  }

  private grow() {
    this.left = larger(this.left)
    this.right = larger(this.right)
    this.count = larger(this.count)
    this.seenCount = larger(this.seenCount)
    this.first = larger(this.first)
    this.last = larger(this.last)
    this.slots = new Int32Array(2 * this.slots.length)
    for (let pair = 0; pair < this.size; pair++) this.enter(pair)
  }
}

function larger<List extends Int32Array | Float64Array>(list: List): List {
  const copy = new (list.constructor as new (length: number) => List)(2 * list.length)
  copy.set(list)
  return copy
}

const hash = (left: number, right: number) => {
  const mixed = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)
  return mixed ^ (mixed >>> 15)
}
