import { type Assertion, type Node, PatternError, parsePattern } from './parse'

/** One state of a pattern's automaton. */
export type State =
  | { readonly kind: 'character'; readonly matches: (character: string) => boolean }
  | { readonly kind: 'fork'; readonly targets: number[] }
  | { readonly kind: 'assertion'; readonly holds: Assertion }
  | { readonly kind: 'end' }

/**
 * A pattern as an automaton (Thompson, Regular Expression Search Algorithm, 1968). State 0 is the start; a character or
 * an assertion leads to the state after it, a fork to its targets.
 */
export type Automaton = readonly State[]

/** Bounds the work for each character, and counted repetition, which copies states. */
const MAX_STATES = 2_000
const MAX_TEXT = 10_000

/** The automaton of a text: its characters, one after another. */
export const textAutomaton = (text: string): Automaton => {
  if (text.length > MAX_TEXT) throw new PatternError(`a text of at most ${MAX_TEXT} characters`)
  return [
    ...Array.from(text, c => ({ kind: 'character' as const, matches: (other: string) => other === c })),
    { kind: 'end' },
  ]
}

/**
 * The automaton of a regular expression.
 *
 * @throws PatternError if it has parts that no automaton has (lookaround, backreferences), flags other than d, g, i, m,
 *   s, u, too many states, or matches without any character
 */
export const patternAutomaton = ({ source, flags }: { readonly source: string; readonly flags: string }): Automaton => {
  if (/[^dgimsu]/.test(flags)) throw new PatternError(`flags of d, g, i, m, s and u only, not ${flags}`)
  const states: State[] = []
  let steps = 0
  const emit = (state: State): number => states.push(state) - 1

  const compile = (node: Node): void => {
    if (++steps > 10 * MAX_STATES || states.length > MAX_STATES)
      throw new PatternError(`a pattern of at most ${MAX_STATES} states (repetition copies what it repeats)`)
    if (node.kind === 'character' || node.kind === 'assertion') emit(node)
    else if (node.kind === 'sequence') for (const item of node.items) compile(item)
    else if (node.kind === 'choice') compileChoice(node.items)
    else compileRepeat(node.item, node.least, node.most)
  }

  const compileChoice = (items: readonly Node[]): void => {
    const targets: number[] = []
    emit({ kind: 'fork', targets })
    const exits: number[][] = []
    for (const item of items) {
      targets.push(states.length)
      compile(item)
      const exit: number[] = []
      emit({ kind: 'fork', targets: exit })
      exits.push(exit)
    }
    for (const exit of exits) exit.push(states.length)
  }

  const compileRepeat = (item: Node, least: number, most: number): void => {
    for (let i = 0; i < least; i++) compile(item)
    if (most === Infinity) {
      const targets: number[] = []
      const fork = emit({ kind: 'fork', targets })
      targets.push(states.length)
      compile(item)
      emit({ kind: 'fork', targets: [fork] })
      targets.push(states.length)
      return
    }
    const skips: number[][] = []
    for (let i = least; i < most; i++) {
      const targets = [states.length + 1]
      emit({ kind: 'fork', targets })
      skips.push(targets)
      compile(item)
    }
    for (const targets of skips) targets.push(states.length)
  }

  compile(parsePattern(source, flags))
  emit({ kind: 'end' })
  if (matchesNothing(states)) throw new PatternError('a pattern that matches at least one character')
  return states
}

/** Whether the end can be reached without a character. */
const matchesNothing = (states: Automaton): boolean => {
  const seen = new Set<number>()
  const open = [0]
  while (open.length > 0) {
    const at = open.pop() as number
    if (seen.has(at)) continue
    seen.add(at)
    const state = states[at]
    if (state.kind === 'end') return true
    if (state.kind === 'fork') open.push(...state.targets)
    if (state.kind === 'assertion') open.push(at + 1)
  }
  return false
}
