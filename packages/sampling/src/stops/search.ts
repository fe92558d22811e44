import type { Automaton } from './pattern'

/** A set of states, each with where in the text its match began: the earliest start of each, in order of start. */
class Threads {
  readonly states: number[] = []
  readonly starts: number[] = []
  readonly #has: Uint8Array

  constructor(size: number) {
    this.#has = new Uint8Array(size)
  }

  add(state: number, start: number): boolean {
    if (this.#has[state]) return false
    this.#has[state] = 1
    this.states.push(state)
    this.starts.push(start)
    return true
  }

  clear(): void {
    for (const state of this.states) this.#has[state] = 0
    this.states.length = 0
    this.starts.length = 0
  }
}

/**
 * Searches for one pattern in a text that comes character by character. It keeps every state of the automaton that a match may
 * be in. An assertion also looks at the next character, so it waits for that.
 */
export class Search {
  #threads: Threads
  #spare: Threads
  #before: string | undefined
  #hasAssertions = false

  constructor(private readonly automaton: Automaton) {
    this.#threads = new Threads(automaton.length)
    this.#spare = new Threads(automaton.length)
    this.#follow(this.#threads, 0, 0)
  }

  /**
   * Looks at the next character (undefined: the text has ended) without taking it.
   *
   * @returns where a match begins that ends before this character
   */
  look(after: string | undefined): number | undefined {
    if (!this.#hasAssertions) return undefined
    return this.#step((next, at, start) => {
      const state = this.automaton[at]
      if (state.kind !== 'assertion') next.add(at, start)
      else if (state.holds(this.#before, after)) return this.#follow(next, at + 1, start, { after })
      return false
    })
  }

  /**
   * Takes the next character, after `look` has been told about it.
   *
   * @param position where the character ends
   * @returns where a match begins that ends with this character
   */
  take(character: string, position: number): number | undefined {
    this.#before = character
    const found = this.#step((next, at, start) => {
      const state = this.automaton[at]
      return state.kind === 'character' && state.matches(character) && this.#follow(next, at + 1, start)
    })
    this.#follow(this.#threads, 0, position)
    return found
  }

  /** The earliest start of a match that is not complete yet. */
  earliestStart(position: number): number {
    return this.#threads.starts[0] ?? position
  }

  /** Whether a match that began before `start` waits for the next character. */
  mayMatchBefore(start: number): boolean {
    const { states, starts } = this.#threads
    return states.some((state, i) => starts[i] < start && this.automaton[state].kind === 'assertion')
  }

  /** Begins at `position`, after a text in which no match may begin. */
  beginAt(position: number, before: string | undefined): void {
    this.#before = before
    this.#threads.clear()
    this.#follow(this.#threads, 0, position)
  }

  /** Makes the next threads of all threads. `each` says whether it found the end; the first that does began earliest. */
  #step(each: (next: Threads, state: number, start: number) => boolean): number | undefined {
    const threads = this.#threads
    const next = this.#spare
    next.clear()
    this.#threads = next
    this.#spare = threads
    this.#hasAssertions = false
    for (const [i, state] of threads.states.entries())
      if (each(next, state, threads.starts[i])) return threads.starts[i]
    return undefined
  }

  /** Adds a state and all that follow it without a character; with a `known` next character, assertions do not wait. */
  #follow(threads: Threads, first: number, start: number, known?: { readonly after: string | undefined }): boolean {
    const open = [first]
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (!threads.add(at, start)) continue
      const state = this.automaton[at]
      if (state.kind === 'end') return true
      if (state.kind === 'fork') open.push(...state.targets)
      else if (state.kind === 'assertion') {
        if (known === undefined) this.#hasAssertions = true
        else if (state.holds(this.#before, known.after)) open.push(at + 1)
      }
    }
    return false
  }
}
